/* HEIC and AVIF pictures, with libheif. What of a file is the picture:
   - its primary image, turned, mirrored and cut as the file says; EXIF's orientation is not looked at, as the format
     has it;
   - colours as they are without their alpha, which is by itself;
   - an ICC profile says more than code points, which then stand for the YCbCr alone. */
#ifdef __linux__
#define _GNU_SOURCE /* sched_setaffinity */
#include <sched.h>
#endif
#include <stdlib.h>
#include <string.h>

#include "pictures/formats.h"

/* Files of ISO's base media format say what they are in their first box: its size, "ftyp", the major brand, a version,
   other brands. HEIF's general brands do not tell the codec, but the others do. */
const char *heif_name(const uint8_t *b, size_t size) {
    static const struct {
        const char brand[5], *name;
    } brands[] = { { "avif", "an AVIF picture" }, { "avis", "an AVIF picture" }, { "heic", "a HEIC picture" },
                   { "heix", "a HEIC picture" }, { "hevc", "a HEIC picture" }, { "hevx", "a HEIC picture" },
                   { "heim", "a HEIC picture" }, { "heis", "a HEIC picture" }, { "mif1", "a HEIF picture" },
                   { "msf1", "a HEIF picture" } };
    size_t box, end, i, at;
    if (size < 12 || memcmp(b + 4, "ftyp", 4)) return NULL;
    box = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
    end = box < 16 ? 12 : box < size ? box : size;
    for (i = 0; i < sizeof brands / sizeof *brands; i++)
        for (at = 8; at + 4 <= end; at += at == 8 ? 8 : 4)
            if (!memcmp(b + at, brands[i].brand, 4)) return brands[i].name;
    return NULL;
}

#ifdef __has_include
#if __has_include(<libheif/heif.h>)
#define HEIF_FOUND
#endif
#endif

#ifndef HEIF_FOUND

const char *const heif_missing = "HEIC and AVIF (libheif)";

MISSING_READER(heif_load, "this build reads no HEIC and AVIF: libheif is missing")
void heif_prepare(void) {}

#else

#include <libheif/heif.h>

const char *const heif_missing = NULL;

static int failed(struct heif_error e, char reason[REASON]) {
    if (e.code == heif_error_Ok) return 0;
    snprintf(reason, REASON, "HEIF: %.150s", e.message ? e.message : "cannot be read");
    reason[strcspn(reason, "\n")] = 0; /* some end so */
    plain_text(reason);
    return -1;
}

/* An Exif block begins with how far behind these four bytes its TIFF structure does. */
static void keep_block(const struct heif_image_handle *handle, heif_item_id id, int kind, picture_facts *facts) {
    const size_t size = heif_image_handle_get_metadata_size(handle, id);
    uint8_t *bytes = size && size <= METADATA_MOST ? (uint8_t *)malloc(size) : NULL;
    size_t skip = 0;
    facts->metadata |= 1 << kind;
    if (!bytes) return;
    if (!heif_image_handle_get_metadata(handle, id, bytes).code) {
        if (kind == METADATA_EXIF && size >= 4)
            skip = 4 + ((size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3]);
        if (skip < size) picture_keep_metadata(facts, kind, bytes + skip, size - skip);
    }
    free(bytes);
}

static void read_metadata(const struct heif_image_handle *handle, picture_facts *facts) {
    enum { MOST = 32 };
    heif_item_id ids[MOST];
    const int n = heif_image_handle_get_list_of_metadata_block_IDs(handle, NULL, ids, MOST);
    int i;
    for (i = 0; i < n; i++) {
        const char *type = heif_image_handle_get_metadata_type(handle, ids[i]);
        const char *content = heif_image_handle_get_metadata_content_type(handle, ids[i]);
        if (type && !strcmp(type, "Exif")) keep_block(handle, ids[i], METADATA_EXIF, facts);
        if (content && !strcmp(content, "application/rdf+xml")) keep_block(handle, ids[i], METADATA_XMP, facts);
    }
}

/* Alpha is told apart, and a gain map by who can use it. */
static void note_others(struct heif_context *context, const struct heif_image_handle *handle, picture_facts *facts) {
    const int pictures = heif_context_get_number_of_top_level_images(context);
    if (pictures > 1)
        picture_note(facts->notes, "%d further picture%s left out", pictures - 1, pictures == 2 ? " is" : "s are");
    if (heif_image_handle_has_depth_image(handle)) picture_note(facts->left, "its depth map is left out");
}

