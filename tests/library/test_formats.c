/* >>types and >>color: packed pixels, planes, alpha and the options of what is written, against code written from the
   specifications, on every instruction set. */
#include "gamutmlp.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { TYPES = 8, ISAS = 7, W = 70 };

static uint32_t seed = 1;
static uint32_t draw(void) {
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static gmlp_image view(void *data, uint32_t w, uint32_t h, int type, int channels, int space) {
    gmlp_image im = {data, w, h, 0, type, channels, space, 0};
    return im;
}

static int channels_of(int type) { /* 3 or 4 where there is a choice; 0: the format's own */
    return type <= GMLP_F32 ? 3 + (int)(draw() % 2) : 0;
}

static int has_alpha(int type) { return type <= GMLP_F32 || type == GMLP_BGRA8 || type == GMLP_RGB10A2; }

/* Any bits: all exponents, infinity, NaN, subnormal; or light of every day; or next to what a float can just hold. */
static float any_float(void) {
    static const float edge[] = {0.0f, -0.0f, 1.0f, 6.103515625e-5f, 6.1005353e-5f, 65024.0f, 65280.0f, 64512.0f, 65408.0f,
                                 65535.0f, 65536.0f, 511.5f, 511.49997f, 0.49999997f, 0.5f, 1.5f, 2.5f, 9.5367432e-7f,
                                 4.7683716e-7f, 1.52587890625e-5f, 1e-40f, -1.0f, -1e-40f, 3e38f, 0.99999994f, 255.5f};
    const uint32_t bits = draw() << 8 ^ draw(), kind = draw() % 4;
    float v;
    if (kind == 0) return edge[draw() % (sizeof edge / sizeof *edge)];
    if (kind == 1) return ldexpf((float)(draw() % 2048) + 0.5f, (int)(draw() % 40) - 30); /* in the middle */
    if (kind == 2) return (float)(draw() % 100000) / 50000.0f - 0.1f;
    memcpy(&v, &bits, 4);
    return v;
}

/* From the specifications. */

static float small_float(uint32_t bits, int m) {
    const int e = (int)(bits >> m), f = (int)(bits & ((1u << m) - 1));
    if (e == 31) return f ? NAN : INFINITY;
    return (float)(e ? ldexp(1.0 + ldexp(f, -m), e - 15) : ldexp(f, -14 - m));
}

static uint32_t to_small_float(double v, int m) {
    const double largest = small_float((31u << m) - 1, m);
    int e;
    if (!(v > 0)) return 0;
    if (v >= largest) return (31u << m) - 1;
    e = ilogb(v);
    if (e < -14) e = -14;
    return (uint32_t)((e + 14) << m) + (uint32_t)rint(ldexp(v, m - e)); /* one too many: the next exponent's first */
}

static uint32_t to_rgb9e5(const float rgb[3]) { /* Vulkan 1.3, 15.3 (and EXT_texture_shared_exponent) */
    const int N = 9, B = 15, most = 31;
    const double largest = (exp2(N) - 1) / exp2(N) * exp2(most - B);
    double c[3], max = 0;
    int e;
    uint32_t word = 0;
    for (int i = 0; i < 3; i++) {
        c[i] = rgb[i] > 0 ? fmin(largest, rgb[i]) : 0;
        max = fmax(max, c[i]);
    }
    e = (max > 0 ? (int)fmax(-B - 1, floor(log2(max))) : -B - 1) + 1 + B;
    if (max > 0 && ilogb(max) > -B - 1) e = ilogb(max) + 1 + B; /* the logarithm without rounding */
    if (floor(max / exp2(e - B - N) + 0.5) == exp2(N)) e++;
    for (int i = 0; i < 3; i++) word |= (uint32_t)floor(c[i] / exp2(e - B - N) + 0.5) << (9 * i);
    return word | (uint32_t)e << 27;
}

static void same_float(float got, float want) {
    if (isnan(want) ? isnan(got) : got == want) return;
    print_error("%.9g is not %.9g\n", (double)got, (double)want);
    fail();
}

/* All patterns of a channel, the others drawn. */
static void words_are_read(void **state) {
    static uint32_t words[65536];
    static float out[3 * 65536], alpha[4 * 65536];
    (void)state;
    for (int isa = 1; isa < ISAS; isa++) {
        gmlp_convert_opts o = {0};
        o.isa = isa;
        if (!gmlp_isa_available(isa)) continue;
        for (int type = GMLP_RGB10A2; type <= GMLP_RGB9E5; type++) {
            const uint32_t n = type == GMLP_RGB9E5 ? 16384 : 2048;
            const gmlp_image from = view(words, n, 1, type, 0, GMLP_ACESCG);
            const gmlp_image to = view(out, n, 1, GMLP_F32, 3, GMLP_ACESCG), four = view(alpha, n, 1, GMLP_F32, 4, GMLP_ACESCG);
            for (uint32_t i = 0; i < n; i++) {
                const uint32_t x = i & 2047, y = i * 7 + 3;
                words[i] = type == GMLP_RGB9E5 ? (i & 511) | (y & 511) << 9 | (i * 5 & 511) << 18 | (i >> 9) << 27
                           : type == GMLP_RGB10A2 ? (x & 1023) | (y & 1023) << 10 | (i * 5 & 1023) << 20 | i << 30
                                                  : x | (y & 2047) << 11 | (i * 5 & 1023) << 22;
            }
            assert_int_equal(gmlp_convert(&from, &to, &o), GMLP_OK);
            assert_int_equal(gmlp_convert(&from, &four, &o), GMLP_OK);
            for (uint32_t i = 0; i < n; i++) {
                const uint32_t w = words[i];
                float want[4] = {0, 0, 0, 1};
                for (int c = 0; c < 3; c++)
                    want[c] = type == GMLP_RGB10A2 ? (float)((w >> (10 * c) & 1023) / 1023.0)
                              : type == GMLP_RGB9E5 ? (float)ldexp(w >> (9 * c) & 511, (int)(w >> 27) - 24)
                              : c < 2 ? small_float(w >> (11 * c) & 2047, 6) : small_float(w >> 22, 5);
                if (type == GMLP_RGB10A2) want[3] = (float)((w >> 30) / 3.0);
                for (int c = 0; c < 3; c++) same_float(out[3 * i + (uint32_t)c], want[c]);
                for (int c = 0; c < 4; c++) same_float(alpha[4 * i + (uint32_t)c], want[c]);
            }
        }
    }
}

/* The code of v, and whether it is next to a border, where a float may go either way. */
static uint32_t to_code(float v, double last, int *doubtful) {
    const double x = v > 0 ? fmin(v, 1) * last : 0;
    *doubtful = fabs(x - floor(x) - 0.5) < 1e-3;
    return (uint32_t)floor(x + 0.5);
}

static void words_are_written(void **state) {
    enum { N = 20000 };
    static float in[4 * N];
    static uint32_t out[N], first[N];
    (void)state;
    for (int i = 0; i < 4 * N; i++) in[i] = any_float();
    for (int i = 0; i < N; i += 3) /* channels of one size */
        for (int c = 0; c < 3; c++) in[4 * i + c] = ldexpf((float)(draw() % 4096), (i / 3) % 33 - 27);
    for (int type = GMLP_BGRA8; type <= GMLP_RGB9E5; type++)
        for (int isa = 1; isa < ISAS; isa++) {
            gmlp_convert_opts o = {0};
            const gmlp_image from = view(in, N, 1, GMLP_F32, 4, GMLP_P3_LINEAR), to = view(out, N, 1, type, 0, GMLP_P3_LINEAR);
            o.isa = isa;
            if (!gmlp_isa_available(isa)) continue;
            assert_int_equal(gmlp_convert(&from, &to, &o), GMLP_OK);
            if (isa == 1) memcpy(first, out, sizeof out);
            assert_memory_equal(out, first, sizeof out);
            for (int i = 0; i < N && isa == 1; i++) {
                const float *v = in + 4 * i;
                if (type == GMLP_RGB9E5) assert_int_equal(out[i], to_rgb9e5(v));
                else if (type == GMLP_R11G11B10F) {
                    assert_int_equal(out[i], to_small_float(v[0], 6) | to_small_float(v[1], 6) << 11 |
                                             to_small_float(v[2], 5) << 22);
                } else {
                    unsigned char b[4];
                    memcpy(b, out + i, 4);
                    for (int c = 0; c < 4; c++) {
                        int doubtful;
                        const uint32_t got = type == GMLP_BGRA8 ? b[c < 3 ? 2 - c : 3] : out[i] >> (10 * c) & 1023;
                        const uint32_t want = to_code(v[c], type == GMLP_BGRA8 ? 255 : c == 3 ? 3 : 1023, &doubtful);
                        if (!doubtful) assert_int_equal(got, want);
                    }
                }
            }
        }
}

static void words_come_back(void **state) {
    static uint32_t words[4096], out[4096];
    static const int spaces[] = {GMLP_SRGB, GMLP_REC2020_PQ, GMLP_SRGB_LINEAR};
    (void)state;
    for (int type = GMLP_BGRA8; type <= GMLP_RGB9E5; type++)
        for (int s = 0; s < 3; s++)
            for (int down = 0; down < 2; down++) {
                gmlp_convert_opts o = {0};
                const gmlp_image a = view(words, 4096, 1, type, 0, spaces[s]), b = view(out, 4096, 1, type, 0, spaces[s]);
                if (type > GMLP_RGB10A2 && s < 2) continue; /* a curve and back: the last bit of a mantissa */
                o.round_down = down;
                for (int i = 0; i < 4096; i++) {
                    const uint32_t grey = (uint32_t)i & 1023;
                    words[i] = grey | grey << 10 | grey << 20 | (uint32_t)i << 30;
                    if (type == GMLP_RGB9E5) words[i] = (256u + (draw() & 255)) | (draw() & 511) << 9 | (uint32_t)i << 27;
                    if (type == GMLP_R11G11B10F)
                        words[i] = (draw() % 1984) | (draw() % 1984) << 11 | (uint32_t)(draw() % 992) << 22;
                }
                assert_int_equal(gmlp_convert(&a, &b, &o), GMLP_OK);
                assert_memory_equal(words, out, sizeof out);
            }
}

/* Alpha. */

static double alpha_value(const unsigned char *p, int type, int planar) {
    const size_t sample = gmlp_pixel_size(type, 1);
    uint32_t word = 0;
    uint16_t half;
    float f;
    if (type == GMLP_RGB10A2) {
        memcpy(&word, p, 4);
        return (word >> 30) / 3.0;
    }
    if (type == GMLP_BGRA8) return p[3] / 255.0;
    if (!planar) p += 3 * sample;
    if (type == GMLP_U8) return p[0] / 255.0;
    memcpy(&half, p, 2);
    if (type == GMLP_U16) return half / 65535.0;
    if (type == GMLP_F16) return gmlp_half_to_float(half);
    memcpy(&f, p, 4);
    return f;
}

static void alpha_goes_along(void **state) {
    enum { N = 65535 };
    static float source[4 * N];
    static unsigned char from[16 * N], to[16 * N], before[16 * N];
    (void)state;
    for (int i = 0; i < 4 * N; i++) source[i] = (float)(i / 4) / (N - 1);
    for (int i = 0; i < 16 * N; i++) before[i] = (unsigned char)draw();
    for (int a = 1; a <= TYPES; a++)
        for (int b = 1; b <= TYPES; b++)
            for (int mode = 0; mode < 3; mode++) {
                gmlp_image wide = view(source, N, 1, GMLP_F32, 4, GMLP_SRGB);
                gmlp_image src = view(from, N, 1, a, a <= GMLP_F32 ? 4 : 0, GMLP_SRGB);
                gmlp_image dst = view(to, N, 1, b, b <= GMLP_F32 ? 4 : 0, GMLP_SRGB);
                const size_t in = gmlp_pixel_size(a, src.channels), out = gmlp_pixel_size(b, dst.channels);
                const int planar = b <= GMLP_F32 && (a + b) % 3 == 1; /* some of the pairs */
                const size_t sample = gmlp_pixel_size(b, 1);
                const double last = b == GMLP_U16 ? 65535 : b == GMLP_RGB10A2 ? 3 : b == GMLP_U8 || b == GMLP_BGRA8 ? 255 : 0;
                gmlp_convert_opts o = {0};
                if (!has_alpha(b)) continue;
                o.alpha = mode;
                if (planar) dst.plane_stride = (ptrdiff_t)(sample * N);
                assert_int_equal(gmlp_convert(&wide, &src, NULL), GMLP_OK);
                memcpy(to, before, sizeof to);
                assert_int_equal(gmlp_convert(&src, &dst, &o), GMLP_OK);
                for (size_t i = 0; i < N; i++) {
                    const size_t at = planar ? 3 * sample * N + i * sample : i * out;
                    const double was = has_alpha(a) ? alpha_value(from + i * in, a, 0) : 1;
                    const double is = alpha_value(to + at, b, planar);
                    if (mode == GMLP_ALPHA_KEEP) {
                        const double kept = alpha_value(before + at, b, planar);
                        if (kept == kept) assert_true(is == kept);
                    } else if (mode == GMLP_ALPHA_OPAQUE) assert_true(is == 1);
                    else if (last > 0) assert_true(fabs(is * last - was * last) <= 0.5 + last * 1e-7);
                    else assert_true(fabs(is - was) <= was * (b == GMLP_F16 ? 4.9e-4 : 1e-7) + 3e-8);
                    if (a == GMLP_U8 && b == GMLP_U16 && !planar && mode == GMLP_ALPHA_SOURCE) {
                        uint16_t code;
                        memcpy(&code, to + at + 6, 2);
                        assert_int_equal(code, from[4 * i + 3] * 257);
                    }
                }
            }
}

static void alpha_stays_within_its_range(void **state) {
    float in[8] = {0, 0, 0, NAN, 0, 0, 0, 7}, out[8];
    gmlp_image a = view(in, 2, 1, GMLP_F32, 4, GMLP_SRGB), b = view(out, 2, 1, GMLP_F32, 4, GMLP_SRGB);
    (void)state;
    assert_int_equal(gmlp_convert(&a, &b, NULL), GMLP_OK);
    assert_true(out[3] == 0 && out[7] == 1);
}

/* Layouts: every one gives the pixels that tight interleaved rows give on one instruction set, and nothing else is
   touched. */

/* The bytes of channel c of pixel x, y. */
static unsigned char *sample_at(const gmlp_image *im, uint32_t x, uint32_t y, int c) {
    const size_t sample = gmlp_pixel_size(im->type, 1);
    unsigned char *row = (unsigned char *)im->data + (ptrdiff_t)y * im->stride;
    if (!sample) return row + 4 * x; /* the whole pixel */
    if (im->plane_stride) return row + c * im->plane_stride + x * sample;
    return row + (x * (uint32_t)im->channels + (uint32_t)c) * sample;
}

static void layouts_agree(void **state) {
    enum { H = 3, ROOM = 4 * H * (W * 16 + 64) };
    static unsigned char tight_in[ROOM], tight_out[ROOM], in[ROOM], out[ROOM], marked[ROOM];
    (void)state;
    for (uint32_t w = 1; w <= W; w++)
        for (int k = 0; k < TYPES * TYPES; k++) {
            const int from = 1 + k % TYPES, to = 1 + k / TYPES;
            const int ci = channels_of(from);
            const int co = channels_of(to);
            const int spaces[] = {GMLP_SRGB, GMLP_PROPHOTO, GMLP_REC2020_PQ, GMLP_REC2020_HLG, GMLP_P3_LINEAR, GMLP_ADOBERGB};
            gmlp_image a = view(tight_in, w, H, from, ci, spaces[draw() % 6]), b = view(tight_out, w, H, to, co, spaces[draw() % 6]);
            gmlp_image c = a, d = b, *const both[2] = {&c, &d};
            gmlp_convert_opts o = {0};
            a.stride = (ptrdiff_t)(w * gmlp_pixel_size(from, ci));
            b.stride = (ptrdiff_t)(w * gmlp_pixel_size(to, co));
            for (size_t i = 0; i < ROOM; i++) tight_in[i] = in[i] = (unsigned char)draw(), tight_out[i] = 0x33;
            if (from == GMLP_F32)
                for (size_t i = 0; i + 4 <= ROOM; i += 4) {
                    const float v = any_float();
                    memcpy(tight_in + i, &v, 4);
                }
            o.alpha = (int)(draw() % 2);
            o.round_down = (int)(draw() % 2);
            o.clamp_negative = (int)(draw() % 2);
            o.isa = GMLP_ISA_SCALAR;
            assert_int_equal(gmlp_convert(&a, &b, &o), GMLP_OK);
            for (int i = 0; i < 2; i++) { /* planes, planes row by row, or loose rows; up or down; any address */
                gmlp_image *im = both[i];
                const size_t sample = gmlp_pixel_size(im->type, 1), row = w * (sample ? sample : 4) + draw() % 7;
                const int planar = sample && draw() % 3;
                const ptrdiff_t channels = im->channels;
                im->data = (i ? out : in) + draw() % 9;
                if (!planar) im->stride = (ptrdiff_t)(w * gmlp_pixel_size(im->type, im->channels) + draw() % 7);
                else if (draw() % 2) im->stride = (ptrdiff_t)row, im->plane_stride = (ptrdiff_t)row * H;
                else im->stride = (ptrdiff_t)row * channels, im->plane_stride = (ptrdiff_t)row;
                if (draw() % 2) {
                    im->data = (unsigned char *)im->data + 2 * im->stride;
                    im->stride = -im->stride;
                }
                if (planar && draw() % 2) {
                    im->data = (unsigned char *)im->data + (channels - 1) * im->plane_stride;
                    im->plane_stride = -im->plane_stride;
                }
            }
            for (uint32_t y = 0; y < H; y++)
                for (uint32_t x = 0; x < w; x++)
                    for (int s = 0; s < (from <= GMLP_F32 ? ci : 1); s++)
                        memcpy(sample_at(&c, x, y, s), sample_at(&a, x, y, s), from <= GMLP_F32 ? gmlp_pixel_size(from, 1) : 4);
            for (int isa = 1; isa < ISAS; isa++) {
                if (!gmlp_isa_available(isa)) continue;
                o.isa = isa;
                memset(out, 0xa5, sizeof out);
                memset(marked, 0, sizeof marked);
                assert_int_equal(gmlp_convert(&c, &d, &o), GMLP_OK);
                for (uint32_t y = 0; y < H; y++)
                    for (uint32_t x = 0; x < w; x++)
                        for (int s = 0; s < (to <= GMLP_F32 ? co : 1); s++) {
                            const size_t n = to <= GMLP_F32 ? gmlp_pixel_size(to, 1) : 4;
                            assert_memory_equal(sample_at(&d, x, y, s), sample_at(&b, x, y, s), n);
                            memset(marked + (sample_at(&d, x, y, s) - out), 1, n);
                        }
                for (size_t i = 0; i < ROOM; i++)
                    if (!marked[i] && out[i] != 0xa5) fail();
            }
        }
}

/* Options. */

static void scale_is_of_light(void **state) {
    float in[6] = {0.1f, 0.5f, 1.0f, 2.0f, -0.25f, 0.0f}, out[6];
    uint8_t codes[6] = {0, 10, 100, 200, 250, 255};
    (void)state;
    for (int eight = 0; eight < 2; eight++) {
        gmlp_image a = eight ? view(codes, 2, 1, GMLP_U8, 3, GMLP_SRGB) : view(in, 2, 1, GMLP_F32, 3, GMLP_SRGB);
        gmlp_image b = view(out, 2, 1, GMLP_F32, 3, GMLP_SRGB_LINEAR);
        gmlp_convert_opts o = {0};
        o.scale = 203.0 / 80;
        assert_int_equal(gmlp_convert(&a, &b, &o), GMLP_OK);
        for (int i = 0; i < 6; i++) {
            const double v = gmlp_curve_decode(GMLP_SRGB, eight ? codes[i] / 255.0 : (double)in[i], 0) * (203.0 / 80);
            assert_true(fabs(out[i] - v) <= 3e-6 * fabs(v));
        }
    }
}

static void negative_light_can_be_clamped(void **state) {
    float in[18] = {-1, 0.5f, 2, NAN, -INFINITY, INFINITY, -0.0f, -1e-30f, 1e-30f};
    uint16_t half[9];
    float out[9];
    gmlp_image a = view(in, 3, 1, GMLP_F32, 3, GMLP_P3), h = view(half, 3, 1, GMLP_F16, 3, GMLP_P3);
    gmlp_image f = view(out, 3, 1, GMLP_F32, 3, GMLP_P3);
    gmlp_convert_opts o = {0};
    (void)state;
    o.clamp_negative = 1;
    for (int isa = 1; isa < ISAS; isa++) {
        const float want[9] = {0, 0.5f, 2, 0, 0, INFINITY, 0, 0, 1e-30f};
        o.isa = isa;
        if (!gmlp_isa_available(isa)) continue;
        assert_int_equal(gmlp_convert(&a, &f, &o), GMLP_OK);
        assert_int_equal(gmlp_convert(&a, &h, &o), GMLP_OK);
        for (int i = 0; i < 9; i++) {
            assert_true(out[i] == want[i] || fabsf(out[i] - want[i]) < 4e-6f * want[i]);
            assert_false(signbit(out[i]));
            assert_int_equal(half[i], gmlp_half_from_float(out[i]));
        }
    }
}

/* Light of the primaries to XYZ, by Cramer's rule: what adds up to white, of which Y is 1 (SMPTE RP 177). */
static void primaries_to_xyz(const gmlp_primaries *p, double m[9]) {
    const double *const of[4] = {p->red, p->green, p->blue, p->white};
    double v[4][3], whole = 0;
    for (int k = 0; k < 4; k++) {
        v[k][0] = of[k][0] / of[k][1];
        v[k][1] = 1;
        v[k][2] = (1 - of[k][0] - of[k][1]) / of[k][1];
    }
    for (int k = -1; k < 3; k++) { /* with white in place of primary k */
        const double *a = v[k == 0 ? 3 : 0], *b = v[k == 1 ? 3 : 1], *c = v[k == 2 ? 3 : 2];
        const double det = a[0] * (b[1] * c[2] - b[2] * c[1]) - b[0] * (a[1] * c[2] - a[2] * c[1]) +
                           c[0] * (a[1] * b[2] - a[2] * b[1]);
        if (k < 0) whole = det;
        else
            for (int i = 0; i < 3; i++) m[3 * i + k] = v[k][i] * det / whole;
    }
}

static void primaries_may_be_those_of_a_display(void **state) {
    const gmlp_primaries p3 = {{0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}, {0.3127, 0.3290}};
    const gmlp_primaries other = {{0.65, 0.33}, {0.28, 0.65}, {0.15, 0.05}, {0.32, 0.34}};
    static uint16_t in[3 * 500];
    static uint8_t a[3 * 500], b[3 * 500];
    float light[3] = {0.2f, 0.5f, 0.7f}, out[3];
    gmlp_convert_opts o = {0};
    gmlp_image from = view(in, 500, 1, GMLP_U16, 3, GMLP_PROPHOTO), to = view(a, 500, 1, GMLP_U8, 3, GMLP_P3);
    gmlp_image srgb = view(b, 500, 1, GMLP_U8, 3, GMLP_SRGB);
    gmlp_image l = view(light, 1, 1, GMLP_F32, 3, GMLP_SRGB_LINEAR), made = view(out, 1, 1, GMLP_F32, 3, GMLP_SRGB_LINEAR);
    gmlp_primaries d65 = other;
    double m[9], xyz[3] = {0}, back[3];
    (void)state;
    for (int i = 0; i < 1500; i++) in[i] = (uint16_t)draw();
    assert_int_equal(gmlp_convert(&from, &to, NULL), GMLP_OK);
    o.primaries = &p3;
    assert_int_equal(gmlp_convert(&from, &srgb, &o), GMLP_OK); /* the same curve */
    assert_memory_equal(a, b, sizeof a);
    { /* without another white: light means the same XYZ */
        d65.white[0] = 0.3127;
        d65.white[1] = 0.3290;
        o.primaries = &d65;
        assert_int_equal(gmlp_convert(&l, &made, &o), GMLP_OK);
    }
    gmlp_space_to_xyz(GMLP_SRGB, m);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) xyz[i] += m[3 * i + j] * (double)light[j];
    primaries_to_xyz(&d65, m);
    for (int i = 0; i < 3; i++) {
        back[i] = 0;
        for (int j = 0; j < 3; j++) back[i] += m[3 * i + j] * (double)out[j];
        assert_true(fabs(back[i] - xyz[i]) < 1e-6);
    }
    o.primaries = &other; /* another white: white stays white */
    light[0] = light[1] = light[2] = 1;
    assert_int_equal(gmlp_convert(&l, &made, &o), GMLP_OK);
    for (int i = 0; i < 3; i++) assert_true(fabsf(out[i] - 1) < 1e-6f);
}

