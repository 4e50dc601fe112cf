/* gamutmlp_cuda.cu >>collect: the samples, ranks, counts and moments of a training, beside the library's own. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include "gamutmlp_cuda.cu"
#include "tests/synthetic.h"
#include <setjmp.h>
#include <stdarg.h>
#include <vector>
extern "C" {
#include <cmocka.h>
}

enum { PLAIN, UPSIDE_DOWN, GAPS, PLANES, ROW_PLANES, ODD_ADDRESS };

/* Pixels in memory as a layout says, or on the GPU. */
struct picture {
    gmlp_image view;
    unsigned char *memory;
    size_t size;
    bool on_gpu;
};

static picture make_picture(uint32_t width, uint32_t height, int type, int channels, int space, int layout,
                            bool on_gpu) {
    picture p;
    memset(&p, 0, sizeof p);
    gmlp_image &v = p.view;
    const size_t pixel = gmlp_pixel_size(type, channels), sample = gmlp_pixel_size(type, 1),
                 planes = channels == 4 ? 4 : 3, gap = layout == ODD_ADDRESS ? 7 : layout == GAPS ? 24 : 0;
    v.width = width;
    v.height = height;
    v.type = type;
    v.channels = channels;
    v.space = space;
    if (layout == PLANES || layout == ROW_PLANES) {
        const size_t row = width * sample;
        v.stride = (ptrdiff_t)(layout == PLANES ? row : row * planes);
        v.plane_stride = (ptrdiff_t)(layout == PLANES ? row * height : row);
        p.size = row * height * planes;
    } else {
        v.stride = (ptrdiff_t)(width * pixel + gap);
        p.size = (size_t)v.stride * height + (layout == ODD_ADDRESS);
    }
    p.memory = (unsigned char *)malloc(p.size);
    memset(p.memory, 0x5a, p.size);
    p.on_gpu = on_gpu;
    v.data = p.memory + (layout == ODD_ADDRESS);
    if (layout == UPSIDE_DOWN) {
        v.data = p.memory + (height - 1) * (size_t)v.stride;
        v.stride = -v.stride;
    }
    if (layout == PLAIN) v.stride = 0;
    return p;
}

static void finish_picture(picture *p) {
    void *there;
    if (!p->on_gpu) return;
    assert_int_equal(cudaMalloc(&there, p->size), cudaSuccess);
    assert_int_equal(cudaMemcpyAsync(there, p->memory, p->size, cudaMemcpyHostToDevice, NULL), cudaSuccess);
    p->view.data = (unsigned char *)there + ((unsigned char *)p->view.data - p->memory);
    free(p->memory);
    p->memory = (unsigned char *)there;
}

static void free_picture(picture *p) {
    if (p->on_gpu) cudaFree(p->memory);
    else free(p->memory);
}

struct scene_facts {
    const char *name;
    uint32_t width, height;
    int base_space, base_channels, base_layout;
    int type, channels, space, layout;
    int hdr, preset, method, margin;
    uint8_t radius[GMLP_WINDOWS];
    uint32_t iterations, batch;
    bool on_gpu[2];
    double peak = 0.0;
};

