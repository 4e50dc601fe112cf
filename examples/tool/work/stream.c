#include "work/stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shell/messages.h"

#define BANDS 8u
#define MOST_ROWS 8u /* of a band: what libjpeg makes at once */
#define JOB_ROWS 4u
#define MEMORY (4u << 20)

/* Some rows on their way: read by one thread, decoded by several, written by one. The network may look at
   some rows above and below, which are copied from the neighbours: a band is whole when the next one has been read. */
typedef struct band {
    gmlp_image base, out;   /* all rows, with those above and below that are there; the rows and columns of the crop */
    uint32_t y, rows;       /* its own rows in the picture */
    uint32_t top;           /* the first row of base in the picture */
    uint32_t first, end;    /* rows of the crop in it */
    uint32_t next, left;    /* decoding: the row of the crop to take next, rows not yet decoded */
    uint8_t *memory;        /* reach rows, rows, reach rows */
} band;

/* Bands are numbered from the top; number k lies in bands[k % BANDS]. */
typedef struct pipeline {
    stream *s;
    pthread_mutex_t mutex; /* over all that follows, not over the pixels */
    pthread_cond_t change;
    band bands[BANDS];
    uint32_t rows, reach;      /* of a band; that the network looks at above and below, at most rows */
    size_t read, written;      /* bands that have been */
    int reading, writing;
    uint32_t end;              /* rows from here on are given up: the picture's height, or where it failed */
    char *error;
} pipeline;

static void fail_at(pipeline *p, uint32_t y, const char *text) {
    if (y >= p->end) return;
    p->end = y;
    memcpy(p->error, text, 256);
}

/* The rows of the crop in the band that begins at row y. */
static void begin_band(const pipeline *p, band *b, uint32_t y) {
    const stream *s = p->s;
    const uint32_t end = s->height - y < p->rows ? s->height : y + p->rows, crop_end = s->crop.y + s->crop.height;
    b->y = b->top = y;
    b->rows = b->base.height = end - y;
    b->base.data = b->memory + p->reach * (size_t)b->base.stride;
    b->first = y > s->crop.y ? y : s->crop.y;
    b->end = end < crop_end ? end : crop_end;
    if (b->first > b->end) b->first = b->end;
    b->next = b->first;
    b->left = b->end - b->first;
}

/* What a thread can do. Each is called with the mutex held, gives it back while it works, and returns 0
   if there was nothing to do. */

static int write_band(pipeline *p) {
    band *b = &p->bands[p->written % BANDS];
    char text[256];
    int bad = 0;
    if (p->writing || p->written == p->read || b->left || b->y >= p->end) return 0;
    if (b->first < b->end) {
        p->writing = 1;
        pthread_mutex_unlock(&p->mutex);
        bad = p->s->write(p->s->user, b->out.data, b->end - b->first, text);
        pthread_mutex_lock(&p->mutex);
        p->writing = 0;
    }
    if (bad) fail_at(p, b->y, text);
    else p->written++;
    return 1;
}

/* The rows that a band and the one above it look at of each other. The upper one is whole then, and nobody decodes it
 * before. */
static void share_rows(const pipeline *p, band *upper, band *b) {
    const size_t row = (size_t)b->base.stride, up = p->reach, down = b->rows < p->reach ? b->rows : p->reach;
    memcpy(b->memory, upper->memory + upper->rows * row, up * row);
    b->top -= (uint32_t)up;
    b->base.data = b->memory;
    b->base.height += (uint32_t)up;
    memcpy(upper->memory + (p->reach + upper->rows) * row, b->memory + p->reach * row, down * row);
    upper->base.height += (uint32_t)down;
}

/* May the band be decoded: is the next one read, or none needed? */
static int is_whole(const pipeline *p, size_t k) {
    return !p->reach || k + 1 < p->read || p->bands[k % BANDS].y + p->bands[k % BANDS].rows == p->s->height;
}

