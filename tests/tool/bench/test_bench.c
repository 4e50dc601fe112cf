/* What the bench compares with, each against an independent truth: a known polynomial, a SIREN in double and its
   differences, the byte budget, the metrics of 'compare'. No clock takes part. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bases.h"
#include "bench/methods.h"
#include "bench/polynomial.h"
#include "bench/residual_jpeg.h"
#include "bench/siren.h"
#include "measure/metrics.h"
#include "tests/synthetic.h"
#include "work/base.h"

#include <cmocka.h> /* last: it has a macro fail() */

static double next(uint32_t *state) { /* in [0,1) */
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) / 16777216.0;
}

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.12g is not %.12g +- %g", value, expected, tolerance);
}

/* The polynomial. */

enum { COLOURS = 500 };

static double known(const float c[3], int k) { /* of degree 4, with most kinds of terms */
    const double r = c[0], g = c[1], b = c[2];
    return 0.1 * (k + 1) + 0.5 * r - 0.3 * g * b + 0.7 * k * r * r * g - 0.2 * b * b * b * b + 0.4 * r * g * b * b + 0.05 * k * g;
}

static void polynomial_recovers_a_polynomial(void **state) {
    float from[COLOURS][3], to[COLOURS][3], out[3];
    uint32_t seed = 1;
    polynomial p;
    (void)state;
    for (int i = 0; i < COLOURS; i++) {
        for (int k = 0; k < 3; k++) from[i][k] = (float)next(&seed);
        for (int k = 0; k < 3; k++) to[i][k] = (float)known(from[i], k);
    }
    assert_int_equal(polynomial_fit(&p, from[0], to[0], COLOURS), 0);
    for (int i = 0; i < 1000; i++) { /* colours that it has not seen */
        float c[3];
        for (int k = 0; k < 3; k++) c[k] = (float)next(&seed);
        polynomial_apply(&p, c, out);
        for (int k = 0; k < 3; k++) assert_near(out[k], known(c, k), 2e-6);
    }
}

static void polynomial_of_few_or_equal_colours(void **state) {
    float from[COLOURS][3], to[COLOURS][3], out[3];
    uint32_t seed = 2;
    polynomial p;
    (void)state;
    for (int i = 0; i < COLOURS; i++)
        for (int k = 0; k < 3; k++) { /* grey: 5 of the 35 terms say it all */
            from[i][k] = k ? from[i][0] : (float)next(&seed);
            to[i][k] = from[i][k] * from[i][k];
        }
    assert_int_equal(polynomial_fit(&p, from[0], to[0], COLOURS), 0);
    for (int i = 0; i < COLOURS; i++) {
        polynomial_apply(&p, from[i], out);
        for (int k = 0; k < 3; k++) assert_near(out[k], to[i][k], 1e-5);
    }
    for (size_t n = 0; n < 20; n++) { /* fewer than there are terms: through the points */
        assert_int_equal(polynomial_fit(&p, from[0], to[0], n), 0);
        for (size_t i = 0; i < n; i++) {
            polynomial_apply(&p, from[i], out);
            for (int k = 0; k < 3; k++) assert_true(isfinite(out[k]));
            if (n < 5) assert_near(out[0], to[i][0], 1e-4);
        }
    }
}

/* The SIREN. */

enum { W = SIREN_WIDTH, N = 70 }; /* N: not a multiple of the lanes */

static void reference_layer(const double *w, int in, int out, const double *x, double *y, int sine) {
    for (int j = 0; j < out; j++) {
        double z = w[in * out + j];
        for (int i = 0; i < in; i++) z += w[j * in + i] * x[i];
        y[j] = sine ? sin(30 * z) : z;
    }
}

static void reference_forward(const double *w, const double xy[2], double out[3]) {
    double h1[W], h2[W];
    reference_layer(w, 2, W, xy, h1, 1);
    reference_layer(w + 3 * W, W, W, h1, h2, 1);
    reference_layer(w + 3 * W + W * (W + 1), W, 3, h2, out, 0);
}

