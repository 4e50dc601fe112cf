/* Writes the seeds of the fuzz targets: make_seeds FOLDER, which holds blob/, edits/, jpeg/, ktx2/,
   letnet/, png/, roundtrip/ and ultrahdr/. Built with -I. -Iexamples/tool, metadata.c, segments.c and xmp.c of gainmap/, pictures/directory.c, -ljpeg
   -lpng -lm. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>

#include "gainmap/container.c"
#include "tests/tool/gainmap/made_apple.h"

static const char *folder;

static FILE *create(const char *kind, const char *name) {
    char path[1024];
    FILE *f;
    snprintf(path, sizeof path, "%s/%s/%s", folder, kind, name);
    f = fopen(path, "wb");
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

static void save(const char *kind, const char *name, const void *p, size_t n) {
    FILE *f = create(kind, name);
    if (fwrite(p, 1, n, f) != n || fclose(f)) exit(1);
}

static int to_file(void *user, const void *p, size_t n) { return fwrite(p, 1, n, (FILE *)user) != n; }

/* Weights of up to largest steps; 0: floats. sections: how many, with a base of sYCC. */
static size_t make_blob(uint8_t *out, size_t capacity, int method, int largest, int bias, int radius, int sections) {
    gmlp_net net;
    size_t size = 0, i, n;
    uint32_t seed = 7;
    memset(&net, 0, sizeof net);
    net.method = method;
    net.wide_space = GMLP_PROPHOTO;
    net.base_space = GMLP_SRGB;
    net.weight_format = largest ? GMLP_WEIGHTS_QUANTIZED : GMLP_WEIGHTS_F32;
    for (i = 0; i < 3 && largest; i++) net.step_size[i] = 0.0625f;
    net.mlp.bias = bias;
    net.mlp.width = 8;
    net.mlp.frequencies[0] = net.mlp.frequencies[1] = net.mlp.frequencies[2] = 1;
    if (method >= GMLP_METHOD_DIFFERENCE) {
        net.mask = GMLP_MASK_ALL;
        net.base_space = method == GMLP_METHOD_GAIN ? GMLP_P3 : GMLP_REC709;
        net.inputs = method == GMLP_METHOD_GAIN ? GMLP_INPUT_WIDE : GMLP_INPUT_HALF;
        net.white_nits = 203;
        net.signal_max = 49;
        net.content_max = 5;
        net.map_range = net.input_range = 0.5f;
    }
    net.radius[0] = (uint8_t)radius;
    net.mlp.frequencies[6] = radius ? 2 : 0;
    net.width = net.base_width = 40;
    net.height = net.base_height = 30;
    net.coords.col_step = net.coords.row_step = 1;
    n = gmlp_mlp_weights(&net.mlp);
    net.weights = (float *)malloc(n * sizeof(float));
    for (i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        net.weights[i] = largest ? (float)((int)(seed >> 8) % (2 * largest + 1) - largest) * 0.0625f : (float)(int32_t)seed / 4294967296.0f;
        if (bias == GMLP_BIAS_FIRST && i >= n - 3 - 24 - 8 && (i < n - 3 - 24 || i >= n - 3)) net.weights[i] = 0.0f; /* b2, b3 */
    }
    memset(out, 0x9f, 32);
    for (i = 0; i < (size_t)sections; i++)
        if (gmlp_net_section_set(&net, (int)i * 40 + GMLP_SECTION_OUTSIDE, out, 32 - 10 * i) != GMLP_OK) exit(1);
    if (sections) net.base_space = GMLP_SYCC;
    if (gmlp_blob_write(&net, out, capacity, &size) != GMLP_OK) exit(1);
    gmlp_net_free(&net);
    return size;
}

static void embed(const char *kind, const char *name, const void *file, size_t size, const uint8_t *blob, size_t n, int carriers) {
    gmlp_embed_opts opts;
    gmlp_writer w;
    memset(&opts, 0, sizeof opts);
    opts.carriers = carriers;
    w.user = create(kind, name);
    w.write = to_file;
    if (gmlp_embed(file, size, blob, n, &opts, &w, NULL) != GMLP_OK || fclose((FILE *)w.user)) exit(1);
}

