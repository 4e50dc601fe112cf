/* KTX2 (Khronos KTX 2.0), a texture's container: the picture is level 0. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "pictures/formats.h"

#ifdef __has_include
#if __has_include(<zstd.h>)
#define ZSTD_FOUND
#endif
#endif

#ifdef ZSTD_FOUND

#include <zstd.h>

const char *const zstd_missing = NULL;

static int unpack_zstd(uint8_t *to, size_t size, const uint8_t *from, size_t from_size) {
    return ZSTD_decompress(to, size, from, from_size) == size;
}

#else

const char *const zstd_missing = "reading KTX2 in Zstandard (libzstd)";

static int unpack_zstd(uint8_t *to, size_t size, const uint8_t *from, size_t from_size) {
    (void)to, (void)size, (void)from, (void)from_size;
    return 0;
}

#endif

enum {
    FORMAT = 12, WIDTH = 20, HEIGHT = 24, DEPTH = 28, LAYERS = 32, FACES = 36, LEVELS = 40, SCHEME = 44,
    DESCRIPTOR = 48, KEYS = 56, INDEX = 80, LEVEL = 24
};
enum { PLAIN = 0, BASIS = 1, ZSTANDARD = 2, ZLIB = 3 }; /* schemes of supercompression */
/* Of the Khronos Data Format specification. */
enum { MODEL = 12, PRIMARIES = 13, CURVE = 14, FLAGS = 15, SRGB_CURVE = 2, PREMULTIPLIED = 1 };

static const uint8_t identifier[12] = { 0xab, 'K', 'T', 'X', ' ', '2', '0', 0xbb, '\r', '\n', 0x1a, '\n' };

int is_ktx2(const uint8_t *bytes, size_t size) {
    return size >= sizeof identifier && !memcmp(bytes, identifier, sizeof identifier);
}

/* Vulkan's formats whose texels are one after the other. */
typedef struct texel {
    uint32_t format;
    int type, channels, blue_first, srgb;
} texel;
static const texel texels[] = {
    { 23, GMLP_U8, 3, 0, 0 },  { 29, GMLP_U8, 3, 0, 1 },  { 30, GMLP_U8, 3, 1, 0 },  { 36, GMLP_U8, 3, 1, 1 },
    { 37, GMLP_U8, 4, 0, 0 },  { 43, GMLP_U8, 4, 0, 1 },  { 44, GMLP_U8, 4, 1, 0 },  { 50, GMLP_U8, 4, 1, 1 },
    { 84, GMLP_U16, 3, 0, 0 }, { 91, GMLP_U16, 4, 0, 0 }, { 90, GMLP_F16, 3, 0, 0 }, { 97, GMLP_F16, 4, 0, 0 },
    { 106, GMLP_F32, 3, 0, 0 }, { 109, GMLP_F32, 4, 0, 0 }
};
enum { RGBA8 = 37, RGBA8_SRGB = 43 };

/* Primaries and curves of the Data Format specification as spaces; curve 3, from camera light to code, as displays
   show it. */
static const struct {
    uint8_t primaries, curve;
    int space;
} spaces[] = { { 1, 2, GMLP_SRGB },         { 1, 1, GMLP_SRGB_LINEAR },   { 1, 7, GMLP_REC709 },
               { 1, 3, GMLP_REC709 },       { 10, 2, GMLP_P3 },           { 10, 1, GMLP_P3_LINEAR },
               { 11, 18, GMLP_ADOBERGB },   { 11, 1, GMLP_ADOBERGB_LINEAR }, { 4, 3, GMLP_REC2020 },
               { 4, 1, GMLP_REC2020_LINEAR }, { 4, 10, GMLP_REC2020_PQ }, { 4, 9, GMLP_REC2020_HLG },
               { 6, 1, GMLP_ACES2065_1 },   { 7, 1, GMLP_ACESCG } };

/* Reading. */

