/* The bytes of an Ultra HDR file: a JPEG picture, the base, with a second JPEG picture behind it, the gain map,
   and what says how the one brightens the other.

   Sources: Ultra HDR image format v1.1 (GContainer XMP), CIPA DC-007 (MPF index). No pixel is decoded here. Bytes are
   a stranger's. */
#ifndef ULTRAHDR_CONTAINER_H
#define ULTRAHDR_CONTAINER_H

#include "gainmap/metadata.h"
#include "gainmap/xmp.h"

typedef struct ultrahdr_parts {
    size_t base_size; /* the file's first bytes, up to the base's end */
    size_t map_offset, map_size;
    ultrahdr_metadata metadata;
    const char *map_from;      /* what pointed to the map: "MPF", "GContainer" */
    const char *metadata_from; /* "ISO 21496-1", "XMP", "Apple" */
    slice exif;                /* the base's */
} ultrahdr_parts;

/* GMLP_E_NOT_FOUND: a sound JPEG file without a gain map. Of an ISO, an XMP and an Apple one for the same map this is
   the order; what is damaged is passed over where something else is right. err may be NULL. */
gmlp_result ultrahdr_parse(const void *file, size_t size, ultrahdr_parts *out, gmlp_error *err);

/* One file of two whole JPEG pictures. Segments of the base stay as they are, but for its XMP packet, which is added
   to. GMLP_E_ARGUMENT for metadata that cannot be written; other errors are the base's, or the map's if err->text says
   so. The caller frees. err may be NULL. */
gmlp_result ultrahdr_join(const void *base, size_t base_size, const void *map, size_t map_size,
                          const ultrahdr_metadata *metadata, uint8_t **file, size_t *size, gmlp_error *err);

/* The other way: of any JPEG file the first picture alone. Of its segments those that tell of a gain map or of pictures
   behind it are left out, and such properties of its XMP packet, those of a video behind it, too; all else stays as it
   is. An extended XMP packet goes as a whole, as its digest holds for the whole. The caller frees. */
gmlp_result ultrahdr_part(const void *file, size_t size, uint8_t **base, size_t *base_size, gmlp_error *err);

/* A packet without the properties that tell of such, of an extended packet, of our network: adds what is left. */
enum { PACKET_COMPANIONS = 1, PACKET_EXTENSION = 2, PACKET_NETWORK = 4 };
void ultrahdr_packet(buffer *b, slice packet, int without);

/* What becomes of the extended packet: it tells nothing of the kind, or there is none; goes; goes with other
   properties. */
enum { ULTRAHDR_STAYS, ULTRAHDR_GOES, ULTRAHDR_GOES_WITH_OTHERS };
int ultrahdr_extension(const void *file, size_t size);

#endif
