/* The base of a JPEG: which of the two it gets, and its file, which is as large as libjpeg's of the clipped picture. */
#ifndef BASE_H
#define BASE_H

#include "gamutmlp.h"
#include "pictures/picture.h"

enum { BASE_AUTO, BASE_SRGB, BASE_SYCC }; /* words of --base */

typedef struct base_opts {
    int base;               /* one of those */
    int quality, subsample; /* as of picture_write_opts */
    int adaptation;
    gmlp_threads threads;   /* the file is the same on any */
    const picture_metadata *metadata; /* as of picture_write_opts */
    /* If wide is so large that its pixels are to be freed while a file is made: brings them back. 0, or -1 and a text.
       NULL: they stay. */
    int (*again)(void *user, gmlp_image *wide, char error[256]);
    void *user;
} base_opts;

typedef struct base_file {
    picture picture;         /* as decoders have it, GMLP_SRGB or GMLP_SYCC */
    uint8_t *bytes;
    size_t size;
    gmlp_gamut_report gamut; /* of the clipped base */
    double gain;             /* by how much unclipped Y'CbCr is ahead, in dB out of gamut, before there is a network, as
                                tried on some rows; NAN: it was not tried, or such colours are too rare there */
} base_file;

/* wide's base. AUTO takes Y'CbCr if it is well ahead, as a base of codes beyond sRGB has less room for the others, and
   some readers of JPEG files give RGB alone. 0, or -1 and a text without the picture's name; base_free either way. */
int base_make(gmlp_image *wide, const base_opts *opts, base_file *out, char error[256]);
void base_free(base_file *f);

/* The clip margin for training on a base (GMLP_SRGB, GMLP_SYCC) with such chroma (PICTURE_444 ...); 0: the library
   finds it. */
int base_clip_margin(int space, int subsample);

#endif
