/* plot.c - pictures about pictures: an error heat map, a chromaticity diagram */
#include "measure/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/metrics.h"

typedef struct colour {
    double r, g, b; /* sRGB codes, 0..1 */
} colour;

static const colour background = {0.075, 0.083, 0.102}, panel = {0.105, 0.115, 0.140}, grid = {0.205, 0.220, 0.255},
                    ink = {0.930, 0.940, 0.955}, faint = {0.600, 0.625, 0.665};

/* ---- text ---- */

/* Five columns, from the highest of five bits on; seven rows above the base line, two below.
   A glyph is drawn as the strokes that join its dots. */
typedef struct glyph {
    char character;
    uint8_t rows[9];
} glyph;

static const glyph font[] = {
    {'0', {14, 17, 17, 17, 17, 17, 14}},
    {'1', {4, 12, 4, 4, 4, 4, 4}},
    {'2', {14, 17, 1, 2, 4, 8, 31}},
    {'3', {14, 17, 1, 6, 1, 17, 14}},
    {'4', {2, 6, 10, 18, 31, 2, 2}},
    {'5', {31, 16, 30, 1, 1, 17, 14}},
    {'6', {6, 8, 16, 30, 17, 17, 14}},
    {'7', {31, 1, 2, 2, 4, 4, 4}},
    {'8', {14, 17, 17, 14, 17, 17, 14}},
    {'9', {14, 17, 17, 15, 1, 2, 12}},
    {'A', {4, 10, 10, 17, 31, 17, 17}},
    {'B', {30, 17, 17, 30, 17, 17, 30}},
    {'C', {14, 17, 16, 16, 16, 17, 14}},
    {'D', {30, 17, 17, 17, 17, 17, 30}},
    {'E', {31, 16, 16, 30, 16, 16, 31}},
    {'G', {14, 17, 16, 19, 17, 17, 14}},
    {'I', {4, 4, 4, 4, 4, 4, 4}},
    {'M', {17, 27, 21, 21, 17, 17, 17}},
    {'O', {14, 17, 17, 17, 17, 17, 14}},
    {'P', {30, 17, 17, 30, 16, 16, 16}},
    {'Q', {14, 17, 17, 17, 21, 18, 13}},
    {'R', {30, 17, 17, 30, 20, 18, 17}},
    {'S', {15, 16, 16, 14, 1, 1, 30}},
    {'T', {31, 4, 4, 4, 4, 4, 4}},
    {'a', {0, 0, 14, 1, 15, 17, 15}},
    {'b', {16, 16, 30, 17, 17, 17, 30}},
    {'c', {0, 0, 14, 16, 16, 16, 14}},
    {'d', {1, 1, 15, 17, 17, 17, 15}},
    {'e', {0, 0, 14, 17, 31, 16, 14}},
    {'f', {6, 8, 28, 8, 8, 8, 8}},
    {'g', {0, 0, 15, 17, 17, 17, 15, 1, 14}},
    {'h', {16, 16, 30, 17, 17, 17, 17}},
    {'i', {4, 0, 4, 4, 4, 4, 4}},
    {'l', {4, 4, 4, 4, 4, 4, 4}},
    {'m', {0, 0, 26, 21, 21, 21, 21}},
    {'n', {0, 0, 30, 17, 17, 17, 17}},
    {'o', {0, 0, 14, 17, 17, 17, 14}},
    {'p', {0, 0, 30, 17, 17, 17, 30, 16, 16}},
    {'r', {0, 0, 22, 24, 16, 16, 16}},
    {'s', {0, 0, 15, 16, 14, 1, 30}},
    {'t', {8, 8, 28, 8, 8, 8, 6}},
    {'u', {0, 0, 17, 17, 17, 17, 15}},
    {'v', {0, 0, 17, 17, 10, 10, 4}},
    {'w', {0, 0, 17, 17, 21, 21, 10}},
    {'x', {0, 0, 17, 10, 4, 10, 17}},
    {'y', {0, 0, 17, 17, 17, 17, 15, 1, 14}},
    {'.', {0, 0, 0, 0, 0, 0, 4}},
    {',', {0, 0, 0, 0, 0, 0, 4, 8}},
    {':', {0, 0, 4, 0, 0, 0, 4}},
    {'-', {0, 0, 0, 14, 0, 0, 0}},
    {'%', {24, 25, 2, 4, 8, 19, 3}},
    {' ', {0}}};

static const glyph *find_glyph(char c) {
    size_t i;
    for (i = 0; i + 1 < sizeof font / sizeof *font && font[i].character != c; i++) {}
    return font + i;
}

static int glyph_dot(const glyph *g, int column, int row) {
    return column >= 0 && column < 5 && row >= 0 && row < 9 && (g->rows[row] >> (4 - column) & 1);
}

