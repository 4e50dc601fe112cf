/* >>gamut: reduction, masks and soft clip against a reference in double, and across instruction
   sets. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const int isas[] = {GMLP_ISA_SCALAR, GMLP_ISA_AVX2,  GMLP_ISA_AVX512,
                           GMLP_ISA_NEON,   GMLP_ISA_SSE41, GMLP_ISA_WASM};

static uint32_t seed = 1;
static uint32_t draw(void) {
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static gmlp_image view(void *data, uint32_t w, uint32_t h, int type, int channels, int space) {
    gmlp_image im = {data, w, h, 0, type, channels, space, 0};
    return im;
}

static double ref_curve(double x) { return x <= 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1 / 2.4) - 0.055; }

/* One pixel by the definition. 1: some value is too near to a border to tell. */
static int ref_reduce(const double m[9], const double light[3], int truncate, int code[3], int *og) {
    int below = 0, above = 0, doubtful = 0;
    for (int i = 0; i < 3; i++) {
        double v = m[3 * i] * light[0] + m[3 * i + 1] * light[1] + m[3 * i + 2] * light[2], c;
        below += v < 0;
        above += v > 1;
        doubtful |= fabs(v) < 2e-6 || fabs(v - 1) < 2e-6;
        c = 255 * ref_curve(v < 0 ? 0 : v) + (truncate ? 0 : 0.5);
        code[i] = v >= 1 ? 255 : (int)c;
        doubtful |= v > 0 && v < 1 && fabs(c - floor(c + 0.5)) < 1e-3;
    }
    *og = below + above > 0 && below < 3 && above < 3;
    return doubtful;
}

/* Out of gamut, in plain words: some channel outside [0,1], but not all below or all above. */
static int rule(float r, float g, float b) {
    const float low = -GMLP__GAMUT_TOLERANCE, high = 1.0f + GMLP__GAMUT_TOLERANCE;
    const int inside = r > low && r < high && g > low && g < high && b > low && b < high;
    return !inside && !(r < 0 && g < 0 && b < 0) && !(r > 1 && g > 1 && b > 1);
}

static void reduction_is_equation_1(void **state) {
    enum { W = 331, H = 140, N = W * H };
    static uint16_t wide[N * 3];
    static uint8_t base[N * 4], first[N * 4], mask[N];
    /* linear ProPhoto to linear sRGB, Bradford and CAT02 (colour-science 0.4.7) */
    static const double m[2][9] = {
        {2.034367543477799, -0.7276344741733601, -0.30673306930443867, -0.2288267981953876, 1.2317533962262321,
         -0.00292659803084472, -0.008558424336656536, -0.15326820352831466, 1.1618266278649714},
        {2.0367961851185723, -0.7376319303329022, -0.299164254785672, -0.2258560662274876, 1.2231636464534614,
         0.002692419774026918, -0.010602598472401492, -0.13486068065480147, 1.1454632791272028}};
    (void)state;
    for (int i = 0; i < N; i++) { /* greys with a tint: in and out of gamut by halves */
        const int grey = (int)(draw() % 55000), tint = 1 + (int)(draw() % 30000);
        for (int c = 0; c < 3; c++) {
            const int v = grey + (int)(draw() % (uint32_t)tint) - tint / 3;
            wide[3 * i + c] = (uint16_t)(v < 0 ? 0 : v > 65535 ? 65535 : v);
        }
    }
    for (int variant = 0; variant < 4; variant++) {
        gmlp_convert_opts o = {0};
        uint64_t og = 0, saturated = 0, doubtful = 0;
        o.adaptation = variant & 1;
        o.round_down = variant >> 1;
        o.alpha = variant & 1 ? GMLP_ALPHA_KEEP : GMLP_ALPHA_SOURCE;
        for (size_t k = 0; k < 4; k++) {
            gmlp_image a = view(wide, W, H, GMLP_U16, 3, GMLP_PROPHOTO), b = view(base, W, H, GMLP_U8, 4, GMLP_SRGB);
            gmlp_gamut_report r;
            if (!gmlp_isa_available(isas[k])) continue;
            o.isa = isas[k];
            memset(base, 0x5a, sizeof base);
            assert_int_equal(gmlp_reduce(&a, &b, &o, &r), GMLP_OK);
            assert_int_equal(gmlp_out_of_gamut_mask(&a, mask, &o), GMLP_OK);
            if (k) {
                assert_memory_equal(base, first, sizeof base);
                assert_true(r.out_of_gamut == og && r.saturated == saturated);
                continue;
            }
            memcpy(first, base, sizeof base);
            for (int i = 0; i < N; i++) {
                double light[3];
                int code[3], out;
                for (int c = 0; c < 3; c++) {
                    const double v = wide[3 * i + c] / 65535.0;
                    light[c] = v < 1 / 32.0 ? v / 16 : pow(v, 1.8);
                }
                og += mask[i];
                saturated += (uint64_t)gmlp_is_saturated(base + 4 * i, 0);
                assert_int_equal(base[4 * i + 3], o.alpha == GMLP_ALPHA_KEEP ? 0x5a : 255);
                if (ref_reduce(m[o.adaptation], light, o.round_down, code, &out)) {
                    doubtful++;
                    continue;
                }
                assert_int_equal(mask[i], out);
                for (int c = 0; c < 3; c++) assert_int_equal(base[4 * i + c], code[c]);
            }
            assert_true(doubtful < N / 50 && og > N / 10 && og < N);
            assert_true(r.pixels == N && r.out_of_gamut == og && r.saturated == saturated && r.clamped == 0);
        }
    }
}

