/* EXR pictures. What the reader is given is made here byte by byte, as the format's description says, except for what
   is compressed: that OpenEXR's C library writes, DWA its C++ library, which also reads what the tool wrote. */
#include "made.h"

#include "pictures/formats.h"

#ifdef __has_include
#if __has_include(<OpenEXR/openexr.h>)
#define EXR_FOUND
#endif
#endif

#ifndef EXR_FOUND

int main(void) {
    puts("# no OpenEXR 3.1 or newer: the tests of EXR pictures are left out");
    return 0;
}

#else

#include <OpenEXR/ImfCRgbaFile.h>
#include <OpenEXR/openexr.h>

/* Files, byte by byte. */

enum { IN_ORDER, BACKWARDS, SHUFFLED }; /* of chunks in the file */
enum { ONE_LEVEL, MIPMAP, RIPMAP };

typedef struct channel {
    const char *name; /* in the order of their names */
    int type, sampling; /* exr_pixel_type_t */
} channel;

typedef struct recipe {
    int x, y, width, height;
    const channel *channels;
    int count;
    int tile_width, tile_height, levels; /* 0: rows */
    int order, compression, display_is_another, wide_pixels;
    int more_attributes;                 /* so many, before the chromaticities */
    const float *xy;
    const char *type;                    /* attributes of parts, if not NULL */
    float (*value)(int channel, int x, int y); /* from the data window's corner; NULL: pattern */
} recipe;

typedef struct file {
    uint8_t *bytes;
    size_t size, room;
} file;

static void put(file *f, const void *bytes, size_t n) {
    if (f->size + n > f->room) f->bytes = (uint8_t *)realloc(f->bytes, f->room = 2 * (f->size + n));
    assert_non_null(f->bytes);
    memcpy(f->bytes + f->size, bytes, n);
    f->size += n;
}

static void put_number(file *f, uint64_t v, int bytes) {
    uint8_t b[8];
    int i;
    for (i = 0; i < bytes; i++) b[i] = (uint8_t)(v >> 8 * i);
    put(f, b, (size_t)bytes);
}

static void put_float(file *f, float v) {
    uint32_t u;
    memcpy(&u, &v, 4);
    put_number(f, u, 4);
}

static void put_text(file *f, const char *text) { put(f, text, strlen(text) + 1); }

static void put_attribute(file *f, const char *name, const char *type, int size) {
    put_text(f, name);
    put_text(f, type);
    put_number(f, (uint64_t)size, 4);
}

static void put_box(file *f, const char *name, int x, int y, int width, int height) {
    put_attribute(f, name, "box2i", 16);
    put_number(f, (uint64_t)x, 4);
    put_number(f, (uint64_t)y, 4);
    put_number(f, (uint64_t)(x + width - 1), 4);
    put_number(f, (uint64_t)(y + height - 1), 4);
}

/* Numbers that half holds exactly; another one at each place within 64 x 64. */
static float pattern(int c, int x, int y) { return (float)((x * 7 + y * 31 + c * 403) % 2048 - 200) / 64; }

static float sample(const recipe *r, int c, int x, int y) { return r->value ? r->value(c, x, y) : pattern(c, x, y); }

static int levels_of(int size) {
    int n = 1;
    while (size > 1) {
        size /= 2;
        n++;
    }
    return n;
}

static int level_size(int size, int level) { return size >> level ? size >> level : 1; }

typedef struct place {
    int part, x, y, level_x, level_y; /* x, y: the tile's, or the row */
    uint64_t offset;
} place;

/* The chunks of a part in the order of its offset table. */
static int places_of(const recipe *r, int part, place *to) {
    const int longer = r->width > r->height ? r->width : r->height;
    const int nx = r->levels == ONE_LEVEL ? 1 : levels_of(r->levels == MIPMAP ? longer : r->width);
    const int ny = r->levels == ONE_LEVEL ? 1 : levels_of(r->levels == MIPMAP ? longer : r->height);
    int n = 0, lx, ly, x, y;
    place p;
    memset(&p, 0, sizeof p);
    p.part = part;
    if (!r->tile_width) {
        for (p.y = 0; p.y < r->height; p.y++) to[n++] = p;
        return n;
    }
    for (ly = 0; ly < ny; ly++)
        for (lx = 0; lx < nx; lx++) {
            if (r->levels == MIPMAP && lx != ly) continue;
            for (y = 0; y * r->tile_height < level_size(r->height, ly); y++)
                for (x = 0; x * r->tile_width < level_size(r->width, lx); x++) {
                    p.x = x;
                    p.y = y;
                    p.level_x = lx;
                    p.level_y = ly;
                    to[n++] = p;
                }
        }
    return n;
}

static void put_header(file *f, const recipe *r, int part, int parts, int chunks) {
    file list = { NULL, 0, 0 };
    char name[32];
    int i;
    for (i = 0; i < r->count; i++) {
        put_text(&list, r->channels[i].name);
        put_number(&list, (uint64_t)r->channels[i].type, 4);
        put_number(&list, 0, 4);
        put_number(&list, (uint64_t)r->channels[i].sampling, 4);
        put_number(&list, (uint64_t)r->channels[i].sampling, 4);
    }
    put_number(&list, 0, 1);
    put_attribute(f, "channels", "chlist", (int)list.size);
    put(f, list.bytes, list.size);
    free(list.bytes);
    put_attribute(f, "compression", "compression", 1);
    put_number(f, (uint64_t)r->compression, 1);
    put_box(f, "dataWindow", r->x, r->y, r->width, r->height);
    put_box(f, "displayWindow", r->x, r->y, r->width + r->display_is_another, r->height);
    put_attribute(f, "lineOrder", "lineOrder", 1);
    put_number(f, r->order == SHUFFLED && !r->tile_width ? 0 : (uint64_t)r->order, 1);
    put_attribute(f, "pixelAspectRatio", "float", 4);
    put_float(f, r->wide_pixels ? 2 : 1);
    put_attribute(f, "screenWindowCenter", "v2f", 8);
    put_number(f, 0, 8);
    put_attribute(f, "screenWindowWidth", "float", 4);
    put_float(f, 1);
    if (r->tile_width) {
        put_attribute(f, "tiles", "tiledesc", 9);
        put_number(f, (uint64_t)r->tile_width, 4);
        put_number(f, (uint64_t)r->tile_height, 4);
        put_number(f, (uint64_t)r->levels, 1);
    }
    if (r->type) {
        snprintf(name, sizeof name, "part%d", part);
        put_attribute(f, "name", "string", 5);
        put(f, name, 5);
        put_attribute(f, "type", "string", (int)strlen(r->type));
        put(f, r->type, strlen(r->type));
        put_attribute(f, "version", "int", 4);
        put_number(f, 1, 4);
        put_attribute(f, "chunkCount", "int", 4);
        put_number(f, (uint64_t)chunks, 4);
    }
    for (i = 0; i < r->more_attributes; i++) {
        snprintf(name, sizeof name, "number%d", i);
        put_attribute(f, name, "int", 4);
        put_number(f, (uint64_t)i, 4);
    }
    if (r->xy) {
        put_attribute(f, "chromaticities", "chromaticities", 32);
        for (i = 0; i < 8; i++) put_float(f, r->xy[i]);
    }
    put_number(f, 0, 1);
    if (part + 1 == parts && parts > 1) put_number(f, 0, 1);
}

