/* What every part of the interface shares: results, types, instruction sets, memory, arguments. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static int default_allocations; /* through GMLP_MALLOC, which a caller's hooks must replace */
static size_t largest_default;
static void *counted_malloc(size_t size) {
    default_allocations++;
    if (size > largest_default) largest_default = size;
    return malloc(size);
}
#define GMLP_MALLOC(size) counted_malloc(size)
#define GMLP_FREE(ptr) free(ptr)
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"

static void test_result_strings(void **state) {
    int i, j;
    (void)state;
    assert_string_equal(gmlp_result_string(GMLP_OK), "success");
    for (i = 0; i < GMLP_RESULT_COUNT; i++) {
        assert_true(strlen(gmlp_result_string((gmlp_result)i)) > 5);
        for (j = 0; j < i; j++)
            assert_string_not_equal(gmlp_result_string((gmlp_result)i), gmlp_result_string((gmlp_result)j));
    }
    assert_string_equal(gmlp_result_string(GMLP_RESULT_COUNT), "unknown result");
    assert_int_equal(GMLP_E_MISMATCH, 14); /* values are stable */
    assert_int_equal(GMLP_E_TARGET, 15);
}

static void test_version(void **state) {
    (void)state;
    assert_int_equal(gmlp_version(), GMLP_VERSION_MAJOR * 10000 + GMLP_VERSION_MINOR * 100 + GMLP_VERSION_PATCH);
    assert_int_equal(gmlp_version(), GMLP_VERSION);
    assert_true(gmlp_version() >= 100);
}

static void test_type_sizes(void **state) {
    (void)state;
    for (int channels = 1; channels <= 4; channels++) {
        const size_t n = channels == 2 ? 0 : (size_t)channels; /* no image has two, planes have samples */
        assert_int_equal(gmlp_pixel_size(GMLP_U8, channels), n);
        assert_int_equal(gmlp_pixel_size(GMLP_U16, channels), 2 * n);
        assert_int_equal(gmlp_pixel_size(GMLP_F16, channels), 2 * n);
        assert_int_equal(gmlp_pixel_size(GMLP_F32, channels), 4 * n);
        assert_int_equal(gmlp_pixel_size(GMLP_BGRA8, channels), channels == 4 ? 4 : 0);
        assert_int_equal(gmlp_pixel_size(GMLP_RGB10A2, channels), channels == 4 ? 4 : 0);
        assert_int_equal(gmlp_pixel_size(GMLP_R11G11B10F, channels), channels == 3 ? 4 : 0);
        assert_int_equal(gmlp_pixel_size(GMLP_RGB9E5, channels), channels == 3 ? 4 : 0);
    }
    for (int type = GMLP_BGRA8; type <= GMLP_RGB9E5; type++) assert_int_equal(gmlp_pixel_size(type, 0), 4);
    assert_int_equal(gmlp_pixel_size(GMLP_U16, 0), 6);
    assert_int_equal(gmlp_pixel_size(GMLP_U16, 5), 0);
    assert_int_equal(gmlp_pixel_size(GMLP_U16, -1), 0);
    assert_int_equal(gmlp_pixel_size(0, 3), 0);
    assert_int_equal(gmlp_pixel_size(9, 0), 0);
}