/* What lies inside sRGB is not out of gamut, whatever space it comes in; its border included. */
static void colours_of_srgb_are_in_gamut(void **state) {
    enum { N = 18 * 18 * 18 };
    static uint8_t srgb[N * 3], base[N * 3];
    static float wide[N * 3];
    (void)state;
    for (int i = 0; i < N; i++) {
        const int c[3] = {i % 18, i / 18 % 18, i / 324};
        for (int k = 0; k < 3; k++) srgb[3 * i + k] = (uint8_t)(c[k] * 15);
    }
    for (int space = GMLP_SRGB; space <= GMLP_REC2020_LINEAR; space++)
        for (int adaptation = 0; adaptation < 2; adaptation++) {
            gmlp_image s = view(srgb, N, 1, GMLP_U8, 3, GMLP_SRGB), w = view(wide, N, 1, GMLP_F32, 3, space);
            gmlp_image b = view(base, N, 1, GMLP_U8, 3, GMLP_SRGB);
            gmlp_convert_opts o = {0};
            gmlp_gamut_report r;
            if (!gmlp_space_name(space) || space == GMLP_SYCC) continue; /* sYCC has codes alone */
            o.adaptation = adaptation;
            assert_int_equal(gmlp_convert(&s, &w, &o), GMLP_OK);
            assert_int_equal(gmlp_reduce(&w, &b, &o, &r), GMLP_OK);
            assert_true(r.out_of_gamut == 0 && r.clamped == 0 && r.pixels == N);
            assert_memory_equal(base, srgb, sizeof base);
        }
    { /* and nothing of sRGB itself */
        gmlp_image s = view(srgb, N, 1, GMLP_U8, 3, GMLP_SRGB), b = view(base, N, 1, GMLP_U8, 3, GMLP_SRGB);
        gmlp_gamut_report r;
        assert_int_equal(gmlp_reduce(&s, &b, NULL, &r), GMLP_OK);
        assert_true(r.out_of_gamut == 0 && r.clamped == 0);
        assert_memory_equal(base, srgb, sizeof base);
    }
}

static void white_is_white_and_primaries_are_outside(void **state) {
    static const int wider[] = {GMLP_P3, GMLP_ADOBERGB, GMLP_PROPHOTO, GMLP_REC2020, GMLP_ACES2065_1, GMLP_ACESCG};
    (void)state;
    for (size_t s = 0; s < sizeof wider / sizeof *wider; s++)
        for (int adaptation = 0; adaptation < 2; adaptation++)
            for (int i = 1; i < 8; i++) {
                uint16_t in[3] = {i & 1 ? 65535 : 0, i & 2 ? 65535 : 0, i & 4 ? 65535 : 0};
                uint8_t out[3];
                gmlp_image a = view(in, 1, 1, GMLP_U16, 3, wider[s]), b = view(out, 1, 1, GMLP_U8, 3, GMLP_SRGB);
                gmlp_convert_opts o = {0};
                gmlp_gamut_report r;
                o.adaptation = adaptation;
                assert_int_equal(gmlp_reduce(&a, &b, &o, &r), GMLP_OK);
                if (i == 7) assert_true(r.out_of_gamut == 0 && out[0] == 255 && out[1] == 255 && out[2] == 255);
                else if (wider[s] != GMLP_ADOBERGB) assert_true(r.out_of_gamut == 1 && r.saturated == 1);
                /* Adobe's red, blue and magenta are sRGB's hue: only its green lies elsewhere */
                else if (i == 2) assert_int_equal(r.out_of_gamut, 1);
            }
}

