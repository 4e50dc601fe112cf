/* >>jpeg: blobs in JPEG files. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "tests/carrier.h"
#include <jpeglib.h>
#include <lcms2.h>

enum { W = 24, H = 16, APP = GMLP_CARRIER_JPEG_APP, COM = GMLP_CARRIER_JPEG_COM, XMP = GMLP_CARRIER_XMP, ALL = APP | COM | XMP };
static const int single[3] = {APP, COM, XMP};

#define XMP_ID "http://ns.adobe.com/xap/1.0/\0"
static const char foreign_xmp[] =
    XMP_ID "<?xpacket begin=\"\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF "
    "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description rdf:about=\"\" "
    "xmlns:dc=\"http://purl.org/dc/elements/1.1/\" dc:format=\"image/jpeg\"/></rdf:RDF></x:xmpmeta>   <?xpacket end=\"w\"?>";

/* A real file; tagged: with EXIF, XMP, an ICC profile, a comment and private segments of others. */
static buffer make_jpeg(int tagged) {
    static const uint8_t exif[] = "Exif\0\0II*\0\10\0\0\0\0\0\0\0\0";
    buffer b = {NULL, 0, 0};
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr e;
    unsigned char row[W * 3], *p = NULL;
    unsigned long size = 0;
    JSAMPROW rows = row;
    int i;
    c.err = jpeg_std_error(&e);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &p, &size);
    c.image_width = W;
    c.image_height = H;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_start_compress(&c, TRUE);
    if (tagged) {
        jpeg_write_marker(&c, 0xe1, exif, sizeof exif - 1);
        jpeg_write_marker(&c, 0xe1, (const JOCTET *)foreign_xmp, sizeof foreign_xmp - 1);
        jpeg_write_marker(&c, 0xe2, (const JOCTET *)"ICC_PROFILE\0\1\1not looked into", 30);
        jpeg_write_marker(&c, 0xeb, (const JOCTET *)"JP\0\1\0\0\0\1", 8);
        jpeg_write_marker(&c, 0xeb, (const JOCTET *)"GamutMLPlike", 12);
        jpeg_write_marker(&c, 0xfe, (const JOCTET *)"GamutMLP is not this", 20);
    }
    while (c.next_scanline < H) {
        for (i = 0; i < W * 3; i++) row[i] = (unsigned char)(i * 3 + (int)c.next_scanline * 7);
        jpeg_write_scanlines(&c, &rows, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    append(&b, p, size);
    free(p);
    return b;
}

static void decode(const buffer *b, uint8_t *pixels) {
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr e;
    d.err = jpeg_std_error(&e);
    jpeg_create_decompress(&d);
    jpeg_mem_src(&d, b->p, b->n);
    assert_int_equal(jpeg_read_header(&d, TRUE), JPEG_HEADER_OK);
    jpeg_start_decompress(&d);
    assert_int_equal(d.output_width, W);
    while (d.output_scanline < H) {
        JSAMPROW row = pixels + 3 * W * d.output_scanline;
        jpeg_read_scanlines(&d, &row, 1);
    }
    jpeg_finish_decompress(&d);
    assert_int_equal(e.num_warnings, 0);
    jpeg_destroy_decompress(&d);
}

/* The segments as this test sees them. */
typedef struct segment {
    int marker;
    const uint8_t *p;
    size_t n;
} segment;

static int segments(const buffer *b, segment *s, int most) {
    size_t i = 2;
    int count = 0;
    while (count < most) {
        assert_true(i + 4 <= b->n && b->p[i] == 0xff);
        s[count].marker = b->p[i + 1];
        s[count].p = b->p + i + 4;
        s[count].n = (size_t)(b->p[i + 2] << 8 | b->p[i + 3]) - 2;
        if (s[count++].marker == 0xda) return count;
        i += 2 + (size_t)(b->p[i + 2] << 8 | b->p[i + 3]);
    }
    return count;
}

static void test_round_trip(void **state) {
    buffer blob = make_blob(32, 8, 8, 1), other = make_blob(16, 4, 7, 2), out, again, plain;
    uint8_t before[W * H * 3], after[W * H * 3];
    int tagged, i;
    (void)state;
    for (tagged = 0; tagged < 2; tagged++) {
        buffer file = make_jpeg(tagged);
        decode(&file, before);
        assert_int_equal(gmlp_container_kind(file.p, file.n), GMLP_CONTAINER_JPEG);
        assert_int_equal(extract_result(file.p, file.n, NULL), GMLP_E_NOT_FOUND);
        assert_int_equal(gmlp_carriers_present(file.p, file.n, NULL), 0);
        plain = strip(&file);
        assert_equal(&plain, &file);
        drop(&plain);
        for (i = 0; i < 5; i++) {
            const int carriers = i < 3 ? single[i] : i == 3 ? ALL : 0, expected = i < 4 ? carriers : COM | XMP;
            out = embed(&file, &blob, carriers, 1);
            assert_int_equal(gmlp_carriers_present(out.p, out.n, NULL), expected);
            assert_holds(&out, &blob);
            decode(&out, after);
            assert_memory_equal(before, after, sizeof before);
            plain = strip(&out);
            assert_equal(&plain, &file);
            drop(&plain);
            /* another blob takes the place of the first, in every carrier */
            again = embed(&out, &other, COM, 1);
            assert_int_equal(gmlp_carriers_present(again.p, again.n, NULL), COM);
            assert_holds(&again, &other);
            plain = embed(&file, &other, COM, 1);
            assert_equal(&plain, &again);
            drop(&plain);
            drop(&again);
            again = embed(&out, &blob, carriers, 1);
            assert_equal(&again, &out);
            drop(&again);
            drop(&out);
        }
        drop(&file);
    }
    drop(&blob);
    drop(&other);
}

/* What was there stays, in its order; JFIF comes first; the packet that was there is added to. */
static void test_metadata_stays(void **state) {
    buffer file = make_jpeg(1), blob = make_blob(16, 4, 8, 1), out = embed(&file, &blob, 0, 0);
    segment a[32], b[32];
    int na = segments(&file, a, 32), nb = segments(&out, b, 32), i, j = 0, added = 0;
    (void)state;
    assert_int_equal(b[0].marker, 0xe0);
    for (i = 0; i < nb; i++) {
        if (j < na && a[j].marker == b[i].marker && a[j].n == b[i].n && !memcmp(a[j].p, b[i].p, a[j].n)) j++;
        else if (b[i].marker == 0xe1) {
            const size_t tail = strlen("</rdf:RDF></x:xmpmeta>   <?xpacket end=\"w\"?>"), head = a[j].n - tail;
            assert_memory_equal(a[j].p, b[i].p, head);
            assert_memory_equal(a[j].p + head, b[i].p + b[i].n - tail, tail);
            j++;
        } else {
            assert_int_equal(b[i].marker, 0xfe); /* and no profile, for there is one */
            added++;
        }
    }
    assert_int_equal(j, na);
    assert_int_equal(added, 1);
    drop(&file);
    drop(&blob);
    drop(&out);
}

static void test_color_tag(void **state) {
    buffer file = make_jpeg(0), blob = make_blob(8, 1, 8, 1), out = embed(&file, &blob, COM, 1), tagged;
    segment s[32];
    cmsHPROFILE icc, srgb = cmsCreate_sRGBProfile(), xyz = cmsCreateXYZProfile();
    cmsHTRANSFORM ours, theirs;
    cmsCIEXYZ p, q;
    uint16_t rgb[3];
    int n, i, r, g, b;
    (void)state;
    n = segments(&out, s, 32);
    for (i = 0; i < n; i++) assert_int_not_equal(s[i].marker, 0xe2);
    tagged = embed(&file, &blob, COM, 0);
    segments(&tagged, s, 32);
    assert_int_equal(s[0].marker, 0xe0);
    assert_int_equal(s[1].marker, 0xe2);
    assert_memory_equal(s[1].p, "ICC_PROFILE\0\1\1", 14);
    icc = cmsOpenProfileFromMem(s[1].p + 14, (cmsUInt32Number)s[1].n - 14);
    assert_non_null(icc);
    assert_int_equal(cmsGetDeviceClass(icc), cmsSigDisplayClass);
    assert_int_equal(cmsGetColorSpace(icc), cmsSigRgbData);
    assert_true(cmsIsMatrixShaper(icc));
    ours = cmsCreateTransform(icc, TYPE_RGB_16, xyz, TYPE_XYZ_DBL, INTENT_RELATIVE_COLORIMETRIC, cmsFLAGS_NOOPTIMIZE);
    theirs = cmsCreateTransform(srgb, TYPE_RGB_16, xyz, TYPE_XYZ_DBL, INTENT_RELATIVE_COLORIMETRIC, cmsFLAGS_NOOPTIMIZE);
    for (r = 0; r <= 65535; r += 13107)
        for (g = 0; g <= 65535; g += 13107)
            for (b = 0; b <= 65535; b += 13107) {
                rgb[0] = (uint16_t)r;
                rgb[1] = (uint16_t)g;
                rgb[2] = (uint16_t)b;
                cmsDoTransform(ours, rgb, &p, 1);
                cmsDoTransform(theirs, rgb, &q, 1);
                /* Little-CMS takes D65 from a temperature, not from 0.3127, 0.3290 */
                assert_true(p.X - q.X < 3e-4 && q.X - p.X < 3e-4 && p.Y - q.Y < 3e-4 && q.Y - p.Y < 3e-4 && p.Z - q.Z < 3e-4 && q.Z - p.Z < 3e-4);
            }
    cmsDeleteTransform(ours);
    cmsDeleteTransform(theirs);
    cmsCloseProfile(icc);
    cmsCloseProfile(srgb);
    cmsCloseProfile(xyz);
    drop(&out);
    out = embed(&tagged, &blob, COM, 0); /* not a second time */
    assert_equal(&out, &tagged);
    drop(&out);
    out = strip(&tagged); /* the tag is true without the network, too */
    assert_int_equal(out.n, file.n + 4 + s[1].n);
    drop(&file);
    drop(&blob);
    drop(&out);
    drop(&tagged);
}

/* A float network 128 wide: 145 KB. */
static void test_split(void **state) {
    buffer file = make_jpeg(0), blob = make_blob(128, 15, 32, 3), out, shuffled = {NULL, 0, 0}, less = {NULL, 0, 0};
    segment s[64];
    size_t offset = 0;
    int n, i, k;
    (void)state;
    assert_true(blob.n > 2 * 65536);
    assert_int_equal(embed_result(&file, &blob, XMP), GMLP_E_LIMIT); /* XMP can not be split; others then do alone */
    out = embed(&file, &blob, 0, 1);
    assert_int_equal(gmlp_carriers_present(out.p, out.n, NULL), COM);
    drop(&out);
    for (k = 0; k < 2; k++) {
        const int marker = k ? 0xfe : 0xeb;
        out = embed(&file, &blob, k ? COM : APP, 1);
        assert_holds(&out, &blob);
        n = segments(&out, s, 64);
        append(&shuffled, out.p, 2); /* the pieces in the opposite order, the first one twice */
        for (i = n - 2; i >= 0; i--) append(&shuffled, s[i].p - 4, s[i].n + 4);
        for (i = 0; i < n; i++)
            if (s[i].marker == marker) {
                append(&shuffled, s[i].p - 4, s[i].n + 4);
                break;
            }
        append(&shuffled, s[n - 1].p - 4, (size_t)(out.p + out.n - s[n - 1].p) + 4);
        assert_holds(&shuffled, &blob);
        append(&less, out.p, (size_t)(s[i].p - 4 - out.p)); /* without its first piece */
        append(&less, s[i].p + s[i].n, (size_t)(out.p + out.n - s[i].p) - s[i].n);
        assert_int_equal(extract_result(less.p, less.n, &offset), GMLP_E_CORRUPT);
        assert_int_equal(less.p[offset + 1], marker);
        drop(&out);
        out = strip(&less);
        assert_equal(&out, &file);
        drop(&out);
        drop(&shuffled);
        drop(&less);
    }
    drop(&file);
    drop(&blob);
}

/* Pieces that another file's network left behind do not hide a whole one. */
static void test_leftover(void **state) {
    static const uint8_t one[] = "\377\376\000\025GamutMLP 01/02 AAAA", same[] = "\377\376\000\025GamutMLP 01/01 AAAA";
    buffer file = make_jpeg(0), blob = make_blob(16, 4, 7, 2), out = embed(&file, &blob, COM, 1), both = {NULL, 0, 0};
    size_t offset = 0;
    (void)state;
    for (int k = 0; k < 2; k++) {
        append(&both, out.p, 2);
        append(&both, k ? same : one, sizeof one - 1);
        append(&both, out.p + 2, out.n - 2);
        assert_holds(&both, &blob);
        drop(&both);
    }
    append(&both, file.p, 2);
    append(&both, one, sizeof one - 1);
    append(&both, file.p + 2, file.n - 2);
    assert_int_equal(extract_result(both.p, both.n, &offset), GMLP_E_CORRUPT);
    assert_int_equal(offset, 2);
    drop(&both);
    drop(&out);
    drop(&file);
    drop(&blob);
}

/* The largest blob that one segment holds, and one byte more. */
static void test_segment_limit(void **state) {
    buffer file = make_jpeg(0), blob = {NULL, 0, 0}, out;
    segment s[32];
    size_t n;
    int i, count, k;
    static const size_t most[2] = {65533 - 11, (65533 - 15) / 4 * 3};
    (void)state;
    for (k = 0; k < 2; k++)
        for (n = most[k]; n <= most[k] + 1; n++) {
            blob.p = (uint8_t *)calloc(1, n);
            blob.n = n;
            memcpy(blob.p, "GMLP\2", 5);
            gmlp__put_le(blob.p + n - 4, gmlp__crc32(0, blob.p, n - 4), 4);
            out = embed(&file, &blob, single[k], 1);
            assert_holds(&out, &blob);
            for (i = count = 0; i < segments(&out, s, 32); i++) count += s[i].marker == (k ? 0xfe : 0xeb);
            assert_int_equal(count, n == most[k] ? 1 : 2);
            drop(&out);
            drop(&blob);
        }
    blob.n = GMLP_MAX_BLOB; /* and the largest of all */
    blob.p = (uint8_t *)calloc(1, blob.n + 1);
    memcpy(blob.p, "GMLP\2", 5);
    gmlp__put_le(blob.p + blob.n - 4, gmlp__crc32(0, blob.p, blob.n - 4), 4);
    out = embed(&file, &blob, 0, 1);
    assert_holds(&out, &blob);
    drop(&out);
    blob.n++;
    gmlp__put_le(blob.p + blob.n - 4, gmlp__crc32(0, blob.p, blob.n - 4), 4);
    assert_int_equal(embed_result(&file, &blob, 0), GMLP_E_ARGUMENT);
    drop(&blob);
    drop(&file);
}

/* A file around one XMP packet. */
static buffer with_xmp(const buffer *file, const char *packet, size_t n) {
    buffer b = {NULL, 0, 0};
    uint8_t head[4] = {0xff, 0xe1, 0, 0};
    append(&b, file->p, 20); /* SOI and JFIF */
    head[2] = (uint8_t)((n + 31) >> 8);
    head[3] = (uint8_t)((n + 31) & 255);
    append(&b, head, 4);
    append(&b, XMP_ID, 29);
    append(&b, packet, n);
    append(&b, file->p + 20, file->n - 20);
    return b;
}

static void test_xmp(void **state) {
    static const char open[] = "<rdf:RDF xmlns:rdf='x'><rdf:Description rdf:about='' xmlns:GamutMLP='urn:gamutmlp:1#'";
    static const char close[] = "</rdf:Description></rdf:RDF>";
    buffer file = make_jpeg(0), blob = make_blob(8, 1, 8, 1), big = {NULL, 0, 0}, out, back, base64, rewritten, packet = {NULL, 0, 0};
    segment s[32];
    size_t i, n;
    (void)state;
    out = embed(&file, &blob, COM, 1);
    segments(&out, s, 32);
    base64.p = (uint8_t *)(size_t)(s[1].p + 15);
    base64.n = s[1].n - 15;
    assert_memory_equal(s[1].p, "GamutMLP 01/01 R01MU", 20);
    /* as exiftool rewrites it: an element, with line breaks, in single quotes elsewhere */
    append(&packet, open, sizeof open - 1);
    append(&packet, ">\n <GamutMLP:Blob>\n", 18);
    for (i = 0; i < base64.n; i += 60) {
        append(&packet, base64.p + i, base64.n - i < 60 ? base64.n - i : 60);
        append(&packet, "\n  ", 3);
    }
    append(&packet, "</GamutMLP:Blob >\n", 18);
    append(&packet, close, sizeof close - 1);
    rewritten = with_xmp(&file, (const char *)packet.p, packet.n);
    assert_holds(&rewritten, &blob);
    assert_int_equal(gmlp_carriers_present(rewritten.p, rewritten.n, NULL), XMP);
    back = strip(&rewritten);
    assert_int_equal(gmlp_carriers_present(back.p, back.n, NULL), 0);
    segments(&back, s, 32);
    assert_int_equal(s[1].n, 29 + sizeof open - 1 + 4 + sizeof close - 1);
    drop(&back);
    drop(&rewritten);
    drop(&packet);
    /* an attribute among others, single quotes, spaces around the sign; a second, damaged one before it */
    append(&packet, open, sizeof open - 1);
    append(&packet, " GamutMLP:Blob='R01MUAAAA'\n\tGamutMLP:Blob = '", 45);
    append(&packet, base64.p, base64.n);
    append(&packet, "' dc:x='GamutMLP:Blob'>", 23);
    append(&packet, close, sizeof close - 1);
    rewritten = with_xmp(&file, (const char *)packet.p, packet.n);
    assert_holds(&rewritten, &blob);
    back = strip(&rewritten);
    segments(&back, s, 32);
    assert_int_equal(s[1].n, 29 + sizeof open - 1 + strlen("\n dc:x='GamutMLP:Blob'>") + sizeof close - 1);
    drop(&back);
    drop(&rewritten);
    drop(&packet);
    drop(&out);
    /* a packet that leaves just enough room, and one byte less */
    n = (blob.n + 2) / 3 * 4 + strlen("<rdf:Description rdf:about=\"\" xmlns:GamutMLP=\"urn:gamutmlp:1#\" GamutMLP:Blob=\"\"/>");
    for (i = 0; i < 2; i++) {
        big.n = 65533 - 29 - n + i;
        big.p = (uint8_t *)malloc(big.n);
        memset(big.p, ' ', big.n);
        memcpy(big.p, "<rdf:RDF></rdf:RDF>", 19);
        rewritten = with_xmp(&file, (const char *)big.p, big.n);
        assert_int_equal(embed_result(&rewritten, &blob, XMP), i ? GMLP_E_LIMIT : GMLP_OK);
        out = embed(&rewritten, &blob, 0, 1);
        assert_int_equal(gmlp_carriers_present(out.p, out.n, NULL), i ? COM : COM | XMP);
        back = strip(&out);
        assert_equal(&back, &rewritten);
        drop(&back);
        drop(&out);
        drop(&rewritten);
        drop(&big);
    }
    /* a packet with no place to add to */
    rewritten = with_xmp(&file, "<rdf:RDF/>", 10);
    assert_int_equal(embed_result(&rewritten, &blob, XMP), GMLP_E_LIMIT);
    drop(&rewritten);
    drop(&file);
    drop(&blob);
}

static size_t spaces(const char *s, size_t i) {
    while (strchr(" \t\r\n", s[i]) && s[i]) i++;
    return i;
}

/* A network's property at s[i], or none, by its definition. */
static int property_at(const char *s, size_t i) {
    static const char name[] = "GamutMLP:Blob";
    const int element = s[i] == '<';
    size_t value;
    char quote = 0;
    if (!element && spaces(s + i, 0) == 0) return 0;
    if (strncmp(s + i + 1, name, strlen(name))) return 0;
    i = spaces(s, i + 1 + strlen(name));
    if (s[i++] != (element ? '>' : '=')) return 0;
    if (!element) {
        i = spaces(s, i);
        quote = s[i++];
        if (quote != '"' && quote != '\'') return 0;
    }
    for (value = i; s[i] && strchr(" \t\r\n=+/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", s[i]); i++) {}
    if (i == value) return 0;
    if (!element) return s[i] == quote;
    if (s[i] != '<' || s[i + 1] != '/' || strncmp(s + i + 2, name, strlen(name))) return 0;
    return s[spaces(s, i + 2 + strlen(name))] == '>';
}

/* Properties around parts of others: whatever is taken out, what is left has none, and keeps all that is not in one. */
static void test_strip_joins_nothing(void **state) {
    static const char *const pieces[] = {
        "GamutMLP:Blob", " GamutMLP:Blob=\"AAAA\"", "<GamutMLP:Blob>AAAA</GamutMLP:Blob>", " GamutMLP:Blob = '", "<GamutMLP:Blob >", "</GamutMLP:Blob>",
        "</GamutMLP:Blob\n", "<rdf:Description rdf:about=\"\" xmlns:GamutMLP=\"urn:gamutmlp:1#\" GamutMLP:Blob=\"AAAA\"/>", "\"", "'", "<", ">", "/>", "=",
        "  ", "AAAA", "Gamut", "MLP:Blob", " a=\"b\"", "<x>", "</rdf:RDF>", "#", "G", "/", "</", "b>"
    };
    buffer file = make_jpeg(0), blob = make_blob(8, 1, 8, 1);
    uint32_t noise = 5;
    size_t joined = 0, kept = 0;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        buffer packet = {NULL, 0, 0}, odd, out, again;
        size_t i, at, used;
        int k, left = 0;
        for (k = 0; k < 3 + round % 8; k++) {
            const char *piece = pieces[(noise = noise * 1664525u + 1013904223u) % 65536 * (sizeof pieces / sizeof *pieces) / 65536];
            append(&packet, piece, strlen(piece));
        }
        odd = with_xmp(&file, (const char *)packet.p, packet.n);
        out = strip(&odd);
        append(&out, "", 1);
        at = 20 + 4 + 29; /* of the packet */
        used = (size_t)(out.p[22] << 8 | out.p[23]) - 2 - 29;
        out.p[at + used] = 0;
        for (i = 0; i < used; i++) left += property_at((const char *)out.p + at, i);
        assert_int_equal(left, 0);
        out.n--;
        memcpy(out.p + at + used, file.p + 20, 1);
        again = strip(&out);
        assert_equal(&again, &out);
        for (i = 0; i < used && out.p[at + i] == packet.p[i]; i++) {}
        joined += used < packet.n && i < used;
        kept += used == packet.n;
        drop(&again);
        again = embed(&odd, &blob, COM, 1); /* what replaces a network leaves the packet as strip does */
        drop(&odd);
        odd = strip(&again);
        assert_equal(&odd, &out);
        drop(&again);
        drop(&odd);
        drop(&out);
        drop(&packet);
    }
    assert_true(joined > 1000 && kept > 1000);
    drop(&file);
    drop(&blob);
}

