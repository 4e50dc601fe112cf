/* Ultra HDR: hand-made files with hand-worked positions, metadata and gains; damaged ones; there and back; and, where
   the photographs are, libultrahdr's rendition of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gainmap/ultrahdr.h"
#include "made_apple.h"
#include "pictures/formats.h"
#include <cmocka.h>

#define NEAR(a, b, tolerance) do { \
        const double a_ = (a), b_ = (b); \
        if (!(fabs(a_ - b_) <= (tolerance))) fail_msg("line %d: %.9g, not %.9g", __LINE__, a_, b_); \
    } while (0)

/* Files that are a JPEG picture as far as the container looks. */

typedef struct bytes {
    uint8_t p[70000];
    size_t n;
} bytes;

static void add(bytes *b, const void *p, size_t n) {
    assert_true(n <= sizeof b->p - b->n);
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void add_segment(bytes *b, int marker, const void *p, size_t n) {
    const uint8_t head[4] = { 0xff, (uint8_t)marker, (uint8_t)((n + 2) >> 8), (uint8_t)(n + 2) };
    add(b, head, 4);
    add(b, p, n);
}

#define XMP_ID "http://ns.adobe.com/xap/1.0/"
#define ISO_ID "urn:iso:std:iso:ts:21496:-1"
#define HDRGM "http://ns.adobe.com/hdr-gain-map/1.0/"

static void add_named(bytes *b, int marker, const char *id, const void *p, size_t n) {
    bytes body = { { 0 }, 0 };
    add(&body, id, strlen(id) + 1);
    add(&body, p, n);
    add_segment(b, marker, body.p, body.n);
}

static void add_xmp(bytes *b, const char *attributes, const char *content) {
    char text[4000];
    const int n = snprintf(text, sizeof text, "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
        "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description %s>%s</rdf:Description></rdf:RDF></x:xmpmeta>",
        attributes, content);
    add_named(b, 0xe1, XMP_ID, text, (size_t)n);
}

static void add_begin(bytes *b) { add(b, "\xff\xd8", 2); }
/* A quantisation table, two scans with a table between them, stuffed and restart bytes: 26 bytes. */
static void add_end(bytes *b) {
    add(b, "\xff\xdb\0\3x\xff\xda\0\2ab\xff\0c\xff\xd0\xff\xc4\0\2\xff\xda\0\2\xff\xd9", 26);
}

#define HDRGM_PLAIN "xmlns:hdrgm='" HDRGM "' hdrgm:Version='1.0' hdrgm:GainMapMax='2.5' hdrgm:HDRCapacityMax='3'"

static void add_map(bytes *b) {
    add_begin(b);
    add_xmp(b, HDRGM_PLAIN, "");
    add_end(b);
}

/* One picture with a GContainer directory, and behind it what else there is. */
static void add_contained(bytes *b, const char *items) {
    add_begin(b);
    add_xmp(b, "xmlns:C='http://ns.google.com/photos/1.0/container/' xmlns:I='http://ns.google.com/photos/1.0/container/item/'", items);
    add_end(b);
}

static void refuse(const bytes *b, gmlp_result result, const char *text) {
    ultrahdr_parts parts;
    gmlp_error err = { GMLP_OK, 0, NULL };
    const gmlp_result r = ultrahdr_parse(b->p, b->n, &parts, &err);
    if (r != result || err.result != r || err.offset > b->n || !err.text || !strstr(err.text, text))
        fail_msg("%d at %lu: %s; not %d: %s", r, (unsigned long)err.offset, err.text ? err.text : "no text", result, text);
}

static ultrahdr_parts accept(const bytes *b) {
    ultrahdr_parts parts;
    gmlp_error err = { GMLP_OK, 0, "no text" };
    if (ultrahdr_parse(b->p, b->n, &parts, &err)) fail_msg("at %lu: %s", (unsigned long)err.offset, err.text);
    return parts;
}

/* The file: SOI 0..1, APP2 2..., "II" or "MM" at 10 = 0x0a, its 82 bytes to 91, the base's rest to 117, the map from 118 on. */
static const uint8_t mpf_little[] = { 'M', 'P', 'F', 0, 'I', 'I', '*', 0, 8, 0, 0, 0, 3, 0,
    0, 0xb0, 7, 0, 4, 0, 0, 0, '0', '1', '0', '0',  1, 0xb0, 4, 0, 1, 0, 0, 0, 2, 0, 0, 0,  2, 0xb0, 7, 0, 32, 0, 0, 0, 50, 0, 0, 0,
    0, 0, 0, 0,  0, 0, 3, 0, 118, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0, 108, 0, 0, 0, 0, 0, 0, 0 };
static const uint8_t mpf_big[] = { 'M', 'P', 'F', 0, 'M', 'M', 0, '*', 0, 0, 0, 8, 0, 3,
    0xb0, 0, 0, 7, 0, 0, 0, 4, '0', '1', '0', '0',  0xb0, 1, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2,  0xb0, 2, 0, 7, 0, 0, 0, 32, 0, 0, 0, 50,
    0, 0, 0, 0,  0, 3, 0, 0, 0, 0, 0, 118, 0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 108, 0, 0, 0, 0 };
enum { MPF_AT = 6, ENTRY_SIZE = MPF_AT + 4 + 70, ENTRY_OFFSET = MPF_AT + 4 + 74 };

static void make_indexed(bytes *b, int big) {
    bytes map = { { 0 }, 0 };
    b->n = 0;
    add_begin(b);
    add_segment(b, 0xe2, big ? mpf_big : mpf_little, 86);
    add_end(b);
    assert_int_equal(b->n, 118);
    add_map(&map);
    add(b, map.p, map.n);
    b->p[ENTRY_SIZE + (big ? 3 : 0)] = (uint8_t)map.n;
    b->p[ENTRY_SIZE + (big ? 2 : 1)] = (uint8_t)(map.n >> 8);
}

static void finds_by_index(void **state) {
    bytes b;
    int big;
    (void)state;
    for (big = 0; big < 2; big++) {
        ultrahdr_parts parts;
        make_indexed(&b, big);
        parts = accept(&b);
        assert_int_equal(parts.base_size, 118);
        assert_int_equal(parts.map_offset, 118);
        assert_int_equal(parts.map_size, b.n - 118);
        assert_string_equal(parts.map_from, "MPF");
        assert_string_equal(parts.metadata_from, "XMP");
        NEAR(parts.metadata.gain_max[2], 2.5, 0);
    }
}

static void finds_by_directory(void **state) {
    bytes b = { { 0 }, 0 }, map = { { 0 }, 0 };
    char items[900];
    ultrahdr_parts parts;
    size_t base;
    (void)state;
    add_map(&map);
    snprintf(items, sizeof items, "<C:Directory><rdf:Seq><rdf:li rdf:parseType='Resource'><C:Item I:Semantic='Primary' I:Padding='3'/></rdf:li>"
        "<rdf:li><C:Item I:Length='5' I:Semantic='Depth'/></rdf:li><rdf:li><C:Item I:Semantic = 'GainMap' I:Length=\"%d\"/></rdf:li>"
        "<rdf:li><C:Item I:Length='7' I:Semantic='MotionPhoto'/></rdf:li></rdf:Seq></C:Directory>", (int)map.n);
    add_contained(&b, items);
    base = b.n;
    add(&b, "pad12345", 8);
    add(&b, map.p, map.n);
    add(&b, "a video", 7);
    parts = accept(&b);
    assert_int_equal(parts.base_size, base);
    assert_int_equal(parts.map_offset, base + 8);
    assert_int_equal(parts.map_size, map.n);
    assert_string_equal(parts.map_from, "GContainer");

    b.n = 0; /* the same with elements, as some tools rewrite attributes, behind another list */
    snprintf(items, sizeof items, "<dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>sky</rdf:li></rdf:Bag></dc:subject><C:Directory><rdf:Seq><rdf:li rdf:parseType='Resource'><C:Item rdf:parseType='Resource'>"
        "<I:Semantic>Primary</I:Semantic><I:Length>12345</I:Length></C:Item></rdf:li><!-- <I:Length>1</I:Length> --><rdf:li rdf:parseType='Resource'>"
        "<C:Item><I:Length> %d\n</I:Length><I:Semantic>GainMap</I:Semantic></C:Item></rdf:li></rdf:Seq></C:Directory>", (int)map.n);
    add_contained(&b, items);
    base = b.n;
    add(&b, map.p, map.n);
    assert_int_equal(accept(&b).map_offset, base);
}

/* One source that is stale or damaged does not stop the search; if all are, the first one's fault is told. */
static void goes_on_searching(void **state) {
    static const char *const faults[3] = { "past the end", "into the base picture", "no JPEG picture where" };
    bytes b, map = { { 0 }, 0 };
    char items[500];
    ultrahdr_parts parts;
    size_t index, map_at;
    int good, i;
    (void)state;
    add_map(&map);
    for (good = 0; good < 2; good++)
        for (i = 0; i < 3; i++) { /* an index with a fault, and a directory */
            b.n = 0;
            add_begin(&b);
            index = b.n;
            add_segment(&b, 0xe2, mpf_big, 86);
            snprintf(items, sizeof items, "<rdf:li><C:Item I:Semantic='Primary'/></rdf:li><rdf:li><C:Item I:Semantic='GainMap' I:Length='%d'/></rdf:li>",
                     good ? (int)map.n : 9999);
            add_xmp(&b, "xmlns:C='http://ns.google.com/photos/1.0/container/' xmlns:I='http://ns.google.com/photos/1.0/container/item/'", items);
            add_end(&b);
            map_at = b.n;
            add(&b, map.p, map.n);
            index += ENTRY_SIZE - 2;
            b.p[index + 3] = 10;
            b.p[index + 4 + 2] = (uint8_t)((map_at + 5 - 10) >> 8); /* no picture begins there */
            b.p[index + 4 + 3] = (uint8_t)(map_at + 5 - 10);
            if (i == 0) b.p[index] = 1;
            if (i == 1) b.p[index + 4 + 2] = 0;
            if (!good) refuse(&b, i == 0 ? GMLP_E_TRUNCATED : i == 1 ? GMLP_E_FIELD : GMLP_E_FORMAT, faults[i]);
            else {
                parts = accept(&b);
                assert_int_equal(parts.map_offset, map_at);
                assert_string_equal(parts.map_from, "GContainer");
            }
        }
    for (i = 0; i < 3; i++) { /* an index of three pictures, the second of which is none, or a preview */
        uint8_t mpf[86 + 16] = { 0 };
        memcpy(mpf, mpf_big, 86);
        mpf[4 + 33] = 3;
        mpf[4 + 45 - 4] = 48;
        b.n = 0;
        add_begin(&b);
        add_segment(&b, 0xe2, mpf, sizeof mpf);
        add_end(&b);
        map_at = b.n;
        if (i < 2) add(&b, "not a picture", 13);
        else {
            add_begin(&b);
            add_end(&b);
        }
        b.p[ENTRY_SIZE + 3] = (uint8_t)(b.n - map_at);
        b.p[ENTRY_OFFSET + 3] = (uint8_t)(map_at - 10);
        map_at = b.n;
        add(&b, map.p, map.n);
        b.p[ENTRY_SIZE + 16 + 2] = (uint8_t)(map.n >> 8);
        b.p[ENTRY_SIZE + 16 + 3] = (uint8_t)map.n;
        b.p[ENTRY_OFFSET + 16 + 3] = (uint8_t)(map_at - 10);
        if (i == 1) {
            b.p[map_at] = 0;
            refuse(&b, GMLP_E_FORMAT, "no JPEG picture where");
            continue;
        }
        parts = accept(&b);
        assert_int_equal(parts.map_offset, map_at);
        assert_string_equal(parts.map_from, "MPF");
    }
}

/* Metadata. */

static void with_map(bytes *b, const bytes *map) {
    char items[400];
    b->n = 0;
    snprintf(items, sizeof items, "<rdf:li><C:Item I:Semantic='Primary'/></rdf:li><rdf:li><C:Item I:Semantic='GainMap' I:Length='%d'/></rdf:li>", (int)map->n);
    add_contained(b, items);
    add(b, map->p, map->n);
}

static void make_xmp(bytes *b, const char *attributes, const char *content) {
    bytes map = { { 0 }, 0 };
    add_begin(&map);
    add_xmp(&map, attributes, content);
    add_end(&map);
    with_map(b, &map);
}

static void make_iso(bytes *b, const uint8_t *block, size_t n, int xmp_too) {
    bytes map = { { 0 }, 0 };
    add_begin(&map);
    if (xmp_too) add_xmp(&map, HDRGM_PLAIN, "");
    add_named(&map, 0xe2, ISO_ID, block, n);
    add_end(&map);
    with_map(b, &map);
}

static void reads_xmp(void **state) {
    bytes b;
    ultrahdr_metadata m;
    int c;
    (void)state;
    make_xmp(&b, HDRGM_PLAIN, "");
    m = accept(&b).metadata;
    for (c = 0; c < 3; c++) { /* the defaults of the specification */
        NEAR(m.gain_min[c], 0, 0);
        NEAR(m.gain_max[c], 2.5, 0);
        NEAR(m.gamma[c], 1, 0);
        NEAR(m.offset_base[c], 1 / 64.0, 0);
        NEAR(m.offset_alternate[c], 1 / 64.0, 0);
    }
    NEAR(m.headroom_base, 0, 0);
    NEAR(m.headroom_alternate, 3, 0);
    assert_int_equal(m.map_space, 0);

    make_xmp(&b, "xmlns:g='" HDRGM "' g:Version='1.0' g:HDRCapacityMax='4' g:HDRCapacityMin='1' g:OffsetHDR='0.5'",
             "<g:GainMapMin><rdf:Seq><rdf:li>-1</rdf:li><rdf:li>-0.5</rdf:li><rdf:li>2.5e-1</rdf:li></rdf:Seq></g:GainMapMin>"
             "<g:GainMapMax><rdf:Seq>\n<rdf:li> 1 </rdf:li><rdf:li>2</rdf:li><rdf:li>3</rdf:li></rdf:Seq></g:GainMapMax><g:Gamma>2</g:Gamma>"
             "<g:OffsetSDR><rdf:Seq><rdf:li>0.25</rdf:li></rdf:Seq></g:OffsetSDR><g:BaseRenditionIsHDR>False</g:BaseRenditionIsHDR>");
    m = accept(&b).metadata;
    NEAR(m.gain_min[0], -1, 0);
    NEAR(m.gain_min[1], -0.5, 0);
    NEAR(m.gain_min[2], 0.25, 0);
    for (c = 0; c < 3; c++) {
        NEAR(m.gain_max[c], 1 + c, 0);
        NEAR(m.gamma[c], 2, 0);
        NEAR(m.offset_base[c], 0.25, 0);
        NEAR(m.offset_alternate[c], 0.5, 0);
    }
    NEAR(m.headroom_base, 1, 0);
    NEAR(m.headroom_alternate, 4, 0);

    make_xmp(&b, HDRGM_PLAIN " hdrgm:BaseRenditionIsHDR='True' hdrgm:OffsetHDR='0.5' hdrgm:HDRCapacityMin='1'", "");
    m = accept(&b).metadata;
    NEAR(m.offset_base[0], 0.5, 0);
    NEAR(m.offset_alternate[0], 1 / 64.0, 0);
    NEAR(m.headroom_base, 3, 0);
    NEAR(m.headroom_alternate, 1, 0);
}

static void refuses_xmp(void **state) {
    static const struct {
        const char *attributes, *content, *text;
        gmlp_result result;
    } bad[] = {
        { "xmlns:hdrgm='" HDRGM "' hdrgm:Version='1.0' hdrgm:HDRCapacityMax='3'", "", "hdrgm:GainMapMax is missing", GMLP_E_FIELD },
        { "xmlns:hdrgm='" HDRGM "' hdrgm:Version='1.0' hdrgm:GainMapMax='3'", "", "hdrgm:HDRCapacityMax is missing", GMLP_E_FIELD },
        { "xmlns:hdrgm='" HDRGM "' hdrgm:Version='2.0' hdrgm:GainMapMax='3'", "", "hdrgm:Version is not 1.0", GMLP_E_NEWER },
        { "xmlns:hdrgm='" HDRGM "' hdrgm:GainMapMax='3'", "", "no gain map metadata", GMLP_E_NOT_FOUND },
        { HDRGM_PLAIN " hdrgm:Gamma='nan'", "", "hdrgm:Gamma is not one number or three", GMLP_E_FIELD },
        { HDRGM_PLAIN " hdrgm:Gamma='1,5'", "", "hdrgm:Gamma is not one number or three", GMLP_E_FIELD },
        { HDRGM_PLAIN " hdrgm:Gamma=''", "", "hdrgm:Gamma is not one number or three", GMLP_E_FIELD },
        { HDRGM_PLAIN " hdrgm:Gamma='0'", "", "gamma is not between", GMLP_E_FIELD },
        { HDRGM_PLAIN " hdrgm:GainMapMin='2.6'", "", "minimum is above its maximum", GMLP_E_FIELD },
        { HDRGM_PLAIN " hdrgm:GainMapMin='-65'", "", "beyond 64 stops", GMLP_E_FIELD },
        { HDRGM_PLAIN " hdrgm:OffsetSDR='1e9'", "", "beyond 1000", GMLP_E_FIELD },
        { HDRGM_PLAIN " hdrgm:HDRCapacityMin='3.5'", "", "hdrgm:HDRCapacityMin is above hdrgm:HDRCapacityMax", GMLP_E_FIELD },
        { HDRGM_PLAIN " hdrgm:HDRCapacityMin='-1'", "", "headroom is not between", GMLP_E_FIELD },
        { HDRGM_PLAIN " hdrgm:BaseRenditionIsHDR='maybe'", "", "neither True nor False", GMLP_E_FIELD },
        { HDRGM_PLAIN, "<hdrgm:Gamma><rdf:Seq><rdf:li>1</rdf:li><rdf:li>1</rdf:li></rdf:Seq></hdrgm:Gamma>", "hdrgm:Gamma is not one", GMLP_E_FIELD },
        { HDRGM_PLAIN, "<hdrgm:Gamma>1</hdrgm:Gamma><hdrgm:Gamma>1</hdrgm:Gamma><hdrgm:Gamma>1</hdrgm:Gamma><hdrgm:Gamma>1</hdrgm:Gamma>",
          "hdrgm:Gamma is not one", GMLP_E_FIELD },
        { HDRGM_PLAIN, "<hdrgm:HDRCapacityMin><rdf:li>0</rdf:li><rdf:li>0</rdf:li><rdf:li>0</rdf:li></hdrgm:HDRCapacityMin>",
          "hdrgm:HDRCapacityMin is not one", GMLP_E_FIELD }
    };
    bytes b;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        make_xmp(&b, bad[i].attributes, bad[i].content);
        refuse(&b, bad[i].result, bad[i].text);
    }
}

