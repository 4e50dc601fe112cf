#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench.h"
#include "pictures/picture.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "shell/progress.h"
#include "work/stream.h"

#define WIDTH 4000u
#define HEIGHT 3000u
#define PIXELS ((size_t)WIDTH * HEIGHT)
#define ROUNDS 15
#define ROWS 32u

/* A made-up photograph: cloudy shades with detail at every size and a sensor's grain, and areas of colours
   outside sRGB. */

static uint32_t hash(uint32_t x, uint32_t y) {
    uint32_t h = x * 0x8da6b343u ^ y * 0xd8163841u;
    h = (h ^ h >> 15) * 0x2c1b3c6du;
    h = (h ^ h >> 12) * 0x297a2d39u;
    return h ^ h >> 15;
}

/* 0..1, smooth between points that lie 2^size pixels apart. */
static float cloud(uint32_t x, uint32_t y, int size, uint32_t layer) {
    const uint32_t i = x >> size, k = (y >> size) + (layer << 16);
    const float scale = 1.0f / (float)(1u << size), u = (float)(x & ((1u << size) - 1)) * scale,
                v = (float)(y & ((1u << size) - 1)) * scale;
    const float a = (float)(hash(i, k) >> 8), b = (float)(hash(i + 1, k) >> 8), c = (float)(hash(i, k + 1) >> 8),
                d = (float)(hash(i + 1, k + 1) >> 8);
    const float top = a + (b - a) * u, bottom = c + (d - c) * u;
    return (top + (bottom - top) * v) / 16777216.0f;
}

#define VIVID 0.705f /* of the clouds' values about 15 % are above it */

static void photograph_rows(void *ctx, size_t y) {
    uint16_t *p = (uint16_t *)ctx + y * WIDTH * 3;
    for (uint32_t x = 0; x < WIDTH; x++, p += 3) {
        const uint32_t row = (uint32_t)y, grain = hash(x, row + 77777u);
        float light = 0.4f * cloud(x, row, 9, 1) + 0.3f * cloud(x, row, 6, 2) + 0.2f * cloud(x, row, 4, 3) +
                      0.1f * cloud(x, row, 2, 4);
        const float tint = cloud(x, row, 8, 5) - 0.5f, vivid = cloud(x, row, 8, 6);
        float c[3];
        light = 9000.0f + 34000.0f * light;
        c[0] = light * (1.0f + 0.1f * tint);
        c[1] = light;
        c[2] = light * (0.95f - 0.2f * tint);
        if (vivid > VIVID) c[0] *= 0.4f, c[2] *= 0.4f; /* greens */
        for (int k = 0; k < 3; k++)
            p[k] = (uint16_t)(c[k] + 4.0f * (float)((grain >> (8 * k) & 255) + (grain >> (4 * k) & 255)));
    }
}

typedef struct photograph {
    gmlp_image wide, base; /* 16-bit ROMM, 8-bit sRGB */
} photograph;

static void photograph_free(photograph *p) {
    free(p->wide.data);
    free(p->base.data);
}

static int photograph_make(photograph *p, gmlp_threads threads) {
    gmlp_convert_opts opts;
    memset(p, 0, sizeof *p);
    memset(&opts, 0, sizeof opts);
    opts.threads = threads;
    p->wide.width = p->base.width = WIDTH;
    p->wide.height = p->base.height = HEIGHT;
    p->wide.type = GMLP_U16, p->wide.space = GMLP_PROPHOTO;
    p->base.type = GMLP_U8, p->base.space = GMLP_SRGB;
    p->wide.data = malloc(PIXELS * 6);
    p->base.data = malloc(PIXELS * 3);
    if (p->wide.data && p->base.data) {
        threads.parallel_for(threads.user, photograph_rows, p->wide.data, HEIGHT);
        if (!gmlp_reduce(&p->wide, &p->base, &opts, NULL)) return 0;
    }
    photograph_free(p);
    return fail("bench", "out of memory");
}

/* Conversion of every pixel, as those in gamut get it, against copying as many bytes. */

typedef struct copying {
    uint8_t *to;
    const uint8_t *from;
    size_t size;
} copying;

static void copy_part(void *ctx, size_t index) {
    const copying *c = (const copying *)ctx;
    memcpy(c->to + index * c->size, c->from + index * c->size, c->size);
}

