/* EXIF, IPTC and XMP: through every format and back, adapted to the pixels, damaged. Blocks are made here, and read by
   a reader of their own. */
#include "made.h"

#include <zlib.h>

#include "pictures/formats.h"
#include "pictures/tiff_metadata.h"

/* A TIFF structure in the making. */
typedef struct block {
    uint8_t p[1000];
    size_t n;
    int big;
} block;

static void number(block *b, size_t at, uint32_t v, int length) {
    int i;
    for (i = 0; i < length; i++) b->p[at + (size_t)i] = (uint8_t)(v >> 8 * (b->big ? length - 1 - i : i));
}

static uint32_t number_at(const block *b, size_t at, int length) {
    uint32_t v = 0;
    int i;
    for (i = 0; i < length; i++) v = v << 8 | b->p[at + (size_t)(b->big ? i : length - 1 - i)];
    return v;
}

enum { ASCII = 2, SHORT = 3, LONG = 4, RATIONAL = 5, UNDEFINED = 7 };

static const char note[] = "Maker\0of its own kind, with numbers that count from the block's start";

/* value: of numbers; text: bytes of the other kinds, which lie behind what there is. */
static void entry(block *b, size_t at, uint32_t tag, uint32_t type, uint32_t count, uint32_t value, const void *text) {
    const size_t size = count * (type == RATIONAL ? 8 : 1);
    number(b, at, tag, 2);
    number(b, at + 2, type, 2);
    number(b, at + 4, count, 4);
    if (!text) number(b, at + 8, value, type == SHORT ? 2 : 4);
    else if (size <= 4) memcpy(b->p + at + 8, text, size);
    else {
        number(b, at + 8, (uint32_t)b->n, 4);
        memcpy(b->p + b->n, text, size);
        b->n += size + (size & 1);
    }
}

static size_t directory(block *b, uint32_t entries) {
    const size_t at = b->n;
    number(b, at, entries, 2);
    b->n += 2 + 12 * entries + 4;
    return at + 2;
}

/* With all that an EXIF block of a camera has: a note, a thumbnail, a place, a tag that nobody knows. */
static block make_block(int big, int orientation) {
    const uint8_t exposure[2][8] = { { 1, 0, 0, 0, 125, 0, 0, 0 }, { 0, 0, 0, 1, 0, 0, 0, 125 } };
    block b;
    size_t first, exif, gps, interoperability, thumbnail;
    memset(&b, 0, sizeof b);
    b.big = big;
    memcpy(b.p, big ? "MM\0*" : "II*\0", 4);
    number(&b, 4, 8, 4);
    b.n = 8;
    first = directory(&b, 8);
    exif = directory(&b, 6);
    gps = directory(&b, 1);
    interoperability = directory(&b, 1);
    thumbnail = directory(&b, 2);
    entry(&b, first, 271, ASCII, 7, 0, "Camera");
    entry(&b, first + 12, 274, SHORT, 1, (uint32_t)orientation, NULL);
    entry(&b, first + 24, 306, ASCII, 20, 0, "2020:02:03 04:05:06");
    entry(&b, first + 36, 34665, LONG, 1, (uint32_t)exif - 2, NULL);
    entry(&b, first + 48, 34853, LONG, 1, (uint32_t)gps - 2, NULL);
    entry(&b, first + 60, 50341, UNDEFINED, 12, 0, "PrintIM\0ab\0d");
    entry(&b, first + 72, 50000, SHORT, 1, 1234, NULL);
    entry(&b, first + 84, 256, SHORT, 1, 24, NULL);
    number(&b, first + 96, (uint32_t)thumbnail - 2, 4);
    entry(&b, exif, 33434, RATIONAL, 1, 0, exposure[big]);
    entry(&b, exif + 12, 37500, UNDEFINED, sizeof note, 0, note);
    entry(&b, exif + 24, 40961, SHORT, 1, 65535, NULL);
    entry(&b, exif + 36, 40962, LONG, 1, 24, NULL);
    entry(&b, exif + 48, 40963, SHORT, 1, 16, NULL);
    entry(&b, exif + 60, 40965, LONG, 1, (uint32_t)interoperability - 2, NULL);
    entry(&b, gps, 1, ASCII, 2, 0, "N");
    entry(&b, interoperability, 1, ASCII, 4, 0, "R03");
    entry(&b, thumbnail, 513, LONG, 1, (uint32_t)b.n, NULL);
    entry(&b, thumbnail + 12, 514, LONG, 1, 4, NULL);
    memcpy(b.p + b.n, "\377\330\377\331", 4);
    b.n += 4;
    return b;
}

/* The directory of these tags, one below another, ended by 0; then where the entry of tag is, or 0. */
static size_t look(const block *b, const uint32_t *below, uint32_t tag) {
    size_t at = number_at(b, 4, 4), i, count;
    for (;; below++) {
        const uint32_t want = *below ? *below : tag;
        count = number_at(b, at, 2);
        for (i = 0; i < count && number_at(b, at + 2 + 12 * i, 2) != want; i++) {}
        if (i == count) return 0;
        at += 2 + 12 * i;
        if (!*below) return at;
        at = number_at(b, at + 8, 4);
    }
}

static const uint32_t in_first[] = { 0 }, in_exif[] = { 34665, 0 }, in_gps[] = { 34853, 0 },
                      in_interoperability[] = { 34665, 40965, 0 };

static const void *value(const block *b, const uint32_t *below, uint32_t tag, size_t size) {
    const size_t at = look(b, below, tag);
    assert_int_not_equal(at, 0);
    return b->p + (size > 4 ? number_at(b, at + 8, 4) : at + 8);
}

static uint32_t value_number(const block *b, const uint32_t *below, uint32_t tag) {
    const size_t at = look(b, below, tag);
    assert_int_not_equal(at, 0);
    return number_at(b, at + 8, number_at(b, at + 2, 2) == SHORT ? 2 : 4);
}

