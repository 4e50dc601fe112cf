/* Decodes by WebGL 2 and gamutmlp_decode.es.frag, in a page or a worker, to the bytes of the module's own decode.

      const shader = await open(gamutmlp);                // null: no WebGL 2, or one that a processor plays
      const wide = shader?.decode(net, imageData, 'p3');  // null: not this picture
*/

import { GamutMLPError } from './gamutmlp.mjs';

const STRIP = 131072; // pixels drawn at once: systems end what keeps a GPU busy for long
const SLOWEST = 4000; // pixels a millisecond: WebAssembly does as many
const TRIANGLE = `#version 300 es
    void main() { gl_Position = vec4(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1, 0, 1); }`;

/* The shader's light as codes: how many of the steps it has passed, as numbers; none, with the sign of a float. */
const CODES = `uniform usampler2D steps;
    float code_of(uint v) {
        uint n = 0u;
        for (uint s = 128u; s > 0u; s >>= 1u)
            if (v >> 31u == 0u && v >= texelFetch(steps, ivec2(int(n + s), 0), 0).x) n += s;
        return float(n) / 255.0;
    }
    void main() {
        uvec3 v = gmlp_texel(uint(gl_FragCoord.x) + from.x, uint(gl_FragCoord.y) + from.y);
        light = vec4(code_of(v.x), code_of(v.y), code_of(v.z), 1.0);
    }`;
/* Or its floats' bits, as a target of RGBA32UI takes them everywhere. */
const BITS = `void main() {
        uvec3 v = gmlp_texel(uint(gl_FragCoord.x) + from.x, uint(gl_FragCoord.y) + from.y);
        light = uvec4(v, 0x3f800000u);
    }`;

/* Word i: the bits of the least light whose 8-bit code is i, found by asking the library. */
function stepsOf(g, space) {
    const low = new Uint32Array(255), high = new Uint32Array(255).fill(0x3f800000), light = new Float32Array(3 * 255);
    const bits = new Uint32Array(light.buffer);
    for (let turn = 0; turn < 30; turn++) {
        for (let i = 0; i < 255; i++) bits.fill((low[i] + high[i]) >>> 1, 3 * i, 3 * i + 3);
        const { data } = g.convert({ data: light, width: 255, height: 1, space: `${space}-linear` },
                                   { space, type: 'uint8' });
        for (let i = 0; i < 255; i++) (data[4 * i + 1] > i ? high : low)[i] = bits[3 * i];
    }
    return Uint32Array.of(0, ...high);
}

class Shader {
    #g;
    #gl;
    #text;
    #always;
    #slow = false;
    #programs = new Map();
    #steps = new Map();

    constructor(g, gl, text, always) {
        this.#g = g;
        this.#gl = gl;
        this.#text = text;
        this.#always = always;
    }

