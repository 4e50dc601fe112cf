/* JPEG XL pictures: there and back, and of kinds that only libjxl's own encoder makes. */
#include "made.h"

#include "pictures/formats.h"

static void first_bytes(void **state) {
    static const char box[] = "\0\0\0\014JXL \r\n\207\n";
    (void)state;
    assert_true(is_jxl((const uint8_t *)box, 12));
    assert_false(is_jxl((const uint8_t *)box, 11));
    assert_true(is_jxl((const uint8_t *)"\377\012", 2));
    assert_false(is_jxl((const uint8_t *)"\377", 1));
    assert_false(is_jxl((const uint8_t *)"\377\330\377", 3));
}

#ifdef __has_include
#if __has_include(<jxl/thread_parallel_runner.h>)
#define JXL_FOUND
#endif
#endif

#ifndef JXL_FOUND

static void says_what_is_missing(void **state) {
    gmlp_image image = test_image(3, 2, GMLP_U8, GMLP_SRGB);
    picture p;
    char error[256];
    (void)state;
    assert_int_equal(picture_read_memory("\377\012..", 4, "x", 0, &p, error), -1);
    assert_non_null(strstr(error, "libjxl is missing"));
    assert_int_equal(picture_write(in_folder("a.jxl"), &image, NULL, error), -1);
    assert_non_null(strstr(error, "libjxl is missing"));
    free(image.data);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(first_bytes), cmocka_unit_test(says_what_is_missing) };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#else

#include "made_icc.h"

#include <jxl/decode.h>
#include <jxl/encode.h>

static void there_and_back(void **state) {
    static const int types[] = { GMLP_U8, GMLP_U16, GMLP_F32 };
    int space;
    size_t i;
    (void)state;
    for (space = GMLP_SRGB; space <= GMLP_REC2020_LINEAR; space++)
        for (i = 0; gmlp_space_name(space) && i < 3; i++) {
            gmlp_image image = test_image(37, 23, types[i], space);
            const char *path = in_folder("a.jxl");
            uint8_t cicp[4];
            const char *from = cicp_of_space(space, cicp) ? "cICP" : "ICC profile";
            picture back;
            char error[256];
            if (space == GMLP_SYCC) {
                free(image.data);
                continue;
            }
            if (picture_write(path, &image, NULL, error) || picture_read(path, 0, 0, &back, error)) fail_msg("%s", error);
            unlink(path);
            if (back.image.space != space || strcmp(back.space_from, from) || back.image.type != types[i])
                fail_msg("%s, type %d: read as %s, type %d by %s", gmlp_space_name(space), types[i],
                         gmlp_space_name(back.image.space), back.image.type, back.space_from);
            assert_int_equal(back.image.width, 37);
            assert_int_equal(back.image.height, 23);
            assert_memory_equal(back.image.data, image.data, image_bytes(&image));
            picture_free(&back);
            free(image.data);
        }
}

/* Layers as they are in the file. */
static int layers_of(const uint8_t *bytes, size_t size) {
    JxlDecoder *d = JxlDecoderCreate(NULL);
    JxlDecoderStatus status;
    int count = 0;
    assert_int_equal(JxlDecoderSetCoalescing(d, JXL_FALSE), JXL_DEC_SUCCESS);
    assert_int_equal(JxlDecoderSubscribeEvents(d, JXL_DEC_FRAME), JXL_DEC_SUCCESS);
    assert_int_equal(JxlDecoderSetInput(d, bytes, size), JXL_DEC_SUCCESS);
    JxlDecoderCloseInput(d);
    while ((status = JxlDecoderProcessInput(d)) == JXL_DEC_FRAME) count++;
    assert_int_equal(status, JXL_DEC_SUCCESS);
    JxlDecoderDestroy(d);
    return count;
}

