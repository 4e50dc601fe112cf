/* gamutmlp in a page, a worker or Node: types and texts are in gamutmlp.d.mts.

      import load from './gamutmlp.mjs';
      const gamutmlp = await load();
      const net = gamutmlp.open(bytesOfTheFile);
      net.check(imageData); // of a base in sYCC throws CLIPPED, which is no reason not to go on
      const wide = net.decode(imageData, { space: 'p3', type: 'uint8' });

   Pictures are handed over a few rows at a time where the library works so: WebAssembly's memory never shrinks. */

const BYTES = { uint8: 1, uint16: 2, float16: 2, float32: 4 };
const TYPES = { uint8: 1, uint16: 2, float16: 3, float32: 4 };
const ARRAYS = { uint8: Uint8ClampedArray, uint16: Uint16Array, float16: Uint16Array, float32: Float32Array };
const PRESETS = { default: 0, paper: 1, fast: 2, high: 3, max: 4 };
const METHODS = { auto: 0, difference: 2, gain: 3, gamma: 4, direct: 5 };
const METHOD_NAMES = ['none', 'residual', 'difference', 'gain', 'gamma', 'direct'];
const ADAPTATIONS = { bradford: 0, cat02: 1 };
const ROWS = 64; // of a strip

/* What the library refuses, or what failed. code: the number of its gmlp_result. */
export class GamutMLPError extends Error {
    constructor(code, text) {
        super(text);
        this.name = 'GamutMLPError';
        this.code = code;
    }
}
export const MEMORY = 2, NOT_FOUND = 6, MISMATCH = 14, HALO = 16, OTHER_PICTURE = 17, BASE_SPACE = 21, CLIPPED = 22;

function eightBits(picture, what) {
    if (picture.type !== 'uint8') throw new TypeError(`${what} has samples of ${picture.type}, not uint8`);
}
function choice(table, name, what) {
    if (!Object.hasOwn(table, name))
        throw new TypeError(`${what} '${name}' is none of ${Object.keys(table).join(', ')}`);
    return table[name];
}

function number(value, what, least, most, whole = true) {
    if (typeof value !== 'number' || !(value >= least && value <= most) || (whole && !Number.isInteger(value)))
        throw new TypeError(`${what} is ${value}, not a ${whole ? 'whole ' : ''}number of ${least} to ${most}`);
    return value;
}

