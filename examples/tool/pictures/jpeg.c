#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "pictures/formats.h"

#define ROWS_AT_ONCE 16u

typedef struct jpeg_errors {
    struct jpeg_error_mgr base;
    jmp_buf jump;
    char *reason;
} jpeg_errors;

static void on_jpeg_error(j_common_ptr c) {
    jpeg_errors *e = (jpeg_errors *)(void *)c->err;
    char text[JMSG_LENGTH_MAX];
    if (c->err->msg_code == JERR_FILE_WRITE) write_reason(e->reason);
    else {
        c->err->format_message(c, text);
        snprintf(e->reason, REASON, "JPEG: %.*s", REASON - 8, text);
    }
    longjmp(e->jump, 1);
}

/* libjpeg fills what is missing with grey and warns; here that is an error. */
static void on_jpeg_message(j_common_ptr c, int level) {
    const int code = c->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_MUST_RESYNC))
        on_jpeg_error(c);
}

static struct jpeg_error_mgr *errors_begin(jpeg_errors *e, char *reason) {
    struct jpeg_error_mgr *base = jpeg_std_error(&e->base);
    base->error_exit = on_jpeg_error;
    base->emit_message = on_jpeg_message;
    e->reason = reason;
    reason[0] = 0;
    return base;
}

/* Reading. */

typedef struct jpeg_reader {
    picture_rows base;
    struct jpeg_decompress_struct jpeg;
    jpeg_errors errors;
    size_t row_bytes;
} jpeg_reader;

static void jpeg_reader_close(picture_rows *base) {
    jpeg_reader *r = (jpeg_reader *)(void *)base;
    jpeg_destroy_decompress(&r->jpeg);
    free(r);
}

static int jpeg_reader_read(picture_rows *base, uint8_t *rows, uint32_t count, char reason[REASON]) {
    jpeg_reader *r = (jpeg_reader *)(void *)base;
    const uint32_t start = r->jpeg.output_scanline, end = start + count;
    r->errors.reason = reason;
    if (setjmp(r->errors.jump)) return -1;
    while (r->jpeg.output_scanline < end) {
        JSAMPROW pointers[ROWS_AT_ONCE];
        uint32_t n = end - r->jpeg.output_scanline, i;
        if (n > ROWS_AT_ONCE) n = ROWS_AT_ONCE;
        for (i = 0; i < n; i++) pointers[i] = rows + (r->jpeg.output_scanline - start + i) * r->row_bytes;
        jpeg_read_scanlines(&r->jpeg, pointers, n);
    }
    if (end == base->height) jpeg_finish_decompress(&r->jpeg);
    return 0;
}

static int read_header(jpeg_reader *r, const uint8_t *bytes, size_t size, picture_facts *color, int unconverted) {
    JOCTET *icc = NULL;
    unsigned int icc_size = 0;
    if (setjmp(r->errors.jump)) return -1;
    jpeg_create_decompress(&r->jpeg);
    jpeg_mem_src(&r->jpeg, bytes, (unsigned long)size);
    if (color) jpeg_save_markers(&r->jpeg, JPEG_APP0 + 2, 0xffff);
    jpeg_read_header(&r->jpeg, TRUE);
    if (color && jpeg_read_icc_profile(&r->jpeg, &icc, &icc_size)) {
        color->icc = icc;
        color->icc_size = icc_size;
    }
    if (r->jpeg.jpeg_color_space == JCS_CMYK || r->jpeg.jpeg_color_space == JCS_YCCK) {
        snprintf(r->errors.reason, REASON, "a CMYK picture; convert it to RGB first");
        return -1;
    }
    r->jpeg.out_color_space = JCS_RGB;
    if (unconverted && r->jpeg.jpeg_color_space == JCS_YCbCr) {
        r->jpeg.out_color_space = JCS_YCbCr;
        r->jpeg.do_fancy_upsampling = FALSE;
    }
    r->jpeg.dct_method = JDCT_ISLOW;
    jpeg_start_decompress(&r->jpeg);
    r->base.width = r->jpeg.output_width;
    r->base.height = r->jpeg.output_height;
    r->row_bytes = (size_t)r->base.width * 3;
    return 0;
}

static jpeg_reader *reader_open(const uint8_t *bytes, size_t size, picture_facts *color, int unconverted, char reason[REASON]) {
    jpeg_reader *r = (jpeg_reader *)calloc(1, sizeof *r);
    if (!r) {
        snprintf(reason, REASON, "out of memory");
        return NULL;
    }
    r->base.read = jpeg_reader_read;
    r->base.close = jpeg_reader_close;
    r->jpeg.err = errors_begin(&r->errors, reason);
    if (!read_header(r, bytes, size, color, unconverted)) return r;
    jpeg_reader_close(&r->base);
    return NULL;
}

picture_rows *jpeg_rows_open(const uint8_t *bytes, size_t size, char reason[REASON]) {
    jpeg_reader *r = reader_open(bytes, size, NULL, 0, reason);
    return r ? &r->base : NULL;
}

int jpeg_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *color, char reason[REASON]) {
    jpeg_reader *r = reader_open(bytes, size, color, 0, reason);
    int bad;
    if (!r) return -1;
    image->width = r->base.width;
    image->height = r->base.height;
    image->type = GMLP_U8;
    bad = image_allocate(image, reason) || jpeg_reader_read(&r->base, (uint8_t *)image->data, image->height, reason);
    jpeg_reader_close(&r->base);
    return bad ? -1 : 0;
}

