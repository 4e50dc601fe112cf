/* The library as a shared object for tests/pytorch.py, with two calls that ctypes can make. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include "examples/tool/pool.h"
#include <time.h>

/* Preset paper with a shorter schedule, decoded into out. */
int gmlp_test_paper(const gmlp_image *base, const gmlp_image *wide, uint32_t iterations, uint32_t batch, const gmlp_image *out);
int gmlp_test_paper(const gmlp_image *base, const gmlp_image *wide, uint32_t iterations, uint32_t batch, const gmlp_image *out) {
    gmlp_train_opts opts = {GMLP_PRESET_PAPER};
    gmlp_net net;
    opts.iterations = iterations;
    opts.batch = batch;
    gmlp_result result = gmlp_train(base, wide, &opts, &net, NULL);
    if (!result) result = gmlp_decode(&net, base, out, NULL);
    gmlp_net_free(&net);
    return (int)result;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double first_step;
static int note_first(void *user, uint32_t step, uint32_t steps) {
    (void)user, (void)steps;
    if (step == 1) first_step = now();
    return 0;
}

/* Seconds for one training step of the default network on two threads. */
double gmlp_test_step(uint32_t batch, uint32_t steps);
double gmlp_test_step(uint32_t batch, uint32_t steps) {
    enum { W = 512, H = 512 };
    static uint8_t base[H * W * 3];
    static uint16_t wide[H * W * 3];
    gmlp_image b = {base, W, H, 0, GMLP_U8, 3, GMLP_SRGB}, w = {wide, W, H, 0, GMLP_U16, 3, GMLP_PROPHOTO};
    gmlp_train_opts opts = {0};
    gmlp_net net;
    pool *threads = pool_create(2);
    for (size_t i = 0; i < (size_t)W * H; i++) { /* saturated greens of every shade */
        wide[3 * i] = (uint16_t)(i % 211 * 40);
        wide[3 * i + 1] = (uint16_t)(20000 + i % 509 * 80);
        wide[3 * i + 2] = (uint16_t)(i % 307 * 30);
    }
    gmlp_reduce(&w, &b, NULL, NULL);
    opts.batch = batch;
    opts.iterations = steps + 1;
    opts.threads = pool_threads(threads);
    opts.progress = note_first;
    gmlp_train(&b, &w, &opts, &net, NULL);
    const double seconds = (now() - first_step) / steps;
    gmlp_net_free(&net);
    pool_free(threads);
    return seconds;
}
