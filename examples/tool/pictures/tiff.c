#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

#include "pictures/directory.h"
#include "pictures/formats.h"
#include "pictures/tiff_metadata.h"

/* libtiff works on these callbacks, so that reading comes from memory and write errors are seen. */
typedef struct tiff_io {
    const uint8_t *bytes; /* reading */
    uint64_t size, at;
    char *notes;          /* of what is odd while pixels are read */
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
    vsnprintf(text, sizeof text, format, list);
    if (!io) return;
    if (!*io->reason && strstr(text, "IO error")) snprintf(io->reason, REASON, "TIFF: the file ends too early");
    if (!io->notes) return;
    /* libjpeg fills what is missing with grey */
    if (!strcmp(module, "JPEGLib") && !strstr(text, "extraneous")) snprintf(io->reason, REASON, "TIFF: %.120s", text);
    else picture_note(io->notes, "its pixels may be damaged (%s: %s)", module, text);
    io->notes = NULL; /* the first says it */
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
    if (io->file && from && fwrite(from, 1, (size_t)size, io->file) == (size_t)size) return size;
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

/* What is read is in memory already: libtiff need not copy what it decodes. */
static int io_map(thandle_t handle, void **base, toff_t *size) {
    const tiff_io *io = (const tiff_io *)handle;
    *base = (void *)(uintptr_t)io->bytes;
    *size = io->size;
    return io->bytes != NULL;
}

static void io_unmap(thandle_t handle, void *base, toff_t size) {
    (void)handle;
    (void)base;
    (void)size;
}

/* most: bytes that libtiff may allocate at once, where it can be told; 0: any. */
static TIFF *open_io(tiff_io *io, const char *mode, uint64_t most, char *reason) {
    TIFF *t;
#if TIFFLIB_VERSION >= 20221213
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, most > INTPTR_MAX ? INTPTR_MAX : (tmsize_t)most);
#else
    (void)most;
#endif
    io->reason = reason;
    reason[0] = 0;
    TIFFSetErrorHandler(NULL);
    TIFFSetWarningHandler(NULL);
    TIFFSetErrorHandlerExt(on_tiff_error);
    TIFFSetWarningHandlerExt(on_tiff_warning);
#if TIFFLIB_VERSION >= 20221213
    t = TIFFClientOpenExt("picture", mode, (thandle_t)io, io_read, io_write, io_seek, io_close, io_size, io_map,
                          io_unmap, options);
    TIFFOpenOptionsFree(options);
#else
    t = TIFFClientOpen("picture", mode, (thandle_t)io, io_read, io_write, io_seek, io_close, io_size, io_map,
                       io_unmap);
#endif
    return t;
}

/* Reading. */

/* A picture may take FREE_ROOM whatever the file's size, so that what is blank or drawn is read, and else as many
   bytes for one of the file as compression can make of one: uncompressed 24, for a bit becomes three bytes; else 2731,
   the 4096 bytes that 12 bits of LZW can stand for (Deflate: 1032, PackBits: 64; what fax, LZMA and ZSTD can do beyond
   is blank paper). More is an error before any memory is taken. */
#define FREE_ROOM ((uint64_t)256 << 20)
#define MOST_OF_A_BYTE 2731

static uint64_t largest_size(uint64_t file_size, uint64_t of_a_byte) {
    return file_size * of_a_byte > FREE_ROOM ? file_size * of_a_byte : FREE_ROOM;
}

typedef struct tiff_layout {
    uint32_t width, height;
    uint16_t bits, samples, planar, photometric, compression, format;
    int type;
    int colours;            /* samples that make the colour: 3 or 1 */
    int alpha, multiplied;  /* its sample, or -1; the colours are multiplied by it */
    const uint16_t *map[3]; /* a palette's colours */
    int map_shift;
} tiff_layout;

