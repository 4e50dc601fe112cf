/* What the file formats offer to picture.c. Reasons are texts without the file's name. */
#ifndef PICTURE_FORMATS_H
#define PICTURE_FORMATS_H

#include "pictures/picture.h"
#include "shell/apart.h"

#define REASON 160

/* What a file says its numbers are, which color.c decides on, and what the user should know of it. Zero: nothing
   said. */
typedef struct picture_facts {
    uint8_t cicp[4];         /* has_cicp */
    int has_cicp, srgb;      /* a cICP chunk; an sRGB chunk */
    int exif_space;          /* gmlp_space that EXIF means, or EXIF_OTHER_SPACE */
    int orientation;         /* EXIF's or TIFF's, 1 to 8; 0: not said */
    double gamma;            /* exponent from code to light; NAN: damaged */
    int gamma_by;            /* GAMMA_BY_FORMAT (as light has 1), ..._CHUNK, ..._CURVE, ..._CICP */
    double xy[8];            /* red, green, blue, white; has_xy */
    int has_xy;
    uint8_t *icc;            /* owned */
    size_t icc_size;
    uint8_t *alpha;          /* owned, as of picture; all opaque is none */
    char icc_fault[REASON];  /* why a profile that is in the file could not be taken out of it */
    int space;               /* gmlp_space that the reader made of it, as said_by says; 0: the rest tells */
    int said_by;
    int metadata;            /* PICTURE_HAS_...: what is there */
    picture_metadata carried; /* owned; what of that could be taken */
    char notes[PICTURE_NOTES];
    char left[PICTURE_NOTES];
} picture_facts;
enum { GAMMA_BY_FORMAT, GAMMA_BY_CHUNK, GAMMA_BY_CURVE, GAMMA_BY_CICP };
enum { SAID_BY_PROFILE, SAID_BY_RAW, SAID_BY_KTX2, SAID_BY_COUNT };
#define PROFILE_MOST ((size_t)256 << 20) /* bytes of an ICC profile that another process read */
#define EXIF_OTHER_SPACE (-1) /* "uncalibrated", without an option that says more */
enum {
    PICTURE_HAS_EXIF = 1 << METADATA_EXIF, PICTURE_HAS_IPTC = 1 << METADATA_IPTC, PICTURE_HAS_XMP = 1 << METADATA_XMP
};

/* Adds one sentence, without the file's name and a full stop: what of the file is left out, or was taken in spite of a
   fault. One that is there already, or has no room, is not added. */
void picture_note(char notes[PICTURE_NOTES], const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/* Memory for an image's packed rows; sets stride to 0. 0, or -1 and a reason. */
int image_allocate(gmlp_image *image, char reason[REASON]);
/* Room in it for samples of a type that is not smaller: its pixels stay as they are, at the beginning. For what goes
   from the last to the first, so that no second picture is needed. */
int image_make_room(gmlp_image *image, int type, char reason[REASON]);
/* Of formats that can make much of few bytes: how many pixels a picture in so many bytes may have; and has it? */
uint64_t pixels_in_proportion(size_t size);
int image_in_proportion(int64_t width, int64_t height, size_t size, char reason[REASON]);
void plain_text(char *text); /* of a stranger's text what a terminal can be shown */
int picture_keep_icc(picture_facts *color, const void *bytes, size_t size);

/* Takes a copy of metadata, if it is the first of its kind and sound. */
void picture_keep_metadata(picture_facts *facts, int kind, const void *bytes, size_t size);
/* Takes the resolution, if none is known yet: pixels a unit, of which there are so many to an inch. Or an EXIF's. */
void picture_keep_resolution(picture_facts *facts, double x, double y, double units_per_inch);
struct tiff_bytes;
void exif_read_resolution(const struct tiff_bytes *f, uint64_t directory, picture_facts *facts);
#define METRES_PER_INCH 0.0254
/* Notes what is there and was not taken. */
void metadata_note_left(picture_facts *facts);
/* A copy (from: NULL, of none) that says of orientation, size and space what is true of such an image. 0, or -1: no
   memory. */
int metadata_adapt(picture_metadata *to, const picture_metadata *from, const gmlp_image *like, int orientation);

/* Empties the thumbnails in a packet, which keeps its length. */
void xmp_forget_thumbnails(uint8_t *packet, size_t size);

/* What an Exif block, a TIFF structure, says of space and orientation. Of a damaged one, what can be read. */
void exif_read(const uint8_t *bytes, size_t size, picture_facts *facts);
/* Makes it say what is true of such an image, as far as it tells of that; a thumbnail that shows another one goes. */
void exif_adapt(uint8_t *bytes, size_t size, const gmlp_image *like, int orientation);
/* Takes its thumbnail out. */
void exif_forget_thumbnail(uint8_t *bytes, size_t size);
/* A block that says nothing but the orientation. */
#define EXIF_LEAST 26
void exif_least(uint8_t bytes[EXIF_LEAST], int orientation);

typedef int picture_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *color,
                         char reason[REASON]);
