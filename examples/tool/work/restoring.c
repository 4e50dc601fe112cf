#include "work/restoring.h"

#include <stdlib.h>
#include <string.h>

#include "pictures/picture.h"
#include "shell/files.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "shell/progress.h"
#include "work/extras.h"
#include "work/geometry.h"
#include "work/quality.h"
#include "work/resized.h"

/* The command line. */

void restoring_depth(restoring *r, int choice, int usual) {
    static const int depths[] = { GMLP_U16, GMLP_U16, GMLP_U16, GMLP_F16, GMLP_F32 }, bits[] = { 10, 12, 16, 0, 0 };
    r->depth = choice < 0 ? usual : depths[choice];
    r->bits = choice < 0 ? 0 : bits[choice];
    if (!r->bits && r->depth == GMLP_U16) r->bits = path_has_extension(r->out, "avif") ? 10 : 16;
}

int restoring_has_name(const restoring *r) {
    static const char *const names[] = { "png", "tif", "tiff", "exr", "jxl", "avif" };
    size_t i;
    for (i = 0; i < sizeof names / sizeof *names && !path_has_extension(r->out, names[i]); i++) {}
    return i < sizeof names / sizeof *names;
}

int restoring_check(restoring *r) {
    const char *cannot = picture_cannot_hold(r->out, r->depth);
    uint32_t part[4];
    if (cannot) return args_wrong(r->command, "--depth: %s", cannot);
    if (r->depth == GMLP_U16 && (r->bits == 16) == path_has_extension(r->out, "avif"))
        return args_wrong(r->command, "--depth: 10 and 12 bits are for .avif files, which hold no more");
    if (!r->crop_text) return ARGS_GO_ON;
    if (geometry_crop(r->crop_text, part))
        return args_wrong(r->command, "--crop takes X,Y,W,H in pixels, not '%s'", r->crop_text);
    return ARGS_GO_ON;
}

/* Reading. */

static int wrong_network(const restoring *r, int hdr) {
    return hdr ? fail(r->command->name, "%s: its network gives back a wide gamut, not HDR: 'gamutmlp decode' does that",
                      r->in)
               : fail(r->command->name, "%s: its network gives back HDR: 'gamutmlp hdr-decode' does that", r->in);
}

/* What --crop means: a part of the picture as viewers show it, so of the stored one another. */
static int find_part(restoring *r, char error[256]) {
    const geometry_words words = { r->crop_text, NULL, -1, -1 };
    gmlp_geometry g;
    picture said;
    int orientation = 1;
    if (r->crop_text) {
        if (!picture_read_metadata(r->file.bytes, r->file.size, r->in, &said, error)) orientation = said.orientation;
        picture_free(&said);
    }
    if (geometry_of(&words, r->width, r->height, orientation, &g, error)) return -1;
    r->crop.x = g.x;
    r->crop.y = g.y;
    r->crop.width = g.width;
    r->crop.height = g.height;
    return 0;
}

/* Of the picture without a network. */
static void plain_network(restoring *r) {
    gmlp_net *net = &r->file.net;
    net->wide_space = GMLP_PROPHOTO;
    net->base_space = r->base;
    net->width = net->base_width = r->width;
    net->height = net->base_height = r->height;
    net->coords.col_step = net->coords.row_step = 1;
}

static int open_rows(restoring *r, char error[256]) {
    picture_rows_close(r->rows);
    r->rows = r->base ? picture_rows_open(r->file.bytes, r->file.size, r->in, r->base, &r->width, &r->height, error)
                      : carried_rows_open(&r->file, r->in, &r->width, &r->height, &r->rgb, error);
    r->channels = r->rows && picture_holds_alpha(r->out) ? picture_rows_alpha(r->rows) : 3;
    return r->rows ? 0 : -1;
}

/* Of pixels that are not the network's: an edit that explains them? */
static int find_edit(restoring *r, char error[256]) {
    if (!r->workers) r->workers = pool_create((int)r->threads);
    return edited_find(&r->file, r->in, r->workers, &r->edit, error);
}

/* Our own edits are not: their networks were trained further. */
static int is_resized(const restoring *r) { return r->edit.found && resized_is(&r->file.net, r->edit.lost); }

int restoring_again(restoring *r, char error[256]) {
    if (!r->unlike || r->looked) return 0;
    r->looked = 1;
    if (find_edit(r, error) || (!r->edit.found && !r->force) || open_rows(r, error)) return 0;
    gmlp_decoder_free(r->decoder);
    r->decoder = NULL;
    return 1;
}

