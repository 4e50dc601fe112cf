/* The shaders' source as C, against the library: the same floats, to the bit. */
#include "gamutmlp.h"
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* What a shader has around it. */
typedef uint32_t uint;
typedef struct uvec3 {
    uint x, y, z;
} uvec3;
typedef struct uvec4 {
    uint x, y, z, w;
} uvec4;

static const uint32_t *words;
static const uint8_t *codes;
static uint32_t picture_width;

static uvec3 three(uint x, uint y, uint z) {
    uvec3 v;
    v.x = x, v.y = y, v.z = z;
    return v;
}
static uint gmlp_word(uint i) { return words[i]; }
static uvec4 gmlp_four(uint i) {
    uvec4 v;
    memcpy(&v, words + 4 * i, 16);
    return v;
}
static uvec3 gmlp_base(uint x, uint y) {
    const uint8_t *p = codes + 3 * (y * picture_width + x);
    return three(p[0], p[1], p[2]);
}
static float uintBitsToFloat(uint u) {
    float v;
    memcpy(&v, &u, 4);
    return v;
}
static uint bits_of(float v) {
    uint u;
    memcpy(&u, &v, 4);
    return u;
}

#ifdef __clang__
#pragma clang diagnostic ignored "-Wkeyword-macro"
#endif
/* uint(x), float(x), uvec3(x, y, z): a type's name where no parenthesis follows */
#define uint(x) ((uint32_t)(x))
#define float(x) ((float)(x))
#define uvec3(x, y, z) three(x, y, z)
#define abs(x) fabsf(x)
#define floor(x) floorf(x)
#define GMLP_NEURONS 32u
#include "shaders/gamutmlp_decode.inc"
#undef GMLP_NEURONS
/* The network again for another width. */
#define GMLP_NEURONS 48u
#define gmlp_least least_48
#define gmlp_most most_48
#define gmlp_of of_48
#define gmlp_zeros zeros_48
#define gmlp_round round_48
#define gmlp_fma fma_48
#define gmlp_add add_48
#define gmlp_multiply multiply_48
#define gmlp_of_whole of_whole_48
#define gmlp_held held_48
#define gmlp_mixed mixed_48
#define gmlp_curve curve_48
#define gmlp_mean mean_48
#define gmlp_is_lost is_lost_48
#define gmlp_sine sine_48
#define gmlp_outputs outputs_48
#define gmlp_restored restored_48
#define gmlp_light light_48
#define gmlp_texel texel_48
#include "shaders/gamutmlp_decode.inc"
#undef gmlp_fma
#undef gmlp_of_whole
#undef gmlp_texel
#undef uint
#undef float
#undef uvec3
#undef abs
#undef floor

