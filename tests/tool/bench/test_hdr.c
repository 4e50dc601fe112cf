/* The bench of HDR from SDR on tiny pictures: which files make pairs, and rows against the same work done here. No clock
   takes part. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/gain_map_jpeg.h"
#include "bench/pairs.h"
#include "gainmap/ultrahdr.h"
#include "measure/metrics.h"

#include <cmocka.h> /* last: it has a macro fail() */

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.12g is not %.12g +- %g", value, expected, tolerance);
}

/* Pictures: a ramp in each channel, the HDR one brighter where it is bright. */

enum { W = 48, H = 40 };

static gmlp_image view(void *data, uint32_t width, int type, int space) {
    gmlp_image v;
    memset(&v, 0, sizeof v);
    v.data = data;
    v.width = width;
    v.height = H;
    v.type = type;
    v.space = space;
    return v;
}

typedef struct renditions {
    uint8_t sdr[3 * W * H];
    uint16_t pq[3 * W * H];
    float linear[3 * W * H];
} renditions;

static void fill(renditions *r, int seed) {
    for (int i = 0; i < 3 * W * H; i++) {
        const int x = i / 3 % W, y = i / 3 / W, c = i % 3;
        const double v = fmod((x + (c == seed % 3 ? y : 0)) / (double)(W + H) + 0.1 * seed, 1);
        r->sdr[i] = (uint8_t)(255 * v + 0.5);
        r->linear[i] = (float)(4 * pow(v, 3) * (1 - 0.3 * y / H));
        r->pq[i] = (uint16_t)(65535 * gmlp_curve_encode(GMLP_REC2020_PQ, r->linear[i], 0) + 0.5);
    }
}

/* A folder with hdr_pairs/ and ultrahdr/. */
typedef struct fixture {
    char name[40], path[96];
    bench b;
    renditions r;
} fixture;

static const char *at(fixture *f, const char *name) {
    snprintf(f->path, sizeof f->path, "%s/%s", f->name, name);
    return f->path;
}

static void write_picture(fixture *f, const char *name, void *data, uint32_t width, int type, int space) {
    const gmlp_image image = view(data, width, type, space);
    char error[256];
    if (!picture_write(at(f, name), &image, NULL, error)) return;
    if (!strstr(error, "has no EXR")) fail_msg("%s", error);
    puts("# no OpenEXR 3.1 or newer: a test is left out");
    skip();
}

static int make(void **state) {
    fixture *f = (fixture *)calloc(1, sizeof *f);
    if (!f) return -1;
    *state = f;
    strcpy(f->name, "/tmp/gamutmlp-test-XXXXXX");
    if (!mkdtemp(f->name) || mkdir(at(f, "hdr_pairs"), 0700) || mkdir(at(f, "ultrahdr"), 0700) ||
        mkdir(at(f, "scene"), 0700))
        return -1;
    f->b.folder = f->name;
    f->b.iterations = 2;
    f->b.workers = pool_create(2);
    f->b.run = pool_threads(f->b.workers);
    f->b.table = fopen("/dev/null", "w");
    return f->b.workers && f->b.table ? 0 : -1;
}

static int unmake(void **state) {
    fixture *f = (fixture *)*state;
    char command[96];
    snprintf(command, sizeof command, "rm -r '%s'", f->name);
    fclose(f->b.table);
    pool_free(f->b.workers);
    if (system(command)) return -1;
    free(f);
    return 0;
}

