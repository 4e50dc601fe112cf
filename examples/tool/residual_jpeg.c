#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "picture.h"
#include "residual_jpeg.h"

enum { RANGES = 6 * sizeof(float) };

/* A map of cells: means of the residual, and on how many pixels they stand. */
typedef struct map {
    uint32_t width, height, scale;
    float *mean, *weight;
    float low[3], high[3];
    uint8_t *codes;
} map;

static void map_free(map *m) {
    free(m->mean);
    free(m->weight);
    free(m->codes);
    memset(m, 0, sizeof *m);
}

static int map_new(map *m, uint32_t width, uint32_t height, uint32_t scale) {
    const size_t cells = (size_t)width * height;
    memset(m, 0, sizeof *m);
    m->width = width;
    m->height = height;
    m->scale = scale;
    m->mean = (float *)calloc(cells * 3, sizeof(float));
    m->weight = (float *)calloc(cells, sizeof(float));
    m->codes = (uint8_t *)malloc(cells * 3);
    if (m->mean && m->weight && m->codes) return 0;
    map_free(m);
    return -1;
}

static void divide(map *m) {
    for (size_t i = 0; i < (size_t)m->width * m->height; i++)
        for (size_t k = 0; k < 3 && m->weight[i] > 0; k++) m->mean[3 * i + k] /= m->weight[i];
}

/* Empty cells take what a map of half the size has there, so that the picture stays smooth. */
static int fill(map *m) {
    map half;
    uint32_t x, y;
    if (m->width == 1 && m->height == 1) return 0;
    if (map_new(&half, (m->width + 1) / 2, (m->height + 1) / 2, 0)) return -1;
    for (y = 0; y < m->height; y++)
        for (x = 0; x < m->width; x++) {
            const size_t from = (size_t)y * m->width + x, to = (size_t)(y / 2) * half.width + x / 2;
            if (m->weight[from] <= 0) continue;
            half.weight[to] += 1;
            for (size_t k = 0; k < 3; k++) half.mean[3 * to + k] += m->mean[3 * from + k];
        }
    divide(&half);
    if (fill(&half)) return map_free(&half), -1;
    for (y = 0; y < m->height; y++)
        for (x = 0; x < m->width; x++) {
            const size_t to = (size_t)y * m->width + x, from = (size_t)(y / 2) * half.width + x / 2;
            if (m->weight[to] <= 0) memcpy(m->mean + 3 * to, half.mean + 3 * from, 3 * sizeof(float));
        }
    map_free(&half);
    return 0;
}

static int map_make(const residual_jpeg_input *in, uint32_t scale, map *m) {
    if (map_new(m, (in->width + scale - 1) / scale, (in->height + scale - 1) / scale, scale)) return -1;
    for (uint32_t y = 0; y < in->height; y++)
        for (uint32_t x = 0; x < in->width; x++) {
            const size_t from = (size_t)y * in->width + x, to = (size_t)(y / scale) * m->width + x / scale;
            if (!in->saturated[from]) continue;
            m->weight[to] += 1;
            for (size_t k = 0; k < 3; k++) m->mean[3 * to + k] += in->original[3 * from + k] - in->clipped[3 * from + k];
        }
    divide(m);
    if (fill(m)) return map_free(m), -1;
    for (size_t k = 0; k < 3; k++) {
        const size_t cells = (size_t)m->width * m->height;
        m->low[k] = INFINITY;
        m->high[k] = -INFINITY;
        for (size_t i = 0; i < cells; i++) {
            m->low[k] = fminf(m->low[k], m->mean[3 * i + k]);
            m->high[k] = fmaxf(m->high[k], m->mean[3 * i + k]);
        }
        for (size_t i = 0; i < cells; i++) {
            const float range = m->high[k] - m->low[k];
            m->codes[3 * i + k] = range > 0 ? (uint8_t)(255 * (m->mean[3 * i + k] - m->low[k]) / range + 0.5f) : 0;
        }
    }
    return 0;
}

/* The size without the colour profile that the writer adds, which a map has no use for. */
static size_t bare_size(const uint8_t *p, size_t size) {
    size_t profile = 0, at = 2;
    while (at + 4 <= size && p[at] == 0xff && p[at + 1] != 0xda) {
        const size_t segment = 2 + ((size_t)p[at + 2] << 8 | p[at + 3]);
        if (p[at + 1] == 0xe2) profile += segment;
        at += segment;
    }
    return size - profile;
}

static int compress(const map *m, residual_jpeg *choice, uint8_t **bytes, size_t *size, char error[256]) {
    picture_write_opts opts;
    gmlp_image image;
    memset(&opts, 0, sizeof opts);
    memset(&image, 0, sizeof image);
    opts.quality = choice->quality;
    opts.subsample = choice->subsample;
    image.data = m->codes;
    image.width = m->width;
    image.height = m->height;
    image.type = GMLP_U8;
    image.channels = 3;
    image.space = GMLP_SRGB;
    if (picture_encode_memory(GMLP_CONTAINER_JPEG, &image, &opts, bytes, size, error)) return -1;
    choice->bytes = bare_size(*bytes, *size) + RANGES;
    return 0;
}