static void put_chunk(file *f, const recipe *r, const place *p, int parts) {
    const int w = level_size(r->width, p->level_x), h = level_size(r->height, p->level_y);
    const int x0 = r->tile_width ? p->x * r->tile_width : 0, y0 = r->tile_width ? p->y * r->tile_height : p->y;
    const int x1 = r->tile_width && x0 + r->tile_width < w ? x0 + r->tile_width : w;
    const int y1 = r->tile_width ? y0 + r->tile_height < h ? y0 + r->tile_height : h : y0 + 1;
    size_t length;
    int c, x, y;
    if (parts > 1) put_number(f, (uint64_t)p->part, 4);
    if (r->tile_width) {
        put_number(f, (uint64_t)p->x, 4);
        put_number(f, (uint64_t)p->y, 4);
        put_number(f, (uint64_t)p->level_x, 4);
        put_number(f, (uint64_t)p->level_y, 4);
    } else put_number(f, (uint64_t)(r->y + p->y), 4);
    length = f->size;
    put_number(f, 0, 4);
    for (y = y0; y < y1; y++)
        for (c = 0; c < r->count; c++) {
            const channel *ch = &r->channels[c];
            if ((r->y + y) % ch->sampling) continue;
            for (x = x0; x < x1; x += ch->sampling) {
                const float v = p->level_x || p->level_y ? 99 : sample(r, c, x, y);
                if (ch->type == EXR_PIXEL_HALF) put_number(f, gmlp_half_from_float(v), 2);
                else if (ch->type == EXR_PIXEL_FLOAT) put_float(f, v);
                else put_number(f, (uint64_t)(int)v, 4);
            }
        }
    for (c = 0; c < 4; c++) f->bytes[length + (size_t)c] = (uint8_t)((f->size - length - 4) >> 8 * c);
}

static file make(const recipe *r, int parts) {
    file f = { NULL, 0, 0 };
    place *all[4];
    size_t tables[4];
    int counts[4], i, k, deep = 0, n;
    assert_true(parts <= 4);
    for (i = 0; i < parts; i++) {
        all[i] = (place *)malloc(sizeof **all * (size_t)(r[i].width * r[i].height * 4 + 64));
        assert_non_null(all[i]);
        counts[i] = places_of(&r[i], i, all[i]);
        deep |= r[i].type && strstr(r[i].type, "deep");
    }
    put_number(&f, 20000630, 4);
    put_number(&f, 2 | (parts > 1 ? 0x1000 : r[0].tile_width ? 0x200 : 0) | (deep ? 0x800 : 0), 4);
    for (i = 0; i < parts; i++) put_header(&f, &r[i], i, parts, counts[i]);
    for (i = 0; i < parts; i++) {
        tables[i] = f.size;
        for (k = 0; k < counts[i]; k++) put_number(&f, 0, 8);
    }
    for (i = 0; i < parts; i++) {
        n = counts[i];
        for (k = 0; k < n; k++) {
            const int index = r[i].order == IN_ORDER  ? k
                            : r[i].order == BACKWARDS ? n - 1 - k
                            : n % 5                   ? (5 * k + 3) % n
                                                      : (7 * k + 3) % n;
            assert_true(n % 5 || n % 7);
            all[i][index].offset = f.size;
            put_chunk(&f, &r[i], &all[i][index], parts);
        }
        for (k = 0; k < n * 8; k++) f.bytes[tables[i] + (size_t)k] = (uint8_t)(all[i][k / 8].offset >> 8 * (k % 8));
        free(all[i]);
    }
    return f;
}

static const channel half_rgb[] = { { "B", EXR_PIXEL_HALF, 1 },
                                    { "G", EXR_PIXEL_HALF, 1 },
                                    { "R", EXR_PIXEL_HALF, 1 } };
static const channel float_rgb[] = { { "B", EXR_PIXEL_FLOAT, 1 },
                                     { "G", EXR_PIXEL_FLOAT, 1 },
                                     { "R", EXR_PIXEL_FLOAT, 1 } };
static const channel half_rgba[] = {
    { "A", EXR_PIXEL_HALF, 1 }, { "B", EXR_PIXEL_HALF, 1 }, { "G", EXR_PIXEL_HALF, 1 }, { "R", EXR_PIXEL_HALF, 1 }
};

static recipe basic(const channel *channels, int count) {
    recipe r;
    memset(&r, 0, sizeof r);
    r.width = 13;
    r.height = 9;
    r.channels = channels;
    r.count = count;
    return r;
}

/* The bytes lie in memory of exactly their size: reading past them shows. */
static int read_file(const file *f, int from_space, picture *p, char error[256]) {
    uint8_t *exact = (uint8_t *)malloc(f->size ? f->size : 1);
    int bad;
    assert_non_null(exact);
    if (f->size) memcpy(exact, f->bytes, f->size);
    bad = picture_read_memory(exact, f->size, "x", from_space, p, error);
    free(exact);
    return bad;
}

static picture opened(file f, int from_space) {
    picture p;
    char error[256] = "";
    if (read_file(&f, from_space, &p, error)) fail_msg("%s", error);
    free(f.bytes);
    return p;
}

static void refused(file f, const char *part) {
    picture p;
    char error[256] = "";
    if (!read_file(&f, 0, &p, error)) fail_msg("taken for a picture; '%s' was expected", part);
    if (!strstr(error, part)) fail_msg("'%s' does not say '%s'", error, part);
    assert_null(p.image.data);
    free(f.bytes);
}

static float value_at(const picture *p, int x, int y, int c) {
    const size_t i = ((size_t)y * p->image.width + (size_t)x) * 3 + (size_t)c;
    return p->image.type == GMLP_F16 ? gmlp_half_to_float(((uint16_t *)p->image.data)[i])
                                      : ((float *)p->image.data)[i];
}

static void is_near(double a, double b, double most) {
    if (!(fabs(a - b) <= most)) fail_msg("%g is not within %g of %g", a, most, b);
}

/* R, G, B are the recipe's channels first + 2, first + 1, first. */
static void has_pattern(const picture *p, const recipe *r, int first) {
    int x, y, c;
    assert_int_equal(p->image.width, r->width);
    assert_int_equal(p->image.height, r->height);
    for (y = 0; y < r->height; y++)
        for (x = 0; x < r->width; x++)
            for (c = 0; c < 3; c++)
                if (value_at(p, x, y, c) != sample(r, first + 2 - c, x, y))
                    fail_msg("column %d, row %d, channel %d: %g, not %g", x, y, c, (double)value_at(p, x, y, c),
                             (double)sample(r, first + 2 - c, x, y));
}

/* Where the pixels lie. */

