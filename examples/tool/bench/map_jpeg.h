/* map_jpeg.h - a map of three real numbers a cell as a small JPEG, what the networks are compared with

   Cells are scale x scale pixels. The range between the least and the greatest value of each channel is mapped to 8
   bits and compressed by libjpeg; a reader interpolates linearly between the cells' centres. */
#ifndef MAP_JPEG_H
#define MAP_JPEG_H

#include <stddef.h>
#include <stdint.h>

typedef struct map_jpeg {
    uint32_t width, height, scale;
    float low[3], high[3];
    uint8_t *codes;
} map_jpeg;

typedef struct map_jpeg_choice {
    uint32_t scale;
    int quality, subsample; /* of the JPEG; subsample as in picture.h */
    size_t bytes;           /* of the JPEG, without a colour profile, and of six floats: the ranges */
} map_jpeg_choice;

/* values: width * height * 3, packed. 0, or -1: no memory. */
int map_jpeg_new(map_jpeg *m, const float *values, uint32_t width, uint32_t height, uint32_t scale);
void map_jpeg_free(map_jpeg *m); /* a zeroed or freed one is fine */
/* The values at a pixel of the picture, from codes: m's own or what the JPEG made of them. */
void map_jpeg_sample(const map_jpeg *m, const uint8_t *codes, uint32_t x, uint32_t y, float out[3]);

/* Where maps come from and how they are judged. */
typedef struct map_jpeg_subject {
    void *user;
    int (*make)(void *user, uint32_t scale, map_jpeg *m); /* 0, or -1: no memory */
    /* The squared error that is left with these codes; NaN: no memory. */
    double (*apply)(void *user, const map_jpeg *m, const uint8_t *codes);
} map_jpeg_subject;

/* Compresses with the choice's scale, quality and subsample, reads back and applies. Sets bytes; returns the squared
   error, or NaN with the reason in error. */
double map_jpeg_apply(const map_jpeg_subject *s, map_jpeg_choice *choice, char error[256]);
/* For every budget in bytes the choice with the least error: all scales from 1 to 32, each at the best quality
   that fits, with and without chroma subsampling. out has a scale of 0 where nothing fits. 0, or -1 with the
   reason in error. */
int map_jpeg_search(const map_jpeg_subject *s, const size_t *budgets, size_t count, map_jpeg_choice *out,
                    char error[256]);

#endif