typedef struct siren_case {
    float weights[SIREN_WEIGHTS], gradient[SIREN_WEIGHTS], again[SIREN_WEIGHTS], xy[N][2], targets[N][3], out[N][3];
    double exact[SIREN_WEIGHTS];
} siren_case;

static siren_case *siren_new(void) {
    siren_case *c = (siren_case *)malloc(sizeof *c);
    uint32_t seed = 3;
    assert_non_null(c);
    siren_init(c->weights, 5);
    for (int i = 0; i < SIREN_WEIGHTS; i++) c->exact[i] = c->weights[i];
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < 2; k++) c->xy[i][k] = (float)(2 * next(&seed) - 1);
        for (int k = 0; k < 3; k++) c->targets[i][k] = (float)(2 * next(&seed) - 1);
    }
    return c;
}

static double reference_loss(const siren_case *c) {
    double sum = 0;
    for (int i = 0; i < N; i++) {
        const double xy[2] = { c->xy[i][0], c->xy[i][1] };
        double out[3];
        reference_forward(c->exact, xy, out);
        for (int k = 0; k < 3; k++) sum += (out[k] - c->targets[i][k]) * (out[k] - c->targets[i][k]);
    }
    return sum / (3.0 * N);
}

static void siren_starts_as_published(void **state) {
    float *w = (float *)malloc(SIREN_WEIGHTS * sizeof(float));
    double most[3] = { 0, 0, 0 };
    (void)state;
    assert_non_null(w);
    assert_int_equal(SIREN_WEIGHTS * sizeof(float), 69132);
    siren_init(w, 1);
    for (int i = 0; i < 2 * W; i++) most[0] = fmax(most[0], fabs(w[i]));
    for (int i = 0; i < W * W; i++) most[1] = fmax(most[1], fabs(w[3 * W + i]));
    for (int i = 0; i < 3 * W; i++) most[2] = fmax(most[2], fabs(w[3 * W + W * (W + 1) + i]));
    assert_near(most[0], 0.5, 0.01);
    assert_near(most[1], sqrt(6.0 / W) / 30, 1e-4);
    assert_near(most[2], sqrt(6.0 / W) / 30, 1e-4);
    free(w);
}

static void siren_forward_against_double(void **state) {
    siren_case *c = siren_new();
    pool *p = pool_create(1);
    const gmlp_threads t = pool_threads(p);
    (void)state;
    assert_int_equal(siren_forward(c->weights, c->xy[0], N, c->out[0], &t), GMLP_OK);
    for (int i = 0; i < N; i++) {
        const double xy[2] = { c->xy[i][0], c->xy[i][1] };
        double want[3];
        reference_forward(c->exact, xy, want);
        for (int k = 0; k < 3; k++) assert_near(c->out[i][k], want[k], 2e-5);
    }
    pool_free(p);
    free(c);
}

static void siren_gradient_against_differences(void **state) {
    siren_case *c = siren_new();
    pool *p = pool_create(1), *many = pool_create(3);
    const gmlp_threads t = pool_threads(p), t3 = pool_threads(many);
    double loss, largest = 0;
    (void)state;
    assert_int_equal(siren_gradient(c->weights, c->xy[0], c->targets[0], N, &loss, c->gradient, &t), GMLP_OK);
    assert_near(loss, reference_loss(c), 1e-5);
    for (int i = 0; i < SIREN_WEIGHTS; i++) largest = fmax(largest, fabs(c->gradient[i]));
    for (int i = 0; i < SIREN_WEIGHTS; i += i < 3 * W || i >= 3 * W + W * (W + 1) ? 5 : 97) {
        const double kept = c->exact[i], step = 1e-5;
        double up, down;
        c->exact[i] = kept + step, up = reference_loss(c);
        c->exact[i] = kept - step, down = reference_loss(c);
        c->exact[i] = kept;
        assert_near(c->gradient[i], (up - down) / (2 * step), 1e-4 * largest);
    }
    assert_int_equal(siren_gradient(c->weights, c->xy[0], c->targets[0], N, &loss, c->again, &t3), GMLP_OK);
    assert_memory_equal(c->gradient, c->again, sizeof c->gradient);
    pool_free(p);
    pool_free(many);
    free(c);
}