/* The converter and memory. */

typedef struct counted {
    int allocated, freed, forbidden;
    void *last;
} counted;
static void *counting(void *user, size_t size) {
    counted *c = (counted *)user;
    assert_false(c->forbidden);
    c->allocated++;
    return c->last = malloc(size);
}
static void releasing(void *user, void *p, size_t size) {
    counted *c = (counted *)user;
    (void)size;
    assert_false(c->forbidden);
    c->freed++;
    free(p);
}
static void forbidding(void *user, void (*job)(void *, size_t), void *ctx, size_t count) {
    ((counted *)user)->forbidden = 1; /* no allocation in a job */
    while (count--) job(ctx, count);
    ((counted *)user)->forbidden = 0;
}

static void a_converter_is_convert(void **state) {
    static uint16_t in[40 * 200 * 4];
    static uint32_t a[40 * 200], b[40 * 200];
    const int spaces[] = {GMLP_SRGB, GMLP_REC2020_PQ, GMLP_REC2020_HLG};
    (void)state;
    for (int i = 0; i < 40 * 200 * 4; i++) in[i] = (uint16_t)draw();
    for (int s = 0; s < 3; s++)
        for (int t = 0; t < 3; t++)
            for (int channels = 3; channels <= 4; channels++) {
                counted c = {0, 0, 0, NULL};
                gmlp_image from = view(in, 40, 200, GMLP_U16, channels, spaces[s]), to = view(a, 40, 200, GMLP_RGB10A2, 0, spaces[t]);
                gmlp_image part = from, out = to;
                gmlp_convert_opts o = {0};
                gmlp_converter *v;
                o.alloc.user = o.threads.user = &c;
                o.alloc.alloc = counting;
                o.alloc.free = releasing;
                o.threads.parallel_for = forbidding;
                assert_int_equal(gmlp_convert(&from, &to, &o), GMLP_OK);
                assert_int_equal(c.allocated, 1);
                assert_int_equal(c.freed, 1);
                assert_int_equal(gmlp_converter_create(GMLP_U16, spaces[s], GMLP_RGB10A2, spaces[t], &o, &v), GMLP_OK);
                assert_int_equal(c.allocated, 2);
                c.forbidden = 1;
                part.space = out.space = 0; /* nobody looks */
                part.height = out.height = 50;
                out.data = b;
                for (int k = 0; k < 4; k++) {
                    part.data = in + (size_t)k * 50 * 40 * (size_t)channels;
                    out.data = b + k * 50 * 40;
                    assert_int_equal(gmlp_converter_rows(v, &part, &out), GMLP_OK);
                }
                assert_memory_equal(a, b, sizeof a);
                out.type = GMLP_BGRA8;
                assert_int_equal(gmlp_converter_rows(v, &part, &out), GMLP_E_ARGUMENT);
                out.type = GMLP_RGB10A2;
                out.height = 49;
                assert_int_equal(gmlp_converter_rows(v, &part, &out), GMLP_E_ARGUMENT);
                assert_int_equal(gmlp_converter_rows(NULL, &part, &part), GMLP_E_ARGUMENT);
                assert_int_equal(gmlp_converter_rows(v, NULL, &part), GMLP_E_ARGUMENT);
                c.forbidden = 0;
                gmlp_converter_free(v);
                assert_int_equal(c.freed, 2);
            }
    gmlp_converter_free(NULL);
}

