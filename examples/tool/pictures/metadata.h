/* What a picture's file says beside the pixels and their colour: who took it, when, where, with what. */
#ifndef METADATA_H
#define METADATA_H

#include <stddef.h>
#include <stdint.h>

/* EXIF: a TIFF structure, from "II*\0" or "MM\0*" on. IPTC: IIM records. XMP: a packet. EXTENSION: its second part, of
   a JPEG. TEXTS: whole chunks of a PNG, one after another. RESOLUTION: how large the picture is printed. */
enum {
    METADATA_EXIF, METADATA_IPTC, METADATA_XMP, METADATA_EXTENSION, METADATA_TEXTS, METADATA_RESOLUTION, METADATA_KINDS
};
#define METADATA_MOST ((size_t)16 << 20) /* bytes of one */

typedef struct metadata_block {
    uint8_t *bytes; /* owned; NULL: there is none */
    size_t size;
} metadata_block;

typedef struct picture_metadata {
    metadata_block blocks[METADATA_KINDS];
} picture_metadata;

/* A copy of the bytes takes the place of what was there; of 0 bytes, nothing does. 0, or -1: no memory. */
int metadata_set(picture_metadata *m, int kind, const void *bytes, size_t size);
void metadata_free(picture_metadata *m); /* a zeroed one is fine */

#define XMP_SEGMENT_MOST 65504 /* bytes of a packet that a JPEG's segment holds */
/* The 32 digits by which a packet names its extension; NULL: it has none. */
const char *xmp_extension(const uint8_t *packet, size_t size);

/* Of TEXTS, the chunk at *at: its type's four letters, then size bytes; NULL: there is no more. Moves at behind it. */
const uint8_t *metadata_text(const metadata_block *texts, size_t *at, size_t *size);

/* RESOLUTION: pixels an inch. */
typedef struct picture_resolution {
    double x, y;
} picture_resolution;
int metadata_resolution(const picture_metadata *m, picture_resolution *resolution); /* 1 if it is known */

/* The size of the IIM records that the bytes begin with. */
size_t iptc_size(const uint8_t *bytes, size_t size);

/* IPTC as Photoshop packs it among other resources: the records, of which there may be none, and size. */
const uint8_t *photoshop_iptc(const uint8_t *resources, size_t resources_size, size_t *size);
/* Such resources with these records alone; to has room for size + PHOTOSHOP_ROOM. Returns the size. */
#define PHOTOSHOP_ROOM 13
size_t photoshop_resources(const uint8_t *iptc, size_t size, uint8_t *to);

#endif
