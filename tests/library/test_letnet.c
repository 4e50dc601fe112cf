/* The general network: each layer and F against plain double arithmetic, the gradient against differences, the solver
   on maps whose solutions are known, and what gmlp_expand promises of a picture. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <pthread.h>

#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"

static uint32_t random_state;
static double uniform(void) { /* -1..1 */
    random_state = random_state * 1664525u + 1013904223u;
    return (double)(random_state >> 8) / 8388608.0 - 1.0;
}
static void fill(float *p, size_t n, double size) {
    while (n--) *p++ = (float)(size * uniform());
}

/* A network whose layers all do something. */
static gmlp_letnet make_net(int channels, int hidden, double gain) {
    gmlp_letnet net;
    size_t i, n = gmlp_letnet_weights(channels, hidden);
    assert_int_equal(gmlp_letnet_init(channels, hidden, 7, NULL, &net), GMLP_OK);
    random_state = 99;
    for (i = 0; i < n; i++) net.weights[i] = (float)(gain * (net.weights[i] + 0.02 * uniform()));
    return net;
}

/* Colours with clipped areas: blocks and ramps. */
static void make_base(uint8_t *p, uint32_t w, uint32_t h) {
    uint32_t x, y, c;
    for (y = 0; y < h; y++)
        for (x = 0; x < w; x++)
            for (c = 0; c < 3; c++) {
                const int v = (int)(((x * (3 + c) + y * (5 - c)) % 97) * 4) - 60 + (int)((x / 7 + y / 5 + c) % 3) * 30;
                *p++ = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
}

static gmlp_image image(void *data, uint32_t w, uint32_t h, int type, int space) {
    gmlp_image im;
    memset(&im, 0, sizeof im);
    im.data = data;
    im.width = w;
    im.height = h;
    im.type = type;
    im.space = space;
    return im;
}

/* Layers. */

static void test_tanh(void **state) {
    float x[4096], y[4096], first[4096], got[4096];
    int isa, i;
    (void)state;
    random_state = 1;
    fill(x, 4096, 12.0);
    fill(y, 4096, 0.01);
    x[0] = 0.0f, x[1] = 1e30f, x[2] = -1e30f, x[3] = INFINITY, x[4] = -INFINITY, x[5] = NAN, x[6] = 1e-30f;
    for (isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
        const gmlp__letnet_kernels *k;
        if (!gmlp_isa_available(isa)) continue;
        k = gmlp__letnet_select(gmlp__select(isa));
        k->squash(x, y, got, 4096);
        if (isa == GMLP_ISA_SCALAR) memcpy(first, got, sizeof first);
        assert_memory_equal(got, first, sizeof got);
        for (i = 0; i < 4096; i++)
            if (i != 5) assert_true(fabs((double)got[i] - tanh((double)x[i] + (double)y[i])) < 5e-7);
        assert_true(got[5] == -1.0f);
        k->squash(x, NULL, got, 16);
        assert_true(got[0] == 0.0f);
    }
}

static void test_conv(void **state) {
    static const size_t sizes[][2] = { { 1, 1 }, { 2, 1 }, { 1, 5 }, { 3, 7 }, { 8, 2 }, { 17, 9 } };
    static const size_t layers[][2] = { { 9, 32 }, { 32, 48 }, { 48, 32 }, { 32, 16 }, { 16, 64 } };
    size_t i, l;
    (void)state;
    random_state = 2;
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (l = 0; l < sizeof layers / sizeof *layers; l++) {
            const size_t w = sizes[i][0], h = sizes[i][1], row = w + 2, depth = layers[l][0], cols = layers[l][1];
            const size_t pixels = row * (h + 2);
            float *in = (float *)calloc((pixels + 16) * depth, sizeof(float)), *weights, *bias, *first = NULL;
            size_t x, y, j;
            int isa;
            weights = (float *)malloc(9 * depth * cols * sizeof(float));
            bias = (float *)malloc(cols * sizeof(float));
            fill(weights, 9 * depth * cols, 0.3);
            fill(bias, cols, 1.0);
            for (y = 1; y <= h; y++) fill(in + (y * row + 1) * depth, w * depth, 1.0);
            for (isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
                float *out;
                gmlp__conv v;
                if (!gmlp_isa_available(isa)) continue;
                out = (float *)calloc(pixels * cols, sizeof(float));
                v.in = in;
                v.weights = weights;
                v.bias = bias;
                v.out = out + (row + 1) * cols;
                v.depth = depth;
                v.cols = cols;
                v.row = row;
                v.width = w;
                v.height = h;
                gmlp__letnet_select(gmlp__select(isa))->conv(&v);
                if (!first) first = out;
                assert_memory_equal(out, first, pixels * cols * sizeof(float));
                if (out != first) free(out);
            }
            for (y = 0; y < h + 2; y++)
                for (x = 0; x < row; x++)
                    for (j = 0; j < cols; j++) {
                        double want = 0.0;
                        size_t dy, dx, k;
                        if (x > 0 && y > 0 && x <= w && y <= h) {
                            want = (double)bias[j];
                            for (dy = 0; dy < 3; dy++)
                                for (dx = 0; dx < 3; dx++)
                                    for (k = 0; k < depth; k++)
                                        want += (double)in[((y + dy - 1) * row + x + dx - 1) * depth + k] *
                                                (double)weights[((dy * 3 + dx) * depth + k) * cols + j];
                        }
                        assert_true(fabs((double)first[(y * row + x) * cols + j] - want) < 1e-4);
                    }
            free(in);
            free(weights);
            free(bias);
            free(first);
        }
}

/* A tile over a picture, as the library makes it. */
typedef struct bench {
    gmlp__letnet_shape shape;
    gmlp__letnet_tile tile;
    float *weights, *memory;
} bench;

static void bench_open(bench *b, const gmlp_letnet *net, const gmlp_image *base, int isa) {
    gmlp_converter *to_codes, *to_light;
    gmlp__letnet_axis columns, rows;
    gmlp_convert_opts c;
    memset(b, 0, sizeof *b);
    memset(&c, 0, sizeof c);
    c.isa = isa;
    assert_true(gmlp__letnet_shape_of(net->channels, net->hidden, &b->shape));
    b->weights = (float *)malloc(b->shape.packed * sizeof(float));
    gmlp__letnet_pack(&b->shape, net->weights, b->weights);
    b->tile.kernels = gmlp__letnet_select(gmlp__select(isa));
    b->tile.shape = &b->shape;
    b->tile.weights = b->weights;
    b->memory = (float *)malloc(gmlp__letnet_lay(&b->tile, base->width, base->height, NULL) * sizeof(float));
    gmlp__letnet_lay(&b->tile, base->width, base->height, b->memory);
    columns.first = rows.first = 0;
    columns.count = base->width;
    rows.count = base->height;
    assert_int_equal(gmlp__letnet_converters(base, &c, &to_codes, &to_light), GMLP_OK);
    gmlp__letnet_load(&b->tile, base, &columns, &rows, to_codes, to_light, 0);
    gmlp_converter_free(to_codes);
    gmlp_converter_free(to_light);
}

static void bench_close(bench *b) {
    free(b->weights);
    free(b->memory);
}

/* A convolution of planes without a border, in double; w is in the public layout. */
static void plain_conv(const double *in, size_t w, size_t h, size_t depth, const float *weights, size_t cols,
                       double *out) {
    const float *bias = weights + 9 * depth * cols;
    size_t x, y, j, k, dx, dy;
    for (y = 0; y < h; y++)
        for (x = 0; x < w; x++)
            for (j = 0; j < cols; j++) {
                double sum = (double)bias[j];
                for (dy = 0; dy < 3; dy++)
                    for (dx = 0; dx < 3; dx++)
                        for (k = 0; k < depth; k++)
                            if (y + dy >= 1 && y + dy <= h && x + dx >= 1 && x + dx <= w)
                                sum += in[((y + dy - 1) * w + x + dx - 1) * depth + k] *
                                       (double)weights[((dy * 3 + dx) * depth + k) * cols + j];
                out[(y * w + x) * cols + j] = sum;
            }
}
static void plain_tanh(double *p, size_t n) {
    for (; n--; p++) *p = tanh(*p);
}

/* x and, of z, F(z) and o as the header's text has them, from the codes. */
static void plain_network(const gmlp_letnet *net, const uint8_t *codes, size_t w, size_t h, const double *z, double *x,
                          double *f, double *o) {
    const size_t C = (size_t)net->channels, H = (size_t)net->hidden, n = w * h;
    const float *i1 = net->weights, *i2 = i1 + (9 * 9 + 1) * C, *h1 = i2 + (9 * C + 1) * C, *h2 = h1 + (9 * C + 1) * H,
                *v1 = h2 + (9 * H + 1) * C, *v2 = v1 + (C + 1) * 8, *last = v2 + 9 * C;
    double *features = (double *)calloc(n * 9, 8), *t = (double *)malloc(n * C * 8), *b = (double *)malloc(n * H * 8);
    double mean[64] = { 0 }, narrow[8], count = 0;
    size_t i, j, k;
    for (i = 0; i < n; i++) {
        const uint8_t *p = codes + 3 * i;
        int least = 255, most = 0;
        for (j = 0; j < 3; j++) {
            features[i * 9 + j] = 2.0 * p[j] / 255.0 - 1.0;
            features[i * 9 + 3 + j] = p[j] == 0;
            features[i * 9 + 6 + j] = p[j] == 255;
            if (p[j] < least) least = p[j];
            if (p[j] > most) most = p[j];
        }
        mean[0] = 0;
        t[i * C] = (least == 0 || most == 255) && most != 0 && least != 255; /* a mask, for now */
        count += t[i * C];
    }
    for (i = 0; i < n; i++) b[i] = t[i * C];
    { /* the mask moves out of the way */
        double *mask = (double *)malloc(n * 8);
        memcpy(mask, b, n * 8);
        plain_conv(features, w, h, 9, i1, C, t);
        plain_tanh(t, n * C);
        plain_conv(t, w, h, C, i2, C, x);
        for (i = 0; i < n * C; i++) t[i] = tanh(z[i] + x[i]);
        plain_conv(t, w, h, C, h1, H, b);
        plain_tanh(b, n * H);
        plain_conv(b, w, h, H, h2, C, f);
        for (i = 0; i < n; i++)
            for (j = 0; j < C; j++) mean[j] += count > 0 ? mask[i] * f[i * C + j] / count : 0;
        free(mask);
    }
    for (k = 0; k < 8; k++) {
        narrow[k] = (double)v1[C * 8 + k];
        for (j = 0; j < C; j++) narrow[k] += mean[j] * (double)v1[j * 8 + k];
        if (narrow[k] < 0) narrow[k] = 0;
    }
    for (j = 0; j < C; j++) {
        double v = (double)v2[8 * C + j];
        for (k = 0; k < 8; k++) v += narrow[k] * (double)v2[k * C + j];
        for (i = 0; i < n; i++) f[i * C + j] = f[i * C + j] / (1 + exp(-v)) + x[i * C + j];
    }
    plain_conv(f, w, h, C, last, 3, o);
    for (i = 0; i < n * 3; i++) o[i] /= 16;
    free(features);
    free(t);
    free(b);
}

/* x, F(z) and o, on all instruction sets. */
static void test_network(void **state) {
    static const uint32_t sizes[][2] = { { 1, 1 }, { 2, 3 }, { 13, 9 } };
    static const int shapes[][2] = { { 32, 48 }, { 16, 16 }, { 64, 32 } };
    size_t s, k;
    (void)state;
    for (s = 0; s < 3; s++)
        for (k = 0; k < 3; k++) {
            const uint32_t w = sizes[s][0], h = sizes[s][1];
            const size_t C = (size_t)shapes[k][0], n = (size_t)w * h;
            uint8_t *codes = (uint8_t *)malloc(n * 3);
            double *z = (double *)malloc(n * C * 8), *x = (double *)malloc(n * C * 8), *f = (double *)malloc(n * C * 8);
            double *o = (double *)malloc(n * 3 * 8);
            gmlp_letnet net = make_net(shapes[k][0], shapes[k][1], 1.5);
            gmlp_image base = image(codes, w, h, GMLP_U8, GMLP_SRGB);
            float *first = NULL;
            size_t px, py, j, i;
            int isa;
            make_base(codes, w, h);
            random_state = 5;
            for (i = 0; i < n * C; i++) z[i] = (double)(float)uniform();
            plain_network(&net, codes, w, h, z, x, f, o);
            for (isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
                bench b;
                gmlp_expand_opts opts;
                const float *best;
                float least, *got;
                if (!gmlp_isa_available(isa)) continue;
                bench_open(&b, &net, &base, isa);
                memset(&opts, 0, sizeof opts);
                opts.iterations = 1;
                gmlp__letnet_solve(&b.tile, &opts, NULL, &best, &least); /* for x */
                got = b.tile.solver.f[3];
                for (py = 0; py < h; py++)
                    for (px = 0; px < w; px++)
                        for (j = 0; j < C; j++) {
                            const size_t at = ((py + 1) * b.tile.row + px + 1) * C + j, from = (py * w + px) * C + j;
                            assert_true(fabs((double)b.tile.x[at] - x[from]) < 1e-5);
                            b.tile.solver.z[at] = (float)z[from];
                        }
                gmlp__letnet_apply(&b.tile, b.tile.solver.z, got);
                gmlp__letnet_conv(&b.tile, got, C, b.weights + b.shape.o, b.weights + b.shape.ob, b.tile.out,
                                  GMLP__LET_OUT);
                for (py = 0; py < h; py++)
                    for (px = 0; px < w; px++) {
                        const size_t at = (py + 1) * b.tile.row + px + 1, from = py * w + px;
                        for (j = 0; j < C; j++) assert_true(fabs((double)got[at * C + j] - f[from * C + j]) < 2e-5);
                        for (j = 0; j < 3; j++)
                            assert_true(fabs((double)b.tile.out[at * GMLP__LET_OUT + j] - o[from * 3 + j]) < 2e-5);
                    }
                if (!first) {
                    first = (float *)malloc(b.tile.pixels * C * sizeof(float));
                    memcpy(first, got, b.tile.pixels * C * sizeof(float));
                }
                assert_memory_equal(got, first, b.tile.pixels * C * sizeof(float));
                bench_close(&b);
            }
            gmlp_letnet_free(&net);
            free(codes);
            free(z);
            free(x);
            free(f);
            free(o);
            free(first);
        }
}

/* The gradient of one application at a z that stays, against differences of the loss, weight by weight. */
static void test_gradient(void **state) {
    enum { W = 11, H = 7 };
    uint8_t codes[W * H * 3];
    float wide[W * H * 3], matrix[9], *d[4], *turned, *gradient, *z;
    const gmlp_image base = image(codes, W, H, GMLP_U8, GMLP_SRGB);
    gmlp_letnet net = make_net(32, 48, 1.0);
    gmlp_letnet_loss loss;
    bench b;
    size_t part, tried = 0, i;
    const gmlp__kernels *k = gmlp__select(GMLP_ISA_AUTO);
    (void)state;
    make_base(codes, W, H);
    bench_open(&b, &net, &base, GMLP_ISA_AUTO);
    for (i = 0; i < 8; i++) b.weights[b.shape.vb1 + i] = i % 3 ? 0.5f : -0.5f; /* away from where max(0, v) turns */
    { /* x */
        gmlp_expand_opts opts;
        const float *best;
        float least;
        memset(&opts, 0, sizeof opts);
        opts.iterations = 1;
        gmlp__letnet_solve(&b.tile, &opts, NULL, &best, &least);
    }
    random_state = 3;
    for (i = 0; i < W * H * 3; i++) wide[i] = b.tile.light[i] + (float)(0.3 * uniform());
    gmlp__letnet_matrix(0, matrix);
    z = (float *)calloc(gmlp__letnet_plane(&b.tile, 32), sizeof(float));
    for (i = 1; i <= H; i++) fill(z + (i * b.tile.row + 1) * 32, W * 32, 1.0);
    for (i = 0; i < 4; i++) d[i] = (float *)calloc(gmlp__letnet_plane(&b.tile, 64), sizeof(float));
    turned = (float *)calloc(9 * 64 * 64, sizeof(float));
    gradient = (float *)calloc(b.shape.packed, sizeof(float));
    gmlp__letnet_gradient(&b.tile, k, wide, matrix, z, d, turned, &loss, gradient);
    assert_true(loss.pixels > 10 && loss.error > 0 && loss.clipped > 0);
    for (part = 0; part < 14; part++) {
        const size_t at[15] = { b.shape.i1, b.shape.ib1, b.shape.i2, b.shape.ib2, b.shape.h1, b.shape.hb1, b.shape.h2,
                                b.shape.hb2, b.shape.v1, b.shape.vb1, b.shape.v2, b.shape.vb2, b.shape.o, b.shape.ob,
                                b.shape.packed };
        double largest = 0;
        for (i = at[part]; i < at[part + 1]; i++)
            if (fabs((double)gradient[i]) > largest) largest = fabs((double)gradient[i]);
        assert_true(largest > 0);
        for (i = 0; i < 12; i++) {
            const size_t n = at[part] + (i * 2654435761u >> 7) % (at[part + 1] - at[part]);
            const float was = b.weights[n];
            const float by = part >= 8 && part < 12 ? 0.05f : 0.004f; /* what moves little is moved further */
            double side[2], slope;
            int s;
            if (part >= 12 && n % GMLP__LET_OUT >= 3) continue; /* of columns that are padding (offsets are even) */
            for (s = 0; s < 2; s++) {
                gmlp_letnet_loss l;
                float *f = b.tile.solver.g[1], *u = b.tile.solver.g[0];
                b.weights[n] = was + (s ? by : -by);
                gmlp__letnet_conv(&b.tile, b.tile.features, 9, b.weights + b.shape.i1, b.weights + b.shape.ib1, b.tile.a, 32);
                b.tile.kernels->squash(b.tile.a, NULL, b.tile.a, b.tile.solver.n);
                gmlp__letnet_conv(&b.tile, b.tile.a, 32, b.weights + b.shape.i2, b.weights + b.shape.ib2, b.tile.x, 32);
                gmlp__letnet_inner(&b.tile, z, u);
                b.tile.kernels->gate(b.tile.gate, u, b.tile.x, f, b.tile.pixels, 32);
                gmlp__letnet_conv(&b.tile, f, 32, b.weights + b.shape.o, b.weights + b.shape.ob, b.tile.out, GMLP__LET_OUT);
                gmlp__letnet_errors(&b.tile, wide, matrix, d[3], &l);
                side[s] = log(1.0 + l.error / (l.clipped + 1e-5 * (double)l.pixels));
            }
            b.weights[n] = was;
            slope = (side[1] - side[0]) / (2 * (double)by);
            if (fabs(slope - (double)gradient[n]) > 0.01 * largest)
                fail_msg("part %d, weight %d: %g by differences, %g by the gradient", (int)part, (int)n, slope,
                         (double)gradient[n]);
            tried++;
        }
    }
    assert_true(tried > 120);
    for (i = 0; i < 4; i++) free(d[i]);
    free(turned);
    free(gradient);
    free(z);
    bench_close(&b);
    gmlp_letnet_free(&net);
}

/* With one iteration the network is a plain one, F(0), whose gradient is whole: against differences of the loss. */
static void test_one_iteration(void **state) {
    enum { W = 11, H = 7 };
    uint8_t codes[W * H * 3];
    float wide[W * H * 3], out[W * H * 3], *gradient, *other, largest = 0;
    const gmlp_image base = image(codes, W, H, GMLP_U8, GMLP_SRGB);
    const gmlp_image view = image(wide, W, H, GMLP_F32, GMLP_PROPHOTO_LINEAR);
    const gmlp_image to = image(out, W, H, GMLP_F32, GMLP_PROPHOTO_LINEAR);
    gmlp_letnet net = make_net(16, 32, 1.0);
    const size_t count = gmlp_letnet_weights(16, 32), C = 16;
    gmlp_letnet_loss loss;
    gmlp_expand_opts opts;
    gmlp_expand_report r;
    size_t i;
    (void)state;
    make_base(codes, W, H);
    memset(&opts, 0, sizeof opts);
    opts.iterations = 1;
    random_state = 3;
    for (i = 0; i < W * H * 3; i++) wide[i] = (float)(0.5 + 0.5 * uniform());
    gradient = (float *)malloc(count * sizeof(float));
    other = (float *)malloc(count * sizeof(float));
    assert_int_equal(gmlp_letnet_gradient(&net, &base, &view, &opts, &loss, gradient), GMLP_OK);
    assert_true(loss.pixels > 10 && loss.residual == 0.0f);
    for (i = 0; i < count; i++) largest = fmaxf(largest, fabsf(gradient[i]));
    for (i = 0; i < 80; i++) {
        const size_t n = i * 2654435761u % count;
        const float was = net.weights[n];
        double side[2], slope;
        int k;
        for (k = 0; k < 2; k++) {
            net.weights[n] = was + (k ? 0.004f : -0.004f);
            assert_int_equal(gmlp_letnet_gradient(&net, &base, &view, &opts, &loss, other), GMLP_OK);
            side[k] = log(1.0 + loss.error / (loss.clipped + 1e-5 * (double)loss.pixels));
        }
        net.weights[n] = was;
        slope = (side[1] - side[0]) / 0.008;
        if (fabs(slope - (double)gradient[n]) > 0.01 * (double)largest)
            fail_msg("weight %d: %g by differences, %g by the gradient", (int)n, slope, (double)gradient[n]);
    }
    { /* and it is what gmlp_expand gives */
        double *z = (double *)calloc(W * H * C, 8), *x = (double *)malloc(W * H * C * 8), *f = (double *)malloc(W * H * C * 8);
        double o[W * H * 3], matrix[9];
        size_t moved = 0, c, k;
        plain_network(&net, codes, W, H, z, x, f, o);
        gmlp_space_matrix(GMLP_SRGB, GMLP_PROPHOTO, 0, matrix);
        assert_int_equal(gmlp_expand(&net, &base, &to, &opts, &r), GMLP_OK);
        assert_true(r.iterations == 1 && r.residual[0] == 1.0f);
        for (i = 0; i < W * H; i++) {
            double light[3];
            for (c = 0; c < 3; c++) {
                const int v = codes[3 * i + c];
                const double y = v / 255.0, by = o[3 * i + c] > 0 ? o[3 * i + c] : 0;
                light[c] = y <= 0.04045 ? y / 12.92 : pow((y + 0.055) / 1.055, 2.4);
                if (!gmlp_is_saturated(codes + 3 * i, 0)) continue;
                if (v == 0) light[c] -= by;
                if (v == 255) light[c] += by;
                moved += by > 0 && (v == 0 || v == 255);
            }
            for (c = 0; c < 3; c++) {
                double want = 0;
                for (k = 0; k < 3; k++) want += matrix[3 * c + k] * light[k];
                want = want < 0 ? 0 : want > 1 ? 1 : want;
                assert_true(fabs((double)out[3 * i + c] - want) < 1e-5);
            }
        }
        assert_true(moved > 5);
        free(z);
        free(x);
        free(f);
    }
    free(gradient);
    free(other);
    gmlp_letnet_free(&net);
}

/* The solver. */

enum { N = 192 };
typedef struct map {
    double factor[3], shift;
    int kind, calls;
} map;
static void apply_map(void *user, const float *z, float *f) {
    map *m = (map *)user;
    int i;
    m->calls++;
    for (i = 0; i < N; i++)
        switch (m->kind) {
            case 0: f[i] = (float)(m->factor[i % 3] * (double)z[i] + m->shift); break; /* linear, three eigenvalues */
            case 1: f[i] = 10.0f * z[i] * z[i] + 1.0f; break;                          /* no solution; grows without end */
            case 2: f[i] = NAN; break;
            case 3: f[i] = m->calls < 4 ? 0.5f * z[i] + 1.0f : INFINITY; break;
            default: f[i] = z[i] > 0.0f ? -1.0f : 1.0f; break; /* jumps to and fro */
        }
}
static int solve(map *m, double tolerance, const float **best, float *least, float *residual, float *memory) {
    gmlp__anderson a;
    int i;
    memset(&a, 0, sizeof a);
    a.kernels = gmlp__letnet_select(gmlp__select(GMLP_ISA_AUTO));
    a.n = N;
    a.apply = apply_map;
    a.ctx = m;
    a.z = memory;
    a.spare = memory + N;
    for (i = 0; i < GMLP__LET_HISTORY; i++) {
        a.f[i] = memory + (2 + i) * N;
        a.g[i] = memory + (2 + GMLP__LET_HISTORY + i) * N;
    }
    for (i = 0; i < N; i++) memory[i] = (float)(i % 7) * 0.1f;
    a.iterations = 50;
    a.tolerance = tolerance;
    a.residual = residual;
    m->calls = 0;
    return gmlp__anderson_solve(&a, best, least);
}

/* Without a limit on its history Anderson's method is as good as GMRES on a linear map (Walker and Ni, 2011): three
   eigenvalues need four steps from the first residual. Plain iteration shrinks it by the largest of them each time. */
static void test_anderson_linear(void **state) {
    static const double factors[][3] = { { 0.9, -0.8, 0.5 }, { 0.97, 0.2, -0.9 }, { 3.0, 0.5, -2.0 } };
    static float memory[16 * N];
    size_t k;
    (void)state;
    for (k = 0; k < 3; k++) {
        float residual[50], least, plain[N], before[N];
        const float *best;
        int i, n, done, rounds;
        map m;
        memset(&m, 0, sizeof m);
        memcpy(m.factor, factors[k], sizeof m.factor);
        m.shift = 1.0;
        done = solve(&m, 1e-4, &best, &least, residual, memory);
        assert_int_equal(done, m.calls);
        assert_true(done <= 8);
        assert_true(least <= 1e-4f && least == residual[done - 1]);
        for (i = 0; i < N; i++) {
            const double want = 1.0 / (1.0 - m.factor[i % 3]);
            assert_true(fabs((double)best[i] - want) < 5e-3 * (1.0 + fabs(want)));
        }
        for (i = 0; i < N; i++) plain[i] = 0.0f;
        for (n = 0, rounds = 50; n < rounds; n++) {
            memcpy(before, plain, sizeof plain);
            apply_map(&m, before, plain);
        }
        if (k == 1) assert_true(fabs((double)plain[0] - 1.0 / 0.03) > 1.0);  /* not there after 50 */
        if (k == 2) assert_true(fabs((double)plain[0]) > 1e10);              /* gone */
    }
}

static void test_anderson_without_solution(void **state) {
    static float memory[16 * N];
    float residual[50], least;
    const float *best;
    map m;
    int i, done, n;
    (void)state;
    memset(&m, 0, sizeof m);
    for (m.kind = 1; m.kind <= 4; m.kind++) {
        if (m.kind == 3) memset(m.factor, 0, sizeof m.factor);
        done = solve(&m, 1e-6, &best, &least, residual, memory);
        assert_true(done <= 50);
        for (i = 0; i < N; i++) assert_true(isfinite(best[i]));
        assert_true(isfinite(least));
        for (n = 0; n < done; n++) assert_true(residual[n] >= least); /* the best one is what came out */
        if (m.kind == 2) assert_int_equal(done, 0);
        else assert_true(done > 0);
    }
}

/* Files. */

static void test_file(void **state) {
    gmlp_letnet net = make_net(16, 32, 1.0), back;
    const size_t size = gmlp_letnet_size(&net);
    uint8_t *bytes = (uint8_t *)malloc(size + 1), *copy = (uint8_t *)malloc(size + 1);
    size_t written, i, n;
    gmlp_error err;
    (void)state;
    assert_int_equal(size, 8 + 2 * gmlp_letnet_weights(16, 32) + 4);
    assert_int_equal(gmlp_letnet_write(&net, bytes, size - 1, &written), GMLP_E_BUFFER);
    assert_int_equal(gmlp_letnet_write(&net, bytes, size, &written), GMLP_OK);
    assert_int_equal(written, size);
    assert_int_equal(gmlp_letnet_read(bytes, size, NULL, &back, &err), GMLP_OK);
    assert_int_equal(back.channels, 16);
    assert_int_equal(back.hidden, 32);
    n = gmlp_letnet_weights(16, 32);
    for (i = 0; i < n; i++)
        assert_true(back.weights[i] == gmlp_half_to_float(gmlp_half_from_float(net.weights[i])));
    assert_int_equal(gmlp_letnet_write(&back, copy, size, &written), GMLP_OK);
    assert_memory_equal(copy, bytes, size);
    gmlp_letnet_free(&back);
    for (i = 0; i < size; i++) /* cut short */
        assert_int_equal(gmlp_letnet_read(bytes, i, NULL, &back, &err), i < 4 ? GMLP_E_FORMAT : GMLP_E_TRUNCATED);
    assert_int_equal(gmlp_letnet_read(bytes, size + 1, NULL, &back, &err), GMLP_E_FORMAT);
    for (i = 0; i < size; i++) { /* one bit */
        memcpy(copy, bytes, size);
        copy[i] ^= (uint8_t)(1u << i % 8);
        assert_int_not_equal(gmlp_letnet_read(copy, size, NULL, &back, &err), GMLP_OK);
        assert_null(back.weights);
    }
    for (i = 0; i < 3; i++) { /* no number, with a right checksum */
        static const uint16_t odd[3] = { 0x7c00, 0xfc00, 0x7e01 };
        memcpy(copy, bytes, size);
        copy[8 + 100] = (uint8_t)odd[i];
        copy[8 + 101] = (uint8_t)(odd[i] >> 8);
        gmlp__put_le(copy + size - 4, gmlp__crc32(0, copy, size - 4), 4);
        assert_int_equal(gmlp_letnet_read(copy, size, NULL, &back, &err), GMLP_E_WEIGHT);
        assert_int_equal(err.offset, 8 + 100);
    }
    memcpy(copy, bytes, size);
    copy[4] = 2;
    assert_int_equal(gmlp_letnet_read(copy, size, NULL, &back, &err), GMLP_E_NEWER);
    net.weights[5] = NAN;
    assert_int_equal(gmlp_letnet_write(&net, bytes, size, &written), GMLP_E_WEIGHT);
    assert_int_equal(gmlp_letnet_weights(8, 32) + gmlp_letnet_weights(32, 80) + gmlp_letnet_weights(24, 32), 0);
    gmlp_letnet_free(&net);
    gmlp_letnet_free(NULL);
    free(bytes);
    free(copy);
}

/* Pictures. */

static const uint32_t picture_sizes[][2] = { { 1, 1 }, { 1, 9 }, { 7, 1 }, { 33, 18 }, { 170, 5 }, { 3, 163 } };
enum { PICTURE_SIZES = sizeof picture_sizes / sizeof *picture_sizes };

/* Zeros give plain inversion, in every form of pixels. */
static void test_zeros(void **state) {
    static const struct {
        int type, channels, space;
    } forms[] = { { GMLP_U8, 3, GMLP_P3 }, { GMLP_U16, 3, GMLP_PROPHOTO }, { GMLP_U16, 4, GMLP_REC2020_PQ },
                  { GMLP_F16, 4, GMLP_ACESCG }, { GMLP_F32, 3, GMLP_PROPHOTO_LINEAR }, { GMLP_RGB10A2, 0, GMLP_P3 } };
    gmlp_letnet net = make_net(16, 16, 0.0);
    size_t s, f;
    (void)state;
    for (s = 0; s < PICTURE_SIZES; s++)
        for (f = 0; f < sizeof forms / sizeof *forms; f++) {
            const uint32_t w = picture_sizes[s][0], h = picture_sizes[s][1];
            const size_t bytes = (size_t)w * h * gmlp_pixel_size(forms[f].type, forms[f].channels);
            uint8_t *codes = (uint8_t *)malloc((size_t)w * h * 3);
            void *want = malloc(bytes), *got = malloc(bytes);
            gmlp_image base = image(codes, w, h, GMLP_U8, GMLP_SRGB), out = image(want, w, h, forms[f].type, forms[f].space);
            gmlp_expand_report r;
            make_base(codes, w, h);
            out.channels = forms[f].channels;
            assert_int_equal(gmlp_convert(&base, &out, NULL), GMLP_OK);
            out.data = got;
            assert_int_equal(gmlp_expand(&net, &base, &out, NULL, &r), GMLP_OK);
            assert_memory_equal(got, want, bytes);
            assert_int_equal(r.changed, 0);
            free(codes);
            free(want);
            free(got);
        }
    gmlp_letnet_free(&net);
}

/* Only channels that may have been clipped move, only outwards, and all stays within ProPhoto. */
static void test_what_moves(void **state) {
    enum { W = 175, H = 21 };
    static uint8_t codes[W * H * 3];
    static float plain[W * H * 3], got[W * H * 3], wide[W * H * 3];
    gmlp_image base = image(codes, W, H, GMLP_U8, GMLP_SRGB), out = image(plain, W, H, GMLP_F32, GMLP_SRGB_LINEAR);
    gmlp_letnet net = make_net(16, 16, 1.0);
    gmlp_expand_report r;
    gmlp_expand_opts opts;
    int margin, i, c;
    (void)state;
    make_base(codes, W, H);
    memset(&opts, 0, sizeof opts);
    for (margin = 0; margin <= 8; margin += 8) {
        uint64_t saturated = 0, moved = 0;
        opts.clip_margin = margin;
        out.data = plain;
        out.space = GMLP_SRGB_LINEAR;
        assert_int_equal(gmlp_convert(&base, &out, NULL), GMLP_OK);
        out.data = got;
        assert_int_equal(gmlp_expand(&net, &base, &out, &opts, &r), GMLP_OK);
        out.data = wide;
        out.space = GMLP_PROPHOTO_LINEAR;
        assert_int_equal(gmlp_expand(&net, &base, &out, &opts, NULL), GMLP_OK);
        for (i = 0; i < W * H; i++) {
            const uint8_t *p = codes + 3 * i;
            const int is = gmlp_is_saturated(p, margin);
            saturated += (uint64_t)is;
            moved += memcmp(got + 3 * i, plain + 3 * i, 12) != 0;
            for (c = 0; c < 3; c++) {
                const float by = got[3 * i + c] - plain[3 * i + c];
                if (!is) assert_true(by == 0.0f);
                assert_true(wide[3 * i + c] >= 0.0f && wide[3 * i + c] <= 1.0f);
                if (wide[3 * i] <= 0 || wide[3 * i + 1] <= 0 || wide[3 * i + 2] <= 0 || wide[3 * i] >= 1 ||
                    wide[3 * i + 1] >= 1 || wide[3 * i + 2] >= 1)
                    continue; /* clamped */
                if (p[c] > margin) assert_true(by > -1e-5f);
                if (p[c] < 255 - margin) assert_true(by < 1e-5f);
            }
        }
        assert_int_equal(r.saturated, saturated);
        assert_int_equal(r.changed, moved);
        assert_true(moved * 4 > saturated && saturated * 3 > W * H / 4);
        assert_true(r.tiles == 2 && !r.unsolved && r.iterations > 1 && r.worst <= 1e-3f && r.residual[0] > 1e-3f);
    }
    gmlp_letnet_free(&net);
}

/* Four tiles: where only one of them knows a pixel it is what the tile's part of the picture gives alone; where two or
   four do, the network's moves are a mean of theirs, whose weights go from one to the other in sixteenths. */
static void test_borders(void **state) {
    enum { W = 170, H = 168, FROM = 136, TO = 152 };
    static uint8_t codes[W * H * 3];
    static float plain[W * H * 3], got[2][W * H * 3], part[4][2][W * H * 3]; /* in linear sRGB, in ProPhoto */
    static const int spaces[2] = { GMLP_SRGB_LINEAR, GMLP_PROPHOTO_LINEAR };
    gmlp_image base = image(codes, W, H, GMLP_U8, GMLP_SRGB), out = image(plain, W, H, GMLP_F32, GMLP_SRGB_LINEAR);
    gmlp_letnet net = make_net(16, 16, 1.0);
    gmlp_expand_opts opts;
    int x, y, c, i, k, tested = 0, corner = 0;
    (void)state;
    make_base(codes, W, H);
    memset(&opts, 0, sizeof opts);
    opts.iterations = 3;
    assert_int_equal(gmlp_convert(&base, &out, NULL), GMLP_OK);
    for (i = 0; i < 2; i++) {
        out.data = got[i];
        out.space = spaces[i];
        assert_int_equal(gmlp_expand(&net, &base, &out, &opts, NULL), GMLP_OK);
        for (k = 0; k < 4; k++) {
            const int left = k & 1 ? FROM : 0, top = k & 2 ? FROM : 0;
            gmlp_image b = base, o = out;
            b.data = codes + (top * W + left) * 3;
            b.stride = W * 3;
            o.data = part[k][i] + (top * W + left) * 3;
            o.stride = W * 12;
            b.width = o.width = (uint32_t)((k & 1 ? W : TO) - left);
            b.height = o.height = (uint32_t)((k & 2 ? H : TO) - top);
            assert_int_equal(gmlp_expand(&net, &b, &o, &opts, NULL), GMLP_OK);
        }
    }
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++) {
            const int at = (y * W + x) * 3, alone = (x < FROM || x >= TO) && (y < FROM || y >= TO);
            const double right = x < FROM ? 0 : x >= TO ? 1 : (x - FROM + 0.5) / 16,
                         below = y < FROM ? 0 : y >= TO ? 1 : (y - FROM + 0.5) / 16;
            const double weight[4] = { (1 - right) * (1 - below), right * (1 - below), (1 - right) * below,
                                       right * below };
            if (alone) {
                k = (x >= TO) + 2 * (y >= TO);
                for (i = 0; i < 2; i++) assert_memory_equal(&got[i][at], &part[k][i][at], 12);
                continue;
            }
            for (c = 0; c < 3; c++) {
                double want = 0, all = 0;
                int moved = 0, still = 0, clamped = 0;
                for (k = 0; k < 4; k++) {
                    const double by = (double)part[k][0][at + c] - (double)plain[at + c];
                    if (!(weight[k] > 0)) continue;
                    if (fabs(by) > 1e-5) moved = 1;
                    else still = 1;
                    for (i = 0; i < 3; i++) clamped |= part[k][1][at + i] <= 0 || part[k][1][at + i] >= 1;
                    want += weight[k] * by;
                    all += weight[k];
                }
                assert_true(fabs(all - 1) < 1e-12);
                if (clamped || (moved && still)) continue; /* no mean, then */
                assert_true(fabs((double)got[0][at + c] - (double)plain[at + c] - want) < 1e-5);
                tested += moved;
                corner += moved && x >= FROM && x < TO && y >= FROM && y < TO;
            }
        }
    assert_true(tested > 500 && corner > 20);
    gmlp_letnet_free(&net);
}

