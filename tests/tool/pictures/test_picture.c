/* Picture files: every format and depth there and back, what the numbers mean, and damaged files. Files that the
   tool's own writers cannot make are made here with the format libraries themselves. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pictures/picture.h"
#include "shell/files.h"
#include <cmocka.h>

#include <jpeglib.h>
#include <lcms2.h>
#include <png.h>
#include <tiffio.h>
#include <tinyexr.h>

static char folder[] = "/tmp/test_picture_XXXXXX";

static const char *in_folder(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder); /* fails if a test left a file, such as a temporary one */
}

/* A picture with all kinds of codes in it. */
static gmlp_image test_image(uint32_t width, uint32_t height, int type, int space) {
    gmlp_image image;
    const size_t n = (size_t)width * height * 3;
    uint32_t seed = 12345;
    size_t i;
    memset(&image, 0, sizeof image);
    image.width = width;
    image.height = height;
    image.type = type;
    image.channels = 3;
    image.space = space;
    image.data = malloc(n * gmlp_type_size(type));
    assert_non_null(image.data);
    for (i = 0; i < n; i++) {
        uint32_t r;
        seed = seed * 1664525u + 1013904223u;
        r = seed >> 8;
        if (type == GMLP_U8) ((uint8_t *)image.data)[i] = (uint8_t)(r >> 16);
        else if (type == GMLP_U16) ((uint16_t *)image.data)[i] = (uint16_t)(r >> 8);
        else if (type == GMLP_HALF) ((uint16_t *)image.data)[i] = (uint16_t)(r % 0x4000); /* 0..2 */
        else ((float *)image.data)[i] = (float)r / 8388608.0f - 0.5f;                     /* -0.5..1.5 */
    }
    return image;
}

static size_t image_bytes(const gmlp_image *image) {
    return (size_t)image->width * image->height * 3 * gmlp_type_size(image->type);
}

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
    assert_non_null(back.file);
    assert_true(back.file_size > 0);
    picture_free(&back);
    free(image.data);
    unlink(path);
}

