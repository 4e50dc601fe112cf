#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "gainmap/ultrahdr.h"
#include "pictures/formats.h"
#include "shell/files.h"
#include "shell/messages.h"
#include "shell/progress.h"
#include "work/extras.h"
#include "work/kept.h"
#include "work/restoring.h"

static int is_hdr_code(int space) { return space == GMLP_REC2020_PQ || space == GMLP_REC2020_HLG; }

/* Formats that browsers show; of integers without a word on the space PQ codes are made there. */
static int is_for_screens(const restoring *r) {
    return path_has_extension(r->out, "png") || path_has_extension(r->out, "jxl") ||
           path_has_extension(r->out, "avif");
}

static int has_codes(const restoring *r) { return is_for_screens(r) && r->depth == GMLP_U16; }
#define LONGEST_PACKET 60000 /* of XMP, with room for a gain map's entry in a segment */

/* Ultra HDR: the file itself with a gain map behind it, made from the whole picture in memory. */

static int append(void *user, const void *bytes, size_t size) {
    buffer *b = (buffer *)user;
    buffer_put(b, bytes, size);
    return b->failed;
}

/* Metadata out, and the network, which may lie among them, in again. */
static int strip_base(const restoring *r, uint8_t **bytes, size_t *size, char error[256]) {
    const gmlp_net *net = &r->file.net;
    size_t bare_size = 0, blob_size = gmlp_blob_size(net);
    uint8_t *bare = NULL, *blob = (uint8_t *)malloc(blob_size);
    buffer b = { NULL, 0, 0, 0 };
    gmlp_writer writer;
    gmlp_embed_opts opts;
    gmlp_result status = GMLP_E_MEMORY;
    memset(&opts, 0, sizeof opts);
    opts.leave_untagged = net->base_space != GMLP_SRGB && net->base_space != GMLP_SYCC;
    writer.user = &b;
    writer.write = append;
    if (blob && !kept_bare(*bytes, *size, &bare, &bare_size)) {
        status = gmlp_blob_write(net, blob, blob_size, &blob_size);
        if (!status) status = gmlp_embed(bare, bare_size, blob, blob_size, &opts, &writer, NULL);
    }
    free(bare);
    free(blob);
    if (status) {
        free(b.p);
        return error_text(error, r->in, "%s", gmlp_result_string(status)), -1;
    }
    free(*bytes);
    *bytes = b.p;
    *size = b.n;
    return 0;
}

/* A gain map's entry goes into the packet that is there. */
static void make_room(picture *base) {
    metadata_block *xmp = &base->metadata.blocks[METADATA_XMP];
    slice packet;
    packet.p = (const char *)(const void *)xmp->bytes;
    packet.n = xmp->size;
    if (!xmp->bytes || (packet.n <= LONGEST_PACKET && slice_contains(packet, ":RDF>"))) return;
    metadata_set(&base->metadata, METADATA_XMP, NULL, 0);
    picture_note(base->left, "its XMP is not carried over: the gain map's entry finds no place in it");
}

/* The base's bytes; those of a PNG become a JPEG, for whose pixels the network is not. */
static int base_jpeg(const restoring *r, uint8_t **bytes, size_t *size, char error[256]) {
    const int codes = r->file.net.base_space, space = codes == GMLP_SYCC ? GMLP_SRGB : codes; /* of what is no JPEG */
    picture base;
    picture_write_opts opts;
    extras x;
    int bad;
    if (r->file.container == GMLP_CONTAINER_JPEG) {
        extras_find(r->file.bytes, r->file.size, &x);
        extras_tell(&x, EXTRAS_BEHIND, "hdr-decode", r->in);
        if (ultrahdr_base(r->file.bytes, r->file.size, r->in, bytes, size, error)) return -1;
        return r->strip ? strip_base(r, bytes, size, error) : 0;
    }
    tell_note("hdr-decode", "%s is a %s; in %s its picture is a JPEG, without the network", r->in,
              r->file.container == GMLP_CONTAINER_KTX2 ? "KTX2" : "PNG", r->out);
    if (picture_read_memory(r->file.bytes, r->file.size, r->in, space, &base, error)) return -1;
    kept_for(&base, r->out, r->strip);
    make_room(&base);
    memset(&opts, 0, sizeof opts);
    opts.metadata = &base.metadata;
    opts.orientation = base.orientation;
    base.orientation = 1; /* nothing to be told: the tag goes with the pixels */
    picture_tell(&base, "hdr-decode", r->in);
    picture_tell_left(&base, "hdr-decode", r->in);
    bad = picture_encode_memory(GMLP_CONTAINER_JPEG, &base.image, &opts, bytes, size, error);
    picture_free(&base);
    return bad;
}

typedef struct joining {
    ultrahdr_making *file;
    progress bar;
    uint32_t done, height;
} joining;

static int add_rows(void *user, const void *rows, uint32_t count, char error[256]) {
    joining *j = (joining *)user;
    if (ultrahdr_rows(j->file, rows, count, error)) return -1;
    j->done += count;
    progress_show(&j->bar, j->done, j->height);
    return 0;
}

static int make_ultrahdr(restoring *r, const uint8_t *base, size_t base_size, uint8_t **file, size_t *size,
                         char error[256]) {
    const gmlp_image like = restoring_like(r);
    joining j;
    int bad;
    memset(&j, 0, sizeof j);
    j.height = like.height;
    j.file = ultrahdr_begin(base, base_size, &like, NULL, error);
    if (!j.file) return -1;
    progress_begin(&j.bar, "decoding");
    bad = restoring_run(r, add_rows, &j, error);
    progress_end(&j.bar);
    return ultrahdr_end(j.file, bad, file, size, error);
}