static uint64_t state = 1;
static uint32_t draw(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

/* A float whose exponent is near that of 1, often with few bits. */
static float drawn(uint32_t spread) {
    const uint32_t r = draw(), mask = draw() % 4 ? 0x7fffffu : 0x7fffffu << draw() % 23;
    return uintBitsToFloat((r & 0x80000000u) | (127u - spread / 2 + draw() % (spread + 1)) << 23 | (r & mask & 0x7fffffu));
}

static void products_and_sums(void **unused) {
    uint32_t i;
    (void)unused;
    for (i = 0; i < 4000000; i++) {
        const uint32_t spread = i % 4 == 0 ? 100 : i % 4 == 1 ? 30 : 3;
        float a = drawn(spread), b = drawn(spread), c = drawn(spread), want;
        if (i % 16 == 5) c = -a * b; /* nearly nothing is left */
        if (i % 64 == 7) a = i % 128 == 7 ? 0.0f : -0.0f;
        if (i % 64 == 9) c = i % 128 == 9 ? 0.0f : -0.0f;
        want = fmaf(a, b, c);
        if (want != 0 && fabsf(want) < 1.2e-38f) continue;
        if (gmlp_fma(bits_of(a), bits_of(b), bits_of(c)) != bits_of(want))
            print_error("fma(%a, %a, %a) is %a, not %a\n", (double)a, (double)b, (double)c,
                        (double)uintBitsToFloat(gmlp_fma(bits_of(a), bits_of(b), bits_of(c))), (double)want);
        assert_int_equal(gmlp_fma(bits_of(a), bits_of(b), bits_of(c)), bits_of(want));
    }
    for (i = 0; i < 400000; i++) {
        const int32_t v = i < 40 ? (int32_t)i - 20 : (int32_t)draw() >> draw() % 31;
        assert_int_equal(gmlp_of_whole((uint32_t)v), bits_of((float)v));
    }
}

enum { W = 61, H = 43, N = W * H };
static uint8_t base_codes[3 * N];
static uint16_t wide_codes[3 * N];
static float hdr_light[3 * N], decoded[3 * N];

static void make_pictures(gmlp_image *base, gmlp_image *wide) {
    const gmlp_image b = {base_codes, W, H, 0, GMLP_U8, 3, GMLP_SRGB, 0}, w = {wide_codes, W, H, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
    int x, y, c;
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++)
            for (c = 0; c < 3; c++)
                wide_codes[3 * (y * W + x) + c] = (uint16_t)((x * (c + 2) * 700 + y * (5 - c) * 900 + 20000 * c) % 64000 + (int)(draw() & 1023));
    *base = b, *wide = w;
    assert_int_equal(gmlp_reduce(wide, base, NULL, NULL), GMLP_OK);
}

/* Pixels that the network said something of. */
static int compare(const gmlp_net *net, int space, size_t limit) {
    const gmlp_image base = {base_codes, net->base_width, net->base_height, 0, GMLP_U8, 3, net->method ? net->base_space : GMLP_SRGB, 0},
                     out = {decoded, net->base_width, net->base_height, 0, GMLP_F32, 3, space, 0};
    gmlp_decoder *decoder;
    uint32_t x, y;
    size_t size, again;
    int lost = 0, isa;
    void *pack;
    assert_int_equal(gmlp_decode(net, &base, &out, NULL), GMLP_OK);
    assert_int_equal(gmlp_decoder_create(net, GMLP_F32, space, NULL, &decoder), GMLP_OK);
    assert_int_equal(gmlp_shader_pack(decoder, NULL, 0, &size), GMLP_E_BUFFER);
    assert_true(size % 16 == 0 && size <= limit);
    pack = malloc(size);
    assert_int_equal(gmlp_shader_pack(decoder, pack, size - 1, &again), GMLP_E_BUFFER);
    assert_int_equal(gmlp_shader_pack(decoder, pack, size, &again), GMLP_OK);
    assert_int_equal(size, again);
    for (isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
        void *other;
        gmlp_decoder_opts opts;
        if (!gmlp_isa_available(isa)) continue;
        gmlp_decoder_free(decoder);
        memset(&opts, 0, sizeof opts);
        opts.isa = isa;
        assert_int_equal(gmlp_decoder_create(net, GMLP_F32, space, &opts, &decoder), GMLP_OK);
        other = malloc(size);
        assert_int_equal(gmlp_shader_pack(decoder, other, size, &again), GMLP_OK);
        assert_memory_equal(pack, other, size);
        free(other);
    }
    words = (const uint32_t *)pack;
    codes = base_codes;
    picture_width = net->base_width;
    for (y = 0; y < net->base_height; y++)
        for (x = 0; x < net->base_width; x++) {
            static const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD};
            uvec3 got;
            fesetround(modes[x % 4]); /* devices may round as they like */
            got = words[6] == 48 ? texel_48(x, y) : gmlp_texel(x, y);
            fesetround(FE_TONEAREST);
            assert_memory_equal(&got, decoded + 3 * (y * picture_width + x), 12);
            lost += (int)gmlp_is_lost(gmlp_base(x, y));
        }
    free(pack);
    gmlp_decoder_free(decoder);
    return lost;
}

static void wide_gamut(void **unused) {
    static const int spaces[] = {GMLP_PROPHOTO, GMLP_REC2020, GMLP_P3, GMLP_SRGB, GMLP_ACESCG};
    size_t i;
    (void)unused;
    for (i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        const int linear = spaces[i] == GMLP_ACESCG ? GMLP_ACESCG : spaces[i] + GMLP_LINEAR;
        gmlp_image base, wide;
        gmlp_train_opts opts;
        gmlp_net net;
        make_pictures(&base, &wide);
        wide.space = spaces[i];
        memset(&opts, 0, sizeof opts);
        opts.iterations = i ? 25 : 300, opts.batch = 256, opts.clip_margin = (int)i * 4;
        if (i == 1) opts.width = 32, memset(opts.frequencies, 4, 8), opts.radius[0] = 7; /* a single window */
        if (i == 2) opts.width = 32, memset(opts.frequencies, 5, 5);                    /* none */
        if (i == 4) opts.width = 48, opts.budget = 8192;
        assert_int_equal(gmlp_train(&base, &wide, &opts, &net, NULL), GMLP_OK);
        if (spaces[i] == GMLP_SRGB) { /* nothing is lost */
            assert_int_equal(net.method, GMLP_METHOD_NONE);
            assert_int_equal(compare(&net, GMLP_P3_LINEAR, 13000), 0);
            continue;
        }
        assert_true(compare(&net, linear, 60000) > N / 8);
        compare(&net, GMLP_REC2020_LINEAR, 60000); /* through another matrix */
        if (!i) {                                  /* turned and moved */
            net.coords.transpose = 1, net.base_width = H, net.base_height = W;
            net.coords.col = 3.25f, net.coords.col_step = 0.77f, net.coords.row = H + 10.0f, net.coords.row_step = -1.5f;
            compare(&net, linear, 60000);
            net.mask = GMLP_MASK_ALL;
            assert_int_equal(compare(&net, linear, 60000), N);
            net.width = net.height = 1;
            compare(&net, linear, 60000);
            memset(&net.coords, 0, sizeof net.coords); /* so much smaller that windows are single pixels */
            net.width = 4 * W, net.height = 4 * H, net.base_width = W, net.base_height = H;
            net.coords.col_step = net.coords.row_step = 4;
            compare(&net, linear, 60000);
        }
        gmlp_net_free(&net);
    }
}

