/* The whole way: a small picture's network, in a file of which some bytes change, taken out and decoded with, in one
   way or another. An input says which of them. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"

enum { OPENED, NOT_OPENED, DECODED, NO_HALO, NOT_ALLOWED, STREAMED, PACKED, NO_MEMORY, KINDS };
static const char *const kinds[KINDS] = {
    "opened", "not opened", "decoded", "without its halo", "not allowed", "as a stream", "for shaders", "memory ended"
};
#include "fuzz.h"
#include "take.h"

enum { W = 24, H = 20, TRAINED = 9, ROOM = 70000 };

/* The networks: every method, both bases, both arithmetics. Each is trained when it is first asked for. */
typedef struct trained {
    uint8_t codes[W * H][3], *blob;
    gmlp_image base;
    size_t size, before; /* of the blob; of what comes before the weights */
} trained;

static const trained *trained_of(unsigned kind) {
    static trained all[TRAINED];
    trained *const t = &all[kind];
    static float wide[W * H][3];
    gmlp_image original;
    gmlp_train_opts opts;
    gmlp_net net;
    size_t i, c;
    if (t->blob) return t;
    memset(&opts, 0, sizeof opts);
    memset(&original, 0, sizeof original);
    for (i = 0; i < W * H; i++)
        for (c = 0; c < 3; c++) {
            const float v = (float)((i % W * (3 + c) + i / W * (5 - c)) % 29) / 28.0f;
            wide[i][c] = kind == 8 ? 0.3f + 0.2f * v : kind >= 4 ? 4 * v * v : v;
            t->codes[i][c] = (uint8_t)(255 * v); /* HDR: what SDR is there */
        }
    original.data = wide;
    original.width = W;
    original.height = H;
    original.type = GMLP_F32;
    original.space = kind >= 4 && kind < 8 ? GMLP_REC2020_LINEAR : GMLP_PROPHOTO_LINEAR;
    t->base = original;
    t->base.data = t->codes;
    t->base.type = GMLP_U8;
    t->base.space = kind == 1 ? GMLP_SYCC : GMLP_SRGB;
    opts.preset = kind == 2 ? GMLP_PRESET_PAPER : GMLP_PRESET_FAST;
    opts.iterations = 6;
    opts.batch = 64;
    opts.width = kind == 5 ? 16 : 8;
    opts.activation = kind == 3 ? GMLP_SINE : GMLP_RELU;
    if (kind >= 4 && kind < 8) {
        opts.method = GMLP_METHOD_DIFFERENCE + (int)kind - 4;
        CHECK(gmlp_train_hdr(&t->base, &original, &opts, &net, NULL) == GMLP_OK);
    } else {
        CHECK(gmlp_reduce(&original, &t->base, NULL, NULL) == GMLP_OK);
        CHECK(gmlp_train(&t->base, &original, &opts, &net, NULL) == GMLP_OK);
    }
    CHECK((net.method == GMLP_METHOD_NONE) == (kind == 8));
    t->before = kind == 8 ? GMLP__BLOB_HEAD : gmlp__blob_before(&net);
    t->size = gmlp_blob_size(&net);
    t->blob = (uint8_t *)malloc(t->size);
    CHECK(t->blob && gmlp_blob_write(&net, t->blob, t->size, &i) == GMLP_OK);
    gmlp_net_free(&net);
    return t;
}

typedef struct file {
    uint8_t bytes[ROOM];
    size_t n;
} file;

static int file_write(void *user, const void *bytes, size_t n) {
    file *const f = (file *)user;
    CHECK(n <= ROOM - f->n);
    memcpy(f->bytes + f->n, bytes, n);
    f->n += n;
    return 0;
}

