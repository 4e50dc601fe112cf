/* XMP packets in two parts, as long ones lie in a JPEG. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pictures/formats.h"
#include "work/digest.h"
#include "work/kept.h"
#include "work/packets.h"

/* RFC 1321's own. */
static void digests(void **state) {
    static const char *const known[][2] = {
        { "", "D41D8CD98F00B204E9800998ECF8427E" },
        { "a", "0CC175B9C0F1B6A831C399E269772661" },
        { "abc", "900150983CD24FB0D6963F7D28E17F72" },
        { "message digest", "F96B697D7CB7938D525A2F31AAF161D0" },
        { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "D174AB98D277D9F5A5611C2C9F419D9F" },
        { "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
          "57EDF4A22BE3C955AC49DA2E2107B67A" }
    };
    char got[33];
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        md5_hex(known[i][0], strlen(known[i][0]), got);
        assert_string_equal(got, known[i][1]);
    }
}

static slice slice_of(const char *text) {
    slice s;
    s.p = text;
    s.n = strlen(text);
    return s;
}

#define PACKET(inside) "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='r'>" inside "</rdf:RDF></x:xmpmeta>"

static void expect_joined(const char *packet, const char *extension, const char *want) {
    buffer out = { NULL, 0, 0, 0 };
    const int bad = packet_join(&out, slice_of(packet), slice_of(extension));
    assert_int_equal(bad, want ? 0 : -1);
    if (want && (out.n != strlen(want) || memcmp(out.p, want, out.n) != 0))
        fail_msg("%.*s\n  instead of\n%s", (int)out.n, (char *)out.p, want);
    free(out.p);
}

static void joined(void **state) {
    (void)state;
    expect_joined(PACKET("<rdf:Description a:b='1'/>"), PACKET("<rdf:Description c:d='2'><c:e>3</c:e></rdf:Description>"),
                  PACKET("<rdf:Description a:b='1'/><rdf:Description xmlns:rdf='r' c:d='2'><c:e>3</c:e>"
                         "</rdf:Description>"));
    /* what is declared outside goes with it, once */
    expect_joined(PACKET(""), "<x:xmpmeta xmlns:x='x' xmlns:c='outer' xmlns:f='f'><rdf:RDF xmlns:rdf='r' xmlns:c='c'>"
                              "<rdf:Description xmlns:f='own'/><rdf:Description/></rdf:RDF></x:xmpmeta>",
                  PACKET("<rdf:Description xmlns:rdf='r' xmlns:c='c' xmlns:f='own'/>"
                         "<rdf:Description xmlns:f='f' xmlns:rdf='r' xmlns:c='c'/>"));
    expect_joined(PACKET(""), "no packet", NULL);
    expect_joined("<x:xmpmeta>", PACKET(""), NULL);
    expect_joined(PACKET(""), "<rdf:RDF><rdf:Description>", NULL);
}

/* A packet of some properties, one of them long. */
static char *long_packet(size_t size) {
    char *text = (char *)malloc(size + 2000), *to = text;
    to += sprintf(to, "<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
                      "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:dc='d'>"
                      "<rdf:Description rdf:about='u' xmlns:p='p:' tiff:Orientation='6'><dc:title>short</dc:title>"
                      "<p:History><rdf:Seq>");
    while ((size_t)(to - text) < size) to += sprintf(to, "<rdf:li>step %d</rdf:li>", (int)(to - text));
    sprintf(to, "</rdf:Seq></p:History></rdf:Description><rdf:Description xmlns:q='q:'><q:last>1</q:last>"
                "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>");
    return text;
}