/* The same bytes on every instruction set and any threads. */
typedef struct share {
    void (*job)(void *, size_t);
    void *ctx;
    size_t count, first, step;
} share;
static void *work_share(void *user) {
    const share *s = (const share *)user;
    size_t i;
    for (i = s->first; i < s->count; i += s->step) s->job(s->ctx, s->count - 1 - i);
    return NULL;
}
static void three_threads(void *user, void (*job)(void *, size_t), void *ctx, size_t count) {
    pthread_t threads[3];
    share s[3];
    size_t i;
    (void)user;
    for (i = 0; i < 3; i++) {
        s[i].job = job, s[i].ctx = ctx, s[i].count = count, s[i].first = i, s[i].step = 3;
        assert_int_equal(pthread_create(&threads[i], NULL, work_share, &s[i]), 0);
    }
    for (i = 0; i < 3; i++) pthread_join(threads[i], NULL);
}

static void test_same_bytes(void **state) {
    enum { W = 300, H = 12 };
    static uint8_t codes[W * H * 3];
    static float first[W * H * 3], got[W * H * 3];
    static float gradient[2][64 * 1024];
    gmlp_image base = image(codes, W, H, GMLP_U8, GMLP_SRGB), out = image(got, W, H, GMLP_F32, GMLP_PROPHOTO_LINEAR);
    gmlp_letnet net = make_net(16, 16, 1.0);
    gmlp_expand_opts opts;
    gmlp_letnet_loss loss;
    int isa, threads, any = 0;
    (void)state;
    make_base(codes, W, H);
    memset(&opts, 0, sizeof opts);
    opts.iterations = 5;
    for (isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++)
        for (threads = 0; threads < 2 && gmlp_isa_available(isa); threads++) {
            gmlp_image piece = base, wide = out;
            opts.isa = isa;
            opts.threads.parallel_for = threads ? three_threads : NULL;
            memset(got, 0, sizeof got);
            assert_int_equal(gmlp_expand(&net, &base, &out, &opts, NULL), GMLP_OK);
            if (!any) memcpy(first, got, sizeof got);
            assert_memory_equal(got, first, sizeof got);
            piece.width = wide.width = 19;
            piece.stride = W * 3;
            wide.stride = W * 12;
            wide.data = first;
            assert_int_equal(gmlp_letnet_gradient(&net, &piece, &wide, &opts, &loss, gradient[any > 0]), GMLP_OK);
            assert_true(loss.pixels > 20);
            assert_memory_equal(gradient[0], gradient[any > 0], gmlp_letnet_weights(16, 16) * sizeof(float));
            any = 1;
        }
    gmlp_letnet_free(&net);
}