/* A coloured picture, for HDR four times as bright, with what floats have besides: NaN, infinity, numbers below 0. */
static void make_scene(const scene_facts &f, picture *base, picture *wide) {
    const size_t n = (size_t)f.width * f.height;
    std::vector<uint16_t> codes(3 * n);
    std::vector<float> light(3 * n);
    uint32_t noise = 12345;
    gmlp_convert_opts opts;
    gmlp_image from, middle;
    memset(&opts, 0, sizeof opts);
    memset(&from, 0, sizeof from);
    test_picture(codes.data(), f.width, f.height, 3);
    for (size_t i = 0; i < n; i++) /* some black, some white */
        for (size_t c = 0; c < 3 && i % 7 == 0; c++) codes[3 * i + c] = i % 2 ? 0 : 65535;
    from.data = codes.data();
    from.width = f.width;
    from.height = f.height;
    from.type = GMLP_U16;
    from.space = f.hdr ? GMLP_REC2020 : GMLP_PROPHOTO;
    middle = from;
    middle.data = light.data();
    middle.type = GMLP_F32;
    middle.space = f.hdr ? GMLP_REC2020_LINEAR : GMLP_PROPHOTO_LINEAR;
    *base = make_picture(f.width, f.height, GMLP_U8, f.base_channels, f.base_space, f.base_layout, f.on_gpu[0]);
    *wide = make_picture(f.width, f.height, f.type, f.channels, f.space, f.layout, f.on_gpu[1]);
    if (f.hdr) assert_int_equal(gmlp_convert(&from, &base->view, NULL), GMLP_OK);
    else assert_int_equal(gmlp_reduce(&from, &base->view, NULL, NULL), GMLP_OK);
    if (f.hdr) opts.scale = 4.0;
    assert_int_equal(gmlp_convert(&from, &middle, &opts), GMLP_OK);
    if (f.type == GMLP_F32 || f.type == GMLP_F16)
        for (size_t i = 0; i < 3 * n; i++) {
            static const float odd[] = {-0.25f, NAN, INFINITY, -INFINITY, -0.0f, 1e-30f, 0.0f, 1.0000001f, 3e38f};
            noise = noise * 1664525u + 1013904223u;
            if (noise >> 28 == 0) light[i] = odd[(noise >> 16) % 9];
        }
    assert_int_equal(gmlp_convert(&middle, &wide->view, NULL), GMLP_OK);
    /* floats as they are, NaNs too */
    if (f.type == GMLP_F32 && !f.channels && gmlp_space_is_linear(f.space) && f.layout == PLAIN) {
        for (size_t i = 0; i < n; i += 5) /* ACES has a blue that is darker than black */
            light[3 * i] = light[3 * i + 1] = 0.0f, light[3 * i + 2] = 1.0f;
        memcpy(wide->memory, light.data(), wide->size);
    }
    finish_picture(base);
    finish_picture(wide);
}

struct training {
    gmlp__trainer t;
    gmlp_net net;
    gmlp_train_report report;
};

/* gmlp__train up to the samples. */
static gmlp_result begin(training *r, const picture &base, const picture &wide, const scene_facts &f,
                         const gmlp_device *device) {
    const gmlp__lessons *lessons = f.hdr ? &gmlp__hdr_lessons : &gmlp__gamut_lessons;
    gmlp_train_opts opts;
    memset(r, 0, sizeof *r);
    memset(&opts, 0, sizeof opts);
    opts.preset = f.preset;
    opts.method = f.method;
    opts.clip_margin = f.margin;
    opts.signal_max = f.peak;
    opts.iterations = f.iterations;
    opts.batch = f.batch;
    memcpy(opts.radius, f.radius, sizeof opts.radius);
    gmlp__trainer &t = r->t;
    assert_true(gmlp__resolve_train(&opts, lessons, &t.opts, t.effort));
    t.kernels = gmlp__select(GMLP_ISA_AUTO);
    t.lessons = lessons;
    t.family = lessons->family;
    t.net = &r->net;
    t.base = &base.view;
    t.wide = &wide.view;
    t.device = device;
    gmlp__net_begin(&t);
    assert_true(gmlp__shape_ok(&t));
    const gmlp_result result = gmlp__trainer_open(&t);
    return result ? result : gmlp__collect(&t, &r->report);
}

/* Candidates of each row and their ranks. */
static std::vector<uint64_t> ranks_of(training *r) {
    gmlp__trainer &t = r->t;
    std::vector<uint64_t> rank(2 * t.base->height);
    t.rank = (uint64_t(*)[2])rank.data();
    t.total[0] = t.total[1] = 0;
    assert_int_equal(gmlp__count(&t), GMLP_OK);
    return rank;
}