static void orders_tiles_and_windows(void **state) {
    static const int origins[3][2] = { { 0, 0 }, { -13, -7 }, { 100, -200 } };
    static const int sizes[4][2] = { { 33, 19 }, { 1, 1 }, { 64, 40 }, { 3, 50 } };
    static const int tiles[4][3] = { { 0, 0, ONE_LEVEL }, { 16, 8, ONE_LEVEL }, { 7, 32, MIPMAP }, { 16, 16, RIPMAP } };
    int o, s, t, order, type;
    (void)state;
    for (o = 0; o < 3; o++)
        for (s = 0; s < 4; s++)
            for (t = 0; t < 4; t++)
                for (order = IN_ORDER; order <= SHUFFLED; order++)
                    for (type = 0; type < 2; type++) {
                        recipe r = basic(type ? float_rgb : half_rgb, 3);
                        picture p;
                        r.x = origins[o][0];
                        r.y = origins[o][1];
                        r.width = sizes[s][0];
                        r.height = sizes[s][1];
                        r.tile_width = tiles[t][0];
                        r.tile_height = tiles[t][1];
                        r.levels = tiles[t][2];
                        r.order = order;
                        p = opened(make(&r, 1), 0);
                        assert_int_equal(p.image.type, type ? GMLP_F32 : GMLP_F16);
                        assert_string_equal(p.notes, "");
                        has_pattern(&p, &r, 0);
                        picture_free(&p);
                    }
}

static void display_window(void **state) {
    recipe r = basic(half_rgb, 3);
    picture p;
    (void)state;
    r.display_is_another = 4;
    p = opened(make(&r, 1), 0);
    has_pattern(&p, &r, 0);
    assert_non_null(strstr(p.notes, "display window"));
    picture_free(&p);
    r.display_is_another = 0;
    r.wide_pixels = 1;
    p = opened(make(&r, 1), 0);
    assert_string_equal(p.notes, "its pixels are 2 times as wide as high, which is left out\n");
    picture_free(&p);
}

/* What of the channels is the picture. */

static void grey_and_mixed(void **state) {
    static const channel grey[] = { { "Y", EXR_PIXEL_HALF, 1 },
                                    { "Z", EXR_PIXEL_FLOAT, 1 },
                                    { "id", EXR_PIXEL_UINT, 1 } };
    static const channel mixed[] = { { "B", EXR_PIXEL_FLOAT, 1 },
                                     { "G", EXR_PIXEL_HALF, 1 },
                                     { "R", EXR_PIXEL_HALF, 1 } };
    recipe r = basic(grey, 3);
    picture p = opened(make(&r, 1), 0);
    int x;
    (void)state;
    assert_int_equal(p.image.type, GMLP_F16);
    for (x = 0; x < 13 * 9 * 3; x++)
        assert_true(value_at(&p, x / 3 % 13, x / 39, x % 3) == pattern(0, x / 3 % 13, x / 39));
    assert_string_equal(p.notes, "2 more channels are left out\n");
    picture_free(&p);
    r = basic(mixed, 3);
    p = opened(make(&r, 1), 0);
    assert_int_equal(p.image.type, GMLP_F32);
    has_pattern(&p, &r, 0);
    picture_free(&p);
}

static void no_colours(void **state) {
    static const channel alpha[] = { { "A", EXR_PIXEL_HALF, 1 } };
    static const channel two[] = { { "G", EXR_PIXEL_HALF, 1 }, { "R", EXR_PIXEL_HALF, 1 } };
    static const channel many[] = { { "a", EXR_PIXEL_HALF, 1 },
                                    { "b", EXR_PIXEL_HALF, 1 },
                                    { "channel_of_thirty_letters_and_more", EXR_PIXEL_HALF, 1 },
                                    { "channel_of_thirty_letters_and_more_1", EXR_PIXEL_HALF, 1 },
                                    { "channel_of_thirty_letters_and_more_2", EXR_PIXEL_HALF, 1 },
                                    { "channel_of_thirty_letters_and_more_3", EXR_PIXEL_HALF, 1 } };
    static const channel half_chroma[] = { { "RY", EXR_PIXEL_HALF, 1 }, { "Y", EXR_PIXEL_HALF, 1 } };
    static const channel integers[] = { { "B", EXR_PIXEL_HALF, 1 },
                                        { "G", EXR_PIXEL_UINT, 1 },
                                        { "R", EXR_PIXEL_HALF, 1 } };
    recipe r = basic(alpha, 1);
    (void)state;
    refused(make(&r, 1), "channels R, G, B");
    r = basic(two, 2);
    refused(make(&r, 1), "EXR: has neither channels R, G, B nor a single Y, but G, R");
    r = basic(many, 6);
    refused(make(&r, 1), "nor a single Y, but a, b, channel_of_thirty_letters_and_, channel_of_thirty_letters_and_, "
                         "channel_of_thirty_letters_and_ ...");
    r = basic(half_chroma, 2);
    refused(make(&r, 1), "channels R, G, B");
    r = basic(integers, 3);
    refused(make(&r, 1), "integer channels");
    r = basic(half_rgb, 3);
    r.type = "deepscanline";
    refused(make(&r, 1), "deep pictures are not supported");
}

static void layers_and_parts(void **state) {
    static const channel layered[] = { { "diff.A", EXR_PIXEL_HALF, 1 },
                                       { "sky.B", EXR_PIXEL_HALF, 1 },
                                       { "sky.G", EXR_PIXEL_HALF, 1 },
                                       { "sky.R", EXR_PIXEL_HALF, 1 },
                                       { "z.R", EXR_PIXEL_HALF, 1 } };
    static const channel depth[] = { { "Z", EXR_PIXEL_FLOAT, 1 } };
    recipe r[4];
    picture p;
    (void)state;
    r[0] = basic(layered, 5);
    p = opened(make(r, 1), 0);
    has_pattern(&p, r, 1);
    assert_string_equal(p.notes, "the picture is its layer sky\n2 more channels are left out\n");
    picture_free(&p);
    r[1] = basic(depth, 1);
    r[2] = basic(half_rgb, 3); /* R, G, B come before a layer */
    r[2].width = 5;
    r[2].tile_width = r[2].tile_height = 4;
    r[2].order = SHUFFLED;
    r[3] = basic(float_rgb, 3);
    r[0].type = r[1].type = r[3].type = "scanlineimage";
    r[2].type = "tiledimage";
    p = opened(make(r, 4), 0);
    has_pattern(&p, &r[2], 0);
    assert_string_equal(p.notes, "of 4 parts the picture is part 3; the others are left out\n");
    picture_free(&p);
    p = opened(make(r, 2), 0);
    has_pattern(&p, &r[0], 1);
    assert_non_null(strstr(p.notes, "part 1"));
    picture_free(&p);
}

/* Alpha 0, 0.25, 0.5 and 1 by columns; colours are what they are without it times 1 in the first column. */
static float shares(int c, int x, int y) {
    static const float alpha[4] = { 0, 0.25f, 0.5f, 1 };
    if (c == 0) return alpha[x % 4];
    return pattern(c, x, y) * (x % 4 ? alpha[x % 4] : 1);
}

static float opaque(int c, int x, int y) { return c ? pattern(c, x, y) : 1; }