static block block_of(const picture *p) {
    const metadata_block *exif = &p->metadata.blocks[METADATA_EXIF];
    block b;
    memset(&b, 0, sizeof b);
    assert_non_null(exif->bytes);
    assert_true(exif->size <= sizeof b.p);
    memcpy(b.p, exif->bytes, exif->size);
    b.n = exif->size;
    b.big = b.p[0] == 'M';
    return b;
}

static const char xmp[] = "<x:xmpmeta xmlns:x='adobe:ns:meta/'>"
                          "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
                          "<rdf:Description tiff:Orientation=\"6\" dc:title='a'><tiff:Orientation>6</tiff:Orientation>"
                          "<tiff:Orientations>6</tiff:Orientations></rdf:Description></rdf:RDF></x:xmpmeta>";
static const uint8_t iptc[] = "\x1c\2\0\0\2\0\4\x1c\2\5\0\5title\x1c\2\x19\0\1k"; /* an odd number of bytes */
enum { IPTC_SIZE = sizeof iptc - 1, XMP_SIZE = sizeof xmp - 1 };

static picture_metadata make_metadata(const block *b) {
    picture_metadata m;
    memset(&m, 0, sizeof m);
    assert_int_equal(metadata_set(&m, METADATA_EXIF, b->p, b->n), 0);
    assert_int_equal(metadata_set(&m, METADATA_IPTC, iptc, IPTC_SIZE), 0);
    assert_int_equal(metadata_set(&m, METADATA_XMP, xmp, XMP_SIZE), 0);
    return m;
}

static picture through(const char *name, const gmlp_image *image, const picture_metadata *m, int orientation) {
    const char *path = in_folder(name);
    picture_write_opts opts = { 0, 0, 0, NULL, 0, NULL };
    picture p;
    char error[256];
    memset(&p, 0, sizeof p);
    opts.metadata = m;
    opts.orientation = orientation;
    if (picture_write(path, image, &opts, error) || picture_read(path, 0, 0, &p, error) ||
        file_read(path, &p.file, &p.file_size, error))
        fail_msg("%s", error);
    unlink(path);
    return p;
}

static void expect_block(const picture *p, int with_thumbnail) {
    const block b = block_of(p);
    assert_string_equal(value(&b, in_first, 271, 7), "Camera");
    assert_string_equal(value(&b, in_first, 306, 20), "2020:02:03 04:05:06");
    assert_memory_equal(value(&b, in_first, 50341, 12), "PrintIM\0ab\0d", 12);
    assert_int_equal(value_number(&b, in_first, 50000), 1234);
    assert_memory_equal(value(&b, in_exif, 33434, 8), b.big ? "\0\0\0\1\0\0\0\175" : "\1\0\0\0\175\0\0\0", 8);
    assert_memory_equal(value(&b, in_exif, 37500, sizeof note), note, sizeof note);
    assert_memory_equal(value(&b, in_gps, 1, 2), "N", 2);
    assert_int_equal(number_at(&b, number_at(&b, 4, 4) + 2 + 12 * number_at(&b, number_at(&b, 4, 4), 2), 4) != 0,
                     with_thumbnail);
}

/* Pixels as they are stored: the tag goes with them, and in a JPEG or PNG no byte changes but the colour space. */
static void all_formats(void **state) {
    static const char *const names[] = { "a.jpg", "a.png", "a.tif" };
    gmlp_image image = test_image(24, 16, GMLP_U8, GMLP_P3);
    int big, i;
    (void)state;
    for (big = 0; big < 2; big++)
        for (i = 0; i < 3; i++) {
            const block made = make_block(big, 6);
            picture_metadata m = make_metadata(&made);
            picture p = through(names[i], &image, &m, 6);
            const block b = block_of(&p);
            assert_int_equal(p.orientation, 6);
            assert_string_equal(p.left, "");
            assert_int_equal(p.image.space, GMLP_P3);
            expect_block(&p, i < 2);
            if (i < 2) assert_memory_equal(b.p, made.p, made.n);
            /* its own numbers count from where it lay */
            assert_int_equal(value_number(&b, in_exif, 37500), value_number(&made, in_exif, 37500));
            assert_int_equal(b.big, big);
            assert_int_equal(p.metadata.blocks[METADATA_XMP].size, XMP_SIZE);
            assert_memory_equal(p.metadata.blocks[METADATA_XMP].bytes, xmp, XMP_SIZE);
            assert_int_equal(p.metadata.blocks[METADATA_IPTC].size, IPTC_SIZE);
            assert_memory_equal(p.metadata.blocks[METADATA_IPTC].bytes, iptc, IPTC_SIZE);
            picture_free(&p);
            metadata_free(&m);
        }
    free(image.data);
}

/* Pixels that were turned, in sRGB: what the tags say is true of them, the old thumbnail is not shown. */
static void adapted(void **state) {
    static const char *const names[] = { "a.jpg", "a.png", "a.tif" };
    static const int spaces[] = { GMLP_SRGB, GMLP_ADOBERGB, GMLP_PROPHOTO };
    int big, i, k;
    (void)state;
    for (big = 0; big < 2; big++)
        for (i = 0; i < 9; i++) {
            const int space = spaces[i / 3];
            const block made = make_block(big, 6);
            gmlp_image image = test_image(16, 24, GMLP_U8, space);
            picture_metadata m = make_metadata(&made);
            picture p = through(names[i % 3], &image, &m, 1);
            const block b = block_of(&p);
            const char *packet = (const char *)p.metadata.blocks[METADATA_XMP].bytes;
            int changed = 0;
            assert_int_equal(p.orientation, 1);
            assert_int_equal(p.image.space, space);
            expect_block(&p, 0);
            assert_int_equal(value_number(&b, in_exif, 40961), space == GMLP_SRGB ? 1 : 65535);
            assert_int_equal(value_number(&b, in_exif, 40962), 16);
            assert_int_equal(value_number(&b, in_exif, 40963), 24);
            assert_string_equal(value(&b, in_interoperability, 1, 4), space == GMLP_SRGB ? "R98" : "R03");
            if (i % 3 < 2) assert_int_equal(value_number(&b, in_first, 256), 16);
            if (i % 3 < 2) assert_int_equal(value_number(&b, in_first, 274), 1);
            if (i % 3 == 2) assert_true(!look(&b, in_first, 274) || value_number(&b, in_first, 274) == 1);
            assert_non_null(strstr(packet, "tiff:Orientation=\"1\" "));
            assert_non_null(strstr(packet, "<tiff:Orientation>1<"));
            assert_non_null(strstr(packet, "<tiff:Orientations>6<"));
            for (k = 0; k < (int)made.n && i % 3 < 2; k++) changed += b.p[k] != made.p[k];
            if (i % 3 < 2) assert_in_range(changed, 4, 15); /* the four of the thumbnail, too */
            picture_free(&p);
            metadata_free(&m);
            free(image.data);
        }
}

