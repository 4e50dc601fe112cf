#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "gainmap/ultrahdr.h"
#include "measure/metrics.h"
#include "shell/args.h"
#include "shell/files.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "shell/progress.h"
#include "work/carried.h"
#include "work/carrying.h"
#include "work/extras.h"
#include "work/hidden.h"
#include "work/kept.h"
#include "work/quality.h"

#define REFERENCE_WHITE 203.0 /* ITU-R BT.2408 */
#define PAPER_WHITE 100.0

typedef struct hdr_options {
    int map, from_sdr, from_hdr, subsample; /* map, subsample: place among the words, -1: not given */
    int force, json, strip;
    int sycc; /* is that the base? */
    uint64_t quality;
    double white, peak; /* cd/m2; 0: not given */
} hdr_options;

/* Pixels whose light the network's range does not hold. */
typedef struct clamping {
    uint64_t below, above, both; /* 0; peak; either */
} clamping;

typedef struct hdr_encoding {
    const char *sdr_name, *hdr_name; /* the same for a file with a gain map */
    hdr_options o;
    training t;
    pool *workers;
    picture sdr; /* with its file */
    uint8_t *alpha; /* its, that goes into the file */
    picture hdr;
    extras extra; /* of its file */
    int kept;     /* the base is the SDR's own compressed picture */
    carrying c;
    gmlp_train_report training;
    double white, stops; /* of the base, cd/m2; of the brightest light above it */
    clamping clamped;
} hdr_encoding;

/* What the base is in: as SDR is if possible, else in Display P3, as wider spaces lose least there. */
static int base_space_of(const hdr_encoding *e) {
    if (e->o.sycc) return GMLP_SYCC;
    switch (e->sdr.image.space) {
        case GMLP_SRGB: case GMLP_SRGB_LINEAR: return GMLP_SRGB;
        case GMLP_REC709: return GMLP_REC709;
        default: return GMLP_P3;
    }
}

/* Reading. */

/* Does the SDR's own compressed picture become the base? */
static void choose_kept(hdr_encoding *e) {
    e->kept = e->sdr.image.type == GMLP_U8 && base_space_of(e) == e->sdr.image.space &&
              gmlp_container_kind(e->sdr.file, e->sdr.file_size) == e->c.container && !e->o.quality &&
              e->o.subsample < 0;
    if (e->c.container != GMLP_CONTAINER_JPEG && (e->o.from_sdr || e->o.strip))
        e->kept = 0; /* made anew it says its space and no more, at no loss */
}

/* A file that is kept says of its colours what it said before --from-sdr. */
static void tell_tag(const hdr_encoding *e) {
    picture again;
    char error[256];
    if (!e->kept || !e->o.from_sdr) return;
    if (picture_read_memory(e->sdr.file, e->sdr.file_size, e->sdr_name, GMLP_SPACE_NONE, &again, error))
        tell_note("hdr-encode", "%s; the file stays as it is; --quality writes it anew", error);
    else if (again.image.space != e->sdr.image.space)
        tell_note("hdr-encode",
                  "%s: stays as it is, %s for other programs (%s); --quality writes it anew, tagged %s",
                  e->sdr_name, gmlp_space_name(again.image.space), again.space_from,
                  gmlp_space_name(e->sdr.image.space));
    picture_free(&again);
}

/* What SDR's own Y'CbCr holds beyond sRGB. */
static int read_ycc(hdr_encoding *e, char error[256]) {
    picture again;
    if (!e->o.sycc || e->sdr.image.space != GMLP_SRGB ||
        gmlp_container_kind(e->sdr.file, e->sdr.file_size) != GMLP_CONTAINER_JPEG)
        return 0;
    if (picture_read_memory(e->sdr.file, e->sdr.file_size, e->sdr_name, GMLP_SYCC, &again, error)) return -1;
    free(e->sdr.image.data);
    e->sdr.image = again.image;
    again.image.data = NULL;
    picture_free(&again);
    return 0;
}

/* The two are matched as they are shown. A file that is kept has its pixels, and its tag, as they are stored: the HDR
   rendition is laid like them, unless it was stored so and has no tag. */
