#include <stdlib.h>
#include <string.h>

#include "bench/methods.h"
#include "shell/files.h"
#include "shell/json.h"
#include "shell/messages.h"

/* The comparisons of the GamutMLP paper (Le, Price, Cohen, Brown, CVPR 2023): table 1 without the networks that
   are trained on other pictures, table 2, figure 8. */

typedef enum row_kind { CLIP, SOFT_CLIP, SAMPLED, SIREN, NETWORK, META, PRESET } row_kind;

typedef struct row {
    const char *name, *key;
    int kind;          /* row_kind */
    int width;         /* of a network; META: also which start */
    int without;       /* of the inputs: 1: no x and y, 2: no colours */
    int preset;
    int known;
    bench_mean mean;
} row;

enum { MOST = 32, INPUTS = 5, BANDS = 12 }; /* the five inputs of the paper */

typedef struct table {
    bench *b;
    bench_list list;
    bench_work work;
    gmlp_net start[2]; /* of width 32 and 64 */
    row rows[MOST];
    size_t count;
} table;

static row *add(table *t, const char *name, const char *key, int kind) {
    row *r = &t->rows[t->count++];
    memset(r, 0, sizeof *r);
    r->name = name;
    r->key = key;
    r->kind = kind;
    return r;
}

static row *add_network(table *t, const char *name, const char *key, int kind, int width, int without) {
    row *r = add(t, name, key, kind);
    r->width = width;
    r->without = without;
    return r;
}

/* One picture, one method. */

static int measure(table *t, const row *r, bench_subject *s, bench_outcome *o) {
    gmlp_train_opts opts;
    memset(&opts, 0, sizeof opts);
    opts.preset = r->preset;
    opts.iterations = t->b->iterations;
    switch (r->kind) {
        case CLIP: return bench_clip(t->b, s, o);
        case SOFT_CLIP: return bench_soft_clip(t->b, s, o);
        case SAMPLED: return bench_sampled(t->b, s, o);
        case SIREN:
            bench_work_part(&t->work, bench_siren_work(t->b->siren_steps));
            return bench_siren(t->b, s, &t->work, o);
        case PRESET:
            bench_work_part(&t->work, BENCH_PRESET_WORK);
            return bench_network(t->b, s, &s->base.image, &opts, &t->work, o);
        default: break;
    }
    opts.preset = GMLP_PRESET_PAPER;
    opts.width = r->width;
    for (int k = 0; k < INPUTS && r->without; k++) opts.frequencies[k] = (k < 2) == (r->without == 1) ? 0 : BANDS;
    if (r->kind == NETWORK) return bench_counts(t->b, s, &opts, &t->work, o, NULL);
    opts.start = &t->start[r->width == 64];
    opts.iterations = t->b->counts[0]; /* the fewest */
    bench_work_part(&t->work, bench_paper_work(r->width, opts.iterations));
    return bench_network(t->b, s, &s->base.image, &opts, &t->work, o);
}

static double work_of(const table *t, const row *r) {
    const bench *b = t->b;
    double work = BENCH_LOAD_WORK;
    if (r->kind == SIREN) work += bench_siren_work(b->siren_steps);
    else if (r->kind == PRESET) work += BENCH_PRESET_WORK;
    else if (r->kind == META) work += bench_paper_work(r->width, b->counts[0]);
    else if (r->kind == NETWORK)
        for (size_t i = 0; i < b->count; i++) work += bench_paper_work(r->width, b->counts[i]);
    return work * (double)t->list.count;
}

/* Tables. */

