#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "output.h"
#include "picture_formats.h"
#include "ultrahdr.h"

#define OFFSET 0.015625 /* keeps the gain of black finite; the format's own default */

/* Reading. */

/* A row or column of the picture between two of the map, as libultrahdr has it: the map's sample i lies on the picture's
   i * scale, and the last one holds to the edge. */
typedef struct position {
    uint32_t low, high;
    float to_low, to_high; /* squared distances */
} position;

static position position_of(uint32_t i, uint32_t count, uint32_t map_count) {
    const double at = (double)i * map_count / count;
    position p;
    p.low = (uint32_t)at < map_count ? (uint32_t)at : map_count - 1;
    p.high = p.low + 1 < map_count ? p.low + 1 : p.low;
    p.to_low = (float)((at - p.low) * (at - p.low));
    p.to_high = (float)((at - p.high) * (at - p.high));
    return p;
}

/* Shepard's inverse distance weighting of the four samples around; out of 0..1. */
static void sample_map(const gmlp_image *map, const position *x, const position *y, float out[3]) {
    const uint8_t *low = (const uint8_t *)map->data + (size_t)y->low * map->width * 3;
    const uint8_t *high = (const uint8_t *)map->data + (size_t)y->high * map->width * 3;
    const uint8_t *at[4];
    float distance[4], weight[4], sum = 0;
    int i, c;
    at[0] = low + 3 * (size_t)x->low;
    at[1] = low + 3 * (size_t)x->high;
    at[2] = high + 3 * (size_t)x->low;
    at[3] = high + 3 * (size_t)x->high;
    distance[0] = x->to_low + y->to_low;
    distance[1] = x->to_high + y->to_low;
    distance[2] = x->to_low + y->to_high;
    distance[3] = x->to_high + y->to_high;
    for (i = 0; i < 4; i++) {
        if (distance[i] == 0) {
            for (c = 0; c < 3; c++) out[c] = (float)at[i][c] / 255;
            return;
        }
        weight[i] = 1 / sqrtf(distance[i]);
        sum += weight[i];
    }
    for (c = 0; c < 3; c++) {
        float v = 0;
        for (i = 0; i < 4; i++) v += weight[i] * (float)at[i][c];
        out[c] = v / (sum * 255);
    }
}

static int apply_map(const gmlp_image *map, const ultrahdr_metadata *m, double weight, gmlp_image *hdr) {
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
    for (x = 0; x < hdr->width; x++) columns[x] = position_of(x, hdr->width, map->width);
    for (y = 0; y < hdr->height; y++) {
        const position row = position_of(y, hdr->height, map->height);
        float *p = (float *)hdr->data + (size_t)y * hdr->width * 3;
        for (x = 0; x < hdr->width; x++, p += 3) {
            float g[3];
            sample_map(map, &columns[x], &row, g);
            for (c = 0; c < 3; c++) {
                const float gain = power[c] == 1 ? g[c] : powf(g[c], power[c]);
                p[c] = (p[c] + base[c]) * exp2f(low[c] + range[c] * gain) - alternate[c];
            }
        }
    }
    free(columns);
    return 0;
}

/* The base's light, in the primaries in which the gain applies. */
static int linear_base(const gmlp_image *base, int space, gmlp_image *out, char reason[REASON]) {
    gmlp_result r;
    memset(out, 0, sizeof *out);
    out->width = base->width;
    out->height = base->height;
    out->type = GMLP_FLOAT;
    out->space = picture_linear_space(space);
    if (image_allocate(out, reason)) return -1;
    r = gmlp_convert(base, out, NULL);
    if (r) snprintf(reason, REASON, "%s", gmlp_result_string(r));
    return r ? -1 : 0;
}

static void parse_reason(const gmlp_error *err, char reason[REASON]) {
    snprintf(reason, REASON, "%s (at byte %lu)", err->text, (unsigned long)err->offset);
}

static int read_map(const uint8_t *bytes, const ultrahdr_parts *parts, const char *name, int *space, picture *map, char error[256]) {
    const uint8_t *at = bytes + parts->map_offset;
    if (parts->metadata.map_space) { /* only its profile is of use here: a conversion would spoil the codes */
        if (picture_read_memory(at, parts->map_size, name, GMLP_SPACE_NONE, map, error)) return -1;
        if (!strcmp(map->space_from, "ICC profile")) *space = map->image.space;
        picture_free(map);
    }
    return picture_read_memory(at, parts->map_size, name, GMLP_SRGB, map, error);
}

int ultrahdr_read_memory(const void *bytes, size_t size, const char *name, double headroom, ultrahdr_picture *out, char error[256]) {
    ultrahdr_parts parts;
    gmlp_error err;
    picture map;
    char reason[REASON] = "out of memory";
    int space, bad;
    memset(out, 0, sizeof *out);
    memset(&map, 0, sizeof map);
    if (ultrahdr_parse(bytes, size, &parts, &err)) {
        parse_reason(&err, reason);
        error_text(error, name, "%s", reason);
        return -1;
    }
    if (picture_read_memory(bytes, parts.base_size, name, GMLP_SPACE_NONE, &out->base, error)) return -1;
    space = out->base.image.space;
    bad = read_map((const uint8_t *)bytes, &parts, name, &space, &map, error);
    if (!bad) {
        out->metadata = parts.metadata;
        out->map_width = map.image.width;
        out->map_height = map.image.height;
        bad = linear_base(&out->base.image, space, &out->hdr, reason) ||
              apply_map(&map.image, &parts.metadata, ultrahdr_weight(&parts.metadata, headroom), &out->hdr);
        if (bad) error_text(error, name, "%s", reason);
    }
    picture_free(&map);
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
