/* Ultra HDR files from strangers, and strangers' pictures joined to one. */
#include <math.h>

#include "gainmap/container.h"

enum { BY_INDEX, BY_DIRECTORY, OF_ISO, OF_XMP, OF_APPLE, PART, JOINED, AS_MAP, KINDS };
static const char *const kinds[KINDS] = {
    "by MPF", "by GContainer", "ISO 21496-1", "hdrgm", "Apple's", "part", "base of another", "map of another"
};
#include "fuzz.h"
#include "mutate.h"

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

/* A packet without this or that: what is left has nothing more to go. */
static void use_packets(const uint8_t *data, size_t size) {
    segment s;
    int without;
    if (segment_first(data, 0, size, &s, NULL) != GMLP_OK) return;
    while (segment_next(data, size, &s, NULL) == GMLP_OK && s.marker != SOS) {
        if (!IS_XMP(data, &s)) continue;
        without = (int)(s.end % 8);
        do {
            buffer once = { NULL, 0, 0, 0 }, twice = { NULL, 0, 0, 0 };
            slice left;
            ultrahdr_packet(&once, xmp_packet_of(data, &s), without);
            left.p = (const char *)(const void *)once.p;
            left.n = once.n;
            if (left.n) ultrahdr_packet(&twice, left, without);
            if (left.n) xmp_has_properties(left);
            CHECK(!once.failed && !twice.failed && twice.n == once.n && (!once.n || !memcmp(once.p, twice.p, once.n)));
            free(once.p);
            free(twice.p);
        } while (!fuzzing && (without = (without + 1) % 8) != (int)(s.end % 8));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ultrahdr_metadata m;
    ultrahdr_parts parts;
    int c;
    memset(&m, 0, sizeof m);
    for (c = 0; c < 3; c++) m.gain_max[c] = m.gamma[c] = 1 + c / 3.0;
    m.headroom_alternate = 2;
    if (parse(data, size, &parts) == GMLP_OK) {
        reached[parts.map_from[0] == 'M' ? BY_INDEX : BY_DIRECTORY]++;
        reached[parts.metadata_from[0] == 'I' ? OF_ISO : parts.metadata_from[0] == 'X' ? OF_XMP : OF_APPLE]++;
        m = parts.metadata;
        m.map_space = m.apple = 0;
        use_joined(plain, sizeof plain, plain, sizeof plain, &m);
        use_joined(data, parts.base_size, plain, sizeof plain, &m);
    }
    use_part(data, size, &m);
    use_packets(data, size);
    reached[JOINED] += (unsigned long)use_joined(data, size, plain, sizeof plain, &m);
    reached[AS_MAP] += (unsigned long)use_joined(plain, sizeof plain, data, size, &m);
    return 0;
}

/* The segments of the pictures in a file, and where each picture ends. */
enum { SEGMENTS = 64, PICTURES = 3 };
typedef struct layout {
    segment segments[SEGMENTS];
    size_t count, ends[PICTURES], pictures;
} layout;

static layout layout_of(const uint8_t *data, size_t size) {
    layout l;
    size_t at = 0;
    memset(&l, 0, sizeof l);
    while (l.pictures < PICTURES) {
        segment s;
        if (segment_first(data, at, size, &s, NULL) != GMLP_OK) break;
        while (segment_next(data, size, &s, NULL) == GMLP_OK && s.marker != SOS)
            if (l.count < SEGMENTS && s.end > s.body) l.segments[l.count++] = s;
        if (s.marker != SOS || segment_picture_end(data, size, &s, &at, NULL) != GMLP_OK) break;
        l.ends[l.pictures++] = at;
    }
    return l;
}

/* The index's entries and the directory's length say what is there: in the same number of bytes, with zeros in front. */
static void mend(uint8_t *data, size_t size) {
    static const char key[] = "Item:Length=\"";
    const layout l = layout_of(data, size);
    size_t i, n;
    if (l.pictures < 2) return;
    for (i = 0; i < l.count && l.segments[i].start < l.ends[0]; i++) {
        const segment *const s = &l.segments[i];
        const size_t length = l.ends[1] - l.ends[0];
        if (IS_MPF(data, s) && s->end - s->body >= 86 && get_be(data + s->body + 4, 4) == 0x4d4d002a) {
            put_be(data + s->body + 58, (uint32_t)l.ends[0], 4);
            put_be(data + s->body + 74, (uint32_t)length, 4);
            put_be(data + s->body + 78, (uint32_t)(l.ends[0] - s->body - 4), 4);
        }
        for (n = s->body; IS_XMP(data, s) && n + sizeof key < s->end; n++) {
            size_t digits = n += !memcmp(data + n, key, sizeof key - 1) ? sizeof key - 1 : 0, left = length;
            while (digits < s->end && data[digits] >= '0' && data[digits] <= '9') digits++;
            if (n > s->body && data[n - 1] == '"')
                while (digits-- > n) data[digits] = (uint8_t)('0' + left % 10), left /= 10;
        }
    }
}

/* One segment changes, comes twice, goes or moves; then lengths and the index are made right. */
static size_t change(uint8_t *data, size_t size, size_t most, unsigned seed) {
    static const char *const pieces[] = {
        " hdrgm:GainMapMin=\"", " hdrgm:GainMapMax=\"1\"", " hdrgm:Gamma=\"", "<hdrgm:GainMapMax><rdf:Seq>", "<rdf:li>1</rdf:li>",
        "</rdf:Seq></hdrgm:GainMapMax>", " hdrgm:HDRCapacityMin=\"", " hdrgm:HDRCapacityMax=\"3\"", " hdrgm:OffsetSDR=\"0\"",
        " hdrgm:Version=\"1.0\"", " hdrgm:BaseRenditionIsHDR=\"True\"", " xmlns:hdrgm=\"" HDRGM_URI "\"", " xmlns:Item=\"" ITEM_URI "\"",
        " xmlns:Container=\"" CONTAINER_URI "\"", "<Container:Directory><rdf:Seq>", "<rdf:li rdf:parseType=\"Resource\">", "</rdf:li>",
        "<Container:Item Item:Semantic=\"GainMap\" Item:Length=\"", " Item:Padding=\"1\"", "</Container:Directory>", APPLE_MAP_TYPE,
        " xmlns:HDRGainMap=\"" APPLE_MAP_URI "\"", " HDRGainMap:HDRGainMapHeadroom=\"2\"", "<rdf:Description ", "</rdf:RDF>", "/>", "\"", ">",
        "<!--", "-->", "<![CDATA[", "]]>", "'", "xmpNote:HasExtendedXMP=\"", " xmlns:xmpNote=\"http://ns.adobe.com/xmp/note/\"",
        " xmlns:GCamera=\"http://ns.google.com/photos/1.0/camera/\"", " GCamera:MotionPhoto=\"1\"", "=", "0", "9", "1e9", "-", "\377\331"
    };
    const layout l = layout_of(data, size);
    const segment *s;
    uint8_t bytes[1024];
    size_t at, n, next = 0;
    draw_from(seed);
    if (!l.count || !draw(16)) {
        size = mutate(data, size, most);
        if (draw(8)) mend(data, size);
        return size;
    }
    s = &l.segments[draw((uint32_t)l.count)];
    n = s->end - s->body;
    at = s->body + draw((uint32_t)n + 1);
    switch (draw(8)) {
    case 0: case 1: case 2: { /* a piece of text; over what is there, or between */
        const char *piece = pieces[draw(sizeof pieces / sizeof *pieces)];
        const size_t length = strlen(piece), over = draw(2) && length <= s->end - at ? length : 0;
        next = splice(data, size, most, at, over, piece, length);
        n += length - over;
        break;
    }
    case 3: { /* fewer bytes */
        const size_t cut = 1 + draw(draw(2) ? 4 : 60);
        if (cut > s->end - at) break;
        next = splice(data, size, most, at, cut, NULL, 0);
        n -= cut;
        break;
    }
    case 4: case 5: { /* any bytes */
        const size_t from = n > sizeof bytes / 2 ? at : s->body, room = s->end - from, length = room < 512 ? room : 512;
        size_t now;
        memcpy(bytes, data + from, length);
        now = mutate(bytes, length, sizeof bytes);
        next = splice(data, size, most, from, length, bytes, now);
        n += now - length;
        break;
    }
    case 6: /* twice, here or elsewhere */
    default: { /* or no more */
        const segment other = l.segments[draw((uint32_t)l.count)];
        const size_t whole = s->end - s->start, to = draw(2) ? other.start : s->end;
        uint8_t *copy = (uint8_t *)malloc(whole);
        CHECK(copy);
        memcpy(copy, data + s->start, whole);
        if (draw(2)) next = splice(data, size, most, to, 0, copy, whole);
        else next = splice(data, size, most, s->start, whole, NULL, 0);
        free(copy);
        if (next && draw(16)) mend(data, next);
        return next ? next : mutate(data, size, most);
    }
    }
    if (!next) return mutate(data, size, most);
    if (n + 2 <= 65535) put_be(data + s->body - 2, (uint32_t)n + 2, 2);
    if (draw(16)) mend(data, next);
    return next;
}