/* First column and number of columns in use; a space has three. */
static int glyph_extent(const glyph *g, int *first) {
    int used = 0, last = 4, row;
    for (row = 0; row < 9; row++) used |= g->rows[row];
    *first = 0;
    if (!used) return 3;
    while (!(used >> (4 - *first) & 1)) ++*first;
    while (!(used >> (4 - last) & 1)) last--;
    return last - *first + 1;
}

/* ---- the canvas ---- */

static int plot_new(plot *p, uint32_t width, uint32_t height, char error[256]) {
    const size_t n = (size_t)width * height * 3;
    uint8_t *rgb = (uint8_t *)malloc(n);
    size_t i;
    memset(p, 0, sizeof *p);
    if (!rgb) {
        snprintf(error, 256, "cannot draw the plot: %s", gmlp_result_string(GMLP_E_MEMORY));
        return -1;
    }
    for (i = 0; i < n; i += 3) {
        rgb[i] = (uint8_t)(255 * background.r + 0.5);
        rgb[i + 1] = (uint8_t)(255 * background.g + 0.5);
        rgb[i + 2] = (uint8_t)(255 * background.b + 0.5);
    }
    p->image.data = rgb;
    p->image.width = width;
    p->image.height = height;
    p->image.type = GMLP_U8;
    p->image.channels = 3;
    p->image.space = GMLP_SRGB;
    return 0;
}

void plot_free(plot *p) {
    free(p->image.data);
    memset(p, 0, sizeof *p);
}

static void blend(plot *p, long x, long y, colour c, double alpha) {
    uint8_t *d;
    if (alpha <= 0 || x < 0 || y < 0 || x >= (long)p->image.width || y >= (long)p->image.height) return;
    d = (uint8_t *)p->image.data + 3 * ((size_t)y * p->image.width + (size_t)x);
    d[0] = (uint8_t)(d[0] + alpha * (255 * c.r - d[0]) + 0.5);
    d[1] = (uint8_t)(d[1] + alpha * (255 * c.g - d[1]) + 0.5);
    d[2] = (uint8_t)(d[2] + alpha * (255 * c.b - d[2]) + 0.5);
}

static void fill(plot *p, long x, long y, long width, long height, colour c) {
    long i, j;
    for (j = 0; j < height; j++)
        for (i = 0; i < width; i++) blend(p, x + i, y + j, c, 1);
}

/* Distance of a point from a segment. */
static double distance(double x, double y, double x0, double y0, double x1, double y1) {
    const double dx = x1 - x0, dy = y1 - y0, length2 = dx * dx + dy * dy;
    double t = length2 > 0 ? ((x - x0) * dx + (y - y0) * dy) / length2 : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    x -= x0 + t * dx;
    y -= y0 + t * dy;
    return sqrt(x * x + y * y);
}

/* How much of a pixel a stroke covers whose middle is so far away. */
static double coverage(double distance_, double width) {
    const double c = 0.5 * width + 0.5 - distance_;
    return c < 0 ? 0 : c > 1 ? 1 : c;
}

/* Pixel (0,0) has its middle at (0.5, 0.5). */
static void line(plot *p, double x0, double y0, double x1, double y1, double width, colour c) {
    const double pad = 0.5 * width + 1;
    const long left = (long)floor(fmin(x0, x1) - pad), right = (long)ceil(fmax(x0, x1) + pad);
    const long top = (long)floor(fmin(y0, y1) - pad), bottom = (long)ceil(fmax(y0, y1) + pad);
    long x, y;
    for (y = top; y <= bottom; y++)
        for (x = left; x <= right; x++)
            blend(p, x, y, c, coverage(distance((double)x + 0.5, (double)y + 0.5, x0, y0, x1, y1), width));
}

static void ring(plot *p, double x0, double y0, double radius, double width, colour c) {
    long x, y;
    for (y = (long)(y0 - radius - 3); y <= (long)(y0 + radius + 3); y++)
        for (x = (long)(x0 - radius - 3); x <= (long)(x0 + radius + 3); x++)
            blend(p, x, y, c, coverage(fabs(hypot((double)x + 0.5 - x0, (double)y + 0.5 - y0) - radius), width));
}

/* Distance of a point, in dots, from the strokes of a glyph. */
static double glyph_distance(const glyph *g, double x, double y) {
    static const int steps[4][2] = {{1, 0}, {0, 1}, {1, 1}, {-1, 1}};
    double best = 100;
    int column, row, k;
    for (row = 0; row < 9; row++)
        for (column = 0; column < 5; column++) {
            if (!glyph_dot(g, column, row)) continue;
            best = fmin(best, distance(x, y, column, row, column, row));
            for (k = 0; k < 4; k++) {
                const int dx = steps[k][0], dy = steps[k][1];
                if (!glyph_dot(g, column + dx, row + dy)) continue;
                /* a diagonal only where no corner joins the two dots */
                if (dx && dy && (glyph_dot(g, column + dx, row) || glyph_dot(g, column, row + dy))) continue;
                best = fmin(best, distance(x, y, column, row, column + dx, row + dy));
            }
        }
    return best;
}

