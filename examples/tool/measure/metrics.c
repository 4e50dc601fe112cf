/* metrics.c - how far a picture is from its reference */
#include "measure/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/colour_difference.h"
#include "measure/sums.h"

#define PQ_PEAK (10000.0 / 203.0) /* PQ code 1 in units of diffuse white */

/* ---- rows of pixels ---- */

gmlp_image metrics_rows(const gmlp_image *image, uint32_t first, uint32_t rows) {
    gmlp_image view = *image;
    if (!view.channels) view.channels = 3;
    if (!view.stride) view.stride = (ptrdiff_t)(view.width * (size_t)view.channels * gmlp_pixel_size(view.type, 1));
    view.data = (uint8_t *)view.data + (ptrdiff_t)first * view.stride;
    view.height = rows;
    return view;
}

gmlp_image metrics_floats(const float *data, uint32_t width, uint32_t height, int space) {
    gmlp_image image;
    memset(&image, 0, sizeof image);
    image.data = (void *)data; /* gmlp_image is also used for what is only read */
    image.width = width;
    image.height = height;
    image.type = GMLP_F32;
    image.channels = 3;
    image.space = space;
    return image;
}

int metrics_is_hdr(const gmlp_image *reference) {
    uint32_t y;
    if (reference->space == GMLP_REC2020_PQ || reference->space == GMLP_REC2020_HLG) return 1;
    if (!gmlp_space_is_linear(reference->space)) return 0;
    if (reference->type != GMLP_F16 && reference->type != GMLP_F32) return 0;
    for (y = 0; y < reference->height; y++) {
        const gmlp_image row = metrics_rows(reference, y, 1);
        size_t x;
        int c;
        for (x = 0; x < row.width; x++)
            for (c = 0; c < 3; c++) {
                const size_t i = x * (size_t)row.channels + (size_t)c;
                const float v = row.type == GMLP_F32 ? ((const float *)row.data)[i]
                                                       : gmlp_half_to_float(((const uint16_t *)row.data)[i]);
                if (v > 1.0f) return 1;
            }
    }
    return 0;
}

