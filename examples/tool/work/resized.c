#include "work/resized.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shell/messages.h"

#define BAND 64u   /* rows of the base that are done at once, beginning at multiples: parts then decode as the whole */
#define AROUND 16u /* rows above and below that have a say: two in each round */
#define ROUNDS 8   /* one more adds less than 0.1 dB */
#define MOST 4     /* times as long the large picture's sides are, for a band to fit into memory */
#define ROWS 16u   /* of the large picture that are decoded at once */

/* From one side of the large picture to that of the small one, which has no more pixels: for each of its pixels the
   first of at most two that it lies in, and how much of it; and the first of the two around it, and how far it is
   beyond that. */
typedef struct side {
    uint32_t small, large, *in, *before;
    float *part, *beyond;
} side;

struct resized {
    gmlp_image base;
    gmlp_net net;           /* of the large picture */
    side across, down;
    gmlp_decoder *decoder;  /* the large picture's; all light is linear, of the net's wide space */
    gmlp_converter *light, *rgb, *codes; /* codes of the base to light, to RGB and from there */
    gmlp_converter *shown;               /* sRGB in float to light */
    float code[256];                     /* what the codes of the base were */
};

/* What is decoded at a time. */
typedef struct rows {
    const resized *h;
    gmlp_image out;
    uint32_t x, y;          /* where it is in the picture */
    gmlp_converter *pixels; /* light to those of out */
    gmlp_result *status;    /* of its bands */
} rows;

/* Rows from..to-1 of the base and top..bottom-1 of the large picture. */
typedef struct band {
    uint32_t from, to, top, bottom;
    float *small, *large, *row; /* row: as long as a large one */
    uint8_t *codes;             /* RGB of either; at last the large one's as the net takes them */
    float *decoded, *plain;     /* ROWS large ones */
    float *light;               /* of the base's rows, as many as are written */
} band;

static double base_step(const gmlp_net *net, int vertical) {
    return fabs((double)(vertical == net->coords.transpose ? net->coords.col_step : net->coords.row_step));
}

int resized_is(const gmlp_net *net, double lost) {
    return net->method == GMLP_METHOD_RESIDUAL && net->mask == GMLP_MASK_SATURATED &&
           (lost > 0 || base_step(net, 0) * base_step(net, 1) > 1.1);
}

/* Sides. */

static int side_make(side *a, uint32_t small, double step) {
    uint32_t i;
    a->small = small;
    a->large = (uint32_t)(small * (step < MOST ? step : MOST) + 0.5);
    if (a->large < small) a->large = small; /* codes of larger pictures are as they were in training */
    a->in = (uint32_t *)malloc(a->large * sizeof *a->in);
    a->before = (uint32_t *)malloc(a->large * sizeof *a->before);
    a->part = (float *)malloc(a->large * sizeof *a->part);
    a->beyond = (float *)malloc(a->large * sizeof *a->beyond);
    if (!a->in || !a->before || !a->part || !a->beyond) return -1;
    for (i = 0; i < a->large; i++) {
        const uint64_t in = (uint64_t)i * small / a->large;
        const double edge = (double)(in + 1) * a->large / small - i,
                     at = (i + 0.5) * small / a->large - 0.5, low = at > 0 ? floor(at) : 0;
        a->in[i] = (uint32_t)in;
        a->part[i] = (float)(edge < 1 ? edge : 1);
        a->before[i] = (uint32_t)low;
        a->beyond[i] = (float)(at > low ? at - low : 0);
    }
    return 0;
}

static void side_free(side *a) {
    free(a->in);
    free(a->before);
    free(a->part);
    free(a->beyond);
}

/* Sums of a large row over each small pixel. */
static void row_down(const side *a, const float *large, float *small) {
    uint32_t i, c;
    memset(small, 0, (size_t)a->small * 3 * sizeof *small);
    for (i = 0; i < a->large; i++, large += 3) {
        float *to = small + (size_t)a->in[i] * 3;
        const float part = a->part[i];
        for (c = 0; c < 3; c++) to[c] += part * large[c];
        if (part < 1 && a->in[i] + 1 < a->small)
            for (c = 0; c < 3; c++) to[c + 3] += (1 - part) * large[c];
    }
}

