/* >>train: training on whole pictures. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include "tests/synthetic.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

typedef struct scene {
    gmlp_image wide, base;
    gmlp_gamut_report report;
} scene;

static scene make_scene(uint32_t width, uint32_t height, uint32_t seed) {
    scene s;
    memset(&s, 0, sizeof s);
    s.wide.data = malloc((size_t)width * height * 6);
    s.base.data = malloc((size_t)width * height * 3);
    s.wide.width = s.base.width = width;
    s.wide.height = s.base.height = height;
    s.wide.type = GMLP_U16, s.base.type = GMLP_U8;
    s.wide.space = GMLP_PROPHOTO, s.base.space = GMLP_SRGB;
    test_picture((uint16_t *)s.wide.data, width, height, seed);
    assert_int_equal(gmlp_reduce(&s.wide, &s.base, NULL, &s.report), GMLP_OK);
    return s;
}

static void free_scene(scene *s) { free(s->wide.data), free(s->base.data); }

/* Mean squared error in linear ProPhoto over the OG pixels, decoded with net. */
static double error_of(const scene *s, const gmlp_net *net) {
    const size_t n = (size_t)s->wide.width * s->wide.height;
    float *got = malloc(n * 12), *want = malloc(n * 12);
    uint8_t *mask = malloc(n);
    gmlp_image g = s->wide, w = s->wide;
    double sum = 0;
    size_t count = 0;
    g.data = got, w.data = want;
    g.type = w.type = GMLP_FLOAT;
    g.space = w.space = GMLP_PROPHOTO_LINEAR;
    assert_int_equal(gmlp_decode(net, &s->base, &g, NULL), GMLP_OK);
    assert_int_equal(gmlp_convert(&s->wide, &w, NULL), GMLP_OK);
    assert_int_equal(gmlp_out_of_gamut_mask(&s->wide, mask, NULL), GMLP_OK);
    for (size_t i = 0; i < n; i++)
        if (mask[i])
            for (size_t c = 0; c < 3; c++, count++) sum += pow((double)got[3 * i + c] - want[3 * i + c], 2);
    free(got), free(want), free(mask);
    return sum / (double)count;
}

/* The network has to give back most of what clipping lost: 20 dB on this smooth picture. */
static void training_recovers_the_colours(void **state) {
    (void)state;
    scene s = make_scene(96, 64, 1);
    gmlp_train_opts opts = {0};
    gmlp_train_report report;
    gmlp_net net, clip;
    opts.iterations = 400;
    opts.batch = 512;
    assert_true(s.report.out_of_gamut > 1000);
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, &report), GMLP_OK);
    assert_int_equal(report.out_of_gamut, s.report.out_of_gamut);
    assert_int_equal(report.saturated, s.report.saturated);
    assert_int_equal(report.samples, report.saturated);
    assert_int_equal(report.iterations, 400);
    assert_int_equal(net.method, GMLP_METHOD_RESIDUAL);
    assert_int_equal(net.wide_space, GMLP_PROPHOTO);
    assert_true(gmlp_blob_size(&net) <= 4096);
    clip = net;
    clip.method = GMLP_METHOD_NONE;
    assert_true(error_of(&s, &net) < 0.01 * error_of(&s, &clip));
    gmlp_net_free(&net);
    assert_null(net.weights);
    free_scene(&s);
}

