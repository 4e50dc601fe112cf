/* What a smaller picture was: codes whose means are the picture's own, with the edges of clipped areas. */
#include "work/resized.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { MOST_W = 96, MOST_H = 80 };

typedef struct shot {
    int w, h;
    double at[MOST_W * MOST_H * 3];
} shot;

/* Clipped areas with slanted edges before a slope. */
static void draw(shot *s, int w, int h) {
    s->w = w, s->h = h;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            double *p = s->at + (y * w + x) * 3;
            p[0] = 3 * x + y > 150 && 3 * x + y < 260 ? 255 : 60 + x;
            p[1] = 90 + y;
            p[2] = 2 * y > x + 31 ? 0 : 180 - x;
        }
}

/* Means over areas, by 20 samples along a pixel's side. */
static void average(const shot *s, shot *out, int w, int h) {
    enum { N = 20 };
    out->w = w, out->h = h;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < 3; c++) {
                double sum = 0;
                for (int i = 0; i < N * N; i++) {
                    const int u = (int)((x + (i % N + 0.5) / N) * s->w / w),
                              v = (int)((y + (i / N + 0.5) / N) * s->h / h);
                    sum += s->at[(v * s->w + u) * 3 + c];
                }
                out->at[(y * w + x) * 3 + c] = sum / (N * N);
            }
}

/* Finds the codes of w x h pixels that base is of; cut: its codes are rounded down. The mean error of base's codes as
   the means of those found; the mean square of the codes' own. */
static void find(const shot *truth, int w, int h, int cut, double *means_off, double *codes_off) {
    static shot base, found, again;
    static uint8_t codes[MOST_W * MOST_H * 3], small_codes[MOST_W * MOST_H * 3];
    static float large[MOST_W * MOST_H * 3], small[MOST_W * MOST_H * 3], row[MOST_W * 3];
    resized r;
    band b;
    average(truth, &base, w, h);
    for (int i = 0; i < w * h * 3; i++) small_codes[i] = (uint8_t)(base.at[i] + (cut ? 1e-9 : 0.5));
    memset(&r, 0, sizeof r);
    memset(&b, 0, sizeof b);
    for (int i = 0; i < 256; i++) r.code[i] = (float)(cut && i > 0 && i < 255 ? i + 0.5 : i);
    r.base = view(small_codes, (uint32_t)w, (uint32_t)h, GMLP_U8, 3, GMLP_SRGB);
    assert_int_equal(gmlp_converter_create(GMLP_U8, GMLP_SRGB, GMLP_U8, GMLP_SRGB, NULL, &r.rgb), GMLP_OK);
    assert_int_equal(side_make(&r.across, (uint32_t)w, (double)truth->w / w), 0);
    assert_int_equal(side_make(&r.down, (uint32_t)h, (double)truth->h / h), 0);
    assert_int_equal(r.across.large, truth->w);
    assert_int_equal(r.down.large, truth->h);
    b.to = (uint32_t)h;
    b.bottom = (uint32_t)truth->h;
    b.small = small;
    b.large = large;
    b.row = row;
    b.codes = codes;
    find_codes(&r, &b);
    *means_off = *codes_off = 0;
    found.w = truth->w, found.h = truth->h;
    for (int i = 0; i < truth->w * truth->h * 3; i++) {
        found.at[i] = codes[i];
        *codes_off += (codes[i] - truth->at[i]) * (codes[i] - truth->at[i]) / (truth->w * truth->h * 3);
    }
    average(&found, &again, w, h);
    for (int i = 0; i < w * h * 3; i++) *means_off += fabs(again.at[i] - base.at[i]) / (w * h * 3);
    side_free(&r.across);
    side_free(&r.down);
    gmlp_converter_free(r.rgb);
}

/* How far off the picture enlarged by repeating its pixels is. */
static double repeated_off(const shot *truth, int w, int h) {
    static shot base;
    double sum = 0;
    average(truth, &base, w, h);
    for (int y = 0; y < truth->h; y++)
        for (int x = 0; x < truth->w; x++)
            for (int c = 0; c < 3; c++) {
                const double off = base.at[(y * h / truth->h * w + x * w / truth->w) * 3 + c] -
                                   truth->at[(y * truth->w + x) * 3 + c];
                sum += off * off;
            }
    return sum / (truth->w * truth->h * 3);
}

static void codes(void **state) {
    static const int sizes[][2] = { { 48, 40 }, { 72, 60 }, { 33, 26 }, { 48, 80 }, { 96, 80 } };
    static shot truth;
    (void)state;
    draw(&truth, MOST_W, MOST_H);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int w = sizes[i][0], h = sizes[i][1];
        double means, off;
        for (int cut = 0; cut < 2; cut++) {
            find(&truth, w, h, cut, &means, &off);
            if (means > 0.75 || off > 0.65 * repeated_off(&truth, w, h) + 1)
                fail_msg("%d x %d, cut %d: means %.2f off, codes %.2f (repeated: %.2f)", w, h, cut, means, off,
                         repeated_off(&truth, w, h));
        }
    }
}

/* Larger pictures keep their size, much smaller ones grow by 4. */
static void sizes(void **state) {
    side a;
    (void)state;
    assert_int_equal(side_make(&a, 90, 0.5), 0);
    assert_int_equal(a.large, 90);
    for (uint32_t i = 0; i < 90; i++)
        assert_true(a.in[i] == i && a.part[i] >= 1 && a.before[i] == i && a.beyond[i] <= 0);
    side_free(&a);
    assert_int_equal(side_make(&a, 90, 20), 0);
    assert_int_equal(a.large, 360);
    side_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(codes), cmocka_unit_test(sizes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