static uint64_t number(const uint8_t *p, int bytes) {
    uint64_t v = 0;
    while (bytes--) v = v << 8 | p[bytes];
    return v;
}

typedef struct texture {
    const uint8_t *bytes;
    size_t size;
    const texel *texel;
    uint32_t width, height;
    uint64_t at, stored, unpacked; /* of level 0 */
    uint32_t scheme;
    int orientation;
    int from[4]; /* of red, green, blue and alpha: which sample of a texel, or ZERO or ONE */
} texture;
enum { ZERO = 4, ONE = 5 };

static int refuse(char reason[REASON], const char *why) {
    snprintf(reason, REASON, "KTX2: %s", why);
    return -1;
}

/* The bytes of a key's value; n: at least so many, else NULL. */
static const uint8_t *find_key(const texture *t, const char *name, size_t n) {
    const size_t name_size = strlen(name) + 1;
    uint64_t at = number(t->bytes + KEYS, 4), left = number(t->bytes + KEYS + 4, 4), size;
    if (at > t->size || left > t->size - at) return NULL;
    for (; left >= 4; at += size, left -= size) {
        const uint8_t *key = t->bytes + at + 4;
        size = number(t->bytes + at, 4);
        if (size > left - 4) return NULL;
        if (size >= name_size + n && !memcmp(key, name, name_size)) return key + name_size;
        size = (size + 7) & ~(uint64_t)3;
        if (size > left) return NULL;
    }
    return NULL;
}

/* "rd": columns to the right, rows down. */
static void read_orientation(texture *t) {
    static const char *const words[] = { "rd", "ld", "lu", "ru" };
    const uint8_t *value = find_key(t, "KTXorientation", 2);
    int i;
    for (i = 0; i < 4 && value; i++)
        if (!memcmp(value, words[i], 2)) t->orientation = i + 1;
}

static int read_swizzle(texture *t, char reason[REASON]) {
    static const char letters[] = "rgba01";
    const uint8_t *value = find_key(t, "KTXswizzle", 4);
    int c;
    for (c = 0; c < 4; c++) {
        const char *letter = !value ? letters + c : value[c] ? strchr(letters, value[c]) : NULL;
        int from = letter ? (int)(letter - letters) : 0;
        if (!letter) return refuse(reason, "its key KTXswizzle has other letters than rgba01");
        if (t->texel->blue_first && from < 3) from = 2 - from;
        t->from[c] = from == 3 && t->texel->channels < 4 ? ONE : from;
    }
    return 0;
}

/* What the descriptor says the numbers are; vkFormat alone says it of sRGB's curve. */
static void read_space(const texture *t, picture_facts *facts) {
    const uint64_t at = number(t->bytes + DESCRIPTOR, 4), n = number(t->bytes + DESCRIPTOR + 4, 4);
    const int whole = at <= t->size && n <= t->size - at && n > FLAGS;
    int primaries = whole ? t->bytes[at + PRIMARIES] : 0, curve = whole ? t->bytes[at + CURVE] : 0;
    size_t i;
    if (t->texel->srgb) curve = SRGB_CURVE;
    if (!curve) return;
    if (!primaries) primaries = 1; /* BT.709's */
    facts->said_by = SAID_BY_KTX2;
    for (i = 0; i < sizeof spaces / sizeof *spaces; i++)
        if (spaces[i].primaries == primaries && spaces[i].curve == curve) facts->space = spaces[i].space;
    if (!facts->space)
        snprintf(facts->icc_fault, REASON, "its KTX2 descriptor says primaries %d, transfer %d, no known space's",
                 primaries, curve);
}

static int is_premultiplied(const texture *t) {
    const uint64_t at = number(t->bytes + DESCRIPTOR, 4), n = number(t->bytes + DESCRIPTOR + 4, 4);
    return t->from[3] != ONE && at <= t->size && n <= t->size - at && n > FLAGS &&
           (t->bytes[at + FLAGS] & PREMULTIPLIED);
}