static void alpha_is_divided_out(void **state) {
    static const channel float_alpha[] = {
        { "A", EXR_PIXEL_FLOAT, 1 }, { "B", EXR_PIXEL_HALF, 1 }, { "G", EXR_PIXEL_HALF, 1 }, { "R", EXR_PIXEL_HALF, 1 }
    };
    int k;
    (void)state;
    for (k = 0; k < 3; k++) {
        recipe r = basic(k == 1 ? float_alpha : half_rgba, 4);
        picture p;
        r.value = k == 2 ? opaque : shares;
        p = opened(make(&r, 1), 0);
        assert_int_equal(p.image.type, k == 1 ? GMLP_F32 : GMLP_F16);
        r.value = pattern;
        has_pattern(&p, &r, 1);
        assert_string_equal(p.notes, "");
        assert_int_equal(p.alpha == NULL, k == 2);
        if (k < 2) assert_memory_equal(p.alpha, "\0\100\200\377", 4);
        picture_free(&p);
    }
}

static void alpha_of_every_kind(void **state) {
    static const uint8_t codes[6] = { 100, 200, 255, 7, 0, 9 }, shares8[2] = { 200, 0 },
                         want8[6] = { 128, 255, 255, 7, 0, 9 };
    static const uint16_t shares16[2] = { 32768, 65535 };
    const float nan = NAN, light[12] = { 1, -2, 3e38f, 1, 2, 3, 1, 2, 3, 1, nan, 3 },
                shares_float[4] = { 0.5f, nan, -1, INFINITY };
    float f[12];
    uint8_t b[6];
    uint16_t w[6] = { 100, 40000, 0, 5, 65535, 6 }, h[3], half_share = gmlp_half_from_float(0.001f);
    (void)state;
    memcpy(b, codes, 6);
    alpha_divide(GMLP_U8, b, shares8, 2);
    assert_memory_equal(b, want8, 6);
    alpha_divide(GMLP_U16, w, shares16, 2);
    assert_true(w[0] == 200 && w[1] == 65535 && w[2] == 0 && w[3] == 5 && w[4] == 65535 && w[5] == 6);
    memcpy(f, light, sizeof f);
    alpha_divide(GMLP_F32, f, shares_float, 4);
    assert_true(f[0] == 2 && f[1] == -4 && f[2] > 3.4e38f && isfinite(f[2]));
    assert_memory_equal(f + 3, light + 3, 9 * sizeof *f); /* such alpha divides nothing */
    h[0] = gmlp_half_from_float(100);
    h[1] = gmlp_half_from_float(0.25f);
    h[2] = 0x7e01; /* not a number */
    alpha_divide(GMLP_F16, h, &half_share, 1);
    assert_int_equal(h[0], 0x7bff);
    is_near((double)gmlp_half_to_float(h[1]), 250, 0.2);
    assert_true(isnan(gmlp_half_to_float(h[2])));
}

/* Y = 0.5 and up; chroma level, or rising with x and y. BY is channel 0, RY 1, Y 2. */
static float level_chroma(int c, int x, int y) { return c == 2 ? 0.5f + (float)(x + y) / 64 : c ? 0.25f : -0.5f; }
static float rising_chroma(int c, int x, int y) { return c == 2 ? 1 : c ? (float)x / 128 : (float)y / 128 - 0.25f; }

static void luminance_and_chroma(void **state) {
    int sampling, rising, order;
    (void)state;
    for (sampling = 1; sampling <= 2; sampling++)
        for (rising = 0; rising < 2; rising++)
            for (order = IN_ORDER; order <= SHUFFLED; order++) {
                channel yc[3] = { { "BY", EXR_PIXEL_FLOAT, 1 },
                                  { "RY", EXR_PIXEL_FLOAT, 1 },
                                  { "Y", EXR_PIXEL_FLOAT, 1 } };
                recipe r = basic(yc, 3);
                picture p;
                int x, y;
                yc[0].sampling = yc[1].sampling = sampling;
                r.x = -6;
                r.y = 4;
                r.width = 64;
                r.height = 60;
                r.order = order;
                r.value = rising ? rising_chroma : level_chroma;
                p = opened(make(&r, 1), 0);
                /* what rises stays as it is, but for a filter's reach from the rim */
                for (y = rising ? 14 : 0; y < (rising ? 46 : 60); y++)
                    for (x = rising ? 14 : 0; x < (rising ? 50 : 64); x++) {
                        const double v = (double)r.value(2, x, y), red = v * (1 + (double)r.value(1, x, y)),
                                     blue = v * (1 + (double)r.value(0, x, y));
                        is_near((double)value_at(&p, x, y, 0), red, 1e-4);
                        is_near((double)value_at(&p, x, y, 2), blue, 1e-4);
                        is_near((double)value_at(&p, x, y, 1), /* Y of Rec.709 */
                                (v - 0.2126390 * red - 0.0721923 * blue) / 0.7151687, 2e-4);
                    }
                assert_string_equal(p.notes, "");
                picture_free(&p);
            }
}

static void other_subsampling(void **state) {
    channel c[3] = { { "B", EXR_PIXEL_HALF, 2 }, { "G", EXR_PIXEL_HALF, 1 }, { "R", EXR_PIXEL_HALF, 1 } };
    channel yc[3] = { { "BY", EXR_PIXEL_HALF, 3 }, { "RY", EXR_PIXEL_HALF, 3 }, { "Y", EXR_PIXEL_HALF, 1 } };
    recipe r = basic(c, 3);
    (void)state;
    r.width = r.height = 12;
    refused(make(&r, 1), "subsampled");
    r.channels = yc;
    refused(make(&r, 1), "subsampled");
    yc[0].sampling = 1;
    yc[1].sampling = 2;
    refused(make(&r, 1), "subsampled");
}

/* What the colours mean. */

static void chromaticities(void **state) {
    static const float acescg[8] = { 0.713f, 0.293f, 0.165f, 0.83f, 0.128f, 0.044f, 0.32168f, 0.33767f };
    static const float none[8] = { 0 };
    const float broken[5][8] = { { 0.64f, 0.33f, 0.3f, NAN, 0.15f, 0.06f, 0.3127f, 0.329f },
                                 { 0.64f, 0.33f, 0.3f, 0.6f, 0.15f, 0.06f, 0.3127f, 0 },
                                 { 0.64f, 0.33f, INFINITY, 0.6f, 0.15f, 0.06f, 0.3127f, 0.329f },
                                 { 0.1f, 0.1f, 0.2f, 0.2f, 0.3f, 0.3f, 0.3127f, 0.329f }, /* on one line */
                                 { 0.64f, 0.33f, 0.3f, 0.6f, 0.15f, 0.06f, -INFINITY, 0.329f } };
    recipe r = basic(half_rgb, 3);
    picture p = opened(make(&r, 1), 0);
    int i;
    (void)state;
    assert_int_equal(p.image.space, GMLP_SRGB_LINEAR); /* what OpenEXR means without them */
    assert_string_equal(p.space_from, "assumed");
    picture_free(&p);
    r.xy = acescg;
    r.more_attributes = 300;
    p = opened(make(&r, 1), 0);
    assert_int_equal(p.image.space, GMLP_ACESCG);
    assert_string_equal(p.space_from, "chromaticities");
    has_pattern(&p, &r, 0);
    picture_free(&p);
    for (i = 0; i < 6; i++) {
        r.xy = i == 5 ? none : broken[i];
        refused(make(&r, 1), "chromaticities make no colour space");
        p = opened(make(&r, 1), GMLP_ACES2065_1); /* the user knows better */
        assert_int_equal(p.image.space, GMLP_ACES2065_1);
        has_pattern(&p, &r, 0);
        picture_free(&p);
    }
}

