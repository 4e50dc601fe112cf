/* What the browser's module gamutmlp.mjs calls: the library's functions with pictures as plain numbers, as JavaScript
   does not know the layout of structures. What a call gives besides its gmlp_result lies in `given`. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP_STATIC
#define GMLP_NO_LETNET
#include "gamutmlp.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name)))

/* The module's own, called before each step of training: nonzero cancels. */
__attribute__((import_module("env"), import_name("progress"))) int web_progress(uint32_t step, uint32_t steps);

static struct {
    void *pointer;        /* the caller's to release: bytes with give, nets and decoders with their own functions */
    size_t size;
    const char *text;     /* of a parser's error; NULL: there is none */
    size_t offset;
    double numbers[8];
} given;

EXPORT(given) void *web_given(void) { return &given; }
EXPORT(take) void *web_take(size_t size) { return malloc(size); }
EXPORT(give) void web_give(void *memory) { free(memory); }
EXPORT(version) int web_version(void) { return gmlp_version(); }
EXPORT(text) const char *web_text(int result) { return gmlp_result_string((gmlp_result)result); }
EXPORT(space_of) int web_space_of(const char *name) { return gmlp_space_from_name(name); }
EXPORT(space_name) const char *web_space_name(int space) { return gmlp_space_name(space); }

static gmlp_image view(void *data, uint32_t width, uint32_t height, int type, int channels, int space) {
    gmlp_image image;
    memset(&image, 0, sizeof image);
    image.data = data;
    image.width = width;
    image.height = height;
    image.type = type;
    image.channels = channels;
    image.space = space;
    return image;
}

static int failed(gmlp_result result, const gmlp_error *error) {
    given.text = error->text;
    given.offset = error->offset;
    return (int)result;
}

/* Nets. */
static int made(gmlp_result result, gmlp_net *net, const gmlp_error *error) {
    given.pointer = net;
    if (!result) return 0;
    free(net);
    given.pointer = NULL;
    return failed(result, error);
}

EXPORT(net_read) int web_net_read(const void *blob, size_t size) {
    gmlp_error error = { GMLP_OK, 0, NULL };
    gmlp_net *net = (gmlp_net *)malloc(sizeof *net);
    return made(net ? gmlp_blob_read(blob, size, NULL, net, &error) : GMLP_E_MEMORY, net, &error);
}

EXPORT(net_free) void web_net_free(gmlp_net *net) {
    gmlp_net_free(net);
    free(net);
}

EXPORT(net_about) void web_net_about(const gmlp_net *net) {
    given.numbers[0] = net->method;
    given.numbers[1] = net->wide_space;
    given.numbers[2] = net->base_space;
    given.numbers[3] = net->base_width;
    given.numbers[4] = net->base_height;
    given.numbers[5] = net->method == GMLP_METHOD_NONE ? 0 : net->mlp.width;
    given.numbers[6] = gmlp_net_halo(net);
    given.numbers[7] = net->method >= GMLP_METHOD_DIFFERENCE ? net->content_max : 1;
}

EXPORT(net_blob) int web_net_blob(const gmlp_net *net) {
    const size_t size = gmlp_blob_size(net);
    given.pointer = malloc(size ? size : 1);
    return given.pointer ? (int)gmlp_blob_write(net, given.pointer, size, &given.size) : GMLP_E_MEMORY;
}

EXPORT(net_follow) int web_net_follow(gmlp_net *net, void *base, uint32_t width, uint32_t height, int channels,
                                      int space) {
    const gmlp_image image = view(base, width, height, GMLP_U8, channels, space);
    gmlp_edit edit;
    const gmlp_result result = gmlp_find_edit(net, &image, NULL, &edit);
    if (!result) gmlp_net_follow(net, &edit);
    return (int)result;
}

