/* sYCC: the definition in double, the box's edges, the mask, a base of such codes through all of the library. */
#include "gamutmlp.h"
#include "tests/synthetic.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { W = 211, H = 67, N = W * H };

static uint32_t draw(void) {
    static uint64_t x = 88172645463325252u;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return (uint32_t)(x >> 32);
}

/* IEC 61966-2-1 Amendment 1, Annex F: R'G'B' of sYCC codes, unclipped; JFIF's full range. */
static void rgb_of(const uint8_t *code, double rgb[3]) {
    const double y = code[0] / 255.0, cb = (code[1] - 128) / 255.0, cr = (code[2] - 128) / 255.0;
    rgb[0] = y + 1.402 * cr;
    rgb[1] = y - 0.114 * 1.772 / 0.587 * cb - 0.299 * 1.402 / 0.587 * cr;
    rgb[2] = y + 1.772 * cb;
}

static double light(double v) { /* the sRGB curve, odd below 0 and continued above 1 */
    const double a = fabs(v), l = a <= 0.04045 ? a / 12.92 : pow((a + 0.055) / 1.055, 2.4);
    return v < 0 ? -l : l;
}

/* Codes to light, by every instruction set. */
static void codes_are_colours(void **state) {
    static uint8_t codes[N * 4];
    static float out[N * 3];
    (void)state;
    for (int channels = 3; channels <= 4; channels++)
        for (int isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
            const gmlp_image from = {codes, W, H, 0, GMLP_U8, channels, GMLP_SYCC, 0},
                             to = {out, W, H, 0, GMLP_F32, 3, GMLP_SRGB_LINEAR, 0};
            gmlp_convert_opts opts = {0};
            opts.isa = isa;
            if (!gmlp_isa_available(isa)) continue;
            for (int i = 0; i < N * channels; i++) codes[i] = (uint8_t)draw();
            assert_int_equal(gmlp_convert(&from, &to, &opts), GMLP_OK);
            for (int i = 0; i < N; i++) {
                double rgb[3];
                rgb_of(codes + i * channels, rgb);
                for (int c = 0; c < 3; c++)
                    assert_true(fabs((double)out[3 * i + c] - light(rgb[c])) < 3e-6 * (fabs(light(rgb[c])) + 0.1));
            }
        }
}

/* Known colours: white, black, grey; sRGB's red and yellow, whose Cr and Cb the box does not quite reach (255.5). */
static void known_codes(void **state) {
    static const uint8_t rgb[] = {255, 255, 255, 0, 0, 0, 119, 119, 119, 255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 255, 255, 255, 255, 0};
    static const uint8_t want[] = {255, 128, 128, 0, 128, 128, 119, 128, 128, 76, 85, 255, 150, 44, 21, 29, 255, 107, 179, 171, 1, 226, 1, 149};
    uint8_t got[sizeof rgb], four[sizeof rgb / 3 * 4];
    gmlp_image wider;
    const gmlp_image from = {(void *)(uintptr_t)rgb, 8, 1, 0, GMLP_U8, 3, GMLP_SRGB, 0}, to = {got, 8, 1, 0, GMLP_U8, 3, GMLP_SYCC, 0};
    (void)state;
    assert_int_equal(gmlp_convert(&from, &to, NULL), GMLP_OK);
    for (size_t i = 0; i < sizeof rgb; i++) assert_in_range(got[i] + 1, want[i], want[i] + 2);
    assert_memory_equal(got, want, 12);
    wider = to;
    wider.data = four;
    wider.channels = 4;
    memset(four, 7, sizeof four);
    assert_int_equal(gmlp_convert(&from, &wider, NULL), GMLP_OK);
    for (size_t i = 0; i < sizeof four; i++) assert_int_equal(four[i], i % 4 < 3 ? got[i / 4 * 3 + i % 4] : 255);
}

/* The same by the decimals that are published, not by the shares from which they come: the matrix of IEC 61966-2-1
   Amendment 1, Annex F, in four, its inverse (JFIF, ITU-T T.871, clause 7) in six. */
static const double annex_f[3][3] = {{0.2990, 0.5870, 0.1140}, {-0.1687, -0.3312, 0.5000}, {0.5000, -0.4187, -0.0813}};

static void published_ycc(const double rgb[3], double code[3]) { /* not rounded */
    for (int k = 0; k < 3; k++)
        code[k] = 255 * (annex_f[k][0] * rgb[0] + annex_f[k][1] * rgb[1] + annex_f[k][2] * rgb[2]) + (k ? 128 : 0);
}

static void published_matrices(void **state) {
    static uint8_t codes[N * 3];
    static float out[N * 3];
    const gmlp_image from = {codes, W, H, 0, GMLP_U8, 3, GMLP_SYCC, 0}, to = {out, W, H, 0, GMLP_F32, 3, GMLP_SRGB_LINEAR, 0};
    (void)state;
    for (int i = 0; i < N * 3; i++) codes[i] = (uint8_t)draw();
    assert_int_equal(gmlp_convert(&from, &to, NULL), GMLP_OK);
    for (int i = 0; i < N; i++) {
        const double y = codes[3 * i], cb = codes[3 * i + 1] - 128.0, cr = codes[3 * i + 2] - 128.0;
        const double rgb[3] = {y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb};
        for (int c = 0; c < 3; c++) {
            const double v = light(rgb[c] / 255);
            assert_true(fabs((double)out[3 * i + c] - v) < 5e-6 * (fabs(v) + 0.1));
        }
    }
}

/* Display P3 (SMPTE EG 432-1, D65) as CSS Color 4 shows it in sRGB's codes, extended, and those by Annex F. Where the box
   ends before that, by hand: on the line from the clipped colour, at the first limit. */
