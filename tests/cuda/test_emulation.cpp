/* The emulation of CUDA: what it runs, and that it finds the faults it promises to find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>
extern "C" { /* which the header says of some of its functions only */
#include <cmocka.h>
}

#include "emulation.h"

#define ALL 0xffffffffu
using emulation::shared;

/* Faults are noted while a test expects them: the first one's text, and how many. */
static char first_fault[640];
static int faults;
static void note(const char *text) {
    if (faults++ == 0) snprintf(first_fault, sizeof first_fault, "%s", text);
}

template <class T>
static cudaError_t launch(void (*kernel)(T), dim3 grid, dim3 block, size_t bytes, const T &argument,
                          bool cooperative = false) {
    faults = 0;
    first_fault[0] = 0;
    emulation::on_fault = note;
    const cudaError_t error = emulation::launch(kernel, grid, block, bytes, argument, cooperative);
    emulation::on_fault = nullptr;
    return error;
}

template <class T> static void clean(void (*kernel)(T), dim3 grid, dim3 block, size_t bytes, const T &argument) {
    assert_int_equal(launch(kernel, grid, block, bytes, argument), cudaSuccess);
    if (faults) fail_msg("unexpected: %s", first_fault);
}

/* A fault whose text has all these parts. */
static void found(const char *a, const char *b, const char *c) {
    const char *parts[] = { a, b, c };
    assert_true(faults > 0);
    for (const char *part : parts)
        if (!strstr(first_fault, part)) fail_msg("no \"%s\" in: %s", part, first_fault);
}

struct none {};

/* ---- What runs ---- */

struct places { unsigned *seen; };
static void kernel_places(places a) {
    const unsigned thread = threadIdx.y * blockDim.x + threadIdx.x;
    const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    a.seen[block * blockDim.x * blockDim.y + thread] += 1 + threadIdx.x + 100 * threadIdx.y + 10000 * emulation::lane();
}
static void test_every_thread_of_every_block_runs_once(void **) {
    std::vector<unsigned> seen(2 * 3 * 2 * 96);
    const places a = { seen.data() };
    for (int turn = 0; turn < 2; turn++) {
        emulation::backwards = turn == 1;
        clean(kernel_places, dim3(2, 3, 2), dim3(16, 6), 0, a);
        emulation::backwards = false;
        for (unsigned i = 0; i < seen.size(); i++) {
            const unsigned thread = i % 96;
            assert_int_equal(seen[i], 1 + thread % 16 + 100 * (thread / 16) + 10000 * (thread % 32));
            seen[i] = 0;
        }
    }
}

struct order { unsigned *sequence, *count; };
static void kernel_order(order a) { a.sequence[(*a.count)++] = blockIdx.x * blockDim.x + threadIdx.x; }
static void test_backwards_turns_the_order_about(void **) {
    unsigned forth[192], back[192], count = 0;
    clean(kernel_order, dim3(3), dim3(64), 0, order{ forth, &count });
    emulation::backwards = true;
    count = 0;
    clean(kernel_order, dim3(3), dim3(64), 0, order{ back, &count });
    emulation::backwards = false;
    for (unsigned i = 0; i < 192; i++) {
        assert_int_equal(forth[i], i);
        assert_int_equal(back[i], 191 - i);
    }
}

struct shuffles { int *errors; };
static void kernel_shuffles(shuffles a) {
    const int lane = static_cast<int>(threadIdx.x % 32), base = static_cast<int>(threadIdx.x) - lane;
    const auto expect = [&](bool right) { *a.errors += !right; };
    for (int by = 0; by < 32; by++) {
        const int mine = base + lane;
        expect(__shfl_sync(ALL, mine, by) == base + by);
        expect(__shfl_up_sync(ALL, mine, static_cast<unsigned>(by)) == (lane >= by ? mine - by : mine));
        expect(__shfl_down_sync(ALL, mine, static_cast<unsigned>(by)) == (lane + by < 32 ? mine + by : mine));
        expect(__shfl_xor_sync(ALL, mine, by) == base + (lane ^ by));
    }
    expect(__shfl_sync(ALL, lane, 5, 8) == lane / 8 * 8 + 5);
    expect(__shfl_sync(ALL, lane, 13, 8) == lane / 8 * 8 + 5);
    expect(__shfl_up_sync(ALL, lane, 1, 4) == (lane % 4 ? lane - 1 : lane));
    expect(__shfl_down_sync(ALL, lane, 3, 16) == (lane % 16 < 13 ? lane + 3 : lane));
    expect(__shfl_xor_sync(ALL, lane, 8, 8) == (lane & 8 ? lane - 8 : lane)); /* earlier groups are read, later not */
    expect(__shfl_sync(ALL, lane * 0.25f, 3) == 0.75f);
    expect(__shfl_sync(ALL, lane * 1e-300, 2) == 2e-300);
    expect(__shfl_sync(ALL, static_cast<unsigned long long>(lane) << 40, 7) == 7ull << 40);
    expect(__ballot_sync(ALL, lane % 3 == 0) == 0x49249249u);
    expect(__ballot_sync(ALL, 0) == 0);
    expect(__any_sync(ALL, lane == 9) == 1);
    expect(__any_sync(ALL, 0) == 0);
    expect(__all_sync(ALL, 7) == 1);
    expect(__all_sync(ALL, lane != 31) == 0);
    expect(__reduce_add_sync(ALL, threadIdx.x) == static_cast<unsigned>(32 * base + 496));
}
static void test_shuffles_and_votes(void **) {
    int errors = 0;
    clean(kernel_shuffles, dim3(2), dim3(96), 0, shuffles{ &errors });
    assert_int_equal(errors, 0);
}

