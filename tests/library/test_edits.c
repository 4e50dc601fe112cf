/* Edits by other programs: made here by plain loops, found again from the pixels, decoded; others are refused. */
#include "gamutmlp.h"
#include "tests/rationed.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct {
    int w, h;
    uint8_t *rgb;
} shot;

static uint32_t seed;
static uint32_t draw(uint32_t below) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static shot blank(int w, int h) { return (shot){w, h, malloc((size_t)w * h * 3)}; }

/* A scene of discs and boxes in front of a slope, as seen from (left, top). */
static shot scene(int w, int h, uint32_t which, int left, int top) {
    shot s = blank(w, h);
    seed = which * 7919 + 1;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < 3; c++)
                s.rgb[3 * (y * w + x) + c] = (uint8_t)(60 + (x + left) * 60 / w + (y + top) * 50 / h + 9 * c);
    for (int i = 0; i < 500; i++) {
        const int u = (int)draw(800) * w / 640 - left, v = (int)draw(640) * w / 640 - top,
                  r = (int)(3 + draw(i < 60 ? 50 : 14)) * w / 640, disc = (int)draw(2);
        const uint8_t ink[3] = {(uint8_t)(draw(4) ? draw(256) : 0), (uint8_t)draw(256), (uint8_t)(draw(4) ? draw(256) : 255)};
        for (int y = v - r < 0 ? 0 : v - r; y <= v + r && y < h; y++)
            for (int x = u - r < 0 ? 0 : u - r; x <= u + r && x < w; x++)
                if (!disc || (x - u) * (x - u) + (y - v) * (y - v) <= r * r)
                    memcpy(s.rgb + 3 * (y * w + x), ink, 3);
    }
    return s;
}

/* What another program did: the part that was kept, its size after resizing, then transposed, columns, rows mirrored. */
typedef struct {
    int x, y, w, h, to_w, to_h, transpose, columns, rows;
} edit;

static shot edited(const shot *s, const edit *e) {
    shot small = blank(e->to_w, e->to_h), out = e->transpose ? blank(e->to_h, e->to_w) : blank(e->to_w, e->to_h);
    for (int y = 0; y < e->to_h; y++) /* means of 2 x 2 samples a pixel, each linear between pixels */
        for (int x = 0; x < e->to_w; x++)
            for (int c = 0; c < 3; c++) {
                double sum = 0;
                for (int k = 0; k < 4; k++) {
                    const double u = (x + 0.25 + k % 2 * 0.5) * e->w / e->to_w - 0.5,
                                 v = (y + 0.25 + k / 2 * 0.5) * e->h / e->to_h - 0.5;
                    const int i = (int)floor(u), j = (int)floor(v);
                    for (int n = 0; n < 4; n++) {
                        const int a = i + n % 2, b = j + n / 2;
                        const double share = (n % 2 ? u - i : 1 - u + i) * (n / 2 ? v - j : 1 - v + j);
                        sum += share / 4 *
                               s->rgb[3 * ((e->y + (b < 0 ? 0 : b >= e->h ? e->h - 1 : b)) * s->w + e->x +
                                           (a < 0 ? 0 : a >= e->w ? e->w - 1 : a)) + c];
                    }
                }
                small.rgb[3 * (y * e->to_w + x) + c] =
                    e->w == e->to_w && e->h == e->to_h ? s->rgb[3 * ((e->y + y) * s->w + e->x + x) + c]
                                                       : (uint8_t)(sum + 0.5);
            }
    for (int y = 0; y < out.h; y++)
        for (int x = 0; x < out.w; x++) {
            const int p = e->transpose ? y : x, q = e->transpose ? x : y;
            const int u = e->columns ? e->to_w - 1 - p : p, v = e->rows ? e->to_h - 1 - q : q;
            memcpy(out.rgb + 3 * (y * out.w + x), small.rgb + 3 * (v * e->to_w + u), 3);
        }
    free(small.rgb);
    return out;
}

static gmlp_image view(const shot *s) {
    return (gmlp_image){s->rgb, (uint32_t)s->w, (uint32_t)s->h, 0, GMLP_U8, 3, GMLP_SRGB, 0};
}

/* The same as sYCC, in memory of its own. */
static gmlp_image sycc_of(const shot *s) {
    const gmlp_image rgb = view(s);
    gmlp_image base = rgb;
    base.space = GMLP_SYCC;
    base.data = malloc((size_t)s->w * s->h * 3);
    assert_int_equal(gmlp_convert(&rgb, &base, NULL), GMLP_OK);
    return base;
}

