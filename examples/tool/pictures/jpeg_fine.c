/* A JPEG encoder for pictures that go back to linear light, where libjpeg's has an eye before a screen in mind. Any
   decoder reads its files. At equal size it comes nearer, by this:
   - Steps of quantisation rise with frequency, but by far not as steeply as those of ITU-T T.81, Annex K.
   - Coefficients are rounded down from more than half a step on: what that loses is less than what the bytes win.
     Not so the lowest frequencies, which are what smooth light is made of.
   - Where chroma is subsampled, the samples are those from which decoders come nearest to the original: most filter,
     some repeat.
   - Luma makes good what chroma lost, as far as one number can where three are wrong, by how much each weighs in light.
*/
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pictures/formats.h"

#define AT_ONCE 32u             /* blocks of a strip */
#define ACROSS (8 * AT_ONCE)    /* their columns */
#define AT_ONCE_DECODED 64u     /* strips, 2 at least */
#define ROUNDING 0.35f          /* 0.5: to the nearest */
#define LOW 3                   /* frequencies across and down whose sum is below are rounded to the nearest */
#define STEEP 0.35              /* power of Annex K's steps; 0: all steps alike */
#define REPEATS 0.4f            /* how much decoders count that repeat samples of chroma, beside those that filter */
#define LOWEST (-256)           /* R'G'B' in codes, for which slopes are known */
#define SLOPES 768

/* Least squares of lines that decoders double: the equations' three diagonals, eliminated. */
typedef struct halving {
    uint32_t lines, half;
    float near;                 /* a sample's share of the pixels at its place, filtered; its neighbour has the rest */
    float *beside, *ratio, *pivot;
} halving;

typedef struct fine {
    const gmlp_image *image;
    gmlp_threads threads;
    jpeg_blocks blocks;
    float basis[8][8];          /* a sample's share of each frequency */
    float inverse[2][64], rounding[2][64];
    float *chroma[2];           /* NULL: as many samples as pixels */
    uint32_t width, height;     /* of chroma */
    gmlp_image decoded;         /* Y'CbCr of some rows with the chroma of the file; luma is nothing */
    uint32_t top, strip;        /* the first of these rows, and of the strips of luma that they are for */
    float slopes[SLOPES];       /* of light over R', G' or B' */
    float light[3][3];          /* how errors of linear red, green and blue weigh together, in ProPhoto */
} fine;

/* ITU-T T.81, Annex K, tables K.1 and K.2. */
static const uint8_t annex_k[2][64] = {
    {
       16,  11,  10,  16,  24,  40,  51,  61,  12,  12,  14,  19,  26,  58,  60,  55,
       14,  13,  16,  24,  40,  57,  69,  56,  14,  17,  22,  29,  51,  87,  80,  62,
       18,  22,  37,  56,  68, 109, 103,  77,  24,  35,  55,  64,  81, 104, 113,  92,
       49,  64,  78,  87, 103, 121, 120, 101,  72,  92,  95,  98, 112, 100, 103,  99
    }, {
       17,  18,  24,  47,  99,  99,  99,  99,  18,  21,  26,  66,  99,  99,  99,  99,
       24,  26,  56,  99,  99,  99,  99,  99,  47,  66,  99,  99,  99,  99,  99,  99,
       99,  99,  99,  99,  99,  99,  99,  99,  99,  99,  99,  99,  99,  99,  99,  99,
       99,  99,  99,  99,  99,  99,  99,  99,  99,  99,  99,  99,  99,  99,  99,  99
    }
};
static const double middle[2] = { 20, 30 }; /* where steps stay as in Annex K */

static const float of_cb[3] = { 0, -0.344136286f, 1.772f }, of_cr[3] = { 1.402f, -0.714136286f, 0 }; /* ITU-T T.871 */

static void set_steps(fine *f, double steps) {
    int t, i;
    for (t = 0; t < 2; t++)
        for (i = 0; i < 64; i++) {
            const double up = (5 * (i % 8) + 3 * (i / 8)) % 8 / 8.0; /* not all at once: sizes must not jump */
            const double step = floor(steps * middle[t] * pow(annex_k[t][i] / middle[t], STEEP) + up);
            const unsigned int whole = step > 1 ? step < 255 ? (unsigned int)step : 255 : 1;
            f->blocks.steps[t][i] = whole;
            f->inverse[t][i] = 1 / (float)whole;
            f->rounding[t][i] = i / 8 + i % 8 < LOW || whole == 1 ? 0.5f : ROUNDING;
        }
}

