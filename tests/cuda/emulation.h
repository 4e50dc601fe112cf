/* CUDA on the host, for tests: gamutmlp_cuda.cu includes this file in place of <cuda_runtime.h> when
   GMLP_CUDA_EMULATION is defined. C++17, g++ or clang; compiled with -ffp-contract=off, so that a * b + c rounds twice,
   as __fmul_rn and __fadd_rn do, and with -fno-strict-aliasing, as kernels read words as other types.

   What it models. Every thread of a block is a fiber with its own stack, which runs until it meets a barrier or a
   warp's collective; lanes of a warp are NOT in step between these. Barriers wait for all threads that have not
   returned; threads which meet different ones (another call, another line of the source) are a fault. Shared memory is
   checked byte by byte while emulation::checking is set. Faults are
     - an access outside of the block's shared memory, or at no multiple of the type's alignment;
     - a read of a byte that this block has not written;
     - a race: one thread wrote, another read or wrote the same byte, and no barrier stands between: __syncthreads or
       grid_sync for threads of different warps, also __syncwarp and every collective for lanes of one warp. Atomics
       do not race with atomics. Equal values do not excuse a race.
   A fault prints what happened and aborts, or calls emulation::on_fault if that is set (then a bad access gives zeros,
   a race goes on, and after different barriers the launch is given up with cudaErrorLaunchFailure).
   Device memory is malloc's, so AddressSanitizer guards it; it is filled with 0xff, a NaN in every float type.

   What it does not. Blocks run one after the other, in a cooperative launch in turns between grid_sync: races between
   blocks in device memory, weak memory order and missing fences are not found (emulation::backwards turns the order of
   blocks and threads about, which shows a result that depends on it), and a thread that spins on a flag hangs. Streams
   are executed at once, so a missing cudaStreamWaitEvent is not found. Masks other than all 32 lanes are faults. There
   is no time, no divergence, no limit of registers. rsqrtf is rounded better than the device's; fminf and fmaxf may
   take either zero of +0 and -0. A kernel that reads host memory is not caught. */
#ifndef GMLP_CUDA_EMULATION_H
#define GMLP_CUDA_EMULATION_H

#include <chrono>
#include <cmath>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <math.h>
#include <memory>
#include <mutex>
#include <set>
#include <type_traits>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define EMULATION_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMULATION_ASAN 1
#endif
#endif
#ifdef EMULATION_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
/* No second stack of many megabytes for each of thousands of fibers, which newer compilers' default is. */
extern "C" inline __attribute__((used)) const char *__asan_default_options() {
    return "detect_stack_use_after_return=0";
}
#endif
#if !(defined(__ELF__) && (defined(__x86_64__) || defined(__aarch64__)))
#define EMULATION_UCONTEXT 1
#include <ucontext.h>
#endif

/* The checker itself is not to be checked: it is what takes the time. */
#define EMULATION_UNCHECKED __attribute__((no_sanitize("address", "undefined")))

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)

/* ---- Vector types ---- */

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct uint3 { unsigned x, y, z; };
struct alignas(4) uchar4 { unsigned char x, y, z, w; };
struct alignas(8) int2 { int x, y; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(16) float4 { float x, y, z, w; };
inline uchar4 make_uchar4(unsigned char x, unsigned char y, unsigned char z, unsigned char w) {
    return uchar4{ x, y, z, w };
}
inline int2 make_int2(int x, int y) { return int2{ x, y }; }
inline uint2 make_uint2(unsigned x, unsigned y) { return uint2{ x, y }; }
inline float2 make_float2(float x, float y) { return float2{ x, y }; }
inline int4 make_int4(int x, int y, int z, int w) { return int4{ x, y, z, w }; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return uint4{ x, y, z, w }; }
inline float4 make_float4(float x, float y, float z, float w) { return float4{ x, y, z, w }; }

inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;
constexpr int warpSize = 32;

/* ---- Errors ---- */

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorInsufficientDriver = 35,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorNoKernelImageForDevice = 209,
    cudaErrorUnsupportedPtxVersion = 222,
    cudaErrorInvalidResourceHandle = 400,
    cudaErrorLaunchFailure = 719,
    cudaErrorCooperativeLaunchTooLarge = 720,
    cudaErrorNotSupported = 801,
    cudaErrorSystemDriverMismatch = 803
};

