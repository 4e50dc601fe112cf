#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "output.h"

#define MOST_ROWS 64u
#define JOB_ROWS 2u
#define BAND_BYTES (4u << 20)

/* What a step does besides decoding; decoding is the indices after these. */
enum { WRITE, READ, SIGN, DECODE };

/* A band on its way. */
typedef struct band {
    gmlp_image base, out;   /* all rows; the rows and columns of the crop */
    uint32_t y, first, end; /* its first row in the picture; rows of the crop in it */
    int bad;                /* reading it, or writing it, failed */
    gmlp_result status[MOST_ROWS / JOB_ROWS];
    char error[256];
} band;

typedef struct pipeline {
    stream *s;
    band bands[3]; /* in turn */
    band *read, *decode, *write; /* NULL: nothing to do */
} pipeline;

static size_t band_jobs(const band *b) { return b ? (b->end - b->first + JOB_ROWS - 1) / JOB_ROWS : 0; }

static void decode_rows(const stream *s, band *b, size_t index) {
    const uint32_t skip = (uint32_t)index * JOB_ROWS, left = b->end - b->first - skip;
    gmlp_image base = b->base, out = b->out;
    base.width = out.width;
    base.height = out.height = left < JOB_ROWS ? left : JOB_ROWS;
    base.data = (uint8_t *)base.data + (size_t)(b->first - b->y + skip) * (size_t)base.stride + (size_t)s->crop.x * 3;
    out.data = (uint8_t *)out.data + (size_t)skip * (size_t)out.stride;
    b->status[index] = gmlp_decoder_rows(s->decoder, &base, s->crop.x, b->first + skip, &out);
}

static void job(void *user, size_t index) {
    pipeline *p = (pipeline *)user;
    stream *s = p->s;
    if (index == WRITE && p->write) p->write->bad = s->write(s->user, p->write->out.data, p->write->end - p->write->first, p->write->error);
    else if (index == READ && p->read) p->read->bad = picture_rows_read(s->rows, p->read->base.data, p->read->base.height, p->read->error);
    else if (index == SIGN && p->decode) gmlp_signature_rows(&s->signature, &p->decode->base, p->decode->y);
    else if (index >= DECODE) decode_rows(s, p->decode, index - DECODE);
}

/* The next band to read, from row y on. */
static void begin_band(const stream *s, band *b, uint32_t y, uint32_t most, uint8_t *base, uint8_t *out) {
    const uint32_t end = s->height - y < most ? s->height : y + most, crop_end = s->crop.y + s->crop.height;
    memset(b, 0, sizeof *b);
    b->y = y;
    b->first = y > s->crop.y ? y : s->crop.y;
    b->end = end < crop_end ? end : crop_end;
    if (b->first > b->end) b->first = b->end; /* nothing of the crop */
    b->base.data = base;
    b->base.width = s->width;
    b->base.height = end - y;
    b->base.stride = (ptrdiff_t)((size_t)s->width * 3);
    b->base.type = GMLP_U8;
    b->base.space = GMLP_SRGB;
    b->out = b->base;
    b->out.data = out;
    b->out.width = s->crop.width;
    b->out.stride = (ptrdiff_t)((size_t)s->crop.width * 3 * gmlp_type_size(s->type));
    b->out.type = s->type;
}

/* Whether a step went well; the band farthest up is looked at first. */
static int step_failed(const pipeline *p, char error[256]) {
    size_t i;
    if (p->write && p->write->bad) return memcpy(error, p->write->error, 256), 1;
    for (i = 0; i < band_jobs(p->decode); i++)
        if (p->decode->status[i]) return error_text(error, p->s->name, "%s", gmlp_result_string(p->decode->status[i])), 1;
    if (p->read && p->read->bad) return memcpy(error, p->read->error, 256), 1;
    return 0;
}

int stream_run(stream *s, char error[256]) {
    const gmlp_threads threads = pool_threads(s->workers);
    const size_t base_row = (size_t)s->width * 3, out_row = (size_t)s->crop.width * 3 * gmlp_type_size(s->type);
    const size_t fit = BAND_BYTES / (base_row + out_row);
    const uint32_t most = fit < 1 ? 1 : fit < MOST_ROWS ? (uint32_t)fit : MOST_ROWS;
    uint8_t *memory = (uint8_t *)malloc(2 * most * (base_row + out_row)); /* a band read, one decoded; one decoded, one written */
    pipeline p;
    uint32_t y = 0;
    size_t k = 0; /* number of the band to read */
    int bad;
    if (!memory) return error_text(error, s->name, "out of memory"), -1;
    memset(&p, 0, sizeof p);
    p.s = s;
    gmlp_signature_begin(&s->signature, s->width, s->height);
    do {
        p.write = p.decode && p.decode->first < p.decode->end ? p.decode : NULL;
        p.decode = p.read;
        p.read = y < s->height ? &p.bands[k % 3] : NULL;
        if (p.read) {
            uint8_t *const base = memory + (k & 1) * most * (base_row + out_row);
            begin_band(s, p.read, y, most, base, base + most * base_row);
            y += p.read->base.height;
        }
        threads.run(threads.user, job, &p, DECODE + band_jobs(p.decode));
        bad = step_failed(&p, error);
        if (s->shown && p.write) s->shown(s->user, p.write->end);
        k++;
    } while (!bad && (p.read || p.decode));
    free(memory);
    return bad ? -1 : 0;
}