static void set_basis(fine *f) {
    int i, k;
    for (i = 0; i < 8; i++)
        for (k = 0; k < 8; k++)
            f->basis[i][k] = (float)(k ? 0.5 * cos((2 * i + 1) * k * 3.14159265358979323846 / 16) : sqrt(0.125));
}

static void set_light(fine *f) {
    double m[9];
    int i, j, k;
    gmlp_space_matrix(GMLP_SRGB, GMLP_PROPHOTO, GMLP_BRADFORD, m);
    for (i = 0; i < 3; i++)
        for (j = 0; j < 3; j++)
            for (f->light[i][j] = 0, k = 0; k < 3; k++) f->light[i][j] += (float)(m[3 * k + i] * m[3 * k + j]);
    for (i = 0; i < SLOPES; i++)
        f->slopes[i] = (float)(gmlp_curve_decode(GMLP_SRGB, (i + LOWEST + 0.5) / 255, 0) -
                               gmlp_curve_decode(GMLP_SRGB, (i + LOWEST - 0.5) / 255, 0));
}

static void each(const fine *f, void (*job)(void *user, size_t index), size_t count) {
    size_t i;
    if (f->threads.parallel_for) f->threads.parallel_for(f->threads.user, job, (void *)(uintptr_t)f, count);
    else for (i = 0; i < count; i++) job((void *)(uintptr_t)f, i);
}

/* n pixels of a row as codes, chroma around 0. */
static void row_codes(const gmlp_image *image, uint32_t y, uint32_t x, uint32_t n, float *luma, float *cb, float *cr) {
    const uint8_t *p = (const uint8_t *)image->data + ((size_t)y * image->width + x) * 3;
    uint32_t i;
    for (i = 0; i < n; i++, p += 3)
        if (image->space == GMLP_SYCC) {
            luma[i] = p[0];
            cb[i] = (float)p[1] - 128;
            cr[i] = (float)p[2] - 128;
        } else {
            luma[i] = 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2];
            cb[i] = (p[2] - luma[i]) / 1.772f;
            cr[i] = (p[0] - luma[i]) / 1.402f;
        }
}

/* Subsampling. */

static uint32_t neighbour(const halving *h, uint32_t i) {
    const uint32_t k = i / 2;
    return i & 1 ? (k + 1 < h->half ? k + 1 : k) : k ? k - 1 : 0;
}

static int halving_begin(halving *h, uint32_t lines, int smooth) {
    const float near = smooth ? 0.75f : 1.0f, far = 1 - near;
    uint32_t i, k, o;
    h->lines = lines;
    h->half = (lines + 1) / 2;
    h->near = near;
    h->beside = (float *)calloc(h->half, 3 * sizeof *h->beside);
    if (!h->beside) return -1;
    h->ratio = h->beside + h->half;
    h->pivot = h->ratio + h->half;
    for (i = 0; i < lines; i++) {
        k = i / 2;
        o = neighbour(h, i);
        h->pivot[k] += REPEATS;
        if (k == o) h->pivot[k] += 1;
        else {
            h->pivot[k] += near * near;
            h->pivot[o] += far * far;
            h->beside[k < o ? k : o] += near * far;
        }
    }
    for (k = 0; k < h->half; k++) {
        if (k) h->pivot[k] -= h->beside[k - 1] * h->ratio[k - 1];
        h->ratio[k] = h->beside[k] / h->pivot[k];
    }
    return 0;
}

/* lines of n values become half of them. */
static void halve(const halving *h, const float *in, size_t n, float *out) {
    const float near = h->near, far = 1 - near;
    uint32_t i, k;
    size_t x;
    memset(out, 0, h->half * n * sizeof *out);
    for (i = 0; i < h->lines; i++) {
        const float *line = in + i * n;
        float *at = out + i / 2 * n, *beside = out + neighbour(h, i) * n;
        for (x = 0; x < n; x++) {
            at[x] += (near + REPEATS) * line[x];
            beside[x] += far * line[x];
        }
    }
    for (k = 0; k < h->half; k++) {
        const float before = k ? h->beside[k - 1] : 0, over = 1 / h->pivot[k];
        float *line = out + k * n, *last = k ? line - n : line;
        for (x = 0; x < n; x++) line[x] = (line[x] - before * last[x]) * over;
    }
    for (k = h->half - 1; k > 0; k--) {
        const float ratio = h->ratio[k - 1], *line = out + k * n;
        float *before = out + (k - 1) * n;
        for (x = 0; x < n; x++) before[x] -= ratio * line[x];
    }
}

