/* The base of a JPEG: which of the two it gets. */
#ifndef BASE_H
#define BASE_H

/* Is unclipped Y'CbCr (sYCC) the better base? PSNR of out-of-gamut pixels, in dB, that each gives back without a
   network. Y'CbCr must be well ahead: a base of codes beyond sRGB has less room for the others, and some readers
   of JPEG files give RGB alone. */
int base_takes_sycc(double clip_og, double sycc_og);
/* The clip margin for training on a base (GMLP_SRGB, GMLP_SYCC) with such chroma (PICTURE_444 ...); 0: the library
   finds it. */
int base_clip_margin(int space, int subsample);

#endif
