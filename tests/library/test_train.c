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

static void assert_zeroed(const gmlp_net *net) {
    gmlp_net zero;
    memset(&zero, 0, sizeof zero);
    assert_memory_equal(net, &zero, sizeof zero);
}

/* Mean squared error in linear ProPhoto over the OG pixels, decoded with net. */
static double error_of(const scene *s, const gmlp_net *net) {
    const size_t n = (size_t)s->wide.width * s->wide.height;
    float *got = malloc(n * 12), *want = malloc(n * 12);
    uint8_t *mask = malloc(n);
    gmlp_image g = s->wide, w = s->wide;
    double sum = 0;
    size_t count = 0;
    g.data = got, w.data = want;
    g.type = w.type = GMLP_F32;
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

/* The margin is as many codes as the base's clipped ones lie off their ends; nothing else is looked at. */
/* One colour of the base, of which half of the picture was out of gamut. A network that cannot tell the halves apart
   ends between their residuals: where four fifths of the weight are, those that lost colour. */
static void pixels_out_of_gamut_count_more(void **state) {
    (void)state;
    enum { SIDE = 32 };
    static float wide[3 * SIDE * SIDE], out[3 * SIDE * SIDE];
    static uint8_t codes[3 * SIDE * SIDE];
    const gmlp_image original = {wide, SIDE, SIDE, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    const gmlp_image base = {codes, SIDE, SIDE, 0, GMLP_U8, 3, GMLP_SRGB, 0}, view = {out, SIDE, SIDE, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    const float red[2] = {1.0f, 1.4f};
    gmlp_train_opts opts = {0};
    gmlp_train_report report;
    gmlp_net net;
    double m[9], lin[2][3], mean = 0;
    gmlp_space_matrix(GMLP_SRGB_LINEAR, GMLP_PROPHOTO, 0, m);
    for (int k = 0; k < 2; k++)
        for (int c = 0; c < 3; c++) lin[k][c] = m[3 * c] * red[k] + (m[3 * c + 1] + m[3 * c + 2]) * 0.2;
    for (int i = 0; i < SIDE * SIDE; i++)
        for (int c = 0; c < 3; c++) wide[3 * i + c] = (float)lin[i % 2][c];
    assert_int_equal(gmlp_reduce(&original, &base, NULL, NULL), GMLP_OK);
    assert_memory_equal(codes, codes + 3, 3);
    opts.width = 16;
    opts.iterations = 600;
    opts.frequencies[2] = opts.frequencies[3] = opts.frequencies[4] = 2; /* no place */
    assert_int_equal(gmlp_train(&base, &original, &opts, &net, &report), GMLP_OK);
    assert_int_equal(report.saturated, SIDE * SIDE);
    assert_int_equal(report.out_of_gamut, SIDE * SIDE / 2);
    assert_int_equal(gmlp_decode(&net, &base, &view, NULL), GMLP_OK);
    for (int i = 0; i < SIDE * SIDE; i++) mean += (double)out[3 * i] / (SIDE * SIDE);
    assert_true(fabs(mean - (0.8 * lin[1][0] + 0.2 * lin[0][0])) < 0.01 * (lin[1][0] - lin[0][0]));
    gmlp_net_free(&net);
}

static void the_margin_is_measured(void **state) {
    (void)state;
    const int off[] = {0, 1, 3, 20, 62};
    for (size_t k = 0; k < sizeof off / sizeof *off; k++) {
        scene s = make_scene(96, 64, 1);
        gmlp_train_opts opts = {0};
        gmlp_train_report report;
        gmlp_net net;
        uint8_t *p = (uint8_t *)s.base.data;
        for (size_t i = 0; i < 96 * 64 * 3; i++)
            p[i] = (uint8_t)(p[i] < off[k] ? off[k] : p[i] > 255 - off[k] ? 255 - off[k] : p[i]);
        opts.iterations = 5;
        opts.batch = 64;
        assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, &report), GMLP_OK);
        assert_int_equal(net.clip_margin, off[k]);
        assert_int_equal(report.samples, 5 * 64); /* no more than are drawn */
        gmlp_net_free(&net);
        opts.clip_margin = 7;
        assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_OK);
        assert_int_equal(net.clip_margin, 7);
        gmlp_net_free(&net);
        free_scene(&s);
    }
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
    w.type = b.type = GMLP_F32;
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
    float *in = calloc(batch, 4 * GMLP_INPUTS), *target = malloc(batch * 12);
    for (uint32_t i = 0; i < batch; i++) {
        const uint32_t p = keep[(gmlp__random(11, i) >> 32) * kept >> 32];
        in[GMLP_INPUTS * i] = (float)(2.0 * (p / 40) / 23 - 1);
        in[GMLP_INPUTS * i + 1] = (float)(2.0 * (p % 40) / 39 - 1);
        for (uint32_t c = 0; c < 3; c++) {
            in[GMLP_INPUTS * i + 2 + c] = 2 * clipped[3 * p + c] - 1;
            target[3 * i + c] = 2 * (wide[3 * p + c] - clipped[3 * p + c]);
        }
    }
    const size_t count = gmlp_mlp_weights(&net.mlp);
    float *weights = malloc(count * 4), *g = malloc(count * 4), *m = calloc(count, 4), *v = calloc(count, 4);
    const gmlp_adam adam = {5e-3, 0.9, 0.999, 1e-8};
    double loss;
    assert_int_equal(gmlp_mlp_init(&net.mlp, 11, 1.0f, weights), GMLP_OK);
    assert_int_equal(gmlp_mlp_gradient(&net.mlp, weights, in, target, batch, &loss, g, 0, NULL), GMLP_OK);
    assert_true(fabs(loss - report.loss) < 1e-5 * loss); /* the last bits of inputs, 2^11 pi times */
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
    for (int i = 0; i < 5; i++) assert_int_equal(net.mlp.frequencies[i], 12);
    assert_int_equal(net.mlp.bias, GMLP_BIAS_FIRST);
    assert_int_equal(net.inputs, GMLP_INPUT_WIDE);
    assert_int_equal(net.mask, GMLP_MASK_ALL);
    assert_int_equal(net.weight_format, GMLP_WEIGHTS_F32);
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
        assert_int_equal(net.mask, GMLP_MASK_SATURATED);
        assert_true(gmlp_blob_size(&net) <= most[i] && gmlp_blob_size(&net) > most[i] * 7 / 10);
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

/* One step of the default optimiser, on all samples at once: W1 and W2 go along Muon's direction (test_mlp.c has it
   against a reference), the others as Adam has them. Only the rounding to fine steps comes between. */
static void one_step_is_gradient_and_muon(void **state) {
    (void)state;
    scene s = make_scene(40, 24, 2);
    gmlp_train_opts opts = {0};
    gmlp_train_report report;
    gmlp_net net;
    enum { W = 40, H = 24 };
    opts.batch = 1;
    opts.iterations = 1;
    opts.seed = 11;
    opts.schedule = GMLP_CONSTANT;
    opts.muon_learning_rate = 0.5;
    opts.width = 16;
    opts.budget = 65536;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, &report), GMLP_OK); /* tells how many pixels are saturated */
    gmlp_net_free(&net);
    const uint32_t batch = (uint32_t)report.saturated;
    opts.batch = batch;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, &report), GMLP_OK);
    float wide[W * H * 3], clipped[W * H * 3];
    gmlp_image w = s.wide, b = s.base;
    w.data = wide, b.data = clipped;
    w.type = b.type = GMLP_F32;
    w.space = b.space = GMLP_PROPHOTO_LINEAR;
    assert_int_equal(gmlp_convert(&s.wide, &w, NULL), GMLP_OK);
    assert_int_equal(gmlp_convert(&s.base, &b, NULL), GMLP_OK);
    float *in = calloc(batch, 4 * GMLP_INPUTS), *target = malloc(batch * 12);
    uint32_t n = 0;
    for (uint32_t i = 0; i < W * H; i++) {
        const uint8_t *code = (const uint8_t *)s.base.data + 3 * i;
        int clips = 0, plain = 1;
        for (int c = 0; c < 3; c++) clips |= code[c] == 0 || code[c] == 255, plain &= code[c] == code[0];
        if (!clips || plain) continue;
        assert_true(n < batch);
        in[GMLP_INPUTS * n] = (float)(2.0 * (i / W) / (H - 1) - 1);
        in[GMLP_INPUTS * n + 1] = (float)(2.0 * (i % W) / (W - 1) - 1);
        for (uint32_t c = 0; c < 3; c++) {
            in[GMLP_INPUTS * n + 2 + c] = (float)(2.0 * code[c] / 255 - 1);
            target[3 * n + c] = 2 * (wide[3 * i + c] - clipped[3 * i + c]);
        }
        for (int c = 0; c < 6; c++)
            in[GMLP_INPUTS * n + 5 + (uint32_t)c] =
                (float)(2.0 * test_window_mean((const uint8_t *)s.base.data, W, H, (int)(i % W), (int)(i / W), c < 3 ? 1 : 3, c % 3) / 255 - 1);
        n++;
    }
    assert_int_equal(n, batch);
    const size_t count = gmlp_mlp_weights(&net.mlp), features = gmlp_mlp_features(&net.mlp), w2 = (features + 1) * 16;
    const size_t w3 = w2 + 17 * 16;
    float *weights = malloc(count * 4), *g = malloc(count * 4), *m = calloc(count, 4), *v = calloc(count, 4), *adam_w = malloc(count * 4);
    float *x = calloc((features + 24) * 16, 4), *scratch = calloc(gmlp__polar_count(features, 16), 4);
    const gmlp_adam adam = {5e-3, 0.9, 0.97, 1e-8};
    double loss;
    assert_int_equal(gmlp_mlp_init(&net.mlp, 11, 0.01f, weights), GMLP_OK);
    assert_int_equal(gmlp_mlp_gradient(&net.mlp, weights, in, target, batch, &loss, g, 0, NULL), GMLP_OK);
    assert_true(fabs(loss - report.loss) < 1e-5 * loss);
    memcpy(adam_w, weights, count * 4);
    assert_int_equal(gmlp_adam_step(&adam, 1, g, adam_w, m, v, count, 0), GMLP_OK);
    for (int layer = 0; layer < 2; layer++) {
        const size_t at = layer ? w2 : 0, rows = layer ? 16 : features;
        memcpy(x, g + at, rows * 64);
        gmlp__polar(gmlp__select(GMLP_ISA_AUTO), x, rows, 16, 16, scratch);
        for (size_t i = 0; i < rows * 16; i++) weights[at + i] -= 0.5f * x[i];
        memcpy(weights + at + rows * 16, adam_w + at + rows * 16, 64);
    }
    memcpy(weights + w3, adam_w + w3, (count - w3) * 4);
    for (size_t i = 0; i < count; i++) {
        const double step = net.step_size[i < w2 ? 0 : i < w3 ? 1 : 2];
        const int adams = i >= w3 || (i >= features * 16 && i < w2) || i >= w2 + 256;
        if (adams && fabsf(g[i]) < 1e-6f && g[i] != 0) continue; /* may move either way */
        assert_true(step < 0.02 && fabs(weights[i] - net.weights[i]) < 0.51 * step + 2e-4);
    }
    free(in), free(target), free(weights), free(g), free(m), free(v), free(adam_w), free(x), free(scratch);
    gmlp_net_free(&net);
    free_scene(&s);
}