static void *no_memory(void *user, size_t size) {
    (void)user;
    (void)size;
    return NULL;
}

static void half_of_an_allocator_has_a_meaning(void **state) {
    uint8_t in[3] = {1, 2, 3}, out[3];
    gmlp_image a = view(in, 1, 1, GMLP_U8, 3, GMLP_SRGB), b = view(out, 1, 1, GMLP_U8, 3, GMLP_P3);
    gmlp_gamut_report report;
    counted c = {0, 0, 0, NULL};
    gmlp_convert_opts o = {0};
    gmlp_converter *v;
    (void)state;
    o.alloc.user = &c;
    o.alloc.alloc = counting; /* an arena */
    assert_int_equal(gmlp_convert(&a, &b, &o), GMLP_OK);
    assert_int_equal(c.allocated, 1);
    free(c.last);
    o.alloc.alloc = NULL;
    o.alloc.free = releasing;
    assert_int_equal(gmlp_convert(&a, &b, &o), GMLP_OK);
    b.space = GMLP_SRGB;
    assert_int_equal(gmlp_reduce(&a, &b, &o, &report), GMLP_OK);
    assert_int_equal(c.freed, 0);
    o.alloc.alloc = no_memory;
    v = (gmlp_converter *)&o;
    assert_int_equal(gmlp_converter_create(GMLP_U8, GMLP_SRGB, GMLP_U8, GMLP_P3, &o, &v), GMLP_E_MEMORY);
    assert_null(v);
}

