/* EXIF, as far as pixels and their colour are concerned. */
#include <string.h>

#include "pictures/formats.h"

typedef struct exif_block {
    const uint8_t *bytes;
    size_t size;
    int big; /* the first byte of a number is its highest */
} exif_block;

static uint32_t number(const exif_block *b, size_t at, size_t length) {
    uint32_t v = 0;
    size_t i;
    for (i = 0; i < length; i++) v = v << 8 | b->bytes[at + (b->big ? i : length - 1 - i)];
    return v;
}

/* Where the 12 bytes of a tag are in the directory that begins at `at`; 0: nowhere. */
static size_t find_tag(const exif_block *b, size_t at, uint32_t tag) {
    uint32_t left;
    if (!at || at > b->size || b->size - at < 2) return 0;
    left = number(b, at, 2);
    for (at += 2; left && b->size - at >= 12; left--, at += 12)
        if (number(b, at, 2) == tag) return at;
    return 0;
}

/* The number of a tag that holds one; 0: there is none. */
static uint32_t value_of(const exif_block *b, size_t directory, uint32_t tag) {
    enum { SHORT = 3, LONG = 4, IFD = 13 };
    const size_t at = find_tag(b, directory, tag);
    const uint32_t type = at ? number(b, at + 2, 2) : 0;
    return type == SHORT ? number(b, at + 8, 2) : type == LONG || type == IFD ? number(b, at + 8, 4) : 0;
}

void exif_read(const uint8_t *bytes, size_t size, picture_facts *facts) {
    enum { ORIENTATION = 0x0112, EXIF_DIRECTORY = 0x8769, COLOR_SPACE = 0xa001, INTEROPERABILITY = 0xa005, INDEX = 1 };
    enum { SRGB = 1, ADOBE = 2, UNCALIBRATED = 0xffff };
    exif_block b;
    const char *option = "";
    uint32_t first, exif, turned, space;
    size_t at;
    b.bytes = bytes;
    b.size = size;
    if (size < 8 || (memcmp(bytes, "II*\0", 4) && memcmp(bytes, "MM\0*", 4))) return;
    b.big = bytes[0] == 'M';
    first = number(&b, 4, 4);
    turned = value_of(&b, first, ORIENTATION);
    if (turned <= 8) facts->orientation = (int)turned;
    exif = value_of(&b, first, EXIF_DIRECTORY);
    space = value_of(&b, exif, COLOR_SPACE);
    at = find_tag(&b, value_of(&b, exif, INTEROPERABILITY), INDEX);
    if (at) option = (const char *)bytes + at + 8; /* four characters */
    /* DCF's option file: cameras' Adobe RGB, beside UNCALIBRATED. ADOBE is no standard, but written. */
    if (!strncmp(option, "R03", 3) || (space == ADOBE && strncmp(option, "R98", 3))) facts->exif_space = GMLP_ADOBERGB;
    else if (!strncmp(option, "R98", 3) || space == SRGB) facts->exif_space = GMLP_SRGB;
    else if (space == UNCALIBRATED) facts->exif_space = EXIF_OTHER_SPACE;
    if (facts->exif_space == GMLP_ADOBERGB && space == SRGB)
        picture_note(facts->notes,
                     "its EXIF says sRGB and, by option R03, Adobe RGB: Adobe RGB is taken, --from overrules it");
}
