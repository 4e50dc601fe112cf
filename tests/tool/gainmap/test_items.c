/* Gain maps in HEIC and AVIF files. Their boxes are put together here, as ISO/IEC 14496-12 and 23008-12 describe them,
   from two pictures of libheif's encoders, whose own files hold one each. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gainmap/items.h"
#include "gainmap/ultrahdr.h"
#include "made_apple.h"
#include <cmocka.h>

#define NEAR(a, b, tolerance) do { \
        const double a_ = (a), b_ = (b); \
        if (!(fabs(a_ - b_) <= (tolerance))) fail_msg("line %d: %.9g, not %.9g", __LINE__, a_, b_); \
    } while (0)

typedef struct box_bytes {
    uint8_t p[70000];
    size_t n;
} box_bytes;

static void add(box_bytes *b, const void *p, size_t n) {
    assert_true(n <= sizeof b->p - b->n);
    if (n) memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void number(box_bytes *b, uint64_t v, size_t size) {
    uint8_t p[8];
    size_t i;
    for (i = 0; i < size; i++) p[i] = (uint8_t)(v >> 8 * (size - 1 - i));
    add(b, p, size);
}

static void set(box_bytes *b, size_t at, uint64_t v) {
    int i;
    for (i = 0; i < 4; i++) b->p[at + (size_t)i] = (uint8_t)(v >> (24 - 8 * i));
}

static size_t begin(box_bytes *b, const char *type) {
    number(b, 0, 4);
    add(b, type, 4);
    return b->n - 8;
}

static size_t begin_full(box_bytes *b, const char *type, int version, int flags) {
    const size_t at = begin(b, type);
    number(b, (uint64_t)version << 24 | (uint64_t)flags, 4);
    return at;
}

static void end(box_bytes *b, size_t at) { set(b, at, b->n - at); }

/* What an item has: its picture's properties, whole boxes; its bytes. */
typedef struct picture_item {
    const char *type;
    box_bytes properties, data;
    int property_count;
} picture_item;

typedef struct layout {
    const char *brand;
    const picture_item *base, *map;
    const uint8_t *block; /* of the tone-mapped item; NULL: the map is an auxiliary picture of Apple's kind */
    size_t block_size;
    const char *packet;
    const uint8_t *exif; /* of the base */
    size_t exif_size;
    int primaries;       /* of the tone-mapped item; 0: not said */
    int wide;            /* ids of four bytes, the newer versions of boxes */
    int in_meta;         /* where the block lies, not in the file's "mdat" */
} layout;

enum { BASE = 1, MAP, TONE, EXIF, PACKET };

static void put_info(box_bytes *b, const layout *r, int id, const char *type, const char *content, int hidden) {
    const size_t at = begin_full(b, "infe", r->wide ? 3 : 2, hidden);
    number(b, (uint64_t)id, r->wide ? 4 : 2);
    number(b, 0, 2);
    add(b, type, 4);
    number(b, 0, 1);
    if (content) add(b, content, strlen(content) + 1);
    end(b, at);
}

static void put_reference(box_bytes *b, const layout *r, const char *type, int from, int to, int also) {
    const size_t at = begin(b, type), id = r->wide ? 4 : 2;
    number(b, (uint64_t)from, id);
    number(b, also ? 2 : 1, 2);
    number(b, (uint64_t)to, id);
    if (also) number(b, (uint64_t)also, id);
    end(b, at);
}

static void put_associations(box_bytes *b, const layout *r, int id, int first, int count) {
    int i;
    number(b, (uint64_t)id, r->wide ? 4 : 2);
    number(b, (uint64_t)count, 1);
    for (i = 0; i < count; i++) number(b, (uint64_t)(first + i) | (r->wide ? 0x8000 : 0x80), r->wide ? 2 : 1);
}

static void put_location(box_bytes *b, const layout *r, int id, int in_meta, size_t *offset_at, size_t size) {
    number(b, (uint64_t)id, r->wide ? 4 : 2);
    if (r->wide || r->in_meta) number(b, (uint64_t)in_meta, 2);
    number(b, 0, 2);
    number(b, 1, 2);
    *offset_at = b->n;
    number(b, 0, 4);
    number(b, size, 4);
}