/* min -1/2, max 5/2, gamma 1, offsets 1/64 and -1/4; headrooms 0 and 3. */
static const uint8_t iso_single[] = { 0, 0, 0, 0, 0x40,
    0, 0, 0, 0, 0, 0, 0, 1,  0, 0, 0, 6, 0, 0, 0, 2,
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2,  0, 0, 0, 5, 0, 0, 0, 2,  0, 0, 0, 1, 0, 0, 0, 1,
    0, 0, 0, 1, 0, 0, 0, 64,  0xff, 0xff, 0xff, 0xff, 0, 0, 0, 4 };
/* The denominator of all, 4, first; then numerators alone. */
static const uint8_t iso_common[] = { 0, 0, 0, 1, 0xc8,  0, 0, 0, 4,  0, 0, 0, 4, 0, 0, 0, 12,
    0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1,
    0xff, 0xff, 0xff, 0xfc, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1,
    0xff, 0xff, 0xff, 0xf8, 0, 0, 0, 12, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1 };

static void reads_iso(void **state) {
    uint8_t block[sizeof iso_single];
    bytes b;
    ultrahdr_parts parts;
    int c;
    (void)state;
    make_iso(&b, iso_single, sizeof iso_single, 1);
    parts = accept(&b);
    assert_string_equal(parts.metadata_from, "ISO 21496-1"); /* not XMP, which says 0 to 2.5 */
    for (c = 0; c < 3; c++) {
        NEAR(parts.metadata.gain_min[c], -0.5, 0);
        NEAR(parts.metadata.gain_max[c], 2.5, 0);
        NEAR(parts.metadata.gamma[c], 1, 0);
        NEAR(parts.metadata.offset_base[c], 1 / 64.0, 0);
        NEAR(parts.metadata.offset_alternate[c], -0.25, 0);
    }
    NEAR(parts.metadata.headroom_base, 0, 0);
    NEAR(parts.metadata.headroom_alternate, 3, 0);
    assert_int_equal(parts.metadata.map_space, 0);

    make_iso(&b, iso_common, sizeof iso_common, 0);
    parts = accept(&b);
    NEAR(parts.metadata.gain_min[0], -0.5, 0);
    NEAR(parts.metadata.gain_min[1], -1, 0);
    NEAR(parts.metadata.gain_min[2], -2, 0);
    for (c = 0; c < 3; c++) {
        NEAR(parts.metadata.gain_max[c], 1 + c, 0);
        NEAR(parts.metadata.gamma[c], 2, 0);
        NEAR(parts.metadata.offset_base[c], 0, 0);
        NEAR(parts.metadata.offset_alternate[c], 0.25, 0);
    }
    NEAR(parts.metadata.headroom_base, 1, 0);
    NEAR(parts.metadata.headroom_alternate, 3, 0);

    memcpy(block, iso_single, sizeof block);
    block[4] = 0;
    make_iso(&b, block, sizeof block, 0);
    assert_int_equal(accept(&b).metadata.map_space, 1);
    block[1] = 1; /* a newer reader is needed: XMP then */
    make_iso(&b, block, sizeof block, 1);
    assert_string_equal(accept(&b).metadata_from, "XMP");
    make_iso(&b, block, sizeof block, 0);
    refuse(&b, GMLP_E_NEWER, "newer reader");
    block[1] = 0;
    block[20] = 0; /* 6/2 becomes 6/0 */
    make_iso(&b, block, sizeof block, 0);
    refuse(&b, GMLP_E_FIELD, "zero denominator");
    make_iso(&b, block, sizeof block, 1); /* XMP then */
    parts = accept(&b);
    assert_string_equal(parts.metadata_from, "XMP");
    NEAR(parts.metadata.gain_min[0], 0, 0);
    memcpy(block, iso_single, sizeof block);
    block[24] = 100; /* -1/2 becomes 100/2: the minimum is above the maximum */
    memset(block + 21, 0, 3);
    make_iso(&b, block, sizeof block, 0);
    refuse(&b, GMLP_E_FIELD, "minimum is above its maximum");
    make_iso(&b, block, sizeof block, 1);
    assert_string_equal(accept(&b).metadata_from, "XMP");
    for (c = 5; c < (int)sizeof iso_single; c++) {
        make_iso(&b, iso_single, (size_t)c, 0);
        refuse(&b, GMLP_E_TRUNCATED, "ISO 21496-1 block ends too early");
    }
    make_iso(&b, iso_single, 4, 1); /* only announces */
    assert_string_equal(accept(&b).metadata_from, "XMP");
}