static void read_code_points(const struct heif_color_profile_nclx *nclx, picture_facts *facts) {
    facts->cicp[0] = (uint8_t)nclx->color_primaries;
    facts->cicp[1] = (uint8_t)nclx->transfer_characteristics;
    facts->cicp[2] = 0; /* of the RGB that the library makes */
    facts->cicp[3] = 1;
    facts->has_cicp = 1;
}

/* Those that stand beside an ICC profile, too. NULL: there are none, or unknown ones, which is told. */
static struct heif_color_profile_nclx *code_points(const struct heif_image_handle *handle, picture_facts *facts) {
    struct heif_color_profile_nclx *nclx = NULL;
    const struct heif_error status = heif_image_handle_get_nclx_color_profile(handle, &nclx);
    if (status.code && status.code != heif_error_Color_profile_does_not_exist &&
        !heif_image_handle_get_raw_color_profile_size(handle))
        snprintf(facts->icc_fault, REASON, "its code points of colour are unknown");
    return nclx;
}

/* What libheif until now (1.15 to 1.21) makes no right RGB of: RGB of a limited range, and YCgCo of some depths. */
static int is_relabelled(const struct heif_color_profile_nclx *codes) {
    return codes->matrix_coefficients == heif_matrix_coefficients_YCgCo ||
           (codes->matrix_coefficients == heif_matrix_coefficients_RGB_GBR && !codes->full_range_flag);
}

static int read_color(const struct heif_image_handle *handle, const struct heif_color_profile_nclx *nclx,
                      picture_facts *facts, char reason[REASON]) {
    const size_t size = heif_image_handle_get_raw_color_profile_size(handle);
    void *icc;
    int bad;
    if (size) {
        icc = malloc(size);
        bad = !icc || heif_image_handle_get_raw_color_profile(handle, icc).code ||
              picture_keep_icc(facts, icc, size);
        free(icc);
        if (bad) snprintf(reason, REASON, "HEIF: its ICC profile cannot be read");
        return bad ? -1 : 0;
    }
    if (nclx) read_code_points(nclx, facts);
    return 0;
}

typedef struct opened {
    const uint8_t *bytes;
    size_t size;
    uint8_t *copy; /* of the file, changed, if that was needed */
    struct heif_context *context;
    struct heif_image_handle *handle;
} opened;

static int open_file(opened *f, const uint8_t *bytes, size_t size, char reason[REASON]) {
    f->bytes = bytes;
    f->size = size;
    f->context = heif_context_alloc();
    if (!f->context) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
#if LIBHEIF_NUMERIC_VERSION >= 0x01130000
    heif_context_get_security_limits(f->context)->max_image_size_pixels = pixels_in_proportion(size);
#else
    heif_context_set_maximum_image_size_limit(f->context, (int)GMLP_MAX_SIZE);
#endif
    return failed(heif_context_read_from_memory_without_copy(f->context, bytes, size, NULL), reason) ||
           failed(heif_context_get_primary_image_handle(f->context, &f->handle), reason) ? -1 : 0;
}

static void close_file(opened *f) {
    if (f->handle) heif_image_handle_release(f->handle);
    if (f->context) heif_context_free(f->context);
    f->handle = NULL;
    f->context = NULL;
}

/* As one of RGB of the full range, whose codes libheif leaves as they are. */
static void relabel(uint8_t *b, size_t size) {
    enum { MATRIX = 12, RANGE = 14 };
    size_t i;
    for (i = 0; i + RANGE < size; i++)
        if (!memcmp(b + i, "colrnclx", 8)) {
            b[i + MATRIX] = b[i + MATRIX + 1] = 0;
            b[i + RANGE] = 0x80;
        }
}

enum { NO_MIRROR = -1, TOP_TO_BOTTOM = 0, LEFT_TO_RIGHT = 1 };
static const char mirror_box[] = "\0\0\0\11imir"; /* and one byte of these */
enum { MIRROR_BOX = sizeof mirror_box - 1 };

/* NO_MIRROR: also of a file with two ways. */
static int find_mirror(const uint8_t *b, size_t size) {
    int way = NO_MIRROR;
    size_t i;
    for (i = 0; i + MIRROR_BOX < size; i++)
        if (!memcmp(b + i, mirror_box, MIRROR_BOX)) {
            const int this_way = b[i + MIRROR_BOX] & 1;
            if (way != NO_MIRROR && way != this_way) return NO_MIRROR;
            way = this_way;
        }
    return way;
}