static int turn_alike(hdr_encoding *e, char error[256]) {
    const gmlp_image *s = &e->sdr.image, *h = &e->hdr.image;
    const int turned = e->sdr.orientation, swapped = turned >= 5;
    const int stored_alike = e->hdr.orientation == 1 && swapped && s->width != s->height && s->width == h->width &&
                             s->height == h->height;
    int bad;
    if (stored_alike) bad = e->kept ? 0 : picture_upright(&e->sdr, error) || picture_turn(&e->hdr, turned, error);
    else
        bad = picture_upright(&e->hdr, error) ||
              (e->kept ? picture_lay(&e->hdr, turned, error) : picture_upright(&e->sdr, error));
    e->sdr.orientation = 1; /* nothing to be told */
    return bad;
}

static void keep_alpha(hdr_encoding *e) {
    if (!picture_holds_alpha(e->c.out) || !e->sdr.alpha) return;
    e->alpha = e->sdr.alpha;
    e->sdr.alpha = NULL;
    free(e->hdr.alpha); /* of the same pixels */
    e->hdr.alpha = NULL;
}

static int read_two(hdr_encoding *e) {
    const gmlp_image *s = &e->sdr.image, *h = &e->hdr.image;
    char error[256];
    if (picture_read(e->sdr_name, e->o.from_sdr, 1, &e->sdr, error) ||
        picture_read(e->hdr_name, e->o.from_hdr, 0, &e->hdr, error) || read_ycc(e, error))
        return fail("hdr-encode", "%s", error);
    extras_find(e->sdr.file, e->sdr.file_size, &e->extra);
    choose_kept(e);
    tell_tag(e);
    if (turn_alike(e, error)) return fail("hdr-encode", "%s", error);
    keep_alpha(e);
    picture_tell(&e->sdr, "hdr-encode", e->sdr_name);
    picture_tell(&e->hdr, "hdr-encode", e->hdr_name);
    if (s->space == GMLP_REC2020_PQ || s->space == GMLP_REC2020_HLG)
        return fail("hdr-encode", "%s: is HDR (%s by its %s); the SDR picture comes first, then the HDR one",
                    e->sdr_name, gmlp_space_name(s->space), e->sdr.space_from);
    if ((h->type == GMLP_U8 || h->type == GMLP_U16) && h->space != GMLP_REC2020_PQ && h->space != GMLP_REC2020_HLG &&
        !e->o.from_hdr)
        return fail(
            "hdr-encode",
            "%s: is not HDR: integer samples in %s (%s) end at white. PQ and HLG codes and linear EXR or TIFF go "
            "beyond it; --from-hdr tells what the numbers are",
            e->hdr_name, gmlp_space_name(h->space), e->hdr.space_from);
    if (s->width != h->width || s->height != h->height)
        return fail("hdr-encode", "%s is %u x %u, but %s is %u x %u; the two must show the same pixels", e->sdr_name,
                    s->width, s->height, e->hdr_name, h->width, h->height);
    return 0;
}

static int read_ultrahdr(hdr_encoding *e) {
    ultrahdr_picture u;
    char error[256];
    if (file_read(e->sdr_name, &e->sdr.file, &e->sdr.file_size, error) ||
        ultrahdr_read_memory(e->sdr.file, e->sdr.file_size, e->sdr_name, INFINITY, &u, error))
        return fail("hdr-encode", "%s", error);
    extras_find(e->sdr.file, e->sdr.file_size, &e->extra);
    memcpy(e->sdr.notes, u.base.notes, sizeof e->sdr.notes); /* told if the base does not stay as it is */
    memcpy(e->sdr.left, u.base.left, sizeof e->sdr.left);
    e->sdr.metadata = u.base.metadata;
    e->sdr.image = u.base.image;
    e->sdr.alpha = u.base.alpha;
    e->sdr.space_from = u.base.space_from;
    e->hdr.image = u.hdr;
    e->hdr.space_from = "gain map";
    if (read_ycc(e, error)) return fail("hdr-encode", "%s", error);
    choose_kept(e);
    if (!e->kept &&
        (picture_turn(&e->sdr, u.base.orientation, error) || picture_turn(&e->hdr, u.base.orientation, error)))
        return fail("hdr-encode", "%s", error);
    keep_alpha(e);
    if (u.metadata.headroom_base > u.metadata.headroom_alternate)
        return fail("hdr-encode",
                    "%s: its base is the HDR rendition, and the gain map darkens it; an SDR base is needed",
                    e->sdr_name);
    return 0;
}

