/* What a base gives back: measured against the original in bands, on all threads. */
#ifndef QUALITY_H
#define QUALITY_H

#include "gamutmlp.h"
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

#endif
