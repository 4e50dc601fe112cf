#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "measure/metrics.h"
#include "shell/args.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "work/carried.h"
#include "work/carrying.h"
#include "work/edited.h"
#include "work/extras.h"
#include "work/geometry.h"
#include "work/hidden.h"
#include "work/kept.h"
#include "work/quality.h"
#include "work/resized.h"

/* From there on the network, which knows the picture, learns its new codes. Twice what training takes from nothing at
   lossless bases, as what is learned is within 1 dB then; JPEG bases have twice as many samples a step. */
#define STEPS_PNG 2000
#define STEPS_JPEG 1000
#define STEPS_HDR 1500
#define STEPS_PAPER 300
#define STEPS_COARSER 500 /* the base is the same, only the weights' steps are not */

/* What becomes of the compressed picture. */
enum { KEPT, BLOCKS, CODES, ANEW };
static const char *const ways[] = { "kept as it is", "all coefficients of the JPEG, turned and cut", "the same codes",
                                    "made anew" };

typedef struct transcoding {
    const char *in;
    geometry_words words;
    int subsample; /* place among the words; -1: not given */
    uint64_t quality, budget;
    int force, json, strip;
    carried file;
    carrying c;
    training t; /* its start is the file's network, after its picture is decoded */
    pool *workers;
    picture said;    /* what the file says beside its pixels */
    edited edit;     /* what another program did before */
    gmlp_image base; /* as it is stored; of 4 channels, if it has alpha and OUT can */
    gmlp_geometry geometry;
    int hdr, clipped, way, trains;
    int resized, narrower; /* by another program (resized.h); a network of its own for the budget */
    const char *why; /* it is made anew, if that could be expected to go without; NULL */
    picture wide;    /* what the network gave back, edited */
    gmlp_train_report training;
    double psnr, psnr_og; /* against that */
} transcoding;

/* Reading. */

static int open_file(transcoding *t) {
    gmlp_net *net = &t->file.net;
    char error[256];
    gmlp_result verdict;
    if (carried_open(t->in, &t->file, error)) {
        if (t->file.missing)
            return fail("transcode", "%s: carries no network to keep; any program that edits pictures will do", t->in);
        return fail("transcode", "%s", error);
    }
    if (picture_read_metadata(t->file.bytes, t->file.size, t->in, &t->said, error) ||
        carried_pixels(&t->file, t->in, &t->base, error))
        return fail("transcode", "%s", error);
    if (t->file.beside)
        tell_note("transcode", "%s: has no network of its own; that of %s is taken", t->in, t->file.beside);
    t->hdr = carried_is_hdr(net);
    verdict = gmlp_net_check(net, &t->base);
    t->clipped = verdict == GMLP_E_CLIPPED;
    if (net->method == GMLP_METHOD_NONE) { /* it is at home in any picture */
        net->base_width = t->base.width;
        net->base_height = t->base.height;
    }
    if (verdict && !t->clipped) {
        if (edited_find(&t->file, t->in, t->workers, &t->edit, error)) return fail("transcode", "%s", error);
        if (!t->edit.found)
            return fail("transcode",
                        "%s: its network does not belong to these pixels, and what was done to them after encoding "
                        "cannot be found out; take the file as it was encoded", t->in);
        t->clipped = gmlp_net_check(net, &t->base) == GMLP_E_CLIPPED;
        t->resized = resized_is(net, t->edit.lost);
        tell_note("transcode", "%s: %s by another program; the network %s", t->in, t->edit.text,
                  t->resized ? "is asked at the size that it knows, and learns what it gives at this one" : "follows");
    }
    if (t->clipped) tell_warning("transcode", "%s: " CARRIED_CLIPPED, t->in);
    return 0;
}

/* Deciding. */

/* A budget with less than five bits for a weight makes steps too coarse for weights that were not trained for them.
   With less than five eighths of the bytes a narrower network is better than these weights. */
