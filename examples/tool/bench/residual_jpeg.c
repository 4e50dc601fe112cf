#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/residual_jpeg.h"

/* Cells: means of the residual, and on how many pixels they stand. */
typedef struct cells {
    uint32_t width, height;
    float *mean, *weight;
} cells;

static void cells_free(cells *m) {
    free(m->mean);
    free(m->weight);
    memset(m, 0, sizeof *m);
}

static int cells_new(cells *m, uint32_t width, uint32_t height) {
    const size_t count = (size_t)width * height;
    m->width = width;
    m->height = height;
    m->mean = (float *)calloc(count * 3, sizeof(float));
    m->weight = (float *)calloc(count, sizeof(float));
    if (m->mean && m->weight) return 0;
    cells_free(m);
    return -1;
}

static void divide(cells *m) {
    for (size_t i = 0; i < (size_t)m->width * m->height; i++)
        for (size_t k = 0; k < 3 && m->weight[i] > 0; k++) m->mean[3 * i + k] /= m->weight[i];
}

/* Empty cells take what a map of half the size has there, so that the picture stays smooth. */
static int fill(cells *m) {
    cells half;
    uint32_t x, y;
    if (m->width == 1 && m->height == 1) return 0;
    if (cells_new(&half, (m->width + 1) / 2, (m->height + 1) / 2)) return -1;
    for (y = 0; y < m->height; y++)
        for (x = 0; x < m->width; x++) {
            const size_t from = (size_t)y * m->width + x, to = (size_t)(y / 2) * half.width + x / 2;
            if (m->weight[from] <= 0) continue;
            half.weight[to] += 1;
            for (size_t k = 0; k < 3; k++) half.mean[3 * to + k] += m->mean[3 * from + k];
        }
    divide(&half);
    if (fill(&half)) return cells_free(&half), -1;
    for (y = 0; y < m->height; y++)
        for (x = 0; x < m->width; x++) {
            const size_t to = (size_t)y * m->width + x, from = (size_t)(y / 2) * half.width + x / 2;
            if (m->weight[to] <= 0) memcpy(m->mean + 3 * to, half.mean + 3 * from, 3 * sizeof(float));
        }
    cells_free(&half);
    return 0;
}

typedef struct residual {
    const residual_jpeg_input *in;
    float *result; /* may be NULL */
} residual;

static int make(void *user, uint32_t scale, map_jpeg *m) {
    const residual_jpeg_input *in = ((const residual *)user)->in;
    cells c;
    int failed;
    if (cells_new(&c, (in->width + scale - 1) / scale, (in->height + scale - 1) / scale)) return -1;
    for (uint32_t y = 0; y < in->height; y++)
        for (uint32_t x = 0; x < in->width; x++) {
            const size_t from = (size_t)y * in->width + x, to = (size_t)(y / scale) * c.width + x / scale;
            if (!in->saturated[from]) continue;
            c.weight[to] += 1;
            for (size_t k = 0; k < 3; k++) c.mean[3 * to + k] += in->original[3 * from + k] - in->clipped[3 * from + k];
        }
    divide(&c);
    failed = fill(&c) || map_jpeg_new(m, c.mean, c.width, c.height, scale);
    cells_free(&c);
    return failed ? -1 : 0;
}

static float within(float v) { return v > 0 ? v < 1 ? v : 1 : 0; }

static double apply(void *user, const map_jpeg *m, const uint8_t *codes) {
    const residual *r = (const residual *)user;
    const residual_jpeg_input *in = r->in;
    double sum = 0;
    for (uint32_t y = 0; y < in->height; y++)
        for (uint32_t x = 0; x < in->width; x++) {
            const size_t i = (size_t)y * in->width + x;
            float add[3] = { 0, 0, 0 };
            if (in->saturated[i] && (r->result || in->out_of_gamut[i])) map_jpeg_sample(m, codes, x, y, add);
            for (size_t k = 0; k < 3; k++) {
                const float v = within(in->clipped[3 * i + k] + add[k]);
                const double d = (double)v - in->original[3 * i + k];
                if (in->out_of_gamut[i]) sum += d * d;
                if (r->result) r->result[3 * i + k] = v;
            }
        }
    return sum;
}

static map_jpeg_subject subject_of(residual *r, const residual_jpeg_input *in, float *result) {
    map_jpeg_subject s;
    r->in = in;
    r->result = result;
    s.user = r;
    s.make = make;
    s.apply = apply;
    return s;
}

int residual_jpeg_search(const residual_jpeg_input *in, const size_t *budgets, size_t count, map_jpeg_choice *out,
                         char error[256]) {
    residual r;
    const map_jpeg_subject s = subject_of(&r, in, NULL);
    return map_jpeg_search(&s, budgets, count, out, error);
}

int residual_jpeg_apply(const residual_jpeg_input *in, const map_jpeg_choice *choice, float *result, char error[256]) {
    residual r;
    const map_jpeg_subject s = subject_of(&r, in, result);
    map_jpeg_choice again = *choice;
    return isnan(map_jpeg_apply(&s, &again, error)) ? -1 : 0;
}