static void weighs(void **state) {
    ultrahdr_metadata m;
    (void)state;
    memset(&m, 0, sizeof m);
    m.headroom_base = 1;
    m.headroom_alternate = 3;
    NEAR(ultrahdr_weight(&m, 0.5), 0, 0);
    NEAR(ultrahdr_weight(&m, 1.5), 0.25, 0);
    NEAR(ultrahdr_weight(&m, 3.5), 1, 0);
    NEAR(ultrahdr_weight(&m, INFINITY), 1, 0);
    m.headroom_base = 3;
    m.headroom_alternate = 1; /* an HDR base: darker, the less the display can */
    NEAR(ultrahdr_weight(&m, INFINITY), 0, 0);
    NEAR(ultrahdr_weight(&m, 2.5), -0.25, 0);
    NEAR(ultrahdr_weight(&m, 0), -1, 0);
    m.headroom_base = 1;
    NEAR(ultrahdr_weight(&m, 0.5), 0, 0);
    NEAR(ultrahdr_weight(&m, 1), 1, 0);
    NEAR(ultrahdr_weight(&m, INFINITY), 1, 0);
}

/* Damage. */

static void refuses_damage(void **state) {
    bytes b, plain = { { 0 }, 0 };
    char items[500];
    int i;
    (void)state;
    make_indexed(&b, 0);
    b.p[ENTRY_SIZE]++;
    refuse(&b, GMLP_E_TRUNCATED, "the gain map's MPF entry points past the end of the file");
    make_indexed(&b, 0);
    b.p[ENTRY_OFFSET]++;
    refuse(&b, GMLP_E_TRUNCATED, "the gain map's MPF entry points past the end of the file");
    memset(b.p + ENTRY_SIZE, 255, 8);
    refuse(&b, GMLP_E_TRUNCATED, "the gain map's MPF entry points past the end of the file");
    make_indexed(&b, 0);
    b.p[ENTRY_OFFSET]--;
    refuse(&b, GMLP_E_FIELD, "points into the base picture");
    make_indexed(&b, 0);
    b.p[118] = 0;
    refuse(&b, GMLP_E_FORMAT, "there is no JPEG picture where the gain map should be");
    make_indexed(&b, 0);
    memset(b.p + MPF_AT + 4, 'x', 2);
    refuse(&b, GMLP_E_FORMAT, "no byte order mark");
    make_indexed(&b, 0);
    b.p[MPF_AT + 8] = 81; /* where the directory begins */
    refuse(&b, GMLP_E_FORMAT, "the MPF index is damaged");
    make_indexed(&b, 0);
    b.p[MPF_AT + 12] = 7; /* its tags: 6 of 12 bytes would fit */
    refuse(&b, GMLP_E_FORMAT, "the MPF index is damaged");
    make_indexed(&b, 0);
    b.p[MPF_AT + 4 + 42] = 51; /* where the entries begin */
    refuse(&b, GMLP_E_FORMAT, "the MPF index is damaged");
    make_indexed(&b, 0);
    b.p[MPF_AT + 4 + 38] = 16; /* one entry, the base */
    refuse(&b, GMLP_E_NOT_FOUND, "no picture of the MPF index has gain map metadata");
    make_indexed(&b, 0);
    memset(b.p + 118 + 6, 'x', 20); /* the map's XMP is none */
    refuse(&b, GMLP_E_NOT_FOUND, "no picture of the MPF index has gain map metadata");

    add_begin(&plain);
    add_end(&plain);
    refuse(&plain, GMLP_E_NOT_FOUND, "the file has no gain map");
    add_contained((b.n = 0, &b), "<rdf:li I:Semantic='Primary'/><rdf:li I:Semantic='GainMap' I:Length='9'/>");
    refuse(&b, GMLP_E_TRUNCATED, "the gain map's GContainer item ends past the end of the file");
    add_contained((b.n = 0, &b), "<rdf:li I:Semantic='Primary'/><rdf:li I:Semantic='GainMap' I:Length='99999999999999999999999999'/>");
    refuse(&b, GMLP_E_FIELD, "is not a number");
    add_contained((b.n = 0, &b), "<rdf:li I:Semantic='Primary'/><rdf:li I:Semantic='GainMap' I:Length='-1'/>");
    refuse(&b, GMLP_E_FIELD, "is not a number");
    b.n = 0;
    memcpy(items, "<rdf:li/>", 10);
    for (i = 0; i < 17; i++) strcat(items, "<rdf:li I:Length='1'/>");
    add_contained(&b, items);
    refuse(&b, GMLP_E_LIMIT, "more than 16 items");
    add_contained((b.n = 0, &b), "<rdf:li I:Semantic='GainMap'/>");
    refuse(&b, GMLP_E_NOT_FOUND, "the file has no gain map");
    b.n = 0;
    refuse(&b, GMLP_E_TRUNCATED, "the file ends");
    add(&b, "GIF89a", 6);
    refuse(&b, GMLP_E_FORMAT, "this is not a JPEG picture");
}

/* The shorter file lies in memory of its size, for the sanitizers. */
static void refuses_every_prefix(void **state) {
    bytes b, map = { { 0 }, 0 };
    size_t n, kind;
    (void)state;
    for (kind = 0; kind < 3; kind++) {
        if (kind < 2) make_indexed(&b, (int)kind);
        else {
            map.n = 0;
            add_map(&map);
            with_map(&b, &map);
        }
        accept(&b);
        for (n = 0; n < b.n; n++) {
            uint8_t *p = (uint8_t *)malloc(n ? n : 1);
            ultrahdr_parts parts;
            gmlp_error err = { GMLP_OK, 0, NULL };
            assert_non_null(p);
            memcpy(p, b.p, n);
            if (ultrahdr_parse(p, n, &parts, &err) == GMLP_OK) fail_msg("%lu of %lu bytes are taken", (unsigned long)n, (unsigned long)b.n);
            assert_true(err.offset <= n && err.text && !parts.map_size);
            free(p);
        }
    }
}

/* Whatever one byte becomes, the answer stays within the file. */
static void lives_through_every_byte(void **state) {
    bytes b;
    size_t at, v;
    (void)state;
    make_indexed(&b, 0);
    for (at = 0; at < b.n; at++) {
        const uint8_t was = b.p[at];
        for (v = 0; v < 256; v += v < 8 || v > 240 ? 1 : 13) {
            ultrahdr_parts parts;
            gmlp_error err = { GMLP_OK, 0, NULL };
            b.p[at] = (uint8_t)v;
            if (ultrahdr_parse(b.p, b.n, &parts, &err)) assert_true(err.offset <= b.n && err.text);
            else assert_true(parts.map_offset <= b.n && parts.map_size <= b.n - parts.map_offset);
        }
        b.p[at] = was;
    }
}

/* Joining. */

static ultrahdr_metadata plain_metadata(void) {
    ultrahdr_metadata m;
    int c;
    memset(&m, 0, sizeof m);
    for (c = 0; c < 3; c++) {
        m.gain_max[c] = 2.5;
        m.gamma[c] = 1;
        m.offset_base[c] = m.offset_alternate[c] = 1 / 64.0;
    }
    m.headroom_alternate = 2.5;
    return m;
}

static void make_plain(bytes *b) {
    b->n = 0;
    add_begin(b);
    add_segment(b, 0xe0, "JFIF\0\1\2\0\0\1\0\1\0", 14);
    add_segment(b, 0xfe, "a comment", 9);
    add_end(b);
}

static bytes join(const bytes *base, const ultrahdr_metadata *m) {
    bytes map, out = { { 0 }, 0 };
    uint8_t *file;
    size_t size;
    gmlp_error err;
    make_plain(&map);
    if (ultrahdr_join(base->p, base->n, map.p, map.n, m, &file, &size, &err)) fail_msg("at %lu: %s", (unsigned long)err.offset, err.text);
    add(&out, file, size);
    free(file);
    return out;
}

static size_t position_of(const bytes *b, const char *text, size_t n, size_t from) {
    size_t i;
    for (i = from; i + n <= b->n; i++)
        if (!memcmp(b->p + i, text, n)) return i;
    return 0;
}

static size_t count_of(const bytes *b, const char *text) {
    size_t at = 0, count = 0;
    while ((at = position_of(b, text, strlen(text), at)) != 0) at++, count++;
    return count;
}