/* Damage. */

/* Every beginning of a file is refused with a text, and every flipped byte is survived. */
static void damage(file f) {
    file cut = f;
    picture p;
    char error[256];
    size_t n;
    for (cut.size = 0; cut.size < f.size; cut.size++) {
        error[0] = 0;
        if (!read_file(&cut, 0, &p, error)) fail_msg("%zu of %zu bytes are taken for a picture", cut.size, f.size);
        assert_true(!strncmp(error, "x: ", 3) && error[3]);
    }
    for (n = 0; n < f.size; n++) {
        const uint8_t was = f.bytes[n];
        f.bytes[n] ^= (uint8_t)(1 + n % 255);
        error[0] = 0;
        if (!read_file(&f, 0, &p, error)) picture_free(&p);
        else assert_true(!strncmp(error, "x: ", 3) && error[3]);
        f.bytes[n] = was;
    }
    free(f.bytes);
}

static void damaged_files(void **state) {
    static const channel yc[3] = { { "BY", EXR_PIXEL_FLOAT, 2 },
                                   { "RY", EXR_PIXEL_HALF, 2 },
                                   { "Y", EXR_PIXEL_HALF, 1 } };
    recipe r[2];
    (void)state;
    r[0] = basic(half_rgba, 4);
    damage(make(r, 1));
    r[0].tile_width = r[0].tile_height = 8;
    r[0].order = SHUFFLED;
    damage(make(r, 1));
    r[0] = basic(yc, 3);
    r[0].width = 12;
    r[0].height = 8;
    damage(make(r, 1));
    r[0] = basic(half_rgb, 3);
    r[1] = basic(half_rgb, 3);
    r[0].type = r[1].type = "scanlineimage";
    r[0].channels = yc + 1; /* a part without colours first, else the second would not be missed */
    r[0].count = 1;
    damage(make(r, 2));
}

/* Offset of the first entry of the offset table of a file without parts. */
static size_t table_of(const file *f, int chunks) {
    size_t at;
    for (at = 8; at + 8 <= f->size; at++) {
        uint64_t first = 0;
        int i;
        for (i = 8; i--;) first = first << 8 | f->bytes[at + (size_t)i];
        if (first == at + (size_t)chunks * 8) return at;
    }
    fail_msg("no offset table");
    return 0;
}

static void hostile_files(void **state) {
    static const channel twice[] = {
        { "B", EXR_PIXEL_HALF, 1 }, { "G", EXR_PIXEL_HALF, 1 }, { "G", EXR_PIXEL_HALF, 1 }, { "R", EXR_PIXEL_HALF, 1 }
    };
    recipe r = basic(half_rgb, 3);
    file f;
    size_t at;
    channel *many = (channel *)calloc(5000, sizeof *many);
    char (*names)[8] = (char (*)[8])calloc(5000, sizeof *names);
    int i;
    (void)state;
    assert_true(many && names);

    f = make(&r, 1); /* one row's place twice, so that another row is nowhere */
    at = table_of(&f, r.height);
    memcpy(f.bytes + at + 16, f.bytes + at + 8, 8);
    refused(f, "row 2 are missing");

    f = make(&r, 1); /* a row that says it is another */
    f.bytes[f.size - 13 * 6 - 8] = 3;
    refused(f, "row 8 are missing");

    f = make(&r, 1); /* no offsets, and the rows cannot be found one after another either */
    at = table_of(&f, r.height);
    memset(f.bytes + at, 0, 9 * 8);
    f.bytes[at + 9 * 8] = 77;
    refused(f, "are missing");

    r.compression = EXR_COMPRESSION_ZIP; /* rows of their own, where sixteen belong together */
    f = make(&r, 1);
    refused(f, "EXR: ");

    r = basic(half_rgb, 3); /* many pixels, few bytes */
    f = make(&r, 1);
    for (at = 0; memcmp(f.bytes + at, "dataWindow", 10); at++) {}
    memset(f.bytes + at + 11 + 6 + 4 + 8, 0xff, 2);
    memset(f.bytes + at + 11 + 6 + 4 + 12, 0xfe, 2);
    refused(f, "EXR: ");

    r.tile_width = r.tile_height = 8;
    f = make(&r, 1);
    for (at = 0; memcmp(f.bytes + at, "tiledesc", 8); at++) {}
    memset(f.bytes + at + 9 + 4, 0, 4); /* tiles without width */
    refused(f, "EXR: ");

    r = basic(twice, 4);
    refused(make(&r, 1), "EXR: ");

    for (i = 0; i < 5000; i++) {
        snprintf(names[i], sizeof *names, "c%04d", i);
        many[i].name = names[i];
        many[i].type = EXR_PIXEL_HALF;
        many[i].sampling = 1;
    }
    many[0].name = "B";
    many[1].name = "G";
    many[2].name = "R";
    r = basic(many, 5000);
    r.width = r.height = 1;
    refused(make(&r, 1), "more than 4096 channels");
    free(many);
    free(names);
    r = basic(half_rgb, 3);
    r.more_attributes = 9000;
    refused(make(&r, 1), "8192 attributes");
}

/* Little files, large pictures: 6 MB that 240 bytes of ZIP cannot hold, and rows that all lie in the same bytes. */
static void bombs(void **state) {
    recipe r = basic(half_rgb, 3);
    file f;
    size_t at;
    int y, i;
    (void)state;
    r.height = 1;
    r.width = 40;
    r.compression = EXR_COMPRESSION_ZIP;
    f = make(&r, 1);
    for (at = 0; memcmp(f.bytes + at, "dataWindow", 10); at++) {}
    f.bytes[at + 11 + 6 + 4 + 8] = f.bytes[at + 11 + 6 + 4 + 9] = 0xfe; /* 65279 columns */
    f.bytes[at + 11 + 6 + 4 + 12] = 15;
    refused(f, "row 0 are damaged");

    r = basic(half_rgb, 3);
    r.width = 100;
    r.height = 60;
    f = make(&r, 1);
    at = table_of(&f, r.height);
    for (y = 0; y < 60; y++) {
        const size_t leader = at + 60 * 8 + (size_t)y * 8;
        for (i = 0; i < 8; i++) f.bytes[at + (size_t)(y * 8 + i)] = (uint8_t)((uint64_t)leader >> 8 * i);
        memset(f.bytes + leader, 0, 8);
        f.bytes[leader] = (uint8_t)y;
        f.bytes[leader + 4] = 600 & 255;
        f.bytes[leader + 5] = 600 >> 8;
    }
    f.size = at + 60 * 16 + 600;
    refused(f, "lie over each other");
}

/* Compressions. */

static int64_t append(exr_const_context_t context, void *user, const void *from, uint64_t n, uint64_t offset,
                      exr_stream_error_func_ptr_t error) {
    file *f = (file *)user;
    (void)context;
    (void)error;
    while (f->size < offset + n) put_number(f, 0, 1);
    memcpy(f->bytes + offset, from, (size_t)n);
    return (int64_t)n;
}

static void keep(exr_const_context_t context, void *user, int failed) {
    (void)context;
    (void)user;
    (void)failed;
}