/* Is it the network's picture? A few rows at a time, so that a large picture need not be here. */
EXPORT(check_begin) int web_check_begin(uint32_t width, uint32_t height) {
    given.pointer = malloc(sizeof(gmlp_signature));
    return given.pointer ? (int)gmlp_signature_begin((gmlp_signature *)given.pointer, width, height) : GMLP_E_MEMORY;
}

EXPORT(check_rows) int web_check_rows(gmlp_signature *s, void *rows, uint32_t width, uint32_t height, int channels,
                                      int space, uint32_t y) {
    const gmlp_image image = view(rows, width, height, GMLP_U8, channels, space);
    return (int)gmlp_signature_rows(s, &image, y);
}

EXPORT(check_end) int web_check_end(const gmlp_net *net, const gmlp_signature *s) {
    return (int)gmlp_net_verdict(net, s);
}

/* Decoding, a few rows at a time as well. */
EXPORT(decoder_create) int web_decoder_create(const gmlp_net *net, uint32_t base_width, uint32_t base_height, int type,
                                              int space, uint32_t x, uint32_t width, double headroom,
                                              double white_nits) {
    gmlp_decoder_opts opts;
    gmlp_net same = *net;
    gmlp_decoder *decoder;
    gmlp_result result;
    memset(&opts, 0, sizeof opts);
    if (net->method == GMLP_METHOD_NONE) { /* nothing was lost: of pictures of any size */
        same.base_width = base_width;
        same.base_height = base_height;
    }
    opts.x = x;
    opts.width = width;
    opts.headroom = headroom;
    opts.white_nits = white_nits;
    result = gmlp_decoder_create(&same, type, space, &opts, &decoder);
    given.pointer = decoder;
    return (int)result;
}

EXPORT(decoder_free) void web_decoder_free(gmlp_decoder *decoder) { gmlp_decoder_free(decoder); }

EXPORT(decoder_rows) int web_decoder_rows(const gmlp_decoder *decoder, void *base, uint32_t base_width,
                                          uint32_t base_height, int base_channels, int base_space, uint32_t base_y,
                                          void *out, uint32_t width, uint32_t height, int type, int channels,
                                          uint32_t x, uint32_t y) {
    const gmlp_image from = view(base, base_width, base_height, GMLP_U8, base_channels, base_space),
                     to = view(out, width, height, type, channels, GMLP_SPACE_NONE);
    return (int)gmlp_decoder_rows(decoder, &from, 0, base_y, &to, x, y, NULL);
}

/* The decoder's numbers for shaders/gamutmlp_decode.es.frag. */
EXPORT(shader_pack) int web_shader_pack(const gmlp_decoder *decoder) {
    gmlp_result result = gmlp_shader_pack(decoder, NULL, 0, &given.size);
    given.pointer = NULL;
    if (result != GMLP_E_BUFFER) return (int)result;
    given.pointer = malloc(given.size);
    result = given.pointer ? gmlp_shader_pack(decoder, given.pointer, given.size, &given.size) : GMLP_E_MEMORY;
    if (result) free(given.pointer);
    return (int)result;
}

/* Conversion. `reduces`: src is wide, and dst its base. */
EXPORT(convert) int web_convert(void *src, int src_type, int src_channels, int src_space, void *dst, int dst_type,
                                int dst_channels, int dst_space, uint32_t width, uint32_t height, int adaptation,
                                double white_nits, int round_down, int reduces) {
    const gmlp_image from = view(src, width, height, src_type, src_channels, src_space),
                     to = view(dst, width, height, dst_type, dst_channels, dst_space);
    gmlp_convert_opts opts;
    memset(&opts, 0, sizeof opts);
    opts.adaptation = adaptation;
    opts.white_nits = white_nits;
    opts.round_down = round_down;
    return (int)(reduces ? gmlp_reduce(&from, &to, &opts, NULL) : gmlp_convert(&from, &to, &opts));
}

/* Training. */
static int progressed(void *user, uint32_t step, uint32_t steps) {
    (void)user;
    return web_progress(step, steps);
}