static int write_ultrahdr(restoring *r) {
    uint8_t *base = NULL, *file;
    size_t base_size, size;
    output o;
    char error[256];
    int bad;
    if (output_open(&o, r->out, error)) return fail("hdr-decode", "%s", error);
    bad = base_jpeg(r, &base, &base_size, error);
    if (!bad) {
        bad = make_ultrahdr(r, base, base_size, &file, &size, error);
        if (bad && restoring_again(r, error)) bad = make_ultrahdr(r, base, base_size, &file, &size, error);
    }
    free(base);
    if (!bad) {
        fwrite(file, 1, size, o.file); /* output_commit looks for errors */
        free(file);
        bad = output_commit(&o, error);
    }
    output_discard(&o);
    return bad ? fail("hdr-decode", "%s", error) : 0;
}

/* The command line. */

static int hdr_decode(restoring *r, int ultrahdr) {
    const gmlp_net *net = &r->file.net;
    int status = restoring_open(r, 1);
    if (status) return status;
    if (ultrahdr) r->to = picture_linear_space(net->base_space); /* what a gain map is for */
    else if (!r->to && has_codes(r)) r->to = GMLP_REC2020_PQ;
    else if (!r->to || path_has_extension(r->out, "exr")) r->to = picture_linear_space(r->to ? r->to : net->wide_space);
    if (r->depth == GMLP_U16 && !is_hdr_code(r->to) && r->opts.headroom <= 0)
        tell_note("hdr-decode",
                  "%d-bit %s ends at SDR white, and %s loses what is brighter; rec2020pq and rec2020hlg hold it",
                  r->bits, gmlp_space_name(r->to), r->out);
    status = ultrahdr ? write_ultrahdr(r) : restoring_write(r);
    if (ultrahdr) { /* what viewers see of it */
        r->to = net->base_space == GMLP_SYCC ? GMLP_SRGB : net->base_space;
        r->depth = GMLP_U8;
    }
    if (!status) restoring_report(r);
    return status;
}

int cmd_hdr_decode(int argc, char **argv) {
    restoring r;
    int depth = -1, ultrahdr;
    double boost = -1;
    const args_option options[] = {
        { "--to", ARG_SPACE, &r.to, "SPACE",
          "colour space of OUT (PNG, AVIF, JXL of 16 bit: rec2020pq; others: the original's, linear)", 0, 0 },
        { "--depth", ARG_CHOICE, &depth, DEPTHS, "samples of OUT (PNG, JXL: 16; AVIF: 10; EXR: half; TIFF: float)", 0,
          0 },
        { "--boost", ARG_NUMBER, &boost, "STOPS", "for a display that goes so far above SDR white (all there is)",
          0, 64 },
        { "--white", ARG_NUMBER, &r.opts.white_nits, "NITS", "of SDR white in PQ or HLG codes (as hdr-encode had it)",
          1, 10000 },
        RESTORING_OPTIONS(r),
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "hdr-decode", "IN OUT.{exr,png,tif,jxl,avif,jpg}",
        "Gives back the HDR rendition of IN, a JPEG or PNG that 'gamutmlp hdr-encode' made. Linear light\n"
        "(EXR, TIFF, JPEG XL with --depth float) is 1.0 at SDR white and goes on above it; PNG, AVIF and\n"
        "JPEG XL have PQ codes, tagged as such. OUT.jpg is an Ultra HDR file, which phones and browsers show: the\n"
        "picture of IN and a gain map. EXIF, IPTC and XMP go into TIFF, PNG and JPEG, with IN's orientation tag;\n"
        "JPEG XL and AVIF have EXIF and XMP and, like EXR, are turned upright. A PNG's alpha goes into all but\n"
        "a JPEG.",
        "  gamutmlp hdr-decode photo.jpg hdr.exr\n"
        "  gamutmlp hdr-decode photo.jpg hdr.png --to rec2020hlg\n"
        "  gamutmlp hdr-decode photo.jpg hdr.avif\n"
        "  gamutmlp hdr-decode photo.jpg phone_ultrahdr.jpg\n"
        "  gamutmlp hdr-decode photo.jpg preview.exr --boost 1.5",
        options, 2, NULL
    };
    const char *names[2];
    int status;
    memset(&r, 0, sizeof r);
    r.command = &command;
    status = args_parse(&command, argc, argv, names);
    if (status != ARGS_GO_ON) return status;
    files_forced(r.force);
    r.in = names[0];
    r.out = names[1];
    ultrahdr = path_has_extension(r.out, "jpg") || path_has_extension(r.out, "jpeg");
    if (!ultrahdr && !restoring_has_name(&r))
        return args_wrong(&command, "%s: the output's name must end in " RESTORING_NAMES ", or in .jpg", r.out);
    if (ultrahdr && (r.to || depth >= 0 || r.crop_text || r.opts.white_nits > 0))
        return args_wrong(
            &command,
            "an Ultra HDR file has the picture of IN, as it is; --to, --depth, --crop and --white are for the others");
    restoring_depth(&r, depth,
                    is_for_screens(&r)                  ? GMLP_U16
                    : path_has_extension(r.out, "exr") ? GMLP_F16
                                                       : GMLP_F32);
    if (r.opts.white_nits > 0 && !is_hdr_code(r.to) && (r.to || !has_codes(&r)))
        return args_wrong(&command, "--white is for PQ and HLG codes; in linear light SDR white is 1.0");
    if (boost >= 0) r.opts.headroom = boost > 0 ? boost : 1e-9; /* the library's 0 is: all */
    status = ultrahdr ? ARGS_GO_ON : restoring_check(&r);
    if (status == ARGS_GO_ON) status = hdr_decode(&r, ultrahdr);
    restoring_free(&r);
    return status;
}