picture_load png_load, jpeg_load, tiff_load, exr_load, pnm_load, heif_load, jxl_load, radiance_load,
    ktx2_load;
picture_load jpeg_load_sycc; /* Y'CbCr */
picture_load raw_load;
/* As load gives it, which runs in a process of its own (shell/apart.h) within these bounds; prepare: what it does
   before, or NULL. kind: "EXR files", for reasons. spare: NULL, or the bytes' memory, which is freed here, and NULL
   then, as soon as that process has it. */
int load_apart(picture_load *load, void (*prepare)(void), const char *kind, const apart_bounds *bounds,
               const uint8_t *bytes, size_t size, uint8_t **spare, gmlp_image *image, picture_facts *facts,
               char reason[REASON]);
apart_bounds reading_bounds(size_t size); /* of a file of so many bytes */
/* A file's bytes, which the caller frees; 0, or -1 and a reason. save_apart has them made in a process of its own, of
   what lies in memory here, or here if there is no process, and writes them to file; kind: "AVIF", for reasons. */
typedef int picture_make(void *user, uint8_t **bytes, size_t *size, char reason[REASON]);
int save_apart(picture_make *make, void *user, const char *kind, uint64_t pixels, FILE *file, char reason[REASON]);
void heif_prepare(void); /* finds the decoders where they are files of their own; they stay until the program ends */
/* What a file says beside its pixels. */
typedef int picture_look(const uint8_t *bytes, size_t size, picture_facts *facts, char reason[REASON]);
picture_look png_look, jpeg_look, ktx2_look;

/* NULL, or what this build lacks, with the library that would bring it. */
extern const char *const exr_missing, *const heif_missing, *const raw_missing, *const jxl_missing, *const avif_missing,
    *const transform_missing, *const zstd_missing;
/* Readers and writers that stand for the missing ones, and say so by text. */
#define MISSING_READER(name, text) \
    int name(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) { \
        (void)bytes, (void)size, (void)image, (void)facts; \
        snprintf(reason, REASON, text); \
        return -1; \
    }
#define MISSING_WRITER(name, text) \
    picture_sink *name(FILE *file, const gmlp_image *like, const picture_write_opts *opts, const uint8_t *icc, \
                       size_t icc_size, char reason[REASON]) { \
        (void)file, (void)like, (void)opts, (void)icc, (void)icc_size; \
        snprintf(reason, REASON, text); \
        return NULL; \
    }

/* "a HEIC picture", "an AVIF picture"; NULL if it is neither. */
const char *heif_name(const uint8_t *bytes, size_t size);
int is_jxl(const uint8_t *bytes, size_t size);
int is_ktx2(const uint8_t *bytes, size_t size);
int is_radiance(const uint8_t *bytes, size_t size);
int is_camera_raw(const uint8_t *bytes, size_t size); /* by its first bytes */
/* Where the directory of the picture begins among a TIFF's pages, previews and masks; notes on what is left out. 0, or
   TIFF_IS_RAW, or -1 and a reason: more than one page might be the picture. */
#define TIFF_IS_RAW 1
int tiff_find_picture(const uint8_t *bytes, size_t size, uint64_t *directory, picture_facts *facts,
                      char reason[REASON]);

/* Memory for alpha of such an image. 0, or -1 and a reason. */
int alpha_allocate(picture_facts *facts, const gmlp_image *image, char reason[REASON]);
/* n packed samples of a gmlp_type as codes; what is no number is opaque. */
void alpha_codes(int type, const void *alpha, size_t n, uint8_t *codes);
/* Codes into the fourth channel of n packed pixels. */
void alpha_put(int type, const uint8_t *codes, size_t n, void *rgba);
/* Premultiplies n packed pixels of 4 channels, halves or floats. */
void alpha_multiply(int type, void *rgba, size_t n);
/* n packed RGB pixels, premultiplied with their alpha (n packed samples of the same gmlp_type), as they are without it:
   divided where alpha is above 0. Where it is 0 the colour stays: light without a body, as fire and glints have it.
   Integers are rounded and end at full; alpha that is not a number, infinite or negative divides nothing. */
void alpha_divide(int type, void *rgb, const void *alpha, size_t n);

/* "a GIF picture": what a file is that none of these can read, or is not what was asked for; NULL if it is not known
   either. */
