/* >>decode, for engines: memory of the caller's, columns, scratch, sinks, streams, jobs, stack. Everything must give the
   bytes that gmlp_decode gives (test_decode.c says that those are right). */
#include "gamutmlp.h"
#include "tests/synthetic.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Wider than a strip, taller than a block of rows. */
enum { W = 4400, H = 66, N = W * H };

static uint16_t wide_data[N * 3];
static uint8_t base_data[N * 3], rgba_data[N * 4];
static float whole[N * 3], part[N * 4];
static gmlp_net nets[4]; /* default, paper, HDR, nothing was lost */
static gmlp_image base = {base_data, W, H, 0, GMLP_U8, 3, GMLP_SRGB, 0};

static int train_all(void **state) {
    gmlp_image wide = {wide_data, W, H, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
    gmlp_train_opts opts = {0};
    (void)state;
    test_picture(wide_data, W, H, 4);
    if (gmlp_reduce(&wide, &base, NULL, NULL)) return -1;
    for (int i = 0; i < N; i++) {
        memcpy(rgba_data + 4 * i, base_data + 3 * i, 3);
        rgba_data[4 * i + 3] = (uint8_t)(i * 7);
    }
    opts.iterations = 30;
    opts.batch = 128;
    if (gmlp_train(&base, &wide, &opts, &nets[0], NULL)) return -1;
    if (gmlp_train_hdr(&base, &wide, &opts, &nets[2], NULL)) return -1;
    opts.preset = GMLP_PRESET_PAPER;
    if (gmlp_train(&base, &wide, &opts, &nets[1], NULL)) return -1;
    nets[3].wide_space = GMLP_P3;
    nets[3].base_width = W, nets[3].base_height = H;
    return 0;
}

static int free_all(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) gmlp_net_free(&nets[i]);
    return 0;
}

static uint32_t draw(void) {
    static uint64_t x = 88172645463325252u;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return (uint32_t)(x >> 32);
}

/* whole, as floats */
static void decode_whole(const gmlp_net *net, int space) {
    const gmlp_image out = {whole, W, H, 0, GMLP_F32, 3, space, 0};
    assert_int_equal(gmlp_decode(net, &base, &out, NULL), GMLP_OK);
}

/* Columns x.. and rows y.. of part, of width w, are those of whole. */
static void assert_same(uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
    for (uint32_t r = 0; r < h; r++)
        assert_memory_equal(part + 3 * (size_t)r * w, whole + 3 * ((size_t)(y + r) * W + x), 12 * (size_t)w);
}

/* An allocator that counts, and can refuse to be asked. What it gives is aligned to 8 bytes and to no more. */
typedef struct counter {
    size_t count, freed, bytes;
    int in_job, in_jobs;
} counter;

static void *count_alloc(void *user, size_t size) {
    counter *c = (counter *)user;
    uint8_t *p = (uint8_t *)malloc(size + 24);
    uint8_t *const at = p + ((uintptr_t)p % 16 ? 16 : 24);
    if (c->in_job) c->in_jobs++;
    c->count++;
    c->bytes += size;
    at[-1] = (uint8_t)(at - p);
    return at;
}

static void count_free(void *user, void *ptr, size_t size) {
    counter *c = (counter *)user;
    if (c->in_job) c->in_jobs++;
    c->freed++;
    c->bytes -= size;
    free((uint8_t *)ptr - ((uint8_t *)ptr)[-1]);
}

static gmlp_alloc counting(counter *c) {
    gmlp_alloc a;
    memset(c, 0, sizeof *c);
    a.user = c;
    a.alloc = count_alloc;
    a.free = count_free;
    return a;
}