static float sample_at(const gmlp_image *image, size_t i) {
    return image->type == GMLP_F32 ? ((const float *)image->data)[i]
                                     : gmlp_half_to_float(((const uint16_t *)image->data)[i]);
}

/* What is no number cannot be given back, and points to a mistake in what made the picture. */
static int look_for_numbers(const hdr_encoding *e) {
    const gmlp_image *h = &e->hdr.image;
    const size_t n = (size_t)h->width * h->height * 3;
    size_t i, first = 0, count = 0;
    if (h->type != GMLP_F16 && h->type != GMLP_F32) return 0;
    for (i = 0; i < n; i++)
        if (!isfinite(sample_at(h, i)) && !count++) first = i;
    if (!count) return 0;
    return fail("hdr-encode", "%s: %lu samples are infinite or not a number, the first at column %lu, row %lu",
                e->hdr_name, (unsigned long)count, (unsigned long)(first / 3 % h->width),
                (unsigned long)(first / 3 / h->width));
}

/* The base. */

static int make_anew(hdr_encoding *e) {
    static const int subsamples[] = { PICTURE_444, PICTURE_422, PICTURE_420 };
    picture_write_opts write;
    memset(&write, 0, sizeof write);
    write.quality = (int)e->o.quality;
    write.subsample = e->o.subsample < 0 ? PICTURE_444 : subsamples[e->o.subsample];
    write.metadata = &e->sdr.metadata;
    write.alpha = e->alpha;
    hidden_codes(e->alpha, &e->c.base.image);
    kept_for(&e->sdr, e->c.out, e->o.strip);
    if (e->sdr_name == e->hdr_name) picture_tell(&e->sdr, "hdr-encode", e->sdr_name);
    picture_tell_left(&e->sdr, "hdr-encode", e->sdr_name);
    e->extra.extension = 0; /* went with the rest */
    extras_tell(&e->extra, e->sdr_name == e->hdr_name ? EXTRAS_BEHIND : EXTRAS_GAIN_MAP, "hdr-encode", e->sdr_name);
    return carrying_compress(&e->c, &write);
}

/* The SDR's own file, whole, with what lies behind it; but a gain map, which makes another HDR rendition of it or
   becomes the network's, goes, and all that lies behind with it. */
static int keep_file(hdr_encoding *e) {
    char error[256];
    uint8_t *bare;
    size_t bare_size;
    const int gain_map = e->extra.gain_map;
    if (e->o.strip) {
        if (kept_bare(e->sdr.file, e->sdr.file_size, &bare, &bare_size))
            return fail("hdr-encode", "%s: out of memory for its copy without metadata", e->sdr_name);
        if (!gain_map) extras_tell(&e->extra, EXTRAS_BEHIND, "hdr-encode", e->sdr_name);
        free(e->sdr.file);
        e->sdr.file = bare;
        e->sdr.file_size = bare_size;
    }
    if (gain_map) {
        extras_tell(&e->extra, EXTRAS_BEHIND | (e->sdr_name == e->hdr_name ? 0 : EXTRAS_GAIN_MAP), "hdr-encode",
                    e->sdr_name);
        return ultrahdr_base(e->sdr.file, e->sdr.file_size, e->sdr_name, &e->c.file, &e->c.file_size, error)
                   ? fail("hdr-encode", "%s", error)
                   : 0;
    }
    e->c.file = e->sdr.file;
    e->c.file_size = e->sdr.file_size;
    e->sdr.file = NULL;
    return 0;
}