/* The residual as JPEG. */

enum { SIDE = 96, CELLS = SIDE * SIDE };

typedef struct residual_case {
    float original[CELLS][3], clipped[CELLS][3], result[CELLS][3];
    uint8_t saturated[CELLS], out_of_gamut[CELLS];
    residual_jpeg_input in;
} residual_case;

/* The left two thirds are saturated, all of them OG but every seventh. noise: of the residual. */
static residual_case *residual_new(double noise) {
    residual_case *c = (residual_case *)malloc(sizeof *c);
    uint32_t seed = 4;
    assert_non_null(c);
    for (int i = 0; i < CELLS; i++) {
        const int x = i % SIDE, y = i / SIDE;
        c->saturated[i] = x < SIDE * 2 / 3;
        c->out_of_gamut[i] = c->saturated[i] && i % 7;
        for (int k = 0; k < 3; k++) {
            c->clipped[i][k] = 0.4f;
            c->original[i][k] = 0.4f + (c->saturated[i] ? 0.1f * (float)k + 0.1f * (float)x / SIDE - 0.2f * (float)y / SIDE + (float)(noise * next(&seed)) : 0);
        }
    }
    c->in.original = c->original[0];
    c->in.clipped = c->clipped[0];
    c->in.saturated = c->saturated;
    c->in.out_of_gamut = c->out_of_gamut;
    c->in.width = c->in.height = SIDE;
    return c;
}

static double residual_error(const residual_case *c) { /* RMSE over OG */
    double sum = 0, n = 0;
    for (int i = 0; i < CELLS; i++)
        for (int k = 0; k < 3 && c->out_of_gamut[i]; k++, n++) sum += pow(c->result[i][k] - c->original[i][k], 2);
    return sqrt(sum / n);
}

static void residual_fits_its_budget(void **state) {
    static const size_t budgets[] = { 100, 700, 1000, 2048, 4096, 10240 };
    enum { COUNT = sizeof budgets / sizeof *budgets };
    residual_case *c = residual_new(0.1);
    map_jpeg_choice best[COUNT];
    double before = INFINITY;
    char error[256];
    (void)state;
    assert_int_equal(residual_jpeg_search(&c->in, budgets, COUNT, best, error), 0);
    assert_int_equal(best[0].scale, 0); /* not even the tables of a JPEG */
    for (int b = 1; b < COUNT; b++) {
        double now;
        assert_in_range(best[b].bytes, 200, budgets[b]);
        assert_in_range(best[b].scale, 1, 32);
        assert_in_range(best[b].quality, 1, 100);
        assert_int_equal(residual_jpeg_apply(&c->in, &best[b], c->result[0], error), 0);
        now = residual_error(c);
        assert_true(now <= 1.02 * before);
        before = now;
        for (int i = 0; i < CELLS; i++)
            if (!c->saturated[i]) assert_memory_equal(c->result[i], c->clipped[i], 3 * sizeof(float));
    }
    free(c);
}

static void residual_that_is_smooth_comes_back(void **state) {
    const size_t budget = 4096;
    residual_case *c = residual_new(0);
    map_jpeg_choice best;
    char error[256];
    (void)state;
    assert_int_equal(residual_jpeg_search(&c->in, &budget, 1, &best, error), 0);
    assert_int_equal(residual_jpeg_apply(&c->in, &best, c->result[0], error), 0);
    assert_near(residual_error(c), 0, 0.002); /* two steps of 8 bits over a range of about 0.25 */
    free(c);
}

