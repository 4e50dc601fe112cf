/* A JPEG base that takes as many bytes as libjpeg would take for the clipped picture at the same quality, and comes
   nearer: how large the steps of quantisation of the tool's own encoder are to be. */
#ifndef FITTING_H
#define FITTING_H

#include "gamutmlp.h"
#include "pictures/picture.h"

/* What it was tried on. */
typedef struct fitting {
    gmlp_image wide; /* bands of the original's rows, or all; owned */
    picture usual;   /* their base in sRGB by libjpeg at that quality, as decoders have it */
    picture seen;    /* and their base in space, of as many bytes */
} fitting;

/* Sets the steps for wide's base in space, roughly; the rest of file is as it shall be. quality: libjpeg's, 1 to 100.
   fitting_free must follow in any case. 0, or -1 and a text. */
int fit_steps(const gmlp_image *wide, int space, const gmlp_convert_opts *convert, int quality, picture_fine_opts *file,
              fitting *f, char error[256]);
void fitting_free(fitting *f);
/* A file of about size bytes, with steps near those given; the caller frees. */
int fit_file(const gmlp_image *base, size_t size, picture_fine_opts *file, uint8_t **bytes, size_t *n,
             char error[256]);

#endif
