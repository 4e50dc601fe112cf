/* A file that should carry a network: its bytes and the network taken out. */
#ifndef CARRIED_H
#define CARRIED_H

#include <stddef.h>
#include <stdint.h>

#include "gamutmlp.h"
#include "pictures/picture.h"

typedef struct carried {
    uint8_t *bytes; /* the file; NULL if it could not be read */
    size_t size, blob_size;
    int container;  /* gmlp_container */
    int missing;    /* carried_open failed for this alone: there is no network in the file */
    char *beside;   /* the side-car that the network is of, as the file has none of its own; else NULL */
    gmlp_net net;
} carried;

/* What a side-car's name has more than the picture's: a file that is nothing but a network. */
#define SIDE_CAR ".gmlp"

/* The network in the file or, if it has none that is intact, that of photo.jpg.gmlp or photo.gmlp beside it. 0, or -1
   and a text that says what is wrong and what to do; c then holds what was got so far. */
int carried_open(const char *path, carried *c, char error[256]);
/* The same with the network of a side-car, whatever the file has of its own. */
int carried_open_with(const char *path, const char *network, carried *c, char error[256]);
void carried_free(carried *c);

/* The rows of the file's base. *rgb: they are RGB, of a PNG or KTX2 whose network takes sYCC, which they have to
   become. NULL and a text if there is no such picture. */
picture_rows *carried_rows_open(const carried *c, const char *name, uint32_t *width, uint32_t *height, int *rgb,
                                char error[256]);
/* All pixels of the file's base, in the network's base_space; base->data is the caller's to free, after a failure, too.
   0, or -1 and a text. */
int carried_pixels(const carried *c, const char *name, gmlp_image *base, char error[256]);
/* What the verdict on clipped pixels means, to be put behind the file's name. */
#define CARRIED_CLIPPED "was saved anew by a program that keeps only sRGB: the colours outside it are gone"

/* Does the network give back an HDR rendition, not a wide gamut? What its output is, in a word; cd/m2 of signal 1. */
int carried_is_hdr(const gmlp_net *net);
const char *carried_method(const gmlp_net *net);
double carried_peak_nits(const gmlp_net *net);

/* May a file of this kind (gmlp_container), which was in, be written as out? The name has to end as that kind's do, or
   as in does. 0, or -1 and a text. */
int carried_names_agree(int container, const char *in, const char *out, char error[256]);

/* How large a JPEG, PNG or KTX2 file is without the network in it. */
size_t carried_bare_size(const void *bytes, size_t size);

/* The network to start from: of a file that is nothing but a blob, which meta-train writes, or that carries one. 0, or
   -1 with the reason. */
int start_read(const char *path, gmlp_net *net, char error[256]);

#endif
