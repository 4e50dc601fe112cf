/* Picture files: every format and depth there and back, and damaged files. Files that the tool's own writers cannot
   make are made here with the format libraries themselves. */
#include "made.h"

#include <tiffio.h>

/* There and back. */

static void round_trip(const char *name, int type, int space, int space_read, const char *from) {
    gmlp_image image = test_image(37, 23, type, space);
    picture back;
    char error[256] = "";
    const char *path = in_folder(name);
    if (picture_write(path, &image, NULL, error)) fail_msg("%s", error);
    if (picture_read(path, GMLP_SPACE_NONE, 1, &back, error)) fail_msg("%s", error);
    if (back.image.space != space_read || strcmp(back.space_from, from))
        fail_msg("%s, %s: read as %s by %s", name, gmlp_space_name(space), gmlp_space_name(back.image.space), back.space_from);
    assert_int_equal(back.image.type, type);
    assert_int_equal(back.image.width, 37);
    assert_int_equal(back.image.height, 23);
    assert_memory_equal(back.image.data, image.data, image_bytes(&image));
    if (strstr(name, ".png")) { /* of which more than the picture is of use */
        assert_non_null(back.file);
        assert_true(back.file_size > 0);
    } else assert_null(back.file);
    picture_free(&back);
    free(image.data);
    unlink(path);
}

static void every_format_and_depth(void **state) {
    static const int spaces[] = { GMLP_SRGB, GMLP_P3, GMLP_ADOBERGB, GMLP_PROPHOTO, GMLP_REC2020, GMLP_REC2020_PQ, GMLP_REC2020_HLG,
                                  GMLP_ACES2065_1, GMLP_ACESCG, GMLP_REC709, GMLP_SRGB_LINEAR, GMLP_P3_LINEAR, GMLP_ADOBERGB_LINEAR,
                                  GMLP_PROPHOTO_LINEAR, GMLP_REC2020_LINEAR };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        const int s = spaces[i], hdr = s == GMLP_REC2020_PQ || s == GMLP_REC2020_HLG;
        const char *png = s == GMLP_SRGB ? "sRGB chunk" : hdr ? "cICP" : "ICC profile";
        round_trip("a.png", GMLP_U8, s, s, png);
        round_trip("a.png", GMLP_U16, s, s, png);
        round_trip("a.tif", GMLP_U8, s, s, "ICC profile");
        round_trip("a.tiff", GMLP_U16, s, s, "ICC profile");
        round_trip("a.TIF", GMLP_F16, s, s, "ICC profile");
        round_trip("a.tif", GMLP_F32, s, s, "ICC profile");
    }
    round_trip("a.ppm", GMLP_U8, GMLP_SRGB, GMLP_SRGB, "assumed");
    round_trip("a.ppm", GMLP_U16, GMLP_SRGB, GMLP_SRGB, "assumed");
}

/* Each space has a linear form that exists and has its primaries. */
static void linear_forms(void **state) {
    int space;
    (void)state;
    for (space = GMLP_SRGB; space <= GMLP_REC2020_LINEAR; space++) {
        double a[9], b[9];
        if (!gmlp_space_name(space)) continue;
        assert_true(gmlp_space_is_linear(picture_linear_space(space)));
        assert_int_equal(gmlp_space_to_xyz(space, a), GMLP_OK);
        assert_int_equal(gmlp_space_to_xyz(picture_linear_space(space), b), GMLP_OK);
        assert_memory_equal(a, b, sizeof a);
    }
}

static void equal_pictures_are_equal_files(void **state) {
    gmlp_image image = smooth_image(20, 10);
    uint8_t *a, *b;
    size_t a_size, b_size;
    char error[256];
    int c;
    (void)state;
    for (c = GMLP_CONTAINER_JPEG; c <= GMLP_CONTAINER_PNG; c++) {
        assert_int_equal(picture_encode_memory(c, &image, NULL, &a, &a_size, error), 0);
        assert_int_equal(picture_encode_memory(c, &image, NULL, &b, &b_size, error), 0);
        assert_int_equal(a_size, b_size);
        assert_memory_equal(a, b, a_size);
        free(a);
        free(b);
    }
    free(image.data);
}