/* Columns between two glyphs. */
#define SPACING 1.9

static double text_width(const char *s, double size) {
    double width = 0;
    int first;
    for (; *s; s++) width += (glyph_extent(find_glyph(*s), &first) - 1 + SPACING) * size;
    return width - (SPACING - 1) * size;
}

/* size: pixels a dot, so capitals are 7 size high; x: left end, middle or right end by align -1, 0, 1;
   y: top of the capitals; weight: pixels, of the strokes. */
static void strokes(plot *p, double x, double y, const char *s, double size, int align, double weight, colour c) {
    x -= 0.5 * (align + 1) * text_width(s, size);
    for (; *s; s++) {
        const glyph *g = find_glyph(*s);
        int first;
        const int columns = glyph_extent(g, &first);
        const double left = x + (0.5 - first) * size, top = y + 0.5 * size;
        long i, j;
        for (j = (long)(y - size); j <= (long)(y + 10 * size); j++)
            for (i = (long)(x - size); i <= (long)(x + (columns + 1) * size); i++) {
                const double d = glyph_distance(g, ((double)i + 0.5 - left) / size, ((double)j + 0.5 - top) / size);
                blend(p, i, j, c, coverage(d * size, weight));
            }
        x += (columns - 1 + SPACING) * size;
    }
}

static void text(plot *p, double x, double y, const char *s, double size, int align, colour c) {
    strokes(p, x, y, s, size, align, size < 2.5 ? 1.6 : 0.8 * size, c);
}

/* ---- colours ---- */

static void transform(const double m[9], const double v[3], double out[3]) {
    int i;
    for (i = 0; i < 3; i++) out[i] = m[3 * i] * v[0] + m[3 * i + 1] * v[1] + m[3 * i + 2] * v[2];
}

static void invert(const double m[9], double out[9]) {
    double det = 0;
    int i, j;
    for (i = 0; i < 3; i++)
        for (j = 0; j < 3; j++) {
            const int a = (i + 1) % 3, b = (i + 2) % 3, c = (j + 1) % 3, d = (j + 2) % 3;
            out[3 * j + i] = m[3 * a + c] * m[3 * b + d] - m[3 * a + d] * m[3 * b + c];
        }
    for (i = 0; i < 3; i++) det += m[i] * out[3 * i];
    for (i = 0; i < 9; i++) out[i] /= det;
}

/* XYZ of D50 to linear sRGB. */
static gmlp_result xyz_to_srgb(double m[9]) {
    double to_xyz[9], from_xyz[9], wide[9];
    gmlp_result result;
    int i, j;
    if ((result = gmlp_space_to_xyz(GMLP_PROPHOTO, to_xyz)) != GMLP_OK) return result;
    if ((result = gmlp_space_matrix(GMLP_PROPHOTO_LINEAR, GMLP_SRGB_LINEAR, GMLP_BRADFORD, wide)) != GMLP_OK)
        return result;
    invert(to_xyz, from_xyz);
    for (i = 0; i < 3; i++)
        for (j = 0; j < 3; j++)
            m[3 * i + j] =
                wide[3 * i] * from_xyz[j] + wide[3 * i + 1] * from_xyz[3 + j] + wide[3 * i + 2] * from_xyz[6 + j];
    return GMLP_OK;
}

static colour coded(const double linear[3]) {
    colour c;
    c.r = gmlp_curve_encode(GMLP_SRGB, fmin(1, fmax(0, linear[0])), 0);
    c.g = gmlp_curve_encode(GMLP_SRGB, fmin(1, fmax(0, linear[1])), 0);
    c.b = gmlp_curve_encode(GMLP_SRGB, fmin(1, fmax(0, linear[2])), 0);
    return c;
}

/* The colour scale: a path through CIE Lab from a dark violet over red to a light yellow, lightness
   6 to 95, hue 285 to 460 degrees, with steps of equal length. Within sRGB. */
enum { SCALE = 256, PATH = 4096 };

static void scale_lab(double t, double lab[3]) {
    const double degree = 3.14159265358979323846 / 180, hue = (285 + 175 * t) * degree;
    const double chroma = 12 + 16 * t + 46 * sin(180 * degree * pow(t, 0.7));
    lab[0] = 6 + 89 * t;
    lab[1] = chroma * cos(hue);
    lab[2] = chroma * sin(hue);
}