static int make_base(hdr_encoding *e) {
    gmlp_image *base = &e->c.base.image;
    const int space = base_space_of(e);
    gmlp_convert_opts opts;
    gmlp_result status;
    if (e->sdr.image.type == GMLP_U8 && space == e->sdr.image.space) {
        *base = e->sdr.image;
        e->sdr.image.data = NULL;
        return e->kept ? keep_file(e) : make_anew(e);
    }
    tell_note("hdr-encode", "%s (%s) becomes 8-bit %s", e->sdr_name, gmlp_space_name(e->sdr.image.space),
              gmlp_space_name(space));
    *base = e->sdr.image;
    base->type = GMLP_U8;
    base->space = space;
    base->data = malloc((size_t)base->width * base->height * 3);
    memset(&opts, 0, sizeof opts);
    opts.threads = pool_threads(e->workers);
    status = base->data ? gmlp_convert(&e->sdr.image, base, &opts) : GMLP_E_MEMORY;
    free(e->sdr.image.data); /* of a large picture there may be no room for both beside its JPEG */
    e->sdr.image.data = NULL;
    return status ? fail("hdr-encode", "%s: %s", e->sdr_name, gmlp_result_string(status)) : make_anew(e);
}

/* Training. */

static int train(hdr_encoding *e) {
    gmlp_train_opts opts;
    gmlp_convert_opts convert;
    gmlp_net trained;
    gmlp_result status;
    char words[400];
    e->white = e->o.white > 0 ? e->o.white : e->t.preset == GMLP_PRESET_PAPER ? PAPER_WHITE : REFERENCE_WHITE;
    memset(&convert, 0, sizeof convert);
    convert.white_nits = e->white;
    status = hidden_settle(e->alpha, &e->c.base.image, &e->hdr.image, &convert);
    if (status) return fail("hdr-encode", "%s: %s", e->hdr_name, gmlp_result_string(status));
    training_begin(&e->t, e->workers, &opts);
    if (e->o.map >= 0) opts.method = GMLP_METHOD_DIFFERENCE + e->o.map;
    opts.white_nits = e->white;
    opts.signal_max = e->o.peak / e->white;
    status =
        device_train(&e->t.device, gmlp_train_hdr, &e->c.base.image, &e->hdr.image, &opts, &trained, &e->training);
    training_end(&e->t);
    if (status == GMLP_E_ARGUMENT && e->t.start_path)
        return fail(
            "hdr-encode",
            "%s: not a start for this map, preset and budget (a file that hdr-encode made with the same is one)",
            e->t.start_path);
    return status ? fail("hdr-encode", "training on %s: %s", e->sdr_name, device_words(&e->t.device, status, words))
                  : carrying_network(&e->c, &trained);
}

/* Measuring. */

/* A row of an image as linear light in its own primaries. */
static gmlp_result light_of(const gmlp_image *image, uint32_t y, double white, float *light) {
    const gmlp_image from = metrics_rows(image, y, 1);
    gmlp_image to = from;
    gmlp_convert_opts opts;
    memset(&opts, 0, sizeof opts);
    opts.white_nits = white;
    to.data = light;
    to.stride = 0;
    to.type = GMLP_F32;
    to.channels = 3;
    to.space = picture_linear_space(image->space);
    return gmlp_convert(&from, &to, &opts);
}

static gmlp_result count_clamped(hdr_encoding *e) {
    const float peak = e->c.net.signal_max * 1.00001f; /* curves round */
    /* A gain map's rounding leaves black a little below 0. */
    const float low = e->sdr_name == e->hdr_name ? -1.0f : 0.0f;
    const gmlp_image *h = &e->hdr.image;
    float *light = (float *)malloc((size_t)h->width * 3 * sizeof *light);
    gmlp_result status = light ? GMLP_OK : GMLP_E_MEMORY;
    uint32_t y, x;
    for (y = 0; y < h->height && !status; y++) {
        status = light_of(h, y, e->white, light);
        for (x = 0; x < h->width && !status; x++) {
            const float *p = light + (size_t)x * 3;
            const int below = p[0] < low || p[1] < low || p[2] < low, above = p[0] > peak || p[1] > peak || p[2] > peak;
            e->clamped.below += (uint64_t)below;
            e->clamped.above += (uint64_t)above;
            e->clamped.both += (uint64_t)(below || above);
        }
    }
    free(light);
    return status;
}