/* Fill bytes, a marker without length, a multi-picture index and what follows the picture. */
static void test_odd_files(void **state) {
    buffer file = make_jpeg(0), blob = make_blob(8, 1, 8, 1), odd = {NULL, 0, 0}, out, back;
    size_t mpf, i;
    (void)state;
    append(&odd, file.p, 20);
    append(&odd, "\xff\xff\xff\xff\xfe\0\3x", 8);
    mpf = odd.n;
    append(&odd, "\xff\xe2\0\12MPF\0II*\0", 12);
    append(&odd, "\xff\1", 2);
    append(&odd, file.p + 20, file.n - 20);
    append(&odd, "second picture", 14);
    for (i = 0; i < 3; i++) {
        out = embed(&odd, &blob, single[i], 0);
        assert_holds(&out, &blob);
        assert_memory_equal(out.p, odd.p, mpf); /* all that is new lies before the index, whose offsets so stay right */
        assert_memory_equal(out.p + out.n - (odd.n - mpf), odd.p + mpf, odd.n - mpf);
        drop(&out);
        out = embed(&odd, &blob, single[i], 1);
        back = strip(&out);
        assert_equal(&back, &odd);
        drop(&back);
        drop(&out);
    }
    drop(&odd);
    /* no JFIF segment: right after SOI */
    append(&odd, file.p, 2);
    append(&odd, file.p + 20, file.n - 20);
    out = embed(&odd, &blob, COM, 1);
    assert_int_equal(out.p[3], 0xfe);
    drop(&out);
    drop(&odd);
    drop(&file);
    drop(&blob);
}

