#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "args.h"
#include "bench_speed.h"
#include "commands.h"
#include "metrics.h"
#include "output.h"
#include "picture.h"
#include "pool.h"

typedef struct bench {
    const char *folder;
    int only, json;
    uint64_t threads, paper_iterations;
    pool *workers;
    gmlp_threads run;
    FILE *table;      /* where the readable lines go: stdout, or stderr beside --json */
    struct json j;
} bench;

enum { ONLY_ALL, ONLY_RATE, ONLY_TRAIN, ONLY_DECODE, ONLY_ENCODE, ONLY_CONVERT, ONLY_FILE };

static int wants(const bench *b, int section) { return b->only == ONLY_ALL || b->only == section; }

/* The machine's own limits, measured beside what they are compared with. */

#define PEAK_STEPS 4000000u
#define FMA_CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

static volatile float sink;

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void fma_avx512(void) {
    const __m512 x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(0.001f);
#define X(i) __m512 a##i = _mm512_set1_ps(1.0f + (float)i);
    FMA_CHAINS(X)
#undef X
    for (unsigned n = 0; n < PEAK_STEPS; n++) {
#define X(i) a##i = _mm512_fmadd_ps(a##i, x, y);
        FMA_CHAINS(X)
#undef X
    }
    __m512 sum = x;
#define X(i) sum = _mm512_add_ps(sum, a##i);
    FMA_CHAINS(X)
#undef X
    sink = _mm512_cvtss_f32(sum);
}

__attribute__((target("avx2,fma"))) static void fma_avx2(void) {
    const __m256 x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(0.001f);
#define X(i) __m256 a##i = _mm256_set1_ps(1.0f + (float)i);
    FMA_CHAINS(X)
#undef X
    for (unsigned n = 0; n < PEAK_STEPS; n++) {
#define X(i) a##i = _mm256_fmadd_ps(a##i, x, y);
        FMA_CHAINS(X)
#undef X
    }
    __m256 sum = x;
#define X(i) sum = _mm256_add_ps(sum, a##i);
    FMA_CHAINS(X)
#undef X
    sink = _mm256_cvtss_f32(sum);
}
#endif

typedef struct peak_kernel {
    void (*run)(void);
    double flops; /* of one run */
} peak_kernel;

/* Of the instruction set that the library takes; other machines get no share. */
static peak_kernel peak_of(int isa) {
    peak_kernel k = { NULL, 0 };
#if defined(__x86_64__)
    const char *name = gmlp_isa_name(isa);
    if (!strcmp(name, "avx512")) k.run = fma_avx512, k.flops = 12.0 * 2 * 16 * PEAK_STEPS;
    if (!strcmp(name, "avx2")) k.run = fma_avx2, k.flops = 12.0 * 2 * 8 * PEAK_STEPS;
#else
    (void)isa;
#endif
    return k;
}

static void peak_job(void *ctx, size_t index) {
    (void)index;
    ((const peak_kernel *)ctx)->run();
}

/* Fused multiply-adds a second of all threads, in FLOP/s; NaN where it is not known. */
static double fma_peak(const bench *b, int isa) {
    peak_kernel k = peak_of(isa);
    const size_t jobs = (size_t)pool_size(b->workers);
    double start;
    if (!k.run) return NAN;
    start = seconds_now();
    b->run.run(b->run.user, peak_job, &k, jobs);
    return (double)jobs * k.flops / (seconds_now() - start);
}

/* Pictures. */

typedef struct list {
    char **path;
    size_t count;
} list;

