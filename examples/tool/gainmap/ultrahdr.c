#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "gainmap/items.h"
#include "gainmap/ultrahdr.h"
#include "pictures/formats.h"
#include "shell/files.h"
#include "shell/messages.h"

#define OFFSET 0.015625 /* keeps the gain of black finite; the format's own default */

/* Reading. */

/* What there is to apply. */
typedef struct gain_map {
    picture image;
    ultrahdr_metadata metadata;
    int space;    /* in whose primaries the formula holds */
    int centred;  /* samples stand for the middle of their block; else, as libultrahdr has it, for its first pixel */
    float *value; /* of each code, 0..1 */
} gain_map;

/* A row or column of the picture between two of the map; the last one holds to the edge. */
typedef struct position {
    uint32_t low, high;
    float to_low, to_high; /* distances, squared unless the map is centred */
} position;

static position position_of(const gain_map *m, uint32_t i, uint32_t count, uint32_t map_count) {
    const double scale = (double)map_count / count;
    const double at =
        m->centred ? fmin(fmax((i + 0.5) * scale - 0.5, 0), map_count - 1) : (double)i * map_count / count;
    position p;
    p.low = (uint32_t)at < map_count ? (uint32_t)at : map_count - 1;
    p.high = p.low + 1 < map_count ? p.low + 1 : p.low;
    p.to_low = (float)(at - p.low);
    p.to_high = (float)(m->centred ? 1 - (at - p.low) : at - p.high);
    if (!m->centred) {
        p.to_low *= p.to_low;
        p.to_high *= p.to_high;
    }
    return p;
}

static float value_at(const gain_map *m, uint32_t x, uint32_t y, int c) {
    const size_t i = ((size_t)y * m->image.image.width + x) * 3 + (size_t)c;
    const void *codes = m->image.image.data;
    return m->value[m->image.image.type == GMLP_U8 ? ((const uint8_t *)codes)[i] : ((const uint16_t *)codes)[i]];
}

/* Of the four samples around, bilinear, or by libultrahdr's inverse distances (Shepard). */
static void sample_map(const gain_map *m, const position *x, const position *y, float out[3]) {
    float distance[4], weight[4], sum = 0;
    int i, c;
    distance[0] = x->to_low + y->to_low;
    distance[1] = x->to_high + y->to_low;
    distance[2] = x->to_low + y->to_high;
    distance[3] = x->to_high + y->to_high;
    for (i = 0; i < 4; i++)
        if (m->centred) weight[i] = (i & 1 ? x->to_low : x->to_high) * (i & 2 ? y->to_low : y->to_high);
        else if (distance[i] > 0) weight[i] = 1 / sqrtf(distance[i]);
        else {
            for (c = 0; c < 3; c++) out[c] = value_at(m, i & 1 ? x->high : x->low, i & 2 ? y->high : y->low, c);
            return;
        }
    for (i = 0; i < 4; i++) sum += weight[i];
    for (c = 0; c < 3; c++) {
        float v = 0;
        for (i = 0; i < 4; i++) v += weight[i] * value_at(m, i & 1 ? x->high : x->low, i & 2 ? y->high : y->low, c);
        out[c] = v / sum;
    }
}

/* By the camera's curve, as Apple has it, not by that of displays (BT.1886). */
static double light_of_bt709(double code) { return code < 0.081 ? code / 4.5 : pow((code + 0.099) / 1.099, 1 / 0.45); }

static int make_values(gain_map *m) {
    const int codes = m->image.image.type == GMLP_U8 ? 256 : 65536;
    int i;
    m->value = (float *)malloc((size_t)codes * sizeof *m->value);
    for (i = 0; m->value && i < codes; i++) {
        const double code = (double)i / (codes - 1);
        m->value[i] = (float)(m->metadata.apple ? light_of_bt709(code) : code);
    }
    return m->value ? 0 : -1;
}

