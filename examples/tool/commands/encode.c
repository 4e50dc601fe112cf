#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands/commands.h"
#include "measure/psnr.h"
#include "pictures/formats.h"
#include "shell/args.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "shell/progress.h"
#include "work/base.h"
#include "work/carried.h"
#include "work/carrying.h"
#include "work/extras.h"
#include "work/hidden.h"
#include "work/kept.h"
#include "work/many.h"
#include "work/quality.h"

typedef struct encode_options {
    int from, adaptation, round_down, force, json, strip;
    int base, subsample; /* subsample: place among the words, -1: not given */
    uint64_t quality;
    double target_psnr;
    const char *carriers, *base_picture;
} encode_options;

/* What encoding makes, in order; freed together. */
typedef struct encoding {
    const char *in;
    encode_options o;
    many all; /* with a folder: this is one of many */
    training t;
    int carriers;
    pool *workers;
    picture wide; /* the original */
    uint8_t *alpha; /* that goes into the file */
    carrying c;
    gmlp_gamut_report gamut;
    gmlp_train_report training;
    double gain;                 /* what sYCC holds more than sRGB, dB out of gamut, before there is a network */
    metrics_psnr_result without; /* of sYCC without a network; NAN: not measured */
    const char *only_base;       /* why there was no choice */
    int plain;                   /* a PNG, or libjpeg's file of clipped codes */
} encoding;

/* The steps. */

static int chroma_of(const encoding *e) {
    static const int subsamples[] = { PICTURE_444, PICTURE_422, PICTURE_420 };
    return e->o.subsample > 0 ? subsamples[e->o.subsample] : PICTURE_444;
}

/* What a reader of the file decodes, and beside it what a viewer shows. net: NULL for the base alone. */
static int measure(const encoding *e, const gmlp_net *net, metrics_psnr_result *q, char error[256]) {
    quality_subject s;
    s.name = e->c.out;
    s.wide = &e->wide.image;
    s.base = s.decoded = &e->c.base.image;
    s.net = net;
    s.adaptation = e->o.adaptation;
    s.threads = pool_threads(e->workers);
    if (quality_measure(&s, q, error)) return -1;
    q->psnr += hidden_psnr(e->alpha, &e->wide.image);
    q->psnr_clip += hidden_psnr(e->alpha, &e->wide.image);
    return 0;
}

/* What another encoder, of textures' blocks for instance, left of the base: its pixels take the place of ours. */
static int take_base_picture(const char *path, gmlp_image *base) {
    const size_t size = (size_t)base->width * base->height * 3;
    picture given;
    char error[256] = "";
    if (!picture_read(path, GMLP_SPACE_NONE, 0, &given, error)) {
        if (given.image.width != base->width || given.image.height != base->height)
            error_text(error, path, "is %u x %u, and the picture that it is a base of %u x %u", given.image.width,
                       given.image.height, base->width, base->height);
        else if (given.image.type != GMLP_U8 || given.image.space != GMLP_SRGB || given.orientation > 1)
            error_text(error, path, "is no base: that is upright, of 8 bits, and in sRGB");
        else memcpy(base->data, given.image.data, size);
        picture_free(&given);
    }
    return *error ? fail("encode", "%s", error) : 0;
}

/* A PNG, or libjpeg's file of clipped codes. */
static int plain_base(encoding *e) {
    const gmlp_image *wide = &e->wide.image;
    gmlp_image *base = &e->c.base.image;
    picture_write_opts write;
    gmlp_convert_opts opts;
    gmlp_result status;
    memset(&opts, 0, sizeof opts);
    memset(&write, 0, sizeof write);
    opts.adaptation = e->o.adaptation;
    opts.round_down = e->o.round_down;
    opts.threads = pool_threads(e->workers);
    write.quality = (int)e->o.quality;
    write.subsample = chroma_of(e);
    write.metadata = &e->wide.metadata;
    write.alpha = e->alpha;
    *base = *wide;
    base->type = GMLP_U8;
    base->space = GMLP_SRGB;
    base->data = malloc((size_t)wide->width * wide->height * 3);
    status = base->data ? gmlp_reduce(wide, base, &opts, &e->gamut) : GMLP_E_MEMORY;
    if (!status && e->alpha) { /* what nobody sees is out of no gamut */
        hidden_codes(e->alpha, base);
        status = hidden_settle(e->alpha, base, wide, &opts);
        if (!status) status = gmlp_reduce(wide, base, &opts, &e->gamut);
        hidden_codes(e->alpha, base); /* rounded, a code may be at an end again */
    }
    if (status) return fail("encode", "%s: %s", e->in, gmlp_result_string(status));
    if (e->o.base_picture && take_base_picture(e->o.base_picture, base)) return 1;
    return carrying_compress(&e->c, &write);
}