static void kernel_warp_all(shuffles a) {
    for (unsigned turn = 0; turn < 5; turn++) {
        const unsigned first[3] = { threadIdx.x, turn, 7 };
        const unsigned(*all)[3] = emulation::warp_all(first);
        const float second[2] = { -static_cast<float>(threadIdx.x), 0.5f };
        const float(*others)[2] = emulation::warp_all(second);
        for (unsigned i = 0; i < 32; i++) { /* the first is still there */
            const unsigned thread = threadIdx.x / 32 * 32 + i;
            *a.errors += all[i][0] != thread || all[i][1] != turn || all[i][2] != 7;
            *a.errors += others[i][0] != -static_cast<float>(thread) || others[i][1] != 0.5f;
        }
    }
}
static void test_warp_all_stays_until_the_next_but_one(void **) {
    int errors = 0;
    clean(kernel_warp_all, dim3(1), dim3(64), 0, shuffles{ &errors });
    assert_int_equal(errors, 0);
}

/* An inclusive scan of a block, as kernels write it. */
struct scan { const unsigned *in; unsigned *out; };
static void kernel_scan(scan a) {
    shared<unsigned> sums = emulation::cast<unsigned>(emulation::shared_memory());
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    unsigned value = a.in[i];
    for (unsigned by = 1; by < 32; by *= 2) {
        const unsigned other = __shfl_up_sync(ALL, value, by);
        if (lane >= by) value += other;
    }
    if (lane == 31) sums[warp] = value;
    __syncthreads();
    if (warp == 0) {
        unsigned sum = lane < blockDim.x / 32 ? sums[lane] : 0;
        for (unsigned by = 1; by < 32; by *= 2) {
            const unsigned other = __shfl_up_sync(ALL, sum, by);
            if (lane >= by) sum += other;
        }
        if (lane < blockDim.x / 32) sums[lane] = sum;
    }
    __syncthreads();
    a.out[i] = value + (warp ? static_cast<unsigned>(sums[warp - 1]) : 0);
}
static void test_a_scan(void **) {
    const unsigned threads = 1024, blocks = 3;
    std::vector<unsigned> in(threads * blocks), out(threads * blocks);
    for (unsigned i = 0; i < in.size(); i++) in[i] = i * 2654435761u >> 22;
    clean(kernel_scan, dim3(blocks), dim3(threads), 128, scan{ in.data(), out.data() });
    for (unsigned i = 0, sum = 0; i < in.size(); i++) {
        sum = (i % threads ? sum : 0) + in[i];
        assert_int_equal(out[i], sum);
    }
}

struct returns { unsigned *out; };
static void kernel_returns(returns a) {
    shared<unsigned> s = emulation::cast<unsigned>(emulation::shared_memory());
    if (threadIdx.x >= 40) return; /* a whole warp and most of another */
    s[threadIdx.x] = threadIdx.x;
    __syncthreads();
    const unsigned next = s[(threadIdx.x + 1) % 40];
    const unsigned yes = __ballot_sync(ALL, threadIdx.x != 33);
    if (threadIdx.x < 20) return; /* while the others wait */
    __syncthreads();
    a.out[threadIdx.x] = next + 100 * (yes >> emulation::lane() & 1);
}
static void test_nobody_waits_for_those_who_returned(void **) {
    unsigned out[96] = {};
    clean(kernel_returns, dim3(1), dim3(96), 40 * 4, returns{ out });
    for (unsigned i = 0; i < 96; i++)
        assert_int_equal(out[i], i < 20 || i >= 40 ? 0 : (i + 1) % 40 + (i == 33 ? 0 : 100));
}

struct rounds { unsigned *values, *errors; };
static void kernel_grid(rounds a) {
    const unsigned blocks = gridDim.x, threads = blockDim.x;
    shared<unsigned> s = emulation::cast<unsigned>(emulation::shared_memory());
    for (unsigned turn = 0; turn < 4; turn++) {
        s[threadIdx.x] = turn * 1000 + threadIdx.x;
        a.values[blockIdx.x * threads + threadIdx.x] = turn * 100000 + blockIdx.x * threads + threadIdx.x;
        emulation::grid_sync();
        const unsigned other = ((blockIdx.x + 1) % blocks) * threads + (threadIdx.x + 5) % threads;
        if (a.values[other] != turn * 100000 + other) ++*a.errors;
        if (s[(threadIdx.x + 1) % threads] != turn * 1000 + (threadIdx.x + 1) % threads) ++*a.errors;
        if (turn == 2 && blockIdx.x == 3) return; /* a whole block, the first or the last that comes here */
        emulation::grid_sync();
        if (turn == 2) return;
    }
}
static void test_a_grid_barrier(void **) {
    std::vector<unsigned> values(4 * 64);
    unsigned errors = 0;
    for (int turn = 0; turn < 2; turn++) {
        emulation::backwards = turn == 1;
        const cudaError_t error = launch(kernel_grid, dim3(4), dim3(64), 256, rounds{ values.data(), &errors }, true);
        emulation::backwards = false;
        assert_int_equal(error, cudaSuccess);
        if (faults) fail_msg("unexpected: %s", first_fault);
        assert_int_equal(errors, 0);
    }
    launch(kernel_grid, dim3(1), dim3(64), 256, rounds{ values.data(), &errors }, false);
    found("grid_sync", "not cooperative", "line");
}

