/* The error of a picture, pixel by pixel, as a map. */
#ifndef HEATMAP_H
#define HEATMAP_H

#include "gamutmlp.h"
#include "measure/drawing.h"

/* The RMSE of every pixel over its three channels, in the space that metrics.h compares in, by a colour scale that is
   the same for all pictures. Large pictures are shown smaller, small ones larger. 0, or -1 with the reason in error. */
int draw_heatmap(const gmlp_image *reference, const gmlp_image *test, drawing *d, char error[256]);

#endif