/* One optimiser step of the trainer is what the public gradient and Adam give for the same draw. */
static void one_step_is_gradient_and_adam(void **state) {
    (void)state;
    scene s = make_scene(40, 24, 2);
    gmlp_train_opts opts = {0};
    gmlp_train_report report;
    gmlp_net net;
    const uint32_t batch = 300; /* two shards */
    opts.preset = GMLP_PRESET_PAPER;
    opts.iterations = 1;
    opts.batch = batch;
    opts.seed = 11;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, &report), GMLP_OK);
    /* the samples, by the recipe: every 5th OG, every 50th other pixel in scan order */
    const size_t n = 40 * 24;
    uint8_t mask[40 * 24];
    float wide[40 * 24 * 3], clipped[40 * 24 * 3];
    gmlp_image w = s.wide, b = s.base;
    uint32_t *keep = malloc(n * 4), kept = 0, total[2] = {0, 0}, rank[2] = {0, 0};
    w.data = wide, b.data = clipped;
    w.type = b.type = GMLP_FLOAT;
    w.space = b.space = GMLP_PROPHOTO_LINEAR;
    assert_int_equal(gmlp_convert(&s.wide, &w, NULL), GMLP_OK);
    assert_int_equal(gmlp_convert(&s.base, &b, NULL), GMLP_OK);
    assert_int_equal(gmlp_out_of_gamut_mask(&s.wide, mask, NULL), GMLP_OK);
    for (size_t i = 0; i < n; i++) total[!mask[i]]++;
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < n; i++)
            if (mask[i] == !k) {
                const uint32_t k_keep = (total[k] + (k ? 49 : 4)) / (k ? 50 : 5);
                if ((rank[k] + 1) * k_keep / total[k] > rank[k] * k_keep / total[k]) keep[kept++] = (uint32_t)i;
                rank[k]++;
            }
    assert_int_equal(kept, report.samples);
    float *in = malloc(batch * 20), *target = malloc(batch * 12);
    for (uint32_t i = 0; i < batch; i++) {
        const uint32_t p = keep[(gmlp__random(11, i) >> 32) * kept >> 32];
        in[5 * i] = (float)(2.0 * (p / 40) / 23 - 1);
        in[5 * i + 1] = (float)(2.0 * (p % 40) / 39 - 1);
        for (uint32_t c = 0; c < 3; c++) {
            in[5 * i + 2 + c] = 2 * clipped[3 * p + c] - 1;
            target[3 * i + c] = 2 * (wide[3 * p + c] - clipped[3 * p + c]);
        }
    }
    const size_t count = gmlp_mlp_weights(&net.mlp);
    float *weights = malloc(count * 4), *g = malloc(count * 4), *m = calloc(count, 4), *v = calloc(count, 4);
    const gmlp_adam adam = {5e-3, 0.9, 0.999, 1e-8};
    double loss;
    assert_int_equal(gmlp_mlp_init(&net.mlp, 11, 1.0f, weights), GMLP_OK);
    assert_int_equal(gmlp_mlp_gradient(&net.mlp, weights, in, target, batch, &loss, g, 0, NULL), GMLP_OK);
    assert_true(fabs(loss - report.loss) < 1e-6 * loss);
    assert_int_equal(gmlp_adam_step(&adam, 1, g, weights, m, v, count, 0), GMLP_OK);
    for (size_t i = 0; i < count; i++) /* a gradient near 0 may move either way in the first step */
        if (fabsf(g[i]) > 1e-6f || g[i] == 0) assert_true(fabsf(weights[i] - net.weights[i]) < 2e-5f);
    free(keep), free(in), free(target), free(weights), free(g), free(m), free(v);
    gmlp_net_free(&net);
    free_scene(&s);
}

static void paper_preset_is_the_papers(void **state) {
    (void)state;
    scene s = make_scene(40, 30, 3);
    gmlp_train_opts opts = {0};
    gmlp_net net;
    opts.preset = GMLP_PRESET_PAPER;
    opts.iterations = 2;
    opts.batch = 64;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_OK);
    assert_int_equal(net.mlp.width, 32);
    for (int i = 0; i < 5; i++) assert_int_equal(net.mlp.bands[i], 12);
    assert_int_equal(net.mlp.bias, GMLP_BIAS_FIRST);
    assert_int_equal(net.inputs, GMLP_INPUT_WIDE);
    assert_int_equal(net.region, GMLP_REGION_ALL);
    assert_int_equal(net.weight_bits, 32);
    gmlp_net_free(&net);
    free_scene(&s);
}

