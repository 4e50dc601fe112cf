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
    int ended; /* the file ended before the picture's end marker */
} jpeg_errors;

#define BITS_REASON "JPEG: %d-bit samples are not supported, 8-bit ones are; a PNG or TIFF holds it"

static void on_jpeg_error(j_common_ptr c) {
    enum { LOSSLESS = 0xc3, ARITHMETIC_LOSSLESS = 0xcb, JPEG_LS = 0xf7 };
    jpeg_errors *e = (jpeg_errors *)(void *)c->err;
    const int code = c->err->msg_code, value = c->err->msg_parm.i[0];
    char text[JMSG_LENGTH_MAX];
    if (code == JERR_FILE_WRITE) write_reason(e->reason);
    else if (code == JERR_SOF_UNSUPPORTED || (code == JERR_UNKNOWN_MARKER && value == JPEG_LS))
        snprintf(e->reason, REASON, "JPEG: %s, which is not read here; a PNG or TIFF holds it",
                 value == JPEG_LS                                    ? "JPEG-LS"
                 : value == LOSSLESS || value == ARITHMETIC_LOSSLESS ? "lossless JPEG"
                                                                     : "hierarchical JPEG");
    else if (code == JERR_BAD_PRECISION) snprintf(e->reason, REASON, BITS_REASON, value);
    else {
        c->err->format_message(c, text);
        snprintf(e->reason, REASON, "JPEG: %.*s", REASON - 8, text);
    }
    longjmp(e->jump, 1);
}

/* libjpeg fills what is missing with grey and warns; here that is an error. A missing end alone is none. */
static void on_jpeg_message(j_common_ptr c, int level) {
    const int code = c->err->msg_code;
    jpeg_errors *e = (jpeg_errors *)(void *)c->err;
    if (level >= 0) return;
    if (code == JWRN_JPEG_EOF) e->ended = 1;
    if (code == JWRN_HIT_MARKER && e->ended) {
        snprintf(e->reason, REASON, "JPEG: the file ends too early");
        longjmp(e->jump, 1);
    }
    if (code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_ARITH_BAD_CODE ||
        code == JWRN_MUST_RESYNC)
        on_jpeg_error(c);
}

static struct jpeg_error_mgr *errors_begin(jpeg_errors *e, char *reason) {
    struct jpeg_error_mgr *base = jpeg_std_error(&e->base);
    base->error_exit = on_jpeg_error;
    base->emit_message = on_jpeg_message;
    e->reason = reason;
    e->ended = 0;
    reason[0] = 0;
    return base;
}

/* Reading. */

/* A block of 64 samples takes a bit at least in the one scan that has its mean, so that a byte holds at most 512
   pixels. Arithmetic coding can go below; with it only blank pictures of more than FREE_PIXELS are refused. */
#define PIXELS_A_BYTE 512
#define FREE_PIXELS 0x1p24

/* Every scan goes over the whole picture, but may cost no more than some bytes. FREE_WORK is a second; more scans than
   the usual ten are taken from all but the emptiest pictures. */
#define MOST_SCANS 500
#define FREE_WORK 0x1p29
#define WORK_A_BYTE (10.0 * PIXELS_A_BYTE)

typedef struct jpeg_limits {
    struct jpeg_progress_mgr base;
    size_t size; /* of the file */
} jpeg_limits;

typedef struct jpeg_reader {
    picture_rows base;
    struct jpeg_decompress_struct jpeg;
    jpeg_errors errors;
    jpeg_limits limits;
    size_t row_bytes;
    int other_pictures; /* an MPF index */
} jpeg_reader;

static void on_jpeg_progress(j_common_ptr c) {
    jpeg_errors *e = (jpeg_errors *)(void *)c->err;
    const struct jpeg_decompress_struct *jpeg = (const struct jpeg_decompress_struct *)(void *)c;
    const double work = (double)jpeg->image_width * jpeg->image_height * jpeg->input_scan_number;
    if (jpeg->input_scan_number > MOST_SCANS) snprintf(e->reason, REASON, "JPEG: more than %d scans", MOST_SCANS);
    else if (work > FREE_WORK + WORK_A_BYTE * (double)((jpeg_limits *)(void *)c->progress)->size)
        snprintf(e->reason, REASON, "JPEG: too many scans (%d) of too many pixels for a file of its size",
                 jpeg->input_scan_number);
    else return;
    longjmp(e->jump, 1);
}

