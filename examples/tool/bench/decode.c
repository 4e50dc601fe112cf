#include <string.h>

#include "bench/bench.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "shell/progress.h"

/* Decoding: every pixel through the network. */

int bench_decode(bench *b) {
    colours c;
    gmlp_train_opts opts;
    gmlp_decode_opts decode;
    gmlp_net net;
    double seconds[BENCH_ROUNDS], rate;
    if (colours_make(&c, 2000, 1500)) return 1;
    memset(&opts, 0, sizeof opts);
    memset(&decode, 0, sizeof decode);
    opts.threads = decode.threads = b->run;
    opts.iterations = 50;
    if (gmlp_train(&c.base, &c.wide, &opts, &net, NULL)) return fail("bench", "training failed");
    for (int r = 0; r < BENCH_ROUNDS; r++) {
        seconds[r] = seconds_now();
        if (gmlp_decode(&net, &c.base, &c.wide, &decode)) return fail("bench", "decoding failed");
        seconds[r] = seconds_now() - seconds[r];
    }
    rate = (double)c.base.width * c.base.height / 1e6 / bench_median(seconds, BENCH_ROUNDS);
    fprintf(
        b->table,
        "decoding, all pixels saturated: %.1f megapixels a second (8-bit sRGB rows to 16-bit ROMM rows, %d threads, median of %d)\n",
        rate, pool_size(b->workers), BENCH_ROUNDS);
    json_number(&b->j, "decode_saturated_megapixels_per_second", rate);
    gmlp_net_free(&net);
    colours_free(&c);
    return 0;
}