static uint64_t all_out_of_gamut(training *r) {
    gmlp__trainer &t = r->t;
    std::vector<uint64_t> rank(2 * t.base->height);
    uint64_t sum = 0, bands[64] = {0}; /* GMLP__BANDS */
    if (t.device) {
        assert_int_equal(t.device->count(t.work, &t.pictures, 1, (uint64_t(*)[2])rank.data()), GMLP_OK);
        for (size_t i = 0; i < rank.size(); i++) sum += rank[i];
        return sum;
    }
    t.out_of_gamut = bands;
    assert_int_equal(gmlp__run_bands(&t, gmlp__out_of_gamut_job), GMLP_OK);
    for (uint64_t n : bands) sum += n;
    return sum;
}

static gmlp_cuda *make_cuda() {
    gmlp_cuda *c;
    assert_int_equal(gmlp_cuda_create(NULL, &c), GMLP_OK);
    return c;
}

static void free_cuda(gmlp_cuda *c) {
    for (const gmlp_gpu::lane_of_work *l = c->lanes; l; l = l->next) assert_false(l->taken);
    gmlp_cuda_free(c);
}

static void expect_same(const scene_facts &f, gmlp_cuda *cuda) {
    picture base, wide, near_base, near_wide;
    scene_facts near = f;
    training cpu, gpu;
    near.on_gpu[0] = near.on_gpu[1] = false;
    make_scene(near, &near_base, &near_wide);
    make_scene(f, &base, &wide);
    assert_int_equal(begin(&cpu, near_base, near_wide, near, NULL), GMLP_OK);
    assert_int_equal(begin(&gpu, base, wide, f, &cuda->device), GMLP_OK);
    const size_t n = cpu.t.sample_count;
    if (!n) fail_msg("%s: there are no samples to compare", f.name);
    assert_int_equal(gpu.t.sample_count, n);
    assert_int_equal(gpu.report.samples, cpu.report.samples);
    assert_int_equal(gpu.report.saturated, cpu.report.saturated);
    assert_int_equal(gpu.report.out_of_gamut, cpu.report.out_of_gamut);
    assert_memory_equal(&gpu.net, &cpu.net, sizeof cpu.net); /* clip margin, peak, brightest light */
    std::vector<gmlp_device_sample> samples(n);
    memset((void *)samples.data(), 0xee, n * sizeof samples[0]);
    assert_int_equal(cuda->device.samples(gpu.t.work, samples.data()), GMLP_OK);
    for (size_t i = 0; i < n; i++) {
        const gmlp_device_sample &want = cpu.t.samples[i], &got = samples[i];
        /* between these parts is what aligns the floats */
        if (!memcmp(&want, &got, offsetof(gmlp_device_sample, out_of_gamut) + 1) &&
            !memcmp(want.target, got.target, sizeof want.target + sizeof want.color))
            continue;
        fail_msg("%s: sample %zu of %zu at %u, %u (%u, %u): codes %u %u %u (%u %u %u), means %u %u %u %u %u %u "
                 "(%u %u %u %u %u %u), og %u (%u), targets %.9g %.9g %.9g (%.9g %.9g %.9g), "
                 "colours %.9g %.9g %.9g (%.9g %.9g %.9g)",
                 f.name, i, n, got.column, got.row, want.column, want.row, got.code[0], got.code[1], got.code[2],
                 want.code[0], want.code[1], want.code[2], got.mean[0], got.mean[1], got.mean[2], got.mean[3],
                 got.mean[4], got.mean[5], want.mean[0], want.mean[1], want.mean[2], want.mean[3], want.mean[4],
                 want.mean[5], got.out_of_gamut, want.out_of_gamut, got.target[0], got.target[1], got.target[2],
                 want.target[0], want.target[1], want.target[2], got.color[0], got.color[1], got.color[2],
                 want.color[0], want.color[1], want.color[2]);
    }
    for (size_t i = 0; i < gmlp__chunks(&cpu.t) && f.hdr; i++)
        for (int colors = 0; colors < 2; colors++) {
            const gmlp_device_moments want = gmlp__moments(&cpu.t, i, colors), got = gmlp__moments(&gpu.t, i, colors);
            assert_memory_equal(&got, &want, sizeof want);
        }
    assert_true(!f.hdr || gpu.t.moments);
    assert_true(ranks_of(&cpu) == ranks_of(&gpu));
    if (!f.hdr) assert_int_equal(all_out_of_gamut(&gpu), all_out_of_gamut(&cpu));
    gmlp__trainer_close(&cpu.t);
    gmlp__trainer_close(&gpu.t);
    gmlp_net_free(&cpu.net);
    gmlp_net_free(&gpu.net);
    free_picture(&base), free_picture(&wide), free_picture(&near_base), free_picture(&near_wide);
}

