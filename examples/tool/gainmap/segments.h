/* JPEG files as far as their segments go, with bytes from strangers; and bytes put together. */
#ifndef SEGMENTS_H
#define SEGMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "gamutmlp.h"

/* Fills err, unless it is NULL; returns result. */
gmlp_result parse_failed(gmlp_error *err, gmlp_result result, size_t offset, const char *text);

/* Numbers of either byte order; the caller has checked that they are there. */
uint32_t segment_number(const uint8_t *p, size_t bytes, int little);

/* Positions are the file's, as a picture may lie anywhere in it. */
typedef struct segment {
    int marker;
    size_t start, body, end; /* of the marker, of what follows the length field, of all */
} segment;

#define SOI 0xd8
#define EOI 0xd9
#define SOS 0xda

/* The start of the picture at at. */
gmlp_result segment_first(const uint8_t *file, size_t at, size_t end, segment *s, gmlp_error *err);
/* The segment after s in the header, which ends with SOS. Fill bytes belong to the segment that they precede. */
gmlp_result segment_next(const uint8_t *file, size_t end, segment *s, gmlp_error *err);
/* The segment after s from the first SOS on: the data of scans are passed over, and EOI is the last one. */
gmlp_result segment_in_picture(const uint8_t *file, size_t end, segment *s, gmlp_error *err);
/* From a scan's header to the end of the picture. */
gmlp_result segment_picture_end(const uint8_t *file, size_t end, const segment *scan, size_t *out, gmlp_error *err);

int segment_has_id(const uint8_t *file, const segment *s, int marker, const char *id, size_t id_size);
#define XMP_ID "http://ns.adobe.com/xap/1.0/"
#define ISO_ID "urn:iso:std:iso:ts:21496:-1"
#define EXIF_ID "Exif\0" /* and the NUL of its own */
#define IS_XMP(file, s) segment_has_id(file, s, 0xe1, XMP_ID, sizeof XMP_ID) /* with its NUL */
#define IS_ISO(file, s) segment_has_id(file, s, 0xe2, ISO_ID, sizeof ISO_ID)
#define IS_MPF(file, s) segment_has_id(file, s, 0xe2, "MPF", 4)

/* Bytes that grow; failed: there was no memory. */
typedef struct buffer {
    uint8_t *p;
    size_t n, capacity;
    int failed;
} buffer;

enum { SEGMENT_MAX = 65533 }; /* bytes after the length field */

void buffer_put(buffer *b, const void *bytes, size_t n);
void buffer_text(buffer *b, const char *text);
void buffer_number(buffer *b, size_t v, size_t bytes); /* big-endian */
void buffer_segment(buffer *b, int marker, const char *id, size_t id_size, const void *bytes, size_t n);

#endif