static const char *photometric_name(int photometric) {
    switch (photometric) {
        case PHOTOMETRIC_MASK: return "a transparency mask";
        case PHOTOMETRIC_SEPARATED: return "CMYK or other inks";
        case PHOTOMETRIC_YCBCR: return "YCbCr without JPEG compression";
        case PHOTOMETRIC_CIELAB: case PHOTOMETRIC_ICCLAB: return "CIE L*a*b*";
        case PHOTOMETRIC_ITULAB: return "ITU L*a*b*";
        case PHOTOMETRIC_LOGL: case PHOTOMETRIC_LOGLUV: return "LogLuv of an unknown form";
        default: return "of an unknown kind";
    }
}

/* How many samples make the colour. 0 and a reason if they are of a kind that is not read. */
static int read_photometric(TIFF *t, tiff_layout *l, char *reason) {
    const int p = l->photometric;
    if (p == PHOTOMETRIC_YCBCR && l->compression == COMPRESSION_JPEG && l->planar == PLANARCONFIG_CONTIG) {
        TIFFSetField(t, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        return 3;
    }
    if ((p == PHOTOMETRIC_LOGL || p == PHOTOMETRIC_LOGLUV) &&
        (l->compression == COMPRESSION_SGILOG || l->compression == COMPRESSION_SGILOG24)) {
        TIFFSetField(t, TIFFTAG_SGILOGDATAFMT, SGILOGDATAFMT_FLOAT); /* Y, or XYZ */
        TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &l->bits);
        TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLEFORMAT, &l->format);
        return p == PHOTOMETRIC_LOGL ? 1 : 3;
    }
    if (p == PHOTOMETRIC_RGB) return 3;
    if (p == PHOTOMETRIC_MINISBLACK || p == PHOTOMETRIC_MINISWHITE || p == PHOTOMETRIC_PALETTE) return 1;
    snprintf(reason, REASON, "TIFF: its colours are %s (photometric %d); convert it to RGB first, such as 16-bit "
                             "ProPhoto", photometric_name(p), p);
    return 0;
}

/* What the samples become, 0 if they cannot be read; an unstated format is taken for unsigned integers, as the standard
   says. */
static int type_of_samples(const tiff_layout *l) {
    const int palette = l->photometric == PHOTOMETRIC_PALETTE;
    if (l->format == SAMPLEFORMAT_IEEEFP)
        return palette ? 0 : l->bits == 16 ? GMLP_F16 : l->bits == 32 || l->bits == 64 ? GMLP_F32 : 0;
    if ((l->format != SAMPLEFORMAT_UINT && l->format != SAMPLEFORMAT_VOID) || !l->bits) return 0;
    if (l->bits > 16) return l->bits == 32 && !palette ? GMLP_F32 : 0;
    return l->bits <= 8 ? GMLP_U8 : GMLP_U16;
}

/* Palettes are of 16 bits, but most were made from 8: times 257, times 256 or, wrongly, times 1. */
static int read_palette(TIFF *t, tiff_layout *l, char *reason) {
    uint16_t *map[3];
    const size_t count = (size_t)1 << l->bits;
    size_t i;
    int c, all = 0, doubled = 1;
    if (!TIFFGetField(t, TIFFTAG_COLORMAP, &map[0], &map[1], &map[2])) {
        if (!*reason) snprintf(reason, REASON, "TIFF: its palette is missing");
        return -1;
    }
    for (c = 0; c < 3; c++) {
        l->map[c] = map[c];
        for (i = 0; i < count; i++) {
            all |= map[c][i];
            doubled &= map[c][i] == (map[c][i] >> 8) * 257;
        }
    }
    l->type = doubled || all < 256 || !(all & 255) ? GMLP_U8 : GMLP_U16;
    l->map_shift = l->type == GMLP_U8 && all >= 256 ? 8 : 0;
    return 0;
}