#define U16 GMLP_U16, 0
#define F16 GMLP_F16, 0
#define F32 GMLP_F32, 0
static const scene_facts scenes[] = {
    /* wide gamut: types, layouts, masks, windows, rows longer than a piece */
    {"16 bits", 70, 50, GMLP_SRGB, 0, PLAIN, U16, GMLP_PROPHOTO, PLAIN, 0, 0, 0, 0, {0, 0}, 100, 100, {false, false}},
    {"few of them", 131, 47, GMLP_SRGB, 0, PLAIN, U16, GMLP_PROPHOTO, PLAIN, 0, 0, 0, 2, {2, 7}, 7, 71, {false, false}},
    {"base with alpha", 60, 41, GMLP_SRGB, 4, PLAIN, GMLP_U16, 4, GMLP_PROPHOTO, PLAIN, 0, 0, 0, 0, {7, 4}, 9, 90,
     {false, false}},
    {"on the GPU", 70, 50, GMLP_SRGB, 0, PLAIN, U16, GMLP_PROPHOTO, PLAIN, 0, 0, 0, 0, {0, 0}, 9, 99, {true, true}},
    {"on the GPU, odd", 61, 33, GMLP_SRGB, 4, GAPS, F32, GMLP_ACESCG, ODD_ADDRESS, 0, 0, 0, 0, {0, 0}, 9, 99,
     {true, true}},
    {"on the GPU, half of it", 61, 33, GMLP_SRGB, 0, ODD_ADDRESS, F16, GMLP_PROPHOTO, UPSIDE_DOWN, 0, 0, 0, 0, {0, 0},
     9, 99, {false, true}},
    {"upside down", 45, 30, GMLP_SRGB, 0, UPSIDE_DOWN, U16, GMLP_REC2020, UPSIDE_DOWN, 0, 0, 0, 0, {3, 1}, 9, 99,
     {false, false}},
    {"planes", 45, 30, GMLP_SRGB, 0, GAPS, GMLP_U16, 4, GMLP_ADOBERGB, PLANES, 0, 0, 0, 1, {0, 0}, 9, 99,
     {false, false}},
    {"planes of rows", 45, 30, GMLP_SRGB, 0, PLAIN, F32, GMLP_PROPHOTO_LINEAR, ROW_PLANES, 0, 0, 0, 0, {0, 0}, 9, 99,
     {true, true}},
    /* a margin chosen by some of the rows */
    {"tall, upside down on the GPU", 21, 300, GMLP_SRGB, 0, UPSIDE_DOWN, U16, GMLP_PROPHOTO, UPSIDE_DOWN, 0, 0, 0, 0,
     {0, 0}, 9, 99, {true, true}},
    {"tall, planes on the GPU", 21, 271, GMLP_SRGB, 0, PLAIN, GMLP_U16, 4, GMLP_PROPHOTO, ROW_PLANES, 0, 0, 0, 0,
     {0, 0}, 9, 99, {false, true}},
    {"tall", 21, 300, GMLP_SRGB, 0, UPSIDE_DOWN, F16, GMLP_PROPHOTO, PLANES, 0, 0, 0, 0, {0, 0}, 9, 99, {true, false}},
    {"planes of bytes", 45, 30, GMLP_SRGB, 0, PLAIN, GMLP_U8, 0, GMLP_PROPHOTO, PLANES, 0, 0, 0, 0, {0, 0}, 9, 99,
     {false, false}},
    {"bytes", 45, 30, GMLP_SRGB, 0, PLAIN, GMLP_U8, 4, GMLP_P3, PLAIN, 0, 0, 0, 0, {0, 0}, 9, 99, {false, false}},
    {"BGRA", 45, 30, GMLP_SRGB, 0, PLAIN, GMLP_BGRA8, 0, GMLP_PROPHOTO, PLAIN, 0, 0, 0, 0, {0, 0}, 9, 99,
     {false, true}},
    {"10 bits", 45, 30, GMLP_SRGB, 0, PLAIN, GMLP_RGB10A2, 0, GMLP_REC2020, PLAIN, 0, 0, 0, 0, {0, 0}, 9, 99,
     {false, false}},
    {"floats of 11 bits", 45, 30, GMLP_SRGB, 0, PLAIN, GMLP_R11G11B10F, 0, GMLP_PROPHOTO_LINEAR, PLAIN, 0, 0, 0, 0,
     {0, 0}, 9, 99, {false, false}},
    {"a shared exponent", 45, 30, GMLP_SRGB, 0, PLAIN, GMLP_RGB9E5, 0, GMLP_PROPHOTO_LINEAR, PLAIN, 0, 0, 0, 0, {0, 0},
     9, 99, {false, false}},
    {"floats", 45, 30, GMLP_SRGB, 0, PLAIN, F32, GMLP_PROPHOTO_LINEAR, PLAIN, 0, 0, 0, 0, {0, 0}, 9, 99,
     {false, false}},
    {"ACES", 45, 30, GMLP_SRGB, 0, PLAIN, F32, GMLP_ACES2065_1, PLAIN, 0, 0, 0, 30, {0, 0}, 9, 99, {false, false}},
    {"coded floats", 45, 30, GMLP_SRGB, 0, PLAIN, F32, GMLP_PROPHOTO, PLAIN, 0, 0, 0, 0, {0, 0}, 9, 99, {false, false}},
    {"halves", 45, 30, GMLP_SRGB, 0, PLAIN, GMLP_F16, 4, GMLP_ACES2065_1, PLAIN, 0, 0, 0, 0, {0, 0}, 9, 99,
     {false, false}},
    {"sYCC", 70, 50, GMLP_SYCC, 0, PLAIN, U16, GMLP_PROPHOTO, PLAIN, 0, 0, 0, 0, {0, 0}, 100, 100, {false, false}},
    {"sYCC with alpha", 70, 50, GMLP_SYCC, 4, PLAIN, U16, GMLP_PROPHOTO, PLAIN, 0, 0, 0, 7, {0, 0}, 9, 99,
     {true, true}},
    {"long rows", 4500, 4, GMLP_SRGB, 0, PLAIN, U16, GMLP_PROPHOTO, PLAIN, 0, 0, 0, 0, {0, 0}, 30, 99, {false, false}},
    {"longest rows", 9001, 2, GMLP_SYCC, 0, PLAIN, U16, GMLP_PROPHOTO, PLAIN, 0, 0, 0, 0, {0, 0}, 300, 99,
     {false, false}},
    {"smaller than windows", 4, 5, GMLP_SRGB, 0, PLAIN, U16, GMLP_PROPHOTO, PLAIN, 0, 0, 0, 20, {7, 2}, 9, 99,
     {false, false}},
    {"two classes", 70, 50, GMLP_SRGB, 0, PLAIN, U16, GMLP_PROPHOTO, PLAIN, 0, GMLP_PRESET_PAPER, 0, 0, {0, 0}, 0, 0,
     {false, false}},
    {"two classes in long rows", 8300, 3, GMLP_SRGB, 0, PLAIN, F16, GMLP_PROPHOTO, PLAIN, 0, GMLP_PRESET_PAPER, 0, 0,
     {0, 0}, 0, 0, {false, false}},
    {"two classes of sYCC", 70, 50, GMLP_SYCC, 0, PLAIN, U16, GMLP_PROPHOTO, PLAIN, 0, GMLP_PRESET_PAPER, 0, 0, {0, 0},
     0, 0, {true, false}},
    /* HDR: curves, methods, more than a chunk of samples */
    {"PQ", 90, 60, GMLP_SRGB, 0, PLAIN, U16, GMLP_REC2020_PQ, PLAIN, 1, 0, 0, 0, {0, 0}, 90, 90, {false, false}},
    {"PQ, few", 90, 60, GMLP_P3, 0, PLAIN, GMLP_RGB10A2, 0, GMLP_REC2020_PQ, PLAIN, 1, 0, 0, 0, {0, 0}, 9, 90,
     {false, false}},
    {"HLG", 90, 60, GMLP_SRGB, 0, PLAIN, U16, GMLP_REC2020_HLG, PLAIN, 1, 0, 0, 0, {0, 0}, 90, 30, {true, true}},
    {"HLG of floats", 50, 20, GMLP_REC709, 0, PLAIN, F32, GMLP_REC2020_HLG, PLAIN, 1, 0, 0, 0, {1, 2}, 90, 30,
     {false, false}},
    {"HLG of bytes", 50, 20, GMLP_REC709, 0, PLAIN, GMLP_U8, 0, GMLP_REC2020_HLG, PLANES, 1, 0, 0, 0, {1, 2}, 90, 30,
     {false, false}},
    {"PQ of halves", 50, 20, GMLP_SYCC, 4, PLAIN, F16, GMLP_REC2020_PQ, GAPS, 1, 0, 0, 0, {1, 2}, 90, 30,
     {false, false}},
    {"light", 50, 20, GMLP_SYCC, 0, PLAIN, F16, GMLP_REC2020_LINEAR, PLANES, 1, 0, GMLP_METHOD_DIRECT, 0, {0, 0}, 90,
     30, {false, false}},
    {"light of floats", 50, 20, GMLP_SRGB, 0, PLAIN, F32, GMLP_PROPHOTO_LINEAR, PLAIN, 1, 0, 0, 0, {0, 0}, 90, 30,
     {false, false}},
    {"gain", 50, 20, GMLP_SRGB, 0, PLAIN, U16, GMLP_REC2020_PQ, PLAIN, 1, 0, GMLP_METHOD_GAIN, 0, {0, 0}, 90, 30,
     {false, false}},
    {"gamma", 50, 20, GMLP_SRGB, 0, PLAIN, GMLP_RGB9E5, 0, GMLP_REC2020_LINEAR, PLAIN, 1, 0, GMLP_METHOD_GAMMA, 0,
     {0, 0}, 90, 30, {false, false}},
    {"gamma of white", 50, 20, GMLP_SRGB, 0, PLAIN, U16, GMLP_REC2020_PQ, PLAIN, 1, 0, GMLP_METHOD_GAMMA, 0, {0, 0}, 90,
     30, {false, false}, 1.0},
    {"gamma in all pixels", 90, 60, GMLP_SRGB, 0, PLAIN, F16, GMLP_REC2020_LINEAR, PLAIN, 1, GMLP_PRESET_PAPER,
     GMLP_METHOD_GAMMA, 0, {0, 0}, 0, 0, {true, true}},
};

