/* AVIF pictures of 10 and 12 bits: what is written, as libavif decodes it; and what libavif writes, as it is read. */
#include "made_icc.h"
#include "made_squares.h"

#include "pictures/formats.h"

#ifdef __has_include
#if __has_include(<avif/avif.h>)
#define AVIF_FOUND
#endif
#endif

#ifndef AVIF_FOUND

static void says_what_is_missing(void **state) {
    gmlp_image image = test_image(3, 2, GMLP_U16, GMLP_SRGB);
    char error[256];
    (void)state;
    assert_int_equal(picture_write(in_folder("a.avif"), &image, NULL, error), -1);
    assert_non_null(strstr(error, "libavif is missing"));
    free(image.data);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(says_what_is_missing) };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#else

#include <avif/avif.h>

static const char *write_it(const gmlp_image *image, int bits) {
    const char *path = in_folder("a.avif");
    picture_write_opts opts;
    char error[256];
    memset(&opts, 0, sizeof opts);
    opts.bits = bits;
    if (picture_write(path, image, &opts, error)) fail_msg("%s", error);
    return path;
}

static avifImage *decode(const char *path) {
    avifDecoder *d = avifDecoderCreate();
    avifImage *image = avifImageCreate(1, 1, 8, AVIF_PIXEL_FORMAT_YUV444);
    uint8_t *bytes;
    size_t size;
    char error[256];
    avifResult status;
    assert_int_equal(file_read(path, &bytes, &size, error), 0);
    status = avifDecoderReadMemory(d, image, bytes, size);
    if (status != AVIF_RESULT_OK) fail_msg("libavif: %s", avifResultToString(status));
    avifDecoderDestroy(d);
    free(bytes);
    return image;
}

/* Each sample is the nearest of its bits: no loss beside that. Planes are green, blue, red. */
static void expect_samples(const avifImage *got, const gmlp_image *image, int bits) {
    static const int plane[3] = { 2, 0, 1 };
    const unsigned full = (1u << bits) - 1;
    size_t x, y, c;
    assert_int_equal(got->width, image->width);
    assert_int_equal(got->height, image->height);
    assert_int_equal(got->depth, bits);
    for (y = 0; y < image->height; y++)
        for (x = 0; x < image->width; x++)
            for (c = 0; c < 3; c++) {
                const unsigned v = ((uint16_t *)image->data)[(y * image->width + x) * 3 + c];
                const int p = plane[c];
                const unsigned want = (v * full + 32767) / 65535;
                uint16_t have;
                memcpy(&have, got->yuvPlanes[p] + y * got->yuvRowBytes[p] + 2 * x, 2);
                if (have != want) fail_msg("column %zu, row %zu, channel %zu: %u, not %u", x, y, c, have, want);
            }
}

static void every_space(void **state) {
    static const struct {
        int space, primaries, transfer; /* ITU-T H.273 */
    } cases[] = { { GMLP_SRGB, 1, 13 },        { GMLP_P3, 12, 13 },          { GMLP_REC2020, 9, 14 },
                  { GMLP_REC2020_PQ, 9, 16 },  { GMLP_REC2020_HLG, 9, 18 },  { GMLP_REC709, 1, 1 },
                  { GMLP_P3_LINEAR, 12, 8 },   { GMLP_PROPHOTO, 2, 2 },      { GMLP_ADOBERGB, 2, 2 },
                  { GMLP_ACESCG, 2, 2 } };
    size_t i, k;
    (void)state;
    for (i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const int space = cases[i / 2].space, bits = i % 2 ? 12 : 10;
        gmlp_image image = test_image(37, 23, GMLP_U16, space);
        const char *path = write_it(&image, bits);
        avifImage *got = decode(path);
        picture p;
        char error[256];
        expect_samples(got, &image, bits);
        assert_int_equal(got->colorPrimaries, cases[i / 2].primaries);
        assert_int_equal(got->transferCharacteristics, cases[i / 2].transfer);
        assert_int_equal(got->matrixCoefficients, 0);
        assert_int_equal(got->yuvRange, AVIF_RANGE_FULL);
        assert_int_equal(got->icc.size != 0, cases[i / 2].primaries == 2);
        avifImageDestroy(got);
        if (!heif_missing) {
            if (picture_read(path, 0, 0, &p, error)) fail_msg("%s", error);
            if (p.image.space != space) fail_msg("%s as %s", gmlp_space_name(space), gmlp_space_name(p.image.space));
            assert_int_equal(p.image.type, GMLP_U16);
            for (k = 0; k < 37 * 23 * 3; k++)
                assert_true(abs((int)((uint16_t *)p.image.data)[k] - (int)((uint16_t *)image.data)[k]) <=
                            32768 / ((1 << bits) - 1) + 1);
            picture_free(&p);
        }
        unlink(path);
        free(image.data);
    }
}

