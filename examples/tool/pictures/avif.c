/* AVIF pictures out, with libavif; heif.c reads them. RGB, not YCbCr, of 10 or 12 bits, and without loss but for their
   rounding. Spaces with code points say those, others their ICC profile. Large pictures are a grid of cells, as the
   encoder takes some 40 bytes for each pixel of what it encodes at once. libavif and its encoders crash where they find
   no memory, so they are let into a process of their own; what lies here, that has too. */
#include <stdlib.h>
#include <string.h>

#include "pictures/formats.h"
#include "shell/pool.h"

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
    uint16_t *samples; /* planes: green, blue, red, which stand for Y', Cb, Cr, and alpha */
    int bits;
    uint8_t *icc;
    size_t icc_size;
    picture_metadata metadata;
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

static int avif_sink_rows(picture_sink *base, const uint8_t *rows, uint32_t count, char reason[REASON]) {
    static const size_t plane[4] = { 2, 0, 1, 3 };
    avif_sink *s = (avif_sink *)(void *)base;
    const size_t channels = base->like.channels == 4 ? 4 : 3, all = (size_t)base->like.width * base->like.height;
    const size_t first = (size_t)s->done * base->like.width, n = (size_t)count * base->like.width;
    const uint32_t full = (1u << s->bits) - 1;
    size_t i, c;
    (void)reason;
    for (c = 0; c < channels; c++) {
        uint16_t *to = s->samples + plane[c] * all + first;
        for (i = 0; i < n; i++) {
            uint16_t v;
            memcpy(&v, rows + 2 * (i * channels + c), 2);
            to[i] = (uint16_t)((v * full + 32767) / 65535);
        }
    }
    s->done += count;
    return 0;
}

/* In the other process, if there is one. */

static void set_color(const avif_sink *s, avifImage *image) {
    uint8_t cicp[4];
    if (cicp_of_space(s->base.like.space, cicp)) {
        image->colorPrimaries = cicp[0];
        image->transferCharacteristics = cicp[1];
    } else {
        image->colorPrimaries = AVIF_COLOR_PRIMARIES_UNSPECIFIED;
        image->transferCharacteristics = AVIF_TRANSFER_CHARACTERISTICS_UNSPECIFIED;
        avifImageSetProfileICC(image, s->icc, s->icc_size);
    }
    image->matrixCoefficients = AVIF_MATRIX_COEFFICIENTS_IDENTITY;
    image->yuvRange = AVIF_RANGE_FULL;
}

/* The picture, in the sink's memory; NULL: no memory. */
static avifImage *whole(const avif_sink *s) {
    const gmlp_image *like = &s->base.like;
    const size_t all = (size_t)like->width * like->height;
    const metadata_block *exif = &s->metadata.blocks[METADATA_EXIF], *xmp = &s->metadata.blocks[METADATA_XMP];
    avifImage *image = avifImageCreate(like->width, like->height, (uint32_t)s->bits, AVIF_PIXEL_FORMAT_YUV444);
    int c;
    if (!image) return NULL;
    for (c = 0; c < 3; c++) {
        image->yuvPlanes[c] = (uint8_t *)(s->samples + (size_t)c * all);
        image->yuvRowBytes[c] = like->width * 2;
    }
    if (like->channels == 4) {
        image->alphaPlane = (uint8_t *)(s->samples + 3 * all);
        image->alphaRowBytes = like->width * 2;
    }
    set_color(s, image);
    if (exif->bytes) avifImageSetMetadataExif(image, exif->bytes, exif->size);
    if (xmp->bytes) avifImageSetMetadataXMP(image, xmp->bytes, xmp->size);
    if (image->exif.size >= exif->size && image->xmp.size >= xmp->size &&
        (image->icc.size || image->colorPrimaries != AVIF_COLOR_PRIMARIES_UNSPECIFIED))
        return image;
    avifImageDestroy(image);
    return NULL;
}

/* A rectangle of the picture as a picture of its own, in the same memory. */
static avifImage part_of(const avifImage *image, uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
    avifImage part = *image;
    int c;
    part.width = width;
    part.height = height;
    for (c = 0; c < 3; c++) part.yuvPlanes[c] += (size_t)y * part.yuvRowBytes[c] + (size_t)x * 2;
    if (part.alphaPlane) part.alphaPlane += (size_t)y * part.alphaRowBytes + (size_t)x * 2;
    return part;
}

