/* AVIF pictures out, with libavif; heif.c reads them. RGB, not YCbCr, of 10 or 12 bits, and without loss but for their
   rounding. Spaces with code points say those, others their ICC profile. Large pictures are a grid of cells, as the
   encoder takes some 40 bytes for each pixel of what it encodes at once. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pictures/formats.h"

#ifdef __has_include
#if __has_include(<avif/avif.h>)
#define AVIF_FOUND
#endif
#endif

#ifndef AVIF_FOUND

const char *const avif_missing = "writing AVIF (libavif)";

MISSING_WRITER(avif_sink_open, "this build writes no AVIF: libavif is missing")

#else

#include <avif/avif.h>

const char *const avif_missing = NULL;

/* The most pixels that are no grid; a cell's width and height, if they can be; the most pixels of one. */
enum { WHOLE = 1 << 24, CELL = 2048, CELL_MOST = 1 << 25 };

/* The whole picture becomes a file when its last row is there; rows are converted as they come. */
typedef struct avif_sink {
    picture_sink base;
    avifImage *image;
    uint32_t done;
} avif_sink;

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

static int is_whole(uint32_t width, uint32_t height) { return (uint64_t)width * height <= WHOLE; }

/* How many cells so many pixels are divided into. Before version 1 libavif gives the last ones, if they are smaller,
   other code points than the rest, which readers refuse. */
static uint32_t cells_of(uint32_t pixels) {
    uint32_t count = (pixels - 1) / CELL + 1;
#if AVIF_VERSION < 1000000
    while (count > 1 && pixels % count && pixels / count > 64) count++;
    /* checked: count is 1 at least */
    if (pixels % count) count = 1;
#endif
    return count;
}

/* A rectangle of the picture as a picture of its own, in the same memory. */
static avifImage part_of(const avif_sink *s, uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
    avifImage part = *s->image;
    int c;
    part.width = width;
    part.height = height;
    for (c = 0; c < 3; c++) part.yuvPlanes[c] += (size_t)y * part.yuvRowBytes[c] + (size_t)x * 2;
    if (part.alphaPlane) part.alphaPlane += (size_t)y * part.alphaRowBytes + (size_t)x * 2;
    return part;
}

static int avif_sink_rows(picture_sink *base, const uint8_t *rows, uint32_t count, char reason[REASON]) {
    avif_sink *s = (avif_sink *)(void *)base;
    avifImage part = part_of(s, 0, s->done, base->like.width, count);
    avifRGBImage rgb;
    avifResult status;
    avifRGBImageSetDefaults(&rgb, &part);
    rgb.format = part.alphaPlane ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
    rgb.depth = 16;
    rgb.pixels = (uint8_t *)(uintptr_t)rows; /* only read */
    rgb.rowBytes = base->like.width * (part.alphaPlane ? 8 : 6);
    status = avifImageRGBToYUV(&part, &rgb);
    s->done += count;
    if (status == AVIF_RESULT_OK) return 0;
    snprintf(reason, REASON, "AVIF: %s", avifResultToString(status));
    return -1;
}

/* All of one size, but for the last ones of rows and columns, if there libavif can have that. */
static avifResult encode_cells(avifEncoder *encoder, const avif_sink *s, avifRWData *made) {
    const uint32_t width = s->image->width, height = s->image->height;
    const uint32_t columns = cells_of(width), rows = cells_of(height), count = columns * rows;
    const uint32_t cell_width = (width - 1) / columns + 1, cell_height = (height - 1) / rows + 1;
    avifImage *cells = (avifImage *)malloc(count * sizeof *cells);
    const avifImage **list = (const avifImage **)malloc(count * sizeof *list);
    avifResult status = AVIF_RESULT_UNKNOWN_ERROR;
    uint32_t i;
    if (cells && list) {
        for (i = 0; i < count; i++) {
            const uint32_t x = i % columns * cell_width, y = i / columns * cell_height;
            cells[i] = part_of(s, x, y, smaller(cell_width, width - x), smaller(cell_height, height - y));
            list[i] = &cells[i];
        }
        status = avifEncoderAddImageGrid(encoder, columns, rows, list, AVIF_ADD_IMAGE_FLAG_SINGLE);
    }
    free(cells);
    free(list);
    return status == AVIF_RESULT_OK ? avifEncoderFinish(encoder, made) : status;
}