/* In a file whose picture nobody looks at. */
static void embed(file *f, unsigned how, const uint8_t *blob, size_t size) {
    static const uint8_t jpeg[] = { 0xff, 0xd8, 0xff, 0xdb, 0, 3, 1, 0xff, 0xda, 0, 2, 'a', 0xff, 0xd9 };
    static const uint8_t png[] = { 0x89, 'P', 'N', 'G', 13, 10, 26, 10, 0, 0, 0, 13, 'I', 'H', 'D', 'R', 0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0,
                                   0x90, 0x77, 0x53, 0xde, 0, 0, 0, 0, 'I', 'D', 'A', 'T', 0x35, 0xaf, 6, 0x1e, 0, 0, 0, 0, 'I', 'E', 'N', 'D',
                                   0xae, 0x42, 0x60, 0x82 };
    gmlp_embed_opts opts;
    gmlp_writer w;
    memset(&opts, 0, sizeof opts);
    w.user = f;
    w.write = file_write;
    f->n = 0;
    opts.carriers = gmlp__carriers(how & 1 ? GMLP_CONTAINER_PNG : GMLP_CONTAINER_JPEG)[how / 2 % 3];
    CHECK(gmlp_embed(how & 1 ? png : jpeg, how & 1 ? sizeof png : sizeof jpeg, blob, size, &opts, &w, NULL) == GMLP_OK);
}

static unsigned spoil_file(input *in, file *f) {
    const unsigned changes = take(in, 1) % 4;
    unsigned i;
    for (i = 0; i < changes; i++) {
        const size_t at = take(in, 2) % f->n;
        f->bytes[at] ^= (uint8_t)take(in, 1);
    }
    return changes;
}

/* The rest of a picture's rows comes as a stream: the same bytes. */
static void use_stream(const gmlp_net *net, const gmlp_image *base, const gmlp_image *out, const gmlp_decoder_opts *opts, const uint8_t *all,
                       size_t bytes) {
    static uint8_t got[W * H * 16];
    gmlp_decoder *decoder;
    gmlp_stream *stream;
    gmlp_image rows = *base, to = *out;
    gmlp_signature s;
    uint32_t y, done = 0;
    CHECK(gmlp_decoder_create(net, out->type, out->space, opts, &decoder) == GMLP_OK);
    CHECK(gmlp_stream_create(decoder, NULL, &stream) == GMLP_OK);
    memset(got, 0xa5, sizeof got); /* of alpha it may be kept */
    rows.height = 1;
    for (y = 0; y < base->height; y++) {
        rows.data = (uint8_t *)base->data + 3 * (size_t)y * base->width;
        CHECK(gmlp_stream_put(stream, &rows) == GMLP_OK);
        to.height = gmlp_stream_ready(stream);
        to.data = got + done * (bytes / base->height);
        if (to.height) CHECK(gmlp_stream_take(stream, &to) == GMLP_OK);
        done += to.height;
    }
    CHECK(done == base->height && !memcmp(got, all, bytes));
    gmlp_signature_begin(&s, base->width, base->height);
    gmlp_signature_rows(&s, base, 0);
    CHECK(gmlp_stream_check(stream) == gmlp_net_verdict(net, &s));
    gmlp_stream_free(stream);
    if (out->type == GMLP_F32) {
        size_t size = 0;
        const gmlp_result result = gmlp_shader_pack(decoder, NULL, 0, &size);
        void *pack = malloc(size);
        CHECK(result == GMLP_E_BUFFER || result == GMLP_E_ARGUMENT || result == GMLP_E_BASE_SPACE);
        if (result == GMLP_E_BUFFER && gmlp_shader_pack(decoder, pack, size, &size) == GMLP_OK) reached[PACKED]++;
        free(pack);
    }
    gmlp_decoder_free(decoder);
    reached[STREAMED]++;
}