/* Rows. */

static void rows_equal_whole(void **state) {
    static const char *const names[] = { "a.png", "a.jpg" };
    gmlp_image image = test_image(19, 21, GMLP_U8, GMLP_SRGB);
    char error[256];
    int i;
    (void)state;
    for (i = 0; i < 2; i++) {
        const char *path = in_folder(names[i]);
        assert_int_equal(picture_write(path, &image, NULL, error), 0);
        expect_rows_of(path);
        unlink(path);
    }
    free(image.data);
}

/* PPM that our writers do not make. */

static void pnm_kinds(void **state) {
    static const char grey[] = "P5 # a comment\n2\n# another\n1 255\n\x07\xff";
    static const char ten_bits[] = "P6\n1 2\n1023\n\x00\x00\x03\xff\x02\x00\x00\x01\x07\xff\x01\x00";
    static const uint8_t grey_pixels[6] = { 7, 7, 7, 255, 255, 255 };
    static const uint16_t wide_pixels[6] = { 0, 65535, 32800, 64, 65535, 16400 }; /* 65535 v / 1023, past the end: the end */
    picture p;
    char error[256];
    (void)state;
    assert_int_equal(picture_read_memory(grey, sizeof grey - 1, "x", 0, &p, error), 0);
    assert_int_equal(p.image.type, GMLP_U8);
    assert_memory_equal(p.image.data, grey_pixels, 6);
    picture_free(&p);
    assert_int_equal(picture_read_memory(ten_bits, sizeof ten_bits - 1, "x", 0, &p, error), 0);
    assert_int_equal(p.image.type, GMLP_U16);
    assert_memory_equal(p.image.data, wide_pixels, 12);
    picture_free(&p);
}

static void pnm_relatives(void **state) {
    static const char *const files[][2] = { { "P7\nWIDTH 1\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nENDHDR\n...", "PAM" },
                                            { "PF\n1 1\n-1.0\n............", "PFM" }, { "P3 1 1 255 1 2 3\n", "text" }, { "P4 8 1\n.", "single bits" } };
    picture p;
    char error[256];
    size_t i;
    (void)state;
    for (i = 0; i < sizeof files / sizeof *files; i++) {
        assert_int_equal(picture_read_memory(files[i][0], strlen(files[i][0]), "x", 0, &p, error), -1);
        if (!strstr(error, files[i][1])) fail_msg("'%s' does not say %s", error, files[i][1]);
    }
}

/* Damage. */

static void not_pictures(void **state) {
    char many[600];
    picture p;
    char error[256];
    const char *path = in_folder("a");
    (void)state;
    expect_error(in_folder("missing.png"), "No such file");
    expect_error(folder, "folder");
    write_bytes(path, "", 0);
    expect_error(path, "is empty");
    write_bytes(path, "hello", 5);
    expect_error(path, "is not a PNG, JPEG, TIFF, EXR, HEIC, AVIF, JPEG XL, Radiance HDR, PPM or KTX2 picture, nor a camera raw");
    unlink(path);
    memset(many, 'a', sizeof many); /* a long name does not hide the reason */
    many[599] = 0;
    assert_int_equal(picture_read_memory("hello", 5, many, 0, &p, error), -1);
    assert_non_null(strstr(error, "is not a PNG"));
}

static void sizes_are_checked(void **state) {
    static const char pnm[] = "P6 70000 1 255\n...";
    static const char endless[] = "P6 99999999999999999999 99999999999999999999 255\n...";
    static const char short_pnm[] = "P6 65535 65535 255\n...";
    picture p;
    char error[256];
    (void)state;
    assert_int_equal(picture_read_memory(pnm, sizeof pnm - 1, "x", 0, &p, error), -1);
    assert_non_null(strstr(error, "65535 x 65535 are supported"));
    assert_int_equal(picture_read_memory(endless, sizeof endless - 1, "x", 0, &p, error), -1);
    assert_int_equal(picture_read_memory(short_pnm, sizeof short_pnm - 1, "x", 0, &p, error), -1);
    assert_non_null(strstr(error, "end too early"));
}