static int encode(avif_sink *s, char reason[REASON]) {
    const int whole = is_whole(s->image->width, s->image->height);
    avifEncoder *encoder = avifEncoderCreate();
    avifRWData made = AVIF_DATA_EMPTY;
    avifResult status = AVIF_RESULT_UNKNOWN_ERROR;
    int bad;
    if (encoder) {
        encoder->minQuantizer = encoder->maxQuantizer = AVIF_QUANTIZER_LOSSLESS;
        encoder->minQuantizerAlpha = encoder->maxQuantizerAlpha = AVIF_QUANTIZER_LOSSLESS;
        encoder->speed = 9; /* 8 takes two or three times as long for 7 % of the size */
        encoder->maxThreads = (int)sysconf(_SC_NPROCESSORS_ONLN);
        status = whole ? avifEncoderWrite(encoder, s->image, &made) : encode_cells(encoder, s, &made);
        avifEncoderDestroy(encoder);
    }
    bad = status != AVIF_RESULT_OK;
    if (bad) snprintf(reason, REASON, "AVIF: %s", avifResultToString(status));
    else if (fwrite(made.data, 1, made.size, s->base.file) != made.size) {
        write_reason(reason);
        bad = 1;
    }
    avifRWDataFree(&made);
    return bad ? -1 : 0;
}

static void avif_free(avif_sink *s) {
    if (s->image) avifImageDestroy(s->image);
    free(s);
}

static int avif_sink_end(picture_sink *base, int failed, char reason[REASON]) {
    avif_sink *s = (avif_sink *)(void *)base;
    const int bad = failed || encode(s, reason);
    avif_free(s);
    return bad ? -1 : 0;
}

static void set_color(avif_sink *s, const uint8_t *icc, size_t icc_size) {
    uint8_t cicp[4];
    if (cicp_of_space(s->base.like.space, cicp)) {
        s->image->colorPrimaries = cicp[0];
        s->image->transferCharacteristics = cicp[1];
    } else {
        s->image->colorPrimaries = AVIF_COLOR_PRIMARIES_UNSPECIFIED;
        s->image->transferCharacteristics = AVIF_TRANSFER_CHARACTERISTICS_UNSPECIFIED;
        avifImageSetProfileICC(s->image, icc, icc_size);
    }
    s->image->matrixCoefficients = AVIF_MATRIX_COEFFICIENTS_IDENTITY;
    s->image->yuvRange = AVIF_RANGE_FULL;
}

/* 0, or -1: no memory. */
static int set_metadata(avifImage *image, const picture_metadata *m) {
    const metadata_block *exif = &m->blocks[METADATA_EXIF], *xmp = &m->blocks[METADATA_XMP];
    if (exif->bytes) avifImageSetMetadataExif(image, exif->bytes, exif->size);
    if (xmp->bytes) avifImageSetMetadataXMP(image, xmp->bytes, xmp->size);
    return image->exif.size < exif->size || image->xmp.size < xmp->size ? -1 : 0;
}

picture_sink *avif_sink_open(FILE *file, const gmlp_image *like, const picture_write_opts *opts, const uint8_t *icc,
                             size_t icc_size, char reason[REASON]) {
    const uint32_t columns = cells_of(like->width), rows = cells_of(like->height);
    avif_sink *s;
    if (!is_whole(like->width, like->height) &&
        (uint64_t)(like->width / columns) * (like->height / rows) > CELL_MOST) {
        snprintf(reason, REASON,
                 "%u x %u pixels cannot be divided into cells, and would take %.0f GB of memory at once; crop a row or a "
                 "column", like->width, like->height, (double)like->width * like->height * 48e-9);
        return NULL;
    }
    s = (avif_sink *)calloc(1, sizeof *s);
    snprintf(reason, REASON, "%u x %u pixels are too many for the memory", like->width, like->height);
    if (!s) return NULL;
    s->base.rows = avif_sink_rows;
    s->base.end = avif_sink_end;
    s->base.file = file;
    s->base.like = *like;
    s->image = avifImageCreate(like->width, like->height, opts->bits ? (uint32_t)opts->bits : 10,
                               AVIF_PIXEL_FORMAT_YUV444);
    if (s->image) {
        set_color(s, icc, icc_size);
        avifImageAllocatePlanes(s->image, AVIF_PLANES_YUV | (like->channels == 4 ? AVIF_PLANES_A : 0));
        if (s->image->yuvPlanes[0] && s->image->yuvPlanes[1] && s->image->yuvPlanes[2] &&
            (like->channels != 4 || s->image->alphaPlane) && !set_metadata(s->image, opts->metadata) &&
            (s->image->icc.size || s->image->colorPrimaries != AVIF_COLOR_PRIMARIES_UNSPECIFIED))
            return &s->base;
    }
    avif_free(s);
    return NULL;
}

#endif