/* Two pictures with two tone mappers and one, one HDR picture as EXR, a photograph, and a scene. */
static void fill_folder(fixture *f) {
    const ultrahdr_write_opts opts = { 2, 3, 90 };
    char error[256];
    gmlp_image sdr, hdr;
    fill(&f->r, 1);
    write_picture(f, "hdr_pairs/hall_sdr_fattal02.png", f->r.sdr, W, GMLP_U8, GMLP_SRGB);
    write_picture(f, "hdr_pairs/hall_sdr_other.png", f->r.sdr, W, GMLP_U8, GMLP_P3);
    write_picture(f, "hdr_pairs/hall_hdr_linear.exr", f->r.linear, W, GMLP_F32, GMLP_REC2020_LINEAR);
    fill(&f->r, 2);
    sdr = view(f->r.sdr, W, GMLP_U8, GMLP_SRGB);
    hdr = view(f->r.linear, W, GMLP_F32, GMLP_SRGB_LINEAR);
    if (ultrahdr_write(at(f, "ultrahdr/garden.jpg"), &sdr, NULL, &hdr, &opts, error)) fail_msg("%s", error);
    fill(&f->r, 3);
    write_picture(f, "scene/field.exr", f->r.linear, W, GMLP_F32, GMLP_SRGB_LINEAR);
    write_picture(f, "hdr_pairs/yard_hdr_pq.png", f->r.pq, W, GMLP_U16, GMLP_REC2020_PQ);
    write_picture(f, "hdr_pairs/yard_sdr_reinhard02.png", f->r.sdr, W, GMLP_U8, GMLP_SRGB);
}

static int opens(fixture *f, bench_pairs *l) {
    const int status = bench_pairs_open(&f->b, l);
    if (status) bench_pairs_free(l);
    return !status;
}

static void pairs_of_a_folder(void **state) {
    static const struct {
        const char *name;
        int groups;
    } expected[] = { { "hall_sdr_fattal02", 1 << BENCH_PAIRS | 1 << BENCH_LOCAL }, { "hall_sdr_other", 1 << BENCH_PAIRS },
                     { "yard_sdr_reinhard02", 1 << BENCH_PAIRS | 1 << BENCH_GLOBAL }, { "garden", 1 << BENCH_PHOTOGRAPHS },
                     { "field", 1 << BENCH_MASTERS } };
    static const char *const subs[3] = { "hdr_pairs", "ultrahdr", "scene" };
    static const size_t sub_counts[3] = { 3, 1, 1 };
    fixture *f = (fixture *)*state;
    char sub[64];
    bench_pairs l;
    fill_folder(f);
    assert_true(opens(f, &l));
    assert_int_equal(l.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(l.pair[i].name, expected[i].name);
        assert_near(l.pair[i].pixels, W * H, 0);
        for (int g = 0; g < BENCH_GROUPS; g++) assert_int_equal(bench_pairs_in(&l.pair[i], g), expected[i].groups >> g & 1);
    }
    bench_pairs_free(&l);
    for (int k = 0; k < 3; k++) { /* one of the folders alone */
        snprintf(sub, sizeof sub, "%s/%s", f->name, subs[k]);
        f->b.folder = sub;
        assert_true(opens(f, &l));
        assert_int_equal(l.count, sub_counts[k]);
        bench_pairs_free(&l);
    }
}

/* All HDR files become the same signal. */
static void signals_of_all_kinds(void **state) {
    fixture *f = (fixture *)*state;
    bench_renditions r;
    bench_pairs l;
    const float *p;
    fill_folder(f);
    assert_true(opens(f, &l));
    for (size_t i = 0; i < 3; i++) {
        fill(&f->r, i < 2 ? 1 : 3);
        assert_int_equal(bench_renditions_load(&f->b, &l.pair[i], &r), 0);
        assert_int_equal(r.base.image.space, i == 1 ? GMLP_P3 : GMLP_SRGB);
        assert_memory_equal(r.base.image.data, f->r.sdr, sizeof f->r.sdr);
        p = (const float *)r.hdr.data;
        for (int k = 0; k < 3 * W * H; k++) assert_near(p[k], f->r.pq[k] / 65535.0, 2e-5);
        bench_renditions_free(&r);
    }
    assert_int_equal(bench_renditions_load(&f->b, &l.pair[3], &r), 0); /* the photograph: as its map has it */
    p = (const float *)r.hdr.data;
    for (int k = 0; k < 3 * W * H; k++) assert_true(p[k] >= 0 && p[k] < 0.7f);
    bench_renditions_free(&r);
    bench_pairs_free(&l);
}

