#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/methods.h"
#include "shell/json.h"
#include "shell/messages.h"

/* Ideas: preset default with one thing changed, to say what each is worth. */

#define STEPS 1000 /* of preset default */
static const struct {
    const char *name;
    gmlp_train_opts opts;
} ideas[] = {
    { "preset default", { .preset = GMLP_PRESET_DEFAULT } },
    { "Adam instead of Muon", { .optimizer = GMLP_ADAM } },
    { "Adam, 3 times the steps", { .optimizer = GMLP_ADAM, .iterations = 3 * STEPS } },
    { "learning rate level to the end", { .schedule = GMLP_CONSTANT } },
    { "batches of 1024, twice the steps", { .batch = 1024, .iterations = 2 * STEPS } },
    { "batches of 4096, half the steps", { .batch = 4096, .iterations = STEPS / 2 } },
    { "3 times the steps", { .iterations = 3 * STEPS } },
    { "no pixels around: place and colour alone", { .frequencies = { 9, 9, 4, 4, 4 } } },
    { "windows of 3 x 3 alone", { .frequencies = { 9, 9, 4, 4, 4, 3, 3, 3 } } },
    { "windows of 3 x 3 and 15 x 15", { .radius = { 1, 7 } } },
    { "8 bands for colours, too", { .frequencies = { 9, 9, 8, 8, 8, 3, 3, 3, 3, 3, 3 } } },
    { "the published inputs: 12 bands for place and colour", { .frequencies = { 12, 12, 12, 12, 12 } } },
    { "place alone, no colours", { .frequencies = { 9, 9, 0, 0, 0 } } },
    { "colours alone, no place", { .frequencies = { 0, 0, 4, 4, 4, 3, 3, 3, 3, 3, 3 } } },
    { "sine activations", { .activation = GMLP_SINE } },
    { "48 wide, at fewer bits", { .width = 48 } },
    { "64 wide, at fewer bits", { .width = 64 } },
    { "48 wide, at any number of bits", { .width = 48, .budget = 65536 } },
    { "48 wide, half the bytes", { .width = 48, .budget = 2048 } },
    { "margin of 8 codes",
      { .clip_margin = 8, .iterations = STEPS, .batch = 2048 } }, /* a margin alone takes more training */
};
enum { IDEAS = sizeof ideas / sizeof *ideas };

static void row(bench *b, const bench_list *l, size_t k, bench_mean means[BENCH_SETS][IDEAS]) {
    char key[64], text[32], full[128];
    double seconds = 0;
    size_t bytes = 0, count = 0;
    fprintf(b->table, "| %s |", ideas[k].name);
    bench_key(ideas[k].name, key);
    for (int s = 0; s < BENCH_SETS; s++) {
        const bench_mean *m = &means[s][k];
        const double og = bench_mean_of(m, BENCH_OG), first = bench_mean_of(&means[s][0], BENCH_OG);
        if (!l->set[s]) continue;
        if (k) fprintf(b->table, " %+.2f |", og - first);
        else fprintf(b->table, " %s |", bench_number(og, 2, text));
        snprintf(full, sizeof full, "%s%s%s", l->set[s], *l->set[s] ? "_" : "", key);
        json_number(&b->j, full, og);
        seconds += m->sum[BENCH_SECONDS];
        count += m->count[BENCH_SECONDS];
        if (m->bytes > bytes) bytes = m->bytes;
    }
    fprintf(b->table, " %zu | %s s |\n", bytes, bench_number(seconds / (double)count, 2, text));
}

int bench_ideas(bench *b) {
    bench_mean (*means)[IDEAS] = (bench_mean (*)[IDEAS])calloc(BENCH_SETS, sizeof *means);
    bench_list list;
    bench_work work;
    int status = bench_list_open(&list, b->folder);
    if (!means) status = fail("bench", "out of memory");
    bench_work_begin(&work, "ideas", (double)list.count * (BENCH_LOAD_WORK + IDEAS * BENCH_PRESET_WORK));
    for (size_t i = 0; i < list.count && !status; i++) {
        const struct bench_entry *e = &list.entry[i];
        bench_subject s;
        bench_work_part(&work, BENCH_LOAD_WORK);
        status = bench_subject_load(b, e->path, &s);
        for (size_t k = 0; k < IDEAS && !status; k++) {
            gmlp_train_opts opts = ideas[k].opts;
            bench_outcome o;
            if (b->iterations) opts.iterations = b->iterations;
            bench_work_part(&work, BENCH_PRESET_WORK);
            status = bench_network(b, &s, &s.base.image, &opts, &work, &o);
            if (!status) bench_mean_add(&means[e->set][k], &o);
        }
        bench_subject_free(&s);
    }
    bench_work_end(&work);
    if (!status) {
        fprintf(
            b->table,
            "\nPreset default with one thing changed: PSNR out of gamut, mean in dB, then what the change does\n\n| |");
        for (int s = 0; s < BENCH_SETS; s++)
            if (list.set[s]) fprintf(b->table, " %s |", *list.set[s] ? list.set[s] : "pictures");
        fprintf(b->table, " bytes | training |\n|---|");
        for (int s = 0; s < BENCH_SETS; s++)
            if (list.set[s]) fprintf(b->table, "---|");
        fprintf(b->table, "---|---|\n");
        for (size_t k = 0; k < IDEAS; k++) row(b, &list, k, means);
    }
    bench_list_free(&list);
    free(means);
    return status;
}
