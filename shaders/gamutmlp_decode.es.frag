#version 300 es
/* Made by make.sh of gamutmlp_decode.inc: edit these two.
   A fragment shader of GLSL ES 3.00 (WebGL 2): draw one triangle over the target, whose pixel (0, 0) is the picture's
   (from). The target is of floats, such as RGBA16F, or RGBA32F for all bits. */
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp usampler2D;
#ifndef GMLP_NEURONS
#define GMLP_NEURONS 32u /* the network's width: word 6 of gmlp_shader_pack */
#endif
uniform sampler2D base;   /* the picture as it is in the file: RGB8 or RGBA8, not SRGB8, whose codes are gone */
uniform usampler2D pack;  /* RGBA32UI, 1024 wide: a texel is four words of gmlp_shader_pack */
uniform uvec2 from;
out vec4 light;

uvec4 gmlp_four(uint i) { return texelFetch(pack, ivec2(int(i & 1023u), int(i >> 10u)), 0); }
uint gmlp_word(uint i) { return gmlp_four(i >> 2u)[i & 3u]; }
uvec3 gmlp_base(uint x, uint y) {
    return uvec3(texelFetch(base, ivec2(int(x), int(y)), 0).xyz * 255.0f + 0.5f);
}

/* The decoder of gamutmlp.h for shaders, in what C, GLSL and HLSL have in common; make.sh makes a shader of each
   language of it. The words that it reads are those of gmlp_shader_pack (gamutmlp.h, >>shaders). What is around it gives

      GMLP_NEURONS       the network's width, a multiple of 8
      gmlp_four(i)       words 4 i .. 4 i + 3
      gmlp_word(i)       word i
      gmlp_base(x, y)    the base's codes, 0..255, inside the picture

   Its results are the library's to the bit on any device: whole numbers modulo 2^32 do everything but the sums of the
   first layer. These are of floats, in whatever way a device rounds, and one stored bit, whether the true whole number is
   odd, picks the right one of the two that are near. Light is rounded as IEEE 754 has it, by gmlp_fma. */

uint gmlp_least(uint a, uint b) {
    if (a < b) { return a; }
    return b;
}

uint gmlp_most(uint a, uint b) {
    if (a > b) { return a; }
    return b;
}

uint gmlp_of(uvec3 v, uint c) {
    if (c == 0u) { return v.x; }
    if (c == 1u) { return v.y; }
    return v.z;
}

/* Floats as words. */

/* Leading zeros of a number above 0. */
uint gmlp_zeros(uint number) {
    uint v = number;
    uint n = 0u;
    if (v < 0x10000u) { n += 16u; v = v << 16u; }
    if (v < 0x1000000u) { n += 8u; v = v << 8u; }
    if (v < 0x10000000u) { n += 4u; v = v << 4u; }
    if (v < 0x40000000u) { n += 2u; v = v << 2u; }
    if (v < 0x80000000u) { n += 1u; }
    return n;
}

/* To the nearest of floats, halves to the even one: a number of 64 bits, the uppermost being 1, whose lowest stands for
   2^(power - 1338). */
uint gmlp_round(uint sign, uint high, uint low, uint power) {
    uint rest = (high & 255u) << 1u;
    uint up = 0u;
    if (power <= 1148u) { return sign; }
    if (low != 0u) { rest += 1u; }
    rest += (high >> 8u) & 1u;
    if (rest > 256u) { up = 1u; }
    return sign | ((((power - 1149u) << 23u) + (high >> 8u)) + up);
}