/* Memory of the caller's, at any address, not a byte more than was said; and one allocation without. */
static void memory_is_the_callers(void **state) {
    static const int types[] = {GMLP_U8, GMLP_U16, GMLP_F32}, spaces[] = {0, GMLP_P3, GMLP_REC2020_PQ, GMLP_REC2020_HLG};
    (void)state;
    for (int n = 0; n < 4; n++)
        for (int t = 0; t < 3; t++)
            for (int s = 0; s < 4; s++) {
                gmlp_decoder *d = (gmlp_decoder *)(void *)whole, *owned;
                gmlp_decoder_desc desc, placed;
                gmlp_decoder_opts opts;
                counter c;
                size_t size = 1;
                uint8_t *memory;
                memset(&opts, 0, sizeof opts);
                opts.alloc = counting(&c);
                assert_int_equal(gmlp_decoder_size(&nets[n], types[t], spaces[s], &opts, &size), GMLP_OK);
                for (size_t offset = 0; offset < 70; offset += 23) {
                    memory = (uint8_t *)malloc(size + offset);
                    assert_int_equal(gmlp_decoder_init(memory + offset, size - 1, &nets[n], types[t], spaces[s], &opts, &d),
                                     GMLP_E_BUFFER);
                    assert_null(d);
                    memset(memory, 0xa5, size + offset);
                    assert_int_equal(gmlp_decoder_init(memory + offset, size, &nets[n], types[t], spaces[s], &opts, &d), GMLP_OK);
                    gmlp_decoder_info(d, &placed);
                    if (types[t] == GMLP_F32) {
                        const gmlp_image out = {part, 300, 3, 0, GMLP_F32, 3, 0, 0};
                        if (!offset) decode_whole(&nets[n], spaces[s]);
                        assert_int_equal(gmlp_decoder_rows(d, &base, 0, 0, &out, 900, 7, NULL), GMLP_OK);
                        assert_same(900, 7, 300, 3);
                    }
                    gmlp_decoder_free(d);
                    free(memory);
                }
                assert_int_equal(c.count, c.freed);
                c.count = 0;
                assert_int_equal(gmlp_decoder_create(&nets[n], types[t], spaces[s], &opts, &owned), GMLP_OK);
                assert_int_equal(c.count, 1);
                assert_int_equal(c.bytes, size);
                gmlp_decoder_info(owned, &desc);
                assert_memory_equal(&desc, &placed, sizeof desc);
                assert_int_equal(desc.bytes, size);
                assert_int_equal(desc.width, W);
                assert_int_equal(desc.height, H);
                assert_int_equal(desc.columns, W);
                assert_int_equal(desc.halo, gmlp_net_halo(&nets[n]));
                assert_int_equal(desc.type, types[t]);
                assert_int_equal(desc.space, spaces[s] ? spaces[s] : nets[n].wide_space);
                assert_int_equal(desc.method, nets[n].method);
                assert_int_equal(desc.whole_numbers, n == 0 || n == 2);
                assert_int_equal(desc.scratch, gmlp_decoder_scratch_size(owned, W));
                gmlp_decoder_free(owned);
                assert_int_equal(c.bytes, 0);
            }
    {
        size_t size = 1;
        gmlp_decoder *d = (gmlp_decoder *)(void *)whole;
        assert_int_equal(gmlp_decoder_size(&nets[0], 99, 0, NULL, &size), GMLP_E_ARGUMENT);
        assert_int_equal(size, 0);
        assert_int_equal(gmlp_decoder_size(&nets[0], GMLP_U8, 0, NULL, NULL), GMLP_E_ARGUMENT);
        assert_int_equal(gmlp_decoder_init(NULL, 1000000, &nets[0], GMLP_U8, 0, NULL, &d), GMLP_E_ARGUMENT);
        assert_null(d);
        assert_int_equal(gmlp_decoder_create(NULL, GMLP_U8, 0, NULL, &d), GMLP_E_ARGUMENT);
        assert_int_equal(gmlp_decoder_create(&nets[0], GMLP_U8, 0, NULL, NULL), GMLP_E_ARGUMENT);
        gmlp_decoder_free(NULL);
    }
}

