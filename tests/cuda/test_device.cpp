/* gamutmlp_cuda.cu as a program uses it: gmlp_cuda_create, then gmlp_train, gmlp_train_hdr and gmlp_decode with its device,
   beside the processor. */
#include "gamutmlp.h"
#include "gamutmlp_cuda.cu"
#include "tests/synthetic.h"
#include <atomic>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <thread>
#include <vector>
extern "C" {
#include <cmocka.h>
}

typedef std::vector<unsigned char> bytes;

/* A base and its original, wide gamut or HDR. */
struct scene {
    uint32_t w, h;
    bool hdr;
    std::vector<uint16_t> wide;
    bytes base;

    scene(uint32_t width, uint32_t height, uint32_t seed, bool is_hdr = false, int base_space = GMLP_SRGB)
        : w(width), h(height), hdr(is_hdr), wide(3 * (size_t)width * height), base(wide.size()), space(base_space) {
        test_picture(wide.data(), w, h, seed);
        reduce();
    }
    void reduce() {
        const gmlp_image from = original(), to = reduced();
        if (!hdr) {
            assert_int_equal(gmlp_reduce(&from, &to, NULL, NULL), GMLP_OK);
            return;
        }
        for (size_t i = 0; i < wide.size(); i++) base[i] = (unsigned char)(wide[i] > 40000 ? 255 : wide[i] * 255 / 40000);
    }
    gmlp_image original() const {
        const gmlp_image v = {(void *)(uintptr_t)wide.data(), w, h, 0, GMLP_U16, 3, hdr ? GMLP_REC2020_PQ : GMLP_PROPHOTO, 0};
        return v;
    }
    gmlp_image reduced() const {
        const gmlp_image v = {(void *)(uintptr_t)base.data(), w, h, 0, GMLP_U8, 3, space, 0};
        return v;
    }
    int space;
};

/* Every test gives back all that it took of CUDA. */
static size_t outstanding_before;
static int look_before(void **) {
    outstanding_before = emulation::outstanding();
    return 0;
}
static int look_after(void **) {
    if (emulation::outstanding() == outstanding_before) return 0;
    print_error("%zu things of CUDA's are left\n", emulation::outstanding() - outstanding_before);
    return 1;
}

static gmlp_cuda *create(void) {
    gmlp_cuda *c;
    assert_int_equal(gmlp_cuda_create(NULL, &c), GMLP_OK);
    assert_string_equal(gmlp_cuda_error(c), "");
    return c;
}

static gmlp_train_opts options(uint32_t iterations, uint32_t batch, int width, const gmlp_device *device) {
    gmlp_train_opts o;
    memset(&o, 0, sizeof o);
    o.iterations = iterations;
    o.batch = batch;
    o.width = width;
    o.device = device;
    return o;
}

static gmlp_result train(const scene &s, const gmlp_train_opts &o, gmlp_net *net, gmlp_train_report *report = NULL) {
    const gmlp_image base = s.reduced(), wide = s.original();
    return s.hdr ? gmlp_train_hdr(&base, &wide, &o, net, report) : gmlp_train(&base, &wide, &o, net, report);
}

/* A net's blob. */
static bytes blob_of(const gmlp_net &net) {
    bytes blob(gmlp_blob_size(&net));
    size_t size = 0;
    assert_int_equal(gmlp_blob_write(&net, blob.data(), blob.size(), &size), GMLP_OK);
    blob.resize(size);
    return blob;
}

static bytes train_blob(const scene &s, const gmlp_train_opts &o) {
    gmlp_net net;
    assert_int_equal(train(s, o, &net), GMLP_OK);
    if (net.weights)
        for (size_t i = 0; i < gmlp_mlp_weights(&net.mlp); i++) assert_true(isfinite(net.weights[i]));
    const bytes blob = blob_of(net);
    gmlp_net_free(&net);
    return blob;
}

static std::vector<uint16_t> decode(const scene &s, const gmlp_net &net, const gmlp_device *device) {
    std::vector<uint16_t> out(s.wide.size());
    const gmlp_image base = s.reduced();
    gmlp_image to = s.original();
    gmlp_decode_opts o;
    memset(&o, 0, sizeof o);
    to.data = out.data();
    o.device = device;
    assert_int_equal(gmlp_decode(&net, &base, &to, &o), GMLP_OK);
    return out;
}

