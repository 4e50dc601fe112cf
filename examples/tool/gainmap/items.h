/* The gain map in a HEIC or AVIF file: a tone-mapped item, "tmap" (ISO/IEC 23008-12), which says by ISO 21496-1 how a
   second picture brightens the first; or, in Apple's own kind, an auxiliary picture of the first. No pixel is decoded
   here. Bytes are a stranger's. */
#ifndef GAIN_MAP_ITEMS_H
#define GAIN_MAP_ITEMS_H

#include "gainmap/metadata.h"

typedef struct heif_parts {
    ultrahdr_metadata metadata;
    uint32_t map;         /* the item that is the gain map's picture */
    int primaries;        /* H.273's code for those in which the formula holds, with metadata.map_space; 0: not known */
    slice packet;         /* Apple's kind: the map's XMP, for which the base's EXIF is to be asked */
    size_t hidden, first; /* the flags of that item; where the file says which one is its picture */
    size_t first_size;
} heif_parts;

/* GMLP_E_NOT_FOUND: a file without a gain map, or of another kind. Of both an ISO 21496-1 one is taken. err may be
   NULL. Metadata of Apple's kind are not filled in. */
gmlp_result heif_parse(const void *file, size_t size, heif_parts *out, gmlp_error *err);
/* A copy of the file of which the gain map is the picture. The caller frees; NULL: no memory. */
uint8_t *heif_of_map(const void *file, size_t size, const heif_parts *parts);

#endif
