/* JPEG XL pictures, with libjxl. What of a file is the picture:
   - upright and with all its layers; of an animation the first frame;
   - colours as they are without their alpha, which is by itself;
   - in the space that the file says. Of lossy files that say it by an ICC profile libjxl gives linear light beyond
     sRGB, which becomes ROMM;
   - samples as they are stored, but 16 bits of what is not stored as integers of RGB. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pictures/formats.h"
#include "pictures/memory.h"

int is_jxl(const uint8_t *b, size_t size) {
    return (size >= 12 && !memcmp(b, "\0\0\0\014JXL \r\n\207\n", 12)) || (size >= 2 && !memcmp(b, "\377\012", 2));
}

#ifdef __has_include
#if __has_include(<jxl/thread_parallel_runner.h>)
#define JXL_FOUND
#endif
#endif

#ifndef JXL_FOUND

const char *const jxl_missing = "JPEG XL (libjxl)";

#define NO_JXL "this build has no JPEG XL: libjxl is missing"
MISSING_READER(jxl_load, NO_JXL)
MISSING_WRITER(jxl_sink_open, NO_JXL)

#else

#include <jxl/decode.h>
#include <jxl/encode.h>
#include <jxl/thread_parallel_runner.h>
#include <jxl/version.h>

/* Versions before 0.9 ask for a pixel format that they do not look at. */
#if JPEGXL_NUMERIC_VERSION < JPEGXL_COMPUTE_NUMERIC_VERSION(0, 9, 0)
#define UNUSED_FORMAT NULL,
#else
#define UNUSED_FORMAT
#endif

const char *const jxl_missing = NULL;

static void *make_runner(void) {
    return JxlThreadParallelRunnerCreate(NULL, JxlThreadParallelRunnerDefaultNumWorkerThreads());
}

/* Reading. */

typedef struct jxl_reader {
    JxlDecoder *decoder;
    void *runner;
    size_t size; /* of the file */
    gmlp_image *image;
    picture_facts *facts;
    int channels, multiplied;  /* of the samples that are taken; by alpha, which is the fourth */
    int wide, whole;           /* linear light beyond sRGB; the pixels are there */
    int layered, last;         /* layer by layer; the present one is the last, */
    int64_t left, top;         /* and lies there */
} jxl_reader;

/* The numbers of H.273, but for P3's primaries. */
static int cicp_of_encoding(const JxlColorEncoding *c, uint8_t cicp[4]) {
    const int grey = c->color_space == JXL_COLOR_SPACE_GRAY;
    const int primaries = grey || c->primaries == JXL_PRIMARIES_SRGB ? 1
                        : c->primaries == JXL_PRIMARIES_2100         ? 9
                        : c->primaries == JXL_PRIMARIES_P3           ? 12
                                                                     : 0;
    if ((c->color_space != JXL_COLOR_SPACE_RGB && !grey) || c->white_point != JXL_WHITE_POINT_D65 || !primaries)
        return 0;
    cicp[0] = (uint8_t)primaries;
    cicp[2] = 0;
    cicp[3] = 1;
    switch (c->transfer_function) {
        case JXL_TRANSFER_FUNCTION_709: cicp[1] = 1; return 1;
        case JXL_TRANSFER_FUNCTION_LINEAR: cicp[1] = 8; return 1;
        case JXL_TRANSFER_FUNCTION_SRGB: cicp[1] = 13; return 1;
        case JXL_TRANSFER_FUNCTION_PQ: cicp[1] = 16; return 1;
        case JXL_TRANSFER_FUNCTION_HLG: cicp[1] = 18; return 1;
        default: return 0;
    }
}

static int read_icc(jxl_reader *r, char reason[REASON]) {
    size_t size = 0;
    uint8_t *icc = NULL;
    int bad = JxlDecoderGetICCProfileSize(r->decoder, UNUSED_FORMAT JXL_COLOR_PROFILE_TARGET_DATA, &size) !=
              JXL_DEC_SUCCESS;
    if (!bad && size) icc = (uint8_t *)malloc(size);
    bad = !icc || JxlDecoderGetColorAsICCProfile(r->decoder, UNUSED_FORMAT JXL_COLOR_PROFILE_TARGET_DATA, icc, size) !=
                      JXL_DEC_SUCCESS || picture_keep_icc(r->facts, icc, size);
    free(icc);
    if (bad) snprintf(reason, REASON, "JPEG XL: its colour space cannot be read");
    return bad ? -1 : 0;
}

