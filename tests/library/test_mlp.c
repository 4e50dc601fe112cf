/* >>encoding, >>mlp, and the matrix steps of >>train: against double references, central differences, and across instruction sets. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define PI 3.14159265358979323846

static const int isas[] = {GMLP_ISA_SCALAR, GMLP_ISA_AVX2,  GMLP_ISA_AVX512,
                           GMLP_ISA_NEON,   GMLP_ISA_SSE41, GMLP_ISA_WASM};

/* The network in double, straight from its definition. */
static size_t ref_encode(const uint8_t bands[GMLP_INPUTS], const float *in, double *f) {
    size_t n = 0;
    for (int i = 0; i < GMLP_INPUTS; i++)
        for (int k = 0; k < bands[i]; k++) {
            f[n++] = sin(ldexp(PI * in[i], k));
            f[n++] = cos(ldexp(PI * in[i], k));
        }
    return n;
}

static double ref_act(int activation, double z) { return activation == GMLP_SINE ? sin(z) : z > 0 ? z : 0; }

/* Outputs of one sample for weights given in double. */
static void ref_forward(const gmlp_mlp *m, const double *w, const float *in, double out[3]) {
    double f[2 * GMLP_MAX_FREQUENCIES * GMLP_INPUTS], h1[128], h2[128];
    const size_t n = ref_encode(m->frequencies, in, f), v = (size_t)m->width;
    const double *w1 = w, *b1 = w1 + n * v, *w2 = b1 + v, *b2 = w2 + v * v, *w3 = b2 + v, *b3 = w3 + 3 * v;
    for (size_t j = 0; j < v; j++) {
        double z = b1[j];
        for (size_t i = 0; i < n; i++) z += f[i] * w1[i * v + j];
        h1[j] = ref_act(m->activation, z);
    }
    for (size_t j = 0; j < v; j++) {
        double z = b2[j];
        for (size_t i = 0; i < v; i++) z += h1[i] * w2[i * v + j];
        h2[j] = ref_act(m->activation, z);
    }
    for (size_t c = 0; c < 3; c++) {
        out[c] = b3[c];
        for (size_t i = 0; i < v; i++) out[c] += h2[i] * w3[i * 3 + c];
    }
}

static double ref_loss(const gmlp_mlp *m, const double *w, const float *in, const float *target, size_t n) {
    double sum = 0, out[3];
    for (size_t i = 0; i < n; i++) {
        ref_forward(m, w, in + GMLP_INPUTS * i, out);
        for (int c = 0; c < 3; c++) sum += (out[c] - target[3 * i + (size_t)c]) * (out[c] - target[3 * i + (size_t)c]);
    }
    return sum / (3.0 * (double)n);
}

static uint32_t rng_state;
static float rnd(void) { /* -1..1 */
    rng_state = rng_state * 1664525u + 1013904223u;
    return (float)((double)(rng_state >> 8) / 8388608.0 - 1.0);
}

static gmlp_mlp shape(int width, int k0, int k1, int k2, int k3, int k4, int activation, int bias) {
    gmlp_mlp m;
    memset(&m, 0, sizeof m);
    m.width = width;
    m.activation = activation;
    m.bias = bias;
    m.frequencies[0] = (uint8_t)k0, m.frequencies[1] = (uint8_t)k1, m.frequencies[2] = (uint8_t)k2, m.frequencies[3] = (uint8_t)k3, m.frequencies[4] = (uint8_t)k4;
    return m;
}

static void encoding_matches_equation_4(void **state) {
    (void)state;
    const uint8_t bands[GMLP_INPUTS] = {12, 0, 3, 16, 1, 0, 2, 0, 0, 0, 5};
    float in[GMLP_INPUTS * 50], f[50 * 78];
    double ref[78];
    for (int i = 0; i < GMLP_INPUTS * 50; i++) in[i] = rnd();
    for (int i = 0; i < GMLP_INPUTS; i++) in[i] = i % 2 ? 1.0f : -1.0f;
    for (size_t k = 0; k < 4; k++) {
        if (!gmlp_isa_available(isas[k])) continue;
        assert_int_equal(gmlp_sinusoidal_encoding(bands, in, 50, f, isas[k]), GMLP_OK);
        for (int s = 0; s < 50; s++) {
            const size_t n = ref_encode(bands, in + GMLP_INPUTS * s, ref);
            assert_int_equal(n, 78);
            for (size_t j = 0; j < n; j++) assert_true(fabs(f[(size_t)s * n + j] - ref[j]) < 1e-6);
        }
    }
}

