/* Which base a JPEG gets, and its file. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shell/pool.h"
#include "work/base.h"
#include "work/quality.h"

enum { WIDTH = 160, HEIGHT = 120 };

/* Waves and grain in ProPhoto; vivid: how far from grey, 1 being far outside sRGB. */
static gmlp_image waves(double vivid) {
    gmlp_image image;
    uint16_t *p;
    uint32_t seed = 3;
    memset(&image, 0, sizeof image);
    image.width = WIDTH;
    image.height = HEIGHT;
    image.type = GMLP_U16;
    image.space = GMLP_PROPHOTO;
    image.data = malloc(WIDTH * HEIGHT * 6);
    assert_non_null(image.data);
    p = (uint16_t *)image.data;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++, p += 3)
            for (int c = 0; c < 3; c++) {
                const double colour = sin(x * 0.05 + 2 * c) * cos(y * 0.04);
                seed = seed * 1664525u + 1013904223u;
                p[c] = (uint16_t)(32000 + 24000 * vivid * colour + (seed >> 22));
            }
    return image;
}

static double out_of_gamut(const gmlp_image *wide, const picture *base, gmlp_threads threads) {
    const quality_subject s = { "test", wide, &base->image, NULL, &base->image, 0, threads };
    metrics_psnr_result q;
    char error[256];
    assert_int_equal(quality_measure(&s, &q, error), 0);
    return q.psnr_og;
}

static void the_better_base(void **state) {
    static const double vivid[] = { 1, 0.5, 0.33 };
    pool *workers = pool_create(2);
    int taken = 0;
    (void)state;
    for (int i = 0; i < 3; i++)
        for (int chroma = PICTURE_444; chroma <= PICTURE_420; chroma++) {
            gmlp_image wide = waves(vivid[i]);
            base_opts opts = { BASE_AUTO, 85, chroma, 0, pool_threads(workers), NULL, NULL, NULL };
            base_file file[3]; /* by BASE_... */
            char error[256];
            double gain;
            for (opts.base = BASE_AUTO; opts.base <= BASE_SYCC; opts.base++)
                assert_int_equal(base_make(&wide, &opts, &file[opts.base], error), 0);
            assert_int_equal(file[BASE_SRGB].picture.image.space, GMLP_SRGB);
            assert_int_equal(file[BASE_SYCC].picture.image.space, GMLP_SYCC);
            assert_true(file[BASE_AUTO].gamut.out_of_gamut > 0);
            /* all of so small a picture was tried; only the fit of the file is a little closer then */
            gain = out_of_gamut(&wide, &file[BASE_SYCC].picture, opts.threads) -
                   out_of_gamut(&wide, &file[BASE_SRGB].picture, opts.threads);
            assert_true(fabs(gain - file[BASE_AUTO].gain) < 0.5);
            opts.base = file[BASE_AUTO].gain < 0.5 ? BASE_SRGB : BASE_SYCC;
            taken += opts.base == BASE_SYCC;
            assert_int_equal(file[BASE_AUTO].size, file[opts.base].size);
            assert_memory_equal(file[BASE_AUTO].bytes, file[opts.base].bytes, file[opts.base].size);
            for (int k = 0; k < 3; k++) base_free(&file[k]);
            free(wide.data);
        }
    assert_in_range(taken, 1, 8); /* of 9 */
    pool_free(workers);
}

/* Without a colour outside sRGB there is nothing to keep. */
static void grey_takes_srgb(void **state) {
    pool *workers = pool_create(1);
    gmlp_image wide = waves(0);
    const base_opts opts = { BASE_AUTO, 95, PICTURE_444, 0, pool_threads(workers), NULL, NULL, NULL };
    base_file file;
    char error[256];
    (void)state;
    assert_int_equal(base_make(&wide, &opts, &file, error), 0);
    assert_int_equal(file.gamut.out_of_gamut, 0);
    assert_int_equal(file.picture.image.space, GMLP_SRGB);
    assert_true(isnan(file.gain));
    base_free(&file);
    free(wide.data);
    pool_free(workers);
}

static int once_more(void *user, gmlp_image *wide, char error[256]) {
    gmlp_image *from = (gmlp_image *)user;
    assert_null(wide->data);
    wide->data = from->data;
    from->data = NULL;
    if (!wide->data) strcpy(error, "gone");
    return wide->data ? 0 : -1;
}

/* The original's pixels are free meanwhile, to the same file; if they do not come back there is none. */
static void original_aside(void **state) {
    pool *workers = pool_create(1);
    gmlp_image wide = waves(1), again = waves(1);
    base_opts opts = { BASE_AUTO, 85, PICTURE_444, 0, pool_threads(workers), NULL, NULL, NULL };
    base_file stays, comes_back;
    char error[256];
    (void)state;
    assert_int_equal(base_make(&wide, &opts, &stays, error), 0);
    opts.again = once_more;
    opts.user = &again;
    assert_int_equal(base_make(&wide, &opts, &comes_back, error), 0);
    assert_null(again.data);
    assert_non_null(wide.data);
    assert_int_equal(comes_back.size, stays.size);
    assert_memory_equal(comes_back.bytes, stays.bytes, stays.size);
    base_free(&comes_back);
    assert_int_equal(base_make(&wide, &opts, &comes_back, error), -1);
    assert_string_equal(error, "gone");
    assert_null(wide.data);
    base_free(&comes_back);
    base_free(&stays);
    pool_free(workers);
}

static void margins(void **state) {
    (void)state;
    assert_int_equal(base_clip_margin(GMLP_SYCC, PICTURE_444), 0);
    assert_int_equal(base_clip_margin(GMLP_SRGB, PICTURE_420), 0);
    assert_in_range(base_clip_margin(GMLP_SYCC, PICTURE_420), 1, 63);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_better_base),
        cmocka_unit_test(grey_takes_srgb),
        cmocka_unit_test(original_aside),
        cmocka_unit_test(margins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