/* The largest weights there are: some colours, all of them numbers, and an end. */
static void test_hostile_weights(void **state) {
    enum { W = 9, H = 6 };
    uint8_t codes[W * H * 3];
    float got[W * H * 3];
    gmlp_image base = image(codes, W, H, GMLP_U8, GMLP_SRGB), out = image(got, W, H, GMLP_F32, GMLP_PROPHOTO_LINEAR);
    gmlp_letnet net = make_net(16, 16, 1.0);
    const size_t n = gmlp_letnet_weights(16, 16);
    size_t i, k;
    (void)state;
    make_base(codes, W, H);
    for (k = 0; k < 6; k++) {
        gmlp_expand_report r;
        random_state = (uint32_t)k;
        for (i = 0; i < n; i++)
            net.weights[i] = k == 0 ? 65504.0f : k == 1 ? -65504.0f : uniform() > 0 ? 65504.0f : -65504.0f;
        assert_int_equal(gmlp_expand(&net, &base, &out, NULL, &r), GMLP_OK);
        for (i = 0; i < W * H * 3; i++) assert_true(got[i] >= 0.0f && got[i] <= 1.0f);
        assert_true(isfinite(r.worst) && r.iterations <= 50);
    }
    gmlp_letnet_free(&net);
}

/* The weights that come with the tool: colours of one tile, of several and of a margin, the same bytes everywhere. */
static void test_shipped(void **state) {
    static const struct {
        uint32_t w, h;
        int margin;
        uint32_t sum; /* CRC-32 of 16-bit ProPhoto, the lower byte first */
    } pictures[] = { { 17, 12, 0, 0x6480cce7u }, { 22, 15, 8, 0x71f900a5u }, { 164, 9, 0, 0x3797ac47u } };
    FILE *f = fopen("examples/letnet.gmlp", "rb");
    uint8_t *bytes = (uint8_t *)malloc(102400);
    gmlp_letnet net;
    gmlp_error err;
    size_t size, i, k;
    (void)state;
    assert_non_null(f);
    size = fread(bytes, 1, 102400, f);
    fclose(f);
    assert_int_equal(gmlp_letnet_read(bytes, size, NULL, &net, &err), GMLP_OK);
    for (k = 0; k < sizeof pictures / sizeof *pictures; k++) {
        const uint32_t w = pictures[k].w, h = pictures[k].h;
        const size_t n = (size_t)w * h * 3;
        uint8_t *codes = (uint8_t *)malloc(n), *low = (uint8_t *)malloc(2 * n);
        uint16_t *got = (uint16_t *)malloc(2 * n);
        const gmlp_image base = image(codes, w, h, GMLP_U8, GMLP_SRGB), out = image(got, w, h, GMLP_U16, GMLP_PROPHOTO);
        int isa;
        make_base(codes, w, h);
        for (isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
            gmlp_expand_opts opts;
            gmlp_expand_report r;
            if (!gmlp_isa_available(isa)) continue;
            memset(&opts, 0, sizeof opts);
            opts.isa = isa;
            opts.clip_margin = pictures[k].margin;
            assert_int_equal(gmlp_expand(&net, &base, &out, &opts, &r), GMLP_OK);
            assert_true(!r.unsolved && r.changed > 0);
            for (i = 0; i < n; i++) {
                low[2 * i] = (uint8_t)got[i];
                low[2 * i + 1] = (uint8_t)(got[i] >> 8);
            }
            if (gmlp__crc32(0, low, 2 * n) != pictures[k].sum)
                fail_msg("%u x %u, %s: 0x%08x", w, h, gmlp_isa_name(isa), (unsigned)gmlp__crc32(0, low, 2 * n));
        }
        free(codes);
        free(low);
        free(got);
    }
    gmlp_letnet_free(&net);
    free(bytes);
}

