/* TIFF files that the tool's own writer does not make, made with libtiff. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pictures/picture.h"
#include <cmocka.h>

#include <tiffio.h>

static char folder[] = "/tmp/test_tiff_XXXXXX";
static char path[300];

static int make_folder(void **state) {
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/a.tif", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder); /* fails if a test left a file, such as a temporary one */
}

/* libtiff's handlers are the process's: those of the reader must not get this file's handle. */
static TIFF *make_file(const char *mode) {
    TIFFSetErrorHandlerExt(NULL);
    TIFFSetWarningHandlerExt(NULL);
    return TIFFOpen(path, mode);
}

static void tiff_layouts(void **state) {
    enum { W = 70, H = 50 };
    uint16_t pixels[W * H * 3];
    uint32_t k;
    int tiled, separate, big;
    (void)state;
    for (k = 0; k < W * H * 3; k++) pixels[k] = (uint16_t)(k * 40503u >> 3);
    for (tiled = 0; tiled < 2; tiled++)
        for (separate = 0; separate < 2; separate++)
            for (big = 0; big < 2; big++) { /* four samples a pixel; the other byte order */
                const int samples = 3 + big, planes = separate ? samples : 1;
                const uint32_t bw = tiled ? 32 : W, bh = tiled ? 16 : 7;
                TIFF *t = make_file(big ? "wb" : "wl");
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
                            const tmsize_t size = (tmsize_t)(bw * rows * (uint32_t)step * 2);
                            for (j = 0; j < bh && y + j < H; j++)
                                for (i = 0; i < bw && x + i < W; i++)
                                    for (c = 0; c < step; c++) {
                                        const int sample = separate ? plane : c;
                                        block[(j * bw + i) * (uint32_t)step + (uint32_t)c] =
                                            sample < 3 ? pixels[((y + j) * W + x + i) * 3 + (uint32_t)sample] : 7;
                                    }
                            if (tiled)
                                TIFFWriteEncodedTile(t, TIFFComputeTile(t, x, y, 0, (uint16_t)plane), block, size);
                            else TIFFWriteEncodedStrip(t, TIFFComputeStrip(t, y, (uint16_t)plane), block, size);
                        }
                TIFFClose(t);
                free(block);
                if (picture_read(path, 0, 0, &p, error)) fail_msg("%s", error);
                assert_int_equal(p.image.type, GMLP_U16);
                assert_memory_equal(p.image.data, pixels, sizeof pixels);
                picture_free(&p);
                unlink(path);
            }
}

/* Reading what was made: a picture, or an error with these words in it. */

static picture read_back(void) {
    picture p;
    char error[256];
    if (picture_read(path, 0, 0, &p, error)) fail_msg("%s", error);
    return p;
}

static void expect_error(const char *part) {
    picture p;
    char error[256] = "";
    assert_int_equal(picture_read(path, 0, 0, &p, error), -1);
    if (!strstr(error, part)) fail_msg("'%s' does not say '%s'", error, part);
    assert_null(p.image.data);
}

/* A sample as a share of full. */
static double sample(const picture *p, size_t i) {
    const void *data = p->image.data;
    return p->image.type == GMLP_U8 ? ((const uint8_t *)data)[i] / 255.0
         : p->image.type == GMLP_U16 ? ((const uint16_t *)data)[i] / 65535.0 : (double)((const float *)data)[i];
}

static void expect_note(const picture *p, const char *note) {
    if (!strstr(p->notes, note)) fail_msg("'%s' is not among the notes '%s'", note, p->notes);
}

/* A page of packed rows, uncompressed; the caller adds tags and closes it with end_page. */
static void begin_page(TIFF *t, uint32_t width, uint32_t height, int bits, int samples, int photometric) {
    assert_non_null(t);
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, width);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, height);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, bits);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, samples);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, photometric);
    TIFFSetField(t, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, height);
}

static void end_page(TIFF *t, const void *rows) {
    const tmsize_t size = TIFFStripSize(t);
    uint8_t *copy = (uint8_t *)malloc((size_t)size);
    memcpy(copy, rows, (size_t)size); /* libtiff may work in place */
    assert_int_equal(TIFFWriteEncodedStrip(t, 0, copy, size), size);
    assert_int_equal(TIFFWriteDirectory(t), 1);
    free(copy);
}

/* A page of one grey value. */
static void grey_page(TIFF *t, uint32_t width, uint32_t height, int value, int kind) {
    uint8_t rows[64 * 64];
    memset(rows, value, sizeof rows);
    begin_page(t, width, height, 8, 1, PHOTOMETRIC_MINISBLACK);
    if (kind >= 0) TIFFSetField(t, TIFFTAG_SUBFILETYPE, kind);
    end_page(t, rows);
}