static void published_colours(void **state) {
    static const struct {
        float p3[3];
        double srgb[3];
        int limit[3]; /* the code at the edge; -1: none */
    } colours[] = {
        {{1, 0, 0}, {1.0930, -0.2267, -0.1501}, {-1, -1, 255}},  /* the clipped one is at the edge */
        {{0, 1, 0}, {-0.5116, 1.0183, -0.3107}, {-1, -1, 0}},
        {{0, 0, 1}, {0, 0, 1.0420}, {-1, 255, -1}},
        {{1, 1, 0}, {1, 1, -0.3463}, {-1, 0, -1}},
        {{0, 1, 1}, {-0.5116, 1.0183, 1.0086}, {-1, -1, 0}},
        {{0.5f, 0, 0}, {0.54896, -0.09321, -0.05291}, {-1, -1, -1}}, /* inside */
        {{0, 0.5f, 0}, {-0.24307, 0.50961, -0.13737}, {-1, -1, -1}},
        {{0, 0, 0.5f}, {0, 0, 0.52211}, {-1, -1, -1}},
        {{0.2f, 0.6f, 0.3f}, {-0.19346, 0.61017, 0.25944}, {-1, -1, -1}},
        {{0.1f, 0.5f, 0.6f}, {-0.20867, 0.50916, 0.61208}, {-1, -1, -1}},
        {{0.8f, 0.4f, 0.1f}, {0.85957, 0.37040, -0.10793}, {-1, -1, -1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++) {
        uint8_t got[3];
        const gmlp_image from = {(void *)(uintptr_t)colours[i].p3, 1, 1, 0, GMLP_F32, 3, GMLP_P3, 0}, to = {got, 1, 1, 0, GMLP_U8, 3, GMLP_SYCC, 0};
        double inside[3], there[3], want[3], t = 1;
        for (int c = 0; c < 3; c++) inside[c] = fmin(fmax(colours[i].srgb[c], 0), 1);
        published_ycc(inside, want);
        published_ycc(colours[i].srgb, there);
        for (int k = 0; k < 3; k++)
            if (colours[i].limit[k] >= 0) t = fmax(0, (colours[i].limit[k] - want[k]) / (there[k] - want[k]));
        for (int k = 0; k < 3; k++) want[k] = fmin(want[k] + t * (there[k] - want[k]), 255);
        assert_int_equal(gmlp_convert(&from, &to, NULL), GMLP_OK);
        for (int k = 0; k < 3; k++) {
            assert_true(fabs(got[k] - want[k]) < 0.5 + 0.03); /* four decimals */
            if (colours[i].limit[k] >= 0) assert_int_equal(got[k], colours[i].limit[k]);
        }
    }
}

static int clipped(double v) { return v <= 0 ? 0 : v >= 1 ? 255 : (int)(255 * v + 0.5); }

/* What viewers show of an unclipped base is the clipped one: ROMM colours at random, corners and far beyond the box. */
static void viewers_see_the_clipped_picture(void **state) {
    static uint16_t wide_data[N * 3];
    static uint8_t sycc_data[N * 3], srgb_data[N * 3];
    const gmlp_image wide = {wide_data, W, H, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
    const gmlp_image sycc = {sycc_data, W, H, 0, GMLP_U8, 3, GMLP_SYCC, 0}, srgb = {srgb_data, W, H, 0, GMLP_U8, 3, GMLP_SRGB, 0};
    gmlp_gamut_report a, b;
    int inside = 0;
    double sum = 0;
    (void)state;
    for (int i = 0; i < N * 3; i++) wide_data[i] = (uint16_t)(i % 7 ? draw() : i % 2 ? 65535 : 0);
    assert_int_equal(gmlp_reduce(&wide, &sycc, NULL, &a), GMLP_OK);
    assert_int_equal(gmlp_reduce(&wide, &srgb, NULL, &b), GMLP_OK);
    assert_int_equal(a.out_of_gamut, b.out_of_gamut);
    for (int i = 0; i < N; i++) {
        double rgb[3];
        rgb_of(sycc_data + 3 * i, rgb);
        for (int c = 0; c < 3; c++) {
            const int d = abs(clipped(rgb[c]) - srgb_data[3 * i + c]);
            assert_true(d <= 2); /* three codes were rounded */
            sum += d;
            inside += rgb[c] < -0.02 || rgb[c] > 1.02;
        }
    }
    assert_true(sum / (3 * N) < 0.4);
    assert_true(inside > N / 2); /* colours beyond the cube are kept */
}

/* How far three codes that are rounded by 1/2 move R', G' and B', in codes; sRGB's red, yellow and cyan have a code of
   which the box lacks 1/2. */
static const double rounding[3] = {0.5 + 0.5 * 1.402, 0.5 + 0.5 * 0.344137 + 0.5 * 0.714137, 0.5 + 0.5 * 1.772};

/* Colours, in linear sRGB, and their codes: on the line to the clipped colour, as far away from it as the box has it. */
static void on_the_line(const float *linear, const uint8_t *codes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double rgb[3], back[3], code[3];
        int beyond = 0, at_edge = 0;
        for (int c = 0; c < 3; c++) {
            const double l = (double)linear[3 * i + c], a = fabs(l), v = a <= 0.0031308 ? 12.92 * a : 1.055 * pow(a, 1 / 2.4) - 0.055;
            rgb[c] = l < 0 ? -v : v;
        }
        rgb_of(codes + 3 * i, back);
        code[0] = 255 * (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]);
        code[1] = 128 + (255 * rgb[2] - code[0]) / 1.772;
        code[2] = 128 + (255 * rgb[0] - code[0]) / 1.402;
        for (int k = 0; k < 3; k++) {
            beyond |= code[k] < -1e-3 || code[k] > 255 + 1e-3;
            at_edge |= codes[3 * i + k] == 0 || codes[3 * i + k] == 255;
        }
        for (int c = 0; c < 3; c++) { /* what viewers show */
            const double shown = fmin(fmax(back[c], 0), 1), want = fmin(fmax(rgb[c], 0), 1);
            if (!(255 * fabs(shown - want) < rounding[c] + 0.01)) fail_msg("%zu: %.9g %.9g %.9g", i, rgb[0], rgb[1], rgb[2]);
        }
        if (beyond) assert_true(at_edge);
        for (int k = 0; k < 3 && !beyond; k++) assert_true(fabs(codes[3 * i + k] - code[k]) < 0.5 + 1e-2);
    }
}

/* From each of the box's codes (one in 63, all in turn over the grid) on, by factors, away from the clipped colour. */
static void all_colours_clip_to_the_same(void **state) {
    static const double factors[] = {0.5, 1, 1.5, 4, 60};
    static float linear[N * 3];
    static uint8_t codes[N * 3];
    const gmlp_image from = {linear, W, H, 0, GMLP_F32, 3, GMLP_SRGB_LINEAR, 0}, to = {codes, W, H, 0, GMLP_U8, 3, GMLP_SYCC, 0};
    uint32_t next = 0;
    int k = 0;
    (void)state;
    while (next < 1u << 24) {
        for (int i = 0; i < N; i++) {
            const uint8_t code[3] = {(uint8_t)(next >> 16), (uint8_t)(next >> 8), (uint8_t)next};
            double rgb[3];
            rgb_of(code, rgb);
            for (int c = 0; c < 3; c++) {
                const double inside = fmin(fmax(rgb[c], 0), 1);
                linear[3 * i + c] = (float)light(inside + factors[k] * (rgb[c] - inside));
            }
            k = (k + 1) % 5;
            if (next < 1u << 24) next += 63;
        }
        assert_int_equal(gmlp_convert(&from, &to, NULL), GMLP_OK);
        on_the_line(linear, codes, N);
    }
}

static void wide_colours_clip_to_the_same(void **state) {
    static const int spaces[] = {GMLP_PROPHOTO, GMLP_REC2020, GMLP_ACES2065_1};
    static uint16_t some[N * 3];
    static float linear[N * 3];
    static uint8_t codes[N * 3];
    (void)state;
    for (size_t k = 0; k < sizeof spaces / sizeof *spaces; k++) {
        const gmlp_image from = {some, W, H, 0, GMLP_U16, 3, spaces[k], 0}, as_light = {linear, W, H, 0, GMLP_F32, 3, GMLP_SRGB_LINEAR, 0},
                         to = {codes, W, H, 0, GMLP_U8, 3, GMLP_SYCC, 0};
        for (int i = 0; i < N * 3; i++) some[i] = (uint16_t)(i % 7 ? draw() : i % 2 ? 65535 : 0);
        assert_int_equal(gmlp_convert(&from, &as_light, NULL), GMLP_OK);
        assert_int_equal(gmlp_reduce(&from, &to, NULL, NULL), GMLP_OK);
        on_the_line(linear, codes, N);
    }
}

/* The box's corners, edges and faces, and what lies beside them: each is its own colour's code. */
static void edges_of_the_box(void **state) {
    static const uint8_t near[] = {0, 1, 127, 128, 129, 254, 255};
    enum { E = sizeof near };
    static uint8_t codes[E * E * E * 3], again[E * E * E * 3];
    static float linear[E * E * E * 3];
    const gmlp_image from = {linear, E * E, E, 0, GMLP_F32, 3, GMLP_SRGB_LINEAR, 0}, to = {again, E * E, E, 0, GMLP_U8, 3, GMLP_SYCC, 0};
    (void)state;
    for (int i = 0; i < E * E * E; i++) {
        double rgb[3];
        codes[3 * i] = near[i % E], codes[3 * i + 1] = near[i / E % E], codes[3 * i + 2] = near[i / E / E];
        rgb_of(codes + 3 * i, rgb);
        for (int c = 0; c < 3; c++) linear[3 * i + c] = (float)light(rgb[c]);
    }
    assert_int_equal(gmlp_convert(&from, &to, NULL), GMLP_OK);
    assert_memory_equal(codes, again, sizeof codes);
}

/* Inside the box a colour is kept whole: within the rounding of three codes. */
static void the_box_holds_more_than_the_cube(void **state) {
    static float linear[N * 3], back[N * 3];
    static uint8_t codes[N * 3];
    const gmlp_image from = {linear, W, H, 0, GMLP_F32, 3, GMLP_SRGB_LINEAR, 0}, to = {codes, W, H, 0, GMLP_U8, 3, GMLP_SYCC, 0},
                     again = {back, W, H, 0, GMLP_F32, 3, GMLP_SRGB_LINEAR, 0};
    (void)state;
    for (int i = 0; i < N; i++) {
        uint8_t some[3];
        double rgb[3];
        for (int c = 0; c < 3; c++) some[c] = (uint8_t)draw();
        rgb_of(some, rgb); /* a colour that the box has */
        for (int c = 0; c < 3; c++) linear[3 * i + c] = (float)light(rgb[c]);
        memcpy(codes + 3 * i, some, 3);
    }
    {
        uint8_t *want = (uint8_t *)malloc(N * 3);
        memcpy(want, codes, N * 3);
        assert_int_equal(gmlp_convert(&from, &to, NULL), GMLP_OK);
        assert_memory_equal(codes, want, N * 3);
        free(want);
    }
    assert_int_equal(gmlp_convert(&to, &again, NULL), GMLP_OK);
    for (int i = 0; i < N * 3; i++) assert_true(fabs((double)back[i] - (double)linear[i]) < 1e-5 * (1 + fabs((double)linear[i])));
    /* numbers that are none, and light without end */
    for (int i = 0; i < N * 3; i++) linear[i] = i % 5 == 0 ? NAN : i % 5 == 1 ? INFINITY : i % 5 == 2 ? -INFINITY : i % 5 == 3 ? 1e30f : -1e30f;
    assert_int_equal(gmlp_convert(&from, &to, NULL), GMLP_OK);
    assert_int_equal(gmlp_convert(&to, &again, NULL), GMLP_OK);
    for (int i = 0; i < N * 3; i++) assert_true(isfinite(back[i]));
}

static uint16_t wide_data[N * 3];
static uint8_t sycc_data[N * 3], srgb_data[N * 3];
static gmlp_image wide = {wide_data, W, H, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
static gmlp_image sycc = {sycc_data, W, H, 0, GMLP_U8, 3, GMLP_SYCC, 0}, srgb = {srgb_data, W, H, 0, GMLP_U8, 3, GMLP_SRGB, 0};

static gmlp_net trained(int hdr, int isa) {
    gmlp_train_opts opts = {0};
    gmlp_net net;
    test_picture(wide_data, W, H, 4);
    assert_int_equal(gmlp_reduce(&wide, &sycc, NULL, NULL), GMLP_OK);
    assert_int_equal(gmlp_reduce(&wide, &srgb, NULL, NULL), GMLP_OK);
    opts.iterations = 30;
    opts.batch = 128;
    opts.isa = isa;
    if (hdr) assert_int_equal(gmlp_train_hdr(&sycc, &wide, &opts, &net, NULL), GMLP_OK);
    else assert_int_equal(gmlp_train(&sycc, &wide, &opts, &net, NULL), GMLP_OK);
    assert_int_equal(net.base_space, GMLP_SYCC);
    return net;
}

/* Which pixels are for the network: by the unclipped colour; the others are just what their codes say. */
static void the_mask_is_that_of_colours(void **state) {
    static float out[N * 3];
    const gmlp_image view = {out, W, H, 0, GMLP_F32, 3, GMLP_SRGB_LINEAR, 0};
    gmlp_net net = trained(0, 0);
    int network = 0, rest = 0;
    (void)state;
    for (size_t i = 0; i < gmlp_mlp_weights(&net.mlp); i++) net.weights[i] = 0; /* the network says: nothing to add */
    assert_true(net.clip_margin > 0);
    for (int isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
        gmlp_decode_opts opts = {0};
        opts.decoder.isa = isa;
        if (!gmlp_isa_available(isa)) continue;
        net.weights[gmlp_mlp_weights(&net.mlp) - 1] = 0.25f; /* blue's bias: adds an eighth of ROMM's blue */
        assert_int_equal(gmlp_decode(&net, &sycc, &view, &opts), GMLP_OK);
        for (int i = 0; i < N; i++) {
            double rgb[3], least, most, far = 0;
            int for_network, near_edge;
            const double low = (net.clip_margin + 0.5) / 255;
            rgb_of(sycc_data + 3 * i, rgb);
            least = fmin(fmin(rgb[0], rgb[1]), rgb[2]), most = fmax(fmax(rgb[0], rgb[1]), rgb[2]);
            for_network = (least <= low || most >= 1 - low) && most > 0.5 / 255 && least < 254.5 / 255;
            near_edge = fabs(least - low) < 1e-6 || fabs(most - 1 + low) < 1e-6 || fabs(most - 0.5 / 255) < 1e-6 || fabs(least - 254.5 / 255) < 1e-6;
            for (int c = 0; c < 3; c++) far = fmax(far, fabs((double)out[3 * i + c] - light(rgb[c])));
            if (near_edge) continue;
            if (for_network) network++;
            else rest++, assert_true(far < 1e-5);
            if (for_network && least > 0.02 && most < 0.98) assert_true(far > 0.02);
        }
    }
    assert_true(network > 100 && rest > 100);
    gmlp_net_free(&net);
}

/* A JPEG decoder that rounds otherwise: codes one off, in one channel or in any. The picture is still recognised, what the
   network is not for is just its code's inverse, and the rest moves little. */
static void codes_one_off(void **state) {
    static float out[N * 3], other_out[N * 3];
    static uint8_t other_data[N * 3];
    const gmlp_image other = {other_data, W, H, 0, GMLP_U8, 3, GMLP_SYCC, 0};
    const gmlp_image view = {out, W, H, 0, GMLP_F32, 3, GMLP_SRGB_LINEAR, 0}, other_view = {other_out, W, H, 0, GMLP_F32, 3, GMLP_SRGB_LINEAR, 0};
    gmlp_net net = trained(0, 0);
    (void)state;
    assert_int_equal(gmlp_decode(&net, &sycc, &view, NULL), GMLP_OK);
    for (int which = 0; which < 7; which++) { /* a channel down or up; all at random */
        double sum = 0, most = 0;
        int same = 0;
        for (int i = 0; i < N * 3; i++) {
            const int by = which == 6 ? (int)(draw() % 3) - 1 : i % 3 != which / 2 ? 0 : which % 2 ? 1 : -1, v = sycc_data[i] + by;
            other_data[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
        assert_int_equal(gmlp_net_check(&net, &other), GMLP_OK);
        assert_int_equal(gmlp_decode(&net, &other, &other_view, NULL), GMLP_OK);
        for (int i = 0; i < N; i++) {
            double rgb[3], far = 0, least, most_of;
            const double low = (net.clip_margin + 0.51) / 255;
            rgb_of(other_data + 3 * i, rgb);
            least = fmin(fmin(rgb[0], rgb[1]), rgb[2]), most_of = fmax(fmax(rgb[0], rgb[1]), rgb[2]);
            for (int c = 0; c < 3; c++) far = fmax(far, fabs((double)other_out[3 * i + c] - light(rgb[c])));
            if (least > low && most_of < 1 - low) same++, assert_true(far < 1e-5);
            for (int c = 0; c < 3; c++) {
                const double d = fabs((double)out[3 * i + c] - (double)other_out[3 * i + c]);
                sum += d * d;
                most = fmax(most, d);
            }
        }
        assert_true(same > 100);
        assert_true(sqrt(sum / (3 * N)) < 0.01 && most < 0.05); /* a code's light is up to 0.016 */
    }
    gmlp_net_free(&net);
}

/* The same bytes on every instruction set, whole and in streams, SDR and HDR; a blob carries the space. */
static void same_bytes_everywhere(void **state) {
    static float whole[N * 3], again[N * 3];
    static uint8_t blob[2][8192];
    (void)state;
    for (int hdr = 0; hdr < 2; hdr++) {
        size_t size[2] = {0, 0};
        for (int isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
            const gmlp_image view = {whole, W, H, 0, GMLP_F32, 3, 0, 0}, part = {again, W, H, 0, GMLP_F32, 3, 0, 0};
            gmlp_decode_opts opts = {0};
            gmlp_net net, read;
            gmlp_decoder *d;
            gmlp_stream *s;
            gmlp_stream_opts how = {0};
            if (!gmlp_isa_available(isa)) continue;
            net = trained(hdr, isa);
            assert_int_equal(gmlp_net_check(&net, &sycc), GMLP_OK);
            assert_int_equal(gmlp_blob_write(&net, blob[isa > 1], sizeof blob[0], &size[isa > 1]), GMLP_OK);
            if (isa > 1) {
                assert_int_equal(size[0], size[1]);
                assert_memory_equal(blob[0], blob[1], size[0]);
            }
            assert_int_equal(blob[0][7], GMLP_SYCC);
            assert_int_equal(gmlp_blob_read(blob[0], size[0], NULL, &read, NULL), GMLP_OK);
            opts.decoder.isa = isa;
            assert_int_equal(gmlp_decode(&read, &sycc, isa == 1 ? &view : &part, &opts), GMLP_OK);
            if (isa > 1) assert_memory_equal(whole, again, sizeof whole);
            memset(again, 0, sizeof again);
            assert_int_equal(gmlp_decoder_create(&read, GMLP_F32, 0, &opts.decoder, &d), GMLP_OK);
            how.rows = H;
            assert_int_equal(gmlp_stream_create(d, &how, &s), GMLP_OK);
            assert_int_equal(gmlp_stream_put(s, &srgb), GMLP_E_BASE_SPACE);
            assert_int_equal(gmlp_stream_put(s, &sycc), GMLP_OK);
            assert_int_equal(gmlp_stream_take(s, &part), GMLP_OK);
            assert_int_equal(gmlp_stream_check(s), GMLP_OK);
            assert_memory_equal(whole, again, sizeof whole);
            gmlp_stream_free(s);
            gmlp_decoder_free(d);
            gmlp_net_free(&read);
            gmlp_net_free(&net);
        }
    }
}

/* RGB codes through such a network, and the other way round, are refused; so is what sYCC is not for. */
static void other_codes_are_refused(void **state) {
    static uint16_t out[N * 3];
    const gmlp_image view = {out, W, H, 0, GMLP_U16, 3, 0, 0};
    gmlp_image deep = {out, W, H, 0, GMLP_U16, 3, GMLP_SYCC, 0};
    gmlp_train_opts opts = {0};
    gmlp_decoder *d;
    gmlp_net net = trained(0, 0), other;
    (void)state;
    assert_int_equal(gmlp_decode(&net, &srgb, &view, NULL), GMLP_E_BASE_SPACE);
    assert_int_equal(gmlp_net_check(&net, &srgb), GMLP_E_BASE_SPACE);
    assert_int_equal(gmlp_decoder_create(&net, GMLP_U16, 0, NULL, &d), GMLP_OK);
    assert_int_equal(gmlp_decoder_rows(d, &srgb, 0, 0, &view, 0, 0, NULL), GMLP_E_BASE_SPACE);
    gmlp_decoder_free(d);
    opts.iterations = 5;
    assert_int_equal(gmlp_train(&srgb, &wide, &opts, &other, NULL), GMLP_OK);
    assert_int_equal(gmlp_decode(&other, &sycc, &view, NULL), GMLP_E_BASE_SPACE);
    assert_int_equal(gmlp_net_check(&other, &sycc), GMLP_E_BASE_SPACE);
    gmlp_net_free(&other);
    assert_int_equal(gmlp_convert(&srgb, &deep, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_train(&srgb, &sycc, &opts, &other, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_decoder_create(&net, GMLP_U16, GMLP_SYCC, NULL, &d), GMLP_E_ARGUMENT);
    gmlp_net_free(&net);
}

/* The signature after the manual's text, in double: luma of what viewers show, and runs outside, in every n-th row. */
typedef struct signed_picture {
    double luma[64], tied[64]; /* share of pixels that may be rounded the other way */
    unsigned runs[64], outside[64], far_outside[64], doubtful;
} signed_picture;

static void sign(const gmlp_image *base, signed_picture *out) {
    static const double weight[3] = {54, 183, 19};
    const int width = (int)base->width, height = (int)base->height, step = 1 + height / 256, channels = base->channels;
    double sum[64] = {0}, pixels[64] = {0};
    memset(out, 0, sizeof *out);
    for (int y = 0; y < height; y += step)
        for (int x = 0; x < width; x++) {
            const uint8_t *code = (const uint8_t *)base->data + (y * width + x) * channels;
            const int cell = 8 * y / height * 8 + 8 * x / width;
            double rgb[3];
            rgb_of(code, rgb);
            for (int c = 0; c < 3; c++) {
                sum[cell] += weight[c] * clipped(rgb[c]);
                out->tied[cell] += 0.5 - fabs(floor(255 * rgb[c] + 0.5) - 255 * rgb[c]) < 0.01;
            }
            pixels[cell]++;
            if (x % 16 == 15) {
                double mean[3] = {0}, most = 0;
                int tie = 0; /* a pixel that may be rounded the other way */
                for (int i = 0; i < 16; i++) {
                    rgb_of(code - i * channels, rgb);
                    for (int c = 0; c < 3; c++) {
                        const double up = floor(255 * rgb[c] + 0.5);
                        mean[c] += up / 16;
                        tie |= 0.5 - fabs(up - 255 * rgb[c]) < 0.01;
                    }
                }
                for (int c = 0; c < 3; c++) most = fmax(most, fmax(-mean[c], mean[c] - 255));
                out->runs[cell]++;
                out->outside[cell] += most > 8;
                out->far_outside[cell] += most > 12;
                out->doubtful += tie && (fabs(most - 8) < 0.1 || fabs(most - 12) < 0.1);
            }
        }
    for (int i = 0; i < 64; i++)
        if (pixels[i] > 0) out->luma[i] = sum[i] / pixels[i] / 256, out->tied[i] /= pixels[i];
}

static void the_signature_is_what_viewers_see(void **state) {
    enum { MOST = 1100 * 96 };
    static const int sizes[][2] = {{96, 1100}, {211, 67}, {64, 255}, {64, 256}, {64, 511}, {50, 1023}, {3, 2}, {1024, 5}, {16, 16}, {15, 90}};
    static uint8_t codes[MOST * 4];
    unsigned outside = 0;
    (void)state;
    for (size_t t = 0; t < sizeof sizes / sizeof *sizes; t++)
        for (int channels = 3; channels <= 4; channels++) {
            const int width = sizes[t][0], height = sizes[t][1];
            gmlp_image base = {codes, (uint32_t)width, (uint32_t)height, 0, GMLP_U8, channels, GMLP_SYCC, 0}, part = base;
            uint8_t mean[64], mean_again[64];
            signed_picture want;
            gmlp_signature s, again;
            unsigned off = 0;
            for (int i = 0; i < width * height; i++) { /* patches of one colour, of one a little beyond white, of noise */
                const int patch = i % width / 32 + i / width / 8;
                for (int c = 0; c < channels; c++)
                    if (patch % 3 == 1) codes[i * channels + c] = (uint8_t)(c ? 128 + (patch % 2 == c - 1) * (patch / 3 % 13) : 255);
                    else
                    codes[i * channels + c] = (uint8_t)(patch % 3 == 2 ? draw() : (unsigned)(patch * (57 + 41 * c) + patch * patch % 79 + 90 * c) % 256);
            }
            sign(&base, &want);
            assert_int_equal(gmlp_signature_begin(&s, base.width, base.height), GMLP_OK);
            assert_int_equal(gmlp_signature_rows(&s, &base, 0), GMLP_OK);
            assert_int_equal(gmlp_signature_finish(&s, mean), GMLP_OK);
            for (int i = 0; i < 64; i++) {
                assert_true(fabs(mean[i] - want.luma[i]) < 0.51 + want.tied[i]);
                if (s.count[i]) assert_true(fabs((double)s.sum[i] / (double)s.count[i] / 256 - want.luma[i]) < 0.001 + want.tied[i]);
                assert_int_equal(s.runs[i], want.runs[i]);
                off += (unsigned)abs((int)(s.outside[i] - want.outside[i])) + (unsigned)abs((int)(s.far_outside[i] - want.far_outside[i]));
                outside += want.far_outside[i];
            }
            assert_true(off <= want.doubtful);
            /* from the last row up, one or two at a time */
            assert_int_equal(gmlp_signature_begin(&again, base.width, base.height), GMLP_OK);
            for (int y = height; y > 0; y -= (int)part.height) {
                part.height = y > 1 && y % 3 ? 2 : 1;
                part.data = codes + (y - (int)part.height) * width * channels;
                assert_int_equal(gmlp_signature_rows(&again, &part, (uint32_t)y - part.height), GMLP_OK);
            }
            assert_int_equal(gmlp_signature_finish(&again, mean_again), GMLP_OK);
            assert_memory_equal(mean, mean_again, 64);
            assert_memory_equal(s.outside, again.outside, sizeof s.outside);
            assert_memory_equal(s.far_outside, again.far_outside, sizeof s.far_outside);
        }
    assert_true(outside > 500);
}

/* A picture as other programs leave it. change: 0..6 the codes as they are, or one of them off by one: other decoders;
   7: off by one at random; from 8 on RGB alone, then with errors of up to change - 8 codes. */
static void left_by(int change, uint8_t *out) {
    static uint8_t rgb[N * 3];
    const gmlp_image as_rgb = {rgb, W, H, 0, GMLP_U8, 3, GMLP_SRGB, 0}, as_sycc = {out, W, H, 0, GMLP_U8, 3, GMLP_SYCC, 0};
    for (int i = 0; i < N * 3; i++) {
        const int d = change == 7 ? (int)(draw() % 3) - 1 : change > 0 && (change - 1) / 2 == i % 3 ? (change % 2 ? 1 : -1) : 0, v = sycc_data[i] + d;
        out[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    if (change < 8) return;
    for (int i = 0; i < N; i++) {
        double v[3];
        rgb_of(sycc_data + 3 * i, v);
        for (int c = 0; c < 3; c++) rgb[3 * i + c] = (uint8_t)clipped(v[c]);
    }
    assert_int_equal(gmlp_convert(&as_rgb, &as_sycc, NULL), GMLP_OK);
    for (int i = 0; i < N * 3; i++) {
        const int v = out[i] + (int)(draw() % (unsigned)(2 * (change - 8) + 1)) - (change - 8);
        out[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

static gmlp_result verdict_of_stream(const gmlp_net *net, const gmlp_image *base) {
    static float out[N * 3];
    const gmlp_image view = {out, W, H, 0, GMLP_F32, 3, 0, 0};
    const gmlp_stream_opts opts = {H, 0, {NULL, NULL, NULL}};
    gmlp_decoder *d;
    gmlp_stream *s;
    gmlp_result result;
    assert_int_equal(gmlp_decoder_create(net, GMLP_F32, 0, NULL, &d), GMLP_OK);
    assert_int_equal(gmlp_stream_create(d, &opts, &s), GMLP_OK);
    assert_int_equal(gmlp_stream_put(s, base), GMLP_OK);
    assert_int_equal(gmlp_stream_take(s, &view), GMLP_OK);
    result = gmlp_stream_check(s);
    gmlp_stream_free(s);
    gmlp_decoder_free(d);
    return result;
}

/* Intact, clipped, another picture. */
static void clipped_pictures_are_found(void **state) {
    static uint8_t codes[N * 3];
    gmlp_image base = {codes, W, H, 0, GMLP_U8, 3, GMLP_SYCC, 0};
    gmlp_net net = trained(0, 0), again, hdr;
    gmlp_signature s;
    signed_picture want;
    const uint8_t *section;
    uint8_t blob[8192];
    size_t size;
    int far_outside = 0;
    (void)state;
    /* what the blob says */
    assert_int_equal(gmlp_blob_write(&net, blob, sizeof blob, &size), GMLP_OK);
    assert_int_equal(blob[4], 4);
    assert_memory_equal(blob + 120, "\1\40", 2); /* kind 1, 32 bytes of its own */
    section = gmlp_net_section(&net, GMLP_SECTION_OUTSIDE, &size);
    assert_int_equal(size, 32);
    sign(&sycc, &want);
    for (int i = 0; i < 64; i++) {
        const int k = i % 2 ? section[i / 2] >> 4 : section[i / 2] & 15;
        const double share = want.runs[i] ? want.far_outside[i] / (double)want.runs[i] : 0;
        far_outside += (int)want.far_outside[i];
        if (k) assert_true(ldexp(1, k - 16) <= share && (k == 15 || share < ldexp(1, k - 15)));
        else assert_true(share < ldexp(1, -15));
    }
    assert_true(far_outside > 40 && !want.doubtful);
    for (int change = 0; change < 16; change++) {
        left_by(change, codes);
        assert_int_equal(gmlp_net_check(&net, &base), change < 8 ? GMLP_OK : GMLP_E_CLIPPED);
        assert_int_equal(verdict_of_stream(&net, &base), change < 8 ? GMLP_OK : GMLP_E_CLIPPED);
        assert_int_equal(gmlp_signature_begin(&s, W, H), GMLP_OK);
        assert_int_equal(gmlp_signature_rows(&s, &base, 0), GMLP_OK);
        assert_int_equal(gmlp_net_verdict(&net, &s), change < 8 ? GMLP_OK : GMLP_E_CLIPPED);
        assert_int_equal(gmlp_net_matches(&net, &s), 1);
    }
    /* where three quarters are left, it is as it was; with a half it is not */
    for (int half = 0; half < 2; half++) {
        int gone = 0;
        left_by(8, codes);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W / 16 * 16; x += 16) {
                double v[3], mean[3] = {0}, most = 0;
                for (int i = 0; i < 16; i++) {
                    rgb_of(sycc_data + 3 * (y * W + x + i), v);
                    for (int c = 0; c < 3; c++) mean[c] += 255 * v[c] / 16;
                }
                for (int c = 0; c < 3; c++) most = fmax(most, fmax(-mean[c], mean[c] - 255));
                if (most > 8 && ++gone > (half ? far_outside / 2 + far_outside / 8 : far_outside / 4))
                    memcpy(codes + 3 * (y * W + x), sycc_data + 3 * (y * W + x), 48);
            }
        assert_true(gone >= far_outside && gone < 1.1 * far_outside);
        assert_int_equal(gmlp_net_check(&net, &base), half ? GMLP_E_CLIPPED : GMLP_OK);
    }
    /* clipped, but another picture; another size; nothing there */
    left_by(8, codes);
    for (int i = 0; i < N / 2 * 3; i++) {
        const uint8_t was = codes[i];
        codes[i] = codes[N * 3 - 3 - i / 3 * 3 + i % 3], codes[N * 3 - 3 - i / 3 * 3 + i % 3] = was;
    }
    assert_int_equal(gmlp_net_check(&net, &base), GMLP_E_OTHER_PICTURE);
    assert_int_equal(verdict_of_stream(&net, &base), GMLP_E_OTHER_PICTURE);
    base.width--, base.stride = W * 3;
    assert_int_equal(gmlp_net_check(&net, &base), GMLP_E_MISMATCH);
    assert_int_equal(gmlp_signature_begin(&s, W, H + 1), GMLP_OK);
    assert_int_equal(gmlp_net_verdict(&net, &s), GMLP_E_MISMATCH);
    assert_int_equal(gmlp_net_matches(&net, &s), 0);
    assert_int_equal(gmlp_net_verdict(NULL, &s), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_net_verdict(&net, NULL), GMLP_E_ARGUMENT);
    memset(&s, 0, sizeof s);
    assert_int_equal(gmlp_net_verdict(&net, &s), GMLP_E_ARGUMENT);
    base.width = W;
    /* a blob that says nothing of it, or in another way, or of too little, knows no difference */
    left_by(8, codes);
    again = net;
    memset(blob, 255, 33);
    assert_int_equal(gmlp_net_section_set(&again, GMLP_SECTION_OUTSIDE, blob, 33), GMLP_OK);
    assert_int_equal(gmlp_net_check(&again, &base), GMLP_OK);
    assert_int_equal(gmlp_net_section_set(&again, GMLP_SECTION_OUTSIDE, NULL, 0), GMLP_OK);
    assert_int_equal(gmlp_net_check(&again, &base), GMLP_OK);
    assert_int_equal(verdict_of_stream(&again, &base), GMLP_OK);
    memset(blob, 0, 32);
    blob[0] = 0xb; /* 2^-5 of the first cell's runs: less than four */
    assert_int_equal(gmlp_net_section_set(&again, GMLP_SECTION_OUTSIDE, blob, 32), GMLP_OK);
    assert_int_equal(gmlp_net_check(&again, &base), GMLP_OK);
    assert_int_equal(verdict_of_stream(&again, &base), GMLP_OK);
    again.method = GMLP_METHOD_NONE;
    assert_int_equal(gmlp_net_check(&again, &base), GMLP_OK);
    gmlp_net_free(&net);
    hdr = trained(1, 0); /* an HDR network knows, too */
    assert_int_equal(gmlp_net_check(&hdr, &base), GMLP_E_CLIPPED);
    gmlp_net_free(&hdr);
}

static double psnr_og(const float *got, const float *want, const uint8_t *mask) {
    double sum = 0, n = 0;
    for (int i = 0; i < N * 3; i++)
        if (mask[i / 3]) sum += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]), n++;
    return -10 * log10(sum / n);
}

/* Training has seen clipped pixels: a network gives back more than is left without it, and a target is met all the
   same. Pixels that are in gamut are what their codes say. */
static void clipped_pictures_come_back(void **state) {
    static uint8_t codes[N * 3], mask[N];
    static float want[N * 3], got[N * 3], plain[N * 3];
    gmlp_image base = {codes, W, H, 0, GMLP_U8, 3, GMLP_SYCC, 0};
    const gmlp_image linear = {want, W, H, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0}, view = {got, W, H, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0},
                     alone = {plain, W, H, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    gmlp_train_opts opts = {0};
    gmlp_train_report report;
    gmlp_net net = trained(0, 0);
    double intact;
    int same = 0;
    (void)state;
    gmlp_net_free(&net);
    opts.iterations = 200;
    opts.batch = 512;
    assert_int_equal(gmlp_train(&sycc, &wide, &opts, &net, NULL), GMLP_OK);
    assert_int_equal(gmlp_convert(&wide, &linear, NULL), GMLP_OK);
    assert_int_equal(gmlp_out_of_gamut_mask(&wide, mask, NULL), GMLP_OK);
    assert_int_equal(gmlp_decode(&net, &sycc, &view, NULL), GMLP_OK);
    intact = psnr_og(got, want, mask);
    for (int change = 8; change < 10; change++) {
        left_by(change, codes);
        assert_int_equal(gmlp_decode(&net, &base, &view, NULL), GMLP_OK);
        assert_int_equal(gmlp_convert(&base, &alone, NULL), GMLP_OK);
        print_message("# intact %.2f dB, clipped %.2f, without the network %.2f\n", intact, psnr_og(got, want, mask), psnr_og(plain, want, mask));
        assert_true(psnr_og(got, want, mask) > psnr_og(plain, want, mask) + 20); /* 14 with a network that saw none */
        for (int i = 0; i < N; i++) {
            double v[3];
            rgb_of(codes + 3 * i, v);
            if (fmin(fmin(v[0], v[1]), v[2]) < 0.02 || fmax(fmax(v[0], v[1]), v[2]) > 0.98) continue;
            for (int c = 0; c < 3; c++) assert_true(fabs((double)got[3 * i + c] - (double)plain[3 * i + c]) < 1e-6);
            same++;
        }
    }
    assert_true(same > N / 4);
    gmlp_net_free(&net);
    opts.target_psnr = intact - 6;
    assert_int_equal(gmlp_train(&sycc, &wide, &opts, &net, &report), GMLP_OK);
    assert_true(report.psnr_og >= opts.target_psnr);
    assert_int_equal(gmlp_decode(&net, &sycc, &view, NULL), GMLP_OK);
    print_message("# target %.2f dB: said %.3f, is %.3f\n", opts.target_psnr, report.psnr_og, psnr_og(got, want, mask));
    assert_true(fabs(report.psnr_og - psnr_og(got, want, mask)) < 0.1);
    gmlp_net_free(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_colours),
        cmocka_unit_test(known_codes),
        cmocka_unit_test(published_matrices),
        cmocka_unit_test(published_colours),
        cmocka_unit_test(viewers_see_the_clipped_picture),
        cmocka_unit_test(all_colours_clip_to_the_same),
        cmocka_unit_test(wide_colours_clip_to_the_same),
        cmocka_unit_test(edges_of_the_box),
        cmocka_unit_test(the_box_holds_more_than_the_cube),
        cmocka_unit_test(the_mask_is_that_of_colours),
        cmocka_unit_test(codes_one_off),
        cmocka_unit_test(same_bytes_everywhere),
        cmocka_unit_test(other_codes_are_refused),
        cmocka_unit_test(the_signature_is_what_viewers_see),
        cmocka_unit_test(clipped_pictures_are_found),
        cmocka_unit_test(clipped_pictures_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
