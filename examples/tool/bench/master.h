/* bench_master.h - a wide-gamut HDR master and its sRGB rendition, made from a scene in linear light */
#ifndef BENCH_MASTER_H
#define BENCH_MASTER_H

#include "bench/pairs.h"

/* The engine artist's case. master: linear ACEScg floats, 1 = SDR white: the scene with its saturation raised, so that
   many colours leave sRGB, at an exposure that brings its geometric mean to middle grey. base: 8-bit sRGB, each of its
   channels through a shoulder that ends at the brightest (Reinhard, Stark, Shirley, Ferwerda, 2002, equation 4), what
   is below 0 clipped. 0, or 1 after a message that names path; either way the caller frees r. */
int bench_master_make(const bench *b, const char *path, const gmlp_image *scene, bench_renditions *r);

#endif
