/* What an engine does with a texture that carries a network (of 'gamutmlp encode' or quickstart.c): memory from an
   arena, tiles as jobs of its own queue, pixels written where the GPU reads them, in its formats.

      c++ -std=c++17 -O2 -I. examples/engine.cpp -o engine -pthread
      ./engine TEXTURE.png */
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

static std::atomic<size_t> heap_calls; /* of the library; everything should come from the arena */
#define GMLP_MALLOC(size) (heap_calls++, std::malloc(size))
#define GMLP_FREE(p) std::free(p)
#define GMLP_STATIC /* one file uses the library: what it does not call is left out */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

static void check(bool good, const char *what) {
    if (!good) std::fprintf(stderr, "engine: %s\n", what), std::_Exit(1); /* not exit: workers may be busy */
}
static void call(gmlp_result result) { check(result == GMLP_OK, gmlp_result_string(result)); }
static size_t up(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }
static double now() { /* ms */
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/* Memory of a level: taken piece by piece, given back all at once. */
struct Arena {
    std::vector<unsigned char> room;
    size_t used, calls;
    static void *take(void *arena, size_t size) {
        Arena &a = *static_cast<Arena *>(arena);
        const size_t at = up(a.used, 64); /* cache lines */
        if (at > a.room.size() || size > a.room.size() - at) return nullptr;
        a.calls++, a.used = at + size;
        return a.room.data() + at;
    }
};

/* Runs job(index, worker) for every index; the caller's thread is worker 0. One run at a time. */
struct Queue {
    using Job = std::function<void(size_t index, size_t worker)>;
    using Lock = std::unique_lock<std::mutex>;
    const size_t workers = std::max(1u, std::thread::hardware_concurrency());
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::thread> threads;
    const Job *job = nullptr;
    size_t count = 0, next = 0, done = 0;
    Queue() {
        for (size_t w = 1; w < workers; w++)
            threads.emplace_back([=] { for (Lock lock(mutex);; help(lock, w)) changed.wait(lock); });
    }
    void help(Lock &lock, size_t worker) {
        while (next < count) {
            const size_t index = next++;
            lock.unlock();
            (*job)(index, worker);
            lock.lock();
            if (++done == count) changed.notify_all();
        }
    }
    void run(size_t n, const Job &j) {
        Lock lock(mutex);
        job = &j, count = n, next = done = 0;
        changed.notify_all();
        help(lock, 0);
        changed.wait(lock, [this] { return done == count; });
    }
    static void parallel_for(void *queue, void (*job)(void *ctx, size_t index), void *ctx, size_t n) {
        static_cast<Queue *>(queue)->run(n, [=](size_t index, size_t) { job(ctx, index); });
    }
};

struct Format { const char *name; int type, channels; };
static const Format formats[] = {{"RGBA16F", GMLP_F16, 4}, {"R11G11B10F", GMLP_R11G11B10F, 3}};
static const uint32_t tile = 256, pitch_unit = 256; /* pixels; bytes: D3D12_TEXTURE_DATA_PITCH_ALIGNMENT */
static const int space = GMLP_REC2020_LINEAR;

/* The texture in an upload buffer of that format. */
static void upload(const gmlp_net &net, const gmlp_image &base, const Format &f, Arena &arena, Queue &queue) {
    const size_t pixel = gmlp_pixel_size(f.type, f.channels), pitch = up(base.width * pixel, pitch_unit);
    std::vector<unsigned char> staging(pitch * base.height), whole(staging.size());
    const auto view = [&](unsigned char *at, uint32_t width, uint32_t height) -> gmlp_image {
        return {at, width, height, static_cast<ptrdiff_t>(pitch), f.type, f.channels, space, 0};
    };
    gmlp_decode_opts opts = {};
    opts.threads = {&queue, Queue::parallel_for};
    opts.decoder.alloc = {&arena, Arena::take, nullptr}; /* never frees */

    /* Once: the decoder, and room to work in for every worker. */
    gmlp_decoder *decoder;
    double start = now();
    size_t size;
    call(gmlp_decoder_size(&net, f.type, space, &opts.decoder, &size));
    call(gmlp_decoder_init(Arena::take(&arena, size), size, &net, f.type, space, &opts.decoder, &decoder));
    const size_t scratch = up(gmlp_decoder_scratch_size(decoder, tile), 64);
    unsigned char *const works = static_cast<unsigned char *>(Arena::take(&arena, scratch * queue.workers));
    check(works, "the arena is full");
    std::printf("%s: %zu bytes, pitch %zu\n  decoder: %zu bytes, %.2f ms; scratch: %zu bytes for each of %zu workers\n",
                f.name, staging.size(), pitch, size, now() - start, scratch, queue.workers);

    /* Then tiles, in any order: here column by column from the last one on. */
    const uint32_t down = (base.height + tile - 1) / tile, tiles = (base.width + tile - 1) / tile * down;
    const size_t calls = arena.calls + heap_calls;
    start = now();
    queue.run(tiles, [&](size_t index, size_t worker) {
        const uint32_t i = tiles - 1 - static_cast<uint32_t>(index), x = i / down * tile, y = i % down * tile;
        const gmlp_image out = view(staging.data() + y * pitch + x * pixel, std::min(tile, base.width - x),
                                    std::min(tile, base.height - y));
        call(gmlp_decoder_rows(decoder, &base, 0, 0, &out, x, y, works + worker * scratch));
    });
    const size_t taken = arena.calls + heap_calls - calls;
    std::printf("  %u tiles: %.1f ms, %zu allocations\n", tiles, now() - start, taken);

    /* The whole in one call: jobs of the library's in the same queue. */
    const gmlp_image out = view(whole.data(), base.width, base.height);
    call(gmlp_decode(&net, &base, &out, &opts));
    check(staging == whole && !taken, "the tiles are not the whole picture, or took memory");
    std::printf("  the same bytes as the whole picture at once\n");
}

int main(int argc, char **argv) {
    std::FILE *file = argc == 2 ? std::fopen(argv[1], "rb") : nullptr;
    check(file, argc == 2 ? "the texture can not be opened" : "usage: engine TEXTURE.png");
    std::vector<unsigned char> bytes;
    for (int c; (c = std::getc(file)) != EOF;) bytes.push_back(static_cast<unsigned char>(c));
    Arena arena = {std::vector<unsigned char>(32 << 20), 0, 0};
    Queue &queue = *new Queue; /* works until the process ends */
    const gmlp_alloc memory = {&arena, Arena::take, nullptr};
    gmlp_net net;
    int w, h, n;
    call(gmlp_open(bytes.data(), bytes.size(), &memory, &net, nullptr));
    stbi_uc *pixels = stbi_load_from_memory(bytes.data(), static_cast<int>(bytes.size()), &w, &h, &n, 4);
    check(pixels, "the texture can not be read");
    const int rgb = net.base_space == GMLP_SYCC ? GMLP_SRGB : net.base_space; /* Y'CbCr it is not: refused below */
    const gmlp_image base = {pixels, uint32_t(w), uint32_t(h), 0, GMLP_U8, 4, rgb, 0};
    call(gmlp_net_check(&net, &base)); /* an edited texture is not its network's any more */
    std::printf("%d x %d pixels; file and network took %zu bytes of the arena\n", w, h, arena.used);
    for (const Format &format : formats) upload(net, base, format, arena, queue);
    stbi_image_free(pixels);
}