/* No blob above its budget; without a width the widest that leaves 3.6 bits a weight. */
static void a_budget_is_kept(void **state) {
    (void)state;
    const uint32_t budgets[] = {512, 513, 700, 1000, 1500, 2048, 3000, 4096, 6000, 10240, 16000, 23552, 32768, 50000, 65536};
    const int widths[] = {0, 8, 24, 64, 128};
    scene s = make_scene(40, 30, 3);
    int last = 0;
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++)
        for (size_t k = 0; k < sizeof widths / sizeof *widths; k++) {
            gmlp_train_opts opts = {0};
            gmlp_net net;
            if (widths[k] == 128 && i % 4) continue; /* slow */
            opts.budget = budgets[i];
            opts.width = widths[k];
            opts.iterations = i % 2 ? 3 : 8; /* without and with steps that see rounded weights */
            opts.batch = 64;
            opts.optimizer = i % 3 ? 0 : GMLP_ADAM;
            assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_OK);
            assert_int_equal(net.weight_format, GMLP_WEIGHTS_QUANTIZED);
            assert_in_range(gmlp_blob_size(&net), 128, budgets[i]);
            if (widths[k]) assert_int_equal(net.mlp.width, widths[k]);
            else {
                gmlp_mlp wider = net.mlp;
                wider.width += wider.width < 16 ? 8 : 16;
                assert_true(net.mlp.width % 16 == 0 || net.mlp.width == 8);
                assert_true(gmlp_mlp_weights(&net.mlp) * 9 <= 20 * (size_t)budgets[i] || net.mlp.width == 8);
                assert_true(gmlp_mlp_weights(&wider) * 9 > 20 * (size_t)(budgets[i] - 130) || net.mlp.width == 128);
                assert_true(net.mlp.width >= last);
                last = net.mlp.width;
                if (budgets[i] > 600 && net.mlp.width < 128) assert_true(gmlp_blob_size(&net) > budgets[i] * 9 / 10); /* used, too */
            }
            gmlp_net_free(&net);
        }
    free_scene(&s);
}