/* The vector sine is the same function everywhere, and close to libm's far outside [-1,1] too. */
static void sine_is_accurate(void **state) {
    (void)state;
    float x[160], c[160], y[160];
    for (size_t k = 0; k < 4; k++) {
        if (!gmlp_isa_available(isas[k])) continue;
        const gmlp__kernels *kernels = gmlp__select(isas[k]);
        for (int i = 0; i < 160; i++) y[i] = x[i] = ((float)i - 80.0f) * 0.37f;
        kernels->sine(x, c, 160);
        for (int i = 0; i < 160; i++) {
            assert_true(fabs(x[i] - sin((double)y[i])) < 4e-6);
            assert_true(fabs(c[i] - cos((double)y[i])) < 4e-6);
        }
        x[0] = 3e38f, x[1] = -3e38f, x[2] = NAN, x[3] = INFINITY;
        kernels->sine(x, NULL, 16);
        for (int i = 0; i < 4; i++) assert_true(x[i] >= -1.0f && x[i] <= 1.0f);
    }
}

static void check_shape(gmlp_mlp m, size_t n) {
    const size_t count = gmlp_mlp_weights(&m), width = (size_t)m.width;
    const size_t b2 = (gmlp_mlp_features(&m) + 1 + width) * width, b2_end = b2 + width;
    float *w = malloc(count * 4), *g = malloc(count * 4), *g0 = malloc(count * 4), *in = malloc(n * 4 * GMLP_INPUTS), *t = malloc(n * 12);
    float *out = malloc(n * 12), *out0 = malloc(n * 12);
    double *wd = malloc(count * 8), loss, loss0 = 0;
    int first = 1;
    assert_int_equal(gmlp_mlp_init(&m, 7, 1.0f, w), GMLP_OK);
    for (size_t i = 0; i < count; i++) { /* biases too */
        if (w[i] == 0.0f && m.bias == GMLP_BIAS_ALL) w[i] = 0.1f * rnd();
        wd[i] = w[i];
    }
    for (size_t i = 0; i < GMLP_INPUTS * n; i++) in[i] = rnd();
    for (size_t i = 0; i < 3 * n; i++) t[i] = rnd();
    for (size_t k = 0; k < 4; k++) {
        if (!gmlp_isa_available(isas[k])) continue;
        assert_int_equal(gmlp_mlp_forward(&m, w, in, n, out, isas[k], NULL), GMLP_OK);
        assert_int_equal(gmlp_mlp_gradient(&m, w, in, t, n, &loss, g, isas[k], NULL), GMLP_OK);
        if (first) {
            for (size_t i = 0; i < n; i++) {
                double ref[3];
                ref_forward(&m, wd, in + GMLP_INPUTS * i, ref);
                for (size_t c = 0; c < 3; c++) assert_true(fabs(out[3 * i + c] - ref[c]) < 2e-5);
            }
            assert_true(fabs(loss - ref_loss(&m, wd, in, t, n)) < 1e-5);
            /* central differences in double, on weights spread over all layers and all of b3 */
            for (size_t i = 0; i < count; i += i >= count - 3 ? 1 : i + count / 97 + 1 > count - 3 ? count - 3 - i : count / 97 + 1) {
                const double h = 1e-6, keep = wd[i];
                if (m.bias == GMLP_BIAS_FIRST && ((i >= b2 && i < b2_end) || i >= count - 3)) { /* does not train */
                    assert_true(g[i] == 0.0f);
                    continue;
                }
                wd[i] = keep + h;
                double up = ref_loss(&m, wd, in, t, n);
                wd[i] = keep - h;
                double down = ref_loss(&m, wd, in, t, n);
                wd[i] = keep;
                assert_true(fabs((up - down) / (2 * h) - g[i]) < 1e-5);
            }
            memcpy(g0, g, count * 4);
            memcpy(out0, out, n * 12);
            loss0 = loss;
            first = 0;
        } else {
            assert_memory_equal(g, g0, count * 4);
            assert_memory_equal(out, out0, n * 12);
            assert_true(memcmp(&loss, &loss0, 8) == 0);
        }
    }
    free(w), free(g), free(g0), free(in), free(t), free(out), free(out0), free(wd);
}