struct pointers { float *errors, *ordinary; };
template <class P, class Q> static float sum_of_four(P p, Q q) {
    q[0] = p[0];
    q[0] += p[1];
    for (int i = 2; i < 4; i++) q[0] = q[0] + p[i];
    return q[0];
}
static float third(shared<const float> p) { return p[2]; }
static void kernel_pointers(pointers a) {
    const auto expect = [&](bool right) { *a.errors += !right; };
    shared<unsigned char> bytes = emulation::shared_memory();
    shared<float> f = emulation::cast<float>(bytes);
    if (threadIdx.x == 0) {
        for (int i = 0; i < 8; i++) f[i] = static_cast<float>(i);
        f[1] = f[2] = f[7];
        expect(f[1] == 7 && f[2] * f[1] + 1 == 50);
        f[2] -= 3;
        f[2] *= 2.5f;
        expect(*(f + 2) == 10 && *(f + 3 - 1) == 10);
        shared<float> g = f;
        g += 2;
        expect(g != f && g - f == 2 && f < g && g[0] == 10 && g - 2 == f);
        g[0] = 2;
        shared<uint4> wide = emulation::cast<uint4>(f);
        uint4 u = wide[1];
        expect(__uint_as_float(u.x) == 4 && __uint_as_float(u.w) == 7);
        u.y = __float_as_uint(-1.0f);
        wide[0] = u;
        expect(f[1] == -1 && f[3] == 7);
        wide[1] = wide[0];
        expect(f[5] == -1);
        expect(third(f) == 6 && third(a.ordinary) == 3);
        expect(min(f[1], 0.0f) == -1 && fmaxf(f[1], f[3]) == 7);
        expect(sum_of_four(f, f + 4) == 16 && f[4] == 16);
        expect(sum_of_four(shared<const float>(f), a.ordinary + 4) == 4 - 1 + 6 + 7);
        expect(sum_of_four(a.ordinary, shared<float>(a.ordinary + 4)) == 1 + 2 + 3 + 4);
        expect(emulation::cast<unsigned>(a.ordinary)[0] == 0x3f800000u);
        bytes[3] = 0xbf;
        expect(f[0] == -1);
        shared<const unsigned char> constant = bytes;
        expect(constant[3] == 0xbf);
    }
}
static void test_pointers_read_and_write(void **) {
    float errors = 0, ordinary[5] = { 1, 2, 3, 4, 5 };
    clean(kernel_pointers, dim3(1), dim3(32), 64, pointers{ &errors, ordinary });
    assert_true(errors == 0);
    emulation::checking = false;
    clean(kernel_pointers, dim3(1), dim3(32), 64, pointers{ &errors, ordinary });
    emulation::checking = true;
    assert_true(errors == 0);
}

struct atomics { int *i; unsigned *u; unsigned long long *l; float *f; unsigned *errors; };
static void kernel_atomics(atomics a) {
    shared<unsigned> s = emulation::cast<unsigned>(emulation::shared_memory());
    if (threadIdx.x < 4) s[threadIdx.x] = threadIdx.x == 3 ? ALL : 0;
    __syncthreads();
    atomicAdd(s, 2u);
    atomicMax(s + 1, threadIdx.x);
    atomicOr(&s[2], 1u << threadIdx.x % 32);
    atomicMin(s + 3, threadIdx.x + 5);
    __syncthreads();
    if (s[0] != 2 * blockDim.x || s[1] != blockDim.x - 1 || s[2] != ALL || s[3] != 5) ++*a.errors;
    atomicAdd(a.i, -3);
    atomicMax(a.i + 1, static_cast<int>(threadIdx.x) - 10);
    atomicMin(a.i + 2, 10 - static_cast<int>(threadIdx.x));
    atomicAdd(a.u, 3u);
    atomicAdd(a.l, 1ull << 33);
    atomicAdd(a.f, 0.5f);
    if (threadIdx.x == 0) *a.errors += atomicExch(a.u + 1, 9u) != 4;
}
static void test_atomics(void **) {
    int i[3] = { 0, -100, 100 };
    unsigned u[2] = { 0, 4 }, errors = 0;
    unsigned long long l = 0;
    float f = 0;
    clean(kernel_atomics, dim3(1), dim3(64), 16, atomics{ i, u, &l, &f, &errors });
    assert_int_equal(errors, 0);
    assert_int_equal(i[0], -3 * 64);
    assert_int_equal(i[1], 53);
    assert_int_equal(i[2], -53);
    assert_int_equal(u[0], 192);
    assert_int_equal(u[1], 9);
    assert_true(l == 64ull << 33);
    assert_true(f == 32);
}

static void test_arithmetic(void **) {
    const float third = 1.0f / 3, nan = nanf("");
    assert_true(__fmaf_rn(third, 3.0f, -1.0f) != 0); /* one rounding */
    assert_true(__fadd_rn(__fmul_rn(third, 3.0f), -1.0f) == 0); /* two */
    assert_true(__fsub_rn(1, 3) == -2 && __fdiv_rn(1, 3) == third && __fsqrt_rn(2) == 1.41421356f);
    assert_true(__dmul_rn(3, 0.5) == 1.5 && __dadd_rn(1, 2) == 3 && __dsub_rn(1, 2) == -1 && __ddiv_rn(1, 4) == 0.25);
    assert_true(__dsqrt_rn(9) == 3 && __fma_rn(1.0 / 3, 3, -1) != 0 && rsqrtf(16) == 0.25f);
    assert_int_equal(__float2int_rn(2.5f), 2);
    assert_int_equal(__float2int_rn(-3.5f), -4);
    assert_int_equal(__float2int_rn(3e9f), INT32_MAX);
    assert_int_equal(__float2int_rn(-3e9f), INT32_MIN);
    assert_int_equal(__float2int_rn(-2147483648.0f), INT32_MIN);
    assert_int_equal(__float2int_rn(nan), 0);
    assert_true(__int2float_rn(16777217) == 16777216);
    assert_int_equal(__float_as_int(-0.0f), INT32_MIN);
    assert_true(__int_as_float(0x40490fdb) == 3.14159274f && __uint_as_float(0x3f000000) == 0.5f);
    assert_true(__float_as_uint(1) == 0x3f800000 && __longlong_as_double(__double_as_longlong(-7.25)) == -7.25);
    assert_int_equal(__popc(0xf0f0f0f1u), 17);
    assert_int_equal(__popcll(0x8000000000000003ull), 3);
    assert_int_equal(__ffs(0), 0);
    assert_int_equal(__ffs(0x50), 5);
    assert_int_equal(__clz(0), 32);
    assert_int_equal(__clz(0x00800000), 8);
    assert_int_equal(__brev(0x80000006u), 0x60000001u);
    assert_int_equal(__umulhi(0xffffffffu, 0xffffffffu), 0xfffffffeu);
    assert_int_equal(__byte_perm(0x33221100u, 0x77665544u, 0x7250), 0x77225500u);
    assert_int_equal(__vadd2(0xffff8000u, 0x00018001u), 0x00000001u);
    assert_int_equal(__vsub2(0x00000001u, 0x00010002u), 0xffffffffu);
    assert_int_equal(__vmaxs2(0x8000ffffu, 0x7fff0001u), 0x7fff0001u);
    assert_int_equal(__vmaxs2(0x00018000u, 0xffff7fffu), 0x00017fffu);
    assert_true(fminf(nan, 2) == 2 && fmaxf(2, nan) == 2 && min(nan, 1.0f) == 1 && max(1.0f, nan) == 1);
    assert_int_equal(min(-1, 1), -1);
    assert_int_equal(max(-1, 1u), ALL); /* as unsigned */
    const uint4 a = make_uint4(1, 2, 3, 4);
    const float4 b = make_float4(1, 2, 3, 4);
    const uchar4 c = make_uchar4(1, 2, 3, 4);
    assert_true(a.w == 4 && b.z == 3 && c.y == 2 && make_int2(1, 2).y == 2 && make_float2(1, 2).x == 1);
    assert_true(make_uint2(5, 6).y == 6 && make_int4(1, 2, 3, -4).w == -4 && __ldg(&a.z) == 3);
}