/* Rows may come in any portions. */
static void ten_bits_by_rows(void **state) {
    gmlp_image image = test_image(40, 30, GMLP_U16, GMLP_P3);
    const char *path = in_folder("b.avif");
    output o;
    picture_sink *s;
    avifImage *got;
    char error[256];
    uint32_t y, n;
    (void)state;
    assert_int_equal(output_open(&o, path, error), 0);
    s = picture_sink_open(path, o.file, &image, NULL, error);
    assert_non_null(s);
    for (y = 0, n = 1; y < 30; y += n, n = n + 1 < 30 - y ? n + 1 : 30 - y)
        assert_int_equal(picture_sink_rows(s, (uint8_t *)image.data + y * 240, n, error), 0);
    assert_int_equal(picture_sink_end(s, 0, error), 0);
    assert_int_equal(output_commit(&o, error), 0);
    got = decode(path);
    expect_samples(got, &image, 10);
    avifImageDestroy(got);
    unlink(path);
    free(image.data);
}

/* Large pictures are a grid, whose cells must meet without a seam. */
static void grid(void **state) {
    static const uint32_t sizes[2][2] = { { 8192, 2056 }, { 2053, 8200 } }; /* 2053 is prime */
    size_t k, i, n;
    (void)state;
    for (k = 0; k < 2; k++) {
        gmlp_image image = test_image(sizes[k][0], sizes[k][1], GMLP_U16, GMLP_P3);
        const char *path;
        avifImage *got;
        n = (size_t)image.width * image.height * 3;
        for (i = 0; i < n; i++) { /* noise would take long */
            const size_t code = (i % 3 * 300 + i / 3 % image.width / 8 + i / 3 / image.width / 16) % 1024;
            ((uint16_t *)image.data)[i] = (uint16_t)((code * 65535 + 511) / 1023);
        }
        path = write_it(&image, 10);
        got = decode(path);
        expect_samples(got, &image, 10);
        avifImageDestroy(got);
        unlink(path);
        free(image.data);
    }
}

#if AVIF_VERSION < 1000000
/* Two primes: this libavif makes no cells of them, and one would take too much memory. */
static void no_grid(void **state) {
    gmlp_image like;
    char error[256];
    (void)state;
    memset(&like, 0, sizeof like);
    like.width = 8191;
    like.height = 4099;
    like.type = GMLP_U16;
    like.channels = 3;
    like.space = GMLP_P3;
    assert_null(picture_sink_open("a.avif", stdout, &like, NULL, error));
    if (!strstr(error, "cannot be divided into cells, and would take 2 GB")) fail_msg("%s", error);
}
#endif

static void sixteen_bits_alone(void **state) {
    (void)state;
    assert_string_equal(picture_cannot_hold("a.avif", GMLP_F16), "a .avif file holds 10- or 12-bit samples");
    assert_non_null(picture_cannot_hold("a.avif", GMLP_U8));
    assert_null(picture_cannot_hold("a.avif", GMLP_U16));
}