static void jpeg_reader_close(picture_rows *base) {
    jpeg_reader *r = (jpeg_reader *)(void *)base;
    jpeg_destroy_decompress(&r->jpeg);
    free(r);
}

/* libjpeg says nothing of a component or (where the file was cut) a refining scan that never came. */
static int is_complete(const struct jpeg_decompress_struct *jpeg, int cut) {
    int c, k;
    for (c = 0; c < jpeg->num_components; c++) {
        if (!jpeg->comp_info[c].quant_table) return 0;
        for (k = 0; k < DCTSIZE2 && cut && jpeg->coef_bits; k++)
            if (jpeg->coef_bits[c][k]) return 0;
    }
    return 1;
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
    if (end < base->height) return 0;
    if (!is_complete(&r->jpeg, r->errors.ended)) {
        snprintf(reason, REASON, "JPEG: the file ends too early");
        return -1;
    }
    jpeg_finish_decompress(&r->jpeg);
    return 0;
}

/* What the markers say. */

static int begins(const jpeg_saved_marker_ptr m, int app, const char *with, size_t length) {
    return m->marker == JPEG_APP0 + app && m->data_length >= length && !memcmp(m->data, with, length);
}

#define ICC_HEAD 14u /* ICC_PROFILE, 0, the chunk's number from 1 on, how many there are */

static int is_icc(const jpeg_saved_marker_ptr m) {
    return begins(m, 2, "ICC_PROFILE", 12) && m->data_length >= ICC_HEAD;
}

/* The chunks one after another, by their numbers or as they come; one that is there twice, once. Returns the bytes. */
static size_t join_icc(const jpeg_saved_marker_ptr first, int by_number, uint8_t *to) {
    jpeg_saved_marker_ptr m, before;
    size_t size = 0;
    int number;
    for (number = 0; number < (by_number ? 256 : 1); number++)
        for (m = first; m; m = m->next) {
            if (!is_icc(m) || (by_number && m->data[12] != number)) continue;
            for (before = first; before != m; before = before->next)
                if (is_icc(before) && before->data[12] == m->data[12] && before->data_length == m->data_length &&
                    !memcmp(before->data + ICC_HEAD, m->data + ICC_HEAD, m->data_length - ICC_HEAD))
                    break;
            if (before != m) continue;
            memcpy(to + size, m->data + ICC_HEAD, m->data_length - ICC_HEAD);
            size += m->data_length - ICC_HEAD;
        }
    return size;
}

static int is_profile(const uint8_t *bytes, size_t size) { return size >= 128 && !memcmp(bytes + 36, "acsp", 4); }

/* libjpeg's own reader wants chunks numbered without a fault, and is silent if they are not. */
static int read_icc(const jpeg_saved_marker_ptr first, picture_facts *facts) {
    jpeg_saved_marker_ptr m;
    size_t all = 0, size, said;
    int chunks = 0;
    uint8_t *icc;
    for (m = first; m; m = m->next)
        if (is_icc(m)) {
            all += m->data_length - ICC_HEAD;
            chunks++;
        }
    if (!chunks) return 0;
    if (chunks > 255) {
        snprintf(facts->icc_fault, REASON, "its ICC profile is damaged: %d chunks", chunks);
        return 0;
    }
    icc = (uint8_t *)malloc(all ? all : 1);
    if (!icc) return -1;
    size = join_icc(first, 1, icc);
    if (!is_profile(icc, size)) size = join_icc(first, 0, icc);
    facts->icc = icc;
    facts->icc_size = size;
    if (!is_profile(icc, size)) return 0; /* Little-CMS will call it damaged */
    said = (size_t)icc[0] << 24 | (size_t)icc[1] << 16 | (size_t)icc[2] << 8 | icc[3];
    if (said > size) snprintf(facts->icc_fault, REASON, "its ICC profile is incomplete: %zu of %zu bytes", size, said);
    else if (is_profile(icc + said, size - said) && memcmp(icc, icc + said, said < size - said ? said : size - said))
        snprintf(facts->icc_fault, REASON, "it has two ICC profiles that differ");
    return 0;
}

enum { JFIF_INCH = 1, JFIF_CENTIMETRE = 2 }; /* units of resolution */