/* A thumbnail of what was cut away is not left behind, nor its bytes; all else stays. Of JPEG's kind and of TIFF's. */
static void forgets_thumbnails(void **state) {
    int big, strips, i;
    (void)state;
    for (big = 0; big < 2; big++)
        for (strips = 0; strips < 2; strips++) {
            const block made = make_block(big, 6);
            block b = made;
            const size_t next = number_at(&b, 4, 4) + 2 + 12 * number_at(&b, number_at(&b, 4, 4), 2),
                         thumbnail = number_at(&b, next, 4) + 2;
            if (strips) {
                number(&b, thumbnail, 273, 2);
                number(&b, thumbnail + 12, 279, 2);
            }
            exif_forget_thumbnail(b.p, b.n);
            assert_int_equal(number_at(&b, next, 4), 0);
            assert_memory_equal(b.p + b.n - 4, "\0\0\0\0", 4);
            for (i = 0; i < (int)b.n - 4; i++)
                if ((size_t)i < next || (size_t)i >= next + 4)
                    assert_true(b.p[i] == made.p[i] || ((size_t)i >= thumbnail && (size_t)i < thumbnail + 24));
            /* places outside, and before the header's end: nothing is written there */
            b = made;
            number(&b, thumbnail + 8, 0xfffffff0u, 4);
            exif_forget_thumbnail(b.p, b.n);
            assert_memory_equal(b.p + b.n - 4, "\377\330\377\331", 4);
            b = made;
            number(&b, thumbnail + 20, 0xffffffffu, 4);
            exif_forget_thumbnail(b.p, b.n);
            assert_memory_equal(b.p + b.n - 4, "\377\330\377\331", 4);
            b = made;
            number(&b, thumbnail + 8, 0, 4);
            exif_forget_thumbnail(b.p, b.n);
            assert_memory_equal(b.p, made.p, 4);
        }
    exif_forget_thumbnail(NULL, 0);
}

/* XMP's numbers and thumbnails: what has room for the digits. */
static void xmp_numbers(void **state) {
    static const char before[] = "<a tiff:ImageWidth='400' exif:PixelYDimension=\"300\" tiff:ImageLength='9'>"
                                 "<exif:PixelXDimension>0400</exif:PixelXDimension><tiff:ImageWidth>4x</tiff:ImageWidth>"
                                 "<xmpGImg:image>/9j/4AAQ&#xA;</xmpGImg:image><r xmpGImg:image=\"/9j/\" b='c'/></a>";
    static const char after[] = "<a tiff:ImageWidth='064' exif:PixelYDimension=\"016\" tiff:ImageLength='9'>"
                                "<exif:PixelXDimension>0064</exif:PixelXDimension><tiff:ImageWidth>4x</tiff:ImageWidth>"
                                "<xmpGImg:image>             </xmpGImg:image><r xmpGImg:image=\"    \" b='c'/></a>";
    const gmlp_image like = test_image(64, 16, GMLP_U8, GMLP_SRGB);
    char cut[sizeof before];
    picture_metadata from, to;
    size_t n;
    (void)state;
    memset(&from, 0, sizeof from);
    assert_int_equal(metadata_set(&from, METADATA_XMP, before, sizeof before - 1), 0);
    assert_int_equal(metadata_adapt(&to, &from, &like, 1), 0);
    xmp_forget_thumbnails(to.blocks[METADATA_XMP].bytes, to.blocks[METADATA_XMP].size);
    assert_memory_equal(to.blocks[METADATA_XMP].bytes, after, sizeof after - 1);
    metadata_free(&to);
    for (n = 1; n < sizeof before; n++) { /* that end anywhere */
        memcpy(cut, before, n);
        assert_int_equal(metadata_set(&from, METADATA_XMP, cut, n), 0);
        assert_int_equal(metadata_adapt(&to, &from, &like, 1), 0);
        xmp_forget_thumbnails(to.blocks[METADATA_XMP].bytes, n);
        metadata_free(&to);
    }
    metadata_free(&from);
    free(like.data);
}

/* What says nothing but the orientation, where there is no other. */
static void orientation_alone(void **state) {
    static const char *const names[] = { "a.jpg", "a.png", "a.tif" };
    gmlp_image image = test_image(8, 8, GMLP_U8, GMLP_SRGB);
    int i, turned;
    (void)state;
    for (i = 0; i < 3; i++)
        for (turned = 1; turned <= 8; turned++) {
            picture p = through(names[i], &image, NULL, turned);
            assert_int_equal(p.orientation, turned);
            assert_int_equal(p.metadata.blocks[METADATA_EXIF].bytes != NULL, turned > 1 && i < 2);
            picture_free(&p);
        }
    free(image.data);
}

