/* HDR: the maps by hand, decoding against its definition in double, what odd pixels do, the blob's fields, and that parts,
   instruction sets and threads change nothing. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include "tests/reference.h"
#include "tests/synthetic.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { W = 53, H = 31, N = W * H };
#define E (1.0 / 64)

static uint8_t base_data[N * 3];
static float hdr_data[N * 3];

/* An HDR picture, linear, and an SDR rendition by a curve that differs from place to place. */
static void make_pair(int base_space, int hdr_space, gmlp_image *base, gmlp_image *hdr) {
    static float sdr[N * 3];
    const gmlp_image linear = {sdr, W, H, 0, GMLP_F32, 3, GMLP_SRGB_LINEAR, 0};
    gmlp_image b = {base_data, W, H, 0, GMLP_U8, 3, base_space, 0}, h = {hdr_data, W, H, 0, GMLP_F32, 3, hdr_space, 0};
    uint32_t noise = 7;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++) {
                float *v = sdr + 3 * (y * W + x) + c;
                noise = noise * 1664525u + 1013904223u;
                *v = (float)(0.02 + (x * (c + 1) % 53) / 20.0 + (y * (3 - c) % 31) / 9.0 + (noise >> 24) / 5000.0);
                hdr_data[3 * (y * W + x) + c] = *v * (float)(1 + x / 60.0);
                *v = *v / (1 + *v) * 1.1f; /* Reinhard's, with highlights that clip */
            }
    assert_int_equal(gmlp_convert(&linear, &b, NULL), GMLP_OK);
    *base = b;
    *hdr = h;
}

static gmlp_net train(const gmlp_image *base, const gmlp_image *hdr, int preset, int method, int activation) {
    gmlp_train_opts opts = {0};
    gmlp_train_report report;
    gmlp_net net;
    opts.preset = preset;
    opts.method = method;
    opts.activation = activation;
    opts.width = 16;
    opts.iterations = 60;
    opts.batch = 128;
    assert_int_equal(gmlp_train_hdr(base, hdr, &opts, &net, &report), GMLP_OK);
    assert_int_equal(report.saturated, N);
    assert_int_equal(report.out_of_gamut, 0);
    assert_int_equal(report.iterations, 60);
    return net;
}

/* The maps for single pixels, worked by hand. */
static void maps_of_single_pixels(void **state) {
    (void)state;
    const float s = 0.5f - 1.0f / 64, h = 0.75f - 1.0f / 64; /* with e: 1/2 and 3/4 */
    assert_true(fabs((double)gmlp__maps[GMLP_METHOD_DIFFERENCE](s, h) - 0.25) < 1e-7);
    assert_true(fabs((double)gmlp__maps[GMLP_METHOD_GAIN](s, h) - 1.5) < 1e-6);
    assert_true(fabs((double)gmlp__maps[GMLP_METHOD_GAMMA](s, h) - log(0.75) / log(0.5)) < 1e-6);
    assert_true((double)gmlp__maps[GMLP_METHOD_DIRECT](s, h) == (double)h);
    assert_true(fabs((double)gmlp__method_of(GMLP_METHOD_GAIN)->undo(s, 1.5f) - h) < 1e-7);
    assert_true(fabs((double)gmlp__method_of(GMLP_METHOD_GAMMA)->undo(s, 0.5f) - (sqrt(0.5) - E)) < 1e-7);
    /* black on both sides, and the place where log(s + e) is 0 */
    assert_true((double)gmlp__maps[GMLP_METHOD_GAIN](0, 0) == 1.0);
    assert_true(fabs((double)gmlp__maps[GMLP_METHOD_GAMMA](0, 0) - 1.0) < 1e-7);
    for (int i = -2; i <= 2; i++) {
        const float at = (float)(63.0 / 64 + i * 1e-3);
        for (int k = 0; k <= 10; k++) {
            const float target = (float)k / 10, m = gmlp__maps[GMLP_METHOD_GAMMA](at, target);
            assert_true(fabs((double)m) < 300);
            assert_true(fabs((double)gmlp__method_of(GMLP_METHOD_GAMMA)->undo(at, m) - target) < 2e-5);
        }
    }
    /* whatever a network says is a number */
    for (int method = GMLP_METHOD_GAIN; method <= GMLP_METHOD_GAMMA; method++) {
        static const float wild[] = {-1e30f, -1e4f, 1e4f, 1e30f, INFINITY};
        for (int i = 0; i < 5; i++) assert_false(isnan(gmlp__method_of(method)->undo(0.3f, wild[i])));
    }
}