/* a b + c, rounded once. Numbers below 2^-126 count as 0; there is no infinity. */
uint gmlp_fma(uint a, uint b, uint c) {
    uint sign = (a ^ b) & 0x80000000u;
    uint ea = (a >> 23u) & 255u;
    uint eb = (b >> 23u) & 255u;
    uint ec = (c >> 23u) & 255u;
    if (ea == 0u || eb == 0u) {
        if (ec == 0u) { return sign & c; }
        return c;
    }
    /* the product: 48 bits, moved up by 14 */
    uint ah = ((a & 0x7fffffu) | 0x800000u) >> 12u;
    uint al = a & 0xfffu;
    uint bh = ((b & 0x7fffffu) | 0x800000u) >> 12u;
    uint bl = b & 0xfffu;
    uint middle = (ah * bl) + (al * bh);
    uint low = al * bl;
    uint high = (middle >> 20u) + ((ah * bh) >> 8u);
    uint part = middle << 12u;
    low += part;
    if (low < part) { high += 1u; }
    part = (ah * bh) << 24u;
    low += part;
    if (low < part) { high += 1u; }
    high = (high << 14u) | (low >> 18u);
    low = low << 14u;
    uint power = (ea + eb) + 1024u;
    /* c beside it: what leaves either below is kept as its lowest bit */
    uint ch = 0u;
    uint cl = 0u;
    uint place = ((ec + 1164u) - ea) - eb;
    uint n = 0u;
    uint lost = 0u;
    if (ec != 0u) {
        cl = (c & 0x7fffffu) | 0x800000u;
        if (place >= 1039u) {
            n = place - 1038u;
            power += n;
            ch = cl << 6u;
            cl = 0u;
            if (n >= 64u) {
                high = 0u;
                low = 1u;
            } else {
                if (n >= 32u) {
                    lost = low;
                    low = high;
                    high = 0u;
                    n -= 32u;
                }
                if (n > 0u) {
                    lost = lost | (low << (32u - n));
                    low = (low >> n) | (high << (32u - n));
                    high = high >> n;
                }
                if (lost != 0u) { low = low | 1u; }
            }
        } else if (place > 1000u) {
            n = place - 1000u;
            if (n >= 32u) {
                ch = cl << (n - 32u);
                cl = 0u;
            } else {
                ch = cl >> (32u - n);
                cl = cl << n;
            }
        } else if (place < 1000u) {
            n = 1000u - place;
            if (n >= 24u) {
                cl = 1u;
            } else {
                lost = cl << (32u - n);
                cl = cl >> n;
                if (lost != 0u) { cl = cl | 1u; }
            }
        }
    }
    if (sign == (c & 0x80000000u)) {
        low += cl;
        if (low < cl) { high += 1u; }
        high += ch;
    } else {
        if (high < ch || (high == ch && low < cl)) {
            sign = sign ^ 0x80000000u;
            part = high; high = ch; ch = part;
            part = low; low = cl; cl = part;
        }
        if (low < cl) { high -= 1u; }
        low -= cl;
        high -= ch;
        if ((high | low) == 0u) { return 0u; }
    }
    if (high == 0u) {
        high = low;
        low = 0u;
        power -= 32u;
    }
    n = gmlp_zeros(high);
    if (n > 0u) {
        high = (high << n) | (low >> (32u - n));
        low = low << n;
    }
    return gmlp_round(sign, high, low, power - n);
}

uint gmlp_add(uint a, uint b) {
    return gmlp_fma(a, 0x3f800000u, b);
}

uint gmlp_multiply(uint a, uint b) {
    return gmlp_fma(a, b, (a ^ b) & 0x80000000u);
}

/* Of floats the one next to a whole number with a sign. */
uint gmlp_of_whole(uint number) {
    uint sign = number & 0x80000000u;
    uint v = number;
    if (v == 0u) { return 0u; }
    if (sign != 0u) { v = (~v) + 1u; }
    uint n = gmlp_zeros(v);
    return gmlp_round(sign, v << n, 0u, 1306u - n);
}

/* To 0..top. */
uint gmlp_held(uint a, uint top) {
    if ((a & 0x80000000u) != 0u) { return 0u; }
    return gmlp_least(a, top);
}

/* The loops below are short, and there for the size of the code: compilers put each gmlp_fma in its place. */

