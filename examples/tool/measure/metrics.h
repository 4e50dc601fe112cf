/* metrics.h - how far a picture is from its reference

   An SDR picture is compared in linear ProPhoto, clamped to [0,1]; an HDR picture by its PQ
   signal in Rec.2020 (code 1 = 10 000 cd/m2, diffuse white = 203 cd/m2). The reference decides:
   it is HDR if its space is PQ or HLG, or if its space is linear and some sample is above 1.

   Out of gamut (OG) is the library's mask of the reference. In an HDR picture brightness has no
   upper limit that the mask could use, so OG is a pixel with some, but not all, linear sRGB
   channels below 0.

   Sums do not depend on the order of rows, so neither do results on threads or bands. */
#ifndef METRICS_H
#define METRICS_H

#include "gamutmlp.h"

/* Undefined values are NaN: psnr_og and rmse_og without an OG pixel, ssim of a picture smaller
   than its 11x11 window. psnr of equal pictures is infinite. */
typedef struct metrics {
    double psnr, psnr_og;       /* dB, peak 1, all three channels */
    double rmse, rmse_og;
    double ssim;                /* Gaussian window, sigma 1.5, of ROMM-coded (HDR: PQ) luma */
    double delta_e2000_mean, delta_e2000_p95; /* CIEDE2000, D50; p95 in steps of 0.002 */
    double delta_e_itp_mean;    /* ITU-R BT.2124 */
    double out_of_gamut;        /* share of OG pixels, 0..1 */
    int hdr;                    /* which of the two comparisons this is */
} metrics;

/* 0, or -1 with the reason in error. The pictures must be of one size. */
int metrics_compare(const gmlp_image *reference, const gmlp_image *test, const gmlp_threads *threads,
                    metrics *out, char error[256]);
/* The same without CIEDE2000, which takes half of the time: those two are NaN. */
int metrics_compare_signals(const gmlp_image *reference, const gmlp_image *test, const gmlp_threads *threads,
                            metrics *out, char error[256]);

/* The same of two HDR pictures whose rows are made as they are needed, on any thread: into packed floats, in
   GMLP_REC2020_PQ. */
typedef struct metrics_maker {
    gmlp_result (*rows)(void *user, uint32_t first, const gmlp_image *out);
    void *user;
} metrics_maker;
int metrics_compare_made(uint32_t width, uint32_t height, const metrics_maker *reference, const metrics_maker *test,
                         const gmlp_threads *threads, metrics *out, char error[256]);

/* The pieces, which plots and others use. */

int metrics_is_hdr(const gmlp_image *reference);
/* The view of some rows of a picture. */
gmlp_image metrics_rows(const gmlp_image *image, uint32_t first, uint32_t rows);
/* A picture's rows as packed float RGB, clamped to the comparison's range: linear ProPhoto, or
   linear Rec.2020 up to 10 000 cd/m2 if hdr. */
gmlp_result metrics_linear(const gmlp_image *image, int hdr, float *linear);
/* Linear Rec.2020 to its PQ signal, for HDR. May be in place. */
gmlp_result metrics_pq(const float *linear, uint32_t width, uint32_t height, float *signal);
/* 1 = OG; rows of the reference, and the same rows from metrics_linear. */
gmlp_result metrics_mask(const gmlp_image *reference, const float *linear, int hdr, uint8_t *mask);
/* Packed float RGB as an image, to read or to write. */
gmlp_image metrics_floats(const float *data, uint32_t width, uint32_t height, int space);

#endif