/* JPEG XL and AVIF, which have no place for IPTC, and turn the pixels themselves. */
static void in_boxes(void **state) {
    static const char *const names[] = { "a.jxl", "a.avif" };
    gmlp_image image = test_image(16, 24, GMLP_U16, GMLP_P3);
    int big, i;
    (void)state;
    for (big = 0; big < 2; big++)
        for (i = 0; i < 2; i++) {
            const block made = make_block(big, 6);
            picture_metadata m = make_metadata(&made);
            picture p;
            block b;
            if ((i == 0 && jxl_missing) || (i == 1 && (avif_missing || heif_missing))) {
                metadata_free(&m);
                continue;
            }
            p = through(names[i], &image, &m, 0);
            b = block_of(&p);
            assert_int_equal(p.orientation, 1);
            assert_int_equal(p.image.width, 16);
            assert_string_equal(p.left, "");
            expect_block(&p, 0);
            assert_int_equal(value_number(&b, in_first, 274), 1);
            assert_int_equal(value_number(&b, in_exif, 40962), 16);
            assert_int_equal(p.metadata.blocks[METADATA_XMP].size, XMP_SIZE);
            assert_non_null(strstr((const char *)p.metadata.blocks[METADATA_XMP].bytes, "tiff:Orientation=\"1\" "));
            assert_null(p.metadata.blocks[METADATA_IPTC].bytes);
            picture_free(&p);
            metadata_free(&m);
        }
    free(image.data);
}

/* A chunk with its checksum behind what there is. */
static size_t put_chunk(uint8_t *to, const char *type, const void *data, size_t size) {
    uint32_t crc;
    int i;
    memcpy(to + 4, type, 4);
    memcpy(to + 8, data, size);
    crc = (uint32_t)crc32(0, to + 4, (uInt)size + 4);
    for (i = 0; i < 4; i++) {
        to[i] = (uint8_t)(size >> (24 - 8 * i) & 255);
        to[8 + size + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i) & 255);
    }
    return size + 12;
}

/* How large a picture is printed: in the numbers that each format has for it, and back as it was. */
static void resolution(void **state) {
    static const struct {
        const char *name, *says;
        size_t size;
    } formats[] = { { "a.jpg", "JFIF\0\1\1\1\1\54\0\110", 12 },
                    { "a.png", "pHYs\0\0\56\43\0\0\13\23\1", 13 }, /* 11811 and 2835 in a metre */
                    { "a.tif", NULL, 12 } };
    static const char inches[2][13] = { "\1\50\0\3\0\0\0\1\0\2\0\0", "\50\1\3\0\1\0\0\0\2\0\0\0" };
    const picture_resolution made = { 300, 72 };
    gmlp_image image = test_image(8, 8, GMLP_U8, GMLP_P3);
    picture_resolution r;
    picture_metadata m;
    size_t i, at;
    const uint16_t one = 1;
    (void)state;
    memset(&m, 0, sizeof m);
    assert_int_equal(metadata_resolution(&m, &r), 0);
    assert_int_equal(metadata_set(&m, METADATA_RESOLUTION, &made, sizeof made), 0);
    for (i = 0; i < 3; i++) {
        picture p = through(formats[i].name, &image, &m, 1), none = through(formats[i].name, &image, NULL, 1);
        const char *says = formats[i].says ? formats[i].says : inches[*(const uint8_t *)&one];
        for (at = 0; at + formats[i].size < p.file_size; at++)
            if (!memcmp(p.file + at, says, formats[i].size)) break;
        assert_true(at + formats[i].size < p.file_size);
        assert_int_equal(metadata_resolution(&p.metadata, &r), 1);
        assert_true(r.x == 300 && r.y == 72);
        assert_string_equal(p.left, "");
        assert_int_equal(metadata_resolution(&none.metadata, &r), 0);
        picture_metadata_fit(&p, "b.exr");
        assert_int_equal(metadata_resolution(&p.metadata, &r), 0);
        picture_free(&p);
        picture_free(&none);
    }
    metadata_free(&m);
    free(image.data);
}

/* Of an EXIF block with these tags alone: rationals of so many hundredths, and a unit. */
static block resolution_block(uint32_t x, uint32_t y, uint32_t unit) {
    block b;
    uint8_t ratio[8] = { 0, 0, 0, 0, 100, 0, 0, 0 };
    size_t first, i;
    memset(&b, 0, sizeof b);
    memcpy(b.p, "II*\0\10\0\0\0", 8);
    b.n = 8;
    first = directory(&b, 3);
    for (i = 0; i < 4; i++) ratio[i] = (uint8_t)(x >> 8 * i);
    entry(&b, first, 282, RATIONAL, 1, 0, ratio);
    for (i = 0; i < 4; i++) ratio[i] = (uint8_t)(y >> 8 * i);
    entry(&b, first + 12, 283, RATIONAL, 1, 0, ratio);
    entry(&b, first + 24, 296, SHORT, 1, unit, NULL);
    return b;
}

static void resolution_of_exif(void **state) {
    static const struct {
        uint32_t x, y, unit;
        double want_x, want_y; /* 0: none is known */
    } blocks[] = { { 24000, 30050, 2, 240, 300.5 }, { 11811, 2835, 3, 300, 72 }, { 24000, 24000, 1, 0, 0 },
                   { 0, 24000, 2, 0, 0 } };
    gmlp_image image = test_image(8, 8, GMLP_U8, GMLP_SRGB);
    picture_metadata m;
    picture_resolution r;
    char error[256];
    size_t i;
    (void)state;
    memset(&m, 0, sizeof m);
    for (i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        const block b = resolution_block(blocks[i].x, blocks[i].y, blocks[i].unit);
        picture p, own;
        assert_int_equal(metadata_set(&m, METADATA_EXIF, b.p, b.n), 0);
        p = through("a.jpg", &image, &m, 1);
        assert_int_equal(metadata_resolution(&p.metadata, &r), blocks[i].want_x > 0);
        if (blocks[i].want_x > 0) assert_true(fabs(r.x - blocks[i].want_x) + fabs(r.y - blocks[i].want_y) < 1e-9);
        /* what a JPEG says itself counts more */
        memcpy(p.file + 13, "\1\0\140\0\110", 5);
        assert_int_equal(picture_read_memory(p.file, p.file_size, "x", 0, &own, error), 0);
        assert_int_equal(metadata_resolution(&own.metadata, &r), 1);
        assert_true(r.x == 96 && r.y == 72);
        picture_free(&own);
        picture_free(&p);
    }
    { /* so does a PNG's chunk, wherever it is */
        const picture_resolution chunk = { 96, 96 };
        picture p;
        assert_int_equal(metadata_set(&m, METADATA_RESOLUTION, &chunk, sizeof chunk), 0);
        p = through("a.png", &image, &m, 1);
        assert_int_equal(metadata_resolution(&p.metadata, &r), 1);
        assert_true(r.x == 96 && r.y == 96);
        picture_free(&p);
    }
    metadata_free(&m);
    free(image.data);
}

