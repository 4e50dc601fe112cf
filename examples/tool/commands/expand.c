/* An estimate of the wide gamut from an sRGB picture alone (>>letnet of gamutmlp.h). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "pictures/picture.h"
#include "shell/args.h"
#include "shell/files.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "shell/pool.h"
#include "shell/progress.h"
#include "work/kept.h"
#include "work/pieces.h"
#include "work/restoring.h"

typedef struct expanding {
    const args_command *command;
    const char *in, *out, *network;
    int to, depth, bits, json, strip;
    uint64_t margin, threads, iterations;
    double tolerance;
    double began;
    picture p;
    gmlp_image wide;
    gmlp_letnet net;
    pool *workers;
} expanding;

#define MARGIN_UNSAID 255

/* Where the general network lies, from the program's folder on: as it was built, as it is installed. */
static const char *const places[] = { "letnet.gmlp", "../share/gamutmlp/letnet.gmlp" };
enum { PLACES = sizeof places / sizeof *places };

/* The first of them that is there; 0, or 1 after a message. */
static int find_network(char path[4096]) {
    char own[4096 - 64]; /* which leaves room for the longest place */
    const ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    char *slash;
    int i;
    own[n > 0 ? n : 0] = 0;
    slash = strrchr(own, '/');
    if (slash) slash[1] = 0;
    for (i = 0; i < PLACES; i++) {
        snprintf(path, 4096, "%s%s", own, places[i]);
        if (!access(path, R_OK)) return 0;
    }
    return fail("expand", "no general network: neither %s%s nor %s is there; --network FILE names one", own, places[0],
                path);
}

static int read_network(expanding *e) {
    char error[256], found[4096];
    const char *path = e->network;
    uint8_t *bytes;
    size_t size;
    gmlp_error why;
    gmlp_result status;
    if (!path) {
        if (find_network(found)) return 1;
        path = found;
    }
    if (file_read(path, &bytes, &size, error)) return fail("expand", "%s", error);
    status = gmlp_letnet_read(bytes, size, NULL, &e->net, &why);
    free(bytes);
    return status ? fail("expand", "%s: %s (byte %lu)", path, why.text, (unsigned long)why.offset) : 0;
}

static int read_base(expanding *e) {
    char error[256];
    uint8_t *bytes;
    size_t size;
    gmlp_net carried;
    int jpeg;
    if (file_read(e->in, &bytes, &size, error)) return fail("expand", "%s", error);
    if (gmlp_open(bytes, size, NULL, &carried, NULL) == GMLP_OK) {
        const int hdr = carried.method >= GMLP_METHOD_DIFFERENCE;
        gmlp_net_free(&carried);
        free(bytes);
        return fail("expand", "%s: it carries its own network, which knows better: 'gamutmlp %s' uses it", e->in,
                    hdr ? "hdr-decode" : "decode");
    }
    jpeg = gmlp_container_kind(bytes, size) == GMLP_CONTAINER_JPEG;
    if (picture_read_memory(bytes, size, e->in, GMLP_SPACE_NONE, &e->p, error)) {
        free(bytes);
        return fail("expand", "%s", error);
    }
    free(bytes);
    picture_tell(&e->p, "expand", e->in);
    if (e->p.image.space != GMLP_SRGB)
        return fail("expand", "%s: its colours are in %s (%s), not sRGB: expand is for sRGB pictures alone", e->in,
                    gmlp_space_name(e->p.image.space), e->p.space_from);
    if (e->margin == MARGIN_UNSAID) e->margin = jpeg ? 8 : 0;
    if (!picture_says_orientation(e->out) && picture_upright(&e->p, error)) return fail("expand", "%s", error);
    kept_for(&e->p, e->out, e->strip);
    picture_tell_left(&e->p, "expand", e->in);
    return 0;
}

static void report(const expanding *e, const gmlp_expand_report *r) {
    const double pixels = (double)e->wide.width * e->wide.height, seconds = seconds_now() - e->began;
    json j;
    if (!e->json) {
        printf("%s: %.1f %% of the pixels may have been clipped, %.1f %% were moved; %d iterations, residual %.1e, "
               "%.1f s\n", e->out, 100 * (double)r->saturated / pixels, 100 * (double)r->changed / pixels, r->iterations,
               (double)r->worst, seconds);
        return;
    }
    json_begin(&j, stdout);
    json_integer(&j, "width", e->wide.width);
    json_integer(&j, "height", e->wide.height);
    json_number(&j, "saturated", (double)r->saturated / pixels);
    json_number(&j, "changed", (double)r->changed / pixels);
    json_integer(&j, "tiles", r->tiles);
    json_integer(&j, "unsolved", r->unsolved);
    json_integer(&j, "iterations", (uint64_t)r->iterations);
    json_number(&j, "residual", (double)r->worst);
    json_number(&j, "seconds", seconds);
    json_integer(&j, "peak_rss_bytes", peak_rss_bytes());
    json_end(&j);
}

