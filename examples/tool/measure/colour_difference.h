/* Differences of two colours: CIEDE2000 and ITU-R BT.2124 (delta E ITP). */
#ifndef COLOUR_DIFFERENCE_H
#define COLOUR_DIFFERENCE_H

#include "gamutmlp.h"

/* CIEDE2000 of two CIE L*a*b* colours, and BT.2124 of two PQ-coded LMS colours. */
double delta_e2000(const double lab1[3], const double lab2[3]);
double delta_e_itp(const float p[3], const float q[3]);

/* What turns linear pixels into Lab, LMS and luma: of Rec.2020 if hdr, else of ProPhoto. */
typedef struct colours {
    double xyz[9];  /* to XYZ of D50, divided by the white point */
    double lms[9];  /* to the LMS of ITU-R BT.2100 */
    double luma[3]; /* the luminance row of the space */
} colours;

gmlp_result colours_of(int hdr, colours *c);

/* CIE 15: L*, a*, b* of a linear pixel. */
void lab_of(const colours *c, const float rgb[3], double lab[3]);
/* Linear pixels to PQ-coded LMS. */
gmlp_result lms_of(const colours *c, const float *linear, uint32_t width, uint32_t height, float *lms);

#endif
