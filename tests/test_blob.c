/* >>blob: layout, limits, rounding of weights, signatures. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fenv.h>
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

static gmlp_net make_net(int bits, int bias, int width, int bands) {
    gmlp_net net;
    int i;
    memset(&net, 0, sizeof net);
    net.method = GMLP_METHOD_RESIDUAL;
    net.wide_space = GMLP_PROPHOTO;
    net.weight_bits = bits;
    net.mlp.bias = bias;
    net.mlp.width = width;
    for (i = 0; i < GMLP_INPUTS; i++) net.mlp.bands[i] = (uint8_t)bands;
    net.width = net.base_width = 640;
    net.height = net.base_height = 480;
    net.coords.col_step = net.coords.row_step = 1.0f;
    for (i = 0; i < GMLP_SIGNATURE_SIZE; i++) net.signature[i] = (uint8_t)(3 * i);
    net.weights = (float *)malloc(gmlp_mlp_weights(&net.mlp) * sizeof(float));
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
    assert_int_equal(a->region, b->region);
    assert_int_equal(a->margin, b->margin);
    assert_int_equal(a->weight_bits, b->weight_bits);
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

/* A blob written by hand after the manual. 8 wide, one band of one input: W1 2x8, W2 8x8, W3 8x3. */
enum { HAND_BITS = 3, HAND_Q = 110 + 38 + 38, HAND_SIZE = HAND_Q + (104 * HAND_BITS + 7) / 8 + 4 };
static size_t hand_blob(uint8_t *p) {
    static const uint8_t head[46] = {
        'G', 'M', 'L', 'P', 1, 1, 4 /* ProPhoto */, 1 /* sRGB */, 1 /* CAT02 */, 1 /* transposed */,
        0x34, 0x12, 0x78, 0x56, 0xff, 0xff, 1, 0, /* 4660 x 22136, base 65535 x 1 */
        0, 0, 0xa0, 0x40, 0, 0, 0x80, 0xbf, 0, 0, 0x20, 0xc1, 0, 0, 0, 0x3f, /* 5, -1, -10, 0.5 */
        1 /* wide */, 1 /* all */, 63, HAND_BITS, 1 /* sine */, 0, 8, 0, 0, 0, 0, 1
    };
    size_t i, bit;
    memset(p, 0, HAND_SIZE);
    memcpy(p, head, sizeof head);
    for (i = 0; i < 64; i++) p[46 + i] = (uint8_t)(i + 1);
    for (i = 0; i < 19; i++) { /* scales 1, 1.5; biases -2 */
        p[110 + 2 * i + 1] = 0x3c;
        if (i & 1) p[110 + 2 * i + 1] = 0x3e;
        p[148 + 2 * i + 1] = 0xc0;
    }
    for (i = 0; i < 104; i++) { /* q: 3 for the first of each neuron, else -1, so that the scale is the largest possible */
        const unsigned q = i < 8 || (i >= 16 && i < 24) || (i >= 80 && i < 83) ? 3 : 7;
        for (bit = 0; bit < 3; bit++)
            if (q >> bit & 1) p[HAND_Q + (3 * i + bit) / 8] = (uint8_t)(p[HAND_Q + (3 * i + bit) / 8] | 1u << (3 * i + bit) % 8);
    }
    seal(p, HAND_SIZE);
    return HAND_SIZE;
}

static void test_layout(void **state) {
    uint8_t p[HAND_SIZE], again[HAND_SIZE];
    gmlp_net net;
    size_t i, j, k, size = 0, at = 0;
    const size_t in[3] = {2, 8, 8}, out[3] = {8, 8, 3};
    (void)state;
    hand_blob(p);
    assert_int_equal(gmlp_blob_read(p, sizeof p, NULL, &net, NULL), GMLP_OK);
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
    assert_int_equal(net.region, GMLP_REGION_ALL);
    assert_int_equal(net.margin, 63);
    assert_int_equal(net.weight_bits, HAND_BITS);
    assert_int_equal(net.mlp.activation, GMLP_SINE);
    assert_int_equal(net.mlp.bias, GMLP_BIAS_ALL);
    assert_int_equal(net.mlp.width, 8);
    assert_int_equal(net.mlp.bands[4], 1);
    assert_int_equal(net.signature[63], 64);
    for (k = 0; k < 3; k++) {
        for (i = 0; i < in[k]; i++)
            for (j = 0; j < out[k]; j++) {
                const float scale = (8 * k + j) & 1 ? 1.5f : 1.0f;
                assert_true(net.weights[at++] == (i ? -1.0f : 3.0f) * scale);
            }
        for (j = 0; j < out[k]; j++) assert_true(net.weights[at++] == -2.0f);
    }
    assert_int_equal(gmlp_blob_size(&net), sizeof p);
    assert_int_equal(gmlp_blob_write(&net, again, sizeof again, &size), GMLP_OK);
    assert_int_equal(size, sizeof p);
    assert_memory_equal(again, p, sizeof p);
    gmlp_net_free(&net);
    assert_zeroed(&net);
    gmlp_net_free(&net);
}

