#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/siren.h"

enum { IN = 2, OUT = 3, W = SIREN_WIDTH, LANES = 64, JOBS = 16 };
enum { W1 = 0, B1 = W1 + IN * W, W2 = B1 + W, B2 = W2 + W * W, W3 = B2 + W, B3 = W3 + OUT * W };

#define OMEGA 30.0f

static double uniform(uint64_t *state) { /* splitmix64, in [-1,1) */
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-52 - 1;
}

static void fill(float *w, size_t n, double bound, uint64_t *state) {
    for (size_t i = 0; i < n; i++) w[i] = (float)(bound * uniform(state));
}

void siren_init(float weights[SIREN_WEIGHTS], uint64_t seed) {
    const double hidden = sqrt(6.0 / W) / OMEGA;
    fill(weights + W1, IN * W, 1.0 / IN, &seed);
    fill(weights + B1, W, 1 / sqrt(IN), &seed);
    fill(weights + W2, W * W, hidden, &seed);
    fill(weights + B2, W, 1 / sqrt(W), &seed);
    fill(weights + W3, OUT * W, hidden, &seed);
    fill(weights + B3, OUT, 1 / sqrt(W), &seed);
}

/* Samples lie in lanes, LANES at a time. */
typedef struct chunk {
    float x[IN][LANES], h1[W][LANES], d1[W][LANES], h2[W][LANES], d2[W][LANES], y[OUT][LANES];
    float back[W][LANES], turned[LANES][W];
} chunk;

/* Compiled for the wider registers too, where there are any; gcc and clang do the rest. */
#define KERNEL static inline __attribute__((always_inline)) void

typedef float vec __attribute__((vector_size(64), aligned(4), may_alias));
enum { VEC = 16 };

/* c[m][n] += a * b[k][n]; a's element (row, i) is a[row * a_row + i * a_column]; n is a multiple of 32. */
KERNEL multiply(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_column, const float *b, float *c) {
    enum { ROWS = 4 };
    for (size_t row = 0; row < m; row += ROWS) {
        const size_t rows = m - row < ROWS ? m - row : ROWS;
        const float *a0 = a + row * a_row, *a1 = rows > 1 ? a0 + a_row : a0; /* rows beyond the last one repeat it */
        const float *a2 = rows > 2 ? a1 + a_row : a1, *a3 = rows > 3 ? a2 + a_row : a2;
        for (size_t column = 0; column < n; column += 2 * VEC) {
            const vec zero = { 0 };
            vec sum[ROWS][2], s00 = zero, s01 = zero, s10 = zero, s11 = zero, s20 = zero, s21 = zero, s30 = zero,
                              s31 = zero;
            for (size_t i = 0; i < k; i++) {
                const vec *x = (const vec *)(const void *)(b + i * n + column);
                const vec x0 = x[0], x1 = x[1];
                const size_t at = i * a_column;
                s00 += a0[at] * x0, s01 += a0[at] * x1;
                s10 += a1[at] * x0, s11 += a1[at] * x1;
                s20 += a2[at] * x0, s21 += a2[at] * x1;
                s30 += a3[at] * x0, s31 += a3[at] * x1;
            }
            sum[0][0] = s00, sum[0][1] = s01, sum[1][0] = s10, sum[1][1] = s11;
            sum[2][0] = s20, sum[2][1] = s21, sum[3][0] = s30, sum[3][1] = s31;
            for (size_t r = 0; r < rows; r++)
                for (int h = 0; h < 2; h++) ((vec *)(void *)(c + (row + r) * n + column))[h] += sum[r][h];
        }
    }
}

/* *sum += a . b over the lanes; b may be NULL: of ones. */
KERNEL add_lanes(const float *a, const float *b, float *sum) {
    float part[VEC] = { 0 };
    for (int i = 0; i < LANES; i += VEC)
        for (int l = 0; l < VEC; l++) part[l] += b ? a[i + l] * b[i + l] : a[i + l];
    for (int l = 0; l < VEC; l++) *sum += part[l];
}