/* Of the codes of OG pixels, of HDR of all. */
static double psnr(const scene &s, const std::vector<uint16_t> &back) {
    bytes og(s.wide.size() / 3, 1);
    const gmlp_image wide = s.original();
    double sum = 0.0;
    size_t n = 0;
    if (!s.hdr) assert_int_equal(gmlp_out_of_gamut_mask(&wide, og.data(), NULL), GMLP_OK);
    for (size_t i = 0; i < s.wide.size(); i++) {
        const double d = ((double)back[i] - (double)s.wide[i]) / 65535.0;
        if (og[i / 3]) sum += d * d, n++;
    }
    assert_true(n > s.wide.size() / 10);
    return -10.0 * log10(sum / (double)n);
}

/* How good training is the plain build tells; AddressSanitizer, with which it is slow, needs a few steps only. */
#ifdef EMULATION_ASAN
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* As good as the processor, on the mean of some seeds: with each alone, so few steps end up to 0.5 dB apart, this way or
   that. Otherwise the same, and decoded to the same bytes. */
static void as_good(const scene &s, gmlp_train_opts o, const gmlp_device *device, int seeds, const char *name) {
    gmlp_net net[2];
    gmlp_train_report report[2];
    double db[2] = {0.0, 0.0};
    if (SANITIZED) {
        seeds = 1;
        o.iterations = 30;
    }
    for (int seed = seeds - 1; seed >= 0; seed--)
        for (int k = 0; k < 2; k++) {
            o.device = k ? device : NULL;
            o.seed = (uint64_t)seed;
            emulation::checking = seed == 0; /* once is enough, and slow */
            assert_int_equal(train(s, o, &net[k], &report[k]), GMLP_OK);
            emulation::checking = true;
            const std::vector<uint16_t> out = decode(s, net[k], NULL);
            db[k] += psnr(s, out) / seeds;
            if (seed) gmlp_net_free(&net[k]);
            else assert_true(out == decode(s, net[k], device));
        }
    printf("# %s: %.2f dB on the processor, %.2f on the device, loss %.3g, %.3g\n", name, db[0], db[1], report[0].loss,
           report[1].loss);
    if (!SANITIZED && db[1] < db[0] - 0.3) fail_msg("%s: %.2f dB, on the processor %.2f", name, db[1], db[0]);
    assert_true(SANITIZED || report[1].loss < 2.0 * report[0].loss);
    assert_int_equal(report[1].iterations, report[0].iterations);
    assert_int_equal(report[1].samples, report[0].samples);
    assert_int_equal(report[1].saturated, report[0].saturated);
    assert_int_equal(report[1].out_of_gamut, report[0].out_of_gamut);
    /* what the blob says of the base is found while the device trains */
    assert_memory_equal(net[0].signature, net[1].signature, sizeof net[0].signature);
    assert_int_equal(net[0].section_bytes, net[1].section_bytes);
    assert_memory_equal(net[0].sections, net[1].sections, net[0].section_bytes);
    assert_true(s.hdr || net[1].section_bytes > 20); /* landmarks: of that HDR picture there are none */
    if (o.budget) assert_true(blob_of(net[1]).size() <= o.budget && blob_of(net[1]).size() > o.budget * 8 / 10);
    gmlp_net_free(&net[0]);
    gmlp_net_free(&net[1]);
}

static void training_is_as_good(void **state) {
    (void)state;
    gmlp_cuda *const c = create();
    const gmlp_device *const device = gmlp_cuda_device(c);
    const scene gamut(96, 64, 3), sycc(96, 64, 5, false, GMLP_SYCC), hdr(80, 60, 4, true);
    gmlp_train_opts o = options(150, 128, 32, NULL);
    as_good(gamut, o, device, 5, "wide gamut");
    o.budget = 1500;
    o.width = 16;
    as_good(gamut, o, device, 1, "width 16, 1500 bytes");
    o = options(150, 100, 48, NULL);
    o.optimizer = GMLP_ADAM;
    as_good(sycc, o, device, 1, "sYCC, width 48, Adam");
    as_good(hdr, options(150, 128, 16, NULL), device, 1, "HDR");
    o = options(60, 128, 0, NULL);
    o.preset = GMLP_PRESET_PAPER;
    as_good(gamut, o, device, 1, "PAPER");
    gmlp_cuda_free(c);
}