static gmlp_result make_scale(colour scale[SCALE]) {
    double m[9], white[9], lab[3], last[3], length[PATH + 1];
    gmlp_result result = xyz_to_srgb(m);
    int i, k = 0, c;
    if (result || (result = gmlp_space_to_xyz(GMLP_PROPHOTO, white)) != GMLP_OK) return result;
    length[0] = 0;
    scale_lab(0, last);
    for (i = 1; i <= PATH; i++) {
        scale_lab((double)i / PATH, lab);
        length[i] = length[i - 1] + sqrt((lab[0] - last[0]) * (lab[0] - last[0]) + (lab[1] - last[1]) * (lab[1] - last[1]) +
                                         (lab[2] - last[2]) * (lab[2] - last[2]));
        memcpy(last, lab, sizeof last);
    }
    for (i = 0; i < SCALE; i++) {
        const double part = length[PATH] * i / (SCALE - 1);
        double f[3], linear[3];
        while (k < PATH - 1 && length[k + 1] < part) k++;
        scale_lab((k + fmin(1, (part - length[k]) / (length[k + 1] - length[k]))) / PATH, lab);
        f[1] = (lab[0] + 16) / 116;
        f[0] = f[1] + lab[1] / 500;
        f[2] = f[1] - lab[2] / 200;
        for (c = 0; c < 3; c++) {
            f[c] = f[c] > 6.0 / 29 ? f[c] * f[c] * f[c] : (116 * f[c] - 16) * 27 / 24389;
            f[c] *= white[3 * c] + white[3 * c + 1] + white[3 * c + 2];
        }
        transform(m, f, linear);
        scale[i] = coded(linear);
    }
    return GMLP_OK;
}

/* ---- rows of both pictures ---- */

/* The same rows of reference and test as linear pixels, a strip at a time. */
typedef struct strips {
    const gmlp_image *pictures[2];
    float *linear[2];
    uint8_t *mask;
    uint32_t rows;
    int hdr;
} strips;

static gmlp_result strips_open(strips *s, const gmlp_image *reference, const gmlp_image *test) {
    const uint32_t width = reference->width;
    size_t n;
    memset(s, 0, sizeof *s);
    if (width != test->width || reference->height != test->height || !width) return GMLP_E_ARGUMENT;
    s->pictures[0] = reference;
    s->pictures[1] = test;
    s->hdr = metrics_is_hdr(reference);
    s->rows = width < 65536 ? 65536 / width : 1;
    n = (size_t)width * s->rows;
    s->linear[0] = (float *)malloc(n * 3 * sizeof(float));
    s->linear[1] = (float *)malloc(n * 3 * sizeof(float));
    s->mask = (uint8_t *)malloc(n);
    return s->linear[0] && s->linear[1] && s->mask ? GMLP_OK : GMLP_E_MEMORY;
}

static void strips_close(strips *s) {
    free(s->linear[0]);
    free(s->linear[1]);
    free(s->mask);
}

/* Loads the rows from y on; *rows gets how many. */
static gmlp_result strips_load(strips *s, uint32_t y, uint32_t *rows) {
    const uint32_t left = s->pictures[0]->height - y;
    gmlp_result result = GMLP_OK;
    int i;
    *rows = left < s->rows ? left : s->rows;
    for (i = 0; !result && i < 2; i++) {
        const gmlp_image view = metrics_rows(s->pictures[i], y, *rows);
        result = metrics_linear(&view, s->hdr, s->linear[i]);
    }
    return result;
}

static int plot_failed(gmlp_result result, char error[256]) {
    snprintf(error, 256, "cannot draw the plot: %s", gmlp_result_string(result));
    return -1;
}

/* ---- the error heat map ---- */

enum { HEAT_LONGEST = 1600, HEAT_SMALLEST = 640, MARGIN = 28, HEADER = 84, FOOTER = 108 };
#define HEAT_LOW (-4.0) /* log10 of the RMSE at the ends of the scale */
#define HEAT_HIGH (-1.0)

/* Sums of squared errors over cells of shrink x shrink pixels. */
static gmlp_result heat_sums(strips *s, uint32_t shrink, uint32_t columns, float *sums) {
    const uint32_t width = s->pictures[0]->width, height = s->pictures[0]->height;
    uint32_t y, k, x, rows;
    gmlp_result result = GMLP_OK;
    for (y = 0; !result && y < height; y += rows) {
        if ((result = strips_load(s, y, &rows)) != GMLP_OK) break;
        for (k = 0; s->hdr && !result && k < 2; k++) result = metrics_pq(s->linear[k], width, rows, s->linear[k]);
        for (k = 0; k < rows; k++) {
            const float *p = s->linear[0] + 3 * (size_t)k * width, *q = s->linear[1] + 3 * (size_t)k * width;
            float *out = sums + (size_t)((y + k) / shrink) * columns;
            for (x = 0; x < width; x++, p += 3, q += 3) {
                const float d0 = p[0] - q[0], d1 = p[1] - q[1], d2 = p[2] - q[2];
                out[x / shrink] += d0 * d0 + d1 * d1 + d2 * d2;
            }
        }
    }
    return result;
}

