#include <stdlib.h>
#include <string.h>

#include "gainmap/items.h"

/* How many tone-mapped and auxiliary items, and packets of the latter, are looked at: each look goes through lists. */
enum { TRIES = 16 };

/* Numbers, big-endian; past the end they are 0, and bad is set. */
typedef struct cursor {
    const uint8_t *file;
    size_t at, end;
    int bad;
} cursor;

static uint64_t take(cursor *c, size_t bytes) {
    uint64_t v = 0;
    if (bytes > c->end - c->at) {
        c->bad = 1;
        c->at = c->end;
        return 0;
    }
    while (bytes--) v = v << 8 | c->file[c->at++];
    return v;
}

static void skip(cursor *c, uint64_t bytes) {
    if (bytes > c->end - c->at) {
        c->bad = 1;
        bytes = c->end - c->at;
    }
    c->at += (size_t)bytes;
}

#define FOUR(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* The next box, whose content becomes a cursor of its own. 0: there is none. */
static int next_box(cursor *in, uint32_t *type, cursor *content) {
    const size_t start = in->at;
    uint64_t size = take(in, 4);
    *type = (uint32_t)take(in, 4);
    if (size == 1) size = take(in, 8);
    else if (size == 0) size = in->end - start;
    if (in->bad || size < in->at - start || size > in->end - start) return 0;
    *content = *in;
    content->end = start + (size_t)size;
    in->at = content->end;
    return 1;
}

/* What a file's "meta" box holds. */
typedef struct lists {
    cursor infos, locations, references, properties, associations, data; /* file is NULL: not there */
    int reference_version, association_version, association_flags;
    uint32_t primary;
    size_t first, first_size; /* where that is written */
} lists;

/* Of a box that begins with a version and three bytes of flags, which come next. */
static int full_box(cursor *c) { return (int)take(c, 1); }

static void read_properties(cursor in, lists *l) {
    cursor content;
    uint32_t type;
    while (next_box(&in, &type, &content))
        if (type == FOUR('i', 'p', 'c', 'o')) l->properties = content;
        else if (type == FOUR('i', 'p', 'm', 'a')) {
            l->association_version = full_box(&content);
            l->association_flags = (int)take(&content, 3);
            l->associations = content;
        }
}

static int read_lists(const uint8_t *file, size_t size, lists *l) {
    cursor in = { NULL, 0, 0, 0 }, meta = { NULL, 0, 0, 0 }, content;
    uint32_t type;
    in.file = file;
    in.end = size;
    memset(l, 0, sizeof *l);
    while (!meta.file && next_box(&in, &type, &content))
        if (type == FOUR('m', 'e', 't', 'a')) meta = content;
    if (!meta.file) return 0;
    skip(&meta, 4);
    while (next_box(&meta, &type, &content))
        switch (type) {
            case FOUR('p', 'i', 't', 'm'):
                l->first_size = full_box(&content) ? 4 : 2;
                skip(&content, 3);
                l->first = content.at;
                l->primary = (uint32_t)take(&content, l->first_size);
                if (content.bad) return 0;
                break;
            case FOUR('i', 'i', 'n', 'f'):
                skip(&content, full_box(&content) ? 7 : 5);
                l->infos = content;
                break;
            case FOUR('i', 'r', 'e', 'f'):
                l->reference_version = full_box(&content);
                skip(&content, 3);
                l->references = content;
                break;
            case FOUR('i', 'l', 'o', 'c'): l->locations = content; break;
            case FOUR('i', 'd', 'a', 't'): l->data = content; break;
            case FOUR('i', 'p', 'r', 'p'): read_properties(content, l); break;
            default: break;
        }
    return l->first && l->infos.file && l->references.file && l->locations.file;
}

/* An item: the one after, or, with an id, that one. 0: there is none. */
typedef struct item {
    uint32_t id, type;
    size_t hidden; /* where the bit that says so lies in a byte */
} item;

