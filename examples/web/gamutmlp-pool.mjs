/* Decoding in several threads: strips of the picture go to workers, each of which has the module for itself. The bytes
   are those of net.decode; types and texts are in gamutmlp-pool.d.mts.

      import load from './gamutmlp.mjs';
      import Pool from './gamutmlp-pool.mjs';
      const gamutmlp = await load(), pool = new Pool(gamutmlp);
      const wide = await pool.decode(gamutmlp.open(bytesOfTheFile), imageData, { space: 'p3', type: 'uint8' });
      pool.close();

   There is no shared memory, which pages have only if their server isolates them. */
import { GamutMLPError } from './gamutmlp.mjs';

const SMALL = 1 << 17; // pixels that take less time than handing them over
const ROWS = 64;       // of the module's own strips

async function processors() {
    if (globalThis.navigator?.hardwareConcurrency) return navigator.hardwareConcurrency;
    const { availableParallelism, cpus } = await import('node:os');
    return availableParallelism?.() ?? cpus().length;
}

/* A worker of the web, or one of Node. */
async function worker(hear, fail) {
    if (typeof Worker !== 'undefined') {
        const made = new Worker(new URL('./gamutmlp-pool-worker.mjs', import.meta.url), { type: 'module' });
        made.onmessage = ({ data }) => hear(data);
        made.onerror = e => fail(e.message || 'a worker does not start');
        return made;
    }
    const { Worker: Thread } = await import('node:worker_threads');
    return new Thread(new URL('./gamutmlp-pool-worker.mjs', import.meta.url))
        .on('message', hear).on('error', e => fail(e.message)).on('exit', () => fail('a worker ended'));
}

/* Workers. run(make): the first one that is free gets what make() gives, and its answer is promised. */
function crew(count, broken) {
    const all = [], idle = [], waiting = [], running = new Map();
    let ended = null;
    function end(error) {
        ended ??= error;
        for (const one of all) one.terminate();
        for (const { reject } of [...running.values(), ...waiting.splice(0)]) reject(error);
        running.clear();
    }
    function deal() {
        while (idle.length && waiting.length) {
            const job = waiting.shift(), one = idle.pop();
            try {
                const message = job.make();
                one.postMessage(message, [message.picture.data.buffer]);
                running.set(one, job);
            } catch (e) { // no memory, or options that cannot be handed over
                idle.push(one);
                job.reject(e);
            }
        }
    }
    async function hire() {
        const fail = text => {
            if (!ended) broken();
            end(new Error(text));
        };
        const one = await worker(({ made, error }) => {
            const job = running.get(one);
            if (!job) return;
            running.delete(one);
            idle.push(one);
            deal();
            if (!error) job.resolve(made);
            else job.reject(error.code ? new GamutMLPError(error.code, error.text) : new Error(error.text));
        }, fail);
        if (ended) return one.terminate();
        all.push(one);
        idle.push(one);
        deal();
    }
    for (let i = 0; i < count; i++) hire().catch(e => { broken(); end(e); });
    return {
        end,
        run: make => new Promise((resolve, reject) => {
            if (ended) return reject(ended);
            waiting.push({ make, resolve, reject });
            deal();
        }),
    };
}

export default class Pool {
    #library;
    #count;
    #crew = null; // there from the first large picture on

    constructor(library, { workers } = {}) {
        if (workers !== undefined && !(Number.isInteger(workers) && workers > 0))
            throw new TypeError(`workers is ${workers}, not a whole number above 0`);
        this.#library = library;
        this.#count = workers;
    }

    async decode(net, picture, options = {}) {
        const line = net.decode(picture, { ...options, height: 1 }); // throws what all of it would
        const { data, width, height: whole, space, top, wholeHeight } = picture, { y = 0 } = options;
        const height = options.height ?? whole - y;
        if (!(Number.isInteger(height) && y + height <= whole) || line.width * height < SMALL || top || wholeHeight)
            return net.decode(picture, options);
        const { halo, blob } = net, { module } = this.#library, row = data.length / whole;
        const count = this.#count ??= await processors();
        const strip = Math.ceil(height / (4 * count * ROWS)) * ROWS; // four each: not all take the same time
        const out = { ...line, data: new line.data.constructor(4 * line.width * height), height };
        const decoded = async from => {
            const high = Math.min(strip, height - from);
            const start = Math.max(0, y + from - halo), end = Math.min(whole, y + from + high + halo);
            const made = await this.#run(() => ({
                module, blob, options: { ...options, y: y + from, height: high },
                picture: { data: new Uint8Array(data.subarray(start * row, end * row)), width, height: end - start, space,
                           top: start, wholeHeight: whole },
            }));
            out.data.set(made.data, 4 * line.width * from);
        };
        await Promise.all(Array.from({ length: Math.ceil(height / strip) }, (_, i) => decoded(i * strip)));
        return out;
    }

    #run(make) {
        this.#crew ??= crew(this.#count, () => { this.#crew = null; });
        return this.#crew.run(make);
    }

    close() {
        this.#crew?.end(new Error('the pool was closed'));
        this.#crew = null;
    }
}
