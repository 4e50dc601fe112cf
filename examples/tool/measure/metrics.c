/* metrics.c - how far a picture is from its reference */
#include "measure/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PQ_PEAK (10000.0 / 203.0) /* PQ code 1 in units of diffuse white */

/* ---- sums ---- */

static void sum_add(metrics_sum *s, double v) {
    const double whole = floor(v);
    const uint64_t fraction = (uint64_t)((v - whole) * 18446744073709551616.0);
    s->whole += (uint64_t)whole;
    s->fraction += fraction;
    s->whole += s->fraction < fraction;
}

static void sum_merge(metrics_sum *s, const metrics_sum *other) {
    s->whole += other->whole;
    s->fraction += other->fraction;
    s->whole += s->fraction < other->fraction;
}

static double sum_value(const metrics_sum *s) {
    return (double)s->whole + (double)s->fraction / 18446744073709551616.0;
}

static double mean(const metrics_sum *s, double count) {
    return count > 0 ? sum_value(s) / count : NAN;
}

static double psnr_of_mse(double mse) {
    return mse > 0 ? -10.0 * log10(mse) : mse == 0 ? INFINITY : NAN;
}

/* ---- rows of pixels ---- */

gmlp_image metrics_rows(const gmlp_image *image, uint32_t first, uint32_t rows) {
    gmlp_image view = *image;
    if (!view.channels) view.channels = 3;
    if (!view.stride) view.stride = (ptrdiff_t)(view.width * (size_t)view.channels * gmlp_type_size(view.type));
    view.data = (uint8_t *)view.data + (ptrdiff_t)first * view.stride;
    view.height = rows;
    return view;
}

static gmlp_image float_image(const float *data, uint32_t width, uint32_t height, int space) {
    gmlp_image image;
    memset(&image, 0, sizeof image);
    image.data = (void *)data; /* gmlp_image is also used for what is only read */
    image.width = width;
    image.height = height;
    image.type = GMLP_FLOAT;
    image.channels = 3;
    image.space = space;
    return image;
}

int metrics_is_hdr(const gmlp_image *reference) {
    uint32_t y;
    if (reference->space == GMLP_REC2020_PQ || reference->space == GMLP_REC2020_HLG) return 1;
    if (!gmlp_space_is_linear(reference->space)) return 0;
    if (reference->type != GMLP_HALF && reference->type != GMLP_FLOAT) return 0;
    for (y = 0; y < reference->height; y++) {
        const gmlp_image row = metrics_rows(reference, y, 1);
        size_t x;
        int c;
        for (x = 0; x < row.width; x++)
            for (c = 0; c < 3; c++) {
                const size_t i = x * (size_t)row.channels + (size_t)c;
                const float v = row.type == GMLP_FLOAT ? ((const float *)row.data)[i]
                                                       : gmlp_half_to_float(((const uint16_t *)row.data)[i]);
                if (v > 1.0f) return 1;
            }
    }
    return 0;
}

gmlp_result metrics_linear(const gmlp_image *image, int hdr, float *linear) {
    const int space = hdr ? GMLP_REC2020_LINEAR : GMLP_PROPHOTO_LINEAR;
    const gmlp_image out = float_image(linear, image->width, image->height, space);
    const float peak = hdr ? (float)PQ_PEAK : 1.0f;
    const size_t n = (size_t)image->width * image->height * 3;
    const gmlp_result result = gmlp_convert(image, &out, NULL);
    size_t i;
    if (result) return result;
    for (i = 0; i < n; i++) { /* NaN to 0 */
        const float v = linear[i] > 0.0f ? linear[i] : 0.0f;
        linear[i] = v < peak ? v : peak;
    }
    return GMLP_OK;
}

gmlp_result metrics_pq(const float *linear, uint32_t width, uint32_t height, float *signal) {
    const gmlp_image in = float_image(linear, width, height, GMLP_REC2020_LINEAR);
    const gmlp_image out = float_image(signal, width, height, GMLP_REC2020_PQ);
    return gmlp_convert(&in, &out, NULL);
}

