/* What says how a gain map brightens its base: hdrgm in XMP (Ultra HDR image format v1.1); ISO 21496-1's binary block,
   with the common denominator that libultrahdr writes; Apple's XMP and maker note ("Applying Apple HDR effect to your
   photos" in Apple's documentation of AppKit). */
#ifndef GAIN_MAP_METADATA_H
#define GAIN_MAP_METADATA_H

#include "gainmap/xmp.h"

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
    int apple;     /* 1: another formula holds, alternate = base * (1 + (2^(weight * headroom_alternate) - 1) * light),
                      light being the map's by Rec.709's curve; the rest says what comes nearest to it */
} ultrahdr_metadata;

/* How much of the gain a display of this headroom gets; INFINITY: all. */
double ultrahdr_weight(const ultrahdr_metadata *metadata, double headroom);

enum { ISO_VERSIONS = 4 }; /* bytes of an ISO 21496-1 block that only announces one */

/* NULL, or what is wrong with it. */
const char *metadata_fault(const ultrahdr_metadata *m);
int metadata_in_xmp(slice packet);
int metadata_is_apple(slice packet); /* a picture's that is a gain map of Apple's own kind */
/* packet: of such a picture; exif: the base's EXIF, a TIFF structure, for files before iOS 17 or so, whose XMP does not
   say the headroom. GMLP_E_FIELD: neither does. */
gmlp_result metadata_of_apple(const uint8_t *file, slice packet, slice exif, ultrahdr_metadata *m, gmlp_error *err);
gmlp_result metadata_of_xmp(const uint8_t *file, slice packet, ultrahdr_metadata *m, gmlp_error *err);
gmlp_result metadata_of_iso(const uint8_t *file, size_t at, size_t end, ultrahdr_metadata *m, gmlp_error *err);
void metadata_put_xmp(buffer *b, const ultrahdr_metadata *m); /* a whole packet */
void metadata_put_iso(buffer *b, const ultrahdr_metadata *m);

#endif
