/* Trains the general network of 'expand': random pieces of wide-gamut photographs (pieces.h), the gradient of
   gmlp_letnet_gradient, Adam with a cosine that falls to nothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "shell/args.h"
#include "shell/files.h"
#include "shell/messages.h"
#include "shell/pool.h"
#include "shell/progress.h"
#include "work/pieces.h"

typedef struct training {
    const char *out, *test;
    char *state_name;
    uint64_t steps, batch, size, channels, hidden, iterations, seed, threads, every;
    double rate;
    int from, resume, pixels;
    const char **names;
    int count;
    source *sources, *tests;
    source_names test_names;
    pool *workers;
    gmlp_letnet net;
    size_t weights;
    float *moments[2], *gradients, *sum; /* gradients: one a piece of a batch */
    gmlp_letnet_loss *losses;
    uint64_t done;
    /* of the batch that is at work */
    const source *of;
    int of_count, failed;
    uint64_t first_seed;
} training;

static int no_memory(void) { return fail("expand-train", "out of memory"); }

static int read_sources(training *t) {
    char error[256];
    int i;
    if (t->test && source_names_read(t->test, &t->test_names, error)) return fail("expand-train", "%s", error);
    t->sources = (source *)calloc((size_t)t->count, sizeof *t->sources);
    t->tests = (source *)calloc((size_t)t->test_names.count + 1, sizeof *t->tests);
    if (!t->sources || !t->tests) return no_memory();
    for (i = 0; i < t->count; i++)
        if (source_read(t->names[i], t->from, (uint32_t)t->size, "expand-train", &t->sources[i], error))
            return fail("expand-train", "%s", error);
    for (i = 0; i < t->test_names.count; i++)
        if (source_read(t->test_names.name[i], t->from, (uint32_t)t->size, "expand-train", &t->tests[i], error))
            return fail("expand-train", "%s", error);
    return 0;
}

/* The state between two checkpoints: numbers of this machine, in a file beside the network's. */
enum { STATE_HEAD = 48 };

static int write_file(const char *path, const void *bytes, size_t size) {
    output o;
    char error[256];
    const gmlp_writer *w;
    if (output_open(&o, path, error)) return fail("expand-train", "%s", error);
    w = output_writer(&o);
    w->write(w->user, bytes, size); /* commit knows why it failed */
    return output_commit(&o, error) ? fail("expand-train", "%s", error) : 0;
}

static void state_head(const training *t, uint8_t head[STATE_HEAD]) {
    const uint64_t numbers[4] = { t->done, t->channels, t->hidden, t->seed };
    memset(head, 0, STATE_HEAD);
    memcpy(head, "gLETstate 1\n", 12);
    memcpy(head + 16, numbers, sizeof numbers);
}

/* FILE's network, which the photographs of --test are measured with, too, moves colours by this share of what training
   finds best. A photograph that the network has not seen may hold less than those it knows, and is then made worse
   where too much is expected; too little merely gains less. */
#define CAUTION 0.85f

/* The last layer times CAUTION, and what it was. */
static float *be_cautious(training *t) {
    const size_t count = 27 * (size_t)t->net.channels + 3;
    float *last = t->net.weights + t->weights - count, *was = (float *)malloc(count * sizeof *was);
    size_t i;
    for (i = 0; was && i < count; i++) {
        was[i] = last[i];
        last[i] *= CAUTION;
    }
    return was;
}

static void be_as_before(training *t, float *was) {
    const size_t count = 27 * (size_t)t->net.channels + 3;
    memcpy(t->net.weights + t->weights - count, was, count * sizeof *was);
    free(was);
}

static int write_network(const training *t) {
    const size_t need = gmlp_letnet_size(&t->net);
    uint8_t *bytes = (uint8_t *)malloc(need);
    gmlp_result status;
    size_t written;
    int bad;
    if (!bytes) return no_memory();
    status = gmlp_letnet_write(&t->net, bytes, need, &written);
    bad = status ? fail("expand-train", "%s: %s", t->out, gmlp_result_string(status))
                 : write_file(t->out, bytes, written);
    free(bytes);
    return bad;
}

static int save_state(const training *t) {
    const size_t plain = t->weights * sizeof(float), size = STATE_HEAD + 3 * plain;
    uint8_t *bytes = (uint8_t *)malloc(size);
    int bad;
    if (!bytes) return no_memory();
    state_head(t, bytes);
    memcpy(bytes + STATE_HEAD, t->net.weights, plain);
    memcpy(bytes + STATE_HEAD + plain, t->moments[0], plain);
    memcpy(bytes + STATE_HEAD + 2 * plain, t->moments[1], plain);
    bad = write_file(t->state_name, bytes, size);
    free(bytes);
    return bad;
}

