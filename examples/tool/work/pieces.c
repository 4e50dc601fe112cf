#include "work/pieces.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pictures/picture.h"
#include "shell/files.h"
#include "shell/messages.h"

/* Luminance of linear ProPhoto. */
static const float luminance[3] = { 0.2880f, 0.7119f, 0.0001f };

/* SplitMix64 (Steele, Lea, Flood, 2014). */
static uint64_t next(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double between(uint64_t *state, double low, double high) {
    return low + (high - low) * (double)(next(state) >> 11) / 9007199254740992.0;
}

static uint32_t below(uint64_t *state, uint32_t n) { return (uint32_t)((next(state) >> 32) * n >> 32); }

/* The geometric mean of every fourth pixel of every fourth row. */
static double middle_grey(const gmlp_image *im) {
    const uint16_t *p = (const uint16_t *)im->data;
    double sum = 0, count = 0;
    uint32_t x, y;
    int c;
    for (y = 0; y < im->height; y += 4)
        for (x = 0; x < im->width; x += 4, count++) {
            double l = 0;
            for (c = 0; c < 3; c++)
                l += luminance[c] * gmlp_half_to_float(p[((size_t)y * im->width + x) * 3 + (size_t)c]);
            sum += log(l > 1e-6 ? l < 60000 ? l : 60000 : 1e-6);
        }
    return exp(sum / count);
}

int source_read(const char *path, int from, uint32_t size, const char *command, source *s, char error[256]) {
    picture p;
    gmlp_result status;
    memset(s, 0, sizeof *s);
    if (picture_read(path, from, 0, &p, error)) return -1;
    if (picture_upright(&p, error)) {
        picture_free(&p);
        return -1;
    }
    picture_tell(&p, command, path);
    s->image.width = p.image.width;
    s->image.height = p.image.height;
    s->image.type = GMLP_F16;
    s->image.channels = 3;
    s->image.space = GMLP_PROPHOTO_LINEAR;
    s->scene = p.image.type == GMLP_F16 || p.image.type == GMLP_F32;
    s->image.data = malloc((size_t)p.image.width * p.image.height * 6);
    status = s->image.data ? gmlp_convert(&p.image, &s->image, NULL) : GMLP_E_MEMORY;
    if (status) error_text(error, path, "%s", gmlp_result_string(status));
    else if (p.image.width < size || p.image.height < size) {
        error_text(error, path,
                   "%u x %u pixels are less than a piece's side of %u: leave it out, or choose a smaller --size",
                   (unsigned)p.image.width, (unsigned)p.image.height, (unsigned)size);
        status = GMLP_E_ARGUMENT;
    } else s->grey = middle_grey(&s->image);
    picture_free(&p);
    if (status) source_free(s);
    return status ? -1 : 0;
}

void source_free(source *s) {
    free(s->image.data);
    memset(s, 0, sizeof *s);
}

typedef struct style {
    double exposure, balance[3], saturation;
} style;

static style plain_style(const source *s) {
    const style plain = { 1, { 1, 1, 1 }, s->scene ? 1.6 : 1 };
    return plain;
}

/* As if it had been exposed and developed differently. */
static void restyle(const source *s, uint64_t *state, style *how) {
    how->exposure = s->scene ? exp2(between(state, -1, 1.5)) : exp2(between(state, -0.7, 0.4));
    how->balance[0] = exp2(between(state, -0.25, 0.25));
    how->balance[2] = exp2(between(state, -0.25, 0.25));
    if (!s->scene) how->saturation = between(state, 0.9, 1.5);
}

/* The pixels from (x, y) on with a style, turned and mirrored by one of eight ways; of 0, width and height need not be
   the same. */
static void copy_styled(const source *s, uint32_t x, uint32_t y, uint32_t width, uint32_t height, int way,
                        const style *how, float *out) {
    const double level = (s->scene ? 0.18 / s->grey : 1.0) * how->exposure;
    const float gain[3] = { (float)(level * how->balance[0]), (float)(level * how->balance[1]),
                            (float)(level * how->balance[2]) };
    uint32_t i, j;
    int c;
    for (j = 0; j < height; j++)
        for (i = 0; i < width; i++, out += 3) {
            uint32_t from_x = way & 4 ? j : i, from_y = way & 4 ? i : j;
            const uint16_t *p;
            float v[3], l = 0;
            if (way & 1) from_x = width - 1 - from_x;
            if (way & 2) from_y = height - 1 - from_y;
            p = (const uint16_t *)s->image.data + ((size_t)(y + from_y) * s->image.width + x + from_x) * 3;
            for (c = 0; c < 3; c++) {
                v[c] = gmlp_half_to_float(p[c]);
                v[c] = gain[c] * (v[c] < 60000.0f ? v[c] : 60000.0f);
                l += luminance[c] * v[c];
            }
            for (c = 0; c < 3; c++) {
                float w = l + (float)how->saturation * (v[c] - l);
                if (s->scene) w = 1.0f - expf(-1.5f * (w > 0.0f ? w : 0.0f));
                out[c] = w > 0.0f ? w < 1.0f ? w : 1.0f : 0.0f;
            }
        }
}

int source_plain(const source *s, gmlp_image *wide) {
    const style plain = plain_style(s);
    *wide = s->image;
    wide->type = GMLP_F32;
    wide->data = malloc((size_t)wide->width * wide->height * 3 * sizeof(float));
    if (!wide->data) return -1;
    copy_styled(s, 0, 0, wide->width, wide->height, 0, &plain, (float *)wide->data);
    return 0;
}

int source_names_read(const char *path, source_names *n, char error[256]) {
    char *line, *rest = NULL;
    uint8_t *bytes;
    size_t size, most = 1, i;
    memset(n, 0, sizeof *n);
    if (file_read(path, &bytes, &size, error)) return -1;
    for (i = 0; i < size; i++) most += bytes[i] == '\n';
    n->text = (char *)malloc(size + 1);
    n->name = (char **)malloc(most * sizeof *n->name);
    if (n->text && n->name) {
        memcpy(n->text, bytes, size);
        n->text[size] = 0;
        for (line = strtok_r(n->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            if (*line != '#') n->name[n->count++] = line;
        if (!n->count) error_text(error, path, "no file names in it");
    } else error_text(error, path, "out of memory");
    free(bytes);
    return n->count ? 0 : -1;
}

void source_names_free(source_names *n) {
    free(n->text);
    free(n->name);
    memset(n, 0, sizeof *n);
}

/* base as a JPEG of some quality gives it back. */
static int through_jpeg(piece *p, int quality) {
    picture_write_opts opts;
    picture back;
    uint8_t *bytes = NULL;
    size_t size;
    char error[256];
    int bad;
    memset(&opts, 0, sizeof opts);
    opts.quality = quality;
    opts.subsample = quality & 1 ? PICTURE_444 : PICTURE_420;
    bad = picture_encode_memory(GMLP_CONTAINER_JPEG, &p->base, &opts, &bytes, &size, error);
    if (!bad) bad = picture_read_memory(bytes, size, "JPEG", GMLP_SPACE_NONE, &back, error);
    if (!bad) {
        memcpy(p->base.data, back.image.data, (size_t)p->base.width * p->base.height * 3);
        p->clip_margin = 8;
        picture_free(&back);
    }
    free(bytes);
    return bad;
}

/* Places that are tried in a source, and sources. */
enum { TRIES = 20, SOURCES = 3 };

int piece_make(const source *sources, int count, uint32_t size, uint64_t seed, int plain, piece *p) {
    const size_t pixels = (size_t)size * size;
    uint64_t state = seed * 0xd1342543de82ef95u + 1;
    const source *s = NULL;
    int try, restyled = 0, jpeg, quality;
    memset(p, 0, sizeof *p);
    p->memory = malloc(pixels * (3 * sizeof(float) + 3));
    if (!p->memory) return -1;
    p->wide.data = p->memory;
    p->wide.width = p->wide.height = size;
    p->wide.channels = 3;
    p->base = p->wide;
    p->base.data = (float *)p->memory + 3 * pixels;
    p->wide.type = GMLP_F32;
    p->wide.space = GMLP_PROPHOTO_LINEAR;
    p->base.type = GMLP_U8;
    p->base.space = GMLP_SRGB;
    jpeg = !below(&state, 4) && !plain;
    quality = 75 + (int)below(&state, 24);
    for (try = 0; try < TRIES * SOURCES; try++) {
        const int way = plain ? 0 : (int)below(&state, 8);
        gmlp_gamut_report report;
        uint32_t x, y;
        style how;
        if (try % TRIES == 0) { /* or vivid photographs and styles would take the place of the others */
            s = &sources[below(&state, (uint32_t)count)];
            restyled = !plain && below(&state, 2);
        }
        x = below(&state, s->image.width - size + 1);
        y = below(&state, s->image.height - size + 1);
        how = plain_style(s);
        if (s->scene && !plain) how.saturation = between(&state, 1.2, 1.9);
        if (restyled) restyle(s, &state, &how);
        copy_styled(s, x, y, size, size, way, &how, (float *)p->wide.data);
        if (gmlp_reduce(&p->wide, &p->base, NULL, &report)) break;
        if (report.saturated * 32 < pixels) continue;
        if (!jpeg || !through_jpeg(p, quality)) return 0;
        break;
    }
    if (try == TRIES * SOURCES) return 0;
    piece_free(p);
    return -1;
}

void piece_free(piece *p) {
    free(p->memory);
    memset(p, 0, sizeof *p);
}
