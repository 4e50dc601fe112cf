/* What OpenEXR's C++ library is asked for: to undo DWA, which its C library 3.1.5 cannot. */
#ifndef EXR_DWA_H
#define EXR_DWA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the samples of a channel go. */
typedef struct dwa_plane {
    const char *channel;
    int half;         /* of samples in memory, else float */
    int sampling;     /* one sample each so many columns and rows */
    void *to;         /* the data window's first one */
    size_t step, row; /* bytes from sample to sample and row to row */
} dwa_plane;

/* Channels of a part, each named once, over all of its data window; of tiles the full resolution. 0, or -1 and a
   text of at most room bytes. */
int exr_undo_dwa(const uint8_t *bytes, size_t size, int part, const dwa_plane *planes, int count, char *reason,
                 size_t room);

#ifdef __cplusplus
}
#endif

#endif