/* Large pictures are strips in the file, whatever portions their rows come in, and one picture for who reads them. */
static void strips(void **state) {
    static const struct {
        uint32_t width, height;
        int layers;
    } cases[] = { { 4096, 4097, 2 }, { 32000, 525, 2 } };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        gmlp_image image = test_image(cases[i].width, cases[i].height, GMLP_U8, GMLP_P3);
        const size_t row = (size_t)image.width * 3;
        const char *path = in_folder("strips.jxl");
        output o;
        picture_sink *s;
        picture back;
        char error[256];
        uint8_t *file;
        size_t size;
        uint32_t y, n;
        assert_int_equal(output_open(&o, path, error), 0);
        s = picture_sink_open(path, o.file, &image, NULL, error);
        assert_non_null(s);
        for (y = 0, n = 1; y < image.height; y += n, n = 2 * n < image.height - y ? 2 * n : image.height - y)
            assert_int_equal(picture_sink_rows(s, (uint8_t *)image.data + y * row, n, error), 0);
        assert_int_equal(picture_sink_end(s, 0, error), 0);
        assert_int_equal(output_commit(&o, error), 0);
        if (picture_read(path, 0, 0, &back, error) || file_read(path, &file, &size, error)) fail_msg("%s", error);
        unlink(path);
        assert_int_equal(layers_of(file, size), cases[i].layers);
        free(file);
        assert_string_equal(back.notes, "");
        assert_string_equal(back.left, "");
        assert_int_equal(back.image.width, image.width);
        assert_int_equal(back.image.height, image.height);
        assert_memory_equal(back.image.data, image.data, image_bytes(&image));
        picture_free(&back);
        free(image.data);
    }
}

static void no_halves(void **state) {
    (void)state;
    assert_string_equal(picture_cannot_hold("a.jxl", GMLP_F16), "a .jxl file holds 8-bit, 16-bit or float samples");
    assert_null(picture_cannot_hold("a.jxl", GMLP_F32));
}

/* What libjxl makes. */

enum { SIDE = 64 };

static const uint8_t exif[30] = "\0\0\0\0MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\6\0\0\0\0\0\0"; /* turned */
enum { XMP_SIZE = 100000 };

/* Four squares of one colour each. */
static const float squares[4][3] = { { 1, 0, 0 }, { 0.25f, 0.75f, 0.5f }, { 0.125f, 0.25f, 1 }, { 0.5f, 0.5f, 0.5f } };

typedef struct recipe {
    uint32_t bits, exponent, orientation;
    int grey, alpha, premultiplied, black, frames;
    int boxes; /* 1: EXIF and XMP, 2: packed */
    const JxlColorEncoding *color; /* NULL: sRGB */
    const void *icc;
    size_t icc_size;
    float distance; /* 0: without loss */
} recipe;

typedef struct bytes {
    uint8_t data[1 << 18];
    size_t size;
} bytes;

/* Bytes that pack well, so that there are more than the file has. */
static uint8_t *make_xmp(void) {
    uint8_t *xmp = (uint8_t *)malloc(XMP_SIZE);
    int i;
    for (i = 0; i < XMP_SIZE; i++) xmp[i] = (uint8_t)('a' + i / 1000 % 26);
    return xmp;
}

static void add_boxes(const recipe *r, JxlEncoder *e) {
    uint8_t *xmp = make_xmp();
    assert_int_equal(JxlEncoderUseBoxes(e), 0);
    assert_int_equal(JxlEncoderAddBox(e, "Exif", exif, sizeof exif, r->boxes == 2), 0);
    assert_int_equal(JxlEncoderAddBox(e, "xml ", xmp, XMP_SIZE, r->boxes == 2), 0);
    free(xmp);
}

