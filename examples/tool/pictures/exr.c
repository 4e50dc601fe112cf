#include <stdlib.h>
#include <string.h>

#include <tinyexr.h>

#include "pictures/formats.h"

static int exr_failed(int status, const char *text, char *reason) {
    if (status == TINYEXR_SUCCESS) return 0;
    snprintf(reason, REASON, "EXR: %s", text ? text : "cannot be read");
    if (text) FreeEXRErrorMessage(text);
    return -1;
}

/* Index of R, G or B; of Y when the picture is grey; -1 if it is not there. */
static int find_channel(const EXRHeader *header, const char *name) {
    int i;
    for (i = 0; i < header->num_channels; i++)
        if (!strcmp(header->channels[i].name, name)) return i;
    return -1;
}

static int exr_channels(const EXRHeader *header, int channel[3], char *reason) {
    static const char *const names[3] = { "R", "G", "B" };
    int c;
    for (c = 0; c < 3; c++) channel[c] = find_channel(header, names[c]);
    if (channel[0] < 0 && channel[1] < 0 && channel[2] < 0 && find_channel(header, "RY") < 0)
        channel[0] = channel[1] = channel[2] = find_channel(header, "Y");
    for (c = 0; c < 3; c++) {
        if (channel[c] < 0) {
            snprintf(reason, REASON, "EXR: has neither channels R, G, B nor a single Y");
            return -1;
        }
        if (header->pixel_types[channel[c]] == TINYEXR_PIXELTYPE_UINT) {
            snprintf(reason, REASON, "EXR: integer channels are not supported; half and float are");
            return -1;
        }
    }
    for (c = 0; c < header->num_channels; c++)
        if (header->channels[c].x_sampling != 1 || header->channels[c].y_sampling != 1) {
            snprintf(reason, REASON, "EXR: subsampled channels are not supported");
            return -1;
        }
    return 0;
}

static float load_float(const uint8_t *p) {
    const uint32_t u = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    float v;
    memcpy(&v, &u, 4);
    return v;
}

static void exr_color(const EXRHeader *header, picture_facts *color) {
    int i, k;
    color->gamma = 1;
    for (i = 0; i < header->num_custom_attributes; i++) {
        const EXRAttribute *a = &header->custom_attributes[i];
        if (strcmp(a->name, "chromaticities") || a->size != 32) continue;
        for (k = 0; k < 8; k++) color->xy[k] = (double)load_float(a->value + 4 * k);
        color->has_xy = 1;
    }
}

static void copy_samples(const gmlp_image *image, const EXRImage *exr, const EXRHeader *header, const int channel[3]) {
    const size_t size = gmlp_type_size(image->type), pixels = (size_t)image->width * image->height;
    uint8_t *to = (uint8_t *)image->data;
    size_t i;
    int c, t, x, y;
    if (!header->tiled) {
        for (i = 0; i < pixels; i++)
            for (c = 0; c < 3; c++, to += size) memcpy(to, exr->images[channel[c]] + i * size, size);
        return;
    }
    for (t = 0; t < exr->num_tiles; t++) {
        const EXRTile *tile = &exr->tiles[t];
        for (y = 0; y < tile->height; y++)
            for (x = 0; x < tile->width; x++) {
                const int64_t px = (int64_t)tile->offset_x * header->tile_size_x + x;
                const int64_t py = (int64_t)tile->offset_y * header->tile_size_y + y;
                const size_t from = (size_t)x + (size_t)y * (size_t)header->tile_size_x;
                if (px < 0 || py < 0 || px >= image->width || py >= image->height) continue;
                to = (uint8_t *)image->data + ((size_t)py * image->width + (size_t)px) * 3 * size;
                for (c = 0; c < 3; c++) memcpy(to + (size_t)c * size, tile->images[channel[c]] + from * size, size);
            }
    }
}

static int exr_pixels(EXRHeader *header, const uint8_t *bytes, size_t size, gmlp_image *image, char *reason) {
    EXRImage exr;
    const char *text = NULL;
    int channel[3], c, half = 1, bad;
    const int64_t width = (int64_t)header->data_window.max_x - header->data_window.min_x + 1;
    const int64_t height = (int64_t)header->data_window.max_y - header->data_window.min_y + 1;
    if (header->non_image || header->multipart) {
        snprintf(reason, REASON, "EXR: deep and multi-part files are not supported");
        return -1;
    }
    if (exr_channels(header, channel, reason)) return -1;
    if (width < 1 || height < 1 || width > (int64_t)GMLP_MAX_SIZE || height > (int64_t)GMLP_MAX_SIZE) {
        snprintf(reason, REASON, "EXR: %lld x %lld pixels; at most %u x %u are supported", (long long)width, (long long)height,
                 GMLP_MAX_SIZE, GMLP_MAX_SIZE);
        return -1;
    }
    /* a chunk holds at most 32 rows and has an offset of 8 bytes */
    if (!header->tiled && (uint64_t)height / 32 > size / 8) {
        snprintf(reason, REASON, "EXR: the file is too short for its size in pixels");
        return -1;
    }
    for (c = 0; c < 3; c++) half &= header->pixel_types[channel[c]] == TINYEXR_PIXELTYPE_HALF;
    for (c = 0; c < header->num_channels; c++)
        if (header->pixel_types[c] == TINYEXR_PIXELTYPE_HALF)
            header->requested_pixel_types[c] = half ? TINYEXR_PIXELTYPE_HALF : TINYEXR_PIXELTYPE_FLOAT;
    image->width = (uint32_t)width;
    image->height = (uint32_t)height;
    image->type = half ? GMLP_HALF : GMLP_FLOAT;
    if (image_allocate(image, reason)) return -1;
    InitEXRImage(&exr);
    exr.num_channels = header->num_channels; /* else a failed load frees no channel */
    if (exr_failed(LoadEXRImageFromMemory(&exr, header, bytes, size, &text), text, reason)) return -1;
    bad = header->tiled ? !exr.tiles : !exr.images || exr.width != width || exr.height != height;
    if (bad) snprintf(reason, REASON, "EXR: the pixels end too early");
    else copy_samples(image, &exr, header, channel);
    FreeEXRImage(&exr);
    return bad ? -1 : 0;
}