/* ---- What is found ---- */

struct variant { int kind; };
static shared<unsigned> words() { return emulation::cast<unsigned>(emulation::shared_memory()); }

/* Kinds below 100 are right, the others have a race. 64 threads. */
static void kernel_races(variant a) {
    shared<unsigned> s = words();
    shared<unsigned short> halves = emulation::cast<unsigned short>(s);
    shared<uint4> wide = emulation::cast<uint4>(s);
    const unsigned t = threadIdx.x;
    if (a.kind != 5 && a.kind != 105) {
        s[t] = t;
        s[t + 64] = 0;
        __syncthreads();
    }
    switch (a.kind) {
        case 0: /* everybody reads the same */
            (void)(s[3] + s[t]);
            break;
        case 1: /* a neighbour's of another warp, with a barrier; then the other way */
            s[t] = t + 1;
            __syncthreads();
            (void)(s[63 - t] + 1);
            __syncthreads();
            s[t] = 0;
            break;
        case 2: /* within a warp a warp's barrier is enough, */
            s[t] = t + 1;
            __syncwarp();
            (void)(s[t ^ 1] + 1);
            __syncwarp();
            s[t] = 0;
            break;
        case 3: /* or a collective */
            s[t] = t + 1;
            (void)__shfl_xor_sync(ALL, t, 1);
            (void)(s[t ^ 31] + 1);
            (void)__any_sync(ALL, 0);
            s[t] = 0;
            break;
        case 4: /* neighbouring halves and bytes of a word */
            halves[t] = 1;
            __syncthreads();
            emulation::shared_memory()[t] = 2;
            __syncthreads();
            (void)(s[t / 4] + 1);
            break;
        case 5: /* the first writes need no barrier before */
            s[t] = t;
            break;
        case 6: /* atomics of all, after a plain write of one that a warp's barrier orders, or the block's */
            if (t < 32) {
                if (t == 0) s[0] = 0;
                __syncwarp();
                atomicAdd(s, 1u);
            }
            __syncthreads();
            atomicAdd(s, 1u);
            __syncthreads();
            (void)(s[0] + 1);
            break;
        case 7: /* its own values, again and again */
            for (int i = 0; i < 3; i++) s[t] += 1;
            atomicAdd(s + t, 1u);
            s[t] += 1;
            break;
        case 100: /* written, read by another warp */
            s[t] = 1;
            (void)(s[t ^ 32] + 1);
            break;
        case 101: /* read, written by another warp */
            (void)(s[t ^ 32] + 1);
            s[t] = 1;
            break;
        case 102: /* written by two warps, the same value */
            s[t % 32] = 1;
            break;
        case 103: /* lanes of one warp */
            s[t] = 1;
            (void)(s[t ^ 1] + 1);
            break;
        case 104: /* a warp's barrier orders no other warp */
            s[t] = 1;
            __syncwarp();
            (void)(s[t ^ 32] + 1);
            break;
        case 105: /* the very first writes */
            s[t & ~1u] = t;
            break;
        case 106: /* one of many readers */
            (void)(s[0] + 1);
            if (t == 63) s[0] = 1;
            break;
        case 107: /* an atomic and a plain read, in this order */
            atomicAdd(s + 64, 1u);
            (void)(s[64] + 1);
            break;
        case 108: /* and in that */
            (void)(s[64] + 1);
            atomicAdd(s + 64, 1u);
            break;
        case 109: /* wide and narrow, in the last byte only */
            if (t == 0) wide[0] = make_uint4(1, 2, 3, 4);
            if (t == 40) emulation::shared_memory()[15] = 1;
            break;
        case 110:
            if (t == 0) emulation::shared_memory()[15] = 1;
            if (t == 40) {
                const uint4 u = wide[0];
                (void)u;
            }
            break;
        case 111: /* halves of one word, by the wrong thread */
            halves[t] = 1;
            (void)(halves[t ^ 1] + 1);
            break;
        case 112: /* a change in place */
            s[0] += 1;
            break;
        case 113: /* a plain write of another warp, under atomics */
            if (t == 0) s[0] = 0;
            __syncwarp();
            atomicAdd(s, 1u);
            break;
    }
}
static void test_races_are_found_and_nothing_else(void **) {
    for (int turn = 0; turn < 2; turn++) {
        emulation::backwards = turn == 1;
        for (int kind = 0; kind < 8; kind++) {
            assert_int_equal(launch(kernel_races, dim3(2), dim3(64), 512, variant{ kind }), cudaSuccess);
            if (faults) fail_msg("kind %d: %s", kind, first_fault);
        }
        for (int kind = 100; kind < 114; kind++) {
            assert_int_equal(launch(kernel_races, dim3(2), dim3(64), 512, variant{ kind }), cudaSuccess);
            if (!faults) fail_msg("kind %d: no race found", kind);
            found("race: block (", "thread ", "of shared memory, which thread ");
            emulation::checking = false;
            assert_int_equal(launch(kernel_races, dim3(2), dim3(64), 512, variant{ kind }), cudaSuccess);
            assert_int_equal(faults, 0);
            emulation::checking = true;
        }
    }
    emulation::backwards = false;
}