static void add_frame(const recipe *r, JxlEncoder *e, JxlEncoderFrameSettings *how) {
    const size_t channels = (r->grey ? 1u : 3u) + (r->alpha ? 1u : 0u);
    float *pixels = (float *)malloc(SIDE * SIDE * channels * sizeof *pixels), *to = pixels;
    float *black = (float *)calloc(SIDE * SIDE, sizeof *black);
    const JxlPixelFormat format = { (uint32_t)channels, JXL_TYPE_FLOAT, JXL_NATIVE_ENDIAN, 0 };
    const JxlPixelFormat one = { 1, JXL_TYPE_FLOAT, JXL_NATIVE_ENDIAN, 0 };
    int x, y, c;
    assert_non_null(pixels);
    for (y = 0; y < SIDE; y++)
        for (x = 0; x < SIDE; x++) {
            for (c = 0; c < (r->grey ? 1 : 3); c++)
                *to++ = squares[y / 32 * 2 + x / 32][c] * (r->premultiplied ? 0.5f : 1.0f);
            if (r->alpha) *to++ = r->premultiplied ? 0.5f : 1.0f;
        }
    assert_int_equal(JxlEncoderAddImageFrame(how, &format, pixels, SIDE * SIDE * channels * sizeof *pixels), 0);
    if (r->black) assert_int_equal(JxlEncoderSetExtraChannelBuffer(how, &one, black, SIDE * SIDE * sizeof *black, 0), 0);
    (void)e;
    free(pixels);
    free(black);
}

static void make(const recipe *r, bytes *b) {
    JxlEncoder *e = JxlEncoderCreate(NULL);
    JxlEncoderFrameSettings *how;
    JxlColorEncoding srgb;
    JxlBasicInfo info;
    uint8_t *end = b->data;
    size_t room = sizeof b->data;
    int i;
    JxlEncoderInitBasicInfo(&info);
    info.xsize = info.ysize = SIDE;
    info.bits_per_sample = r->bits;
    info.exponent_bits_per_sample = r->exponent;
    info.num_color_channels = r->grey ? 1 : 3;
    info.num_extra_channels = (r->alpha ? 1u : 0u) + (r->black ? 1u : 0u);
    info.alpha_bits = r->alpha ? r->bits : 0;
    info.alpha_exponent_bits = r->alpha ? r->exponent : 0;
    info.uses_original_profile = r->distance == 0;
    if (r->orientation) info.orientation = (JxlOrientation)r->orientation;
    if (r->frames > 1) {
        info.have_animation = JXL_TRUE;
        info.animation.tps_numerator = 10;
        info.animation.tps_denominator = 1;
    }
    JxlEncoderSetCodestreamLevel(e, 10);
    if (r->boxes) add_boxes(r, e);
    assert_int_equal(JxlEncoderSetBasicInfo(e, &info), 0);
    if (r->black || r->alpha) {
        JxlExtraChannelInfo extra;
        JxlEncoderInitExtraChannelInfo(r->black ? JXL_CHANNEL_BLACK : JXL_CHANNEL_ALPHA, &extra);
        extra.bits_per_sample = r->bits;
        assert_int_equal(JxlEncoderSetExtraChannelInfo(e, 0, &extra), 0);
    }
    JxlColorEncodingSetToSRGB(&srgb, r->grey);
    if (r->icc) assert_int_equal(JxlEncoderSetICCProfile(e, (const uint8_t *)r->icc, r->icc_size), 0);
    else assert_int_equal(JxlEncoderSetColorEncoding(e, r->color ? r->color : &srgb), 0);
    how = JxlEncoderFrameSettingsCreate(e, NULL);
    if (r->distance > 0) JxlEncoderSetFrameDistance(how, r->distance);
    else JxlEncoderSetFrameLossless(how, JXL_TRUE);
    for (i = 0; i < (r->frames > 1 ? r->frames : 1); i++) {
        if (r->frames > 1) {
            JxlFrameHeader head;
            JxlEncoderInitFrameHeader(&head);
            head.duration = 1;
            JxlEncoderSetFrameHeader(how, &head);
        }
        add_frame(r, e, how);
    }
    JxlEncoderCloseInput(e);
    assert_int_equal(JxlEncoderProcessOutput(e, &end, &room), JXL_ENC_SUCCESS);
    b->size = sizeof b->data - room;
    JxlEncoderDestroy(e);
}

static picture read_made(const bytes *b) {
    picture p;
    char error[256];
    if (picture_read_memory(b->data, b->size, "x", 0, &p, error)) fail_msg("%s", error);
    return p;
}

