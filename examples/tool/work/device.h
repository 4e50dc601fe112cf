/* --device: what trains and decodes, the CPU or a GPU. A program has the GPU if it was built with it (make cuda). */
#ifndef DEVICE_H
#define DEVICE_H

#include "gamutmlp.h"
#include "shell/json.h"

#define DEVICES "auto|cpu|gpu"
enum { DEVICE_AUTO, DEVICE_CPU, DEVICE_GPU }; /* a word's place there */

typedef struct device {
    int choice;
    const char *command;
    gmlp_cuda *gpu; /* open; NULL: the CPU does it */
    char note[400]; /* why auto does not use the GPU; empty if it does */
} device;

/* Is this program built with it? */
int device_is_built(void);
/* NULL, or why the choice is none for this program. */
const char *device_contradiction(const device *d);
/* For work that is the CPU's in any case: why. Before device_open. */
void device_only_cpu(device *d, const char *why);
/* Starts the GPU, if that is the choice and there is one. 0, or 1 after a message. */
int device_open(device *d, const char *command);
void device_close(device *d);

/* The library's calls, with opts->device as it is to be. If the GPU fails, auto says so, and it is done again, and all
   that follows, by the CPU. train: gmlp_train or gmlp_train_hdr. */
typedef gmlp_result (*device_training)(const gmlp_image *base, const gmlp_image *original, const gmlp_train_opts *opts,
                                       gmlp_net *net, gmlp_train_report *report);
gmlp_result device_train(device *d, device_training train, const gmlp_image *base, const gmlp_image *original,
                         gmlp_train_opts *opts, gmlp_net *net, gmlp_train_report *report);
gmlp_result device_decode(device *d, const gmlp_net *net, const gmlp_image *base, const gmlp_image *out,
                          gmlp_decode_opts *opts);
/* The GPU; NULL: there is none. */
const gmlp_device *device_table(const device *d);
/* What went wrong, in the words of the library and, of a GPU, in CUDA's. */
const char *device_words(const device *d, gmlp_result status, char text[400]);

/* "device": "gpu" or "cpu", and "device_note": why auto does not use the GPU, or null. */
void device_json(const device *d, json *j);
/* " on the GPU", or nothing. */
const char *device_place(const device *d);

#endif