/* Four squares of one colour each, of any depth, chroma and range, come out as they were. */
static void other_writers(void **state) {
    static const struct {
        uint32_t bits;
        avifPixelFormat chroma;
        avifRange range;
        int primaries, transfer, matrix, space;
    } cases[] = { { 10, AVIF_PIXEL_FORMAT_YUV444, AVIF_RANGE_FULL, 9, 16, 9, GMLP_REC2020_PQ },
                  { 12, AVIF_PIXEL_FORMAT_YUV444, AVIF_RANGE_FULL, 9, 18, 9, GMLP_REC2020_HLG },
                  { 10, AVIF_PIXEL_FORMAT_YUV420, AVIF_RANGE_FULL, 12, 13, 6, GMLP_P3 },
                  { 10, AVIF_PIXEL_FORMAT_YUV420, AVIF_RANGE_LIMITED, 1, 13, 1, GMLP_SRGB },
                  { 8, AVIF_PIXEL_FORMAT_YUV422, AVIF_RANGE_FULL, 12, 8, 1, GMLP_P3_LINEAR },
                  { 12, AVIF_PIXEL_FORMAT_YUV420, AVIF_RANGE_LIMITED, 9, 1, 9, GMLP_REC2020 } };
    uint16_t rows[64 * 64 * 3];
    size_t i;
    int x, y, c;
    (void)state;
    if (heif_missing) {
        printf("# no libheif: a check is left out\n");
        return;
    }
    for (y = 0; y < 64; y++)
        for (x = 0; x < 64; x++)
            for (c = 0; c < 3; c++) rows[(y * 64 + x) * 3 + c] = (uint16_t)(squares[square_of(x, y)][c] * 257);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        avifImage *image = avifImageCreate(64, 64, cases[i].bits, cases[i].chroma);
        avifEncoder *e = avifEncoderCreate();
        avifRWData made = AVIF_DATA_EMPTY;
        avifRGBImage rgb;
        picture p;
        char error[256];
        image->yuvRange = cases[i].range;
        image->colorPrimaries = (avifColorPrimaries)cases[i].primaries;
        image->transferCharacteristics = (avifTransferCharacteristics)cases[i].transfer;
        image->matrixCoefficients = (avifMatrixCoefficients)cases[i].matrix;
        avifRGBImageSetDefaults(&rgb, image);
        rgb.format = AVIF_RGB_FORMAT_RGB;
        rgb.depth = 16;
        rgb.pixels = (uint8_t *)rows;
        rgb.rowBytes = 64 * 6;
        assert_int_equal(avifImageRGBToYUV(image, &rgb), AVIF_RESULT_OK);
        e->minQuantizer = e->maxQuantizer = AVIF_QUANTIZER_LOSSLESS;
        e->speed = 9;
        assert_int_equal(avifEncoderWrite(e, image, &made), AVIF_RESULT_OK);
        if (picture_read_memory(made.data, made.size, "x", 0, &p, error)) fail_msg("case %zu: %s", i, error);
        if (p.image.space != cases[i].space) fail_msg("case %zu: %s", i, gmlp_space_name(p.image.space));
        assert_int_equal(p.image.type, cases[i].bits > 8 ? GMLP_U16 : GMLP_U8);
        expect_squares(&p.image, cases[i].bits > 8 ? 0.7 : 2);
        picture_free(&p);
        avifRWDataFree(&made);
        avifEncoderDestroy(e);
        avifImageDestroy(image);
    }
}

/* Planes of the squares' codes as H.273 has them: grey (of the squares' green), RGB (matrix 0) or YCgCo (matrix 8). */
static void fill_planes(avifImage *image) {
    const int shift = (int)image->depth - 8, limited = image->yuvRange == AVIF_RANGE_LIMITED;
    const double full = (1 << image->depth) - 1, low = limited ? 16 << shift : 0, middle = 128 << shift;
    const double span = limited ? 219 << shift : full, chroma_span = limited ? 224 << shift : full;
    int x, y, c;
    avifImageAllocatePlanes(image, AVIF_PLANES_YUV);
    for (y = 0; y < SIDE; y++)
        for (x = 0; x < SIDE; x++) {
            const int *s = squares[square_of(x, y)];
            const double r = s[0] / 255.0, g = s[1] / 255.0, b = s[2] / 255.0;
            double v[3];
            v[0] = low + span * g;
            v[1] = low + span * b;
            v[2] = low + span * r;
            if (image->matrixCoefficients == 8) {
                v[0] = low + span * (g / 2 + (r + b) / 4);
                v[1] = middle + chroma_span * (g / 2 - (r + b) / 4);
                v[2] = middle + chroma_span * (r - b) / 2;
            }
            for (c = 0; c < (image->yuvFormat == AVIF_PIXEL_FORMAT_YUV400 ? 1 : 3); c++) {
                uint8_t *row = image->yuvPlanes[c] + (size_t)y * image->yuvRowBytes[c];
                const uint16_t code = (uint16_t)(v[c] >= full ? full : v[c] + 0.5);
                if (shift) memcpy(row + 2 * x, &code, 2);
                else row[x] = (uint8_t)code;
            }
        }
}

