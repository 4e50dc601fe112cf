/* The GPU against the processor and against its own limits; run by "make cuda-bench" where a GPU is.

      bench check               decoding gives the processor's bytes, samples are its samples; small, for compute-sanitizer
      bench time                a line of JSON for each figure
      bench pictures FOLDER [SEEDS [gpu|processor]]
                                trains each NAME.wide.ppm (16 bits, ROMM) and NAME_sdr_*.ppm with NAME.hdr.ppm (16 bits, PQ,
                                BT.2020) on both, or one, and compares what comes back: the mean of 4 seeds

   Exit status 1 if anything differs that should not. */
#define GAMUTMLP_IMPLEMENTATION
#include "../../gamutmlp.h"

#include "../../gamutmlp_cuda.cu"

#include <algorithm>
#include <chrono>
#include <dirent.h>
#include <math.h>
#include <string>
#include <thread>
#include <vector>

typedef std::vector<unsigned char> bytes;

static int faults = 0;

static void must(gmlp_result r, const char *what, const gmlp_cuda *cuda) {
    if (!r) return;
    fprintf(stderr, "%s: %s (%s)\n", what, gmlp_result_string(r), gmlp_cuda_error(cuda));
    exit(2);
}
static void must_cuda(cudaError_t e, const char *what) {
    if (e == cudaSuccess) return;
    fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(e));
    exit(2);
}

static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static double median(std::vector<double> v) {
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
}

/* The library's threads. */
struct threads_of {
    static void run(void *, void (*job)(void *, size_t), void *ctx, size_t count) {
        std::vector<std::thread> all;
        const unsigned n = std::max(1u, std::thread::hardware_concurrency());
        for (unsigned k = 0; k < n; k++)
            all.emplace_back([=] {
                for (size_t i = k; i < count; i += n) job(ctx, i);
            });
        for (std::thread &t : all) t.join();
    }
};
static gmlp_threads threads() {
    gmlp_threads t = {NULL, threads_of::run};
    return t;
}

/* A picture of waves, of which a share is so vivid that sRGB clips it. */
struct pair_of_pictures {
    uint32_t w, h;
    std::vector<uint16_t> wide;
    bytes base;
    gmlp_image wide_view, base_view;
    pair_of_pictures() {}
    pair_of_pictures(const pair_of_pictures &) = delete;
};

static void view_pair(pair_of_pictures *p, int base_space) {
    gmlp_image a = {p->wide.data(), p->w, p->h, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0},
               b = {p->base.data(), p->w, p->h, 0, GMLP_U8, 3, base_space, 0};
    p->wide_view = a;
    p->base_view = b;
}

static void make_pair(pair_of_pictures *p, uint32_t w, uint32_t h, double vivid, int base_space) {
    p->w = w;
    p->h = h;
    p->wide.resize((size_t)w * h * 3);
    p->base.resize((size_t)w * h * 3);
    threads_of::run(NULL, [](void *ctx, size_t band) {
        pair_of_pictures *q = (pair_of_pictures *)ctx;
        for (uint32_t y = (uint32_t)(q->h * band / 64); y < (uint32_t)(q->h * (band + 1) / 64); y++)
            for (uint32_t x = 0; x < q->w; x++) {
                uint32_t noise = (x * 73856093u) ^ (y * 19349663u);
                noise = (noise ^ noise >> 13) * 1274126177u;
                const double u = x * 40.0 / q->w, v = y * 30.0 / q->h, n = (noise >> 16) / 65536.0 * 0.02;
                const double light = 0.35 + 0.2 * sin(u * 0.9) * cos(v * 0.7) + n, hue = sin(u * 0.31 + v * 0.23);
                uint16_t *out = q->wide.data() + ((size_t)y * q->w + x) * 3;
                const double r = light * (1.0 + 0.1 * hue), g = light, b = light * (1.0 - 0.1 * hue);
                const double t[3] = {r, g, b};
                for (int c = 0; c < 3; c++) out[c] = (uint16_t)(65535.0 * std::min(1.0, std::max(0.0, pow(t[c], 1 / 1.8))));
            }
    }, p, 64);
    /* vivid areas: vertical stripes of a 64th each, so that tiles differ */
    const uint32_t stripe = std::max(1u, w / 64);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++) {
            const double place = (x / stripe * 37 % 64) / 64.0;
            uint16_t *out = p->wide.data() + ((size_t)y * w + x) * 3;
            if (place >= vivid) continue;
            const int k = (int)(x / stripe % 3);
            out[k] = (uint16_t)std::min(65535.0, out[k] * 1.0 + 9000.0);
            out[(k + 1) % 3] = (uint16_t)(out[(k + 1) % 3] * 0.45);
        }
    view_pair(p, base_space);
    must(gmlp_reduce(&p->wide_view, &p->base_view, NULL, NULL), "gmlp_reduce", NULL);
}