static double psnr_of(const scene *s, const gmlp_net *net) { return -10 * log10(error_of(s, net)); }

/* The PSNR that the search goes by is that of decoding, and of its results the smallest is given. */
static void a_target_is_reached(void **state) {
    (void)state;
    for (int loose = 0; loose < 2; loose++) {
        scene s = make_scene(96, 64, 1);
        gmlp_train_opts opts = {0};
        gmlp_train_report report;
        gmlp_net net;
        gmlp_net clip;
        size_t last = 0;
        double from, low = 0, top;
        opts.iterations = 60;
        opts.batch = 256;
        opts.frequencies[0] = opts.frequencies[1] = 5, opts.frequencies[2] = opts.frequencies[3] = opts.frequencies[4] = 2;
        if (loose) { /* OG pixels that are none of the network's: their codes are moved inwards */
            uint8_t *code = (uint8_t *)s.base.data;
            for (size_t i = 0; i < 96 * 64; i += 131)
                for (size_t c = 0; c < 3; c++) code[3 * i + c] = (uint8_t)(code[3 * i + c] < 3 ? 3 : code[3 * i + c] > 250 ? 250 : code[3 * i + c]);
        }
        assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, &report), GMLP_OK);
        assert_true(report.psnr_og == 0);
        clip = net;
        clip.method = GMLP_METHOD_NONE;
        from = psnr_of(&s, &clip);
        gmlp_net_free(&net);
        opts.target_psnr = 200;
        memset(&net, 0xee, sizeof net);
        assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, &report), GMLP_E_TARGET);
        top = report.psnr_og;
        assert_true(top > from && top < 200);
        assert_int_equal(report.iterations, 60); /* the largest is tried first */
        assert_zeroed(&net);
        for (int i = 0; i < 5; i++) { /* from what every network reaches to what the largest just does */
            const double target = i == 0 ? from : i == 4 ? top : low + (top - low) * 0.25 * i;
            size_t size;
            opts.target_psnr = target;
            assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, &report), GMLP_OK);
            size = gmlp_blob_size(&net);
            assert_true(report.psnr_og >= target);
            assert_true(fabs(report.psnr_og - psnr_of(&s, &net)) < 0.01); /* the decoder rounds to fixed point */
            assert_int_equal(report.samples, report.saturated);
            assert_true(report.iterations % 60 == 0 && report.iterations >= 120);
            assert_in_range(size, last, 32768);
            if (i == 0) {
                low = report.psnr_og;
                assert_true(size < 1280);
            } else if (i == 2) assert_true(size > last);
            last = size;
            gmlp_net_free(&net);
        }
        opts.target_psnr = from;
        opts.budget = 700; /* nothing smaller is tried */
        assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, &report), GMLP_OK);
        assert_int_equal(report.iterations, 60);
        assert_in_range(gmlp_blob_size(&net), 600, 700);
        gmlp_net_free(&net);
        free_scene(&s);
    }
}

