/* >>blob: layout, limits, coding and rounding of weights, signatures. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fenv.h>
#include <limits.h>
#include <math.h>
#include <cmocka.h>

/* The checksum bit by bit, independent of the library's table. */
static uint32_t crc_by_definition(const uint8_t *p, size_t n) {
    uint32_t crc = 0xffffffffu;
    int k;
    while (n--)
        for (crc ^= *p++, k = 0; k < 8; k++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    return ~crc;
}

static void seal(uint8_t *p, size_t n) {
    const uint32_t crc = crc_by_definition(p, n - 4);
    int i;
    for (i = 0; i < 4; i++) p[n - 4 + (size_t)i] = (uint8_t)(crc >> 8 * i);
}

static uint32_t rng_state = 1;
static uint32_t rng(void) {
    rng_state = rng_state * 1664525u + 1013904223u;
    return rng_state >> 8;
}
static float uniform(void) { return (float)rng() / 8388608.0f - 1.0f; } /* [-1,1) */

static gmlp_net make_net(int coding, int bias, int width, int bands) {
    gmlp_net net;
    int i;
    memset(&net, 0, sizeof net);
    net.method = GMLP_METHOD_RESIDUAL;
    net.wide_space = GMLP_PROPHOTO;
    net.base_space = GMLP_SRGB;
    net.weight_format = coding;
    net.mlp.bias = bias;
    net.mlp.width = width;
    for (i = 0; i < 5; i++) net.mlp.frequencies[i] = (uint8_t)bands;
    net.width = net.base_width = 640;
    net.height = net.base_height = 480;
    net.coords.col_step = net.coords.row_step = 1.0f;
    for (i = 0; i < GMLP_SIGNATURE_SIZE; i++) net.signature[i] = (uint8_t)(3 * i);
    for (i = 0; i < 3 && coding == GMLP_WEIGHTS_QUANTIZED; i++) net.step_size[i] = 1.0f;
    net.weights = (float *)calloc(gmlp_mlp_weights(&net.mlp), sizeof(float));
    return net;
}

static void assert_same_net(const gmlp_net *a, const gmlp_net *b) {
    assert_int_equal(a->method, b->method);
    assert_int_equal(a->wide_space, b->wide_space);
    assert_int_equal(a->adaptation, b->adaptation);
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->base_width, b->base_width);
    assert_int_equal(a->base_height, b->base_height);
    assert_memory_equal(&a->coords, &b->coords, sizeof a->coords);
    assert_int_equal(a->inputs, b->inputs);
    assert_int_equal(a->mask, b->mask);
    assert_int_equal(a->clip_margin, b->clip_margin);
    assert_int_equal(a->weight_format, b->weight_format);
    assert_memory_equal(a->step_size, b->step_size, sizeof a->step_size);
    assert_memory_equal(&a->mlp, &b->mlp, sizeof a->mlp);
    assert_memory_equal(a->signature, b->signature, sizeof a->signature);
    if (a->method) assert_memory_equal(a->weights, b->weights, gmlp_mlp_weights(&a->mlp) * sizeof(float));
}

static void assert_zeroed(const gmlp_net *net) {
    gmlp_net zero;
    memset(&zero, 0, sizeof zero);
    assert_memory_equal(net, &zero, sizeof zero);
}

/* Published check values (ITU-T V.42 / PNG). */
static void test_crc(void **state) {
    (void)state;
    assert_int_equal(gmlp__crc32(0, (const uint8_t *)"", 0), 0);
    assert_int_equal(gmlp__crc32(0, (const uint8_t *)"123456789", 9), 0xcbf43926u);
    assert_int_equal(gmlp__crc32(0, (const uint8_t *)"IEND", 4), 0xae426082u);
    assert_int_equal(gmlp__crc32(gmlp__crc32(0, (const uint8_t *)"1234", 4), (const uint8_t *)"56789", 5), 0xcbf43926u);
}

/* The coder of weights after the manual's text, built unlike the library's: numbers become a list of decisions
   first, and the interval is kept in 64 bits with an end of its own. */
typedef struct chance {
    int p, n;
} chance;

typedef struct layer_chances {
    chance ones[15], upper[16], next[16][2];
} layer_chances;

static void unlearnt(layer_chances *c) {
    chance *m = (chance *)c;
    size_t i;
    for (i = 0; i < sizeof *c / sizeof *m; i++) {
        m[i].p = 32768;
        m[i].n = 0;
    }
}

static uint64_t ones_share(const chance *m, uint64_t start, uint64_t end) { /* how many of start..end-1 mean a one */
    const int p = !m ? 32768 : m->p < 64 ? 64 : m->p > 65472 ? 65472 : m->p;
    return (end - 1 - start) * (uint64_t)p / 65536 + 1;
}

static void learn(chance *m, int bit) {
    int distance;
    if (!m) return;
    distance = bit ? 65535 - m->p : m->p;
    m->p = bit ? m->p + distance * 2 / (2 * m->n + 3) : m->p - distance * 2 / (2 * m->n + 3);
    if (m->n < 127) m->n++;
}

typedef struct bytes {
    uint8_t p[1 << 18];
    size_t n;
    uint64_t start, end; /* of the numbers 0..2^32-1 */
} bytes;

static void encode_decision(bytes *b, chance *m, int bit) {
    const uint64_t cut = b->start + ones_share(m, b->start, b->end);
    if (bit) b->end = cut;
    else b->start = cut;
    learn(m, bit);
    while (b->start / 16777216 == (b->end - 1) / 16777216) {
        assert_true(b->n < sizeof b->p);
        b->p[b->n++] = (uint8_t)(b->start / 16777216);
        b->start = b->start % 16777216 * 256;
        b->end = ((b->end - 1) % 16777216 + 1) * 256;
    }
}

static void encode_number(bytes *b, layer_chances *c, long q) {
    const long v = (q < 0 ? -q : q) + 1;
    int k = 0, i;
    while (v >> k > 1) k++;
    assert_true(k <= 15);
    for (i = 0; i < k; i++) encode_decision(b, &c->ones[i], 1);
    if (k < 15) encode_decision(b, &c->ones[k], 0);
    if (k > 0) encode_decision(b, &c->upper[k], (int)(v >> (k - 1) & 1));
    if (k > 1) encode_decision(b, &c->next[k][v >> (k - 1) & 1], (int)(v >> (k - 2) & 1));
    for (i = k - 3; i >= 0; i--) encode_decision(b, NULL, (int)(v >> i & 1));
    if (q) encode_decision(b, NULL, q < 0);
}

/* How many weights of each layer a blob holds, and where the layer starts. */
static void layer_sizes(const gmlp_mlp *m, size_t start[3], size_t count[3]) {
    const size_t in[3] = {gmlp_mlp_features(m), (size_t)m->width, (size_t)m->width}, out[3] = {(size_t)m->width, (size_t)m->width, 3};
    size_t k, at = 0;
    for (k = 0; k < 3; k++) {
        start[k] = at;
        count[k] = in[k] * out[k] + (k == 0 || m->bias == GMLP_BIAS_ALL ? out[k] : 0);
        at += (in[k] + 1) * out[k];
    }
}

static void encode_stream(bytes *b, const gmlp_mlp *m, const long *q) {
    layer_chances c;
    size_t start[3], count[3], i, k;
    layer_sizes(m, start, count);
    b->n = 0;
    b->start = 0;
    b->end = (uint64_t)1 << 32;
    for (k = 0; k < 3; k++) {
        unlearnt(&c);
        for (i = 0; i < count[k]; i++) encode_number(b, &c, q[start[k] + i]);
    }
    b->p[b->n++] = (uint8_t)((b->end - 1) / 16777216);
}

typedef struct reader {
    const uint8_t *p;
    size_t n, at; /* at: bytes shifted out */
    uint64_t start, end;
} reader;

static int decode_decision(reader *r, chance *m) {
    const uint64_t cut = r->start + ones_share(m, r->start, r->end);
    uint64_t number = 0;
    size_t i;
    int bit;
    for (i = r->at; i < r->at + 4; i++) number = number * 256 + (i < r->n ? r->p[i] : 0);
    bit = number < cut;
    if (bit) r->end = cut;
    else r->start = cut;
    learn(m, bit);
    for (; r->start >> 24 == (r->end - 1) >> 24; r->at++) {
        r->start = r->start << 8 & 0xffffffffu;
        r->end = (((r->end - 1) & 0xffffffu) << 8) + 256;
    }
    return bit;
}