/* Memory that runs out, and arguments that are none. */
static int allowed;
static int held;
static void *some(void *user, size_t size) {
    (void)user;
    if (!allowed) return NULL;
    allowed--;
    held++;
    return malloc(size);
}
static void give(void *user, void *p, size_t size) {
    (void)user;
    (void)size;
    held--;
    free(p);
}
static void test_failures(void **state) {
    uint8_t codes[5 * 4 * 3];
    float got[5 * 4 * 3], gradient[16 * 1024];
    gmlp_image base = image(codes, 5, 4, GMLP_U8, GMLP_SRGB), out = image(got, 5, 4, GMLP_F32, GMLP_PROPHOTO_LINEAR), other;
    gmlp_letnet net = make_net(16, 16, 1.0), none;
    gmlp_letnet_loss loss;
    gmlp_expand_opts opts;
    int n;
    (void)state;
    make_base(codes, 5, 4);
    memset(&opts, 0, sizeof opts);
    memset(&none, 0, sizeof none);
    opts.alloc.alloc = some;
    opts.alloc.free = give;
    for (n = 0; n < 5; n++) {
        allowed = n;
        assert_int_equal(gmlp_expand(&net, &base, &out, &opts, NULL), GMLP_E_MEMORY);
        assert_int_equal(held, 0);
    }
    allowed = 5;
    assert_int_equal(gmlp_expand(&net, &base, &out, &opts, NULL), GMLP_OK);
    for (n = 0; n < 4; n++) {
        allowed = n;
        assert_int_equal(gmlp_letnet_gradient(&net, &base, &out, &opts, &loss, gradient), GMLP_E_MEMORY);
    }
    allowed = 4;
    assert_int_equal(gmlp_letnet_gradient(&net, &base, &out, &opts, &loss, gradient), GMLP_OK);
    assert_int_equal(held, 0);
    allowed = 99;
    assert_int_equal(gmlp_expand(NULL, &base, &out, &opts, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_expand(&none, &base, &out, &opts, NULL), GMLP_E_ARGUMENT);
    other = base;
    other.space = GMLP_P3;
    assert_int_equal(gmlp_expand(&net, &other, &out, &opts, NULL), GMLP_E_ARGUMENT);
    other = out;
    other.width = 4;
    assert_int_equal(gmlp_expand(&net, &base, &other, &opts, NULL), GMLP_E_ARGUMENT);
    opts.clip_margin = 64;
    assert_int_equal(gmlp_expand(&net, &base, &out, &opts, NULL), GMLP_E_ARGUMENT);
    opts.clip_margin = 0;
    opts.iterations = 51;
    assert_int_equal(gmlp_expand(&net, &base, &out, &opts, NULL), GMLP_E_ARGUMENT);
    opts.iterations = 0;
    opts.tolerance = NAN;
    assert_int_equal(gmlp_expand(&net, &base, &out, &opts, NULL), GMLP_E_ARGUMENT);
    gmlp_letnet_free(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tanh), cmocka_unit_test(test_conv), cmocka_unit_test(test_network),
        cmocka_unit_test(test_gradient), cmocka_unit_test(test_one_iteration), cmocka_unit_test(test_anderson_linear),
        cmocka_unit_test(test_anderson_without_solution), cmocka_unit_test(test_file), cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_what_moves), cmocka_unit_test(test_borders),
        cmocka_unit_test(test_same_bytes), cmocka_unit_test(test_hostile_weights),
        cmocka_unit_test(test_shipped), cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
