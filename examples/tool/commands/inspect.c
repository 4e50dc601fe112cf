#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "pictures/picture.h"
#include "shell/args.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "work/carried.h"
#include "work/edited.h"
#include "work/quality.h"

#define ROWS 16u

/* What the library says of the pixels; -1 and a text if they cannot be read. */
static int verdict_on_pixels(const char *path, const carried *c, uint32_t *width, uint32_t *height, char error[256]) {
    int bad = 0, rgb, verdict;
    picture_rows *rows = carried_rows_open(c, path, width, height, &rgb, error);
    gmlp_signature signature;
    gmlp_image view, read;
    uint32_t y;
    if (!rows) return -1;
    memset(&view, 0, sizeof view);
    view.width = *width;
    view.type = GMLP_U8;
    view.space = c->net.base_space;
    view.data = malloc((size_t)*width * 3 * ROWS);
    if (!view.data) error_text(error, path, "out of memory");
    bad = !view.data;
    gmlp_signature_begin(&signature, *width, *height);
    for (y = 0; y < *height && !bad; y += view.height) {
        view.height = *height - y < ROWS ? *height - y : ROWS;
        bad = picture_rows_read(rows, view.data, view.height, error);
        read = view;
        read.space = GMLP_SRGB;
        if (!bad && rgb && gmlp_convert(&read, &view, NULL)) bad = -1, error_text(error, path, "out of memory");
        if (!bad) gmlp_signature_rows(&signature, &view, y);
    }
    picture_rows_close(rows);
    free(view.data);
    if (bad) return -1;
    verdict = (int)gmlp_net_verdict(&c->net, &signature);
    return verdict == GMLP_OK && rgb && c->net.weights ? GMLP_E_CLIPPED : verdict;
}

static void carriers_text(int carriers, char text[64]) {
    static const char *const names[] = { "app", "com", "xmp", "chunk", "text", "key" };
    size_t used = 0;
    int i;
    text[0] = 0;
    for (i = 0; i < 6; i++)
        if (carriers >> i & 1) used += (size_t)snprintf(text + used, 64 - used, "%s%s", used ? "," : "", names[i]);
}

typedef struct findings {
    carried file;
    size_t metadata_bytes;
    char carriers[64];
    uint32_t width, height;
    int verdict; /* gmlp_result; -1: the pixels cannot be read */
    edited edit;
} findings;

static int belongs(const findings *f) { return f->verdict == GMLP_OK || f->verdict == GMLP_E_CLIPPED; }

static void report_json(const findings *f, const char *problem) {
    const gmlp_net *net = &f->file.net;
    static const char *const containers[] = { NULL, "jpeg", "png", "ktx2" }; /* gmlp_container */
    const int found = f->file.blob_size != 0 && net->wide_space;
    double psnr, psnr_og;
    json j;
    json_begin(&j, stdout);
    json_text(&j, "container", containers[f->file.container]);
    json_bool(&j, "intact", !problem);
    json_text(&j, "problem", problem);
    if (found) {
        json_text(&j, "carriers", f->carriers);
        json_integer(&j, "blob_bytes", f->file.blob_size);
        json_integer(&j, "metadata_bytes", f->metadata_bytes);
        json_text(&j, "method", carried_method(net));
        json_text(&j, "space", gmlp_space_name(net->wide_space));
        json_text(&j, "base_space", gmlp_space_name(net->base_space));
        json_text(&j, "adaptation", net->adaptation == GMLP_CAT02 ? "cat02" : "bradford");
        json_integer(&j, "network_width", net->weights ? (uint64_t)net->mlp.width : 0);
        json_integer(&j, "weights", net->weights ? gmlp_mlp_weights(&net->mlp) : 0);
        json_text(&j, "coding",
                  !net->weights                                  ? NULL
                  : net->weight_format == GMLP_WEIGHTS_QUANTIZED ? "steps"
                                                                 : "floats");
        json_integer(&j, "margin", (uint64_t)net->clip_margin);
        if (carried_is_hdr(net)) {
            json_number(&j, "white_nits", (double)net->white_nits);
            json_number(&j, "peak_nits", carried_peak_nits(net));
            json_number(&j, "headroom_stops", log2((double)net->content_max));
        }
        json_integer(&j, "width", net->base_width);
        json_integer(&j, "height", net->base_height);
        json_integer(&j, "trained_width", net->width);
        json_integer(&j, "trained_height", net->height);
        json_bool(&j, "belongs", belongs(f));
        json_bool(&j, "clipped", f->verdict == GMLP_E_CLIPPED);
        edited_json(&f->edit, &j);
        quality_of(net, &psnr, &psnr_og);
        json_number(&j, "encoded_psnr", psnr);
        json_number(&j, "encoded_psnr_og", psnr_og);
    }
    json_end(&j);
}

static void report_quality(const gmlp_net *net) {
    double all, og;
    quality_of(net, &all, &og);
    if (isnan(all)) return;
    if (isinf(all)) printf("  measured        by the encoder: exact");
    else printf("  measured        by the encoder: %.2f dB", all);
    if (!isnan(og)) printf(" over all pixels, %.2f dB out of gamut", og);
    printf("\n");
}

