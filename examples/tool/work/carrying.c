#include "work/carrying.h"

#include <stdlib.h>
#include <string.h>

#include "shell/files.h"
#include "shell/messages.h"
#include "shell/progress.h"
#include "work/carried.h"
#include "work/quality.h"

int preset_of_choice(int choice) {
    static const int presets[] = { GMLP_PRESET_DEFAULT, GMLP_PRESET_FAST, GMLP_PRESET_HIGH, GMLP_PRESET_MAX,
                                   GMLP_PRESET_PAPER };
    return presets[choice];
}

const char *training_contradiction(const training *t) {
    if (t->width % 8) return "--width takes a multiple of 8";
    if (t->width && t->start_path) return "--start brings its width; there is no --width beside it";
    return device_contradiction(&t->device);
}

int training_prepare(training *t, const char *command) {
    char error[256];
    if (t->start_path && start_read(t->start_path, &t->start, error)) return fail(command, "%s", error);
    return device_open(&t->device, command);
}

static int on_progress(void *user, uint32_t step, uint32_t steps) {
    progress_show((progress *)user, step, steps);
    return 0;
}

void training_begin(training *t, pool *workers, gmlp_train_opts *opts) {
    memset(opts, 0, sizeof *opts);
    opts->preset = t->preset;
    opts->seed = t->seed;
    opts->iterations = (uint32_t)t->iterations;
    opts->budget = (uint32_t)t->budget;
    opts->width = (int)t->width;
    if (t->start_path) {
        opts->start = &t->start;
        opts->width = t->start.mlp.width;
        memcpy(opts->frequencies, t->start.mlp.frequencies, sizeof opts->frequencies);
        memcpy(opts->radius, t->start.radius, sizeof opts->radius);
    }
    opts->threads = pool_threads(workers);
    opts->progress = on_progress;
    opts->progress_user = &t->bar;
    t->began = seconds_now();
    progress_begin(&t->bar, "training");
}

void training_end(training *t) {
    progress_end(&t->bar);
    t->seconds = seconds_now() - t->began;
}

void training_free(training *t) {
    device_close(&t->device);
    gmlp_net_free(&t->start);
}

const char *training_because(const training *t, char text[160]) {
    static const char *const names[] = { "default", "paper", "fast", "high", "max" };
    if (t->width) snprintf(text, 160, "as --width says");
    else if (t->preset == GMLP_PRESET_PAPER) snprintf(text, 160, "as published");
    else if (t->start_path) snprintf(text, 160, "as the start in %s", t->start_path);
    else if (t->budget)
        snprintf(text, 160, "the widest that leaves 3.6 bits a weight of %llu bytes", (unsigned long long)t->budget);
    else snprintf(text, 160, "preset %s", names[t->preset]);
    return text;
}

void carrying_begin(carrying *c, const char *command, const char *out) {
    memset(c, 0, sizeof *c);
    c->command = command;
    c->out = out;
    if (path_has_extension(out, "png")) c->container = GMLP_CONTAINER_PNG;
    else if (path_has_extension(out, "ktx2")) c->container = GMLP_CONTAINER_KTX2;
    else if (path_has_extension(out, "jpg") || path_has_extension(out, "jpeg")) c->container = GMLP_CONTAINER_JPEG;
}

int carrying_open(carrying *c) {
    char error[256];
    return output_open(&c->output, c->out, error) ? fail(c->command, "%s", error) : 0;
}

int carrying_compress(carrying *c, const picture_write_opts *opts) {
    const int space = c->base.image.space;
    char error[256];
    if (picture_encode_memory(c->container, &c->base.image, opts, &c->file, &c->file_size, error))
        return fail(c->command, "%s", error);
    if (c->container != GMLP_CONTAINER_JPEG) return 0;
    picture_free(&c->base);
    return picture_read_memory(c->file, c->file_size, c->out, space, &c->base, error) ? fail(c->command, "%s", error)
                                                                                      : 0;
}

void carrying_base(carrying *c, base_file *f) {
    c->base = f->picture;
    c->file = f->bytes;
    c->file_size = f->size;
    memset(f, 0, sizeof *f);
}

int carrying_network(carrying *c, gmlp_net *trained) {
    gmlp_result status;
    c->blob_size = gmlp_blob_size(trained);
    c->blob = (uint8_t *)malloc(c->blob_size);
    status = c->blob ? gmlp_blob_write(trained, c->blob, c->blob_size, &c->blob_size) : GMLP_E_MEMORY;
    gmlp_net_free(trained);
    if (!status) status = gmlp_blob_read(c->blob, c->blob_size, NULL, &c->net, NULL);
    return status ? fail(c->command, "%s: %s", c->out, gmlp_result_string(status)) : 0;
}

int carrying_quality(carrying *c, double psnr, double psnr_og) {
    const size_t capacity = c->blob_size;
    gmlp_result status;
    quality_set(&c->net, psnr, psnr_og);
    status = gmlp_blob_write(&c->net, c->blob, capacity, &c->blob_size);
    return status ? fail(c->command, "%s: %s", c->out, gmlp_result_string(status)) : 0;
}

int carrying_write(carrying *c, int carriers) {
    gmlp_embed_opts opts;
    gmlp_error why;
    gmlp_result status;
    char error[256];
    memset(&opts, 0, sizeof opts);
    memset(&why, 0, sizeof why);
    opts.carriers = carriers;
    opts.leave_untagged = c->net.base_space != GMLP_SRGB && c->net.base_space != GMLP_SYCC;
    status = gmlp_embed(c->file, c->file_size, c->blob, c->blob_size, &opts, output_writer(&c->output), &why);
    if (status && status != GMLP_E_WRITE)
        return fail(c->command, "%s: %s", c->out, why.text ? why.text : gmlp_result_string(status));
    if (!status) c->out_size = (uint64_t)ftell(c->output.file);
    c->metadata_bytes = c->out_size - carried_bare_size(c->file, c->file_size);
    return output_commit(&c->output, error) ? fail(c->command, "%s", error) : 0; /* knows why a write failed */
}

void carrying_free(carrying *c) {
    output_discard(&c->output);
    picture_free(&c->base);
    gmlp_net_free(&c->net);
    free(c->file);
    free(c->blob);
}
