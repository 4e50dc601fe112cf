/* Radiance HDR pictures: rows in each of the three ways, orders, headers, damage; stb_image as a second reader. */
#include "made.h"

#include "pictures/formats.h"

#define STBI_ONLY_HDR
#define STBI_NO_STDIO
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

typedef struct file_made {
    uint8_t bytes[1 << 16];
    size_t size;
} file_made;

static void add(file_made *f, const void *bytes, size_t n) {
    assert_true(n <= sizeof f->bytes - f->size);
    memcpy(f->bytes + f->size, bytes, n);
    f->size += n;
}

static file_made *begin(const char *header) {
    file_made *f = (file_made *)calloc(1, sizeof *f);
    assert_non_null(f);
    add(f, header, strlen(header));
    return f;
}

static picture read_made(const file_made *f) {
    picture p;
    char error[256];
    if (picture_read_memory(f->bytes, f->size, "x", 0, &p, error)) fail_msg("%s", error);
    assert_int_equal(p.image.type, GMLP_F32);
    return p;
}

static void refuse(file_made *f, const char *part) {
    picture p;
    char error[256];
    assert_int_equal(picture_read_memory(f->bytes, f->size, "x", 0, &p, error), -1);
    if (!strstr(error, part)) fail_msg("'%s' does not say '%s'", error, part);
    free(f);
}

static void expect(const picture *p, const float *want) {
    const size_t n = (size_t)p->image.width * p->image.height * 3;
    size_t i;
    for (i = 0; i < n; i++)
        if (((float *)p->image.data)[i] != want[i])
            fail_msg("sample %zu: %g, not %g", i, (double)((float *)p->image.data)[i], (double)want[i]);
}

/* Mantissa and exponent, by hand: 128 at 129 is 1; at the exponent 0 nothing counts. */
static void numbers(void **state) {
    static const uint8_t pixels[5][4] = {
        { 128, 64, 32, 129 }, { 255, 1, 0, 128 }, { 200, 100, 50, 0 }, { 128, 128, 128, 139 }, { 255, 128, 1, 1 }
    };
    const float want[15] = { 1, 0.5f, 0.25f, 255 / 256.0f, 1 / 256.0f, 0, 0, 0, 0, 1024, 1024, 1024,
                             (float)ldexp(255, -135), (float)ldexp(128, -135), (float)ldexp(1, -135) };
    file_made *f = begin("#?RADIANCE\n# somebody\nSOFTWARE=x\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 5\n");
    picture p;
    (void)state;
    add(f, pixels, sizeof pixels);
    p = read_made(f);
    assert_int_equal(p.image.space, GMLP_SRGB_LINEAR);
    assert_string_equal(p.space_from, "assumed");
    assert_string_equal(p.notes, "");
    expect(&p, want);
    picture_free(&p);
    free(f);
}

/* 300 more of a pixel: 44, and 1 << 8. */
static void old_runs(void **state) {
    static const uint8_t rows[] = { 128, 0, 0, 129, 1, 1, 1, 44, 1, 1, 1, 1, 0, 128, 0, 129 };
    file_made *f = begin("#?RGBE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 302\n");
    picture p;
    int i;
    (void)state;
    add(f, rows, sizeof rows);
    p = read_made(f);
    for (i = 0; i < 302; i++) {
        assert_true(((float *)p.image.data)[3 * i] == (i < 301 ? 1 : 0));
        assert_true(((float *)p.image.data)[3 * i + 1] == (i < 301 ? 0 : 1));
    }
    picture_free(&p);
    free(f);
}

