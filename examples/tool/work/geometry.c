#include "work/geometry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shell/messages.h"

#define BAND 256u /* rows that are light at a time */

/* Words. */

int geometry_given(const geometry_words *w) { return w->crop || w->resize || w->rotate >= 0 || w->flip >= 0; }

/* n whole numbers with a letter between them; 0 or -1. */
static int read_numbers(const char *text, char between, uint32_t *to, int n) {
    char *end;
    int i;
    for (i = 0; i < n; i++, text = end + 1) {
        const unsigned long v = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : GMLP_MAX_SIZE + 1ul;
        if (v > GMLP_MAX_SIZE || *end != (i < n - 1 ? between : 0)) return -1;
        to[i] = (uint32_t)v;
    }
    return 0;
}

int geometry_crop(const char *text, uint32_t part[4]) {
    return read_numbers(text, ',', part, 4) || !part[2] || !part[3] ? -1 : 0;
}

static int read_crop(const char *text, uint32_t width, uint32_t height, uint32_t part[4], char error[256]) {
    if (geometry_crop(text, part))
        return snprintf(error, 256, "--crop takes X,Y,W,H in pixels, not '%s'", text), -1;
    if (part[0] <= width && part[1] <= height && part[2] <= width - part[0] && part[3] <= height - part[1]) return 0;
    return snprintf(error, 256, "--crop %s reaches outside the picture, which is %u x %u", text, width, height), -1;
}

static uint32_t share_of(uint32_t size, double percent) {
    const double v = floor(size * percent / 100 + 0.5);
    return v < 1 ? 1 : v > GMLP_MAX_SIZE ? GMLP_MAX_SIZE + 1 : (uint32_t)v;
}

static int read_size(const char *text, const uint32_t part[4], uint32_t size[2], char error[256]) {
    char *end = NULL;
    const double percent = *text >= '0' && *text <= '9' ? strtod(text, &end) : 0;
    if (end && percent > 0 && !strcmp(end, "%")) {
        size[0] = share_of(part[2], percent);
        size[1] = share_of(part[3], percent);
        if (size[0] <= GMLP_MAX_SIZE && size[1] <= GMLP_MAX_SIZE) return 0;
        return snprintf(error, 256, "--resize %s makes more than %u pixels a side", text, GMLP_MAX_SIZE), -1;
    }
    if (!read_numbers(text, 'x', size, 2) && size[0] && size[1]) return 0;
    return snprintf(error, 256, "--resize takes WxH in pixels or P%%, not '%s'", text), -1;
}

/* Turns. */

/* A pixel of the turned picture was in column (lies ? y : x), counted from the other end if columns, and row (lies ?
   x : y), likewise. */
typedef struct turn {
    int lies, columns, rows;
} turn;

static turn turn_of(int orientation) {
    turn t;
    t.lies = orientation >= 5;
    t.columns = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    t.rows = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    return t;
}

/* The orientation that does what first does, then what then does. */
static int joined(int first, int then) {
    const turn a = turn_of(first), b = turn_of(then);
    const int lies = a.lies ^ b.lies, columns = a.columns ^ (a.lies ? b.rows : b.columns),
              rows = a.rows ^ (a.lies ? b.columns : b.rows);
    int i;
    for (i = 1; i < 8; i++) {
        const turn t = turn_of(i);
        if (t.lies == lies && t.columns == columns && t.rows == rows) break;
    }
    return i;
}

int geometry_of(const geometry_words *w, uint32_t width, uint32_t height, int orientation, gmlp_geometry *g,
                char error[256]) {
    static const int rotations[] = { 6, 3, 8 }, flips[] = { 2, 4 };
    const turn stored = turn_of(orientation);
    const uint32_t across = stored.lies ? height : width, down = stored.lies ? width : height; /* upright */
    uint32_t part[4] = { 0, 0, 0, 0 }, size[2];
    part[2] = across;
    part[3] = down;
    memset(g, 0, sizeof *g);
    if (w->crop && read_crop(w->crop, across, down, part, error)) return -1;
    size[0] = part[2];
    size[1] = part[3];
    if (w->resize && read_size(w->resize, part, size, error)) return -1;
    g->x = part[stored.lies];
    g->y = part[!stored.lies];
    g->width = part[2 + stored.lies];
    g->height = part[2 + !stored.lies];
    if (stored.columns) g->x = width - g->x - g->width;
    if (stored.rows) g->y = height - g->y - g->height;
    if (size[0] != part[2] || size[1] != part[3]) {
        g->to_width = size[stored.lies];
        g->to_height = size[!stored.lies];
    }
    g->orientation = orientation;
    if (w->rotate >= 0) g->orientation = joined(g->orientation, rotations[w->rotate]);
    if (w->flip >= 0) g->orientation = joined(g->orientation, flips[w->flip]);
    return 0;
}

int geometry_resizes(const gmlp_geometry *g) { return g->to_width != 0; }

/* Before it is turned. */
static gmlp_image flat(const gmlp_geometry *g, int type, int channels, int space) {
    gmlp_image image;
    memset(&image, 0, sizeof image);
    image.width = g->to_width ? g->to_width : g->width;
    image.height = g->to_height ? g->to_height : g->height;
    image.type = type;
    image.channels = channels;
    image.space = space;
    image.data = malloc((size_t)image.width * image.height * gmlp_pixel_size(type, channels));
    return image;
}