/* The emulation's own names. */
namespace emulation {

inline bool checking = true;                         /* shared memory: bounds, first writes, races */
inline void (*on_fault)(const char *text) = nullptr; /* NULL: print and abort */

inline bool backwards = false;                       /* the last block and the last thread first */

/* What cudaGetDeviceCount and cudaDeviceGetAttribute say. */
inline struct device_facts {
    int count = 1, multiprocessors = 4, shared_optin = 232448, major = 9, minor = 0, cooperative = 1;
} device;

/* The fail_at-th call from now on that can fail (set calls = 0 with it) gives fail_with; 0: none. */
inline long fail_at = 0, calls = 0;
inline cudaError_t fail_with = cudaErrorMemoryAllocation;
inline thread_local cudaError_t last_error = cudaSuccess;

__attribute__((format(printf, 1, 2))) inline void fault(const char *format, ...) {
    char text[640];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (on_fault) {
        on_fault(text);
        return;
    }
    fprintf(stderr, "CUDA emulation: %s\n", text);
    abort();
}

/* ---- Fibers ---- */

struct block;
struct warp;
constexpr int lanes = 32;
constexpr unsigned all_lanes = 0xffffffffu;
#ifdef EMULATION_ASAN
constexpr size_t stack_size = 512 * 1024;
#else
constexpr size_t stack_size = 128 * 1024;
#endif

struct fiber {
#ifdef EMULATION_UCONTEXT
    ucontext_t context;
#else
    void *stack_pointer = nullptr;
#endif
    unsigned char *stack = nullptr; /* lowest address; NULL for the thread that launched */
    size_t size = 0;
    void *fake_stack = nullptr;
    emulation::block *block = nullptr;
    emulation::warp *warp = nullptr;
    uint3 thread = {};
    unsigned number = 0, lane = 0; /* of the block's threads, of the warp's */
    bool fresh = true;             /* its stack has to be set up before it runs */
};

struct warp {
    unsigned present = 0;  /* lanes that have not returned */
    unsigned runnable = 0; /* lanes that may go on, without the one that runs */
    unsigned waiting = 0;  /* lanes that wait for the others of the warp, and where */
    unsigned at_block = 0; /* lanes that wait for the block or the grid */
    const char *call = nullptr;
    int line = 0;
    int last_line = 0;     /* of the barrier last passed */
    uint32_t time = 0;     /* when it was passed, by the block's clock */
    bool hands_over = false; /* what the lanes wait for hands over values */
    /* What such meetings hand over, in turns: while a lane still reads of the last two, another one may be on its way
       to the next. */
    int turn = 0;
    unsigned met[3] = {}, votes[3] = {};
    alignas(16) unsigned char values[3][lanes * 128];
};

/* Who last wrote and read a byte, or the four bytes of a word; times by the block's clock. */
struct cell {
    uint32_t written, read;
    uint16_t writer, reader; /* thread | several_* | atomic */
};
constexpr uint16_t thread_bits = 0x3ff, several_lanes = 0x400, several_warps = 0x800, atomic_only = 0x1000;
constexpr uint16_t plain_before = 0x2000; /* atomic_only since the warp's barrier, but not since the block's */

struct block {
    std::vector<std::unique_ptr<fiber>> fibers; /* kept for later launches, as many as were ever needed */
    std::vector<std::unique_ptr<emulation::warp>> warps;
    uint3 index = {};
    unsigned threads = 0, alive = 0, waiting = 0; /* waiting: at the barrier of block or grid */
    uint32_t ready = 0;                           /* warps with runnable lanes */
    bool for_grid = false;
    const char *call = nullptr;
    int line = 0;      /* of the barrier that is waited for */
    int last_line = 0; /* of the barrier last passed; 0: none yet */
    /* Shared memory. A byte was written by this block if cell.written >= begin, since the last barrier of the block
       if >= start. */
    unsigned char *memory = nullptr;
    size_t size = 0;
    uint32_t clock = 0, begin = 0, start = 0;
    size_t words = 0;               /* that there are cells for */
    cell *cells[4] = {};            /* cells[0][i]: word i, or its first byte if split[i] */
    unsigned char *split = nullptr; /* the bytes of a word have cells of their own */
    ~block() {
        free(memory);
        forget_cells();
    }
    void forget_cells() {
        for (cell *&c : cells) free(c), c = nullptr;
        free(split);
        split = nullptr;
        words = 0;
    }
};

inline fiber launcher; /* the thread that launched */
inline fiber *current = &launcher, *target = nullptr;
inline std::vector<std::unique_ptr<block>> blocks; /* kept likewise */
inline size_t live_blocks = 0, alive_in_grid = 0, waiting_in_grid = 0;
inline bool checks = false, cooperative_launch = false, given_up = false;
inline void (*run_kernel)(const void *) = nullptr;
inline const void *kernel_call = nullptr;
inline int grid_line = 0; /* of the grid's barrier that is waited for */
inline std::mutex launching;

#ifndef EMULATION_UCONTEXT
/* Saves the registers that a call keeps on the stack, and the stack pointer in *save; goes on where "to" was saved.
   ucontext's switch does the same with two system calls. */
extern "C" void emulation_switch(void **save, void *to);
#ifdef __x86_64__
asm(".text\n.weak emulation_switch\n.type emulation_switch, @function\nemulation_switch:\n"
    "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
    "movq %rsp, (%rdi)\nmovq %rsi, %rsp\n"
    "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\n"
    "popq %rcx\njmp *%rcx\n" /* not ret: where the last call came from is no guide to where this one goes */
    ".size emulation_switch, .-emulation_switch\n");
constexpr size_t return_word = 6, frame_words = 8;
#else
asm(".text\n.weak emulation_switch\n.type emulation_switch, %function\nemulation_switch:\n"
    "sub sp, sp, #160\n"
    "stp x19, x20, [sp]\nstp x21, x22, [sp, #16]\nstp x23, x24, [sp, #32]\nstp x25, x26, [sp, #48]\n"
    "stp x27, x28, [sp, #64]\nstp x29, x30, [sp, #80]\n"
    "stp d8, d9, [sp, #96]\nstp d10, d11, [sp, #112]\nstp d12, d13, [sp, #128]\nstp d14, d15, [sp, #144]\n"
    "mov x9, sp\nstr x9, [x0]\nmov sp, x1\n"
    "ldp x19, x20, [sp]\nldp x21, x22, [sp, #16]\nldp x23, x24, [sp, #32]\nldp x25, x26, [sp, #48]\n"
    "ldp x27, x28, [sp, #64]\nldp x29, x30, [sp, #80]\n"
    "ldp d8, d9, [sp, #96]\nldp d10, d11, [sp, #112]\nldp d12, d13, [sp, #128]\nldp d14, d15, [sp, #144]\n"
    "add sp, sp, #160\nret\n"
    ".size emulation_switch, .-emulation_switch\n");
constexpr size_t return_word = 11, frame_words = 20;
#endif
#endif

/* After every switch: the fiber's own coordinates, and AddressSanitizer's view of its stack. */
inline void arrived() {
    fiber *self = target;
#ifdef EMULATION_ASAN
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &size);
    if (current == &launcher) { /* its bounds are only told by leaving it */
        launcher.stack = static_cast<unsigned char *>(const_cast<void *>(bottom));
        launcher.size = size;
    }
#endif
    current = self;
    threadIdx = self->thread;
    if (self->block) blockIdx = self->block->index;
}

void first_run();
inline void prepare(fiber *f) {
#ifdef EMULATION_ASAN
    __asan_unpoison_memory_region(f->stack, f->size);
    f->fake_stack = nullptr;
#endif
    f->fresh = false;
    /* Stacks lie whole pages apart: with the same start they would all meet in the same lines of the cache. */
    const size_t colour = (f->number * 576u) % 16384u;
#ifdef EMULATION_UCONTEXT
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = f->size - colour;
    f->context.uc_link = nullptr;
    makecontext(&f->context, first_run, 0);
#else
    void **frame = reinterpret_cast<void **>(f->stack + f->size - colour) - frame_words;
    memset(frame, 0, frame_words * sizeof *frame);
    frame[return_word] = reinterpret_cast<void *>(first_run);
    f->stack_pointer = frame;
#endif
}

inline void switch_to(fiber *to) {
    if (to->fresh && to != &launcher) prepare(to);
    target = to;
#ifdef EMULATION_ASAN
    __sanitizer_start_switch_fiber(&current->fake_stack, to->stack, to->size);
#endif
#ifdef EMULATION_UCONTEXT
    swapcontext(&current->context, &to->context);
#else
    emulation_switch(&current->stack_pointer, to->stack_pointer);
#endif
    arrived();
}

/* ---- Scheduling and barriers ---- */

inline unsigned one_of(unsigned set) {
    return static_cast<unsigned>(backwards ? 31 - __builtin_clz(set) : __builtin_ctz(set));
}

inline fiber *take(block &b, unsigned w) {
    warp &its = *b.warps[w];
    const unsigned lane = one_of(its.runnable);
    its.runnable &= ~(1u << lane);
    if (!its.runnable) b.ready &= ~(1u << w);
    return b.fibers[w * lanes + lane].get();
}

inline void give_up() {
    given_up = true;
    switch_to(&launcher);
}

/* Runs another thread; comes back when this one may go on. */
inline void yield() {
    block &b = *current->block;
    if (current->warp->runnable) return switch_to(take(b, current->number / lanes)); /* the usual case */
    if (b.ready) return switch_to(take(b, one_of(b.ready)));
    if (!alive_in_grid) return switch_to(&launcher);
    for (size_t i = 0; i < live_blocks; i++) {
        block &other = *blocks[i];
        if (other.ready) return switch_to(take(other, one_of(other.ready)));
    }
    fault("no thread of the grid can go on"); /* different() should have told why */
    give_up();
}

inline void release_warp(block &b, warp &w, unsigned number) {
    if (w.hands_over) {
        w.met[w.turn] = w.waiting;
        w.turn = w.turn == 2 ? 0 : w.turn + 1;
        w.votes[w.turn] = 0;
    }
    w.runnable |= w.waiting;
    w.waiting = 0;
    w.last_line = w.line;
    w.time = ++b.clock;
    b.ready |= 1u << number;
}

inline void release_block(block &b) {
    b.waiting = 0;
    b.last_line = b.line;
    b.start = ++b.clock;
    for (unsigned i = 0; i < b.threads / lanes; i++) {
        warp &w = *b.warps[i];
        w.runnable |= w.at_block;
        w.at_block = 0;
        w.time = b.start;
        w.last_line = b.line;
        if (w.runnable) b.ready |= 1u << i;
    }
}