int bench_convert(bench *b) {
    pool *const workers = b->workers;
    json *const j = &b->j;
    const gmlp_threads threads = pool_threads(workers);
    const size_t parts = (size_t)pool_size(workers), bytes = PIXELS * 9; /* read and written */
    double converted[ROUNDS], copied[ROUNDS], shares[ROUNDS];
    gmlp_convert_opts opts;
    photograph p;
    copying c;
    int status = 0;
    if (photograph_make(&p, threads)) return 1;
    memset(&opts, 0, sizeof opts);
    opts.threads = threads;
    c.size = bytes / 2 / parts;
    c.to = (uint8_t *)malloc(bytes);
    if (!c.to) status = fail("bench", "out of memory");
    else {
        c.from = c.to + c.size * parts;
        memset(c.to, 1, bytes);
    }
    for (int r = 0; r < ROUNDS && !status; r++) {
        double start = seconds_now(), middle;
        threads.parallel_for(threads.user, copy_part, &c, parts);
        middle = seconds_now();
        if (gmlp_convert(&p.base, &p.wide, &opts)) status = fail("bench", "conversion failed");
        converted[r] = (double)bytes / (seconds_now() - middle);
        copied[r] = (double)bytes / (middle - start);
        shares[r] = converted[r] / copied[r];
    }
    if (!status) {
        const double speed = bench_median(converted, ROUNDS), copy = bench_median(copied, ROUNDS),
                     share = bench_median(shares, ROUNDS);
        fprintf(
            b->table,
            "conversion, 8-bit sRGB rows to 16-bit ROMM rows: %.0f megapixels a second, %.1f GB/s read and written, %.0f %% of copying memory beside it at %.1f GB/s (%s, %d threads, median of %d)\n",
            speed / 9e6, speed / 1e9, 100 * share, copy / 1e9, gmlp_isa_name(GMLP_ISA_AUTO), pool_size(workers),
            ROUNDS);
        json_number(j, "convert_bytes_per_second", speed);
        json_number(j, "copy_bytes_per_second", copy);
        json_number(j, "convert_copy_share", share);
    }
    free(c.to);
    photograph_free(&p);
    return status;
}

/* A whole JPEG with its network to 16-bit rows, against what libjpeg takes to read it as RGB: with clipped and with
   unclipped codes, by all threads of the machine, and by one with AVX2 only. The one's time is its own. */

typedef struct file_run {
    const char *key;
    int isa, alone; /* alone: one thread */
} file_run;
static const file_run file_runs[] = { { "", GMLP_ISA_AUTO, 0 }, { "_one_avx2", GMLP_ISA_AVX2, 1 } };
enum { FILE_RUNS = sizeof file_runs / sizeof *file_runs };
static const struct file_base {
    const char *name, *key;
    int space;
} file_bases[] = { { "sRGB", "", GMLP_SRGB }, { "sYCC", "_sycc", GMLP_SYCC } };
enum { FILE_BASES = sizeof file_bases / sizeof *file_bases };

typedef struct growing {
    uint8_t *bytes;
    size_t size, room;
} growing;

static int grow(void *user, const void *bytes, size_t size) {
    growing *g = (growing *)user;
    if (size > g->room - g->size) return -1;
    memcpy(g->bytes + g->size, bytes, size);
    g->size += size;
    return 0;
}

/* The photograph's JPEG, read again, a network for it, and the file with both. */
static int make_file(const photograph *p, int space, gmlp_threads threads, growing *file, double *saturated) {
    uint8_t blob[GMLP_MAX_BLOB / 16], *jpeg = NULL;
    size_t size = 0, blob_size;
    char error[256];
    picture read;
    gmlp_image base = p->base;
    gmlp_convert_opts convert;
    gmlp_train_opts opts;
    gmlp_train_report report;
    gmlp_writer writer;
    gmlp_net net;
    gmlp_result result;
    memset(&convert, 0, sizeof convert);
    convert.threads = threads;
    base.space = space;
    if (gmlp_reduce(&p->wide, &base, &convert, NULL)) return fail("bench", "out of memory");
    if (picture_encode_memory(GMLP_CONTAINER_JPEG, &base, NULL, &jpeg, &size, error))
        return fail("bench", "%s", error);
    if (picture_read_memory(jpeg, size, "JPEG", space, &read, error)) {
        free(jpeg);
        return fail("bench", "%s", error);
    }
    memset(&opts, 0, sizeof opts);
    opts.iterations = 100; /* what the network says does not matter here */
    opts.threads = threads;
    result = gmlp_train(&read.image, &p->wide, &opts, &net, &report);
    if (!result) result = gmlp_blob_write(&net, blob, sizeof blob, &blob_size);
    gmlp_net_free(&net);
    picture_free(&read);
    file->size = 0;
    file->room = size + (1u << 20);
    file->bytes = (uint8_t *)malloc(file->room);
    writer.user = file;
    writer.write = grow;
    if (!result) result = file->bytes ? gmlp_embed(jpeg, size, blob, blob_size, NULL, &writer, NULL) : GMLP_E_MEMORY;
    free(jpeg);
    if (result) return fail("bench", "the JPEG could not be made: %s", gmlp_result_string(result));
    *saturated = (double)report.saturated / (double)PIXELS;
    return 0;
}

static int read_alone(const growing *file, uint8_t *rows, char error[256]) {
    uint32_t width, height, y, n;
    picture_rows *r = picture_rows_open(file->bytes, file->size, "JPEG", GMLP_SRGB, &width, &height, error);
    int bad = !r;
    for (y = 0; !bad && y < height; y += n) {
        n = height - y < ROWS ? height - y : ROWS;
        bad = picture_rows_read(r, rows, n, error);
    }
    if (r) picture_rows_close(r);
    return bad;
}