static void limit(float *v, size_t n) {
    size_t i;
    /* checked: all n were computed */
    for (i = 0; i < n; i++) v[i] = v[i] > -128 ? v[i] < 127 ? v[i] : 127 : -128;
}

/* Chroma with half the columns; with half the rows, too, if down says how. 0, or -1: no memory. */
static int shrink(fine *f, const halving *across, const halving *down) {
    const uint32_t width = f->image->width, height = f->image->height;
    const size_t n = f->width;
    float *row = (float *)malloc(3 * (size_t)width * sizeof *row), *wide[2] = { NULL, NULL };
    uint32_t y;
    int c, bad = !row;
    for (c = 0; c < 2; c++) {
        f->chroma[c] = (float *)malloc(n * f->height * sizeof(float));
        wide[c] = down ? (float *)malloc(n * height * sizeof(float)) : f->chroma[c];
        bad |= !f->chroma[c] || !wide[c];
    }
    for (y = 0; y < height && !bad; y++) {
        row_codes(f->image, y, 0, width, row, row + width, row + 2 * (size_t)width);
        for (c = 0; c < 2; c++) halve(across, row + (size_t)(1 + c) * width, 1, wide[c] + y * n);
    }
    for (c = 0; c < 2; c++) {
        if (down && !bad) halve(down, wide[c], n, f->chroma[c]);
        if (down) free(wide[c]);
        if (!bad) limit(f->chroma[c], n * f->height);
    }
    free(row);
    return bad ? -1 : 0;
}

static int subsample(fine *f, int down) {
    const int smooth = f->width > 2; /* libjpeg repeats fewer */
    halving columns, rows;
    int bad;
    memset(&rows, 0, sizeof rows);
    bad = halving_begin(&columns, f->image->width, smooth);
    if (down && !bad) bad = halving_begin(&rows, f->image->height, smooth);
    if (!bad) bad = shrink(f, &columns, down ? &rows : NULL);
    free(columns.beside);
    free(rows.beside);
    return bad ? -1 : 0;
}

/* Blocks. */

static void transform(const fine *f, int table, const float *samples, int16_t *to) {
    float rows[8][8], all[64];
    int x, y, k;
    for (y = 0; y < 8; y++) {
        for (k = 0; k < 8; k++) rows[y][k] = 0;
        for (x = 0; x < 8; x++) {
            const float s = samples[(size_t)y * ACROSS + (size_t)x];
            for (k = 0; k < 8; k++) rows[y][k] += s * f->basis[x][k];
        }
    }
    for (k = 0; k < 8; k++) {
        for (x = 0; x < 8; x++) all[8 * k + x] = 0;
        for (y = 0; y < 8; y++) {
            const float s = f->basis[y][k];
            for (x = 0; x < 8; x++) all[8 * k + x] += s * rows[y][x];
        }
    }
    for (k = 0; k < 64; k++) {
        const int level = (int)(fabsf(all[k]) * f->inverse[table][k] + f->rounding[table][k]);
        const int most = level < 1023 ? level : 1023;
        to[k] = (int16_t)(all[k] < 0 ? -most : most);
    }
}

/* A strip's samples, its last column repeated to whole blocks, become blocks of a component. */
static void strip_blocks(const fine *f, int component, uint32_t strip, uint32_t first, float samples[8][ACROSS],
                         uint32_t n) {
    const uint32_t whole = (n + 7) / 8;
    int16_t *to = f->blocks.rows[component][strip] + (size_t)first * 64;
    uint32_t x, y;
    for (y = 0; y < 8; y++)
        for (x = n; x < 8 * whole; x++) samples[y][x] = samples[y][n - 1];
    for (x = 0; x < whole; x++, to += 64) transform(f, component > 0, samples[0] + 8 * x, to);
}

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

