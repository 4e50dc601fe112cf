/* What goes from one file into another, and what is left of a JPEG that keeps its picture alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pictures/formats.h"
#include "work/kept.h"

#define PACKET(inside) "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='r'>" inside "</rdf:RDF></x:xmpmeta>"

/* What the packet becomes. */
static void expect_packet(const char *packet, const char *want) {
    picture p;
    memset(&p, 0, sizeof p);
    assert_int_equal(metadata_set(&p.metadata, METADATA_XMP, packet, strlen(packet)), 0);
    kept_for(&p, "out.png", 0);
    assert_int_equal(p.metadata.blocks[METADATA_XMP].size, strlen(want));
    if (*want) assert_memory_equal(p.metadata.blocks[METADATA_XMP].bytes, want, strlen(want));
    assert_int_equal(p.left[0] != 0, strstr(packet, "of no namespace") != NULL); /* told */
    picture_free(&p);
}

static void packets(void **state) {
    (void)state;
    expect_packet(PACKET("<rdf:Description dc:title='a'/>"), PACKET("<rdf:Description dc:title='a'/>"));
    /* the network, as it is written: without a rest; and among other properties */
    expect_packet(PACKET("<rdf:Description dc:title='a'/><rdf:Description rdf:about=\"\" "
                         "xmlns:GamutMLP=\"urn:gamutmlp:1#\" GamutMLP:Blob=\"abcd\"/>"),
                  PACKET("<rdf:Description dc:title='a'/>"));
    expect_packet(PACKET("<rdf:Description xmlns:GamutMLP='urn:gamutmlp:1#' GamutMLP:Blob='abcd' dc:title='a'/>"),
                  PACKET("<rdf:Description   dc:title='a'/>"));
    expect_packet(PACKET("<rdf:Description xmlns:GamutMLP='urn:gamutmlp:1#' dc:title='a'><GamutMLP:Blob>abcd"
                         "</GamutMLP:Blob></rdf:Description>"),
                  PACKET("<rdf:Description  dc:title='a'></rdf:Description>"));
    expect_packet(
        PACKET("<rdf:Description rdf:about=\"\" xmlns:GamutMLP=\"urn:gamutmlp:1#\" GamutMLP:Blob=\"abcd\"/>"), "");
    /* what is not in the new file */
    expect_packet(PACKET("<rdf:Description xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/' hdrgm:Version='1.0' "
                         "dc:title='a'/>"),
                  PACKET("<rdf:Description   dc:title='a'/>"));
    expect_packet(PACKET("<rdf:Description xmlns:G='http://ns.google.com/photos/1.0/camera/' G:MotionPhoto='1' "
                         "G:burst='2'/>"),
                  PACKET("<rdf:Description xmlns:G='http://ns.google.com/photos/1.0/camera/'  G:burst='2'/>"));
    expect_packet(PACKET("<rdf:Description xmlns:n='http://ns.adobe.com/xmp/note/' n:HasExtendedXMP='AB' n:a='b'/>"),
                  PACKET("<rdf:Description xmlns:n='http://ns.adobe.com/xmp/note/'  n:a='b'/>"));
    expect_packet(PACKET("<rdf:Description GamutMLP:Blob='of no namespace'/>"), "");
}

static void stripped(void **state) {
    picture p;
    int k;
    (void)state;
    memset(&p, 0, sizeof p);
    for (k = 0; k < METADATA_KINDS; k++) assert_int_equal(metadata_set(&p.metadata, k, "II*\0\0\0\0\0", 8), 0);
    kept_for(&p, "out.exr", 1);
    for (k = 0; k < METADATA_KINDS; k++) assert_null(p.metadata.blocks[k].bytes);
    assert_string_equal(p.left, "");
}

#define JFIF "\xff\xe0\0\7JFIF\0"
#define EXIF_OF(turned) "\xff\xe1\0\x22" "Exif\0\0II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0" turned "\0\0\0\0\0\0\0"
#define ICC "\xff\xe2\0\x0f" "ICC_PROFILE\0" "i"
#define ADOBE "\xff\xee\0\x0c" "Adobe-----"
#define TABLES "\xff\xdb\0\4ab"
#define SCAN "\xff\xda\0\4abdata\xff\xd9"
#define BEHIND "behind"

static void expect_bare(const char *jpeg, size_t size, const char *want, size_t want_size) {
    uint8_t *bare;
    size_t bare_size;
    assert_int_equal(kept_bare((const uint8_t *)jpeg, size, &bare, &bare_size), 0);
    assert_int_equal(bare_size, want_size);
    assert_memory_equal(bare, want, want_size);
    free(bare);
}

static void bare_files(void **state) {
    static const char full[] = "\xff\xd8" JFIF EXIF_OF("\1") "\xff\xe1\0\x20" "http://ns.adobe.com/xap/1.0/\0x"
                               "\xff\xed\0\x11" "Photoshop 3.0\0x" ICC ADOBE "\xff\xfe\0\4ab"
                               "\xff\xe2\0\7MPF\0x" TABLES SCAN BEHIND;
    static const char turned[] = "\xff\xd8" JFIF ICC EXIF_OF("\6") TABLES SCAN;
    static const char no_jfif[] = "\xff\xd8" EXIF_OF("\6") TABLES SCAN;
    static const char full_bare[] = "\xff\xd8" JFIF ICC ADOBE TABLES SCAN;
    static const char turned_bare[] = "\xff\xd8" JFIF EXIF_OF("\6") ICC TABLES SCAN;
    uint8_t *bare;
    size_t n, size;
    (void)state;
    expect_bare(full, sizeof full - 1, full_bare, sizeof full_bare - 1);
    expect_bare(turned, sizeof turned - 1, turned_bare, sizeof turned_bare - 1);
    expect_bare(no_jfif, sizeof no_jfif - 1, no_jfif, sizeof no_jfif - 1);
    for (n = 0; n < sizeof full - sizeof(SCAN BEHIND); n++) /* cut before the scan */
        assert_int_equal(kept_bare((const uint8_t *)full, n, &bare, &size), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(packets), cmocka_unit_test(stripped),
                                        cmocka_unit_test(bare_files) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