/* What a PNG tells people goes into the next one, as it is, and the rest of it is told to be lost elsewhere. */
static void texts(void **state) {
    static const char packed[] = "Author\0\0x\234", international[] = "Title\0\0\0de\0Titel\0Ein \303\234berblick";
    uint8_t chunks[2000];
    size_t size = 0, i;
    gmlp_image image = test_image(8, 8, GMLP_U8, GMLP_SRGB);
    picture_metadata m;
    picture p;
    (void)state;
    memset(&m, 0, sizeof m);
    size += put_chunk(chunks + size, "tEXt", "Copyright\0(c) me", 16);
    size += put_chunk(chunks + size, "zTXt", packed, sizeof packed - 1);
    size += put_chunk(chunks + size, "iTXt", international, sizeof international - 1);
    size += put_chunk(chunks + size, "tEXt", "date:modify\0now", 15);
    assert_int_equal(metadata_set(&m, METADATA_TEXTS, chunks, size), 0);
    p = through("a.png", &image, &m, 1);
    assert_int_equal(p.metadata.blocks[METADATA_TEXTS].size, size);
    assert_memory_equal(p.metadata.blocks[METADATA_TEXTS].bytes, chunks, size);
    picture_metadata_fit(&p, "b.png");
    assert_string_equal(p.left, "");
    picture_metadata_fit(&p, "b.jpg");
    assert_string_equal(p.left, "its texts (Copyright, Author, Title) are not carried over: a .jpg file gets none\n");
    assert_null(p.metadata.blocks[METADATA_TEXTS].bytes);
    picture_free(&p);
    metadata_free(&m);
    /* those that are not for people, or damaged, are not taken for it */
    size = put_chunk(chunks, "tEXt", "GamutMLP\0R01M", 13);
    size += put_chunk(chunks + size, "iTXt", "XML:com.adobe.xmp\0\0\0\0\0<x/>", 26);
    size += put_chunk(chunks + size, "zTXt", "Raw profile type exif\0\0x", 24);
    size += put_chunk(chunks + size, "tEXt", "Title\0a", 7);
    chunks[size - 1] ^= 1;
    size += put_chunk(chunks + size, "tEXt", "\0", 1);
    {
        uint8_t file[3000];
        uint8_t *png;
        size_t png_size;
        char error[256];
        assert_int_equal(picture_encode_memory(GMLP_CONTAINER_PNG, &image, NULL, &png, &png_size, error), 0);
        memcpy(file, png, 33); /* behind IHDR */
        memcpy(file + 33, chunks, size);
        memcpy(file + 33 + size, png + 33, png_size - 33);
        assert_int_equal(picture_read_memory(file, png_size + size, "x", 0, &p, error), 0);
        assert_int_equal(p.metadata.blocks[METADATA_TEXTS].size, 0);
        picture_free(&p);
        free(png);
    }
    for (i = 0; i < 300; i++) { /* many, whose memory grows with them */
        metadata_block *b = &m.blocks[METADATA_TEXTS];
        b->bytes = (uint8_t *)realloc(b->bytes, b->size + 15);
        b->size += put_chunk(b->bytes + b->size, "tEXt", "k\0v", 3);
    }
    p = through("a.png", &image, &m, 1);
    assert_int_equal(p.metadata.blocks[METADATA_TEXTS].size, 4500);
    assert_memory_equal(p.metadata.blocks[METADATA_TEXTS].bytes, m.blocks[METADATA_TEXTS].bytes, 4500);
    picture_free(&p);
    metadata_free(&m);
    free(image.data);
}

/* From one format to the next: no tag gets lost on the way. */
static void from_format_to_format(void **state) {
    static const char *const names[] = { "a.jpg", "a.png", "a.tif", "b.jpg", "b.tif", "b.png" };
    gmlp_image image = test_image(24, 16, GMLP_U8, GMLP_P3);
    const block made = make_block(1, 1);
    picture_metadata m = make_metadata(&made);
    size_t i;
    (void)state;
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        picture p = through(names[i], &image, &m, 1);
        expect_block(&p, i < 2);
        metadata_free(&m);
        m = p.metadata;
        memset(&p.metadata, 0, sizeof p.metadata);
        picture_free(&p);
    }
    metadata_free(&m);
    free(image.data);
}

/* Tags of the first directory, known and not, of every type: numbers come back as they were, and nothing harms. */
static void every_type(void **state) {
    static const uint32_t tags[] = { 50000, 271, 274, 282, 285, 296, 306, 700, 33432, 33434, 33723, 34665, 34853 };
    gmlp_image image = test_image(4, 4, GMLP_U8, GMLP_SRGB);
    uint32_t type, count, i;
    int big;
    (void)state;
    for (big = 0; big < 2; big++)
        for (type = 0; type < 20; type++)
            for (count = 0; count < 4; count++)
                for (i = 0; i < sizeof tags / sizeof *tags; i++) {
                    const uint32_t known_sizes[14] = { 0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4 };
                    const uint32_t size = type < 14 ? known_sizes[type] * count : 8 * count;
                    block made, b;
                    picture_metadata m;
                    picture p;
                    size_t first, k;
                    memset(&made, 0, sizeof made);
                    made.big = big;
                    memcpy(made.p, big ? "MM\0*" : "II*\0", 4);
                    number(&made, 4, 8, 4);
                    made.n = 8;
                    first = directory(&made, 1);
                    number(&made, first, tags[i], 2);
                    number(&made, first + 2, type, 2);
                    number(&made, first + 4, count, 4);
                    if (size > 4) number(&made, first + 8, (uint32_t)made.n, 4);
                    for (k = 0; k < size; k++) made.p[(size > 4 ? made.n : first + 8) + k] = (uint8_t)(1 + 3 * k);
                    if (size > 4) made.n += size;
                    m = make_metadata(&made);
                    p = through("a.tif", &image, &m, 1);
                    if (i == 0 && count && type > 0 && type <= 12 && type != 2 && type != 5 && type != 10) {
                        b = block_of(&p);
                        assert_memory_equal(value(&b, in_first, 50000, size), value(&made, in_first, 50000, size), size);
                    }
                    picture_free(&p);
                    metadata_free(&m);
                }
    free(image.data);
}