static uint32_t big(const bytes *b, size_t at) {
    return (uint32_t)b->p[at] << 24 | (uint32_t)b->p[at + 1] << 16 | (uint32_t)b->p[at + 2] << 8 | b->p[at + 3];
}

static void writes_the_container(void **state) {
    /* headroom 0/1, 5/2; gain 0/1 to 5/2, gamma 1/1, offsets 1/64 */
    static const uint8_t iso[] = { 0, 0, 0, 0, 0x40,  0, 0, 0, 0, 0, 0, 0, 1,  0, 0, 0, 5, 0, 0, 0, 2,
        0, 0, 0, 0, 0, 0, 0, 1,  0, 0, 0, 5, 0, 0, 0, 2,  0, 0, 0, 1, 0, 0, 0, 1,  0, 0, 0, 1, 0, 0, 0, 64,  0, 0, 0, 1, 0, 0, 0, 64 };
    const ultrahdr_metadata m = plain_metadata();
    bytes base, out, map = { { 0 }, 0 };
    ultrahdr_parts parts;
    char length[100];
    size_t mm, at;
    (void)state;
    make_plain(&base);
    out = join(&base, &m);
    /* JFIF segment and comment first, as they were: 2 + 18 + 13; then XMP, ISO 21496-1 with versions only, MPF, the rest. */
    assert_memory_equal(out.p, base.p, 33);
    assert_memory_equal(out.p + 33, "\xff\xe1", 2);
    assert_memory_equal(out.p + 37, XMP_ID, sizeof XMP_ID);
    at = 35 + (size_t)(out.p[35] << 8 | out.p[36]);
    assert_memory_equal(out.p + at, "\xff\xe2\0\x22" ISO_ID "\0\0\0\0\0", 36); /* 2 + 28 + 4 */
    at += 36;
    assert_memory_equal(out.p + at, "\xff\xe2\0\x58MPF\0MM\0*\0\0\0\10\0\3", 18);
    mm = at + 8;
    assert_memory_equal(out.p + mm + 10, "\xb0\0\0\7\0\0\0\4" "0100" "\xb0\1\0\4\0\0\0\1\0\0\0\2" "\xb0\2\0\7\0\0\0 \0\0\0002\0\0\0", 40);
    at += 2 + 0x58;
    assert_memory_equal(out.p + at, base.p + 33, 26);
    at += 26;
    assert_int_equal(big(&out, mm + 50), 0x30000); /* baseline primary picture */
    assert_int_equal(big(&out, mm + 54), at);      /* from the file's begin to the base's end */
    assert_int_equal(big(&out, mm + 58), 0);
    assert_int_equal(big(&out, mm + 62), 0);
    assert_int_equal(big(&out, mm + 66), 0);
    assert_int_equal(big(&out, mm + 70), out.n - at);
    assert_int_equal(big(&out, mm + 74), at - mm); /* from the byte order mark */
    assert_int_equal(big(&out, mm + 78), 0);
    snprintf(length, sizeof length, "Item:Semantic=\"GainMap\" Item:Mime=\"image/jpeg\" Item:Length=\"%lu\"", (unsigned long)(out.n - at));
    assert_true(position_of(&out, length, strlen(length), 0) < mm);
    assert_int_equal(count_of(&out, length), 1);
    assert_int_equal(count_of(&out, "hdrgm:Version=\"1.0\""), 2); /* one tells that the base has a map, one the map's metadata */
    /* The map: its JFIF segment, XMP, the whole ISO block, the rest. */
    make_plain(&map);
    assert_memory_equal(out.p + at, map.p, 20);
    at = position_of(&out, ISO_ID, sizeof ISO_ID, at) + sizeof ISO_ID;
    assert_memory_equal(out.p + at, iso, sizeof iso);
    assert_memory_equal(out.p + at + sizeof iso, map.p + 20, map.n - 20);
    assert_int_equal(at + sizeof iso + map.n - 20, out.n);
    assert_int_equal(count_of(&out, " hdrgm:GainMapMax=\"2.500000000\""), 1);
    assert_int_equal(count_of(&out, " hdrgm:OffsetSDR=\"0.015625000\""), 1);
    parts = accept(&out);
    assert_string_equal(parts.map_from, "MPF");
    assert_string_equal(parts.metadata_from, "ISO 21496-1");
    assert_memory_equal(&parts.metadata, &m, sizeof m);
    out.p[mm - 4] = 'X'; /* no index: the directory says the same */
    assert_string_equal(accept(&out).map_from, "GContainer");
    assert_int_equal(accept(&out).map_offset, parts.map_offset);
}

static void same_metadata(const ultrahdr_metadata *a, const ultrahdr_metadata *b, double tolerance) {
    int c;
    for (c = 0; c < 3; c++) {
        NEAR(a->gain_min[c], b->gain_min[c], tolerance);
        NEAR(a->gain_max[c], b->gain_max[c], tolerance);
        NEAR(a->gamma[c], b->gamma[c], tolerance);
        NEAR(a->offset_base[c], b->offset_base[c], tolerance);
        NEAR(a->offset_alternate[c], b->offset_alternate[c], tolerance);
    }
    NEAR(a->headroom_base, b->headroom_base, tolerance);
    NEAR(a->headroom_alternate, b->headroom_alternate, tolerance);
}

static void metadata_there_and_back(void **state) {
    ultrahdr_metadata m = plain_metadata();
    ultrahdr_parts parts;
    bytes base, out;
    int hdr_base, c;
    (void)state;
    for (hdr_base = 0; hdr_base < 2; hdr_base++) {
        for (c = 0; c < 3; c++) {
            m.gain_min[c] = -1.1 - c;
            m.gain_max[c] = 63.9 / (1 + c);
            m.gamma[c] = 1 / 3.0 + 100 * c;
            m.offset_base[c] = -1e-3 * c;
        }
        m.headroom_base = hdr_base ? 4.7 : 0.1;
        m.headroom_alternate = 2.656715;
        make_plain(&base);
        out = join(&base, &m);
        parts = accept(&out);
        assert_string_equal(parts.metadata_from, "ISO 21496-1");
        same_metadata(&parts.metadata, &m, 1e-6);
        out.p[position_of(&out, ISO_ID, sizeof ISO_ID, parts.map_offset)] = 'U';
        parts = accept(&out);
        assert_string_equal(parts.metadata_from, "XMP");
        same_metadata(&parts.metadata, &m, 1e-6);
    }
}

static void refuse_join(const bytes *base, const bytes *map, const ultrahdr_metadata *m, gmlp_result result, const char *text) {
    uint8_t *file = NULL;
    size_t size = 0;
    gmlp_error err = { GMLP_OK, 0, "no text" };
    const gmlp_result r = ultrahdr_join(base->p, base->n, map->p, map->n, m, &file, &size, &err);
    if (r != result || err.result != r || !strstr(err.text, text)) fail_msg("%d: %s; not %d: %s", r, err.text, result, text);
    assert_null(file);
}

static void adds_to_xmp(void **state) {
    const ultrahdr_metadata m = plain_metadata();
    bytes base, with = { { 0 }, 0 }, out;
    char *room;
    (void)state;
    make_plain(&base);
    add_begin(&with);
    add_xmp(&with, "xmlns:dc='http://purl.org/dc/elements/1.1/' dc:format='x'", "");
    add_segment(&with, 0xe2, "ICC_PROFILE\0\1\1profile", 21);
    add_end(&with);
    out = join(&with, &m);
    accept(&out);
    assert_int_equal(count_of(&out, XMP_ID), 2); /* the base's and the map's */
    assert_int_equal(count_of(&out, "dc:format='x'"), 1);
    assert_int_equal(count_of(&out, "</rdf:Description></rdf:RDF></x:xmpmeta>\xff\xe2\0\x17ICC_PROFILE"), 1);
    assert_true(position_of(&out, "Item:Length", 11, 0) < position_of(&out, "</x:xmpmeta>", 12, 0));
    refuse_join(&out, &base, &m, GMLP_E_FIELD, "the base's XMP already tells of a gain map");

    room = (char *)malloc(65000);
    assert_non_null(room);
    memset(room, ' ', 65000);
    memcpy(room, "<r:RDF>", 7);
    memcpy(room + 64900, "</r:RDF>", 8);
    with.n = 0;
    add_begin(&with);
    add_named(&with, 0xe1, XMP_ID, room, 65000);
    add_end(&with);
    refuse_join(&with, &base, &m, GMLP_E_LIMIT, "no room");
    memcpy(room + 64900, "<r:RDF/>", 8);
    with.n = 0;
    add_begin(&with);
    add_named(&with, 0xe1, XMP_ID, room, 65000);
    add_end(&with);
    refuse_join(&with, &base, &m, GMLP_E_FORMAT, "no end of rdf:RDF");
    free(room);
}

static bytes part(const bytes *b) {
    bytes out = { { 0 }, 0 };
    uint8_t *base;
    size_t size;
    gmlp_error err;
    if (ultrahdr_part(b->p, b->n, &base, &size, &err)) fail_msg("at %lu: %s", (unsigned long)err.offset, err.text);
    add(&out, base, size);
    free(base);
    return out;
}

/* Nothing is left that points behind the base; the rest of it stays, and can be joined again. */
static void takes_apart(void **state) {
    const ultrahdr_metadata m = plain_metadata();
    ultrahdr_parts parts;
    bytes base, with = { { 0 }, 0 }, out, again;
    uint8_t *none = NULL;
    size_t size = 0;
    gmlp_error err;
    (void)state;
    make_plain(&base);
    again = part(&base);
    assert_int_equal(again.n, base.n);
    assert_memory_equal(again.p, base.p, base.n);
    add(&base, "bytes behind", 12);
    again = part(&base);
    assert_int_equal(again.n, base.n - 12);
    add_begin(&with);
    add_xmp(&with, "xmlns:dc='http://purl.org/dc/elements/1.1/' dc:format='x'", "");
    add_segment(&with, 0xe2, "ICC_PROFILE\0\1\1profile", 21);
    add_end(&with);
    out = join(&with, &m);
    again = part(&out);
    assert_int_equal(ultrahdr_parse(again.p, again.n, &parts, &err), GMLP_E_NOT_FOUND);
    assert_int_equal(count_of(&again, "MPF") + count_of(&again, ISO_ID) + count_of(&again, "hdr-gain-map") + count_of(&again, "GainMap"), 0);
    assert_int_equal(count_of(&again, "dc:format='x'"), 1);
    assert_int_equal(count_of(&again, "</rdf:RDF></x:xmpmeta>\xff\xe2\0\x17ICC_PROFILE"), 1);
    assert_memory_equal(again.p + again.n - 26, with.p + with.n - 26, 26);
    out = join(&again, &m);
    accept(&out);

    with.n = 0; /* as elements, with other prefixes, and other pictures in the directory */
    add_contained(&with, "<g:Version xmlns:g='" HDRGM "'>1.0</g:Version><C:Directory><rdf:Seq><rdf:li><C:Item I:Semantic='Primary'/>"
                         "</rdf:li></rdf:Seq></C:Directory><k:kept xmlns:k='k'>yes</k:kept><C:Directory/>");
    again = part(&with);
    assert_int_equal(count_of(&again, "Directory") + count_of(&again, "Version") + count_of(&again, "Semantic"), 0);
    assert_int_equal(count_of(&again, "><k:kept xmlns:k='k'>yes</k:kept></rdf:Description>"), 1);
    assert_int_equal(ultrahdr_part(with.p, with.n - 1, &none, &size, &err), GMLP_E_TRUNCATED);
    assert_int_equal(ultrahdr_part("GIF", 3, &none, &size, &err), GMLP_E_FORMAT);
    assert_null(none);
}