EXPORT(train) int web_train(int hdr, uint32_t width, uint32_t height, void *base, int base_channels, int base_space,
                            void *original, int type, int channels, int space, int preset, int method, double seed,
                            uint32_t iterations, uint32_t batch, int neurons, uint32_t budget, double target_psnr,
                            int clip_margin, int adaptation, double white_nits, const gmlp_net *start) {
    const gmlp_image from = view(base, width, height, GMLP_U8, base_channels, base_space),
                     to = view(original, width, height, type, channels, space);
    gmlp_train_opts opts;
    gmlp_train_report report;
    gmlp_error error = { GMLP_OK, 0, NULL };
    gmlp_net *net = (gmlp_net *)malloc(sizeof *net);
    gmlp_result result = GMLP_E_MEMORY;
    memset(&opts, 0, sizeof opts);
    memset(&report, 0, sizeof report);
    opts.preset = preset;
    opts.method = method;
    opts.seed = (uint64_t)seed;
    opts.iterations = iterations;
    opts.batch = batch;
    opts.width = neurons;
    opts.budget = budget;
    opts.target_psnr = target_psnr;
    opts.clip_margin = clip_margin;
    opts.adaptation = adaptation;
    opts.white_nits = white_nits;
    opts.start = start;
    opts.progress = progressed;
    if (net) result = (hdr ? gmlp_train_hdr : gmlp_train)(&from, &to, &opts, net, &report);
    given.numbers[0] = (double)report.out_of_gamut;
    given.numbers[1] = (double)report.saturated;
    given.numbers[2] = (double)report.samples;
    given.numbers[3] = report.iterations;
    given.numbers[4] = report.loss;
    given.numbers[5] = report.psnr_og;
    return made(result, net, &error);
}

/* Files: what is written grows in `given`. */
static size_t room;

static int grow(void *user, const void *bytes, size_t size) {
    (void)user;
    if (size > room - given.size) {
        const size_t larger = given.size + size + (given.size + size) / 2;
        void *memory = malloc(larger); /* without realloc the module is half a KB smaller */
        if (!memory) return 1;
        if (given.size) memcpy(memory, given.pointer, given.size);
        free(given.pointer);
        given.pointer = memory;
        room = larger;
    }
    memcpy((uint8_t *)given.pointer + given.size, bytes, size);
    given.size += size;
    return 0;
}

/* blob NULL: the file without a network. */
EXPORT(embed) int web_embed(const void *file, size_t size, const void *blob, size_t blob_size, int untagged) {
    const gmlp_writer writer = { NULL, grow };
    gmlp_embed_opts opts;
    gmlp_error error = { GMLP_OK, 0, NULL };
    gmlp_result result;
    memset(&opts, 0, sizeof opts);
    opts.leave_untagged = untagged;
    given.pointer = NULL;
    given.size = room = 0;
    switch (gmlp_container_kind(file, size)) { /* not gmlp_embed, which knows textures, too: pages are to load soon */
    case GMLP_CONTAINER_JPEG:
        result = blob ? gmlp_jpeg_embed(file, size, blob, blob_size, &opts, &writer, &error)
                      : gmlp_jpeg_strip(file, size, &writer, &error);
        break;
    case GMLP_CONTAINER_PNG:
        result = blob ? gmlp_png_embed(file, size, blob, blob_size, &opts, &writer, &error)
                      : gmlp_png_strip(file, size, &writer, &error);
        break;
    default: result = GMLP_E_FORMAT; error.text = "neither a JPEG nor a PNG";
    }
    return failed(result == GMLP_E_WRITE ? GMLP_E_MEMORY : result, &error);
}

EXPORT(extract) int web_extract(const void *file, size_t size) {
    gmlp_error error = { GMLP_OK, 0, NULL };
    const int png = gmlp_container_kind(file, size) == GMLP_CONTAINER_PNG;
    return failed((png ? gmlp_png_extract : gmlp_jpeg_extract)(file, size, NULL, &given.pointer, &given.size, &error),
                  &error);
}