/* Adds share of large row y's sums to the small rows from..to-1 that it lies in. */
static void add_down(const side *a, uint32_t y, const float *sums, uint32_t from, uint32_t to, float share,
                     float *rows, size_t samples, size_t channels) {
    uint32_t k;
    size_t i, c;
    for (k = 0; k < 2; k++) {
        const uint32_t at = a->in[y] + k;
        const float part = share * (k ? 1 - a->part[y] : a->part[y]);
        float *row;
        if (at < from || at >= to) continue;
        row = rows + (at - from) * (samples / 3 * channels);
        for (i = 0; i < samples; i += 3, row += channels)
            for (c = 0; c < 3; c++) row[c] += part * sums[i + c];
    }
}

/* The large picture's codes. */

static float within(float v) { return v < 0 ? 0 : v > 255 ? 255 : v; }

/* Adds to the large codes what the small ones have more than their means, as it lies between pixels' centres. */
static void add_up(const resized *h, const band *b) {
    const side *const a = &h->across, *const d = &h->down;
    const size_t samples = (size_t)a->small * 3;
    uint32_t x, y, c;
    size_t i;
    for (y = b->top; y < b->bottom; y++) {
        const uint32_t low = d->before[y] < b->from ? b->from : d->before[y] < b->to ? d->before[y] : b->to - 1,
                       high = low + 1 < b->to ? low + 1 : low;
        const float *p = b->small + (low - b->from) * samples, *q = b->small + (high - b->from) * samples;
        float *out = b->large + (size_t)(y - b->top) * a->large * 3;
        for (i = 0; i < samples; i++) b->row[i] = p[i] + d->beyond[y] * (q[i] - p[i]);
        for (x = 0; x < a->large; x++, out += 3) {
            const float *left = b->row + (size_t)a->before[x] * 3,
                        *right = a->before[x] + 1 < a->small ? left + 3 : left;
            for (c = 0; c < 3; c++) out[c] = within(out[c] + left[c] + a->beyond[x] * (right[c] - left[c]));
        }
    }
}

/* The small codes less the means of the large ones. */
static void subtract_means(const resized *h, const band *b) {
    const side *const a = &h->across, *const d = &h->down;
    const size_t samples = (size_t)a->small * 3;
    const float share = -(float)((double)a->small / a->large * d->small / d->large);
    uint32_t y;
    size_t i;
    for (i = 0; i < (b->to - b->from) * samples; i++) b->small[i] = h->code[b->codes[i]];
    for (y = b->top; y < b->bottom; y++) {
        row_down(a, b->large + (size_t)(y - b->top) * a->large * 3, b->row);
        add_down(d, y, b->row, b->from, b->to, share, b->small, samples, 3);
    }
}

static gmlp_image view(void *data, uint32_t width, uint32_t height, int type, int channels, int space) {
    gmlp_image v;
    memset(&v, 0, sizeof v);
    v.data = data;
    v.width = width;
    v.height = height;
    v.type = type;
    v.channels = channels;
    v.space = space;
    return v;
}

static gmlp_image base_rows(const resized *h, uint32_t from, uint32_t to) {
    gmlp_image rows = h->base;
    rows.data = (uint8_t *)rows.data + (size_t)from * rows.width * (size_t)rows.channels;
    rows.height = to - from;
    return rows;
}

/* The light of the base's rows. That of Y'CbCr lies beyond 0 and 255, and its codes were not cut. */
static void base_light(const resized *h, const band *b, uint32_t from, uint32_t to) {
    const gmlp_image base = base_rows(h, from, to),
                     light = view(b->light, base.width, base.height, GMLP_F32, base.channels, 0);
    const uint8_t *codes = (const uint8_t *)base.data;
    const size_t channels = (size_t)base.channels, samples = (size_t)base.width * base.height * channels;
    size_t i;
    if (h->codes) {
        gmlp_converter_rows(h->light, &base, &light);
        return;
    }
    for (i = 0; i < samples; i++) b->light[i] = (i % channels < 3 ? h->code[codes[i]] : codes[i]) / 255;
    gmlp_converter_rows(h->shown, &light, &light);
}

