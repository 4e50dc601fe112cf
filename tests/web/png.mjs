// The pixels of a PNG of 8 or 16 bits, RGB or RGBA, not interlaced: { data, width, height }.
import { inflateSync } from 'node:zlib';

export function readPng(file) {
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength), parts = [];
    let width, height, bits, channels;
    for (let at = 8; at < file.length;) {
        const size = view.getUint32(at), type = String.fromCharCode(...file.subarray(at + 4, at + 8));
        if (type === 'IHDR') {
            [width, height, bits] = [view.getUint32(at + 8), view.getUint32(at + 12), file[at + 16]];
            channels = { 2: 3, 6: 4 }[file[at + 17]];
            if (!channels || bits < 8 || file[at + 20]) throw new Error('not a PNG that this reads');
        } else if (type === 'IDAT') parts.push(file.subarray(at + 8, at + 8 + size));
        at += 12 + size;
    }
    const raw = inflateSync(Buffer.concat(parts)), pixel = channels * bits / 8, row = width * pixel;
    const all = new Uint8Array(height * row);
    for (let y = 0; y < height; y++) {
        const filter = raw[y * (row + 1)];
        for (let i = 0; i < row; i++) {
            const a = i >= pixel ? all[y * row + i - pixel] : 0, b = y ? all[(y - 1) * row + i] : 0;
            const c = y && i >= pixel ? all[(y - 1) * row + i - pixel] : 0;
            const da = Math.abs(b - c), db = Math.abs(a - c), dc = Math.abs(a + b - 2 * c);
            const paeth = da <= db && da <= dc ? a : db <= dc ? b : c;
            all[y * row + i] = raw[y * (row + 1) + 1 + i] + [0, a, b, (a + b) >> 1, paeth][filter];
        }
    }
    if (bits === 8) return { data: all, width, height };
    const data = new Uint16Array(width * height * channels), big = new DataView(all.buffer);
    for (let i = 0; i < data.length; i++) data[i] = big.getUint16(2 * i);
    return { data, width, height };
}