static int texture_open(texture *t, const uint8_t *bytes, size_t size, char reason[REASON]) {
    uint64_t levels, expected;
    size_t i;
    memset(t, 0, sizeof *t);
    t->bytes = bytes;
    t->size = size;
    t->orientation = 1;
    if (size < INDEX + LEVEL) return refuse(reason, "the file ends within its header");
    t->width = (uint32_t)number(bytes + WIDTH, 4);
    t->height = (uint32_t)number(bytes + HEIGHT, 4);
    t->scheme = (uint32_t)number(bytes + SCHEME, 4);
    levels = number(bytes + LEVELS, 4);
    if (!t->height || number(bytes + DEPTH, 4) || number(bytes + LAYERS, 4) > 1 || number(bytes + FACES, 4) != 1)
        return refuse(reason, "it is no picture but a line, a volume, an array or a cube; take it apart first");
    for (i = 0; i < sizeof texels / sizeof *texels; i++)
        if (texels[i].format == number(bytes + FORMAT, 4)) t->texel = &texels[i];
    if (!t->texel || t->scheme == BASIS) {
        snprintf(reason, REASON,
                 "KTX2: its texels (vkFormat %lu%s) cannot be read, but RGB and RGBA of 8 bits, 16 bits, halves and "
                 "floats; decode its blocks to PNG first",
                 (unsigned long)number(bytes + FORMAT, 4), t->scheme == BASIS ? ", BasisLZ" : "");
        return -1;
    }
    if (t->scheme > ZLIB) {
        snprintf(reason, REASON, "KTX2: its supercompression (scheme %lu) cannot be read, but Zstandard and ZLIB",
                 (unsigned long)t->scheme);
        return -1;
    }
    t->at = number(bytes + INDEX, 8);
    t->stored = number(bytes + INDEX + 8, 8);
    t->unpacked = number(bytes + INDEX + 16, 8);
    if (levels > (size - INDEX) / LEVEL || t->at > size || t->stored > size - t->at)
        return refuse(reason, "the file ends too early");
    if (image_in_proportion(t->width, t->height, size, reason)) return -1;
    expected = (uint64_t)t->width * t->height * gmlp_pixel_size(t->texel->type, t->texel->channels);
    if ((t->scheme == PLAIN ? t->stored : t->unpacked) != expected)
        return refuse(reason, "its first level has not the bytes that its size and its texels take");
    read_orientation(t);
    return read_swizzle(t, reason);
}

/* Level 0 as it is in the file, or in memory of its own, which the caller frees. NULL and a reason. */
static const uint8_t *texture_pixels(const texture *t, uint8_t **memory, char reason[REASON]) {
    const uint8_t *stored = t->bytes + t->at;
    int whole = 0;
    *memory = NULL;
    if (t->scheme == PLAIN) return stored;
    if (t->scheme == ZSTANDARD && zstd_missing) {
        refuse(reason, "this build cannot unpack Zstandard: libzstd is missing");
        return NULL;
    }
    *memory = (uint8_t *)malloc((size_t)t->unpacked);
    if (!*memory) {
        refuse(reason, "out of memory");
        return NULL;
    }
    if (t->scheme == ZLIB) {
        uLongf n = (uLongf)t->unpacked;
        whole = uncompress(*memory, &n, stored, (uLong)t->stored) == Z_OK && n == t->unpacked;
    }
    if (t->scheme == ZSTANDARD) whole = unpack_zstd(*memory, (size_t)t->unpacked, stored, (size_t)t->stored);
    if (whole) return *memory;
    refuse(reason, "its first level is damaged: it cannot be unpacked");
    free(*memory);
    *memory = NULL;
    return NULL;
}

/* A little-endian sample as this machine has it. */
static void take_sample(uint8_t *to, const uint8_t *from, size_t bytes) {
    const uint32_t v = (uint32_t)number(from, (int)bytes);
    const uint16_t half = (uint16_t)v;
    if (bytes == 1) *to = *from;
    else memcpy(to, bytes == 2 ? (const void *)&half : (const void *)&v, bytes);
}

