/* TIFF files that the tool's own writer does not make, made with libtiff. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pictures/picture.h"
#include <cmocka.h>

#include <tiffio.h>

static char folder[] = "/tmp/test_tiff_XXXXXX";
static char path[300];

static int make_folder(void **state) {
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/a.tif", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder); /* fails if a test left a file, such as a temporary one */
}

static void tiff_layouts(void **state) {
    enum { W = 70, H = 50 };
    uint16_t pixels[W * H * 3];
    uint32_t k;
    int tiled, separate, big;
    (void)state;
    for (k = 0; k < W * H * 3; k++) pixels[k] = (uint16_t)(k * 40503u >> 3);
    for (tiled = 0; tiled < 2; tiled++)
        for (separate = 0; separate < 2; separate++)
            for (big = 0; big < 2; big++) { /* four samples a pixel; the other byte order */
                const int samples = 3 + big, planes = separate ? samples : 1;
                const uint32_t bw = tiled ? 32 : W, bh = tiled ? 16 : 7;
                TIFF *t = TIFFOpen(path, big ? "wb" : "wl");
                uint16_t *block = (uint16_t *)calloc((size_t)bw * bh * 4, 2);
                uint16_t extra = EXTRASAMPLE_UNASSALPHA;
                picture p;
                char error[256];
                uint32_t x, y, i, j;
                int plane, c;
                TIFFSetField(t, TIFFTAG_IMAGEWIDTH, W);
                TIFFSetField(t, TIFFTAG_IMAGELENGTH, H);
                TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, 16);
                TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, samples);
                if (big) TIFFSetField(t, TIFFTAG_EXTRASAMPLES, 1, &extra);
                TIFFSetField(t, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
                TIFFSetField(t, TIFFTAG_PLANARCONFIG, separate ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
                TIFFSetField(t, TIFFTAG_COMPRESSION, tiled ? COMPRESSION_ADOBE_DEFLATE : COMPRESSION_NONE);
                if (tiled) {
                    TIFFSetField(t, TIFFTAG_TILEWIDTH, bw);
                    TIFFSetField(t, TIFFTAG_TILELENGTH, bh);
                } else TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, bh);
                for (plane = 0; plane < planes; plane++)
                    for (y = 0; y < H; y += bh)
                        for (x = 0; x < W; x += bw) {
                            const int step = separate ? 1 : samples;
                            const uint32_t rows = tiled || H - y >= bh ? bh : H - y;
                            for (j = 0; j < bh && y + j < H; j++)
                                for (i = 0; i < bw && x + i < W; i++)
                                    for (c = 0; c < step; c++) {
                                        const int sample = separate ? plane : c;
                                        block[(j * bw + i) * (uint32_t)step + (uint32_t)c] =
                                            sample < 3 ? pixels[((y + j) * W + x + i) * 3 + (uint32_t)sample] : 7;
                                    }
                            if (tiled) TIFFWriteEncodedTile(t, TIFFComputeTile(t, x, y, 0, (uint16_t)plane), block, (tmsize_t)(bw * bh * (uint32_t)step * 2));
                            else TIFFWriteEncodedStrip(t, TIFFComputeStrip(t, y, (uint16_t)plane), block, (tmsize_t)(bw * rows * (uint32_t)step * 2));
                        }
                TIFFClose(t);
                free(block);
                if (picture_read(path, 0, 0, &p, error)) fail_msg("%s", error);
                assert_int_equal(p.image.type, GMLP_U16);
                assert_memory_equal(p.image.data, pixels, sizeof pixels);
                picture_free(&p);
                unlink(path);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiff_layouts),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