int exr_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *color, char reason[REASON]) {
    EXRVersion version;
    EXRHeader header;
    const char *text = NULL;
    int bad;
    if (exr_failed(ParseEXRVersionFromMemory(&version, bytes, size), NULL, reason)) return -1;
    InitEXRHeader(&header);
    bad = exr_failed(ParseEXRHeaderFromMemory(&header, &version, bytes, size, &text), text, reason) ||
          exr_pixels(&header, bytes, size, image, reason);
    if (!bad) exr_color(&header, color);
    FreeEXRHeader(&header);
    return bad ? -1 : 0;
}

/* Writing: the planes are gathered, as tinyexr writes whole pictures. */

typedef struct exr_sink {
    picture_sink base;
    uint8_t *planes; /* B, G, R: the format wants them in the order of their names */
    uint32_t done;
} exr_sink;

static int exr_sink_rows(picture_sink *base, const uint8_t *rows, uint32_t count, char reason[REASON]) {
    exr_sink *s = (exr_sink *)(void *)base;
    const size_t size = gmlp_type_size(base->like.type), pixels = (size_t)base->like.width * base->like.height;
    const size_t first = (size_t)s->done * base->like.width, n = (size_t)count * base->like.width;
    size_t i, c;
    (void)reason;
    for (i = 0; i < n; i++)
        for (c = 0; c < 3; c++, rows += size) memcpy(s->planes + ((2 - c) * pixels + first + i) * size, rows, size);
    s->done += count;
    return 0;
}

static int exr_save(exr_sink *s, char reason[REASON]) {
    static const char names[3] = { 'B', 'G', 'R' };
    const gmlp_image *like = &s->base.like;
    const size_t plane = (size_t)like->width * like->height * gmlp_type_size(like->type);
    const int type = like->type == GMLP_HALF ? TINYEXR_PIXELTYPE_HALF : TINYEXR_PIXELTYPE_FLOAT;
    EXRHeader header;
    EXRImage image;
    EXRChannelInfo channels[3];
    EXRAttribute attribute;
    int types[3], i;
    unsigned char *planes[3], xy_bytes[32], *file = NULL;
    double xy[8];
    const char *text = NULL;
    size_t n;
    InitEXRHeader(&header);
    InitEXRImage(&image);
    memset(channels, 0, sizeof channels);
    memset(&attribute, 0, sizeof attribute);
    for (i = 0; i < 3; i++) {
        channels[i].name[0] = names[i];
        types[i] = type;
        planes[i] = s->planes + (size_t)i * plane;
    }
    xy_of_space(like->space, xy);
    for (i = 0; i < 8; i++) {
        const float v = (float)xy[i];
        uint32_t u;
        memcpy(&u, &v, 4);
        xy_bytes[4 * i] = (unsigned char)u;
        xy_bytes[4 * i + 1] = (unsigned char)(u >> 8);
        xy_bytes[4 * i + 2] = (unsigned char)(u >> 16);
        xy_bytes[4 * i + 3] = (unsigned char)(u >> 24);
    }
    strcpy(attribute.name, "chromaticities");
    strcpy(attribute.type, "chromaticities");
    attribute.value = xy_bytes;
    attribute.size = 32;
    header.num_channels = image.num_channels = 3;
    header.channels = channels;
    header.pixel_types = header.requested_pixel_types = types;
    header.compression_type = TINYEXR_COMPRESSIONTYPE_ZIP;
    header.num_custom_attributes = 1;
    header.custom_attributes = &attribute;
    image.images = planes;
    image.width = (int)like->width;
    image.height = (int)like->height;
    n = SaveEXRImageToMemory(&image, &header, &file, &text);
    if (!n) {
        snprintf(reason, REASON, "EXR: %s", text ? text : "cannot be made");
        if (text) FreeEXRErrorMessage(text);
        return -1;
    }
    i = fwrite(file, 1, n, s->base.file) == n ? 0 : -1;
    if (i) write_reason(reason);
    free(file);
    return i;
}

static int exr_sink_end(picture_sink *base, int failed, char reason[REASON]) {
    exr_sink *s = (exr_sink *)(void *)base;
    if (!failed) failed = exr_save(s, reason);
    free(s->planes);
    free(s);
    return failed ? -1 : 0;
}

picture_sink *exr_sink_open(FILE *file, const gmlp_image *like, const picture_write_opts *opts, const uint8_t *icc,
                            size_t icc_size, char reason[REASON]) {
    exr_sink *s = (exr_sink *)calloc(1, sizeof *s);
    (void)opts;
    (void)icc;
    (void)icc_size;
    if (s) s->planes = (uint8_t *)malloc((size_t)like->width * like->height * 3 * gmlp_type_size(like->type));
    if (!s || !s->planes) {
        free(s);
        snprintf(reason, REASON, "out of memory");
        return NULL;
    }
    s->base.rows = exr_sink_rows;
    s->base.end = exr_sink_end;
    s->base.file = file;
    s->base.like = *like;
    return &s->base;
}
