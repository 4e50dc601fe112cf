#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gain_map_jpeg.h"
#include "bench/methods.h"
#include "bench/pairs.h"
#include "measure/chart.h"
#include "measure/metrics.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "shell/progress.h"

/* What gives the HDR rendition back from the SDR one: gain maps as JPEG, the networks of the Gain-MLP paper (Canham,
   Tedla, Murdoch, Brown, ICCV 2025) and the library's presets. */

/* Kinds of rows. Maps at a quality are judged by PSNR alone: the rest takes four times as long. */
typedef enum row_kind { MAP, BEST, PLAIN, NETWORK } row_kind;

enum { PSNR, PSNR_OG, SSIM, ITP, SECONDS, NORMALISED, SPEED, BYTES, VALUES };
static const char *const value_keys[VALUES] = {
    "psnr", "psnr_og", "ssim", "delta_e_itp", "train_seconds", "train_seconds_normalised", "megapixels_per_second",
    "bytes"
};
static const char *const group_names[BENCH_GROUPS] = { "pairs", "global", "local", "photographs", "masters" };
static const char *const group_titles[BENCH_GROUPS] = { "Pairs", "Pairs, global tone mappers",
                                                        "Pairs, local tone mappers", "Ultra HDR photographs",
                                                        "ACEScg masters" };

typedef struct row_mean {
    double sum[VALUES], worst; /* worst: the least PSNR */
    size_t count[VALUES];
    const char *worst_name;
} row_mean;

typedef struct row {
    char name[40];
    int kind, method;       /* row_kind; gain_map_method or gmlp_method */
    map_jpeg_choice choice; /* MAP */
    size_t budget;          /* BEST */
    int preset;             /* NETWORK */
    row_mean mean[BENCH_GROUPS];
} row;

enum { MOST = 48, BUDGETS = 3 };
static const size_t budgets[BUDGETS] = { 5 * 1024, 10 * 1024, 20 * 1024 };
static const char *const map_names[] = { "Gain-JPEG", "Gamma-JPEG", "Ultra HDR map",
                                         "libultrahdr map" }; /* by gain_map_method */
enum { MAPS = sizeof map_names / sizeof *map_names };

typedef struct hdr_table {
    bench *b;
    bench_pairs list;
    bench_work work;
    row row[MOST];
    size_t rows, pictures[BENCH_GROUPS];
} hdr_table;

static row *add(hdr_table *t, int kind, int method) {
    row *r = &t->row[t->rows++];
    r->kind = kind;
    r->method = method;
    return r;
}

static void add_maps(hdr_table *t, int method, const int *qualities, size_t count) {
    for (uint32_t scale = 1; scale <= 4; scale += 3)
        for (size_t i = 0; i < count; i++) {
            row *r = add(t, MAP, method);
            r->choice.scale = scale;
            r->choice.quality = qualities[i];
            snprintf(r->name, sizeof r->name, "%s, %s, Q%d", map_names[method], scale == 1 ? "full" : "quarter",
                     qualities[i]);
        }
}

static void add_best(hdr_table *t, int method) {
    for (size_t i = 0; i < BUDGETS; i++) {
        row *r = add(t, BEST, method);
        r->budget = budgets[i];
        snprintf(r->name, sizeof r->name, "%s, %zu KB", map_names[method], budgets[i] / 1024);
    }
}

static void add_network(hdr_table *t, const char *name, int preset, int method) {
    row *r = add(t, NETWORK, method);
    r->preset = preset;
    snprintf(r->name, sizeof r->name, "%s", name);
}

