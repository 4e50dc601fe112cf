/* gamutmlp_cuda.cu - gamutmlp's training and decoding on an NVIDIA GPU - MIT licence

   The companion of gamutmlp.h: it makes a gmlp_device (>>device there) of a GPU. Compile it with nvcc beside the
   program that has the implementation of gamutmlp.h; it needs the CUDA runtime alone:

      nvcc -O2 -std=c++17 -arch=native -c gamutmlp_cuda.cu // or -arch=all-major, for a program that travels
      cc -c program.c                                       // with #define GAMUTMLP_IMPLEMENTATION
      nvcc program.o gamutmlp_cuda.o -o program

      gmlp_cuda *cuda;
      gmlp_train_opts opts = {0};
      if (gmlp_cuda_create(NULL, &cuda) == GMLP_OK) opts.device = gmlp_cuda_device(cuda);
      gmlp_train(&base, &wide, &opts, &net, NULL);          // and gmlp_decode with gmlp_decode_opts.device
      gmlp_cuda_free(cuda);

   Compute capability 7.5 or higher. Do not compile it with --use_fast_math: the decoder would no longer give the CPU's
   bytes. (Contraction of products and sums does not matter: they are fused by name where they are.)

   TABLE OF CONTENTS
      >>wrappers    what the kernels use of the machine: shared memory, tensor cores, barriers
      >>context     errors, streams, memory that is kept, pictures on their way to the GPU and back
      >>color       reading and writing pixels, curves: the arithmetic of gamutmlp.h
      >>collect     samples
      >>train       the training of a network, in one kernel
      >>decode      base picture + network -> wide gamut or HDR
      >>device      the table

   Kernels get one structure each. Blocks of all kernels have a multiple of 32 threads. The tests compile this file for
   the host, against an emulation of what CUDA has (GMLP_CUDA_EMULATION, tests/cuda/). */
#include "gamutmlp.h"

#include <mutex>
#include <new>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef GMLP_CUDA_EMULATION
#include "emulation.h"
#else
#include <cuda_runtime.h>
#endif

namespace gmlp_gpu {

/* ---------------------------------------------------------------------------------------
   >>wrappers: what the kernels use of the machine
*/

#ifdef GMLP_CUDA_EMULATION
using emulation::cast;
using emulation::shared;
static inline shared<unsigned char> shared_memory() { return emulation::shared_memory(); }
#else
/* A pointer into a block's shared memory, which the emulation checks; for cast, of which the type is given. */
template <class T> using shared = T *;
template <class U, class T> __device__ __forceinline__ U *cast(T *p) { return reinterpret_cast<U *>(p); }
__device__ __forceinline__ unsigned char *shared_memory() {
    extern __shared__ uint4 gmlp_gpu_shared[];
    return reinterpret_cast<unsigned char *>(gmlp_gpu_shared);
}
#endif

/* A loop that is written out, or not. */
#ifdef GMLP_CUDA_EMULATION
#define GMLP_GPU_UNROLL
#define GMLP_GPU_UNROLL_2
#define GMLP_GPU_UNROLL_COUNT
#define GMLP_GPU_UNROLL_4
#define GMLP_GPU_UNROLL_8
#define GMLP_GPU_UNROLL_WORDS
#define GMLP_GPU_UNROLL_ROWS
#define GMLP_GPU_UNROLL_NARROW
#define GMLP_GPU_ROLL
#else
#define GMLP_GPU_UNROLL _Pragma("unroll")
#define GMLP_GPU_UNROLL_2 _Pragma("unroll 2")
#define GMLP_GPU_UNROLL_COUNT _Pragma("unroll COUNT") /* a constant of that name */
#define GMLP_GPU_UNROLL_4 _Pragma("unroll 4")
#define GMLP_GPU_UNROLL_8 _Pragma("unroll 8")
#define GMLP_GPU_UNROLL_WORDS _Pragma("unroll (USUAL ? 3 : 1)") /* constants of these names */
#define GMLP_GPU_UNROLL_ROWS _Pragma("unroll (USUAL ? 7 : 1)")
#define GMLP_GPU_UNROLL_NARROW _Pragma("unroll (NEAR ? 2 : 1)")
#define GMLP_GPU_ROLL _Pragma("unroll 1")
#endif

/* The lane of a warp, and its row and column in the fragments of a matrix. */
__device__ __forceinline__ int lane_of() { return (int)(threadIdx.x & 31u); }

/* Two halves of a word, the first in its lower half, to nearest: of numbers that a half can hold. */
__device__ __forceinline__ uint32_t to_halves(float low, float high) {
#ifdef GMLP_CUDA_EMULATION
    return emulation::half_bits(low) | (uint32_t)emulation::half_bits(high) << 16;
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    uint32_t word;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
    return word;
#else
    uint32_t word;
    asm("{ .reg .f16 a, b; cvt.rn.f16.f32 a, %1; cvt.rn.f16.f32 b, %2; mov.b32 %0, {a, b}; }"
        : "=r"(word) : "f"(low), "f"(high));
    return word;
#endif
}

/* Of any: held within -most .. most, or within 0 .. most, most being the largest half. NaN becomes some number. */
__device__ __forceinline__ uint32_t to_halves_within(float low, float high) {
#if !defined(GMLP_CUDA_EMULATION) && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    uint32_t word = to_halves(low, high);
    asm("min.f16x2 %0, %0, %1;" : "+r"(word) : "r"(0x7bff7bffu));
    asm("max.f16x2 %0, %0, %1;" : "+r"(word) : "r"(0xfbfffbffu));
    return word;
#else
    const float most = 65504.0f;
    return to_halves(fminf(fmaxf(low, -most), most), fminf(fmaxf(high, -most), most));
#endif
}
__device__ __forceinline__ uint32_t to_halves_above_0(float low, float high) {
#if !defined(GMLP_CUDA_EMULATION) && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    uint32_t word;
    asm("cvt.rn.relu.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
    asm("min.f16x2 %0, %0, %1;" : "+r"(word) : "r"(0x7bff7bffu));
    return word;
#else
    const float most = 65504.0f;
    return to_halves(fminf(fmaxf(low, 0.0f), most), fminf(fmaxf(high, 0.0f), most));
#endif
}

__device__ __forceinline__ float low_half(uint32_t word) {
#ifdef GMLP_CUDA_EMULATION
    return emulation::float_of_half((uint16_t)word);
#else
    float v;
    asm("{ .reg .f16 a, b; mov.b32 {a, b}, %1; cvt.f32.f16 %0, a; }" : "=f"(v) : "r"(word));
    return v;
#endif
}
__device__ __forceinline__ float high_half(uint32_t word) { return low_half(word >> 16); }

/* The bits of the nearest half, infinity if that is beyond the largest; not of NaN. */
__device__ __forceinline__ uint32_t nearest_half(float v) {
#ifdef GMLP_CUDA_EMULATION
    return emulation::half_bits(v);
#else
    uint32_t word;
    asm("{ .reg .f16 h, zero; cvt.rn.f16.f32 h, %1; mov.b16 zero, 0; mov.b32 %0, {h, zero}; }" : "=r"(word) : "f"(v));
    return word;
#endif
}

/* a + b, held within 0 .. 1; NaN: 0. */
__device__ __forceinline__ float sum_clamped(float a, float b) {
#ifdef GMLP_CUDA_EMULATION
    return fminf(fmaxf(a + b, 0.0f), 1.0f);
#else
    float sum;
    asm("add.rn.sat.f32 %0, %1, %2;" : "=f"(sum) : "f"(a), "f"(b));
    return sum;
#endif
}

/* sum + the products of the four bytes of a and those of b. */
__device__ __forceinline__ uint32_t dot_bytes(uint32_t a, uint32_t b, uint32_t sum) {
#ifdef GMLP_CUDA_EMULATION
    for (int i = 0; i < 4; i++) sum += (a >> 8 * i & 255u) * (b >> 8 * i & 255u);
    return sum;
#else
    return __dp4a(a, b, sum);
#endif
}

/* Some warps of a block meet, by a barrier of their own: number 0 .. 14. */
__device__ __forceinline__ void meet(int number, int threads) {
#ifdef GMLP_CUDA_EMULATION
    (void)number;
    (void)threads;
    __syncthreads(); /* more than is needed: teams go around as often as each other */
#else
    asm volatile("bar.sync %0, %1;" : : "r"(number + 1), "r"(threads) : "memory");
#endif
}

/* c[16][8] += a[16][16] b[16][8], halves, sums in float. In the fragments lane 4 g + t has
      a: rows g, g + 8, g, g + 8, columns 2 t, 2 t + 1, of the last two 2 t + 8, 2 t + 9
      b: rows 2 t, 2 t + 1, then 2 t + 8, 2 t + 9, column g
      c: row g, columns 2 t and 2 t + 1, then row g + 8
   (PTX ISA, "Matrix Fragments for mma.m16n8k16") */
__device__ __forceinline__ void multiply_halves(float c[4], const uint32_t a[4], uint32_t b0, uint32_t b1) {
#ifdef GMLP_CUDA_EMULATION
    const uint32_t mine[6] = {a[0], a[1], a[2], a[3], b0, b1};
    const uint32_t(*const all)[6] = emulation::warp_all(mine);
    const int g = emulation::lane() / 4, t = emulation::lane() % 4;
    for (int i = 0; i < 4; i++) {
        const int row = g + (i / 2) * 8, column = 2 * t + i % 2;
        float sum = c[i];
        for (int k = 0; k < 16; k++) {
            const uint32_t x = all[row % 8 * 4 + k % 8 / 2][row / 8 + k / 8 * 2],
                           y = all[column * 4 + k % 8 / 2][4 + k / 8];
            sum += emulation::float_of_half((uint16_t)(x >> k % 2 * 16)) *
                   emulation::float_of_half((uint16_t)(y >> k % 2 * 16));
        }
        c[i] = sum;
    }
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(b0));
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[2]), "r"(a[3]), "r"(b1));
#endif
}

/* c[16][8] += a[16][32] b[32][8]: bytes without sign in a, in b with sign (multiply_signed) or without; sums of 32
   bits, which may wrap around. In the fragments lane 4 g + t has
      a: rows g, g + 8, g, g + 8, columns 4 t .. 4 t + 3, of the last two 4 t + 16 .. 4 t + 19
      b: rows 4 t .. 4 t + 3, then 4 t + 16 .. 4 t + 19, column g
      c: as above
   (PTX ISA, "Matrix Fragments for mma.m16n8k32") */
#ifdef GMLP_CUDA_EMULATION
template <class B> static inline void multiply_bytes(int32_t c[4], const uint32_t a[4], uint32_t b0, uint32_t b1) {
    const uint32_t mine[6] = {a[0], a[1], a[2], a[3], b0, b1};
    const uint32_t(*const all)[6] = emulation::warp_all(mine);
    const int g = emulation::lane() / 4, t = emulation::lane() % 4;
    for (int i = 0; i < 4; i++) {
        const int row = g + (i / 2) * 8, column = 2 * t + i % 2;
        uint32_t sum = (uint32_t)c[i];
        for (int k = 0; k < 32; k++) {
            const uint32_t x = all[row % 8 * 4 + k % 16 / 4][row / 8 + k / 16 * 2] >> k % 4 * 8 & 255u;
            const B y = (B)(uint8_t)(all[column * 4 + k % 16 / 4][4 + k / 16] >> k % 4 * 8);
            sum += (uint32_t)((int32_t)x * (int32_t)y);
        }
        c[i] = (int32_t)sum;
    }
}
static inline void multiply_signed(int32_t c[4], const uint32_t a[4], uint32_t b0, uint32_t b1) {
    multiply_bytes<int8_t>(c, a, b0, b1);
}
static inline void multiply_unsigned(int32_t c[4], const uint32_t a[4], uint32_t b0, uint32_t b1) {
    multiply_bytes<uint8_t>(c, a, b0, b1);
}
#else
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define GMLP_GPU_MULTIPLY(name, type)                                                                               \
    __device__ __forceinline__ void name(int32_t c[4], const uint32_t a[4], uint32_t b0, uint32_t b1) {             \
        asm("mma.sync.aligned.m8n8k16.row.col.s32.u8." type ".s32 {%0,%1}, {%2}, {%3}, {%0,%1};"                    \
            : "+r"(c[0]), "+r"(c[1]) : "r"(a[0]), "r"(b0));                                                         \
        asm("mma.sync.aligned.m8n8k16.row.col.s32.u8." type ".s32 {%0,%1}, {%2}, {%3}, {%0,%1};"                    \
            : "+r"(c[0]), "+r"(c[1]) : "r"(a[2]), "r"(b1));                                                         \
        asm("mma.sync.aligned.m8n8k16.row.col.s32.u8." type ".s32 {%0,%1}, {%2}, {%3}, {%0,%1};"                    \
            : "+r"(c[2]), "+r"(c[3]) : "r"(a[1]), "r"(b0));                                                         \
        asm("mma.sync.aligned.m8n8k16.row.col.s32.u8." type ".s32 {%0,%1}, {%2}, {%3}, {%0,%1};"                    \
            : "+r"(c[2]), "+r"(c[3]) : "r"(a[3]), "r"(b1));                                                         \
    }
#else
#define GMLP_GPU_MULTIPLY(name, type)                                                                               \
    __device__ __forceinline__ void name(int32_t c[4], const uint32_t a[4], uint32_t b0, uint32_t b1) {             \
        asm("mma.sync.aligned.m16n8k32.row.col.s32.u8." type                                                        \
            ".s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"                                            \
            : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])                                                        \
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));                                        \
    }
#endif
GMLP_GPU_MULTIPLY(multiply_signed, "s8")
GMLP_GPU_MULTIPLY(multiply_unsigned, "u8")
#undef GMLP_GPU_MULTIPLY
#endif

/* Four 8x8 matrices of halves from shared memory to fragments: lane l gives the address of row l % 8 of matrix l / 8,
   16 bytes; r[i] is matrix i's word at row g, columns 2 t and 2 t + 1, turned: at rows 2 t and 2 t + 1, column g. */
#ifdef GMLP_CUDA_EMULATION
template <bool TURNED> static inline void load_matrices(uint32_t r[4], shared<const uint16_t> row) {
    uint32_t mine[4];
    for (int i = 0; i < 4; i++) mine[i] = (uint32_t)(uint16_t)row[2 * i] | (uint32_t)(uint16_t)row[2 * i + 1] << 16;
    const uint32_t(*const all)[4] = emulation::warp_all(mine);
    const int g = emulation::lane() / 4, t = emulation::lane() % 4;
    for (int i = 0; i < 4; i++)
        if (!TURNED) r[i] = all[8 * i + g][t];
        else r[i] = (all[8 * i + 2 * t][g / 2] >> g % 2 * 16 & 65535u) |
                    (all[8 * i + 2 * t + 1][g / 2] >> g % 2 * 16) << 16;
}
#else
template <bool TURNED> __device__ __forceinline__ void load_matrices(uint32_t r[4], const uint16_t *row) {
    const uint32_t at = (uint32_t)__cvta_generic_to_shared(row);
    if (TURNED)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(at) : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(at) : "memory");
}
#endif

/* All blocks of a cooperative launch meet: each says that it is there, may do something else, and waits for the others.
   counter is 0 before the first time; *passed counts for each block. */
__device__ __forceinline__ void arrive(unsigned *counter, unsigned *passed) {
    __syncthreads();
    *passed += gridDim.x;
#ifndef GMLP_CUDA_EMULATION
    if (threadIdx.x == 0) asm volatile("red.release.gpu.global.add.u32 [%0], 1;" : : "l"(counter) : "memory");
#else
    (void)counter;
#endif
}
__device__ __forceinline__ void await(unsigned *counter, unsigned passed) {
#ifdef GMLP_CUDA_EMULATION
    (void)counter;
    (void)passed;
    emulation::grid_sync();
#else
    if (threadIdx.x == 0) {
        unsigned seen;
        do asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(counter) : "memory");
        while ((int)(seen - passed) < 0);
    }
    __syncthreads();
#endif
}

/* What another block has written, past the first-level cache. */
__device__ __forceinline__ float load_fresh(const float *p) {
#ifdef GMLP_CUDA_EMULATION
    return *p;
#else
    return __ldcg(p);
#endif
}
__device__ __forceinline__ float4 load_fresh4(const float *p) {
#ifdef GMLP_CUDA_EMULATION
    return *(const float4 *)(const void *)p;
#else
    return __ldcg((const float4 *)(const void *)p);
#endif
}

/* Close to a / b and to the square root, in a few instructions. */
__device__ __forceinline__ float near_quotient(float a, float b) {
#ifdef GMLP_CUDA_EMULATION
    return a / b;
#else
    return __fdividef(a, b);
#endif
}
__device__ __forceinline__ float near_root(float a) {
#ifdef GMLP_CUDA_EMULATION
    return sqrtf(a);
#else
    float r;
    asm("sqrt.approx.f32 %0, %1;" : "=f"(r) : "f"(a));
    return r;
#endif
}

/* 16 bytes, or 8, from the GPU's memory to shared memory; they are there after copies_done and a barrier. */
__device__ __forceinline__ void copy_async(shared<uint4> to, const uint4 *from) {
#if !defined(GMLP_CUDA_EMULATION) && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("cp.async.ca.shared.global [%0], [%1], 16;"
                 : : "r"((uint32_t)__cvta_generic_to_shared(to)), "l"(from) : "memory");
#else
    *to = __ldg(from);
#endif
}
__device__ __forceinline__ void copy_async_fresh(shared<uint4> to, const uint4 *from) { /* past the first-level cache */
#ifdef GMLP_CUDA_EMULATION
    *to = *from;
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
                 : : "r"((uint32_t)__cvta_generic_to_shared(to)), "l"(from) : "memory");
#else
    *to = __ldcg(from);
#endif
}
__device__ __forceinline__ void copy_async8(shared<uint2> to, const uint2 *from) {
#if !defined(GMLP_CUDA_EMULATION) && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8;"
                 : : "r"((uint32_t)__cvta_generic_to_shared(to)), "l"(from) : "memory");
#else
    *to = __ldg(from);
#endif
}
__device__ __forceinline__ void copies_done() {
#if !defined(GMLP_CUDA_EMULATION) && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_all;" : : : "memory");
#endif
}

#ifndef GMLP_DECODE_ONLY
/* to_halves on the host, where CUDA has no such instruction. */
static uint32_t host_halves(float low, float high) {
    return gmlp_half_from_float(low) | (uint32_t)gmlp_half_from_float(high) << 16;
}
#endif

/* ---------------------------------------------------------------------------------------
   >>context: errors, streams, memory that is kept, pictures on their way
*/

/* What a call keeps on the GPU: by these names, and between calls. */
enum { PICTURE_BASE, PICTURE_WIDE, TABLES, COUNTS, RANKS, PLACES, SAMPLES, MOMENTS, FEATURES, STATE, MEMORIES };

/* A stream and its memory: one call at a time. */
struct lane_of_work {
    cudaStream_t stream;
    bool own;                     /* the stream is ours */
    bool taken;
    struct {
        void *at;
        size_t size;
    } memory[MEMORIES];
    void *pinned;                 /* of the host, to which copies from the GPU are quick */
    size_t pinned_size;
    struct lane_of_work *next;
};

} // namespace gmlp_gpu

struct gmlp_cuda {
    gmlp_device device;
    int ordinal, multiprocessors, capability;
    size_t shared_memory;         /* that a block can have */
    cudaStream_t stream;          /* the caller's */
    std::mutex lock;              /* of what follows */
    gmlp_gpu::lane_of_work *lanes;
    char error[GMLP_CUDA_ERROR];
};

namespace gmlp_gpu {

static gmlp_result result_of(cudaError_t e) {
    switch (e) {
        case cudaSuccess: return GMLP_OK;
        case cudaErrorMemoryAllocation: return GMLP_E_DEVICE_MEMORY;
        case cudaErrorNoDevice: case cudaErrorInvalidDevice: return GMLP_E_NO_DEVICE;
        case cudaErrorInsufficientDriver: case cudaErrorSystemDriverMismatch: case cudaErrorUnsupportedPtxVersion:
            return GMLP_E_DRIVER;
        case cudaErrorNoKernelImageForDevice: return GMLP_E_DEVICE_CODE;
        default: return GMLP_E_DEVICE;
    }
}

/* Remembers what CUDA says. */
static gmlp_result outcome(gmlp_cuda *c, cudaError_t e) {
    if (e != cudaSuccess) {
        std::lock_guard<std::mutex> hold(c->lock);
        snprintf(c->error, sizeof c->error, "%s: %s", cudaGetErrorName(e), cudaGetErrorString(e));
        cudaGetLastError(); /* else the next call would report it again */
    }
    return result_of(e);
}

#ifndef GMLP_DECODE_ONLY
/* Says so why the GPU will not do. */
static gmlp_result refusal(gmlp_cuda *c, gmlp_result result, const char *text) {
    std::lock_guard<std::mutex> hold(c->lock);
    snprintf(c->error, sizeof c->error, "%s", text);
    return result;
}
#endif

/* In a function with gmlp_cuda *c. */
#define GMLP_GPU_TRY(call)                                   \
    do {                                                     \
        const gmlp_result tried = outcome(c, (call));        \
        if (tried) return tried;                             \
    } while (0)

/* For calls that nothing can be done about: the program's own next call does not report them. */
static bool done(cudaError_t e) {
    if (e != cudaSuccess) cudaGetLastError();
    return e == cudaSuccess;
}

/* Lets a kernel have so much shared memory. What is set is the kernel's, not the launch's, and threads launch at once:
   all of them ask for all that there is. */
static cudaError_t permit(const gmlp_cuda *c, const void *kernel, size_t shared_bytes) {
    if (shared_bytes <= 48u * 1024u) return cudaSuccess;
    return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)c->shared_memory);
}

/* Starts a kernel. */
template <class T>
static cudaError_t launch(const gmlp_cuda *c, void (*kernel)(T), dim3 grid, dim3 block, size_t shared_bytes,
                          cudaStream_t stream, const T &argument, bool cooperative) {
    const void *const f = reinterpret_cast<const void *>(kernel);
    const cudaError_t e = permit(c, f, shared_bytes);
    if (e != cudaSuccess) return e;
#ifdef GMLP_CUDA_EMULATION
    (void)stream;
    return emulation::launch(kernel, grid, block, shared_bytes, argument, cooperative);
#else
    void *arguments[1] = {const_cast<T *>(&argument)};
    return cooperative ? cudaLaunchCooperativeKernel(f, grid, block, arguments, shared_bytes, stream)
                       : cudaLaunchKernel(f, grid, block, arguments, shared_bytes, stream);
#endif
}

/* The calling thread's GPU for as long as this lives. */
struct on_device {
    int before;
    explicit on_device(const gmlp_cuda *c) : before(-1) {
        if (!done(cudaGetDevice(&before))) before = -1;
        if (before == c->ordinal) before = -1;
        else done(cudaSetDevice(c->ordinal));
    }
    ~on_device() {
        if (before >= 0) done(cudaSetDevice(before));
    }
};

/* A free lane, or a new one. */
static gmlp_result lane_take(gmlp_cuda *c, lane_of_work **out) {
    lane_of_work *l;
    *out = NULL;
    {
        std::lock_guard<std::mutex> hold(c->lock);
        for (l = c->lanes; l && l->taken; l = l->next) {}
        if (l) l->taken = true;
    }
    if (!l) {
        l = (lane_of_work *)calloc(1, sizeof *l);
        if (!l) return GMLP_E_MEMORY;
        l->stream = c->stream;
        l->own = !c->stream;
        l->taken = true;
        if (l->own) {
            const gmlp_result result = outcome(c, cudaStreamCreateWithFlags(&l->stream, cudaStreamDefault));
            if (result) {
                free(l);
                return result;
            }
        }
        std::lock_guard<std::mutex> hold(c->lock);
        l->next = c->lanes;
        c->lanes = l;
    }
    *out = l;
    return GMLP_OK;
}

static void lane_give(gmlp_cuda *c, lane_of_work *l) {
    std::lock_guard<std::mutex> hold(c->lock);
    l->taken = false;
}

/* At least so many bytes of a name, which may lose what they held. */
static gmlp_result lane_memory(gmlp_cuda *c, lane_of_work *l, int name, size_t size, void **at) {
    if (l->memory[name].size < size) {
        done(cudaFree(l->memory[name].at));
        l->memory[name].at = NULL;
        l->memory[name].size = 0;
        GMLP_GPU_TRY(cudaMalloc(&l->memory[name].at, size));
        l->memory[name].size = size;
    }
    *at = l->memory[name].at;
    return GMLP_OK;
}

__host__ __device__ inline size_t aligned(size_t n) { return (n + 15u) & ~(size_t)15u; }

/* Small things for a kernel, gathered on the host and sent as one: put gives the place that something will have. Used
   twice: without memory it only counts. */
struct parcel {
    unsigned char *host, *device;
    size_t used;
};

template <class T> static const T *put(parcel *p, const T *data, size_t count) {
    const size_t at = (p->used + 15u) & ~(size_t)15u;
    p->used = at + count * sizeof(T);
    if (!data || !count) return NULL;
    if (!p->host) return NULL;
    memcpy(p->host + at, data, count * sizeof(T));
    return (const T *)(p->device + at);
}

/* A view of pixels as a kernel has it. data: row 0, first pixel or sample. */
struct view {
    unsigned char *data;
    ptrdiff_t stride, plane_stride;
    uint32_t width, height;
    int type, channels, space;
};

static size_t sample_bytes(int type) { return gmlp_pixel_size(type, 1); }

static view view_of(const gmlp_image *im) {
    const size_t pixel = im->plane_stride ? sample_bytes(im->type) : gmlp_pixel_size(im->type, im->channels);
    view v;
    v.data = (unsigned char *)im->data;
    v.stride = im->stride ? im->stride : (ptrdiff_t)(im->width * pixel);
    v.plane_stride = im->plane_stride;
    v.width = im->width;
    v.height = im->height;
    v.type = im->type;
    v.channels = im->channels == 4 || im->type == GMLP_BGRA8 ? 4 : 3;
    v.space = im->space;
    return v;
}

/* Whose memory is this: the host's, this GPU's, whose kernels can use it, or another one's, which can be copied? */
enum owner { HOST, OURS, ANOTHER };
static owner owner_of(const gmlp_cuda *c, const void *p) {
    cudaPointerAttributes a;
    memset(&a, 0, sizeof a);
    if (!done(cudaPointerGetAttributes(&a, p))) return HOST;
    if (a.type == cudaMemoryTypeManaged) return OURS;
    if (a.type != cudaMemoryTypeDevice) return HOST;
    return a.device == c->ordinal ? OURS : ANOTHER;
}

/* Bytes of a row of pixels, of planes of one plane's. */
static size_t row_bytes(const view &v) {
    return v.width * (v.plane_stride ? sample_bytes(v.type) : gmlp_pixel_size(v.type, v.channels == 4 ? 4 : 0));
}
static size_t packed_bytes(const view &v) {
    return row_bytes(v) * v.height * (v.plane_stride ? (size_t)v.channels : 1);
}

/* A view of the same shape whose rows are packed, planes one after the other; upside down if v is. */
static view packed_view(const view &v, void *data) {
    const size_t row = row_bytes(v);
    view p = v;
    p.data = (unsigned char *)data;
    p.stride = (ptrdiff_t)row;
    p.plane_stride = v.plane_stride ? (ptrdiff_t)(row * v.height) : 0;
    if (v.stride < 0) {
        p.data += row * (v.height - 1u);
        p.stride = -p.stride;
    }
    return p;
}

/* Copies pixels between the caller's view and ours, which packed_view gave. */
static gmlp_result copy_rows(gmlp_cuda *c, lane_of_work *l, const view &theirs, const view &ours, bool in,
                             cudaMemcpyKind kind) {
    const size_t row = row_bytes(theirs), planes = theirs.plane_stride ? (size_t)theirs.channels : 1;
    const size_t pitch = theirs.stride < 0 ? 0u - (size_t)theirs.stride : (size_t)theirs.stride;
    const ptrdiff_t lowest = theirs.stride < 0 ? (ptrdiff_t)theirs.height - 1 : 0; /* row */
    for (size_t p = 0; p < planes; p++) {
        unsigned char *const a = theirs.data + (ptrdiff_t)p * theirs.plane_stride + lowest * theirs.stride;
        unsigned char *const b = ours.data + (ptrdiff_t)p * ours.plane_stride + lowest * ours.stride;
        unsigned char *const to = in ? b : a, *const from = in ? a : b;
        if (pitch == row || theirs.height == 1)
            GMLP_GPU_TRY(cudaMemcpyAsync(to, from, row * theirs.height, kind, l->stream));
        else
            GMLP_GPU_TRY(cudaMemcpy2DAsync(to, in ? row : pitch, from, in ? pitch : row, row, theirs.height, kind,
                                           l->stream));
    }
    return GMLP_OK;
}

/* Does every sample, or packed pixel, lie where one instruction can load it? */
static bool is_aligned(const view &v) {
    const size_t sample = sample_bytes(v.type), unit = sample ? sample : v.type == GMLP_BGRA8 ? 1u : 4u;
    return (((uintptr_t)v.data | (uintptr_t)v.stride | (uintptr_t)v.plane_stride) & (unit - 1u)) == 0;
}