/* ---- Gradients, by a device that stands before the real one ---- */

static const gmlp_device *real_device;
static size_t collected;
static uint32_t wanted_batch;
static double worst[2];           /* relative error of a layer's gradient, see compare_gradient */

static gmlp_result note_collect(void *work, const gmlp_device_pictures *p, const gmlp_device_choice *choice, uint64_t *og,
                                gmlp_device_moments (*m)[2]) {
    collected = choice->sample_count;
    return real_device->collect(work, p, choice, og, m);
}

/* A step that goes down the gradient itself: Adam's epsilon is far above it. */
static const double slope = 1e3;
static void straight_down(void *, uint32_t, gmlp_device_step *step) {
    const float adam[8] = {0, 1, 0, 1, -(float)(slope * 1e12), 1, 1e12f, 0};
    memset(step, 0, sizeof *step);
    memcpy(step->adam, adam, sizeof adam);
}

/* The input that a row of a table is of. */
static float input_of(const float *row) { return (float)(atan2((double)row[0], (double)row[1]) / 3.14159265358979323846); }

/* What the library gives for the samples of one weight. */
static std::vector<double> library_gradient(const gmlp_device_training &d, const std::vector<gmlp_device_sample> &samples,
                                            double *loss) {
    const size_t count = gmlp_mlp_weights(&d.mlp);
    std::vector<double> sum(count, 0.0);
    *loss = 0.0;
    for (int og = 0; og < 2; og++) {
        std::vector<float> inputs, targets, gradient(count);
        double mean;
        for (uint32_t i = 0; i < d.batch; i++) {
            const gmlp_device_sample &s = samples[i % samples.size()];
            if (s.out_of_gamut != og) continue;
            for (int k = 0; k < GMLP_INPUTS; k++) {
                const uint32_t entry = k == 0 ? s.row : k == 1 ? s.column : k < 5 ? s.code[k - 2] : s.mean[k - 5];
                const int f = d.mlp.frequencies[k];
                inputs.push_back(!f ? 0.0f : d.table[k] ? input_of(d.table[k] + (size_t)entry * 2 * (size_t)f)
                                                        : (s.color[k - 2] - d.input_mean) / d.input_range);
            }
            for (int k = 0; k < 3; k++) targets.push_back((s.target[k] - d.map_mean) / d.map_range);
        }
        const size_t n = targets.size() / 3;
        if (!n) continue;
        assert_int_equal(gmlp_mlp_gradient(&d.mlp, d.weights, inputs.data(), targets.data(), n, &mean, gradient.data(),
                                           GMLP_ISA_AUTO, NULL), GMLP_OK);
        const double share = (double)n / d.batch, weight = og ? 1.0 : (double)d.inside_weight;
        for (size_t i = 0; i < count; i++) sum[i] += share * weight * (double)gradient[i];
        *loss += share * mean;
    }
    return sum;
}

/* Starting weights. Near 0 halves decide otherwise than floats whether a neuron is on, which changes much: with steady,
   neurons are far on or far off. */
static std::vector<float> starting_weights(const gmlp_mlp &mlp, bool steady) {
    const size_t features = gmlp_mlp_features(&mlp), width = (size_t)mlp.width;
    std::vector<float> weights(gmlp_mlp_weights(&mlp));
    float *const b1 = weights.data() + features * width, *const b2 = b1 + width + width * width,
                 *const b3 = b2 + width + 3 * width;
    assert_int_equal(gmlp_mlp_init(&mlp, 9, 1.0f, weights.data()), GMLP_OK);
    for (size_t i = 0; i < width && steady; i++) {
        b1[i] = i % 3 == 0 ? -8.0f : 8.0f;
        b2[i] = i % 3 == 1 ? -8.0f : 8.0f;
    }
    for (float *w = b1 + width; w < b3 && steady; w++)
        if (w < b2 || w >= b2 + width) *w *= 0.1f;
    for (int i = 0; i < 3 && mlp.bias == GMLP_BIAS_ALL; i++) b3[i] = 0.1f * (float)i;
    return weights;
}

