/* Rows stream from the compressed file through the network into the output (stream.h), so that memory does
   not grow with the picture. */
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "carried.h"
#include "commands.h"
#include "output.h"
#include "picture.h"
#include "pool.h"
#include "stream.h"

typedef struct decoding {
    const args_command *command;
    const char *in, *out, *crop_text;
    int to, depth, json;
    uint64_t threads;
    carried file;
    uint32_t width, height; /* of the picture in the file */
    rectangle crop;
    pool *workers;
    gmlp_decoder *decoder;
    int belongs;
} decoding;

/* Where the rows go. */
typedef struct target {
    picture_sink *sink;
    progress bar;
    uint32_t done, height;
} target;

static int write_rows(void *user, const void *rows, uint32_t count, char error[256]) {
    target *t = (target *)user;
    if (picture_sink_rows(t->sink, rows, count, error)) return -1;
    t->done += count;
    progress_show(&t->bar, t->done, t->height);
    return 0;
}

static int write_picture(decoding *d, picture_rows *rows, char error[256]) {
    gmlp_image like;
    target t;
    stream s;
    output o;
    int bad;
    memset(&like, 0, sizeof like);
    like.width = d->crop.width;
    like.height = d->crop.height;
    like.type = d->depth;
    like.channels = 3;
    like.space = d->to;
    memset(&s, 0, sizeof s);
    s.rows = rows;
    s.name = d->in;
    s.width = d->width;
    s.height = d->height;
    s.crop = d->crop;
    s.decoder = d->decoder;
    s.reach = gmlp_net_reach(&d->file.net);
    s.type = d->depth;
    s.workers = d->workers;
    s.write = write_rows;
    s.user = &t;
    t.done = 0;
    t.height = d->crop.height;
    if (output_open(&o, d->out, error)) return -1;
    t.sink = picture_sink_open(d->out, o.file, &like, NULL, error);
    if (t.sink) {
        progress_begin(&t.bar, "decoding");
        bad = stream_run(&s, error);
        progress_end(&t.bar);
        bad = picture_sink_end(t.sink, bad, error);
    } else bad = -1;
    d->belongs = gmlp_net_belongs(&d->file.net, &s.signature);
    if (!bad) return output_commit(&o, error);
    output_discard(&o);
    return -1;
}

/* X,Y,W,H; 0 or -1. */
static int parse_crop(const char *text, rectangle *r) {
    uint32_t *const to[4] = { &r->x, &r->y, &r->width, &r->height };
    int i;
    for (i = 0; i < 4; i++) {
        char *end;
        unsigned long v;
        if (*text < '0' || *text > '9') return -1;
        v = strtoul(text, &end, 10);
        if (v > GMLP_MAX_SIZE || *end != (i < 3 ? ',' : 0)) return -1;
        *to[i] = (uint32_t)v;
        text = end + 1;
    }
    return r->width && r->height ? 0 : -1;
}

static int choose_region(decoding *d) {
    if (!d->crop_text) {
        d->crop.width = d->width;
        d->crop.height = d->height;
    } else if (d->crop.x > d->width || d->crop.y > d->height || d->crop.width > d->width - d->crop.x ||
               d->crop.height > d->height - d->crop.y)
        return args_wrong(d->command, "--crop %s reaches outside the picture, which is %u x %u", d->crop_text, d->width, d->height);
    return 0;
}

static void report(const decoding *d, double seconds) {
    const double megapixels = 1e-6 * (double)d->crop.width * (double)d->crop.height;
    static const char *const names[] = { "", "8", "16", "half", "float" };
    json j;
    if (!d->json) {
        printf("%s: %u x %u, %s, %s%s, in %.2f s\n", d->out, d->crop.width, d->crop.height, gmlp_space_name(d->to), names[d->depth],
               d->depth == GMLP_U16 ? " bit" : "", seconds);
        return;
    }
    json_begin(&j, stdout);
    json_integer(&j, "width", d->crop.width);
    json_integer(&j, "height", d->crop.height);
    json_text(&j, "space", gmlp_space_name(d->to));
    json_text(&j, "depth", names[d->depth]);
    json_bool(&j, "belongs", d->belongs);
    json_number(&j, "seconds", seconds);
    json_number(&j, "megapixels_per_second", megapixels / seconds);
    json_integer(&j, "peak_rss_bytes", peak_rss_bytes());
    json_end(&j);
}