/* The picture where kernels can read it: where it is, or in a copy of ours under that name. */
static gmlp_result bring(gmlp_cuda *c, lane_of_work *l, int name, const gmlp_image *im, view *out) {
    const view theirs = view_of(im);
    const owner whose = owner_of(c, im->data);
    void *at;
    *out = theirs;
    if (whose == OURS && is_aligned(theirs)) return GMLP_OK;
    const gmlp_result result = lane_memory(c, l, name, packed_bytes(theirs), &at);
    if (result) return result;
    *out = packed_view(theirs, at);
    return copy_rows(c, l, theirs, *out, true, whose == HOST ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToDevice);
}

/* ---------------------------------------------------------------------------------------
   >>color: reading and writing pixels, curves. Products and sums are those of gamutmlp.h's pass SCALAR, one by one
*/

/* A curve as a kernel has it. */
enum { NO_CURVE = 3 };            /* besides gmlp_device_curve's kinds: values stay as they are, NaN too */
struct tone {
    int kind;
    float in_scale, in_offset, toe_end, toe_slope, out_offset;
    float term[8];
    float bottom, top;
    int32_t segment_base;
    const float *table;           /* octaves, or segments */
};

static tone put_tone(parcel *p, const gmlp_device_curve *c) {
    tone t;
    memset(&t, 0, sizeof t);
    t.kind = c ? c->kind : (int)NO_CURVE;
    if (!c) return t;
    t.in_scale = c->in_scale;
    t.in_offset = c->in_offset;
    t.toe_end = c->toe_end;
    t.toe_slope = c->toe_slope;
    t.out_offset = c->out_offset;
    memcpy(t.term, c->term, sizeof t.term);
    t.bottom = c->bottom;
    t.top = c->top;
    t.segment_base = c->segment_base;
    if (t.kind == GMLP_CURVE_POWER) t.table = put(p, c->octave, 256);
    if (t.kind == GMLP_CURVE_SEGMENTS) t.table = put(p, c->segment, 4 * c->segments);
    return t;
}

/* gmlp_device_reader, _writer and _signals as kernels have them. */
struct reader {
    int type, channels, sycc;
    const float *table;
    tone curve, system_gamma;
};

static reader put_reader(parcel *p, const gmlp_device_reader &from) {
    reader r;
    r.type = from.type;
    r.channels = from.channels;
    r.sycc = from.sycc;
    r.table = put(p, from.table, from.table ? 256 : 0);
    r.curve = put_tone(p, from.curve);
    r.system_gamma = put_tone(p, from.system_gamma);
    return r;
}

struct writer {
    int type, channels, alpha, integer, unit, clamp_negative;
    float offset;
    const float *table;
    tone curve, system_gamma;
};

static writer put_writer(parcel *p, const gmlp_device_writer &from) {
    writer w;
    w.type = from.type;
    w.channels = from.channels;
    w.alpha = from.alpha;
    w.integer = from.integer;
    w.unit = from.unit;
    w.clamp_negative = from.clamp_negative;
    w.offset = from.offset;
    w.table = put(p, from.table, from.table ? 257 : 0);
    w.curve = put_tone(p, from.curve);
    w.system_gamma = put_tone(p, from.system_gamma);
    return w;
}

struct signals {
    tone signal, light;           /* kind NO_CURVE: values are light */
    float signal_max;
    double weight;
};

static signals put_signals(parcel *p, const gmlp_device_signals &from) {
    signals s;
    s.signal = put_tone(p, from.signal);
    s.light = put_tone(p, from.light);
    s.signal_max = from.signal_max;
    s.weight = from.weight;
    return s;
}

/* The vector instructions' least and most: of NaN and another the second one. */
__device__ __forceinline__ float least(float a, float b) { return a < b ? a : b; }
__device__ __forceinline__ float most(float a, float b) { return a > b ? a : b; }

/* To 0..top, NaN to 0. */
__device__ __forceinline__ float clamped(float x, float top) { return least(most(x, 0.0f), top); }

/* a, which is not negative, through a POWER curve. */
__device__ __forceinline__ float power(const tone &c, float a) {
    const float u = __fmaf_rn(a, c.in_scale, c.in_offset);
    const int32_t bits = __float_as_int(u);
    const float t = __fsub_rn(__int_as_float((bits & 0x7fffff) | 0x3f800000), 1.5f);
    float y = __fmaf_rn(c.term[7], t, c.term[6]);
    y = __fmaf_rn(y, t, c.term[5]);
    y = __fmaf_rn(y, t, c.term[4]);
    y = __fmaf_rn(y, t, c.term[3]);
    y = __fmaf_rn(y, t, c.term[2]);
    y = __fmaf_rn(y, t, c.term[1]);
    y = __fmaf_rn(y, t, c.term[0]);
    y = __fmaf_rn(y, __ldg(c.table + (bits >> 23 & 255)), c.out_offset);
    return a < c.toe_end ? __fmul_rn(a, c.toe_slope) : y;
}

__device__ __forceinline__ float segments(const tone &c, float x) {
    const float a = __fmul_rn(x, c.in_scale);
    const int32_t bits = __float_as_int(least(most(a, c.bottom), c.top));
    const float4 s = __ldg(reinterpret_cast<const float4 *>(c.table) + ((bits >> 18) - c.segment_base));
    const float t = __fsub_rn(__int_as_float((int32_t)((uint32_t)bits << 5 & 0x7fffffu) | 0x3f800000), 1.5f);
    float y = __fmaf_rn(s.w, t, s.z);
    y = __fmaf_rn(y, t, s.y);
    y = __fmaf_rn(y, t, s.x);
    return a < c.bottom ? __fmul_rn(a, c.toe_slope) : y;
}

/* y, which is not negative, with x's sign. */
__device__ __forceinline__ float sign_of(float y, float x) {
    return __int_as_float(__float_as_int(y) ^ (__float_as_int(x) & (int32_t)0x80000000u));
}

__device__ __forceinline__ float odd(float x, float a, float y) {
    return a < 1.2676506e30f ? sign_of(y, x) : 1.0f < a ? x : __int_as_float(0x7fc00000);
}

/* unit 1: x is held within 0..1 first; 2: |x| is below 1.9; 0: any */
__device__ __forceinline__ float curve(const tone &c, float x, int unit) {
    if (c.kind == GMLP_CURVE_POWER) {
        if (unit == 1) return power(c, clamped(x, 1.0f));
        const float a = fabsf(x), y = power(c, a);
        return unit == 2 ? sign_of(y, x) : odd(x, a, y);
    }
    if (c.kind == NO_CURVE) return x;
    if (c.kind == GMLP_CURVE_SEGMENTS) {
        const float v = unit ? clamped(x, 1.0f) : x, a = fabsf(v);
        return odd(v, a, segments(c, a));
    }
    return unit ? clamped(x, 1.0f) : odd(x, fabsf(x), fabsf(x));
}

/* HLG. */
__device__ __forceinline__ void system_gamma(const tone &c, float rgb[3]) {
    float light, gain;
    if (c.kind == NO_CURVE) return;
    light = __fmaf_rn(0.2627f, rgb[0], __fmaf_rn(0.6780f, rgb[1], __fmul_rn(0.0593f, rgb[2])));
    light = most(light, 0.0f);
    gain = power(c, light);
    gain = 0.0f < light ? gain : 0.0f;
    for (int i = 0; i < 3; i++) rgb[i] = __fmul_rn(rgb[i], gain);
}

__device__ __forceinline__ void matrix(const float m[9], float rgb[3]) {
    const float r = rgb[0], g = rgb[1], b = rgb[2];
    for (int i = 0; i < 3; i++)
        rgb[i] = __fmaf_rn(m[3 * i], r, __fmaf_rn(m[3 * i + 1], g, __fmul_rn(m[3 * i + 2], b)));
}

/* sYCC codes to R'G'B'. */
__device__ __forceinline__ void from_ycc(const int code[3], float rgb[3]) {
    const float y = (float)code[0], u = (float)(code[1] - 128), v = (float)(code[2] - 128), scale = 1.0f / 255.0f;
    const float high = 1.0f / 32768.0f, low = 1.0f / 2147483648.0f; /* factors are exact */
    const float gh = __fadd_rn(__fmul_rn(u, -11277.0f * high), __fmul_rn(v, -23401.0f * high));
    const float gl = __fadd_rn(__fmul_rn(u, 22425.0f * low), __fmul_rn(v, 11939.0f * low));
    rgb[0] = __fmul_rn(__fadd_rn(__fadd_rn(y, __fmul_rn(v, 45941.0f * high)), __fmul_rn(v, -17302.0f * low)), scale);
    rgb[1] = __fmul_rn(__fadd_rn(__fadd_rn(y, gh), gl), scale);
    rgb[2] = __fmul_rn(__fadd_rn(__fadd_rn(y, __fmul_rn(u, 58065.0f * high)), __fmul_rn(u, -6816.0f * low)), scale);
}

/* Is a pixel with these codes saturated? */
__device__ __forceinline__ bool is_saturated(const int code[3], int margin) {
    const int low = min(min(code[0], code[1]), code[2]), high = max(max(code[0], code[1]), code[2]);
    return ((low <= margin) | (high >= 255 - margin)) & (high != 0) & (low != 255);
}

/* The same of sYCC's R'G'B'. */
__device__ __forceinline__ bool is_near_ends(const float rgb[3], int margin) {
    const float edge = __fdiv_rn(__fadd_rn((float)margin, 0.5f), 255.0f);
    const float low = least(least(rgb[0], rgb[1]), rgb[2]), high = most(most(rgb[0], rgb[1]), rgb[2]);
    return (!(edge < low) || !(high < __fsub_rn(1.0f, edge))) && 0.5f / 255.0f < high && low < 254.5f / 255.0f;
}

/* gmlp__series, gmlp__log2 and gmlp__exp2, sum by sum */
template <int N> __device__ __forceinline__ double series(const double (&term)[N], double x) {
    const double square = __dmul_rn(x, x);
    double even = term[N - 2], odd = term[N - 1];
    GMLP_GPU_UNROLL
    for (int n = N - 4; n >= 0; n -= 2) {
        even = __dadd_rn(__dmul_rn(even, square), term[n]);
        odd = __dadd_rn(__dmul_rn(odd, square), term[n + 1]);
    }
    return __dadd_rn(even, __dmul_rn(odd, x));
}

__device__ __forceinline__ double log2_of(double x) {
    const double term[10] = {1.0,        1.0 / 3.0,  1.0 / 5.0,  1.0 / 7.0,  1.0 / 9.0,
                             1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0, 1.0 / 19.0};
    const uint64_t u = (uint64_t)__double_as_longlong(x);
    double e = (double)((int)(u >> 52) - 1023), s;
    x = __longlong_as_double((long long)((u & 0xfffffffffffffu) | 0x3ff0000000000000u));
    if (x > 1.4142135623730951) {
        x *= 0.5;
        e += 1.0;
    }
    s = __ddiv_rn(__dadd_rn(x, -1.0), __dadd_rn(x, 1.0));
    return __dadd_rn(e, __dmul_rn(__dmul_rn(s, series(term, __dmul_rn(s, s))), 2.8853900817779268));
}

__device__ __forceinline__ double exp2_of(double x) {
    const double term[14] = {1.0, 1.0, 1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0,
                             1.0 / 40320.0, 1.0 / 362880.0, 1.0 / 3628800.0, 1.0 / 39916800.0, 1.0 / 479001600.0,
                             1.0 / 6227020800.0};
    if (!(x > -1022.0)) return 0.0;
    if (x >= 1023.5) x = 1023.49;
    const int e = (int)__dadd_rn(x, 1023.5);
    return __dmul_rn(series(term, __dmul_rn(__dadd_rn(x, -(double)(e - 1023)), 0.69314718055994531)),
                     __longlong_as_double((long long)((uint64_t)e << 52)));
}

/* Light to an HDR network's signals. */
__device__ __forceinline__ float signal_of(const signals &s, float light) {
    return clamped(curve(s.signal, clamped(light, s.signal_max), 0), 1.0f);
}

/* reading */

/* The three codes of a pixel of GMLP_U8 without planes, as they lie in memory. */
__device__ __forceinline__ void codes_at(const view &v, uint32_t x, uint32_t y, int code[3]) {
    const unsigned char *const p = v.data + (ptrdiff_t)y * v.stride + (size_t)x * (size_t)v.channels;
    for (int c = 0; c < 3; c++) code[c] = __ldg(p + c);
}

__device__ __forceinline__ void light_of_codes(const reader &r, const int code[3], float light[3]) {
    if (r.sycc) {
        from_ycc(code, light);
        for (int c = 0; c < 3; c++) light[c] = curve(r.curve, light[c], 2);
    } else {
        for (int c = 0; c < 3; c++) light[c] = __ldg(r.table + code[c]);
    }
    system_gamma(r.system_gamma, light);
}

/* A sample: of a plane, or one of a pixel's. */
template <class T> __device__ __forceinline__ T sample_at(const view &v, uint32_t x, uint32_t y, int c) {
    const unsigned char *const row = v.data + (ptrdiff_t)y * v.stride;
    return __ldg(reinterpret_cast<const T *>(v.plane_stride ? row + c * v.plane_stride : row + c * sizeof(T)) +
                 (v.plane_stride ? (size_t)x : (size_t)x * (size_t)v.channels));
}

/* Three halves, of which the bits are those of a half's upper ones. */
__device__ __forceinline__ void small_floats(uint32_t word, float rgb[3]) {
    rgb[0] = low_half((word & 0x7ffu) << 4);
    rgb[1] = low_half((word >> 11 & 0x7ffu) << 4);
    rgb[2] = low_half(word >> 22 << 5);
}

__device__ __forceinline__ void shared_exponent(uint32_t word, float rgb[3]) {
    const float scale = __int_as_float((int32_t)(((word >> 27) + (127u - 24u)) << 23));
    for (int c = 0; c < 3; c++) rgb[c] = __fmul_rn((float)(word >> 9 * c & 511u), scale);
}

/* A pixel's light. The view is aligned (is_aligned). */
__device__ __forceinline__ void load(const reader &r, const view &v, uint32_t x, uint32_t y, float light[3]) {
    if (r.type == GMLP_U8 || r.type == GMLP_BGRA8) {
        int code[3];
        for (int c = 0; c < 3; c++)
            if (v.plane_stride) code[c] = sample_at<unsigned char>(v, x, y, c);
            else code[c] = __ldg(v.data + (ptrdiff_t)y * v.stride + (size_t)x * (size_t)v.channels +
                                 (r.type == GMLP_BGRA8 ? 2 - c : c));
        light_of_codes(r, code, light);
        return;
    }
    if (r.type == GMLP_U16) {
        for (int c = 0; c < 3; c++) light[c] = __fmul_rn((float)sample_at<uint16_t>(v, x, y, c), 1.0f / 65535.0f);
    } else if (r.type == GMLP_F16) {
        for (int c = 0; c < 3; c++) light[c] = low_half(sample_at<uint16_t>(v, x, y, c));
    } else if (r.type == GMLP_F32) {
        for (int c = 0; c < 3; c++) light[c] = sample_at<float>(v, x, y, c);
    } else {
        const uint32_t word = __ldg(reinterpret_cast<const uint32_t *>(v.data + (ptrdiff_t)y * v.stride) + x);
        if (r.type == GMLP_R11G11B10F) small_floats(word, light);
        else if (r.type == GMLP_RGB9E5) shared_exponent(word, light);
        else for (int c = 0; c < 3; c++) light[c] = __fdiv_rn((float)(word >> 10 * c & 1023u), 1023.0f);
    }
    const int unit = r.type == GMLP_U16 || r.type == GMLP_RGB10A2;
    for (int c = 0; c < 3; c++) light[c] = curve(r.curve, light[c], unit);
    system_gamma(r.system_gamma, light);
}

/* writing */

/* The whole number next to v, |v| below 2^22; of two the even one. */
__device__ __forceinline__ int nearest(float v) {
    return __float_as_int(__fadd_rn(v, 12582912.0f)) - 0x4b400000;
}

/* floor(v + 0.5) */
__device__ __forceinline__ float half_up(float v) {
    const float whole = rintf(v);
    return __fadd_rn(whole, 0.49999997f < __fsub_rn(v, whole) ? 1.0f : 0.0f);
}

/* a, not negative, as a float of 5 bits of exponent and M of mantissa. */
template <int M> __device__ __forceinline__ uint32_t short_float(float a) {
    const int32_t bits = __float_as_int(a), step = (136 - M) << 23, half = (1 << (22 - M)) - 1 - 0x38000000;
    const int32_t normal = (bits + half + (bits >> (23 - M) & 1)) >> (23 - M);
    const int32_t tiny = __float_as_int(__fadd_rn(a, __int_as_float(step))) - step;
    return (uint32_t)(a < 6.103515625e-5f ? tiny : normal);
}

__device__ __forceinline__ uint32_t to_half(float v) {
    const uint32_t half = nearest_half(v);
    return v == v ? half : 0x7e00u | (__float_as_uint(v) >> 16 & 0x8000u);
}

/* Light x whose tone is y to 8 bits. */
__device__ __forceinline__ uint32_t code8(const writer &w, float x, float y) {
    const float v = __fmaf_rn(y, 255.0f, w.offset), error = 1.0f / 4096.0f;
    const float whole = __fsub_rn(__fadd_rn(v, 12582912.0f), 12582912.0f);
    int code = nearest(v);
    if (__fsub_rn(0.5f, fabsf(__fsub_rn(v, whole))) < error) { /* in doubt: light decides */
        code = nearest(most(__fsub_rn(v, error), 0.0f));
        code += !(clamped(x, 1e30f) < __ldg(w.table + code + 1));
    }
    return (uint32_t)code;
}

/* Three tones to mantissas and their exponent. */
__device__ __forceinline__ uint32_t share_exponent(const float tone[3]) {
    float v[3], high = 1.52587890625e-5f;
    uint32_t word;
    for (int c = 0; c < 3; c++) {
        v[c] = clamped(tone[c], 65408.0f);
        high = most(v[c], high);
    }
    int32_t e = (__float_as_int(high) >> 23) - (127 - 16);
    e += 511.5f < half_up(__fmul_rn(high, __int_as_float((127 + 24 - e) << 23)));
    word = (uint32_t)e << 27;
    for (int c = 0; c < 3; c++)
        word |= (uint32_t)nearest(half_up(__fmul_rn(v[c], __int_as_float((127 + 24 - e) << 23)))) << 9 * c;
    return word;
}

/* Light to codes; floats are theirs as bits. RGB9E5: the first one has all. */
__device__ __forceinline__ void encode(const writer &w, float light[3], uint32_t code[3]) {
    float tone[3];
    system_gamma(w.system_gamma, light);
    GMLP_GPU_UNROLL
    for (int c = 0; c < 3; c++) {
        float y = curve(w.curve, light[c], w.unit);
        if (w.integer && !w.unit) y = clamped(y, 1.0f);
        if (!w.integer && w.clamp_negative) y = clamped(y, __int_as_float(0x7f800000));
        tone[c] = y;
        switch (w.type) {
            case GMLP_U8: case GMLP_BGRA8: code[c] = code8(w, light[c], y); break;
            case GMLP_U16: code[c] = (uint32_t)nearest(__fmaf_rn(y, 65535.0f, w.offset)); break;
            case GMLP_RGB10A2: code[c] = (uint32_t)nearest(__fmaf_rn(y, 1023.0f, w.offset)); break;
            case GMLP_F16: code[c] = to_half(y); break;
            case GMLP_R11G11B10F:
                code[c] = c < 2 ? short_float<6>(clamped(y, 65024.0f)) : short_float<5>(clamped(y, 64512.0f));
                break;
            default: code[c] = __float_as_uint(y); break;
        }
    }
    if (w.type == GMLP_RGB9E5) code[0] = share_exponent(tone);
}

/* The code of alpha, from that of a base of 8 bits; below 0: there is none. */
__device__ __forceinline__ uint32_t alpha_code(const writer &w, int source) {
    const float a = __fmul_rn((float)source, 1.0f / 255.0f);
    const bool opaque = source < 0;
    switch (w.type) {
        case GMLP_F32: return opaque ? 0x3f800000u : __float_as_uint(clamped(a, 1.0f));
        case GMLP_F16: return opaque ? 0x3c00u : to_half(clamped(a, 1.0f));
        case GMLP_U16: return opaque ? 65535u : (uint32_t)nearest(__fmaf_rn(clamped(a, 1.0f), 65535.0f, 0.0f));
        case GMLP_RGB10A2: return opaque ? 3u : (uint32_t)nearest(__fmaf_rn(clamped(a, 1.0f), 3.0f, 0.0f));
        default: return opaque ? 255u : (uint32_t)nearest(__fmaf_rn(clamped(a, 1.0f), 255.0f, 0.0f));
    }
}

/* A pixel as it lies in memory, in its first bytes. */
__device__ __forceinline__ uint4 packed(const writer &w, const uint32_t code[3], uint32_t alpha) {
    const uint32_t a = w.channels == 4 ? alpha : 0u;
    switch (w.type) {
        case GMLP_U8: return make_uint4(code[0] | code[1] << 8 | code[2] << 16 | a << 24, 0, 0, 0);
        case GMLP_BGRA8: return make_uint4(code[2] | code[1] << 8 | code[0] << 16 | a << 24, 0, 0, 0);
        case GMLP_U16: case GMLP_F16: return make_uint4(code[0] | code[1] << 16, code[2] | a << 16, 0, 0);
        case GMLP_RGB10A2: return make_uint4(code[0] | code[1] << 10 | code[2] << 20 | a << 30, 0, 0, 0);
        case GMLP_R11G11B10F: return make_uint4(code[0] | code[1] << 11 | code[2] << 22, 0, 0, 0);
        case GMLP_RGB9E5: return make_uint4(code[0], 0, 0, 0);
        default: return make_uint4(code[0], code[1], code[2], a);
    }
}

/* Its bytes to a place, shared memory or any, that is a multiple of its samples' size, or of 4. */
template <class P> __device__ __forceinline__ void put_packed(P at, uint4 pixel, int size) {
    switch (size) {
        case 3:
            at[0] = (unsigned char)pixel.x;
            at[1] = (unsigned char)(pixel.x >> 8);
            at[2] = (unsigned char)(pixel.x >> 16);
            break;
        case 6: {
            auto half = cast<uint16_t>(at);
            half[0] = (uint16_t)pixel.x;
            half[1] = (uint16_t)(pixel.x >> 16);
            half[2] = (uint16_t)pixel.y;
            break;
        }
        default: {
            auto word = cast<uint32_t>(at);
            word[0] = pixel.x;
            if (size > 4) word[1] = pixel.y;
            if (size > 8) word[2] = pixel.z;
            if (size > 12) word[3] = pixel.w;
            break;
        }
    }
}

/* To memory anywhere. */
__device__ __forceinline__ void put_bytes(unsigned char *at, uint32_t word, int n) {
    GMLP_GPU_ROLL
    for (int i = 0; i < n; i++) at[i] = (unsigned char)(word >> 8 * i);
}

__device__ __forceinline__ int sample_size(int type) {
    return type == GMLP_U8 ? 1 : type == GMLP_U16 || type == GMLP_F16 ? 2 : type == GMLP_F32 ? 4 : 0;
}

/* A pixel to where a view has it, for what is not packed rows: planes, alpha that is kept, odd addresses. */
__device__ __forceinline__ void put_pixel(const writer &w, const view &out, uint32_t x, uint32_t y, int size,
                                          const uint32_t code[3], uint32_t alpha) {
    unsigned char *const row = out.data + (ptrdiff_t)y * out.stride;
    const bool keep = w.channels == 4 && w.alpha == GMLP_ALPHA_KEEP;
    uint4 p;
    if (out.plane_stride) {
        const int n = sample_size(w.type);
        GMLP_GPU_ROLL
        for (int c = 0; c < (w.channels == 4 && !keep ? 4 : 3); c++)
            put_bytes(row + c * out.plane_stride + (size_t)x * (size_t)n,
                      c == 0 ? code[0] : c == 1 ? code[1] : c == 2 ? code[2] : alpha, n);
        return;
    }
    unsigned char *const at = row + (size_t)x * (size_t)size;
    if (keep && w.type == GMLP_RGB10A2) alpha = at[3] >> 6;
    p = packed(w, code, alpha);
    if (keep && w.type != GMLP_RGB10A2) size = size / 4 * 3; /* the last sample stays */
    GMLP_GPU_ROLL
    for (int i = 0; i < size; i += 4)
        put_bytes(at + i, i == 0 ? p.x : i == 4 ? p.y : i == 8 ? p.z : p.w, min(size - i, 4));
}

/* A window around pixels. radius 0: the pixel itself; in training, there is none. */
struct window {
    int radius;
    uint32_t half, factor, last;  /* mean = ((sum + half) * factor >> 16) * last >> 16 */
};

/* As gmlp__windows_init. */
static window window_of(int radius) {
    const uint32_t side = 2u * (uint32_t)radius + 1u, area = side * side;
    uint32_t bits = 16;
    while (area >> (bits - 15)) bits++;
    const window w = {radius, area / 2, ((1u << bits) + area - 1) / area, 1u << (32 - bits)};
    return w;
}

#ifndef GMLP_DECODE_ONLY
/* ---------------------------------------------------------------------------------------
   >>collect: samples
*/

/* A training: what is kept between its calls. The samples lie in the lane's memory SAMPLES. */
struct work {
    gmlp_cuda *c;
    lane_of_work *lane;
    view base, wide;              /* on the GPU */
    size_t sample_count;
};

/* Which pixels samples may come from: all; saturated ones, by codes of red, green and blue or of sYCC; or, as the first
   of two classes, those out of gamut. */
enum { ALL, SATURATED, SATURATED_YCC, OUT_OF_GAMUT };

/* gmlp_device_pictures as kernels have it. */
struct pictures {
    view base, wide;
    reader read_base, read_wide;
    signals domain;
    float to_srgb[9], to_wide[9];
    int finds_og, method, margin, two_classes;
    uint32_t clipped_share;
    window windows[GMLP_WINDOWS];
};

enum {
    ROW_THREADS = 256,
    ROW_WARPS = ROW_THREADS / 32,
    PIECE_WORDS = 128,            /* of a bit for each pixel */
    PIECE = 32 * PIECE_WORDS      /* pixels of a row that a block has in shared memory */
};

/* Values of a pixel of the original. */
__device__ __forceinline__ void wide_values(const pictures &p, uint32_t x, uint32_t y, float value[3]) {
    load(p.read_wide, p.wide, x, y, value);
    for (int c = 0; c < 3; c++)
        value[c] = p.domain.signal.kind == NO_CURVE ? clamped(value[c], 1.0f) : signal_of(p.domain, value[c]);
}

/* Values of a pixel of the base. */
__device__ __forceinline__ void base_values(const pictures &p, const int code[3], float value[3]) {
    light_of_codes(p.read_base, code, value);
    matrix(p.to_wide, value);
    if (p.domain.signal.kind != NO_CURVE)
        for (int c = 0; c < 3; c++) value[c] = signal_of(p.domain, value[c]);
}

/* gmlp__kernels.out_of_gamut of the original's values */
__device__ __forceinline__ bool is_out_of_gamut(const pictures &p, const float value[3]) {
    const float low = -1e-6f, high = 1.0f + 1e-6f; /* GMLP__GAMUT_TOLERANCE */
    float rgb[3] = {value[0], value[1], value[2]};
    bool inside = true;
    matrix(p.to_srgb, rgb);
    for (int c = 0; c < 3; c++) inside = inside && low < rgb[c] && rgb[c] < high;
    if (most(rgb[0], most(rgb[1], rgb[2])) < 0.0f || 1.0f < least(rgb[0], least(rgb[1], rgb[2]))) return false;
    return !inside;
}

/* How many pixels a thread asks this of at once: of several where each is little more than a load. */
template <int WHICH> __device__ __forceinline__ constexpr int at_once() { return WHICH == OUT_OF_GAMUT ? 1 : 4; }

template <int WHICH> __device__ __forceinline__ bool is_candidate(const pictures &p, uint32_t x, uint32_t y) {
    if (WHICH == OUT_OF_GAMUT) {
        float value[3];
        wide_values(p, x, y, value);
        return is_out_of_gamut(p, value);
    }
    if (WHICH == SATURATED || WHICH == SATURATED_YCC) {
        int code[3];
        float tone[3];
        codes_at(p.base, x, y, code);
        if (WHICH == SATURATED) return is_saturated(code, p.margin);
        from_ycc(code, tone);
        return is_near_ends(tone, p.margin);
    }
    return true;
}

__device__ __forceinline__ uint32_t warp_sum(uint32_t n) {
    for (int far = 16; far; far /= 2) n += __shfl_xor_sync(0xffffffffu, n, far);
    return n;
}

/* The candidates of each row: a block a row. */
struct counting {
    pictures p;
    uint32_t *count;
};
template <int WHICH> __global__ void __launch_bounds__(ROW_THREADS) count_row(const counting t) {
    const shared<uint32_t> sums = cast<uint32_t>(shared_memory());
    const uint32_t y = blockIdx.x, width = t.p.base.width;
    uint32_t n = 0;
    for (uint32_t from = threadIdx.x; from < width; from += (uint32_t)at_once<WHICH>() * ROW_THREADS)
        for (int k = 0; k < at_once<WHICH>(); k++) {
            const uint32_t x = from + (uint32_t)k * ROW_THREADS;
            n += is_candidate<WHICH>(t.p, min(x, width - 1u), y) & (x < width);
        }
    n = warp_sum(n);
    if (lane_of() == 0) sums[threadIdx.x / 32u] = n;
    __syncthreads();
    if (threadIdx.x >= 32u) return;
    n = warp_sum(lane_of() < ROW_WARPS ? (uint32_t)sums[lane_of()] : 0u);
    if (threadIdx.x == 0) t.count[y] = n;
}

