#include <math.h>
#include <string.h>

#include "measure/chart.h"

/* Middle tones, which stand out from white and from black alike. */
static const char *const colours[] = { "#2f81f7", "#d9730d", "#2da44e", "#a855f7", "#8b8b8b", "#e5484d" };
static const char *const ink = "#7d7d7d";

enum { WIDTH = 520, HEIGHT = 340, LEFT = 58, RIGHT = 74, TOP = 34, BOTTOM = 52, HEAD = 44, LEGEND = 22 };

typedef struct axes {
    double x0, x1, y0, y1; /* values at the ends; x in decades */
    double left, top;      /* of the area within the axes */
} axes;

static const double inner_width = WIDTH - LEFT - RIGHT, inner_height = HEIGHT - TOP - BOTTOM;

static double at_x(const axes *a, double x) { return a->left + inner_width * (log10(x) - a->x0) / (a->x1 - a->x0); }
static double at_y(const axes *a, double y) { return a->top + inner_height * (a->y1 - y) / (a->y1 - a->y0); }

static void text(FILE *f, double x, double y, const char *anchor, const char *colour, int size, const char *s) {
    fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\" font-size=\"%d\">", x, y, anchor, colour, size);
    for (; *s; s++) {
        if (*s == '<') fputs("&lt;", f);
        else if (*s == '>') fputs("&gt;", f);
        else if (*s == '&') fputs("&amp;", f);
        else fputc(*s, f);
    }
    fputs("</text>\n", f);
}

static void line(FILE *f, double x0, double y0, double x1, double y1, const char *colour, double width, double opacity, const char *dash) {
    fprintf(f, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"%.1f\" stroke-opacity=\"%.2f\"%s/>\n",
            x0, y0, x1, y1, colour, width, opacity, dash);
}

#define DASHES " stroke-dasharray=\"5 4\""

static int shown(const chart_series *s, size_t i) { return isfinite(s->y[i]) && (s->level || (isfinite(s->x[i]) && s->x[i] > 0)); }

/* The ranges of all panels' y, so that they compare, and of one panel's x. */
static void range_y(const chart_panel *panels, size_t count, axes *a) {
    double low = INFINITY, high = -INFINITY;
    for (size_t p = 0; p < count; p++)
        for (size_t k = 0; k < panels[p].count; k++)
            for (size_t i = 0; i < panels[p].series[k].count; i++)
                if (shown(&panels[p].series[k], i)) {
                    low = fmin(low, panels[p].series[k].y[i]);
                    high = fmax(high, panels[p].series[k].y[i]);
                }
    if (low > high) low = 0, high = 1;
    a->y0 = floor(low - 1);
    a->y1 = ceil(high + 1);
}

static void range_x(const chart_panel *panel, axes *a) {
    double low = INFINITY, high = -INFINITY;
    for (size_t k = 0; k < panel->count; k++)
        for (size_t i = 0; i < panel->series[k].count && !panel->series[k].level; i++)
            if (shown(&panel->series[k], i)) {
                low = fmin(low, panel->series[k].x[i]);
                high = fmax(high, panel->series[k].x[i]);
            }
    if (low > high) low = 1, high = 10;
    a->x0 = log10(low) - 0.12;
    a->x1 = log10(high) + 0.12;
}

/* The smallest of 1, 2, 5, 10... that needs at most 8 steps. */
static double step_of(double range) {
    double step = 1;
    for (int i = 0; range / step > 8; i++) step *= i % 3 == 1 ? 2.5 : 2;
    return step;
}

static void tick_x(FILE *f, const axes *a, double value, const char *label) {
    const double x = at_x(a, value);
    if (log10(value) < a->x0 || log10(value) > a->x1) return;
    line(f, x, a->top, x, a->top + inner_height, ink, 1, 0.25, "");
    text(f, x, a->top + inner_height + 16, "middle", ink, 12, label);
}