static void test_instruction_sets(void **state) {
    int isa, named = 0;
    (void)state;
    assert_true(gmlp_isa_available(GMLP_ISA_AUTO));
    assert_true(gmlp_isa_available(GMLP_ISA_SCALAR));
    assert_false(gmlp_isa_available(-1));
    assert_false(gmlp_isa_available(7));
    assert_string_equal(gmlp_isa_name(GMLP_ISA_SCALAR), "scalar");
    assert_string_equal(gmlp_isa_name(99), "unknown");
    for (isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++)
        named += gmlp_isa_available(isa) && !strcmp(gmlp_isa_name(isa), gmlp_isa_name(GMLP_ISA_AUTO));
    assert_int_equal(named, 1);
#if defined(__x86_64__) && defined(__GNUC__) /* the compiler's own look at the processor */
    assert_int_equal(gmlp_isa_available(GMLP_ISA_AVX2), !!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")));
    assert_int_equal(gmlp_isa_available(GMLP_ISA_AVX512), !!__builtin_cpu_supports("avx512f"));
    assert_int_equal(gmlp_isa_available(GMLP_ISA_SSE41), !!__builtin_cpu_supports("sse4.1"));
    assert_false(gmlp_isa_available(GMLP_ISA_NEON));
    assert_false(gmlp_isa_available(GMLP_ISA_WASM));
#elif defined(__aarch64__)
    assert_true(gmlp_isa_available(GMLP_ISA_NEON));
    assert_false(gmlp_isa_available(GMLP_ISA_AVX2));
#endif
}

/* A small picture, and the whole way: reduce, train, blob, embed, extract, read, decode. */
enum { W = 24, H = 16 };
static uint16_t wide_pixels[W * H * 3], out_pixels[W * H * 3];
static uint8_t base_pixels[W * H * 3];

static gmlp_image view(void *data, int type, int space) {
    gmlp_image i;
    memset(&i, 0, sizeof i);
    i.data = data;
    i.width = W;
    i.height = H;
    i.type = type;
    i.space = space;
    return i;
}

static gmlp_image wide_view(void) {
    uint32_t x, y;
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++) {
            uint16_t *p = wide_pixels + (y * W + x) * 3;
            p[0] = (uint16_t)(x * 2700u);
            p[1] = (uint16_t)(y * 4000u);
            p[2] = (uint16_t)((x + y) * 1000u);
        }
    return view(wide_pixels, GMLP_U16, GMLP_PROPHOTO);
}