static void a_target_takes_no_start(void **state) {
    (void)state;
    scene s = make_scene(24, 16, 1);
    gmlp_train_opts opts = {0};
    gmlp_net net, again;
    opts.iterations = 2;
    opts.batch = 8;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_OK);
    opts.start = &net;
    opts.target_psnr = 5;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &again, NULL), GMLP_E_ARGUMENT);
    assert_zeroed(&again);
    gmlp_net_free(&net);
    free_scene(&s);
}

static void both_optimisers_and_schedules_learn(void **state) {
    (void)state;
    scene s = make_scene(64, 48, 1);
    gmlp_train_opts opts = {0};
    gmlp_net net[4], clip;
    opts.batch = 256;
    for (int i = 0; i < 4; i++) {
        opts.optimizer = i & 1 ? GMLP_MUON : GMLP_ADAM;
        opts.schedule = i & 2 ? GMLP_CONSTANT : GMLP_FALLING;
        opts.iterations = 150;
        assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net[i], NULL), GMLP_OK);
        clip = net[i];
        clip.method = GMLP_METHOD_NONE;
        assert_true(error_of(&s, &net[i]) < 0.1 * error_of(&s, &clip));
        for (int k = 0; k < i; k++) assert_memory_not_equal(net[i].weights, net[k].weights, gmlp_mlp_weights(&net[i].mlp) * 4);
    }
    assert_true(error_of(&s, &net[1]) < error_of(&s, &net[0])); /* that is what Muon is for */
    for (int i = 0; i < 4; i++) gmlp_net_free(&net[i]);
    free_scene(&s);
}