static int count_rows(void *user, const void *rows, uint32_t count, char error[256]) {
    (void)rows, (void)error;
    *(uint32_t *)user += count;
    return 0;
}

static int read_wide(const growing *file, int isa, pool *workers, char error[256]) {
    gmlp_decoder_opts opts;
    gmlp_decoder *decoder = NULL;
    uint32_t done = 0;
    void *blob = NULL;
    size_t blob_size = 0;
    gmlp_net net;
    gmlp_result result;
    stream s;
    int bad = -1;
    memset(&net, 0, sizeof net);
    memset(&s, 0, sizeof s);
    memset(&opts, 0, sizeof opts);
    opts.isa = isa;
    result = gmlp_extract(file->bytes, file->size, NULL, &blob, &blob_size, NULL);
    if (!result) result = gmlp_blob_read(blob, blob_size, NULL, &net, NULL);
    gmlp_bytes_free(blob, blob_size, NULL);
    if (!result) result = gmlp_decoder_create(&net, GMLP_U16, GMLP_PROPHOTO, &opts, &decoder);
    if (result) error_text(error, "JPEG", "%s", gmlp_result_string(result));
    else s.rows = picture_rows_open(file->bytes, file->size, "JPEG", net.base_space, &s.width, &s.height, error);
    if (s.rows) {
        s.name = "JPEG";
        s.crop.width = s.width;
        s.crop.height = s.height;
        s.decoder = decoder;
        s.type = GMLP_U16;
        s.workers = workers;
        s.write = count_rows;
        s.user = &done;
        bad = stream_run(&s, error);
        if (!bad && (done != s.height || s.verdict)) {
            error_text(error, "JPEG", "came back as another picture");
            bad = -1;
        }
        picture_rows_close(s.rows);
    }
    gmlp_decoder_free(decoder);
    gmlp_net_free(&net);
    return bad;
}

static double seconds_of(int alone) {
    struct timespec t;
    if (!alone) return seconds_now();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int time_file(bench *b, const growing *file, const struct file_base *base, const file_run *run,
                     double saturated) {
    double alone[ROUNDS], whole[ROUNDS], ratios[ROUNDS];
    pool *const workers = run->alone ? pool_create(1) : b->workers;
    uint8_t *rows = (uint8_t *)malloc((size_t)WIDTH * 3 * ROWS);
    char error[256], key[64];
    int bad = !rows || !workers;
    if (bad) error_text(error, "JPEG", "out of memory");
    for (int r = 0; r < ROUNDS && !bad; r++) {
        const double start = seconds_of(run->alone);
        double middle;
        bad = read_alone(file, rows, error);
        middle = seconds_of(run->alone);
        if (!bad) bad = read_wide(file, run->isa, workers, error);
        whole[r] = seconds_of(run->alone) - middle;
        alone[r] = middle - start;
        ratios[r] = whole[r] / alone[r];
    }
    if (!bad) {
        const double jpeg = bench_median(alone, ROUNDS), wide = bench_median(whole, ROUNDS),
                     ratio = bench_median(ratios, ROUNDS);
        fprintf(
            b->table,
            "decode in memory, %.0f megapixels, JPEG of %.1f MB, base %s, to 16-bit ROMM rows, %.0f %% saturated: %.0f ms, %.2f times libjpeg alone at %.0f ms (%s, %d thread%s, median of %d)\n",
            (double)PIXELS / 1e6, (double)file->size / 1e6, base->name, 100 * saturated, 1e3 * wide, ratio, 1e3 * jpeg,
            gmlp_isa_name(run->isa), pool_size(workers), pool_size(workers) == 1 ? "" : "s", ROUNDS);
        snprintf(key, sizeof key, "file%s%s_decode_seconds", base->key, run->key);
        json_number(&b->j, key, wide);
        snprintf(key, sizeof key, "file%s%s_libjpeg_seconds", base->key, run->key);
        json_number(&b->j, key, jpeg);
        snprintf(key, sizeof key, "file%s%s_decode_over_libjpeg", base->key, run->key);
        json_number(&b->j, key, ratio);
    }
    if (run->alone) pool_free(workers);
    free(rows);
    return bad ? fail("bench", "%s", error) : 0;
}

int bench_file(bench *b) {
    photograph p;
    int status = photograph_make(&p, b->run);
    if (status) return status;
    for (int i = 0; i < FILE_BASES && !status; i++) {
        growing file = { NULL, 0, 0 };
        double saturated = 0;
        char key[64];
        status = make_file(&p, file_bases[i].space, b->run, &file, &saturated);
        snprintf(key, sizeof key, "file%s_saturated", file_bases[i].key);
        if (!status) json_number(&b->j, key, saturated);
        for (int k = 0; k < FILE_RUNS && !status; k++)
            if (gmlp_isa_available(file_runs[k].isa))
                status = time_file(b, &file, &file_bases[i], &file_runs[k], saturated);
        free(file.bytes);
    }
    photograph_free(&p);
    return status;
}