static int load(training *t) {
    const size_t plain = t->weights * sizeof(float);
    uint8_t *bytes, head[STATE_HEAD];
    size_t size;
    char error[256];
    int bad = 0;
    if (file_read(t->state_name, &bytes, &size, error)) return fail("expand-train", "%s", error);
    if (size >= STATE_HEAD) memcpy(&t->done, bytes + 16, sizeof t->done);
    state_head(t, head);
    if (size != STATE_HEAD + 3 * plain || memcmp(bytes, head, STATE_HEAD))
        bad = fail("expand-train", "%s: not the state of a training with these --channels, --hidden and --seed",
                   t->state_name);
    else {
        memcpy(t->net.weights, bytes + STATE_HEAD, plain);
        memcpy(t->moments[0], bytes + STATE_HEAD + plain, plain);
        memcpy(t->moments[1], bytes + STATE_HEAD + 2 * plain, plain);
    }
    free(bytes);
    return bad;
}

/* Weights of zero for all that looks at other pixels than the one in the middle. */
static void leave_neighbours(training *t) {
    const size_t c = (size_t)t->net.channels, h = (size_t)t->net.hidden;
    const size_t in[] = { 9, c, c, h, c }, out[] = { c, c, h, c, 3 };
    float *w = t->net.weights;
    int layer;
    size_t place;
    for (layer = 0; layer < 5; layer++) {
        for (place = 0; place < 9; place++)
            if (place != 4) memset(w + place * in[layer] * out[layer], 0, in[layer] * out[layer] * sizeof *w);
        w += (9 * in[layer] + 1) * out[layer];
        if (layer != 3) continue;
        memset(w, 0, 8 * c * sizeof *w); /* the attention's means */
        memset(w + 8 * (c + 1), 0, 8 * c * sizeof *w);
        w += 8 * (c + 1) + 9 * c;
    }
}

/* One piece of the batch. */
static void look_at(void *user, size_t index) {
    training *t = (training *)user;
    gmlp_expand_opts opts;
    piece p;
    memset(&opts, 0, sizeof opts);
    opts.iterations = (int)t->iterations;
    opts.tolerance = 1e-2; /* the gradient at a solution is an approximation anyway */
    if (piece_make(t->of, t->of_count, (uint32_t)t->size, t->first_seed + index, t->of != t->sources, &p)) {
        t->failed = 1;
        return;
    }
    opts.clip_margin = p.clip_margin;
    if (gmlp_letnet_gradient(&t->net, &p.base, &p.wide, &opts, &t->losses[index], t->gradients + index * t->weights))
        t->failed = 1;
    piece_free(&p);
}

static int batch(training *t, const source *of, int count, uint64_t seed) {
    const gmlp_threads threads = pool_threads(t->workers);
    t->of = of;
    t->of_count = count;
    t->first_seed = seed;
    t->failed = 0;
    threads.parallel_for(threads.user, look_at, t, t->batch);
    return t->failed ? no_memory() : 0;
}

/* Weights shrink by this share of the learning rate in each step (Loshchilov and Hutter, 2019): what F is a factor of
   stays small, and its solution quick to find. */
#define DECAY 0.05

/* The mean gradient of a batch, of a length of at most 1, moves the weights. */
static int step(training *t, double *loss, double *residual) {
    int failed;
    gmlp_adam adam = { 0, 0.9, 0.99, 1e-8 };
    double length = 0, scale = 1.0 / (double)t->batch;
    uint64_t k;
    size_t i;
    if (batch(t, t->sources, t->count, t->seed + t->done * t->batch)) return 1;
    *loss = *residual = 0;
    memset(t->sum, 0, t->weights * sizeof(float));
    for (k = 0; k < t->batch; k++) {
        const gmlp_letnet_loss *l = &t->losses[k];
        *loss += scale * log(1 + l->error / (l->clipped + 1e-5 * (double)l->pixels + 1e-30));
        *residual += scale * l->residual;
        for (i = 0; i < t->weights; i++) t->sum[i] += t->gradients[k * t->weights + i];
    }
    for (i = 0; i < t->weights; i++) length += (double)t->sum[i] * (double)t->sum[i];
    length = sqrt(length) * scale;
    if (!(length < 1e30)) return fail("expand-train", "the gradient is not finite: choose a smaller --rate");
    if (length > 1) scale /= length;
    for (i = 0; i < t->weights; i++) t->sum[i] *= (float)scale;
    adam.learning_rate = t->rate * (t->done < 50 ? (double)(t->done + 1) / 50 : 1) *
                         0.5 * (1 + cos(3.14159265358979 * (double)t->done / (double)t->steps));
    for (i = 0; i < t->weights; i++) t->net.weights[i] *= (float)(1 - DECAY * adam.learning_rate);
    t->done++;
    failed = gmlp_adam_step(&adam, (uint32_t)t->done, t->sum, t->net.weights, t->moments[0], t->moments[1], t->weights,
                            GMLP_ISA_AUTO) ? no_memory() : 0;
    if (t->pixels) leave_neighbours(t);
    return failed;
}