/* New runs, of random lengths and kinds, read as stb_image reads them. */
static void as_another_reader(void **state) {
    enum { WIDTH = 200, HEIGHT = 12 };
    file_made *f = begin("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 12 +X 200\n");
    uint32_t seed = 7;
    int y, c, x, w, h, n;
    float *want;
    picture p;
    (void)state;
    for (y = 0; y < HEIGHT; y++) {
        const uint8_t head[4] = { 2, 2, WIDTH >> 8, WIDTH & 255 };
        add(f, head, 4);
        for (c = 0; c < 4; c++)
            for (x = 0; x < WIDTH; x += n) {
                uint8_t out[130];
                int i, run;
                seed = seed * 1664525u + 1013904223u;
                run = seed >> 31;
                n = 1 + (int)(seed >> 8 & 0xff) % (run ? 127 : 128);
                if (n > WIDTH - x) n = WIDTH - x;
                out[0] = (uint8_t)(run ? 128 + n : n);
                for (i = 1; i <= (run ? 1 : n); i++) {
                    seed = seed * 1664525u + 1013904223u;
                    out[i] = (uint8_t)(c == 3 ? 100 + (seed >> 24) / 4 : seed >> 24);
                }
                add(f, out, 1 + (size_t)(run ? 1 : n));
            }
    }
    p = read_made(f);
    want = stbi_loadf_from_memory(f->bytes, (int)f->size, &w, &h, &n, 3);
    assert_non_null(want);
    assert_int_equal(w, WIDTH);
    assert_int_equal(h, HEIGHT);
    expect(&p, want);
    stbi_image_free(want);
    picture_free(&p);
    free(f);
}

/* A picture of 2 columns and 3 rows, a to f, in each of the orders of a file; upright it is always the same. */
static void orders(void **state) {
    static const struct {
        const char *size, *stored;
    } cases[8] = { { "-Y 3 +X 2", "abcdef" }, { "-Y 3 -X 2", "badcfe" }, { "+Y 3 -X 2", "fedcba" },
                   { "+Y 3 +X 2", "efcdab" }, { "+X 2 -Y 3", "acebdf" }, { "-X 2 -Y 3", "bdface" },
                   { "-X 2 +Y 3", "fdbeca" }, { "+X 2 +Y 3", "ecafdb" } };
    size_t i, k;
    (void)state;
    for (i = 0; i < 8; i++) {
        char header[100], error[256];
        file_made *f;
        picture p;
        snprintf(header, sizeof header, "#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n%s\n", cases[i].size);
        f = begin(header);
        for (k = 0; k < 6; k++) {
            const uint8_t pixel[4] = { (uint8_t)cases[i].stored[k], 0, 0, 136 };
            add(f, pixel, 4);
        }
        p = read_made(f);
        assert_int_equal(picture_upright(&p, error), 0);
        assert_int_equal(p.image.width, 2);
        assert_int_equal(p.image.height, 3);
        for (k = 0; k < 6; k++)
            if (((float *)p.image.data)[3 * k] != (float)("abcdef"[k]))
                fail_msg("%s: pixel %zu is %c", cases[i].size, k, (int)((float *)p.image.data)[3 * k]);
        picture_free(&p);
        free(f);
    }
}

static picture one_pixel(const char *line) {
    static const uint8_t pixel[4] = { 64, 128, 32, 129 };
    char header[300];
    file_made *f;
    picture p;
    snprintf(header, sizeof header, "#?RADIANCE\n%s\n\n-Y 1 +X 1\n", line);
    f = begin(header);
    add(f, pixel, 4);
    p = read_made(f);
    free(f);
    return p;
}

static double romm_decode(double code) { return code < 1 / 32.0 ? code / 16 : pow(code, 1.8); }

static void colours(void **state) {
    picture p = one_pixel("PRIMARIES=0.680 0.320 0.265 0.690 0.150 0.060 0.3127 0.3290\nFORMAT=32-bit_rle_rgbe");
    int c;
    (void)state;
    assert_int_equal(p.image.space, GMLP_P3_LINEAR);
    assert_string_equal(p.space_from, "chromaticities");
    picture_free(&p);
    p = one_pixel("PRIMARIES=0 0 0 0 0 0 0 0\nFORMAT=32-bit_rle_rgbe"); /* as Photoshop has it */
    assert_int_equal(p.image.space, GMLP_SRGB_LINEAR);
    picture_free(&p);
    p = one_pixel("FORMAT=32-bit_rle_rgbe\nEXPOSURE=2\nEXPOSURE=1.5");
    assert_string_equal(p.notes, "its numbers stand for light times 3, as EXPOSURE says\n");
    assert_true(((float *)p.image.data)[1] == 1);
    picture_free(&p);
    /* X 0.5, Y 1, Z 0.25 of a white of 1, 1, 1: to D50 by Bradford, by hand, and into ROMM */
    p = one_pixel("FORMAT=32-bit_rle_xyze");
    assert_int_equal(p.image.space, GMLP_PROPHOTO);
    for (c = 0; c < 3; c++) {
        static const double want[3] = { 0.3866, 1.2642, 0.2600 };
        const double got = romm_decode((double)((float *)p.image.data)[c]);
        if (fabs(got - want[c]) > 0.003) fail_msg("%d: %g, not %g", c, got, want[c]);
    }
    picture_free(&p);
}

