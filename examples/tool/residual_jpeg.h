/* residual_jpeg.h - what was lost as a small JPEG, for comparison with a network of the same size

   The residual, original less clipped, averaged over the saturated pixels of cells of scale x scale pixels, between
   the least and the greatest value of each channel mapped to 8 bits, and compressed by libjpeg. */
#ifndef RESIDUAL_JPEG_H
#define RESIDUAL_JPEG_H

#include <stddef.h>
#include <stdint.h>

typedef struct residual_jpeg {
    uint32_t scale;
    int quality, subsample; /* of the JPEG; subsample as in picture.h */
    size_t bytes;           /* of the JPEG, without a colour profile, and of six floats: the ranges */
} residual_jpeg;

/* Packed rows of three floats and of one byte. */
typedef struct residual_jpeg_input {
    const float *original, *clipped;
    const uint8_t *saturated;    /* where it is applied */
    const uint8_t *out_of_gamut; /* where it is judged */
    uint32_t width, height;
} residual_jpeg_input;

/* For every budget in bytes the choice with the least error: all scales from 1 to 32, each at the best quality
   that fits, with and without chroma subsampling. out has a scale of 0 where nothing fits. 0, or -1 with the
   reason in error. */
int residual_jpeg_search(const residual_jpeg_input *in, const size_t *budgets, size_t count, residual_jpeg *out, char error[256]);
/* What a reader of such a file gets: clipped + residual where saturated. */
int residual_jpeg_apply(const residual_jpeg_input *in, const residual_jpeg *choice, float *result, char error[256]);

#endif
