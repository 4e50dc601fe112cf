/* Plots of one picture against another: an error heat map, a chromaticity diagram. */
#ifndef PLOT_H
#define PLOT_H

#include "gamutmlp.h"
#include "measure/drawing.h"

/* The RMSE of every pixel over its three channels, in the space that metrics.h compares in, by a colour scale that is
   the same for all pictures. Large pictures are shown smaller, small ones larger. 0, or -1 with the reason in error. */
int plot_heatmap(const gmlp_image *reference, const gmlp_image *test, drawing *d, char error[256]);

/* The CIE 1931 chromaticities of the reference's out-of-gamut pixels, in the reference and in the test. Everything but
   the mark of D65 is relative to D50, so that sRGB pixels lie in the triangle. */
int plot_chromaticity(const gmlp_image *reference, const gmlp_image *test, drawing *d, char error[256]);

#endif
