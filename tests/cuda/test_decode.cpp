/* gamutmlp_cuda.cu >>decode: the bytes that come out, beside the library's own. */
#ifndef GMLP_CUDA_EMULATION
#define GMLP_CUDA_EMULATION
#endif
#include "gamutmlp.h"
#include "gamutmlp_cuda.cu"
#include "tests/synthetic.h"
#include <setjmp.h>
#include <stdarg.h>
#include <algorithm>
extern "C" {
#include <cmocka.h>
}

enum { W = 150, H = 37, N = W * H };

static gmlp_cuda cuda;
static gmlp_device device;
static uint16_t wide_data[N * 3];
static uint8_t base_data[N * 4];
static float hdr_data[N * 3];

static uint32_t draw(void) {
    static uint64_t x = 88172645463325252u;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return (uint32_t)(x >> 32);
}

/* A picture's memory, on the GPU or not, in one of these layouts. */
enum { PLAIN, UPSIDE_DOWN, GAPS, ODD_ADDRESS, PLANES, ROW_PLANES, LAYOUTS };
struct picture {
    gmlp_image view;
    unsigned char *memory;
    size_t size;
    bool there;
};

static picture make(uint32_t width, uint32_t height, int type, int channels, int layout, bool there) {
    picture p;
    gmlp_image &v = p.view;
    const int planes = channels == 4 ? 4 : 3;
    const size_t pixel = gmlp_pixel_size(type, channels), sample = gmlp_pixel_size(type, 1),
                 gap = layout == GAPS ? 16 + 16 - width * pixel % 16 : layout == ODD_ADDRESS ? 7 : 0;
    memset(&p, 0, sizeof p);
    if (!sample && layout >= PLANES) layout = PLAIN;
    v.width = width;
    v.height = height;
    v.type = type;
    v.channels = channels;
    if (layout >= PLANES) {
        const size_t row = width * sample;
        v.stride = (ptrdiff_t)(layout == PLANES ? row : row * (size_t)planes);
        v.plane_stride = (ptrdiff_t)(layout == PLANES ? row * height : row);
        p.size = row * height * (size_t)planes;
    } else {
        v.stride = (ptrdiff_t)(width * pixel + gap);
        p.size = (size_t)v.stride * height + (layout == ODD_ADDRESS);
    }
    void *memory = malloc(p.size);
    if (there) {
        free(memory);
        assert_int_equal(cudaMalloc(&memory, p.size), cudaSuccess);
    }
    p.there = there;
    p.memory = (unsigned char *)memory;
    for (size_t i = 0; i < p.size; i++) p.memory[i] = (unsigned char)(i * 37 + 11);
    v.data = p.memory + (layout == ODD_ADDRESS);
    if (layout == UPSIDE_DOWN) {
        v.data = p.memory + (height - 1) * (size_t)v.stride;
        v.stride = -v.stride;
    }
    if (layout == PLAIN) v.stride = 0;
    return p;
}

static void drop(picture *p) {
    if (p->there) cudaFree(p->memory);
    else free(p->memory);
}

/* Both ways into pictures of this kind. */
static void same_bytes(const gmlp_net *net, const gmlp_image *base, int type, int channels, int space,
                       gmlp_decode_opts opts, uint32_t width, uint32_t height, int layout, bool there) {
    picture a = make(width, height, type, channels, layout, false);
    picture b = make(width, height, type, channels, layout, there);
    gmlp_result result;
    a.view.space = b.view.space = space;
    opts.device = NULL;
    result = gmlp_decode(net, base, &a.view, &opts);
    assert_int_equal(result, GMLP_OK);
    opts.device = &device;
    assert_int_equal(gmlp_decode(net, base, &b.view, &opts), GMLP_OK);
    for (size_t i = 0; i < a.size; i++)
        if (a.memory[i] != b.memory[i])
            fail_msg("byte %zu of %zu: %d, not %d (type %d, channels %d, space %d, alpha %d, layout %d, width %d)", i,
                     a.size, b.memory[i], a.memory[i], type, channels, space, opts.decoder.alpha, layout,
                     net->mlp.width);
    drop(&a);
    drop(&b);
}

