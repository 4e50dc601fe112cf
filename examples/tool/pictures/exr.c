/* OpenEXR pictures, with OpenEXR's C library. What of a file is the picture:
   - the first part with channels R, G, B or Y that is not of deep samples; without one, the first layer of a part that
     has LAYER.R, LAYER.G and LAYER.B;
   - of tiles in several resolutions the full one;
   - the data window, wherever it lies; the display window is not looked at;
   - colours as they are without their alpha, for EXR holds them multiplied with it;
   - linear light. chromaticities say its primaries, without them it is Rec.709; whiteLuminance, the white's cd/m2, is
     not used, as the library's pictures count from a white of 1. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pictures/exr_dwa.h"
#include "pictures/formats.h"
#include "pictures/memory.h"

#ifdef __has_include
#if __has_include(<OpenEXR/openexr.h>)
#define EXR_FOUND
#endif
#endif

#ifndef EXR_FOUND

const char *const exr_missing = "EXR (OpenEXR 3.1 or newer)";

#define NO_EXR "this build has no EXR: OpenEXR 3.1 or newer is missing"
MISSING_READER(exr_load, NO_EXR)
MISSING_WRITER(exr_sink_open, NO_EXR)

#else

#include <OpenEXR/openexr.h>

const char *const exr_missing = NULL;

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* The library's first word on what went wrong, for it says the particulars first. */
static void hear(exr_const_context_t context, exr_result_t status, const char *text) {
    void *user = NULL;
    char *said;
    /* without memory it holds a lock of its own, which what follows would wait for */
    if (status == EXR_ERR_OUT_OF_MEMORY) return;
    if (!context || exr_get_user_data(context, &user) != EXR_ERR_SUCCESS || !user) return;
    said = (char *)user;
    if (said[0]) return;
    snprintf(said, REASON, "%s", text);
    plain_text(said);
}

static int failed(exr_result_t status, const char *said, char reason[REASON]) {
    if (status == EXR_ERR_SUCCESS) return 0;
    snprintf(reason, REASON, "EXR: %.140s", said[0] ? said : exr_get_default_error_message(status));
    return -1;
}

/* Reading. The library reads headers and undoes compressions; where chunks lie, how large they are and what their bytes
   mean is looked at here, so that nothing depends on how it bears a hostile file. */

#define MAX_CHANNELS 4096   /* of all parts together, */
#define MAX_ATTRIBUTES 8192 /* as many */
#define MAX_CHUNK ((uint64_t)1 << 30) /* bytes; the decoders count in ints */
#define CHUNK_HEADER 32               /* bytes in front of a chunk at most: a tile's in a part are 24 */

typedef struct bytes_read {
    char said[REASON]; /* first: what hear() finds */
    const uint8_t *bytes;
    size_t size;
} bytes_read;

static int64_t read_bytes(exr_const_context_t context, void *user, void *to, uint64_t n, uint64_t offset,
                          exr_stream_error_func_ptr_t error) {
    const bytes_read *in = (const bytes_read *)user;
    (void)context;
    (void)error;
    if (offset > in->size) return -1;
    if (n > in->size - offset) n = in->size - offset;
    memcpy(to, in->bytes + offset, (size_t)n);
    return (int64_t)n;
}

static int64_t size_of_bytes(exr_const_context_t context, void *user) {
    (void)context;
    return (int64_t)((const bytes_read *)user)->size;
}

/* Position after a text that ends with 0 and begins at at; size if it does not end. */
static size_t after_text(const bytes_read *in, size_t at) {
    const uint8_t *end = at < in->size ? (const uint8_t *)memchr(in->bytes + at, 0, in->size - at) : NULL;
    return end ? (size_t)(end - in->bytes) + 1 : in->size;
}

/* Before the library sees them: how many attributes and channels the headers have, as its time grows with the square of
   both. What else is wrong with them the library says. */
static int check_headers(const bytes_read *in, char reason[REASON]) {
    const int parts = in->size > 9 && (in->bytes[9] & 0x10);
    size_t at = 8, type, value, end, attributes, channels = 0;
    for (attributes = 0; at < in->size; attributes++) {
        if (!in->bytes[at]) { /* ends a header, and a second one all */
            if (!parts || ++at >= in->size || !in->bytes[at]) return 0;
        }
        type = after_text(in, at);
        value = after_text(in, type);
        if (in->size - value < 4) return 0;
        end = (size_t)in->bytes[value] | (size_t)in->bytes[value + 1] << 8 | (size_t)in->bytes[value + 2] << 16 |
              (size_t)in->bytes[value + 3] << 24;
        value += 4;
        if (end > in->size - value) return 0;
        end += value;
        for (at = value; at < end && !strcmp((const char *)in->bytes + type, "chlist"); channels++)
            at = after_text(in, at) + 16;
        if (channels > MAX_CHANNELS || attributes > MAX_ATTRIBUTES) {
            snprintf(reason, REASON, "EXR: more than %d channels or %d attributes are not supported", MAX_CHANNELS,
                     MAX_ATTRIBUTES);
            return -1;
        }
        at = end;
    }
    return 0;
}

