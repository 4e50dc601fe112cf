#include "measure/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/metrics.h"

/* Colours. */

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
        length[i] = length[i - 1] + hypot(lab[0] - last[0], hypot(lab[1] - last[1], lab[2] - last[2]));
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

/* Rows of both pictures. */

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

/* Pixels of an image surface, as cairo wants them: alpha above red, which is multiplied by it. */
static cairo_surface_t *image_new(int width, int height) {
    return cairo_image_surface_create(CAIRO_FORMAT_ARGB32, width, height);
}

static uint32_t *image_row(cairo_surface_t *image, int y) {
    unsigned char *data = cairo_image_surface_get_data(image);
    return (uint32_t *)(void *)(data + (ptrdiff_t)y * cairo_image_surface_get_stride(image));
}

static uint32_t image_pixel(colour c, double alpha) {
    const double k = 255 * alpha;
    return (uint32_t)(k + 0.5) << 24 | (uint32_t)(k * c.r + 0.5) << 16 | (uint32_t)(k * c.g + 0.5) << 8 |
           (uint32_t)(k * c.b + 0.5);
}

/* The error heat map. */

enum { HEAT_LONGEST = 1600, HEAT_SMALLEST = 1200, MARGIN = 24, HEADER = 66, FOOTER = 60 }; /* pixels; units */
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

static void heat_legend(const drawing *d, double left, double top, double width, const colour scale[SCALE]) {
    const axes a = {d, left, top, width, 12, HEAT_LOW, HEAT_HIGH, 0, 1, 1, drawing_page, drawing_page};
    static const tick ticks[] = {
        {0.0001, "0.0001 (80 dB)"}, {0.001, "0.001 (60 dB)"}, {0.01, "0.01 (40 dB)"}, {0.1, "0.1 (20 dB)"}};
    cairo_pattern_t *bar = cairo_pattern_create_linear(left, 0, left + width, 0);
    axes_grid(&a, ticks, sizeof ticks / sizeof *ticks, NULL, 0);
    for (int i = 0; i < SCALE; i += 5)
        cairo_pattern_add_color_stop_rgb(bar, i / (SCALE - 1.0), scale[i].r, scale[i].g, scale[i].b);
    cairo_set_source(d->cairo, bar);
    cairo_rectangle(d->cairo, left, top, width, a.height);
    cairo_fill(d->cairo);
    cairo_pattern_destroy(bar);
}

/* The map: a cell is zoom x zoom pixels. */
static cairo_surface_t *heat_image(const float *sums, uint32_t width, uint32_t height, uint32_t shrink, uint32_t zoom,
                                   const colour scale[SCALE]) {
    const uint32_t columns = (width + shrink - 1) / shrink, rows = (height + shrink - 1) / shrink;
    cairo_surface_t *image = image_new((int)(columns * zoom), (int)(rows * zoom));
    if (cairo_surface_status(image)) return image; /* drawing it makes the drawing fail */
    for (uint32_t y = 0; y < rows * zoom; y++) {
        const uint32_t row = y / zoom, h = height - row * shrink < shrink ? height - row * shrink : shrink;
        uint32_t *out = image_row(image, (int)y);
        for (uint32_t x = 0; x < columns * zoom; x++) {
            const uint32_t column = x / zoom, w = width - column * shrink < shrink ? width - column * shrink : shrink;
            const double mse = sums[(size_t)row * columns + column] / (3.0 * w * h);
            const double t = mse > 0 ? (0.5 * log10(mse) - HEAT_LOW) / (HEAT_HIGH - HEAT_LOW) : 0;
            out[x] = image_pixel(scale[t <= 0 ? 0 : t >= 1 ? SCALE - 1 : (int)(t * (SCALE - 1) + 0.5)], 1);
        }
    }
    cairo_surface_mark_dirty(image);
    return image;
}

