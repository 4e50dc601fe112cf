/* Steps of the tool's own JPEG encoder for the size of libjpeg's files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "work/fitting.h"

/* A sky over textured ground, in ProPhoto, some of it out of gamut; or nothing but one colour. */
static gmlp_image landscape(uint32_t width, uint32_t height, int blank) {
    gmlp_image image;
    uint16_t *p;
    uint32_t x, y, seed = 7;
    int c;
    memset(&image, 0, sizeof image);
    image.width = width;
    image.height = height;
    image.type = GMLP_U16;
    image.space = GMLP_PROPHOTO;
    image.data = malloc((size_t)width * height * 6);
    assert_non_null(image.data);
    p = (uint16_t *)image.data;
    for (y = 0; y < height; y++)
        for (x = 0; x < width; x++, p += 3)
            for (c = 0; c < 3; c++) {
                const double wave = sin(x * 0.05 * (c + 1)) * cos(y * 0.07);
                const uint32_t grain = (seed = seed * 1664525u + 1013904223u) >> (y < height / 3 ? 22 : 19);
                p[c] = (uint16_t)(blank ? 30000 : 25000 + 4000 * c + 20000 * wave + grain);
            }
    return image;
}

static gmlp_image base_of(const gmlp_image *wide, int space) {
    gmlp_image base = *wide;
    base.type = GMLP_U8;
    base.space = space;
    base.data = malloc((size_t)wide->width * wide->height * 3);
    assert_int_equal(gmlp_reduce(wide, &base, NULL, NULL), GMLP_OK);
    return base;
}

static void as_large_as_libjpegs(const gmlp_image *wide, int space, int quality, int subsample, double within) {
    const picture_write_opts usual = { quality, subsample, 0, NULL, 0, NULL };
    gmlp_image clipped = base_of(wide, GMLP_SRGB), base = base_of(wide, space);
    picture_fine_opts file;
    fitting f;
    uint8_t *theirs, *ours;
    size_t size, n;
    char error[256];
    memset(&file, 0, sizeof file);
    file.subsample = subsample;
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_JPEG, &clipped, &usual, &theirs, &size, error), 0);
    assert_int_equal(fit_steps(wide, space, NULL, quality, &file, &f, error), 0);
    assert_int_equal(f.seen.image.space, space);
    assert_int_equal(f.usual.image.space, GMLP_SRGB);
    assert_int_equal(f.seen.image.width, wide->width);
    assert_int_equal(f.seen.image.height, f.wide.height);
    assert_int_equal(f.usual.image.height, f.wide.height);
    assert_true(f.wide.height <= wide->height);
    assert_int_equal(fit_file(&base, size, &file, &ours, &n, error), 0);
    if (!(fabs((double)n / (double)size - 1) < within))
        fail_msg("space %d, quality %d, chroma %d: %zu bytes, libjpeg's file has %zu", space, quality, subsample, n, size);
    fitting_free(&f);
    free(theirs);
    free(ours);
    free(clipped.data);
    free(base.data);
}

static void sizes(void **state) {
    static const int qualities[4] = { 20, 75, 95, 99 };
    gmlp_image wide = landscape(320, 200, 0);
    int i;
    (void)state;
    for (i = 0; i < 8; i++)
        as_large_as_libjpegs(&wide, i & 1 ? GMLP_SYCC : GMLP_SRGB, qualities[i / 2], i % 3, 0.03);
    free(wide.data);
}

/* Of a large picture bands are tried, from the top as from the bottom. */
static void large_pictures(void **state) {
    gmlp_image wide = landscape(1500, 1111, 0);
    (void)state;
    as_large_as_libjpegs(&wide, GMLP_SYCC, 90, PICTURE_420, 0.03);
    free(wide.data);
}

/* No steps give such a size; it ends, and gives a file. */
static void without_detail(void **state) {
    static const uint32_t edges[3] = { 1, 17, 64 };
    int i;
    (void)state;
    for (i = 0; i < 3; i++) {
        gmlp_image wide = landscape(edges[i], edges[2 - i], 1);
        as_large_as_libjpegs(&wide, GMLP_SYCC, 95, i, 0.9);
        as_large_as_libjpegs(&wide, GMLP_SRGB, 100, i, 0.9);
        as_large_as_libjpegs(&wide, GMLP_SRGB, 1, i, 0.9);
        free(wide.data);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(sizes), cmocka_unit_test(large_pictures),
                                        cmocka_unit_test(without_detail) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