gmlp_result metrics_mask(const gmlp_image *reference, const float *linear, int hdr, uint8_t *mask) {
    const size_t n = (size_t)reference->width * reference->height;
    double m[9];
    gmlp_result result;
    size_t i;
    if (!hdr) return gmlp_out_of_gamut_mask(reference, mask, NULL);
    result = gmlp_space_matrix(GMLP_REC2020_LINEAR, GMLP_SRGB_LINEAR, GMLP_BRADFORD, m);
    for (i = 0; !result && i < n; i++) {
        const float *p = linear + 3 * i;
        int c, below = 0;
        for (c = 0; c < 3; c++) below += m[3 * c] * p[0] + m[3 * c + 1] * p[1] + m[3 * c + 2] * p[2] < -1e-6;
        mask[i] = below == 1 || below == 2;
    }
    return result;
}

/* Squared errors of a row, all three channels: of all pixels and of the masked ones. Eight partial
   sums, since one would wait for the adder. */
enum { LANES = 8 };
static void row_errors(const float *a, const float *b, const uint8_t *mask, size_t n, metrics_sum *all, metrics_sum *og) {
    double sums[LANES] = {0}, og_sums[LANES] = {0};
    size_t i;
    int k;
    for (i = 0; i < n; i += LANES) {
        const int count = n - i < LANES ? (int)(n - i) : LANES;
        for (k = 0; k < count; k++) {
            const float *p = a + 3 * (i + (size_t)k), *q = b + 3 * (i + (size_t)k);
            const float d0 = p[0] - q[0], d1 = p[1] - q[1], d2 = p[2] - q[2];
            const float e = d0 * d0 + d1 * d1 + d2 * d2;
            sums[k] += e;
            og_sums[k] += mask[i + (size_t)k] ? e : 0.0f;
        }
    }
    for (k = 1; k < LANES; k++) {
        sums[0] += sums[k];
        og_sums[0] += og_sums[k];
    }
    sum_add(all, sums[0]);
    sum_add(og, og_sums[0]);
}

/* ---- colour differences ---- */

static double length(double a, double b) {
    return sqrt(a * a + b * b); /* hypot guards against overflow, which costs time */
}

/* G. Sharma, W. Wu, E. Dalal, "The CIEDE2000 color-difference formula: implementation notes,
   supplementary test data, and mathematical observations", 2005; equation numbers are theirs. */