static gmlp_result compare_one(void *work, gmlp_device_training d, const std::vector<gmlp_device_sample> &samples,
                               bool steady) {
    const size_t features = gmlp_mlp_features(&d.mlp), width = (size_t)d.mlp.width;
    const std::vector<float> before = starting_weights(d.mlp, steady);
    std::vector<float> weights = before;
    double loss, want_loss;
    d.weights = weights.data();
    const std::vector<double> want = library_gradient(d, samples, &want_loss);
    const gmlp_result result = real_device->train(work, &d, &loss);
    if (result) return result;
    const size_t ends[] = {features * width, width, width * width, width, 3 * width, 3};
    static const char *const names[] = {"W1", "b1", "W2", "b2", "W3", "b3"};
    for (size_t layer = 0, i = 0; layer < 6; layer++) {
        double off = 0.0, size = 0.0;
        for (const size_t end = i + ends[layer]; i < end; i++) {
            const double got = ((double)before[i] - (double)weights[i]) / slope;
            off += (got - want[i]) * (got - want[i]);
            size += want[i] * want[i];
        }
        if (d.mlp.bias == GMLP_BIAS_FIRST && (layer == 3 || layer == 5)) {
            assert_true(off == 0.0 && size == 0.0);
            continue;
        }
        const double relative = sqrt(off / size);
        assert_true(size > 0.0);
        if (!(relative < (steady ? 3e-3 : 4e-2))) /* a half has 11 bits: 5e-4, of several factors */
            fail_msg("width %d, batch %u%s: the gradient of %s is off by %g of it", d.mlp.width, d.batch,
                     steady ? ", steady" : "", names[layer], relative);
        if (relative > worst[steady]) worst[steady] = relative;
    }
    if (!(fabs(loss - want_loss) < 3e-3 * want_loss)) fail_msg("loss %g, not %g", loss, want_loss);
    return GMLP_OK;
}

static gmlp_result compare_gradient(void *work, const gmlp_device_training *training, double *) {
    gmlp_device_training d = *training;
    std::vector<gmlp_device_sample> samples(collected);
    assert_int_equal(real_device->samples(work, samples.data()), GMLP_OK);
    d.batch = wanted_batch;
    d.draws = 0;
    d.iterations = d.first_rounded = 1;
    d.optimizer = GMLP_ADAM;
    d.constants = straight_down;
    d.meanwhile = NULL;
    d.round = NULL;
    gmlp_result result = compare_one(work, d, samples, false);
    if (!result && d.mlp.bias == GMLP_BIAS_ALL) result = compare_one(work, d, samples, true);
    return result ? result : GMLP_E_CANCELLED;
}

static void gradients_are_the_library_s(void **state) {
    (void)state;
    gmlp_cuda *const c = create();
    gmlp_device before = *gmlp_cuda_device(c);
    const scene gamut(60, 40, 2), hdr(50, 40, 6, true);
    gmlp_net net;
    real_device = gmlp_cuda_device(c);
    before.collect = note_collect;
    before.train = compare_gradient;
    static const struct {
        int width;
        uint32_t batch;
        uint8_t frequencies[GMLP_INPUTS];
    } cases[] = {
        {32, 256, {0}}, {48, 130, {0}}, {16, 17, {0}}, {64, 100, {0}}, {128, 64, {0}},
        {8, 300, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1}}, {24, 64, {7, 0, 3, 0, 2, 0, 5, 0, 0, 0, 1}},
        {32, 1, {0, 0, 1}}, {40, 2000, {12, 12, 10, 10, 10}},
    };
    for (const auto &k : cases) {
        gmlp_train_opts o = options(1, k.batch, k.width, &before);
        memcpy(o.frequencies, k.frequencies, sizeof o.frequencies);
        o.iterations = 50; /* that there are samples */
        wanted_batch = k.batch;
        assert_int_equal(train(gamut, o, &net), GMLP_E_CANCELLED);
    }
    for (int paper = 0; paper < 2; paper++) { /* the paper's: colour inputs, and one bias alone */
        gmlp_train_opts o = options(50, 128, 0, &before);
        o.preset = paper ? GMLP_PRESET_PAPER : 0;
        wanted_batch = 200;
        assert_int_equal(train(hdr, o, &net), GMLP_E_CANCELLED);
        assert_int_equal(train(gamut, o, &net), GMLP_E_CANCELLED);
    }
    printf("# gradients are off by %.2g at most, of steady neurons by %.2g\n", worst[0], worst[1]);
    assert_true(worst[0] > 1e-6 && worst[1] > 1e-6); /* halves there are */
    gmlp_cuda_free(c);
}

