#include "measure/colour_difference.h"

#include <math.h>
#include <string.h>

#include "measure/metrics.h"

static double length(double a, double b) {
    return sqrt(a * a + b * b); /* hypot guards against overflow, which costs time */
}

/* G. Sharma, W. Wu, E. Dalal, "The CIEDE2000 color-difference formula: implementation notes,
   supplementary test data, and mathematical observations", 2005; equation numbers are theirs. */
double delta_e2000(const double lab1[3], const double lab2[3]) {
    const double pi = 3.14159265358979323846, degree = pi / 180.0, pow25_7 = 6103515625.0;
    const double c_mean = 0.5 * (length(lab1[1], lab1[2]) + length(lab2[1], lab2[2])); /* 2, 3 */
    const double c3 = c_mean * c_mean * c_mean, c7 = c3 * c3 * c_mean;
    const double g = 0.5 * (1.0 - sqrt(c7 / (c7 + pow25_7))); /* 4 */
    const double a1 = (1.0 + g) * lab1[1], a2 = (1.0 + g) * lab2[1]; /* 5 */
    const double C1 = length(a1, lab1[2]), C2 = length(a2, lab2[2]); /* 6 */
    double h1 = C1 > 0 ? atan2(lab1[2], a1) : 0, h2 = C2 > 0 ? atan2(lab2[2], a2) : 0; /* 7 */
    double dh, h, t, dtheta, C, C7, rc, sl, sc, sh, rt, l50, dl, dc, dH;
    if (h1 < 0) h1 += 2 * pi;
    if (h2 < 0) h2 += 2 * pi;
    dl = lab2[0] - lab1[0]; /* 8 */
    dc = C2 - C1; /* 9 */
    dh = h2 - h1; /* 10 */
    h = h1 + h2; /* 14 */
    if (C1 * C2 == 0) {
        dh = 0;
    } else if (fabs(dh) <= pi) {
        h *= 0.5;
    } else {
        dh += dh > 0 ? -2 * pi : 2 * pi;
        h = 0.5 * (h < 2 * pi ? h + 2 * pi : h - 2 * pi);
    }
    dH = 2 * sqrt(C1 * C2) * sin(0.5 * dh); /* 11 */
    l50 = 0.5 * (lab1[0] + lab2[0]) - 50; /* 12 */
    l50 *= l50;
    C = 0.5 * (C1 + C2); /* 13 */
    t = 1 - 0.17 * cos(h - 30 * degree) + 0.24 * cos(2 * h) + 0.32 * cos(3 * h + 6 * degree) -
        0.20 * cos(4 * h - 63 * degree); /* 15 */
    dtheta = (h / degree - 275) / 25; /* 16 */
    dtheta = 30 * degree * exp(-dtheta * dtheta);
    C7 = C * C * C;
    C7 = C7 * C7 * C;
    rc = 2 * sqrt(C7 / (C7 + pow25_7)); /* 17 */
    sl = 1 + 0.015 * l50 / sqrt(20 + l50); /* 18 */
    sc = 1 + 0.045 * C; /* 19 */
    sh = 1 + 0.015 * C * t; /* 20 */
    rt = -sin(2 * dtheta) * rc; /* 21 */
    dl /= sl;
    dc /= sc;
    dH /= sh;
    return sqrt(fmax(0, dl * dl + dc * dc + dH * dH + rt * dc * dH)); /* 22 */
}

static void multiply(const double a[9], const double b[9], double out[9]) {
    int i, j;
    for (i = 0; i < 3; i++)
        for (j = 0; j < 3; j++)
            out[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
}

gmlp_result colours_of(int hdr, colours *c) {
    static const double bt2100[9] = {1688 / 4096.0, 2146 / 4096.0, 262 / 4096.0, 683 / 4096.0, 2951 / 4096.0,
                                     462 / 4096.0,  99 / 4096.0,   309 / 4096.0, 3688 / 4096.0};
    const int space = hdr ? GMLP_REC2020_LINEAR : GMLP_PROPHOTO_LINEAR;
    double m[9], xyz[9];
    gmlp_result result;
    int i;
    if ((result = gmlp_space_matrix(space, GMLP_REC2020_LINEAR, GMLP_BRADFORD, m)) != GMLP_OK) return result;
    multiply(bt2100, m, c->lms);
    if ((result = gmlp_space_matrix(space, GMLP_PROPHOTO_LINEAR, GMLP_BRADFORD, m)) != GMLP_OK) return result;
    if ((result = gmlp_space_to_xyz(GMLP_PROPHOTO, xyz)) != GMLP_OK) return result;
    multiply(xyz, m, c->xyz);
    for (i = 0; i < 9; i++) c->xyz[i] /= xyz[i / 3 * 3] + xyz[i / 3 * 3 + 1] + xyz[i / 3 * 3 + 2];
    if ((result = gmlp_space_to_xyz(space, xyz)) != GMLP_OK) return result;
    memcpy(c->luma, xyz + 3, sizeof c->luma);
    return GMLP_OK;
}

static void apply(const double m[9], const float rgb[3], double out[3]) {
    int i;
    for (i = 0; i < 3; i++) out[i] = m[3 * i] * rgb[0] + m[3 * i + 1] * rgb[1] + m[3 * i + 2] * rgb[2];
}

void lab_of(const colours *c, const float rgb[3], double lab[3]) {
    double f[3];
    int i;
    apply(c->xyz, rgb, f);
    for (i = 0; i < 3; i++) f[i] = f[i] > 216.0 / 24389.0 ? cbrt(f[i]) : (24389.0 / 27.0 * f[i] + 16.0) / 116.0;
    lab[0] = 116 * f[1] - 16;
    lab[1] = 500 * (f[0] - f[1]);
    lab[2] = 200 * (f[1] - f[2]);
}

/* The curve works channel by channel, so the library's conversion
   of Rec.2020 serves for LMS too. Colours beyond the real ones may have an LMS below 0: 0. */
gmlp_result lms_of(const colours *c, const float *linear, uint32_t width, uint32_t height, float *lms) {
    const size_t n = (size_t)width * height;
    size_t i;
    int k;
    for (i = 0; i < n; i++) {
        double v[3];
        apply(c->lms, linear + 3 * i, v);
        for (k = 0; k < 3; k++) lms[3 * i + (size_t)k] = v[k] > 0 ? (float)v[k] : 0.0f;
    }
    return metrics_pq(lms, width, height, lms);
}

double delta_e_itp(const float p[3], const float q[3]) {
    const double l = (double)p[0] - q[0], m = (double)p[1] - q[1], s = (double)p[2] - q[2];
    const double di = 0.5 * (l + m);
    const double dt = 0.5 * (6610 * l - 13613 * m + 7003 * s) / 4096;
    const double dp = (17933 * l - 17390 * m - 543 * s) / 4096;
    return 720 * sqrt(di * di + dt * dt + dp * dp);
}