/* A row of a matrix. */
uint gmlp_mixed(uint row, uvec3 v) {
    uvec4 m = gmlp_four(row);
    uvec3 factors = uvec3(m.x, m.y, m.z);
    uint sum = (m.z ^ v.z) & 0x80000000u;
    for (uint k = 3u; k > 0u; k--) { sum = gmlp_fma(gmlp_of(factors, k - 1u), gmlp_of(v, k - 1u), sum); }
    return sum;
}

/* A curve (gmlp_device_curve, SEGMENTS), whose numbers are in quads at and at + 1, of what is not negative. */
uint gmlp_curve(uint at, uint a) {
    uvec4 c = gmlp_four(at);
    uvec4 d = gmlp_four(at + 1u);
    uint u = gmlp_multiply(a, c.x);
    uint v = gmlp_least(gmlp_most(u, c.y), c.z);
    uvec4 s = gmlp_four(d.y + ((v >> 18u) - c.w));
    uint t = gmlp_add(((v << 5u) & 0x7fffffu) | 0x3f800000u, 0xbfc00000u);
    if (u < c.y) { return gmlp_multiply(u, d.x); }
    uvec3 terms = uvec3(s.x, s.y, s.z);
    uint y = s.w;
    for (uint k = 3u; k > 0u; k--) { y = gmlp_fma(y, t, gmlp_of(terms, k - 1u)); }
    return y;
}

/* The network. */

/* The mean of a window's codes; beyond the picture are its outermost pixels again. */
uvec3 gmlp_mean(uint x, uint y, uint radius) {
    uvec4 head = gmlp_four(0u);
    uint side = (2u * radius) + 1u;
    uint area = side * side;
    uint red = area;
    uint green = area;
    uint blue = area;
    for (uint j = 0u; j < side; j++) {
        uint v = gmlp_least(gmlp_most(y + j, radius) - radius, head.w - 1u);
        for (uint i = 0u; i < side; i++) {
            uint u = gmlp_least(gmlp_most(x + i, radius) - radius, head.z - 1u);
            uvec3 code = gmlp_base(u, v);
            red += 2u * code.x;
            green += 2u * code.y;
            blue += 2u * code.z;
        }
    }
    return uvec3(red / (2u * area), green / (2u * area), blue / (2u * area));
}

/* Is a pixel of these codes for the network? 1 or 0 */
uint gmlp_is_lost(uvec3 code) {
    uvec4 head = gmlp_four(1u);
    uint low = gmlp_least(gmlp_least(code.x, code.y), code.z);
    uint high = gmlp_most(gmlp_most(code.x, code.y), code.z);
    if ((head.x & 1u) == 0u) { return 0u; }
    if ((head.x & 2u) != 0u) { return 1u; }
    if (high == 0u || low == 255u) { return 0u; }
    if (low <= head.y || high + head.y >= 255u) { return 1u; }
    return 0u;
}

/* The sine of a 2^32nd of a turn, within 1e-6. */
float gmlp_sine(uint turn) {
    float a = (float(turn ^ 0x80000000u) * 4.656612873077393e-10f) - 1.0f;
    float n = floor(a + 0.5f);
    float r = a - n;
    float t = r * r;
    float q = (((((((0.077220127f * t) - 0.59804517f) * t) + 2.55003142f) * t) - 5.16770697f) * t) + 3.1415925f;
    return q * (r * (1.0f - (2.0f * abs(n))));
}