/* The brightest channel of all pixels, as a float's bits: those of floats from 0 on have the same order. */
struct brightness {
    view wide;
    reader read;
    int *bits;
};
static __global__ void __launch_bounds__(ROW_THREADS) brightest_of_row(const brightness t) {
    const shared<float> values = cast<float>(shared_memory());
    const uint32_t y = blockIdx.x;
    float value = 0.0f;
    for (uint32_t x = threadIdx.x; x < t.wide.width; x += ROW_THREADS) {
        float light[3];
        load(t.read, t.wide, x, y, light);
        for (int c = 0; c < 3; c++) value = most(light[c], value); /* not NaN */
    }
    for (int far = 16; far; far /= 2) value = most(__shfl_xor_sync(0xffffffffu, value, far), value);
    if (lane_of() == 0) values[threadIdx.x / 32u] = value;
    __syncthreads();
    if (threadIdx.x) return;
    for (int i = 1; i < ROW_WARPS; i++) value = most(values[i], value);
    atomicMax(t.bits, __float_as_int(value));
}

/* gmlp__sycc_clip */
__device__ __forceinline__ int round16(int v) { return (int)((uint32_t)(v + 0x2008000) >> 16) - 512; }
__device__ __forceinline__ int clip_code(int v) { return min(max(v, 0), 255); }
__device__ __forceinline__ void sycc_clip(int code[3]) {
    const int y = code[0], b = code[1] - 128, r = code[2] - 128;
    const int red = clip_code(y + round16(91881 * r)), green = clip_code(y - round16(22554 * b + 46802 * r)),
              blue = clip_code(y + round16(116130 * b));
    code[0] = round16(19595 * red + 38470 * green + 7471 * blue);
    code[1] = clip_code(128 + round16(32768 * blue - 11059 * red - 21709 * green));
    code[2] = clip_code(128 + round16(32768 * red - 27439 * green - 5329 * blue));
}

/* The sums of the codes around a pixel; those beyond the picture are its outermost ones again. Away from its left and
   right edge by words, three of which have whole pixels: sums of their bytes 0 and 2, and of 1 and 3, in half a word
   each (15 rows of 5 pixels at most). */
template <int CHANNELS>
__device__ __forceinline__ void window_sums(const view &v, uint32_t x, uint32_t y, int radius, uint32_t sum[3]) {
    const int last_row = (int)v.height - 1, last_column = (int)v.width - 1, left = (int)x - radius;
    const int span = (2 * radius + 1) * CHANNELS;
    sum[0] = sum[1] = sum[2] = 0;
    if (left < 1 || (int)x + radius + 1 > last_column) {
        for (int i = (int)y - radius; i <= (int)y + radius; i++) {
            const unsigned char *const row = v.data + (ptrdiff_t)min(max(i, 0), last_row) * v.stride;
            for (int j = left; j <= (int)x + radius; j++) {
                const unsigned char *const p = row + min(max(j, 0), last_column) * CHANNELS;
                for (int c = 0; c < 3; c++) sum[c] += __ldg(p + c);
            }
        }
        return;
    }
    uint32_t even[3] = {0, 0, 0}, odd[3] = {0, 0, 0};
    for (int i = (int)y - radius; i <= (int)y + radius; i++) {
        const unsigned char *const first = v.data + (ptrdiff_t)min(max(i, 0), last_row) * v.stride + left * CHANNELS;
        const int off = (int)((uintptr_t)first & 3u), end = span + off;
        const uint32_t *const words = reinterpret_cast<const uint32_t *>(first - off);
        const uint32_t place = 0x3210u + 0x1111u * (uint32_t)off;
        uint32_t word = __ldg(words);
        for (int j = 0; j < span; j += 12)
            for (int k = 0; k < 3; k++) {
                const int at = j + 4 * k, rest = span - at;
                const uint32_t next = at + 4 < end ? __ldg(words + at / 4 + 1) : 0u;
                uint32_t four = __byte_perm(word, next, place);
                if (rest < 4) four = rest <= 0 ? 0u : four & ((1u << 8 * rest) - 1u);
                even[k] += four & 0xff00ffu;
                odd[k] += four >> 8 & 0xff00ffu;
                word = next;
            }
    }
    if (CHANNELS == 4) {
        for (int k = 0; k < 3; k++) {
            sum[0] += even[k] & 65535u;
            sum[1] += odd[k] & 65535u;
            sum[2] += even[k] >> 16;
        }
    } else {
        sum[0] = (even[0] & 65535u) + (odd[0] >> 16) + (even[1] >> 16) + (odd[2] & 65535u);
        sum[1] = (odd[0] & 65535u) + (even[1] & 65535u) + (odd[1] >> 16) + (even[2] >> 16);
        sum[2] = (even[0] >> 16) + (odd[1] & 65535u) + (even[2] & 65535u) + (odd[2] >> 16);
    }
}

/* The means of a window, to the nearest code: divided as gmlp__kernels.divide does. */
__device__ __forceinline__ void window_means(const pictures &p, const window &w, uint32_t x, uint32_t y,
                                             int mean[3]) {
    uint32_t sum[3];
    mean[0] = mean[1] = mean[2] = 0;
    if (!w.radius) return;
    if (p.base.channels == 4) window_sums<4>(p.base, x, y, w.radius, sum);
    else window_sums<3>(p.base, x, y, w.radius, sum);
    for (int c = 0; c < 3; c++) mean[c] = (int)(((sum[c] + w.half) * w.factor >> 16) * w.last >> 16);
}

/* gmlp__maps: what a network is to give. */
__device__ __forceinline__ float map_of(int method, float base, float original) {
    const double e = 1.0 / 64.0, s = __dadd_rn((double)base, e), h = __dadd_rn((double)original, e); /* GMLP__MAP_E */
    switch (method) {
        case GMLP_METHOD_GAIN: return (float)__ddiv_rn(h, s);
        case GMLP_METHOD_GAMMA: return (float)__ddiv_rn(log2_of(h), log2_of(s < 1.0 - e ? s : 1.0 - e));
        case GMLP_METHOD_DIRECT: return original;
        default: return __fsub_rn(original, base);
    }
}

struct collecting {
    pictures p;
    const uint64_t (*rank)[2];
    uint64_t keep, step[2];       /* keep: of the first class */
    const uint32_t *place;
    gmlp_device_sample *samples;
    unsigned long long *out_of_gamut;
};

/* Writes a sample; is it out of gamut? */
__device__ __forceinline__ bool write_sample(const collecting &t, uint32_t x, uint32_t y, uint32_t place) {
    const pictures &p = t.p;
    const bool clipped = p.clipped_share && place % p.clipped_share == p.clipped_share - 1u;
    float base[3], wide[3];
    uint64_t means = 0;
    int code[3];
    bool og = false;
    codes_at(p.base, x, y, code);
    wide_values(p, x, y, wide);
    if (p.finds_og) og = is_out_of_gamut(p, wide);
    for (int i = 0; i < GMLP_WINDOWS; i++) {
        int mean[3];
        window_means(p, p.windows[i], x, y, mean);
        if (clipped) sycc_clip(mean);
        means |= (uint64_t)(mean[0] | mean[1] << 8 | mean[2] << 16) << 24 * i;
    }
    if (clipped) sycc_clip(code);
    base_values(p, code, base);
    static_assert(sizeof(gmlp_device_sample) == 40 && GMLP_WINDOWS == 2, "words as written here");
    uint2 *const to = reinterpret_cast<uint2 *>(t.samples + place);
    uint32_t target[3];
    for (int c = 0; c < 3; c++) target[c] = __float_as_uint(map_of(p.method, base[c], wide[c]));
    to[0] = make_uint2(y | x << 16, (uint32_t)(code[0] | code[1] << 8 | code[2] << 16) | (uint32_t)means << 24);
    to[1] = make_uint2((uint32_t)(means >> 8), (uint32_t)(means >> 40) | (og ? 256u : 0u));
    to[2] = make_uint2(target[0], target[1]);
    to[3] = make_uint2(target[2], __float_as_uint(base[0]));
    to[4] = make_uint2(__float_as_uint(base[1]), __float_as_uint(base[2]));
    return og;
}

/* The samples of each row: a block a row. A candidate's rank follows from the bits of those before it. Kept ones of a
   class have slots without a gap between, so that their list, in shared memory, has places by their slots; then all
   threads have samples to make, although few pixels give one. */
template <int WHICH> __global__ void __launch_bounds__(ROW_THREADS, 3) collect_row(const collecting t) {
    const shared<uint32_t> bits = cast<uint32_t>(shared_memory());
    const shared<uint16_t> list = cast<uint16_t>(shared_memory() + PIECE_WORDS * sizeof(uint32_t));
    const uint32_t y = blockIdx.x, width = t.p.base.width, lane = (uint32_t)lane_of(), warp = threadIdx.x / 32u;
    const bool classes = t.p.two_classes != 0;
    uint64_t rank[2] = {t.rank[y][0], t.rank[y][1]};
    uint32_t og = 0;
    for (uint32_t from = 0; from < width; from += PIECE) {
        const uint32_t columns = min(width - from, (uint32_t)PIECE);
        const uint32_t words = (columns + 127u) / 128u * 4u;
        uint32_t mine[PIECE_WORDS / 32], before[PIECE_WORDS / 32], total = 0, count[2];
        uint64_t slot[2];
        for (uint32_t w = 4u * warp; w < words; w += 4u * ROW_WARPS)
            for (uint32_t k = 0; k < 4u; k += (uint32_t)at_once<WHICH>()) {
                bool yes[at_once<WHICH>()];
                for (uint32_t i = 0; i < (uint32_t)at_once<WHICH>(); i++) {
                    const uint32_t x = from + 32u * (w + k + i) + lane;
                    yes[i] = is_candidate<WHICH>(t.p, min(x, width - 1u), y) & (x < width);
                }
                for (uint32_t i = 0; i < (uint32_t)at_once<WHICH>(); i++) {
                    const unsigned word = __ballot_sync(0xffffffffu, yes[i]);
                    if (lane == 0) bits[w + k + i] = word;
                }
            }
        __syncthreads();
        for (uint32_t j = 0; j < PIECE_WORDS / 32; j++) { /* each warp for itself: candidates before each word */
            mine[j] = 32u * j + lane < words ? (uint32_t)bits[32u * j + lane] : 0u;
            const uint32_t own = (uint32_t)__popc(mine[j]);
            uint32_t sum = own;
            for (unsigned far = 1; far < 32; far *= 2) {
                const uint32_t other = __shfl_up_sync(0xffffffffu, sum, far);
                sum += lane >= far ? other : 0u;
            }
            before[j] = total + sum - own;
            total += __shfl_sync(0xffffffffu, sum, 31);
        }
        slot[0] = rank[0] * t.step[0] >> 32;
        slot[1] = rank[1] * t.step[1] >> 32;
        count[0] = (uint32_t)(((rank[0] + total) * t.step[0] >> 32) - slot[0]);
        count[1] = classes ? (uint32_t)(((rank[1] + (columns - total)) * t.step[1] >> 32) - slot[1]) : 0u;
        for (uint32_t j = 0; j < PIECE_WORDS / 32; j++)
            for (uint32_t k = 0; k < 32u / ROW_WARPS; k++) {
                const uint32_t at = warp * (32u / ROW_WARPS) + k, i = 32u * (32u * j + at) + lane;
                const uint32_t word = __shfl_sync(0xffffffffu, mine[j], (int)at);
                uint32_t first = __shfl_sync(0xffffffffu, before[j], (int)at);
                if (!word && !classes) continue;
                first += (uint32_t)__popc(word & ((1u << lane) - 1u));
                const bool is_first = (word >> lane & 1u) != 0;
                if (i >= columns || (!is_first && !classes)) continue;
                const uint64_t r = is_first ? rank[0] + first : rank[1] + (i - first);
                const uint64_t step = is_first ? t.step[0] : t.step[1], s = r * step >> 32;
                if ((r + 1u) * step >> 32 > s)
                    list[(ptrdiff_t)(is_first ? s - slot[0] : count[0] + (s - slot[1]))] = (uint16_t)i;
            }
        __syncthreads();
        for (uint32_t i = threadIdx.x; i < count[0] + count[1]; i += ROW_THREADS) {
            const uint32_t x = from + (uint32_t)(uint16_t)list[i];
            const uint64_t s = i < count[0] ? slot[0] + i : t.keep + slot[1] + (i - count[0]);
            const bool is_og = write_sample(t, x, y, __ldg(t.place + s));
            og += is_og && !classes;
        }
        rank[0] += total;
        rank[1] += columns - total;
        og += classes && threadIdx.x == 0 ? total : 0u; /* of all pixels */
    }
    og = warp_sum(og);
    if (lane == 0 && og) atomicAdd(t.out_of_gamut, (unsigned long long)og);
}

/* Sums over chunks of samples, in order: a warp brings 32 samples at a time, while its first thread adds up the targets
   of those before and its second one the colours. */
struct measuring {
    const gmlp_device_sample *samples;
    size_t count;
    gmlp_device_moments (*moments)[2];
};
__device__ __forceinline__ void bring_six(const gmlp_device_sample &s, float value[6]) {
    for (int c = 0; c < 3; c++) {
        value[c] = __ldg(s.target + c);
        value[3 + c] = __ldg(s.color + c);
    }
}
static __global__ void __launch_bounds__(32) measure_chunk(const measuring t) {
    const shared<float> values = cast<float>(shared_memory()); /* [2][32][3] */
    const size_t begin = (size_t)blockIdx.x * GMLP_DEVICE_CHUNK, rest = t.count - begin;
    const gmlp_device_sample *const samples = t.samples + begin;
    const int n = (int)(rest < GMLP_DEVICE_CHUNK ? rest : GMLP_DEVICE_CHUNK), lane = lane_of();
    gmlp_device_moments m = {0.0, 0.0, 1e30, -1e30};
    float next[6];
    bring_six(samples[min(lane, n - 1)], next);
    for (int i = 0; i < n; i += 32) {
        __syncwarp();
        for (int k = 0; k < 6; k++) values[k / 3 * 96 + 3 * lane + k % 3] = next[k];
        __syncwarp();
        bring_six(samples[min(i + 32 + lane, n - 1)], next);
        for (int k = 0; k < 3 * min(n - i, 32) && lane < 2; k++) {
            const double v = (double)(float)values[lane * 96 + k];
            m.sum = __dadd_rn(m.sum, v);
            m.square = __dadd_rn(m.square, __dmul_rn(v, v));
            if (v < m.least) m.least = v;
            if (v > m.most) m.most = v;
        }
    }
    if (lane < 2) t.moments[blockIdx.x][lane] = m;
}

/* As lane_memory, of the host's memory. */
static gmlp_result lane_pinned(gmlp_cuda *c, lane_of_work *l, size_t size, void **at) {
    if (l->pinned_size < size) {
        done(cudaFreeHost(l->pinned));
        l->pinned = NULL;
        l->pinned_size = 0;
        GMLP_GPU_TRY(cudaMallocHost(&l->pinned, size));
        l->pinned_size = size;
    }
    *at = l->pinned;
    return GMLP_OK;
}

/* Copies what lies on the GPU and the library reads to where it can. */
static gmlp_result show(work *w, gmlp_image *base, gmlp_image *wide) {
    gmlp_image *const seen[2] = {owner_of(w->c, base->data) == HOST ? NULL : base,
                                 !wide || owner_of(w->c, wide->data) == HOST ? NULL : wide};
    size_t size = 0;
    void *at;
    for (int i = 0; i < 2; i++)
        if (seen[i]) size += aligned(packed_bytes(view_of(seen[i])));
    if (!size) return GMLP_OK;
    gmlp_result result = lane_pinned(w->c, w->lane, size, &at);
    for (int i = 0; i < 2 && !result; i++) {
        if (!seen[i]) continue;
        const view theirs = view_of(seen[i]), ours = packed_view(theirs, at);
        result = copy_rows(w->c, w->lane, theirs, ours, true, cudaMemcpyDeviceToHost);
        seen[i]->data = ours.data;
        seen[i]->stride = ours.stride;
        seen[i]->plane_stride = ours.plane_stride;
        at = (unsigned char *)at + aligned(packed_bytes(theirs));
    }
    return result ? result : outcome(w->c, cudaStreamSynchronize(w->lane->stream));
}

static void close_work(void *handle) {
    work *const w = (work *)handle;
    if (!w) return;
    const on_device here(w->c);
    if (w->lane) {
        done(cudaStreamSynchronize(w->lane->stream)); /* nothing reads the caller's pixels from here on */
        lane_give(w->c, w->lane);
    }
    free(w);
}

static gmlp_result open_work(void *user, const gmlp_image *base, const gmlp_image *wide, gmlp_image *seen_base,
                             gmlp_image *seen_wide, void **handle) {
    gmlp_cuda *const c = (gmlp_cuda *)user;
    const on_device here(c);
    work *const w = (work *)calloc(1, sizeof *w);
    *handle = NULL;
    if (!w) return GMLP_E_MEMORY;
    w->c = c;
    gmlp_result result = lane_take(c, &w->lane);
    if (!result) result = bring(c, w->lane, PICTURE_BASE, base, &w->base);
    if (!result) result = bring(c, w->lane, PICTURE_WIDE, wide, &w->wide);
    if (!result) result = show(w, seen_base, seen_wide);
    if (result) close_work(w);
    else *handle = w;
    return result;
}

/* The pictures as kernels have them, their tables in the lane's memory: twice, as put says. */
static void put_pictures(parcel *to, const work *w, const gmlp_device_pictures &from, pictures *p) {
    memset(p, 0, sizeof *p);
    p->base = w->base;
    p->wide = w->wide;
    p->read_base = put_reader(to, from.read_base);
    p->read_wide = put_reader(to, from.read_wide);
    p->domain = put_signals(to, from.domain);
    memcpy(p->to_srgb, from.to_srgb, sizeof p->to_srgb);
    memcpy(p->to_wide, from.to_wide, sizeof p->to_wide);
    p->finds_og = from.finds_og;
    p->method = from.method;
    p->margin = from.clip_margin;
    p->two_classes = from.two_classes;
    p->clipped_share = (uint32_t)from.clipped_share;
    for (int i = 0; i < GMLP_WINDOWS; i++) p->windows[i] = window_of(from.radius[i]);
}

static gmlp_result send_pictures(work *w, const gmlp_device_pictures &from, pictures *p) {
    parcel to = {NULL, NULL, 0};
    void *device;
    put_pictures(&to, w, from, p);
    const size_t size = to.used;
    gmlp_result result = lane_memory(w->c, w->lane, TABLES, size, &device);
    if (result) return result;
    to.host = (unsigned char *)calloc(1, size);
    if (!to.host) return GMLP_E_MEMORY;
    to.device = (unsigned char *)device;
    to.used = 0;
    put_pictures(&to, w, from, p);
    result = outcome(w->c, cudaMemcpyAsync(device, to.host, size, cudaMemcpyHostToDevice, w->lane->stream));
    free(to.host); /* pageable: it was read */
    return result;
}

static int candidates_of(const gmlp_device_pictures &p) {
    if (p.two_classes) return OUT_OF_GAMUT;
    if (p.mask != GMLP_MASK_SATURATED) return ALL;
    return p.read_base.sycc ? SATURATED_YCC : SATURATED;
}

static gmlp_result find_brightest(void *handle, const gmlp_device_pictures *from, double *light) {
    work *const w = (work *)handle;
    gmlp_cuda *const c = w->c;
    const on_device here(c);
    const cudaStream_t stream = w->lane->stream;
    pictures p;
    void *at;
    float found;
    gmlp_result result = send_pictures(w, *from, &p);
    if (!result) result = lane_memory(c, w->lane, COUNTS, sizeof(int), &at);
    if (result) return result;
    const brightness t = {w->wide, p.read_wide, (int *)at};
    GMLP_GPU_TRY(cudaMemsetAsync(at, 0, sizeof(int), stream));
    GMLP_GPU_TRY(launch(c, brightest_of_row, dim3(w->wide.height), dim3(ROW_THREADS), ROW_WARPS * sizeof(float), stream,
                        t, false));
    GMLP_GPU_TRY(cudaMemcpyAsync(&found, at, sizeof found, cudaMemcpyDeviceToHost, stream));
    GMLP_GPU_TRY(cudaStreamSynchronize(stream));
    *light = (double)found;
    return GMLP_OK;
}

static gmlp_result count_candidates(void *handle, const gmlp_device_pictures *from, int og, uint64_t (*rank)[2]) {
    work *const w = (work *)handle;
    gmlp_cuda *const c = w->c;
    const on_device here(c);
    const cudaStream_t stream = w->lane->stream;
    const uint32_t height = w->base.height, width = w->base.width;
    const int which = og ? (int)OUT_OF_GAMUT : candidates_of(*from);
    const size_t shared_bytes = ROW_WARPS * sizeof(uint32_t);
    counting t;
    void *at;
    for (uint32_t y = 0; y < height; y++) rank[y][0] = width, rank[y][1] = 0;
    if (which == ALL) return GMLP_OK;
    gmlp_result result = send_pictures(w, *from, &t.p);
    if (!result) result = lane_memory(c, w->lane, COUNTS, height * sizeof(uint32_t), &at);
    if (result) return result;
    t.count = (uint32_t *)at;
    GMLP_GPU_TRY(launch(c, which == OUT_OF_GAMUT ? count_row<OUT_OF_GAMUT>
                           : which == SATURATED  ? count_row<SATURATED> : count_row<SATURATED_YCC>,
                        dim3(height), dim3(ROW_THREADS), shared_bytes, stream, t, false));
    uint32_t *const counts = (uint32_t *)malloc(height * sizeof *counts);
    if (!counts) return GMLP_E_MEMORY;
    cudaError_t e = cudaMemcpyAsync(counts, at, height * sizeof *counts, cudaMemcpyDeviceToHost, stream);
    if (e == cudaSuccess) e = cudaStreamSynchronize(stream);
    for (uint32_t y = 0; y < height && e == cudaSuccess; y++) {
        rank[y][0] = counts[y];
        if (from->two_classes && !og) rank[y][1] = width - counts[y];
    }
    free(counts);
    return outcome(c, e);
}

/* What lies on the host, in the lane's memory of that name. */
static gmlp_result send(work *w, int name, const void *data, size_t size, void **at) {
    const gmlp_result result = lane_memory(w->c, w->lane, name, size, at);
    if (result) return result;
    return outcome(w->c, cudaMemcpyAsync(*at, data, size, cudaMemcpyHostToDevice, w->lane->stream));
}

static gmlp_result collect_samples(void *handle, const gmlp_device_pictures *from, const gmlp_device_choice *choice,
                                   uint64_t *out_of_gamut, gmlp_device_moments (*moments)[2]) {
    work *const w = (work *)handle;
    gmlp_cuda *const c = w->c;
    const on_device here(c);
    const cudaStream_t stream = w->lane->stream;
    const size_t n = choice->sample_count, chunks = (n + GMLP_DEVICE_CHUNK - 1) / GMLP_DEVICE_CHUNK;
    const size_t shared_bytes = PIECE_WORDS * sizeof(uint32_t) + PIECE * sizeof(uint16_t);
    const int which = candidates_of(*from);
    unsigned long long found = 0;
    collecting t;
    void *rank, *place, *samples, *sums, *count;
    w->sample_count = 0;
    gmlp_result result = send_pictures(w, *from, &t.p);
    if (!result) result = send(w, RANKS, choice->rank, w->base.height * sizeof *choice->rank, &rank);
    if (!result) result = send(w, PLACES, choice->place, n * sizeof *choice->place, &place);
    if (!result) result = lane_memory(c, w->lane, SAMPLES, n * sizeof(gmlp_device_sample), &samples);
    if (!result) result = send(w, COUNTS, &found, sizeof found, &count);
    if (!result && moments) result = lane_memory(c, w->lane, MOMENTS, chunks * sizeof *moments, &sums);
    if (result) return result;
    t.rank = (const uint64_t (*)[2])rank;
    t.keep = choice->keep[0];
    t.step[0] = choice->step_kept[0];
    t.step[1] = choice->step_kept[1];
    t.place = (const uint32_t *)place;
    t.samples = (gmlp_device_sample *)samples;
    t.out_of_gamut = (unsigned long long *)count;
    GMLP_GPU_TRY(launch(c, which == OUT_OF_GAMUT    ? collect_row<OUT_OF_GAMUT>
                           : which == SATURATED     ? collect_row<SATURATED>
                           : which == SATURATED_YCC ? collect_row<SATURATED_YCC> : collect_row<ALL>,
                        dim3(w->base.height), dim3(ROW_THREADS), shared_bytes, stream, t, false));
    GMLP_GPU_TRY(cudaMemcpyAsync(&found, count, sizeof found, cudaMemcpyDeviceToHost, stream));
    if (moments) {
        const measuring m = {t.samples, n, (gmlp_device_moments (*)[2])sums};
        GMLP_GPU_TRY(launch(c, measure_chunk, dim3((unsigned)chunks), dim3(32), 192 * sizeof(float), stream, m, false));
        GMLP_GPU_TRY(cudaMemcpyAsync(moments, sums, chunks * sizeof *moments, cudaMemcpyDeviceToHost, stream));
    }
    GMLP_GPU_TRY(cudaStreamSynchronize(stream));
    *out_of_gamut = found;
    w->sample_count = n;
    return GMLP_OK;
}

static gmlp_result copy_samples(void *handle, gmlp_device_sample *samples) {
    work *const w = (work *)handle;
    gmlp_cuda *const c = w->c;
    const on_device here(c);
    GMLP_GPU_TRY(cudaMemcpyAsync(samples, w->lane->memory[SAMPLES].at, w->sample_count * sizeof *samples,
                                 cudaMemcpyDeviceToHost, w->lane->stream));
    return outcome(c, cudaStreamSynchronize(w->lane->stream));
}

/* ---------------------------------------------------------------------------------------
   >>train: the training of a network, in one kernel

   One kernel does all steps. Its blocks share the samples of a step. A block takes them through the network a chunk at
   a time, 16 a warp, while the features of the next chunk are on their way into shared memory, and leaves the sum of
   their gradients. All blocks meet; each adds up a slice of all sums, in order; they meet again, and every block makes
   the same step on its own copy of the weights: that is quicker than to have one do it and the others wait.

   Products are of halves, summed in float, on the tensor cores; weights, moments and steps are float. Errors are scaled
   up, so that gradients are normal halves. Features lie in padded rows: each input's begin at a multiple of 8, so that
   they come and go 16 bytes at a time. Muon's products are of floats split into two halves each, where memory allows.
   A block's weights, moments and gradient are in shared memory if that has room (RESIDENT), else in the GPU's.
*/

enum { WARPS = 16, THREADS = 32 * WARPS, MOST_PIECES = 44, MOST_CHUNK = 128 };

/* The kernel is compiled for the widths of the presets that are used most, 32 and 48, whose weights are in shared
   memory (RESIDENT), and for all. A layer's neurons come in pairs of tiles, 16 of them, and some pairs at a time. */
enum { ANY_PAIRS = 0 };
template <int PAIRS> struct shape_of {
    enum {
        RESIDENT = PAIRS != ANY_PAIRS,
        GROUP = 2,
        UNITS = PAIRS == 3 ? 2 : 4 /* of Muon's tiles in a warp's registers: 128 x 128 in all */
    };
};

/* Errors are multiplied by this on their way back. */
#define GMLP_GPU_ERROR_SCALE 128.0f

/* The part-th 4 frequencies of an input: where they begin in its table, whose rows have so many parts. */
struct piece_of_features {
    uint32_t table;               /* from training.tables on, in uint4; NO_TABLE: of the colour */
    uint8_t input, part, parts, frequencies;
};
#define GMLP_GPU_NO_TABLE 0xffffffffu

/* i / d by a product: quotient(i, inverse_of(d)), for i d < 2^31. */
__host__ __device__ inline uint32_t inverse_of(int d) { return 0x7fffffffu / (uint32_t)d + 1u; }
__device__ __forceinline__ int quotient(int i, uint32_t inverse) { return (int)__umulhi(2u * (uint32_t)i, inverse); }

struct training {
    /* the network: sizes, and offsets in a block of weights, W1[features][wide] b1[wide] W2[wide][wide] b2[wide]
       W3[3][wide] b3[16] */
    int features, padded, width, wide, b1, w2, b2, w3, b3, count;
    int late_biases, muon, rounding, split, together, resident;
    float step_size[3], per_step[3]; /* and 1 / step */
    /* features of inputs, by row of a table, in words of a sine and a cosine; NULL: of the colour */
    const uint4 *tables;
    int pieces;
    piece_of_features piece[MOST_PIECES];
    const uint16_t *feature;      /* [padded] which one a padded row is, 65535: none; [features] the other way */
    /* the samples */
    const gmlp_device_sample *samples;
    uint64_t seed;
    uint32_t sample_count;
    int draws, chunk, each_bits;  /* a sample has 1 << each_bits threads */
    float map_mean, per_map, input_mean, per_input, inside_weight, factor; /* per: 1 / range */
    uint32_t batch, first, last, iterations;
    const gmlp_device_step *steps; /* of first.. */
    /* memory */
    const float *start;           /* [count] */
    float *state;                 /* [blocks][3][count]: weights, moments */
    float *partial;               /* [blocks][count] */
    float *sum;                   /* [count] */
    float *loss;                  /* [blocks] */
    unsigned *counter;
};

