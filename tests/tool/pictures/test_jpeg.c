/* JPEG files: quality and subsampling, kinds, damage. */
#include "made_exif.h"
#include "made_icc.h"

#include <jpeglib.h>

static void jpeg_there_and_back(void **state) {
    gmlp_image image = smooth_image(50, 40);
    picture_write_opts opts = { 0, 0, 0, NULL, 0, NULL };
    size_t sizes[3], i;
    (void)state;
    for (i = 0; i < 3; i++) {
        uint8_t *bytes;
        picture back;
        char error[256];
        opts.quality = i == 2 ? 50 : 0;
        opts.subsample = i == 1;
        assert_int_equal(picture_encode_memory(GMLP_CONTAINER_JPEG, &image, &opts, &bytes, &sizes[i], error), 0);
        assert_int_equal(picture_read_memory(bytes, sizes[i], "x", GMLP_SPACE_NONE, &back, error), 0);
        assert_string_equal(back.space_from, "ICC profile");
        assert_int_equal(back.image.space, GMLP_SRGB);
        assert_int_equal(back.image.type, GMLP_U8);
        assert_true(largest_difference(&image, &back.image) <= (i == 2 ? 24 : 6));
        picture_free(&back);
        free(bytes);
    }
    assert_true(sizes[1] < sizes[0] && sizes[2] < sizes[1]);
    free(image.data);
}

static void jpeg_kinds(void **state) {
    static const J_COLOR_SPACE spaces[] = { JCS_GRAYSCALE, JCS_CMYK };
    int i;
    (void)state;
    for (i = 0; i < 2; i++) {
        struct jpeg_compress_struct j;
        struct jpeg_error_mgr errors;
        unsigned char *bytes = NULL, row[8 * 4];
        unsigned long size = 0;
        JSAMPROW pointer = row;
        picture p;
        char error[256];
        memset(row, 128, sizeof row);
        j.err = jpeg_std_error(&errors);
        jpeg_create_compress(&j);
        jpeg_mem_dest(&j, &bytes, &size);
        j.image_width = 8;
        j.image_height = 3;
        j.input_components = i ? 4 : 1;
        j.in_color_space = spaces[i];
        jpeg_set_defaults(&j);
        jpeg_simple_progression(&j);
        jpeg_start_compress(&j, TRUE);
        while (j.next_scanline < j.image_height) jpeg_write_scanlines(&j, &pointer, 1);
        jpeg_finish_compress(&j);
        jpeg_destroy_compress(&j);
        if (i) {
            assert_int_equal(picture_read_memory(bytes, size, "x", 0, &p, error), -1);
            assert_non_null(strstr(error, "CMYK"));
        } else {
            assert_int_equal(picture_read_memory(bytes, size, "x", 0, &p, error), 0);
            assert_int_equal(((uint8_t *)p.image.data)[71], 128);
            assert_string_equal(p.space_from, "assumed");
            picture_free(&p);
        }
        free(bytes);
    }
}

/* The colours that a JPEG stores, without the way to RGB and back. */

/* A few codes lie where no RGB does. */
static gmlp_image sycc_image(uint32_t width, uint32_t height) {
    gmlp_image image = smooth_image(width, height);
    image.space = GMLP_SYCC;
    return image;
}