inline void release_grid() {
    waiting_in_grid = 0;
    for (size_t i = 0; i < live_blocks; i++)
        if (blocks[i]->waiting) release_block(*blocks[i]);
}

/* The thread that completed a meeting goes on at once. */
inline void go_on() {
    warp &w = *current->warp;
    w.runnable &= ~(1u << current->lane);
    if (!w.runnable) current->block->ready &= ~(1u << current->number / lanes);
}

inline void different(const char *call, int line, const char *whose, const char *other_call, int other_line) {
    fault("different barriers: block (%u,%u,%u) thread %u is in %s (line %d) while others of its %s wait in %s (line "
          "%d)", blockIdx.x, blockIdx.y, blockIdx.z, current->number, call, line, whose, other_call, other_line);
    give_up();
}

/* All lanes of the warp meet. */
inline void meet_warp(const char *call, int line, bool hands_over) {
    warp &w = *current->warp;
    block &b = *current->block;
    if (w.at_block) different(call, line, "warp", b.call, b.line);
    if (w.waiting && (w.line != line || (w.call != call && strcmp(w.call, call) != 0)))
        different(call, line, "warp", w.call, w.line);
    w.call = call;
    w.line = line;
    w.hands_over = hands_over;
    w.waiting |= 1u << current->lane;
    if (w.waiting != w.present) return yield();
    release_warp(b, w, current->number / lanes);
    go_on();
}

/* All threads of the block, or of the grid, meet. */
inline void meet_block(const char *call, int line, bool grid) {
    warp &w = *current->warp;
    block &b = *current->block;
    if (w.waiting) different(call, line, "warp", w.call, w.line);
    if (b.waiting && (b.line != line || b.for_grid != grid)) different(call, line, "block", b.call, b.line);
    if (grid && waiting_in_grid && grid_line != line) different(call, line, "grid", call, grid_line);
    b.call = call;
    b.line = line;
    b.for_grid = grid;
    if (grid) grid_line = line;
    b.waiting++;
    w.at_block |= 1u << current->lane;
    if (grid ? ++waiting_in_grid != alive_in_grid : b.waiting != b.alive) return yield();
    if (grid) release_grid();
    else release_block(b);
    go_on();
}

/* A thread has returned: the others no longer wait for it. */
inline void returned() {
    warp &w = *current->warp;
    block &b = *current->block;
    w.present &= ~(1u << current->lane);
    b.alive--;
    alive_in_grid--;
    if (w.waiting && w.waiting == w.present) release_warp(b, w, current->number / lanes);
    if (b.waiting && !b.for_grid && b.waiting == b.alive) release_block(b);
    if (waiting_in_grid && waiting_in_grid == alive_in_grid) release_grid();
    yield();
}

inline void first_run() {
    arrived();
    for (;;) { /* a fiber stays in here between launches */
        run_kernel(kernel_call);
        returned();
    }
}

inline void set_up(block &b, uint3 index, dim3 size, size_t shared_bytes) {
    b.index = index;
    b.threads = b.alive = size.x * size.y * size.z;
    b.waiting = 0;
    b.call = nullptr;
    b.line = b.last_line = 0;
    if (b.size != shared_bytes || !b.memory) {
        free(b.memory);
        void *memory = nullptr;
        if (posix_memalign(&memory, 1024, shared_bytes ? shared_bytes : 1) != 0) abort();
        b.memory = static_cast<unsigned char *>(memory);
        b.size = shared_bytes;
    }
    memset(b.memory, 0xff, shared_bytes);
    const size_t words = (shared_bytes + 3) / 4;
    if (b.clock >= 1u << 31) {
        b.forget_cells();
        b.clock = 0;
    }
    if (checks && b.words < words) {
        b.forget_cells();
        b.words = words;
        b.split = static_cast<unsigned char *>(calloc(words, 1));
        for (cell *&c : b.cells) c = static_cast<cell *>(calloc(words, sizeof *c));
    }
    b.begin = b.start = ++b.clock;

    while (b.fibers.size() < b.threads) {
        auto f = std::make_unique<fiber>();
        const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
        const int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        void *memory = mmap(nullptr, stack_size + page, PROT_READ | PROT_WRITE, kind, -1, 0);
        if (memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) != 0) {
            fprintf(stderr, "CUDA emulation: no stack for one more thread: take fewer multiprocessors\n");
            abort();
        }
        f->stack = static_cast<unsigned char *>(memory) + page;
        f->size = stack_size;
        f->block = &b;
        f->number = static_cast<unsigned>(b.fibers.size());
        f->lane = f->number % lanes;
        if (f->lane == 0) b.warps.push_back(std::make_unique<warp>());
        f->warp = b.warps.back().get();
        b.fibers.push_back(std::move(f));
    }
    for (unsigned i = 0; i < b.threads; i++)
        b.fibers[i]->thread = uint3{ i % size.x, i / size.x % size.y, i / size.x / size.y };
    for (unsigned i = 0; i < b.threads / lanes; i++) {
        warp &w = *b.warps[i];
        w.present = w.runnable = all_lanes;
        w.waiting = w.at_block = w.votes[0] = 0;
        w.last_line = w.turn = 0;
        w.time = b.start;
    }
    b.ready = all_lanes >> (lanes - b.threads / lanes);
}

/* Every block of the grid, one after the other or all alive at once. */
inline cudaError_t run_grid(dim3 grid, dim3 size, size_t shared_bytes) {
    const size_t count = static_cast<size_t>(grid.x) * grid.y * grid.z, together = cooperative_launch ? count : 1;
    const auto index = [&](size_t i) {
        if (backwards) i = count - 1 - i;
        return uint3{ static_cast<unsigned>(i % grid.x), static_cast<unsigned>(i / grid.x % grid.y),
                      static_cast<unsigned>(i / grid.x / grid.y) };
    };
    while (blocks.size() < together) blocks.push_back(std::make_unique<block>());
    gridDim = grid;
    blockDim = size;
    live_blocks = together;
    given_up = false;
    for (size_t first = 0; first < count && !given_up; first += together) {
        for (size_t i = 0; i < together; i++) set_up(*blocks[i], index(first + i), size, shared_bytes);
        alive_in_grid = together * size.x * size.y * size.z;
        waiting_in_grid = 0;
        switch_to(take(*blocks[0], one_of(blocks[0]->ready)));
    }
    for (size_t i = 0; i < together && given_up; i++)
        for (auto &f : blocks[i]->fibers) f->fresh = true;
    return given_up ? cudaErrorLaunchFailure : cudaSuccess;
}

inline unsigned lane() { return current->lane; }
inline void grid_sync(int line = __builtin_LINE()) {
    if (!cooperative_launch) fault("emulation::grid_sync (line %d) in a launch that is not cooperative", line);
    meet_block("emulation::grid_sync", line, true);
}

/* ---- Shared memory ---- */

enum class access { read, write, atomic };

inline const char *access_name(access a) {
    return a == access::read ? "reads" : a == access::write ? "writes" : "changes by an atomic";
}

/* Of those who stand in a cell: are there others than this thread, of its warp or of another one, without a barrier
   between? */
EMULATION_UNCHECKED inline bool of_other_warps(uint16_t who) {
    return (who & several_warps) || (who & thread_bits) / lanes != current->number / lanes;
}
EMULATION_UNCHECKED inline bool of_other_lanes(uint16_t who, uint32_t when) {
    return when == current->warp->time && ((who & several_lanes) || (who & thread_bits) != current->number);
}
EMULATION_UNCHECKED inline bool unordered(uint16_t who, uint32_t when) {
    return of_other_warps(who) || of_other_lanes(who, when);
}

