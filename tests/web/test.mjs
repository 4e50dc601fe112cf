// The module in Node against the tool: test.mjs FOLDER-OF-THE-MODULE TOOL FOLDER. FOLDER has scene.png and
// large.png (ProPhoto, 16 bit).
import assert from 'node:assert';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { readPng } from './png.mjs';

const [folder, tool, scratch] = process.argv.slice(2);
const at = name => join(scratch, name);
const url = pathToFileURL(join(folder, 'gamutmlp.mjs'));
const { default: load, GamutMLPError, CLIPPED, HALO, MISMATCH, NOT_FOUND, OTHER_PICTURE } = await import(url);
const { default: Pool } = await import(pathToFileURL(join(folder, 'gamutmlp-pool.mjs')));
const g = await load();
const run = (...args) => execFileSync(tool, args, { stdio: ['ignore', 'ignore', 'pipe'] });
const file = name => readFileSync(at(name)), png = name => readPng(file(name));
const bytesOf = a => Buffer.from(a.buffer, a.byteOffset, a.byteLength);
const same = (a, b) => assert.equal(Buffer.compare(bytesOf(a), bytesOf(b)), 0);
const refused = code => e => e instanceof GamutMLPError && e.code === code;

/* RGB of an opaque picture. */
function rgb(picture) {
    const { data } = picture, n = picture.width * picture.height, out = new data.constructor(3 * n);
    if (data.length === out.length) return data;
    for (let i = 0; i < n; i++) for (let k = 0; k < 3; k++) out[3 * i + k] = data[4 * i + k];
    return out;
}
const samePixels = (a, b) => {
    assert.deepEqual([a.width, a.height], [b.width, b.height]);
    same(rgb(a), rgb(b));
};
/* A blob without its checksum and without what the tool measured afterwards (section 3): by the header's manual. */
function bare(blob, sections) {
    const b = Uint8Array.from(blob.subarray(0, blob.length - 4)), size = b[sections] | b[sections + 1] << 8;
    assert.equal(b[4], 4);
    for (let i = sections + 2; i < sections + 2 + size; i += 2 + b[i + 1]) if (b[i] === 3) b.fill(0, i + 2, i + 2 + b[i + 1]);
    return b;
}

const wide = { ...png('scene.png'), space: 'prophoto' };
const base = g.reduce(wide);
let net;