/* Every beginning of a file is refused with a text (the last bytes that may be missing aside), and every flipped byte is
   survived. */
static void damage(const char *name, int type, int space, size_t spare) {
    gmlp_image image = test_image(9, 7, type, space);
    const char *path = in_folder(name);
    picture p;
    char error[256];
    uint8_t *bytes;
    size_t size, n;
    assert_int_equal(picture_write(path, &image, NULL, error), 0);
    assert_int_equal(file_read(path, &bytes, &size, error), 0);
    for (n = 0; n < size; n++) {
        uint8_t *cut = (uint8_t *)malloc(n ? n : 1); /* exactly so long: reading past it shows */
        memcpy(cut, bytes, n);
        error[0] = 0;
        if (!picture_read_memory(cut, n, "cut", 0, &p, error)) {
            if (n + spare < size) fail_msg("%s: %zu of %zu bytes are taken for a picture", name, n, size);
            picture_free(&p);
        } else assert_true(!strncmp(error, "cut: ", 5) && error[5]);
        free(cut);
    }
    for (n = 0; n < size; n++) {
        const uint8_t was = bytes[n];
        bytes[n] ^= (uint8_t)(1 + n % 255);
        error[0] = 0;
        if (!picture_read_memory(bytes, size, "cut", 0, &p, error)) picture_free(&p);
        else assert_true(!strncmp(error, "cut: ", 5) && error[5]);
        bytes[n] = was;
    }
    free(bytes);
    free(image.data);
    unlink(path);
}

static void damaged_files(void **state) {
    (void)state;
    damage("a.png", GMLP_U16, GMLP_PROPHOTO, 0);
    damage("a.jpg", GMLP_U8, GMLP_SRGB, 2); /* the end marker */
    damage("a.tif", GMLP_U16, GMLP_PROPHOTO, 0);
    damage("a.ppm", GMLP_U8, GMLP_SRGB, 0);
}

/* Writing fails cleanly. */
static void cannot_write(void **state) {
    gmlp_image image = test_image(4, 4, GMLP_U16, GMLP_PROPHOTO);
    char error[256];
    (void)state;
    assert_int_equal(picture_write(in_folder("missing/a.png"), &image, NULL, error), -1);
    assert_non_null(strstr(error, "does not exist"));
    assert_int_equal(picture_write(in_folder("a.jpg"), &image, NULL, error), -1);
    assert_non_null(strstr(error, "holds 8 bit samples"));
    assert_int_equal(picture_write(in_folder("a.gif"), &image, NULL, error), -1);
    assert_non_null(strstr(error, "must end in"));
    assert_int_equal(picture_write(folder, &image, NULL, error), -1);
    free(image.data);
}

/* A picture in memory is whole, or out of memory is said: whichever growth of its buffer fails. glibc, which does the
   last one in fclose, has no word for that. */
#if defined __GLIBC__ && !defined __clang__ && !defined __SANITIZE_ADDRESS__ /* the sanitizer has its own */
#define FAILS_REALLOC 1
void *__libc_realloc(void *old, size_t size);
static int grows, fails_at = -1;
void *realloc(void *old, size_t size) { return ++grows == fails_at ? NULL : __libc_realloc(old, size); }
#endif

static void no_memory_for_the_end(void **state) {
#ifdef FAILS_REALLOC
    gmlp_image image = smooth_image(200, 150);
    char error[256];
    int container, at, all;
    (void)state;
    for (container = GMLP_CONTAINER_JPEG; container <= GMLP_CONTAINER_PNG; container++)
        for (at = 0, all = 1; at <= all; at++) { /* at 0: counts */
            uint8_t *bytes = NULL;
            size_t size = 0;
            int bad;
            grows = 0;
            fails_at = at;
            bad = picture_encode_memory(container, &image, NULL, &bytes, &size, error);
            fails_at = -1;
            if (!at) all = grows;
            assert_int_equal(bad, at && at <= all ? -1 : 0);
            if (bad) assert_true(error[0]);
            else assert_non_null(bytes);
            free(bytes);
        }
    assert_true(all > 0);
    free(image.data);
#else
    (void)state;
    skip();
#endif
}