int restoring_open(restoring *r, int hdr) {
    const gmlp_net *net = &r->file.net;
    char error[256];
    int bad;
    r->began = seconds_now();
    if (device_contradiction(&r->device)) return args_wrong(r->command, "%s", device_contradiction(&r->device));
    bad = carried_open_with(r->in, r->network, &r->file, error);
    if (bad && (!r->base || !r->file.missing)) return fail(r->command->name, "%s", error);
    if (!bad && r->base)
        return fail(r->command->name, "%s: carries a network, which says what its base is; --base is for files without",
                    r->file.beside ? r->file.beside : r->in);
    if (carried_is_hdr(net) != hdr) return wrong_network(r, hdr);
    if (open_rows(r, error)) return fail(r->command->name, "%s", error);
    if (r->base) plain_network(r);
    if (r->width != net->base_width || r->height != net->base_height)
        if (find_edit(r, error)) return fail(r->command->name, "%s", error);
    if (r->width != net->base_width || r->height != net->base_height)
        return fail(
            r->command->name,
            "%s: is %u x %u, but its network is for %u x %u; what was done to the picture after encoding cannot be found out",
            r->in, r->width, r->height, net->base_width, net->base_height);
    if (find_part(r, error)) return args_wrong(r->command, "%s", error);
    r->out_width = r->crop.width;
    r->out_height = r->crop.height;
    /* Starting a GPU takes longer than the CPU needs between reading and writing. */
    if (r->device.choice == DEVICE_AUTO || is_resized(r)) device_only_cpu(&r->device, "");
    return device_open(&r->device, r->command->name);
}

/* Decoding. */

int restoring_run(restoring *r, int (*write)(void *user, const void *rows, uint32_t count, char error[256]), void *user,
                  char error[256]) {
    stream s;
    gmlp_converter *to_sycc = NULL;
    gmlp_result status;
    int bad;
    if (!r->workers) r->workers = pool_create((int)r->threads);
    r->opts.x = r->crop.x;
    r->opts.width = r->crop.width;
    status = r->workers ? gmlp_decoder_create(&r->file.net, r->depth, r->to, &r->opts, &r->decoder) : GMLP_E_MEMORY;
    if (!status && r->rgb) status = gmlp_converter_create(GMLP_U8, GMLP_SRGB, GMLP_U8, GMLP_SYCC, NULL, &to_sycc);
    if (status) return error_text(error, r->in, "%s", gmlp_result_string(status)), -1;
    memset(&s, 0, sizeof s);
    s.rows = r->rows;
    s.name = r->in;
    s.width = r->width;
    s.height = r->height;
    s.crop = r->crop;
    s.decoder = r->decoder;
    s.to_base = to_sycc;
    s.type = r->depth;
    s.channels = r->channels;
    s.workers = r->workers;
    s.device = &r->device;
    s.net = &r->file.net;
    s.write = write;
    s.user = user;
    bad = is_resized(r) ? resized_run(&s, r->to, &r->opts, r->edit.lost, error) : stream_run(&s, error);
    gmlp_converter_free(to_sycc);
    r->belongs = s.verdict == GMLP_OK || s.verdict == GMLP_E_CLIPPED;
    r->clipped = r->belongs && r->file.net.weights && (r->rgb || s.verdict == GMLP_E_CLIPPED);
    r->unlike = !bad && !r->belongs;
    if (bad || r->belongs) return bad;
    if (r->force && r->looked) return 0;
    error_text(
        error, r->in,
        "the network does not belong to these pixels, which were changed after encoding; the colours would be wrong "
        "(--force decodes all the same)");
    return -1;
}

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

gmlp_image restoring_like(const restoring *r) {
    gmlp_image like;
    memset(&like, 0, sizeof like);
    like.width = r->crop.width;
    like.height = r->crop.height;
    like.type = r->depth;
    like.channels = r->channels;
    like.space = r->to;
    return like;
}

typedef struct gathering {
    uint8_t *next;
    size_t row_bytes;
    progress bar;
    uint32_t done, height;
} gathering;

static int gather_rows(void *user, const void *rows, uint32_t count, char error[256]) {
    gathering *g = (gathering *)user;
    (void)error;
    memcpy(g->next, rows, count * g->row_bytes);
    g->next += count * g->row_bytes;
    g->done += count;
    progress_show(&g->bar, g->done, g->height);
    return 0;
}

/* Into memory: packed pixels. */
static int gather(restoring *r, gmlp_image *out, char error[256]) {
    gathering g;
    int bad;
    *out = restoring_like(r);
    g.row_bytes = (size_t)out->width * gmlp_pixel_size(out->type, out->channels);
    out->data = malloc(g.row_bytes * out->height);
    if (!out->data) return error_text(error, r->in, "too large for the memory"), -1;
    g.next = (uint8_t *)out->data;
    g.done = 0;
    g.height = out->height;
    progress_begin(&g.bar, "decoding");
    bad = restoring_run(r, gather_rows, &g, error);
    progress_end(&g.bar);
    return bad;
}

/* The file cannot say that its picture is to be turned. */
static int write_turned(restoring *r, FILE *file, const picture *said, char error[256]) {
    picture p;
    picture_write_opts opts;
    picture_sink *sink = NULL;
    int bad;
    memset(&p, 0, sizeof p);
    memset(&opts, 0, sizeof opts);
    opts.bits = r->bits;
    opts.metadata = &said->metadata;
    bad = gather(r, &p.image, error) || picture_turn(&p, said->orientation, error);
    if (!bad) {
        r->out_width = p.image.width;
        r->out_height = p.image.height;
        sink = picture_sink_open(r->out, file, &p.image, &opts, error);
        bad = !sink || picture_sink_rows(sink, p.image.data, p.image.height, error);
        if (sink) bad = picture_sink_end(sink, bad, error);
    }
    picture_free(&p);
    return bad;
}

