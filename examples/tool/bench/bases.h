/* bases.h - what the bases of a JPEG give: clipped sRGB and unclipped Y'CbCr, by libjpeg at one quality, and as encode
   writes them, at the size of libjpeg's clipped one */
#ifndef BENCH_BASES_H
#define BENCH_BASES_H

#include "bench/methods.h"

enum { USUAL_SRGB, USUAL_SYCC, FITTED_SRGB, FITTED_SYCC, FITTED_AUTO, BENCH_BASES };

typedef struct bench_base {
    int space;           /* of the base */
    double bytes;        /* of the JPEG, without metadata */
    double shown;        /* dB, PSNR of what viewers show against the clipped picture, sRGB codes */
    bench_outcome alone; /* without a network */
    bench_outcome with;  /* with preset default */
} bench_base;

/* The bases of a picture at b's quality and chroma. chosen: the one that encode takes, as decoded; picture_free follows
   either way. 0, or 1 after a message. */
int bench_bases(const bench *b, bench_subject *s, bench_work *w, bench_base out[BENCH_BASES], picture *chosen);
/* What that takes of a bench_work. */
#define BENCH_BASES_WORK (4 * (BENCH_LOAD_WORK + BENCH_PRESET_WORK))
/* Unclipped Y'CbCr as encode writes it, at a quality; as decoded. */
int bench_sycc(const bench *b, bench_subject *s, int quality, picture *base);

/* The tables, and the means into b->j: BENCH_BASES results for each picture of the list. */
void bench_bases_tell(bench *b, const bench_list *l, const bench_base *all);

#endif