static void test_none(void **state) {
    uint8_t p[38] = {'G', 'M', 'L', 'P', 1, 0, 2 /* P3 */, 1, 0, 0, 9, 0, 8, 0, 7, 0, 6, 0,
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
    assert_int_equal(gmlp_blob_write(&net, again, sizeof again, &size), GMLP_OK);
    assert_int_equal(size, 38);
    assert_memory_equal(again, p, sizeof p);
    gmlp_signature_begin(&s, 1, 1);
    assert_int_equal(gmlp_net_belongs(&net, &s), 1);
    gmlp_net_free(&net);
}

/* The sizes that the presets were laid out for. */
static void test_sizes(void **state) {
    gmlp_net net = make_net(8, GMLP_BIAS_ALL, 32, 8);
    size_t i;
    (void)state;
    for (i = 0; i < gmlp_mlp_weights(&net.mlp); i++) net.weights[i] = uniform();
    assert_int_equal(gmlp_blob_size(&net), 0); /* not rounded yet */
    assert_int_equal(gmlp__quantise(&net), GMLP_OK);
    assert_int_equal(gmlp_blob_size(&net), 4062);
    gmlp_net_free(&net);
    net = make_net(32, GMLP_BIAS_FIRST, 32, 12);
    for (i = 0; i < gmlp_mlp_weights(&net.mlp); i++) net.weights[i] = 0.25f;
    assert_int_equal(gmlp_blob_size(&net), 0); /* biases that the blob has no place for */
    assert_int_equal(gmlp__quantise(&net), GMLP_OK);
    assert_int_equal(gmlp_blob_size(&net), 110 + 4 * (120 * 32 + 32 + 32 * 32 + 32 * 3) + 4);
    gmlp_net_free(&net);
}

/* Every field: a value on either side of each limit. */
typedef struct field_case {
    size_t at, size;
    uint32_t value;
    int ok;
} field_case;

static void check_field(field_case c, gmlp_result bad) {
    uint8_t p[HAND_SIZE];
    gmlp_net net;
    gmlp_error err;
    gmlp_result result;
    hand_blob(p);
    gmlp__put_le(p + c.at, c.value, c.size);
    seal(p, sizeof p);
    memset(&err, 0, sizeof err);
    memset(&net, 0xee, sizeof net);
    result = gmlp_blob_read(p, sizeof p, NULL, &net, &err);
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
        {5, 1, 2, 0}, {5, 1, 255, 0},
        {6, 1, 0, 0}, {6, 1, 1, 1}, {6, 1, 9, 1}, {6, 1, 10, 0}, {6, 1, 64, 0}, {6, 1, 65, 1}, {6, 1, 69, 1}, {6, 1, 70, 0},
        {7, 1, 0, 0}, {7, 1, 2, 0}, {8, 1, 0, 1}, {8, 1, 2, 0}, {9, 1, 0, 1}, {9, 1, 2, 0},
        {10, 2, 0, 0}, {10, 2, 1, 1}, {10, 2, 65535, 1}, {12, 2, 0, 0}, {12, 2, 1, 1}, {14, 2, 0, 0}, {16, 2, 0, 0}, {16, 2, 65535, 1},
        /* floats: a million, the next above, minus the same, NaN, infinity, 0 */
        {18, 4, 0x49742400, 1}, {18, 4, 0x49742401, 0}, {18, 4, 0xc9742400, 1}, {18, 4, 0xc9742401, 0}, {18, 4, 0x7fc00000, 0}, {18, 4, 0, 1},
        {22, 4, 0x49742400, 1}, {22, 4, 0x49742401, 0}, {22, 4, 0x7f800000, 0}, {22, 4, 0, 0}, {22, 4, 0x80000000, 0}, {22, 4, 1, 1},
        {26, 4, 0xc9742400, 1}, {26, 4, 0xff800000, 0}, {26, 4, 0, 1},
        {30, 4, 0x49742401, 0}, {30, 4, 0xffc00000, 0}, {30, 4, 0, 0},
        {34, 1, 0, 1}, {34, 1, 2, 0}, {35, 1, 0, 1}, {35, 1, 2, 0}, {36, 1, 63, 1}, {36, 1, 64, 0},
        {37, 1, 1, 0}, {37, 1, 9, 0}, {37, 1, 31, 0}, {37, 1, 33, 0}, {37, 1, 0, 0},
        {38, 1, 0, 1}, {38, 1, 2, 0}, {39, 1, 2, 0}, {40, 1, 0, 0}, {40, 1, 7, 0}, {40, 1, 9, 0}, {40, 1, 136, 0},
        {46, 4, 0xffffffff, 1}
    };
    static const field_case weights[] = {
        {110, 2, 0, 0}, {110, 2, 1, 1}, {110, 2, 0x7bff, 0} /* 3 x 65504 */, {110, 2, 0x7c00, 0}, {110, 2, 0xbc00, 0}, {110, 2, 0x7e00, 0},
        {148, 2, 0, 1}, {148, 2, 0x8000, 1}, {148, 2, 0x7bff, 1}, {148, 2, 0xfbff, 1}, {148, 2, 0x7c00, 0}, {148, 2, 0xfc00, 0}, {148, 2, 0x7e00, 0}
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) check_field(cases[i], GMLP_E_FIELD);
    for (i = 0; i < sizeof weights / sizeof weights[0]; i++) {
        if (weights[i].value == 0x7bff && weights[i].at == 110) { /* noticed at the weight, not at the scale */
            uint8_t p[HAND_SIZE];
            gmlp_net net;
            gmlp_error err;
            hand_blob(p);
            gmlp__put_le(p + 110, 0x7bff, 2);
            seal(p, sizeof p);
            assert_int_equal(gmlp_blob_read(p, sizeof p, NULL, &net, &err), GMLP_E_WEIGHT);
            assert_int_equal(err.offset, HAND_Q);
        } else check_field(weights[i], GMLP_E_WEIGHT);
    }
    {
        const field_case bands = {41, 1, 17, 0}, version = {4, 1, 2, 0}, magic = {0, 1, 'g', 0}, lowest = {HAND_Q, 1, 0xdc, 0};
        uint8_t p[HAND_SIZE + 1];
        gmlp_net net;
        gmlp_error err;
        hand_blob(p);
        p[bands.at] = 17;
        assert_int_equal(gmlp_blob_read(p, HAND_SIZE, NULL, &net, &err), GMLP_E_FIELD);
        assert_int_equal(err.offset, 40); /* width and bands are judged together */
        hand_blob(p);
        p[45] = 0;
        assert_int_equal(gmlp_blob_read(p, HAND_SIZE, NULL, &net, &err), GMLP_E_FIELD);
        check_field(version, GMLP_E_VERSION);
        check_field(magic, GMLP_E_FORMAT);
        check_field(lowest, GMLP_E_WEIGHT); /* q = -4 */
        hand_blob(p);
        p[HAND_SIZE] = 0;
        assert_int_equal(gmlp_blob_read(p, HAND_SIZE + 1, NULL, &net, &err), GMLP_E_FORMAT);
        assert_int_equal(err.offset, HAND_SIZE);
    }
}