static double pq(double light) { /* SMPTE ST 2084, equation 5.2; light 1: 10000 cd/m2 */
    const double y = pow(light > 0 ? light : 0, 2610.0 / 16384);
    return pow((3424.0 / 4096 + 2413.0 / 128 * y) / (1 + 2392.0 / 128 * y), 2523.0 / 32);
}
static double pq_light(double code) {
    const double v = pow(code, 32 / 2523.0), up = v - 3424.0 / 4096;
    return pow((up > 0 ? up : 0) / (2413.0 / 128 - 2392.0 / 128 * v), 16384 / 2610.0);
}

/* Linear light, in the original's primaries, of pixel (x, y), from the definition. */
static void reference(const gmlp_net *net, uint32_t x, uint32_t y, double weight, double out[3]) {
    const uint8_t *rgb = base_data + 3 * ((size_t)y * W + x);
    double m[9], in[GMLP_INPUTS], linear[3], s[3], light[3], o[3];
    gmlp_space_matrix(net->base_space, net->wide_space, net->adaptation, m);
    for (int c = 0; c < 3; c++) linear[c] = gmlp_curve_decode(net->base_space, rgb[c] / 255.0, 0);
    for (int c = 0; c < 3; c++) {
        light[c] = m[3 * c] * linear[0] + m[3 * c + 1] * linear[1] + m[3 * c + 2] * linear[2];
        light[c] = light[c] < 0 ? 0 : light[c] > net->signal_max ? net->signal_max : light[c];
        s[c] = pq(light[c] / net->signal_max);
    }
    in[0] = 2.0 * y / (H - 1) - 1;
    in[1] = 2.0 * x / (W - 1) - 1;
    for (int c = 0; c < 3; c++) {
        in[2 + c] = net->inputs == GMLP_INPUT_HALF ? rgb[c] / 255.0 - 0.5 : (s[c] - net->input_mean) / net->input_range;
        in[2 + c] = in[2 + c] > 4 ? 4 : in[2 + c] < -4 ? -4 : in[2 + c];
    }
    for (int c = 0; c < 6; c++) in[5 + c] = test_window_mean(base_data, W, H, (int)x, (int)y, net->radius[c / 3], c % 3) / 255.0 - 0.5;
    reference_network(net, in, o);
    for (size_t c = 0; c < 3; c++) {
        const double map = net->map_mean + net->map_range * o[c];
        double h;
        if (net->method == GMLP_METHOD_DIFFERENCE) h = s[c] + map;
        else if (net->method == GMLP_METHOD_GAIN) h = (s[c] + E) * map - E;
        else if (net->method == GMLP_METHOD_GAMMA) h = pow(s[c] + E < 1 - E ? s[c] + E : 1 - E, map) - E;
        else h = map;
        h = h < 0 ? 0 : h > 1 ? 1 : h;
        out[c] = pq_light(h) * net->signal_max;
        if (weight < 1) out[c] = (light[c] + E) * pow((out[c] + E) / (light[c] + E), weight) - E;
    }
}

