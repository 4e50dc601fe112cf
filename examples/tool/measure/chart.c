#include "measure/chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "measure/labels.h"

/* Colours that the colour-blind tell apart (M. Okabe, K. Ito, 2008), and a shape for each: corners (none: round), and
   where the first one points, in quarters of a turn. */
static const struct {
    colour colour;
    int corners;
    double turn, radius;
} styles[CHART_COLOURS] = {
    { { 0.00, 0.45, 0.70 }, 0, 0, 3.5 },   /* blue */
    { { 0.84, 0.37, 0.00 }, 4, 0.5, 4.4 }, /* vermilion */
    { { 0.00, 0.62, 0.45 }, 3, -1, 4.8 },  /* green */
    { { 0.75, 0.42, 0.62 }, 4, 0, 4.6 },   /* purple */
    { { 0.43, 0.46, 0.50 }, 3, 1, 4.8 },   /* grey */
    { { 0.90, 0.62, 0.00 }, 5, -1, 4.4 }   /* orange */
};

enum { WIDTH = 960, TITLE = 30, LEGEND = 56, LINE = 22, HEAD = 96 };                /* the page, base lines */
enum { HEIGHT = 324, LEFT = 36, RIGHT = 24, TOP = 40, BOTTOM = 58 };                 /* a panel and its margins */

static const double half_turn = 3.14159265358979323846;

static int shown(const chart_series *s, size_t i) {
    return isfinite(s->y[i]) && (s->level || (isfinite(s->x[i]) && s->x[i] > 0));
}

/* The range of y in panels that stand in a row, so that they compare, and of x in one. */
static void range(const chart_panel *panels, size_t count, int of_x, double *low, double *high) {
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t p = 0; p < count; p++)
        for (size_t k = 0; k < panels[p].count; k++) {
            const chart_series *s = &panels[p].series[k];
            for (size_t i = 0; i < s->count && !(of_x && s->level); i++)
                if (shown(s, i)) {
                    *low = fmin(*low, of_x ? s->x[i] : s->y[i]);
                    *high = fmax(*high, of_x ? s->x[i] : s->y[i]);
                }
        }
    if (*low > *high) *low = 1, *high = 10;
}

/* Ticks at 1, 2, 5, 10... or at powers of two, as many as have room. */
static void draw_axes(const axes *a, const chart_panel *panel) {
    static const char *const units[] = { "bytes", "KB", "MB", "GB" };
    const double decade = a->width / (a->x1 - a->x0);
    double step = 1;
    size_t columns = 0, rows = 0;
    tick x[40], y[16]; /* 26 units from row to row leave fewer than 16 */
    for (int i = 0; a->height * step < 26 * (a->y1 - a->y0); i++) step *= i % 3 == 1 ? 2.5 : 2;
    for (double value = ceil(a->y0 / step) * step; value <= a->y1; value += step, rows++) {
        y[rows].value = value;
        snprintf(y[rows].label, sizeof y->label, "%g", value);
    }
    if (panel->unit == CHART_BYTES) {
        int powers = 1;
        while (powers * log10(2) * decade < 56) powers++;
        for (int k = 0; k < 40; k += powers, columns++) {
            x[columns].value = ldexp(1, k);
            snprintf(x[columns].label, sizeof x->label, "%d %s", 1 << k % 10, units[k / 10]);
        }
    } else
        for (int k = -6; k < 6; k++)
            for (int digit = 1; digit <= (decade > 160 ? 5 : 1); digit += digit < 2 ? 1 : 3, columns++) {
                x[columns].value = digit * pow(10, k);
                snprintf(x[columns].label, sizeof x->label, "%g s", x[columns].value);
            }
    axes_area(a);
    axes_grid(a, x, columns, y, rows);
    draw_line(a->d, a->left, a->top + a->height, a->left + a->width, a->top + a->height, 1, 0, drawing_faint);
    axes_titles(a, panel->title, panel->x_title, panel->y_title);
}

/* Corners in eighths of a unit keep an SVG short. */
static void mark_path(const drawing *d, double x, double y, int style) {
    const double r = styles[style].radius;
    cairo_new_sub_path(d->cairo);
    if (!styles[style].corners) cairo_arc(d->cairo, rint(8 * x) / 8, rint(8 * y) / 8, r, 0, 2 * half_turn);
    for (int i = 0; i < styles[style].corners; i++) {
        const double angle = half_turn * (styles[style].turn / 2 + 2.0 * i / styles[style].corners);
        cairo_line_to(d->cairo, rint(8 * (x + r * cos(angle))) / 8, rint(8 * (y + r * sin(angle))) / 8);
    }
    cairo_close_path(d->cairo);
}

static void draw_marks(const drawing *d, int style, int hollow) {
    set_colour(d, hollow ? drawing_page : styles[style].colour);
    cairo_fill_preserve(d->cairo);
    draw_stroke(d, 1.5, 0, styles[style].colour);
}

