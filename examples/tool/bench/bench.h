/* bench.h - gamutmlp bench: what its sections share */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gamutmlp.h"
#include "shell/json.h"
#include "shell/pool.h"

enum { BENCH_MAX_COUNTS = 8 };

typedef struct bench {
    const char *folder, *plot;
    const char *network, *log;          /* of --expand, where folder is a list of photographs */
    int json, paper, hdr;
    int quality, subsample;             /* of a JPEG base, as in picture.h; quality 0: a lossless one */
    uint32_t counts[BENCH_MAX_COUNTS];  /* iterations of preset paper, ascending */
    size_t count;
    uint32_t iterations;                /* of the other presets, with hdr of all; 0: theirs */
    const char *start[2];               /* blobs from which networks of 32 and 64 start */
    uint32_t siren_steps;
    pool *workers;
    gmlp_threads run;
    FILE *table;                        /* where the readable lines go: stdout, or stderr beside --json */
    struct json j;
} bench;

/* The sections; 0, or 1 after a message. */
int bench_train(bench *b);
int bench_decode(bench *b);
int bench_convert(bench *b);
int bench_file(bench *b);
int bench_engine(bench *b);
int bench_encode(bench *b);
int bench_rate(bench *b);
int bench_ideas(bench *b);
int bench_paper(bench *b);
int bench_hdr(bench *b);
int bench_expand(bench *b);

/* bench_engine with a picture of another size, and so many rounds a figure. */
int bench_engine_of(bench *b, uint32_t width, uint32_t height, int rounds);

/* The processor by its name; text. */
const char *bench_cpu_name(char text[128]);
/* Fused multiply-adds a second of all threads, in FLOP/s, measured now; NaN where it is not known. */
double bench_fma_peak(const bench *b, int isa);

/* Sorts the values. */
enum { BENCH_ROUNDS = 5 };
double bench_median(double *values, size_t count);

/* A picture in which every pixel is saturated, and its base. 0, or 1 after a message. */
typedef struct colours {
    gmlp_image wide, base;
} colours;
int colours_make(colours *c, uint32_t width, uint32_t height);
void colours_free(colours *c);

#endif