/* Rates that throw the weights out of every bound: an error, or a net that a blob holds. */
static void wild_rates(void **state) {
    (void)state;
    scene s = make_scene(24, 16, 1);
    int errors = 0;
    for (int i = 0; i < 24; i++) {
        gmlp_train_opts opts = {0};
        gmlp_net net;
        gmlp_result result;
        opts.iterations = i % 3 == 0 ? 4 : i % 3 == 1 ? 40 : 100;
        opts.batch = 16;
        opts.width = 8;
        opts.schedule = GMLP_CONSTANT;
        opts.optimizer = i & 1 ? GMLP_ADAM : GMLP_MUON;
        opts.learning_rate = i & 2 ? 999 : 1e-3;
        opts.muon_learning_rate = 999;
        opts.budget = i < 8 ? 512 : i < 16 ? 1000 : 0;
        opts.activation = i & 4 ? GMLP_SINE : GMLP_RELU;
        opts.target_psnr = i >= 20 ? 1 : 0;
        result = gmlp_train(&s.base, &s.wide, &opts, &net, NULL);
        if (result == GMLP_OK) {
            assert_true(gmlp_blob_size(&net) > 0);
            gmlp_net_free(&net);
        } else {
            assert_true(result == GMLP_E_WEIGHT || (result == GMLP_E_TARGET && i >= 20));
            assert_zeroed(&net);
            errors++;
        }
    }
    assert_true(errors > 0);
    for (int i = 0; i < 7; i++) { /* weights that are or become infinite or no numbers; at last sound ones in too large steps */
        const float value[] = {1e10f, 1e20f, 3e38f, -1e30f, INFINITY, NAN, 33000.0f};
        gmlp_train_opts opts = {0};
        gmlp_net start, net;
        opts.iterations = 8;
        opts.batch = 16;
        opts.width = i == 6 ? 128 : 8;
        opts.budget = i == 6 ? 512 : 0;
        if (i == 6) memset(opts.frequencies, 16, sizeof opts.frequencies);
        assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &start, NULL), GMLP_OK);
        for (size_t k = 0; i < 6 && k < gmlp_mlp_weights(&start.mlp); k += 1 + k % 3) start.weights[k] = value[i];
        for (size_t k = 0; i == 6 && k < gmlp_mlp_weights(&start.mlp); k++) /* W1 only, which then has no gradient */
            start.weights[k] = k >= gmlp_mlp_features(&start.mlp) * 128 ? 0.0f : (k * k / 7 + k) % 5 < 2 ? value[i] : -value[i];
        opts.start = &start;
        assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_E_WEIGHT);
        assert_zeroed(&net);
        gmlp_net_free(&start);
    }
    free_scene(&s);
}