static int write_rows_of(restoring *r, FILE *file, const picture *said, char error[256]) {
    const gmlp_image like = restoring_like(r);
    picture_write_opts opts;
    target t;
    int bad;
    memset(&opts, 0, sizeof opts);
    opts.bits = r->bits;
    opts.metadata = &said->metadata;
    opts.orientation = said->orientation;
    t.done = 0;
    t.height = r->crop.height;
    t.sink = picture_sink_open(r->out, file, &like, &opts, error);
    if (!t.sink) return -1;
    progress_begin(&t.bar, "decoding");
    bad = restoring_run(r, write_rows, &t, error);
    progress_end(&t.bar);
    return picture_sink_end(t.sink, bad, error);
}

static int write_once(restoring *r, const picture *said, char error[256]) {
    output o;
    int bad;
    if (output_open(&o, r->out, error)) return -1;
    bad = said->orientation > 1 && !picture_says_orientation(r->out) ? write_turned(r, o.file, said, error)
                                                                    : write_rows_of(r, o.file, said, error);
    if (!bad) return output_commit(&o, error);
    output_discard(&o);
    return -1;
}

static int write_picture(restoring *r, const picture *said, char error[256]) {
    int bad = write_once(r, said, error);
    if (bad && restoring_again(r, error)) bad = write_once(r, said, error);
    return bad;
}

int restoring_write(restoring *r) {
    picture said;
    extras x;
    char error[256];
    int bad = picture_read_metadata(r->file.bytes, r->file.size, r->in, &said, error);
    if (!bad) {
        extras_find(r->file.bytes, r->file.size, &x);
        x.extension = 0; /* goes with the rest */
        extras_note(&x, EXTRAS_BEHIND, said.left);
        if (r->crop_text && !r->strip) kept_forget_thumbnail(&said);
        kept_for(&said, r->out, r->strip);
        picture_tell_left(&said, r->command->name, r->in);
        bad = write_picture(r, &said, error);
    }
    picture_free(&said);
    return bad ? fail(r->command->name, "%s", error) : 0;
}

void restoring_report(const restoring *r) {
    const double seconds = seconds_now() - r->began, megapixels = 1e-6 * (double)r->crop.width * (double)r->crop.height;
    static const char *const names[] = { "", "8", "16", "half", "float" };
    const char *depth = r->bits == 10 ? "10" : r->bits == 12 ? "12" : names[r->depth];
    double psnr, psnr_og;
    json j;
    quality_of(&r->file.net, &psnr, &psnr_og);
    if (r->file.beside)
        tell_note(r->command->name, "%s: has no network of its own; that of %s is taken", r->in, r->file.beside);
    if (r->base)
        tell_note(r->command->name, "%s: carries no network; %s has what its %s alone holds", r->in, r->out,
                  r->base == GMLP_SYCC ? "Y'CbCr" : "RGB");
    else if (r->clipped)
        tell_warning(r->command->name,
                     "%s: " CARRIED_CLIPPED ". %s has what the network makes of what is left; "
                     "colours within sRGB are as they were saved",
                     r->in, r->out);
    else if (!r->belongs)
        tell_warning(r->command->name,
                     "the network in %s does not belong to these pixels; the picture was changed after encoding and "
                     "the colours of %s may be wrong",
                     r->in, r->out);
    else if (r->edit.found)
        tell_note(r->command->name, "%s: %s by another program; the colours come back", r->in, r->edit.text);
    if (!r->json) {
        printf("%s: %u x %u, %s, %s%s, in %.2f s\n", r->out, r->out_width, r->out_height, gmlp_space_name(r->to), depth,
               r->depth <= GMLP_U16 ? " bit" : "", seconds);
        return;
    }
    json_begin(&j, stdout);
    json_integer(&j, "width", r->out_width);
    json_integer(&j, "height", r->out_height);
    json_text(&j, "space", gmlp_space_name(r->to));
    json_text(&j, "depth", depth);
    json_bool(&j, "alpha", r->channels == 4);
    json_bool(&j, "network", !r->base);
    if (r->base) json_text(&j, "belongs", NULL);
    else json_bool(&j, "belongs", r->belongs);
    json_bool(&j, "clipped", r->clipped);
    edited_json(&r->edit, &j);
    device_json(&r->device, &j);
    json_number(&j, "encoded_psnr", psnr);
    json_number(&j, "encoded_psnr_og", psnr_og);
    json_number(&j, "seconds", seconds);
    json_number(&j, "megapixels_per_second", megapixels / seconds);
    json_integer(&j, "peak_rss_bytes", peak_rss_bytes());
    json_end(&j);
}

void restoring_free(restoring *r) {
    picture_rows_close(r->rows);
    gmlp_decoder_free(r->decoder);
    device_close(&r->device);
    pool_free(r->workers);
    carried_free(&r->file);
}
