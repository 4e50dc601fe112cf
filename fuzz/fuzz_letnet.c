/* General networks from strangers: read, written again, and applied to a few pixels on two instruction sets. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"

enum { WHOLE, REFUSED, MOVES, UNSOLVED, TILES, NO_MEMORY, KINDS };
static const char *const kinds[KINDS] = { "whole", "refused", "moves pixels", "unsolved", "tiles", "memory ended" };
#include "fuzz.h"
#include "take.h"

/* What else there is to choose comes from how, which goes with the network's bytes. */
static void expand_some(const gmlp_letnet *net, uint32_t how) {
    static const uint8_t codes[6][3] = { { 255, 0, 0 }, { 0, 255, 30 }, { 12, 0, 255 }, { 255, 255, 0 }, { 1, 1, 0 }, { 9, 8, 7 } };
    enum { WIDE = GMLP__LET_SIDE + 1 }; /* two tiles, and the mosaic */
    static uint8_t wide[WIDE][3];
    static float got[2][WIDE * 3];
    const int tiles = how % 64 == 1, type = how >> 8 & 1 ? GMLP_U16 : GMLP_F32;
    gmlp_image base, out;
    gmlp_expand_opts opts;
    gmlp_expand_report r;
    gmlp_result result;
    size_t i;
    int k;
    memset(&base, 0, sizeof base);
    memset(&opts, 0, sizeof opts);
    for (i = 0; i < WIDE; i++) memcpy(wide[i], codes[i < WIDE - 6 ? i % 2 + 4 : i + 6 - WIDE], 3);
    base.data = tiles ? (void *)wide : (void *)(uintptr_t)codes;
    base.width = tiles ? WIDE : 3;
    base.height = tiles ? 1 : 2;
    if (how & 128) { /* on end */
        const uint32_t w = base.width;
        base.width = base.height;
        base.height = w;
    }
    base.type = GMLP_U8;
    base.space = GMLP_SRGB;
    out = base;
    out.type = type;
    out.space = GMLP_PROPHOTO_LINEAR;
    opts.iterations = tiles ? 2 : how >> 9 & 7 ? 6 : 1; /* more of them take longer, and nothing else */
    opts.tolerance = how >> 12 & 7 ? 0 : 1.0;
    opts.clip_margin = how >> 15 & 1 ? 63 : 0;
    for (k = 0; k < 2; k++) {
        opts.isa = k ? GMLP_ISA_AUTO : GMLP_ISA_SCALAR;
        if (k) opts.threads.parallel_for = backwards;
        out.data = got[k];
        CHECK(gmlp_expand(net, &base, &out, &opts, &r) == GMLP_OK);
    }
    CHECK(!memcmp(got[0], got[1], gmlp_pixel_size(type, 3) * base.width * base.height));
    for (i = 0; i < 3u * base.width * base.height && type == GMLP_F32; i++) CHECK(got[0][i] >= -1e-6f && got[0][i] <= 1.000001f);
    CHECK(r.saturated >= 5 && r.changed <= r.saturated && r.tiles >= 1 && r.tiles <= 1u + (uint32_t)tiles && gmlp__finite(r.worst));
    reached[MOVES] += r.changed != 0;
    reached[UNSOLVED] += r.unsolved != 0;
    reached[TILES] += (unsigned long)tiles;
    if (tiles || how >> 16 & 15) return;
    opts.alloc = some;
    some_left = how >> 20 & 7;
    result = gmlp_expand(net, &base, &out, &opts, &r);
    CHECK(result == GMLP_OK || result == GMLP_E_MEMORY);
    reached[NO_MEMORY] += result == GMLP_E_MEMORY;
}

static void use(const uint8_t *data, size_t size) {
    gmlp_letnet net;
    gmlp_error err;
    uint8_t *bytes;
    size_t written = 0;
    input crc;
    if (gmlp_letnet_read(data, size, NULL, &net, &err) != GMLP_OK) {
        CHECK(!net.weights && err.result != GMLP_OK && err.text && err.offset <= size);
        reached[REFUSED]++;
        return;
    }
    reached[WHOLE]++;
    CHECK(gmlp_letnet_size(&net) == size);
    bytes = (uint8_t *)malloc(size);
    CHECK(bytes && gmlp_letnet_write(&net, bytes, size, &written) == GMLP_OK && written == size);
    CHECK(!memcmp(bytes, data, size));
    free(bytes);
    crc.p = data + size - GMLP__BLOB_CRC;
    crc.n = GMLP__BLOB_CRC;
    expand_some(&net, take(&crc, 4));
    gmlp_letnet_free(&net);
}

static void mend(uint8_t *p, size_t size) {
    memcpy(p, "gLET\1", 5);
    gmlp__put_le(p + size - GMLP__BLOB_CRC, gmlp__crc32(0, p, size - GMLP__BLOB_CRC), GMLP__BLOB_CRC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *mended;
    use(data, size);
    if (size < 5 + GMLP__BLOB_CRC) return 0;
    mended = (uint8_t *)malloc(size);
    CHECK(mended);
    memcpy(mended, data, size);
    mend(mended, size);
    use(mended, size);
    free(mended);
    return 0;
}

/* Most changes would only change the size, which then is wrong: many weights at once change instead. */
static size_t change(uint8_t *data, size_t size, size_t most, unsigned seed) {
    static const uint16_t wild[8] = { 0, 0x3c00, 0xbc00, 0x7bff, 0xfbff, 0x7c00, 1, 0x2000 };
    uint64_t turn = 0;
    size_t i, n, at;
#define DRAW(n) (gmlp__random(seed, turn++) % (n))
    if (!DRAW(4) || size < GMLP__LET_HEAD + 64) size = mutate(data, size, most);
    else {
        n = DRAW(8) ? 1 + DRAW(40) : size;
        at = GMLP__LET_HEAD + 2 * DRAW((size - GMLP__LET_HEAD) / 2 - 8);
        for (i = 0; i < n && at + 2 <= size - GMLP__BLOB_CRC; i++, at += 2)
            gmlp__put_le(data + at, DRAW(3) ? wild[DRAW(8)] : (uint32_t)DRAW(65536), 2);
    }
    if (size >= 5 + GMLP__BLOB_CRC && DRAW(8)) mend(data, size);
    return size;
#undef DRAW
}