static int read_color(jxl_reader *r, char reason[REASON]) {
    JxlColorEncoding c;
    r->facts->has_cicp = !r->wide && JxlDecoderGetColorAsEncodedProfile(r->decoder, UNUSED_FORMAT
                                                                            JXL_COLOR_PROFILE_TARGET_DATA,
                                                                        &c) == JXL_DEC_SUCCESS &&
                         cicp_of_encoding(&c, r->facts->cicp);
    return r->facts->has_cicp || r->wide ? 0 : read_icc(r, reason);
}

/* Of lossy files the decoder chooses the space. It has the file's own, unless that is a profile that it cannot make. */
static int has_wide_light(jxl_reader *r, const JxlBasicInfo *info, char reason[REASON]) {
    JxlColorEncoding c;
    if (info->uses_original_profile ||
        JxlDecoderGetColorAsEncodedProfile(r->decoder, UNUSED_FORMAT JXL_COLOR_PROFILE_TARGET_ORIGINAL, &c) ==
            JXL_DEC_SUCCESS)
        return 0;
    memset(&c, 0, sizeof c);
    c.color_space = info->num_color_channels == 1 ? JXL_COLOR_SPACE_GRAY : JXL_COLOR_SPACE_RGB;
    c.white_point = JXL_WHITE_POINT_D65;
    c.primaries = JXL_PRIMARIES_SRGB;
    c.transfer_function = JXL_TRANSFER_FUNCTION_LINEAR;
    c.rendering_intent = JXL_RENDERING_INTENT_RELATIVE;
    if (JxlDecoderSetPreferredColorProfile(r->decoder, &c) == JXL_DEC_SUCCESS) return 1;
    snprintf(reason, REASON, "JPEG XL: its colour space cannot be read");
    return -1;
}

static int look_at_channels(jxl_reader *r, const JxlBasicInfo *info, char reason[REASON]) {
    JxlExtraChannelInfo extra;
    uint32_t i, others = info->num_extra_channels - (info->alpha_bits != 0);
    for (i = 0; i < info->num_extra_channels; i++) {
        if (JxlDecoderGetExtraChannelInfo(r->decoder, i, &extra) != JXL_DEC_SUCCESS || extra.type != JXL_CHANNEL_BLACK)
            continue;
        snprintf(reason, REASON, "JPEG XL: CMYK, which is for printing; convert it to RGB first");
        return -1;
    }
    if (others) picture_note(r->facts->notes, "%u more channel%s left out", others, others > 1 ? "s are" : " is");
    if (info->have_animation) picture_note(r->facts->left, "of its animation the first frame is taken");
    return 0;
}

static int read_header(jxl_reader *r, char reason[REASON]) {
    JxlBasicInfo info;
    gmlp_image *image = r->image;
    if (JxlDecoderGetBasicInfo(r->decoder, &info) != JXL_DEC_SUCCESS) {
        snprintf(reason, REASON, "JPEG XL: its header cannot be read");
        return -1;
    }
    if (look_at_channels(r, &info, reason)) return -1;
    r->wide = has_wide_light(r, &info, reason);
    if (r->wide < 0 || read_color(r, reason)) return -1;
    image->width = info.xsize;
    image->height = info.ysize;
    image->type = info.exponent_bits_per_sample == 5 && info.bits_per_sample == 16 && !r->wide ? GMLP_F16
                : info.exponent_bits_per_sample || info.bits_per_sample > 16 || r->wide        ? GMLP_F32
                : info.bits_per_sample <= 8 && info.uses_original_profile                      ? GMLP_U8
                                                                                               : GMLP_U16;
    r->channels = info.alpha_bits ? 4 : 3;
    r->multiplied = info.alpha_premultiplied;
    if (image_allocate(image, reason) || (info.alpha_bits && alpha_allocate(r->facts, image, reason))) return -1;
    if (r->layered) { /* where no layer lies, nothing can be seen */
        const size_t n = (size_t)image->width * image->height;
        memset(image->data, 0, n * gmlp_pixel_size(image->type, 3));
        if (info.alpha_bits) memset(r->facts->alpha, 0, n);
    }
    return 0;
}

