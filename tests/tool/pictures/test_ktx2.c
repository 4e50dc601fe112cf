/* KTX2 textures: files made by hand, field by field as Khronos' specifications have them, of each kind of texels; what
   is written, read by hand; damage. */
#include "made.h"

#include <zlib.h>

#include "pictures/formats.h"

#ifdef __has_include
#if __has_include(<zstd.h>)
#include <zstd.h>
#define WITH_ZSTD
#endif
#endif

typedef struct made {
    uint32_t format, width, height, depth, layers, faces, scheme;
    uint8_t primaries, curve, flags;
    const char *orientation;
    const void *pixels;
    size_t size;
} made;

static void put(uint8_t *p, uint64_t v, int bytes) {
    int i;
    for (i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> 8 * i);
}
static uint64_t get(const uint8_t *p, int bytes) {
    uint64_t v = 0;
    while (bytes--) v = v << 8 | p[bytes];
    return v;
}

enum { PIXELS_AT = 80 + 24 + 44 + 24 };

/* The pixels are stored as scheme says; the size is theirs. */
static uint8_t *make(const made *m, size_t *size) {
    uLongf packed = compressBound(m->size);
    uint8_t *p = (uint8_t *)calloc(1, PIXELS_AT + packed + 1000);
    size_t stored = m->size;
    assert_non_null(p);
    memcpy(p, "\xabKTX 20\xbb\r\n\x1a\n", 12);
    put(p + 12, m->format, 4);
    put(p + 16, 1, 4);
    put(p + 20, m->width, 4);
    put(p + 24, m->height, 4);
    put(p + 28, m->depth, 4);
    put(p + 32, m->layers, 4);
    put(p + 36, m->faces, 4);
    put(p + 40, 1, 4);
    put(p + 44, m->scheme, 4);
    put(p + 48, 104, 4);
    put(p + 52, 44, 4);
    put(p + 104, 44, 4);
    put(p + 112, 2 | 40 << 16, 4);
    p[116] = 1;
    p[117] = m->primaries;
    p[118] = m->curve;
    p[119] = m->flags;
    if (m->orientation) {
        put(p + 56, 148, 4);
        put(p + 60, 24, 4);
        put(p + 148, 18, 4);
        memcpy(p + 152, "KTXorientation", 15);
        memcpy(p + 167, m->orientation, 2);
    }
    if (m->scheme == 3) {
        assert_int_equal(compress(p + PIXELS_AT, &packed, (const Bytef *)m->pixels, m->size), Z_OK);
        stored = packed;
#ifdef WITH_ZSTD
    } else if (m->scheme == 2) {
        stored = ZSTD_compress(p + PIXELS_AT, packed + 1000, m->pixels, m->size, 3);
        assert_false(ZSTD_isError(stored));
#endif
    } else memcpy(p + PIXELS_AT, m->pixels, m->size);
    put(p + 80, PIXELS_AT, 8);
    put(p + 88, stored, 8);
    put(p + 96, m->size, 8);
    *size = PIXELS_AT + stored;
    return p;
}

static picture read_made(const made *m) {
    picture p;
    char error[256];
    size_t size;
    uint8_t *bytes = make(m, &size);
    if (picture_read_memory(bytes, size, "x.ktx2", 0, &p, error)) fail_msg("%s", error);
    free(bytes);
    return p;
}

static void refused(const uint8_t *bytes, size_t size, const char *part) {
    picture p;
    char error[256];
    assert_int_equal(picture_read_memory(bytes, size, "x.ktx2", 0, &p, error), -1);
    if (!strstr(error, part)) fail_msg("'%s' does not say '%s'", error, part);
    assert_null(p.image.data);
}

/* Two texels: red-ish, and blue-ish with alpha 128. */
static const uint8_t rgba[8] = { 200, 30, 10, 255, 5, 60, 250, 128 }, bgra[8] = { 10, 30, 200, 255, 250, 60, 5, 128 },
                     rgb[6] = { 200, 30, 10, 5, 60, 250 }, bgr[6] = { 10, 30, 200, 250, 60, 5 };