static void decodes_what_the_definition_says(void **state) {
    static const struct {
        int preset, method, activation, base_space, hdr_space;
    } cases[] = {
        {GMLP_PRESET_DEFAULT, 0, GMLP_RELU, GMLP_SRGB, GMLP_REC2020_LINEAR},
        {GMLP_PRESET_DEFAULT, GMLP_METHOD_GAIN, GMLP_RELU, GMLP_P3, GMLP_P3_LINEAR},
        {GMLP_PRESET_DEFAULT, GMLP_METHOD_GAMMA, GMLP_RELU, GMLP_REC709, GMLP_ACESCG},
        {GMLP_PRESET_DEFAULT, GMLP_METHOD_DIRECT, GMLP_SINE, GMLP_SRGB, GMLP_PROPHOTO_LINEAR},
        {GMLP_PRESET_PAPER, 0, GMLP_RELU, GMLP_REC709, GMLP_REC2020_LINEAR},
        {GMLP_PRESET_PAPER, GMLP_METHOD_GAIN, GMLP_RELU, GMLP_SRGB, GMLP_REC2020_LINEAR},
        {GMLP_PRESET_PAPER, GMLP_METHOD_DIRECT, GMLP_RELU, GMLP_SRGB, GMLP_REC2020_LINEAR},
    };
    static float out[N * 3];
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        gmlp_image base, hdr, view = {out, W, H, 0, GMLP_F32, 3, cases[k].hdr_space, 0};
        gmlp_net net;
        make_pair(cases[k].base_space, cases[k].hdr_space, &base, &hdr);
        net = train(&base, &hdr, cases[k].preset, cases[k].method, cases[k].activation);
        assert_int_equal(net.method, cases[k].method ? cases[k].method : cases[k].preset ? GMLP_METHOD_GAMMA : GMLP_METHOD_DIFFERENCE);
        assert_int_equal(gmlp_net_halo(&net), cases[k].preset ? 0 : 5);
        for (int less = 0; less < 2; less++)
            for (int isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
                const double stops = log2(net.content_max), weight = less ? 1 / stops : 1;
                gmlp_decode_opts opts = {0};
                opts.decoder.isa = isa;
                opts.decoder.headroom = less ? 1 : 0;
                if (!gmlp_isa_available(isa)) continue;
                assert_true(stops > 1.5);
                assert_int_equal(gmlp_decode(&net, &base, &view, &opts), GMLP_OK);
                for (uint32_t y = 0; y < H; y++)
                    for (uint32_t x = 0; x < W; x++) {
                        double want[3];
                        reference(&net, x, y, weight, want);
                        for (int c = 0; c < 3; c++) {
                            const double got = out[3 * (y * W + x) + (uint32_t)c], a = pq(want[c] / net.signal_max), b = pq(got / net.signal_max);
                            /* the highest of 12 bands multiplies the rounding of its input by 2048 pi */
                            assert_true(fabs(a - b) < (cases[k].preset ? 4e-3 : 2e-4));
                        }
                    }
            }
        gmlp_net_free(&net);
    }
}

/* The signal of a PQ file is the code itself: written without a way through light, to the same code as with it. */
static void pq_codes_are_signals(void **state) {
    static uint16_t codes[N * 3], through[N * 3], source[N * 3];
    static float light[N * 3];
    gmlp_image base, hdr, pq16 = {source, W, H, 0, GMLP_U16, 3, GMLP_REC2020_PQ, 0}, out = pq16, floats = pq16;
    gmlp_decode_opts opts = {0};
    gmlp_convert_opts convert = {0};
    gmlp_net net;
    (void)state;
    make_pair(GMLP_SRGB, GMLP_REC2020_LINEAR, &base, &hdr);
    assert_int_equal(gmlp_convert(&hdr, &pq16, NULL), GMLP_OK);
    net = train(&base, &pq16, GMLP_PRESET_DEFAULT, 0, GMLP_RELU);
    assert_int_equal(net.wide_space, GMLP_REC2020_PQ);
    assert_true(fabs(net.signal_max - 10000.0 / 203) < 1e-4);
    out.data = codes;
    assert_int_equal(gmlp_decode(&net, &base, &out, NULL), GMLP_OK);
    floats.data = light;
    floats.type = GMLP_F32;
    floats.space = GMLP_REC2020_LINEAR;
    assert_int_equal(gmlp_decode(&net, &base, &floats, &opts), GMLP_OK);
    out.data = through;
    assert_int_equal(gmlp_convert(&floats, &out, &convert), GMLP_OK);
    for (int i = 0; i < N * 3; i++) assert_true(abs(codes[i] - through[i]) <= 1);
    /* another white: the same light in other numbers */
    opts.decoder.white_nits = 100;
    assert_int_equal(gmlp_decode(&net, &base, &out, &opts), GMLP_OK);
    for (int i = 0; i < N * 3; i++) assert_true(fabs(through[i] / 65535.0 - pq(light[i] * 100 / 10000.0)) < 2e-5);
    gmlp_net_free(&net);
}