static void jpeg_seeds(const uint8_t *blob, size_t n) {
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF "
        "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"></rdf:RDF></x:xmpmeta>";
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr e;
    unsigned char row[24] = {0, 50, 100, 150, 200, 250}, *p = NULL;
    unsigned long size = 0;
    gmlp__out o;
    size_t i;
    JSAMPROW rows = row;
    c.err = jpeg_std_error(&e);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &p, &size);
    c.image_width = c.image_height = 8;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    c.optimize_coding = TRUE;
    jpeg_start_compress(&c, TRUE);
    jpeg_write_marker(&c, 0xe1, (const JOCTET *)xmp, sizeof xmp - 1);
    jpeg_write_marker(&c, 0xe2, (const JOCTET *)"MPF\0II*\0\10\0\0\0", 12);
    jpeg_write_marker(&c, 0xfe, (const JOCTET *)"a comment", 9);
    while (c.next_scanline < 8) jpeg_write_scanlines(&c, &rows, 1);
    jpeg_finish_compress(&c);
    save("jpeg", "plain", p, size);
    embed("jpeg", "app", p, size, blob, n, GMLP_CARRIER_JPEG_APP);
    embed("jpeg", "com", p, size, blob, n, GMLP_CARRIER_JPEG_COM);
    embed("jpeg", "xmp", p, size, blob, n, GMLP_CARRIER_XMP);
    save("jpeg", "cut", p, size / 4);
    for (i = 0; i < 2; i++) { /* a blob in two pieces, and one that is damaged */
        memset(&o, 0, sizeof o);
        o.to.user = create("jpeg", i ? "damaged" : "split");
        o.to.write = to_file;
        gmlp__emit(&o, p, 2);
        gmlp__emit_jpeg_head(&o, 0xeb, "GamutMLP\0\1\2", GMLP__APP_HEAD, n / 2);
        gmlp__emit(&o, blob, n / 2);
        gmlp__emit_jpeg_head(&o, 0xeb, "GamutMLP\0\2\2", GMLP__APP_HEAD, n - n / 2 - i);
        gmlp__emit(&o, blob + n / 2, n - n / 2 - i);
        gmlp__emit(&o, p + 2, size - 2);
        if (o.failed || fclose((FILE *)o.to.user)) exit(1);
    }
    jpeg_destroy_compress(&c);
    free(p);
}

static int to_memory(void *user, const void *p, size_t n) {
    char **at = (char **)user;
    memcpy(*at, p, n);
    *at += n;
    return 0;
}

static void png_write_memory(png_structp png, png_bytep p, size_t n) {
    uint8_t **at = (uint8_t **)png_get_io_ptr(png);
    memcpy(*at, p, n);
    *at += n;
}

static void png_seeds(const uint8_t *blob, size_t n) {
    static const char xmp[] = "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF "
        "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"></rdf:RDF></x:xmpmeta>";
    static const char *const names[] = {"plain", "ztxt", "itxt", "packedxmp"};
    static char text[8192], *end;
    uint8_t file[16384], *at;
    unsigned char row[3] = {1, 2, 3};
    png_text t[3];
    gmlp__out o;
    int kind;
    memset(&o, 0, sizeof o);
    for (kind = 0; kind < 4; kind++) { /* plain; compressed tEXt; XMP, compressed iTXt; compressed XMP with the network */
        png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
        png_infop info = png_create_info_struct(png);
        memset(&o, 0, sizeof o);
        end = text;
        o.to.user = &end;
        o.to.write = to_memory;
        if (kind == 3) gmlp__emit_packet(&o, (const uint8_t *)xmp, sizeof xmp - 1, blob, n);
        else gmlp__emit_base64(&o, blob, n);
        *end = 0;
        at = file;
        png_set_write_fn(png, &at, png_write_memory, NULL);
        png_set_IHDR(png, info, 1, 1, 8, PNG_COLOR_TYPE_RGB, 0, 0, 0);
        memset(t, 0, sizeof t);
        t[0].compression = kind == 1 ? PNG_TEXT_COMPRESSION_zTXt : PNG_ITXT_COMPRESSION_zTXt;
        t[0].key = (char *)(kind == 3 ? "XML:com.adobe.xmp" : "GamutMLP");
        t[0].text = text;
        t[1].compression = PNG_ITXT_COMPRESSION_NONE;
        t[1].key = (char *)"XML:com.adobe.xmp";
        t[1].text = (char *)xmp;
        if (kind) png_set_text(png, info, t, kind == 2 ? 2 : 1);
        png_write_info(png, info);
        png_write_row(png, row);
        png_write_end(png, info);
        png_destroy_write_struct(&png, &info);
        save("png", names[kind], file, (size_t)(at - file));
        if (kind) continue;
        save("png", "cut", file, (size_t)(at - file) / 2);
        embed("png", "chunk", file, (size_t)(at - file), blob, n, GMLP_CARRIER_PNG_CHUNK);
        embed("png", "text", file, (size_t)(at - file), blob, n, GMLP_CARRIER_PNG_TEXT);
        embed("png", "xmp", file, (size_t)(at - file), blob, n, GMLP_CARRIER_XMP);
    }
}