/* The points that are shown, by x. */
static size_t sorted(const chart_series *s, size_t order[CHART_POINTS]) {
    size_t n = 0, i, j;
    for (i = 0; i < s->count; i++) {
        if (!shown(s, i)) continue;
        for (j = n++; j && s->x[order[j - 1]] > s->x[i]; j--) order[j] = order[j - 1];
        order[j] = i;
    }
    return n;
}

static void draw_curve(const axes *a, const chart_series *s, crowd *c) {
    size_t order[CHART_POINTS], n = sorted(s, order);
    double last_x = a->left + a->width, last_y = n ? axes_y(a, s->y[order[0]]) : 0;
    if (s->level && n) {
        crowd_line(c, a->left, last_y, last_x, last_y);
        draw_line(a->d, a->left, last_y, last_x, last_y, 1.5, s->dashed, styles[s->colour].colour);
    }
    for (size_t i = 0; i < n && !s->level; i++) {
        const double x = axes_x(a, s->x[order[i]]), y = axes_y(a, s->y[order[i]]);
        (i ? cairo_line_to : cairo_move_to)(a->d->cairo, x, y);
        if (i) crowd_line(c, last_x, last_y, x, y);
        crowd_mark(c, x, y, s->label[order[i]] ? s->colour : -1);
        last_x = x;
        last_y = y;
    }
    draw_stroke(a->d, 1.8, s->dashed, styles[s->colour].colour);
}

static void draw_panel(const axes *a, const chart_panel *panel) {
    crowd c;
    c.box_count = c.line_count = 0;
    draw_axes(a, panel);
    for (size_t k = 0; k < panel->count; k++) draw_curve(a, &panel->series[k], &c);
    for (size_t k = 0; k < panel->count; k++) {
        const chart_series *s = &panel->series[k];
        for (size_t i = 0; i < s->count && !s->level; i++)
            if (shown(s, i)) mark_path(a->d, axes_x(a, s->x[i]), axes_y(a, s->y[i]), s->colour);
        draw_marks(a->d, s->colour, s->dashed);
    }
    for (size_t k = 0; k < panel->count; k++) {
        const chart_series *s = &panel->series[k];
        const colour line = styles[s->colour].colour, ink = { 0.75 * line.r, 0.75 * line.g, 0.75 * line.b };
        for (size_t i = 0; i < s->count; i++)
            if (s->label[i] && shown(s, i))
                crowd_label(&c, a, axes_x(a, s->x[i]), axes_y(a, s->y[i]), s->colour, ink, s->label[i]);
    }
}

/* The names of the series in a line, below it those of the two kinds of lines, and the note. */
static void draw_legend(const drawing *d, const chart *c) {
    double x = LEFT;
    for (size_t k = 0; c->count && k < c->panels[0].count; k++) {
        const chart_series *s = &c->panels[0].series[k];
        if (!s->name) continue;
        if (!s->level) mark_path(d, x + 12, LEGEND - 0.36 * SIZE_TEXT, s->colour);
        draw_marks(d, s->colour, 0);
        x += 22 + draw_key(d, x, LEGEND, 0, styles[s->colour].colour, drawing_ink, s->name);
    }
    x = LEFT + 22 + draw_key(d, LEFT, LEGEND + LINE, 0, drawing_faint, drawing_ink, c->solid);
    x += 22 + draw_key(d, x, LEGEND + LINE, 1, drawing_faint, drawing_ink, c->dashed);
    draw_text(d, x, LEGEND + LINE, SIZE_TEXT, TEXT_LEFT, drawing_faint, c->note);
}

void chart_draw(drawing *d, const chart *c) {
    const size_t rows = (c->count + c->columns - 1) / c->columns;
    const double width = (double)WIDTH / (double)c->columns;
    drawing_begin(d, WIDTH, HEAD + (double)rows * HEIGHT);
    draw_text(d, LEFT, TITLE, SIZE_TITLE, TEXT_LEFT | TEXT_BOLD, drawing_ink, c->title);
    draw_legend(d, c);
    for (size_t p = 0; p < c->count; p++) {
        const size_t row = p / c->columns, first = row * c->columns, left = c->count - first;
        axes a = { d, LEFT + (double)(p - first) * width, HEAD + TOP + (double)row * HEIGHT, width - LEFT - RIGHT,
                   HEIGHT - TOP - BOTTOM, 0, 0, 0, 0, 1, drawing_page, drawing_grid };
        range(c->panels + first, left < c->columns ? left : c->columns, 0, &a.y0, &a.y1);
        range(c->panels + p, 1, 1, &a.x0, &a.x1);
        a.y0 = floor(a.y0 - 1);
        a.y1 = ceil(a.y1 + 1);
        a.x0 = log10(a.x0) - 0.12;
        a.x1 = log10(a.x1) + 0.12;
        draw_panel(&a, &c->panels[p]);
    }
}