/* A block's shared memory, as offsets in bytes. In the update the activations' is Muon's. */
struct training_memory {
    uint32_t feature, goal, sample, buffer; /* buffer: bytes from these to the other ones */
    uint32_t w1, w2, w3, bias, h1, h2, d1, d2, d3, scratch, map, piece, state, all; /* map: t.feature */
    int feature_row, row;         /* halves */
};

__host__ __device__ inline uint32_t aligned32(uint32_t n) { return (n + 15u) & ~15u; }

/* A matrix of Muon's: X, of at least as many rows as columns, and A = X^T X, each as higher halves and, if split, lower
   ones behind them; of width 32 three more of A's size, P, Q and B. Offsets in bytes from h1. j: 0 for W1, 1 for W2.
   PAIRS: the kernel's, of which much is known. */
struct muon_matrix {
    int rows, columns, row;       /* up to multiples of 16; halves from row to row, of A too */
    uint32_t x, a, square, end;   /* square: bytes of A */
    int offset, in_rows;          /* in the block of weights */
    bool turned;
    uint32_t per_side;            /* inverse_of(columns / 16) */
};

template <int PAIRS> __host__ __device__ __forceinline__ int wide_of(const training &t) {
    return PAIRS != ANY_PAIRS ? 16 * PAIRS : t.wide;
}
template <int PAIRS> __host__ __device__ __forceinline__ bool is_split(const training &t) {
    return PAIRS != ANY_PAIRS || t.split;
}

template <int PAIRS> __host__ __device__ __forceinline__ muon_matrix matrix_of(const training &t, int j) {
    muon_matrix m;
    const int parts = is_split<PAIRS>(t) ? 2 : 1, f = (t.features + 15) / 16 * 16, wide = wide_of<PAIRS>(t);
    m.turned = PAIRS == ANY_PAIRS && !j && t.features < t.width;
    m.rows = j || m.turned ? wide : f;
    m.columns = m.turned ? f : wide;
    m.row = m.columns + 8;
    m.square = aligned32((uint32_t)(parts * m.columns * m.row) * 2);
    const uint32_t squares = (t.resident && wide == 32 ? 4u : 1u) * m.square;
    m.x = 0;
    if (j && (PAIRS != ANY_PAIRS || t.together)) /* behind that of W1, which has as many columns */
        m.x = aligned32((uint32_t)(parts * f * m.row) * 2) + squares;
    m.a = m.x + aligned32((uint32_t)(parts * m.rows * m.row) * 2);
    m.end = m.a + squares;
    m.offset = j ? t.w2 : 0;
    m.in_rows = j ? t.width : t.features;
    m.per_side = inverse_of(m.columns / 16);
    return m;
}

/* A block's own weights are with the rest (resident) in shared memory; their halves then stay while Muon works. */
__host__ __device__ inline training_memory lay_out(const training &t) {
    training_memory m;
    const uint32_t c = (uint32_t)t.chunk, row = (uint32_t)t.wide + 8;
    const uint32_t halves = aligned32((uint32_t)t.padded * row * 2) + aligned32((uint32_t)t.wide * row * 2) +
                            aligned32(8 * row * 2);
    uint32_t at, end;
    m.feature_row = t.padded + 8;
    m.row = (int)row;
    m.feature = 0;
    m.goal = aligned32(c * (uint32_t)m.feature_row * 2);
    m.sample = m.goal + c * 16;
    m.buffer = aligned32(m.sample + c * (uint32_t)sizeof(gmlp_device_sample));
    m.scratch = 2 * m.buffer;
    m.map = m.scratch + 64 * (uint32_t)sizeof(float);
    m.piece = aligned32(m.map + (uint32_t)(t.padded + t.features) * 2);
    m.bias = aligned32(m.piece + (uint32_t)t.pieces * (uint32_t)sizeof(piece_of_features));
    m.state = aligned32(m.bias + (uint32_t)((2 * t.wide + 16) * (int)sizeof(float)));
    m.w1 = m.state + (t.resident ? 4u * (uint32_t)t.count * (uint32_t)sizeof(float) : 0u);
    m.h1 = m.w1 + (t.resident ? halves : 0u); /* from here on Muon's */
    m.h2 = aligned32(m.h1 + c * row * 2);
    m.d1 = aligned32(m.h2 + c * row * 2);
    m.d2 = aligned32(m.d1 + c * row * 2);
    m.d3 = aligned32(m.d2 + c * row * 2);
    at = aligned32(m.d3 + c * 16);
    if (!t.resident) {
        m.w1 = at;
        at += halves;
    }
    m.w2 = m.w1 + aligned32((uint32_t)t.padded * row * 2);
    m.w3 = m.w2 + aligned32((uint32_t)t.wide * row * 2);
    end = m.h1;
    if (t.muon) {
        const uint32_t first = matrix_of<ANY_PAIRS>(t, 0).end, second = matrix_of<ANY_PAIRS>(t, 1).end;
        end += first > second ? first : second;
    }
    m.all = at > end ? at : end;
    return m;
}

/* Addresses that a lane gives for 16 x 16 halves in rows of so many: as they lie, in the order of a's fragments and in
   that of b's; load_matrices then turns them or not. a: stored [m][k]; [k][m]. b: stored [k][n]; [n][k]. */
__device__ __forceinline__ int place_across(int row) { /* the second 8 rows before the second 8 columns */
    const int l = lane_of();
    return (l % 8 + l / 8 % 2 * 8) * row + l / 16 * 8;
}
__device__ __forceinline__ int place_along(int row) { /* the second 8 columns first */
    const int l = lane_of();
    return (l % 8 + l / 16 * 8) * row + l / 8 % 2 * 8;
}

/* sums[2 pairs] += 16 rows of a, stored [m][k], times b: stored [k][n] (turned) or [n][k]. */
template <int GROUP, bool B_TURNED>
__device__ __forceinline__ void multiply_rows(float (*sums)[4], int pairs, shared<const uint16_t> a,
                                              int a_row, shared<const uint16_t> b, int b_row, int chunks) {
    a += place_across(a_row);
    b += B_TURNED ? place_across(b_row) : place_along(b_row);
    GMLP_GPU_UNROLL_2
    for (int k = 0; k < chunks; k++) {
        uint32_t x[4], y[4];
        load_matrices<false>(x, a + 16 * k);
#pragma unroll
        for (int p = 0; p < GROUP; p++)
            if (p < pairs) {
                load_matrices<B_TURNED>(y, b + (B_TURNED ? 16 * k * b_row + 16 * p : 16 * p * b_row + 16 * k));
                multiply_halves(sums[2 * p], x, y[0], y[1]);
                multiply_halves(sums[2 * p + 1], x, y[2], y[3]);
            }
    }
}

/* How samples are drawn: SplitMix64, as gmlp__random. */
__device__ inline uint64_t random_of(uint64_t seed, uint64_t counter) {
    uint64_t z = seed + (counter + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* sin(pi a), good for halves. */
__device__ inline float sine_of(float a) {
    const float n = rintf(a), r = a - n, s = r * r;
    const float p = ((((0.077220127f * s - 0.59804517f) * s + 2.55003142f) * s - 5.16770697f) * s + 3.1415925f) * r;
    return ((int)n & 1) ? -p : p;
}

/* A chunk's place in the training. from: the step's first sample. */
struct place_of_chunk {
    uint32_t step, at, from;
};

/* A chunk's samples on their way into a buffer: five pieces of 8 bytes each. */
__device__ __forceinline__ void fetch_samples(const training &t, const training_memory &m, const place_of_chunk &c,
                                              uint32_t end, int buffer) {
    enum { PARTS = sizeof(gmlp_device_sample) / 8 };
    const shared<uint2> to = cast<uint2>(shared_memory() + ((uint32_t)buffer * m.buffer + m.sample));
#pragma unroll 1
    for (int k = (int)threadIdx.x; k < t.chunk * PARTS; k += THREADS) {
        const uint32_t mine = (uint32_t)k / PARTS, j = c.at + mine < end ? c.at + mine : c.at;
        uint32_t i = c.from + j;
        if (t.draws) i = (uint32_t)((random_of(t.seed, (uint64_t)c.step << 32 | j) >> 32) * t.sample_count >> 32);
        else if (i >= t.sample_count) i %= t.sample_count;
        copy_async8(to + k, (const uint2 *)(const void *)(t.samples + i) + k % PARTS);
    }
}

/* Their features and goals, once they are there. A sample has some threads. */
__device__ __forceinline__ void fetch_features(const training &t, const training_memory &m, const place_of_chunk &c,
                                               uint32_t end, int buffer) {
    const shared<unsigned char> memory = shared_memory() + (uint32_t)buffer * m.buffer;
    const int mine = (int)(threadIdx.x >> t.each_bits), each = 1 << t.each_bits, part = (int)threadIdx.x & (each - 1);
    const shared<uint4> to = cast<uint4>(memory + (m.feature + (uint32_t)(mine * m.feature_row) * 2));
    const shared<const unsigned char> sample = cast<const unsigned char>(memory + m.sample) +
                                               mine * (int)sizeof(gmlp_device_sample);
    const shared<const float> number = cast<const float>(sample + 16); /* targets, colours */
    const shared<const uint2> pieces = cast<const uint2>(shared_memory() + m.piece);
#pragma unroll 1
    for (int q = part; q < t.pieces; q += each) {
        const uint2 piece = pieces[q];
        const uint32_t input = piece.y & 255u, first = piece.y >> 8 & 255u;
        if (piece.x != GMLP_GPU_NO_TABLE) {
            uint32_t entry = sample[input < 2 ? 2 * input : input + 2];
            if (input < 2) entry |= (uint32_t)(unsigned char)sample[2 * input + 1] << 8;
            copy_async(to + q, t.tables + (piece.x + entry * (piece.y >> 16 & 255u)));
        } else {
            const float x = (number[3 + (int)input - 2] - t.input_mean) * t.per_input;
            uint32_t w[4];
#pragma unroll
            for (uint32_t i = 0; i < 4; i++) {
                const uint32_t k = first * 4 + i;
                const float a = x * (float)(1u << k);
                w[i] = k < piece.y >> 24 ? to_halves(sine_of(a), sine_of(a + 0.5f)) : 0u;
            }
            to[q] = make_uint4(w[0], w[1], w[2], w[3]);
        }
    }
    if (part == 0) {
        float4 goal;
        goal.x = (number[0] - t.map_mean) * t.per_map;
        goal.y = (number[1] - t.map_mean) * t.per_map;
        goal.z = (number[2] - t.map_mean) * t.per_map;
        goal.w = c.at + (uint32_t)mine >= end ? 0.0f : sample[13] ? 1.0f : t.inside_weight;
        cast<float4>(memory + m.goal)[mine] = goal;
    }
}

/* What rows have beyond their pieces: 0 for good. */
__device__ __forceinline__ void clear_padding(const training &t, const training_memory &m) {
    const int rest = t.padded / 8 - t.pieces; /* 0 or 1 */
    for (int i = (int)threadIdx.x; rest && i < 2 * t.chunk; i += THREADS) {
        const int buffer = i >= t.chunk, s = i - buffer * t.chunk;
        const uint32_t at = (uint32_t)buffer * m.buffer + m.feature + (uint32_t)(s * m.feature_row) * 2;
        cast<uint4>(shared_memory() + at)[t.pieces] = make_uint4(0, 0, 0, 0);
    }
}

/* Neurons' sums of 16 rows to halves: scaled, with bias, and not below 0. */
template <int GROUP>
__device__ __forceinline__ void store_activations(const float (*sums)[4], int pairs, float scale,
                                                  shared<const float> bias, shared<uint16_t> to, int row) {
    const int g = lane_of() / 4, t = lane_of() % 4;
#pragma unroll
    for (int i = 0; i < 2 * GROUP; i++)
        if (i < 2 * pairs) {
            const int n = 8 * i + 2 * t;
            const float a = bias[n], b = bias[n + 1];
            const shared<uint32_t> out = cast<uint32_t>(to + n);
            out[g * (row / 2)] = to_halves_above_0(sums[i][0] * scale + a, sums[i][1] * scale + b);
            out[(g + 8) * (row / 2)] = to_halves_above_0(sums[i][2] * scale + a, sums[i][3] * scale + b);
        }
}

/* Neurons' gradients of 16 rows to halves, 0 where the neuron was. */
template <int GROUP>
__device__ __forceinline__ void store_gradients(const float (*sums)[4], int pairs, float scale,
                                                shared<const uint16_t> h, shared<uint16_t> to, int row) {
    const int g = lane_of() / 4, t = lane_of() % 4;
#pragma unroll
    for (int i = 0; i < 2 * GROUP; i++)
        if (i < 2 * pairs) {
            for (int r = 0; r < 2; r++) {
                const int at = ((g + 8 * r) * row + 8 * i + 2 * t) / 2;
                const uint32_t was = cast<const uint32_t>(h)[at];
                cast<uint32_t>(to)[at] = to_halves_within(was & 0x7fffu ? sums[i][2 * r] * scale : 0.0f,
                                                          was & 0x7fff0000u ? sums[i][2 * r + 1] * scale : 0.0f);
            }
        }
}

template <int GROUP> __device__ __forceinline__ void clear(float (*sums)[4]) {
#pragma unroll
    for (int i = 0; i < 2 * GROUP; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) sums[i][j] = 0.0f;
}

/* A warp's 16 samples through the network and back; returns its lanes' squared errors. */
template <int PAIRS>
__device__ __forceinline__ float run_samples(const training &t, const training_memory &m, int buffer) {
    enum { GROUP = shape_of<PAIRS>::GROUP };
    const shared<unsigned char> memory = shared_memory();
    const int warp = (int)threadIdx.x / 32, g = lane_of() / 4, c = lane_of() % 4, wide = wide_of<PAIRS>(t),
              pairs = wide / 16;
    const shared<const uint16_t> w1 = cast<const uint16_t>(memory + m.w1), w2 = cast<const uint16_t>(memory + m.w2),
                                 w3 = cast<const uint16_t>(memory + m.w3);
    const shared<const float> bias = cast<const float>(memory + m.bias);
    const shared<const float> goal =
        cast<const float>(memory + (m.goal + (uint32_t)buffer * m.buffer + (uint32_t)(warp * 16 * 16)));
    const shared<const uint16_t> f = cast<const uint16_t>(
        memory + (m.feature + (uint32_t)buffer * m.buffer + (uint32_t)(warp * 16 * m.feature_row) * 2));
    const uint32_t rows = (uint32_t)(warp * 16 * m.row) * 2;
    const shared<uint16_t> h1 = cast<uint16_t>(memory + (m.h1 + rows)), h2 = cast<uint16_t>(memory + (m.h2 + rows)),
                           d1 = cast<uint16_t>(memory + (m.d1 + rows)), d2 = cast<uint16_t>(memory + (m.d2 + rows));
    const shared<uint32_t> d3 = cast<uint32_t>(memory + (m.d3 + (uint32_t)(warp * 16 * 16)));
    const float s1 = t.rounding ? t.step_size[0] : 1.0f, s2 = t.rounding ? t.step_size[1] : 1.0f,
                s3 = t.rounding ? t.step_size[2] : 1.0f;
    float sums[2 * GROUP][4], loss = 0.0f;
    uint32_t e[4], y[4];
    for (int p = 0; p < pairs; p += GROUP) {
        const int n = pairs - p < GROUP ? pairs - p : (int)GROUP;
        clear<GROUP>(sums);
        multiply_rows<GROUP, true>(sums, n, f, m.feature_row, w1 + 16 * p, m.row, t.padded / 16);
        store_activations<GROUP>(sums, n, s1, bias + 16 * p, h1 + 16 * p, m.row);
    }
    __syncwarp();
    for (int p = 0; p < pairs; p += GROUP) {
        const int n = pairs - p < GROUP ? pairs - p : (int)GROUP;
        clear<GROUP>(sums);
        multiply_rows<GROUP, true>(sums, n, h1, m.row, w2 + 16 * p, m.row, pairs);
        store_activations<GROUP>(sums, n, s2, bias + (wide + 16 * p), h2 + 16 * p, m.row);
    }
    __syncwarp();
    /* the outputs: w3 is stored [channel][neuron], 8 of the former */
    float out[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll
    for (int k = 0; k < pairs; k++) {
        load_matrices<false>(e, h2 + (place_across(m.row) + 16 * k));
        load_matrices<false>(y, w3 + (lane_of() % 8 * m.row + lane_of() / 8 % 2 * 8 + 16 * k));
        multiply_halves(out, e, y[0], y[1]);
    }
#pragma unroll
    for (int r = 0; r < 2; r++) {
        const int at = (g + 8 * r) * 4;
        float a = 0.0f, b = 0.0f;
        if (c < 2) a = out[2 * r] * s3 + bias[2 * wide + 2 * c] - goal[at + 2 * c];
        if (c < 1) b = out[2 * r + 1] * s3 + bias[2 * wide + 1] - goal[at + 1];
        const float weight = goal[at + 3];
        if (weight > 0.0f) loss += a * a + b * b;
        e[r] = to_halves_within(a * weight * GMLP_GPU_ERROR_SCALE, b * weight * GMLP_GPU_ERROR_SCALE);
        d3[(g + 8 * r) * 4 + c] = e[r];
    }
    e[2] = e[3] = 0;
    /* back */
    for (int q = 0; q < pairs; q += GROUP) {
        const int n = pairs - q < GROUP ? pairs - q : (int)GROUP;
        clear<GROUP>(sums);
#pragma unroll
        for (int p = 0; p < GROUP; p++)
            if (p < n) {
                load_matrices<true>(y, w3 + (lane_of() % 8 * m.row + lane_of() / 16 * 8 + 16 * (p + q)));
                multiply_halves(sums[2 * p], e, y[0], 0);
                multiply_halves(sums[2 * p + 1], e, y[2], 0);
            }
        store_gradients<GROUP>(sums, n, s3, h2 + 16 * q, d2 + 16 * q, m.row);
    }
    __syncwarp();
    for (int p = 0; p < pairs; p += GROUP) {
        const int n = pairs - p < GROUP ? pairs - p : (int)GROUP;
        clear<GROUP>(sums);
        multiply_rows<GROUP, false>(sums, n, d2, m.row, w2 + 16 * p * m.row, m.row, pairs);
        store_gradients<GROUP>(sums, n, s2, h1 + 16 * p, d1 + 16 * p, m.row);
    }
    return loss;
}

__device__ __forceinline__ void gradient_unit(float sums[2][4], float bias[2][4], bool biased,
                                              shared<const uint16_t> a, int a_row, shared<const uint16_t> b, int b_row,
                                              int chunks) {
    const uint32_t one = 0x3c003c00u, ones[4] = {one, one, one, one};
    a += place_along(a_row);
    b += place_across(b_row);
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int i = 0; i < 4; i++) sums[j][i] = bias[j][i] = 0.0f;
    GMLP_GPU_UNROLL_4
    for (int k = 0; k < chunks; k++) {
        uint32_t x[4], y[4];
        load_matrices<true>(x, a + 16 * k * a_row);
        load_matrices<true>(y, b + 16 * k * b_row);
        multiply_halves(sums[0], x, y[0], y[1]);
        multiply_halves(sums[1], x, y[2], y[3]);
        if (biased) {
            multiply_halves(bias[0], ones, y[0], y[1]);
            multiply_halves(bias[1], ones, y[2], y[3]);
        }
    }
}

/* The chunk's gradients, to where the block's are summed, or added to what is there. A unit is 16 x 16 of them, a
   warp's; each element has one thread for good. */
template <int PAIRS>
__device__ __forceinline__ void sum_gradients(const training &t, const training_memory &m, int buffer,
                                              shared<float> to, bool more) {
    const shared<unsigned char> memory = shared_memory();
    const int warp = (int)threadIdx.x / 32, g = lane_of() / 4, c = lane_of() % 4,
              wide = wide_of<PAIRS>(t), pairs = wide / 16, chunks = t.chunk / 16;
    const uint32_t per_pair = inverse_of(pairs);
    const shared<const uint16_t> feature = cast<const uint16_t>(memory + (m.feature + (uint32_t)buffer * m.buffer)),
                                 h1 = cast<const uint16_t>(memory + m.h1), h2 = cast<const uint16_t>(memory + m.h2),
                                 d1 = cast<const uint16_t>(memory + m.d1), d2 = cast<const uint16_t>(memory + m.d2),
                                 d3 = cast<const uint16_t>(memory + m.d3),
                                 map = cast<const uint16_t>(memory + m.map);
    const int first = t.padded / 16 * pairs, second = first + pairs * pairs, third = second + pairs;
    float sums[2][4], bias[2][4];
    for (int u = warp; u < third + 1; u += WARPS) {
        if (u < second) { /* W1 or W2 */
            const bool one = u < first;
            const int at = one ? u : u - first, up = quotient(at, per_pair), row = up * 16,
                      column = (at - up * pairs) * 16;
            const bool biased = row == 0 && (one || t.late_biases);
            gradient_unit(sums, bias, biased, (one ? feature : h1) + row, one ? m.feature_row : m.row,
                          (one ? d1 : d2) + column, m.row, chunks);
            int f[2];
            float2 was[2][2];
#pragma unroll
            for (int r = 0; r < 2; r++) {
                f[r] = one ? (int)map[row + g + 8 * r] : row + g + 8 * r;
#pragma unroll
                for (int j = 0; j < 2; j++) {
                    was[r][j] = make_float2(0.0f, 0.0f);
                    if (more && f[r] != 65535)
                        was[r][j] = cast<float2>(to + ((one ? 0 : t.w2) + f[r] * wide + column + 8 * j + 2 * c))[0];
                }
            }
#pragma unroll
            for (int r = 0; r < 2; r++)
#pragma unroll
                for (int j = 0; j < 2; j++)
                    if (f[r] != 65535)
                        cast<float2>(to + ((one ? 0 : t.w2) + f[r] * wide + column + 8 * j + 2 * c))[0] =
                            make_float2(was[r][j].x + sums[j][2 * r], was[r][j].y + sums[j][2 * r + 1]);
            if (biased && g == 0)
#pragma unroll
                for (int j = 0; j < 2; j++) {
                    const shared<float2> at2 = cast<float2>(to + ((one ? t.b1 : t.b2) + column + 8 * j + 2 * c));
                    float2 v = make_float2(0.0f, 0.0f);
                    if (more) v = at2[0];
                    at2[0] = make_float2(v.x + bias[j][0], v.y + bias[j][1]);
                }
        } else { /* W3, turned, or b3: the errors have 8 columns */
            const bool last = u == third;
            const int column = last ? 0 : (u - second) * 16, l = lane_of();
            const uint32_t one = 0x3c003c00u, ones[4] = {one, one, one, one};
            uint32_t x[4], y[4];
#pragma unroll
            for (int i = 0; i < 4; i++) sums[0][i] = sums[1][i] = 0.0f;
            GMLP_GPU_UNROLL_2
            for (int k = 0; k < chunks; k++) {
                load_matrices<true>(x, d3 + (16 * k + l % 8 + l / 16 * 8) * 8);
                if (last) {
                    multiply_halves(sums[0], ones, x[0], x[2]);
                    continue;
                }
                x[1] = x[3] = 0;
                load_matrices<true>(y, h2 + (16 * k * m.row + place_across(m.row) + column));
                multiply_halves(sums[0], x, y[0], y[1]);
                multiply_halves(sums[1], x, y[2], y[3]);
            }
#pragma unroll
            for (int j = 0; j < 2; j++)
#pragma unroll
                for (int i = 0; i < 2; i++) {
                    const int n = column + 8 * j + 2 * c + i;
                    const bool mine = last ? j == 0 && g == 0 && n < 3 && t.late_biases : g < 3;
                    const int at = last ? t.b3 + n : t.w3 + g * wide + n;
                    if (mine) to[at] = (more ? (float)to[at] : 0.0f) + sums[j][i];
                }
        }
    }
}

/* This block's slice of the gradient from all blocks' partial sums: eight threads for four neighbours, each an eighth
   of the blocks. */
__device__ __forceinline__ void add_partials(const training &t, uint32_t from, uint32_t to) {
    const uint32_t eighth = threadIdx.x % 8, begin = gridDim.x * eighth / 8, end = gridDim.x * (eighth + 1) / 8;
#pragma unroll 1
    for (uint32_t i = from; i < to; i += THREADS / 8) {
        const uint32_t at = i + threadIdx.x / 8;
        float s[4] = {0.0f, 0.0f, 0.0f, 0.0f};
        if (at < to) {
            const float *const p = t.partial + 4 * at;
            GMLP_GPU_UNROLL_8
            for (uint32_t b = begin; b < end; b++) {
                const float4 v = load_fresh4(p + (size_t)b * (uint32_t)t.count);
                s[0] += v.x;
                s[1] += v.y;
                s[2] += v.z;
                s[3] += v.w;
            }
        }
#pragma unroll
        for (int j = 0; j < 4; j++)
#pragma unroll
            for (int d = 1; d < 8; d *= 2) s[j] += __shfl_xor_sync(0xffffffffu, s[j], d);
        if (at < to && threadIdx.x % 8 == 0)
            *(float4 *)(t.sum + 4 * at) =
                make_float4(s[0] * t.factor, s[1] * t.factor, s[2] * t.factor, s[3] * t.factor);
    }
}

/* What the update works on: the block's own weights and moments, and the gradient. */
struct weights_of_block {
    shared<float> w, moment, second, gradient;
};

/* The gradient of all blocks, from where they left it; there after copies_done and a barrier. */
__device__ __forceinline__ void fetch_gradient(const training &t, shared<float> to) {
#pragma unroll 1
    for (int i = (int)threadIdx.x; i < t.count / 4; i += THREADS)
        copy_async_fresh(cast<uint4>(to) + i, (const uint4 *)(const void *)t.sum + i);
}

/* The sums of two numbers of every thread, in one order. All threads call it. */
__device__ __forceinline__ float2 sums_of_block(float a, float b, shared<float> scratch) {
#pragma unroll
    for (int i = 16; i; i /= 2) {
        a += __shfl_xor_sync(0xffffffffu, a, i);
        b += __shfl_xor_sync(0xffffffffu, b, i);
    }
    if (lane_of() == 0) {
        scratch[(int)threadIdx.x / 32] = a;
        scratch[WARPS + (int)threadIdx.x / 32] = b;
    }
    __syncthreads();
    a = b = 0.0f;
#pragma unroll
    for (int i = 0; i < WARPS; i++) {
        a += scratch[i];
        b += scratch[WARPS + i];
    }
    return make_float2(a, b);
}

/* A float as two halves whose sum it nearly is. */
__device__ __forceinline__ void store_split(shared<uint16_t> high, int lower, int at, float a, float b, bool split) {
    const uint32_t word = to_halves(a, b);
    cast<uint32_t>(high + at)[0] = word;
    if (split) cast<uint32_t>(high + lower + at)[0] = to_halves(a - low_half(word), b - high_half(word));
}
__device__ __forceinline__ void add_split(float sum[2], float factor, shared<const uint16_t> high, int lower, int at,
                                          bool split) {
    const uint32_t word = cast<const uint32_t>(high + at)[0];
    float a = low_half(word), b = high_half(word);
    if (split) {
        const uint32_t rest = cast<const uint32_t>(high + lower + at)[0];
        a += low_half(rest);
        b += high_half(rest);
    }
    sum[0] += factor * a;
    sum[1] += factor * b;
}

/* 16 x 16 of a product of matrices that are split: high times high, and high times low both ways. lower: from the
   higher halves to the lower ones. */
template <int COUNT, bool A_TURNED>
__device__ __forceinline__ void multiply_split(float sums[2][4], shared<const uint16_t> a, int a_row, int a_lower,
                                               shared<const uint16_t> b, int b_row, int b_lower, int chunks,
                                               bool split) {
    float rest[2][4], more[2][4]; /* three sums that do not wait for each other */
    a += A_TURNED ? place_along(a_row) : place_across(a_row);
    b += place_across(b_row);
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int i = 0; i < 4; i++) sums[j][i] = rest[j][i] = more[j][i] = 0.0f;
    GMLP_GPU_UNROLL_COUNT
    for (int k = 0; k < chunks; k++) {
        const int at = A_TURNED ? 16 * k * a_row : 16 * k;
        uint32_t x[4], y[4], z[4];
        load_matrices<A_TURNED>(x, a + at);
        load_matrices<true>(y, b + 16 * k * b_row);
        multiply_halves(sums[0], x, y[0], y[1]);
        multiply_halves(sums[1], x, y[2], y[3]);
        if (!split) continue;
        load_matrices<A_TURNED>(z, a + (a_lower + at));
        multiply_halves(rest[0], z, y[0], y[1]);
        multiply_halves(rest[1], z, y[2], y[3]);
        load_matrices<true>(y, b + (b_lower + 16 * k * b_row));
        multiply_halves(more[0], x, y[0], y[1]);
        multiply_halves(more[1], x, y[2], y[3]);
    }
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int i = 0; i < 4; i++) sums[j][i] += rest[j][i] + more[j][i];
}