/* Of a BigTIFF, without its pixels, which would be gigabytes. */
static void in_a_bigtiff(void **state) {
    int big;
    (void)state;
    for (big = 0; big < 2; big++) {
        const char *path = in_folder("a.tif");
        const block made = make_block(big, 1);
        block b;
        picture_metadata m = make_metadata(&made);
        picture_write_opts opts = { 0, 0, 0, NULL, 0, NULL };
        picture_facts facts;
        picture p;
        gmlp_image like;
        picture_sink *sink;
        uint8_t *bytes;
        size_t size;
        uint64_t at;
        char error[256];
        FILE *f = fopen(path, "wb+");
        memset(&facts, 0, sizeof facts);
        memset(&p, 0, sizeof p);
        memset(&like, 0, sizeof like);
        like.width = like.height = 20000;
        like.type = GMLP_F32;
        like.channels = 3;
        like.space = GMLP_P3;
        opts.metadata = &m;
        sink = picture_sink_open(path, f, &like, &opts, error);
        assert_non_null(sink);
        assert_int_equal(picture_sink_end(sink, 0, error), 0);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(file_read(path, &bytes, &size, error), 0);
        unlink(path);
        assert_memory_equal(bytes, big ? "MM\0+" : "II+\0", 4);
        assert_int_equal(tiff_find_picture(bytes, size, &at, &facts, error), 0);
        tiff_keep_metadata(bytes, size, at, &facts);
        p.metadata = facts.carried;
        expect_block(&p, 0);
        b = block_of(&p);
        assert_int_equal(value_number(&b, in_exif, 37500), value_number(&made, in_exif, 37500));
        assert_memory_equal(p.metadata.blocks[METADATA_IPTC].bytes, iptc, IPTC_SIZE);
        picture_free(&p);
        metadata_free(&m);
        free(bytes);
    }
}

static void what_has_no_place(void **state) {
    const block made = make_block(0, 1);
    uint8_t *large = (uint8_t *)calloc(70000, 1);
    picture p;
    (void)state;
    memset(&p, 0, sizeof p);
    p.metadata = make_metadata(&made);
    picture_metadata_fit(&p, "a.jpg");
    picture_metadata_fit(&p, "a.TIFF");
    assert_string_equal(p.left, "");
    assert_int_equal(metadata_set(&p.metadata, METADATA_XMP, large, 65505), 0);
    picture_metadata_fit(&p, "a.png");
    assert_string_equal(p.left, "");
    picture_metadata_fit(&p, "a.jpeg");
    assert_string_equal(p.left, "its XMP is not carried over: longer than a JPEG's 64 KB\n");
    assert_null(p.metadata.blocks[METADATA_XMP].bytes);
    assert_int_equal(metadata_set(&p.metadata, METADATA_XMP, large, 65504), 0);
    picture_metadata_fit(&p, "a.jpg");
    assert_non_null(p.metadata.blocks[METADATA_XMP].bytes);
    p.left[0] = 0;
    picture_metadata_fit(&p, "a.exr");
    assert_string_equal(p.left, "its EXIF, IPTC and XMP are not carried over: a .exr file gets none\n");
    picture_free(&p);
    free(large);
}

/* The longest that a JPEG holds come back whole. */
static void longest_segments(void **state) {
    static const size_t sizes[METADATA_KINDS] = { 65533 - 6, 65533 - 14 - PHOTOSHOP_ROOM, 65533 - 29 };
    gmlp_image image = test_image(8, 8, GMLP_U8, GMLP_SRGB);
    uint8_t *bytes = (uint8_t *)calloc(65533, 1);
    picture_metadata m;
    picture p;
    int k;
    (void)state;
    memset(&m, 0, sizeof m);
    for (k = 0; k < METADATA_KINDS; k++) {
        const size_t n = sizes[k];
        memset(bytes, 'x', n);
        if (k == METADATA_EXIF) memcpy(bytes, "MM\0*\0\0\0\0", 8);
        if (k == METADATA_IPTC) { /* one record with a long length */
            memcpy(bytes, "\x1c\2\5\x80\4\0\0", 7);
            bytes[7] = (uint8_t)((n - 9) >> 8);
            bytes[8] = (uint8_t)(n - 9);
        }
        assert_int_equal(metadata_set(&m, k, bytes, n), 0);
    }
    p = through("a.jpg", &image, &m, 1);
    for (k = 0; k < METADATA_KINDS; k++) {
        assert_int_equal(p.metadata.blocks[k].size, sizes[k]);
        assert_memory_equal(p.metadata.blocks[k].bytes, m.blocks[k].bytes, sizes[k]);
    }
    picture_free(&p);
    metadata_free(&m);
    free(bytes);
    free(image.data);
}