static void float_codes(const uint8_t *row, uint32_t width, int ycc, float *out) {
    uint32_t x;
    int c;
    for (x = 0; x < width; x++, row += 3, out += 3) {
        if (ycc) { /* ITU-T T.871 */
            const float luma = row[0], blue = (float)row[1] - 128, red = (float)row[2] - 128;
            out[0] = luma + 1.402f * red;
            out[1] = luma - 0.344136286f * blue - 0.714136286f * red;
            out[2] = luma + 1.772f * blue;
        } else
            for (c = 0; c < 3; c++) out[c] = row[c];
        for (c = 0; c < 3; c++) out[c] = out[c] > 0 ? out[c] < 255 ? out[c] / 255 : 1 : 0;
    }
}

int jpeg_load_float(const uint8_t *bytes, size_t size, gmlp_image *image, char reason[REASON]) {
    jpeg_reader *r = reader_open(bytes, size, NULL, 1, reason);
    uint8_t *row;
    uint32_t y;
    int bad;
    if (!r) return -1;
    image->width = r->base.width;
    image->height = r->base.height;
    image->type = GMLP_FLOAT;
    image->data = NULL;
    row = (uint8_t *)malloc(r->row_bytes);
    if (!row) snprintf(reason, REASON, "out of memory");
    bad = !row || image_allocate(image, reason);
    for (y = 0; y < image->height && !bad; y++) {
        bad = jpeg_reader_read(&r->base, row, 1, reason);
        if (!bad) float_codes(row, image->width, r->jpeg.out_color_space == JCS_YCbCr, (float *)image->data + (size_t)y * image->width * 3);
    }
    free(row);
    jpeg_reader_close(&r->base);
    if (!bad) return 0;
    free(image->data);
    image->data = NULL;
    return -1;
}

/* Writing. */

typedef struct jpeg_sink {
    picture_sink base;
    struct jpeg_compress_struct jpeg;
    jpeg_errors errors;
    size_t row_bytes;
} jpeg_sink;

static int jpeg_sink_rows(picture_sink *base, const uint8_t *rows, uint32_t count, char reason[REASON]) {
    jpeg_sink *s = (jpeg_sink *)(void *)base;
    const uint32_t start = s->jpeg.next_scanline, end = start + count;
    s->errors.reason = reason;
    if (setjmp(s->errors.jump)) return -1;
    while (s->jpeg.next_scanline < end) {
        JSAMPROW pointers[ROWS_AT_ONCE];
        uint32_t n = end - s->jpeg.next_scanline, i;
        if (n > ROWS_AT_ONCE) n = ROWS_AT_ONCE;
        for (i = 0; i < n; i++) /* not written to */
            pointers[i] = (JSAMPROW)(uintptr_t)(rows + (s->jpeg.next_scanline - start + i) * s->row_bytes);
        jpeg_write_scanlines(&s->jpeg, pointers, n);
    }
    return 0;
}

static int jpeg_finish(jpeg_sink *s) {
    if (setjmp(s->errors.jump)) return -1;
    jpeg_finish_compress(&s->jpeg);
    return 0;
}

static int jpeg_sink_end(picture_sink *base, int failed, char reason[REASON]) {
    jpeg_sink *s = (jpeg_sink *)(void *)base;
    s->errors.reason = reason;
    if (!failed) failed = jpeg_finish(s);
    jpeg_destroy_compress(&s->jpeg);
    free(s);
    return failed ? -1 : 0;
}

static int jpeg_begin(jpeg_sink *s, int channels, const picture_write_opts *opts, const uint8_t *icc, size_t icc_size) {
    int i;
    if (setjmp(s->errors.jump)) return -1;
    jpeg_create_compress(&s->jpeg);
    jpeg_stdio_dest(&s->jpeg, s->base.file);
    s->jpeg.image_width = s->base.like.width;
    s->jpeg.image_height = s->base.like.height;
    s->jpeg.input_components = channels;
    s->jpeg.in_color_space = channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(&s->jpeg);
    jpeg_set_quality(&s->jpeg, opts->quality ? opts->quality : 95, TRUE);
    s->jpeg.dct_method = JDCT_ISLOW;
    for (i = 0; i < channels; i++) s->jpeg.comp_info[i].h_samp_factor = s->jpeg.comp_info[i].v_samp_factor = !i && opts->subsample ? 2 : 1;
    jpeg_start_compress(&s->jpeg, TRUE);
    if (icc) jpeg_write_icc_profile(&s->jpeg, icc, (unsigned int)icc_size);
    return 0;
}

static picture_sink *sink_open(FILE *file, const gmlp_image *like, int channels, const picture_write_opts *opts,
                               const uint8_t *icc, size_t icc_size, char reason[REASON]) {
    jpeg_sink *s = (jpeg_sink *)calloc(1, sizeof *s);
    if (!s) {
        snprintf(reason, REASON, "out of memory");
        return NULL;
    }
    s->base.rows = jpeg_sink_rows;
    s->base.end = jpeg_sink_end;
    s->base.file = file;
    s->base.like = *like;
    s->row_bytes = (size_t)like->width * (size_t)channels;
    s->jpeg.err = errors_begin(&s->errors, reason);
    if (!jpeg_begin(s, channels, opts, icc, icc_size)) return &s->base;
    jpeg_destroy_compress(&s->jpeg);
    free(s);
    return NULL;
}

picture_sink *jpeg_sink_open(FILE *file, const gmlp_image *like, const picture_write_opts *opts, const uint8_t *icc,
                             size_t icc_size, char reason[REASON]) {
    return sink_open(file, like, 3, opts, icc, icc_size, reason);
}

int jpeg_save_bare(FILE *file, const gmlp_image *image, int channels, const picture_write_opts *opts, char reason[REASON]) {
    picture_sink *s = sink_open(file, image, channels, opts, NULL, 0, reason);
    return s ? s->end(s, s->rows(s, (const uint8_t *)image->data, image->height, reason), reason) : -1;
}
