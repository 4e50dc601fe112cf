#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "bench/bench.h"
#include "shell/progress.h"

/* The machine's name, and its own limits, measured beside what they are compared with. */

const char *bench_cpu_name(char text[128]) {
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    snprintf(text, 128, "a processor without a name");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "model name : %127[^\n]", text) == 1) break;
    if (f) fclose(f);
    return text;
}

#define PEAK_STEPS 4000000u
#define FMA_CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

static volatile float sink;

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void fma_avx512(void) {
    const __m512 x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(0.001f);
#define X(i) __m512 a##i = _mm512_set1_ps(1.0f + (float)i);
    FMA_CHAINS(X)
#undef X
    for (unsigned n = 0; n < PEAK_STEPS; n++) {
#define X(i) a##i = _mm512_fmadd_ps(a##i, x, y);
        FMA_CHAINS(X)
#undef X
    }
    __m512 sum = x;
#define X(i) sum = _mm512_add_ps(sum, a##i);
    FMA_CHAINS(X)
#undef X
    sink = _mm512_cvtss_f32(sum);
}

__attribute__((target("avx2,fma"))) static void fma_avx2(void) {
    const __m256 x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(0.001f);
#define X(i) __m256 a##i = _mm256_set1_ps(1.0f + (float)i);
    FMA_CHAINS(X)
#undef X
    for (unsigned n = 0; n < PEAK_STEPS; n++) {
#define X(i) a##i = _mm256_fmadd_ps(a##i, x, y);
        FMA_CHAINS(X)
#undef X
    }
    __m256 sum = x;
#define X(i) sum = _mm256_add_ps(sum, a##i);
    FMA_CHAINS(X)
#undef X
    sink = _mm256_cvtss_f32(sum);
}
#endif

typedef struct peak_kernel {
    void (*run)(void);
    double flops; /* of one run */
} peak_kernel;

/* Of the instruction set that the library takes; other machines get no share. */
static peak_kernel peak_of(int isa) {
    peak_kernel k = { NULL, 0 };
#if defined(__x86_64__)
    const char *name = gmlp_isa_name(isa);
    if (!strcmp(name, "avx512")) k.run = fma_avx512, k.flops = 12.0 * 2 * 16 * PEAK_STEPS;
    if (!strcmp(name, "avx2")) k.run = fma_avx2, k.flops = 12.0 * 2 * 8 * PEAK_STEPS;
#else
    (void)isa;
#endif
    return k;
}

static void peak_job(void *ctx, size_t index) {
    (void)index;
    ((const peak_kernel *)ctx)->run();
}

double bench_fma_peak(const bench *b, int isa) {
    peak_kernel k = peak_of(isa);
    const size_t jobs = (size_t)pool_size(b->workers);
    double start;
    if (!k.run) return NAN;
    start = seconds_now();
    b->run.parallel_for(b->run.user, peak_job, &k, jobs);
    return (double)jobs * k.flops / (seconds_now() - start);
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}
