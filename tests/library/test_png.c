/* >>png: blobs in PNG files. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "tests/carrier.h"
#include <png.h>

enum { W = 8, H = 4, CHUNK = GMLP_CARRIER_PNG_CHUNK, TEXT = GMLP_CARRIER_PNG_TEXT, XMP = GMLP_CARRIER_XMP };
static const int single[3] = {CHUNK, TEXT, XMP};
static const char foreign_xmp[] =
    "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
    "<rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" dc:format=\"image/png\"/></rdf:RDF></x:xmpmeta>";

static void to_buffer(png_structp png, png_bytep p, size_t n) { append((buffer *)png_get_io_ptr(png), p, n); }

typedef enum kind { PLAIN, PALETTE, TAGGED, ICC, CICP_KIND } kind;

/* A real file; text: what libpng is to write besides, or NULL. */
static buffer make_png(kind what, png_text *text, int level, int strategy) {
    uint8_t icc[GMLP__ICC_SIZE];
    buffer b = {NULL, 0, 0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color palette[4] = {{1, 2, 3}, {40, 50, 60}, {255, 0, 0}, {0, 0, 255}};
    png_text own[2];
    unsigned char row[W * 3];
    int x, y;
    png_set_write_fn(png, &b, to_buffer, NULL);
    png_set_IHDR(png, info, W, H, 8, what == PALETTE ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB, 0, 0, 0);
    if (what == PALETTE) png_set_PLTE(png, info, palette, 4);
    if (what == TAGGED) {
        png_set_sRGB(png, info, 0);
        memset(own, 0, sizeof own);
        own[0].compression = PNG_TEXT_COMPRESSION_NONE;
        own[0].key = (char *)"Author";
        own[0].text = (char *)"someone";
        own[1].compression = PNG_ITXT_COMPRESSION_NONE;
        own[1].key = (char *)"XML:com.adobe.xmp";
        own[1].text = (char *)(size_t)foreign_xmp;
        png_set_text(png, info, own, 2);
        png_set_pHYs(png, info, 3000, 3000, 1);
    }
    if (what == ICC) {
        gmlp__srgb_icc(icc); /* any profile that libpng accepts */
        png_set_iCCP(png, info, "x", 0, icc, sizeof icc);
    }
    if (text) {
        png_set_text_compression_level(png, level);
        png_set_text_compression_strategy(png, strategy);
        png_set_text(png, info, text, 1);
    }
    png_write_info(png, info);
    if (what == CICP_KIND) {
        static const uint8_t cicp[4] = {1, 13, 0, 1};
        png_write_chunk(png, (png_const_bytep)"cICP", cicp, 4);
    }
    for (y = 0; y < H; y++) {
        for (x = 0; x < W * 3; x++) row[x] = (unsigned char)(what == PALETTE ? (x + y) & 3 : x * 9 + y * 31);
        png_write_row(png, row);
    }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return b;
}

static void from_buffer(png_structp png, png_bytep p, size_t n) {
    buffer *b = (buffer *)png_get_io_ptr(png);
    if (n > b->n) png_error(png, "end");
    memcpy(p, b->p, n);
    b->p += n;
    b->n -= n;
}

static void on_warning(png_structp png, png_const_charp text) {
    (void)png;
    print_error("libpng: %s\n", text);
    fail();
}

/* What libpng makes of it; it checks every checksum and the order of chunks. */
static void decode(const buffer *file, uint8_t *pixels, int *srgb) {
    buffer b = *file;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, on_warning);
    png_infop info = png_create_info_struct(png);
    int y, intent;
    if (setjmp(png_jmpbuf(png))) fail();
    png_set_read_fn(png, &b, from_buffer);
    png_read_info(png, info);
    png_set_palette_to_rgb(png);
    png_read_update_info(png, info);
    for (y = 0; y < H; y++) png_read_row(png, pixels + 3 * W * y, NULL);
    png_read_end(png, info);
    if (srgb) *srgb = png_get_sRGB(png, info, &intent) != 0;
    png_destroy_read_struct(&png, &info, NULL);
    assert_int_equal(b.n, 0);
}