/* Reads the original's pixels once more. */
static int read_again(void *user, gmlp_image *wide, char error[256]) {
    const encoding *e = (const encoding *)user;
    picture again;
    if (picture_read(e->in, e->o.from, 0, &again, error)) return -1;
    if (!picture_upright(&again, error) && again.image.width == wide->width && again.image.height == wide->height &&
        again.image.type == wide->type && again.image.space == wide->space) {
        wide->data = again.image.data;
        again.image.data = NULL;
    }
    picture_free(&again);
    return wide->data ? 0 : (error_text(error, e->in, "has changed since it was read"), -1);
}

/* Floats of 90 megapixels or more; a pipe gives its bytes only once. */
static int is_for_twice(const encoding *e) {
    const gmlp_image *wide = &e->wide.image;
    struct stat s;
    return (size_t)wide->width * wide->height * gmlp_pixel_size(wide->type, 3) >> 30 && !stat(e->in, &s) &&
           S_ISREG(s.st_mode);
}

static int make_base(encoding *e) {
    base_opts opts;
    base_file file;
    char error[256];
    e->without.psnr = e->without.psnr_og = NAN;
    if (e->plain) return plain_base(e);
    memset(&opts, 0, sizeof opts);
    if (!e->only_base && e->t.start_path) {
        e->only_base = "as the start has it";
        e->o.base = e->t.start.base_space == GMLP_SYCC ? BASE_SYCC : BASE_SRGB;
    }
    opts.base = e->o.base;
    opts.quality = (int)e->o.quality;
    opts.subsample = chroma_of(e);
    opts.adaptation = e->o.adaptation;
    opts.threads = pool_threads(e->workers);
    opts.metadata = &e->wide.metadata;
    if (is_for_twice(e)) opts.again = read_again;
    opts.user = e;
    if (base_make(&e->wide.image, &opts, &file, error)) {
        base_free(&file);
        return e->wide.image.data ? fail("encode", "%s: %s", e->in, error) : fail("encode", "%s", error);
    }
    e->gamut = file.gamut;
    e->gain = file.gain;
    if (!e->only_base && !e->gamut.out_of_gamut) e->only_base = "nothing is out of gamut";
    carrying_base(&e->c, &file);
    if (e->c.base.image.space == GMLP_SYCC && measure(e, NULL, &e->without, error)) return fail("encode", "%s", error);
    return 0;
}

static int train(encoding *e) {
    gmlp_train_opts opts;
    gmlp_net trained;
    gmlp_result status;
    char words[400];
    training_begin(&e->t, e->workers, &opts);
    opts.adaptation = e->o.adaptation;
    opts.target_psnr = e->o.target_psnr;
    opts.clip_margin = base_clip_margin(e->c.base.image.space, chroma_of(e));
    status = device_train(&e->t.device, gmlp_train, &e->c.base.image, &e->wide.image, &opts, &trained, &e->training);
    training_end(&e->t);
    if (status == GMLP_E_TARGET)
        return fail("encode", "%s: %.2f dB is out of reach: a network of %s gives %.2f dB; %s is not written", e->in,
                    e->o.target_psnr, e->t.budget ? "that budget" : "32 KB", e->training.psnr_og, e->c.out);
    if (status == GMLP_E_ARGUMENT && e->t.start_path)
        return fail(
            "encode",
            "%s: not a start for this preset and budget (meta-train with the same --preset and --budget makes one)",
            e->t.start_path);
    return status ? fail("encode", "training on %s: %s", e->in, device_words(&e->t.device, status, words))
                  : carrying_network(&e->c, &trained);
}

/* What it says. */

static const char *chosen_because(const encoding *e, char text[160]) {
    if (!(e->o.target_psnr > 0.0)) return training_because(&e->t, text);
    snprintf(text, 160, "the smallest tried that gives %.2f dB (%.2f)", e->o.target_psnr, e->training.psnr_og);
    return text;
}