/* Where the samples of a channel go. */
typedef struct plane {
    int channel, type;         /* index in the file's list; gmlp_type of what is stored */
    uint32_t sampling;         /* one sample each so many columns and rows */
    uint8_t *to;
    size_t step, row;          /* bytes from sample to sample and row to row */
} plane;

typedef struct exr_reader {
    bytes_read in;
    exr_context_t context;
    int part;
    const exr_attr_chlist_t *list;
    exr_attr_box2i_t window;
    exr_compression_t compression;
    int tiled;
    uint32_t width, height, chunk_width, chunk_height, columns, rows; /* columns and rows of chunks */
    int color[3], alpha;  /* channels: R, G, B, or Y three times, or Y, RY, BY; -1 if there is no alpha */
    int chroma;           /* 1: Y, RY, BY */
    float weights[3];     /* of R, G, B in Y */
    plane planes[4];
    int plane_count;
    uint64_t *first; /* of each chunk the first byte that is needed from it on, for they may lie in another order */
} exr_reader;

static int channel_size(const exr_attr_chlist_entry_t *channel) {
    return channel->pixel_type == EXR_PIXEL_HALF ? 2 : 4;
}

static int find_channel(const exr_attr_chlist_t *list, const char *layer, size_t length, const char *name) {
    int i;
    for (i = 0; i < list->num_channels; i++) {
        const char *has = list->entries[i].name.str;
        if (!strncmp(has, layer, length) && !strcmp(has + length, name)) return i;
    }
    return -1;
}

/* The channels that make the picture, of a layer whose prefix ends with a dot or is "". 1 if they are there. */
static int find_layer(exr_reader *r, const char *layer, size_t length) {
    static const char *const rgb[3] = { "R", "G", "B" };
    static const char *const yc[3] = { "Y", "RY", "BY" };
    int c, found[3];
    r->chroma = 0;
    r->alpha = find_channel(r->list, layer, length, "A");
    for (c = 0; c < 3; c++) r->color[c] = find_channel(r->list, layer, length, rgb[c]);
    if (r->color[0] >= 0 && r->color[1] >= 0 && r->color[2] >= 0) return 1;
    for (c = 0; c < 3; c++) found[c] = find_channel(r->list, layer, length, yc[c]);
    r->chroma = found[1] >= 0 && found[2] >= 0;
    if (length || found[0] < 0 || r->chroma != (found[1] >= 0 || found[2] >= 0)) return 0;
    for (c = 0; c < 3; c++) r->color[c] = found[r->chroma ? c : 0];
    return 1;
}

static int find_any_layer(exr_reader *r, char layer[64]) {
    int i;
    for (i = 0; i < r->list->num_channels; i++) {
        const char *name = r->list->entries[i].name.str;
        const size_t length = strlen(name);
        if (length < 3 || strcmp(name + length - 2, ".R") || !find_layer(r, name, length - 1)) continue;
        snprintf(layer, 64, "%.*s", (int)smaller((uint32_t)length - 2, 60), name);
        return 1;
    }
    return 0;
}

/* With the names of those that are there, as far as there is room. */
static void no_colours(const exr_reader *r, char reason[REASON]) {
    size_t used = (size_t)snprintf(reason, REASON, "EXR: has neither channels R, G, B nor a single Y");
    int i;
    for (i = 0; i < r->list->num_channels; i++) {
        char name[40];
        const size_t n = (size_t)snprintf(name, sizeof name, "%s%.30s", i ? ", " : ", but ",
                                          r->list->entries[i].name.str);
        const int fits = used + n + sizeof " ..." <= REASON;
        strcpy(reason + used, fits ? name : " ...");
        if (!fits) break;
        used += n;
    }
    plain_text(reason);
}

/* Finds part and channels, and says what else the file holds. */
static int find_picture(exr_reader *r, picture_facts *facts, char reason[REASON]) {
    char layer[64] = "";
    int parts = 0, deep = 0, layers, found = 0;
    if (failed(exr_get_count(r->context, &parts), r->in.said, reason)) return -1;
    for (layers = 0; layers < 2 && !found; layers++)
        for (r->part = 0; r->part < parts; r->part++) {
            exr_storage_t storage = EXR_STORAGE_SCANLINE;
            if (failed(exr_get_storage(r->context, r->part, &storage), r->in.said, reason) ||
                failed(exr_get_channels(r->context, r->part, &r->list), r->in.said, reason))
                return -1;
            r->tiled = storage == EXR_STORAGE_TILED;
            deep |= !r->tiled && storage != EXR_STORAGE_SCANLINE;
            found = (r->tiled || storage == EXR_STORAGE_SCANLINE) &&
                    (layers ? find_any_layer(r, layer) : find_layer(r, "", 0));
            if (found) break;
        }
    if (!found) {
        if (deep) snprintf(reason, REASON, "EXR: deep pictures are not supported; flatten it first");
        else no_colours(r, reason);
        return -1;
    }
    plain_text(layer);
    if (parts > 1)
        picture_note(facts->notes, "of %d parts the picture is part %d; the others are left out", parts, r->part + 1);
    if (layer[0]) picture_note(facts->notes, "the picture is its layer %s", layer);
    return 0;
}

