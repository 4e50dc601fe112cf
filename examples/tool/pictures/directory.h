/* TIFF's structure of directories, which EXIF has too; bytes from strangers. */
#ifndef DIRECTORY_H
#define DIRECTORY_H

#include <stddef.h>
#include <stdint.h>

typedef struct tiff_bytes {
    const uint8_t *bytes;
    size_t size;
    int motorola, big; /* byte order; BigTIFF */
} tiff_bytes;

enum {
    TAG_ORIENTATION = 274, TAG_EXIF = 34665, TAG_GPS = 34853, TAG_INTEROPERABILITY = 40965, TAG_MAKER_NOTE = 37500
};

/* Of a directory: a tag's number, type and values. */
typedef struct tiff_entry {
    uint64_t place;     /* of the entry itself */
    uint32_t tag, type; /* SHORT 3, LONG 4 ... */
    uint64_t count;
    uint64_t at, size;  /* of the values, in bytes; size 0: they are of no known type, or outside */
} tiff_entry;

/* Is that one, not of the BigTIFF kind? */
int tiff_begins(const void *bytes, size_t size);
tiff_bytes tiff_bytes_of(const void *bytes, size_t size); /* of one, or of a BigTIFF */
/* n bytes; zero past the end. */
uint64_t tiff_number(const tiff_bytes *f, uint64_t at, int n);
uint64_t tiff_first_directory(const tiff_bytes *f);
/* How many entries a directory has in these bytes; 0 of none. */
uint32_t tiff_entries(const tiff_bytes *f, uint64_t directory);
tiff_entry tiff_entry_at(const tiff_bytes *f, uint64_t directory, uint32_t index);
/* 0: there is no such tag; entry->place is 0. */
int tiff_find(const tiff_bytes *f, uint64_t directory, uint32_t tag, tiff_entry *entry);
/* Its number, if it holds one; else 0. Of the tag in a directory, the same. */
uint64_t tiff_entry_value(const tiff_bytes *f, const tiff_entry *entry);
uint64_t tiff_value(const tiff_bytes *f, uint64_t directory, uint32_t tag);
/* Where the place of the next directory is written. */
uint64_t tiff_next(const tiff_bytes *f, uint64_t directory);

#endif