/* A rectangle of the picture, of which base may be a part. */
static void use(input *in, const gmlp_net *net, const gmlp_image *base) {
    static uint8_t all[W * H * 16], again[W * H * 16];
    static const double headrooms[4] = {0, 0.5, 2, 40}, scales[4] = {0, 0.01, 203 / 80.0, 1e6};
    gmlp_decode_opts opts;
    gmlp_image out, view = *base;
    gmlp_result result, other;
    gmlp_net copy = *net;
    size_t pixel, i;
    uint32_t how, x, y;
    memset(&opts, 0, sizeof opts);
    memset(&out, 0, sizeof out);
    how = take(in, 1);
    out.type = (int)(how % 8) + 1;
    out.channels = how & 8 && out.type <= GMLP_F32 ? 4 : 0;
    out.space = (int)(take(in, 1) % 12);
    if (how & 16 && out.space >= 1 && out.space <= 5) out.space |= GMLP_LINEAR;
    opts.decoder.headroom = headrooms[how >> 5 & 3];
    opts.decoder.clamp_negative = (int)(how >> 7);
    how = take(in, 1);
    opts.decoder.scale = scales[how & 3];
    opts.decoder.alpha = (int)(how >> 2) % 3;
    opts.decoder.white_nits = how & 32 ? 100 : 0;
    if (how & 64) { /* all of it */
        x = y = 0;
        out.width = base->width;
        out.height = base->height;
    } else {
        x = take(in, 1) % base->width;
        y = take(in, 1) % base->height;
        out.width = 1 + take(in, 1) % (base->width - x);
        out.height = 1 + take(in, 1) % (base->height - y);
    }
    /* where base lies in what the net says is its picture */
    if (view.width > net->base_width) view.width = net->base_width;
    if (view.height > net->base_height) view.height = net->base_height;
    view.stride = 3 * (ptrdiff_t)base->width;
    opts.base_x = take(in, 2) % (net->base_width - view.width + 1);
    opts.base_y = take(in, 2) % (net->base_height - view.height + 1);
    opts.x = opts.base_x + x;
    opts.y = opts.base_y + y;
    pixel = gmlp_pixel_size(out.type, out.channels);
    out.data = all;
    memset(all, 0xa5, sizeof all);
    memcpy(again, all, sizeof all);
    opts.decoder.isa = GMLP_ISA_SCALAR;
    result = gmlp_decode(net, &view, &out, &opts);
    CHECK(result == GMLP_OK || result == GMLP_E_HALO || result == GMLP_E_OUT_VIEW || result == GMLP_E_ARGUMENT);
    reached[result == GMLP_OK ? DECODED : result == GMLP_E_HALO ? NO_HALO : NOT_ALLOWED]++;
    for (i = result ? 0 : out.width * out.height * pixel; i < sizeof all; i++) CHECK(all[i] == 0xa5);
    opts.decoder.isa = GMLP_ISA_AUTO; /* elsewhere, in parts, where memory may end */
    opts.threads.parallel_for = backwards;
    out.data = again;
    some_left = how & 128 ? 1000 : take(in, 1) % 3;
    opts.decoder.alloc = some;
    other = gmlp_decode(&copy, &view, &out, &opts);
    CHECK(other == result || other == GMLP_E_MEMORY);
    reached[NO_MEMORY] += other == GMLP_E_MEMORY;
    if (other == GMLP_OK) CHECK(!memcmp(all, again, sizeof all));
    else if (other != result) CHECK(again[0] == 0xa5);
    if (result != GMLP_OK || net->base_width != base->width || net->base_height != base->height || !(how & 64)) return;
    memset(&opts.decoder.alloc, 0, sizeof opts.decoder.alloc);
    if (out.channels != 4) use_stream(net, base, &out, &opts.decoder, all, out.width * out.height * pixel);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static file f;
    input in = {data, size};
    const trained *const t = trained_of(take(&in, 1) % TRAINED);
    const unsigned how = take(&in, 1);
    gmlp_image base = t->base;
    uint8_t *blob = (uint8_t *)malloc(t->size), *back;
    unsigned changes;
    gmlp_net net;
    gmlp_error err;
    gmlp_result verdict;
    size_t n;
    CHECK(blob);
    memcpy(blob, t->blob, t->size);
    changes = spoil(&in, blob, t->size, t->before);
    embed(&f, how, blob, t->size);
    changes += spoil_file(&in, &f);
    free(blob);
    if (gmlp_open(f.bytes, f.n, NULL, &net, &err) != GMLP_OK) {
        CHECK(changes && err.text);
        reached[NOT_OPENED]++;
        return 0;
    }
    reached[OPENED]++;
    back = (uint8_t *)malloc(t->size);
    CHECK(back && gmlp_blob_write(&net, back, t->size, &n) == GMLP_OK && n == t->size);
    verdict = gmlp_net_check(&net, &t->base);
    if (!changes) CHECK(!memcmp(back, t->blob, n) && verdict == GMLP_OK);
    free(back);
    base.space = space_of_codes(&net);
    if (verdict != GMLP_E_BASE_SPACE) use(&in, &net, &base);
    gmlp_net_free(&net);
    return 0;
}

/* Any bytes say something. */
static size_t change(uint8_t *data, size_t size, size_t most, unsigned seed) {
    (void)seed;
    return mutate(data, size, most);
}
