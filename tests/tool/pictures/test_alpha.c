/* Alpha: read of every form of PNG, written into every format that holds it and read back, with its pixels turned. */
#include "made_png.h"

#include <tiffio.h>

#include "pictures/formats.h"

/* A PNG of 2 x 2 pixels, of which the first row's second one is half opaque and the second row's first one not at all;
   the opaque ones are first and last. */
static const uint8_t shares[4] = { 255, 128, 0, 255 };

static void every_png(void **state) {
    static const struct {
        int kind, bits, channels;
    } kinds[] = { { PNG_COLOR_TYPE_RGB_ALPHA, 8, 4 }, { PNG_COLOR_TYPE_RGB_ALPHA, 16, 4 },
                  { PNG_COLOR_TYPE_GRAY_ALPHA, 8, 2 }, { PNG_COLOR_TYPE_GRAY_ALPHA, 16, 2 } };
    int interlace;
    size_t i, k;
    (void)state;
    for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (interlace = 0; interlace < 2; interlace++) {
            const size_t channels = (size_t)kinds[i].channels, size = (size_t)kinds[i].bits / 8;
            uint8_t rows[4 * 4 * 2];
            png_recipe r;
            picture p;
            memset(&r, 0, sizeof r);
            r.kind = kinds[i].kind;
            r.bits = kinds[i].bits;
            r.interlace = interlace;
            for (k = 0; k < 4 * channels * size; k++) /* 16 bits: both bytes of a sample alike */
                rows[k] = (uint8_t)(k / size % channels == channels - 1 ? shares[k / size / channels]
                                                                       : 10 + k / size / channels);
            p = read_png(&r, 2, 2, rows, 2 * channels * size, 0);
            assert_non_null(p.alpha);
            assert_memory_equal(p.alpha, shares, 4);
            for (k = 0; k < 12; k++) {
                const unsigned want = (unsigned)(10 + k / 3);
                if (size == 1) assert_int_equal(((uint8_t *)p.image.data)[k], want);
                else assert_int_equal(((uint16_t *)p.image.data)[k], want * 257);
            }
            picture_free(&p);
        }
}

/* A palette's, and a colour that stands for nothing. */
static void transparent_entries(void **state) {
    static const uint8_t indexes[2] = { 0x1b, 0 }; /* entries 0 to 3, then 0 */
    static const uint8_t want[8] = { 0, 100, 255, 255, 0, 0, 0, 0 };
    png_recipe r;
    picture p;
    (void)state;
    memset(&r, 0, sizeof r);
    r.kind = PNG_COLOR_TYPE_PALETTE;
    r.bits = 2;
    r.palette_alpha = 1;
    p = read_png(&r, 4, 2, indexes, 1, 0);
    assert_memory_equal(p.alpha, want, 8);
    assert_memory_equal(p.image.data, "\1\2\3\372\0\11\0\200\100", 9);
    picture_free(&p);
}

/* Opaque pixels are as good as those without alpha. */
static void opaque(void **state) {
    static const uint8_t rows[8] = { 1, 2, 3, 255, 4, 5, 6, 255 };
    png_recipe r;
    picture p;
    (void)state;
    memset(&r, 0, sizeof r);
    r.kind = PNG_COLOR_TYPE_RGB_ALPHA;
    r.bits = 8;
    p = read_png(&r, 2, 1, rows, 8, 0);
    assert_null(p.alpha);
    picture_free(&p);
}

/* Rows with a fourth channel for who asks, whole or in parts. */
static void rows_of_four(void **state) {
    static const uint8_t want[16] = { 9, 8, 7, 255, 6, 5, 4, 128, 3, 2, 1, 0, 0, 1, 2, 255 };
    uint8_t got[16];
    int interlace, ask;
    (void)state;
    for (interlace = 0; interlace < 2; interlace++)
        for (ask = 0; ask < 2; ask++) {
            const char *path = in_folder("a.png");
            const size_t row = ask ? 8 : 6;
            png_recipe r;
            picture_rows *rows;
            uint8_t *bytes;
            size_t size, i;
            uint32_t width, height;
            char error[256];
            memset(&r, 0, sizeof r);
            r.kind = PNG_COLOR_TYPE_RGB_ALPHA;
            r.bits = 8;
            r.interlace = interlace;
            make_png(path, &r, 2, 2, want, 8);
            assert_int_equal(file_read(path, &bytes, &size, error), 0);
            rows = picture_rows_open(bytes, size, "x", GMLP_SRGB, &width, &height, error);
            assert_non_null(rows);
            if (ask) assert_int_equal(picture_rows_alpha(rows), 4);
            assert_int_equal(picture_rows_read(rows, got, 1, error), 0);
            assert_int_equal(picture_rows_read(rows, got + row, 1, error), 0);
            picture_rows_close(rows);
            for (i = 0; i < 2 * row; i++) assert_int_equal(got[i], want[ask ? i : i / 3 * 4 + i % 3]);
            free(bytes);
            unlink(path);
        }
}