/* The three outputs for a pixel of these codes and means. */
uvec3 gmlp_outputs(uint x, uint y, uvec3 code, uvec3 mean, uvec3 wide_mean) {
    uvec4 head = gmlp_four(1u);
    uvec4 window = gmlp_four(2u);
    uvec4 at = gmlp_four(3u);
    uvec4 more = gmlp_four(4u);
    uint words = (GMLP_NEURONS + 31u) / 32u;
    uint w = at.y;
    uint biased = 1u;
    uint j = 0u; /* HLSL's loops leave their variables behind them */
    uint k = 0u;
    float sum[GMLP_NEURONS];
    float part[GMLP_NEURONS];
    uint h[GMLP_NEURONS];
    if ((head.x & 8u) > 0u) { biased = 0u; }
    for (j = 0u; j < GMLP_NEURONS; j++) { sum[j] = 0.0f; }
    for (uint i = 0u; i < head.w; i++) {
        uvec4 place = gmlp_four(gmlp_least(5u + i, 7u));
        uint entry = x;
        uint index = (more.y * 4u) + ((x - window.z) * words);
        if (i == 1u) {
            entry = y;
            index = (more.z * 4u) + (y * words);
        }
        if (i > 1u) {
            if (i < 5u) { entry = gmlp_of(code, i - 2u); }
            else if (i < 8u) { entry = gmlp_of(mean, i - 5u); }
            else { entry = gmlp_of(wide_mean, i - 8u); }
            index = (at.z * 4u) + ((((i - 2u) * 256u) + entry) * words);
            place.w = gmlp_word(30u + i);
        }
        uint input_turn = (place.x + (place.y * entry)) + (((place.z * entry) + 32768u) >> 16u);
        for (j = 0u; j < GMLP_NEURONS; j++) { part[j] = 0.0f; }
        if (i == biased) {
            for (j = 0u; j < GMLP_NEURONS; j += 4u) {
                uvec4 v = gmlp_four(w);
                part[j] = uintBitsToFloat(v.x);
                part[j + 1u] = uintBitsToFloat(v.y);
                part[j + 2u] = uintBitsToFloat(v.z);
                part[j + 3u] = uintBitsToFloat(v.w);
                w += 1u;
            }
        }
        for (k = 0u; k < 2u * place.w; k++) {
            float s = gmlp_sine((input_turn << ((k >> 1u) + 2u)) + ((k & 1u) << 30u));
            for (j = 0u; j < GMLP_NEURONS; j += 4u) {
                uvec4 v = gmlp_four(w);
                part[j] += s * uintBitsToFloat(v.x);
                part[j + 1u] += s * uintBitsToFloat(v.y);
                part[j + 2u] += s * uintBitsToFloat(v.z);
                part[j + 3u] += s * uintBitsToFloat(v.w);
                w += 1u;
            }
        }
        for (k = 0u; k < words; k++) {
            uint odd = gmlp_word(index + k);
            for (j = 0u; j < 32u; j++) {
                uint l = (32u * k) + j;
                if (l < GMLP_NEURONS) {
                    float one = float((odd >> j) & 1u);
                    sum[l] += one + (2.0f * floor(((part[l] - one) * 0.5f) + 0.5f));
                }
            }
        }
    }
    uint total = 0u;
    for (j = 0u; j < GMLP_NEURONS; j++) {
        h[j] = 0u;
        if (sum[j] > 0.0f) { h[j] = uint(sum[j]); }
        total += h[j];
    }
    /* weights of the second layer have 32768 added to them */
    uint red = 0u;
    uint green = 0u;
    uint blue = 0u;
    w = at.w;
    for (j = 0u; j < GMLP_NEURONS; j++) {
        uvec4 third = gmlp_four(more.x + j);
        uint s = third.w - (32768u * total);
        for (k = 0u; k < GMLP_NEURONS; k += 8u) {
            uvec4 v = gmlp_four(w);
            s += ((v.x & 65535u) * h[k]) + ((v.x >> 16u) * h[k + 1u]);
            s += ((v.y & 65535u) * h[k + 2u]) + ((v.y >> 16u) * h[k + 3u]);
            s += ((v.z & 65535u) * h[k + 4u]) + ((v.z >> 16u) * h[k + 5u]);
            s += ((v.w & 65535u) * h[k + 6u]) + ((v.w >> 16u) * h[k + 7u]);
            w += 1u;
        }
        if (s < 0x80000000u) {
            s = s >> 16u;
            red += third.x * s;
            green += third.y * s;
            blue += third.z * s;
        }
    }
    uvec3 sums = uvec3(red, green, blue);
    uvec4 scales = gmlp_four(11u);
    uvec3 scale = uvec3(scales.x, scales.y, scales.z);
    uvec4 biases = gmlp_four(12u);
    uvec3 bias = uvec3(biases.x, biases.y, biases.z);
    uint o[3];
    for (uint c = 0u; c < 3u; c++) {
        o[c] = gmlp_fma(gmlp_of_whole(gmlp_of(sums, c)), gmlp_of(scale, c), gmlp_of(bias, c));
    }
    return uvec3(o[0], o[1], o[2]);
}