/* The best quality that fits the budget, 0 if none does. */
static int fit_quality(const map *m, size_t budget, residual_jpeg *choice, char error[256]) {
    int low = 0, high = 101; /* low fits, high does not */
    while (high - low > 1) {
        uint8_t *bytes = NULL;
        size_t size;
        choice->quality = low ? (low + high) / 2 : 1; /* most large maps do not fit at all */
        if (compress(m, choice, &bytes, &size, error)) return -1;
        free(bytes);
        if (choice->bytes <= budget) low = choice->quality;
        else high = choice->quality;
    }
    choice->quality = low;
    return 0;
}

/* Between the cells' centres, linearly. */
static void sample(const map *m, const uint8_t *codes, uint32_t x, uint32_t y, float out[3]) {
    const float s = 1.0f / (float)m->scale;
    const float fx = fminf(fmaxf(((float)x + 0.5f) * s - 0.5f, 0), (float)(m->width - 1));
    const float fy = fminf(fmaxf(((float)y + 0.5f) * s - 0.5f, 0), (float)(m->height - 1));
    const uint32_t x0 = (uint32_t)fx, y0 = (uint32_t)fy, x1 = x0 + 1 < m->width ? x0 + 1 : x0, y1 = y0 + 1 < m->height ? y0 + 1 : y0;
    const float ax = fx - (float)x0, ay = fy - (float)y0;
    const uint8_t *a = codes + 3 * ((size_t)y0 * m->width + x0), *b = codes + 3 * ((size_t)y0 * m->width + x1);
    const uint8_t *c = codes + 3 * ((size_t)y1 * m->width + x0), *d = codes + 3 * ((size_t)y1 * m->width + x1);
    for (int k = 0; k < 3; k++) {
        const float v = (1 - ay) * ((1 - ax) * (float)a[k] + ax * (float)b[k]) + ay * ((1 - ax) * (float)c[k] + ax * (float)d[k]);
        out[k] = m->low[k] + (m->high[k] - m->low[k]) / 255 * v;
    }
}

static float within(float v) { return v > 0 ? v < 1 ? v : 1 : 0; }

/* Compresses, reads back and applies. result may be NULL; returns the squared error over OG pixels, or NaN with the
   reason in error. */
static double apply(const residual_jpeg_input *in, const map *m, residual_jpeg *choice, float *result, char error[256]) {
    uint8_t *bytes = NULL;
    size_t size;
    double sum = 0;
    picture back;
    int failed;
    if (compress(m, choice, &bytes, &size, error)) return NAN;
    failed = picture_read_memory(bytes, size, "the residual", GMLP_SRGB, &back, error);
    free(bytes);
    if (failed) return NAN;
    for (uint32_t y = 0; y < in->height; y++)
        for (uint32_t x = 0; x < in->width; x++) {
            const size_t i = (size_t)y * in->width + x;
            float add[3] = { 0, 0, 0 };
            if (in->saturated[i] && (result || in->out_of_gamut[i])) sample(m, (const uint8_t *)back.image.data, x, y, add);
            for (size_t k = 0; k < 3; k++) {
                const float v = within(in->clipped[3 * i + k] + add[k]);
                const double d = (double)v - in->original[3 * i + k];
                if (in->out_of_gamut[i]) sum += d * d;
                if (result) result[3 * i + k] = v;
            }
        }
    picture_free(&back);
    return sum;
}

int residual_jpeg_search(const residual_jpeg_input *in, const size_t *budgets, size_t count, residual_jpeg *out, char error[256]) {
    static const uint32_t scales[] = { 1, 2, 3, 4, 6, 8, 12, 16, 24, 32 };
    double *least = (double *)malloc(count * sizeof *least);
    int failed = 0;
    memset(out, 0, count * sizeof *out);
    if (!least) return error_text(error, "the residual", "out of memory"), -1;
    for (size_t b = 0; b < count; b++) least[b] = INFINITY;
    for (size_t s = 0; s < sizeof scales / sizeof *scales && !failed; s++) {
        map m;
        failed = map_make(in, scales[s], &m);
        if (failed) error_text(error, "the residual", "out of memory");
        for (size_t b = 0; b < 2 * count && !failed; b++) {
            residual_jpeg choice;
            double sum;
            memset(&choice, 0, sizeof choice);
            choice.scale = scales[s];
            choice.subsample = (int)(b & 1);
            failed = fit_quality(&m, budgets[b / 2], &choice, error);
            if (failed || !choice.quality) continue;
            sum = apply(in, &m, &choice, NULL, error);
            failed = isnan(sum);
            if (sum >= least[b / 2]) continue;
            least[b / 2] = sum;
            out[b / 2] = choice;
        }
        map_free(&m);
    }
    free(least);
    return failed ? -1 : 0;
}

int residual_jpeg_apply(const residual_jpeg_input *in, const residual_jpeg *choice, float *result, char error[256]) {
    residual_jpeg again = *choice;
    double sum;
    map m;
    if (map_make(in, choice->scale, &m)) return error_text(error, "the residual", "out of memory"), -1;
    sum = apply(in, &m, &again, result, error);
    map_free(&m);
    return isnan(sum) ? -1 : 0;
}
