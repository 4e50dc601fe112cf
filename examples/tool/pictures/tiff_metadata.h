/* Metadata in a TIFF. */
#ifndef TIFF_METADATA_H
#define TIFF_METADATA_H

#include <tiffio.h>

#include "pictures/formats.h"

/* Takes what the directory of a picture says. */
void tiff_keep_metadata(const uint8_t *bytes, size_t size, uint64_t directory, picture_facts *facts);

/* In which byte order a file with this is to be written: in EXIF's. */
int tiff_is_motorola(const picture_metadata *m);
/* Into the directory of a file that is written. with_directories: EXIF's bytes lie at their own places in it, from its
   8th byte on; else only the tags of its first directory are set. */
void tiff_set_metadata(TIFF *t, const picture_metadata *m, int with_directories);

#endif