static int line_of_barrier;
static void kernel_words_of_a_fault(variant a) {
    shared<unsigned> s = words();
    s[threadIdx.x] = 1;
    line_of_barrier = __LINE__, __syncthreads();
    if (a.kind == 0 && blockIdx.x == 1 && threadIdx.x == 0) s[3] = 1;
    if (a.kind == 0 && blockIdx.x == 1 && threadIdx.x == 40) emulation::shared_memory()[15] = 1;
    if (a.kind == 1 && threadIdx.x == 1) s[64] = 1;
}
static void test_words_of_a_fault(void **) {
    char expected[200];
    launch(kernel_words_of_a_fault, dim3(2), dim3(64), 256, variant{ 0 });
    snprintf(expected, sizeof expected, "race: block (1,0,0) thread 0 writes byte 15 of shared memory, which thread 40 "
             "wrote since the barrier of line %d", line_of_barrier);
    assert_string_equal(first_fault, expected);
    assert_int_equal(faults, 1);
    launch(kernel_words_of_a_fault, dim3(1), dim3(64), 256, variant{ 1 });
    assert_string_equal(first_fault,
                        "block (0,0,0) thread 1 writes 4 bytes outside of shared memory, at byte 256 of 256");
}

/* Random accesses of three warps to a few bytes, against a list of all of them: the first principles of a race. */
struct step { unsigned thread, interval, epoch, at, size; emulation::access kind; };
struct program { const step *steps; int count; };
enum { program_bytes = 32, intervals = 2, epochs = 2 };
template <class T> static void access_as(const step &s) {
    shared<T> p = emulation::cast<T>(emulation::shared_memory() + s.at);
    if (s.kind == emulation::access::read) (void)static_cast<T>(p[0]);
    else p[0] = T{};
}
static void kernel_program(program a) {
    if (threadIdx.x < program_bytes / 4) words()[threadIdx.x] = 0;
    __syncthreads();
    for (unsigned interval = 0; interval < intervals; interval++) {
        for (unsigned epoch = 0; epoch < epochs; epoch++) {
            for (int i = 0; i < a.count; i++) {
                const step &s = a.steps[i];
                if (s.thread != threadIdx.x || s.interval != interval || s.epoch != epoch) continue;
                if (s.kind == emulation::access::atomic) atomicAdd(words() + s.at / 4, 1u);
                else if (s.size == 1) access_as<unsigned char>(s);
                else if (s.size == 2) access_as<unsigned short>(s);
                else if (s.size == 4) access_as<unsigned>(s);
                else if (s.size == 8) access_as<uint2>(s);
                else access_as<uint4>(s);
            }
            __syncwarp();
        }
        __syncthreads();
    }
}
static bool conflict(const step &a, const step &b) {
    using emulation::access;
    if (a.thread == b.thread || a.interval != b.interval) return false;
    if (a.at + a.size <= b.at || b.at + b.size <= a.at) return false;
    if (a.kind == access::read && b.kind == access::read) return false;
    if (a.kind == access::atomic && b.kind == access::atomic) return false;
    return a.thread / 32 != b.thread / 32 || a.epoch == b.epoch;
}
static void test_random_programs_race_as_first_principles_say(void **) {
    unsigned random = 1;
    const auto next = [&](unsigned below) {
        random = random * 1664525u + 1013904223u;
        return (random >> 8) % below;
    };
    int racing = 0, programs = 6000;
    for (int n = 0; n < programs; n++) {
        step steps[9];
        const int count = static_cast<int>(2 + next(8));
        for (int i = 0; i < count; i++) {
            step &s = steps[i];
            s.thread = next(3) * 32 + next(2);
            s.interval = next(intervals);
            s.epoch = next(epochs);
            s.kind = static_cast<emulation::access>(next(3));
            s.size = s.kind == emulation::access::atomic ? 4 : 1u << next(5);
            s.at = next(program_bytes / s.size) * s.size;
        }
        bool expected = false;
        for (int i = 0; i < count; i++)
            for (int j = 0; j < i; j++) expected |= conflict(steps[i], steps[j]);
        emulation::backwards = n % 2 != 0;
        launch(kernel_program, dim3(1), dim3(96), program_bytes, program{ steps, count });
        emulation::backwards = false;
        if ((faults > 0) != expected) fail_msg("program %d %s: %s", n, expected ? "races" : "is right", first_fault);
        racing += expected;
    }
    assert_in_range(racing, programs / 5, programs * 4 / 5);
}