static void samples_are_the_library_s(void **state) {
    (void)state;
    gmlp_cuda *const cuda = make_cuda();
    for (const scene_facts &f : scenes) expect_same(f, cuda);
    free_cuda(cuda);
    assert_int_equal(emulation::outstanding(), 0);
}

/* The kernels as they are called are compared with; a wrong sample must be seen. */
static void another_picture_differs(void **state) {
    (void)state;
    gmlp_cuda *const cuda = make_cuda();
    picture base, wide;
    training a, b;
    make_scene(scenes[0], &base, &wide);
    assert_int_equal(begin(&a, base, wide, scenes[0], &cuda->device), GMLP_OK);
    std::vector<gmlp_device_sample> before(a.t.sample_count), after(a.t.sample_count);
    assert_int_equal(cuda->device.samples(a.t.work, before.data()), GMLP_OK);
    gmlp__trainer_close(&a.t);
    for (size_t i = 0; i < wide.size / 2; i++) ((uint16_t *)wide.memory)[i] ^= 1;
    assert_int_equal(begin(&b, base, wide, scenes[0], &cuda->device), GMLP_OK);
    assert_int_equal(b.t.sample_count, before.size());
    assert_int_equal(cuda->device.samples(b.t.work, after.data()), GMLP_OK);
    gmlp__trainer_close(&b.t);
    size_t changed = 0;
    for (size_t i = 0; i < before.size(); i++)
        changed += memcmp(before[i].target, after[i].target, sizeof before[i].target) != 0;
    assert_true(changed > before.size() * 9 / 10);
    free_picture(&base), free_picture(&wide);
    free_cuda(cuda);
}

