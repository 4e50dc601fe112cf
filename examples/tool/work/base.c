#include "work/base.h"

#include "gamutmlp.h"
#include "pictures/picture.h"

#define WORTH_SYCC 0.5 /* dB */

int base_takes_sycc(double clip_og, double sycc_og) { return sycc_og - clip_og >= WORTH_SYCC; }

/* Chroma that is spread over its neighbours takes colours out of the corners of sRGB's cube, as it does to clipped
   ones, where the network is to find them. */
#define SPREAD_MARGIN 40

int base_clip_margin(int space, int subsample) {
    return space == GMLP_SYCC && subsample != PICTURE_444 ? SPREAD_MARGIN : 0;
}
