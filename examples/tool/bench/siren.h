/* siren.h - a SIREN: sine activations on plain coordinates (V. Sitzmann et al., NeurIPS 2020), for comparison

   2 -> 128 -> 128 -> 3. Every layer but the last ends in sin(30 z). 17 283 weights are 69 132 bytes: the one shape with
   a power of two as width that has the 69 KB of the small SIREN in the GamutMLP paper (whose full one,
   five layers of 256, counts 796 KB in the same way). */
#ifndef SIREN_H
#define SIREN_H

#include <stddef.h>
#include <stdint.h>

#include "gamutmlp.h"

/* Each layer: its matrix, output by output, then its biases. */
enum {
    SIREN_WIDTH = 128,
    SIREN_WEIGHTS = 2 * SIREN_WIDTH + SIREN_WIDTH + SIREN_WIDTH * (SIREN_WIDTH + 1) + 3 * (SIREN_WIDTH + 1)
};

/* The published initialisation: first layer +-1/2, the others +-sqrt(6 / inputs) / 30, biases +-1 / sqrt(inputs). */
void siren_init(float weights[SIREN_WEIGHTS], uint64_t seed);

/* out[n][3] from xy[n][2]. */
gmlp_result siren_forward(const float *weights, const float *xy, size_t n, float *out, const gmlp_threads *threads);

/* Mean squared error over n samples and 3 outputs, and its gradient. The same on any number of threads. */
gmlp_result siren_gradient(const float *weights, const float *xy, const float *targets, size_t n, double *loss,
                           float gradient[SIREN_WEIGHTS], const gmlp_threads *threads);

#endif