static int check_channels(exr_reader *r, picture_facts *facts, char reason[REASON]) {
    const exr_attr_chlist_entry_t *e = r->list->entries;
    const int used = r->color[1] == r->color[0] ? 1 : 3;
    int i, others;
    for (i = 0; i < r->list->num_channels; i++) {
        const int s = e[i].x_sampling;
        if (i && !strcmp(e[i].name.str, e[i - 1].name.str)) {
            snprintf(reason, REASON, "EXR: names a channel twice");
            return -1;
        }
        /* what files have: half as many RY and BY each way; more would only be tried by hostile ones */
        if (s != e[i].y_sampling || s < 1 || s > 2 || r->width % (uint32_t)s || r->height % (uint32_t)s ||
            r->window.min.x % s || r->window.min.y % s ||
            (s == 2 && (r->tiled || !r->chroma || (i != r->color[1] && i != r->color[2])))) {
            snprintf(reason, REASON, "EXR: channels subsampled in this way are not supported");
            return -1;
        }
    }
    for (i = 0; i < 3; i++)
        if (e[r->color[i]].pixel_type == EXR_PIXEL_UINT) {
            snprintf(reason, REASON, "EXR: integer channels are not supported; half and float are");
            return -1;
        }
    if (r->chroma && e[r->color[1]].x_sampling != e[r->color[2]].x_sampling) {
        snprintf(reason, REASON, "EXR: channels subsampled in this way are not supported");
        return -1;
    }
    if (r->alpha >= 0 && e[r->alpha].pixel_type == EXR_PIXEL_UINT) r->alpha = -1; /* an integer has no share */
    others = r->list->num_channels - used - (r->alpha >= 0);
    if (others > 0) picture_note(facts->notes, "%d more channel%s left out", others, others > 1 ? "s are" : " is");
    return 0;
}

/* The share of each primary in Y; 0 if they make no colour space. */
static int luminance_weights(const double xy[8], float weights[3]) {
    const double z[4] = { 1 - xy[0] - xy[1], 1 - xy[2] - xy[3], 1 - xy[4] - xy[5], 1 - xy[6] - xy[7] };
    const double *r = xy, *g = xy + 2, *b = xy + 4, *w = xy + 6;
    const double det =
        r[0] * (g[1] * z[2] - b[1] * z[1]) - g[0] * (r[1] * z[2] - b[1] * z[0]) + b[0] * (r[1] * z[1] - g[1] * z[0]);
    const double dr =
        w[0] * (g[1] * z[2] - b[1] * z[1]) - g[0] * (w[1] * z[2] - b[1] * z[3]) + b[0] * (w[1] * z[1] - g[1] * z[3]);
    const double dg =
        r[0] * (w[1] * z[2] - b[1] * z[3]) - w[0] * (r[1] * z[2] - b[1] * z[0]) + b[0] * (r[1] * z[3] - w[1] * z[0]);
    weights[0] = (float)(dr / det * r[1] / w[1]);
    weights[1] = (float)(dg / det * g[1] / w[1]);
    weights[2] = 1 - weights[0] - weights[1];
    return fabs(det) > 1e-6 && isfinite(weights[0]) && isfinite(weights[1]);
}

static int read_color(exr_reader *r, picture_facts *facts, char reason[REASON]) {
    exr_attr_chromaticities_t c;
    const exr_result_t status = exr_attr_get_chromaticities(r->context, r->part, "chromaticities", &c);
    double xy[8];
    facts->gamma = 1;
    xy_of_space(GMLP_SRGB, xy);
    if (status != EXR_ERR_NO_ATTR_BY_NAME) {
        facts->has_xy = 1;
        if (status == EXR_ERR_SUCCESS) {
            const double has[8] = { c.red_x, c.red_y, c.green_x, c.green_y, c.blue_x, c.blue_y, c.white_x, c.white_y };
            memcpy(xy, has, sizeof xy);
        } else memset(xy, 0, sizeof xy);
    }
    if (!luminance_weights(xy, r->weights))
        memset(xy, 0, sizeof xy); /* which is an error, unless --from says the space */
    if (facts->has_xy) memcpy(facts->xy, xy, sizeof xy);
    if (!r->chroma || fabsf(r->weights[1]) > 1e-6f) return 0;
    snprintf(reason, REASON, "EXR: its chromaticities give luminance and chroma no meaning");
    return -1;
}