/* Those that libheif itself does not turn into RGB of the full range, with code points alone and beside a profile. */
static void grey_rgb_and_ycgco(void **state) {
    static const struct {
        avifPixelFormat chroma;
        avifRange range;
        int matrix;
    } kinds[] = { { AVIF_PIXEL_FORMAT_YUV400, AVIF_RANGE_FULL, 6 }, { AVIF_PIXEL_FORMAT_YUV400, AVIF_RANGE_LIMITED, 6 },
                  { AVIF_PIXEL_FORMAT_YUV444, AVIF_RANGE_FULL, 0 }, { AVIF_PIXEL_FORMAT_YUV444, AVIF_RANGE_LIMITED, 0 },
                  { AVIF_PIXEL_FORMAT_YUV444, AVIF_RANGE_FULL, 8 }, { AVIF_PIXEL_FORMAT_YUV444, AVIF_RANGE_LIMITED, 8 } };
    cmsUInt32Number size;
    void *icc = make_icc(xy_adobe, 563.0 / 256, &size);
    size_t i;
    int k, c;
    (void)state;
    for (i = 0; i < 6 * sizeof kinds / sizeof *kinds && !heif_missing; i++) {
        const int grey = kinds[i / 6].chroma == AVIF_PIXEL_FORMAT_YUV400, bits = 8 + 2 * (int)(i % 3);
        avifImage *image = avifImageCreate(SIDE, SIDE, bits, kinds[i / 6].chroma);
        avifEncoder *e = avifEncoderCreate();
        avifRWData made = AVIF_DATA_EMPTY;
        picture p;
        char error[256];
        image->yuvRange = kinds[i / 6].range;
        image->colorPrimaries = (avifColorPrimaries)1;
        image->transferCharacteristics = (avifTransferCharacteristics)13;
        image->matrixCoefficients = (avifMatrixCoefficients)kinds[i / 6].matrix;
        if (i % 6 > 2) avifImageSetProfileICC(image, (const uint8_t *)icc, size);
        fill_planes(image);
        e->minQuantizer = e->maxQuantizer = AVIF_QUANTIZER_LOSSLESS;
        e->speed = 9;
        assert_int_equal(avifEncoderWrite(e, image, &made), AVIF_RESULT_OK);
        if (picture_read_memory(made.data, made.size, "x", GMLP_SRGB, &p, error)) fail_msg("case %zu: %s", i, error);
        assert_int_equal(p.image.type, bits > 8 ? GMLP_U16 : GMLP_U8);
        for (k = 0; k < 4; k++)
            for (c = 0; c < 3; c++) {
                const double got = square_sample(&p.image, k, c), want = squares[k][grey ? 1 : c];
                if (fabs(got - want) > (bits > 8 ? 0.5 : 2)) fail_msg("case %zu, %d %d: %g, not %g", i, k, c, got, want);
            }
        picture_free(&p);
        avifRWDataFree(&made);
        avifEncoderDestroy(e);
        avifImageDestroy(image);
    }
    free(icc);
}