static void test_truncated(void **state) {
    buffer file = make_jpeg(1), blob = make_blob(8, 1, 8, 1), out = embed(&file, &blob, APP, 1), none;
    segment s[32];
    const size_t scan = (size_t)(s[segments(&out, s, 32) - 1].p - 4 - out.p);
    size_t n, offset = 0;
    gmlp_result result;
    (void)state;
    for (n = 0; n <= scan; n++) {
        uint8_t *cut = (uint8_t *)malloc(n ? n : 1);
        memcpy(cut, out.p, n);
        result = gmlp_jpeg_strip(cut, n, writer_to(&none), NULL);
        assert_null(none.p);
        assert_int_equal(result, n < 2 ? GMLP_E_FORMAT : GMLP_E_TRUNCATED);
        result = extract_result(cut, n, &offset);
        assert_true(result == GMLP_OK || result == GMLP_E_TRUNCATED || n < 3);
        if (result == GMLP_E_TRUNCATED) assert_int_equal(offset, n);
        free(cut);
    }
    drop(&out);
    drop(&file);
    drop(&blob);
}

static void test_malformed(void **state) {
    static const struct { const char *p; size_t n; gmlp_result result; size_t offset; } cases[] = {
        {"\xff\xd8\xff\xe0\0\1", 6, GMLP_E_FORMAT, 4}, {"\xff\xd8\xff\xd9", 4, GMLP_E_FORMAT, 3}, {"\xff\xd8\xff\xd8", 4, GMLP_E_FORMAT, 3},
        {"\xff\xd8\xff\0", 4, GMLP_E_FORMAT, 3}, {"\xff\xd8\xff\xe0\0\2A", 7, GMLP_E_FORMAT, 6}, {"\xff\xd8\xff\xff\xff", 5, GMLP_E_TRUNCATED, 5},
        {"\xff\xd8\xff\xda", 4, GMLP_E_NOT_FOUND, 4}
    };
    size_t i, offset = 0;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(extract_result((const uint8_t *)cases[i].p, cases[i].n, &offset), cases[i].result);
        assert_int_equal(offset, cases[i].offset);
    }
}

