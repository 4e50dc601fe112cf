#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bases.h"
#include "bench/methods.h"
#include "measure/chart.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "work/base.h"

/* Rate: what each method gives back, by bytes and by seconds. */

static const struct {
    const char *name;
    size_t bytes;
} budgets[] = { { "JPEG 2 KB", 2048 }, { "JPEG 4 KB", 4096 }, { "JPEG 10 KB", 10240 }, { "JPEG 23 KB", 23552 } };

enum { BUDGETS = sizeof budgets / sizeof *budgets };
enum { SYCC_QUALITY = 95 }; /* of the JPEG whose Y'CbCr is shown beside a lossless base */
enum { CLIP, SOFT, SYCC, PAPER, PRESETS, MOST = 32 }; /* columns; from PRESETS on the presets, then the JPEGs */

typedef struct rates {
    bench *b;
    bench_list list;
    bench_work work;
    bench_base *bases;                        /* of a JPEG, BENCH_BASES a picture; NULL: the base is lossless */
    const char *name[MOST];
    size_t columns, jpegs;                    /* the first JPEG's column */
    bench_mean set[BENCH_SETS][MOST], all[MOST];
    bench_mean counts[BENCH_SETS][BENCH_MAX_COUNTS], all_counts[BENCH_MAX_COUNTS];
    size_t level[MOST];                       /* pictures on which a column is not below PAPER */
} rates;

static void name_columns(rates *r) {
    r->name[CLIP] = "clip";
    r->name[SOFT] = "soft clip";
    r->name[SYCC] = "sYCC JPEG";
    r->name[PAPER] = "paper";
    r->columns = PRESETS;
    for (size_t i = 0; i < bench_preset_count; i++) r->name[r->columns++] = bench_presets[i].name;
    r->jpegs = r->columns;
    for (size_t i = 0; i < BUDGETS; i++) r->name[r->columns++] = budgets[i].name;
}

/* What a JPEG's Y'CbCr holds, beside a lossless base. */
static int sycc_jpeg(const bench *b, bench_subject *s, bench_outcome *o) {
    picture base;
    const int failed = bench_sycc(b, s, SYCC_QUALITY, &base) || bench_alone(s, &base.image, o);
    picture_free(&base);
    return failed;
}

static int presets(rates *r, bench_subject *s, const gmlp_image *base, bench_outcome *o) {
    bench *b = r->b;
    gmlp_train_opts opts;
    memset(&opts, 0, sizeof opts);
    opts.iterations = b->iterations;
    opts.clip_margin = base_clip_margin(base->space, b->subsample);
    for (size_t i = 0; i < bench_preset_count; i++) {
        bench_work_part(&r->work, BENCH_PRESET_WORK);
        opts.preset = bench_presets[i].preset;
        opts.budget = bench_presets[i].budget;
        if (bench_network(b, s, base, &opts, &r->work, &o[i])) return 1;
    }
    return 0;
}

/* bases: of this picture. */
static int measure(rates *r, bench_subject *s, bench_base *bases, bench_outcome *o, bench_outcome *counts) {
    bench *b = r->b;
    size_t bytes[BUDGETS];
    gmlp_train_opts opts;
    bench_work_part(&r->work, BENCH_LOAD_WORK);
    if (bench_clip(b, s, &o[CLIP]) || bench_soft_clip(b, s, &o[SOFT])) return 1;
    if (b->quality) {
        picture chosen;
        const int failed = bench_bases(b, s, &r->work, bases, &chosen) ||
                           presets(r, s, &chosen.image, o + PRESETS);
        picture_free(&chosen);
        if (failed) return 1;
        /* checked: where there is a quality there are bases */
        o[SYCC] = bases[FITTED_SYCC].alone;
    } else if (sycc_jpeg(b, s, &o[SYCC]) || presets(r, s, &s->base.image, o + PRESETS)) return 1;
    bench_work_part(&r->work, BENCH_PRESET_WORK);
    for (size_t i = 0; i < BUDGETS; i++) bytes[i] = budgets[i].bytes;
    if (bench_residual(s, bytes, BUDGETS, o + r->jpegs)) return 1;
    memset(&opts, 0, sizeof opts);
    opts.preset = GMLP_PRESET_PAPER;
    return bench_counts(b, s, &opts, &r->work, &o[PAPER], counts);
}