static void report_text(const findings *f, const char *path) {
    const gmlp_net *net = &f->file.net;
    const uint8_t *k = net->mlp.frequencies;
    static const char *const containers[] = { "", "JPEG", "PNG", "KTX2" }; /* gmlp_container */
    printf("%s: %s, ", path, containers[f->file.container]);
    if (f->width) printf("%u x %u, carries a network\n", f->width, f->height);
    else printf("carries a network; its pixels were not read\n");
    printf("  base            %s\n", net->base_space == GMLP_SYCC
                                        ? "sYCC: the JPEG's Y'CbCr also holds colours that viewers clip to sRGB"
                                        : gmlp_space_name(net->base_space));
    printf("  intact in       %s\n", f->file.beside ? f->file.beside : f->carriers);
    printf("  size            %llu bytes; with its carriers %llu of the file's %llu\n",
           (unsigned long long)f->file.blob_size, (unsigned long long)f->metadata_bytes,
           (unsigned long long)f->file.size);
    if (carried_is_hdr(net)) {
        const double stops = log2((double)net->content_max);
        printf("  gives back      HDR in %s, up to %.2f stops %s the white of %s, which is at %g nit\n",
               gmlp_space_name(net->wide_space), fabs(stops), stops < 0 ? "below" : "above",
               gmlp_space_name(net->base_space == GMLP_SYCC ? GMLP_SRGB : net->base_space), (double)net->white_nits);
        printf("  by              the %s of PQ signals, 1 being %.0f nit\n", carried_method(net),
               carried_peak_nits(net));
    } else
        printf("  gives back      %s (white points joined by %s)\n", gmlp_space_name(net->wide_space),
               net->adaptation == GMLP_CAT02 ? "CAT02" : "Bradford");
    if (net->method == GMLP_METHOD_NONE) printf("  network         none: nothing was outside sRGB\n");
    else {
        printf("  network         2 layers of %d, K = %d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d, %s, %llu weights, "
               "%.1f bits each\n", net->mlp.width, k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7], k[8], k[9], k[10],
               net->mlp.activation == GMLP_SINE ? "sine" : "ReLU", (unsigned long long)gmlp_mlp_weights(&net->mlp),
               8.0 * (double)f->file.blob_size / (double)gmlp_mlp_weights(&net->mlp));
        if (gmlp_net_halo(net))
            printf("  sees            also the means of %d x %d and %d x %d pixels around each\n",
                   2 * net->radius[0] + 1, 2 * net->radius[0] + 1, 2 * net->radius[1] + 1, 2 * net->radius[1] + 1);
        if (net->mask == GMLP_MASK_ALL) printf("  applied to      all pixels\n");
        else if (!net->clip_margin && net->base_space == GMLP_SYCC)
            printf("  applied to      pixels that viewers show with a code of 0 or 255\n");
        else if (!net->clip_margin)
            printf("  applied to      pixels with a code of 0 or 255: the base is as it was clipped\n");
        else
            printf("  applied to      pixels with a code of 0-%d or %d-255: so far did compression move clipped ones\n",
                   net->clip_margin, 255 - net->clip_margin);
    }
    printf("  trained on      %u x %u\n", net->width, net->height);
    report_quality(net);
    if (f->edit.found) {
        printf("  pixels          %s by another program; %s", f->edit.text,
               f->verdict == GMLP_E_CLIPPED ? "they were clipped to sRGB" : "the colours come back");
        if (f->edit.edit.expected)
            printf(" (%u of %u landmarks are there)", f->edit.edit.found, f->edit.edit.expected);
        printf("\n");
    } else if (f->verdict >= 0)
        printf("  pixels          %s\n",
               f->verdict == GMLP_E_CLIPPED ? "are those it was trained on, but clipped to sRGB"
               : belongs(f)                 ? "are those it was trained on"
                                            : "are NOT those it was trained on");
}

static int inspect(const char *path, int as_json, findings *f) {
    char error[256] = "";
    const char *problem = NULL;
    if (carried_open(path, &f->file, error)) problem = error;
    else {
        f->metadata_bytes = f->file.size - carried_bare_size(f->file.bytes, f->file.size);
        if (f->file.beside) snprintf(f->carriers, sizeof f->carriers, "side-car");
        else carriers_text(gmlp_carriers_present(f->file.bytes, f->file.size, NULL), f->carriers);
        f->verdict = verdict_on_pixels(path, &f->file, &f->width, &f->height, error);
        if (f->verdict > 0 && !belongs(f)) {
            if (edited_find(&f->file, path, NULL, &f->edit, error)) f->verdict = -1;
            else if (f->edit.found)
                f->verdict = verdict_on_pixels(path, &f->file, &f->width, &f->height, error);
        }
        if (f->verdict < 0) problem = error;
        else if (f->verdict == GMLP_E_CLIPPED)
            problem = error, error_text(error, path, CARRIED_CLIPPED "; decode gives what is left");
        else if (f->verdict) {
            if (f->width != f->file.net.base_width || f->height != f->file.net.base_height)
                error_text(error, path, "is %u x %u, but its network is for %u x %u", f->width, f->height,
                           f->file.net.base_width, f->file.net.base_height);
            else error_text(error, path, "the network does not belong to these pixels");
            problem = error;
        }
    }
    if (!f->file.bytes && problem) return fail("inspect", "%s", problem);
    if (as_json) report_json(f, problem);
    else if (f->file.net.wide_space) report_text(f, path);
    if (!problem) return 0;
    return fail("inspect", "%s", problem);
}

int cmd_inspect(int argc, char **argv) {
    int as_json = 0, status;
    const args_option options[] = {
        { "--json", ARG_FLAG, &as_json, NULL, "print one JSON object", 0, 0 },
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "inspect", "FILE",
        "Says what FILE carries: the network's size and shape, what it gives back, where it lies, and\n"
        "whether it belongs to these pixels. The exit status is 0 if all is well, else 1.",
        "  gamutmlp inspect photo.jpg", options, 1, NULL
    };
    const char *names[1];
    findings f;
    status = args_parse(&command, argc, argv, names);
    if (status != ARGS_GO_ON) return status;
    memset(&f, 0, sizeof f);
    status = inspect(names[0], as_json, &f);
    carried_free(&f.file);
    return status;
}
