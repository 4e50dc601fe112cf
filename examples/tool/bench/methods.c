#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/methods.h"
#include "bench/polynomial.h"
#include "bench/residual_jpeg.h"
#include "bench/siren.h"
#include "measure/metrics.h"
#include "shell/messages.h"
#include "shell/progress.h"

const bench_preset bench_presets[] = { { "fast, 2 KB", GMLP_PRESET_FAST, 2048 },
                                       { "fast", GMLP_PRESET_FAST, 0 },
                                       { "default", GMLP_PRESET_DEFAULT, 0 },
                                       { "high", GMLP_PRESET_HIGH, 0 },
                                       { "max", GMLP_PRESET_MAX, 0 } };
const size_t bench_preset_count = sizeof bench_presets / sizeof *bench_presets;

/* Progress. */

void bench_work_begin(bench_work *w, const char *label, double all) {
    memset(w, 0, sizeof *w);
    w->label = label;
    w->all = all;
    progress_begin(&w->bar, label);
}

void bench_work_show(bench_work *w, double fraction) {
    if (!w->bar.on) progress_begin(&w->bar, w->label);
    progress_show(&w->bar, w->done + fraction * w->part, w->all);
}

void bench_work_part(bench_work *w, double part) {
    w->done += w->part;
    w->part = part;
    bench_work_show(w, 0);
}

void bench_work_pause(bench_work *w) { progress_end(&w->bar); }

void bench_work_end(bench_work *w) { progress_end(&w->bar); }

#define PAPER_BATCH 65536.0
enum { SIREN_BATCH = 8192 };

double bench_paper_work(int width, uint32_t iterations) { return 6 * PAPER_BATCH * iterations * width * (128 + width); }
double bench_siren_work(uint32_t steps) {
    return 3 * /* a third of the library's speed */ 6.0 * SIREN_BATCH * SIREN_WEIGHTS * steps;
}

/* The machine that seconds are counted for. */
#define REFERENCE_FLOPS 302e9

bench_clock bench_clock_begin(const bench *b) {
    bench_clock c;
    c.peak = bench_fma_peak(b, GMLP_ISA_AUTO);
    c.start = seconds_now();
    return c;
}

void bench_clock_end(const bench *b, bench_clock c, double *seconds, double *normalised) {
    *seconds = seconds_now() - c.start;
    *normalised = *seconds * (c.peak + bench_fma_peak(b, GMLP_ISA_AUTO)) / 2 / REFERENCE_FLOPS;
}

static int finish(const bench_subject *s, gmlp_result result, bench_outcome *o) {
    if (result) return fail("bench", "%s: %s", s->path, gmlp_result_string(result));
    o->score = bench_subject_score(s);
    return 0;
}

static void nothing_spent(bench_outcome *o) {
    o->seconds = o->normalised = NAN;
    o->bytes = 0;
}

/* What clipping leaves, and the soft clip. */

int bench_clip(const bench *b, bench_subject *s, bench_outcome *o) {
    (void)b;
    nothing_spent(o);
    memcpy(s->result, s->clipped, s->pixels * 3 * sizeof(float));
    return finish(s, GMLP_OK, o);
}

static gmlp_image float_view(const bench_subject *s, float *data, int space) {
    gmlp_image v = s->wide.image;
    v.data = data;
    v.stride = 0;
    v.channels = 3;
    v.type = GMLP_F32;
    v.space = space;
    return v;
}

int bench_soft_clip(const bench *b, bench_subject *s, bench_outcome *o) {
    const gmlp_image original = float_view(s, s->original, GMLP_PROPHOTO_LINEAR);
    const gmlp_image narrow = float_view(s, s->result, GMLP_SRGB_LINEAR),
                     out = float_view(s, s->result, GMLP_PROPHOTO_LINEAR);
    const size_t n = 3 * s->pixels;
    gmlp_soft_clip soft;
    gmlp_convert_opts opts;
    char error[256];
    picture base;
    gmlp_result result;
    memset(&opts, 0, sizeof opts);
    opts.threads = b->run;
    nothing_spent(o);
    o->bytes = sizeof soft; /* the extremes */
    result = gmlp_soft_clip_measure(&original, &soft, &opts);
    if (!result) result = gmlp_convert(&original, &narrow, &opts);
    if (result) return finish(s, result, o);
    for (size_t i = 0; i < n; i++) s->result[i] = gmlp_soft_clip_apply(&soft, (int)(i % 3), s->result[i]);
    if (bench_subject_base(b, &narrow, &base, error)) {
        picture_free(&base);
        return fail("bench", "%s: %s", s->path, error);
    }
    result = gmlp_convert(&base.image, &narrow, &opts);
    picture_free(&base);
    for (size_t i = 0; i < n && !result; i++) s->result[i] = gmlp_soft_clip_undo(&soft, (int)(i % 3), s->result[i]);
    if (!result) result = gmlp_convert(&narrow, &out, &opts);
    return finish(s, result, o);
}