static double work_of(const bench *b) {
    double work = 2 * BENCH_LOAD_WORK + (1 + (double)bench_preset_count) * BENCH_PRESET_WORK;
    if (b->quality) work += BENCH_BASES_WORK;
    for (size_t i = 0; i < b->count; i++) work += bench_paper_work(32, b->counts[i]);
    return work;
}

/* The table. */

static void row_begin(rates *r, const char *name) { fprintf(r->b->table, "| %s |", name); }
static void row_end(rates *r) {
    fprintf(r->b->table, "\n");
    fflush(r->b->table);
}

static void pair(rates *r, double all, double og) {
    char a[32], o[32];
    fprintf(r->b->table, " %s / %s |", bench_number(all, 2, a), bench_number(og, 2, o));
}

static void number(rates *r, double v, int decimals, const char *unit) {
    char text[32];
    if (isnan(v)) fprintf(r->b->table, " |");
    else fprintf(r->b->table, " %s%s |", bench_number(v, decimals, text), unit);
}

static void heading(rates *r) {
    const bench *b = r->b;
    fprintf(b->table, "\nPSNR in linear ProPhoto, peak 1, all pixels / out of gamut, dB. Base: ");
    if (b->quality)
        fprintf(b->table,
                "JPEG, quality %d, %s, decoded; of the presets the one that 'encode' takes, else clipped sRGB.",
                b->quality, bench_chroma(b));
    else fprintf(b->table, "8-bit sRGB, lossless.");
    fprintf(b->table, " `paper`:%s", b->count > 1 ? " the best of" : "");
    for (size_t i = 0; i < b->count; i++) fprintf(b->table, "%s %u", i ? "," : "", (unsigned)b->counts[i]);
    fprintf(
        b->table,
        " iterations.\nsYCC JPEG: a JPEG's unclipped Y'CbCr without a network, quality %d, %s. JPEG: the residual as a "
        "JPEG of\nat most that size, the best of all scales and qualities.\n\n",
        b->quality ? b->quality : SYCC_QUALITY, bench_chroma(b));
    row_begin(r, "picture");
    for (size_t k = 0; k < r->columns; k++) fprintf(b->table, " %s |", r->name[k]);
    fprintf(b->table, "\n|---|");
    for (size_t k = 0; k < r->columns; k++) fprintf(b->table, "---|");
    row_end(r);
}

/* The means, a row a method. */
static void summary(rates *r) {
    const bench *b = r->b;
    const int two = r->list.set[0] && r->list.set[1];
    char text[32];
    fprintf(b->table, "\n| mean | bytes, at most | training | at 302 GFLOP/s |");
    for (int s = 0; s < BENCH_SETS && two; s++)
        fprintf(b->table, " %s, %zu | over `paper` |", r->list.set[s], r->set[s][CLIP].pictures);
    fprintf(b->table, " all %zu | over `paper` | pictures not below `paper` |\n|---|---|---|---|---|---|---|%s",
            r->list.count, two ? "---|---|---|---|" : "");
    row_end(r);
    for (size_t k = 0; k < r->columns; k++) {
        row_begin(r, r->name[k]);
        fprintf(b->table, " %zu |", r->all[k].bytes);
        number(r, bench_mean_of(&r->all[k], BENCH_SECONDS), 2, " s");
        number(r, bench_mean_of(&r->all[k], BENCH_NORMALISED), 2, " s");
        for (int s = two ? 0 : BENCH_SETS; s <= BENCH_SETS; s++) { /* the sets, then all */
            const bench_mean *m = s < BENCH_SETS ? r->set[s] : r->all;
            const double over = bench_mean_of(&m[k], BENCH_OG) - bench_mean_of(&m[PAPER], BENCH_OG);
            pair(r, bench_mean_of(&m[k], BENCH_ALL), bench_mean_of(&m[k], BENCH_OG));
            fprintf(b->table, " %s%s |", over > 0 ? "+" : "", bench_number(over, 2, text));
        }
        fprintf(b->table, " %zu of %zu |", r->level[k], r->list.count);
        row_end(r);
    }
    fprintf(b->table, "\nTraining on %d threads. A soft clip changes the picture that everybody sees.\n",
            pool_size(b->workers));
    if (b->count < 2) return;
    for (size_t i = 0; i < b->count; i++) {
        fprintf(b->table, "`paper` with %u iterations: out of gamut", (unsigned)b->counts[i]);
        for (int s = 0; s < BENCH_SETS && two; s++)
            fprintf(b->table, " %s %.2f,", r->list.set[s], bench_mean_of(&r->counts[s][i], BENCH_OG));
        fprintf(b->table, " all %.2f dB; %.2f s\n", bench_mean_of(&r->all_counts[i], BENCH_OG),
                bench_mean_of(&r->all_counts[i], BENCH_SECONDS));
    }
}

