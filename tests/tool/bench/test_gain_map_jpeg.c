/* Gain maps as JPEG: values worked by hand, pictures that come back, budgets. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gain_map_jpeg.h"
#include "measure/metrics.h"
#include "shell/pool.h"

#include <cmocka.h> /* last: it has a macro fail() */

static const int methods[] = { GAIN_MAP_GAIN, GAIN_MAP_GAMMA, GAIN_MAP_ULTRAHDR, GAIN_MAP_LIBULTRAHDR };

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.12g is not %.12g +- %g", value, expected, tolerance);
}

static gmlp_image picture_of(void *data, uint32_t width, uint32_t height, int type, int space) {
    gmlp_image image;
    memset(&image, 0, sizeof image);
    image.data = data;
    image.width = width;
    image.height = height;
    image.type = type;
    image.space = space;
    return image;
}

static void values_by_hand(void **state) {
    static const struct {
        int method;
        double s, h, f; /* s and h in 64ths */
    } cases[] = {
        { GAIN_MAP_GAIN, 15, 31, 1 },          { GAIN_MAP_GAIN, 0, 0, 0 },      { GAIN_MAP_GAIN, 0, 63, 6 },
        { GAIN_MAP_GAIN, 63, 0, -6 },          { GAIN_MAP_GAIN, 3, 0, -2 },           { GAIN_MAP_GAMMA, 15, 31, 0.5 },
        { GAIN_MAP_GAMMA, 15, 3, 2 },          { GAIN_MAP_GAMMA, 0, 0, 1 },     { GAIN_MAP_GAMMA, 0, 7, 0.5 },
        { GAIN_MAP_GAMMA, 31, 63, 0 },         { GAIN_MAP_GAMMA, 31, 0, 6 },    { GAIN_MAP_ULTRAHDR, 0, 0, 0 },
        { GAIN_MAP_ULTRAHDR, 63, 255, 2 },     { GAIN_MAP_ULTRAHDR, 0, 63, 6 }, { GAIN_MAP_ULTRAHDR, 63, 0, -6 },
        { GAIN_MAP_ULTRAHDR, 31, 1023, 5 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const float s = (float)(cases[i].s / 64), h = (float)(cases[i].h / 64);
        assert_near(gain_map_value(cases[i].method, s, h), cases[i].f, 1e-6 * fmax(1, fabs(cases[i].f)));
        assert_near(gain_map_undo(cases[i].method, s, (float)cases[i].f), h, 2e-6 * fmax(1, h));
    }
    /* beyond what there is */
    assert_near(gain_map_undo(GAIN_MAP_GAIN, 0.5f, -9), 0, 0);
    assert_near(gain_map_undo(GAIN_MAP_GAIN, 0.5f, 4), 1, 0);
    assert_near(gain_map_undo(GAIN_MAP_GAMMA, 0.5f, -3), 1, 0);
    assert_near(gain_map_undo(GAIN_MAP_GAMMA, 0, 9), 0, 0);
    assert_near(gain_map_undo(GAIN_MAP_ULTRAHDR, 0, -9), 0, 0);
    assert_near(gain_map_undo(GAIN_MAP_ULTRAHDR, 1, 9), 10000.0 / 203, 1e-5);
}

/* As libultrahdr has it: limits, and next to no offset. */
static void values_of_libultrahdr(void **state) {
    const float dark = (float)(1.9 / 255 / 203), e = 1e-7f / 203;
    (void)state;
    assert_near(gain_map_value(GAIN_MAP_LIBULTRAHDR, 0.25f, 2), 3, 1e-6);
    assert_near(gain_map_undo(GAIN_MAP_LIBULTRAHDR, 0.25f, 3), 2, 1e-6);
    assert_near(gain_map_value(GAIN_MAP_LIBULTRAHDR, 0, 3 * e), 2, 1e-5);
    assert_near(gain_map_undo(GAIN_MAP_LIBULTRAHDR, 0, 2), 3 * e, 1e-15);
    assert_near(gain_map_value(GAIN_MAP_LIBULTRAHDR, dark, 4 * dark), 2, 1e-4);
    assert_near(gain_map_value(GAIN_MAP_LIBULTRAHDR, dark, 8 * dark), 2.3, 1e-6);
    assert_near(gain_map_value(GAIN_MAP_LIBULTRAHDR, 1.1f * dark, 1.1f * 8 * dark), 3, 1e-4);
    assert_near(gain_map_value(GAIN_MAP_LIBULTRAHDR, 0, 1), 2.3, 1e-6);
    assert_near(gain_map_value(GAIN_MAP_LIBULTRAHDR, 1, 0), -14.3, 1e-6);
    assert_near(gain_map_value(GAIN_MAP_LIBULTRAHDR, 1.1f * dark, 49), 15.6, 1e-6);
    assert_near(gain_map_value(GAIN_MAP_LIBULTRAHDR, 0, 0), 0, 0);
}

/* S = 63/64 and above: by the base 63/64 and not by log 1. */
static void zero_denominator(void **state) {
    static const float s[] = { 62 / 64.f, 62.5f / 64, 63 / 64.f, 1, 7 };
    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_near(gain_map_value(GAIN_MAP_GAMMA, s[i], 31 / 64.f), log(0.5) / log(63 / 64.0), 1e-4);
        for (int h = 0; h <= 64; h++)
            assert_near(gain_map_undo(GAIN_MAP_GAMMA, s[i], gain_map_value(GAIN_MAP_GAMMA, s[i], (float)h / 64)), h / 64.0, 1e-5);
    }
}

