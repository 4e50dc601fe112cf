#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "pictures/formats.h"

/* Reading. */

typedef struct png_reader {
    picture_rows base;
    png_structp png;
    png_infop info;
    const uint8_t *next;
    size_t left;
    int type, interlaced;
    size_t row_bytes;
    uint32_t done;
    uint8_t *whole; /* interlaced and read in portions */
    char *reason;
} png_reader;

static void on_png_error(png_structp png, png_const_charp text) {
    char *reason = *(char **)png_get_error_ptr(png);
    if (!*reason) snprintf(reason, REASON, "PNG: %s", text);
    png_longjmp(png, 1);
}

static void on_png_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep to, size_t size) {
    png_reader *r = (png_reader *)png_get_io_ptr(png);
    if (size > r->left) png_error(png, "the file ends too early");
    memcpy(to, r->next, size);
    r->next += size;
    r->left -= size;
}

static void png_reader_close(picture_rows *base) {
    png_reader *r = (png_reader *)(void *)base;
    png_destroy_read_struct(&r->png, &r->info, NULL);
    free(r->whole);
    free(r);
}

static void read_passes(png_reader *r, uint8_t *rows) {
    const int passes = r->interlaced ? 7 : 1;
    int pass;
    uint32_t y;
    for (pass = 0; pass < passes; pass++)
        for (y = 0; y < r->base.height; y++) png_read_row(r->png, rows + y * r->row_bytes, NULL);
}

static int png_reader_read(picture_rows *base, uint8_t *rows, uint32_t count, char reason[REASON]) {
    png_reader *r = (png_reader *)(void *)base;
    r->reason = reason;
    reason[0] = 0;
    if (setjmp(png_jmpbuf(r->png))) return -1;
    if (r->interlaced && count == base->height) read_passes(r, rows);
    else if (r->interlaced) {
        if (!r->whole) {
            r->whole = (uint8_t *)malloc(r->row_bytes * base->height);
            if (!r->whole) png_error(r->png, "out of memory");
            read_passes(r, r->whole);
        }
        memcpy(rows, r->whole + r->done * r->row_bytes, count * r->row_bytes);
    } else {
        uint32_t y;
        for (y = 0; y < count; y++) png_read_row(r->png, rows + y * r->row_bytes, NULL);
    }
    r->done += count;
    if (r->done == base->height) png_read_end(r->png, NULL); /* a cut end is a cut file */
    return 0;
}

/* libpng before 1.6.45 does not know cICP; the chunk list is simple enough. */
static int find_cicp(const uint8_t *p, size_t size) {
    size_t at = 8;
    while (size - at >= 12) {
        size_t length = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 | p[at + 3];
        if (length > size - at - 12 || !memcmp(p + at + 4, "IDAT", 4)) break;
        if (length == 4 && !memcmp(p + at + 4, "cICP", 4)) return space_of_cicp(p + at + 8);
        at += length + 12;
    }
    return GMLP_SPACE_NONE;
}

static void read_color(png_reader *r, const uint8_t *bytes, size_t size, picture_facts *color) {
    png_charp name;
    png_bytep icc;
    png_uint_32 icc_size;
    int method, intent;
    double *c = color->xy;
    color->cicp = find_cicp(bytes, size);
    if (png_get_iCCP(r->png, r->info, &name, &method, &icc, &icc_size) && picture_keep_icc(color, icc, icc_size))
        png_error(r->png, "out of memory");
    color->srgb = png_get_sRGB(r->png, r->info, &intent) != 0;
    if (png_get_gAMA(r->png, r->info, &color->gamma)) color->gamma = color->gamma > 0 ? 1 / color->gamma : 0;
    color->has_xy = png_get_cHRM(r->png, r->info, c + 6, c + 7, c, c + 1, c + 2, c + 3, c + 4, c + 5) != 0;
}

/* Everything up to the pixels. color: NULL asks for 8 bits a sample. */
static int read_header(png_reader *r, const uint8_t *bytes, size_t size, picture_facts *color) {
    const uint16_t one = 1;
    int bits, kind, interlace;
    png_uint_32 width, height;
    if (setjmp(png_jmpbuf(r->png))) return -1;
    png_set_user_limits(r->png, GMLP_MAX_SIZE, GMLP_MAX_SIZE);
    png_set_benign_errors(r->png, 1);
    png_set_read_fn(r->png, r, read_bytes);
    png_read_info(r->png, r->info);
    png_get_IHDR(r->png, r->info, &width, &height, &bits, &kind, &interlace, NULL, NULL);
    r->base.width = width;
    r->base.height = height;
    /* deflate packs at most 1032 to 1 */
    if (png_get_rowbytes(r->png, r->info) / 1032 > size / height) png_error(r->png, "the file is too short for its size in pixels");
    if (color) read_color(r, bytes, size, color);
    if (kind == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(r->png);
    if (kind == PNG_COLOR_TYPE_GRAY && bits < 8) png_set_expand_gray_1_2_4_to_8(r->png);
    if (kind == PNG_COLOR_TYPE_GRAY || kind == PNG_COLOR_TYPE_GRAY_ALPHA) png_set_gray_to_rgb(r->png);
    png_set_strip_alpha(r->png);
    if (bits == 16 && !color) png_set_scale_16(r->png);
    if (bits == 16 && color && *(const uint8_t *)&one) png_set_swap(r->png);
    r->type = bits == 16 && color ? GMLP_U16 : GMLP_U8;
    r->interlaced = interlace != PNG_INTERLACE_NONE;
    if (r->interlaced) png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    r->row_bytes = (size_t)width * 3 * gmlp_type_size(r->type);
    if (png_get_rowbytes(r->png, r->info) != r->row_bytes) png_error(r->png, "unexpected row size");
    return 0;
}

static png_reader *reader_open(const uint8_t *bytes, size_t size, picture_facts *color, char reason[REASON]) {
    png_reader *r = (png_reader *)calloc(1, sizeof *r);
    reason[0] = 0;
    if (r) {
        r->base.read = png_reader_read;
        r->base.close = png_reader_close;
        r->next = bytes;
        r->left = size;
        r->reason = reason;
        r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r->reason, on_png_error, on_png_warning);
        r->info = r->png ? png_create_info_struct(r->png) : NULL;
        if (r->info && !read_header(r, bytes, size, color)) return r;
        png_reader_close(&r->base);
    }
    if (!*reason) snprintf(reason, REASON, "out of memory");
    return NULL;
}