static void expect_grey(const picture *p, uint32_t width, int value) {
    assert_int_equal(p->image.width, width);
    assert_int_equal(((const uint8_t *)p->image.data)[0], value);
}

/* Where the entry of a tag lies in a little-endian classic TIFF of one page. */
static long entry_of(const uint8_t *b, long size, int tag) {
    long at = (long)(b[4] | b[5] << 8 | b[6] << 16), n = b[at] | b[at + 1] << 8, i;
    assert_true(at + 2 + 12 * n <= size);
    for (i = 0; i < n; i++)
        if ((b[at + 2 + 12 * i] | b[at + 3 + 12 * i] << 8) == tag) return at + 2 + 12 * i;
    fail_msg("no tag %d", tag);
    return 0;
}

static long load(uint8_t *bytes, long room) {
    FILE *f = fopen(path, "rb");
    const long n = (long)fread(bytes, 1, (size_t)room, f);
    assert_int_equal(fclose(f), 0);
    assert_true(n > 0 && n < room);
    unlink(path);
    return n;
}

static void put32(uint8_t *b, uint32_t v) {
    int i;
    for (i = 0; i < 4; i++) b[i] = (uint8_t)(v >> 8 * i);
}

/* Samples. */

/* Bits of any number, from the highest on, as TIFF 6.0 packs them; whole bytes in this machine's order. */
static void pack(uint8_t *row, size_t i, int bits, uint32_t v) {
    const uint16_t v16 = (uint16_t)v;
    int b;
    if (bits == 16) memcpy(row + 2 * i, &v16, 2);
    else if (bits == 32) memcpy(row + 4 * i, &v, 4);
    else
        for (b = 0; b < bits; b++) {
            const size_t at = i * (size_t)bits + (size_t)b;
            if (v >> (bits - 1 - b) & 1) row[at / 8] |= (uint8_t)(0x80 >> at % 8);
        }
}

static void every_depth(void **state) {
    enum { W = 37, H = 3 };
    static const int depths[] = { 1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 32 };
    size_t d;
    int kind, big;
    (void)state;
    for (d = 0; d < sizeof depths / sizeof *depths; d++)
        for (kind = PHOTOMETRIC_MINISWHITE; kind <= PHOTOMETRIC_RGB; kind++)
            for (big = 0; big < 2; big++) {
                const int bits = depths[d], samples = kind == PHOTOMETRIC_RGB ? 3 : 1;
                const size_t n = (size_t)W * (size_t)samples, row_bytes = (n * (size_t)bits + 7) / 8;
                const double most = bits == 32 ? 4294967295.0 : (double)((1u << bits) - 1);
                uint8_t rows[H * W * 3 * 4];
                uint32_t value[H * W * 3];
                TIFF *t = make_file(big ? "wb" : "wl");
                picture p;
                size_t i, y;
                int c;
                memset(rows, 0, sizeof rows);
                for (y = 0; y < H; y++)
                    for (i = 0; i < n; i++) {
                        const uint32_t v = (uint32_t)(y * n + i) * 2654435761u;
                        value[y * n + i] = bits == 32 ? v : v >> (32 - bits);
                        pack(rows + y * row_bytes, i, bits, value[y * n + i]);
                    }
                begin_page(t, W, H, bits, samples, kind);
                end_page(t, rows);
                TIFFClose(t);
                p = read_back();
                assert_int_equal(p.image.type, bits <= 8 ? GMLP_U8 : bits <= 16 ? GMLP_U16 : GMLP_F32);
                assert_int_equal(p.image.space, GMLP_SRGB); /* integers are codes */
                for (i = 0; i < W * H; i++)
                    for (c = 0; c < 3; c++) {
                        const double share = value[samples == 3 ? 3 * i + (size_t)c : i] / most;
                        const double want = kind == PHOTOMETRIC_MINISWHITE ? 1 - share : share;
                        const double got = sample(&p, 3 * i + (size_t)c);
                        const double step = bits <= 8 ? 1 / 255.0 : bits <= 16 ? 1 / 65535.0 : 1 / 8388608.0;
                        if (fabs(got - want) > 0.51 * step)
                            fail_msg("%d bits, photometric %d: %g instead of %g", bits, kind, got, want);
                    }
                picture_free(&p);
                unlink(path);
            }
}

static int palette_code(int index, int channel) {
    return (index * 7 + channel * 50 + 3) & 255;
}