/* Those who stand in a cell since the block's barrier, and this thread. */
EMULATION_UNCHECKED inline uint16_t joined(uint16_t who, uint32_t when) {
    return static_cast<uint16_t>(current->number | (of_other_warps(who) ? several_warps :
                                                    of_other_lanes(who, when) ? several_lanes : 0));
}

inline void race(const block &b, size_t byte, access a, uint16_t who, const char *did) {
    const int line = of_other_warps(who) ? b.last_line : current->warp->last_line;
    char since[64] = "since the block began";
    if (line) snprintf(since, sizeof since, "since the barrier of line %d", line);
    fault("race: block (%u,%u,%u) thread %u %s byte %zu of shared memory, which thread %d%s %s %s", b.index.x,
          b.index.y, b.index.z, current->number, access_name(a), byte, who & thread_bits,
          who & (several_warps | several_lanes) ? " and others" : "", did, since);
}

/* told: of one access one fault is enough. */
EMULATION_UNCHECKED inline void visit(block &b, cell &c, access a, size_t byte, bool &told) {
    const bool written = c.written >= b.start, read = c.read >= b.start;
    const bool atomics = a == access::atomic && (c.writer & atomic_only);
    if (!told) {
        told = true;
        if (a != access::write && c.written < b.begin)
            fault("block (%u,%u,%u) thread %u %s byte %zu of shared memory, which nobody has written", b.index.x,
                  b.index.y, b.index.z, current->number, access_name(a), byte);
        else if (written && (atomics ? (c.writer & plain_before) && of_other_warps(c.writer) :
                                       unordered(c.writer, c.written)))
            race(b, byte, a, c.writer, c.writer & atomic_only && !atomics ? "changed by an atomic" : "wrote");
        else if (a != access::read && read && unordered(c.reader, c.read))
            race(b, byte, a, c.reader, "read");
        else
            told = false;
    }

    const uint16_t me = static_cast<uint16_t>(current->number);
    const uint32_t now = current->warp->time;
    if (a == access::read) {
        c.reader = read ? joined(c.reader, c.read) : me;
        c.read = now;
    } else if (a == access::write) {
        c.writer = me;
        c.written = now;
    } else {
        uint16_t who = me | atomic_only;
        if (written) {
            who = joined(c.writer, c.written);
            if (!(c.writer & atomic_only)) who |= c.written == now ? 0 : atomic_only | plain_before;
            else who |= c.writer & (atomic_only | plain_before);
        }
        c.writer = who;
        c.written = now;
    }
}

/* May the current thread do this? Otherwise the fault has been told. */
EMULATION_UNCHECKED inline bool allowed(block &b, const void *address, size_t size, size_t alignment, access a) {
    const size_t at = reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(b.memory);
    if (at >= b.size || size > b.size - at || at % alignment) {
        fault("block (%u,%u,%u) thread %u %s %zu bytes %s of shared memory, at byte %td of %zu", b.index.x, b.index.y,
              b.index.z, current->number, access_name(a), size, at >= b.size || size > b.size - at ? "outside" :
              "at no multiple of the type's alignment", static_cast<ptrdiff_t>(at), b.size);
        return false;
    }
    if (current->block != &b) {
        fault("block (%u,%u,%u) thread %u %s another block's shared memory", blockIdx.x, blockIdx.y, blockIdx.z,
              current->number, access_name(a));
        return false;
    }
    bool told = false;
    for (size_t byte = at; byte < at + size;) {
        const size_t word = byte / 4;
        const bool whole = byte % 4 == 0 && at + size - byte >= 4;
        if (whole && !b.split[word]) {
            visit(b, b.cells[0][word], a, byte, told);
            byte += 4;
            continue;
        }
        if (!b.split[word]) {
            for (int i = 1; i < 4; i++) b.cells[i][word] = b.cells[0][word];
            b.split[word] = 1;
        }
        do visit(b, b.cells[byte % 4][word], a, byte, told);
        while (++byte % 4 && byte < at + size);
        /* All four tell of the same write again; who would race with earlier readers races with it, too. */
        if (whole && a == access::write) b.split[word] = 0;
    }
    return true;
}

template <class T> class shared;

template <class T> bool permitted(block *owner, T *address, access a) {
    return !owner || !checks || allowed(*owner, address, sizeof(T), alignof(T), a);
}

/* What p[i] is: an element to be read or written. Take its value into a variable of type T, not auto. */
template <class T> class element {
    using value = std::remove_const_t<T>;
    T *address;
    block *owner;
    template <class> friend class shared;
    element(T *a, block *o) : address(a), owner(o) {}
    value got() const { return *this; }

  public:
    element(const element &) = default;
    operator value() const {
        value v{};
        if (permitted(owner, address, access::read)) memcpy(&v, address, sizeof v);
        return v;
    }
    const element &operator=(const value &v) const {
        static_assert(!std::is_const<T>::value, "a write through a pointer to const");
        if (permitted(owner, address, access::write)) memcpy(address, &v, sizeof v);
        return *this;
    }
    const element &operator=(const element &other) const { return *this = static_cast<value>(other); }
    const element &operator+=(const value &v) const { return *this = static_cast<value>(got() + v); }
    const element &operator-=(const value &v) const { return *this = static_cast<value>(got() - v); }
    const element &operator*=(const value &v) const { return *this = static_cast<value>(got() * v); }
    shared<T> operator&() const { return shared<T>(address, owner); }
};

/* A checked pointer into the block's shared memory, or, made from a T *, an unchecked one. */
template <class T> class shared {
    T *address = nullptr;
    block *owner = nullptr;
    template <class> friend class shared;
    template <class> friend class element;
    template <class U, class V> friend shared<U> cast(shared<V> p);
    template <class V, class F> friend V atomic(shared<V> p, F change);
    friend shared<unsigned char> shared_memory();
    shared(T *a, block *o) : address(a), owner(o) {}

  public:
    shared() = default;
    shared(T *ordinary) : address(ordinary) {}
    template <class U, class = std::enable_if_t<std::is_same<const U, T>::value>>
    shared(shared<U> p) : address(p.address), owner(p.owner) {}
    element<T> operator[](ptrdiff_t i) const { return element<T>(address + i, owner); }
    element<T> operator*() const { return element<T>(address, owner); }
    shared operator+(ptrdiff_t n) const { return shared(address + n, owner); }
    shared operator-(ptrdiff_t n) const { return shared(address - n, owner); }
    ptrdiff_t operator-(shared p) const { return address - p.address; }
    shared &operator+=(ptrdiff_t n) { return address += n, *this; }
    shared &operator-=(ptrdiff_t n) { return address -= n, *this; }
    shared &operator++() { return ++address, *this; }
    bool operator==(shared p) const { return address == p.address; }
    bool operator!=(shared p) const { return address != p.address; }
    bool operator<(shared p) const { return address < p.address; }
    bool operator<=(shared p) const { return address <= p.address; }
    bool operator>(shared p) const { return address > p.address; }
    bool operator>=(shared p) const { return address >= p.address; }
};

/* The same address as a pointer to U. */
template <class U, class V> shared<U> cast(shared<V> p) { return shared<U>(reinterpret_cast<U *>(p.address), p.owner); }
template <class U, class V> U *cast(V *p) { return reinterpret_cast<U *>(p); }

/* The block's dynamic shared memory. */
inline shared<unsigned char> shared_memory() {
    return shared<unsigned char>(current->block->memory, current->block);
}

