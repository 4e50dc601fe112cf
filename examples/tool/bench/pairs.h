/* bench_pairs.h - SDR and HDR renditions of one picture: two files, an Ultra HDR photograph, or made from a scene */
#ifndef BENCH_PAIRS_H
#define BENCH_PAIRS_H

#include "bench/bench.h"
#include "pictures/picture.h"

/* What means are taken over: all pairs of files, those whose tone mapper treats all pixels alike, those whose tone
   mapper looks at their surroundings, the photographs, and the masters. */
enum { BENCH_PAIRS, BENCH_GLOBAL, BENCH_LOCAL, BENCH_PHOTOGRAPHS, BENCH_MASTERS, BENCH_GROUPS };

typedef struct bench_pair {
    char *sdr, *hdr; /* hdr is NULL for an Ultra HDR file, sdr for a scene */
    char name[64];   /* of sdr, or of the scene, without its extension */
    int group;       /* BENCH_PAIRS: a tone mapper of neither kind */
    double pixels;
} bench_pair;

typedef struct bench_pairs {
    bench_pair *pair;
    size_t count;
} bench_pairs;

/* Files NAME_hdr_*.{png,exr} with NAME_sdr_OPERATOR.png, *.jpg, and other *.exr, which are scenes (bench_master.h): in
   the folder, or in hdr_pairs/, ultrahdr/ and scene/ in it. All are read once, so that a bad one is known before the
   long part. 0, or 1 after a message; either way free follows. */
int bench_pairs_open(const bench *b, bench_pairs *l);
void bench_pairs_free(bench_pairs *l);
int bench_pairs_in(const bench_pair *p, int group); /* 1 if it belongs to the group */

typedef struct bench_renditions {
    picture base;   /* 8 bits */
    gmlp_image hdr; /* packed floats, the PQ signal in Rec.2020, SDR white = 203 cd/m2; a master: linear ACEScg */
} bench_renditions;

/* 0, or 1 after a message; either way free follows. */
int bench_renditions_load(const bench *b, const bench_pair *p, bench_renditions *r);
void bench_renditions_free(bench_renditions *r);

#endif
