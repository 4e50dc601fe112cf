/* gamutmlp compare: how far a picture is from its reference, in numbers and in plots. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "measure/chromaticity.h"
#include "measure/heatmap.h"
#include "measure/metrics.h"
#include "pictures/picture.h"
#include "shell/args.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "shell/pool.h"

typedef struct options {
    int from, from_test, json;
    const char *heatmap, *chromaticity;
    uint64_t threads;
} options;

static void print_json(const metrics *m) {
    json j;
    json_begin(&j, stdout);
    json_number(&j, "psnr", m->psnr);
    json_number(&j, "psnr_og", m->psnr_og);
    json_number(&j, "rmse", m->rmse);
    json_number(&j, "rmse_og", m->rmse_og);
    json_number(&j, "ssim", m->ssim);
    json_number(&j, "delta_e2000_mean", m->delta_e2000_mean);
    json_number(&j, "delta_e2000_p95", m->delta_e2000_p95);
    json_number(&j, "delta_e_itp_mean", m->delta_e_itp_mean);
    json_number(&j, "out_of_gamut", m->out_of_gamut);
    json_end(&j);
}

/* A cell of the table: the number, "equal" for an infinite PSNR, "-" where there is none. */
static const char *cell(char text[32], const char *format, double value) {
    if (isnan(value)) return "-";
    if (isinf(value)) return "equal";
    snprintf(text, 32, format, value);
    return text;
}

static void print_table(const metrics *m) {
    char a[32], b[32];
    printf("%-28s %14s %14s\n", m->hdr ? "PQ signal, Rec.2020" : "linear ProPhoto", "all pixels", "out of gamut");
    printf("%-28s %14s %14s\n", "PSNR", cell(a, "%.2f dB", m->psnr), cell(b, "%.2f dB", m->psnr_og));
    printf("%-28s %14s %14s\n", "RMSE", cell(a, "%.6f", m->rmse), cell(b, "%.6f", m->rmse_og));
    printf("%-28s %14s\n", "SSIM", cell(a, "%.6f", m->ssim));
    printf("%-28s %14.3f\n", "CIEDE2000, mean", m->delta_e2000_mean);
    printf("%-28s %14.3f\n", "CIEDE2000, 95th percentile", m->delta_e2000_p95);
    printf("%-28s %14.3f\n", "delta E ITP, mean", m->delta_e_itp_mean);
    printf("%-28s %14s %12.2f %%\n", "share of pixels", "", 100 * m->out_of_gamut);
}

typedef int (*plotter)(const gmlp_image *reference, const gmlp_image *test, drawing *d, char error[256]);

static int draw(plotter f, const gmlp_image *reference, const gmlp_image *test, const char *path, char error[256]) {
    drawing d;
    int status = drawing_open(&d, path, error);
    if (!status) status = f(reference, test, &d, error);
    if (!status) status = drawing_commit(&d, error);
    drawing_discard(&d);
    return status;
}

static int compare(const char *const paths[2], const options *o, char error[256]) {
    picture pictures[2];
    /* checked: addresses alone */
    const gmlp_image *reference = &pictures[0].image, *test = &pictures[1].image;
    metrics m;
    pool *p = pool_create((int)o->threads);
    int status = -1, i;
    memset(pictures, 0, sizeof pictures);
    if (p) {
        const gmlp_threads threads = pool_threads(p);
        status = 0;
        for (i = 0; !status && i < 2; i++) {
            const int space = i && o->from_test ? o->from_test : o->from;
            status = picture_read(paths[i], space, 0, &pictures[i], error);
            if (!status) status = picture_upright(&pictures[i], error);
            picture_tell(&pictures[i], "compare", paths[i]);
        }
        if (!status && (reference->width != test->width || reference->height != test->height)) {
            error_text(error, paths[1], "is %u x %u, and %s is %u x %u: there is nothing to compare", test->width,
                       test->height, paths[0], reference->width, reference->height);
            status = -1;
        }
        if (!status) status = metrics_compare(reference, test, &threads, &m, error);
    } else {
        snprintf(error, 256, "%s", gmlp_result_string(GMLP_E_MEMORY));
    }
    if (!status && o->heatmap) status = draw(draw_heatmap, reference, test, o->heatmap, error);
    if (!status && o->chromaticity) status = draw(draw_chromaticity, reference, test, o->chromaticity, error);
    if (!status) (o->json ? print_json : print_table)(&m);
    for (i = 0; i < 2; i++) picture_free(&pictures[i]);
    pool_free(p);
    return status;
}

int cmd_compare(int argc, char **argv) {
    options o = {0};
    const args_option table[] = {
        {"--from", ARG_SPACE, &o.from, "SPACE", "the colour space of both files, whatever they say", 0, 0},
        {"--from-test", ARG_SPACE, &o.from_test, "SPACE", "the colour space of TEST, if it is another", 0, 0},
        {"--heatmap", ARG_TEXT, &o.heatmap, "OUT", "draw the error of every pixel, as .svg or .png", 0, 0},
        {"--chromaticity", ARG_TEXT, &o.chromaticity, "OUT", "draw the out-of-gamut pixels in CIE xy, likewise", 0, 0},
        {"--threads", ARG_INT, &o.threads, "N", "threads to work with; default: all processors", 1, 256},
        {"--json", ARG_FLAG, &o.json, NULL, "print one JSON object instead of the table", 0, 0},
        {NULL, 0, NULL, NULL, NULL, 0, 0}};
    const args_command command = {
        "compare", "REFERENCE TEST",
        "Tells how far TEST is from REFERENCE: in linear ProPhoto, or by the PQ signal in Rec.2020 if REFERENCE is\n"
        "HDR (PQ, HLG, or linear with samples above 1). Linear 1.0 is 203 cd/m2 there, whatever --white made a file.\n"
        "Pixels of REFERENCE outside sRGB are also counted apart.",
        "  gamutmlp compare original.png decoded.png --heatmap error.png\n", table, 2, NULL};
    const char *plots[2], *paths[2];
    char error[256];
    int status = args_parse(&command, argc, argv, paths), i;
    if (status != ARGS_GO_ON) return status;
    plots[0] = o.heatmap;
    plots[1] = o.chromaticity;
    for (i = 0; i < 2; i++)
        if (plots[i] && !drawing_has_name(plots[i]))
            return args_wrong(&command, "%s: plots end in .svg or .png", plots[i]);
    if (plots[0] && plots[1] && !strcmp(plots[0], plots[1]))
        return args_wrong(&command, "%s: --heatmap and --chromaticity need a file each", plots[0]);
    return compare(paths, &o, error) ? fail("compare", "%s", error) : 0;
}