/* A map of one value has no range to lose anything in. nits: of a grey HDR pixel. */
static void one_pixel(int method, double peak, uint8_t code, double nits, double expected) {
    uint8_t sdr[3];
    float hdr[3], pq[3];
    const gmlp_image s = picture_of(sdr, 1, 1, GMLP_U8, GMLP_SRGB), h = picture_of(hdr, 1, 1, GMLP_F32, GMLP_REC2020_LINEAR);
    const double signal = gmlp_curve_encode(GMLP_REC2020_PQ, expected / 203, 0);
    map_jpeg_choice choice = { 1, 50, 0, 0 };
    char error[256];
    gain_map *g;
    double psnr;
    for (int k = 0; k < 3; k++) {
        sdr[k] = code;
        hdr[k] = (float)(nits / 203);
    }
    g = gain_map_new(&s, &h, method, peak, NULL, error);
    assert_non_null(g);
    psnr = gain_map_jpeg_apply(g, &choice, pq, error);
    assert_true(expected != nits || psnr > 80);
    assert_true(choice.bytes > 100 && choice.bytes < 1000);
    for (int k = 0; k < 3; k++) assert_near(pq[k], signal, 2e-5);
    gain_map_free(g);
}

static void single_pixels(void **state) {
    static const double nits[] = { 0, 0.01, 1, 100, 203, 999 };
    static const uint8_t codes[] = { 0, 128, 255 };
    (void)state;
    for (int m = 0; m < 3; m++) /* libultrahdr's limits show */
        for (int c = 0; c < 3; c++) {
            for (int i = 0; i < 6; i++) {
                one_pixel(methods[m], 10000, codes[c], nits[i], nits[i]);
                one_pixel(methods[m], 1000, codes[c], nits[i], nits[i]);
            }
            one_pixel(methods[m], 10000, codes[c], 4000, 4000);
            one_pixel(methods[m], 10000, codes[c], 50000, 10000); /* PQ ends there */
            one_pixel(methods[m], 1000, codes[c], 4000, methods[m] == GAIN_MAP_ULTRAHDR ? 4000 : 1000);
        }
}

/* Two pixels in one cell: SDR white, HDR 203 and 812 cd/m2. By hand: the mean of the two f. */
static void map_of_two_pixels(void **state) {
    static const double peaks[] = { 1000, 10000 };
    uint8_t sdr[6] = { 255, 255, 255, 255, 255, 255 };
    float hdr[6] = { 1, 1, 1, 4, 4, 4 }, pq[6];
    const gmlp_image s = picture_of(sdr, 2, 1, GMLP_U8, GMLP_SRGB), h = picture_of(hdr, 2, 1, GMLP_F32, GMLP_REC2020_LINEAR);
    char error[256];
    (void)state;
    for (int m = 0; m < 4; m++)
        for (int k = 0; k < 2; k++) {
            const double e = methods[m] == GAIN_MAP_LIBULTRAHDR ? 1e-7 / 203 : 1 / 64.0;
            map_jpeg_choice choice = { 2, 100, 0, 0 };
            gain_map *g = gain_map_new(&s, &h, methods[m], peaks[k], NULL, error);
            const double to = 10000 / peaks[k]; /* H by the curve, whose own code 1 is 10000 cd/m2 */
            const double a = gmlp_curve_encode(GMLP_REC2020_PQ, 203 * to, 1), b = gmlp_curve_encode(GMLP_REC2020_PQ, 812 * to, 1);
            const double signal = sqrt((a + e) * (b + e)) - e; /* geometric by both, as the two S are equal */
            const double light = m > 1 ? 203 * (sqrt((1 + e) * (4 + e)) - e)
                                       : gmlp_curve_decode(GMLP_REC2020_PQ, signal, 1) / to;
            assert_non_null(g);
            assert_true(isfinite(gain_map_jpeg_apply(g, &choice, pq, error)));
            for (int i = 0; i < 6; i++) assert_near(pq[i], gmlp_curve_encode(GMLP_REC2020_PQ, light, 1), 2e-5);
            gain_map_free(g);
        }
}