static void json_means(rates *r, const char *prefix, const bench_mean *m) {
    static const char *const what[4] = { "mean_psnr", "mean_psnr_og", "mean_train_seconds",
                                         "mean_train_seconds_normalised" };
    char name[64], key[192];
    for (size_t k = 0; k < r->columns; k++) {
        bench_key(r->name[k], name);
        for (int i = 0; i < 4; i++) {
            if (i >= BENCH_SECONDS && !m[k].count[i]) continue;
            snprintf(key, sizeof key, "%s%s_%s", prefix, what[i], name);
            json_number(&r->b->j, key, bench_mean_of(&m[k], i));
        }
        snprintf(key, sizeof key, "%sbytes_%s", prefix, name);
        json_integer(&r->b->j, key, m[k].bytes);
    }
}

static void json_all(rates *r) {
    char name[64], key[128];
    json_integer(&r->b->j, "pictures", r->list.count);
    for (size_t k = PRESETS; k < r->jpegs; k++) {
        bench_key(r->name[k], name);
        snprintf(key, sizeof key, "pictures_%s_ahead", name);
        json_integer(&r->b->j, key, r->level[k]);
    }
    json_means(r, "", r->all);
    if (r->list.set[0] && r->list.set[1])
        for (int s = 0; s < BENCH_SETS; s++) {
            snprintf(name, sizeof name, "%s_", r->list.set[s]);
            json_means(r, name, r->set[s]);
        }
}

/* The plot. */

static chart_series *series(chart_panel *p, const char *name, int colour, int og) {
    chart_series *s = &p->series[p->count++];
    memset(s, 0, sizeof *s);
    s->name = og ? name : NULL;
    s->colour = colour;
    s->dashed = !og;
    return s;
}

static void point(chart_series *s, const bench_mean *m, int unit, int what, const char *label) {
    if (s->count == CHART_POINTS) return;
    s->x[s->count] = unit == CHART_BYTES ? (double)m->bytes : bench_mean_of(m, BENCH_SECONDS);
    s->y[s->count] = bench_mean_of(m, what);
    s->label[s->count++] = label;
}

static void panel(const rates *r, chart_panel *p, const char *set, int unit, const bench_mean *m,
                  const bench_mean *counts, char names[][24]) {
    memset(p, 0, sizeof *p);
    snprintf(p->title, sizeof p->title, "%s%s%zu picture%s", set, *set ? ", " : "", m[CLIP].pictures,
             m[CLIP].pictures == 1 ? "" : "s");
    p->x_title = unit == CHART_BYTES ? "bytes beside the sRGB picture" : "seconds of training";
    p->y_title = "PSNR, dB";
    p->unit = unit;
    for (int og = 1; og >= 0; og--) {
        const int what = og ? BENCH_OG : BENCH_ALL;
        chart_series *s = series(p, "gamutmlp", 0, og);
        for (size_t k = PRESETS; k < r->jpegs; k++) point(s, &m[k], unit, what, og ? r->name[k] : NULL);
        s = series(p, "preset paper", 1, og);
        for (size_t i = 0; i < r->b->count; i++) point(s, &counts[i], unit, what, og ? names[i] : NULL);
        if (unit == CHART_BYTES) {
            s = series(p, "residual as JPEG", 2, og);
            for (size_t k = r->jpegs; k < r->columns; k++) point(s, &m[k], unit, what, NULL);
        }
        for (size_t k = CLIP; k <= SOFT; k++) {
            s = series(p, k == CLIP ? "clip" : "soft clip", k == CLIP ? 4 : 3, og);
            s->level = 1;
            point(s, &m[k], unit, what, NULL);
        }
    }
}

