#include "measure/chromaticity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure/metrics.h"
#include "measure/strips.h"

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
static const colour ground = {0.105, 0.115, 0.140}, mesh = {0.205, 0.220, 0.255}, light = {0.930, 0.940, 0.955},
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

static void transform(const double m[9], const double v[3], double out[3]) {
    for (int i = 0; i < 3; i++) out[i] = m[3 * i] * v[0] + m[3 * i + 1] * v[1] + m[3 * i + 2] * v[2];
}

/* The brightest sRGB colour of a chromaticity, or of the nearest that sRGB has towards white. to_srgb: from linear
   ProPhoto. */
static colour xy_colour(const double to_srgb[9], double x, double y) {
    /* ISO 22028-2: XYZ of D50 to linear ROMM RGB */
    static const double to_romm[9] = {1.3460, -0.2556, -0.0511, -0.5446, 1.5082, 0.0205, 0, 0, 1.2123};
    const double v[3] = {x, y, 1 - x - y};
    double wide[3], linear[3], low, high;
    colour c;
    transform(to_romm, v, wide);
    transform(to_srgb, wide, linear);
    low = fmin(0, fmin(linear[0], fmin(linear[1], linear[2])));
    high = fmax(linear[0], fmax(linear[1], linear[2])) - low;
    c.r = gmlp_curve_encode(GMLP_SRGB, (linear[0] - low) / high, 0);
    c.g = gmlp_curve_encode(GMLP_SRGB, (linear[1] - low) / high, 0);
    c.b = gmlp_curve_encode(GMLP_SRGB, (linear[2] - low) / high, 0);
    return c;
}

/* From linear light to XYZ of D50. */
static gmlp_result matrix_to_xyz(int space, double out[9]) {
    double wide[9], xyz[9];
    gmlp_result result = gmlp_space_matrix(space, GMLP_PROPHOTO_LINEAR, GMLP_BRADFORD, wide);
    if (!result) result = gmlp_space_to_xyz(GMLP_PROPHOTO, xyz);
    for (int i = 0; !result && i < 9; i++) {
        const double *a = xyz + i / 3 * 3, *b = wide + i % 3;
        out[i] = a[0] * b[0] + a[1] * b[3] + a[2] * b[6];
    }
    return result;
}

/* The primaries of a space relative to D50. */
static gmlp_result xy_corners(int space, double xy[3][2]) {
    double xyz[9];
    const gmlp_result result = matrix_to_xyz(space, xyz);
    for (int i = 0; !result && i < 3; i++) {
        const double sum = xyz[i] + xyz[3 + i] + xyz[6 + i];
        xy[i][0] = xyz[i] / sum;
        xy[i][1] = xyz[3 + i] / sum;
    }
    return result;
}

static void count_pixel(const double xyz[9], const float f[3], uint32_t *counts) {
    const double rgb[3] = {f[0], f[1], f[2]};
    double v[3], sum, column, row;
    transform(xyz, rgb, v);
    sum = v[0] + v[1] + v[2];
    if (!(sum > 0)) return; /* black has no chromaticity */
    column = (v[0] / sum - XY_X0) * XY_SCALE;
    row = XY_HEIGHT - (v[1] / sum - XY_Y0) * XY_SCALE;
    if (column >= 0 && column < XY_WIDTH && row >= 0 && row < XY_HEIGHT)
        counts[(size_t)row * XY_WIDTH + (size_t)column]++;
}