/* A scene becomes what its header says, worked out here in double. */
static void scenes_become_masters(void **state) {
    fixture *f = (fixture *)*state;
    double to_aces[9], to_srgb[9], gain = 0, top = 1;
    static double master[3 * W * H], shown[3 * W * H];
    bench_renditions r;
    bench_pairs l;
    int outside = 0;
    int count = 0;
    fill_folder(f); /* the scene's numbers are the last */
    assert_true(opens(f, &l));
    assert_int_equal(bench_renditions_load(&f->b, &l.pair[4], &r), 0);
    assert_int_equal(r.hdr.space, GMLP_ACESCG);
    assert_int_equal(r.base.image.space, GMLP_SRGB);
    gmlp_space_matrix(GMLP_SRGB_LINEAR, GMLP_ACESCG, 0, to_aces);
    gmlp_space_matrix(GMLP_ACESCG, GMLP_SRGB_LINEAR, 0, to_srgb);
    for (int i = 0; i < W * H; i++) {
        const float *p = f->r.linear + 3 * i;
        const double y = 0.2126 * p[0] + 0.7152 * p[1] + 0.0722 * p[2];
        if (y > 0) gain += log(y), count++;
    }
    gain = 0.18 / exp(gain / count);
    for (int i = 0; i < W * H; i++) {
        const float *p = f->r.linear + 3 * i;
        const double y = 0.2126 * p[0] + 0.7152 * p[1] + 0.0722 * p[2];
        double v[3];
        for (int c = 0; c < 3; c++) v[c] = gain * (y + 1.6 * (p[c] - y));
        for (int c = 0; c < 3; c++) master[3 * i + c] = fmax(0, to_aces[3 * c] * v[0] + to_aces[3 * c + 1] * v[1] + to_aces[3 * c + 2] * v[2]);
        for (int c = 0; c < 3; c++) {
            const double *m = master + 3 * i;
            shown[3 * i + c] = to_srgb[3 * c] * m[0] + to_srgb[3 * c + 1] * m[1] + to_srgb[3 * c + 2] * m[2];
            top = fmax(top, shown[3 * i + c]);
        }
    }
    assert_true(top > 1);
    for (int i = 0; i < 3 * W * H; i++) {
        const double x = fmax(0, shown[i]), code = 255 * gmlp_curve_encode(GMLP_SRGB, x * (1 + x / (top * top)) / (1 + x), 0);
        outside += shown[i] < 0;
        assert_near(((const float *)r.hdr.data)[i], master[i], 1e-5 * (1 + master[i]));
        assert_near(((const uint8_t *)r.base.image.data)[i], code, 0.51);
    }
    assert_true(outside > W * H / 8);
    bench_renditions_free(&r);
    bench_pairs_free(&l);
}

static void pictures_that_make_no_pair(void **state) {
    fixture *f = (fixture *)*state;
    bench_pairs l;
    fill(&f->r, 1);
    assert_false(opens(f, &l)); /* nothing */
    write_picture(f, "a_sdr_drago03.png", f->r.sdr, W, GMLP_U8, GMLP_SRGB);
    assert_false(opens(f, &l)); /* no HDR */
    write_picture(f, "a_hdr_pq.png", f->r.pq, W, GMLP_U16, GMLP_REC2020_PQ);
    assert_true(opens(f, &l));
    bench_pairs_free(&l);
    write_picture(f, "b_hdr_pq.png", f->r.pq, W, GMLP_U16, GMLP_REC2020_PQ);
    assert_false(opens(f, &l)); /* no SDR */
    unlink(at(f, "b_hdr_pq.png"));
    write_picture(f, "a_hdr_linear.exr", f->r.linear, W, GMLP_F32, GMLP_REC2020_LINEAR);
    assert_false(opens(f, &l)); /* two HDR */
    unlink(at(f, "a_hdr_linear.exr"));
    write_picture(f, "a_hdr_pq.png", f->r.pq, W - 1, GMLP_U16, GMLP_REC2020_PQ);
    assert_false(opens(f, &l)); /* another size */
    write_picture(f, "a_hdr_pq.png", f->r.pq, W, GMLP_U16, GMLP_SRGB);
    assert_false(opens(f, &l)); /* not HDR */
    write_picture(f, "a_hdr_pq.png", f->r.pq, W, GMLP_U16, GMLP_REC2020_PQ);
    write_picture(f, "a_sdr_drago03.png", f->r.pq, W, GMLP_U16, GMLP_SRGB);
    assert_false(opens(f, &l)); /* a base of 16 bits */
    write_picture(f, "a_sdr_drago03.png", f->r.sdr, W, GMLP_U8, GMLP_ADOBERGB);
    assert_false(opens(f, &l));
    write_picture(f, "a_sdr_drago03.png", f->r.sdr, W, GMLP_U8, GMLP_SRGB);
    write_picture(f, "c.jpg", f->r.sdr, W, GMLP_U8, GMLP_SRGB);
    assert_false(opens(f, &l)); /* not an Ultra HDR file */
}

