/* What a file holds beside its pixels, in hand-made files, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "work/extras.h"

enum { EXTRAS_ALL = EXTRAS_GAIN_MAP | EXTRAS_BEHIND };

typedef struct bytes {
    uint8_t p[4000];
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

static void begin(bytes *b) {
    b->n = 0;
    add(b, "\xff\xd8", 2);
}
static void end(bytes *b) { add(b, "\xff\xda\0\2ab\xff\xd9", 8); }

static void add_xmp(bytes *b, const char *attributes) {
    bytes body = { { 0 }, 0 };
    add(&body, "http://ns.adobe.com/xap/1.0/", 29);
    add(&body, "<x:xmpmeta xmlns:x='adobe:ns:meta/' x:xmptk='t'><rdf:RDF xmlns:rdf='r'><rdf:Description ", 88);
    add(&body, attributes, strlen(attributes));
    add(&body, "/></rdf:RDF></x:xmpmeta>", 24);
    add_segment(b, 0xe1, body.p, body.n);
}

static const uint8_t big[] = "Exif\0\0MM\0*\0\0\0\10\0\2\1\17\0\2\0\0\0\4abc\0\1\22\0\3\0\0\0\1\0\6\0\0\0\0\0\0";
static const uint8_t little[] = "Exif\0\0II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\10\0\0\0\0\0\0\0";

static extras find(const bytes *b) {
    extras x;
    extras_find(b->p, b->n, &x);
    return x;
}

static void notes_are(const extras *x, int what, const char *text) {
    char notes[PICTURE_NOTES] = "";
    extras_note(x, what, notes);
    assert_string_equal(notes, text);
}

static void reads_orientation(void **state) {
    bytes b;
    extras x;
    size_t n;
    (void)state;
    begin(&b);
    add_segment(&b, 0xe1, big, sizeof big - 1);
    end(&b);
    x = find(&b);
    assert_int_equal(x.orientation, 6);
    assert_string_equal(extras_turned(&x), "EXIF orientation 6: a quarter turn clockwise");
    begin(&b);
    add_segment(&b, 0xe1, little, sizeof little - 1);
    end(&b);
    assert_int_equal(find(&b).orientation, 8);
    for (n = 6; n < sizeof little - 1; n++) { /* cut short, it says nothing until the entry is whole */
        begin(&b);
        add_segment(&b, 0xe1, little, n);
        end(&b);
        assert_int_equal(find(&b).orientation, n >= 6 + 8 + 2 + 12 ? 8 : 0);
    }
    b.n = 0;
    add(&b, "\211PNG\r\n\032\n\0\0\0\15IHDR\0\0\0\1\0\0\0\1\10\2\0\0\0crc4", 33);
    add(&b, "\0\0\0\32eXIf", 8);
    add(&b, little + 6, 26);
    add(&b, "crc4\0\0\0\0IENDcrc4", 16);
    assert_int_equal(find(&b).orientation, 8);
    b.p[33 + 3] = 0xff; /* longer than the file */
    assert_int_equal(find(&b).orientation, 0);
    begin(&b);
    end(&b);
    x = find(&b);
    assert_null(extras_turned(&x));
    x.orientation = 1;
    assert_null(extras_turned(&x));
}

static void tells_what_lies_behind(void **state) {
    static const struct {
        const char *xmp;
        int gain_map, video;
    } cases[] = { { "xmlns:dc='d' dc:title='x'", 0, 0 },
                  { "xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/' hdrgm:Version='1.0'", 1, 0 },
                  { "xmlns:G='http://ns.google.com/photos/1.0/camera/' G:MotionPhoto='1'", 0, 1 },
                  { "xmlns:G='http://ns.google.com/photos/1.0/camera/' G:MicroVideo='1' G:burst='2'", 0, 1 } };
    bytes b;
    extras x;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&b);
        add_xmp(&b, cases[i].xmp);
        end(&b);
        x = find(&b);
        assert_int_equal(x.gain_map, cases[i].gain_map);
        assert_int_equal(x.index, cases[i].gain_map);
        assert_int_equal(x.video, cases[i].video);
    }
    begin(&b);
    end(&b);
    x = find(&b);
    notes_are(&x, EXTRAS_ALL, "");
    add(&b, "\0\0\0", 3); /* padding is nothing that gets lost */
    x = find(&b);
    notes_are(&x, EXTRAS_ALL, "");
    add(&b, "x", 1);
    x = find(&b);
    notes_are(&x, EXTRAS_ALL, "4 bytes behind the picture are left out\n");
    notes_are(&x, EXTRAS_GAIN_MAP, "");
    begin(&b);
    add_segment(&b, 0xe2, "MPF\0MM\0*\0\0\0\10\0\0", 14);
    end(&b);
    add(&b, "x", 1);
    x = find(&b);
    assert_int_equal(x.index, 1);
    notes_are(&x, EXTRAS_ALL, "1 bytes behind the picture are left out (further pictures)\n");
    memset(&x, 0, sizeof x);
    x.gain_map = x.video = 1;
    notes_are(&x, EXTRAS_GAIN_MAP,
              "the gain map is left out; 'gamutmlp hdr-encode' of this file alone keeps its HDR\n");
    notes_are(&x, EXTRAS_BEHIND, "the video of the motion photo is left out\n");
}

/* Every prefix, and every byte changed, is looked at without harm. */
static void lives_through_damage(void **state) {
    bytes b, cut;
    size_t i;
    (void)state;
    begin(&b);
    add_segment(&b, 0xe1, big, sizeof big - 1);
    add_xmp(&b, "xmlns:dc='d' dc:title='x'");
    end(&b);
    for (i = 0; i < b.n; i++) {
        cut = b;
        cut.n = i;
        find(&cut);
        cut.n = b.n;
        cut.p[i] ^= 0xff;
        find(&cut);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(reads_orientation), cmocka_unit_test(tells_what_lies_behind),
                                        cmocka_unit_test(lives_through_damage) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