int plot_heatmap(const gmlp_image *reference, const gmlp_image *test, drawing *d, char error[256]) {
    const uint32_t width = reference->width, height = reference->height, longest = width > height ? width : height;
    const uint32_t shrink = (longest + HEAT_LONGEST - 1) / HEAT_LONGEST;
    const uint32_t columns = (width + shrink - 1) / shrink, rows = (height + shrink - 1) / shrink;
    const uint32_t zoom = longest < HEAT_SMALLEST ? HEAT_SMALLEST / longest : 1;
    const double shown = (double)(columns * zoom) / DRAWING_PIXELS, high = (double)(rows * zoom) / DRAWING_PIXELS;
    const double page = fmax(shown, HEAT_SMALLEST / DRAWING_PIXELS) + 2 * MARGIN;
    strips s;
    colour scale[SCALE];
    cairo_surface_t *image;
    char note[128], cells[64] = "";
    float *sums = (float *)calloc((size_t)columns * rows, sizeof *sums);
    gmlp_result result = strips_open(&s, reference, test);
    if (!sums && !result) result = GMLP_E_MEMORY;
    if (!result) result = make_scale(scale);
    if (!result) result = heat_sums(&s, shrink, columns, sums);
    strips_close(&s);
    if (result) {
        free(sums);
        return plot_failed(result, error);
    }
    if (shrink > 1) snprintf(cells, sizeof cells, ", cells of %u x %u pixels", (unsigned)shrink, (unsigned)shrink);
    snprintf(note, sizeof note, "RMSE %s%s", s.hdr ? "of the PQ signal, Rec.2020" : "in linear ProPhoto", cells);
    drawing_begin(d, page, HEADER + high + FOOTER);
    draw_text(d, MARGIN, 32, SIZE_TITLE, TEXT_LEFT | TEXT_BOLD, drawing_ink, "Error per pixel");
    draw_text(d, MARGIN, 53, SIZE_TEXT, TEXT_LEFT, drawing_faint, note);
    image = heat_image(sums, width, height, shrink, zoom, scale);
    draw_image(d, image, floor((page - shown) / 2), HEADER, 1.0 / DRAWING_PIXELS);
    cairo_surface_destroy(image);
    heat_legend(d, 3 * MARGIN, HEADER + high + 18, fmin(page, 700) - 6 * MARGIN, scale);
    free(sums);
    return 0;
}
/* The chromaticity diagram. */

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

/* A panel in pixels, which are the bins of the pixels' chromaticities too, and the page in units. */
enum { XY_SCALE = 960, XY_WIDTH = 820, XY_HEIGHT = 896, XY_LEFT = 40, XY_TOP = 112, XY_PAGE = 960, XY_BOTTOM = 50 };
#define XY_X0 (-0.06) /* chromaticity at the panel's lower left corner */
#define XY_Y0 (-0.03)

/* A panel is dark, so that the colours of its points show. */
static const colour ground = {0.105, 0.115, 0.140}, lines = {0.205, 0.220, 0.255}, light = {0.930, 0.940, 0.955},
                    dim = {0.640, 0.665, 0.705}, wide_colour = {1.0, 0.72, 0.30}, narrow_colour = {0.78, 0.82, 0.88};

/* The curve through the tabled points: between two of them a cubic whose slope at each follows its neighbours. */
static void xy_locus_path(const axes *a) {
    cairo_t *c = a->d->cairo;
    cairo_new_path(c);
    for (int i = 0; i < LOCUS; i++) {
        const double *p = locus[i ? i - 1 : 0], *q = locus[i], *before = locus[i > 1 ? i - 2 : 0];
        const double *after = locus[i + 1 < LOCUS ? i + 1 : i];
        if (i) cairo_curve_to(c, axes_x(a, p[0] + (q[0] - before[0]) / 6), axes_y(a, p[1] + (q[1] - before[1]) / 6),
                              axes_x(a, q[0] - (after[0] - p[0]) / 6), axes_y(a, q[1] - (after[1] - p[1]) / 6),
                              axes_x(a, q[0]), axes_y(a, q[1]));
        else cairo_move_to(c, axes_x(a, q[0]), axes_y(a, q[1]));
    }
    cairo_close_path(c); /* the purples */
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
                column = (v[0] / sum - XY_X0) * XY_SCALE;
                row = XY_HEIGHT - (v[1] / sum - XY_Y0) * XY_SCALE;
                if (column >= 0 && column < XY_WIDTH && row >= 0 && row < XY_HEIGHT)
                    counts[((size_t)k * XY_HEIGHT + (size_t)row) * XY_WIDTH + (size_t)column]++;
            }
        }
    }
    return result;
}

