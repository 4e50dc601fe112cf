#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/polynomial.h"

enum { DEGREE = 4 };

/* By degree, so that of dependent terms the simpler one stays. */
static void monomials(const float rgb[3], double out[POLYNOMIAL_TERMS]) {
    int n = 0;
    for (int degree = 0; degree <= DEGREE; degree++)
        for (int r = degree; r >= 0; r--)
            for (int g = degree - r; g >= 0; g--) {
                double v = 1;
                for (int k = 0; k < r; k++) v *= rgb[0];
                for (int k = 0; k < g; k++) v *= rgb[1];
                for (int k = 0; k < degree - r - g; k++) v *= rgb[2];
                out[n++] = v;
            }
}

static double dot(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Modified Gram-Schmidt on the terms with the three right-hand sides beside them, which is as stable as
   Householder's QR; columns are contiguous. */
int polynomial_fit(polynomial *p, const float *from, const float *to, size_t n) {
    enum { COLUMNS = POLYNOMIAL_TERMS + 3 };
    double(*r)[COLUMNS] = (double(*)[COLUMNS])calloc(POLYNOMIAL_TERMS, sizeof *r);
    double *a = (double *)malloc(n * COLUMNS * sizeof *a);
    int k, j, status = -1;
    memset(p, 0, sizeof *p);
    if (r && a) {
        double before[POLYNOMIAL_TERMS];
        for (size_t i = 0; i < n; i++) {
            double row[COLUMNS];
            monomials(from + 3 * i, row);
            for (j = 0; j < 3; j++) row[POLYNOMIAL_TERMS + j] = to[3 * i + (size_t)j];
            for (j = 0; j < COLUMNS; j++) a[(size_t)j * n + i] = row[j];
        }
        for (k = 0; k < POLYNOMIAL_TERMS; k++) before[k] = dot(a + (size_t)k * n, a + (size_t)k * n, n);
        for (k = 0; k < POLYNOMIAL_TERMS; k++) {
            double *q = a + (size_t)k * n, left = dot(q, q, n);
            if (left <= 1e-20 * before[k]) continue; /* nothing new in it */
            r[k][k] = sqrt(left);
            for (size_t i = 0; i < n; i++) q[i] /= r[k][k];
            for (j = k + 1; j < COLUMNS; j++) {
                double *column = a + (size_t)j * n;
                r[k][j] = dot(q, column, n);
                for (size_t i = 0; i < n; i++) column[i] -= r[k][j] * q[i];
            }
        }
        for (k = POLYNOMIAL_TERMS - 1; k >= 0; k--)
            for (int c = 0; c < 3 && r[k][k] > 0; c++) {
                double v = r[k][POLYNOMIAL_TERMS + c];
                for (j = k + 1; j < POLYNOMIAL_TERMS; j++) v -= r[k][j] * p->c[j][c];
                p->c[k][c] = v / r[k][k];
            }
        status = 0;
    }
    free(r);
    free(a);
    return status;
}

void polynomial_apply(const polynomial *p, const float from[3], float to[3]) {
    double m[POLYNOMIAL_TERMS], sum[3] = { 0, 0, 0 };
    monomials(from, m);
    for (int k = 0; k < POLYNOMIAL_TERMS; k++)
        for (int c = 0; c < 3; c++) sum[c] += p->c[k][c] * m[k];
    for (int c = 0; c < 3; c++) to[c] = (float)sum[c];
}