static int next_item(cursor *infos, item *out) {
    cursor content;
    uint32_t box;
    int version;
    while (next_box(infos, &box, &content)) {
        version = full_box(&content);
        if (box != FOUR('i', 'n', 'f', 'e') || version < 2) continue;
        out->hidden = content.at + 2;
        skip(&content, 3);
        out->id = (uint32_t)take(&content, version == 2 ? 2 : 4);
        skip(&content, 2);
        out->type = (uint32_t)take(&content, 4);
        if (!content.bad) return 1;
    }
    return 0;
}

static int find_item(const lists *l, uint32_t id, item *out) {
    cursor infos = l->infos;
    while (next_item(&infos, out))
        if (out->id == id) return 1;
    return 0;
}

/* References of a type one by one: from an item to others, of which the first two. */
typedef struct reference {
    uint32_t from, to[2], count;
} reference;

static int next_reference(const lists *l, cursor *references, uint32_t type, reference *out) {
    const size_t id = l->reference_version ? 4 : 2;
    cursor content;
    uint32_t box;
    while (next_box(references, &box, &content)) {
        if (box != type) continue;
        out->from = (uint32_t)take(&content, id);
        out->count = (uint32_t)take(&content, 2);
        out->to[0] = (uint32_t)take(&content, id);
        out->to[1] = out->count > 1 ? (uint32_t)take(&content, id) : 0;
        if (!content.bad && out->count) return 1;
    }
    return 0;
}

/* An item's bytes, where they lie in one piece in the file or in the "meta" box. 0: they do not. */
static int find_bytes(const lists *l, size_t size, uint32_t id, slice *out) {
    cursor c = l->locations;
    const int version = full_box(&c);
    size_t offset_size, length_size, base_size, index_size;
    uint64_t count, i, pieces, k;
    skip(&c, 3);
    offset_size = (size_t)take(&c, 1);
    base_size = (size_t)take(&c, 1);
    length_size = offset_size & 15;
    offset_size >>= 4;
    index_size = version ? base_size & 15 : 0;
    base_size >>= 4;
    if (offset_size > 8 || length_size > 8 || base_size > 8 || index_size > 8 || !length_size) return 0;
    count = take(&c, version < 2 ? 2 : 4);
    for (i = 0; i < count && !c.bad; i++) {
        const int found = take(&c, version < 2 ? 2 : 4) == id;
        const int method = version ? (int)take(&c, 2) & 15 : 0;
        uint64_t base, at = 0, length = 0, room;
        skip(&c, 2);
        base = take(&c, base_size);
        pieces = take(&c, 2);
        for (k = 0; k < pieces && !c.bad; k++) {
            skip(&c, index_size);
            at = take(&c, offset_size);
            length = take(&c, length_size);
        }
        if (!found) continue;
        room = method == 0 ? size : method == 1 && l->data.file ? l->data.end - l->data.at : 0;
        if (c.bad || pieces != 1 || base > room || at > room - base || length > room - base - at) return 0;
        out->p = (const char *)(const void *)(c.file + (method ? l->data.at : 0) + base + at);
        out->n = (size_t)length;
        return 1;
    }
    return 0;
}

/* Of the properties that an item has the first one of a type. */
static int find_property(const lists *l, uint32_t id, uint32_t type, cursor *out) {
    uint8_t has[1 << 15] = { 0 }; /* by number, from 1 on */
    cursor c = l->associations, properties = l->properties;
    int found = 0;
    uint32_t box, number;
    uint64_t entries, n;
    if (!c.file || !properties.file) return 0;
    for (entries = take(&c, 4); entries && !c.bad && !found; entries--) {
        found = take(&c, l->association_version ? 4 : 2) == id;
        for (n = take(&c, 1); n; n--) {
            number = (uint32_t)(l->association_flags & 1 ? take(&c, 2) & 0x7fff : take(&c, 1) & 0x7f);
            if (found) has[number] = 1;
        }
    }
    for (number = 1; number < sizeof has && next_box(&properties, &box, out); number++)
        if (box == type && has[number]) return 1;
    return 0;
}

