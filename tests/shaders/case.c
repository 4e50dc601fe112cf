/* case SCENE.png MODE FOLDER: a network trained on that picture, and what a shader's test needs of it: the words of
   gmlp_shader_pack, the base as RGBA8, the light that the library decodes as RGBA floats, and in size.txt its width,
   height, the network's width and the milliseconds that the library took. MODE: gamut or hdr. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *folder;

static void fail(const char *what) {
    fprintf(stderr, "case: %s\n", what);
    exit(1);
}

static void must(gmlp_result result) {
    if (result) fail(gmlp_result_string(result));
}

static FILE *opened(const char *name) {
    char path[4096];
    FILE *f;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wb");
    if (!f) fail("a file cannot be written");
    return f;
}

static void put(const char *name, const void *bytes, size_t size) {
    FILE *f = opened(name);
    if (fwrite(bytes, 1, size, f) != size || fclose(f)) fail("a file cannot be written");
}

static void *memory(size_t n) {
    void *p = calloc(n, 1);
    if (!p) fail("out of memory");
    return p;
}

int main(int argc, char **argv) {
    png_image png;
    gmlp_image wide, base, out;
    gmlp_train_opts opts;
    gmlp_decoder *decoder;
    gmlp_net net;
    size_t n, i, size;
    int hdr;
    clock_t begin;
    double best = 1e9;
    FILE *f;
    void *pack;
    if (argc != 4) fail("SCENE.png gamut|hdr FOLDER");
    folder = argv[3];
    hdr = !strcmp(argv[2], "hdr");
    memset(&png, 0, sizeof png);
    png.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_file(&png, argv[1])) fail(png.message);
    n = (size_t)png.width * png.height;
    memset(&wide, 0, sizeof wide);
    wide.width = png.width, wide.height = png.height;
    base = out = wide;
    wide.type = GMLP_U16, wide.space = GMLP_PROPHOTO_LINEAR; /* libpng's 16-bit form is taken for linear: as it is */
    png.format = PNG_FORMAT_LINEAR_RGB;
    png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    wide.data = memory(n * 6);
    if (!png_image_finish_read(&png, NULL, wide.data, 0, NULL)) fail(png.message);
    base.type = GMLP_U8, base.channels = 4, base.space = GMLP_SRGB, base.data = memory(n * 4);
    out.type = GMLP_F32, out.channels = 4, out.data = memory(n * 16);
    must(gmlp_reduce(&wide, &base, NULL, NULL));
    memset(&opts, 0, sizeof opts);
    opts.iterations = 300;
    if (hdr) { /* lit the more the further to the right */
        gmlp_image light = wide;
        float *const v = memory(n * 12);
        const uint16_t *const u = wide.data;
        for (i = 0; i < 3 * n; i++) v[i] = (float)u[i] / 65535.0f * (1.0f + (float)(i / 3 % png.width) / (float)png.width * 6.0f);
        light.data = v, light.type = GMLP_F32;
        must(gmlp_train_hdr(&base, &light, &opts, &net, NULL));
    } else {
        must(gmlp_train(&base, &wide, &opts, &net, NULL));
    }
    out.space = GMLP_PROPHOTO_LINEAR;
    for (i = 0; i < 3; i++) {
        double seconds;
        begin = clock();
        must(gmlp_decode(&net, &base, &out, NULL));
        seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
        if (seconds < best) best = seconds;
    }
    must(gmlp_decoder_create(&net, GMLP_F32, out.space, NULL, &decoder));
    gmlp_shader_pack(decoder, NULL, 0, &size);
    pack = memory(size);
    must(gmlp_shader_pack(decoder, pack, size, &size));
    put("pack", pack, size);
    put("base", base.data, n * 4);
    put("light", out.data, n * 16);
    f = opened("size.txt");
    fprintf(f, "%u %u %d %.3f\n", (unsigned)png.width, (unsigned)png.height, net.mlp.width, best * 1e3);
    if (fclose(f)) fail("a file cannot be written");
    return 0;
}
