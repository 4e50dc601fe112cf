/* Blobs from strangers: read, written again, decoded with. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include <stdlib.h>
#include <string.h>

#define CHECK(x) do { if (!(x)) abort(); } while (0)

static void decode_some(const gmlp_net *net) {
    static const uint8_t codes[8][3] = {
        {255, 0, 0}, {0, 255, 30}, {12, 0, 255}, {255, 255, 0}, {0, 0, 0}, {255, 255, 255}, {100, 120, 140}, {63, 64, 192}
    };
    enum { W = 4, H = 2, BASE_W = W + GMLP_MAX_RADIUS, BASE_H = H + GMLP_MAX_RADIUS }; /* the first pixels, and all that they look at */
    uint8_t pixels[BASE_W * BASE_H][3];
    float linear[W * H][3];
    gmlp_decode_opts opts;
    gmlp_image base, out;
    size_t i;
    for (i = 0; i < BASE_W * BASE_H; i++) memcpy(pixels[i], codes[i % 8], 3);
    memset(&opts, 0, sizeof opts);
    memset(&base, 0, sizeof base);
    base.data = pixels;
    base.width = net->base_width < BASE_W ? net->base_width : BASE_W;
    base.height = net->base_height < BASE_H ? net->base_height : BASE_H;
    base.type = GMLP_U8;
    base.space = net->base_space;
    out = base;
    out.data = linear;
    out.width = base.width < W ? base.width : W;
    out.height = base.height < H ? base.height : H;
    out.type = GMLP_FLOAT;
    out.space = GMLP_SPACE_NONE;
    CHECK(gmlp_decode(net, &base, &out, NULL) == GMLP_OK);
    if (net->method < GMLP_METHOD_DIFFERENCE) return;
    for (i = 0; i < (size_t)out.width * out.height; i++)
        CHECK(linear[i][0] >= -1e-6f && linear[i][1] >= -1e-6f && linear[i][2] >= -1e-6f);
    opts.headroom = 0.5;
    CHECK(gmlp_decode(net, &base, &out, &opts) == GMLP_OK);
}

static void same(const gmlp_net *a, const gmlp_net *b) {
    CHECK(a->method == b->method && a->wide_space == b->wide_space && a->adaptation == b->adaptation);
    CHECK(a->width == b->width && a->height == b->height && a->base_width == b->base_width && a->base_height == b->base_height);
    CHECK(!memcmp(&a->coords, &b->coords, sizeof a->coords));
    CHECK(a->inputs == b->inputs && a->region == b->region && a->margin == b->margin && a->coding == b->coding);
    CHECK(!memcmp(a->steps, b->steps, sizeof a->steps));
    CHECK(a->base_space == b->base_space && !memcmp(a->radius, b->radius, sizeof a->radius));
    CHECK(!memcmp(&a->white_nits, &b->white_nits, GMLP__HDR_FLOATS * sizeof(float)));
    CHECK(!memcmp(&a->mlp, &b->mlp, sizeof a->mlp));
    CHECK(!memcmp(a->signature, b->signature, sizeof a->signature));
    CHECK(!a->weights == !b->weights);
    if (a->weights) CHECK(!memcmp(a->weights, b->weights, gmlp_mlp_weights(&a->mlp) * sizeof(float)));
}

static void use(const uint8_t *data, size_t size) {
    gmlp_net net, again;
    gmlp_error err;
    uint8_t *bytes;
    size_t need, written = 0;
    memset(&err, 0, sizeof err);
    if (gmlp_blob_read(data, size, NULL, &net, &err) != GMLP_OK) {
        CHECK(!net.weights && err.result != GMLP_OK && err.text && err.offset <= size);
        return;
    }
    need = gmlp_blob_size(&net);
    CHECK(need == size);
    bytes = (uint8_t *)malloc(need);
    CHECK(bytes && gmlp_blob_write(&net, bytes, need - 1, &written) == GMLP_E_BUFFER);
    CHECK(gmlp_blob_write(&net, bytes, need, &written) == GMLP_OK && written == need);
    CHECK(gmlp_blob_read(bytes, need, NULL, &again, &err) == GMLP_OK);
    same(&net, &again);
    if (net.coding == GMLP_CODING_STEPS) { /* rounding what is rounded changes nothing */
        gmlp__steps_round(&again);
        same(&net, &again);
    }
    decode_some(&net);
    gmlp_net_free(&again);
    gmlp_net_free(&net);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *mended;
    use(data, size);
    if (size < 5 + 4) return 0;
    mended = (uint8_t *)malloc(size); /* the same with a right start and checksum */
    CHECK(mended);
    memcpy(mended, data, size);
    memcpy(mended, "GMLP\2", 5);
    gmlp__put_le(mended + size - 4, gmlp__crc32(0, mended, size - 4), 4);
    use(mended, size);
    free(mended);
    return 0;
}