static const char *base_because(const encoding *e, char text[160]) {
    const double gain = e->gain;
    if (e->only_base) return e->only_base;
    if (isnan(gain)) snprintf(text, 160, "whose Y'CbCr holds colours out of gamut; here they are rare");
    else if (e->c.base.image.space == GMLP_SYCC)
        snprintf(text, 160, "whose Y'CbCr holds %.1f dB more of the colours out of gamut than clipped sRGB", gain);
    else if (gain < 0)
        snprintf(text, 160, "which holds %.1f dB more of the colours out of gamut than unclipped Y'CbCr", -gain);
    else snprintf(text, 160, "as unclipped Y'CbCr holds only %.1f dB more of the colours out of gamut", gain);
    return text;
}

static void report_json(const encoding *e, const metrics_psnr_result *q, double total) {
    const double pixels = (double)e->gamut.pixels;
    char because[160];
    json j;
    if (e->all.folder) many_json(&j, e->in, e->c.out, "encoded");
    else json_begin(&j, stdout);
    json_integer(&j, "width", e->wide.image.width);
    json_integer(&j, "height", e->wide.image.height);
    json_text(&j, "space", gmlp_space_name(e->wide.image.space));
    json_text(&j, "space_from", e->wide.space_from);
    json_number(&j, "out_of_gamut", (double)e->gamut.out_of_gamut / pixels);
    json_number(&j, "saturated", (double)e->training.saturated / pixels);
    json_number(&j, "clamped", (double)e->gamut.clamped / pixels);
    json_bool(&j, "alpha", e->alpha != NULL);
    json_text(&j, "base", gmlp_space_name(e->c.base.image.space));
    json_text(&j, "base_because", base_because(e, because));
    json_integer(&j, "file_bytes", e->c.out_size);
    json_integer(&j, "blob_bytes", e->c.blob_size);
    json_integer(&j, "metadata_bytes", e->c.metadata_bytes);
    json_integer(&j, "network_width", e->c.net.weights ? (uint64_t)e->c.net.mlp.width : 0);
    json_integer(&j, "weights", e->c.net.weights ? gmlp_mlp_weights(&e->c.net.mlp) : 0);
    json_integer(&j, "margin", (uint64_t)e->c.net.clip_margin);
    json_text(&j, "chosen_because", e->c.net.weights ? chosen_because(e, because) : NULL);
    json_integer(&j, "iterations", e->training.iterations);
    device_json(&e->t.device, &j);
    json_number(&j, "train_seconds", e->t.seconds);
    json_number(&j, "total_seconds", total);
    json_integer(&j, "peak_rss_bytes", peak_rss_bytes());
    json_number(&j, "psnr_clip", q->psnr_clip);
    json_number(&j, "psnr_clip_og", q->psnr_clip_og);
    json_number(&j, "psnr_sycc", e->without.psnr);
    json_number(&j, "psnr_sycc_og", e->without.psnr_og);
    json_number(&j, "psnr", q->psnr);
    json_number(&j, "psnr_og", q->psnr_og);
    json_end(&j);
}

static void print_psnr(double v) {
    if (isfinite(v)) printf("%12.2f dB", v);
    else printf("%15s", isnan(v) ? "-" : "exact");
}

static void report_text(const encoding *e, const metrics_psnr_result *q, double total) {
    const double pixels = (double)e->gamut.pixels;
    char because[160];
    printf("%s: %u x %u, %s (%s)\n", e->in, e->wide.image.width, e->wide.image.height,
           gmlp_space_name(e->wide.image.space), e->wide.space_from);
    printf("  outside sRGB    %.2f %% of the pixels\n", 100 * (double)e->gamut.out_of_gamut / pixels);
    if (e->gamut.clamped)
        printf("  clamped         %.2f %% of the pixels, brighter than white or outside %s\n",
               100 * (double)e->gamut.clamped / pixels, gmlp_space_name(e->wide.image.space));
    printf("%s: %llu bytes\n", e->c.out, (unsigned long long)e->c.out_size);
    printf("  base            %s, %s\n", e->c.base.image.space == GMLP_SYCC ? "sYCC" : "sRGB",
           base_because(e, because));
    printf("  metadata        %llu bytes, for a network of %llu\n", (unsigned long long)e->c.metadata_bytes,
           (unsigned long long)e->c.blob_size);
    if (e->c.net.method == GMLP_METHOD_NONE) printf("  nothing was lost, so there was nothing to train\n");
    else {
        printf("  network         2 layers of %d: %s\n", e->c.net.mlp.width, chosen_because(e, because));
        if (e->c.net.clip_margin)
            printf("  applied to      codes 0-%d and %d-255: so far did compression move clipped ones\n",
                   e->c.net.clip_margin, 255 - e->c.net.clip_margin);
        printf("  training        %u steps in %.2f s%s; the whole command took %.2f s\n", e->training.iterations,
               e->t.seconds, device_place(&e->t.device), total);
        printf("\nPSNR in linear ProPhoto       all pixels   out of gamut\n  as plain sRGB         ");
        print_psnr(q->psnr_clip);
        print_psnr(q->psnr_clip_og);
        if (e->c.base.image.space == GMLP_SYCC) {
            printf("\n  its Y'CbCr            ");
            print_psnr(e->without.psnr);
            print_psnr(e->without.psnr_og);
        }
        printf("\n  with the network      ");
        print_psnr(q->psnr);
        print_psnr(q->psnr_og);
        printf("\n");
    }
    printf("\nEvery viewer opens %s as sRGB. The wide gamut comes back with\n  gamutmlp decode %s wide.tif\n", e->c.out,
           e->c.out);
}