/* Decodes one case on both; 1 if a byte differs. */
static size_t differing(const gmlp_net *net, const gmlp_image *base, int type, int channels, int space, uint32_t x,
                        uint32_t y, uint32_t w, uint32_t h, const gmlp_device *device, const char *what) {
    const size_t pixel = gmlp_pixel_size(type, channels);
    bytes one(pixel * w * h, 0xa5), two(pixel * w * h, 0xa5);
    gmlp_image out = {one.data(), w, h, 0, type, channels, space, 0};
    gmlp_decode_opts o;
    size_t n = 0;
    memset(&o, 0, sizeof o);
    o.x = x;
    o.y = y;
    o.threads = threads();
    must(gmlp_decode(net, base, &out, &o), "decoding on the processor", NULL);
    out.data = two.data();
    o.device = device;
    const gmlp_result r = gmlp_decode(net, base, &out, &o);
    if (r) {
        printf("not ok decode %s: %s\n", what, gmlp_result_string(r));
        faults++;
        return 1;
    }
    for (size_t i = 0; i < one.size(); i++) n += one[i] != two[i];
    if (n) faults++;
    printf("%s decode %s: %zu of %zu bytes differ\n", n ? "not ok" : "ok", what, n, one.size());
    return n;
}

static double psnr_og(const gmlp_net *net, const pair_of_pictures &p, double *all) {
    std::vector<uint16_t> back(p.wide.size());
    gmlp_image out = p.wide_view;
    gmlp_decode_opts o;
    float m[9];
    double se = 0.0, se_all = 0.0;
    size_t n = 0;
    std::vector<double> light(65536);
    for (int i = 0; i < 65536; i++) light[i] = gmlp_curve_decode(GMLP_PROPHOTO, i / 65535.0, 0);
    memset(&o, 0, sizeof o);
    o.threads = threads();
    out.data = back.data();
    must(gmlp_decode(net, &p.base_view, &out, &o), "decoding", NULL);
    gmlp__float_matrix(GMLP_PROPHOTO, GMLP_SRGB_LINEAR, 0, m);
    for (size_t i = 0; i < p.wide.size(); i += 3) {
        double v[3], d = 0.0;
        bool above = true, below = true, outside = false;
        for (int c = 0; c < 3; c++) {
            v[c] = light[p.wide[i + c]];
            d += (v[c] - light[back[i + c]]) * (v[c] - light[back[i + c]]);
        }
        for (int c = 0; c < 3; c++) {
            const double s = m[3 * c] * v[0] + m[3 * c + 1] * v[1] + m[3 * c + 2] * v[2];
            outside |= s < -1e-6 || s > 1 + 1e-6;
            above &= s > 1;
            below &= s < 0;
        }
        se_all += d;
        if (outside && !above && !below) se += d, n++;
    }
    *all = -10.0 * log10(se_all / (double)p.wide.size());
    return n ? -10.0 * log10(se / (3.0 * (double)n)) : 0.0;
}

/* ------------------------------------------------------------------------------------------------------------------ */