/* A decoder of some columns: smaller, the same bytes, and nothing else. */
static void columns_are_enough(void **state) {
    (void)state;
    for (int n = 0; n < 4; n++) {
        gmlp_decoder_opts opts;
        decode_whole(&nets[n], 0);
        memset(&opts, 0, sizeof opts);
        for (int k = 0; k < 6; k++) {
            gmlp_decoder *d;
            gmlp_image out = {part, 0, 5, 0, GMLP_F32, 3, 0, 0};
            gmlp_decoder_desc desc;
            opts.width = 1 + draw() % (k % 2 ? 20 : W);
            opts.x = draw() % (W - opts.width + 1);
            assert_int_equal(gmlp_decoder_create(&nets[n], GMLP_F32, 0, &opts, &d), GMLP_OK);
            gmlp_decoder_info(d, &desc);
            assert_int_equal(desc.x, opts.x);
            assert_int_equal(desc.columns, opts.width);
            out.width = opts.width;
            assert_int_equal(gmlp_decoder_rows(d, &base, 0, 0, &out, opts.x, 9, NULL), GMLP_OK);
            assert_same(opts.x, 9, opts.width, 5);
            if (n < 3) {
                if (opts.x) assert_int_equal(gmlp_decoder_rows(d, &base, 0, 0, &out, opts.x - 1, 9, NULL), GMLP_E_OUT_VIEW);
                if (opts.x + opts.width < W)
                    assert_int_equal(gmlp_decoder_rows(d, &base, 0, 0, &out, opts.x + 1, 9, NULL), GMLP_E_OUT_VIEW);
            }
            gmlp_decoder_free(d);
        }
        if (n < 3) {
            gmlp_decoder *d;
            opts.x = W - 3, opts.width = 4;
            assert_int_equal(gmlp_decoder_create(&nets[n], GMLP_F32, 0, &opts, &d), GMLP_E_OUT_VIEW);
            opts.x = 0xffffffffu, opts.width = 2;
            assert_int_equal(gmlp_decoder_create(&nets[n], GMLP_F32, 0, &opts, &d), GMLP_E_OUT_VIEW);
        }
    }
    {
        gmlp_decoder_opts few;
        size_t all, some;
        memset(&few, 0, sizeof few);
        few.width = 100;
        assert_int_equal(gmlp_decoder_size(&nets[0], GMLP_U8, 0, NULL, &all), GMLP_OK);
        assert_int_equal(gmlp_decoder_size(&nets[0], GMLP_U8, 0, &few, &some), GMLP_OK);
        assert_int_equal(all - some, (W - 100) * 2 * (size_t)nets[0].mlp.width);
    }
}

/* Tiles with scratch of the caller's: at any address, with anything in it, of the size that was said; nothing is allocated. */
static void scratch_is_the_callers(void **state) {
    (void)state;
    for (int n = 0; n < 4; n++)
        for (int isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
            gmlp_decoder *d;
            gmlp_decoder_opts opts;
            counter c;
            size_t size;
            uint8_t *scratch;
            if (!gmlp_isa_available(isa) || (isa == GMLP_ISA_SCALAR && n == 1)) continue;
            memset(&opts, 0, sizeof opts);
            opts.isa = isa;
            opts.alloc = counting(&c);
            decode_whole(&nets[n], 0);
            assert_int_equal(gmlp_decoder_create(&nets[n], GMLP_F32, 0, &opts, &d), GMLP_OK);
            assert_true(gmlp_decoder_scratch_size(d, 4096) == gmlp_decoder_scratch_size(d, 0));
            c.count = c.freed = 0;
            for (int k = 0; k < 12; k++) {
                gmlp_image out = {part, 1 + draw() % (k < 6 ? 300 : W), 1 + draw() % (k < 6 ? H : 4), 0, GMLP_F32, 3, 0, 0};
                const uint32_t x = draw() % (W - out.width + 1), y = draw() % (H - out.height + 1);
                const size_t offset = draw() % 64;
                size = gmlp_decoder_scratch_size(d, out.width);
                scratch = (uint8_t *)malloc(size + offset);
                memset(scratch, 0xa5 + k, size + offset);
                assert_int_equal(gmlp_decoder_rows(d, &base, 0, 0, &out, x, y, scratch + offset), GMLP_OK);
                assert_same(x, y, out.width, out.height);
                free(scratch);
            }
            assert_int_equal(c.count, 0);
            { /* without: one allocation, which is given back */
                gmlp_image out = {part, 10, 10, 0, GMLP_F32, 3, 0, 0};
                assert_int_equal(gmlp_decoder_rows(d, &base, 0, 0, &out, 0, 0, NULL), GMLP_OK);
                assert_int_equal(c.count, 1);
                assert_int_equal(c.freed, 1);
            }
            gmlp_decoder_free(d);
        }
}

/* Sinks. */
typedef struct sunk {
    uint32_t x, y, width, height;
    float *pixels;
    const float *alpha;
    size_t spans, stop_at;
} sunk;