/* Weights as they start, and the same so large that no solution is found. */
/* A texture of two levels, 2 x 1 and 1 x 1 texels of RGBA; a key; global data, where it is asked for. */
static size_t make_texture(uint8_t *p, int global) {
    static const char key[] = "KTXwriter\0me";
    const size_t keys = 80 + 48 + 44, end = keys + 16;
    const size_t at = global ? (end + 7) / 8 * 8 + 8 : end;
    memset(p, 0, 400);
    memcpy(p, GMLP__KTX2_ID, 12);
    gmlp__put_le(p + 12, 43, 4);
    gmlp__put_le(p + 16, 1, 4);
    gmlp__put_le(p + 20, 2, 4);
    gmlp__put_le(p + 24, 1, 4);
    gmlp__put_le(p + 36, 1, 4);
    gmlp__put_le(p + 40, 2, 4);
    gmlp__put_le(p + 48, 128, 4);
    gmlp__put_le(p + 52, 44, 4);
    gmlp__put_le(p + 56, (uint32_t)keys, 4);
    gmlp__put_le(p + 60, 16, 4);
    gmlp__put_le(p + 64, global ? (uint32_t)at - 8 : 0, 4);
    gmlp__put_le(p + 72, global ? 8 : 0, 4);
    gmlp__put_le(p + 80, (uint32_t)at + 4, 4);
    gmlp__put_le(p + 88, 8, 4);
    gmlp__put_le(p + 96, 8, 4);
    gmlp__put_le(p + 104, (uint32_t)at, 4);
    gmlp__put_le(p + 112, 4, 4);
    gmlp__put_le(p + 120, 4, 4);
    gmlp__put_le(p + 128, 44, 4);
    p[128 + 20] = 4;
    gmlp__put_le(p + keys, sizeof key - 1, 4);
    memcpy(p + keys + 4, key, sizeof key - 1);
    memset(p + at, 0x55, 12);
    return at + 12;
}

static void ktx2_seeds(const uint8_t *blob, size_t n) {
    static uint8_t file[8192];
    size_t size = make_texture(file, 0);
    const size_t entry = 4 + 8 + (n + 3) / 4 * 4;
    save("ktx2", "plain", file, size);
    embed("ktx2", "key", file, size, blob, n, GMLP_CARRIER_KTX2_KEY);
    save("ktx2", "cut", file, 150);
    /* By hand: ours before the other key, damaged; then intact, in a file that strip cannot lay anew. */
    memmove(file + 172 + entry, file + 172, size - 172);
    gmlp__put_le(file + 172, (uint32_t)(8 + n), 4);
    memcpy(file + 176, "GMLPnet", 8);
    memset(file + 184, 0, entry - 12);
    memcpy(file + 184, blob, n);
    gmlp__put_le(file + 60, (uint32_t)(16 + entry), 4);
    gmlp__put_le(file + 80, (uint32_t)(192 + entry), 4);
    gmlp__put_le(file + 104, (uint32_t)(188 + entry), 4);
    file[184 + n / 2] ^= 1;
    save("ktx2", "damaged", file, size + entry);
    file[184 + n / 2] ^= 1;
    gmlp__put_le(file + 80, 100, 4);
    save("ktx2", "level", file, size + entry);
    size = make_texture(file, 1);
    embed("ktx2", "global", file, size, blob, n, GMLP_CARRIER_KTX2_KEY);
}

static void letnet_seeds(void) {
    static uint8_t bytes[32768];
    gmlp_letnet net;
    size_t i, k, n;
    for (k = 0; k < 2; k++) {
        if (gmlp_letnet_init(16, 16, 3, NULL, &net) != GMLP_OK) exit(1);
        for (i = 0; i < gmlp_letnet_weights(16, 16) && k; i++) net.weights[i] *= 40.0f;
        if (gmlp_letnet_write(&net, bytes, sizeof bytes, &n) != GMLP_OK) exit(1);
        save("letnet", k ? "large" : "start", bytes, n);
        gmlp_letnet_free(&net);
    }
    save("letnet", "cut", bytes, 100);
}