#define EXIF_ID "Exif\0"                          /* with its NUL, as the others */
#define XMP_ID "http://ns.adobe.com/xap/1.0/"
#define EXTENDED_XMP_ID "http://ns.adobe.com/xmp/extension/"
#define PHOTOSHOP_ID "Photoshop 3.0"
#define HAS_ID(m, app, id) begins(m, app, id, sizeof id)

/* The name, the packet's 32 digits, the length of all, this part's offset, 4 bytes each. */
#define EXTENSION_HEAD (sizeof EXTENDED_XMP_ID + 40)

static size_t number_at(const uint8_t *p) {
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* The packet's second part, from all of its segments. 0, or -1: no memory. */
static int read_extension(const jpeg_saved_marker_ptr first, picture_facts *facts) {
    const metadata_block *xmp = &facts->carried.blocks[METADATA_XMP];
    const char *name = xmp->bytes ? xmp_extension(xmp->bytes, xmp->size) : NULL;
    jpeg_saved_marker_ptr m;
    uint8_t *all = NULL;
    size_t size = 0, got = 0;
    int any = 0, bad = 0;
    for (m = first; m && !bad; m = m->next) {
        const size_t n = m->data_length - EXTENSION_HEAD;
        const uint8_t *p = m->data + sizeof EXTENDED_XMP_ID;
        if (!HAS_ID(m, 1, EXTENDED_XMP_ID)) continue;
        any = 1;
        if (m->data_length < EXTENSION_HEAD || !name || memcmp(p, name, 32) != 0) continue;
        if (!all) {
            size = number_at(p + 32);
            all = size && size <= METADATA_MOST ? (uint8_t *)calloc(size, 1) : NULL;
        }
        bad = !all || number_at(p + 32) != size || number_at(p + 36) > size || n > size - number_at(p + 36);
        if (!bad) memcpy(all + number_at(p + 36), p + 40, n);
        got += n;
    }
    bad = bad || !all || got != size;
    if (any && bad) picture_note(facts->left, "its extended XMP is not carried over: damaged, or of another packet");
    bad = any && !bad ? metadata_set(&facts->carried, METADATA_EXTENSION, all, size) : 0;
    free(all);
    return bad;
}

/* IPTC is among the resources of all such segments, one after another. 0, or -1: no memory. */
static int read_photoshop(const jpeg_saved_marker_ptr first, picture_facts *facts) {
    jpeg_saved_marker_ptr m;
    const uint8_t *iptc;
    uint8_t *all;
    size_t size = 0;
    for (m = first; m; m = m->next)
        if (HAS_ID(m, 13, PHOTOSHOP_ID)) size += m->data_length - sizeof PHOTOSHOP_ID;
    if (!size) return 0;
    all = (uint8_t *)malloc(size);
    if (!all) return -1;
    size = 0;
    for (m = first; m; m = m->next)
        if (HAS_ID(m, 13, PHOTOSHOP_ID)) {
            memcpy(all + size, m->data + sizeof PHOTOSHOP_ID, m->data_length - sizeof PHOTOSHOP_ID);
            size += m->data_length - sizeof PHOTOSHOP_ID;
        }
    iptc = photoshop_iptc(all, size, &size);
    if (size) picture_keep_metadata(facts, METADATA_IPTC, iptc, size);
    free(all);
    return 0;
}

static int is_network(const jpeg_saved_marker_ptr m) {
    return m->data_length >= 9 && !memcmp(m->data, "GamutMLP ", 9);
}

static void read_markers(jpeg_reader *r, picture_facts *facts) {
    const jpeg_saved_marker_ptr first = r->jpeg.marker_list;
    const int unit = r->jpeg.saw_JFIF_marker ? r->jpeg.density_unit : 0;
    jpeg_saved_marker_ptr m;
    if (unit == JFIF_INCH || unit == JFIF_CENTIMETRE)
        picture_keep_resolution(facts, r->jpeg.X_density, r->jpeg.Y_density,
                                unit == JFIF_INCH ? 1 : 100 * METRES_PER_INCH);
    for (m = first; m; m = m->next) {
        if (HAS_ID(m, 1, EXIF_ID)) {
            if (!(facts->metadata & PICTURE_HAS_EXIF)) exif_read(m->data + 6, m->data_length - 6, facts);
            picture_keep_metadata(facts, METADATA_EXIF, m->data + 6, m->data_length - 6);
        } else if (HAS_ID(m, 1, XMP_ID))
            picture_keep_metadata(facts, METADATA_XMP, m->data + sizeof XMP_ID, m->data_length - sizeof XMP_ID);
        r->other_pictures |= begins(m, 2, "MPF", 4);
        if (m->marker == JPEG_COM && m->data_length && !is_network(m))
            picture_note(facts->left, "its comment is left out");
    }
    if (!read_icc(first, facts) && !read_photoshop(first, facts) && !read_extension(first, facts)) return;
    snprintf(r->errors.reason, REASON, "out of memory");
    longjmp(r->errors.jump, 1);
}

/* What only shows at the end. */
static void note_end(const jpeg_reader *r, picture_facts *facts) {
    const struct jpeg_source_mgr *rest = r->jpeg.src;
    const uint8_t *p = rest->next_input_byte;
    const size_t size = r->errors.ended ? 0 : rest->bytes_in_buffer;
    const char *what = r->other_pictures ? "other pictures (MPF), " : "";
    if (size >= 8 && !memcmp(p + 4, "ftyp", 4)) what = "a video, ";
    if (r->errors.ended) picture_note(facts->notes, "its end marker is missing; all pixels are there");
    if (size && memcmp(p, p + 1, size - 1)) /* else padding */
        picture_note(facts->left, "what lies behind the picture is left out: %s%zu bytes", what, size);
}

/* What a reader gives: RGB; RGB or Y'CbCr as the file has it, subsampled colour repeated; Y'CbCr alone. */
enum { GIVE_RGB, GIVE_STORED, GIVE_YCC };

/* Up to the first scan. */
static void read_segments(jpeg_reader *r, const uint8_t *bytes, size_t size, picture_facts *facts) {
    jpeg_create_decompress(&r->jpeg);
    jpeg_mem_src(&r->jpeg, bytes, (unsigned long)size);
    r->limits.base.progress_monitor = on_jpeg_progress;
    r->limits.size = size;
    r->jpeg.progress = &r->limits.base;
    if (facts) {
        jpeg_save_markers(&r->jpeg, JPEG_APP0 + 1, 0xffff);
        jpeg_save_markers(&r->jpeg, JPEG_APP0 + 2, 0xffff);
        jpeg_save_markers(&r->jpeg, JPEG_APP0 + 13, 0xffff);
        jpeg_save_markers(&r->jpeg, JPEG_COM, 0xffff);
    }
    jpeg_read_header(&r->jpeg, TRUE);
    if (facts) read_markers(r, facts);
}

static int read_header(jpeg_reader *r, const uint8_t *bytes, size_t size, picture_facts *facts, int give) {
    if (setjmp(r->errors.jump)) return -1;
    read_segments(r, bytes, size, facts);
    if (r->jpeg.jpeg_color_space == JCS_CMYK || r->jpeg.jpeg_color_space == JCS_YCCK) {
        snprintf(r->errors.reason, REASON, "a CMYK picture; convert it to RGB first");
        return -1;
    }
    if (give == GIVE_YCC && r->jpeg.jpeg_color_space != JCS_YCbCr) {
        snprintf(r->errors.reason, REASON,
                 "JPEG: stored as %s, not as Y'CbCr; the colours beyond sRGB were lost when it was saved so",
                 r->jpeg.jpeg_color_space == JCS_GRAYSCALE ? "grey" : "RGB");
        return -1;
    }
    if (r->jpeg.data_precision != 8) {
        snprintf(r->errors.reason, REASON, BITS_REASON, r->jpeg.data_precision);
        return -1;
    }
    if ((double)r->jpeg.image_width * r->jpeg.image_height > FREE_PIXELS + (double)PIXELS_A_BYTE * (double)size) {
        snprintf(r->errors.reason, REASON, "JPEG: the file is too short for its size in pixels");
        return -1;
    }
    r->jpeg.out_color_space = JCS_RGB;
    if (give != GIVE_RGB && r->jpeg.jpeg_color_space == JCS_YCbCr) {
        r->jpeg.out_color_space = JCS_YCbCr;
        r->jpeg.do_fancy_upsampling = give == GIVE_YCC; /* as of RGB */
    }
    r->jpeg.dct_method = JDCT_ISLOW;
    jpeg_start_decompress(&r->jpeg);
    r->base.width = r->jpeg.output_width;
    r->base.height = r->jpeg.output_height;
    r->row_bytes = (size_t)r->base.width * 3;
    return 0;
}

static int read_look(jpeg_reader *r, const uint8_t *bytes, size_t size, picture_facts *facts) {
    if (setjmp(r->errors.jump)) return -1;
    read_segments(r, bytes, size, facts);
    return 0;
}

int jpeg_look(const uint8_t *bytes, size_t size, picture_facts *facts, char reason[REASON]) {
    jpeg_reader *r = (jpeg_reader *)calloc(1, sizeof *r);
    int bad;
    if (!r) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
    r->jpeg.err = errors_begin(&r->errors, reason);
    bad = read_look(r, bytes, size, facts);
    jpeg_reader_close(&r->base);
    return bad;
}

static jpeg_reader *reader_open(const uint8_t *bytes, size_t size, picture_facts *facts, int give,
                                char reason[REASON]) {
    jpeg_reader *r = (jpeg_reader *)calloc(1, sizeof *r);
    if (!r) {
        snprintf(reason, REASON, "out of memory");
        return NULL;
    }
    r->base.read = jpeg_reader_read;
    r->base.close = jpeg_reader_close;
    r->jpeg.err = errors_begin(&r->errors, reason);
    if (!read_header(r, bytes, size, facts, give)) return r;
    jpeg_reader_close(&r->base);
    return NULL;
}

picture_rows *jpeg_rows_open(const uint8_t *bytes, size_t size, char reason[REASON]) {
    jpeg_reader *r = reader_open(bytes, size, NULL, GIVE_RGB, reason);
    return r ? &r->base : NULL;
}

picture_rows *jpeg_rows_open_sycc(const uint8_t *bytes, size_t size, char reason[REASON]) {
    jpeg_reader *r = reader_open(bytes, size, NULL, GIVE_YCC, reason);
    return r ? &r->base : NULL;
}

static int load(const uint8_t *bytes, size_t size, int give, gmlp_image *image, picture_facts *facts,
                char reason[REASON]) {
    jpeg_reader *r = reader_open(bytes, size, facts, give, reason);
    int bad;
    if (!r) return -1;
    image->width = r->base.width;
    image->height = r->base.height;
    image->type = GMLP_U8;
    bad = image_allocate(image, reason) || jpeg_reader_read(&r->base, (uint8_t *)image->data, image->height, reason);
    if (!bad) note_end(r, facts);
    jpeg_reader_close(&r->base);
    return bad ? -1 : 0;
}

int jpeg_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    return load(bytes, size, GIVE_RGB, image, facts, reason);
}

