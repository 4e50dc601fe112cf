/* HEIC and AVIF files of four squares by libheif's own encoders. */
#ifndef MADE_HEIF_H
#define MADE_HEIF_H

#include "made_squares.h"

#include <libheif/heif.h>

typedef struct recipe {
    enum heif_compression_format format;
    int bits, alpha, premultiplied; /* alpha: 0, or of 255 in every pixel */
    int primaries, transfer;        /* 0: none are said */
    const void *icc;
    size_t icc_size;
    int turned; /* as an EXIF orientation */
    const void *exif, *xmp;
    int exif_size, xmp_size;
    const int (*colours)[3]; /* NULL: squares */
} recipe;

typedef struct bytes {
    uint8_t data[1 << 16];
    size_t size;
} bytes;

static inline struct heif_error take(struct heif_context *context, const void *data, size_t size, void *user) {
    bytes *b = (bytes *)user;
    struct heif_error good = { heif_error_Ok, heif_suberror_Unspecified, "" };
    (void)context;
    assert_true(size <= sizeof b->data - b->size);
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return good;
}

static inline struct heif_image *make_image(const recipe *r) {
    const int deep = r->bits > 8, channels = r->alpha ? 4 : 3, full = (1 << r->bits) - 1;
    const enum heif_chroma chroma = deep ? (r->alpha ? heif_chroma_interleaved_RRGGBBAA_LE
                                                     : heif_chroma_interleaved_RRGGBB_LE)
                                         : (r->alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB);
    const int (*const colours)[3] = r->colours ? r->colours : squares;
    struct heif_image *image;
    uint8_t *plane;
    int stride, x, y, c;
    assert_int_equal(heif_image_create(SIDE, SIDE, heif_colorspace_RGB, chroma, &image).code, 0);
    assert_int_equal(heif_image_add_plane(image, heif_channel_interleaved, SIDE, SIDE, deep ? r->bits : 8).code, 0);
    plane = heif_image_get_plane(image, heif_channel_interleaved, &stride);
    for (y = 0; y < SIDE; y++)
        for (x = 0; x < SIDE; x++)
            for (c = 0; c < channels; c++) {
                const int code = c == 3 ? r->alpha : colours[square_of(x, y)][c];
                const int v = (code * full + 127) / 255;
                uint8_t *to = plane + y * stride + (x * channels + c) * (deep ? 2 : 1);
                to[0] = (uint8_t)v;
                if (deep) to[1] = (uint8_t)(v >> 8);
            }
    if (r->premultiplied) heif_image_set_premultiplied_alpha(image, 1);
    if (r->icc) heif_image_set_raw_color_profile(image, "prof", r->icc, r->icc_size);
    return image;
}

/* 1, or 0: there is no encoder. */
static inline int make_with(struct heif_context *context, const recipe *r, bytes *b) {
    struct heif_encoder *encoder = NULL;
    struct heif_encoding_options *options = heif_encoding_options_alloc();
    struct heif_color_profile_nclx *nclx = heif_nclx_color_profile_alloc();
    struct heif_image_handle *handle = NULL;
    struct heif_image *image;
    struct heif_writer writer;
    struct heif_error e;
    int found = !heif_context_get_encoder_for_format(context, r->format, &encoder).code;
    if (found) {
        image = make_image(r);
        if (r->primaries) {
            nclx->color_primaries = (enum heif_color_primaries)r->primaries;
            nclx->transfer_characteristics = (enum heif_transfer_characteristics)r->transfer;
            nclx->matrix_coefficients = heif_matrix_coefficients_ITU_R_BT_709_5;
            nclx->full_range_flag = 1;
            heif_image_set_nclx_color_profile(image, nclx);
            options->macOS_compatibility_workaround_no_nclx_profile = 0;
        }
#if LIBHEIF_NUMERIC_VERSION >= 0x010e0000
        if (r->turned) options->image_orientation = (enum heif_orientation)r->turned;
#endif
        heif_encoder_set_lossy_quality(encoder, 100);
        heif_encoder_set_parameter_string(encoder, "chroma", "444");
        e = heif_context_encode_image(context, image, encoder, options, &handle);
        if (e.code && r->bits == 8) fail_msg("libheif: %s", e.message);
        if (e.code) found = 0; /* some encoders are built for 8 bits alone */
        else {
            if (r->exif)
                assert_int_equal(heif_context_add_exif_metadata(context, handle, r->exif, r->exif_size).code, 0);
            if (r->xmp) assert_int_equal(heif_context_add_XMP_metadata(context, handle, r->xmp, r->xmp_size).code, 0);
            b->size = 0;
            writer.writer_api_version = 1;
            writer.write = take;
            assert_int_equal(heif_context_write(context, &writer, b).code, 0);
            heif_image_handle_release(handle);
        }
        heif_image_release(image);
        heif_encoder_release(encoder);
    }
    if (!found) printf("# no encoder for format %d, %d bits: a check is left out\n", (int)r->format, r->bits);
    heif_nclx_color_profile_free(nclx);
    heif_encoding_options_free(options);
    return found;
}

static inline int make(const recipe *r, bytes *b) {
    struct heif_context *context;
    int found;
#if LIBHEIF_NUMERIC_VERSION >= 0x010d0000
    heif_init(NULL);
#endif
    context = heif_context_alloc();
    found = make_with(context, r, b);
    heif_context_free(context);
    return found;
}

#endif