static void codes(void **state) {
    static const struct { uint32_t format; const uint8_t *pixels; int alpha, srgb; } all[] = {
        { 23, rgb, 0, 0 }, { 29, rgb, 0, 1 }, { 30, bgr, 0, 0 }, { 36, bgr, 0, 1 },
        { 37, rgba, 1, 0 }, { 43, rgba, 1, 1 }, { 44, bgra, 1, 0 }, { 50, bgra, 1, 1 }
    };
    size_t i;
    uint32_t scheme;
    (void)state;
    for (i = 0; i < sizeof all / sizeof *all; i++)
        for (scheme = 0; scheme <= 3; scheme++) {
            made m = { all[i].format, 2, 1, 0, 0, 1, scheme, 1, 1, 0, NULL, all[i].pixels, all[i].alpha ? 8 : 6 };
            picture p;
#ifndef WITH_ZSTD
            if (scheme == 2) continue;
#endif
            if (scheme == 1) continue;
            p = read_made(&m);
            assert_int_equal(p.image.type, GMLP_U8);
            assert_int_equal(p.image.space, all[i].srgb ? GMLP_SRGB : GMLP_SRGB_LINEAR);
            assert_string_equal(p.space_from, "KTX2 descriptor");
            assert_memory_equal(p.image.data, rgb, 6);
            assert_int_equal(p.alpha != NULL, all[i].alpha);
            if (p.alpha) assert_true(p.alpha[0] == 255 && p.alpha[1] == 128);
            picture_free(&p);
        }
}

static void deep(void **state) {
    static const uint8_t deep16[8] = { 0x01, 0x80, 0xff, 0xff, 0x00, 0x00, 0x00, 0x80 }; /* 0x8001, 0xffff, 0; half */
    static const uint8_t half[8] = { 0x00, 0x3c, 0x00, 0x40, 0x00, 0xb8, 0x00, 0x3c };   /* 1, 2, -0.5; 1 */
    static const uint8_t floats[16] = { 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0, 0, 0, 0xbf, 0, 0, 0x80, 0x3f };
    const made m16 = { 91, 1, 1, 0, 1, 1, 0, 10, 2, 0, NULL, deep16, 8 }, rgb16 = { 84, 1, 1, 0, 0, 1, 0, 0, 0, 0, NULL, deep16, 6 };
    const made mhalf = { 97, 1, 1, 0, 0, 1, 0, 4, 1, 0, NULL, half, 8 }, mfloat = { 109, 1, 1, 0, 0, 1, 0, 7, 1, 0, NULL, floats, 16 };
    picture p = read_made(&m16);
    (void)state;
    assert_int_equal(p.image.type, GMLP_U16);
    assert_int_equal(p.image.space, GMLP_P3);
    assert_true(((uint16_t *)p.image.data)[0] == 0x8001 && ((uint16_t *)p.image.data)[1] == 0xffff);
    assert_true(p.alpha && p.alpha[0] == 128);
    picture_free(&p);
    p = read_made(&rgb16);
    assert_string_equal(p.space_from, "assumed");
    assert_true(((uint16_t *)p.image.data)[0] == 0x8001);
    picture_free(&p);
    p = read_made(&mhalf);
    assert_int_equal(p.image.type, GMLP_F16);
    assert_int_equal(p.image.space, GMLP_REC2020_LINEAR);
    assert_memory_equal(p.image.data, half, 6);
    assert_null(p.alpha); /* all opaque */
    picture_free(&p);
    p = read_made(&mfloat);
    assert_int_equal(p.image.space, GMLP_ACESCG);
    assert_true(((float *)p.image.data)[1] == 2 && ((float *)p.image.data)[2] == -0.5f);
    picture_free(&p);
}

static void what_it_says(void **state) {
    static const char *const words[] = { "rd", "ld", "lu", "ru" };
    made m = { 43, 2, 1, 0, 0, 1, 0, 1, 2, 0, NULL, rgba, 8 };
    picture p;
    char error[256];
    size_t size;
    uint8_t *bytes;
    int i;
    (void)state;
    for (i = 0; i < 4; i++) {
        m.orientation = words[i];
        p = read_made(&m);
        assert_int_equal(p.orientation, i + 1);
        picture_free(&p);
    }
    m.flags = 1; /* premultiplied: 5, 60, 126 by 128 / 255 */
    m.pixels = "\12\36\144\377\5\74\176\200";
    p = read_made(&m);
    assert_int_equal(((uint8_t *)p.image.data)[3], 10);
    assert_int_equal(((uint8_t *)p.image.data)[4], 120);
    assert_int_equal(((uint8_t *)p.image.data)[5], 251);
    picture_free(&p);
    m.flags = 0;
    m.primaries = 5; /* XYZ with sRGB's curve: nobody's */
    bytes = make(&m, &size);
    refused(bytes, size, "primaries 5, transfer 2, no known space's; say the colour space with --from");
    assert_int_equal(picture_read_memory(bytes, size, "x", GMLP_P3, &p, error), 0);
    assert_int_equal(p.image.space, GMLP_P3);
    picture_free(&p);
    free(bytes);
}