static int has_suffix(const char *name, const char *suffix) {
    const size_t n = strlen(name), s = strlen(suffix);
    return n >= s && !strcmp(name + n - s, suffix);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The files of a folder that end in one of up to three suffixes. */
static void list_add(list *l, const char *folder, const char *sub, const char *const suffix[3]) {
    char name[4096];
    struct dirent *entry;
    DIR *dir;
    snprintf(name, sizeof name, "%s%s%s", folder, *sub ? "/" : "", sub);
    dir = opendir(name);
    if (!dir) return;
    while ((entry = readdir(dir)) != NULL)
        for (int i = 0; i < 3; i++)
            if (suffix[i] && has_suffix(entry->d_name, suffix[i])) {
                const size_t size = strlen(name) + strlen(entry->d_name) + 2;
                char **grown = (char **)realloc(l->path, (l->count + 1) * sizeof *grown);
                if (!grown) break;
                l->path = grown;
                l->path[l->count] = (char *)malloc(size);
                if (l->path[l->count]) snprintf(l->path[l->count++], size, "%s/%s", name, entry->d_name);
            }
    closedir(dir);
}

/* A folder with scene/ and camera/ as the project's own test photographs have it, or any folder of
   wide-gamut pictures. */
static list list_pictures(const char *folder) {
    static const char *const scene[3] = { "_prophoto.png", NULL, NULL }, *const raw[3] = { ".CRW", ".NEF", ".CR2" };
    static const char *const any[3] = { ".png", ".tif", ".ppm" };
    list l = { NULL, 0 };
    list_add(&l, folder, "scene", scene);
    list_add(&l, folder, "camera", raw);
    if (!l.count) list_add(&l, folder, "", any);
    if (l.count) qsort(l.path, l.count, sizeof *l.path, by_name);
    return l;
}

static void list_free(list *l) {
    for (size_t i = 0; i < l->count; i++) free(l->path[i]);
    free(l->path);
}

/* Camera raws are developed by dcraw. All numbers are read as ROMM. */
static int read_wide(const char *path, picture *out, char error[256]) {
    char command[4200];
    uint8_t *bytes = NULL;
    size_t size = 0, room = 0, got;
    FILE *pipe;
    int status;
    memset(out, 0, sizeof *out);
    if (!has_suffix(path, ".CRW") && !has_suffix(path, ".NEF") && !has_suffix(path, ".CR2"))
        return picture_read(path, GMLP_PROPHOTO, 0, out, error);
    if (strchr(path, '\'')) return error_text(error, path, "a raw file's name must have no quote"), -1;
    snprintf(command, sizeof command, "dcraw -w -o 4 -6 -g 1.8 16 -q 3 -c '%s'", path);
    pipe = popen(command, "r");
    if (!pipe) return error_text(error, path, "dcraw can not be started"), -1;
    do {
        if (size == room) {
            uint8_t *grown = (uint8_t *)realloc(bytes, room = room ? 2 * room : 1u << 24);
            if (!grown) break;
            bytes = grown;
        }
        got = fread(bytes + size, 1, room - size, pipe);
        size += got;
    } while (got);
    status = pclose(pipe);
    if (status || !size) error_text(error, path, "dcraw gave nothing (is the package dcraw installed?)"), status = -1;
    else status = picture_read_memory(bytes, size, path, GMLP_PROPHOTO, out, error);
    free(bytes);
    return status;
}

/* Rate: what the presets give back from a lossless base. */

typedef struct trial {
    double psnr[2], clip[2], seconds; /* all, OG */
    size_t bytes;
} trial;

static gmlp_result run_preset(const bench *b, const gmlp_image *wide, const gmlp_image *base, int preset, trial *t) {
    gmlp_train_opts opts;
    gmlp_decode_opts decode;
    metrics_psnr_sums sums;
    metrics_psnr_result r;
    metrics_psnr *m;
    gmlp_image out = *wide;
    gmlp_net net;
    gmlp_result result;
    char error[256];
    memset(&opts, 0, sizeof opts);
    memset(&decode, 0, sizeof decode);
    memset(&sums, 0, sizeof sums);
    opts.preset = preset;
    opts.threads = decode.threads = b->run;
    if (preset == GMLP_PRESET_PAPER) opts.iterations = (uint32_t)b->paper_iterations;
    t->seconds = seconds_now();
    result = gmlp_train(base, wide, &opts, &net, NULL);
    t->seconds = seconds_now() - t->seconds;
    if (result) return result;
    t->bytes = gmlp_blob_size(&net);
    out.type = GMLP_FLOAT;
    out.space = GMLP_PROPHOTO_LINEAR;
    out.data = malloc((size_t)out.width * out.height * 12);
    result = out.data ? gmlp_decode(&net, base, &out, &decode) : GMLP_E_MEMORY;
    gmlp_net_free(&net);
    m = result ? NULL : metrics_psnr_begin(wide, base, &out, 0, error);
    if (!result && (!m || metrics_psnr_rows(m, wide, base, &out, &sums, error))) result = GMLP_E_MEMORY;
    metrics_psnr_free(m);
    free(out.data);
    r = metrics_psnr_finish(&sums);
    t->clip[0] = r.psnr_clip, t->clip[1] = r.psnr_clip_og;
    t->psnr[0] = r.psnr, t->psnr[1] = r.psnr_og;
    return result;
}

static int bench_rate(bench *b) {
    static const struct {
        const char *name;
        int preset;
    } presets[] = { { "paper", GMLP_PRESET_PAPER }, { "fast", GMLP_PRESET_FAST }, { "default", GMLP_PRESET_DEFAULT },
                    { "high", GMLP_PRESET_HIGH }, { "max", GMLP_PRESET_MAX } };
    enum { PAPER, FAST, DEFAULT, HIGH, MAX, PRESETS };
    double og[PRESETS] = { 0 }, seconds[PRESETS] = { 0 }, clip = 0;
    size_t bytes[PRESETS] = { 0 }, i, ahead = 0;
    list l = list_pictures(b->folder);
    char key[64];
    int k;
    if (!l.count) return fail("bench", "%s: no pictures (.png, .tif, .ppm, or scene/ and camera/)", b->folder);
    fprintf(b->table, "\nPSNR in linear ProPhoto, lossless base, all pixels / out of gamut, dB; preset paper with %u iterations\n", (unsigned)b->paper_iterations);
    fprintf(b->table, "| picture | clip |");
    for (k = 0; k < PRESETS; k++) fprintf(b->table, " %s |", presets[k].name);
    fprintf(b->table, "\n|---|---|---|---|---|---|---|\n");
    for (i = 0; i < l.count; i++) {
        picture p;
        gmlp_image base;
        trial t[PRESETS];
        char error[256];
        const char *name = strrchr(l.path[i], '/') + 1;
        gmlp_result result;
        if (read_wide(l.path[i], &p, error)) return fail("bench", "%s", error);
        base = p.image;
        base.type = GMLP_U8;
        base.space = GMLP_SRGB;
        base.data = malloc((size_t)base.width * base.height * 3);
        memset(t, 0, sizeof t);
        result = base.data ? gmlp_reduce(&p.image, &base, NULL, NULL) : GMLP_E_MEMORY;
        for (k = 0; k < PRESETS && !result; k++) result = run_preset(b, &p.image, &base, presets[k].preset, &t[k]);
        free(base.data);
        picture_free(&p);
        if (result) return fail("bench", "%s: %s", l.path[i], gmlp_result_string(result));
        fprintf(b->table, "| %s | %.2f / %.2f |", name, t[0].clip[0], t[0].clip[1]);
        for (k = 0; k < PRESETS; k++) {
            fprintf(b->table, " %.2f / %.2f |", t[k].psnr[0], t[k].psnr[1]);
            og[k] += t[k].psnr[1];
            seconds[k] += t[k].seconds;
            if (t[k].bytes > bytes[k]) bytes[k] = t[k].bytes;
        }
        fprintf(b->table, "\n");
        fflush(b->table);
        clip += t[0].clip[1];
        ahead += t[DEFAULT].psnr[1] >= t[PAPER].psnr[1];
    }
    fprintf(b->table, "| mean, out of gamut | %.2f |", clip / (double)i);
    for (k = 0; k < PRESETS; k++) fprintf(b->table, " %.2f |", og[k] / (double)i);
    fprintf(b->table, "\n| blob, at most | |");
    for (k = 0; k < PRESETS; k++) fprintf(b->table, " %.1f KB |", (double)bytes[k] / 1024);
    fprintf(b->table, "\n| training, mean, %d threads | |", pool_size(b->workers));
    for (k = 0; k < PRESETS; k++) fprintf(b->table, " %.2f s |", seconds[k] / (double)i);
    fprintf(b->table, "\n\nOut of gamut, default is at least as good as paper on %zu of %zu.\n", ahead, i);
    json_integer(&b->j, "pictures", i);
    json_integer(&b->j, "pictures_default_ahead", ahead);
    json_number(&b->j, "mean_psnr_og_clip", clip / (double)i);
    for (k = 0; k < PRESETS; k++) {
        snprintf(key, sizeof key, "mean_psnr_og_%s", presets[k].name);
        json_number(&b->j, key, og[k] / (double)i);
        snprintf(key, sizeof key, "mean_train_seconds_%s", presets[k].name);
        json_number(&b->j, key, seconds[k] / (double)i);
    }
    list_free(&l);
    return 0;
}

/* A picture in which every pixel is saturated, and its base. */
typedef struct colours {
    gmlp_image wide, base;
} colours;

static int colours_make(colours *c, uint32_t width, uint32_t height) {
    uint16_t *p;
    memset(c, 0, sizeof *c);
    c->wide.width = c->base.width = width;
    c->wide.height = c->base.height = height;
    c->wide.type = GMLP_U16, c->base.type = GMLP_U8;
    c->wide.space = GMLP_PROPHOTO, c->base.space = GMLP_SRGB;
    c->wide.data = malloc((size_t)width * height * 6);
    c->base.data = malloc((size_t)width * height * 3);
    if (!c->wide.data || !c->base.data) return fail("bench", "out of memory");
    p = (uint16_t *)c->wide.data;
    for (size_t i = 0; i < (size_t)width * height; i++, p += 3) { /* greens of every shade */
        p[0] = (uint16_t)(i % 211 * 40);
        p[1] = (uint16_t)(20000 + i % 509 * 80);
        p[2] = (uint16_t)(i % 307 * 30);
    }
    gmlp_reduce(&c->wide, &c->base, NULL, NULL);
    return 0;
}

static void colours_free(colours *c) {
    free(c->wide.data);
    free(c->base.data);
}

/* Training: one step, from drawing the samples to new weights. */

static int note_start(void *user, uint32_t step, uint32_t steps) {
    (void)steps;
    if (step == 1) *(double *)user = seconds_now(); /* the first step warms up */
    return 0;
}

static int by_value(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

#define ROUNDS 5

static int bench_train(bench *b) {
    static const uint32_t batches[2] = { 2048, 65536 }, steps[2] = { 1000, 40 };
    colours c;
    if (colours_make(&c, 512, 512)) return 1;
    for (int i = 0; i < 2; i++) {
        double seconds[ROUNDS], shares[ROUNDS], flops = 0, start = 0, peak;
        char key[64];
        for (int r = 0; r < ROUNDS; r++) {
            gmlp_train_opts opts;
            gmlp_net net;
            memset(&opts, 0, sizeof opts);
            opts.batch = batches[i];
            opts.iterations = steps[i] + 1;
            opts.threads = b->run;
            opts.progress = note_start;
            opts.progress_user = &start;
            peak = fma_peak(b, GMLP_ISA_AUTO);
            if (gmlp_train(&c.base, &c.wide, &opts, &net, NULL)) return fail("bench", "training failed");
            seconds[r] = (seconds_now() - start) / steps[i];
            peak = (peak + fma_peak(b, GMLP_ISA_AUTO)) / 2;
            /* 6 a weight and sample: forward, and twice backward; the first layer has no gradient to pass on */
            flops = (6.0 * (double)gmlp_mlp_weights(&net.mlp) - 2.0 * (double)gmlp_mlp_features(&net.mlp) * net.mlp.width) * batches[i];
            shares[r] = flops / seconds[r] / peak;
            gmlp_net_free(&net);
        }
        qsort(seconds, ROUNDS, sizeof *seconds, by_value);
        qsort(shares, ROUNDS, sizeof *shares, by_value);
        fprintf(b->table, "training step, batch %5u: %8.3f ms, %6.1f GFLOP/s, %.0f %% of the FMA peak of the same moment (%s, %d threads, median of %d)\n",
                (unsigned)batches[i], 1e3 * seconds[ROUNDS / 2], flops / seconds[ROUNDS / 2] / 1e9, 100 * shares[ROUNDS / 2],
                gmlp_isa_name(GMLP_ISA_AUTO), pool_size(b->workers), ROUNDS);
        snprintf(key, sizeof key, "step_%u_seconds", (unsigned)batches[i]);
        json_number(&b->j, key, seconds[ROUNDS / 2]);
        snprintf(key, sizeof key, "step_%u_peak_share", (unsigned)batches[i]);
        json_number(&b->j, key, shares[ROUNDS / 2]);
    }
    colours_free(&c);
    return 0;
}

/* Decoding: every pixel through the network. */

static int bench_decode(bench *b) {
    colours c;
    gmlp_train_opts opts;
    gmlp_decode_opts decode;
    gmlp_net net;
    double seconds[ROUNDS], megapixels;
    if (colours_make(&c, 2000, 1500)) return 1;
    memset(&opts, 0, sizeof opts);
    memset(&decode, 0, sizeof decode);
    opts.threads = decode.threads = b->run;
    opts.iterations = 50;
    if (gmlp_train(&c.base, &c.wide, &opts, &net, NULL)) return fail("bench", "training failed");
    for (int r = 0; r < ROUNDS; r++) {
        seconds[r] = seconds_now();
        if (gmlp_decode(&net, &c.base, &c.wide, &decode)) return fail("bench", "decoding failed");
        seconds[r] = seconds_now() - seconds[r];
    }
    qsort(seconds, ROUNDS, sizeof *seconds, by_value);
    megapixels = (double)c.base.width * c.base.height / 1e6;
    fprintf(b->table, "decoding, all pixels saturated: %.1f megapixels a second (8-bit sRGB rows to 16-bit ROMM rows, %d threads, median of %d)\n",
            megapixels / seconds[ROUNDS / 2], pool_size(b->workers), ROUNDS);
    json_number(&b->j, "decode_saturated_megapixels_per_second", megapixels / seconds[ROUNDS / 2]);
    gmlp_net_free(&net);
    colours_free(&c);
    return 0;
}

/* Whole commands on a 12-megapixel picture, as child processes. */

/* Runs this program and finds numbers in its JSON. 0 or -1. */
static int child(const char *arguments, const char *const *keys, double *values, int count) {
    char self[2048], command[8192], text[4096];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    size_t size;
    FILE *pipe;
    if (length < 0) return -1;
    self[length] = 0;
    snprintf(command, sizeof command, "'%s' %s", self, arguments);
    pipe = popen(command, "r");
    if (!pipe) return -1;
    size = fread(text, 1, sizeof text - 1, pipe);
    text[size] = 0;
    if (pclose(pipe)) return -1;
    for (int i = 0; i < count; i++) {
        char key[64];
        const char *at;
        snprintf(key, sizeof key, "\"%s\": ", keys[i]);
        at = strstr(text, key);
        if (!at) return -1;
        values[i] = strtod(at + strlen(key), NULL);
    }
    return 0;
}

static int bench_encode(bench *b) {
    static const char *const encode_keys[2] = { "train_seconds", "total_seconds" }, *const decode_keys[2] = { "seconds", "peak_rss_bytes" };
    char folder[] = "/tmp/gamutmlp-bench-XXXXXX", png[64], jpg[64], out[64], arguments[512], error[256];
    double encode[2] = { 0, 0 }, decode[2] = { 0, 0 }, files, rest;
    picture p;
    picture_write_opts write;
    struct stat jpg_stat;
    gmlp_image base;
    colours c;
    int status = -1;
    if (!mkdtemp(folder)) return fail("bench", "no temporary folder");
    snprintf(png, sizeof png, "%s/wide.png", folder);
    snprintf(jpg, sizeof jpg, "%s/base.jpg", folder);
    snprintf(out, sizeof out, "%s/out.png", folder);
    memset(&p, 0, sizeof p);
    memset(&write, 0, sizeof write);
    if (!colours_make(&c, 4000, 3000)) {
        /* a quarter of the rows saturated, the rest grey; noise, as photographs have it */
        uint16_t *w = (uint16_t *)c.wide.data;
        uint32_t noise = 1;
        for (size_t i = 0; i < (size_t)4000 * 3000; i++, w += 3) {
            noise = noise * 1664525u + 1013904223u;
            if (i / 4000 % 400 >= 100) w[0] = w[1] = w[2] = (uint16_t)(20000 + i % 4000 * 8);
            for (int k = 0; k < 3; k++) w[k] = (uint16_t)(w[k] + (noise >> (8 * k) & 255));
        }
        snprintf(arguments, sizeof arguments, "encode '%s' '%s' --from prophoto --json --threads %d", png, jpg, pool_size(b->workers));
        status = picture_write(png, &c.wide, NULL, error);
        if (!status) status = child(arguments, encode_keys, encode, 2);
        /* what the same libraries take to read the one file and to write the other */
        base = c.base;
        files = seconds_now();
        if (!status) status = picture_read(png, GMLP_PROPHOTO, 0, &p, error);
        if (!status) {
            uint8_t *bytes = NULL;
            size_t size;
            status = picture_encode_memory(GMLP_CONTAINER_JPEG, &base, &write, &bytes, &size, error);
            free(bytes);
        }
        files = seconds_now() - files;
        rest = encode[1] - encode[0];
        snprintf(arguments, sizeof arguments, "decode '%s' '%s' --json --threads %d", jpg, out, pool_size(b->workers));
        if (!status) status = child(arguments, decode_keys, decode, 2);
        if (!status && !stat(jpg, &jpg_stat)) {
            fprintf(b->table, "encode, 12 megapixels, PNG to JPEG: training %.2f s, the rest %.2f s; reading and writing the files alone %.2f s (%.1f times)\n",
                    encode[0], rest, files, rest / files);
            fprintf(b->table, "decode, 12 megapixels, JPEG to PNG, by rows: %.2f s, peak memory %.1f MB, %.1f beside the file's bytes\n", decode[0],
                    decode[1] / 1048576, (decode[1] - (double)jpg_stat.st_size) / 1048576);
            json_number(&b->j, "encode_train_seconds", encode[0]);
            json_number(&b->j, "encode_rest_over_files", rest / files);
            json_number(&b->j, "decode_peak_rss_beside_file_bytes", decode[1] - (double)jpg_stat.st_size);
        }
    }
    picture_free(&p);
    colours_free(&c);
    unlink(png);
    unlink(jpg);
    unlink(out);
    rmdir(folder);
    return status ? fail("bench", "the 12-megapixel run failed") : 0;
}

int cmd_bench(int argc, char **argv) {
    bench b;
    FILE *nowhere;
    int status;
    const args_option options[] = {
        { "--only", ARG_CHOICE, &b.only, "all|rate|train|decode|encode|convert|file", "one part", 0, 0 },
        { "--paper-iterations", ARG_INT, &b.paper_iterations, "N", "of preset paper in the comparison (1200)", 1, 1000000 },
        { "--threads", ARG_INT, &b.threads, "N", "threads (one a processor)", 1, 256 },
        { "--json", ARG_FLAG, &b.json, NULL, "one JSON object on stdout, the tables on stderr", 0, 0 },
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "bench", "FOLDER",
        "Measures on this machine, with the pictures of FOLDER (16-bit, read as ROMM; a folder with\n"
        "scene/*_prophoto.png and camera/*.CRW as well): what the presets give back,\n"
        "the training step's share of the machine's multiply-add peak, the speed of decoding, and\n"
        "whole commands on 12 megapixels. Presets paper and max take seconds to a minute a picture.",
        "  gamutmlp bench photographs\n"
        "  gamutmlp bench photographs --only train --json",
        options, 1
    };
    const char *names[1];
    memset(&b, 0, sizeof b);
    b.paper_iterations = 1200;
    status = args_parse(&command, argc, argv, names);
    if (status != ARGS_GO_ON) return status;
    b.folder = names[0];
    b.workers = pool_create((int)b.threads);
    if (!b.workers) return fail("bench", "out of memory");
    b.run = pool_threads(b.workers);
    b.table = b.json ? stderr : stdout;
    nowhere = b.json ? NULL : fopen("/dev/null", "w");
    if (!b.json && !nowhere) return fail("bench", "/dev/null can not be opened");
    json_begin(&b.j, b.json ? stdout : nowhere);
    status = 0;
    if (wants(&b, ONLY_TRAIN)) status = bench_train(&b);
    if (!status && wants(&b, ONLY_DECODE)) status = bench_decode(&b);
    if (!status && wants(&b, ONLY_CONVERT)) status = bench_convert(b.workers, b.table, &b.j);
    if (!status && wants(&b, ONLY_FILE)) status = bench_file(b.workers, b.table, &b.j);
    if (!status && wants(&b, ONLY_ENCODE)) status = bench_encode(&b);
    if (!status && wants(&b, ONLY_RATE)) status = bench_rate(&b);
    json_end(&b.j);
    if (nowhere) fclose(nowhere);
    pool_free(b.workers);
    return status;
}