/* The codes of the large picture's rows. */
static void find_codes(const resized *h, const band *b) {
    const gmlp_image base = base_rows(h, b->from, b->to),
                     rgb = view(b->codes, base.width, base.height, GMLP_U8, 3, 0),
                     large = view(b->codes, h->across.large, b->bottom - b->top, GMLP_U8, 3, 0);
    const size_t samples = (size_t)large.width * large.height * 3;
    size_t i;
    int round;
    gmlp_converter_rows(h->rgb, &base, &rgb);
    memset(b->large, 0, samples * sizeof *b->large);
    for (round = 0; round < ROUNDS; round++) {
        subtract_means(h, b);
        add_up(h, b);
    }
    for (i = 0; i < samples; i++) b->codes[i] = (uint8_t)(b->large[i] + 0.5f);
    if (h->codes) gmlp_converter_rows(h->codes, &large, &large);
}

/* Adds to the light of rows from..to-1 what the network adds. */
static gmlp_result add_network(const resized *h, const band *b, uint32_t from, uint32_t to) {
    const side *const a = &h->across, *const d = &h->down;
    const gmlp_image codes = view(b->codes, a->large, b->bottom - b->top, GMLP_U8, 3, h->base.space);
    const uint32_t end = (uint32_t)(((uint64_t)to * d->large + d->small - 1) / d->small);
    const float share = (float)((double)a->small / a->large * d->small / d->large);
    const size_t samples = (size_t)a->large * 3;
    uint32_t y, i, n;
    size_t k;
    for (y = (uint32_t)((uint64_t)from * d->large / d->small); y < end; y += n) {
        gmlp_image rows = codes, out = view(b->decoded, a->large, 0, GMLP_F32, 3, 0);
        gmlp_result status;
        n = rows.height = out.height = end - y < ROWS ? end - y : ROWS;
        rows.data = b->codes + (y - b->top) * samples;
        status = gmlp_decoder_rows(h->decoder, &codes, 0, b->top, &out, 0, y, NULL);
        if (status) return status;
        out.data = b->plain;
        gmlp_converter_rows(h->light, &rows, &out);
        for (k = 0; k < n * samples; k++) b->decoded[k] -= b->plain[k];
        for (i = 0; i < n; i++) {
            row_down(a, b->decoded + i * samples, b->row);
            add_down(d, y + i, b->row, from, to, share, b->light, (size_t)a->small * 3, (size_t)h->base.channels);
        }
    }
    return GMLP_OK;
}

/* Bands. */

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* Band k's rows in out. */
static void band_rows(const rows *o, size_t k, uint32_t *from, uint32_t *to) {
    const uint32_t top = (uint32_t)k * BAND;
    *from = top > o->y ? top : o->y;
    *to = least(top + BAND, o->y + o->out.height);
}

static void write_light(const rows *o, const band *b, uint32_t from, uint32_t to) {
    const gmlp_image *base = &o->h->base;
    const size_t channels = (size_t)base->channels, count = (size_t)base->width * (to - from);
    gmlp_image light = view(b->light + o->x * channels, o->out.width, to - from, GMLP_F32, base->channels, 0),
               out = o->out;
    float *p = b->light;
    size_t i, c;
    light.stride = (ptrdiff_t)(base->width * channels * sizeof(float));
    out.height = to - from;
    out.data = (uint8_t *)out.data + (ptrdiff_t)(from - o->y) * out.stride;
    for (i = 0; i < count; i++, p += channels)
        for (c = 0; c < 3; c++) p[c] = p[c] > 0 ? p[c] < 1 ? p[c] : 1 : 0;
    gmlp_converter_rows(o->pixels, &light, &out);
}