/* IPTC among Photoshop's resources, by the lengths of which all others are passed over. */
static void photoshop(void **state) {
    static const char resources[] = "8BIM\4\5\3abc\0\0\0\3xyz\0" "8BIM\4\4\0\0\0\0\0\6\x1c\2\5\0\1t"
                                    "8BIM\4\4\0\0\0\0\0\1x\0";
    uint8_t made[IPTC_SIZE + PHOTOSHOP_ROOM];
    const uint8_t *found;
    size_t size, n;
    (void)state;
    found = photoshop_iptc((const uint8_t *)resources, sizeof resources - 1, &size);
    assert_int_equal(size, 6);
    assert_memory_equal(found, "\x1c\2\5\0\1t", 6);
    n = photoshop_resources(iptc, IPTC_SIZE, made);
    assert_int_equal(n % 2, 0);
    found = photoshop_iptc(made, n, &size);
    assert_int_equal(size, IPTC_SIZE);
    assert_memory_equal(found, iptc, IPTC_SIZE);
    for (n = 0; n < sizeof resources - 1; n++) { /* cut anywhere; ASan looks */
        uint8_t *exact = (uint8_t *)malloc(n + !n);
        memcpy(exact, resources, n);
        photoshop_iptc(exact, n, &size);
        assert_true(size == 0 || size == 6);
        free(exact);
    }
    assert_int_equal(iptc_size(iptc, IPTC_SIZE), IPTC_SIZE);
    assert_int_equal(iptc_size(iptc, IPTC_SIZE - 1), IPTC_SIZE - 6); /* without the last record */
    assert_int_equal(iptc_size((const uint8_t *)"\x1c\2\5\0\0\0\0", 7), 5);
    assert_int_equal(iptc_size((const uint8_t *)"\x1c\2\5\x80\4\xff\xff\xff\xff", 9), 0);
    assert_int_equal(iptc_size((const uint8_t *)"x", 1), 0);
}

/* PNG as other programs write it. */

static void add_chunk(uint8_t **file, size_t *size, const char *type, const void *data, size_t n) {
    const size_t end = *size - 12; /* IEND */
    uint8_t *p = (uint8_t *)realloc(*file, *size + 12 + n);
    uint32_t crc;
    int i;
    memmove(p + end + 12 + n, p + end, 12);
    memcpy(p + end + 4, type, 4);
    memcpy(p + end + 8, data, n);
    crc = (uint32_t)crc32(0, p + end + 4, (uInt)n + 4);
    for (i = 0; i < 4; i++) {
        p[end + (size_t)i] = (uint8_t)(n >> (24 - 8 * i));
        p[end + 8 + n + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
    }
    *file = p;
    *size += 12 + n;
}

static uint8_t *small_file(int container, size_t *size) {
    gmlp_image image = test_image(8, 8, GMLP_U8, GMLP_SRGB);
    uint8_t *bytes;
    char error[256];
    assert_int_equal(picture_encode_memory(container, &image, NULL, &bytes, size, error), 0);
    free(image.data);
    return bytes;
}

/* keyword, 0, what stands before the text, and it, deflated or not */
static size_t text_chunk(uint8_t *to, const char *keyword, const char *head, size_t head_size, const void *text,
                         size_t n, int packed) {
    const size_t at = strlen(keyword) + 1 + head_size;
    uLongf length = 20000;
    memcpy(to, keyword, strlen(keyword) + 1);
    memcpy(to + strlen(keyword) + 1, head, head_size);
    if (packed) assert_int_equal(compress(to + at, &length, (const Bytef *)text, (uLong)n), Z_OK);
    else memcpy(to + at, text, length = (uLongf)n);
    return at + length;
}

static size_t wrap(char *to, const char *name, const void *bytes, size_t n) {
    size_t used = (size_t)sprintf(to, "\n%s\n%8lu\n", name, (unsigned long)n), i;
    for (i = 0; i < n; i++)
        used += (size_t)sprintf(to + used, i % 36 == 35 ? "%02x\n" : "%02x", ((const uint8_t *)bytes)[i]);
    return used;
}

static void texts_of_other_programs(void **state) {
    static const char xmp_id[] = "http://ns.adobe.com/xap/1.0/";
    const block made = make_block(0, 6);
    uint8_t exif[1100], both[2000], resources[IPTC_SIZE + PHOTOSHOP_ROOM], chunk[21000];
    char text[6000];
    struct {
        const char *type, *keyword, *head;
        size_t head_size;
        const void *bytes;
        size_t n;
        int packed, kind;
    } cases[] = { { "iTXt", "XML:com.adobe.xmp", "\0\0\0\0", 4, xmp, XMP_SIZE, 0, METADATA_XMP },
                  { "iTXt", "XML:com.adobe.xmp", "\1\0en\0title\0", 11, xmp, XMP_SIZE, 1, METADATA_XMP },
                  { "tEXt", "Raw profile type exif", "", 0, exif, 6 + made.n, 0, METADATA_EXIF },
                  { "zTXt", "Raw profile type exif", "\0", 1, made.p, made.n, 1, METADATA_EXIF },
                  { "zTXt", "Raw profile type APP1", "\0", 1, exif, 6 + made.n, 1, METADATA_EXIF },
                  { "zTXt", "Raw profile type APP1", "\0", 1, both, sizeof xmp_id + XMP_SIZE, 1, METADATA_XMP },
                  { "zTXt", "Raw profile type xmp", "\0", 1, xmp, XMP_SIZE, 1, METADATA_XMP },
                  { "tEXt", "Raw profile type iptc", "", 0, resources, 0, 0, METADATA_IPTC },
                  { "zTXt", "Raw profile type iptc", "\0", 1, iptc, IPTC_SIZE, 1, METADATA_IPTC },
                  { "zTXt", "Raw profile type 8bim", "\0", 1, resources, 0, 1, METADATA_IPTC } };
    size_t i, n, size;
    (void)state;
    memcpy(exif, "Exif\0", 6);
    memcpy(exif + 6, made.p, made.n);
    memcpy(both, xmp_id, sizeof xmp_id);
    memcpy(both + sizeof xmp_id, xmp, XMP_SIZE);
    cases[7].n = cases[9].n = photoshop_resources(iptc, IPTC_SIZE, resources);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *file = small_file(GMLP_CONTAINER_PNG, &size);
        const int kind = cases[i].kind;
        const void *want = kind == METADATA_EXIF ? made.p : kind == METADATA_XMP ? (const void *)xmp : iptc;
        const size_t want_size = kind == METADATA_EXIF ? made.n : kind == METADATA_XMP ? XMP_SIZE : IPTC_SIZE;
        picture p;
        char error[256];
        if (strcmp(cases[i].type, "iTXt") != 0) {
            n = wrap(text, cases[i].keyword + 17, cases[i].bytes, cases[i].n);
            n = text_chunk(chunk, cases[i].keyword, cases[i].head, cases[i].head_size, text, n, cases[i].packed);
        } else
            n = text_chunk(chunk, cases[i].keyword, cases[i].head, cases[i].head_size, cases[i].bytes, cases[i].n,
                           cases[i].packed);
        add_chunk(&file, &size, cases[i].type, chunk, n);
        assert_int_equal(picture_read_memory(file, size, "x", 0, &p, error), 0);
        assert_string_equal(p.left, "");
        assert_int_equal(p.orientation, 1); /* viewers do not look there */
        assert_int_equal(p.metadata.blocks[kind].size, want_size);
        assert_memory_equal(p.metadata.blocks[kind].bytes, want, want_size);
        picture_free(&p);
        free(file);
    }
}