static void read_extra_samples(TIFF *t, tiff_layout *l, char *notes) {
    uint16_t count, *kinds;
    int i, other = 0;
    if (!TIFFGetFieldDefaulted(t, TIFFTAG_EXTRASAMPLES, &count, &kinds)) count = 0;
    l->alpha = -1;
    for (i = 0; i < l->samples - l->colours; i++) {
        const int kind = i < count ? kinds[i] : EXTRASAMPLE_UNSPECIFIED;
        if (kind == EXTRASAMPLE_UNSPECIFIED) other++;
        else if (l->alpha >= 0 || l->photometric == PHOTOMETRIC_PALETTE) picture_note(notes, "alpha is left out");
        else {
            l->alpha = l->colours + i;
            l->multiplied = kind == EXTRASAMPLE_ASSOCALPHA;
        }
    }
    if (other) picture_note(notes, "%d channel%s left out beside the colours", other, other > 1 ? "s are" : " is");
}

static int tiff_layout_read(TIFF *t, tiff_layout *l, picture_facts *facts, char *reason) {
    uint16_t orientation;
    memset(l, 0, sizeof *l);
    TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &l->bits);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &l->samples);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLEFORMAT, &l->format);
    TIFFGetFieldDefaulted(t, TIFFTAG_PLANARCONFIG, &l->planar);
    TIFFGetFieldDefaulted(t, TIFFTAG_COMPRESSION, &l->compression);
    if (!TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &l->width) || !TIFFGetField(t, TIFFTAG_IMAGELENGTH, &l->height) ||
        !TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &l->photometric)) {
        snprintf(reason, REASON, "TIFF: a tag is missing: the width, the height or the photometric interpretation");
        return -1;
    }
    l->colours = read_photometric(t, l, reason);
    if (!l->colours) return -1;
    l->type = type_of_samples(l);
    if (!l->type) {
        snprintf(reason, REASON, "TIFF: %d-bit %s samples are not supported; 1 to 16 and 32 bit, half, float, double "
                                 "are", l->bits, l->format == SAMPLEFORMAT_IEEEFP ? "float"
                 : l->format == SAMPLEFORMAT_UINT ? "integer" : l->format == SAMPLEFORMAT_INT ? "signed" : "complex");
        return -1;
    }
    if (l->samples < l->colours) {
        snprintf(reason, REASON, "TIFF: %d samples a pixel are too few", l->samples);
        return -1;
    }
    if (l->photometric == PHOTOMETRIC_PALETTE && read_palette(t, l, reason)) return -1;
    read_extra_samples(t, l, facts->notes);
    if (TIFFGetField(t, TIFFTAG_ORIENTATION, &orientation)) facts->orientation = orientation;
    return 0;
}

/* n bits, at most 16, from bit at on; the standard's order is from the highest bit down in either byte order. */
static unsigned bits_at(const uint8_t *bytes, size_t at, unsigned n) {
    const size_t end = at + n;
    unsigned v = 0;
    size_t i;
    for (i = at / 8; i * 8 < end; i++) v = v << 8 | bytes[i];
    return v >> (7 - (end + 7) % 8) & ((1u << n) - 1);
}

static unsigned integer_at(const tiff_layout *l, const uint8_t *from, size_t i) {
    uint16_t v;
    if (l->bits != 16) return bits_at(from, i * l->bits, l->bits);
    memcpy(&v, from + 2 * i, 2); /* libtiff has put whole bytes into this machine's order */
    return v;
}

