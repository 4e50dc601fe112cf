#include "measure/psnr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/metrics.h"

/* Encode calls this for every picture, so it avoids the library's general conversion: samples of 8
   and 16 bits are looked up in a table, and the rest is done in blocks that compilers can
   vectorise. */
enum { BLOCK = 256, LANES = 8 }; /* LANES: partial sums, since one would wait for the adder */

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
    if (space == GMLP_REC709 || space == GMLP_SYCC) return GMLP_SRGB_LINEAR;
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
    gmlp_image out = metrics_floats(linear, half, 2, linear_space(s->space)), in = out;
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

static int failed(gmlp_result result, char error[256]) {
    snprintf(error, 256, "cannot compare the pictures: %s", gmlp_result_string(result));
    return -1;
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
        s->converted = s->type == GMLP_F32 ? !gmlp_space_is_linear(s->space) /* the others mix the channels */
                                           : s->space == GMLP_REC2020_HLG || s->space == GMLP_SYCC;
        s->step = images[i]->channels && !s->converted ? (size_t)images[i]->channels : 3;
        result = float_matrix(s->space, GMLP_PROPHOTO, adaptation, s->prophoto);
        if (!result && s->type != GMLP_F32 && !s->converted) result = source_table(s);
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

static void block_errors(const planes *a, const planes *b, const float mask[BLOCK], double sums[LANES],
                         double og[LANES]) {
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

static void sum_lanes(exact_sum *s, const double lanes[LANES]) {
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
                const gmlp_image to = metrics_floats(out, width, 1, linear_space(row.space));
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
    r.psnr_clip = psnr_of_mse(sum_mean(&sums->clip, n));
    r.psnr_clip_og = psnr_of_mse(sum_mean(&sums->clip_og, og));
    r.psnr = psnr_of_mse(sum_mean(&sums->decoded, n));
    r.psnr_og = psnr_of_mse(sum_mean(&sums->decoded_og, og));
    return r;
}