template <class V, class F> V atomic(shared<V> p, F change) {
    V old{};
    if (!permitted(p.owner, p.address, access::atomic)) return old;
    memcpy(&old, p.address, sizeof old);
    const V now = change(old);
    memcpy(p.address, &now, sizeof now);
    return old;
}

/* ---- Collectives ---- */

/* Every lane hands over a value of at most 128 bytes, and gets those of all, which stay until its next collective but
   one. met: the lanes that did. */
template <class T> struct handed {
    const T *values;
    unsigned met;
};
template <class T> handed<T> hand_over(const T &mine, const char *call, int line) {
    static_assert(sizeof(T) <= 128, "a warp's collective takes 128 bytes of a lane");
    warp &w = *current->warp;
    const int turn = w.turn;
    memcpy(w.values[turn] + current->lane * sizeof(T), &mine, sizeof(T));
    meet_warp(call, line, true);
    return handed<T>{ reinterpret_cast<const T *>(w.values[turn]), w.met[turn] };
}

inline void full_mask(unsigned mask, const char *call, int line) {
    if (mask != all_lanes) fault("%s (line %d) with the mask 0x%08x, not of all lanes", call, line, mask);
}

template <class T, int N> const T (*warp_all(const T (&mine)[N], int line = __builtin_LINE()))[N] {
    struct row { T of[N]; } own;
    memcpy(own.of, mine, sizeof mine);
    const auto all = hand_over(own, "emulation::warp_all", line);
    if (all.met != all_lanes) fault("emulation::warp_all (line %d) after lanes have returned", line);
    return reinterpret_cast<const T (*)[N]>(all.values);
}

/* from: the lane to take the value of. */
template <class T> T shuffle(unsigned mask, T value, unsigned from, const char *call, int line) {
    full_mask(mask, call, line);
    const auto all = hand_over(value, call, line);
    if (!(all.met >> from & 1))
        fault("%s (line %d): block (%u,%u,%u) thread %u reads lane %u, which has returned", call, line, blockIdx.x,
              blockIdx.y, blockIdx.z, current->number, from);
    return all.values[from];
}

inline unsigned ballot(unsigned mask, bool yes, const char *call, int line) {
    full_mask(mask, call, line);
    warp &w = *current->warp;
    unsigned &votes = w.votes[w.turn];
    if (yes) votes |= 1u << current->lane;
    meet_warp(call, line, true);
    return votes;
}

/* ---- Launches and memory ---- */

struct allocation {
    size_t size;
    bool on_device;
    int device;
};
struct tables {
    std::map<uintptr_t, allocation> memory; /* by address */
    std::set<void *> streams, events;
    std::map<const void *, size_t> dynamic_limits; /* of kernels: bytes of shared memory */
    std::mutex lock;
};
inline tables table;
inline thread_local int current_device = 0;

/* Allocations, streams and events that have not been given back. */
inline size_t outstanding() {
    std::lock_guard<std::mutex> hold(table.lock);
    return table.memory.size() + table.streams.size() + table.events.size();
}

inline cudaError_t failed(cudaError_t error) {
    if (error != cudaSuccess) last_error = error;
    return error;
}

/* The beginning of every call that can fail: is it this one's turn? */
inline cudaError_t turn() {
    std::lock_guard<std::mutex> hold(table.lock);
    if (++calls == fail_at) return failed(fail_with);
    return device.count < 1 ? failed(cudaErrorNoDevice) : cudaSuccess;
}
#define EMULATION_TURN() \
    if (const cudaError_t unlucky = emulation::turn()) return unlucky

template <class T> struct kernel_call_of {
    void (*kernel)(T);
    const T *argument;
};
template <class T> void run(const void *call) {
    const auto *c = static_cast<const kernel_call_of<T> *>(call);
    c->kernel(*c->argument);
}

constexpr size_t shared_default = 48 * 1024;

/* kernel<<<grid, block, shared_bytes>>>(argument), or cudaLaunchCooperativeKernel; returns when it has run. */
template <class T> cudaError_t launch(void (*kernel)(T), dim3 grid, dim3 block, size_t shared_bytes, const T &argument,
                                      bool cooperative = false) {
    EMULATION_TURN();
    const size_t threads = static_cast<size_t>(block.x) * block.y * block.z;
    if (!threads || threads > 1024 || !grid.x || !grid.y || !grid.z || grid.y > 65535 || grid.z > 65535 ||
        grid.x > 0x7fffffffu)
        return failed(cudaErrorInvalidConfiguration);
    if (threads % lanes) {
        fault("a launch of blocks of %zu threads, no multiple of 32", threads);
        return failed(cudaErrorInvalidConfiguration);
    }
    std::lock_guard<std::mutex> hold(launching);
    {
        std::lock_guard<std::mutex> hold_table(table.lock);
        const auto limit = table.dynamic_limits.find(reinterpret_cast<const void *>(kernel));
        if (shared_bytes > (limit == table.dynamic_limits.end() ? shared_default : limit->second))
            return failed(cudaErrorInvalidValue);
    }
    if (cooperative && !device.cooperative) return failed(cudaErrorNotSupported);
    if (cooperative && static_cast<size_t>(grid.x) * grid.y * grid.z > static_cast<size_t>(device.multiprocessors))
        return failed(cudaErrorCooperativeLaunchTooLarge);
    const kernel_call_of<T> call = { kernel, &argument };
    run_kernel = run<T>;
    kernel_call = &call;
    checks = checking;
    cooperative_launch = cooperative;
    return failed(run_grid(grid, block, shared_bytes));
}

/* The allocation that an address lies in, or none. */
inline const allocation *find(const void *pointer, size_t *left) {
    const uintptr_t at = reinterpret_cast<uintptr_t>(pointer);
    auto next = table.memory.upper_bound(at);
    if (next == table.memory.begin()) return nullptr;
    --next;
    if (at - next->first >= next->second.size) return nullptr;
    *left = next->second.size - (at - next->first);
    return &next->second;
}

/* May "size" bytes from the pointer be one side of a copy? */
inline bool fits(const void *pointer, size_t size, bool must_be_device, bool must_be_host) {
    std::lock_guard<std::mutex> hold(table.lock);
    size_t left = 0;
    const allocation *a = find(pointer, &left);
    if (a ? left < size : must_be_device) return false;
    return pointer && !(a && a->on_device && must_be_host) && !(a && !a->on_device && must_be_device);
}

inline cudaError_t allocate(void **pointer, size_t size, bool on_device) {
    EMULATION_TURN();
    *pointer = nullptr;
    if (!size) return cudaSuccess;
    if (posix_memalign(pointer, 256, size) != 0) return failed(cudaErrorMemoryAllocation);
    memset(*pointer, 0xff, size);
    std::lock_guard<std::mutex> hold(table.lock);
    table.memory[reinterpret_cast<uintptr_t>(*pointer)] = allocation{ size, on_device, current_device };
    return cudaSuccess;
}

inline cudaError_t release(void *pointer, bool on_device) {
    if (!pointer) return cudaSuccess;
    std::lock_guard<std::mutex> hold(table.lock);
    const auto found = table.memory.find(reinterpret_cast<uintptr_t>(pointer));
    if (found == table.memory.end() || found->second.on_device != on_device) {
        fault("%s of %p, which is not allocated so", on_device ? "cudaFree" : "cudaFreeHost", pointer);
        return failed(cudaErrorInvalidValue);
    }
    table.memory.erase(found);
    free(pointer);
    return cudaSuccess;
}

} /* namespace emulation */
#undef EMULATION_UNCHECKED

