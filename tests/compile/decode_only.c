/* Prints a number for each blob of tests/blobs/, over what it decodes to in every type: the same on every instruction
   set, and with GMLP_DECODE_ONLY as without. Run in tests/compile. */
#include <stdio.h>
#include <stdlib.h>
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"

enum { W = 16, H = 12, PIXELS = W * H };

static uint32_t hash; /* FNV-1a */

static void fail(const char *what, const char *name) {
    printf("%s: %s\n", what, name);
    exit(1);
}

static void add(const void *bytes, size_t size) {
    const unsigned char *p = (const unsigned char *)bytes;
    while (size--) hash = (hash ^ *p++) * 16777619u;
}

static size_t load(const char *name, const char *end, uint8_t *p, size_t most) {
    char path[100];
    size_t n;
    FILE *f;
    sprintf(path, "../blobs/%s.%s", name, end);
    f = fopen(path, "rb");
    if (!f) fail("cannot open", path);
    n = fread(p, 1, most, f);
    fclose(f);
    return n;
}

/* The base of tests/library/test_promise.c; it may have alpha. */
static void make_base(uint8_t *p, unsigned channels) {
    unsigned x, y, c;
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++)
            for (c = 0; c < channels; c++) {
                const int v = (int)((x * (29 + 14 * c) + y * (53 - 16 * c) + 90 * c) % 420) - 80;
                *p++ = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
}

/* Into all types, in two of five spaces each; with alpha also into less headroom. Once as it is, and once as if it had
   been made smaller. */
static void decode(const gmlp_net *net, gmlp_image base, int isa, const char *name) {
    static const int spaces[] = {GMLP_SPACE_NONE, GMLP_SRGB_LINEAR, GMLP_REC2020_PQ, GMLP_REC2020_HLG, GMLP_P3};
    static uint32_t pixels[PIXELS * 4];
    gmlp_image out = base;
    gmlp_net smaller = *net;
    gmlp_decode_opts opts;
    size_t s;
    smaller.coords.col_step *= 1.5f;
    smaller.coords.row_step *= 2.25f;
    memset(&opts, 0, sizeof opts);
    opts.decoder.isa = isa;
    opts.decoder.headroom = base.channels == 4 ? 0.5 : 0.0;
    out.data = pixels;
    for (out.type = GMLP_U8; out.type <= GMLP_RGB9E5; out.type++)
        for (s = 0; s < 2; s++) {
            out.space = spaces[((size_t)out.type + 2 * s) % (sizeof spaces / sizeof *spaces)];
            out.channels = out.type < GMLP_BGRA8 ? base.channels : 0; /* packed ones have their own */
            memset(pixels, 0, sizeof pixels);
            if (gmlp_decode(net, &base, &out, &opts)) fail("does not decode", name);
            add(pixels, sizeof pixels);
            memset(pixels, 0, sizeof pixels);
            if (gmlp_decode_resized(&smaller, &base, &out, 0.3, &opts)) fail("does not decode, smaller", name);
            add(pixels, sizeof pixels);
        }
}

/* A JPEG file of nothing but a blob, whose network must be the same. */
static void open_file(const uint8_t *blob, size_t size, const gmlp_net *net, const char *name) {
    static const uint8_t head[] = {0xff, 0xd8, 0xff, 0xeb, 0, 0, 'G', 'a', 'm', 'u', 't', 'M', 'L', 'P', 0, 1, 1},
                         end[] = {0xff, 0xda, 0, 2, 0xff, 0xd9};
    static uint8_t file[8192 + sizeof head + sizeof end];
    const size_t all = sizeof head + size + sizeof end, segment = size + 13;
    gmlp_error err;
    gmlp_net again;
    memcpy(file, head, sizeof head);
    file[4] = (uint8_t)(segment >> 8);
    file[5] = (uint8_t)(segment & 255);
    memcpy(file + sizeof head, blob, size);
    memcpy(file + sizeof head + size, end, sizeof end);
    if (gmlp_carriers_present(file, all, NULL) != GMLP_CARRIER_JPEG_APP) fail("no carrier", name);
    if (gmlp_open(file, all, NULL, &again, &err)) fail(err.text, name);
    if (again.method != net->method || again.base_width != net->base_width ||
        (net->weights && memcmp(again.weights, net->weights, 100 * sizeof(float))))
        fail("opened another network", name);
    gmlp_net_free(&again);
}

static void read_blob(const char *name) {
    static uint8_t codes[PIXELS * 4], blob[8192], want[PIXELS * 6];
    static uint16_t rows[PIXELS * 3];
    gmlp_image base, out;
    gmlp_error err;
    gmlp_net net;
    size_t size = load(name, "blob", blob, sizeof blob), i;
    uint32_t first = 0;
    int isa;
    if (gmlp_blob_read(blob, size, NULL, &net, &err)) fail(err.text, name);
    open_file(blob, size, &net, name);
    memset(&base, 0, sizeof base);
    base.data = codes;
    base.width = net.base_width;
    base.height = net.base_height;
    base.type = GMLP_U8;
    base.channels = 3;
    base.space = net.base_space;
    make_base(codes, 3);
    out = base;
    out.data = rows;
    out.type = GMLP_U16;
    out.space = GMLP_SPACE_NONE;
    if (strcmp(name, "turned") && gmlp_net_check(&net, &base)) fail("not its base", name);
    if (load(name, "rows", want, sizeof want) != sizeof want) fail("too short", name);
    if (gmlp_decode(&net, &base, &out, NULL)) fail("does not decode", name);
    for (i = 0; i < PIXELS * 3; i++)
        if (abs((want[2 * i] | want[2 * i + 1] << 8) - rows[i]) > 1) fail("other pixels", name);
    for (isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
        if (!gmlp_isa_available(isa)) continue;
        hash = 2166136261u;
        make_base(codes, 3);
        base.channels = 3;
        decode(&net, base, isa, name);
        make_base(codes, 4);
        base.channels = 4;
        decode(&net, base, isa, name);
        if (isa == GMLP_ISA_SCALAR) first = hash;
        if (hash != first) fail(gmlp_isa_name(isa), name);
    }
    printf("%s %08x\n", name, (unsigned)first);
    gmlp_net_free(&net);
}

int main(void) {
    static const char *const names[] = {"default", "paper", "sine", "margin", "turned", "difference",
                                        "gain", "gamma", "direct", "paper_gamma", "none", "sycc", "sections"};
    size_t i;
    for (i = 0; i < sizeof names / sizeof *names; i++) read_blob(names[i]);
    return 0;
}