static int apply_map(const gain_map *map, double weight, gmlp_image *hdr) {
    const ultrahdr_metadata *m = &map->metadata;
    const float apple = (float)(exp2(weight * m->headroom_alternate) - 1);
    position *columns = (position *)malloc(hdr->width * sizeof *columns);
    float low[3], range[3], power[3], base[3], alternate[3];
    uint32_t x, y;
    int c;
    if (!columns) return -1;
    for (c = 0; c < 3; c++) {
        low[c] = (float)(m->gain_min[c] * weight);
        range[c] = (float)((m->gain_max[c] - m->gain_min[c]) * weight);
        power[c] = (float)(1 / m->gamma[c]);
        base[c] = (float)m->offset_base[c];
        alternate[c] = (float)m->offset_alternate[c];
    }
    for (x = 0; x < hdr->width; x++) columns[x] = position_of(map, x, hdr->width, map->image.image.width);
    for (y = 0; y < hdr->height; y++) {
        const position row = position_of(map, y, hdr->height, map->image.image.height);
        float *p = (float *)hdr->data + (size_t)y * hdr->width * 3;
        for (x = 0; x < hdr->width; x++, p += 3) {
            float g[3];
            sample_map(map, &columns[x], &row, g);
            for (c = 0; c < 3; c++) {
                const float gain = power[c] == 1 ? g[c] : powf(g[c], power[c]);
                if (m->apple) p[c] *= 1 + apple * g[c];
                else p[c] = (p[c] + base[c]) * exp2f(low[c] + range[c] * gain) - alternate[c];
            }
        }
    }
    free(columns);
    return 0;
}

/* The base's light, in the primaries in which the gain applies. Where the codes are a JPEG's own they are taken before
   their rounding to 8 bits, which libultrahdr leaves out too. */
static int linear_base(const void *bytes, size_t size, const gmlp_image *base, int space, gmlp_image *out,
                       char reason[REASON]) {
    gmlp_image codes = *base;
    gmlp_result r;
    int bad = 0;
    memset(out, 0, sizeof *out);
    if (base->type == GMLP_U8 && gmlp_container_kind(bytes, size) == GMLP_CONTAINER_JPEG) {
        bad = jpeg_load_float((const uint8_t *)bytes, size, &codes, reason);
        if (!bad) *out = codes;
    } else {
        out->width = base->width;
        out->height = base->height;
        out->type = GMLP_F32;
        bad = image_allocate(out, reason);
    }
    out->space = picture_linear_space(space);
    r = bad ? GMLP_OK : gmlp_convert(&codes, out, NULL);
    if (r) snprintf(reason, REASON, "%s", gmlp_result_string(r));
    return bad || r ? -1 : 0;
}

static void parse_reason(const gmlp_error *err, char reason[REASON]) {
    snprintf(reason, REASON, "%s (at byte %lu)", err->text, (unsigned long)err->offset);
}

static int parse_error(const gmlp_error *err, const char *name, char error[256]) {
    char reason[REASON];
    parse_reason(err, reason);
    error_text(error, name, "%s", reason);
    return -1;
}

/* Base and map of a JPEG file; base_size: of its first picture. */
static int read_jpeg(const uint8_t *bytes, size_t size, const char *name, picture *base, size_t *base_size, gain_map *m,
                     char error[256]) {
    ultrahdr_parts parts;
    gmlp_error err;
    const uint8_t *at;
    if (ultrahdr_parse(bytes, size, &parts, &err)) return parse_error(&err, name, error);
    at = bytes + parts.map_offset;
    *base_size = parts.base_size;
    m->metadata = parts.metadata;
    m->centred = parts.metadata.apple;
    if (picture_read_memory(bytes, parts.base_size, name, GMLP_SPACE_NONE, base, error)) return -1;
    m->space = base->image.space;
    if (parts.metadata.map_space) { /* only its profile is of use here: a conversion would spoil the codes */
        if (picture_read_memory(at, parts.map_size, name, GMLP_SPACE_NONE, &m->image, error)) return -1;
        if (!strcmp(m->image.space_from, "ICC profile")) m->space = m->image.image.space;
        picture_free(&m->image);
    }
    return picture_read_memory(at, parts.map_size, name, GMLP_SRGB, &m->image, error);
}

