/* What a base gives back: measured against the original in bands, on all threads; and as a file says it. */
#ifndef QUALITY_H
#define QUALITY_H

#include "gamutmlp.h"
#include "measure/metrics.h"
#include "measure/psnr.h"

typedef struct quality_subject {
    const char *name;          /* of the file, for messages */
    const gmlp_image *wide;    /* the original */
    const gmlp_image *base;    /* of it, as viewers show it: GMLP_SRGB, or GMLP_SYCC, which they clip */
    const gmlp_net *net;       /* of base: what is decoded; NULL: what the codes of decoded say */
    const gmlp_image *decoded;
    int adaptation;
    gmlp_threads threads;
} quality_subject;

/* psnr_clip and psnr_clip_og of what viewers show, psnr and psnr_og of what is decoded. 0, or -1 and a text. */
int quality_measure(const quality_subject *s, metrics_psnr_result *result, char error[256]);

/* The same of HDR: PQ signals of the original and of what is decoded, or (net: NULL) of what viewers show of base.
   decoded, adaptation: not looked at. */
int quality_signals(const quality_subject *s, double white_nits, metrics *result, char error[256]);

/* The PSNR that the encoder measured, of all pixels and of those out of gamut (HDR: of PQ signals, and NAN); NAN if
   the file does not say, INFINITY if nothing is lost. */
void quality_of(const gmlp_net *net, double *all, double *out_of_gamut);
/* Puts them into the network, if it has a place for them. */
void quality_set(gmlp_net *net, double all, double out_of_gamut);

#endif