static void heat_legend(plot *p, double x, double y, double width, const colour scale[SCALE]) {
    static const char *const rmse[] = {"0.0001", "0.001", "0.01", "0.1"};
    static const char *const db[] = {"80 dB", "60 dB", "40 dB", "20 dB"};
    long i;
    int k;
    for (i = 0; i < (long)width; i++)
        fill(p, (long)x + i, (long)y, 1, 20, scale[(size_t)((double)i / width * SCALE)]);
    for (k = 0; k < 4; k++) {
        const double at = x + width * k / 3;
        const int align = k == 0 ? -1 : k == 3 ? 1 : 0;
        line(p, at, y + 21, at, y + 27, 1.5, faint);
        text(p, at, y + 34, rmse[k], 2, align, ink);
        text(p, at, y + 57, db[k], 2, align, faint);
    }
}

int plot_heatmap(const gmlp_image *reference, const gmlp_image *test, plot *out, char error[256]) {
    const uint32_t width = reference->width, height = reference->height, longest = width > height ? width : height;
    const uint32_t shrink = (longest + HEAT_LONGEST - 1) / HEAT_LONGEST;
    const uint32_t columns = (width + shrink - 1) / shrink, rows = (height + shrink - 1) / shrink;
    const uint32_t zoom = longest < HEAT_SMALLEST ? HEAT_SMALLEST / longest : 1;
    const uint32_t shown = columns * zoom < HEAT_SMALLEST ? HEAT_SMALLEST : columns * zoom;
    const long left = MARGIN + (long)(shown - columns * zoom) / 2;
    strips s;
    colour scale[SCALE];
    char note[64] = "";
    float *sums = (float *)calloc((size_t)columns * rows, sizeof *sums);
    gmlp_result result = strips_open(&s, reference, test);
    uint32_t x, y;
    int status;
    if (!sums && !result) result = GMLP_E_MEMORY;
    if (!result) result = make_scale(scale);
    if (!result) result = heat_sums(&s, shrink, columns, sums);
    strips_close(&s);
    status = result ? plot_failed(result, error) : plot_new(out, shown + 2 * MARGIN, rows * zoom + HEADER + FOOTER, error);
    if (!status) {
        for (y = 0; y < rows; y++)
            for (x = 0; x < columns; x++) {
                const uint32_t w = width - x * shrink < shrink ? width - x * shrink : shrink;
                const uint32_t h = height - y * shrink < shrink ? height - y * shrink : shrink;
                const double mse = sums[(size_t)y * columns + x] / (3.0 * w * h);
                const double t = mse > 0 ? (0.5 * log10(mse) - HEAT_LOW) / (HEAT_HIGH - HEAT_LOW) : 0;
                fill(out, left + (long)(x * zoom), HEADER + (long)(y * zoom), (long)zoom, (long)zoom,
                     scale[t <= 0 ? 0 : t >= 1 ? SCALE - 1 : (int)(t * (SCALE - 1) + 0.5)]);
            }
        if (shrink > 1) snprintf(note, sizeof note, ", in cells of %u x %u pixels", (unsigned)shrink, (unsigned)shrink);
        text(out, MARGIN, 22, "Error per pixel", 3, -1, ink);
        text(out, MARGIN, 56, s.hdr ? "RMSE of the PQ signal, Rec.2020" : "RMSE in linear ProPhoto", 2, -1, faint);
        text(out, MARGIN + text_width(s.hdr ? "RMSE of the PQ signal, Rec.2020" : "RMSE in linear ProPhoto", 2) + 3, 56, note,
             2, -1, faint);
        heat_legend(out, MARGIN, HEADER + (double)(rows * zoom) + 20, fmin(shown, 900), scale);
    }
    free(sums);
    return status;
}

/* ---- the chromaticity diagram ---- */

/* CIE 1931 2-degree observer: chromaticities x, y of 380, 385 ... 700 nm to four digits, from the
   colour-matching functions of CIE 015 (as in colour-science 0.4.7). */
static const double locus[][2] = {
    {0.1741, 0.0050}, {0.1740, 0.0050}, {0.1738, 0.0049}, {0.1736, 0.0049}, {0.1733, 0.0048},
    {0.1730, 0.0048}, {0.1726, 0.0048}, {0.1721, 0.0048}, {0.1714, 0.0051}, {0.1703, 0.0058},
    {0.1689, 0.0069}, {0.1669, 0.0086}, {0.1644, 0.0109}, {0.1611, 0.0138}, {0.1566, 0.0177},
    {0.1510, 0.0227}, {0.1440, 0.0297}, {0.1355, 0.0399}, {0.1241, 0.0578}, {0.1096, 0.0868},
    {0.0913, 0.1327}, {0.0687, 0.2007}, {0.0454, 0.2950}, {0.0235, 0.4127}, {0.0082, 0.5384},
    {0.0039, 0.6548}, {0.0139, 0.7502}, {0.0389, 0.8120}, {0.0743, 0.8338}, {0.1142, 0.8262},
    {0.1547, 0.8059}, {0.1929, 0.7816}, {0.2296, 0.7543}, {0.2658, 0.7243}, {0.3016, 0.6923},
    {0.3374, 0.6588}, {0.3731, 0.6245}, {0.4087, 0.5896}, {0.4441, 0.5547}, {0.4788, 0.5202},
    {0.5125, 0.4866}, {0.5448, 0.4544}, {0.5752, 0.4242}, {0.6029, 0.3965}, {0.6270, 0.3725},
    {0.6482, 0.3514}, {0.6658, 0.3340}, {0.6801, 0.3197}, {0.6915, 0.3083}, {0.7006, 0.2993},
    {0.7079, 0.2920}, {0.7140, 0.2859}, {0.7190, 0.2809}, {0.7230, 0.2769}, {0.7260, 0.2740},
    {0.7283, 0.2717}, {0.7300, 0.2700}, {0.7311, 0.2689}, {0.7320, 0.2680}, {0.7327, 0.2673},
    {0.7334, 0.2666}, {0.7340, 0.2660}, {0.7344, 0.2656}, {0.7346, 0.2654}, {0.7347, 0.2653}};
