/* Reptile (Nichol, Achiam, Schulman, "On first-order meta-learning algorithms", 2018): a network is trained for a
   few steps on one picture after the other, always from the start, and the start moves a part of the way to what
   came out. Or, for HDR, the mean of networks trained on noise (noise.h) from one common start, as in "Gain-MLP". */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "measure/psnr.h"
#include "shell/args.h"
#include "shell/files.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "shell/progress.h"
#include "work/carrying.h"
#include "work/noise.h"

typedef struct meta_options {
    int preset, from, leave_out, json;
    uint64_t budget, width, inner, rounds, seed, threads, noise;
    const char *out;
} meta_options;

/* A picture and its base, small enough to stay in memory with all the others. */
typedef struct lesson {
    picture wide;
    gmlp_image base;
} lesson;

typedef struct meta {
    meta_options o;
    const char **names;
    lesson *lessons;
    int count;
    pool *workers;
    device device;
    progress bar;
    double done, all;      /* inner steps */
} meta;

static int lesson_load(meta *m, int i) {
    lesson *l = &m->lessons[i];
    gmlp_convert_opts opts;
    gmlp_gamut_report report;
    gmlp_result status;
    char error[256];
    memset(&opts, 0, sizeof opts);
    opts.threads = pool_threads(m->workers);
    if (picture_read(m->names[i], m->o.from, 0, &l->wide, error) || picture_upright(&l->wide, error))
        return fail("meta-train", "%s", error);
    picture_tell(&l->wide, "meta-train", m->names[i]);
    l->base = l->wide.image;
    l->base.type = GMLP_U8;
    l->base.space = GMLP_SRGB;
    l->base.data = malloc((size_t)l->base.width * l->base.height * 3);
    status = l->base.data ? gmlp_reduce(&l->wide.image, &l->base, &opts, &report) : GMLP_E_MEMORY;
    if (!status && !report.out_of_gamut)
        return fail("meta-train", "%s: no pixel is outside sRGB: nothing to learn from", m->names[i]);
    return status ? fail("meta-train", "%s: %s", m->names[i], gmlp_result_string(status)) : 0;
}

/* How large the noise is, and the samples of a step with preset paper: its own 65536 would take hours. */
enum { NOISE_SIZE = 512, NOISE_BATCH = 4096 };

static int lesson_make(meta *m, int i) {
    lesson *l = &m->lessons[i];
    noise n;
    const gmlp_result status = noise_make(NOISE_SIZE, m->o.seed + (uint64_t)i, &n);
    l->wide.image = n.hdr;
    l->base = n.sdr;
    return status ? fail("meta-train", "%s", gmlp_result_string(status)) : 0;
}

static void lesson_free(lesson *l) {
    picture_free(&l->wide);
    free(l->base.data);
    l->base.data = NULL;
}

static int on_step(void *user, uint32_t step, uint32_t steps) {
    meta *m = (meta *)user;
    (void)steps;
    progress_show(&m->bar, m->done + step, m->all);
    return 0;
}

/* Trains on one picture; start may be NULL. */
static int train(meta *m, int i, const gmlp_net *start, uint32_t steps, uint64_t seed, gmlp_net *net) {
    gmlp_train_opts opts;
    gmlp_result status;
    char words[400];
    memset(&opts, 0, sizeof opts);
    opts.preset = m->o.preset;
    opts.budget = (uint32_t)m->o.budget;
    opts.width = (int)m->o.width;
    opts.iterations = steps;
    opts.seed = seed;
    opts.start = start;
    opts.threads = pool_threads(m->workers);
    opts.progress = on_step;
    opts.progress_user = m;
    if (m->o.noise && m->o.preset == GMLP_PRESET_PAPER) opts.batch = NOISE_BATCH;
    status = device_train(&m->device, m->o.noise ? gmlp_train_hdr : gmlp_train, &m->lessons[i].base,
                          &m->lessons[i].wide.image, &opts, net, NULL);
    m->done += steps;
    return status ? fail("meta-train", "%s: %s", m->o.noise ? "noise" : m->names[i],
                         device_words(&m->device, status, words))
                  : 0;
}