static void plot(const rates *r, drawing *d) {
    chart c = { NULL, "Linear ProPhoto, mean of the pictures. A soft clip changes what every viewer shows.",
                "out-of-gamut pixels", "all pixels", NULL, 0, 2 };
    chart_panel p[2 * BENCH_SETS];
    char names[BENCH_MAX_COUNTS][24], title[96] = "What comes back from a lossless sRGB base";
    size_t n = 0;
    for (size_t i = 0; i < r->b->count; i++)
        snprintf(names[i], sizeof names[i], "paper, %u", (unsigned)r->b->counts[i]);
    if (r->b->quality)
        snprintf(title, sizeof title, "What comes back from a JPEG of quality %d, %s", r->b->quality,
                 bench_chroma(r->b));
    for (int s = 0; s < BENCH_SETS; s++)
        for (int unit = CHART_BYTES; unit <= CHART_SECONDS && r->list.set[s]; unit++)
            panel(r, &p[n++], r->list.set[s], unit, r->set[s], r->counts[s], names);
    c.title = title;
    c.panels = p;
    c.count = n;
    chart_draw(d, &c);
}

static int all_pictures(rates *r) {
    bench_outcome o[MOST], counts[BENCH_MAX_COUNTS];
    if (r->b->quality) {
        r->bases = (bench_base *)calloc(r->list.count, BENCH_BASES * sizeof *r->bases);
        if (!r->bases) return fail("bench", "out of memory");
    }
    heading(r);
    bench_work_begin(&r->work, "pictures", work_of(r->b) * (double)r->list.count);
    for (size_t i = 0; i < r->list.count; i++) {
        const struct bench_entry *e = &r->list.entry[i];
        bench_subject s;
        char name[64];
        int failed;
        bench_work_part(&r->work, BENCH_LOAD_WORK);
        failed = bench_subject_load(r->b, e->path, &s) ||
                 measure(r, &s, r->bases ? r->bases + i * BENCH_BASES : NULL, o, counts);
        bench_subject_free(&s);
        bench_work_pause(&r->work);
        if (failed) return 1;
        bench_name(e->path, name);
        row_begin(r, name);
        for (size_t k = 0; k < r->columns; k++) {
            pair(r, o[k].score.psnr, o[k].score.psnr_og);
            bench_mean_add(&r->set[e->set][k], &o[k]);
            bench_mean_add(&r->all[k], &o[k]);
            r->level[k] += o[k].score.psnr_og >= o[PAPER].score.psnr_og;
        }
        row_end(r);
        for (size_t k = 0; k < r->b->count; k++) {
            bench_mean_add(&r->counts[e->set][k], &counts[k]);
            bench_mean_add(&r->all_counts[k], &counts[k]);
        }
    }
    summary(r);
    json_all(r);
    if (r->bases) bench_bases_tell(r->b, &r->list, r->bases);
    return 0;
}

int bench_rate(bench *b) {
    rates *r = (rates *)calloc(1, sizeof *r);
    drawing d;
    char error[256];
    int status;
    memset(&d, 0, sizeof d);
    if (!r) return fail("bench", "out of memory");
    r->b = b;
    name_columns(r);
    status = bench_list_open(&r->list, b->folder);
    if (!status && b->plot && drawing_open(&d, b->plot, error)) /* before the long part */
        status = fail("bench", "%s", error);
    if (!status) status = all_pictures(r);
    if (!status && b->plot) {
        plot(r, &d);
        if (drawing_commit(&d, error)) status = fail("bench", "%s", error);
    }
    drawing_discard(&d);
    bench_list_free(&r->list);
    free(r->bases);
    free(r);
    return status;
}