static gmlp_result decode_band(const rows *o, size_t k) {
    const resized *const h = o->h;
    const side *const d = &h->down;
    const size_t row = (size_t)h->across.large * 3;
    uint32_t from, to, top = (uint32_t)k * BAND;
    gmlp_result status = GMLP_E_MEMORY;
    size_t n;
    band b;
    band_rows(o, k, &from, &to);
    b.from = top > AROUND ? top - AROUND : 0;
    b.to = least(top + BAND + AROUND, d->small);
    b.top = (uint32_t)((uint64_t)b.from * d->large / d->small);
    b.bottom = (uint32_t)(((uint64_t)b.to * d->large + d->small - 1) / d->small);
    n = b.bottom - b.top;
    b.small = (float *)malloc((size_t)h->base.width * 3 * (b.to - b.from) * sizeof *b.small);
    b.large = (float *)malloc((row * n + row) * sizeof *b.large);
    b.row = b.large ? b.large + row * n : NULL;
    b.codes = (uint8_t *)malloc(row * n);
    b.decoded = (float *)malloc(row * 2 * ROWS * sizeof *b.decoded);
    b.plain = b.decoded ? b.decoded + row * ROWS : NULL;
    b.light = (float *)malloc((size_t)h->base.width * (size_t)h->base.channels * (to - from) * sizeof *b.light);
    if (b.small && b.large && b.codes && b.decoded && b.light) {
        base_light(h, &b, from, to);
        find_codes(h, &b);
        status = add_network(h, &b, from, to);
        if (!status) write_light(o, &b, from, to);
    }
    free(b.small);
    free(b.large);
    free(b.codes);
    free(b.decoded);
    free(b.light);
    return status;
}

static void band_job(void *user, size_t job) {
    const rows *o = (const rows *)user;
    o->status[job] = decode_band(o, o->y / BAND + job);
}

gmlp_result resized_rows(resized *h, const gmlp_image *out, uint32_t x, uint32_t y, double white,
                         const gmlp_threads *threads) {
    const size_t bands = (y + out->height + BAND - 1) / BAND - y / BAND;
    gmlp_convert_opts opts;
    gmlp_result status;
    rows o;
    size_t i;
    memset(&opts, 0, sizeof opts);
    opts.adaptation = h->net.adaptation;
    opts.white_nits = white;
    o.h = h;
    o.out = *out;
    if (!out->stride) o.out.stride = (ptrdiff_t)(out->width * gmlp_pixel_size(out->type, out->channels));
    o.x = x;
    o.y = y;
    status = gmlp_converter_create(GMLP_F32, picture_linear_space(h->net.wide_space), out->type, out->space, &opts,
                                   &o.pixels);
    if (status) return status;
    o.status = (gmlp_result *)malloc(bands * sizeof *o.status);
    if (!o.status) status = GMLP_E_MEMORY;
    else if (threads->parallel_for) threads->parallel_for(threads->user, band_job, &o, bands);
    else
        for (i = 0; i < bands; i++) band_job(&o, i);
    for (i = 0; i < bands && !status; i++) status = o.status[i];
    free(o.status);
    gmlp_converter_free(o.pixels);
    return status;
}

/* The picture. */

/* The net as it was for the large picture, whose pixels lie as the base's do. */
static void net_of_large(resized *h) {
    gmlp_coords *const c = &h->net.coords;
    float *const at[2] = { c->transpose ? &c->row : &c->col, c->transpose ? &c->col : &c->row };
    float *const step[2] = { c->transpose ? &c->row_step : &c->col_step, c->transpose ? &c->col_step : &c->row_step };
    const side *const sides[2] = { &h->across, &h->down };
    int i;
    for (i = 0; i < 2; i++) {
        const double ratio = (double)sides[i]->small / sides[i]->large;
        *at[i] = (float)((double)*at[i] + (double)*step[i] * (0.5 * ratio - 0.5));
        *step[i] = (float)((double)*step[i] * ratio);
    }
    h->net.base_width = h->across.large;
    h->net.base_height = h->down.large;
}