static void put_one(int type, uint8_t *to) {
    const uint16_t code = type == GMLP_F16 ? 0x3c00 : 0xffff;
    const float one = 1;
    if (type == GMLP_U8) *to = 255;
    else if (type == GMLP_F32) memcpy(to, &one, sizeof one);
    else memcpy(to, &code, sizeof code);
}

/* n texels: their colours, packed with or without their alpha; alpha alone, if it is not NULL. */
static void take_texels(const texture *t, const uint8_t *from, size_t n, uint8_t *to, int channels, uint8_t *alpha) {
    const int type = t->texel->type;
    const size_t bytes = gmlp_pixel_size(type, 1);
    size_t i;
    int c;
    for (i = 0; i < n; i++, from += (size_t)t->texel->channels * bytes)
        for (c = 0; c < 4; c++) {
            uint8_t *const at = c < channels ? to + (i * (size_t)channels + (size_t)c) * bytes
                              : c == 3 && alpha ? alpha + i * bytes : NULL;
            if (!at) continue;
            if (t->from[c] == ONE) put_one(type, at);
            else if (t->from[c] == ZERO) memset(at, 0, bytes);
            else take_sample(at, from + (size_t)t->from[c] * bytes, bytes);
        }
}

int ktx2_look(const uint8_t *bytes, size_t size, picture_facts *facts, char reason[REASON]) {
    texture t;
    if (texture_open(&t, bytes, size, reason)) return -1;
    facts->orientation = t.orientation;
    return 0;
}

int ktx2_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    texture t;
    const uint8_t *pixels;
    uint8_t *memory, *alpha = NULL;
    uint32_t y;
    int bad;
    if (texture_open(&t, bytes, size, reason)) return -1;
    pixels = texture_pixels(&t, &memory, reason);
    if (!pixels) return -1;
    facts->orientation = t.orientation;
    read_space(&t, facts);
    image->width = t.width;
    image->height = t.height;
    image->type = t.texel->type;
    bad = image_allocate(image, reason);
    if (!bad && t.from[3] != ONE) {
        bad = alpha_allocate(facts, image, reason);
        alpha = (uint8_t *)malloc((size_t)t.width * 4);
        if (!bad && !alpha) bad = refuse(reason, "out of memory");
    }
    for (y = 0; y < t.height && !bad; y++) {
        const size_t row = (size_t)t.width * gmlp_pixel_size(t.texel->type, t.texel->channels);
        uint8_t *to = (uint8_t *)image->data + (size_t)y * t.width * gmlp_pixel_size(t.texel->type, 3);
        take_texels(&t, pixels + y * row, t.width, to, 3, alpha);
        if (alpha) alpha_codes(t.texel->type, alpha, t.width, facts->alpha + (size_t)y * t.width);
        if (is_premultiplied(&t)) alpha_divide(t.texel->type, to, alpha, t.width);
    }
    free(alpha);
    free(memory);
    return bad;
}

typedef struct ktx2_reader {
    picture_rows base;
    texture t;
    const uint8_t *next;
    uint8_t *memory;
    int channels;
} ktx2_reader;

static int ktx2_read(picture_rows *base, uint8_t *rows, uint32_t count, char reason[REASON]) {
    ktx2_reader *r = (ktx2_reader *)(void *)base;
    const size_t n = (size_t)count * base->width;
    (void)reason;
    take_texels(&r->t, r->next, n, rows, r->channels, NULL);
    r->next += n * (size_t)r->t.texel->channels;
    return 0;
}

/* What is written for GPUs has a fourth channel anyway: one that is all opaque is none. */
static int ktx2_alpha(picture_rows *base) {
    ktx2_reader *r = (ktx2_reader *)(void *)base;
    const int from = r->t.from[3];
    const uint8_t *texel = r->next;
    size_t n = (size_t)base->width * base->height;
    if (from != ONE)
        for (; n && r->channels == 3; n--, texel += r->t.texel->channels)
            if (from == ZERO || texel[from] != 255) r->channels = 4;
    return r->channels;
}

