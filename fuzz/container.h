/* What fuzz_jpeg.c and fuzz_png.c have in common: files from strangers are searched, stripped and
   embedded into, and what comes out must hold what went in. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"

enum { BINARY, TEXT, XMP, PIECES, DAMAGED, EMPTY, REFUSED, EMBEDDED, KINDS }; /* carriers in the order of gmlp__carriers */
static const char *const kinds[KINDS] = {"binary", "text", "xmp", "packed or split", "damaged", "without", "refused", "embedded"};
#include "fuzz.h"
#include "sink.h"

/* An intact blob as far as containers look at it. */
static void make_blob(uint8_t *p, size_t n, uint32_t seed) {
    size_t i;
    for (i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (uint8_t)(seed >> 24);
    }
    memcpy(p, "GMLP", 4);
    p[4] = GMLP__BLOB_VERSION;
    gmlp__put_le(p + n - 4, gmlp__crc32(0, p, n - 4), 4);
}

/* An allocator that says no to all but the first few. */
static size_t some_left;
static void *some_alloc(void *user, size_t size) {
    (void)user;
    return some_left ? some_left--, malloc(size) : NULL;
}
static void some_free(void *user, void *p, size_t size) {
    (void)user, (void)size;
    free(p);
}

/* All of a file that is none of our business: what is no carrier, and no packet, which may hold one. */
static sink rest_of(const uint8_t *data, size_t size) {
    const int kind = gmlp_container_kind(data, size);
    gmlp__part part;
    sink s;
    memset(&s, 0, sizeof s);
    memset(&part, 0, sizeof part);
    do {
        CHECK(gmlp__part_next(kind, data, size, &part, NULL) == GMLP_OK);
        if (!part.carrier) sink_write(&s, data + part.start, part.end - part.start);
    } while (!part.last);
    return s;
}

/* What is found in a file, also where memory ends. */
static void use_found(const uint8_t *data, size_t size, uint32_t pick) {
    const int kind = gmlp_container_kind(data, size), *carrier = gmlp__carriers(kind);
    const int present = gmlp_carriers_present(data, size, NULL);
    const gmlp_alloc few = {NULL, some_alloc, some_free};
    void *found = NULL;
    size_t found_size = 0;
    gmlp_error err;
    gmlp_result result, again;
    gmlp__part part;
    gmlp_net net;
    int i, seen;
    memset(&err, 0, sizeof err);
    result = gmlp_extract(data, size, NULL, &found, &found_size, &err);
    if (result == GMLP_OK) CHECK(found && gmlp__blob_intact((const uint8_t *)found, found_size) && present);
    else CHECK(!found && !found_size && err.result == result && err.text && err.offset <= size && !present);
    gmlp_bytes_free(found, found_size, NULL);
    if (!fuzzing) {
        again = (kind == GMLP_CONTAINER_JPEG ? gmlp_jpeg_extract : gmlp_png_extract)(data, size, NULL, &found, &found_size, NULL);
        CHECK(again == result);
        gmlp_bytes_free(found, found_size, NULL);
    }
    for (i = 0; i < 4; i++) {
        if (fuzzing && i != (int)(pick % 4)) continue;
        some_left = (size_t)i;
        again = gmlp_extract(data, size, &few, &found, &found_size, &err);
        CHECK(again == result || again == GMLP_E_MEMORY);
        gmlp_bytes_free(found, found_size, &few);
        some_left = (size_t)i;
        seen = gmlp_carriers_present(data, size, &few);
        CHECK(seen == present || seen == -1);
    }
    if (gmlp_open(data, size, NULL, &net, &err) == GMLP_OK) CHECK(result == GMLP_OK && gmlp_blob_size(&net));
    gmlp_net_free(&net);
    for (i = 0; i < 3; i++) reached[BINARY + i] += (present & carrier[i]) != 0;
    if (result != GMLP_OK) reached[result == GMLP_E_CORRUPT ? DAMAGED : result == GMLP_E_NOT_FOUND ? EMPTY : REFUSED]++;
    memset(&part, 0, sizeof part);
    while (present && !part.last && gmlp__part_next(kind, data, size, &part, NULL) == GMLP_OK)
        reached[PIECES] += (part.packed || part.total > 1) && (present & part.carrier);
}