/* A picture on disk. */

enum { WIDTH = 120, HEIGHT = 90 };

typedef struct folder {
    char name[40], path[64];
} folder;

static int folder_make(void **state) {
    static const char *const name = "/tmp/gamutmlp-test-XXXXXX";
    folder *f = (folder *)malloc(sizeof *f);
    uint16_t *data = (uint16_t *)malloc(WIDTH * HEIGHT * 6);
    gmlp_image image;
    char error[256];
    if (!f || !data) return -1;
    memset(&image, 0, sizeof image);
    image.data = data;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.type = GMLP_U16;
    image.space = GMLP_PROPHOTO;
    test_picture(data, WIDTH, HEIGHT, 1);
    strcpy(f->name, name);
    if (!mkdtemp(f->name)) return -1;
    snprintf(f->path, sizeof f->path, "%s/one.png", f->name);
    if (picture_write(f->path, &image, NULL, error)) return -1;
    free(data);
    *state = f;
    return 0;
}

static int folder_remove(void **state) {
    folder *f = (folder *)*state;
    unlink(f->path);
    rmdir(f->name);
    free(f);
    return 0;
}

static void load(bench *b, const folder *f, int quality, bench_subject *s) {
    memset(b, 0, sizeof *b);
    b->quality = quality;
    b->workers = pool_create(2);
    b->run = pool_threads(b->workers);
    assert_int_equal(bench_subject_load(b, f->path, s), 0);
}

static void unload(bench *b, bench_subject *s) {
    bench_subject_free(s);
    pool_free(b->workers);
}

static metrics compare(const bench_subject *s) {
    gmlp_image result = s->wide.image;
    metrics m;
    char error[256];
    result.data = s->result;
    result.type = GMLP_F32;
    result.space = GMLP_PROPHOTO_LINEAR;
    if (metrics_compare(&s->wide.image, &result, NULL, &m, error)) fail_msg("%s", error);
    return m;
}

static void assert_scored(const bench_subject *s, const bench_outcome *o) {
    const metrics m = compare(s);
    assert_near(o->score.psnr, m.psnr, 1e-4);
    assert_near(o->score.psnr_og, m.psnr_og, 1e-4);
}

static void methods_score_as_compare_does(void **state) {
    bench_outcome clip, soft, sampled, siren, network, residual[1];
    for (int quality = 0; quality <= 90; quality += 90) {
        const size_t budget = 4096;
        gmlp_train_opts opts;
        bench_work work;
        bench_subject s;
        bench b;
        load(&b, (const folder *)*state, quality, &s);
        b.siren_steps = 30;
        bench_work_begin(&work, "test", 1);
        memset(&opts, 0, sizeof opts);
        opts.iterations = 60;
        assert_int_equal(bench_clip(&b, &s, &clip), 0);
        assert_scored(&s, &clip);
        assert_int_equal(clip.bytes, 0);
        assert_int_equal(bench_soft_clip(&b, &s, &soft), 0);
        assert_scored(&s, &soft);
        assert_int_equal(soft.bytes, 24);
        assert_true(soft.score.psnr_og > clip.score.psnr_og);
        assert_int_equal(bench_sampled(&b, &s, &sampled), 0);
        assert_scored(&s, &sampled);
        assert_in_range(sampled.bytes, 6, 135000);
        assert_true(sampled.score.psnr >= clip.score.psnr);
        assert_int_equal(bench_siren(&b, &s, &work, &siren), 0);
        assert_scored(&s, &siren);
        assert_int_equal(siren.bytes, 69132);
        assert_int_equal(bench_network(&b, &s, &s.base.image, &opts, &work, &network), 0);
        assert_scored(&s, &network);
        assert_true(network.score.psnr_og > clip.score.psnr_og);
        assert_true(network.seconds > 0);
        assert_int_equal(bench_residual(&s, &budget, 1, residual), 0);
        assert_scored(&s, residual);
        assert_true(residual[0].score.psnr_og > clip.score.psnr_og);
        bench_work_end(&work);
        unload(&b, &s);
    }
}