static void choose_network(transcoding *t) {
    const gmlp_net *net = &t->file.net;
    const uint64_t weights = net->weights ? gmlp_mlp_weights(&net->mlp) : 0,
                   size = net->weight_format == GMLP_WEIGHTS_F32 ? weights : t->file.blob_size;
    if (!t->budget || t->budget >= t->file.blob_size) return;
    t->trains = 8 * t->budget < 5 * weights;
    t->narrower = t->trains && 8 * t->budget < 5 * size;
}

static void choose_way(transcoding *t) {
    const int asks = t->quality || t->subsample >= 0;
    if (!geometry_given(&t->words) && t->c.container == t->file.container && !asks &&
        !(t->strip && t->c.container != GMLP_CONTAINER_JPEG))
        t->way = KEPT;
    else if (geometry_resizes(&t->geometry)) t->way = ANEW;
    else if (t->c.container != GMLP_CONTAINER_JPEG && t->base.space == GMLP_SYCC) {
        t->way = ANEW;
        t->why = t->c.container == GMLP_CONTAINER_PNG
                   ? "a PNG holds no Y'CbCr, in which there are colours beyond sRGB"
                   : "a KTX2 file holds no Y'CbCr, in which there are colours beyond sRGB";
    } else if (t->c.container != GMLP_CONTAINER_JPEG) t->way = CODES;
    else t->way = t->file.container == GMLP_CONTAINER_JPEG && !asks ? BLOCKS : ANEW;
    t->trains = t->trains || t->way == ANEW || t->resized;
}

/* The new base. */

static int chroma_of(const transcoding *t) {
    static const int subsamples[] = { PICTURE_444, PICTURE_422, PICTURE_420 };
    return t->subsample > 0 ? subsamples[t->subsample] : PICTURE_444;
}

static int compress(transcoding *t) {
    picture_write_opts opts;
    memset(&opts, 0, sizeof opts);
    opts.quality = (int)t->quality;
    opts.subsample = chroma_of(t);
    opts.metadata = &t->said.metadata;
    opts.alpha = t->c.base.alpha;
    return carrying_compress(&t->c, &opts);
}

static int keep(transcoding *t) {
    t->c.base.image = t->base;
    t->base.data = NULL;
    if (picture_split_alpha(&t->c.base)) return fail("transcode", "%s: out of memory", t->in);
    if (t->strip) {
        if (kept_bare(t->file.bytes, t->file.size, &t->c.file, &t->c.file_size))
            return fail("transcode", "%s: out of memory for its copy without metadata", t->in);
        return 0;
    }
    t->c.file = t->file.bytes;
    t->c.file_size = t->file.size;
    t->file.bytes = NULL;
    return 0;
}

static int same_codes(transcoding *t) {
    char error[256];
    if (geometry_codes(&t->geometry, &t->base, &t->c.base, error)) return fail("transcode", "%s: %s", t->in, error);
    return compress(t);
}

/* 1: it does not go. */
static int move_blocks(transcoding *t, char error[256]) {
    gmlp_image like = t->base;
    int status;
    geometry_size(&t->geometry, &like.width, &like.height);
    status = picture_transform(t->file.bytes, t->file.size, &t->geometry, &like, &t->said.metadata, &t->c.file,
                               &t->c.file_size, error);
    return status ? status : picture_read_memory(t->c.file, t->c.file_size, t->c.out, like.space, &t->c.base, error);
}

/* A JPEG's Y'CbCr that a PNG is to hold, or what a viewer would show: RGB. */
static int to_rgb(transcoding *t, gmlp_image *image) {
    gmlp_image rgb = *image;
    gmlp_result status;
    rgb.space = GMLP_SRGB;
    rgb.data = malloc((size_t)rgb.width * rgb.height * 3);
    status = rgb.data ? gmlp_convert(image, &rgb, NULL) : GMLP_E_MEMORY;
    free(image->data);
    *image = rgb;
    return status ? fail("transcode", "%s: %s", t->in, gmlp_result_string(status)) : 0;
}