static void decode_stream(const uint8_t *p, size_t n, const gmlp_mlp *m, long *q) {
    reader r = {NULL, 0, 0, 0, 0};
    layer_chances c;
    size_t start[3], count[3], i, k;
    layer_sizes(m, start, count);
    r.p = p;
    r.n = n;
    r.end = (uint64_t)1 << 32;
    for (k = 0; k < 3; k++) {
        unlearnt(&c);
        for (i = 0; i < count[k]; i++) {
            int places = 0, left, upper;
            long v = 1;
            while (places < 15 && decode_decision(&r, &c.ones[places])) places++;
            left = places;
            if (left > 0) {
                upper = decode_decision(&r, &c.upper[places]);
                v = 2 + upper;
                left--;
                if (left > 0) {
                    v = 2 * v + decode_decision(&r, &c.next[places][upper]);
                    for (left--; left > 0; left--) v = 2 * v + decode_decision(&r, NULL);
                }
            }
            q[start[k] + i] = v == 1 ? 0 : decode_decision(&r, NULL) ? 1 - v : v - 1;
        }
    }
    assert_int_equal(r.at + 1, n);
}

/* gmlp_blob_info says what gmlp_blob_read says, but for the weights. */
static void check_info(const uint8_t *p, size_t size, gmlp_result read, const gmlp_error *err, const gmlp_net *net) {
    gmlp_blob_desc d, zero;
    gmlp_error why;
    gmlp_result result;
    memset(&zero, 0, sizeof zero);
    memset(&d, 0xee, sizeof d);
    result = gmlp_blob_info(p, size, &d, &why);
    if (read != GMLP_OK && (read != GMLP_E_WEIGHT || result != GMLP_OK)) {
        assert_int_equal(result, read);
        assert_int_equal(why.result, read);
        assert_int_equal(why.offset, err->offset);
        assert_string_equal(why.text, err->text);
        assert_memory_equal(&d, &zero, sizeof d);
        return;
    }
    assert_int_equal(result, GMLP_OK);
    assert_int_equal(d.version, p[4]);
    assert_int_equal(d.size, size);
    if (read != GMLP_OK) return;
    assert_int_equal(d.method, net->method);
    assert_int_equal(d.wide_space, net->wide_space);
    assert_int_equal(d.base_space, net->base_space);
    assert_int_equal(d.hidden_width, net->mlp.width);
    assert_int_equal(d.width, net->width);
    assert_int_equal(d.height, net->height);
    assert_int_equal(d.base_width, net->base_width);
    assert_int_equal(d.base_height, net->base_height);
    assert_int_equal(d.halo, gmlp_net_halo(net));
    assert_int_equal(d.weights, net->weights ? gmlp_mlp_weights(&net->mlp) : 0);
}

/* A blob written by hand after the manual. 8 wide, one band of one input: W1 2x8, W2 8x8, W3 8x3. */
enum { HAND_WEIGHTS = 24 + 72 + 27, HAND_SIZE = 118 + 4 * HAND_WEIGHTS + 4, HAND_ROOM = 1024 };
static void hand_head(uint8_t *p) {
    static const uint8_t head[54] = {
        'G', 'M', 'L', 'P', 3, 1, 4 /* ProPhoto */, 1 /* sRGB */, 1 /* CAT02 */, 1 /* transposed */,
        0x34, 0x12, 0x78, 0x56, 0xff, 0xff, 1, 0, /* 4660 x 22136, base 65535 x 1 */
        0, 0, 0xa0, 0x40, 0, 0, 0x80, 0xbf, 0, 0, 0x20, 0xc1, 0, 0, 0, 0x3f, /* 5, -1, -10, 0.5 */
        1 /* wide */, 1 /* all */, 63, 2 /* floats */, 1 /* sine */, 0, 8, 0, 0, 0, 0, 1 /* and no windows */
    };
    size_t i;
    memset(p, 0, HAND_SIZE);
    memcpy(p, head, sizeof head);
    for (i = 0; i < 64; i++) p[54 + i] = (uint8_t)(i + 1);
}

static size_t hand_blob(uint8_t *p) {
    size_t i;
    hand_head(p);
    for (i = 0; i < HAND_WEIGHTS; i++) { /* i + 1 */
        const float v = (float)(i + 1);
        uint32_t u;
        memcpy(&u, &v, 4);
        gmlp__put_le(p + 118 + 4 * i, u, 4);
    }
    seal(p, HAND_SIZE);
    return HAND_SIZE;
}

/* The same with weights of steps 1, 0.5 and 2: i % 5 - 2 of them. Returns its length; p holds HAND_ROOM. */
static size_t hand_coded(uint8_t *p) {
    static const uint32_t steps[3] = {0x3f800000u, 0x3f000000u, 0x40000000u};
    static bytes b;
    gmlp_mlp m;
    long q[HAND_WEIGHTS];
    size_t i;
    hand_head(p);
    p[37] = 1;
    for (i = 0; i < 3; i++) gmlp__put_le(p + 118 + 4 * i, steps[i], 4);
    memset(&m, 0, sizeof m);
    m.width = 8;
    m.frequencies[4] = 1;
    for (i = 0; i < HAND_WEIGHTS; i++) q[i] = (long)(i % 5) - 2;
    encode_stream(&b, &m, q);
    assert_true(130 + b.n + 4 <= HAND_ROOM);
    memcpy(p + 130, b.p, b.n);
    seal(p, 130 + b.n + 4);
    return 130 + b.n + 4;
}

static void test_layout(void **state) {
    uint8_t p[HAND_ROOM], again[HAND_ROOM];
    gmlp_net net;
    size_t i, size, written;
    int coded;
    (void)state;
    for (coded = 0; coded < 2; coded++) {
        size = coded ? hand_coded(p) : hand_blob(p);
        assert_int_equal(gmlp_blob_read(p, size, NULL, &net, NULL), GMLP_OK);
        assert_int_equal(net.method, GMLP_METHOD_RESIDUAL);
        assert_int_equal(net.wide_space, GMLP_PROPHOTO);
        assert_int_equal(net.adaptation, GMLP_CAT02);
        assert_int_equal(net.coords.transpose, 1);
        assert_int_equal(net.width, 0x1234);
        assert_int_equal(net.height, 0x5678);
        assert_int_equal(net.base_width, 65535);
        assert_int_equal(net.base_height, 1);
        assert_true(net.coords.col == 5.0f && net.coords.col_step == -1.0f && net.coords.row == -10.0f && net.coords.row_step == 0.5f);
        assert_int_equal(net.inputs, GMLP_INPUT_WIDE);
        assert_int_equal(net.mask, GMLP_MASK_ALL);
        assert_int_equal(net.clip_margin, 63);
        assert_int_equal(net.weight_format, coded ? GMLP_WEIGHTS_QUANTIZED : GMLP_WEIGHTS_F32);
        assert_int_equal(net.mlp.activation, GMLP_SINE);
        assert_int_equal(net.mlp.bias, GMLP_BIAS_ALL);
        assert_int_equal(net.mlp.width, 8);
        assert_int_equal(net.mlp.frequencies[4], 1);
        assert_int_equal(net.signature[63], 64);
        assert_int_equal(gmlp_mlp_weights(&net.mlp), HAND_WEIGHTS);
        for (i = 0; i < 3; i++) assert_true(net.step_size[i] == (!coded ? 0.0f : i == 0 ? 1.0f : i == 1 ? 0.5f : 2.0f));
        for (i = 0; i < HAND_WEIGHTS; i++)
            assert_true(net.weights[i] == (!coded ? (float)(i + 1) : ((float)(i % 5) - 2.0f) * net.step_size[i < 24 ? 0 : i < 96 ? 1 : 2]));
        assert_int_equal(gmlp_blob_size(&net), size);
        check_info(p, size, GMLP_OK, NULL, &net);
        memset(again, 0xaa, sizeof again);
        for (i = 0; i < size; i++) {
            written = 7;
            assert_int_equal(gmlp_blob_write(&net, again, i, &written), GMLP_E_BUFFER);
            assert_int_equal(written, size);
        }
        for (i = 0; i < sizeof again; i++) assert_int_equal(again[i], 0xaa);
        assert_int_equal(gmlp_blob_write(&net, NULL, 0, &written), GMLP_E_BUFFER);
        assert_int_equal(written, size);
        assert_int_equal(gmlp_blob_write(&net, NULL, size, &written), GMLP_E_ARGUMENT);
        assert_int_equal(gmlp_blob_write(&net, again, size, NULL), GMLP_E_ARGUMENT);
        assert_int_equal(gmlp_blob_write(&net, again, sizeof again, &written), GMLP_OK);
        assert_int_equal(written, size);
        assert_memory_equal(again, p, size);
        gmlp_net_free(&net);
        assert_zeroed(&net);
        gmlp_net_free(&net);
    }
}

