/* The out-of-gamut pixels of two pictures in the CIE xy diagram. */
#ifndef CHROMATICITY_H
#define CHROMATICITY_H

#include "gamutmlp.h"
#include "measure/drawing.h"

/* The CIE 1931 chromaticities of the reference's out-of-gamut pixels, in the reference and in the test. Everything but
   the mark of D65 is relative to D50, so that sRGB pixels lie in the triangle. 0, or -1 with the reason in error. */
int draw_chromaticity(const gmlp_image *reference, const gmlp_image *test, drawing *d, char error[256]);

#endif
