/* Camera raws: DNG files of a sensor that sees linear sRGB, made with libtiff. */
#include "made.h"

#include "pictures/formats.h"

#ifdef __has_include
#if __has_include(<libraw/libraw.h>)
#define RAW_FOUND
#endif
#endif

#ifndef RAW_FOUND

static void says_what_is_missing(void **state) {
    picture p;
    char error[256];
    (void)state;
    assert_int_equal(picture_read_memory("FUJIFILMCCD-RAW 0201", 20, "x", 0, &p, error), -1);
    assert_non_null(strstr(error, "no LibRaw"));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(says_what_is_missing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

#include <tiffio.h>

enum { SIDE = 64 };

/* Light in the four quarters; the white one, more than a hundredth of the pixels, lets brightness alone. */
static const double quarters[4][3] = { { 1, 1, 1 }, { 0.25, 0.25, 0.25 }, { 0.6, 0.2, 0.1 }, { 0.05, 0.3, 0.7 } };

typedef struct recipe {
    int orientation;
    double neutral[3]; /* the sensor's answer to white; 0: the file does not say it */
} recipe;

static const char *make_dng(const recipe *r) {
    static const uint8_t version[4] = { 1, 4, 0, 0 }, pattern[4] = { 0, 1, 1, 2 };
    static const uint16_t repeat[2] = { 2, 2 };
    /* XYZ to linear sRGB, IEC 61966-2-1 */
    static const float matrix[9] = { 3.2406f, -1.5372f, -0.4986f, -0.9689f, 1.8758f, 0.0415f, 0.0557f, -0.2040f, 1.0570f };
    const uint32_t white = 65535;
    const char *path = in_folder("a.dng");
    TIFF *t = TIFFOpen(path, "w");
    uint16_t row[SIDE];
    float neutral[3];
    int x, y, c;
    assert_non_null(t);
    TIFFSetField(t, TIFFTAG_SUBFILETYPE, 0);
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, SIDE);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, SIDE);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, 16);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(t, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_CFA);
    TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, SIDE);
    TIFFSetField(t, TIFFTAG_ORIENTATION, r->orientation);
    TIFFSetField(t, TIFFTAG_MAKE, "Maker");
    TIFFSetField(t, TIFFTAG_MODEL, "Camera");
    TIFFSetField(t, TIFFTAG_CFAREPEATPATTERNDIM, repeat);
    TIFFSetField(t, TIFFTAG_CFAPATTERN, 4, pattern);
    TIFFSetField(t, TIFFTAG_DNGVERSION, version);
    TIFFSetField(t, TIFFTAG_UNIQUECAMERAMODEL, "Camera");
    TIFFSetField(t, TIFFTAG_COLORMATRIX1, 9, matrix);
    TIFFSetField(t, TIFFTAG_CALIBRATIONILLUMINANT1, 21); /* D65 */
    TIFFSetField(t, TIFFTAG_WHITELEVEL, 1, &white);
    for (c = 0; c < 3; c++) neutral[c] = (float)r->neutral[c];
    if (r->neutral[0] > 0) TIFFSetField(t, TIFFTAG_ASSHOTNEUTRAL, 3, neutral);
    for (y = 0; y < SIDE; y++) {
        for (x = 0; x < SIDE; x++) {
            c = pattern[y % 2 * 2 + x % 2];
            row[x] = (uint16_t)(quarters[y / 32 * 2 + x / 32][c] * (r->neutral[0] > 0 ? r->neutral[c] : 1) * 65535 + 0.5);
        }
        assert_int_equal(TIFFWriteScanline(t, row, (uint32_t)y, 0), 1);
    }
    TIFFClose(t);
    return path;
}

static double romm_encode(double light) { return light < 1 / 512.0 ? 16 * light : pow(light, 1 / 1.8); }