/* The container does not look into scans: the smallest picture will do. */
static void ultrahdr_seeds(void) {
    static const uint8_t plain[] = { 0xff, 0xd8, 0xff, 0xdb, 0, 3, 1, 0xff, 0xda, 0, 2, 'a', 0xff, 0, 0xff, 0xd0, 'b', 0xff, 0xd9 };
    static const char *const names[] = { "whole", "directory", "xmp", "lists", "hdrbase", "common" };
    size_t i, c, n, at;
    save("ultrahdr", "plain", plain, sizeof plain);
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        ultrahdr_metadata m;
        uint8_t *p;
        memset(&m, 0, sizeof m);
        for (c = 0; c < 3; c++) {
            m.gain_min[c] = i < 3 ? 0 : -0.5 * (double)c;
            m.gain_max[c] = i < 3 ? 2 : 1 + (double)c;
            m.gamma[c] = 1;
            m.offset_base[c] = m.offset_alternate[c] = 1 / 64.0;
        }
        m.headroom_base = i == 4 ? 3 : 0;
        m.headroom_alternate = i == 4 ? 0 : 3;
        if (ultrahdr_join(plain, sizeof plain, plain, sizeof plain, &m, &p, &n, NULL) != GMLP_OK) exit(1);
        for (at = n; at-- > 0;) { /* the last ISO block is the map's */
            if (i == 1 && n - at >= 8 && !memcmp(p + at, "MPF\0MM\0*", 8)) p[at] = 'X';
            if (i > 1 && n - at >= sizeof ISO_ID && !memcmp(p + at, ISO_ID, sizeof ISO_ID)) {
                if (i == 5) p[at + sizeof ISO_ID + ISO_VERSIONS] |= 0x08; /* one denominator for all */
                else p[at] = 'X';
                break;
            }
        }
        save("ultrahdr", names[i], p, n);
        free(p);
    }
    for (i = 0; i < 2; i++) { /* as iPhones write them: the headroom is in the camera's note, or in the map's packet */
        static const char packet[2][512] = {
            PACKET_BEGIN "<rdf:Description rdf:about=\"\" " APPLE_NAMESPACES ">" APPLE_PROPERTIES("") "</rdf:Description>" PACKET_END,
            PACKET_BEGIN "<rdf:Description rdf:about=\"\" " APPLE_NAMESPACES " HDRGainMap:HDRGainMapHeadroom=\"3.5\">" APPLE_PROPERTIES("")
            "</rdf:Description>" PACKET_END
        };
        uint8_t exif[APPLE_EXIF_MOST];
        buffer b = { NULL, 0, 0, 0 };
        size_t index, first;
        n = apple_exif(1.01, 0.009, exif);
        buffer_put(&b, plain, 2);
        if (!i) buffer_segment(&b, 0xe1, EXIF_ID, sizeof EXIF_ID, exif, n);
        put_mpf(&b);
        index = b.n - MPF_SIZE + 4;
        buffer_put(&b, plain + 2, sizeof plain - 2);
        first = b.n;
        buffer_put(&b, plain, 2);
        buffer_segment(&b, 0xe1, XMP_ID, sizeof XMP_ID, packet[i], strlen(packet[i]));
        buffer_put(&b, plain + 2, sizeof plain - 2);
        if (b.failed) exit(1);
        set_u32(b.p + index + 54, first);
        set_u32(b.p + index + 70, b.n - first);
        set_u32(b.p + index + 74, first - index);
        save("ultrahdr", i ? "applepacket" : "applenote", b.p, b.n);
        free(b.p);
    }
}