static int take_span(void *user, const gmlp_span *s) {
    sunk *k = (sunk *)user;
    assert_true(s->n >= 1 && s->n <= 4096);
    assert_true(s->x >= k->x && s->x + s->n <= k->x + k->width && s->y >= k->y && s->y < k->y + k->height);
    for (uint32_t i = 0; i < s->n; i++) {
        float *p = k->pixels + 3 * ((size_t)(s->y - k->y) * k->width + s->x - k->x + i);
        assert_true(p[0] == -77.0f); /* each once */
        p[0] = s->r[i], p[1] = s->g[i], p[2] = s->b[i];
        if (s->a) assert_true(s->a[i] == (float)rgba_data[4 * ((size_t)s->y * W + s->x + i) + 3] * (1.0f / 255.0f));
    }
    k->alpha = s->a;
    return ++k->spans == k->stop_at;
}

static void sinks_get_what_rows_hold(void **state) {
    static const int spaces[] = {0, GMLP_SRGB_LINEAR, GMLP_P3, GMLP_REC2020_PQ, GMLP_REC2020_HLG};
    const gmlp_image rgba = {rgba_data, W, H, 0, GMLP_U8, 4, GMLP_SRGB, 0};
    (void)state;
    for (int n = 0; n < 4; n++)
        for (int s = 0; s < 5; s++) {
            gmlp_decoder *d, *other;
            gmlp_result result;
            sunk k;
            decode_whole(&nets[n], spaces[s]);
            assert_int_equal(gmlp_decoder_create(&nets[n], GMLP_F32, spaces[s], NULL, &d), GMLP_OK);
            memset(&k, 0, sizeof k);
            k.x = 801, k.y = 3, k.width = 3337, k.height = 5;
            k.pixels = part;
            for (uint32_t i = 0; i < 3 * k.width * k.height; i++) part[i] = -77.0f;
            result = gmlp_decoder_sink(d, s % 2 ? &rgba : &base, 0, 0, k.x, k.y, k.width, k.height, take_span, &k, NULL);
            assert_int_equal(result, GMLP_OK);
            assert_int_equal(k.alpha != NULL, s % 2);
            assert_same(k.x, k.y, k.width, k.height);
            for (uint32_t i = 0; i < 3 * k.width * k.height; i++) part[i] = -77.0f;
            k.spans = 0, k.stop_at = 2;
            assert_int_equal(gmlp_decoder_sink(d, &base, 0, 0, k.x, k.y, k.width, k.height, take_span, &k, NULL), GMLP_E_CANCELLED);
            assert_int_equal(k.spans, 2);
            assert_int_equal(gmlp_decoder_sink(d, &base, 0, 0, 0, 0, W + 1, 1, take_span, &k, NULL), GMLP_E_OUT_VIEW);
            assert_int_equal(gmlp_decoder_sink(d, &base, 0, 0, 0, 0, 0, 1, take_span, &k, NULL), GMLP_E_ARGUMENT);
            assert_int_equal(gmlp_decoder_sink(d, &base, 0, 0, 0, 0, 1, 1, NULL, &k, NULL), GMLP_E_ARGUMENT);
            assert_int_equal(gmlp_decoder_create(&nets[n], GMLP_F16, 0, NULL, &other), GMLP_OK);
            assert_int_equal(gmlp_decoder_sink(other, &base, 0, 0, 0, 0, 1, 1, take_span, &k, NULL), GMLP_E_ARGUMENT);
            gmlp_decoder_free(other);
            gmlp_decoder_free(d);
        }
}