/* The middle of each quarter; at[] says which quarter of the sensor is seen there. */
static void expect_quarters(const picture *p, const int at[4]) {
    /* sRGB to ROMM, white points joined by Bradford; rows sum to 1 */
    static const double m[9] = { 0.5293, 0.3301, 0.1406, 0.0984, 0.8735, 0.0282, 0.0169, 0.1177, 0.8655 };
    int i, c, k;
    assert_int_equal(p->image.width, SIDE);
    assert_int_equal(p->image.height, SIDE);
    assert_int_equal(p->image.type, GMLP_U16);
    assert_int_equal(p->image.space, GMLP_PROPHOTO);
    assert_string_equal(p->space_from, "camera raw");
    assert_int_equal(p->orientation, 1);
    for (i = 0; i < 4; i++)
        for (c = 0; c < 3; c++) {
            const size_t pixel = (size_t)(16 + i / 2 * 32) * SIDE + (size_t)(16 + i % 2 * 32);
            const double got = ((uint16_t *)p->image.data)[pixel * 3 + (size_t)c] / 65535.0;
            double want = 0;
            for (k = 0; k < 3; k++) want += m[3 * c + k] * quarters[at[i]][k];
            if (fabs(got - romm_encode(want)) > 0.004)
                fail_msg("quarter %d, channel %d: %g, not %g", i, c, got, romm_encode(want));
        }
}

static picture read_dng(const recipe *r) {
    const char *path = make_dng(r);
    picture p;
    char error[256];
    if (picture_read(path, 0, 0, &p, error)) fail_msg("%s", error);
    unlink(path);
    return p;
}

static const int upright[4] = { 0, 1, 2, 3 };

static int holds(const metadata_block *b, const char *text) {
    const size_t n = strlen(text) + 1;
    size_t i;
    for (i = 0; i + n <= b->size; i++)
        if (!memcmp(b->bytes + i, text, n)) return 1;
    return 0;
}

static void colours(void **state) {
    static const recipe plain = { 1, { 1, 1, 1 } };
    picture p = read_dng(&plain);
    (void)state;
    expect_quarters(&p, upright);
    assert_string_equal(p.notes, "");
    assert_string_equal(p.left, "");
    assert_true(holds(&p.metadata.blocks[METADATA_EXIF], "Maker")); /* its EXIF is taken */
    assert_true(holds(&p.metadata.blocks[METADATA_EXIF], "Camera"));
    picture_free(&p);
}

/* White is white, whatever the light was. */
static void white_balance(void **state) {
    static const recipe warm = { 1, { 0.5, 1, 0.8 } }, unsaid = { 1, { 0, 0, 0 } };
    picture p = read_dng(&warm);
    (void)state;
    expect_quarters(&p, upright);
    assert_string_equal(p.notes, "");
    picture_free(&p);
    p = read_dng(&unsaid);
    assert_string_equal(p.notes, "it says no white balance; daylight's is taken\n");
    picture_free(&p);
}

static void turned(void **state) {
    static const struct {
        int orientation, at[4];
    } cases[] = { { 3, { 3, 2, 1, 0 } }, { 6, { 2, 0, 3, 1 } }, { 8, { 1, 3, 0, 2 } } };
    recipe r = { 1, { 1, 1, 1 } };
    size_t i;
    (void)state;
    for (i = 0; i < 3; i++) {
        picture p;
        r.orientation = cases[i].orientation;
        p = read_dng(&r);
        expect_quarters(&p, cases[i].at);
        picture_free(&p);
    }
}

static void damaged(void **state) {
    static const recipe plain = { 1, { 1, 1, 1 } };
    const char *path = make_dng(&plain);
    uint8_t *bytes;
    size_t size, n;
    picture p;
    char error[256];
    (void)state;
    assert_int_equal(file_read(path, &bytes, &size, error), 0);
    for (n = 0; n < size; n += n < 600 || n + 600 > size ? 1 : 97) { /* behind all that matters lie numbers of colour */
        uint8_t *cut = (uint8_t *)malloc(n ? n : 1);
        memcpy(cut, bytes, n);
        if (!picture_read_memory(cut, n, "cut", 0, &p, error)) {
            if (n + 200 < size) fail_msg("%zu of %zu bytes are taken", n, size);
            picture_free(&p);
        } else assert_true(!strncmp(error, "cut: ", 5) && error[5]);
        free(cut);
    }
    for (n = size - 600; n < size; n++) { /* libtiff writes the directory behind the pixels */
        const uint8_t was = bytes[n];
        bytes[n] ^= (uint8_t)(n % 3 ? 0xff : 1);
        if (!picture_read_memory(bytes, size, "flipped", 0, &p, error)) picture_free(&p);
        bytes[n] = was;
    }
    free(bytes);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(colours), cmocka_unit_test(white_balance),
                                        cmocka_unit_test(turned), cmocka_unit_test(damaged) };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#endif
