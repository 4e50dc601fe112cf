/* The tool's metrics. "colour-science" below is version 0.4.7, with numpy 2.4.6. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gamutmlp.h"
#include "measure/colour_difference.h"
#include "measure/metrics.h"
#include "measure/psnr.h"
#include "measure/sums.h"

static gmlp_image picture_of(void *data, uint32_t width, uint32_t height, int type, int space) {
    gmlp_image image = {0};
    image.data = data;
    image.width = width;
    image.height = height;
    image.type = type;
    image.space = space;
    return image;
}

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.12g is not %.12g +- %g", value, expected, tolerance);
}

static metrics compare_ok(const gmlp_image *reference, const gmlp_image *test) {
    char error[256];
    metrics m;
    memset(&m, 0, sizeof m);
    if (metrics_compare(reference, test, NULL, &m, error)) fail_msg("%s", error);
    return m;
}

/* G. Sharma, W. Wu, E. Dalal, 2005, table 1: two colours and their difference. */
static void ciede2000(void **state) {
    static const double pairs[34][7] = {
        {50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425},
        {50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615},
        {50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412},
        {50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000},
        {50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000},
        {50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000},
        {50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669},
        {50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669},
        {50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792},
        {50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792},
        {50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195},
        {50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195},
        {50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045},
        {50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045},
        {50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461},
        {50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065},
        {50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492},
        {50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977},
        {50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030},
        {50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535},
        {50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000},
        {50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000},
        {50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000},
        {50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000},
        {60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644},
        {63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630},
        {61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731},
        {35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645},
        {22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373},
        {36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146},
        {90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441},
        {90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381},
        {6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377},
        {2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082}};
    const double lab[3] = {40, -20, 30};
    int i;
    (void)state;
    for (i = 0; i < 34; i++) {
        assert_near(delta_e2000(pairs[i], pairs[i] + 3), pairs[i][6], 0.00005001);
        assert_near(delta_e2000(pairs[i] + 3, pairs[i]), pairs[i][6], 0.00005001);
    }
    assert_true(delta_e2000(lab, lab) == 0);
}

/* A picture of one colour against one of another. */
static void two_colours(void **state) {
    uint16_t a[12 * 3], b[12 * 3];
    float p[12 * 3], q[12 * 3];
    static const uint16_t ca[3] = {40000, 20000, 10000}, cb[3] = {39000, 23000, 12000};
    static const float cp[3] = {0.70f, 0.55f, 0.30f}, cq[3] = {0.69f, 0.56f, 0.33f};
    const gmlp_image ia = picture_of(a, 4, 3, GMLP_U16, GMLP_PROPHOTO), ib = picture_of(b, 4, 3, GMLP_U16, GMLP_PROPHOTO);
    const gmlp_image ip = picture_of(p, 4, 3, GMLP_F32, GMLP_REC2020_PQ);
    const gmlp_image iq = picture_of(q, 4, 3, GMLP_F32, GMLP_REC2020_PQ);
    metrics m;
    int i;
    (void)state;
    for (i = 0; i < 36; i++) {
        a[i] = ca[i % 3];
        b[i] = cb[i % 3];
        p[i] = cp[i % 3];
        q[i] = cq[i % 3];
    }
    /* colour-science: delta_E(XYZ_to_Lab(..., D50)), delta_E_ITP(RGB_to_ICtCp(203 cd/m2 * ...,
       'ITU-R BT.2100-2 PQ')), from the ROMM curve and matrices of the published primaries */
    m = compare_ok(&ia, &ib);
    assert_int_equal(m.hdr, 0);
    assert_near(m.delta_e2000_mean, 4.45885522565, 1e-4);
    assert_near(m.delta_e2000_p95, 4.45885522565, 0.0011);
    assert_near(m.delta_e_itp_mean, 31.5519572879, 3e-3);
    assert_near(m.rmse, 0.0234524893878, 1e-7);
    assert_near(m.psnr, -20 * log10(0.0234524893878), 1e-4);
    /* the same for PQ codes */
    m = compare_ok(&ip, &iq);
    assert_int_equal(m.hdr, 1);
    assert_near(m.delta_e2000_mean, 2.87668720135, 1e-4);
    assert_near(m.delta_e_itp_mean, 19.2519853732, 3e-3);
    assert_near(m.rmse, 0.0191485421551, 1e-6);
    assert_true(isnan(m.ssim)); /* smaller than the window */
}