/* Streams: any portions in, any portions out, three ways of filling; some columns only; 3 and 4 channels. */
static void streams_equal_the_whole(void **state) {
    (void)state;
    for (int n = 0; n < 4; n++)
        for (int k = 0; k < 10; k++) {
            gmlp_decoder *d;
            gmlp_decoder_opts opts;
            gmlp_stream_opts how;
            gmlp_stream *s;
            gmlp_decoder_desc desc;
            uint32_t y = 0, done = 0;
            if (!k) decode_whole(&nets[n], 0);
            memset(&opts, 0, sizeof opts);
            memset(&how, 0, sizeof how);
            if (k % 3 == 1) opts.width = 1 + draw() % 500, opts.x = draw() % (W - opts.width);
            how.rows = k == 0 ? 0 : k == 1 ? 1 : k == 2 ? 1000 : 1 + draw() % 30;
            how.channels = k % 2 ? 4 : k % 4 ? 3 : 0;
            assert_int_equal(gmlp_decoder_create(&nets[n], GMLP_F32, 0, &opts, &d), GMLP_OK);
            gmlp_decoder_info(d, &desc);
            assert_int_equal(gmlp_stream_create(d, &how, &s), GMLP_OK);
            while (done < H) {
                const uint32_t channels = k % 2 ? 4 : 3;
                gmlp_image rows = base, out = {NULL, desc.columns, 0, 0, GMLP_F32, 3, 0, 0};
                rows.channels = (int)channels;
                rows.data = (k % 2 ? rgba_data : base_data) + (size_t)y * W * channels;
                rows.height = y < H ? 1 + draw() % (how.rows ? how.rows < H - y ? how.rows : H - y : H - y < 16 ? H - y : 16) : 0;
                if (y < H) assert_int_equal(gmlp_stream_check(s), GMLP_E_TRUNCATED);
                if (rows.height && k % 5 == 4) {
                    gmlp_image space;
                    space.height = rows.height;
                    assert_int_equal(gmlp_stream_space(s, &space), GMLP_OK);
                    assert_true(space.height <= rows.height && space.width == W && space.channels == (int)channels);
                    for (uint32_t r = 0; r < space.height; r++)
                        memcpy((uint8_t *)space.data + (ptrdiff_t)r * space.stride, (uint8_t *)rows.data + r * W * channels, W * channels);
                    assert_int_equal(gmlp_stream_filled(s, space.height), GMLP_OK);
                    y += space.height;
                } else if (rows.height) {
                    const gmlp_result result = gmlp_stream_put(s, &rows);
                    if (result == GMLP_OK) y += rows.height;
                    else assert_true(result == GMLP_E_BUFFER && gmlp_stream_ready(s));
                }
                while (gmlp_stream_ready(s) && (draw() % 3 || y == H)) {
                    out.height = 1 + draw() % gmlp_stream_ready(s);
                    out.data = part;
                    if (draw() % 2) assert_int_equal(gmlp_stream_take(s, &out), GMLP_OK);
                    else {
                        assert_int_equal(gmlp_stream_rows(s, done, &out, NULL), GMLP_OK);
                        assert_int_equal(gmlp_stream_drop(s, out.height), GMLP_OK);
                    }
                    assert_same(desc.x, done, desc.columns, out.height);
                    done += out.height;
                }
            }
            assert_int_equal(y, H);
            assert_int_equal(gmlp_stream_ready(s), 0);
            assert_int_equal(gmlp_stream_check(s), GMLP_OK);
            gmlp_stream_free(s);
            gmlp_decoder_free(d);
        }
    gmlp_stream_free(NULL);
}

static void streams_refuse(void **state) {
    gmlp_decoder *d;
    gmlp_stream_opts how;
    gmlp_stream *s;
    gmlp_image rows = base, out = {part, W, 1, 0, GMLP_F32, 3, 0, 0};
    uint8_t *other;
    (void)state;
    memset(&how, 0, sizeof how);
    assert_int_equal(gmlp_decoder_create(&nets[0], GMLP_F32, 0, NULL, &d), GMLP_OK);
    assert_int_equal(gmlp_stream_create(NULL, NULL, &s), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_stream_create(d, NULL, NULL), GMLP_E_ARGUMENT);
    how.channels = 2;
    assert_int_equal(gmlp_stream_create(d, &how, &s), GMLP_E_ARGUMENT);
    assert_null(s);
    assert_int_equal(gmlp_stream_create(d, NULL, &s), GMLP_OK);
    rows.height = 17 + 2 * 3;
    assert_int_equal(gmlp_stream_put(s, &rows), GMLP_E_BUFFER);
    rows.height = H + 1;
    assert_int_equal(gmlp_stream_put(s, &rows), GMLP_E_BASE_VIEW);
    rows.height = 1, rows.width--;
    assert_int_equal(gmlp_stream_put(s, &rows), GMLP_E_ARGUMENT);
    rows.width++, rows.channels = 4;
    assert_int_equal(gmlp_stream_put(s, &rows), GMLP_E_ARGUMENT);
    rows.channels = 3, rows.type = GMLP_U16;
    assert_int_equal(gmlp_stream_put(s, &rows), GMLP_E_ARGUMENT);
    rows.type = GMLP_U8;
    assert_int_equal(gmlp_stream_ready(s), 0);
    assert_int_equal(gmlp_stream_take(s, &out), GMLP_E_OUT_VIEW);
    assert_int_equal(gmlp_stream_drop(s, 1), GMLP_E_ARGUMENT);
    rows.height = 4;
    assert_int_equal(gmlp_stream_put(s, &rows), GMLP_OK);
    assert_int_equal(gmlp_stream_ready(s), 1);
    out.width--;
    assert_int_equal(gmlp_stream_take(s, &out), GMLP_E_OUT_VIEW);
    assert_int_equal(gmlp_stream_filled(s, 23), GMLP_E_BUFFER);
    gmlp_stream_free(s);
    { /* a network that says of no size, made by hand */
        gmlp_net none;
        gmlp_decoder *no_size;
        gmlp_decoder_desc desc;
        memset(&none, 0, sizeof none);
        none.wide_space = GMLP_P3;
        assert_int_equal(gmlp_decoder_create(&none, GMLP_F32, 0, NULL, &no_size), GMLP_OK);
        assert_int_equal(gmlp_stream_create(no_size, NULL, &s), GMLP_E_ARGUMENT);
        assert_null(s);
        gmlp_decoder_free(no_size);
        gmlp_decoder_info(NULL, &desc);
        assert_int_equal(desc.bytes, 0);
        assert_int_equal(gmlp_stream_ready(NULL), 0);
    }
    /* another picture */
    other = (uint8_t *)malloc(N * 3);
    for (int i = 0; i < N * 3; i++) other[i] = (uint8_t)(255 - base_data[i]);
    how.channels = 0, how.rows = H;
    assert_int_equal(gmlp_stream_create(d, &how, &s), GMLP_OK);
    rows.data = other, rows.height = H;
    assert_int_equal(gmlp_stream_put(s, &rows), GMLP_OK);
    assert_int_equal(gmlp_stream_check(s), GMLP_E_OTHER_PICTURE);
    gmlp_stream_free(s);
    free(other);
    gmlp_decoder_free(d);
}