/* All of one size, but for the last ones of rows and columns, if there libavif can have that. */
static avifResult encode_cells(avifEncoder *encoder, const avifImage *image, avifRWData *made) {
    const uint32_t width = image->width, height = image->height;
    const uint32_t columns = cells_of(width), rows = cells_of(height), count = columns * rows;
    const uint32_t cell_width = (width - 1) / columns + 1, cell_height = (height - 1) / rows + 1;
    avifImage *cells = (avifImage *)malloc(count * sizeof *cells);
    const avifImage **list = (const avifImage **)malloc(count * sizeof *list);
    avifResult status = AVIF_RESULT_UNKNOWN_ERROR;
    uint32_t i;
    if (cells && list) {
        for (i = 0; i < count; i++) {
            const uint32_t x = i % columns * cell_width, y = i / columns * cell_height;
            cells[i] = part_of(image, x, y, smaller(cell_width, width - x), smaller(cell_height, height - y));
            list[i] = &cells[i];
        }
        status = avifEncoderAddImageGrid(encoder, columns, rows, list, AVIF_ADD_IMAGE_FLAG_SINGLE);
    }
    free(cells);
    free(list);
    return status == AVIF_RESULT_OK ? avifEncoderFinish(encoder, made) : status;
}

static int encode(void *user, uint8_t **bytes, size_t *size, char reason[REASON]) {
    const avif_sink *s = (const avif_sink *)user;
    avifImage *image = whole(s);
    avifEncoder *encoder = avifEncoderCreate();
    avifRWData made = AVIF_DATA_EMPTY;
    avifResult status = AVIF_RESULT_UNKNOWN_ERROR;
    if (!image || !encoder) snprintf(reason, REASON, "out of memory");
    else {
        encoder->minQuantizer = encoder->maxQuantizer = AVIF_QUANTIZER_LOSSLESS;
        encoder->minQuantizerAlpha = encoder->maxQuantizerAlpha = AVIF_QUANTIZER_LOSSLESS;
        encoder->speed = 9; /* 8 takes two or three times as long for 7 % of the size */
        encoder->maxThreads = pool_processors();
        status = is_whole(image->width, image->height) ? avifEncoderWrite(encoder, image, &made)
                                                       : encode_cells(encoder, image, &made);
        if (status != AVIF_RESULT_OK) snprintf(reason, REASON, "AVIF: %s", avifResultToString(status));
    }
    if (image) avifImageDestroy(image);
    if (encoder) avifEncoderDestroy(encoder);
    *bytes = made.data; /* of malloc; see avifFree */
    *size = made.size;
    return status == AVIF_RESULT_OK ? 0 : -1;
}

/* Here. */

static void avif_free(avif_sink *s) {
    free(s->samples);
    free(s->icc);
    metadata_free(&s->metadata);
    free(s);
}

static int avif_sink_end(picture_sink *base, int failed, char reason[REASON]) {
    avif_sink *s = (avif_sink *)(void *)base;
    const uint64_t pixels = (uint64_t)base->like.width * base->like.height;
    const int bad = failed || save_apart(encode, s, "AVIF", pixels, base->file, reason);
    avif_free(s);
    return bad ? -1 : 0;
}

/* 0, or -1: no memory. */
static int keep(avif_sink *s, const picture_metadata *metadata, const uint8_t *icc, size_t icc_size) {
    int k, bad = 0;
    for (k = 0; k < METADATA_KINDS; k++)
        bad |= metadata_set(&s->metadata, k, metadata->blocks[k].bytes, metadata->blocks[k].size);
    s->icc = (uint8_t *)malloc(icc_size);
    if (!s->icc || bad) return -1;
    memcpy(s->icc, icc, icc_size);
    s->icc_size = icc_size;
    return 0;
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
    s->bits = opts->bits ? opts->bits : 10;
    s->samples = (uint16_t *)malloc((size_t)like->width * like->height * (like->channels == 4 ? 8 : 6));
    if (s->samples && !keep(s, opts->metadata, icc, icc_size)) return &s->base;
    avif_free(s);
    return NULL;
}

#endif
