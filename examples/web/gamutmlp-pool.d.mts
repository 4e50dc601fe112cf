/** Decoding in several threads, each a worker with the module for itself; in pages, workers and Node. */
import type { DecodeOptions, GamutMLP, Made, Net, Picture } from './gamutmlp.mjs';

export default class Pool {
    /** workers: as many as there are processors. They start with the first picture that is large enough. */
    constructor(library: GamutMLP, options?: { workers?: number });
    /** net.decode's bytes. The picture must stay as it is until then; the net may be freed at once. */
    decode(net: Net, picture: Picture, options?: DecodeOptions): Promise<Made>;
    /** Ends the workers, for which Node waits else, and what they are at. The pool can be used again. */
    close(): void;
}