static void sycc_there_and_back(void **state) {
    static const int subsample[3] = { PICTURE_444, PICTURE_422, PICTURE_420 };
    gmlp_image image = sycc_image(51, 41);
    size_t sizes[3], i, n;
    (void)state;
    for (i = 0; i < 3; i++) {
        const picture_write_opts opts = { 100, subsample[i], 0, NULL, 0, NULL };
        picture back, shown;
        picture_rows *rows;
        gmlp_image rgb;
        uint32_t width, height;
        uint8_t *bytes, *got;
        char error[256];
        assert_int_equal(picture_encode_memory(GMLP_CONTAINER_JPEG, &image, &opts, &bytes, &sizes[i], error), 0);
        assert_int_equal(picture_read_memory(bytes, sizes[i], "x", GMLP_SYCC, &back, error), 0);
        assert_int_equal(back.image.space, GMLP_SYCC);
        assert_true(largest_difference(&image, &back.image) <= 2);
        /* Other readers see sRGB: the same picture, clipped. */
        assert_int_equal(picture_read_memory(bytes, sizes[i], "x", GMLP_SPACE_NONE, &shown, error), 0);
        assert_int_equal(shown.image.space, GMLP_SRGB);
        assert_string_equal(shown.space_from, "ICC profile");
        rgb = shown.image;
        got = (uint8_t *)malloc(image_bytes(&rgb));
        rgb.data = got;
        assert_int_equal(gmlp_convert(&back.image, &rgb, NULL), GMLP_OK);
        assert_true(largest_difference(&rgb, &shown.image) <= 1);
        for (n = 0; n < image_bytes(&rgb) && got[n]; n++) {}
        assert_true(n < image_bytes(&rgb));
        rows = picture_rows_open(bytes, sizes[i], "x", GMLP_SYCC, &width, &height, error);
        assert_non_null(rows);
        assert_int_equal(picture_rows_read(rows, got, height, error), 0);
        picture_rows_close(rows);
        assert_memory_equal(got, back.image.data, image_bytes(&back.image));
        free(got);
        picture_free(&back);
        picture_free(&shown);
        free(bytes);
    }
    assert_true(sizes[1] < sizes[0] && sizes[2] < sizes[1]);
    free(image.data);
}

static void refuse_sycc(const void *bytes, size_t size, const char *part) {
    picture p;
    picture_rows *rows;
    uint32_t width, height;
    char error[256] = "", of_rows[256] = "";
    assert_int_equal(picture_read_memory(bytes, size, "x", GMLP_SYCC, &p, error), -1);
    if (!strstr(error, part)) fail_msg("'%s' does not say '%s'", error, part);
    rows = picture_rows_open(bytes, size, "x", GMLP_SYCC, &width, &height, of_rows);
    assert_null(rows);
    assert_string_equal(of_rows, error);
}

static void files_without_sycc(void **state) {
    gmlp_image image = sycc_image(8, 8);
    int channels;
    uint8_t *png;
    size_t png_size;
    char error[256];
    (void)state;
    for (channels = 1; channels <= 3; channels += 2) { /* grey, RGB */
        struct jpeg_compress_struct j;
        struct jpeg_error_mgr errors;
        unsigned char *bytes = NULL, row[8 * 3] = { 0 };
        unsigned long size = 0;
        JSAMPROW pointer = row;
        picture p;
        j.err = jpeg_std_error(&errors);
        jpeg_create_compress(&j);
        jpeg_mem_dest(&j, &bytes, &size);
        j.image_width = j.image_height = 8;
        j.input_components = channels;
        j.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
        jpeg_set_defaults(&j);
        jpeg_set_colorspace(&j, j.in_color_space);
        jpeg_start_compress(&j, TRUE);
        while (j.next_scanline < j.image_height) jpeg_write_scanlines(&j, &pointer, 1);
        jpeg_finish_compress(&j);
        jpeg_destroy_compress(&j);
        assert_int_equal(picture_read_memory(bytes, size, "x", 0, &p, error), 0);
        picture_free(&p);
        refuse_sycc(bytes, size, channels == 1 ? "x: JPEG: stored as grey" : "x: JPEG: stored as RGB");
        free(bytes);
    }
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_PNG, &image, NULL, &png, &png_size, error), -1);
    assert_non_null(strstr(error, "cannot hold Y'CbCr"));
    assert_int_equal(picture_write(in_folder("x.tif"), &image, NULL, error), -1); /* and leaves nothing in the folder */
    assert_non_null(strstr(error, "cannot hold Y'CbCr"));
    image.space = GMLP_SRGB;
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_PNG, &image, NULL, &png, &png_size, error), 0);
    refuse_sycc(png, png_size, "x: holds no Y'CbCr");
    free(png);
    free(image.data);
}

/* JPEG files with markers of all kinds, made with libjpeg itself. */

typedef struct jpeg_marker {
    int app;
    const void *data;
    size_t size;
} jpeg_marker;

