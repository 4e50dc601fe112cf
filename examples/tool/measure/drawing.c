#include "measure/drawing.h"

#include <cairo-svg.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "shell/messages.h"

const colour drawing_page = { 1, 1, 1 }, drawing_ink = { 0.14, 0.16, 0.18 }, drawing_faint = { 0.34, 0.38, 0.42 },
             drawing_grid = { 0.87, 0.89, 0.91 };

/* The file. */

int drawing_has_name(const char *path) { return path_has_extension(path, "svg") || path_has_extension(path, "png"); }

int drawing_open(drawing *d, const char *path, char error[256]) {
    memset(d, 0, sizeof *d);
    if (!drawing_has_name(path)) {
        error_text(error, path, "plots are .svg or .png files");
        return -1;
    }
    d->svg = path_has_extension(path, "svg");
    return output_open(&d->out, path, error);
}

static cairo_status_t write_bytes(void *user, const unsigned char *bytes, unsigned size) {
    drawing *d = (drawing *)user;
    if (fwrite(bytes, 1, size, d->out.file) == size) return CAIRO_STATUS_SUCCESS;
    d->reason = errno;
    return CAIRO_STATUS_WRITE_ERROR;
}

void drawing_begin(drawing *d, double width, double height) {
    const int columns = (int)ceil(width * DRAWING_PIXELS), rows = (int)ceil(height * DRAWING_PIXELS);
    cairo_surface_t *surface = d->svg ? cairo_svg_surface_create_for_stream(write_bytes, d, width, height)
                                      : cairo_image_surface_create(CAIRO_FORMAT_RGB24, columns, rows);
    cairo_font_options_t *font = cairo_font_options_create();
    d->cairo = cairo_create(surface);
    if (d->svg) cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PX);
    else cairo_scale(d->cairo, DRAWING_PIXELS, DRAWING_PIXELS);
    cairo_font_options_set_antialias(font, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(font, CAIRO_HINT_STYLE_NONE); /* the same layout in both kinds */
    cairo_font_options_set_hint_metrics(font, CAIRO_HINT_METRICS_OFF);
    cairo_set_font_options(d->cairo, font);
    cairo_font_options_destroy(font);
    cairo_surface_destroy(surface); /* the context holds it */
    set_colour(d, drawing_page);
    cairo_paint(d->cairo);
}

int drawing_commit(drawing *d, char error[256]) {
    cairo_surface_t *surface = cairo_get_target(d->cairo);
    cairo_status_t status = cairo_status(d->cairo);
    if (!status && !d->svg) status = cairo_surface_write_to_png_stream(surface, write_bytes, d);
    cairo_surface_finish(surface);
    if (!status) status = cairo_surface_status(surface);
    cairo_destroy(d->cairo);
    d->cairo = NULL;
    if (!status && !d->reason) return output_commit(&d->out, error);
    error_text(error, d->out.path, "cannot be written: %s",
               d->reason ? strerror(d->reason) : cairo_status_to_string(status));
    output_discard(&d->out);
    return -1;
}

void drawing_discard(drawing *d) {
    if (d->cairo) cairo_destroy(d->cairo); /* may still write */
    d->cairo = NULL;
    output_discard(&d->out);
}

/* Text. */