/* How strongly a panel's pixel shows that n OG pixels lie there. */
static double xy_strength(uint32_t n, uint32_t most) {
    return n ? 0.65 + 0.35 * log(n) / log(most + 1.0) : 0;
}

/* Every point is a soft dot three pixels wide. */
static void xy_points(const axes *a, const uint32_t *counts, uint32_t most, const double to_srgb[9]) {
    static const double soft[3] = {1, 0.4, 0.16};
    cairo_surface_t *image = image_new(XY_WIDTH, XY_HEIGHT);
    for (int j = 1; j < XY_HEIGHT - 1 && !cairo_surface_status(image); j++) {
        uint32_t *out = image_row(image, j);
        for (int i = 1; i < XY_WIDTH - 1; i++) {
            const double x = XY_X0 + (i + 0.5) / XY_SCALE, y = XY_Y0 + (XY_HEIGHT - j - 0.5) / XY_SCALE;
            double alpha = 0;
            for (int l = -1; l <= 1; l++)
                for (int k = -1; k <= 1; k++)
                    alpha = fmax(alpha, soft[abs(k) + abs(l)] *
                                            xy_strength(counts[(size_t)(j + l) * XY_WIDTH + (size_t)(i + k)], most));
            if (alpha > 0) out[i] = image_pixel(xy_colour(to_srgb, x, y), alpha);
        }
    }
    cairo_surface_mark_dirty(image);
    draw_image(a->d, image, a->left, a->top, 1.0 / DRAWING_PIXELS);
    cairo_surface_destroy(image);
}

/* A faint notion of the colours within the locus, which need few pixels. */
static void xy_tint(const axes *a, const double to_srgb[9]) {
    enum { SIDE = 16, COLUMNS = XY_WIDTH / SIDE + 1, ROWS = XY_HEIGHT / SIDE + 1 };
    cairo_surface_t *image = image_new(COLUMNS, ROWS);
    for (int j = 0; j < ROWS && !cairo_surface_status(image); j++)
        for (int i = 0; i < COLUMNS; i++) {
            const double x = XY_X0 + (i + 0.5) * SIDE / XY_SCALE, y = XY_Y0 + (XY_HEIGHT - (j + 0.5) * SIDE) / XY_SCALE;
            image_row(image, j)[i] = image_pixel(xy_colour(to_srgb, x, y), 0.14);
        }
    cairo_surface_mark_dirty(image);
    cairo_save(a->d->cairo);
    xy_locus_path(a);
    cairo_clip(a->d->cairo);
    draw_image(a->d, image, a->left, a->top, (double)SIDE / DRAWING_PIXELS);
    cairo_restore(a->d->cairo);
    cairo_surface_destroy(image);
}

static void xy_wavelengths(const axes *a) {
    static const int labels[] = {450, 470, 490, 500, 510, 520, 540, 560, 580, 600, 620};
    for (size_t k = 0; k < sizeof labels / sizeof *labels; k++) {
        const int n = (labels[k] - 380) / 5;
        const double tx = locus[n + 1][0] - locus[n - 1][0], ty = locus[n + 1][1] - locus[n - 1][1], t = hypot(tx, ty);
        const double nx = -ty / t, ny = -tx / t; /* outwards, in pixels */
        const double x = axes_x(a, locus[n][0]), y = axes_y(a, locus[n][1]);
        const int how = nx > 0.3 ? TEXT_LEFT : nx < -0.3 ? TEXT_RIGHT : TEXT_MIDDLE;
        char label[16];
        snprintf(label, sizeof label, k + 1 < sizeof labels / sizeof *labels ? "%d" : "%d nm", labels[k]);
        draw_line(a->d, x, y, x + 4 * nx, y + 4 * ny, 1, 0, dim);
        draw_text(a->d, x + 7 * nx, y + 9 * ny + 4, 10, how, dim, label);
    }
}

static void xy_triangle(const axes *a, double corners[3][2], colour c) {
    for (int i = 0; i < 3; i++) cairo_line_to(a->d->cairo, axes_x(a, corners[i][0]), axes_y(a, corners[i][1]));
    cairo_close_path(a->d->cairo);
    draw_stroke(a->d, 1.2, 0, c);
}

