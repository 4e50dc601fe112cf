/* >>decode: against the definition in double, and every way to take a part of a picture. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include "tests/fixed.h"
#include "tests/reference.h"
#include "tests/synthetic.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { W = 61, H = 37, N = W * H };

static uint16_t wide_data[N * 3];
static uint8_t base_data[N * 3];
static gmlp_image wide = {wide_data, W, H, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
static gmlp_image base = {base_data, W, H, 0, GMLP_U8, 3, GMLP_SRGB, 0};

static gmlp_net trained(int preset, int activation, int width, int margin) {
    gmlp_train_opts opts = {0};
    gmlp_net net;
    test_picture(wide_data, W, H, 4);
    assert_int_equal(gmlp_reduce(&wide, &base, NULL, NULL), GMLP_OK);
    opts.preset = preset;
    opts.activation = activation;
    opts.width = width;
    opts.clip_margin = margin;
    opts.iterations = 40;
    opts.batch = 128;
    assert_int_equal(gmlp_train(&base, &wide, &opts, &net, NULL), GMLP_OK);
    assert_int_equal(net.method, GMLP_METHOD_RESIDUAL);
    return net;
}

/* linear wide of pixel (x, y), from the definition */
static void reference(const gmlp_net *net, uint32_t x, uint32_t y, double out[3]) {
    const uint8_t *rgb = base_data + 3 * ((size_t)y * W + x);
    double m[9], in[GMLP_INPUTS], linear[3], o[3];
    gmlp_space_matrix(GMLP_SRGB_LINEAR, net->wide_space, net->adaptation, m);
    for (int c = 0; c < 3; c++) linear[c] = gmlp_curve_decode(GMLP_SRGB, rgb[c] / 255.0, 0);
    for (int c = 0; c < 3; c++) out[c] = m[3 * c] * linear[0] + m[3 * c + 1] * linear[1] + m[3 * c + 2] * linear[2];
    if (net->mask == GMLP_MASK_SATURATED && !gmlp_is_saturated(rgb, net->clip_margin)) return;
    in[0] = 2.0 * y / (H - 1) - 1;
    in[1] = 2.0 * x / (W - 1) - 1;
    for (int c = 0; c < 3; c++) in[2 + c] = net->inputs == GMLP_INPUT_CODES ? 2.0 * rgb[c] / 255 - 1 : 2 * out[c] - 1;
    for (int c = 0; c < 6; c++) { /* means of windows, to the nearest code; the border repeats */
        const int mean = test_window_mean(base_data, W, H, (int)x, (int)y, net->radius[c / 3], c % 3);
        in[5 + c] = 2.0 * mean / 255 - 1;
    }
    reference_network(net, in, o);
    for (size_t c = 0; c < 3; c++) {
        out[c] += o[c] / 2;
        out[c] = out[c] < 0 ? 0 : out[c] > 1 ? 1 : out[c];
    }
}