static int check_size(jxl_reader *r, char reason[REASON]) {
    JxlBasicInfo info;
    snprintf(reason, REASON, "JPEG XL: its header cannot be read");
    return JxlDecoderGetBasicInfo(r->decoder, &info) == JXL_DEC_SUCCESS
               ? image_in_proportion(info.xsize, info.ysize, r->size, reason)
               : -1;
}

/* Samples as they are stored in the file, of what the decoder gives: floats, codes being 0 to 1. */
static void from_floats(int type, const float *from, size_t n, void *to) {
    const float full = type == GMLP_U8 ? 255.0f : 65535.0f;
    size_t i;
    if (type == GMLP_F32) memcpy(to, from, n * sizeof *from);
    else if (type == GMLP_F16)
        for (i = 0; i < n; i++) ((uint16_t *)to)[i] = gmlp_half_from_float(from[i]);
    else
        for (i = 0; i < n; i++) {
            const long code = lrintf((from[i] > 0 ? from[i] < 1 ? from[i] : 1 : 0) * full);
            if (type == GMLP_U8) ((uint8_t *)to)[i] = (uint8_t)code;
            else ((uint16_t *)to)[i] = (uint16_t)code;
        }
}

/* Some pixels of a row; threads call it. */
static void take_pixels(void *user, size_t x, size_t y, size_t count, const void *samples) {
    enum { AT_ONCE = 256 };
    const jxl_reader *r = (const jxl_reader *)user;
    const size_t sample = gmlp_pixel_size(r->image->type, 1), width = r->image->width, channels = (size_t)r->channels;
    const int64_t row = (int64_t)y + r->top;
    int64_t column = (int64_t)x + r->left;
    const float *from = (const float *)samples;
    float room[AT_ONCE * 4]; /* of any type */
    uint8_t *to, *alpha, *has;
    size_t i, n;
    if (row < 0 || row >= (int64_t)r->image->height) return;
    for (; count && column < 0; count--, column++) from += channels;
    if (column >= (int64_t)width) return;
    if (count > width - (size_t)column) count = width - (size_t)column;
    i = (size_t)row * width + (size_t)column;
    to = (uint8_t *)r->image->data + i * 3 * sample;
    if (channels == 3) {
        from_floats(r->image->type, from, count * 3, to);
        return;
    }
    for (alpha = r->facts->alpha + i; count; count -= n) {
        n = count < AT_ONCE ? count : AT_ONCE;
        from_floats(r->image->type, from, n * 4, room);
        from += n * 4;
        for (i = 0, has = (uint8_t *)(void *)room; i < n; i++, has += 4 * sample, to += 3 * sample) {
            memcpy(to, has, 3 * sample);
            alpha_codes(r->image->type, has + 3 * sample, 1, alpha++);
            if (r->multiplied) alpha_divide(r->image->type, to, has + 3 * sample, 1);
        }
    }
}

/* Floats whatever the samples, for these alone libjxl 0.7 gives as it decodes them; of others it first has the whole
   picture in floats. */
static int set_out(jxl_reader *r, char reason[REASON]) {
    JxlPixelFormat format;
    format.num_channels = (uint32_t)r->channels;
    format.data_type = JXL_TYPE_FLOAT;
    format.endianness = JXL_NATIVE_ENDIAN;
    format.align = 0;
    if (JxlDecoderSetImageOutCallback(r->decoder, &format, take_pixels, r) == JXL_DEC_SUCCESS) return 0;
    snprintf(reason, REASON, "JPEG XL: unexpected samples");
    return -1;
}

/* Layers. Where they only replace what they lie on, they are put together here: the library would do it with two
   pictures of floats. */

static int replaces(const JxlBlendInfo *b) { return b->blendmode == JXL_BLEND_REPLACE && b->source == 0; }