/* What each preset's blob may take, with weights that no shorter form could hold. */
static void presets_keep_their_sizes(void **state) {
    (void)state;
    const int presets[] = {GMLP_PRESET_FAST, GMLP_PRESET_DEFAULT, GMLP_PRESET_HIGH, GMLP_PRESET_MAX};
    const size_t most[] = {4096, 4096, 10240, 23552};
    scene s = make_scene(40, 30, 3);
    for (int i = 0; i < 4; i++) {
        gmlp_train_opts opts = {0};
        gmlp_net net;
        opts.preset = presets[i];
        opts.iterations = 2;
        opts.batch = 64;
        assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_OK);
        assert_int_equal(net.region, GMLP_REGION_SATURATED);
        assert_true(gmlp_blob_size(&net) <= most[i] && gmlp_blob_size(&net) > most[i] * 9 / 10);
        gmlp_net_free(&net);
    }
    free_scene(&s);
}

/* Every size from 1x1 on, and pictures of one colour. */
static void small_and_plain_pictures(void **state) {
    (void)state;
    const uint32_t sizes[][2] = {{1, 1}, {2, 1}, {1, 3}, {17, 1}, {1, 40}, {5, 7}};
    gmlp_train_opts opts = {0};
    gmlp_net net;
    opts.iterations = 30;
    opts.batch = 16;
    for (size_t k = 0; k < 6; k++)
        for (int plain = 0; plain < 2; plain++) {
            scene s = make_scene(sizes[k][0], sizes[k][1], 1);
            uint16_t *p = (uint16_t *)s.wide.data;
            for (size_t i = 0; plain && i < (size_t)sizes[k][0] * sizes[k][1]; i++) p[3 * i] = 1000, p[3 * i + 1] = 50000, p[3 * i + 2] = 2000;
            if (plain) gmlp_reduce(&s.wide, &s.base, NULL, &s.report);
            assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_OK);
            assert_int_equal(net.method, s.report.out_of_gamut ? GMLP_METHOD_RESIDUAL : GMLP_METHOD_NONE);
            if (plain) {
                assert_int_equal(net.method, GMLP_METHOD_RESIDUAL);
                assert_true(error_of(&s, &net) < 1e-3);
            }
            gmlp_net_free(&net);
            free_scene(&s);
        }
}

static void nothing_lost_nothing_trained(void **state) {
    (void)state;
    uint16_t grey[8 * 8 * 3];
    uint8_t codes[8 * 8 * 3];
    gmlp_image wide = {grey, 8, 8, 0, GMLP_U16, 3, GMLP_PROPHOTO}, base = {codes, 8, 8, 0, GMLP_U8, 3, GMLP_SRGB};
    gmlp_train_report report;
    gmlp_net net;
    for (int i = 0; i < 192; i++) grey[i] = (uint16_t)(i / 3 * 1000);
    assert_int_equal(gmlp_reduce(&wide, &base, NULL, NULL), GMLP_OK);
    assert_int_equal(gmlp_train(&base, &wide, NULL, &net, &report), GMLP_OK);
    assert_int_equal(net.method, GMLP_METHOD_NONE);
    assert_int_equal(report.iterations, 0);
    assert_true(gmlp_blob_size(&net) < 64);
    gmlp_net_free(&net);
}

static int cancel_at(void *user, uint32_t step, uint32_t steps) {
    (void)steps;
    return step == *(uint32_t *)user;
}

static void progress_can_cancel(void **state) {
    (void)state;
    scene s = make_scene(32, 32, 1);
    gmlp_train_opts opts = {0};
    gmlp_net net;
    uint32_t at = 3;
    opts.progress = cancel_at;
    opts.progress_user = &at;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_E_CANCELLED);
    assert_null(net.weights);
    free_scene(&s);
}

/* Fails the k-th allocation, for every k. */
typedef struct budget {
    size_t left, live;
} budget;

