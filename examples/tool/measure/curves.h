/* Panels of plain lines, side by side. */
#ifndef CURVES_H
#define CURVES_H

#include <stddef.h>

#include "measure/drawing.h"

enum { CURVE_POINTS = 512 };

typedef struct curve {
    const char *name; /* in the legend; NULL: it is one of many */
    size_t count;
    double x[CURVE_POINTS], y[CURVE_POINTS];
} curve;

typedef struct curves {
    const char *title, *x_title, *y_title;
    const curve *of;
    size_t count;
} curves;

/* On a page of 960 by 340 units. */
void curves_draw(const drawing *d, const curves *panels, size_t count);

#endif