/* A list of sections between what stands before the weights and these: of kinds 1, 7 and 255, the second one empty. */
enum { LIST = 2 + 3 * 2 + 5 + 64 };
static size_t hand_sections(uint8_t *p, int coded) {
    static const uint8_t kinds[3] = {1, 7, 255}, sizes[3] = {5, 0, 64};
    const size_t size = coded ? hand_coded(p) : hand_blob(p);
    uint8_t *to = p + 118;
    size_t i, k;
    memmove(p + 118 + LIST, p + 118, size - 118);
    p[4] = 4;
    *to++ = LIST - 2, *to++ = 0;
    for (i = 0; i < 3; i++)
        for (*to++ = kinds[i], *to++ = sizes[i], k = 0; k < sizes[i]; k++) *to++ = (uint8_t)(100 * i + k);
    seal(p, size + LIST);
    return size + LIST;
}

static void test_sections(void **state) {
    uint8_t p[HAND_ROOM], again[HAND_ROOM], plain[HAND_ROOM];
    gmlp_net net, other;
    const uint8_t *at;
    gmlp_error err;
    size_t size, n, written;
    int coded, kind;
    (void)state;
    for (coded = 0; coded < 2; coded++) {
        size = hand_sections(p, coded);
        assert_int_equal(gmlp_blob_read(p, size, NULL, &net, NULL), GMLP_OK);
        check_info(p, size, GMLP_OK, NULL, &net);
        for (kind = -1; kind < 258; kind++) { /* of each what is there */
            at = gmlp_net_section(&net, kind, &n);
            if (kind != 1 && kind != 7 && kind != 255) {
                assert_null(at);
                assert_int_equal(n, 0);
                continue;
            }
            assert_int_equal(n, kind == 1 ? 5 : kind == 7 ? 0 : 64);
            if (n) assert_int_equal(at[n - 1], kind == 1 ? 4 : (200 + 63) & 255);
        }
        assert_int_equal(gmlp_blob_size(&net), size);
        assert_int_equal(gmlp_blob_write(&net, again, sizeof again, &written), GMLP_OK);
        assert_int_equal(written, size);
        assert_memory_equal(again, p, size);
        /* without them it is the blob that it always was */
        for (kind = 1; kind < 256; kind++) assert_int_equal(gmlp_net_section_set(&net, kind, NULL, 0), GMLP_OK);
        assert_int_equal(net.section_bytes, 0);
        assert_int_equal(gmlp_blob_write(&net, again, sizeof again, &written), GMLP_OK);
        assert_int_equal(written, coded ? hand_coded(plain) : hand_blob(plain));
        assert_memory_equal(again, plain, written);
        assert_int_equal(gmlp_blob_read(plain, written, NULL, &other, NULL), GMLP_OK);
        assert_same_net(&net, &other);
        gmlp_net_free(&net);
        gmlp_net_free(&other);
        /* cut short within the list and before it */
        for (n = 0; n < 118 + LIST + (coded ? 13u : 0u); n++) {
            uint8_t *cut = (uint8_t *)malloc(n ? n : 1);
            hand_sections(p, coded);
            memcpy(cut, p, n);
            assert_int_equal(gmlp_blob_read(cut, n, NULL, &net, &err), GMLP_E_TRUNCATED);
            assert_int_equal(err.offset, n);
            check_info(cut, n, GMLP_E_TRUNCATED, &err, NULL);
            free(cut);
        }
    }
}

/* Lists that are none, each with a right checksum. */
static void test_sections_wrong(void **state) {
    static const struct {
        uint8_t at, value, offset; /* from the list's start on */
    } cases[] = {
        {0, 0, 0}, {1, 5, 0},                   /* no bytes; more than 1024 */
        {2, 0, 0}, {9, 1, 0}, {9, 0, 0},        /* kind 0; kinds that do not rise */
        {2, 7, 0}, {11, 7, 0}, {11, 2, 0},
        {3, 6, 0}, {3, 255, 0}, {10, 1, 0}, {12, 63, 0}, {12, 65, 0}, {12, 0, 0} /* lengths that do not add up */
    };
    uint8_t p[HAND_ROOM];
    gmlp_net net;
    gmlp_error err;
    size_t i, size;
    (void)state;
    for (i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        size = hand_sections(p, i % 2 != 0);
        p[118 + cases[i / 2].at] = cases[i / 2].value;
        seal(p, size);
        assert_int_equal(gmlp_blob_read(p, size, NULL, &net, &err), GMLP_E_FIELD);
        assert_int_equal(err.offset, 118);
        assert_zeroed(&net);
        check_info(p, size, GMLP_E_FIELD, &err, NULL);
    }
    /* errors behind the list are told where they are */
    size = hand_sections(p, 1);
    memset(p + 118 + LIST + 4, 0, 4);
    seal(p, size);
    assert_int_equal(gmlp_blob_read(p, size, NULL, &net, &err), GMLP_E_FIELD);
    assert_int_equal(err.offset, 118 + LIST + 4);
    size = hand_sections(p, 0);
    memset(p + 118 + LIST + 8, 0xff, 4);
    seal(p, size);
    assert_int_equal(gmlp_blob_read(p, size, NULL, &net, &err), GMLP_E_WEIGHT);
    assert_int_equal(err.offset, 118 + LIST + 8);
}

/* Setting: against a plain table of what each kind should have. */
static void test_sections_set(void **state) {
    static uint8_t want[256][255], blob[8192], bytes[255];
    static int length[256]; /* -1: none */
    gmlp_net net = make_net(GMLP_WEIGHTS_QUANTIZED, GMLP_BIAS_ALL, 8, 1), again, before;
    size_t turn, all, size, n, i, full = 0;
    int kind;
    (void)state;
    memset(length, 0xff, sizeof length);
    for (turn = 0; turn < 4000; turn++) {
        const int gone = rng() % 4 == 0;
        const size_t longest = turn % 200 < 100 ? 256 : 24;
        gmlp_result result;
        kind = (int)(rng() % 256 % (turn % 500 < 250 ? 9u : 256u)) + 1;
        if (kind > 255) kind = 1;
        n = rng() % longest;
        for (i = 0; i < n; i++) bytes[i] = (uint8_t)rng();
        for (all = 0, i = 1; i < 256; i++) all += length[i] >= 0 && (int)i != kind ? (size_t)length[i] + 2 : 0;
        before = net;
        result = gmlp_net_section_set(&net, kind, gone ? NULL : bytes, n);
        if (!gone && all + n + 2 > GMLP_MAX_SECTIONS) {
            assert_int_equal(result, GMLP_E_ARGUMENT);
            assert_memory_equal(&net, &before, sizeof net);
            full++;
        } else {
            assert_int_equal(result, GMLP_OK);
            length[kind] = gone ? -1 : (int)n;
            memcpy(want[kind], bytes, n);
        }
        if (turn % 16) continue;
        assert_int_equal(gmlp_blob_write(&net, blob, sizeof blob, &size), GMLP_OK);
        assert_int_equal(gmlp_blob_read(blob, size, NULL, &again, NULL), GMLP_OK);
        for (kind = 1; kind < 256; kind++) {
            const uint8_t *p = gmlp_net_section(&again, kind, &n);
            assert_int_equal(p ? (int)n : -1, length[kind]);
            if (p) assert_memory_equal(p, want[kind], n);
        }
        gmlp_net_free(&again);
    }
    assert_true(full > 20);
    before = net;
    assert_null(gmlp_net_section(&net, INT_MAX, &n));
    assert_null(gmlp_net_section(&net, 0, &n));
    assert_null(gmlp_net_section(&net, -1, &n));
    assert_int_equal(gmlp_net_section_set(&net, 0, bytes, 1), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_net_section_set(&net, 256, bytes, 1), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_net_section_set(&net, 3, bytes, 256), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_net_section_set(NULL, 3, bytes, 2), GMLP_E_ARGUMENT);
    assert_memory_equal(&net, &before, sizeof net);
    net.section_bytes = GMLP_MAX_SECTIONS + 1; /* a net made by hand: judged, not believed */
    assert_int_equal(gmlp_blob_size(&net), 0);
    assert_null(gmlp_net_section(&net, 3, &n));
    assert_int_equal(gmlp_net_section_set(&net, 3, bytes, 2), GMLP_E_ARGUMENT);
    net.section_bytes = 3;
    net.sections[0] = 3, net.sections[1] = 2;
    assert_int_equal(gmlp_blob_size(&net), 0);
    assert_null(gmlp_net_section(&net, 3, &n));
    gmlp_net_free(&net);
}

