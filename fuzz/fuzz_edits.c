/* Networks whose signature, landmarks and coordinates are a stranger's, with pictures that were edited, or are others:
   the edit is found, or it is not. An input says which picture, what was done to it, and what to change in the blob. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"

enum { BY_LANDMARKS, BY_SIGNATURE, OTHER, OWN, OWN_NOT, REFUSED, NO_MEMORY, KINDS };
static const char *const kinds[KINDS] = { "by landmarks", "by signature", "another picture", "own edit", "no such edit", "refused", "memory ended" };
#include "fuzz.h"
#include "take.h"

enum { SHAPES = 6, W_MOST = 1420, PIXELS_MOST = W_MOST * 150 };
typedef struct original {
    uint8_t *codes;
    gmlp_net net; /* its network, which is 0 */
    gmlp_image view;
} original;

/* Spots, light and dark ones, of different sizes, before a slope. */
static void paint(uint8_t *codes, uint32_t w, uint32_t h, uint64_t seed) {
    enum { SPOTS = 90 };
    uint32_t x, y, c, i;
    for (y = 0; y < h; y++)
        for (x = 0; x < w; x++)
            for (c = 0; c < 3; c++) codes[3 * (y * w + x) + c] = (uint8_t)(70 + 60 * x / w + 40 * y / h + 8 * c);
    for (i = 0; i < SPOTS; i++) {
        const uint32_t cx = (uint32_t)(gmlp__random(seed, 4 * i) % w), cy = (uint32_t)(gmlp__random(seed, 4 * i + 1) % h),
                       r = 3 + (uint32_t)(gmlp__random(seed, 4 * i + 2) % 6);
        const int by = i % 2 ? 55 : -55;
        for (y = cy > r ? cy - r : 0; y < h && y <= cy + r; y++)
            for (x = cx > r ? cx - r : 0; x < w && x <= cx + r; x++) {
                const int32_t dx = (int32_t)x - (int32_t)cx, dy = (int32_t)y - (int32_t)cy, all = (int32_t)(r * r), d = dx * dx + dy * dy;
                if (d >= all) continue;
                for (c = 0; c < 3; c++) {
                    uint8_t *p = codes + 3 * (y * w + x) + c;
                    const int32_t v = *p + by * (all - d) / all;
                    *p = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
                }
            }
    }
}

static const original *original_of(uint32_t shape, int sycc) {
    static const uint32_t sizes[SHAPES][2] = { {100, 80}, {72, 110}, {72, 60}, {150, 120}, {W_MOST, 150}, {4934, 40} };
    static original all[SHAPES][2];
    original *const o = &all[shape][sycc];
    uint32_t i, count = 0;
    uint8_t landmarks[GMLP_MAX_LANDMARKS * GMLP__LANDMARK_BYTES];
    if (o->codes) return o;
    o->view.width = sizes[shape][0];
    o->view.height = sizes[shape][1];
    o->view.type = GMLP_U8;
    o->view.space = sycc ? GMLP_SYCC : GMLP_SRGB;
    o->view.data = o->codes = (uint8_t *)malloc((size_t)3 * o->view.width * o->view.height);
    CHECK(o->codes);
    paint(o->codes, o->view.width, o->view.height, shape + 1);
    o->net.method = GMLP_METHOD_RESIDUAL;
    o->net.wide_space = GMLP_PROPHOTO;
    o->net.base_space = o->view.space;
    o->net.weight_format = GMLP_WEIGHTS_QUANTIZED;
    for (i = 0; i < 3; i++) o->net.step_size[i] = 0.0625f;
    o->net.mlp.bias = GMLP_BIAS_ALL;
    o->net.mlp.width = 8;
    o->net.mlp.frequencies[0] = 1;
    o->net.width = o->net.base_width = o->view.width;
    o->net.height = o->net.base_height = o->view.height;
    o->net.coords.col_step = o->net.coords.row_step = 1;
    o->net.weights = (float *)calloc(gmlp_mlp_weights(&o->net.mlp), sizeof(float));
    CHECK(o->net.weights);
    gmlp__sign(&o->net, &o->view);
    CHECK(gmlp__landmarks_make(&o->net, &o->view, NULL, landmarks, &count) == GMLP_OK);
    if (count >= GMLP__LANDMARKS_FEW)
        CHECK(gmlp_net_section_set(&o->net, GMLP_SECTION_LANDMARKS, landmarks, count * GMLP__LANDMARK_BYTES) == GMLP_OK);
    CHECK(gmlp_blob_size(&o->net));
    return o;
}

