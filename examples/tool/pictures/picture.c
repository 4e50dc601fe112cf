#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "pictures/formats.h"
#include "shell/files.h"
#include "shell/messages.h"

int image_allocate(gmlp_image *image, char reason[REASON]) {
    const size_t pixel = gmlp_pixel_size(image->type, 3);
    if (image->width < 1 || image->height < 1 || image->width > GMLP_MAX_SIZE || image->height > GMLP_MAX_SIZE) {
        snprintf(reason, REASON, "%u x %u pixels; 1 x 1 to %u x %u are supported", image->width, image->height,
                 GMLP_MAX_SIZE, GMLP_MAX_SIZE);
        return -1;
    }
    image->stride = 0;
    image->channels = 3;
    image->data = (size_t)image->width > (size_t)-1 / pixel / image->height ? NULL
                : malloc((size_t)image->width * image->height * pixel);
    if (!image->data)
        snprintf(reason, REASON, "%u x %u pixels are too many for the memory", image->width, image->height);
    return image->data ? 0 : -1;
}

int image_make_room(gmlp_image *image, int type, char reason[REASON]) {
    const size_t pixel = gmlp_pixel_size(type, 3);
    void *larger = (size_t)image->width > (size_t)-1 / pixel / image->height
                       ? NULL
                       : realloc(image->data, (size_t)image->width * image->height * pixel);
    if (larger) image->data = larger;
    else snprintf(reason, REASON, "%u x %u pixels are too many for the memory", image->width, image->height);
    return larger ? 0 : -1;
}

/* What flat colour comes to in AV1, HEVC or JPEG XL has no end; photographs have less than 100 pixels a byte. */
uint64_t pixels_in_proportion(size_t size) { return ((uint64_t)1 << 24) + (uint64_t)size * 1024; }

int image_in_proportion(int64_t width, int64_t height, size_t size, char reason[REASON]) {
    if (width < 1 || height < 1 || width > (int64_t)GMLP_MAX_SIZE || height > (int64_t)GMLP_MAX_SIZE)
        snprintf(reason, REASON, "%lld x %lld pixels; 1 x 1 to %u x %u are supported", (long long)width,
                 (long long)height, GMLP_MAX_SIZE, GMLP_MAX_SIZE);
    else if ((uint64_t)(width * height) > pixels_in_proportion(size))
        snprintf(reason, REASON, "%lld x %lld pixels in %zu bytes are out of proportion", (long long)width,
                 (long long)height, size);
    else return 0;
    return -1;
}

void plain_text(char *text) {
    for (; *text; text++)
        if (*text < ' ' || *text > '~') *text = '?';
}

void write_reason(char reason[REASON]) {
    snprintf(reason, REASON, "cannot be written: %s", errno ? strerror(errno) : "a write failed");
}

/* Reading. */

typedef picture_rows *rows_maker(const uint8_t *bytes, size_t size, char reason[REASON]);
typedef struct format {
    picture_load *load, *load_sycc;
    rows_maker *rows_open, *rows_open_sycc;
    picture_look *look;
    const char *apart; /* what it reads, if the reader is a library that is let into a process of its own */
    void (*prepare)(void);
} format;

static int reads_apart;

void picture_read_apart(void) { reads_apart = 1; }

static const char no_sycc[] = "holds no Y'CbCr, as a JPEG does, but RGB, in which nothing beyond sRGB is left";