/* ---- What must not change the bytes ---- */

/* A view's pixels on the GPU. */
static gmlp_image put_there(const gmlp_image &im, size_t size) {
    gmlp_image there = im;
    assert_int_equal(cudaMalloc(&there.data, size), cudaSuccess);
    assert_int_equal(cudaMemcpyAsync(there.data, im.data, size, cudaMemcpyHostToDevice, NULL), cudaSuccess);
    return there;
}

static void bytes_depend_on_the_seed_alone(void **state) {
    (void)state;
    gmlp_cuda *const c = create();
    const scene s(48, 140, 3);
    gmlp_train_opts o = options(20, 64, 32, gmlp_cuda_device(c));
    const bytes first = train_blob(s, o);
    assert_true(first == train_blob(s, o));
    emulation::backwards = true;
    assert_true(first == train_blob(s, o));
    emulation::backwards = false;
    o.seed = 1;
    assert_true(first != train_blob(s, o));
    o.seed = 0;
    /* pictures on the GPU, a stream of the caller's, another context; and decoding there */
    gmlp_cuda_opts co;
    gmlp_cuda *mine;
    cudaStream_t stream = NULL;
    gmlp_image base = put_there(s.reduced(), s.base.size()), wide = put_there(s.original(), 2 * s.wide.size());
    assert_int_equal(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
    memset(&co, 0, sizeof co);
    co.stream = stream;
    assert_int_equal(gmlp_cuda_create(&co, &mine), GMLP_OK);
    o.device = gmlp_cuda_device(mine);
    for (int twice = 0; twice < 2; twice++) {
        gmlp_net net;
        gmlp_decode_opts d;
        memset(&d, 0, sizeof d);
        d.device = o.device;
        assert_int_equal(gmlp_train(&base, &wide, &o, &net, NULL), GMLP_OK);
        assert_true(blob_of(net) == first);
        gmlp_image out = wide;
        const std::vector<uint16_t> want = decode(s, net, NULL);
        std::vector<uint16_t> got(want.size());
        assert_int_equal(cudaMalloc(&out.data, 2 * got.size()), cudaSuccess);
        assert_int_equal(gmlp_decode(&net, &base, &out, &d), GMLP_OK);
        assert_int_equal(cudaMemcpyAsync(got.data(), out.data, 2 * got.size(), cudaMemcpyDeviceToHost, stream), cudaSuccess);
        assert_true(got == want);
        cudaFree(out.data);
        gmlp_net_free(&net);
    }
    gmlp_cuda_free(mine);
    cudaStreamDestroy(stream);
    cudaFree(base.data);
    cudaFree(wide.data);
    gmlp_cuda_free(c);
}

/* Steps that went by; two trainings wait for each other at the first. */
struct meeting {
    std::atomic<int> *here;
    uint32_t last, stop_at;
};
static int note_step(void *user, uint32_t step, uint32_t steps) {
    meeting *const m = (meeting *)user;
    assert_true(step < steps && (!step || step > m->last));
    m->last = step;
    if (m->here && !step)
        for (++*m->here; *m->here < 2;) std::this_thread::yield();
    return step >= m->stop_at;
}

static void threads_train_at_once(void **state) {
    (void)state;
    gmlp_cuda *const c = create();
    const scene one(60, 40, 3), two(50, 60, 4, true);
    const scene *const scenes[2] = {&one, &two};
    bytes alone[2], together[2];
    std::atomic<int> here(0);
    meeting meetings[2] = {{&here, 0, 1000}, {&here, 0, 1000}};
    gmlp_result results[2];
    gmlp_net nets[2];
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; i++) alone[i] = train_blob(*scenes[i], options(20, 64, 16 + 16 * i, gmlp_cuda_device(c)));
    for (int i = 0; i < 2; i++)
        threads.emplace_back([&, i] {
            gmlp_train_opts o = options(20, 64, 16 + 16 * i, gmlp_cuda_device(c));
            o.progress = note_step; /* in portions of steps then */
            o.progress_user = &meetings[i];
            results[i] = train(*scenes[i], o, &nets[i]);
        });
    for (std::thread &t : threads) t.join();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(results[i], GMLP_OK);
        assert_true(blob_of(nets[i]) == alone[i]);
        assert_true(meetings[i].last > 10);
        gmlp_net_free(&nets[i]);
    }
    /* what a thread sets of a kernel is enough for the others, whose launch may come in between */
    size_t limits = 0;
    for (const std::pair<const void *const, size_t> &limit : emulation::table.dynamic_limits) {
        assert_int_equal(limit.second, emulation::device.shared_optin);
        limits++;
    }
    assert_true(limits > 0);
    gmlp_cuda_free(c);
}