/* Samples of the file to samples of l->type, over the whole range of it; indexes of a palette stay, as uint16_t. */
static void unpack(const tiff_layout *l, const uint8_t *from, size_t n, void *to) {
    const unsigned most = (1u << (l->bits & 31)) - 1;
    size_t i;
    if (l->photometric == PHOTOMETRIC_PALETTE)
        for (i = 0; i < n; i++) ((uint16_t *)to)[i] = (uint16_t)integer_at(l, from, i);
    else if (l->format == SAMPLEFORMAT_IEEEFP && l->bits == 64)
        for (i = 0; i < n; i++) {
            double v;
            memcpy(&v, from + 8 * i, 8);
            ((float *)to)[i] = v > 3.4e38 ? 3.4e38f : v < -3.4e38 ? -3.4e38f : (float)v;
        }
    else if (l->format != SAMPLEFORMAT_IEEEFP && l->bits == 32)
        for (i = 0; i < n; i++) {
            uint32_t v;
            memcpy(&v, from + 4 * i, 4);
            ((float *)to)[i] = (float)(v / 4294967295.0);
        }
    else if (l->bits == 8 * gmlp_pixel_size(l->type, 1)) memcpy(to, from, n * gmlp_pixel_size(l->type, 1));
    else if (l->type == GMLP_U8)
        /* checked: a sample has a bit at least, so most is not 0 */
        for (i = 0; i < n; i++) ((uint8_t *)to)[i] = (uint8_t)((integer_at(l, from, i) * 255 + most / 2) / most);
    else
        /* checked: likewise */
        for (i = 0; i < n; i++) ((uint16_t *)to)[i] = (uint16_t)((integer_at(l, from, i) * 65535 + most / 2) / most);
}

/* Strips or tiles, and memory for one of them and for a row of it. */
typedef struct tiff_blocks {
    int tiled, planes; /* samples that lie side by side */
    tmsize_t size, row_bytes;
    uint32_t width, height, count;
    uint8_t *bytes, *samples, *alpha;
} tiff_blocks;

/* Unpacked samples into a row of the picture: all of them, interleaved, or those of one plane. */
static void spread(const tiff_layout *l, const tiff_blocks *b, uint8_t *row, uint8_t *opacity, size_t columns,
                   int plane) {
    const size_t size = gmlp_pixel_size(l->type, 1), step = (size_t)b->planes * size;
    const int with_alpha = l->alpha >= plane && l->alpha < plane + b->planes;
    const uint16_t *index = (const uint16_t *)(const void *)b->samples;
    const uint8_t *from = b->samples;
    uint8_t *to = row;
    size_t i;
    int c;
    for (i = 0; i < columns && plane < l->colours; i++, from += step, to += 3 * size, index += b->planes)
        if (l->photometric == PHOTOMETRIC_PALETTE)
            for (c = 0; c < 3; c++) {
                const unsigned v = (unsigned)l->map[c][*index] >> l->map_shift;
                if (l->type == GMLP_U8) to[c] = (uint8_t)v;
                else ((uint16_t *)(void *)to)[c] = (uint16_t)v;
            }
        else if (l->colours == 1)
            for (c = 0; c < 3; c++) memcpy(to + (size_t)c * size, from, size);
        else if (b->planes > 1) memcpy(to, from, 3 * size);
        else memcpy(to + (size_t)plane * size, from, size);
    if (!with_alpha) return;
    from = b->samples + (size_t)(l->alpha - plane) * size;
    for (i = 0; i < columns; i++, from += step) memcpy(b->alpha + i * size, from, size);
    alpha_codes(l->type, b->alpha, columns, opacity);
    /* it is the stored numbers that the file's maker multiplied, whatever their curve */
    if (l->multiplied) alpha_divide(l->type, row, b->alpha, columns);
}

/* One block, of all samples or of a plane, cut at the picture's edges. */
static void place(const tiff_layout *l, const tiff_blocks *b, const gmlp_image *image, uint8_t *alpha, uint32_t x,
                  uint32_t y, int plane) {
    const size_t size = gmlp_pixel_size(l->type, 1), columns = b->width < l->width - x ? b->width : l->width - x;
    const uint32_t rows = b->height < l->height - y ? b->height : l->height - y;
    uint32_t j;
    for (j = 0; j < rows; j++) {
        const size_t at = (size_t)(y + j) * l->width + x;
        unpack(l, b->bytes + j * (size_t)b->row_bytes, columns * (size_t)b->planes, b->samples);
        spread(l, b, (uint8_t *)image->data + at * 3 * size, alpha ? alpha + at : NULL, columns, plane);
    }
}