static void print_row(const table *t, const row *r) {
    char n[5][32], bytes[32] = "-", seconds[48] = "-";
    if (r->mean.bytes) snprintf(bytes, sizeof bytes, "%zu", r->mean.bytes);
    if (r->mean.count[BENCH_SECONDS])
        snprintf(seconds, sizeof seconds, "%s s", bench_number(bench_mean_of(&r->mean, BENCH_SECONDS), 2, n[4]));
    fprintf(t->b->table, "| %s | %s | %s | %s | %s | %s | %s |\n", r->name, bytes,
            bench_number(bench_mean_of(&r->mean, BENCH_RMSE), 4, n[0]),
            bench_number(bench_mean_of(&r->mean, BENCH_RMSE_OG), 4, n[1]),
            bench_number(bench_mean_of(&r->mean, BENCH_ALL), 2, n[2]),
            bench_number(bench_mean_of(&r->mean, BENCH_OG), 2, n[3]), seconds);
    fflush(t->b->table);
}

static void heading(const table *t, const char *text) {
    fprintf(t->b->table,
            "\n%s\n\n| method | bytes | RMSE | RMSE OG | PSNR | PSNR OG | training |\n|---|---|---|---|---|---|---|\n",
            text);
}

/* Measures a row, if that has not been done, and prints it. */
static int print(table *t, row *r) {
    for (size_t i = 0; i < t->list.count && !r->known; i++) {
        bench_outcome o;
        bench_subject s;
        int failed;
        bench_work_part(&t->work, BENCH_LOAD_WORK);
        failed = bench_subject_load(t->b, t->list.entry[i].path, &s) || measure(t, r, &s, &o);
        bench_subject_free(&s);
        if (failed) {
            bench_work_pause(&t->work);
            return 1;
        }
        bench_mean_add(&r->mean, &o);
    }
    bench_work_pause(&t->work);
    r->known = 1;
    print_row(t, r);
    return 0;
}

static int run(table *t) {
    static const char *const start_names[2] = { "MLP (32) + enc. + meta start", "MLP (64) + enc. + meta start" };
    static const char *const start_keys[2] = { "mlp_32_meta", "mlp_64_meta" };
    bench *b = t->b;
    row *table1, *small, *large, *xy, *rgb, *w16, *w128;
    double all = 0;
    size_t first;
    table1 = add(t, "clip", "clip", CLIP);
    add(t, "soft clip", "soft_clip", SOFT_CLIP);
    add(t, "ProPhoto-Sampled", "sampled", SAMPLED);
    add(t, "SIREN (small), residual", "siren", SIREN);
    large = add_network(t, "MLP (64) + enc.", "mlp_64", NETWORK, 64, 0);
    small = add_network(t, "MLP (32) + enc.", "mlp_32", NETWORK, 32, 0);
    for (int k = 1; k >= 0; k--)
        if (b->start[k]) add_network(t, start_names[k], start_keys[k], META, k ? 64 : 32, 0);
    for (size_t k = 0; k < bench_preset_count; k++)
        add(t, bench_presets[k].name, bench_presets[k].name, PRESET)->preset = bench_presets[k].preset;
    first = t->count;
    xy = add_network(t, "MLP (32), xy", "mlp_32_xy", NETWORK, 32, 2);
    rgb = add_network(t, "MLP (32), RGB", "mlp_32_rgb", NETWORK, 32, 1);
    w16 = add_network(t, "MLP (16) + enc.", "mlp_16", NETWORK, 16, 0);
    w128 = add_network(t, "MLP (128) + enc.", "mlp_128", NETWORK, 128, 0);
    for (size_t k = 0; k < t->count; k++) all += work_of(t, &t->rows[k]);
    bench_work_begin(&t->work, "comparisons", all);
    heading(t, "Table 1. Ways to recover the colours");
    for (row *r = table1; r < t->rows + first; r++)
        if (print(t, r)) return 1;
    heading(t, "Table 2. Inputs of the network");
    if (print(t, xy) || print(t, rgb) || print(t, small)) return 1;
    heading(t, "Figure 8. Widths of the hidden layers");
    if (print(t, w16) || print(t, small) || print(t, large) || print(t, w128)) return 1;
    return 0;
}