/* The table's values. */

static double value_of(const char *json, const char *key) {
    char quoted[128];
    const char *p;
    snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    p = strstr(json, quoted);
    if (!p) fail_msg("no %s", key);
    return strtod(p + strlen(quoted), NULL);
}

static metrics network(fixture *f, const gmlp_image *sdr, const gmlp_image *hdr, int preset, int method, size_t *bytes) {
    float *back = (float *)malloc(3 * W * H * sizeof *back);
    const gmlp_image out = view(back, W, GMLP_F32, GMLP_REC2020_PQ);
    gmlp_train_opts opts;
    char error[256];
    gmlp_net net;
    metrics m;
    assert_non_null(back);
    memset(&opts, 0, sizeof opts);
    opts.preset = preset;
    opts.method = method;
    opts.iterations = f->b.iterations;
    assert_int_equal(gmlp_train_hdr(sdr, hdr, &opts, &net, NULL), GMLP_OK);
    assert_int_equal(gmlp_decode(&net, sdr, &out, NULL), GMLP_OK);
    *bytes = gmlp_blob_size(&net);
    gmlp_net_free(&net);
    assert_int_equal(metrics_compare(hdr, &out, NULL, &m, error), 0);
    free(back);
    return m;
}

static void rows_are_what_they_say(void **state) {
    static const struct {
        const char *key;
        int preset, method;
    } nets[] = { { "gain_mlp", GMLP_PRESET_PAPER, GMLP_METHOD_GAIN },          { "gamma_mlp", GMLP_PRESET_PAPER, GMLP_METHOD_GAMMA },
                 { "direct_mlp", GMLP_PRESET_PAPER, GMLP_METHOD_DIRECT },      { "fast", GMLP_PRESET_FAST, GMLP_METHOD_DIFFERENCE },
                 { "default", GMLP_PRESET_DEFAULT, GMLP_METHOD_DIFFERENCE },   { "high", GMLP_PRESET_HIGH, GMLP_METHOD_DIFFERENCE },
                 { "max", GMLP_PRESET_MAX, GMLP_METHOD_DIFFERENCE },           { "default_gamma_map", GMLP_PRESET_DEFAULT, GMLP_METHOD_GAMMA } };
    static const struct {
        const char *key;
        int method;
        map_jpeg_choice choice;
    } maps[] = { { "gain_jpeg_full_q95", GAIN_MAP_GAIN, { 1, 95, 0, 0 } },       { "gain_jpeg_quarter_q10", GAIN_MAP_GAIN, { 4, 10, 0, 0 } },
                 { "gamma_jpeg_quarter_q50", GAIN_MAP_GAMMA, { 4, 50, 0, 0 } },  { "ultra_hdr_map_full_q75", GAIN_MAP_ULTRAHDR, { 1, 75, 0, 0 } },
                 { "libultrahdr_map_quarter_q95", GAIN_MAP_LIBULTRAHDR, { 4, 95, 0, 0 } } };
    fixture *f = (fixture *)*state;
    float *pq = (float *)malloc(3 * W * H * sizeof *pq);
    gmlp_image sdr, hdr;
    char key[96], error[256], plot[64], *json = NULL;
    size_t size, bytes;
    fill_folder(f);
    sdr = view(f->r.sdr, W, GMLP_U8, GMLP_SRGB); /* the yard */
    hdr = view(f->r.pq, W, GMLP_U16, GMLP_REC2020_PQ);
    snprintf(plot, sizeof plot, "%s/hdr.svg", f->name);
    f->b.plot = plot;
    json_begin(&f->b.j, open_memstream(&json, &size));
    assert_int_equal(bench_hdr(&f->b), 0);
    json_end(&f->b.j);
    fclose(f->b.j.file);
    assert_int_equal(access(plot, R_OK), 0);
    assert_int_equal((int)value_of(json, "pairs_pictures"), 3);
    assert_int_equal((int)value_of(json, "global_pictures"), 1);
    assert_int_equal((int)value_of(json, "local_pictures"), 1);
    assert_int_equal((int)value_of(json, "photographs_pictures"), 1);
    assert_int_equal((int)value_of(json, "masters_pictures"), 1);
    assert_true(value_of(json, "masters_mean_psnr_og_default") > value_of(json, "masters_mean_psnr_og_sdr_as_it_is"));
    assert_null(strstr(json, "masters_mean_psnr_gain_jpeg"));
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) { /* the yard is the one pair with a global tone mapper */
        const metrics m = network(f, &sdr, &hdr, nets[i].preset, nets[i].method, &bytes);
        snprintf(key, sizeof key, "global_mean_psnr_%s", nets[i].key);
        assert_near(value_of(json, key), m.psnr, 0.01); /* the bench trains on floats of the same picture */
        snprintf(key, sizeof key, "global_mean_ssim_%s", nets[i].key);
        assert_near(value_of(json, key), m.ssim, 1e-3);
        snprintf(key, sizeof key, "global_mean_delta_e_itp_%s", nets[i].key);
        assert_near(value_of(json, key), m.delta_e_itp_mean, 1e-3 * m.delta_e_itp_mean);
        snprintf(key, sizeof key, "global_mean_bytes_%s", nets[i].key);
        assert_near(value_of(json, key), (double)bytes, 16);
    }
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        map_jpeg_choice choice = maps[i].choice;
        gain_map *g = gain_map_new(&sdr, &hdr, maps[i].method, 10000, NULL, error);
        assert_non_null(g);
        snprintf(key, sizeof key, "global_mean_psnr_%s", maps[i].key);
        assert_near(value_of(json, key), gain_map_jpeg_apply(g, &choice, pq, error), 0.02);
        snprintf(key, sizeof key, "global_mean_bytes_%s", maps[i].key);
        assert_near(value_of(json, key), (double)choice.bytes, 8);
        gain_map_free(g);
    }
    /* means and the worst */
    assert_true(value_of(json, "pairs_worst_psnr_default") <= value_of(json, "global_mean_psnr_default"));
    assert_true(value_of(json, "pairs_worst_psnr_default") <= value_of(json, "local_worst_psnr_default"));
    assert_non_null(strstr(json, "\"global_worst_default\": \"yard_sdr_reinhard02\""));
    assert_non_null(strstr(json, "\"photographs_worst_max\": \"garden\""));
    assert_true(value_of(json, "pairs_mean_bytes_gamma_jpeg_5_kb") <= 5120);
    assert_true(value_of(json, "pairs_mean_bytes_gain_jpeg_20_kb") <= 20480);
    assert_true(value_of(json, "pairs_mean_psnr_gain_jpeg_20_kb") >= value_of(json, "pairs_mean_psnr_gain_jpeg_5_kb"));
    assert_null(strstr(json, "ssim_gain_jpeg_full"));
    free(json);
    free(pq);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pairs_of_a_folder, make, unmake),
        cmocka_unit_test_setup_teardown(signals_of_all_kinds, make, unmake),
        cmocka_unit_test_setup_teardown(scenes_become_masters, make, unmake),
        cmocka_unit_test_setup_teardown(pictures_that_make_no_pair, make, unmake),
        cmocka_unit_test_setup_teardown(rows_are_what_they_say, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
