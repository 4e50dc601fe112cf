#include "work/stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shell/messages.h"

#define BANDS 8u
#define MOST_ROWS 8u /* of a band: what libjpeg makes at once */
#define JOB_ROWS 4u
#define MEMORY (4u << 20)
#define LARGE_BAND 256u /* rows that a GPU gets at once */

/* Decoded rows on their way to be written: decoded by several threads, written by one. */
typedef struct band {
    void *memory;
    uint32_t left; /* rows not yet decoded, of the crop or not */
} band;

/* Bands are numbered from the top; number k has the rows k * rows and on, and lies in bands[k % BANDS]. */
typedef struct pipeline {
    stream *s;
    pthread_mutex_t mutex; /* over all that follows, not over the pixels */
    pthread_cond_t change;
    gmlp_stream *base;         /* the rows that are there */
    band bands[BANDS];
    size_t row_size;           /* of a decoded row */
    uint32_t rows, halo;       /* of a band; that the network looks at above and below a row */
    uint32_t read, next;       /* rows read; the next one to be decoded */
    size_t decoded, written;   /* bands that have been, all those above, too */
    int reading, writing;
    uint32_t end;              /* rows from here on are given up: the picture's height, or where it failed */
    char *error;
} pipeline;

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

static uint32_t band_top(const pipeline *p, size_t k) { return least((uint32_t)k * p->rows, p->s->height); }

/* Row y, or the next one that is in the crop, or the one after it: counted from the crop's first. */
static uint32_t in_crop(const pipeline *p, uint32_t y) {
    return y < p->s->crop.y ? 0 : least(y - p->s->crop.y, p->s->crop.height);
}

static void fail_at(pipeline *p, uint32_t y, const char *text) {
    if (y >= p->end) return;
    p->end = y;
    memcpy(p->error, text, 256);
}

/* What a thread can do. Each is called with the mutex held, gives it back while it works, and returns 0
   if there was nothing to do. */

static int write_band(pipeline *p) {
    const uint32_t y = band_top(p, p->written), from = in_crop(p, y), to = in_crop(p, band_top(p, p->written + 1));
    char text[256];
    int bad = 0;
    if (p->writing || p->written == p->decoded || y >= p->end) return 0;
    if (from < to) {
        p->writing = 1;
        pthread_mutex_unlock(&p->mutex);
        bad = p->s->write(p->s->user, p->bands[p->written % BANDS].memory, to - from, text);
        pthread_mutex_lock(&p->mutex);
        p->writing = 0;
    }
    if (bad) fail_at(p, y, text);
    else p->written++;
    return 1;
}

static int read_rows(pipeline *p) {
    const uint32_t y = p->read, first = y > p->halo ? y - p->halo : 0; /* the first row that lacks some to look at */
    gmlp_image rows;
    char text[256];
    int bad;
    rows.height = p->rows;
    if (p->reading || y >= p->end || gmlp_stream_space(p->base, &rows) || !rows.height) return 0;
    p->reading = 1;
    pthread_mutex_unlock(&p->mutex);
    bad = picture_rows_read(p->s->rows, rows.data, rows.height, text);
    if (!bad && p->s->to_base) gmlp_converter_rows(p->s->to_base, &rows, &rows);
    pthread_mutex_lock(&p->mutex);
    p->reading = 0;
    if (bad) fail_at(p, first - first % p->rows, text);
    else p->read += rows.height, gmlp_stream_filled(p->base, rows.height);
    return 1;
}

static int decode_rows(pipeline *p) {
    const stream *s = p->s;
    const size_t k = p->next / p->rows;
    const uint32_t y = p->next, ready = band_top(p, p->decoded) + gmlp_stream_ready(p->base);
    const uint32_t to = least(least(y + JOB_ROWS, band_top(p, k + 1)), ready);
    const uint32_t crop_from = in_crop(p, y), crop_to = in_crop(p, to);
    band *b = &p->bands[k % BANDS];
    if (y >= p->end || y >= to || k >= p->written + BANDS) return 0;
    if (y == band_top(p, k)) b->left = band_top(p, k + 1) - y;
    p->next = to;
    if (crop_from < crop_to) {
        gmlp_image out;
        gmlp_result status;
        char text[256];
        memset(&out, 0, sizeof out);
        out.data = (uint8_t *)b->memory + (crop_from - in_crop(p, band_top(p, k))) * p->row_size;
        out.width = s->crop.width;
        out.height = crop_to - crop_from;
        out.type = s->type;
        out.channels = s->channels;
        pthread_mutex_unlock(&p->mutex);
        status = gmlp_stream_rows(p->base, s->crop.y + crop_from, &out, NULL);
        if (status) error_text(text, s->name, "%s", gmlp_result_string(status));
        pthread_mutex_lock(&p->mutex);
        if (status) fail_at(p, band_top(p, k), text);
    }
    b->left -= to - y;
    while (p->decoded * p->rows < p->next && !p->bands[p->decoded % BANDS].left) { /* the rows above go as they came */
        gmlp_stream_drop(p->base, band_top(p, p->decoded + 1) - band_top(p, p->decoded));
        p->decoded++;
    }
    return 1;
}