static void *shares_of(size_t n) {
    uint8_t *alpha = (uint8_t *)malloc(n);
    size_t i;
    for (i = 0; i < n; i++) alpha[i] = (uint8_t)(i * 37 % 256);
    return alpha;
}

/* Every format that holds alpha, every type that it holds; others have none. */
static void there_and_back(void **state) {
    static const struct {
        const char *name;
        int type, space;
        const char *const *missing;
    } cases[] = { { "a.png", GMLP_U8, GMLP_SRGB, NULL },          { "a.png", GMLP_U16, GMLP_PROPHOTO, NULL },
                  { "a.tif", GMLP_U8, GMLP_P3, NULL },            { "a.tif", GMLP_U16, GMLP_PROPHOTO, NULL },
                  { "a.tif", GMLP_F16, GMLP_PROPHOTO_LINEAR, NULL },
                  { "a.tif", GMLP_F32, GMLP_PROPHOTO_LINEAR, NULL },
                  { "a.exr", GMLP_F16, GMLP_ACESCG, &exr_missing }, { "a.exr", GMLP_F32, GMLP_ACESCG, &exr_missing },
                  { "a.jxl", GMLP_U8, GMLP_SRGB, &jxl_missing },  { "a.jxl", GMLP_U16, GMLP_PROPHOTO, &jxl_missing },
                  { "a.jxl", GMLP_F32, GMLP_REC2020_LINEAR, &jxl_missing },
                  { "a.avif", GMLP_U16, GMLP_P3, &avif_missing }, { "a.jpg", GMLP_U8, GMLP_SRGB, NULL },
                  { "a.ppm", GMLP_U16, GMLP_SRGB, NULL } };
    enum { WIDTH = 21, HEIGHT = 18, PIXELS = WIDTH * HEIGHT };
    uint8_t *alpha = (uint8_t *)shares_of(PIXELS);
    int four;
    size_t i, k, c;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++)
        for (four = 0; four < 2; four++) { /* as a fourth channel, or by itself */
            const char *path = in_folder(cases[i].name);
            gmlp_image image = test_image(WIDTH, HEIGHT, cases[i].type, cases[i].space), rgba = image;
            picture_write_opts opts;
            picture p;
            char error[256];
            if (cases[i].missing && *cases[i].missing) {
                free(image.data);
                continue;
            }
            memset(&opts, 0, sizeof opts);
            rgba.channels = 4;
            rgba.data = malloc(PIXELS * gmlp_pixel_size(image.type, 4));
            assert_int_equal(gmlp_convert(&image, &rgba, NULL), GMLP_OK);
            alpha_put(image.type, alpha, PIXELS, rgba.data);
            if (!four) opts.alpha = alpha;
            if (picture_write(path, four ? &rgba : &image, &opts, error)) fail_msg("%s", error);
            if (strcmp(cases[i].name, "a.avif") || !heif_missing) {
                if (picture_read(path, 0, 0, &p, error)) fail_msg("%s", error);
                assert_int_equal(p.alpha != NULL, picture_holds_alpha(path));
                if (p.alpha) assert_memory_equal(p.alpha, alpha, PIXELS);
                assert_int_equal(p.image.type, image.type);
                for (k = 0; k < PIXELS && p.alpha && strcmp(cases[i].name, "a.exr") && strcmp(cases[i].name, "a.avif"); k++)
                    assert_memory_equal((uint8_t *)p.image.data + k * gmlp_pixel_size(image.type, 3),
                                        (uint8_t *)image.data + k * gmlp_pixel_size(image.type, 3),
                                        gmlp_pixel_size(image.type, 3));
                for (k = 0; k < PIXELS && !strcmp(cases[i].name, "a.exr"); k++) /* multiplied, and divided again */
                    for (c = 0; c < 3 && alpha[k]; c++) {
                        const size_t at = 3 * k + c;
                        const int half = image.type == GMLP_F16;
                        const double want = (double)(half ? gmlp_half_to_float(((uint16_t *)image.data)[at])
                                                          : ((float *)image.data)[at]);
                        const double got = (double)(half ? gmlp_half_to_float(((uint16_t *)p.image.data)[at])
                                                         : ((float *)p.image.data)[at]);
                        if (fabs(got - want) > (half ? 2e-3 : 1e-6) * fabs(want) + (half ? 2e-5 / alpha[k] * 255 : 0))
                            fail_msg("pixel %zu: %g, not %g", k, got, want);
                    }
                picture_free(&p);
            }
            unlink(path);
            free(rgba.data);
            free(image.data);
        }
    free(alpha);
}