/* Lanes of sin(pi t), t within the range of a small float; error below 1e-6. */
KERNEL sine_pi(const float *t, float *out) {
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number */
    for (int l = 0; l < LANES; l++) {
        const float turns = (t[l] + round) - round, half = 0.5f * turns, odd = half - ((half + round) - round);
        const float r = (t[l] - turns) * 3.14159265f, q = r * r;
        const float p = 1 + q * (-1.0f / 6 +
                                 q * (1.0f / 120 + q * (-1.0f / 5040 + q * (1.0f / 362880 - q * (1.0f / 39916800)))));
        out[l] = r * p * (1 - 8 * odd * odd);
    }
}

/* h = sin(30 z), d = its derivative by z; z is in h. */
KERNEL activate(size_t rows, float (*h)[LANES], float (*d)[LANES]) {
    float t[LANES];
    for (size_t i = 0; i < rows; i++) {
        for (int l = 0; l < LANES; l++) t[l] = h[i][l] * (OMEGA / 3.14159265f);
        sine_pi(t, h[i]);
        for (int l = 0; l < LANES; l++) t[l] += 0.5f;
        sine_pi(t, d[i]);
        for (int l = 0; l < LANES; l++) d[i][l] *= OMEGA;
    }
}

KERNEL layer(size_t rows, size_t in, const float *w, const float *bias, const float *x, float (*out)[LANES]) {
    for (size_t i = 0; i < rows; i++)
        for (int l = 0; l < LANES; l++) out[i][l] = bias[i];
    multiply(rows, LANES, in, w, in, 1, x, out[0]);
}

KERNEL forward(const float *w, chunk *c) {
    layer(W, IN, w + W1, w + B1, c->x[0], c->h1);
    activate(W, c->h1, c->d1);
    layer(W, W, w + W2, w + B2, c->h1[0], c->h2);
    activate(W, c->h2, c->d2);
    layer(OUT, W, w + W3, w + B3, c->h2[0], c->y);
}

KERNEL bias_gradient(size_t rows, float (*delta)[LANES], float *g) {
    for (size_t i = 0; i < rows; i++) add_lanes(delta[i], NULL, g + i);
}

KERNEL turn(float (*x)[LANES], float (*turned)[W]) {
    for (int i = 0; i < W; i++)
        for (int l = 0; l < LANES; l++) turned[l][i] = x[i][l];
}

/* delta = (matrix^T of the layer above) delta_above * d. */
KERNEL backward(size_t above, const float *w, const float *delta_above, float (*d)[LANES], float (*delta)[LANES]) {
    memset(delta, 0, sizeof(float[W][LANES]));
    multiply(W, LANES, above, w, 1, W, delta_above, delta[0]);
    for (int i = 0; i < W; i++)
        for (int l = 0; l < LANES; l++) delta[i][l] *= d[i][l];
}

/* y holds the loss's derivative by the outputs; adds to g. */
KERNEL gradient_of_chunk(const float *w, chunk *c, float *g) {
    turn(c->h2, c->turned);
    multiply(OUT, W, LANES, c->y[0], LANES, 1, c->turned[0], g + W3);
    bias_gradient(OUT, c->y, g + B3);
    backward(OUT, w + W3, c->y[0], c->d2, c->back);
    turn(c->h1, c->turned);
    multiply(W, W, LANES, c->back[0], LANES, 1, c->turned[0], g + W2);
    bias_gradient(W, c->back, g + B2);
    backward(W, w + W2, c->back[0], c->d1, c->h2); /* h2 is done with */
    for (int i = 0; i < W; i++)
        for (int k = 0; k < IN; k++) add_lanes(c->h2[i], c->x[k], g + W1 + i * IN + k);
    bias_gradient(W, c->h2, g + B1);
}

typedef struct kernels {
    void (*forward)(const float *w, chunk *c);
    void (*gradient)(const float *w, chunk *c, float *g);
} kernels;

static void forward_plain(const float *w, chunk *c) { forward(w, c); }
static void gradient_plain(const float *w, chunk *c, float *g) { gradient_of_chunk(w, c, g); }

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f")))
AVX2 static void forward_avx2(const float *w, chunk *c) { forward(w, c); }
AVX2 static void gradient_avx2(const float *w, chunk *c, float *g) { gradient_of_chunk(w, c, g); }
AVX512 static void forward_avx512(const float *w, chunk *c) { forward(w, c); }
AVX512 static void gradient_avx512(const float *w, chunk *c, float *g) { gradient_of_chunk(w, c, g); }
#endif