/* A smooth picture of 37 x 23, black in one corner and HDR of 800 cd/m2 in another. */
enum { W = 37, H = 23, N = 3 * W * H };

typedef struct pair {
    uint8_t sdr[N];
    float hdr[N], pq[N], again[N];
} pair;

static void pair_fill(pair *p) {
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int k = 0; k < 3; k++) {
                const int i = 3 * (y * W + x) + k;
                const double v = (double)(x + (k == 1 ? y : 0)) / (W + H - 2) * (k == 2 ? 0.8 : 1);
                p->sdr[i] = (uint8_t)(255 * v + 0.5);
                p->hdr[i] = (float)(800 / 203.0 * pow(v, 3) * (1 - 0.3 * y / H));
            }
}

static gmlp_image sdr_of(pair *p) { return picture_of(p->sdr, W, H, GMLP_U8, GMLP_SRGB); }
static gmlp_image hdr_of(pair *p) { return picture_of(p->hdr, W, H, GMLP_F32, GMLP_REC2020_LINEAR); }

/* At quality 100 what is left are the steps of 8 bits and the rounding of JPEG: no more than 4 steps of f, of which
   one is a 255th of its range. Stated as the PQ signal of 10000 cd/m2. */
static void pictures_come_back(void **state) {
    static const double least[] = { 50, 50, 40, 40 };
    pair *p = (pair *)malloc(sizeof *p);
    gmlp_image s, h, out;
    pool *workers = pool_create(3);
    const gmlp_threads threads = pool_threads(workers);
    char error[256];
    (void)state;
    assert_non_null(p);
    pair_fill(p);
    s = sdr_of(p);
    h = hdr_of(p);
    out = picture_of(p->pq, W, H, GMLP_F32, GMLP_REC2020_PQ);
    for (int m = 0; m < 4; m++) {
        gain_map *g = gain_map_new(&s, &h, methods[m], 10000, NULL, error), *t = gain_map_new(&s, &h, methods[m], 10000, &threads, error);
        double before = INFINITY;
        assert_non_null(g);
        assert_non_null(t);
        for (uint32_t scale = 1; scale <= 64; scale *= 4) { /* the last one leaves a map of one cell */
            map_jpeg_choice choice = { 0, 100, 0, 0 }, same;
            metrics found;
            double psnr;
            choice.scale = scale;
            same = choice;
            psnr = gain_map_jpeg_apply(g, &choice, p->pq, error);
            assert_true(psnr < before && (scale > 1 || psnr > least[m]));
            before = psnr;
            assert_int_equal(metrics_compare(&h, &out, NULL, &found, error), 0);
            assert_near(psnr, found.psnr, 1e-3);
            assert_true(gain_map_jpeg_apply(t, &same, p->again, error) == psnr); /* on three threads */
            assert_int_equal(same.bytes, choice.bytes);
            assert_memory_equal(p->pq, p->again, sizeof p->pq);
        }
        gain_map_free(g);
        gain_map_free(t);
    }
    pool_free(workers);
    free(p);
}

