#include "measure/heatmap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure/metrics.h"
#include "measure/strips.h"

enum { HEAT_LONGEST = 1600, HEAT_SMALLEST = 1200, MARGIN = 24, HEADER = 66, FOOTER = 60 }; /* pixels; units */
#define HEAT_LOW (-4.0) /* log10 of the RMSE at the ends of the scale */
#define HEAT_HIGH (-1.0)

/* Sums of squared errors over cells of shrink x shrink pixels. */
static gmlp_result heat_sums(strips *s, uint32_t shrink, uint32_t columns, float *sums) {
    const uint32_t width = s->pictures[0]->width, height = s->pictures[0]->height;
    uint32_t rows;
    gmlp_result result = GMLP_OK;
    for (uint32_t y = 0; !result && y < height; y += rows) {
        if ((result = strips_load(s, y, &rows)) != GMLP_OK) break;
        for (int k = 0; s->hdr && !result && k < 2; k++)
            result = metrics_pq(s->linear[k], width, rows, s->linear[k]);
        for (uint32_t k = 0; k < rows; k++) {
            const float *p = s->linear[0] + 3 * (size_t)k * width, *q = s->linear[1] + 3 * (size_t)k * width;
            float *out = sums + (size_t)((y + k) / shrink) * columns;
            for (uint32_t x = 0; x < width; x++, p += 3, q += 3) {
                const float d0 = p[0] - q[0], d1 = p[1] - q[1], d2 = p[2] - q[2];
                out[x / shrink] += d0 * d0 + d1 * d1 + d2 * d2;
            }
        }
    }
    return result;
}

/* The colour scale: a path through CIE Lab from a dark violet over red to a light yellow, lightness 6 to 95, hue 285 to
   460 degrees, in steps of equal length; as sRGB codes. */
static colour heat_colour(double t) {
    static const uint8_t path[17][3] = {
        {17, 18, 35},   {20, 22, 56},  {35, 25, 79},   {61, 26, 98},   {93, 22, 110},  {124, 14, 115},
        {153, 7, 115},  {178, 18, 112}, {198, 39, 106}, {213, 62, 101}, {225, 87, 96},  {233, 112, 95},
        {238, 138, 98}, {240, 164, 108}, {241, 190, 125}, {242, 216, 152}, {247, 243, 187}};
    const double at = 16 * fmin(1, fmax(0, t));
    const int k = at < 15 ? (int)at : 15;
    const double part = at - k;
    const uint8_t *p = path[k], *q = path[k + 1];
    const colour c = {(p[0] + part * (q[0] - p[0])) / 255, (p[1] + part * (q[1] - p[1])) / 255,
                      (p[2] + part * (q[2] - p[2])) / 255};
    return c;
}

static void heat_legend(const drawing *d, double left, double top, double width) {
    const axes a = {d, left, top, width, 12, HEAT_LOW, HEAT_HIGH, 0, 1, 1, drawing_page, drawing_page};
    static const tick ticks[] = {
        {0.0001, "0.0001 (80 dB)"}, {0.001, "0.001 (60 dB)"}, {0.01, "0.01 (40 dB)"}, {0.1, "0.1 (20 dB)"}};
    cairo_pattern_t *bar = cairo_pattern_create_linear(left, 0, left + width, 0);
    axes_grid(&a, ticks, sizeof ticks / sizeof *ticks, NULL, 0);
    for (int i = 0; i <= 16; i++) {
        const colour c = heat_colour(i / 16.0);
        cairo_pattern_add_color_stop_rgb(bar, i / 16.0, c.r, c.g, c.b);
    }
    cairo_set_source(d->cairo, bar);
    cairo_rectangle(d->cairo, left, top, width, a.height);
    cairo_fill(d->cairo);
    cairo_pattern_destroy(bar);
}

/* The map: a cell is zoom x zoom pixels. */
static cairo_surface_t *heat_image(const float *sums, uint32_t width, uint32_t height, uint32_t shrink, uint32_t zoom) {
    const uint32_t columns = (width + shrink - 1) / shrink, rows = (height + shrink - 1) / shrink;
    cairo_surface_t *image = image_new((int)(columns * zoom), (int)(rows * zoom));
    for (uint32_t y = 0; y < rows * zoom; y++) {
        const uint32_t row = y / zoom, h = height - row * shrink < shrink ? height - row * shrink : shrink;
        uint32_t *out = image_row(image, (int)y);
        for (uint32_t x = 0; out && x < columns * zoom; x++) {
            const uint32_t column = x / zoom, w = width - column * shrink < shrink ? width - column * shrink : shrink;
            const double mse = sums[(size_t)row * columns + column] / (3.0 * w * h);
            const double t = mse > 0 ? (0.5 * log10(mse) - HEAT_LOW) / (HEAT_HIGH - HEAT_LOW) : 0;
            out[x] = image_pixel(heat_colour(t), 1);
        }
    }
    return image;
}

int draw_heatmap(const gmlp_image *reference, const gmlp_image *test, drawing *d, char error[256]) {
    const uint32_t width = reference->width, height = reference->height, longest = width > height ? width : height;
    const uint32_t shrink = (longest + HEAT_LONGEST - 1) / HEAT_LONGEST;
    const uint32_t columns = (width + shrink - 1) / shrink, rows = (height + shrink - 1) / shrink;
    const uint32_t zoom = longest < HEAT_SMALLEST ? HEAT_SMALLEST / longest : 1;
    const double shown = (double)(columns * zoom) / DRAWING_PIXELS, high = (double)(rows * zoom) / DRAWING_PIXELS;
    const double page = fmax(shown, HEAT_SMALLEST / DRAWING_PIXELS) + 2 * MARGIN;
    strips s;
    char note[128], cells[64] = "";
    float *sums = (float *)calloc((size_t)columns * rows, sizeof *sums);
    gmlp_result result = strips_open(&s, reference, test);
    if (!sums && !result) result = GMLP_E_MEMORY;
    if (!result) result = heat_sums(&s, shrink, columns, sums);
    strips_close(&s);
    if (result) {
        free(sums);
        snprintf(error, 256, "cannot draw the plot: %s", gmlp_result_string(result));
        return -1;
    }
    if (shrink > 1) snprintf(cells, sizeof cells, ", cells of %u x %u pixels", (unsigned)shrink, (unsigned)shrink);
    snprintf(note, sizeof note, "RMSE %s%s", s.hdr ? "of the PQ signal, Rec.2020" : "in linear ProPhoto", cells);
    drawing_begin(d, page, HEADER + high + FOOTER);
    draw_text(d, MARGIN, 32, SIZE_TITLE, TEXT_LEFT | TEXT_BOLD, drawing_ink, "Error per pixel");
    draw_text(d, MARGIN, 53, SIZE_TEXT, TEXT_LEFT, drawing_faint, note);
    draw_image(d, heat_image(sums, width, height, shrink, zoom), floor((page - shown) / 2), HEADER,
               1.0 / DRAWING_PIXELS);
    heat_legend(d, 3 * MARGIN, HEADER + high + 18, fmin(page, 700) - 6 * MARGIN);
    free(sums);
    return 0;
}