static void set_font(const drawing *d, double size, int how) {
    cairo_select_font_face(d->cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           how & TEXT_BOLD ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(d->cairo, size);
}

double text_width(const drawing *d, double size, int how, const char *s) {
    cairo_text_extents_t extents;
    set_font(d, size, how);
    cairo_text_extents(d->cairo, s, &extents);
    return extents.x_advance;
}

void draw_text(const drawing *d, double x, double y, double size, int how, colour c, const char *s) {
    const double width = text_width(d, size, how, s);
    set_colour(d, c);
    cairo_move_to(d->cairo, x - 0.5 * (how & 3) * width, y);
    cairo_show_text(d->cairo, s);
    cairo_new_path(d->cairo);
}

void draw_label(const drawing *d, double x, double y, double size, int how, colour c, colour ground, const char *s) {
    const double width = text_width(d, size, how, s);
    cairo_set_source_rgba(d->cairo, ground.r, ground.g, ground.b, 0.75);
    cairo_rectangle(d->cairo, x - 0.5 * (how & 3) * width - 1, y - 0.8 * size, width + 2, size);
    cairo_fill(d->cairo);
    draw_text(d, x, y, size, how, c, s);
}

/* Areas and lines. */

void set_colour(const drawing *d, colour c) { cairo_set_source_rgb(d->cairo, c.r, c.g, c.b); }

void draw_area(const drawing *d, double x, double y, double width, double height, colour c) {
    set_colour(d, c);
    cairo_rectangle(d->cairo, x, y, width, height);
    cairo_fill(d->cairo);
}

void draw_stroke(const drawing *d, double width, int dashed, colour c) {
    static const double dashes[] = { 5, 3 };
    set_colour(d, c);
    cairo_set_line_width(d->cairo, width);
    cairo_set_line_join(d->cairo, CAIRO_LINE_JOIN_ROUND);
    cairo_set_dash(d->cairo, dashes, dashed ? 2 : 0, 0);
    cairo_stroke(d->cairo);
}

void draw_line(const drawing *d, double x0, double y0, double x1, double y1, double width, int dashed, colour c) {
    cairo_move_to(d->cairo, x0, y0);
    cairo_line_to(d->cairo, x1, y1);
    draw_stroke(d, width, dashed, c);
}

cairo_surface_t *image_new(int width, int height) {
    return cairo_image_surface_create(CAIRO_FORMAT_ARGB32, width, height);
}

uint32_t *image_row(cairo_surface_t *image, int y) {
    unsigned char *data = cairo_image_surface_get_data(image);
    return data ? (uint32_t *)(void *)(data + (ptrdiff_t)y * cairo_image_surface_get_stride(image)) : NULL;
}

uint32_t image_pixel(colour c, double alpha) { /* alpha above red, which is multiplied by it */
    const double k = 255 * alpha;
    return (uint32_t)(k + 0.5) << 24 | (uint32_t)(k * c.r + 0.5) << 16 | (uint32_t)(k * c.g + 0.5) << 8 |
           (uint32_t)(k * c.b + 0.5);
}

void draw_image(const drawing *d, cairo_surface_t *image, double x, double y, double pixel) {
    cairo_surface_mark_dirty(image);
    cairo_save(d->cairo);
    cairo_translate(d->cairo, x, y);
    cairo_scale(d->cairo, pixel, pixel);
    cairo_set_source_surface(d->cairo, image, 0, 0);
    cairo_paint(d->cairo);
    cairo_restore(d->cairo);
    cairo_surface_destroy(image);
}

double draw_key(const drawing *d, double x, double y, int dashed, colour line, colour ink, const char *name) {
    draw_line(d, x, y - 0.36 * SIZE_TEXT, x + 24, y - 0.36 * SIZE_TEXT, 2, dashed, line);
    draw_text(d, x + 30, y, SIZE_TEXT, TEXT_LEFT, ink, name);
    return 30 + text_width(d, SIZE_TEXT, TEXT_LEFT, name);
}

/* Axes. */

double axes_x(const axes *a, double x) {
    return a->left + a->width * ((a->log_x ? log10(x) : x) - a->x0) / (a->x1 - a->x0);
}

double axes_y(const axes *a, double y) { return a->top + a->height * (a->y1 - y) / (a->y1 - a->y0); }

void axes_area(const axes *a) { draw_area(a->d, a->left, a->top, a->width, a->height, a->ground); }

static int within(double at, double from, double size) { return at > from - 0.01 && at < from + size + 0.01; }

void axes_grid(const axes *a, const tick *x, size_t x_count, const tick *y, size_t y_count) {
    const double right = a->left + a->width, bottom = a->top + a->height;
    for (size_t i = 0; i < x_count; i++) {
        const double at = axes_x(a, x[i].value);
        if (!within(at, a->left, a->width)) continue;
        cairo_move_to(a->d->cairo, at, a->top);
        cairo_line_to(a->d->cairo, at, bottom);
    }
    for (size_t i = 0; i < y_count; i++) {
        const double at = axes_y(a, y[i].value);
        if (!within(at, a->top, a->height)) continue;
        cairo_move_to(a->d->cairo, a->left, at);
        cairo_line_to(a->d->cairo, right, at);
    }
    draw_stroke(a->d, 1, 0, a->grid);
    for (size_t i = 0; i < x_count; i++) {
        const double at = axes_x(a, x[i].value);
        if (!within(at, a->left, a->width)) continue;
        draw_text(a->d, at, bottom + 16, SIZE_TEXT, TEXT_MIDDLE, drawing_faint, x[i].label);
    }
    for (size_t i = 0; i < y_count; i++) {
        const double at = axes_y(a, y[i].value);
        if (!within(at, a->top, a->height)) continue;
        draw_text(a->d, a->left - 6, at + 0.36 * SIZE_TEXT, SIZE_TEXT, TEXT_RIGHT, drawing_faint, y[i].label);
    }
}

void axes_titles(const axes *a, const char *title, const char *x, const char *y) {
    draw_text(a->d, a->left, a->top - 26, SIZE_TITLE, TEXT_LEFT | TEXT_BOLD, drawing_ink, title);
    draw_text(a->d, a->left, a->top - 8, SIZE_TEXT, TEXT_LEFT, drawing_ink, y);
    draw_text(a->d, a->left + a->width / 2, a->top + a->height + 34, SIZE_TEXT, TEXT_MIDDLE, drawing_ink, x);
}