/* What the network is worth on photographs that it has not seen: the same pieces each time. */
static int look_at_tests(training *t) {
    double mean = 0, worst = 1e9;
    int i;
    uint64_t k;
    for (i = 0; i < t->test_names.count; i++) {
        double error = 1e-30, clipped = 1e-30, gain;
        if (batch(t, &t->tests[i], 1, 1000003u * (uint64_t)(i + 1))) return 1;
        for (k = 0; k < t->batch; k++) {
            error += t->losses[k].error;
            clipped += t->losses[k].clipped;
        }
        gain = 10 * log10(clipped / error);
        mean += gain / t->test_names.count;
        if (gain < worst) worst = gain;
        printf(" %+.2f", gain);
    }
    if (t->test) printf(" | mean %+.2f, least %+.2f dB", mean, worst);
    return 0;
}

static int train(training *t) {
    double began, loss_mean = 0, residual_mean = 0;
    uint64_t first, counted = 0;
    gmlp_result status;
    progress bar;
    char error[256];
    int bad = 0;
    t->workers = pool_create((int)t->threads);
    if (!t->workers) return no_memory();
    if (read_sources(t)) return 1;
    if (output_check(t->out, error)) return fail("expand-train", "%s", error);
    status = gmlp_letnet_init((int)t->channels, (int)t->hidden, t->seed, NULL, &t->net);
    if (status) return fail("expand-train", "%s", gmlp_result_string(status));
    t->weights = gmlp_letnet_weights(t->net.channels, t->net.hidden);
    t->moments[0] = (float *)calloc(t->weights, sizeof(float));
    t->moments[1] = (float *)calloc(t->weights, sizeof(float));
    t->sum = (float *)calloc(t->weights, sizeof(float));
    t->gradients = (float *)calloc(t->weights * t->batch, sizeof(float));
    t->losses = (gmlp_letnet_loss *)calloc(t->batch, sizeof *t->losses);
    if (!t->moments[0] || !t->moments[1] || !t->sum || !t->gradients || !t->losses) return no_memory();
    if (t->resume && load(t)) return 1;
    if (t->pixels) leave_neighbours(t);
    printf("# %d photographs, %u weights, batch %u of %u x %u, %u steps, rate %g\n", t->count, (unsigned)t->weights,
           (unsigned)t->batch, (unsigned)t->size, (unsigned)t->size, (unsigned)t->steps, t->rate);
    began = seconds_now();
    progress_begin(&bar, "training");
    for (first = t->done; t->done < t->steps && !bad;) {
        double loss, residual;
        float *was;
        bad = step(t, &loss, &residual);
        if (bad) break;
        loss_mean += loss;
        residual_mean += residual;
        counted++;
        progress_show(&bar, (double)(t->done - first), (double)(t->steps - first));
        if (t->done % t->every && t->done != t->steps) continue;
        progress_end(&bar);
        printf("step %u loss %.4f residual %.2g s %.0f dB", (unsigned)t->done, loss_mean / (double)counted,
               residual_mean / (double)counted, seconds_now() - began);
        was = be_cautious(t);
        if (!was) return no_memory();
        bad = look_at_tests(t) || write_network(t);
        be_as_before(t, was);
        bad = bad || save_state(t);
        printf("\n");
        fflush(stdout);
        loss_mean = residual_mean = 0;
        counted = 0;
        progress_begin(&bar, "training");
    }
    progress_end(&bar);
    return bad;
}