/* ---- Odd pictures, odd devices ---- */

static void odd_pictures(void **state) {
    (void)state;
    gmlp_cuda *const c = create();
    gmlp_train_opts o = options(40, 64, 16, gmlp_cuda_device(c));
    for (int kind = 0; kind < 5; kind++) {
        scene s(40, 30, 3, kind == 4);
        for (size_t i = 0; i < s.wide.size(); i++) {
            const size_t pixel = i / 3, channel = i % 3;
            if (kind == 0) s.wide[i] = (pixel + channel) % 3 ? 0 : 65535;                   /* all saturated */
            if (kind == 1) s.wide[i] = channel == 1 ? 60000 : 0;                            /* one colour */
            if (kind == 2) s.wide[i] = pixel == 555 ? channel == 0 ? 65535 : 0 : 30000;     /* one OG pixel */
            if (kind == 3) s.wide[i] = 30000;                                               /* none */
            if (kind == 4) s.wide[i] = pixel % 2 ? 65535 : 0;                               /* HDR: all or nothing */
        }
        s.reduce();
        gmlp_net net[2];
        gmlp_train_report report;
        assert_int_equal(train(s, o, &net[0], &report), GMLP_OK);
        assert_int_equal(report.out_of_gamut, kind == 0 || kind == 1 ? report.samples : kind == 2 ? 1 : 0);
        gmlp_train_opts near = o;
        near.device = NULL;
        assert_int_equal(train(s, near, &net[1]), GMLP_OK);
        assert_int_equal(net[0].method, net[1].method);
        assert_true((kind == 3) == (net[0].method == GMLP_METHOD_NONE));
        assert_memory_equal(net[0].signature, net[1].signature, sizeof net[0].signature);
        assert_int_equal(net[0].section_bytes, net[1].section_bytes);
        for (size_t i = 0; net[0].weights && i < gmlp_mlp_weights(&net[0].mlp); i++) assert_true(isfinite(net[0].weights[i]));
        assert_true(decode(s, net[0], NULL) == decode(s, net[0], o.device));
        gmlp_net_free(&net[0]);
        gmlp_net_free(&net[1]);
    }
    gmlp_cuda_free(c);
}