static void headers(void **state) {
    (void)state;
    refuse(begin("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n"), "header does not end");
    refuse(begin("#?RADIANCE\nFORMAT=ascii\n\n-Y 1 +X 1\n...."), "unknown FORMAT");
    refuse(begin("#?RADIANCE\n\n-Y 1 +X 1\n...."), "says no FORMAT");
    refuse(begin("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 -Y 1\n...."), "its size cannot be read");
    refuse(begin("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y one +X 1\n...."), "its size cannot be read");
    refuse(begin("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 0 +X 1\n...."), "are supported");
    refuse(begin("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 65536\n...."), "are supported");
    refuse(begin("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 99999999999999999999 +X -3\n...."), "are supported");
    refuse(begin("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 65535 +X 65535\n...."), "out of proportion");
    refuse(begin("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9 +X 9\n....."), "end too early");
    refuse(begin("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\nPRIMARIES=1 1 1 1 1 1 1 1\n\n-Y 1 +X 1\n...."),
           "chromaticities make no colour space");
}

/* Runs that leave the row, that are empty, or before any pixel. */
static void bad_runs(void **state) {
    static const uint8_t longer[] = { 2, 2, 0, 8, 128 + 9, 1 }, none[] = { 2, 2, 0, 8, 0, 1, 1, 1 },
                         other_width[] = { 2, 2, 0, 9, 136, 1, 136, 1, 136, 1, 136, 1 },
                         old[] = { 5, 5, 5, 5, 1, 1, 1, 200 }, far[] = { 5, 5, 5, 5, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0,
                                                                         1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 255 };
    static const struct {
        const uint8_t *bytes;
        size_t n;
    } cases[] = { { longer, sizeof longer }, { none, sizeof none }, { other_width, sizeof other_width },
                  { old, sizeof old }, { far, sizeof far } };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        file_made *f = begin("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 8\n");
        add(f, cases[i].bytes, cases[i].n);
        refuse(f, "damaged");
    }
}

static void damaged_files(void **state) {
    static const uint8_t row[] = { 2, 2, 0, 8, 136, 9, 3, 1, 2, 3, 133, 4, 8, 1, 2, 3, 4, 5, 6, 7, 8, 136, 129 };
    file_made *f = begin("#?RADIANCE\nPRIMARIES=.64 .33 .3 .6 .15 .06 .3127 .329\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 8\n");
    picture p;
    char error[256];
    size_t n;
    (void)state;
    add(f, row, sizeof row);
    add(f, row, sizeof row);
    p = read_made(f);
    picture_free(&p);
    refuse_beginnings(f->bytes, f->size);
    for (n = 0; n < 256 * f->size; n++) {
        const uint8_t was = f->bytes[n / 256];
        f->bytes[n / 256] = (uint8_t)(n % 256);
        if (!picture_read_memory(f->bytes, f->size, "changed", 0, &p, error)) picture_free(&p);
        f->bytes[n / 256] = was;
    }
    free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers), cmocka_unit_test(old_runs), cmocka_unit_test(as_another_reader),
        cmocka_unit_test(orders),  cmocka_unit_test(colours),  cmocka_unit_test(headers),
        cmocka_unit_test(bad_runs), cmocka_unit_test(damaged_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
