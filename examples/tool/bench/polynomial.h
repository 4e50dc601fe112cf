/* polynomial.h - polynomial colour correction, fitted by least squares */
#ifndef POLYNOMIAL_H
#define POLYNOMIAL_H

#include <stddef.h>

/* All monomials of three channels up to degree 4, the constant among them: the classical polynomial colour
   correction of that degree, and a constant. */
enum { POLYNOMIAL_TERMS = 35 };

typedef struct polynomial {
    double c[POLYNOMIAL_TERMS][3];
} polynomial;

/* The polynomial that takes the n colours from nearest to the n colours to. Terms that the colours
   cannot tell from earlier ones are left out. 0, or -1 when out of memory. */
int polynomial_fit(polynomial *p, const float *from, const float *to, size_t n);
void polynomial_apply(const polynomial *p, const float from[3], float to[3]);

#endif