/* Counts the chromaticities of OG pixels in the panel's pixels; counts[2][XY_HEIGHT][XY_WIDTH]. */
static gmlp_result xy_counts(strips *s, uint32_t *counts, uint64_t *pixels) {
    const size_t width = s->pictures[0]->width;
    uint8_t *mask = (uint8_t *)malloc(width * s->rows);
    double xyz[9];
    uint32_t rows;
    gmlp_result result = mask ? matrix_to_xyz(s->hdr ? GMLP_REC2020_LINEAR : GMLP_PROPHOTO_LINEAR, xyz) : GMLP_E_MEMORY;
    for (uint32_t y = 0; !result && y < s->pictures[0]->height; y += rows) {
        const gmlp_result loaded = strips_load(s, y, &rows);
        const gmlp_image masked = metrics_rows(s->pictures[0], y, rows);
        result = loaded ? loaded : metrics_mask(&masked, s->linear[0], s->hdr, mask);
        for (size_t i = 0; !result && i < width * rows; i++) {
            if (!mask[i]) continue;
            ++*pixels;
            for (size_t k = 0; k < 2; k++) count_pixel(xyz, s->linear[k] + 3 * i, counts + k * XY_WIDTH * XY_HEIGHT);
        }
    }
    free(mask);
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
    for (int j = 1; j < XY_HEIGHT - 1; j++) {
        uint32_t *out = image_row(image, j);
        for (int i = 1; out && i < XY_WIDTH - 1; i++) {
            const double x = XY_X0 + (i + 0.5) / XY_SCALE, y = XY_Y0 + (XY_HEIGHT - j - 0.5) / XY_SCALE;
            double alpha = 0;
            for (int l = -1; l <= 1; l++)
                for (int k = -1; k <= 1; k++)
                    alpha = fmax(alpha, soft[abs(k) + abs(l)] *
                                            xy_strength(counts[(size_t)(j + l) * XY_WIDTH + (size_t)(i + k)], most));
            if (alpha > 0) out[i] = image_pixel(xy_colour(to_srgb, x, y), alpha);
        }
    }
    draw_image(a->d, image, a->left, a->top, 1.0 / DRAWING_PIXELS);
}

/* A faint notion of the colours within the locus, which need few pixels. */
static void xy_tint(const axes *a, const double to_srgb[9]) {
    enum { SIDE = 16, COLUMNS = XY_WIDTH / SIDE + 1, ROWS = XY_HEIGHT / SIDE + 1 };
    cairo_surface_t *image = image_new(COLUMNS, ROWS);
    for (int j = 0; j < ROWS; j++) {
        uint32_t *out = image_row(image, j);
        for (int i = 0; out && i < COLUMNS; i++) {
            const double x = XY_X0 + (i + 0.5) * SIDE / XY_SCALE, y = XY_Y0 + (XY_HEIGHT - (j + 0.5) * SIDE) / XY_SCALE;
            out[i] = image_pixel(xy_colour(to_srgb, x, y), 0.14);
        }
    }
    cairo_save(a->d->cairo);
    xy_locus_path(a);
    cairo_clip(a->d->cairo);
    draw_image(a->d, image, a->left, a->top, (double)SIDE / DRAWING_PIXELS);
    cairo_restore(a->d->cairo);
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
        snprintf(label, sizeof label, "%d", labels[k]);
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

int draw_chromaticity(const gmlp_image *reference, const gmlp_image *test, drawing *d, char error[256]) {
    const size_t n = (size_t)XY_WIDTH * XY_HEIGHT;
    uint32_t *counts = (uint32_t *)calloc(2 * n, sizeof *counts), most = 1;
    double to_srgb[9], wide[3][2], narrow[3][2];
    uint64_t pixels = 0;
    char note[128];
    strips s;
    gmlp_result result = strips_open(&s, reference, test);
    if (!counts && !result) result = GMLP_E_MEMORY;
    if (!result) result = gmlp_space_matrix(GMLP_PROPHOTO_LINEAR, GMLP_SRGB_LINEAR, GMLP_BRADFORD, to_srgb);
    if (!result) result = xy_corners(GMLP_PROPHOTO_LINEAR, wide);
    if (!result) result = xy_corners(GMLP_SRGB_LINEAR, narrow);
    if (!result) result = xy_counts(&s, counts, &pixels);
    strips_close(&s);
    if (result) {
        free(counts);
        snprintf(error, 256, "cannot draw the plot: %s", gmlp_result_string(result));
        return -1;
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
                        XY_Y0 + (double)XY_HEIGHT / XY_SCALE, 0, ground, mesh};
        xy_panel(&a, k ? "Test" : "Reference", counts + (size_t)k * n, most, to_srgb, wide, narrow);
    }
    free(counts);
    return 0;
}