static void parted(void **state) {
    char *packet = long_packet(3000), digest[33];
    const char *from = strstr(packet, "<p:History>"), *to = strstr(packet, "</p:History>") + 12;
    buffer out = { NULL, 0, 0, 0 }, more = { NULL, 0, 0, 0 }, whole = { NULL, 0, 0, 0 };
    slice rest, name, value;
    tag t;
    int depth = 0;
    (void)state;
    assert_int_equal(packet_part(&out, &more, slice_of(packet), 1000), 0);
    assert_in_range(out.n, 1, 1000);
    /* the first is what it was without it, but for the digest */
    assert_memory_equal(out.p, packet, (size_t)(from - packet));
    assert_memory_equal(out.p + (from - packet), to, 60);
    md5_hex(more.p, more.n, digest);
    assert_memory_equal(xmp_extension(out.p, out.n), digest, 32);
    /* the second has it whole, with what its names need */
    buffer_put(&more, "", 1);
    assert_non_null(strstr((char *)more.p, "<rdf:Description rdf:about='u' xmlns:p='p:' "
                                          "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:dc='d'>"
                                          "<p:History>"));
    assert_null(strstr((char *)more.p, "dc:title"));
    assert_null(strstr((char *)more.p, "Orientation"));
    more.n--;
    /* both are XML, as far as tags go, and the joined one has every property again */
    rest.p = (const char *)out.p;
    rest.n = out.n;
    name.p = (const char *)more.p;
    name.n = more.n;
    assert_int_equal(packet_join(&whole, rest, name), 0);
    rest.p = (const char *)whole.p;
    rest.n = whole.n;
    assert_true(slice_contains(rest, "<dc:title>short</dc:title>") && slice_contains(rest, "<q:last>1</q:last>"));
    assert_true(slice_contains(rest, "<rdf:li>step 400</rdf:li>") || slice_contains(rest, "<p:History><rdf:Seq>"));
    while (xmp_next_tag(&rest, &t)) {
        depth += t.closes ? -1 : !t.empty;
        assert_true(depth >= 0);
        while (xmp_next_attribute(&t.attributes, &name, &value)) assert_true(name.n > 0);
    }
    assert_int_equal(depth, 0);
    free(out.p);
    free(more.p);
    free(whole.p);
    free(packet);
}

static void not_parted(void **state) {
    char attributes[3000] = PACKET("");
    buffer out = { NULL, 0, 0, 0 }, more = { NULL, 0, 0, 0 };
    (void)state;
    assert_int_equal(packet_part(&out, &more, slice_of("<a><b></b></a>"), 4), -1);
    sprintf(attributes, "<rdf:RDF><rdf:Description a='%02000d'/></rdf:RDF>", 1); /* no properties that could go */
    assert_int_equal(packet_part(&out, &more, slice_of(attributes), 1000), -1);
    free(out.p);
    free(more.p);
}

/* Strangers': many descriptions, each of which would get a copy of all that is declared. */
static void bounded(void **state) {
    static const char end[] = "</rdf:RDF>";
    const size_t size = (size_t)8 << 20;
    char *text = (char *)malloc(size + 100), *to = text;
    buffer out = { NULL, 0, 0, 0 };
    slice s;
    int i;
    (void)state;
    to += sprintf(to, "<rdf:RDF");
    for (i = 0; i < 100; i++) to += sprintf(to, " xmlns:n%d='a name'", i);
    *to++ = '>';
    while (to < text + size) to += sprintf(to, "<d/>");
    to += sprintf(to, "%s", end);
    s.p = text;
    s.n = (size_t)(to - text);
    assert_int_equal(packet_join(&out, slice_of(PACKET("")), s), -1);
    assert_in_range(out.n, 0, 3 * METADATA_MOST);
    free(out.p);
    free(text);
}