static int read_block(TIFF *t, const tiff_layout *l, const tiff_blocks *b, uint32_t index, uint32_t y, char *reason) {
    const uint32_t rows = l->height - y < b->height ? l->height - y : b->height;
    const tmsize_t want = b->tiled ? b->size : (tmsize_t)rows * b->row_bytes;
    tmsize_t got = 0;
    memset(b->bytes, 0, (size_t)b->size); /* a decoder that stops short leaves no other block's pixels */
    if (!TIFFGetStrileOffset(t, index)) snprintf(reason, REASON, "TIFF: some of its pixels are missing");
    else if (b->tiled) got = TIFFReadEncodedTile(t, index, b->bytes, want);
    else got = TIFFReadEncodedStrip(t, index, b->bytes, want);
    if (got < want && !*reason) snprintf(reason, REASON, "TIFF: the pixels end too early");
    return *reason ? -1 : 0;
}

/* Of each block the first byte that is needed from it on, for some lie in another order, or in the same bytes. NULL:
   not known, as for more blocks than the file can tell of. */
static uint64_t *first_needed(TIFF *t, uint32_t count) {
    const uint64_t size = ((const tiff_io *)TIFFClientdata(t))->size;
    uint64_t *first = count < size ? (uint64_t *)malloc((size_t)count * sizeof *first) : NULL, least = size;
    uint32_t i;
    for (i = count; first && i--;) {
        const uint64_t at = TIFFGetStrileOffset(t, i);
        first[i] = least = at < least ? at : least;
    }
    return first;
}

static int read_blocks(TIFF *t, const tiff_layout *l, const tiff_blocks *b, const gmlp_image *image, uint8_t *alpha,
                       char *reason) {
    const tiff_io *io = (const tiff_io *)TIFFClientdata(t);
    uint64_t *first = first_needed(t, b->count), given = 0;
    uint32_t x, y, i;
    int plane, bad = 0;
    for (plane = 0; plane < l->samples && !bad; plane += b->planes) {
        if (plane >= l->colours && plane != l->alpha) continue;
        for (y = 0; y < l->height && !bad; y += b->height)
            for (x = 0; x < l->width && !bad; x += b->width) {
                i = b->tiled ? TIFFComputeTile(t, x, y, 0, (uint16_t)plane) : TIFFComputeStrip(t, y, (uint16_t)plane);
                if (first && i < b->count) apart_done_with(io->bytes, &given, first[i]);
                bad = read_block(t, l, b, i, y, reason);
                if (!bad) place(l, b, image, alpha, x, y, plane);
            }
    }
    free(first);
    return bad ? -1 : 0;
}

/* All samples count, and whole blocks, as they are decoded: most may be none of the picture's. */
static int too_large(const tiff_layout *l, const tiff_blocks *b, uint64_t file_size, char *reason) {
    const uint64_t room = largest_size(file_size, l->compression == COMPRESSION_NONE ? 24 : MOST_OF_A_BYTE);
    const unsigned samples = l->samples > 3 ? l->samples : 3;
    const uint64_t picture = (uint64_t)l->width * l->height * samples * gmlp_pixel_size(l->type, 1);
    if (l->width > GMLP_MAX_SIZE || l->height > GMLP_MAX_SIZE) return 0; /* said when memory is asked for */
    if (picture <= room && (uint64_t)b->size <= room / (b->count ? b->count : 1)) return 0;
    snprintf(reason, REASON, "TIFF: %u x %u pixels of %d samples are more than a file of %llu bytes can hold", l->width,
             l->height, l->samples, (unsigned long long)file_size);
    return -1;
}