static void what_does_not_exist_is_refused(void **state) {
    static uint8_t data[64 * 64];
    const gmlp_primaries line = {{0.3, 0.3}, {0.4, 0.4}, {0.5, 0.5}, {0.3127, 0.3290}};
    const gmlp_primaries black = {{0.64, 0.33}, {0.3, 0.6}, {0.15, 0.06}, {0.3, 0}};
    const gmlp_primaries nan = {{NAN, 0.33}, {0.3, 0.6}, {0.15, 0.06}, {0.3127, 0.3290}};
    const gmlp_primaries fine = {{0.64, 0.33}, {0.3, 0.6}, {0.15, 0.06}, {0.3127, 0.3290}};
    const gmlp_image good = view(data, 4, 4, GMLP_U16, 3, GMLP_SRGB);
    gmlp_image bad, base = view(data, 4, 4, GMLP_U8, 3, GMLP_SRGB);
    gmlp_convert_opts o;
    gmlp_converter *v;
    (void)state;
#define VIEW(change, result)                                 \
    bad = good;                                              \
    change;                                                  \
    assert_int_equal(gmlp_convert(&bad, &good, NULL), result)
    VIEW((bad.type = GMLP_BGRA8, bad.channels = 3), GMLP_E_ARGUMENT);
    VIEW((bad.type = GMLP_RGB9E5, bad.channels = 4), GMLP_E_ARGUMENT);
    VIEW((bad.type = GMLP_RGB10A2, bad.channels = 0, bad.plane_stride = 64), GMLP_E_ARGUMENT);
    VIEW(bad.plane_stride = 32, GMLP_OK);
    VIEW(bad.plane_stride = 31, GMLP_E_ARGUMENT);
    VIEW(bad.plane_stride = PTRDIFF_MAX, GMLP_E_ARGUMENT);
    VIEW(bad.plane_stride = PTRDIFF_MIN, GMLP_E_ARGUMENT);
    VIEW(bad.plane_stride = 7, GMLP_E_ARGUMENT);
    VIEW((bad.plane_stride = 8, bad.stride = 24), GMLP_OK);
    VIEW((bad.plane_stride = 8, bad.stride = 23), GMLP_E_ARGUMENT);
    VIEW((bad.plane_stride = 8, bad.stride = 24, bad.channels = 4), GMLP_E_ARGUMENT);
    VIEW((bad.plane_stride = PTRDIFF_MIN / 8, bad.stride = 7), GMLP_E_ARGUMENT);
    base.plane_stride = 16;
    assert_int_equal(gmlp_reduce(&good, &base, NULL, NULL), GMLP_E_ARGUMENT);
    base.plane_stride = 0;
#define OPTION(change)                                                  \
    memset(&o, 0, sizeof o);                                            \
    change;                                                             \
    assert_int_equal(gmlp_convert(&good, &good, &o), GMLP_E_ARGUMENT)
    OPTION(o.alpha = 3);
    OPTION(o.alpha = -1);
    OPTION(o.scale = -1);
    OPTION(o.scale = NAN);
    OPTION(o.scale = INFINITY);
    OPTION(o.primaries = &line);
    OPTION(o.primaries = &black);
    OPTION(o.primaries = &nan);
    memset(&o, 0, sizeof o);
    o.scale = 2;
    assert_int_equal(gmlp_reduce(&good, &base, &o, NULL), GMLP_E_ARGUMENT);
    o.scale = 0;
    o.primaries = &fine;
    assert_int_equal(gmlp_converter_create(GMLP_U8, GMLP_SRGB, GMLP_U8, GMLP_REC2020_HLG, &o, &v), GMLP_E_ARGUMENT);
    assert_null(v);
    assert_int_equal(gmlp_converter_create(GMLP_U8, GMLP_SRGB, 9, GMLP_SRGB, NULL, &v), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_converter_create(0, GMLP_SRGB, GMLP_U8, GMLP_SRGB, NULL, &v), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_converter_create(GMLP_U8, 0, GMLP_U8, GMLP_SRGB, NULL, &v), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_converter_create(GMLP_U8, GMLP_SRGB, GMLP_U8, 99, NULL, &v), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_converter_create(GMLP_U8, GMLP_SRGB, GMLP_U8, GMLP_SRGB, NULL, NULL), GMLP_E_ARGUMENT);
}

