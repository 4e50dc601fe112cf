/* KTX2 files from strangers: searched, stripped and embedded into; what comes out holds what went in, and the levels. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"

enum { FOUND, DAMAGED, EMPTY, OTHER_KEYS, GLOBAL, ODD, REFUSED, KINDS };
static const char *const kinds[KINDS] = {"found", "damaged", "without", "other keys", "global data", "extracts only", "refused"};
#include "fuzz.h"
#include "sink.h"

static void check_levels(const uint8_t *from, const uint8_t *to, size_t size) {
    const uint32_t count = gmlp__le32(from + 40) ? gmlp__le32(from + 40) : 1;
    uint32_t i;
    CHECK(!memcmp(from, to, 56));
    for (i = 0; i < count; i++) {
        const uint8_t *a = from + 80 + 24 * (size_t)i, *b = to + 80 + 24 * (size_t)i;
        const uint64_t at = gmlp__le64(b), n = gmlp__le64(b + 8);
        CHECK(!memcmp(a + 8, b + 8, 16) && at <= size && n <= size - at);
        CHECK(!memcmp(from + gmlp__le64(a), to + at, (size_t)n));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t blob[GMLP__BLOB_HEAD + 40];
    void *found = NULL;
    size_t found_size = 0;
    gmlp_error err;
    gmlp_result result, found_result;
    gmlp__part part;
    gmlp_writer w;
    sink stripped, again, embedded;
    if (gmlp_container_kind(data, size) != GMLP_CONTAINER_KTX2) return 0;
    memset(&err, 0, sizeof err);
    found_result = gmlp_extract(data, size, NULL, &found, &found_size, &err);
    if (found_result == GMLP_OK) CHECK(found && gmlp__blob_intact((const uint8_t *)found, found_size));
    else CHECK(!found && !found_size && err.result == found_result && err.text && err.offset <= size);
    CHECK(gmlp_carriers_present(data, size, NULL) == (found_result == GMLP_OK ? GMLP_CARRIER_KTX2_KEY : 0));
    gmlp_bytes_free(found, found_size, NULL);
    reached[found_result == GMLP_OK          ? FOUND
            : found_result == GMLP_E_CORRUPT   ? DAMAGED
            : found_result == GMLP_E_NOT_FOUND ? EMPTY
                                               : REFUSED]++;
    w = into(&stripped);
    result = gmlp_strip(data, size, &w, &err);
    if (result != GMLP_OK) {
        CHECK(!stripped.p && err.text && err.offset <= size);
        reached[ODD] += found_result == GMLP_OK;
        return 0;
    }
    memset(&part, 0, sizeof part);
    while (!part.last && gmlp__ktx2_next(data, size, &part, NULL) == GMLP_OK)
        reached[OTHER_KEYS] += part.body && !part.carrier;
    reached[GLOBAL] += gmlp__le64(data + 72) != 0;
    check_levels(data, stripped.p, stripped.n);
    CHECK(gmlp_extract(stripped.p, stripped.n, NULL, &found, &found_size, &err) == GMLP_E_NOT_FOUND);
    w = into(&again);
    CHECK(gmlp_strip(stripped.p, stripped.n, &w, NULL) == GMLP_OK);
    CHECK(again.n == stripped.n && !memcmp(again.p, stripped.p, again.n));
    free(again.p);
    memset(blob, (int)(size & 255), sizeof blob);
    memcpy(blob, "GMLP", 4);
    gmlp__put_le(blob + sizeof blob - 4, gmlp__crc32(0, blob, sizeof blob - 4), 4);
    w = into(&embedded);
    CHECK(gmlp_embed(data, size, blob, sizeof blob, NULL, &w, &err) == GMLP_OK);
    check_levels(data, embedded.p, embedded.n);
    w = into(&again); /* a write fails */
    again.fail_after = 1 + size % 4;
    result = gmlp_embed(data, size, blob, sizeof blob, NULL, &w, &err);
    CHECK(again.fail_after ? result == GMLP_OK : result == GMLP_E_WRITE);
    free(again.p);
    CHECK(gmlp_extract(embedded.p, embedded.n, NULL, &found, &found_size, &err) == GMLP_OK);
    CHECK(found_size == sizeof blob && !memcmp(found, blob, found_size));
    gmlp_bytes_free(found, found_size, NULL);
    w = into(&again); /* once more is the same again */
    CHECK(gmlp_embed(embedded.p, embedded.n, blob, sizeof blob, NULL, &w, &err) == GMLP_OK);
    CHECK(again.n == embedded.n && !memcmp(again.p, embedded.p, again.n));
    free(again.p);
    free(embedded.p);
    free(stripped.p);
    return 0;
}

/* Random bytes make few places and lengths that fit: half of the time one of the header's numbers, of the levels' or of
   a key's length becomes a small one, its neighbour's, or what reaches just to the end. */
static size_t change(uint8_t *data, size_t size, size_t most, unsigned seed) {
    uint64_t turn = 0;
    size_t at, end;
#define DRAW(n) (gmlp__random(seed, turn++) % (n))
    if (DRAW(2) || size < 112) return mutate(data, size, most);
    end = DRAW(4) ? 112 : size;
    at = 12 + 4 * DRAW((end - 16) / 4);
    switch (DRAW(4)) {
    case 0: gmlp__put_le(data + at, (uint32_t)DRAW(40), 4); break;
    case 1: gmlp__put_le(data + at, gmlp__le32(data + at) + (uint32_t)DRAW(17) - 8u, 4); break;
    case 2: gmlp__put_le(data + at, gmlp__le32(data + 12 + 4 * DRAW(24)), 4); break;
    default: gmlp__put_le(data + at, (uint32_t)(size - DRAW(size)), 4);
    }
    return size;
#undef DRAW
}