static uint8_t *make_swizzled(const made *m, const char *letters, size_t *size) {
    uint8_t *bytes = make(m, size);
    put(bytes + 56, 148, 4);
    put(bytes + 60, 20, 4);
    put(bytes + 148, 16, 4);
    memcpy(bytes + 152, "KTXswizzle", 11);
    memcpy(bytes + 163, letters, 5);
    return bytes;
}

/* The texel's red, green, blue and alpha come from where KTXswizzle says. */
static void swizzled(void **state) {
    static const struct {
        uint32_t format;
        const uint8_t *pixels;
        const char *letters;
        uint8_t rgb[3], alpha; /* of the second texel */
    } cases[] = { { 37, rgba, "rgba", { 5, 60, 250 }, 128 }, { 37, rgba, "bgra", { 250, 60, 5 }, 128 },
                  { 37, rgba, "rgb1", { 5, 60, 250 }, 255 }, { 37, rgba, "rrrg", { 5, 5, 5 }, 60 },
                  { 37, rgba, "01ar", { 0, 255, 128 }, 5 },  { 37, rgba, "rgb0", { 5, 60, 250 }, 0 },
                  { 44, bgra, "bgra", { 250, 60, 5 }, 128 }, { 30, bgr, "brga", { 250, 5, 60 }, 255 },
                  { 23, rgb, "gbr1", { 60, 250, 5 }, 255 },  { 23, rgb, "rgbb", { 5, 60, 250 }, 250 },
                  { 23, rgb, "aaaa", { 255, 255, 255 }, 255 } };
    static const uint8_t half[8] = { 0, 0x34, 0, 0x38, 0, 0x3c, 0, 0x38 }, moved[6] = { 0, 0x3c, 0, 0, 0, 0x34 };
    static const uint8_t floats[12] = { 0, 0, 0x80, 0x3e };
    const made mhalf = { 97, 1, 1, 0, 0, 1, 0, 4, 1, 0, NULL, half, 8 };
    const made mfloat = { 106, 1, 1, 0, 0, 1, 0, 7, 1, 0, NULL, floats, 12 };
    uint8_t *bytes, row[8];
    char error[256];
    picture p;
    size_t i, size;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int four = cases[i].format > 36;
        const made m = { cases[i].format, 2, 1, 0, 0, 1, 0, 1, 1, 0, NULL, cases[i].pixels, four ? 8 : 6 };
        picture_rows *r;
        bytes = make_swizzled(&m, cases[i].letters, &size);
        if (picture_read_memory(bytes, size, "x.ktx2", 0, &p, error)) fail_msg("%s", error);
        if (memcmp((uint8_t *)p.image.data + 3, cases[i].rgb, 3) ||
            (p.alpha ? p.alpha[1] : 255) != cases[i].alpha) fail_msg("%s: %lu", cases[i].letters, (unsigned long)i);
        picture_free(&p);
        r = ktx2_rows_open(bytes, size, error);
        assert_non_null(r);
        assert_int_equal(r->with_alpha(r), cases[i].alpha == 255 ? 3 : 4);
        assert_int_equal(r->read(r, row, 1, error), 0);
        if (cases[i].alpha != 255) assert_int_equal(row[7], cases[i].alpha);
        assert_memory_equal(row + (cases[i].alpha == 255 ? 3 : 4), cases[i].rgb, 3);
        r->close(r);
        free(bytes);
    }
    bytes = make_swizzled(&mhalf, "10r1", &size);
    assert_int_equal(picture_read_memory(bytes, size, "x.ktx2", 0, &p, error), 0);
    assert_memory_equal(p.image.data, moved, 6);
    assert_null(p.alpha);
    picture_free(&p);
    memcpy(bytes + 163, "rgbx", 4);
    refused(bytes, size, "KTXswizzle has other letters");
    free(bytes);
    bytes = make_swizzled(&mfloat, "1rg0", &size);
    assert_int_equal(picture_read_memory(bytes, size, "x.ktx2", 0, &p, error), 0);
    assert_true(((float *)p.image.data)[0] == 1 && ((float *)p.image.data)[1] == 0.25f);
    assert_true(p.alpha && !p.alpha[0]);
    picture_free(&p);
    free(bytes);
}

