#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "measure/metrics.h"
#include "measure/psnr.h"
#include "shell/args.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "shell/progress.h"
#include "work/base.h"
#include "work/carrying.h"
#include "work/extras.h"
#include "work/kept.h"

enum { BASE_AUTO, BASE_SRGB, BASE_SYCC }; /* words of --base */

typedef struct encode_options {
    int from, adaptation, round_down, force, json, strip;
    int base, subsample; /* subsample: place among the words, -1: not given */
    uint64_t quality;
    double target_psnr;
    const char *carriers;
} encode_options;

/* A base as it comes out of its file. */
typedef struct base_file {
    picture picture;
    uint8_t *bytes;
    size_t size;
} base_file;

/* What encoding makes, in order; freed together. */
typedef struct encoding {
    const char *in;
    encode_options o;
    training t;
    int carriers;
    pool *workers;
    picture wide; /* the original */
    carrying c;
    gmlp_gamut_report gamut;
    gmlp_train_report training;
    base_file other;             /* the base in sRGB, while there is a choice */
    metrics_psnr_result without; /* of a JPEG without a network, sRGB as clip, sYCC as decoded; NAN: not measured */
    const char *only_base;       /* why there was no choice */
} encoding;

/* Quality, measured on what a reader of the file decodes, and beside it on what a viewer shows. */

#define BAND 16u

typedef struct measuring {
    const encoding *e;
    const gmlp_image *base;
    const gmlp_decoder *decoder; /* of that base; NULL: sycc is what is decoded */
    const gmlp_image *sycc;
    const metrics_psnr *psnr;
    metrics_psnr_sums *sums; /* one a band, and a text if it failed */
    char (*errors)[256];
} measuring;

static void measure_band(void *user, size_t index) {
    const measuring *m = (const measuring *)user;
    const gmlp_image *whole = &m->e->wide.image;
    const uint32_t y = (uint32_t)index * BAND, rows = whole->height - y < BAND ? whole->height - y : BAND;
    const gmlp_image wide = metrics_rows(whole, y, rows), base = metrics_rows(m->base, y, rows);
    const size_t samples = (size_t)base.width * rows * 3;
    float *memory = (float *)malloc(samples * (sizeof(float) + 1));
    gmlp_image shown = base, decoded = base;
    gmlp_result status = memory ? GMLP_OK : GMLP_E_MEMORY;
    shown.stride = decoded.stride = 0;
    shown.space = GMLP_SRGB;
    shown.data = memory + samples;
    decoded.type = GMLP_F32;
    decoded.space = GMLP_PROPHOTO_LINEAR;
    decoded.data = memory;
    if (base.space == GMLP_SRGB) shown = base;
    else if (!status) status = gmlp_convert(&base, &shown, NULL);
    if (!m->decoder) decoded = metrics_rows(m->sycc, y, rows);
    else if (!status) status = gmlp_decoder_rows(m->decoder, m->base, 0, 0, &decoded, 0, y, NULL);
    if (status) error_text(m->errors[index], m->e->c.out, "%s", gmlp_result_string(status));
    else metrics_psnr_rows(m->psnr, &wide, &shown, &decoded, &m->sums[index], m->errors[index]);
    free(memory);
}

/* base as viewers show it, and with its network, or without one sycc. */
static int measure(const encoding *e, const gmlp_image *base, const gmlp_image *sycc, metrics_psnr_result *result,
                   char error[256]) {
    const size_t bands = (e->wide.image.height + BAND - 1) / BAND;
    const gmlp_threads threads = pool_threads(e->workers);
    gmlp_image shown = *base, decoded = sycc ? *sycc : *base;
    gmlp_decoder *decoder = NULL;
    metrics_psnr *psnr;
    metrics_psnr_sums all;
    measuring m;
    size_t i;
    gmlp_result status = sycc ? GMLP_OK
                              : gmlp_decoder_create(&e->c.net, GMLP_F32, GMLP_PROPHOTO_LINEAR, NULL, &decoder);
    m.sums = (metrics_psnr_sums *)calloc(bands, sizeof *m.sums);
    m.errors = (char (*)[256])calloc(bands, sizeof *m.errors);
    shown.space = GMLP_SRGB;
    if (!sycc) decoded.type = GMLP_F32, decoded.space = GMLP_PROPHOTO_LINEAR;
    psnr = metrics_psnr_begin(&e->wide.image, &shown, &decoded, e->o.adaptation, error);
    if (!status && (!m.sums || !m.errors)) status = GMLP_E_MEMORY;
    if (status) error_text(error, e->c.out, "%s", gmlp_result_string(status));
    else if (psnr) {
        error[0] = 0;
        m.e = e;
        m.base = base;
        m.decoder = decoder;
        m.sycc = sycc;
        m.psnr = psnr;
        threads.parallel_for(threads.user, measure_band, &m, bands);
        memset(&all, 0, sizeof all);
        for (i = 0; i < bands; i++) {
            if (*m.errors[i] && !*error) memcpy(error, m.errors[i], 256);
            metrics_psnr_merge(&all, &m.sums[i]);
        }
        *result = metrics_psnr_finish(&all);
    }
    metrics_psnr_free(psnr);
    gmlp_decoder_free(decoder);
    free(m.sums);
    free(m.errors);
    return *error ? -1 : 0;
}

