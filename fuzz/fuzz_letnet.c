/* General networks from strangers: read, written again, and applied to a few pixels on two instruction sets. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"

enum { WHOLE, REFUSED, MOVES, UNSOLVED, KINDS };
static const char *const kinds[KINDS] = { "whole", "refused", "moves pixels", "unsolved" };
#include "fuzz.h"

static void expand_some(const gmlp_letnet *net) {
    static const uint8_t codes[6][3] = { { 255, 0, 0 }, { 0, 255, 30 }, { 12, 0, 255 }, { 255, 255, 0 }, { 1, 1, 0 }, { 9, 8, 7 } };
    float got[2][6][3];
    gmlp_image base, out;
    gmlp_expand_opts opts;
    gmlp_expand_report r;
    size_t i;
    int k;
    memset(&base, 0, sizeof base);
    memset(&opts, 0, sizeof opts);
    base.data = (void *)(uintptr_t)codes;
    base.width = 3;
    base.height = 2;
    base.type = GMLP_U8;
    base.space = GMLP_SRGB;
    out = base;
    out.type = GMLP_F32;
    out.space = GMLP_PROPHOTO_LINEAR;
    opts.iterations = 6; /* more of them take longer, and nothing else */
    for (k = 0; k < 2; k++) {
        opts.isa = k ? GMLP_ISA_AUTO : GMLP_ISA_SCALAR;
        out.data = got[k];
        CHECK(gmlp_expand(net, &base, &out, &opts, &r) == GMLP_OK);
    }
    CHECK(!memcmp(got[0], got[1], sizeof got[0]));
    for (i = 0; i < 18; i++) CHECK(got[0][i / 3][i % 3] >= -1e-6f && got[0][i / 3][i % 3] <= 1.000001f);
    CHECK(r.saturated == 5 && r.changed <= 5 && r.tiles == 1 && gmlp__finite(r.worst));
    reached[MOVES] += r.changed != 0;
    reached[UNSOLVED] += r.unsolved != 0;
}

static void use(const uint8_t *data, size_t size) {
    gmlp_letnet net;
    gmlp_error err;
    uint8_t *bytes;
    size_t written = 0;
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
    expand_some(&net);
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
