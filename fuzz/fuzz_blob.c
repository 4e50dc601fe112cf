/* Blobs from strangers: read, written again, decoded with on every instruction set. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"
#include "tests/fixed.h"

enum { NONE, RESIDUAL, DIFFERENCE, GAIN, GAMMA, DIRECT, STEPS, FLOATS, FIXED, FLOAT, WINDOWS, SECTIONS, SHADER, MENDED, KINDS };
static const char *const kinds[KINDS] = {
    "none", "residual", "difference", "gain", "gamma", "direct", "steps", "floats", "fixed point", "float", "windows", "sections", "shader", "mended"
};
#include "fuzz.h"

static void decode_some(gmlp_net *net) {
    static const uint8_t codes[8][3] = {
        {255, 0, 0}, {0, 255, 30}, {12, 0, 255}, {255, 255, 0}, {0, 0, 0}, {255, 255, 255}, {100, 120, 140}, {63, 64, 192}
    };
    enum { W = 4, H = 2, BASE_W = W + GMLP_MAX_RADIUS, BASE_H = H + GMLP_MAX_RADIUS }; /* the first pixels, and all that they look at */
    const int hdr = net->method >= GMLP_METHOD_DIFFERENCE;
    uint8_t pixels[BASE_W * BASE_H][3];
    float linear[W * H][3], first[W * H][3];
    gmlp_decode_opts opts;
    gmlp_image base, out;
    gmlp_decoder *decoder;
    size_t i, less;
    int isa, got = 0;
    for (i = 0; i < BASE_W * BASE_H; i++) memcpy(pixels[i], codes[i % 8], 3);
    memset(&opts, 0, sizeof opts);
    memset(&base, 0, sizeof base);
    if (net->base_width > BASE_W) net->base_width = BASE_W; /* a wide one takes as long to prepare as all the rest */
    if (net->base_height > BASE_H) net->base_height = BASE_H;
    base.data = pixels;
    base.width = net->base_width;
    base.height = net->base_height;
    base.type = GMLP_U8;
    base.space = net->base_space;
    out = base;
    out.data = linear;
    out.width = base.width < W ? base.width : W;
    out.height = base.height < H ? base.height : H;
    out.type = GMLP_F32;
    out.space = GMLP_SPACE_NONE;
    for (less = 0; less < (hdr ? 2 : 1); less++, got = 0)
        for (isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_NEON; isa++) {
            if (!gmlp_isa_available(isa)) continue;
            opts.decoder.isa = isa;
            opts.decoder.headroom = less ? 0.5 : 0;
            memset(linear, 0, sizeof linear);
            CHECK(gmlp_decoder_create(net, GMLP_F32, GMLP_SPACE_NONE, &opts.decoder, &decoder) == GMLP_OK);
            CHECK(gmlp_decoder_rows(decoder, &base, 0, 0, &out, 0, 0, NULL) == GMLP_OK);
            if (!got++) {
                memcpy(first, linear, sizeof first);
                reached[decoder->fixed_point ? FIXED : FLOAT] += decoder->network != 0;
                CHECK(!decoder->fixed_point || fixed_fits(decoder));
            }
            CHECK(!memcmp(linear, first, sizeof first));
            for (i = 0; i < (size_t)out.width * out.height && hdr && !less; i++)
                CHECK(linear[i][0] >= -1e-6f && linear[i][1] >= -1e-6f && linear[i][2] >= -1e-6f);
            gmlp_decoder_free(decoder);
        }
    { /* its numbers for shaders */
        size_t size;
        CHECK(gmlp_decoder_create(net, GMLP_F32, GMLP_REC2020_LINEAR, NULL, &decoder) == GMLP_OK);
        if (gmlp_shader_pack(decoder, NULL, 0, &size) == GMLP_E_BUFFER) {
            void *pack = malloc(size);
            const gmlp_result result = gmlp_shader_pack(decoder, pack, size, &size);
            CHECK(result == GMLP_OK || result == GMLP_E_LIMIT);
            reached[SHADER] += result == GMLP_OK && decoder->network;
            free(pack);
        }
        gmlp_decoder_free(decoder);
    }
    { /* what it says of its picture */
        const gmlp_result verdict = gmlp_net_check(net, &base);
        CHECK(verdict == GMLP_OK || verdict == GMLP_E_CLIPPED || verdict == GMLP_E_OTHER_PICTURE);
    }
    reached[NONE + net->method]++;
    if (net->method == GMLP_METHOD_NONE) return;
    reached[net->weight_format == GMLP_WEIGHTS_QUANTIZED ? STEPS : FLOATS]++;
    reached[WINDOWS] += net->radius[0] || net->radius[1];
    reached[SECTIONS] += net->section_bytes != 0;
}

