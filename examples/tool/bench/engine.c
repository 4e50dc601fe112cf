#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "shell/progress.h"

/* What an engine asks: how long until a texture's first tile is there, how fast the rest comes in which format, what
   memory that takes. Tiles go into memory whose rows are aligned as a GPU wants them. Times are a thread's own, the
   best of some rounds, so that others on the machine count little. */

enum { TILE = 256, PITCH = 256, STEPS = 150, RUN = 64, RUNS = 5, ROUNDS = 7, MOST_PIXEL = 16 };
#define PATIENCE 1.5 /* seconds after which a figure gets no further round */

typedef struct format {
    const char *name, *key, *target;
    int type, channels, space;
} format;

/* The first is what the others are compared with. */
static const format formats[] = {
    { "RGBA16F, linear Rec. 2020", "rgba16f", ">= 70", GMLP_F16, 4, GMLP_REC2020_LINEAR },
    { "R11G11B10F, linear Rec. 2020", "r11g11b10f", ">= 0.8 of RGBA16F", GMLP_R11G11B10F, 3, GMLP_REC2020_LINEAR },
    { "RGB9E5, linear Rec. 2020", "rgb9e5", ">= 0.8 of RGBA16F", GMLP_RGB9E5, 3, GMLP_REC2020_LINEAR },
    { "RGBA32F, linear Rec. 2020", "rgba32f", "", GMLP_F32, 4, GMLP_REC2020_LINEAR },
    { "RGBA8, P3", "rgba8", "", GMLP_U8, 4, GMLP_P3 },
    { "BGRA8, P3", "bgra8", "", GMLP_BGRA8, 4, GMLP_P3 },
    { "RGB10A2, P3", "rgb10a2", "", GMLP_RGB10A2, 4, GMLP_P3 },
    { "RGB16, ROMM", "rgb16", "", GMLP_U16, 3, GMLP_PROPHOTO },
};
enum { FORMATS = sizeof formats / sizeof *formats };
static const format sink_format = { "", "", "", GMLP_F32, 3, GMLP_REC2020_LINEAR };

typedef struct engine {
    bench *b;
    int rounds;
    gmlp_net net;
    gmlp_image base;       /* four channels */
    unsigned char *out;
    size_t late;           /* allocations after a decoder was made */
    gmlp_result result;    /* the first failure */
} engine;

static void *count_alloc(void *user, size_t size) {
    ++*(size_t *)user;
    return malloc(size);
}
static void count_free(void *user, void *p, size_t size) {
    (void)user, (void)size;
    free(p);
}

static double seconds_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The shortest of the rounds, in seconds of this thread. */
static double best_of(engine *e, gmlp_result (*work)(engine *e, void *ctx), void *ctx) {
    double best = INFINITY, spent = 0;
    for (int r = 0; r < e->rounds && spent < PATIENCE && !e->result; r++) {
        const double start = seconds_of(CLOCK_THREAD_CPUTIME_ID);
        double seconds;
        e->result = work(e, ctx);
        seconds = seconds_of(CLOCK_THREAD_CPUTIME_ID) - start;
        if (seconds < best) best = seconds;
        spent += seconds;
    }
    return best;
}

/* A decoder and what its tiles need; several threads may share it. */
typedef struct tiles {
    const engine *e;
    const format *f;
    gmlp_decoder *decoder;
    gmlp_decoder_desc info;
    unsigned char *scratch; /* for two threads */
    uint32_t count, next;
    pthread_mutex_t mutex;
    gmlp_result result;
} tiles;

static gmlp_result decoder_make(engine *e, const format *f, int isa, gmlp_decoder **decoder) {
    const size_t late = e->late;
    gmlp_decoder_opts opts;
    gmlp_result result;
    memset(&opts, 0, sizeof opts);
    opts.isa = isa;
    opts.alloc.user = &e->late;
    opts.alloc.alloc = count_alloc;
    opts.alloc.free = count_free;
    result = gmlp_decoder_create(&e->net, f->type, f->space, &opts, decoder);
    e->late = late;
    return result;
}

