/* The general network on photographs that its training did not see: out-of-gamut and other pixels apart, beside plain
   inversion and a network of the photograph's own; and how its solver and its training went, as a plot. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/methods.h"
#include "measure/curves.h"
#include "measure/drawing.h"
#include "shell/files.h"
#include "shell/messages.h"
#include "work/pieces.h"

enum { CLIPPED, EXPANDED, OWN, METHODS };
static const char *const method_names[METHODS] = { "clipped", "expand", "own network" };
#define EXPAND_WORK 1e12 /* a photograph's share of the progress, beside BENCH_PRESET_WORK */

typedef struct expansions {
    bench *b;
    gmlp_letnet net;
    bench_work work;
    double sum[METHODS][2], gain, least; /* out of gamut, and the rest */
    int photographs;
    curve *residuals;
} expansions;

static int read_network(bench *b, gmlp_letnet *net) {
    char error[256];
    uint8_t *bytes;
    size_t size;
    gmlp_error why;
    gmlp_result status;
    if (file_read(b->network, &bytes, &size, error)) return fail("bench", "%s", error);
    status = gmlp_letnet_read(bytes, size, NULL, net, &why);
    free(bytes);
    return status ? fail("bench", "%s: %s", b->network, why.text) : 0;
}

static int expand(const expansions *e, bench_subject *s, bench_outcome *o, gmlp_expand_report *r) {
    gmlp_image out = s->wide.image;
    gmlp_expand_opts opts;
    gmlp_result status;
    bench_clock clock;
    memset(&opts, 0, sizeof opts);
    out.data = s->result;
    out.stride = 0;
    opts.clip_margin = e->b->quality ? 8 : 0; /* as 'expand' has it */
    opts.iterations = e->b->iterations ? (int)e->b->iterations : EXPAND_ITERATIONS;
    opts.threads = e->b->run;
    clock = bench_clock_begin(e->b);
    status = gmlp_expand(&e->net, &s->base.image, &out, &opts, r);
    bench_clock_end(e->b, clock, &o->seconds, &o->normalised);
    if (status) return fail("bench", "%s: %s", s->path, gmlp_result_string(status));
    o->score = bench_subject_score(s);
    return 0;
}

/* PSNR of the pixels that are not out of gamut. */
static double others(const bench_subject *s, bench_score score, size_t out_of_gamut) {
    const double all = (double)s->pixels, og = (double)out_of_gamut;
    const double of_og = out_of_gamut ? og * pow(10, -score.psnr_og / 10) : 0;
    return -10 * log10((all * pow(10, -score.psnr / 10) - of_og) / (all - og));
}

static int photograph(expansions *e, const char *path) {
    bench_outcome o[METHODS];
    bench_subject s;
    gmlp_train_opts own;
    gmlp_expand_report r;
    source light;
    char error[256], name[64], a[32], c[32];
    size_t og = 0, i;
    int failed, k;
    memset(&s, 0, sizeof s);
    memset(&own, 0, sizeof own);
    bench_work_part(&e->work, BENCH_LOAD_WORK);
    if (source_read(path, GMLP_SPACE_NONE, 1, "bench", &light, error)) return fail("bench", "%s", error);
    failed = source_plain(&light, &s.wide.image) ? fail("bench", "out of memory") : 0;
    source_free(&light);
    failed = failed || bench_subject_of(e->b, path, &s) || bench_clip(e->b, &s, &o[CLIPPED]);
    bench_work_part(&e->work, EXPAND_WORK);
    failed = failed || expand(e, &s, &o[EXPANDED], &r);
    bench_work_part(&e->work, BENCH_PRESET_WORK);
    failed = failed || bench_network(e->b, &s, &s.base.image, &own, &e->work, &o[OWN]);
    bench_work_pause(&e->work);
    for (i = 0; i < s.pixels && !failed; i++) og += s.out_of_gamut[i];
    if (!failed) {
        const double gain = o[EXPANDED].score.psnr_og - o[CLIPPED].score.psnr_og;
        bench_name(path, name);
        fprintf(e->b->table, "| %s | %.1f |", name, 100 * (double)og / (double)s.pixels);
        for (k = 0; k < METHODS; k++) {
            const double rest = others(&s, o[k].score, og);
            fprintf(e->b->table, " %s / %s |", bench_number(o[k].score.psnr_og, 2, a), bench_number(rest, 2, c));
            if (og) e->sum[k][0] += o[k].score.psnr_og;
            if (og) e->sum[k][1] += rest;
        }
        fprintf(e->b->table, " %+.2f | %d | %s s |\n", gain, r.iterations,
                bench_number(o[EXPANDED].seconds / ((double)s.pixels * 1e-6), 1, a));
        fflush(e->b->table);
        if (og) { /* a gain is of what was lost */
            curve *t = &e->residuals[e->photographs++];
            e->gain += gain;
            if (gain < e->least) e->least = gain;
            for (t->count = 0; t->count < GMLP_LETNET_MAX_ITERATIONS && r.residual[t->count] > 0; t->count++) {
                t->x[t->count] = (double)t->count + 1;
                t->y[t->count] = log10((double)r.residual[t->count]);
            }
        }
    }
    bench_subject_free(&s);
    return failed;
}