double metrics_delta_e2000(const double lab1[3], const double lab2[3]) {
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

/* What turns linear pixels of the comparison's space into Lab, LMS and luma. */
typedef struct colours {
    double xyz[9];  /* to XYZ of D50, divided by the white point */
    double lms[9];  /* to the LMS of ITU-R BT.2100 */
    double luma[3]; /* the luminance row of the space */
} colours;

static void multiply(const double a[9], const double b[9], double out[9]) {
    int i, j;
    for (i = 0; i < 3; i++)
        for (j = 0; j < 3; j++)
            out[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
}

static gmlp_result colours_of(int hdr, colours *c) {
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

/* CIE 15: L*, a*, b* of a linear pixel. */
static void lab_of(const colours *c, const float rgb[3], double lab[3]) {
    double f[3];
    int i;
    apply(c->xyz, rgb, f);
    for (i = 0; i < 3; i++) f[i] = f[i] > 216.0 / 24389.0 ? cbrt(f[i]) : (24389.0 / 27.0 * f[i] + 16.0) / 116.0;
    lab[0] = 116 * f[1] - 16;
    lab[1] = 500 * (f[0] - f[1]);
    lab[2] = 200 * (f[1] - f[2]);
}

/* Linear pixels to PQ-coded LMS. The curve works channel by channel, so the library's conversion
   of Rec.2020 serves for LMS too. Colours beyond the real ones may have an LMS below 0: 0. */
static gmlp_result lms_of(const colours *c, const float *linear, uint32_t width, uint32_t height, float *lms) {
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

/* ITU-R BT.2124 of two PQ-coded LMS colours. */
static double delta_e_itp(const float p[3], const float q[3]) {
    const double l = (double)p[0] - q[0], m = (double)p[1] - q[1], s = (double)p[2] - q[2];
    const double di = 0.5 * (l + m);
    const double dt = 0.5 * (6610 * l - 13613 * m + 7003 * s) / 4096;
    const double dp = (17933 * l - 17390 * m - 543 * s) / 4096;
    return 720 * sqrt(di * di + dt * dt + dp * dp);
}

/* ---- SSIM ---- */

/* Z. Wang et al., "Image quality assessment: from error visibility to structural similarity",
   2004. Only windows that lie inside the picture count. */
enum { WINDOW = 11, MOMENTS = 5 };

static void gaussian_window(double w[WINDOW]) {
    double sum = 0;
    int k;
    for (k = 0; k < WINDOW; k++) sum += w[k] = exp(-(k - 5) * (k - 5) / (2 * 1.5 * 1.5));
    for (k = 0; k < WINDOW; k++) w[k] /= sum;
}

/* Adds up 1 - SSIM of the windows whose first row is one of the first `rows` rows; a and b hold
   rows + 10. scratch: (WINDOW + 2) * MOMENTS * width doubles. */
static void ssim_rows(const float *a, const float *b, size_t width, size_t rows, double *scratch, metrics_sum *sum) {
    const size_t windows = width - (WINDOW - 1), plane = MOMENTS * width;
    const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
    double *products = scratch + WINDOW * plane, *moments = products + plane, w[WINDOW];
    size_t y, x;
    int k, i;
    gaussian_window(w);
    for (y = 0; y < rows + (WINDOW - 1); y++) {
        const float *p = a + y * width, *q = b + y * width;
        double *filtered = scratch + y % WINDOW * plane, row_sum = 0;
        for (x = 0; x < width; x++) {
            const double u = p[x], v = q[x];
            products[x] = u;
            products[width + x] = v;
            products[2 * width + x] = u * u;
            products[3 * width + x] = v * v;
            products[4 * width + x] = u * v;
        }
        memset(filtered, 0, plane * sizeof *filtered);
        for (i = 0; i < MOMENTS; i++)
            for (k = 0; k < WINDOW; k++) {
                const double *in = products + (size_t)i * width + k;
                double *out = filtered + (size_t)i * width;
                for (x = 0; x < windows; x++) out[x] += w[k] * in[x];
            }
        if (y < WINDOW - 1) continue;
        memset(moments, 0, plane * sizeof *moments);
        for (k = 0; k < WINDOW; k++) {
            const double *in = scratch + (y + 1 + (size_t)k) % WINDOW * plane;
            for (x = 0; x < plane; x++) moments[x] += w[k] * in[x];
        }
        for (x = 0; x < windows; x++) {
            const double ma = moments[x], mb = moments[width + x];
            const double va = moments[2 * width + x] - ma * ma, vb = moments[3 * width + x] - mb * mb;
            const double cov = moments[4 * width + x] - ma * mb;
            const double ssim = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
            row_sum += ssim < 1 ? 1 - ssim : 0;
        }
        sum_add(sum, row_sum);
    }
}

/* ---- whole pictures ---- */

#define P95_STEP 0.002
enum { P95_BINS = 65536, JOBS = 16 };

typedef struct partial {
    metrics_sum error, error_og, ssim, e2000, itp;
    uint64_t out_of_gamut;
    uint32_t histogram[P95_BINS]; /* of CIEDE2000, in steps of P95_STEP */
    gmlp_result result;
} partial;

typedef struct comparison {
    const gmlp_image *reference, *test;
    colours colours;
    uint32_t band_rows, jobs;
    int hdr, signal_only;
    partial *partials;
} comparison;

/* Memory for one band and the ten rows below it that SSIM needs. */
typedef struct band {
    float *linear[2], *coded[2], *luma[2];
    double *ssim;
    uint8_t *mask;
} band;

static int band_new(band *b, uint32_t width, uint32_t rows) {
    const size_t n = (size_t)width * (rows + WINDOW - 1);
    int i, ok;
    memset(b, 0, sizeof *b);
    for (i = 0; i < 2; i++) {
        b->linear[i] = (float *)malloc(n * 3 * sizeof(float));
        b->coded[i] = (float *)malloc(n * 3 * sizeof(float));
        b->luma[i] = (float *)malloc(n * sizeof(float));
    }
    b->ssim = (double *)malloc((WINDOW + 2) * MOMENTS * (size_t)width * sizeof(double));
    b->mask = (uint8_t *)malloc(n);
    ok = b->ssim && b->mask;
    for (i = 0; i < 2; i++) ok = ok && b->linear[i] && b->coded[i] && b->luma[i];
    return ok;
}

static void band_free(band *b) {
    int i;
    for (i = 0; i < 2; i++) {
        free(b->linear[i]);
        free(b->coded[i]);
        free(b->luma[i]);
    }
    free(b->ssim);
    free(b->mask);
}

/* One picture's rows: linear, coded by the ROMM or PQ curve, and the luma of the coded. */
static gmlp_result load(const comparison *c, const gmlp_image *rows, float *linear, float *coded, float *luma) {
    const size_t n = (size_t)rows->width * rows->height;
    const double *w = c->colours.luma;
    gmlp_result result = metrics_linear(rows, c->hdr, linear);
    size_t i;
    if (result) return result;
    if (c->hdr) {
        result = metrics_pq(linear, rows->width, rows->height, coded);
    } else {
        const gmlp_image in = float_image(linear, rows->width, rows->height, GMLP_PROPHOTO_LINEAR);
        const gmlp_image out = float_image(coded, rows->width, rows->height, GMLP_PROPHOTO);
        result = gmlp_convert(&in, &out, NULL);
    }
    for (i = 0; i < n; i++)
        luma[i] = (float)(w[0] * coded[3 * i] + w[1] * coded[3 * i + 1] + w[2] * coded[3 * i + 2]);
    return result;
}

static gmlp_result compare_band(const comparison *c, band *b, uint32_t first, partial *out) {
    const uint32_t width = c->reference->width, below = c->reference->height - first;
    const uint32_t rows = below < c->band_rows ? below : c->band_rows;
    const uint32_t loaded = below < rows + (WINDOW - 1) ? below : rows + (WINDOW - 1);
    const gmlp_image reference = metrics_rows(c->reference, first, loaded);
    const gmlp_image test = metrics_rows(c->test, first, loaded);
    const gmlp_image masked = metrics_rows(c->reference, first, rows);
    gmlp_result result;
    uint32_t y, x;
    if ((result = load(c, &reference, b->linear[0], b->coded[0], b->luma[0])) != GMLP_OK) return result;
    if ((result = load(c, &test, b->linear[1], b->coded[1], b->luma[1])) != GMLP_OK) return result;
    if ((result = metrics_mask(&masked, b->linear[0], c->hdr, b->mask)) != GMLP_OK) return result;
    for (y = 0; y < rows; y++) {
        const size_t row = (size_t)y * width;
        float **pixels = c->hdr ? b->coded : b->linear;
        row_errors(pixels[0] + 3 * row, pixels[1] + 3 * row, b->mask + row, width, &out->error, &out->error_og);
        for (x = 0; x < width; x++) out->out_of_gamut += b->mask[row + x];
    }
    if (width >= WINDOW && loaded >= WINDOW)
        ssim_rows(b->luma[0], b->luma[1], width, loaded - (WINDOW - 1), b->ssim, &out->ssim);
    for (y = 0; y < 2; y++)
        if ((result = lms_of(&c->colours, b->linear[y], width, rows, b->coded[y])) != GMLP_OK) return result;
    for (y = 0; y < rows; y++) {
        double e2000 = 0, itp = 0;
        for (x = 0; x < width; x++) {
            const size_t i = 3 * ((size_t)y * width + x);
            const float *p = b->linear[0] + i, *q = b->linear[1] + i;
            double lab[2][3], e;
            if (p[0] == q[0] && p[1] == q[1] && p[2] == q[2]) {
                out->histogram[0]++;
                continue;
            }
            itp += delta_e_itp(b->coded[0] + i, b->coded[1] + i);
            if (c->signal_only) continue;
            lab_of(&c->colours, p, lab[0]);
            lab_of(&c->colours, q, lab[1]);
            e = metrics_delta_e2000(lab[0], lab[1]);
            out->histogram[e < (P95_BINS - 1) * P95_STEP ? (size_t)(e / P95_STEP + 0.5) : P95_BINS - 1]++;
            e2000 += e;
        }
        sum_add(&out->e2000, e2000);
        sum_add(&out->itp, itp);
    }
    return GMLP_OK;
}

/* Job j takes the bands j, j + jobs, ... */
static void compare_job(void *ctx, size_t index) {
    const comparison *c = (const comparison *)ctx;
    partial *out = c->partials + index;
    const uint64_t step = (uint64_t)c->jobs * c->band_rows;
    band b;
    uint64_t first;
    out->result = band_new(&b, c->reference->width, c->band_rows) ? GMLP_OK : GMLP_E_MEMORY;
    for (first = (uint64_t)index * c->band_rows; !out->result && first < c->reference->height; first += step)
        out->result = compare_band(c, &b, (uint32_t)first, out);
    band_free(&b);
}

static void partial_merge(partial *p, const partial *other) {
    size_t i;
    sum_merge(&p->error, &other->error);
    sum_merge(&p->error_og, &other->error_og);
    sum_merge(&p->ssim, &other->ssim);
    sum_merge(&p->e2000, &other->e2000);
    sum_merge(&p->itp, &other->itp);
    p->out_of_gamut += other->out_of_gamut;
    for (i = 0; i < P95_BINS; i++) p->histogram[i] += other->histogram[i];
    if (!p->result) p->result = other->result;
}

/* The smallest step that at least 95 % of the pixels do not exceed. */
static double percentile95(const partial *p, uint64_t pixels) {
    uint64_t count = 0;
    size_t i;
    for (i = 0; i < P95_BINS - 1; i++) {
        count += p->histogram[i];
        if (count * 20 >= pixels * 19) break;
    }
    return (double)i * P95_STEP;
}

static int failed(gmlp_result result, char error[256]) {
    snprintf(error, 256, "cannot compare the pictures: %s", gmlp_result_string(result));
    return -1;
}

static int compare(const gmlp_image *reference, const gmlp_image *test, int signal_only, const gmlp_threads *threads,
                   metrics *out, char error[256]) {
    const uint32_t width = reference->width, height = reference->height;
    const uint64_t pixels = (uint64_t)width * height;
    comparison c;
    partial *p;
    gmlp_result result;
    size_t i;
    if (width != test->width || height != test->height) {
        snprintf(error, 256, "the pictures differ in size: %u x %u and %u x %u", (unsigned)width, (unsigned)height,
                 (unsigned)test->width, (unsigned)test->height);
        return -1;
    }
    if (!pixels) return failed(GMLP_E_ARGUMENT, error);
    c.reference = reference;
    c.test = test;
    c.hdr = metrics_is_hdr(reference);
    c.signal_only = signal_only;
    c.band_rows = 262144u / width < 16 ? 16 : 262144u / width;
    c.jobs = (height - 1) / c.band_rows + 1;
    if (c.jobs > JOBS) c.jobs = JOBS;
    if ((result = colours_of(c.hdr, &c.colours)) != GMLP_OK) return failed(result, error);
    p = c.partials = (partial *)calloc(c.jobs, sizeof *c.partials);
    if (!p) return failed(GMLP_E_MEMORY, error);
    if (threads && threads->run) threads->run(threads->user, compare_job, &c, c.jobs);
    else for (i = 0; i < c.jobs; i++) compare_job(&c, i);
    for (i = 1; i < c.jobs; i++) partial_merge(p, p + i);
    result = p->result;
    if (!result) {
        const double n = (double)pixels, og = (double)p->out_of_gamut;
        const double windows = width < WINDOW || height < WINDOW
                                   ? 0 : (double)(width - (WINDOW - 1)) * (height - (WINDOW - 1));
        const double mse = mean(&p->error, 3 * n), mse_og = mean(&p->error_og, 3 * og);
        out->psnr = psnr_of_mse(mse);
        out->psnr_og = psnr_of_mse(mse_og);
        out->rmse = sqrt(mse);
        out->rmse_og = sqrt(mse_og);
        out->ssim = 1 - mean(&p->ssim, windows);
        out->delta_e2000_mean = signal_only ? NAN : mean(&p->e2000, n);
        out->delta_e2000_p95 = signal_only ? NAN : percentile95(p, pixels);
        out->delta_e_itp_mean = mean(&p->itp, n);
        out->out_of_gamut = og / n;
        out->hdr = c.hdr;
    }
    free(p);
    return result ? failed(result, error) : 0;
}

int metrics_compare(const gmlp_image *reference, const gmlp_image *test, const gmlp_threads *threads,
                    metrics *out, char error[256]) {
    return compare(reference, test, 0, threads, out, error);
}

int metrics_compare_signals(const gmlp_image *reference, const gmlp_image *test, const gmlp_threads *threads,
                            metrics *out, char error[256]) {
    return compare(reference, test, 1, threads, out, error);
}

/* ---- PSNR, band by band ---- */

/* Encode calls this for every picture, so it avoids the library's general conversion: samples of 8
   and 16 bits are looked up in a table, and the rest is done in blocks that compilers can
   vectorise. */
enum { BLOCK = 256 };

typedef struct source {
    int type, space;
    size_t step;       /* samples from one pixel to the next, as psnr_row sees them */
    float *table;      /* linear light of every code */
    int converted;     /* rows go through gmlp_convert first: no table, and not linear floats */
    float prophoto[9]; /* from linear light to linear ProPhoto */
} source;

struct metrics_psnr {
    source sources[3]; /* original, base, decoded */
    float srgb[9];     /* from the original's linear light to linear sRGB */
};

static int linear_space(int space) {
    if (gmlp_space_is_linear(space)) return space;
    if (space == GMLP_REC709) return GMLP_SRGB_LINEAR;
    return space == GMLP_REC2020_PQ || space == GMLP_REC2020_HLG ? GMLP_REC2020_LINEAR : space + GMLP_LINEAR;
}

static gmlp_result float_matrix(int from, int to, int adaptation, float out[9]) {
    double m[9];
    const gmlp_result result = gmlp_space_matrix(from, to, adaptation, m);
    int i;
    for (i = 0; !result && i < 9; i++) out[i] = (float)m[i];
    return result;
}

/* The table is one row of grey pixels with all codes, converted. */
static gmlp_result source_table(source *s) {
    const uint32_t codes = s->type == GMLP_U8 ? 256 : 65536, half = codes / 2; /* a picture is at most 65535 wide */
    uint16_t *grey = (uint16_t *)malloc(codes * 3 * sizeof *grey);
    float *linear = (float *)malloc(codes * 3 * sizeof *linear);
    gmlp_image out = float_image(linear, half, 2, linear_space(s->space)), in = out;
    gmlp_result result = GMLP_E_MEMORY;
    uint32_t i;
    s->table = (float *)malloc(codes * sizeof *s->table);
    if (grey && linear && s->table) {
        for (i = 0; i < codes * 3; i++) {
            if (s->type == GMLP_U8) ((uint8_t *)grey)[i] = (uint8_t)(i / 3);
            else grey[i] = (uint16_t)(i / 3);
        }
        in.data = grey;
        in.type = s->type;
        in.space = s->space;
        result = gmlp_convert(&in, &out, NULL);
        for (i = 0; i < codes; i++) s->table[i] = linear[3 * i];
    }
    free(grey);
    free(linear);
    return result;
}

metrics_psnr *metrics_psnr_begin(const gmlp_image *original, const gmlp_image *base, const gmlp_image *decoded,
                                 int adaptation, char error[256]) {
    const gmlp_image *images[3];
    metrics_psnr *p = (metrics_psnr *)calloc(1, sizeof *p);
    gmlp_result result = p ? GMLP_OK : GMLP_E_MEMORY;
    int i;
    images[0] = original;
    images[1] = base;
    images[2] = decoded;
    if (!result) result = float_matrix(original->space, GMLP_SRGB, adaptation, p->srgb);
    for (i = 0; !result && i < 3; i++) {
        source *s = p->sources + i;
        s->type = images[i]->type;
        s->space = images[i]->space;
        s->converted = s->type == GMLP_FLOAT ? !gmlp_space_is_linear(s->space)
                                             : s->space == GMLP_REC2020_HLG; /* which mixes the channels */
        s->step = images[i]->channels && !s->converted ? (size_t)images[i]->channels : 3;
        result = float_matrix(s->space, GMLP_PROPHOTO, adaptation, s->prophoto);
        if (!result && s->type != GMLP_FLOAT && !s->converted) result = source_table(s);
    }
    if (!result) return p;
    failed(result, error);
    metrics_psnr_free(p);
    return NULL;
}

void metrics_psnr_free(metrics_psnr *p) {
    int i;
    for (i = 0; p && i < 3; i++) free(p->sources[i].table);
    free(p);
}

/* A block as three planes; what is beyond count stays 0. */
typedef struct planes {
    float c[3][BLOCK];
} planes;

static void clamp(planes *p) {
    int i, c;
    for (c = 0; c < 3; c++)
        for (i = 0; i < BLOCK; i++) { /* NaN to 0 */
            const float v = p->c[c][i] > 0.0f ? p->c[c][i] : 0.0f;
            p->c[c][i] = v < 1.0f ? v : 1.0f;
        }
}

static void mix(const float m[9], const planes *restrict in, planes *restrict out) {
    int i, c;
    for (c = 0; c < 3; c++) {
        const float a = m[3 * c], b = m[3 * c + 1], d = m[3 * c + 2];
        for (i = 0; i < BLOCK; i++) out->c[c][i] = a * in->c[0][i] + b * in->c[1][i] + d * in->c[2][i];
    }
}

/* Linear light of a row's pixels first..first+count; row is in floats where there is no table. */
static void source_block(const source *s, const void *row, size_t first, int count, planes *out) {
    const size_t step = s->step, start = first * step;
    const float *table = s->table;
    size_t i, end = (size_t)count;
    int c;
    if (count < BLOCK) memset(out, 0, sizeof *out);
    for (c = 0; c < 3; c++) {
        const uint8_t *u8 = (const uint8_t *)row + start + (size_t)c;
        const uint16_t *u16 = (const uint16_t *)row + start + (size_t)c;
        const float *f = (const float *)row + start + (size_t)c;
        if (!table) for (i = 0; i < end; i++) out->c[c][i] = f[i * step];
        else if (s->type == GMLP_U8) for (i = 0; i < end; i++) out->c[c][i] = table[u8[i * step]];
        else for (i = 0; i < end; i++) out->c[c][i] = table[u16[i * step]];
    }
}

/* The library's rule, with its tolerance, on linear sRGB: 1 = OG. Returns how many are. */
static uint32_t mask_block(const planes *p, float mask[BLOCK]) {
    const float low = -1e-6f, high = 1.0f + 1e-6f;
    uint32_t count = 0;
    int i;
    for (i = 0; i < BLOCK; i++) {
        const float r = p->c[0][i], g = p->c[1][i], b = p->c[2][i];
        const int some = (r < low) | (g < low) | (b < low) | (r > high) | (g > high) | (b > high);
        const int all = ((r < 0) & (g < 0) & (b < 0)) | ((r > 1) & (g > 1) & (b > 1));
        mask[i] = (some & !all) ? 1.0f : 0.0f;
        count += (uint32_t)(some & !all);
    }
    return count;
}

static void block_errors(const planes *a, const planes *b, const float mask[BLOCK], double sums[LANES], double og[LANES]) {
    float e[BLOCK], masked[BLOCK];
    int i, k;
    for (i = 0; i < BLOCK; i++) {
        const float d0 = a->c[0][i] - b->c[0][i], d1 = a->c[1][i] - b->c[1][i], d2 = a->c[2][i] - b->c[2][i];
        e[i] = d0 * d0 + d1 * d1 + d2 * d2;
        masked[i] = mask[i] * e[i];
    }
    for (i = 0; i < BLOCK; i += LANES)
        for (k = 0; k < LANES; k++) {
            sums[k] += e[i + k];
            og[k] += masked[i + k];
        }
}

static void sum_lanes(metrics_sum *s, const double lanes[LANES]) {
    double sum = 0;
    int k;
    for (k = 0; k < LANES; k++) sum += lanes[k];
    sum_add(s, sum);
}

static void psnr_row(const metrics_psnr *p, const void *const rows[3], uint32_t width, metrics_psnr_sums *sums) {
    double clip[LANES] = {0}, clip_og[LANES] = {0}, decoded[LANES] = {0}, decoded_og[LANES] = {0};
    planes linear, wide[3];
    float mask[BLOCK];
    uint32_t x;
    int i;
    for (x = 0; x < width; x += BLOCK) {
        const int count = width - x < BLOCK ? (int)(width - x) : BLOCK;
        for (i = 0; i < 3; i++) {
            source_block(p->sources + i, rows[i], x, count, &linear);
            if (i == 0) {
                planes limited = linear; /* as the library does before the mask */
                clamp(&limited);
                mix(p->srgb, &limited, &wide[1]);
                sums->out_of_gamut += mask_block(&wide[1], mask);
            }
            mix(p->sources[i].prophoto, &linear, &wide[i]);
            clamp(&wide[i]);
        }
        block_errors(&wide[0], &wide[1], mask, clip, clip_og);
        block_errors(&wide[0], &wide[2], mask, decoded, decoded_og);
    }
    sum_lanes(&sums->clip, clip);
    sum_lanes(&sums->clip_og, clip_og);
    sum_lanes(&sums->decoded, decoded);
    sum_lanes(&sums->decoded_og, decoded_og);
    sums->pixels += width;
}

int metrics_psnr_rows(const metrics_psnr *p, const gmlp_image *original, const gmlp_image *base,
                      const gmlp_image *decoded, metrics_psnr_sums *sums, char error[256]) {
    const gmlp_image *images[3];
    const uint32_t width = original->width;
    const void *rows[3];
    float *converted = (float *)malloc(3 * 3 * (size_t)width * sizeof *converted);
    gmlp_result result = converted ? GMLP_OK : GMLP_E_MEMORY;
    uint32_t y;
    int i;
    images[0] = original;
    images[1] = base;
    images[2] = decoded;
    for (i = 0; !result && i < 3; i++)
        if (images[i]->width != width || images[i]->height != original->height || images[i]->type != p->sources[i].type)
            result = GMLP_E_ARGUMENT;
    for (y = 0; !result && y < original->height; y++) {
        for (i = 0; !result && i < 3; i++) {
            const gmlp_image row = metrics_rows(images[i], y, 1);
            rows[i] = row.data;
            if (p->sources[i].converted) {
                float *out = converted + 3 * (size_t)width * (size_t)i;
                const gmlp_image to = float_image(out, width, 1, linear_space(row.space));
                result = gmlp_convert(&row, &to, NULL);
                rows[i] = out;
            }
        }
        if (!result) psnr_row(p, rows, width, sums);
    }
    free(converted);
    return result ? failed(result, error) : 0;
}

void metrics_psnr_merge(metrics_psnr_sums *sums, const metrics_psnr_sums *other) {
    sum_merge(&sums->clip, &other->clip);
    sum_merge(&sums->clip_og, &other->clip_og);
    sum_merge(&sums->decoded, &other->decoded);
    sum_merge(&sums->decoded_og, &other->decoded_og);
    sums->pixels += other->pixels;
    sums->out_of_gamut += other->out_of_gamut;
}

metrics_psnr_result metrics_psnr_finish(const metrics_psnr_sums *sums) {
    const double n = 3.0 * (double)sums->pixels, og = 3.0 * (double)sums->out_of_gamut;
    metrics_psnr_result r;
    r.psnr_clip = psnr_of_mse(mean(&sums->clip, n));
    r.psnr_clip_og = psnr_of_mse(mean(&sums->clip_og, og));
    r.psnr = psnr_of_mse(mean(&sums->decoded, n));
    r.psnr_og = psnr_of_mse(mean(&sums->decoded_og, og));
    return r;
}