static void palettes(void **state) {
    static const int scales[] = { 257, 256, 1, 0 }; /* 0: true 16 bits */
    uint16_t map[3][256];
    int bits, c, s;
    (void)state;
    for (bits = 1; bits <= 8; bits *= 2)
        for (s = 0; s < 4; s++) {
            uint8_t rows[32];
            TIFF *t = make_file("w");
            picture p;
            int i;
            for (i = 0; i < 1 << bits; i++)
                for (c = 0; c < 3; c++)
                    map[c][i] = (uint16_t)(scales[s] ? palette_code(i, c) * scales[s] : i * 200 + c * 5000 + 1);
            for (i = 0; i < 32; i++) rows[i] = (uint8_t)(i * 37 + 1);
            begin_page(t, (uint32_t)(32 * 8 / bits), 1, bits, 1, PHOTOMETRIC_PALETTE);
            TIFFSetField(t, TIFFTAG_COLORMAP, map[0], map[1], map[2]);
            end_page(t, rows);
            TIFFClose(t);
            p = read_back();
            assert_int_equal(p.image.type, scales[s] ? GMLP_U8 : GMLP_U16);
            for (i = 0; i < 32 * 8 / bits; i++)
                for (c = 0; c < 3; c++) {
                    const int index = rows[i * bits / 8] >> (8 - bits - i * bits % 8) & ((1 << bits) - 1);
                    if (scales[s]) assert_int_equal(((uint8_t *)p.image.data)[3 * i + c], palette_code(index, c));
                    else assert_int_equal(((uint16_t *)p.image.data)[3 * i + c], index * 200 + c * 5000 + 1);
                }
            picture_free(&p);
            unlink(path);
        }
}

/* Each type, interleaved and in planes: colour c with alpha a is stored as c a. */
static void premultiplied(void **state) {
    static const double colour[2][3] = { { 0.8, 0.4, 0.2 }, { 0.5, 0.25, 1 } }, alpha[2] = { 0.5, 0.75 };
    static const int kinds[] = { EXTRASAMPLE_ASSOCALPHA, EXTRASAMPLE_UNASSALPHA, EXTRASAMPLE_UNSPECIFIED };
    int type, separate, k;
    (void)state;
    for (type = 0; type < 3; type++)
        for (separate = 0; separate < 2; separate++)
            for (k = 0; k < 3; k++) {
                const int bits = 8 << type; /* the last: float */
                uint16_t extra[2];
                union {
                    uint8_t u8[12];
                    uint16_t u16[12];
                    float f[12];
                } plane;
                TIFF *t = make_file("w");
                picture p;
                int i, s, c;
                extra[0] = EXTRASAMPLE_UNSPECIFIED;
                extra[1] = (uint16_t)kinds[k];
                begin_page(t, 2, 1, bits, 5, PHOTOMETRIC_RGB);
                TIFFSetField(t, TIFFTAG_EXTRASAMPLES, 2, extra);
                if (type == 2) TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP);
                if (separate) TIFFSetField(t, TIFFTAG_PLANARCONFIG, PLANARCONFIG_SEPARATE);
                for (s = 0; s < 5; s++) {
                    for (i = 0; i < 2; i++) {
                        const double v = s < 3 ? colour[i][s] * alpha[i] : s == 3 ? 0.125 : alpha[i];
                        const int at = separate ? i : i * 5 + s;
                        if (type == 0) plane.u8[at] = (uint8_t)(v * 255 + 0.5);
                        else if (type == 1) plane.u16[at] = (uint16_t)(v * 65535 + 0.5);
                        else plane.f[at] = (float)v;
                    }
                    if (separate) TIFFWriteEncodedStrip(t, (uint32_t)s, &plane, 2 * bits / 8);
                }
                if (!separate) TIFFWriteEncodedStrip(t, 0, &plane, 10 * bits / 8);
                TIFFClose(t);
                p = read_back();
                for (i = 0; i < 6; i++) {
                    const double want = colour[i / 3][i % 3] * (kinds[k] == EXTRASAMPLE_ASSOCALPHA ? 1 : alpha[i / 3]);
                    const double got = sample(&p, (size_t)i);
                    if (fabs(got - want) > 1.6 / (type == 0 ? 255 : 65535)) fail_msg("%g instead of %g", got, want);
                }
                c = kinds[k] == EXTRASAMPLE_UNSPECIFIED;
                expect_note(&p, c ? "2 channels are left out beside the colours\n"
                                  : "1 channel is left out beside the colours\n");
                assert_int_equal(p.alpha == NULL, c);
                for (i = 0; i < 2 && !c; i++) assert_int_equal(p.alpha[i], (int)(alpha[i] * 255 + 0.5));
                picture_free(&p);
                unlink(path);
            }
}

