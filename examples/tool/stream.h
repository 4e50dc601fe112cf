/* The rows of a base picture through its network. */
#ifndef STREAM_H
#define STREAM_H

#include "gamutmlp.h"
#include "picture.h"
#include "pool.h"

typedef struct rectangle {
    uint32_t x, y, width, height;
} rectangle;

typedef struct stream {
    picture_rows *rows;          /* open, of a picture of width x height */
    const char *name;            /* the picture's, for error texts */
    uint32_t width, height;
    rectangle crop;              /* what is decoded; within the picture */
    const gmlp_decoder *decoder;
    int type;                    /* that the decoder writes */
    pool *workers;
    /* Gets the decoded rows from the top on, packed, on any thread but never on two at once. */
    int (*write)(void *user, const void *rows, uint32_t count, char error[256]);
    void (*shown)(void *user, uint32_t rows); /* rows done; on the caller's thread; may be NULL */
    void *user;
    gmlp_signature signature;    /* out: of the whole picture; not finished */
} stream;

/* A band is read while the one before it is decoded and the one before that is written, so that the
   slowest of the three sets the pace. The result does not depend on the threads. 0, or -1 and a
   text; when several fail, the row farthest up decides. */
int stream_run(stream *s, char error[256]);

#endif