enum { LOCUS = sizeof locus / sizeof *locus };

enum { XY_UNIT = 760, XY_WIDTH = 640, XY_HEIGHT = 708, XY_TOP = 116, XY_LEFT = 76, XY_GAP = 66, XY_BOTTOM = 76 };
#define XY_X0 (-0.03) /* chromaticity at the panel's lower left corner */
#define XY_Y0 (-0.03)

typedef struct axes {
    plot *p;
    double left, bottom;
} axes;

static double xy_x(const axes *a, double x) { return a->left + (x - XY_X0) * XY_UNIT; }
static double xy_y(const axes *a, double y) { return a->bottom - (y - XY_Y0) * XY_UNIT; }

static void xy_line(const axes *a, const double p[2], const double q[2], double width, colour c) {
    line(a->p, xy_x(a, p[0]), xy_y(a, p[1]), xy_x(a, q[0]), xy_y(a, q[1]), width, c);
}

/* Whether a chromaticity lies inside the locus: the crossings of a ray are odd. */
static int in_locus(double x, double y) {
    int inside = 0, i, j = LOCUS - 1;
    for (i = 0; i < LOCUS; j = i++)
        if ((locus[i][1] > y) != (locus[j][1] > y) &&
            x < locus[i][0] + (y - locus[i][1]) / (locus[j][1] - locus[i][1]) * (locus[j][0] - locus[i][0]))
            inside = !inside;
    return inside;
}

/* The brightest sRGB colour of a chromaticity, or of the nearest that sRGB has towards white. */
static colour xy_colour(const double to_srgb[9], double x, double y) {
    double v[3], linear[3], low, high;
    v[0] = x;
    v[1] = y;
    v[2] = 1 - x - y;
    transform(to_srgb, v, linear);
    low = fmin(0, fmin(linear[0], fmin(linear[1], linear[2])));
    high = fmax(linear[0], fmax(linear[1], linear[2])) - low;
    linear[0] = (linear[0] - low) / high;
    linear[1] = (linear[1] - low) / high;
    linear[2] = (linear[2] - low) / high;
    return coded(linear);
}

/* The primaries of a space relative to D50. */
static gmlp_result triangle(int space, double xy[3][2]) {
    double m[9], xyz[9];
    gmlp_result result = gmlp_space_matrix(space, GMLP_PROPHOTO_LINEAR, GMLP_BRADFORD, m);
    int i;
    if (result || (result = gmlp_space_to_xyz(GMLP_PROPHOTO, xyz)) != GMLP_OK) return result;
    for (i = 0; i < 3; i++) {
        double rgb[3], v[3];
        rgb[0] = m[i];
        rgb[1] = m[3 + i];
        rgb[2] = m[6 + i];
        transform(xyz, rgb, v);
        xy[i][0] = v[0] / (v[0] + v[1] + v[2]);
        xy[i][1] = v[1] / (v[0] + v[1] + v[2]);
    }
    return GMLP_OK;
}