typedef struct jpeg_made {
    unsigned char *bytes;
    unsigned long size;
} jpeg_made;

/* Columns rise by `rise`. */
static jpeg_made make_rising(uint32_t rise, uint32_t width, uint32_t height, int channels, const jpeg_scan_info *scans,
                             int scan_count, const jpeg_marker *markers, size_t count) {
    struct jpeg_compress_struct j;
    struct jpeg_error_mgr errors;
    jpeg_made made = { NULL, 0 };
    unsigned char *row = (unsigned char *)malloc((size_t)width * 3);
    uint32_t x;
    size_t i;
    j.err = jpeg_std_error(&errors);
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &made.bytes, &made.size);
    j.image_width = width;
    j.image_height = height;
    j.input_components = channels;
    j.in_color_space = channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(&j);
    j.scan_info = scans;
    j.num_scans = scan_count;
    jpeg_start_compress(&j, TRUE);
    for (i = 0; i < count; i++)
        jpeg_write_marker(&j, JPEG_APP0 + markers[i].app, (const JOCTET *)markers[i].data,
                          (unsigned int)markers[i].size);
    for (x = 0; x < width * (uint32_t)channels; x++) row[x] = (unsigned char)(40 + rise * x % 160);
    while (j.next_scanline < j.image_height) jpeg_write_scanlines(&j, &row, 1);
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    free(row);
    return made;
}

static jpeg_made make_jpeg(uint32_t width, uint32_t height, int channels, const jpeg_scan_info *scans, int scan_count,
                           const jpeg_marker *markers, size_t count) {
    return make_rising(1, width, height, channels, scans, scan_count, markers, count);
}

static picture read_made(const jpeg_made *made) {
    picture p;
    char error[256];
    if (picture_read_memory(made->bytes, made->size, "x", 0, &p, error)) fail_msg("%s", error);
    return p;
}

static void refuse_made(const void *bytes, size_t size, const char *part) {
    uint8_t *exact = (uint8_t *)malloc(size);
    picture p;
    char error[256] = "";
    memcpy(exact, bytes, size);
    assert_int_equal(picture_read_memory(exact, size, "x", 0, &p, error), -1);
    if (!strstr(error, part)) fail_msg("'%s' does not say '%s'", error, part);
    free(exact);
}

/* What the markers say. */

static void exif_says_the_space(void **state) {
    static const struct {
        int color_space;
        const char *option;
        int space;
        const char *from, *note;
    } known[] = { { 0xffff, "R03", GMLP_ADOBERGB, "EXIF", "" }, { 1, "R98", GMLP_SRGB, "EXIF", "" },
                  { 0xffff, NULL, GMLP_SRGB, "assumed", "not in sRGB" } };
    size_t i, n;
    uint8_t marker[300] = "Exif\0";
    cmsUInt32Number icc_size;
    uint8_t *icc = (uint8_t *)make_icc(xy_p3, 1, &icc_size);
    (void)state;
    for (i = 0; i < sizeof known / sizeof *known; i++)
        for (n = 1; n <= 2; n++) { /* a profile overrules EXIF */
            const exif_made e = make_exif((int)i & 1, 0, known[i].color_space, known[i].option);
            uint8_t head[1000] = "ICC_PROFILE\0\1\1";
            jpeg_marker markers[2];
            jpeg_made made;
            picture p;
            memcpy(marker + 6, e.bytes, e.size);
            memcpy(head + 14, icc, icc_size);
            markers[0].app = 1;
            markers[0].data = marker;
            markers[0].size = e.size + 6;
            markers[1].app = 2;
            markers[1].data = head;
            markers[1].size = icc_size + 14;
            made = make_jpeg(8, 8, 3, NULL, 0, markers, n);
            p = read_made(&made);
            assert_int_equal(p.image.space, n == 2 ? GMLP_P3_LINEAR : known[i].space);
            assert_string_equal(p.space_from, n == 2 ? "ICC profile" : known[i].from);
            if (n == 2) assert_string_equal(p.notes, "");
            else assert_non_null(strstr(p.notes, known[i].note));
            assert_string_equal(p.left, "");
            picture_free(&p);
            free(made.bytes);
        }
    free(icc);
}