static int layer_replaces(JxlDecoder *d, int has_alpha) {
    JxlFrameHeader header;
    JxlBlendInfo alpha;
    return JxlDecoderGetFrameHeader(d, &header) == JXL_DEC_SUCCESS && replaces(&header.layer_info.blend_info) &&
           (header.is_last || header.layer_info.save_as_reference == 0) &&
           (!has_alpha || (JxlDecoderGetExtraChannelBlendInfo(d, 0, &alpha) == JXL_DEC_SUCCESS && replaces(&alpha)));
}

static int may_be_layered(const JxlBasicInfo *info) {
    return !info->have_animation && info->orientation == JXL_ORIENT_IDENTITY &&
           info->num_extra_channels == (info->alpha_bits != 0);
}

/* More than one layer, of which all only replace? */
static int is_layered(const uint8_t *bytes, size_t size) {
    JxlDecoder *d = JxlDecoderCreate(NULL);
    JxlBasicInfo info;
    int layers = 0;
    int goes_on = d && JxlDecoderSetCoalescing(d, JXL_FALSE) == JXL_DEC_SUCCESS &&
                  JxlDecoderSubscribeEvents(d, JXL_DEC_BASIC_INFO | JXL_DEC_FRAME) == JXL_DEC_SUCCESS &&
                  JxlDecoderSetInput(d, bytes, size) == JXL_DEC_SUCCESS;
    if (goes_on) JxlDecoderCloseInput(d);
    while (goes_on) switch (JxlDecoderProcessInput(d)) {
            case JXL_DEC_BASIC_INFO:
                goes_on = JxlDecoderGetBasicInfo(d, &info) == JXL_DEC_SUCCESS && may_be_layered(&info);
                break;
            case JXL_DEC_FRAME:
                /* checked: info is there before the first frame */
                goes_on = layer_replaces(d, info.alpha_bits != 0);
                layers = goes_on ? layers + 1 : 0;
                break;
            default: goes_on = 0; break;
        }
    if (d) JxlDecoderDestroy(d);
    return layers > 1;
}

static int begin_layer(jxl_reader *r, char reason[REASON]) {
    JxlFrameHeader header;
    if (JxlDecoderGetFrameHeader(r->decoder, &header) != JXL_DEC_SUCCESS) {
        snprintf(reason, REASON, "JPEG XL: its layers cannot be read");
        return -1;
    }
    r->last = header.is_last;
    r->left = header.layer_info.have_crop ? header.layer_info.crop_x0 : 0;
    r->top = header.layer_info.have_crop ? header.layer_info.crop_y0 : 0;
    return 0;
}

/* Metadata: boxes beside the picture's own, by a decoder that reads nothing else. */

typedef struct box {
    int kind; /* METADATA_..., or -1: of no use */
    uint8_t *bytes;
    size_t size, room;
} box;

/* More room for it; 0: there is none. */
static int box_grow(JxlDecoder *d, box *b) {
    const size_t room = b->room ? 2 * b->room : 1 << 14;
    uint8_t *bytes = room <= 2 * METADATA_MOST ? (uint8_t *)realloc(b->bytes, room) : NULL;
    b->size = b->room - JxlDecoderReleaseBoxBuffer(d);
    if (!bytes) return 0;
    b->bytes = bytes;
    b->room = room;
    return JxlDecoderSetBoxBuffer(d, bytes + b->size, room - b->size) == JXL_DEC_SUCCESS;
}

static int box_begin(JxlDecoder *d, box *b, picture_facts *facts) {
    JxlBoxType type;
    memset(b, 0, sizeof *b);
    b->kind = JxlDecoderGetBoxType(d, type, JXL_TRUE) != JXL_DEC_SUCCESS ? -1
              : !memcmp(type, "Exif", 4)                                 ? METADATA_EXIF
              : !memcmp(type, "xml ", 4)                                 ? METADATA_XMP
                                                                         : -1;
    if (b->kind < 0) return 1;
    facts->metadata |= 1 << b->kind;
    return box_grow(d, b);
}