static kernels choose(void) {
    kernels k = { forward_plain, gradient_plain };
#if defined(__x86_64__)
    if (gmlp_isa_available(GMLP_ISA_AVX512)) k.forward = forward_avx512, k.gradient = gradient_avx512;
    else if (gmlp_isa_available(GMLP_ISA_AVX2)) k.forward = forward_avx2, k.gradient = gradient_avx2;
#endif
    return k;
}

/* A run over all samples: job j takes the chunks j, j + JOBS, ... */
typedef struct run {
    kernels k;
    const float *weights, *xy, *targets;
    size_t n;
    float *out;
    chunk *chunks;    /* one a job */
    float *gradients; /* likewise; NULL: forward only */
    double loss[JOBS];
} run;

static void load(const run *r, size_t first, size_t count, chunk *c) {
    memset(c->x, 0, sizeof c->x);
    for (size_t l = 0; l < count; l++)
        for (int k = 0; k < IN; k++) c->x[k][l] = r->xy[IN * (first + l) + (size_t)k];
}

/* The outputs become the loss's derivative; lanes without a sample have none. */
static double differentiate(const run *r, size_t first, size_t count, chunk *c) {
    const float scale = 2.0f / (OUT * (float)r->n);
    double loss = 0;
    for (int k = 0; k < OUT; k++)
        for (size_t l = 0; l < LANES; l++) {
            const float d = l < count ? c->y[k][l] - r->targets[OUT * (first + l) + (size_t)k] : 0;
            loss += (double)d * d;
            c->y[k][l] = scale * d;
        }
    return loss;
}

static void job(void *ctx, size_t index) {
    run *r = (run *)ctx;
    chunk *c = r->chunks + index;
    for (size_t first = index * LANES; first < r->n; first += (size_t)JOBS * LANES) {
        const size_t count = r->n - first < LANES ? r->n - first : LANES;
        load(r, first, count, c);
        r->k.forward(r->weights, c);
        if (r->gradients) {
            r->loss[index] += differentiate(r, first, count, c);
            r->k.gradient(r->weights, c, r->gradients + index * SIREN_WEIGHTS);
        } else
            for (size_t l = 0; l < count; l++)
                for (int k = 0; k < OUT; k++) r->out[OUT * (first + l) + (size_t)k] = c->y[k][l];
    }
}

static gmlp_result start(run *r, const gmlp_threads *threads) {
    r->k = choose();
    r->chunks = (chunk *)malloc(JOBS * sizeof *r->chunks);
    if (!r->chunks) return GMLP_E_MEMORY;
    threads->parallel_for(threads->user, job, r, JOBS);
    free(r->chunks);
    return GMLP_OK;
}

gmlp_result siren_forward(const float *weights, const float *xy, size_t n, float *out, const gmlp_threads *threads) {
    run r;
    memset(&r, 0, sizeof r);
    r.weights = weights;
    r.xy = xy;
    r.n = n;
    r.out = out;
    return start(&r, threads);
}

gmlp_result siren_gradient(const float *weights, const float *xy, const float *targets, size_t n, double *loss,
                           float gradient[SIREN_WEIGHTS], const gmlp_threads *threads) {
    gmlp_result result;
    run r;
    memset(&r, 0, sizeof r);
    r.weights = weights;
    r.xy = xy;
    r.targets = targets;
    r.n = n;
    r.gradients = (float *)calloc(JOBS * (size_t)SIREN_WEIGHTS, sizeof(float));
    result = r.gradients ? start(&r, threads) : GMLP_E_MEMORY;
    if (!result) {
        *loss = 0;
        memset(gradient, 0, SIREN_WEIGHTS * sizeof(float));
        for (size_t j = 0; j < JOBS; j++) {
            *loss += r.loss[j] / (OUT * (double)n);
            for (size_t i = 0; i < SIREN_WEIGHTS; i++) gradient[i] += r.gradients[j * SIREN_WEIGHTS + i];
        }
    }
    free(r.gradients);
    return result;
}