/* A network of hardly any training, for a wide original that is somewhat more vivid than the base. */
static gmlp_net net_of(const shot *s, const gmlp_image *base, uint32_t budget) {
    const gmlp_image rgb = view(s);
    gmlp_image wide = {NULL, rgb.width, rgb.height, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
    gmlp_train_opts opts = {0};
    gmlp_net net;
    uint16_t *v = wide.data = malloc((size_t)s->w * s->h * 6);
    assert_int_equal(gmlp_convert(&rgb, &wide, NULL), GMLP_OK);
    for (int i = 0; i < s->w * s->h; i++)
        if (s->rgb[3 * i] == 0 || s->rgb[3 * i + 2] == 255) v[3 * i] = 0;
    opts.iterations = 1;
    opts.budget = budget;
    assert_int_equal(gmlp_train(base, &wide, &opts, &net, NULL), GMLP_OK);
    free(wide.data);
    return net;
}

static gmlp_net net_for(const shot *s, uint32_t budget) {
    const gmlp_image base = view(s);
    return net_of(s, &base, budget);
}

static gmlp_result find(const gmlp_net *net, const shot *s, gmlp_edit *out) {
    const gmlp_image base = view(s);
    return gmlp_find_edit(net, &base, NULL, out);
}

/* How far the corners are off, in pixels of the original; 1e9 if the orientation is another. */
static double off(const gmlp_edit *found, const edit *e) {
    const gmlp_coords *c = &found->coords;
    double most = 0;
    if (c->transpose != e->transpose || (c->col_step < 0) != e->columns || (c->row_step < 0) != e->rows) return 1e9;
    for (int end = 0; end < 2; end++) { /* edges: half a pixel outside of centres */
        const double p = end ? e->to_w - 0.5 : -0.5, q = end ? e->to_h - 0.5 : -0.5;
        const double u = (double)c->col + (double)c->col_step * p + 0.5, v = (double)c->row + (double)c->row_step * q + 0.5;
        most = fmax(most, fabs(u - (e->columns == end ? e->x : e->x + e->w)));
        most = fmax(most, fabs(v - (e->rows == end ? e->y : e->y + e->h)));
    }
    return most;
}

/* Every third row, which the signature of a base of sYCC of this height is of, is brighter in a part of the picture. */
static void rows_of_sycc(void **state) {
    static const edit edits[] = {
        {0, 0, 640, 720, 640, 720, 0, 0, 1}, {0, 0, 640, 720, 640, 720, 1, 1, 0}, {0, 0, 640, 720, 640, 720, 0, 1, 1},
        {0, 0, 640, 720, 640, 720, 1, 0, 0}, {0, 24, 640, 660, 640, 660, 0, 0, 0}};
    const shot s = scene(640, 720, 5, 0, 0);
    gmlp_image base;
    gmlp_net net;
    (void)state;
    for (int i = 0; i < 640 * 720 * 3; i++)
        if (i / 3 % 640 < 200) s.rgb[i] = (uint8_t)(20 + s.rgb[i] * 5 / 6 + (i / 3 / 640 % 3 ? -8 : 16));
    base = sycc_of(&s);
    net = net_of(&s, &base, 0);
    free(base.data);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        shot t = edited(&s, &edits[i]);
        gmlp_edit found;
        base = sycc_of(&t);
        assert_int_equal(gmlp_find_edit(&net, &base, NULL, &found), GMLP_OK);
        assert_true(off(&found, &edits[i]) < 1e-3);
        free(base.data), free(t.rgb);
    }
    gmlp_net_free(&net);
    free(s.rgb);
}

/* Wide ones: of some, the means of a few pixels each leave the last pixels of a row out. */
static void wide_bases_of_sycc(void **state) {
    static const uint32_t widths[] = {4934, 13999, 1399};
    const shot s = scene(640, 480, 1, 0, 0);
    gmlp_net net = net_for(&s, 0);
    (void)state;
    net.base_space = GMLP_SYCC;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        gmlp_image base = {NULL, widths[i], 19, 0, GMLP_U8, 3, GMLP_SYCC, 0};
        gmlp_edit found;
        base.data = malloc((size_t)widths[i] * 19 * 3);
        for (uint32_t k = 0; k < widths[i] * 19 * 3; k++) ((uint8_t *)base.data)[k] = (uint8_t)(k * 2654435761u >> 24);
        assert_int_equal(gmlp_find_edit(&net, &base, NULL, &found), GMLP_E_OTHER_PICTURE);
        free(base.data);
    }
    gmlp_net_free(&net);
    free(s.rgb);
}

/* What lies outside sRGB, a number a cell: that of the whole, where the part was cut; the same again changes nothing. */
static void outside_follows(void **state) {
    uint8_t cells[32], part[32], again[32], turned[32];
    const shot s = scene(640, 480, 1, 0, 0);
    gmlp_net net = net_for(&s, 0);
    gmlp_edit e;
    size_t n;
    int margin;
    (void)state;
    for (int i = 0; i < 64; i += 2) cells[i / 2] = (uint8_t)(i % 8 | (i % 8 + 1) << 4); /* the column */
    assert_int_equal(gmlp_net_section_set(&net, GMLP_SECTION_OUTSIDE, cells, 32), GMLP_OK);
    memset(&e, 0, sizeof e);
    e.coords.col = 320, e.coords.col_step = e.coords.row_step = 1, e.width = 320, e.height = 480;
    for (int k = 0; k < 2; k++) {
        gmlp_net_follow(&net, &e); /* the right half */
        memcpy(k ? again : part, gmlp_net_section(&net, GMLP_SECTION_OUTSIDE, &n), 32);
    }
    assert_memory_equal(again, part, 32);
    for (int i = 0; i < 64; i++) assert_int_equal(part[i / 2] >> i % 2 * 4 & 15, 4 + i % 8 / 2);
    e.coords.transpose = 1, e.width = 480, e.height = 320; /* and now it stands */
    gmlp_net_follow(&net, &e);
    memcpy(turned, gmlp_net_section(&net, GMLP_SECTION_OUTSIDE, &n), 32);
    for (int i = 0; i < 64; i++) assert_int_equal(turned[i / 2] >> i % 2 * 4 & 15, 4 + i / 8 / 2);
    e.coords.col_step = e.coords.row_step = 2, e.width = 240, e.height = 160;
    gmlp_net_follow(&net, &e);
    margin = net.clip_margin;
    gmlp_net_follow(&net, &e);
    assert_int_equal(net.clip_margin, margin);
    gmlp_net_free(&net);
    free(s.rgb);
}