/* A start from all pictures but one (-1: from all). Its weights are whole floats. */
static int learn(meta *m, int without, gmlp_net *start) {
    const int first = without == 0 ? 1 : 0;
    uint64_t turn, turns = m->o.rounds * (uint64_t)m->count;
    int bad = train(m, first, NULL, (uint32_t)m->o.inner, m->o.seed, start);
    start->weight_format = GMLP_WEIGHTS_F32;
    for (turn = 0; turn < turns && !bad; turn++) {
        const int i = (int)(turn % (uint64_t)m->count);
        const float part = (float)(0.3 - 0.27 * (double)turn / (double)turns); /* tried: from 0.3 down to 0.03 */
        gmlp_net net;
        if (i == without) continue;
        bad = train(m, i, start, (uint32_t)m->o.inner, m->o.seed + turn + 1, &net);
        for (size_t k = 0; k < gmlp_mlp_weights(&start->mlp) && !bad; k++)
            start->weights[k] += part * (net.weights[k] - start->weights[k]);
        if (!bad) gmlp_net_free(&net);
    }
    return bad;
}

/* Rounds the weights to steps, as a blob holds them in few bytes: to an eighth of a layer's root mean square. */
static void round_weights(gmlp_net *net) {
    const size_t width = (size_t)net->mlp.width, in[3] = { gmlp_mlp_features(&net->mlp), width, width },
                 out[3] = { width, width, 3 };
    float *w = net->weights;
    size_t k, i;
    net->weight_format = GMLP_WEIGHTS_QUANTIZED;
    for (k = 0; k < 3; k++) {
        double sum = 1e-30;
        for (i = 0; i < in[k] * out[k]; i++) sum += (double)w[i] * (double)w[i];
        net->step_size[k] = (float)(0.125 * sqrt(sum / (double)(in[k] * out[k])));
        for (i = 0; i < (in[k] + 1) * out[k]; i++, w++)
            *w = (float)floor((double)*w / (double)net->step_size[k] + 0.5) * net->step_size[k];
    }
}

/* The mean of networks that begin alike, one a picture of noise. */
static int average(meta *m, gmlp_net *start) {
    int bad = 0, i;
    for (i = 0; i < m->count && !bad; i++) {
        gmlp_net net;
        bad = lesson_make(m, i) || train(m, i, NULL, (uint32_t)m->o.inner, m->o.seed, &net);
        lesson_free(&m->lessons[i]);
        if (bad) break;
        if (!i) *start = net;
        for (size_t k = 0; k < gmlp_mlp_weights(&net.mlp) && i; k++)
            start->weights[k] += (net.weights[k] - start->weights[k]) / (float)(i + 1);
        if (i) gmlp_net_free(&net);
    }
    if (!bad) round_weights(start);
    return bad;
}

/* PSNR of the out-of-gamut pixels of picture i through net. NaN after a message. */
static double psnr_of(meta *m, int i, const gmlp_net *net) {
    const lesson *l = &m->lessons[i];
    gmlp_decode_opts opts;
    metrics_psnr_sums sums;
    metrics_psnr *psnr;
    gmlp_image out = l->base;
    gmlp_result status;
    char error[256] = "out of memory";
    double result = NAN;
    memset(&opts, 0, sizeof opts);
    memset(&sums, 0, sizeof sums);
    opts.threads = pool_threads(m->workers);
    out.type = GMLP_F32;
    out.space = GMLP_PROPHOTO_LINEAR;
    out.data = malloc((size_t)out.width * out.height * 12);
    status = out.data ? device_decode(&m->device, net, &l->base, &out, &opts) : GMLP_E_MEMORY;
    psnr = status ? NULL : metrics_psnr_begin(&l->wide.image, &l->base, &out, net->adaptation, error);
    if (psnr && !metrics_psnr_rows(psnr, &l->wide.image, &l->base, &out, &sums, error))
        result = metrics_psnr_finish(&sums).psnr_og;
    else fail("meta-train", "%s: %s", m->names[i], error);
    metrics_psnr_free(psnr);
    free(out.data);
    return result;
}

/* What a start is worth on pictures that it has not seen: each is left out once. */
static const uint32_t tried_steps[] = { 50, 100, 200, 400 };
enum { TRIED = sizeof tried_steps / sizeof *tried_steps };