static void json_means(const table *t) {
    static const char *const what[] = { "mean_psnr",          "mean_psnr_og",
                                        "mean_train_seconds", "mean_train_seconds_normalised",
                                        "mean_rmse",          "mean_rmse_og" };
    char key[128];
    json_integer(&t->b->j, "pictures", t->list.count);
    for (size_t i = 0; i < t->count; i++) {
        const row *r = &t->rows[i];
        snprintf(key, sizeof key, "bytes_%s", r->key);
        json_integer(&t->b->j, key, r->mean.bytes);
        for (int k = 0; k < BENCH_MEANS; k++) {
            if ((k == BENCH_SECONDS || k == BENCH_NORMALISED) && !r->mean.count[k]) continue;
            snprintf(key, sizeof key, "%s_%s", what[k], r->key);
            json_number(&t->b->j, key, bench_mean_of(&r->mean, k));
        }
    }
}

static int read_start(const char *path, int width, gmlp_net *net) {
    uint8_t *bytes;
    size_t size;
    gmlp_error why;
    char error[256];
    int bands_differ = 0;
    gmlp_result result;
    memset(&why, 0, sizeof why);
    if (file_read(path, &bytes, &size, error)) return fail("bench", "%s", error);
    result = gmlp_blob_read(bytes, size, NULL, net, &why);
    free(bytes);
    if (result) return fail("bench", "%s: %s", path, why.text ? why.text : gmlp_result_string(result));
    for (int k = 0; k < GMLP_INPUTS; k++) bands_differ |= net->mlp.frequencies[k] != (k < INPUTS ? BANDS : 0);
    if (net->method != GMLP_METHOD_RESIDUAL || net->inputs != GMLP_INPUT_WIDE || net->mlp.activation != GMLP_RELU ||
        net->mlp.bias != GMLP_BIAS_FIRST || net->mlp.width != width || bands_differ)
        return fail("bench", "%s: is not a network of preset paper, %d wide", path, width);
    return 0;
}

static void introduction(const table *t) {
    const bench *b = t->b;
    FILE *f = b->table;
    fprintf(
        f,
        "The comparisons of the GamutMLP paper on %zu pictures: linear ProPhoto, peak 1, means of the pictures' own values;\n"
        "OG: pixels out of the sRGB gamut. Base: ",
        t->list.count);
    if (b->quality) fprintf(f, "JPEG, quality %d, %s, decoded.\n", b->quality, bench_chroma(b));
    else fprintf(f, "8-bit sRGB, lossless.\n");
    fprintf(f, "Left out: networks trained on other pictures (pix2pix, pix2pixHD, ASAPNet, GamutNet).\n"
               "ProPhoto-Sampled: 16-bit pixels on a uniform grid; a polynomial of degree 4, linear to linear.\n"
               "SIREN (small): 2-128-128-3, sine activations, Adam 1e-4, %u steps of 8192 pixels.\n"
               "MLP: preset paper at several widths;", (unsigned)b->siren_steps);
    if (b->count > 1) fprintf(f, " the best OG PSNR of");
    for (size_t i = 0; i < b->count; i++) fprintf(f, "%s %u", i ? "," : "", (unsigned)b->counts[i]);
    fprintf(f, " iterations from random weights.");
    if (b->start[0] || b->start[1]) fprintf(f, " From a meta start: %u.", (unsigned)b->counts[0]);
    fprintf(f, "\n");
    for (int k = 0; k < 2; k++)
        if (!b->start[k])
            fprintf(f, "MLP (%d) from a meta start: left out, for no --start%d is given.\n", 32 << k, 32 << k);
}

int bench_paper(bench *b) {
    table *t = (table *)calloc(1, sizeof *t);
    int status;
    if (!t) return fail("bench", "out of memory");
    t->b = b;
    status = bench_list_open(&t->list, b->folder);
    for (int k = 0; k < 2 && !status; k++)
        if (b->start[k]) status = read_start(b->start[k], 32 << k, &t->start[k]);
    if (!status) {
        introduction(t);
        status = run(t);
    }
    if (!status) json_means(t);
    gmlp_net_free(&t->start[0]);
    gmlp_net_free(&t->start[1]);
    bench_list_free(&t->list);
    free(t);
    return status;
}