/* Bits after the last weight must be 0. All counts of matrix weights are multiples of 8, so whole bytes are
   always filled and there are none; were that to change, the reader has to look at them again. */
static void test_whole_bytes(void **state) {
    int width, bits;
    (void)state;
    for (width = 8; width <= 128; width += 8)
        for (bits = 2; bits <= 8; bits++) {
            gmlp_mlp mlp;
            memset(&mlp, 0, sizeof mlp);
            mlp.width = width;
            mlp.bands[2] = 1;
            assert_int_equal((gmlp_mlp_features(&mlp) + (size_t)width + 3) * (size_t)width * (size_t)bits % 8, 0);
        }
}

static void test_truncated_and_flipped(void **state) {
    uint8_t p[HAND_SIZE], *cut;
    gmlp_net net;
    gmlp_error err;
    gmlp_result result;
    size_t n;
    int bit;
    (void)state;
    hand_blob(p);
    for (n = 0; n < sizeof p; n++) {
        cut = (uint8_t *)malloc(n ? n : 1); /* exactly as long, for the sanitizers */
        memcpy(cut, p, n);
        result = gmlp_blob_read(cut, n, NULL, &net, &err);
        assert_int_equal(result, GMLP_E_TRUNCATED);
        assert_int_equal(err.offset, n);
        assert_zeroed(&net);
        free(cut);
    }
    for (n = 0; n < sizeof p; n++)
        for (bit = 0; bit < 8; bit++) {
            p[n] = (uint8_t)(p[n] ^ 1 << bit);
            result = gmlp_blob_read(p, sizeof p, NULL, &net, &err);
            assert_int_not_equal(result, GMLP_OK);
            assert_true(err.offset <= sizeof p);
            assert_zeroed(&net);
            if (n >= 46) assert_int_equal(result, GMLP_E_CORRUPT);
            p[n] = (uint8_t)(p[n] ^ 1 << bit);
        }
}