/* Codes that stay below 255, by a congruential generator. */
static void fill_codes(uint8_t *codes, uint32_t width, uint32_t height, uint32_t seed) {
    uint32_t x, y, c;
    for (y = 0; y < height; y++)
        for (x = 0; x < width; x++)
            for (c = 0; c < 3; c++) {
                seed = seed * 1664525u + 1013904223u;
                *codes++ = (uint8_t)(4 * x + 3 * y + 20 * c + (seed >> 26));
            }
}

/* Expected values: numpy, every window with its own two-dimensional Gaussian and central moments. */
static void ssim(void **state) {
    uint8_t a[19 * 15 * 3], b[19 * 15 * 3];
    gmlp_image ia = picture_of(a, 19, 15, GMLP_U8, GMLP_PROPHOTO), ib = picture_of(b, 19, 15, GMLP_U8, GMLP_PROPHOTO);
    (void)state;
    fill_codes(a, 19, 15, 1);
    fill_codes(b, 19, 15, 2);
    assert_near(compare_ok(&ia, &ib).ssim, 0.17984033890115003, 1e-5);
    assert_true(compare_ok(&ia, &ia).ssim == 1);
    ia.space = ib.space = GMLP_REC2020_PQ;
    assert_near(compare_ok(&ia, &ib).ssim, 0.20715200982415677, 1e-5);
    ia.space = ib.space = GMLP_PROPHOTO;
    ia.height = ib.height = 10;
    assert_true(isnan(compare_ok(&ia, &ib).ssim));
}

/* 16-bit PQ. Expected values: numpy, from the published curve, primaries and BT.2124. */
static void hdr_pictures(void **state) {
    enum { SAMPLES = 24 * 20 * 3 };
    uint8_t codes[SAMPLES];
    uint16_t a[SAMPLES], b[SAMPLES];
    const gmlp_image ia = picture_of(a, 24, 20, GMLP_U16, GMLP_REC2020_PQ), ib = picture_of(b, 24, 20, GMLP_U16, GMLP_REC2020_PQ);
    metrics m;
    int i;
    (void)state;
    fill_codes(codes, 24, 20, 1);
    for (i = 0; i < SAMPLES; i++) a[i] = (uint16_t)(200 * codes[i]);
    fill_codes(codes, 24, 20, 2);
    for (i = 0; i < SAMPLES; i++) b[i] = (uint16_t)(200 * codes[i]);
    m = compare_ok(&ia, &ib);
    assert_int_equal(m.hdr, 1);
    assert_near(m.psnr, 21.86126492214145, 1e-4);
    assert_near(m.ssim, 0.36895663537103035, 1e-5);
    assert_near(m.delta_e_itp_mean, 75.25473868530447, 1e-3);
}

/* Four pixels. The OG one is pure ProPhoto green; a value above 1 and a NaN count as 1 and 0. */
static void psnr_by_hand(void **state) {
    float a[12] = {0.5f, 0.5f, 0.5f, 0, 0.8f, 0, 1, 1, 1, 0, 0, 0};
    float b[12] = {0.5f, 0.4f, 0.5f, 0, 0.6f, 0, 1.5f, 1, 1, 0, 0, 0};
    const gmlp_image ia = picture_of(a, 2, 2, GMLP_F32, GMLP_PROPHOTO_LINEAR);
    const gmlp_image ib = picture_of(b, 2, 2, GMLP_F32, GMLP_PROPHOTO_LINEAR);
    metrics m;
    (void)state;
    b[10] = NAN;
    m = compare_ok(&ia, &ib);
    assert_near(m.rmse, sqrt((0.01 + 0.04) / 12), 1e-7);
    assert_near(m.psnr, 10 * log10(12 / 0.05), 1e-5);
    assert_near(m.rmse_og, sqrt(0.04 / 3), 1e-7);
    assert_near(m.psnr_og, 10 * log10(3 / 0.04), 1e-5);
    assert_near(m.out_of_gamut, 0.25, 0);
}