/* Numbers of steps of one kind or another. */
enum { KINDS = 14 };
static long number(int kind, size_t i, size_t layer) {
    const long u = (long)(rng() % 65535) - 32767;
    switch (kind) {
    case 0: return 0;
    case 1: return 32767;
    case 2: return -32767;
    case 3: return i % 2 ? 1 : -1;
    case 4: return u % 2;
    case 5: return u % 4 * (u % 3) * (u % 5 == 0);
    case 6: return u;
    case 7: return u / (1l << rng() % 16); /* all lengths */
    case 8: return (u < 0 ? -1 : 1) * ((1l << rng() % 16) - 1); /* 0, 1, 3 ... 32767: the ends of each length */
    case 9: return layer == 0 ? u : 0;
    case 10: return layer == 1 ? 32767 : 0;
    case 11: return layer == 2 ? -32767 : 0;
    case 12: return i % 97 == 96 ? (u < 0 ? -32767 : 32767) : 0; /* rare: against what the models learnt */
    default: return i % 50 < 25 ? 0 : u / 1024;
    }
}

static const int rounding_modes[4] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

static void check_coding(gmlp_net *net, int kind) {
    static bytes b;
    const size_t n = gmlp_mlp_weights(&net->mlp);
    long *q = (long *)calloc(n, sizeof *q), *found = (long *)calloc(n, sizeof *found);
    size_t start[3], count[3], i, k, size, written;
    uint8_t *p, *in_mode;
    gmlp_net again;
    layer_sizes(&net->mlp, start, count);
    for (k = 0; k < 3; k++)
        for (i = 0; i < count[k]; i++) {
            q[start[k] + i] = number(kind, i, k);
            net->weights[start[k] + i] = (float)q[start[k] + i] * net->step_size[k];
        }
    encode_stream(&b, &net->mlp, q);
    size = gmlp_blob_size(net);
    assert_int_equal(size, 118 + 12 + b.n + 4);
    p = (uint8_t *)malloc(size);
    in_mode = (uint8_t *)malloc(size);
    assert_int_equal(gmlp_blob_write(net, p, size, &written), GMLP_OK);
    assert_int_equal(written, size);
    assert_memory_equal(p + 130, b.p, b.n);
    decode_stream(p + 130, b.n, &net->mlp, found);
    assert_memory_equal(q, found, n * sizeof *q);
    for (i = 0; i < 4; i++) { /* whatever the caller's rounding mode is */
        gmlp_result wrote, read;
        assert_int_equal(fesetround(rounding_modes[i]), 0);
        wrote = gmlp_blob_write(net, in_mode, size, &written);
        read = gmlp_blob_read(p, size, NULL, &again, NULL);
        fesetround(FE_TONEAREST);
        assert_int_equal(wrote, GMLP_OK);
        assert_int_equal(read, GMLP_OK);
        assert_memory_equal(p, in_mode, size);
        assert_same_net(net, &again);
        gmlp_net_free(&again);
    }
    free(p);
    free(in_mode);
    free(q);
    free(found);
}

static void test_coding(void **state) {
    /* the largest step of 32767; one with all bits used; small ones */
    static const float steps[][3] = {{1.0f, 1.0f, 1.0f}, {1.9990000f, 0.1f, 0.003f}, {1.1e-30f, 1e-12f, 0.7f}, {1.0f / 3, 1.2345678f, 0x1.fffffep-5f}};
    int kind, s, big;
    (void)state;
    for (big = 0; big < 3; big++)
        for (s = 0; s < (big ? 1 : 4); s++)
            for (kind = 0; kind < KINDS; kind++) {
                gmlp_net net = make_net(GMLP_WEIGHTS_QUANTIZED, big == 1 ? GMLP_BIAS_FIRST : GMLP_BIAS_ALL, big ? 8 + 40 * big : 8, big ? 3 : 1);
                memcpy(net.step_size, steps[big ? 3 : s], sizeof net.step_size);
                check_coding(&net, kind);
                gmlp_net_free(&net);
            }
}

/* What the coder makes of one network, so that the format does not change unnoticed. */
static void test_coding_is_fixed(void **state) {
    static bytes b;
    gmlp_net net = make_net(GMLP_WEIGHTS_QUANTIZED, GMLP_BIAS_ALL, 16, 4);
    size_t i, size;
    (void)state;
    for (i = 0; i < gmlp_mlp_weights(&net.mlp); i++) net.weights[i] = (float)(int)((i * i * 31 + i) % 41 * ((i * 7 + 3) % 5) / 4) - 20.0f;
    assert_int_equal(gmlp_blob_write(&net, b.p, sizeof b.p, &size), GMLP_OK);
    assert_int_equal(size, 807);
    assert_int_equal(crc_by_definition(b.p, size - 4), 0xeeac7578u);
    gmlp_net_free(&net);
}

static void test_none(void **state) {
    uint8_t p[38] = {'G', 'M', 'L', 'P', 3, 0, 2 /* P3 */, 1, 0, 0, 9, 0, 8, 0, 7, 0, 6, 0,
                     0, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0, 0, 0, 0x80, 0x3f};
    uint8_t again[38];
    gmlp_net net;
    gmlp_signature s;
    size_t size = 0;
    (void)state;
    seal(p, sizeof p);
    assert_int_equal(gmlp_blob_read(p, sizeof p, NULL, &net, NULL), GMLP_OK);
    assert_int_equal(net.method, GMLP_METHOD_NONE);
    assert_null(net.weights);
    assert_int_equal(net.width, 9);
    assert_int_equal(net.base_height, 6);
    check_info(p, sizeof p, GMLP_OK, NULL, &net);
    assert_int_equal(gmlp_blob_write(&net, again, sizeof again, &size), GMLP_OK);
    assert_int_equal(size, 38);
    assert_memory_equal(again, p, sizeof p);
    assert_int_equal(gmlp_signature_begin(&s, 1, 1), GMLP_OK);
    assert_int_equal(gmlp_net_matches(&net, &s), 1);
    gmlp_net_free(&net);
}

/* Sizes that can be told beforehand. */
static void test_sizes(void **state) {
    gmlp_net net = make_net(GMLP_WEIGHTS_F32, GMLP_BIAS_FIRST, 32, 12);
    size_t i, n = gmlp_mlp_weights(&net.mlp);
    (void)state;
    for (i = 0; i < n; i++) net.weights[i] = 0.25f;
    assert_int_equal(gmlp_blob_size(&net), 0); /* biases that the blob has no place for */
    memset(net.weights + n - 3, 0, 12);
    assert_int_equal(gmlp_blob_size(&net), 0);
    memset(net.weights + n - 3 - 96 - 32, 0, 32 * 4);
    assert_int_equal(gmlp_blob_size(&net), 118 + 4 * (120 * 32 + 32 + 32 * 32 + 32 * 3) + 4);
    gmlp_net_free(&net);
    net = make_net(GMLP_WEIGHTS_QUANTIZED, GMLP_BIAS_ALL, 128, 16);
    assert_in_range(gmlp_blob_size(&net), 127, 200); /* zeros: 37251 of them */
    gmlp_net_free(&net);
}

/* Every field: a value on either side of each limit. */
typedef struct field_case {
    size_t at, size;
    uint32_t value;
    int ok;
} field_case;

static void check_field(size_t (*make)(uint8_t *), field_case c, gmlp_result bad) {
    uint8_t p[HAND_ROOM];
    const size_t size = make(p);
    gmlp_net net;
    gmlp_error err;
    gmlp_result result;
    gmlp__put_le(p + c.at, c.value, c.size);
    seal(p, size);
    memset(&err, 0, sizeof err);
    memset(&net, 0xee, sizeof net);
    result = gmlp_blob_read(p, size, NULL, &net, &err);
    check_info(p, size, result, &err, &net);
    if (c.ok) assert_int_equal(result, GMLP_OK);
    else {
        assert_int_equal(result, bad);
        assert_int_equal(err.result, bad);
        assert_int_equal(err.offset, c.at);
        assert_non_null(err.text);
        assert_zeroed(&net);
    }
    gmlp_net_free(&net);
}