/* Training gets near: the error of what comes back is a fraction of the SDR picture's. */
static void training_gets_near(void **state) {
    static uint16_t got[N * 3], want[N * 3], sdr[N * 3];
    gmlp_image base, hdr, view = {got, W, H, 0, GMLP_U16, 3, GMLP_REC2020_PQ, 0};
    (void)state;
    make_pair(GMLP_SRGB, GMLP_REC2020_LINEAR, &base, &hdr);
    view.data = want;
    assert_int_equal(gmlp_convert(&hdr, &view, NULL), GMLP_OK);
    view.data = sdr;
    assert_int_equal(gmlp_convert(&base, &view, NULL), GMLP_OK);
    for (int method = GMLP_METHOD_DIFFERENCE; method <= GMLP_METHOD_DIRECT; method++) {
        double before = 0, after = 0;
        gmlp_train_opts opts = {0};
        gmlp_net net;
        opts.method = method;
        opts.iterations = 400;
        opts.batch = 512;
        assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_OK);
        assert_in_range(gmlp_blob_size(&net), 1000, 5120);
        view.data = got;
        assert_int_equal(gmlp_decode(&net, &base, &view, NULL), GMLP_OK);
        for (int i = 0; i < N * 3; i++) {
            before += (sdr[i] - (double)want[i]) * (sdr[i] - (double)want[i]);
            after += (got[i] - (double)want[i]) * (got[i] - (double)want[i]);
        }
        assert_true(after < before / 50);
        gmlp_net_free(&net);
    }
}

/* Black, light below 0, far beyond the peak, infinite, not a number. */
static void odd_light(void **state) {
    static float out[N * 3];
    gmlp_image base, hdr, view = {out, W, H, 0, GMLP_F32, 3, GMLP_REC2020_LINEAR, 0};
    (void)state;
    for (int method = GMLP_METHOD_DIFFERENCE; method <= GMLP_METHOD_DIRECT; method++)
        for (int kind = 0; kind < 6; kind++) {
            gmlp_net net;
            make_pair(GMLP_SRGB, GMLP_REC2020_LINEAR, &base, &hdr);
            for (int i = 0; i < N * 3; i++) {
                if (kind == 0) hdr_data[i] = 0, base_data[i] = 0;
                if (kind == 1 && i % 7 == 0) hdr_data[i] = -3;
                if (kind == 2 && i % 701 == 0) hdr_data[i] = 3000; /* 600 000 cd/m2 */
                if (kind == 3 && i % 701 == 0) hdr_data[i] = i % 2 ? INFINITY : -INFINITY;
                if (kind == 4 && i % 701 == 0) hdr_data[i] = NAN;
                if (kind == 5) base_data[i] = 255; /* no SDR to speak of */
            }
            net = train(&base, &hdr, GMLP_PRESET_DEFAULT, method, GMLP_RELU);
            assert_true(fabs(net.signal_max - (kind == 2 ? 3000 : kind == 3 ? 1e6 : 10000.0 / 203)) < 1e-3 * net.signal_max);
            assert_true(net.content_max > 0 && net.content_max <= net.signal_max);
            assert_int_equal(gmlp_decode(&net, &base, &view, NULL), GMLP_OK);
            for (int i = 0; i < N * 3; i++) assert_true(out[i] >= 0 && out[i] <= net.signal_max * 1.0001f);
            gmlp_net_free(&net);
        }
}

/* A peak that is given cuts what is brighter; the net can be written whatever it is. */
static void a_peak_cuts(void **state) {
    static const double peaks[] = {1e-3, 0.5, 2, 1e6};
    static float out[N * 3];
    gmlp_image base, hdr, view = {out, W, H, 0, GMLP_F32, 3, GMLP_REC2020_LINEAR, 0};
    (void)state;
    for (size_t k = 0; k < 4; k++)
        for (int black = 0; black < 2; black++) {
            gmlp_train_opts opts = {0};
            gmlp_net net;
            float most = 0;
            make_pair(GMLP_SRGB, GMLP_REC2020_LINEAR, &base, &hdr);
            if (black) memset(hdr_data, 0, sizeof hdr_data);
            opts.signal_max = peaks[k];
            opts.width = 16;
            opts.iterations = 60;
            opts.batch = 128;
            assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_OK);
            assert_true(gmlp_blob_size(&net) > 0);
            assert_int_equal(gmlp_decode(&net, &base, &view, NULL), GMLP_OK);
            for (int i = 0; i < N * 3; i++) most = out[i] > most ? out[i] : most;
            assert_true(most <= peaks[k] * 1.0001);
            if (!black && peaks[k] == 2) assert_true(most > 1.5);
            gmlp_net_free(&net);
        }
}

