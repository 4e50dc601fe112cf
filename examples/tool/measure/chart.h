/* Panels of curves, their points with labels beside them. */
#ifndef CHART_H
#define CHART_H

#include <stddef.h>

#include "measure/drawing.h"

enum { CHART_POINTS = 16, CHART_SERIES = 24, CHART_COLOURS = 6 };

typedef struct chart_series {
    const char *name;   /* in the legend; NULL: it shares its colour with one that has a name */
    int colour;         /* 0..5, of line and mark; the mark's shape goes with it */
    int dashed;
    int level;          /* a horizontal line at y[0] */
    size_t count;
    double x[CHART_POINTS], y[CHART_POINTS]; /* joined in order of x; points that are not finite are left out */
    const char *label[CHART_POINTS];         /* beside the point, where there is room; may be NULL */
} chart_series;

typedef enum chart_unit { CHART_BYTES, CHART_SECONDS } chart_unit;

/* The horizontal axis is logarithmic. */
typedef struct chart_panel {
    char title[64];
    const char *x_title, *y_title;
    int unit;           /* chart_unit, of x */
    size_t count;
    chart_series series[CHART_SERIES];
} chart_panel;

typedef struct chart {
    const char *title, *note;      /* above and below */
    const char *solid, *dashed;    /* what lines of either kind stand for */
    const chart_panel *panels;     /* the legend is that of the first */
    size_t count, columns;
} chart;

void chart_draw(drawing *d, const chart *c);

#endif