static void other_colours(void **state) {
    static const struct {
        int photometric, samples;
        const char *name;
    } kinds[] = { { PHOTOMETRIC_SEPARATED, 4, "CMYK" },
                  { PHOTOMETRIC_CIELAB, 3, "CIE L*a*b*" },
                  { PHOTOMETRIC_YCBCR, 3, "YCbCr" } };
    static const uint8_t rows[64];
    TIFF *t;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        t = make_file("w");
        begin_page(t, 4, 2, 8, kinds[i].samples, kinds[i].photometric);
        end_page(t, rows);
        TIFFClose(t);
        expect_error(kinds[i].name);
        expect_error("convert it to RGB first");
    }
    t = make_file("w");
    begin_page(t, 4, 2, 16, 1, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_INT);
    end_page(t, rows);
    TIFFClose(t);
    expect_error("16-bit signed samples");
    unlink(path);
}

/* A scheme that libtiff knows by its number alone. */
static void other_compressions(void **state) {
    static const struct {
        uint16_t scheme;
        const char *name;
    } kinds[] = { { 34712, "(JPEG 2000, number 34712)" }, { 50002, "(JPEG XL, number 50002)" }, { 4711, "(number 4711)" } };
    static const uint8_t rows[64];
    const uint16_t entry[] = { TIFFTAG_COMPRESSION, 3 };
    uint8_t bytes[1000];
    size_t i, at, size;
    FILE *f;
    TIFF *t;
    (void)state;
    for (i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        t = make_file("w");
        begin_page(t, 4, 2, 8, 3, PHOTOMETRIC_RGB);
        TIFFSetField(t, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
        end_page(t, rows);
        TIFFClose(t);
        f = fopen(path, "r+b");
        assert_non_null(f);
        size = fread(bytes, 1, sizeof bytes, f);
        for (at = 0; at + 10 < size && memcmp(bytes + at, entry, sizeof entry) != 0; at++) {}
        assert_true(at + 10 < size);
        memcpy(bytes + at + 8, &kinds[i].scheme, 2);
        rewind(f);
        assert_int_equal(fwrite(bytes, 1, size, f), size);
        fclose(f);
        expect_error(kinds[i].name);
        expect_error("is not read here; save it with LZW or ZIP");
    }
    unlink(path);
}

static void jpeg_inside(void **state) {
    uint8_t rows[64 * 64 * 3], bytes[8192], *counts;
    char error[256];
    long size;
    TIFF *t = make_file("w");
    picture p;
    int i;
    (void)state;
    if (!TIFFIsCODECConfigured(COMPRESSION_JPEG)) {
        TIFFClose(t);
        unlink(path);
        print_message("# no JPEG in libtiff: not tested\n");
        return;
    }
    for (i = 0; i < 64 * 64; i++) {
        rows[3 * i] = (uint8_t)(200 - i / 64);
        rows[3 * i + 1] = 80;
        rows[3 * i + 2] = 40;
    }
    begin_page(t, 64, 64, 8, 3, PHOTOMETRIC_YCBCR);
    TIFFSetField(t, TIFFTAG_COMPRESSION, COMPRESSION_JPEG);
    TIFFSetField(t, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    end_page(t, rows);
    TIFFClose(t);
    p = read_back();
    for (i = 0; i < 64 * 64 * 3; i++) assert_true(abs(((uint8_t *)p.image.data)[i] - rows[i]) <= 3);
    assert_string_equal(p.notes, "");
    picture_free(&p);
    size = load(bytes, sizeof bytes); /* half of the data: libjpeg would fill the rest with grey */
    counts = bytes + entry_of(bytes, size, TIFFTAG_STRIPBYTECOUNTS) + 8;
    counts[0] = (uint8_t)(counts[0] / 2);
    counts[1] = (uint8_t)(counts[1] / 2);
    if (!picture_read_memory(bytes, (size_t)size, "x", 0, &p, error)) fail_msg("half a JPEG is read: %s", p.notes);
    assert_non_null(strstr(error, "Premature end"));
}

/* What the numbers mean. */

static void float_is_linear(void **state) {
    static const float rgb[6] = { 0.25f, -1.5f, 4.0f, 1.0f, 0.0f, 0.125f };
    double wide[6];
    int bits, i;
    (void)state;
    for (i = 0; i < 6; i++) wide[i] = (double)rgb[i];
    for (bits = 32; bits <= 64; bits += 32) {
        TIFF *t = make_file("w");
        picture p;
        begin_page(t, 2, 1, bits, 3, PHOTOMETRIC_RGB);
        TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP);
        end_page(t, bits == 32 ? (const void *)rgb : (const void *)wide);
        TIFFClose(t);
        p = read_back();
        assert_int_equal(p.image.type, GMLP_F32);
        assert_int_equal(p.image.space, GMLP_SRGB_LINEAR);
        assert_string_equal(p.space_from, "assumed");
        assert_memory_equal(p.image.data, rgb, sizeof rgb);
        picture_free(&p);
        unlink(path);
    }
}

/* Primaries as published: ITU-R BT.709, SMPTE RP 431-2 with D65. */
static void chromaticities(void **state) {
    static const float srgb[6] = { .64f, .33f, .30f, .60f, .15f, .06f };
    static const float p3[6] = { .680f, .320f, .265f, .690f, .150f, .060f };
    static const float d65[2] = { .3127f, .3290f };
    static const float light[3] = { 0.5f, 0.25f, 2.0f };
    static const uint8_t codes[3] = { 10, 128, 250 };
    uint16_t curve[256];
    int i, k;
    (void)state;
    for (k = 0; k < 4; k++) { /* sRGB codes, P3 light, P3 codes, a curve alone */
        TIFF *t = make_file("w");
        picture p;
        begin_page(t, 1, 1, k == 1 ? 32 : 8, 3, PHOTOMETRIC_RGB);
        if (k == 1) TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP);
        if (k < 3) {
            TIFFSetField(t, TIFFTAG_PRIMARYCHROMATICITIES, k ? p3 : srgb);
            TIFFSetField(t, TIFFTAG_WHITEPOINT, d65);
        } else {
            for (i = 0; i < 256; i++) curve[i] = (uint16_t)(pow(i / 255.0, 1.8) * 65535 + 0.5);
            TIFFSetField(t, TIFFTAG_TRANSFERFUNCTION, curve, curve, curve);
        }
        end_page(t, k == 1 ? (const void *)light : (const void *)codes);
        TIFFClose(t);
        p = read_back();
        assert_string_equal(p.space_from, k < 3 ? "chromaticities" : "TransferFunction");
        if (k == 0) {
            assert_int_equal(p.image.space, GMLP_SRGB);
            assert_memory_equal(p.image.data, codes, 3);
        } else if (k == 1) {
            assert_int_equal(p.image.space, GMLP_P3_LINEAR);
            assert_memory_equal(p.image.data, light, sizeof light);
        } else { /* the standard's power of 2.2, or the curve's 1.8, in the form that the curve of the space has */
            assert_int_equal(p.image.space, k == 2 ? GMLP_P3 : GMLP_SRGB);
            assert_int_equal(p.image.type, GMLP_U16);
            for (i = 0; i < 3; i++) {
                const double want = pow(codes[i] / 255.0, k == 2 ? 2.2 : 1.8), v = sample(&p, (size_t)i);
                assert_true(fabs((v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4)) - want) < 1e-4);
            }
        }
        picture_free(&p);
        unlink(path);
    }
}