static void odd_devices(void **state) {
    (void)state;
    const emulation::device_facts usual = emulation::device;
    const scene s(40, 30, 3);
    gmlp_cuda *c = (gmlp_cuda *)&c;
    /* such as there are: with little memory a network may be too wide */
    for (int shared_bytes : {65536, 101376, 166912, 49152, 16384})
        for (int width : {16, 32, 128}) {
            emulation::device.shared_optin = shared_bytes;
            emulation::device.multiprocessors = width == 16 ? 1 : 7;
            c = create();
            gmlp_net net;
            const gmlp_result result = train(s, options(2, 96, width, gmlp_cuda_device(c)), &net);
            if (result != GMLP_E_DEVICE_MEMORY || (shared_bytes >= 65536 && width <= 32)) assert_int_equal(result, GMLP_OK);
            if (result) {
                assert_null(net.weights);
                assert_non_null(strstr(gmlp_cuda_error(c), "too wide"));
            }
            gmlp_net_free(&net);
            gmlp_cuda_free(c);
            emulation::device = usual;
        }
    /* as the README says of presets */
    static const struct { int shared_bytes, preset; bool hdr; } refused[] = {
        {101376, GMLP_PRESET_MAX, false}, {101376, GMLP_PRESET_MAX, true}, {65536, GMLP_PRESET_HIGH, false}};
    for (const auto &r : refused) {
        const scene seen(40, 30, 3, r.hdr);
        gmlp_net net;
        emulation::device.shared_optin = r.shared_bytes;
        c = create();
        gmlp_train_opts o = options(2, 0, 0, gmlp_cuda_device(c));
        o.preset = r.preset;
        assert_int_equal(train(seen, o, &net), GMLP_E_DEVICE_MEMORY);
        gmlp_cuda_free(c);
        emulation::device = usual;
    }
    /* such as will not do */
    emulation::device.count = 0;
    assert_int_equal(gmlp_cuda_create(NULL, &c), GMLP_E_NO_DEVICE);
    assert_null(c);
    emulation::device = usual;
    gmlp_cuda_opts o;
    memset(&o, 0, sizeof o);
    char words[GMLP_CUDA_ERROR];
    o.error = words;
    for (int ordinal : {1, -1, 99}) {
        o.ordinal = ordinal;
        memset(words, 'x', sizeof words);
        assert_int_equal(gmlp_cuda_create(&o, &c), GMLP_E_NO_DEVICE);
        assert_non_null(strstr(words, cudaGetErrorString(cudaErrorInvalidDevice)));
        assert_int_equal(cudaGetLastError(), cudaSuccess); /* the program's own calls do not see it */
    }
    for (cudaError_t error : {cudaErrorUnsupportedPtxVersion, cudaErrorSystemDriverMismatch}) {
        emulation::calls = 0;
        emulation::fail_at = 1;
        emulation::fail_with = error;
        assert_int_equal(gmlp_cuda_create(NULL, &c), GMLP_E_DRIVER);
        emulation::fail_at = 0;
        emulation::fail_with = cudaErrorMemoryAllocation;
    }
    emulation::device.major = 7;
    assert_int_equal(gmlp_cuda_create(NULL, &c), GMLP_E_DEVICE_CODE);
    emulation::device = usual;
    emulation::device.cooperative = 0;
    assert_int_equal(gmlp_cuda_create(NULL, &c), GMLP_E_DEVICE_CODE);
    emulation::device = usual;
    o.ordinal = 0;
    assert_int_equal(gmlp_cuda_create(&o, NULL), GMLP_E_ARGUMENT);
    assert_string_equal(words, "");
    memset(words, 'x', sizeof words);
    assert_int_equal(gmlp_cuda_create(&o, &c), GMLP_OK);
    assert_string_equal(words, "");
    gmlp_cuda_free(c);
    assert_int_equal(gmlp_cuda_create(NULL, NULL), GMLP_E_ARGUMENT);
    gmlp_cuda_free(NULL);
    assert_null(gmlp_cuda_device(NULL));
    assert_string_equal(gmlp_cuda_error(NULL), "");
}

/* Pictures on another GPU are copied: no kernel of this one reads or writes there. */
static void memory_of_another_gpu(void **state) {
    (void)state;
    const emulation::device_facts usual = emulation::device;
    const scene s(40, 30, 3);
    std::vector<uint16_t> results[2];
    bytes blobs[2];
    size_t things[2];
    emulation::device.count = 2;
    for (int other = 0; other < 2; other++) {
        gmlp_cuda *const c = create();
        gmlp_decode_opts d;
        gmlp_net net;
        cudaSetDevice(other);
        const gmlp_image base = put_there(s.reduced(), s.base.size()), wide = put_there(s.original(), 2 * s.wide.size());
        const gmlp_train_opts o = options(8, 32, 16, gmlp_cuda_device(c));
        memset(&d, 0, sizeof d);
        d.device = o.device;
        results[other].resize(s.wide.size());
        assert_int_equal(gmlp_train(&base, &wide, &o, &net, NULL), GMLP_OK);
        blobs[other] = blob_of(net);
        assert_int_equal(gmlp_decode(&net, &base, &wide, &d), GMLP_OK);
        assert_int_equal(cudaMemcpyAsync(results[other].data(), wide.data, 2 * s.wide.size(), cudaMemcpyDeviceToHost, NULL),
                         cudaSuccess);
        things[other] = emulation::outstanding();
        gmlp_net_free(&net);
        gmlp_cuda_free(c);
        cudaFree(base.data);
        cudaFree(wide.data);
        cudaSetDevice(0);
    }
    emulation::device = usual;
    assert_true(blobs[0] == blobs[1]);
    assert_true(results[0] == results[1]);
    assert_int_equal(things[1], things[0] + 2); /* the copies */
}