static void put_properties(box_bytes *b, const layout *r) {
    const size_t at = begin(b, "iprp");
    size_t inner = begin(b, "ipco");
    const int more = r->block ? r->primaries != 0 : 1;
    int count;
    add(b, r->base->properties.p, r->base->properties.n);
    add(b, r->map->properties.p, r->map->properties.n);
    count = r->base->property_count + r->map->property_count;
    if (r->block && r->primaries) {
        const size_t color = begin(b, "colr");
        add(b, "nclx", 4);
        number(b, (uint64_t)r->primaries, 2);
        number(b, 16, 2);
        number(b, 0, 2);
        number(b, 0x80, 1);
        end(b, color);
    } else if (!r->block) {
        const size_t kind = begin_full(b, "auxC", 0, 0);
        add(b, "urn:com:apple:photo:2020:aux:hdrgainmap", 40);
        end(b, kind);
    }
    end(b, inner);
    inner = begin_full(b, "ipma", r->wide ? 1 : 0, r->wide ? 1 : 0);
    number(b, r->block ? 3 : 2, 4);
    put_associations(b, r, BASE, 1, r->base->property_count);
    put_associations(b, r, MAP, r->base->property_count + 1, r->map->property_count + (r->block ? 0 : 1));
    if (r->block) put_associations(b, r, TONE, count + 1, more);
    end(b, inner);
    end(b, at);
}

static box_bytes put_together(const layout *r) {
    const size_t data_size[6] = { 0, r->base->data.n, r->map->data.n, r->block_size, r->exif_size + 4,
                                  r->packet ? strlen(r->packet) : 0 };
    const void *const data[6] = { NULL, r->base->data.p, r->map->data.p, r->block, r->exif, r->packet };
    const int has[6] = { 0, 1, 1, r->block != NULL, r->exif != NULL, r->packet != NULL };
    size_t offset_at[6] = { 0 }, meta, at, in_meta = 0;
    box_bytes b = { { 0 }, 0 };
    int id, count = 0;
    for (id = BASE; id <= PACKET; id++) count += has[id];
    at = begin(&b, "ftyp");
    add(&b, r->brand, 4);
    number(&b, 0, 4);
    add(&b, "mif1miaf", 8);
    add(&b, r->brand, 4);
    end(&b, at);
    meta = begin_full(&b, "meta", 0, 0);
    at = begin_full(&b, "hdlr", 0, 0);
    number(&b, 0, 4);
    add(&b, "pict\0\0\0\0\0\0\0\0\0\0\0\0", 17);
    end(&b, at);
    at = begin_full(&b, "pitm", r->wide ? 1 : 0, 0);
    number(&b, BASE, r->wide ? 4 : 2);
    end(&b, at);
    at = begin_full(&b, "iinf", r->wide ? 1 : 0, 0);
    number(&b, (uint64_t)count, r->wide ? 4 : 2);
    put_info(&b, r, BASE, r->base->type, NULL, 0);
    put_info(&b, r, MAP, r->map->type, NULL, 1);
    if (r->block) put_info(&b, r, TONE, "tmap", NULL, 0);
    if (r->exif) put_info(&b, r, EXIF, "Exif", NULL, 0);
    if (r->packet) put_info(&b, r, PACKET, "mime", "application/rdf+xml", 0);
    end(&b, at);
    at = begin_full(&b, "iref", r->wide ? 1 : 0, 0);
    if (r->block) put_reference(&b, r, "dimg", TONE, BASE, MAP);
    else put_reference(&b, r, "auxl", MAP, BASE, 0);
    if (r->exif) put_reference(&b, r, "cdsc", EXIF, BASE, 0);
    if (r->packet) put_reference(&b, r, "cdsc", PACKET, MAP, 0);
    end(&b, at);
    put_properties(&b, r);
    at = begin_full(&b, "iloc", r->wide ? 2 : r->in_meta ? 1 : 0, 0);
    number(&b, 0x4400, 2);
    number(&b, (uint64_t)count, r->wide ? 4 : 2);
    for (id = BASE; id <= PACKET; id++)
        if (has[id]) put_location(&b, r, id, id == TONE && r->in_meta, &offset_at[id], data_size[id]);
    end(&b, at);
    if (r->in_meta) {
        at = begin(&b, "idat");
        number(&b, 7, 1); /* the block does not come first */
        in_meta = b.n - 8 - at;
        add(&b, r->block, r->block_size);
        end(&b, at);
    }
    end(&b, meta);
    at = begin(&b, "mdat");
    for (id = BASE; id <= PACKET; id++) {
        if (!has[id]) continue;
        set(&b, offset_at[id], id == TONE && r->in_meta ? in_meta : b.n);
        if (id == TONE && r->in_meta) continue;
        if (id == EXIF) number(&b, 0, 4);
        add(&b, data[id], id == EXIF ? r->exif_size : data_size[id]);
    }
    end(&b, at);
    return b;
}