/* Embeds a network of ours: it is found, all else stays as it was, and strip gives what it gave without. */
static void use_embedded(const uint8_t *data, size_t size, int carriers, int all_carriers, const sink *stripped) {
    uint8_t blob[300];
    void *found = NULL;
    size_t found_size = 0;
    gmlp_embed_opts opts;
    gmlp_result result;
    gmlp_error err;
    sink embedded, again, before, after;
    gmlp_writer w = into(&embedded);
    make_blob(blob, sizeof blob, (uint32_t)size);
    memset(&opts, 0, sizeof opts);
    opts.carriers = carriers;
    opts.leave_untagged = 1;
    result = (gmlp_container_kind(data, size) == GMLP_CONTAINER_JPEG ? gmlp_jpeg_embed : gmlp_png_embed)(
        data, size, blob, sizeof blob, &opts, &w, &err);
    if (carriers && !(carriers & all_carriers)) CHECK(result == GMLP_E_ARGUMENT);
    else if (result == GMLP_OK) {
        reached[EMBEDDED]++;
        CHECK(gmlp_extract(embedded.p, embedded.n, NULL, &found, &found_size, &err) == GMLP_OK);
        CHECK(found_size == sizeof blob && !memcmp(found, blob, sizeof blob));
        gmlp_bytes_free(found, found_size, NULL);
        before = rest_of(data, size);
        after = rest_of(embedded.p, embedded.n);
        CHECK(before.n == after.n && !memcmp(before.p, after.p, before.n));
        free(before.p);
        free(after.p);
        w = into(&again);
        CHECK(gmlp_strip(embedded.p, embedded.n, &w, &err) == GMLP_OK);
        CHECK(again.n == stripped->n && !memcmp(again.p, stripped->p, again.n));
        free(again.p);
    } else CHECK(carriers == GMLP_CARRIER_XMP && result == GMLP_E_LIMIT);
    free(embedded.p);
}

static void use_container(const uint8_t *data, size_t size, int all_carriers) {
    static const int choices[6] = {0, 1, 2, 4, 8, 16};
    const uint32_t pick = gmlp__crc32(0, data, size); /* of things that take time, one an input is enough */
    use_found(data, size, pick);
    uint8_t blob[300];
    void *found = NULL;
    size_t found_size = 0;
    sink stripped, embedded, again, before, after;
    gmlp_embed_opts opts;
    gmlp_error err;
    gmlp_result result;
    gmlp_writer w = into(&stripped);
    int i;
    result = gmlp_strip(data, size, &w, &err);
    if (result != GMLP_OK) {
        CHECK(!stripped.p);
        return;
    }
    CHECK(gmlp_extract(stripped.p, stripped.n, NULL, &found, &found_size, &err) == GMLP_E_NOT_FOUND);
    CHECK(!gmlp_carriers_present(stripped.p, stripped.n, NULL));
    before = rest_of(data, size);
    after = rest_of(stripped.p, stripped.n);
    CHECK(before.n == after.n && !memcmp(before.p, after.p, before.n));
    free(before.p);
    free(after.p);
    w = into(&again);
    CHECK((gmlp_container_kind(data, size) == GMLP_CONTAINER_JPEG ? gmlp_jpeg_strip : gmlp_png_strip)(stripped.p, stripped.n, &w, &err) == GMLP_OK);
    CHECK(again.n == stripped.n && !memcmp(again.p, stripped.p, again.n));
    free(again.p);
    for (i = 0; i < 6; i++)
        if (!fuzzing || i == (int)(pick / 4 % 6)) use_embedded(data, size, choices[i], all_carriers, &stripped);
    if (!fuzzing || pick / 32 % 4 == 0) { /* with the colours said, and where writing fails */
        make_blob(blob, sizeof blob, (uint32_t)size);
        memset(&opts, 0, sizeof opts);
        w = into(&embedded);
        embedded.fail_after = 1 + size % 8;
        result = gmlp_embed(data, size, blob, sizeof blob, &opts, &w, &err);
        CHECK(result == GMLP_E_WRITE || (result == GMLP_OK && embedded.fail_after));
        free(embedded.p);
    }
    free(stripped.p);
}

/* Bytes that change at random seldom make a property of XMP, and never the lengths and checksums around one. So parts change
   one at a time: pieces of properties are put into packets and taken out of them, and packets are packed. */