/* ProPhoto-Sampled (H. Le, M. Afifi, M. S. Brown, CIC 2020): pixels of the original on a uniform grid, 16 bits a
   channel, which costs no positions; the reader fits a polynomial to them, which takes every pixel of the base
   to the original. 135 KB are 150 x 150 of them. */

enum { SAMPLES = 22500, SAMPLE_BYTES = 6 };

int bench_sampled(const bench *b, bench_subject *s, bench_outcome *o) {
    const uint32_t width = s->wide.image.width, height = s->wide.image.height;
    const double spacing = fmax(sqrt((double)s->pixels / SAMPLES), 1);
    const uint32_t columns = (uint32_t)fmax(1, width / spacing), rows = (uint32_t)fmax(1, height / spacing);
    const size_t count = (size_t)columns * rows;
    float *from = (float *)malloc(3 * count * sizeof(float)), *to = (float *)malloc(3 * count * sizeof(float));
    polynomial p;
    int failed = !from || !to;
    (void)b;
    nothing_spent(o);
    o->bytes = count * SAMPLE_BYTES;
    for (size_t i = 0; i < count && !failed; i++) {
        const size_t x = (2 * (i % columns) + 1) * width / (2 * columns),
                     y = (2 * (i / columns) + 1) * height / (2 * rows);
        for (size_t c = 0; c < 3; c++) {
            const size_t at = 3 * (y * width + x) + c;
            const double code = floor(65535 * gmlp_curve_encode(GMLP_PROPHOTO, s->original[at], 0) + 0.5);
            from[3 * i + c] = s->clipped[at];
            to[3 * i + c] = (float)gmlp_curve_decode(GMLP_PROPHOTO, code / 65535, 0);
        }
    }
    if (!failed) failed = polynomial_fit(&p, from, to, count);
    for (size_t i = 0; i < s->pixels && !failed; i++) polynomial_apply(&p, s->clipped + 3 * i, s->result + 3 * i);
    free(from);
    free(to);
    return finish(s, failed ? GMLP_E_MEMORY : GMLP_OK, o);
}

/* SIREN on the residual of all pixels: Adam at 1e-4 as published, on SIREN_BATCH pixels a step drawn with
   replacement. As with the library's network, targets are twice the residual. */

static void coordinates(const bench_subject *s, size_t pixel, float xy[2]) {
    const uint32_t width = s->wide.image.width, height = s->wide.image.height;
    xy[0] = width > 1 ? 2 * (float)(pixel % width) / (float)(width - 1) - 1 : 0;
    xy[1] = height > 1 ? 2 * (float)(pixel / width) / (float)(height - 1) - 1 : 0;
}

typedef struct siren_memory {
    float weights[SIREN_WEIGHTS], gradient[SIREN_WEIGHTS], m[SIREN_WEIGHTS], v[SIREN_WEIGHTS];
    float xy[SIREN_BATCH * 2], targets[SIREN_BATCH * 3];
} siren_memory;

static gmlp_result siren_fit(const bench *b, const bench_subject *s, bench_work *w, siren_memory *t) {
    const gmlp_adam adam = { 1e-4, 0.9, 0.999, 1e-8 };
    uint64_t state = 1;
    gmlp_result result = GMLP_OK;
    siren_init(t->weights, 0);
    for (uint32_t step = 1; step <= b->siren_steps && !result; step++) {
        double loss;
        for (size_t i = 0; i < SIREN_BATCH; i++) {
            size_t pixel;
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            pixel = (size_t)((state >> 32) * s->pixels >> 32);
            coordinates(s, pixel, t->xy + 2 * i);
            for (size_t k = 0; k < 3; k++)
                t->targets[3 * i + k] = 2 * (s->original[3 * pixel + k] - s->clipped[3 * pixel + k]);
        }
        result = siren_gradient(t->weights, t->xy, t->targets, SIREN_BATCH, &loss, t->gradient, &b->run);
        if (!result)
            result = gmlp_adam_step(&adam, step, t->gradient, t->weights, t->m, t->v, SIREN_WEIGHTS, GMLP_ISA_AUTO);
        bench_work_show(w, step / (double)b->siren_steps);
    }
    return result;
}

static gmlp_result siren_give_back(const bench *b, bench_subject *s, siren_memory *t) {
    gmlp_result result = GMLP_OK;
    for (size_t first = 0; first < s->pixels && !result; first += SIREN_BATCH) {
        const size_t n = s->pixels - first < SIREN_BATCH ? s->pixels - first : SIREN_BATCH;
        for (size_t i = 0; i < n; i++) coordinates(s, first + i, t->xy + 2 * i);
        result = siren_forward(t->weights, t->xy, n, t->targets, &b->run);
        for (size_t i = 0; i < 3 * n; i++) s->result[3 * first + i] = s->clipped[3 * first + i] + t->targets[i] / 2;
    }
    return result;
}

int bench_siren(const bench *b, bench_subject *s, bench_work *w, bench_outcome *o) {
    siren_memory *t = (siren_memory *)calloc(1, sizeof *t);
    const bench_clock clock = bench_clock_begin(b);
    gmlp_result result = t ? siren_fit(b, s, w, t) : GMLP_E_MEMORY;
    bench_clock_end(b, clock, &o->seconds, &o->normalised);
    o->bytes = SIREN_WEIGHTS * sizeof(float);
    if (!result) result = siren_give_back(b, s, t);
    free(t);
    return finish(s, result, o);
}