/* The rule, value by value: outside in some channel, but not below 0 in all nor above 1 in all. */
static void the_mask_follows_the_rule(void **state) {
    static const float v[8] = {-0.5f, -1e-5f, -1e-7f, 0.0f, 0.5f, 1.0000001f, 1.00001f, 1.5f};
    float plane[3][512], flag[512];
    (void)state;
    for (int i = 0; i < 512; i++)
        for (int c = 0; c < 3; c++) plane[c][i] = v[i >> (3 * c) & 7];
    for (size_t k = 0; k < 4; k++) {
        float sum = 0;
        if (!gmlp_isa_available(isas[k])) continue;
        assert_true(gmlp__select(isas[k])->out_of_gamut(plane[0], plane[1], plane[2], flag, 512) > 0);
        for (int i = 0; i < 512; i++) {
            int below = 0, above = 0, outside = 0;
            for (int c = 0; c < 3; c++) {
                below += plane[c][i] < 0;
                above += plane[c][i] > 1;
                outside += plane[c][i] < -1e-6 || plane[c][i] > 1.000001;
            }
            assert_true(flag[i] == (outside && below < 3 && above < 3));
            assert_int_equal(rule(plane[0][i], plane[1][i], plane[2][i]), (int)flag[i]);
            sum += flag[i];
        }
        assert_true(gmlp__select(isas[k])->out_of_gamut(plane[0], plane[1], plane[2], flag, 512) == sum);
    }
}

static void values_that_the_space_cannot_hold_are_clamped_and_counted(void **state) {
    float in[7 * 3] = {0.2f, 0.3f, 0.4f, -0.1f, 0.3f, 0.4f, 0.2f, 1.1f, 0.4f, NAN, 0.3f, 0.4f,
                       INFINITY, 0.3f, 0.4f, 0.2f, 0.3f, -INFINITY, 1.0f, 0.0f, 1.0f};
    float same[7 * 3] = {0.2f, 0.3f, 0.4f, 0, 0.3f, 0.4f, 0.2f, 1, 0.4f, 0, 0.3f, 0.4f,
                         1, 0.3f, 0.4f, 0.2f, 0.3f, 0, 1, 0, 1};
    uint8_t a[21], b[21];
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        gmlp_image x = view(in, 7, 1, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR), y = view(same, 7, 1, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR);
        gmlp_image p = view(a, 7, 1, GMLP_U8, 3, GMLP_SRGB), q = view(b, 7, 1, GMLP_U8, 3, GMLP_SRGB);
        gmlp_convert_opts o = {0};
        gmlp_gamut_report r, s;
        if (!gmlp_isa_available(isas[k])) continue;
        o.isa = isas[k];
        assert_int_equal(gmlp_reduce(&x, &p, &o, &r), GMLP_OK);
        assert_int_equal(gmlp_reduce(&y, &q, &o, &s), GMLP_OK);
        assert_true(r.clamped == 5 && s.clamped == 0 && r.out_of_gamut == s.out_of_gamut);
        assert_memory_equal(a, b, sizeof a);
    }
}

/* HDR light above white is clamped, and counted. */
static void hdr_highlights_are_clamped_and_counted(void **state) {
    uint16_t in[6] = {38056, 38056, 38056, 49271, 49271, 49271}; /* 203 and 1000 cd/m2 */
    uint8_t out[6];
    gmlp_image a = view(in, 2, 1, GMLP_U16, 3, GMLP_REC2020_PQ), b = view(out, 2, 1, GMLP_U8, 3, GMLP_SRGB);
    gmlp_convert_opts o = {0};
    gmlp_gamut_report r;
    (void)state;
    assert_int_equal(gmlp_reduce(&a, &b, NULL, &r), GMLP_OK);
    assert_true(r.clamped >= 1 && out[0] == 255 && out[3] == 255);
    o.white_nits = 1000;
    assert_int_equal(gmlp_reduce(&a, &b, &o, &r), GMLP_OK);
    assert_true(out[0] == (int)(255 * ref_curve(0.203) + 0.5) && out[3] == 255);
}