static void kernel_unwritten(variant a) {
    shared<unsigned> s = words();
    shared<unsigned char> bytes = emulation::shared_memory();
    if (threadIdx.x) return;
    switch (a.kind) {
        case 0: (void)(s[5] + 1); break;
        case 1: /* three bytes of four */
            bytes[20] = bytes[21] = bytes[23] = 0;
            (void)(s[5] + 1);
            break;
        case 2: s[5] += 1; break;
        case 3: atomicAdd(s + 5, 1u); break;
        case 4: /* by another block */
            if (blockIdx.x == 0) s[5] = 1;
            else (void)(s[5] + 1);
            break;
        case 5: /* all four */
            for (int i = 20; i < 24; i++) bytes[i] = 0;
            (void)(s[5] + 1);
            break;
    }
}
static void test_a_read_of_what_nobody_wrote(void **) {
    for (int kind = 0; kind < 5; kind++) {
        launch(kernel_unwritten, dim3(2), dim3(32), 64, variant{ kind });
        found("thread 0 ", kind == 1 ? "byte 22" : "byte 20", "of shared memory, which nobody has written");
        assert_int_equal(faults, kind == 4 ? 1 : 2);
    }
    clean(kernel_unwritten, dim3(2), dim3(32), 64, variant{ 5 });
}

static void kernel_outside(variant a) {
    shared<unsigned> s = words();
    if (threadIdx.x != 7) return;
    switch (a.kind) {
        case 0: s[16] = 1; break;
        case 1: s[-1] = 1; break;
        case 2: emulation::cast<uint4>(s + 13)[0] = make_uint4(1, 2, 3, 4); break;
        case 3: (void)(s[1000000] + 1); break;
        case 4: atomicAdd(s + 16, 1u); break;
        case 5: emulation::cast<uint4>(s + 1)[0] = make_uint4(1, 2, 3, 4); break;
        case 6: emulation::cast<unsigned>(emulation::shared_memory() + 2)[0] = 1; break;
    }
}
static void test_outside_of_shared_memory(void **) {
    for (int kind = 0; kind < 7; kind++) {
        launch(kernel_outside, dim3(1), dim3(32), 64, variant{ kind });
        found("block (0,0,0) thread 7 ", kind < 5 ? "outside of shared memory" : "no multiple of the type's alignment",
              "of 64");
        assert_int_equal(faults, 1);
    }
}

static void kernel_barriers(variant a) {
    const unsigned t = threadIdx.x;
    switch (a.kind) {
        case 0: /* not all threads */
            if (t < 64) __syncthreads();
            else if (t == 64) __syncwarp();
            break;
        case 1: /* two lines */
            if (t < 32) __syncthreads();
            else
                __syncthreads();
            break;
        case 2: /* of one warp, some at the block's */
            if (t < 16) __syncthreads();
            else (void)__shfl_sync(ALL, t, 0);
            break;
        case 3: /* the other way about */
            if (t >= 16) __syncthreads();
            else __syncwarp();
            break;
        case 4: /* two collectives of one warp */
            if (t % 2) (void)__any_sync(ALL, 1);
            else (void)__all_sync(ALL, 1);
            break;
        case 5: /* some of a block at the grid's */
            if (blockIdx.x == 1 && t < 32) __syncthreads();
            else emulation::grid_sync();
            break;
        case 6: /* blocks at two lines */
            if (blockIdx.x == 1) emulation::grid_sync();
            else
                emulation::grid_sync();
            break;
    }
}
static void test_different_barriers(void **) {
    const char *calls[][2] = { { "", "" },
                               { "others of its block wait in __syncthreads", "is in __syncthreads" },
                               { "others of its warp wait in __syncthreads", "is in __shfl_sync" },
                               { "others of its warp wait in __syncwarp", "is in __syncthreads" },
                               { "others of its warp wait in __all_sync", "is in __any_sync" },
                               { "others of its block wait in __syncthreads", "is in emulation::grid_sync" },
                               { "others of its grid wait in emulation::grid_sync", "is in emulation::grid_sync" } };
    for (int kind = 0; kind < 7; kind++) {
        if (kind == 0) { /* those who have returned are not waited for */
            clean(kernel_barriers, dim3(1), dim3(96), 0, variant{ kind });
            continue;
        }
        for (int turn = 0; turn < 2; turn++) { /* given up, all is fit for the next launch */
            emulation::backwards = turn == 1;
            const cudaError_t error = launch(kernel_barriers, dim3(2), dim3(96), 0, variant{ kind }, true);
            assert_int_equal(error, cudaErrorLaunchFailure);
            found("different barriers: ", "line ", "");
            if (turn == 0) found("block (", calls[kind][0], calls[kind][1]);
            assert_int_equal(faults, 1);
            emulation::backwards = false;
            test_a_scan(nullptr);
        }
    }
    assert_int_equal(cudaGetLastError(), cudaErrorLaunchFailure);
    assert_int_equal(cudaGetLastError(), cudaSuccess);
}

static void kernel_collectives(variant a) {
    if (a.kind == 0) __syncwarp(0x0000ffffu);
    if (a.kind == 1 && threadIdx.x != 3) (void)__shfl_sync(ALL, 1, 3);
    if (a.kind == 2 && threadIdx.x != 3) {
        const int mine[1] = { 1 };
        (void)emulation::warp_all(mine);
    }
}
static void test_collectives_without_all_lanes(void **) {
    launch(kernel_collectives, dim3(1), dim3(32), 0, variant{ 0 });
    found("__syncwarp", "mask 0x0000ffff", "line");
    launch(kernel_collectives, dim3(1), dim3(32), 0, variant{ 1 });
    found("__shfl_sync", "reads lane 3", "returned");
    launch(kernel_collectives, dim3(1), dim3(32), 0, variant{ 2 });
    found("warp_all", "returned", "line");
}