static int read_pixels(TIFF *t, const tiff_layout *l, uint64_t file_size, gmlp_image *image, picture_facts *facts,
                       char *reason) {
    tiff_blocks b;
    int bad;
    b.tiled = TIFFIsTiled(t);
    b.planes = l->planar == PLANARCONFIG_CONTIG ? l->samples : 1;
    b.size = b.tiled ? TIFFTileSize(t) : TIFFStripSize(t);
    b.row_bytes = b.tiled ? TIFFTileRowSize(t) : TIFFScanlineSize(t);
    b.count = b.tiled ? TIFFNumberOfTiles(t) : TIFFNumberOfStrips(t);
    b.width = l->width;
    b.height = 0;
    if (b.tiled) {
        TIFFGetField(t, TIFFTAG_TILEWIDTH, &b.width);
        TIFFGetField(t, TIFFTAG_TILELENGTH, &b.height);
    } else {
        TIFFGetFieldDefaulted(t, TIFFTAG_ROWSPERSTRIP, &b.height);
        if (b.height > l->height) b.height = l->height;
    }
    if (b.size <= 0 || b.row_bytes <= 0 || !b.width || !b.height || b.size / b.row_bytes < (tmsize_t)b.height ||
        (uint64_t)b.row_bytes < ((uint64_t)b.width * (uint64_t)b.planes * l->bits + 7) / 8) {
        if (!*reason) snprintf(reason, REASON, "TIFF: the sizes of strips or tiles do not fit");
        return -1;
    }
    if (too_large(l, &b, file_size, reason) || image_allocate(image, reason) ||
        (l->alpha >= 0 && alpha_allocate(facts, image, reason)))
        return -1;
    b.bytes = (uint8_t *)malloc((size_t)b.size);
    /* checked: bytes, room for floats */
    b.samples = (uint8_t *)malloc((size_t)b.width * (size_t)b.planes * sizeof(float));
    b.alpha = (uint8_t *)malloc((size_t)b.width * sizeof(float));
    bad = !b.bytes || !b.samples || !b.alpha;
    if (bad) snprintf(reason, REASON, "out of memory");
    else bad = read_blocks(t, l, &b, image, facts->alpha, reason);
    free(b.bytes);
    free(b.samples);
    free(b.alpha);
    return bad;
}

static void invert(const gmlp_image *image) {
    const size_t n = (size_t)image->width * image->height * 3;
    size_t i;
    for (i = 0; i < n; i++)
        if (image->type == GMLP_U8) ((uint8_t *)image->data)[i] ^= 0xff;
        else if (image->type == GMLP_U16) ((uint16_t *)image->data)[i] ^= 0xffff;
        else if (image->type == GMLP_F32) ((float *)image->data)[i] = 1 - ((float *)image->data)[i];
        else {
            uint16_t *half = (uint16_t *)image->data + i;
            *half = gmlp_half_from_float(1 - gmlp_half_to_float(*half));
        }
}

/* The exponent of a TransferFunction table; 0 if it is no power. */
static double power_of_table(const uint16_t *table, size_t count) {
    const double middle = (double)(count / 2) / (double)(count - 1);
    const double power = log(table[count / 2] / 65535.0) / log(middle);
    size_t i;
    if (!(power > 0.2 && power < 5)) return 0;
    for (i = 0; i < count; i++)
        if (fabs(pow((double)i / (double)(count - 1), power) - table[i] / 65535.0) > 0.002) return 0;
    return power;
}

/* What the file's own tags say of its colours. Floats are light; integers have by the standard, unless a
   TransferFunction says otherwise, the power 2.2, which with the primaries of sRGB means sRGB. */
