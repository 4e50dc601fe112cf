#define _POSIX_C_SOURCE 200809L
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

#include "pictures/formats.h"

/* libtiff works on these callbacks, so that reading comes from memory and write errors are seen. */
typedef struct tiff_io {
    const uint8_t *bytes; /* reading */
    uint64_t size, at;
    FILE *file;           /* writing */
    char *reason;
} tiff_io;

static void on_tiff_error(thandle_t handle, const char *module, const char *format, va_list list) {
    tiff_io *io = (tiff_io *)handle;
    int used;
    (void)module;
    if (!io || *io->reason) return; /* the first error is the cause */
    used = snprintf(io->reason, REASON, "TIFF: ");
    vsnprintf(io->reason + used, (size_t)(REASON - used), format, list);
}

/* What libtiff cannot read of a tag it leaves out with a warning; a profile must not vanish like that. */
static void on_tiff_warning(thandle_t handle, const char *module, const char *format, va_list list) {
    char text[REASON];
    tiff_io *io = (tiff_io *)handle;
    (void)module;
    vsnprintf(text, sizeof text, format, list);
    if (io && !*io->reason && strstr(text, "IO error")) snprintf(io->reason, REASON, "TIFF: the file ends too early");
}

static tmsize_t io_read(thandle_t handle, void *to, tmsize_t size) {
    tiff_io *io = (tiff_io *)handle;
    uint64_t n = (uint64_t)size;
    if (io->file) return (tmsize_t)fread(to, 1, (size_t)size, io->file);
    if (io->at >= io->size) return 0;
    if (n > io->size - io->at) n = io->size - io->at;
    memcpy(to, io->bytes + io->at, (size_t)n);
    io->at += n;
    return (tmsize_t)n;
}

static tmsize_t io_write(thandle_t handle, void *from, tmsize_t size) {
    tiff_io *io = (tiff_io *)handle;
    if (io->file && fwrite(from, 1, (size_t)size, io->file) == (size_t)size) return size;
    write_reason(io->reason);
    return -1;
}

static toff_t io_seek(thandle_t handle, toff_t offset, int whence) {
    tiff_io *io = (tiff_io *)handle;
    if (io->file) return fseeko(io->file, (off_t)offset, whence) ? (toff_t)-1 : (toff_t)ftello(io->file);
    if (whence == SEEK_CUR) offset += io->at;
    else if (whence == SEEK_END) offset += io->size;
    return io->at = offset;
}

static int io_close(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t io_size(thandle_t handle) {
    tiff_io *io = (tiff_io *)handle;
    off_t here, end;
    if (!io->file) return io->size;
    here = ftello(io->file);
    if (fseeko(io->file, 0, SEEK_END)) return 0;
    end = ftello(io->file);
    fseeko(io->file, here, SEEK_SET);
    return (toff_t)end;
}

static TIFF *open_io(tiff_io *io, const char *mode, char *reason) {
    io->reason = reason;
    reason[0] = 0;
    TIFFSetErrorHandler(NULL);
    TIFFSetWarningHandler(NULL);
    TIFFSetErrorHandlerExt(on_tiff_error);
    TIFFSetWarningHandlerExt(on_tiff_warning);
    return TIFFClientOpen("picture", mode, (thandle_t)io, io_read, io_write, io_seek, io_close, io_size, NULL, NULL);
}

/* Reading. */

typedef struct tiff_layout {
    uint16_t bits, samples, planar, photometric;
    uint32_t width, height;
    int type;
} tiff_layout;

static int tiff_layout_read(TIFF *t, tiff_layout *l, char *reason) {
    uint16_t format, compression;
    TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &l->bits);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &l->samples);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLEFORMAT, &format);
    TIFFGetFieldDefaulted(t, TIFFTAG_PLANARCONFIG, &l->planar);
    TIFFGetFieldDefaulted(t, TIFFTAG_COMPRESSION, &compression);
    if (!TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &l->width) || !TIFFGetField(t, TIFFTAG_IMAGELENGTH, &l->height) ||
        !TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &l->photometric)) {
        snprintf(reason, REASON, "TIFF: a required tag is missing");
        return -1;
    }
    if (l->photometric == PHOTOMETRIC_YCBCR && compression == COMPRESSION_JPEG) {
        TIFFSetField(t, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        l->photometric = PHOTOMETRIC_RGB;
    }
    if (l->photometric != PHOTOMETRIC_RGB && l->photometric != PHOTOMETRIC_MINISBLACK) {
        snprintf(reason, REASON, "TIFF: neither RGB nor grey (photometric %d); convert it to RGB first", l->photometric);
        return -1;
    }
    l->type = format == SAMPLEFORMAT_UINT && l->bits == 8 ? GMLP_U8
            : format == SAMPLEFORMAT_UINT && l->bits == 16 ? GMLP_U16
            : format == SAMPLEFORMAT_IEEEFP && l->bits == 16 ? GMLP_HALF
            : format == SAMPLEFORMAT_IEEEFP && l->bits == 32 ? GMLP_FLOAT : 0;
    if (!l->type) {
        snprintf(reason, REASON, "TIFF: %d-bit %s samples are not supported; 8 and 16 bit, half and float are", l->bits,
                 format == SAMPLEFORMAT_IEEEFP ? "float" : format == SAMPLEFORMAT_UINT ? "integer" : "signed or special");
        return -1;
    }
    if (l->samples < (l->photometric == PHOTOMETRIC_RGB ? 3 : 1)) {
        snprintf(reason, REASON, "TIFF: %d samples a pixel are too few", l->samples);
        return -1;
    }
    return 0;
}