/* The bytes of a picture, checked: { data, width, height } as ImageData has them. */
function seen(picture, what) {
    const { data, width, height } = picture;
    number(width, `${what}: width`, 1, 65535);
    number(height, `${what}: height`, 1, 65535);
    const type = picture.type ??
        (data instanceof Float32Array ? 'float32' : data instanceof Uint16Array ? 'uint16' : 'uint8');
    choice(TYPES, type, `${what}: type`);
    if (!ArrayBuffer.isView(data) || data.BYTES_PER_ELEMENT !== BYTES[type])
        throw new TypeError(`${what}: data is not an array of ${type}`);
    const channels = data.length / (width * height);
    if (channels !== 3 && channels !== 4)
        throw new TypeError(`${what}: ${data.length} samples are not ${width} x ${height} pixels of 3 or 4`);
    return { width, height, channels, type, row: width * channels * BYTES[type],
             bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

function blank(width, height, type, space) {
    return { data: new ARRAYS[type](width * height * 4), width, height, type, space };
}

async function compiled(source) {
    if (source instanceof WebAssembly.Module) return source;
    if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return WebAssembly.compile(source);
    const url = new URL(source ?? 'gamutmlp.wasm', import.meta.url);
    if (url.protocol === 'file:' && globalThis.process?.versions?.node)
        return WebAssembly.compile(await (await import('node:fs/promises')).readFile(url));
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    return WebAssembly.compile(await answer.arrayBuffer());
}

/* source: where gamutmlp.wasm is, or its bytes, or the compiled module, as one page gives its workers. */
export default async function load(source) {
    let watching = null; // the progress callback of the training that runs
    let thrown = null;
    const progress = (step, steps) => {
        try {
            return watching && watching(step, steps) === false ? 1 : 0;
        } catch (e) { // back to the caller of train, not through the library, which would keep its memory
            thrown = { e };
            return 1;
        }
    };
    const module = await compiled(source);
    const env = { progress, emscripten_notify_memory_growth() {} };
    const { exports: c } = await WebAssembly.instantiate(module, { env });
    c._initialize();
    const given = c.given() >>> 0;

    const memory = (at, size) => new Uint8Array(c.memory.buffer, at, size); // until memory grows
    function string(at) {
        at >>>= 0;
        const all = new Uint8Array(c.memory.buffer);
        return new TextDecoder().decode(all.slice(at, all.indexOf(0, at)));
    }
    const word = i => new DataView(c.memory.buffer).getUint32(given + 4 * i, true);
    const numbers = () => Array.from(new Float64Array(c.memory.buffer, given + 16, 8));
    const pointer = () => word(0);

    function fail(code, parsed = false) {
        const text = string(c.text(code));
        throw new GamutMLPError(code, parsed && word(2) ? `${text}: ${string(word(2))}, at byte ${word(3)}` : text);
    }
    const done = (code, parsed) => { if (code) fail(code, parsed); };

    /* call(take, put): memory taken by them is given back when it returns. */
    function using(call) {
        const taken = [];
        const take = size => {
            const at = c.take(size || 1) >>> 0;
            if (!at) fail(MEMORY);
            taken.push(at);
            return at;
        };
        const put = bytes => {
            const at = take(bytes.length);
            memory(at, bytes.length).set(bytes);
            return at;
        };
        try {
            return call(take, put);
        } finally {
            for (const at of taken) c.give(at);
        }
    }
    /* A copy of the bytes in `given`, whose memory is given back. */
    function bytes() {
        const at = pointer(), copy = memory(at, word(1)).slice();
        c.give(at);
        return copy;
    }
    function fileOf(file) {
        if (file instanceof ArrayBuffer) return new Uint8Array(file);
        if (ArrayBuffer.isView(file)) return new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
        throw new TypeError('a file is its bytes');
    }
    function spaceOf(name) {
        const space = using((take, put) => c.space_of(put(new TextEncoder().encode(`${name}\0`))));
        if (!space) throw new TypeError(`'${name}' is not a colour space`);
        return space;
    }

    /* What of a picture is not said is what the net wants; RGB for a net of sYCC is converted, and so clipped. */
    const RGB = 1, YCC = 11;
    function codes(net, picture) {
        const base = seen(picture, 'the picture');
        eightBits(base, 'the picture');
        const ycc = picture.space === 'sycc';
        if (ycc && net.base !== YCC) fail(BASE_SPACE);
        return { ...base, clips: net.base === YCC && !ycc };
    }
    /* Rows y0 to y1 of it, at `at`, in the net's space. */
    function copy(net, base, at, y0, y1) {
        memory(at, (y1 - y0) * base.row).set(base.bytes.subarray(y0 * base.row, y1 * base.row));
        if (base.clips)
            done(c.convert(at, 1, base.channels, RGB, at, 1, base.channels, YCC, base.width, y1 - y0, 0, 0, 0, 0));
    }

    const forgotten = new FinalizationRegistry(at => c.net_free(at));
    class Net {
        #at;
        constructor(at, report = null) {
            this.#at = at;
            this.report = report;
            forgotten.register(this, at, this);
        }
        /* Gives its memory back, at once. Else that is done some time after it was last used. */
        free() {
            if (!this.#at) return;
            forgotten.unregister(this);
            c.net_free(this.#at);
            this.#at = 0;
        }
        get pointer() {
            if (!this.#at) throw new TypeError('the net was freed');
            return this.#at;
        }
        #about() {
            c.net_about(this.pointer);
            const [method, wide, base, width, height, neurons, halo, most] = numbers();
            return { method, wide, base, width, height, neurons, halo, most };
        }
        get method() { return METHOD_NAMES[this.#about().method]; }
        get wideSpace() { return string(c.space_name(this.#about().wide)); }
        get baseSpace() { return string(c.space_name(this.#about().base)); }
        get width() { return this.#about().width; }
        get height() { return this.#about().height; }
        get neurons() { return this.#about().neurons; }
        get halo() { return this.#about().halo; }
        get contentMax() { return this.#about().most; }
        get blob() {
            const code = c.net_blob(this.pointer);
            if (code) {
                c.give(pointer());
                fail(code);
            }
            return bytes();
        }
        check(picture) {
            const net = this.#about(), base = codes(net, picture);
            using(take => {
                const strip = take(ROWS * base.row);
                done(c.check_begin(base.width, base.height));
                const signature = pointer();
                try {
                    for (let y = 0; y < base.height; y += ROWS) {
                        const end = Math.min(base.height, y + ROWS);
                        copy(net, base, strip, y, end);
                        done(c.check_rows(signature, strip, base.width, end - y, base.channels, net.base, y));
                    }
                    done(c.check_end(this.pointer, signature));
                } finally {
                    c.give(signature);
                }
            });
        }
        follow(picture) {
            const net = this.#about(), base = codes(net, picture);
            using(take => {
                const at = take(base.bytes.length);
                copy(net, base, at, 0, base.height);
                done(c.net_follow(this.pointer, at, base.width, base.height, base.channels, net.base));
            });
        }
        decode(picture, options = {}) {
            const net = this.#about(), base = codes(net, picture);
            const { type = 'uint16', x = 0, y = 0, headroom = 0, whiteNits = 0 } = options;
            const t = choice(TYPES, type, 'type'), space = options.space ? spaceOf(options.space) : net.wide;
            const top = number(picture.top ?? 0, 'the picture: top', 0, 65535), there = top + base.height;
            const whole = number(picture.wholeHeight ?? there, 'the picture: wholeHeight', there, 65535);
            number(x, 'x', 0, base.width - 1);
            number(y, 'y', 0, whole - 1);
            const width = number(options.width ?? base.width - x, 'width', 1, base.width - x);
            const height = number(options.height ?? whole - y, 'height', 1, whole - y);
            if (net.method && (base.width !== net.width || whole !== net.height)) fail(MISMATCH);
            const start = row => Math.max(0, row - net.halo), stop = row => Math.min(whole, row + net.halo);
            if (start(y) < top || stop(y + height) > there) fail(HALO);
            const out = blank(width, height, type, string(c.space_name(space)));
            const to = seen(out, 'the result');
            done(c.decoder_create(this.pointer, base.width, whole, t, space, x, width, headroom, whiteNits));
            const decoder = pointer();
            try {
                using(take => {
                    const from = take((ROWS + 2 * net.halo) * base.row), strip = take(ROWS * to.row);
                    for (let row = 0; row < height; row += ROWS) {
                        const rows = Math.min(ROWS, height - row), at = y + row;
                        const first = start(at), end = stop(at + rows);
                        copy(net, base, from, first - top, end - top);
                        done(c.decoder_rows(decoder, from, base.width, end - first, base.channels, net.base, first,
                                            strip, width, rows, t, 4, x, at));
                        to.bytes.set(memory(strip, rows * to.row), row * to.row);
                    }
                });
            } finally {
                c.decoder_free(decoder);
            }
            return out;
        }
        shaderPack(space) {
            const { width, height } = this.#about();
            done(c.decoder_create(this.pointer, width, height, TYPES.float32, spaceOf(space), 0, width, 0, 0));
            const decoder = pointer();
            try {
                done(c.shader_pack(decoder));
                return new Uint32Array(bytes().buffer);
            } finally {
                c.decoder_free(decoder);
            }
        }
    }

    /* A picture in another space and of other samples; the base of a wide one if `reduces`. */
    function converted(picture, from, to, type, options, reduces) {
        const src = seen(picture, 'the picture');
        const adaptation = choice(ADAPTATIONS, options.adaptation ?? 'bradford', 'adaptation');
        const out = blank(src.width, src.height, type, to), dst = seen(out, 'the result');
        const a = spaceOf(from), b = spaceOf(to);
        using(take => {
            const in_ = take(ROWS * src.row), out_ = take(ROWS * dst.row);
            for (let y = 0; y < src.height; y += ROWS) {
                const rows = Math.min(ROWS, src.height - y);
                memory(in_, rows * src.row).set(src.bytes.subarray(y * src.row, (y + rows) * src.row));
                done(c.convert(in_, TYPES[src.type], src.channels, a, out_, TYPES[type], 4, b, src.width, rows,
                               adaptation, options.whiteNits ?? 0, options.roundDown ? 1 : 0, reduces));
                dst.bytes.set(memory(out_, rows * dst.row), y * dst.row);
            }
        });
        return out;
    }

    function trained(hdr, base, original, options) {
        const b = seen(base, 'the base'), o = seen(original, 'the original');
        eightBits(b, 'the base');
        if (b.width !== o.width || b.height !== o.height)
            throw new TypeError('base and original differ in size');
        if (!original.space) throw new TypeError('the picture has no space');
        const { preset = 'default', method = 'auto', seed = 0, iterations = 0, batch = 0, neurons = 0, budget = 0,
                targetPsnr = 0, clipMargin = 0, adaptation = 'bradford', whiteNits = 0, start = null } = options;
        const bSpace = spaceOf(base.space ?? 'srgb'), oSpace = spaceOf(original.space);
        number(seed, 'seed', 0, Number.MAX_SAFE_INTEGER);
        for (const [what, n] of Object.entries({ iterations, batch, neurons, budget, clipMargin }))
            number(n, what, 0, 2 ** 31 - 1);
        if (watching) throw new Error('train was called by a progress callback');
        return using((take, put) => {
            watching = options.progress ?? (() => true);
            thrown = null;
            let code;
            try {
                code = c.train(hdr, b.width, b.height, put(b.bytes), b.channels, bSpace, put(o.bytes), TYPES[o.type],
                               o.channels, oSpace, choice(PRESETS, preset, 'preset'),
                               choice(METHODS, method, 'method'), seed, iterations, batch, neurons, budget, targetPsnr,
                               clipMargin, choice(ADAPTATIONS, adaptation, 'adaptation'), whiteNits,
                               start ? start.pointer : 0);
            } finally {
                watching = null;
            }
            if (thrown) throw thrown.e;
            done(code);
            const [outOfGamut, saturated, samples, steps, loss, psnrOg] = numbers();
            return new Net(pointer(), { outOfGamut, saturated, samples, iterations: steps, loss, psnrOg });
        });
    }

    function extract(file) {
        const all = fileOf(file);
        using((take, put) => done(c.extract(put(all), all.length), true));
        return bytes();
    }
    function read(blob) {
        const all = fileOf(blob);
        using((take, put) => done(c.net_read(put(all), all.length), true));
        return new Net(pointer());
    }
    /* blob null: takes the network out. */
    function embedded(file, blob, untagged) {
        const all = fileOf(file);
        using((take, put) => {
            const code = c.embed(put(all), all.length, blob ? put(blob) : 0, blob ? blob.length : 0, untagged ? 1 : 0);
            if (code) {
                c.give(pointer());
                fail(code, true);
            }
        });
        return bytes();
    }

    return {
        module,
        version: (v => `${Math.trunc(v / 10000)}.${Math.trunc(v / 100) % 100}.${v % 100}`)(c.version()),
        open: file => read(extract(file)),
        read,
        extract,
        embed: (file, net, options = {}) =>
            embedded(file, net instanceof Net ? net.blob : fileOf(net), options.leaveUntagged),
        strip: file => embedded(file, null, false),
        reduce: (wide, options = {}) => {
            if (!wide.space) throw new TypeError('the picture has no space');
            return converted(wide, wide.space, options.space ?? 'srgb', 'uint8', options, 1);
        },
        convert: (picture, options) =>
            converted(picture, picture.space ?? 'srgb', options.space, options.type ?? 'uint16', options, 0),
        train: (base, wide, options = {}) => trained(0, base, wide, options),
        trainHdr: (base, hdr, options = {}) => trained(1, base, hdr, options),
        memoryBytes: () => c.memory.buffer.byteLength,
    };
}
