#include "work/digest.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint32_t rotated(uint32_t v, int n) { return v << n | v >> (32 - n); }

/* 64 bytes into the state. */
static void step(uint32_t state[4], const uint8_t *p) {
    static const int shifts[4][4] = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 } };
    static const unsigned factor[4] = { 1, 5, 3, 7 }, first[4] = { 0, 1, 5, 0 };
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], mixed, word;
    unsigned i;
    for (i = 0; i < 64; i++) {
        const unsigned round = i / 16, k = 4 * ((factor[round] * i + first[round]) % 16);
        mixed = round == 0   ? (b & c) | (~b & d)
                : round == 1 ? (d & b) | (~d & c)
                : round == 2 ? b ^ c ^ d
                             : c ^ (b | ~d);
        word = (uint32_t)p[k] | (uint32_t)p[k + 1] << 8 | (uint32_t)p[k + 2] << 16 | (uint32_t)p[k + 3] << 24;
        mixed += a + word + (uint32_t)(4294967296.0 * fabs(sin((double)(i + 1))));
        a = d;
        d = c;
        c = b;
        b += rotated(mixed, shifts[round][i % 4]);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void md5_hex(const void *bytes, size_t size, char out[33]) {
    const uint8_t *p = (const uint8_t *)bytes;
    uint32_t state[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
    uint8_t last[128] = { 0 };
    const size_t whole = size / 64 * 64, rest = size - whole, end = rest < 56 ? 64 : 128;
    size_t i;
    for (i = 0; i < whole; i += 64) step(state, p + i);
    if (rest) memcpy(last, p + whole, rest);
    last[rest] = 0x80;
    for (i = 0; i < 8; i++) last[end - 8 + i] = (uint8_t)((uint64_t)size * 8 >> 8 * i & 255);
    for (i = 0; i < end; i += 64) step(state, last + i);
    for (i = 0; i < 16; i++) snprintf(out + 2 * i, 3, "%02X", (unsigned)(state[i / 4] >> 8 * (i % 4) & 255));
}