static void every_format_and_depth(void **state) {
    static const int spaces[] = { GMLP_SRGB, GMLP_P3, GMLP_ADOBERGB, GMLP_PROPHOTO, GMLP_REC2020, GMLP_REC2020_PQ, GMLP_REC2020_HLG,
                                  GMLP_ACES, GMLP_ACESCG, GMLP_REC709, GMLP_SRGB_LINEAR, GMLP_P3_LINEAR, GMLP_ADOBERGB_LINEAR,
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
        round_trip("a.TIF", GMLP_HALF, s, s, "ICC profile");
        round_trip("a.tif", GMLP_FLOAT, s, s, "ICC profile");
        if (gmlp_space_is_linear(s)) {
            round_trip("a.exr", GMLP_HALF, s, s, "chromaticities");
            round_trip("a.exr", GMLP_FLOAT, s, s, "chromaticities");
        }
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

static void exr_is_linear(void **state) {
    gmlp_image image = test_image(5, 4, GMLP_FLOAT, GMLP_PROPHOTO);
    const char *path = in_folder("a.exr");
    picture back;
    char error[256];
    size_t i;
    (void)state;
    assert_int_equal(picture_write(path, &image, NULL, error), 0);
    assert_int_equal(picture_read(path, GMLP_SPACE_NONE, 0, &back, error), 0);
    assert_int_equal(back.image.space, GMLP_PROPHOTO_LINEAR);
    for (i = 0; i < 60; i++) {
        const double code = (double)((float *)image.data)[i];
        const double light = fabs(code) < 1 / 32.0 ? code / 16 : copysign(pow(fabs(code), 1.8), code); /* ISO 22028-2 */
        assert_true(fabs((double)((float *)back.image.data)[i] - light) < 1e-5);
    }
    picture_free(&back);
    free(image.data);
    unlink(path);
}

/* A smooth picture, as noise does not survive JPEG. */
static gmlp_image smooth_image(uint32_t width, uint32_t height) {
    gmlp_image image = test_image(width, height, GMLP_U8, GMLP_SRGB);
    uint8_t *p = (uint8_t *)image.data;
    uint32_t x, y;
    for (y = 0; y < height; y++)
        for (x = 0; x < width; x++, p += 3) {
            p[0] = (uint8_t)(60 + 2 * x);
            p[1] = (uint8_t)(200 - 2 * y);
            p[2] = (uint8_t)(40 + x + y);
        }
    return image;
}

static int largest_difference(const gmlp_image *a, const gmlp_image *b) {
    const size_t n = image_bytes(a);
    int most = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        const int d = abs((int)((uint8_t *)a->data)[i] - (int)((uint8_t *)b->data)[i]);
        if (d > most) most = d;
    }
    return most;
}

static void jpeg_there_and_back(void **state) {
    gmlp_image image = smooth_image(50, 40);
    picture_write_opts opts = { 0, 0 };
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

/* The profiles that are written say what the standards say: colorants relative to D50 as published, a grey, white. */
static void written_profiles(void **state) {
    static const struct {
        int space;
        double xyz[9], grey; /* light of code 0.5 */
    } known[] = {
        { GMLP_SRGB, { .4361, .2225, .0139, .3851, .7169, .0971, .1431, .0606, .7141 }, 0.214041 },
        { GMLP_P3, { .5151, .2412, -.0011, .2920, .6922, .0419, .1571, .0666, .7841 }, 0.214041 },
        { GMLP_ADOBERGB, { .6097, .3111, .0195, .2053, .6257, .0609, .1492, .0632, .7446 }, 0.217756 },
        { GMLP_PROPHOTO, { .7977, .2880, .0000, .1352, .7119, .0000, .0313, .0001, .8249 }, 0.287175 },
        { GMLP_REC2020, { .6735, .2790, -.0019, .1657, .6753, .0300, .1251, .0456, .7968 }, 0.259719 },
        { GMLP_REC709, { .4361, .2225, .0139, .3851, .7169, .0971, .1431, .0606, .7141 }, 0.189465 },
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        gmlp_image image = test_image(2, 2, GMLP_U16, known[i].space);
        const char *path = in_folder("a.tif");
        char error[256];
        uint32_t size;
        void *icc;
        TIFF *t;
        cmsHPROFILE p, xyz = cmsCreateXYZProfile();
        cmsHTRANSFORM to_xyz;
        int c, k;
        assert_int_equal(picture_write(path, &image, NULL, error), 0);
        t = TIFFOpen(path, "r");
        assert_int_equal(TIFFGetField(t, TIFFTAG_ICCPROFILE, &size, &icc), 1);
        p = cmsOpenProfileFromMem(icc, size);
        to_xyz = cmsCreateTransform(p, TYPE_RGB_DBL, xyz, TYPE_XYZ_DBL, INTENT_RELATIVE_COLORIMETRIC, cmsFLAGS_NOOPTIMIZE);
        assert_non_null(to_xyz);
        for (c = 0; c < 4; c++) {
            double rgb[3], out[3];
            for (k = 0; k < 3; k++) rgb[k] = c == 3 ? 0.5 : c == k;
            cmsDoTransform(to_xyz, rgb, out, 1);
            if (c == 3) assert_true(fabs(out[1] - known[i].grey) < 2e-5);
            else for (k = 0; k < 3; k++) assert_true(fabs(out[k] - known[i].xyz[3 * c + k]) < 2e-4);
        }
        cmsDeleteTransform(to_xyz);
        cmsCloseProfile(xyz);
        cmsCloseProfile(p);
        TIFFClose(t);
        unlink(path);
        free(image.data);
    }
}

/* PNG files of all kinds, made with libpng. */

typedef struct png_recipe {
    int bits, kind, interlace;
    int srgb;
    double gamma;          /* of the gAMA chunk: 1 / exponent */
    const double *xy;      /* red, green, blue, white */
    const uint8_t *cicp;
    const void *icc;
    size_t icc_size;
    int palette_alpha;
} png_recipe;

/* Rows as the file has them; 16 bits big-endian. */
static void make_png(const char *path, const png_recipe *r, uint32_t width, uint32_t height, const uint8_t *rows, size_t row_bytes) {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    FILE *f = fopen(path, "wb");
    const int passes = r->interlace ? 7 : 1;
    png_color palette[4] = { { 1, 2, 3 }, { 250, 0, 9 }, { 0, 128, 64 }, { 255, 255, 255 } };
    const png_byte alpha[2] = { 0, 100 };
    int pass;
    uint32_t y;
    assert_non_null(f);
    if (setjmp(png_jmpbuf(png))) fail_msg("libpng");
    png_init_io(png, f);
    png_set_IHDR(png, info, width, height, r->bits, r->kind, r->interlace, PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    if (r->kind == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 4);
    if (r->palette_alpha) png_set_tRNS(png, info, alpha, 2, NULL);
    if (r->srgb) png_set_sRGB(png, info, PNG_sRGB_INTENT_RELATIVE);
    if (r->gamma > 0) png_set_gAMA(png, info, r->gamma);
    if (r->xy) png_set_cHRM(png, info, r->xy[6], r->xy[7], r->xy[0], r->xy[1], r->xy[2], r->xy[3], r->xy[4], r->xy[5]);
    if (r->icc) png_set_iCCP(png, info, "p", PNG_COMPRESSION_TYPE_BASE, (png_const_bytep)r->icc, (png_uint_32)r->icc_size);
    png_write_info_before_PLTE(png, info);
    if (r->cicp) png_write_chunk(png, (png_const_bytep)"cICP", r->cicp, 4);
    png_write_info(png, info);
    if (r->interlace) png_set_interlace_handling(png);
    for (pass = 0; pass < passes; pass++)
        for (y = 0; y < height; y++) png_write_row(png, rows + y * row_bytes);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    assert_int_equal(fclose(f), 0);
}

static picture read_png(const png_recipe *r, uint32_t width, uint32_t height, const uint8_t *rows, size_t row_bytes, int from) {
    const char *path = in_folder("a.png");
    picture p;
    char error[256];
    make_png(path, r, width, height, rows, row_bytes);
    if (picture_read(path, from, 0, &p, error)) fail_msg("%s", error);
    unlink(path);
    assert_int_equal(p.image.width, width);
    assert_int_equal(p.image.height, height);
    return p;
}

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

/* What the numbers mean. Primaries as published: ITU-R BT.709, BT.2020, SMPTE RP 431-2, Adobe RGB (1998), ISO 22028-2. */

static const double xy_srgb[8] = { .64, .33, .30, .60, .15, .06, .3127, .3290 };
static const double xy_adobe[8] = { .64, .33, .21, .71, .15, .06, .3127, .3290 };
static const double xy_p3[8] = { .680, .320, .265, .690, .150, .060, .3127, .3290 };
static const double xy_romm[8] = { .7347, .2653, .1596, .8404, .0366, .0001, .3457, .3585 };
static const double xy_wide[8] = { .735, .265, .115, .826, .157, .018, .3457, .3585 }; /* none of the library's */

static void *make_icc(const double *xy, double gamma, cmsUInt32Number *size) {
    cmsCIExyY white;
    cmsCIExyYTRIPLE rgb;
    cmsToneCurve *curve[3];
    cmsHPROFILE p;
    void *bytes;
    white.x = xy[6]; white.y = xy[7]; white.Y = 1;
    rgb.Red.x = xy[0]; rgb.Red.y = xy[1]; rgb.Red.Y = 1;
    rgb.Green.x = xy[2]; rgb.Green.y = xy[3]; rgb.Green.Y = 1;
    rgb.Blue.x = xy[4]; rgb.Blue.y = xy[5]; rgb.Blue.Y = 1;
    curve[0] = curve[1] = curve[2] = cmsBuildGamma(NULL, gamma);
    p = cmsCreateRGBProfile(&white, &rgb, curve);
    cmsFreeToneCurve(curve[0]);
    assert_int_equal(cmsSaveProfileToMem(p, NULL, size), 1);
    bytes = malloc(*size);
    assert_int_equal(cmsSaveProfileToMem(p, bytes, size), 1);
    cmsCloseProfile(p);
    return bytes;
}

static const uint8_t sixteen[2][12] = { { 0, 0, 1, 0, 8, 0, 0xff, 0xff, 0x80, 0, 0x40, 0 },
                                        { 0xff, 0xff, 0, 0, 0, 0, 0x80, 0, 0x80, 0, 0x80, 0 } };

static void expect_space(const png_recipe *r, int from, int space, const char *said_by) {
    picture p = read_png(r, 2, 2, sixteen[0], 12, from);
    if (p.image.space != space || strcmp(p.space_from, said_by))
        fail_msg("expected %s by %s, got %s by %s", gmlp_space_name(space), said_by, gmlp_space_name(p.image.space), p.space_from);
    picture_free(&p);
}

static void who_says_the_space(void **state) {
    static const uint8_t pq[4] = { 9, 16, 0, 1 }, hlg[4] = { 9, 18, 0, 1 }, p3[4] = { 12, 13, 0, 1 }, video[4] = { 1, 1, 0, 1 }, narrow[4] = { 9, 16, 0, 0 };
    cmsUInt32Number size;
    void *icc = make_icc(xy_adobe, 563.0 / 256, &size);
    png_recipe r;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 16;
    r.kind = PNG_COLOR_TYPE_RGB;
    expect_space(&r, 0, GMLP_SRGB, "assumed");
    r.gamma = 1 / 2.2;
    expect_space(&r, 0, GMLP_SRGB, "gAMA chunk");
    r.xy = xy_srgb;
    expect_space(&r, 0, GMLP_SRGB, "gAMA chunk");
    r.gamma = 1;
    expect_space(&r, 0, GMLP_SRGB_LINEAR, "gAMA chunk");
    r.xy = xy_p3;
    expect_space(&r, 0, GMLP_P3_LINEAR, "gAMA chunk");
    r.xy = NULL;
    r.gamma = 0;
    r.srgb = 1;
    expect_space(&r, 0, GMLP_SRGB, "sRGB chunk");
    r.srgb = 0;
    r.icc = icc;
    r.icc_size = size;
    expect_space(&r, 0, GMLP_ADOBERGB, "ICC profile");
    r.cicp = p3;
    expect_space(&r, 0, GMLP_P3, "cICP");
    r.cicp = hlg;
    expect_space(&r, 0, GMLP_REC2020_HLG, "cICP");
    r.cicp = pq;
    expect_space(&r, 0, GMLP_REC2020_PQ, "cICP");
    r.cicp = video;
    expect_space(&r, 0, GMLP_REC709, "cICP");
    r.cicp = narrow; /* not full range: the profile is the next to ask */
    expect_space(&r, 0, GMLP_ADOBERGB, "ICC profile");
    expect_space(&r, GMLP_ACESCG, GMLP_ACESCG, "--from");
    free(icc);
}

static void known_profiles(void **state) {
    static const struct {
        const double *xy;
        double gamma;
        int space;
    } known[] = { { xy_srgb, 1, GMLP_SRGB_LINEAR }, { xy_p3, 1, GMLP_P3_LINEAR }, { xy_adobe, 1, GMLP_ADOBERGB_LINEAR },
                  { xy_romm, 1, GMLP_PROPHOTO_LINEAR }, { xy_adobe, 563.0 / 256, GMLP_ADOBERGB }, { xy_srgb, 2.4, GMLP_REC709 } };
    cmsUInt32Number size;
    cmsHPROFILE srgb = cmsCreate_sRGBProfile();
    void *icc;
    size_t i;
    png_recipe r;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 16;
    r.kind = PNG_COLOR_TYPE_RGB;
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        r.icc = icc = make_icc(known[i].xy, known[i].gamma, &size);
        r.icc_size = size;
        expect_space(&r, 0, known[i].space, "ICC profile");
        free(icc);
    }
    cmsSaveProfileToMem(srgb, NULL, &size);
    r.icc = icc = malloc(size);
    cmsSaveProfileToMem(srgb, icc, &size);
    r.icc_size = size;
    expect_space(&r, 0, GMLP_SRGB, "ICC profile");
    cmsCloseProfile(srgb);
    free(icc);
}

static double romm_encode(double light) { return light < 1 / 512.0 ? 16 * light : pow(light, 1 / 1.8); }

/* ROMM's primaries with a pure power are not ROMM: the toe differs. The codes are rewritten, in 16 bits. */
static void pure_power_romm(void **state) {
    cmsUInt32Number size;
    void *icc = make_icc(xy_romm, 1.8, &size);
    png_recipe r;
    picture p;
    int i;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 16;
    r.kind = PNG_COLOR_TYPE_RGB;
    r.icc = icc;
    r.icc_size = size;
    p = read_png(&r, 2, 2, sixteen[0], 12, 0);
    assert_int_equal(p.image.space, GMLP_PROPHOTO);
    assert_int_equal(p.image.type, GMLP_U16);
    for (i = 0; i < 12; i++) {
        const int code = sixteen[i / 6][i % 6 * 2] << 8 | sixteen[i / 6][i % 6 * 2 + 1];
        const double want = 65535 * romm_encode(pow(code / 65535.0, 1.8));
        if (!(fabs(((uint16_t *)p.image.data)[i] - want) <= 1)) fail_msg("%d: %d is not %g", code, ((uint16_t *)p.image.data)[i], want);
    }
    picture_free(&p);
    expect_space(&r, GMLP_PROPHOTO, GMLP_PROPHOTO, "--from");
    p = read_png(&r, 2, 2, sixteen[0], 12, GMLP_PROPHOTO);
    assert_int_equal(((uint16_t *)p.image.data)[1], 256); /* untouched */
    picture_free(&p);
    free(icc);
}

/* So for other primaries: the space stays, the numbers change. */
static void other_curve(void **state) {
    cmsUInt32Number size;
    void *icc = make_icc(xy_adobe, 1.8, &size);
    png_recipe r;
    picture p;
    int i;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 8;
    r.kind = PNG_COLOR_TYPE_RGB;
    r.icc = icc;
    r.icc_size = size;
    p = read_png(&r, 2, 2, sixteen[0], 12, 0);
    assert_int_equal(p.image.space, GMLP_ADOBERGB);
    assert_int_equal(p.image.type, GMLP_U16);
    for (i = 0; i < 12; i++) {
        const double want = 65535 * pow(sixteen[i / 6][i % 6] / 255.0, 1.8 * 256 / 563);
        assert_true(fabs(((uint16_t *)p.image.data)[i] - want) <= 1);
    }
    picture_free(&p);
    free(icc);
}

static void unknown_profile(void **state) {
    /* XYZ of D50 to linear ProPhoto, as published by Lindbloom */
    static const double romm[9] = { 1.3459433, -0.2556075, -0.0511118, -0.5445989, 1.5081673, 0.0205351, 0, 0, 1.2118128 };
    cmsUInt32Number size;
    void *icc = make_icc(xy_wide, 2.2, &size);
    cmsHPROFILE profile = cmsOpenProfileFromMem(icc, size), xyz = cmsCreateXYZProfile();
    cmsHTRANSFORM t = cmsCreateTransform(profile, TYPE_RGB_DBL, xyz, TYPE_XYZ_DBL, INTENT_RELATIVE_COLORIMETRIC, cmsFLAGS_NOOPTIMIZE);
    png_recipe r;
    picture p;
    int i, c;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 16;
    r.kind = PNG_COLOR_TYPE_RGB;
    r.icc = icc;
    r.icc_size = size;
    p = read_png(&r, 2, 2, sixteen[0], 12, 0);
    assert_int_equal(p.image.space, GMLP_PROPHOTO);
    assert_int_equal(p.image.type, GMLP_FLOAT);
    for (i = 0; i < 4; i++) {
        double rgb[3], v[3];
        for (c = 0; c < 3; c++) rgb[c] = (sixteen[i / 2][i % 2 * 6 + 2 * c] << 8 | sixteen[i / 2][i % 2 * 6 + 2 * c + 1]) / 65535.0;
        cmsDoTransform(t, rgb, v, 1);
        for (c = 0; c < 3; c++) {
            const double light = romm[3 * c] * v[0] + romm[3 * c + 1] * v[1] + romm[3 * c + 2] * v[2];
            const double code = (double)((float *)p.image.data)[3 * i + c];
            const double got = fabs(code) < 1 / 32.0 ? code / 16 : copysign(pow(fabs(code), 1.8), code);
            assert_true(fabs(got - light) < 3e-4);
        }
    }
    picture_free(&p);
    cmsDeleteTransform(t);
    cmsCloseProfile(profile);
    cmsCloseProfile(xyz);
    free(icc);
}

static void grey_profile(void **state) {
    cmsToneCurve *curve = cmsBuildGamma(NULL, 1);
    cmsHPROFILE grey = cmsCreateGrayProfile(cmsD50_xyY(), curve);
    cmsUInt32Number size;
    void *icc;
    png_recipe r;
    (void)state;
    cmsSaveProfileToMem(grey, NULL, &size);
    icc = malloc(size);
    cmsSaveProfileToMem(grey, icc, &size);
    memset(&r, 0, sizeof r);
    r.bits = 16;
    r.kind = PNG_COLOR_TYPE_GRAY;
    r.icc = icc;
    r.icc_size = size;
    expect_space(&r, 0, GMLP_SRGB_LINEAR, "ICC profile");
    cmsFreeToneCurve(curve);
    cmsCloseProfile(grey);
    free(icc);
}

/* Rows. */

static void rows_equal_whole(void **state) {
    gmlp_image image = test_image(19, 21, GMLP_U8, GMLP_SRGB);
    static const char *const names[] = { "a.png", "a.jpg" };
    size_t i;
    int interlace;
    (void)state;
    for (i = 0; i < 2; i++)
        for (interlace = 0; interlace < 2; interlace++) {
            const char *path = in_folder(names[i]);
            picture whole;
            picture_rows *rows;
            uint32_t width, height, y = 0, n;
            uint8_t *got = (uint8_t *)malloc(image_bytes(&image));
            char error[256];
            if (interlace && i == 0) {
                png_recipe r;
                memset(&r, 0, sizeof r);
                r.bits = 8;
                r.kind = PNG_COLOR_TYPE_RGB;
                r.interlace = PNG_INTERLACE_ADAM7;
                make_png(path, &r, 19, 21, (uint8_t *)image.data, 57);
            } else assert_int_equal(picture_write(path, &image, NULL, error), 0);
            assert_int_equal(picture_read(path, GMLP_SRGB, 1, &whole, error), 0);
            rows = picture_rows_open(whole.file, whole.file_size, "x", &width, &height, error);
            assert_non_null(rows);
            assert_int_equal(width, 19);
            assert_int_equal(height, 21);
            for (n = 1; y < height; y += n, n = n + 1 < height - y ? n + 1 : height - y)
                assert_int_equal(picture_rows_read(rows, got + (size_t)y * 57, n, error), 0);
            picture_rows_close(rows);
            assert_memory_equal(got, whole.image.data, image_bytes(&image));
            picture_free(&whole);
            free(got);
            unlink(path);
        }
    free(image.data);
}

/* TIFF, EXR, PPM and JPEG that our writers do not make. */

static void tiff_layouts(void **state) {
    enum { W = 70, H = 50 };
    gmlp_image image = test_image(W, H, GMLP_U16, GMLP_SRGB);
    const uint16_t *pixels = (const uint16_t *)image.data;
    int tiled, separate, big;
    (void)state;
    for (tiled = 0; tiled < 2; tiled++)
        for (separate = 0; separate < 2; separate++)
            for (big = 0; big < 2; big++) { /* four samples a pixel; the other byte order */
                const int samples = 3 + big, planes = separate ? samples : 1;
                const uint32_t bw = tiled ? 32 : W, bh = tiled ? 16 : 7;
                const char *path = in_folder("a.tif");
                TIFF *t = TIFFOpen(path, big ? "wb" : "wl");
                uint16_t *block = (uint16_t *)calloc((size_t)bw * bh * 4, 2);
                uint16_t extra = EXTRASAMPLE_UNASSALPHA;
                picture p;
                char error[256];
                uint32_t x, y, i, j;
                int plane, c;
                TIFFSetField(t, TIFFTAG_IMAGEWIDTH, W);
                TIFFSetField(t, TIFFTAG_IMAGELENGTH, H);
                TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, 16);
                TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, samples);
                if (big) TIFFSetField(t, TIFFTAG_EXTRASAMPLES, 1, &extra);
                TIFFSetField(t, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
                TIFFSetField(t, TIFFTAG_PLANARCONFIG, separate ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
                TIFFSetField(t, TIFFTAG_COMPRESSION, tiled ? COMPRESSION_ADOBE_DEFLATE : COMPRESSION_NONE);
                if (tiled) {
                    TIFFSetField(t, TIFFTAG_TILEWIDTH, bw);
                    TIFFSetField(t, TIFFTAG_TILELENGTH, bh);
                } else TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, bh);
                for (plane = 0; plane < planes; plane++)
                    for (y = 0; y < H; y += bh)
                        for (x = 0; x < W; x += bw) {
                            const int step = separate ? 1 : samples;
                            const uint32_t rows = tiled || H - y >= bh ? bh : H - y;
                            for (j = 0; j < bh && y + j < H; j++)
                                for (i = 0; i < bw && x + i < W; i++)
                                    for (c = 0; c < step; c++) {
                                        const int sample = separate ? plane : c;
                                        block[(j * bw + i) * (uint32_t)step + (uint32_t)c] =
                                            sample < 3 ? pixels[((y + j) * W + x + i) * 3 + (uint32_t)sample] : 7;
                                    }
                            if (tiled) TIFFWriteEncodedTile(t, TIFFComputeTile(t, x, y, 0, (uint16_t)plane), block, (tmsize_t)(bw * bh * (uint32_t)step * 2));
                            else TIFFWriteEncodedStrip(t, TIFFComputeStrip(t, y, (uint16_t)plane), block, (tmsize_t)(bw * rows * (uint32_t)step * 2));
                        }
                TIFFClose(t);
                free(block);
                if (picture_read(path, 0, 0, &p, error)) fail_msg("%s", error);
                assert_int_equal(p.image.type, GMLP_U16);
                assert_memory_equal(p.image.data, image.data, image_bytes(&image));
                picture_free(&p);
                unlink(path);
            }
    free(image.data);
}

static void write_bytes(const char *path, const void *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

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

static void exr_kinds(void **state) {
    static const float rgb[6] = { 0.25f, -1.5f, 30000.0f, 1.0f, 0.0f, 0.125f };
    static const float grey[2] = { 0.5f, 3.0f };
    const char *path = in_folder("a.exr"), *text = NULL;
    picture p;
    char error[256];
    int i;
    (void)state;
    assert_int_equal(SaveEXR(rgb, 2, 1, 3, 0, path, &text), TINYEXR_SUCCESS);
    assert_int_equal(picture_read(path, 0, 0, &p, error), 0);
    assert_int_equal(p.image.type, GMLP_FLOAT);
    assert_int_equal(p.image.space, GMLP_SRGB_LINEAR); /* what OpenEXR means without chromaticities */
    assert_string_equal(p.space_from, "assumed");
    assert_memory_equal(p.image.data, rgb, sizeof rgb);
    picture_free(&p);
    assert_int_equal(SaveEXR(rgb, 2, 1, 3, 1, path, &text), TINYEXR_SUCCESS);
    assert_int_equal(picture_read(path, GMLP_ACES, 0, &p, error), 0);
    assert_int_equal(p.image.type, GMLP_HALF);
    assert_int_equal(p.image.space, GMLP_ACES);
    for (i = 0; i < 6; i++) assert_true(gmlp_half_to_float(((uint16_t *)p.image.data)[i]) == rgb[i]);
    picture_free(&p);
    assert_int_equal(SaveEXR(grey, 2, 1, 1, 0, path, &text), TINYEXR_SUCCESS); /* one channel, A: not a picture */
    assert_int_equal(picture_read(path, 0, 0, &p, error), -1);
    assert_non_null(strstr(error, "channels R, G, B"));
    unlink(path);
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

/* Damage. */

static void expect_error(const char *path, const char *part) {
    picture p;
    char error[256] = "";
    assert_int_equal(picture_read(path, 0, 1, &p, error), -1);
    if (!strstr(error, part) || strncmp(error, path, 20)) fail_msg("'%s' does not name the file or say '%s'", error, part);
    assert_null(p.image.data);
    assert_null(p.file);
}

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
    expect_error(path, "is not a PNG, JPEG, TIFF, EXR or PPM");
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
    gmlp_image image = test_image(3, 3, GMLP_U8, GMLP_SRGB);
    uint8_t *bytes;
    size_t size;
    picture p;
    char error[256];
    png_recipe r;
    const char *path = in_folder("a.png");
    uint8_t *row = (uint8_t *)calloc(70000, 1);
    (void)state;
    assert_int_equal(picture_read_memory(pnm, sizeof pnm - 1, "x", 0, &p, error), -1);
    assert_non_null(strstr(error, "65535 x 65535 are supported"));
    assert_int_equal(picture_read_memory(endless, sizeof endless - 1, "x", 0, &p, error), -1);
    assert_int_equal(picture_read_memory(short_pnm, sizeof short_pnm - 1, "x", 0, &p, error), -1);
    assert_non_null(strstr(error, "end too early"));
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

/* Every beginning of a file is refused with a text, and every flipped byte is survived. */
static void damage(const char *name, int type, int space) {
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
        if (!picture_read_memory(cut, n, "cut", 0, &p, error)) fail_msg("%s: %zu of %zu bytes are taken for a picture", name, n, size);
        assert_true(!strncmp(error, "cut: ", 5) && error[5]);
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
    damage("a.png", GMLP_U16, GMLP_PROPHOTO);
    damage("a.jpg", GMLP_U8, GMLP_SRGB);
    damage("a.tif", GMLP_U16, GMLP_PROPHOTO);
    damage("a.ppm", GMLP_U8, GMLP_SRGB);
}

static void damaged_exr(void **state) {
    (void)state;
    damage("a.exr", GMLP_HALF, GMLP_ACESCG);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_and_depth),
        cmocka_unit_test(linear_forms),
        cmocka_unit_test(exr_is_linear),
        cmocka_unit_test(jpeg_there_and_back),
        cmocka_unit_test(equal_pictures_are_equal_files),
        cmocka_unit_test(written_profiles),
        cmocka_unit_test(png_kinds),
        cmocka_unit_test(who_says_the_space),
        cmocka_unit_test(known_profiles),
        cmocka_unit_test(pure_power_romm),
        cmocka_unit_test(other_curve),
        cmocka_unit_test(unknown_profile),
        cmocka_unit_test(grey_profile),
        cmocka_unit_test(rows_equal_whole),
        cmocka_unit_test(tiff_layouts),
        cmocka_unit_test(pnm_kinds),
        cmocka_unit_test(exr_kinds),
        cmocka_unit_test(jpeg_kinds),
        cmocka_unit_test(not_pictures),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(damaged_exr),
        cmocka_unit_test(cannot_write),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