/* Rows of one map stand together: the map is made once. */
static void add_rows(hdr_table *t) {
    static const int many[] = { 95, 75, 50, 25, 10 }, few[] = { 95, 75 };
    for (int method = 0; method < MAPS; method++) {
        const int published = method == GAIN_MAP_GAIN || method == GAIN_MAP_GAMMA;
        add_maps(t, method, published ? many : few, published ? 5 : 2);
        if (published) add_best(t, method);
    }
    snprintf(add(t, PLAIN, 0)->name, sizeof t->row->name, "SDR as it is");
    add_network(t, "Gain-MLP", GMLP_PRESET_PAPER, GMLP_METHOD_GAIN);
    add_network(t, "Gamma-MLP", GMLP_PRESET_PAPER, GMLP_METHOD_GAMMA);
    add_network(t, "Direct-MLP", GMLP_PRESET_PAPER, GMLP_METHOD_DIRECT);
    for (size_t i = 0; i < bench_preset_count; i++)
        if (!bench_presets[i].budget)
            add_network(t, bench_presets[i].name, bench_presets[i].preset, GMLP_METHOD_DIFFERENCE);
    add_network(t, "default, gamma map", GMLP_PRESET_DEFAULT, GMLP_METHOD_GAMMA);
}

/* What a row costs, roughly, in the library's FLOP. */
static double work_of(const row *r, double pixels) {
    if (r->kind == MAP || r->kind == PLAIN) return 3e3 * pixels;
    if (r->kind == BEST) return 3e4 * pixels; /* a third of the search, which answers for all budgets */
    return 3e4 * pixels + (r->preset == GMLP_PRESET_PAPER ? 9e11 : BENCH_PRESET_WORK);
}

/* One picture. */

typedef struct subject {
    const bench_pair *pair;
    bench_renditions r;
    gmlp_image result; /* as r.hdr */
} subject;

static void no_values(double v[VALUES]) {
    for (int k = 0; k < VALUES; k++) v[k] = NAN;
}

static int score(const bench *b, const subject *s, double v[VALUES]) {
    char error[256];
    metrics m;
    if (metrics_compare(&s->r.hdr, &s->result, &b->run, &m, error))
        return fail("bench", "%s: %s", s->pair->name, error);
    v[PSNR] = m.psnr;
    v[PSNR_OG] = m.psnr_og;
    v[SSIM] = m.ssim;
    v[ITP] = m.delta_e_itp_mean;
    return 0;
}

static int measure_network(hdr_table *t, const row *r, subject *s, double v[VALUES]) {
    bench *b = t->b;
    gmlp_train_opts train;
    gmlp_decode_opts decode;
    bench_clock clock;
    gmlp_result result;
    gmlp_net net;
    double start;
    memset(&train, 0, sizeof train);
    memset(&decode, 0, sizeof decode);
    train.preset = r->preset;
    train.method = r->method;
    train.iterations = b->iterations;
    train.threads = decode.threads = b->run;
    train.progress = bench_work_step;
    train.progress_user = &t->work;
    no_values(v);
    clock = bench_clock_begin(b);
    result = gmlp_train_hdr(&s->r.base.image, &s->r.hdr, &train, &net, NULL);
    bench_clock_end(b, clock, &v[SECONDS], &v[NORMALISED]);
    v[BYTES] = (double)gmlp_blob_size(&net);
    start = seconds_now();
    if (!result) result = gmlp_decode(&net, &s->r.base.image, &s->result, &decode);
    v[SPEED] = s->pair->pixels / (seconds_now() - start) / 1e6;
    gmlp_net_free(&net);
    if (result) return fail("bench", "%s: %s", s->pair->name, gmlp_result_string(result));
    return score(b, s, v);
}

static int measure_plain(const bench *b, subject *s, double v[VALUES]) {
    const gmlp_result result = gmlp_convert(&s->r.base.image, &s->result, NULL);
    no_values(v);
    v[BYTES] = 0;
    return result ? fail("bench", "%s: %s", s->pair->name, gmlp_result_string(result)) : score(b, s, v);
}

static int measure_map(hdr_table *t, const gain_map *g, const map_jpeg_choice *best, const row *r, subject *s,
                       double v[VALUES]) {
    map_jpeg_choice choice = r->choice;
    char error[256];
    no_values(v);
    for (size_t i = 0; i < BUDGETS && r->kind == BEST; i++)
        if (budgets[i] == r->budget) choice = best[i];
    if (!choice.scale) return 0; /* nothing fits */
    v[PSNR] = gain_map_jpeg_apply(g, &choice, (float *)s->result.data, error);
    v[BYTES] = (double)choice.bytes;
    if (isnan(v[PSNR])) return fail("bench", "%s: %s", s->pair->name, error);
    return r->kind == BEST ? score(t->b, s, v) : 0;
}

