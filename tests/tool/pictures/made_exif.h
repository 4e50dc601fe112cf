/* Small EXIF blocks. */
#ifndef MADE_EXIF_H
#define MADE_EXIF_H

#include "made.h"

typedef struct exif_made {
    uint8_t bytes[200];
    size_t size;
    int big;
} exif_made;

static inline void exif_put(exif_made *e, uint32_t v, int length) {
    int i;
    for (i = 0; i < length; i++) e->bytes[e->size++] = (uint8_t)(v >> 8 * (e->big ? length - 1 - i : i));
}

/* A tag of the kinds SHORT (3), LONG (4); or four bytes of ASCII (2). */
static inline void exif_tag(exif_made *e, uint32_t tag, uint32_t type, uint32_t value, const char *text) {
    exif_put(e, tag, 2);
    exif_put(e, type, 2);
    exif_put(e, type == 2 ? 4 : 1, 4);
    if (type == 2) {
        memcpy(e->bytes + e->size, text, 4);
        e->size += 4;
    } else {
        exif_put(e, value, type == 3 ? 2 : 4);
        if (type == 3) exif_put(e, 0, 2);
    }
}

/* Three directories. orientation, color_space: 0 leaves the tag out; option: three letters, or NULL. */
static inline exif_made make_exif(int big, int orientation, int color_space, const char *option) {
    const uint32_t first = 8, exif = first + 2 + 12 * (orientation ? 2 : 1) + 4;
    const uint32_t interoperability = exif + 2 + 12 * (uint32_t)((color_space != 0) + (option != NULL)) + 4;
    exif_made e;
    memset(&e, 0, sizeof e);
    e.big = big;
    memcpy(e.bytes, big ? "MM\0*" : "II*\0", 4);
    e.size = 4;
    exif_put(&e, first, 4);
    exif_put(&e, orientation ? 2 : 1, 2);
    if (orientation) exif_tag(&e, 0x0112, 3, (uint32_t)orientation, NULL);
    exif_tag(&e, 0x8769, 4, exif, NULL);
    exif_put(&e, 0, 4);
    exif_put(&e, (uint32_t)((color_space != 0) + (option != NULL)), 2);
    if (color_space) exif_tag(&e, 0xa001, 3, (uint32_t)color_space, NULL);
    if (option) exif_tag(&e, 0xa005, 4, interoperability, NULL);
    exif_put(&e, 0, 4);
    if (!option) return e;
    exif_put(&e, 1, 2);
    exif_tag(&e, 1, 2, 0, option);
    exif_put(&e, 0, 4);
    return e;
}

#endif
