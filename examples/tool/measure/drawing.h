/* Drawings as SVG or PNG, by the end of their name: the file, text, lines and axes. */
#ifndef DRAWING_H
#define DRAWING_H

#include <cairo.h>

#include "shell/files.h"

/* Lengths are in units, of which a README shows about 900 in a line; a PNG has so many pixels a unit. */
enum { DRAWING_PIXELS = 2 };

typedef struct colour {
    double r, g, b; /* sRGB codes, 0..1 */
} colour;
extern const colour drawing_page, drawing_ink, drawing_faint, drawing_grid;

typedef struct drawing {
    output out;
    cairo_t *cairo; /* from drawing_begin on */
    int svg, reason; /* of a write that failed */
} drawing;

/* Whether a name ends in .svg or .png. */
int drawing_has_name(const char *path);
/* Opened before long work, a drawing finds out early that it cannot be written. 0, or -1 and the reason. */
int drawing_open(drawing *d, const char *path, char error[256]);
/* An empty page. What goes wrong from here on is told by drawing_commit. */
void drawing_begin(drawing *d, double width, double height);
/* Writes the file; on failure nothing is left behind. */
int drawing_commit(drawing *d, char error[256]);
void drawing_discard(drawing *d); /* a zeroed or committed one is fine */

/* Where x stands in a text, and its weight. y is the base line. */
enum { TEXT_LEFT, TEXT_MIDDLE, TEXT_RIGHT, TEXT_BOLD = 4 };
enum { SIZE_TITLE = 15, SIZE_TEXT = 12 };
double text_width(const drawing *d, double size, int how, const char *s);
void draw_text(const drawing *d, double x, double y, double size, int how, colour c, const char *s);
/* Text that stands out from what lies under it, by a plate of the ground's colour. */
void draw_label(const drawing *d, double x, double y, double size, int how, colour c, colour ground, const char *s);

void set_colour(const drawing *d, colour c);
void draw_area(const drawing *d, double x, double y, double width, double height, colour c);
/* The stroke of the path so far. */
void draw_stroke(const drawing *d, double width, int dashed, colour c);
void draw_line(const drawing *d, double x0, double y0, double x1, double y1, double width, int dashed, colour c);
/* Images, transparent at first. Where memory is short, image_row gives NULL and drawing_commit fails. */
cairo_surface_t *image_new(int width, int height);
uint32_t *image_row(cairo_surface_t *image, int y);
uint32_t image_pixel(colour c, double alpha);
/* Its pixels are so many units wide. Frees it. */
void draw_image(const drawing *d, cairo_surface_t *image, double x, double y, double pixel);

/* A line of a legend, 24 units long, and its name; returns the width of both. */
double draw_key(const drawing *d, double x, double y, int dashed, colour line, colour ink, const char *name);

typedef struct axes {
    const drawing *d;
    double left, top, width, height; /* the area within them */
    double x0, x1, y0, y1;           /* the values at its ends */
    int log_x;                       /* x0 and x1 are decades */
    colour ground, grid;
} axes;
double axes_x(const axes *a, double x);
double axes_y(const axes *a, double y);
void axes_area(const axes *a);
typedef struct tick {
    double value;
    char label[20];
} tick;
/* Lines of a grid and their labels; values beyond the ends are left out. */
void axes_grid(const axes *a, const tick *x, size_t x_count, const tick *y, size_t y_count);
void axes_titles(const axes *a, const char *title, const char *x, const char *y);

#endif