static int expand(expanding *e) {
    gmlp_expand_opts opts;
    gmlp_expand_report r;
    picture_write_opts to;
    char error[256];
    gmlp_result status;
    e->began = seconds_now();
    e->workers = pool_create((int)e->threads);
    if (!e->workers) return fail("expand", "out of memory");
    if (read_network(e) || read_base(e)) return 1;
    if (!e->to) e->to = GMLP_PROPHOTO;
    if (output_check(e->out, error)) return fail("expand", "%s", error);
    if (path_has_extension(e->out, "exr")) e->to = picture_linear_space(e->to);
    e->wide.width = e->p.image.width;
    e->wide.height = e->p.image.height;
    e->wide.type = e->depth;
    e->wide.channels = 3;
    e->wide.space = e->to;
    e->wide.data = malloc((size_t)e->wide.width * e->wide.height * gmlp_pixel_size(e->depth, 3));
    memset(&opts, 0, sizeof opts);
    opts.clip_margin = (int)e->margin;
    opts.iterations = (int)e->iterations;
    opts.tolerance = e->tolerance;
    opts.threads = pool_threads(e->workers);
    status = e->wide.data ? gmlp_expand(&e->net, &e->p.image, &e->wide, &opts, &r) : GMLP_E_MEMORY;
    if (status) return fail("expand", "%s: %s", e->in, gmlp_result_string(status));
    memset(&to, 0, sizeof to);
    to.metadata = &e->p.metadata;
    to.orientation = e->p.orientation;
    to.bits = e->bits;
    if (picture_write(e->out, &e->wide, &to, error)) return fail("expand", "%s", error);
    report(e, &r);
    return 0;
}

int cmd_expand(int argc, char **argv) {
    expanding e;
    restoring names_of; /* its checks of names and depths */
    int depth = -1, status;
    const args_option options[] = {
        { "--to", ARG_SPACE, &e.to, "SPACE", "colour space of OUT (prophoto; EXR: its linear form)", 0, 0 },
        { "--depth", ARG_CHOICE, &depth, DEPTHS, "samples of OUT (16; EXR: half; AVIF: 10)", 0, 0 },
        { "--margin", ARG_INT, &e.margin, "CODES", "codes so near to 0 or 255 may be clipped ones (0; JPEG: 8)", 0,
          63 },
        { "--network", ARG_TEXT, &e.network, "FILE",
          "the general network (letnet.gmlp beside the program, else ../share/gamutmlp/letnet.gmlp from there)", 0, 0 },
        { "--iterations", ARG_INT, &e.iterations, "N", "at most (12; the network was trained with 8)", 1,
          GMLP_LETNET_MAX_ITERATIONS },
        { "--tolerance", ARG_NUMBER, &e.tolerance, "RESIDUAL", "that ends them (0.001)", 0, 1 },
        STRIP_METADATA(e.strip),
        { "--threads", ARG_INT, &e.threads, "N", "threads (one a processor); the result is the same", 1, 256 },
        { "--json", ARG_FLAG, &e.json, NULL, "print one JSON object", 0, 0 },
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "expand", "IN OUT.{png,tif,exr,jxl,avif}",
        "Estimates what IN, any sRGB picture, held before its colours were clipped, with one general network.\n"
        "It is the last answer, where a file's own network is lost or there never was one: a guess, good on\n"
        "the mean. Pixels that clipping cannot have touched come back exactly. A JPEG of 'encode' that lost its\n"
        "network, but was not compressed anew, holds more by itself: 'decode --base sycc' reads it.",
        "  gamutmlp expand photo.jpg wide.tif\n"
        "  gamutmlp expand photo.png wide.avif --to p3",
        options, 2, NULL
    };
    const char *names[2];
    memset(&e, 0, sizeof e);
    memset(&names_of, 0, sizeof names_of);
    e.command = names_of.command = &command;
    e.margin = MARGIN_UNSAID;
    e.iterations = EXPAND_ITERATIONS;
    status = args_parse(&command, argc, argv, names);
    if (status != ARGS_GO_ON) return status;
    e.in = names[0];
    e.out = names_of.out = names[1];
    if (!restoring_has_name(&names_of))
        return args_wrong(&command, "%s: the output's name must end in " RESTORING_NAMES, e.out);
    if (e.tolerance > 0 && e.tolerance < 1e-6) return args_wrong(&command, "--tolerance takes 0.000001 to 1");
    restoring_depth(&names_of, depth, path_has_extension(e.out, "exr") ? GMLP_F16 : GMLP_U16);
    status = restoring_check(&names_of);
    e.depth = names_of.depth;
    e.bits = names_of.bits;
    if (status == ARGS_GO_ON) status = expand(&e);
    picture_free(&e.p);
    free(e.wide.data);
    gmlp_letnet_free(&e.net);
    pool_free(e.workers);
    return status;
}