/* Jobs: as many as rows, 64 at most, none without a hook; no allocation in one; two allocations in all. */
static counter *watched;
static size_t jobs_run;
static void run_watched(void *user, void (*job)(void *ctx, size_t index), void *ctx, size_t count) {
    (void)user;
    jobs_run = count;
    watched->in_job = 1;
    for (size_t i = count; i-- > 0;) job(ctx, i);
    watched->in_job = 0;
}

static void jobs_are_few_and_allocate_nothing(void **state) {
    static const uint32_t heights[] = {1, 2, 63, 64, 65, H};
    (void)state;
    for (int n = 0; n < 4; n++) {
        decode_whole(&nets[n], 0);
        for (size_t k = 0; k < 6; k++)
            for (int hook = 0; hook < 2; hook++) {
                gmlp_decode_opts opts;
                gmlp_image out = {part, 256, heights[k], 0, GMLP_F32, 3, 0, 0};
                counter c;
                memset(&opts, 0, sizeof opts);
                opts.decoder.alloc = counting(&c);
                watched = &c;
                jobs_run = 0;
                if (hook) opts.threads.parallel_for = run_watched;
                opts.x = 500;
                assert_int_equal(gmlp_decode(&nets[n], &base, &out, &opts), GMLP_OK);
                assert_same(500, 0, 256, heights[k]);
                assert_int_equal(jobs_run, !hook || heights[k] == 1 ? 0 : heights[k] < 64 ? heights[k] : 64);
                assert_int_equal(c.count, 2);
                assert_int_equal(c.bytes, 0);
                assert_int_equal(c.in_jobs, 0);
            }
    }
}