static void test_fields(void **state) {
    static const field_case cases[] = {
        {5, 1, 6, 0}, {5, 1, 255, 0},
        {6, 1, 0, 0}, {6, 1, 1, 1}, {6, 1, 9, 1}, {6, 1, 10, 1}, {6, 1, 11, 0}, {6, 1, 64, 0}, {6, 1, 65, 1}, {6, 1, 69, 1}, {6, 1, 70, 0},
        {7, 1, 0, 0}, {7, 1, 2, 0}, {7, 1, 10, 0}, /* HDR alone has other bases */ {8, 1, 0, 1}, {8, 1, 2, 0}, {9, 1, 0, 1}, {9, 1, 2, 0},
        {10, 2, 0, 0}, {10, 2, 1, 1}, {10, 2, 65535, 1}, {12, 2, 0, 0}, {12, 2, 1, 1}, {14, 2, 0, 0}, {16, 2, 0, 0}, {16, 2, 65535, 1},
        /* floats: a million, the next above, minus the same, NaN, infinity, 0 */
        {18, 4, 0x49742400, 1}, {18, 4, 0x49742401, 0}, {18, 4, 0xc9742400, 1}, {18, 4, 0xc9742401, 0}, {18, 4, 0x7fc00000, 0}, {18, 4, 0, 1},
        {22, 4, 0x49742400, 1}, {22, 4, 0x49742401, 0}, {22, 4, 0x7f800000, 0}, {22, 4, 0, 0}, {22, 4, 0x80000000, 0}, {22, 4, 1, 1},
        {26, 4, 0xc9742400, 1}, {26, 4, 0xff800000, 0}, {26, 4, 0, 1},
        {30, 4, 0x49742401, 0}, {30, 4, 0xffc00000, 0}, {30, 4, 0, 0},
        {34, 1, 0, 1}, {34, 1, 2, 1}, {34, 1, 3, 0}, {35, 1, 0, 1}, {35, 1, 2, 0}, {36, 1, 63, 1}, {36, 1, 64, 0},
        {37, 1, 0, 0}, {37, 1, 3, 0}, {37, 1, 8, 0}, {37, 1, 255, 0},
        {38, 1, 0, 1}, {38, 1, 2, 0}, {39, 1, 2, 0}, {40, 1, 0, 0}, {40, 1, 7, 0}, {40, 1, 9, 0}, {40, 1, 136, 0},
        {46, 1, 1, 0}, {49, 1, 1, 0}, {52, 1, 1, 0}, {53, 1, 1, 0}, /* windows do not go with wide inputs */
        {54, 4, 0xffffffff, 1}
    };
    static const field_case weights[] = { /* 65504, the next above, infinity, NaN */
        {118, 4, 0x477fe000, 1}, {118, 4, 0x477fe001, 0}, {118, 4, 0xc77fe000, 1}, {118, 4, 0xc77fe001, 0}, {118, 4, 0x80000000, 1},
        {118, 4, 0x7f800000, 0}, {606, 4, 0xff800000, 0}, {606, 4, 0x7fc00000, 0}, {606, 4, 0x7f7fffff, 0}, {606, 4, 1, 1}
    };
    static const uint32_t steps[][2] = {
        {0, 0}, {0x80000000, 0}, {1, 0} /* denormal */, {0x807fffff, 0}, {0x00800000, 0}, {0x0da24260, 0} /* 1e-30 */, {0x0da24261, 1},
        {0xbf800000, 0}, {0x7f800000, 0}, {0xff800000, 0}, {0x7fc00000, 0}, {0x7f7fffff, 0}, {0x477fe001, 0}
    };
    static const field_case older[] = {{4, 1, 0, 0}, {4, 1, 1, 0}, {4, 1, 2, 0}}, newer[] = {{4, 1, 5, 0}, {4, 1, 255, 0}};
    const field_case magic = {0, 1, 'g', 0};
    uint8_t p[HAND_SIZE + 1];
    gmlp_net net;
    gmlp_error err;
    field_case c;
    size_t i, k;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_field(hand_blob, cases[i], GMLP_E_FIELD);
        check_field(hand_coded, cases[i], GMLP_E_FIELD);
    }
    for (i = 0; i < sizeof weights / sizeof weights[0]; i++) check_field(hand_blob, weights[i], GMLP_E_WEIGHT);
    c.size = 4;
    for (i = 0; i < sizeof steps / sizeof steps[0]; i++)
        for (k = 0; k < 3; k++) {
            c.at = 118 + 4 * k;
            c.value = steps[i][0];
            c.ok = (int)steps[i][1];
            check_field(hand_coded, c, GMLP_E_FIELD);
        }
    for (k = 0; k < 3; k++) { /* the largest step; here with 2 of it, which are too large for a weight */
        c.at = 118 + 4 * k;
        c.value = 0x477fe000;
        c.ok = 0;
        check_field(hand_coded, c, GMLP_E_WEIGHT);
        c.value = 0x46ffe000; /* half of it */
        c.ok = 1;
        check_field(hand_coded, c, GMLP_E_WEIGHT);
    }
    hand_blob(p);
    p[41] = 17;
    assert_int_equal(gmlp_blob_read(p, HAND_SIZE, NULL, &net, &err), GMLP_E_FIELD);
    assert_int_equal(err.offset, 40); /* width and bands are judged together */
    hand_blob(p);
    p[45] = 0;
    assert_int_equal(gmlp_blob_read(p, HAND_SIZE, NULL, &net, &err), GMLP_E_FIELD);
    for (i = 0; i < 3; i++) check_field(hand_blob, older[i], GMLP_E_OLDER);
    for (i = 0; i < 2; i++) check_field(hand_blob, newer[i], GMLP_E_NEWER);
    check_field(hand_blob, magic, GMLP_E_FORMAT);
    hand_blob(p);
    p[HAND_SIZE] = 0;
    assert_int_equal(gmlp_blob_read(p, HAND_SIZE + 1, NULL, &net, &err), GMLP_E_FORMAT);
    assert_int_equal(err.offset, HAND_SIZE);
    check_info(p, HAND_SIZE + 1, GMLP_E_FORMAT, &err, NULL);
    assert_int_equal(gmlp_blob_info(p, HAND_SIZE, NULL, NULL), GMLP_E_ARGUMENT);
    {
        gmlp_blob_desc d;
        assert_int_equal(gmlp_blob_info(NULL, HAND_SIZE, &d, NULL), GMLP_E_ARGUMENT);
    }
}

/* Cut short. Floats tell their length; coded weights reach to the checksum, which is then another four bytes. */
static void test_truncated_and_flipped(void **state) {
    uint8_t p[HAND_ROOM], *cut;
    gmlp_net net;
    gmlp_error err;
    gmlp_result result;
    size_t n, size;
    int bit, coded;
    (void)state;
    for (coded = 0; coded < 2; coded++) {
        size = coded ? hand_coded(p) : hand_blob(p);
        for (n = 0; n < size; n++) {
            cut = (uint8_t *)malloc(n ? n : 1); /* exactly as long, for the sanitizers */
            memcpy(cut, p, n);
            result = gmlp_blob_read(cut, n, NULL, &net, &err);
            assert_int_equal(result, coded && n >= 130 + 1 + 4 ? GMLP_E_CORRUPT : GMLP_E_TRUNCATED);
            assert_int_equal(err.offset, result == GMLP_E_CORRUPT ? n - 4 : n);
            assert_zeroed(&net);
            check_info(cut, n, result, &err, NULL);
            free(cut);
        }
        for (n = 0; n < size; n++)
            for (bit = 0; bit < 8; bit++) {
                p[n] = (uint8_t)(p[n] ^ 1 << bit);
                result = gmlp_blob_read(p, size, NULL, &net, &err);
                assert_int_not_equal(result, GMLP_OK);
                assert_true(err.offset <= size);
                assert_zeroed(&net);
                check_info(p, size, result, &err, NULL);
                if (n >= 54 && !(coded && n >= 118 && n < 130)) assert_int_equal(result, GMLP_E_CORRUPT);
                p[n] = (uint8_t)(p[n] ^ 1 << bit);
            }
    }
}

/* Coded weights that end too early or too late, behind a right checksum. What the missing bytes are read as, zeros, may
   chance to end as it should: then it is a sound blob of other weights. */
static void test_stream_length(void **state) {
    uint8_t p[HAND_ROOM], *cut;
    gmlp_net net;
    gmlp_error err;
    gmlp_result result;
    size_t n, size = hand_coded(p), sound = 0;
    (void)state;
    for (n = 130 + 1 + 4; n < size; n++) {
        cut = (uint8_t *)malloc(n);
        memcpy(cut, p, n);
        seal(cut, n);
        memset(&net, 0xee, sizeof net);
        result = gmlp_blob_read(cut, n, NULL, &net, &err);
        if (result == GMLP_OK) {
            assert_int_equal(gmlp_blob_size(&net), n);
            sound++;
        } else {
            assert_true(result == GMLP_E_FORMAT || result == GMLP_E_WEIGHT);
            assert_in_range(err.offset, 130, n - 4);
            assert_zeroed(&net);
        }
        gmlp_net_free(&net);
        free(cut);
    }
    assert_true(sound <= 3);
    memset(p + size - 4, 0, 40);
    for (n = size + 1; n < size + 36; n++) {
        seal(p, n);
        assert_int_equal(gmlp_blob_read(p, n, NULL, &net, &err), GMLP_E_FORMAT);
        assert_int_equal(err.offset, n - 4);
        assert_zeroed(&net);
        memset(p + n - 4, 0, 4);
    }
}

