/* A file's pixels as the browser decodes them, and what its network makes of them. */
import load, { CLIPPED, MISMATCH, OTHER_PICTURE } from './gamutmlp.mjs';

let library;
export const gamutmlp = () => library ??= load();

/* The stored codes, whatever profile the file has: for an sRGB base they are what is shown. */
async function shownPixels(file) {
    const bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d', { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const { data, width, height } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    bitmap.close();
    return { data, width, height, space: 'srgb' };
}

/* A JPEG's own Y'CbCr, as 3 samples a pixel, where the browser hands it out; only in some is there an ImageDecoder, and
   only of 4:4:4 is it what a network was trained on. */
async function ownPixels(file) {
    if (typeof ImageDecoder === 'undefined' || !await ImageDecoder.isTypeSupported('image/jpeg')) return null;
    const data = await file.arrayBuffer();
    const decoder = new ImageDecoder({ type: 'image/jpeg', data, colorSpaceConversion: 'none' });
    const { image } = await decoder.decode();
    try {
        if (image.format !== 'I444' || image.colorSpace.fullRange === false) return null;
        const { width, height } = image.visibleRect, n = width * height;
        const planes = new Uint8Array(3 * n), codes = new Uint8Array(3 * n);
        await image.copyTo(planes, { layout: [0, 1, 2].map(k => ({ offset: k * n, stride: width })) });
        for (let i = 0; i < n; i++) for (let k = 0; k < 3; k++) codes[3 * i + k] = planes[k * n + i];
        return { data: codes, width, height, space: 'sycc' };
    } finally {
        image.close();
        decoder.close();
    }
}

const isJpeg = bytes => bytes[0] === 0xff && bytes[1] === 0xd8;

/* file: a Blob. { net, base, shown, note }: base is what net decodes, shown the same as sRGB or what the net's base is.
   net null: the file has none, and note says it. Errors are for the reader. The net is the caller's to free. */
export async function opened(file) {
    const g = await gamutmlp(), bytes = new Uint8Array(await file.arrayBuffer()), shown = await shownPixels(file);
    let net;
    try {
        net = g.open(bytes);
    } catch (e) {
        return { net: null, base: shown, shown, note: e.message };
    }
    const verdict = picture => {
        try {
            net.check(picture);
            return 0;
        } catch (e) {
            return e.code;
        }
    };
    try {
        let base = shown, note = '', code = verdict(shown);
        if (net.baseSpace === 'sycc' && isJpeg(bytes) && (code === 0 || code === CLIPPED)) { // so it is not turned
            const own = await ownPixels(file).catch(() => null);
            if (own && verdict(own) === 0) [base, code] = [own, 0];
        }
        if (code === MISMATCH || code === OTHER_PICTURE) { // as browsers turn by EXIF
            net.follow(base);
            note = 'the picture was edited or turned after encoding, and the network follows; ';
            code = verdict(base);
        }
        if (code === CLIPPED)
            note += 'the network was made for colours outside sRGB in the file\'s own Y\'CbCr, which are gone or ' +
                'which this browser does not hand out: it gives back what it can without them';
        else if (code) net.check(base); // throws
        note = note.replace(/; $/, '');
        return { net, base, shown: { ...shown, space: net.baseSpace === 'sycc' ? 'srgb' : net.baseSpace }, note };
    } catch (e) {
        net.free();
        throw e;
    }
}