/* Of what is decoded, and of the base as viewers show it. */
static int measure(hdr_encoding *e, metrics *decoded, metrics *plain) {
    const gmlp_result status = count_clamped(e);
    quality_subject s;
    char error[256];
    memset(&s, 0, sizeof s);
    s.name = e->c.out;
    s.wide = &e->hdr.image;
    s.base = &e->c.base.image;
    s.net = &e->c.net;
    s.threads = pool_threads(e->workers);
    if (status) return fail("hdr-encode", "%s: %s", e->c.out, gmlp_result_string(status));
    if (quality_signals(&s, e->white, decoded, error)) return fail("hdr-encode", "%s", error);
    s.net = NULL;
    return quality_signals(&s, e->white, plain, error) ? fail("hdr-encode", "%s", error) : 0;
}

/* What it says. */

static void report_json(const hdr_encoding *e, const metrics *m, const metrics *plain, double total) {
    const gmlp_net *net = &e->c.net;
    char because[160];
    json j;
    json_begin(&j, stdout);
    json_integer(&j, "width", net->width);
    json_integer(&j, "height", net->height);
    json_text(&j, "method", carried_method(net));
    json_text(&j, "space", gmlp_space_name(net->wide_space));
    json_text(&j, "space_from", e->hdr.space_from);
    json_text(&j, "base_space", gmlp_space_name(net->base_space));
    json_bool(&j, "base_kept", e->kept);
    json_number(&j, "white_nits", (double)net->white_nits);
    json_number(&j, "peak_nits", carried_peak_nits(net));
    json_number(&j, "headroom_stops", log2((double)net->content_max));
    json_number(&j, "clamped", (double)e->clamped.both / ((double)net->width * net->height));
    json_integer(&j, "file_bytes", e->c.out_size);
    json_integer(&j, "blob_bytes", e->c.blob_size);
    json_integer(&j, "metadata_bytes", e->c.metadata_bytes);
    json_integer(&j, "network_width", (uint64_t)net->mlp.width);
    json_integer(&j, "weights", gmlp_mlp_weights(&net->mlp));
    json_text(&j, "chosen_because", training_because(&e->t, because));
    json_integer(&j, "iterations", e->training.iterations);
    device_json(&e->t.device, &j);
    json_number(&j, "train_seconds", e->t.seconds);
    json_number(&j, "total_seconds", total);
    json_integer(&j, "peak_rss_bytes", peak_rss_bytes());
    json_number(&j, "psnr_sdr", plain->psnr);
    json_number(&j, "psnr", m->psnr);
    json_number(&j, "ssim", m->ssim);
    json_number(&j, "delta_e_itp_mean", m->delta_e_itp_mean);
    json_end(&j);
}

static void print_metrics(const char *name, const metrics *m) {
    char psnr[32] = "exact";
    if (!isinf(m->psnr)) snprintf(psnr, sizeof psnr, "%.2f dB", m->psnr);
    printf("  %-18s%12s%10.4f%14.2f\n", name, psnr, m->ssim, m->delta_e_itp_mean);
}

