/* Random pieces of wide-gamut photographs, as a general network (>>letnet of gamutmlp.h) is trained on.

   A photograph is kept as it is read, in linear ProPhoto. Float files are taken for light of a scene: a piece of one
   gets a saturation in linear ProPhoto (how far a colour is from its luminance) and a shoulder 1 - exp(-1.5 x). One
   piece in two gets a style of its own, so that few photographs show many colours: an exposure, a white balance up to a
   quarter of a stop warmer or colder, and a saturation. The others are as they were taken: a network that saw styles
   alone would expect more outside sRGB than strangers' photographs hold. Pieces are turned and mirrored; one in four
   has a base that went through a JPEG. The same seed gives the same pieces on one machine. */
#ifndef PIECES_H
#define PIECES_H

#include "gamutmlp.h"

/* What 'expand' and its measurements stop at. The shipped network was trained with 8, which leave a residual: up to 50
   gain nothing on the mean, and take four times as long. */
enum { EXPAND_ITERATIONS = 12 };

typedef struct source {
    gmlp_image image;  /* GMLP_F16, GMLP_PROPHOTO_LINEAR */
    int scene;         /* light of a scene, whose middle grey is at */
    double grey;
} source;

/* Reads a photograph. from: 0, or the gmlp_space of its numbers. 0, or -1 and a text: also if it is smaller than a
   piece of size pixels a side. A source is only read afterwards: threads share it. */
int source_read(const char *path, int from, uint32_t size, const char *command, source *s, char error[256]);
void source_free(source *s);
/* All of it as its pieces for measuring are, in memory that the caller frees: GMLP_F32, GMLP_PROPHOTO_LINEAR. 0, or -1:
   no memory. */
int source_plain(const source *s, gmlp_image *wide);

/* The file names of a text, one a line; lines that begin with # are not. */
typedef struct source_names {
    char *text, **name;
    int count;
} source_names;
/* 0, or -1 and a text: also if it has none. Either way free follows. */
int source_names_read(const char *path, source_names *n, char error[256]);
void source_names_free(source_names *n);

typedef struct piece {
    gmlp_image wide;   /* GMLP_F32, GMLP_PROPHOTO_LINEAR */
    gmlp_image base;   /* GMLP_U8, GMLP_SRGB */
    int clip_margin;   /* 8 after a JPEG, else 0 */
    void *memory;
} piece;

/* One of size pixels a side, out of one of count sources, chosen by seed. At least a 32nd of its pixels is saturated;
   if many tries find no such one, the last is taken. plain: for measuring, no style but a saturation of 1.6 and the
   shoulder for light of a scene; no turns, no JPEG. 0, or -1: no memory. */
int piece_make(const source *sources, int count, uint32_t size, uint64_t seed, int plain, piece *p);
void piece_free(piece *p);

#endif