/* A profile in chunks with these numbers, of which the parts are those named by letters: "a1 b2" is as it should be. */
static jpeg_made with_chunks(const char *chunks, const uint8_t *icc, size_t size, const uint8_t *other) {
    static uint8_t data[8][2000];
    jpeg_marker markers[8];
    size_t count = 0;
    for (; *chunks; chunks += chunks[2] ? 3 : 2, count++) {
        const int part = chunks[0];
        const size_t half = size / 2, from = part == 'b' ? half : 0, to = part == 'a' ? half : size;
        memcpy(data[count], "ICC_PROFILE", 12);
        data[count][12] = (uint8_t)(chunks[1] - '0');
        data[count][13] = 2;
        memcpy(data[count] + 14, (part == 'x' ? other : icc) + from, to - from); /* w: whole */
        markers[count].app = 2;
        markers[count].data = data[count];
        markers[count].size = 14 + to - from;
    }
    return make_jpeg(8, 8, 3, NULL, 0, markers, count);
}

/* Not even the beginning of a profile; its first bytes would be a length far beyond it. */
static void no_profile(void **state) {
    static const jpeg_marker marker = { 2, "ICC_PROFILE\0\1\1\0\0\1\0profile", 25 };
    jpeg_made made = make_jpeg(8, 8, 3, NULL, 0, &marker, 1);
    (void)state;
    refuse_made(made.bytes, made.size, "its ICC profile is damaged");
    free(made.bytes);
}

static void profiles_in_chunks(void **state) {
    static const char *const good[] = { "w1",       "a1 b2",       "b2 a1", "a0 b1", "a1 b1", "a2 b1",
                                        "a1 a1 b2", "a1 b2 a1 b2", "w1 w1", "w1 w2", "w0" };
    static const struct {
        const char *chunks, *error;
    } bad[] = { { "a1", "incomplete" },
                { "b2", "damaged" },
                { "a1 a1", "incomplete" },
                { "w1 x1", "two ICC profiles" },
                { "w1 x2", "two ICC" } };
    cmsUInt32Number size, other_size;
    uint8_t *icc = (uint8_t *)make_icc(xy_adobe, 563.0 / 256, &size),
            *other = (uint8_t *)make_icc(xy_p3, 563.0 / 256, &other_size);
    size_t i;
    (void)state;
    assert_int_equal(size, other_size);
    for (i = 0; i < sizeof good / sizeof *good; i++) {
        jpeg_made made = with_chunks(good[i], icc, size, other);
        picture p = read_made(&made);
        if (p.image.space != GMLP_ADOBERGB) fail_msg("%s: %s", good[i], gmlp_space_name(p.image.space));
        assert_string_equal(p.space_from, "ICC profile");
        picture_free(&p);
        free(made.bytes);
    }
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        jpeg_made made = with_chunks(bad[i].chunks, icc, size, other);
        picture p;
        char error[256];
        refuse_made(made.bytes, made.size, bad[i].error);
        assert_int_equal(picture_read_memory(made.bytes, made.size, "x", GMLP_P3, &p, error), 0); /* --from helps */
        picture_free(&p);
        free(made.bytes);
    }
    free(icc);
    free(other);
}

/* The end, and what lies behind it. */