static int space_of_primaries(int primaries) {
    return primaries == 1    ? GMLP_SRGB_LINEAR
           : primaries == 9  ? GMLP_REC2020_LINEAR
           : primaries == 12 ? GMLP_P3_LINEAR
                             : GMLP_SPACE_NONE;
}

/* The same of a HEIC or AVIF file. */
static int read_heif(const uint8_t *bytes, size_t size, const char *name, picture *base, gain_map *m, char error[256]) {
    const metadata_block *exif = &base->metadata.blocks[METADATA_EXIF];
    heif_parts parts;
    slice block;
    gmlp_error err;
    uint8_t *copy;
    int bad;
    if (heif_parse(bytes, size, &parts, &err)) return parse_error(&err, name, error);
    if (picture_read_memory(bytes, size, name, GMLP_SPACE_NONE, base, error)) return -1;
    block.p = (const char *)(const void *)exif->bytes;
    block.n = exif->size;
    if (parts.metadata.apple && metadata_of_apple(bytes, parts.packet, block, &parts.metadata, &err))
        return parse_error(&err, name, error);
    m->metadata = parts.metadata;
    m->centred = 1;
    m->space = parts.metadata.map_space ? space_of_primaries(parts.primaries) : base->image.space;
    if (m->space == GMLP_SPACE_NONE) {
        error_text(error, name, "its gain map applies in a colour space that is not known");
        return -1;
    }
    copy = heif_of_map(bytes, size, &parts);
    if (!copy) {
        error_text(error, name, "out of memory");
        return -1;
    }
    bad = picture_read_memory(copy, size, name, GMLP_SRGB, &m->image, error);
    free(copy);
    return bad;
}

int ultrahdr_read_memory(const void *bytes, size_t size, const char *name, double headroom, ultrahdr_picture *out,
                         char error[256]) {
    const uint8_t *file = (const uint8_t *)bytes;
    size_t base_size = size;
    char reason[REASON] = "out of memory";
    gain_map m;
    int bad;
    memset(out, 0, sizeof *out);
    memset(&m, 0, sizeof m);
    if (gmlp_container_kind(bytes, size) == GMLP_CONTAINER_JPEG)
        bad = read_jpeg(file, size, name, &out->base, &base_size, &m, error);
    else if (heif_name(file, size)) bad = read_heif(file, size, name, &out->base, &m, error);
    else {
        const char *foreign = foreign_format(file, size);
        error_text(error, name, "is %s%snot a JPEG, HEIC or AVIF picture with a gain map", foreign ? foreign : "",
                   foreign ? ", " : "");
        return -1;
    }
    if (!bad) {
        out->metadata = m.metadata;
        out->map_width = m.image.image.width;
        out->map_height = m.image.image.height;
        bad = make_values(&m) || linear_base(bytes, base_size, &out->base.image, m.space, &out->hdr, reason) ||
              apply_map(&m, ultrahdr_weight(&m.metadata, headroom), &out->hdr);
        if (bad) error_text(error, name, "%s", reason);
    }
    picture_free(&m.image);
    free(m.value);
    if (bad) ultrahdr_free(out);
    return bad ? -1 : 0;
}

int ultrahdr_read(const char *path, double headroom, ultrahdr_picture *out, char error[256]) {
    uint8_t *bytes;
    size_t size;
    int bad;
    memset(out, 0, sizeof *out);
    if (file_read(path, &bytes, &size, error)) return -1;
    bad = ultrahdr_read_memory(bytes, size, path, headroom, out, error);
    free(bytes);
    return bad;
}

void ultrahdr_free(ultrahdr_picture *p) {
    picture_free(&p->base);
    free(p->hdr.data);
    memset(p, 0, sizeof *p);
}

int ultrahdr_base(const void *bytes, size_t size, const char *name, uint8_t **base, size_t *base_size,
                  char error[256]) {
    gmlp_error err;
    return ultrahdr_part(bytes, size, base, base_size, &err) ? parse_error(&err, name, error) : 0;
}

/* Writing. */