static void report_text(const hdr_encoding *e, const metrics *m, const metrics *plain, double total) {
    const gmlp_net *net = &e->c.net;
    const double pixels = (double)net->width * net->height;
    const char *base = gmlp_space_name(net->base_space);
    const double stops = log2((double)net->content_max);
    char because[160];
    printf("%s: %u x %u, %s (%s), up to %.2f stops %s the SDR's white of %g nit\n", e->hdr_name, net->width,
           net->height, gmlp_space_name(net->wide_space), e->hdr.space_from, fabs(stops),
           stops < 0 ? "below" : "above", (double)net->white_nits);
    if (e->clamped.both)
        printf("  clamped         %.2f %% of the pixels: %llu below 0, %llu above %.0f nit\n",
               100 * (double)e->clamped.both / pixels, (unsigned long long)e->clamped.below,
               (unsigned long long)e->clamped.above, carried_peak_nits(net));
    printf("%s: %llu bytes\n", e->c.out, (unsigned long long)e->c.out_size);
    if (e->kept) printf("  picture         the compressed picture of %s as it is, %s\n", e->sdr_name, base);
    else
        printf("  picture         %s, 8-bit %s\n",
               e->c.container == GMLP_CONTAINER_PNG    ? "PNG"
               : e->c.container == GMLP_CONTAINER_KTX2 ? "KTX2"
                                                       : "compressed anew",
               base);
    printf("  metadata        %llu bytes, for a network of %llu\n", (unsigned long long)e->c.metadata_bytes,
           (unsigned long long)e->c.blob_size);
    printf("  network         2 layers of %d: %s; its output is the %s\n", net->mlp.width,
           training_because(&e->t, because), carried_method(net));
    printf("  training        %u steps in %.2f s%s; the whole command took %.2f s\n", e->training.iterations,
           e->t.seconds, device_place(&e->t.device), total);
    printf("\nPQ signal, Rec.2020         PSNR      SSIM   delta E ITP\n");
    print_metrics("the SDR alone", plain);
    print_metrics("with the network", m);
    printf("\nEvery viewer opens %s as SDR. The HDR rendition comes back with\n  gamutmlp hdr-decode %s hdr.exr\n",
           e->c.out, e->c.out);
}

/* The command line. */

static int hdr_encode(hdr_encoding *e) {
    const double start = seconds_now();
    metrics m, plain;
    memset(&m, 0, sizeof m);
    memset(&plain, 0, sizeof plain);
    if (e->sdr_name == e->hdr_name ? read_ultrahdr(e) : read_two(e)) return 1;
    if (!strcmp(e->hdr.space_from, "assumed"))
        tell_note("hdr-encode", "%s does not say its colour space; %s assumed (--from-hdr tells it)", e->hdr_name,
                  gmlp_space_name(e->hdr.image.space));
    if (look_for_numbers(e) || training_prepare(&e->t, "hdr-encode")) return 1;
    e->workers = pool_create((int)e->t.threads);
    if (!e->workers) return fail("hdr-encode", "out of memory");
    if (carrying_open(&e->c) || make_base(e) || train(e) || measure(e, &m, &plain) ||
        carrying_quality(&e->c, m.psnr, NAN) || carrying_write(&e->c, 0))
        return 1;
    (e->o.json ? report_json : report_text)(e, &m, &plain, seconds_now() - start);
    return 0;
}