static void cut_files(void **state) {
    static const jpeg_scan_info one_each[3] = { { 1, { 0 }, 0, 63, 0, 0 },
                                                { 1, { 1 }, 0, 63, 0, 0 },
                                                { 1, { 2 }, 0, 63, 0, 0 } };
    static const jpeg_scan_info refined[3] = { { 1, { 0 }, 0, 0, 0, 0 },
                                               { 1, { 0 }, 1, 63, 0, 1 },
                                               { 1, { 0 }, 1, 63, 1, 0 } };
    int kind;
    (void)state;
    for (kind = 0; kind < 3; kind++) { /* in one scan, in one a component, progressive */
        const jpeg_scan_info *scans = kind == 0 ? NULL : kind == 1 ? one_each : refined;
        jpeg_made made = make_jpeg(24, 24, kind == 2 ? 1 : 3, scans, kind ? 3 : 0, NULL, 0);
        picture whole = read_made(&made), p;
        unsigned long all = made.size, last = made.size;
        assert_string_equal(whole.notes, "");
        for (made.size = all - 2; made.size < all; made.size++) {
            p = read_made(&made);
            assert_string_equal(p.notes, "its end marker is missing; all pixels are there\n");
            assert_memory_equal(p.image.data, whole.image.data, image_bytes(&p.image));
            picture_free(&p);
        }
        refuse_made(made.bytes, all - 3, "ends too early");
        do last--;
        while (made.bytes[last] != 0xff || made.bytes[last + 1] != 0xda);
        if (kind == 1) { /* the last scan lacks: a component would be grey, end marker or not */
            made.bytes[last + 1] = 0xd9;
            refuse_made(made.bytes, last + 2, "ends too early");
        }
        if (kind) refuse_made(made.bytes, last, "ends too early");
        picture_free(&whole);
        free(made.bytes);
    }
}

static void behind_the_picture(void **state) {
    static const struct {
        const char *behind;
        size_t size;
        int mpf;
        const char *left;
    } known[] = { { "", 0, 0, "" },
                  { "\0\0\0\0", 4, 0, "" },
                  { "what is this", 12, 0, "what lies behind the picture is left out: 12 bytes\n" },
                  { "\0\0\0\x10" "ftypmp42....", 16, 0,
                    "what lies behind the picture is left out: a video, 16 bytes\n" },
                  { "\xff\xd8\xff\xe0.......", 11, 1,
                    "what lies behind the picture is left out: other pictures (MPF), 11 bytes\n" } };
    static const jpeg_marker mpf = { 2, "MPF\0MM\0*", 8 };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        jpeg_made made = make_jpeg(8, 8, 3, NULL, 0, &mpf, (size_t)known[i].mpf);
        picture p;
        made.bytes = (unsigned char *)realloc(made.bytes, made.size + known[i].size);
        memcpy(made.bytes + made.size, known[i].behind, known[i].size);
        made.size += known[i].size;
        p = read_made(&made);
        assert_string_equal(p.left, known[i].left);
        assert_string_equal(p.notes, "");
        picture_free(&p);
        free(made.bytes);
    }
}

static void metadata(void **state) {
    static const jpeg_marker markers[3] = { { 1, "Exif\0\0MM\0*\0\0\0\0", 14 },
                                            { 13, "Photoshop 3.0\0" "8BIM\4\4\0\0\0\0\0\6\034\2\5\0\1A", 32 },
                                            { 1, "http://ns.adobe.com/xap/1.0/\0<x/>", 33 } };
    size_t n;
    (void)state;
    for (n = 0; n <= 3; n++) {
        jpeg_made made = make_jpeg(8, 8, 3, NULL, 0, markers, n);
        picture p = read_made(&made);
        assert_string_equal(p.left, "");
        assert_int_equal(p.metadata.blocks[METADATA_EXIF].size, n > 0 ? 8 : 0);
        assert_int_equal(p.metadata.blocks[METADATA_IPTC].size, n > 1 ? 6 : 0);
        assert_int_equal(p.metadata.blocks[METADATA_XMP].size, n > 2 ? 4 : 0);
        picture_free(&p);
        free(made.bytes);
    }
}