/* Networks of pictures that were edited since: turned in all ways, resized, a part. */
static void edited(const gmlp_net *net, const pair_of_pictures &p, const gmlp_device *device) {
    for (int k = 0; k < 11; k++) {
        const int orientation = k < 8 ? k + 1 : k == 8 ? 6 : 1;
        gmlp_geometry g = {0, 0, 0, 0, 0, 0, orientation};
        if (k == 8) g.to_width = p.w / 2, g.to_height = p.h / 2;
        if (k == 9) g.to_width = p.w * 2, g.to_height = p.h * 3 / 2;
        if (k == 10) g.x = p.w / 5, g.y = p.h / 4, g.width = p.w / 2, g.height = p.h / 2;
        const uint32_t part_w = g.width ? g.width : p.w, part_h = g.height ? g.height : p.h;
        const uint32_t to_w = g.to_width ? g.to_width : part_w, to_h = g.to_height ? g.to_height : part_h;
        const uint32_t w = orientation > 4 ? to_h : to_w, h = orientation > 4 ? to_w : to_h;
        bytes codes((size_t)w * h * 3);
        for (uint32_t y = 0; y < h; y++)
            for (uint32_t x = 0; x < w; x++) { /* EXIF's orientations; the nearest pixel */
                uint32_t u = orientation > 4 ? y : x, v = orientation > 4 ? x : y;
                if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) u = to_w - 1 - u;
                if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) v = to_h - 1 - v;
                u = g.x + (uint32_t)((uint64_t)u * part_w / to_w);
                v = g.y + (uint32_t)((uint64_t)v * part_h / to_h);
                memcpy(codes.data() + ((size_t)y * w + x) * 3, p.base.data() + ((size_t)v * p.w + u) * 3, 3);
            }
        gmlp_image base = {codes.data(), w, h, 0, GMLP_U8, 3, p.base_view.space, 0};
        bytes blob(GMLP_MAX_BLOB);
        size_t size = 0;
        gmlp_net moved;
        must(gmlp_blob_write(net, blob.data(), blob.size(), &size), "a copy", NULL);
        must(gmlp_blob_read(blob.data(), size, NULL, &moved, NULL), "a copy", NULL);
        must(gmlp_net_edit(&moved, &g, &base), "gmlp_net_edit", NULL);
        const std::string what = k < 8 ? "turned as EXIF's " + std::to_string(orientation)
                                       : k == 8 ? "half the size, turned" : k == 9 ? "larger" : "a part";
        differing(&moved, &base, GMLP_U16, 3, 0, 0, 0, w, h, device, what.c_str());
        gmlp_net_free(&moved);
    }
}