static float sample(const gmlp_image *image, int square, int c) {
    const size_t at = ((size_t)(16 + square / 2 * 32) * SIDE + (size_t)(16 + square % 2 * 32)) * 3 + (size_t)c;
    switch (image->type) {
        case GMLP_U8: return ((uint8_t *)image->data)[at] / 255.0f;
        case GMLP_U16: return ((uint16_t *)image->data)[at] / 65535.0f;
        case GMLP_F16: return gmlp_half_to_float(((uint16_t *)image->data)[at]);
        default: return ((float *)image->data)[at];
    }
}

static void expect_squares(const gmlp_image *image, int type, int grey, double near) {
    int i, c;
    assert_int_equal(image->type, type);
    assert_int_equal(image->width, SIDE);
    for (i = 0; i < 4; i++)
        for (c = 0; c < 3; c++)
            if (fabs((double)sample(image, i, c) - (double)squares[i][grey ? 0 : c]) > near)
                fail_msg("square %d, channel %d: %g", i, c, (double)sample(image, i, c));
}

static void kinds(void **state) {
    bytes *b = (bytes *)malloc(sizeof *b);
    recipe r;
    picture p;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 10; /* to 16 bits */
    make(&r, b);
    p = read_made(b);
    assert_int_equal(p.image.space, GMLP_SRGB);
    expect_squares(&p.image, GMLP_U16, 0, 0.51 / 1023);
    picture_free(&p);
    r.bits = 16;
    r.exponent = 5; /* halves */
    make(&r, b);
    p = read_made(b);
    expect_squares(&p.image, GMLP_F16, 0, 0);
    picture_free(&p);
    r.bits = 8;
    r.exponent = 0;
    r.grey = 1;
    make(&r, b);
    p = read_made(b);
    assert_int_equal(p.image.space, GMLP_SRGB);
    expect_squares(&p.image, GMLP_U8, 1, 0.51 / 255);
    picture_free(&p);
    r.grey = 0;
    r.frames = 2;
    make(&r, b);
    p = read_made(b);
    expect_squares(&p.image, GMLP_U8, 0, 0.51 / 255);
    assert_string_equal(p.left, "of its animation the first frame is taken\n");
    picture_free(&p);
    free(b);
}

/* What the library itself makes of a picture with layers and alpha. */
static void put_together(const bytes *b, uint8_t *rgba) {
    const JxlPixelFormat format = { 4, JXL_TYPE_UINT8, JXL_NATIVE_ENDIAN, 0 };
    JxlDecoder *d = JxlDecoderCreate(NULL);
    assert_int_equal(JxlDecoderSubscribeEvents(d, JXL_DEC_FULL_IMAGE), JXL_DEC_SUCCESS);
    assert_int_equal(JxlDecoderSetInput(d, b->data, b->size), JXL_DEC_SUCCESS);
    JxlDecoderCloseInput(d);
    assert_int_equal(JxlDecoderProcessInput(d), JXL_DEC_NEED_IMAGE_OUT_BUFFER);
    assert_int_equal(JxlDecoderSetImageOutBuffer(d, &format, rgba, SIDE * SIDE * 4), JXL_DEC_SUCCESS);
    assert_int_equal(JxlDecoderProcessInput(d), JXL_DEC_FULL_IMAGE);
    JxlDecoderDestroy(d);
}

typedef struct layer {
    int x, y;
    uint32_t width, height;
    JxlBlendMode mode;
} layer;

