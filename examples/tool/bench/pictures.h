/* bench_pictures.h - the pictures of a folder, and what a method gives back of one */
#ifndef BENCH_PICTURES_H
#define BENCH_PICTURES_H

#include "bench/bench.h"
#include "pictures/picture.h"

/* A folder of wide-gamut pictures is one set; scene/ and camera/ in it are two. */
enum { BENCH_SETS = 2 };

typedef struct bench_list {
    struct bench_entry {
        char *path;
        int set;
    } *entry;
    size_t count;
    const char *set[BENCH_SETS]; /* names; NULL where there is no such set */
} bench_list;

/* 0, or 1 after a message; either way free follows. */
int bench_list_open(bench_list *l, const char *folder);
void bench_list_free(bench_list *l);
/* A path's last part, without its extension in out of 64 bytes. */
void bench_name(const char *path, char out[64]);

/* A picture, its base, and room for what a method makes of the base: packed rows of three
   floats, linear ProPhoto within [0,1]. */
typedef struct bench_subject {
    const char *path;
    picture wide, base;
    int clip_margin;              /* of the saturated mask */
    size_t pixels;
    float *original, *clipped, *result;
    uint8_t *out_of_gamut;
} bench_subject;

/* Reads the picture as ROMM and makes the base that b asks for. 0, or 1 after a message; either way free follows. */
int bench_subject_load(const bench *b, const char *path, bench_subject *s);
/* The same of the picture that is in s->wide already, all else zeroed; path: what messages call it. */
int bench_subject_of(const bench *b, const char *path, bench_subject *s);
void bench_subject_free(bench_subject *s);

/* Reduces a picture to the pixels that a decoder sees: 8 bit, through JPEG where b asks for that. 0, or -1 with
   the reason in error; either way picture_free follows. */
int bench_subject_base(const bench *b, const gmlp_image *from, picture *base, char error[256]);
/* The same in two steps. codes: 8 bit of sRGB or sYCC (space); the caller frees them. */
int bench_reduce(const bench *b, const gmlp_image *from, int space, gmlp_image *codes, char error[256]);
/* A JPEG of them, of that quality and b's chroma, and what a decoder sees; bytes: the file's, which the caller
   frees. */
int bench_jpeg(const bench *b, const gmlp_image *codes, int quality, picture *base, uint8_t **bytes, size_t *size,
               char error[256]);
/* "4:4:4" and so on. */
const char *bench_chroma(const bench *b);

/* PSNR of s->result against the original, peak 1: all pixels and out of gamut (NaN without any). */
typedef struct bench_score {
    double psnr, psnr_og;
} bench_score;
bench_score bench_subject_score(const bench_subject *s);

#endif
