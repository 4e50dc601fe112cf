/* PSNR in linear ProPhoto of what was encoded, while it is encoded. */
#ifndef PSNR_H
#define PSNR_H

#include "gamutmlp.h"
#include "measure/sums.h"

/* PSNR of what clipping leaves and of what decoding gives back, band by band: begin once, rows for
   each band, finish. Bands may run in parallel, each with sums of its own, zero at first, that are
   merged afterwards. SDR only. */
typedef struct metrics_psnr metrics_psnr;

typedef struct metrics_psnr_sums {
    exact_sum clip, clip_og, decoded, decoded_og;
    uint64_t pixels, out_of_gamut;
} metrics_psnr_sums;

typedef struct metrics_psnr_result {
    double psnr_clip, psnr_clip_og, psnr, psnr_og;
} metrics_psnr_result;

/* Of the images only type, channels and space are read here. adaptation is the one that the base was
   made with. NULL with the reason in error. */
metrics_psnr *metrics_psnr_begin(const gmlp_image *original, const gmlp_image *base, const gmlp_image *decoded,
                                 int adaptation, char error[256]);
/* The same rows of the three pictures. 0, or -1 with the reason in error. */
int metrics_psnr_rows(const metrics_psnr *p, const gmlp_image *original, const gmlp_image *base,
                      const gmlp_image *decoded, metrics_psnr_sums *sums, char error[256]);
void metrics_psnr_merge(metrics_psnr_sums *sums, const metrics_psnr_sums *other);
metrics_psnr_result metrics_psnr_finish(const metrics_psnr_sums *sums);
void metrics_psnr_free(metrics_psnr *p); /* NULL is fine */

#endif