/* The steps. */

static int chroma_of(const encoding *e) {
    static const int subsamples[] = { PICTURE_444, PICTURE_422, PICTURE_420 };
    return e->o.subsample > 0 ? subsamples[e->o.subsample] : PICTURE_444;
}

static int compress(encoding *e, int space) {
    const gmlp_image *wide = &e->wide.image;
    gmlp_image *base = &e->c.base.image;
    gmlp_convert_opts opts;
    picture_write_opts write;
    gmlp_result status;
    memset(&opts, 0, sizeof opts);
    opts.adaptation = e->o.adaptation;
    opts.round_down = e->o.round_down;
    opts.threads = pool_threads(e->workers);
    memset(&write, 0, sizeof write);
    write.quality = (int)e->o.quality;
    write.subsample = chroma_of(e);
    write.metadata = &e->wide.metadata;
    *base = *wide;
    base->type = GMLP_U8;
    base->space = space;
    base->data = malloc((size_t)wide->width * wide->height * 3);
    status = base->data ? gmlp_reduce(wide, base, &opts, &e->gamut) : GMLP_E_MEMORY;
    if (status) return fail("encode", "%s: %s", e->in, gmlp_result_string(status));
    return carrying_compress(&e->c, &write);
}

static void swap_bases(encoding *e) {
    const base_file was = { e->c.base, e->c.file, e->c.file_size };
    e->c.base = e->other.picture;
    e->c.file = e->other.bytes;
    e->c.file_size = e->other.size;
    e->other = was;
}

static void free_other(encoding *e) {
    picture_free(&e->other.picture);
    free(e->other.bytes);
    memset(&e->other, 0, sizeof e->other);
}

/* A colour barely outside sRGB drowns in a JPEG's noise, of which clipping cuts a part off: which base is
   better depends on the picture, and on the quality. */
static int make_base(encoding *e) {
    char error[256];
    e->without.psnr_clip = e->without.psnr_clip_og = e->without.psnr = e->without.psnr_og = NAN;
    if (!e->only_base && e->t.start_path) {
        e->only_base = "as the start has it";
        if (e->t.start.base_space == GMLP_SYCC) e->o.base = BASE_SYCC;
    }
    if (e->o.base != BASE_SYCC) {
        if (compress(e, GMLP_SRGB)) return 1;
        if (!e->only_base && !e->gamut.out_of_gamut) e->only_base = "nothing is out of gamut";
        if (e->only_base) return 0;
        swap_bases(e);
    }
    if (compress(e, GMLP_SYCC)) return 1;
    if (measure(e, e->o.base == BASE_SYCC ? &e->c.base.image : &e->other.picture.image, &e->c.base.image, &e->without,
                error))
        return fail("encode", "%s", error);
    if (!e->only_base && !base_takes_sycc(e->without.psnr_clip_og, e->without.psnr_og)) swap_bases(e);
    free_other(e);
    return 0;
}

static int train(encoding *e) {
    gmlp_train_opts opts;
    gmlp_net trained;
    gmlp_result status;
    training_begin(&e->t, e->workers, &opts);
    opts.adaptation = e->o.adaptation;
    opts.target_psnr = e->o.target_psnr;
    opts.clip_margin = base_clip_margin(e->c.base.image.space, chroma_of(e));
    status = gmlp_train(&e->c.base.image, &e->wide.image, &opts, &trained, &e->training);
    training_end(&e->t);
    if (status == GMLP_E_TARGET)
        return fail("encode", "%s: %.2f dB is out of reach: a network of %s gives %.2f dB; %s is not written", e->in,
                    e->o.target_psnr, e->t.budget ? "that budget" : "32 KB", e->training.psnr_og, e->c.out);
    if (status == GMLP_E_ARGUMENT && e->t.start_path)
        return fail(
            "encode",
            "%s: not a start for this preset and budget (meta-train with the same --preset and --budget makes one)",
            e->t.start_path);
    return status ? fail("encode", "training on %s: %s", e->in, gmlp_result_string(status))
                  : carrying_network(&e->c, &trained);
}