static format find_format(const uint8_t *b, size_t size) {
    format f = { NULL, NULL, NULL, NULL, NULL, NULL, NULL };
    if (is_camera_raw(b, size)) {
        f.load = raw_load;
        f.apart = "camera raws";
    } else if (heif_name(b, size)) {
        f.load = heif_load;
        f.apart = "HEIC and AVIF files";
        f.prepare = heif_prepare;
    } else if (is_jxl(b, size)) {
        f.load = jxl_load;
        f.apart = "JPEG XL files";
    } else if (is_radiance(b, size)) f.load = radiance_load;
    else if (is_ktx2(b, size)) {
        f.load = ktx2_load;
        f.rows_open = ktx2_rows_open;
        f.look = ktx2_look;
    }
    else if (size >= 8 && !memcmp(b, "\211PNG\r\n\032\n", 8)) {
        f.load = png_load;
        f.rows_open = png_rows_open;
        f.look = png_look;
    } else if (size >= 3 && !memcmp(b, "\377\330\377", 3)) {
        f.load = jpeg_load;
        f.rows_open = jpeg_rows_open;
        f.look = jpeg_look;
        f.load_sycc = jpeg_load_sycc;
        f.rows_open_sycc = jpeg_rows_open_sycc;
    } else if (size >= 4 &&
               (!memcmp(b, "II*\0", 4) || !memcmp(b, "MM\0*", 4) || !memcmp(b, "II+\0", 4) || !memcmp(b, "MM\0+", 4))) {
        f.load = tiff_load;
        f.apart = "TIFF files";
    } else if (size >= 4 && !memcmp(b, "v/1\001", 4)) {
        f.load = exr_load;
        f.apart = "EXR files";
    } else if (size >= 3 && b[0] == 'P' && b[1] && strchr("1234567Ff", b[1]) && b[2] && strchr(" \t\r\n#", b[2]))
        f.load = pnm_load;
    return f;
}

/* Alpha that is none goes. */
static void drop_opaque(picture *p) {
    size_t n = (size_t)p->image.width * p->image.height;
    while (p->alpha && n && p->alpha[n - 1] == 255) n--;
    if (n) return;
    free(p->alpha);
    p->alpha = NULL;
}

int picture_split_alpha(picture *p) {
    const size_t n = (size_t)p->image.width * p->image.height, sample = gmlp_pixel_size(p->image.type, 1);
    uint8_t *to = (uint8_t *)p->image.data, *from = to;
    size_t i;
    if (p->image.channels != 4) return 0;
    p->alpha = (uint8_t *)malloc(n);
    if (!p->alpha) return -1;
    for (i = 0; i < n; i++, from += 4 * sample, to += 3 * sample) {
        alpha_codes(p->image.type, from + 3 * sample, 1, p->alpha + i);
        memmove(to, from, 3 * sample);
    }
    p->image.channels = 3;
    drop_opaque(p);
    return 0;
}

/* Facts that the picture takes over; the profile has served. */
static void take_facts(picture *out, picture_facts *facts) {
    free(facts->icc);
    metadata_note_left(facts);
    memcpy(out->notes, facts->notes, sizeof out->notes);
    memcpy(out->left, facts->left, sizeof out->left);
    out->alpha = facts->alpha;
    out->metadata = facts->carried;
    out->orientation = facts->orientation ? facts->orientation : 1;
}

/* spare: NULL, or the bytes' memory, which is freed when it has served, and NULL then. */
static int read_picture(const void *bytes, size_t size, uint8_t **spare, const char *name, int from_space, picture *out,
                        char error[256]) {
    const format f = find_format((const uint8_t *)bytes, size);
    picture_load *const load = from_space == GMLP_SYCC ? f.load_sycc : f.load;
    picture_facts facts;
    char reason[REASON] = "cannot be read";
    int bad;
    memset(out, 0, sizeof *out);
    memset(&facts, 0, sizeof facts);
    if (!f.load) {
        const char *foreign = foreign_format((const uint8_t *)bytes, size);
        if (foreign)
            error_text(error, name, "is %s, which cannot be read; convert it to a 16-bit TIFF or PNG first", foreign);
        else
            error_text(error, name, size ? "is not a PNG, JPEG, TIFF, EXR, HEIC, AVIF, JPEG XL, Radiance HDR, PPM or "
                                           "KTX2 picture, nor a camera raw" : "is empty");
        return -1;
    }
    if (!load) return error_text(error, name, "%s", no_sycc), -1;
    if (f.apart && reads_apart) {
        const apart_bounds bounds = reading_bounds(size);
        bad = load_apart(load, f.prepare, f.apart, &bounds, (const uint8_t *)bytes, size, spare, &out->image, &facts,
                         reason);
    } else bad = load((const uint8_t *)bytes, size, &out->image, &facts, reason);
    if (spare) { /* before there is more */
        free(*spare);
        *spare = NULL;
    }
    bad = bad || decide_space(out, &facts, from_space, reason);
    take_facts(out, &facts);
    if (!bad) return drop_opaque(out), 0;
    error_text(error, name, "%s", reason);
    picture_free(out);
    return -1;
}