#define BRIGHTEST 65504.0f /* over SDR white; a half's largest */

/* The map before its codes: means of log2 gains over blocks of pixels. Viewers on screens take a sample for its block's
   middle, libultrahdr for its first pixel, although it makes maps of blocks too. */
typedef struct gains {
    float *mean;
    uint32_t width, height;
    int channels;
} gains;

static float stops(float sdr, float hdr) {
    return log2f((fminf(fmaxf(hdr, 0), BRIGHTEST) + (float)OFFSET) / (fmaxf(sdr, 0) + (float)OFFSET));
}

struct ultrahdr_making {
    ultrahdr_write_opts opts;
    const void *base;
    size_t base_size;
    picture_rows *rows; /* of the base's codes */
    gmlp_image like, light; /* the HDR picture; linear floats in the base's primaries */
    int space;          /* of the base's codes */
    float *sdr, *hdr;   /* a row of each */
    gains gains;        /* sums so far */
    double to_xyz[9];
    uint32_t y;
};

static gmlp_image one_row(const gmlp_image *like, const void *data) {
    gmlp_image row = *like;
    row.data = (void *)(uintptr_t)data; /* of what is read only, too */
    row.height = 1;
    row.stride = 0;
    return row;
}

static void add_gains(ultrahdr_making *m) {
    const uint32_t scale = (uint32_t)m->opts.scale;
    const double *t = m->to_xyz;
    gains *g = &m->gains;
    uint32_t x, k;
    for (x = 0; x < m->light.width; x++) {
        const float *s = m->sdr + (size_t)x * 3, *h = m->hdr + (size_t)x * 3;
        float *mean = g->mean + ((size_t)(m->y / scale) * g->width + x / scale) * (size_t)g->channels;
        if (g->channels == 1)
            mean[0] += stops((float)(t[3] * (double)s[0] + t[4] * (double)s[1] + t[5] * (double)s[2]),
                             (float)(t[3] * (double)h[0] + t[4] * (double)h[1] + t[5] * (double)h[2]));
        else
            for (k = 0; k < 3; k++) mean[k] += stops(s[k], h[k]);
    }
}

static void divide_gains(ultrahdr_making *m) {
    const uint32_t scale = (uint32_t)m->opts.scale, width = m->light.width, height = m->light.height;
    gains *g = &m->gains;
    float *mean = g->mean;
    uint32_t x, y;
    int k;
    for (y = 0; y < g->height; y++)
        for (x = 0; x < g->width; x++) {
            const uint32_t columns = width - x * scale < scale ? width - x * scale : scale;
            const uint32_t rows = height - y * scale < scale ? height - y * scale : scale;
            for (k = 0; k < g->channels; k++) *mean++ /= (float)columns * (float)rows;
        }
}

static void describe_gains(const gains *g, ultrahdr_metadata *m) {
    const size_t samples = (size_t)g->width * g->height, channels = (size_t)g->channels;
    size_t i, c;
    memset(m, 0, sizeof *m);
    for (c = 0; c < 3; c++) {
        const float *p = g->mean + c % channels;
        float low = *p, high = *p;
        for (i = 0; i < samples; i++, p += channels) {
            low = fminf(low, *p);
            high = fmaxf(high, *p);
        }
        m->gain_min[c] = (double)low;
        m->gain_max[c] = (double)high;
        m->gamma[c] = 1;
        m->offset_base[c] = m->offset_alternate[c] = OFFSET;
        m->headroom_alternate = fmax(m->headroom_alternate, (double)high);
    }
    m->headroom_alternate = fmax(m->headroom_alternate, 1 / 64.0); /* an SDR display shows the base in any case */
}

