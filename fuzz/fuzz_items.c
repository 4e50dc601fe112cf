/* HEIC and AVIF files from strangers, as far as their gain maps go. The seeds are files that
   tests/tool/gainmap/test_items.c puts together. */
#include <math.h>

#include "gainmap/items.h"

enum { TONE_MAP, APPLE, BY_PACKET, BY_NOTE, KINDS };
static const char *const kinds[KINDS] = {"tone-mapped item", "Apple's", "headroom by packet", "by note"};
#include "fuzz.h"

/* The packet's headroom, or that of the same bytes taken for EXIF. */
static void use_apple(const uint8_t *data, size_t size, const heif_parts *parts) {
    const slice none = {NULL, 0}, all = {(const char *)(const void *)data, size};
    ultrahdr_metadata m;
    gmlp_error err;
    if (metadata_of_apple(data, parts->packet, none, &m, &err) == GMLP_OK) {
        CHECK(m.apple && m.headroom_alternate >= 0);
        reached[BY_PACKET]++;
    }
    if (metadata_of_apple(data, none, all, &m, &err) == GMLP_OK) {
        CHECK(m.apple && m.headroom_alternate >= 0);
        reached[BY_NOTE]++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    heif_parts parts;
    gmlp_error err;
    gmlp_result r;
    uint8_t *copy;
    size_t i, differ = 0;
    memset(&err, 0, sizeof err);
    r = heif_parse(data, size, &parts, &err);
    CHECK(r == GMLP_OK || (err.result == r && err.text && err.offset <= size && !parts.map));
    use_apple(data, size, &parts);
    if (r != GMLP_OK) return 0;
    CHECK(parts.hidden < size && parts.first_size <= 4 && parts.first <= size - parts.first_size);
    reached[parts.metadata.apple ? APPLE : TONE_MAP]++;
    copy = heif_of_map(data, size, &parts);
    CHECK(copy);
    for (i = 0; i < size; i++) differ += copy[i] != data[i];
    CHECK(differ <= 5);
    free(copy);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    (void)seed;
    return LLVMFuzzerMutate(data, size, most);
}