static uint8_t *find_chunk(const buffer *b, const char *type) {
    size_t i = 8;
    while (i + 12 <= b->n) {
        if (!memcmp(b->p + i + 4, type, 4)) return b->p + i;
        i += 12 + ((size_t)b->p[i] << 24 | (size_t)b->p[i + 1] << 16 | (size_t)b->p[i + 2] << 8 | b->p[i + 3]);
    }
    return NULL;
}

static void test_round_trip(void **state) {
    buffer blob = make_blob(32, 8, 8, 1), other = make_blob(16, 4, 7, 2), out, again, plain;
    uint8_t before[W * H * 3], after[W * H * 3];
    int what, i;
    (void)state;
    for (what = PLAIN; what <= CICP_KIND; what++) {
        buffer file = make_png((kind)what, NULL, 0, 0);
        decode(&file, before, NULL);
        assert_int_equal(gmlp_container_kind(file.p, file.n), GMLP_CONTAINER_PNG);
        assert_int_equal(extract_result(file.p, file.n, NULL), GMLP_E_NOT_FOUND);
        plain = strip(&file);
        assert_equal(&plain, &file);
        drop(&plain);
        for (i = 0; i < 5; i++) {
            const int carriers = i < 3 ? single[i] : i == 3 ? CHUNK | TEXT | XMP : 0, expected = i < 4 ? carriers : TEXT;
            out = embed(&file, &blob, carriers, 1);
            assert_int_equal(gmlp_carriers_present(out.p, out.n, NULL), expected);
            assert_holds(&out, &blob);
            decode(&out, after, NULL);
            assert_memory_equal(before, after, sizeof before);
            plain = strip(&out);
            assert_equal(&plain, &file);
            drop(&plain);
            again = embed(&out, &other, TEXT, 1);
            assert_int_equal(gmlp_carriers_present(again.p, again.n, NULL), TEXT);
            assert_holds(&again, &other);
            plain = embed(&file, &other, TEXT, 1);
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

static void test_color_tag(void **state) {
    buffer blob = make_blob(8, 1, 8, 1), out, again;
    uint8_t pixels[W * H * 3];
    int what, srgb;
    (void)state;
    for (what = PLAIN; what <= CICP_KIND; what++) {
        buffer file = make_png((kind)what, NULL, 0, 0);
        out = embed(&file, &blob, 0, 0);
        decode(&out, pixels, &srgb);
        assert_int_equal(srgb, what != ICC && what != CICP_KIND);
        again = embed(&out, &blob, 0, 0);
        if (what != PLAIN && what != PALETTE) assert_int_equal(out.n, file.n + 12 + 9 + (blob.n + 2) / 3 * 4);
        assert_int_equal(again.n, out.n);
        drop(&again);
        drop(&out);
        drop(&file);
    }
    drop(&blob);
}

/* In and out again: the same file. */
static void in_and_out(buffer *file, buffer *blob, int carriers) {
    buffer out = embed(file, blob, carriers, 1), back;
    assert_holds(&out, blob);
    back = strip(&out);
    assert_equal(&back, file);
    drop(&back);
    drop(&out);
}

/* XMP that was there is added to; its chunk's own fields stay. */
static void test_xmp(void **state) {
    buffer file = make_png(TAGGED, NULL, 0, 0), blob = make_blob(8, 1, 8, 1), out = embed(&file, &blob, XMP, 1);
    png_text packed;
    uint8_t *chunk = find_chunk(&out, "iTXt"), *old = find_chunk(&file, "iTXt");
    (void)state;
    assert_non_null(chunk);
    assert_memory_equal(chunk + 8, old + 8, 22 + strlen(foreign_xmp) - strlen("</rdf:RDF></x:xmpmeta>"));
    assert_int_equal(out.n - file.n, strlen("<rdf:Description rdf:about=\"\" xmlns:GamutMLP=\"urn:gamutmlp:1#\" GamutMLP:Blob=\"\"/>") +
                     (blob.n + 2) / 3 * 4);
    drop(&out);
    old[find_chunk(&file, "iTXt") - old + 40] ^= 1; /* a damaged packet is not ours to mend: there will be two */
    in_and_out(&file, &blob, XMP);
    drop(&file);
    memset(&packed, 0, sizeof packed); /* nor one that is compressed */
    packed.compression = PNG_ITXT_COMPRESSION_zTXt;
    packed.key = (char *)"XML:com.adobe.xmp";
    packed.text = (char *)(size_t)foreign_xmp;
    file = make_png(PLAIN, &packed, 9, 0);
    assert_int_equal(embed_result(&file, &blob, XMP), GMLP_E_LIMIT);
    out = embed(&file, &blob, XMP | TEXT, 1);
    assert_int_equal(gmlp_carriers_present(out.p, out.n, NULL), TEXT);
    assert_non_null(find_chunk(&out, "iTXt"));
    drop(&out);
    drop(&file);
    drop(&blob);
}

/* Text that another program compressed, in all ways that deflate has. */
static void test_compressed_text(void **state) {
    static const struct { int level, strategy; } ways[] = {{0, 0}, {1, 0}, {9, 0}, {9, 2} /* Huffman only */, {9, 3} /* runs */, {9, 4} /* fixed codes */};
    buffer out, file, back;
    png_text text;
    size_t w;
    int width, international;
    (void)state;
    for (width = 8; width <= 128; width += 40) {
        buffer blob = make_blob(width, 10, 8, (uint32_t)width), plain = make_png(PLAIN, NULL, 0, 0);
        char *base64;
        uint8_t *chunk;
        size_t n;
        out = embed(&plain, &blob, TEXT, 1);
        chunk = find_chunk(&out, "tEXt");
        n = (blob.n + 2) / 3 * 4;
        base64 = (char *)malloc(n + 1);
        memcpy(base64, chunk + 8 + 9, n);
        base64[n] = 0;
        drop(&out);
        for (international = 0; international < 2; international++)
            for (w = 0; w < sizeof ways / sizeof ways[0]; w++) {
                memset(&text, 0, sizeof text);
                text.compression = international ? PNG_ITXT_COMPRESSION_zTXt : PNG_TEXT_COMPRESSION_zTXt;
                text.key = (char *)"GamutMLP";
                text.text = base64;
                file = make_png(PLAIN, &text, ways[w].level, ways[w].strategy);
                assert_non_null(find_chunk(&file, international ? "iTXt" : "zTXt"));
                assert_int_equal(gmlp_carriers_present(file.p, file.n, NULL), TEXT);
                assert_holds(&file, &blob);
                check_scarce_memory(&file);
                if (width == 8) check_flips(&file, &blob);
                back = strip(&file);
                assert_equal(&back, &plain);
                drop(&back);
                drop(&file);
            }
        free(base64);
        drop(&plain);
        drop(&blob);
    }
}

/* A packet as empty as ours is another program's, and stays. */
static void test_empty_xmp(void **state) {
    buffer file, blob = make_blob(8, 1, 8, 1);
    png_text text;
    (void)state;
    memset(&text, 0, sizeof text);
    text.compression = PNG_ITXT_COMPRESSION_NONE;
    text.key = (char *)"XML:com.adobe.xmp";
    text.text = (char *)"<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\">"
                        "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"></rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>";
    file = make_png(PLAIN, &text, 0, 0);
    in_and_out(&file, &blob, XMP);
    drop(&file);
    drop(&blob);
}

/* A network in compressed XMP is found, and taken out of the packet; more than a network can need is not looked at. */
static void test_compressed_xmp(void **state) {
    enum { SPACES = 300000 };
    buffer blob = make_blob(24, 2, 8, 3), plain = make_png(PLAIN, NULL, 0, 0), out, file, back;
    png_text text;
    char *packet;
    uint8_t *chunk;
    size_t n;
    int spaces;
    (void)state;
    memset(&text, 0, sizeof text);
    text.key = (char *)"XML:com.adobe.xmp";
    text.text = (char *)(size_t)foreign_xmp;
    text.compression = PNG_ITXT_COMPRESSION_NONE;
    file = make_png(PLAIN, &text, 0, 0);
    out = embed(&file, &blob, XMP, 1);
    chunk = find_chunk(&out, "iTXt");
    n = gmlp__be32(chunk) - 22;
    packet = (char *)calloc(1, n + SPACES + 1);
    memcpy(packet, chunk + 8 + 22, n);
    text.text = packet;
    text.compression = PNG_ITXT_COMPRESSION_zTXt;
    for (spaces = 0; spaces < 2; spaces++) {
        buffer packed = make_png(PLAIN, &text, 9, 0);
        assert_true(gmlp__be32(find_chunk(&packed, "iTXt")) < n);
        assert_int_equal(gmlp_carriers_present(packed.p, packed.n, NULL), spaces ? 0 : XMP);
        back = strip(&packed);
        if (spaces) assert_equal(&back, &packed);
        else {
            assert_holds(&packed, &blob);
            check_scarce_memory(&packed);
            assert_equal(&back, &file);
        }
        memset(packet + n, ' ', SPACES);
        drop(&back);
        drop(&packed);
    }
    free(packet);
    drop(&out);
    drop(&file);
    drop(&plain);
    drop(&blob);
}

/* What a text of a few bytes says to be: memory goes with the file's size, up to a limit. */
static void *greedy_alloc(void *user, size_t size) {
    if (size > *(size_t *)user) *(size_t *)user = size;
    return malloc(size);
}
static void greedy_free(void *user, void *ptr, size_t size) { (void)user, (void)size, free(ptr); }

static void test_bombs(void **state) {
    const size_t sizes[3] = {1000, 100000, 20000000};
    (void)state;
    for (int k = 0; k < 6; k++) {
        size_t n = sizes[k / 2], most = 0, size = 0;
        gmlp_alloc alloc = {0};
        png_text text;
        buffer file;
        void *found = NULL;
        memset(&text, 0, sizeof text);
        text.key = (char *)(k % 2 ? "XML:com.adobe.xmp" : "GamutMLP");
        text.text = (char *)malloc(n + 1);
        memset(text.text, 'A', n);
        text.text[n] = 0;
        text.compression = PNG_ITXT_COMPRESSION_zTXt;
        file = make_png(PLAIN, &text, 9, 0);
        alloc.user = &most;
        alloc.alloc = greedy_alloc;
        alloc.free = greedy_free;
        assert_true(gmlp_extract(file.p, file.n, &alloc, &found, &size, NULL) == (k % 2 ? GMLP_E_NOT_FOUND : GMLP_E_CORRUPT));
        assert_true(most > 0 && most <= 16 * file.n && most <= 2 * GMLP_MAX_BLOB);
        free(text.text);
        drop(&file);
    }
}

/* Thousands of blocks, whose codes change. */
static void test_inflate_blocks(void **state) {
    enum { BLOCKS = 3000 };
    static uint8_t stream[BLOCKS * 8], out[BLOCKS];
    size_t bits = 16, i, b;
    (void)state;
    stream[0] = 0x78;
    stream[1] = 1;
    for (i = 0; i < BLOCKS; i++) {
        static const char *const fixed = "010" "10010001" "0000000"; /* not the last, fixed codes: a, end */
        if (i % 3) { /* stored: b */
            bits = (bits + 3 + 7) / 8 * 8;
            memcpy(stream + bits / 8, "\1\0\376\377b", 5);
            bits += 40;
        } else
            for (b = 0; fixed[b]; b++, bits++) stream[bits / 8] |= (uint8_t)((fixed[b] - '0') << bits % 8);
    }
    stream[bits / 8] |= (uint8_t)(3 << bits % 8); /* the last one, empty */
    if (bits % 8 > 5) stream[bits / 8 + 1] |= (uint8_t)(3 >> (8 - bits % 8));
    assert_int_equal(gmlp__inflate(stream, bits / 8 + 3, out, sizeof out), BLOCKS);
    for (i = 0; i < BLOCKS; i++) assert_int_equal(out[i], i % 3 ? 'b' : 'a');
}

static void test_inflate(void **state) {
    uint8_t out[300];
    static const struct { const char *p; size_t n, result; } cases[] = {
        {"\x78\x01\x01\x03\x00\xfc\xff" "abc", 10, 3},          /* stored */
        {"\x78\x01\x01\x03\x00\xfc\xff" "ab", 9, 0},            /* ends early */
        {"\x78\x01\x01\x03\x00\xfd\xff" "abc", 10, 0},          /* length and its complement differ */
        {"\x78\x01\x00\x01\x00\xfe\xff" "a\x01\x01\x00\xfe\xff" "b", 14, 2}, /* two blocks */
        {"\x78\x01\x00\x01\x00\xfe\xff" "a", 8, 0},             /* no last block */
        {"\x78\x01\x4b\x4c\x84\x02\x00", 7, 9},                 /* fixed codes: a, and a copy of 8 from 1 back */
        {"\x78\x01\x03\x02\x00", 5, 0},                         /* a copy from before the start */
        {"\x78\x01\x07", 3, 0},                                 /* block type 3 */
        {"\x79\x01\x01\x00\x00\xff\xff", 7, 0},                 /* not deflate */
        {"\x78\x20\x01\x00\x00\xff\xff", 7, 0},                 /* a preset dictionary */
        {"", 0, 0}, {"\x78", 1, 0}, {"\x78\x01", 2, 0}
    };
    size_t i, n;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (n = 0; n <= cases[i].n; n++) {
            uint8_t *cut = (uint8_t *)malloc(n ? n : 1);
            memcpy(cut, cases[i].p, n);
            if (n == cases[i].n) assert_int_equal(gmlp__inflate(cut, n, out, sizeof out), cases[i].result);
            else gmlp__inflate(cut, n, out, sizeof out);
            free(cut);
        }
    assert_int_equal(gmlp__inflate((const uint8_t *)cases[0].p, 10, out, 3), 3);
    assert_int_equal(gmlp__inflate((const uint8_t *)cases[0].p, 10, out, 2), 0); /* does not fit */
}

static void test_large(void **state) {
    buffer file = make_png(PLAIN, NULL, 0, 0), blob = make_blob(128, 15, 32, 3), out;
    uint8_t pixels[W * H * 3];
    int i;
    (void)state;
    for (i = 0; i < 3; i++) {
        out = embed(&file, &blob, single[i], 0);
        assert_holds(&out, &blob);
        decode(&out, pixels, NULL);
        drop(&out);
    }
    drop(&file);
    drop(&blob);
}

static void test_truncated(void **state) {
    buffer file = make_png(TAGGED, NULL, 0, 0), blob = make_blob(8, 1, 8, 1), out = embed(&file, &blob, CHUNK, 1), none;
    const size_t end = out.n;
    size_t n, offset = 0;
    gmlp_result result;
    (void)state;
    for (n = 0; n < end; n++) {
        uint8_t *cut = (uint8_t *)malloc(n ? n : 1);
        memcpy(cut, out.p, n);
        result = gmlp_png_strip(cut, n, writer_to(&none), NULL);
        assert_int_equal(result, n < 8 ? GMLP_E_FORMAT : GMLP_E_TRUNCATED);
        assert_null(none.p);
        result = extract_result(cut, n, &offset);
        assert_true(result == GMLP_OK || result == (n < 8 ? GMLP_E_FORMAT : GMLP_E_TRUNCATED));
        if (result == GMLP_E_TRUNCATED) assert_int_equal(offset, n);
        free(cut);
    }
    append(&out, "trailing", 8); /* what follows the end is kept */
    assert_holds(&out, &blob);
    none = strip(&out);
    assert_memory_equal(none.p + none.n - 8, "trailing", 8);
    drop(&none);
    drop(&out);
    drop(&file);
    drop(&blob);
}

static void test_malformed(void **state) {
    buffer file = make_png(PLAIN, NULL, 0, 0), blob = make_blob(8, 1, 8, 1), bad = {NULL, 0, 0};
    size_t idat = (size_t)(find_chunk(&file, "IDAT") - file.p), iend = (size_t)(find_chunk(&file, "IEND") - file.p), offset = 0;
    (void)state;
    append(&bad, file.p, file.n); /* a length of 2^31 */
    bad.p[idat] = 0x80;
    assert_int_equal(extract_result(bad.p, bad.n, &offset), GMLP_E_FORMAT);
    assert_int_equal(offset, idat);
    bad.p[idat] = 0x7f; /* longer than the file */
    assert_int_equal(extract_result(bad.p, bad.n, &offset), GMLP_E_TRUNCATED);
    drop(&bad);
    append(&bad, file.p, 8); /* no header */
    append(&bad, file.p + idat, file.n - idat);
    assert_int_equal(embed_result(&bad, &blob, 0), GMLP_E_FORMAT);
    drop(&bad);
    append(&bad, file.p, idat); /* no picture */
    append(&bad, file.p + iend, file.n - iend);
    assert_int_equal(embed_result(&bad, &blob, 0), GMLP_E_FORMAT);
    drop(&bad);
    append(&bad, file.p, 33); /* two headers */
    append(&bad, file.p + 8, file.n - 8);
    assert_int_equal(extract_result(bad.p, bad.n, &offset), GMLP_E_FORMAT);
    assert_int_equal(offset, 33);
    drop(&bad);
    drop(&file);
    drop(&blob);
}

static void test_damage(void **state) {
    buffer file = make_png(TAGGED, NULL, 0, 0), blob = make_blob(8, 1, 4, 1), out, back;
    size_t offset = 0;
    uint8_t *chunk;
    int i;
    (void)state;
    for (i = 0; i < 3; i++) {
        out = embed(&file, &blob, single[i], 1);
        check_flips(&out, &blob);
        drop(&out);
    }
    out = embed(&file, &blob, CHUNK | TEXT, 1);
    chunk = find_chunk(&out, "gmLP");
    chunk[100] ^= 1;
    assert_holds(&out, &blob); /* from the text */
    assert_int_equal(gmlp_carriers_present(out.p, out.n, NULL), TEXT);
    drop(&out);
    out = embed(&file, &blob, CHUNK, 1);
    chunk = find_chunk(&out, "gmLP");
    chunk[8 + blob.n] ^= 1; /* the chunk's own checksum */
    assert_int_equal(extract_result(out.p, out.n, &offset), GMLP_E_CORRUPT);
    assert_int_equal(offset, chunk - out.p);
    back = strip(&out);
    assert_equal(&back, &file);
    drop(&back);
    drop(&out);
    drop(&file);
    drop(&blob);
}

static void test_callers(void **state) {
    buffer file = make_png(PLAIN, NULL, 0, 0), blob = make_blob(8, 1, 8, 1), out;
    void *p;
    size_t n;
    int i;
    (void)state;
    check_arguments(&file, &blob, GMLP_CARRIER_JPEG_APP | GMLP_CARRIER_JPEG_COM);
    check_failing_writes(&file, &blob);
    for (i = 0; i < 3; i++) {
        out = embed(&file, &blob, single[i], 1);
        check_scarce_memory(&out);
        drop(&out);
    }
    assert_int_equal(gmlp_png_extract("\xff\xd8\xff\xda", 4, NULL, &p, &n, NULL), GMLP_E_FORMAT);
    drop(&file);
    drop(&blob);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_color_tag), cmocka_unit_test(test_xmp),
        cmocka_unit_test(test_empty_xmp),
        cmocka_unit_test(test_compressed_text), cmocka_unit_test(test_inflate), cmocka_unit_test(test_large),
        cmocka_unit_test(test_compressed_xmp), cmocka_unit_test(test_bombs), cmocka_unit_test(test_inflate_blocks),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_malformed), cmocka_unit_test(test_damage), cmocka_unit_test(test_callers)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
