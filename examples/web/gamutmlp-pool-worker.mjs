/* One of gamutmlp-pool.mjs's workers: gets { module, blob, picture, options }, answers { made } or { error }. */
import load from './gamutmlp.mjs';

const port = typeof postMessage === 'function' ? globalThis : (await import('node:worker_threads')).parentPort;
let library;
port.onmessage = async ({ data: { module, blob, picture, options } }) => {
    try {
        const net = (await (library ??= load(module))).read(blob);
        try {
            const made = net.decode(picture, options);
            port.postMessage({ made }, [made.data.buffer]);
        } finally {
            net.free();
        }
    } catch (e) {
        port.postMessage({ error: { code: e.code, text: e.message } });
    }
};
