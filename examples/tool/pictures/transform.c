/* Turning, mirroring and cutting a JPEG without decoding it: blocks of coefficients change places, by libjpeg-turbo's
   TurboJPEG. */
#include <string.h>

#include "pictures/formats.h"

#ifdef __has_include
#if __has_include(<turbojpeg.h>)
#define TURBOJPEG_FOUND
#endif
#endif

#ifndef TURBOJPEG_FOUND

const char *const transform_missing = "lossless turns of JPEG (libturbojpeg)";

int jpeg_transform(const uint8_t *bytes, size_t size, const gmlp_geometry *g, uint8_t **out, size_t *out_size) {
    (void)bytes;
    (void)size;
    (void)g;
    (void)out;
    (void)out_size;
    return 1;
}

#else

#include <stdlib.h>
#include <turbojpeg.h>

const char *const transform_missing = NULL;

/* One step; TurboJPEG cuts after it turns, so a part is cut first. It says only in words why it does not go. */
static int step(const uint8_t *bytes, size_t size, tjtransform *how, uint8_t **out, size_t *out_size) {
    tjhandle handle = tjInitTransform();
    unsigned char *made = NULL;
    unsigned long made_size = 0;
    int bad = handle ? tjTransform(handle, bytes, (unsigned long)size, 1, &made, &made_size, how, 0) : -1;
    if (bad && handle) bad = strstr(tjGetErrorStr2(handle), "emory") ? -1 : 1;
    if (!bad) { /* its memory is not malloc's */
        *out = (uint8_t *)malloc(made_size);
        *out_size = made_size;
        bad = *out ? 0 : -1;
        if (!bad) memcpy(*out, made, made_size);
    }
    tjFree(made);
    if (handle) tjDestroy(handle);
    return bad;
}

int jpeg_transform(const uint8_t *bytes, size_t size, const gmlp_geometry *g, uint8_t **out, size_t *out_size) {
    static const int turns[] = { TJXOP_NONE, TJXOP_HFLIP, TJXOP_ROT180, TJXOP_VFLIP, TJXOP_TRANSPOSE, TJXOP_ROT90,
                                 TJXOP_TRANSVERSE, TJXOP_ROT270 };
    tjtransform cut, turn;
    uint8_t *part = NULL;
    size_t part_size;
    int bad;
    memset(&cut, 0, sizeof cut);
    memset(&turn, 0, sizeof turn);
    cut.r.x = (int)g->x;
    cut.r.y = (int)g->y;
    cut.r.w = (int)g->width;
    cut.r.h = (int)g->height;
    cut.options = TJXOPT_CROP | TJXOPT_COPYNONE;
    turn.op = turns[g->orientation > 1 ? g->orientation - 1 : 0];
    turn.options = TJXOPT_PERFECT | TJXOPT_COPYNONE;
    if (!g->width) return step(bytes, size, &turn, out, out_size);
    bad = step(bytes, size, &cut, &part, &part_size);
    if (!bad) bad = step(part, part_size, &turn, out, out_size);
    free(part);
    return bad;
}

#endif