int jpeg_load_sycc(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    return load(bytes, size, GIVE_YCC, image, facts, reason);
}

static void float_codes(const uint8_t *row, uint32_t width, int ycc, float *out) {
    uint32_t x;
    int c;
    for (x = 0; x < width; x++, row += 3, out += 3) {
        if (ycc) { /* ITU-T T.871 */
            /* checked: libjpeg has written the row */
            const float luma = row[0], blue = (float)row[1] - 128, red = (float)row[2] - 128;
            out[0] = luma + 1.402f * red;
            out[1] = luma - 0.344136286f * blue - 0.714136286f * red;
            out[2] = luma + 1.772f * blue;
        } else
            /* checked: likewise */
            for (c = 0; c < 3; c++) out[c] = row[c];
        for (c = 0; c < 3; c++) out[c] = out[c] > 0 ? out[c] < 255 ? out[c] / 255 : 1 : 0;
    }
}

typedef struct float_reader {
    picture_rows base;
    jpeg_reader *stored;
    uint8_t *row;
} float_reader;

static int float_read(picture_rows *base, uint8_t *rows, uint32_t count, char reason[REASON]) {
    float_reader *r = (float_reader *)(void *)base;
    const size_t bytes = (size_t)base->width * 3 * sizeof(float);
    for (; count--; rows += bytes) {
        if (jpeg_reader_read(&r->stored->base, r->row, 1, reason)) return -1;
        float_codes(r->row, base->width, r->stored->jpeg.out_color_space == JCS_YCbCr, (float *)(void *)rows);
    }
    return 0;
}

