/* bases.h - what the two bases of a JPEG give: clipped sRGB, and unclipped Y'CbCr, at the same quality and at the same
   size */
#ifndef BENCH_BASES_H
#define BENCH_BASES_H

#include "bench/methods.h"

enum { BASE_SRGB, BASE_SYCC, BASE_AUTO, BASE_SYCC_SAME_SIZE, BASE_AUTO_SAME_SIZE, BENCH_BASES };

typedef struct bench_base {
    double quality;      /* no whole number where two were interpolated, by the logarithm of bytes */
    double bytes;        /* of the JPEG, without metadata */
    double shown;        /* dB, PSNR of what viewers show against the clipped picture, sRGB codes */
    bench_outcome alone; /* without a network */
    bench_outcome with;  /* with preset default */
} bench_base;

/* The bases of a picture at b's quality and chroma, and those of sYCC that are as large as clipped sRGB's at that
   quality. chosen: the one that encode takes, as decoded; picture_free follows either way. 0, or 1 after a message. */
int bench_bases(const bench *b, bench_subject *s, bench_work *w, bench_base out[BENCH_BASES], picture *chosen);
/* What that takes of a bench_work. */
#define BENCH_BASES_WORK (3 * (BENCH_LOAD_WORK + BENCH_PRESET_WORK))

/* The tables, and the means into b->j: BENCH_BASES results for each picture of the list. */
void bench_bases_tell(bench *b, const bench_list *l, const bench_base *all);

#endif