/* 32767 is the last number that a coder of 15 places can and a blob may hold. */
static void test_number_too_large(void **state) {
    static const long too_large[] = {32768, -32768, 40000, 65534, -65534};
    static bytes b;
    uint8_t p[HAND_ROOM];
    gmlp_net net;
    gmlp_error err;
    gmlp_mlp m;
    long q[HAND_WEIGHTS];
    size_t i, at, size;
    (void)state;
    memset(&m, 0, sizeof m);
    m.width = 8;
    m.frequencies[4] = 1;
    for (at = 0; at < HAND_WEIGHTS; at += 61)
        for (i = 0; i < 6; i++) {
            memset(q, 0, sizeof q);
            q[at] = i < 5 ? too_large[i] : 32767;
            hand_coded(p);
            encode_stream(&b, &m, q);
            size = 130 + b.n + 4;
            assert_true(size < HAND_ROOM);
            memcpy(p + 130, b.p, b.n);
            gmlp__put_le(p + 126, 0x3f800000u, 4); /* with a step of 2 not even 32767 were a weight */
            seal(p, size);
            assert_int_equal(gmlp_blob_read(p, size, NULL, &net, &err), i < 5 ? GMLP_E_WEIGHT : GMLP_OK);
            if (i < 5) {
                assert_in_range(err.offset, 130, size - 4);
                assert_zeroed(&net);
            }
            gmlp_net_free(&net);
        }
    hand_coded(p);
    memset(q, 0, sizeof q);
    q[120] = 32767;
    encode_stream(&b, &m, q);
    memcpy(p + 130, b.p, b.n);
    seal(p, 130 + b.n + 4);
    assert_int_equal(gmlp_blob_read(p, 130 + b.n + 4, NULL, &net, &err), GMLP_E_WEIGHT);
    assert_int_equal(err.offset, 126); /* 2 * 32767 is beyond 65504, which is the step's fault */
}

static void test_float_weights(void **state) {
    gmlp_net net = make_net(GMLP_WEIGHTS_F32, GMLP_BIAS_ALL, 16, 3), again;
    uint8_t *p;
    gmlp_error err;
    size_t i, size = 0;
    static const uint32_t bad[4] = {0x7f800000u, 0xff800000u, 0x7fc00000u, 0x477fe001u}; /* infinities, NaN, next after 65504 */
    (void)state;
    for (i = 0; i < gmlp_mlp_weights(&net.mlp); i++) net.weights[i] = uniform() * 1e-3f;
    net.weights[0] = -0.0f;
    net.weights[1] = 1e-45f;
    net.weights[2] = -65504.0f;
    p = (uint8_t *)malloc(gmlp_blob_size(&net));
    assert_int_equal(gmlp_blob_write(&net, p, gmlp_blob_size(&net), &size), GMLP_OK);
    assert_int_equal(gmlp_blob_read(p, size, NULL, &again, NULL), GMLP_OK);
    assert_same_net(&net, &again);
    gmlp_net_free(&again);
    for (i = 0; i < 4; i++) {
        gmlp__put_le(p + 118 + 4 * 5, bad[i], 4);
        seal(p, size);
        assert_int_equal(gmlp_blob_read(p, size, NULL, &again, &err), GMLP_E_WEIGHT);
        assert_int_equal(err.offset, 138);
        assert_zeroed(&again);
        memcpy(&net.weights[7], &bad[i], 4);
        assert_int_equal(gmlp_blob_size(&net), 0);
    }
    free(p);
    gmlp_net_free(&net);
}

/* A weight off the grid is refused, not silently changed; so are steps that no blob may hold. */
static void test_off_grid(void **state) {
    static const float off[] = {0.5f, -0.0f, 1.0000001f, -0.99999994f, 32768.0f, -40000.0f, 65504.0f, 1e30f, NAN, INFINITY, -INFINITY, 1e-20f};
    static const float bad_steps[] = {0.0f, -0.0f, -1.0f, NAN, INFINITY, -INFINITY, 1e-40f, 1e-30f, 65536.0f};
    gmlp_net net = make_net(GMLP_WEIGHTS_QUANTIZED, GMLP_BIAS_ALL, 8, 1);
    const size_t n = gmlp_mlp_weights(&net.mlp);
    uint8_t p[512];
    size_t i, j, size;
    (void)state;
    assert_true(gmlp_blob_size(&net) > 0);
    for (i = 0; i < n; i += n / 13)
        for (j = 0; j < sizeof off / sizeof *off; j++) {
            net.weights[i] = off[j];
            assert_int_equal(gmlp_blob_size(&net), 0);
            assert_int_equal(gmlp_blob_write(&net, p, sizeof p, &size), GMLP_E_ARGUMENT);
            net.weights[i] = 0.0f;
        }
    for (i = 0; i < 3; i++)
        for (j = 0; j < sizeof bad_steps / sizeof *bad_steps; j++) {
            net.step_size[i] = bad_steps[j];
            assert_int_equal(gmlp_blob_size(&net), 0);
            net.step_size[i] = 1.0f;
        }
    net.step_size[2] = 65504.0f;
    net.weights[n - 1] = -65504.0f;
    assert_true(gmlp_blob_size(&net) > 0);
    net.weights[n - 1] = 131008.0f; /* 2 steps, but beyond a weight */
    assert_int_equal(gmlp_blob_size(&net), 0);
    gmlp_net_free(&net);
    net = make_net(GMLP_WEIGHTS_QUANTIZED, GMLP_BIAS_FIRST, 8, 1); /* biases that the blob has no place for */
    net.weights[n - 1] = 1.0f;
    assert_int_equal(gmlp_blob_size(&net), 0);
    gmlp_net_free(&net);
}

/* Weights like trained ones: many small, a few large. */
static void fill_weights(gmlp_net *net, int kind) {
    const size_t n = gmlp_mlp_weights(&net->mlp);
    size_t i;
    for (i = 0; i < n; i++) {
        const float u = uniform(), v = uniform() + uniform() + uniform();
        net->weights[i] = kind == 0 ? v : kind == 1 ? u * u * u * 300.0f : kind == 2 ? v * 1e-7f : kind == 3 ? (i % 3 ? 0.0f : u) : kind == 4 ? 0.0f : i % 2 ? -0.0f : u * 1e-12f;
    }
}

/* Each weight goes to the nearest multiple, what is rounded stays, and the caller's rounding mode is none of it. */
static void test_rounding(void **state) {
    int kind, mode;
    size_t i, k;
    (void)state;
    for (kind = 0; kind < 6; kind++) {
        gmlp_net net = make_net(GMLP_WEIGHTS_QUANTIZED, GMLP_BIAS_ALL, 16, 3);
        const size_t n = gmlp_mlp_weights(&net.mlp);
        float *original = (float *)malloc(n * sizeof(float)), *once = (float *)malloc(n * sizeof(float));
        size_t start[3], count[3], size;
        layer_sizes(&net.mlp, start, count);
        fill_weights(&net, kind);
        memcpy(original, net.weights, n * sizeof(float));
        gmlp__steps_set(&net, 0.3);
        gmlp__steps_round(&net);
        memcpy(once, net.weights, n * sizeof(float));
        for (k = 0; k < 3; k++)
            for (i = start[k]; i < start[k] + count[k]; i++) {
                const double step = net.step_size[k], q = once[i] / step;
                assert_true(fabs(q - floor(q + 0.5)) < 1e-2 && fabs(q) < 32767.5);
                assert_true(fabs((double)once[i] - original[i]) <= 0.5 * step * (1 + 1e-6) || fabs(original[i]) > 32767 * step);
            }
        gmlp__steps_round(&net);
        assert_memory_equal(once, net.weights, n * sizeof(float));
        size = gmlp_blob_size(&net);
        assert_true(size > 0);
        for (mode = 1; mode < 4; mode++) {
            assert_int_equal(fesetround(rounding_modes[mode]), 0);
            i = gmlp_blob_size(&net);
            fesetround(FE_TONEAREST);
            assert_int_equal(i, size);
        }
        net.weights[0] += 0.37f * net.step_size[0];
        assert_int_equal(gmlp_blob_size(&net), 0);
        free(original);
        free(once);
        gmlp_net_free(&net);
    }
}