static void refuses(void **state) {
    static const struct { int at, bytes; uint64_t value; const char *says; } cases[] = {
        { 12, 4, 0, "texels (vkFormat 0)" },           /* undefined */
        { 12, 4, 145, "texels (vkFormat 145)" },       /* BC7 */
        { 44, 4, 1, "BasisLZ" },
        { 44, 4, 4, "scheme 4" },
        { 24, 4, 0, "line" },
        { 28, 4, 2, "volume" },
        { 32, 4, 2, "array" },
        { 36, 4, 6, "cube" },
        { 36, 4, 0, "cube" },
        { 20, 4, 0, "0 x 1 pixels" },
        { 20, 4, 3, "not the bytes" },
        { 20, 4, 70000, "70000 x 1 pixels" },
        { 20, 4, 0xffffffff, "pixels" },
        { 88, 8, 7, "not the bytes" },
        { 80, 8, UINT64_MAX, "too early" },
        { 80, 8, UINT64_MAX - 6, "too early" },
        { 88, 8, UINT64_MAX, "too early" },
        { 40, 4, 0xffffffff, "too early" }
    };
    made m = { 43, 2, 1, 0, 0, 1, 0, 1, 2, 0, "rd", rgba, 8 };
    size_t size, i;
    uint8_t *bytes = make(&m, &size);
    picture p;
    char error[256];
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t was[8];
        memcpy(was, bytes + cases[i].at, 8);
        put(bytes + cases[i].at, cases[i].value, cases[i].bytes);
        refused(bytes, size, cases[i].says);
        memcpy(bytes + cases[i].at, was, 8);
    }
    for (i = 1; i < size; i++) { /* its end is the memory's */
        uint8_t *cut = (uint8_t *)malloc(i);
        memcpy(cut, bytes, i);
        refused(cut, i, i < 12 ? "is not a PNG" : "KTX2: the file ends");
        free(cut);
    }
    for (i = 48; i < 200 && i < size; i++) { /* places of what is read beside the texels, and the keys: any value */
        const uint8_t was = bytes[i];
        for (bytes[i] = 0; bytes[i] < 255; bytes[i]++)
            if (!picture_read_memory(bytes, size, "x", 0, &p, error)) picture_free(&p);
        bytes[i] = was;
    }
    put(bytes + 20, 65535, 4); /* what claims much memory has to bring bytes */
    put(bytes + 24, 65535, 4);
    put(bytes + 44, 3, 4);
    put(bytes + 96, (uint64_t)65535 * 65535 * 4, 8);
    refused(bytes, size, "out of proportion");
    free(bytes);
    m.scheme = 3;
    bytes = make(&m, &size);
    bytes[size - 1] ^= 1;
    refused(bytes, size, "damaged");
    put(bytes + 96, 7, 8);
    refused(bytes, size, "not the bytes");
    free(bytes);
#ifdef WITH_ZSTD
    m.scheme = 2;
    bytes = make(&m, &size);
    memset(bytes + PIXELS_AT, 0, 4);
    refused(bytes, size, "damaged");
    free(bytes);
#endif
}

static double light_of(double code) {
    const double v = code / 255;
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}
static double code_of(double light) {
    return 255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055);
}

/* A level of light, RGBA times alpha, from the one above it by doubles: the mean of the texels that each covers, which
   count in part where it covers them in part. */
static double *next_level(const double *from, uint32_t w, uint32_t h, uint32_t to_w, uint32_t to_h) {
    double *to = (double *)calloc((size_t)to_w * to_h * 4, sizeof *to);
    uint32_t i, x, y;
    int c;
    for (i = 0; i < to_w * to_h; i++) {
        const double x0 = (double)(i % to_w) * w / to_w, x1 = (i % to_w + 1.0) * w / to_w;
        const double y0 = (double)(i / to_w) * h / to_h, y1 = (i / to_w + 1.0) * h / to_h;
        for (y = (uint32_t)y0; y < h && y < y1; y++)
            for (x = (uint32_t)x0; x < w && x < x1; x++)
                for (c = 0; c < 4; c++)
                    to[4 * i + (uint32_t)c] += from[4 * (y * w + x) + (uint32_t)c] * (fmin(x + 1.0, x1) - fmax(x, x0)) *
                                               (fmin(y + 1.0, y1) - fmax(y, y0)) / ((x1 - x0) * (y1 - y0));
    }
    return to;
}