static void nothing_lost_nothing_trained(void **state) {
    (void)state;
    uint16_t grey[8 * 8 * 3];
    uint8_t codes[8 * 8 * 3];
    gmlp_image wide = {grey, 8, 8, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0}, base = {codes, 8, 8, 0, GMLP_U8, 3, GMLP_SRGB, 0};
    gmlp_train_report report;
    gmlp_net net;
    for (int i = 0; i < 192; i++) grey[i] = (uint16_t)(i / 3 * 1000);
    assert_int_equal(gmlp_reduce(&wide, &base, NULL, NULL), GMLP_OK);
    assert_int_equal(gmlp_train(&base, &wide, NULL, &net, &report), GMLP_OK);
    assert_int_equal(net.method, GMLP_METHOD_NONE);
    assert_int_equal(report.iterations, 0);
    assert_true(gmlp_blob_size(&net) < 64);
    gmlp_net_free(&net);
    /* nor when only some pixels are looked at: preset paper keeps a few, a short training no more than it draws */
    for (int i = 0; i < 192; i++) grey[i] = (uint16_t)(i % 3 ? 0 : 65535);
    wide.space = GMLP_SRGB; /* pure red: saturated, and inside */
    assert_int_equal(gmlp_reduce(&wide, &base, NULL, NULL), GMLP_OK);
    for (int k = 0; k < 2; k++) {
        gmlp_train_opts opts = {0};
        opts.preset = k ? GMLP_PRESET_PAPER : GMLP_PRESET_DEFAULT;
        opts.iterations = opts.batch = 2;
        assert_int_equal(gmlp_train(&base, &wide, &opts, &net, &report), GMLP_OK);
        assert_int_equal(net.method, GMLP_METHOD_NONE);
        assert_int_equal(report.saturated, 64);
        assert_true(report.samples < 64);
        gmlp_net_free(&net);
    }
    /* one pixel outside among those not kept is found */
    wide.space = GMLP_PROPHOTO;
    for (int i = 0; i < 192; i++) grey[i] = 0;
    for (int i = 0; i < 192; i++) codes[i] = (uint8_t)(i % 3 ? 0 : 255);
    grey[3 * 10 + 1] = 60000; /* a green that sRGB has not */
    gmlp_train_opts opts = {0};
    opts.iterations = opts.batch = 1;
    opts.clip_margin = 1;
    assert_int_equal(gmlp_train(&base, &wide, &opts, &net, &report), GMLP_OK);
    assert_int_equal(report.samples, 1);
    assert_int_equal(report.out_of_gamut, 1);
    assert_int_equal(net.method, GMLP_METHOD_RESIDUAL);
    gmlp_net_free(&net);
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

/* A search counts its steps through all networks, and is cancelled in any of them. */
typedef struct counter {
    uint32_t next, steps, cancel_at;
} counter;

static int count_steps(void *user, uint32_t step, uint32_t steps) {
    counter *c = (counter *)user;
    assert_int_equal(step, c->next++);
    assert_true(step < steps && (!step || steps == c->steps));
    c->steps = steps;
    return step == c->cancel_at;
}

static void a_search_can_be_cancelled(void **state) {
    (void)state;
    scene s = make_scene(24, 16, 1);
    budget b = {10000, 0};
    counter c;
    gmlp_train_opts opts = {0};
    gmlp_train_report report;
    gmlp_net net;
    opts.iterations = 4;
    opts.batch = 8;
    opts.target_psnr = 1;
    opts.budget = 4096;
    opts.progress = count_steps;
    opts.progress_user = &c;
    opts.alloc.user = &b;
    opts.alloc.alloc = budget_alloc;
    opts.alloc.free = budget_free;
    memset(&c, 0, sizeof c), c.cancel_at = 0xffffffff;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, &report), GMLP_OK);
    assert_int_equal(report.iterations, c.next);
    assert_true(c.next >= 8 && c.next <= c.steps);
    gmlp_net_free(&net);
    for (uint32_t at = 0, all = c.next; at < all; at++) {
        memset(&c, 0, sizeof c), c.cancel_at = at;
        memset(&net, 0xee, sizeof net);
        assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, &report), GMLP_E_CANCELLED);
        assert_int_equal(c.next, at + 1);
        assert_int_equal(report.iterations, at);
        assert_int_equal(b.live, 0);
        assert_zeroed(&net);
    }
    free_scene(&s);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    scene s = make_scene(24, 16, 1);
    for (int search = 0; search < 2; search++) {
        budget b;
        gmlp_train_opts opts = {0};
        gmlp_net net;
        gmlp_result result = GMLP_E_MEMORY;
        size_t k;
        opts.iterations = 2;
        opts.batch = 8;
        opts.target_psnr = search; /* 1 dB: the smallest network of the search does */
        opts.alloc.user = &b;
        opts.alloc.alloc = budget_alloc;
        opts.alloc.free = budget_free;
        for (k = 0; k < 10000 && result; k++) {
            b.left = k;
            b.live = 0;
            memset(&net, 0xee, sizeof net);
            result = gmlp_train(&s.base, &s.wide, &opts, &net, NULL);
            if (result) {
                assert_int_equal(result, GMLP_E_MEMORY);
                assert_int_equal(b.live, 0);
                assert_zeroed(&net);
            }
        }
        assert_true(k > 5 && k < 10000);
        gmlp_net_free(&net);
        assert_int_equal(b.live, 0);
    }
    free_scene(&s);
}