static void whole_pictures(void **state) {
    static const double sizes[][2] = {{1, 1}, {0.75, 0.75}, {0.5, 0.5}, {0.33, 0.33}, {1.5, 1.5}, {0.9, 0.6}};
    const shot s = scene(640, 480, 1, 0, 0);
    gmlp_net net = net_for(&s, 0);
    (void)state;
    for (int g = 0; g < 8; g++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            const edit e = {0, 0, 640, 480, (int)(640 * sizes[i][0]), (int)(480 * sizes[i][1]), g >> 2, g >> 1 & 1, g & 1};
            shot t = edited(&s, &e);
            gmlp_image base = view(&t);
            gmlp_net copy = net;
            gmlp_edit found;
            assert_int_equal(find(&net, &t, &found), GMLP_OK);
            assert_true(off(&found, &e) < 1e-3);
            assert_true(found.found >= 6 && found.found * 2 >= found.expected && found.expected <= GMLP_MAX_LANDMARKS);
            if (g || i) assert_int_not_equal(gmlp_net_check(&net, &base), GMLP_OK);
            gmlp_net_follow(&copy, &found);
            assert_int_equal(gmlp_net_check(&copy, &base), GMLP_OK);
            free(t.rgb);
        }
    gmlp_net_free(&net);
    free(s.rgb);
}

static void crops(void **state) {
    static const int parts[][4] = {{40, 30, 572, 429}, {120, 17, 452, 339}, {300, 200, 320, 240}, {5, 90, 400, 300}};
    static const double sizes[] = {1, 0.75, 0.5, 1.5};
    const shot s = scene(640, 480, 2, 0, 0);
    gmlp_net net = net_for(&s, 0);
    (void)state;
    for (int i = 0; i < 32; i++) {
        const int *p = parts[i / 8], g = (5 * i + i / 8) % 8;
        const double size = sizes[i % 4];
        const edit e = {p[0], p[1], p[2], p[3], (int)(p[2] * size), (int)(p[3] * size), g >> 2, g >> 1 & 1, g & 1};
        shot t = edited(&s, &e);
        gmlp_edit found;
        assert_int_equal(find(&net, &t, &found), GMLP_OK);
        assert_true(off(&found, &e) <= (size == 1 ? 1e-3 : 1.5));
        free(t.rgb);
    }
    gmlp_net_free(&net);
    free(s.rgb);
}

/* The windows keep their size where a picture was resized. Of a picture each of whose pixels is 3 x 3, those in the
   middles have the codes and the means that the small one's have: with nets of either they decode to the same. */
static void resized(void **state) {
    static const uint8_t radii[2][2] = {{1, 2}, {1, 4}}; /* of the small one's net; of the large one's: 9 is 3 x 3 */
    enum { SMALL_W = 110, SMALL_H = 70 };
    const shot small = scene(SMALL_W, SMALL_H, 5, 0, 0);
    shot large = blank(3 * SMALL_W, 3 * SMALL_H);
    (void)state;
    for (int i = 0; i < large.w * large.h; i++)
        memcpy(large.rgb + 3 * i, small.rgb + 3 * (i / large.w / 3 * SMALL_W + i % large.w / 3), 3);
    for (int n = 0; n < 2; n++) {
        const shot *const own = n ? &large : &small, *const other = n ? &small : &large;
        const gmlp_image bases[2] = {view(own), view(other)};
        const float step = n ? 3 : 1.0f / 3;
        gmlp_train_opts opts = {0};
        gmlp_image wide = bases[0], outs[2];
        gmlp_net net, moved;
        int most = 0, seen = 0;
        wide.data = calloc((size_t)own->w * own->h, 6), wide.type = GMLP_U16, wide.space = GMLP_PROPHOTO;
        for (int i = 0; i < own->w * own->h; i++) ((uint16_t *)wide.data)[3 * i + 1] = (uint16_t)(own->rgb[3 * i] * 200);
        opts.iterations = 40, opts.batch = 256;
        memcpy(opts.radius, radii[n], 2);
        assert_int_equal(gmlp_train(&bases[0], &wide, &opts, &net, NULL), GMLP_OK);
        moved = net;
        moved.coords.col_step = moved.coords.row_step = step;
        moved.coords.col = moved.coords.row = (step - 1) / 2;
        moved.base_width = bases[1].width, moved.base_height = bases[1].height;
        assert_int_equal(gmlp_net_halo(&moved), n ? 1 : 7);
        for (int i = 0; i < 2; i++) {
            outs[i] = bases[i], outs[i].type = GMLP_U16, outs[i].space = GMLP_PROPHOTO;
            outs[i].data = calloc((size_t)bases[i].width * bases[i].height, 6);
            assert_int_equal(gmlp_decode(i ? &moved : &net, &bases[i], &outs[i], NULL), GMLP_OK);
        }
        for (int y = 0; y < SMALL_H; y++)
            for (int x = 0; x < SMALL_W; x++) {
                const uint16_t *a = (uint16_t *)outs[n].data + 3 * (y * SMALL_W + x),
                               *b = (uint16_t *)outs[!n].data + 3 * ((3 * y + 1) * 3 * SMALL_W + 3 * x + 1);
                seen += gmlp_is_saturated(small.rgb + 3 * (y * SMALL_W + x), net.clip_margin);
                for (int c = 0; c < 3; c++) most = abs(a[c] - b[c]) > most ? abs(a[c] - b[c]) : most;
            }
        assert_true(seen > 500);
        assert_true(most <= 100); /* places are floats */
        free(wide.data), free(outs[0].data), free(outs[1].data);
        gmlp_net_free(&net);
    }
    free(small.rgb), free(large.rgb);
}

