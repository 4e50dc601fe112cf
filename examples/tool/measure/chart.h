/* chart.h - panels of curves as SVG, legible on white and on black */
#ifndef CHART_H
#define CHART_H

#include <stddef.h>
#include <stdio.h>

enum { CHART_POINTS = 16, CHART_SERIES = 24 };

typedef struct chart_series {
    const char *name;   /* in the legend; NULL: it shares its colour with one that has a name */
    int colour;         /* 0..5 */
    int dashed;
    int level;          /* a horizontal line at y[0] */
    size_t count;
    double x[CHART_POINTS], y[CHART_POINTS]; /* joined in order of x; points that are not finite are left out */
    const char *label[CHART_POINTS];         /* beside the point; may be NULL */
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

/* Panels side by side, columns in a row; the legend is that of the first. note stands below it. */
void chart_write(FILE *file, const char *title, const char *note, const chart_panel *panels, size_t count, size_t columns);

#endif
