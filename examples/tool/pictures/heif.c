/* HEIC and AVIF pictures, with libheif. What of a file is the picture:
   - its primary image, turned, mirrored and cut as the file says; EXIF's orientation is not looked at, as the format
     has it;
   - colours as they are without their alpha, which is by itself;
   - an ICC profile says more than code points, which then stand for the YCbCr alone. */
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

/* 9 to 16 bits to 16; what lies above them in a sample would be a fault of the library's. */
static uint16_t widen(const uint8_t *from, int bits) {
    const uint32_t full = ((uint32_t)1 << bits) - 1;
    uint16_t v;
    memcpy(&v, from, 2);
    return (uint16_t)(v >= full ? 65535 : ((uint32_t)v * 65535 + full / 2) / full);
}

static int copy_pixels(const struct heif_image *decoded, int channels, int multiplied, gmlp_image *image,
                       picture_facts *facts, char reason[REASON]) {
    int stride = 0;
    const uint8_t *from = heif_image_get_plane_readonly(decoded, heif_channel_interleaved, &stride);
    const int bits = heif_image_get_bits_per_pixel_range(decoded, heif_channel_interleaved);
    const int width = heif_image_get_width(decoded, heif_channel_interleaved);
    const int height = heif_image_get_height(decoded, heif_channel_interleaved);
    uint8_t *alpha = NULL;
    size_t size, x, n;
    int y, c;
    if (!from || bits < 8 || bits > 16 || (uint32_t)width != image->width || (uint32_t)height != image->height) {
        snprintf(reason, REASON, "HEIF: its pixels are not those that its header says");
        return -1;
    }
    image->type = bits > 8 ? GMLP_U16 : GMLP_U8;
    size = gmlp_pixel_size(image->type, 1);
    n = (size_t)width;
    if (image_allocate(image, reason)) return -1;
    if (channels == 4 && alpha_allocate(facts, image, reason)) return -1;
    if (channels == 4 && !(alpha = (uint8_t *)malloc(n * size))) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
    for (y = 0; y < height; y++, from += stride) {
        uint8_t *to = (uint8_t *)image->data + (size_t)y * n * 3 * size;
        for (x = 0; x < n; x++)
            for (c = 0; c < channels; c++) {
                const uint8_t *sample = from + (x * (size_t)channels + (size_t)c) * size;
                uint8_t *place = c < 3 ? to + (3 * x + (size_t)c) * size : alpha + x * size;
                const uint16_t v = bits > 8 ? widen(sample, bits) : *sample;
                if (bits > 8) memcpy(place, &v, 2);
                else *place = (uint8_t)v;
            }
        if (channels == 4) alpha_codes(image->type, alpha, n, facts->alpha + (size_t)y * n);
        if (multiplied) alpha_divide(image->type, to, alpha, n);
    }
    free(alpha);
    return 0;
}

static int decode(const struct heif_image_handle *handle, struct heif_image **decoded, int alpha,
                  char reason[REASON]) {
    const uint16_t one = 1;
    const int little = *(const uint8_t *)&one, deep = heif_image_handle_get_luma_bits_per_pixel(handle) > 8;
    const enum heif_chroma chroma =
        !deep    ? (alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB)
        : little ? (alpha ? heif_chroma_interleaved_RRGGBBAA_LE : heif_chroma_interleaved_RRGGBB_LE)
                 : (alpha ? heif_chroma_interleaved_RRGGBBAA_BE : heif_chroma_interleaved_RRGGBB_BE);
    if (failed(heif_decode_image(handle, decoded, heif_colorspace_RGB, chroma, NULL), reason)) return -1;
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
    if (image_in_proportion(width, height, size, reason)) return -1;
    image->width = (uint32_t)width;
    image->height = (uint32_t)height;
    read_metadata(handle, facts);
    note_others(context, handle, facts);
    bad = decode(handle, &decoded, alpha, reason);
    if (bad && alpha && !multiplied) { /* of another depth than the colours, or damaged: they do without it */
        picture_note(facts->notes, "alpha is left out");
        if (decoded) heif_image_release(decoded);
        decoded = NULL;
        alpha = 0;
        bad = decode(handle, &decoded, 0, reason);
    }
    bad = bad || read_color(handle, facts, reason) ||
          copy_pixels(decoded, alpha ? 4 : 3, multiplied, image, facts, reason);
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