/* What tells of companions goes wherever it stands: an index in either byte order, before tables, behind them, twice and
   between scans; properties under a second prefix, in an element of its own name, in one without an end. */
static void takes_apart_odd_places(void **state) {
    static const char namespaces[] = "xmlns:a='" HDRGM "' xmlns:b='" HDRGM "' xmlns:I='http://ns.google.com/photos/1.0/container/item/' "
                                     "xmlns:C='http://ns.google.com/photos/1.0/another/'";
    bytes b, out;
    int big;
    (void)state;
    for (big = 0; big < 2; big++) {
        const uint8_t *mpf = big ? mpf_big : mpf_little;
        b.n = 0;
        add_begin(&b);
        add_segment(&b, 0xe2, mpf, 86);
        add(&b, "\xff\xdb\0\3x\xff\xff", 7); /* fill bytes before the next */
        add_segment(&b, 0xe2, mpf, 86);
        add(&b, "\xff\xda\0\2ab", 6);
        add_segment(&b, 0xe2, mpf, 86);
        add(&b, "\xff\xc4\0\2", 4);
        add_named(&b, 0xe2, ISO_ID, "\0\0\0\0", 4);
        add(&b, "\xff\xda\0\2c\xff\0d\xff\xd9" "behind", 16);
        out = part(&b);
        assert_int_equal(out.n, 2 + 5 + 6 + 4 + 10);
        assert_memory_equal(out.p, "\xff\xd8\xff\xdb\0\3x\xff\xda\0\2ab\xff\xc4\0\2\xff\xda\0\2c\xff\0d\xff\xd9", out.n);
    }
    b.n = 0;
    add_begin(&b);
    add_xmp(&b, namespaces, "<b:Version>1.0</b:Version><a:x><a:x/><a:x>y</a:x>z</a:x><C:Item I:Semantic='GainMap' I:Length='15' C:keep='1'/>");
    add_end(&b);
    out = part(&b);
    assert_int_equal(count_of(&out, "Version") + count_of(&out, "a:x") + count_of(&out, "GainMap") + count_of(&out, "I:") + count_of(&out, HDRGM), 0);
    assert_int_equal(count_of(&out, "<C:Item   C:keep='1'/></rdf:Description>"), 1);
    b.n = 0;
    add_begin(&b);
    add_xmp(&b, namespaces, "<C:first/><b:Version>1.0<rdf:li>GainMap</rdf:li>");
    add_end(&b);
    out = part(&b);
    assert_int_equal(count_of(&out, "GainMap"), 0);
    assert_int_equal(count_of(&out, "<C:first/>"), 1);
}

/* An extended packet, in two pieces, of which the second tells of the map: it goes, and what points to it. One that
   does not stays. */
static void takes_an_extended_packet_away(void **state) {
    static const char id[] = "http://ns.adobe.com/xmp/extension/", digest[] = "0123456789ABCDEF0123456789ABCDEF";
    static const char *const contents[] = { "", " xmlns:dc='d' dc:title='t'" };
    bytes b, out;
    int companion, others;
    (void)state;
    for (companion = 0; companion < 2; companion++)
        for (others = 0; others < 2; others++) {
            char packet[600], piece[600];
            size_t n, half, i;
            snprintf(packet, sizeof packet, "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='r'><rdf:Description %s%s/>"
                     "</rdf:RDF></x:xmpmeta>", companion ? HDRGM_PLAIN : "xmlns:k='k' k:v='1'", contents[others]);
            n = strlen(packet);
            half = (size_t)(strstr(packet, "Description") - packet);
            b.n = 0;
            add_begin(&b);
            add_xmp(&b, "xmlns:N='http://ns.adobe.com/xmp/note/' N:HasExtendedXMP='0123456789ABCDEF0123456789ABCDEF' N:kept='1'", "");
            for (i = 0; i < 2; i++) {
                const size_t from = i ? half : 0, size = i ? n - half : half;
                memcpy(piece, digest, 32);
                memset(piece + 32, 0, 8);
                piece[35] = (char)n;
                piece[34] = (char)(n >> 8);
                piece[39] = (char)from;
                memcpy(piece + 40, packet + from, size);
                add_named(&b, 0xe1, id, piece, 40 + size);
            }
            add_end(&b);
            out = part(&b);
            assert_int_equal(count_of(&out, "extension"), companion ? 0 : 2);
            assert_int_equal(count_of(&out, "HasExtendedXMP"), companion ? 0 : 1);
            assert_int_equal(count_of(&out, "N:kept='1'"), 1);
            assert_int_equal(ultrahdr_extension(b.p, b.n), !companion ? ULTRAHDR_STAYS : others ? ULTRAHDR_GOES_WITH_OTHERS : ULTRAHDR_GOES);
        }
}

/* A photograph with a film behind it, as attributes and as elements; other properties of the camera stay. */
static void takes_a_film_away(void **state) {
    static const char camera[] = "xmlns:G='http://ns.google.com/photos/1.0/camera/' G:MotionPhoto='1' G:MotionPhotoVersion='1' G:SpecialTypeID='x' "
                                 "G:MicroVideoOffset='2000'";
    bytes b = { { 0 }, 0 }, out;
    (void)state;
    add_begin(&b);
    add_xmp(&b, camera, "<G:MotionPhotoPresentationTimestampUs>5</G:MotionPhotoPresentationTimestampUs><G:burst>7</G:burst>");
    add_end(&b);
    add(&b, "\0\0\0\x18" "ftypmp42", 12);
    out = part(&b);
    assert_int_equal(count_of(&out, "MotionPhoto") + count_of(&out, "MicroVideo") + count_of(&out, "ftyp"), 0);
    assert_int_equal(count_of(&out, "G:SpecialTypeID='x'") + count_of(&out, "<G:burst>7</G:burst>"), 2);
}

/* Apple's own kind: two pictures by an index, the second with its XMP and perhaps an ISO block. exif: the first's. */
static void make_apple(bytes *b, const char *properties, const uint8_t *exif, size_t exif_size, const uint8_t *iso,
                       size_t iso_size) {
    bytes map = { { 0 }, 0 };
    size_t index;
    b->n = 0;
    add_begin(b);
    if (exif) add_named(b, 0xe1, "Exif\0", exif - 1, exif_size + 1); /* after a second NUL */
    index = b->n;
    add_segment(b, 0xe2, mpf_big, 86);
    add_end(b);
    add_begin(&map);
    add_xmp(&map, APPLE_NAMESPACES, properties);
    if (iso) add_named(&map, 0xe2, ISO_ID, iso, iso_size);
    add_end(&map);
    b->p[index + ENTRY_SIZE - 2 + 3] = (uint8_t)map.n;
    b->p[index + ENTRY_SIZE - 2 + 2] = (uint8_t)(map.n >> 8);
    add(b, map.p, map.n);
}

static void reads_apple(void **state) {
    static const uint8_t iso[] = { 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1,
                                   0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1 };
    static const struct { /* of the note, and the stops by hand */
        double of33, of48, stops;
    } notes[] = { { 0.5, 0.005, 1.7 }, { 0.5, 2, 1.399 }, { 1.2, 0.005, 2.65 }, { 1.5, 3, 1.394 }, { 1.519, NAN, 3 },
                  { 0.999, 0, 1.8 },   { 0.5, 20, 0 },    { 1, 0.01, 2.3 },     { -1, 0, 1.8 } };
    const char *first = APPLE_PROPERTIES("<HDRGainMap:HDRGainMapVersion>65536</HDRGainMap:HDRGainMapVersion>");
    const char *second = APPLE_PROPERTIES("<HDRGainMap:HDRGainMapVersion>131072</HDRGainMap:HDRGainMapVersion>"
                                          "<HDRGainMap:HDRGainMapHeadroom>4.0</HDRGainMap:HDRGainMapHeadroom>");
    uint8_t exif[1 + APPLE_EXIF_MOST] = { 0 };
    ultrahdr_parts parts;
    size_t size, i;
    bytes b;
    (void)state;
    for (i = 0; i < sizeof notes / sizeof *notes; i++) {
        size = apple_exif(notes[i].of33, notes[i].of48, exif + 1);
        make_apple(&b, first, exif + 1, size, NULL, 0);
        parts = accept(&b);
        assert_string_equal(parts.metadata_from, "Apple");
        assert_int_equal(parts.metadata.apple, 1);
        assert_int_equal(parts.map_offset, parts.base_size);
        NEAR(parts.metadata.headroom_alternate, notes[i].stops, 1e-9);
    }
    make_apple(&b, second, exif + 1, size, NULL, 0); /* the XMP is asked first */
    NEAR(accept(&b).metadata.headroom_alternate, 2, 1e-9);
    make_apple(&b, second, NULL, 0, NULL, 0);
    NEAR(accept(&b).metadata.headroom_alternate, 2, 1e-9);
    make_apple(&b, first, NULL, 0, iso, sizeof iso); /* and an ISO block before that */
    parts = accept(&b);
    assert_string_equal(parts.metadata_from, "ISO 21496-1");
    assert_int_equal(parts.metadata.apple, 0);
    make_apple(&b, first, NULL, 0, NULL, 0);
    refuse(&b, GMLP_E_FIELD, "nor the camera's note says the headroom");
    size = apple_exif((double)NAN, 1, exif + 1);
    make_apple(&b, first, exif + 1, size, NULL, 0);
    refuse(&b, GMLP_E_FIELD, "nor the camera's note says the headroom");
    make_apple(&b, APPLE_PROPERTIES("<HDRGainMap:HDRGainMapHeadroom>0</HDRGainMap:HDRGainMapHeadroom>"), NULL, 0, NULL, 0);
    refuse(&b, GMLP_E_FIELD, "HDRGainMapHeadroom is not a number above 0");
    /* every prefix and every other byte of the note: no harm (the sanitizers look) */
    apple_exif(1.2, 0.005, exif + 1);
    for (i = 0; i <= APPLE_EXIF_MOST; i++) {
        gmlp_error err;
        make_apple(&b, first, exif + 1, i, NULL, 0);
        ultrahdr_parse(b.p, b.n, &parts, &err);
        if (i == APPLE_EXIF_MOST) break;
        exif[1 + i] ^= 0xff;
        make_apple(&b, first, exif + 1, APPLE_EXIF_MOST, NULL, 0);
        ultrahdr_parse(b.p, b.n, &parts, &err);
        exif[1 + i] ^= 0xff;
    }
}