int cmd_hdr_encode(int argc, char **argv) {
    hdr_encoding e;
    int preset = 0, count;
    const args_option options[] = {
        { "--map", ARG_CHOICE, &e.o.map, "difference|gain|gamma|direct",
          "what the network gives (difference; preset paper: gamma)", 0, 0 },
        { "--preset", ARG_CHOICE, &preset, PRESETS,
          "default, fast: at most 5 KB; high: 10; max: 23; paper: as published, slow", 0, 0 },
        TRAINING_OPTIONS(e.t),
        { "--quality", ARG_INT, &e.o.quality, "Q", "of a JPEG, 1 to 100 (95); an SDR JPEG is kept as it is without", 1,
          100 },
        { "--subsample", ARG_CHOICE, &e.o.subsample, "444|422|420", "chroma of that JPEG (444)", 0, 0 },
        { "--base", ARG_CHOICE, &e.o.sycc, "sdr|sycc",
          "of a JPEG: SDR's space; or unclipped Y'CbCr, which viewers show as sRGB (sdr)", 0, 0 },
        { "--from-sdr", ARG_SPACE, &e.o.from_sdr, "SPACE", "what SDR's numbers are, whatever the file says", 0, 0 },
        { "--from-hdr", ARG_SPACE, &e.o.from_hdr, "SPACE", "what HDR's numbers are, whatever the file says", 0, 0 },
        { "--white", ARG_NUMBER, &e.o.white, "NITS", "of the SDR's white: of PQ and HLG codes, or of linear 1.0 (203)",
          1, 10000 },
        { "--peak", ARG_NUMBER, &e.o.peak, "NITS", "brighter light is clamped (10000, or as bright as HDR is)", 1,
          1000000 },
        { "--start", ARG_TEXT, &e.t.start_path, "FILE",
          "begin with the weights of a file that hdr-encode made of a picture like this", 0, 0 },
        STRIP_METADATA(e.o.strip),
        { "--force", ARG_FLAG, &e.o.force, NULL, "OUT may be one of the pictures that are read", 0, 0 },
        { "--json", ARG_FLAG, &e.o.json, NULL, "print one JSON object", 0, 0 },
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "hdr-encode", "{SDR HDR | GAINMAP.{jpg,heic,avif}} OUT.{jpg,png,ktx2}",
        "Writes the picture SDR (JPEG, PNG, TIFF, HEIC, AVIF, JPEG XL), or the SDR rendition of a file with a\n"
        "gain map (Ultra HDR, ISO 21496-1, iPhone), with a small network in its metadata, from which 'gamutmlp\n"
        "hdr-decode' restores the HDR rendition: the picture HDR, of the same size, in PQ or HLG codes (PNG,\n"
        "TIFF, HEIC, AVIF, JPEG XL) or linear light (EXR, TIFF, JPEG XL, Radiance HDR), 1.0 being SDR white.\n"
        "OUT is in the SDR's space, sRGB, Display P3 or (--from-sdr) Rec.709; others become Display P3, or\n"
        "with --base sycc Y'CbCr that keeps what it can of the colours outside sRGB. A JPEG stays the same\n"
        "compressed picture if neither --quality nor --subsample is given, with its metadata; what is made anew\n"
        "has the SDR's EXIF, IPTC and XMP, and is turned upright. A PNG has the SDR's alpha, with 8 bits.",
        "  gamutmlp hdr-encode graded_sdr.png graded_pq.png photo.jpg\n"
        "  gamutmlp hdr-encode sdr.jpg master.exr photo.jpg --from-hdr acescg --preset high\n"
        "  gamutmlp hdr-encode phone_ultrahdr.jpg photo.jpg --json\n"
        "  gamutmlp hdr-encode IMG_0001.HEIC photo.jpg",
        options, 2, &count
    };
    const char **names = (const char **)malloc((size_t)(argc + 1) * sizeof *names);
    int status;
    if (!names) return fail("hdr-encode", "out of memory");
    memset(&e, 0, sizeof e);
    e.o.map = e.o.subsample = -1;
    status = args_parse(&command, argc, argv, names);
    if (status == ARGS_GO_ON) {
        files_forced(e.o.force);
        e.t.preset = preset_of_choice(preset);
        e.sdr_name = names[0];
        e.hdr_name = names[count == 2 ? 0 : 1];
        carrying_begin(&e.c, "hdr-encode", names[count - 1]);
        if (count > 3) status = args_wrong(&command, "one name too many: '%s'", names[3]);
        else if (!e.c.container)
            status = args_wrong(&command, "%s: the output's name must end in .jpg or .png, or .ktx2", e.c.out);
        else if ((e.o.quality || e.o.subsample >= 0) && e.c.container != GMLP_CONTAINER_JPEG)
            status = args_wrong(&command,
                                "--quality and --subsample are for JPEG; a PNG is lossless, and so is a KTX2");
        else if (e.o.sycc && e.c.container != GMLP_CONTAINER_JPEG)
            status = args_wrong(&command, "--base sycc: a PNG holds RGB, as does a KTX2");
        else if (count == 2 && (e.o.from_sdr || e.o.from_hdr))
            status = args_wrong(
                &command,
                "a file with a gain map says its spaces; --from-sdr and --from-hdr go with two pictures, SDR HDR OUT");
        else if (e.t.preset == GMLP_PRESET_PAPER && e.t.budget)
            status = args_wrong(&command, "--budget chooses a network; --preset paper has its own");
        else if (training_contradiction(&e.t)) status = args_wrong(&command, "%s", training_contradiction(&e.t));
        else status = hdr_encode(&e);
        carrying_free(&e.c);
        pool_free(e.workers);
        picture_free(&e.sdr);
        picture_free(&e.hdr);
        free(e.alpha);
        training_free(&e.t);
    }
    free(names);
    return status;
}
