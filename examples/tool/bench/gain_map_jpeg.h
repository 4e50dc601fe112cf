/* gain_map_jpeg.h - what makes an HDR rendition of an SDR one as a small JPEG, for comparison with a network

   Three channels, in Rec.2020. GAIN and GAMMA see both renditions, S and H, as the published Gain-MLP does: by the PQ
   curve, SDR white at 100 cd/m2, e = 1/64. peak says which light is code 1: 10000 cd/m2, or 1000, where what is
   brighter is cut.
     GAIN:     f = log2((H + e) / (S + e)), back H = (S + e) 2^f - e
     GAMMA:    f = log(H + e) / log(S + e), back H = (S + e)^f - e
   At S = 1 - e GAMMA would divide by log 1 = 0, so both ways it takes S as 1 - 2e at most. An SDR picture
   stays below that: its white is 0.51, or 0.75 with a peak of 1000.
   ULTRAHDR is what Ultra HDR files and ISO 21496-1 hold: GAIN in linear light, SDR white = 1 = 203 cd/m2. LIBULTRAHDR
   has constants found in libultrahdr's sources, which code dark pixels finer: e = 1e-7 cd/m2, f within -14.3..15.6, and
   up to 2.3 where S is below 2/255 cd/m2. */
#ifndef GAIN_MAP_JPEG_H
#define GAIN_MAP_JPEG_H

#include "bench/map_jpeg.h"
#include "gamutmlp.h"

typedef enum gain_map_method { GAIN_MAP_GAIN, GAIN_MAP_GAMMA, GAIN_MAP_ULTRAHDR, GAIN_MAP_LIBULTRAHDR } gain_map_method;

/* One channel: f, and H back, from 0 to code 1 or, where it is linear, 10000 cd/m2. */
float gain_map_value(int method, float s, float h);
float gain_map_undo(int method, float s, float f);

typedef struct gain_map gain_map;
/* The map of two pictures of one size, of any type and space. NULL with the reason in error. peak: cd/m2, for
   GAIN and GAMMA. threads may be NULL; its user must outlive the map. */
gain_map *gain_map_new(const gmlp_image *sdr, const gmlp_image *hdr, int method, double peak,
                       const gmlp_threads *threads, char error[256]);
void gain_map_free(gain_map *g); /* NULL is fine */

/* Compresses the map, averaged over cells, with the choice's scale, quality and subsample; sets its bytes. pq: packed
   floats, the HDR rendition that a reader gets, Rec.2020 by the PQ curve with code 1 at 10000 cd/m2. Returns its PSNR,
   or NaN with the reason in error. */
double gain_map_jpeg_apply(const gain_map *g, map_jpeg_choice *choice, float *pq, char error[256]);
/* As map_jpeg_search, for the best such PSNR; of a large picture, by that of some of its rows. */
int gain_map_jpeg_search(const gain_map *g, const size_t *budgets, size_t count, map_jpeg_choice *out, char error[256]);

#endif