static int find_layout(exr_reader *r, picture_facts *facts, char reason[REASON]) {
    exr_attr_box2i_t display;
    float aspect = 1;
    int64_t width, height;
    int32_t lines = 0;
    if (failed(exr_get_data_window(r->context, r->part, &r->window), r->in.said, reason) ||
        failed(exr_get_display_window(r->context, r->part, &display), r->in.said, reason) ||
        failed(exr_get_pixel_aspect_ratio(r->context, r->part, &aspect), r->in.said, reason) ||
        failed(exr_get_compression(r->context, r->part, &r->compression), r->in.said, reason))
        return -1;
    width = (int64_t)r->window.max.x - r->window.min.x + 1;
    height = (int64_t)r->window.max.y - r->window.min.y + 1;
    if (width < 1 || height < 1 || width > (int64_t)GMLP_MAX_SIZE || height > (int64_t)GMLP_MAX_SIZE) {
        snprintf(reason, REASON, "EXR: %lld x %lld pixels; at most %u x %u are supported", (long long)width,
                 (long long)height, GMLP_MAX_SIZE, GMLP_MAX_SIZE);
        return -1;
    }
    if (fabsf(aspect - 1) > 0.001f)
        picture_note(facts->notes, "its pixels are %g times as wide as high, which is left out", (double)aspect);
    if (memcmp(&display, &r->window, sizeof display))
        picture_note(facts->notes, "the picture is the data window; the display window is another");
    r->width = r->chunk_width = (uint32_t)width;
    r->height = (uint32_t)height;
    if (r->tiled) {
        exr_tile_level_mode_t levels;
        exr_tile_round_mode_t rounding;
        if (failed(exr_get_tile_descriptor(r->context, r->part, &r->chunk_width, &r->chunk_height, &levels, &rounding),
                   r->in.said, reason))
            return -1;
        r->chunk_width = smaller(r->chunk_width, r->width);
        r->chunk_height = smaller(r->chunk_height, r->height);
    } else {
        if (failed(exr_get_scanlines_per_chunk(r->context, r->part, &lines), r->in.said, reason)) return -1;
        r->chunk_height = lines > 0 ? smaller((uint32_t)lines, r->height) : 0;
    }
    if (!r->chunk_width || !r->chunk_height) {
        snprintf(reason, REASON, "EXR: tiles without pixels");
        return -1;
    }
    r->columns = (r->width - 1) / r->chunk_width + 1;
    r->rows = (r->height - 1) / r->chunk_height + 1;
    return 0;
}

typedef struct chunk {
    exr_chunk_info_t info;
    uint32_t x, y, width, height; /* in the picture */
} chunk;

static uint64_t unpacked_size(const exr_reader *r, const chunk *c) {
    uint64_t sum = 0;
    int i;
    for (i = 0; i < r->list->num_channels; i++) {
        const exr_attr_chlist_entry_t *e = &r->list->entries[i];
        const uint32_t s = (uint32_t)e->x_sampling;
        sum += (uint64_t)(c->width / s) * ((c->y + c->height + s - 1) / s - (c->y + s - 1) / s) *
               (uint64_t)channel_size(e);
    }
    return sum;
}

static int is_dwa(exr_compression_t compression) {
    return compression == EXR_COMPRESSION_DWAA || compression == EXR_COMPRESSION_DWAB;
}

/* How many times its size in the file a chunk can have at most: what deflate reaches, times what PXR24 (a quarter of
   each float) or DWA (all but two numbers of 64) left away before. So its file bounds the memory for a picture. */
static uint64_t largest_ratio(exr_compression_t compression) { return is_dwa(compression) ? 40000 : 1400; }

static int find_chunk(exr_reader *r, uint64_t index, chunk *c, char reason[REASON]) {
    const uint32_t column = (uint32_t)(index % r->columns), row = (uint32_t)(index / r->columns);
    uint64_t size;
    exr_result_t status;
    memset(c, 0, sizeof *c);
    c->x = column * r->chunk_width;
    c->y = row * r->chunk_height;
    c->width = smaller(r->chunk_width, r->width - c->x);
    c->height = smaller(r->chunk_height, r->height - c->y);
    r->in.said[0] = 0;
    status = r->tiled ? exr_read_tile_chunk_info(r->context, r->part, (int)column, (int)row, 0, 0, &c->info)
                      : exr_read_scanline_chunk_info(r->context, r->part, r->window.min.y + (int)c->y, &c->info);
    if (status != EXR_ERR_SUCCESS) {
        snprintf(reason, REASON, "EXR: the pixels from column %u, row %u are missing", c->x, c->y);
        return -1;
    }
    size = unpacked_size(r, c);
    if (c->info.width == (int)c->width && c->info.height == (int)c->height && c->info.data_offset <= r->in.size &&
        c->info.packed_size <= r->in.size - c->info.data_offset && c->info.packed_size > 0 &&
        c->info.unpacked_size == size && size <= MAX_CHUNK &&
        size / largest_ratio(r->compression) <= c->info.packed_size)
        return 0;
    snprintf(reason, REASON, "EXR: the pixels from column %u, row %u are damaged", c->x, c->y);
    return -1;
}