static void equal_and_empty(void **state) {
    uint8_t a[12 * 12 * 3], b[3] = {0};
    const gmlp_image ia = picture_of(a, 12, 12, GMLP_U8, GMLP_SRGB), ib = picture_of(b, 1, 1, GMLP_U8, GMLP_SRGB);
    char error[256] = "";
    metrics m;
    (void)state;
    fill_codes(a, 12, 12, 3);
    m = compare_ok(&ia, &ia);
    assert_true(isinf(m.psnr) && m.psnr > 0);
    assert_true(m.rmse == 0 && m.ssim == 1 && m.delta_e2000_mean == 0 && m.delta_e2000_p95 == 0);
    assert_true(m.delta_e_itp_mean == 0 && m.out_of_gamut == 0);
    assert_true(isnan(m.psnr_og) && isnan(m.rmse_og)); /* sRGB has no OG pixel */
    assert_int_equal(metrics_compare(&ia, &ib, NULL, &m, error), -1);
    assert_non_null(strstr(error, "12 x 12"));
    assert_non_null(strstr(error, "1 x 1"));
}

static void hdr_rule(void **state) {
    float f[3] = {0.2f, 1.0f, 0.3f};
    uint16_t half[3] = {0x3c00, 0x3800, 0}, u16[3] = {65535, 0, 0};
    gmlp_image image = picture_of(f, 1, 1, GMLP_F32, GMLP_SRGB_LINEAR);
    (void)state;
    assert_false(metrics_is_hdr(&image));
    f[2] = 1.01f;
    assert_true(metrics_is_hdr(&image));
    image.space = GMLP_ACESCG;
    assert_true(metrics_is_hdr(&image));
    image.space = GMLP_SRGB;
    assert_false(metrics_is_hdr(&image));
    image = picture_of(half, 1, 1, GMLP_F16, GMLP_PROPHOTO_LINEAR);
    assert_false(metrics_is_hdr(&image));
    half[1] = 0x3c01; /* the number after 1 */
    assert_true(metrics_is_hdr(&image));
    image = picture_of(u16, 1, 1, GMLP_U16, GMLP_REC2020_HLG);
    assert_true(metrics_is_hdr(&image));
    image.space = GMLP_REC2020;
    assert_false(metrics_is_hdr(&image));
}

/* In an HDR picture a bright neutral is in gamut, a saturated colour is not, however dark. */
static void hdr_mask(void **state) {
    float p[4 * 3] = {20, 20, 20, 0, 0.01f, 0, 0.3f, 0.3f, 0.2f, 0, 0, 0};
    const gmlp_image image = picture_of(p, 4, 1, GMLP_F32, GMLP_REC2020_LINEAR);
    static const uint8_t expected[4] = {0, 1, 0, 0};
    uint8_t mask[4];
    (void)state;
    assert_int_equal(metrics_mask(&image, p, 1, mask), GMLP_OK);
    assert_memory_equal(mask, expected, 4);
    assert_near(compare_ok(&image, &image).out_of_gamut, 0.25, 0);
}

