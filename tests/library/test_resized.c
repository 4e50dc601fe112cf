/* >>edits, a base that another program resized: nearer to the original than without; the same pixels in parts, on
   threads, on every instruction set. */
#include "gamutmlp.h"
#include "tests/rationed.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { W = 300, H = 220, HALF_W = W / 2, HALF_H = H / 2 };

/* A vivid picture and its base; both at another size, and the network as it follows there. */
typedef struct {
    float *wide, *stored; /* linear ProPhoto; as its file has it */
    float *light;         /* linear, of stored, resized */
    uint8_t *codes, *small;
    int w, h;
    double right, down;   /* how far the pixels of larger ones lie beside their places, in pixels of theirs */
    gmlp_net trained, net;
} scene;

static scene made;

static void store(int space) {
    for (int i = 0; i < W * H * 3; i++) made.stored[i] = (float)gmlp_curve_encode(space, (double)made.wide[i], 0);
}

static void train(int wide_space, int base_space) {
    gmlp_image wide = {made.stored, W, H, 0, GMLP_F32, 3, wide_space, 0},
               base = {made.codes, W, H, 0, GMLP_U8, 3, base_space, 0};
    gmlp_train_opts opts = {0};
    store(wide_space);
    assert_int_equal(gmlp_reduce(&wide, &base, NULL, NULL), GMLP_OK);
    opts.iterations = 250, opts.batch = 512;
    gmlp_net_free(&made.trained);
    assert_int_equal(gmlp_train(&base, &wide, &opts, &made.trained, NULL), GMLP_OK);
}

/* On a straight line between pixels, by channel. */
static double between(const float *wide, const uint8_t *codes, double u, double v, int c) {
    const int x = u > 0 ? u < W - 1 ? (int)u : W - 2 : 0, y = v > 0 ? v < H - 1 ? (int)v : H - 2 : 0;
    const double right = u > x ? u - x < 1 ? u - x : 1 : 0, down = v > y ? v - y < 1 ? v - y : 1 : 0;
    double sum = 0;
    for (int k = 0; k < 4; k++) {
        const int at = ((y + k / 2) * W + x + k % 2) * 3 + c;
        sum += (k % 2 ? right : 1 - right) * (k / 2 ? down : 1 - down) * (wide ? (double)wide[at] : codes[at]);
    }
    return sum;
}

/* Means over areas, by samples along a pixel's sides, of codes and of what is stored in that space; of larger pictures
   what lies between pixels. */
static void average(int w, int h, int space) {
    enum { N = 6 };
    made.w = w, made.h = h;
    made.light = realloc(made.light, (size_t)w * (size_t)h * 12);
    made.small = realloc(made.small, (size_t)w * (size_t)h * 3);
    for (int i = 0; i < w * h * 3; i++) {
        const int x = i / 3 % w, y = i / 3 / w;
        double light = 0, code = 0;
        if (w > W) {
            const double u = (x + 0.5 + made.right) * W / w - 0.5, v = (y + 0.5 + made.down) * H / h - 0.5;
            light = between(made.stored, NULL, u, v, i % 3) * (N * N);
            code = between(NULL, made.codes, u, v, i % 3) * (N * N);
        }
        for (int k = 0; k < N * N && w <= W; k++) {
            const int u = (int)((x + (k % N + 0.5) / N) * W / w), v = (int)((y + (k / N + 0.5) / N) * H / h);
            light += (double)made.stored[(v * W + u) * 3 + i % 3];
            code += made.codes[(v * W + u) * 3 + i % 3];
        }
        made.light[i] = (float)gmlp_curve_decode(space, light / (N * N), 0);
        made.small[i] = (uint8_t)(code / (N * N) + 0.5);
    }
}

static void resize(int w, int h) {
    gmlp_signature signature;
    gmlp_image base;
    gmlp_edit edit = {0};
    average(w, h, made.trained.wide_space);
    edit.coords.col_step = (float)W / (float)w;
    edit.coords.row_step = (float)H / (float)h;
    edit.coords.col = edit.coords.col_step / 2 - 0.5f;
    edit.coords.row = edit.coords.row_step / 2 - 0.5f;
    edit.width = (uint32_t)w, edit.height = (uint32_t)h;
    base = (gmlp_image){made.small, edit.width, edit.height, 0, GMLP_U8, 3, made.trained.base_space, 0};
    gmlp_signature_begin(&signature, edit.width, edit.height);
    gmlp_signature_rows(&signature, &base, 0);
    gmlp_signature_finish(&signature, edit.signature);
    made.net = made.trained;
    gmlp_net_follow(&made.net, &edit);
}

