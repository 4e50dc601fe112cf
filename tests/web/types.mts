// Compiled by test_web.sh, never run: what the types must allow, and, after @ts-expect-error, what not.
import Pool from '../../examples/web/gamutmlp-pool.mjs';
import load, { CLIPPED, GamutMLPError } from '../../examples/web/gamutmlp.mjs';

export async function shown(file: ArrayBuffer, pixels: ImageData, wide: Uint16Array): Promise<ImageData> {
    const g = await load(new URL('gamutmlp.wasm', 'https://example.org/'));
    const net = g.open(file);
    try {
        net.check(pixels);
    } catch (e) {
        if (!(e instanceof GamutMLPError) || e.code !== CLIPPED) throw e;
    }
    const pool = new Pool(g, { workers: 2 }), made = await pool.decode(net, pixels, { space: 'p3', type: 'uint8' });
    net.decode({ ...made, top: net.halo, wholeHeight: made.height + net.halo }, { y: 8, height: 1 });
    pool.close();
    const words: Uint32Array = net.shaderPack('p3-linear');
    const trained = g.train(g.reduce({ data: wide, width: 8, height: 8, space: 'prophoto' }), made, { progress: (n, all) => n < all });
    const bytes: Uint8Array = g.embed(file, trained);
    // @ts-expect-error: no such type of samples
    net.decode(pixels, { type: 'uint4' });
    // @ts-expect-error: a number of workers is one
    new Pool(g, { workers: 'all' });
    // @ts-expect-error: a picture without its size
    net.check({ data: wide });
    return new ImageData(new Uint8ClampedArray(made.data), made.width, made.height + 0 * (bytes.length + words.length));
}
