#include "bench/bases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shell/json.h"
#include "shell/messages.h"
#include "work/base.h"

static const char *const names[BENCH_BASES] = { "sRGB, libjpeg", "sYCC, libjpeg", "sRGB", "sYCC", "auto" };

typedef struct trials {
    const bench *b;
    bench_subject *s;
    bench_work *work;
    gmlp_image clipped; /* codes */
} trials;

static double psnr_codes(const gmlp_image *a, const gmlp_image *b) {
    const uint8_t *p = (const uint8_t *)a->data, *q = (const uint8_t *)b->data;
    const size_t n = (size_t)a->width * a->height * 3;
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (p[i] - q[i]) * (p[i] - q[i]);
    return 10 * log10(255.0 * 255 * (double)n / sum);
}

/* A base's file, and what decoders have of it. */
static int measure(const trials *t, const picture *decoded, const uint8_t *bytes, size_t size, bench_base *r) {
    const gmlp_image *base = &decoded->image;
    picture shown;
    gmlp_train_opts opts;
    char error[256];
    if (picture_read_memory(bytes, size, "the base", GMLP_SRGB, &shown, error))
        return fail("bench", "%s: %s", t->s->path, error);
    r->space = base->space;
    r->bytes = (double)size;
    r->shown = psnr_codes(&t->clipped, &shown.image);
    picture_free(&shown);
    memset(&opts, 0, sizeof opts);
    opts.iterations = t->b->iterations;
    opts.clip_margin = base_clip_margin(base->space, t->b->subsample);
    bench_work_part(t->work, BENCH_LOAD_WORK + BENCH_PRESET_WORK);
    return bench_alone(t->s, base, &r->alone) || bench_network(t->b, t->s, base, &opts, t->work, &r->with);
}

static int usual(const trials *t, int space, bench_base *r) {
    gmlp_image codes;
    picture decoded;
    uint8_t *bytes = NULL;
    size_t size = 0;
    char error[256];
    int failed = bench_reduce(t->b, &t->s->wide.image, space, &codes, error);
    memset(&decoded, 0, sizeof decoded);
    if (!failed) failed = bench_jpeg(t->b, &codes, t->b->quality, &decoded, &bytes, &size, error);
    failed = failed ? fail("bench", "%s: %s", t->s->path, error) : measure(t, &decoded, bytes, size, r);
    free(codes.data);
    free(bytes);
    picture_free(&decoded);
    return failed;
}

static int make(const bench *b, bench_subject *s, int base, int quality, base_file *file) {
    base_opts opts;
    char error[256];
    memset(&opts, 0, sizeof opts);
    opts.base = base;
    opts.quality = quality;
    opts.subsample = b->subsample;
    opts.threads = b->run;
    return base_make(&s->wide.image, &opts, file, error) ? fail("bench", "%s: %s", s->path, error) : 0;
}

/* The one that encode takes, then the other. */
static int fitted(const trials *t, bench_base out[BENCH_BASES], picture *chosen) {
    base_file file;
    int srgb, failed = make(t->b, t->s, BASE_AUTO, t->b->quality, &file) ||
                       measure(t, &file.picture, file.bytes, file.size, &out[FITTED_AUTO]);
    *chosen = file.picture;
    memset(&file.picture, 0, sizeof file.picture);
    base_free(&file);
    if (failed) return 1;
    srgb = chosen->image.space == GMLP_SRGB;
    out[srgb ? FITTED_SRGB : FITTED_SYCC] = out[FITTED_AUTO];
    failed = make(t->b, t->s, srgb ? BASE_SYCC : BASE_SRGB, t->b->quality, &file) ||
             measure(t, &file.picture, file.bytes, file.size, &out[srgb ? FITTED_SYCC : FITTED_SRGB]);
    base_free(&file);
    return failed;
}

int bench_bases(const bench *b, bench_subject *s, bench_work *w, bench_base out[BENCH_BASES], picture *chosen) {
    trials t;
    char error[256];
    int failed;
    memset(&t, 0, sizeof t);
    memset(chosen, 0, sizeof *chosen);
    t.b = b;
    t.s = s;
    t.work = w;
    failed = bench_reduce(b, &s->wide.image, GMLP_SRGB, &t.clipped, error);
    failed = failed ? fail("bench", "%s: %s", s->path, error)
                    : usual(&t, GMLP_SRGB, &out[USUAL_SRGB]) || usual(&t, GMLP_SYCC, &out[USUAL_SYCC]) ||
                      fitted(&t, out, chosen);
    free(t.clipped.data);
    return failed;
}

int bench_sycc(const bench *b, bench_subject *s, int quality, picture *base) {
    base_file file;
    const int failed = make(b, s, BASE_SYCC, quality, &file);
    *base = file.picture;
    memset(&file.picture, 0, sizeof file.picture);
    base_free(&file);
    return failed;
}

/* The tables. */

typedef struct base_means {
    double growth, shown; /* sums; growth of bytes over libjpeg's of sRGB, 0.01 = 1 % */
    bench_mean alone, with;
    size_t level;         /* pictures that are not below that one, with a network */
} base_means;