/* The lines of a training's log, whose form is that of expand-train. */
static int read_log(const char *path, curve *mean, curve *least) {
    char error[256], *text, *line, *rest = NULL;
    uint8_t *bytes;
    size_t size;
    if (file_read(path, &bytes, &size, error)) return fail("bench", "%s", error);
    text = (char *)malloc(size + 1);
    if (!text) {
        free(bytes);
        return fail("bench", "out of memory");
    }
    memcpy(text, bytes, size);
    text[size] = 0;
    free(bytes);
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const char *gains = strstr(line, "| mean ");
        double step, m, l;
        if (!gains || sscanf(line, "step %lf", &step) != 1) continue;
        if (sscanf(gains, "| mean %lf, least %lf", &m, &l) != 2) continue;
        if (mean->count == CURVE_POINTS) break;
        mean->x[mean->count] = least->x[least->count] = step;
        mean->y[mean->count++] = m;
        least->y[least->count++] = l;
    }
    free(text);
    if (mean->count) return 0;
    return fail("bench", "%s: no line of it has the gains of photographs (expand-train --test)", path);
}

static int plot(const expansions *e, const curve *of_log, drawing *d) {
    const curves panels[2] = {
        { "The solver", "iteration", "log10 of |F(z) - z| / |F(z)|, a line a photograph", e->residuals,
          (size_t)e->photographs },
        { "The training", "step", "dB over plain inversion, pieces of the held-out photographs", of_log, 2 }
    };
    char error[256];
    drawing_begin(d, 960, 340);
    curves_draw(d, panels, e->b->log ? 2 : 1);
    return drawing_commit(d, error) ? fail("bench", "%s", error) : 0;
}

static int all(expansions *e, const source_names *names) {
    FILE *table = e->b->table;
    char a[32], c[32];
    int i, k;
    fprintf(table,
            "PSNR in linear ProPhoto, peak 1: out of gamut / all other pixels, dB. Base: %s.\n\n| photograph | OG %% |",
            e->b->quality ? "JPEG, decoded" : "8-bit sRGB, lossless");
    for (k = 0; k < METHODS; k++) fprintf(table, " %s |", method_names[k]);
    fprintf(table, " gain | iterations | a megapixel |\n|---|---|---|---|---|---|---|---|\n");
    bench_work_begin(&e->work, "photographs", (EXPAND_WORK + BENCH_PRESET_WORK) * names->count);
    for (i = 0; i < names->count; i++)
        if (photograph(e, names->name[i])) return 1;
    bench_work_end(&e->work);
    if (!e->photographs) return fail("bench", "none of the photographs has a pixel out of gamut");
    fprintf(table, "| mean | |");
    for (k = 0; k < METHODS; k++)
        fprintf(table, " %s / %s |", bench_number(e->sum[k][0] / e->photographs, 2, a),
                bench_number(e->sum[k][1] / e->photographs, 2, c));
    fprintf(table, " %+.2f | | |\n\nThe least gain is %+.2f dB.\n", e->gain / e->photographs, e->least);
    json_integer(&e->b->j, "photographs", (uint64_t)e->photographs);
    for (k = 0; k < METHODS; k++) {
        static const char *const keys[METHODS] = { "clip", "expand", "own" };
        char key[64];
        snprintf(key, sizeof key, "mean_psnr_og_%s", keys[k]);
        json_number(&e->b->j, key, e->sum[k][0] / e->photographs);
        snprintf(key, sizeof key, "mean_psnr_rest_%s", keys[k]);
        json_number(&e->b->j, key, e->sum[k][1] / e->photographs);
    }
    json_number(&e->b->j, "gain_mean", e->gain / e->photographs);
    json_number(&e->b->j, "gain_least", e->least);
    return 0;
}

int bench_expand(bench *b) {
    expansions e;
    source_names names;
    char error[256];
    drawing d;
    curve *of_log = (curve *)calloc(2, sizeof *of_log);
    int failed;
    memset(&e, 0, sizeof e);
    memset(&d, 0, sizeof d);
    e.b = b;
    e.least = INFINITY;
    failed = source_names_read(b->folder, &names, error) ? fail("bench", "%s", error) : 0;
    e.residuals = (curve *)calloc((size_t)names.count + 1, sizeof *e.residuals);
    if (!failed && (!e.residuals || !of_log)) failed = fail("bench", "out of memory");
    if (!failed) failed = read_network(b, &e.net);
    if (!failed && b->log) {
        of_log[0].name = "mean";
        of_log[1].name = "least";
        failed = read_log(b->log, &of_log[0], &of_log[1]);
    }
    if (!failed && b->plot && drawing_open(&d, b->plot, error)) failed = fail("bench", "%s", error);
    if (!failed) failed = all(&e, &names);
    if (!failed && b->plot) failed = plot(&e, of_log, &d);
    drawing_discard(&d);
    gmlp_letnet_free(&e.net);
    source_names_free(&names);
    free(e.residuals);
    free(of_log);
    return failed;
}