static void forward_and_gradient(void **state) {
    (void)state;
    check_shape(shape(32, 8, 8, 8, 8, 8, GMLP_RELU, GMLP_BIAS_ALL), 100);
    check_shape(shape(32, 12, 12, 12, 12, 12, GMLP_RELU, GMLP_BIAS_FIRST), 65);
    check_shape(shape(8, 1, 0, 2, 3, 0, GMLP_RELU, GMLP_BIAS_ALL), 1);
    check_shape(shape(24, 3, 3, 3, 3, 3, GMLP_SINE, GMLP_BIAS_ALL), 67);
    check_shape(shape(48, 5, 6, 7, 2, 1, GMLP_RELU, GMLP_BIAS_ALL), 63);
    check_shape(shape(128, 16, 16, 4, 4, 4, GMLP_RELU, GMLP_BIAS_ALL), 9);
    check_shape(shape(16, 0, 0, 6, 6, 6, GMLP_SINE, GMLP_BIAS_FIRST), 64);
}

static void adam_matches_algorithm_1(void **state) {
    (void)state;
    enum { N = 37 };
    float g[N], w[N], m[N], v[N], first[N];
    double wd[N], md[N], vd[N];
    const gmlp_adam a = {1e-2, 0.9, 0.99, 1e-8};
    int any = 0;
    for (size_t k = 0; k < 4; k++) {
        if (!gmlp_isa_available(isas[k])) continue;
        rng_state = 5;
        for (int i = 0; i < N; i++) {
            w[i] = rnd(), m[i] = v[i] = 0;
            wd[i] = w[i], md[i] = vd[i] = 0;
        }
        for (uint32_t step = 1; step <= 20; step++) {
            for (int i = 0; i < N; i++) {
                g[i] = rnd();
                md[i] = a.beta1 * md[i] + (1 - a.beta1) * g[i];
                vd[i] = a.beta2 * vd[i] + (1 - a.beta2) * g[i] * g[i];
                wd[i] -= a.learning_rate * (md[i] / (1 - pow(a.beta1, step))) / (sqrt(vd[i] / (1 - pow(a.beta2, step))) + a.epsilon);
            }
            assert_int_equal(gmlp_adam_step(&a, step, g, w, m, v, N, isas[k]), GMLP_OK);
            for (int i = 0; i < N; i++) assert_true(fabs(w[i] - wd[i]) < 2e-6);
        }
        if (any++) assert_memory_equal(w, first, sizeof w);
        else memcpy(first, w, sizeof w);
    }
}