/* All chunks before any memory: each must be there, and they cannot share bytes. */
static int check_chunks(exr_reader *r, char reason[REASON]) {
    const uint64_t count = (uint64_t)r->columns * r->rows;
    uint64_t i, sum = 0;
    chunk c;
    if (count > r->in.size / 8) { /* each has an offset of 8 bytes */
        snprintf(reason, REASON, "EXR: the file is too short for its size in pixels");
        return -1;
    }
    r->first = (uint64_t *)malloc((size_t)count * sizeof *r->first);
    if (!r->first) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
    for (i = 0; i < count; i++) {
        if (find_chunk(r, i, &c, reason)) return -1;
        r->first[i] = c.info.data_offset > CHUNK_HEADER ? c.info.data_offset - CHUNK_HEADER : 0;
        sum += c.info.packed_size;
        if (sum > r->in.size) {
            snprintf(reason, REASON, "EXR: its parts lie over each other");
            return -1;
        }
    }
    for (i = count - 1; i--;)
        if (r->first[i] > r->first[i + 1]) r->first[i] = r->first[i + 1];
    return 0;
}

static void store(const plane *p, uint8_t *to, const uint8_t *from, exr_pixel_type_t type, uint32_t n) {
    uint32_t i;
    for (i = 0; i < n; i++, to += p->step) {
        const uint16_t half = (uint16_t)(from[0] | from[1] << 8);
        float v;
        if (type == EXR_PIXEL_HALF) {
            from += 2;
            if (p->type == GMLP_F16) memcpy(to, &half, 2);
            v = gmlp_half_to_float(half);
        } else {
            const uint32_t u = half | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
            from += 4;
            memcpy(&v, &u, 4);
        }
        if (p->type == GMLP_F32) memcpy(to, &v, 4);
    }
}

/* Rows of a chunk: of each channel that has a sample in the row, its samples. */
static void place(const exr_reader *r, const chunk *c, const uint8_t *from) {
    uint32_t y;
    int i, k;
    for (y = c->y; y < c->y + c->height; y++)
        for (i = 0; i < r->list->num_channels; i++) {
            const exr_attr_chlist_entry_t *e = &r->list->entries[i];
            const uint32_t s = (uint32_t)e->x_sampling, n = c->width / s;
            if (y % s) continue;
            for (k = 0; k < r->plane_count; k++) {
                const plane *p = &r->planes[k];
                if (p->channel == i) store(p, p->to + y / s * p->row + c->x / s * p->step, from, e->pixel_type, n);
            }
            from += (size_t)n * (size_t)channel_size(e);
        }
}

/* The decoders' buffers start as zeros: what a damaged chunk leaves open must not show old memory. */
static void *zeros(exr_transcoding_pipeline_buffer_id_t id, size_t size) {
    (void)id;
    return calloc(size, 1);
}

static void release(exr_transcoding_pipeline_buffer_id_t id, void *buffer) {
    (void)id;
    free(buffer);
}

static int decode_chunk(exr_reader *r, const chunk *c, char reason[REASON]) {
    exr_decode_pipeline_t decode = EXR_DECODE_PIPELINE_INITIALIZER;
    exr_result_t status;
    /* what would have grown is stored as it is */
    if (c->info.packed_size == c->info.unpacked_size) {
        place(r, c, r->in.bytes + c->info.data_offset);
        return 0;
    }
    status = exr_decoding_initialize(r->context, r->part, &c->info, &decode);
    decode.alloc_fn = zeros;
    decode.free_fn = release;
    if (status == EXR_ERR_SUCCESS) status = exr_decoding_choose_default_routines(r->context, r->part, &decode);
    decode.unpack_and_convert_fn = NULL;
    if (status == EXR_ERR_SUCCESS) status = exr_decoding_run(r->context, r->part, &decode);
    if (status == EXR_ERR_SUCCESS && decode.unpacked_buffer && decode.unpacked_alloc_size >= c->info.unpacked_size)
        place(r, c, (const uint8_t *)decode.unpacked_buffer);
    else {
        snprintf(reason, REASON, "EXR: the pixels from column %u, row %u are damaged", c->x, c->y);
        if (status == EXR_ERR_SUCCESS) status = EXR_ERR_CORRUPT_CHUNK;
    }
    exr_decoding_destroy(r->context, &decode);
    return status == EXR_ERR_SUCCESS ? 0 : -1;
}

/* The first of three planes into the others. */
static void spread(const exr_reader *r) {
    const plane *p = r->planes;
    const size_t size = gmlp_pixel_size(p->type, 1), n = (size_t)r->width * r->height;
    size_t i;
    for (i = 0; i < n; i++) {
        memcpy(p[1].to + i * p->step, p->to + i * p->step, size);
        memcpy(p[2].to + i * p->step, p->to + i * p->step, size);
    }
}