picture_rows *png_rows_open(const uint8_t *bytes, size_t size, char reason[REASON]) {
    png_reader *r = reader_open(bytes, size, NULL, reason);
    return r ? &r->base : NULL;
}

int png_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *color, char reason[REASON]) {
    png_reader *r = reader_open(bytes, size, color, reason);
    int bad;
    if (!r) return -1;
    image->width = r->base.width;
    image->height = r->base.height;
    image->type = r->type;
    bad = image_allocate(image, reason) || png_reader_read(&r->base, (uint8_t *)image->data, image->height, reason);
    png_reader_close(&r->base);
    return bad ? -1 : 0;
}

/* Writing. */

typedef struct png_sink {
    picture_sink base;
    png_structp png;
    png_infop info;
    size_t row_bytes;
    char *reason;
} png_sink;

static void write_file(png_structp png, png_bytep bytes, size_t size) {
    png_sink *s = (png_sink *)png_get_io_ptr(png);
    if (fwrite(bytes, 1, size, s->base.file) == size) return;
    write_reason(s->reason);
    png_error(png, "write");
}

static void flush_file(png_structp png) { (void)png; }

static int png_sink_rows(picture_sink *base, const uint8_t *rows, uint32_t count, char reason[REASON]) {
    png_sink *s = (png_sink *)(void *)base;
    uint32_t y;
    s->reason = reason;
    reason[0] = 0;
    if (setjmp(png_jmpbuf(s->png))) return -1;
    for (y = 0; y < count; y++) png_write_row(s->png, rows + y * s->row_bytes);
    return 0;
}

static int png_finish(png_sink *s) {
    if (setjmp(png_jmpbuf(s->png))) return -1;
    png_write_end(s->png, s->info);
    return 0;
}

static int png_sink_end(picture_sink *base, int failed, char reason[REASON]) {
    png_sink *s = (png_sink *)(void *)base;
    s->reason = reason;
    if (!failed) {
        reason[0] = 0;
        failed = png_finish(s);
    }
    png_destroy_write_struct(&s->png, &s->info);
    free(s);
    return failed ? -1 : 0;
}

static int png_begin(png_sink *s, const uint8_t *icc, size_t icc_size) {
    const uint16_t one = 1;
    const gmlp_image *like = &s->base.like;
    const int hdr = like->space == GMLP_REC2020_PQ || like->space == GMLP_REC2020_HLG;
    uint8_t cicp[4];
    if (setjmp(png_jmpbuf(s->png))) return -1;
    png_set_write_fn(s->png, s, write_file, flush_file);
    png_set_user_limits(s->png, GMLP_MAX_SIZE, GMLP_MAX_SIZE);
    png_set_IHDR(s->png, s->info, like->width, like->height, like->type == GMLP_U16 ? 16 : 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    /* On photographs zlib's usual level 6 takes 2 (16 bit) to 6 (8 bit) times as long for 3 to 13 % of the size. */
    png_set_compression_level(s->png, 2);
    png_set_filter(s->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
    if (like->space == GMLP_SRGB) png_set_sRGB_gAMA_and_cHRM(s->png, s->info, PNG_sRGB_INTENT_RELATIVE);
    else if (!hdr) png_set_iCCP(s->png, s->info, "ICC profile", PNG_COMPRESSION_TYPE_BASE, icc, (png_uint_32)icc_size);
    png_write_info_before_PLTE(s->png, s->info);
    if (hdr && cicp_of_space(like->space, cicp)) png_write_chunk(s->png, (png_const_bytep)"cICP", cicp, 4);
    png_write_info(s->png, s->info);
    if (like->type == GMLP_U16 && *(const uint8_t *)&one) png_set_swap(s->png);
    return 0;
}

picture_sink *png_sink_open(FILE *file, const gmlp_image *like, const picture_write_opts *opts, const uint8_t *icc,
                            size_t icc_size, char reason[REASON]) {
    png_sink *s = (png_sink *)calloc(1, sizeof *s);
    (void)opts;
    reason[0] = 0;
    if (s) {
        s->base.rows = png_sink_rows;
        s->base.end = png_sink_end;
        s->base.file = file;
        s->base.like = *like;
        s->row_bytes = (size_t)like->width * 3 * gmlp_type_size(like->type);
        s->reason = reason;
        s->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &s->reason, on_png_error, on_png_warning);
        s->info = s->png ? png_create_info_struct(s->png) : NULL;
        if (s->info && !png_begin(s, icc, icc_size)) return &s->base;
        png_destroy_write_struct(&s->png, &s->info);
        free(s);
    }
    if (!*reason) snprintf(reason, REASON, "out of memory");
    return NULL;
}