/* ISO 21496-1 behind the item's version: one channel; the base's headroom 0, the alternate's 2; gain -1/2 to 3/2, gamma
   2, offsets 1/4 and 1/8. flags: 0x40, the base's primaries. */
static void iso_block(box_bytes *b, int flags) {
    static const int n[7][2] = { { 0, 1 }, { 2, 1 }, { -1, 2 }, { 3, 2 }, { 2, 1 }, { 1, 4 }, { 1, 8 } };
    int i;
    b->n = 0;
    number(b, 0, 5);
    number(b, (uint64_t)flags, 1);
    for (i = 0; i < 7; i++) {
        number(b, (uint64_t)(int64_t)n[i][0], 4);
        number(b, (uint64_t)n[i][1], 4);
    }
}

/* Where no pixel is asked for. */
static picture_item stub(void) {
    picture_item p = { "av01", { { 0 }, 0 }, { { 0 }, 0 }, 1 };
    const size_t at = begin_full(&p.properties, "ispe", 0, 0);
    number(&p.properties, 8, 4);
    number(&p.properties, 8, 4);
    end(&p.properties, at);
    add(&p.data, "pixels", 6);
    return p;
}

static layout tone_mapped(const picture_item *base, const picture_item *map, const box_bytes *block) {
    layout r = { "avif", NULL, NULL, NULL, 0, NULL, NULL, 0, 0, 0, 0 };
    r.base = base;
    r.map = map;
    r.block = block ? block->p : NULL;
    r.block_size = block ? block->n : 0;
    return r;
}

static void finds_a_tone_map(void **state) {
    picture_item item = stub();
    box_bytes block = { { 0 }, 0 }, b;
    layout r;
    heif_parts parts;
    gmlp_error err;
    uint8_t *copy;
    int wide, in_meta;
    size_t i;
    (void)state;
    iso_block(&block, 0);
    r = tone_mapped(&item, &item, &block);
    r.primaries = 9;
    for (wide = 0; wide < 2; wide++)
        for (in_meta = 0; in_meta < 2; in_meta++) {
            size_t differ = 0;
            r.wide = wide;
            r.in_meta = in_meta;
            b = put_together(&r);
            if (heif_parse(b.p, b.n, &parts, &err)) fail_msg("%d %d: %s", wide, in_meta, err.text);
            assert_int_equal(parts.map, MAP);
            assert_int_equal(parts.metadata.apple, 0);
            assert_int_equal(parts.metadata.map_space, 1);
            assert_int_equal(parts.primaries, 9);
            NEAR(parts.metadata.gain_min[2], -0.5, 0);
            NEAR(parts.metadata.offset_alternate[1], 0.125, 0);
            copy = heif_of_map(b.p, b.n, &parts);
            assert_non_null(copy);
            for (i = 0; i < b.n; i++) differ += copy[i] != b.p[i];
            assert_int_equal(differ, 2); /* which item is the picture, and that it is hidden */
            free(copy);
        }
}

static void finds_apples(void **state) {
    picture_item item = stub();
    layout r = tone_mapped(&item, &item, NULL);
    heif_parts parts;
    gmlp_error err;
    box_bytes b;
    (void)state;
    r.packet = "<x " APPLE_NAMESPACES "/>";
    for (r.wide = 0; r.wide < 2; r.wide++) {
        b = put_together(&r);
        if (heif_parse(b.p, b.n, &parts, &err)) fail_msg("%d: %s", r.wide, err.text);
        assert_int_equal(parts.map, MAP);
        assert_int_equal(parts.metadata.apple, 1);
        assert_int_equal(parts.packet.n, strlen(r.packet));
        assert_memory_equal(parts.packet.p, r.packet, parts.packet.n);
    }
}