/* Mirrored, and turned before that: as libheif itself does it with 8 bits. */
static void mirrored(void **state) {
    int way, angle, deep, k, at[2][4];
    (void)state;
    for (way = 0; way < 2 && !heif_missing; way++)
        for (angle = 0; angle < 4; angle++) {
            for (deep = 0; deep < 2; deep++) {
                avifImage *image = avifImageCreate(SIDE, SIDE, deep ? 10 : 8, AVIF_PIXEL_FORMAT_YUV444);
                avifEncoder *e = avifEncoderCreate();
                avifRWData made = AVIF_DATA_EMPTY;
                picture p;
                char error[256];
                int x, y, c;
                image->colorPrimaries = (avifColorPrimaries)1;
                image->transferCharacteristics = (avifTransferCharacteristics)13;
                image->matrixCoefficients = (avifMatrixCoefficients)0;
                image->yuvRange = AVIF_RANGE_FULL;
                image->transformFlags = AVIF_TRANSFORM_IMIR | AVIF_TRANSFORM_IROT;
                image->irot.angle = (uint8_t)angle;
#if AVIF_VERSION < 1000000
                image->imir.mode = (uint8_t)way;
#else
                image->imir.axis = (uint8_t)way;
#endif
                fill_planes(image);
                avifImageAllocatePlanes(image, AVIF_PLANES_A);
                for (y = 0; y < SIDE; y++)
                    for (x = 0; x < SIDE; x++) {
                        const uint16_t code = (uint16_t)((40 + 60 * square_of(x, y)) * (deep ? 4 : 1));
                        uint8_t *row = image->alphaPlane + (size_t)y * image->alphaRowBytes;
                        if (deep) memcpy(row + 2 * x, &code, 2);
                        else row[x] = (uint8_t)code;
                    }
                e->minQuantizer = e->maxQuantizer = AVIF_QUANTIZER_LOSSLESS;
                e->minQuantizerAlpha = e->maxQuantizerAlpha = AVIF_QUANTIZER_LOSSLESS;
                e->speed = 9;
                assert_int_equal(avifEncoderWrite(e, image, &made), AVIF_RESULT_OK);
                if (picture_read_memory(made.data, made.size, "x", 0, &p, error)) fail_msg("%s", error);
                assert_int_equal(p.image.type, deep ? GMLP_U16 : GMLP_U8);
                assert_string_equal(p.notes, "");
                for (k = 0; k < 4; k++) {
                    int best = -1;
                    for (c = 0; c < 4; c++)
                        if (fabs(square_sample(&p.image, k, 0) - squares[c][0]) < 3) best = c;
                    at[deep][k] = best;
                    /* libavif 0.11 turns no alpha, libheif 1.15 then neither */
                    if (deep && !angle)
                        assert_int_equal((p.alpha[(16 + k / 2 * 32) * SIDE + 16 + k % 2 * 32] - 30) / 60, best);
                }
                picture_free(&p);
                avifRWDataFree(&made);
                avifEncoderDestroy(e);
                avifImageDestroy(image);
            }
            assert_memory_equal(at[0], at[1], sizeof at[0]);
        }
}

/* ICtCp is not taken for a Y'CbCr. */
static void other_matrices(void **state) {
    avifImage *image = avifImageCreate(SIDE, SIDE, 10, AVIF_PIXEL_FORMAT_YUV444);
    avifEncoder *e = avifEncoderCreate();
    avifRWData made = AVIF_DATA_EMPTY;
    picture p;
    char error[256];
    (void)state;
    image->colorPrimaries = (avifColorPrimaries)9;
    image->transferCharacteristics = (avifTransferCharacteristics)16;
    image->matrixCoefficients = (avifMatrixCoefficients)14;
    fill_planes(image);
    assert_int_equal(avifEncoderWrite(e, image, &made), AVIF_RESULT_OK);
    if (!heif_missing) {
        assert_int_equal(picture_read_memory(made.data, made.size, "x", 0, &p, error), -1);
        if (!strstr(error, "matrix of colour (14 of H.273)")) fail_msg("%s", error);
    }
    avifRWDataFree(&made);
    avifEncoderDestroy(e);
    avifImageDestroy(image);
}

static void cannot_write(void **state) {
    gmlp_image image = test_image(64, 64, GMLP_U16, GMLP_SRGB);
    (void)state;
    expect_full_disk("a.avif", &image);
    free(image.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_space),   cmocka_unit_test(ten_bits_by_rows), cmocka_unit_test(sixteen_bits_alone),
        cmocka_unit_test(other_writers), cmocka_unit_test(cannot_write),     cmocka_unit_test(grid),
        cmocka_unit_test(grey_rgb_and_ycgco), cmocka_unit_test(other_matrices),
        cmocka_unit_test(mirrored),
#if AVIF_VERSION < 1000000
        cmocka_unit_test(no_grid),
#endif
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#endif