static void high_dynamic_range(void **unused) {
    static const int methods[] = {GMLP_METHOD_DIFFERENCE, GMLP_METHOD_DIRECT};
    size_t i;
    int k;
    (void)unused;
    for (i = 0; i < 2; i++) {
        gmlp_image base, hdr, wide;
        gmlp_train_opts opts;
        gmlp_net net;
        make_pictures(&base, &wide);
        for (k = 0; k < 3 * N; k++)
            hdr_light[k] = (float)gmlp_curve_decode(GMLP_SRGB, base_codes[k] / 255.0, 0) * (1 + (float)(k / 3 % W) / 12);
        hdr = wide;
        hdr.data = hdr_light, hdr.type = GMLP_F32, hdr.space = i ? GMLP_SRGB_LINEAR : GMLP_REC2020_LINEAR;
        memset(&opts, 0, sizeof opts);
        opts.method = methods[i], opts.iterations = 60, opts.batch = 256;
        assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_OK);
        assert_int_equal(net.mlp.width, 48);
        assert_int_equal(compare(&net, hdr.space, 96000), N);
        compare(&net, GMLP_P3_LINEAR, 96000);
        gmlp_net_free(&net);
    }
}

/* What the README says of sizes, and what is refused. */
static void sizes_and_refusals(void **unused) {
    gmlp_image base, wide;
    gmlp_train_opts opts;
    gmlp_decoder_opts less;
    gmlp_decoder *decoder;
    gmlp_net net;
    size_t size;
    void *pack;
    (void)unused;
    make_pictures(&base, &wide);
    memset(&opts, 0, sizeof opts);
    opts.iterations = 5, opts.batch = 256;
    assert_int_equal(gmlp_train(&base, &wide, &opts, &net, NULL), GMLP_OK);
    net.width = net.base_width = 4000, net.height = net.base_height = 3000;
    assert_int_equal(gmlp_decoder_create(&net, GMLP_F32, GMLP_PROPHOTO_LINEAR, NULL, &decoder), GMLP_OK);
    assert_int_equal(gmlp_shader_pack(decoder, NULL, 0, &size), GMLP_E_BUFFER);
    assert_true(size <= 65536);
    pack = malloc(size);
    assert_int_equal(gmlp_shader_pack(decoder, pack, size, &size), GMLP_OK);
    free(pack);
    assert_int_equal(gmlp_shader_pack(decoder, NULL, 0, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_shader_pack(NULL, NULL, 0, &size), GMLP_E_ARGUMENT);
    gmlp_decoder_free(decoder);
    assert_int_equal(gmlp_decoder_create(&net, GMLP_F32, GMLP_PROPHOTO, NULL, &decoder), GMLP_OK);
    assert_int_equal(gmlp_shader_pack(decoder, NULL, 0, &size), GMLP_E_ARGUMENT);
    gmlp_decoder_free(decoder);
    assert_int_equal(gmlp_decoder_create(&net, GMLP_F16, GMLP_PROPHOTO_LINEAR, NULL, &decoder), GMLP_OK);
    assert_int_equal(gmlp_shader_pack(decoder, NULL, 0, &size), GMLP_E_ARGUMENT);
    gmlp_decoder_free(decoder);
    memset(&less, 0, sizeof less);
    less.clamp_negative = 1;
    assert_int_equal(gmlp_decoder_create(&net, GMLP_F32, GMLP_P3_LINEAR, &less, &decoder), GMLP_OK);
    assert_int_equal(gmlp_shader_pack(decoder, NULL, 0, &size), GMLP_E_ARGUMENT);
    gmlp_decoder_free(decoder);
    /* a place so far away that the encoding holds it at its end */
    net.coords.row = 1e6f;
    assert_int_equal(gmlp_decoder_create(&net, GMLP_F32, GMLP_PROPHOTO_LINEAR, NULL, &decoder), GMLP_OK);
    gmlp_shader_pack(decoder, NULL, 0, &size);
    pack = malloc(size);
    assert_int_equal(gmlp_shader_pack(decoder, pack, size, &size), GMLP_E_LIMIT);
    free(pack);
    gmlp_decoder_free(decoder);
    gmlp_net_free(&net);
    /* a texture of RGB has not what the base of sYCC has */
    base.space = GMLP_SYCC;
    assert_int_equal(gmlp_reduce(&wide, &base, NULL, NULL), GMLP_OK);
    assert_int_equal(gmlp_train(&base, &wide, &opts, &net, NULL), GMLP_OK);
    assert_int_equal(gmlp_decoder_create(&net, GMLP_F32, GMLP_PROPHOTO_LINEAR, NULL, &decoder), GMLP_OK);
    assert_int_equal(gmlp_shader_pack(decoder, NULL, 0, &size), GMLP_E_BASE_SPACE);
    assert_int_equal(size, 0);
    gmlp_decoder_free(decoder);
    gmlp_net_free(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(products_and_sums), cmocka_unit_test(wide_gamut),
                                       cmocka_unit_test(high_dynamic_range), cmocka_unit_test(sizes_and_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
