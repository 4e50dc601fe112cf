/* The library as a shared object for tests/pytorch.py, with one call that is awkward from Python. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include "shell/pool.h"

/* Preset paper with a schedule of its own, decoded into out. */
int gmlp_test_paper(const gmlp_image *base, const gmlp_image *wide, uint32_t iterations, uint32_t batch, const gmlp_image *out);
int gmlp_test_paper(const gmlp_image *base, const gmlp_image *wide, uint32_t iterations, uint32_t batch, const gmlp_image *out) {
    gmlp_train_opts opts = {0};
    gmlp_net net;
    pool *threads = pool_create(2);
    gmlp_result result;
    opts.preset = GMLP_PRESET_PAPER;
    opts.iterations = iterations;
    opts.batch = batch;
    opts.threads = pool_threads(threads);
    result = gmlp_train(base, wide, &opts, &net, NULL);
    if (!result) result = gmlp_decode(&net, base, out, NULL);
    gmlp_net_free(&net);
    pool_free(threads);
    return (int)result;
}