/* 0, or -1 with e->result set; tiles_end either way. */
static int tiles_begin(tiles *t, engine *e, const format *f, int isa) {
    memset(t, 0, sizeof *t);
    pthread_mutex_init(&t->mutex, NULL);
    t->e = e;
    t->f = f;
    t->count = ((e->base.width + TILE - 1) / TILE) * ((e->base.height + TILE - 1) / TILE);
    if (!e->result) e->result = decoder_make(e, f, isa, &t->decoder);
    if (e->result) return -1;
    gmlp_decoder_info(t->decoder, &t->info);
    t->scratch = (unsigned char *)malloc(2 * t->info.scratch);
    if (!t->scratch) e->result = GMLP_E_MEMORY;
    return e->result ? -1 : 0;
}

static void tiles_end(tiles *t) {
    pthread_mutex_destroy(&t->mutex);
    gmlp_decoder_free(t->decoder);
    free(t->scratch);
}

static gmlp_result tile(const tiles *t, uint32_t index, void *scratch) {
    const gmlp_image *base = &t->e->base;
    const size_t pixel = gmlp_pixel_size(t->f->type, t->f->channels),
                 pitch = (base->width * pixel + PITCH - 1) / PITCH * PITCH;
    const uint32_t across = (base->width + TILE - 1) / TILE, x = index % across * TILE, y = index / across * TILE;
    gmlp_image out = *base;
    out.data = t->e->out + y * pitch + x * pixel;
    out.width = base->width - x < TILE ? base->width - x : TILE;
    out.height = base->height - y < TILE ? base->height - y : TILE;
    out.stride = (ptrdiff_t)pitch;
    out.type = t->f->type;
    out.channels = t->f->channels;
    return gmlp_decoder_rows(t->decoder, base, 0, 0, &out, x, y, scratch);
}

static gmlp_result first_tile(engine *e, void *ctx) {
    (void)e;
    return tile((const tiles *)ctx, 0, ((const tiles *)ctx)->scratch);
}

static gmlp_result all_tiles(engine *e, void *ctx) {
    const tiles *t = (const tiles *)ctx;
    gmlp_result result = GMLP_OK;
    (void)e;
    for (uint32_t i = 0; i < t->count && !result; i++) result = tile(t, i, t->scratch);
    return result;
}

static void shared_tiles(void *ctx, size_t thread) {
    tiles *t = (tiles *)ctx;
    for (gmlp_result result = GMLP_OK;;) {
        uint32_t i;
        pthread_mutex_lock(&t->mutex);
        if (result) t->result = result;
        i = t->result ? t->count : t->next++;
        pthread_mutex_unlock(&t->mutex);
        if (i >= t->count) return;
        result = tile(t, i, t->scratch + thread * t->info.scratch);
    }
}

/* One pixel in RUNS saturated, in runs along the rows, as areas of colour have them; or all, or none. The codes of the
   others are well inside. */
enum { MIXED, NONE, ALL };
static double paint(engine *e, int kind) {
    const uint32_t width = e->base.width, height = e->base.height;
    uint8_t *p = (uint8_t *)e->base.data;
    uint32_t seed = 1;
    size_t saturated = 0;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++, p += 4) {
            seed = seed * 1664525u + 1013904223u;
            p[0] = (uint8_t)(70 + x / 16 % 100 + (seed >> 26));
            p[1] = (uint8_t)(80 + y / 16 % 90 + (seed >> 20 & 63));
            p[2] = (uint8_t)(75 + (x + y) / 16 % 80 + (seed >> 14 & 63));
            p[3] = (uint8_t)(seed >> 24);
            if (kind == ALL || (kind == MIXED && (x + 3 * y) / RUN % RUNS == 0)) {
                p[y / 32 % 3] = (uint8_t)(x / 512 % 2 ? 255 : 0);
                saturated++;
            }
        }
    return (double)saturated / ((double)width * height);
}