/* The momentum of a Muon matrix, and the squared length of the momentum that looks ahead. */
template <int PAIRS>
__device__ __forceinline__ float move_momentum(const training &t, const muon_matrix &u, const weights_of_block &s) {
    const int n = u.in_rows * wide_of<PAIRS>(t) / 4, from = u.offset / 4;
    const shared<float4> moment = cast<float4>(s.moment) + from, gradient = cast<float4>(s.gradient) + from;
    float square = 0.0f;
    GMLP_GPU_UNROLL_2
    for (int i = (int)threadIdx.x; i < n; i += THREADS) {
        const float4 g = gradient[i];
        float4 m = moment[i];
        m.x = 0.9f * m.x + g.x;
        m.y = 0.9f * m.y + g.y;
        m.z = 0.9f * m.z + g.z;
        m.w = 0.9f * m.w + g.w;
        moment[i] = m;
        const float a = 0.9f * m.x + g.x, b = 0.9f * m.y + g.y, c = 0.9f * m.z + g.z, d = 0.9f * m.w + g.w;
        square += a * a + b * b + c * c + d * d;
    }
    return square;
}

/* X: that momentum, scaled so that no singular value is larger than 1. */
template <int PAIRS>
__device__ __forceinline__ void begin_muon(const training &t, const muon_matrix &u, const weights_of_block &s,
                                           shared<uint16_t> x, float square) {
    const float scale = square > 1e-30f ? rsqrtf(square) : 0.0f;
    const int half_columns = u.columns / 2, wide = wide_of<PAIRS>(t);
    const uint32_t per_row = inverse_of(half_columns);
#pragma unroll 1
    for (int i = (int)threadIdx.x; i < u.rows * half_columns; i += THREADS) {
        const int r = quotient(i, per_row), k = (i - r * half_columns) * 2;
        float2 m = make_float2(0.0f, 0.0f), g = m;
        if (!u.turned) {
            if (r < u.in_rows) {
                m = cast<float2>(s.moment + (u.offset + r * wide + k))[0];
                g = cast<float2>(s.gradient + (u.offset + r * wide + k))[0];
            }
        } else {
            const int at = u.offset + k * wide + r;
            if (k < u.in_rows) m.x = s.moment[at], g.x = s.gradient[at];
            if (k + 1 < u.in_rows) m.y = s.moment[at + wide], g.y = s.gradient[at + wide];
        }
        store_split(x, u.rows * u.row, r * u.row + k, (0.9f * m.x + g.x) * scale, (0.9f * m.y + g.y) * scale,
                    is_split<PAIRS>(t));
    }
}

/* The weights as samples see them: halves, while rounding the numbers of steps; biases in float. */
__device__ __forceinline__ float seen_weight(const training &t, int layer, float w) {
    if (!t.rounding) return w;
    return rintf(fminf(fmaxf(w * t.per_step[layer], -32767.0f), 32767.0f));
}
__device__ __forceinline__ uint32_t seen_weights(const training &t, int layer, float2 w) {
    return to_halves_within(seen_weight(t, layer, w.x), seen_weight(t, layer, w.y));
}

/* Two neighbours of W1 (layer 0) or W2 (1): of feature or neuron r, to neurons o and o + 1. */
__device__ __forceinline__ void show_pair(const training &t, const training_memory &m, int layer, int r, int o,
                                          float2 w) {
    if (layer == 0) r = cast<const uint16_t>(shared_memory() + m.map)[t.padded + r];
    cast<uint32_t>(shared_memory() + (layer ? m.w2 : m.w1))[(r * m.row + o) / 2] = seen_weights(t, layer, w);
}

/* Which tile of which matrix a warp has: of `count` tiles of W1 and what follows of W2, or of one alone. */
struct muon_tile {
    int j, row, column;
};
__device__ __forceinline__ muon_tile tile_of(const muon_matrix &one, const muon_matrix &two, int unit, int first) {
    muon_tile k;
    k.j = unit >= first;
    if (k.j) unit -= first;
    k.row = quotient(unit, k.j ? two.per_side : one.per_side);
    k.column = (unit - k.row * (k.j ? two.columns : one.columns) / 16) * 16;
    k.row *= 16;
    return k;
}

/* muon_steps for width 32, with less to do: all of it is a polynomial of A, so X = X Q with Q = P0 P1 P2, and the next
   A is A P P. That is a row of products of matrices of 32 x 32; each of eight warps has 16 x 16 of W1's or of W2's. */
__device__ __forceinline__ void small_muon_steps(const training &t, const training_memory &m,
                                                 const weights_of_block &s, float rate) {
    const shared<unsigned char> memory = shared_memory() + m.h1;
    const muon_matrix one = matrix_of<2>(t, 0), two = matrix_of<2>(t, 1);
    const int warp = (int)threadIdx.x / 32, g = lane_of() / 4, c = lane_of() % 4, ROW = 40, LOWER = 32 * ROW;
    const float mine = move_momentum<2>(t, one, s), other = move_momentum<2>(t, two, s);
    const float2 square = sums_of_block(mine, other, cast<float>(shared_memory() + m.scratch));
    const int j = warp / 4 % 2, row = warp / 2 % 2 * 16, column = warp % 2 * 16; /* the second eight as the first */
    const uint32_t base = j ? two.a : one.a, size = one.square;
    const shared<uint16_t> a = cast<uint16_t>(memory + base), p = cast<uint16_t>(memory + (base + size)),
                           q = cast<uint16_t>(memory + (base + 2 * size)),
                           b = cast<uint16_t>(memory + (base + 3 * size));
    float sums[2][4];
#pragma unroll 1
    for (int k = 0; k < 2; k++) {
        const muon_matrix u = matrix_of<2>(t, k);
        begin_muon<2>(t, u, s, cast<uint16_t>(memory + u.x), k ? square.y : square.x);
    }
    __syncthreads();
#pragma unroll 1
    for (int step = 0; step < 9; step++) {
        /* A = X^T X;  P, Q = P;  B = A P;  A = B P;  P;  B = A P, and Q P;  A = B P, and Q = that;  P;  B = Q P */
        const bool polynomial = step == 1 || step == 4 || step == 7, second = warp >= 8;
        shared<uint16_t> out = step == 0 || step == 3 || step == 6 ? a : polynomial ? p : b;
        if (step == 0) {
            const shared<const uint16_t> x = cast<const uint16_t>(memory + (j ? two.x : one.x));
            const int rows = j ? two.rows : one.rows;
            if (!second)
                multiply_split<2, true>(sums, x + row, ROW, rows * ROW, x + column, ROW, rows * ROW, rows / 16, true);
        } else if (second ? step == 5 : true) {
            const shared<uint16_t> in = step == 8 || second ? q : step == 3 || step == 6 ? b : a;
            multiply_split<2, false>(sums, in + row * ROW, ROW, LOWER, (polynomial ? a : p) + column, ROW, LOWER, 2,
                                     true);
        }
        if (polynomial) {
            const float f0 = step == 1 ? 8.205160f : step == 4 ? 4.066395f : 3.909595f,
                        f1 = step == 1 ? -22.901934f : step == 4 ? -2.861154f : -2.823352f,
                        f2 = step == 1 ? 16.460724f : step == 4 ? 0.518400f : 0.525037f;
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int r = row + g + i / 2 * 8, o = column + i % 2 * 8 + 2 * c;
                float *const v = &sums[i % 2][i / 2 * 2];
                v[0] = f2 * v[0] + (r == o ? f0 : 0.0f);
                v[1] = f2 * v[1] + (r == o + 1 ? f0 : 0.0f);
                if (!second) add_split(v, f1, a, LOWER, r * ROW + o, true);
            }
        }
        if (second) out = q;
        if (second ? step == 6 : true)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int at = (row + g + i / 2 * 8) * ROW + column + i % 2 * 8 + 2 * c;
                store_split(out, LOWER, at, sums[i % 2][i / 2 * 2], sums[i % 2][i / 2 * 2 + 1], true);
                if (step == 1) store_split(q, LOWER, at, sums[i % 2][i / 2 * 2], sums[i % 2][i / 2 * 2 + 1], true);
            }
        __syncthreads();
    }
    const int first = one.rows / 16 * 2;
#pragma unroll 1
    for (int unit = warp; unit < first + 4; unit += WARPS) { /* weights -= rate X Q */
        const muon_tile k = tile_of(one, two, unit, first);
        const int in_rows = k.j ? two.in_rows : one.in_rows, offset = k.j ? two.offset : one.offset;
        const shared<const uint16_t> x = cast<const uint16_t>(memory + (k.j ? two.x : one.x)),
                                     product = cast<const uint16_t>(memory + ((k.j ? two.a : one.a) + 3 * size));
        multiply_split<2, false>(sums, x + k.row * ROW, ROW, (k.j ? two.rows : one.rows) * ROW, product + k.column, ROW,
                                 LOWER, 2, true);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int r = k.row + g + i / 2 * 8, o = k.column + i % 2 * 8 + 2 * c;
            if (r >= in_rows) continue;
            const shared<float2> at = cast<float2>(s.w + (offset + r * 32 + o));
            float2 now = at[0];
            now.x -= rate * sums[i % 2][i / 2 * 2];
            now.y -= rate * sums[i % 2][i / 2 * 2 + 1];
            at[0] = now;
            show_pair(t, m, k.j, r, o, now);
        }
    }
    __syncthreads();
}

/* Muon's steps on W1 and W2, as gmlp__muon: X becomes the orthogonal factor of the momentum by Newton and Schulz's
   iteration with the coefficients of gmlp__polar, A = X^T X, P = f1 A + f2 A A, X = f0 X + X P. P takes A's place and X
   its own: sums stay in registers until all warps have read, some rows at a time if there are many. Both matrices at
   once (together), if memory and registers have room. */
template <int PAIRS>
__device__ __forceinline__ void muon_steps(const training &t, const training_memory &m, const weights_of_block &s,
                                           float rate) {
    enum { UNITS = shape_of<PAIRS>::UNITS, RESIDENT = shape_of<PAIRS>::RESIDENT };
    const shared<unsigned char> memory = shared_memory() + m.h1;
    const muon_matrix one = matrix_of<PAIRS>(t, 0), two = matrix_of<PAIRS>(t, 1);
    const bool split = is_split<PAIRS>(t), together = RESIDENT || t.together;
    const int wide = wide_of<PAIRS>(t);
    const int warp = (int)threadIdx.x / 32, g = lane_of() / 4, c = lane_of() % 4;
    const float mine = move_momentum<PAIRS>(t, one, s), other = move_momentum<PAIRS>(t, two, s);
    const float2 square = sums_of_block(mine, other, cast<float>(shared_memory() + m.scratch));
#pragma unroll 1
    for (int turn = 0; turn < (together ? 1 : 2); turn++) {
        const bool has_one = together || turn == 0, has_two = together || turn == 1;
        const int side_one = has_one ? one.columns / 16 : 0, side_two = has_two ? two.columns / 16 : 0;
#pragma unroll 1
        for (int j = has_one ? 0 : 1; j < (has_two ? 2 : 1); j++) {
            const muon_matrix u = matrix_of<PAIRS>(t, j);
            begin_muon<PAIRS>(t, u, s, cast<uint16_t>(memory + u.x), j ? square.y : square.x);
        }
        __syncthreads();
#pragma unroll 1
        for (int step = 0; step < 3; step++) {
            const float f0 = step == 0 ? 8.205160f : step == 1 ? 4.066395f : 3.909595f,
                        f1 = step == 0 ? -22.901934f : step == 1 ? -2.861154f : -2.823352f,
                        f2 = step == 0 ? 16.460724f : step == 1 ? 0.518400f : 0.525037f;
#pragma unroll 1
            for (int unit = warp; unit < side_one * side_one + side_two * side_two; unit += WARPS) {
                const muon_tile k = tile_of(one, two, unit, side_one * side_one);
                const int row = k.j ? two.row : one.row, lower = k.j ? two.rows * two.row : one.rows * one.row;
                const shared<uint16_t> x = cast<uint16_t>(memory + (k.j ? two.x : one.x)),
                                       a = cast<uint16_t>(memory + (k.j ? two.a : one.a));
                float sums[2][4];
                multiply_split<1, true>(sums, x + k.row, row, lower, x + k.column, row, lower,
                                     (k.j ? two.rows : one.rows) / 16, split);
#pragma unroll
                for (int i = 0; i < 4; i++)
                    store_split(a, (k.j ? two.columns : one.columns) * row,
                                (k.row + g + i / 2 * 8) * row + k.column + i % 2 * 8 + 2 * c, sums[i % 2][i / 2 * 2],
                                sums[i % 2][i / 2 * 2 + 1], split);
            }
            __syncthreads();
#pragma unroll 1
            for (int kind = 0; kind < 2; kind++) { /* P, then X */
                const int first = (kind ? one.rows / 16 : side_one) * side_one,
                          units = first + (kind ? two.rows / 16 : side_two) * side_two,
                          side = has_one ? side_one : side_two;
                const uint32_t per_side = has_one ? one.per_side : two.per_side;
                const int pass = together ? units : quotient(UNITS * WARPS, per_side) * side;
                const float own = kind ? f0 : f1, factor = kind ? 1.0f : f2;
#pragma unroll 1
                for (int begin = 0; begin < units; begin += pass) {
                    const int end = begin + pass < units ? begin + pass : units;
                    float sums[UNITS][2][4];
#pragma unroll
                    for (int n = 0; n < UNITS; n++) {
                        const int unit = begin + warp + n * WARPS;
                        if (unit >= end) break;
                        const muon_tile k = tile_of(one, two, unit, first);
                        const int row = k.j ? two.row : one.row, a_lower = (k.j ? two.columns : one.columns) * row,
                                  lower = kind ? (k.j ? two.rows : one.rows) * row : a_lower;
                        const shared<uint16_t> a = cast<uint16_t>(memory + (k.j ? two.a : one.a)),
                                               in = kind ? cast<uint16_t>(memory + (k.j ? two.x : one.x)) : a;
                        multiply_split<1, false>(sums[n], in + k.row * row, row, lower, a + k.column, row, a_lower,
                                              (k.j ? two.columns : one.columns) / 16, split);
#pragma unroll
                        for (int i = 0; i < 4; i++) {
                            float *const v = &sums[n][i % 2][i / 2 * 2];
                            v[0] *= factor;
                            v[1] *= factor;
                            add_split(v, own, in, lower, (k.row + g + i / 2 * 8) * row + k.column + i % 2 * 8 + 2 * c,
                                      split);
                        }
                    }
                    __syncthreads();
#pragma unroll
                    for (int n = 0; n < UNITS; n++) {
                        const int unit = begin + warp + n * WARPS;
                        if (unit >= end) break;
                        const muon_tile k = tile_of(one, two, unit, first);
                        const int row = k.j ? two.row : one.row,
                                  rows = kind ? (k.j ? two.rows : one.rows) : (k.j ? two.columns : one.columns),
                                  lower = rows * row;
                        const shared<uint16_t> out = cast<uint16_t>(
                            memory + (kind ? (k.j ? two.x : one.x) : (k.j ? two.a : one.a)));
                        const bool turned = !k.j && one.turned;
                        const int in_rows = k.j ? two.in_rows : one.in_rows, offset = k.j ? two.offset : one.offset;
#pragma unroll
                        for (int i = 0; i < 4; i++) {
                            const int r = k.row + g + i / 2 * 8, o = k.column + i % 2 * 8 + 2 * c;
                            const float *const v = &sums[n][i % 2][i / 2 * 2];
                            if (!kind || step < 2) store_split(out, lower, r * row + o, v[0], v[1], split);
                            else if (RESIDENT) { /* the weights' step, and what samples see of it */
                                if (r >= in_rows) continue;
                                const shared<float2> at = cast<float2>(s.w + (offset + r * wide + o));
                                float2 now = at[0];
                                now.x -= rate * v[0];
                                now.y -= rate * v[1];
                                at[0] = now;
                                show_pair(t, m, k.j, r, o, now);
                            } else
#pragma unroll
                                for (int b = 0; b < 2; b++) {
                                    const int f = turned ? o + b : r, to = offset + f * wide + (turned ? r : o + b);
                                    if (f < in_rows) s.w[to] -= rate * v[b];
                                }
                        }
                    }
                }
                __syncthreads();
            }
        }
    }
}

/* Adam's step, as the CPU's, on numbers from .. to - 1, multiples of 4. */
__device__ __forceinline__ void adam_number(const float *k, float g, float &w, float &m, float &v) {
    m = k[0] * m + k[1] * g;
    v = k[2] * v + k[3] * g * g;
    if (fabsf(m) < 1e-30f) m = 0.0f;
    if (v < 1e-30f) v = 0.0f;
    w += k[4] * near_quotient(m, near_root(v) * k[5] + k[6]);
}
__device__ __forceinline__ void adam_steps(const float *k, const weights_of_block &s, int from, int to) {
    const shared<float4> ws = cast<float4>(s.w), ms = cast<float4>(s.moment), vs = cast<float4>(s.second),
                         gs = cast<float4>(s.gradient);
#pragma unroll 1
    for (int i = from / 4 + (int)threadIdx.x; i < to / 4; i += THREADS) {
        const float4 g = gs[i];
        float4 w = ws[i], m = ms[i], v = vs[i];
        adam_number(k, g.x, w.x, m.x, v.x);
        adam_number(k, g.y, w.y, m.y, v.y);
        adam_number(k, g.z, w.z, m.z, v.z);
        adam_number(k, g.w, w.w, m.w, v.w);
        ws[i] = w;
        ms[i] = m;
        vs[i] = v;
    }
}

/* W3 and the biases; with `all` W1 and W2, too. */
template <int PAIRS>
__device__ __forceinline__ void show_weights(const training &t, const training_memory &m, shared<const float> w,
                                             bool all) {
    const shared<unsigned char> memory = shared_memory();
    const shared<uint32_t> w3 = cast<uint32_t>(memory + m.w3);
    const shared<float> bias = cast<float>(memory + m.bias);
    const int wide = wide_of<PAIRS>(t), half = wide / 2, pairs = all ? (t.features + wide) * half : 0;
    const uint32_t per_row = inverse_of(half);
#pragma unroll 1
    for (int i = (int)threadIdx.x; i < pairs; i += THREADS) {
        const int r = quotient(i, per_row), layer = r >= t.features, o = 2 * (i - r * half),
                  row = layer ? r - t.features : r;
        show_pair(t, m, layer, row, o, cast<const float2>(w + ((layer ? t.w2 : 0) + row * wide + o))[0]);
    }
#pragma unroll 1
    for (int i = (int)threadIdx.x; i < 3 * half; i += THREADS) {
        const int r = quotient(i, per_row);
        w3[r * (m.row / 2) + i - r * half] = seen_weights(t, 2, cast<const float2>(w + (t.w3 + 2 * i))[0]);
    }
#pragma unroll 1
    for (int i = (int)threadIdx.x; i < 2 * wide + 16; i += THREADS) {
        const int layer = i < wide ? 0 : i < 2 * wide ? 1 : 2;
        const float v = w[layer == 0 ? t.b1 + i : layer == 1 ? t.b2 + i - wide : t.b3 + i - 2 * wide];
        bias[i] = seen_weight(t, layer, v) * (t.rounding ? t.step_size[layer] : 1.0f);
    }
}

/* What halves have besides: 0 for good. */
__device__ __forceinline__ void clear_halves(const training &, const training_memory &m) {
    const shared<uint32_t> to = cast<uint32_t>(shared_memory() + m.w1);
    const int words = (int)(m.w3 - m.w1) / 4 + 8 * m.row / 2;
    for (int i = (int)threadIdx.x; i < words; i += THREADS) to[i] = 0;
}

/* The chunk after this one. */
__device__ __forceinline__ place_of_chunk after(const training &t, place_of_chunk c, uint32_t begin, uint32_t end) {
    c.at += (uint32_t)t.chunk;
    if (c.at >= end) {
        c.at = begin;
        c.step++;
        c.from += t.batch;
        if (c.from >= t.sample_count) c.from %= t.sample_count;
    }
    return c;
}

template <int PAIRS> __global__ void __launch_bounds__(THREADS, 1) train_kernel(const training t) {
    enum { RESIDENT = shape_of<PAIRS>::RESIDENT };
    training_memory m = lay_out(t);
    const shared<unsigned char> memory = shared_memory();
    float *const kept = t.state + (size_t)blockIdx.x * 3 * (size_t)t.count; /* from launch to launch */
    float *const partial = t.partial + (size_t)blockIdx.x * (size_t)t.count;
    const uint32_t begin = (uint32_t)((uint64_t)t.batch * blockIdx.x / gridDim.x),
                   end = (uint32_t)((uint64_t)t.batch * (blockIdx.x + 1) / gridDim.x);
    const bool several = end - begin > (uint32_t)t.chunk;
    weights_of_block s;
    unsigned passed = 0;
    int buffer = 0;
    m.row = wide_of<PAIRS>(t) + 8; /* known here */
    s.w = RESIDENT ? cast<float>(memory + m.state) : shared<float>(kept);
    s.moment = s.w + t.count;
    s.second = s.moment + t.count;
    s.gradient = RESIDENT ? s.second + t.count : shared<float>(t.sum);
    const shared<float> summed = RESIDENT && several ? s.gradient : shared<float>(partial);
    for (int i = (int)threadIdx.x; i < t.count; i += THREADS) {
        if (RESIDENT || t.first == 0) s.w[i] = t.first == 0 ? __ldg(t.start + i) : kept[i];
        if (RESIDENT || t.first == 0) s.moment[i] = t.first == 0 ? 0.0f : kept[t.count + i];
        if (RESIDENT || t.first == 0) s.second[i] = t.first == 0 ? 0.0f : kept[2 * t.count + i];
        if (RESIDENT) s.gradient[i] = 0.0f; /* what no unit writes */
    }
    for (int i = (int)threadIdx.x; i < t.padded + t.features; i += THREADS)
        cast<uint16_t>(memory + m.map)[i] = __ldg(t.feature + i);
    for (int i = (int)threadIdx.x; i < t.pieces; i += THREADS) {
        const piece_of_features p = t.piece[i];
        cast<uint2>(memory + m.piece)[i] = make_uint2(
            p.table, p.input | (uint32_t)p.part << 8 | (uint32_t)p.parts << 16 | (uint32_t)p.frequencies << 24);
    }
    clear_padding(t, m);
    clear_halves(t, m);
    const shared<uint32_t> slice = cast<uint32_t>(memory + m.scratch) + 2 * WARPS; /* of all sums, in fours */
    if (threadIdx.x < 2) slice[threadIdx.x] = (uint32_t)t.count / 4 * (blockIdx.x + threadIdx.x) / gridDim.x;
    __syncthreads();
    show_weights<PAIRS>(t, m, s.w, true);
    place_of_chunk c = {t.first, begin, (uint32_t)((uint64_t)t.first * t.batch % t.sample_count)};
    fetch_samples(t, m, c, end, 0);
    if (after(t, c, begin, end).step < t.last) fetch_samples(t, m, after(t, c, begin, end), end, 1);
    copies_done();
    __syncthreads();
    fetch_features(t, m, c, end, 0);
#pragma unroll 1
    while (c.step < t.last) {
        float loss = 0.0f;
        do {
            copies_done();
            __syncthreads();
            const place_of_chunk next = after(t, c, begin, end);
            if (next.step < t.last) { /* the next chunk's features, and the samples of the one after it */
                const place_of_chunk later = after(t, next, begin, end);
                fetch_features(t, m, next, end, buffer ^ 1);
                if (later.step < t.last) fetch_samples(t, m, later, end, buffer);
            }
            if ((int)threadIdx.x / 32 < t.chunk / 16) loss += run_samples<PAIRS>(t, m, buffer);
            __syncthreads();
            sum_gradients<PAIRS>(t, m, buffer, summed, c.at > begin);
            buffer ^= 1;
            c = after(t, c, begin, end);
        } while (c.at > begin);
        /* a lane each has one of the step's constants */
        const float constant = __ldg((const float *)(t.steps + (c.step - 1 - t.first)) + min(lane_of(), 8));
        if (RESIDENT && several) {
            __syncthreads();
            for (int i = (int)threadIdx.x; i < t.count / 4; i += THREADS) {
                const float4 v = cast<float4>(s.gradient)[i];
                ((float4 *)partial)[i] = v;
            }
        }
        if (c.step == t.iterations) {
            const float2 all = sums_of_block(loss, 0.0f, cast<float>(memory + m.scratch));
            if (threadIdx.x == 0) t.loss[blockIdx.x] = all.x;
        }
        arrive(t.counter, &passed);
        await(t.counter, passed);
        add_partials(t, slice[0], slice[1]);
        arrive(t.counter, &passed);
        await(t.counter, passed);
        if (RESIDENT) {
            fetch_gradient(t, s.gradient);
            copies_done();
            __syncthreads();
        }
        float adam[7];
#pragma unroll
        for (int i = 0; i < 7; i++) adam[i] = __shfl_sync(0xffffffffu, constant, i);
        if (t.muon) {
            adam_steps(adam, s, t.b1, t.w2);
            adam_steps(adam, s, t.w2 + t.width * wide_of<PAIRS>(t), t.count);
            const float rate = __shfl_sync(0xffffffffu, constant, 8);
            if constexpr (PAIRS == 2) small_muon_steps(t, m, s, rate);
            else muon_steps<PAIRS>(t, m, s, rate);
        } else {
            adam_steps(adam, s, 0, t.count);
            __syncthreads();
        }
        if (!RESIDENT) { /* Muon was there */
            clear_halves(t, m);
            __syncthreads();
        }
        show_weights<PAIRS>(t, m, s.w, !RESIDENT || !t.muon);
    }
    if (!RESIDENT) return;
    __syncthreads();
    for (int i = (int)threadIdx.x; i < 3 * t.count; i += THREADS) kept[i] = s.w[i];
}

/* Feature tables as halves, each row up to a multiple of 4 words: how many uint4. `to` NULL: only their places. */
static size_t pack_tables(const gmlp_device_training *d, training *t, uint32_t *to) {
    size_t used = 0, at[GMLP_INPUTS];
    for (int i = 0; i < GMLP_INPUTS; i++) {
        const int f = d->mlp.frequencies[i], parts = (f + 3) / 4;
        int same = 2;
        at[i] = GMLP_GPU_NO_TABLE;
        if (!f || !d->table[i]) continue;
        while (same < i && d->table[same] != d->table[i]) same++;
        at[i] = same < i ? at[same] : used; /* inputs share one */
        if (same < i) continue;
        for (uint32_t e = 0; to && e < d->entries[i]; e++)
            for (int k = 0; k < 4 * parts; k++) {
                const float *const v = d->table[i] + (size_t)e * 2 * (size_t)f + 2 * k;
                to[(used + (size_t)e * (size_t)parts) * 4 + (size_t)k] = k < f ? host_halves(v[0], v[1]) : 0;
            }
        used += (size_t)d->entries[i] * (size_t)parts;
    }
    for (int q = 0; q < t->pieces; q++) {
        piece_of_features *const p = &t->piece[q];
        p->table = at[p->input] == GMLP_GPU_NO_TABLE ? GMLP_GPU_NO_TABLE : (uint32_t)at[p->input] + p->part;
    }
    return used;
}

/* Sizes, the block's layout, which feature each padded row is, and behind that the other way round. */
static void plan_training(const gmlp_device_training *d, training *t, uint16_t *feature) {
    int first = 0;
    t->width = d->mlp.width;
    t->wide = (t->width + 15) / 16 * 16;
    for (int i = 0; i < GMLP_INPUTS; i++) {
        const int f = d->mlp.frequencies[i];
        for (int part = 0; part < (f + 3) / 4; part++, t->pieces++) {
            piece_of_features *const p = &t->piece[t->pieces];
            p->input = (uint8_t)i;
            p->part = (uint8_t)part;
            p->parts = (uint8_t)((f + 3) / 4);
            p->frequencies = (uint8_t)f;
            for (int k = 0; k < 8; k++) {
                const int pair = part * 4 + k / 2;
                feature[8 * t->pieces + k] = (uint16_t)(pair < f ? first + 2 * pair + k % 2 : 65535);
            }
        }
        first += 2 * f;
    }
    t->features = first;
    t->padded = (8 * t->pieces + 15) / 16 * 16;
    for (int k = 8 * t->pieces; k < t->padded; k++) feature[k] = 65535;
    for (int k = 0; k < t->padded; k++)
        if (feature[k] != 65535) feature[t->padded + feature[k]] = (uint16_t)k;
    t->b1 = t->features * t->wide;
    t->w2 = t->b1 + t->wide;
    t->b2 = t->w2 + t->wide * t->wide;
    t->w3 = t->b2 + t->wide;
    t->b3 = t->w3 + 3 * t->wide;
    t->count = t->b3 + 16;
    t->late_biases = d->mlp.bias == GMLP_BIAS_ALL;
    t->muon = d->optimizer == GMLP_MUON;
    t->map_mean = d->map_mean;
    t->per_map = 1.0f / d->map_range;
    t->input_mean = d->input_mean;
    t->per_input = 1.0f / d->input_range;
    t->inside_weight = d->inside_weight;
    t->seed = d->seed;
    t->draws = d->draws;
    t->batch = d->batch;
    t->iterations = d->iterations;
    t->factor = (float)(2.0 / (3.0 * (double)d->batch) / (double)GMLP_GPU_ERROR_SCALE);
}

