/* Pictures with a gain map. Reading gives the SDR base and the HDR rendition: of JPEG files by Ultra HDR, ISO 21496-1
   and Apple's kind, of HEIC and AVIF files by the latter two. Writing puts a gain map behind a JPEG base. */
#ifndef ULTRAHDR_H
#define ULTRAHDR_H

#include <math.h>

#include "gainmap/container.h"
#include "pictures/picture.h"

typedef struct ultrahdr_picture {
    picture base;   /* as picture_read gives it; of a JPEG 8 bits */
    gmlp_image hdr; /* GMLP_F32, linear, 1.0 = SDR white; pixels owned. In the base's primaries unless the file asks
                       for others; not clamped */
    ultrahdr_metadata metadata;
    uint32_t map_width, map_height;
} ultrahdr_picture;

/* headroom: of the display, log2 of its peak over SDR white; INFINITY: all that the file has. 0, or -1 and a text that
   names file and reason; for files without a gain map too. */
int ultrahdr_read(const char *path, double headroom, ultrahdr_picture *out, char error[256]);
int ultrahdr_read_memory(const void *bytes, size_t size, const char *name, double headroom, ultrahdr_picture *out,
                         char error[256]);
void ultrahdr_free(ultrahdr_picture *p);

/* The base's own JPEG file, without what tells of a gain map and of pictures behind it; of any JPEG picture. The caller
   frees. 0, or -1 and a text. */
int ultrahdr_base(const void *bytes, size_t size, const char *name, uint8_t **base, size_t *base_size, char error[256]);

typedef struct ultrahdr_write_opts {
    int scale;    /* width and height of the base over the map's, 1..128; 0: 1 */
    int channels; /* 3, or 1: the gain of luminance; 0: 3 */
    int quality;  /* of the map's JPEG; 0: 95 */
} ultrahdr_write_opts;

/* One file of the base's JPEG bytes, which may carry a network, and the gain that makes of its pixels, as they decode,
   the HDR picture. hdr: same size, any space and type; light below 0 in the base's primaries is taken as 0. Opts may be
   NULL. The caller frees. */
int ultrahdr_encode(const void *base, size_t base_size, const gmlp_image *hdr, const ultrahdr_write_opts *opts,
                    uint8_t **file, size_t *size, char error[256]);
/* The same in portions, as such pictures are large: of the HDR picture's rows, packed, from the first to the last.
   like: its size, type, channels and space. base stays until the end, which frees all, and makes nothing if something
   failed. */
typedef struct ultrahdr_making ultrahdr_making;
ultrahdr_making *ultrahdr_begin(const void *base, size_t base_size, const gmlp_image *like,
                                const ultrahdr_write_opts *opts, char error[256]);
int ultrahdr_rows(ultrahdr_making *m, const void *rows, uint32_t count, char error[256]);
int ultrahdr_end(ultrahdr_making *m, int failed, uint8_t **file, size_t *size, char error[256]);

/* The same for a base of 8-bit pixels, which are first made a JPEG picture in their space, into a file. */
int ultrahdr_write(const char *path, const gmlp_image *base, const picture_write_opts *base_opts, const gmlp_image *hdr,
                   const ultrahdr_write_opts *opts, char error[256]);

#endif