/* All rows of one map, from first on. */
static int measure_maps(hdr_table *t, size_t first, subject *s, double v[][VALUES]) {
    const int method = t->row[first].method;
    map_jpeg_choice best[BUDGETS];
    char error[256];
    int failed = 0, searched = 0;
    gain_map *g = gain_map_new(&s->r.base.image, &s->r.hdr, method, 10000, &t->b->run, error);
    if (!g) return fail("bench", "%s: %s", s->pair->name, error);
    for (size_t i = first;
         i < t->rows && (t->row[i].kind == MAP || t->row[i].kind == BEST) && t->row[i].method == method && !failed;
         i++) {
        bench_work_part(&t->work, work_of(&t->row[i], s->pair->pixels));
        if (t->row[i].kind == BEST && !searched) {
            searched = 1;
            failed = gain_map_jpeg_search(g, budgets, BUDGETS, best, error) &&
                     fail("bench", "%s: %s", s->pair->name, error);
        }
        if (!failed) failed = measure_map(t, g, best, &t->row[i], s, v[i]);
    }
    gain_map_free(g);
    return failed;
}

static int measure(hdr_table *t, subject *s, double v[][VALUES]) {
    for (size_t i = 0; i < t->rows; i++) {
        const row *r = &t->row[i];
        if (r->kind == MAP || r->kind == BEST) { /* maps are for pairs and photographs */
            if (s->pair->group == BENCH_MASTERS) no_values(v[i]);
            else if ((!i || t->row[i - 1].method != r->method) && measure_maps(t, i, s, v)) return 1;
            continue;
        }
        bench_work_part(&t->work, work_of(r, s->pair->pixels));
        if (r->kind == PLAIN ? measure_plain(t->b, s, v[i]) : measure_network(t, r, s, v[i])) return 1;
    }
    return 0;
}

static int measure_pair(hdr_table *t, const bench_pair *p, double v[][VALUES]) {
    subject s;
    int failed;
    s.pair = p;
    failed = bench_renditions_load(t->b, p, &s.r);
    s.result = s.r.hdr;
    s.result.data = NULL;
    if (!failed) {
        s.result.data = malloc((size_t)p->pixels * 3 * sizeof(float));
        failed = s.result.data ? measure(t, &s, v) : fail("bench", "out of memory");
    }
    free(s.result.data);
    bench_renditions_free(&s.r);
    return failed;
}

static void mean_add(row_mean *m, const double v[VALUES], const char *name) {
    for (int k = 0; k < VALUES; k++)
        /* checked: a pair that was measured has its values */
        if (isfinite(v[k])) {
            m->sum[k] += v[k];
            m->count[k]++;
        }
    if (isfinite(v[PSNR]) && (!m->worst_name || v[PSNR] < m->worst)) {
        m->worst = v[PSNR];
        m->worst_name = name;
    }
}

static double mean_of(const row_mean *m, int k) { return m->count[k] ? m->sum[k] / (double)m->count[k] : NAN; }

/* Tables. */

static void cell(const hdr_table *t, double v, int decimals, const char *unit) {
    char text[32];
    fprintf(t->b->table, " %s%s |", bench_number(v, decimals, text), isfinite(v) ? unit : "");
}