/* Every level against one of doubles; layout and descriptor by hand. */
static void writes(void **state) {
    static const uint32_t sizes[][2] = { { 1, 1 }, { 5, 3 }, { 64, 1 }, { 33, 70 } };
    static const uint8_t block[] = { 0, 0, 0, 0, 2, 0, 88, 0, 1, 1, 2, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0 };
    static const struct { int space, format, primaries, curve; } spaces[] = {
        { GMLP_SRGB, 43, 1, 2 }, { GMLP_P3, 43, 10, 2 }, { GMLP_REC709, 37, 1, 7 }
    };
    size_t k, s;
    (void)state;
    for (k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (s = 0; s < 3; s++) {
            const uint32_t width = sizes[k][0], height = sizes[k][1];
            gmlp_image image = test_image(width, height, GMLP_U8, spaces[s].space);
            uint8_t *alpha = (uint8_t *)malloc((size_t)width * height), *bytes;
            picture_write_opts opts;
            picture back;
            size_t size, end, i;
            uint32_t levels = 1, level, above_w = 0, above_h = 0;
            double *light = NULL;
            char error[256];
            while (width >> levels || height >> levels) levels++;
            memset(&opts, 0, sizeof opts);
            for (i = 0; i < (size_t)width * height; i++) alpha[i] = (uint8_t)(i % 3 ? 255 : 10 + i % 200);
            opts.alpha = s ? NULL : alpha;
            assert_int_equal(picture_encode_memory(GMLP_CONTAINER_KTX2, &image, &opts, &bytes, &size, error), 0);
            assert_int_equal(get(bytes + 12, 4), spaces[s].format);
            assert_int_equal(get(bytes + 20, 4), width);
            assert_int_equal(get(bytes + 24, 4), height);
            assert_int_equal(get(bytes + 40, 4), levels);
            assert_int_equal(get(bytes + 48, 4), 80 + 24 * levels);
            assert_int_equal(get(bytes + 52, 4), 92);
            assert_int_equal(get(bytes + 80 + 24 * levels, 4), 92);
            bytes[80 + 24 * levels + 4 + 9] ^= (uint8_t)(spaces[s].primaries ^ 1); /* what differs from sRGB's */
            bytes[80 + 24 * levels + 4 + 10] ^= (uint8_t)(spaces[s].curve ^ 2);
            assert_memory_equal(bytes + 80 + 24 * levels + 4, block, sizeof block);
            bytes[80 + 24 * levels + 4 + 9] ^= (uint8_t)(spaces[s].primaries ^ 1);
            bytes[80 + 24 * levels + 4 + 10] ^= (uint8_t)(spaces[s].curve ^ 2);
            for (i = 0; i < 4; i++) {
                const uint8_t *sample = bytes + 80 + 24 * levels + 28 + 16 * i;
                assert_int_equal(get(sample, 2), 8 * i);
                assert_int_equal(sample[2], 7);
                assert_int_equal(sample[3], i < 3 ? i : 0x1f);
                assert_int_equal(get(sample + 4, 8), 0);
                assert_int_equal(get(sample + 12, 4), 255);
            }
            end = (size_t)(get(bytes + 56, 4) + get(bytes + 60, 4));
            for (level = levels; level-- > 0;) {
                const uint8_t *entry = bytes + 80 + 24 * level;
                const uint32_t w = width >> level ? width >> level : 1, h = height >> level ? height >> level : 1;
                assert_int_equal(get(entry, 8), end);
                assert_int_equal(end % 4, 0);
                assert_int_equal(get(entry + 8, 8), 4 * w * h);
                assert_int_equal(get(entry + 16, 8), 4 * w * h);
                end += 4 * (size_t)w * h;
            }
            assert_int_equal(end, size);
            for (level = 0; level < levels && s < 2; level++) { /* the third has another curve */
                const uint32_t w = width >> level ? width >> level : 1, h = height >> level ? height >> level : 1;
                const uint8_t *p = bytes + get(bytes + 80 + 24 * level, 8);
                double *to = level ? next_level(light, above_w, above_h, w, h)
                                   : (double *)malloc((size_t)w * h * 4 * sizeof *to);
                int c;
                for (i = 0; i < (size_t)w * h * 4; i++) {
                    c = (int)(i % 4);
                    if (!level) {
                        assert_int_equal(p[i], c < 3 ? ((uint8_t *)image.data)[i / 4 * 3 + (size_t)c] : s ? 255 : alpha[i / 4]);
                        to[i] = (c < 3 ? light_of(p[i]) : 1) * p[i / 4 * 4 + 3] / 255.0;
                    } else {
                        const double want = c < 3 ? code_of(to[i] / to[i / 4 * 4 + 3]) : 255 * to[i];
                        if (fabs(want - p[i]) > 0.51) fail_msg("level %u, %zu: %d, not %g", level, i, p[i], want);
                    }
                }
                free(light);
                light = to;
                above_w = w;
                above_h = h;
            }
            free(light);
            assert_int_equal(picture_read_memory(bytes, size, "x", 0, &back, error), 0);
            assert_int_equal(back.image.space, spaces[s].space);
            assert_int_equal(back.orientation, 1);
            assert_memory_equal(back.image.data, image.data, (size_t)width * height * 3);
            assert_int_equal(back.alpha != NULL, !s);
            if (back.alpha) assert_memory_equal(back.alpha, alpha, (size_t)width * height);
            picture_free(&back);
            free(bytes);
            free(alpha);
            free(image.data);
        }
}

static void cannot_write(void **state) {
    gmlp_image image = test_image(2, 2, GMLP_U8, GMLP_PROPHOTO), deep_image = test_image(2, 2, GMLP_U16, GMLP_SRGB);
    uint8_t *bytes;
    size_t size;
    char error[256];
    (void)state;
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_KTX2, &image, NULL, &bytes, &size, error), -1);
    assert_non_null(strstr(error, "no place for this colour space"));
    assert_int_equal(picture_write(in_folder("x.ktx2"), &deep_image, NULL, error), -1);
    assert_non_null(strstr(error, "a .ktx2 file holds 8 bit samples"));
    free(image.data);
    free(deep_image.data);
}