static void less_headroom(void **state) {
    static float full[N * 3], some[N * 3], sdr[N * 3];
    gmlp_image base, hdr, view = {full, W, H, 0, GMLP_F32, 3, GMLP_REC2020_LINEAR, 0};
    gmlp_decode_opts opts = {0};
    gmlp_net net;
    (void)state;
    make_pair(GMLP_SRGB, GMLP_REC2020_LINEAR, &base, &hdr);
    net = train(&base, &hdr, GMLP_PRESET_DEFAULT, 0, GMLP_RELU);
    assert_int_equal(gmlp_decode(&net, &base, &view, NULL), GMLP_OK);
    view.data = sdr;
    assert_int_equal(gmlp_convert(&base, &view, NULL), GMLP_OK);
    view.data = some;
    opts.decoder.headroom = 20; /* more than the picture has */
    assert_int_equal(gmlp_decode(&net, &base, &view, &opts), GMLP_OK);
    assert_memory_equal(some, full, sizeof full);
    opts.decoder.headroom = 1e-4; /* next to none: the base */
    assert_int_equal(gmlp_decode(&net, &base, &view, &opts), GMLP_OK);
    for (int i = 0; i < N * 3; i++) assert_true(fabs(some[i] - sdr[i]) < 1e-3 * (1 + sdr[i]));
    opts.decoder.headroom = -1;
    assert_int_equal(gmlp_decode(&net, &base, &view, &opts), GMLP_E_ARGUMENT);
    opts.decoder.headroom = NAN;
    assert_int_equal(gmlp_decode(&net, &base, &view, &opts), GMLP_E_ARGUMENT);
    gmlp_net_free(&net);
}

static void parts_equal_the_whole(void **state) {
    static const uint32_t cuts[][4] = {{0, 0, 1, 1}, {W - 1, H - 1, 1, 1}, {11, 7, 30, 9}, {0, 30, W, 1}};
    static uint16_t whole[N * 3], part[N * 3];
    gmlp_image base, hdr, view = {whole, W, H, 0, GMLP_U16, 3, GMLP_REC2020_PQ, 0};
    (void)state;
    for (int preset = 0; preset < 2; preset++) {
        gmlp_decode_opts opts = {0};
        gmlp_net net;
        make_pair(GMLP_SRGB, GMLP_ACESCG, &base, &hdr);
        net = train(&base, &hdr, preset, 0, GMLP_RELU);
        opts.decoder.headroom = 2;
        assert_int_equal(gmlp_decode(&net, &base, &view, &opts), GMLP_OK);
        for (size_t k = 0; k < 4; k++) {
            gmlp_image to = {part, cuts[k][2], cuts[k][3], 0, GMLP_U16, 3, GMLP_REC2020_PQ, 0};
            opts.x = cuts[k][0];
            opts.y = cuts[k][1];
            assert_int_equal(gmlp_decode(&net, &base, &to, &opts), GMLP_OK);
            for (uint32_t r = 0; r < to.height; r++)
                assert_memory_equal(part + 3 * r * to.width, whole + 3 * ((opts.y + r) * W + opts.x), 6 * to.width);
        }
        gmlp_net_free(&net);
    }
}