static void check_against_reference(gmlp_net net, double tolerance) {
    static float out[N * 3];
    const gmlp_image view = {out, W, H, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    for (int isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
        gmlp_decode_opts opts = {0};
        opts.decoder.isa = isa;
        if (!gmlp_isa_available(isa)) continue;
        assert_int_equal(gmlp_decode(&net, &base, &view, &opts), GMLP_OK);
        for (uint32_t y = 0; y < H; y++)
            for (uint32_t x = 0; x < W; x++) {
                double ref[3];
                reference(&net, x, y, ref);
                for (uint32_t c = 0; c < 3; c++) assert_true(fabs(ref[c] - out[3 * (y * W + x) + c]) < tolerance);
            }
    }
    gmlp_net_free(&net);
}

static void decodes_what_the_network_says(void **state) {
    (void)state;
    check_against_reference(trained(GMLP_PRESET_DEFAULT, GMLP_RELU, 32, 0), 2e-4); /* 16-bit fixed point */
    check_against_reference(trained(GMLP_PRESET_DEFAULT, GMLP_RELU, 8, 8), 2e-4);
    check_against_reference(trained(GMLP_PRESET_DEFAULT, GMLP_SINE, 24, 0), 4e-6);
    /* codes enter through a float product here: the highest of 12 bands multiplies its rounding by 2048 pi */
    check_against_reference(trained(GMLP_PRESET_PAPER, GMLP_RELU, 32, 0), 3e-3);
}

static uint32_t draw(void) {
    static uint64_t x = 88172645463325252u;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return (uint32_t)(x >> 32);
}

static int32_t low(int32_t word) { return (int16_t)(word & 0xffff); }
static int32_t high(int32_t word) { return (int16_t)((uint32_t)word >> 16); }
static int32_t pair(int32_t a, int32_t b) { return (int32_t)(((uint32_t)a & 0xffffu) | (uint32_t)b << 16); }

/* The fixed-point kernels do what gmlp__fixed says, one neuron at a time, to the bit. Sums use all of their bits. */
static void fixed_point_is_exact(void **state) {
    (void)state;
    enum { PIXELS = 64, COLUMNS = 70, MOST = 128 };
    static const size_t widths[] = {8, 24, 32, 48, 80, 128};
    static int32_t columns[COLUMNS * MOST / 2 + 16], tables[9 * 256 * MOST / 2 + 16], line[MOST / 2 + 16], w2[MOST * MOST / 2], b2[MOST], w3[MOST / 2 * 3];
    static int32_t means[2][2 * PIXELS], h[PIXELS * MOST / 2 + 16];
    static unsigned char codes[3 * PIXELS];
    static uint32_t index[PIXELS];
    const int32_t *const view[2] = {means[0], means[1]};
    for (size_t k = 0; k < sizeof widths / sizeof *widths; k++)
        for (int windows = 0; windows <= 2; windows++) {
            const size_t width = widths[k], pairs = width / 2;
            const int32_t most1 = 32767 / (5 + 3 * windows), most2 = 65536 / (int32_t)width * 4 / 5;
            gmlp__fixed f = {0};
            for (size_t i = 0; i < COLUMNS * pairs; i++) columns[i] = pair((int32_t)draw() % most1, (int32_t)draw() % most1);
            for (size_t i = 0; i < 9 * 256 * pairs; i++) tables[i] = pair((int32_t)draw() % most1, (int32_t)draw() % most1);
            for (size_t i = 0; i < pairs; i++) line[i] = pair((int32_t)draw() % most1, (int32_t)draw() % most1);
            for (size_t i = 0; i < width * pairs; i++) w2[i] = pair((int32_t)draw() % most2, i % 9 ? (int32_t)draw() % most2 : most2);
            for (size_t i = 0; i < width; i++) b2[i] = (int32_t)draw() / 8;
            for (size_t i = 0; i < 3 * pairs; i++) w3[i] = pair((int32_t)draw() % most2, (int32_t)draw() % most2);
            for (size_t i = 0; i < 3 * PIXELS; i++) codes[i] = (unsigned char)draw();
            for (size_t i = 0; i < PIXELS; i++) {
                index[i] = draw() % COLUMNS;
                for (int w = 0; w < 2; w++) {
                    const uint16_t four[4] = {(uint16_t)(draw() & 255), (uint16_t)(draw() & 255), (uint16_t)(draw() & 255), (uint16_t)draw()};
                    memcpy(means[w] + 2 * i, four, 8);
                }
            }
            f.pairs = pairs, f.windows = windows;
            f.columns = columns, f.codes = tables, f.w2 = w2, f.b2 = b2, f.w3 = w3;
            for (int c = 0; c < 3; c++) f.scale[c] = 1.0f / 1048576, f.bias[c] = (float)c;
            for (int isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
                const gmlp__kernels *kernels = gmlp__select(isa);
                static float out[3][PIXELS];
                float *const planes[3] = {out[0], out[1], out[2]};
                if (!kernels) continue;
                memset(h, 0, sizeof h);
                kernels->look_up(&f, line, index, codes, view, PIXELS - 1, h);
                kernels->finish(&f, h, PIXELS, planes);
                for (size_t i = 0; i < PIXELS - 1; i++) {
                    int32_t h1[MOST], h2[MOST];
                    for (size_t j = 0; j < width; j++) {
                        int32_t (*const half)(int32_t) = j % 2 ? high : low;
                        int32_t sum = half(line[j / 2]) + half(columns[index[i] * pairs + j / 2]);
                        for (size_t c = 0; c < 3 + 3 * (size_t)windows; c++) {
                            uint16_t four[4] = {codes[3 * i], codes[3 * i + 1], codes[3 * i + 2], 0};
                            if (c >= 3) memcpy(four, means[c / 3 - 1] + 2 * i, 8);
                            sum += half(tables[(256 * c + four[c % 3]) * pairs + j / 2]);
                        }
                        assert_true(sum < 32768 && sum >= -32768);
                        h1[j] = sum > 0 ? sum : 0;
                        assert_int_equal(half(h[i * pairs + j / 2]), h1[j]);
                    }
                    for (size_t j = 0; j < width; j++) {
                        int64_t sum = b2[j];
                        for (size_t m = 0; m < width; m++) {
                            const int32_t w = w2[j / 8 * 8 * pairs + 8 * (m / 2) + j % 8];
                            sum += (int64_t)h1[m] * (m % 2 ? high(w) : low(w));
                        }
                        assert_true(sum == (int32_t)sum);
                        h2[j] = sum > 0 ? (int32_t)(sum >> 16) : 0;
                    }
                    for (size_t c = 0; c < 3; c++) {
                        int64_t sum = 0;
                        for (size_t j = 0; j < width; j++) sum += (int64_t)h2[j] * (j % 2 ? high(w3[3 * (j / 2) + c]) : low(w3[3 * (j / 2) + c]));
                        assert_true(sum == (int32_t)sum);
                        assert_true(out[c][i] == (float)((double)(float)sum / 1048576 + (double)c));
                    }
                }
            }
        }
}

/* Means of windows in wide pictures, whose sums stand in segments: rows in any order, any columns of the row. */
static void windows_of_wide_pictures(void **state) {
    (void)state;
    enum { WIDTH = 1303, HEIGHT = 23, PIXELS = 64 };
    static uint8_t codes[WIDTH * HEIGHT * 4], packed[WIDTH * HEIGHT * 3];
    static const uint32_t parts[][2] = {{0, WIDTH}, {3, 511}, {5, 512}, {2, 513}, {0, 1}, {WIDTH - 1, 1}, {700, WIDTH - 700}, {1, 1031}};
    static int32_t words[2][2 * PIXELS];
    int32_t *const means[2] = {words[0], words[1]};
    for (size_t i = 0; i < sizeof packed; i++) packed[i] = (uint8_t)(draw() % 7 ? draw() : 255);
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) memcpy(codes + 4 * i, packed + 3 * i, 3), codes[4 * i + 3] = (uint8_t)draw();
    for (int radius = 0; radius <= GMLP_MAX_RADIUS; radius++) /* 0: the pixel itself */
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
            const uint8_t radii[2] = {(uint8_t)radius, (uint8_t)(radius ? GMLP_MAX_RADIUS + 1 - radius : 0)};
            const int channels = 3 + (int)(k + (size_t)radius) % 2;
            const gmlp_image picture = {channels == 4 ? codes : packed, WIDTH, HEIGHT, 0, GMLP_U8, channels, GMLP_SRGB, 0};
            const uint32_t x = parts[k][0], n = parts[k][1];
            const size_t size = gmlp__windows_size(radii, n, (size_t)channels);
            void *memory = calloc(1, size); /* its end is the tools' to watch */
            gmlp__windows w;
            gmlp__windows_init(&w, gmlp__select(GMLP_ISA_AUTO), radii, &picture, x, n, memory);
            w.count = 2;
            w.width = picture.width;
            w.height = picture.height;
            for (uint32_t turn = 0, y = 0; turn < 40; turn++) {
                uint32_t column[PIXELS];
                size_t count = 0;
                y = turn % 8 == 7 ? draw() % HEIGHT : (y + draw() % 3) % HEIGHT; /* mostly down, at times anywhere */
                for (uint32_t c = draw() % n; c < n && count < PIXELS; c += turn % 3 ? 1 : 1 + draw() % 60) column[count++] = c;
                gmlp__windows_means(&w, y, column, count, means);
                for (size_t i = 0; i < count; i++)
                    for (int j = 0; j < 2; j++) {
                        uint16_t four[4];
                        memcpy(four, words[j] + 2 * i, 8);
                        for (int c = 0; c < 3; c++)
                            assert_int_equal(four[c], test_window_mean(packed, WIDTH, HEIGHT, (int)(x + column[i]), (int)y, radii[j], c));
                    }
            }
            free(memory);
        }
}