/* A white of luminance 2 at equal energy, which LogLuv takes for white, is a neutral of any RGB. */
static void logluv(void **state) {
    static const float xyz[6] = { 2, 2, 2, 0.9f, 0.5f, 0.1f };
    TIFF *t = make_file("w");
    gmlp_image light;
    float rgb[6];
    picture p;
    int i;
    (void)state;
    if (!TIFFIsCODECConfigured(COMPRESSION_SGILOG)) {
        TIFFClose(t);
        unlink(path);
        print_message("# no LogLuv in libtiff: not tested\n");
        return;
    }
    begin_page(t, 2, 1, 32, 3, PHOTOMETRIC_LOGLUV);
    TIFFSetField(t, TIFFTAG_COMPRESSION, COMPRESSION_SGILOG);
    TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP);
    TIFFSetField(t, TIFFTAG_SGILOGDATAFMT, SGILOGDATAFMT_FLOAT);
    end_page(t, xyz);
    TIFFClose(t);
    p = read_back();
    assert_int_equal(p.image.type, GMLP_F32);
    light = p.image;
    light.space = GMLP_SRGB_LINEAR;
    light.data = rgb;
    assert_int_equal(gmlp_convert(&p.image, &light, NULL), GMLP_OK);
    for (i = 0; i < 3; i++) assert_true(fabs((double)rgb[i] - 2) < 0.02);
    assert_true(rgb[3] > 1.5f && rgb[3] > 3 * rgb[5] && rgb[4] < rgb[3]);
    picture_free(&p);
    unlink(path);
}

/* Pages. */