    #program(neurons, codes) {
        const gl = this.#gl, key = `${neurons} ${codes}`;
        if (this.#programs.has(key)) return this.#programs.get(key);
        const program = gl.createProgram();
        const text = this.#text.slice(0, this.#text.indexOf('void main()'))
            .replace('\n', `\n#define GMLP_NEURONS ${neurons || 8}u\n`) // of a picture that lost nothing: 0
            .replace('out vec4 light', codes ? '$&' : 'out uvec4 light');
        const fragment = text + (codes ? CODES : BITS);
        for (const [kind, source] of [[gl.VERTEX_SHADER, TRIANGLE], [gl.FRAGMENT_SHADER, fragment]]) {
            const shader = gl.createShader(kind);
            gl.shaderSource(shader, source);
            gl.compileShader(shader);
            gl.attachShader(program, shader);
            if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) console.info(gl.getShaderInfoLog(shader));
        }
        gl.linkProgram(program);
        const made = gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
        this.#programs.set(key, made);
        return made;
    }

    #texture(unit, kind, width, height, format, type, texels) {
        const gl = this.#gl, texture = gl.createTexture();
        gl.activeTexture(gl.TEXTURE0 + unit);
        gl.bindTexture(gl.TEXTURE_2D, texture);
        gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
        gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
        gl.texImage2D(gl.TEXTURE_2D, 0, kind, width, height, 0, format, type, texels);
        return texture;
    }

    /* picture: RGBA codes of the whole base. space: 'p3' and the like for their 8-bit codes, 'p3-linear' and the like
       for floats. null: the module has to do it. */
    decode(net, picture, space) {
        const gl = this.#gl, codes = !space.endsWith('-linear'), { width, height } = picture;
        const most = gl.getParameter(gl.MAX_TEXTURE_SIZE);
        if (this.#slow || width > most || height > most || picture.data.length !== 4 * width * height ||
            (net.method !== 'none' && (net.width !== width || net.height !== height)))
            return null;
        for (let i = 3; i < picture.data.length; i += 4) if (picture.data[i] !== 255) return null; // drawn opaque
        let words;
        try {
            words = net.shaderPack(codes ? `${space}-linear` : space);
        } catch (e) {
            if (!(e instanceof GamutMLPError)) throw e;
            return null; // a base in sYCC, a gain or gamma map
        }
        const program = this.#program(words[6], codes);
        if (!program) return null;
        const rows = Math.ceil(words.length / 4096), pack = new Uint32Array(4096 * rows);
        pack.set(words);
        const bytes = new Uint8Array(picture.data.buffer, picture.data.byteOffset, picture.data.length);
        const out = codes ? new Uint8Array(4 * width * height) : new Uint32Array(4 * width * height);
        const [kind, format, type] = codes ? [gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE]
                                           : [gl.RGBA32UI, gl.RGBA_INTEGER, gl.UNSIGNED_INT];
        gl.useProgram(program);
        const textures = [
            this.#texture(0, gl.RGBA32UI, 1024, rows, gl.RGBA_INTEGER, gl.UNSIGNED_INT, pack),
            this.#texture(1, gl.RGBA8, width, height, gl.RGBA, gl.UNSIGNED_BYTE, bytes),
        ];
        if (codes) {
            if (!this.#steps.has(space)) this.#steps.set(space, stepsOf(this.#g, space));
            textures.push(this.#texture(2, gl.R32UI, 256, 1, gl.RED_INTEGER, gl.UNSIGNED_INT, this.#steps.get(space)));
        }
        ['pack', 'base', 'steps'].forEach((name, unit) => gl.uniform1i(gl.getUniformLocation(program, name), unit));
        const target = gl.createRenderbuffer(), frame = gl.createFramebuffer();
        gl.bindRenderbuffer(gl.RENDERBUFFER, target);
        const strip = Math.min(height, Math.ceil(STRIP / width));
        gl.renderbufferStorage(gl.RENDERBUFFER, kind, width, strip);
        gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
        gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.RENDERBUFFER, target);
        const begin = performance.now();
        for (let y = 0; y < height && !this.#slow; y += strip) {
            const n = Math.min(strip, height - y);
            gl.viewport(0, 0, width, n);
            gl.uniform2ui(gl.getUniformLocation(program, 'from'), 0, y);
            gl.drawArrays(gl.TRIANGLES, 0, 3);
            gl.readPixels(0, 0, width, n, format, type, out, 4 * width * y);
            const ms = performance.now() - begin;
            this.#slow = !this.#always && ms > 100 && width * (y + n) < SLOWEST * ms;
        }
        const well = gl.getError() === gl.NO_ERROR; // of a lost context, too
        gl.deleteFramebuffer(frame);
        gl.deleteRenderbuffer(target);
        for (const texture of textures) gl.deleteTexture(texture);
        if (!well || this.#slow) return null;
        return { data: codes ? new Uint8ClampedArray(out.buffer) : new Float32Array(out.buffer), width, height,
                 type: codes ? 'uint8' : 'float32', space };
    }
}

/* g: what load() gave. always: also where a processor plays the GPU, which is slower than the module. Not every browser
   tells, so it is left, too, when it is found to be slow. */
export async function open(g, always = false) {
    const gl = globalThis.OffscreenCanvas &&
        new OffscreenCanvas(1, 1).getContext('webgl2', { failIfMajorPerformanceCaveat: !always, antialias: false });
    if (!gl) return null;
    const answer = await fetch(new URL('gamutmlp_decode.es.frag', import.meta.url));
    return answer.ok ? new Shader(g, gl, await answer.text(), always) : null;
}