static void saturated_is_near_0_or_255_but_not_black_or_white(void **state) {
    const uint8_t yes[][3] = {{0, 7, 9}, {1, 255, 2}, {0, 0, 1}, {255, 255, 254}, {0, 255, 0}};
    const uint8_t no[][3] = {{0, 0, 0}, {255, 255, 255}, {1, 2, 3}, {254, 254, 1}};
    (void)state;
    for (int i = 0; i < 5; i++) assert_int_equal(gmlp_is_saturated(yes[i], 0), 1);
    for (int i = 0; i < 4; i++) assert_int_equal(gmlp_is_saturated(no[i], 0), 0);
    assert_int_equal(gmlp_is_saturated(no[0], 8), 0);
    assert_int_equal(gmlp_is_saturated(no[1], 8), 0);
    assert_int_equal(gmlp_is_saturated(no[2], 1), 1);
    assert_int_equal(gmlp_is_saturated(no[3], 1), 1);
    assert_int_equal(gmlp_is_saturated(no[2], 0), 0);
    assert_int_equal(gmlp_is_saturated((const uint8_t *)"\x09\x50\xf6", 8), 0);
    assert_int_equal(gmlp_is_saturated((const uint8_t *)"\x09\x50\xf7", 8), 1);
}

static void a_row_of_saturated_pixels_is_as_pixel_by_pixel(void **state) {
    (void)state;
    int available[4], isas = 0;
    for (int isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++)
        if (gmlp_isa_available(isa)) available[isas++] = isa;
    for (int round = 0; round < 3000; round++) {
        const int channels = 3 + (int)(draw() & 1), margin = (int)(draw() % 64);
        const size_t n = draw() % 60;
        unsigned char *rgb = (unsigned char *)malloc(n * (size_t)channels + 1); /* its end is the tool's to watch */
        uint32_t index[60];
        size_t expected = 0, count;
        const gmlp__kernels *kernels = gmlp__select(available[round % isas]);
        const int spread = 1 + (int)(draw() % 4);
        for (size_t i = 0; i < n * (size_t)channels; i++) {
            rgb[i] = (unsigned char)draw(); /* mostly inside, so that whole groups are passed over */
            if (draw() % (uint32_t)(spread * 8)) rgb[i] = (unsigned char)(64 + rgb[i] / 2);
            if (channels == 4 && i % 4 == 3) rgb[i] = (unsigned char)(draw() & 1 ? 255 : 0);
        }
        count = kernels->saturated(rgb, channels, n, margin, index);
        for (size_t i = 0; i < n; i++)
            if (gmlp_is_saturated(rgb + i * (size_t)channels, margin)) {
                assert_true(expected < count);
                assert_int_equal(index[expected++], i);
            }
        assert_int_equal(count, expected);
        free(rgb);
    }
}

static void backwards(void *user, void (*job)(void *, size_t), void *ctx, size_t count) {
    *(size_t *)user += count;
    while (count) job(ctx, --count);
}

static void threads_change_nothing(void **state) {
    enum { W = 50, H = 300 };
    static uint16_t wide[W * H * 3];
    static uint8_t a[W * H * 3], b[W * H * 3];
    gmlp_image x = view(wide, W, H, GMLP_U16, 3, GMLP_PROPHOTO), y = view(a, W, H, GMLP_U8, 3, GMLP_SRGB), z = view(b, W, H, GMLP_U8, 3, GMLP_SRGB);
    gmlp_convert_opts o = {0};
    gmlp_gamut_report r, s;
    gmlp_soft_clip c, d;
    size_t jobs = 0;
    (void)state;
    for (int i = 0; i < W * H * 3; i++) wide[i] = (uint16_t)draw();
    assert_int_equal(gmlp_reduce(&x, &y, NULL, &r), GMLP_OK);
    assert_int_equal(gmlp_soft_clip_measure(&x, &c, NULL), GMLP_OK);
    o.threads.parallel_for = backwards;
    o.threads.user = &jobs;
    assert_int_equal(gmlp_reduce(&x, &z, &o, &s), GMLP_OK);
    assert_int_equal(gmlp_soft_clip_measure(&x, &d, &o), GMLP_OK);
    assert_true(jobs > 2);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_equal(&r, &s, sizeof r);
    assert_memory_equal(&c, &d, sizeof c);
}