static void a_start_is_where_training_starts(void **state) {
    (void)state;
    scene s = make_scene(64, 48, 1);
    gmlp_train_opts opts = {0};
    gmlp_net first, second, other;
    opts.iterations = 300;
    opts.batch = 256;
    opts.width = 32;
    opts.budget = 65536; /* fine steps: rounding again is no matter */
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &first, NULL), GMLP_OK);
    opts.start = &first;
    opts.iterations = 1;
    opts.learning_rate = opts.muon_learning_rate = 1e-6;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &second, NULL), GMLP_OK);
    assert_true(error_of(&s, &second) < 1.05 * error_of(&s, &first));
    opts.width = 16; /* another shape */
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &other, NULL), GMLP_E_ARGUMENT);
    {
        const gmlp_net before = first; /* not into itself */
        opts.width = 32;
        assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &first, NULL), GMLP_E_ARGUMENT);
        assert_memory_equal(&first, &before, sizeof first);
    }
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
    memset(&opts, 0, sizeof opts), opts.clip_margin = 64;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_E_ARGUMENT);
    memset(&opts, 0, sizeof opts), opts.isa = 77;
    assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_E_ARGUMENT);
    for (int i = 0; i < 21; i++) {
        memset(&opts, 0, sizeof opts), memset(&net, 0xee, sizeof net);
        switch (i) {
        case 0: opts.preset = 9; break;
        case 1: opts.budget = 511; break;
        case 2: opts.budget = 65537; break;
        case 3: opts.optimizer = 3; break;
        case 4: opts.optimizer = -1; break;
        case 5: opts.schedule = 3; break;
        case 6: opts.learning_rate = 1e3; break;
        case 7: opts.muon_learning_rate = 1e3; break;
        case 8: opts.beta2 = 1.0; break;
        case 9: opts.batch = (1u << 20) + 1; break;
        case 10: opts.preset = GMLP_PRESET_PAPER, opts.budget = 4096; break; /* its weights are floats */
        case 11: opts.preset = GMLP_PRESET_PAPER, opts.target_psnr = 30; break;
        case 12: opts.learning_rate = -1; break;
        case 13: opts.muon_learning_rate = -1; break;
        case 14: opts.beta2 = -1; break;
        case 15: opts.target_psnr = -1; break;
        case 16: opts.learning_rate = (double)NAN; break;
        case 17: opts.muon_learning_rate = (double)NAN; break;
        case 18: opts.beta2 = (double)NAN; break;
        case 19: opts.target_psnr = (double)NAN; break;
        default: opts.adaptation = 2;
        }
        assert_int_equal(gmlp_train(&s.base, &s.wide, &opts, &net, NULL), GMLP_E_ARGUMENT);
        assert_zeroed(&net);
    }
    free_scene(&s);
}