static void report_line(const encoding *e, const metrics_psnr_result *q, double total) {
    printf("%s: ", e->c.out);
    if (e->c.net.method == GMLP_METHOD_NONE) printf("nothing was lost");
    else if (!isfinite(q->psnr_og)) printf("all comes back exactly");
    else printf("%.2f dB out of gamut, %.2f without the network", q->psnr_og, e->c.base.image.space == GMLP_SYCC
                                                                                ? e->without.psnr_og
                                                                                : q->psnr_clip_og);
    printf("; network of %llu bytes, file of %llu; %.1f s\n", (unsigned long long)e->c.blob_size,
           (unsigned long long)e->c.out_size, total);
}

/* The command line. */

static int carriers_from_text(const char *text, int *carriers) {
    static const struct {
        const char *name;
        int bit;
    } known[] = { { "app", GMLP_CARRIER_JPEG_APP }, { "com", GMLP_CARRIER_JPEG_COM }, { "xmp", GMLP_CARRIER_XMP },
                  { "chunk", GMLP_CARRIER_PNG_CHUNK }, { "text", GMLP_CARRIER_PNG_TEXT },
                  { "key", GMLP_CARRIER_KTX2_KEY } };
    size_t i, n;
    for (*carriers = 0; *text; text += n + (text[n] == ',')) {
        n = strcspn(text, ",");
        for (i = 0; i < sizeof known / sizeof *known; i++)
            if (strlen(known[i].name) == n && !memcmp(known[i].name, text, n)) break;
        if (i == sizeof known / sizeof *known) return -1;
        *carriers |= known[i].bit;
    }
    return *carriers ? 0 : -1;
}

/* NULL, or why the base must be sRGB. */
static const char *only_base(const encoding *e) {
    return e->c.container == GMLP_CONTAINER_PNG  ? "a PNG holds RGB"
         : e->c.container == GMLP_CONTAINER_KTX2 ? "a KTX2 file holds RGB"
         : e->t.preset == GMLP_PRESET_PAPER      ? "preset paper clips, as published"
         : e->o.round_down                       ? "--floor rounds the codes of RGB"
                                                 : NULL;
}

/* The pixels alone are not what was encoded before. */
static void note_network(picture *wide) {
    gmlp_net net;
    if (gmlp_open(wide->file, wide->file_size, NULL, &net, NULL)) return;
    if (carried_is_hdr(&net))
        picture_note(wide->left, "its network is left out, with the HDR that 'gamutmlp hdr-decode' gives back from it");
    else
        picture_note(wide->left, "its network is left out, with the wide gamut that 'gamutmlp decode' gives back from "
                     "it, which is what to encode");
    gmlp_net_free(&net);
}

static int encode(encoding *e) {
    const double start = seconds_now();
    metrics_psnr_result q;
    extras x;
    char error[256];
    if (picture_read(e->in, e->o.from, 1, &e->wide, error) || picture_upright(&e->wide, error))
        return fail("encode", "%s", error);
    note_network(&e->wide);
    extras_find(e->wide.file, e->wide.file_size, &x);
    extras_note(&x, EXTRAS_GAIN_MAP, e->wide.notes);
    kept_for(&e->wide, e->c.out, e->o.strip);
    free(e->wide.file);
    e->wide.file = NULL;
    if (picture_holds_alpha(e->c.out)) {
        e->alpha = e->wide.alpha;
        e->wide.alpha = NULL;
    }
    picture_tell(&e->wide, "encode", e->in);
    picture_tell_left(&e->wide, "encode", e->in);
    if (!strcmp(e->wide.space_from, "assumed"))
        tell_note("encode", "%s does not say its colour space; %s assumed (--from tells it)", e->in,
                  gmlp_space_name(e->wide.image.space));
    if (training_prepare(&e->t, "encode")) return 1;
    e->workers = pool_create((int)e->t.threads);
    if (!e->workers) return fail("encode", "out of memory");
    if (carrying_open(&e->c) || make_base(e) || train(e)) return 1;
    if (measure(e, &e->c.net, &q, error)) return fail("encode", "%s", error);
    if (carrying_quality(&e->c, q.psnr, q.psnr_og) || carrying_write(&e->c, e->carriers)) return 1;
    (e->o.json ? report_json : e->all.folder ? report_line : report_text)(e, &q, seconds_now() - start);
    return 0;
}

