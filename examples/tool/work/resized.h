/* What another program resized, through gmlp_decode_resized. */
#ifndef RESIZED_H
#define RESIZED_H

#include "work/stream.h"

/* Does that do anything for the picture in the file, which the net follows (gmlp_net_follow)? lost: edited.h. */
int resized_is(const gmlp_net *net, double lost);
/* As stream_run with s->net, into space; s->decoder and a GPU are not used, and the base is in memory as a whole. */
int resized_run(stream *s, int space, const gmlp_decoder_opts *opts, double lost, char error[256]);

#endif