/* The schedule at hand-worked steps of 100: up, level, down. */
static void schedule(void **state) {
    static const struct { uint32_t step; double share; } cases[] = {
        {0, 0.2}, {1, 0.4}, {4, 1}, {5, 1}, {50, 1}, {51, 0.01 + 0.99 * 0.98}, {75, 0.505}, {99, 0.01 + 0.99 * 0.02}};
    gmlp__trainer t;
    (void)state;
    memset(&t, 0, sizeof t);
    t.opts.learning_rate = 0.5;
    t.opts.iterations = 100;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        t.opts.schedule = GMLP_FALLING;
        assert_true(fabs(gmlp__rate(&t, cases[i].step) - 0.5 * cases[i].share) < 1e-15);
        t.opts.schedule = GMLP_CONSTANT;
        assert_true(gmlp__rate(&t, cases[i].step) == 0.5);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_recovers_the_colours), cmocka_unit_test(the_margin_is_measured),
        cmocka_unit_test(pixels_out_of_gamut_count_more),
        cmocka_unit_test(one_step_is_gradient_and_adam),
        cmocka_unit_test(paper_preset_is_the_papers),    cmocka_unit_test(small_and_plain_pictures),
        cmocka_unit_test(presets_keep_their_sizes),      cmocka_unit_test(one_step_is_gradient_and_muon),
        cmocka_unit_test(a_budget_is_kept),              cmocka_unit_test(a_target_is_reached),
        cmocka_unit_test(a_target_takes_no_start),       cmocka_unit_test(both_optimisers_and_schedules_learn),
        cmocka_unit_test(wild_rates),                    cmocka_unit_test(a_search_can_be_cancelled),
        cmocka_unit_test(nothing_lost_nothing_trained),  cmocka_unit_test(progress_can_cancel),
        cmocka_unit_test(every_allocation_may_fail),     cmocka_unit_test(a_start_is_where_training_starts),
        cmocka_unit_test(wrong_arguments),               cmocka_unit_test(schedule),
    };
    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
