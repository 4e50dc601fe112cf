/* PNG files: kinds and depths, what a chunk says, damage. */
#include <sys/resource.h>

#include "made_exif.h"
#include "made_icc.h"
#include "made_png.h"

#include <zlib.h>

static void png_kinds(void **state) {
    static const uint8_t rows[2][12] = { { 0x1b, 0x80, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
                                         { 0xe4, 0x7f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 } };
    static const uint8_t palette[4][3] = { { 1, 2, 3 }, { 250, 0, 9 }, { 0, 128, 64 }, { 255, 255, 255 } };
    png_recipe r;
    picture p;
    uint8_t *b;
    uint16_t *s;
    int i, c, interlace;
    (void)state;
    for (interlace = 0; interlace < 2; interlace++) {
        memset(&r, 0, sizeof r);
        r.interlace = interlace ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE;
        r.bits = 2;
        r.kind = PNG_COLOR_TYPE_PALETTE; /* 0x1b = 0, 1, 2, 3 */
        r.palette_alpha = 1;
        p = read_png(&r, 4, 2, rows[0], 12, 0);
        assert_int_equal(p.image.type, GMLP_U8);
        assert_memory_equal(p.image.data, palette, 12);
        b = (uint8_t *)p.image.data + 12; /* 0xe4 = 3, 2, 1, 0 */
        for (i = 0; i < 4; i++) assert_memory_equal(b + 3 * i, palette[3 - i], 3);
        picture_free(&p);
        r.palette_alpha = 0;
        r.kind = PNG_COLOR_TYPE_GRAY;
        p = read_png(&r, 4, 2, rows[0], 12, 0);
        for (i = 0; i < 12; i++) assert_int_equal(((uint8_t *)p.image.data)[i], 85 * (i / 3));
        picture_free(&p);
        r.bits = 1;
        p = read_png(&r, 8, 1, rows[0], 12, 0);
        for (i = 0; i < 24; i++) assert_int_equal(((uint8_t *)p.image.data)[i], 0x1b >> (7 - i / 3) & 1 ? 255 : 0);
        picture_free(&p);
        r.bits = 16;
        p = read_png(&r, 6, 2, rows[0], 12, 0);
        assert_int_equal(p.image.type, GMLP_U16);
        s = (uint16_t *)p.image.data;
        for (i = 0; i < 36; i++)
            assert_int_equal(s[i], rows[i / 18][i % 18 / 3 * 2] << 8 | rows[i / 18][i % 18 / 3 * 2 + 1]);
        picture_free(&p);
        r.bits = 8;
        r.kind = PNG_COLOR_TYPE_RGB_ALPHA;
        p = read_png(&r, 3, 2, rows[0], 12, 0);
        b = (uint8_t *)p.image.data;
        for (i = 0; i < 6; i++)
            for (c = 0; c < 3; c++) assert_int_equal(b[3 * i + c], rows[i / 3][i % 3 * 4 + c]);
        picture_free(&p);
        r.kind = PNG_COLOR_TYPE_GRAY_ALPHA;
        p = read_png(&r, 6, 1, rows[0], 12, 0);
        for (i = 0; i < 18; i++) assert_int_equal(((uint8_t *)p.image.data)[i], rows[0][i / 3 * 2]);
        picture_free(&p);
        r.bits = 16;
        r.kind = PNG_COLOR_TYPE_RGB;
        p = read_png(&r, 2, 2, rows[0], 12, 0);
        s = (uint16_t *)p.image.data;
        for (i = 0; i < 12; i++) assert_int_equal(s[i], rows[i / 6][i % 6 * 2] << 8 | rows[i / 6][i % 6 * 2 + 1]);
        assert_string_equal(p.space_from, "assumed");
        picture_free(&p);
    }
}

static void interlaced_rows(void **state) {
    gmlp_image image = test_image(19, 21, GMLP_U8, GMLP_SRGB);
    const char *path = in_folder("a.png");
    png_recipe r;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 8;
    r.kind = PNG_COLOR_TYPE_RGB;
    r.interlace = PNG_INTERLACE_ADAM7;
    make_png(path, &r, 19, 21, (uint8_t *)image.data, 57);
    expect_rows_of(path);
    unlink(path);
    free(image.data);
}

static void sizes_are_checked(void **state) {
    gmlp_image image = test_image(3, 3, GMLP_U8, GMLP_SRGB);
    uint8_t *bytes, *row = (uint8_t *)calloc(70000, 1);
    size_t size;
    picture p;
    char error[256];
    png_recipe r;
    const char *path = in_folder("a.png");
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 8;
    r.kind = PNG_COLOR_TYPE_GRAY;
    make_png(path, &r, 70000, 1, row, 70000);
    expect_error(path, "PNG");
    free(row);
    unlink(path);
    /* a small file that promises 12 GB; the CRC of the header is not looked at before the size */
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_PNG, &image, NULL, &bytes, &size, error), 0);
    memset(bytes + 16, 0, 8);
    bytes[18] = bytes[19] = bytes[22] = bytes[23] = 0xff;
    assert_int_equal(picture_read_memory(bytes, size, "x", 0, &p, error), -1);
    free(bytes);
    free(image.data);
}