static void best_of_the_iteration_counts(void **state) {
    bench_outcome best, each[2];
    gmlp_train_opts opts;
    bench_work work;
    bench_subject s;
    bench b;
    load(&b, (const folder *)*state, 0, &s);
    b.count = 2;
    b.counts[0] = 2;
    b.counts[1] = 3;
    memset(&opts, 0, sizeof opts);
    opts.preset = GMLP_PRESET_PAPER;
    bench_work_begin(&work, "test", 1);
    assert_int_equal(bench_counts(&b, &s, &opts, &work, &best, each), 0);
    bench_work_end(&work);
    assert_true(best.score.psnr_og == fmax(each[0].score.psnr_og, each[1].score.psnr_og));
    unload(&b, &s);
}

static void jpeg_base_is_what_a_decoder_sees(void **state) {
    bench_subject s, lossless;
    bench b, c;
    uint8_t *bytes;
    size_t size;
    char error[256];
    picture_write_opts write;
    picture decoded;
    load(&c, (const folder *)*state, 0, &lossless);
    load(&b, (const folder *)*state, 75, &s);
    assert_in_range(s.clip_margin, 1, 63);
    assert_int_equal(lossless.clip_margin, 0);
    memset(&write, 0, sizeof write);
    write.quality = 75;
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_JPEG, &lossless.base.image, &write, &bytes, &size, error), 0);
    assert_int_equal(picture_read_memory(bytes, size, "test", GMLP_SRGB, &decoded, error), 0);
    assert_memory_equal(decoded.image.data, s.base.image.data, WIDTH * HEIGHT * 3);
    assert_memory_not_equal(lossless.base.image.data, s.base.image.data, WIDTH * HEIGHT * 3);
    picture_free(&decoded);
    free(bytes);
    unload(&b, &s);
    unload(&c, &lossless);
}

/* A base's file by hand: its bytes, and the picture that viewers show. */
static size_t base_file(const bench *b, const bench_subject *s, int space, int quality, picture *shown) {
    gmlp_image codes = s->wide.image;
    picture_write_opts write;
    uint8_t *bytes;
    size_t size;
    char error[256];
    memset(&write, 0, sizeof write);
    write.quality = quality;
    write.subsample = b->subsample;
    codes.type = GMLP_U8;
    codes.space = space;
    codes.data = malloc(WIDTH * HEIGHT * 3);
    assert_int_equal(gmlp_reduce(&s->wide.image, &codes, NULL, NULL), GMLP_OK);
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_JPEG, &codes, &write, &bytes, &size, error), 0);
    assert_int_equal(picture_read_memory(bytes, size, "test", GMLP_SRGB, shown, error), 0);
    free(codes.data);
    free(bytes);
    return size;
}