/* Several threads decode and train with one context. */
static void at_once(const gmlp_net *net, const pair_of_pictures &p, const gmlp_train_opts *opts) {
    enum { THREADS = 6 };
    std::vector<bytes> out(THREADS), weights(THREADS);
    gmlp_result results[THREADS];
    std::vector<std::thread> all;
    for (int k = 0; k < THREADS; k++)
        all.emplace_back([&, k] {
            for (int round = 0; round < 3 && (!round || !results[k]); round++) {
                out[k].assign((size_t)p.w * p.h * 6, 0);
                gmlp_image o = {out[k].data(), p.w, p.h, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
                gmlp_decode_opts decode;
                gmlp_net again;
                memset(&decode, 0, sizeof decode);
                decode.device = opts->device;
                results[k] = gmlp_decode(net, &p.base_view, &o, &decode);
                if (!results[k]) results[k] = gmlp_train(&p.base_view, &p.wide_view, opts, &again, NULL);
                if (results[k]) return;
                weights[k].assign((unsigned char *)again.weights,
                                  (unsigned char *)again.weights + gmlp_mlp_weights(&again.mlp) * 4);
                gmlp_net_free(&again);
            }
        });
    for (std::thread &t : all) t.join();
    int bad = 0;
    for (int k = 0; k < THREADS; k++) bad += results[k] || out[k] != out[0] || weights[k] != weights[0];
    faults += bad;
    printf("%s %d threads decode and train at once: %d differ\n", bad ? "not ok" : "ok", (int)THREADS, bad);
}

static int check(gmlp_cuda *cuda, bool small) {
    const gmlp_device *device = gmlp_cuda_device(cuda);
    const uint32_t w = small ? 150 : 1501, h = small ? 70 : 1003;
    static const int spaces[2] = {GMLP_SRGB, GMLP_SYCC};
    for (int s = 0; s < 2; s++) {
        pair_of_pictures p;
        gmlp_train_opts o;
        gmlp_net net;
        make_pair(&p, w, h, 0.3, spaces[s]);
        memset(&o, 0, sizeof o);
        o.threads = threads();
        o.iterations = small ? 30 : 200;
        o.batch = small ? 256 : 2048;
        /* samples: by the library's own trainer, with and without */
        must(gmlp_train(&p.base_view, &p.wide_view, &o, &net, NULL), "training on the processor", NULL);
        const std::string base = s ? "sYCC " : "sRGB ";
        differing(&net, &p.base_view, GMLP_U16, 3, 0, 0, 0, w, h, device, (base + "u16").c_str());
        differing(&net, &p.base_view, GMLP_F16, 4, GMLP_PROPHOTO_LINEAR, 5, 3, w - 11, h - 9, device, (base + "f16 rgba crop").c_str());
        differing(&net, &p.base_view, GMLP_U8, 3, GMLP_P3, 0, 0, w, h, device, (base + "u8 P3").c_str());
        differing(&net, &p.base_view, GMLP_F32, 3, GMLP_REC2020_PQ, 0, 0, w, h, device, (base + "f32 PQ").c_str());
        edited(&net, p, device);
        o.device = device;
        at_once(&net, p, &o);
        gmlp_net_free(&net);
        for (int twice = 0; twice < 2; twice++) {
            gmlp_net again;
            static bytes first;
            o.device = device;
            must(gmlp_train(&p.base_view, &p.wide_view, &o, &again, NULL), "training on the GPU", cuda);
            bytes now_weights((unsigned char *)again.weights, (unsigned char *)again.weights + gmlp_mlp_weights(&again.mlp) * 4);
            if (twice && now_weights != first) faults++, printf("not ok training twice gives other bytes\n");
            else if (twice) printf("ok training twice gives the same bytes\n");
            first = now_weights;
            gmlp_net_free(&again);
        }
        o.device = NULL;
        if (s) continue;
        o.preset = GMLP_PRESET_PAPER;
        o.iterations = small ? 5 : 50;
        o.batch = small ? 256 : 4096;
        must(gmlp_train(&p.base_view, &p.wide_view, &o, &net, NULL), "training on the processor", NULL);
        differing(&net, &p.base_view, GMLP_U16, 3, 0, 0, 0, w, h, device, "paper u16");
        gmlp_net_free(&net);
        o.device = device;
        must(gmlp_train(&p.base_view, &p.wide_view, &o, &net, NULL), "training PAPER on the GPU", cuda);
        gmlp_net_free(&net);
    }
    return faults;
}

/* ------------------------------------------------------------------------------------------------------------------ */

#ifndef GMLP_CUDA_EMULATION
static cudaStream_t stream;

/* Milliseconds of what f puts on the stream: the median of some. */
template <class F> static double milliseconds(int times, F f) {
    cudaEvent_t a, b;
    std::vector<double> all;
    cudaEventCreate(&a);
    cudaEventCreate(&b);
    f();
    for (int i = 0; i < times; i++) {
        float ms;
        cudaEventRecord(a, stream);
        f();
        cudaEventRecord(b, stream);
        must_cuda(cudaEventSynchronize(b), "timing");
        cudaEventElapsedTime(&ms, a, b);
        all.push_back(ms);
    }
    cudaEventDestroy(a);
    cudaEventDestroy(b);
    return median(all);
}

struct nothing { int unused; };
__global__ void empty_kernel(const nothing) {}
struct meeting { unsigned *counter; int times; };
__global__ void meet_kernel(const meeting m) {
    unsigned passed = 0;
    for (int i = 0; i < m.times; i++) {
        gmlp_gpu::arrive(m.counter, &passed);
        gmlp_gpu::await(m.counter, passed);
    }
}
struct multiplying { float *out; int times; };
__global__ void multiply_kernel(const multiplying m) {
    float c[8][4] = {};
    uint32_t a[4] = {threadIdx.x, threadIdx.x * 3, 5, 7};
    for (int i = 0; i < m.times; i++)
#pragma unroll
        for (int k = 0; k < 8; k++) gmlp_gpu::multiply_halves(c[k], a, (uint32_t)i & 3u, 2u);
    float s = 0;
    for (int k = 0; k < 8; k++) s += c[k][0] + c[k][1] + c[k][2] + c[k][3];
    if (s == 123.0f) m.out[0] = s;
}

/* The library's trainer up to the training itself, then all of it on the device: what each part takes. */
static void time_training(gmlp_cuda *cuda, pair_of_pictures *p, const gmlp_image *base, const gmlp_image *wide,
                          const gmlp_train_opts *opts, const char *name) {
    std::vector<double> host;
    gmlp_train_report report;
    for (int i = 0; i < 4; i++) {
        gmlp_net net;
        const double t = now();
        must(gmlp_train(base, wide, opts, &net, &report), name, cuda);
        host.push_back((now() - t) * 1e3);
        if (i == 3 && p) {
            double all;
            const double og = psnr_og(&net, *p, &all);
            printf("{\"what\":\"%s\",\"call_ms\":%.2f,\"steps\":%u,\"psnr_og\":%.2f,\"psnr\":%.2f,\"saturated\":%.3f}\n", name,
                   median(host), report.iterations, og, all, (double)report.saturated / p->w / p->h);
        }
        gmlp_net_free(&net);
    }
}

/* Milliseconds on the GPU of count, collect and train, by the table. */
struct timed_device {
    gmlp_device table;
    const gmlp_device *real;
    double ms[8];
    cudaEvent_t a, b;
};
static timed_device timed;
template <class F> static gmlp_result timing(int slot, F f) {
    float ms;
    cudaEventRecord(timed.a, stream);
    const gmlp_result r = f();
    cudaEventRecord(timed.b, stream);
    cudaEventSynchronize(timed.b);
    cudaEventElapsedTime(&ms, timed.a, timed.b);
    timed.ms[slot] += ms;
    return r;
}
static gmlp_result timed_open(void *, const gmlp_image *a, const gmlp_image *b, gmlp_image *c, gmlp_image *d, void **w) {
    return timing(0, [&] { return timed.real->open(timed.real->user, a, b, c, d, w); });
}
static gmlp_result timed_count(void *w, const gmlp_device_pictures *p, int og, uint64_t (*r)[2]) {
    return timing(1, [&] { return timed.real->count(w, p, og, r); });
}
static gmlp_result timed_collect(void *w, const gmlp_device_pictures *p, const gmlp_device_choice *c, uint64_t *og,
                                 gmlp_device_moments (*m)[2]) {
    return timing(2, [&] { return timed.real->collect(w, p, c, og, m); });
}
/* What the library does on the processor at the same time is done before; how long it takes to choose steps is told
   apart. */
static double round_ms;
static const gmlp_device_training *real_training;
static void timed_round(void *user, const float *weights, float steps[3]) {
    const double t = now();
    real_training->round(user, weights, steps);
    round_ms = (now() - t) * 1e3;
}
static gmlp_result timed_train(void *w, const gmlp_device_training *t, double *loss) {
    gmlp_device_training copy = *t;
    if (copy.meanwhile) copy.meanwhile(copy.user);
    copy.meanwhile = NULL;
    copy.round = timed_round;
    real_training = t;
    round_ms = 0.0;
    return timing(3, [&] { return timed.real->train(w, &copy, loss); });
}

static void time_parts(const gmlp_image *base, const gmlp_image *wide, gmlp_train_opts o, const char *name, gmlp_cuda *cuda) {
    timed.real = o.device;
    timed.table = *o.device;
    timed.table.open = timed_open;
    timed.table.count = timed_count;
    timed.table.collect = timed_collect;
    timed.table.train = timed_train;
    cudaEventCreate(&timed.a);
    cudaEventCreate(&timed.b);
    o.device = &timed.table;
    std::vector<double> part[5];
    gmlp_train_report r;
    for (int i = 0; i < 5; i++) {
        gmlp_net net;
        memset(timed.ms, 0, sizeof timed.ms);
        must(gmlp_train(base, wide, &o, &net, &r), name, cuda);
        for (int k = 0; k < 4; k++) part[k].push_back(timed.ms[k]);
        part[4].push_back(round_ms);
        gmlp_net_free(&net);
    }
    const double train = median(part[3]), steps = train - median(part[4]);
    printf("{\"what\":\"%s\",\"open_ms\":%.3f,\"count_ms\":%.3f,\"collect_ms\":%.3f,\"train_ms\":%.3f,\"of_which_processor_ms\":%.3f,\"us_per_step\":%.2f,\"samples_per_s\":%.4g}\n",
           name, median(part[0]), median(part[1]), median(part[2]), train, median(part[4]), steps * 1e3 / r.iterations,
           (double)r.iterations * (double)(o.batch ? o.batch : 2048) / (steps * 1e-3));
}

static void *there(const void *data, size_t size) {
    void *p;
    must_cuda(cudaMalloc(&p, size), "cudaMalloc");
    if (data) must_cuda(cudaMemcpy(p, data, size, cudaMemcpyHostToDevice), "cudaMemcpy");
    return p;
}

static int time_all() {
    cudaDeviceProp prop;
    gmlp_cuda_opts co;
    gmlp_cuda *cuda;
    must_cuda(cudaGetDeviceProperties(&prop, 0), "the GPU");
    printf("{\"what\":\"gpu\",\"name\":\"%s\",\"multiprocessors\":%d,\"l2_mb\":%d}\n", prop.name, prop.multiProcessorCount,
           prop.l2CacheSize >> 20);
    must_cuda(cudaStreamCreate(&stream), "a stream");
    memset(&co, 0, sizeof co);
    co.stream = stream;
    must(gmlp_cuda_create(&co, &cuda), "gmlp_cuda_create", NULL);
    /* the machine's limits */
    const size_t big = (size_t)1 << 30;
    void *a = there(NULL, big), *b = there(NULL, big);
    cudaMemset(a, 1, big);
    double ms = milliseconds(10, [&] { cudaMemcpyAsync(b, a, big, cudaMemcpyDeviceToDevice, stream); });
    const double bandwidth = 2.0 * (double)big / (ms * 1e-3);
    printf("{\"what\":\"copy\",\"GB_per_s\":%.0f}\n", bandwidth * 1e-9);
    const nothing none = {0};
    ms = milliseconds(20, [&] {
        for (int i = 0; i < 100; i++) gmlp_gpu::launch(cuda, empty_kernel, dim3(1), dim3(32), 0, stream, none, false);
    });
    printf("{\"what\":\"launch\",\"us\":%.2f}\n", ms * 10.0);
    for (int blocks = 8; blocks <= prop.multiProcessorCount; blocks = blocks < 64 ? 2 * blocks : blocks < prop.multiProcessorCount ? prop.multiProcessorCount : 1000) {
        const meeting m = {(unsigned *)a, 1000};
        ms = milliseconds(5, [&] {
            cudaMemsetAsync(a, 0, 4, stream);
            gmlp_gpu::launch(cuda, meet_kernel, dim3(blocks), dim3(256), 0, stream, m, true);
        });
        printf("{\"what\":\"barrier\",\"blocks\":%d,\"us\":%.3f}\n", blocks, ms);
    }
    const multiplying mm = {(float *)a, 4000};
    ms = milliseconds(5, [&] { gmlp_gpu::launch(cuda, multiply_kernel, dim3(2 * prop.multiProcessorCount), dim3(512), 0, stream, mm, false); });
    printf("{\"what\":\"mma\",\"TFLOP_per_s\":%.0f}\n",
           2.0 * 16 * 8 * 16 * 8 * 4000.0 * 16 * 2 * prop.multiProcessorCount / (ms * 1e-3) * 1e-12);
    cudaFree(a);
    cudaFree(b);

    /* 24 megapixels */
    static const double vivid[3] = {0.0, 0.15, 1.0};
    for (int k = 0; k < 3; k++) {
        pair_of_pictures p;
        gmlp_train_opts o;
        gmlp_net net;
        make_pair(&p, 6000, 4000, vivid[k] > 0 ? vivid[k] : 0.02, GMLP_SRGB);
        gmlp_image base = p.base_view, wide = p.wide_view, out = p.wide_view;
        void *const base_there = there(p.base.data(), p.base.size()), *const wide_there = there(p.wide.data(), p.wide.size() * 2),
                   *const out_there = there(NULL, p.wide.size() * 2);
        base.data = base_there;
        wide.data = wide_there;
        out.data = out_there;
        memset(&o, 0, sizeof o);
        o.threads = threads();
        o.device = gmlp_cuda_device(cuda);
        if (k == 1) {
            char name[64];
            snprintf(name, sizeof name, "train 24 MP, pictures on the GPU");
            time_training(cuda, &p, &base, &wide, &o, name);
            time_parts(&base, &wide, o, "parts of train 24 MP", cuda);
            gmlp_train_opts cpu = o;
            cpu.device = NULL;
            time_training(cuda, &p, &p.base_view, &p.wide_view, &cpu, "train 24 MP, processor (all cores)");
            static const uint32_t batches[3] = {2048, 65536, 262144};
            for (int adam = 0; adam < 2; adam++)
                for (int i = 0; i < 3; i++) {
                    gmlp_train_opts q = o;
                    q.batch = batches[i];
                    q.iterations = i ? 100 : 1000;
                    q.optimizer = adam ? GMLP_ADAM : GMLP_MUON;
                    snprintf(name, sizeof name, "steps of %u, %s", batches[i], adam ? "Adam" : "Muon");
                    time_parts(&base, &wide, q, name, cuda);
                }
            gmlp_train_opts q = o;
            q.preset = GMLP_PRESET_HIGH;
            time_parts(&base, &wide, q, "preset HIGH", cuda);
            q.preset = GMLP_PRESET_MAX;
            time_parts(&base, &wide, q, "preset MAX", cuda);
            q.preset = GMLP_PRESET_PAPER;
            q.iterations = 500;
            q.batch = 65536;
            time_parts(&base, &wide, q, "preset PAPER, 500 steps", cuda);
        }
        must(gmlp_train(&p.base_view, &p.wide_view, &o, &net, NULL), "training", cuda);
        if (k == 0) net.clip_margin = 0;
        bytes blank;
        if (k == 0) { /* all in gamut */
            blank.assign(p.base.size(), 0);
            for (size_t i = 0; i < blank.size(); i++) blank[i] = (unsigned char)(20 + i * 2654435761u % 200);
            cudaMemcpy(base_there, blank.data(), blank.size(), cudaMemcpyHostToDevice);
        }
        for (int type = 0; type < 3; type++) {
            static const int types[3] = {GMLP_U16, GMLP_F16, GMLP_U8};
            gmlp_decoder *decoder;
            void *handle;
            gmlp_image to = out;
            to.type = types[type];
            to.channels = type == 1 ? 4 : 3;
            to.space = type == 1 ? GMLP_PROPHOTO_LINEAR : type == 2 ? GMLP_P3 : GMLP_PROPHOTO;
            if (type == 1) to.data = there(NULL, (size_t)6000 * 4000 * 8);
            must(gmlp_decoder_create(&net, to.type, to.space, NULL, &decoder), "a decoder", NULL);
            double t = now();
            must(o.device->decoder_create(o.device->user, decoder, &handle), "the decoder on the GPU", cuda);
            const double made = (now() - t) * 1e3;
            ms = milliseconds(20, [&] { must(o.device->decoder_rows(handle, &base, 0, 0, &to, 0, 0), "decoding", cuda); });
            const double moved = 6000.0 * 4000.0 * (3.0 + (double)gmlp_pixel_size(to.type, to.channels));
            printf("{\"what\":\"decode 24 MP\",\"saturated\":%.2f,\"type\":\"%s\",\"ms\":%.4f,\"floor_ms\":%.4f,\"create_ms\":%.2f}\n",
                   vivid[k], type == 0 ? "rgb16" : type == 1 ? "rgba16f" : "rgb8", ms, moved / bandwidth * 1e3, made);
            if (type == 0) { /* and the bytes */
                bytes got(p.wide.size() * 2), want(p.wide.size() * 2);
                gmlp_image cpu_out = p.wide_view, cpu_base = p.base_view;
                gmlp_decode_opts d;
                memset(&d, 0, sizeof d);
                d.threads = threads();
                cpu_out.data = want.data();
                if (k == 0) cpu_base.data = blank.data();
                cudaStreamSynchronize(stream);
                cudaMemcpy(got.data(), out_there, got.size(), cudaMemcpyDeviceToHost);
                t = now();
                must(gmlp_decode(&net, &cpu_base, &cpu_out, &d), "decoding", NULL);
                printf("{\"what\":\"decode 24 MP, processor (all cores)\",\"saturated\":%.2f,\"ms\":%.2f}\n", vivid[k], (now() - t) * 1e3);
                if (got != want) faults++;
                printf("%s the same bytes, 24 MP, %.2f saturated\n", got == want ? "ok" : "not ok", vivid[k]);
            }
            o.device->decoder_free(handle);
            gmlp_decoder_free(decoder);
            if (type == 1) cudaFree(to.data);
        }
        gmlp_net_free(&net);
        cudaFree(base_there);
        cudaFree(wide_there);
        cudaFree(out_there);
    }
    gmlp_cuda_free(cuda);
    return faults;
}
#else
static int time_all() { return 0; }
#endif

/* ------------------------------------------------------------------------------------------------------------------ */

/* A PPM of 8 or 16 bits. */
static bool read_ppm(const std::string &name, uint32_t *w, uint32_t *h, int *last, bytes *pixels) {
    FILE *f = fopen(name.c_str(), "rb");
    if (!f) return false;
    fscanf(f, "P6 ");
    while (fscanf(f, "#%*[^\n]") != EOF && !fscanf(f, "%u", w) && !feof(f)) {} /* comments; then the width */
    bool ok = fscanf(f, "%u %d", h, last) == 2 && fgetc(f) != EOF && *w && *h && *w < 65536 && *h < 65536;
    const size_t size = ok ? (size_t)*w * *h * 3 * (*last > 255 ? 2 : 1) : 0;
    if (ok) {
        pixels->resize(size);
        ok = fread(pixels->data(), 1, size, f) == size;
        for (size_t i = 0; *last > 255 && i < size; i += 2) std::swap((*pixels)[i], (*pixels)[i + 1]);
    }
    fclose(f);
    return ok;
}

/* PSNR of PQ codes, all channels. */
static double psnr_pq(const gmlp_net *net, const gmlp_image *base, const gmlp_image *hdr, const uint16_t *want) {
    std::vector<uint16_t> back((size_t)hdr->width * hdr->height * 3);
    gmlp_image out = *hdr;
    gmlp_decode_opts o;
    double se = 0.0;
    memset(&o, 0, sizeof o);
    o.threads = threads();
    out.data = back.data();
    must(gmlp_decode(net, base, &out, &o), "decoding", NULL);
    for (size_t i = 0; i < back.size(); i++) {
        const double d = ((double)back[i] - (double)want[i]) / 65535.0;
        se += d * d;
    }
    return -10.0 * log10(se / (double)back.size());
}

/* Trains a picture on one or both, with some seeds; the mean of what comes back. */
static int pictures(gmlp_cuda *cuda, const std::string &folder, int seeds, const std::string &only) {
    std::vector<std::string> names;
    DIR *d = opendir(folder.c_str());
    if (!d) return perror(folder.c_str()), 2;
    while (const dirent *e = readdir(d)) names.push_back(e->d_name);
    closedir(d);
    std::sort(names.begin(), names.end());
    double worst = 0.0, all_pictures = 0.0;
    int count = 0;
    for (const std::string &n : names) {
        double psnr[2] = {0, 0}, seconds[2] = {0, 0};
        const size_t wide_at = n.find(".wide.ppm"), sdr_at = n.find("_sdr_");
        const bool hdr_pair = wide_at == std::string::npos;
        if (hdr_pair && sdr_at == std::string::npos) continue;
        pair_of_pictures p;
        bytes pixels, sdr;
        int last;
        uint32_t w, h;
        gmlp_image base, wide;
        if (!read_ppm(folder + "/" + (hdr_pair ? n.substr(0, sdr_at) + ".hdr.ppm" : n), &p.w, &p.h, &last, &pixels))
            return printf("cannot read %s\n", n.c_str()), 2;
        p.wide.assign((uint16_t *)(void *)pixels.data(), (uint16_t *)(void *)(pixels.data() + pixels.size()));
        p.base.resize(p.wide.size());
        view_pair(&p, GMLP_SRGB);
        if (hdr_pair) {
            if (!read_ppm(folder + "/" + n, &w, &h, &last, &p.base) || w != p.w || h != p.h)
                return printf("cannot read %s\n", n.c_str()), 2;
            p.base_view.data = p.base.data();
            p.wide_view.space = GMLP_REC2020_PQ;
        } else must(gmlp_reduce(&p.wide_view, &p.base_view, NULL, NULL), "gmlp_reduce", NULL);
        base = p.base_view;
        wide = p.wide_view;
        for (int k = 0; k < 2; k++) {
            if (only == (k ? "processor" : "gpu")) continue;
            for (int seed = 0; seed < seeds; seed++) {
                gmlp_train_opts o;
                gmlp_net net;
                double all;
                memset(&o, 0, sizeof o);
                o.threads = threads();
                o.seed = (uint64_t)seed;
                o.device = k ? gmlp_cuda_device(cuda) : NULL;
                const double t = now();
                must((hdr_pair ? gmlp_train_hdr : gmlp_train)(&base, &wide, &o, &net, NULL), n.c_str(), cuda);
                seconds[k] += (now() - t) / seeds;
                psnr[k] += (hdr_pair ? psnr_pq(&net, &base, &wide, p.wide.data()) : psnr_og(&net, p, &all)) / seeds;
                gmlp_net_free(&net);
            }
        }
        const double difference = psnr[1] - psnr[0];
        worst = std::min(worst, difference);
        all_pictures += difference;
        count++;
        printf("{\"picture\":\"%s\",\"processor_db\":%.3f,\"gpu_db\":%.3f,\"difference\":%.3f,\"processor_s\":%.3f,\"gpu_s\":%.3f}\n",
               n.c_str(), psnr[0], psnr[1], difference, seconds[0], seconds[1]);
        fflush(stdout);
    }
    if (only != "") return 0;
    printf("%s no picture more than 0.1 dB below the processor's (mean of %d seeds): worst %.3f, mean %.3f\n",
           worst >= -0.1 ? "ok" : "not ok", seeds, worst, all_pictures / std::max(1, count));
    return worst < -0.1;
}

int main(int argc, char **argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    gmlp_cuda *cuda;
    const int seeds = argc > 3 ? std::max(1, atoi(argv[3])) : 4;
    if (what == "time") return time_all() != 0;
    if (what == "pictures" && argc > 4 && std::string(argv[4]) == "processor")
        return pictures(NULL, argv[2], seeds, "processor");
    const gmlp_result r = gmlp_cuda_create(NULL, &cuda);
    if (r) return printf("# skipped: %s\n", gmlp_result_string(r)), 0;
    int status = 2;
    if (what == "check") status = check(cuda, argc > 2) != 0;
    else if (what == "pictures" && argc > 2) status = pictures(cuda, argv[2], seeds, argc > 4 ? argv[4] : "");
    else fprintf(stderr, "bench check [small] | time | pictures FOLDER [SEEDS [gpu|processor]]\n");
    gmlp_cuda_free(cuda);
    return status;
}