static void same(const gmlp_net *a, const gmlp_net *b) {
    CHECK(a->method == b->method && a->wide_space == b->wide_space && a->adaptation == b->adaptation);
    CHECK(a->width == b->width && a->height == b->height && a->base_width == b->base_width && a->base_height == b->base_height);
    CHECK(!memcmp(&a->coords, &b->coords, sizeof a->coords));
    CHECK(a->inputs == b->inputs && a->mask == b->mask && a->clip_margin == b->clip_margin && a->weight_format == b->weight_format);
    CHECK(!memcmp(a->step_size, b->step_size, sizeof a->step_size));
    CHECK(a->base_space == b->base_space && !memcmp(a->radius, b->radius, sizeof a->radius));
    CHECK(!memcmp(&a->white_nits, &b->white_nits, GMLP__NUMBERS * sizeof(float)));
    CHECK(!memcmp(&a->mlp, &b->mlp, sizeof a->mlp));
    CHECK(!memcmp(a->signature, b->signature, sizeof a->signature));
    CHECK(a->section_bytes == b->section_bytes && !memcmp(a->sections, b->sections, a->section_bytes));
    CHECK(!a->weights == !b->weights);
    if (a->weights) CHECK(!memcmp(a->weights, b->weights, gmlp_mlp_weights(&a->mlp) * sizeof(float)));
}

/* Each section is found, and all of them together are the list. */
static void find_sections(const gmlp_net *net) {
    size_t all = 0, size;
    int kind;
    for (kind = 1; kind < 256; kind++) {
        const uint8_t *p = gmlp_net_section(net, kind, &size);
        CHECK(!p == !(p && p[-2] == kind && p[-1] == size) && (p || !size));
        all += p ? size + 2 : 0;
    }
    CHECK(all == net->section_bytes);
}

/* Fewer bytes: the net stays sound, or as it was. */
static void shrink_some(gmlp_net *net, size_t size) {
    const size_t budget = size * 3 / 5;
    const gmlp_result result = gmlp_net_shrink(net, budget);
    CHECK(result == GMLP_OK || result == GMLP_E_ARGUMENT);
    CHECK(gmlp_blob_size(net) == size || (result == GMLP_OK && gmlp_blob_size(net) <= budget));
}

static int use(const uint8_t *data, size_t size) {
    gmlp_net net, again;
    gmlp_error err, why;
    gmlp_blob_desc desc;
    uint8_t *bytes;
    size_t need, written = 0;
    int known = 0;
    memset(&err, 0, sizeof err);
    if (gmlp_blob_info(data, size, &desc, &why) == GMLP_OK) {
        CHECK(desc.size == size && desc.version == data[4]);
        known = 1;
    }
    if (gmlp_blob_read(data, size, NULL, &net, &err) != GMLP_OK) {
        if (known) CHECK(err.result == GMLP_E_WEIGHT || err.result == GMLP_E_FORMAT);
        else CHECK(why.result == err.result && why.offset == err.offset);
        CHECK(!net.weights && err.result != GMLP_OK && err.text && err.offset <= size);
        return 0;
    }
    CHECK(known && desc.method == net.method && desc.base_width == net.base_width && desc.halo == gmlp_net_halo(&net));
    need = gmlp_blob_size(&net);
    CHECK(need == size);
    bytes = (uint8_t *)malloc(need);
    CHECK(bytes && gmlp_blob_write(&net, bytes, need - 1, &written) == GMLP_E_BUFFER && written == need);
    CHECK(gmlp_blob_write(&net, bytes, need, &written) == GMLP_OK && written == need);
    CHECK(gmlp_blob_read(bytes, need, NULL, &again, &err) == GMLP_OK);
    same(&net, &again);
    if (net.weight_format == GMLP_WEIGHTS_QUANTIZED) { /* rounding what is rounded changes nothing */
        gmlp__steps_round(&again);
        same(&net, &again);
    }
    find_sections(&net);
    decode_some(&net);
    if (size % 4 == 0) shrink_some(&again, size);
    gmlp_net_free(&again);
    gmlp_net_free(&net);
    free(bytes);
    return 1;
}