/* Inputs that a blob blows up are held in the range that the sinusoids are good for. */
static void wide_inputs(void **state) {
    static const float means[] = {0.0f, 0.5f, 1e6f, -1e6f}, ranges[] = {1e-3f, 1e-6f, -1e-6f, 1e-30f, -3e-38f, 1e-44f};
    static float out[N * 3], first[N * 3];
    gmlp_image base, hdr, view = {out, W, H, 0, GMLP_F32, 3, GMLP_REC2020_LINEAR, 0};
    gmlp_net net;
    (void)state;
    make_pair(GMLP_P3, GMLP_REC2020_LINEAR, &base, &hdr);
    net = train(&base, &hdr, GMLP_PRESET_PAPER, GMLP_METHOD_DIFFERENCE, GMLP_RELU);
    assert_int_equal(net.inputs, GMLP_INPUT_WIDE);
    for (size_t k = 0; k < sizeof means / sizeof *means; k++)
        for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++)
            for (int isa = GMLP_ISA_SCALAR, runs = 0; isa <= GMLP_ISA_NEON; isa++) {
                gmlp_decode_opts opts = {0};
                opts.decoder.isa = isa;
                if (!gmlp_isa_available(isa)) continue;
                net.input_mean = means[k];
                net.input_range = ranges[r];
                assert_int_equal(gmlp_decode(&net, &base, &view, &opts), GMLP_OK);
                if (!runs++) memcpy(first, out, sizeof out);
                assert_memory_equal(out, first, sizeof out);
                if (means[k] == 0.0f || r < 1 || r > 3) continue; /* inputs inside the range, and ranges that are no floats' */
                for (uint32_t i = 0; i < N; i++) {
                    double want[3];
                    reference(&net, i % W, i / W, 1, want);
                    for (uint32_t c = 0; c < 3; c++) assert_true(fabs(pq(want[c] / net.signal_max) - pq(out[3 * i + c] / net.signal_max)) < 2e-4);
                }
            }
    gmlp_net_free(&net);
}

static void reversed_run(void *user, void (*job)(void *, size_t), void *ctx, size_t count) {
    (void)user;
    while (count--) job(ctx, count);
}

static void same_bytes_everywhere(void **state) {
    static uint8_t first[65536], again[65536];
    static uint16_t first16[N * 3], out16[N * 3];
    gmlp_image base, hdr, view = {out16, W, H, 0, GMLP_U16, 3, GMLP_REC2020_HLG, 0};
    size_t size = 0, n;
    (void)state;
    make_pair(GMLP_P3, GMLP_ACES2065_1, &base, &hdr);
    for (int preset = 0; preset < 2; preset++)
        for (int method = GMLP_METHOD_DIFFERENCE; method <= GMLP_METHOD_DIRECT; method++)
            for (int isa = GMLP_ISA_SCALAR, runs = 0; isa <= GMLP_ISA_WASM; isa++) {
                gmlp_train_opts opts = {0};
                gmlp_decode_opts decode = {0};
                gmlp_net net;
                if (!gmlp_isa_available(isa)) continue;
                opts.preset = preset;
                opts.method = method;
                opts.width = 16;
                opts.iterations = 8;
                opts.batch = 200;
                opts.isa = decode.decoder.isa = isa;
                decode.decoder.headroom = method == GMLP_METHOD_GAIN ? 1.5 : 0;
                if (runs) opts.threads.parallel_for = decode.threads.parallel_for = reversed_run;
                assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_OK);
                assert_int_equal(gmlp_blob_write(&net, again, sizeof again, &n), GMLP_OK);
                assert_int_equal(gmlp_decode(&net, &base, &view, &decode), GMLP_OK);
                gmlp_net_free(&net);
                if (runs++) {
                    assert_int_equal(n, size);
                    assert_memory_equal(again, first, n);
                    assert_memory_equal(out16, first16, sizeof out16);
                }
                size = n;
                memcpy(first, again, n);
                memcpy(first16, out16, sizeof out16);
            }
}