/* As the library writes it, the recipe's pixels in planes one after the other. */
static file compress(const recipe *r, const void *planes) {
    exr_context_initializer_t with = EXR_DEFAULT_CONTEXT_INITIALIZER;
    exr_context_t context;
    exr_attr_box2i_t window;
    exr_attr_v2f_t center;
    file f = { NULL, 0, 0 };
    const size_t size = r->channels[0].type == EXR_PIXEL_HALF ? 2 : 4;
    int32_t lines;
    int i, y;
    memset(&center, 0, sizeof center);
    window.min.x = r->x;
    window.min.y = r->y;
    window.max.x = r->x + r->width - 1;
    window.max.y = r->y + r->height - 1;
    with.user_data = &f;
    with.write_fn = append;
    with.destroy_fn = keep;
    assert_int_equal(exr_start_write(&context, "x", EXR_WRITE_FILE_DIRECTLY, &with), EXR_ERR_SUCCESS);
    assert_int_equal(exr_add_part(context, "x", EXR_STORAGE_SCANLINE, NULL), EXR_ERR_SUCCESS);
    assert_int_equal(exr_initialize_required_attr(context, 0, &window, &window, 1, &center, 1,
                                                  EXR_LINEORDER_INCREASING_Y, (exr_compression_t)r->compression),
                     EXR_ERR_SUCCESS);
    for (i = 0; i < r->count; i++)
        assert_int_equal(exr_add_channel(context, 0, r->channels[i].name, (exr_pixel_type_t)r->channels[i].type,
                                         EXR_PERCEPTUALLY_LOGARITHMIC, 1, 1),
                         EXR_ERR_SUCCESS);
    assert_int_equal(exr_write_header(context), EXR_ERR_SUCCESS);
    assert_int_equal(exr_get_scanlines_per_chunk(context, 0, &lines), EXR_ERR_SUCCESS);
    for (y = 0; y < r->height; y += lines) {
        exr_encode_pipeline_t encode = EXR_ENCODE_PIPELINE_INITIALIZER;
        exr_chunk_info_t chunk;
        assert_int_equal(exr_write_scanline_chunk_info(context, 0, r->y + y, &chunk), EXR_ERR_SUCCESS);
        assert_int_equal(exr_encoding_initialize(context, 0, &chunk, &encode), EXR_ERR_SUCCESS);
        for (i = 0; i < r->count; i++) {
            encode.channels[i].encode_from_ptr =
                (const uint8_t *)planes + ((size_t)i * (size_t)r->height + (size_t)y) * (size_t)r->width * size;
            encode.channels[i].user_pixel_stride = (int32_t)size;
            encode.channels[i].user_line_stride = r->width * (int32_t)size;
        }
        assert_int_equal(exr_encoding_choose_default_routines(context, 0, &encode), EXR_ERR_SUCCESS);
        assert_int_equal(exr_encoding_run(context, 0, &encode), EXR_ERR_SUCCESS);
        exr_encoding_destroy(context, &encode);
    }
    assert_int_equal(exr_finish(&context), EXR_ERR_SUCCESS);
    return f;
}