static void draw_axes(FILE *f, const chart_panel *panel, const axes *a) {
    const double step = step_of(a->y1 - a->y0);
    char label[32];
    for (double y = ceil(a->y0 / step) * step; y <= a->y1; y += step) {
        line(f, a->left, at_y(a, y), a->left + inner_width, at_y(a, y), ink, 1, 0.25, "");
        snprintf(label, sizeof label, "%g", y);
        text(f, a->left - 8, at_y(a, y) + 4, "end", ink, 12, label);
    }
    if (panel->unit == CHART_BYTES)
        for (int k = 4; k < 28; k += a->x1 - a->x0 < 2.7 ? 1 : 2) {
            snprintf(label, sizeof label, "%d%s", 1 << k % 10, k < 10 ? "" : k < 20 ? " KB" : " MB");
            tick_x(f, a, 1 << k, label);
        }
    else
        for (int decade = -6; decade < 6; decade++)
            for (int k = 0; k < 3; k++) {
                static const double digit[3] = { 1, 2, 5 };
                const double value = digit[k] * pow(10, decade);
                snprintf(label, sizeof label, "%g s", value);
                if (!k || a->x1 - a->x0 < 2.2) tick_x(f, a, value, label);
            }
    fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"%s\"/>\n", a->left, a->top, inner_width,
            inner_height, ink);
    text(f, a->left, a->top - 10, "start", ink, 14, panel->title);
    text(f, a->left + inner_width / 2, a->top + inner_height + 36, "middle", ink, 13, panel->x_title);
    fprintf(f, "<g transform=\"translate(%.1f %.1f) rotate(-90)\">", a->left - 40, a->top + inner_height / 2);
    text(f, 0, 0, "middle", ink, 13, panel->y_title);
    fputs("</g>\n", f);
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

static void draw_series(FILE *f, const chart_series *s, const axes *a) {
    const char *colour = colours[s->colour], *dash = s->dashed ? DASHES : "";
    size_t order[CHART_POINTS], n = sorted(s, order), i;
    if (s->level) {
        if (n) line(f, a->left, at_y(a, s->y[order[0]]), a->left + inner_width, at_y(a, s->y[order[0]]), colour, 1.6, 0.9, dash);
        return;
    }
    if (n > 1) {
        fprintf(f, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s points=\"", colour, dash);
        for (i = 0; i < n; i++) fprintf(f, "%s%.1f,%.1f", i ? " " : "", at_x(a, s->x[order[i]]), at_y(a, s->y[order[i]]));
        fputs("\"/>\n", f);
    }
    for (i = 0; i < n; i++) {
        const double x = at_x(a, s->x[order[i]]), y = at_y(a, s->y[order[i]]);
        const int crowded = i + 1 < n && at_x(a, s->x[order[i + 1]]) - x < 24 && fabs(at_y(a, s->y[order[i + 1]]) - y) < 13; /* under the next label */
        fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\" fill=\"%s\" stroke=\"%s\" stroke-width=\"1.6\"/>\n", x, y,
                s->dashed ? "none" : colour, colour);
        if (s->label[order[i]] && !crowded) text(f, x + 7, y + 13, "start", colour, 11, s->label[order[i]]);
    }
}

static void legend(FILE *f, const chart_panel *panel, double x, double y) {
    for (size_t k = 0; k < panel->count; k++) {
        const chart_series *s = &panel->series[k];
        if (!s->name) continue;
        line(f, x, y - 4, x + 22, y - 4, colours[s->colour], 2, 1, "");
        text(f, x + 28, y, "start", ink, 13, s->name);
        x += 54 + 6.6 * (double)strlen(s->name);
    }
}

void chart_write(FILE *f, const char *title, const char *note, const chart_panel *panels, size_t count, size_t columns) {
    const size_t rows = (count + columns - 1) / columns;
    const int width = (int)columns * WIDTH, height = HEAD + (int)rows * HEIGHT + 2 * LEGEND + 8;
    axes a;
    memset(&a, 0, sizeof a);
    fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
               "font-family=\"system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\">\n", width, height, width, height);
    text(f, LEFT, 26, "start", ink, 17, title);
    for (size_t p = 0; p < count; p++) {
        const chart_panel *panel = &panels[p];
        range_y(panels + p - p % columns, p - p % columns + columns <= count ? columns : count - (p - p % columns), &a);
        range_x(panel, &a);
        a.left = (double)(p % columns) * WIDTH + LEFT;
        a.top = HEAD + (double)(p / columns) * HEIGHT + TOP;
        draw_axes(f, panel, &a);
        for (size_t k = 0; k < panel->count; k++) draw_series(f, &panel->series[k], &a);
    }
    legend(f, panels, LEFT, HEAD + (double)rows * HEIGHT + LEGEND - 6);
    text(f, LEFT, HEAD + (double)rows * HEIGHT + 2 * LEGEND - 4, "start", ink, 12, note);
    fputs("</svg>\n", f);
}
