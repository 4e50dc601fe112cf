/* What another program resized, decoded as what it was: pixels of a smaller picture are means of clipped codes and
   others, which no network has seen. Codes are found, at the size that the network was trained on, whose means over
   areas they are; as none goes beyond 0 or 255, clipped areas get their edges back. The network is asked there, and
   what it adds, in linear light, is averaged like the codes. A larger picture keeps its size. */
#ifndef RESIZED_H
#define RESIZED_H

#include "work/stream.h"

/* Is this for the picture in the file, which the net follows (gmlp_net_follow)? lost: edited.h. */
int resized_is(const gmlp_net *net, double lost);

/* base: the whole picture, in memory, packed; it stays the caller's. lost: what codes that are not 0 or 255 get back. */
typedef struct resized resized;
gmlp_result resized_open(const gmlp_net *net, const gmlp_image *base, double lost, resized **r);
/* A rectangle as gmlp_decode decodes it, from column x and row y on, into out, as many channels as base; white: cd/m2
   of white in PQ and HLG, 0: 203. Parts have the pixels of the whole. Some bands of rows at a time, each on a thread,
   take memory in proportion to the picture's width. */
gmlp_result resized_rows(resized *r, const gmlp_image *out, uint32_t x, uint32_t y, double white,
                         const gmlp_threads *threads);
void resized_close(resized *r);

/* As stream_run with s->net, into space; s->decoder and a GPU are not used, and the base is in memory as a whole. */
int resized_run(stream *s, int space, double white, double lost, char error[256]);

#endif