static int decode(decoding *d) {
    const double start = seconds_now();
    const gmlp_net *net = &d->file.net;
    picture_rows *rows;
    char error[256];
    gmlp_result status;
    int result;
    if (carried_open(d->in, &d->file, error)) return fail("decode", "%s", error);
    rows = picture_rows_open(d->file.bytes, d->file.size, d->in, &d->width, &d->height, error);
    if (!rows) return fail("decode", "%s", error);
    if (d->width != net->base_width || d->height != net->base_height) {
        picture_rows_close(rows);
        return fail("decode", "%s: is %u x %u, but its network is for %u x %u; the picture was resized, cropped or turned after encoding",
                    d->in, d->width, d->height, net->base_width, net->base_height);
    }
    result = choose_region(d);
    if (!d->to) d->to = net->wide_space;
    if (path_has_extension(d->out, "exr")) d->to = picture_linear_space(d->to);
    d->workers = result ? NULL : pool_create((int)d->threads);
    status = d->workers ? gmlp_decoder_create(net, d->depth, d->to, NULL, &d->decoder) : GMLP_E_MEMORY;
    if (!result && status) result = fail("decode", "%s: %s", d->in, gmlp_result_string(status));
    if (!result && write_picture(d, rows, error)) result = fail("decode", "%s", error);
    picture_rows_close(rows);
    if (result) return result;
    if (!d->belongs)
        fprintf(stderr, "gamutmlp decode: warning: the network in %s does not belong to these pixels; the picture was changed after "
                        "encoding and the colours of %s may be wrong\n", d->in, d->out);
    report(d, seconds_now() - start);
    return 0;
}

int cmd_decode(int argc, char **argv) {
    static const int depths[] = { GMLP_U16, GMLP_HALF, GMLP_FLOAT };
    decoding d;
    int depth = -1;
    const args_option options[] = {
        { "--to", ARG_SPACE, &d.to, "SPACE", "colour space of OUT (the original's)", 0, 0 },
        { "--depth", ARG_CHOICE, &depth, "16|half|float", "samples of OUT (16; EXR: half)", 0, 0 },
        { "--crop", ARG_TEXT, &d.crop_text, "X,Y,W,H", "only this part: left, top, width, height", 0, 0 },
        { "--threads", ARG_INT, &d.threads, "N", "threads (one a processor); the result is the same", 1, 256 },
        { "--json", ARG_FLAG, &d.json, NULL, "print one JSON object", 0, 0 },
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "decode", "IN OUT.{png,tif,exr}",
        "Gives back the wide gamut of IN, a JPEG or PNG that 'gamutmlp encode' made. PNG and TIFF carry\n"
        "the colour space's ICC profile; EXR is written in the linear form of the space.",
        "  gamutmlp decode photo.jpg wide.tif\n"
        "  gamutmlp decode photo.jpg part.exr --crop 100,200,640,480 --to acescg",
        options, 2, NULL
    };
    const char *names[2], *cannot;
    int status;
    memset(&d, 0, sizeof d);
    d.command = &command;
    status = args_parse(&command, argc, argv, names);
    if (status != ARGS_GO_ON) return status;
    d.in = names[0];
    d.out = names[1];
    if (!path_has_extension(d.out, "png") && !path_has_extension(d.out, "tif") && !path_has_extension(d.out, "tiff") &&
        !path_has_extension(d.out, "exr"))
        return args_wrong(&command, "%s: the output's name must end in .png, .tif or .exr", d.out);
    d.depth = depth >= 0 ? depths[depth] : path_has_extension(d.out, "exr") ? GMLP_HALF : GMLP_U16;
    cannot = picture_cannot_hold(d.out, d.depth);
    if (cannot) return args_wrong(&command, "--depth: %s", cannot);
    if (d.crop_text && parse_crop(d.crop_text, &d.crop))
        return args_wrong(&command, "--crop takes X,Y,W,H in pixels, not '%s'", d.crop_text);
    status = decode(&d);
    gmlp_decoder_free(d.decoder);
    pool_free(d.workers);
    carried_free(&d.file);
    return status;
}
