/* Resizing: against the filter's definition as a double sum over all pixels; rows in any portions; with alpha, colours
   that are not seen have no say. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "pictures/picture.h"

/* Mitchell and Netravali's cubic with B = C = 1/3, equation 8 of their paper. */
static double cubic(double x) {
    const double b = 1.0 / 3, c = 1.0 / 3, a = fabs(x);
    if (a < 1) return ((12 - 9 * b - 6 * c) * a * a * a + (-18 + 12 * b + 6 * c) * a * a + 6 - 2 * b) / 6;
    if (a < 2) return ((-b - 6 * c) * a * a * a + (6 * b + 30 * c) * a * a + (-12 * b - 48 * c) * a + 8 * b + 24 * c) / 6;
    return 0;
}

/* Pixel i of a line of to made of a line of from pixels: the share of pixel k. */
static double share(int from, int to, int i, int k) {
    const double step = (double)from / to, wide = step > 1 ? step : 1, at = (i + 0.5) * step - 0.5;
    double sum = 0;
    for (int n = 0; n < from; n++) sum += cubic((n - at) / wide);
    return cubic((k - at) / wide) / sum;
}

static float *resized(const float *in, int w, int h, int to_w, int to_h, uint32_t portion) {
    gmlp_image to = { malloc((size_t)to_w * (size_t)to_h * 12), (uint32_t)to_w, (uint32_t)to_h, 0, GMLP_F32, 3,
                      GMLP_SRGB_LINEAR, 0 };
    picture_resizer *r = picture_resizer_open((uint32_t)w, (uint32_t)h, &to);
    assert_non_null(r);
    for (uint32_t y = 0; y < (uint32_t)h; y += portion)
        picture_resizer_rows(r, in + (size_t)y * (size_t)w * 3, portion < (uint32_t)h - y ? portion : (uint32_t)h - y);
    picture_resizer_close(r);
    return to.data;
}

static void definition(void **state) {
    static const int cases[][4] = { { 20, 14, 10, 7 }, { 20, 14, 13, 5 }, { 9, 5, 23, 17 }, { 17, 3, 1, 1 },
                                    { 1, 1, 4, 3 },    { 2, 30, 5, 9 },   { 12, 8, 12, 8 } };
    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        const int w = cases[n][0], h = cases[n][1], to_w = cases[n][2], to_h = cases[n][3];
        float *in = malloc((size_t)(w * h) * 12), *out, *again;
        for (int i = 0; i < w * h * 3; i++) in[i] = (float)((i * 7919 + i * i * 31) % 1000) / 100;
        out = resized(in, w, h, to_w, to_h, 1);
        again = resized(in, w, h, to_w, to_h, 5);
        assert_memory_equal(out, again, (size_t)(to_w * to_h) * 12);
        for (int y = 0; y < to_h; y++)
            for (int x = 0; x < to_w; x++)
                for (int c = 0; c < 3; c++) {
                    double sum = 0;
                    for (int j = 0; j < h; j++)
                        for (int i = 0; i < w; i++)
                            sum += share(h, to_h, y, j) * share(w, to_w, x, i) * (double)in[3 * (j * w + i) + c];
                    assert_true(fabs(sum - (double)out[3 * (y * to_w + x) + c]) < 1e-4);
                }
        free(in);
        free(out);
        free(again);
    }
}

/* What is flat stays flat, at the edges, too. */
static void flat(void **state) {
    float in[33 * 21 * 3], *out;
    (void)state;
    for (int i = 0; i < 33 * 21 * 3; i++) in[i] = (float)(i % 3) + 0.5f;
    out = resized(in, 33, 21, 14, 50, 4);
    for (int i = 0; i < 14 * 50 * 3; i++) assert_true(fabsf(out[i] - (float)(i % 3) - 0.5f) < 1e-5f);
    free(out);
}

/* The mean colour of what is seen; alpha itself is light's share. */
static void alpha(void **state) {
    enum { W = 11, H = 9, TO_W = 5, TO_H = 13 };
    float in[W * H * 4], out[TO_W * TO_H * 4];
    const gmlp_image to = { out, TO_W, TO_H, 0, GMLP_F32, 4, GMLP_SRGB_LINEAR, 0 };
    picture_resizer *r = picture_resizer_open(W, H, &to);
    int hidden = 0;
    (void)state;
    assert_non_null(r);
    for (int i = 0; i < W * H; i++) {
        in[4 * i + 3] = i % W < 4 ? 0 : i % W > 7 ? 1 : (float)(i % 5) / 4;
        for (int c = 0; c < 3; c++) in[4 * i + c] = i % W < 4 ? 1000 : (float)(i * (c + 3) % 17) / 16;
    }
    picture_resizer_rows(r, in, 2);
    picture_resizer_rows(r, in + 2 * W * 4, H - 2);
    picture_resizer_close(r);
    for (int y = 0; y < TO_H; y++)
        for (int x = 0; x < TO_W; x++) {
            const float *got = out + 4 * (y * TO_W + x);
            double sum[4] = { 0 };
            for (int i = 0; i < W * H; i++) {
                const double seen = share(H, TO_H, y, i / W) * share(W, TO_W, x, i % W) * (double)in[4 * i + 3];
                for (int c = 0; c < 3; c++) sum[c] += seen * (double)in[4 * i + c];
                sum[3] += seen;
            }
            assert_true(fabs(fmin(fmax(sum[3], 0), 1) - (double)got[3]) < 1e-5);
            hidden += sum[3] < 0.5 / 255;
            for (int c = 0; c < 3; c++)
                assert_true(fabs((sum[3] < 0.5 / 255 ? 0 : sum[c] / sum[3]) - (double)got[c]) < 1e-3);
        }
    assert_in_range(hidden, 1, TO_W * TO_H / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(definition), cmocka_unit_test(flat), cmocka_unit_test(alpha) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