/* The portable fused multiply-add and square root are the correctly rounded ones. */
static void portable_operations_are_exact(void **state) {
    (void)state;
    rng_state = 99;
    for (int i = 0; i < 300000; i++) {
        float a = ldexpf(rnd(), (int)(rng_state % 60) - 30), b = ldexpf(rnd(), (int)(rng_state % 40) - 20);
        float c = ldexpf(rnd(), (int)(rng_state % 80) - 40);
        if (i % 3 == 0) c = -(a * b); /* cancellation */
        if (i % 7 == 0) c = ldexpf(1.0f, (int)(rng_state % 30)) * (1 + 0x1p-23f);
        const float r = gmlp__fmaf(a, b, c), e = fmaf(a, b, c);
        assert_memory_equal(&r, &e, 4);
        const float s = gmlp__sqrtf(fabsf(a)), q = sqrtf(fabsf(a));
        assert_memory_equal(&s, &q, 4);
        const float x = ldexpf(a, 3), n = gmlp__roundf(x), m = rintf(x);
        if (fabsf(x) < 4194304.0f) assert_memory_equal(&n, &m, 4);
    }
    assert_true(isnan(gmlp__fmaf(INFINITY, 0.0f, 1.0f)));
    assert_true(isinf(gmlp__fmaf(3e38f, 10.0f, 1.0f)));
    assert_true(gmlp__fmaf(INFINITY, 1.0f, 1.0f) > 0);
    assert_true(gmlp__sqrtf(0.0f) == 0.0f);
}

static void weights_follow_xavier(void **state) {
    (void)state;
    gmlp_mlp m = shape(32, 8, 8, 8, 8, 8, GMLP_RELU, GMLP_BIAS_ALL);
    float w[4000], again[4000];
    assert_int_equal(gmlp_mlp_weights(&m), 80 * 32 + 32 + 32 * 32 + 32 + 96 + 3);
    assert_int_equal(gmlp_mlp_init(&m, 3, 0.1f, w), GMLP_OK);
    assert_int_equal(gmlp_mlp_init(&m, 3, 0.1f, again), GMLP_OK);
    assert_memory_equal(w, again, gmlp_mlp_weights(&m) * 4);
    const double bound = sqrt(6.0 / 112.0);
    double sum = 0, square = 0, top = 0;
    for (int i = 0; i < 2560; i++) {
        sum += w[i], square += (double)w[i] * w[i];
        if (fabs(w[i]) > top) top = fabs(w[i]);
    }
    assert_true(top <= bound && top > 0.99 * bound);
    assert_true(fabs(sum / 2560) < bound * 0.04);
    assert_true(fabs(square / 2560 - bound * bound / 3) < bound * bound * 0.02);
    for (int i = 2560; i < 2592; i++) assert_true(w[i] == 0.0f);
    /* the paper's network: 4992 weights that train, one row of them the constant-one input */
    m = shape(32, 12, 12, 12, 12, 12, GMLP_RELU, GMLP_BIAS_FIRST);
    float *p = malloc(gmlp_mlp_weights(&m) * 4);
    assert_int_equal(gmlp_mlp_weights(&m) - 35, 4992);
    assert_int_equal(gmlp_mlp_init(&m, 3, 1.0f, p), GMLP_OK);
    assert_true(p[120 * 32] != 0.0f && p[121 * 32 - 1] != 0.0f);
    free(p);
}

static void wrong_shapes_are_refused(void **state) {
    (void)state;
    gmlp_mlp m = shape(32, 8, 8, 8, 8, 8, 0, 0);
    float x[8] = {0};
    m.width = 12;
    assert_int_equal(gmlp_mlp_weights(&m), 0);
    m.width = 136;
    assert_int_equal(gmlp_mlp_weights(&m), 0);
    m.width = 0;
    assert_int_equal(gmlp_mlp_weights(&m), 0);
    m.width = 32, m.frequencies[3] = 17;
    assert_int_equal(gmlp_mlp_weights(&m), 0);
    assert_int_equal(gmlp_mlp_features(&m), 0);
    memset(m.frequencies, 0, 5);
    assert_int_equal(gmlp_mlp_weights(&m), 0);
    assert_int_equal(gmlp_mlp_forward(&m, x, x, 1, x, 0, NULL), GMLP_E_ARGUMENT);
    m = shape(32, 8, 8, 8, 8, 8, 2, 0);
    assert_int_equal(gmlp_mlp_weights(&m), 0);
    m = shape(32, 8, 8, 8, 8, 8, 0, 2);
    assert_int_equal(gmlp_mlp_weights(&m), 0);
    assert_int_equal(gmlp_mlp_weights(NULL), 0);
    m = shape(8, 1, 1, 1, 1, 1, 0, 0);
    assert_int_equal(gmlp_mlp_forward(&m, x, NULL, 0, NULL, 99, NULL), GMLP_E_ARGUMENT);
}