/* One of many, in a process of its own, which ends after it. */
static int encode_one(void *user, const char *in, const char *out, uint64_t threads) {
    encoding *e = (encoding *)user;
    int status;
    e->in = in;
    e->c.out = out;
    e->t.threads = threads;
    status = encode(e);
    carrying_free(&e->c);
    return status;
}

static int encode_all(encoding *e, const args_command *command, const char *const *names, int count) {
    many *m = &e->all;
    m->command = command;
    m->in = names;
    m->count = count;
    m->json = e->o.json;
    m->threads = e->t.threads;
    m->also = e->t.start_path;
    m->make = encode_one;
    m->user = e;
    return many_run(m);
}

int cmd_encode(int argc, char **argv) {
    encoding e;
    int preset = 0, count;
    const args_option options[] = {
        { "--preset", ARG_CHOICE, &preset, PRESETS,
          "default, fast: at most 4 KB; high: 10; max: 23; paper: as published, slow", 0, 0 },
        { "--quality", ARG_INT, &e.o.quality, "Q",
          "of a JPEG, 1 to 100 (95): as many bytes as libjpeg takes for the clipped picture", 1, 100 },
        { "--subsample", ARG_CHOICE, &e.o.subsample, "444|422|420", "chroma of a JPEG (444)", 0, 0 },
        { "--base", ARG_CHOICE, &e.o.base, "auto|srgb|sycc",
          "of a JPEG; sycc: unclipped Y'CbCr, for readers that take it; auto: the better one", 0, 0 },
        { "--base-picture", ARG_TEXT, &e.o.base_picture, "FILE",
          "OUT's pixels, not reduced here: what a lossy encoder of textures left of such a base, as PNG", 0, 0 },
        { "--from", ARG_SPACE, &e.o.from, "SPACE", "what the numbers are, whatever the file says", 0, 0 },
        TRAINING_OPTIONS(e.t),
        { "--target-psnr", ARG_NUMBER, &e.o.target_psnr, "DB",
          "the smallest network that gives out-of-gamut pixels back so well", 1, 120 },
        { "--start", ARG_TEXT, &e.t.start_path, "FILE",
          "begin with these weights, from 'gamutmlp meta-train' or of a picture like this", 0, 0 },
        { "--adaptation", ARG_CHOICE, &e.o.adaptation, "bradford|cat02", "how white points are joined (bradford)", 0,
          0 },
        { "--floor", ARG_FLAG, &e.o.round_down, NULL, "round 8-bit codes down, as the paper's code does", 0, 0 },
        { "--carriers", ARG_TEXT, &e.o.carriers, "LIST",
          "where the network is put: app,com,xmp or chunk,text,xmp; in a KTX2: key", 0, 0 },
        STRIP_METADATA(e.o.strip),
        MANY_OPTIONS(e.all),
        { "--force", ARG_FLAG, &e.o.force, NULL, "OUT may be IN", 0, 0 },
        { "--json", ARG_FLAG, &e.o.json, NULL, "print one JSON object; of many, a line each and one of all", 0, 0 },
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "encode", "{IN OUT.{jpg,png,ktx2} | FILES... --out DIR}",
        "Writes the wide-gamut picture IN (PNG, TIFF, EXR, HEIC, AVIF, JPEG XL, Radiance HDR, PPM, JPEG,\n"
        "camera raws) as an ordinary 8-bit sRGB file and puts a small network into its metadata, trained on\n"
        "this picture, from which 'gamutmlp decode' restores the colours that sRGB cannot hold. Raws are\n"
        "developed by LibRaw. EXIF, IPTC and XMP go with it; pixels are turned upright, and the\n"
        "orientation tag says so. A PNG keeps IN's alpha, with 8 bits, and a PNG's texts; what alpha hides\n"
        "is not learned. A KTX2 texture is R8G8B8A8 with all of its mips, the network its key GMLPnet.\n"
        "With --out, each of FILES becomes a file of its name in DIR, which is made if need be: the same bytes\n"
        "as alone, whatever --jobs is. What fails, a folder among FILES too, does not stop the rest; the exit\n"
        "status is 1 then. What is there is written anew without --resume, which goes by what a file in DIR,\n"
        ".gamutmlp-encode, says of each output: size, CRC-32, options, size and date of its original.",
        "  gamutmlp encode photo_prophoto.tif photo.jpg --quality 95\n"
        "  gamutmlp encode render.exr render.png --from acescg --json\n"
        "  gamutmlp encode paint.tif paint.ktx2\n"
        "  gamutmlp encode shots/*.tif --out small --jobs 4 --resume",
        options, 1, &count
    };
    const char **names = (const char **)argv + 1; /* arguments are read before their places are taken */
    int status;
    memset(&e, 0, sizeof e);
    e.o.subsample = e.all.as = -1;
    status = args_parse(&command, argc, argv, names);
    if (status != ARGS_GO_ON) return status;
    if (many_contradiction(&e.all)) return args_wrong(&command, "%s", many_contradiction(&e.all));
    if (e.all.resume && e.o.force)
        return args_wrong(&command, "--force lets an original be replaced, which --resume takes for a changed one");
    if (!e.all.folder && count < 2)
        return args_wrong(&command, "a file name is missing; usage: gamutmlp encode %s", command.synopsis);
    if (!e.all.folder && count > 2) return args_wrong(&command, "one name too many: '%s'", names[2]);
    e.t.preset = preset_of_choice(preset);
    e.in = names[0];
    files_forced(e.o.force);
    carrying_begin(&e.c, "encode", e.all.folder ? many_example(&e.all) : names[1]);
    if (!e.c.container)
        return args_wrong(&command, "%s: the output's name must end in .jpg or .png, or .ktx2", names[1]);
    if (e.o.quality && e.c.container != GMLP_CONTAINER_JPEG)
        return args_wrong(&command, "--quality is for JPEG; a PNG is lossless, and so is a KTX2");
    if (e.o.subsample >= 0 && e.c.container != GMLP_CONTAINER_JPEG)
        return args_wrong(&command, "--subsample is for JPEG; a PNG keeps all of its chroma, as does a KTX2");
    if (e.o.base_picture && (e.all.folder || e.c.container == GMLP_CONTAINER_JPEG))
        return args_wrong(&command, "--base-picture is of one picture, and OUT a PNG or KTX2, which keeps its pixels");
    e.only_base = only_base(&e);
    e.plain = e.only_base != NULL;
    if (e.only_base && e.o.base == BASE_SYCC) return args_wrong(&command, "--base sycc: %s", e.only_base);
    if (!e.only_base && e.o.base != BASE_AUTO) e.only_base = "as --base says";
    if (e.t.preset == GMLP_PRESET_PAPER && (e.t.budget || e.o.target_psnr > 0.0))
        return args_wrong(&command, "--budget and --target-psnr choose a network; --preset paper has its own");
    if (e.t.width && e.o.target_psnr > 0.0)
        return args_wrong(&command, "--target-psnr chooses the network's size, so there is no --width for it");
    if (training_contradiction(&e.t)) return args_wrong(&command, "%s", training_contradiction(&e.t));
    if (e.t.device.choice == DEVICE_GPU && e.o.target_psnr > 0.0)
        return args_wrong(&command, "--target-psnr tries networks on the CPU; there is no --device gpu for it");
    if (e.o.target_psnr > 0.0) device_only_cpu(&e.t.device, "--target-psnr tries networks on the CPU");
    if (e.t.start_path && e.o.target_psnr > 0.0)
        return args_wrong(&command, "--target-psnr chooses the network's size, so there is no --start for it");
    if (e.o.carriers && carriers_from_text(e.o.carriers, &e.carriers))
        return args_wrong(&command, "--carriers: '%s' is not a list of app, com, xmp, chunk, text, key", e.o.carriers);
    status = e.all.folder ? encode_all(&e, &command, names, count) : encode(&e);
    carrying_free(&e.c);
    pool_free(e.workers);
    picture_free(&e.wide);
    free(e.alpha);
    training_free(&e.t);
    return status;
}