/* The steps chosen for a budget keep to it, use it, and leave the weights alone. */
static void test_budget(void **state) {
    static const int widths[] = {8, 24, 40, 80, 128};
    size_t w, used = 0, at_coarsest = 0;
    int kind;
    (void)state;
    for (w = 0; w < sizeof widths / sizeof *widths; w++)
        for (kind = 0; kind < 5; kind++) {
            gmlp_net net = make_net(GMLP_WEIGHTS_QUANTIZED, kind & 1 ? GMLP_BIAS_FIRST : GMLP_BIAS_ALL, widths[w], 2 + 3 * (int)w / 2);
            const size_t n = gmlp_mlp_weights(&net.mlp);
            float *original = (float *)malloc(n * sizeof(float)), *scratch = (float *)malloc(n * sizeof(float));
            float finest[3], coarsest[3];
            uint32_t budget;
            fill_weights(&net, kind);
            memcpy(original, net.weights, n * sizeof(float));
            gmlp__steps_set(&net, 1.0 / 64);
            memcpy(finest, net.step_size, sizeof finest);
            gmlp__steps_set(&net, 4.0);
            memcpy(coarsest, net.step_size, sizeof coarsest);
            for (budget = 512; budget <= 65536; budget += budget / 3) {
                size_t size;
                gmlp__steps_choose(&net, scratch, budget);
                assert_memory_equal(net.weights, original, n * sizeof(float));
                gmlp__steps_round(&net);
                size = gmlp__blob_bytes(&net);
                if (size > budget) assert_memory_equal(net.step_size, coarsest, sizeof coarsest);
                else if (memcmp(net.step_size, finest, sizeof finest) && memcmp(net.step_size, coarsest, sizeof coarsest)) {
                    assert_true(size >= budget - budget / 25);
                    used++;
                }
                at_coarsest += size > budget;
                memcpy(net.weights, original, n * sizeof(float));
            }
            free(original);
            free(scratch);
            gmlp_net_free(&net);
        }
    assert_true(used > 100 && at_coarsest > 0);
}

static void test_write_refuses(void **state) {
    uint8_t p[64];
    size_t size = 7;
    gmlp_net net;
    (void)state;
    memset(&net, 0, sizeof net);
    assert_int_equal(gmlp_blob_size(NULL), 0);
    assert_int_equal(gmlp_blob_size(&net), 0); /* no size, no space */
    assert_int_equal(gmlp_blob_write(&net, p, sizeof p, &size), GMLP_E_ARGUMENT);
    assert_int_equal(size, 0);
    net.wide_space = GMLP_P3;
    net.base_space = GMLP_SRGB;
    net.width = net.height = net.base_width = net.base_height = 1;
    net.coords.col_step = net.coords.row_step = 1;
    assert_int_equal(gmlp_blob_size(&net), 38);
    net.base_width = 65536;
    assert_int_equal(gmlp_blob_size(&net), 0);
    net.base_width = 1;
    net.coords.row_step = 0;
    assert_int_equal(gmlp_blob_size(&net), 0);
    net.coords.row_step = 1;
    net.method = GMLP_METHOD_RESIDUAL; /* but no network */
    assert_int_equal(gmlp_blob_size(&net), 0);
}

typedef struct counting {
    size_t asked, live;
    int refuse;
} counting;
static void *counting_alloc(void *user, size_t size) {
    counting *c = (counting *)user;
    c->asked++;
    if (c->refuse) return NULL;
    c->live += size;
    return malloc(size);
}
static void counting_free(void *user, void *ptr, size_t size) {
    ((counting *)user)->live -= size;
    free(ptr);
}

static void test_no_memory(void **state) {
    uint8_t p[HAND_ROOM];
    gmlp_alloc alloc;
    gmlp_net net;
    gmlp_error err;
    counting c;
    size_t size, n;
    int coded;
    (void)state;
    alloc.user = &c;
    alloc.alloc = counting_alloc;
    alloc.free = counting_free;
    for (coded = 0; coded < 2; coded++) {
        memset(&c, 0, sizeof c);
        c.refuse = 1;
        size = coded ? hand_coded(p) : hand_blob(p);
        assert_int_equal(gmlp_blob_read(p, size, &alloc, &net, &err), GMLP_E_MEMORY);
        assert_int_equal(err.result, GMLP_E_MEMORY);
        assert_int_equal(c.asked, 1); /* reading allocates once */
        assert_zeroed(&net);
        for (n = 0; n < size; n++) { /* what is broken costs no memory at all */
            p[n] ^= 1;
            assert_int_not_equal(gmlp_blob_read(p, size, &alloc, &net, NULL), GMLP_OK);
            p[n] ^= 1;
            assert_int_not_equal(gmlp_blob_read(p, n, &alloc, &net, NULL), GMLP_OK);
        }
        assert_int_equal(c.asked, 1);
        c.refuse = 0;
        if (coded) gmlp__put_le(p + 126, 0x477fe000, 4); /* what only the weights show gives it back */
        else gmlp__put_le(p + 118 + 4 * 22, 0x7fc00000, 4);
        seal(p, size);
        assert_int_not_equal(gmlp_blob_read(p, size, &alloc, &net, NULL), GMLP_OK);
        assert_int_equal(c.asked, 2);
        assert_int_equal(c.live, 0);
        assert_zeroed(&net);
    }
}

/* Signatures. */
static void fill(uint8_t *p, size_t width, size_t height) {
    size_t x, y;
    for (y = 0; y < height; y++)
        for (x = 0; x < width; x++, p += 3) {
            p[0] = (uint8_t)(x * 255 / (width - 1));
            p[1] = (uint8_t)((x * y) * 200 / (width * height) + (rng() & 31));
            p[2] = (uint8_t)(255 - y * 255 / (height - 1));
        }
}

static void sign(const uint8_t *p, uint32_t width, uint32_t height, uint8_t out[64], gmlp_signature *s) {
    gmlp_image image;
    memset(&image, 0, sizeof image);
    image.data = (void *)(size_t)(const void *)p;
    image.width = width;
    image.height = height;
    image.type = GMLP_U8;
    assert_int_equal(gmlp_signature_begin(s, width, height), GMLP_OK);
    assert_int_equal(gmlp_signature_rows(s, &image, 0), GMLP_OK);
    assert_int_equal(gmlp_signature_finish(s, out), GMLP_OK);
}

static void test_signature(void **state) {
    enum { W = 101, H = 67 };
    static uint8_t p[W * H * 3], four[W * H * 4];
    uint8_t a[64], b[64];
    double sum[64] = {0}, count[64] = {0}, mean;
    gmlp_signature s;
    gmlp_image image;
    size_t x, y, i;
    (void)state;
    fill(p, W, H);
    sign(p, W, H, a, &s);
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++) {
            const uint8_t *c = p + 3 * (y * W + x);
            i = y * 8 / H * 8 + x * 8 / W;
            sum[i] += 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
            count[i]++;
        }
    for (i = 0; i < 64; i++) {
        mean = sum[i] / count[i] - a[i];
        assert_true(mean > -1.1 && mean < 1.1); /* rounding, and BT.709 in 256ths */
    }
    /* rows one by one from the last, four channels, upside down in memory */
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++) {
            memcpy(four + 4 * ((H - 1 - y) * W + x), p + 3 * (y * W + x), 3);
            four[4 * ((H - 1 - y) * W + x) + 3] = (uint8_t)rng();
        }
    memset(&image, 0, sizeof image);
    image.width = W;
    image.type = GMLP_U8;
    image.channels = 4;
    image.stride = -4 * W;
    gmlp_signature_begin(&s, W, H);
    for (y = H; y > 0;) {
        const size_t rows = y < 5 ? y : 5;
        y -= rows;
        image.data = four + 4 * W * (H - 1 - y);
        image.height = (uint32_t)rows;
        gmlp_signature_rows(&s, &image, (uint32_t)y);
    }
    gmlp_signature_finish(&s, b);
    assert_memory_equal(a, b, 64);

    /* 3x2 pixels: cells that no pixel falls into are 0, the others are the pixel's luma */
    memset(p, 255, 18);
    sign(p, 3, 2, a, &s);
    for (i = 0; i < 64; i++) {
        const int x_hit = i % 8 == 0 || i % 8 == 2 || i % 8 == 5, y_hit = i / 8 == 0 || i / 8 == 4;
        assert_int_equal(a[i], x_hit && y_hit ? 255 : 0);
    }
}

/* The sums of every instruction set against sums pixel by pixel: all lengths around whole vectors, cells as large as they
   get, all codes 255 (the fullest sums) and odd places in memory. */
static void test_signature_sums(void **state) {
    enum { MOST = 8192 };
    static uint8_t p[MOST * 4 + 1];
    int isa, channels;
    size_t i, n, turn;
    (void)state;
    for (turn = 0; turn < 2; turn++) {
        for (i = 0; i < sizeof p; i++) p[i] = (uint8_t)(turn ? 255 : rng());
        for (channels = 3; channels <= 4; channels++)
            for (n = 0; n <= MOST; n = n < 70 || (n > 2030 && n < 2070) || n > MOST - 5 ? n + 1 : n + 37 < MOST ? n + 37 : MOST) {
                uint32_t want = 0;
                for (i = 0; i < n; i++) {
                    const uint8_t *c = p + 1 + i * (size_t)channels;
                    want += 54u * c[0] + 183u * c[1] + 19u * c[2];
                }
                for (isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++)
                    if (gmlp_isa_available(isa)) assert_int_equal(gmlp__select(isa)->sum_codes(p + 1, channels, n), want);
            }
    }
}

