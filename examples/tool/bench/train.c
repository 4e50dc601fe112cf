#include <string.h>

#include "bench/bench.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "shell/progress.h"

/* Training: one step, from drawing the samples to new weights. */

static int note_start(void *user, uint32_t step, uint32_t steps) {
    (void)steps;
    if (step == 1) *(double *)user = seconds_now(); /* the first step warms up */
    return 0;
}

int bench_train(bench *b) {
    static const uint32_t batches[2] = { 2048, 65536 }, steps[2] = { 1000, 40 };
    colours c;
    if (colours_make(&c, 512, 512)) return 1;
    for (int i = 0; i < 2; i++) {
        double seconds[BENCH_ROUNDS], shares[BENCH_ROUNDS], flops = 0, start = 0, peak, step, share;
        char key[64];
        for (int r = 0; r < BENCH_ROUNDS; r++) {
            gmlp_train_opts opts;
            gmlp_net net;
            memset(&opts, 0, sizeof opts);
            opts.batch = batches[i];
            opts.iterations = steps[i] + 1;
            opts.threads = b->run;
            opts.progress = note_start;
            opts.progress_user = &start;
            peak = bench_fma_peak(b, GMLP_ISA_AUTO);
            if (gmlp_train(&c.base, &c.wide, &opts, &net, NULL)) return fail("bench", "training failed");
            seconds[r] = (seconds_now() - start) / steps[i];
            peak = (peak + bench_fma_peak(b, GMLP_ISA_AUTO)) / 2;
            /* 6 a weight and sample: forward, and twice backward; the first layer has no gradient to pass on */
            flops = (6.0 * (double)gmlp_mlp_weights(&net.mlp) -
                     2.0 * (double)gmlp_mlp_features(&net.mlp) * net.mlp.width) *
                    batches[i];
            shares[r] = flops / seconds[r] / peak;
            gmlp_net_free(&net);
        }
        step = bench_median(seconds, BENCH_ROUNDS);
        share = bench_median(shares, BENCH_ROUNDS);
        fprintf(
            b->table,
            "training step, batch %5u: %8.3f ms, %6.1f GFLOP/s, %.0f %% of the FMA peak of the same moment (%s, %d threads, median of %d)\n",
            (unsigned)batches[i], 1e3 * step, flops / step / 1e9, 100 * share, gmlp_isa_name(GMLP_ISA_AUTO),
            pool_size(b->workers), BENCH_ROUNDS);
        snprintf(key, sizeof key, "step_%u_seconds", (unsigned)batches[i]);
        json_number(&b->j, key, step);
        snprintf(key, sizeof key, "step_%u_peak_share", (unsigned)batches[i]);
        json_number(&b->j, key, share);
    }
    colours_free(&c);
    return 0;
}