/* One channel of a pixel from the base's light, in the original's primaries, and the network's output. */
uint gmlp_restored(uint light, uint map) {
    uint method = gmlp_word(1u);
    uint one = 0x3f800000u;
    if (method == 1u) { return gmlp_held(gmlp_add(light, map), one); }
    uint v = map;
    if (method == 2u) {
        v = gmlp_held(gmlp_curve(19u, gmlp_held(light, gmlp_word(82u))), one);
        v = gmlp_add(v, map);
    }
    return gmlp_curve(21u, gmlp_held(v, one));
}

/* Linear light of the pixel with these codes, as floats' bits. The means are looked at where gmlp_is_lost alone. */
uvec3 gmlp_light(uint x, uint y, uvec3 code, uvec3 mean, uvec3 wide_mean) {
    uvec4 head = gmlp_four(1u);
    uvec4 at = gmlp_four(3u);
    uvec4 r = gmlp_four(at.x + code.x);
    uvec4 g = gmlp_four((at.x + 256u) + code.y);
    uvec4 b = gmlp_four((at.x + 512u) + code.z);
    uvec3 red = uvec3(r.x, r.y, r.z);
    uvec3 green = uvec3(g.x, g.y, g.z);
    uvec3 blue = uvec3(b.x, b.y, b.z);
    uvec3 base = uvec3(r.w, g.w, b.w);
    uint v[3];
    if (gmlp_is_lost(code) == 0u) {
        for (uint c = 0u; c < 3u; c++) {
            v[c] = gmlp_add(gmlp_add(gmlp_of(red, c), gmlp_of(green, c)), gmlp_of(blue, c));
        }
        return uvec3(v[0], v[1], v[2]);
    }
    uvec3 map = gmlp_outputs(x, y, code, mean, wide_mean);
    for (uint c = 0u; c < 3u; c++) { v[c] = gmlp_restored(gmlp_mixed(13u + c, base), gmlp_of(map, c)); }
    if ((head.x & 4u) != 0u) {
        uvec3 own = uvec3(v[0], v[1], v[2]);
        for (uint c = 0u; c < 3u; c++) { v[c] = gmlp_mixed(16u + c, own); }
    }
    return uvec3(v[0], v[1], v[2]);
}

/* The same with the windows' means found here. */
uvec3 gmlp_texel(uint x, uint y) {
    uvec4 head = gmlp_four(1u);
    uvec4 window = gmlp_four(2u);
    uvec3 code = gmlp_base(x, y);
    uvec3 mean = code;
    uvec3 wide_mean = code;
    if (gmlp_is_lost(code) != 0u) {
        if (head.w > 5u) { mean = gmlp_mean(x, y, window.x); }
        if (head.w > 8u) { wide_mean = gmlp_mean(x, y, window.y); }
    }
    return gmlp_light(x, y, code, mean, wide_mean);
}

void main() {
    uvec3 v = gmlp_texel(uint(gl_FragCoord.x) + from.x, uint(gl_FragCoord.y) + from.y);
    light = vec4(uintBitsToFloat(v.x), uintBitsToFloat(v.y), uintBitsToFloat(v.z), 1.0f);
}