static void make_layers(const layer *layers, int count, bytes *b) {
    static const JxlPixelFormat format = { 4, JXL_TYPE_UINT8, JXL_NATIVE_ENDIAN, 0 };
    static uint8_t noise[SIDE * SIDE * 4];
    JxlEncoder *e = JxlEncoderCreate(NULL);
    JxlEncoderFrameSettings *how;
    JxlColorEncoding srgb;
    JxlBasicInfo info;
    uint8_t *end = b->data;
    uint32_t state = 1;
    size_t room = sizeof b->data, i;
    JxlEncoderInitBasicInfo(&info);
    info.xsize = info.ysize = SIDE;
    info.bits_per_sample = info.alpha_bits = 8;
    info.num_extra_channels = 1;
    info.uses_original_profile = JXL_TRUE;
    assert_int_equal(JxlEncoderSetBasicInfo(e, &info), 0);
    JxlColorEncodingSetToSRGB(&srgb, 0);
    assert_int_equal(JxlEncoderSetColorEncoding(e, &srgb), 0);
    how = JxlEncoderFrameSettingsCreate(e, NULL);
    JxlEncoderSetFrameLossless(how, JXL_TRUE);
    for (; count--; layers++) {
        JxlFrameHeader head;
        JxlEncoderInitFrameHeader(&head);
        head.layer_info.have_crop = JXL_TRUE;
        head.layer_info.crop_x0 = layers->x;
        head.layer_info.crop_y0 = layers->y;
        head.layer_info.xsize = layers->width;
        head.layer_info.ysize = layers->height;
        head.layer_info.blend_info.blendmode = layers->mode;
        assert_int_equal(JxlEncoderSetFrameHeader(how, &head), 0);
        assert_int_equal(JxlEncoderSetExtraChannelBlendInfo(how, 0, &head.layer_info.blend_info), 0);
        for (i = 0; i < layers->width * layers->height * 4; i++)
            noise[i] = (uint8_t)((state = state * 1664525u + 1013904223u) >> 24);
        assert_int_equal(JxlEncoderAddImageFrame(how, &format, noise, layers->width * layers->height * 4), 0);
    }
    JxlEncoderCloseInput(e);
    assert_int_equal(JxlEncoderProcessOutput(e, &end, &room), JXL_ENC_SUCCESS);
    b->size = sizeof b->data - room;
    JxlEncoderDestroy(e);
}

/* Layers that reach over the edges, lie on others and leave gaps; the last one replaces or blends. A file that ends
   within one is no picture. */
static void layers_on_layers(void **state) {
    layer layers[] = { { -8, 5, 40, 30, JXL_BLEND_REPLACE }, { 20, -4, 64, 30, JXL_BLEND_REPLACE },
                       { 10, 20, 20, 50, JXL_BLEND_REPLACE } };
    bytes *b = (bytes *)malloc(sizeof *b);
    uint8_t right[SIDE * SIDE * 4];
    char error[256];
    picture p;
    size_t i;
    int blend;
    (void)state;
    for (blend = 0; blend < 2; blend++) {
        layers[2].mode = blend ? JXL_BLEND_BLEND : JXL_BLEND_REPLACE;
        make_layers(layers, 3, b);
        assert_int_equal(layers_of(b->data, b->size), 3);
        put_together(b, right);
        p = read_made(b);
        assert_int_equal(p.image.type, GMLP_U8);
        for (i = 0; i < SIDE * SIDE; i++) {
            assert_memory_equal((uint8_t *)p.image.data + 3 * i, right + 4 * i, 3);
            assert_int_equal(p.alpha[i], right[4 * i + 3]);
        }
        picture_free(&p);
        for (i = 200; i < b->size; i += 2999)
            if (!picture_read_memory(b->data, i, "x", 0, &p, error)) fail_msg("%zu of %zu bytes", i, b->size);
    }
    free(b);
}

/* 1 if nothing but the alpha of a file is another. */
static int is_associated(const bytes *b) {
    JxlDecoder *d = JxlDecoderCreate(NULL);
    JxlBasicInfo info;
    int is;
    JxlDecoderSubscribeEvents(d, JXL_DEC_BASIC_INFO);
    JxlDecoderSetInput(d, b->data, b->size);
    is = JxlDecoderProcessInput(d) == JXL_DEC_BASIC_INFO && JxlDecoderGetBasicInfo(d, &info) == JXL_DEC_SUCCESS &&
         info.alpha_premultiplied && info.xsize == SIDE && info.ysize == SIDE && info.bits_per_sample == 16 &&
         info.alpha_bits == 16 && info.num_extra_channels == 1;
    JxlDecoderDestroy(d);
    return is;
}