static void test_damage(void **state) {
    buffer file = make_jpeg(1), blob = make_blob(8, 1, 4, 1), out, again;
    segment s[32];
    size_t offset = 0;
    int i, n;
    (void)state;
    for (i = 0; i < 3; i++) {
        out = embed(&file, &blob, single[i], 1);
        check_flips(&out, &blob);
        drop(&out);
    }
    out = embed(&file, &blob, APP | XMP, 1);
    n = segments(&out, s, 32);
    for (i = 0; i < n; i++)
        if (s[i].marker == 0xeb && !memcmp(s[i].p, "GamutMLP", 9)) break;
    assert_true(i < n);
    out.p[s[i].p - out.p + 30] ^= 4;
    assert_holds(&out, &blob); /* from XMP */
    assert_int_equal(gmlp_carriers_present(out.p, out.n, NULL), XMP);
    drop(&out);
    out = embed(&file, &blob, APP, 1);
    n = segments(&out, s, 32);
    for (i = 0; i < n; i++)
        if (s[i].marker == 0xeb && !memcmp(s[i].p, "GamutMLP", 9)) break;
    out.p[s[i].p - out.p + 9] = 2; /* piece 2 of 1 */
    assert_int_equal(extract_result(out.p, out.n, &offset), GMLP_E_CORRUPT);
    assert_int_equal(offset, s[i].p - 4 - out.p);
    again = strip(&out);
    assert_equal(&again, &file);
    drop(&again);
    drop(&out);
    drop(&blob);
    drop(&file);
}

