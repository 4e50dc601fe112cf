/* ICC profiles of a matrix and a power curve. */
#ifndef MADE_ICC_H
#define MADE_ICC_H

#include "made.h"

#include <lcms2.h>

/* Primaries as published: ITU-R BT.709, BT.2020, SMPTE RP 431-2, Adobe RGB (1998), ISO 22028-2. */
static const double xy_srgb[8] = { .64, .33, .30, .60, .15, .06, .3127, .3290 };
static const double xy_adobe[8] = { .64, .33, .21, .71, .15, .06, .3127, .3290 };
static const double xy_p3[8] = { .680, .320, .265, .690, .150, .060, .3127, .3290 };
static const double xy_romm[8] = { .7347, .2653, .1596, .8404, .0366, .0001, .3457, .3585 };
static const double xy_wide[8] = { .735, .265, .115, .826, .157, .018, .3457, .3585 }; /* none of the library's */

static inline void *make_icc(const double *xy, double gamma, cmsUInt32Number *size) {
    cmsCIExyY white;
    cmsCIExyYTRIPLE rgb;
    cmsToneCurve *curve[3];
    cmsHPROFILE p;
    void *bytes;
    white.x = xy[6]; white.y = xy[7]; white.Y = 1;
    rgb.Red.x = xy[0]; rgb.Red.y = xy[1]; rgb.Red.Y = 1;
    rgb.Green.x = xy[2]; rgb.Green.y = xy[3]; rgb.Green.Y = 1;
    rgb.Blue.x = xy[4]; rgb.Blue.y = xy[5]; rgb.Blue.Y = 1;
    curve[0] = curve[1] = curve[2] = cmsBuildGamma(NULL, gamma);
    p = cmsCreateRGBProfile(&white, &rgb, curve);
    cmsFreeToneCurve(curve[0]);
    assert_int_equal(cmsSaveProfileToMem(p, NULL, size), 1);
    bytes = malloc(*size);
    assert_int_equal(cmsSaveProfileToMem(p, bytes, size), 1);
    cmsCloseProfile(p);
    return bytes;
}

#endif
