#include "measure/curves.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 960, TOP = 56, HEIGHT = 232, LEFT = 44, RIGHT = 20, TICKS = 16 };

/* Colours that the colour-blind tell apart (M. Okabe, K. Ito, 2008). */
static const colour inks[] = { { 0.00, 0.45, 0.70 }, { 0.84, 0.37, 0.00 }, { 0.00, 0.62, 0.45 }, { 0.75, 0.42, 0.62 },
                               { 0.43, 0.46, 0.50 }, { 0.90, 0.62, 0.00 } };
enum { INKS = sizeof inks / sizeof *inks };

/* Whole steps of 1, 2, 5, 10... that give at most a dozen ticks, and the range that they span. */
static size_t ticks(double *low, double *high, tick *t) {
    double step = 0.1, value;
    size_t n = 0;
    int i;
    for (i = 1; (*high - *low) / step > 10; i++) step *= i % 3 == 2 ? 2.5 : 2;
    *low = floor(*low / step) * step;
    *high = ceil(*high / step) * step;
    if (!(*high > *low)) *high = *low + step;
    for (value = *low; value < *high + 0.5 * step && n < TICKS; value += step, n++) {
        t[n].value = value;
        snprintf(t[n].label, sizeof t->label, "%g", fabs(value) < 1e-9 ? 0 : value);
    }
    return n;
}

static void draw_panel(const drawing *d, const curves *c, double left, double width) {
    axes a = { d, left, TOP, width, HEIGHT, INFINITY, -INFINITY, INFINITY, -INFINITY, 0, drawing_page, drawing_grid };
    tick x[TICKS], y[TICKS];
    size_t x_count, y_count, k, i;
    double at = left + width;
    for (k = 0; k < c->count; k++)
        for (i = 0; i < c->of[k].count; i++) {
            a.x0 = fmin(a.x0, c->of[k].x[i]), a.x1 = fmax(a.x1, c->of[k].x[i]);
            a.y0 = fmin(a.y0, c->of[k].y[i]), a.y1 = fmax(a.y1, c->of[k].y[i]);
        }
    if (!(a.x0 <= a.x1)) a.x0 = a.y0 = 0, a.x1 = a.y1 = 1;
    x_count = ticks(&a.x0, &a.x1, x);
    y_count = ticks(&a.y0, &a.y1, y);
    axes_area(&a);
    axes_grid(&a, x, x_count, y, y_count);
    axes_titles(&a, c->title, c->x_title, c->y_title);
    for (k = 0; k < c->count; k++) {
        const curve *of = &c->of[k];
        for (i = 0; i < of->count; i++) cairo_line_to(d->cairo, axes_x(&a, of->x[i]), axes_y(&a, of->y[i]));
        draw_stroke(d, 1.5, 0, inks[k % INKS]);
        if (!of->name) continue;
        at -= 30 + text_width(d, SIZE_TEXT, TEXT_LEFT, of->name) + 12;
        draw_key(d, at, TOP - 26, 0, inks[k % INKS], drawing_ink, of->name);
    }
}

void curves_draw(const drawing *d, const curves *panels, size_t count) {
    const double each = (double)WIDTH / (double)count;
    size_t i;
    for (i = 0; i < count; i++) draw_panel(d, &panels[i], (double)i * each + LEFT, each - LEFT - RIGHT);
}
