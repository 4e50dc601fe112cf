/* The same rows of two pictures as linear pixels, a strip at a time. */
#ifndef STRIPS_H
#define STRIPS_H

#include "gamutmlp.h"

typedef struct strips {
    const gmlp_image *pictures[2]; /* reference and test */
    float *linear[2];              /* rows that are loaded, as metrics_linear gives them */
    uint32_t rows;                 /* at most */
    int hdr;
} strips;

/* The pictures must be of one size. To be closed in any case. */
gmlp_result strips_open(strips *s, const gmlp_image *reference, const gmlp_image *test);
/* Loads the rows from y on; *rows gets how many. */
gmlp_result strips_load(strips *s, uint32_t y, uint32_t *rows);
void strips_close(strips *s);

#endif