/* What it says. */

static const char *chosen_because(const encoding *e, char text[160]) {
    if (!(e->o.target_psnr > 0.0)) return training_because(&e->t, text);
    snprintf(text, 160, "the smallest tried that gives %.2f dB (%.2f)", e->o.target_psnr, e->training.psnr_og);
    return text;
}

static const char *base_because(const encoding *e, char text[160]) {
    const double gain = e->without.psnr_og - e->without.psnr_clip_og;
    if (e->only_base) return e->only_base;
    if (e->c.base.image.space == GMLP_SYCC)
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
    json_begin(&j, stdout);
    json_integer(&j, "width", e->wide.image.width);
    json_integer(&j, "height", e->wide.image.height);
    json_text(&j, "space", gmlp_space_name(e->wide.image.space));
    json_text(&j, "space_from", e->wide.space_from);
    json_number(&j, "out_of_gamut", (double)e->gamut.out_of_gamut / pixels);
    json_number(&j, "saturated", (double)e->training.saturated / pixels);
    json_number(&j, "clamped", (double)e->gamut.clamped / pixels);
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
        printf("  training        %u steps in %.2f s; the whole command took %.2f s\n", e->training.iterations,
               e->t.seconds, total);
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

/* The command line. */

static int carriers_from_text(const char *text, int *carriers) {
    static const struct {
        const char *name;
        int bit;
    } known[] = { { "app", GMLP_CARRIER_JPEG_APP }, { "com", GMLP_CARRIER_JPEG_COM }, { "xmp", GMLP_CARRIER_XMP },
                  { "chunk", GMLP_CARRIER_PNG_CHUNK }, { "text", GMLP_CARRIER_PNG_TEXT } };
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
    return e->c.container == GMLP_CONTAINER_PNG ? "a PNG holds RGB"
         : e->t.preset == GMLP_PRESET_PAPER     ? "preset paper clips, as published"
         : e->o.round_down                      ? "--floor rounds the codes of RGB"
                                                : NULL;
}

static int encode(encoding *e) {
    const double start = seconds_now();
    metrics_psnr_result q;
    extras x;
    char error[256];
    if (picture_read(e->in, e->o.from, 1, &e->wide, error) || picture_upright(&e->wide, error))
        return fail("encode", "%s", error);
    extras_find(e->wide.file, e->wide.file_size, &x);
    extras_note(&x, EXTRAS_GAIN_MAP, e->wide.notes);
    kept_for(&e->wide, e->c.out, e->o.strip);
    free(e->wide.file);
    e->wide.file = NULL;
    picture_tell(&e->wide, "encode", e->in);
    picture_tell_left(&e->wide, "encode", e->in);
    if (!strcmp(e->wide.space_from, "assumed"))
        fprintf(stderr, "gamutmlp encode: note: %s does not say its colour space; %s assumed (--from tells it)\n",
                e->in, gmlp_space_name(e->wide.image.space));
    if (training_prepare(&e->t, "encode")) return 1;
    e->workers = pool_create((int)e->t.threads);
    if (!e->workers) return fail("encode", "out of memory");
    if (carrying_open(&e->c) || make_base(e) || train(e) || carrying_write(&e->c, e->carriers)) return 1;
    if (measure(e, &e->c.base.image, NULL, &q, error))
        return fail("encode", "the file is written, but cannot be measured: %s", error);
    if (e->o.json) report_json(e, &q, seconds_now() - start);
    else report_text(e, &q, seconds_now() - start);
    return 0;
}

int cmd_encode(int argc, char **argv) {
    encoding e;
    int preset = 0;
    const args_option options[] = {
        { "--preset", ARG_CHOICE, &preset, PRESETS,
          "default, fast: at most 4 KB; high: 10; max: 23; paper: as published, slow", 0, 0 },
        { "--quality", ARG_INT, &e.o.quality, "Q", "of a JPEG, 1 to 100 (95)", 1, 100 },
        { "--subsample", ARG_CHOICE, &e.o.subsample, "444|422|420", "chroma of a JPEG (444)", 0, 0 },
        { "--base", ARG_CHOICE, &e.o.base, "auto|srgb|sycc",
          "of a JPEG; sycc: unclipped Y'CbCr, for readers that take it; auto: the better one", 0, 0 },
        { "--from", ARG_SPACE, &e.o.from, "SPACE", "what the numbers are, whatever the file says", 0, 0 },
        TRAINING_OPTIONS(e.t),
        { "--target-psnr", ARG_NUMBER, &e.o.target_psnr, "DB",
          "the smallest network that gives out-of-gamut pixels back so well", 1, 120 },
        { "--start", ARG_TEXT, &e.t.start_path, "FILE",
          "begin with these weights, from 'gamutmlp meta-train' or of a picture like this", 0, 0 },
        { "--adaptation", ARG_CHOICE, &e.o.adaptation, "bradford|cat02", "how white points are joined (bradford)", 0,
          0 },
        { "--floor", ARG_FLAG, &e.o.round_down, NULL, "round 8-bit codes down, as the paper's code does", 0, 0 },
        { "--carriers", ARG_TEXT, &e.o.carriers, "LIST", "where the network is put: app,com,xmp or chunk,text,xmp", 0,
          0 },
        STRIP_METADATA(e.o.strip),
        { "--force", ARG_FLAG, &e.o.force, NULL, "OUT may be IN", 0, 0 },
        { "--json", ARG_FLAG, &e.o.json, NULL, "print one JSON object", 0, 0 },
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "encode", "IN OUT.{jpg,png}",
        "Writes the wide-gamut picture IN (PNG, TIFF, EXR, PPM, JPEG) as an ordinary 8-bit sRGB file and\n"
        "puts a small network into its metadata, trained on this picture, from which 'gamutmlp decode'\n"
        "restores the colours that sRGB cannot hold. EXIF, IPTC and XMP go with it; pixels are turned\n"
        "upright, and the orientation tag says so.",
        "  gamutmlp encode photo_prophoto.tif photo.jpg --quality 95\n"
        "  gamutmlp encode render.exr render.png --from acescg --json",
        options, 2, NULL
    };
    const char *names[2];
    int status;
    memset(&e, 0, sizeof e);
    e.o.subsample = -1;
    status = args_parse(&command, argc, argv, names);
    if (status != ARGS_GO_ON) return status;
    e.t.preset = preset_of_choice(preset);
    e.in = names[0];
    files_forced(e.o.force);
    carrying_begin(&e.c, "encode", names[1]);
    if (!e.c.container) return args_wrong(&command, "%s: the output's name must end in .jpg or .png", names[1]);
    if (e.o.quality && e.c.container == GMLP_CONTAINER_PNG)
        return args_wrong(&command, "--quality is for JPEG; a PNG is lossless");
    if (e.o.subsample >= 0 && e.c.container == GMLP_CONTAINER_PNG)
        return args_wrong(&command, "--subsample is for JPEG; a PNG keeps all of its chroma");
    e.only_base = only_base(&e);
    if (e.only_base && e.o.base == BASE_SYCC) return args_wrong(&command, "--base sycc: %s", e.only_base);
    if (!e.only_base && e.o.base != BASE_AUTO) e.only_base = "as --base says";
    if (e.t.preset == GMLP_PRESET_PAPER && (e.t.budget || e.o.target_psnr > 0.0))
        return args_wrong(&command, "--budget and --target-psnr choose a network; --preset paper has its own");
    if (e.t.width && e.o.target_psnr > 0.0)
        return args_wrong(&command, "--target-psnr chooses the network's size, so there is no --width for it");
    if (training_contradiction(&e.t)) return args_wrong(&command, "%s", training_contradiction(&e.t));
    if (e.t.start_path && e.o.target_psnr > 0.0)
        return args_wrong(&command, "--target-psnr chooses the network's size, so there is no --start for it");
    if (e.o.carriers && carriers_from_text(e.o.carriers, &e.carriers))
        return args_wrong(&command, "--carriers: '%s' is not a list of app, com, xmp, chunk, text", e.o.carriers);
    status = encode(&e);
    free_other(&e);
    carrying_free(&e.c);
    pool_free(e.workers);
    picture_free(&e.wide);
    gmlp_net_free(&e.t.start);
    return status;
}
