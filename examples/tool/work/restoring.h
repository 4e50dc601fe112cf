/* From a file that carries a network to the picture that it gives back: what decode and hdr-decode have in common. */
#ifndef RESTORING_H
#define RESTORING_H

#include "shell/args.h"
#include "shell/pool.h"
#include "work/carried.h"
#include "work/device.h"
#include "work/edited.h"
#include "work/kept.h"
#include "work/stream.h"

typedef struct restoring {
    const args_command *command;
    const char *in, *out, *network, *crop_text;
    int to, depth, bits;    /* gmlp_space and gmlp_type of what is made; bits of it that an AVIF keeps */
    int base;               /* 0, or gmlp_space of a picture that carries no network, which is converted as it is */
    int force, json, strip;
    uint64_t threads;
    gmlp_decoder_opts opts;
    device device;
    double began;
    carried file;
    picture_rows *rows;
    uint32_t width, height; /* of the picture in the file */
    int channels;           /* of its rows and of out's: 3, or 4 with alpha */
    rectangle crop;
    uint32_t out_width, out_height;
    pool *workers;
    gmlp_decoder *decoder;
    int rgb;                /* rows are RGB, and the network takes sYCC */
    int belongs, clipped;   /* the network to the pixels; but what these held outside sRGB is gone */
    int unlike, looked;     /* it did not belong to them; an edit was looked for then */
    edited edit;            /* what another program did to them, if that is known */
} restoring;

/* What decode and hdr-decode share of their options. */
#define DEPTHS "10|12|16|half|float"
void restoring_depth(restoring *r, int choice, int usual); /* a word's place in DEPTHS, or -1: the usual gmlp_type */
#define RESTORING_OPTIONS(r) \
    { "--crop", ARG_TEXT, &(r).crop_text, "X,Y,W,H", "this part of what is shown: left, top, width, height", 0, 0 }, \
    { "--net", ARG_TEXT, &(r).network, "FILE", \
      "IN's network, from 'extract' (in IN, else in IN.gmlp beside it); it must be that of IN's pixels", 0, 0 }, \
    STRIP_METADATA((r).strip), \
    { "--force", ARG_FLAG, &(r).force, NULL, "decode what was changed after encoding, too; OUT may be IN", 0, 0 }, \
    { "--threads", ARG_INT, &(r).threads, "N", "threads (one a processor); the result is the same", 1, 256 }, \
    { "--device", ARG_CHOICE, &(r).device.choice, DEVICES, \
      "gpu: the whole picture at once there; the result is the same (auto: cpu, row by row)", 0, 0 }, \
    { "--json", ARG_FLAG, &(r).json, NULL, "print one JSON object", 0, 0 }

/* Does out end in one of these? */
#define RESTORING_NAMES ".png, .tif, .exr, .jxl or .avif"
int restoring_has_name(const restoring *r);
/* Can out hold depth, and is crop_text a rectangle? ARGS_GO_ON or, after a message, 2. */
int restoring_check(restoring *r);
/* Reads the file; its network must be one for HDR, or for a wide gamut. With a base there must be none, and one that
   does nothing takes its place. 0, or the exit status after a message. */
int restoring_open(restoring *r, int hdr);
/* After a failure: if it was that the network does not belong to the pixels, an edit is looked for that explains them.
   1: one was found, or force was said, and all is ready to decode from the beginning; 0: it stays a failure. */
int restoring_again(restoring *r, char error[256]);
/* Rows stream from the compressed file through the network to write (stream.h), so that memory does not grow with the
   picture. Whether the network belongs to the pixels is known at the end, and it is a failure if it does not, without
   force. Clipped ones are none: what is left comes back. 0, or -1 and a text. */
int restoring_run(restoring *r, int (*write)(void *user, const void *rows, uint32_t count, char error[256]), void *user,
                  char error[256]);
/* What these rows are rows of. */
gmlp_image restoring_like(const restoring *r);
/* The same into the file out, with the metadata of in. 0, or 1 after a message. */
int restoring_write(restoring *r);
/* Warns, too, of clipped pixels, and if the network does not belong to them, and that was forced. */
void restoring_report(const restoring *r);
void restoring_free(restoring *r);

#endif