static int leave_out(meta *m) {
    double mean[TRIED][2] = { { 0 } };
    int bad = 0, i, k, s;
    printf(
        "PSNR out of gamut, dB, of pictures left out of the start, from random weights / from the start\n| picture |");
    for (k = 0; k < TRIED; k++) printf(" %u steps |", (unsigned)tried_steps[k]);
    printf("\n|---|---|---|---|---|\n");
    for (i = 0; i < m->count && !bad; i++) {
        double psnr[TRIED][2];
        gmlp_net start;
        bad = learn(m, i, &start);
        for (k = 0; k < TRIED && !bad; k++)
            for (s = 0; s < 2 && !bad; s++) {
                gmlp_net net;
                bad = train(m, i, s ? &start : NULL, tried_steps[k], m->o.seed, &net);
                if (bad) break;
                psnr[k][s] = psnr_of(m, i, &net);
                mean[k][s] += psnr[k][s] / m->count;
                bad = isnan(psnr[k][s]);
                gmlp_net_free(&net);
            }
        gmlp_net_free(&start);
        progress_end(&m->bar);
        if (!bad) printf("| %s |", m->names[i]);
        for (k = 0; k < TRIED && !bad; k++) printf(" %.2f / %.2f |", psnr[k][0], psnr[k][1]);
        if (!bad) printf("\n");
        fflush(stdout);
        progress_begin(&m->bar, "training");
    }
    if (!bad) printf("| mean |");
    for (k = 0; k < TRIED && !bad; k++) printf(" %.2f / %.2f |", mean[k][0], mean[k][1]);
    if (!bad) printf("\n");
    return bad;
}

static int write_start(const meta *m, const gmlp_net *start, size_t *size) {
    output o;
    gmlp_result status;
    char error[256];
    uint8_t *bytes;
    *size = gmlp_blob_size(start);
    bytes = (uint8_t *)malloc(*size + 1);
    status = bytes ? gmlp_blob_write(start, bytes, *size, size) : GMLP_E_MEMORY;
    if (status) fail("meta-train", "%s: %s", m->o.out, gmlp_result_string(status));
    else if (output_open(&o, m->o.out, error)) status = GMLP_E_WRITE, fail("meta-train", "%s", error);
    else {
        const gmlp_writer *w = output_writer(&o);
        w->write(w->user, bytes, *size); /* commit knows why it failed */
        if (output_commit(&o, error)) status = GMLP_E_WRITE, fail("meta-train", "%s", error);
    }
    free(bytes);
    return status != GMLP_OK;
}

static int meta_train(meta *m) {
    const double began = seconds_now();
    double tried = 0;
    gmlp_net start;
    size_t size = 0;
    char error[256];
    int bad = 0, i;
    for (i = 0; i < TRIED; i++) tried += 2.0 * tried_steps[i];
    m->workers = pool_create((int)m->o.threads);
    m->lessons = (lesson *)calloc((size_t)m->count, sizeof *m->lessons);
    if (!m->workers || !m->lessons) return fail("meta-train", "out of memory");
    if (device_open(&m->device, "meta-train")) return 1;
    for (i = 0; i < m->count && !m->o.noise; i++)
        if (lesson_load(m, i)) return 1;
    if (!m->o.leave_out && output_check(m->o.out, error)) return fail("meta-train", "%s", error);
    memset(&start, 0, sizeof start);
    m->all = (double)m->o.inner * (m->o.noise ? m->count : 1 + (double)m->o.rounds * m->count);
    if (m->o.leave_out) m->all = m->count * ((double)m->o.inner * (1 + (double)m->o.rounds * (m->count - 1)) + tried);
    progress_begin(&m->bar, "training");
    if (m->o.leave_out) bad = leave_out(m);
    else {
        bad = m->o.noise ? average(m, &start) : learn(m, -1, &start);
        progress_end(&m->bar);
        if (!bad) bad = write_start(m, &start, &size);
    }
    progress_end(&m->bar);
    if (!bad && !m->o.leave_out && m->o.json) {
        json j;
        json_begin(&j, stdout);
        json_integer(&j, "pictures", (uint64_t)m->count);
        json_integer(&j, "rounds", m->o.noise ? 1 : m->o.rounds);
        json_integer(&j, "inner_iterations", m->o.inner);
        device_json(&m->device, &j);
        json_integer(&j, "network_width", (uint64_t)start.mlp.width);
        json_integer(&j, "weights", gmlp_mlp_weights(&start.mlp));
        json_integer(&j, "file_bytes", size);
        json_number(&j, "total_seconds", seconds_now() - began);
        json_end(&j);
    } else if (!bad && !m->o.leave_out)
        printf("%s: a start of 2 layers of %d from %d pictures, in %.1f s%s. Use it with\n"
               "  gamutmlp %s OUT.jpg --start %s\n", m->o.out, start.mlp.width, m->count, seconds_now() - began,
               device_place(&m->device), m->o.noise ? "hdr-encode SDR HDR" : "encode PICTURE", m->o.out);
    if (!m->o.leave_out) gmlp_net_free(&start);
    return bad;
}