/* Without on_fault: the text, and the end. */
static void test_a_fault_aborts(void **) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(stdout);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], 2);
        emulation::launch(kernel_outside, dim3(1), dim3(32), 64, variant{ 0 });
        _exit(0);
    }
    close(ends[1]);
    char text[400];
    size_t size = 0;
    for (ssize_t got; size < sizeof text - 1 && (got = read(ends[0], text + size, sizeof text - 1 - size)) > 0;)
        size += static_cast<size_t>(got);
    text[size] = 0;
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
    assert_non_null(strstr(text, "CUDA emulation: block (0,0,0) thread 7 writes 4 bytes outside of shared memory"));
}

/* ---- The runtime ---- */

static void test_the_device(void **) {
    int value = 0;
    assert_int_equal(cudaGetDeviceCount(&value), cudaSuccess);
    assert_int_equal(value, 1);
    emulation::device.multiprocessors = 17;
    assert_int_equal(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, 0), cudaSuccess);
    assert_int_equal(value, 17);
    assert_int_equal(cudaDeviceGetAttribute(&value, cudaDevAttrComputeCapabilityMajor, 1), cudaErrorInvalidDevice);
    assert_int_equal(cudaSetDevice(1), cudaErrorInvalidDevice);
    assert_int_equal(cudaSetDevice(0), cudaSuccess);
    emulation::device.count = 0;
    value = 5;
    assert_int_equal(cudaGetDeviceCount(&value), cudaErrorNoDevice);
    assert_int_equal(value, 0);
    void *memory = nullptr;
    assert_int_equal(cudaMalloc(&memory, 10), cudaErrorNoDevice);
    emulation::device = {};
    assert_int_equal(cudaGetLastError(), cudaErrorNoDevice);
    assert_string_equal(cudaGetErrorName(cudaErrorNoKernelImageForDevice), "cudaErrorNoKernelImageForDevice");
    assert_string_equal(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory");
}

static void test_memory(void **) {
    float *device = nullptr;
    unsigned char *host = nullptr, back[12], pageable[13] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 };
    cudaPointerAttributes about;
    assert_int_equal(cudaMalloc(&device, 12), cudaSuccess);
    assert_int_equal(cudaMallocHost(&host, 12), cudaSuccess);
    assert_int_equal(emulation::outstanding(), 2);
    assert_true(device[0] != device[0]); /* poison */
    assert_int_equal(cudaPointerGetAttributes(&about, device + 2), cudaSuccess);
    assert_int_equal(about.type, cudaMemoryTypeDevice);
    assert_true(about.devicePointer == device + 2);
    assert_int_equal(cudaPointerGetAttributes(&about, host), cudaSuccess);
    assert_int_equal(about.type, cudaMemoryTypeHost);
    assert_int_equal(cudaPointerGetAttributes(&about, pageable), cudaSuccess);
    assert_int_equal(about.type, cudaMemoryTypeUnregistered);

    assert_int_equal(cudaMemcpyAsync(device, pageable, 12, cudaMemcpyHostToDevice, nullptr), cudaSuccess);
    assert_int_equal(cudaMemcpyAsync(host, device, 12, cudaMemcpyDefault, nullptr), cudaSuccess);
    assert_memory_equal(host, pageable, 12);
    memset(back, 0, sizeof back); /* rows of 3 of 4 bytes into rows of 3 of 5 */
    assert_int_equal(cudaMemcpy2DAsync(back, 5, device, 4, 3, 2, cudaMemcpyDeviceToHost, nullptr), cudaSuccess);
    assert_memory_equal(back, "\1\2\3\0\0\5\6\7\0", 9);
    assert_int_equal(cudaMemsetAsync(device, 0x40, 4, nullptr), cudaSuccess);
    assert_true(device[0] == 3.00392151f);

    assert_int_equal(cudaMemcpyAsync(device, pageable, 13, cudaMemcpyHostToDevice, nullptr), cudaErrorInvalidValue);
    assert_int_equal(cudaMemcpyAsync(back, pageable, 12, cudaMemcpyDeviceToHost, nullptr), cudaErrorInvalidValue);
    assert_int_equal(cudaMemcpyAsync(device, device, 4, cudaMemcpyHostToDevice, nullptr), cudaErrorInvalidValue);
    assert_int_equal(cudaMemcpy2DAsync(back, 2, device, 4, 3, 2, cudaMemcpyDefault, nullptr), cudaErrorInvalidValue);
    assert_int_equal(cudaMemsetAsync(device + 1, 0, 9, nullptr), cudaErrorInvalidValue);
    assert_int_equal(cudaGetLastError(), cudaErrorInvalidValue);

    faults = 0;
    emulation::on_fault = note;
    assert_int_equal(cudaFree(host), cudaErrorInvalidValue);
    assert_int_equal(cudaFree(device), cudaSuccess);
    assert_int_equal(cudaFree(device), cudaErrorInvalidValue);
    emulation::on_fault = nullptr;
    found("cudaFree", "not allocated", "");
    assert_int_equal(faults, 2);
    assert_int_equal(cudaFree(nullptr), cudaSuccess);
    assert_int_equal(cudaFreeHost(host), cudaSuccess);
    assert_int_equal(emulation::outstanding(), 0);
    cudaGetLastError();
}

