/* All that the library computes from one small picture, as bytes: they must be the same for every
   instruction set, thread count, rounding mode, tiling, compiler and processor. Include after the
   implementation. */
#include <stdlib.h>
#include <string.h>

#define PICTURE_W 61u
#define PICTURE_H 37u
#define PICTURE_PIXELS (PICTURE_W * PICTURE_H)
#define FINGERPRINTS 6

typedef struct fingerprint {
    gmlp_result result;             /* of the first call that failed */
    gmlp_gamut_report report;
    uint8_t codes[PICTURE_PIXELS * 3];
    uint8_t blob[FINGERPRINTS][8192]; /* default; sine, wider than its features, which do not fill vectors; paper; target; HDR by difference; by a gamma map with less headroom */
    size_t blob_size[FINGERPRINTS];
    uint16_t wide16[FINGERPRINTS][PICTURE_PIXELS * 3];
    float wide32[PICTURE_PIXELS * 3];
    uint16_t pq_half[PICTURE_PIXELS * 3];
    uint8_t mask[PICTURE_PIXELS];
    double loss[FINGERPRINTS];
    uint8_t landmarks[255];
    gmlp_edit edit;
} fingerprint;

/* Saturated gradients with some noise, in ProPhoto; integers only. */
static void make_picture(uint16_t *p) {
    uint32_t x, y, r = 1;
    for (y = 0; y < PICTURE_H; y++)
        for (x = 0; x < PICTURE_W; x++, p += 3) {
            r = r * 1664525u + 1013904223u;
            p[0] = (uint16_t)(x * 1000u + (r >> 22));
            p[1] = (uint16_t)(60000u - y * 1500u + (r >> 23));
            p[2] = (uint16_t)((x * 37u + y * 53u) % 97u * 400u + (r >> 24));
        }
}

/* A larger one, of squares; its landmarks, and a part of it found by them. */
#define SQUARES_W 240u
#define SQUARES_H 180u
static void find_part(fingerprint *f, int isa, gmlp_threads threads) {
    static uint16_t pixels[SQUARES_W * SQUARES_H * 3];
    static uint8_t codes[SQUARES_W * SQUARES_H * 3];
    gmlp_image wide, base;
    gmlp_train_opts train;
    gmlp_find_edit_opts find;
    gmlp_net net;
    const uint8_t *section;
    size_t size;
    uint32_t x, y, r;
    for (y = 0; y < SQUARES_H; y++)
        for (x = 0; x < SQUARES_W; x++) {
            uint16_t *const p = pixels + 3 * (y * SQUARES_W + x);
            r = (y / 9 * 40 + x / 9 + 1) * 2654435761u;
            p[0] = (uint16_t)(r >> 16);
            p[1] = (uint16_t)(r * 77u >> 16);
            p[2] = (uint16_t)(r * 1234567u >> 16);
        }
    memset(&wide, 0, sizeof wide);
    wide.data = pixels;
    wide.width = SQUARES_W;
    wide.height = SQUARES_H;
    wide.type = GMLP_U16;
    wide.space = GMLP_PROPHOTO;
    base = wide;
    base.data = codes;
    base.type = GMLP_U8;
    base.space = GMLP_SRGB;
    memset(&train, 0, sizeof train);
    memset(&find, 0, sizeof find);
    train.iterations = 1;
    train.width = 8;
    train.isa = isa;
    train.threads = find.threads = threads;
    f->result = gmlp_reduce(&wide, &base, NULL, NULL);
    if (!f->result) f->result = gmlp_train(&base, &wide, &train, &net, NULL);
    if (f->result) return;
    section = gmlp_net_section(&net, GMLP_SECTION_LANDMARKS, &size);
    if (section) memcpy(f->landmarks, section, size);
    base.data = codes + 3 * (30 * SQUARES_W + 31);
    base.stride = 3 * (int)SQUARES_W;
    base.width = 180;
    base.height = 130;
    f->result = gmlp_find_edit(&net, &base, &find, &f->edit);
    gmlp_net_free(&net);
}

static fingerprint *make_fingerprint(int isa, gmlp_threads threads) {
    static uint16_t pixels[PICTURE_PIXELS * 3];
    fingerprint *f = (fingerprint *)calloc(1, sizeof *f);
    gmlp_image wide, base, out;
    gmlp_convert_opts convert;
    int i;
    if (!f) abort();
    make_picture(pixels);
    memset(&wide, 0, sizeof wide);
    wide.data = pixels;
    wide.width = PICTURE_W;
    wide.height = PICTURE_H;
    wide.type = GMLP_U16;
    wide.space = GMLP_PROPHOTO;
    base = out = wide;
    base.data = f->codes;
    base.type = GMLP_U8;
    base.space = GMLP_SRGB;
    memset(&convert, 0, sizeof convert);
    convert.isa = isa;
    convert.threads = threads;
    f->result = gmlp_reduce(&wide, &base, &convert, &f->report);
    if (!f->result) f->result = gmlp_out_of_gamut_mask(&wide, f->mask, &convert);
    out.data = f->pq_half;
    out.type = GMLP_F16;
    out.space = GMLP_REC2020_PQ;
    if (!f->result) f->result = gmlp_convert(&wide, &out, &convert);
    for (i = 0; i < FINGERPRINTS && !f->result; i++) {
        gmlp_train_opts train;
        gmlp_train_report report;
        gmlp_decode_opts decode;
        gmlp_net net, again;
        memset(&train, 0, sizeof train);
        train.preset = i == 2 ? GMLP_PRESET_PAPER : GMLP_PRESET_DEFAULT;
        train.activation = i == 1 ? GMLP_SINE : GMLP_RELU;
        train.iterations = 8; /* two with rounded weights */
        train.batch = 200;
        train.width = i == 1 ? 40 : 16;
        if (i == 1) {
            train.frequencies[0] = train.frequencies[1] = 5;
            train.frequencies[2] = train.frequencies[3] = train.frequencies[4] = 2;
        }
        if (i == 2) memset(train.frequencies, 6, 5);
        if (i == 3) {
            train.target_psnr = 21.5; /* not of the smallest network */
            train.budget = 2048;
            train.batch = 100;
        }
        train.isa = isa;
        train.threads = threads;
        if (i > 3) { /* the picture's codes, taken for HLG */
            gmlp_image hdr = wide;
            hdr.space = GMLP_REC2020_HLG;
            if (i == 5) train.method = GMLP_METHOD_GAMMA;
            f->result = gmlp_train_hdr(&base, &hdr, &train, &net, &report);
        } else {
            f->result = gmlp_train(&base, &wide, &train, &net, &report);
        }
        if (f->result) break;
        f->loss[i] = report.loss;
        f->result = gmlp_blob_write(&net, f->blob[i], sizeof f->blob[i], &f->blob_size[i]);
        gmlp_net_free(&net);
        if (!f->result) f->result = gmlp_blob_read(f->blob[i], f->blob_size[i], NULL, &again, NULL);
        if (f->result) break;
        memset(&decode, 0, sizeof decode);
        decode.decoder.isa = isa;
        decode.threads = threads;
        decode.decoder.headroom = i == 5 ? 1.0 : 0.0;
        out = wide;
        out.data = f->wide16[i];
        f->result = gmlp_decode(&again, &base, &out, &decode);
        if (i == 0 && !f->result) {
            out.data = f->wide32;
            out.type = GMLP_F32;
            out.space = GMLP_P3_LINEAR;
            f->result = gmlp_decode(&again, &base, &out, &decode);
        }
        gmlp_net_free(&again);
    }
    if (!f->result) find_part(f, isa, threads);
    return f;
}