/* A network of the default preset's shape, said to be of this picture: what it says does not matter here. */
static gmlp_result train(engine *e, int hdr) {
    gmlp_train_opts opts;
    gmlp_signature signature;
    gmlp_result result;
    colours c;
    if (colours_make(&c, 512, 512)) return GMLP_E_MEMORY;
    memset(&opts, 0, sizeof opts);
    opts.iterations = STEPS;
    opts.threads = e->b->run;
    if (hdr) c.wide.space = GMLP_REC2020_PQ;
    result = (hdr ? gmlp_train_hdr : gmlp_train)(&c.base, &c.wide, &opts, &e->net, NULL);
    colours_free(&c);
    e->net.width = e->net.base_width = e->base.width;
    e->net.height = e->net.base_height = e->base.height;
    gmlp_signature_begin(&signature, e->base.width, e->base.height);
    gmlp_signature_rows(&signature, &e->base, 0);
    gmlp_signature_finish(&signature, e->net.signature);
    return result;
}

/* The table's rows; the JSON has the same. */

static void put(engine *e, const char *key, const char *unit, double value) {
    char text[96];
    snprintf(text, sizeof text, "engine_%s%s", key, unit);
    if (!e->result) json_number(&e->b->j, text, value);
}

static void print(engine *e, const char *what, double value, const char *unit, const char *target) {
    const int digits = value == floor(value) ? 0 : value < 10 ? 2 : 1;
    if (!e->result) fprintf(e->b->table, "| %s | %.*f%s | %s |\n", what, digits, value, unit, target);
}

static void row(engine *e, const char *what, const char *key, double value, const char *unit, const char *target) {
    print(e, what, value, unit, target);
    put(e, key, "", value);
}

static void time_row(engine *e, const char *what, const char *key, double seconds, const char *target) {
    print(e, what, 1e3 * seconds, " ms", target);
    put(e, key, "_seconds", seconds);
}

static double speed_row(engine *e, const char *what, const char *key, double seconds, const char *target) {
    const double speed = (double)e->base.width * e->base.height / 1e6 / seconds;
    print(e, what, speed, " MP/s", target);
    put(e, key, "_megapixels_per_second", speed);
    return speed;
}

static double whole_row(engine *e, const format *f, int isa, const char *what, const char *key, const char *target) {
    double speed = NAN;
    tiles t;
    if (!tiles_begin(&t, e, f, isa)) speed = speed_row(e, what, key, best_of(e, all_tiles, &t), target);
    tiles_end(&t);
    return speed;
}

static gmlp_result create(engine *e, void *ctx) {
    gmlp_decoder *decoder;
    const gmlp_result result = decoder_make(e, (const format *)ctx, GMLP_ISA_AUTO, &decoder);
    gmlp_decoder_free(decoder);
    return result;
}

static void decoder_rows(engine *e) {
    tiles t;
    time_row(e, "a decoder for the whole picture", "create", best_of(e, create, (void *)formats), "<= 1 ms");
    if (!tiles_begin(&t, e, formats, GMLP_ISA_AUTO)) {
        row(e, "its memory", "decoder_bytes", (double)t.info.bytes, " bytes", "");
        row(e, "scratch of a thread, for tiles", "tile_scratch_bytes",
            (double)gmlp_decoder_scratch_size(t.decoder, TILE), " bytes", "");
        row(e, "... for whole rows", "scratch_bytes", (double)t.info.scratch, " bytes", "");
        row(e, "runs in whole numbers (1: yes)", "whole_numbers", t.info.whole_numbers, "", "1");
    }
    tiles_end(&t);
}

static gmlp_result check(engine *e, void *ctx) { return gmlp_net_check(&e->net, (const gmlp_image *)ctx); }

/* What memory takes: a sum, in four parts that do not wait for each other. */
static volatile uint64_t sum_of_bytes;
static uint64_t word_at(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}
static gmlp_result read_bytes(engine *e, void *ctx) {
    const gmlp_image *view = (const gmlp_image *)ctx;
    const uint8_t *bytes = (const uint8_t *)view->data;
    const size_t size = (size_t)view->width * view->height * (size_t)view->channels;
    uint64_t a = 0, b = 0, c = 0, d = 0;
    (void)e;
    for (size_t i = 0; i + 32 <= size; i += 32) {
        a += word_at(bytes + i);
        b += word_at(bytes + i + 8);
        c += word_at(bytes + i + 16);
        d += word_at(bytes + i + 24);
    }
    sum_of_bytes += a + b + c + d;
    return GMLP_OK;
}