static void test_streams_and_events(void **) {
    cudaStream_t stream = nullptr;
    cudaEvent_t a = nullptr, b = nullptr;
    float time = -1;
    assert_int_equal(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
    assert_int_equal(cudaEventCreate(&a), cudaSuccess);
    assert_int_equal(cudaEventCreateWithFlags(&b, cudaEventDefault), cudaSuccess);
    assert_int_equal(emulation::outstanding(), 3);
    assert_int_equal(cudaEventRecord(a, stream), cudaSuccess);
    assert_int_equal(cudaEventElapsedTime(&time, a, b), cudaErrorInvalidResourceHandle);
    assert_int_equal(cudaEventRecord(b, stream), cudaSuccess);
    assert_int_equal(cudaStreamWaitEvent(stream, b, 0), cudaSuccess);
    assert_int_equal(cudaEventSynchronize(b), cudaSuccess);
    assert_int_equal(cudaEventElapsedTime(&time, a, b), cudaSuccess);
    assert_true(time >= 0);
    assert_int_equal(cudaStreamSynchronize(stream), cudaSuccess);
    assert_int_equal(cudaEventDestroy(a), cudaSuccess);
    assert_int_equal(cudaEventDestroy(b), cudaSuccess);
    assert_int_equal(cudaStreamDestroy(stream), cudaSuccess);
    assert_int_equal(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
    assert_int_equal(emulation::outstanding(), 0);
    cudaGetLastError();
}

static void kernel_nothing(none) {}
static void test_what_a_launch_refuses(void **) {
    int count = 0;
    cudaFuncAttributes about;
    assert_int_equal(launch(kernel_nothing, dim3(1), dim3(1056), 0, none{}), cudaErrorInvalidConfiguration);
    assert_int_equal(launch(kernel_nothing, dim3(0), dim3(32), 0, none{}), cudaErrorInvalidConfiguration);
    assert_int_equal(launch(kernel_nothing, dim3(5), dim3(32), 0, none{}, true), cudaErrorCooperativeLaunchTooLarge);
    assert_int_equal(launch(kernel_nothing, dim3(4), dim3(32), 0, none{}, true), cudaSuccess);
    emulation::device.cooperative = 0;
    assert_int_equal(launch(kernel_nothing, dim3(4), dim3(32), 0, none{}, true), cudaErrorNotSupported);
    emulation::device = {};
    assert_int_equal(launch(kernel_nothing, dim3(1), dim3(32), 49152, none{}), cudaSuccess);
    assert_int_equal(launch(kernel_nothing, dim3(1), dim3(32), 49153, none{}), cudaErrorInvalidValue);
    const cudaFuncAttribute limit = cudaFuncAttributeMaxDynamicSharedMemorySize;
    assert_int_equal(cudaFuncSetAttribute(kernel_nothing, limit, 232449), cudaErrorInvalidValue);
    assert_int_equal(cudaFuncSetAttribute(kernel_nothing, limit, 60000), cudaSuccess);
    assert_int_equal(launch(kernel_nothing, dim3(1), dim3(32), 60000, none{}), cudaSuccess);
    assert_int_equal(cudaFuncGetAttributes(&about, kernel_nothing), cudaSuccess);
    assert_int_equal(about.maxDynamicSharedSizeBytes, 60000);
    assert_int_equal(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&count, kernel_nothing, 256, 60000), cudaSuccess);
    assert_int_equal(count, 1);
    launch(kernel_nothing, dim3(1), dim3(33), 0, none{});
    found("33 threads", "multiple of 32", "");
    cudaGetLastError();
}

/* A small use of the runtime that gives everything back whatever fails. */
static cudaError_t careful() {
    cudaStream_t stream = nullptr;
    cudaEvent_t event = nullptr;
    unsigned *device = nullptr, *host = nullptr;
    cudaError_t error = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    if (!error) error = cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    if (!error) error = cudaMalloc(&device, 400);
    if (!error) error = cudaMallocHost(&host, 400);
    if (!error) error = cudaMemsetAsync(device, 0, 400, stream);
    if (!error) error = emulation::launch(kernel_places, dim3(1), dim3(16, 6), 0, places{ device }, false);
    if (!error) error = cudaMemcpyAsync(host, device, 400, cudaMemcpyDeviceToHost, stream);
    if (!error) error = cudaEventRecord(event, stream);
    if (!error) error = cudaStreamSynchronize(stream);
    cudaFreeHost(host);
    cudaFree(device);
    if (event) cudaEventDestroy(event);
    if (stream) cudaStreamDestroy(stream);
    return error;
}
static void test_any_call_can_be_made_to_fail(void **) {
    int failed = 0;
    emulation::fail_with = cudaErrorLaunchFailure;
    for (emulation::fail_at = 1; emulation::fail_at < 20; emulation::fail_at++) {
        emulation::calls = 0;
        const cudaError_t error = careful();
        assert_true(error == cudaSuccess || error == cudaErrorLaunchFailure);
        assert_int_equal(emulation::calls >= emulation::fail_at, error != cudaSuccess);
        assert_int_equal(cudaGetLastError(), error);
        failed += error != cudaSuccess;
        assert_int_equal(emulation::outstanding(), 0);
    }
    assert_int_equal(failed, 9);
    emulation::fail_at = 0;
    emulation::fail_with = cudaErrorMemoryAllocation;
}

int main() {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_thread_of_every_block_runs_once),
        cmocka_unit_test(test_backwards_turns_the_order_about),
        cmocka_unit_test(test_shuffles_and_votes),
        cmocka_unit_test(test_warp_all_stays_until_the_next_but_one),
        cmocka_unit_test(test_a_scan),
        cmocka_unit_test(test_nobody_waits_for_those_who_returned),
        cmocka_unit_test(test_a_grid_barrier),
        cmocka_unit_test(test_pointers_read_and_write),
        cmocka_unit_test(test_atomics),
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_races_are_found_and_nothing_else),
        cmocka_unit_test(test_words_of_a_fault),
        cmocka_unit_test(test_random_programs_race_as_first_principles_say),
        cmocka_unit_test(test_a_read_of_what_nobody_wrote),
        cmocka_unit_test(test_outside_of_shared_memory),
        cmocka_unit_test(test_different_barriers),
        cmocka_unit_test(test_collectives_without_all_lanes),
        cmocka_unit_test(test_a_fault_aborts),
        cmocka_unit_test(test_the_device),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_streams_and_events),
        cmocka_unit_test(test_what_a_launch_refuses),
        cmocka_unit_test(test_any_call_can_be_made_to_fail),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
