/* Picture files: what is on disk to pixels in memory and back, with what the numbers mean. */
#ifndef PICTURE_H
#define PICTURE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gamutmlp.h"
#include "pictures/metadata.h"

#define PICTURE_NOTES 512

typedef struct picture {
    gmlp_image image;       /* pixels, owned; 3 channels, packed */
    uint8_t *alpha;         /* owned, a code a pixel, packed; the colours are not multiplied by it. NULL: all opaque */
    const char *space_from; /* what said the colour space: "--from", "cICP", "ICC profile", "sRGB chunk",
                               "gAMA chunk", "TransferFunction", "chromaticities", "EXIF", "camera raw", "assumed" */
    uint8_t *file;          /* the file's bytes, owned, when keep_file was asked; NULL of formats in whose files a
                               command looks for no more than the picture: TIFF, EXR, JPEG XL, raws and such */
    size_t file_size;
    picture_metadata metadata; /* owned */
    int orientation; /* how the pixels are to be turned to be upright: 1 (not at all) to 8, as EXIF and TIFF have it */
    char notes[PICTURE_NOTES]; /* what the user should know, a sentence a line: lost alpha, a missing end */
    char left[PICTURE_NOTES];  /* the same of what only the file itself keeps: what lies behind the picture */
} picture;

/* Reads PNG, JPEG, TIFF, EXR, HEIC, AVIF, JPEG XL, Radiance HDR, PPM, KTX2 and camera raws by content; grey and
   palettes become RGB.
   from_space: GMLP_SPACE_NONE, or what the numbers are whatever the file says; GMLP_SYCC: the Y'CbCr of a JPEG that
   has it, else a failure. A profile that is none of the library's spaces is converted to ROMM with Little-CMS. 0, or
   -1 and a text that names file and reason. */
int picture_read(const char *path, int from_space, int keep_file, picture *out, char error[256]);
int picture_read_memory(const void *bytes, size_t size, const char *name, int from_space, picture *out,
                        char error[256]);
/* For a program, once: from here on libraries that read TIFF, EXR, HEIC, AVIF, JPEG XL and camera raws do it in a
   process of their own, so that their crash is an error like any other. No thread may be at work meanwhile. */
void picture_read_apart(void);
/* What a JPEG, PNG or KTX2 says beside its pixels alone: metadata, orientation, notes. */
int picture_read_metadata(const void *bytes, size_t size, const char *name, picture *out, char error[256]);
void picture_free(picture *p);
/* The formats that this build lacks, one an index from 0 on, with the library that would bring each; NULL ends them. */
const char *picture_lacks(int index);
/* Pixels are read as they are stored. Turns them as an orientation from 1 to 8 says, or as the picture's own, which is
   then 1; or lays upright pixels as they would be stored under one. 0, or -1: no memory. */
int picture_turn(picture *p, int orientation, char error[256]);
int picture_upright(picture *p, char error[256]);
int picture_lay(picture *p, int orientation, char error[256]);
/* An image of 4 channels becomes one of 3, with its alpha in p->alpha, if that is not opaque. 0, or -1: no memory. */
int picture_split_alpha(picture *p);
/* The notes on stderr, as "gamutmlp COMMAND: note: NAME: sentence"; alpha that is still there is left out, they say. */
void picture_tell(const picture *p, const char *command, const char *name);
/* So what is left behind, for commands that write the picture anew. */
void picture_tell_left(const picture *p, const char *command, const char *name);

enum { PICTURE_444 = 0, PICTURE_420 = 1, PICTURE_422 = 2 }; /* chroma of a JPEG */
typedef struct picture_write_opts {
    int quality;   /* JPEG; 0: 95 */
    int subsample; /* JPEG */
    int bits;      /* AVIF: 10 or 12; 0: 10 */
    const picture_metadata *metadata; /* NULL: none. What the file has no place for (picture_metadata_fit) is not in it;
                                         its orientation, size and colour space become those of the pixels */
    int orientation;                  /* of the pixels, which PNG, JPEG and TIFF say; 0: upright, as others must be */
    const uint8_t *alpha;             /* of an image of 3 channels, as of picture; NULL: none */
} picture_write_opts;

/* Does a file of this name get metadata, and the orientation with them? */
int picture_says_orientation(const char *path);
/* Frees the metadata that a file of this name has no place for, and says so in p->left: EXR and PPM get none at all,
   JPEG XL and AVIF no IPTC, a JPEG 64 KB for each. */