static void which_page(void **state) {
    uint64_t below = 0;
    picture p;
    TIFF *t;
    (void)state;
    t = make_file("w"); /* a preview, a mask, the picture */
    grey_page(t, 8, 8, 10, FILETYPE_REDUCEDIMAGE);
    grey_page(t, 8, 8, 20, FILETYPE_MASK);
    grey_page(t, 32, 32, 30, 0);
    TIFFClose(t);
    p = read_back();
    expect_grey(&p, 32, 30);
    assert_string_equal(p.notes, "its transparency mask is left out\n");
    picture_free(&p);

    t = make_file("w"); /* a preview and two pages */
    grey_page(t, 8, 8, 10, FILETYPE_REDUCEDIMAGE);
    grey_page(t, 32, 32, 30, FILETYPE_PAGE);
    grey_page(t, 32, 32, 40, FILETYPE_PAGE);
    TIFFClose(t);
    expect_error("several others may be the picture");

    t = make_file("w");
    grey_page(t, 8, 8, 10, FILETYPE_REDUCEDIMAGE);
    TIFFClose(t);
    expect_error("there is no other");

    t = make_file("w8"); /* a preview with the picture below it, in BigTIFF */
    begin_page(t, 8, 1, 8, 1, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(t, TIFFTAG_SUBFILETYPE, FILETYPE_REDUCEDIMAGE);
    TIFFSetField(t, TIFFTAG_SUBIFD, 1, &below);
    end_page(t, "preview!");
    grey_page(t, 32, 32, 30, 0);
    TIFFClose(t);
    p = read_back();
    expect_grey(&p, 32, 30);
    assert_string_equal(p.notes, "");
    picture_free(&p);

    t = make_file("wb"); /* pages of a document; the smaller copy of one of them is none */
    grey_page(t, 16, 16, 1, -1);
    grey_page(t, 8, 8, 2, FILETYPE_REDUCEDIMAGE);
    grey_page(t, 16, 16, 3, -1);
    grey_page(t, 16, 16, 4, -1);
    TIFFClose(t);
    p = read_back();
    expect_grey(&p, 16, 1);
    assert_string_equal(p.notes, "2 further pages are left out\n");
    picture_free(&p);
    unlink(path);
}

/* The tag of TIFF 5.0, whose 2 is a preview. */
static void which_page_of_old(void **state) {
    uint8_t bytes[8192];
    char error[256];
    picture p;
    long size;
    TIFF *t = make_file("wl");
    (void)state;
    grey_page(t, 8, 8, 10, 2);
    grey_page(t, 32, 32, 30, -1);
    TIFFClose(t);
    size = load(bytes, sizeof bytes);
    bytes[entry_of(bytes, size, TIFFTAG_SUBFILETYPE)] = TIFFTAG_OSUBFILETYPE & 255;
    if (picture_read_memory(bytes, (size_t)size, "x", 0, &p, error)) fail_msg("%s", error);
    expect_grey(&p, 32, 30);
    picture_free(&p);
}

static void not_the_raw_preview(void **state) {
    static const char *const magics[] = { "IIRO\10\0\0\0 Olympus", "IIU\0\30\0\0\0Panasonic",
                                          "II*\0\20\0\0\0CR\2\0 Canon", "II*\0\10\0\0\0IIIITwaR",
                                          "\0\0\0\30ftypcrx mp42", "FUJIFILMCCD-RAW 0201" };
    static const uint8_t version[4] = { 1, 4, 0, 0 };
    uint64_t below = 0;
    picture p;
    char error[256];
    size_t i;
    TIFF *t;
    (void)state;
    for (i = 0; i < sizeof magics / sizeof *magics; i++) {
        assert_int_equal(picture_read_memory(magics[i], 16, "x", 0, &p, error), -1);
        if (!strstr(error, "camera raw")) fail_msg("%s: %s", magics[i], error);
    }
    t = make_file("w"); /* DNG by its tag */
    begin_page(t, 8, 1, 8, 1, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(t, TIFFTAG_DNGVERSION, version);
    end_page(t, "preview!");
    TIFFClose(t);
    expect_error("is a camera raw");

    t = make_file("wb"); /* colour filters in the second page */
    grey_page(t, 8, 8, 10, -1);
    begin_page(t, 8, 1, 8, 1, PHOTOMETRIC_CFA);
    end_page(t, "rawrawra");
    TIFFClose(t);
    expect_error("is a camera raw");

    t = make_file("w"); /* colour filters below the first page */
    begin_page(t, 8, 1, 8, 1, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(t, TIFFTAG_SUBIFD, 1, &below);
    end_page(t, "preview!");
    begin_page(t, 8, 1, 8, 1, PHOTOMETRIC_CFA);
    end_page(t, "rawrawra");
    TIFFClose(t);
    expect_error("is a camera raw");

    for (i = 0; i < 2; i++) { /* something larger below, which the file does not explain */
        t = make_file("w");
        begin_page(t, 8, 1, 8, 1, PHOTOMETRIC_MINISBLACK);
        if (i) TIFFSetField(t, TIFFTAG_MAKE, "Camera");
        TIFFSetField(t, TIFFTAG_SUBIFD, 1, &below);
        end_page(t, "preview!");
        grey_page(t, 32, 32, 30, 0);
        TIFFClose(t);
        expect_error(i ? "is a camera raw" : "smaller than another picture below it");
    }
    unlink(path);
}

static void metadata_is_taken(void **state) {
    TIFF *t = make_file("w");
    picture p;
    (void)state;
    begin_page(t, 8, 1, 8, 1, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(t, TIFFTAG_ORIENTATION, ORIENTATION_RIGHTTOP);
    TIFFSetField(t, TIFFTAG_COPYRIGHT, "somebody");
    TIFFSetField(t, TIFFTAG_XMLPACKET, 8, "<x:xmp/>");
    end_page(t, "picture.");
    TIFFClose(t);
    p = read_back();
    assert_string_equal(p.left, "");
    assert_non_null(p.metadata.blocks[METADATA_EXIF].bytes);
    assert_int_equal(p.metadata.blocks[METADATA_XMP].size, 8);
    assert_int_equal(p.orientation, 6);
    picture_free(&p);
    unlink(path);
}

/* Damage and attacks. */

static void more_than_the_file_holds(void **state) {
    static const char *const why = "can hold";
    uint8_t bytes[8192], rows[64] = { 0 };
    char error[256];
    picture p;
    long size, k;
    TIFF *t;
    (void)state;
    for (k = 0; k < 3; k++) { /* a huge picture, a huge strip of many samples, huge tiles */
        t = make_file("wl");
        begin_page(t, 16, k == 2 ? 16 : 1, 8, 1, PHOTOMETRIC_MINISBLACK);
        TIFFSetField(t, TIFFTAG_COMPRESSION, COMPRESSION_LZW);
        if (k == 2) {
            TIFFSetField(t, TIFFTAG_TILEWIDTH, 16);
            TIFFSetField(t, TIFFTAG_TILELENGTH, 16);
            memset(bytes, 0, 256);
            TIFFWriteEncodedTile(t, 0, bytes, 256);
        } else TIFFWriteEncodedStrip(t, 0, rows, 16);
        TIFFClose(t);
        size = load(bytes, sizeof bytes);
        if (k == 0) {
            put32(bytes + entry_of(bytes, size, TIFFTAG_IMAGEWIDTH) + 8, 60000);
            put32(bytes + entry_of(bytes, size, TIFFTAG_IMAGELENGTH) + 8, 60000);
            put32(bytes + entry_of(bytes, size, TIFFTAG_ROWSPERSTRIP) + 8, 60000);
        } else if (k == 1) {
            put32(bytes + entry_of(bytes, size, TIFFTAG_IMAGELENGTH) + 8, 60000);
            put32(bytes + entry_of(bytes, size, TIFFTAG_ROWSPERSTRIP) + 8, 60000);
            put32(bytes + entry_of(bytes, size, TIFFTAG_SAMPLESPERPIXEL) + 8, 60000);
        } else {
            const long length = entry_of(bytes, size, TIFFTAG_TILELENGTH);
            bytes[length + 2] = 4; /* LONG */
            put32(bytes + length + 8, 0x10000000);
        }
        assert_int_equal(picture_read_memory(bytes, (size_t)size, "x", 0, &p, error), -1);
        if (!strstr(error, why)) fail_msg("%ld: %s", k, error);
    }
    /* blank paper is much for its file, but small */
    t = make_file("w");
    begin_page(t, 5000, 7000, 1, 1, PHOTOMETRIC_MINISWHITE);
    TIFFSetField(t, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
    {
        uint8_t *paper = (uint8_t *)calloc(625, 7000);
        end_page(t, paper);
        free(paper);
    }
    TIFFClose(t);
    p = read_back();
    assert_int_equal(((uint8_t *)p.image.data)[5000 * 7000 * 3 - 1], 255);
    picture_free(&p);
    unlink(path);
}

/* Strips that are not there, or end early, are an error. */
static void missing_pixels(void **state) {
    static const int compressions[] = { COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE,
                                        COMPRESSION_PACKBITS };
    uint8_t bytes[8192], rows[64 * 16];
    char error[256];
    picture p;
    size_t c;
    int i, cut;
    (void)state;
    for (i = 0; i < (int)sizeof rows; i++) rows[i] = (uint8_t)(i * i * 7 >> 3);
    for (c = 0; c < sizeof compressions / sizeof *compressions; c++)
        for (cut = 0; cut < 3; cut++) {
            TIFF *t = make_file("wl");
            long size, counts, at;
            begin_page(t, 64, 16, 8, 1, PHOTOMETRIC_MINISBLACK);
            TIFFSetField(t, TIFFTAG_COMPRESSION, compressions[c]);
            end_page(t, rows);
            TIFFClose(t);
            size = load(bytes, sizeof bytes);
            counts = entry_of(bytes, size, TIFFTAG_STRIPBYTECOUNTS) + 8;
            at = entry_of(bytes, size, TIFFTAG_STRIPOFFSETS) + 8;
            assert_int_equal(picture_read_memory(bytes, (size_t)size, "x", 0, &p, error), 0);
            picture_free(&p);
            if (cut == 0 && compressions[c] == COMPRESSION_NONE) continue; /* libtiff knows the right length */
            if (cut == 0) put32(bytes + counts, 100);
            else if (cut == 1) put32(bytes + counts, 0), put32(bytes + at, 0);
            else put32(bytes + at, (uint32_t)size - 50);
            if (!picture_read_memory(bytes, (size_t)size, "x", 0, &p, error))
                fail_msg("compression %d, cut %d", compressions[c], cut);
        }
}

/* Chains that lead back, and directories of directories, end. */
static void loops(void **state) {
    uint8_t bytes[8192];
    char error[256];
    picture p;
    long size, at;
    TIFF *t = make_file("wl");
    uint64_t below[100] = { 0 };
    int i;
    (void)state;
    grey_page(t, 8, 8, 77, -1);
    TIFFClose(t);
    size = load(bytes, sizeof bytes);
    at = (long)(bytes[4] | bytes[5] << 8);
    put32(bytes + at + 2 + 12 * (bytes[at] | bytes[at + 1] << 8), (uint32_t)at);
    assert_int_equal(picture_read_memory(bytes, (size_t)size, "x", 0, &p, error), 0);
    expect_grey(&p, 8, 77);
    assert_string_equal(p.notes, "");
    picture_free(&p);

    t = make_file("wl"); /* a hundred below, all of them this directory or none */
    begin_page(t, 8, 1, 8, 1, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(t, TIFFTAG_SUBIFD, 2, below);
    end_page(t, "preview!");
    TIFFClose(t);
    size = load(bytes, sizeof bytes);
    at = entry_of(bytes, size, TIFFTAG_SUBIFD);
    put32(bytes + at + 4, 0xffffffff);
    put32(bytes + at + 8, 4);
    for (i = 0; i < 2; i++) { /* of a known and an unknown type */
        bytes[at + 2] = i ? 99 : 4;
        if (!picture_read_memory(bytes, (size_t)size, "x", 0, &p, error)) picture_free(&p);
    }
}

/* Writing. */

static picture_sink *open_sink(FILE *f, uint32_t width, uint32_t height) {
    gmlp_image like;
    char error[256];
    picture_sink *s;
    memset(&like, 0, sizeof like);
    like.width = width;
    like.height = height;
    like.type = GMLP_U16;
    like.channels = 3;
    like.space = GMLP_PROPHOTO;
    s = picture_sink_open("a.tif", f, &like, NULL, error);
    if (!s) fail_msg("%s", error);
    return s;
}

/* LZW makes noise larger by up to a half, so what could pass 4 GiB begins as BigTIFF. */
static void large_files_are_big(void **state) {
    int big;
    (void)state;
    for (big = 0; big < 2; big++) {
        FILE *f = fopen(path, "wb+");
        uint8_t head[4] = { 0 };
        char error[256];
        picture_sink_end(open_sink(f, 30000, big ? 20000 : 10000), 1, error); /* 3.6 and 1.8 GB */
        rewind(f);
        assert_int_equal(fread(head, 1, 4, f), 4);
        assert_true(head[2] + head[3] == (big ? 43 : 42));
        fclose(f);
        unlink(path);
    }
}

static void full_disk(void **state) {
    FILE *f = fopen(path, "wb");
    struct rlimit old, small;
    uint16_t row[300 * 3];
    char error[256] = "";
    picture_sink *s;
    uint32_t seed = 1;
    int bad = 0, y, i;
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 65536;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    s = open_sink(f, 300, 300);
    for (y = 0; y < 300 && !bad; y++) {
        for (i = 0; i < 900; i++) row[i] = (uint16_t)((seed = seed * 1664525u + 1013904223u) >> 16);
        bad = picture_sink_rows(s, row, 1, error);
    }
    bad |= picture_sink_end(s, bad, error);
    setrlimit(RLIMIT_FSIZE, &old);
    fclose(f);
    unlink(path);
    assert_true(bad);
    if (!strstr(error, "File too large")) fail_msg("%s", error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiff_layouts),
        cmocka_unit_test(every_depth),
        cmocka_unit_test(palettes),
        cmocka_unit_test(premultiplied),
        cmocka_unit_test(other_colours),
        cmocka_unit_test(other_compressions),
        cmocka_unit_test(jpeg_inside),
        cmocka_unit_test(float_is_linear),
        cmocka_unit_test(chromaticities),
        cmocka_unit_test(logluv),
        cmocka_unit_test(which_page),
        cmocka_unit_test(which_page_of_old),
        cmocka_unit_test(not_the_raw_preview),
        cmocka_unit_test(metadata_is_taken),
        cmocka_unit_test(more_than_the_file_holds),
        cmocka_unit_test(missing_pixels),
        cmocka_unit_test(loops),
        cmocka_unit_test(large_files_are_big),
        cmocka_unit_test(full_disk),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
