/* The library's jobs in any order, on any thread, under ThreadSanitizer: the same bytes as without threads, through the
   tool's pool, through a hook that shuffles the jobs and starts threads anew for each call, and through that hook within
   its own jobs, where several of the caller's jobs call the library at once. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include "shell/pool.h"

#define MUST(x)                                                           \
    do {                                                                  \
        if (!(x)) fprintf(stderr, "line %d: %s\n", __LINE__, #x), exit(1); \
    } while (0)

/* The hook. */
enum { THREADS = 4 };
static unsigned calls; /* of the hook; the seed of the next order */

typedef struct shuffled_run {
    void (*job)(void *ctx, size_t index);
    void *ctx;
    size_t *order, count, next;
} shuffled_run;

static void *take_jobs(void *user) {
    shuffled_run *r = (shuffled_run *)user;
    size_t i;
    while ((i = __atomic_fetch_add(&r->next, 1, __ATOMIC_RELAXED)) < r->count) r->job(r->ctx, r->order[i]);
    return NULL;
}

static void shuffled(void *user, void (*job)(void *ctx, size_t index), void *ctx, size_t count) {
    shuffled_run r = {job, ctx, (size_t *)malloc(count * sizeof(size_t)), count, 0};
    uint32_t seed = 2654435761u * __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) | 1u;
    pthread_t threads[THREADS];
    int started = 0;
    size_t i;
    (void)user;
    MUST(r.order || !count);
    for (i = 0; i < count; i++) {
        size_t k;
        seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
        k = seed % (i + 1);
        r.order[i] = r.order[k];
        r.order[k] = i;
    }
    while (started < THREADS && (size_t)started < count &&
           !pthread_create(&threads[started], NULL, take_jobs, &r)) started++;
    take_jobs(&r);
    while (started) pthread_join(threads[--started], NULL);
    free(r.order);
}

/* All that takes the hook, on a picture of W x H, with everything that it gives. */
enum { W = 180, H = 170, N = W * H };
static uint16_t wide_pixels[3 * N];
static float hdr_pixels[3 * N];
static uint8_t cut_pixels[3 * 140 * 150]; /* of the base, from column 20, row 10 on */

typedef struct results {
    uint8_t base[3 * N], blob[2][8192];
    uint16_t back[3 * N], light[3 * N], guess[3 * N];
    float converted[3 * N];
    size_t size[2];
    gmlp_edit edit;
} results;

static gmlp_image view(void *data, uint32_t w, uint32_t h, int type, int space) {
    gmlp_image i;
    memset(&i, 0, sizeof i);
    i.data = data;
    i.width = w;
    i.height = h;
    i.type = type;
    i.space = space;
    return i;
}

static void make_pictures(void) {
    uint32_t x, y, c;
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++)
            for (c = 0; c < 3; c++) {
                const uint32_t spot = (x / 9 * 37 + y / 7 * 61 + c * 17) * 2654435761u >> 24;
                wide_pixels[3 * (y * W + x) + c] = (uint16_t)((c == 0 ? x * 360 : c == 1 ? y * 380 : 20000) / 2 + spot * 120);
                hdr_pixels[3 * (y * W + x) + c] = (float)(spot * spot) / 9000.0f;
            }
}

static void everything(const gmlp_threads *threads, results *r) {
    gmlp_image wide = view(wide_pixels, W, H, GMLP_U16, GMLP_PROPHOTO), base = view(r->base, W, H, GMLP_U8, GMLP_SRGB);
    gmlp_image hdr = view(hdr_pixels, W, H, GMLP_F32, GMLP_SRGB_LINEAR), out;
    gmlp_image cut = view(cut_pixels, 140, 150, GMLP_U8, GMLP_SRGB);
    gmlp_convert_opts convert;
    gmlp_train_opts train;
    gmlp_decode_opts decode;
    gmlp_find_edit_opts find;
    gmlp_expand_opts expand;
    gmlp_letnet general;
    gmlp_net net;
    uint32_t y;
    memset(&convert, 0, sizeof convert);
    memset(&train, 0, sizeof train);
    memset(&decode, 0, sizeof decode);
    memset(&find, 0, sizeof find);
    memset(&expand, 0, sizeof expand);
    convert.threads = train.threads = decode.threads = find.threads = expand.threads = *threads;
    MUST(!gmlp_reduce(&wide, &base, &convert, NULL));
    out = view(r->converted, W, H, GMLP_F32, GMLP_ACESCG);
    MUST(!gmlp_convert(&wide, &out, &convert));
    train.iterations = 6;
    train.batch = 512;
    MUST(!gmlp_train(&base, &wide, &train, &net, NULL));
    MUST(!gmlp_blob_write(&net, r->blob[0], sizeof r->blob[0], &r->size[0]));
    out = view(r->back, W, H, GMLP_U16, GMLP_PROPHOTO);
    MUST(!gmlp_decode(&net, &base, &out, &decode));
    if (!threads->parallel_for) /* the first: what the others find again */
        for (y = 0; y < 150; y++) memcpy(cut_pixels + 3 * 140 * y, r->base + 3 * (W * (y + 10) + 20), 3 * 140);
    MUST(!gmlp_find_edit(&net, &cut, &find, &r->edit));
    gmlp_net_free(&net);
    MUST(!gmlp_train_hdr(&base, &hdr, &train, &net, NULL));
    MUST(!gmlp_blob_write(&net, r->blob[1], sizeof r->blob[1], &r->size[1]));
    out = view(r->light, W, H, GMLP_F16, GMLP_SRGB_LINEAR);
    MUST(!gmlp_decode(&net, &base, &out, &decode));
    gmlp_net_free(&net);
    MUST(!gmlp_letnet_init(16, 16, 3, NULL, &general));
    expand.iterations = 2;
    out = view(r->guess, W, H, GMLP_U16, GMLP_PROPHOTO);
    MUST(!gmlp_expand(&general, &base, &out, &expand, NULL));
    gmlp_letnet_free(&general);
}

static results without, with[THREADS];

static void one_of_several(void *ctx, size_t index) { everything((const gmlp_threads *)ctx, &with[index]); }

static void same(const char *how, size_t count) {
    while (count--) MUST(!memcmp(&with[count], &without, sizeof without));
    memset(with, 0, sizeof with);
    printf("ok %s\n", how);
}

int main(void) {
    const gmlp_threads none = {NULL, NULL}, own = {NULL, shuffled};
    pool *p = pool_create(THREADS);
    gmlp_threads pooled;
    MUST(p);
    pooled = pool_threads(p);
    make_pictures();
    everything(&none, &without);
    one_of_several(&pooled, 0);
    same("the tool's pool", 1);
    one_of_several((void *)(uintptr_t)&own, 0);
    same("shuffled jobs", 1);
    shuffled(NULL, one_of_several, (void *)(uintptr_t)&own, THREADS);
    same("shuffled jobs within shuffled jobs", THREADS);
    pool_free(p);
    return 0;
}
