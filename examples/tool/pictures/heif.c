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

static int read_color(const struct heif_image_handle *handle, picture_facts *facts, char reason[REASON]) {
    const size_t size = heif_image_handle_get_raw_color_profile_size(handle);
    struct heif_color_profile_nclx *nclx = NULL;
    struct heif_error status;
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
    status = heif_image_handle_get_nclx_color_profile(handle, &nclx);
    if (!status.code && nclx) read_code_points(nclx, facts);
    else if (status.code != heif_error_Color_profile_does_not_exist)
        snprintf(facts->icc_fault, REASON, "its code points of colour are unknown");
    if (nclx) heif_nclx_color_profile_free(nclx);
    return 0;
}

/* Samples of a plane as so many bytes each, 1 or 2; what lies above their bits would be a fault of the library's. */
typedef struct plane {
    const uint8_t *row;
    int stride, bits;
} plane;

static int find_plane(const struct heif_image *decoded, enum heif_channel channel, const gmlp_image *image, plane *p) {
    p->row = heif_image_get_plane_readonly(decoded, channel, &p->stride);
    p->bits = heif_image_get_bits_per_pixel_range(decoded, channel);
    return p->row && p->bits >= 8 && p->bits <= 16 &&
           (uint32_t)heif_image_get_width(decoded, channel) == image->width &&
           (uint32_t)heif_image_get_height(decoded, channel) == image->height ? 0 : -1;
}

/* The next row, every so many samples of it. */
static void take_row(plane *p, int type, void *to, size_t step, size_t n) {
    const uint32_t full = ((uint32_t)1 << p->bits) - 1, most = type == GMLP_U8 ? 255 : 65535;
    size_t x;
    for (x = 0; x < n; x++) {
        uint16_t wide;
        uint32_t v;
        if (p->bits > 8) memcpy(&wide, p->row + 2 * x, 2);
        else wide = p->row[x];
        v = wide >= full ? most : full == most ? wide : ((uint32_t)wide * most + full / 2) / full;
        if (type == GMLP_U8) ((uint8_t *)to)[x * step] = (uint8_t)v;
        else ((uint16_t *)to)[x * step] = (uint16_t)v;
    }
    p->row += p->stride;
}

static int copy_pixels(const struct heif_image *decoded, int channels, int multiplied, gmlp_image *image,
                       picture_facts *facts, char reason[REASON]) {
    static const enum heif_channel names[4] = { heif_channel_R, heif_channel_G, heif_channel_B, heif_channel_Alpha };
    plane planes[4];
    uint8_t *alpha = NULL;
    size_t size, n = image->width;
    uint32_t y;
    int c;
    for (c = 0; c < channels; c++)
        if (find_plane(decoded, names[c], image, &planes[c])) {
            snprintf(reason, REASON, "HEIF: its pixels are not those that its header says");
            return -1;
        }
    image->type = planes[0].bits > 8 ? GMLP_U16 : GMLP_U8;
    size = gmlp_pixel_size(image->type, 1);
    if (image_allocate(image, reason)) return -1;
    if (channels == 4 && alpha_allocate(facts, image, reason)) return -1;
    if (channels == 4 && !(alpha = (uint8_t *)malloc(n * size))) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
    for (y = 0; y < image->height; y++) {
        uint8_t *to = (uint8_t *)image->data + y * n * 3 * size;
        for (c = 0; c < 3; c++) take_row(&planes[c], image->type, to + (size_t)c * size, 3, n);
        if (channels < 4) continue;
        take_row(&planes[3], image->type, alpha, 1, n);
        alpha_codes(image->type, alpha, n, facts->alpha + y * n);
        if (multiplied) alpha_divide(image->type, to, alpha, n);
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

/* In planes, as the library has them at last: of large pictures another form would be a copy too much. */
static int decode(const struct heif_image_handle *handle, const gmlp_image *image, struct heif_image **decoded,
                  char reason[REASON]) {
    const int large = (uint64_t)image->width * image->height > MANY_PIXELS;
    struct heif_error status;
    processors p;
    if (large) take_one_processor(&p);
    status = heif_decode_image(handle, decoded, heif_colorspace_RGB, heif_chroma_444, NULL);
    if (large) take_all_processors(&p);
    if (failed(status, reason)) return -1;
#if LIBHEIF_NUMERIC_VERSION >= 0x010d0000
    if (heif_image_get_decoding_warnings(*decoded, 0, NULL, 0) > 0) { /* their texts may be gone already */
        snprintf(reason, REASON, "HEIF: the pixels are damaged");
        return -1;
    }
#endif
    return 0;
}

static int read_primary(struct heif_context *context, const struct heif_image_handle *handle, size_t size,
                        gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    const int width = heif_image_handle_get_width(handle), height = heif_image_handle_get_height(handle);
    struct heif_image *decoded = NULL;
    const int multiplied = heif_image_handle_is_premultiplied_alpha(handle);
    int bad, alpha = multiplied || heif_image_handle_has_alpha_channel(handle);
    plane unused;
    if (image_in_proportion(width, height, size, reason)) return -1;
    image->width = (uint32_t)width;
    image->height = (uint32_t)height;
    read_metadata(handle, facts);
    note_others(context, handle, facts);
    bad = decode(handle, image, &decoded, reason) || read_color(handle, facts, reason);
    if (!bad && alpha && !multiplied && find_plane(decoded, heif_channel_Alpha, image, &unused)) {
        picture_note(facts->notes, "alpha is left out"); /* not as the colours are */
        alpha = 0;
    }
    bad = bad || copy_pixels(decoded, alpha ? 4 : 3, multiplied, image, facts, reason);
    if (decoded) heif_image_release(decoded);
    return bad;
}

void heif_prepare(void) {
#if LIBHEIF_NUMERIC_VERSION >= 0x010d0000
    heif_init(NULL);
#endif
}

int heif_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    struct heif_context *context;
    struct heif_image_handle *handle = NULL;
    int bad;
    heif_prepare();
    context = heif_context_alloc();
    if (!context) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
#if LIBHEIF_NUMERIC_VERSION >= 0x01130000
    heif_context_get_security_limits(context)->max_image_size_pixels = pixels_in_proportion(size);
#else
    heif_context_set_maximum_image_size_limit(context, (int)GMLP_MAX_SIZE);
#endif
    bad = failed(heif_context_read_from_memory_without_copy(context, bytes, size, NULL), reason) ||
          failed(heif_context_get_primary_image_handle(context, &handle), reason) ||
          read_primary(context, handle, size, image, facts, reason);
    if (handle) heif_image_handle_release(handle);
    heif_context_free(context);
    return bad ? -1 : 0;
}

#endif