/* Many scans. Each of the 63 coefficients comes in its highest bits and is refined a bit at a time. */
static void many_scans(void **state) {
    static jpeg_scan_info scans[1 + 63 * 9];
    jpeg_scan_info *s = scans + 1;
    jpeg_made made;
    picture p, plain;
    int k, bit;
    (void)state;
    scans[0].comps_in_scan = 1;
    for (k = 1; k < 64; k++)
        for (bit = 8; bit >= 0; bit--, s++) {
            s->comps_in_scan = 1;
            s->Ss = s->Se = k;
            s->Ah = bit == 8 ? 0 : bit + 1;
            s->Al = bit;
        }
    made = make_jpeg(16, 16, 1, scans, 1 + 63 * 9, NULL, 0);
    refuse_made(made.bytes, made.size, "more than 500 scans");
    free(made.bytes);
    for (k = 1, s = scans + 1; k < 64; k++) /* 1 + 63 * 7: odd, but read */
        for (bit = 6; bit >= 0; bit--, s++) {
            s->Ss = s->Se = k;
            s->Ah = bit == 6 ? 0 : bit + 1;
            s->Al = bit;
        }
    made = make_jpeg(16, 16, 1, scans, 1 + 63 * 7, NULL, 0);
    p = read_made(&made);
    free(made.bytes);
    made = make_jpeg(16, 16, 1, NULL, 0, NULL, 0);
    plain = read_made(&made);
    assert_memory_equal(p.image.data, plain.image.data, image_bytes(&plain.image));
    picture_free(&p);
    picture_free(&plain);
    free(made.bytes);
}

/* A scan of nothing costs a few bytes, and the time to go over all pixels. */
static void scans_of_nothing(void **state) {
    static const jpeg_scan_info two[2] = { { 1, { 0 }, 0, 0, 0, 0 }, { 1, { 0 }, 1, 63, 0, 0 } };
    jpeg_made made = make_rising(0, 4096, 4096, 1, two, 2, NULL, 0);
    picture p = read_made(&made);
    unsigned char *many;
    size_t last = made.size, scan, i;
    (void)state;
    picture_free(&p);
    do last--;
    while (made.bytes[last] != 0xff || made.bytes[last + 1] != 0xda);
    scan = made.size - 2 - last;
    assert_true(scan < 200);
    many = (unsigned char *)malloc(made.size + 400 * scan);
    memcpy(many, made.bytes, made.size);
    for (i = 0; i < 400; i++) memcpy(many + last + (i + 1) * scan, made.bytes + last, scan);
    memcpy(many + made.size + 400 * scan - 2, "\xff\xd9", 2);
    refuse_made(many, made.size + 400 * scan, "too many scans");
    free(many);
    for (i = 2; made.bytes[i + 1] != 0xc2;) i += 2 + ((size_t)made.bytes[i + 2] << 8 | made.bytes[i + 3]);
    made.bytes[i + 5] = made.bytes[i + 7] = 0xff; /* height and width of the same */
    refuse_made(made.bytes, made.size, "too short for its size in pixels");
    free(made.bytes);
}

static void other_depths(void **state) {
    jpeg_made made = make_jpeg(8, 8, 3, NULL, 0, NULL, 0);
    size_t i;
    (void)state;
    for (i = 2; made.bytes[i + 1] != 0xc0;) i += 2 + ((size_t)made.bytes[i + 2] << 8 | made.bytes[i + 3]);
    made.bytes[i + 4] = 12;
    refuse_made(made.bytes, made.size, "JPEG: 12-bit samples are not supported, 8-bit ones are");
    made.bytes[i + 4] = 8;
    made.bytes[i + 1] = 0xc5; /* other processes, by their frame's marker */
    refuse_made(made.bytes, made.size, "JPEG: hierarchical JPEG, which is not read here; a PNG or TIFF holds it");
    made.bytes[i + 1] = 0xcb;
    refuse_made(made.bytes, made.size, "JPEG: lossless JPEG, which");
    made.bytes[i + 1] = 0xf7;
    refuse_made(made.bytes, made.size, "JPEG: JPEG-LS, which");
    free(made.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_there_and_back),
        cmocka_unit_test(jpeg_kinds),
        cmocka_unit_test(sycc_there_and_back),
        cmocka_unit_test(files_without_sycc),
        cmocka_unit_test(exif_says_the_space),
        cmocka_unit_test(no_profile),
        cmocka_unit_test(profiles_in_chunks),
        cmocka_unit_test(cut_files),
        cmocka_unit_test(behind_the_picture),
        cmocka_unit_test(metadata),
        cmocka_unit_test(many_scans),
        cmocka_unit_test(scans_of_nothing),
        cmocka_unit_test(other_depths),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
