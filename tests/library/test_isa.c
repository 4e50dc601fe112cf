/* The promise that the bytes never depend on how they were computed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fenv.h>
#include <pthread.h>

#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"
#include "tests/fingerprint.h"

static const gmlp_threads no_threads = {NULL, NULL};
static fingerprint *reference; /* portable C on one thread */

static int setup(void **state) {
    (void)state;
    reference = make_fingerprint(GMLP_ISA_SCALAR, no_threads);
    return reference->result != GMLP_OK;
}

static int teardown(void **state) {
    (void)state;
    free(reference);
    return 0;
}

static void same(fingerprint *f) {
    int i;
    assert_string_equal(gmlp_result_string(f->result), "success");
    assert_int_equal(f->report.out_of_gamut, reference->report.out_of_gamut);
    assert_int_equal(f->report.saturated, reference->report.saturated);
    assert_memory_equal(f->codes, reference->codes, sizeof f->codes);
    assert_memory_equal(f->mask, reference->mask, sizeof f->mask);
    assert_memory_equal(f->pq_half, reference->pq_half, sizeof f->pq_half);
    for (i = 0; i < FINGERPRINTS; i++) {
        assert_memory_equal(&f->loss[i], &reference->loss[i], sizeof f->loss[i]);
        assert_int_equal(f->blob_size[i], reference->blob_size[i]);
        assert_memory_equal(f->blob[i], reference->blob[i], sizeof f->blob[i]);
        assert_memory_equal(f->wide16[i], reference->wide16[i], sizeof f->wide16[i]);
    }
    assert_memory_equal(f->wide32, reference->wide32, sizeof f->wide32);
    free(f);
}

/* The picture is worth comparing: it has pixels of both kinds, and training changed something. */
static void test_reference(void **state) {
    size_t i, nets_differ = 0;
    (void)state;
    assert_in_range(reference->report.out_of_gamut, PICTURE_PIXELS / 10, PICTURE_PIXELS * 9 / 10);
    for (i = 0; i < PICTURE_PIXELS * 3; i++) nets_differ += reference->wide16[0][i] != reference->wide16[1][i];
    assert_true(nets_differ > PICTURE_PIXELS / 10);
}

static void test_instruction_sets(void **state) {
    int isa, tried = 0;
    (void)state;
    for (isa = GMLP_ISA_AUTO; isa <= GMLP_ISA_WASM; isa++) {
        if (!gmlp_isa_available(isa)) continue;
        print_message("           %d: %s\n", isa, gmlp_isa_name(isa));
        same(make_fingerprint(isa, no_threads));
        tried++;
    }
    assert_true(tried >= 2);
}

/* A float of a few kinds: any, with few bits, next to such a one. Its exponent's bits are first to first + 3. */
static float odd_float(uint32_t *r, uint32_t first) {
    uint32_t bits;
    float v;
    *r = *r * 1664525u + 1013904223u;
    bits = (*r >> 8) & 0x7fffffu;
    *r = *r * 1664525u + 1013904223u;
    if (*r >> 30 == 1) bits &= 0x700000u;
    if (*r >> 30 == 2) bits = (bits & 0x700000u) + (*r >> 8 & 3u);
    if (*r >> 30 == 3) bits = (0u - (*r >> 8 & 3u)) & 0x7fffffu;
    bits |= (first + (*r >> 12 & 3u)) << 23 | (*r >> 20 & 1u) << 31;
    if (!(*r >> 21 & 63u)) bits &= 0x80000000u;
    memcpy(&v, &bits, 4);
    return v;
}

/* Products and sums are rounded once, where the instruction set has no such instruction, too. */
static void test_fused(void **state) {
    uint32_t r = 1, fused = 0, tiny = 0;
    int isa, i, k;
    (void)state;
    for (k = 0; k < 100000; k++) {
        /* products of about half of what the last bit of y is worth; near the least normal float */
        const int small = k % 4 == 3;
        const float f = odd_float(&r, small ? 52 : 126);
        float x[16], y[16], want[16], got[16];
        for (i = 0; i < 16; i++) {
            x[i] = odd_float(&r, small ? 50 : 101);
            y[i] = odd_float(&r, small ? 0 : 126);
            want[i] = y[i];
        }
        gmlp__kernels_scalar.add_times(f, x, want, 16);
        for (i = 0; i < 16; i++) {
            const double twice = (double)f * (double)x[i] + (double)y[i];
            const float v = (float)twice;
            fused += v != want[i];
            tiny += want[i] != 0.0f && want[i] < 1e-38f && want[i] > -1e-38f;
        }
        for (isa = GMLP_ISA_AVX2; isa <= GMLP_ISA_WASM; isa++) {
            if (!gmlp_isa_available(isa)) continue;
            memcpy(got, y, sizeof got);
            gmlp__select(isa)->add_times(f, x, got, 16);
            assert_memory_equal(got, want, sizeof got);
        }
    }
    assert_true(fused > 20); /* cases where two roundings would have shown */
    assert_true(tiny > 1000);
}

/* Hooks: the indices backwards, shuffled, and on real threads. */
static size_t runs_of_several;

static void run_backwards(void *user, void (*job)(void *, size_t), void *ctx, size_t count) {
    (void)user;
    runs_of_several++;
    while (count--) job(ctx, count);
}

