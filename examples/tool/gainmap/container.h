/* The bytes of an Ultra HDR file: a JPEG picture, the base, with a second JPEG picture behind it, the gain map,
   and what says how the one brightens the other.

   Sources: Ultra HDR image format v1.1 (hdrgm and GContainer XMP), CIPA DC-007 (MPF index), ISO 21496-1 (binary
   metadata, with the common denominator that libultrahdr writes). No pixel is decoded here. Bytes are a stranger's. */
#ifndef ULTRAHDR_CONTAINER_H
#define ULTRAHDR_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

#include "gamutmlp.h"

/* ISO 21496-1's terms; log2 of light, channels in the order red, green, blue. In a gain map with g in 0..1,
     alternate = (base + offset_base) * 2^(weight * (min + (max - min) * g^(1/gamma))) - offset_alternate
   and weight is 0 on a display with the base's headroom, 1 with the alternate's. The base is the darker rendition
   (SDR) unless its headroom is the higher one; the weight then counts from 0 to -1. In hdrgm's words, for an SDR base,
   OffsetSDR, OffsetHDR, HDRCapacityMin and HDRCapacityMax are the last four. */
typedef struct ultrahdr_metadata {
    double gain_min[3], gain_max[3], gamma[3];
    double offset_base[3], offset_alternate[3];
    double headroom_base, headroom_alternate;
    int map_space; /* 1: the formula holds in the primaries of the map's ICC profile, not in the base's */
} ultrahdr_metadata;

typedef struct ultrahdr_parts {
    size_t base_size; /* the file's first bytes, up to the base's end */
    size_t map_offset, map_size;
    ultrahdr_metadata metadata;
    const char *map_from;      /* what pointed to the map: "MPF", "GContainer" */
    const char *metadata_from; /* "ISO 21496-1", "XMP" */
} ultrahdr_parts;

/* GMLP_E_NOT_FOUND: a sound JPEG file without a gain map. err may be NULL. */
gmlp_result ultrahdr_parse(const void *file, size_t size, ultrahdr_parts *out, gmlp_error *err);

/* One file of two whole JPEG pictures. Segments of the base stay as they are, but for its XMP packet, which is added
   to. GMLP_E_ARGUMENT for metadata that cannot be written; other errors are the base's, or the map's if err->text says
   so. The caller frees. err may be NULL. */
gmlp_result ultrahdr_join(const void *base, size_t base_size, const void *map, size_t map_size, const ultrahdr_metadata *metadata,
                          uint8_t **file, size_t *size, gmlp_error *err);

/* The other way: of any JPEG file the first picture alone. Of its segments those that tell of a gain map or of pictures
   behind it are left out, and such properties of its XMP packet; all else stays as it is. The caller frees. */
gmlp_result ultrahdr_part(const void *file, size_t size, uint8_t **base, size_t *base_size, gmlp_error *err);

/* How much of the gain a display of this headroom gets; INFINITY: all. */
double ultrahdr_weight(const ultrahdr_metadata *metadata, double headroom);

#endif