/* HDR: of the SDR picture. */
static int sdr_anew(transcoding *t) {
    char error[256];
    if (geometry_codes(&t->geometry, &t->base, &t->c.base, error)) return fail("transcode", "%s: %s", t->in, error);
    if (t->c.container != GMLP_CONTAINER_JPEG && t->base.space == GMLP_SYCC && to_rgb(t, &t->c.base.image)) return 1;
    hidden_codes(t->c.base.alpha, &t->c.base.image);
    return compress(t);
}

static int decode(const transcoding *t, picture *wide, char error[256]) {
    const gmlp_threads threads = pool_threads(t->workers);
    const double *lost = t->resized ? &t->edit.lost : NULL;
    return geometry_light(&t->geometry, &t->file.net, &t->base, lost, &threads, wide, error);
}

/* Of 90 megapixels of 16 bits or more there may be no room beside what makes their JPEG. */
static int decode_again(void *user, gmlp_image *wide, char error[256]) {
    picture again;
    if (decode((const transcoding *)user, &again, error)) return -1;
    wide->data = again.image.data;
    again.image.data = NULL;
    picture_free(&again);
    return 0;
}

/* Wide gamut: of what the network gave back. */
static int base_anew(transcoding *t) {
    gmlp_image *base = &t->c.base.image;
    gmlp_convert_opts convert;
    base_opts opts;
    base_file file;
    gmlp_result status;
    char error[256];
    if (t->c.container == GMLP_CONTAINER_JPEG) {
        memset(&opts, 0, sizeof opts);
        opts.base = t->file.container != GMLP_CONTAINER_JPEG ? BASE_AUTO
                  : t->base.space == GMLP_SYCC              ? BASE_SYCC
                                                            : BASE_SRGB;
        opts.quality = (int)t->quality;
        opts.subsample = chroma_of(t);
        opts.adaptation = t->file.net.adaptation;
        opts.threads = pool_threads(t->workers);
        opts.metadata = &t->said.metadata;
        if ((size_t)t->wide.image.width * t->wide.image.height * gmlp_pixel_size(t->wide.image.type, 3) >> 29)
            opts.again = decode_again;
        opts.user = t;
        if (!base_make(&t->wide.image, &opts, &file, error)) {
            carrying_base(&t->c, &file);
            return 0;
        }
        base_free(&file);
        return fail("transcode", "%s: %s", t->in, error);
    }
    memset(&convert, 0, sizeof convert);
    convert.adaptation = t->file.net.adaptation;
    convert.threads = pool_threads(t->workers);
    *base = t->wide.image;
    base->type = GMLP_U8;
    base->space = GMLP_SRGB;
    base->data = malloc((size_t)base->width * base->height * 3);
    t->c.base.alpha = t->wide.alpha;
    t->wide.alpha = NULL;
    status = base->data ? gmlp_reduce(&t->wide.image, base, &convert, NULL) : GMLP_E_MEMORY;
    if (!status) hidden_codes(t->c.base.alpha, base);
    return status ? fail("transcode", "%s: %s", t->in, gmlp_result_string(status)) : compress(t);
}

static int make_base(transcoding *t) {
    char error[256];
    int status;
    if (t->way == BLOCKS) {
        status = move_blocks(t, error);
        if (status < 0) return fail("transcode", "%s: %s", t->in, error);
        if (status) {
            t->way = ANEW;
            t->why = transform_missing ? "this build has no libturbojpeg, which moves blocks"
                                       : "an edge or a corner lies within a block of the JPEG";
            t->trains = 1;
        }
    }
    if (t->trains && decode(t, &t->wide, error)) return fail("transcode", "%s: %s", t->in, error);
    switch (t->way) {
        case KEPT: return keep(t);
        case CODES: return same_codes(t);
        case ANEW: return t->hdr ? sdr_anew(t) : base_anew(t);
        default: return 0;
    }
}

/* The new network. */

/* The budget that the file's network was made for, as far as its size tells. */
static uint64_t old_budget(const transcoding *t) {
    const uint64_t size = ((uint64_t)t->file.blob_size + 255) / 256 * 256;
    return size < 512 ? 512 : size;
}