/* The library. */

int bench_work_step(void *user, uint32_t step, uint32_t steps) {
    bench_work_show((bench_work *)user, step / (double)steps);
    return 0;
}

int bench_alone(bench_subject *s, const gmlp_image *base, bench_outcome *o) {
    nothing_spent(o);
    return finish(s, metrics_linear(base, 0, s->result), o);
}

int bench_network(const bench *b, bench_subject *s, const gmlp_image *base, const gmlp_train_opts *opts, bench_work *w,
                  bench_outcome *o) {
    const gmlp_image out = float_view(s, s->result, GMLP_PROPHOTO_LINEAR);
    gmlp_train_opts train = *opts;
    gmlp_decode_opts decode;
    gmlp_result result;
    gmlp_net net;
    bench_clock clock;
    train.threads = b->run;
    train.progress = bench_work_step;
    train.progress_user = w;
    clock = bench_clock_begin(b);
    result = gmlp_train(base, &s->wide.image, &train, &net, NULL);
    bench_clock_end(b, clock, &o->seconds, &o->normalised);
    o->bytes = gmlp_blob_size(&net);
    memset(&decode, 0, sizeof decode);
    decode.threads = b->run;
    if (!result) result = gmlp_decode(&net, base, &out, &decode);
    gmlp_net_free(&net);
    return finish(s, result, o);
}

int bench_counts(const bench *b, bench_subject *s, const gmlp_train_opts *opts, bench_work *w, bench_outcome *o,
                 bench_outcome *each) {
    for (size_t i = 0; i < b->count; i++) {
        gmlp_train_opts train = *opts;
        bench_outcome one;
        train.iterations = b->counts[i];
        bench_work_part(w, bench_paper_work(train.width ? train.width : 32, train.iterations));
        if (bench_network(b, s, &s->base.image, &train, w, &one)) return 1;
        if (each) each[i] = one;
        if (!i || one.score.psnr_og > o->score.psnr_og) *o = one;
    }
    return 0;
}

/* A residual as JPEG. */

int bench_residual(bench_subject *s, const size_t *budgets, size_t count, bench_outcome *o) {
    const uint8_t *codes = (const uint8_t *)s->base.image.data;
    uint8_t *saturated = (uint8_t *)malloc(s->pixels);
    map_jpeg_choice *best = (map_jpeg_choice *)malloc(count * sizeof *best);
    residual_jpeg_input in;
    char error[256] = "out of memory";
    int status = -1;
    in.original = s->original;
    in.clipped = s->clipped;
    in.saturated = saturated;
    in.out_of_gamut = s->out_of_gamut;
    in.width = s->wide.image.width;
    in.height = s->wide.image.height;
    if (saturated && best) {
        for (size_t i = 0; i < s->pixels; i++) saturated[i] = (uint8_t)gmlp_is_saturated(codes + 3 * i, s->clip_margin);
        status = residual_jpeg_search(&in, budgets, count, best, error);
    }
    for (size_t i = 0; i < count && !status; i++) {
        nothing_spent(&o[i]);
        o[i].bytes = best[i].bytes;
        o[i].score.psnr = o[i].score.psnr_og = NAN;
        if (!best[i].scale) continue; /* nothing fits */
        status = residual_jpeg_apply(&in, &best[i], s->result, error);
        if (!status) o[i].score = bench_subject_score(s);
    }
    free(saturated);
    free(best);
    return status ? fail("bench", "%s: %s", s->path, error) : 0;
}

/* Means and text. */

void bench_mean_add(bench_mean *m, const bench_outcome *o) {
    const double v[BENCH_MEANS] = { o->score.psnr,
                                    o->score.psnr_og,
                                    o->seconds,
                                    o->normalised,
                                    pow(10, -o->score.psnr / 20),
                                    pow(10, -o->score.psnr_og / 20) };
    for (int k = 0; k < BENCH_MEANS; k++)
        if (isfinite(v[k])) {
            m->sum[k] += v[k];
            m->count[k]++;
        }
    m->pictures++;
    if (o->bytes > m->bytes) m->bytes = o->bytes;
}

double bench_mean_of(const bench_mean *m, int what) {
    return m->count[what] ? m->sum[what] / (double)m->count[what] : NAN;
}

const char *bench_number(double v, int decimals, char out[32]) {
    if (isfinite(v)) snprintf(out, 32, "%.*f", decimals, v);
    else snprintf(out, 32, "%s", isnan(v) ? "-" : "inf");
    return out;
}

void bench_key(const char *name, char out[64]) {
    size_t n = 0;
    for (; *name && n < 63; name++) {
        const int c = (unsigned char)*name;
        if (isalnum(c)) out[n++] = (char)tolower(c);
        else if (n && out[n - 1] != '_') out[n++] = '_';
    }
    out[n] = 0;
}
