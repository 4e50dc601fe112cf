#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gain_map_jpeg.h"
#include "measure/metrics.h"
#include "shell/messages.h"

#define E (1.0f / 64)
#define LIB_E (1e-7f / 203)
#define SDR_WHITE 100.0
#define HDR_WHITE 203.0

static int is_linear(int method) { return method == GAIN_MAP_ULTRAHDR || method == GAIN_MAP_LIBULTRAHDR; }

float gain_map_value(int method, float s, float h) {
    if (method == GAIN_MAP_GAMMA) return logf(h + E) / logf(fminf(s, 1 - 2 * E) + E);
    if (method == GAIN_MAP_LIBULTRAHDR) {
        const float f = log2f((h + LIB_E) / (s + LIB_E)), most = s < 2 / 255.0f / 203 ? 2.3f : 15.6f;
        return fmaxf(fminf(f, most), -14.3f);
    }
    return log2f((h + E) / (s + E));
}

float gain_map_undo(int method, float s, float f) {
    const float e = method == GAIN_MAP_LIBULTRAHDR ? LIB_E : E;
    const float h = (method == GAIN_MAP_GAMMA ? powf(fminf(s, 1 - 2 * E) + E, f) : (s + e) * exp2f(f)) - e;
    return fmaxf(fminf(h, is_linear(method) ? 10000.0f / 203 : 1), 0);
}

struct gain_map {
    uint32_t width, height;
    int method;
    double peak;
    gmlp_threads threads;
    float *s, *f; /* packed, three a pixel */
    float *pq;    /* of the HDR rendition, which results are judged by */
};

static gmlp_image rows_of(float *data, uint32_t width, uint32_t height, int space) {
    gmlp_image v;
    memset(&v, 0, sizeof v);
    v.data = data;
    v.width = width;
    v.height = height;
    v.type = GMLP_F32;
    v.space = space;
    return v;
}

/* Between linear light and the PQ code that GAIN and GAMMA work on, in place. */
static gmlp_result recode(const gain_map *g, float *data, uint32_t height, int from, int to, double white) {
    const gmlp_image in = rows_of(data, g->width, height, from), out = rows_of(data, g->width, height, to);
    gmlp_convert_opts opts;
    memset(&opts, 0, sizeof opts);
    opts.white_nits = white * (10000 / g->peak); /* for the library code 1 is 10000 cd/m2 */
    return gmlp_convert(&in, &out, &opts);
}

static gmlp_result signal_of(const gain_map *g, float *linear, double white) {
    const gmlp_result result = recode(g, linear, g->height, GMLP_REC2020_LINEAR, GMLP_REC2020_PQ, white);
    for (size_t i = 0; i < 3 * (size_t)g->width * g->height; i++) linear[i] = fminf(linear[i], 1);
    return result;
}

gain_map *gain_map_new(const gmlp_image *sdr, const gmlp_image *hdr, int method, double peak,
                       const gmlp_threads *threads, char error[256]) {
    const uint32_t width = sdr->width, height = sdr->height;
    const size_t n = 3 * (size_t)width * height;
    gain_map *g;
    gmlp_result result = GMLP_E_MEMORY;
    if (hdr->width != width || hdr->height != height)
        return error_text(error, "the map", "the renditions differ in size"), NULL;
    g = (gain_map *)calloc(1, sizeof *g);
    if (g) {
        g->width = width;
        g->height = height;
        g->method = method;
        g->peak = peak;
        if (threads) g->threads = *threads;
        g->s = (float *)malloc(n * sizeof(float));
        g->f = (float *)malloc(n * sizeof(float));
        g->pq = (float *)malloc(n * sizeof(float));
        if (g->s && g->f && g->pq) {
            result = metrics_linear(sdr, 1, g->s);
            if (!result) result = metrics_linear(hdr, 1, g->f);
            if (!result) result = metrics_pq(g->f, width, height, g->pq);
            if (!result && !is_linear(method)) result = signal_of(g, g->s, SDR_WHITE);
            if (!result && !is_linear(method)) result = signal_of(g, g->f, HDR_WHITE);
        }
    }
    if (result) return gain_map_free(g), error_text(error, "the map", "%s", gmlp_result_string(result)), NULL;
    for (size_t i = 0; i < n; i++) g->f[i] = gain_map_value(method, g->s[i], g->f[i]);
    return g;
}

void gain_map_free(gain_map *g) {
    if (!g) return;
    free(g->s);
    free(g->f);
    free(g->pq);
    free(g);
}

typedef struct application {
    const gain_map *g;
    const map_jpeg *map;
    const uint8_t *codes;
    uint32_t step; /* of the rows that are taken */
    float *pq;     /* packed, as sums */
    double *sums;  /* each row's; NaN: failed */
} application;

static uint32_t rows_taken(const application *a) { return (a->g->height - 1) / a->step + 1; }