static gmlp_result open_all(resized *h) {
    const int light = picture_linear_space(h->net.wide_space), codes = h->net.base_space;
    gmlp_convert_opts opts;
    gmlp_result status = GMLP_E_MEMORY;
    memset(&opts, 0, sizeof opts);
    opts.adaptation = h->net.adaptation;
    if (!side_make(&h->across, h->base.width, base_step(&h->net, 0)) &&
        !side_make(&h->down, h->base.height, base_step(&h->net, 1))) {
        net_of_large(h);
        status = gmlp_decoder_create(&h->net, GMLP_F32, light, NULL, &h->decoder);
    }
    if (!status) status = gmlp_converter_create(GMLP_U8, codes, GMLP_F32, light, &opts, &h->light);
    if (!status) status = gmlp_converter_create(GMLP_U8, codes, GMLP_U8, GMLP_SRGB, NULL, &h->rgb);
    if (!status && codes == GMLP_SYCC)
        status = gmlp_converter_create(GMLP_U8, GMLP_SRGB, GMLP_U8, GMLP_SYCC, NULL, &h->codes);
    if (!status) status = gmlp_converter_create(GMLP_F32, GMLP_SRGB, GMLP_F32, light, &opts, &h->shown);
    return status;
}

gmlp_result resized_open(const gmlp_net *net, const gmlp_image *base, double lost, resized **out) {
    resized *h = (resized *)calloc(1, sizeof *h);
    gmlp_result status = GMLP_E_MEMORY;
    int i;
    *out = h;
    if (!h) return status;
    for (i = 0; i < 256; i++) h->code[i] = (float)(i > 0 && i < 255 ? i + lost : i);
    h->net = *net;
    h->base = *base;
    status = open_all(h);
    if (!status) return GMLP_OK;
    resized_close(h);
    *out = NULL;
    return status;
}

void resized_close(resized *h) {
    if (!h) return;
    gmlp_converter_free(h->light);
    gmlp_converter_free(h->rgb);
    gmlp_converter_free(h->codes);
    gmlp_converter_free(h->shown);
    gmlp_decoder_free(h->decoder);
    side_free(&h->across);
    side_free(&h->down);
    free(h);
}

/* The rows of a file. */

static int write_rows(stream *s, resized *h, gmlp_image *out, double white, char error[256]) {
    const gmlp_threads threads = pool_threads(s->workers);
    const uint32_t most = out->height, bottom = s->crop.y + s->crop.height;
    uint32_t y;
    for (y = s->crop.y; y < bottom; y += out->height) {
        const uint32_t end = (y / BAND + most / BAND) * BAND; /* that of a band */
        gmlp_result status;
        out->height = least(end, bottom) - y;
        status = resized_rows(h, out, s->crop.x, y, white, &threads);
        if (status) return error_text(error, s->name, "%s", gmlp_result_string(status)), -1;
        if (s->write(s->user, out->data, out->height, error)) return -1;
    }
    return 0;
}

int resized_run(stream *s, int space, double white, double lost, char error[256]) {
    gmlp_image base = view(NULL, s->width, s->height, GMLP_U8, s->channels, s->net->base_space),
               out = view(NULL, s->crop.width, (uint32_t)pool_size(s->workers) * BAND, s->type, s->channels, space);
    resized *h = NULL;
    gmlp_result status = GMLP_E_MEMORY;
    int bad = -1;
    base.data = malloc((size_t)s->width * s->height * gmlp_pixel_size(GMLP_U8, s->channels));
    out.data = malloc((size_t)out.width * out.height * gmlp_pixel_size(s->type, s->channels));
    if (base.data && out.data) status = resized_open(s->net, &base, lost, &h);
    if (status) error_text(error, s->name, "%s", gmlp_result_string(status));
    else bad = picture_rows_read(s->rows, base.data, s->height, error);
    if (!bad) {
        if (s->to_base) gmlp_converter_rows(s->to_base, &base, &base);
        s->verdict = gmlp_net_check(s->net, &base);
        bad = write_rows(s, h, &out, white, error);
    }
    resized_close(h);
    free(base.data);
    free(out.data);
    return bad;
}