/* Every HDR field of the blob: kept, and refused beyond its limits. */
static void blob_fields(void **state) {
    static const struct {
        size_t at;
        float bad[3];
    } fields[] = {{118, {0, -1, 10001}}, {122, {0, 2e9f, NAN}}, {126, {0, 1e9f, NAN}}, {130, {2e6f, -2e6f, NAN}}, {134, {0, 2e6f, INFINITY}},
                  {138, {2e6f, -2e6f, INFINITY}}, {142, {0, -2e6f, NAN}}};
    static uint8_t blob[8192], bad[8192];
    gmlp_image base, hdr;
    gmlp_net net, again;
    gmlp_error err;
    size_t size;
    (void)state;
    make_pair(GMLP_REC709, GMLP_ACESCG, &base, &hdr);
    net = train(&base, &hdr, GMLP_PRESET_DEFAULT, GMLP_METHOD_GAMMA, GMLP_RELU);
    assert_int_equal(gmlp_blob_write(&net, blob, sizeof blob, &size), GMLP_OK);
    assert_int_equal(gmlp_blob_read(blob, size, NULL, &again, &err), GMLP_OK);
    assert_int_equal(again.method, GMLP_METHOD_GAMMA);
    assert_int_equal(again.base_space, GMLP_REC709);
    assert_int_equal(again.inputs, GMLP_INPUT_HALF);
    assert_memory_equal(&again.white_nits, &net.white_nits, 4);
    assert_memory_equal(&again.signal_max, &net.signal_max, 4);
    assert_memory_equal(&again.content_max, &net.content_max, 4);
    assert_memory_equal(&again.map_mean, &net.map_mean, 4);
    assert_memory_equal(&again.map_range, &net.map_range, 4);
    assert_memory_equal(again.weights, net.weights, gmlp_mlp_weights(&net.mlp) * 4);
    gmlp_net_free(&again);
    for (size_t k = 0; k < sizeof fields / sizeof *fields; k++)
        for (int i = 0; i < 3; i++) {
            uint32_t u;
            memcpy(bad, blob, size);
            memcpy(&u, &fields[k].bad[i], 4);
            gmlp__put_le(bad + fields[k].at, u, 4);
            gmlp__put_le(bad + size - 4, gmlp__crc32(0, bad, size - 4), 4);
            assert_int_equal(gmlp_blob_read(bad, size, NULL, &again, &err), GMLP_E_FIELD);
            assert_int_equal(err.offset, fields[k].at);
        }
    memcpy(bad, blob, size);
    bad[35] = GMLP_MASK_SATURATED;
    gmlp__put_le(bad + size - 4, gmlp__crc32(0, bad, size - 4), 4);
    assert_int_equal(gmlp_blob_read(bad, size, NULL, &again, &err), GMLP_E_FIELD);
    assert_int_equal(err.offset, 35);
    gmlp_net_free(&net);
}

static void what_is_refused(void **state) {
    static float out[N * 3];
    gmlp_image base, hdr, view = {out, W, H, 0, GMLP_F32, 3, 0, 0}, odd;
    gmlp_train_opts opts = {0};
    gmlp_net net, start;
    (void)state;
    make_pair(GMLP_P3, GMLP_REC2020_LINEAR, &base, &hdr);
    opts.iterations = 4;
    opts.batch = 64;
    odd = base;
    odd.space = GMLP_ADOBERGB;
    assert_int_equal(gmlp_train_hdr(&odd, &hdr, &opts, &net, NULL), GMLP_E_ARGUMENT);
    odd = hdr;
    odd.width--;
    assert_int_equal(gmlp_train_hdr(&base, &odd, &opts, &net, NULL), GMLP_E_ARGUMENT);
    opts.method = GMLP_METHOD_RESIDUAL;
    assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_E_ARGUMENT);
    opts.method = 6;
    assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_E_ARGUMENT);
    opts.method = 0;
    opts.target_psnr = 40;
    assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_E_ARGUMENT);
    opts.target_psnr = 0;
    opts.white_nits = 20000;
    assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_E_ARGUMENT);
    opts.white_nits = 0;
    opts.signal_max = -1;
    assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_E_ARGUMENT);
    opts.signal_max = 0.9e-3;
    assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_E_ARGUMENT);
    opts.signal_max = 1.1e6;
    assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_E_ARGUMENT);
    opts.signal_max = 0;
    /* a start of another map */
    assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &start, NULL), GMLP_OK);
    opts.start = &start;
    assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_OK);
    gmlp_net_free(&net);
    opts.method = GMLP_METHOD_GAIN;
    assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_E_ARGUMENT);
    /* the net says what space its base is in */
    base.space = GMLP_SRGB;
    assert_int_equal(gmlp_decode(&start, &base, &view, NULL), GMLP_E_BASE_SPACE);
    base.space = GMLP_P3;
    assert_int_equal(gmlp_decode(&start, &base, &view, NULL), GMLP_OK);
    gmlp_net_free(&start);
    /* a wide-gamut training has neither map nor other bases */
    opts.start = NULL;
    opts.method = GMLP_METHOD_GAIN;
    base.space = GMLP_SRGB;
    assert_int_equal(gmlp_train(&base, &hdr, &opts, &net, NULL), GMLP_E_ARGUMENT);
    opts.method = 0;
    base.space = GMLP_P3;
    assert_int_equal(gmlp_train(&base, &hdr, &opts, &net, NULL), GMLP_E_ARGUMENT);
}

