/* residual_jpeg.h - what was lost as a small JPEG, for comparison with a network of the same size

   The residual, original less clipped, averaged over the saturated pixels of cells, as a map_jpeg. */
#ifndef RESIDUAL_JPEG_H
#define RESIDUAL_JPEG_H

#include "bench/map_jpeg.h"

/* Packed rows of three floats and of one byte. */
typedef struct residual_jpeg_input {
    const float *original, *clipped;
    const uint8_t *saturated;    /* where it is applied */
    const uint8_t *out_of_gamut; /* where it is judged */
    uint32_t width, height;
} residual_jpeg_input;

/* As map_jpeg_search; the error is that of the OG pixels. */
int residual_jpeg_search(const residual_jpeg_input *in, const size_t *budgets, size_t count, map_jpeg_choice *out,
                         char error[256]);
/* What a reader of such a file gets: clipped + residual where saturated. */
int residual_jpeg_apply(const residual_jpeg_input *in, const map_jpeg_choice *choice, float *result, char error[256]);

#endif