static void ktx2_close(picture_rows *base) {
    ktx2_reader *r = (ktx2_reader *)(void *)base;
    free(r->memory);
    free(r);
}

picture_rows *ktx2_rows_open(const uint8_t *bytes, size_t size, char reason[REASON]) {
    ktx2_reader *r;
    texture t;
    if (texture_open(&t, bytes, size, reason)) return NULL;
    if (t.texel->type != GMLP_U8) {
        refuse(reason, "its samples are not of 8 bits");
        return NULL;
    }
    r = (ktx2_reader *)calloc(1, sizeof *r);
    if (!r) {
        refuse(reason, "out of memory");
        return NULL;
    }
    r->t = t;
    r->channels = 3;
    r->next = texture_pixels(&t, &r->memory, reason);
    if (!r->next) {
        free(r);
        return NULL;
    }
    r->base.read = ktx2_read;
    r->base.close = ktx2_close;
    r->base.with_alpha = ktx2_alpha;
    r->base.width = t.width;
    r->base.height = t.height;
    return &r->base;
}

/* Writing: RGBA of 8 bits, as no GPU of a desktop samples RGB, with all of its mips: means of four in light, weighted
   with their alpha. */

typedef struct ktx2_sink {
    picture_sink base;
    uint8_t *codes, *next;
    uint8_t primaries, curve;
} ktx2_sink;

/* A level in the making: of the first, codes are there. */
typedef struct level {
    uint32_t width, height;
    float *light; /* RGBA, premultiplied */
    uint8_t *codes;
} level;

typedef struct curve {
    float light[256], between[255]; /* of codes; halfway to the next */
} curve;

static void curve_make(curve *c, int space) {
    int i;
    for (i = 0; i < 256; i++) c->light[i] = (float)gmlp_curve_decode(space, i / 255.0, 0);
    for (i = 0; i < 255; i++) c->between[i] = (float)gmlp_curve_decode(space, (i + 0.5) / 255, 0);
}

static uint8_t curve_code(const curve *c, float light) {
    int low = 0, high = 255;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (light < c->between[middle]) high = middle;
        else low = middle + 1;
    }
    return (uint8_t)low;
}

static void light_row(const level *l, const curve *c, uint32_t y, float *row) {
    const uint8_t *p = l->codes + (size_t)y * l->width * 4;
    uint32_t x;
    int k;
    if (l->light) memcpy(row, l->light + (size_t)y * l->width * 4, (size_t)l->width * 4 * sizeof *row);
    else
        for (x = 0; x < l->width; x++, p += 4) {
            /* What cannot be seen still has a colour, which says something where all around is as clear. */
            const float a = p[3] ? (float)p[3] / 255 : 1e-6f;
            for (k = 0; k < 3; k++) row[4 * x + (uint32_t)k] = c->light[p[k]] * a;
            row[4 * x + 3] = a;
        }
}

/* The shares of the up to three of n pixels that make pixel i of half as many: by the length of each within it. */
static int shares(uint32_t n, uint32_t i, float share[3]) {
    const uint32_t half = n / 2;
    if (n == 1) return share[0] = 1, 1;
    if (n % 2 == 0) return share[0] = share[1] = 0.5f, 2;
    share[0] = (float)(half - i) / (float)n;
    share[1] = (float)half / (float)n;
    share[2] = (float)(i + 1) / (float)n;
    return 3;
}