static void budgets(void **state) {
    static const size_t sizes[] = { 10, 700, 900, 1500, 100000 };
    enum { COUNT = sizeof sizes / sizeof *sizes };
    pair *p = (pair *)malloc(sizeof *p);
    map_jpeg_choice best[COUNT];
    gmlp_image s, h;
    char error[256];
    (void)state;
    assert_non_null(p);
    pair_fill(p);
    s = sdr_of(p);
    h = hdr_of(p);
    for (int m = 0; m < 4; m++) {
        gain_map *g = gain_map_new(&s, &h, methods[m], 10000, NULL, error);
        double before = 0;
        assert_non_null(g);
        assert_int_equal(gain_map_jpeg_search(g, sizes, COUNT, best, error), 0);
        assert_int_equal(best[0].scale, 0); /* nothing fits */
        for (int b = 1; b < COUNT; b++) {
            static const uint32_t scales[] = { 1, 2, 4, 8 };
            map_jpeg_choice again = best[b];
            const double psnr = gain_map_jpeg_apply(g, &again, p->pq, error);
            assert_int_equal(again.bytes, best[b].bytes);
            assert_true(again.bytes <= sizes[b] && psnr >= before);
            before = psnr;
            for (int i = 0; i < 4; i++) { /* none of the best of a scale is better */
                map_jpeg_choice other = { 0, 100, 0, 0 };
                other.scale = scales[i];
                for (;; other.quality--) {
                    const double q = gain_map_jpeg_apply(g, &other, p->pq, error);
                    if (other.bytes <= sizes[b]) {
                        assert_true(q <= psnr);
                        break;
                    }
                    if (other.quality == 1) break;
                }
            }
        }
        gain_map_free(g);
    }
    free(p);
}

/* A picture of which a search takes every second row. */
static void search_of_a_large_picture(void **state) {
    enum { WIDTH = 2048, HEIGHT = 132, COUNT = 3 * WIDTH * HEIGHT };
    const size_t budget = 3000;
    uint8_t *sdr = (uint8_t *)malloc(COUNT);
    float *hdr = (float *)malloc(COUNT * sizeof *hdr), *pq = (float *)malloc(COUNT * sizeof *pq);
    const gmlp_image s = picture_of(sdr, WIDTH, HEIGHT, GMLP_U8, GMLP_SRGB), h = picture_of(hdr, WIDTH, HEIGHT, GMLP_F32, GMLP_REC2020_LINEAR);
    map_jpeg_choice best;
    char error[256];
    gain_map *g;
    double psnr;
    (void)state;
    assert_non_null(sdr);
    assert_non_null(hdr);
    assert_non_null(pq);
    for (int i = 0; i < COUNT; i++) {
        const int x = i / 3 % WIDTH;
        sdr[i] = (uint8_t)(100 + 60 * sin(x / 30.0) + 5 * (i % 3));
        hdr[i] = (float)(0.3 + 0.2 * cos(x / 70.0) + 0.001 * (i / 3 / WIDTH));
    }
    g = gain_map_new(&s, &h, GAIN_MAP_GAMMA, 10000, NULL, error);
    assert_non_null(g);
    assert_int_equal(gain_map_jpeg_search(g, &budget, 1, &best, error), 0);
    psnr = gain_map_jpeg_apply(g, &best, pq, error);
    assert_true(best.bytes <= budget);
    for (uint32_t scale = 1; scale <= 32; scale *= 2) { /* none of the others is better on all rows */
        map_jpeg_choice other = { 0, 0, 0, 0 };
        other.scale = scale;
        for (int quality = 10; quality <= 90; quality += 40) {
            double q;
            other.quality = quality;
            q = gain_map_jpeg_apply(g, &other, pq, error);
            assert_true(other.bytes > budget || q <= psnr + 0.05);
        }
    }
    gain_map_free(g);
    free(sdr);
    free(hdr);
    free(pq);
}

static void renditions_of_two_sizes(void **state) {
    uint8_t sdr[12] = { 0 };
    uint16_t hdr[12] = { 0 };
    const gmlp_image s = picture_of(sdr, 2, 2, GMLP_U8, GMLP_SRGB), h = picture_of(hdr, 4, 1, GMLP_U16, GMLP_REC2020_PQ);
    char error[256] = "";
    (void)state;
    assert_null(gain_map_new(&s, &h, GAIN_MAP_GAMMA, 10000, NULL, error));
    assert_string_equal(error, "the map: the renditions differ in size");
    gain_map_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_by_hand),     cmocka_unit_test(values_of_libultrahdr), cmocka_unit_test(zero_denominator),
        cmocka_unit_test(single_pixels),      cmocka_unit_test(map_of_two_pixels),     cmocka_unit_test(pictures_come_back),
        cmocka_unit_test(budgets),            cmocka_unit_test(renditions_of_two_sizes), cmocka_unit_test(search_of_a_large_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