/* ---- The runtime's interface ---- */

inline const char *cudaGetErrorName(cudaError_t error) {
    switch (error) {
        case cudaSuccess: return "cudaSuccess";
        case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
        case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
        case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
        case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
        case cudaErrorNoDevice: return "cudaErrorNoDevice";
        case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
        case cudaErrorNoKernelImageForDevice: return "cudaErrorNoKernelImageForDevice";
        case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
        case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
        case cudaErrorCooperativeLaunchTooLarge: return "cudaErrorCooperativeLaunchTooLarge";
        case cudaErrorNotSupported: return "cudaErrorNotSupported";
        case cudaErrorUnsupportedPtxVersion: return "cudaErrorUnsupportedPtxVersion";
        case cudaErrorSystemDriverMismatch: return "cudaErrorSystemDriverMismatch";
    }
    return "unrecognized error code";
}
inline const char *cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess: return "no error";
        case cudaErrorInvalidValue: return "invalid argument";
        case cudaErrorMemoryAllocation: return "out of memory";
        case cudaErrorInvalidConfiguration: return "invalid configuration argument";
        case cudaErrorInsufficientDriver: return "CUDA driver version is insufficient for CUDA runtime version";
        case cudaErrorNoDevice: return "no CUDA-capable device is detected";
        case cudaErrorInvalidDevice: return "invalid device ordinal";
        case cudaErrorNoKernelImageForDevice: return "no kernel image is available for execution on the device";
        case cudaErrorInvalidResourceHandle: return "invalid resource handle";
        case cudaErrorLaunchFailure: return "unspecified launch failure";
        case cudaErrorCooperativeLaunchTooLarge: return "too many blocks in cooperative launch";
        case cudaErrorNotSupported: return "operation not supported";
        case cudaErrorUnsupportedPtxVersion: return "the provided PTX was compiled with an unsupported toolchain.";
        case cudaErrorSystemDriverMismatch: return "system has unsupported display driver / cuda driver combination";
    }
    return "unrecognized error code";
}
inline cudaError_t cudaGetLastError() {
    const cudaError_t error = emulation::last_error;
    emulation::last_error = cudaSuccess;
    return error;
}

inline cudaError_t cudaGetDeviceCount(int *count) {
    *count = 0;
    EMULATION_TURN();
    *count = emulation::device.count;
    return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int device) {
    EMULATION_TURN();
    if (device < 0 || device >= emulation::device.count) return emulation::failed(cudaErrorInvalidDevice);
    emulation::current_device = device;
    return cudaSuccess;
}
inline cudaError_t cudaGetDevice(int *device) {
    EMULATION_TURN();
    *device = emulation::current_device;
    return cudaSuccess;
}
enum cudaDeviceAttr {
    cudaDevAttrMultiProcessorCount = 16,
    cudaDevAttrComputeCapabilityMajor = 75,
    cudaDevAttrComputeCapabilityMinor = 76,
    cudaDevAttrCooperativeLaunch = 95,
    cudaDevAttrMaxSharedMemoryPerBlockOptin = 97
};
inline cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device) {
    EMULATION_TURN();
    if (device < 0 || device >= emulation::device.count) return emulation::failed(cudaErrorInvalidDevice);
    switch (attribute) {
        case cudaDevAttrMultiProcessorCount: *value = emulation::device.multiprocessors; return cudaSuccess;
        case cudaDevAttrComputeCapabilityMajor: *value = emulation::device.major; return cudaSuccess;
        case cudaDevAttrComputeCapabilityMinor: *value = emulation::device.minor; return cudaSuccess;
        case cudaDevAttrCooperativeLaunch: *value = emulation::device.cooperative; return cudaSuccess;
        case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = emulation::device.shared_optin; return cudaSuccess;
    }
    return emulation::failed(cudaErrorInvalidValue);
}

inline cudaError_t cudaMalloc(void **pointer, size_t size) { return emulation::allocate(pointer, size, true); }
inline cudaError_t cudaMallocHost(void **pointer, size_t size) { return emulation::allocate(pointer, size, false); }
template <class T> cudaError_t cudaMalloc(T **pointer, size_t size) {
    void *memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, size);
    if (!error) *pointer = static_cast<T *>(memory);
    return error;
}
template <class T> cudaError_t cudaMallocHost(T **pointer, size_t size) {
    void *memory = nullptr;
    const cudaError_t error = cudaMallocHost(&memory, size);
    if (!error) *pointer = static_cast<T *>(memory);
    return error;
}
inline cudaError_t cudaFree(void *pointer) { return emulation::release(pointer, true); }
inline cudaError_t cudaFreeHost(void *pointer) { return emulation::release(pointer, false); }

enum cudaMemoryType {
    cudaMemoryTypeUnregistered = 0,
    cudaMemoryTypeHost = 1,
    cudaMemoryTypeDevice = 2,
    cudaMemoryTypeManaged = 3
};
struct cudaPointerAttributes {
    cudaMemoryType type;
    int device;
    void *devicePointer, *hostPointer;
};
inline cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *pointer) {
    EMULATION_TURN();
    std::lock_guard<std::mutex> hold(emulation::table.lock);
    size_t left = 0;
    const emulation::allocation *a = emulation::find(pointer, &left);
    void *same = const_cast<void *>(pointer);
    if (!a) *attributes = cudaPointerAttributes{ cudaMemoryTypeUnregistered, -2, nullptr, same };
    else if (a->on_device) *attributes = cudaPointerAttributes{ cudaMemoryTypeDevice, a->device, same, nullptr };
    else *attributes = cudaPointerAttributes{ cudaMemoryTypeHost, a->device, same, same };
    return cudaSuccess;
}

/* Streams and events: everything happens at once. */
struct CUstream_st { int device; };
struct CUevent_st {
    bool recorded;
    std::chrono::steady_clock::time_point when;
};
using cudaStream_t = CUstream_st *;
using cudaEvent_t = CUevent_st *;
constexpr unsigned cudaStreamDefault = 0, cudaStreamNonBlocking = 1;
constexpr unsigned cudaEventDefault = 0, cudaEventBlockingSync = 1, cudaEventDisableTiming = 2;

namespace emulation {
inline bool known(cudaStream_t stream) {
    std::lock_guard<std::mutex> hold(table.lock);
    return !stream || table.streams.count(stream);
}
inline bool known(cudaEvent_t event) {
    std::lock_guard<std::mutex> hold(table.lock);
    return table.events.count(event) != 0;
}
} /* namespace emulation */

inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
    EMULATION_TURN();
    if (flags > cudaStreamNonBlocking) return emulation::failed(cudaErrorInvalidValue);
    *stream = new CUstream_st{ emulation::current_device };
    std::lock_guard<std::mutex> hold(emulation::table.lock);
    emulation::table.streams.insert(*stream);
    return cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    std::lock_guard<std::mutex> hold(emulation::table.lock);
    if (!emulation::table.streams.erase(stream)) return emulation::failed(cudaErrorInvalidResourceHandle);
    delete stream;
    return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    EMULATION_TURN();
    return emulation::known(stream) ? cudaSuccess : emulation::failed(cudaErrorInvalidResourceHandle);
}
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
    EMULATION_TURN();
    if (flags > (cudaEventBlockingSync | cudaEventDisableTiming)) return emulation::failed(cudaErrorInvalidValue);
    *event = new CUevent_st{ false, {} };
    std::lock_guard<std::mutex> hold(emulation::table.lock);
    emulation::table.events.insert(*event);
    return cudaSuccess;
}
inline cudaError_t cudaEventCreate(cudaEvent_t *event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
    std::lock_guard<std::mutex> hold(emulation::table.lock);
    if (!emulation::table.events.erase(event)) return emulation::failed(cudaErrorInvalidResourceHandle);
    delete event;
    return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = nullptr) {
    EMULATION_TURN();
    if (!emulation::known(event) || !emulation::known(stream)) return emulation::failed(cudaErrorInvalidResourceHandle);
    event->recorded = true;
    event->when = std::chrono::steady_clock::now();
    return cudaSuccess;
}
inline cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    EMULATION_TURN();
    return emulation::known(event) ? cudaSuccess : emulation::failed(cudaErrorInvalidResourceHandle);
}
inline cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t from, cudaEvent_t to) {
    EMULATION_TURN();
    if (!emulation::known(from) || !emulation::known(to) || !from->recorded || !to->recorded)
        return emulation::failed(cudaErrorInvalidResourceHandle);
    *milliseconds = std::chrono::duration<float, std::milli>(to->when - from->when).count();
    return cudaSuccess;
}
inline cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0) {
    EMULATION_TURN();
    if (flags) return emulation::failed(cudaErrorInvalidValue);
    return emulation::known(stream) && emulation::known(event) ? cudaSuccess :
                                                                 emulation::failed(cudaErrorInvalidResourceHandle);
}

enum cudaMemcpyKind {
    cudaMemcpyHostToHost = 0,
    cudaMemcpyHostToDevice = 1,
    cudaMemcpyDeviceToHost = 2,
    cudaMemcpyDeviceToDevice = 3,
    cudaMemcpyDefault = 4
};
inline cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width,
                                     size_t height, cudaMemcpyKind kind, cudaStream_t stream = nullptr) {
    EMULATION_TURN();
    if (!emulation::known(stream)) return emulation::failed(cudaErrorInvalidResourceHandle);
    if (width > to_pitch || width > from_pitch) return emulation::failed(cudaErrorInvalidValue);
    if (!width || !height) return cudaSuccess;
    const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    const bool known = kind != cudaMemcpyDefault;
    if (!emulation::fits(to, to_pitch * (height - 1) + width, to_device, known && !to_device) ||
        !emulation::fits(from, from_pitch * (height - 1) + width, from_device, known && !from_device))
        return emulation::failed(cudaErrorInvalidValue);
    for (size_t y = 0; y < height; y++)
        memcpy(static_cast<char *>(to) + y * to_pitch, static_cast<const char *>(from) + y * from_pitch, width);
    return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t size, cudaMemcpyKind kind,
                                   cudaStream_t stream = nullptr) {
    return cudaMemcpy2DAsync(to, size, from, size, size, 1, kind, stream);
}
inline cudaError_t cudaMemsetAsync(void *to, int value, size_t size, cudaStream_t stream = nullptr) {
    EMULATION_TURN();
    if (!emulation::known(stream)) return emulation::failed(cudaErrorInvalidResourceHandle);
    if (!size) return cudaSuccess;
    if (!emulation::fits(to, size, true, false)) return emulation::failed(cudaErrorInvalidValue);
    memset(to, value, size);
    return cudaSuccess;
}

enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
struct cudaFuncAttributes {
    size_t sharedSizeBytes, constSizeBytes, localSizeBytes;
    int maxThreadsPerBlock, numRegs, ptxVersion, binaryVersion, cacheModeCA, maxDynamicSharedSizeBytes;
};
template <class F> cudaError_t cudaFuncSetAttribute(F *kernel, cudaFuncAttribute attribute, int value) {
    EMULATION_TURN();
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 || value > emulation::device.shared_optin)
        return emulation::failed(cudaErrorInvalidValue);
    std::lock_guard<std::mutex> hold(emulation::table.lock);
    emulation::table.dynamic_limits[reinterpret_cast<const void *>(kernel)] = static_cast<size_t>(value);
    return cudaSuccess;
}
template <class F> cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, F *kernel) {
    EMULATION_TURN();
    *attributes = cudaFuncAttributes{};
    attributes->maxThreadsPerBlock = 1024;
    attributes->numRegs = 32;
    attributes->ptxVersion = attributes->binaryVersion = emulation::device.major * 10 + emulation::device.minor;
    std::lock_guard<std::mutex> hold(emulation::table.lock);
    const auto limit = emulation::table.dynamic_limits.find(reinterpret_cast<const void *>(kernel));
    attributes->maxDynamicSharedSizeBytes =
        static_cast<int>(limit == emulation::table.dynamic_limits.end() ? emulation::shared_default : limit->second);
    return cudaSuccess;
}
template <class F>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *count, F *, int threads, size_t shared_bytes) {
    EMULATION_TURN();
    *count = threads <= 1024 && shared_bytes <= static_cast<size_t>(emulation::device.shared_optin);
    return cudaSuccess;
}
#undef EMULATION_TURN

/* ---- What kernels call ---- */

inline void __syncthreads(int line = __builtin_LINE()) { emulation::meet_block("__syncthreads", line, false); }
inline void __syncwarp(unsigned mask = emulation::all_lanes, int line = __builtin_LINE()) {
    emulation::full_mask(mask, "__syncwarp", line);
    emulation::meet_warp("__syncwarp", line, false);
}
inline void __threadfence() {}
inline void __threadfence_block() {}

/* Overloads, not a template, so that an element of shared memory may be handed over. */
#define EMULATION_SHUFFLES(T) \
    inline T __shfl_sync(unsigned mask, T value, int from, int width = 32, int line = __builtin_LINE()) { \
        const unsigned me = emulation::lane(), within = static_cast<unsigned>(width - 1); \
        const unsigned other = (me & ~within) | (static_cast<unsigned>(from) & within); \
        return emulation::shuffle(mask, value, other, "__shfl_sync", line); \
    } \
    inline T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32, int line = __builtin_LINE()) { \
        const unsigned me = emulation::lane(), within = static_cast<unsigned>(width - 1); \
        return emulation::shuffle(mask, value, (me & within) < by ? me : me - by, "__shfl_up_sync", line); \
    } \
    inline T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, int line = __builtin_LINE()) { \
        const unsigned me = emulation::lane(), within = static_cast<unsigned>(width - 1); \
        return emulation::shuffle(mask, value, by > within - (me & within) ? me : me + by, "__shfl_down_sync", line); \
    } \
    inline T __shfl_xor_sync(unsigned mask, T value, int with, int width = 32, int line = __builtin_LINE()) { \
        const unsigned me = emulation::lane(), within = static_cast<unsigned>(width - 1); \
        const unsigned other = me ^ static_cast<unsigned>(with); \
        return emulation::shuffle(mask, value, other > (me | within) ? me : other, "__shfl_xor_sync", line); \
    }
EMULATION_SHUFFLES(int)
EMULATION_SHUFFLES(unsigned)
EMULATION_SHUFFLES(long)
EMULATION_SHUFFLES(unsigned long)
EMULATION_SHUFFLES(long long)
EMULATION_SHUFFLES(unsigned long long)
EMULATION_SHUFFLES(float)
EMULATION_SHUFFLES(double)
#undef EMULATION_SHUFFLES