/* rows: memory for two rows of l. */
static void halve(const level *l, const curve *c, level *to, float *rows) {
    float across[3], down[3], *sum = rows + (size_t)l->width * 4;
    uint32_t x, y;
    size_t i;
    int k, many, c4;
    for (y = 0; y < to->height; y++) {
        uint8_t *codes = to->codes + (size_t)y * to->width * 4;
        float *light = to->light + (size_t)y * to->width * 4;
        many = shares(l->height, y, down);
        memset(sum, 0, (size_t)l->width * 4 * sizeof *sum);
        for (k = 0; k < many; k++) {
            light_row(l, c, 2 * y + (uint32_t)k, rows);
            for (i = 0; i < (size_t)l->width * 4; i++) sum[i] += down[k] * rows[i];
        }
        for (x = 0; x < to->width; x++, light += 4, codes += 4) {
            many = shares(l->width, x, across);
            for (c4 = 0; c4 < 4; c4++)
                for (light[c4] = 0, k = 0; k < many; k++)
                    light[c4] += across[k] * sum[4 * (2 * (size_t)x + (size_t)k) + (size_t)c4];
            for (c4 = 0; c4 < 3; c4++) codes[c4] = curve_code(c, light[c4] / light[3]);
            codes[3] = (uint8_t)(light[3] * 255 + 0.5f);
        }
    }
}

static void put(uint8_t *p, uint64_t v, int bytes) {
    int i;
    for (i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> 8 * i & 255);
}

/* The descriptor: a basic block of four samples. */
enum { DESCRIPTOR_SIZE = 4 + 24 + 4 * 16 };
static void descriptor_make(const ktx2_sink *s, uint8_t *p) {
    int i;
    memset(p, 0, DESCRIPTOR_SIZE);
    put(p, DESCRIPTOR_SIZE, 4);
    put(p + 8, 2, 2); /* version 1.3 */
    put(p + 10, DESCRIPTOR_SIZE - 4, 2);
    p[MODEL] = 1; /* RGBSDA */
    p[PRIMARIES] = s->primaries;
    p[CURVE] = s->curve;
    p[20] = 4; /* bytes of a texel */
    for (i = 0; i < 4; i++) {
        uint8_t *sample = p + 28 + 16 * i;
        put(sample, (uint64_t)(8 * i), 2);
        sample[2] = 7;                                    /* bits, less one */
        sample[3] = (uint8_t)(i < 3 ? i : 15 | 1 << 4);   /* alpha, which is linear */
        put(sample + 12, 255, 4);
    }
}

#define ORIENTATION "KTXorientation\0rd"
#define WRITER "KTXwriter\0gamutmlp"

static size_t put_key(uint8_t *p, const char *text, size_t size) {
    put(p, size, 4);
    memcpy(p + 4, text, size);
    return (size + 7) / 4 * 4;
}

static int write_levels(ktx2_sink *s, level *levels, int count, char reason[REASON]) {
    uint8_t head[INDEX + 32 * LEVEL + DESCRIPTOR_SIZE + 64];
    const size_t index_end = INDEX + (size_t)count * LEVEL;
    size_t n = index_end + DESCRIPTOR_SIZE;
    uint64_t at;
    int i, bad;
    memset(head, 0, sizeof head);
    memcpy(head, identifier, sizeof identifier);
    put(head + FORMAT, s->curve == SRGB_CURVE ? RGBA8_SRGB : RGBA8, 4);
    put(head + FORMAT + 4, 1, 4); /* bytes of a sample */
    put(head + WIDTH, s->base.like.width, 4);
    put(head + HEIGHT, s->base.like.height, 4);
    put(head + FACES, 1, 4);
    put(head + LEVELS, (uint64_t)count, 4);
    put(head + DESCRIPTOR, index_end, 4);
    put(head + DESCRIPTOR + 4, DESCRIPTOR_SIZE, 4);
    descriptor_make(s, head + index_end);
    put(head + KEYS, n, 4);
    n += put_key(head + n, ORIENTATION, sizeof ORIENTATION);
    n += put_key(head + n, WRITER, sizeof WRITER);
    put(head + KEYS + 4, n - index_end - DESCRIPTOR_SIZE, 4);
    for (at = n, i = count - 1; i >= 0; i--) {
        const uint64_t size = (uint64_t)levels[i].width * levels[i].height * 4;
        put(head + INDEX + i * LEVEL, at, 8);
        put(head + INDEX + i * LEVEL + 8, size, 8);
        put(head + INDEX + i * LEVEL + 16, size, 8);
        at += size;
    }
    bad = fwrite(head, 1, n, s->base.file) != n;
    for (i = count - 1; i >= 0 && !bad; i--) { /* where the file is in memory, too, there may be no room for both */
        n = (size_t)levels[i].width * levels[i].height * 4;
        bad = fwrite(levels[i].codes, 1, n, s->base.file) != n;
        if (!i) break;
        free(levels[i].codes);
        levels[i].codes = NULL;
    }
    if (bad) write_reason(reason);
    return bad ? -1 : 0;
}