/* A part of the picture, resized to the nearest pixels, then turned. *exact: it is no more than that. */
static gmlp_image edited(input *in, const original *o, gmlp_geometry *g, int *exact) {
    static uint8_t codes[3 * PIXELS_MOST];
    const uint32_t w = o->view.width, h = o->view.height, how = take(in, 1);
    gmlp_image base = o->view;
    uint32_t x, y, to_w, to_h;
    *exact = !(how & 192);
    memset(g, 0, sizeof *g);
    g->orientation = (int)(how % 8) + 1;
    if (how & 8) {
        g->x = w * take(in, 1) / 512;
        g->y = h * take(in, 1) / 512;
        g->width = 1 + (w - g->x - 1) * take(in, 1) / 255;
        g->height = 1 + (h - g->y - 1) * take(in, 1) / 255;
    }
    to_w = g->width ? g->width : w;
    to_h = g->height ? g->height : h;
    if (how & 16) {
        g->to_width = to_w = 1 + (to_w - 1) * take(in, 1) / 255;
        to_h = how & 32 ? 1 + (to_h - 1) * take(in, 1) / 255 : 1 + (to_w - 1) * (to_h - 1) / (g->width ? g->width : w);
        g->to_height = to_h;
    }
    base.width = g->orientation >= 5 ? to_h : to_w;
    base.height = g->orientation >= 5 ? to_w : to_h;
    base.data = codes;
    for (y = 0; y < base.height; y++)
        for (x = 0; x < base.width; x++) {
            static const uint8_t columns_back[8] = {0, 1, 1, 0, 0, 0, 1, 1}, rows_back[8] = {0, 0, 1, 1, 0, 1, 1, 0};
            uint32_t u = g->orientation >= 5 ? y : x, v = g->orientation >= 5 ? x : y;
            if (columns_back[g->orientation - 1]) u = to_w - 1 - u;
            if (rows_back[g->orientation - 1]) v = to_h - 1 - v;
            u = g->x + (2 * u + 1) * (g->width ? g->width : w) / (2 * to_w);
            v = g->y + (2 * v + 1) * (g->height ? g->height : h) / (2 * to_h);
            memcpy(codes + 3 * ((size_t)y * base.width + x), o->codes + 3 * ((size_t)v * w + u), 3);
        }
    for (x = 0; how & 64 && x < 3 * base.width * base.height; x++) { /* compressed again, more or less */
        const int v = codes[x] + (int)(gmlp__random(how, x) % 5) - 2;
        codes[x] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    for (x = 0; how & 128 && x < base.width * base.height; x += 2) codes[3 * x] = (uint8_t)(255 - codes[3 * x]); /* another one */
    return base;
}

/* A part of it as of a base that was resized, at once and from elsewhere; of some, as it takes longer than the rest. */
static void decode(const gmlp_net *net, const gmlp_image *base, uint32_t pick) {
    static uint16_t wide[2][24 * 24 * 3];
    gmlp_image out;
    gmlp_decode_opts opts;
    gmlp_result result;
    if (pick >> 6 != 1) return;
    memset(&out, 0, sizeof out);
    memset(&opts, 0, sizeof opts);
    memset(wide, 0, sizeof wide);
    out.data = wide[0];
    out.width = base->width < 24 ? base->width : 24;
    out.height = base->height < 24 ? base->height : 24;
    out.type = GMLP_U16;
    opts.x = (base->width - out.width) * (pick % 8) / 7;
    opts.y = (base->height - out.height) * (pick / 8 % 8) / 7;
    result = gmlp_decode_resized(net, base, &out, pick % 3 / 4.0, &opts);
    CHECK(result == GMLP_OK || result == GMLP_E_MISMATCH || result == GMLP_E_ARGUMENT || result == GMLP_E_BASE_VIEW ||
          result == GMLP_E_HALO); /* gmlp_decode's, of less than the whole */
    out.data = wide[1];
    opts.threads.parallel_for = backwards;
    opts.decoder.isa = GMLP_ISA_SCALAR;
    if (gmlp_isa_available(GMLP_ISA_SCALAR)) {
        CHECK(gmlp_decode_resized(net, base, &out, pick % 3 / 4.0, &opts) == result);
        CHECK(!memcmp(wide[0], wide[1], sizeof wide[0]));
    }
}

static void use(const gmlp_net *net, const gmlp_image *base, const gmlp_geometry *g, int sound, uint32_t pick) {
    const int whole = !g->width && !g->to_width, sycc = base->space == GMLP_SYCC;
    gmlp_net copy = *net;
    gmlp_edit edit, again;
    gmlp_find_edit_opts opts;
    gmlp_result result, other;
    gmlp_coords own;
    result = gmlp_find_edit(net, base, NULL, &edit);
    CHECK(result == GMLP_OK || result == GMLP_E_OTHER_PICTURE);
    memset(&opts, 0, sizeof opts);
    opts.threads.parallel_for = backwards;
    opts.alloc = some;
    some_left = pick % 4 == 1 ? 1000 : pick / 4 % 4;
    if (pick % 4 == 1 || pick % 4 == 2) { /* elsewhere, or where memory ends */
        other = gmlp_find_edit(net, base, &opts, &again);
        CHECK(other == GMLP_E_MEMORY || (other == result && !memcmp(&edit, &again, sizeof edit)));
        reached[NO_MEMORY] += other == GMLP_E_MEMORY;
    }
    if (result == GMLP_OK) {
        reached[edit.expected ? BY_LANDMARKS : BY_SIGNATURE]++;
        CHECK(!edit.expected || (edit.found >= GMLP__LANDMARKS_ENOUGH && 2 * edit.found >= edit.expected));
        gmlp_net_follow(&copy, &edit);
        CHECK(gmlp_net_check(&copy, base) == GMLP_OK || (sycc && gmlp_net_check(&copy, base) == GMLP_E_CLIPPED));
        CHECK(gmlp_blob_size(&copy));
        decode(&copy, base, pick);
    } else {
        decode(net, base, pick);
        reached[OTHER]++;
        CHECK(!edit.width && !edit.expected);
    }
    copy = *net;
    copy.alloc = some;
    some_left = pick % 4 == 2 ? pick / 4 % 4 : 1000;
    other = gmlp_net_edit(&copy, g, base);
    CHECK(other == GMLP_OK || other == GMLP_E_ARGUMENT || other == GMLP_E_MEMORY);
    CHECK(!sound || other != GMLP_E_ARGUMENT);
    reached[other == GMLP_OK ? OWN : OWN_NOT]++;
    copy.alloc = net->alloc;
    if (other) CHECK(!memcmp(&copy, net, sizeof copy)); /* nothing is lost */
    else {
        own = copy.coords;
        CHECK(gmlp_net_check(&copy, base) == GMLP_OK || (sycc && gmlp_net_check(&copy, base) == GMLP_E_CLIPPED));
        CHECK(gmlp_blob_size(&copy));
        if (sound && whole) { /* what was only turned is found, as it was */
            CHECK(result == GMLP_OK && edit.coords.transpose == own.transpose && (edit.coords.col_step < 0) == (own.col_step < 0));
            CHECK(edit.coords.col == own.col && edit.coords.row == own.row && (edit.coords.row_step < 0) == (own.row_step < 0));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t blob[4096];
    input in = {data, size};
    const uint32_t shape = take(&in, 1);
    const original *const o = original_of(shape >= 254 ? 259 - shape : shape % 4, shape >> 6 & 1);
    const uint32_t pick = take(&in, 1);
    gmlp_geometry g;
    int exact;
    gmlp_image base = edited(&in, o, &g, &exact);
    unsigned changes;
    size_t n;
    gmlp_net net;
    CHECK(gmlp_blob_write(&o->net, blob, sizeof blob, &n) == GMLP_OK);
    changes = spoil(&in, blob, n, gmlp__blob_before(&o->net));
    if (gmlp_blob_read(blob, n, NULL, &net, NULL) != GMLP_OK || (net.base_space == GMLP_SYCC) != (base.space == GMLP_SYCC)) {
        CHECK(changes);
        reached[REFUSED]++;
    } else {
        base.space = space_of_codes(&net);
        use(&net, &base, &g, !changes && exact && shape != 254, pick); /* that one is too flat to be found */
    }
    gmlp_net_free(&net);
    return 0;
}

/* Any bytes say something. */
static size_t change(uint8_t *data, size_t size, size_t most, unsigned seed) {
    (void)seed;
    return mutate(data, size, most);
}