/* What each compression keeps: all, or a share of a smooth picture's values. */
static void compressions(void **state) {
    static const struct {
        int compression;
        double half_error, float_error; /* -1: not tried: B44 leaves floats as they are, which 3.1.5 writes wrongly */
    } kinds[] = { { EXR_COMPRESSION_NONE, 0, 0 },    { EXR_COMPRESSION_RLE, 0, 0 },
                  { EXR_COMPRESSION_ZIPS, 0, 0 },    { EXR_COMPRESSION_ZIP, 0, 0 },
                  { EXR_COMPRESSION_PIZ, 0, 0 },     { EXR_COMPRESSION_PXR24, 0, 2e-5 },
                  { EXR_COMPRESSION_B44, 0.03, -1 }, { EXR_COMPRESSION_B44A, 0.03, -1 } };
    enum { W = 45, H = 70 };
    size_t k;
    int type, c, i;
    (void)state;
    for (k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (type = 0; type < 2; type++) {
            static float f[3 * W * H];
            static uint16_t h[3 * W * H];
            recipe r = basic(type ? float_rgb : half_rgb, 3);
            picture p;
            const double most = type ? kinds[k].float_error : kinds[k].half_error;
            if (most < 0) continue;
            r.x = -4;
            r.y = 5;
            r.width = W;
            r.height = H;
            r.compression = kinds[k].compression;
            for (i = 0; i < 3 * W * H; i++) {
                f[i] = 0.5f + (float)(i / (W * H)) + 0.4f * (float)sin(0.1 * (i % W) + 0.07 * (i / W % H));
                h[i] = gmlp_half_from_float(f[i]);
                if (!type) f[i] = gmlp_half_to_float(h[i]);
            }
            p = opened(compress(&r, type ? (void *)f : (void *)h), 0);
            assert_int_equal(p.image.type, type ? GMLP_F32 : GMLP_F16);
            for (c = 0; c < 3; c++)
                for (i = 0; i < W * H; i++)
                    is_near((double)value_at(&p, i % W, i / W, c), (double)f[(2 - c) * W * H + i],
                            most * (double)f[(2 - c) * W * H + i]);
            picture_free(&p);
        }
}

static void damaged_compressions(void **state) {
    static const int kinds[] = { EXR_COMPRESSION_RLE, EXR_COMPRESSION_ZIP, EXR_COMPRESSION_PIZ, EXR_COMPRESSION_PXR24,
                                 EXR_COMPRESSION_B44A };
    static uint16_t h[3 * 13 * 9];
    size_t k;
    int i;
    (void)state;
    for (i = 0; i < 3 * 13 * 9; i++) h[i] = (uint16_t)(0x3800 + i / 13);
    for (k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        recipe r = basic(half_rgb, 3);
        r.compression = kinds[k];
        damage(compress(&r, h));
    }
}

/* DWA, of which OpenEXR's C++ library makes files: through its C calls those of RGBA, Y and luminance/chroma. */

enum { DWA_LEFT = -4, DWA_TOP = -2, DWA_WIDTH = 46, DWA_HEIGHT = 270 }; /* more than one chunk of either kind */

static double dwa_value(int c, int x, int y) {
    return c == 3 ? 0.5 : 0.5 + 0.3 * c + 0.4 * sin(0.1 * x + 0.07 * y + c);
}

static file make_dwa(int compression, int channels, int backwards, int tiles) {
    ImfRgba *pixels = (ImfRgba *)malloc((size_t)DWA_WIDTH * DWA_HEIGHT * sizeof *pixels);
    const ImfRgba *origin = pixels - DWA_TOP * DWA_WIDTH - DWA_LEFT;
    const char *path = in_folder("dwa.exr");
    ImfHeader *header = ImfNewHeader();
    file f = { NULL, 0, 0 };
    char error[256];
    int x, y;
    assert_non_null(pixels);
    for (y = 0; y < DWA_HEIGHT; y++)
        for (x = 0; x < DWA_WIDTH; x++) {
            ImfRgba *p = &pixels[y * DWA_WIDTH + x];
            p->r = gmlp_half_from_float((float)dwa_value(0, x, y));
            p->g = gmlp_half_from_float((float)dwa_value(1, x, y));
            p->b = gmlp_half_from_float((float)dwa_value(2, x, y));
            p->a = gmlp_half_from_float((float)dwa_value(3, x, y));
        }
    ImfHeaderSetDataWindow(header, DWA_LEFT, DWA_TOP, DWA_LEFT + DWA_WIDTH - 1, DWA_TOP + DWA_HEIGHT - 1);
    ImfHeaderSetDisplayWindow(header, DWA_LEFT, DWA_TOP, DWA_LEFT + DWA_WIDTH - 1, DWA_TOP + DWA_HEIGHT - 1);
    ImfHeaderSetCompression(header, compression);
    ImfHeaderSetFloatAttribute(header, "dwaCompressionLevel", 4); /* a tenth of the usual loss */
    ImfHeaderSetLineOrder(header, backwards ? IMF_DECREASING_Y : IMF_INCREASING_Y);
    if (tiles) {
        ImfTiledOutputFile *out =
            ImfOpenTiledOutputFile(path, header, channels, 16, 32, IMF_MIPMAP_LEVELS, IMF_ROUND_DOWN);
        int level;
        assert_non_null(out);
        ImfTiledOutputSetFrameBuffer(out, origin, 1, DWA_WIDTH);
        for (level = 0; level < levels_of(DWA_HEIGHT); level++) {
            const int right = (level_size(DWA_WIDTH, level) - 1) / 16;
            const int bottom = (level_size(DWA_HEIGHT, level) - 1) / 32;
            assert_true(ImfTiledOutputWriteTiles(out, 0, right, 0, bottom, level, level));
        }
        assert_true(ImfCloseTiledOutputFile(out));
    } else {
        ImfOutputFile *out = ImfOpenOutputFile(path, header, channels);
        assert_non_null(out);
        assert_true(ImfOutputSetFrameBuffer(out, origin, 1, DWA_WIDTH));
        assert_true(ImfOutputWritePixels(out, DWA_HEIGHT));
        assert_true(ImfCloseOutputFile(out));
    }
    ImfDeleteHeader(header);
    free(pixels);
    assert_int_equal(file_read(path, &f.bytes, &f.size, error), 0);
    unlink(path);
    return f;
}

/* Rec.709's luminance, as there are no chromaticities. */
static double dwa_expected(int channels, int c, int x, int y) {
    if (channels & IMF_WRITE_A) return dwa_value(c, x, y) / dwa_value(3, x, y);
    if (channels != IMF_WRITE_Y) return dwa_value(c, x, y);
    return 0.2126 * dwa_value(0, x, y) + 0.7152 * dwa_value(1, x, y) + 0.0722 * dwa_value(2, x, y);
}

static void dwa(void **state) {
    static const struct {
        int channels, backwards, tiles;
    } kinds[] = { { IMF_WRITE_RGB, 0, 0 }, { IMF_WRITE_RGB, 1, 0 }, { IMF_WRITE_RGBA, 0, 0 },
                  { IMF_WRITE_Y, 0, 0 },   { IMF_WRITE_YC, 0, 0 },  { IMF_WRITE_RGB, 0, 1 } };
    static const int compressions[] = { EXR_COMPRESSION_DWAA, EXR_COMPRESSION_DWAB };
    size_t k;
    int c, x, y, edge;
    (void)state;
    for (k = 0; k < 2 * sizeof kinds / sizeof *kinds; k++) {
        const int channels = kinds[k / 2].channels;
        picture p = opened(make_dwa(compressions[k % 2], channels, kinds[k / 2].backwards, kinds[k / 2].tiles), 0);
        assert_int_equal(p.image.width, DWA_WIDTH);
        assert_int_equal(p.image.height, DWA_HEIGHT);
        assert_int_equal(p.image.type, GMLP_F16);
        assert_string_equal(p.notes, "");
        assert_int_equal(p.alpha != NULL, (channels & IMF_WRITE_A) != 0);
        edge = channels == IMF_WRITE_YC ? 14 : 0; /* where chroma's filter finds no more samples */
        for (y = edge; y < DWA_HEIGHT - edge; y++)
            for (x = edge; x < DWA_WIDTH - edge; x++)
                for (c = 0; c < 3; c++) {
                    const double expected = dwa_expected(channels, c, x, y);
                    is_near((double)value_at(&p, x, y, c), expected, 0.01 + 0.03 * expected);
                    if (p.alpha) is_near(p.alpha[y * DWA_WIDTH + x], 255 * dwa_value(3, x, y), 6);
                }
        picture_free(&p);
    }
}

/* A chunk of nothing but 255, and bytes changed one by one; a part of them, for there are many. */
static void damaged_dwa(void **state) {
    file f = make_dwa(EXR_COMPRESSION_DWAA, IMF_WRITE_RGB, 0, 0);
    picture p;
    char error[256];
    size_t n;
    (void)state;
    for (n = 0; n < f.size; n += n < 800 ? 1 : 13) {
        const uint8_t was = f.bytes[n];
        f.bytes[n] ^= (uint8_t)(1 + n % 255);
        error[0] = 0;
        if (!read_file(&f, 0, &p, error)) picture_free(&p);
        else assert_true(!strncmp(error, "x: ", 3) && error[3]);
        f.bytes[n] = was;
    }
    memset(f.bytes + f.size - 500, 255, 500);
    refused(f, "DWA compression: ");
}

/* What the tool writes. */

static void there_and_back(void **state) {
    static const int spaces[] = { GMLP_ACES2065_1,          GMLP_ACESCG,          GMLP_SRGB_LINEAR,
                                  GMLP_P3_LINEAR,     GMLP_ADOBERGB_LINEAR, GMLP_PROPHOTO_LINEAR,
                                  GMLP_REC2020_LINEAR };
    static const uint32_t sizes[][2] = { { 37, 23 }, { 1, 1 }, { 16, 16 }, { 5, 64 }, { 300, 17 } };
    size_t s, k;
    int type;
    (void)state;
    for (s = 0; s < sizeof spaces / sizeof *spaces; s++)
        for (k = 0; k < sizeof sizes / sizeof *sizes; k++)
            for (type = GMLP_F16; type <= GMLP_F32; type++) {
                gmlp_image image = test_image(sizes[k][0], sizes[k][1], type, spaces[s]);
                const char *path = in_folder("a.exr");
                picture back;
                char error[256] = "";
                if (picture_write(path, &image, NULL, error)) fail_msg("%s", error);
                if (picture_read(path, GMLP_SPACE_NONE, 0, &back, error)) fail_msg("%s", error);
                assert_int_equal(back.image.space, spaces[s]);
                assert_string_equal(back.space_from, "chromaticities");
                assert_int_equal(back.image.type, type);
                assert_memory_equal(back.image.data, image.data,
                                    (size_t)image.width * image.height * gmlp_pixel_size(type, 3));
                assert_string_equal(back.notes, "");
                picture_free(&back);
                free(image.data);
                unlink(path);
            }
}

static void codes_become_light(void **state) {
    gmlp_image image = test_image(5, 4, GMLP_F32, GMLP_PROPHOTO);
    const char *path = in_folder("a.exr");
    picture back;
    char error[256];
    size_t i;
    (void)state;
    assert_int_equal(picture_write(path, &image, NULL, error), 0);
    assert_int_equal(picture_read(path, GMLP_SPACE_NONE, 0, &back, error), 0);
    assert_int_equal(back.image.space, GMLP_PROPHOTO_LINEAR);
    for (i = 0; i < 60; i++) {
        const double code = (double)((float *)image.data)[i];
        const double light = fabs(code) < 1 / 32.0 ? code / 16 : copysign(pow(fabs(code), 1.8), code); /* ISO 22028-2 */
        assert_true(fabs((double)((float *)back.image.data)[i] - light) < 1e-5);
    }
    picture_free(&back);
    free(image.data);
    unlink(path);
}

/* The library, asked for whole planes of float from the file on disk, gets the same numbers. */
static void others_read_it(void **state) {
    enum { W = 37, H = 50 };
    static float planes[3][H][W];
    gmlp_image image = test_image(W, H, GMLP_F16, GMLP_REC2020_LINEAR);
    const char *path = in_folder("a.exr");
    exr_context_initializer_t with = EXR_DEFAULT_CONTEXT_INITIALIZER;
    exr_context_t context;
    exr_attr_chromaticities_t c;
    exr_compression_t compression;
    char error[256];
    int32_t lines;
    int x, y, i;
    (void)state;
    assert_int_equal(picture_write(path, &image, NULL, error), 0);
    assert_int_equal(exr_start_read(&context, path, &with), EXR_ERR_SUCCESS);
    assert_int_equal(exr_attr_get_chromaticities(context, 0, "chromaticities", &c), EXR_ERR_SUCCESS);
    is_near((double)c.red_x, 0.708, 1e-6);
    is_near((double)c.green_y, 0.797, 1e-6);
    is_near((double)c.blue_x, 0.131, 1e-6);
    is_near((double)c.white_y, 0.3290, 1e-6);
    assert_int_equal(exr_get_compression(context, 0, &compression), EXR_ERR_SUCCESS);
    assert_int_equal(compression, EXR_COMPRESSION_ZIP);
    assert_int_equal(exr_get_scanlines_per_chunk(context, 0, &lines), EXR_ERR_SUCCESS);
    for (y = 0; y < H; y += lines) {
        exr_decode_pipeline_t decode = EXR_DECODE_PIPELINE_INITIALIZER;
        exr_chunk_info_t chunk;
        assert_int_equal(exr_read_scanline_chunk_info(context, 0, y, &chunk), EXR_ERR_SUCCESS);
        assert_int_equal(exr_decoding_initialize(context, 0, &chunk, &decode), EXR_ERR_SUCCESS);
        assert_int_equal(decode.channel_count, 3);
        for (i = 0; i < 3; i++) {
            assert_int_equal(decode.channels[i].channel_name[0], "BGR"[i]);
            decode.channels[i].decode_to_ptr = (uint8_t *)planes[i][y];
            decode.channels[i].user_pixel_stride = 4;
            decode.channels[i].user_line_stride = W * 4;
            decode.channels[i].user_bytes_per_element = 4;
            decode.channels[i].user_data_type = EXR_PIXEL_FLOAT;
        }
        assert_int_equal(exr_decoding_choose_default_routines(context, 0, &decode), EXR_ERR_SUCCESS);
        assert_int_equal(exr_decoding_run(context, 0, &decode), EXR_ERR_SUCCESS);
        exr_decoding_destroy(context, &decode);
    }
    exr_finish(&context);
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++)
            for (i = 0; i < 3; i++)
                assert_true(planes[2 - i][y][x] == gmlp_half_to_float(((uint16_t *)image.data)[(y * W + x) * 3 + i]));
    free(image.data);
    unlink(path);
}