const tests = {
    'the tool makes the same base and network'() {
        run('encode', at('scene.png'), at('theirs.png'), '--from', 'prophoto', '--iterations', '40', '--seed', '7');
        samePixels(base, png('theirs.png'));
        const steps = [];
        net = g.train(base, wide, { iterations: 40, seed: 7, progress: (step, all) => { steps.push([step, all]); } });
        assert.deepEqual([steps.length, steps[39]], [40, [39, 40]]);
        assert.equal(net.report.iterations, 40);
        assert.deepEqual([net.method, net.wideSpace, net.baseSpace, net.width, net.height, net.neurons],
                         ['residual', 'prophoto', 'srgb', wide.width, wide.height, 32]);
        same(bare(net.blob, 118), bare(g.extract(file('theirs.png')), 118));
        const other = g.train(base, wide, { iterations: 40, seed: 8 });
        assert.notDeepEqual(other.blob, net.blob);
        other.free();
    },
    'it decodes to the tool\'s pixels'() {
        const theirs = g.open(file('theirs.png'));
        theirs.check(base);
        run('decode', at('theirs.png'), at('wide.png'));
        samePixels(theirs.decode(base), png('wide.png'));
        samePixels(theirs.decode({ ...base, data: rgb(base) }), png('wide.png')); // three channels
        run('decode', at('theirs.png'), at('p3.png'), '--to', 'p3', '--crop', '31,70,65,67');
        samePixels(theirs.decode(base, { space: 'p3', x: 31, y: 70, width: 65, height: 67 }), png('p3.png'));
        theirs.free();
        assert.throws(() => theirs.decode(base), /freed/);
    },
    'types of samples are roundings of one number'() {
        const f = net.decode(base, { type: 'float32', space: 'rec2020' }), u = net.decode(base, { space: 'rec2020' });
        const b = net.decode(base, { type: 'uint8', space: 'rec2020' }), h = net.decode(base, { type: 'float16', space: 'rec2020' });
        assert(b.data instanceof Uint8ClampedArray);
        const half = v => { // IEEE 754
            const e = v >> 10 & 31, m = v & 1023;
            return (v >> 15 ? -1 : 1) * (e ? (1024 + m) * 2 ** (e - 25) : m * 2 ** -24);
        };
        let most = 0;
        for (let i = 0; i < f.data.length; i++) {
            const v = Math.min(Math.max(f.data[i], 0), 1); // codes end there
            assert(Math.abs(v * 65535 - u.data[i]) <= 0.51 && Math.abs(v * 255 - b.data[i]) <= 0.51);
            assert(Math.abs(half(h.data[i]) - f.data[i]) <= Math.max(Math.abs(f.data[i]) * 2 ** -11, 2 ** -25));
            most = Math.max(most, f.data[i]);
        }
        assert(most > 0.5);
    },
    'the tool reads its files'() {
        const plain = g.strip(file('theirs.png'));
        assert.throws(() => g.open(plain), e => refused(NOT_FOUND)(e) && /carries no network/.test(e.message));
        const ours = g.embed(plain, net);
        writeFileSync(at('ours.png'), ours);
        same(g.extract(ours), net.blob);
        same(g.strip(ours), plain);
        run('inspect', at('ours.png'));
        run('decode', at('ours.png'), at('back.png'));
        samePixels(net.decode(base), png('back.png'));
        same(g.read(net.blob).blob, net.blob);
    },
    'errors have the library\'s text'() {
        assert.throws(() => g.open(new Uint8Array(20)), /not of the expected format/);
        assert.throws(() => g.read(net.blob.subarray(0, 200)), GamutMLPError);
        const dented = Uint8Array.from(net.blob);
        dented[300] ^= 1;
        assert.throws(() => g.read(dented), /checksum/);
        assert.throws(() => g.embed(new Uint8Array(20), net), GamutMLPError);
        assert.throws(() => net.check({ ...base, data: base.data.map(v => 255 - v) }), refused(OTHER_PICTURE));
        const cut = { ...base, data: base.data.subarray(0, 4 * base.width * 8), height: 8 };
        assert.throws(() => net.check(cut), refused(MISMATCH));
        assert.throws(() => net.decode(cut), refused(MISMATCH));
        assert.throws(() => net.decode({ ...base, height: base.height - 1 }), TypeError);
        assert.throws(() => net.decode(base, { space: 'nowhere' }), /'nowhere' is not a colour space/);
        assert.throws(() => net.decode(base, { type: 'uint4' }), TypeError);
        assert.throws(() => net.decode(base, { x: 1, width: base.width }), TypeError);
        assert.throws(() => g.reduce({ ...wide, space: undefined }), TypeError);
        assert.throws(() => g.train(base, wide, { preset: 'best' }), TypeError);
        assert.throws(() => net.shaderPack('p3'), refused(1)); // has a curve
        assert.throws(() => g.train(base, wide, { neurons: 7 }), GamutMLPError);
    },
    'training is cancelled, and hands errors on'() {
        let steps = 0;
        assert.throws(() => g.train(base, wide, { progress: () => ++steps < 3 }), /cancelled/);
        assert.equal(steps, 3);
        assert.throws(() => g.train(base, wide, { progress() { throw new RangeError('mine'); } }), /mine/);
        assert.throws(() => g.train(base, wide, { progress() { g.train(base, wide); } }), /progress/);
        g.train(base, wide, { iterations: 1 }).free();
    },
    'it starts from another network'() {
        const on = g.train(base, wide, { iterations: 5, start: net }), fresh = g.train(base, wide, { iterations: 5 });
        assert(on.report.loss < fresh.report.loss);
        on.free();
        fresh.free();
    },
    'a turned picture is found'() {
        const turned = { ...base, data: new Uint8ClampedArray(base.data.length) };
        for (let y = 0; y < base.height; y++)
            for (let x = 0; x < base.width; x++)
                for (let k = 0; k < 4; k++)
                    turned.data[4 * (y * base.width + x) + k] = base.data[4 * ((base.height - 1 - y) * base.width + base.width - 1 - x) + k];
        const n = g.read(net.blob);
        assert.throws(() => n.check(turned), refused(OTHER_PICTURE));
        n.follow(turned);
        n.check(turned);
        const back = n.decode(turned), straight = net.decode(base);
        let off = 0;
        for (let p = 0, last = base.width * base.height - 1; p <= last; p++)
            for (let k = 0; k < 3; k++) off += Math.abs(back.data[4 * p + k] - straight.data[4 * (last - p) + k]) > 64;
        assert(off < base.width * base.height / 1000, `${off} samples`);
        n.free();
    },
    'a base of sYCC, and what a browser sees of it'() {
        const ycc = g.reduce(wide, { space: 'sycc' }), shown = g.convert(ycc, { space: 'srgb', type: 'uint8' });
        const n = g.train(ycc, wide, { iterations: 40 });
        assert.equal(n.baseSpace, 'sycc');
        n.check(ycc);
        assert.throws(() => n.check(shown), refused(CLIPPED));
        const error = p => p.data.reduce((sum, v, i) => sum + (v - (i % 4 < 3 ? wide.data[3 * (i >> 2) + i % 4] : 65535)) ** 2, 0);
        const whole = error(n.decode(ycc)), clipped = error(n.decode(shown)), none = error(g.convert(shown, { space: 'prophoto' }));
        assert(whole < clipped && clipped < none, `${whole} ${clipped} ${none}`);
        assert.throws(() => net.decode(ycc), /another colour space/);
        n.free();
    },
    'a picture that lost nothing'() {
        const grey = { data: new Uint16Array(3 * 30 * 20).fill(20000), width: 30, height: 20, space: 'prophoto' };
        const b = g.reduce(grey), n = g.train(b, grey);
        assert.equal(n.method, 'none');
        n.check(b);
        same(n.decode(b).data, g.convert(b, { space: 'prophoto' }).data);
        same(n.decode(base).data, g.convert(base, { space: 'prophoto' }).data); // of any size
        n.free();
    },
    'HDR: the tool\'s network and pixels'() {
        run('hdr-encode', at('theirs.png'), at('scene.png'), at('hdr.png'), '--from-hdr', 'rec2020hlg', '--iterations', '20');
        const n = g.trainHdr(base, { ...wide, space: 'rec2020hlg' }, { iterations: 20 });
        assert.equal(n.method, 'difference');
        same(bare(n.blob, 146), bare(g.extract(file('hdr.png')), 146));
        run('hdr-decode', at('hdr.png'), at('hdr_wide.png'));
        const back = png('hdr_wide.png');
        assert.deepEqual([n.wideSpace, n.contentMax > 1], ['rec2020hlg', true]);
        n.check(base);
        const spaces = ['rec2020pq', 'rec2020hlg'].filter(space => Buffer.compare(bytesOf(rgb(n.decode(base, { space }))), bytesOf(back.data)) === 0);
        assert.equal(spaces.length, 1);
        const light = { space: 'srgb-linear', type: 'float32' }, plain = g.convert(base, light).data;
        const from = options => n.decode(base, { ...light, ...options }).data.reduce((sum, v, i) => sum + Math.abs(v - plain[i]), 0);
        const most = Math.log2(n.contentMax), steps = [1e-6, most / 3, most].map(headroom => from({ headroom }));
        assert(steps[0] < steps[2] / 1000 && steps[0] < steps[1] && steps[1] < steps[2], `${steps}`);
        assert.equal(steps[2], from({}));
        n.free();
    },
    'memory is given back'() {
        const once = () => {
            const n = g.open(file('theirs.png'));
            n.check(base);
            n.decode(base, { type: 'float32' });
            n.free();
            g.train(base, wide, { iterations: 1 }).free();
            g.strip(file('theirs.png'));
            assert.throws(() => g.open(new Uint8Array(1 << 20)));
            assert.throws(() => g.train(base, wide, { progress: () => false }));
        };
        for (let i = 0; i < 3; i++) once();
        const then = g.memoryBytes();
        for (let i = 0; i < 30; i++) once();
        for (let i = 0; i < 3000; i++) { // small ones, which would fit beside the large
            g.read(net.blob).free();
            assert.throws(() => g.read(net.blob.subarray(4)));
        }
        assert.equal(g.memoryBytes(), then);
    },
    async 'another thread, with the same compiled module'() {
        const text = `import { parentPort, workerData as w } from 'node:worker_threads';
            const g = await (await import(w.url)).default(w.module);
            parentPort.postMessage(g.read(w.blob).decode(w.base).data);`;
        const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(text)}`),
                                  { workerData: { url: url.href, module: g.module, blob: net.blob, base } });
        const data = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
        same(data, net.decode(base).data);
    },
    'rows alone, with those around them'() {
        const { width, height, data } = base, rows = (top, end) => ({ data: data.subarray(4 * width * top, 4 * width * end),
            width, height: end - top, top, wholeHeight: height });
        const want = net.decode(base, { y: 50, height: 70 }).data;
        same(net.decode(rows(50 - net.halo, 120 + net.halo), { y: 50, height: 70 }).data, want);
        same(net.decode(rows(0, height), { y: 50, height: 70 }).data, want);
        same(net.decode(rows(0, 10 + net.halo), { height: 10 }).data, net.decode(base, { height: 10 }).data);
        same(net.decode(rows(height - 9 - net.halo, height), { y: height - 9 }).data, net.decode(base, { y: height - 9 }).data);
        assert.throws(() => net.decode(rows(51 - net.halo, height), { y: 50, height: 70 }), refused(HALO));
        assert.throws(() => net.decode(rows(0, 119 + net.halo), { y: 50, height: 70 }), refused(HALO));
        assert.throws(() => net.decode(rows(0, 20)), refused(HALO));
        assert.throws(() => net.decode({ ...rows(0, 20), wholeHeight: height - 1 }, { height: 1 }), refused(MISMATCH));
        assert.throws(() => net.decode({ ...rows(0, 20), wholeHeight: 19 }), TypeError);
        assert.throws(() => net.decode({ ...rows(0, 20), top: -1 }), TypeError);
    },
    async 'a pool of workers: the same bytes'() {
        const pool = new Pool(g, { workers: 3 }), original = { ...png('large.png'), space: 'prophoto' };
        const large = g.reduce(original), { width, height } = large;
        try {
            for (const kind of ['srgb', 'sycc']) {
                const b = kind === 'srgb' ? large : g.reduce(original, { space: kind }), n = g.train(b, original, { iterations: 5 });
                for (const o of [undefined, { space: 'p3', type: 'uint8' }, { type: 'float16', x: 3, y: 71, height: height - 80 }])
                    same((await pool.decode(n, b, o)).data, n.decode(b, o).data);
                same((await pool.decode(n, { ...b, data: rgb(b) })).data, n.decode(b).data);
                n.free();
            }
            run('encode', at('large.png'), at('large_base.png'), '--from', 'prophoto', '--iterations', '5');
            run('decode', at('large_base.png'), at('large_wide.png'));
            const n = g.open(file('large_base.png')), small = net.decode(base);
            const made = await Promise.all([pool.decode(n, large), pool.decode(net, base), pool.decode(n, large, { height: 1 })]);
            samePixels(made[0], png('large_wide.png')); // the tool's
            assert.deepEqual({ ...made[1], data: 0 }, { ...small, data: 0 });
            same(made[1].data, small.data);
            assert.equal(made[2].height, 1);
            const turned = { ...large, data: large.data.slice() }, at32 = new Uint32Array(turned.data.buffer);
            at32.reverse(); // upside down
            n.follow(turned);
            same((await pool.decode(n, turned)).data, n.decode(turned).data);
            await assert.rejects(pool.decode(net, large), refused(MISMATCH));
            await assert.rejects(pool.decode(n, large, { type: 'uint4' }), TypeError);
            await assert.rejects(pool.decode(n, large, { y: 1, height }), TypeError);
            await assert.rejects(pool.decode(n, large, { height: 279.5 }), TypeError);
            for (let i = 0; i < 3; i++) await assert.rejects(pool.decode(n, large, { note() {} }), { name: 'DataCloneError' });
            const late = pool.decode(n, large), again = n.decode(large);
            pool.close();
            await assert.rejects(late, /closed/);
            const next = pool.decode(n, large); // with new workers
            n.free();
            same((await next).data, again.data);
        } finally {
            pool.close();
        }
        assert.throws(() => new Pool(g, { workers: 0 }), TypeError);
        assert.throws(() => new Pool(g, { workers: 1.5 }), TypeError);
    },
    async 'a pool whose workers cannot work'() {
        const pool = new Pool({ module: new Uint8Array(8) }), n = g.open(file('large_base.png')); // what is no module
        try {
            await assert.rejects(pool.decode(n, g.reduce({ ...png('large.png'), space: 'prophoto' })), /WebAssembly/);
        } finally {
            pool.close();
            n.free();
        }
    },
    async '<wide-img>: a worker that does not start is not the last'() {
        const made = [], silent = class { // the first one
            constructor() { if (made.push(this) === 1) setTimeout(() => this.onerror({ message: '' })); }
            terminate() { this.ended = true; }
            postMessage({ id }) { if (this !== made[0]) setTimeout(() => this.onmessage({ data: { id, wide: null } })); }
        };
        Object.assign(globalThis, { HTMLElement: class {}, customElements: { define() {} }, Worker: silent });
        try {
            const { restored } = await import(pathToFileURL(join(folder, 'wide-img.mjs')));
            await Promise.all([1, 2].map(() => assert.rejects(restored({}), /does not start/)));
            assert(made[0].ended);
            assert.equal((await restored({})).wide, null);
            assert.deepEqual([made.length, made[1].ended], [2, undefined]);
        } finally {
            for (const name of ['HTMLElement', 'customElements', 'Worker']) delete globalThis[name];
        }
    },
    async 'the shader leaves what is not opaque'() {
        const gl = { getParameter: () => 4096, createProgram() { throw new Error('it draws'); } }, { fetch } = globalThis;
        globalThis.OffscreenCanvas = class { getContext() { return gl; } };
        globalThis.fetch = async () => ({ ok: true, text: async () => '' });
        try {
            const shader = await (await import(pathToFileURL(join(folder, 'shader.mjs')))).open(g);
            assert.throws(() => shader.decode(net, base, 'p3'), /it draws/);
            const data = base.data.slice();
            data[data.length - 1] = 254;
            assert.equal(shader.decode(net, { ...base, data }, 'p3'), null);
            assert.equal(net.decode({ ...base, data }, { type: 'uint8' }).data.at(-1), 254);
        } finally {
            delete globalThis.OffscreenCanvas;
            globalThis.fetch = fetch;
        }
    },
    async 'the README\'s lines'() {
        const text = /```js\n(import load.*?)```/s.exec(readFileSync('README.md', 'utf8'))[1];
        const ycc = g.reduce(wide, { space: 'sycc' }), n = g.train(ycc, wide, { iterations: 5 }), drawn = [];
        const names = { bytesOfTheFile: 0, imageData: 0, context: { putImageData: image => drawn.push(image) }, ImageData: Array };
        Object.assign(globalThis, names);
        try {
            for (const [name, b] of [['srgb', base], ['sycc', g.convert(ycc, { space: 'srgb', type: 'uint8' })]]) {
                globalThis.bytesOfTheFile = name === 'srgb' ? file('theirs.png') : g.embed(g.strip(file('theirs.png')), n);
                globalThis.imageData = b;
                writeFileSync(at(`${name}.mjs`), text.replace('./gamutmlp.mjs', url.href));
                await import(pathToFileURL(at(`${name}.mjs`)));
                same(drawn.pop()[0], g.open(globalThis.bytesOfTheFile).decode(b, { space: 'p3', type: 'uint8' }).data);
            }
            globalThis.imageData = { ...base, data: base.data.map(v => 255 - v) };
            writeFileSync(at('other.mjs'), text.replace('./gamutmlp.mjs', url.href));
            await assert.rejects(import(pathToFileURL(at('other.mjs'))), refused(OTHER_PICTURE));
        } finally {
            for (const name of Object.keys(names)) delete globalThis[name];
            n.free();
        }
    },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
    try {
        await test();
        console.log(`ok web: ${name}`);
    } catch (e) {
        console.log(`not ok web: ${name}\n# ${(e.stack ?? `${e}`).replaceAll('\n', '\n# ')}`);
        failed = 1;
    }
}
process.exit(failed);
