/* Made by make.sh of gamutmlp_decode.inc: edit these two.
   A compute shader of WGSL, for WebGPU. A rectangle of the picture to floats; an invocation a pixel. For another width
   of network replace the next number: it is word 6 of gmlp_shader_pack. */
const GMLP_NEURONS : u32 = 32u;
@group(0) @binding(0) var<storage, read> gmlp_pack : array<vec4<u32>>; /* of gmlp_shader_pack */
@group(0) @binding(1) var<storage, read> gmlp_codes : array<u32>;     /* RGBA8, row by row */
@group(0) @binding(2) var<storage, read_write> gmlp_result : array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> gmlp_rectangle : vec4<u32>;  /* x, y, width, height */

fn gmlp_four(i : u32) -> vec4<u32> { return gmlp_pack[i]; }
fn gmlp_word(i : u32) -> u32 { return gmlp_pack[i >> 2u][i & 3u]; }
/* Of a texture: vec3<u32>(textureLoad(base, vec2<u32>(x, y), 0).xyz * 255.0 + 0.5), of a unorm, not an srgb format. */
fn gmlp_base(x : u32, y : u32) -> vec3<u32> {
    let v = gmlp_codes[y * gmlp_pack[0].z + x];
    return vec3<u32>(v & 255u, (v >> 8u) & 255u, (v >> 16u) & 255u);
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

fn gmlp_least(a : u32, b : u32) -> u32 {
    if (a < b) { return a; }
    return b;
}

fn gmlp_most(a : u32, b : u32) -> u32 {
    if (a > b) { return a; }
    return b;
}

fn gmlp_of(v : vec3<u32>, c : u32) -> u32 {
    if (c == 0u) { return v.x; }
    if (c == 1u) { return v.y; }
    return v.z;
}

/* Floats as words. */

/* Leading zeros of a number above 0. */
fn gmlp_zeros(number : u32) -> u32 {
    var v : u32 = number;
    var n : u32 = 0u;
    if (v < 0x10000u) { n += 16u; v = v << 16u; }
    if (v < 0x1000000u) { n += 8u; v = v << 8u; }
    if (v < 0x10000000u) { n += 4u; v = v << 4u; }
    if (v < 0x40000000u) { n += 2u; v = v << 2u; }
    if (v < 0x80000000u) { n += 1u; }
    return n;
}

/* To the nearest of floats, halves to the even one: a number of 64 bits, the uppermost being 1, whose lowest stands for
   2^(power - 1338). */
fn gmlp_round(sign : u32, high : u32, low : u32, power : u32) -> u32 {
    var rest : u32 = (high & 255u) << 1u;
    var up : u32 = 0u;
    if (power <= 1148u) { return sign; }
    if (low != 0u) { rest += 1u; }
    rest += (high >> 8u) & 1u;
    if (rest > 256u) { up = 1u; }
    return sign | ((((power - 1149u) << 23u) + (high >> 8u)) + up);
}

/* a b + c, rounded once. Numbers below 2^-126 count as 0; there is no infinity. */
fn gmlp_fma(a : u32, b : u32, c : u32) -> u32 {
    var sign : u32 = (a ^ b) & 0x80000000u;
    var ea : u32 = (a >> 23u) & 255u;
    var eb : u32 = (b >> 23u) & 255u;
    var ec : u32 = (c >> 23u) & 255u;
    if (ea == 0u || eb == 0u) {
        if (ec == 0u) { return sign & c; }
        return c;
    }
    /* the product: 48 bits, moved up by 14 */
    var ah : u32 = ((a & 0x7fffffu) | 0x800000u) >> 12u;
    var al : u32 = a & 0xfffu;
    var bh : u32 = ((b & 0x7fffffu) | 0x800000u) >> 12u;
    var bl : u32 = b & 0xfffu;
    var middle : u32 = (ah * bl) + (al * bh);
    var low : u32 = al * bl;
    var high : u32 = (middle >> 20u) + ((ah * bh) >> 8u);
    var part : u32 = middle << 12u;
    low += part;
    if (low < part) { high += 1u; }
    part = (ah * bh) << 24u;
    low += part;
    if (low < part) { high += 1u; }
    high = (high << 14u) | (low >> 18u);
    low = low << 14u;
    var power : u32 = (ea + eb) + 1024u;
    /* c beside it: what leaves either below is kept as its lowest bit */
    var ch : u32 = 0u;
    var cl : u32 = 0u;
    var place : u32 = ((ec + 1164u) - ea) - eb;
    var n : u32 = 0u;
    var lost : u32 = 0u;
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

fn gmlp_add(a : u32, b : u32) -> u32 {
    return gmlp_fma(a, 0x3f800000u, b);
}

fn gmlp_multiply(a : u32, b : u32) -> u32 {
    return gmlp_fma(a, b, (a ^ b) & 0x80000000u);
}

/* Of floats the one next to a whole number with a sign. */
fn gmlp_of_whole(number : u32) -> u32 {
    var sign : u32 = number & 0x80000000u;
    var v : u32 = number;
    if (v == 0u) { return 0u; }
    if (sign != 0u) { v = (~v) + 1u; }
    var n : u32 = gmlp_zeros(v);
    return gmlp_round(sign, v << n, 0u, 1306u - n);
}

/* To 0..top. */
fn gmlp_held(a : u32, top : u32) -> u32 {
    if ((a & 0x80000000u) != 0u) { return 0u; }
    return gmlp_least(a, top);
}

/* The loops below are short, and there for the size of the code: compilers put each gmlp_fma in its place. */

/* A row of a matrix. */
fn gmlp_mixed(row : u32, v : vec3<u32>) -> u32 {
    var m : vec4<u32> = gmlp_four(row);
    var factors : vec3<u32> = vec3<u32>(m.x, m.y, m.z);
    var sum : u32 = (m.z ^ v.z) & 0x80000000u;
    for (var k : u32 = 3u; k > 0u; k--) { sum = gmlp_fma(gmlp_of(factors, k - 1u), gmlp_of(v, k - 1u), sum); }
    return sum;
}

/* A curve (gmlp_device_curve, SEGMENTS), whose numbers are in quads at and at + 1, of what is not negative. */
fn gmlp_curve(at : u32, a : u32) -> u32 {
    var c : vec4<u32> = gmlp_four(at);
    var d : vec4<u32> = gmlp_four(at + 1u);
    var u : u32 = gmlp_multiply(a, c.x);
    var v : u32 = gmlp_least(gmlp_most(u, c.y), c.z);
    var s : vec4<u32> = gmlp_four(d.y + ((v >> 18u) - c.w));
    var t : u32 = gmlp_add(((v << 5u) & 0x7fffffu) | 0x3f800000u, 0xbfc00000u);
    if (u < c.y) { return gmlp_multiply(u, d.x); }
    var terms : vec3<u32> = vec3<u32>(s.x, s.y, s.z);
    var y : u32 = s.w;
    for (var k : u32 = 3u; k > 0u; k--) { y = gmlp_fma(y, t, gmlp_of(terms, k - 1u)); }
    return y;
}

/* The network. */

/* The mean of a window's codes; beyond the picture are its outermost pixels again. */
fn gmlp_mean(x : u32, y : u32, radius : u32) -> vec3<u32> {
    var head : vec4<u32> = gmlp_four(0u);
    var side : u32 = (2u * radius) + 1u;
    var area : u32 = side * side;
    var red : u32 = area;
    var green : u32 = area;
    var blue : u32 = area;
    for (var j : u32 = 0u; j < side; j++) {
        var v : u32 = gmlp_least(gmlp_most(y + j, radius) - radius, head.w - 1u);
        for (var i : u32 = 0u; i < side; i++) {
            var u : u32 = gmlp_least(gmlp_most(x + i, radius) - radius, head.z - 1u);
            var code : vec3<u32> = gmlp_base(u, v);
            red += 2u * code.x;
            green += 2u * code.y;
            blue += 2u * code.z;
        }
    }
    return vec3<u32>(red / (2u * area), green / (2u * area), blue / (2u * area));
}

/* Is a pixel of these codes for the network? 1 or 0 */
fn gmlp_is_lost(code : vec3<u32>) -> u32 {
    var head : vec4<u32> = gmlp_four(1u);
    var low : u32 = gmlp_least(gmlp_least(code.x, code.y), code.z);
    var high : u32 = gmlp_most(gmlp_most(code.x, code.y), code.z);
    if ((head.x & 1u) == 0u) { return 0u; }
    if ((head.x & 2u) != 0u) { return 1u; }
    if (high == 0u || low == 255u) { return 0u; }
    if (low <= head.y || high + head.y >= 255u) { return 1u; }
    return 0u;
}

/* The sine of a 2^32nd of a turn, within 1e-6. */
fn gmlp_sine(turn : u32) -> f32 {
    var a : f32 = (f32(turn ^ 0x80000000u) * 4.656612873077393e-10f) - 1.0f;
    var n : f32 = floor(a + 0.5f);
    var r : f32 = a - n;
    var t : f32 = r * r;
    var q : f32 = (((((((0.077220127f * t) - 0.59804517f) * t) + 2.55003142f) * t) - 5.16770697f) * t) + 3.1415925f;
    return q * (r * (1.0f - (2.0f * abs(n))));
}

/* The three outputs for a pixel of these codes and means. */
fn gmlp_outputs(x : u32, y : u32, code : vec3<u32>, mean : vec3<u32>, wide_mean : vec3<u32>) -> vec3<u32> {
    var head : vec4<u32> = gmlp_four(1u);
    var window : vec4<u32> = gmlp_four(2u);
    var at : vec4<u32> = gmlp_four(3u);
    var more : vec4<u32> = gmlp_four(4u);
    var words : u32 = (GMLP_NEURONS + 31u) / 32u;
    var w : u32 = at.y;
    var biased : u32 = 1u;
    var j : u32 = 0u; /* HLSL's loops leave their variables behind them */
    var k : u32 = 0u;
    var sum : array<f32, GMLP_NEURONS>;
    var part : array<f32, GMLP_NEURONS>;
    var h : array<u32, GMLP_NEURONS>;
    if ((head.x & 8u) > 0u) { biased = 0u; }
    for (j = 0u; j < GMLP_NEURONS; j++) { sum[j] = 0.0f; }
    for (var i : u32 = 0u; i < head.w; i++) {
        var place : vec4<u32> = gmlp_four(gmlp_least(5u + i, 7u));
        var entry : u32 = x;
        var index : u32 = (more.y * 4u) + ((x - window.z) * words);
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
        var input_turn : u32 = (place.x + (place.y * entry)) + (((place.z * entry) + 32768u) >> 16u);
        for (j = 0u; j < GMLP_NEURONS; j++) { part[j] = 0.0f; }
        if (i == biased) {
            for (j = 0u; j < GMLP_NEURONS; j += 4u) {
                var v : vec4<u32> = gmlp_four(w);
                part[j] = bitcast<f32>(v.x);
                part[j + 1u] = bitcast<f32>(v.y);
                part[j + 2u] = bitcast<f32>(v.z);
                part[j + 3u] = bitcast<f32>(v.w);
                w += 1u;
            }
        }
        for (k = 0u; k < 2u * place.w; k++) {
            var s : f32 = gmlp_sine((input_turn << ((k >> 1u) + 2u)) + ((k & 1u) << 30u));
            for (j = 0u; j < GMLP_NEURONS; j += 4u) {
                var v : vec4<u32> = gmlp_four(w);
                part[j] += s * bitcast<f32>(v.x);
                part[j + 1u] += s * bitcast<f32>(v.y);
                part[j + 2u] += s * bitcast<f32>(v.z);
                part[j + 3u] += s * bitcast<f32>(v.w);
                w += 1u;
            }
        }
        for (k = 0u; k < words; k++) {
            var odd : u32 = gmlp_word(index + k);
            for (j = 0u; j < 32u; j++) {
                var l : u32 = (32u * k) + j;
                if (l < GMLP_NEURONS) {
                    var one : f32 = f32((odd >> j) & 1u);
                    sum[l] += one + (2.0f * floor(((part[l] - one) * 0.5f) + 0.5f));
                }
            }
        }
    }
    var total : u32 = 0u;
    for (j = 0u; j < GMLP_NEURONS; j++) {
        h[j] = 0u;
        if (sum[j] > 0.0f) { h[j] = u32(sum[j]); }
        total += h[j];
    }
    /* weights of the second layer have 32768 added to them */
    var red : u32 = 0u;
    var green : u32 = 0u;
    var blue : u32 = 0u;
    w = at.w;
    for (j = 0u; j < GMLP_NEURONS; j++) {
        var third : vec4<u32> = gmlp_four(more.x + j);
        var s : u32 = third.w - (32768u * total);
        for (k = 0u; k < GMLP_NEURONS; k += 8u) {
            var v : vec4<u32> = gmlp_four(w);
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
    var sums : vec3<u32> = vec3<u32>(red, green, blue);
    var scales : vec4<u32> = gmlp_four(11u);
    var scale : vec3<u32> = vec3<u32>(scales.x, scales.y, scales.z);
    var biases : vec4<u32> = gmlp_four(12u);
    var bias : vec3<u32> = vec3<u32>(biases.x, biases.y, biases.z);
    var o : array<u32, 3>;
    for (var c : u32 = 0u; c < 3u; c++) {
        o[c] = gmlp_fma(gmlp_of_whole(gmlp_of(sums, c)), gmlp_of(scale, c), gmlp_of(bias, c));
    }
    return vec3<u32>(o[0], o[1], o[2]);
}

/* One channel of a pixel from the base's light, in the original's primaries, and the network's output. */
fn gmlp_restored(light : u32, map : u32) -> u32 {
    var method : u32 = gmlp_word(1u);
    var one : u32 = 0x3f800000u;
    if (method == 1u) { return gmlp_held(gmlp_add(light, map), one); }
    var v : u32 = map;
    if (method == 2u) {
        v = gmlp_held(gmlp_curve(19u, gmlp_held(light, gmlp_word(82u))), one);
        v = gmlp_add(v, map);
    }
    return gmlp_curve(21u, gmlp_held(v, one));
}

/* Linear light of the pixel with these codes, as floats' bits. The means are looked at where gmlp_is_lost alone. */
fn gmlp_light(x : u32, y : u32, code : vec3<u32>, mean : vec3<u32>, wide_mean : vec3<u32>) -> vec3<u32> {
    var head : vec4<u32> = gmlp_four(1u);
    var at : vec4<u32> = gmlp_four(3u);
    var r : vec4<u32> = gmlp_four(at.x + code.x);
    var g : vec4<u32> = gmlp_four((at.x + 256u) + code.y);
    var b : vec4<u32> = gmlp_four((at.x + 512u) + code.z);
    var red : vec3<u32> = vec3<u32>(r.x, r.y, r.z);
    var green : vec3<u32> = vec3<u32>(g.x, g.y, g.z);
    var blue : vec3<u32> = vec3<u32>(b.x, b.y, b.z);
    var base : vec3<u32> = vec3<u32>(r.w, g.w, b.w);
    var v : array<u32, 3>;
    if (gmlp_is_lost(code) == 0u) {
        for (var c : u32 = 0u; c < 3u; c++) {
            v[c] = gmlp_add(gmlp_add(gmlp_of(red, c), gmlp_of(green, c)), gmlp_of(blue, c));
        }
        return vec3<u32>(v[0], v[1], v[2]);
    }
    var map : vec3<u32> = gmlp_outputs(x, y, code, mean, wide_mean);
    for (var c : u32 = 0u; c < 3u; c++) { v[c] = gmlp_restored(gmlp_mixed(13u + c, base), gmlp_of(map, c)); }
    if ((head.x & 4u) != 0u) {
        var own : vec3<u32> = vec3<u32>(v[0], v[1], v[2]);
        for (var c : u32 = 0u; c < 3u; c++) { v[c] = gmlp_mixed(16u + c, own); }
    }
    return vec3<u32>(v[0], v[1], v[2]);
}

/* The same with the windows' means found here. */
fn gmlp_texel(x : u32, y : u32) -> vec3<u32> {
    var head : vec4<u32> = gmlp_four(1u);
    var window : vec4<u32> = gmlp_four(2u);
    var code : vec3<u32> = gmlp_base(x, y);
    var mean : vec3<u32> = code;
    var wide_mean : vec3<u32> = code;
    if (gmlp_is_lost(code) != 0u) {
        if (head.w > 5u) { mean = gmlp_mean(x, y, window.x); }
        if (head.w > 8u) { wide_mean = gmlp_mean(x, y, window.y); }
    }
    return gmlp_light(x, y, code, mean, wide_mean);
}

@compute @workgroup_size(8, 8) fn main(@builtin(global_invocation_id) at : vec3<u32>) {
    let r = gmlp_rectangle;
    if (at.x < r.z && at.y < r.w) {
        let v = gmlp_texel(r.x + at.x, r.y + at.y);
        gmlp_result[at.y * r.z + at.x] = vec4<f32>(bitcast<f32>(v.x), bitcast<f32>(v.y), bitcast<f32>(v.z), 1.0);
    }
}