/* Each call of CUDA's in turn fails: so does the training, and nothing stays behind. */
static void failures_leave_nothing(void **state) {
    (void)state;
    static const char *const names[] = {"few of them", "on the GPU, odd", "HLG"};
    for (const scene_facts &f : scenes) {
        bool wanted = false, done = false;
        for (const char *name : names) wanted = wanted || !strcmp(name, f.name);
        if (!wanted) continue;
        picture base, wide;
        make_scene(f, &base, &wide);
        const size_t before = emulation::outstanding();
        long turn = 1;
        for (; !done && turn < 200; turn++) {
            gmlp_cuda *const cuda = make_cuda();
            training gpu;
            emulation::calls = 0;
            emulation::fail_at = turn;
            const gmlp_result result = begin(&gpu, base, wide, f, &cuda->device);
            done = emulation::calls < turn;
            emulation::fail_at = 0;
            gmlp__trainer_close(&gpu.t);
            gmlp_net_free(&gpu.net);
            /* asking which GPU is current may fail; where a pointer is not known to lead there, its copy does */
            if (result && result != GMLP_E_DEVICE) assert_int_equal(result, GMLP_E_DEVICE_MEMORY);
            assert_true(!done || result == GMLP_OK);
            free_cuda(cuda);
            assert_int_equal(emulation::outstanding(), before);
        }
        assert_true(done && turn > 15);
        free_picture(&base), free_picture(&wide);
    }
}

/* Whose sums are in the library's order, to the last bit; also between whole numbers, below 0 and above. */
static void logarithms_are_the_library_s(void **state) {
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 400000; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        const double part = (double)(seed >> 11) / 9007199254740992.0;
        const double x = i < 4000 ? (i - 2000) * 0.5 : i % 2 ? (part - 0.5) * 2100.0 : (part - 0.5) * 40.0;
        const double e = gmlp__exp2(x), on_gpu = gmlp_gpu::exp2_of(x);
        assert_memory_equal(&e, &on_gpu, sizeof e);
        if (!(e > 0.0)) continue;
        const double l = gmlp__log2(e), there = gmlp_gpu::log2_of(e);
        assert_memory_equal(&l, &there, sizeof l);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logarithms_are_the_library_s),
        cmocka_unit_test(samples_are_the_library_s),
        cmocka_unit_test(another_picture_differs),
        cmocka_unit_test(failures_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