/* How many samples a block takes at a time, and what is where. Small chunks share a step among many blocks, large ones
   make the most of one; half of the multiprocessors, so that two pictures can be trained at once. */
static int chunk_for(uint32_t batch, int multiprocessors) {
    int chunk = 32;
    while (chunk < MOST_CHUNK && batch / (uint32_t)chunk > (uint32_t)multiprocessors / 2) chunk *= 2;
    return chunk;
}

/* The largest chunk up to that one that shared memory has room for, Muon as exact as it has, weights in it if they fit.
   false: none. */
static bool fit_memory(training *t, int chunk, size_t bytes) {
    const int side = t->wide / 16, tiles = (t->features + 15) / 16 * side + side * side; /* of Muon, at once */
    for (t->split = 1; t->split >= 0; t->split--)
        for (t->chunk = chunk; t->chunk >= 16; t->chunk /= 2)
            for (t->resident = side == 2 || side == 3; t->resident >= 0; t->resident--)
                for (t->together = t->features >= t->width; t->together >= 0; t->together--) {
                    const int most = WARPS * (!t->resident                 ? (int)shape_of<ANY_PAIRS>::UNITS
                                              : side == 2 ? (int)shape_of<2>::UNITS : (int)shape_of<3>::UNITS);
                    for (t->each_bits = 0; THREADS >> t->each_bits > t->chunk; t->each_bits++) {}
                    if (t->resident && !(t->split && t->together)) continue; /* what its kernel counts on */
                    if ((!t->together || tiles <= most) && lay_out(*t).all <= bytes) return true;
                }
    return false;
}

/* Between the library's order of weights and the block's. */
static void pack_weights(const training &t, const float *flat, float *block) {
    const size_t w = (size_t)t.width;
    memset(block, 0, (size_t)t.count * sizeof *block);
    for (int i = 0; i < t.features; i++, flat += w) memcpy(block + i * t.wide, flat, w * sizeof *flat);
    memcpy(block + t.b1, flat, w * sizeof *flat);
    flat += w;
    for (int i = 0; i < t.width; i++, flat += w) memcpy(block + t.w2 + i * t.wide, flat, w * sizeof *flat);
    memcpy(block + t.b2, flat, w * sizeof *flat);
    flat += w;
    for (int i = 0; i < t.width; i++, flat += 3)
        for (int c = 0; c < 3; c++) block[t.w3 + c * t.wide + i] = flat[c];
    memcpy(block + t.b3, flat, 3 * sizeof *flat);
}
static void unpack_weights(const training &t, const float *block, float *flat) {
    const size_t w = (size_t)t.width;
    for (int i = 0; i < t.features; i++, flat += w) memcpy(flat, block + i * t.wide, w * sizeof *flat);
    memcpy(flat, block + t.b1, w * sizeof *flat);
    flat += w;
    for (int i = 0; i < t.width; i++, flat += w) memcpy(flat, block + t.w2 + i * t.wide, w * sizeof *flat);
    memcpy(flat, block + t.b2, w * sizeof *flat);
    flat += w;
    for (int i = 0; i < t.width; i++, flat += 3)
        for (int c = 0; c < 3; c++) flat[c] = block[t.w3 + c * t.wide + i];
    memcpy(flat, block + t.b3, 3 * sizeof *flat);
}

/* Steps of one launch at most: their constants are sent with it. */
enum { STEPS_AT_ONCE = 4096 };

/* Steps first .. last - 1. steps: STEPS_AT_ONCE of them. */
static gmlp_result run_steps(gmlp_cuda *c, lane_of_work *l, const gmlp_device_training *d, training *t, int blocks,
                             uint32_t first, uint32_t last, gmlp_device_step *steps) {
    const uint32_t portion = d->progress ? (d->iterations + 15) / 16 : (uint32_t)STEPS_AT_ONCE;
    for (uint32_t at = first; at < last; at = t->last) {
        uint32_t n = last - at < portion ? last - at : portion;
        if (n > STEPS_AT_ONCE) n = STEPS_AT_ONCE;
        if (d->progress) {
            GMLP_GPU_TRY(cudaStreamSynchronize(l->stream));
            if (d->progress(d->user, at)) return GMLP_E_CANCELLED;
        }
        t->first = at;
        t->last = at + n;
        for (uint32_t i = 0; i < n; i++) d->constants(d->user, at + i, &steps[i]);
        GMLP_GPU_TRY(cudaMemcpyAsync((void *)t->steps, steps, n * sizeof *steps, cudaMemcpyHostToDevice, l->stream));
        GMLP_GPU_TRY(cudaMemsetAsync(t->counter, 0, sizeof *t->counter, l->stream));
        GMLP_GPU_TRY(launch(c, !t->resident    ? train_kernel<ANY_PAIRS>
                               : t->wide == 32 ? train_kernel<2> : train_kernel<3>,
                            dim3((unsigned)blocks), dim3(THREADS), lay_out(*t).all, l->stream, *t, true));
    }
    return GMLP_OK;
}

/* What training takes on the GPU, as offsets. */
struct training_places {
    size_t start, partial, sum, loss, counter, steps, feature, state, all;
};
static training_places place_training(const training &t, int blocks) {
    training_places p;
    const size_t count = (size_t)t.count * sizeof(float), g = (size_t)blocks;
    p.partial = 0;
    p.sum = aligned(p.partial + g * count);
    p.loss = aligned(p.sum + count);
    p.start = aligned(p.loss + g * sizeof(float));
    p.state = aligned(p.start + count);
    p.counter = aligned(p.state + g * 3 * count);
    p.steps = p.counter + 128;
    p.feature = aligned(p.steps + STEPS_AT_ONCE * sizeof(gmlp_device_step));
    p.all = aligned(p.feature + (size_t)(t.padded + t.features) * sizeof(uint16_t));
    return p;
}

static gmlp_result train_there(gmlp_cuda *c, lane_of_work *l, const gmlp_device_training *d, training *t, int blocks,
                               float *block, gmlp_device_step *steps, double *loss) {
    float *const losses = (float *)steps; /* as many as blocks, at the end */
    const size_t count = (size_t)t->count * sizeof(float);
    gmlp_result result;
    pack_weights(*t, d->weights, block);
    GMLP_GPU_TRY(cudaMemcpyAsync((void *)t->start, block, count, cudaMemcpyHostToDevice, l->stream));
    result = run_steps(c, l, d, t, blocks, 0, d->first_rounded, steps);
    if (!result && d->meanwhile) d->meanwhile(d->user);
    if (!result && d->first_rounded < d->iterations) {
        if (d->first_rounded) {
            GMLP_GPU_TRY(cudaMemcpyAsync(block, t->state, count, cudaMemcpyDeviceToHost, l->stream));
            GMLP_GPU_TRY(cudaStreamSynchronize(l->stream));
        }
        unpack_weights(*t, block, d->weights);
        d->round(d->user, d->weights, t->step_size);
        for (int i = 0; i < 3; i++) t->per_step[i] = 1.0f / t->step_size[i];
        t->rounding = 1;
        result = run_steps(c, l, d, t, blocks, d->first_rounded, d->iterations, steps);
    }
    if (result) {
        done(cudaStreamSynchronize(l->stream)); /* nothing may run on when the call returns */
        return result;
    }
    GMLP_GPU_TRY(cudaMemcpyAsync(block, t->state, count, cudaMemcpyDeviceToHost, l->stream));
    GMLP_GPU_TRY(cudaMemcpyAsync(losses, t->loss, (size_t)blocks * sizeof *losses, cudaMemcpyDeviceToHost, l->stream));
    GMLP_GPU_TRY(cudaStreamSynchronize(l->stream));
    unpack_weights(*t, block, d->weights);
    *loss = 0.0;
    for (int i = 0; i < blocks; i++) *loss += (double)losses[i];
    *loss /= 3.0 * (double)d->batch;
    return GMLP_OK;
}

static gmlp_result train(void *user, const gmlp_device_training *d, double *loss) {
    work *const k = (work *)user;
    gmlp_cuda *const c = k->c;
    lane_of_work *const l = k->lane;
    const on_device here(c);
    training t;
    uint16_t feature[2 * (MOST_PIECES * 8 + 16)];
    void *tables, *memory;
    gmlp_result result;
    memset(&t, 0, sizeof t);
    plan_training(d, &t, feature);
    if (!fit_memory(&t, chunk_for(d->batch, c->multiprocessors), c->shared_memory))
        return refusal(c, GMLP_E_DEVICE_MEMORY, "the network is too wide for this GPU's shared memory");
    t.samples = (const gmlp_device_sample *)l->memory[SAMPLES].at;
    if (k->sample_count > 0x7fffffffu) return GMLP_E_LIMIT;
    t.sample_count = (uint32_t)k->sample_count;
    const uint32_t chunks = (d->batch + (uint32_t)t.chunk - 1) / (uint32_t)t.chunk;
    const int blocks = chunks < (uint32_t)c->multiprocessors ? (int)chunks : c->multiprocessors;
    const training_places p = place_training(t, blocks);
    const size_t fours = pack_tables(d, &t, NULL);
    const size_t host = fours * sizeof(uint4) + aligned((size_t)t.count * sizeof(float)) +
                        STEPS_AT_ONCE * sizeof(gmlp_device_step);
    result = lane_memory(c, l, FEATURES, fours * sizeof(uint4) + 16, &tables);
    if (!result) result = lane_memory(c, l, STATE, p.all, &memory);
    if (result) return result;
    unsigned char *const buffer = (unsigned char *)malloc(host), *const at = (unsigned char *)memory;
    if (!buffer) return GMLP_E_MEMORY;
    pack_tables(d, &t, (uint32_t *)(void *)buffer);
    t.tables = (const uint4 *)tables;
    t.partial = (float *)(at + p.partial);
    t.sum = (float *)(at + p.sum);
    t.loss = (float *)(at + p.loss);
    t.start = (const float *)(at + p.start);
    t.state = (float *)(at + p.state);
    t.counter = (unsigned *)(at + p.counter);
    t.steps = (const gmlp_device_step *)(at + p.steps);
    t.feature = (const uint16_t *)(at + p.feature);
    float *const block = (float *)(buffer + fours * sizeof(uint4));
    result = outcome(c, cudaMemcpyAsync(tables, buffer, fours * sizeof(uint4), cudaMemcpyHostToDevice, l->stream));
    const size_t features = (size_t)(t.padded + t.features) * sizeof *feature;
    if (!result)
        result = outcome(c, cudaMemcpyAsync(at + p.feature, feature, features, cudaMemcpyHostToDevice, l->stream));
    if (!result) result = outcome(c, cudaMemsetAsync(at + p.partial, 0, p.start, l->stream));
    void *const steps = (unsigned char *)block + aligned((size_t)t.count * sizeof(float));
    if (!result) result = train_there(c, l, d, &t, blocks, block, (gmlp_device_step *)steps, loss);
    if (result) done(cudaStreamSynchronize(l->stream)); /* buffer may still be read */
    free(buffer);
    return result;
}

#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>decode: base picture + network -> wide gamut or HDR

   Pixels are converted first, all of them, as if there were no network: a warp takes 128 of a row at a time and waits
   for nobody. Tiles with pixels for the network are listed, and these go through it after that: a team of warps brings
   a tile's codes, with those of the windows around it, into shared memory, a byte of red, green and blue each in a
   plane of its own, lists what is for the network, and each warp takes 32 of the listed pixels at a time through it. In
   which order they were listed makes no difference to any of them.

   Networks in whole numbers, as gamutmlp.h has them (>>blob): h1 and h2 have 15 bits, weights 16. Tensor cores multiply
   bytes: with h = 256 hh + hl and w = 256 wh + wl a sum of h w is 65536 (hh wh) + 256 (hh wl + hl wh) + (hl wl), which
   may wrap around on its way. Which column of a fragment stands for which neuron does not matter as long as both
   factors agree; so a lane keeps what it has: of the first layer eight neurons that lie next to each other in the
   tables, of the second the columns of its sums. */
enum {
    TILE_WIDTH = 128, TILE_HEIGHT = 20, TILE_PIXELS = TILE_WIDTH * TILE_HEIGHT,
    MARGIN = 8,                   /* columns before the tile's first, for windows */
    PITCH = (TILE_WIDTH + 2 * MARGIN + 4) / 4, /* words of a plane's row, of a plane */
    PLANE = PITCH * (TILE_HEIGHT + 2 * GMLP_MAX_RADIUS),
    /* a team's memory: how many pixels are listed, the next tile, this one; the list; planes, alpha's last */
    AT_LIST = 16, AT_PLANES = AT_LIST + TILE_PIXELS * 2, AT_ALPHA = AT_PLANES + 3 * PLANE * 4,
    TEAM_BYTES = (AT_ALPHA + PLANE * 4 + 15) / 16 * 16,
    NEAR_TABLES = 9 * 256 * 4,    /* in pieces of 16 bytes: tables of 32 neurons in shared memory */
    SPREAD_SHARES = 2 * 256 * 8,  /* shares as spread_shares has them */
    DECODE_FEATURES = 2 * GMLP_MAX_FREQUENCIES * GMLP_INPUTS,
    FLOAT_WARPS = 4,
    FLOAT_SCRATCH = DECODE_FEATURES + 2 * GMLP_MAX_WIDTH /* floats of a warp */
};

/* What is written most has kernels of its own, for bases with shares: codes of three channels by a POWER curve, and
   halves of light with alpha 1. */
enum { ANY_KIND, RGB16, RGB8, RGBA16F, KINDS };

/* What the kernels get. */
struct decoding {
    view base, out;
    int base_x, base_y;           /* of base's first pixel in the picture; of out's */
    int x, y;
    int tiles_across, tiles;
    /* words of a plane's row that are used; i / words = i * row_factor >> 16 */
    int first_word, words;
    uint32_t row_factor;
    int halo, with_alpha;
    int pixel;                    /* bytes of out's */
    int through, piece;           /* rows are put together; pieces of so many bytes go out */
    int kind;
    int even;                     /* base is RGB, and four pixels are three words of it */
    uint32_t *todo;               /* how many tiles have pixels for the network, which; for each: is it among them? Then
                                     how many were drawn. NULL: all tiles, or there is no network */
    /* pixels that are not for the network */
    reader from;
    const float4 *shares;
    float matrix[9];
    int mixes;
    writer to;
    /* the others */
    int network, all, sycc, clip_margin, method, direct, leaves;
    uint32_t margins;             /* as above() takes it */
    float near_low, near_high;    /* the margin of sYCC's R'G'B' */
    float to_wide[9], to_out[9];
    signals domain;
    int windows;
    window w[GMLP_WINDOWS];
    /* the network in whole numbers; tables as sums of 32 bits take them (summable) */
    int pairs;
    const uint32_t *lines, *columns, *codes; /* by row and column of the picture, by input and code */
    int first_column;
    const uint4 *w2, *w3;         /* fragments: high bytes, low bytes */
    const int2 *b2;
    float scale[3], bias[3];
    /* and in float */
    const float *place_column, *place_row, *weights;
    int features, wide, width, inputs, sine, transpose;
    float input_mean, input_range;
    uint8_t frequencies[GMLP_INPUTS];
};

__device__ __forceinline__ int byte_of(uint32_t word, int i) { return (int)(word >> 8 * i & 255u); }

/* 128 times that. */
__device__ __forceinline__ uint32_t byte_line(uint32_t word, int i) {
    return (i ? word >> (8 * i - 7) : word << 7) & 0x7f80u;
}

/* Three codes to the sum of their shares. */
__device__ __forceinline__ void mix(shared<const float4> shares, const int code[3], float light[3]) {
    const float4 r = shares[code[0]], g = shares[256 + code[1]], b = shares[512 + code[2]];
    light[0] = __fadd_rn(__fadd_rn(r.x, g.x), b.x);
    light[1] = __fadd_rn(__fadd_rn(r.y, g.y), b.y);
    light[2] = __fadd_rn(__fadd_rn(r.z, g.z), b.z);
}

/* Three codes to light in out's space, without a network. */
__device__ __forceinline__ void convert(const decoding &d, shared<const float4> shares, const int code[3],
                                        float light[3]) {
    if (d.shares) {
        mix(shares, code, light);
        return;
    }
    from_ycc(code, light);
    for (int c = 0; c < 3; c++) light[c] = curve(d.from.curve, light[c], 2);
    if (d.mixes) matrix(d.matrix, light);
}

/* Shares for warps of which every lane looks up another code: of the eight lanes that are served at once no two want
   the same banks. A line of 128 bytes has those of a code, red's four times and green's four times, and odd lanes take
   green's first; 256 lines later blue's, eight times. */
__device__ __forceinline__ void spread_shares(const decoding &d, shared<float4> to) {
    for (int i = (int)threadIdx.x; i < SPREAD_SHARES; i += (int)blockDim.x)
        to[i] = __ldg(d.shares + (i < 2048 ? i / 4 % 2 * 256 + i / 8 : 512 + i / 8 - 256));
}

/* Pixel i of four to its shares; the sum of the first two does not depend on which is which. */
__device__ __forceinline__ void look_up(shared<const unsigned char> spread, const uint32_t plane[4], int i,
                                        float4 share[3]) {
    const uint32_t lane = (uint32_t)lane_of(), green_first = lane & 1u, quarter = lane / 2u % 4u * 16u;
    const uint32_t first = green_first ? plane[1] : plane[0], second = green_first ? plane[0] : plane[1];
    const uint32_t at = green_first * 64u | quarter;
    share[0] = *cast<const float4>(spread + (byte_line(first, i) | at));
    share[1] = *cast<const float4>(spread + (byte_line(second, i) | (at ^ 64u)));
    share[2] = *cast<const float4>(spread + 32768 + (byte_line(plane[2], i) | lane % 8u * 16u));
}

/* Is it for the network? */
__device__ __forceinline__ bool is_listed(const decoding &d, const int code[3]) {
    float rgb[3];
    if (!d.network || d.all) return d.network != 0;
    if (!d.sycc) return is_saturated(code, d.clip_margin);
    from_ycc(code, rgb); /* as is_near_ends */
    const float low = least(least(rgb[0], rgb[1]), rgb[2]), high = most(most(rgb[0], rgb[1]), rgb[2]);
    return (!(d.near_low < low) || !(high < d.near_high)) && 0.5f / 255.0f < high && low < 254.5f / 255.0f;
}

/* High bits of the bytes that are above a number, 0..127: margins has 127 less that, four times. */
__device__ __forceinline__ uint32_t above(uint32_t word, uint32_t margins) {
    return (((word & 0x7f7f7f7fu) + margins) | word) & 0x80808080u;
}

/* Of four pixels, n of which there are, those that are for the network: the high bits of bytes. */
__device__ __forceinline__ uint32_t listed_of(const decoding &d, const uint32_t plane[4], int n) {
    const uint32_t there = n >= 4 ? 0x80808080u : n > 0 ? 0x80808080u & ((1u << 8 * n) - 1u) : 0u;
    const uint32_t r = plane[0], g = plane[1], b = plane[2], margin = d.margins;
    uint32_t listed = 0;
    if (!d.network || d.all) return d.network ? there : 0u;
    if (!d.sycc) /* as is_saturated */
        return ~(above(r, margin) & above(g, margin) & above(b, margin) & above(~r, margin) & above(~g, margin) &
                 above(~b, margin)) & above(r | g | b, 0x7f7f7f7fu) & above(~(r & g & b), 0x7f7f7f7fu) & there;
    GMLP_GPU_ROLL
    for (int i = 0; i < 4; i++) {
        const int c[3] = {byte_of(r, i), byte_of(g, i), byte_of(b, i)};
        listed |= (uint32_t)is_listed(d, c) << (8 * i + 7);
    }
    return listed & there;
}

/* Codes to the values that the network's map belongs to; kept: light, for less headroom. */
template <bool HDR>
__device__ __forceinline__ void values_of(const decoding &d, const int code[3], float value[3], float kept[3]) {
    if (d.sycc) {
        from_ycc(code, value);
        for (int c = 0; c < 3; c++) value[c] = curve(d.from.curve, value[c], 2);
    } else {
        for (int c = 0; c < 3; c++) value[c] = __ldg(d.from.table + code[c]);
    }
    matrix(d.to_wide, value);
    for (int c = 0; c < 3 && HDR; c++) {
        kept[c] = clamped(value[c], d.domain.signal_max);
        value[c] = signal_of(d.domain, value[c]);
    }
}

#define GMLP_GPU_E (1.0 / 64.0)

__device__ __forceinline__ float gain_undo(float s, float m) {
    return (float)__dadd_rn(__dmul_rn(__dadd_rn((double)s, GMLP_GPU_E), (double)m), -GMLP_GPU_E);
}

__device__ __forceinline__ float gamma_undo(float s, float m) {
    const double v = __dadd_rn((double)s, GMLP_GPU_E), top = 1.0 - GMLP_GPU_E;
    const double h = __dmul_rn((double)m, log2_of(v < top ? v : top));
    return (float)(h < 1.0 ? __dadd_rn(exp2_of(h > -64.0 ? h : -64.0), -GMLP_GPU_E) : 1.0);
}

/* A value of an HDR network and its map to light, or to a code. */
__device__ __forceinline__ float hdr_light(const decoding &d, float v, float m, float kept) {
    if (d.method == GMLP_METHOD_GAIN) v = clamped(gain_undo(v, m), 1.0f);
    else if (d.method == GMLP_METHOD_GAMMA) v = clamped(gamma_undo(v, m), 1.0f);
    else v = clamped(__fadd_rn(d.method == GMLP_METHOD_DIRECT ? 0.0f : v, m), 1.0f);
    if (d.direct) return v;
    v = curve(d.domain.light, v, 0);
    if (d.domain.weight < 1.0) { /* less headroom: between the base's light and this */
        const double b = __dadd_rn((double)kept, GMLP_GPU_E),
                     stops = log2_of(__ddiv_rn(__dadd_rn((double)v, GMLP_GPU_E), b));
        v = (float)__dadd_rn(__dmul_rn(b, exp2_of(__dmul_rn(d.domain.weight, stops))), -GMLP_GPU_E);
    }
    return v;
}
#undef GMLP_GPU_E

/* The network's map and the values to light, or to codes. */
template <bool HDR>
__device__ __forceinline__ void light_of(const decoding &d, const float map[3], const float kept[3], float value[3]) {
    if (!HDR)
        for (int c = 0; c < 3; c++) value[c] = clamped(__fadd_rn(value[c], map[c]), 1.0f);
    GMLP_GPU_ROLL
    for (int c = 0; c < 3 && HDR; c++) {
        const float v = hdr_light(d, c == 0 ? value[0] : c == 1 ? value[1] : value[2],
                                  c == 0 ? map[0] : c == 1 ? map[1] : map[2],
                                  c == 0 ? kept[0] : c == 1 ? kept[1] : kept[2]);
        if (c == 0) value[0] = v;
        else if (c == 1) value[1] = v;
        else value[2] = v;
    }
    if (d.leaves) matrix(d.to_out, value);
}

__device__ __forceinline__ uint32_t mean_of(const window &w, uint32_t sum) {
    return (((sum + w.half) & 65535u) * w.factor >> 16) * w.last >> 16;
}

/* 1 for each byte from byte `from` of a word on, up to byte `to`. */
__device__ __forceinline__ uint32_t bytes_between(int from, int to) {
    uint32_t mask = 0x01010101u;
    if (from > 0) mask = from < 4 ? mask << 8 * from : 0u;
    if (to < 4) mask = to > 0 ? mask & ((1u << 8 * to) - 1u) : 0u;
    return mask;
}

/* Means of the windows around the pixel in column x of a plane's row: three bytes each. Rows' bytes are summed words at
   a time, those that lie outside of a window taken times 0. USUAL: radii are 1 and 3. */
template <bool USUAL>
__device__ __forceinline__ void window_means(const decoding &d, shared<const uint32_t> word, int x, int row,
                                             uint32_t mean[GMLP_WINDOWS]) {
    const int near = USUAL ? 1 : d.w[0].radius, far = USUAL ? 3 : d.w[1].radius, most_far = max(near, far);
    const int first = (x - most_far) / 4, words = (2 * most_far + 3) / 4 + 1;
    uint32_t sum[2][3] = {{0, 0, 0}, {0, 0, 0}};
    mean[0] = mean[1] = 0;
    if (!d.windows) return;
    GMLP_GPU_UNROLL_WORDS
    for (int k = first; k < first + words; k++) {
        const uint32_t near_mask = bytes_between(x - near - 4 * k, x + near + 1 - 4 * k),
                       far_mask = bytes_between(x - far - 4 * k, x + far + 1 - 4 * k);
        shared<const uint32_t> at = word + ((row - most_far) * PITCH + k);
        GMLP_GPU_UNROLL_ROWS
        for (int j = -most_far; j <= most_far; j++, at += PITCH) {
            const uint32_t r = at[0], g = at[PLANE], b = at[2 * PLANE];
            if (abs(j) <= near) {
                sum[0][0] = dot_bytes(r, near_mask, sum[0][0]);
                sum[0][1] = dot_bytes(g, near_mask, sum[0][1]);
                sum[0][2] = dot_bytes(b, near_mask, sum[0][2]);
            }
            if (abs(j) <= far) {
                sum[1][0] = dot_bytes(r, far_mask, sum[1][0]);
                sum[1][1] = dot_bytes(g, far_mask, sum[1][1]);
                sum[1][2] = dot_bytes(b, far_mask, sum[1][2]);
            }
        }
    }
    GMLP_GPU_UNROLL
    for (int i = 0; i < GMLP_WINDOWS; i++)
        if (USUAL || i < d.windows)
            mean[i] = mean_of(d.w[i], sum[i][0]) | mean_of(d.w[i], sum[i][1]) << 8 | mean_of(d.w[i], sum[i][2]) << 16;
}

__device__ __forceinline__ void add_words(uint4 *sum, uint4 v) {
    sum->x += v.x;
    sum->y += v.y;
    sum->z += v.z;
    sum->w += v.w;
}
__device__ __forceinline__ void add_words(uint4 *sum, const uint32_t *table, int at) {
    add_words(sum, __ldg(reinterpret_cast<const uint4 *>(table + at)));
}

/* A sum of summable words: two neurons, none below 0. */
__device__ __forceinline__ uint32_t two_neurons(uint32_t sum) { return __vmaxs2(sum + ((sum & 0x8000u) << 1), 0u); }

/* A pixel for the first layer: bytes of its code and the windows' means, in turn, and alpha's; its place in the
   picture. What comes after the network takes all from here, as few registers are left within it. */
struct looked_up {
    uint32_t code[3];
    uint32_t place;               /* column, from the first that can be decoded, and 65536 row */
};

/* Tables of the first layer for up to 32 neurons in shared memory. A line of 128 bytes has a row of two tables, and of
   the two pixels that are served at once one takes the first table's first, the other the second's: they never want the
   same banks. The ninth table comes last, alone. */
__device__ __forceinline__ void load_tables(const decoding &d, shared<uint4> to) {
    const int pairs = d.pairs, tables = 3 + 3 * d.windows;
    for (int i = (int)threadIdx.x; i < NEAR_TABLES; i += (int)blockDim.x) {
        const int table = i < 8192 ? i / 2048 * 2 + i / 4 % 2 : 8, code = i < 8192 ? i / 8 % 256 : (i - 8192) / 4;
        uint4 v = make_uint4(0, 0, 0, 0);
        if (table < tables && i % 4 * 4 < pairs)
            v = __ldg(reinterpret_cast<const uint4 *>(d.codes + (table * 256 + code) * pairs + i % 4 * 4));
        to[i] = v;
    }
}

/* Four words of the first layer from word j on, for the pixel of lane / 4. */
template <bool NEAR> __device__ __forceinline__ uint4 first_layer(const decoding &d, const looked_up &p, int j) {
    const int pairs = d.pairs, tables = 3 + 3 * d.windows;
    uint4 sum = make_uint4(0, 0, 0, 0);
    if (j < pairs) {
        add_words(&sum, d.lines, (int)(p.place >> 16) * pairs + j);
        add_words(&sum, d.columns, (int)(p.place & 65535u) * pairs + j);
    }
    if (NEAR) {
        /* without windows, tables of zeros */
        const uint32_t odd_pixel = (uint32_t)lane_of() / 4u & 1u, at = odd_pixel * 64u | (uint32_t)j * 4u;
        const uint32_t turn = odd_pixel ? 0x2301u : 0x3210u;
        GMLP_GPU_UNROLL
        for (int i = 0; i < 4; i++) {
            const uint32_t codes = __byte_perm(p.code[i / 2], 0, turn);
            shared<const unsigned char> table = shared_memory() + 32768 * i;
            add_words(&sum, *cast<const uint4>(table + (byte_line(codes, i % 2 * 2) | at)));
            add_words(&sum, *cast<const uint4>(table + (byte_line(codes, i % 2 * 2 + 1) | (at ^ 64u))));
        }
        add_words(&sum, *cast<const uint4>(shared_memory() + 131072 + ((p.code[2] << 6 & 0x3fc0u) | (uint32_t)j * 4u)));
    } else if (j < pairs) {
        GMLP_GPU_UNROLL
        for (int i = 0; i < 9; i++) {
            if (i >= tables) break;
            add_words(&sum, d.codes, (i * 256 + byte_of(p.code[i / 4], i % 4)) * pairs + j);
        }
    }
    return make_uint4(two_neurons(sum.x), two_neurons(sum.y), two_neurons(sum.z), two_neurons(sum.w));
}