/* What nobody sees is not learned. */
static gmlp_result settle_hidden(transcoding *t) {
    gmlp_convert_opts opts;
    memset(&opts, 0, sizeof opts);
    opts.adaptation = t->file.net.adaptation;
    opts.white_nits = (double)t->file.net.white_nits;
    return hidden_settle(t->c.base.alpha, &t->c.base.image, &t->wide.image, &opts);
}

static int train(transcoding *t) {
    const gmlp_net *net = &t->file.net;
    const int paper = net->weight_format == GMLP_WEIGHTS_F32 && net->method != GMLP_METHOD_NONE;
    gmlp_train_opts opts;
    gmlp_net trained;
    gmlp_result status;
    t->t.budget = t->budget ? t->budget : paper ? 0 : old_budget(t);
    t->t.preset = paper && !t->budget ? GMLP_PRESET_PAPER : GMLP_PRESET_DEFAULT;
    if (!t->narrower && net->weights && !(paper && t->budget)) {
        t->t.start_path = t->in;
        t->t.start = *net;
        t->t.iterations = paper ? STEPS_PAPER
                        : t->way != ANEW && !t->resized ? STEPS_COARSER
                        : t->hdr ? STEPS_HDR
                        : t->c.container != GMLP_CONTAINER_JPEG ? STEPS_PNG
                                                               : STEPS_JPEG;
    }
    status = settle_hidden(t);
    if (status) return fail("transcode", "%s: %s", t->in, gmlp_result_string(status));
    training_begin(&t->t, t->workers, &opts);
    opts.adaptation = net->adaptation;
    opts.activation = net->weights ? net->mlp.activation : 0;
    if (t->hdr) {
        opts.method = net->method;
        opts.white_nits = (double)net->white_nits;
        opts.signal_max = (double)net->signal_max;
    } else opts.clip_margin = base_clip_margin(t->c.base.image.space, chroma_of(t));
    status = device_train(&t->t.device, t->hdr ? gmlp_train_hdr : gmlp_train, &t->c.base.image, &t->wide.image, &opts,
                          &trained, &t->training);
    training_end(&t->t);
    memset(&t->t.start, 0, sizeof t->t.start); /* it is the file's */
    return status ? fail("transcode", "training on %s: %s", t->in, gmlp_result_string(status))
                  : carrying_network(&t->c, &trained);
}

/* The network as it is, for the picture as it lies now. */
static int move_network(transcoding *t) {
    gmlp_net *net = &t->file.net;
    const int coarser = t->budget && t->budget < t->file.blob_size;
    gmlp_result status = GMLP_OK;
    if (t->way != KEPT) status = gmlp_net_edit(net, &t->geometry, &t->c.base.image);
    if (t->words.crop || coarser) quality_set(net, NAN, NAN); /* it was another picture's, or network's */
    if (!status && coarser) status = gmlp_net_shrink(net, t->budget);
    return status ? fail("transcode", "%s: %s", t->c.out, gmlp_result_string(status)) : carrying_network(&t->c, net);
}

/* Measuring: against what the old network gave back, edited. */

static int measure_gamut(transcoding *t, char error[256]) {
    metrics_psnr_result q;
    quality_subject s;
    s.name = t->c.out;
    s.wide = &t->wide.image;
    s.base = s.decoded = &t->c.base.image;
    s.net = &t->c.net;
    s.adaptation = t->c.net.adaptation;
    s.threads = pool_threads(t->workers);
    if (quality_measure(&s, &q, error)) return -1;
    t->psnr = q.psnr + hidden_psnr(t->c.base.alpha, &t->wide.image);
    t->psnr_og = q.psnr_og;
    return 0;
}

static int measure_hdr(transcoding *t, char error[256]) {
    quality_subject s;
    metrics m;
    memset(&s, 0, sizeof s);
    s.name = t->c.out;
    s.wide = &t->wide.image;
    s.base = &t->c.base.image;
    s.net = &t->c.net;
    s.threads = pool_threads(t->workers);
    if (quality_signals(&s, (double)t->c.net.white_nits, &m, error)) return -1;
    t->psnr = m.psnr + hidden_psnr(t->c.base.alpha, &t->wide.image);
    return 0;
}