/* Alpha of a plane, where the colours' codes are put together first. */
static void alpha_of_planes(void **state) {
    enum { W_ = 1000, H_ = 40, N_ = W_ * H_ };
    uint8_t *planes = malloc(N_ * 4), *to = malloc(N_ * 4);
    const int spaces[][2] = {{GMLP_SYCC, GMLP_P3}, {GMLP_ADOBERGB, GMLP_SRGB}, {GMLP_P3, GMLP_SRGB}};
    (void)state;
    for (int i = 0; i < 4 * N_; i++) planes[i] = i < 3 * N_ ? (uint8_t)(60 + i % 130) : (uint8_t)(i * 7);
    for (size_t k = 0; k < sizeof spaces / sizeof *spaces; k++)
        for (int reduces = 0; reduces < (k ? 2 : 1); reduces++) {
            const gmlp_image from = {planes, W_, H_, 0, GMLP_U8, 4, spaces[k][0], N_},
                             out = {to, W_, H_, 0, GMLP_U8, 4, spaces[k][1], 0};
            memset(to, 0, N_ * 4);
            if (reduces) assert_int_equal(gmlp_reduce(&from, &out, NULL, NULL), GMLP_OK);
            else assert_int_equal(gmlp_convert(&from, &out, NULL), GMLP_OK);
            for (int i = 0; i < N_; i++) assert_int_equal(to[4 * i + 3], planes[3 * N_ + i]);
        }
    free(planes), free(to);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alpha_of_planes), cmocka_unit_test(words_are_read),
        cmocka_unit_test(words_are_written),
        cmocka_unit_test(words_come_back),
        cmocka_unit_test(alpha_goes_along),
        cmocka_unit_test(alpha_stays_within_its_range),
        cmocka_unit_test(layouts_agree),
        cmocka_unit_test(scale_is_of_light),
        cmocka_unit_test(negative_light_can_be_clamped),
        cmocka_unit_test(primaries_may_be_those_of_a_display),
        cmocka_unit_test(a_converter_is_convert),
        cmocka_unit_test(half_of_an_allocator_has_a_meaning),
        cmocka_unit_test(what_does_not_exist_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