static int prepare(void **state) {
    (void)state;
    made.wide = malloc(W * H * 12), made.stored = malloc(W * H * 12), made.light = malloc(W * H * 12);
    made.codes = malloc(W * H * 3), made.small = malloc(W * H * 3);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            float *p = made.wide + 3 * (y * W + x);
            const int u = x % 50 - 25, v = y % 44 - 22, ink = u * u + v * v < 300 ? (x / 50 + y / 44) % 3 : 3;
            const float slope = 0.1f * (float)(x + y) / (W + H);
            p[0] = ink == 0 ? 0.7f + slope : 0.2f;
            p[1] = ink == 1 ? 0.6f + slope : 0.25f + slope;
            p[2] = ink == 2 ? 0.5f + slope : ink == 3 ? 0.2f : 0.05f;
        }
    train(GMLP_PROPHOTO_LINEAR, GMLP_SRGB);
    resize(HALF_W, HALF_H);
    return 0;
}

static int done(void **state) {
    (void)state;
    free(made.wide), free(made.stored), free(made.light), free(made.codes), free(made.small);
    gmlp_net_free(&made.trained);
    return 0;
}

static gmlp_image small_base(void) {
    return (gmlp_image){made.small, (uint32_t)made.w, (uint32_t)made.h, 0, GMLP_U8, 3, made.net.base_space, 0};
}