static void training_free(training *t) {
    int i;
    for (i = 0; i < t->count && t->sources; i++) source_free(&t->sources[i]);
    for (i = 0; i < t->test_names.count && t->tests; i++) source_free(&t->tests[i]);
    free(t->sources);
    free(t->tests);
    source_names_free(&t->test_names);
    free(t->moments[0]);
    free(t->moments[1]);
    free(t->gradients);
    free(t->sum);
    free(t->losses);
    free(t->names);
    free(t->state_name);
    gmlp_letnet_free(&t->net);
    pool_free(t->workers);
}

int cmd_expand_train(int argc, char **argv) {
    training t;
    int status;
    const args_option options[] = {
        { "-o", ARG_TEXT, &t.out, "FILE", "where the network is written; FILE.state has what --resume needs", 0, 0 },
        { "--resume", ARG_FLAG, &t.resume, NULL, "go on from FILE.state", 0, 0 },
        { "--steps", ARG_INT, &t.steps, "N", "steps of training in all (2600)", 1, 10000000 },
        { "--batch", ARG_INT, &t.batch, "N", "pieces a step looks at (16)", 1, 256 },
        { "--size", ARG_INT, &t.size, "PIXELS", "a piece's side (64)", 16, 160 },
        { "--rate", ARG_NUMBER, &t.rate, "RATE", "of learning, at first (0.003)", 0, 1 },
        { "--iterations", ARG_INT, &t.iterations, "N", "of the solver, at most (8); 1: a plain network", 1,
          GMLP_LETNET_MAX_ITERATIONS },
        { "--pixels", ARG_FLAG, &t.pixels, NULL, "one that sees no neighbours, to compare with", 0, 0 },
        { "--channels", ARG_INT, &t.channels, "N", "16, 32, 48 or 64 (16)", 16, GMLP_LETNET_MAX_WIDTH },
        { "--hidden", ARG_INT, &t.hidden, "N", "likewise, between F's two convolutions (32)", 16,
          GMLP_LETNET_MAX_WIDTH },
        { "--test", ARG_TEXT, &t.test, "LIST", "a text file with a name a line: photographs to measure on", 0, 0 },
        { "--every", ARG_INT, &t.every, "N", "steps between two lines of the log, and two FILEs (200)", 1, 1000000 },
        { "--from", ARG_SPACE, &t.from, "SPACE", "what the numbers are, whatever the files say", 0, 0 },
        { "--seed", ARG_INT, &t.seed, "N", "of all random numbers (0)", 0, UINT32_MAX },
        { "--threads", ARG_INT, &t.threads, "N", "threads (one a processor); the result is the same", 1, 256 },
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "expand-train", "PICTURES... -o FILE",
        "Trains the general network of 'expand' on wide-gamut photographs of yours: camera raws, 16-bit\n"
        "TIFFs in ProPhoto, EXR and Radiance files (taken for light of a scene). It takes an hour or more. Each line\n"
        "of the log on standard output has the mean loss since the last (0.69: no better than the clipped\n"
        "picture) and, of the photographs of --test, by how many dB their clipped colours come back better.",
        "  gamutmlp expand-train raws/*.CRW scenes/*.exr -o my.letnet --test held-out.txt > log\n"
        "  gamutmlp expand-train raws/*.CRW scenes/*.exr -o my.letnet --resume >> log",
        options, 0, &t.count
    };
    memset(&t, 0, sizeof t);
    t.steps = 2600;
    t.batch = 16;
    t.size = 64;
    t.rate = 0.003;
    t.iterations = 8;
    t.channels = 16;
    t.hidden = 32;
    t.every = 200;
    t.names = (const char **)malloc((size_t)(argc + 1) * sizeof *t.names);
    if (!t.names) return no_memory();
    status = args_parse(&command, argc, argv, t.names);
    if (status == ARGS_GO_ON) {
        if (!t.count)
            status = args_wrong(&command, "no file names given; usage: gamutmlp %s %s", command.name, command.synopsis);
        else if (!t.out) status = args_wrong(&command, "-o FILE is missing: where the network is written");
        else if (!gmlp_letnet_weights((int)t.channels, (int)t.hidden))
            status = args_wrong(&command, "--channels and --hidden take 16, 32, 48 or 64");
        else {
            t.state_name = (char *)malloc(strlen(t.out) + sizeof ".state");
            if (!t.state_name) status = no_memory();
            else {
                strcpy(t.state_name, t.out);
                strcat(t.state_name, ".state");
                files_forced(t.resume); /* its state is read and written */
                status = train(&t);
            }
        }
    }
    training_free(&t);
    return status;
}