static void soft_clip_fits_and_can_be_undone(void **state) {
    float in[4 * 3] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 0.5f, 0.5f, 0.5f};
    gmlp_image a = view(in, 4, 1, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR);
    gmlp_soft_clip s;
    double m[9];
    (void)state;
    gmlp_space_matrix(GMLP_PROPHOTO, GMLP_SRGB, 0, m);
    assert_int_equal(gmlp_soft_clip_measure(&a, &s, NULL), GMLP_OK);
    for (int c = 0; c < 3; c++) {
        double low = 1, high = 0, before = -1;
        for (int i = 0; i < 3; i++) {
            low = fmin(low, m[3 * c + i]);
            high = fmax(high, m[3 * c + i]);
        }
        assert_true(fabs(s.low[c] - low) < 1e-6 && fabs(s.high[c] - high) < 1e-6);
        assert_true(fabs(gmlp_soft_clip_apply(&s, c, s.low[c])) < 1e-7 && fabs(gmlp_soft_clip_apply(&s, c, s.high[c]) - 1) < 1e-6);
        for (double v = low; v <= high; v += 1 / 512.0) {
            const float squeezed = gmlp_soft_clip_apply(&s, c, (float)v);
            assert_true(squeezed > before && squeezed > -1e-6 && squeezed < 1 + 1e-6);
            if (v >= 0.05 && v <= 0.9) assert_true(squeezed == (float)v);
            assert_true(fabs(gmlp_soft_clip_undo(&s, c, squeezed) - v) < 3e-6);
            before = squeezed;
        }
    }
    for (int c = 0; c < 3; c++) { /* a picture inside: nothing is squeezed */
        s.low[c] = 0.01f;
        s.high[c] = 0.99f;
        assert_true(gmlp_soft_clip_apply(&s, c, 0.02f) == 0.02f && gmlp_soft_clip_undo(&s, c, 0.95f) == 0.95f);
    }
}

static void *no_memory(void *user, size_t size) {
    (void)user;
    (void)size;
    return NULL;
}
static void never(void *user, void *ptr, size_t size) {
    (void)user;
    (void)ptr;
    (void)size;
    fail();
}

static void wrong_arguments_and_no_memory_are_reported(void **state) {
    uint16_t wide[12] = {0};
    uint8_t base[12] = {0}, mask[4];
    const gmlp_image a = view(wide, 2, 2, GMLP_U16, 3, GMLP_PROPHOTO), b = view(base, 2, 2, GMLP_U8, 3, GMLP_SRGB);
    gmlp_image bad = b;
    gmlp_gamut_report r;
    gmlp_soft_clip s;
    gmlp_convert_opts o = {0};
    (void)state;
    bad.space = GMLP_P3;
    assert_int_equal(gmlp_reduce(&a, &bad, NULL, NULL), GMLP_E_ARGUMENT);
    bad = b;
    bad.width = 1;
    assert_int_equal(gmlp_reduce(&a, &bad, NULL, &r), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_reduce(&a, &a, NULL, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_reduce(NULL, &b, NULL, &r), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_reduce(&a, NULL, NULL, &r), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_out_of_gamut_mask(&a, NULL, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_out_of_gamut_mask(NULL, mask, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_soft_clip_measure(&a, NULL, NULL), GMLP_E_ARGUMENT);
    o.white_nits = -5;
    assert_int_equal(gmlp_reduce(&a, &b, &o, &r), GMLP_E_ARGUMENT);
    o.white_nits = 0;
    o.alloc.alloc = no_memory;
    o.alloc.free = never;
    assert_int_equal(gmlp_reduce(&a, &b, &o, &r), GMLP_E_MEMORY);
    assert_int_equal(gmlp_soft_clip_measure(&a, &s, &o), GMLP_E_MEMORY);
    assert_int_equal(gmlp_reduce(&a, &b, &o, NULL), GMLP_E_MEMORY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reduction_is_equation_1),
        cmocka_unit_test(colours_of_srgb_are_in_gamut),
        cmocka_unit_test(white_is_white_and_primaries_are_outside),
        cmocka_unit_test(the_mask_follows_the_rule),
        cmocka_unit_test(values_that_the_space_cannot_hold_are_clamped_and_counted),
        cmocka_unit_test(hdr_highlights_are_clamped_and_counted),
        cmocka_unit_test(saturated_is_near_0_or_255_but_not_black_or_white),
        cmocka_unit_test(a_row_of_saturated_pixels_is_as_pixel_by_pixel),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(soft_clip_fits_and_can_be_undone),
        cmocka_unit_test(wrong_arguments_and_no_memory_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
