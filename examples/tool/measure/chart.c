#include "measure/chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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

/* What labels keep clear of: marks and other labels always, lines where they can. */
typedef struct box {
    double x0, y0, x1, y1; /* of a line: from and to */
    int style;             /* of a mark with a label, else -1 */
} box;

enum { MARK = 5, MOST = CHART_SERIES * CHART_POINTS };
typedef struct crowd {
    box boxes[2 * MOST], lines[2 * MOST];
    size_t box_count, line_count;
} crowd;

static void add(box *list, size_t *count, double x0, double y0, double x1, double y1, int style) {
    const box b = { x0, y0, x1, y1, style };
    list[(*count)++] = b;
}

static int overlap(const box *a, const box *b) {
    return a->x0 < b->x1 && b->x0 < a->x1 && a->y0 < b->y1 && b->y0 < a->y1;
}

/* A line crosses a box if their extents overlap and the corners do not lie all on one side of it. */
static int crosses(const box *l, const box *b) {
    const box extent = { fmin(l->x0, l->x1) - 1, fmin(l->y0, l->y1) - 1, fmax(l->x0, l->x1) + 1, fmax(l->y0, l->y1) + 1,
                         -1 };
    int left = 0;
    for (int i = 0; i < 4; i++) {
        const double x = i & 1 ? b->x1 : b->x0, y = i & 2 ? b->y1 : b->y0;
        left += (l->x1 - l->x0) * (y - l->y0) > (l->y1 - l->y0) * (x - l->x0);
    }
    return overlap(&extent, b) && left > 0 && left < 4;
}

static double distance(const box *b, double x, double y) {
    return hypot(fmax(0, fmax(b->x0 - x, x - b->x1)), fmax(0, fmax(b->y0 - y, y - b->y1)));
}

/* -1 where the label of a mark at x, y cannot stand; else less is better. Without a leader it must not seem to belong
   to another mark of its colour. */
static int cost(const axes *a, const crowd *c, const box *b, double x, double y, const box *leader) {
    const double own = distance(b, x, y);
    int price = leader ? -8 : 0; /* it crosses its own mark */
    if (b->x0 < a->left || b->y0 < a->top || b->x1 > a->left + a->width || b->y1 > a->top + a->height) return -1;
    for (size_t i = 0; i < c->box_count; i++) {
        const box *other = &c->boxes[i];
        const double away = distance(b, (other->x0 + other->x1) / 2, (other->y0 + other->y1) / 2);
        if (overlap(b, other) || (!leader && other->style == b->style && away < own - 2)) return -1;
        if (leader) price += 16 * crosses(leader, other);
    }
    for (size_t i = 0; i < c->line_count; i++) price += 16 * crosses(&c->lines[i], b);
    return price;
}

/* Beside the mark; if need be farther off, with a line that leads there; nowhere if there is no room. */
static void place_label(const axes *a, crowd *c, double x, double y, int style, const char *s) {
    static const int ways[8][2] = { { 1, 1 }, { 1, -1 }, { -1, -1 }, { -1, 1 },
                                    { 1, 0 }, { -1, 0 }, { 0, 1 },   { 0, -1 } };
    static const double farther[] = { 0, 5, 18, 32 };
    const colour line = styles[style].colour, ink = { 0.75 * line.r, 0.75 * line.g, 0.75 * line.b };
    const double width = text_width(a->d, SIZE_TEXT, TEXT_LEFT, s), height = SIZE_TEXT;
    int least = -1, leads = 0;
    box best = { 0, 0, 0, 0, -1 }, best_leader = best;
    for (int k = 0; k < 32; k++) {
        const int *way = ways[k % 8];
        const double reach = MARK + (way[0] && way[1] ? 0 : 1) + farther[k / 8];
        const double x0 = x + way[0] * reach - (way[0] < 0 ? width : way[0] ? 0 : width / 2);
        const double y0 = y + way[1] * reach - (way[1] < 0 ? height : way[1] ? 0 : height / 2);
        const box b = { x0, y0, x0 + width, y0 + height, style };
        const box leader = { x, y, fmin(b.x1, fmax(b.x0, x)), fmin(b.y1, fmax(b.y0, y)), -1 };
        const int price = cost(a, c, &b, x, y, k >= 16 ? &leader : NULL);
        if (price < 0 || (least >= 0 && price + k >= least)) continue;
        least = price + k;
        leads = k >= 16;
        best = b;
        best_leader = leader;
    }
    if (least < 0) return;
    if (leads) {
        const box *l = &best_leader;
        draw_line(a->d, l->x0, l->y0, l->x1, l->y1, 0.8, 0, ink);
        add(c->lines, &c->line_count, l->x0, l->y0, l->x1, l->y1, -1);
    }
    draw_label(a->d, best.x0, best.y0 + 0.8 * height, SIZE_TEXT, TEXT_LEFT, ink, drawing_page, s);
    add(c->boxes, &c->box_count, best.x0, best.y0, best.x1, best.y1, -1);
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
        add(c->lines, &c->line_count, a->left, last_y, last_x, last_y, -1);
        draw_line(a->d, a->left, last_y, last_x, last_y, 1.5, s->dashed, styles[s->colour].colour);
    }
    for (size_t i = 0; i < n && !s->level; i++) {
        const double x = axes_x(a, s->x[order[i]]), y = axes_y(a, s->y[order[i]]);
        (i ? cairo_line_to : cairo_move_to)(a->d->cairo, x, y);
        if (i) add(c->lines, &c->line_count, last_x, last_y, x, y, -1);
        add(c->boxes, &c->box_count, x - MARK, y - MARK, x + MARK, y + MARK, s->label[order[i]] ? s->colour : -1);
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
        for (size_t i = 0; i < s->count; i++)
            if (s->label[i] && shown(s, i))
                place_label(a, &c, axes_x(a, s->x[i]), axes_y(a, s->y[i]), s->colour, s->label[i]);
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