/* Counts the chromaticities of OG pixels in the panel's pixels; counts[2][XY_HEIGHT][XY_WIDTH]. */
static gmlp_result xy_counts(strips *s, uint32_t *counts, uint64_t *pixels) {
    const uint32_t width = s->pictures[0]->width, height = s->pictures[0]->height;
    const int space = s->hdr ? GMLP_REC2020_LINEAR : GMLP_PROPHOTO_LINEAR;
    double m[9], xyz[9];
    uint32_t y, rows;
    size_t i;
    int k;
    gmlp_result result = gmlp_space_matrix(space, GMLP_PROPHOTO_LINEAR, GMLP_BRADFORD, m);
    if (!result) result = gmlp_space_to_xyz(GMLP_PROPHOTO, xyz);
    for (y = 0; !result && y < height; y += rows) {
        gmlp_image masked;
        if ((result = strips_load(s, y, &rows)) != GMLP_OK) break;
        masked = metrics_rows(s->pictures[0], y, rows);
        if ((result = metrics_mask(&masked, s->linear[0], s->hdr, s->mask)) != GMLP_OK) break;
        for (i = 0; i < (size_t)width * rows; i++) {
            if (!s->mask[i]) continue;
            ++*pixels;
            for (k = 0; k < 2; k++) {
                const float *f = s->linear[k] + 3 * i;
                double rgb[3], wide[3], v[3], sum, column, row;
                rgb[0] = f[0];
                rgb[1] = f[1];
                rgb[2] = f[2];
                transform(m, rgb, wide);
                transform(xyz, wide, v);
                sum = v[0] + v[1] + v[2];
                if (!(sum > 0)) continue; /* black has no chromaticity */
                column = (v[0] / sum - XY_X0) * XY_UNIT;
                row = XY_HEIGHT - (v[1] / sum - XY_Y0) * XY_UNIT;
                if (column >= 0 && column < XY_WIDTH && row >= 0 && row < XY_HEIGHT)
                    counts[((size_t)k * XY_HEIGHT + (size_t)row) * XY_WIDTH + (size_t)column]++;
            }
        }
    }
    return result;
}

static void xy_axes(const axes *a) {
    const double top = a->bottom - XY_HEIGHT, right = a->left + XY_WIDTH;
    char label[8];
    int i;
    fill(a->p, (long)a->left, (long)top, XY_WIDTH, XY_HEIGHT, panel);
    for (i = 0; i <= 8; i++) {
        const double at = 0.1 * i;
        snprintf(label, sizeof label, "%.1f", at);
        if (i < 8) {
            line(a->p, xy_x(a, at), top, xy_x(a, at), a->bottom, 1, grid);
            line(a->p, xy_x(a, at), a->bottom, xy_x(a, at), a->bottom + 6, 1.5, faint);
            text(a->p, xy_x(a, at), a->bottom + 13, label, 2, 0, faint);
        }
        line(a->p, a->left, xy_y(a, at), right, xy_y(a, at), 1, grid);
        line(a->p, a->left - 6, xy_y(a, at), a->left, xy_y(a, at), 1.5, faint);
        text(a->p, a->left - 12, xy_y(a, at) - 7, label, 2, 1, faint);
    }
    text(a->p, a->left + 0.5 * XY_WIDTH, a->bottom + 40, "x", 2.4, 0, ink);
    text(a->p, a->left - 58, top + 0.5 * XY_HEIGHT, "y", 2.4, 0, ink);
}

static void xy_locus(const axes *a, const double to_srgb[9]) {
    static const int labels[] = {450, 470, 490, 500, 510, 520, 540, 560, 580, 600, 620};
    size_t k;
    int i, j;
    for (j = 0; j < XY_HEIGHT; j++)
        for (i = 0; i < XY_WIDTH; i++) {
            const double x = XY_X0 + (i + 0.5) / XY_UNIT, y = XY_Y0 + (XY_HEIGHT - j - 0.5) / XY_UNIT;
            if (in_locus(x, y))
                blend(a->p, (long)a->left + i, (long)a->bottom - XY_HEIGHT + j, xy_colour(to_srgb, x, y), 0.13);
        }
    for (i = 1; i < LOCUS; i++) xy_line(a, locus[i - 1], locus[i], 1.6, faint);
    xy_line(a, locus[0], locus[LOCUS - 1], 1.6, faint);
    for (k = 0; k < sizeof labels / sizeof *labels; k++) {
        const int n = (labels[k] - 380) / 5;
        const double tx = locus[n + 1][0] - locus[n - 1][0], ty = locus[n + 1][1] - locus[n - 1][1], t = hypot(tx, ty);
        const double nx = -ty / t, ny = -tx / t; /* outwards, in pixels */
        const double x = xy_x(a, locus[n][0]), y = xy_y(a, locus[n][1]);
        char label[8];
        snprintf(label, sizeof label, "%d", labels[k]);
        line(a->p, x, y, x + 5 * nx, y + 5 * ny, 1.4, faint);
        text(a->p, x + 13 * nx + (nx > 0.5 ? 12 : nx < -0.5 ? -8 : 0), y + 16 * ny - 5, label, 1.5, 0, faint);
    }
}

/* How strongly a panel's pixel shows that n OG pixels lie there. */
static double xy_strength(uint32_t n, uint32_t most) {
    return n ? 0.65 + 0.35 * log(n) / log(most + 1.0) : 0;
}

