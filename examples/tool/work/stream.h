/* The rows of a base picture through its network. */
#ifndef STREAM_H
#define STREAM_H

#include "gamutmlp.h"
#include "pictures/picture.h"
#include "shell/pool.h"
#include "work/device.h"

typedef struct rectangle {
    uint32_t x, y, width, height;
} rectangle;

typedef struct stream {
    picture_rows *rows;          /* open, of a picture of width x height, which are the decoder's */
    const char *name;            /* the picture's, for error texts */
    uint32_t width, height;
    rectangle crop;              /* what is decoded; within the picture. Its columns are the decoder's */
    const gmlp_decoder *decoder;
    const gmlp_converter *to_base; /* from the codes of rows to the decoder's, in place; NULL: they are these */
    int type;                    /* that the decoder writes */
    int channels;                /* of the rows, and so of what is written: 3, or 4 with alpha */
    pool *workers;
    const device *device;        /* with a GPU: that decodes, the whole picture being in memory. NULL: the CPU */
    const gmlp_net *net;         /* the decoder's; for a device alone */
    /* Gets the decoded rows from the top on, packed; on any thread, but never on two at once. */
    int (*write)(void *user, const void *rows, uint32_t count, char error[256]);
    void *user;
    gmlp_result verdict;         /* out: gmlp_stream_check's, if all rows could be read */
} stream;

/* Some rows are read while those above them are decoded and others above those are written. The
   result does not depend on the threads. 0, or -1 and a text: of the failure farthest up. */
int stream_run(stream *s, char error[256]);

#endif