static void refuses_to_join(void **state) {
    ultrahdr_metadata m = plain_metadata();
    bytes plain, b;
    (void)state;
    make_plain(&plain);
    make_indexed(&b, 0);
    b.n = 118;
    refuse_join(&b, &plain, &m, GMLP_E_FIELD, "already has a gain map or another picture");
    refuse_join(&plain, &b, &m, GMLP_E_ARGUMENT, "the gain map is not a plain JPEG picture");
    b = plain;
    add(&b, "video", 5);
    refuse_join(&b, &plain, &m, GMLP_E_FORMAT, "bytes follow the base picture");
    refuse_join(&plain, &b, &m, GMLP_E_ARGUMENT, "the gain map is not a plain JPEG picture");
    b = plain;
    b.n -= 2;
    refuse_join(&b, &plain, &m, GMLP_E_TRUNCATED, "the JPEG picture has no end");
    b.n = 0;
    add_map(&b);
    refuse_join(&plain, &b, &m, GMLP_E_ARGUMENT, "the gain map is not a plain JPEG picture");
    m.map_space = 1;
    refuse_join(&plain, &plain, &m, GMLP_E_ARGUMENT, "primaries of its own");
    m.map_space = 0;
    m.gain_max[1] = NAN;
    refuse_join(&plain, &plain, &m, GMLP_E_ARGUMENT, "beyond 64 stops");
}

/* Pixels. */

static gmlp_image new_image(uint32_t width, uint32_t height, int type, int space) {
    gmlp_image image;
    memset(&image, 0, sizeof image);
    image.width = width;
    image.height = height;
    image.type = type;
    image.channels = 3;
    image.space = space;
    image.data = calloc((size_t)width * height * 3, gmlp_pixel_size(type, 1));
    assert_non_null(image.data);
    return image;
}

static bytes encoded(const gmlp_image *image, int channels) {
    bytes b = { { 0 }, 0 };
    char *p, reason[REASON];
    size_t n;
    picture_write_opts opts = { 100, 0, 0, NULL, 0, NULL };
    FILE *file = open_memstream(&p, &n);
    assert_non_null(file);
    if (jpeg_save_bare(file, image, channels, &opts, reason)) fail_msg("%s", reason);
    fclose(file);
    add(&b, p, n);
    free(p);
    return b;
}

static ultrahdr_picture read_back(const void *p, size_t n, double headroom) {
    ultrahdr_picture u;
    char error[256];
    if (ultrahdr_read_memory(p, n, "it", headroom, &u, error)) fail_msg("%s", error);
    return u;
}

/* IEC 61966-2-1 */
static double light(double code) { return code <= 0.04045 ? code / 12.92 : pow((code + 0.055) / 1.055, 2.4); }

/* Uniform pictures, whose codes JPEG keeps: the formula with numbers put in. */
static void applies_the_formula(void **state) {
    static const struct {
        double headroom, weight;
    } displays[] = { { INFINITY, 1 }, { 4, 1 }, { 2.5, 0.5 }, { 1, 0 } };
    gmlp_image grey = new_image(16, 8, GMLP_U8, GMLP_SRGB), codes = new_image(8, 8, GMLP_U8, GMLP_SRGB);
    ultrahdr_metadata m = plain_metadata();
    bytes base, map;
    size_t i, size;
    uint8_t *file;
    gmlp_error err;
    (void)state;
    memset(grey.data, 188, 16 * 8 * 3);
    memset(codes.data, 51, 8 * 8 * 3); /* a fifth */
    base = encoded(&grey, 3);
    map = encoded(&codes, 1);
    for (i = 0; i < 3; i++) {
        m.gain_min[i] = -1 + (double)i;
        m.gain_max[i] = 3 + (double)i;
        m.gamma[i] = 1 + (double)i;
        m.offset_base[i] = 0.25;
        m.offset_alternate[i] = 0.125;
    }
    m.headroom_base = 1;
    m.headroom_alternate = 4;
    assert_int_equal(ultrahdr_join(base.p, base.n, map.p, map.n, &m, &file, &size, &err), GMLP_OK);
    for (i = 0; i < sizeof displays / sizeof *displays; i++) {
        ultrahdr_picture u = read_back(file, size, displays[i].headroom);
        const float *p = (const float *)u.hdr.data;
        int c, x;
        assert_int_equal(u.hdr.space, GMLP_SRGB_LINEAR);
        assert_int_equal(u.hdr.type, GMLP_F32);
        assert_int_equal(u.map_width, 8);
        assert_int_equal(((uint8_t *)u.base.image.data)[0], 188);
        for (x = 0; x < 16 * 8; x++)
            for (c = 0; c < 3; c++) {
                const double gain = m.gain_min[c] + 4 * pow(0.2, 1.0 / (1 + c));
                NEAR((double)p[3 * x + c], (light(188 / 255.0) + 0.25) * pow(2, gain * displays[i].weight) - 0.125, 1e-5);
            }
        ultrahdr_free(&u);
    }
    free(file);
    free(grey.data);
    free(codes.data);
}

/* Apple's formula, on displays with more and with less headroom than the file's two stops; the map, half as wide and
   high, lies with its samples on the middles of their blocks. */
static void applies_apples(void **state) {
    static const double displays[][2] = { { INFINITY, 4 }, { 2, 4 }, { 1, 2 }, { 0, 1 } }; /* and the largest gain */
    enum { WIDTH = 16, HEIGHT = 8 };
    gmlp_image grey = new_image(WIDTH, HEIGHT, GMLP_U8, GMLP_SRGB);
    gmlp_image codes = new_image(WIDTH / 2, HEIGHT / 2, GMLP_U8, GMLP_SRGB);
    bytes base, map, b = { { 0 }, 0 }, with = { { 0 }, 0 };
    picture decoded;
    size_t i, index;
    char error[256];
    (void)state;
    memset(grey.data, 188, WIDTH * HEIGHT * 3);
    for (i = 0; i < WIDTH / 2 * (HEIGHT / 2); i++) ((uint8_t *)codes.data)[i] = (uint8_t)(30 * (i % (WIDTH / 2)));
    base = encoded(&grey, 3);
    map = encoded(&codes, 1);
    assert_int_equal(picture_read_memory(map.p, map.n, "map", GMLP_SRGB, &decoded, error), 0);
    add_begin(&b);
    index = b.n;
    add_segment(&b, 0xe2, mpf_big, 86);
    add(&b, base.p + 2, base.n - 2);
    add_begin(&with);
    add_xmp(&with, APPLE_NAMESPACES, APPLE_PROPERTIES("<HDRGainMap:HDRGainMapHeadroom>4</HDRGainMap:HDRGainMapHeadroom>"));
    add(&with, map.p + 2, map.n - 2);
    for (i = 0; i < 2; i++) {
        b.p[index + ENTRY_SIZE - 2 + 3 - i] = (uint8_t)(with.n >> 8 * i);
        b.p[index + ENTRY_OFFSET - 2 + 3 - i] = (uint8_t)((b.n - index - 8) >> 8 * i);
    }
    add(&b, with.p, with.n);
    for (i = 0; i < sizeof displays / sizeof *displays; i++) {
        ultrahdr_picture u = read_back(b.p, b.n, displays[i][0]);
        int x, y, c;
        assert_int_equal(u.hdr.space, GMLP_SRGB_LINEAR);
        for (y = 0; y < HEIGHT; y++)
            for (x = 0; x < WIDTH; x++)
                for (c = 0; c < 3; c++) {
                    const double at = fmin(fmax((x + 0.5) / 2 - 0.5, 0), WIDTH / 2 - 1), part = at - floor(at);
                    const uint8_t *row = (const uint8_t *)decoded.image.data; /* all rows are alike */
                    const int left = (int)at, right = left + 1 < WIDTH / 2 ? left + 1 : left;
                    const double gain = (1 - part) * apple_light(row[3 * left] / 255.0) +
                                        part * apple_light(row[3 * right] / 255.0);
                    NEAR((double)((float *)u.hdr.data)[3 * (y * WIDTH + x) + c],
                         light(188 / 255.0) * (1 + (displays[i][1] - 1) * gain), 0.02); /* base and map: JPEGs */
                }
        ultrahdr_free(&u);
    }
    picture_free(&decoded);
    free(grey.data);
    free(codes.data);
}

/* The four samples around, weighted by their inverse distances, from the definition. */
static double shepard(const uint8_t *codes, int width, int height, double x, double y, int c) {
    double sum = 0, weights = 0;
    int i, k;
    for (k = (int)y; k <= (int)y + 1; k++)
        for (i = (int)x; i <= (int)x + 1; i++) {
            const int column = i < width ? i : width - 1, row = k < height ? k : height - 1;
            const double distance = hypot(x - column, y - row), code = codes[3 * (row * width + column) + c];
            if (distance == 0) return code;
            sum += code / distance;
            weights += 1 / distance;
        }
    return sum / weights;
}

