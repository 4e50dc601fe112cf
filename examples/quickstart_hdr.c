/* HDR into an ordinary SDR file and back, with tinyexr and stb_image for the pixels.

      cc -O2 -I. examples/quickstart_hdr.c -o quickstart_hdr -ltinyexr -lm
      ./quickstart_hdr HDR.exr SDR.jpg BOTH.jpg AGAIN.exr

   HDR.exr holds linear light with Rec.709's primaries, 1.0 being the white of SDR; SDR.jpg, or a PNG, is its sRGB
   rendition of the same size. BOTH.jpg is SDR.jpg as it was, and opens everywhere, with the network in its metadata;
   AGAIN.exr is made from BOTH.jpg alone. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include <stdlib.h>
#include <tinyexr.h>
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

static void check(int good, const char *what) {
    if (!good) { fprintf(stderr, "quickstart_hdr: %s\n", what); exit(1); }
}
static void *need(void *p, const char *what) { check(p != NULL, what); return p; }
static void call(gmlp_result result) { check(result == GMLP_OK, gmlp_result_string(result)); }
static int write_file(void *file, const void *bytes, size_t size) { return fwrite(bytes, 1, size, file) != size; }

static uint8_t *read_file(const char *name, size_t *size) {
    FILE *file = need(fopen(name, "rb"), "a file can not be opened");
    check(!fseek(file, 0, SEEK_END) && ftell(file) > 0, "a file can not be read");
    *size = (size_t)ftell(file);
    uint8_t *bytes = need(malloc(*size), "out of memory");
    rewind(file);
    check(fread(bytes, 1, *size, file) == *size && !fclose(file), "a file can not be read");
    return bytes;
}

/* Of the PQ signal, which is what eyes are even-handed about: peak 1 against the mean squared error of all samples. */
static double psnr(gmlp_image a, gmlp_image b) {
    const size_t n = (size_t)a.width * a.height * 3;
    float *p = need(malloc(n * sizeof *p), "out of memory"), *q = need(malloc(n * sizeof *q), "out of memory");
    gmlp_image signal = {p, a.width, a.height, 0, GMLP_F32, 3, GMLP_REC2020_PQ, 0};
    double sum = 0;
    call(gmlp_convert(&a, &signal, NULL));
    signal.data = q;
    call(gmlp_convert(&b, &signal, NULL));
    for (size_t i = 0; i < n; i++) sum += (double)(p[i] - q[i]) * (double)(p[i] - q[i]);
    free(p);
    free(q);
    return 10 * log10((double)n / sum);
}

int main(int argc, char **argv) {
    check(argc == 5, "usage: quickstart_hdr HDR.exr SDR.jpg BOTH.jpg AGAIN.exr");

    /* There: train a network on both renditions, put it into the SDR file, whose picture stays. */
    float *light;
    const char *text = NULL;
    int w, h, base_w, base_h, n;
    size_t file_size, size;
    check(LoadEXR(&light, &w, &h, argv[1], &text) == TINYEXR_SUCCESS, text ? text : "HDR.exr can not be read");
    uint8_t *file = read_file(argv[2], &file_size), bytes[16384];
    check(file_size < 1u << 30, "SDR.jpg is too large");
    uint8_t *codes = need(stbi_load_from_memory(file, (int)file_size, &base_w, &base_h, &n, 3),
                          "SDR.jpg can not be read");
    check(w == base_w && h == base_h, "the pictures are not of the same size");
    gmlp_image hdr = {light, (uint32_t)w, (uint32_t)h, 0, GMLP_F32, 4, GMLP_SRGB_LINEAR, 0};
    gmlp_image base = {codes, hdr.width, hdr.height, 0, GMLP_U8, 3, GMLP_SRGB, 0};
    gmlp_net net;
    call(gmlp_train_hdr(&base, &hdr, NULL, &net, NULL));
    call(gmlp_blob_write(&net, bytes, sizeof bytes, &size));
    gmlp_net_free(&net);
    FILE *out = need(fopen(argv[3], "wb"), "BOTH.jpg can not be written");
    gmlp_writer writer = {out, write_file};
    call(gmlp_embed(file, file_size, bytes, size, NULL, &writer, NULL));
    check(!fclose(out), "BOTH.jpg can not be written");
    free(file);
    stbi_image_free(codes);

    /* Back: everything from the file. */
    void *blob;
    file = read_file(argv[3], &file_size);
    call(gmlp_extract(file, file_size, NULL, &blob, &size, NULL));
    call(gmlp_blob_read(blob, size, NULL, &net, NULL));
    base.data = need(stbi_load_from_memory(file, (int)file_size, &w, &h, &n, 3), "BOTH.jpg can not be read");
    float *again = need(malloc((size_t)w * (size_t)h * 3 * sizeof *again), "out of memory");
    gmlp_image result = {again, base.width, base.height, 0, GMLP_F32, 3, GMLP_SRGB_LINEAR, 0};
    call(gmlp_decode(&net, &base, &result, NULL));
    printf("SDR alone: %.2f dB\n", psnr(hdr, base));
    printf("with the network of %zu bytes: %.2f dB\n", size, psnr(hdr, result));
    check(SaveEXR(again, w, h, 3, 1, argv[4], &text) == TINYEXR_SUCCESS, text ? text : "AGAIN.exr can not be written");
    return 0; /* the system frees the rest */
}