int picture_read_memory(const void *bytes, size_t size, const char *name, int from_space, picture *out,
                        char error[256]) {
    return read_picture(bytes, size, NULL, name, from_space, out, error);
}

int picture_read_metadata(const void *bytes, size_t size, const char *name, picture *out, char error[256]) {
    const format f = find_format((const uint8_t *)bytes, size);
    picture_facts facts;
    char reason[REASON] = "is not a PNG, JPEG or KTX2 picture";
    int bad;
    memset(out, 0, sizeof *out);
    memset(&facts, 0, sizeof facts);
    bad = !f.look || f.look((const uint8_t *)bytes, size, &facts, reason);
    take_facts(out, &facts);
    if (!bad) return 0;
    error_text(error, name, "%s", reason);
    picture_free(out);
    return -1;
}

int picture_read(const char *path, int from_space, int keep_file, picture *out, char error[256]) {
    uint8_t *bytes;
    size_t size;
    int bad;
    memset(out, 0, sizeof *out);
    if (file_read(path, &bytes, &size, error)) return -1;
    keep_file = keep_file && (find_format(bytes, size).look || heif_name(bytes, size));
    bad = read_picture(bytes, size, keep_file ? NULL : &bytes, path, from_space, out, error);
    if (bad || !keep_file) free(bytes);
    else {
        out->file = bytes;
        out->file_size = size;
    }
    return bad;
}

void picture_note(char notes[PICTURE_NOTES], const char *format, ...) {
    const size_t used = strlen(notes);
    char sentence[PICTURE_NOTES];
    size_t length;
    va_list list;
    va_start(list, format);
    vsnprintf(sentence, sizeof sentence - 1, format, list);
    va_end(list);
    length = strlen(sentence);
    sentence[length++] = '\n';
    sentence[length] = 0;
    if (!strstr(notes, sentence) && used + length < PICTURE_NOTES) memcpy(notes + used, sentence, length + 1);
}

static void tell(const char *at, const char *command, const char *name) {
    for (; *at; at += strcspn(at, "\n") + 1)
        tell_note(command, "%s: %.*s", name, (int)strcspn(at, "\n"), at);
}

void picture_tell(const picture *p, const char *command, const char *name) {
    tell(p->notes, command, name);
    if (p->alpha) tell("alpha is left out\n", command, name);
    if (p->orientation > 1)
        tell_note(command, "%s: its orientation tag (%d) says turned; the pixels are taken as they are stored", name,
                  p->orientation);
}

void picture_tell_left(const picture *p, const char *command, const char *name) { tell(p->left, command, name); }

const char *picture_lacks(int index) {
    const char *const all[] = { exr_missing, heif_missing, raw_missing, jxl_missing, avif_missing,
                                transform_missing, zstd_missing };
    size_t i;
    for (i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] && !index--) return all[i];
    return NULL;
}

void picture_free(picture *p) {
    free(p->image.data);
    free(p->alpha);
    free(p->file);
    metadata_free(&p->metadata);
    memset(p, 0, sizeof *p);
}

picture_rows *picture_rows_open(const void *bytes, size_t size, const char *name, int space, uint32_t *width,
                                uint32_t *height, char error[256]) {
    const format f = find_format((const uint8_t *)bytes, size);
    rows_maker *const open = space == GMLP_SYCC ? f.rows_open_sycc : f.rows_open;
    char reason[REASON] = "is not a PNG, JPEG or KTX2 picture";
    picture_rows *r = open ? open((const uint8_t *)bytes, size, reason) : NULL;
    if (!open && f.rows_open) snprintf(reason, REASON, "%s", no_sycc);
    if (!r) {
        error_text(error, name, "%s", reason);
        return NULL;
    }
    r->name = name;
    *width = r->width;
    *height = r->height;
    return r;
}