static void sampled(int width, int height, int map_width, int map_height, int channels) {
    gmlp_image grey = new_image((uint32_t)width, (uint32_t)height, GMLP_U8, GMLP_SRGB);
    gmlp_image codes = new_image((uint32_t)map_width, (uint32_t)map_height, GMLP_U8, GMLP_SRGB);
    ultrahdr_metadata m = plain_metadata();
    bytes base, map;
    picture decoded;
    ultrahdr_picture u;
    uint8_t *file;
    size_t size;
    gmlp_error err;
    char error[256];
    int i, x, y, c;
    memset(grey.data, 128, (size_t)width * (size_t)height * 3);
    for (i = 0; i < map_width * map_height * channels; i++) ((uint8_t *)codes.data)[i] = (uint8_t)(i * 7919 % 251);
    base = encoded(&grey, 3);
    map = encoded(&codes, channels);
    assert_int_equal(picture_read_memory(map.p, map.n, "map", GMLP_SRGB, &decoded, error), 0);
    assert_int_equal(ultrahdr_join(base.p, base.n, map.p, map.n, &m, &file, &size, &err), GMLP_OK);
    u = read_back(file, size, INFINITY);
    for (y = 0; y < height; y++)
        for (x = 0; x < width; x++)
            for (c = 0; c < 3; c++) {
                const double code = shepard((const uint8_t *)decoded.image.data, map_width, map_height, (double)x * map_width / width,
                                            (double)y * map_height / height, c);
                const double want = (light(128 / 255.0) + 1 / 64.0) * pow(2, 2.5 * code / 255) - 1 / 64.0;
                NEAR((double)((float *)u.hdr.data)[3 * (y * width + x) + c], want, 1e-5 * want);
            }
    ultrahdr_free(&u);
    picture_free(&decoded);
    free(file);
    free(grey.data);
    free(codes.data);
}

static void samples_the_map(void **state) {
    (void)state;
    sampled(32, 16, 8, 4, 1);
    sampled(32, 16, 8, 4, 3);
    sampled(24, 24, 24, 24, 3);
    sampled(17, 31, 5, 9, 1);
    sampled(9, 9, 1, 1, 1);
    sampled(8, 8, 16, 11, 1); /* a map larger than its picture */
}

/* The map's own primaries: a grey stays, and the result is in the map's space. */
static void honours_the_maps_primaries(void **state) {
    gmlp_image colour = new_image(8, 8, GMLP_U8, GMLP_SRGB), codes = new_image(8, 8, GMLP_U8, GMLP_REC2020);
    uint8_t block[sizeof iso_single], *map;
    size_t map_size, i, k;
    bytes base, with = { { 0 }, 0 };
    ultrahdr_picture u;
    double matrix[9];
    char error[256];
    (void)state;
    for (i = 0; i < 8 * 8 * 3; i++) ((uint8_t *)colour.data)[i] = i % 3 ? 60 : 200;
    memset(codes.data, 255, 8 * 8 * 3); /* 5/2 stops */
    base = encoded(&colour, 3);
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_JPEG, &codes, NULL, &map, &map_size, error), 0);
    memcpy(block, iso_single, sizeof block);
    block[4] = 0;
    add_begin(&with);
    add_xmp(&with, "xmlns:I='http://ns.google.com/photos/1.0/container/item/'",
            "<rdf:li I:Semantic='Primary'/><rdf:li I:Semantic='GainMap' I:Length='     '/>");
    add(&with, base.p + 2, base.n - 2);
    i = with.n;
    add_begin(&with);
    add_named(&with, 0xe2, ISO_ID, block, sizeof block);
    add(&with, map + 2, map_size - 2);
    k = position_of(&with, "     ", 5, 0);
    snprintf((char *)with.p + k, 6, "%5d", (int)(with.n - i));
    with.p[k + 5] = '\'';
    while (with.p[k] == ' ') with.p[k++] = '0';
    u = read_back(with.p, with.n, INFINITY);
    assert_int_equal(u.base.image.space, GMLP_SRGB);
    assert_int_equal(u.hdr.space, GMLP_REC2020_LINEAR);
    gmlp_space_matrix(GMLP_SRGB, GMLP_REC2020, GMLP_BRADFORD, matrix);
    for (k = 0; k < 3; k++) {
        const uint8_t *code = (const uint8_t *)u.base.image.data;
        double v = 0;
        for (i = 0; i < 3; i++) v += matrix[3 * k + i] * light(code[i] / 255.0);
        NEAR((double)((float *)u.hdr.data)[k], (v + 1 / 64.0) * pow(2, 2.5) + 0.25, 0.03); /* codes to 1/2 */
    }
    ultrahdr_free(&u);
    free(map);
    free(colour.data);
    free(codes.data);
}

/* There and back. An HDR picture with smooth light, coloured lamps and deep shadow; its SDR is that, compressed: each
   channel alone, or all by the factor of the brightest. */
static void make_pair(uint32_t width, uint32_t height, int space, int together, gmlp_image *sdr, gmlp_image *hdr) {
    gmlp_image linear = new_image(width, height, GMLP_F32, picture_linear_space(space));
    size_t i, c;
    *hdr = new_image(width, height, GMLP_F32, picture_linear_space(space));
    *sdr = new_image(width, height, GMLP_U8, space);
    for (i = 0; i < (size_t)width * height; i++) {
        const double u = (double)(i % width) / width, v = (double)(i / width) / height;
        double l[3], most = 0;
        for (c = 0; c < 3; c++) {
            const double du = u - 0.3 - 0.2 * (double)c;
            l[c] = 0.02 + 0.6 * u * v + 7 * exp(-40 * (du * du + (v - 0.5) * (v - 0.5)));
            most = fmax(most, l[c]);
        }
        for (c = 0; c < 3; c++) {
            const double by = together ? most : l[c];
            ((float *)hdr->data)[3 * i + c] = (float)l[c];
            ((float *)linear.data)[3 * i + c] = (float)(l[c] * (1 + by / 64) / (1 + by)); /* Reinhard, white at 8 */
        }
    }
    assert_int_equal(gmlp_convert(&linear, sdr, NULL), GMLP_OK);
    free(linear.data);
}

/* The rms error of log2 light where there is some, and the largest. */
static void compare(const gmlp_image *a, const gmlp_image *b, double *rms, double *largest) {
    const size_t n = (size_t)a->width * a->height * 3;
    size_t i;
    double sum = 0;
    *largest = 0;
    for (i = 0; i < n; i++) {
        const double d = fabs(log2(((double)((float *)a->data)[i] + 1 / 64.0) / ((double)((float *)b->data)[i] + 1 / 64.0)));
        sum += d * d;
        *largest = fmax(*largest, d);
    }
    *rms = sqrt(sum / (double)n);
}

static void there_and_back(void **state) {
    static const struct {
        int space, scale, channels, quality, subsample;
        double rms, largest;
    } cases[] = { /* bounds in stops; about 1.5 times what is reached */
        { GMLP_SRGB, 1, 3, 95, 0, 0.023, 0.12 },
        { GMLP_P3, 1, 3, 95, 1, 0.025, 0.15 },
        { GMLP_P3, 2, 3, 90, 0, 0.08, 0.4 },
        { GMLP_ADOBERGB, 4, 3, 85, 0, 0.19, 0.85 },
        { GMLP_REC2020, 4, 1, 85, 0, 0.32, 1.5 },
        { GMLP_SRGB, 7, 1, 85, 0, 0.39, 1.6 }
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[] = "/tmp/test_ultrahdr_XXXXXX", error[256];
        const int fd = mkstemp(path);
        picture_write_opts base_opts = { 95, 0, 0, NULL, 0, NULL };
        ultrahdr_write_opts opts;
        gmlp_image sdr, hdr;
        ultrahdr_picture u;
        double rms, largest;
        opts.scale = cases[i].scale;
        opts.channels = cases[i].channels;
        opts.quality = cases[i].quality;
        base_opts.subsample = cases[i].subsample;
        assert_true(fd >= 0);
        close(fd);
        make_pair(131, 97, cases[i].space, opts.channels == 1, &sdr, &hdr);
        if (ultrahdr_write(path, &sdr, &base_opts, &hdr, &opts, error)) fail_msg("%s", error);
        if (ultrahdr_read(path, INFINITY, &u, error)) fail_msg("%s", error);
        unlink(path);
        assert_int_equal(u.base.image.space, cases[i].space);
        assert_string_equal(u.base.space_from, "ICC profile");
        assert_int_equal(u.hdr.space, hdr.space);
        assert_int_equal(u.map_width, (131 + opts.scale - 1) / opts.scale);
        assert_int_equal(u.map_height, (97 + opts.scale - 1) / opts.scale);
        compare(&u.hdr, &hdr, &rms, &largest);
        if (!(rms < cases[i].rms && largest < cases[i].largest)) fail_msg("case %lu: rms %g, largest %g", (unsigned long)i, rms, largest);
        ultrahdr_free(&u);
        free(sdr.data);
        free(hdr.data);
    }
}

static int to_bytes(void *user, const void *p, size_t n) {
    add((bytes *)user, p, n);
    return 0;
}

/* A network in the base's comment and XMP stays; one that comes later leaves the map where it is. */
static void keeps_a_network(void **state) {
    gmlp_image sdr, hdr;
    gmlp_writer w;
    gmlp_net net;
    bytes base, with = { { 0 }, 0 }, later = { { 0 }, 0 };
    uint8_t blob[256], *file;
    size_t blob_size = 0, size;
    ultrahdr_picture u;
    char error[256];
    void *found;
    size_t found_size;
    (void)state;
    make_pair(40, 30, GMLP_SRGB, 0, &sdr, &hdr);
    base = encoded(&sdr, 3);
    memset(&net, 0, sizeof net);
    net.method = GMLP_METHOD_NONE;
    net.wide_space = GMLP_PROPHOTO;
    net.base_space = GMLP_SRGB;
    net.width = net.base_width = 40;
    net.height = net.base_height = 30;
    net.coords.col_step = net.coords.row_step = 1;
    assert_int_equal(gmlp_blob_write(&net, blob, sizeof blob, &blob_size), GMLP_OK);
    w.user = &with;
    w.write = to_bytes;
    assert_int_equal(gmlp_embed(base.p, base.n, blob, blob_size, NULL, &w, NULL), GMLP_OK);
    if (ultrahdr_encode(with.p, with.n, &hdr, NULL, &file, &size, error)) fail_msg("%s", error);
    assert_int_equal(gmlp_carriers_present(file, size, NULL), GMLP_CARRIER_JPEG_COM | GMLP_CARRIER_XMP);
    assert_int_equal(gmlp_extract(file, size, NULL, &found, &found_size, NULL), GMLP_OK);
    assert_int_equal(found_size, blob_size);
    assert_memory_equal(found, blob, blob_size);
    gmlp_bytes_free(found, found_size, NULL);
    u = read_back(file, size, INFINITY);
    ultrahdr_free(&u);
    free(file);

    if (ultrahdr_encode(base.p, base.n, &hdr, NULL, &file, &size, error)) fail_msg("%s", error);
    w.user = &later;
    assert_int_equal(gmlp_embed(file, size, blob, blob_size, NULL, &w, NULL), GMLP_OK);
    assert_int_equal(gmlp_carriers_present(later.p, later.n, NULL), GMLP_CARRIER_JPEG_COM | GMLP_CARRIER_XMP);
    u = read_back(later.p, later.n, INFINITY);
    ultrahdr_free(&u);
    free(file);
    free(sdr.data);
    free(hdr.data);
}