static int encode_gains(const gains *g, const ultrahdr_metadata *m, int quality, uint8_t **bytes, size_t *size,
                        char reason[REASON]) {
    const size_t samples = (size_t)g->width * g->height * (size_t)g->channels;
    uint8_t *codes = (uint8_t *)malloc(samples);
    picture_write_opts opts = { 0, 0, 0, NULL, 0, NULL };
    gmlp_image image;
    char *buffer = NULL;
    FILE *file = codes ? open_memstream(&buffer, size) : NULL;
    size_t i;
    int bad;
    if (!file) {
        snprintf(reason, REASON, "out of memory");
        free(codes);
        return -1;
    }
    for (i = 0; i < samples; i++) {
        const size_t c = i % (size_t)g->channels;
        const double range = m->gain_max[c] - m->gain_min[c];
        codes[i] = range > 0 ? (uint8_t)(255 * ((double)g->mean[i] - m->gain_min[c]) / range + 0.5) : 0;
    }
    memset(&image, 0, sizeof image);
    image.data = codes;
    image.width = g->width;
    image.height = g->height;
    image.type = GMLP_U8;
    opts.quality = quality;
    bad = jpeg_save_bare(file, &image, g->channels, &opts, reason);
    if ((fclose(file) || !buffer) && !bad) { /* the last growth of the memory may have failed, too */
        snprintf(reason, REASON, "out of memory");
        bad = -1;
    }
    free(codes);
    if (bad) free(buffer);
    else *bytes = (uint8_t *)buffer;
    return bad ? -1 : 0;
}

static int join(const void *base, size_t base_size, const gains *g, int quality, uint8_t **file, size_t *size,
                char reason[REASON]) {
    ultrahdr_metadata metadata;
    uint8_t *map;
    size_t map_size;
    gmlp_error err;
    gmlp_result r;
    describe_gains(g, &metadata);
    if (encode_gains(g, &metadata, quality, &map, &map_size, reason)) return -1;
    r = ultrahdr_join(base, base_size, map, map_size, &metadata, file, size, &err);
    if (r) parse_reason(&err, reason);
    free(map);
    return r ? -1 : 0;
}

static void making_free(ultrahdr_making *m) {
    if (m->rows) m->rows->close(m->rows);
    free(m->sdr);
    free(m->hdr);
    free(m->gains.mean);
    free(m);
}

static int making_open(ultrahdr_making *m, int space, char reason[REASON]) {
    gains *g = &m->gains;
    const uint32_t scale = (uint32_t)m->opts.scale;
    m->rows = jpeg_rows_open_float((const uint8_t *)m->base, m->base_size, reason);
    if (!m->rows) return -1;
    if (m->like.width != m->rows->width || m->like.height != m->rows->height) {
        snprintf(reason, REASON, "the HDR picture has %u x %u pixels, the base %u x %u", m->like.width, m->like.height,
                 m->rows->width, m->rows->height);
        return -1;
    }
    m->light.width = m->like.width;
    m->light.height = m->like.height;
    m->light.channels = 3;
    m->light.type = GMLP_F32;
    m->space = space;
    m->light.space = picture_linear_space(space);
    g->channels = m->opts.channels;
    g->width = (m->light.width + scale - 1) / scale;
    g->height = (m->light.height + scale - 1) / scale;
    g->mean = (float *)calloc((size_t)g->width * g->height, (size_t)g->channels * sizeof *g->mean);
    m->sdr = (float *)malloc((size_t)m->light.width * 3 * sizeof(float));
    m->hdr = (float *)malloc((size_t)m->light.width * 3 * sizeof(float));
    snprintf(reason, REASON, "out of memory");
    return g->mean && m->sdr && m->hdr && !gmlp_space_to_xyz(m->light.space, m->to_xyz) ? 0 : -1;
}