static void chroma_strip(void *user, size_t index) {
    const fine *f = (const fine *)user;
    const uint32_t strip = (uint32_t)index;
    float samples[2][8][ACROSS], luma[ACROSS];
    uint32_t x, y, n;
    int c;
    for (x = 0; x < f->width; x += ACROSS) {
        n = smaller(ACROSS, f->width - x);
        for (y = 0; y < 8; y++) {
            const uint32_t row = smaller(8 * strip + y, f->height - 1);
            if (!f->chroma[0]) row_codes(f->image, row, x, n, luma, samples[0][y], samples[1][y]);
            else for (c = 0; c < 2; c++)
                memcpy(samples[c][y], f->chroma[c] + (size_t)row * f->width + x, n * sizeof(float));
        }
        for (c = 0; c < 2; c++) strip_blocks(f, 1 + c, strip, x / 8, samples[c], n);
    }
}

/* Pixels of a row: codes, how far decoded chroma is below them, and light's slope at each of R'G'B', for those who see
   colours out of gamut and for those who see them clipped. */
typedef struct pixels {
    float luma[ACROSS], cb[ACROSS], cr[ACROSS], cb_off[ACROSS], cr_off[ACROSS];
    float slope[3][ACROSS], seen[3][ACROSS];
} pixels;

static void find_slopes(const fine *f, pixels *p, uint32_t n) {
    uint32_t i;
    int c;
    for (c = 0; c < 3; c++)
        for (i = 0; i < n; i++) {
            const float v = p->luma[i] + of_cb[c] * p->cb[i] + of_cr[c] * p->cr[i];
            const int code = (int)(v - LOWEST + 0.5f);
            p->slope[c][i] = f->slopes[code > 0 ? code < SLOPES ? code : SLOPES - 1 : 0];
            p->seen[c][i] = v < -2 || v > 257 ? 0 : p->slope[c][i];
        }
}

/* Adds to luma what makes the sum of both kinds' errors in linear light the least. All ACROSS: loops of a known length
   are fast. */
static void make_good(const fine *f, pixels *p) {
    const float g00 = f->light[0][0], g11 = f->light[1][1], g22 = f->light[2][2];
    const float g01 = f->light[0][1], g02 = f->light[0][2], g12 = f->light[1][2];
    uint32_t i;
    for (i = 0; i < ACROSS; i++) {
        const float r = p->slope[0][i], g = p->slope[1][i], b = p->slope[2][i];
        const float u = p->seen[0][i], v = p->seen[1][i], w = p->seen[2][i];
        const float red = r * (g00 * r + g01 * g + g02 * b) + u * (g00 * u + g01 * v + g02 * w);
        const float green = g * (g01 * r + g11 * g + g12 * b) + v * (g01 * u + g11 * v + g12 * w);
        const float blue = b * (g02 * r + g12 * g + g22 * b) + w * (g02 * u + g12 * v + g22 * w);
        const float cb = of_cb[1] * green + of_cb[2] * blue, cr = of_cr[0] * red + of_cr[1] * green;
        const float luma = p->luma[i] + (cb * p->cb_off[i] + cr * p->cr_off[i]) / (red + green + blue);
        p->luma[i] = (luma > 0 ? luma < 255 ? luma : 255 : 0) - 128;
    }
}

static void luma_strip(void *user, size_t index) {
    const fine *f = (const fine *)user;
    const uint32_t strip = f->strip + (uint32_t)index, width = f->image->width;
    float samples[8][ACROSS], none[ACROSS];
    pixels p;
    uint32_t x, y, i, n;
    memset(&p, 0, sizeof p);
    for (i = 0; i < 3 * ACROSS; i++) p.slope[i / ACROSS][i % ACROSS] = 1; /* behind n: nothing is divided by 0 */
    for (x = 0; x < width; x += ACROSS) {
        n = smaller(ACROSS, width - x);
        for (y = 0; y < 8; y++) {
            const uint32_t row = smaller(8 * strip + y, f->image->height - 1);
            row_codes(f->image, row, x, n, p.luma, p.cb, p.cr);
            row_codes(&f->decoded, row - f->top, x, n, none, p.cb_off, p.cr_off);
            for (i = 0; i < n; i++) {
                p.cb_off[i] = p.cb[i] - p.cb_off[i];
                p.cr_off[i] = p.cr[i] - p.cr_off[i];
            }
            find_slopes(f, &p, n);
            make_good(f, &p);
            memcpy(samples[y], p.luma, n * sizeof(float));
        }
        strip_blocks(f, 0, strip, x / 8, samples, n);
    }
}

