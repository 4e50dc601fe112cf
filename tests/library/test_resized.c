/* >>edits, a base that another program made smaller: codes whose means are the picture's own, with the edges of clipped
   areas; the same pixels in parts, on threads, on every instruction set; nearer to the original than without. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MOST_W = 96, MOST_H = 80, W = 300, H = 220, HALF_W = W / 2, HALF_H = H / 2 };

typedef struct {
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
    static uint8_t codes[MOST_W * MOST_H * 3], base_codes[MOST_W * MOST_H * 3];
    static float large[MOST_W * MOST_H * 3], small[MOST_W * MOST_H * 3], row[MOST_W * 3];
    const int size[2] = {w, h}, of[2] = {truth->w, truth->h};
    gmlp_image image;
    gmlp__resized r;
    gmlp__tile t;
    average(truth, &base, w, h);
    for (int i = 0; i < w * h * 3; i++) base_codes[i] = (uint8_t)(base.at[i] + (cut ? 1e-9 : 0.5));
    memset(&r, 0, sizeof r);
    memset(&t, 0, sizeof t);
    for (int i = 0; i < 256; i++) r.code[i] = (float)(cut && i > 0 && i < 255 ? i + 0.5 : i);
    image = gmlp__packed(base_codes, (uint32_t)w, (uint32_t)h, GMLP_U8, 3, GMLP_SRGB);
    r.base = &image;
    assert_int_equal(gmlp_converter_create(GMLP_U8, GMLP_SRGB, GMLP_U8, GMLP_SRGB, NULL, &r.rgb), GMLP_OK);
    for (int i = 0; i < 2; i++) {
        gmlp__axis_size(&r.side[i], (uint32_t)size[i], (double)of[i] / size[i]);
        assert_int_equal(r.side[i].large, of[i]);
        gmlp__axis_fill(&r.side[i], malloc(16 * (size_t)of[i]));
        t.span[i].high = (uint32_t)size[i];
        t.span[i].large_high = (uint32_t)of[i];
    }
    t.shrunk = small;
    t.large = large;
    t.row = row;
    t.codes = codes;
    gmlp__find_codes(&r, &t, (float)((double)w / truth->w * h / truth->h));
    *means_off = *codes_off = 0;
    found.w = truth->w, found.h = truth->h;
    for (int i = 0; i < truth->w * truth->h * 3; i++) {
        found.at[i] = codes[i];
        *codes_off += (codes[i] - truth->at[i]) * (codes[i] - truth->at[i]) / (truth->w * truth->h * 3);
    }
    average(&found, &again, w, h);
    for (int i = 0; i < w * h * 3; i++) *means_off += fabs(again.at[i] - base.at[i]) / (w * h * 3);
    for (int i = 0; i < 2; i++) free(r.side[i].in);
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
    static const int sizes[][2] = {{48, 40}, {72, 60}, {33, 26}, {48, 80}, {96, 80}};
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
    unsigned char *memory = malloc(90 * 16);
    gmlp__axis a;
    (void)state;
    gmlp__axis_size(&a, 90, 0.5);
    assert_int_equal(a.large, 90);
    gmlp__axis_fill(&a, memory);
    for (uint32_t i = 0; i < 90; i++)
        assert_true(a.in[i] == i && a.part[i] >= 1 && a.before[i] == i && a.beyond[i] <= 0);
    gmlp__axis_size(&a, 90, 20);
    assert_int_equal(a.large, 360);
    free(memory);
}

/* A vivid picture, its base and network; both at half the size, and the network as it follows there. */
typedef struct {
    float *wide, *half; /* linear ProPhoto */
    uint8_t *codes, *small;
    gmlp_net net;
} scene;

static scene made;