ultrahdr_making *ultrahdr_begin(const void *base, size_t base_size, const gmlp_image *like,
                                const ultrahdr_write_opts *opts, char error[256]) {
    static const ultrahdr_write_opts defaults = { 0, 0, 0 };
    ultrahdr_making *m;
    picture sdr;
    char reason[REASON];
    if (!opts) opts = &defaults;
    if (opts->scale < 0 || opts->scale > 128 || (opts->channels != 0 && opts->channels != 1 && opts->channels != 3) ||
        opts->quality < 0 || opts->quality > 100) {
        error_text(error, "the gain map", "its scale is 1 to 128, its channels are 1 or 3, its quality is 1 to 100");
        return NULL;
    }
    if (picture_read_memory(base, base_size, "the base", GMLP_SPACE_NONE, &sdr, error)) return NULL;
    m = (ultrahdr_making *)calloc(1, sizeof *m);
    snprintf(reason, REASON, "out of memory");
    if (m) {
        const int space = sdr.image.space;
        picture_free(&sdr);
        m->opts = *opts;
        if (!m->opts.scale) m->opts.scale = 1;
        if (!m->opts.channels) m->opts.channels = 3;
        m->base = base;
        m->base_size = base_size;
        m->like = *like;
        if (!making_open(m, space, reason)) return m;
        making_free(m);
    } else picture_free(&sdr);
    error_text(error, "the base", "%s", reason);
    return NULL;
}

int ultrahdr_rows(ultrahdr_making *m, const void *rows, uint32_t count, char error[256]) {
    const size_t bytes = (size_t)m->like.width * gmlp_pixel_size(m->like.type, m->like.channels ? m->like.channels : 3);
    const uint8_t *from = (const uint8_t *)rows;
    const gmlp_image sdr = one_row(&m->light, m->sdr), hdr = one_row(&m->light, m->hdr);
    gmlp_image codes = sdr;
    char reason[REASON] = "";
    codes.space = m->space;
    for (; count--; from += bytes, m->y++) {
        const gmlp_image row = one_row(&m->like, from);
        gmlp_result r = GMLP_OK;
        if (m->rows->read(m->rows, (uint8_t *)m->sdr, 1, reason) || (r = gmlp_convert(&codes, &sdr, NULL)) != GMLP_OK ||
            (r = gmlp_convert(&row, &hdr, NULL)) != GMLP_OK) {
            error_text(error, "the base", "%s", r ? gmlp_result_string(r) : reason);
            return -1;
        }
        add_gains(m);
    }
    return 0;
}

int ultrahdr_end(ultrahdr_making *m, int failed, uint8_t **file, size_t *size, char error[256]) {
    char reason[REASON];
    int bad = failed;
    if (!bad) {
        divide_gains(m);
        snprintf(reason, REASON, "out of memory");
        bad = join(m->base, m->base_size, &m->gains, m->opts.quality, file, size, reason);
        if (bad) error_text(error, "the base", "%s", reason);
    }
    making_free(m);
    return bad ? -1 : 0;
}

int ultrahdr_encode(const void *base, size_t base_size, const gmlp_image *hdr, const ultrahdr_write_opts *opts,
                    uint8_t **file, size_t *size, char error[256]) {
    const ptrdiff_t row = hdr->stride ? hdr->stride
                                      : (ptrdiff_t)(hdr->width *
                                                    gmlp_pixel_size(hdr->type, hdr->channels ? hdr->channels : 3));
    ultrahdr_making *m = ultrahdr_begin(base, base_size, hdr, opts, error);
    uint32_t y;
    int bad = 0;
    if (!m) return -1;
    for (y = 0; y < hdr->height && !bad; y++)
        bad = ultrahdr_rows(m, (const uint8_t *)hdr->data + (ptrdiff_t)y * row, 1, error);
    return ultrahdr_end(m, bad, file, size, error);
}

int ultrahdr_write(const char *path, const gmlp_image *base, const picture_write_opts *base_opts, const gmlp_image *hdr,
                   const ultrahdr_write_opts *opts, char error[256]) {
    uint8_t *jpeg, *file;
    size_t jpeg_size, size;
    output o;
    int bad;
    if (picture_encode_memory(GMLP_CONTAINER_JPEG, base, base_opts, &jpeg, &jpeg_size, error)) return -1;
    bad = ultrahdr_encode(jpeg, jpeg_size, hdr, opts, &file, &size, error);
    free(jpeg);
    if (bad) return -1;
    bad = output_open(&o, path, error);
    if (!bad) {
        fwrite(file, 1, size, o.file); /* output_commit looks for errors */
        bad = output_commit(&o, error);
    }
    free(file);
    return bad ? -1 : 0;
}