/* What an edit or a way is, as the targets take it from their input's bytes. */
static void said_seeds(void) {
    static const struct {
        const char *kind, *name;
        uint8_t n, bytes[14];
    } said[] = {
        { "edits", "whole", 4, { 0, 1 } },
        { "edits", "turned", 4, { 1, 1, 5 } },
        { "edits", "sycc", 4, { 0x40, 1, 3 } },
        { "edits", "resized", 5, { 0, 1, 0x10, 0xb0 } },
        { "edits", "part", 8, { 3, 1, 8, 0x20, 0x20, 0xf0, 0xe0 } },
        { "edits", "other", 4, { 0, 1, 0x80 } },
        { "edits", "nomemory", 4, { 0, 6 } },
        { "edits", "coordinates", 7, { 0, 0, 0, 1, 0, 15, 0x20 } },
        { "edits", "width", 7, { 0, 0, 0, 1, 0, 9, 0xff } },
        { "edits", "turnedbare", 4, { 2, 1, 4 } },
        { "edits", "refused", 7, { 0, 0, 0, 1, 0, 0, 0xf0 } },
        { "edits", "nolandmarks", 10, { 1, 1, 7, 1, 0, 115, 0x80 } },
        { "roundtrip", "difference", 12, { 4, 0, 0, 0, 0x13, 5, 0x40 } },
        { "roundtrip", "direct", 12, { 7, 1, 0, 0, 0x35, 6, 0x41 } },
        { "roundtrip", "floats", 12, { 2, 2, 0, 0, 4, 4, 0xc4 } },
        { "roundtrip", "gain", 12, { 5, 3, 0, 0, 0x2a, 7, 0xc0 } },
        { "roundtrip", "gamma", 12, { 6, 4, 0, 0, 6, 9, 0xc0 } },
        { "roundtrip", "none", 12, { 8, 5, 0, 0, 1, 4, 0xc0 } },
        { "roundtrip", "sine", 14, { 3, 0, 0, 0, 2, 2, 0x80, 3, 4, 9, 7 } },
        { "roundtrip", "sycc", 12, { 1, 1, 0, 0, 7, 4, 0xc0 } },
        { "roundtrip", "whole", 12, { 0, 0, 0, 0, 0x13, 4, 0xc0 } },
        { "roundtrip", "cut", 14, { 0, 1, 1, 0, 9, 0x20, 0, 3, 4, 0xc0 } },
        { "roundtrip", "narrow", 14, { 0, 1, 1, 0, 9, 0x10, 0, 3, 4, 0xc0 } },
        { "roundtrip", "refused", 12, { 0, 1, 1, 0, 0, 0xf0, 0, 3, 4, 0xc0 } },
        { "roundtrip", "spoilt", 12, { 0, 1, 0, 1, 0, 60, 0xff, 3, 4, 0xc0 } }
    };
    size_t i;
    for (i = 0; i < sizeof said / sizeof *said; i++) save(said[i].kind, said[i].name, said[i].bytes, said[i].n);
}

int main(int argc, char **argv) {
    uint8_t blob[4096];
    char name[32];
    size_t n;
    static const int largest[] = {0, 1, 5, 127, 32767};
    size_t i;
    if (argc != 2) return 2;
    folder = argv[1];
    n = make_blob(blob, sizeof blob, GMLP_METHOD_NONE, 0, GMLP_BIAS_ALL, 0, 0);
    save("blob", "none", blob, n);
    for (i = 0; i < sizeof largest / sizeof *largest; i++) {
        if (largest[i]) snprintf(name, sizeof name, "steps%d", largest[i]);
        else strcpy(name, "floats");
        n = make_blob(blob, sizeof blob, GMLP_METHOD_RESIDUAL, largest[i], GMLP_BIAS_ALL, 0, 0);
        save("blob", name, blob, n);
    }
    n = make_blob(blob, sizeof blob, GMLP_METHOD_RESIDUAL, 5, GMLP_BIAS_ALL, 0, 0); /* of steps that make weights too large */
    gmlp__put_float(blob + GMLP__BLOB_NET, 30000.0f);
    gmlp__put_le(blob + n - GMLP__BLOB_CRC, gmlp__crc32(0, blob, n - GMLP__BLOB_CRC), GMLP__BLOB_CRC);
    save("blob", "large", blob, n);
    blob[4] = 2;
    save("blob", "older", blob, n);
    n = make_blob(blob, sizeof blob, GMLP_METHOD_RESIDUAL, 7, GMLP_BIAS_ALL, 2, 0);
    save("blob", "window", blob, n);
    n = make_blob(blob, sizeof blob, GMLP_METHOD_RESIDUAL, 3, GMLP_BIAS_ALL, 0, 4);
    save("blob", "sections", blob, n);
    for (i = GMLP_METHOD_DIFFERENCE; i <= GMLP_METHOD_DIRECT; i++) {
        n = make_blob(blob, sizeof blob, (int)i, 7, GMLP_BIAS_ALL, i == GMLP_METHOD_GAMMA ? 3 : 0, 0);
        snprintf(name, sizeof name, "hdr%d", (int)i);
        save("blob", name, blob, n);
    }
    n = make_blob(blob, sizeof blob, GMLP_METHOD_RESIDUAL, 60, GMLP_BIAS_FIRST, 0, 0);
    save("blob", "first", blob, n);
    jpeg_seeds(blob, n);
    png_seeds(blob, n);
    ktx2_seeds(blob, n);
    ultrahdr_seeds();
    letnet_seeds();
    said_seeds();
    return 0;
}