static void percentile(void **state) {
    uint16_t a[100 * 3], b[100 * 3];
    const gmlp_image ia = picture_of(a, 20, 5, GMLP_U16, GMLP_PROPHOTO), ib = picture_of(b, 20, 5, GMLP_U16, GMLP_PROPHOTO);
    metrics m;
    int i;
    (void)state;
    for (i = 0; i < 300; i++) a[i] = b[i] = 30000;
    for (i = 0; i < 15; i++) b[3 * i] = 40000;
    b[0] = b[3] = b[6] = b[9] = b[12] = 40000; /* five pixels differ */
    for (i = 5; i < 15; i++) b[3 * i] = 30000;
    m = compare_ok(&ia, &ib);
    assert_true(m.delta_e2000_p95 == 0);
    b[15] = 40000; /* the sixth, by as much */
    m = compare_ok(&ia, &ib);
    assert_near(m.delta_e2000_p95, m.delta_e2000_mean * 100 / 6, 0.0011);
}

/* Order does not matter, and nothing is lost below 2^-60. */
static void sums(void **state) {
    exact_sum a = {0, 0}, b = {0, 0}, c = {0, 0};
    int i;
    (void)state;
    for (i = 0; i < 1000; i++) {
        sum_add(&a, 0.1 * i);
        sum_add(&b, 0.1 * (999 - i));
        sum_add(&c, ldexp(1, -60));
    }
    assert_memory_equal(&a, &b, sizeof a);
    assert_near(sum_mean(&a, 1), 49950, 1e-9);
    assert_true(sum_mean(&c, 1) == ldexp(1000, -60));
    sum_add(&c, 1 - ldexp(1, -53)); /* a carry */
    sum_merge(&a, &c);
    sum_merge(&b, &c);
    assert_memory_equal(&a, &b, sizeof a);
    assert_near(sum_mean(&a, 1), 49951, 1e-9);
}

static void run_backwards(void *user, void (*job)(void *ctx, size_t index), void *ctx, size_t count) {
    *(size_t *)user = count;
    while (count) job(ctx, --count);
}

enum { W = 8200, H = 34 }; /* two bands, of 31 rows and 3 */

static void pictures(uint16_t *wide, uint8_t *base, uint16_t *decoded) {
    const gmlp_image w = picture_of(wide, W, H, GMLP_U16, GMLP_PROPHOTO), b = picture_of(base, W, H, GMLP_U8, GMLP_SRGB);
    const gmlp_image d = picture_of(decoded, W, H, GMLP_U16, GMLP_PROPHOTO);
    uint32_t seed = 7;
    size_t i;
    for (i = 0; i < (size_t)W * H * 3; i++) {
        seed = seed * 1664525u + 1013904223u;
        wide[i] = (uint16_t)(i % (3 * W) / 3 * 40 + (seed >> 18));
    }
    assert_int_equal(gmlp_reduce(&w, &b, NULL, NULL), GMLP_OK);
    assert_int_equal(gmlp_convert(&b, &d, NULL), GMLP_OK);
    for (i = 0; i < (size_t)W * H * 3; i += 5) decoded[i] = wide[i];
}