static void test_float_weights(void **state) {
    gmlp_net net = make_net(32, GMLP_BIAS_ALL, 16, 3), again;
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
        gmlp__put_le(p + 110 + 4 * 5, bad[i], 4);
        seal(p, size);
        assert_int_equal(gmlp_blob_read(p, size, NULL, &again, &err), GMLP_E_WEIGHT);
        assert_int_equal(err.offset, 130);
        assert_zeroed(&again);
        memcpy(&net.weights[7], &bad[i], 4);
        assert_int_equal(gmlp_blob_size(&net), 0);
        assert_int_equal(gmlp__quantise(&net), GMLP_E_WEIGHT);
        net.weight_bits = 8;
        assert_int_equal(gmlp__quantise(&net), GMLP_E_WEIGHT);
        net.weight_bits = 32;
    }
    free(p);
    gmlp_net_free(&net);
}

/* Squared error of rounding a neuron with the plain scale, max / q_max as a half. */
static double plain_error(const float *w, size_t n, size_t stride, int q_max) {
    double max = 0, e = 0, s, q;
    size_t i;
    for (i = 0; i < n; i++) {
        s = w[i * stride] < 0 ? -w[i * stride] : w[i * stride];
        if (s > max) max = s;
    }
    if (max == 0) return 0;
    s = gmlp_half_to_float(gmlp_half_from_float((float)(max / q_max)));
    if (s == 0) return 1e30;
    for (i = 0; i < n; i++) {
        q = (double)(long)(w[i * stride] / s + (w[i * stride] < 0 ? -0.5 : 0.5));
        if (q > q_max) q = q_max;
        if (q < -q_max) q = -q_max;
        e += (w[i * stride] - q * s) * (w[i * stride] - q * s);
    }
    return e;
}

