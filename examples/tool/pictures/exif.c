/* EXIF, as far as pixels and their colour are concerned. */
#include <string.h>

#include "pictures/directory.h"
#include "pictures/formats.h"

enum {
    WIDTH = 256, HEIGHT = 257, COLOR_SPACE = 0xa001, PIXEL_WIDTH = 0xa002, PIXEL_HEIGHT = 0xa003,
    INTEROPERABILITY_INDEX = 1, STRIP_AT = 273, STRIP_SIZE = 279, JPEG_AT = 513, JPEG_SIZE = 514
};
enum { SRGB = 1, ADOBE = 2, UNCALIBRATED = 0xffff };
enum { X_RESOLUTION = 282, Y_RESOLUTION = 283, RESOLUTION_UNIT = 296, NO_UNIT = 1, CENTIMETRE = 3 };

static double ratio(const tiff_bytes *f, uint64_t directory, uint32_t tag) {
    enum { RATIONAL = 5 };
    tiff_entry e;
    const int known = tiff_find(f, directory, tag, &e) && e.type == RATIONAL && e.count == 1;
    if (!known || !tiff_number(f, e.at + 4, 4)) return 0;
    return (double)tiff_number(f, e.at, 4) / (double)tiff_number(f, e.at + 4, 4);
}

void exif_read_resolution(const tiff_bytes *f, uint64_t directory, picture_facts *facts) {
    const double x = ratio(f, directory, X_RESOLUTION), y = ratio(f, directory, Y_RESOLUTION);
    const uint64_t unit = tiff_value(f, directory, RESOLUTION_UNIT);
    if (unit == NO_UNIT) return;
    picture_keep_resolution(facts, x, y, unit == CENTIMETRE ? 100 * METRES_PER_INCH : 1);
}

void exif_read(const uint8_t *bytes, size_t size, picture_facts *facts) {
    tiff_bytes f;
    tiff_entry index;
    const char *option = "";
    uint64_t first, exif, turned, space;
    if (!tiff_begins(bytes, size)) return;
    f = tiff_bytes_of(bytes, size);
    first = tiff_first_directory(&f);
    turned = tiff_value(&f, first, TAG_ORIENTATION);
    if (turned <= 8) facts->orientation = (int)turned;
    exif_read_resolution(&f, first, facts);
    exif = tiff_value(&f, first, TAG_EXIF);
    space = tiff_value(&f, exif, COLOR_SPACE);
    if (tiff_find(&f, tiff_value(&f, exif, TAG_INTEROPERABILITY), INTEROPERABILITY_INDEX, &index))
        option = (const char *)bytes + index.place + 8; /* four characters */
    /* DCF's option file: cameras' Adobe RGB, beside UNCALIBRATED. ADOBE is no standard, but written. */
    if (!strncmp(option, "R03", 3) || (space == ADOBE && strncmp(option, "R98", 3))) facts->exif_space = GMLP_ADOBERGB;
    else if (!strncmp(option, "R98", 3) || space == SRGB) facts->exif_space = GMLP_SRGB;
    else if (space == UNCALIBRATED) facts->exif_space = EXIF_OTHER_SPACE;
    if (facts->exif_space == GMLP_ADOBERGB && space == SRGB)
        picture_note(facts->notes,
                     "its EXIF says sRGB and, by option R03, Adobe RGB: Adobe RGB is taken, --from overrules it");
}

/* Writing. Nothing is moved: a maker's note counts its offsets from the block's start. */

static void put(uint8_t *bytes, const tiff_bytes *f, uint64_t at, uint64_t v, int n) {
    int i;
    for (i = 0; i < n; i++) bytes[at + (uint64_t)(f->motorola ? n - 1 - i : i)] = (uint8_t)(v >> 8 * i & 255);
}

/* Of a tag with one number, if it is there. Returns whether it said something else. */
static int set_value(uint8_t *bytes, const tiff_bytes *f, uint64_t directory, uint32_t tag, uint32_t v) {
    enum { SHORT = 3, LONG = 4 };
    tiff_entry e;
    const uint64_t was = tiff_value(f, directory, tag);
    if (!tiff_find(f, directory, tag, &e) || e.count != 1 || (e.type != SHORT && e.type != LONG)) return 0;
    put(bytes, f, e.place + 8, v, e.type == SHORT ? 2 : 4);
    return was != v;
}

/* What is not shown any more must not be found either: the thumbnail's bytes go with its directory. */
static void forget_thumbnail(uint8_t *bytes, const tiff_bytes *f) {
    static const uint32_t tags[2][2] = { { JPEG_AT, JPEG_SIZE }, { STRIP_AT, STRIP_SIZE } };
    const uint64_t next = tiff_next(f, tiff_first_directory(f)), directory = tiff_number(f, next, 4);
    int i;
    if (next > f->size - 4 || !directory) return;
    for (i = 0; i < 2; i++) {
        const uint64_t at = tiff_value(f, directory, tags[i][0]), n = tiff_value(f, directory, tags[i][1]);
        if (at >= 8 && at <= f->size && n <= f->size - at) memset(bytes + at, 0, (size_t)n);
    }
    put(bytes, f, next, 0, 4);
}

void exif_forget_thumbnail(uint8_t *bytes, size_t size) {
    tiff_bytes f;
    if (!tiff_begins(bytes, size)) return;
    f = tiff_bytes_of(bytes, size);
    forget_thumbnail(bytes, &f);
}

void exif_adapt(uint8_t *bytes, size_t size, const gmlp_image *like, int orientation) {
    const int srgb = like->space == GMLP_SRGB || like->space == GMLP_SYCC;
    tiff_bytes f;
    tiff_entry index;
    uint64_t first, exif;
    int other;
    if (!tiff_begins(bytes, size)) return;
    f = tiff_bytes_of(bytes, size);
    first = tiff_first_directory(&f);
    exif = tiff_value(&f, first, TAG_EXIF);
    other = set_value(bytes, &f, first, TAG_ORIENTATION, (uint32_t)orientation);
    other |= set_value(bytes, &f, exif, PIXEL_WIDTH, like->width);
    other |= set_value(bytes, &f, exif, PIXEL_HEIGHT, like->height);
    set_value(bytes, &f, first, WIDTH, like->width);
    set_value(bytes, &f, first, HEIGHT, like->height);
    set_value(bytes, &f, exif, COLOR_SPACE, srgb ? SRGB : UNCALIBRATED);
    if (tiff_find(&f, tiff_value(&f, exif, TAG_INTEROPERABILITY), INTEROPERABILITY_INDEX, &index) &&
        (srgb || like->space == GMLP_ADOBERGB) && !memcmp(bytes + index.place + 8, srgb ? "R03" : "R98", 4))
        memcpy(bytes + index.place + 8, srgb ? "R98" : "R03", 4);
    if (other) forget_thumbnail(bytes, &f); /* of a picture that lay otherwise, or of a larger one */
}

void exif_least(uint8_t bytes[EXIF_LEAST], int orientation) {
    memcpy(bytes, "II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\0\0\0\0\0\0\0\0", EXIF_LEAST);
    bytes[18] = (uint8_t)orientation;
}