static void check_rows(engine *e) {
    gmlp_image four = e->base, three = four;
    three.channels = 3;
    three.data = e->out;
    for (size_t i = 0; i < (size_t)four.width * four.height; i++)
        memcpy(e->out + 3 * i, (uint8_t *)four.data + 4 * i, 3);
    time_row(e, "does the network belong to it, 3 channels", "check_3", best_of(e, check, &three), "<= 2 ms");
    time_row(e, "... reading these bytes alone", "read_3", best_of(e, read_bytes, &three), "");
    time_row(e, "does the network belong to it, 4 channels", "check_4", best_of(e, check, &four), "<= 2 ms");
    time_row(e, "... reading these bytes alone", "read_4", best_of(e, read_bytes, &four), "");
}

static void format_rows(engine *e) {
    double first = NAN;
    for (int i = 0; i < FORMATS; i++) {
        const format *f = &formats[i];
        const double speed = whole_row(e, f, GMLP_ISA_AUTO, f->name, f->key, f->target);
        if (i) put(e, f->key, "_over_rgba16f", speed / first);
        else first = speed;
    }
}

static int count_pixels(void *user, const gmlp_span *span) {
    *(size_t *)user += span->n;
    return 0;
}
static gmlp_result into_sink(engine *e, void *ctx) {
    const tiles *t = (const tiles *)ctx;
    const gmlp_image *base = &e->base;
    size_t pixels = 0;
    return gmlp_decoder_sink(t->decoder, base, 0, 0, 0, 0, base->width, base->height, count_pixels, &pixels,
                             t->scratch);
}

static void sink_row(engine *e) {
    tiles t;
    if (!tiles_begin(&t, e, &sink_format, GMLP_ISA_AUTO))
        speed_row(e, "a sink, linear Rec. 2020", "sink", best_of(e, into_sink, &t), "");
    tiles_end(&t);
}

/* By the clock on the wall, which others on the machine disturb: how much of two cores there was is said beside. */
static void thread_row(engine *e) {
    pool *two = pool_create(2);
    double walls[2] = { INFINITY, INFINITY }, cpus[2] = { INFINITY, INFINITY }, cores = 0;
    char what[160], target[64] = ">= 1.9";
    tiles t;
    if (!two && !e->result) e->result = GMLP_E_MEMORY;
    if (!tiles_begin(&t, e, formats, GMLP_ISA_AUTO)) {
        const gmlp_threads threads = pool_threads(two);
        for (int r = 0; r < 2 * e->rounds && !t.result; r++) {
            const double start = seconds_now(), used = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
            double wall, cpu;
            t.next = 0;
            if (r % 2) threads.parallel_for(threads.user, shared_tiles, &t, 2);
            else shared_tiles(&t, 0);
            wall = seconds_now() - start;
            cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - used;
            if (cpu < cpus[r % 2]) cpus[r % 2] = cpu;
            if (wall >= walls[r % 2]) continue;
            walls[r % 2] = wall;
            if (r % 2) cores = cpu / wall;
        }
        e->result = t.result;
    }
    tiles_end(&t);
    pool_free(two);
    if (cores < 1.9) snprintf(target, sizeof target, ">= 1.9, but there were not two idle cores");
    snprintf(what, sizeof what, "RGBA16F by two threads, wall time, on %.2f cores, over one", cores);
    row(e, what, "two_threads", walls[0] / walls[1], " times", target);
    put(e, "two_threads_cores", "", cores);
    row(e, "... CPU time of both over that of the one", "two_threads_cpu", cpus[1] / cpus[0], " times", "");
}

static void isa_rows(engine *e) {
    static const int sets[] = { GMLP_ISA_SCALAR, GMLP_ISA_SSE41, GMLP_ISA_AVX2, GMLP_ISA_AVX512, GMLP_ISA_NEON };
    double scalar = NAN; /* the first, which is always there */
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const char *name = gmlp_isa_name(sets[i]);
        char what[64];
        double speed;
        if (!gmlp_isa_available(sets[i])) continue;
        snprintf(what, sizeof what, "RGBA16F with %s", name);
        speed = whole_row(e, formats, sets[i], what, name, "");
        if (!i) scalar = speed;
        if (!i) continue;
        print(e, "... over scalar", speed / scalar, " times", "");
        put(e, name, "_over_scalar", speed / scalar);
    }
}

