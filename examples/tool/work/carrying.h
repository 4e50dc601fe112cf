/* A file in the making that will carry a network: what the commands have in common that train one. */
#ifndef CARRYING_H
#define CARRYING_H

#include "gamutmlp.h"
#include "pictures/picture.h"
#include "shell/args.h"
#include "shell/files.h"
#include "shell/pool.h"
#include "shell/progress.h"
#include "work/base.h"
#include "work/device.h"

/* How a network is trained, as the command line has it. */
#define PRESETS "default|fast|high|max|paper"
int preset_of_choice(int choice); /* gmlp_preset of a word's place in PRESETS */

typedef struct training {
    int preset; /* gmlp_preset */
    uint64_t iterations, seed, threads, budget;
    uint64_t width; /* neurons a layer; 0: as preset, budget or start have it */
    const char *start_path;
    gmlp_net start; /* owned, when there is a start_path */
    device device;
    progress bar;
    double began, seconds;
} training;

/* Their rows in a command's table, but for --preset and --start, whose help differs. */
#define TRAINING_OPTIONS(t) \
    { "--budget", ARG_INT, &(t).budget, "BYTES", \
      "the network's size at most; metadata takes 1.4 to 2.8 times that", 512, 65536 }, \
    { "--width", ARG_INT, &(t).width, "N", \
      "neurons in each of the two layers, a multiple of 8 (as preset and budget have it)", 8, GMLP_MAX_WIDTH }, \
    { "--iterations", ARG_INT, &(t).iterations, "N", "training steps (the preset's)", 1, 10000000 }, \
    { "--seed", ARG_INT, &(t).seed, "N", "of all random numbers (0)", 0, UINT64_MAX }, \
    { "--threads", ARG_INT, &(t).threads, "N", "threads (one a processor); the result is the same", 1, 256 }, \
    TRAINING_DEVICE((t).device)
#define TRAINING_DEVICE(d) \
    { "--device", ARG_CHOICE, &(d).choice, DEVICES, \
      "what trains (auto: a GPU, if there is one); weights differ, quality does not", 0, 0 }

/* NULL, or why these options do not go together. */
const char *training_contradiction(const training *t);
/* Reads the start, and starts the GPU. 0, or 1 after a message. */
int training_prepare(training *t, const char *command);
/* The library's options for this; then the bar shows how far it is until training_end. */
void training_begin(training *t, pool *workers, gmlp_train_opts *opts);
void training_end(training *t);
void training_free(training *t);
/* Why the network is as large as it is. */
const char *training_because(const training *t, char text[160]);

/* What is made, in order; freed together. */
typedef struct carrying {
    const char *command, *out;
    int container;    /* gmlp_container, by out's name; 0: by none */
    picture base;     /* the pixels that a decoder will see */
    uint8_t *file;    /* the base as a file */
    size_t file_size;
    gmlp_net net;     /* as a reader of the file gets it */
    uint8_t *blob;
    size_t blob_size;
    output output;
    uint64_t out_size, metadata_bytes;
} carrying;

void carrying_begin(carrying *c, const char *command, const char *out);
/* These give 0, or 1 after a message. */
int carrying_open(carrying *c);    /* the output, before the long part */
/* The base into file; of a JPEG base becomes what compression left. */
int carrying_compress(carrying *c, const picture_write_opts *opts);
void carrying_base(carrying *c, base_file *f);                      /* takes over one that was made */
int carrying_network(carrying *c, gmlp_net *trained);               /* takes it over */
/* Puts what was measured into the network, before it is written. */
int carrying_quality(carrying *c, double psnr, double psnr_og);
int carrying_write(carrying *c, int carriers);
void carrying_free(carrying *c);

#endif
