/* An edit of a picture that carries a network, as the command line has it, and what becomes of its pixels. */
#ifndef GEOMETRY_H
#define GEOMETRY_H

#include "gamutmlp.h"
#include "pictures/picture.h"

typedef struct geometry_words {
    const char *crop, *resize; /* NULL: not given */
    int rotate, flip;          /* a word's place; -1: not given */
} geometry_words;

#define GEOMETRY_OPTIONS(w) \
    { "--crop", ARG_TEXT, &(w).crop, "X,Y,W,H", "only this part: left, top, width, height", 0, 0 }, \
    { "--resize", ARG_TEXT, &(w).resize, "WxH|P%", "then to this size, or so many per cent", 0, 0 }, \
    { "--rotate", ARG_CHOICE, &(w).rotate, "90|180|270", "then turned to the right by so many degrees", 0, 0 }, \
    { "--flip", ARG_CHOICE, &(w).flip, "h|v", "then mirrored: h left to right, v upside down", 0, 0 }

int geometry_given(const geometry_words *w);
/* X,Y,W,H with some width and height. 0 or -1. */
int geometry_crop(const char *text, uint32_t part[4]);
/* What the words mean for a picture that is stored as width x height and is upright when it is turned as an EXIF
   orientation says: the words are of the upright one, and the result is upright. g->width and height are always set,
   to_width and to_height only if that is another size. 0, or -1 and a text that names the option. */
int geometry_of(const geometry_words *w, uint32_t width, uint32_t height, int orientation, gmlp_geometry *g,
                char error[256]);
int geometry_resizes(const gmlp_geometry *g);
/* The size that comes out. */
void geometry_size(const gmlp_geometry *g, uint32_t *width, uint32_t *height);

/* The edited pixels of base, of 3 channels or 4; resized in linear light. out->image.data and out->alpha are the
   caller's. 0, or -1 and a text. */
int geometry_codes(const gmlp_geometry *g, const gmlp_image *base, picture *out, char error[256]);
/* What base's network gives back, edited so: 16 bit in the original's space, or floats if that is linear. lost: base
   is as another program resized it, for gmlp_decode_resized; NULL: it is not. */
int geometry_light(const gmlp_geometry *g, const gmlp_net *net, const gmlp_image *base, const double *lost,
                   const gmlp_threads *threads, picture *out, char error[256]);

#endif