static void says_what_is_wrong(void **state) {
    static const struct {
        size_t at; /* in the block */
        int value;
        gmlp_result result;
        const char *text;
    } cases[] = { { 0, 1, GMLP_E_NEWER, "the tone-mapped item asks for a newer reader" },
                  { 2, 1, GMLP_E_NEWER, "the ISO 21496-1 block asks for a newer reader" },
                  { 13, 0, GMLP_E_FIELD, "zero denominator" },
                  { 41, 0, GMLP_E_FIELD, "gamma is not between" } };
    picture_item item = stub();
    box_bytes block = { { 0 }, 0 }, b;
    layout r;
    heif_parts parts;
    gmlp_error err;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        iso_block(&block, 0x40);
        block.p[cases[i].at] = (uint8_t)cases[i].value;
        r = tone_mapped(&item, &item, &block);
        b = put_together(&r);
        assert_int_equal(heif_parse(b.p, b.n, &parts, &err), cases[i].result);
        if (!strstr(err.text, cases[i].text)) fail_msg("'%s' does not say '%s'", err.text, cases[i].text);
        assert_int_equal(parts.map, 0);
    }
    iso_block(&block, 0x40);
    block.n = 20;
    r = tone_mapped(&item, &item, &block);
    b = put_together(&r);
    assert_int_equal(heif_parse(b.p, b.n, &parts, &err), GMLP_E_TRUNCATED);
    assert_int_equal(heif_parse("\0\0\0\030ftypheic\0\0\0\0mif1heic", 24, &parts, &err), GMLP_E_NOT_FOUND);
    if (!strstr(err.text, "the file has no gain map")) fail_msg("%s", err.text);
}

/* Every prefix, in memory of its own, and every byte changed: the sanitizers see what is read beyond. */
static void lives_through_damage(void **state) {
    picture_item item = stub();
    box_bytes block = { { 0 }, 0 };
    layout r[2];
    int k;
    (void)state;
    iso_block(&block, 0);
    r[0] = tone_mapped(&item, &item, &block);
    r[0].in_meta = r[0].primaries = 1;
    r[1] = tone_mapped(&item, &item, NULL);
    r[1].packet = "<x " APPLE_NAMESPACES "/>";
    r[1].wide = 1;
    for (k = 0; k < 2; k++) {
        box_bytes b = put_together(&r[k]);
        size_t i, j;
        for (i = 0; i <= b.n; i++) {
            uint8_t *exact = (uint8_t *)malloc(i ? i : 1);
            heif_parts parts;
            gmlp_error err;
            assert_non_null(exact);
            memcpy(exact, b.p, i);
            for (j = 0; j < 3; j++) {
                if (j && i < b.n) break;
                if (heif_parse(exact, i, &parts, &err) == GMLP_OK) {
                    assert_true(parts.hidden < i && parts.first + parts.first_size <= i);
                    free(heif_of_map(exact, i, &parts));
                }
            }
            free(exact);
        }
        for (i = 0; i < b.n; i++) {
            const uint8_t was = b.p[i];
            heif_parts parts;
            for (j = 0; j < 3; j++) {
                b.p[i] = (uint8_t)(j == 0 ? 0xff : j == 1 ? 0 : was ^ 1);
                if (heif_parse(b.p, b.n, &parts, NULL) == GMLP_OK)
                    assert_true(parts.hidden < b.n && parts.first + parts.first_size <= b.n);
            }
            b.p[i] = was;
        }
    }
}

#ifdef __has_include
#if __has_include(<libheif/heif.h>)
#define HEIF_FOUND
#endif
#endif

#ifdef HEIF_FOUND

#include "tests/tool/pictures/made_heif.h"

/* The first box of that type, whole. */
static const uint8_t *box_in(const bytes *file, const char *type, size_t *size) {
    size_t i;
    for (i = 4; i + 4 <= file->size; i++)
        if (!memcmp(file->data + i, type, 4)) {
            const uint8_t *p = file->data + i - 4;
            *size = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
            if (*size >= 8 && *size <= file->size - (i - 4)) return p;
        }
    fail_msg("no %s in libheif's file", type);
    return NULL;
}

/* 0: there is no encoder. */
static int encode(enum heif_compression_format format, const int colours[4][3], picture_item *out) {
    const char *const boxes[] = { "ispe", format == heif_compression_HEVC ? "hvcC" : "av1C", "colr" };
    static bytes file;
    const uint8_t *box;
    recipe r;
    size_t size, i;
    memset(out, 0, sizeof *out);
    memset(&r, 0, sizeof r);
    r.format = format;
    r.bits = 8;
    r.primaries = 12; /* P3 */
    r.transfer = 13;
    r.colours = colours;
    if (!make(&r, &file)) return 0;
    out->type = format == heif_compression_HEVC ? "hvc1" : "av01";
    for (i = 0; i < sizeof boxes / sizeof *boxes; i++) {
        box = box_in(&file, boxes[i], &size);
        add(&out->properties, box, size);
        out->property_count++;
    }
    box = box_in(&file, "mdat", &size);
    add(&out->data, box + 8, size - 8);
    return 1;
}