/* Preset paper's gamma map of the published shape starts from the network that noise made; all others at random. */
static void where_training_starts(void **state) {
    static const struct {
        int preset, method, width, built_in;
    } cases[] = {{GMLP_PRESET_PAPER, 0, 0, 1}, {GMLP_PRESET_PAPER, GMLP_METHOD_GAIN, 0, 0}, {GMLP_PRESET_PAPER, 0, 8, 0},
                 {GMLP_PRESET_DEFAULT, GMLP_METHOD_GAMMA, 16, 0}};
    gmlp_image base, hdr;
    (void)state;
    make_pair(GMLP_SRGB, GMLP_REC2020_LINEAR, &base, &hdr);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        gmlp_train_opts opts = {0};
        gmlp_net net, noise;
        float *start;
        opts.preset = cases[k].preset;
        opts.method = cases[k].method;
        opts.width = cases[k].width;
        opts.iterations = 1;
        opts.batch = 64;
        opts.learning_rate = opts.muon_learning_rate = 1e-9; /* stays where it starts */
        assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_OK);
        start = malloc(gmlp_mlp_weights(&net.mlp) * sizeof *start);
        assert_int_equal(gmlp_mlp_init(&net.mlp, 0, cases[k].preset ? 1.0f : 0.01f, start), GMLP_OK);
        assert_int_equal(gmlp_blob_read(gmlp__noise_start, sizeof gmlp__noise_start, NULL, &noise, NULL), GMLP_OK);
        if (cases[k].built_in) memcpy(start, noise.weights, gmlp_mlp_weights(&net.mlp) * sizeof *start);
        for (size_t i = 0; i < gmlp_mlp_weights(&net.mlp); i++) assert_true(fabs(net.weights[i] - start[i]) < (cases[k].preset ? 1e-6 : 1e-2));
        free(start);
        gmlp_net_free(&noise);
        gmlp_net_free(&net);
    }
}

static size_t allocations_left;
static void *limited_alloc(void *user, size_t size) {
    (void)user;
    return allocations_left ? allocations_left--, malloc(size) : NULL;
}
static void limited_free(void *user, void *ptr, size_t size) { (void)user, (void)size, free(ptr); }

static void every_allocation_may_fail(void **state) {
    static float out[N * 3];
    gmlp_image base, hdr;
    const gmlp_image view = {out, W, H, 0, GMLP_F32, 3, GMLP_REC2020_PQ, 0};
    gmlp_result result = GMLP_E_MEMORY;
    size_t k;
    (void)state;
    make_pair(GMLP_SRGB, GMLP_ACESCG, &base, &hdr);
    for (k = 0; k < 2000 && result; k++) {
        gmlp_train_opts opts = {0};
        gmlp_decode_opts decode = {0};
        gmlp_net net;
        opts.iterations = 1;
        opts.batch = 16;
        opts.width = 8;
        opts.alloc.alloc = decode.decoder.alloc.alloc = limited_alloc;
        opts.alloc.free = decode.decoder.alloc.free = limited_free;
        allocations_left = k;
        result = gmlp_train_hdr(&base, &hdr, &opts, &net, NULL);
        if (!result) result = gmlp_decode(&net, &base, &view, &decode);
        if (result) assert_int_equal(result, GMLP_E_MEMORY);
        gmlp_net_free(&net);
    }
    assert_true(k > 8 && k < 2000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_of_single_pixels), cmocka_unit_test(decodes_what_the_definition_says),
        cmocka_unit_test(pq_codes_are_signals),  cmocka_unit_test(training_gets_near),
        cmocka_unit_test(odd_light),             cmocka_unit_test(a_peak_cuts),
        cmocka_unit_test(less_headroom),         cmocka_unit_test(wide_inputs),
        cmocka_unit_test(parts_equal_the_whole), cmocka_unit_test(same_bytes_everywhere),
        cmocka_unit_test(blob_fields),           cmocka_unit_test(what_is_refused),
        cmocka_unit_test(where_training_starts), cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("hdr", tests, NULL, NULL);
}