/* Weights of any size get factors with which no sum leaves its bits: outputs are right to a share of what they could be. */
static void any_weights_find_room(void **state) {
    (void)state;
    for (int round = 0; round < 24; round++) {
        gmlp_net net = trained(GMLP_PRESET_DEFAULT, GMLP_RELU, 16, 0);
        const size_t features = gmlp_mlp_features(&net.mlp), count = gmlp_mlp_weights(&net.mlp);
        const double size = round % 3 == 0 ? 1.0 : round % 3 == 1 ? 1e6 : 1e-6;
        static float out[N * 3];
        const gmlp_image view = {out, W, H, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
        double worst = 0;
        for (size_t i = 0; i < count; i++) net.weights[i] = (float)(((double)(draw() % 2001) / 1000 - 1) * (i < features * 16 ? size : 1));
        for (size_t i = 0; i < 16; i++) net.weights[features * 16 + i] *= (float)size, net.weights[count - 67 + i] *= (float)size; /* b1, b2 */
        for (size_t i = count - 51; i < count; i++) net.weights[i] *= (float)(i < count - 3 ? 0.003 / size : 0.003);      /* W3, b3 */
        for (size_t i = 0; i < features + 1 && round % 4 == 1; i++) net.weights[i * 16 + 3] = 0;                          /* a dead neuron */
        for (size_t i = 0; i < features + 1 && round % 4 == 2; i++) net.weights[i * 16 + 5] *= 1000;                      /* a loud one */
        for (size_t i = 0; i < 16 && round % 4 == 3; i++) net.weights[features * 16 + 16 + i * 16 + 7] = i ? 0.0f : 1e-3f; /* a faint one */
        assert_int_equal(gmlp_decode(&net, &base, &view, NULL), GMLP_OK);
        for (uint32_t y = 0; y < H; y++)
            for (uint32_t x = 0; x < W; x++) {
                double ref[3];
                reference(&net, x, y, ref);
                for (uint32_t c = 0; c < 3; c++) worst = fmax(worst, fabs(ref[c] - out[3 * (y * W + x) + c]));
            }
        assert_true(worst < (round % 4 == 2 ? 1e-2 : 1e-4));
        gmlp_net_free(&net);
    }
}

/* 128 neurons of which 126 reach a tenth of a unit of their fixed point on white, where the roundings of eight tables add up to 3 units
   and more; what the others are depends on loud. White then is decoded to light 1/2. */
static gmlp_net quiet_net(int loud) {
    enum { WIDTH = 128, FEATURES = 18, UNITS = 18196 }; /* tenths of a unit for a weight of 1: what rounds up */
    const double least = 32759 * 10.0 / UNITS / 2, quiet = 1.0 / UNITS, last = least - 8;
    gmlp_net net = {0};
    double h = 0;
    float *w;
    net.method = GMLP_METHOD_RESIDUAL;
    net.wide_space = GMLP_PROPHOTO;
    net.base_space = GMLP_SRGB;
    net.inputs = GMLP_INPUT_HALF;
    net.mask = GMLP_MASK_ALL;
    net.weight_format = GMLP_WEIGHTS_F32;
    net.mlp.width = WIDTH;
    memset(net.mlp.frequencies + 2, 1, 9);
    net.radius[0] = 1, net.radius[1] = 2;
    net.width = net.base_width = W, net.height = net.base_height = H;
    net.coords.col_step = net.coords.row_step = 1;
    w = net.weights = (float *)calloc(gmlp_mlp_weights(&net.mlp), sizeof(float));
    for (int k = 0; k < WIDTH; k++) {
        for (int i = 0; i < FEATURES && k > 1; i += 2) w[i * WIDTH + k] = (float)(i < 16 ? 1 : last); /* the sines, which are 1 on white */
        w[FEATURES * WIDTH + k] = k > 1 ? (float)(quiet - least) : 1;
        for (int j = 0; j < WIDTH; j++) w[(FEATURES + 1 + k) * WIDTH + j] = k > 1 ? UNITS / 10.0f / 32759 : loud ? 1 : 0;
        h += k > 1 ? quiet * UNITS / 10 / 32759 : loud ? 1 : 0;
    }
    for (size_t i = gmlp_mlp_weights(&net.mlp) - 3 - 3 * WIDTH; i < gmlp_mlp_weights(&net.mlp) - 3; i++) w[i] = (float)(-1 / h / WIDTH);
    return net;
}

/* No weights let a sum of whole numbers leave its bits, and what comes out is near the definition. */
static void roundings_find_room(void **state) {
    (void)state;
    static float out[N * 3], first[N * 3];
    const gmlp_image view = {out, W, H, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    memset(base_data, 255, sizeof base_data);
    for (int loud = 0; loud < 2; loud++) {
        gmlp_net net = quiet_net(loud);
        const double in[GMLP_INPUTS] = {0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
        double ref[3];
        reference_network(&net, in, ref);
        assert_true(fabs(1 + ref[0] / 2 - 0.5) < 0.02); /* floats round, too */
        for (int isa = GMLP_ISA_SCALAR, runs = 0; isa <= GMLP_ISA_NEON; isa++) {
            gmlp_decode_opts opts = {0};
            gmlp_decoder *d;
            opts.decoder.isa = isa;
            if (!gmlp_isa_available(isa)) continue;
            assert_int_equal(gmlp_decoder_create(&net, GMLP_F32, GMLP_PROPHOTO_LINEAR, &opts.decoder, &d), GMLP_OK);
            assert_int_equal(d->fixed_point, loud); /* nothing but roundings would be left of the other */
            if (d->fixed_point) assert_true(fixed_fits(d));
            assert_int_equal(gmlp_decoder_rows(d, &base, 0, 0, &view, 0, 0, NULL), GMLP_OK);
            gmlp_decoder_free(d);
            for (int i = 0; i < N * 3; i++) assert_true(fabs((double)out[i] - 1 - ref[i % 3] / 2) < 0.02);
            if (!runs++) memcpy(first, out, sizeof out);
            assert_memory_equal(out, first, sizeof out);
        }
        gmlp_net_free(&net);
    }
    for (int round = 0, fixed = 0; round < 60; round++) { /* weights of wildly different sizes, many of them of one sign */
        gmlp_net net = quiet_net(1);
        const int spread = 1 + round % 20;
        gmlp_decoder *d;
        net.mlp.width = 8 << draw() % 5;
        net.mlp.frequencies[0] = net.mlp.frequencies[1] = (uint8_t)(draw() % 3);
        free(net.weights);
        net.weights = (float *)calloc(gmlp_mlp_weights(&net.mlp), sizeof(float));
        for (size_t i = 0; i < gmlp_mlp_weights(&net.mlp); i++) {
            const double v = ldexp(1 + (double)(draw() % 1000) / 1000, (int)(draw() % (unsigned)spread) - spread / 2);
            net.weights[i] = (float)(draw() % 8 ? v : -v);
        }
        assert_int_equal(gmlp_decoder_create(&net, GMLP_F32, GMLP_PROPHOTO_LINEAR, NULL, &d), GMLP_OK);
        fixed += d->fixed_point;
        assert_true(!d->fixed_point || fixed_fits(d));
        gmlp_decoder_free(d);
        gmlp_net_free(&net);
        assert_true(round < 59 || fixed > 20);
    }
}

/* A net made by hand is looked at like one from a blob. */
static void fields_are_checked(void **state) {
    (void)state;
    static float out[N * 3];
    const gmlp_image view = {out, W, H, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    for (int k = 0; k < 22; k++) {
        gmlp_net net = quiet_net(1);
        float *const weights = net.weights;
        gmlp_decoder *d = NULL;
        int *const field[] = {&net.method, &net.wide_space, &net.base_space, &net.adaptation, &net.inputs, &net.mask, &net.clip_margin, &net.weight_format,
                              &net.mlp.activation, &net.mlp.bias};
        if (k < 20) *field[k / 2] = k % 2 ? 1000000 : -1;
        else if (k == 20) net.coords.row = NAN;
        else net.weights = NULL;
        assert_int_equal(gmlp_decoder_create(&net, GMLP_F32, GMLP_PROPHOTO_LINEAR, NULL, &d), GMLP_E_ARGUMENT);
        assert_null(d);
        assert_int_equal(gmlp_decode(&net, &base, &view, NULL), k / 2 == 2 ? GMLP_E_BASE_SPACE : GMLP_E_ARGUMENT);
        assert_int_equal(gmlp_blob_size(&net), 0);
        net.weights = weights;
        net.mlp.activation = 0;
        gmlp_net_free(&net);
    }
    for (int k = 0; k < 2; k++) { /* one without a network needs its spaces only */
        gmlp_net none = {0};
        none.wide_space = GMLP_PROPHOTO;
        none.adaptation = k ? 2 : -1;
        assert_int_equal(gmlp_decode(&none, &base, &view, NULL), GMLP_E_ARGUMENT);
        none.adaptation = GMLP_CAT02;
        assert_int_equal(gmlp_decode(&none, &base, &view, NULL), GMLP_OK);
    }
}

/* Pixels that the network is not for: the code's exact inverse, to the nearest 16-bit code. */
static void unsaturated_pixels_are_exact(void **state) {
    (void)state;
    static uint16_t out[N * 3];
    gmlp_net net = trained(GMLP_PRESET_DEFAULT, GMLP_RELU, 16, 0);
    const gmlp_image view = {out, W, H, 0, GMLP_U16, 3, GMLP_SPACE_NONE, 0};
    double m[9];
    int seen = 0;
    assert_int_equal(gmlp_decode(&net, &base, &view, NULL), GMLP_OK);
    gmlp_space_matrix(GMLP_SRGB_LINEAR, GMLP_PROPHOTO, 0, m);
    for (int i = 0; i < N; i++) {
        const uint8_t *rgb = base_data + 3 * i;
        double linear[3];
        if (gmlp_is_saturated(rgb, 0)) continue;
        seen++;
        for (int c = 0; c < 3; c++) linear[c] = gmlp_curve_decode(GMLP_SRGB, rgb[c] / 255.0, 0);
        for (int c = 0; c < 3; c++) {
            const double v = m[3 * c] * linear[0] + m[3 * c + 1] * linear[1] + m[3 * c + 2] * linear[2];
            const double code = gmlp_curve_encode(GMLP_PROPHOTO, v, 0) * 65535;
            assert_true(fabs(out[3 * i + c] - code) <= 0.55);
        }
    }
    assert_true(seen > 500);
    gmlp_net_free(&net);
}

static void parts_equal_the_whole(void **state) {
    (void)state;
    static uint16_t whole[N * 3], part[N * 4 + 8];
    gmlp_image all = {whole, W, H, 0, GMLP_U16, 3, GMLP_SPACE_NONE, 0};
    for (int preset = 0; preset < 2; preset++) {
        gmlp_net net = trained(preset, GMLP_RELU, 16, 0);
        const uint32_t crops[][4] = {{0, 0, W, H}, {5, 7, 1, 1}, {W - 1, H - 1, 1, 1}, {13, 0, 33, H}, {0, 9, W, 17}, {2, 1, 30, 20}};
        assert_int_equal(gmlp_decode(&net, &base, &all, NULL), GMLP_OK);
        for (size_t k = 0; k < 6; k++)
            for (int channels = 3; channels <= 4; channels++) {
                const uint32_t x = crops[k][0], y = crops[k][1], w = crops[k][2], h = crops[k][3];
                const uint32_t reach = gmlp_net_halo(&net), left = x < reach ? x : reach, top = y < reach ? y : reach;
                gmlp_image from = base, to = {part, w, h, 0, GMLP_U16, channels, GMLP_SPACE_NONE, 0};
                gmlp_decode_opts opts = {0};
                assert_int_equal(reach, preset == GMLP_PRESET_PAPER ? 0 : 3);
                opts.x = x, opts.y = y;
                opts.decoder.alpha = w % 2 ? GMLP_ALPHA_KEEP : GMLP_ALPHA_SOURCE; /* base has none: opaque */
                for (int alone = 0; alone < 2; alone++) { /* out of the whole base; out of no more of it than it takes */
                    if (alone) {
                        opts.base_x = x - left, opts.base_y = y - top;
                        from.width = left + w + (W - x - w < reach ? W - x - w : reach);
                        from.height = top + h + (H - y - h < reach ? H - y - h : reach);
                        from.data = base_data + 3 * (opts.base_y * W + opts.base_x);
                        from.stride = 3 * W;
                    }
                    memset(part, 0x5a, sizeof part);
                    assert_int_equal(gmlp_decode(&net, &from, &to, &opts), GMLP_OK);
                    for (uint32_t r = 0; r < h; r++)
                        for (uint32_t c = 0; c < w; c++) {
                            const uint16_t *p = part + (size_t)channels * (r * w + c);
                            assert_memory_equal(p, whole + 3 * ((y + r) * W + x + c), 6);
                            if (channels == 4) assert_int_equal(p[3], w % 2 ? 0x5a5a : 0xffff);
                        }
                }
                for (int side = 0; side < 4 && reach; side++) { /* one row or column less */
                    gmlp_image less = from;
                    gmlp_decode_opts short_opts = opts;
                    if ((side == 0 && x < reach) || (side == 1 && y < reach) || (side == 2 && W - x - w < reach) || (side == 3 && H - y - h < reach)) continue;
                    if (side == 0) short_opts.base_x++, less.data = (uint8_t *)less.data + 3;
                    if (side == 1) short_opts.base_y++, less.data = (uint8_t *)less.data + 3 * W;
                    if (side % 2) less.height--;
                    else less.width--;
                    assert_int_equal(gmlp_decode(&net, &less, &to, &short_opts), GMLP_E_HALO);
                }
            }
        /* row by row, from the last to the first, through one decoder */
        gmlp_decoder *decoder;
        assert_int_equal(gmlp_decoder_create(&net, GMLP_U16, GMLP_SPACE_NONE, NULL, &decoder), GMLP_OK);
        gmlp_net_free(&net); /* the decoder keeps what it needs */
        for (uint32_t r = H; r-- > 0;) {
            gmlp_image to = all;
            to.data = part;
            to.height = 1;
            assert_int_equal(gmlp_decoder_rows(decoder, &base, 0, 0, &to, 0, r, NULL), GMLP_OK);
            assert_memory_equal(part, whole + 3 * r * W, 6 * W);
        }
        gmlp_decoder_free(decoder);
    }
}

/* A turned, mirrored or cropped file with the matching transform decodes to the same colours. */
static void coordinates_follow_the_picture(void **state) {
    (void)state;
    static float whole[N * 3], turned[N * 3];
    static uint8_t codes[N * 3];
    for (int preset = 0; preset < 2; preset++) {
        gmlp_net net = trained(preset, GMLP_RELU, 16, 0), moved = net;
        gmlp_image all = {whole, W, H, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
        assert_int_equal(gmlp_decode(&net, &base, &all, NULL), GMLP_OK);
        /* a quarter turn to the right: file (c, r) shows picture column r, row H-1-c */
        gmlp_image file = {codes, H, W, 0, GMLP_U8, 3, GMLP_SRGB, 0}, out = {turned, H, W, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
        for (uint32_t r = 0; r < W; r++)
            for (uint32_t c = 0; c < H; c++) memcpy(codes + 3 * (r * H + c), base_data + 3 * ((H - 1 - c) * W + r), 3);
        moved.base_width = H, moved.base_height = W;
        moved.coords.transpose = 1;
        moved.coords.col = 0, moved.coords.col_step = 1;
        moved.coords.row = H - 1, moved.coords.row_step = -1;
        assert_int_equal(gmlp_decode(&moved, &file, &out, NULL), GMLP_OK);
        for (uint32_t r = 0; r < W; r++)
            for (uint32_t c = 0; c < H; c++)
                assert_memory_equal(turned + 3 * (r * H + c), whole + 3 * ((H - 1 - c) * W + r), 12);
        /* a crop that lost 3 columns and 2 rows */
        file.width = out.width = moved.base_width = W - 3;
        file.height = out.height = moved.base_height = H - 2;
        file.data = base_data + 3 * (2 * W + 3);
        file.stride = 3 * W;
        moved.coords = net.coords;
        moved.coords.col = 3, moved.coords.row = 2;
        assert_int_equal(gmlp_decode(&moved, &file, &out, NULL), GMLP_OK);
        for (uint32_t r = 0; r < H - 2; r++)
            for (uint32_t c = 0; c < W - 3; c++) { /* windows at the new border repeat it: the colours there may differ */
                if (r < gmlp_net_halo(&net) || c < gmlp_net_halo(&net)) continue;
                assert_memory_equal(turned + 3 * (r * (W - 3) + c), whole + 3 * ((r + 2) * W + c + 3), 12);
            }
        gmlp_net_free(&net);
    }
}

static void other_spaces_and_types(void **state) {
    (void)state;
    static float linear[N * 3], want[N * 3], got[N * 3];
    static uint16_t half[N * 3];
    gmlp_net net = trained(GMLP_PRESET_DEFAULT, GMLP_RELU, 16, 0);
    gmlp_image a = {linear, W, H, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0}, b = {want, W, H, 0, GMLP_F32, 3, 0, 0};
    assert_int_equal(gmlp_decode(&net, &base, &a, NULL), GMLP_OK);
    for (int space = GMLP_SRGB; space <= GMLP_REC709; space++) {
        gmlp_image g = {got, W, H, 0, GMLP_F32, 3, space, 0};
        b.space = space;
        assert_int_equal(gmlp_convert(&a, &b, NULL), GMLP_OK);
        assert_int_equal(gmlp_decode(&net, &base, &g, NULL), GMLP_OK);
        for (int i = 0; i < N * 3; i++) assert_true(fabsf(got[i] - want[i]) < 1e-5f * (1 + fabsf(want[i])));
    }
    gmlp_image h = {half, W, H, 0, GMLP_F16, 3, GMLP_PROPHOTO_LINEAR, 0};
    assert_int_equal(gmlp_decode(&net, &base, &h, NULL), GMLP_OK);
    for (int i = 0; i < N * 3; i++) assert_int_equal(half[i], gmlp_half_from_float(linear[i]));
    gmlp_net_free(&net);
}

static void views_outside_are_refused(void **state) {
    (void)state;
    static uint16_t out[N * 3];
    gmlp_net net = trained(GMLP_PRESET_DEFAULT, GMLP_RELU, 8, 0), none;
    gmlp_image view = {out, W, H, 0, GMLP_U16, 3, 0, 0}, small = base;
    gmlp_decode_opts opts = {0};
    opts.x = 1;
    assert_int_equal(gmlp_decode(&net, &base, &view, &opts), GMLP_E_OUT_VIEW);
    opts.x = 0, opts.y = 0xffffffffu;
    assert_int_equal(gmlp_decode(&net, &base, &view, &opts), GMLP_E_OUT_VIEW);
    opts.y = 0, opts.base_x = 1;
    assert_int_equal(gmlp_decode(&net, &base, &view, &opts), GMLP_E_BASE_VIEW);
    opts.base_x = 0, opts.base_y = 0xffffffffu;
    assert_int_equal(gmlp_decode(&net, &base, &view, &opts), GMLP_E_BASE_VIEW);
    opts.base_y = 0;
    small.height--;
    assert_int_equal(gmlp_decode(&net, &small, &view, NULL), GMLP_E_MISMATCH); /* not a part, for nobody said so */
    assert_int_equal(gmlp_decode(&net, &small, &view, &opts), GMLP_E_OUT_VIEW);
    view.type = GMLP_U8 + 100;
    assert_int_equal(gmlp_decode(&net, &base, &view, NULL), GMLP_E_ARGUMENT);
    view.type = GMLP_U16;
    small = base, small.type = GMLP_U16;
    assert_int_equal(gmlp_decode(&net, &small, &view, NULL), GMLP_E_ARGUMENT);
    small = base, small.space = GMLP_P3;
    assert_int_equal(gmlp_decode(&net, &small, &view, NULL), GMLP_E_BASE_SPACE);
    assert_int_equal(gmlp_decode(&net, &base, &small, NULL), GMLP_E_ARGUMENT); /* not in place */
    assert_int_equal(gmlp_decode(NULL, &base, &view, NULL), GMLP_E_ARGUMENT);
    memset(&none, 0, sizeof none);
    assert_int_equal(gmlp_decode(&none, &base, &view, NULL), GMLP_E_ARGUMENT); /* no space to go to */
    view.space = GMLP_P3;
    none.wide_space = GMLP_PROPHOTO;
    assert_int_equal(gmlp_decode(&none, &base, &view, NULL), GMLP_OK);
    gmlp_net_free(&net);
}

/* Weights of any size give colours, not numbers that are none. */
static void hostile_weights_stay_in_range(void **state) {
    (void)state;
    static float out[N * 3];
    const gmlp_image view = {out, W, H, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    for (int activation = 0; activation < 2; activation++) {
        gmlp_net net = trained(GMLP_PRESET_DEFAULT, activation, 16, 20);
        for (size_t i = 0; i < gmlp_mlp_weights(&net.mlp); i++) net.weights[i] = i % 2 ? 6e4f : -6e4f;
        net.coords.col = 1e6f, net.coords.row_step = -1e6f;
        for (int isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
            gmlp_decode_opts opts = {0};
            opts.decoder.isa = isa;
            if (!gmlp_isa_available(isa)) continue;
            assert_int_equal(gmlp_decode(&net, &base, &view, &opts), GMLP_OK);
            for (int i = 0; i < N * 3; i++) assert_true(out[i] >= -1e-6f && out[i] <= 1.0f + 1e-6f);
        }
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
    (void)state;
    static uint16_t out[N * 3];
    gmlp_net net = trained(GMLP_PRESET_DEFAULT, GMLP_RELU, 8, 0);
    const gmlp_image view = {out, W, H, 0, GMLP_U16, 3, GMLP_REC2020_HLG, 0};
    gmlp_decode_opts opts = {0};
    gmlp_result result = GMLP_E_MEMORY;
    size_t k;
    opts.decoder.alloc.alloc = limited_alloc;
    opts.decoder.alloc.free = limited_free;
    for (k = 0; k < 1000 && result; k++) {
        allocations_left = k;
        result = gmlp_decode(&net, &base, &view, &opts);
        if (result) assert_int_equal(result, GMLP_E_MEMORY);
    }
    assert_true(k > 2 && k < 1000);
    gmlp_net_free(&net);
}

/* A picture with a network is not just any picture of its size. */
static void the_right_picture(void **state) {
    (void)state;
    static uint8_t other_data[N * 4];
    static uint16_t out[N * 3];
    gmlp_net net = trained(GMLP_PRESET_DEFAULT, GMLP_RELU, 8, 0), none;
    gmlp_image other = {other_data, W, H, 0, GMLP_U8, 3, GMLP_SRGB, 0}, view = {out, W, H, 0, GMLP_U16, 3, 0, 0};
    assert_int_equal(gmlp_net_check(&net, &base), GMLP_OK);
    for (int i = 0; i < N; i++) memcpy(other_data + 4 * i, base_data + 3 * i, 3);
    other.channels = 4;
    assert_int_equal(gmlp_net_check(&net, &other), GMLP_OK);
    other.channels = 3;
    for (int i = 0; i < N; i++) memcpy(other_data + 3 * i, base_data + 3 * (N - 1 - i), 3); /* half a turn */
    assert_int_equal(gmlp_net_check(&net, &other), GMLP_E_OTHER_PICTURE);
    for (int i = 0; i < N; i++) memcpy(other_data + 3 * i, base_data + 3 * (i / W * W + W - 1 - i % W), 3); /* mirrored */
    assert_int_equal(gmlp_net_check(&net, &other), GMLP_E_OTHER_PICTURE);
    for (int i = 0; i < N * 3; i++) other_data[i] = (uint8_t)(base_data[i] < 225 ? base_data[i] + 30 : 255);
    assert_int_equal(gmlp_net_check(&net, &other), GMLP_E_OTHER_PICTURE);
    other = base;
    other.width--;
    other.stride = 3 * W;
    assert_int_equal(gmlp_net_check(&net, &other), GMLP_E_MISMATCH);
    assert_int_equal(gmlp_decode(&net, &other, &view, NULL), GMLP_E_MISMATCH);
    other = base;
    other.data = NULL;
    assert_int_equal(gmlp_net_check(&net, &other), GMLP_E_ARGUMENT);
    other = base;
    other.type = GMLP_U16;
    assert_int_equal(gmlp_net_check(&net, &other), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_net_check(NULL, &base), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_net_check(&net, NULL), GMLP_E_ARGUMENT);
    memset(&none, 0, sizeof none);
    none.wide_space = GMLP_PROPHOTO;
    assert_int_equal(gmlp_net_check(&none, &base), GMLP_OK); /* without a network: belongs to all */
    gmlp_net_free(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_what_the_network_says), cmocka_unit_test(fixed_point_is_exact),
        cmocka_unit_test(roundings_find_room), cmocka_unit_test(fields_are_checked),
        cmocka_unit_test(windows_of_wide_pictures),
        cmocka_unit_test(any_weights_find_room), cmocka_unit_test(unsaturated_pixels_are_exact),
        cmocka_unit_test(parts_equal_the_whole),         cmocka_unit_test(coordinates_follow_the_picture),
        cmocka_unit_test(other_spaces_and_types),        cmocka_unit_test(views_outside_are_refused),
        cmocka_unit_test(the_right_picture),
        cmocka_unit_test(hostile_weights_stay_in_range), cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