static int prepare(void **state) {
    gmlp_image wide = {NULL, W, H, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0},
               base = {NULL, W, H, 0, GMLP_U8, 3, GMLP_SRGB, 0};
    gmlp_train_opts opts = {0};
    gmlp_edit edit = {0};
    (void)state;
    wide.data = made.wide = malloc(W * H * 12);
    base.data = made.codes = malloc(W * H * 3);
    made.half = malloc(HALF_W * HALF_H * 12);
    made.small = malloc(HALF_W * HALF_H * 3);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            float *p = made.wide + 3 * (y * W + x);
            const int u = x % 50 - 25, v = y % 44 - 22, ink = u * u + v * v < 300 ? (x / 50 + y / 44) % 3 : 3;
            const float slope = 0.1f * (float)(x + y) / (W + H);
            p[0] = ink == 0 ? 0.7f + slope : 0.2f;
            p[1] = ink == 1 ? 0.6f + slope : 0.25f + slope;
            p[2] = ink == 2 ? 0.5f + slope : ink == 3 ? 0.2f : 0.05f;
        }
    if (gmlp_reduce(&wide, &base, NULL, NULL)) return -1;
    opts.iterations = 250, opts.batch = 512;
    if (gmlp_train(&base, &wide, &opts, &made.net, NULL)) return -1;
    for (int i = 0; i < HALF_W * HALF_H * 3; i++) {
        const int at = (i / 3 / HALF_W * 2 * W + i / 3 % HALF_W * 2) * 3 + i % 3;
        const float *light = made.wide + at;
        const uint8_t *code = made.codes + at;
        made.half[i] = (light[0] + light[3] + light[3 * W] + light[3 * W + 3]) / 4;
        made.small[i] = (uint8_t)((code[0] + code[3] + code[3 * W] + code[3 * W + 3] + 2) / 4);
    }
    edit.coords.col_step = edit.coords.row_step = 2;
    edit.coords.col = edit.coords.row = 0.5f;
    edit.width = HALF_W, edit.height = HALF_H;
    gmlp_net_follow(&made.net, &edit);
    return 0;
}

static int done(void **state) {
    (void)state;
    free(made.wide), free(made.half), free(made.codes), free(made.small);
    gmlp_net_free(&made.net);
    return 0;
}

static gmlp_image small_base(void) { return (gmlp_image){made.small, HALF_W, HALF_H, 0, GMLP_U8, 3, GMLP_SRGB, 0}; }