/* Rows of blocks of chroma in a file of their own. */
static int write_chroma(const fine *f, FILE *file, uint32_t first, uint32_t end, uint32_t height, char reason[REASON]) {
    jpeg_blocks part = f->blocks;
    block_writer *w;
    uint32_t y;
    int c;
    part.height = height;
    w = jpeg_blocks_open(file, &part, NULL, NULL, 0, reason);
    if (!w) return -1;
    for (c = 1; c < 3; c++)
        for (y = first; y < end; y++)
            memcpy(part.rows[c][y - first], f->blocks.rows[c][y], part.wide[c] * 64 * sizeof(int16_t));
    return jpeg_blocks_end(w, 0, reason);
}

/* The chroma that decoders will have for strips of luma. Where they filter it down, too, they ask its neighbours. */
static int decode_chroma(fine *f, uint32_t strip, uint32_t strips, char reason[REASON]) {
    const uint32_t down = f->blocks.subsample == PICTURE_420, high = f->blocks.high[1];
    uint32_t first = strip >> down, end = ((strip + strips - 1) >> down) + 1;
    char *bytes = NULL;
    size_t size;
    picture_facts facts;
    FILE *file = open_memstream(&bytes, &size);
    int bad;
    if (!file) return snprintf(reason, REASON, "out of memory"), -1;
    if (down) first -= first > 0, end += end < high;
    f->strip = strip;
    f->top = first * (8u << down);
    memset(&facts, 0, sizeof facts);
    bad = write_chroma(f, file, first, end, smaller(end * (8u << down), f->image->height) - f->top, reason);
    if ((fclose(file) || !bytes) && !bad) {
        snprintf(reason, REASON, "out of memory");
        bad = -1;
    }
    free(f->decoded.data);
    f->decoded.data = NULL;
    if (!bad) {
        f->decoded.space = GMLP_SYCC;
        bad = jpeg_load_sycc((const uint8_t *)bytes, size, &f->decoded, &facts, reason);
    }
    free(facts.icc);
    free(bytes);
    return bad;
}

static int make_blocks(fine *f, char reason[REASON]) {
    const uint32_t high = f->blocks.high[0];
    uint32_t strip;
    each(f, chroma_strip, f->blocks.high[1]);
    for (strip = 0; strip < high; strip += AT_ONCE_DECODED) {
        const uint32_t strips = smaller(AT_ONCE_DECODED, high - strip);
        if (decode_chroma(f, strip, strips, reason)) return -1;
        each(f, luma_strip, strips);
    }
    return 0;
}

int jpeg_save_fine(FILE *file, const gmlp_image *image, const picture_fine_opts *opts, const uint8_t *icc,
                   size_t icc_size, char reason[REASON]) {
    fine *f = (fine *)calloc(1, sizeof *f);
    const int across = opts->subsample != PICTURE_444, down = opts->subsample == PICTURE_420;
    block_writer *w = NULL;
    int bad = !f, c;
    if (!bad) {
        f->image = image;
        f->threads = opts->threads;
        f->width = across ? (image->width + 1) / 2 : image->width;
        f->height = down ? (image->height + 1) / 2 : image->height;
        f->blocks.width = image->width;
        f->blocks.height = image->height;
        f->blocks.subsample = opts->subsample;
        set_steps(f, opts->steps);
        set_basis(f);
        set_light(f);
        bad = across && subsample(f, down);
    }
    if (bad) snprintf(reason, REASON, "out of memory");
    else w = jpeg_blocks_open(file, &f->blocks, opts->metadata, icc, icc_size, reason);
    bad = !w || make_blocks(f, reason);
    if (w) bad = jpeg_blocks_end(w, bad, reason);
    for (c = 0; c < 2 && f; c++) free(f->chroma[c]);
    if (f) free(f->decoded.data);
    free(f);
    return bad ? -1 : 0;
}