const char *foreign_format(const uint8_t *bytes, size_t size);

/* A JPEG picture's codes, 0..1, before they are rounded to 8-bit RGB. Subsampled colour is repeated, not smoothed. */
int jpeg_load_float(const uint8_t *bytes, size_t size, gmlp_image *image, char reason[REASON]);
picture_rows *jpeg_rows_open_float(const uint8_t *bytes, size_t size, char reason[REASON]);

/* Row readers and writers put these first in their own structures. */
struct picture_rows {
    int (*read)(picture_rows *r, uint8_t *rows, uint32_t count, char reason[REASON]);
    void (*close)(picture_rows *r);
    int (*with_alpha)(picture_rows *r); /* as picture_rows_alpha; NULL: there is none */
    uint32_t width, height;
    const char *name;
};
picture_rows *png_rows_open(const uint8_t *bytes, size_t size, char reason[REASON]);
picture_rows *jpeg_rows_open(const uint8_t *bytes, size_t size, char reason[REASON]);
picture_rows *ktx2_rows_open(const uint8_t *bytes, size_t size, char reason[REASON]);
picture_rows *jpeg_rows_open_sycc(const uint8_t *bytes, size_t size, char reason[REASON]);

struct picture_sink {
    int (*rows)(picture_sink *s, const uint8_t *rows, uint32_t count, char reason[REASON]);
    int (*end)(picture_sink *s, int failed, char reason[REASON]); /* frees s */
    FILE *file;
    gmlp_image like;
    const char *name;
};
typedef picture_sink *picture_sink_maker(FILE *file, const gmlp_image *like, const picture_write_opts *opts,
                                         const uint8_t *icc, size_t icc_size, char reason[REASON]);
picture_sink_maker png_sink_open, jpeg_sink_open, tiff_sink_open, exr_sink_open, pnm_sink_open, jxl_sink_open,
    avif_sink_open, ktx2_sink_open;

/* Packed 8-bit rows of 3 channels, or of 1, whatever the image says, without a word on their colour. */
int jpeg_save_bare(FILE *file, const gmlp_image *image, int channels, const picture_write_opts *opts,
                   char reason[REASON]);

/* A JPEG as quantised coefficients, blocks of 64 in rows and columns. Chroma's blocks are those of as many samples as
   subsample leaves, rounded up. */
typedef struct jpeg_blocks {
    uint32_t width, height;       /* of the picture */
    int subsample;
    unsigned int steps[2][64];    /* of luma, of chroma */
    uint32_t wide[3], high[3];    /* blocks of Y', Cb, Cr */
    int16_t **rows[3];            /* rows of blocks, zero at first: libjpeg's own memory, as a copy of large pictures is
                                     too much */
} jpeg_blocks;
/* Begins a file of such blocks, of which width to steps are set; gives the rest. NULL and a reason: it cannot be. */
typedef struct block_writer block_writer;
block_writer *jpeg_blocks_open(FILE *file, jpeg_blocks *blocks, const picture_metadata *metadata, const uint8_t *icc,
                               size_t icc_size, char reason[REASON]);
/* Writes them, unless something failed, and frees all. */
int jpeg_blocks_end(block_writer *w, int failed, char reason[REASON]);
int jpeg_save_fine(FILE *file, const gmlp_image *image, const picture_fine_opts *opts, const uint8_t *icc,
                   size_t icc_size, char reason[REASON]);

/* The same compressed picture in a file of its own, which says these things and no more. */
int jpeg_save_again(FILE *file, const uint8_t *bytes, size_t size, const picture_metadata *metadata,
                    const uint8_t *icc, size_t icc_size, char reason[REASON]);
/* Whole blocks of a JPEG cut and turned (not resized) into a file that says nothing else; the caller frees. 0; 1: it
   does not go without a loss, or not at all; -1: no memory. */
int jpeg_transform(const uint8_t *bytes, size_t size, const gmlp_geometry *g, uint8_t **out, size_t *out_size);

/* "no space left on device" and the like after a failed write. */
void write_reason(char reason[REASON]);

/* cICP and chromaticities of a space. */
int cicp_of_space(int space, uint8_t cicp[4]); /* 1 if there is one */
int space_of_cicp(const uint8_t cicp[4]);      /* GMLP_SPACE_NONE if unknown */
void xy_of_space(int space, double xy[8]);
/* An ICC profile's bytes; NULL when out of memory. The caller frees. */
uint8_t *icc_of_space(int space, size_t *size);

/* Sets the space of a picture that was read, and what said so; converts what is in none of the library's spaces.
   from_space overrules the file. Notes go to color's. */
int decide_space(picture *p, picture_facts *color, int from_space, char reason[REASON]);

#endif