static const int base_squares[4][3] = { { 200, 100, 50 }, { 90, 90, 90 }, { 30, 60, 200 }, { 255, 255, 255 } };
static const int map_squares[4][3] = { { 0, 0, 0 }, { 64, 64, 64 }, { 128, 128, 128 }, { 255, 255, 255 } };

static double light(double v) { return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4); }

static void reads_pictures(void **state) {
    static const enum heif_compression_format formats[2] = { heif_compression_HEVC, heif_compression_AV1 };
    static const char *packet = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
                                "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description " APPLE_NAMESPACES
                                " HDRGainMap:HDRGainMapHeadroom='4'/></rdf:RDF></x:xmpmeta>";
    enum { TONE_MAP, BY_PACKET, BY_NOTE, KINDS };
    static picture_item base, map;
    static box_bytes b;
    box_bytes block = { { 0 }, 0 };
    uint8_t exif[APPLE_EXIF_MOST];
    const size_t exif_size = apple_exif(0.999, 0, exif); /* 1.8 stops */
    int i, kind, k, c;
    (void)state;
    iso_block(&block, 0x40);
    for (i = 0; i < 2; i++) {
        if (!encode(formats[i], base_squares, &base) || !encode(formats[i], map_squares, &map)) continue;
        for (kind = 0; kind < KINDS; kind++) {
            layout r = tone_mapped(&base, &map, kind == TONE_MAP ? &block : NULL);
            ultrahdr_picture u;
            char error[256];
            if (formats[i] == heif_compression_HEVC) r.brand = "heic";
            if (kind == BY_PACKET) r.packet = packet;
            if (kind == BY_NOTE) {
                r.exif = exif;
                r.exif_size = exif_size;
            }
            b = put_together(&r);
            if (ultrahdr_read_memory(b.p, b.n, "x", INFINITY, &u, error))
                fail_msg("%s, kind %d: %s", r.brand, kind, error);
            assert_int_equal(u.hdr.space, GMLP_P3_LINEAR);
            assert_int_equal(u.map_width, 64);
            for (k = 0; k < 4; k++)
                for (c = 0; c < 3; c++) {
                    const size_t at = (size_t)(16 + k / 2 * 32) * 64 + (size_t)(16 + k % 2 * 32);
                    const double code = base_squares[k][c] / 255.0, g = map_squares[k][c] / 255.0;
                    const double headroom = kind == BY_PACKET ? 4 : pow(2, 1.8);
                    const double expected = kind == TONE_MAP ? (light(code) + 0.25) * pow(2, -0.5 + 2 * sqrt(g)) - 0.125
                                                             : light(code) * (1 + (headroom - 1) * apple_light(g));
                    NEAR((double)((float *)u.hdr.data)[3 * at + (size_t)c], expected, 0.005 + 0.03 * expected);
                }
            ultrahdr_free(&u);
        }
        {   /* of primaries that are not known, and of Apple's kind without a headroom */
            layout r;
            ultrahdr_picture u;
            char error[256];
            block.p[5] = 0;
            r = tone_mapped(&base, &map, &block);
            b = put_together(&r);
            assert_int_equal(ultrahdr_read_memory(b.p, b.n, "x", INFINITY, &u, error), -1);
            if (!strstr(error, "in a colour space that is not known")) fail_msg("%s", error);
            r.primaries = 9;
            b = put_together(&r);
            if (ultrahdr_read_memory(b.p, b.n, "x", INFINITY, &u, error)) fail_msg("%s", error);
            assert_int_equal(u.hdr.space, GMLP_REC2020_LINEAR);
            ultrahdr_free(&u);
            block.p[5] = 0x40;
            r = tone_mapped(&base, &map, NULL);
            b = put_together(&r);
            assert_int_equal(ultrahdr_read_memory(b.p, b.n, "x", INFINITY, &u, error), -1);
            if (!strstr(error, "nor the camera's note says the headroom")) fail_msg("%s", error);
        }
    }
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_tone_map),
        cmocka_unit_test(finds_apples),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(lives_through_damage),
#ifdef HEIF_FOUND
        cmocka_unit_test(reads_pictures),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