/* As one that is turned by nothing in place of mirrored, which is the last that is done to its pixels. */
static void take_mirror_away(uint8_t *b, size_t size) {
    size_t i;
    for (i = 0; i + MIRROR_BOX < size; i++)
        if (!memcmp(b + i, mirror_box, MIRROR_BOX)) {
            memcpy(b + i + 4, "irot", 4);
            b[i + MIRROR_BOX] = 0;
        }
}

static int open_changed(opened *f, void (*change)(uint8_t *, size_t), char reason[REASON]) {
    close_file(f);
    if (!f->copy) {
        f->copy = (uint8_t *)malloc(f->size);
        if (!f->copy) {
            snprintf(reason, REASON, "out of memory");
            return -1;
        }
        memcpy(f->copy, f->bytes, f->size);
    }
    change(f->copy, f->size);
    return open_file(f, f->copy, f->size, reason);
}

/* Samples of a plane as so many bytes each, 1 or 2; what lies above their bits would be a fault of the library's. */
typedef struct plane {
    const uint8_t *row;
    int stride, bits, limited; /* limited: 16 to 235, of 8 bits, are 0 to 1 */
} plane;

static int find_plane(const struct heif_image *decoded, enum heif_channel channel, const gmlp_image *image, plane *p) {
    p->row = heif_image_get_plane_readonly(decoded, channel, &p->stride);
    p->bits = heif_image_get_bits_per_pixel_range(decoded, channel);
    p->limited = 0;
    return p->row && p->bits >= 8 && p->bits <= 16 &&
           (uint32_t)heif_image_get_width(decoded, channel) == image->width &&
           (uint32_t)heif_image_get_height(decoded, channel) == image->height ? 0 : -1;
}

static uint32_t sample_at(const plane *p, size_t x) {
    uint16_t wide;
    if (p->bits <= 8) return p->row[x];
    memcpy(&wide, p->row + 2 * x, 2);
    return wide;
}

static void put_code(int type, void *to, size_t at, uint32_t v) {
    if (type == GMLP_U8) ((uint8_t *)to)[at] = (uint8_t)v;
    else ((uint16_t *)to)[at] = (uint16_t)v;
}

/* The next row, every so many samples of it. */
static void take_row(plane *p, int type, void *to, size_t step, size_t n) {
    const uint32_t most = type == GMLP_U8 ? 255 : 65535;
    const uint32_t low = p->limited ? (uint32_t)16 << (p->bits - 8) : 0;
    const uint32_t span = p->limited ? (uint32_t)219 << (p->bits - 8) : ((uint32_t)1 << p->bits) - 1;
    size_t x;
    for (x = 0; x < n; x++) {
        const uint32_t v = sample_at(p, x), above = v > low ? v - low : 0;
        put_code(type, to, x * step, above >= span ? most : span == most ? above : (above * most + span / 2) / span);
    }
    p->row += p->stride;
}

/* The next row of YCgCo, of which Cr is Co and Cb is Cg. */
static void take_ycgco_row(plane planes[3], int type, void *to, size_t n) {
    const int bits = planes[0].bits, limited = planes[0].limited;
    const double unit = 1 << (bits - 8), full = (1 << bits) - 1, most = type == GMLP_U8 ? 255 : 65535;
    const double low = limited ? 16 * unit : 0, span = limited ? 219 * unit : full;
    const double chroma_span = limited ? 224 * unit : full, middle = 128 * unit;
    size_t x;
    int c;
    for (x = 0; x < n; x++) {
        const double co = (sample_at(&planes[0], x) - middle) / chroma_span;
        const double luma = (sample_at(&planes[1], x) - low) / span;
        const double cg = (sample_at(&planes[2], x) - middle) / chroma_span;
        const double rgb[3] = { luma - cg + co, luma + cg, luma - cg - co };
        for (c = 0; c < 3; c++)
            put_code(type, to, 3 * x + (size_t)c,
                     (uint32_t)(rgb[c] <= 0 ? 0 : rgb[c] >= 1 ? most : rgb[c] * most + 0.5));
    }
    for (c = 0; c < 3; c++) planes[c].row += planes[c].stride;
}

static void reverse(uint8_t *row, size_t n, size_t pixel) {
    uint8_t held[6];
    size_t i;
    for (i = 0; i < n / 2; i++) {
        uint8_t *a = row + i * pixel, *b = row + (n - 1 - i) * pixel;
        memcpy(held, a, pixel);
        memcpy(a, b, pixel);
        memcpy(b, held, pixel);
    }
}