static void test_callers(void **state) {
    buffer file = make_jpeg(0), blob = make_blob(8, 1, 8, 1), out;
    void *p;
    size_t n;
    int i;
    (void)state;
    check_arguments(&file, &blob, GMLP_CARRIER_PNG_CHUNK | GMLP_CARRIER_PNG_TEXT);
    check_failing_writes(&file, &blob);
    for (i = 0; i < 3; i++) {
        out = embed(&file, &blob, single[i], 1);
        check_scarce_memory(&out);
        drop(&out);
    }
    assert_int_equal(gmlp_jpeg_extract("\x89PNG\r\n\x1a\n", 8, NULL, &p, &n, NULL), GMLP_E_FORMAT);
    drop(&file);
    drop(&blob);
}

static void sign(const uint8_t *p, uint32_t width, uint32_t height, uint8_t out[64], gmlp_signature *s) {
    gmlp_image image;
    memset(&image, 0, sizeof image);
    image.data = (void *)(size_t)(const void *)p;
    image.width = width;
    image.height = height;
    image.type = GMLP_U8;
    gmlp_signature_begin(s, width, height);
    gmlp_signature_rows(s, &image, 0);
    gmlp_signature_finish(s, out);
}

/* Through libjpeg at quality 90: still the same picture; mirrored and moved: another one. */
static void test_signature_recompressed(void **state) {
    enum { W = 200, H = 160 }; /* of this test's picture */
    static uint8_t p[W * H * 3], q[W * H * 3];
    uint8_t a[64], b[64];
    gmlp_signature s;
    struct jpeg_compress_struct c;
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr e;
    unsigned char *jpeg = NULL;
    unsigned long size = 0;
    size_t x, y;
    int sampling;
    (void)state;
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++) {
            uint8_t *c = p + 3 * (y * W + x);
            c[0] = (uint8_t)(x * 255 / (W - 1));
            c[1] = (uint8_t)(x * y * 200 / (W * H) + (x * 7919 + y * 104729) % 32);
            c[2] = (uint8_t)(255 - y * 255 / (H - 1));
        }
    sign(p, W, H, a, &s);
    for (sampling = 1; sampling <= 2; sampling++) {
        c.err = jpeg_std_error(&e);
        jpeg_create_compress(&c);
        jpeg_mem_dest(&c, &jpeg, &size);
        c.image_width = W;
        c.image_height = H;
        c.input_components = 3;
        c.in_color_space = JCS_RGB;
        jpeg_set_defaults(&c);
        jpeg_set_quality(&c, 90, TRUE);
        c.comp_info[0].h_samp_factor = c.comp_info[0].v_samp_factor = sampling;
        jpeg_start_compress(&c, TRUE);
        while (c.next_scanline < H) {
            JSAMPROW row = p + 3 * W * c.next_scanline;
            jpeg_write_scanlines(&c, &row, 1);
        }
        jpeg_finish_compress(&c);
        jpeg_destroy_compress(&c);
        d.err = jpeg_std_error(&e);
        jpeg_create_decompress(&d);
        jpeg_mem_src(&d, jpeg, size);
        jpeg_read_header(&d, TRUE);
        jpeg_start_decompress(&d);
        while (d.output_scanline < H) {
            JSAMPROW row = q + 3 * W * d.output_scanline;
            jpeg_read_scanlines(&d, &row, 1);
        }
        jpeg_finish_decompress(&d);
        jpeg_destroy_decompress(&d);
        free(jpeg);
        jpeg = NULL;
        size = 0;
        assert_memory_not_equal(p, q, sizeof p);
        sign(q, W, H, b, &s);
        assert_int_equal(gmlp_signature_match(a, b), 1);
    }
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++) memcpy(q + 3 * (y * W + x), p + 3 * (y * W + W - 1 - x), 3);
    sign(q, W, H, b, &s);
    assert_int_equal(gmlp_signature_match(a, b), 0);
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++) memcpy(q + 3 * (y * W + x), p + 3 * (y * W + (x + 8) % W), 3);
    sign(q, W, H, b, &s);
    assert_int_equal(gmlp_signature_match(a, b), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_metadata_stays), cmocka_unit_test(test_color_tag),
        cmocka_unit_test(test_split), cmocka_unit_test(test_leftover), cmocka_unit_test(test_segment_limit), cmocka_unit_test(test_xmp), cmocka_unit_test(test_strip_joins_nothing),
        cmocka_unit_test(test_odd_files), cmocka_unit_test(test_truncated), cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_damage), cmocka_unit_test(test_callers),
        cmocka_unit_test(test_signature_recompressed)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