static int make(void *user, uint32_t scale, map_jpeg *m) {
    const gain_map *g = ((const application *)user)->g;
    const uint32_t width = (g->width + scale - 1) / scale, height = (g->height + scale - 1) / scale;
    float *mean = (float *)calloc(3 * (size_t)width * height, sizeof(float));
    int failed;
    if (!mean) return -1;
    for (uint32_t y = 0; y < g->height; y++)
        for (uint32_t x = 0; x < g->width; x++) {
            const float *from = g->f + 3 * ((size_t)y * g->width + x);
            float *to = mean + 3 * ((size_t)(y / scale) * width + x / scale);
            const uint32_t right = g->width - x / scale * scale, below = g->height - y / scale * scale;
            const float share = 1.0f /
                                ((float)(right < scale ? right : scale) * (float)(below < scale ? below : scale));
            for (int k = 0; k < 3; k++) to[k] += from[k] * share;
        }
    failed = map_jpeg_new(m, mean, width, height, scale);
    free(mean);
    return failed;
}

/* A job's rows, enough to make up for the curves' tables; and the pixels that tell which of two maps is better. */
enum { ROWS = 64, SEARCHED = 1 << 18 };

static void apply_job(void *ctx, size_t index) {
    const application *a = (const application *)ctx;
    const gain_map *g = a->g;
    const uint32_t first = (uint32_t)index * ROWS, left = rows_taken(a) - first, rows = left < ROWS ? left : ROWS;
    const size_t row = 3 * (size_t)g->width;
    float *out = a->pq + first * row;
    gmlp_result result = GMLP_OK;
    for (uint32_t k = 0; k < rows; k++) {
        const uint32_t y = (first + k) * a->step;
        for (uint32_t x = 0; x < g->width; x++) {
            const float *s = g->s + y * row + 3 * (size_t)x;
            float *h = out + k * row + 3 * (size_t)x, f[3];
            map_jpeg_sample(a->map, a->codes, x, y, f);
            for (int c = 0; c < 3; c++) h[c] = gain_map_undo(g->method, s[c], f[c]);
        }
    }
    if (!is_linear(g->method)) result = recode(g, out, rows, GMLP_REC2020_PQ, GMLP_REC2020_LINEAR, HDR_WHITE);
    if (!result) result = metrics_pq(out, g->width, rows, out);
    for (uint32_t k = 0; k < rows; k++) {
        const float *p = out + k * row, *q = g->pq + (first + k) * a->step * row;
        double sum = result ? NAN : 0;
        for (size_t i = 0; i < row; i++) {
            const double d = (double)p[i] - q[i];
            sum += d * d;
        }
        a->sums[first + k] = sum;
    }
}

static double apply(void *user, const map_jpeg *m, const uint8_t *codes) {
    application *a = (application *)user;
    const gmlp_threads *threads = &a->g->threads;
    const uint32_t rows = rows_taken(a);
    const size_t jobs = (rows - 1) / ROWS + 1;
    double sum = 0;
    a->map = m;
    a->codes = codes;
    if (threads->parallel_for) threads->parallel_for(threads->user, apply_job, a, jobs);
    else for (size_t i = 0; i < jobs; i++) apply_job(a, i);
    for (uint32_t k = 0; k < rows; k++) sum += a->sums[k];
    return sum;
}

static map_jpeg_subject subject_of(application *a, const gain_map *g, float *pq, double *sums) {
    map_jpeg_subject s;
    memset(a, 0, sizeof *a);
    a->g = g;
    a->pq = pq;
    a->sums = sums;
    a->step = 1;
    s.user = a;
    s.make = make;
    s.apply = apply;
    return s;
}

double gain_map_jpeg_apply(const gain_map *g, map_jpeg_choice *choice, float *pq, char error[256]) {
    double *sums = (double *)malloc(g->height * sizeof *sums), sum;
    application a;
    const map_jpeg_subject s = subject_of(&a, g, pq, sums);
    if (!sums) return error_text(error, "the map", "out of memory"), NAN;
    sum = map_jpeg_apply(&s, choice, error);
    free(sums);
    return sum > 0 ? 10 * log10(3.0 * g->width * g->height / sum) : isnan(sum) ? sum : INFINITY;
}

int gain_map_jpeg_search(const gain_map *g, const size_t *budgets, size_t count, map_jpeg_choice *out,
                         char error[256]) {
    double *sums = (double *)malloc(g->height * sizeof *sums);
    float *pq = (float *)malloc(3 * (size_t)g->width * g->height * sizeof *pq);
    application a;
    const map_jpeg_subject s = subject_of(&a, g, pq, sums);
    int status = -1;
    a.step = (uint32_t)(((size_t)g->width * g->height - 1) / SEARCHED) + 1;
    if (sums && pq) status = map_jpeg_search(&s, budgets, count, out, error);
    else error_text(error, "the map", "out of memory");
    free(sums);
    free(pq);
    return status;
}
