#include "bench/bases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shell/json.h"
#include "shell/messages.h"
#include "work/base.h"

static const char *const names[BENCH_BASES] = { "sRGB", "sYCC", "auto", "sYCC, same size", "auto, same size" };

/* One base at one quality. */
typedef struct trial {
    bench_base r;
    picture decoded;
    int trained;
} trial;

typedef struct trials {
    const bench *b;
    bench_subject *s;
    bench_work *work;
    gmlp_image clipped, unclipped; /* codes */
} trials;

static double psnr_codes(const gmlp_image *a, const gmlp_image *b) {
    const uint8_t *p = (const uint8_t *)a->data, *q = (const uint8_t *)b->data;
    const size_t n = (size_t)a->width * a->height * 3;
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (p[i] - q[i]) * (p[i] - q[i]);
    return 10 * log10(255.0 * 255 * (double)n / sum);
}

static int compress(const trials *t, const gmlp_image *codes, int quality, trial *out) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    picture shown;
    char error[256];
    int failed;
    memset(out, 0, sizeof *out);
    memset(&shown, 0, sizeof shown);
    failed = bench_jpeg(t->b, codes, quality, &out->decoded, &bytes, &size, error) ||
             picture_read_memory(bytes, size, "the base", GMLP_SRGB, &shown, error);
    out->r.quality = quality;
    out->r.bytes = (double)size;
    if (!failed) out->r.shown = psnr_codes(&t->clipped, &shown.image);
    picture_free(&shown);
    free(bytes);
    return failed ? fail("bench", "%s: %s", t->s->path, error) : 0;
}

static int train(const trials *t, trial *x) {
    const gmlp_image *base = &x->decoded.image;
    gmlp_train_opts opts;
    if (x->trained) return 0;
    memset(&opts, 0, sizeof opts);
    opts.iterations = t->b->iterations;
    opts.clip_margin = base_clip_margin(base->space, t->b->subsample);
    x->trained = 1;
    bench_work_part(t->work, BENCH_LOAD_WORK + BENCH_PRESET_WORK);
    return bench_alone(t->s, base, &x->r.alone) || bench_network(t->b, t->s, base, &opts, t->work, &x->r.with);
}

static double between(double a, double b, double at) { return at > 0 ? a + at * (b - a) : a; } /* b may be NaN */

static bench_base interpolated(const bench_base *a, const bench_base *b, double bytes) {
    const double at = log(bytes / a->bytes) / log(b->bytes / a->bytes);
    bench_base r = *a;
    r.quality = between(a->quality, b->quality, at);
    r.bytes = bytes;
    r.shown = between(a->shown, b->shown, at);
    r.alone.score.psnr = between(a->alone.score.psnr, b->alone.score.psnr, at);
    r.alone.score.psnr_og = between(a->alone.score.psnr_og, b->alone.score.psnr_og, at);
    r.with.score.psnr = between(a->with.score.psnr, b->with.score.psnr, at);
    r.with.score.psnr_og = between(a->with.score.psnr_og, b->with.score.psnr_og, at);
    return r;
}

/* From sYCC at b's quality to the two qualities whose files are just smaller and just larger than that; where there is
   no second one, the first. near is left at the last but one. */
static int same_size(const trials *t, trial *near, double bytes, bench_base *out) {
    const int step = near->r.bytes > bytes ? -1 : 1;
    trial next;
    *out = near->r;
    for (int quality = t->b->quality + step; quality >= 1 && quality <= 100; quality += step) {
        if (compress(t, &t->unclipped, quality, &next)) return picture_free(&next.decoded), 1;
        if ((next.r.bytes - bytes) * step >= 0) {
            const int failed = train(t, near) || train(t, &next);
            *out = interpolated(&near->r, &next.r, bytes);
            picture_free(&next.decoded);
            return failed;
        }
        picture_free(&near->decoded);
        *near = next;
    }
    if (train(t, near)) return 1;
    *out = near->r;
    return 0;
}

