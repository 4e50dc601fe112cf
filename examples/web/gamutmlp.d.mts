/** gamutmlp in a page, a worker or Node. All calls but load are synchronous; training belongs into a worker. */

/** The names of the command-line tool; light itself is such as 'prophoto-linear'. */
export type Space =
    | 'srgb' | 'p3' | 'adobergb' | 'prophoto' | 'rec2020' | 'rec2020pq' | 'rec2020hlg' | 'rec709' | 'aces' | 'acescg'
    | 'srgb-linear' | 'p3-linear' | 'adobergb-linear' | 'prophoto-linear' | 'rec2020-linear' | 'sycc';
export type SampleType = 'uint8' | 'uint16' | 'float16' | 'float32';
export type Method = 'none' | 'residual' | 'difference' | 'gain' | 'gamma' | 'direct';
export type Samples = Uint8Array | Uint8ClampedArray | Uint16Array | Float32Array;

/** Pixels of 3 samples or 4 (alpha), row after row: an ImageData is one. */
export interface Picture {
    readonly data: Samples;
    readonly width: number;
    readonly height: number;
    /** By data's class; 'float16' has its bits in a Uint16Array and must be said. */
    readonly type?: SampleType;
    /** What the numbers are; of a base, 'srgb' unless it is said. check, follow and decode ask only whether it is
        'sycc': all other codes they take for those of the net's base, or of a base in sYCC for sRGB's. */
    readonly space?: Space | string;
    /** Some rows of a picture alone, for decode: the first one's number, and the height of all. */
    readonly top?: number;
    readonly wholeHeight?: number;
}
/** What the module makes: RGBA; of 'uint8' fit for new ImageData(data, width, height). */
export interface Made extends Picture {
    readonly type: SampleType;
    readonly space: Space;
}

/** What the library refuses, or what failed. */
export class GamutMLPError extends Error {
    /** The number of its gmlp_result (gamutmlp.h). */
    readonly code: number;
}
/** Codes that a program asks for. */
export const MEMORY: 2, NOT_FOUND: 6, MISMATCH: 14, HALO: 16, OTHER_PICTURE: 17, BASE_SPACE: 21, CLIPPED: 22;

export interface DecodeOptions {
    /** The original's. */
    space?: Space;
    /** 'uint16'. */
    type?: SampleType;
    /** A part of the picture; all of it. */
    x?: number;
    y?: number;
    width?: number;
    height?: number;
    /** Of HDR: stops that the display has above white; 0: all that there is. */
    headroom?: number;
    /** Of PQ and HLG: cd/m2 of white; 0: the net's, or 203. */
    whiteNits?: number;
}

export interface TrainReport {
    readonly outOfGamut: number;
    readonly saturated: number;
    readonly samples: number;
    readonly iterations: number;
    readonly loss: number;
    readonly psnrOg: number;
}

/** A trained network, and all that decoding needs besides the base's pixels. */
export interface Net {
    readonly method: Method;
    /** Of the original. */
    readonly wideSpace: Space;
    readonly baseSpace: Space;
    /** Of the picture in the file. */
    readonly width: number;
    readonly height: number;
    /** In each of the two hidden layers. */
    readonly neurons: number;
    /** So many pixels around a part are needed to decode it. */
    readonly halo: number;
    /** Of HDR: the light of the brightest channel; white is 1. */
    readonly contentMax: number;
    /** The network as bytes. */
    readonly blob: Uint8Array;
    /** Of training. */
    readonly report: TrainReport | null;
    /** Throws unless the pixels are those that the network belongs to. CLIPPED: they are, but what a base of sYCC held
        outside sRGB is gone, as always of pixels that a browser decoded. They can be decoded all the same. */
    check(picture: Picture): void;
    /** The picture was turned, mirrored, resized or cropped by a program that knows nothing of the network: finds out
        how, and the network then belongs to it. */
    follow(picture: Picture): void;
    /** The wide-gamut or HDR picture. The base's pixels are the whole picture's, uint8: those of sRGB, or with the
        space 'sycc' a JPEG's own Y'CbCr. */
    decode(picture: Picture, options?: DecodeOptions): Made;
    /** The words of gmlp_shader_pack (gamutmlp.h, >>shaders), with which a shader decodes to this linear space, such as
        'p3-linear'; shader.mjs does. Throws of nets of the gain and gamma maps and of bases in sYCC. */
    shaderPack(space: Space): Uint32Array;
    /** Gives its memory back at once; else some time after it was last used. */
    free(): void;
}