/* Turns the bit of the header that says so, as libjxl 0.7 cannot be told to write it. */
static void associate(bytes *b) {
    size_t bit;
    for (bit = 0; bit < 100 * 8 && bit < b->size * 8; bit++) {
        picture p;
        char error[256];
        b->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (is_associated(b) && !picture_read_memory(b->data, b->size, "x", 0, &p, error)) {
            picture_free(&p);
            return;
        }
        b->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    fail_msg("no bit for it");
}

static void alpha(void **state) {
    bytes *b = (bytes *)malloc(sizeof *b);
    recipe r;
    int i;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 16;
    r.alpha = 1;
    for (i = 0; i < 2; i++) {
        picture p;
        r.premultiplied = i;
        make(&r, b);
        if (i) associate(b);
        p = read_made(b);
        assert_string_equal(p.notes, "");
        assert_int_equal(p.alpha != NULL, i);
        if (i) assert_true(p.alpha[0] == 128 && p.alpha[SIDE * SIDE - 1] == 128);
        expect_squares(&p.image, GMLP_U16, 0, 3.0 / 65535);
        picture_free(&p);
    }
    free(b);
}

/* The file turns its pixels itself: EXIF's orientation is not looked at. */
static void boxes(void **state) {
    bytes *b = (bytes *)malloc(sizeof *b);
    uint8_t *xmp = make_xmp();
    recipe r;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 8;
    for (r.boxes = 1; r.boxes <= 2; r.boxes++)
        for (r.frames = 1; r.frames <= 2; r.frames++) {
            picture p;
            make(&r, b);
            p = read_made(b);
            assert_int_equal(p.orientation, 1);
            assert_int_equal(p.metadata.blocks[METADATA_EXIF].size, sizeof exif - 4);
            assert_memory_equal(p.metadata.blocks[METADATA_EXIF].bytes, exif + 4, sizeof exif - 4);
            assert_int_equal(p.metadata.blocks[METADATA_XMP].size, XMP_SIZE);
            assert_memory_equal(p.metadata.blocks[METADATA_XMP].bytes, xmp, XMP_SIZE);
            assert_string_equal(p.notes, "");
            picture_free(&p);
        }
    free(xmp);
    free(b);
}

static void cmyk(void **state) {
    bytes *b = (bytes *)malloc(sizeof *b);
    recipe r;
    picture p;
    char error[256];
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 8;
    r.black = 1;
    make(&r, b);
    assert_int_equal(picture_read_memory(b->data, b->size, "x", 0, &p, error), -1);
    assert_non_null(strstr(error, "CMYK"));
    free(b);
}

/* As a viewer shows them. */
static void turned(void **state) {
    static const int at[9][4] = { { 0 },         { 0, 1, 2, 3 }, { 1, 0, 3, 2 }, { 3, 2, 1, 0 }, { 2, 3, 0, 1 },
                                  { 0, 2, 1, 3 }, { 2, 0, 3, 1 }, { 3, 1, 2, 0 }, { 1, 3, 0, 2 } };
    bytes *b = (bytes *)malloc(sizeof *b);
    recipe r;
    int i, k, c;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 8;
    for (i = 1; i <= 8; i++) {
        picture p;
        r.orientation = (uint32_t)i;
        make(&r, b);
        p = read_made(b);
        assert_int_equal(p.orientation, 1);
        for (k = 0; k < 4; k++)
            for (c = 0; c < 3; c++)
                if (fabs((double)sample(&p.image, k, c) - (double)squares[at[i][k]][c]) > 0.51 / 255)
                    fail_msg("orientation %d, square %d", i, k);
        picture_free(&p);
    }
    free(b);
}

static double gamma22(double code) { return pow(code, 563.0 / 256); }
static double romm_encode(double light) { return light < 1 / 512.0 ? 16 * light : pow(light, 1 / 1.8); }

/* Lossy files hold no numbers of their own space: what comes back is the colour, also beyond sRGB, in which libjxl alone
   would cut it. */
static void lossy_with_profile(void **state) {
    /* Adobe RGB to ROMM, white points joined by Bradford */
    static const double m[9] = { 0.7401, 0.1133, 0.1466, 0.1376, 0.8331, 0.0294, 0.0236, 0.0738, 0.9026 };
    bytes *b = (bytes *)malloc(sizeof *b);
    cmsUInt32Number size;
    void *icc = make_icc(xy_adobe, 563.0 / 256, &size);
    recipe r;
    picture p;
    int i, c, k;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 8;
    r.icc = icc;
    r.icc_size = size;
    r.distance = 0.1f;
    make(&r, b);
    p = read_made(b);
    assert_int_equal(p.image.type, GMLP_F32);
    assert_int_equal(p.image.space, GMLP_PROPHOTO);
    assert_string_equal(p.space_from, "ICC profile");
    for (i = 0; i < 4; i++)
        for (c = 0; c < 3; c++) {
            double light = 0;
            for (k = 0; k < 3; k++) light += m[3 * c + k] * gamma22((double)squares[i][k]);
            if (fabs((double)sample(&p.image, i, c) - romm_encode(light)) > 0.012)
                fail_msg("square %d, channel %d: %g, not %g", i, c, (double)sample(&p.image, i, c), romm_encode(light));
        }
    picture_free(&p);
    free(icc);
    free(b);
}

static void lossy_in_p3(void **state) {
    bytes *b = (bytes *)malloc(sizeof *b);
    JxlColorEncoding p3;
    recipe r;
    picture p;
    (void)state;
    JxlColorEncodingSetToSRGB(&p3, 0);
    p3.primaries = JXL_PRIMARIES_P3;
    memset(&r, 0, sizeof r);
    r.bits = 8;
    r.color = &p3;
    r.distance = 0.1f;
    make(&r, b);
    p = read_made(b);
    assert_int_equal(p.image.space, GMLP_P3);
    expect_squares(&p.image, GMLP_U16, 0, 0.012);
    picture_free(&p);
    free(b);
}

/* 65535 x 65535 pixels of sRGB: signature, "not small", a height of 18 bits, "as wide as high", all else as usual. */
static void out_of_proportion(void **state) {
    uint8_t head[64] = { 0xff, 0x0a };
    const uint32_t bits = 0u | 2u << 1 | 65534u << 3 | 1u << 21 | 1u << 24;
    picture p;
    char error[256];
    int i;
    (void)state;
    for (i = 0; i < 4; i++) head[2 + i] = (uint8_t)(bits >> 8 * i);
    assert_int_equal(picture_read_memory(head, sizeof head, "x", 0, &p, error), -1);
    if (!strstr(error, "65535 x 65535 pixels in 64 bytes are out of proportion")) fail_msg("%s", error);
}

static void damaged(void **state) {
    bytes *b = (bytes *)malloc(sizeof *b);
    recipe r;
    int lossy;
    (void)state;
    for (lossy = 0; lossy < 2; lossy++) {
        memset(&r, 0, sizeof r);
        r.bits = 8;
        r.alpha = 1;
        r.distance = lossy ? 1.0f : 0;
        make(&r, b);
        refuse_beginnings(b->data, b->size - 1); /* the last one holds nothing */
        survive_flips(b->data, b->size);
    }
    free(b);
}

static void cannot_write(void **state) {
    gmlp_image image = test_image(64, 64, GMLP_U16, GMLP_SRGB);
    (void)state;
    expect_full_disk("a.jxl", &image);
    free(image.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_bytes),       cmocka_unit_test(there_and_back),
        cmocka_unit_test(no_halves),         cmocka_unit_test(kinds),
        cmocka_unit_test(layers_on_layers),
        cmocka_unit_test(alpha),             cmocka_unit_test(boxes),
        cmocka_unit_test(cmyk),              cmocka_unit_test(layers_on_layers),
        cmocka_unit_test(turned),            cmocka_unit_test(lossy_with_profile),
        cmocka_unit_test(lossy_in_p3),       cmocka_unit_test(strips),
        cmocka_unit_test(out_of_proportion),
        cmocka_unit_test(damaged),           cmocka_unit_test(cannot_write),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#endif