/* 1x1 grey PNG made with zlib: signature, IHDR, IDAT, IEND. */
static const uint8_t png[] = {
    0x89, 'P', 'N', 'G', 13, 10, 26, 10, 0, 0, 0, 13, 'I', 'H', 'D', 'R', 0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e,
    0x9b, 0x55, 0, 0, 0, 10, 'I', 'D', 'A', 'T', 0x78, 0x9c, 0x63, 0x60, 0, 0, 0, 2, 0, 1, 0x48, 0xaf, 0xa4, 0x71, 0, 0, 0, 0,
    'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};

typedef struct sink { uint8_t bytes[65536]; size_t size; size_t capacity; } sink;

static int to_sink(void *user, const void *bytes, size_t size) {
    sink *s = (sink *)user;
    if (size > s->capacity - s->size) return 1;
    memcpy(s->bytes + s->size, bytes, size);
    s->size += size;
    return 0;
}

static gmlp_result whole_way(const gmlp_alloc *alloc, sink *file) {
    gmlp_image wide = wide_view(), base = view(base_pixels, GMLP_U8, GMLP_SRGB), out = view(out_pixels, GMLP_U16, 0);
    gmlp_convert_opts convert;
    gmlp_train_opts train;
    gmlp_decode_opts decode;
    gmlp_writer writer;
    gmlp_net net, again;
    gmlp_result result;
    static uint8_t bytes[8192];
    void *blob = NULL;
    size_t size;
    memset(&convert, 0, sizeof convert);
    memset(&train, 0, sizeof train);
    memset(&decode, 0, sizeof decode);
    convert.alloc = train.alloc = decode.decoder.alloc = *alloc;
    train.iterations = 2;
    train.batch = 16;
    train.width = 8;
    writer.user = file;
    writer.write = to_sink;
    result = gmlp_reduce(&wide, &base, &convert, NULL);
    if (result) return result;
    memset(&net, 0xa5, sizeof net);
    result = gmlp_train(&base, &wide, &train, &net, NULL);
    if (result) { /* on failure the net is zeroed */
        static const gmlp_net zero;
        assert_null(net.weights);
        assert_int_equal(net.mlp.width, zero.mlp.width);
        return result;
    }
    result = gmlp_blob_write(&net, bytes, sizeof bytes, &size);
    gmlp_net_free(&net);
    assert_null(net.weights);
    if (!result) result = gmlp_png_embed(png, sizeof png, bytes, size, NULL, &writer, NULL);
    if (result) return result;
    result = gmlp_png_extract(file->bytes, file->size, alloc, &blob, &size, NULL);
    if (result) return result;
    result = gmlp_blob_read(blob, size, alloc, &again, NULL);
    gmlp_bytes_free(blob, size, alloc);
    if (result) return result;
    result = gmlp_decode(&again, &base, &out, &decode);
    gmlp_net_free(&again);
    return result;
}

/* Hooks that remember each block's size in front of it, and fail at the wanted call. */
typedef struct ledger { size_t blocks, bytes, calls, fail_at, most; } ledger;
enum { FRONT = 64 };

static void *ledger_alloc(void *user, size_t size) {
    ledger *l = (ledger *)user;
    unsigned char *p;
    if (++l->calls == l->fail_at) return NULL;
    p = (unsigned char *)malloc(size + FRONT);
    if (!p) return NULL;
    memcpy(p, &size, sizeof size);
    l->blocks++;
    l->bytes += size;
    if (l->bytes > l->most) l->most = l->bytes;
    return p + FRONT;
}

static void ledger_free(void *user, void *ptr, size_t size) {
    ledger *l = (ledger *)user;
    unsigned char *p = (unsigned char *)ptr - FRONT;
    size_t was;
    memcpy(&was, p, sizeof was);
    assert_int_equal(size, was); /* free is told what alloc was asked for */
    l->blocks--;
    l->bytes -= size;
    free(p);
}

static void test_memory_hooks(void **state) {
    static sink file;
    ledger l;
    gmlp_alloc alloc;
    size_t calls, k;
    (void)state;
    memset(&l, 0, sizeof l);
    alloc.user = &l;
    alloc.alloc = ledger_alloc;
    alloc.free = ledger_free;
    default_allocations = 0;
    file.capacity = sizeof file.bytes;
    file.size = 0;
    assert_int_equal(whole_way(&alloc, &file), GMLP_OK);
    assert_int_equal(default_allocations, 0);
    assert_int_equal(l.blocks, 0);
    assert_int_equal(l.bytes, 0);
    assert_true(l.calls >= 4);
    /* each allocation fails once: a clean error, nothing kept */
    calls = l.calls;
    for (k = 1; k <= calls; k++) {
        memset(&l, 0, sizeof l);
        l.fail_at = k;
        file.size = 0;
        assert_int_equal(whole_way(&alloc, &file), GMLP_E_MEMORY);
        assert_int_equal(l.blocks, 0);
    }
    assert_int_equal(default_allocations, 0);
}

static void test_writer_failure(void **state) {
    static const gmlp_alloc none;
    static sink file;
    (void)state;
    file.capacity = file.size = 0;
    assert_int_equal(whole_way(&none, &file), GMLP_E_WRITE);
    file.capacity = 100; /* later, in the middle of the file */
    assert_int_equal(whole_way(&none, &file), GMLP_E_WRITE);
}

static int cancel_at_third(void *user, uint32_t step, uint32_t steps) {
    uint32_t *seen = (uint32_t *)user;
    assert_int_equal(steps, 10);
    assert_true(step <= steps);
    return ++*seen == 3;
}

static void test_cancel(void **state) {
    gmlp_image wide = wide_view(), base = view(base_pixels, GMLP_U8, GMLP_SRGB);
    gmlp_train_opts train;
    gmlp_net net;
    uint32_t seen = 0;
    (void)state;
    memset(&train, 0, sizeof train);
    train.iterations = 10;
    train.batch = 16;
    train.progress = cancel_at_third;
    train.progress_user = &seen;
    assert_int_equal(gmlp_reduce(&wide, &base, NULL, NULL), GMLP_OK);
    memset(&net, 0xa5, sizeof net);
    assert_int_equal(gmlp_train(&base, &wide, &train, &net, NULL), GMLP_E_CANCELLED);
    assert_int_equal(seen, 3);
    assert_null(net.weights);
    assert_int_equal(net.width, 0);
}

/* Views that no function may touch. */
static void test_bad_views(void **state) {
    gmlp_image good = wide_view(), base = view(base_pixels, GMLP_U8, GMLP_SRGB), bad;
    gmlp_net net;
    gmlp_result expected;
    int i;
    (void)state;
    assert_int_equal(gmlp_reduce(&good, &base, NULL, NULL), GMLP_OK);
    for (i = 0; i < 10; i++) {
        bad = good;
        switch (i) {
            case 0: bad.data = NULL; break;
            case 1: bad.width = 0; break;
            case 2: bad.height = 0; break;
            case 3: bad.width = 65536; break;
            case 4: bad.height = 65536; break;
            case 5: bad.type = 0; break;
            case 6: bad.type = 9; break;
            case 7: bad.channels = 2; break;
            case 8: bad.channels = 5; break;
            default: bad.space = 1000; break;
        }
        expected = i == 3 || i == 4 ? GMLP_E_LIMIT : GMLP_E_ARGUMENT;
        assert_int_equal(gmlp_reduce(&bad, &base, NULL, NULL), expected);
        assert_int_equal(gmlp_convert(&bad, &good, NULL), expected);
        assert_int_equal(gmlp_convert(&good, &bad, NULL), expected);
        assert_int_equal(gmlp_train(&base, &bad, NULL, &net, NULL), GMLP_E_ARGUMENT);
        assert_null(net.weights);
    }
    assert_int_equal(gmlp_reduce(NULL, &base, NULL, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_reduce(&good, NULL, NULL, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_reduce(&good, &good, NULL, NULL), GMLP_E_ARGUMENT); /* a base is 8-bit sRGB */
    bad = base;
    bad.width--;
    assert_int_equal(gmlp_reduce(&good, &bad, NULL, NULL), GMLP_E_ARGUMENT); /* another size */
}

static void test_bad_instruction_set(void **state) {
#ifdef __aarch64__
    const int missing = GMLP_ISA_AVX2;
#else
    const int missing = GMLP_ISA_NEON;
#endif
    gmlp_image wide = wide_view(), base = view(base_pixels, GMLP_U8, GMLP_SRGB);
    gmlp_convert_opts convert;
    gmlp_train_opts train;
    gmlp_net net;
    (void)state;
    memset(&convert, 0, sizeof convert);
    memset(&train, 0, sizeof train);
    convert.isa = train.isa = missing;
    assert_int_equal(gmlp_reduce(&wide, &base, &convert, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_convert(&wide, &base, &convert), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_train(&base, &wide, &train, &net, NULL), GMLP_E_ARGUMENT);
}

/* Outputs after a failure, as the manual has them: nets, pointers and reports zeroed, the rest as it was. */
static int all_are(const void *p, size_t n, int byte) {
    const uint8_t *b = (const uint8_t *)p;
    while (n && b[n - 1] == byte) n--;
    return !n;
}

static void test_outputs_after_failure(void **state) {
    static const gmlp_net zero;
    static uint8_t base[W * H * 3], mask[W * H];
    gmlp_image wide = wide_view(), to = view(base, GMLP_U8, GMLP_SRGB), bad = wide;
    gmlp_mlp mlp;
    gmlp_gamut_report gamut;
    gmlp_train_report train;
    gmlp_soft_clip extremes;
    gmlp_convert_opts convert;
    float inputs[GMLP_INPUTS], numbers[400];
    gmlp_net net;
    size_t size = 1;
    void *blob = base;
    (void)state;
    bad.space = 1000;
    memset(base, 0xa5, sizeof base);
    memset(mask, 0xa5, sizeof mask);
    memset(&gamut, 0xa5, sizeof gamut);
    memset(&train, 0xa5, sizeof train);
    memset(&extremes, 0xa5, sizeof extremes);
    memset(&net, 0xa5, sizeof net);
    memset(numbers, 0xa5, sizeof numbers);
    memset(inputs, 0, sizeof inputs);
    memset(&convert, 0, sizeof convert);
    memset(&mlp, 0, sizeof mlp);
    convert.adaptation = 99;
    mlp.width = 12;
    mlp.frequencies[0] = 1;
    assert_int_equal(gmlp_reduce(NULL, &to, NULL, &gamut), GMLP_E_ARGUMENT);
    assert_true(all_are(&gamut, sizeof gamut, 0));
    memset(&gamut, 0xa5, sizeof gamut);
    assert_int_equal(gmlp_reduce(&wide, &to, &convert, &gamut), GMLP_E_ARGUMENT);
    assert_true(all_are(&gamut, sizeof gamut, 0) && all_are(base, sizeof base, 0xa5));
    assert_int_equal(gmlp_out_of_gamut_mask(&bad, mask, NULL), GMLP_E_ARGUMENT);
    assert_true(all_are(mask, sizeof mask, 0xa5));
    assert_int_equal(gmlp_soft_clip_measure(&bad, &extremes, NULL), GMLP_E_ARGUMENT);
    assert_true(all_are(&extremes, sizeof extremes, 0xa5));
    assert_int_equal(gmlp_mlp_init(&mlp, 0, 1.0f, numbers), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_mlp_forward(&mlp, inputs, inputs, 1, numbers, 0, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_mlp_gradient(&mlp, inputs, inputs, inputs, 1, NULL, numbers, 0, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_sinusoidal_encoding(mlp.frequencies, inputs, 1, numbers, 99), GMLP_E_ARGUMENT);
    assert_true(all_are(numbers, sizeof numbers, 0xa5));
    assert_int_equal(gmlp_train(&to, &bad, NULL, &net, &train), GMLP_E_ARGUMENT);
    assert_true(all_are(&train, sizeof train, 0));
    assert_memory_equal(&net, &zero, sizeof net);
    memset(&net, 0xa5, sizeof net);
    assert_int_equal(gmlp_open("", 0, NULL, &net, NULL), GMLP_E_FORMAT);
    assert_memory_equal(&net, &zero, sizeof net);
    assert_int_equal(gmlp_jpeg_extract(NULL, 0, NULL, &blob, &size, NULL), GMLP_E_ARGUMENT);
    assert_true(!blob && !size);
    blob = base;
    size = 1;
    assert_int_equal(gmlp_extract("", 0, NULL, &blob, &size, NULL), GMLP_E_FORMAT);
    assert_true(!blob && !size);
}

/* What bytes can cost (>>bounds), of the worst that are known. */
typedef struct counted_writer { size_t calls, bytes; } counted_writer;
static int count_bytes(void *user, const void *bytes, size_t size) {
    counted_writer *w = (counted_writer *)user;
    (void)bytes;
    w->calls++;
    w->bytes += size;
    return 0;
}

static uint8_t *put_be32(uint8_t *p, uint32_t v) {
    *p++ = (uint8_t)(v >> 24), *p++ = (uint8_t)(v >> 16), *p++ = (uint8_t)(v >> 8), *p++ = (uint8_t)v;
    return p;
}
static uint8_t *put(uint8_t *p, const void *bytes, size_t n) {
    memcpy(p, bytes, n);
    return p + n;
}
/* Ends the chunk that begins there. */
static uint8_t *end_chunk(uint8_t *start, uint8_t *p) {
    put_be32(start, (uint32_t)(p - start) - 8);
    return put_be32(p, gmlp__crc32(0, start + 4, (size_t)(p - start) - 4));
}

/* A PNG with a compressed text of that many bytes, of stored blocks, in base64 with the marks of a blob and no more:
   what is unpacked and decoded in vain. xmp: as properties of so many letters in a packet. */
static size_t make_costly_png(uint8_t *file, size_t text_size, int xmp) {
    static const char property[] = " GamutMLP:Blob='R01MU";
    uint8_t *p = file, *start, *block = NULL;
    size_t i, left = 0, value = 0;
    p = put(p, png, 33);
    start = p;
    p = put(p + 4, "iTXt", 4);
    p = xmp ? put(p, "XML:com.adobe.xmp\0\1\0\0", 22) : put(p, "GamutMLP\0\1\0\0", 13);
    p = put(p, "\x78\1", 2);
    for (i = 0; i < text_size; i++) {
        char c = 'A';
        if (!left) {
            left = text_size - i < 65535 ? text_size - i : 65535;
            block = p;
            *p++ = text_size - i <= 65535;
            *p++ = (uint8_t)left, *p++ = (uint8_t)(left >> 8), *p++ = (uint8_t)~left, *p++ = (uint8_t)(~left >> 8);
        }
        if (xmp) {
            c = value < sizeof property - 1 ? property[value] : value < (size_t)xmp ? 'A' : '\'';
            value = value == (size_t)xmp ? 0 : value + 1;
        } else if (i < 5) c = "R01MU"[i];
        *p++ = (uint8_t)c;
        left--;
    }
    assert_non_null(block);
    p = end_chunk(start, put_be32(p, 0));
    p = put(p, png + 33, sizeof png - 33);
    return (size_t)(p - file);
}

/* A JPEG of so many segments with a piece each of one blob, or of as many empty comments. */
static size_t make_costly_jpeg(uint8_t *file, int pieces, size_t size) {
    uint8_t *p = put(file, "\xff\xd8", 2);
    int i;
    for (i = 1; i <= pieces; i++) {
        p = put(p, size ? "\xff\xeb" : "\xff\xfe", 2);
        if (size) {
            *p++ = (uint8_t)((size + 13) >> 8), *p++ = (uint8_t)(size + 13);
            p = put(p, "GamutMLP", 9);
            *p++ = (uint8_t)i, *p++ = (uint8_t)pieces;
            memset(p, 'x', size);
            if (i == 1) memcpy(p, "GMLP", 4);
            p += size;
        } else p = put(p, "\0\2", 2);
    }
    return (size_t)(put(p, "\xff\xda\0\2\xff\xd9", 6) - file);
}

static void costs(const uint8_t *file, size_t n, const uint8_t *blob, size_t blob_size, size_t *held, size_t *written) {
    ledger l;
    gmlp_alloc alloc;
    counted_writer w = {0, 0};
    gmlp_writer writer;
    gmlp_net net;
    memset(&l, 0, sizeof l);
    alloc.user = &l;
    alloc.alloc = ledger_alloc;
    alloc.free = ledger_free;
    writer.user = &w;
    writer.write = count_bytes;
    assert_true(gmlp_open(file, n, &alloc, &net, NULL) != GMLP_OK);
    assert_int_equal(gmlp_carriers_present(file, n, &alloc), 0);
    assert_int_equal(l.blocks, 0);
    assert_true(l.most <= 28 * n + 243 * 1024 && l.most <= 3u << 20);
    largest_default = 0;
    assert_int_equal(gmlp_embed(file, n, blob, blob_size, NULL, &writer, NULL), GMLP_OK);
    assert_int_equal(gmlp_strip(file, n, &writer, NULL), GMLP_OK);
    assert_true(largest_default <= 16 * n && largest_default <= 2u << 20);
    assert_true(w.bytes <= 2 * 16 * n + 4 * blob_size + 4096 && w.calls <= n);
    *held = l.most;
    *written = w.calls;
}

static void test_bounds(void **state) {
    enum { MOST = 4 << 20 };
    uint8_t *file = (uint8_t *)malloc(MOST), *blob = (uint8_t *)malloc(GMLP_MAX_BLOB);
    gmlp_image wide = wide_view(), base = view(base_pixels, GMLP_U8, GMLP_SRGB);
    gmlp_decoder_opts decoder_opts;
    gmlp_train_opts train;
    gmlp_decoder *decoder;
    gmlp_net net;
    ledger l;
    size_t n, size, held, calls, before[4] = {0, 0, 0, 0}, worst = 0;
    int i, k;
    (void)state;
    assert_int_equal(gmlp_reduce(&wide, &base, NULL, NULL), GMLP_OK);
    memset(&train, 0, sizeof train);
    train.iterations = 1;
    train.batch = 16;
    train.width = GMLP_MAX_WIDTH;
    train.budget = 65536;
    memset(train.frequencies, GMLP_MAX_FREQUENCIES, sizeof train.frequencies);
    train.radius[0] = train.radius[1] = GMLP_MAX_RADIUS;
    assert_int_equal(gmlp_train(&base, &wide, &train, &net, NULL), GMLP_OK);
    assert_int_equal(gmlp_blob_write(&net, blob, GMLP_MAX_BLOB, &size), GMLP_OK);
    for (i = 0; i < 4; i++) /* each twice as large as the one before */
        for (k = 0; k < 4; k++) {
            n = k < 3 ? make_costly_png(file, (size_t)170000 << i, k == 1 ? 60 : k == 2 ? 100000 : 0)
                      : make_costly_jpeg(file, 30 << i, 4000);
            assert_true(n <= MOST);
            costs(file, n, blob, size, &held, &calls);
            assert_true(!before[k] || calls <= 2 * before[k] + 20); /* work goes with the size */
            before[k] = calls;
            if (held > worst) worst = held;
        }
    assert_true(worst > 5u << 19); /* these do reach for the limit */
    n = make_costly_jpeg(file, 500000, 0);
    costs(file, n, blob, size, &held, &calls);
    assert_int_equal(held, 0);
    gmlp_net_free(&net);
    /* The largest network, of a picture as wide as a blob may claim. */
    memset(&l, 0, sizeof l);
    memset(&decoder_opts, 0, sizeof decoder_opts);
    decoder_opts.alloc.user = &l;
    decoder_opts.alloc.alloc = ledger_alloc;
    decoder_opts.alloc.free = ledger_free;
    assert_int_equal(gmlp_blob_read(blob, size, &decoder_opts.alloc, &net, NULL), GMLP_OK);
    assert_true(l.most > 240 * 1024 && l.most <= 243 * 1024);
    l.most = 0;
    net.width = net.base_width = net.height = net.base_height = GMLP_MAX_SIZE;
    assert_int_equal(gmlp_decoder_create(&net, GMLP_F16, GMLP_PROPHOTO, &decoder_opts, &decoder), GMLP_OK);
    assert_true(l.most > 16u << 20 && l.most <= 18u << 20);
    assert_true(gmlp_decoder_scratch_size(decoder, 0) <= 400000);
    gmlp_decoder_free(decoder);
    gmlp_net_free(&net);
    assert_int_equal(l.bytes, 0);
    free(blob);
    free(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_result_strings), cmocka_unit_test(test_version),
        cmocka_unit_test(test_type_sizes),     cmocka_unit_test(test_instruction_sets),
        cmocka_unit_test(test_memory_hooks),   cmocka_unit_test(test_writer_failure),
        cmocka_unit_test(test_cancel),         cmocka_unit_test(test_bad_views),
        cmocka_unit_test(test_bad_instruction_set), cmocka_unit_test(test_outputs_after_failure),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