int cmd_meta_train(int argc, char **argv) {
    meta m;
    int preset = -1, status, i;
    const args_option options[] = {
        { "-o", ARG_TEXT, &m.o.out, "FILE", "where the start is written", 0, 0 },
        { "--noise", ARG_INT_OR_NONE, &m.o.noise, "[N]",
          "instead of pictures, N of chromatic noise (50): a start for HDR", 50, 10000 },
        { "--preset", ARG_CHOICE, &preset, PRESETS, "whose network it is for (default; with --noise: paper)", 0, 0 },
        { "--budget", ARG_INT, &m.o.budget, "BYTES", "for encode's --budget of this size", 512, 65536 },
        { "--width", ARG_INT, &m.o.width, "N", "neurons in a layer, 8, 16 ... 128 (the preset's)", 8, GMLP_MAX_WIDTH },
        { "--inner", ARG_INT, &m.o.inner, "N", "training steps on a picture at a time (200; with --noise: 1000)", 1,
          100000 },
        { "--rounds", ARG_INT, &m.o.rounds, "N", "how often each picture takes its turn (10)", 1, 100000 },
        { "--leave-one-out", ARG_FLAG, &m.o.leave_out, NULL,
          "no start, but a table of what one is worth on unseen pictures", 0, 0 },
        { "--from", ARG_SPACE, &m.o.from, "SPACE", "what the numbers are, whatever the files say", 0, 0 },
        { "--seed", ARG_INT, &m.o.seed, "N", "of all random numbers (0)", 0, UINT64_MAX },
        { "--threads", ARG_INT, &m.o.threads, "N", "threads (one a processor); the result is the same", 1, 256 },
        TRAINING_DEVICE(m.device),
        { "--json", ARG_FLAG, &m.o.json, NULL, "print one JSON object", 0, 0 },
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "meta-train", "PICTURES... | --noise -o FILE",
        "Makes a start for the training of 'encode', from wide-gamut pictures like those that will be\n"
        "encoded. A start is worth its while when training is cut very short, below some 100 steps: try\n"
        "--leave-one-out before you use one.\n"
        "With --noise it is for 'hdr-encode', from no pictures at all. It helps preset paper; the default's\n"
        "network learns as well from random weights.",
        "  gamutmlp meta-train photos/*.tif -o photos.start\n"
        "  gamutmlp encode photo.tif photo.jpg --start photos.start --iterations 60\n"
        "  gamutmlp meta-train --noise -o noise.start",
        options, 0, &m.count
    };
    memset(&m, 0, sizeof m);
    m.names = (const char **)malloc((size_t)(argc + 1) * sizeof *m.names);
    if (!m.names) return fail("meta-train", "out of memory");
    status = args_parse(&command, argc, argv, m.names);
    m.o.preset = preset >= 0 ? preset_of_choice(preset) : m.o.noise ? GMLP_PRESET_PAPER : GMLP_PRESET_DEFAULT;
    if (status == ARGS_GO_ON) {
        const int pictures = m.count, of_pictures = m.o.leave_out || m.o.from || m.o.rounds;
        if (m.o.noise) m.count = (int)m.o.noise;
        if (!m.o.inner) m.o.inner = m.o.noise ? 1000 : 200;
        if (!m.o.rounds) m.o.rounds = 10;
        if (m.o.noise && (pictures || of_pictures))
            status = args_wrong(&command, "--noise takes no pictures, nor --rounds, --leave-one-out and --from");
        else if (!m.count)
            status = args_wrong(&command, "no file names given; usage: gamutmlp %s %s", command.name, command.synopsis);
        else if (!m.o.out && !m.o.leave_out)
            status = args_wrong(&command, "-o FILE is missing: where the start is written");
        else if (m.o.leave_out && (m.count < 2 || m.o.json))
            status = args_wrong(&command, "--leave-one-out needs two pictures and prints a table");
        else if (device_contradiction(&m.device))
            status = args_wrong(&command, "%s", device_contradiction(&m.device));
        else if (m.o.width % 8) status = args_wrong(&command, "--width takes a multiple of 8");
        else if (m.o.preset == GMLP_PRESET_PAPER && m.o.budget)
            status = args_wrong(&command, "--budget chooses a network; --preset paper has its own");
        else status = meta_train(&m);
    }
    for (i = 0; i < m.count && m.lessons; i++) lesson_free(&m.lessons[i]);
    free(m.lessons);
    free(m.names);
    device_close(&m.device);
    pool_free(m.workers);
    return status;
}
