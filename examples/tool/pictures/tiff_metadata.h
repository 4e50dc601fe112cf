/* Metadata in a TIFF. */
#ifndef TIFF_METADATA_H
#define TIFF_METADATA_H

#include <tiffio.h>

#include "pictures/formats.h"

/* Takes what the directory of a picture says. */
void tiff_keep_metadata(const uint8_t *bytes, size_t size, uint64_t directory, picture_facts *facts);

/* In which byte order a file with this is to be written: in EXIF's. */
int tiff_is_motorola(const picture_metadata *m);
/* EXIF's directories right behind the header of a file that is written, before anything else; places: of those of
   exposures and of places on earth, 0 of none. A failed write shows at the end. */
void tiff_place_exif(FILE *file, const picture_metadata *m, int big, uint64_t places[2]);
/* The other tags, and these, into the directory. */
void tiff_set_metadata(TIFF *t, const picture_metadata *m, const uint64_t places[2]);

#endif
