/* HEIC and AVIF files from strangers, as far as their gain maps go. The seeds are files that
   tests/tool/gainmap/test_items.c puts together. */
#include <math.h>

#include "gainmap/items.h"
#include "pictures/directory.h"

enum { TONE_MAP, APPLE, BY_PACKET, BY_NOTE, DIRECTORIES, KINDS };
static const char *const kinds[KINDS] = {"tone-mapped item", "Apple's", "headroom by packet", "by note", "directories"};
#include "fuzz.h"
#include "mutate.h"

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

/* Bytes taken for a TIFF or a BigTIFF: whatever a directory's entry says, its values lie in the bytes. */
static void use_directories(const uint8_t *data, size_t size) {
    const tiff_bytes f = tiff_bytes_of(data, size);
    uint64_t at = tiff_first_directory(&f);
    int left = 4;
    for (; at && left--; at = tiff_number(&f, tiff_next(&f, at), f.big ? 8 : 4)) {
        const uint32_t count = tiff_entries(&f, at);
        uint32_t i;
        for (i = 0; i < count; i++) {
            const tiff_entry e = tiff_entry_at(&f, at, i);
            CHECK(e.size <= size && (!e.size || e.at <= size - e.size));
            tiff_entry first;
            CHECK(e.size || !tiff_entry_value(&f, &e));
            if (i < 4) CHECK(tiff_find(&f, at, e.tag, &first) && first.place <= e.place);
        }
        reached[DIRECTORIES] += count != 0;
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
    use_directories(data, size);
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

/* Boxes, each with the one that it lies in. */
enum { BOXES = 64, NONE = BOXES };
typedef struct boxes {
    struct {
        size_t start, content, end, in;
    } box[BOXES];
    size_t count;
} boxes;

static void find_boxes(const uint8_t *data, size_t at, size_t end, size_t in, boxes *out) {
    static const struct {
        char type[5];
        uint8_t before; /* bytes before the boxes in it; of iinf one more number of two bytes in its later versions */
    } holders[] = { {"meta", 4}, {"iprp", 0}, {"ipco", 0}, {"iinf", 6}, {"iref", 4} };
    while (end - at >= 8 && out->count < BOXES) {
        size_t size = get_be(data + at, 4), i, inner;
        const size_t own = out->count;
        if (!size) size = end - at;
        if (size < 8 || size > end - at) return; /* one of 64 bits stays as it is */
        out->box[out->count].start = at;
        out->box[out->count].content = at + 8;
        out->box[out->count].end = at + size;
        out->box[out->count++].in = in;
        for (i = 0; i < sizeof holders / sizeof *holders; i++) {
            if (memcmp(data + at + 4, holders[i].type, 4)) continue;
            inner = at + 8 + holders[i].before;
            if (holders[i].before == 6 && size > 8 && data[at + 8]) inner += 2;
            if (inner <= at + size) find_boxes(data, inner, at + size, own, out);
        }
        at += size;
    }
}

/* Items' bytes that lay behind at have moved. */
static void move_items(uint8_t *data, const boxes *b, size_t at, size_t by) {
    size_t i;
    for (i = 0; i < b->count; i++) {
        uint8_t *p = data + b->box[i].content, *const end = data + b->box[i].end;
        uint32_t n;
        if (memcmp(p - 4, "iloc", 4) || end - p < 8 || p[4] != 0x44 || p[5]) continue; /* as all write it */
        n = get_be(p + 6, 2);
        for (p += 8; n-- && end - p >= (*(data + b->box[i].content) ? 16 : 14); p += 8) {
            const int in_file = !*(data + b->box[i].content) || !p[3];
            p += *(data + b->box[i].content) ? 8 : 6;
            if (in_file && get_be(p, 4) > at) put_be(p, get_be(p, 4) + (uint32_t)by, 4);
        }
    }
}

/* One box changes, comes twice, goes, or is another; then the sizes around it and the items' places are made right. */
static size_t change(uint8_t *data, size_t size, size_t most, unsigned seed) {
    static const char types[][5] = { "meta", "pitm", "iinf", "infe", "iref", "iloc", "idat", "iprp", "ipco", "ipma", "dimg", "auxl", "cdsc",
                                     "tmap", "mime", "Exif", "colr", "nclx", "auxC", "hvc1", "av01", "free" };
    boxes b;
    uint8_t bytes[1024];
    size_t at, i, now = 0, delta = 0;
    memset(&b, 0, sizeof b);
    draw_from(seed);
    find_boxes(data, 0, size, NONE, &b);
    if (b.count < 3 || !draw(16)) return mutate(data, size, most);
    i = draw((uint32_t)b.count);
    at = b.box[i].content;
    switch (draw(8)) {
    case 0: /* another type, of the box or of what it says */
        memcpy(data + (draw(3) || b.box[i].end - at < 4 ? at - 4 : at + draw((uint32_t)(b.box[i].end - at) - 3)),
               types[draw(sizeof types / sizeof *types)], 4);
        return size;
    case 1: { /* twice, here or elsewhere, or no more */
        const size_t whole = b.box[i].end - b.box[i].start, k = draw((uint32_t)b.count);
        uint8_t *copy = (uint8_t *)malloc(whole);
        const int goes = !draw(3);
        CHECK(copy);
        memcpy(copy, data + b.box[i].start, whole);
        at = goes ? b.box[i].start : b.box[k].start;
        now = splice(data, size, most, at, goes ? whole : 0, copy, goes ? 0 : whole);
        delta = goes ? (size_t)0 - whole : whole;
        i = b.box[goes ? i : k].in;
        free(copy);
        break;
    }
    case 2: { /* a number */
        const size_t n = draw(2) ? 2 : 4, room = b.box[i].end - at;
        if (room < n) break;
        at += draw((uint32_t)(room - n) + 1);
        put_be(data + at, draw(2) ? draw(8) : 0u - draw(8), n);
        return size;
    }
    default: {
        const size_t from = b.box[i].end - at > 512 ? at + draw((uint32_t)(b.box[i].end - at) - 512) : at,
                     length = b.box[i].end - from < 512 ? b.box[i].end - from : 512;
        size_t n;
        memcpy(bytes, data + from, length);
        n = mutate(bytes, length, sizeof bytes);
        now = splice(data, size, most, from, length, bytes, n);
        delta = n - length;
        at = from;
    }
    }
    if (!now) return mutate(data, size, most);
    for (; i != NONE; i = b.box[i].in) { /* they all start before the change */
        put_be(data + b.box[i].start, (uint32_t)(b.box[i].end - b.box[i].start + delta), 4);
    }
    memset(&b, 0, sizeof b);
    find_boxes(data, 0, now, NONE, &b);
    if (draw(8)) move_items(data, &b, at, delta);
    return now;
}