/* Muon. Its direction keeps the singular vectors and sends each singular value, relative to the length of the whole
   matrix, through three polynomials: the first three of Amsel et al., for five steps and values from 1/1000 on, with
   their safety factor of 1.01. What three leave of the error is known: from 0.18 to 1.87. */
static double polar_value(double x) {
    static const double c[3][3] = {{8.28721201814563, -23.595886519098837, 17.300387312530933},
                                   {4.107059111542203, -2.9478499167379106, 0.5448431082926601},
                                   {3.9486908534822946, -2.908902115962949, 0.5518191394370137}};
    for (int i = 0; i < 3; i++) {
        x /= 1.01;
        x = c[i][0] * x + c[i][1] * x * x * x + c[i][2] * pow(x, 5);
    }
    return x;
}

/* a[rows][cols], rows >= cols: orthonormal columns out of noise, by Gram and Schmidt, twice for accuracy. */
static void orthonormal(double *a, size_t rows, size_t cols) {
    for (size_t i = 0; i < rows * cols; i++) a[i] = rnd();
    for (size_t j = 0; j < cols; j++)
        for (int twice = 0; twice < 2; twice++) {
            double length = 0;
            for (size_t k = 0; k < j; k++) {
                double dot = 0;
                for (size_t i = 0; i < rows; i++) dot += a[i * cols + j] * a[i * cols + k];
                for (size_t i = 0; i < rows; i++) a[i * cols + j] -= dot * a[i * cols + k];
            }
            for (size_t i = 0; i < rows; i++) length += a[i * cols + j] * a[i * cols + j];
            for (size_t i = 0; i < rows; i++) a[i * cols + j] /= sqrt(length);
        }
}

/* x = U S V' and what its direction has to be, U P(S) V', for S from 1 down to 1 / condition, times scale. */
static void known_matrix(size_t rows, size_t cols, double condition, double scale, double *x, double *direction) {
    double *u = malloc(rows * cols * 8), *v = malloc(cols * cols * 8), square = 0;
    orthonormal(u, rows, cols);
    orthonormal(v, cols, cols);
    for (size_t k = 0; k < cols; k++) square += pow(condition, -2.0 * (double)k / (double)(cols - 1));
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) {
            double xs = 0, ds = 0;
            for (size_t k = 0; k < cols; k++) {
                const double s = pow(condition, -(double)k / (double)(cols - 1)), p = polar_value(s / sqrt(square));
                assert_true(p > 0.18 && p < 1.87); /* for all that 1 / (20 sqrt(128)) .. 1 may become */
                xs += u[i * cols + k] * s * v[j * cols + k];
                ds += u[i * cols + k] * p * v[j * cols + k];
            }
            x[i * cols + j] = xs * scale;
            direction[i * cols + j] = ds;
        }
    free(u), free(v);
}

static void polar_keeps_singular_vectors(void **state) {
    (void)state;
    const size_t sizes[][2] = {{8, 8}, {24, 16}, {57, 40}, {40, 13}, {40, 40}, {33, 10}, {160, 128}, {128, 127}};
    for (double x = 1 / (20 * sqrt(128)); x <= 1; x *= 1.001) assert_true(polar_value(x) > 0.18 && polar_value(x) < 1.87);
    rng_state = 3;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t rows = sizes[s][0], cols = sizes[s][1], row = GMLP__PAD(cols), room = (rows + GMLP__SLACK) * row;
        const double scales[] = {1, 1e-8, 1e8};
        double *x = malloc(rows * cols * 8), *direction = malloc(rows * cols * 8);
        float *in = malloc(room * 4), *first = malloc(room * 4), *scratch = malloc(gmlp__polar_count(rows, row) * 4);
        int tried = 0;
        known_matrix(rows, cols, s % 2 ? 20 : 3, scales[s % 3], x, direction);
        for (size_t k = 0; k < 4; k++) {
            if (!gmlp_isa_available(isas[k])) continue;
            memset(in, 0, room * 4);
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < cols; j++) in[i * row + j] = (float)x[i * cols + j];
            memset(scratch, 0, gmlp__polar_count(rows, row) * 4);
            gmlp__polar(gmlp__select(isas[k]), in, rows, cols, row, scratch);
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < row; j++) {
                    if (j < cols) assert_true(fabs(in[i * row + j] - direction[i * cols + j]) < 2e-5);
                    else assert_true(in[i * row + j] == 0.0f);
                }
            if (tried++) assert_memory_equal(in, first, rows * row * 4);
            else memcpy(first, in, rows * row * 4);
        }
        free(x), free(direction), free(in), free(first), free(scratch);
    }
}

