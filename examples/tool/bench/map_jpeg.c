#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/map_jpeg.h"
#include "pictures/picture.h"
#include "shell/messages.h"

enum { RANGES = 6 * sizeof(float) };

int map_jpeg_new(map_jpeg *m, const float *values, uint32_t width, uint32_t height, uint32_t scale) {
    const size_t cells = (size_t)width * height;
    memset(m, 0, sizeof *m);
    m->width = width;
    m->height = height;
    m->scale = scale;
    m->codes = (uint8_t *)malloc(cells * 3);
    if (!m->codes) return -1;
    for (size_t k = 0; k < 3; k++) {
        m->low[k] = INFINITY;
        m->high[k] = -INFINITY;
        for (size_t i = 0; i < cells; i++) {
            m->low[k] = fminf(m->low[k], values[3 * i + k]);
            m->high[k] = fmaxf(m->high[k], values[3 * i + k]);
        }
        for (size_t i = 0; i < cells; i++) {
            const float range = m->high[k] - m->low[k];
            m->codes[3 * i + k] = range > 0 ? (uint8_t)(255 * (values[3 * i + k] - m->low[k]) / range + 0.5f) : 0;
        }
    }
    return 0;
}

void map_jpeg_free(map_jpeg *m) {
    free(m->codes);
    memset(m, 0, sizeof *m);
}

void map_jpeg_sample(const map_jpeg *m, const uint8_t *codes, uint32_t x, uint32_t y, float out[3]) {
    const float s = 1.0f / (float)m->scale;
    const float fx = fminf(fmaxf(((float)x + 0.5f) * s - 0.5f, 0), (float)(m->width - 1));
    const float fy = fminf(fmaxf(((float)y + 0.5f) * s - 0.5f, 0), (float)(m->height - 1));
    const uint32_t x0 = (uint32_t)fx, y0 = (uint32_t)fy, x1 = x0 + 1 < m->width ? x0 + 1 : x0,
                   y1 = y0 + 1 < m->height ? y0 + 1 : y0;
    const float ax = fx - (float)x0, ay = fy - (float)y0;
    const uint8_t *a = codes + 3 * ((size_t)y0 * m->width + x0), *b = codes + 3 * ((size_t)y0 * m->width + x1);
    const uint8_t *c = codes + 3 * ((size_t)y1 * m->width + x0), *d = codes + 3 * ((size_t)y1 * m->width + x1);
    for (int k = 0; k < 3; k++) {
        const float v = (1 - ay) * ((1 - ax) * (float)a[k] + ax * (float)b[k]) +
                        ay * ((1 - ax) * (float)c[k] + ax * (float)d[k]);
        out[k] = m->low[k] + (m->high[k] - m->low[k]) / 255 * v;
    }
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

static int compress(const map_jpeg *m, map_jpeg_choice *choice, uint8_t **bytes, size_t *size, char error[256]) {
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
static int fit_quality(const map_jpeg *m, size_t budget, map_jpeg_choice *choice, char error[256]) {
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

static double apply(const map_jpeg_subject *s, const map_jpeg *m, map_jpeg_choice *choice, char error[256]) {
    uint8_t *bytes = NULL;
    size_t size;
    double sum;
    picture back;
    int failed;
    if (compress(m, choice, &bytes, &size, error)) return NAN;
    failed = picture_read_memory(bytes, size, "the map", GMLP_SRGB, &back, error);
    free(bytes);
    if (failed) return NAN;
    sum = s->apply(s->user, m, (const uint8_t *)back.image.data);
    if (isnan(sum)) error_text(error, "the map", "out of memory");
    picture_free(&back);
    return sum;
}

double map_jpeg_apply(const map_jpeg_subject *s, map_jpeg_choice *choice, char error[256]) {
    double sum;
    map_jpeg m;
    if (s->make(s->user, choice->scale, &m)) return error_text(error, "the map", "out of memory"), NAN;
    sum = apply(s, &m, choice, error);
    map_jpeg_free(&m);
    return sum;
}

int map_jpeg_search(const map_jpeg_subject *s, const size_t *budgets, size_t count, map_jpeg_choice *out,
                    char error[256]) {
    static const uint32_t scales[] = { 1, 2, 3, 4, 6, 8, 12, 16, 24, 32 };
    double *least = (double *)malloc(count * sizeof *least);
    int failed = 0;
    memset(out, 0, count * sizeof *out);
    if (!least) return error_text(error, "the map", "out of memory"), -1;
    for (size_t b = 0; b < count; b++) least[b] = INFINITY;
    for (size_t i = 0; i < sizeof scales / sizeof *scales && !failed; i++) {
        map_jpeg m;
        failed = s->make(s->user, scales[i], &m);
        if (failed) error_text(error, "the map", "out of memory");
        for (size_t b = 0; b < 2 * count && !failed; b++) {
            map_jpeg_choice choice;
            double sum;
            memset(&choice, 0, sizeof choice);
            choice.scale = scales[i];
            choice.subsample = (int)(b & 1);
            failed = fit_quality(&m, budgets[b / 2], &choice, error);
            if (failed || !choice.quality) continue;
            sum = apply(s, &m, &choice, error);
            failed = isnan(sum);
            for (size_t c = 0; c < count; c++) /* a better quality is not always the better map */
                if (choice.bytes <= budgets[c] && sum < least[c]) {
                    least[c] = sum;
                    out[c] = choice;
                }
        }
        map_jpeg_free(&m);
    }
    free(least);
    return failed ? -1 : 0;
}