/* Chunks that libpng would not write. */

typedef struct png_made {
    uint8_t *bytes;
    size_t size;
} png_made;

static void put_number(uint8_t *p, uint32_t v) {
    int i;
    for (i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A chunk behind the header, or (at_end) before IEND. */
static void add_chunk(png_made *png, int at_end, const char *name, const void *data, size_t size) {
    const size_t at = at_end ? png->size - 12 : 33;
    uint8_t *p;
    png->bytes = (uint8_t *)realloc(png->bytes, png->size + size + 12);
    p = png->bytes + at;
    memmove(p + size + 12, p, png->size - at);
    put_number(p, (uint32_t)size);
    memcpy(p + 4, name, 4);
    memcpy(p + 8, data, size);
    put_number(p + 8 + size, (uint32_t)crc32(0, p + 4, (uInt)size + 4));
    png->size += size + 12;
}

/* 3 x 3 pixels of 8 bits. */
static png_made small_png(int kind) {
    gmlp_image image = test_image(3, 3, GMLP_U16, GMLP_SRGB);
    const char *path = in_folder("a.png");
    png_recipe r;
    png_made made;
    char error[256];
    memset(&r, 0, sizeof r);
    r.bits = 8;
    r.kind = kind;
    if (kind == PNG_COLOR_TYPE_PALETTE) memset(image.data, 0, image_bytes(&image));
    make_png(path, &r, 3, 3, (uint8_t *)image.data, 12);
    assert_int_equal(file_read(path, &made.bytes, &made.size, error), 0);
    unlink(path);
    free(image.data);
    return made;
}

/* Reads, and frees the bytes. */
static picture read_made(png_made made, int from) {
    picture p;
    char error[256];
    if (picture_read_memory(made.bytes, made.size, "x", from, &p, error)) fail_msg("%s", error);
    free(made.bytes);
    return p;
}

static void refuse_made(const png_made *made, const char *part) {
    uint8_t *exact = (uint8_t *)malloc(made->size);
    picture p;
    char error[256] = "";
    memcpy(exact, made->bytes, made->size);
    assert_int_equal(picture_read_memory(exact, made->size, "x", 0, &p, error), -1);
    if (!strstr(error, part)) fail_msg("'%s' does not say '%s'", error, part);
    free(exact);
}

static void expect_made(png_made made, int space, const char *from) {
    picture p = read_made(made, 0);
    if (p.image.space != space || strcmp(p.space_from, from))
        fail_msg("expected %s by %s, got %s by %s", gmlp_space_name(space), from, gmlp_space_name(p.image.space),
                 p.space_from);
    picture_free(&p);
}

/* An iCCP chunk's data. */
static size_t pack_profile(const void *icc, size_t size, uint8_t *to) {
    uLongf packed = 4000;
    memcpy(to, "a name\0", 8);
    assert_int_equal(compress(to + 8, &packed, (const Bytef *)icc, (uLong)size), Z_OK);
    return packed + 8;
}

static void profiles(void **state) {
    cmsUInt32Number size;
    uint8_t *icc = (uint8_t *)make_icc(xy_p3, 1, &size), packed[4008];
    const size_t length = pack_profile(icc, size, packed);
    static const int kinds[] = { PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                 PNG_COLOR_TYPE_PALETTE };
    png_made made;
    uint8_t longer[1000];
    size_t i, n;
    (void)state;
    for (i = 0; i < sizeof kinds / sizeof *kinds; i++) { /* libpng drops profiles of another kind than the pixels */
        made = small_png(kinds[i]);
        add_chunk(&made, 0, "iCCP", packed, length);
        expect_made(made, GMLP_P3_LINEAR, "ICC profile");
    }
    for (i = 0; i < 2; i++) { /* the sRGB chunk before it, or behind */
        made = small_png(PNG_COLOR_TYPE_RGB);
        if (i) add_chunk(&made, 0, "sRGB", "", 1);
        add_chunk(&made, 0, "iCCP", packed, length);
        if (!i) add_chunk(&made, 0, "sRGB", "", 1);
        expect_made(made, GMLP_P3_LINEAR, "ICC profile");
    }
    memcpy(longer, icc, size); /* more than the profile's own size: padding */
    memset(longer + size, 0, 100);
    made = small_png(PNG_COLOR_TYPE_RGB);
    add_chunk(&made, 0, "iCCP", packed, pack_profile(longer, size + 100, packed));
    expect_made(made, GMLP_P3_LINEAR, "ICC profile");
    pack_profile(icc, size, packed);
    for (n = 0; n < length; n++) { /* cut anywhere */
        made = small_png(PNG_COLOR_TYPE_RGB);
        add_chunk(&made, 0, "iCCP", packed, n);
        refuse_made(&made, "its ICC profile is damaged; say the colour space with --from");
        if (n % 100 == 7) {
            picture p = read_made(made, GMLP_ACESCG);
            assert_int_equal(p.image.space, GMLP_ACESCG);
            picture_free(&p);
        } else free(made.bytes);
    }
    made = small_png(PNG_COLOR_TYPE_RGB);
    add_chunk(&made, 0, "iCCP", packed, length);
    made.bytes[33 + 8 + 20] ^= 4; /* the chunk's checksum */
    refuse_made(&made, "its ICC profile is damaged");
    add_chunk(&made, 0, "cICP", "\14\15\0\1", 4); /* says it better */
    expect_made(made, GMLP_P3, "cICP");
    made = small_png(PNG_COLOR_TYPE_RGB);
    put_number(longer, 0x7fffffff); /* a profile that is not as long as it says */
    add_chunk(&made, 0, "iCCP", packed, pack_profile(longer, size, packed));
    refuse_made(&made, "its ICC profile is damaged");
    free(made.bytes);
    free(icc);
}

static void damaged_chunks(void **state) {
    static const char *const names[] = { "cICP", "gAMA", "cHRM" };
    static const uint8_t gamma[4] = { 0, 0, 0xb1, 0x8f }; /* 1 / 2.2 */
    size_t i;
    (void)state;
    for (i = 0; i < 6; i++) { /* of a wrong length; with a wrong checksum */
        png_made made = small_png(PNG_COLOR_TYPE_RGB);
        uint8_t data[33] = { 12, 13, 0, 1 };
        if (i % 3 == 2) add_chunk(&made, 0, "gAMA", gamma, 4);
        add_chunk(&made, 0, names[i % 3], data, (i % 3 == 2 ? 32 : 4) + (i < 3));
        if (i >= 3) made.bytes[33 + 8] ^= 1;
        refuse_made(&made, i % 3 == 0 ? "cICP chunk is damaged" : i % 3 == 1 ? "its gamma" : "its chromaticities");
        free(made.bytes);
    }
}

static void exif(void **state) {
    const exif_made e = make_exif(0, 0, 0xffff, "R03");
    int at_end;
    (void)state;
    for (at_end = 0; at_end < 2; at_end++) {
        png_made made = small_png(PNG_COLOR_TYPE_RGB);
        add_chunk(&made, at_end, "eXIf", e.bytes, e.size);
        expect_made(made, GMLP_ADOBERGB, "EXIF");
        made = small_png(PNG_COLOR_TYPE_RGB);
        add_chunk(&made, at_end, "eXIf", e.bytes, e.size);
        add_chunk(&made, 0, "sRGB", "", 1);
        expect_made(made, GMLP_SRGB, "sRGB chunk");
    }
}

static void notes(void **state) {
    static const struct {
        int kind, at_end;
        const char *chunk, *data;
        size_t size;
        const char *notes, *left;
    } known[] = {
        { PNG_COLOR_TYPE_RGB, 0, NULL, NULL, 0, "", "" },
        { PNG_COLOR_TYPE_RGB_ALPHA, 0, NULL, NULL, 0, "", "" },
        { PNG_COLOR_TYPE_GRAY_ALPHA, 0, NULL, NULL, 0, "", "" },
        { PNG_COLOR_TYPE_RGB, 0, "tRNS", "\0\1\0\2\0\3", 6, "", "" },
        { PNG_COLOR_TYPE_RGB, 0, "tEXt", "Title\0a title", 13, "", "" },
        { PNG_COLOR_TYPE_RGB, 1, "iTXt", "XML:com.adobe.xmp\0\0\0\0\0<x/>", 26, "", "" },
        { PNG_COLOR_TYPE_RGB, 0, "zTXt", "Raw profile type iptc\0\0x", 24, "",
          "its IPTC is not carried over: damaged, too long or of a kind that is not read\n" },
        { PNG_COLOR_TYPE_RGB, 0, "eXIf", "MM\0*\0\0\0\0", 8, "", "" },
        { PNG_COLOR_TYPE_RGB, 0, "acTL", "\0\0\0\2\0\0\0\0", 8, "", "of its animation the still picture is taken\n" }
    };
    png_made made;
    picture p;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        made = small_png(known[i].kind);
        if (known[i].chunk) add_chunk(&made, known[i].at_end, known[i].chunk, known[i].data, known[i].size);
        p = read_made(made, 0);
        assert_string_equal(p.notes, known[i].notes);
        assert_string_equal(p.left, known[i].left);
        picture_free(&p);
    }
    made = small_png(PNG_COLOR_TYPE_RGB);
    made.bytes = (uint8_t *)realloc(made.bytes, made.size + 5);
    memcpy(made.bytes + made.size, "stuff", 5);
    made.size += 5;
    p = read_made(made, 0);
    assert_string_equal(p.left, "what lies behind the picture is left out: 5 bytes\n");
    picture_free(&p);
}

/* libpng takes a transparent colour back when a palette follows it. */
static void palette_behind_transparency(void **state) {
    uint8_t row[3 * 4];
    png_made made = small_png(PNG_COLOR_TYPE_RGB);
    picture_rows *rows;
    uint32_t width, height, y;
    picture p;
    char error[256];
    (void)state;
    add_chunk(&made, 0, "PLTE", "\1\2\3", 3);
    add_chunk(&made, 0, "tRNS", "\0\1\0\2\0\3", 6);
    rows = picture_rows_open(made.bytes, made.size, "x", GMLP_SRGB, &width, &height, error);
    assert_non_null(rows);
    assert_in_range(picture_rows_alpha(rows), 3, 4);
    for (y = 0; y < height; y++) assert_int_equal(picture_rows_read(rows, row, 1, error), 0);
    picture_rows_close(rows);
    p = read_made(made, 0);
    assert_int_equal(p.image.width, 3);
    assert_string_equal(p.notes, "");
    picture_free(&p);
}

/* Texts are not inflated: these would take half a gigabyte. */
static void packed_texts(void **state) {
    enum { INFLATED = 7900000, TEXTS = 64 };
    uint8_t *text = (uint8_t *)malloc(INFLATED), packed[10000] = "a text\0";
    uLongf size = sizeof packed - 8;
    png_made made = small_png(PNG_COLOR_TYPE_RGB);
    struct rusage before, after;
    picture p;
    int i;
    (void)state;
    memset(text, 'x', INFLATED);
    assert_int_equal(compress(packed + 8, &size, text, INFLATED), Z_OK);
    free(text);
    for (i = 0; i < TEXTS; i++) add_chunk(&made, i & 1, "zTXt", packed, size + 8);
    getrusage(RUSAGE_SELF, &before);
    p = read_made(made, 0);
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 100000); /* KB */
    picture_free(&p);
}

/* Of what does not hold pixels, however long, none can come. */
static void too_short(void **state) {
    png_made made = small_png(PNG_COLOR_TYPE_GRAY);
    uint8_t *text = (uint8_t *)calloc(1000000, 1);
    (void)state;
    text[0] = 'a';
    add_chunk(&made, 0, "teXt", text, 1000000);
    put_number(made.bytes + 16, 20000);
    put_number(made.bytes + 20, 20000);
    put_number(made.bytes + 29, (uint32_t)crc32(0, made.bytes + 12, 17));
    refuse_made(&made, "too short for its size in pixels");
    free(made.bytes);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_kinds),
        cmocka_unit_test(interlaced_rows),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(profiles),
        cmocka_unit_test(damaged_chunks),
        cmocka_unit_test(exif),
        cmocka_unit_test(notes),
        cmocka_unit_test(palette_behind_transparency),
        cmocka_unit_test(packed_texts),
        cmocka_unit_test(too_short),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