static size_t change(uint8_t *data, size_t size, size_t most, unsigned seed) {
    static const char *const pieces[] = {
        "GamutMLP:Blob", " GamutMLP:Blob=\"", " GamutMLP:Blob='", "<GamutMLP:Blob>", "</GamutMLP:Blob>", "\"", "'", "<", ">", "/>", "=", " ", "\n",
        "/GamutMLP:Blob>", GMLP__XMP_OPEN, GMLP__XMP_END, "AAAA", "Gamut", "MLP:Blob", "<x>", " a=\"b\"", ":", "G", "b", "#"
    };
    const int kind = gmlp_container_kind(data, size);
    const size_t fixed = kind == GMLP_CONTAINER_JPEG ? 4 : 8; /* bytes before a part's body */
    uint8_t *file, *body = NULL, blob[GMLP__BLOB_HEAD + GMLP__BLOB_CRC], text[80];
    const uint8_t *piece = text;
    size_t n, at, cut = 0, few, parts = 0, head, end, crc = kind == GMLP_CONTAINER_PNG ? 4 : 0;
    uint64_t turn = 0;
    gmlp__part part, chosen;
    gmlp__out o;
    sink s;
#define DRAW(n) (gmlp__random(seed, turn++) % (n))
    memset(&part, 0, sizeof part);
    memset(&chosen, 0, sizeof chosen);
    if (kind != GMLP_CONTAINER_NONE && DRAW(16))
        while (!part.last && gmlp__part_next(kind, data, size, &part, NULL) == GMLP_OK)
            if (part.body && !part.last && (part.carrier || !DRAW(4)) && (parts++, !DRAW(parts))) chosen = part;
    if (!chosen.body || chosen.size > most / 2) return mutate(data, size, most);
    memset(&o, 0, sizeof o);
    o.to = into(&s);
    head = chosen.start + fixed;
    end = chosen.end - crc;
    at = (size_t)(chosen.body - data) + DRAW(chosen.size + 1);
    n = (size_t)DRAW(sizeof pieces / sizeof *pieces + 12);
    if (n < sizeof pieces / sizeof *pieces) {
        piece = (const uint8_t *)pieces[n];
        n = strlen(pieces[n]);
    } else if (n == sizeof pieces / sizeof *pieces && chosen.carrier == gmlp__carriers(kind)[0]) { /* a blob */
        make_blob(blob, sizeof blob, seed);
        piece = blob;
        n = sizeof blob;
        at = (size_t)(chosen.body - data);
        cut = chosen.size;
    } else if (n == sizeof pieces / sizeof *pieces) { /* its text */
        sink t;
        gmlp__out b;
        make_blob(blob, sizeof blob, seed);
        memset(&b, 0, sizeof b);
        b.to = into(&t);
        gmlp__emit_base64(&b, blob, sizeof blob);
        n = t.n < sizeof text ? t.n : sizeof text;
        memcpy(text, t.p, n);
        free(t.p);
    } else if (n < sizeof pieces / sizeof *pieces + 9) { /* any bytes */
        body = (uint8_t *)malloc(chosen.size + 64);
        CHECK(body);
        at = (size_t)(chosen.body - data);
        cut = chosen.size;
        memcpy(body, chosen.body, cut);
        n = mutate(body, cut, cut + 64);
        piece = body;
    } else { /* fewer bytes */
        n = 0;
        few = DRAW(2) ? 4 : 40;
        cut = 1 + (size_t)DRAW(few);
        if (cut > end - at) cut = end - at;
    }
    gmlp__emit(&o, data, at);
    gmlp__emit(&o, piece, n);
    gmlp__emit(&o, data + at + cut, size - at - cut);
    free(body);
    file = s.p;
    end = end + n - cut;
    if (kind == GMLP_CONTAINER_PNG && chosen.carrier == GMLP_CARRIER_XMP && !chosen.packed && !DRAW(8) && end - (head + 22) < 65536) {
        uint8_t stored[7] = {0x78, 1, 1}; /* zlib, a last block that is stored */
        const size_t begin = (size_t)(chosen.body - data), length = end - begin;
        memset(&o, 0, sizeof o);
        o.to = into(&s);
        gmlp__put_le(stored + 3, (uint32_t)length, 2);
        gmlp__put_le(stored + 5, ~(uint32_t)length & 65535u, 2);
        gmlp__emit(&o, file, begin);
        gmlp__emit(&o, stored, 7);
        gmlp__emit(&o, file + begin, size + n - cut - begin);
        s.p[head + GMLP__ITXT_KEYWORD] = 1;
        end += 7;
        free(file);
        file = s.p;
    }
    if (kind == GMLP_CONTAINER_JPEG) gmlp__put_be(file + head - 2, (uint32_t)(end - head + 2), 2);
    else {
        gmlp__put_be(file + head - 8, (uint32_t)(end - head), 4);
        gmlp__put_be(file + end, gmlp__crc32(0, file + head - 4, end - head + 4), 4);
    }
    n = s.n;
    if (n <= most) memcpy(data, file, n);
    free(file);
#undef DRAW
    return n <= most ? n : mutate(data, size, most);
}