void picture_metadata_fit(picture *p, const char *path);

/* Writes by the name's extension: PNG (8, 16 bit), TIFF (8, 16 bit, half, float), EXR (half, float), JPEG XL (8, 16
   bit, float; the whole picture in memory), AVIF (from 16 bit; likewise), JPEG (8 bit), KTX2 (8 bit; likewise),
   PPM (8, 16 bit). The file says
   its space: an ICC profile, an sRGB or cICP chunk, chromaticities. GMLP_SYCC is for JPEG alone, which then says sRGB:
   that is what it looks like. A fourth channel, or opts' alpha, goes into PNG, TIFF, EXR, JPEG XL, AVIF and KTX2: as it
   is, but in EXR, whose colours are multiplied by it. opts may be NULL. */
int picture_write(const char *path, const gmlp_image *image, const picture_write_opts *opts, char error[256]);
/* JPEG, PNG or KTX2 (gmlp_container) into memory; the caller frees. */
int picture_encode_memory(int container, const gmlp_image *image, const picture_write_opts *opts, uint8_t **bytes,
                          size_t *size, char error[256]);

/* A JPEG by an encoder of our own, that comes nearer in linear light than libjpeg's with as many bytes: jpeg_fine.c. */
typedef struct picture_fine_opts {
    int subsample;
    double steps;         /* size of the steps of quantisation; libjpeg's are 0.1 at quality 95, 0.2 at 90, 1 at 50 */
    gmlp_threads threads; /* the file is the same on any */
    const picture_metadata *metadata; /* as of picture_write_opts */
} picture_fine_opts;
/* image: GMLP_U8, packed, GMLP_SRGB or GMLP_SYCC. The caller frees. */
int picture_encode_fine(const gmlp_image *image, const picture_fine_opts *opts, uint8_t **bytes, size_t *size,
                        char error[256]);

/* A JPEG cut and turned (not resized) with all of its coefficients, and with this metadata alone; like: its size and
   space then. 0; 1: it does not go without a loss, as a part's corner or an edge is within a block, or in this build;
   -1 and a text. The caller frees. */
int picture_transform(const void *jpeg, size_t jpeg_size, const gmlp_geometry *geometry, const gmlp_image *like,
                      const picture_metadata *metadata, uint8_t **bytes, size_t *size, char error[256]);

/* Resizes light, from the top on: packed rows of width pixels, height of them in all, into the pixels of to (GMLP_F32,
   packed), which are complete after the last row. With 4 channels, to's number, each pixel's colour counts as much as
   its alpha. NULL: no memory. */
typedef struct picture_resizer picture_resizer;
picture_resizer *picture_resizer_open(uint32_t width, uint32_t height, const gmlp_image *to);
void picture_resizer_rows(picture_resizer *r, const float *rows, uint32_t count);
void picture_resizer_close(picture_resizer *r);

/* The same row by row. */

/* 8-bit rows of a PNG, JPEG or KTX2 in memory, from the top on; bytes must stay. space: GMLP_SYCC for the Y'CbCr of a
   JPEG, else they are RGB, as the file has it. Interlaced and progressive files take memory for the whole picture. */
typedef struct picture_rows picture_rows;
picture_rows *picture_rows_open(const void *bytes, size_t size, const char *name, int space, uint32_t *width,
                                uint32_t *height, char error[256]);
/* Asks for alpha as a fourth channel, if the picture has it, before any row is read. The channels that rows have: 4, or
   3. */
int picture_rows_alpha(picture_rows *r);
int picture_rows_read(picture_rows *r, void *rows, uint32_t count, char error[256]);
void picture_rows_close(picture_rows *r);

/* Packed rows of 3 channels, or with alpha of 4, into a file; like says size, type, channels and space, its data is not
   used. An EXR's file must allow seeking. picture_sink_end must follow on success as on failure; its result counts. */
typedef struct picture_sink picture_sink;
picture_sink *picture_sink_open(const char *path, FILE *file, const gmlp_image *like, const picture_write_opts *opts,
                                char error[256]);
int picture_sink_rows(picture_sink *s, const void *rows, uint32_t count, char error[256]);
int picture_sink_end(picture_sink *s, int failed, char error[256]);
/* The form of a space without its curve, in which EXR files are written. */
int picture_linear_space(int space);
int picture_holds_alpha(const char *path); /* Does a file of this name? */
/* NULL, or why a file of this name cannot hold samples of this type. */
const char *picture_cannot_hold(const char *path, int type);

#endif