int picture_rows_alpha(picture_rows *r) { return r->with_alpha ? r->with_alpha(r) : 3; }

int picture_rows_read(picture_rows *r, void *rows, uint32_t count, char error[256]) {
    char reason[REASON] = "cannot be read";
    if (!r->read(r, (uint8_t *)rows, count, reason)) return 0;
    error_text(error, r->name, "%s", reason);
    return -1;
}

void picture_rows_close(picture_rows *r) {
    if (r) r->close(r);
}

/* Writing. */

#define TYPE(t) (1 << (t))
static const struct {
    const char *extension;
    picture_sink_maker *open;
    int types, alpha;
    const char *holds;
} sinks[] = {
    { "png", png_sink_open, TYPE(GMLP_U8) | TYPE(GMLP_U16), 1, "8 or 16 bit" },
    { "jpg", jpeg_sink_open, TYPE(GMLP_U8), 0, "8 bit" },
    { "jpeg", jpeg_sink_open, TYPE(GMLP_U8), 0, "8 bit" },
    { "tif", tiff_sink_open, TYPE(GMLP_U8) | TYPE(GMLP_U16) | TYPE(GMLP_F16) | TYPE(GMLP_F32), 1, "any" },
    { "tiff", tiff_sink_open, TYPE(GMLP_U8) | TYPE(GMLP_U16) | TYPE(GMLP_F16) | TYPE(GMLP_F32), 1, "any" },
    { "exr", exr_sink_open, TYPE(GMLP_F16) | TYPE(GMLP_F32), 1, "half or float" },
    { "jxl", jxl_sink_open, TYPE(GMLP_U8) | TYPE(GMLP_U16) | TYPE(GMLP_F32), 1, "8-bit, 16-bit or float" },
    { "avif", avif_sink_open, TYPE(GMLP_U16), 1, "10- or 12-bit" },
    { "ktx2", ktx2_sink_open, TYPE(GMLP_U8), 1, "8 bit" },
    { "ppm", pnm_sink_open, TYPE(GMLP_U8) | TYPE(GMLP_U16), 0, "8 or 16 bit" }
};
#define SINK_COUNT (sizeof sinks / sizeof *sinks)

static size_t find_sink(const char *path) {
    size_t i;
    for (i = 0; i < SINK_COUNT && !path_has_extension(path, sinks[i].extension); i++) {}
    return i;
}

int picture_holds_alpha(const char *path) {
    const size_t i = find_sink(path);
    return i < SINK_COUNT && sinks[i].alpha;
}

const char *picture_cannot_hold(const char *path, int type) {
    static char text[128];
    const size_t i = find_sink(path);
    if (i == SINK_COUNT) return "the name must end in .png, .jpg, .tif, .exr, .jxl, .avif, .ktx2 or .ppm";
    if (sinks[i].types & TYPE(type)) return NULL;
    snprintf(text, sizeof text, "a .%s file holds %s samples", sinks[i].extension, sinks[i].holds);
    return text;
}