/* Turned pictures decode to the turned decoded one. */
static void decoded(void **state) {
    const shot s = scene(320, 200, 3, 0, 0);
    const gmlp_image base = view(&s);
    gmlp_net net = net_for(&s, 0);
    uint16_t *whole = malloc(320 * 200 * 6), *part = malloc(320 * 200 * 6);
    gmlp_image out = {whole, 320, 200, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
    (void)state;
    assert_int_equal(gmlp_decode(&net, &base, &out, NULL), GMLP_OK);
    for (int g = 0; g < 8; g++) {
        const edit e = {0, 0, 320, 200, 320, 200, g >> 2, g >> 1 & 1, g & 1};
        const shot t = edited(&s, &e);
        const gmlp_image turned = view(&t);
        gmlp_net copy = net;
        gmlp_edit found;
        assert_int_equal(find(&net, &t, &found), GMLP_OK);
        gmlp_net_follow(&copy, &found);
        assert_int_equal(copy.clip_margin, net.clip_margin);
        out = (gmlp_image){part, (uint32_t)t.w, (uint32_t)t.h, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
        assert_int_equal(gmlp_decode(&copy, &turned, &out, NULL), GMLP_OK);
        for (int y = 0; y < t.h; y++)
            for (int x = 0; x < t.w; x++) {
                const int p = e.transpose ? y : x, q = e.transpose ? x : y;
                const int u = e.columns ? 319 - p : p, v = e.rows ? 199 - q : q;
                assert_memory_equal(part + 3 * (y * t.w + x), whole + 3 * (v * 320 + u), 6);
            }
        free(t.rgb);
    }
    free(whole);
    free(part);
    gmlp_net_free(&net);
    free(s.rgb);
}

/* An edit of ours, as the struct above has it: EXIF's orientations. */
static gmlp_geometry geometry_of(const edit *e) {
    static const int orientations[8] = {1, 4, 2, 3, 5, 6, 8, 7}; /* by transpose, columns, rows */
    gmlp_geometry g = {(uint32_t)e->x, (uint32_t)e->y, (uint32_t)e->w, (uint32_t)e->h, 0, 0, 0};
    if (e->to_w != e->w || e->to_h != e->h) g.to_width = (uint32_t)e->to_w, g.to_height = (uint32_t)e->to_h;
    g.orientation = orientations[4 * e->transpose + 2 * e->columns + e->rows];
    return g;
}

static gmlp_net copy_of(const gmlp_net *net) {
    static uint8_t blob[65536];
    gmlp_net copy;
    size_t size;
    assert_int_equal(gmlp_blob_write(net, blob, sizeof blob, &size), GMLP_OK);
    assert_int_equal(gmlp_blob_read(blob, size, NULL, &copy, NULL), GMLP_OK);
    return copy;
}

/* Pixels of an edited base that are not what the whole picture gave there, the outermost halo of a part left out. */
static int differing(const gmlp_net *net, const shot *t, const edit *e, const gmlp_image *whole) {
    const gmlp_image base = view(t);
    const int halo = e->w < (int)whole->width || e->h < (int)whole->height ? (int)gmlp_net_halo(net) : 0;
    gmlp_image out = {NULL, base.width, base.height, 0, GMLP_U16, 3, whole->space, 0};
    uint16_t *part = out.data = malloc((size_t)t->w * t->h * 6);
    int n = 0;
    assert_int_equal(gmlp_net_check(net, &base), GMLP_OK);
    assert_int_equal(gmlp_decode(net, &base, &out, NULL), GMLP_OK);
    for (int y = halo; y < t->h - halo; y++)
        for (int x = halo; x < t->w - halo; x++) {
            const int p = e->transpose ? y : x, q = e->transpose ? x : y;
            const int u = e->x + (e->columns ? e->w - 1 - p : p), v = e->y + (e->rows ? e->h - 1 - q : q);
            n += memcmp(part + 3 * (y * t->w + x), (uint16_t *)whole->data + 3 * (v * (int)whole->width + u), 6) != 0;
        }
    free(part);
    return n;
}

/* Cut and turned in all ways, by networks in whole numbers and in float, wide gamut and HDR: the same values. */
static void own_edits_are_exact(void **state) {
    static const int parts[][4] = {{0, 0, 320, 200}, {30, 17, 211, 120}, {0, 64, 64, 136}, {319, 199, 1, 1}};
    const shot s = scene(320, 200, 3, 0, 0);
    const gmlp_image base = view(&s);
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        gmlp_image whole = {malloc(320 * 200 * 6), 320, 200, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
        gmlp_train_opts opts = {0};
        gmlp_net net;
        if (kind == 0) net = net_for(&s, 0);
        else {
            assert_int_equal(gmlp_convert(&base, &whole, NULL), GMLP_OK);
            for (int i = 0; i < 320 * 200; i++)
                if (s.rgb[3 * i] == 0 || s.rgb[3 * i + 2] == 255) ((uint16_t *)whole.data)[3 * i] = 0;
            opts.iterations = 2;
            opts.preset = kind == 1 ? GMLP_PRESET_PAPER : GMLP_PRESET_FAST;
            opts.batch = 512;
            assert_int_equal((kind == 1 ? gmlp_train : gmlp_train_hdr)(&base, &whole, &opts, &net, NULL), GMLP_OK);
        }
        assert_int_equal(gmlp_decode(&net, &base, &whole, NULL), GMLP_OK);
        for (int i = 0; i < 32; i++) {
            const int *p = parts[i / 8], g = i % 8;
            const edit e = {p[0], p[1], p[2], p[3], p[2], p[3], g >> 2, g >> 1 & 1, g & 1};
            const gmlp_geometry how = geometry_of(&e);
            const shot t = edited(&s, &e);
            const gmlp_image turned = view(&t);
            gmlp_net moved = copy_of(&net), read;
            assert_int_equal(gmlp_net_edit(&moved, &how, &turned), GMLP_OK);
            read = copy_of(&moved);
            assert_int_equal(differing(&read, &t, &e, &whole), 0);
            assert_int_equal(read.clip_margin, net.clip_margin);
            gmlp_net_free(&moved);
            gmlp_net_free(&read);
            free(t.rgb);
        }
        gmlp_net_free(&net);
        free(whole.data);
    }
    free(s.rgb);
}

/* One after the other they come to the same; four quarter turns to what was there, every byte. */
static void own_edits_add_up(void **state) {
    const edit right = {0, 0, 640, 480, 640, 480, 1, 0, 1}, left = {0, 0, 480, 640, 480, 640, 1, 1, 0},
               part = {32, 80, 400, 300, 400, 300, 0, 0, 0}, both = {100, 32, 300, 400, 300, 400, 1, 1, 0},
               small = {0, 0, 400, 300, 300, 200, 0, 0, 1};
    const shot s = scene(640, 480, 2, 0, 0), t = edited(&s, &right), u = edited(&s, &part), v = edited(&t, &both),
               w = edited(&u, &small);
    const gmlp_image base = view(&s), turned = view(&t), cut = view(&u), again = view(&v), resized = view(&w);
    gmlp_net net = net_for(&s, 0), one = copy_of(&net), two = copy_of(&net);
    gmlp_geometry g;
    gmlp_edit found;
    uint8_t a[8192], b[8192];
    size_t size, n;
    (void)state;
    g = geometry_of(&right);
    assert_int_equal(gmlp_net_edit(&one, &g, &turned), GMLP_OK);
    g = geometry_of(&left);
    assert_int_equal(gmlp_net_edit(&one, &g, &base), GMLP_OK);
    assert_int_equal(gmlp_blob_write(&net, a, sizeof a, &size), GMLP_OK);
    assert_int_equal(gmlp_blob_write(&one, b, sizeof b, &n), GMLP_OK);
    assert_int_equal(n, size);
    assert_memory_equal(a, b, n);
    /* turned, then cut and turned back: the part of the picture as it was */
    assert_memory_equal(v.rgb, u.rgb, 400 * 300 * 3);
    g = geometry_of(&right);
    assert_int_equal(gmlp_net_edit(&one, &g, &turned), GMLP_OK);
    g = geometry_of(&both);
    assert_int_equal(gmlp_net_edit(&one, &g, &again), GMLP_OK);
    g = geometry_of(&part);
    assert_int_equal(gmlp_net_edit(&two, &g, &cut), GMLP_OK);
    assert_memory_equal(&one.coords, &two.coords, sizeof one.coords);
    assert_memory_equal(one.signature, two.signature, sizeof one.signature);
    /* landmarks of the part: found again after what another program did to it */
    assert_non_null(gmlp_net_section(&two, GMLP_SECTION_LANDMARKS, &n));
    assert_true(n >= 12 * 5);
    assert_int_equal(find(&two, &w, &found), GMLP_OK);
    {
        const edit all = {32, 80, 400, 300, 300, 200, 0, 0, 1};
        assert_true(off(&found, &all) < 1.5);
        g = geometry_of(&small);
        assert_int_equal(gmlp_net_edit(&two, &g, &resized), GMLP_OK);
        memset(&found, 0, sizeof found);
        found.coords = two.coords;
        assert_true(off(&found, &all) < 1e-3);
        assert_int_equal(two.clip_margin, net.clip_margin + 5);
    }
    gmlp_net_free(&net);
    gmlp_net_free(&one);
    gmlp_net_free(&two);
    free(s.rgb), free(t.rgb), free(u.rgb), free(v.rgb), free(w.rgb);
}

static void own_edits_are_checked(void **state) {
    static const gmlp_geometry wrong[] = {
        {1, 0, 320, 240, 0, 0, 0}, {0, 1, 320, 240, 0, 0, 0},       {0, 0, 321, 240, 0, 0, 0}, {0, 0, 320, 0, 0, 0, 0},
        {1, 0, 0, 0, 0, 0, 0},     {0, 0, 320, 240, 0, 0, 9},       {0, 0, 0, 0, 0, 0, -1},    {0, 0, 0, 0, 0, 0, 6},
        {0, 0, 319, 240, 0, 0, 0}, {0, 0, 320, 240, 320, 239, 0},   {0, 0, 0, 0, 320, 0, 0},
        {UINT32_MAX, 0, 2, 240, 320, 240, 0},
    };
    static const gmlp_geometry nothing = {0, 0, 0, 0, 0, 0, 0};
    const shot s = scene(320, 240, 6, 0, 0);
    gmlp_image base = view(&s), other = base;
    gmlp_net net = net_for(&s, 0), before = net;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(gmlp_net_edit(&net, &wrong[i], &base), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_net_edit(NULL, &nothing, &base), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_net_edit(&net, NULL, &base), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_net_edit(&net, &nothing, NULL), GMLP_E_ARGUMENT);
    other.type = GMLP_U16;
    assert_int_equal(gmlp_net_edit(&net, &nothing, &other), GMLP_E_ARGUMENT);
    other = base;
    other.space = GMLP_SYCC;
    assert_int_equal(gmlp_net_edit(&net, &nothing, &other), GMLP_E_BASE_SPACE);
    assert_memory_equal(&net, &before, sizeof net);
    assert_int_equal(gmlp_net_edit(&net, &nothing, &base), GMLP_OK);
    assert_memory_equal(&net, &before, sizeof net);
    net.coords.col = 9e5f, net.coords.col_step = 1e6f; /* a part further on would be out of range */
    before = net;
    {
        static const gmlp_geometry far_off = {300, 0, 20, 240, 0, 0, 0};
        other = base;
        other.width = 20, other.stride = 960, other.data = s.rgb + 900;
        assert_int_equal(gmlp_net_edit(&net, &far_off, &other), GMLP_E_ARGUMENT);
        assert_memory_equal(&net, &before, sizeof net);
    }
    gmlp_net_free(&net);
    free(s.rgb);
}

static void others_are_refused(void **state) {
    const shot s = scene(480, 360, 4, 0, 0);
    const edit half = {0, 0, 480, 360, 240, 180, 0, 0, 0}, part = {60, 50, 300, 225, 300, 225, 0, 0, 0};
    gmlp_net net = net_for(&s, 0);
    gmlp_edit found, none;
    (void)state;
    memset(&none, 0, sizeof none);
    for (uint32_t i = 5; i < 17; i++) { /* other scenes, and as other sizes of them */
        const shot t = scene(480, 360, i, 0, 0), u = edited(&t, &half);
        assert_int_equal(find(&net, &t, &found), GMLP_E_OTHER_PICTURE);
        assert_memory_equal(&found, &none, sizeof none);
        assert_int_equal(find(&net, &u, &found), GMLP_E_OTHER_PICTURE);
        free(t.rgb);
        free(u.rgb);
    }
    for (int i = 1; i < 6; i++) { /* the same scene a moment later */
        const shot t = scene(480, 360, 4, 4 * i, 3 * i), u = edited(&t, &half);
        assert_int_equal(find(&net, &t, &found), GMLP_E_OTHER_PICTURE);
        assert_int_equal(find(&net, &u, &found), GMLP_E_OTHER_PICTURE);
        free(t.rgb);
        free(u.rgb);
    }
    for (int bright = 0; bright < 2; bright++) { /* a part, and one in other colours */
        shot t = edited(&s, &part);
        for (int i = 0; i < 300 * 225 * 3 && bright; i++) t.rgb[i] = (uint8_t)(t.rgb[i] > 245 ? 255 : t.rgb[i] + 10);
        assert_int_equal(find(&net, &t, &found), bright ? GMLP_E_OTHER_PICTURE : GMLP_OK);
        free(t.rgb);
    }
    gmlp_net_free(&net);
    free(s.rgb);
}

/* Landmarks are where they are said to be: read here by the manual's text. */
static void landmarks_are_spots(void **state) {
    static const uint8_t inks[2][3] = {{200, 230, 255}, {0, 40, 20}};
    shot s = blank(1024, 640); /* the search is at half this size, a step of a place is a quarter of a pixel */
    gmlp_net net;
    const uint8_t *p;
    size_t size;
    (void)state;
    memset(s.rgb, 128, 1024 * 640 * 3);
    for (int k = 0; k < 15; k++) { /* discs on a slightly uneven grid, every third one dark */
        const int u = 100 + k % 5 * 200 + k * 3, v = 110 + k / 5 * 200 + k;
        for (int y = v - 8; y <= v + 8; y++)
            for (int x = u - 8; x <= u + 8; x++)
                if ((x - u) * (x - u) + (y - v) * (y - v) <= 36) memcpy(s.rgb + 3 * (y * 1024 + x), inks[k % 3 == 0], 3);
    }
    net = net_for(&s, 0);
    p = gmlp_net_section(&net, GMLP_SECTION_LANDMARKS, &size);
    assert_int_equal(size, 15 * 5);
    for (size_t i = 0; i < 15; i++, p += 5) {
        const double x = (p[0] + (p[1] & 15) * 256) / 4.0, y = (p[1] / 16 + p[2] * 16) / 4.0;
        double nearest = 1e9;
        int dark = -1;
        for (int k = 0; k < 15; k++) {
            const double d = hypot(x - (100 + k % 5 * 200 + k * 3 + 0.5), y - (110 + k / 5 * 200 + k + 0.5));
            if (d < nearest) nearest = d, dark = k % 3 == 0;
        }
        assert_true(nearest < 0.5);
        assert_int_equal(p[4] >> 7, dark);
    }
    gmlp_net_free(&net);
    free(s.rgb);
}

static void budgets(void **state) {
    static const struct {
        uint32_t budget, landmarks;
    } cases[] = {{0, 48}, {4096, 48}, {2048, 23}, {1200, 13}, {512, 0}};
    const shot s = scene(320, 240, 6, 0, 0);
    (void)state;
    for (int i = 0; i < 5; i++) {
        gmlp_net net = net_for(&s, cases[i].budget), back;
        const uint32_t budget = cases[i].budget ? cases[i].budget : 4096;
        uint8_t *blob = malloc(budget);
        const uint8_t *a, *b;
        size_t n, size, m;
        assert_int_equal(gmlp_blob_write(&net, blob, budget, &size), GMLP_OK);
        assert_int_equal(gmlp_blob_read(blob, size, NULL, &back, NULL), GMLP_OK);
        a = gmlp_net_section(&net, GMLP_SECTION_LANDMARKS, &n);
        b = gmlp_net_section(&back, GMLP_SECTION_LANDMARKS, &m);
        if (cases[i].landmarks) assert_in_range(n / 5, cases[i].landmarks / 2, cases[i].landmarks);
        else assert_int_equal(n, 0);
        assert_int_equal(n, m);
        if (n) assert_memory_equal(a, b, n);
        assert_true(net.section_bytes + 2 <= budget / 16 || !net.section_bytes);
        free(blob);
        gmlp_net_free(&net);
        gmlp_net_free(&back);
    }
    free(s.rgb);
}

/* Without landmarks: whole pictures whose ratio of sides is kept. */
static void without_landmarks(void **state) {
    const shot s = scene(640, 480, 7, 0, 0);
    gmlp_net net = net_for(&s, 512);
    gmlp_edit found;
    size_t n;
    (void)state;
    assert_null(gmlp_net_section(&net, GMLP_SECTION_LANDMARKS, &n));
    for (int g = 0; g < 8; g++) {
        const edit e = {0, 0, 640, 480, 427, 320, g >> 2, g >> 1 & 1, g & 1},
                   wide = {0, 0, 640, 480, 500, 320, g >> 2, g >> 1 & 1, g & 1},
                   part = {0, 0, 600, 450, 600, 450, g >> 2, g >> 1 & 1, g & 1};
        const shot t = edited(&s, &e), u = edited(&s, &wide), v = edited(&s, &part);
        assert_int_equal(find(&net, &t, &found), GMLP_OK);
        assert_true(off(&found, &e) < 1e-3);
        assert_int_equal(found.found + found.expected, 0);
        assert_int_equal(find(&net, &u, &found), GMLP_E_OTHER_PICTURE);
        assert_int_equal(find(&net, &v, &found), GMLP_E_OTHER_PICTURE);
        free(t.rgb);
        free(u.rgb);
        free(v.rgb);
    }
    memset(s.rgb, 99, 640 * 480 * 3); /* says nothing of its orientation */
    for (int i = 0; i < 64; i++) net.signature[i] = 99;
    assert_int_equal(find(&net, &s, &found), GMLP_E_OTHER_PICTURE);
    gmlp_net_free(&net);
    free(s.rgb);
}

/* Bytes of strangers. */
static void hostile(void **state) {
    const shot s = scene(200, 150, 8, 0, 0);
    gmlp_net net = net_for(&s, 0);
    gmlp_edit found;
    uint8_t bytes[255];
    (void)state;
    for (int i = 0; i < 60; i++) {
        const size_t size = i % 4 ? 240 : draw(256);
        for (size_t k = 0; k < size; k++) bytes[k] = (uint8_t)(i % 3 ? draw(256) : k % 5 < 3 ? (uint32_t)i : 0);
        assert_int_equal(gmlp_net_section_set(&net, GMLP_SECTION_LANDMARKS, bytes, size), GMLP_OK);
        net.width = 1 + draw(i % 5 ? 300 : 65535);
        net.height = 1 + draw(i % 7 ? 300 : 65535);
        net.coords.col_step = i % 6 ? 1.0f : -1e6f;
        net.coords.row = i % 6 ? 0.0f : 1e6f;
        for (int k = 0; k < 64 && i % 2; k++) net.signature[k] = (uint8_t)draw(256);
        if (find(&net, &s, &found) == GMLP_OK) /* by the signature alone, which is right half of the time */
            assert_true(found.expected == 0 || found.found >= 6);
    }
    gmlp_net_free(&net);
    free(s.rgb);
}

static void backwards(void *user, void (*job)(void *, size_t), void *ctx, size_t count) {
    (void)user;
    while (count--) job(ctx, count);
}

static void memory_threads_arguments(void **state) {
    const shot s = scene(400, 300, 9, 0, 0);
    const edit e = {90, 40, 260, 195, 208, 156, 1, 0, 1};
    const shot t = edited(&s, &e);
    gmlp_image base = view(&t), other = base;
    gmlp_net net = net_for(&s, 0), sycc = net, nothing = net;
    gmlp_find_edit_opts opts = {0};
    gmlp_edit found, same;
    gmlp_result result = GMLP_E_MEMORY;
    int k;
    (void)state;
    assert_int_equal(gmlp_find_edit(&net, &base, NULL, &found), GMLP_OK);
    assert_true(off(&found, &e) <= 1.5);
    opts.alloc.alloc = take;
    opts.alloc.free = give;
    for (k = 0; result == GMLP_E_MEMORY; k++) {
        left = k;
        result = gmlp_find_edit(&net, &base, &opts, &same);
        assert_int_equal(live, 0);
    }
    assert_int_equal(result, GMLP_OK);
    assert_true(k > 3);
    assert_memory_equal(&found, &same, sizeof found);
    memset(&opts, 0, sizeof opts);
    opts.threads.parallel_for = backwards;
    assert_int_equal(gmlp_find_edit(&net, &base, &opts, &same), GMLP_OK);
    assert_memory_equal(&found, &same, sizeof found);
    sycc.base_space = GMLP_SYCC;
    assert_int_equal(gmlp_find_edit(&sycc, &base, NULL, &same), GMLP_E_BASE_SPACE);
    nothing.method = GMLP_METHOD_NONE;
    assert_int_equal(gmlp_find_edit(&nothing, &base, NULL, &same), GMLP_E_OTHER_PICTURE);
    { /* of an edit of ours: the landmarks of a part are made anew */
        static const gmlp_geometry part = {10, 10, 300, 260, 0, 0, 3};
        const edit how = {10, 10, 300, 260, 300, 260, 0, 1, 1};
        const shot u = edited(&s, &how);
        const gmlp_image cut = view(&u);
        gmlp_net before, copy = copy_of(&net);
        copy.alloc.alloc = take;
        copy.alloc.free = give;
        before = copy;
        for (k = 0, result = GMLP_E_MEMORY; result == GMLP_E_MEMORY; k++) {
            left = k;
            result = gmlp_net_edit(&copy, &part, &cut);
            assert_int_equal(live, 0);
            if (result) assert_memory_equal(&copy, &before, sizeof copy);
        }
        assert_int_equal(result, GMLP_OK);
        assert_true(k > 3);
        copy.alloc.alloc = NULL, copy.alloc.free = NULL;
        gmlp_net_free(&copy);
        free(u.rgb);
    }
    assert_int_equal(gmlp_find_edit(NULL, &base, NULL, &same), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_find_edit(&net, NULL, NULL, &same), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_find_edit(&net, &base, NULL, NULL), GMLP_E_ARGUMENT);
    other.type = GMLP_U16;
    assert_int_equal(gmlp_find_edit(&net, &other, NULL, &same), GMLP_E_ARGUMENT);
    other = base;
    other.height = 1; /* a line */
    assert_int_equal(gmlp_find_edit(&net, &other, NULL, &same), GMLP_E_OTHER_PICTURE);
    gmlp_net_free(&net);
    free(s.rgb);
    free(t.rgb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_pictures),      cmocka_unit_test(crops),
        cmocka_unit_test(wide_bases_of_sycc), cmocka_unit_test(outside_follows), cmocka_unit_test(rows_of_sycc),
        cmocka_unit_test(resized),             cmocka_unit_test(decoded),
        cmocka_unit_test(own_edits_are_exact),
        cmocka_unit_test(own_edits_add_up),    cmocka_unit_test(own_edits_are_checked),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(landmarks_are_spots), cmocka_unit_test(budgets),
        cmocka_unit_test(without_landmarks),   cmocka_unit_test(hostile),
        cmocka_unit_test(memory_threads_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