/* Of neurons in pairs the low bytes of four, or the high ones. */
__device__ __forceinline__ uint32_t low_bytes(uint32_t a, uint32_t b) { return __byte_perm(a, b, 0x6420); }
__device__ __forceinline__ uint32_t high_bytes(uint32_t a, uint32_t b) { return __byte_perm(a, b, 0x7531); }

/* c += a product of 16-bit numbers in bytes: c[0] of high ones, c[1] of high and low, c[2] of low ones. */
__device__ __forceinline__ void multiply_split(int32_t c[3][4], const uint32_t high[4], const uint32_t low[4],
                                               uint4 w) {
    multiply_signed(c[0], high, w.x, w.y);
    multiply_unsigned(c[1], high, w.z, w.w);
    multiply_signed(c[1], low, w.x, w.y);
    multiply_unsigned(c[2], low, w.z, w.w);
}

__device__ __forceinline__ int32_t whole_sum(const int32_t c[3][4], int i) {
    return (int32_t)(((uint32_t)c[0][i] << 16) + ((uint32_t)c[1][i] << 8) + (uint32_t)c[2][i]);
}

/* The network for a warp's 32 pixels, of which each lane has one: its outputs, before scale and bias. BLOCKS: of 32
   neurons in a layer. */
template <int BLOCKS, bool NEAR>
__device__ __forceinline__ void whole_network(const decoding &d, const looked_up &mine, int32_t out[3]) {
    const int lane = lane_of(), g = lane / 4, t = lane % 4;
    GMLP_GPU_ROLL
    for (int m = 0; m < 2; m++) { /* 16 pixels */
        uint32_t high[BLOCKS][4] = {}, low[BLOCKS][4] = {};
        int32_t sum3[3][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}};
        GMLP_GPU_UNROLL_NARROW
        for (int half = 0; half < 2; half++) {
            const int from = 16 * m + 8 * half + g;
            looked_up p;
            p.code[0] = __shfl_sync(0xffffffffu, mine.code[0], from);
            p.code[1] = __shfl_sync(0xffffffffu, mine.code[1], from);
            p.code[2] = __shfl_sync(0xffffffffu, mine.code[2], from);
            p.place = __shfl_sync(0xffffffffu, mine.place, from);
            GMLP_GPU_UNROLL
            for (int k = 0; k < BLOCKS; k++) {
                const uint4 h = first_layer<NEAR>(d, p, 16 * k + 4 * t);
                high[k][0] = high[k][1];
                high[k][2] = high[k][3];
                low[k][0] = low[k][1];
                low[k][2] = low[k][3];
                high[k][1] = high_bytes(h.x, h.y);
                high[k][3] = high_bytes(h.z, h.w);
                low[k][1] = low_bytes(h.x, h.y);
                low[k][3] = low_bytes(h.z, h.w);
            }
        }
        GMLP_GPU_ROLL
        for (int block = 0; block < BLOCKS; block++) { /* 32 neurons of the second layer, at once into the third */
            uint32_t high2[4] = {0, 0, 0, 0}, low2[4] = {0, 0, 0, 0};
            GMLP_GPU_ROLL /* all at once would take more registers than there are */
            for (int n = 0; n < 4; n += 2) {
                uint32_t pair[2][2];
                GMLP_GPU_UNROLL
                for (int i = 0; i < 2; i++) {
                    const int2 b = __ldg(d.b2 + (4 * block + n + i) * 4 + t);
                    int32_t sum[3][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}, {b.x, b.y, b.x, b.y}};
                    GMLP_GPU_UNROLL
                    for (int k = 0; k < BLOCKS; k++)
                        multiply_split(sum, high[k], low[k],
                                       __ldg(d.w2 + ((4 * block + n + i) * BLOCKS + k) * 32 + lane));
                    GMLP_GPU_UNROLL
                    for (int half = 0; half < 2; half++) {
                        const uint32_t a = (uint32_t)whole_sum(sum, 2 * half),
                                       c = (uint32_t)whole_sum(sum, 2 * half + 1);
                        pair[i][half] = __vmaxs2(__byte_perm(a, c, 0x7632), 0u); /* both >> 16, none below 0 */
                    }
                }
                GMLP_GPU_UNROLL
                for (int half = 0; half < 2; half++) {
                    high2[half] = high2[2 + half];
                    high2[2 + half] = high_bytes(pair[0][half], pair[1][half]);
                    low2[half] = low2[2 + half];
                    low2[2 + half] = low_bytes(pair[0][half], pair[1][half]);
                }
            }
            multiply_split(sum3, high2, low2, __ldg(d.w3 + block * 32 + lane));
        }
        GMLP_GPU_UNROLL
        for (int half = 0; half < 2; half++) { /* each pixel's three sums to its lane */
            const int from = lane % 8 * 4;
            const int32_t a = whole_sum(sum3, 2 * half), b = whole_sum(sum3, 2 * half + 1);
            const int32_t r = __shfl_sync(0xffffffffu, a, from), s = __shfl_sync(0xffffffffu, b, from),
                          q = __shfl_sync(0xffffffffu, a, from + 1);
            if (lane / 8 == 2 * m + half) {
                out[0] = r;
                out[1] = s;
                out[2] = q;
            }
        }
    }
}

/* Three words of four RGB pixels to bytes by channel. */
__device__ __forceinline__ void planes_of(uint32_t a, uint32_t b, uint32_t c, uint32_t plane[4]) {
    plane[0] = __byte_perm(__byte_perm(a, b, 0x0630), c, 0x5210);
    plane[1] = __byte_perm(__byte_perm(a, b, 0x0741), c, 0x6210);
    plane[2] = __byte_perm(__byte_perm(a, b, 0x0052), c, 0x7410);
    plane[3] = 0xffffffffu;
}

/* Four pixels of a row of base from column x on, wherever that is, to bytes by channel. Beyond its ends are its
   outermost pixels again. */
__device__ __forceinline__ void load_four(const decoding &d, const unsigned char *row, int x, uint32_t plane[4]) {
    const int channels = d.base.channels, width = (int)d.base.width;
    const unsigned char *const p = row + (ptrdiff_t)x * channels;
    const uint32_t odd_bytes = (uint32_t)((uintptr_t)p & 3u);
    const int before = x * channels - (int)odd_bytes,
              after = (width - x - 4) * channels - (int)(odd_bytes ? 4 - odd_bytes : 0);
    if (x >= 0 && before >= 0 && after >= 0) { /* whole words around them lie in the row */
        const uint32_t *const word = reinterpret_cast<const uint32_t *>(p - odd_bytes);
        const uint32_t turn = 0x3210u + 0x1111u * odd_bytes;
        uint32_t a = __ldg(word), b = __ldg(word + 1), c = __ldg(word + 2), e = 0, f = 0;
        if (channels == 4 || odd_bytes) e = __ldg(word + 3);
        if (channels == 4 && odd_bytes) f = __ldg(word + 4);
        a = __byte_perm(a, b, turn);
        b = __byte_perm(b, c, turn);
        c = __byte_perm(c, e, turn);
        e = __byte_perm(e, f, turn);
        if (channels == 3) planes_of(a, b, c, plane);
        else {
            const uint32_t rg = __byte_perm(a, b, 0x5140), rg2 = __byte_perm(c, e, 0x5140);
            const uint32_t ba = __byte_perm(a, b, 0x7362), ba2 = __byte_perm(c, e, 0x7362);
            plane[0] = __byte_perm(rg, rg2, 0x5410);
            plane[1] = __byte_perm(rg, rg2, 0x7632);
            plane[2] = __byte_perm(ba, ba2, 0x5410);
            plane[3] = __byte_perm(ba, ba2, 0x7632);
        }
        return;
    }
    plane[0] = plane[1] = plane[2] = plane[3] = 0;
    for (int i = 0; i < 4; i++) {
        const unsigned char *const q = row + (ptrdiff_t)min(max(x + i, 0), width - 1) * channels;
        plane[0] |= (uint32_t)__ldg(q) << 8 * i;
        plane[1] |= (uint32_t)__ldg(q + 1) << 8 * i;
        plane[2] |= (uint32_t)__ldg(q + 2) << 8 * i;
        if (channels == 4) plane[3] |= (uint32_t)__ldg(q + 3) << 8 * i;
    }
}

/* A rectangle of out. */
struct tile {
    int x, y, width, height;
};

__device__ __forceinline__ tile tile_at(const decoding &d, uint32_t i) {
    tile t;
    t.x = (int)(i % (uint32_t)d.tiles_across) * TILE_WIDTH;
    t.y = (int)(i / (uint32_t)d.tiles_across) * TILE_HEIGHT;
    t.width = min((int)d.out.width - t.x, (int)TILE_WIDTH);
    t.height = min((int)d.out.height - t.y, (int)TILE_HEIGHT);
    return t;
}

/* The warps that have a tile: their memory, and which thread of how many this is. */
struct team {
    int at, thread, threads;
};

/* A tile's codes. */
__device__ __forceinline__ void load_tile(const decoding &d, team us, tile t) {
    const int x = d.x + t.x, y = d.y + t.y, rows = t.height;
    shared<uint32_t> word = cast<uint32_t>(shared_memory() + us.at + AT_PLANES);
    const int all = (rows + 2 * d.halo) * d.words;
    for (int i = us.thread; i < all; i += us.threads) {
        const int r = (int)((uint32_t)i * d.row_factor >> 16), column = d.first_word + i - r * d.words;
        const int from = min(max(y - d.halo + r - d.base_y, 0), (int)d.base.height - 1);
        uint32_t plane[4];
        load_four(d, d.base.data + (ptrdiff_t)from * d.base.stride, x - MARGIN + 4 * column - d.base_x, plane);
        shared<uint32_t> to = word + (r * PITCH + column);
        to[0] = plane[0];
        to[PLANE] = plane[1];
        to[2 * PLANE] = plane[2];
        if (d.with_alpha) to[3 * PLANE] = plane[3];
    }
}

/* Which of a tile's pixels are for the network. */
__device__ __forceinline__ void list_tile(const decoding &d, team us, tile t) {
    shared<const uint32_t> word = cast<const uint32_t>(shared_memory() + us.at + AT_PLANES);
    shared<uint16_t> list = cast<uint16_t>(shared_memory() + us.at + AT_LIST);
    shared<uint32_t> counter = cast<uint32_t>(shared_memory() + us.at);
    const int lane = lane_of(), column = 4 * lane;
    for (int row = us.thread / 32; row < t.height; row += us.threads / 32) {
        const int at = (row + d.halo) * PITCH + MARGIN / 4 + lane;
        const uint32_t red = word[at], green = word[at + PLANE], blue = word[at + 2 * PLANE];
        const uint32_t plane[4] = {red, green, blue, 0}, listed = listed_of(d, plane, t.width - column);
        uint32_t place = 0, before = 0, count = 0, slot = 0;
        GMLP_GPU_UNROLL
        for (int i = 0; i < 4; i++) {
            const uint32_t ballot = __ballot_sync(0xffffffffu, (int)(listed >> (8 * i + 7) & 1u));
            before += (uint32_t)__popc(ballot & ((1u << lane) - 1u));
            count += (uint32_t)__popc(ballot);
        }
        if (!count) continue;
        if (lane == 0) place = atomicAdd(counter, count);
        slot = __shfl_sync(0xffffffffu, place, 0) + before;
        GMLP_GPU_UNROLL
        for (int i = 0; i < 4; i++)
            if (listed >> (8 * i + 7) & 1u) list[slot++] = (uint16_t)(row * TILE_WIDTH + column + i);
    }
}

/* The listed pixels of a tile. */
template <int BLOCKS, bool HDR, bool NEAR>
__device__ __forceinline__ void network_tile(const decoding &d, team us, tile t) {
    shared<const uint32_t> word = cast<const uint32_t>(shared_memory() + us.at + AT_PLANES);
    shared<const uint16_t> list = cast<const uint16_t>(shared_memory() + us.at + AT_LIST);
    shared<const uint32_t> counter = cast<const uint32_t>(shared_memory() + us.at);
    const int count = (int)(uint32_t)counter[0], lane = lane_of();
    for (int i = us.thread / 32 * 32; i < count; i += us.threads) {
        const int at = (int)(uint16_t)list[min(i + lane, count - 1)], column = at % TILE_WIDTH, row = at / TILE_WIDTH;
        const int x = MARGIN + column, y = d.halo + row, from = y * PITCH + x / 4;
        const uint32_t red = word[from], green = word[from + PLANE], blue = word[from + 2 * PLANE];
        const int c[3] = {byte_of(red, x & 3), byte_of(green, x & 3), byte_of(blue, x & 3)};
        looked_up mine;
        int32_t sum[3] = {0, 0, 0};
        uint32_t mean[GMLP_WINDOWS];
        if (d.w[0].radius == 1 && d.w[1].radius == 3) window_means<true>(d, word, x, y, mean);
        else window_means<false>(d, word, x, y, mean);
        mine.code[0] = (uint32_t)c[0] | (uint32_t)c[1] << 8 | (uint32_t)c[2] << 16 | mean[0] << 24;
        mine.code[1] = mean[0] >> 8 | mean[1] << 16;
        mine.code[2] = mean[1] >> 16;
        if (d.with_alpha) mine.code[2] |= (uint32_t)byte_of(word[from + 3 * PLANE], x & 3) << 8;
        mine.place = (uint32_t)(d.x + t.x + column - d.first_column) | (uint32_t)(d.y + t.y + row) << 16;
        whole_network<BLOCKS, NEAR>(d, mine, sum);
        const int code_of[3] = {byte_of(mine.code[0], 0), byte_of(mine.code[0], 1), byte_of(mine.code[0], 2)};
        float map[3], value[3], kept[3] = {0.0f, 0.0f, 0.0f};
        uint32_t code[3];
        GMLP_GPU_UNROLL
        for (int k = 0; k < 3; k++) map[k] = __fmaf_rn((float)sum[k], d.scale[k], d.bias[k]);
        values_of<HDR>(d, code_of, value, kept);
        light_of<HDR>(d, map, kept, value);
        const uint32_t out_x = (mine.place & 65535u) + (uint32_t)(d.first_column - d.x),
                       out_y = (mine.place >> 16) - (uint32_t)d.y;
        if (!HDR && d.kind == RGB16 && d.piece > 1) { /* what encode, packed and put_packed do */
            uint16_t *const to = reinterpret_cast<uint16_t *>(d.out.data + (ptrdiff_t)out_y * d.out.stride) + 3 * out_x;
            GMLP_GPU_UNROLL
            for (int k = 0; k < 3; k++) {
                const float tone = power(d.to.curve, clamped(value[k], 1.0f));
                if (i + lane < count) to[k] = (uint16_t)nearest(__fmaf_rn(tone, 65535.0f, d.to.offset));
            }
            continue;
        }
        encode(d.to, value, code);
        if (i + lane >= count) continue;
        const int source = d.with_alpha ? byte_of(mine.code[2], 1) : -1;
        const uint32_t alpha = d.to.channels == 4 ? alpha_code(d.to, source) : 0u;
        if (d.through && d.piece > 1)
            put_packed(d.out.data + (ptrdiff_t)out_y * d.out.stride + (size_t)out_x * (size_t)d.pixel,
                       packed(d.to, code, alpha), d.pixel);
        else put_pixel(d.to, d.out, out_x, out_y, d.pixel, code, alpha);
    }
}

/* NEAR: the first layer's tables are in shared memory, which a block's teams have in common. What takes few registers
   has more threads. */
enum { NEAR_TEAMS = 4 };
constexpr int team_threads(int blocks, bool hdr, bool near) {
    return near ? hdr ? 128 : 160 : 16 * TILE_HEIGHT / (blocks <= 1 && !hdr ? 1 : 2);
}
constexpr int network_threads(int blocks, bool hdr, bool near) {
    return team_threads(blocks, hdr, near) * (near ? (int)NEAR_TEAMS : 1);
}

/* A team's next tile after the i-th of those that are to be done: teams that have less to do take more tiles. */
__device__ __forceinline__ void draw_tile(const decoding &d, team us, int i, int step) {
#ifdef GMLP_CUDA_EMULATION
    const int next = i + step; /* as often as the others: see meet() */
#else
    const int next = d.todo ? step + (int)atomicAdd(d.todo + 1 + 2 * d.tiles, 1u) : i + step;
#endif
    (void)d;
    cast<uint32_t>(shared_memory() + us.at)[1] = (uint32_t)next;
}

template <int BLOCKS, bool HDR, bool NEAR>
__global__ void __launch_bounds__(network_threads(BLOCKS, HDR, NEAR), BLOCKS <= 1 && !HDR && !NEAR ? 2 : 1)
    network_tiles(decoding d) {
    const int teams = NEAR ? (int)NEAR_TEAMS : 1, threads = (int)blockDim.x / teams,
              number = (int)threadIdx.x / threads;
    const team us = {(NEAR ? NEAR_TABLES * 16 : 0) + number * TEAM_BYTES, (int)threadIdx.x - number * threads, threads};
    const int n = d.todo ? (int)__ldg(d.todo) : d.tiles;
    shared<uint32_t> counter = cast<uint32_t>(shared_memory() + us.at);
    int i = (int)blockIdx.x * teams + number;
    if (NEAR) {
        if (i - number >= n) return;
        load_tables(d, cast<uint4>(shared_memory()));
        __syncthreads();
    }
#ifdef GMLP_CUDA_EMULATION
    while (i - number < n) {
#else
    while (i < n) {
#endif
        const bool works = i < n;
        const uint32_t which = !works ? 0u : d.todo ? __ldg(d.todo + 1 + i) : (uint32_t)i;
        if (works) load_tile(d, us, tile_at(d, which));
        if (us.thread == 0) {
            counter[0] = 0u;
            counter[2] = which;
        }
        meet(number, threads);
        if (works) list_tile(d, us, tile_at(d, which));
        meet(number, threads);
        if (us.thread == 0) draw_tile(d, us, i, (int)gridDim.x * teams);
        if (works) network_tile<BLOCKS, HDR, NEAR>(d, us, tile_at(d, counter[2])); /* that frees registers */
        meet(number, threads);
        i = (int)(uint32_t)counter[1];
    }
}

/* Pixels of a row that a warp has put together to the picture, in pieces. */
template <class T>
__device__ __forceinline__ void store_pieces(shared<const unsigned char> from, unsigned char *to, int bytes) {
    const int pieces = bytes / (int)sizeof(T), rest = bytes - pieces * (int)sizeof(T);
    shared<const T> piece = cast<const T>(from);
    GMLP_GPU_ROLL
    for (int i = lane_of(); i < pieces; i += 32) {
        const T v = piece[i];
        reinterpret_cast<T *>(to)[i] = v;
    }
    GMLP_GPU_ROLL
    for (int i = lane_of(); i < rest; i += 32) to[bytes - rest + i] = from[bytes - rest + i];
}

/* a, from 0 to 1, through a POWER curve without in_scale and in_offset, its table in shared memory. */
__device__ __forceinline__ float plain_power(const tone &c, shared<const float> octave, float a) {
    const int32_t bits = __float_as_int(a);
    const float t = __fsub_rn(__int_as_float((bits & 0x7fffff) | 0x3f800000), 1.5f);
    float y = __fmaf_rn(c.term[7], t, c.term[6]);
    y = __fmaf_rn(y, t, c.term[5]);
    y = __fmaf_rn(y, t, c.term[4]);
    y = __fmaf_rn(y, t, c.term[3]);
    y = __fmaf_rn(y, t, c.term[2]);
    y = __fmaf_rn(y, t, c.term[1]);
    y = __fmaf_rn(y, t, c.term[0]);
    y = __fmaf_rn(y, octave[bits >> 23], c.out_offset);
    return a < c.toe_end ? __fmul_rn(a, c.toe_slope) : y;
}

/* The same by kind: a sum of two to a code, in the lower bits. */
template <int KIND>
__device__ __forceinline__ uint32_t code_of_sum(const writer &w, shared<const float> octave, float a, float b) {
    if (KIND == RGBA16F) {
        const float x = __fadd_rn(a, b);
        float y = odd(x, fabsf(x), fabsf(x));
        if (w.clamp_negative) y = clamped(y, __int_as_float(0x7f800000));
        return to_half(y);
    }
    const float y = plain_power(w.curve, octave, sum_clamped(a, b));
    if (KIND == RGB8) return code8(w, __fadd_rn(a, b), y);
    return __float_as_uint(__fadd_rn(__fmaf_rn(y, 65535.0f, w.offset), 12582912.0f)); /* as nearest */
}

__device__ __forceinline__ uint32_t two_halves(uint32_t a, uint32_t b) { return __byte_perm(a, b, 0x5410); }

/* Four pixels of one of the kinds to 24, 12 or 32 bytes. */
template <int KIND>
__device__ __forceinline__ void convert_four(const decoding &d, shared<const unsigned char> spread,
                                             const uint32_t plane[4], shared<unsigned char> to) {
    shared<const float> octave = cast<const float>(spread + SPREAD_SHARES * 16);
    uint32_t code[4][3];
    GMLP_GPU_UNROLL
    for (int i = 0; i < 4; i++) {
        float4 v[3];
        look_up(spread, plane, i, v);
        code[i][0] = code_of_sum<KIND>(d.to, octave, __fadd_rn(v[0].x, v[1].x), v[2].x);
        code[i][1] = code_of_sum<KIND>(d.to, octave, __fadd_rn(v[0].y, v[1].y), v[2].y);
        code[i][2] = code_of_sum<KIND>(d.to, octave, __fadd_rn(v[0].z, v[1].z), v[2].z);
    }
    if (KIND == RGB16) {
        shared<uint2> piece = cast<uint2>(to);
        piece[0] = make_uint2(two_halves(code[0][0], code[0][1]), two_halves(code[0][2], code[1][0]));
        piece[1] = make_uint2(two_halves(code[1][1], code[1][2]), two_halves(code[2][0], code[2][1]));
        piece[2] = make_uint2(two_halves(code[2][2], code[3][0]), two_halves(code[3][1], code[3][2]));
    } else if (KIND == RGB8) {
        shared<uint32_t> piece = cast<uint32_t>(to);
        piece[0] = code[0][0] | code[0][1] << 8 | code[0][2] << 16 | code[1][0] << 24;
        piece[1] = code[1][1] | code[1][2] << 8 | code[2][0] << 16 | code[2][1] << 24;
        piece[2] = code[2][2] | code[3][0] << 8 | code[3][1] << 16 | code[3][2] << 24;
    } else {
        const uint32_t alpha = 0x3c00u;
        shared<uint4> piece = cast<uint4>(to);
        piece[0] = make_uint4(two_halves(code[0][0], code[0][1]), two_halves(code[0][2], alpha),
                              two_halves(code[1][0], code[1][1]), two_halves(code[1][2], alpha));
        piece[1] = make_uint4(two_halves(code[2][0], code[2][1]), two_halves(code[2][2], alpha),
                              two_halves(code[3][0], code[3][1]), two_halves(code[3][2], alpha));
    }
}

constexpr int convert_threads(int kind) { return kind == ANY_KIND ? 512 : 1024; }
/* A block's memory: shares, and the curve's octaves; rows that are put together. */
constexpr int conversion_bytes(int kind, int pixel) {
    return (kind == ANY_KIND ? 3 * 256 * 16 : SPREAD_SHARES * 16 + 1024) +
           convert_threads(kind) / 32 * TILE_WIDTH * pixel;
}

template <int KIND> __global__ void __launch_bounds__(convert_threads(KIND), 1) convert_rows(decoding d) {
    const int lane = lane_of(), warps = (int)(blockDim.x / 32), all = (int)gridDim.x * warps, across = d.tiles_across;
    const int first = (int)blockIdx.x * warps + (int)(threadIdx.x / 32), down = all / across,
              right = all - down * across;
    shared<float4> shares = cast<float4>(shared_memory());
    shared<unsigned char> together = shared_memory() + (KIND == ANY_KIND ? 12288 : SPREAD_SHARES * 16 + 1024) +
                                     (int)(threadIdx.x / 32) * TILE_WIDTH * d.pixel;
    if (KIND != ANY_KIND) spread_shares(d, shares);
    if (KIND == RGB16 || KIND == RGB8) {
        shared<float> octave = cast<float>(shared_memory() + SPREAD_SHARES * 16);
        for (int i = (int)threadIdx.x; i < 256; i += (int)blockDim.x) octave[i] = __ldg(d.to.curve.table + i);
    }
    if (KIND == ANY_KIND && d.shares)
        for (int i = (int)threadIdx.x; i < 3 * 256; i += (int)blockDim.x) shares[i] = __ldg(d.shares + i);
    __syncthreads();
    for (int row = first / across, column = first - row * across; row < (int)d.out.height; row += down) {
        const int x = column * TILE_WIDTH, width = min((int)d.out.width - x, (int)TILE_WIDTH), n = width - 4 * lane;
        uint32_t plane[4];
        const unsigned char *const from = d.base.data + (ptrdiff_t)(d.y + row - d.base_y) * d.base.stride;
        const int from_x = d.x + x + 4 * lane - d.base_x;
        if (KIND != ANY_KIND && d.even && n >= 4) {
            const uint32_t *const word = reinterpret_cast<const uint32_t *>(from + 3 * from_x);
            planes_of(__ldg(word), __ldg(word + 1), __ldg(word + 2), plane);
        } else load_four(d, from, from_x, plane);
        if (d.todo && __any_sync(0xffffffffu, listed_of(d, plane, n) != 0) && lane == 0) {
            const uint32_t tile = (uint32_t)(row / TILE_HEIGHT * across + column);
            if (!atomicExch(d.todo + 1 + d.tiles + tile, 1u)) d.todo[1 + atomicAdd(d.todo, 1u)] = tile;
        }
        __syncwarp();
        if (KIND != ANY_KIND) {
            const int size = KIND == RGB16 ? 6 : KIND == RGB8 ? 3 : 8;
            convert_four<KIND>(d, shared_memory(), plane, together + 4 * lane * size);
        } else {
            GMLP_GPU_ROLL
            for (int i = 0; i < min(n, 4); i++) {
                const int c[3] = {byte_of(plane[0], i), byte_of(plane[1], i), byte_of(plane[2], i)};
                const int source = d.with_alpha ? byte_of(plane[3], i) : -1;
                float light[3];
                uint32_t code[3];
                convert(d, shares, c, light);
                encode(d.to, light, code);
                const uint32_t alpha = d.to.channels == 4 ? alpha_code(d.to, source) : 0u;
                if (d.through)
                    put_packed(together + (4 * lane + i) * d.pixel, packed(d.to, code, alpha), d.pixel);
                else
                    put_pixel(d.to, d.out, (uint32_t)(x + 4 * lane + i), (uint32_t)row, d.pixel, code, alpha);
            }
        }
        __syncwarp();
        if (d.through) {
            unsigned char *const to = d.out.data + (ptrdiff_t)row * d.out.stride + (ptrdiff_t)x * d.pixel;
            if (KIND != ANY_KIND && d.piece == 16 && width == TILE_WIDTH) {
                const int pieces = TILE_WIDTH * (KIND == RGB16 ? 6 : KIND == RGB8 ? 3 : 8) / 16;
                shared<const uint4> piece = cast<const uint4>(together);
                GMLP_GPU_UNROLL
                for (int i = lane; i < pieces; i += 32) reinterpret_cast<uint4 *>(to)[i] = piece[i];
            } else if (d.piece == 16) store_pieces<uint4>(together, to, width * d.pixel);
            else if (d.piece == 4) store_pieces<uint32_t>(together, to, width * d.pixel);
            else store_pieces<unsigned char>(together, to, width * d.pixel);
        }
        column += right;
        if (column >= across) {
            column -= across;
            row++;
        }
    }
}

/* Networks in float, after the others were converted: a warp takes 32 pixels of a row, one after the other, its lanes
   the neurons. Sums are the processor's, term by term. */

/* sin(pi a) */
__device__ __forceinline__ float sine_pi(float a) {
    const float n = rintf(a), r = __fsub_rn(a, n), s = __fmul_rn(r, r);
    float p = 0.077220127f;
    p = __fmaf_rn(p, s, -0.59804517f);
    p = __fmaf_rn(p, s, 2.55003142f);
    p = __fmaf_rn(p, s, -5.16770697f);
    p = __fmaf_rn(p, s, 3.1415925f);
    p = __fmul_rn(p, r);
    return __int_as_float((int32_t)(__float_as_uint(p) ^ (uint32_t)__float2int_rn(n) << 31));
}

__device__ __forceinline__ float activated(const decoding &d, float x) {
    if (!d.sine) return most(x, 0.0f);
    x = __fmul_rn(x, 0.318309886f);
    return sine_pi(least(most(x, -1048576.0f), 1048576.0f));
}

__device__ __forceinline__ float held_input(float m) { return m >= 4.0f ? 4.0f : m > -4.0f ? m : -4.0f; }

__device__ __forceinline__ float code_input(const decoding &d, uint32_t code) {
    const double v = __ddiv_rn((double)code, 255.0);
    return (float)(d.inputs == GMLP_INPUT_HALF ? __dadd_rn(v, -0.5) : __dadd_rn(__dmul_rn(2.0, v), -1.0));
}

/* Means of a window around a pixel of the picture, from the picture. */
__device__ __forceinline__ uint32_t means_there(const decoding &d, const window &w, int x, int y) {
    uint32_t sum[3] = {0, 0, 0};
    for (int j = -w.radius; j <= w.radius; j++)
        for (int i = -w.radius; i <= w.radius; i++) {
            const int column = min(max(x + i - d.base_x, 0), (int)d.base.width - 1);
            const int row = min(max(y + j - d.base_y, 0), (int)d.base.height - 1);
            const unsigned char *const p = d.base.data + (ptrdiff_t)row * d.base.stride + column * d.base.channels;
            for (int c = 0; c < 3; c++) sum[c] += __ldg(p + c);
        }
    return mean_of(w, sum[0]) | mean_of(w, sum[1]) << 8 | mean_of(w, sum[2]) << 16;
}

/* A layer: h[wide] = activation(bias + x[depth] * w[depth][wide]). */
__device__ __forceinline__ void float_layer(const decoding &d, shared<const float> x, int depth, const float *w,
                                            const float *bias, shared<float> h) {
    for (int j = lane_of(); j < d.wide; j += 32) {
        float sum = __ldg(bias + j);
        for (int k = 0; k < depth; k++) sum = __fmaf_rn(x[k], __ldg(w + (size_t)k * (size_t)d.wide + j), sum);
        h[j] = activated(d, sum);
    }
}

template <bool HDR> __global__ void __launch_bounds__(32 * FLOAT_WARPS, 4) decode_floats(decoding d) {
    const int lane = lane_of(), y = (int)blockIdx.y;
    const int x = ((int)blockIdx.x * FLOAT_WARPS + (int)(threadIdx.x / 32)) * 32 + lane;
    shared<float> feature = cast<float>(shared_memory()) + (int)(threadIdx.x / 32) * FLOAT_SCRATCH;
    shared<float> h1 = feature + DECODE_FEATURES, h2 = h1 + GMLP_MAX_WIDTH;
    const int column = min(x, (int)d.out.width - 1) + d.x, row = y + d.y; /* in the picture */
    const unsigned char *const from = d.base.data + (ptrdiff_t)(row - d.base_y) * d.base.stride +
                                      (ptrdiff_t)(column - d.base_x) * d.base.channels;
    const int c[3] = {__ldg(from), __ldg(from + 1), __ldg(from + 2)};
    const bool listed = x < (int)d.out.width && is_listed(d, c);
    const float *const b1 = d.weights + (size_t)d.features * (size_t)d.wide, *const w2 = b1 + d.wide,
                *const b2 = w2 + (size_t)d.wide * (size_t)d.wide, *const w3 = b2 + d.wide, *const b3 = w3 + 3 * d.wide;
    uint32_t rest = __ballot_sync(0xffffffffu, listed);
    float value[3], kept[3] = {0.0f, 0.0f, 0.0f}, map[3] = {0.0f, 0.0f, 0.0f};
    uint32_t code = 0, mean0 = 0, mean1 = 0, encoded[3];
    if (!rest) return;
    values_of<HDR>(d, c, value, kept);
    code = (uint32_t)c[0] | (uint32_t)c[1] << 8 | (uint32_t)c[2] << 16;
    if (listed && d.windows > 0) mean0 = means_there(d, d.w[0], column, row);
    if (listed && d.windows > 1) mean1 = means_there(d, d.w[1], column, row);
    while (rest) {
        const int of = __ffs((int)rest) - 1;
        const float row_place = __ldg(d.place_row + row);
        const float column_place = __ldg(d.place_column + __shfl_sync(0xffffffffu, column, of) - d.first_column);
        const uint32_t codes = __shfl_sync(0xffffffffu, code, of), means0 = __shfl_sync(0xffffffffu, mean0, of),
                       means1 = __shfl_sync(0xffffffffu, mean1, of);
        float wide[3], sum = 0.0f;
        int at = 0;
        rest &= rest - 1u;
        GMLP_GPU_UNROLL
        for (int k = 0; k < 3; k++) wide[k] = __shfl_sync(0xffffffffu, value[k], of);
        GMLP_GPU_UNROLL
        for (int i = 0; i < GMLP_INPUTS; i++) {
            float in;
            if (i < 2) in = i == (d.transpose ? 1 : 0) ? row_place : column_place;
            else if (i < 5 && d.inputs == GMLP_INPUT_WIDE)
                in = held_input(__fdiv_rn(__fsub_rn(wide[i < 5 && i > 1 ? i - 2 : 0], d.input_mean), d.input_range));
            else in = code_input(d, (uint32_t)byte_of(i < 5 ? codes : i < 8 ? means0 : means1, (i - 2) % 3));
            const int n = 2 * d.frequencies[i];
            if (lane < n)
                feature[at + lane] = sine_pi(__fmaf_rn(in, (float)(1 << lane / 2), lane % 2 ? 0.5f : 0.0f));
            at += n;
        }
        __syncwarp();
        float_layer(d, feature, d.features, d.weights, b1, h1);
        __syncwarp();
        float_layer(d, h1, d.width, w2, b2, h2);
        __syncwarp();
        if (lane < 3) {
            sum = __ldg(b3 + lane);
            for (int k = 0; k < d.width; k++) sum = __fmaf_rn(h2[k], __ldg(w3 + lane * d.wide + k), sum);
        }
        GMLP_GPU_UNROLL
        for (int k = 0; k < 3; k++) {
            const float s = __shfl_sync(0xffffffffu, sum, k);
            if (lane == of) map[k] = s;
        }
        __syncwarp();
    }
    if (!listed) return;
    light_of<HDR>(d, map, kept, value);
    encode(d.to, value, encoded);
    put_pixel(d.to, d.out, (uint32_t)x, (uint32_t)y, d.pixel, encoded,
              alpha_code(d.to, d.with_alpha ? (int)__ldg(from + 3) : -1));
}

/* The host's side. A handle: all but what depends on the pictures. */
struct decoder {
    gmlp_cuda *c;
    void *memory;                 /* on the GPU, what d points to */
    decoding d;
    writer to, coded;
    int blocks;                   /* of 32 neurons; 0: no network in whole numbers */
};

/* Words of two neurons, so that their sum as a word has both sums: the low one's sign is taken from the high one. */
static void summable(const int32_t *from, uint32_t *to, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = (uint32_t)from[i] - (((uint32_t)from[i] & 0x8000u) << 1);
}

/* Weight w, 16 bits with sign, as a byte of a fragment's four words: high bytes, then low ones. */
static void put_weight(uint32_t *word, int at, int32_t w) {
    word[at / 4] |= ((uint32_t)w >> 8 & 255u) << at % 4 * 8;
    word[2 + at / 4] |= ((uint32_t)w & 255u) << at % 4 * 8;
}
static int32_t half_of(int32_t word, size_t i) { return i % 2 ? word >> 16 : (int16_t)(uint16_t)(uint32_t)word; }

/* Fragments of the second and the third layer, with biases: blocks * (16 * blocks + 4) * 32 + 32 * blocks words. */
static void lay_fragments(const gmlp_decoder_plan &plan, size_t blocks, uint32_t *w2, uint32_t *w3, int32_t *b2) {
    const size_t width = 2 * plan.pairs;
    memset(w2, 0, blocks * blocks * 4 * 32 * 16);
    memset(w3, 0, blocks * 32 * 16);
    memset(b2, 0, blocks * 32 * 4);
    for (size_t i = 0; i < width; i++) b2[i] = plan.b2[i];
    for (size_t eight = 0; eight < 4 * blocks; eight++)
        for (size_t k = 0; k < blocks; k++)
            for (size_t lane = 0; lane < 32; lane++, w2 += 4)
                for (size_t i = 0; i < 8; i++) {
                    const size_t out = 8 * eight + lane / 4, in = 32 * k + lane % 4 * 8 + i;
                    if (out < width && in < width)
                        put_weight(w2, (int)i, half_of(plan.w2[(out / 8 * plan.pairs + in / 2) * 8 + out % 8], in));
                }
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 32; lane++, w3 += 4)
            for (size_t i = 0; i < 8; i++) {
                const size_t out = lane / 4, in = 32 * block + i / 2 * 8 + lane % 4 * 2 + i % 2;
                if (out < 3 && in < width) put_weight(w3, (int)i, half_of(plan.w3[3 * (in / 2) + out], in));
            }
}