/* Every thread does what is to do until nothing is left. The first one reads whenever it can, since nobody
   can help with that; the others leave it the reading while they have something else to do, so that the
   reader's tables stay in one processor's cache. */
static void work(void *user, size_t index) {
    pipeline *p = (pipeline *)user;
    pthread_mutex_lock(&p->mutex);
    while (p->written * p->rows < p->end) {
        if ((index == 0 && read_rows(p)) || write_band(p) || decode_rows(p) || read_rows(p))
            pthread_cond_broadcast(&p->change);
        else pthread_cond_wait(&p->change, &p->mutex);
    }
    pthread_mutex_unlock(&p->mutex);
}

static int run_streaming(stream *s, char error[256]) {
    const gmlp_threads threads = pool_threads(s->workers);
    const size_t out_row = (size_t)s->crop.width * gmlp_pixel_size(s->type, s->channels);
    const size_t fit = MEMORY / BANDS / out_row, rows = fit < 1 ? 1 : fit < MOST_ROWS ? fit : MOST_ROWS;
    uint8_t *memory = (uint8_t *)malloc(BANDS * rows * out_row);
    gmlp_decoder_desc decoder;
    gmlp_stream_opts opts;
    pipeline p;
    size_t k;
    memset(&p, 0, sizeof p);
    memset(&opts, 0, sizeof opts);
    opts.rows = (uint32_t)(BANDS * rows);
    opts.channels = s->channels;
    if (!memory || gmlp_stream_create(s->decoder, &opts, &p.base)) {
        free(memory);
        return error_text(error, s->name, "out of memory"), -1;
    }
    gmlp_decoder_info(s->decoder, &decoder);
    p.s = s;
    p.halo = decoder.halo;
    p.rows = (uint32_t)rows;
    p.row_size = out_row;
    p.end = s->height;
    p.error = error;
    for (k = 0; k < BANDS; k++) p.bands[k].memory = memory + k * rows * out_row;
    pthread_mutex_init(&p.mutex, NULL);
    pthread_cond_init(&p.change, NULL);
    threads.parallel_for(threads.user, work, &p, (size_t)pool_size(s->workers));
    pthread_cond_destroy(&p.change);
    pthread_mutex_destroy(&p.mutex);
    s->verdict = gmlp_stream_check(p.base);
    gmlp_stream_free(p.base);
    free(memory);
    return p.end < s->height ? -1 : 0;
}

/* With a GPU: all rows of the base, then large bands of the result, one after the other. */

static int run_bands(const stream *s, const gmlp_image *base, void *handle, gmlp_image *out, char error[256]) {
    const uint32_t most = out->height;
    char words[400];
    uint32_t y;
    for (y = 0; y < s->crop.height; y += out->height) {
        gmlp_result status;
        out->height = least(most, s->crop.height - y);
        status = device_table(s->device)->decoder_rows(handle, base, 0, 0, out, s->crop.x, s->crop.y + y);
        if (status) return error_text(error, s->name, "%s", device_words(s->device, status, words)), -1;
        if (s->write(s->user, out->data, out->height, error)) return -1;
    }
    return 0;
}

static int run_there(stream *s, gmlp_image *base, gmlp_image *out, char error[256]) {
    const gmlp_device *table = device_table(s->device);
    void *handle;
    char words[400];
    gmlp_result status;
    int bad;
    if (picture_rows_read(s->rows, base->data, base->height, error)) return -1;
    if (s->to_base) gmlp_converter_rows(s->to_base, base, base);
    s->verdict = gmlp_net_check(s->net, base);
    status = table->decoder_create(table->user, s->decoder, &handle);
    if (status) return error_text(error, s->name, "%s", device_words(s->device, status, words)), -1;
    bad = run_bands(s, base, handle, out, error);
    table->decoder_free(handle);
    return bad;
}

static int run_whole(stream *s, char error[256]) {
    const size_t row = (size_t)s->crop.width * gmlp_pixel_size(s->type, s->channels);
    gmlp_image base, out;
    int bad = -1;
    memset(&base, 0, sizeof base);
    memset(&out, 0, sizeof out);
    base.width = s->width;
    base.height = s->height;
    base.type = GMLP_U8;
    base.channels = s->channels;
    base.space = s->net->base_space;
    base.data = malloc((size_t)base.width * base.height * gmlp_pixel_size(GMLP_U8, s->channels));
    out.width = s->crop.width;
    out.height = least(s->crop.height, LARGE_BAND);
    out.type = s->type;
    out.channels = s->channels;
    out.data = malloc(row * out.height);
    if (base.data && out.data) bad = run_there(s, &base, &out, error);
    else error_text(error, s->name, "out of memory");
    free(base.data);
    free(out.data);
    return bad;
}

int stream_run(stream *s, char error[256]) {
    return s->device && device_table(s->device) ? run_whole(s, error) : run_streaming(s, error);
}
