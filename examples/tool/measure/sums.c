#include "measure/sums.h"

#include <math.h>

void sum_add(exact_sum *s, double v) {
    const double whole = floor(v);
    const uint64_t fraction = (uint64_t)((v - whole) * 18446744073709551616.0);
    s->whole += (uint64_t)whole;
    s->fraction += fraction;
    s->whole += s->fraction < fraction;
}

void sum_merge(exact_sum *s, const exact_sum *other) {
    s->whole += other->whole;
    s->fraction += other->fraction;
    s->whole += s->fraction < other->fraction;
}

double sum_mean(const exact_sum *s, double count) {
    return count > 0 ? ((double)s->whole + (double)s->fraction / 18446744073709551616.0) / count : NAN;
}

double psnr_of_mse(double mse) {
    return mse > 0 ? -10.0 * log10(mse) : mse == 0 ? INFINITY : NAN;
}