static void test_quantise(void **state) {
    int bits, kind, k;
    (void)state;
    for (bits = 2; bits <= 8; bits++)
        for (kind = 0; kind < 6; kind++) {
            gmlp_net net = make_net(bits, kind & 1, 8 + 8 * (kind % 3), 1 + kind), again;
            const size_t n = gmlp_mlp_weights(&net.mlp);
            float *original = (float *)malloc(n * sizeof(float)), *once = (float *)malloc(n * sizeof(float));
            uint8_t *p;
            gmlp__layer l[3];
            size_t i, j, size = 0;
            for (i = 0; i < n; i++) {
                const float u = uniform();
                original[i] = kind == 0 ? u : kind == 1 ? u * u * u * 300.0f : kind == 2 ? u * 1e-7f : kind == 3 ? (i % 3 ? 0.0f : u)
                              : kind == 4 ? (float)((int)(u * 4)) * 2.0f /* even: a larger scale fits, too */ : (i % 2 ? -0.0f : u * 1e-12f);
            }
            memcpy(net.weights, original, n * sizeof(float));
            assert_int_equal(gmlp__quantise(&net), GMLP_OK);
            memcpy(once, net.weights, n * sizeof(float));
            assert_int_equal(gmlp__quantise(&net), GMLP_OK);
            assert_memory_equal(once, net.weights, n * sizeof(float));
            gmlp__layers(&net.mlp, l);
            for (k = 0; k < 3; k++)
                for (j = 0; j < l[k].out; j++) {
                    double e = 0;
                    for (i = 0; i < l[k].in; i++) {
                        const double d = (double)original[l[k].w + i * l[k].out + j] - (double)once[l[k].w + i * l[k].out + j];
                        e += d * d;
                    }
                    assert_true(e <= plain_error(original + l[k].w + j, l[k].in, l[k].out, (1 << (bits - 1)) - 1) * (1 + 1e-9));
                }
            size = gmlp_blob_size(&net);
            assert_true(size > 0);
            p = (uint8_t *)malloc(size);
            assert_int_equal(gmlp_blob_write(&net, p, size - 1, &size), GMLP_E_BUFFER);
            assert_int_equal(gmlp_blob_write(&net, p, size, &size), GMLP_OK);
            assert_int_equal(gmlp_blob_read(p, size, NULL, &again, NULL), GMLP_OK);
            assert_same_net(&net, &again);
            gmlp_net_free(&again);
            /* whatever the caller's rounding mode is */
            memcpy(net.weights, original, n * sizeof(float));
            assert_int_equal(fesetround(FE_UPWARD), 0);
            assert_int_equal(gmlp__quantise(&net), GMLP_OK);
            assert_int_equal(gmlp_blob_read(p, size, NULL, &again, NULL), GMLP_OK);
            fesetround(FE_TONEAREST);
            assert_memory_equal(once, net.weights, n * sizeof(float));
            assert_same_net(&net, &again);
            gmlp_net_free(&again);
            /* a weight off the grid is refused, not silently changed */
            net.weights[0] += 0.37f * (net.weights[0] == 0 ? 1e-3f : net.weights[0]);
            assert_int_equal(gmlp_blob_size(&net), 0);
            assert_int_equal(gmlp_blob_write(&net, p, size, &size), GMLP_E_ARGUMENT);
            free(p);
            free(original);
            free(once);
            gmlp_net_free(&net);
        }
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
    assert_int_equal(size, 7);
    net.wide_space = GMLP_P3;
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

static void *no_alloc(void *user, size_t size) {
    (void)size;
    ++*(int *)user;
    return NULL;
}
static void no_free(void *user, void *ptr, size_t size) {
    (void)user;
    (void)ptr;
    (void)size;
}

static void test_no_memory(void **state) {
    uint8_t p[HAND_SIZE];
    gmlp_alloc alloc;
    gmlp_net net;
    gmlp_error err;
    int asked = 0;
    (void)state;
    alloc.user = &asked;
    alloc.alloc = no_alloc;
    alloc.free = no_free;
    hand_blob(p);
    assert_int_equal(gmlp_blob_read(p, sizeof p, &alloc, &net, &err), GMLP_E_MEMORY);
    assert_int_equal(err.result, GMLP_E_MEMORY);
    assert_int_equal(asked, 1); /* reading allocates once */
    assert_zeroed(&net);
    p[50] ^= 1; /* what is broken costs no memory at all */
    assert_int_equal(gmlp_blob_read(p, sizeof p, &alloc, &net, NULL), GMLP_E_CORRUPT);
    assert_int_equal(asked, 1);
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
    gmlp_signature_begin(s, width, height);
    gmlp_signature_rows(s, &image, 0);
    gmlp_signature_finish(s, out);
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
        assert_int_equal(gmlp_net_belongs(&net, &s), 1);
        sign(p, 2, 3, b, &s);
        assert_int_equal(gmlp_net_belongs(&net, &s), 0);
        memset(p, 90, sizeof p);
        sign(p, 3, 2, b, &s);
        assert_int_equal(gmlp_net_belongs(&net, &s), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc), cmocka_unit_test(test_layout), cmocka_unit_test(test_none), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_fields), cmocka_unit_test(test_whole_bytes), cmocka_unit_test(test_truncated_and_flipped),
        cmocka_unit_test(test_float_weights), cmocka_unit_test(test_quantise), cmocka_unit_test(test_write_refuses),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_signature), cmocka_unit_test(test_signature_limits)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