/* Every point is a soft dot three pixels wide. */
static void xy_points(const axes *a, const uint32_t *counts, uint32_t most, const double to_srgb[9]) {
    static const double soft[3] = {1, 0.4, 0.16};
    int i, j, k, l;
    for (j = 1; j < XY_HEIGHT - 1; j++)
        for (i = 1; i < XY_WIDTH - 1; i++) {
            const double x = XY_X0 + (i + 0.5) / XY_UNIT, y = XY_Y0 + (XY_HEIGHT - j - 0.5) / XY_UNIT;
            double alpha = 0;
            for (l = -1; l <= 1; l++)
                for (k = -1; k <= 1; k++)
                    alpha = fmax(alpha, soft[abs(k) + abs(l)] *
                                            xy_strength(counts[(size_t)(j + l) * XY_WIDTH + (size_t)(i + k)], most));
            if (alpha > 0)
                blend(a->p, (long)a->left + i, (long)a->bottom - XY_HEIGHT + j, xy_colour(to_srgb, x, y), alpha);
        }
}

static void xy_white(const axes *a, double x, double y, const char *name, int align) {
    const double at_x = xy_x(a, x), at_y = xy_y(a, y), side = at_x - 11 * align;
    ring(a->p, at_x, at_y, 4.5, 5, background); /* stands out among points */
    strokes(a->p, side, at_y - 5, name, 1.6, align, 5, background);
    ring(a->p, at_x, at_y, 4.5, 1.6, ink);
    text(a->p, side, at_y - 5, name, 1.6, align, ink);
}

static void xy_panel(const axes *a, const char *title, const uint32_t *counts, uint32_t most, const double to_srgb[9],
                     double wide[3][2], double narrow[3][2]) {
    static const colour wide_colour = {1.0, 0.72, 0.30}, narrow_colour = {0.78, 0.82, 0.88};
    double d65[2] = {0.3127, 0.3290}, d50[2] = {0.3457, 0.3585};
    int i;
    gmlp_space_white(GMLP_SRGB, d65);
    gmlp_space_white(GMLP_PROPHOTO, d50);
    xy_axes(a);
    xy_locus(a, to_srgb);
    for (i = 0; i < 3; i++) {
        xy_line(a, wide[i], wide[(i + 1) % 3], 1.5, wide_colour);
        xy_line(a, narrow[i], narrow[(i + 1) % 3], 1.5, narrow_colour);
    }
    xy_points(a, counts, most, to_srgb); /* over the lines, on which clipped pixels come to lie */
    xy_white(a, d50[0], d50[1], "D50", -1);
    xy_white(a, d65[0], d65[1], "D65", 1);
    text(a->p, a->left, a->bottom - XY_HEIGHT - 24, title, 2.2, -1, ink);
    line(a->p, a->left + 420, a->bottom - XY_HEIGHT + 30, a->left + 452, a->bottom - XY_HEIGHT + 30, 2, wide_colour);
    text(a->p, a->left + 464, a->bottom - XY_HEIGHT + 23, "ProPhoto RGB", 2, -1, ink);
    line(a->p, a->left + 420, a->bottom - XY_HEIGHT + 58, a->left + 452, a->bottom - XY_HEIGHT + 58, 2, narrow_colour);
    text(a->p, a->left + 464, a->bottom - XY_HEIGHT + 51, "sRGB", 2, -1, ink);
}

int plot_chromaticity(const gmlp_image *reference, const gmlp_image *test, plot *out, char error[256]) {
    const size_t n = (size_t)XY_WIDTH * XY_HEIGHT;
    uint32_t *counts = (uint32_t *)calloc(2 * n, sizeof *counts), most = 1;
    double to_srgb[9], wide[3][2], narrow[3][2];
    uint64_t pixels = 0;
    char note[128];
    strips s;
    gmlp_result result = strips_open(&s, reference, test);
    size_t i;
    int k, status;
    if (!counts && !result) result = GMLP_E_MEMORY;
    if (!result) result = xyz_to_srgb(to_srgb);
    if (!result) result = triangle(GMLP_PROPHOTO_LINEAR, wide);
    if (!result) result = triangle(GMLP_SRGB_LINEAR, narrow);
    if (!result) result = xy_counts(&s, counts, &pixels);
    strips_close(&s);
    status = result ? plot_failed(result, error)
                    : plot_new(out, 2 * (XY_LEFT + XY_WIDTH) + XY_GAP, XY_TOP + XY_HEIGHT + XY_BOTTOM, error);
    if (!status) {
        for (i = 0; i < 2 * n; i++) most = counts[i] > most ? counts[i] : most;
        text(out, XY_LEFT, 22, "Out-of-gamut pixels, CIE 1931 chromaticity", 3, -1, ink);
        snprintf(note, sizeof note, "%.2f %% of the pixels, relative to D50",
                 100.0 * (double)pixels / ((double)reference->width * reference->height));
        text(out, XY_LEFT, 58, note, 2, -1, faint);
        for (k = 0; k < 2; k++) {
            axes a;
            a.p = out;
            a.left = XY_LEFT + k * (XY_WIDTH + XY_LEFT + 20);
            a.bottom = XY_TOP + XY_HEIGHT;
            xy_panel(&a, k ? "Test" : "Reference", counts + (size_t)k * n, most, to_srgb, wide, narrow);
        }
    }
    free(counts);
    return status;
}