static void heading(const hdr_table *t) {
    FILE *f = t->b->table;
    fprintf(
        f,
        "PSNR, SSIM of luma and delta E ITP (ITU-R BT.2124) of the PQ signal: Rec.2020, code 1 = 10000 cd/m2, SDR white = 203.\n"
        "Gain-JPEG and Gamma-JPEG: the maps of Gain-MLP, seen up to 10000 cd/m2; Ultra HDR and libultrahdr: in linear light, with\n"
        "offsets of 1/64 and with libultrahdr's own. Three channels, 4:4:4, at full or at a quarter of width and height. 5, 10, 20 KB:\n"
        "the best map of at most that size, of all scales and qualities, 4:4:4 or 4:2:0. Gain-, Gamma-, Direct-MLP: preset paper.\n"
        "ACEScg masters: scenes with their saturation raised by 1.6, beside an sRGB rendition. Outside sRGB: pixels with a channel below 0.\n\n"
        "PSNR of each picture, dB:\n\n| picture |");
    for (size_t i = 0; i < t->rows; i++)
        if (t->row[i].kind != MAP) fprintf(f, " %s |", t->row[i].name);
    fprintf(f, "\n|---|");
    for (size_t i = 0; i < t->rows; i++)
        if (t->row[i].kind != MAP) fprintf(f, "---|");
    fprintf(f, "\n");
    fflush(f);
}

static void print_pair(const hdr_table *t, const bench_pair *p, double v[][VALUES]) {
    fprintf(t->b->table, "| %s |", p->name);
    for (size_t i = 0; i < t->rows; i++)
        /* checked: likewise */
        if (t->row[i].kind != MAP) cell(t, v[i][PSNR], 2, "");
    fprintf(t->b->table, "\n");
    fflush(t->b->table);
}

static void print_group(const hdr_table *t, int group) {
    FILE *f = t->b->table;
    fprintf(
        f,
        "\n%s: means of %zu\n\n| method | bytes | PSNR, dB | outside sRGB | SSIM | delta E ITP | training | at 302 GFLOP/s | decoding, megapixels/s | worst PSNR |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n",
        group_titles[group], t->pictures[group]);
    for (size_t i = 0; i < t->rows; i++) {
        const row_mean *m = &t->row[i].mean[group];
        fprintf(f, "| %s |", t->row[i].name);
        cell(t, mean_of(m, BYTES), 0, "");
        cell(t, mean_of(m, PSNR), 2, "");
        cell(t, mean_of(m, PSNR_OG), 2, "");
        cell(t, mean_of(m, SSIM), 4, "");
        cell(t, mean_of(m, ITP), 2, "");
        cell(t, mean_of(m, SECONDS), 2, " s");
        cell(t, mean_of(m, NORMALISED), 2, " s");
        cell(t, mean_of(m, SPEED), 1, "");
        if (m->worst_name) fprintf(f, " %.2f: %s |\n", m->worst, m->worst_name);
        else fprintf(f, " - |\n");
    }
}

static void json_group(const hdr_table *t, int group) {
    struct json *j = &t->b->j;
    const char *prefix = group_names[group];
    char name[64], key[160];
    snprintf(key, sizeof key, "%s_pictures", prefix);
    json_integer(j, key, t->pictures[group]);
    for (size_t i = 0; i < t->rows; i++) {
        const row_mean *m = &t->row[i].mean[group];
        bench_key(t->row[i].name, name);
        for (int k = 0; k < VALUES; k++) {
            if (!m->count[k]) continue;
            snprintf(key, sizeof key, "%s_mean_%s_%s", prefix, value_keys[k], name);
            json_number(j, key, mean_of(m, k));
        }
        if (!m->worst_name) continue;
        snprintf(key, sizeof key, "%s_worst_psnr_%s", prefix, name);
        json_number(j, key, m->worst);
        snprintf(key, sizeof key, "%s_worst_%s", prefix, name);
        json_text(j, key, m->worst_name);
    }
}

/* The plot. */

static chart_series *series(chart_panel *p, const char *name, int colour, int dashed) {
    chart_series *s = &p->series[p->count++];
    memset(s, 0, sizeof *s);
    s->name = name;
    s->colour = colour;
    s->dashed = dashed;
    return s;
}

static void point(chart_series *s, const row *r, int group, const char *label) {
    s->x[s->count] = mean_of(&r->mean[group], BYTES);
    s->y[s->count] = mean_of(&r->mean[group], PSNR);
    s->label[s->count++] = label;
}