static int try_all(trials *t, trial *srgb, trial *sycc, bench_base out[BENCH_BASES], picture *chosen) {
    char error[256];
    int takes;
    if (bench_reduce(t->b, &t->s->wide.image, GMLP_SRGB, &t->clipped, error) ||
        bench_reduce(t->b, &t->s->wide.image, GMLP_SYCC, &t->unclipped, error))
        return fail("bench", "%s: %s", t->s->path, error);
    if (compress(t, &t->clipped, t->b->quality, srgb) || train(t, srgb) ||
        compress(t, &t->unclipped, t->b->quality, sycc) || train(t, sycc))
        return 1;
    out[BASE_SRGB] = srgb->r;
    out[BASE_SYCC] = sycc->r;
    takes = base_takes_sycc(srgb->r.alone.score.psnr_og, sycc->r.alone.score.psnr_og);
    out[BASE_AUTO] = out[takes ? BASE_SYCC : BASE_SRGB];
    *chosen = takes ? sycc->decoded : srgb->decoded;
    memset(takes ? &sycc->decoded : &srgb->decoded, 0, sizeof *chosen);
    if (same_size(t, sycc, srgb->r.bytes, &out[BASE_SYCC_SAME_SIZE])) return 1;
    out[BASE_AUTO_SAME_SIZE] = out[takes ? BASE_SYCC_SAME_SIZE : BASE_SRGB];
    return 0;
}

int bench_bases(const bench *b, bench_subject *s, bench_work *w, bench_base out[BENCH_BASES], picture *chosen) {
    trials t;
    trial srgb, sycc;
    int status;
    memset(&t, 0, sizeof t);
    memset(&srgb, 0, sizeof srgb);
    memset(&sycc, 0, sizeof sycc);
    memset(chosen, 0, sizeof *chosen);
    t.b = b;
    t.s = s;
    t.work = w;
    status = try_all(&t, &srgb, &sycc, out, chosen);
    picture_free(&srgb.decoded);
    picture_free(&sycc.decoded);
    free(t.clipped.data);
    free(t.unclipped.data);
    return status;
}

/* The tables. */

typedef struct base_means {
    double growth, shown, quality; /* sums; growth of bytes over sRGB's, 0.01 = 1 % */
    bench_mean alone, with;
    size_t level;                  /* pictures that are not below sRGB, with a network */
} base_means;

static void means_of(const bench_list *l, const bench_base *all, int set, base_means m[BENCH_BASES]) {
    memset(m, 0, BENCH_BASES * sizeof *m);
    for (size_t i = 0; i < l->count; i++, all += BENCH_BASES)
        for (int k = 0; k < BENCH_BASES && (set == BENCH_SETS || l->entry[i].set == set); k++) {
            m[k].growth += all[k].bytes / all[BASE_SRGB].bytes - 1;
            m[k].shown += all[k].shown;
            m[k].quality += all[k].quality;
            bench_mean_add(&m[k].alone, &all[k].alone);
            bench_mean_add(&m[k].with, &all[k].with);
            m[k].level += all[k].with.score.psnr_og >= all[BASE_SRGB].with.score.psnr_og;
        }
}

static void pictures(const bench *b, const bench_list *l, const bench_base *all) {
    static const int columns[] = { BASE_SRGB, BASE_SYCC, BASE_SYCC_SAME_SIZE };
    fprintf(b->table,
            "\n| picture | sRGB, bytes | sYCC | auto takes | sYCC of sRGB's size: quality | no network: sRGB | sYCC | "
            "same size | `default`: sRGB | sYCC | same size |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < l->count; i++, all += BENCH_BASES) {
        char name[64], text[32];
        bench_name(l->entry[i].path, name);
        fprintf(b->table, "| %s | %.0f | %+.1f %% | %s | %.2f |", name, all[BASE_SRGB].bytes,
                100 * (all[BASE_SYCC].bytes / all[BASE_SRGB].bytes - 1),
                base_takes_sycc(all[BASE_SRGB].alone.score.psnr_og, all[BASE_SYCC].alone.score.psnr_og) ? "sYCC"
                                                                                                        : "sRGB",
                all[BASE_SYCC_SAME_SIZE].quality);
        for (int k = 0; k < 3; k++)
            fprintf(b->table, " %s |", bench_number(all[columns[k]].alone.score.psnr_og, 2, text));
        for (int k = 0; k < 3; k++)
            fprintf(b->table, " %s |", bench_number(all[columns[k]].with.score.psnr_og, 2, text));
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
            "\nBases of a JPEG, quality %d, %s, and sYCC at the quality that makes its file as large as sRGB's.\n"
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
    fprintf(b->table, " pictures not below sRGB |\n|---|---|");
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