/* Everything to its place in a parcel, which counts at first; tables are what it makes itself. */
static void fill_decoder(decoder *h, const gmlp_decoder *from, const gmlp_decoder_plan &plan, const uint32_t *tables,
                         parcel *p) {
    decoding &d = h->d;
    const size_t n = plan.pairs, blocks = (size_t)h->blocks;
    (void)from;
    d.from = put_reader(p, plan.base);
    d.shares = put(p, reinterpret_cast<const float4 *>(plan.shares), plan.shares ? 3 * 256 : 0);
    h->to = put_writer(p, plan.out);
    h->coded = put_writer(p, plan.coded);
    d.domain = put_signals(p, plan.domain);
    if (!plan.network) return;
    if (!blocks) {
        const float *const places = reinterpret_cast<const float *>(tables);
        d.place_row = put(p, places, plan.height);
        d.place_column = put(p, places + plan.height, plan.columns);
        d.weights = put(p, plan.weights, (plan.features + 5) * plan.wide + plan.wide * plan.wide + 3);
        return;
    }
    const uint32_t *at = tables;
    d.lines = put(p, at, plan.height * n), at += plan.height * n;
    d.columns = put(p, at, plan.columns * n), at += plan.columns * n;
    d.codes = put(p, at, (size_t)(3 + 3 * d.windows) * 256 * n), at += (size_t)(3 + 3 * d.windows) * 256 * n;
    d.w2 = put(p, reinterpret_cast<const uint4 *>(at), blocks * blocks * 4 * 32), at += blocks * blocks * 4 * 32 * 4;
    d.w3 = put(p, reinterpret_cast<const uint4 *>(at), blocks * 32), at += blocks * 32 * 4;
    d.b2 = put(p, reinterpret_cast<const int2 *>(at), blocks * 16);
}

/* Words that fill_decoder's tables take. */
static size_t decoder_words(const decoder *h, const gmlp_decoder_plan &plan) {
    const size_t blocks = (size_t)h->blocks;
    if (!plan.network) return 0;
    if (!blocks) return (size_t)plan.height + plan.columns;
    return ((size_t)plan.height + plan.columns + (size_t)(3 + 3 * h->d.windows) * 256) * plan.pairs +
           blocks * blocks * 4 * 32 * 4 + blocks * 32 * 4 + blocks * 32;
}

static void make_tables(const decoder *h, const gmlp_decoder *from, const gmlp_decoder_plan &plan, uint32_t *tables) {
    const size_t n = plan.pairs, blocks = (size_t)h->blocks, codes = (size_t)(3 + 3 * h->d.windows) * 256 * n;
    if (!plan.network) return;
    if (!blocks) {
        float *const places = reinterpret_cast<float *>(tables);
        for (uint32_t i = 0; i < plan.height; i++) places[i] = gmlp_decoder_place(from, 1, i);
        for (uint32_t i = 0; i < plan.columns; i++) places[plan.height + i] = gmlp_decoder_place(from, 0, plan.x + i);
        return;
    }
    gmlp_decoder_lines(from, 0, plan.height, reinterpret_cast<int32_t *>(tables));
    summable(reinterpret_cast<const int32_t *>(tables), tables, plan.height * n), tables += plan.height * n;
    summable(plan.column, tables, plan.columns * n), tables += plan.columns * n;
    summable(plan.codes, tables, codes), tables += codes;
    uint32_t *const w3 = tables + blocks * blocks * 4 * 32 * 4;
    lay_fragments(plan, blocks, tables, w3, reinterpret_cast<int32_t *>(w3 + blocks * 32 * 4));
}

static void decoder_free(void *handle) {
    decoder *const h = static_cast<decoder *>(handle);
    if (!h) return;
    on_device here(h->c);
    done(cudaFree(h->memory));
    free(h);
}

/* What of the plan is no table. */
static void plan_numbers(decoder *h, const gmlp_decoder_plan &plan) {
    decoding &d = h->d;
    h->blocks = plan.network && plan.whole_numbers ? (int)((2 * plan.pairs + 31) / 32) : 0;
    memcpy(d.matrix, plan.matrix, sizeof d.matrix);
    d.mixes = plan.mixes;
    d.network = plan.network;
    d.all = plan.mask == GMLP_MASK_ALL;
    d.sycc = plan.base.sycc;
    d.clip_margin = plan.clip_margin;
    d.margins = 0x7f7f7f7fu - (uint32_t)plan.clip_margin * 0x01010101u;
    d.near_low = ((float)plan.clip_margin + 0.5f) / 255.0f;
    d.near_high = 1.0f - d.near_low;
    d.method = plan.method;
    d.direct = plan.direct;
    d.leaves = plan.leaves;
    d.halo = plan.network ? (int)plan.halo : 0;
    memcpy(d.to_wide, plan.to_wide, sizeof d.to_wide);
    memcpy(d.to_out, plan.to_out, sizeof d.to_out);
    d.windows = plan.windows;
    for (int i = 0; i < d.windows; i++) d.w[i] = window_of(plan.radius[i]);
    d.pairs = (int)plan.pairs;
    d.first_column = (int)plan.x;
    memcpy(d.scale, plan.scale, sizeof d.scale);
    memcpy(d.bias, plan.bias, sizeof d.bias);
    d.features = (int)plan.features;
    d.wide = (int)plan.wide;
    d.width = plan.mlp.width;
    d.inputs = plan.inputs;
    d.sine = plan.mlp.activation == GMLP_SINE;
    d.transpose = plan.transpose;
    d.input_mean = plan.input_mean;
    d.input_range = plan.input_range;
    memcpy(d.frequencies, plan.mlp.frequencies, sizeof d.frequencies);
}

static gmlp_result decoder_upload(decoder *h, const gmlp_decoder *from, const gmlp_decoder_plan &plan,
                                  const uint32_t *tables, parcel *p) {
    gmlp_cuda *const c = h->c;
    lane_of_work *lane;
    gmlp_result result = outcome(c, cudaMalloc(&h->memory, p->used));
    if (result) return result;
    p->device = static_cast<unsigned char *>(h->memory);
    p->used = 0;
    fill_decoder(h, from, plan, tables, p);
    result = lane_take(c, &lane);
    if (result) return result;
    result = outcome(c, cudaMemcpyAsync(h->memory, p->host, p->used, cudaMemcpyHostToDevice, lane->stream));
    if (!result) result = outcome(c, cudaStreamSynchronize(lane->stream));
    lane_give(c, lane);
    return result;
}

static gmlp_result decoder_create(void *user, const gmlp_decoder *from, void **handle) {
    gmlp_cuda *const c = static_cast<gmlp_cuda *>(user);
    on_device here(c);
    decoder *const h = static_cast<decoder *>(calloc(1, sizeof *h));
    gmlp_decoder_plan plan;
    parcel p = {NULL, NULL, 0};
    gmlp_result result = GMLP_E_MEMORY;
    *handle = NULL;
    if (!h) return GMLP_E_MEMORY;
    h->c = c;
    gmlp_decoder_plan_of(from, &plan);
    plan_numbers(h, plan);
    uint32_t *const tables = static_cast<uint32_t *>(malloc(decoder_words(h, plan) * 4 + 16));
    if (tables) {
        make_tables(h, from, plan, tables);
        fill_decoder(h, from, plan, tables, &p);
        p.host = static_cast<unsigned char *>(malloc(p.used));
        if (p.host) result = decoder_upload(h, from, plan, tables, &p);
    }
    free(p.host);
    free(tables);
    if (result) decoder_free(h);
    else *handle = h;
    return result;
}

static bool is_hdr(const decoding &d) { return d.domain.signal.kind != NO_CURVE; }

static int kind_of(const decoding &d) {
    const writer &w = d.to;
    const bool power_of_3 = w.channels == 3 && w.unit && w.curve.kind == GMLP_CURVE_POWER && w.curve.in_scale == 1.0f &&
                            w.curve.in_offset == 0.0f;
    if (!d.through || !d.shares || w.system_gamma.kind != NO_CURVE) return ANY_KIND;
    if (w.type == GMLP_U16 && power_of_3) return RGB16;
    if (w.type == GMLP_U8 && power_of_3) return RGB8;
    return w.type == GMLP_F16 && w.channels == 4 && w.curve.kind == GMLP_CURVE_NONE && !w.unit && !w.integer &&
           !d.with_alpha ? RGBA16F : ANY_KIND;
}

/* How codes come in and out is written: straight to where it is if it is no packed rows. */
static void lay_tiles(decoding *d) {
    const uintptr_t places = (uintptr_t)d->out.data | (uintptr_t)d->out.stride;
    d->with_alpha = d->to.channels == 4 && d->to.alpha == GMLP_ALPHA_SOURCE && d->base.channels == 4;
    d->tiles_across = (int)((d->out.width + TILE_WIDTH - 1) / TILE_WIDTH);
    d->tiles = d->tiles_across * (int)((d->out.height + TILE_HEIGHT - 1) / TILE_HEIGHT);
    d->first_word = (MARGIN - d->halo) / 4;
    d->words = (d->halo ? (MARGIN + TILE_WIDTH + 2 + d->halo) / 4 : (MARGIN + TILE_WIDTH - 1) / 4) + 1 - d->first_word;
    d->row_factor = (65536u + (uint32_t)d->words - 1) / (uint32_t)d->words;
    d->through = !d->out.plane_stride && !(d->to.channels == 4 && d->to.alpha == GMLP_ALPHA_KEEP);
    d->even = d->base.channels == 3 && (d->x - d->base_x) % 4 == 0 &&
              ((uintptr_t)d->base.data | (uintptr_t)d->base.stride) % 4 == 0;
    d->kind = kind_of(*d);
    d->piece = places % 16 == 0 ? 16 : places % 4 == 0 ? 4 : 1;
}

/* Starts a kernel whose blocks share out the work: as many as run at once, and no more than there is work for. */
static gmlp_result launch_all(gmlp_cuda *c, lane_of_work *l, void (*kernel)(decoding), int threads, size_t bytes,
                              size_t blocks, const decoding &d) {
    int at_once = 0;
    GMLP_GPU_TRY(permit(c, reinterpret_cast<const void *>(kernel), bytes));
    GMLP_GPU_TRY(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&at_once, kernel, threads, bytes));
    const size_t most_blocks = (size_t)c->multiprocessors * (size_t)(at_once ? at_once : 1);
    return outcome(c, launch(c, kernel, dim3((unsigned)(blocks < most_blocks ? blocks : most_blocks)),
                             dim3((unsigned)threads), bytes, l->stream, d, false));
}

static gmlp_result launch_conversion(gmlp_cuda *c, lane_of_work *l, const decoding &d) {
    typedef void (*kernel_of)(decoding);
    static const kernel_of kernels[KINDS] = {convert_rows<ANY_KIND>, convert_rows<RGB16>, convert_rows<RGB8>,
                                             convert_rows<RGBA16F>};
    const int kind = (size_t)conversion_bytes(d.kind, d.pixel) <= c->shared_memory ? d.kind : (int)ANY_KIND;
    const int threads = convert_threads(kind), warps = threads / 32;
    const size_t bytes = (size_t)conversion_bytes(kind, d.pixel);
    const size_t units = (size_t)d.tiles_across * d.out.height;
    return launch_all(c, l, kernels[kind], threads, bytes, (units + (size_t)warps - 1) / (size_t)warps, d);
}

static gmlp_result launch_network(gmlp_cuda *c, lane_of_work *l, int blocks, const decoding &d) {
    typedef void (*kernel_of)(decoding);
    static const kernel_of kernels[2][5] = {
        {network_tiles<1, false, true>, network_tiles<1, false, false>, network_tiles<2, false, false>,
         network_tiles<3, false, false>, network_tiles<4, false, false>},
        {network_tiles<1, true, true>, network_tiles<1, true, false>, network_tiles<2, true, false>,
         network_tiles<3, true, false>, network_tiles<4, true, false>}};
    const bool hdr = is_hdr(d), near = blocks == 1 && NEAR_TABLES * 16 + NEAR_TEAMS * TEAM_BYTES <= c->shared_memory;
    const int teams = near ? (int)NEAR_TEAMS : 1;
    return launch_all(c, l, kernels[hdr][near ? 0 : blocks], network_threads(blocks, hdr, near),
                      (near ? NEAR_TABLES * 16u : 0u) + (size_t)teams * TEAM_BYTES,
                      ((size_t)d.tiles + (size_t)teams - 1) / (size_t)teams, d);
}

/* On a lane, with base and out where kernels reach them. */
static gmlp_result decode_there(const decoder *h, lane_of_work *l, decoding *d) {
    gmlp_cuda *const c = h->c;
    const bool converts = !d->network || !d->all;
    gmlp_result result = GMLP_OK;
    lay_tiles(d);
    d->todo = NULL;
    if (h->blocks && converts) {
        void *at = NULL;
        const size_t bytes = (2 + 2 * (size_t)d->tiles) * sizeof(uint32_t);
        result = lane_memory(c, l, COUNTS, bytes, &at);
        if (!result) result = outcome(c, cudaMemsetAsync(at, 0, bytes, l->stream));
        d->todo = static_cast<uint32_t *>(at);
    }
    if (!result && converts) result = launch_conversion(c, l, *d);
    if (result || !d->network) return result;
    if (h->blocks) return launch_network(c, l, h->blocks, *d);
    const unsigned across = (d->out.width + 32u * FLOAT_WARPS - 1u) / (32u * FLOAT_WARPS);
    return outcome(c, launch(c, is_hdr(*d) ? decode_floats<true> : decode_floats<false>, dim3(across, d->out.height),
                             dim3(32 * FLOAT_WARPS), sizeof(float) * FLOAT_WARPS * FLOAT_SCRATCH, l->stream, *d,
                             false));
}

/* The rows of base that rows y..y + n - 1 need. */
static gmlp_image needed_rows(const gmlp_image *base, uint32_t *base_y, uint32_t y, uint32_t n, uint32_t halo) {
    const view v = view_of(base);
    const uint32_t above = y - *base_y, first = above > halo ? above - halo : 0;
    gmlp_image im = *base;
    im.data = v.data + (ptrdiff_t)first * v.stride;
    im.stride = v.stride;
    im.height = base->height - first < above - first + n + halo ? base->height - first : above - first + n + halo;
    *base_y += first;
    return im;
}

/* Decodes; where out is not in this GPU's memory, over a copy. */
static gmlp_result decode_on(const decoder *h, lane_of_work *l, decoding *d, const gmlp_image *base,
                             const gmlp_image *out, bool *stays) {
    gmlp_cuda *const c = h->c;
    const view theirs = view_of(out);
    const owner whose = owner_of(c, out->data);
    const cudaMemcpyKind in = whose == HOST ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToDevice;
    const cudaMemcpyKind back = whose == HOST ? cudaMemcpyDeviceToHost : cudaMemcpyDeviceToDevice;
    void *at;
    gmlp_result result = bring(c, l, PICTURE_BASE, base, &d->base);
    if (result) return result;
    d->out = theirs;
    *stays = whose == OURS && owner_of(c, base->data) != HOST;
    if (whose == OURS) return decode_there(h, l, d);
    result = lane_memory(c, l, PICTURE_WIDE, packed_bytes(theirs), &at);
    if (result) return result;
    d->out = packed_view(theirs, at);
    if (d->to.channels == 4 && d->to.alpha == GMLP_ALPHA_KEEP) result = copy_rows(c, l, theirs, d->out, true, in);
    if (!result) result = decode_there(h, l, d);
    return result ? result : copy_rows(c, l, theirs, d->out, false, back);
}

static gmlp_result decoder_rows(void *handle, const gmlp_image *base, uint32_t base_x, uint32_t base_y,
                                const gmlp_image *out, uint32_t x, uint32_t y) {
    const decoder *const h = static_cast<const decoder *>(handle);
    gmlp_cuda *const c = h->c;
    on_device here(c);
    decoding d = h->d;
    const gmlp_image rows = needed_rows(base, &base_y, y, out->height, (uint32_t)d.halo);
    lane_of_work *l;
    bool stays = false;
    gmlp_result result = lane_take(c, &l), finish;
    if (result) return result;
    d.to = d.direct ? h->coded : h->to;
    d.to.channels = out->type == GMLP_BGRA8 || out->type == GMLP_RGB10A2 || out->channels == 4 ? 4 : 3;
    d.pixel = (int)gmlp_pixel_size(out->type, sample_bytes(out->type) ? d.to.channels : 0);
    if (!d.network) { /* there is no picture that places lie in: they may be any */
        x -= base_x;
        y -= base_y;
        base_x = base_y = 0;
    }
    d.base_x = (int)base_x;
    d.base_y = (int)base_y;
    d.x = (int)x;
    d.y = (int)y;
    result = decode_on(h, l, &d, &rows, out, &stays);
    if (!stays || !c->stream || result) {
        finish = outcome(c, cudaStreamSynchronize(l->stream));
        if (!result) result = finish;
    }
    lane_give(c, l);
    return result;
}

/* ---------------------------------------------------------------------------------------
   >>device: the table
*/

/* The GPU itself, before anything is asked of it. */
static gmlp_result look_at(gmlp_cuda *c) {
    int count = 0, major = 0, minor = 0, shared_bytes = 0, cooperative = 0;
    cudaFuncAttributes code;
    GMLP_GPU_TRY(cudaGetDeviceCount(&count));
    if (c->ordinal < 0 || c->ordinal >= count) return outcome(c, cudaErrorInvalidDevice);
    GMLP_GPU_TRY(cudaDeviceGetAttribute(&c->multiprocessors, cudaDevAttrMultiProcessorCount, c->ordinal));
    GMLP_GPU_TRY(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, c->ordinal));
    GMLP_GPU_TRY(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, c->ordinal));
    GMLP_GPU_TRY(cudaDeviceGetAttribute(&shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, c->ordinal));
    GMLP_GPU_TRY(cudaDeviceGetAttribute(&cooperative, cudaDevAttrCooperativeLaunch, c->ordinal));
    c->capability = 10 * major + minor;
    c->shared_memory = (size_t)shared_bytes;
    if (c->capability < 75 || !cooperative) return outcome(c, cudaErrorNoKernelImageForDevice);
    const on_device here(c);
    return outcome(c, cudaFuncGetAttributes(&code, (const void *)decode_floats<false>)); /* is it built in? */
}

} // namespace gmlp_gpu

extern "C" {

gmlp_result gmlp_cuda_create(const gmlp_cuda_opts *opts, gmlp_cuda **cuda) {
    gmlp_result result;
    if (opts && opts->error) *opts->error = 0;
    if (!cuda) return GMLP_E_ARGUMENT;
    *cuda = NULL;
    void *const memory = calloc(1, sizeof(gmlp_cuda));
    if (!memory) return GMLP_E_MEMORY;
    gmlp_cuda *const c = new (memory) gmlp_cuda();
    c->ordinal = opts ? opts->ordinal : 0;
    c->stream = opts ? (cudaStream_t)opts->stream : NULL;
    c->device.user = c;
    c->device.decoder_create = gmlp_gpu::decoder_create;
    c->device.decoder_rows = gmlp_gpu::decoder_rows;
    c->device.decoder_free = gmlp_gpu::decoder_free;
#ifndef GMLP_DECODE_ONLY
    c->device.open = gmlp_gpu::open_work;
    c->device.brightest = gmlp_gpu::find_brightest;
    c->device.count = gmlp_gpu::count_candidates;
    c->device.collect = gmlp_gpu::collect_samples;
    c->device.train = gmlp_gpu::train;
    c->device.samples = gmlp_gpu::copy_samples;
    c->device.close = gmlp_gpu::close_work;
#endif
    result = gmlp_gpu::look_at(c);
    if (opts && opts->error) memcpy(opts->error, c->error, sizeof c->error);
    if (result) gmlp_cuda_free(c);
    else *cuda = c;
    return result;
}

void gmlp_cuda_free(gmlp_cuda *cuda) {
    if (!cuda) return;
    if (cuda->lanes) {
        const gmlp_gpu::on_device here(cuda);
        for (gmlp_gpu::lane_of_work *l = cuda->lanes, *next; l; l = next) {
            next = l->next;
            gmlp_gpu::done(cudaStreamSynchronize(l->stream));
            for (int i = 0; i < gmlp_gpu::MEMORIES; i++) gmlp_gpu::done(cudaFree(l->memory[i].at));
            gmlp_gpu::done(cudaFreeHost(l->pinned));
            if (l->own) gmlp_gpu::done(cudaStreamDestroy(l->stream));
            free(l);
        }
    }
    cuda->~gmlp_cuda();
    free(cuda);
}

const gmlp_device *gmlp_cuda_device(const gmlp_cuda *cuda) { return cuda ? &cuda->device : NULL; }

const char *gmlp_cuda_error(const gmlp_cuda *cuda) { return cuda ? cuda->error : ""; }

} // extern "C"