/* What a device cannot do is done without it, to the byte. */
static void others_train_on_the_processor(void **state) {
    (void)state;
    gmlp_cuda *const c = create();
    const scene s(40, 30, 3);
    for (int kind = 0; kind < 2; kind++) {
        gmlp_train_opts o = options(20, 64, kind ? 0 : 16, NULL);
        if (kind) o.target_psnr = 20.0, o.budget = 2048;
        else o.activation = GMLP_SINE;
        const bytes near = train_blob(s, o);
        o.device = gmlp_cuda_device(c);
        emulation::calls = 0;
        assert_true(train_blob(s, o) == near);
        assert_int_equal(emulation::calls, 0);
    }
    gmlp_cuda_free(c);
}

static void progress_cancels(void **state) {
    (void)state;
    gmlp_cuda *const c = create();
    const scene s(40, 30, 3);
    for (uint32_t stop_at : {0u, 5u, 17u}) { /* at first; before weights are rounded; after */
        meeting m = {NULL, 0, stop_at};
        gmlp_train_opts o = options(20, 64, 16, gmlp_cuda_device(c));
        gmlp_net net, zero;
        o.progress = note_step;
        o.progress_user = &m;
        memset(&zero, 0, sizeof zero);
        assert_int_equal(train(s, o, &net), GMLP_E_CANCELLED);
        assert_memory_equal(&net, &zero, sizeof zero);
        assert_true(m.last >= stop_at && m.last < stop_at + 3);
    }
    gmlp_cuda_free(c);
}

/* CUDA's calls fail, one at a time: so does the call of ours, or it can do without; nothing stays behind. */
static void failures_are_told(void **state) {
    (void)state;
    static const cudaError_t errors[] = {cudaErrorMemoryAllocation, cudaErrorLaunchFailure, cudaErrorInsufficientDriver};
    static const gmlp_result means[] = {GMLP_E_DEVICE_MEMORY, GMLP_E_DEVICE, GMLP_E_DRIVER};
    const scene s(30, 20, 3);
    const gmlp_image base = put_there(s.reduced(), s.base.size()), wide = put_there(s.original(), 2 * s.wide.size());
    const size_t before = emulation::outstanding();
    bytes first;
    int failed = 0;
    long turn = 0, last = 1;
    for (int i = 0; turn <= last; i++, turn++) { /* 0: none fails */
        const int kind = i % 3;
        gmlp_cuda *c;
        gmlp_net net;
        gmlp_train_opts o = options(4, 32, 8, NULL);
        memset(&net, 0, sizeof net);
        emulation::calls = 0;
        emulation::fail_at = turn;
        emulation::fail_with = errors[kind];
        gmlp_result result = gmlp_cuda_create(NULL, &c);
        assert_true((result == GMLP_OK) == (c != NULL));
        if (c) {
            o.device = gmlp_cuda_device(c);
            result = i % 2 ? train(s, o, &net) : gmlp_train(&base, &wide, &o, &net, NULL);
        }
        if (!turn) last = emulation::calls + 5;
        emulation::fail_at = 0;
        if (result == GMLP_OK) {
            if (!turn) first = blob_of(net);
            assert_true(blob_of(net) == first);
        } else {
            /* where a pointer is not known to lead to the GPU, the copy from it fails */
            if (result != GMLP_E_DEVICE) assert_int_equal(result, means[kind]);
            assert_null(net.weights);
            if (c) assert_true(strlen(gmlp_cuda_error(c)) > 10);
            failed++;
        }
        gmlp_net_free(&net);
        if (c && i % 4 == 1) { /* the context is still good */
            assert_int_equal(train(s, o, &net), GMLP_OK);
            assert_true(blob_of(net) == first);
            gmlp_net_free(&net);
        }
        gmlp_cuda_free(c);
        assert_int_equal(emulation::outstanding(), before);
        assert_int_equal(cudaGetLastError(), cudaSuccess);
    }
    assert_true(last > 40 && failed > last * 2 / 3);
    emulation::fail_with = cudaErrorMemoryAllocation;
    cudaFree(base.data);
    cudaFree(wide.data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, look_before, look_after)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(training_is_as_good),           TEST(gradients_are_the_library_s),
        TEST(bytes_depend_on_the_seed_alone), TEST(threads_train_at_once),
        TEST(odd_pictures),                  TEST(odd_devices),
        TEST(memory_of_another_gpu),
        TEST(others_train_on_the_processor), TEST(progress_cancels),
        TEST(failures_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