picture_sink *picture_sink_open(const char *path, FILE *file, const gmlp_image *like, const picture_write_opts *opts,
                                char error[256]) {
    picture_write_opts adapted;
    picture_metadata metadata;
    const char *cannot = picture_cannot_hold(path, like->type);
    const int sycc = like->space == GMLP_SYCC;
    char reason[REASON] = "";
    picture_sink *s;
    uint8_t *icc;
    size_t icc_size;
    if (!cannot && sycc && sinks[find_sink(path)].open != jpeg_sink_open) cannot = "cannot hold Y'CbCr; a JPEG can";
    if (!cannot && like->channels == 4 && !picture_holds_alpha(path)) cannot = "cannot hold alpha; a PNG can";
    if (cannot) {
        error_text(error, path, "%s", cannot);
        return NULL;
    }
    memset(&adapted, 0, sizeof adapted);
    if (opts) adapted = *opts;
    if (!adapted.orientation) adapted.orientation = 1;
    icc = icc_of_space(sycc ? GMLP_SRGB : like->space, &icc_size);
    if (!icc || metadata_adapt(&metadata, adapted.metadata, like, adapted.orientation)) {
        free(icc);
        error_text(error, path, "out of memory");
        return NULL;
    }
    adapted.metadata = &metadata;
    s = sinks[find_sink(path)].open(file, like, &adapted, icc, icc_size, reason);
    metadata_free(&metadata);
    free(icc);
    /* checked: a sink keeps nothing of adapted */
    if (s) s->name = path;
    else error_text(error, path, "%s", reason);
    return s;
}

int picture_sink_rows(picture_sink *s, const void *rows, uint32_t count, char error[256]) {
    char reason[REASON] = "cannot be written";
    if (!s->rows(s, (const uint8_t *)rows, count, reason)) return 0;
    error_text(error, s->name, "%s", reason);
    return -1;
}

int picture_sink_end(picture_sink *s, int failed, char error[256]) {
    const char *name = s->name;
    char reason[REASON] = "cannot be written";
    if (!s->end(s, failed, reason)) return 0;
    if (!failed) error_text(error, name, "%s", reason);
    return -1;
}

/* A whole picture into a file of name's kind. */
static int write_all(const char *name, FILE *file, const gmlp_image *image, const picture_write_opts *opts,
                     char error[256]) {
    gmlp_image like = *image, row, view;
    const size_t size = gmlp_pixel_size(image->type, 1);
    const int channels = image->channels ? image->channels : 3;
    const uint8_t *alpha = opts && picture_holds_alpha(name) ? opts->alpha : NULL;
    const ptrdiff_t stride = image->stride ? image->stride
                                           : (ptrdiff_t)((size_t)image->width * (size_t)channels * size);
    picture_sink *s;
    uint8_t *packed;
    uint32_t y;
    gmlp_result status = GMLP_OK;
    int bad = 0;
    if (path_has_extension(name, "exr")) like.space = picture_linear_space(image->space); /* what EXR readers expect */
    like.channels = alpha || (channels == 4 && picture_holds_alpha(name)) ? 4 : 3;
    like.stride = 0;
    packed = (uint8_t *)malloc((size_t)image->width * (size_t)like.channels * size);
    if (!packed) {
        error_text(error, name, "out of memory");
        return -1;
    }
    s = picture_sink_open(name, file, &like, opts, error);
    for (y = 0; y < image->height && s && !bad; y++) {
        const void *from = (const uint8_t *)image->data + (ptrdiff_t)y * stride;
        if (channels != like.channels || like.space != image->space) {
            row = like;
            view = *image;
            row.height = view.height = 1;
            row.data = packed;
            view.data = (void *)(uintptr_t)from; /* only read */
            from = packed;
            status = gmlp_convert(&view, &row, NULL);
            if (status) error_text(error, name, "%s", gmlp_result_string(status));
            if (alpha) alpha_put(like.type, alpha + (size_t)y * image->width, image->width, packed);
        }
        bad = status || picture_sink_rows(s, from, 1, error);
    }
    free(packed);
    return !s || picture_sink_end(s, bad, error) ? -1 : 0;
}

int picture_write(const char *path, const gmlp_image *image, const picture_write_opts *opts, char error[256]) {
    output o;
    const char *cannot = picture_cannot_hold(path, image->type);
    if (cannot) {
        error_text(error, path, "%s", cannot);
        return -1;
    }
    if (output_open(&o, path, error)) return -1;
    if (!write_all(path, o.file, image, opts, error)) return output_commit(&o, error);
    output_discard(&o);
    return -1;
}