static void float_close(picture_rows *base) {
    float_reader *r = (float_reader *)(void *)base;
    jpeg_reader_close(&r->stored->base);
    free(r->row);
    free(r);
}

picture_rows *jpeg_rows_open_float(const uint8_t *bytes, size_t size, char reason[REASON]) {
    jpeg_reader *stored = reader_open(bytes, size, NULL, GIVE_STORED, reason);
    float_reader *r = stored ? (float_reader *)calloc(1, sizeof *r) : NULL;
    if (!stored) return NULL;
    if (r && (r->row = (uint8_t *)malloc(stored->row_bytes)) != NULL) {
        r->stored = stored;
        r->base.read = float_read;
        r->base.close = float_close;
        r->base.width = stored->base.width;
        r->base.height = stored->base.height;
        return &r->base;
    }
    snprintf(reason, REASON, "out of memory");
    jpeg_reader_close(&stored->base);
    free(r);
    return NULL;
}

int jpeg_load_float(const uint8_t *bytes, size_t size, gmlp_image *image, char reason[REASON]) {
    picture_rows *r = jpeg_rows_open_float(bytes, size, reason);
    int bad;
    if (!r) return -1;
    image->width = r->width;
    image->height = r->height;
    image->type = GMLP_F32;
    image->data = NULL;
    bad = image_allocate(image, reason) || r->read(r, (uint8_t *)image->data, image->height, reason);
    r->close(r);
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

/* A segment, if it can hold that. */
static void write_segment(struct jpeg_compress_struct *jpeg, int app, const char *id, size_t id_size,
                          const void *bytes, size_t size) {
    const uint8_t *p = (const uint8_t *)bytes;
    size_t i;
    if (size > 65533 - id_size) return;
    jpeg_write_m_header(jpeg, JPEG_APP0 + app, (unsigned int)(id_size + size));
    for (i = 0; i < id_size; i++) jpeg_write_m_byte(jpeg, id[i]);
    for (i = 0; i < size; i++) jpeg_write_m_byte(jpeg, p[i]);
}

/* By the name that the packet has for it. */
static void write_extension(struct jpeg_compress_struct *jpeg, const metadata_block *xmp, const metadata_block *more) {
    const size_t most = 65400;
    const char *name = more->bytes && xmp->bytes ? xmp_extension(xmp->bytes, xmp->size) : NULL;
    char head[EXTENSION_HEAD] = EXTENDED_XMP_ID;
    size_t at, n, i;
    for (at = 0; name && at < more->size; at += n) {
        n = more->size - at < most ? more->size - at : most;
        memcpy(head + sizeof EXTENDED_XMP_ID, name, 32);
        for (i = 0; i < 4; i++) {
            head[sizeof EXTENDED_XMP_ID + 32 + i] = (char)(more->size >> (24 - 8 * i) & 255);
            head[sizeof EXTENDED_XMP_ID + 36 + i] = (char)(at >> (24 - 8 * i) & 255);
        }
        write_segment(jpeg, 1, head, sizeof head, more->bytes + at, n);
    }
}

static void write_metadata(struct jpeg_compress_struct *jpeg, const picture_metadata *metadata) {
    const metadata_block *exif = &metadata->blocks[METADATA_EXIF], *iptc = &metadata->blocks[METADATA_IPTC];
    const metadata_block *xmp = &metadata->blocks[METADATA_XMP];
    if (exif->size) write_segment(jpeg, 1, EXIF_ID, sizeof EXIF_ID, exif->bytes, exif->size);
    if (xmp->size) write_segment(jpeg, 1, XMP_ID, sizeof XMP_ID, xmp->bytes, xmp->size);
    write_extension(jpeg, xmp, &metadata->blocks[METADATA_EXTENSION]);
    if (iptc->size && iptc->size <= 65533 - sizeof PHOTOSHOP_ID - PHOTOSHOP_ROOM) {
        uint8_t resources[65533];
        const size_t size = photoshop_resources(iptc->bytes, iptc->size, resources);
        write_segment(jpeg, 13, PHOTOSHOP_ID, sizeof PHOTOSHOP_ID, resources, size);
    }
}

/* Goes into the file before all other metadata. */
static void set_resolution(struct jpeg_compress_struct *jpeg, const picture_metadata *metadata) {
    const double most = 65535;
    picture_resolution r;
    if (!metadata || !metadata_resolution(metadata, &r) || r.x < 1 || r.y < 1 || r.x > most || r.y > most) return;
    jpeg->density_unit = JFIF_INCH;
    jpeg->X_density = (UINT16)(r.x + 0.5);
    jpeg->Y_density = (UINT16)(r.y + 0.5);
}

static void set_sampling(struct jpeg_compress_struct *jpeg, int subsample) {
    int i;
    for (i = 0; i < jpeg->num_components; i++) {
        jpeg->comp_info[i].h_samp_factor = !i && subsample != PICTURE_444 ? 2 : 1;
        jpeg->comp_info[i].v_samp_factor = !i && subsample == PICTURE_420 ? 2 : 1;
    }
}

static int jpeg_begin(jpeg_sink *s, int channels, const picture_write_opts *opts, const uint8_t *icc, size_t icc_size) {
    if (setjmp(s->errors.jump)) return -1;
    jpeg_create_compress(&s->jpeg);
    jpeg_stdio_dest(&s->jpeg, s->base.file);
    s->jpeg.image_width = s->base.like.width;
    s->jpeg.image_height = s->base.like.height;
    s->jpeg.input_components = channels;
    s->jpeg.in_color_space = channels != 3 ? JCS_GRAYSCALE : s->base.like.space == GMLP_SYCC ? JCS_YCbCr : JCS_RGB;
    jpeg_set_defaults(&s->jpeg);
    jpeg_set_quality(&s->jpeg, opts->quality ? opts->quality : 95, TRUE);
    s->jpeg.dct_method = JDCT_ISLOW;
    set_sampling(&s->jpeg, opts->subsample);
    set_resolution(&s->jpeg, opts->metadata);
    jpeg_start_compress(&s->jpeg, TRUE);
    if (opts->metadata) write_metadata(&s->jpeg, opts->metadata);
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

int jpeg_save_bare(FILE *file, const gmlp_image *image, int channels, const picture_write_opts *opts,
                   char reason[REASON]) {
    picture_sink *s = sink_open(file, image, channels, opts, NULL, 0, reason);
    return s ? s->end(s, s->rows(s, (const uint8_t *)image->data, image->height, reason), reason) : -1;
}

/* Blocks of coefficients. */

struct block_writer {
    struct jpeg_compress_struct jpeg;
    jpeg_errors errors;
    jvirt_barray_ptr arrays[3];
    int16_t **rows; /* of all components */
    char reason[REASON];
};

static int blocks_begin(block_writer *w, FILE *file, const jpeg_blocks *blocks, const picture_metadata *metadata,
                        const uint8_t *icc, size_t icc_size) {
    j_common_ptr c = (j_common_ptr)(void *)&w->jpeg;
    int i;
    if (setjmp(w->errors.jump)) return -1;
    jpeg_create_compress(&w->jpeg);
    jpeg_stdio_dest(&w->jpeg, file);
    w->jpeg.image_width = blocks->width;
    w->jpeg.image_height = blocks->height;
    w->jpeg.input_components = 3;
    w->jpeg.in_color_space = JCS_YCbCr;
    jpeg_set_defaults(&w->jpeg);
    for (i = 0; i < 2; i++) jpeg_add_quant_table(&w->jpeg, i, blocks->steps[i], 100, TRUE);
    set_sampling(&w->jpeg, blocks->subsample);
    w->jpeg.optimize_coding = TRUE;
#if JPEG_LIB_VERSION >= 70 /* as Ubuntu's: of coefficients it computes neither */
    w->jpeg.jpeg_width = blocks->width;
    w->jpeg.jpeg_height = blocks->height;
    w->jpeg.min_DCT_h_scaled_size = w->jpeg.min_DCT_v_scaled_size = DCTSIZE;
#endif
    for (i = 0; i < 3; i++) {
        const JDIMENSION rows = (JDIMENSION)w->jpeg.comp_info[i].v_samp_factor;
        w->arrays[i] = w->jpeg.mem->request_virt_barray(c, JPOOL_IMAGE, TRUE, blocks->wide[i],
                                                        (blocks->high[i] + rows - 1) / rows * rows, rows);
    }
    set_resolution(&w->jpeg, metadata);
    jpeg_write_coefficients(&w->jpeg, w->arrays);
    if (metadata) write_metadata(&w->jpeg, metadata);
    if (icc) jpeg_write_icc_profile(&w->jpeg, icc, (unsigned int)icc_size);
    return 0;
}

/* libjpeg has all of them in memory at once, where they stay. */
static int find_rows(block_writer *w, jpeg_blocks *blocks) {
    j_common_ptr c = (j_common_ptr)(void *)&w->jpeg;
    int16_t **row = w->rows;
    JDIMENSION y;
    int i;
    if (setjmp(w->errors.jump)) return -1;
    for (i = 0; i < 3; i++) {
        blocks->rows[i] = row;
        for (y = 0; y < blocks->high[i]; y++)
            *row++ = w->jpeg.mem->access_virt_barray(c, w->arrays[i], y, 1, TRUE)[0][0];
    }
    return 0;
}

static void blocks_free(block_writer *w) {
    jpeg_destroy_compress(&w->jpeg);
    free(w->rows);
    free(w);
}

block_writer *jpeg_blocks_open(FILE *file, jpeg_blocks *blocks, const picture_metadata *metadata, const uint8_t *icc,
                               size_t icc_size, char reason[REASON]) {
    block_writer *w = (block_writer *)calloc(1, sizeof *w);
    const uint32_t across = blocks->subsample != PICTURE_444, down = blocks->subsample == PICTURE_420;
    int i;
    snprintf(reason, REASON, "out of memory");
    if (!w) return NULL;
    for (i = 0; i < 3; i++) {
        const uint32_t width = i && across ? (blocks->width + 1) / 2 : blocks->width;
        const uint32_t height = i && down ? (blocks->height + 1) / 2 : blocks->height;
        blocks->wide[i] = (width + DCTSIZE - 1) / DCTSIZE;
        blocks->high[i] = (height + DCTSIZE - 1) / DCTSIZE;
    }
    w->jpeg.err = errors_begin(&w->errors, w->reason);
    w->rows = (int16_t **)malloc(((size_t)blocks->high[0] + blocks->high[1] + blocks->high[2]) * sizeof *w->rows);
    if (w->rows && !blocks_begin(w, file, blocks, metadata, icc, icc_size) && !find_rows(w, blocks)) return w;
    if (w->rows) memcpy(reason, w->reason, REASON);
    blocks_free(w);
    return NULL;
}

static int blocks_finish(block_writer *w) {
    if (setjmp(w->errors.jump)) return -1;
    jpeg_finish_compress(&w->jpeg);
    return 0;
}

int jpeg_blocks_end(block_writer *w, int failed, char reason[REASON]) {
    const int bad = !failed && blocks_finish(w);
    if (bad) memcpy(reason, w->reason, REASON);
    blocks_free(w);
    return failed || bad ? -1 : 0;
}

/* The same blocks with other segments. */

typedef struct block_copier {
    struct jpeg_decompress_struct from;
    struct jpeg_compress_struct to;
    jpeg_errors errors;
} block_copier;

static int copy_all(block_copier *c, FILE *file, const uint8_t *bytes, size_t size, const picture_metadata *metadata,
                    const uint8_t *icc, size_t icc_size) {
    jvirt_barray_ptr *arrays;
    if (setjmp(c->errors.jump)) return -1;
    jpeg_create_decompress(&c->from);
    jpeg_create_compress(&c->to);
    jpeg_mem_src(&c->from, bytes, (unsigned long)size);
    jpeg_stdio_dest(&c->to, file);
    jpeg_read_header(&c->from, TRUE);
    arrays = jpeg_read_coefficients(&c->from);
    jpeg_copy_critical_parameters(&c->from, &c->to);
    c->to.optimize_coding = TRUE;
    set_resolution(&c->to, metadata);
    jpeg_write_coefficients(&c->to, arrays);
    if (metadata) write_metadata(&c->to, metadata);
    if (icc) jpeg_write_icc_profile(&c->to, icc, (unsigned int)icc_size);
    jpeg_finish_compress(&c->to);
    return 0;
}

int jpeg_save_again(FILE *file, const uint8_t *bytes, size_t size, const picture_metadata *metadata,
                    const uint8_t *icc, size_t icc_size, char reason[REASON]) {
    block_copier *c = (block_copier *)calloc(1, sizeof *c);
    int bad;
    if (!c) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
    c->from.err = c->to.err = errors_begin(&c->errors, reason);
    bad = copy_all(c, file, bytes, size, metadata, icc, icc_size);
    jpeg_destroy_compress(&c->to);
    jpeg_destroy_decompress(&c->from);
    free(c);
    return bad;
}