/* Two Muon steps on a matrix[rows][wide]; the second shows that momentum is kept. */
static void muon(int isa, size_t rows, size_t cols, const float *g, float *m, float *w) {
    const size_t wide = GMLP__PAD(cols);
    float *scratch = calloc(gmlp__muon_count(rows, wide), 4);
    gmlp__trainer *t = calloc(1, sizeof *t);
    t->kernels = gmlp__select(isa);
    t->muon_rate = 0.25f;
    gmlp__muon(t, g, m, w, rows, cols, wide, scratch);
    free(t), free(scratch);
}

static void muon_steps_along_the_direction(void **state) {
    (void)state;
    const size_t sizes[][2] = {{40, 24}, {24, 40}, {16, 16}, {9, 128}, {130, 8}, {15, 17}};
    rng_state = 8;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t rows = sizes[s][0], cols = sizes[s][1], wide = GMLP__PAD(cols), turned = GMLP__PAD(rows), n = rows * wide;
        const size_t tall = rows > cols ? rows : cols, narrow = rows > cols ? cols : rows;
        double *x = malloc(tall * narrow * 8), *direction = malloc(tall * narrow * 8);
        float *g = calloc(n, 4), *m = calloc(n, 4), *w = calloc(n, 4), *w_first = calloc(n, 4);
        float *gt = calloc(cols * turned, 4), *mt = calloc(cols * turned, 4), *wt = calloc(cols * turned, 4);
        int tried = 0;
        known_matrix(tall, narrow, 20, 0.01, x, direction);
        for (size_t k = 0; k < 4; k++) {
            if (!gmlp_isa_available(isas[k])) continue;
            memset(m, 0, n * 4), memset(w, 0, n * 4);
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < cols; j++) {
                    g[i * wide + j] = (float)x[rows >= cols ? i * narrow + j : j * narrow + i];
                    w[i * wide + j] = (float)(i + j);
                }
            muon(isas[k], rows, cols, g, m, w);
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < wide; j++) {
                    const double d = j < cols ? direction[rows >= cols ? i * narrow + j : j * narrow + i] : 0;
                    assert_true(fabs(w[i * wide + j] - ((j < cols ? (double)(i + j) : 0) - 0.25 * d)) < 2e-5);
                    assert_true(m[i * wide + j] == g[i * wide + j]);
                }
            /* then with another gradient: the same as for the matrix turned by hand */
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < cols; j++) {
                    mt[j * turned + i] = m[i * wide + j], wt[j * turned + i] = w[i * wide + j];
                    gt[j * turned + i] = g[i * wide + j] = 0.01f * sinf((float)(i * 7 + j * 3) * 0.37f);
                }
            muon(isas[k], rows, cols, g, m, w);
            muon(isas[k], cols, rows, gt, mt, wt);
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < cols; j++) {
                    const double old = x[rows >= cols ? i * narrow + j : j * narrow + i];
                    assert_true(fabs(m[i * wide + j] - (0.9 * old + g[i * wide + j])) < 1e-8);
                    assert_true(fabs(w[i * wide + j] - wt[j * turned + i]) < 1e-4);
                }
            if (tried++) assert_memory_equal(w, w_first, n * 4);
            else memcpy(w_first, w, n * 4);
        }
        /* no gradient, no momentum: not a bit changes */
        memset(g, 0, n * 4), memset(m, 0, n * 4);
        muon(GMLP_ISA_AUTO, rows, cols, g, m, w);
        assert_memory_equal(w, w_first, n * 4);
        for (size_t i = 0; i < n; i++) assert_true(m[i] == 0.0f);
        free(x), free(direction), free(g), free(m), free(w), free(w_first), free(gt), free(mt), free(wt);
    }
}