static int write_texture(ktx2_sink *s, char reason[REASON]) {
    level levels[32];
    curve c;
    float *rows = (float *)malloc((size_t)s->base.like.width * 8 * sizeof *rows);
    int count = 1, i, bad = !rows;
    memset(levels, 0, sizeof levels);
    curve_make(&c, s->base.like.space);
    levels[0].width = s->base.like.width;
    levels[0].height = s->base.like.height;
    levels[0].codes = s->codes;
    for (; !bad && (levels[count - 1].width > 1 || levels[count - 1].height > 1); count++) {
        level *to = &levels[count];
        size_t n;
        to->width = levels[count - 1].width > 1 ? levels[count - 1].width / 2 : 1;
        to->height = levels[count - 1].height > 1 ? levels[count - 1].height / 2 : 1;
        n = (size_t)to->width * to->height * 4;
        to->light = (float *)malloc(n * sizeof *to->light);
        to->codes = (uint8_t *)malloc(n);
        bad = !to->light || !to->codes;
        if (!bad) halve(to - 1, &c, to, rows);
        free(to[-1].light);
        to[-1].light = NULL;
    }
    bad = bad ? refuse(reason, "out of memory") : write_levels(s, levels, count, reason);
    for (i = 1; i < count; i++) {
        free(levels[i].light);
        free(levels[i].codes);
    }
    free(rows);
    return bad;
}

static int ktx2_rows(picture_sink *base, const uint8_t *rows, uint32_t count, char reason[REASON]) {
    ktx2_sink *s = (ktx2_sink *)(void *)base;
    size_t n = (size_t)count * base->like.width;
    (void)reason;
    for (; n; n--, rows += base->like.channels, s->next += 4) {
        memcpy(s->next, rows, (size_t)base->like.channels);
        if (base->like.channels == 3) s->next[3] = 255;
    }
    return 0;
}

static int ktx2_end(picture_sink *base, int failed, char reason[REASON]) {
    ktx2_sink *s = (ktx2_sink *)(void *)base;
    const int bad = failed ? -1 : write_texture(s, reason);
    free(s->codes);
    free(s);
    return bad;
}

picture_sink *ktx2_sink_open(FILE *file, const gmlp_image *like, const picture_write_opts *opts, const uint8_t *icc,
                             size_t icc_size, char reason[REASON]) {
    ktx2_sink *s = (ktx2_sink *)calloc(1, sizeof *s);
    size_t i;
    (void)opts;
    (void)icc;
    (void)icc_size;
    for (i = 0; s && !s->primaries && i < sizeof spaces / sizeof *spaces; i++)
        if (spaces[i].space == like->space) {
            s->primaries = spaces[i].primaries;
            s->curve = spaces[i].curve;
        }
    if (!s || !s->primaries) {
        refuse(reason, s ? "it has no place for this colour space" : "out of memory");
        free(s);
        return NULL;
    }
    s->base.rows = ktx2_rows;
    s->base.end = ktx2_end;
    s->base.file = file;
    s->base.like = *like;
    if (!s->base.like.channels) s->base.like.channels = 3;
    s->codes = s->next = (uint8_t *)malloc((size_t)like->width * like->height * 4);
    if (s->codes) return &s->base;
    refuse(reason, "too large for the memory");
    free(s);
    return NULL;
}