/* A letter F as each orientation stores it (EXIF 2.3, 4.6.4), turned upright and laid again. */
static void orientations(void **state) {
    static const char *const stored[8] = { "xx" "x " "xx" "x " "x ", "xx" " x" "xx" " x" " x", " x" " x" "xx" " x" "xx",
                                           "x " "x " "xx" "x " "xx", "xxxxx" "x x  ", "x x  " "xxxxx", "  x x" "xxxxx",
                                           "xxxxx" "  x x" };
    int orientation, i;
    (void)state;
    for (orientation = 1; orientation <= 8; orientation++) {
        picture p;
        char error[256];
        memset(&p, 0, sizeof p);
        p.image.width = orientation < 5 ? 2 : 5;
        p.image.height = orientation < 5 ? 5 : 2;
        p.image.type = GMLP_U8;
        p.image.data = malloc(30);
        p.orientation = orientation;
        for (i = 0; i < 30; i++) ((char *)p.image.data)[i] = stored[orientation - 1][i / 3];
        assert_int_equal(picture_upright(&p, error), 0);
        assert_int_equal(p.orientation, 1);
        assert_int_equal(p.image.width, 2);
        assert_int_equal(p.image.height, 5);
        for (i = 0; i < 30; i++) assert_int_equal(((char *)p.image.data)[i], stored[0][i / 3]);
        assert_int_equal(picture_lay(&p, orientation, error), 0);
        for (i = 0; i < 30; i++) assert_int_equal(((char *)p.image.data)[i], stored[orientation - 1][i / 3]);
        picture_free(&p);
    }
}

/* By the definition of each orientation, of sizes that bands of columns divide and of others. */
static void turns_of_any_size(void **state) {
    static const uint32_t sizes[][2] = { { 37, 23 }, { 23, 37 }, { 16, 9 }, { 7, 40 }, { 1, 11 }, { 64, 64 } };
    static const int types[] = { GMLP_U8, GMLP_U16, GMLP_F32 };
    size_t i, k;
    int orientation;
    (void)state;
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (k = 0; k < 3; k++)
            for (orientation = 1; orientation <= 8; orientation++) {
                const gmlp_image from = test_image(sizes[i][0], sizes[i][1], types[k], GMLP_SRGB);
                const size_t pixel = gmlp_pixel_size(types[k], 3);
                const int lies = orientation >= 5;
                picture p;
                char error[256];
                uint32_t x, y;
                memset(&p, 0, sizeof p);
                p.image = test_image(sizes[i][0], sizes[i][1], types[k], GMLP_SRGB);
                assert_int_equal(picture_turn(&p, orientation, error), 0);
                assert_int_equal(p.image.width, lies ? from.height : from.width);
                assert_int_equal(p.image.height, lies ? from.width : from.height);
                for (y = 0; y < from.height; y++)
                    for (x = 0; x < from.width; x++) {
                        const uint32_t right = from.width - 1 - x, bottom = from.height - 1 - y;
                        const uint32_t to[9][2] = { { 0, 0 }, { x, y }, { right, y }, { right, bottom }, { x, bottom },
                                                    { y, x }, { bottom, x }, { bottom, right }, { y, right } };
                        const size_t at = (size_t)to[orientation][1] * p.image.width + to[orientation][0];
                        if (memcmp((uint8_t *)p.image.data + at * pixel,
                                   (uint8_t *)from.data + ((size_t)y * from.width + x) * pixel, pixel))
                            fail_msg("%u x %u, type %d, orientation %d: column %u, row %u", from.width, from.height,
                                     types[k], orientation, x, y);
                    }
                picture_free(&p);
                free(from.data);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_and_depth),
        cmocka_unit_test(turns_of_any_size),
        cmocka_unit_test(linear_forms),
        cmocka_unit_test(equal_pictures_are_equal_files),
        cmocka_unit_test(rows_equal_whole),
        cmocka_unit_test(orientations),
        cmocka_unit_test(pnm_kinds),
        cmocka_unit_test(pnm_relatives),
        cmocka_unit_test(not_pictures),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(cannot_write),
        cmocka_unit_test(no_memory_for_the_end),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