/* The small kernels of Muon and of rounding: exact in float arithmetic, so equal to the last bit everywhere. */
static void matrix_kernels(void **state) {
    (void)state;
    enum { N = 80 };
    const float steps[] = {1.0f, 0.1f, 3e-5f, 1e-12f, 700.0f};
    for (size_t k = 0; k < 4; k++) {
        if (!gmlp_isa_available(isas[k])) continue;
        const gmlp__kernels *f = gmlp__select(isas[k]);
        for (size_t n = 16; n <= N; n += 16)
            for (int round = 0; round < 20; round++) {
                float g[N + 1], m[N + 1], u[N + 1], x[N + 1], y[N + 1], m0[N], y0[N];
                const float factor = round ? 3 * rnd() : 0.95f, step = steps[round % 5];
                for (size_t i = 0; i <= N; i++) g[i] = rnd(), m[i] = rnd(), u[i] = x[i] = rnd() * step * (i % 3 ? 50.0f : 60000.0f), y[i] = rnd();
                x[0] = 0.0f, x[1] = -0.0f, x[2] = -0.3f * step, x[3] = 0.5f * step, x[4] = -1.5f * step, x[5] = 1e30f, x[6] = -1e30f;
                memcpy(m0, m, sizeof m0), memcpy(y0, y, sizeof y0);
                f->momentum(factor, g, m, u, n);
                for (size_t i = 0; i < n; i++) {
                    const float e = fmaf(factor, m0[i], g[i]), v = fmaf(factor, e, g[i]);
                    assert_memory_equal(&m[i], &e, 4);
                    assert_memory_equal(&u[i], &v, 4);
                }
                f->add_times(factor, x, y, n);
                for (size_t i = 0; i < n; i++) {
                    const float e = fmaf(factor, x[i], y0[i]);
                    assert_memory_equal(&y[i], &e, 4);
                    assert_true(fabs(y[i] - ((double)factor * x[i] + y0[i])) <= 1e-7 * fabs((double)y[i]));
                }
                f->times(factor, x, y, n);
                for (size_t i = 0; i < n; i++) assert_true((double)y[i] == (double)(float)((double)factor * x[i]));
                f->to_steps(step, 32767.0f, x, y, n);
                for (size_t i = 0; i < n; i++) {
                    const float quotient = x[i] / step; /* float, then to even */
                    const double q = quotient > 32767 ? 32767 : quotient < -32767 ? -32767 : rint((double)quotient);
                    const float e = (float)(q * (double)step) + 0.0f;
                    assert_memory_equal(&y[i], &e, 4);
                    assert_true(fabs(q) == 32767 || fabs((double)y[i] - x[i]) <= 0.5000001 * step + 1e-7 * fabs((double)x[i]));
                }
                assert_true(m[N] >= -1 && m[N] <= 1 && y[N] >= -1 && y[N] <= 1); /* nothing past the end */
            }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoding_matches_equation_4), cmocka_unit_test(sine_is_accurate),
        cmocka_unit_test(forward_and_gradient),        cmocka_unit_test(adam_matches_algorithm_1),
        cmocka_unit_test(portable_operations_are_exact), cmocka_unit_test(weights_follow_xavier),
        cmocka_unit_test(wrong_shapes_are_refused),    cmocka_unit_test(polar_keeps_singular_vectors),
        cmocka_unit_test(muon_steps_along_the_direction), cmocka_unit_test(matrix_kernels),
    };
    return cmocka_run_group_tests_name("mlp", tests, NULL, NULL);
}