/* DWA is left to OpenEXR's C++ library, as its C library has it only from 3.1.6 on. */
static int undo_dwa(exr_reader *r, char reason[REASON]) {
    dwa_plane planes[4];
    char said[REASON] = "";
    int i, count = 0;
    for (i = 0; i < r->plane_count; i++) {
        const plane *p = &r->planes[i];
        dwa_plane *d = &planes[count];
        if (i && p->channel == p[-1].channel) continue; /* a grey picture's, which is spread below */
        d->channel = r->list->entries[p->channel].name.str;
        d->half = p->type == GMLP_F16;
        d->sampling = (int)p->sampling;
        d->to = p->to;
        d->step = p->step;
        d->row = p->row;
        count++;
    }
    if (exr_undo_dwa(r->in.bytes, r->in.size, r->part, planes, count, said, sizeof said)) {
        plain_text(said);
        snprintf(reason, REASON, "EXR: DWA compression: %.130s", said);
        return -1;
    }
    if (r->color[0] == r->color[1]) spread(r);
    return 0;
}

/* Luminance and chroma: RY = (R - Y) / Y and BY = (B - Y) / Y, of which the file holds every second one each way. Those
   between come from the 14 nearest by the filter that OpenEXR lays down for it; its own reader also tones down pixels
   that become more colourful than those around them, which is left out here. */

static float between(const float *v, uint32_t i, uint32_t n, size_t step) {
    static const float taps[7] = { 0.627123f, -0.186077f, 0.087929f, -0.043159f, 0.019597f, -0.007540f, 0.002128f };
    float sum = 0;
    uint32_t k;
    for (k = 0; k < 7; k++) {
        const uint32_t below = i > k ? i - k : 0, above = smaller(i + 1 + k, n - 1);
        sum += taps[k] * (v[below * step] + v[above * step]);
    }
    return sum;
}

/* One row of RY or BY in full; column is memory for its samples. */
static void chroma_row(const float *v, uint32_t width, uint32_t height, uint32_t sampling, uint32_t y, float *column,
                       float *to) {
    const uint32_t n = width / sampling;
    uint32_t x;
    for (x = 0; x < n; x++)
        column[x] = y % sampling ? between(v + x, y / 2, height / 2, n) : v[(size_t)(y / sampling) * n + x];
    for (x = 0; x < width; x++) to[x] = x % sampling ? between(column, x / 2, n, 1) : column[x / sampling];
}

/* image has Y in the place of R. */
static int chroma_to_rgb(const exr_reader *r, const gmlp_image *image, char reason[REASON]) {
    const uint32_t s = r->planes[1].sampling;
    float *rows = (float *)malloc((size_t)r->width * 3 * sizeof *rows), *ry = rows, *by;
    uint32_t x, y;
    int c;
    if (!rows) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
    by = rows + r->width;
    for (y = 0; y < r->height; y++) {
        chroma_row((const float *)(void *)r->planes[1].to, r->width, r->height, s, y, by + r->width, ry);
        chroma_row((const float *)(void *)r->planes[2].to, r->width, r->height, s, y, by + r->width, by);
        for (x = 0; x < r->width; x++) {
            const size_t at = ((size_t)y * r->width + x) * 3;
            const float v = image->type == GMLP_F16 ? gmlp_half_to_float(((uint16_t *)image->data)[at])
                                                     : ((float *)image->data)[at];
            float rgb[3];
            rgb[0] = (ry[x] + 1) * v;
            rgb[2] = (by[x] + 1) * v;
            rgb[1] = (v - rgb[0] * r->weights[0] - rgb[2] * r->weights[2]) / r->weights[1];
            for (c = 0; c < 3; c++)
                if (image->type == GMLP_F16) ((uint16_t *)image->data)[at + (size_t)c] = gmlp_half_from_float(rgb[c]);
                else ((float *)image->data)[at + (size_t)c] = rgb[c];
        }
    }
    free(rows);
    return 0;
}

static void add_plane(exr_reader *r, int channel, int type, void *to, size_t step, size_t row) {
    plane *p = &r->planes[r->plane_count++];
    p->channel = channel;
    p->type = type;
    p->sampling = (uint32_t)r->list->entries[channel].x_sampling;
    p->to = (uint8_t *)to;
    p->step = step;
    p->row = row;
}

