/* PNG files of all kinds, made with libpng itself. */
#ifndef MADE_PNG_H
#define MADE_PNG_H

#include "made.h"

#include <png.h>

typedef struct png_recipe {
    int bits, kind, interlace;
    int srgb;
    double gamma;          /* of the gAMA chunk: 1 / exponent */
    const double *xy;      /* red, green, blue, white */
    const uint8_t *cicp;
    const void *icc;
    size_t icc_size;
    int palette_alpha;
} png_recipe;

/* Rows as the file has them; 16 bits big-endian. */
static inline void make_png(const char *path, const png_recipe *r, uint32_t width, uint32_t height, const uint8_t *rows, size_t row_bytes) {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    FILE *f = fopen(path, "wb");
    const int passes = r->interlace ? 7 : 1;
    png_color palette[4] = { { 1, 2, 3 }, { 250, 0, 9 }, { 0, 128, 64 }, { 255, 255, 255 } };
    const png_byte alpha[2] = { 0, 100 };
    int pass;
    uint32_t y;
    assert_non_null(f);
    if (setjmp(png_jmpbuf(png))) fail_msg("libpng");
    png_init_io(png, f);
    png_set_IHDR(png, info, width, height, r->bits, r->kind, r->interlace, PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    if (r->kind == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 4);
    if (r->palette_alpha) png_set_tRNS(png, info, alpha, 2, NULL);
    if (r->srgb) png_set_sRGB(png, info, PNG_sRGB_INTENT_RELATIVE);
    if (r->gamma > 0) png_set_gAMA(png, info, r->gamma);
    if (r->xy) png_set_cHRM(png, info, r->xy[6], r->xy[7], r->xy[0], r->xy[1], r->xy[2], r->xy[3], r->xy[4], r->xy[5]);
    if (r->icc) png_set_iCCP(png, info, "p", PNG_COMPRESSION_TYPE_BASE, (png_const_bytep)r->icc, (png_uint_32)r->icc_size);
    png_write_info_before_PLTE(png, info);
    if (r->cicp) png_write_chunk(png, (png_const_bytep)"cICP", r->cicp, 4);
    png_write_info(png, info);
    if (r->interlace) png_set_interlace_handling(png);
    for (pass = 0; pass < passes; pass++)
        for (y = 0; y < height; y++) png_write_row(png, rows + y * row_bytes);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    assert_int_equal(fclose(f), 0);
}

static inline picture read_png(const png_recipe *r, uint32_t width, uint32_t height, const uint8_t *rows, size_t row_bytes, int from) {
    const char *path = in_folder("a.png");
    picture p;
    char error[256];
    make_png(path, r, width, height, rows, row_bytes);
    if (picture_read(path, from, 0, &p, error)) fail_msg("%s", error);
    unlink(path);
    assert_int_equal(p.image.width, width);
    assert_int_equal(p.image.height, height);
    return p;
}

#endif