/* What other programs read in a TIFF: straight alpha. */
static void said_in_a_tiff(void **state) {
    const char *path = in_folder("a.tif");
    gmlp_image image = test_image(2, 2, GMLP_U16, GMLP_SRGB);
    picture_write_opts opts;
    uint16_t count = 0, samples = 0, *kinds = NULL;
    char error[256];
    TIFF *t;
    (void)state;
    memset(&opts, 0, sizeof opts);
    opts.alpha = shares;
    assert_int_equal(picture_write(path, &image, &opts, error), 0);
    t = TIFFOpen(path, "r");
    assert_int_equal(TIFFGetField(t, TIFFTAG_EXTRASAMPLES, &count, &kinds), 1);
    assert_true(count == 1 && kinds[0] == EXTRASAMPLE_UNASSALPHA);
    TIFFGetField(t, TIFFTAG_SAMPLESPERPIXEL, &samples);
    assert_int_equal(samples, 4);
    TIFFClose(t);
    unlink(path);
    free(image.data);
}

static void multiplied(void **state) {
    float light[8] = { 1, -2, 0.5f, 0.25f, 3, 3, 3, 0 };
    static const float want[8] = { 0.25f, -0.5f, 0.125f, 0.25f, 0, 0, 0, 0 };
    uint16_t half[4];
    int i;
    (void)state;
    for (i = 0; i < 4; i++) half[i] = gmlp_half_from_float(light[i]);
    alpha_multiply(GMLP_F32, light, 2);
    alpha_multiply(GMLP_F16, half, 1);
    assert_memory_equal(light, want, sizeof want);
    for (i = 0; i < 4; i++) assert_true(gmlp_half_to_float(half[i]) == want[i]);
}

/* 16-bit and light alpha to the nearest code. */
static void codes(void **state) {
    static const uint16_t wide[4] = { 0, 65535, 128, 129 };
    static const float light[6] = { -1, 0.5f, 2, NAN, INFINITY, 1 / 255.0f };
    uint8_t got[6];
    (void)state;
    alpha_codes(GMLP_U16, wide, 4, got);
    assert_memory_equal(got, "\0\377\0\1", 4);
    alpha_codes(GMLP_F32, light, 6, got);
    assert_memory_equal(got, "\0\200\377\377\377\1", 6);
}

/* It turns as the pixels do. */
static void turned(void **state) {
    int orientation;
    size_t i;
    (void)state;
    for (orientation = 1; orientation <= 8; orientation++) {
        picture p;
        char error[256];
        memset(&p, 0, sizeof p);
        p.image = test_image(5, 3, GMLP_U8, GMLP_SRGB);
        p.alpha = (uint8_t *)malloc(15);
        for (i = 0; i < 15; i++) p.alpha[i] = ((uint8_t *)p.image.data)[3 * i];
        assert_int_equal(picture_turn(&p, orientation, error), 0);
        for (i = 0; i < 15; i++) assert_int_equal(p.alpha[i], ((uint8_t *)p.image.data)[3 * i]);
        assert_int_equal(p.image.width, orientation < 5 ? 5 : 3);
        picture_free(&p);
    }
}

static void no_place(void **state) {
    gmlp_image image = test_image(2, 2, GMLP_U8, GMLP_SRGB);
    char error[256];
    FILE *f = tmpfile();
    (void)state;
    image.channels = 4;
    assert_null(picture_sink_open("a.jpg", f, &image, NULL, error));
    assert_non_null(strstr(error, "cannot hold alpha"));
    fclose(f);
    free(image.data);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_png), cmocka_unit_test(transparent_entries),
                                        cmocka_unit_test(opaque),    cmocka_unit_test(rows_of_four),
                                        cmocka_unit_test(there_and_back), cmocka_unit_test(said_in_a_tiff),
                                        cmocka_unit_test(multiplied), cmocka_unit_test(codes),
                                        cmocka_unit_test(turned),    cmocka_unit_test(no_place) };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