inline unsigned __ballot_sync(unsigned mask, int predicate, int line = __builtin_LINE()) {
    return emulation::ballot(mask, predicate != 0, "__ballot_sync", line);
}
inline int __any_sync(unsigned mask, int predicate, int line = __builtin_LINE()) {
    return emulation::ballot(mask, predicate != 0, "__any_sync", line) != 0;
}
inline int __all_sync(unsigned mask, int predicate, int line = __builtin_LINE()) {
    return emulation::ballot(mask, predicate == 0, "__all_sync", line) == 0;
}
inline unsigned __reduce_add_sync(unsigned mask, unsigned value, int line = __builtin_LINE()) {
    emulation::full_mask(mask, "__reduce_add_sync", line);
    const auto all = emulation::hand_over(value, "__reduce_add_sync", line);
    unsigned sum = 0;
    for (unsigned i = 0; i < 32; i++)
        if (all.met >> i & 1) sum += all.values[i];
    return sum;
}

/* The pointer may be one into shared memory or an ordinary one. */
#define EMULATION_ATOMIC(name, T, change) \
    inline T name(emulation::shared<T> address, T value) { \
        return emulation::atomic(address, [value](T old) -> T { return change; }); \
    }
EMULATION_ATOMIC(atomicAdd, int, static_cast<int>(static_cast<unsigned>(old) + static_cast<unsigned>(value)))
EMULATION_ATOMIC(atomicAdd, unsigned, old + value)
EMULATION_ATOMIC(atomicAdd, unsigned long long, old + value)
EMULATION_ATOMIC(atomicAdd, float, old + value)
EMULATION_ATOMIC(atomicMax, int, old > value ? old : value)
EMULATION_ATOMIC(atomicMax, unsigned, old > value ? old : value)
EMULATION_ATOMIC(atomicMin, int, old < value ? old : value)
EMULATION_ATOMIC(atomicMin, unsigned, old < value ? old : value)
EMULATION_ATOMIC(atomicOr, int, old | value)
EMULATION_ATOMIC(atomicOr, unsigned, old | value)
#define EMULATION_EXCHANGE(T) \
    inline T atomicExch(emulation::shared<T> address, T value) { \
        return emulation::atomic(address, [value](T) { return value; }); \
    }
EMULATION_EXCHANGE(int)
EMULATION_EXCHANGE(unsigned)
EMULATION_EXCHANGE(unsigned long long)
EMULATION_EXCHANGE(float)
#undef EMULATION_ATOMIC
#undef EMULATION_EXCHANGE

namespace emulation {
template <class To, class From> To bits(From value) {
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To result;
    memcpy(&result, &value, sizeof result);
    return result;
}
} /* namespace emulation */

inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __dsqrt_rn(double a) { return sqrt(a); }
inline float rsqrtf(float a) { return static_cast<float>(1 / sqrt(static_cast<double>(a))); }
inline int __float2int_rn(float a) { /* to nearest even; out of range: the nearest int; NaN: 0 */
    const float whole = rintf(a);
    if (!(whole == whole)) return 0;
    return whole >= 2147483648.0f ? 2147483647 : whole < -2147483648.0f ? -2147483647 - 1 : static_cast<int>(whole);
}
inline float __int2float_rn(int a) { return static_cast<float>(a); }
inline int __float_as_int(float a) { return emulation::bits<int>(a); }
inline float __int_as_float(int a) { return emulation::bits<float>(a); }
inline unsigned __float_as_uint(float a) { return emulation::bits<unsigned>(a); }
inline float __uint_as_float(unsigned a) { return emulation::bits<float>(a); }
inline long long __double_as_longlong(double a) { return emulation::bits<long long>(a); }
inline double __longlong_as_double(long long a) { return emulation::bits<double>(a); }

inline int __popc(unsigned a) { return __builtin_popcount(a); }
inline int __popcll(unsigned long long a) { return __builtin_popcountll(a); }
inline int __ffs(int a) { return __builtin_ffs(a); }
inline int __clz(int a) { return a ? __builtin_clz(static_cast<unsigned>(a)) : 32; }
inline unsigned __brev(unsigned a) {
    unsigned result = 0;
    for (int i = 0; i < 32; i++) result |= (a >> i & 1) << (31 - i);
    return result;
}
inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>(static_cast<unsigned long long>(a) * b >> 32);
}
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selectors) {
    const unsigned long long bytes = static_cast<unsigned long long>(b) << 32 | a;
    unsigned result = 0;
    for (int i = 0; i < 4; i++)
        result |= static_cast<unsigned>(bytes >> (selectors >> (4 * i) & 7) * 8 & 0xff) << (8 * i);
    return result;
}
template <class T> T __ldg(const T *address) { return *address; }

/* Two 16-bit numbers in a word. */
inline unsigned __vadd2(unsigned a, unsigned b) {
    return ((a + b) & 0xffffu) | ((a & 0xffff0000u) + (b & 0xffff0000u));
}
inline unsigned __vsub2(unsigned a, unsigned b) {
    return ((a - b) & 0xffffu) | ((a & 0xffff0000u) - (b & 0xffff0000u));
}
inline unsigned __vmaxs2(unsigned a, unsigned b) {
    const auto low = [](unsigned v) { return static_cast<int16_t>(v & 0xffffu); };
    const auto high = [](unsigned v) { return static_cast<int16_t>(v >> 16); };
    return (low(a) > low(b) ? a & 0xffffu : b & 0xffffu) | (high(a) > high(b) ? a & 0xffff0000u : b & 0xffff0000u);
}

#define EMULATION_MIN_MAX(T) \
    constexpr T min(T a, T b) { return b < a ? b : a; } \
    constexpr T max(T a, T b) { return a < b ? b : a; }
EMULATION_MIN_MAX(int)
EMULATION_MIN_MAX(unsigned)
EMULATION_MIN_MAX(long)
EMULATION_MIN_MAX(unsigned long)
EMULATION_MIN_MAX(long long)
EMULATION_MIN_MAX(unsigned long long)
#undef EMULATION_MIN_MAX
constexpr unsigned min(int a, unsigned b) { return min(static_cast<unsigned>(a), b); }
constexpr unsigned min(unsigned a, int b) { return min(a, static_cast<unsigned>(b)); }
constexpr unsigned max(int a, unsigned b) { return max(static_cast<unsigned>(a), b); }
constexpr unsigned max(unsigned a, int b) { return max(a, static_cast<unsigned>(b)); }
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }

/* Half precision: to nearest, halves to even, and back. */
namespace emulation {
inline uint16_t half_bits(float v) {
    uint32_t u = bits<uint32_t>(v);
    const uint32_t sign = u >> 16 & 0x8000u;
    u &= 0x7fffffffu;
    if (u > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
    if (u >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
    if (u >= 0x38800000u) return static_cast<uint16_t>(sign | ((u - 0x38000000u + 0xfffu + (u >> 13 & 1u)) >> 13));
    if (u < 0x33000000u) return static_cast<uint16_t>(sign);
    const uint32_t gone = 126u - (u >> 23), m = (u & 0x7fffffu) | 0x800000u;
    return static_cast<uint16_t>(sign | ((m + (1u << (gone - 1)) - 1u + (m >> gone & 1u)) >> gone));
}
struct half_table {
    float of[65536];
    half_table() {
        for (uint32_t i = 0; i < 65536; i++) {
            const uint32_t e = i >> 10 & 31u, m = i & 1023u;
            const float size = e == 31 ? bits<float>(0x7f800000u | m << 13)
                             : e ? bits<float>((e + 112u) << 23 | m << 13) : static_cast<float>(m) / 16777216.0f;
            of[i] = bits<float>(bits<uint32_t>(size) | (i & 0x8000u) << 16);
        }
    }
};
inline float float_of_half(uint16_t h) {
    static const half_table table;
    return table.of[h];
}
} // namespace emulation

#endif