/* A base of channels; sYCC's codes are any. */
static gmlp_image make_base(int channels, int space) {
    static uint8_t rgb[N * 3];
    const gmlp_image wide = {wide_data, W, H, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
    gmlp_image base = {rgb, W, H, 0, GMLP_U8, 3, space, 0};
    test_picture(wide_data, W, H, 4);
    if (space != GMLP_SRGB) assert_int_equal(gmlp_convert(&wide, &base, NULL), GMLP_OK);
    else assert_int_equal(gmlp_reduce(&wide, &base, NULL, NULL), GMLP_OK);
    for (int i = 0; i < N; i++)
        for (int c = 0; c < channels; c++)
            base_data[i * channels + c] = c == 3 ? (uint8_t)draw() : i % 11 == 0 ? (uint8_t)draw() : rgb[3 * i + c];
    base.data = base_data;
    base.channels = channels;
    return base;
}

static gmlp_net train(gmlp_train_opts opts, int space) {
    const gmlp_image wide = {wide_data, W, H, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
    const gmlp_image base = make_base(3, space);
    gmlp_net net;
    opts.iterations = 4;
    opts.batch = 32;
    assert_int_equal(gmlp_train(&base, &wide, &opts, &net, NULL), GMLP_OK);
    assert_int_equal(net.method, GMLP_METHOD_RESIDUAL);
    return net;
}

static const int types[] = {GMLP_U8,    GMLP_U16,     GMLP_F16,        GMLP_F32,
                            GMLP_BGRA8, GMLP_RGB10A2, GMLP_R11G11B10F, GMLP_RGB9E5};
static const int spaces[] = {GMLP_SPACE_NONE, GMLP_SRGB, GMLP_REC2020_PQ, GMLP_REC2020_HLG, GMLP_ADOBERGB, GMLP_REC2020,
                             GMLP_PROPHOTO_LINEAR, GMLP_ACESCG, GMLP_REC709};

/* All types in all spaces, with all that alpha can be. */
static void types_and_spaces(void **state) {
    gmlp_train_opts train_opts = {};
    gmlp_net net = train(train_opts, GMLP_SRGB);
    (void)state;
    for (int channels = 3; channels <= 4; channels++) {
        const gmlp_image base = make_base(channels, GMLP_SRGB);
        for (int type : types)
            for (int space : spaces) {
                gmlp_decode_opts opts = {};
                if ((type + space + channels) % 2) /* with one of the bases */
                    same_bytes(&net, &base, type, 0, space, opts, W, H, PLAIN, channels == 4);
                if (!gmlp_pixel_size(type, 4) || (space != GMLP_SPACE_NONE && space != GMLP_REC2020_HLG)) continue;
                for (int alpha = 0; alpha < 3; alpha++) {
                    opts.decoder.alpha = alpha;
                    opts.decoder.clamp_negative = alpha == 1;
                    same_bytes(&net, &base, type, 4, space, opts, W, H, PLAIN, channels == 3);
                }
            }
    }
    gmlp_net_free(&net);
}

/* Widths, windows, masks, kinds of networks. */
static void networks(void **state) {
    static const struct {
        int preset, activation, width, margin, radius[2], space;
        bool all;
    } cases[] = {
        {0, GMLP_RELU, 32, 0, {1, 3}, GMLP_SRGB, false},   {0, GMLP_RELU, 8, 9, {7, 2}, GMLP_SRGB, false},
        {0, GMLP_RELU, 16, 3, {2, 0}, GMLP_SYCC, false},   {0, GMLP_RELU, 24, 0, {0, 5}, GMLP_SRGB, false},
        {0, GMLP_RELU, 40, 1, {1, 4}, GMLP_SYCC, false},   {0, GMLP_RELU, 64, 0, {1, 3}, GMLP_SRGB, true},
        {0, GMLP_RELU, 72, 0, {0, 0}, GMLP_SRGB, false},   {0, GMLP_RELU, 96, 0, {6, 7}, GMLP_SRGB, false},
        {0, GMLP_RELU, 104, 0, {1, 3}, GMLP_SRGB, false},  {0, GMLP_RELU, 128, 63, {3, 1}, GMLP_SRGB, false},
        {0, GMLP_SINE, 24, 0, {1, 3}, GMLP_SRGB, false},   {0, GMLP_SINE, 40, 2, {0, 3}, GMLP_SYCC, false},
        {GMLP_PRESET_PAPER, GMLP_RELU, 32, 0, {0, 0}, GMLP_SRGB, false},
        {GMLP_PRESET_PAPER, GMLP_SINE, 8, 0, {0, 0}, GMLP_SRGB, false},
    };
    (void)state;
    for (auto &k : cases) {
        gmlp_train_opts opts = {};
        gmlp_decode_opts decode = {};
        opts.preset = k.preset;
        opts.activation = k.activation;
        opts.width = k.width;
        opts.clip_margin = k.margin;
        if (!k.preset)
            for (int i = 0; i < GMLP_INPUTS; i++)
                opts.frequencies[i] = (uint8_t)(i < 2 ? 6 : i < 5 ? 4 : k.radius[(i - 5) / 3] ? 3 : 0);
        opts.radius[0] = (uint8_t)k.radius[0];
        opts.radius[1] = (uint8_t)k.radius[1];
        gmlp_net net = train(opts, k.space);
        if (k.all) net.mask = GMLP_MASK_ALL;
        for (int turned = 0; turned < 2; turned++) {
            net.coords.transpose = turned;
            if (turned && net.inputs == GMLP_INPUT_CODES) net.inputs = GMLP_INPUT_HALF;
            const gmlp_image base = make_base(turned ? 4 : 3, k.space);
            for (int type : {GMLP_U16, GMLP_F32})
                same_bytes(&net, &base, type, 3, GMLP_SPACE_NONE, decode, W, H, PLAIN, true);
        }
        gmlp_net_free(&net);
    }
}

/* Parts of a picture, from a base that is just large enough, in every layout, in the GPU's memory or not. */
static void parts_and_layouts(void **state) {
    static const uint32_t parts[][4] = {
        {0, 0, W, H}, {0, 0, 1, 1}, {W - 1, H - 1, 1, 1}, {17, 5, 131, 20}, {3, 9, 2, 28}};
    gmlp_train_opts train_opts = {};
    gmlp_net net = train(train_opts, GMLP_SRGB);
    const uint32_t halo = gmlp_net_halo(&net);
    (void)state;
    for (int channels = 3; channels <= 4; channels++) {
        const gmlp_image all = make_base(channels, GMLP_SRGB);
        for (auto &part : parts)
            for (int layout = 0; layout < LAYOUTS; layout++)
                for (int odd = 0; odd < 2; odd++) {
                    const uint32_t x0 = part[0] > halo ? part[0] - halo : 0, y0 = part[1] > halo ? part[1] - halo : 0;
                    const uint32_t x1 = std::min<uint32_t>(part[0] + part[2] + halo, W);
                    const uint32_t y1 = std::min<uint32_t>(part[1] + part[3] + halo, H);
                    const size_t pixel = (size_t)channels, row = (x1 - x0) * pixel;
                    picture base = make(x1 - x0, y1 - y0, GMLP_U8, channels,
                                        odd ? ODD_ADDRESS : layout == UPSIDE_DOWN ? UPSIDE_DOWN : PLAIN,
                                        (layout + odd) % 2 != 0);
                    const ptrdiff_t stride = base.view.stride ? base.view.stride : (ptrdiff_t)row;
                    for (uint32_t y = y0; y < y1; y++)
                        memcpy((unsigned char *)base.view.data + (ptrdiff_t)(y - y0) * stride,
                               (const uint8_t *)all.data + (y * W + x0) * pixel, row);
                    base.view.space = GMLP_SRGB;
                    gmlp_decode_opts opts = {};
                    opts.x = part[0];
                    opts.y = part[1];
                    opts.base_x = x0;
                    opts.base_y = y0;
                    for (int k = 0; k < 4; k += 2) { /* all types in two layouts */
                        static const int some[] = {GMLP_U8, GMLP_U16, GMLP_F32, GMLP_RGB10A2};
                        const int type = some[(layout + k + odd) % 4];
                        opts.decoder.alpha = k; /* that of the base, and kept */
                        same_bytes(&net, &base.view, type, type == GMLP_RGB10A2 ? 0 : 3 + (layout / 2 + k / 2) % 2,
                                   GMLP_SPACE_NONE, opts, part[2], part[3], layout, (layout + odd) / 2 % 2 != 0);
                    }
                    drop(&base);
                }
    }
    gmlp_net_free(&net);
}

/* A GPU whose blocks have less memory than a tile takes. */
static void little_shared_memory(void **state) {
    gmlp_train_opts train_opts = {};
    gmlp_net net = train(train_opts, GMLP_SRGB);
    const gmlp_image base = make_base(4, GMLP_SRGB);
    const size_t before = cuda.shared_memory;
    (void)state;
    cuda.shared_memory = 48 * 1024;
    for (int type : types)
        same_bytes(&net, &base, type, gmlp_pixel_size(type, 4) ? 4 : 0, GMLP_SPACE_NONE, {}, W, H, PLAIN, true);
    cuda.shared_memory = before;
    gmlp_net_free(&net);
}

/* HDR: every method, base space, headroom; PQ codes as they are. */
static void hdr(void **state) {
    static const int bases[] = {GMLP_SRGB, GMLP_P3, GMLP_REC709, GMLP_SYCC};
    (void)state;
    for (int i = 0; i < 8; i++) {
        const gmlp_image wide = {hdr_data, W, H, 0, GMLP_F32, 3, GMLP_REC2020_LINEAR, 0};
        const int method = GMLP_METHOD_DIFFERENCE + i % 4;
        gmlp_image base = make_base(3, bases[i % 4]);
        gmlp_train_opts opts = {};
        gmlp_net net;
        for (int k = 0; k < 3 * N; k++) hdr_data[k] = (float)base_data[k] / 60.0f * (float)(1 + k / 3 % W / 60.0);
        opts.method = method;
        opts.preset = i < 4 ? 0 : GMLP_PRESET_PAPER;
        opts.width = i < 4 ? 16 + 8 * i : 16;
        opts.iterations = 4;
        opts.batch = 32;
        assert_int_equal(gmlp_train_hdr(&base, &wide, &opts, &net, NULL), GMLP_OK);
        for (int k = 0; k < 5; k++) {
            gmlp_decode_opts decode = {};
            static const int out[5][2] = {{GMLP_U16, GMLP_REC2020_PQ},
                                          {GMLP_F16, GMLP_SPACE_NONE},
                                          {GMLP_F32, GMLP_P3_LINEAR},
                                          {GMLP_RGB10A2, GMLP_REC2020_HLG},
                                          {GMLP_U8, GMLP_REC2020_PQ}};
            if (k == 2) decode.decoder.headroom = 0.5;
            decode.decoder.scale = k == 1 ? 2.5 : 0.0;
            same_bytes(&net, &base, out[k][0], 0, out[k][1], decode, W, H, PLAIN, false);
        }
        gmlp_net_free(&net);
    }
}

/* No pixel needed a network. */
static void conversion(void **state) {
    gmlp_net net;
    gmlp_decode_opts opts = {};
    (void)state;
    for (int space : {GMLP_SRGB, GMLP_SYCC}) {
        const gmlp_image base = make_base(3, space);
        memset(&net, 0, sizeof net);
        net.wide_space = GMLP_PROPHOTO;
        net.base_space = space;
        net.adaptation = GMLP_BRADFORD;
        net.base_width = net.width = W;
        net.base_height = net.height = H;
        for (int type : types)
            for (int out : {GMLP_SPACE_NONE, GMLP_P3, GMLP_SRGB_LINEAR})
                same_bytes(&net, &base, type, 0, out, opts, W, H, PLAIN, true);
        for (int out : {GMLP_PROPHOTO_LINEAR, GMLP_ACESCG})
            for (int layout : {PLAIN, GAPS, ODD_ADDRESS})
                same_bytes(&net, &base, GMLP_F16, 4, out, opts, W, H, layout, true);
        opts.x = opts.base_x = 0xfffff000u;
        opts.y = opts.base_y = 0xffffff00u;
        opts.x += 20;
        opts.y += 7;
        same_bytes(&net, &base, GMLP_U16, 4, GMLP_SPACE_NONE, opts, W - 20, H - 7, GAPS, false);
        memset(&opts, 0, sizeof opts);
    }
}

/* What a context keeps. */
static void forget_lanes(void) {
    while (cuda.lanes) {
        gmlp_gpu::lane_of_work *const l = cuda.lanes;
        cuda.lanes = l->next;
        for (auto &m : l->memory) cudaFree(m.at);
        cudaStreamDestroy(l->stream);
        free(l);
    }
}

/* Whichever call fails: its error, and nothing is left on the GPU. */
static void failures(void **state) {
    gmlp_train_opts train_opts = {};
    gmlp_net net = train(train_opts, GMLP_SRGB);
    const gmlp_image base = make_base(3, GMLP_SRGB);
    static uint16_t data[N * 3];
    const gmlp_image out = {data, W, H, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
    gmlp_decode_opts opts = {};
    static uint16_t want[N * 3];
    int failed = 0;
    (void)state;
    gmlp_image first = out;
    first.data = want;
    assert_int_equal(gmlp_decode(&net, &base, &first, &opts), GMLP_OK);
    opts.device = &device;
    for (long n = 1;; n++) {
        forget_lanes();
        const size_t before = emulation::outstanding();
        emulation::calls = 0;
        emulation::fail_at = n;
        emulation::fail_with = cudaErrorMemoryAllocation;
        const gmlp_result result = gmlp_decode(&net, &base, &out, &opts);
        const bool all = emulation::calls < n;
        emulation::fail_at = 0;
        forget_lanes();
        assert_int_equal(emulation::outstanding(), before);
        if (result) assert_int_equal(result, GMLP_E_DEVICE_MEMORY);
        else assert_memory_equal(data, want, sizeof data); /* it can do without some calls */
        failed += result != GMLP_OK;
        if (all) break;
    }
    assert_true(failed > 7); /* at least a stream, three times memory, three copies, a launch */
    gmlp_net_free(&net);
}

static int begin(void **state) {
    (void)state;
    cuda.multiprocessors = 2;
    cuda.shared_memory = 227 * 1024;
    device.user = &cuda;
    device.decoder_create = gmlp_gpu::decoder_create;
    device.decoder_rows = gmlp_gpu::decoder_rows;
    device.decoder_free = gmlp_gpu::decoder_free;
    return 0;
}

static int end(void **state) {
    (void)state;
    forget_lanes();
    return emulation::outstanding() != 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_spaces), cmocka_unit_test(networks), cmocka_unit_test(parts_and_layouts),
        cmocka_unit_test(little_shared_memory), cmocka_unit_test(hdr), cmocka_unit_test(conversion),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
