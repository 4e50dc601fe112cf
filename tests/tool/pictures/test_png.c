/* PNG files: kinds and depths, what a chunk says, damage. */
#include "made_png.h"

static void png_kinds(void **state) {
    static const uint8_t rows[2][12] = { { 0x1b, 0x80, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 }, { 0xe4, 0x7f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 } };
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
        for (i = 0; i < 36; i++) assert_int_equal(s[i], rows[i / 18][i % 18 / 3 * 2] << 8 | rows[i / 18][i % 18 / 3 * 2 + 1]);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_kinds),
        cmocka_unit_test(interlaced_rows),
        cmocka_unit_test(sizes_are_checked),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