/* RGB, or grey as the file has it; of what is_relabelled Cr, Y and Cb as the file has them. */
static int copy_pixels(const struct heif_image *decoded, const struct heif_color_profile_nclx *codes, int channels,
                       int multiplied, int mirror, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    static const enum heif_channel names[2][4] = {
        { heif_channel_R, heif_channel_G, heif_channel_B, heif_channel_Alpha },
        { heif_channel_Y, heif_channel_Y, heif_channel_Y, heif_channel_Alpha }
    };
    const int grey = heif_image_get_colorspace(decoded) == heif_colorspace_monochrome;
    const int limited = codes && !codes->full_range_flag && (grey || is_relabelled(codes));
    const int ycgco = codes && !grey && codes->matrix_coefficients == heif_matrix_coefficients_YCgCo;
    plane planes[4];
    uint8_t *alpha = NULL;
    size_t size, n = image->width;
    uint32_t y;
    int c;
    for (c = 0; c < channels; c++)
        if (find_plane(decoded, names[grey][c], image, &planes[c]) ||
            (ycgco && c < 3 && planes[c].bits != planes[0].bits)) {
            snprintf(reason, REASON, "HEIF: its pixels are not those that its header says");
            return -1;
        }
    for (c = 0; c < 3; c++) planes[c].limited = limited;
    image->type = planes[0].bits > 8 ? GMLP_U16 : GMLP_U8;
    size = gmlp_pixel_size(image->type, 1);
    if (image_allocate(image, reason)) return -1;
    if (channels == 4 && alpha_allocate(facts, image, reason)) return -1;
    if (channels == 4 && !(alpha = (uint8_t *)malloc(n * size))) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
    for (y = 0; y < image->height; y++) {
        const size_t row = mirror == TOP_TO_BOTTOM ? image->height - 1 - y : y;
        uint8_t *to = (uint8_t *)image->data + row * n * 3 * size;
        if (ycgco) take_ycgco_row(planes, image->type, to, n);
        else
            for (c = 0; c < 3; c++) take_row(&planes[c], image->type, to + (size_t)c * size, 3, n);
        if (channels == 4) {
            take_row(&planes[3], image->type, alpha, 1, n);
            alpha_codes(image->type, alpha, n, facts->alpha + row * n);
            if (multiplied) alpha_divide(image->type, to, alpha, n);
        }
        if (mirror != LEFT_TO_RIGHT) continue;
        reverse(to, n, 3 * size);
        if (channels == 4) reverse(facts->alpha + row * n, n, 1);
    }
    free(alpha);
    return 0;
}

/* With more than one processor dav1d, which libheif lets do as it likes, makes ready for several frames at once and
   keeps all coefficients of the one that there is, up to 15 bytes a pixel. */
#ifdef __linux__
typedef struct processors {
    cpu_set_t all;
    int changed;
} processors;

static void take_one_processor(processors *p) {
    cpu_set_t one;
    int i = 0;
    p->changed = !sched_getaffinity(0, sizeof p->all, &p->all);
    if (!p->changed) return;
    while (i < CPU_SETSIZE - 1 && !CPU_ISSET(i, &p->all)) i++;
    CPU_ZERO(&one);
    CPU_SET(i, &one);
    p->changed = !sched_setaffinity(0, sizeof one, &one);
}

static void take_all_processors(const processors *p) {
    if (p->changed) sched_setaffinity(0, sizeof p->all, &p->all);
}
#else
typedef int processors;
static void take_one_processor(processors *p) { (void)p; }
static void take_all_processors(const processors *p) { (void)p; }
#endif

enum { MANY_PIXELS = 1 << 26 }; /* with which memory counts more than time */

static int decode_as(const struct heif_image_handle *handle, const gmlp_image *image,
                     struct heif_color_profile_nclx *keep, enum heif_colorspace space, enum heif_chroma chroma,
                     struct heif_image **decoded, char reason[REASON]) {
    const int large = (uint64_t)image->width * image->height > MANY_PIXELS;
    struct heif_decoding_options *options = heif_decoding_options_alloc();
    struct heif_error status;
    processors p;
    if (!options) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
#if LIBHEIF_NUMERIC_VERSION >= 0x01150000
    options->output_image_nclx_profile = keep; /* NULL: sRGB's range and matrix */
#else
    (void)keep;
#endif
    if (large) take_one_processor(&p);
    status = heif_decode_image(handle, decoded, space, chroma, options);
    if (large) take_all_processors(&p);
    heif_decoding_options_free(options);
    if (failed(status, reason)) return -1;
#if LIBHEIF_NUMERIC_VERSION >= 0x010d0000
    if (heif_image_get_decoding_warnings(*decoded, 0, NULL, 0) > 0) { /* their texts may be gone already */
        snprintf(reason, REASON, "HEIF: the pixels are damaged");
        return -1;
    }
#endif
    return 0;
}