/* Training takes its jobs' memory before they run, too. */
static void training_jobs_allocate_nothing(void **state) {
    const gmlp_image wide = {wide_data, W, H, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
    (void)state;
    for (int hdr = 0; hdr < 2; hdr++) {
        gmlp_train_opts opts;
        gmlp_net net;
        counter c;
        memset(&opts, 0, sizeof opts);
        opts.alloc = counting(&c);
        opts.threads.parallel_for = run_watched;
        opts.iterations = 3;
        opts.batch = 64;
        watched = &c;
        jobs_run = 0;
        if (hdr) assert_int_equal(gmlp_train_hdr(&base, &wide, &opts, &net, NULL), GMLP_OK);
        else assert_int_equal(gmlp_train(&base, &wide, &opts, &net, NULL), GMLP_OK);
        assert_true(jobs_run > 1 && c.count > 2);
        assert_int_equal(c.in_jobs, 0);
        gmlp_net_free(&net);
        assert_int_equal(c.bytes, 0);
    }
}

/* An arena's natural form has no free. */
static uint8_t arena[4 << 20];
static void *arena_alloc(void *user, size_t size) {
    size_t *used = (size_t *)user;
    void *p = arena + *used;
    *used += (size + 7) & ~(size_t)7;
    assert_true(*used <= sizeof arena);
    return p;
}

static void arenas_need_no_free(void **state) {
    gmlp_decode_opts opts;
    gmlp_image out = {part, W, H, 0, GMLP_F32, 3, 0, 0};
    size_t used = 0;
    (void)state;
    memset(&opts, 0, sizeof opts);
    opts.decoder.alloc.user = &used;
    opts.decoder.alloc.alloc = arena_alloc;
    decode_whole(&nets[0], 0);
    assert_int_equal(gmlp_decode(&nets[0], &base, &out, &opts), GMLP_OK);
    assert_same(0, 0, W, H);
    assert_true(used > 0);
}

/* The stack that a call takes, on a painted one. Sanitizers put their own things there. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

typedef struct painted {
    const gmlp_decoder *decoder;
    const gmlp_image *base, *out;
    void *scratch;
    gmlp_result result;
} painted;

static void *decode_painted(void *user) {
    painted *p = (painted *)user;
    if (p->decoder) p->result = gmlp_decoder_rows(p->decoder, p->base, 0, 0, p->out, 0, 0, p->scratch);
    return NULL;
}

static size_t stack_of(painted *p) {
    enum { STACK = 1 << 18 };
    static uint8_t memory[STACK + 4096];
    uint8_t *const stack = memory + (4096 - (uintptr_t)memory % 4096) % 4096;
    pthread_attr_t attr;
    pthread_t thread;
    size_t left = 0;
    memset(stack, 0xa5, STACK);
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstack(&attr, stack, STACK), 0);
    assert_int_equal(pthread_create(&thread, &attr, decode_painted, p), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attr);
    while (left < STACK && stack[left] == 0xa5) left++;
    return STACK - left;
}

static void rows_take_little_stack(void **state) {
    static const int types[] = {GMLP_U8, GMLP_U16, GMLP_F16, GMLP_F32}, spaces[] = {GMLP_P3, GMLP_PROPHOTO_LINEAR, GMLP_REC2020_HLG};
    painted none = {NULL, NULL, NULL, NULL, GMLP_OK};
    const size_t thread = stack_of(&none);
    size_t most = 0;
    (void)state;
    for (int n = 0; n < 4; n++)
        for (int isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++)
            for (int t = 0; t < 4; t++)
                for (int s = 0; s < 3; s++) {
                    gmlp_decoder_opts opts;
                    gmlp_decoder *d;
                    const gmlp_image out = {part, 4200, 2, 0, types[t], 4, 0, 0};
                    painted p = {NULL, &base, &out, NULL, GMLP_OK};
                    size_t used;
                    if (!gmlp_isa_available(isa)) continue;
                    memset(&opts, 0, sizeof opts);
                    opts.isa = isa;
                    assert_int_equal(gmlp_decoder_create(&nets[n], types[t], spaces[s], &opts, &d), GMLP_OK);
                    p.decoder = d;
                    p.scratch = malloc(gmlp_decoder_scratch_size(d, out.width));
                    used = stack_of(&p) - thread;
                    assert_int_equal(p.result, GMLP_OK);
                    if (used > most) most = used;
                    free(p.scratch);
                    gmlp_decoder_free(d);
                }
    print_message("stack of gmlp_decoder_rows: %zu bytes\n", most);
#ifndef SANITIZED
    assert_true(most <= 16384);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_the_callers),
        cmocka_unit_test(columns_are_enough),
        cmocka_unit_test(scratch_is_the_callers),
        cmocka_unit_test(sinks_get_what_rows_hold),
        cmocka_unit_test(streams_equal_the_whole),
        cmocka_unit_test(streams_refuse),
        cmocka_unit_test(jobs_are_few_and_allocate_nothing),
        cmocka_unit_test(training_jobs_allocate_nothing),
        cmocka_unit_test(arenas_need_no_free),
        cmocka_unit_test(rows_take_little_stack),
    };
    return cmocka_run_group_tests(tests, train_all, free_all);
}
