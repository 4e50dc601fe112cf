/* Decodes away from the page: gets { id, file, measure, shader }, answers { id, error } or { id, width, height, note,
   about, wide, base }, the pixels as 8-bit Display P3; wide is null of a file without a network. With measure also
   { histogram, points }. shader: 'always', 'never', or else where there is a GPU. */
import { gamutmlp, opened } from './restore.mjs';
import Pool from './gamutmlp-pool.mjs';
import { open } from './shader.mjs';

const shaders = {};
let pool;
function shaderOf(g, when) {
    return when === 'never' ? null : shaders[when] ??= open(g, when === 'always').catch(() => null);
}

/* Counts of 8-bit codes, 256 for each of R, G and B. */
function histogram(data) {
    const counts = new Uint32Array(768);
    for (let i = 0; i < data.length; i += 4) for (let k = 0; k < 3; k++) counts[256 * k + data[i + k]]++;
    return counts;
}

/* CIE 1931 x and y of some pixels of each of some rows; row(y) gives one of linear Rec. 2020, unclipped. */
function chromaticities(width, height, row) {
    const points = [], rows = Math.min(height, 160), columns = Math.min(width, 240);
    for (let j = 0; j < rows; j++) {
        const { data } = row(Math.floor((j + 0.5) * height / rows));
        for (let i = 0; i < columns; i++) {
            const [r, g, b] = data.subarray(4 * Math.floor((i + 0.5) * width / columns));
            const X = 0.636958 * r + 0.144617 * g + 0.168881 * b; // of BT.2020's primaries
            const Y = 0.262700 * r + 0.677998 * g + 0.059302 * b;
            const sum = X + Y + 0.028073 * g + 1.060985 * b;
            if (Y > 0.002) points.push(X / sum, Y / sum); // darker ones are noise
        }
    }
    return Float32Array.from(points);
}

async function answer({ file, measure, shader }) {
    const g = await gamutmlp(), { net, base, shown, note } = await opened(file);
    try {
        const { width, height } = shown, p3 = { space: 'p3', type: 'uint8' };
        const drawn = net && (await shaderOf(g, shader))?.decode(net, base, 'p3');
        const recovered = net && (drawn ?? (pool ??= new Pool(g)).decode(net, base, p3));
        const made = { width, height, note, base: g.convert(shown, p3).data, wide: (await recovered)?.data ?? null,
                       about: net && { method: net.method, space: net.wideSpace, base: net.baseSpace, codes: base.space,
                                       neurons: net.neurons, bytes: net.blob.length, contentMax: net.contentMax,
                                       shader: !!drawn } };
        if (measure) {
            const linear = { space: 'rec2020-linear', type: 'float32' };
            const line = y => ({ ...shown, data: shown.data.subarray(4 * y * width, 4 * (y + 1) * width), height: 1 });
            made.histogram = [made.base, made.wide].map(data => data && histogram(data));
            made.points = [chromaticities(width, height, y => g.convert(line(y), linear)),
                           net && chromaticities(width, height, y => net.decode(base, { ...linear, y, height: 1 }))];
        }
        return made;
    } finally {
        net?.free();
    }
}

let before = Promise.resolve(); // one picture at a time: memory
onmessage = ({ data }) => {
    before = before.then(async () => {
        try {
            const made = await answer(data);
            postMessage({ id: data.id, ...made }, [made.base, made.wide].filter(a => a).map(a => a.buffer));
        } catch (e) {
            postMessage({ id: data.id, error: e.message });
        }
    });
};