/* Samples of one block of a plane (or of all, interleaved) into the picture, cut at its edges. */
static void place(const tiff_layout *l, const gmlp_image *image, const uint8_t *block, uint32_t block_width, uint32_t rows,
                  uint32_t x, uint32_t y, int plane) {
    const size_t size = gmlp_type_size(l->type), step = l->planar == PLANARCONFIG_CONTIG ? l->samples * size : size;
    const uint32_t columns = block_width < l->width - x ? block_width : l->width - x;
    uint32_t i, j;
    int c;
    if (rows > l->height - y) rows = l->height - y;
    for (j = 0; j < rows; j++) {
        const uint8_t *from = block + (size_t)j * block_width * step;
        uint8_t *to = (uint8_t *)image->data + ((size_t)(y + j) * l->width + x) * 3 * size;
        for (i = 0; i < columns; i++, from += step, to += 3 * size) {
            if (l->photometric != PHOTOMETRIC_RGB)
                for (c = 0; c < 3; c++) memcpy(to + (size_t)c * size, from, size);
            else if (l->planar == PLANARCONFIG_CONTIG) memcpy(to, from, 3 * size);
            else memcpy(to + (size_t)plane * size, from, size);
        }
    }
}

static int read_pixels(TIFF *t, const tiff_layout *l, const gmlp_image *image, char *reason) {
    const int tiled = TIFFIsTiled(t), planes = l->planar == PLANARCONFIG_CONTIG || l->photometric != PHOTOMETRIC_RGB ? 1 : 3;
    const size_t pixel = gmlp_type_size(l->type) * (l->planar == PLANARCONFIG_CONTIG ? l->samples : 1u);
    const tmsize_t size = tiled ? TIFFTileSize(t) : TIFFStripSize(t);
    uint32_t block_width = l->width, block_height = l->height, x, y;
    uint8_t *block;
    int plane;
    if (tiled) {
        TIFFGetField(t, TIFFTAG_TILEWIDTH, &block_width);
        TIFFGetField(t, TIFFTAG_TILELENGTH, &block_height);
    } else {
        TIFFGetFieldDefaulted(t, TIFFTAG_ROWSPERSTRIP, &block_height);
        if (block_height > l->height) block_height = l->height;
    }
    if (size <= 0 || !block_width || !block_height || (size_t)size / pixel / block_width < block_height) {
        if (!*reason) snprintf(reason, REASON, "TIFF: the sizes of strips or tiles do not fit");
        return -1;
    }
    block = (uint8_t *)malloc((size_t)size);
    if (!block) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
    for (plane = 0; plane < planes; plane++)
        for (y = 0; y < l->height; y += block_height)
            for (x = 0; x < l->width; x += block_width) {
                const uint32_t rows = l->height - y < block_height ? l->height - y : block_height;
                tmsize_t want = tiled ? size : (tmsize_t)((size_t)rows * block_width * pixel), got;
                if (tiled) got = TIFFReadEncodedTile(t, TIFFComputeTile(t, x, y, 0, (uint16_t)plane), block, size);
                else got = TIFFReadEncodedStrip(t, TIFFComputeStrip(t, y, (uint16_t)plane), block, want);
                if (got < want) {
                    if (!*reason) snprintf(reason, REASON, "TIFF: the pixels end too early");
                    free(block);
                    return -1;
                }
                place(l, image, block, block_width, block_height, x, y, plane);
            }
    free(block);
    return 0;
}

