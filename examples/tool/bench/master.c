#include "bench/master.h"
#include "shell/messages.h"

#include <math.h>
#include <stdlib.h>

#define SATURATION 1.6f
#define GREY 0.18

static gmlp_image view_of(const gmlp_image *like, int type, int space, void *data) {
    gmlp_image v = *like;
    v.type = type;
    v.space = space;
    v.stride = 0;
    v.channels = 3;
    v.data = data;
    return v;
}

/* Away from each pixel's luminance, and to the exposure. Linear Rec. 709. */
static void raise_saturation(float *rgb, size_t pixels) {
    double sum = 0, count = 0;
    float gain;
    for (size_t i = 0; i < pixels; i++) {
        float *p = rgb + 3 * i;
        const float y = 0.2126f * p[0] + 0.7152f * p[1] + 0.0722f * p[2];
        for (int c = 0; c < 3; c++) p[c] = y + SATURATION * (p[c] - y);
        if (y > 0 && isfinite(y)) sum += log(y), count++;
    }
    gain = count > 0 ? (float)(GREY / exp(sum / count)) : 1;
    for (size_t i = 0; i < 3 * pixels; i++) rgb[i] *= gain;
}

/* So that the brightest channel just reaches 1. */
static void shoulder(float *v, size_t n) {
    float top = 1;
    for (size_t i = 0; i < n; i++) top = fmaxf(top, v[i]);
    for (size_t i = 0; i < n; i++) v[i] = v[i] > 0 ? v[i] * (1 + v[i] / (top * top)) / (1 + v[i]) : 0;
}

int bench_master_make(const bench *b, const char *path, const gmlp_image *scene, bench_renditions *r) {
    const size_t n = (size_t)scene->width * scene->height;
    float *const rgb = (float *)malloc(3 * n * sizeof *rgb), *const master = (float *)malloc(3 * n * sizeof *master);
    const gmlp_image linear = view_of(scene, GMLP_F32, GMLP_SRGB_LINEAR, rgb);
    gmlp_convert_opts opts = { 0 };
    gmlp_result result = GMLP_E_MEMORY;
    r->hdr = view_of(scene, GMLP_F32, GMLP_ACESCG, master);
    r->base.image = view_of(scene, GMLP_U8, GMLP_SRGB, malloc(3 * n));
    opts.threads = b->run;
    if (rgb && master && r->base.image.data) result = gmlp_convert(scene, &linear, &opts);
    if (!result) {
        raise_saturation(rgb, n);
        result = gmlp_convert(&linear, &r->hdr, &opts);
    }
    for (size_t i = 0; !result && i < 3 * n; i++) master[i] = master[i] > 0 ? master[i] : 0;
    if (!result) result = gmlp_convert(&r->hdr, &linear, &opts);
    if (!result) {
        shoulder(rgb, 3 * n);
        result = gmlp_convert(&linear, &r->base.image, &opts);
    }
    free(rgb);
    return result ? fail("bench", "%s: %s", path, gmlp_result_string(result)) : 0;
}