static void xy_white(const axes *a, double x, double y, const char *name, int how) {
    const double at_x = axes_x(a, x), at_y = axes_y(a, y);
    draw_label(a->d, at_x + (how == TEXT_LEFT ? 8 : -8), at_y + 4, SIZE_TEXT, how, light, ground, name);
    cairo_arc(a->d->cairo, at_x, at_y, 3.5, 0, 6.283185307179586);
    set_colour(a->d, ground);
    cairo_fill_preserve(a->d->cairo);
    draw_stroke(a->d, 1.2, 0, light);
}

static void xy_panel(const axes *a, const char *title, const uint32_t *counts, uint32_t most, const double to_srgb[9],
                     double wide[3][2], double narrow[3][2]) {
    double d65[2] = {0.3127, 0.3290}, d50[2] = {0.3457, 0.3585};
    tick ticks[9];
    gmlp_space_white(GMLP_SRGB, d65);
    gmlp_space_white(GMLP_PROPHOTO, d50);
    for (int i = 0; i < 9; i++) {
        ticks[i].value = 0.1 * i;
        snprintf(ticks[i].label, sizeof ticks->label, "%.1f", ticks[i].value);
    }
    axes_area(a);
    axes_grid(a, ticks, 9, ticks, 9);
    axes_titles(a, title, "x", "y");
    xy_tint(a, to_srgb);
    xy_locus_path(a);
    draw_stroke(a->d, 1.2, 0, dim);
    xy_wavelengths(a);
    xy_triangle(a, wide, wide_colour);
    xy_triangle(a, narrow, narrow_colour);
    xy_points(a, counts, most, to_srgb); /* over the lines, on which clipped pixels come to lie */
    xy_white(a, d50[0], d50[1], "D50", TEXT_LEFT);
    xy_white(a, d65[0], d65[1], "D65", TEXT_RIGHT);
    draw_key(a->d, a->left + 270, a->top + 26, 0, wide_colour, light, "ProPhoto RGB");
    draw_key(a->d, a->left + 270, a->top + 46, 0, narrow_colour, light, "sRGB");
}

int plot_chromaticity(const gmlp_image *reference, const gmlp_image *test, drawing *d, char error[256]) {
    const size_t n = (size_t)XY_WIDTH * XY_HEIGHT;
    uint32_t *counts = (uint32_t *)calloc(2 * n, sizeof *counts), most = 1;
    double to_srgb[9], wide[3][2], narrow[3][2];
    uint64_t pixels = 0;
    char note[128];
    strips s;
    gmlp_result result = strips_open(&s, reference, test);
    if (!counts && !result) result = GMLP_E_MEMORY;
    if (!result) result = xyz_to_srgb(to_srgb);
    if (!result) result = triangle(GMLP_PROPHOTO_LINEAR, wide);
    if (!result) result = triangle(GMLP_SRGB_LINEAR, narrow);
    if (!result) result = xy_counts(&s, counts, &pixels);
    strips_close(&s);
    if (result) {
        free(counts);
        return plot_failed(result, error);
    }
    for (size_t i = 0; i < 2 * n; i++) most = counts[i] > most ? counts[i] : most;
    snprintf(note, sizeof note, "%.2f %% of the pixels; chromaticities relative to D50, wavelengths in nm",
             100.0 * (double)pixels / ((double)reference->width * reference->height));
    drawing_begin(d, XY_PAGE, XY_TOP + XY_HEIGHT / DRAWING_PIXELS + XY_BOTTOM);
    draw_text(d, XY_LEFT, 30, SIZE_TITLE, TEXT_BOLD, drawing_ink, "Out-of-gamut pixels, CIE 1931 chromaticities");
    draw_text(d, XY_LEFT, 51, SIZE_TEXT, TEXT_LEFT, drawing_faint, note);
    for (int k = 0; k < 2; k++) {
        const axes a = {d, XY_LEFT + k * (XY_PAGE - XY_LEFT + 36) / 2, XY_TOP, XY_WIDTH / DRAWING_PIXELS,
                        XY_HEIGHT / DRAWING_PIXELS, XY_X0, XY_X0 + (double)XY_WIDTH / XY_SCALE, XY_Y0,
                        XY_Y0 + (double)XY_HEIGHT / XY_SCALE, 0, ground, lines};
        xy_panel(&a, k ? "Test" : "Reference", counts + (size_t)k * n, most, to_srgb, wide, narrow);
    }
    free(counts);
    return 0;
}