static int read_band(pipeline *p) {
    band *b = &p->bands[p->read % BANDS];
    const size_t y = p->read * p->rows;
    char text[256];
    int bad;
    if (p->reading || y >= p->end || p->read == p->written + BANDS) return 0;
    p->reading = 1;
    begin_band(p, b, (uint32_t)y);
    pthread_mutex_unlock(&p->mutex);
    bad = picture_rows_read(p->s->rows, b->base.data, b->base.height, text);
    if (!bad) gmlp_signature_rows(&p->s->signature, &b->base, b->y);
    if (!bad && p->reach && y) share_rows(p, &p->bands[(p->read - 1) % BANDS], b);
    pthread_mutex_lock(&p->mutex);
    p->reading = 0;
    if (bad) fail_at(p, p->reach && y ? b->y - p->rows : b->y, text); /* the band above lacks what it looks at */
    else p->read++;
    return 1;
}

static int decode_rows(pipeline *p) {
    const stream *s = p->s;
    size_t k;
    for (k = p->written; k < p->read; k++) {
        band *b = &p->bands[k % BANDS];
        gmlp_image out = b->out;
        const uint32_t y = b->next, rows = b->end - y < JOB_ROWS ? b->end - y : JOB_ROWS;
        gmlp_result status;
        char text[256];
        if (b->y >= p->end || !is_whole(p, k)) return 0;
        if (!rows) continue;
        b->next += rows;
        pthread_mutex_unlock(&p->mutex);
        out.height = rows;
        out.data = (uint8_t *)out.data + (size_t)(y - b->first) * (size_t)out.stride;
        status = gmlp_decoder_rows(s->decoder, &b->base, 0, b->top, &out, s->crop.x, y);
        if (status) error_text(text, s->name, "%s", gmlp_result_string(status));
        pthread_mutex_lock(&p->mutex);
        if (status) fail_at(p, b->y, text);
        b->left -= rows;
        return 1;
    }
    return 0;
}

/* Every thread does what is to do until nothing is left. The first one reads whenever it can, since nobody
   can help with that; the others leave it the reading while they have something else to do, so that the
   reader's tables stay in one processor's cache. */
static void work(void *user, size_t index) {
    pipeline *p = (pipeline *)user;
    pthread_mutex_lock(&p->mutex);
    while (p->written * p->rows < p->end) {
        if ((index == 0 && read_band(p)) || write_band(p) || decode_rows(p) || read_band(p))
            pthread_cond_broadcast(&p->change);
        else pthread_cond_wait(&p->change, &p->mutex);
    }
    pthread_mutex_unlock(&p->mutex);
}

int stream_run(stream *s, char error[256]) {
    const gmlp_threads threads = pool_threads(s->workers);
    const size_t base_row = (size_t)s->width * 3, out_row = (size_t)s->crop.width * gmlp_pixel_size(s->type, 3);
    const size_t fit = MEMORY / BANDS / (base_row + out_row), some = fit < 1 ? 1 : fit < MOST_ROWS ? fit : MOST_ROWS;
    const size_t rows = some < s->reach ? s->reach : some, base_rows = rows + 2 * (size_t)s->reach,
                 size = base_rows * base_row + rows * out_row;
    uint8_t *memory = (uint8_t *)malloc(BANDS * size);
    pipeline p;
    size_t k;
    if (!memory) return error_text(error, s->name, "out of memory"), -1;
    memset(&p, 0, sizeof p);
    p.s = s;
    p.rows = (uint32_t)rows;
    p.reach = s->reach;
    p.end = s->height;
    p.error = error;
    for (k = 0; k < BANDS; k++) {
        band *b = &p.bands[k];
        b->memory = memory + k * size;
        b->base.width = s->width;
        b->base.stride = (ptrdiff_t)base_row;
        b->base.type = GMLP_U8;
        b->base.space = GMLP_SRGB;
        b->out = b->base;
        b->out.data = b->memory + base_rows * base_row;
        b->out.width = s->crop.width;
        b->out.stride = (ptrdiff_t)out_row;
        b->out.type = s->type;
    }
    gmlp_signature_begin(&s->signature, s->width, s->height);
    pthread_mutex_init(&p.mutex, NULL);
    pthread_cond_init(&p.change, NULL);
    threads.parallel_for(threads.user, work, &p, (size_t)pool_size(s->workers));
    pthread_cond_destroy(&p.change);
    pthread_mutex_destroy(&p.mutex);
    free(memory);
    return p.end < s->height ? -1 : 0;
}