/* What write makes, in memory. */
typedef int write_job(FILE *file, const gmlp_image *image, const void *opts, const char *name, char error[256]);

static int in_memory(write_job *write, const gmlp_image *image, const void *opts, const char *name, uint8_t **bytes,
                     size_t *size, char error[256]) {
    char *buffer = NULL;
    FILE *file = open_memstream(&buffer, size);
    int bad;
    if (!file) {
        error_text(error, name, "out of memory");
        return -1;
    }
    bad = write(file, image, opts, name, error);
    if ((fclose(file) || !buffer) && !bad) { /* glibc calls it success when the memory for the end was not there */
        error_text(error, name, "out of memory");
        bad = -1;
    }
    if (bad) free(buffer);
    else *bytes = (uint8_t *)buffer;
    return bad;
}

static int write_usual(FILE *file, const gmlp_image *image, const void *opts, const char *name, char error[256]) {
    return write_all(name, file, image, (const picture_write_opts *)opts, error);
}

int picture_encode_memory(int container, const gmlp_image *image, const picture_write_opts *opts, uint8_t **bytes,
                          size_t *size, char error[256]) {
    static const char *const names[] = { "the JPEG.jpg", "the PNG.png", "the KTX2.ktx2" }; /* by gmlp_container */
    return in_memory(write_usual, image, opts, names[container - 1], bytes, size, error);
}

static int write_fine(FILE *file, const gmlp_image *image, const void *opts, const char *name, char error[256]) {
    char reason[REASON] = "out of memory";
    picture_fine_opts adapted = *(const picture_fine_opts *)opts;
    picture_metadata metadata;
    size_t icc_size;
    uint8_t *icc = icc_of_space(GMLP_SRGB, &icc_size);
    const int no_memory = !icc || metadata_adapt(&metadata, adapted.metadata, image, 1);
    int bad = no_memory;
    if (!no_memory) {
        adapted.metadata = &metadata;
        bad = jpeg_save_fine(file, image, &adapted, icc, icc_size, reason);
        metadata_free(&metadata);
    }
    free(icc);
    if (bad) error_text(error, name, "%s", reason);
    return bad ? -1 : 0;
}

int picture_encode_fine(const gmlp_image *image, const picture_fine_opts *opts, uint8_t **bytes, size_t *size,
                        char error[256]) {
    return in_memory(write_fine, image, opts, "the JPEG", bytes, size, error);
}

/* A file's compressed picture in another file. */
typedef struct again {
    const uint8_t *bytes;
    size_t size;
    const picture_metadata *metadata;
} again;

static int write_again(FILE *file, const gmlp_image *image, const void *opts, const char *name, char error[256]) {
    const again *a = (const again *)opts;
    char reason[REASON] = "out of memory";
    picture_metadata metadata;
    size_t icc_size;
    uint8_t *icc = icc_of_space(image->space == GMLP_SYCC ? GMLP_SRGB : image->space, &icc_size);
    const int no_memory = !icc || metadata_adapt(&metadata, a->metadata, image, 1);
    int bad = no_memory;
    if (!no_memory) {
        bad = jpeg_save_again(file, a->bytes, a->size, &metadata, icc, icc_size, reason);
        metadata_free(&metadata);
    }
    free(icc);
    if (bad) error_text(error, name, "%s", reason);
    return bad ? -1 : 0;
}

int picture_transform(const void *jpeg, size_t jpeg_size, const gmlp_geometry *geometry,
                      const gmlp_image *like, const picture_metadata *metadata, uint8_t **bytes, size_t *size,
                      char error[256]) {
    uint8_t *turned;
    again a;
    int bad;
    bad = jpeg_transform((const uint8_t *)jpeg, jpeg_size, geometry, &turned, &a.size);
    if (bad < 0) snprintf(error, 256, "out of memory");
    if (bad) return bad;
    a.bytes = turned;
    a.metadata = metadata;
    bad = in_memory(write_again, like, &a, "the JPEG", bytes, size, error);
    free(turned);
    return bad;
}
