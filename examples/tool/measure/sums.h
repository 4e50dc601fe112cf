/* Sums whose value does not depend on the order of additions. */
#ifndef SUMS_H
#define SUMS_H

#include <stdint.h>

/* Of numbers >= 0, in 128-bit fixed point. Starts as zeros. */
typedef struct exact_sum {
    uint64_t whole, fraction;
} exact_sum;

void sum_add(exact_sum *s, double v);
void sum_merge(exact_sum *s, const exact_sum *other);
double sum_mean(const exact_sum *s, double count); /* NaN of nothing */

/* In dB, of a peak of 1: infinite if there is no error, NaN if there is no mean. */
double psnr_of_mse(double mse);

#endif
