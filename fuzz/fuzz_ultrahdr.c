/* Ultra HDR files from strangers, and strangers' pictures joined to one. */
#include <math.h>

#include "gainmap/container.h"

enum { WHOLE, PART, JOINED, AS_MAP, KINDS };
static const char *const kinds[KINDS] = {"whole", "part", "base of another", "map of another"};
#include "fuzz.h"

static const uint8_t plain[] = { 0xff, 0xd8, 0xff, 0xdb, 0,    3,    1,   0xff, 0xda, 0,
                                 2,    'a',  0xff, 0,    0xff, 0xd0, 'b', 0xff, 0xd9 };

static gmlp_result parse(const uint8_t *data, size_t size, ultrahdr_parts *parts) {
    gmlp_error err;
    gmlp_result r;
    double w;
    int c;
    memset(&err, 0, sizeof err);
    r = ultrahdr_parse(data, size, parts, &err);
    if (r != GMLP_OK) {
        CHECK(err.result == r && err.text && err.offset <= size && !parts->map_size);
        return r;
    }
    CHECK(parts->base_size >= 4 && parts->base_size <= parts->map_offset && parts->map_offset <= size);
    CHECK(parts->map_size >= 4 && parts->map_size <= size - parts->map_offset && parts->map_from &&
          parts->metadata_from);
    for (c = 0; c < 3; c++) {
        const ultrahdr_metadata *m = &parts->metadata;
        CHECK(m->gain_min[c] <= m->gain_max[c] && fabs(m->gain_min[c]) <= 64 && fabs(m->gain_max[c]) <= 64 &&
              m->gamma[c] > 0);
        CHECK(isfinite(m->offset_base[c]) && isfinite(m->offset_alternate[c]));
    }
    for (c = 0; c < 5; c++) {
        w = ultrahdr_weight(&parts->metadata, c < 4 ? c : (double)INFINITY);
        CHECK(w >= -1 && w <= 1);
    }
    return r;
}

/* What was joined is found again, with the map's picture in it. */
static int use_joined(const uint8_t *base, size_t base_size, const uint8_t *map, size_t map_size,
                      const ultrahdr_metadata *m) {
    uint8_t *file = NULL;
    size_t size = 0;
    ultrahdr_parts parts;
    gmlp_error err;
    gmlp_result r;
    int c;
    memset(&err, 0, sizeof err);
    r = ultrahdr_join(base, base_size, map, map_size, m, &file, &size, &err);
    if (r != GMLP_OK) {
        CHECK(!file && err.result == r && err.text && err.offset <= base_size);
        return 0;
    }
    CHECK(parse(file, size, &parts) == GMLP_OK);
    CHECK(parts.map_offset == parts.base_size && parts.map_offset + parts.map_size == size &&
          parts.map_size > map_size);
    CHECK(!memcmp(file + size - 2, map + map_size - 2, 2));
    for (c = 0; c < 3; c++)
        CHECK(fabs(parts.metadata.gain_max[c] - m->gain_max[c]) < 1e-6 &&
              fabs(parts.metadata.gamma[c] - m->gamma[c]) < 1e-5);
    free(file);
    return 1;
}

/* The base alone is a picture, and no longer than what it is of. */
static void use_part(const uint8_t *data, size_t size, const ultrahdr_metadata *m) {
    uint8_t *base = NULL, *again = NULL;
    size_t base_size = 0, again_size = 0;
    ultrahdr_parts parts;
    gmlp_error err;
    gmlp_result r;
    memset(&err, 0, sizeof err);
    r = ultrahdr_part(data, size, &base, &base_size, &err);
    if (r != GMLP_OK) {
        CHECK(!base && err.result == r && err.text && err.offset <= size);
        return;
    }
    CHECK(base_size >= 4 && base_size <= size && base[base_size - 2] == 0xff && base[base_size - 1] == 0xd9);
    CHECK(parse(base, base_size, &parts) != GMLP_OK);
    CHECK(ultrahdr_part(base, base_size, &again, &again_size, &err) == GMLP_OK); /* nothing is left to go */
    CHECK(again_size == base_size && !memcmp(again, base, base_size));
    free(again);
    use_joined(base, base_size, plain, sizeof plain, m);
    reached[PART]++;
    free(base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ultrahdr_metadata m;
    ultrahdr_parts parts;
    int c;
    memset(&m, 0, sizeof m);
    for (c = 0; c < 3; c++) m.gain_max[c] = m.gamma[c] = 1 + c / 3.0;
    m.headroom_alternate = 2;
    if (parse(data, size, &parts) == GMLP_OK) {
        reached[WHOLE]++;
        m = parts.metadata;
        m.map_space = 0;
        use_joined(plain, sizeof plain, plain, sizeof plain, &m);
        use_joined(data, parts.base_size, plain, sizeof plain, &m);
    }
    use_part(data, size, &m);
    reached[JOINED] += (unsigned long)use_joined(data, size, plain, sizeof plain, &m);
    reached[AS_MAP] += (unsigned long)use_joined(plain, sizeof plain, data, size, &m);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    (void)seed;
    return LLVMFuzzerMutate(data, size, most);
}