void geometry_size(const gmlp_geometry *g, uint32_t *width, uint32_t *height) {
    const int lies = g->orientation >= 5;
    const uint32_t across = g->to_width ? g->to_width : g->width, down = g->to_height ? g->to_height : g->height;
    *width = lies ? down : across;
    *height = lies ? across : down;
}

/* Pixels. */

static const char no_memory[] = "out of memory for the edited picture";

/* Light of some rows of the part, as linear floats. */
typedef gmlp_result light_maker(const void *user, const gmlp_geometry *g, uint32_t y, const gmlp_image *light);

/* The part's light, resized, in the space that image says. */
static gmlp_result resize(const gmlp_geometry *g, light_maker *make, const void *user, double white,
                          gmlp_image *image) {
    const int space = picture_linear_space(image->space);
    gmlp_image band = *image, light = flat(g, GMLP_F32, image->channels, space);
    picture_resizer *r = NULL;
    gmlp_convert_opts opts;
    gmlp_result status = GMLP_OK;
    uint32_t y;
    band.width = g->width;
    band.height = g->height < BAND ? g->height : BAND;
    band.type = GMLP_F32;
    band.space = space;
    band.data = malloc((size_t)band.width * band.height * gmlp_pixel_size(GMLP_F32, band.channels));
    if (band.data && light.data) r = picture_resizer_open(g->width, g->height, &light);
    for (y = 0; y < g->height && r && !status; y += band.height) {
        if (band.height > g->height - y) band.height = g->height - y;
        status = make(user, g, y, &band);
        if (!status) picture_resizer_rows(r, (const float *)band.data, band.height);
    }
    picture_resizer_close(r);
    free(band.data);
    if (!r) status = GMLP_E_MEMORY;
    if (!status && image->type == GMLP_F32 && image->space == space) { /* it is that already */
        free(image->data);
        *image = light;
        return GMLP_OK;
    }
    memset(&opts, 0, sizeof opts);
    opts.white_nits = white;
    if (!status) status = gmlp_convert(&light, image, &opts);
    free(light.data);
    return status;
}

static gmlp_result light_of_codes(const void *user, const gmlp_geometry *g, uint32_t y, const gmlp_image *light) {
    gmlp_image rows = *(const gmlp_image *)user;
    rows.stride = (ptrdiff_t)rows.width * rows.channels;
    rows.data = (uint8_t *)rows.data + ((size_t)(g->y + y) * rows.width + g->x) * (size_t)rows.channels;
    rows.width = light->width;
    rows.height = light->height;
    return gmlp_convert(&rows, light, NULL);
}

/* Apart from its alpha, and turned. */
static int finish(const gmlp_geometry *g, gmlp_result status, picture *out, char error[256]) {
    if (!status && picture_split_alpha(out)) status = GMLP_E_MEMORY;
    if (status) return snprintf(error, 256, "%s", status == GMLP_E_MEMORY ? no_memory : gmlp_result_string(status)), -1;
    return picture_turn(out, g->orientation, error);
}

int geometry_codes(const gmlp_geometry *g, const gmlp_image *base, picture *out, char error[256]) {
    const size_t pixel = gmlp_pixel_size(GMLP_U8, base->channels);
    gmlp_result status;
    uint32_t y;
    memset(out, 0, sizeof *out);
    out->image = flat(g, GMLP_U8, base->channels, base->space);
    status = out->image.data ? GMLP_OK : GMLP_E_MEMORY;
    if (!status && geometry_resizes(g)) status = resize(g, light_of_codes, base, 0, &out->image);
    else
        for (y = 0; y < g->height && !status; y++)
            memcpy((uint8_t *)out->image.data + y * (g->width * pixel),
                   (const uint8_t *)base->data + ((size_t)(g->y + y) * base->width + g->x) * pixel, g->width * pixel);
    return finish(g, status, out, error);
}

typedef struct decoding {
    const gmlp_net *net;
    const gmlp_image *base;
    const double *lost;
    const gmlp_threads *threads;
} decoding;

static gmlp_result light_of_network(const void *user, const gmlp_geometry *g, uint32_t y, const gmlp_image *light) {
    const decoding *d = (const decoding *)user;
    gmlp_decode_opts opts;
    memset(&opts, 0, sizeof opts);
    opts.x = g->x;
    opts.y = g->y + y;
    opts.threads = *d->threads;
    return d->lost ? gmlp_decode_resized(d->net, d->base, light, *d->lost, &opts)
                   : gmlp_decode(d->net, d->base, light, &opts);
}

int geometry_light(const gmlp_geometry *g, const gmlp_net *net, const gmlp_image *base, const double *lost,
                   const gmlp_threads *threads, picture *out, char error[256]) {
    const int space = net->wide_space;
    gmlp_result status;
    decoding d;
    d.net = net;
    d.base = base;
    d.lost = lost;
    d.threads = threads;
    memset(out, 0, sizeof *out);
    out->image = flat(g, gmlp_space_is_linear(space) ? GMLP_F32 : GMLP_U16, base->channels, space);
    status = out->image.data ? GMLP_OK : GMLP_E_MEMORY;
    if (!status)
        status = geometry_resizes(g) ? resize(g, light_of_network, &d, (double)net->white_nits, &out->image)
                                     : light_of_network(&d, g, 0, &out->image);
    return finish(g, status, out, error);
}