static void means_of(const bench_list *l, const bench_base *all, int set, base_means m[BENCH_BASES]) {
    memset(m, 0, BENCH_BASES * sizeof *m);
    for (size_t i = 0; i < l->count; i++, all += BENCH_BASES)
        for (int k = 0; k < BENCH_BASES && (set == BENCH_SETS || l->entry[i].set == set); k++) {
            m[k].growth += all[k].bytes / all[USUAL_SRGB].bytes - 1;
            m[k].shown += all[k].shown;
            bench_mean_add(&m[k].alone, &all[k].alone);
            bench_mean_add(&m[k].with, &all[k].with);
            m[k].level += all[k].with.score.psnr_og >= all[USUAL_SRGB].with.score.psnr_og;
        }
}

static void pictures(const bench *b, const bench_list *l, const bench_base *all) {
    fprintf(b->table, "\n| picture | sRGB, libjpeg, bytes | auto | auto takes |");
    for (int k = 0; k < FITTED_AUTO; k++) fprintf(b->table, " %s%s |", k ? "" : "no network: ", names[k]);
    for (int k = 0; k < FITTED_AUTO; k++) fprintf(b->table, " %s%s |", k ? "" : "`default`: ", names[k]);
    fprintf(b->table, "\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < l->count; i++, all += BENCH_BASES) {
        char name[64], text[32];
        bench_name(l->entry[i].path, name);
        fprintf(b->table, "| %s | %.0f | %+.1f %% | %s |", name, all[USUAL_SRGB].bytes,
                100 * (all[FITTED_AUTO].bytes / all[USUAL_SRGB].bytes - 1),
                all[FITTED_AUTO].space == GMLP_SYCC ? "sYCC" : "sRGB");
        for (int k = 0; k < FITTED_AUTO; k++)
            fprintf(b->table, " %s |", bench_number(all[k].alone.score.psnr_og, 2, text));
        for (int k = 0; k < FITTED_AUTO; k++)
            fprintf(b->table, " %s |", bench_number(all[k].with.score.psnr_og, 2, text));
        fprintf(b->table, "\n");
    }
}

static void json_means(bench *b, const char *set, const base_means *m) {
    static const char *const what[] = { "growth", "psnr_shown", "psnr_og_alone", "psnr_og_default" };
    for (int k = 0; k < BENCH_BASES; k++) {
        const double n = (double)m[k].alone.pictures;
        const double value[] = { m[k].growth / n, m[k].shown / n, bench_mean_of(&m[k].alone, BENCH_OG),
                                 bench_mean_of(&m[k].with, BENCH_OG) };
        char name[64], key[192];
        bench_key(names[k], name);
        for (int i = 0; i < 4; i++) {
            snprintf(key, sizeof key, "%s%sbase_%s_%s", set, *set ? "_" : "", name, what[i]);
            json_number(&b->j, key, value[i]);
        }
        if (*set) continue;
        snprintf(key, sizeof key, "pictures_base_%s_ahead", name);
        json_integer(&b->j, key, m[k].level);
    }
}

void bench_bases_tell(bench *b, const bench_list *l, const bench_base *all) {
    const int first = l->set[0] && l->set[1] ? 0 : BENCH_SETS; /* the sets, then all */
    base_means m[BENCH_SETS + 1][BENCH_BASES];
    char text[32];
    fprintf(b->table,
            "\nBases of a JPEG, quality %d, %s: by libjpeg, and as 'encode' writes them, at the size of libjpeg's sRGB.\n"
            "Shown: PSNR of what viewers show against the clipped picture, sRGB codes. Out-of-gamut PSNR without a\n"
            "network, and with preset default. auto is what 'encode' takes.\n",
            b->quality, bench_chroma(b));
    pictures(b, l, all);
    fprintf(b->table, "\n| base |");
    for (int s = first; s <= BENCH_SETS; s++) {
        means_of(l, all, s, m[s]);
        fprintf(b->table, " %s%s%zu: bytes | shown | no network | `default` |", s < BENCH_SETS ? l->set[s] : "all",
                s < BENCH_SETS ? ", " : " ", m[s][0].alone.pictures);
    }
    fprintf(b->table, " pictures not below libjpeg's sRGB |\n|---|---|");
    for (int s = first; s <= BENCH_SETS; s++) fprintf(b->table, "---|---|---|---|");
    fprintf(b->table, "\n");
    for (int k = 0; k < BENCH_BASES; k++) {
        fprintf(b->table, "| %s |", names[k]);
        for (int s = first; s <= BENCH_SETS; s++) {
            const base_means *x = &m[s][k];
            const double n = (double)x->alone.pictures;
            fprintf(b->table, " %+.1f %% | %s |", 100 * x->growth / n, bench_number(x->shown / n, 2, text));
            fprintf(b->table, " %s |", bench_number(bench_mean_of(&x->alone, BENCH_OG), 2, text));
            fprintf(b->table, " %s |", bench_number(bench_mean_of(&x->with, BENCH_OG), 2, text));
        }
        fprintf(b->table, " %zu of %zu |\n", m[BENCH_SETS][k].level, l->count);
    }
    for (int s = first; s <= BENCH_SETS; s++) json_means(b, s < BENCH_SETS ? l->set[s] : "", m[s]);
}