static void run_shuffled(void *user, void (*job)(void *, size_t), void *ctx, size_t count) {
    size_t step = 7919 % count, i, at = count / 2; /* a step without a common factor visits all */
    (void)user;
    runs_of_several++;
    for (;; step++) {
        size_t a = count, b = step;
        while (b) { const size_t c = a % b; a = b; b = c; }
        if (a == 1) break;
    }
    for (i = 0; i < count; i++, at = (at + step) % count) job(ctx, at);
}

typedef struct pool {
    size_t threads;
    pthread_mutex_t lock;
    void (*job)(void *, size_t);
    void *ctx;
    size_t next, count;
} pool;

static void *work(void *user) {
    pool *p = (pool *)user;
    for (;;) {
        size_t i;
        pthread_mutex_lock(&p->lock);
        i = p->next++;
        pthread_mutex_unlock(&p->lock);
        if (i >= p->count) return NULL;
        p->job(p->ctx, i);
    }
}

static void run_threads(void *user, void (*job)(void *, size_t), void *ctx, size_t count) {
    pool *p = (pool *)user;
    pthread_t id[8];
    size_t i;
    runs_of_several++;
    p->job = job;
    p->ctx = ctx;
    p->next = 0;
    p->count = count;
    for (i = 1; i < p->threads; i++)
        if (pthread_create(&id[i], NULL, work, p)) abort();
    work(p);
    for (i = 1; i < p->threads; i++) pthread_join(id[i], NULL);
}

static void test_threads(void **state) {
    static const size_t counts[] = {1, 2, 3, 7};
    gmlp_threads hook = {NULL, run_backwards};
    size_t i;
    (void)state;
    runs_of_several = 0;
    same(make_fingerprint(GMLP_ISA_AUTO, hook));
    assert_true(runs_of_several > 0);
    hook.parallel_for = run_shuffled;
    same(make_fingerprint(GMLP_ISA_AUTO, hook));
    for (i = 0; i < sizeof counts / sizeof *counts; i++) {
        pool p;
        memset(&p, 0, sizeof p);
        p.threads = counts[i];
        pthread_mutex_init(&p.lock, NULL);
        hook.user = &p;
        hook.parallel_for = run_threads;
        same(make_fingerprint(GMLP_ISA_AUTO, hook));
        pthread_mutex_destroy(&p.lock);
    }
}

/* A caller that rounds otherwise or flushes denormals gets the same bytes, and its own state back. */
static void in_state(int rounding, int flush) {
    fingerprint *f[2];
    int i, kept;
    fesetround(rounding);
#ifdef GMLP__X64
    if (flush) _mm_setcsr(_mm_getcsr() | 0x8040u); /* FTZ and DAZ */
#endif
    f[0] = make_fingerprint(GMLP_ISA_AUTO, no_threads);
    f[1] = make_fingerprint(GMLP_ISA_SCALAR, no_threads);
    kept = fegetround() == rounding;
#ifdef GMLP__X64
    kept = kept && (_mm_getcsr() & 0x8040u) == (flush ? 0x8040u : 0);
    _mm_setcsr(_mm_getcsr() & ~0x8040u);
#endif
    fesetround(FE_TONEAREST);
    for (i = 0; i < 2; i++) same(f[i]);
    assert_true(kept);
}

static void test_rounding_mode(void **state) {
    (void)state;
    in_state(FE_UPWARD, 0);
    in_state(FE_DOWNWARD, 1);
    in_state(FE_TOWARDZERO, 0);
    in_state(FE_TONEAREST, 1);
}

/* Any cut of the picture decodes to the same pixels as the whole. */
static void test_tiling(void **state) {
    static const uint32_t cuts[][4] = {{0, 0, 1, 1}, {60, 36, 1, 1}, {0, 5, 61, 1}, {13, 0, 17, 37}, {7, 11, 16, 9}, {44, 3, 15, 33}};
    uint16_t tile[PICTURE_PIXELS * 3];
    gmlp_net net;
    size_t i, isa;
    (void)state;
    assert_int_equal(gmlp_blob_read(reference->blob[0], reference->blob_size[0], NULL, &net, NULL), GMLP_OK);
    for (isa = GMLP_ISA_AUTO; isa <= GMLP_ISA_WASM; isa++)
        for (i = 0; gmlp_isa_available((int)isa) && i < sizeof cuts / sizeof *cuts; i++) {
            const uint32_t x = cuts[i][0], y = cuts[i][1], w = cuts[i][2], h = cuts[i][3];
            gmlp_image base = {reference->codes, PICTURE_W, PICTURE_H, 0, GMLP_U8, 3, GMLP_SRGB, 0};
            gmlp_image out = {tile, w, h, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
            gmlp_decode_opts opts;
            uint32_t row;
            memset(&opts, 0, sizeof opts);
            opts.x = x;
            opts.y = y;
            opts.decoder.isa = (int)isa;
            assert_int_equal(gmlp_decode(&net, &base, &out, &opts), GMLP_OK);
            for (row = 0; row < h; row++)
                assert_memory_equal(tile + row * w * 3, reference->wide16[0] + ((y + row) * PICTURE_W + x) * 3, w * 6);
        }
    gmlp_net_free(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),   cmocka_unit_test(test_instruction_sets), cmocka_unit_test(test_fused),
        cmocka_unit_test(test_threads),     cmocka_unit_test(test_rounding_mode),    cmocka_unit_test(test_tiling),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