static gmlp_result use_tone_map(const lists *l, size_t size, uint32_t id, heif_parts *out, gmlp_error *err) {
    const uint8_t *file = l->infos.file;
    const char *fault;
    size_t at;
    slice block;
    cursor color;
    gmlp_result r;
    if (!find_bytes(l, size, id, &block) || !block.n)
        return parse_failed(err, GMLP_E_FORMAT, l->infos.at, "the tone-mapped item's bytes are not there");
    at = xmp_offset(file, block);
    if (*block.p) return parse_failed(err, GMLP_E_NEWER, at, "the tone-mapped item asks for a newer reader");
    r = metadata_of_iso(file, at + 1, at + block.n, &out->metadata, err);
    if (r != GMLP_OK) return r;
    if ((fault = metadata_fault(&out->metadata)) != NULL) return parse_failed(err, GMLP_E_FIELD, at, fault);
    if (find_property(l, id, FOUR('c', 'o', 'l', 'r'), &color) && take(&color, 4) == FOUR('n', 'c', 'l', 'x'))
        out->primaries = (int)take(&color, 2);
    return GMLP_OK;
}

static int is_apple_map(const lists *l, uint32_t id) {
    cursor c;
    slice type;
    if (!find_property(l, id, FOUR('a', 'u', 'x', 'C'), &c)) return 0;
    skip(&c, 4);
    type.p = (const char *)(const void *)(c.file + c.at);
    type.n = c.end - c.at;
    return slice_starts(type, APPLE_MAP_TYPE);
}

static void find_packet(const lists *l, size_t size, uint32_t id, slice *out) {
    cursor references = l->references;
    reference r;
    slice packet;
    int tries = TRIES;
    while (tries && next_reference(l, &references, FOUR('c', 'd', 's', 'c'), &r))
        if (r.to[0] == id && tries-- && find_bytes(l, size, r.from, &packet) && slice_contains(packet, APPLE_MAP_URI)) {
            *out = packet;
            return;
        }
}

gmlp_result heif_parse(const void *bytes, size_t size, heif_parts *out, gmlp_error *err) {
    const char *const none = "the file has no gain map: neither a tone-mapped item nor an auxiliary picture is one";
    int tries = TRIES;
    cursor references;
    reference ref;
    gmlp_result r;
    lists l;
    item i;
    memset(out, 0, sizeof *out);
    if (!read_lists((const uint8_t *)bytes, size, &l)) return parse_failed(err, GMLP_E_NOT_FOUND, 0, none);
    references = l.references;
    while (!out->map && tries && next_reference(&l, &references, FOUR('d', 'i', 'm', 'g'), &ref))
        if (ref.to[0] == l.primary && ref.count == 2 && tries-- && find_item(&l, ref.from, &i) &&
            i.type == FOUR('t', 'm', 'a', 'p')) {
            out->map = ref.to[1];
            if ((r = use_tone_map(&l, size, ref.from, out, err)) != GMLP_OK) {
                memset(out, 0, sizeof *out);
                return r;
            }
        }
    references = l.references;
    tries = TRIES;
    while (!out->map && tries && next_reference(&l, &references, FOUR('a', 'u', 'x', 'l'), &ref))
        if (ref.to[0] == l.primary && tries-- && is_apple_map(&l, ref.from)) {
            out->map = ref.from;
            out->metadata.apple = 1;
            find_packet(&l, size, ref.from, &out->packet);
        }
    if (!out->map) return parse_failed(err, GMLP_E_NOT_FOUND, 0, none);
    if (!find_item(&l, out->map, &i)) {
        memset(out, 0, sizeof *out);
        return parse_failed(err, GMLP_E_FORMAT, l.infos.at, "the gain map's item is not there");
    }
    out->hidden = i.hidden;
    out->first = l.first;
    out->first_size = l.first_size;
    return GMLP_OK;
}

uint8_t *heif_of_map(const void *file, size_t size, const heif_parts *parts) {
    uint8_t *copy = (uint8_t *)malloc(size);
    size_t i;
    if (!copy) return NULL;
    memcpy(copy, file, size);
    for (i = 0; i < parts->first_size; i++)
        copy[parts->first + i] = (uint8_t)(parts->map >> 8 * (parts->first_size - 1 - i));
    copy[parts->hidden] &= 0xfe;
    return copy;
}