static void *budget_alloc(void *user, size_t size) {
    budget *b = (budget *)user;
    if (!b->left) return NULL;
    b->left--;
    b->live++;
    return malloc(size ? size : 1);
}

static void budget_free(void *user, void *ptr, size_t size) {
    (void)size;
    ((budget *)user)->live--;
    free(ptr);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    scene s = make_scene(24, 16, 1);
    budget b;
    gmlp_train_opts opts = {0};
    gmlp_net net;
    gmlp_result result = GMLP_E_MEMORY;
    size_t k;
    opts.iterations = 2;
    opts.batch = 8;
    opts.alloc.user = &b;
    opts.alloc.alloc = budget_alloc;
    opts.alloc.free = budget_free;
    for (k = 0; k < 10000 && result; k++) {
        b.left = k;
        b.live = 0;
        result = gmlp_train(&s.base, &s.wide, &opts, &net, NULL);
        if (result) {
            assert_int_equal(result, GMLP_E_MEMORY);
            assert_int_equal(b.live, 0);
            assert_null(net.weights);
        }
    }
    assert_true(k > 5 && k < 10000);
    gmlp_net_free(&net);
    assert_int_equal(b.live, 0);
    free_scene(&s);
}

static void a_start_is_where_training_starts(void **state) {
    (void)state;
    scene s = make_scene(64, 48, 1);
    gmlp_train_opts opts = {0};
    gmlp_net first, second, other;
    opts.iterations = 300;
    opts.batch = 256;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &first, NULL), GMLP_OK);
    opts.start = &first;
    opts.iterations = 1;
    opts.rate = 1e-6;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &second, NULL), GMLP_OK);
    assert_true(error_of(&s, &second) < 1.05 * error_of(&s, &first));
    opts.width = 16; /* another shape */
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &other, NULL), GMLP_E_ARGUMENT);
    gmlp_net_free(&first), gmlp_net_free(&second);
    free_scene(&s);
}

static void wrong_arguments(void **state) {
    (void)state;
    scene s = make_scene(16, 16, 1);
    gmlp_train_opts opts = {0};
    gmlp_net net;
    gmlp_image bad = s.wide;
    assert_int_equal(gmlp_train(NULL, &s.wide, NULL, &net, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_train(&s.base, &s.wide, NULL, NULL, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_train(&s.wide, &s.wide, NULL, &net, NULL), GMLP_E_ARGUMENT);
    bad.height = 15;
    assert_int_equal(gmlp_train(&s.base, &bad, NULL, &net, NULL), GMLP_E_ARGUMENT);
    opts.width = 12;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_E_ARGUMENT);
    memset(&opts, 0, sizeof opts), opts.weight_bits = 9;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_E_ARGUMENT);
    memset(&opts, 0, sizeof opts), opts.margin = 64;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_E_ARGUMENT);
    memset(&opts, 0, sizeof opts), opts.isa = 77;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_E_ARGUMENT);
    memset(&opts, 0, sizeof opts), opts.preset = 9;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_E_ARGUMENT);
    free_scene(&s);
}

/* The cosine of the schedule against libm. */
static void schedule(void **state) {
    (void)state;
    for (int i = 0; i <= 1000; i++) assert_true(fabs(gmlp__cospi(i / 1000.0) - cos(i / 1000.0 * 3.14159265358979323846)) < 1e-7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_recovers_the_colours), cmocka_unit_test(one_step_is_gradient_and_adam),
        cmocka_unit_test(paper_preset_is_the_papers),    cmocka_unit_test(small_and_plain_pictures),
        cmocka_unit_test(presets_keep_their_sizes),
        cmocka_unit_test(nothing_lost_nothing_trained),  cmocka_unit_test(progress_can_cancel),
        cmocka_unit_test(every_allocation_may_fail),     cmocka_unit_test(a_start_is_where_training_starts),
        cmocka_unit_test(wrong_arguments),               cmocka_unit_test(schedule),
    };
    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