static gmlp_result create_and_decode(engine *e, void *ctx) {
    tiles t;
    (void)ctx;
    if (!tiles_begin(&t, e, formats, GMLP_ISA_AUTO)) e->result = first_tile(e, &t);
    tiles_end(&t);
    return e->result;
}

static void first_tile_rows(engine *e) {
    tiles t;
    if (!tiles_begin(&t, e, formats, GMLP_ISA_AUTO))
        time_row(e, "the first 256 x 256 tile, all saturated", "tile", best_of(e, first_tile, &t), "<= 4 ms");
    tiles_end(&t);
    time_row(e, "... and its decoder", "create_and_tile", best_of(e, create_and_decode, NULL), "");
}

/* The same with a network for HDR, which is for all pixels. */
static void hdr_rows(engine *e) {
    engine hdr = *e;
    if (e->result) return;
    hdr.result = train(&hdr, 1);
    time_row(&hdr, "HDR: a decoder for the whole picture", "create_hdr", best_of(&hdr, create, (void *)formats), "");
    whole_row(&hdr, formats, GMLP_ISA_AUTO, "HDR: RGBA16F, linear Rec. 2020", "rgba16f_hdr", "");
    gmlp_net_free(&hdr.net);
    e->late = hdr.late;
    e->result = hdr.result;
}

int bench_engine_of(bench *b, uint32_t width, uint32_t height, int rounds) {
    const gmlp_image base = { malloc((size_t)width * height * 4), width, height, 0, GMLP_U8, 4, GMLP_SRGB, 0 };
    double saturated = 0;
    char cpu[128];
    engine e;
    memset(&e, 0, sizeof e);
    e.b = b;
    e.rounds = rounds;
    e.base = base;
    e.out = (unsigned char *)calloc(height, ((size_t)width * MOST_PIXEL + PITCH - 1) / PITCH * PITCH);
    e.result = base.data && e.out ? GMLP_OK : GMLP_E_MEMORY;
    if (!e.result) {
        saturated = paint(&e, MIXED);
        e.result = train(&e, 0);
    }
    if (!e.result) {
        fprintf(b->table,
                "An engine's figures: %u x %u pixels, %.0f %% saturated, in tiles of %d x %d; default preset, %d steps; "
                "%s, %s, CPU time of one thread, best of up to %d\n\n| | measured | target |\n|---|---|---|\n",
                (unsigned)width, (unsigned)height, 100 * saturated, TILE, TILE, STEPS, bench_cpu_name(cpu),
                gmlp_isa_name(GMLP_ISA_AUTO), rounds);
        json_text(&b->j, "engine_cpu", cpu);
        json_text(&b->j, "engine_isa", gmlp_isa_name(GMLP_ISA_AUTO));
        json_number(&b->j, "engine_saturated", saturated);
        decoder_rows(&e);
        check_rows(&e);
        format_rows(&e);
        sink_row(&e);
        thread_row(&e);
        isa_rows(&e);
        paint(&e, NONE);
        whole_row(&e, formats, GMLP_ISA_AUTO, "RGBA16F, none saturated", "rgba16f_none", "");
        paint(&e, ALL);
        whole_row(&e, formats, GMLP_ISA_AUTO, "RGBA16F, all saturated", "rgba16f_all", "");
        first_tile_rows(&e);
        hdr_rows(&e);
        row(&e, "allocations after a decoder was made", "allocations", (double)e.late, "", "0");
    }
    gmlp_net_free(&e.net);
    free(e.base.data);
    free(e.out);
    return e.result ? fail("bench", "the engine's figures: %s", gmlp_result_string(e.result)) : 0;
}

int bench_engine(bench *b) { return bench_engine_of(b, 3840, 2160, ROUNDS); }
