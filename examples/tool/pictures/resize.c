/* Resizing rows of linear light as they come, by the filter of Mitchell and Netravali ("Reconstruction filters in
   computer graphics", SIGGRAPH 1988, B = C = 1/3), whose small lobes make no dark rims around lights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pictures/picture.h"

/* For each pixel along a side of the output those of the input that it is made of. */
typedef struct taps {
    uint32_t *first, *count;
    float *weights; /* most for each */
    uint32_t most;
} taps;

struct picture_resizer {
    gmlp_image to;
    size_t channels;
    uint32_t width, height, y, from; /* of the input; its next row; the first output row that still lacks some */
    taps across, down;
    float *row;              /* of the output's width */
};

static double filter(double x) {
    x = fabs(x);
    return x < 1 ? (7 * x * x * x - 12 * x * x + 16.0 / 3) / 6
         : x < 2 ? (-7.0 / 3 * x * x * x + 12 * x * x - 20 * x + 32.0 / 3) / 6
                 : 0;
}

static int taps_make(taps *t, uint32_t in, uint32_t out) {
    const double step = (double)in / out, wide = step > 1 ? step : 1;
    uint32_t i, k;
    t->most = (uint32_t)(4 * wide) + 2;
    t->first = (uint32_t *)malloc(out * sizeof *t->first);
    t->count = (uint32_t *)malloc(out * sizeof *t->count);
    t->weights = (float *)malloc((size_t)out * t->most * sizeof *t->weights);
    if (!t->first || !t->count || !t->weights) return -1;
    for (i = 0; i < out; i++) {
        const double at = (i + 0.5) * step - 0.5, low = ceil(at - 2 * wide), high = floor(at + 2 * wide);
        const uint32_t first = low > 0 ? (uint32_t)low : 0, last = high < in - 1 ? (uint32_t)high : in - 1;
        float *w = t->weights + (size_t)i * t->most;
        double sum = 0;
        for (k = 0; k <= last - first; k++) sum += filter((first + k - at) / wide);
        for (k = 0; k <= last - first; k++) w[k] = (float)(filter((first + k - at) / wide) / sum);
        t->first[i] = first;
        t->count[i] = last - first + 1;
    }
    return 0;
}

picture_resizer *picture_resizer_open(uint32_t width, uint32_t height, const gmlp_image *to) {
    picture_resizer *r = (picture_resizer *)calloc(1, sizeof *r);
    if (!r) return NULL;
    r->to = *to;
    r->channels = to->channels == 4 ? 4 : 3;
    r->width = width;
    r->height = height;
    r->row = (float *)malloc((size_t)to->width * r->channels * sizeof *r->row);
    if (r->row && !taps_make(&r->across, width, to->width) && !taps_make(&r->down, height, to->height)) {
        memset(to->data, 0, (size_t)to->width * to->height * r->channels * sizeof(float));
        return r;
    }
    picture_resizer_close(r);
    return NULL;
}

static void resize_row(const picture_resizer *r, const float *row) {
    const taps *t = &r->across;
    uint32_t x, k;
    for (x = 0; x < r->to.width; x++) {
        const float *w = t->weights + (size_t)x * t->most, *p = row + t->first[x] * r->channels;
        float *to = r->row + x * r->channels, red = 0, green = 0, blue = 0, alpha = 0;
        for (k = 0; k < t->count[x]; k++, p += r->channels) {
            const float share = r->channels == 4 ? w[k] * p[3] : w[k];
            red += share * p[0];
            green += share * p[1];
            blue += share * p[2];
            alpha += share;
        }
        to[0] = red;
        to[1] = green;
        to[2] = blue;
        if (r->channels == 4) to[3] = alpha;
    }
}

/* Colours without their alpha again; black where it is less than half of an 8-bit code. */
static void divide(const picture_resizer *r) {
    size_t n = (size_t)r->to.width * r->to.height, c;
    float *p = (float *)r->to.data;
    for (; n; n--, p += 4) {
        for (c = 0; c < 3; c++) p[c] = p[3] < 0.5f / 255 ? 0 : p[c] / p[3];
        p[3] = p[3] < 0 ? 0 : p[3] < 1 ? p[3] : 1;
    }
}

void picture_resizer_rows(picture_resizer *r, const float *rows, uint32_t count) {
    const taps *t = &r->down;
    const size_t samples = r->to.width * r->channels;
    uint32_t j;
    for (; count--; r->y++, rows += r->width * r->channels) {
        resize_row(r, rows);
        while (r->from < r->to.height && t->first[r->from] + t->count[r->from] <= r->y) r->from++;
        for (j = r->from; j < r->to.height && t->first[j] <= r->y; j++) {
            const float w = t->weights[(size_t)j * t->most + (r->y - t->first[j])];
            float *out = (float *)r->to.data + j * samples;
            size_t i;
            for (i = 0; i < samples; i++) out[i] += w * r->row[i];
        }
    }
    if (r->channels == 4 && r->y == r->height) divide(r);
}

void picture_resizer_close(picture_resizer *r) {
    if (!r) return;
    free(r->across.first);
    free(r->across.count);
    free(r->across.weights);
    free(r->down.first);
    free(r->down.count);
    free(r->down.weights);
    free(r->row);
    free(r);
}
