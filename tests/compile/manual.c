/* The manual's first example: check.sh takes its two parts from the header's comment into manual_there.h and
   manual_back.h. This is what they leave to the reader: the picture, a PNG writer and reader, where bytes go; and
   whether what comes back is nearer to the original than sRGB alone. C99 and C++11. */
#include "gamutmlp.h"
#include "tests/synthetic.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { width = 96, height = 64, samples = width * height * 3, row = 1 + width * 3, raw = row * height };

/* Files in memory: without the network, and with it. */
typedef struct memory_file {
    uint8_t bytes[raw + 16384];
    size_t size;
} memory_file;
static memory_file plain, carrying;

static int append(void *user, const void *bytes, size_t size) {
    memory_file *f = (memory_file *)user;
    if (size > sizeof f->bytes - f->size) return 1;
    memcpy(f->bytes + f->size, bytes, size);
    f->size += size;
    return 0;
}

static void be32(uint8_t p[4], size_t v) {
    int i;
    for (i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i) & 255);
}

static void chunk(memory_file *f, const char *type, const uint8_t *body, size_t size) {
    const size_t start = f->size + 4;
    uint32_t crc = 0xffffffffu;
    uint8_t word[4];
    size_t i;
    int k;
    be32(word, size);
    append(f, word, 4);
    append(f, type, 4);
    append(f, body, size);
    for (i = start; i < f->size; i++)
        for (crc ^= f->bytes[i], k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    be32(word, ~crc);
    append(f, word, 4);
}

/* One stored block holds all rows, none of them filtered. */
static const uint8_t *your_png_writer(const uint8_t *pixels, size_t *size) {
    memory_file *const f = &plain;
    static const uint8_t header[13] = {0, 0, 0, width, 0, 0, 0, height, 8, 2, 0, 0, 0};
    static uint8_t z[7 + raw + 4];
    uint32_t a = 1, b = 0;
    size_t i;
    z[0] = 0x78, z[1] = 1, z[2] = 1;
    z[3] = raw & 255, z[4] = raw >> 8, z[5] = (uint8_t)~z[3], z[6] = (uint8_t)~z[4];
    for (i = 0; i < raw; i++) {
        z[7 + i] = i % row ? pixels[i / row * (row - 1) + i % row - 1] : 0;
        a = (a + z[7 + i]) % 65521u;
        b = (b + a) % 65521u;
    }
    be32(z + 7 + raw, b << 16 | a);
    f->size = 0;
    append(f, "\x89PNG\r\n\x1a\n", 8);
    chunk(f, "IHDR", header, sizeof header);
    chunk(f, "IDAT", z, sizeof z);
    chunk(f, "IEND", z, 0);
    *size = f->size;
    return f->bytes;
}

static void your_png_reader(const uint8_t *p, size_t size, uint8_t *pixels) {
    const uint8_t *const end = p + size;
    size_t i;
    for (p += 8; p < end && memcmp(p + 4, "IDAT", 4); p += 12 + ((size_t)p[2] << 8 | p[3])) {}
    for (i = 0; i < raw; i++)
        if (i % row) pixels[i / row * (row - 1) + i % row - 1] = p[15 + i];
}

/* The mean squared error in linear light. */
static double error_of(void *a, void *b) {
    static float light[2][samples];
    gmlp_image from = {a, width, height, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
    gmlp_image to = {light[0], width, height, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    double sum = 0;
    int i;
    gmlp_convert(&from, &to, NULL);
    from.data = b;
    to.data = light[1];
    gmlp_convert(&from, &to, NULL);
    for (i = 0; i < samples; i++) {
        const double d = (double)light[0][i] - (double)light[1][i];
        sum += d * d;
    }
    return sum / (double)samples;
}

static size_t there(uint16_t *pixels16, uint8_t *pixels8) {
    const gmlp_writer writer = {&carrying, append};
#include "manual_there.h"
    return blob_size;
}

static void back(const uint8_t *file, size_t file_size, uint8_t *pixels8, uint16_t *pixels16) {
#include "manual_back.h"
}

int main(void) {
    static uint16_t original[samples], again[samples], clipped[samples];
    static uint8_t pixels8[samples], seen[samples];
    gmlp_image base = {seen, width, height, 0, GMLP_U8, 3, GMLP_SRGB, 0};
    gmlp_image wide = {clipped, width, height, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
    size_t blob_size;
    double without, with;
    test_picture(original, width, height, 1);
    blob_size = there(original, pixels8);
    your_png_reader(carrying.bytes, carrying.size, seen);
    back(carrying.bytes, carrying.size, seen, again);
    gmlp_convert(&base, &wide, NULL);
    without = error_of(original, clipped);
    with = error_of(original, again);
    printf("a network of %u bytes; mean squared error %g with it, %g without\n", (unsigned)blob_size, with, without);
    return !(blob_size && blob_size <= 4096 && with < without / 4);
}