static int read_pixels(exr_reader *r, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    const exr_attr_chlist_entry_t *e = r->list->entries;
    const uint64_t count = (uint64_t)r->columns * r->rows;
    const size_t pixels = (size_t)r->width * r->height;
    uint8_t *alpha = NULL;
    float *chroma = NULL;
    chunk found;
    uint64_t i, given = 0;
    size_t size, n;
    int c, half = r->alpha < 0 || e[r->alpha].pixel_type == EXR_PIXEL_HALF, bad = 0;
    for (c = 0; c < 3; c++) half &= e[r->color[c]].pixel_type == EXR_PIXEL_HALF;
    image->width = r->width;
    image->height = r->height;
    image->type = half ? GMLP_F16 : GMLP_F32;
    size = gmlp_pixel_size(image->type, 1);
    if (image_allocate(image, reason)) return -1;
    if (r->alpha >= 0) alpha = (uint8_t *)malloc(pixels * size);
    if (r->chroma) chroma = (float *)malloc(pixels * 2 * sizeof *chroma);
    if ((r->alpha >= 0 && !alpha) || (r->chroma && !chroma)) {
        snprintf(reason, REASON, "%u x %u pixels are too many for the memory", r->width, r->height);
        bad = 1;
    }
    for (c = 0; c < 3 && !bad; c++)
        if (r->chroma && c) add_plane(r, r->color[c], GMLP_F32, chroma + (size_t)(c - 1) * pixels, sizeof *chroma,
                                      r->width / (uint32_t)e[r->color[c]].x_sampling * sizeof *chroma);
        else
            add_plane(r, r->color[c], image->type, (uint8_t *)image->data + (size_t)c * size, 3 * size,
                      r->width * 3 * size);
    if (alpha && !bad) add_plane(r, r->alpha, image->type, alpha, size, r->width * size);
    if (!bad && is_dwa(r->compression)) bad = undo_dwa(r, reason);
    else for (i = 0; i < count && !bad; i++) {
        apart_done_with(r->in.bytes, &given, r->first[i]);
        bad = find_chunk(r, i, &found, reason) || decode_chunk(r, &found, reason);
    }
    if (!bad && r->chroma) bad = chroma_to_rgb(r, image, reason);
    for (n = 0; n < pixels && alpha && !bad; n++) {
        const float share = half ? gmlp_half_to_float(((uint16_t *)(void *)alpha)[n]) : ((float *)(void *)alpha)[n];
        if (share == 1) continue;
        bad = alpha_allocate(facts, image, reason);
        if (!bad) alpha_codes(image->type, alpha, pixels, facts->alpha);
        alpha_divide(image->type, image->data, alpha, pixels);
        break;
    }
    free(alpha);
    free(chroma);
    return bad ? -1 : 0;
}

int exr_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *color, char reason[REASON]) {
    exr_context_initializer_t with = EXR_DEFAULT_CONTEXT_INITIALIZER;
    exr_reader r;
    int bad;
    memset(&r, 0, sizeof r);
    r.in.bytes = bytes;
    r.in.size = size;
    with.error_handler_fn = hear;
    with.user_data = &r.in;
    with.read_fn = read_bytes;
    with.size_fn = size_of_bytes;
    bad = check_headers(&r.in, reason) || failed(exr_start_read(&r.context, "EXR", &with), r.in.said, reason) ||
          find_picture(&r, color, reason) || find_layout(&r, color, reason) || check_channels(&r, color, reason) ||
          read_color(&r, color, reason) || check_chunks(&r, reason) || read_pixels(&r, image, color, reason);
    exr_finish(&r.context);
    free(r.first);
    return bad ? -1 : 0;
}

/* Writing: ZIP, whose chunks are 16 rows. */

#define BLOCK_ROWS 16

typedef struct exr_sink {
    char said[REASON]; /* first: what hear() finds */
    picture_sink base;
    exr_context_t context;
    uint8_t *block;
    uint32_t held, done; /* rows in block, and written */
    uint64_t position;
    int error; /* errno of a failed write */
} exr_sink;

static exr_sink *sink_of(picture_sink *base) { return (exr_sink *)(void *)((char *)base - offsetof(exr_sink, base)); }

static int64_t write_bytes(exr_const_context_t context, void *user, const void *from, uint64_t n, uint64_t offset,
                           exr_stream_error_func_ptr_t error) {
    exr_sink *s = (exr_sink *)user;
    (void)context;
    (void)error;
    errno = 0;
    if ((s->position != offset && fseeko(s->base.file, (off_t)offset, SEEK_SET)) ||
        fwrite(from, 1, (size_t)n, s->base.file) != n) {
        s->error = errno ? errno : EIO;
        return -1;
    }
    s->position = offset + n;
    return (int64_t)n;
}

static void leave_file_open(exr_const_context_t context, void *user, int bad) {
    (void)context;
    (void)user;
    (void)bad;
}

static int sink_failed(exr_sink *s, exr_result_t status, char reason[REASON]) {
    if (!s->error) return failed(status, s->said, reason);
    errno = s->error;
    write_reason(reason);
    return -1;
}

static exr_result_t write_block(exr_sink *s) {
    const size_t channels = s->base.like.channels == 4 ? 4 : 3, size = gmlp_pixel_size(s->base.like.type, 1);
    const size_t row = (size_t)s->base.like.width * channels * size;
    exr_encode_pipeline_t encode = EXR_ENCODE_PIPELINE_INITIALIZER;
    exr_chunk_info_t info;
    exr_result_t status = exr_write_scanline_chunk_info(s->context, 0, (int)s->done, &info);
    int i;
    if (status == EXR_ERR_SUCCESS) status = exr_encoding_initialize(s->context, 0, &info, &encode);
    for (i = 0; status == EXR_ERR_SUCCESS && i < encode.channel_count; i++) { /* A, B, G, R: by their names */
        encode.channels[i].encode_from_ptr = s->block + (channels - 1 - (size_t)i) * size;
        encode.channels[i].user_pixel_stride = (int32_t)(channels * size);
        encode.channels[i].user_line_stride = (int32_t)row;
    }
    if (status == EXR_ERR_SUCCESS) status = exr_encoding_choose_default_routines(s->context, 0, &encode);
    if (status == EXR_ERR_SUCCESS) status = exr_encoding_run(s->context, 0, &encode);
    if (encode.context) exr_encoding_destroy(s->context, &encode);
    s->done += s->held;
    s->held = 0;
    return status;
}