/* HDR in another space, with values that no picture should hold; a grey base; equal pictures. */
static void writes_unusual_pairs(void **state) {
    gmlp_image sdr, hdr, pq = new_image(40, 30, GMLP_U16, GMLP_REC2020_PQ), wild = new_image(40, 30, GMLP_F32, GMLP_SRGB_LINEAR);
    ultrahdr_write_opts opts = { 1, 3, 100 };
    bytes base, grey;
    uint8_t *file;
    size_t size, i;
    ultrahdr_picture u;
    double rms, largest;
    char error[256];
    (void)state;
    make_pair(40, 30, GMLP_SRGB, 0, &sdr, &hdr);
    base = encoded(&sdr, 3);
    assert_int_equal(gmlp_convert(&hdr, &pq, NULL), GMLP_OK);
    if (ultrahdr_encode(base.p, base.n, &pq, &opts, &file, &size, error)) fail_msg("%s", error);
    u = read_back(file, size, INFINITY);
    compare(&u.hdr, &hdr, &rms, &largest);
    assert_true(rms < 0.02);
    ultrahdr_free(&u);
    free(file);

    for (i = 0; i < 40 * 30 * 3; i++) ((float *)wild.data)[i] = i % 4 == 0 ? NAN : i % 4 == 1 ? INFINITY : i % 4 == 2 ? -1e30f : 1.0f;
    if (ultrahdr_encode(base.p, base.n, &wild, &opts, &file, &size, error)) fail_msg("%s", error);
    u = read_back(file, size, INFINITY);
    for (i = 0; i < 40 * 30 * 3; i++) assert_true(isfinite(((float *)u.hdr.data)[i]));
    ultrahdr_free(&u);
    free(file);

    grey = encoded(&sdr, 1); /* 40 codes a row of the 120: any grey picture */
    if (ultrahdr_encode(grey.p, grey.n, &hdr, NULL, &file, &size, error)) fail_msg("%s", error);
    u = read_back(file, size, INFINITY);
    ultrahdr_free(&u);
    free(file);

    /* nothing to brighten */
    if (ultrahdr_encode(base.p, base.n, &sdr, &opts, &file, &size, error)) fail_msg("%s", error);
    u = read_back(file, size, 0);
    assert_int_equal(gmlp_convert(&sdr, &wild, NULL), GMLP_OK);
    compare(&u.hdr, &wild, &rms, &largest);
    assert_true(rms < 0.05);
    ultrahdr_free(&u);
    u = read_back(file, size, INFINITY);
    compare(&u.hdr, &wild, &rms, &largest);
    assert_true(rms < 0.02);
    ultrahdr_free(&u);
    free(file);
    free(sdr.data);
    free(hdr.data);
    free(pq.data);
    free(wild.data);
}

static void says_what_is_wrong(void **state) {
    gmlp_image sdr, hdr, small = new_image(8, 8, GMLP_F32, GMLP_SRGB_LINEAR);
    ultrahdr_write_opts opts = { 129, 0, 0 };
    bytes base, damaged;
    uint8_t *file, *again;
    size_t size, again_size;
    ultrahdr_picture u;
    char error[256];
    (void)state;
    make_pair(40, 30, GMLP_SRGB, 0, &sdr, &hdr);
    base = encoded(&sdr, 3);
    assert_int_equal(ultrahdr_encode(base.p, base.n, &small, NULL, &file, &size, error), -1);
    assert_string_equal(error, "the base: the HDR picture has 8 x 8 pixels, the base 40 x 30");
    assert_int_equal(ultrahdr_encode(base.p, base.n, &hdr, &opts, &file, &size, error), -1);
    assert_non_null(strstr(error, "its scale is 1 to 128"));
    assert_int_equal(ultrahdr_read_memory(base.p, base.n, "a.jpg", 0, &u, error), -1);
    assert_non_null(strstr(error, "a.jpg: the file has no gain map"));
    assert_int_equal(ultrahdr_read("/nowhere/a.jpg", 0, &u, error), -1);
    assert_non_null(strstr(error, "/nowhere/a.jpg"));
    if (ultrahdr_encode(base.p, base.n, &hdr, NULL, &file, &size, error)) fail_msg("%s", error);
    damaged.n = 0;
    add(&damaged, file, size);
    memset(damaged.p + size - 40, 0xff, 38); /* the map's scan: filled with markers' beginnings */
    damaged.p[size - 42] = 0xff;
    damaged.p[size - 41] = 0xd9;
    assert_int_equal(ultrahdr_read_memory(damaged.p, damaged.n, "a.jpg", 0, &u, error), -1);
    assert_non_null(strstr(error, "a.jpg: "));
    assert_null(u.hdr.data);
    assert_null(u.base.image.data);
    assert_int_equal(ultrahdr_encode(file, size, &hdr, NULL, &again, &again_size, error), -1);
    assert_non_null(strstr(error, "already"));
    free(file);
    free(small.data);
    free(sdr.data);
    free(hdr.data);
}

/* A whole small file, cut and with single bytes changed: an answer in any case, for the sanitizers to look at. */
static void reads_damaged_files(void **state) {
    gmlp_image sdr, hdr;
    bytes base;
    uint8_t *file, *p;
    size_t size, n;
    uint32_t seed = 1;
    ultrahdr_picture u;
    char error[256];
    (void)state;
    make_pair(24, 16, GMLP_P3, 0, &sdr, &hdr);
    base = encoded(&sdr, 3);
    if (ultrahdr_encode(base.p, base.n, &hdr, NULL, &file, &size, error)) fail_msg("%s", error);
    for (n = 0; n < size; n++) {
        p = (uint8_t *)malloc(n ? n : 1);
        assert_non_null(p);
        memcpy(p, file, n);
        if (!ultrahdr_read_memory(p, n, "a.jpg", INFINITY, &u, error)) fail_msg("%lu of %lu bytes are taken", (unsigned long)n, (unsigned long)size);
        assert_true(!strncmp(error, "a.jpg: ", 7) && !u.hdr.data && !u.base.image.data);
        free(p);
    }
    for (n = 0; n < 2000; n++) {
        size_t at;
        uint8_t was;
        seed = seed * 1664525u + 1013904223u;
        at = (seed >> 8) % size;
        was = file[at];
        file[at] = (uint8_t)(was ^ (1 + n % 255));
        error[0] = 0;
        if (ultrahdr_read_memory(file, size, "a.jpg", INFINITY, &u, error)) assert_true(!strncmp(error, "a.jpg: ", 7));
        else ultrahdr_free(&u);
        file[at] = was;
    }
    free(file);
    free(sdr.data);
    free(hdr.data);
}

/* libultrahdr's rendition of three photographs, in parts of 256 x 256: uhdr_NN.jpg and uhdr_NN_reference_crop.npy in the
   folder ULTRAHDR_REFERENCES of the environment, else skipped. It looks the curve up in 1024 steps, which alone is up to
   0.8 % at a hundredth of white. */
static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void matches_libultrahdr(void **state) {
    static const char *const names[] = { "01", "02", "04" };
    enum { SIDE = 256, TOP = 1280, LEFT = 1792, HEAD = 128 };
    const char *const folder = getenv("ULTRAHDR_REFERENCES");
    static uint16_t reference[SIDE * SIDE * 4];
    static double errors[SIDE * SIDE * 3];
    size_t i;
    (void)state;
    for (i = 0; i < 3; i++) {
        char path[1000], error[256];
        ultrahdr_picture u;
        size_t n = 0, k;
        FILE *f;
        snprintf(path, sizeof path, "%s/uhdr_%s_reference_crop.npy", folder ? folder : ".", names[i]);
        f = folder ? fopen(path, "rb") : NULL;
        if (!f) {
            printf("skipped: no %s\n", path);
            continue;
        }
        assert_int_equal(fseek(f, HEAD, SEEK_SET), 0);
        assert_int_equal(fread(reference, sizeof *reference, SIDE * SIDE * 4, f), SIDE * SIDE * 4);
        fclose(f);
        snprintf(path, sizeof path, "%s/uhdr_%s.jpg", folder, names[i]);
        if (ultrahdr_read(path, INFINITY, &u, error)) fail_msg("%s", error);
        assert_int_equal(u.hdr.space, GMLP_SRGB_LINEAR);
        for (k = 0; k < SIDE * SIDE * 3; k++) {
            const size_t pixel = k / 3, row = TOP + pixel / SIDE, column = LEFT + pixel % SIDE;
            const double want = (double)gmlp_half_to_float(reference[4 * pixel + k % 3]);
            const double v = (double)((const float *)u.hdr.data)[(row * u.hdr.width + column) * 3 + k % 3];
            if (want > 0.01) errors[n++] = fabs(v - want) / want;
        }
        qsort(errors, n, sizeof *errors, by_size);
        printf("uhdr_%s: relative error %.3f %% in the middle, %.3f %% at 99.9 %%, %.3f %% at most\n", names[i], 100 * errors[n / 2],
               100 * errors[n * 999 / 1000], 100 * errors[n - 1]);
        assert_true(n > SIDE * SIDE * 2);
        assert_true(errors[n - 1] < 0.01);
        ultrahdr_free(&u);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_index),
        cmocka_unit_test(finds_by_directory), cmocka_unit_test(goes_on_searching),
        cmocka_unit_test(reads_xmp),
        cmocka_unit_test(refuses_xmp),
        cmocka_unit_test(reads_iso),
        cmocka_unit_test(weighs),
        cmocka_unit_test(refuses_damage),
        cmocka_unit_test(refuses_every_prefix),
        cmocka_unit_test(lives_through_every_byte),
        cmocka_unit_test(writes_the_container),
        cmocka_unit_test(metadata_there_and_back),
        cmocka_unit_test(adds_to_xmp),
        cmocka_unit_test(takes_apart),
        cmocka_unit_test(takes_apart_odd_places),
        cmocka_unit_test(takes_a_film_away),
        cmocka_unit_test(takes_an_extended_packet_away),
        cmocka_unit_test(reads_apple),
        cmocka_unit_test(refuses_to_join),
        cmocka_unit_test(applies_the_formula),
        cmocka_unit_test(applies_apples),
        cmocka_unit_test(samples_the_map),
        cmocka_unit_test(honours_the_maps_primaries),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(keeps_a_network),
        cmocka_unit_test(writes_unusual_pairs),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(reads_damaged_files),
        cmocka_unit_test(matches_libultrahdr)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