static void tiff_color(TIFF *t, const tiff_layout *l, picture_facts *facts) {
    static const double xyz[8] = { 1, 0, 0, 1, 0, 0, 1 / 3.0, 1 / 3.0 };
    float *primaries, *white;
    uint16_t *curve[3] = { NULL, NULL, NULL };
    int i;
    if (TIFFGetField(t, TIFFTAG_PRIMARYCHROMATICITIES, &primaries) && TIFFGetField(t, TIFFTAG_WHITEPOINT, &white)) {
        for (i = 0; i < 8; i++) facts->xy[i] = (double)(i < 6 ? primaries[i] : white[i - 6]);
        facts->has_xy = 1;
        facts->gamma = 2.2;
    }
    if (l->photometric == PHOTOMETRIC_LOGLUV) {
        memcpy(facts->xy, xyz, sizeof xyz);
        facts->has_xy = 1;
    }
    if (l->format == SAMPLEFORMAT_IEEEFP) facts->gamma = 1;
    else if (l->bits > 1 && l->bits <= 16 &&
             TIFFGetField(t, TIFFTAG_TRANSFERFUNCTION, &curve[0], &curve[1], &curve[2])) {
        const size_t count = (size_t)1 << l->bits;
        const double power = power_of_table(curve[0], count);
        for (i = 1; i < 3 && curve[i] && !memcmp(curve[0], curve[i], count * sizeof **curve); i++) {}
        if (power > 0 && (i == 3 || !curve[i])) {
            facts->gamma = power;
            facts->gamma_by = GAMMA_BY_CURVE;
        } else if (!facts->icc) picture_note(facts->notes, "its TransferFunction is not a power and is not used");
    }
}

/* Libtiff would say that a scheme with a number is not implemented. */
static int has_codec(uint16_t compression, char *reason) {
    enum { JPEG_XL = 50002 };
    const char *name = compression == COMPRESSION_JP2000 ? "JPEG 2000, " : compression == JPEG_XL ? "JPEG XL, " : "";
    if (TIFFIsCODECConfigured(compression)) return 1;
    snprintf(reason, REASON, "TIFF: its compression (%snumber %u) is not read here; save it with LZW or ZIP", name,
             (unsigned int)compression);
    return 0;
}

static int tiff_picture(TIFF *t, uint64_t file_size, gmlp_image *image, picture_facts *facts, char *reason) {
    tiff_layout l;
    uint32_t icc_size;
    void *icc;
    if (tiff_layout_read(t, &l, facts, reason) || !has_codec(l.compression, reason)) return -1;
    image->width = l.width;
    image->height = l.height;
    image->type = l.type;
    if (TIFFGetField(t, TIFFTAG_ICCPROFILE, &icc_size, &icc) && picture_keep_icc(facts, icc, icc_size)) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
    tiff_color(t, &l, facts);
    if (read_pixels(t, &l, file_size, image, facts, reason)) return -1;
    if (l.photometric == PHOTOMETRIC_MINISWHITE) invert(image);
    return 0;
}

int tiff_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    tiff_io io;
    TIFF *t;
    uint64_t directory;
    int bad = tiff_find_picture(bytes, size, &directory, facts, reason);
    tiff_bytes f;
    if (bad == TIFF_IS_RAW) return raw_load(bytes, size, image, facts, reason);
    if (bad) return -1;
    f = tiff_bytes_of(bytes, size);
    tiff_keep_metadata(bytes, size, directory, facts);
    /* what a preview in front says, is of the picture */
    if (directory != tiff_first_directory(&f)) tiff_keep_metadata(bytes, size, tiff_first_directory(&f), facts);
    memset(&io, 0, sizeof io);
    io.bytes = bytes;
    io.size = size;
    t = open_io(&io, "rh", largest_size(size, MOST_OF_A_BYTE), reason);
    bad = !t || !TIFFSetSubDirectory(t, directory) || *reason;
    io.notes = facts->notes;
    bad = bad || tiff_picture(t, size, image, facts, reason);
    if (t) TIFFClose(t);
    if (bad && !*reason) snprintf(reason, REASON, "TIFF: cannot be read");
    return bad ? -1 : 0;
}

/* Writing. */