static int tiff_picture(TIFF *t, gmlp_image *image, picture_facts *color, char *reason) {
    tiff_layout l;
    uint32_t icc_size;
    void *icc;
    if (tiff_layout_read(t, &l, reason)) return -1;
    image->width = l.width;
    image->height = l.height;
    image->type = l.type;
    if (TIFFGetField(t, TIFFTAG_ICCPROFILE, &icc_size, &icc) && picture_keep_icc(color, icc, icc_size)) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
    return image_allocate(image, reason) || read_pixels(t, &l, image, reason) ? -1 : 0;
}

int tiff_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *color, char reason[REASON]) {
    tiff_io io;
    TIFF *t;
    int bad;
    memset(&io, 0, sizeof io);
    io.bytes = bytes;
    io.size = size;
    t = open_io(&io, "rm", reason);
    bad = !t || *reason || tiff_picture(t, image, color, reason);
    if (t) TIFFClose(t);
    if (bad && !*reason) snprintf(reason, REASON, "TIFF: cannot be read");
    return bad ? -1 : 0;
}

/* Writing. */

typedef struct tiff_sink {
    picture_sink base;
    tiff_io io;
    TIFF *tiff;
    uint32_t done;
    size_t row_bytes;
    uint8_t *row; /* libtiff works on the samples in place */
} tiff_sink;

static int tiff_sink_rows(picture_sink *base, const uint8_t *rows, uint32_t count, char reason[REASON]) {
    tiff_sink *s = (tiff_sink *)(void *)base;
    uint32_t y;
    s->io.reason = reason;
    reason[0] = 0;
    for (y = 0; y < count; y++) {
        memcpy(s->row, rows + y * s->row_bytes, s->row_bytes);
        if (TIFFWriteScanline(s->tiff, s->row, s->done++, 0) < 0) return -1;
    }
    return 0;
}

static int tiff_sink_end(picture_sink *base, int failed, char reason[REASON]) {
    tiff_sink *s = (tiff_sink *)(void *)base;
    char ignored[REASON] = "";
    s->io.reason = failed ? ignored : reason;
    if (!failed) {
        reason[0] = 0;
        failed = !TIFFFlush(s->tiff) || *reason;
    }
    TIFFClose(s->tiff);
    free(s->row);
    free(s);
    return failed ? -1 : 0;
}

picture_sink *tiff_sink_open(FILE *file, const gmlp_image *like, const picture_write_opts *opts, const uint8_t *icc,
                             size_t icc_size, char reason[REASON]) {
    tiff_sink *s = (tiff_sink *)calloc(1, sizeof *s);
    const int integer = like->type == GMLP_U8 || like->type == GMLP_U16;
    (void)opts;
    if (s) {
        s->base.rows = tiff_sink_rows;
        s->base.end = tiff_sink_end;
        s->base.file = s->io.file = file;
        s->base.like = *like;
        s->row_bytes = (size_t)like->width * 3 * gmlp_type_size(like->type);
        s->row = (uint8_t *)malloc(s->row_bytes);
        /* offsets of 32 bits end at 4 GiB */
        s->tiff = s->row ? open_io(&s->io, s->row_bytes > 0xf0000000u / like->height ? "w8" : "w", reason) : NULL;
    }
    if (!s || !s->tiff) {
        if (s) free(s->row);
        free(s);
        snprintf(reason, REASON, "out of memory");
        return NULL;
    }
    TIFFSetField(s->tiff, TIFFTAG_IMAGEWIDTH, like->width);
    TIFFSetField(s->tiff, TIFFTAG_IMAGELENGTH, like->height);
    TIFFSetField(s->tiff, TIFFTAG_BITSPERSAMPLE, (int)(8 * gmlp_type_size(like->type)));
    TIFFSetField(s->tiff, TIFFTAG_SAMPLESPERPIXEL, 3);
    TIFFSetField(s->tiff, TIFFTAG_SAMPLEFORMAT, integer ? SAMPLEFORMAT_UINT : SAMPLEFORMAT_IEEEFP);
    TIFFSetField(s->tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(s->tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
    TIFFSetField(s->tiff, TIFFTAG_COMPRESSION, COMPRESSION_LZW);
    TIFFSetField(s->tiff, TIFFTAG_PREDICTOR, integer ? PREDICTOR_HORIZONTAL : PREDICTOR_FLOATINGPOINT);
    TIFFSetField(s->tiff, TIFFTAG_ROWSPERSTRIP, s->row_bytes < 65536 ? (uint32_t)(131072 / s->row_bytes) : 1u);
    TIFFSetField(s->tiff, TIFFTAG_ICCPROFILE, (uint32_t)icc_size, icc);
    return &s->base;
}