static void panel(const hdr_table *t, int group, chart_panel *p) {
    chart_series *presets;
    int published = 0;
    memset(p, 0, sizeof *p);
    snprintf(p->title, sizeof p->title, "%s, %zu", group_titles[group], t->pictures[group]);
    p->x_title = "bytes beside the SDR picture";
    p->y_title = "PSNR of the PQ signal, dB";
    p->unit = CHART_BYTES;
    presets = series(p, "gamutmlp", 0, 0);
    for (size_t i = 0; i < t->rows; i++) {
        const row *r = &t->row[i];
        if (r->kind != NETWORK) continue;
        if (r->preset == GMLP_PRESET_PAPER)
            point(series(p, published++ ? NULL : "preset paper", 1, 0), r, group, r->name);
        else if (r->preset == GMLP_PRESET_FAST)
            point(series(p, NULL, 0, 0), r, group, r->name); /* as large as the next: not joined */
        else if (r->method == GMLP_METHOD_DIFFERENCE) point(presets, r, group, r->name);
    }
    for (int method = 0; method < MAPS; method++)
        for (uint32_t scale = 0; scale <= 4; scale += scale ? 3 : 1) { /* 0: the best of a size */
            chart_series *s = series(p, scale == 1 ? map_names[method] : NULL, 2 + method, scale != 0);
            for (size_t i = 0; i < t->rows; i++)
                if ((t->row[i].kind == MAP || t->row[i].kind == BEST) && t->row[i].method == method &&
                    t->row[i].choice.scale == scale)
                    point(s, &t->row[i], group, NULL);
        }
}

static void plot(const hdr_table *t, drawing *d) {
    chart_panel p[BENCH_GROUPS];
    chart c = { "What gives the HDR rendition back", "Means of the pictures.", "networks, and the best map of a size",
                "maps by JPEG quality, at full and a quarter of width and height", p, 0, 0 };
    size_t n = 0;
    for (int group = 0; group < BENCH_GROUPS; group++)
        if (t->pictures[group] && group != BENCH_MASTERS) panel(t, group, &p[n++]);
    c.count = n;
    c.columns = n < 2 ? 1 : 2;
    chart_draw(d, &c);
}

static int all_pictures(hdr_table *t) {
    double (*v)[VALUES] = (double (*)[VALUES])malloc(MOST * sizeof *v), work = 0;
    int failed = 0;
    if (!v) return fail("bench", "out of memory");
    for (size_t k = 0; k < t->list.count; k++)
        for (size_t i = 0; i < t->rows; i++) work += work_of(&t->row[i], t->list.pair[k].pixels);
    bench_work_begin(&t->work, "pictures", work);
    heading(t);
    for (size_t k = 0; k < t->list.count && !failed; k++) {
        const bench_pair *p = &t->list.pair[k];
        failed = measure_pair(t, p, v);
        bench_work_pause(&t->work);
        if (failed) break;
        print_pair(t, p, v);
        for (int group = 0; group < BENCH_GROUPS; group++) {
            if (!bench_pairs_in(p, group)) continue;
            t->pictures[group]++;
            for (size_t i = 0; i < t->rows; i++) mean_add(&t->row[i].mean[group], v[i], p->name);
        }
    }
    for (int group = 0; group < BENCH_GROUPS && !failed; group++)
        if (t->pictures[group]) {
            print_group(t, group);
            json_group(t, group);
        }
    if (!failed) fprintf(t->b->table, "\nTraining and decoding on %d threads.\n", pool_size(t->b->workers));
    free(v);
    return failed;
}

int bench_hdr(bench *b) {
    hdr_table *t = (hdr_table *)calloc(1, sizeof *t);
    drawing d;
    char error[256];
    int status;
    memset(&d, 0, sizeof d);
    if (!t) return fail("bench", "out of memory");
    t->b = b;
    add_rows(t);
    status = bench_pairs_open(b, &t->list);
    if (!status && b->plot && drawing_open(&d, b->plot, error)) /* before the long part */
        status = fail("bench", "%s", error);
    if (!status) status = all_pictures(t);
    if (!status && b->plot) {
        plot(t, &d);
        if (drawing_commit(&d, error)) status = fail("bench", "%s", error);
    }
    drawing_discard(&d);
    bench_pairs_free(&t->list);
    free(t);
    return status;
}