/* Cut anywhere, and with any byte changed: no harm. */
static void damaged(void **state) {
    char *packet = long_packet(600);
    const size_t size = strlen(packet);
    size_t i, k;
    (void)state;
    for (i = 0; i < size; i++)
        for (k = 0; k < 6; k++) {
            static const char to[] = "<>/\"\0";
            const size_t n = k < 5 ? size : i;
            char *exactly = (char *)malloc(n ? n : 1);
            buffer out = { NULL, 0, 0, 0 }, more = { NULL, 0, 0, 0 }, whole = { NULL, 0, 0, 0 };
            slice s;
            memcpy(exactly, packet, n);
            if (k < 5) exactly[i] = to[k];
            s.p = exactly;
            s.n = n;
            packet_part(&out, &more, s, 500);
            packet_join(&whole, s, s);
            packet_join(&whole, slice_of(packet), s);
            free(out.p);
            free(more.p);
            free(whole.p);
            free(exactly);
        }
    free(packet);
}

/* Through a JPEG: two parts in three segments or more, and one again for another format. */
static void through_a_jpeg(void **state) {
    char *packet = long_packet(200000);
    uint8_t pixels[8 * 8 * 3] = { 0 };
    gmlp_image image;
    picture_write_opts opts;
    picture p;
    uint8_t *bytes;
    size_t size, i, segments = 0;
    char error[256];
    (void)state;
    memset(&image, 0, sizeof image);
    image.data = pixels;
    image.width = image.height = 8;
    image.type = GMLP_U8;
    image.space = GMLP_SRGB;
    memset(&opts, 0, sizeof opts);
    memset(&p, 0, sizeof p);
    assert_int_equal(metadata_set(&p.metadata, METADATA_XMP, packet, strlen(packet)), 0);
    kept_for(&p, "a.jpg", 0);
    assert_string_equal(p.left, "");
    assert_in_range(p.metadata.blocks[METADATA_XMP].size, 1, 40000);
    assert_in_range(p.metadata.blocks[METADATA_EXTENSION].size, 200000, 210000);
    opts.metadata = &p.metadata;
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_JPEG, &image, &opts, &bytes, &size, error), 0);
    picture_free(&p);
    for (i = 0; i + 35 < size; i++) segments += !memcmp(bytes + i, "http://ns.adobe.com/xmp/extension/", 35);
    assert_int_equal(segments, 4);
    assert_int_equal(picture_read_memory(bytes, size, "x", 0, &p, error), 0);
    assert_string_equal(p.left, "");
    kept_for(&p, "a.png", 0);
    assert_string_equal(p.left, "");
    assert_null(p.metadata.blocks[METADATA_EXTENSION].bytes);
    assert_in_range(p.metadata.blocks[METADATA_XMP].size, 200000, 210000);
    assert_null(xmp_extension(p.metadata.blocks[METADATA_XMP].bytes, p.metadata.blocks[METADATA_XMP].size));
    {
        const slice all = { (const char *)p.metadata.blocks[METADATA_XMP].bytes, p.metadata.blocks[METADATA_XMP].size };
        const char *from = strstr(packet, "<p:History>"), *to = strstr(packet, "</p:History>");
        const char *hit = strstr(all.p, "<p:History>"); /* the packet ends with text */
        assert_non_null(hit);
        assert_memory_equal(hit, from, (size_t)(to - from));
    }
    picture_free(&p);
    for (i = 0; i + 35 < size; i++) /* one segment is damaged: the packet is there without it, and that is told */
        if (!memcmp(bytes + i, "http://ns.adobe.com/xmp/extension/", 35)) {
            bytes[i + 36] ^= 1;
            break;
        }
    assert_int_equal(picture_read_memory(bytes, size, "x", 0, &p, error), 0);
    assert_non_null(strstr(p.left, "its extended XMP is not carried over"));
    assert_non_null(p.metadata.blocks[METADATA_XMP].bytes);
    assert_null(p.metadata.blocks[METADATA_EXTENSION].bytes);
    picture_free(&p);
    free(bytes);
    free(packet);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(digests),    cmocka_unit_test(joined),
                                        cmocka_unit_test(parted),     cmocka_unit_test(not_parted),
                                        cmocka_unit_test(bounded),    cmocka_unit_test(damaged),
                                        cmocka_unit_test(through_a_jpeg) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