static void bases_of_a_jpeg(void **state) {
    static const int chroma[] = { PICTURE_444, PICTURE_422, PICTURE_420 };
    int taken = 0;
    for (int k = 0; k < 3; k++) {
        bench_base r[BENCH_BASES];
        bench_outcome alone;
        bench_subject s;
        bench_work work;
        bench b;
        picture chosen, shown;
        size_t sizes[3];
        double sum = 0, whole;
        load(&b, (const folder *)*state, 90, &s);
        b.subsample = chroma[k];
        b.iterations = 30;
        bench_work_begin(&work, "test", 1);
        assert_int_equal(bench_bases(&b, &s, &work, r, &chosen), 0);
        bench_work_end(&work);
        assert_true(r[BASE_SRGB].quality == 90 && r[BASE_SYCC].quality == 90);
        for (int i = 0; i < 2; i++) { /* size, and what is shown */
            const int space = i ? GMLP_SYCC : GMLP_SRGB;
            gmlp_image clipped = s.wide.image;
            assert_true(r[i ? BASE_SYCC : BASE_SRGB].bytes == (double)base_file(&b, &s, space, 90, &shown));
            clipped.type = GMLP_U8;
            clipped.space = GMLP_SRGB;
            clipped.data = malloc(WIDTH * HEIGHT * 3);
            assert_int_equal(gmlp_reduce(&s.wide.image, &clipped, NULL, NULL), GMLP_OK);
            sum = 0;
            for (int n = 0; n < WIDTH * HEIGHT * 3; n++)
                sum += pow(((const uint8_t *)shown.image.data)[n] - ((const uint8_t *)clipped.data)[n], 2);
            assert_near(r[i ? BASE_SYCC : BASE_SRGB].shown, 20 * log10(255) - 10 * log10(sum / (WIDTH * HEIGHT * 3)), 1e-9);
            free(clipped.data);
            picture_free(&shown);
        }
        /* the choice, and what it gives by itself */
        taken += chosen.image.space == GMLP_SYCC;
        assert_int_equal(chosen.image.space == GMLP_SYCC,
                         r[BASE_SYCC].alone.score.psnr_og >= r[BASE_SRGB].alone.score.psnr_og + 0.5);
        assert_int_equal(bench_alone(&s, &chosen.image, &alone), 0);
        assert_scored(&s, &alone);
        assert_true(alone.score.psnr_og == r[BASE_AUTO].alone.score.psnr_og);
        assert_true(r[BASE_AUTO].with.score.psnr_og == r[chosen.image.space == GMLP_SYCC ? BASE_SYCC : BASE_SRGB].with.score.psnr_og);
        assert_true(r[BASE_AUTO].with.score.psnr_og > r[BASE_AUTO].alone.score.psnr_og);
        picture_free(&chosen);
        /* the same size: between the two whole qualities around it */
        assert_true(r[BASE_SYCC_SAME_SIZE].bytes == r[BASE_SRGB].bytes);
        whole = floor(r[BASE_SYCC_SAME_SIZE].quality);
        for (int i = 0; i < 2; i++) {
            sizes[i] = base_file(&b, &s, GMLP_SYCC, (int)whole + i, &shown);
            picture_free(&shown);
        }
        assert_true((double)sizes[0] <= r[BASE_SRGB].bytes && (double)sizes[1] >= r[BASE_SRGB].bytes);
        assert_near(r[BASE_SYCC_SAME_SIZE].quality - whole, log(r[BASE_SRGB].bytes / (double)sizes[0]) / log((double)sizes[1] / (double)sizes[0]), 1e-9);
        unload(&b, &s);
    }
    assert_true(taken > 0);
}

static void the_better_base(void **state) {
    (void)state;
    assert_false(base_takes_sycc(30, 30));
    assert_false(base_takes_sycc(30, 30.4));
    assert_true(base_takes_sycc(30, 30.6));
    assert_false(base_takes_sycc(NAN, NAN)); /* nothing is out of gamut */
    assert_int_equal(base_clip_margin(GMLP_SYCC, PICTURE_444), 0);
    assert_int_equal(base_clip_margin(GMLP_SRGB, PICTURE_420), 0);
    assert_in_range(base_clip_margin(GMLP_SYCC, PICTURE_420), 1, 63);
}