export interface ConvertOptions {
    space: Space;
    /** 'uint16'. */
    type?: SampleType;
    adaptation?: 'bradford' | 'cat02';
    whiteNits?: number;
    /** Codes are rounded down, as the paper's program does. */
    roundDown?: boolean;
}

/** Zero means the preset's number. */
export interface TrainOptions {
    preset?: 'default' | 'paper' | 'fast' | 'high' | 'max';
    seed?: number;
    iterations?: number;
    batch?: number;
    /** In each of the two hidden layers. */
    neurons?: number;
    /** Bytes of the blob. */
    budget?: number;
    adaptation?: 'bradford' | 'cat02';
    whiteNits?: number;
    /** A net of the same form whose weights to begin with. */
    start?: Net | null;
    /** Called before each step; false cancels. */
    progress?(step: number, steps: number): boolean | void;
}
export interface TrainWideOptions extends TrainOptions {
    /** dB: finds the smallest network that gives out-of-gamut pixels back so well. */
    targetPsnr?: number;
    clipMargin?: number;
}
export interface TrainHdrOptions extends TrainOptions {
    method?: 'auto' | 'difference' | 'gain' | 'gamma' | 'direct';
}

export interface GamutMLP {
    /** Of the library. */
    readonly version: string;
    /** For load() in a worker. */
    readonly module: WebAssembly.Module;
    /** The network of a JPEG or PNG file. */
    open(file: ArrayBuffer | ArrayBufferView): Net;
    /** A network that is at hand as bytes. */
    read(blob: ArrayBuffer | ArrayBufferView): Net;
    extract(file: ArrayBuffer | ArrayBufferView): Uint8Array;
    /** The file with the network in its metadata, in place of one that it may have. A file that does not say what its
        colours are is tagged as sRGB: say leaveUntagged of a net whose baseSpace is neither 'srgb' nor 'sycc', as
        nothing says it by itself here. */
    embed(file: ArrayBuffer | ArrayBufferView, net: Net | ArrayBuffer | ArrayBufferView,
          options?: { leaveUntagged?: boolean }): Uint8Array;
    /** The file without a network; all else stays. */
    strip(file: ArrayBuffer | ArrayBufferView): Uint8Array;
    /** The base of a wide-gamut picture, whose space must be said: clipped to sRGB, or 'sycc', not clipped. */
    reduce(wide: Picture,
           options?: { space?: 'srgb' | 'sycc'; adaptation?: 'bradford' | 'cat02'; roundDown?: boolean }): Made;
    convert(picture: Picture, options: ConvertOptions): Made;
    /** A network that gives wide, whose space must be said, back from base, the pixels as a decoder will see them. */
    train(base: Picture, wide: Picture, options?: TrainWideOptions): Net;
    /** A network that gives the HDR rendition back from an SDR one, base, whose white is hdr's linear 1.0. */
    trainHdr(base: Picture, hdr: Picture, options?: TrainHdrOptions): Net;
    /** What WebAssembly holds. It never shrinks: training takes the whole picture, decoding a few rows. */
    memoryBytes(): number;
}

/** source: where gamutmlp.wasm is (beside the module), or its bytes, or the module of another one's `module`. */
export default function load(
    source?: string | URL | ArrayBuffer | ArrayBufferView | WebAssembly.Module): Promise<GamutMLP>;
