/* Wide gamut into an ordinary sRGB file and back, with stb_image for the pixels.

      cc -O2 -I. examples/quickstart.c -o quickstart -lm
      ./quickstart WIDE.png SRGB.png AGAIN.ppm

   WIDE.png holds 16-bit ProPhoto RGB; SRGB.png opens everywhere and carries the network;
   AGAIN.ppm, 16-bit ProPhoto RGB again, is made from SRGB.png alone. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

static void check(int good, const char *what) {
    if (!good) { fprintf(stderr, "quickstart: %s\n", what); exit(1); }
}
static void *need(void *p, const char *what) { check(p != NULL, what); return p; }
static void call(gmlp_result result) { check(result == GMLP_OK, gmlp_result_string(result)); }
static int write_file(void *file, const void *bytes, size_t size) { return fwrite(bytes, 1, size, file) != size; }

/* Peak 1 against the mean squared error in linear light, over all samples. */
static double psnr(gmlp_image a, gmlp_image b) {
    const size_t n = (size_t)a.width * a.height * 3;
    float *p = need(malloc(n * sizeof *p), "out of memory"), *q = need(malloc(n * sizeof *q), "out of memory");
    gmlp_image linear = {p, a.width, a.height, 0, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR, 0};
    double sum = 0;
    call(gmlp_convert(&a, &linear, NULL));
    linear.data = q;
    call(gmlp_convert(&b, &linear, NULL));
    for (size_t i = 0; i < n; i++) sum += (double)(p[i] - q[i]) * (double)(p[i] - q[i]);
    free(p);
    free(q);
    return 10 * log10((double)n / sum);
}

int main(int argc, char **argv) {
    check(argc == 4, "usage: quickstart WIDE.png SRGB.png AGAIN.ppm");

    /* There: reduce to sRGB, train a network on what was lost, put it into the PNG. */
    int w, h, n, png_size;
    uint16_t *pixels = need(stbi_load_16(argv[1], &w, &h, &n, 3), "WIDE.png can not be read");
    const size_t samples = (size_t)w * (size_t)h * 3;
    uint8_t *codes = need(malloc(samples), "out of memory"), bytes[4096];
    gmlp_image wide = {pixels, (uint32_t)w, (uint32_t)h, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
    gmlp_image base = {codes, wide.width, wide.height, 0, GMLP_U8, 3, GMLP_SRGB, 0};
    gmlp_net net;
    size_t size;
    call(gmlp_reduce(&wide, &base, NULL, NULL));
    call(gmlp_train(&base, &wide, NULL, &net, NULL));
    call(gmlp_blob_write(&net, bytes, sizeof bytes, &size));
    gmlp_net_free(&net);
    uint8_t *png = need(stbi_write_png_to_mem(codes, 0, w, h, 3, &png_size), "out of memory");
    FILE *file = need(fopen(argv[2], "w+b"), "SRGB.png can not be written");
    gmlp_writer out = {file, write_file};
    call(gmlp_png_embed(png, (size_t)png_size, bytes, size, NULL, &out, NULL));

    /* Back: everything from the file. */
    const size_t file_size = (size_t)ftell(file);
    uint8_t *srgb = need(malloc(file_size), "out of memory");
    rewind(file);
    check(fread(srgb, 1, file_size, file) == file_size && !fclose(file), "SRGB.png can not be read");
    call(gmlp_open(srgb, file_size, NULL, &net, NULL));
    base.data = need(stbi_load_from_memory(srgb, (int)file_size, &w, &h, &n, 3), "SRGB.png can not be read");
    call(gmlp_net_check(&net, &base)); /* a picture that somebody edited no longer fits its network */
    uint16_t *result = need(malloc(samples * 2), "out of memory");
    gmlp_image again = {result, wide.width, wide.height, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
    call(gmlp_convert(&base, &again, NULL));
    printf("sRGB alone: %.2f dB\n", psnr(wide, again));
    call(gmlp_decode(&net, &base, &again, NULL));
    printf("with the network of %zu bytes: %.2f dB\n", size, psnr(wide, again));
    file = need(fopen(argv[3], "wb"), "AGAIN.ppm can not be written");
    fprintf(file, "P6 %d %d 65535\n", w, h);
    for (size_t i = 0; i < samples; i++) putc(result[i] >> 8, file), putc(result[i] & 255, file);
    check(!ferror(file) && !fclose(file), "AGAIN.ppm can not be written");
    return 0; /* the system frees the rest */
}