/* The paper's comparisons from given networks; two steps of everything. */
static void starts_are_taken_and_checked(void **state) {
    const folder *f = (const folder *)*state;
    char start[64], *json = NULL;
    size_t size;
    bench_subject s;
    bench b;
    load(&b, f, 0, &s);
    snprintf(start, sizeof start, "%s/start", f->name);
    for (int width = 32; width <= 64; width += 32) {
        gmlp_train_opts opts;
        uint8_t bytes[65536];
        gmlp_net net;
        FILE *file;
        memset(&opts, 0, sizeof opts);
        opts.preset = GMLP_PRESET_PAPER;
        opts.width = width;
        opts.iterations = 1;
        opts.batch = 64;
        assert_int_equal(gmlp_train(&s.base.image, &s.wide.image, &opts, &net, NULL), GMLP_OK);
        assert_int_equal(gmlp_blob_write(&net, bytes, sizeof bytes, &size), GMLP_OK);
        gmlp_net_free(&net);
        file = fopen(start, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
        b.folder = f->name;
        b.count = 1;
        b.counts[0] = b.iterations = b.siren_steps = 2;
        b.start[0] = start;
        b.table = fopen("/dev/null", "w");
        assert_non_null(b.table);
        json_begin(&b.j, open_memstream(&json, &size));
        assert_int_equal(bench_paper(&b), width != 32);
        json_end(&b.j);
        fclose(b.j.file);
        fclose(b.table);
        assert_int_equal(strstr(json, "mean_psnr_og_mlp_32_meta") != NULL, width == 32);
        assert_null(strstr(json, "mlp_64_meta"));
        free(json);
    }
    unlink(start);
    unload(&b, &s);
}

static void folders_of_pictures(void **state) {
    const folder *f = (const folder *)*state;
    bench_list l;
    char name[64];
    assert_int_equal(bench_list_open(&l, f->name), 0);
    assert_int_equal(l.count, 1);
    assert_string_equal(l.entry[0].path, f->path);
    assert_string_equal(l.set[0], "");
    assert_null(l.set[1]);
    bench_name(l.entry[0].path, name);
    assert_string_equal(name, "one");
    bench_list_free(&l);
}

/* Numbers. */

static void means_leave_out_what_is_not_a_number(void **state) {
    bench_outcome o;
    bench_mean m;
    char text[64];
    (void)state;
    memset(&m, 0, sizeof m);
    memset(&o, 0, sizeof o);
    o.seconds = o.normalised = NAN;
    o.score.psnr = 40, o.score.psnr_og = 20, o.bytes = 7;
    bench_mean_add(&m, &o);
    o.score.psnr = 60, o.score.psnr_og = NAN, o.bytes = 5;
    bench_mean_add(&m, &o);
    assert_near(bench_mean_of(&m, BENCH_ALL), 50, 1e-12);
    assert_near(bench_mean_of(&m, BENCH_OG), 20, 1e-12);
    assert_near(bench_mean_of(&m, BENCH_RMSE), (0.01 + 0.001) / 2, 1e-12); /* of the pictures' own, not of the mean PSNR */
    assert_near(bench_mean_of(&m, BENCH_RMSE_OG), 0.1, 1e-12);
    assert_true(isnan(bench_mean_of(&m, BENCH_SECONDS)));
    assert_int_equal(m.bytes, 7);
    assert_string_equal(bench_number(NAN, 2, text), "-");
    assert_string_equal(bench_number(1.005e3, 1, text), "1005.0");
    bench_key("JPEG 2 KB", text);
    assert_string_equal(text, "jpeg_2_kb");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polynomial_recovers_a_polynomial),
        cmocka_unit_test(polynomial_of_few_or_equal_colours),
        cmocka_unit_test(siren_starts_as_published),
        cmocka_unit_test(siren_forward_against_double),
        cmocka_unit_test(siren_gradient_against_differences),
        cmocka_unit_test(residual_fits_its_budget),
        cmocka_unit_test(residual_that_is_smooth_comes_back),
        cmocka_unit_test_setup_teardown(methods_score_as_compare_does, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(best_of_the_iteration_counts, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(jpeg_base_is_what_a_decoder_sees, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(bases_of_a_jpeg, folder_make, folder_remove),
        cmocka_unit_test(the_better_base),
        cmocka_unit_test_setup_teardown(starts_are_taken_and_checked, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(folders_of_pictures, folder_make, folder_remove),
        cmocka_unit_test(means_leave_out_what_is_not_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