gmlp_result metrics_linear(const gmlp_image *image, int hdr, float *linear) {
    const int space = hdr ? GMLP_REC2020_LINEAR : GMLP_PROPHOTO_LINEAR;
    const gmlp_image out = metrics_floats(linear, image->width, image->height, space);
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
    const gmlp_image in = metrics_floats(linear, width, height, GMLP_REC2020_LINEAR);
    const gmlp_image out = metrics_floats(signal, width, height, GMLP_REC2020_PQ);
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
static void row_errors(const float *a, const float *b, const uint8_t *mask, size_t n, exact_sum *all, exact_sum *og) {
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
            /* checked: the mask of each row is made before */
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
static void ssim_rows(const float *a, const float *b, size_t width, size_t rows, double *scratch, exact_sum *sum) {
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
    exact_sum error, error_og, ssim, e2000, itp;
    uint64_t out_of_gamut;
    uint32_t histogram[P95_BINS]; /* of CIEDE2000, in steps of P95_STEP */
    gmlp_result result;
} partial;

typedef struct comparison {
    const gmlp_image *reference, *test;
    const metrics_maker *makers[2]; /* NULL: the pictures have pixels */
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
        const gmlp_image in = metrics_floats(linear, rows->width, rows->height, GMLP_PROPHOTO_LINEAR);
        const gmlp_image out = metrics_floats(coded, rows->width, rows->height, GMLP_PROPHOTO);
        result = gmlp_convert(&in, &out, NULL);
    }
    for (i = 0; i < n; i++)
        luma[i] = (float)(w[0] * coded[3 * i] + w[1] * coded[3 * i + 1] + w[2] * coded[3 * i + 2]);
    return result;
}

/* Some of a picture's rows, which may be made in memory. */
static gmlp_result rows_of(const comparison *c, int which, uint32_t first, uint32_t rows, float *memory,
                           gmlp_image *out) {
    const metrics_maker *m = c->makers[which];
    if (m) *out = metrics_floats(memory, c->reference->width, rows, GMLP_REC2020_PQ);
    else *out = metrics_rows(which ? c->test : c->reference, first, rows);
    return m ? m->rows(m->user, first, out) : GMLP_OK;
}

static gmlp_result compare_band(const comparison *c, band *b, uint32_t first, partial *out) {
    const uint32_t width = c->reference->width, below = c->reference->height - first;
    const uint32_t rows = below < c->band_rows ? below : c->band_rows;
    const uint32_t loaded = below < rows + (WINDOW - 1) ? below : rows + (WINDOW - 1);
    gmlp_image pictures[2], masked;
    gmlp_result result;
    uint32_t y, x;
    int i;
    for (i = 0; i < 2; i++) {
        if ((result = rows_of(c, i, first, loaded, b->coded[i], &pictures[i])) != GMLP_OK) return result;
        if ((result = load(c, &pictures[i], b->linear[i], b->coded[i], b->luma[i])) != GMLP_OK) return result;
    }
    masked = pictures[0];
    masked.height = rows;
    if ((result = metrics_mask(&masked, b->linear[0], c->hdr, b->mask)) != GMLP_OK) return result;
    for (y = 0; y < rows; y++) {
        const size_t row = (size_t)y * width;
        float **pixels = c->hdr ? b->coded : b->linear;
        row_errors(pixels[0] + 3 * row, pixels[1] + 3 * row, b->mask + row, width, &out->error, &out->error_og);
        /* checked: each pixel has its mask, of as many pixels as there are */
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
            e = delta_e2000(lab[0], lab[1]);
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

static int compare(const gmlp_image *reference, const gmlp_image *test, const metrics_maker *const makers[2],
                   int signal_only, const gmlp_threads *threads, metrics *out, char error[256]) {
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
    c.makers[0] = makers[0];
    c.makers[1] = makers[1];
    c.hdr = metrics_is_hdr(reference);
    c.signal_only = signal_only;
    c.band_rows = 262144u / width < 16 ? 16 : 262144u / width;
    c.jobs = (height - 1) / c.band_rows + 1;
    if (c.jobs > JOBS) c.jobs = JOBS;
    if ((result = colours_of(c.hdr, &c.colours)) != GMLP_OK) return failed(result, error);
    p = c.partials = (partial *)calloc(c.jobs, sizeof *c.partials);
    if (!p) return failed(GMLP_E_MEMORY, error);
    if (threads && threads->parallel_for) threads->parallel_for(threads->user, compare_job, &c, c.jobs);
    else for (i = 0; i < c.jobs; i++) compare_job(&c, i);
    for (i = 1; i < c.jobs; i++) partial_merge(p, p + i);
    result = p->result;
    if (!result) {
        const double n = (double)pixels, og = (double)p->out_of_gamut;
        const double windows = width < WINDOW || height < WINDOW
                                   ? 0 : (double)(width - (WINDOW - 1)) * (height - (WINDOW - 1));
        const double mse = sum_mean(&p->error, 3 * n), mse_og = sum_mean(&p->error_og, 3 * og);
        out->psnr = psnr_of_mse(mse);
        out->psnr_og = psnr_of_mse(mse_og);
        out->rmse = sqrt(mse);
        out->rmse_og = sqrt(mse_og);
        out->ssim = 1 - sum_mean(&p->ssim, windows);
        out->delta_e2000_mean = signal_only ? NAN : sum_mean(&p->e2000, n);
        out->delta_e2000_p95 = signal_only ? NAN : percentile95(p, pixels);
        out->delta_e_itp_mean = sum_mean(&p->itp, n);
        out->out_of_gamut = og / n;
        out->hdr = c.hdr;
    }
    free(p);
    return result ? failed(result, error) : 0;
}

static const metrics_maker *const none[2] = { NULL, NULL };

int metrics_compare(const gmlp_image *reference, const gmlp_image *test, const gmlp_threads *threads,
                    metrics *out, char error[256]) {
    return compare(reference, test, none, 0, threads, out, error);
}

int metrics_compare_signals(const gmlp_image *reference, const gmlp_image *test, const gmlp_threads *threads,
                            metrics *out, char error[256]) {
    return compare(reference, test, none, 1, threads, out, error);
}

int metrics_compare_made(uint32_t width, uint32_t height, const metrics_maker *reference, const metrics_maker *test,
                         const gmlp_threads *threads, metrics *out, char error[256]) {
    const gmlp_image like = metrics_floats(NULL, width, height, GMLP_REC2020_PQ);
    const metrics_maker *const makers[2] = { reference, test };
    return compare(&like, &like, makers, 1, threads, out, error);
}