static int measure(transcoding *t) {
    char error[256];
    t->psnr = t->psnr_og = NAN;
    if (!t->trains) return 0;
    return (t->hdr ? measure_hdr(t, error) : measure_gamut(t, error)) ? fail("transcode", "%s", error) : 0;
}

/* What it says. */

static const char *network_text(const transcoding *t, char text[160]) {
    if (t->trains)
        snprintf(text, 160, t->narrower ? "trained anew for the budget, in %u steps, %.2f s"
                                        : "trained further on its own colours, %u steps, %.2f s",
                 t->training.iterations, t->t.seconds);
    else if (t->budget && t->budget < t->file.blob_size) snprintf(text, 160, "its weights in coarser steps");
    else snprintf(text, 160, "the same weights");
    return text;
}

static void report(const transcoding *t, double total) {
    const gmlp_image *image = &t->c.base.image;
    char text[160];
    json j;
    if (!t->json) {
        printf("%s: %u x %u, %llu bytes\n", t->c.out, image->width, image->height, (unsigned long long)t->c.out_size);
        printf("  picture         %s%s%s\n", ways[t->way], t->why ? ": " : "", t->why ? t->why : "");
        printf("  network         %llu bytes, were %llu: %s\n", (unsigned long long)t->c.blob_size,
               (unsigned long long)t->file.blob_size, network_text(t, text));
        if (isfinite(t->psnr)) printf("  against what %s gave back, edited alike: %.2f dB", t->in, t->psnr);
        if (isfinite(t->psnr) && isfinite(t->psnr_og)) printf(", %.2f dB out of gamut", t->psnr_og);
        if (isfinite(t->psnr)) printf("\n");
        return;
    }
    json_begin(&j, stdout);
    json_integer(&j, "width", image->width);
    json_integer(&j, "height", image->height);
    json_text(&j, "picture", ways[t->way]);
    json_text(&j, "because", t->why);
    json_text(&j, "base_space", gmlp_space_name(t->c.net.base_space));
    json_bool(&j, "clipped", t->clipped);
    edited_json(&t->edit, &j);
    json_integer(&j, "file_bytes", t->c.out_size);
    json_integer(&j, "blob_bytes", t->c.blob_size);
    json_integer(&j, "metadata_bytes", t->c.metadata_bytes);
    json_bool(&j, "trained", t->trains);
    json_integer(&j, "iterations", t->training.iterations);
    json_number(&j, "train_seconds", t->t.seconds);
    json_number(&j, "total_seconds", total);
    json_integer(&j, "peak_rss_bytes", peak_rss_bytes());
    json_number(&j, "psnr", t->psnr);
    json_number(&j, "psnr_og", t->psnr_og);
    json_end(&j);
}

/* Alpha that OUT cannot hold. */
static int leave_alpha(transcoding *t) {
    picture p;
    int bad;
    if (t->base.channels != 4 || picture_holds_alpha(t->c.out)) return 0;
    memset(&p, 0, sizeof p);
    p.image = t->base;
    bad = picture_split_alpha(&p);
    if (!bad) picture_tell(&p, "transcode", t->in);
    t->base = p.image;
    free(p.alpha);
    return bad ? fail("transcode", "%s: out of memory", t->in) : 0;
}