/* What would not end is not waited for, and said. */
static void inflated_with_a_bound(void **state) {
    enum { ZEROS = 70000000 };
    uint8_t *zeros = (uint8_t *)calloc(ZEROS, 1), *chunk = (uint8_t *)malloc(200000), *file;
    uLongf length = 200000 - 22;
    picture p;
    size_t size;
    char error[256];
    (void)state;
    file = small_file(GMLP_CONTAINER_PNG, &size);
    memcpy(chunk, "XML:com.adobe.xmp\0\1\0\0", 22);
    assert_int_equal(compress(chunk + 22, &length, zeros, ZEROS), Z_OK);
    add_chunk(&file, &size, "iTXt", chunk, 22 + length);
    assert_int_equal(picture_read_memory(file, size, "x", 0, &p, error), 0);
    assert_null(p.metadata.blocks[METADATA_XMP].bytes);
    assert_string_equal(p.left, "its XMP is not carried over: damaged, too long or of a kind that is not read\n");
    picture_free(&p);
    free(file);
    free(zeros);
    free(chunk);
}

/* Any byte of a file with metadata, changed, and any end: it is read without harm or refused, and what comes out can be
   written. */
static void damage(void **state) {
    static const char *const names[] = { "a.jpg", "a.png", "a.tif" };
    gmlp_image image = test_image(4, 4, GMLP_U8, GMLP_SRGB);
    int big, i;
    (void)state;
    for (big = 0; big < 2; big++)
        for (i = 0; i < 3; i++) {
            const block made = make_block(big, 6);
            picture_metadata m = make_metadata(&made);
            picture whole = through(names[i], &image, &m, 6);
            size_t n;
            for (n = 0; n < whole.file_size; n++) {
                uint8_t *exact = (uint8_t *)malloc(whole.file_size);
                picture p;
                char error[256];
                memcpy(exact, whole.file, whole.file_size);
                exact[n] ^= n % 3 ? 0xff : (uint8_t)(1u << n / 3 % 8);
                if (!picture_read_memory(exact, whole.file_size, "x", 0, &p, error)) {
                    picture_metadata adapted_m;
                    picture back;
                    assert_int_equal(metadata_adapt(&adapted_m, &p.metadata, &image, 3), 0);
                    metadata_free(&adapted_m);
                    if (n % 16 == 0) {
                        back = through("a.tif", &image, &p.metadata, 1);
                        picture_free(&back);
                    }
                    picture_free(&p);
                }
                if (i < 2) picture_read_metadata(exact, n, "x", &p, error), picture_free(&p);
                free(exact);
            }
            picture_free(&whole);
            metadata_free(&m);
        }
    free(image.data);
}

/* Directories that name the same long values again and again take no more memory than is allowed. */
static void copies_are_bounded(void **state) {
    enum { ENTRIES = 400, LONG_VALUE = 60000 };
    const size_t directory_at = 8 + 4 * 4 + LONG_VALUE + 20000, size = directory_at + 2 + 12 * (ENTRIES + 8) + 4 + 100;
    block b; /* for its numbers */
    uint8_t *file = (uint8_t *)calloc(size, 1);
    static const uint32_t tags[][3] = { { 256, SHORT, 2 }, { 257, SHORT, 2 }, { 258, SHORT, 8 }, { 259, SHORT, 1 },
                                        { 262, SHORT, 1 }, { 273, LONG, 8 }, { 278, SHORT, 2 }, { 279, LONG, 4 } };
    picture p;
    char error[256];
    size_t at = directory_at + 2, i;
    (void)state;
    memset(&b, 0, sizeof b);
    memcpy(b.p, "II*\0", 4);
    number(&b, 4, (uint32_t)directory_at, 4);
    memcpy(file, b.p, 12);
    number(&b, 0, ENTRIES + 8, 2);
    memcpy(file + directory_at, b.p, 2);
    for (i = 0; i < ENTRIES + 8; i++, at += 12) {
        memset(b.p, 0, 12);
        if (i < 8) entry(&b, 0, tags[i][0], tags[i][1], 1, tags[i][2], NULL);
        else entry(&b, 0, (uint32_t)(60000 + i), UNDEFINED, LONG_VALUE, 100, NULL);
        memcpy(file + at, b.p, 12);
    }
    assert_int_equal(picture_read_memory(file, size, "x", GMLP_SRGB, &p, error), 0);
    assert_null(p.metadata.blocks[METADATA_EXIF].bytes); /* 24 MB */
    assert_string_equal(p.left, "its EXIF is not carried over: damaged, too long or of a kind that is not read\n");
    picture_free(&p);
    free(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_formats),
        cmocka_unit_test(adapted),
        cmocka_unit_test(forgets_thumbnails),
        cmocka_unit_test(xmp_numbers),
        cmocka_unit_test(orientation_alone),
        cmocka_unit_test(in_boxes),
        cmocka_unit_test(resolution),
        cmocka_unit_test(resolution_of_exif),
        cmocka_unit_test(texts),
        cmocka_unit_test(from_format_to_format),
        cmocka_unit_test(every_type),
        cmocka_unit_test(in_a_bigtiff),
        cmocka_unit_test(what_has_no_place),
        cmocka_unit_test(longest_segments),
        cmocka_unit_test(photoshop),
        cmocka_unit_test(texts_of_other_programs),
        cmocka_unit_test(inflated_with_a_bound),
        cmocka_unit_test(damage),
        cmocka_unit_test(copies_are_bounded),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