static float *decoded(double lost, const gmlp_decode_opts *opts) {
    const gmlp_image base = small_base();
    gmlp_image out = {NULL, base.width, base.height, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    out.data = malloc((size_t)made.w * (size_t)made.h * 12);
    assert_int_equal(gmlp_decode_resized(&made.net, &base, &out, lost, opts), GMLP_OK);
    return out.data;
}

/* dB of the whole picture against light averaged like the codes. */
static double quality(float *got) {
    double sum = 0;
    for (int i = 0; i < made.w * made.h * 3; i++) sum += pow((double)(got[i] - made.light[i]), 2);
    free(got);
    return -10 * log10(sum / (made.w * made.h * 3));
}

static double quality_without(void) {
    const gmlp_image base = small_base();
    gmlp_image out = {NULL, base.width, base.height, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    out.data = malloc((size_t)made.w * (size_t)made.h * 12);
    assert_int_equal(gmlp_decode(&made.net, &base, &out, NULL), GMLP_OK);
    return quality(out.data);
}

/* Any ratio, more than 4 too; codes that were cut are better with half a code given back. */
static void nearer(void **state) {
    static const struct {
        int w, h;
        double by;
    } cases[] = {{150, 110, 2.5}, {100, 110, 2.5}, {60, 44, 3}, {211, 157, 2.5}, {450, 330, 3}, {601, 250, 3}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double with, without;
        resize(cases[i].w, cases[i].h);
        with = quality(decoded(0, NULL)), without = quality_without();
        printf("# %d x %d: %.2f dB, by gmlp_decode %.2f\n", made.w, made.h, with, without);
        assert_true(with > without + cases[i].by);
        for (int k = 0; k < made.w * made.h * 3; k += 2)
            if (made.small[k] % 255) made.small[k]--;
        assert_true(quality(decoded(0.5, NULL)) > quality(decoded(0, NULL)));
    }
    resize(HALF_W, HALF_H);
}

/* Programs that make pictures larger may lay pixels half a pixel beside their places, and mirror them then. */
static void beside(void **state) {
    static const int sizes[][2] = {{450, 330}, {601, 250}, {330, 700}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        double straight = 0;
        for (int k = 0; k < 9; k++) {
            double got;
            made.right = (k % 3 + 1) % 3 * 0.5 - 0.5, made.down = (k / 3 + 1) % 3 * 0.5 - 0.5; /* both 0 the first time */
            if (!k) made.right = made.down = 0;
            resize(sizes[i][0], sizes[i][1]);
            got = quality(decoded(0, NULL));
            printf("# %d x %d, %+.1f, %+.1f beside: %.2f dB, by gmlp_decode %.2f\n", made.w, made.h, made.right, made.down,
                   got, quality_without());
            if (!k) straight = got;
            assert_true(got > straight - 1.5);
        }
    }
    made.right = made.down = 0;
    resize(HALF_W, HALF_H);
}

/* What is averaged is what the original's file holds: that mean is nearer to what a network for such a file gives than
   to what one for the other kind does, and a network for codes is far from the mean of light. */
static void averaged(void **state) {
    static const int spaces[2] = {GMLP_PROPHOTO, GMLP_PROPHOTO_LINEAR};
    double of[2][2]; /* network, mean */
    (void)state;
    for (int i = 0; i < 2; i++) { /* the last one leaves the network as it was */
        train(spaces[i], GMLP_SRGB);
        resize(HALF_W, HALF_H);
        of[i][i] = quality(decoded(0, NULL));
        store(spaces[!i]);
        average(HALF_W, HALF_H, spaces[!i]);
        of[i][!i] = quality(decoded(0, NULL));
        store(spaces[i]);
        resize(HALF_W, HALF_H);
    }
    printf("# codes: %.2f dB, of light %.2f; light: %.2f dB, of codes %.2f\n", of[0][0], of[0][1], of[1][1], of[1][0]);
    assert_true(of[0][0] > of[0][1] + 2);
    assert_true(of[1][1] > of[0][1] + 0.5);
}

/* Flat parts that were in gamut are as gmlp_decode has them, in any place of a tile. */
static void flat(void **state) {
    const gmlp_image base = small_base();
    float *got, *want;
    uint8_t *codes = malloc(HALF_W * HALF_H * 3);
    gmlp_image out = {NULL, HALF_W, HALF_H, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    (void)state;
    memcpy(codes, made.small, HALF_W * HALF_H * 3);
    for (int i = 0; i < HALF_W * HALF_H * 3; i++) made.small[i] = (uint8_t)(90 + 40 * (i % 3));
    got = decoded(0, NULL);
    want = out.data = malloc(HALF_W * HALF_H * 12);
    assert_int_equal(gmlp_decode(&made.net, &base, &out, NULL), GMLP_OK);
    for (int i = 0; i < HALF_W * HALF_H * 3; i++) assert_true(fabsf(got[i] - want[i]) < 1e-5f);
    memcpy(made.small, codes, HALF_W * HALF_H * 3);
    free(got), free(want), free(codes);
}

/* A base of Y'CbCr that still has its colours outside sRGB is for gmlp_decode; what a program clipped is not. */
static void sycc(void **state) {
    gmlp_image base, rgb;
    double with, without;
    (void)state;
    train(GMLP_PROPHOTO_LINEAR, GMLP_SYCC);
    resize(HALF_W, HALF_H);
    base = rgb = small_base();
    rgb.space = GMLP_SRGB;
    assert_int_equal(gmlp_net_check(&made.net, &base), GMLP_OK);
    assert_true(fabs(quality(decoded(0, NULL)) - quality_without()) < 1e-9);
    rgb.data = malloc(HALF_W * HALF_H * 3);
    assert_int_equal(gmlp_convert(&base, &rgb, NULL), GMLP_OK);
    assert_int_equal(gmlp_convert(&rgb, &base, NULL), GMLP_OK);
    free(rgb.data);
    assert_int_equal(gmlp_net_check(&made.net, &base), GMLP_E_CLIPPED);
    with = quality(decoded(0, NULL)), without = quality_without();
    printf("# sYCC, clipped: %.2f dB, by gmlp_decode %.2f\n", with, without);
    assert_true(with > without);
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

/* Parts of larger pictures, where one pixel reaches over several. */
static void parts_of_larger(void **state) {
    static const int sizes[][2] = {{450, 330}, {1150, 230}, {1500, 250}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        float *whole, *part;
        gmlp_decode_opts opts = {0};
        gmlp_image base, out = {NULL, 70, 7, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
        resize(sizes[i][0], sizes[i][1]);
        base = small_base();
        whole = decoded(0, NULL);
        part = out.data = malloc(70 * 7 * 12);
        for (int k = 0; k < 5; k++) {
            opts.x = (uint32_t)((made.w - 70) * k / 4), opts.y = (uint32_t)((made.h - 7) * k / 4);
            assert_int_equal(gmlp_decode_resized(&made.net, &base, &out, 0, &opts), GMLP_OK);
            for (int y = 0; y < 7; y++)
                assert_memory_equal(part + 3 * y * 70, whole + 3 * (((int)opts.y + y) * made.w + (int)opts.x), 70 * 12);
        }
        free(whole), free(part);
    }
    resize(HALF_W, HALF_H);
}

/* What was not resized is for gmlp_decode. */
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

/* Of a network by hand, whose windows reach far, or whose base is much larger than its picture, all is decoded. */
static void much_larger(void **state) {
    static const int cases[][2] = {{3, 5}, {3, 8}, {7, 3}, {7, 4}, {7, 6}}; /* radius, times */
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint32_t times = (uint32_t)cases[i][1], w = 40 * times, h = 30 * times;
        gmlp_image base = {NULL, w, h, 0, GMLP_U8, 3, GMLP_SRGB, 0}, out = {NULL, w, h, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0},
                   part = {NULL, 50, 20, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
        gmlp_decode_opts opts = {0};
        gmlp_net net;
        memset(&net, 0, sizeof net);
        net.method = GMLP_METHOD_RESIDUAL, net.wide_space = GMLP_PROPHOTO, net.base_space = GMLP_SRGB;
        net.weight_format = GMLP_WEIGHTS_F32, net.mlp.width = 8;
        for (int k = 0; k < GMLP_INPUTS; k++) net.mlp.frequencies[k] = 2;
        net.radius[0] = 1, net.radius[1] = (uint8_t)cases[i][0];
        net.width = 40, net.height = 30, net.base_width = w, net.base_height = h;
        net.coords.col_step = net.coords.row_step = 1 / (float)times;
        net.coords.col = net.coords.row = 0.5f / (float)times - 0.5f;
        net.weights = calloc(gmlp_mlp_weights(&net.mlp), sizeof(float));
        gmlp_mlp_init(&net.mlp, 1, 1.0f, net.weights);
        base.data = malloc((size_t)w * h * 3), out.data = malloc((size_t)w * h * 6), part.data = malloc(50 * 20 * 6);
        for (uint32_t k = 0; k < w * h * 3; k++) ((uint8_t *)base.data)[k] = (uint8_t)(k / 3 % w * 5 + k / 3 / w * 3 + k % 3 * 60);
        assert_int_equal(gmlp_decode_resized(&net, &base, &out, 0, NULL), GMLP_OK);
        opts.x = w - 60, opts.y = h / 2;
        assert_int_equal(gmlp_decode_resized(&net, &base, &part, 0, &opts), GMLP_OK);
        for (uint32_t y = 0; y < 20; y++)
            assert_memory_equal((uint8_t *)part.data + y * 300, (uint8_t *)out.data + ((opts.y + y) * w + opts.x) * 6, 300);
        free(base.data), free(out.data), free(part.data), free(net.weights);
    }
}

/* Nor is what was made larger without new codes. */
static void repeated(void **state) {
    (void)state;
    resize(450, 330);
    assert_true(fabs(quality(decoded(0, NULL)) - quality_without()) > 1);
    for (int i = 0; i < made.w * made.h * 3; i++) {
        const int x = i / 3 % made.w * W / made.w, y = i / 3 / made.w * H / made.h;
        made.small[i] = made.codes[(y * W + x) * 3 + i % 3];
    }
    assert_true(fabs(quality(decoded(0, NULL)) - quality_without()) < 1e-9);
    resize(HALF_W, HALF_H);
}

static void memory_arguments(void **state) {
    gmlp_image base = small_base(), out = {NULL, 20, 10, 0, GMLP_U16, 3, 0, 0}, wrong = base;
    gmlp_decode_opts opts = {0};
    gmlp_net other = made.net;
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
    wrong = out, wrong.type = GMLP_U8, wrong.space = GMLP_SYCC;
    assert_int_equal(gmlp_decode_resized(&made.net, &base, &wrong, 0, NULL), GMLP_E_ARGUMENT);
    wrong = out, wrong.data = base.data;
    assert_int_equal(gmlp_decode_resized(&made.net, &base, &wrong, 0, NULL), GMLP_E_ARGUMENT);
    memset(&opts, 0, sizeof opts);
    opts.decoder.white_nits = -1;
    assert_int_equal(gmlp_decode_resized(&made.net, &base, &out, 0, &opts), GMLP_E_ARGUMENT);
    opts.decoder.white_nits = 0, opts.decoder.headroom = (double)NAN;
    assert_int_equal(gmlp_decode_resized(&made.net, &base, &out, 0, &opts), GMLP_E_ARGUMENT);
    other.base_space = GMLP_SYCC;
    assert_int_equal(gmlp_decode_resized(&other, &base, &out, 0, NULL), GMLP_E_BASE_SPACE);
    free(out.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearer), cmocka_unit_test(averaged), cmocka_unit_test(flat),
        cmocka_unit_test(same),   cmocka_unit_test(others),   cmocka_unit_test(repeated),
        cmocka_unit_test(memory_arguments),
        cmocka_unit_test(parts_of_larger), cmocka_unit_test(much_larger), cmocka_unit_test(beside),
        cmocka_unit_test(sycc), /* the last: it leaves another network */
    };
    return cmocka_run_group_tests(tests, prepare, done);
}
