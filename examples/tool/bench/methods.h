/* bench_methods.h - ways to get the lost colours back. Each leaves s->result and says what it took. */
#ifndef BENCH_METHODS_H
#define BENCH_METHODS_H

#include "bench/pictures.h"
#include "shell/progress.h"

typedef struct bench_outcome {
    bench_score score;
    double seconds;    /* from the first look at the pixels to finished weights; NaN: not timed */
    double normalised; /* the same on a machine of 302 GFLOP/s; NaN where this one's peak is not known */
    size_t bytes;      /* beside the base */
} bench_outcome;

/* The presets that are measured, smallest first. */
typedef struct bench_preset {
    const char *name;
    int preset;
    uint32_t budget; /* 0: the preset's */
} bench_preset;
extern const bench_preset bench_presets[];
extern const size_t bench_preset_count;

/* Progress over parts of different length; work is counted in the library's FLOP. */
typedef struct bench_work {
    const char *label;
    double done, part, all;
    progress bar;
} bench_work;
void bench_work_begin(bench_work *w, const char *label, double all);
void bench_work_part(bench_work *w, double part); /* the part before is done */
void bench_work_show(bench_work *w, double fraction);
void bench_work_pause(bench_work *w); /* takes the bar away, so that lines can be printed */
void bench_work_end(bench_work *w);
int bench_work_step(void *user, uint32_t step, uint32_t steps); /* of a training; user: a bench_work */

/* What a part costs, roughly. */
double bench_paper_work(int width, uint32_t iterations);
double bench_siren_work(uint32_t steps);
#define BENCH_LOAD_WORK 3e10   /* reading a picture; what takes no training */
#define BENCH_PRESET_WORK 3e11 /* one of bench_presets; the search for a residual as JPEG */

/* Seconds, and what they were on a machine of 302 GFLOP/s; the latter NaN where this one's peak is not known. */
typedef struct bench_clock {
    double start, peak;
} bench_clock;
bench_clock bench_clock_begin(const bench *b);
void bench_clock_end(const bench *b, bench_clock c, double *seconds, double *normalised);

/* 0, or 1 after a message. */
int bench_clip(const bench *b, bench_subject *s, bench_outcome *o);
int bench_soft_clip(const bench *b, bench_subject *s, bench_outcome *o);
int bench_sampled(const bench *b, bench_subject *s, bench_outcome *o);
int bench_siren(const bench *b, bench_subject *s, bench_work *w, bench_outcome *o);
/* What a base gives by itself. */
int bench_alone(bench_subject *s, const gmlp_image *base, bench_outcome *o);
/* The library's network for a base; threads and progress are set here. */
int bench_network(const bench *b, bench_subject *s, const gmlp_image *base, const gmlp_train_opts *opts, bench_work *w,
                  bench_outcome *o);
/* The same for s->base, once for each of the iteration counts; o gets the best by OG PSNR, each, if given, all of
   them. */
int bench_counts(const bench *b, bench_subject *s, const gmlp_train_opts *opts, bench_work *w, bench_outcome *o,
                 bench_outcome *each);
/* A residual as JPEG for each budget in bytes. */
int bench_residual(bench_subject *s, const size_t *budgets, size_t count, bench_outcome *o);

/* Means over pictures, RMSE being each picture's own; values that are not finite are left out. */
enum { BENCH_ALL, BENCH_OG, BENCH_SECONDS, BENCH_NORMALISED, BENCH_RMSE, BENCH_RMSE_OG, BENCH_MEANS };
typedef struct bench_mean {
    double sum[BENCH_MEANS];
    size_t count[BENCH_MEANS], pictures, bytes; /* bytes: the most */
} bench_mean;
void bench_mean_add(bench_mean *m, const bench_outcome *o);
double bench_mean_of(const bench_mean *m, int what); /* NaN without any */

/* A number with a fixed count of decimals, "-" where there is none, "inf" where nothing was lost. */
const char *bench_number(double v, int decimals, char out[32]);
/* A name as part of a JSON key: lower case, what is no letter or digit as _. */
void bench_key(const char *name, char out[64]);

#endif