/* Matrices which libheif takes for another one. */
static int refuse_matrix(const struct heif_color_profile_nclx *codes, char reason[REASON]) {
    static const int unknown[] = { 10, 11, 13, 14, 15, 16, 17 };
    size_t i;
    for (i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if ((int)codes->matrix_coefficients == unknown[i]) {
            snprintf(reason, REASON, "HEIF: its matrix of colour (%d of H.273) is one that cannot be undone here",
                     unknown[i]);
            return -1;
        }
    return 0;
}

/* In planes of RGB, as the library has them at last: of large pictures another form would be a copy too much. But grey
   of a limited range it leaves in that, or not, as its release is: so that is asked for as it is, which gives RGB or
   YCbCr of what is not grey. */
static int decode(const struct heif_image_handle *handle, const gmlp_image *image,
                  const struct heif_color_profile_nclx *codes, struct heif_image **decoded, char reason[REASON]) {
    if (codes && refuse_matrix(codes, reason)) return -1;
    if (codes && (!codes->full_range_flag || is_relabelled(codes))) {
        struct heif_color_profile_nclx keep = *codes;
        if (is_relabelled(codes)) {
            keep.matrix_coefficients = heif_matrix_coefficients_RGB_GBR;
            keep.full_range_flag = 1;
        }
        if (decode_as(handle, image, &keep, heif_colorspace_undefined, heif_chroma_undefined, decoded, reason))
            return -1;
        if (heif_image_get_colorspace(*decoded) != heif_colorspace_YCbCr) return 0;
        heif_image_release(*decoded);
        *decoded = NULL;
    }
    return decode_as(handle, image, NULL, heif_colorspace_RGB, heif_chroma_444, decoded, reason);
}

static int read_primary(opened *f, const struct heif_color_profile_nclx *codes, gmlp_image *image,
                        picture_facts *facts, char reason[REASON]) {
    const int width = heif_image_handle_get_width(f->handle), height = heif_image_handle_get_height(f->handle);
    const int deep = heif_image_handle_get_luma_bits_per_pixel(f->handle) > 8;
    const int multiplied = heif_image_handle_is_premultiplied_alpha(f->handle);
    struct heif_image *decoded = NULL;
    int bad, mirror = NO_MIRROR, alpha = multiplied || heif_image_handle_has_alpha_channel(f->handle);
    plane unused;
    if (image_in_proportion(width, height, f->size, reason)) return -1;
    image->width = (uint32_t)width;
    image->height = (uint32_t)height;
    bad = decode(f->handle, image, codes, &decoded, reason);
    if (bad && !decoded && deep) mirror = find_mirror(f->bytes, f->size);
    if (mirror != NO_MIRROR) /* older releases of libheif mirror 8 bits alone */
        bad = open_changed(f, take_mirror_away, reason) || decode(f->handle, image, codes, &decoded, reason);
    if (!bad) {
        read_metadata(f->handle, facts);
        note_others(f->context, f->handle, facts);
        bad = read_color(f->handle, codes, facts, reason);
    }
    if (!bad && alpha && !multiplied && find_plane(decoded, heif_channel_Alpha, image, &unused)) {
        picture_note(facts->notes, "alpha is left out"); /* not as the colours are */
        alpha = 0;
    }
    bad = bad || copy_pixels(decoded, codes, alpha ? 4 : 3, multiplied, mirror, image, facts, reason);
    if (decoded) heif_image_release(decoded);
    return bad;
}

void heif_prepare(void) {
#if LIBHEIF_NUMERIC_VERSION >= 0x010d0000
    heif_init(NULL);
#endif
}

int heif_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    struct heif_color_profile_nclx *codes = NULL;
    opened f = { NULL, 0, NULL, NULL, NULL };
    int bad;
    heif_prepare();
    bad = open_file(&f, bytes, size, reason);
    if (!bad) codes = code_points(f.handle, facts);
    if (codes && is_relabelled(codes)) bad = open_changed(&f, relabel, reason);
    bad = bad || read_primary(&f, codes, image, facts, reason);
    close_file(&f);
    if (codes) heif_nclx_color_profile_free(codes);
    free(f.copy);
    return bad ? -1 : 0;
}

#endif