/* Rows in portions of any size make the same file. */
static void same_file_by_rows(void **state) {
    static const uint32_t portions[] = { 1, 7, 16, 50 };
    gmlp_image image = test_image(21, 50, GMLP_F32, GMLP_ACESCG);
    const size_t row = 21 * 12;
    file first = { NULL, 0, 0 };
    size_t i;
    (void)state;
    for (i = 0; i < 4; i++) {
        const char *path = in_folder("a.exr");
        FILE *out = fopen(path, "wb");
        char error[256] = "";
        picture_sink *s = picture_sink_open(path, out, &image, NULL, error);
        uint8_t *bytes;
        size_t size;
        uint32_t y;
        assert_non_null(s);
        for (y = 0; y < 50; y += portions[i]) {
            const uint32_t n = y + portions[i] < 50 ? portions[i] : 50 - y;
            assert_int_equal(picture_sink_rows(s, (uint8_t *)image.data + y * row, n, error), 0);
        }
        assert_int_equal(picture_sink_end(s, 0, error), 0);
        assert_int_equal(fclose(out), 0);
        assert_int_equal(file_read(path, &bytes, &size, error), 0);
        if (!i) put(&first, bytes, size);
        assert_int_equal(size, first.size);
        assert_memory_equal(bytes, first.bytes, size);
        free(bytes);
        unlink(path);
    }
    free(first.bytes);
    free(image.data);
}

static void full_disk(void **state) {
    gmlp_image image = test_image(400, 100, GMLP_F32, GMLP_ACESCG);
    const char *path = in_folder("a.exr");
    char error[256] = "";
    picture_sink *s;
    FILE *out = fopen("/dev/full", "wb");
    int bad;
    (void)state;
    if (!out) skip();
    s = picture_sink_open("full.exr", out, &image, NULL, error);
    assert_non_null(s);
    bad = picture_sink_rows(s, image.data, 100, error);
    assert_int_equal(bad, -1);
    assert_non_null(strstr(error, "full.exr: cannot be written: No space left"));
    assert_int_equal(picture_sink_end(s, bad, error), -1);
    fclose(out);
    out = fopen(path, "wb"); /* given up in the middle */
    s = picture_sink_open(path, out, &image, NULL, error);
    assert_non_null(s);
    assert_int_equal(picture_sink_rows(s, image.data, 20, error), 0);
    assert_int_equal(picture_sink_end(s, 1, error), -1);
    fclose(out);
    free(image.data);
    unlink(path);
}

/* A file that was not finished, of which the table of offsets is empty, is read if all its rows are there. */
static void without_offsets(void **state) {
    recipe r = basic(half_rgb, 3);
    file f = make(&r, 1);
    picture p;
    (void)state;
    memset(f.bytes + table_of(&f, r.height), 0, 9 * 8);
    p = opened(f, 0);
    has_pattern(&p, &r, 0);
    picture_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_tiles_and_windows),
        cmocka_unit_test(display_window),
        cmocka_unit_test(grey_and_mixed),
        cmocka_unit_test(no_colours),
        cmocka_unit_test(layers_and_parts),
        cmocka_unit_test(alpha_is_divided_out),
        cmocka_unit_test(alpha_of_every_kind),
        cmocka_unit_test(luminance_and_chroma),
        cmocka_unit_test(other_subsampling),
        cmocka_unit_test(chromaticities),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(hostile_files),
        cmocka_unit_test(bombs),
        cmocka_unit_test(compressions),
        cmocka_unit_test(damaged_compressions),
        cmocka_unit_test(dwa),
        cmocka_unit_test(damaged_dwa),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(codes_become_light),
        cmocka_unit_test(others_read_it),
        cmocka_unit_test(same_file_by_rows),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(without_offsets),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#endif