/* EXIF begins with how far behind these four bytes its TIFF structure does. */
static void box_end(JxlDecoder *d, box *b, int whole, picture_facts *facts) {
    const uint8_t *p = b->bytes;
    size_t skip = 0;
    if (p) b->size = b->room - JxlDecoderReleaseBoxBuffer(d);
    if (p && b->kind == METADATA_EXIF && b->size >= 4)
        skip = 4 + ((size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
    if (p && whole && skip < b->size) picture_keep_metadata(facts, b->kind, p + skip, b->size - skip);
    free(b->bytes);
}

static void read_boxes(const uint8_t *bytes, size_t size, picture_facts *facts) {
    JxlDecoder *d = JxlDecoderCreate(NULL);
    box b = { -1, NULL, 0, 0 };
    int goes_on = d && JxlDecoderSubscribeEvents(d, JXL_DEC_BOX) == JXL_DEC_SUCCESS &&
                  JxlDecoderSetInput(d, bytes, size) == JXL_DEC_SUCCESS;
    if (goes_on) {
        JxlDecoderCloseInput(d);
        JxlDecoderSetDecompressBoxes(d, JXL_TRUE);
    }
    while (goes_on) switch (JxlDecoderProcessInput(d)) {
            case JXL_DEC_BOX:
                box_end(d, &b, 1, facts);
                goes_on = box_begin(d, &b, facts);
                break;
            case JXL_DEC_BOX_NEED_MORE_OUTPUT: goes_on = box_grow(d, &b); break;
            case JXL_DEC_SUCCESS:
                box_end(d, &b, 1, facts);
                b.kind = -1;
                b.bytes = NULL;
                goes_on = 0;
                break;
            default: goes_on = 0; break;
        }
    if (d) box_end(d, &b, 0, facts);
    if (d) JxlDecoderDestroy(d);
}

/* Until the picture is there. */
static int decode(jxl_reader *r, char reason[REASON]) {
    for (;;) {
        switch (JxlDecoderProcessInput(r->decoder)) {
            case JXL_DEC_BASIC_INFO:
                if (check_size(r, reason)) return -1;
                break;
            case JXL_DEC_COLOR_ENCODING: /* which has a say in what samples to ask for */
                if (read_header(r, reason)) return -1;
                break;
            case JXL_DEC_FRAME:
                if (begin_layer(r, reason)) return -1;
                break;
            case JXL_DEC_NEED_IMAGE_OUT_BUFFER:
                if (r->whole) return 0; /* the next frame */
                if (set_out(r, reason)) return -1;
                break;
            case JXL_DEC_FULL_IMAGE: r->whole = !r->layered || r->last; break;
            case JXL_DEC_SUCCESS:
                if (r->whole) return 0;
                snprintf(reason, REASON, "JPEG XL: holds no picture");
                return -1;
            case JXL_DEC_NEED_MORE_INPUT:
                if (r->whole) return 0;
                snprintf(reason, REASON, "JPEG XL: the pixels end too early");
                return -1;
            default:
                if (r->whole) return 0;
                snprintf(reason, REASON, "JPEG XL: damaged, or of a kind that this libjxl cannot read");
                return -1;
        }
    }
}

static int finish(jxl_reader *r, char reason[REASON]) {
    gmlp_image light = *r->image, romm = *r->image;
    gmlp_result status;
    if (!r->wide) return 0;
    light.space = GMLP_SRGB_LINEAR;
    romm.space = GMLP_PROPHOTO;
    status = gmlp_convert(&light, &romm, NULL);
    if (status) {
        snprintf(reason, REASON, "%s", gmlp_result_string(status));
        return -1;
    }
    r->facts->space = GMLP_PROPHOTO;
    r->facts->said_by = SAID_BY_PROFILE;
    return 0;
}

int jxl_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    int events = JXL_DEC_BASIC_INFO | JXL_DEC_COLOR_ENCODING | JXL_DEC_FULL_IMAGE;
    jxl_reader r;
    int bad;
    memset(&r, 0, sizeof r);
    r.layered = is_layered(bytes, size);
    if (r.layered) events |= JXL_DEC_FRAME;
    r.decoder = JxlDecoderCreate(NULL);
    r.runner = make_runner();
    r.size = size;
    r.image = image;
    r.facts = facts;
    bad = !r.decoder || !r.runner ||
          JxlDecoderSetParallelRunner(r.decoder, JxlThreadParallelRunner, r.runner) != JXL_DEC_SUCCESS ||
          JxlDecoderSetCoalescing(r.decoder, !r.layered) != JXL_DEC_SUCCESS ||
          JxlDecoderSubscribeEvents(r.decoder, events) != JXL_DEC_SUCCESS ||
          JxlDecoderSetInput(r.decoder, bytes, size) != JXL_DEC_SUCCESS;
    if (bad) snprintf(reason, REASON, "out of memory");
    else {
        JxlDecoderCloseInput(r.decoder);
        read_boxes(bytes, size, facts);
        bad = decode(&r, reason) || finish(&r, reason);
    }
    if (r.decoder) JxlDecoderDestroy(r.decoder);
    if (r.runner) JxlThreadParallelRunnerDestroy(r.runner);
    return bad ? -1 : 0;
}

/* Writing, without loss: the whole picture when its last row is there; large ones strip by strip, as layers that do not
   overlap, for the encoder takes up to 95 bytes for each pixel of what it encodes at once. Few of them, as readers pay
   for each with the whole picture's size. No halves, for libjxl 0.7 mixes up those of less than 2^-14. */

enum { STRIP = 1 << 24, GROUP = 256 }; /* its pixels at most; rows that are encoded together */

/* The encoder would go on without what it got no memory for, and the file be damaged. */
static void *take_memory(void *unused, size_t size) {
    (void)unused;
    return memory_or_end(size);
}
static void give_memory(void *unused, void *p) {
    (void)unused;
    free(p);
}
static const JxlMemoryManager memory = { NULL, take_memory, give_memory };

typedef struct jxl_sink {
    picture_sink base;
    JxlEncoder *encoder;
    JxlEncoderFrameSettings *how;
    void *runner;
    uint8_t *strip, *out;
    uint32_t strip_rows, held, done; /* rows of a strip, in it, and before it */
    size_t row_bytes, room;          /* of out: for all that comes before the pixels */
    int begun;
} jxl_sink;

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

static JxlEncoderStatus set_color(jxl_sink *s, const uint8_t *icc, size_t icc_size) {
    uint8_t cicp[4];
    JxlColorEncoding c;
    if (!cicp_of_space(s->base.like.space, cicp)) return JxlEncoderSetICCProfile(s->encoder, icc, icc_size);
    memset(&c, 0, sizeof c);
    c.color_space = JXL_COLOR_SPACE_RGB;
    c.white_point = JXL_WHITE_POINT_D65;
    c.primaries = cicp[0] == 1 ? JXL_PRIMARIES_SRGB : cicp[0] == 9 ? JXL_PRIMARIES_2100 : JXL_PRIMARIES_P3;
    c.transfer_function = cicp[1] == 8    ? JXL_TRANSFER_FUNCTION_LINEAR
                        : cicp[1] == 13   ? JXL_TRANSFER_FUNCTION_SRGB
                        : cicp[1] == 16   ? JXL_TRANSFER_FUNCTION_PQ
                        : cicp[1] == 18   ? JXL_TRANSFER_FUNCTION_HLG
                                          : JXL_TRANSFER_FUNCTION_709;
    c.rendering_intent = JXL_RENDERING_INTENT_RELATIVE;
    return JxlEncoderSetColorEncoding(s->encoder, &c);
}

/* Not packed, as not all readers can unpack them. */
static int add_boxes(jxl_sink *s, const picture_metadata *m) {
    const metadata_block *exif = &m->blocks[METADATA_EXIF], *xmp = &m->blocks[METADATA_XMP];
    uint8_t *bytes = (uint8_t *)calloc(exif->size + 4, 1);
    int bad = !bytes;
    if (!exif->bytes && !xmp->bytes) return free(bytes), 0;
    bad = bad || JxlEncoderUseBoxes(s->encoder) != JXL_ENC_SUCCESS;
    if (!bad && exif->bytes) {
        memcpy(bytes + 4, exif->bytes, exif->size);
        bad = JxlEncoderAddBox(s->encoder, "Exif", bytes, exif->size + 4, JXL_FALSE) != JXL_ENC_SUCCESS;
    }
    if (!bad && xmp->bytes)
        bad = JxlEncoderAddBox(s->encoder, "xml ", xmp->bytes, xmp->size, JXL_FALSE) != JXL_ENC_SUCCESS;
    free(bytes);
    return bad;
}

/* Of photographs restored from 8 bits more effort makes the files larger, and the search for palettes among floats, of
   which many are equal, takes minutes. */
static int set_speed(JxlEncoderFrameSettings *how) {
    return JxlEncoderFrameSettingsSetOption(how, JXL_ENC_FRAME_SETTING_EFFORT, 2) != JXL_ENC_SUCCESS ||
           JxlEncoderFrameSettingsSetOption(how, JXL_ENC_FRAME_SETTING_PALETTE_COLORS, 0) != JXL_ENC_SUCCESS ||
           JxlEncoderFrameSettingsSetFloatOption(how, JXL_ENC_FRAME_SETTING_CHANNEL_COLORS_GLOBAL_PERCENT, 0) !=
               JXL_ENC_SUCCESS ||
           JxlEncoderFrameSettingsSetFloatOption(how, JXL_ENC_FRAME_SETTING_CHANNEL_COLORS_GROUP_PERCENT, 0) !=
               JXL_ENC_SUCCESS;
}

static int jxl_begin(jxl_sink *s, const picture_metadata *metadata, const uint8_t *icc, size_t icc_size) {
    JxlBasicInfo info;
    JxlEncoderInitBasicInfo(&info);
    info.xsize = s->base.like.width;
    info.ysize = s->base.like.height;
    info.bits_per_sample = s->base.like.type == GMLP_U8 ? 8 : s->base.like.type == GMLP_U16 ? 16 : 32;
    info.exponent_bits_per_sample = s->base.like.type == GMLP_F32 ? 8 : 0;
    if (s->base.like.channels == 4) {
        info.num_extra_channels = 1;
        info.alpha_bits = info.bits_per_sample;
        info.alpha_exponent_bits = info.exponent_bits_per_sample;
    }
    info.uses_original_profile = JXL_TRUE;
    return JxlEncoderSetParallelRunner(s->encoder, JxlThreadParallelRunner, s->runner) != JXL_ENC_SUCCESS ||
           JxlEncoderSetBasicInfo(s->encoder, &info) != JXL_ENC_SUCCESS ||
           set_color(s, icc, icc_size) != JXL_ENC_SUCCESS || add_boxes(s, metadata) ||
           !(s->how = JxlEncoderFrameSettingsCreate(s->encoder, NULL)) ||
           JxlEncoderSetFrameLossless(s->how, JXL_TRUE) != JXL_ENC_SUCCESS || set_speed(s->how);
}

/* Where libjxl 0.7 finds no memory while it packs the ICC profile, it goes on, and nobody can read the file. */
static int can_be_read(const uint8_t *bytes, size_t size) {
    JxlDecoder *decoder = JxlDecoderCreate(NULL);
    const int yes = decoder && JxlDecoderSubscribeEvents(decoder, JXL_DEC_COLOR_ENCODING) == JXL_DEC_SUCCESS &&
                    JxlDecoderSetInput(decoder, bytes, size) == JXL_DEC_SUCCESS &&
                    JxlDecoderProcessInput(decoder) == JXL_DEC_COLOR_ENCODING;
    if (decoder) JxlDecoderDestroy(decoder);
    return yes;
}

static int write_output(jxl_sink *s, char reason[REASON]) {
    JxlEncoderStatus status = JXL_ENC_NEED_MORE_OUTPUT;
    while (status == JXL_ENC_NEED_MORE_OUTPUT) {
        uint8_t *end = s->out;
        size_t room = s->room, count;
        status = JxlEncoderProcessOutput(s->encoder, &end, &room);
        count = s->room - room;
        if (!s->begun && !can_be_read(s->out, count)) status = JXL_ENC_ERROR;
        s->begun = 1;
        if (fwrite(s->out, 1, count, s->base.file) == count) continue;
        write_reason(reason);
        return -1;
    }
    if (status == JXL_ENC_SUCCESS) return 0;
    snprintf(reason, REASON, "libjxl cannot write this as JPEG XL");
    return -1;
}

static int encode_strip(jxl_sink *s, char reason[REASON]) {
    const gmlp_image *like = &s->base.like;
    JxlFrameHeader header;
    JxlPixelFormat format;
    int bad;
    format.num_channels = like->channels == 4 ? 4 : 3;
    format.data_type = like->type == GMLP_U8    ? JXL_TYPE_UINT8
                     : like->type == GMLP_U16 ? JXL_TYPE_UINT16
                                              : JXL_TYPE_FLOAT;
    format.endianness = JXL_NATIVE_ENDIAN;
    format.align = 0;
    JxlEncoderInitFrameHeader(&header);
    if (s->strip_rows < like->height) {
        header.layer_info.have_crop = JXL_TRUE;
        header.layer_info.crop_y0 = (int32_t)s->done;
        header.layer_info.xsize = like->width;
        header.layer_info.ysize = s->held;
    }
    bad = JxlEncoderSetFrameHeader(s->how, &header) != JXL_ENC_SUCCESS ||
          JxlEncoderAddImageFrame(s->how, &format, s->strip, s->row_bytes * s->held) != JXL_ENC_SUCCESS;
    if (bad) snprintf(reason, REASON, "libjxl cannot write this as JPEG XL");
    s->done += s->held;
    s->held = 0;
    if (!bad && s->done == like->height) JxlEncoderCloseInput(s->encoder);
    return bad || write_output(s, reason) ? -1 : 0;
}

static int jxl_sink_rows(picture_sink *base, const uint8_t *rows, uint32_t count, char reason[REASON]) {
    jxl_sink *s = (jxl_sink *)(void *)base;
    while (count) {
        const uint32_t n = smaller(count, s->strip_rows - s->held);
        memcpy(s->strip + s->held * s->row_bytes, rows, n * s->row_bytes);
        rows += n * s->row_bytes;
        count -= n;
        s->held += n;
        if ((s->held == s->strip_rows || s->done + s->held == base->like.height) && encode_strip(s, reason)) return -1;
    }
    return 0;
}

static void jxl_free(jxl_sink *s) {
    if (s->encoder) JxlEncoderDestroy(s->encoder);
    if (s->runner) JxlThreadParallelRunnerDestroy(s->runner);
    free(s->strip);
    free(s->out);
    free(s);
}

static int jxl_sink_end(picture_sink *base, int failed, char reason[REASON]) {
    (void)reason;
    jxl_free((jxl_sink *)(void *)base);
    return failed ? -1 : 0;
}

picture_sink *jxl_sink_open(FILE *file, const gmlp_image *like, const picture_write_opts *opts, const uint8_t *icc,
                            size_t icc_size, char reason[REASON]) {
    jxl_sink *s = (jxl_sink *)calloc(1, sizeof *s);
    snprintf(reason, REASON, "%u x %u pixels are too many for the memory", like->width, like->height);
    if (!s) return NULL;
    s->base.rows = jxl_sink_rows;
    s->base.end = jxl_sink_end;
    s->base.file = file;
    s->base.like = *like;
    s->row_bytes = (size_t)like->width * gmlp_pixel_size(like->type, like->channels);
    s->strip_rows = STRIP / like->width;
    if (s->strip_rows >= like->height) s->strip_rows = like->height;
    else if (s->strip_rows > GROUP) s->strip_rows -= s->strip_rows % GROUP;
    s->strip = (uint8_t *)malloc(s->row_bytes * s->strip_rows);
    s->room = (1 << 16) + 2 * icc_size + opts->metadata->blocks[METADATA_EXIF].size +
              opts->metadata->blocks[METADATA_XMP].size;
    s->out = (uint8_t *)malloc(s->room);
    s->encoder = JxlEncoderCreate(&memory);
    s->runner = make_runner();
    if (s->strip && s->out && s->encoder && s->runner) {
        if (!jxl_begin(s, opts->metadata, icc, icc_size)) return &s->base;
        snprintf(reason, REASON, "libjxl cannot write this as JPEG XL");
    }
    jxl_free(s);
    return NULL;
}

#endif