/* Rows of a base: alpha only where some is not opaque. */
static void rows(void **state) {
    made m = { 43, 2, 1, 0, 0, 1, 3, 1, 2, 0, NULL, rgba, 8 };
    size_t size;
    uint32_t width, height;
    char error[256];
    uint8_t *bytes = make(&m, &size), out[8];
    picture_rows *r = picture_rows_open(bytes, size, "x", GMLP_SRGB, &width, &height, error);
    (void)state;
    assert_non_null(r);
    assert_true(width == 2 && height == 1);
    assert_int_equal(picture_rows_read(r, out, 1, error), 0);
    assert_memory_equal(out, rgb, 6);
    picture_rows_close(r);
    r = picture_rows_open(bytes, size, "x", GMLP_SRGB, &width, &height, error);
    assert_int_equal(picture_rows_alpha(r), 4);
    assert_int_equal(picture_rows_read(r, out, 1, error), 0);
    assert_memory_equal(out, rgba, 8);
    picture_rows_close(r);
    free(bytes);
    m.pixels = "\12\36\144\377\5\74\176\377";
    m.scheme = 0;
    bytes = make(&m, &size);
    r = picture_rows_open(bytes, size, "x", GMLP_SRGB, &width, &height, error);
    assert_int_equal(picture_rows_alpha(r), 3);
    picture_rows_close(r);
    assert_null(picture_rows_open(bytes, size, "x", GMLP_SYCC, &width, &height, error));
    put(bytes + 12, 91, 4);
    put(bytes + 20, 1, 4);
    assert_null(picture_rows_open(bytes, size, "x", GMLP_SRGB, &width, &height, error));
    assert_non_null(strstr(error, "8 bits"));
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes), cmocka_unit_test(deep), cmocka_unit_test(what_it_says), cmocka_unit_test(refuses),
        cmocka_unit_test(swizzled),
        cmocka_unit_test(writes), cmocka_unit_test(cannot_write), cmocka_unit_test(rows)
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