static float *decoded(double lost, const gmlp_decode_opts *opts) {
    const gmlp_image base = small_base();
    gmlp_image out = {NULL, HALF_W, HALF_H, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    out.data = malloc(HALF_W * HALF_H * 12);
    assert_int_equal(gmlp_decode_resized(&made.net, &base, &out, lost, opts), GMLP_OK);
    return out.data;
}

/* dB of the whole picture against light averaged like the codes. */
static double quality(const float *got) {
    double sum = 0;
    for (int i = 0; i < HALF_W * HALF_H * 3; i++) sum += pow((double)(got[i] - made.half[i]), 2);
    return -10 * log10(sum / (HALF_W * HALF_H * 3));
}

static void nearer(void **state) {
    const gmlp_image base = small_base();
    gmlp_image out = {NULL, HALF_W, HALF_H, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    float *with = decoded(0, NULL), *cut;
    double without;
    (void)state;
    out.data = malloc(HALF_W * HALF_H * 12);
    assert_int_equal(gmlp_decode(&made.net, &base, &out, NULL), GMLP_OK);
    without = quality(out.data);
    printf("# at half the size: %.2f dB, by gmlp_decode %.2f\n", quality(with), without);
    assert_true(quality(with) > without + 0.2);
    cut = decoded(0.5, NULL); /* these codes lost nothing: half a code too much is seen */
    assert_true(memcmp(cut, with, HALF_W * HALF_H * 12) && quality(cut) > without);
    free(out.data), free(with), free(cut);
}

static void backwards(void *user, void (*job)(void *, size_t), void *ctx, size_t count) {
    (void)user;
    while (count--) job(ctx, count);
}

/* Parts, threads and instruction sets; alpha; planes. */
static void same(void **state) {
    static const int rectangles[][4] = {
        {0, 0, HALF_W, 1}, {63, 63, 2, 2}, {5, 20, 100, 80}, {HALF_W - 1, HALF_H - 1, 1, 1}};
    float *whole = decoded(0.25, NULL), *other;
    uint8_t *rgba = malloc(HALF_W * HALF_H * 4);
    gmlp_decode_opts opts = {0};
    gmlp_image base = small_base(), out = {NULL, 0, 0, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    (void)state;
    out.data = malloc(HALF_W * HALF_H * 16);
    for (size_t k = 0; k < sizeof rectangles / sizeof *rectangles; k++) {
        const int *r = rectangles[k];
        opts.x = (uint32_t)r[0], opts.y = (uint32_t)r[1];
        out.width = (uint32_t)r[2], out.height = (uint32_t)r[3];
        assert_int_equal(gmlp_decode_resized(&made.net, &base, &out, 0.25, &opts), GMLP_OK);
        for (int y = 0; y < r[3]; y++)
            assert_memory_equal((float *)out.data + 3 * y * r[2], whole + 3 * ((r[1] + y) * HALF_W + r[0]),
                                (size_t)r[2] * 12);
    }
    memset(&opts, 0, sizeof opts);
    opts.threads.parallel_for = backwards;
    for (int isa = GMLP_ISA_AUTO; isa <= GMLP_ISA_WASM; isa++) {
        if (!gmlp_isa_available(isa)) continue;
        opts.decoder.isa = isa;
        other = decoded(0.25, &opts);
        assert_memory_equal(other, whole, HALF_W * HALF_H * 12);
        free(other);
    }
    for (int i = 0; i < HALF_W * HALF_H; i++) {
        memcpy(rgba + 4 * i, made.small + 3 * i, 3);
        rgba[4 * i + 3] = (uint8_t)(i * 7);
    }
    base.data = rgba, base.channels = 4;
    out.width = HALF_W, out.height = HALF_H, out.channels = 4;
    out.plane_stride = HALF_W * HALF_H * 4; 
    assert_int_equal(gmlp_decode_resized(&made.net, &base, &out, 0.25, NULL), GMLP_OK);
    for (int i = 0; i < HALF_W * HALF_H; i++) {
        for (int c = 0; c < 3; c++)
            assert_memory_equal((float *)out.data + c * HALF_W * HALF_H + i, whole + 3 * i + c, 4);
        assert_true(fabsf(((float *)out.data)[3 * HALF_W * HALF_H + i] - (float)(uint8_t)(i * 7) / 255) < 1e-6f);
    }
    free(out.data), free(rgba), free(whole);
}

/* What was not made smaller is for gmlp_decode. */
static void others(void **state) {
    const gmlp_image base = {made.codes, W, H, 0, GMLP_U8, 3, GMLP_SRGB, 0};
    gmlp_image out = {NULL, W, H, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0}, want = out;
    gmlp_edit edit = {0};
    gmlp_net net = made.net;
    (void)state;
    out.data = malloc(W * H * 6), want.data = malloc(W * H * 6);
    edit.coords.col_step = edit.coords.row_step = 1;
    edit.width = W, edit.height = H;
    gmlp_net_follow(&net, &edit);
    assert_int_equal(gmlp_decode(&net, &base, &want, NULL), GMLP_OK);
    assert_int_equal(gmlp_decode_resized(&net, &base, &out, 0, NULL), GMLP_OK);
    assert_memory_equal(out.data, want.data, W * H * 6);
    free(out.data), free(want.data);
}

static int left, live;
static void *take(void *user, size_t size) {
    (void)user;
    if (left-- == 0) return NULL;
    live++;
    return malloc(size);
}
static void give(void *user, void *p, size_t size) {
    (void)user;
    (void)size;
    live--;
    free(p);
}

static void memory_arguments(void **state) {
    gmlp_image base = small_base(), out = {NULL, 20, 10, 0, GMLP_U16, 3, 0, 0}, wrong = base;
    gmlp_decode_opts opts = {0};
    gmlp_net sycc = made.net;
    gmlp_result result = GMLP_E_MEMORY;
    int k;
    (void)state;
    out.data = malloc(20 * 10 * 6);
    opts.x = 70;
    opts.decoder.alloc.alloc = take;
    opts.decoder.alloc.free = give;
    for (k = 0; result == GMLP_E_MEMORY; k++) {
        left = k;
        result = gmlp_decode_resized(&made.net, &base, &out, 0, &opts);
        assert_int_equal(live, 0);
    }
    assert_int_equal(result, GMLP_OK);
    assert_true(k > 5);
    memset(&opts, 0, sizeof opts);
    assert_int_equal(gmlp_decode_resized(NULL, &base, &out, 0, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_decode_resized(&made.net, NULL, &out, 0, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_decode_resized(&made.net, &base, NULL, 0, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_decode_resized(&made.net, &base, &out, -0.1, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_decode_resized(&made.net, &base, &out, (double)NAN, NULL), GMLP_E_ARGUMENT);
    wrong.height--;
    assert_int_equal(gmlp_decode_resized(&made.net, &wrong, &out, 0, NULL), GMLP_E_MISMATCH);
    opts.x = HALF_W - 19;
    assert_int_equal(gmlp_decode_resized(&made.net, &base, &out, 0, &opts), GMLP_E_OUT_VIEW);
    opts.x = UINT32_MAX - 5;
    assert_int_equal(gmlp_decode_resized(&made.net, &base, &out, 0, &opts), GMLP_E_OUT_VIEW);
    sycc.base_space = GMLP_SYCC;
    assert_int_equal(gmlp_decode_resized(&sycc, &base, &out, 0, NULL), GMLP_E_BASE_SPACE);
    free(out.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes), cmocka_unit_test(sizes),  cmocka_unit_test(nearer),
        cmocka_unit_test(same),  cmocka_unit_test(others), cmocka_unit_test(memory_arguments),
    };
    return cmocka_run_group_tests(tests, prepare, done);
}