static int transcode(transcoding *t, const args_command *command) {
    const double start = seconds_now();
    extras x;
    char error[256];
    t->workers = pool_create((int)t->t.threads);
    if (!t->workers) return fail("transcode", "out of memory");
    if (open_file(t)) return 1;
    if (geometry_of(&t->words, t->base.width, t->base.height, t->said.orientation, &t->geometry, error))
        return args_wrong(command, "%s", error);
    choose_network(t);
    choose_way(t);
    if (t->way != KEPT || t->strip) {
        extras_find(t->file.bytes, t->file.size, &x);
        x.extension = 0; /* goes with the rest */
        extras_tell(&x, EXTRAS_GAIN_MAP | EXTRAS_BEHIND, "transcode", t->in);
    }
    if (t->way != KEPT) {
        if (geometry_given(&t->words) && !t->strip) kept_forget_thumbnail(&t->said);
        kept_for(&t->said, t->c.out, t->strip);
        picture_tell_left(&t->said, "transcode", t->in);
    } else {
        t->geometry.orientation = 1; /* the tag stays */
    }
    if (leave_alpha(t) || carrying_open(&t->c) || make_base(t)) return 1;
    if ((t->trains ? train(t) : move_network(t)) || measure(t) || carrying_write(&t->c, 0)) return 1;
    report(t, seconds_now() - start);
    return 0;
}

int cmd_transcode(int argc, char **argv) {
    transcoding t;
    const args_option options[] = {
        GEOMETRY_OPTIONS(t.words),
        { "--quality", ARG_INT, &t.quality, "Q", "of a JPEG that is compressed anew, 1 to 100 (95)", 1, 100 },
        { "--subsample", ARG_CHOICE, &t.subsample, "444|422|420", "its chroma (444)", 0, 0 },
        { "--budget", ARG_INT, &t.budget, "BYTES", "the network's size at most", 512, 65536 },
        { "--threads", ARG_INT, &t.t.threads, "N", "threads (one a processor); the result is the same", 1, 256 },
        STRIP_METADATA(t.strip),
        { "--force", ARG_FLAG, &t.force, NULL, "OUT may be IN", 0, 0 },
        { "--json", ARG_FLAG, &t.json, NULL, "print one JSON object", 0, 0 },
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "transcode", "IN OUT.{jpg,png,ktx2}",
        "Edits a file that carries a network, or makes a PNG of a JPEG or the other way round, so that the\n"
        "network still gives the wide gamut or HDR back. Whatever the options' order: crop, resize, rotate,\n"
        "flip, of the picture as viewers show it; the result is stored upright. A PNG keeps its alpha, a JPEG\n"
        "leaves it out. Where codes stay the same (a PNG cut or turned, a PNG of a JPEG in sRGB) the network\n"
        "moves along, and what it gives back is the same to the bit. A JPEG that is turned, or cut at whole\n"
        "blocks, keeps all of its coefficients, if neither --quality nor --subsample is given. Else (resized in\n"
        "linear light, cut within a block, compressed anew, a PNG of a JPEG whose Y'CbCr holds colours beyond\n"
        "sRGB) the picture is decoded, edited, reduced again, and the network trained further on that, for about\n"
        "half a second; so it is where another program had resized the picture. A smaller --budget takes\n"
        "coarser weights, trained further on the colours that they gave if a weight gets less than five\n"
        "bits; below five eighths of the size, a narrower network is trained.",
        "  gamutmlp transcode photo.jpg small.jpg --resize 50%\n"
        "  gamutmlp transcode photo.jpg turned.jpg --rotate 90\n"
        "  gamutmlp transcode photo.png part.jpg --crop 100,200,640,480 --quality 90 --budget 2048",
        options, 2, NULL
    };
    const char *names[2];
    int status;
    memset(&t, 0, sizeof t);
    t.subsample = t.words.rotate = t.words.flip = -1;
    status = args_parse(&command, argc, argv, names);
    if (status != ARGS_GO_ON) return status;
    t.in = names[0];
    files_forced(t.force);
    carrying_begin(&t.c, "transcode", names[1]);
    if (!t.c.container)
        return args_wrong(&command, "%s: the output's name must end in .jpg or .png, or .ktx2", names[1]);
    if ((t.quality || t.subsample >= 0) && t.c.container != GMLP_CONTAINER_JPEG)
        return args_wrong(&command, "--quality and --subsample are for JPEG; a PNG is lossless, and so is a KTX2");
    status = transcode(&t, &command);
    carrying_free(&t.c);
    carried_free(&t.file);
    picture_free(&t.said);
    picture_free(&t.wide);
    free(t.base.data);
    pool_free(t.workers);
    return status;
}