static int exr_sink_rows(picture_sink *base, const uint8_t *rows, uint32_t count, char reason[REASON]) {
    exr_sink *s = sink_of(base);
    const size_t row = (size_t)base->like.width * gmlp_pixel_size(base->like.type, base->like.channels);
    while (count) {
        const uint32_t n = smaller(count, BLOCK_ROWS - s->held);
        memcpy(s->block + s->held * row, rows, n * row);
        if (base->like.channels == 4)
            alpha_multiply(base->like.type, s->block + s->held * row, (size_t)n * base->like.width);
        rows += n * row;
        count -= n;
        s->held += n;
        if ((s->held == BLOCK_ROWS || s->done + s->held == base->like.height) && sink_failed(s, write_block(s), reason))
            return -1;
    }
    return 0;
}

static int exr_sink_end(picture_sink *base, int failed_before, char reason[REASON]) {
    exr_sink *s = sink_of(base);
    int bad = sink_failed(s, exr_finish(&s->context), reason) || failed_before;
    free(s->block);
    free(s);
    return bad ? -1 : 0;
}

static exr_result_t write_header(exr_sink *s) {
    const gmlp_image *like = &s->base.like;
    const exr_pixel_type_t type = like->type == GMLP_F16 ? EXR_PIXEL_HALF : EXR_PIXEL_FLOAT;
    static const char *const names[] = { "A", "B", "G", "R" };
    exr_attr_chromaticities_t c;
    double xy[8];
    exr_result_t status;
    int i;
    xy_of_space(like->space, xy);
    c.red_x = (float)xy[0];
    c.red_y = (float)xy[1];
    c.green_x = (float)xy[2];
    c.green_y = (float)xy[3];
    c.blue_x = (float)xy[4];
    c.blue_y = (float)xy[5];
    c.white_x = (float)xy[6];
    c.white_y = (float)xy[7];
    status = exr_add_part(s->context, NULL, EXR_STORAGE_SCANLINE, NULL);
    if (status == EXR_ERR_SUCCESS)
        status = exr_initialize_required_attr_simple(s->context, 0, (int32_t)like->width, (int32_t)like->height,
                                                     EXR_COMPRESSION_ZIP);
    for (i = like->channels == 4 ? 0 : 1; status == EXR_ERR_SUCCESS && i < 4; i++)
        status = exr_add_channel(s->context, 0, names[i], type,
                                 i ? EXR_PERCEPTUALLY_LOGARITHMIC : EXR_PERCEPTUALLY_LINEAR, 1, 1);
    if (status == EXR_ERR_SUCCESS) status = exr_attr_set_chromaticities(s->context, 0, "chromaticities", &c);
    return status == EXR_ERR_SUCCESS ? exr_write_header(s->context) : status;
}

picture_sink *exr_sink_open(FILE *file, const gmlp_image *like, const picture_write_opts *opts, const uint8_t *icc,
                            size_t icc_size, char reason[REASON]) {
    exr_context_initializer_t with = EXR_DEFAULT_CONTEXT_INITIALIZER;
    exr_sink *s = (exr_sink *)calloc(1, sizeof *s);
    exr_result_t status;
    (void)opts;
    (void)icc;
    (void)icc_size;
    if (s) s->block = (uint8_t *)malloc((size_t)like->width * gmlp_pixel_size(like->type, like->channels) * BLOCK_ROWS);
    if (!s || !s->block) {
        free(s);
        snprintf(reason, REASON, "out of memory");
        return NULL;
    }
    s->base.rows = exr_sink_rows;
    s->base.end = exr_sink_end;
    s->base.file = file;
    s->base.like = *like;
    with.error_handler_fn = hear;
    with.user_data = s;
    with.write_fn = write_bytes;
    with.destroy_fn = leave_file_open;
    with.alloc_fn = memory_or_end; /* it does not look at all of what it gets */
    with.free_fn = free;
    with.zip_level = 4; /* OpenEXR's own choice now; 6 is 1 % smaller and takes half as long again */
    status = exr_start_write(&s->context, "EXR", EXR_WRITE_FILE_DIRECTLY, &with);
    if (status == EXR_ERR_SUCCESS) status = write_header(s);
    if (!sink_failed(s, status, reason)) return &s->base;
    exr_finish(&s->context);
    free(s->block);
    free(s);
    return NULL;
}

#endif