/* Gives it a known version's start and the right checksum. */
static void mend(uint8_t *p, size_t size) {
    memcpy(p, "GMLP", 4);
    if (p[4] != GMLP__BLOB_PLAIN) p[4] = GMLP__BLOB_VERSION;
    gmlp__put_le(p + size - GMLP__BLOB_CRC, gmlp__crc32(0, p, size - GMLP__BLOB_CRC), GMLP__BLOB_CRC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *mended;
    use(data, size);
    if (size < 5 + GMLP__BLOB_CRC) return 0;
    mended = (uint8_t *)malloc(size);
    CHECK(mended);
    memcpy(mended, data, size);
    mend(mended, size);
    reached[MENDED] += (unsigned long)use(mended, size);
    free(mended);
    return 0;
}

/* Coded weights are read to the last bit: bytes that change make other weights, and nearly never as many. So weights
   and fields change, too, and are written. */
static size_t change(uint8_t *data, size_t size, size_t most, unsigned seed) {
    static const float wild[8] = {0.0f, 1.0f, -1.0f, 65504.0f, -65504.0f, 1e-30f, 1e-3f, -3e-38f};
    gmlp_net net;
    size_t count, written = 0, n;
    uint64_t turn = 0;
#define DRAW(n) (gmlp__random(seed, turn++) % (n))
    if (DRAW(2) || gmlp_blob_read(data, size, NULL, &net, NULL) != GMLP_OK) {
        size = mutate(data, size, most);
        if (size >= 5 + GMLP__BLOB_CRC) mend(data, size);
        return size;
    }
    if (!net.weights) net.method = GMLP_METHOD_NONE;
    else if (!DRAW(4)) net.inputs = (int)DRAW(3);
    else if (!DRAW(4)) net.mlp.activation = (int)DRAW(2);
    if (net.method >= GMLP_METHOD_DIFFERENCE) {
        float *const field = gmlp__number(&net, (int)DRAW(GMLP__NUMBERS));
        if (!DRAW(4)) *field = wild[DRAW(8)];
        else if (!DRAW(4)) *field *= wild[DRAW(8)];
    }
    if (!DRAW(4)) {
        const int kind = (int)DRAW(256), gone = !DRAW(3);
        gmlp_net_section_set(&net, kind, gone ? NULL : data, DRAW(size < 256 ? size : 256));
    }
    count = net.weights ? gmlp_mlp_weights(&net.mlp) : 0;
    for (n = DRAW(8); n-- && count;) { /* runs of weights: equal ones, and ones about each other */
        const size_t from = DRAW(count), few = 1 + DRAW(4), all = count - from, length = DRAW(3) && few < all ? few : 1 + DRAW(all);
        const float times = 1.0f + (float)DRAW(8), v = DRAW(2) ? wild[DRAW(8)] : times * net.weights[DRAW(count)];
        const uint64_t how = DRAW(3);
        size_t i;
        for (i = from; i < from + length; i++) {
            float *w = &net.weights[i];
            *w = how == 0 ? v : how == 1 ? *w * v : *w + v;
            if (!gmlp__weight_ok(*w)) *w = *w > 0.0f ? 65504.0f : -65504.0f;
            if (net.mlp.bias == GMLP_BIAS_FIRST && i >= count - 3) *w = 0.0f;
        }
    }
    if (net.mlp.bias == GMLP_BIAS_FIRST && count)
        memset(net.weights + count - 3 - 4 * (size_t)net.mlp.width, 0, (size_t)net.mlp.width * sizeof(float));
    if (net.weight_format == GMLP_WEIGHTS_QUANTIZED && count) gmlp__steps_round(&net);
    if (gmlp_blob_size(&net) > most || gmlp_blob_write(&net, data, most, &written) != GMLP_OK) written = mutate(data, size, most);
#undef DRAW
    gmlp_net_free(&net);
    return written;
}
