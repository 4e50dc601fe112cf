/* What the tests of picture files share: a folder for their files, pictures with all kinds of codes. */
#ifndef MADE_H
#define MADE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pictures/picture.h"
#include "shell/files.h"
#include <cmocka.h>

static char folder[] = "/tmp/test_pictures_XXXXXX";

static inline const char *in_folder(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static inline int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state) {
    (void)state;
    return rmdir(folder); /* fails if a test left a file, such as a temporary one */
}

/* A picture with all kinds of codes in it. */
static inline gmlp_image test_image(uint32_t width, uint32_t height, int type, int space) {
    gmlp_image image;
    const size_t n = (size_t)width * height * 3;
    uint32_t seed = 12345;
    size_t i;
    memset(&image, 0, sizeof image);
    image.width = width;
    image.height = height;
    image.type = type;
    image.channels = 3;
    image.space = space;
    image.data = malloc(n * gmlp_pixel_size(type, 1));
    assert_non_null(image.data);
    for (i = 0; i < n; i++) {
        uint32_t r;
        seed = seed * 1664525u + 1013904223u;
        r = seed >> 8;
        if (type == GMLP_U8) ((uint8_t *)image.data)[i] = (uint8_t)(r >> 16);
        else if (type == GMLP_U16) ((uint16_t *)image.data)[i] = (uint16_t)(r >> 8);
        else if (type == GMLP_F16) ((uint16_t *)image.data)[i] = (uint16_t)(r % 0x4000); /* 0..2 */
        else ((float *)image.data)[i] = (float)r / 8388608.0f - 0.5f;                     /* -0.5..1.5 */
    }
    return image;
}

static inline size_t image_bytes(const gmlp_image *image) {
    return (size_t)image->width * image->height * gmlp_pixel_size(image->type, 3);
}

/* A smooth picture, as noise does not survive JPEG. */
static inline gmlp_image smooth_image(uint32_t width, uint32_t height) {
    gmlp_image image = test_image(width, height, GMLP_U8, GMLP_SRGB);
    uint8_t *p = (uint8_t *)image.data;
    uint32_t x, y;
    for (y = 0; y < height; y++)
        for (x = 0; x < width; x++, p += 3) {
            p[0] = (uint8_t)(60 + 2 * x);
            p[1] = (uint8_t)(200 - 2 * y);
            p[2] = (uint8_t)(40 + x + y);
        }
    return image;
}

static inline int largest_difference(const gmlp_image *a, const gmlp_image *b) {
    const size_t n = image_bytes(a);
    int most = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        const int d = abs((int)((uint8_t *)a->data)[i] - (int)((uint8_t *)b->data)[i]);
        if (d > most) most = d;
    }
    return most;
}

static inline void write_bytes(const char *path, const void *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static inline void expect_error(const char *path, const char *part) {
    picture p;
    char error[256] = "";
    assert_int_equal(picture_read(path, 0, 1, &p, error), -1);
    if (!strstr(error, part) || strncmp(error, path, 20))
        fail_msg("'%s' does not name the file or say '%s'", error, part);
    assert_null(p.image.data);
    assert_null(p.file);
}

/* Of a file every beginning is refused with a text. */
static inline void refuse_beginnings(const uint8_t *bytes, size_t size) {
    picture p;
    char error[256];
    size_t n;
    for (n = 0; n < size; n++) {
        uint8_t *cut = (uint8_t *)malloc(n ? n : 1); /* exactly so long: reading past it shows */
        assert_non_null(cut);
        memcpy(cut, bytes, n);
        if (!picture_read_memory(cut, n, "cut", 0, &p, error)) fail_msg("%zu of %zu bytes are taken", n, size);
        assert_true(!strncmp(error, "cut: ", 5) && error[5]);
        free(cut);
    }
}

/* And every changed byte is survived. */
static inline void survive_flips(uint8_t *bytes, size_t size) {
    picture p;
    char error[256];
    size_t n;
    for (n = 0; n < size; n++) {
        const uint8_t was = bytes[n];
        bytes[n] ^= (uint8_t)(n % 3 ? 0xff : 1);
        if (!picture_read_memory(bytes, size, "flipped", 0, &p, error)) picture_free(&p);
        bytes[n] = was;
    }
}

/* What is written to a full disk fails with a text, at the latest at its end. */
static inline void expect_full_disk(const char *name, const gmlp_image *image) {
    FILE *full = fopen("/dev/full", "w");
    char error[256] = "";
    picture_sink *s;
    if (!full) skip();
    setvbuf(full, NULL, _IONBF, 0);
    s = picture_sink_open(name, full, image, NULL, error);
    assert_non_null(s);
    assert_int_equal(picture_sink_end(s, picture_sink_rows(s, image->data, image->height, error), error), -1);
    assert_non_null(strstr(error, "No space left"));
    s = picture_sink_open(name, full, image, NULL, error);
    assert_int_equal(picture_sink_end(s, 1, error), -1); /* given up before the first row */
    fclose(full);
}

/* Rows that are read in growing portions are those of the whole picture. */
static inline void expect_rows_of(const char *path) {
    picture whole;
    picture_rows *rows;
    uint32_t width, height, y = 0, n;
    uint8_t *got;
    size_t row;
    char error[256];
    assert_int_equal(picture_read(path, GMLP_SRGB, 1, &whole, error), 0);
    row = (size_t)whole.image.width * 3;
    got = (uint8_t *)malloc(image_bytes(&whole.image));
    rows = picture_rows_open(whole.file, whole.file_size, "x", GMLP_SRGB, &width, &height, error);
    assert_non_null(rows);
    assert_int_equal(width, whole.image.width);
    assert_int_equal(height, whole.image.height);
    for (n = 1; y < height; y += n, n = n + 1 < height - y ? n + 1 : height - y)
        assert_int_equal(picture_rows_read(rows, got + y * row, n, error), 0);
    picture_rows_close(rows);
    assert_memory_equal(got, whole.image.data, image_bytes(&whole.image));
    picture_free(&whole);
    free(got);
}

#endif
