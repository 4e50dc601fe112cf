#include "work/device.h"

#include <stdio.h>

#include "shell/messages.h"

#define NOT_BUILT "this gamutmlp is built without GPUs; 'make cuda' builds build/cuda/gamutmlp, which has them"

#ifdef GAMUTMLP_WITH_CUDA
int device_is_built(void) { return 1; }
static gmlp_result start(gmlp_cuda **gpu, char error[GMLP_CUDA_ERROR]) {
    gmlp_cuda_opts opts = { 0, NULL, NULL };
    opts.error = error;
    return gmlp_cuda_create(&opts, gpu);
}
static void stop(gmlp_cuda *gpu) { gmlp_cuda_free(gpu); }
static const gmlp_device *table(const gmlp_cuda *gpu) { return gmlp_cuda_device(gpu); }
static const char *cuda_words(const gmlp_cuda *gpu) { return gmlp_cuda_error(gpu); }
#else
int device_is_built(void) { return 0; }
static gmlp_result start(gmlp_cuda **gpu, char error[GMLP_CUDA_ERROR]) {
    *error = 0;
    return *gpu = NULL, GMLP_E_NO_DEVICE;
}
static void stop(gmlp_cuda *gpu) { (void)gpu; }
static const gmlp_device *table(const gmlp_cuda *gpu) { return (void)gpu, NULL; }
static const char *cuda_words(const gmlp_cuda *gpu) { return (void)gpu, ""; }
#endif

static int is_of_device(gmlp_result status) {
    return status == GMLP_E_NO_DEVICE || status == GMLP_E_DRIVER || status == GMLP_E_DEVICE_CODE ||
           status == GMLP_E_DEVICE_MEMORY || status == GMLP_E_DEVICE;
}

const char *device_contradiction(const device *d) {
    return d->choice == DEVICE_GPU && !device_is_built() ? "--device gpu: " NOT_BUILT : NULL;
}

void device_only_cpu(device *d, const char *why) {
    if (d->choice == DEVICE_AUTO) snprintf(d->note, sizeof d->note, "%s", why);
    d->choice = DEVICE_CPU;
}

static void put_words(gmlp_result status, const char *cuda, char text[400]) {
    snprintf(text, 400, "%s%s%s%s", gmlp_result_string(status), *cuda ? " (" : "", cuda, *cuda ? ")" : "");
}

const char *device_words(const device *d, gmlp_result status, char text[400]) {
    put_words(status, d->gpu && is_of_device(status) ? cuda_words(d->gpu) : "", text);
    return text;
}

int device_open(device *d, const char *command) {
    char error[GMLP_CUDA_ERROR], text[400];
    gmlp_result status;
    d->command = command;
    if (d->choice == DEVICE_CPU) return 0;
    if (!device_is_built()) {
        snprintf(d->note, sizeof d->note, NOT_BUILT);
        return 0;
    }
    status = start(&d->gpu, error);
    if (!status) return 0;
    put_words(status, error, text);
    if (d->choice == DEVICE_GPU) return fail(command, "--device gpu: %s; --device cpu does without", text);
    snprintf(d->note, sizeof d->note, "%s", text);
    tell_note(command, "no GPU: %s; the CPU does the work", d->note);
    return 0;
}

void device_close(device *d) {
    stop(d->gpu);
    d->gpu = NULL;
}

const gmlp_device *device_table(const device *d) { return d->gpu ? table(d->gpu) : NULL; }

/* 1: what called the GPU is to do it again, without. */
static int gave_up(device *d, gmlp_result status) {
    if (!d->gpu || d->choice != DEVICE_AUTO || !is_of_device(status)) return 0;
    device_words(d, status, d->note);
    tell_note(d->command, "the GPU gave up: %s; the CPU does it again", d->note);
    device_close(d);
    return 1;
}

gmlp_result device_train(device *d, device_training train, const gmlp_image *base, const gmlp_image *original,
                         gmlp_train_opts *opts, gmlp_net *net, gmlp_train_report *report) {
    gmlp_result status;
    do {
        opts->device = device_table(d);
        status = train(base, original, opts, net, report);
    } while (gave_up(d, status));
    return status;
}

gmlp_result device_decode(device *d, const gmlp_net *net, const gmlp_image *base, const gmlp_image *out,
                          gmlp_decode_opts *opts) {
    gmlp_result status;
    do {
        opts->device = device_table(d);
        status = gmlp_decode(net, base, out, opts);
    } while (gave_up(d, status));
    return status;
}

void device_json(const device *d, json *j) {
    json_text(j, "device", d->gpu ? "gpu" : "cpu");
    json_text(j, "device_note", *d->note ? d->note : NULL);
}

const char *device_place(const device *d) { return d->gpu ? " on the GPU" : ""; }
