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
static void call(gmlp_result result) { check(result == GMLP_OK, gmlp_result_string(result)); }
static int write_file(void *file, const void *bytes, size_t size) { return fwrite(bytes, 1, size, (FILE *)file) != size; }

/* Peak 1 against the error in linear light, over all samples. */
static double psnr(gmlp_image a, gmlp_image b) {
    const size_t n = (size_t)a.width * 3, rows = a.height;
    float *line = (float *)malloc(2 * n * sizeof *line);
    gmlp_image p = {line, a.width, 1, 0, GMLP_FLOAT, 3, GMLP_PROPHOTO_LINEAR}, q = p;
    double sum = 0;
    check(line != NULL, "out of memory");
    q.data = line + n;
    a.height = b.height = 1;
    for (size_t y = 0; y < rows; y++, a.data = (uint16_t *)a.data + n, b.data = (uint16_t *)b.data + n) {
        call(gmlp_convert(&a, &p, NULL));
        call(gmlp_convert(&b, &q, NULL));
        for (size_t i = 0; i < n; i++) sum += (double)(line[i] - line[n + i]) * (line[i] - line[n + i]);
    }
    free(line);
    return 10 * log10((double)n * (double)rows / sum);
}

int main(int argc, char **argv) {
    check(argc == 4, "usage: quickstart WIDE.png SRGB.png AGAIN.ppm");

    /* There: reduce to sRGB, train a network on what was lost, put it into the PNG. */
    int w, h, n, png_size;
    uint16_t *pixels = stbi_load_16(argv[1], &w, &h, &n, 3);
    check(pixels != NULL, "WIDE.png can not be read");
    const size_t samples = (size_t)w * (size_t)h * 3;
    uint8_t *codes = (uint8_t *)malloc(samples), bytes[4096];
    uint16_t *result = (uint16_t *)malloc(samples * 2);
    check(codes && result, "out of memory");
    gmlp_image wide = {pixels, (uint32_t)w, (uint32_t)h, 0, GMLP_U16, 3, GMLP_PROPHOTO};
    gmlp_image base = {codes, wide.width, wide.height, 0, GMLP_U8, 3, GMLP_SRGB};
    gmlp_net net;
    size_t size;
    call(gmlp_reduce(&wide, &base, NULL, NULL));
    call(gmlp_train(&base, &wide, NULL, &net, NULL));
    call(gmlp_blob_write(&net, bytes, sizeof bytes, &size));
    gmlp_net_free(&net);
    uint8_t *png = stbi_write_png_to_mem(codes, 0, w, h, 3, &png_size);
    FILE *file = fopen(argv[2], "w+b");
    gmlp_writer out = {file, write_file};
    check(png && file, "SRGB.png can not be written");
    call(gmlp_png_embed(png, (size_t)png_size, bytes, size, NULL, out, NULL));

    /* Back: everything from the file. */
    const size_t file_size = (size_t)ftell(file);
    uint8_t *srgb = (uint8_t *)malloc(file_size);
    void *blob;
    rewind(file);
    check(srgb && fread(srgb, 1, file_size, file) == file_size && !fclose(file), "SRGB.png can not be read");
    call(gmlp_png_extract(srgb, file_size, NULL, &blob, &size, NULL));
    call(gmlp_blob_read(blob, size, NULL, &net, NULL));
    base.data = stbi_load_from_memory(srgb, (int)file_size, &w, &h, &n, 3);
    check(base.data != NULL, "SRGB.png can not be read");
    gmlp_image again = {result, wide.width, wide.height, 0, GMLP_U16, 3, GMLP_PROPHOTO};
    call(gmlp_convert(&base, &again, NULL));
    printf("sRGB alone: %.2f dB\n", psnr(wide, again));
    call(gmlp_decode(&net, &base, &again, NULL));
    printf("with the network of %zu bytes: %.2f dB\n", size, psnr(wide, again));
    file = fopen(argv[3], "wb");
    check(file != NULL, "AGAIN.ppm can not be written");
    fprintf(file, "P6 %d %d 65535\n", w, h);
    for (size_t i = 0; i < samples; i++) putc(result[i] >> 8, file), putc(result[i] & 255, file);
    check(!ferror(file) && !fclose(file), "AGAIN.ppm can not be written");
    return 0; /* the system frees the rest */
}