static void bands_and_threads(void **state) {
    uint16_t *wide = (uint16_t *)malloc(W * H * 6), *decoded = (uint16_t *)malloc(W * H * 6);
    uint8_t *base = (uint8_t *)malloc(W * H * 3);
    const gmlp_image w = picture_of(wide, W, H, GMLP_U16, GMLP_PROPHOTO), b = picture_of(base, W, H, GMLP_U8, GMLP_SRGB);
    const gmlp_image d = picture_of(decoded, W, H, GMLP_U16, GMLP_PROPHOTO);
    static const uint32_t bands[] = {H, 64, 7, 1};
    gmlp_threads threads = {0};
    metrics one, signals, many, clipped;
    metrics_psnr_sums whole;
    metrics_psnr_result r;
    metrics_psnr *p;
    char error[256];
    size_t jobs = 0, k;
    (void)state;
    assert_true(wide && decoded && base);
    pictures(wide, base, decoded);
    memset(&one, 0, sizeof one);
    memset(&many, 0, sizeof many);
    memset(&signals, 0, sizeof signals);
    threads.user = &jobs;
    threads.parallel_for = run_backwards;
    assert_int_equal(metrics_compare(&w, &d, NULL, &one, error), 0);
    assert_int_equal(metrics_compare(&w, &d, &threads, &many, error), 0);
    assert_int_equal(metrics_compare_signals(&w, &d, &threads, &signals, error), 0);
    assert_true(isnan(signals.delta_e2000_mean) && isnan(signals.delta_e2000_p95));
    signals.delta_e2000_mean = one.delta_e2000_mean; /* all else is the same */
    signals.delta_e2000_p95 = one.delta_e2000_p95;
    assert_memory_equal(&signals, &one, sizeof one);
    assert_true(jobs > 1);
    assert_memory_equal(&one, &many, sizeof one);

    p = metrics_psnr_begin(&w, &b, &d, GMLP_BRADFORD, error);
    assert_non_null(p);
    for (k = 0; k < sizeof bands / sizeof *bands; k++) {
        metrics_psnr_sums sums_, part;
        uint32_t y = (H - 1) / bands[k] * bands[k] + bands[k];
        memset(&sums_, 0, sizeof sums_);
        while (y) { /* the last band first */
            const uint32_t first = y - bands[k], rows = H - first < bands[k] ? H - first : bands[k];
            const gmlp_image wb = metrics_rows(&w, first, rows), bb = metrics_rows(&b, first, rows);
            const gmlp_image db = metrics_rows(&d, first, rows);
            memset(&part, 0, sizeof part);
            assert_int_equal(metrics_psnr_rows(p, &wb, &bb, &db, &part, error), 0);
            metrics_psnr_merge(&sums_, &part);
            y = first;
        }
        if (k == 0) whole = sums_;
        assert_memory_equal(&whole, &sums_, sizeof sums_);
    }
    metrics_psnr_free(p);

    /* the same as compare finds, on another way through the colours */
    r = metrics_psnr_finish(&whole);
    clipped = compare_ok(&w, &b);
    assert_near(r.psnr, one.psnr, 2e-4);
    assert_near(r.psnr_og, one.psnr_og, 2e-4);
    assert_near(r.psnr_clip, clipped.psnr, 2e-4);
    assert_near(r.psnr_clip_og, clipped.psnr_og, 2e-4);
    assert_near((double)whole.out_of_gamut / ((double)W * H), one.out_of_gamut, 1e-5);
    free(wide);
    free(base);
    free(decoded);
}

/* Every kind of picture that encode may hand over gives what compare gives. */
static void psnr_types_and_spaces(void **state) {
    static const struct { int type, space; } kinds[] = {
        {GMLP_U8, GMLP_P3},          {GMLP_U16, GMLP_ADOBERGB},  {GMLP_F16, GMLP_PROPHOTO}, {GMLP_F16, GMLP_ACESCG},
        {GMLP_F32, GMLP_REC2020},  {GMLP_F32, GMLP_P3_LINEAR}, {GMLP_U16, GMLP_REC2020_LINEAR},
        {GMLP_U8, GMLP_REC709}};
    enum { N = 300, ROWS = 12 };
    uint8_t codes[N * ROWS * 3], base[N * ROWS * 3];
    float wide[N * ROWS * 3];
    const gmlp_image ic = picture_of(codes, N, ROWS, GMLP_U8, GMLP_REC2020), ib = picture_of(base, N, ROWS, GMLP_U8, GMLP_SRGB);
    size_t k;
    (void)state;
    fill_codes(codes, N, ROWS, 5);
    for (k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const gmlp_image iw = picture_of(wide, N, ROWS, kinds[k].type, kinds[k].space);
        metrics_psnr_sums s;
        metrics_psnr_result r;
        metrics_psnr *p;
        metrics m;
        char error[256];
        assert_int_equal(gmlp_convert(&ic, &iw, NULL), GMLP_OK);
        assert_int_equal(gmlp_reduce(&iw, &ib, NULL, NULL), GMLP_OK);
        memset(&s, 0, sizeof s);
        p = metrics_psnr_begin(&iw, &ib, &iw, GMLP_BRADFORD, error);
        assert_non_null(p);
        assert_int_equal(metrics_psnr_rows(p, &iw, &ib, &iw, &s, error), 0);
        metrics_psnr_free(p);
        r = metrics_psnr_finish(&s);
        m = compare_ok(&iw, &ib);
        assert_true(isinf(r.psnr));
        if (metrics_is_hdr(&iw)) continue;
        assert_near(r.psnr_clip, m.psnr, 2e-4);
        if (kinds[k].space == GMLP_REC709) assert_true(isnan(r.psnr_clip_og) && isnan(m.psnr_og)); /* nothing is out of gamut */
        else assert_near(r.psnr_clip_og, m.psnr_og, 2e-3);
    }
}