/* Views that are none of the picture's rows change nothing. */
static void test_signature_refuses(void **state) {
    uint8_t p[20 * 10 * 4] = {0}, out[64];
    const gmlp_image good = {p, 20, 10, 0, GMLP_U8, 3, GMLP_SPACE_NONE, 0};
    gmlp_image bad;
    gmlp_signature s, before;
    gmlp_net net;
    (void)state;
    assert_int_equal(gmlp_signature_begin(NULL, 20, 10), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_signature_begin(&s, 0, 10), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_signature_begin(&s, 20, 65536), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_signature_rows(&s, &good, 0), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_signature_finish(&s, out), GMLP_E_ARGUMENT);
    memset(&s, 0, sizeof s); /* never begun */
    assert_int_equal(gmlp_signature_rows(&s, &good, 0), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_signature_finish(&s, out), GMLP_E_ARGUMENT);
    memset(&net, 0, sizeof net);
    net.method = GMLP_METHOD_RESIDUAL;
    assert_int_equal(gmlp_net_matches(&net, &s), 0);
    assert_int_equal(gmlp_signature_begin(&s, 20, 10), GMLP_OK);
    before = s;
    assert_int_equal(gmlp_signature_rows(NULL, &good, 0), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_signature_rows(&s, NULL, 0), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_signature_finish(&s, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_signature_finish(NULL, out), GMLP_E_ARGUMENT);
#define REFUSED(change, y) bad = good, bad.change, assert_int_equal(gmlp_signature_rows(&s, &bad, y), GMLP_E_ARGUMENT)
    REFUSED(type = GMLP_U16, 0);
    REFUSED(type = 0, 0);
    REFUSED(data = NULL, 0);
    REFUSED(channels = 1, 0);
    REFUSED(width = 19, 0);
    REFUSED(width = 21, 0);
    REFUSED(height = 0, 0);
    REFUSED(height = 11, 0);
    REFUSED(height = 10, 1);
    REFUSED(height = 1, 10);
    REFUSED(height = 1, 0xffffffffu);
    REFUSED(stride = 59, 0);
#undef REFUSED
    assert_memory_equal(&s, &before, sizeof s);
    assert_int_equal(gmlp_signature_rows(&s, &good, 0), GMLP_OK);
}

static void test_signature_limits(void **state) {
    uint8_t a[64], b[64];
    gmlp_net net;
    gmlp_signature s;
    int i;
    (void)state;
    memset(a, 100, sizeof a);
    memcpy(b, a, sizeof b);
    assert_int_equal(gmlp_signature_match(a, b), 1);
    b[9] = 104;
    assert_int_equal(gmlp_signature_match(a, b), 1);
    b[9] = 105;
    assert_int_equal(gmlp_signature_match(a, b), 0);
    assert_int_equal(gmlp_signature_match(b, a), 0);
    memcpy(b, a, sizeof b);
    for (i = 0; i < 40; i++) b[i] = 98;
    assert_int_equal(gmlp_signature_match(a, b), 1);
    b[63] = 99;
    assert_int_equal(gmlp_signature_match(a, b), 0);

    memset(&net, 0, sizeof net);
    net.method = GMLP_METHOD_RESIDUAL;
    net.base_width = 3;
    net.base_height = 2;
    {
        uint8_t p[18];
        memset(p, 77, sizeof p);
        sign(p, 3, 2, net.signature, &s);
        assert_int_equal(gmlp_net_matches(&net, &s), 1);
        sign(p, 2, 3, b, &s);
        assert_int_equal(gmlp_net_matches(&net, &s), 0);
        memset(p, 90, sizeof p);
        sign(p, 3, 2, b, &s);
        assert_int_equal(gmlp_net_matches(&net, &s), 0);
    }
}

/* Weights to coarser steps: within the budget, none off by more than half a step, the most useful landmarks first. */
static void test_shrink(void **state) {
    static const uint32_t budgets[] = {4096, 3072, 2048, 1100, 600, 300};
    uint8_t landmarks[48 * 5], other[7] = {1, 2, 3, 4, 5, 6, 7};
    int coding;
    size_t i, k, n;
    (void)state;
    for (i = 0; i < sizeof landmarks; i++) landmarks[i] = (uint8_t)i;
    for (coding = GMLP_WEIGHTS_QUANTIZED; coding <= GMLP_WEIGHTS_F32; coding++)
        for (i = 0; i < sizeof budgets / sizeof *budgets; i++) {
            gmlp_net net = make_net(coding, GMLP_BIAS_ALL, 32, 6), back;
            const size_t count = gmlp_mlp_weights(&net.mlp);
            float *was = (float *)malloc(count * sizeof *was), *held = net.weights;
            uint8_t blob[65536];
            const uint8_t *p;
            size_t size, before;
            for (k = 0; k < 3 && coding == GMLP_WEIGHTS_QUANTIZED; k++) net.step_size[k] = 1.0f / 4096;
            for (k = 0; k < count; k++) net.weights[k] = (float)((int)(rng() % 4097) - 2048) / 4096;
            assert_int_equal(gmlp_net_section_set(&net, GMLP_SECTION_LANDMARKS, landmarks, sizeof landmarks), GMLP_OK);
            assert_int_equal(gmlp_net_section_set(&net, 77, other, sizeof other), GMLP_OK);
            memcpy(was, net.weights, count * sizeof *was);
            before = gmlp_blob_size(&net);
            assert_true(before > 4096);
            assert_int_equal(gmlp_net_shrink(&net, before), GMLP_OK); /* as it is */
            assert_int_equal(gmlp_blob_size(&net), before);
            assert_memory_equal(net.weights, was, count * sizeof *was);
            if (budgets[i] < 400) { /* not even the coarsest */
                back = net;
                assert_int_equal(gmlp_net_shrink(&net, 128), GMLP_E_ARGUMENT);
                assert_memory_equal(&net, &back, sizeof net);
                assert_memory_equal(net.weights, was, count * sizeof *was);
            } else {
                assert_int_equal(gmlp_net_shrink(&net, budgets[i]), GMLP_OK);
                assert_ptr_equal(net.weights, held);
                assert_int_equal(net.weight_format, GMLP_WEIGHTS_QUANTIZED);
                assert_int_equal(gmlp_blob_write(&net, blob, sizeof blob, &size), GMLP_OK);
                assert_true(size <= budgets[i] && size > budgets[i] * 3 / 4);
                assert_int_equal(gmlp_blob_read(blob, size, NULL, &back, NULL), GMLP_OK);
                for (k = 0; k < count; k++) {
                    const size_t layer = k < 60 * 32 + 32 ? 0 : k < count - 99 ? 1 : 2;
                    assert_true(fabsf(back.weights[k] - was[k]) <= 0.5001f * back.step_size[layer]);
                }
                p = gmlp_net_section(&back, GMLP_SECTION_LANDMARKS, &n);
                assert_true(n <= budgets[i] / 16 && n % 5 == 0);
                if (budgets[i] >= 1024) assert_true(n >= 8 * 5);
                if (p) assert_memory_equal(p, landmarks, n);
                assert_memory_equal(gmlp_net_section(&back, 77, &n), other, sizeof other);
                gmlp_net_free(&back);
            }
            free(was);
            free(net.weights);
        }
    assert_int_equal(gmlp_net_shrink(NULL, 4096), GMLP_E_ARGUMENT);
    {
        gmlp_net net = make_net(GMLP_WEIGHTS_F32, GMLP_BIAS_ALL, 32, 6), before;
        counting c;
        memset(&c, 0, sizeof c);
        c.refuse = 1;
        net.alloc.user = &c;
        net.alloc.alloc = counting_alloc;
        net.alloc.free = counting_free;
        before = net;
        assert_int_equal(gmlp_net_shrink(&net, 1024), GMLP_E_MEMORY);
        assert_memory_equal(&net, &before, sizeof net);
        free(net.weights);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc), cmocka_unit_test(test_layout), cmocka_unit_test(test_sections),
        cmocka_unit_test(test_sections_wrong), cmocka_unit_test(test_sections_set), cmocka_unit_test(test_none), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_fields), cmocka_unit_test(test_coding), cmocka_unit_test(test_coding_is_fixed),
        cmocka_unit_test(test_truncated_and_flipped), cmocka_unit_test(test_stream_length), cmocka_unit_test(test_number_too_large),
        cmocka_unit_test(test_float_weights), cmocka_unit_test(test_off_grid), cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_budget), cmocka_unit_test(test_shrink), cmocka_unit_test(test_write_refuses),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_signature), cmocka_unit_test(test_signature_sums), cmocka_unit_test(test_signature_refuses),
        cmocka_unit_test(test_signature_limits)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
