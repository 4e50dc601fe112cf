/* What fuzz_jpeg.c and fuzz_png.c have in common: files from strangers are searched, stripped and
   embedded into, and what comes out must hold what went in. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include <stdlib.h>
#include <string.h>

#define CHECK(x) do { if (!(x)) abort(); } while (0)

typedef struct sink {
    uint8_t *p;
    size_t n, capacity;
    size_t fail_after; /* writes; 0: never */
} sink;

static int sink_write(void *user, const void *bytes, size_t n) {
    sink *s = (sink *)user;
    if (s->fail_after && !--s->fail_after) return 1;
    if (n > s->capacity - s->n) {
        s->capacity = (s->n + n) * 2;
        s->p = (uint8_t *)realloc(s->p, s->capacity);
        CHECK(s->p);
    }
    memcpy(s->p + s->n, bytes, n);
    s->n += n;
    return 0;
}

static gmlp_writer into(sink *s) {
    gmlp_writer w;
    memset(s, 0, sizeof *s);
    w.user = s;
    w.write = sink_write;
    return w;
}

/* An intact blob as far as containers look at it. */
static void make_blob(uint8_t *p, size_t n, uint32_t seed) {
    size_t i;
    for (i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (uint8_t)(seed >> 24);
    }
    memcpy(p, "GMLP\2", 5);
    gmlp__put_le(p + n - 4, gmlp__crc32(0, p, n - 4), 4);
}

static int contains(const uint8_t *p, size_t n, const char *what) {
    const size_t length = strlen(what);
    size_t i;
    for (i = 0; i + length <= n; i++)
        if (!memcmp(p + i, what, length)) return 1;
    return 0;
}

static void use_container(const uint8_t *data, size_t size, int all_carriers) {
    uint8_t blob[300];
    void *found = NULL;
    size_t found_size = 0;
    sink stripped, embedded, again;
    gmlp_error err;
    gmlp_embed_opts opts;
    gmlp_result result;
    gmlp_writer w;
    int bit, tried;
    memset(&err, 0, sizeof err);
    result = gmlp_extract(data, size, NULL, &found, &found_size, &err);
    if (result == GMLP_OK) CHECK(found && gmlp__blob_intact((const uint8_t *)found, found_size) && gmlp_carriers_present(data, size, NULL));
    else CHECK(!found && !found_size && err.result == result && err.text && err.offset <= size && !gmlp_carriers_present(data, size, NULL));
    gmlp_bytes_free(found, found_size, NULL);

    w = into(&stripped);
    result = gmlp_strip(data, size, w, &err);
    if (result != GMLP_OK) {
        CHECK(!stripped.p);
        return;
    }
    CHECK(stripped.n <= size);

    make_blob(blob, sizeof blob, (uint32_t)size);
    memset(&opts, 0, sizeof opts);
    for (bit = 0; bit <= 16; bit = bit ? 2 * bit : 1) {
        opts.carriers = bit;
        opts.keep_color = 1;
        tried = bit ? bit & all_carriers : 1;
        w = into(&embedded);
        result = gmlp_embed(data, size, blob, sizeof blob, &opts, w, &err);
        if (!tried) CHECK(result == GMLP_E_ARGUMENT);
        else if (result == GMLP_OK) {
            CHECK(gmlp_extract(embedded.p, embedded.n, NULL, &found, &found_size, &err) == GMLP_OK);
            CHECK(found_size == sizeof blob && !memcmp(found, blob, sizeof blob));
            gmlp_bytes_free(found, found_size, NULL);
            if (!contains(data, size, "GamutMLP:Blob")) { /* a forged property may join up with its neighbours */
                w = into(&again);
                CHECK(gmlp_strip(embedded.p, embedded.n, w, &err) == GMLP_OK);
                CHECK(again.n == stripped.n && !memcmp(again.p, stripped.p, again.n));
                free(again.p);
            }
        } else CHECK(bit == GMLP_CARRIER_XMP && result == GMLP_E_LIMIT);
        free(embedded.p);
    }
    opts.carriers = 0;
    opts.keep_color = 0;
    w = into(&embedded);
    embedded.fail_after = 1 + size % 8;
    result = gmlp_embed(data, size, blob, sizeof blob, &opts, w, &err);
    CHECK(result == GMLP_E_WRITE || (result == GMLP_OK && embedded.fail_after));
    free(embedded.p);
    free(stripped.p);
}