static gmlp_result given_rows(void *user, uint32_t first, const gmlp_image *out) {
    const float *signal = (const float *)user + (size_t)first * out->width * 3;
    assert_int_equal(out->space, GMLP_REC2020_PQ);
    memcpy(out->data, signal, (size_t)out->width * out->height * 3 * sizeof(float));
    return GMLP_OK;
}

static gmlp_result no_rows(void *user, uint32_t first, const gmlp_image *out) {
    (void)user, (void)out;
    return first ? GMLP_E_MEMORY : GMLP_OK;
}

/* Rows that are made when they are needed give what pictures do. */
static void made_rows(void **state) {
    enum { WIDTH = 640, HEIGHT = 900 };
    const size_t n = (size_t)WIDTH * HEIGHT * 3;
    float *signals[2];
    metrics_maker makers[2];
    const metrics_maker broken = { no_rows, NULL };
    metrics whole, made;
    char error[256];
    gmlp_image a, b;
    uint32_t seed = 7;
    size_t i;
    (void)state;
    for (i = 0; i < 2; i++) {
        signals[i] = (float *)calloc(n, sizeof(float));
        makers[i].rows = given_rows;
        makers[i].user = signals[i];
    }
    for (i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        signals[0][i] = (float)(seed >> 8) / (1 << 24);
        signals[1][i] = 0.9f * signals[0][i];
    }
    a = metrics_floats(signals[0], WIDTH, HEIGHT, GMLP_REC2020_PQ);
    b = metrics_floats(signals[1], WIDTH, HEIGHT, GMLP_REC2020_PQ);
    memset(&whole, 0, sizeof whole);
    memset(&made, 0, sizeof made);
    assert_int_equal(metrics_compare_signals(&a, &b, NULL, &whole, error), 0);
    assert_int_equal(metrics_compare_made(WIDTH, HEIGHT, &makers[0], &makers[1], NULL, &made, error), 0);
    assert_true(whole.psnr > 10 && whole.psnr < 40 && whole.ssim < 1);
    whole.delta_e2000_mean = whole.delta_e2000_p95 = made.delta_e2000_mean = made.delta_e2000_p95 = 0; /* NaN */
    assert_memory_equal(&whole, &made, sizeof whole);
    assert_int_equal(metrics_compare_made(WIDTH, HEIGHT, &makers[0], &broken, NULL, &made, error), -1);
    for (i = 0; i < 2; i++) free(signals[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ciede2000),         cmocka_unit_test(two_colours),
        cmocka_unit_test(ssim),              cmocka_unit_test(psnr_by_hand),
        cmocka_unit_test(hdr_pictures),
        cmocka_unit_test(equal_and_empty),   cmocka_unit_test(hdr_rule),
        cmocka_unit_test(hdr_mask),          cmocka_unit_test(percentile),
        cmocka_unit_test(sums),              cmocka_unit_test(bands_and_threads),
        cmocka_unit_test(psnr_types_and_spaces), cmocka_unit_test(made_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