/* Offsets of 32 bits end at 4 GiB, and noise grows by half in LZW; from here on BigTIFF. */
#define LARGEST_CLASSIC 0xa0000000u

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
        if (TIFFWriteScanline(s->tiff, s->row, s->done++, 0) != 1) { /* 0, too: no memory */
            if (!reason[0]) snprintf(reason, REASON, "out of memory");
            return -1;
        }
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
    if (failed) TIFFSetMode(s->tiff, O_RDONLY); /* or it tries once more, with what it has not got */
    TIFFClose(s->tiff);
    free(s->row);
    free(s);
    return failed ? -1 : 0;
}

/* What the picture is. 0, or -1: no memory. */
static int set_fields(TIFF *t, const gmlp_image *like, const picture_write_opts *opts, const uint8_t *icc,
                      size_t icc_size, size_t row_bytes) {
    const int integer = like->type == GMLP_U8 || like->type == GMLP_U16;
    const uint16_t straight = EXTRASAMPLE_UNASSALPHA;
    /* libtiff's predictor of floats makes wrong ones in the other byte order than the machine's */
    const int predictor = integer              ? PREDICTOR_HORIZONTAL
                        : TIFFIsByteSwapped(t) ? PREDICTOR_NONE
                                               : PREDICTOR_FLOATINGPOINT;
    return TIFFSetField(t, TIFFTAG_IMAGEWIDTH, like->width) && TIFFSetField(t, TIFFTAG_IMAGELENGTH, like->height) &&
           TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, (int)(8 * gmlp_pixel_size(like->type, 1))) &&
           TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, like->channels == 4 ? 4 : 3) &&
           (like->channels != 4 || TIFFSetField(t, TIFFTAG_EXTRASAMPLES, 1, &straight)) &&
           TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, integer ? SAMPLEFORMAT_UINT : SAMPLEFORMAT_IEEEFP) &&
           TIFFSetField(t, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) &&
           TIFFSetField(t, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB) &&
           TIFFSetField(t, TIFFTAG_COMPRESSION, COMPRESSION_LZW) &&
           TIFFSetField(t, TIFFTAG_PREDICTOR, predictor) &&
           TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, row_bytes < 65536 ? (uint32_t)(131072 / row_bytes) : 1u) &&
           TIFFSetField(t, TIFFTAG_ICCPROFILE, (uint32_t)icc_size, icc) &&
           (opts->orientation <= 1 || TIFFSetField(t, TIFFTAG_ORIENTATION, opts->orientation)) ? 0 : -1;
}

picture_sink *tiff_sink_open(FILE *file, const gmlp_image *like, const picture_write_opts *opts, const uint8_t *icc,
                             size_t icc_size, char reason[REASON]) {
    static const char *const modes[2][2] = { { "wl", "w8l" }, { "wb", "w8b" } };
    tiff_sink *s = (tiff_sink *)calloc(1, sizeof *s);
    const int motorola = tiff_is_motorola(opts->metadata);
    uint64_t places[2];
    const size_t row_bytes = (size_t)like->width * gmlp_pixel_size(like->type, like->channels);
    const int big = row_bytes > LARGEST_CLASSIC / like->height;
    if (s) {
        s->base.rows = tiff_sink_rows;
        s->base.end = tiff_sink_end;
        s->base.file = s->io.file = file;
        s->base.like = *like;
        s->row_bytes = row_bytes;
        s->row = (uint8_t *)malloc(s->row_bytes);
        if (s->row) s->tiff = open_io(&s->io, modes[motorola][big], 0, reason);
    }
    if (!s || !s->tiff) {
        if (s) free(s->row);
        free(s);
        snprintf(reason, REASON, "out of memory");
        return NULL;
    }
    if (set_fields(s->tiff, like, opts, icc, icc_size, row_bytes)) {
        /* which libtiff 4.5 would crash on if it were to close it: it stays open */
        free(s->row);
        free(s);
        snprintf(reason, REASON, "out of memory");
        return NULL;
    }
    tiff_place_exif(file, opts->metadata, big, places);
    tiff_set_metadata(s->tiff, opts->metadata, places);
    return &s->base;
}
