#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "pictures/formats.h"

/* Reading. */

typedef struct png_reader {
    picture_rows base;
    png_structp png;
    png_infop info;
    const uint8_t *next;
    size_t left;
    int type, interlaced;
    size_t row_bytes; /* 0: it is open whether with alpha */
    uint32_t done;
    uint8_t *whole; /* interlaced and read in portions */
    char *reason, failed[REASON]; /* failed: why, before a row was asked for */
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

/* How many channels rows will have: at most that many. */
static int begin_rows(png_reader *r, int most) {
    int channels;
    if (most == 3) png_set_strip_alpha(r->png);
    png_read_update_info(r->png, r->info);
    channels = png_get_channels(r->png, r->info);
    if (channels < 3 || channels > most ||
        png_get_rowbytes(r->png, r->info) != (size_t)r->base.width * gmlp_pixel_size(r->type, channels))
        png_error(r->png, "unexpected row size");
    r->row_bytes = png_get_rowbytes(r->png, r->info);
    return channels;
}

/* A failure is told with the rows; libpng cannot be asked once more. */
static int png_reader_alpha(picture_rows *base) {
    png_reader *r = (png_reader *)(void *)base;
    r->reason = r->failed;
    if (setjmp(png_jmpbuf(r->png))) return 3;
    return begin_rows(r, 4);
}

static int png_reader_read(picture_rows *base, uint8_t *rows, uint32_t count, char reason[REASON]) {
    png_reader *r = (png_reader *)(void *)base;
    r->reason = reason;
    memcpy(reason, r->failed, REASON);
    if (reason[0] || setjmp(png_jmpbuf(r->png))) return -1;
    if (!r->row_bytes) begin_rows(r, 3);
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

/* Chunks are read here, and libpng passes over all that pixels do without: it would drop a profile that it does not
   like without a word, and inflate texts that nobody looks at. */

static uint32_t number(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

typedef struct png_chunk {
    const uint8_t *data;
    size_t size;
} png_chunk;

static int is_chunk(const png_chunk *c, const char *name) { return !memcmp(c->data - 4, name, 4); }

static int is_intact(const png_chunk *c, size_t size) {
    return c->size == size && crc32(0, c->data - 4, (uInt)size + 4) == number(c->data + size);
}

/* The first chunk, where next is 0, or the one that follows; 0 at the end of what is there. */
static int next_chunk(const uint8_t *bytes, size_t size, png_chunk *c) {
    const size_t at = c->data ? (size_t)(c->data - bytes) + c->size + 4 : 8;
    if (size < at || size - at < 12 || number(bytes + at) > size - at - 12) return 0;
    c->data = bytes + at + 8;
    c->size = number(bytes + at);
    return 1;
}

/* deflate packs at most 1032 to 1 */
#define MOST_DEFLATED 1032

static size_t most_pixel_bytes(const uint8_t *bytes, size_t size) {
    png_chunk c = { NULL, 0 };
    size_t sum = 0;
    while (next_chunk(bytes, size, &c))
        if (is_chunk(&c, "IDAT")) sum += c.size;
    return sum > (size_t)-1 / MOST_DEFLATED ? (size_t)-1 : sum * MOST_DEFLATED;
}

/* A name, 0, the method (there is one), a zlib stream. The profile's first bytes say its size. */
static int inflate_profile(const png_chunk *c, picture_facts *facts) {
    const uint8_t *name_end = (const uint8_t *)memchr(c->data, 0, c->size < 80 ? c->size : 80);
    const size_t at = name_end ? (size_t)(name_end - c->data) + 2 : c->size;
    uint8_t head[4], *icc = NULL;
    size_t size = 0;
    z_stream z;
    int status;
    memset(&z, 0, sizeof z);
    if (at >= c->size || inflateInit(&z) != Z_OK) return -1;
    z.next_in = (z_const Bytef *)(uintptr_t)(c->data + at); /* only read */
    z.avail_in = (uInt)(c->size - at);
    z.next_out = head;
    z.avail_out = 4;
    status = inflate(&z, Z_SYNC_FLUSH);
    if ((status == Z_OK || status == Z_STREAM_END) && !z.avail_out) size = number(head);
    if (size >= 128 && size / MOST_DEFLATED <= c->size) icc = (uint8_t *)malloc(size + 1);
    if (icc) {
        /* checked: inflate fills head */
        memcpy(icc, head, 4);
        z.next_out = icc + 4;
        z.avail_out = (uInt)(size - 3); /* one more than there should be: the stream gets to its end and checksum */
        status = inflate(&z, Z_SYNC_FLUSH);
        if (z.avail_out > 1 || (z.avail_out && status != Z_STREAM_END)) {
            free(icc);
            icc = NULL;
        }
    }
    inflateEnd(&z);
    if (!icc) return -1;
    facts->icc = icc;
    facts->icc_size = size;
    return 0;
}

/* Texts: a keyword, 0, of iTXt whether it is compressed, of that and zTXt the method, of iTXt a language and a
   translated keyword, each with its 0. */
typedef struct text_chunk {
    const uint8_t *p;
    size_t size;
    int packed;
} text_chunk;

static int find_text(const png_chunk *c, const char *keyword, text_chunk *t) {
    const int international = is_chunk(c, "iTXt");
    const uint8_t *end = c->data + c->size;
    int zeros;
    t->packed = is_chunk(c, "zTXt");
    if (c->size <= strlen(keyword) + 2 || memcmp(c->data, keyword, strlen(keyword) + 1) != 0 || !is_intact(c, c->size))
        return 0;
    t->p = c->data + strlen(keyword) + 1;
    if (international) t->packed = *t->p++;
    if (international || t->packed) t->p++;
    for (zeros = international ? 2 : 0; zeros; zeros--) {
        t->p = t->p < end ? (const uint8_t *)memchr(t->p, 0, (size_t)(end - t->p)) : NULL;
        if (!t->p) return 0;
        t->p++;
    }
    t->size = (size_t)(end - t->p);
    return 1;
}

/* As far as most bytes go, which is twice as much as hexadecimal digits need. The caller frees; NULL: damaged, too
   long, or no memory. */
static uint8_t *inflate_text(const text_chunk *t, size_t *size) {
    const size_t most = 4 * METADATA_MOST;
    size_t room = t->size / 8 < most / MOST_DEFLATED ? t->size * MOST_DEFLATED + 64 : most;
    uint8_t *out;
    uLongf length;
    if (!t->packed) room = t->size;
    if (room > most) room = most;
    out = (uint8_t *)malloc(room + 1);
    if (!out) return NULL;
    length = (uLongf)room;
    if (!t->packed) memcpy(out, t->p, t->size <= most ? t->size : 0);
    else if (uncompress(out, &length, t->p, (uLong)t->size) != Z_OK) {
        free(out);
        return NULL;
    }
    *size = length;
    return out;
}

static int hexadecimal(uint8_t c) {
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *hit = c ? strchr(digits, c) : NULL;
    return hit ? (int)(hit - digits) % 16 : -1;
}

/* ImageMagick's form, in place: a line feed, a name, a line feed, a length, digits in lines. */
static size_t unwrap_profile(uint8_t *text, size_t size) {
    size_t at = 1, length = 0, n = 0;
    int high = -1, v;
    while (at < size && text[at] != '\n') at++;
    for (at++; at < size && (text[at] == ' ' || text[at] == '\n'); at++) {}
    for (; at < size && text[at] >= '0' && text[at] <= '9' && length <= METADATA_MOST; at++)
        length = length * 10 + (size_t)(text[at] - '0');
    for (; at < size && n < length; at++) {
        v = hexadecimal(text[at]);
        if (v < 0) continue;
        if (high < 0) high = v;
        else {
            text[n++] = (uint8_t)(high << 4 | v);
            high = -1;
        }
    }
    return n == length ? n : 0;
}

/* What other programs put there has the names that go before it in a JPEG, or not. */
static void keep_profile(const uint8_t *p, size_t size, int kind, picture_facts *facts) {
    static const char xmp_id[] = "http://ns.adobe.com/xap/1.0/";
    if (kind == METADATA_EXIF && size > sizeof xmp_id && !memcmp(p, xmp_id, sizeof xmp_id)) {
        if (!(facts->metadata & PICTURE_HAS_XMP)) facts->metadata &= ~PICTURE_HAS_EXIF;
        picture_keep_metadata(facts, METADATA_XMP, p + sizeof xmp_id, size - sizeof xmp_id);
        return;
    }
    if (kind == METADATA_EXIF && size > 6 && !memcmp(p, "Exif\0", 6)) p += 6, size -= 6;
    if (kind == METADATA_IPTC && size && *p == '8') {
        p = photoshop_iptc(p, size, &size);
        if (!size) return;
    }
    picture_keep_metadata(facts, kind, p, size);
}

/* XMP as the standard has it, and what ImageMagick and others put into text chunks, where viewers do not look for an
   orientation. The first of a kind is inflated, no other. */
static void read_text(const png_chunk *c, picture_facts *facts) {
    static const struct {
        const char *keyword;
        int kind, wrapped;
    } known[] = { { "XML:com.adobe.xmp", METADATA_XMP, 0 },           { "Raw profile type xmp", METADATA_XMP, 1 },
                  { "Raw profile type exif", METADATA_EXIF, 1 },      { "Raw profile type APP1", METADATA_EXIF, 1 },
                  { "Raw profile type iptc", METADATA_IPTC, 1 },      { "Raw profile type 8bim", METADATA_IPTC, 1 } };
    text_chunk t;
    uint8_t *text;
    size_t size, i;
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        if (facts->metadata & 1 << known[i].kind || !find_text(c, known[i].keyword, &t)) continue;
        facts->metadata |= 1 << known[i].kind;
        text = inflate_text(&t, &size);
        if (!text) continue;
        if (known[i].wrapped) size = unwrap_profile(text, size);
        keep_profile(text, size, known[i].kind, facts);
        free(text);
    }
}

static size_t room_for(size_t size) {
    size_t room = 1024;
    while (room < size) room *= 2;
    return room;
}

/* The whole chunk, of a text that is for people. */
static void keep_text(const png_chunk *c, picture_facts *facts) {
    static const char *const others[] = { "GamutMLP", "XML:com.adobe.xmp", "Raw profile type " };
    metadata_block *texts = &facts->carried.blocks[METADATA_TEXTS];
    const uint8_t *end = (const uint8_t *)memchr(c->data, 0, c->size < 80 ? c->size : 80);
    uint8_t *all;
    size_t i;
    if (!end || end == c->data || !is_intact(c, c->size) || c->size + 12 > METADATA_MOST - texts->size) return;
    for (i = 0; i < sizeof others / sizeof *others; i++)
        if (!strncmp((const char *)c->data, others[i], strlen(others[i]))) return;
    all = texts->bytes;
    if (!all || room_for(texts->size) < texts->size + c->size + 12)
        all = (uint8_t *)realloc(all, room_for(texts->size + c->size + 12));
    if (!all) return;
    memcpy(all + texts->size, c->data - 8, c->size + 12);
    texts->bytes = all;
    texts->size += c->size + 12;
}

static void read_chunk(const png_chunk *c, picture_facts *facts) {
    int i;
    if (is_chunk(c, "cICP") && !facts->has_cicp) {
        facts->has_cicp = is_intact(c, 4);
        if (facts->has_cicp) memcpy(facts->cicp, c->data, 4);
        else snprintf(facts->icc_fault, REASON, "its cICP chunk is damaged");
    } else if (is_chunk(c, "iCCP") && !facts->icc) {
        if (!is_intact(c, c->size) || inflate_profile(c, facts))
            snprintf(facts->icc_fault, REASON, "its ICC profile is damaged");
    } else if (is_chunk(c, "sRGB")) facts->srgb = 1;
    else if (is_chunk(c, "gAMA")) {
        facts->gamma = is_intact(c, 4) ? 1e5 / number(c->data) : NAN;
        facts->gamma_by = GAMMA_BY_CHUNK;
    } else if (is_chunk(c, "cHRM")) { /* white comes first */
        facts->has_xy = 1;
        for (i = 0; i < 8; i++) facts->xy[(i + 6) % 8] = is_intact(c, 32) ? number(c->data + 4 * i) / 1e5 : NAN;
    } else if (is_chunk(c, "pHYs") && is_intact(c, 9) && c->data[8] == PNG_RESOLUTION_METER) {
        metadata_set(&facts->carried, METADATA_RESOLUTION, NULL, 0); /* of EXIF, which counts less */
        picture_keep_resolution(facts, number(c->data), number(c->data + 4), METRES_PER_INCH);
    } else if (is_chunk(c, "acTL") && is_intact(c, 8) && number(c->data) > 1)
        picture_note(facts->left, "of its animation the still picture is taken");
}

/* Colour must be said before the pixels; EXIF and texts may follow them. */
static void read_chunks(const uint8_t *bytes, size_t size, picture_facts *facts) {
    png_chunk c = { NULL, 0 };
    int pixels = 0;
    while (next_chunk(bytes, size, &c) && !is_chunk(&c, "IEND")) {
        pixels |= is_chunk(&c, "IDAT");
        if (!pixels) read_chunk(&c, facts);
        if (is_chunk(&c, "eXIf") && is_intact(&c, c.size)) {
            if (!(facts->metadata & PICTURE_HAS_EXIF)) exif_read(c.data, c.size, facts);
            picture_keep_metadata(facts, METADATA_EXIF, c.data, c.size);
        }
    }
    c.data = NULL; /* a chunk of EXIF's own is better than a text, wherever they are */
    while (next_chunk(bytes, size, &c) && !is_chunk(&c, "IEND"))
        if (is_chunk(&c, "iTXt") || is_chunk(&c, "zTXt") || is_chunk(&c, "tEXt")) {
            read_text(&c, facts);
            keep_text(&c, facts);
        }
}

int png_look(const uint8_t *bytes, size_t size, picture_facts *facts, char reason[REASON]) {
    (void)reason; /* what is damaged is not there */
    read_chunks(bytes, size, facts);
    return 0;
}

/* Everything up to the pixels. facts: NULL asks for 8 bits a sample. */
static int read_header(png_reader *r, const uint8_t *bytes, size_t size, picture_facts *facts) {
    const uint16_t one = 1;
    int bits, kind, interlace;
    png_uint_32 width, height;
    if (setjmp(png_jmpbuf(r->png))) return -1;
    png_set_user_limits(r->png, GMLP_MAX_SIZE, GMLP_MAX_SIZE);
    png_set_benign_errors(r->png, 1);
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_read_fn(r->png, r, read_bytes);
    png_read_info(r->png, r->info);
    png_get_IHDR(r->png, r->info, &width, &height, &bits, &kind, &interlace, NULL, NULL);
    r->base.width = width;
    r->base.height = height;
    if (png_get_rowbytes(r->png, r->info) > most_pixel_bytes(bytes, size) / height)
        png_error(r->png, "the file is too short for its size in pixels");
    if (facts) read_chunks(bytes, size, facts);
    if (kind == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(r->png);
    if (kind == PNG_COLOR_TYPE_GRAY && bits < 8) png_set_expand_gray_1_2_4_to_8(r->png);
    if (kind == PNG_COLOR_TYPE_GRAY || kind == PNG_COLOR_TYPE_GRAY_ALPHA) png_set_gray_to_rgb(r->png);
    if (png_get_valid(r->png, r->info, PNG_INFO_tRNS)) png_set_tRNS_to_alpha(r->png);
    if (bits == 16 && !facts) png_set_scale_16(r->png);
    if (bits == 16 && facts && *(const uint8_t *)&one) png_set_swap(r->png);
    r->type = bits == 16 && facts ? GMLP_U16 : GMLP_U8;
    r->interlaced = interlace != PNG_INTERLACE_NONE;
    if (r->interlaced) png_set_interlace_handling(r->png);
    return 0;
}

static png_reader *reader_open(const uint8_t *bytes, size_t size, picture_facts *facts, char reason[REASON]) {
    png_reader *r = (png_reader *)calloc(1, sizeof *r);
    reason[0] = 0;
    if (r) {
        r->base.read = png_reader_read;
        r->base.close = png_reader_close;
        r->base.with_alpha = png_reader_alpha;
        r->next = bytes;
        r->left = size;
        r->reason = reason;
        r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r->reason, on_png_error, on_png_warning);
        r->info = r->png ? png_create_info_struct(r->png) : NULL;
        if (r->info && !read_header(r, bytes, size, facts)) return r;
        png_reader_close(&r->base);
    }
    if (!*reason) snprintf(reason, REASON, "out of memory");
    return NULL;
}

picture_rows *png_rows_open(const uint8_t *bytes, size_t size, char reason[REASON]) {
    png_reader *r = reader_open(bytes, size, NULL, reason);
    return r ? &r->base : NULL;
}

/* Rows of four channels one by one: the colours go into image, alpha by itself. */
static int split_rows(png_reader *r, const gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    const size_t size = gmlp_pixel_size(image->type, 1), n = image->width;
    uint8_t *row = (uint8_t *)malloc(n * 5 * size), *alpha, *to = (uint8_t *)image->data;
    uint32_t y;
    size_t x;
    int bad = !row;
    if (bad) snprintf(reason, REASON, "out of memory");
    else bad = alpha_allocate(facts, image, reason);
    alpha = row ? row + n * 4 * size : NULL;
    for (y = 0; y < image->height && !bad; y++) {
        bad = png_reader_read(&r->base, row, 1, reason);
        for (x = 0; x < n && !bad; x++, to += 3 * size) {
            memcpy(to, row + x * 4 * size, 3 * size);
            memcpy(alpha + x * size, row + (x * 4 + 3) * size, size);
        }
        if (!bad) alpha_codes(image->type, alpha, n, facts->alpha + y * n);
    }
    free(row);
    return bad;
}

int png_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    png_reader *r = reader_open(bytes, size, facts, reason);
    int bad;
    if (!r) return -1;
    image->width = r->base.width;
    image->height = r->base.height;
    image->type = r->type;
    bad = image_allocate(image, reason);
    if (!bad)
        bad = picture_rows_alpha(&r->base) == 4
                  ? split_rows(r, image, facts, reason)
                  : png_reader_read(&r->base, (uint8_t *)image->data, image->height, reason);
    if (!bad && r->left) picture_note(facts->left, "what lies behind the picture is left out: %zu bytes", r->left);
    png_reader_close(&r->base);
    return bad ? -1 : 0;
}

/* Writing. */

typedef struct png_sink {
    picture_sink base;
    png_structp png;
    png_infop info;
    size_t row_bytes;
    uint8_t *packed; /* a chunk on its way */
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
    free(s->packed);
    free(s);
    return failed ? -1 : 0;
}

static void write_chunk(png_sink *s, const char *name, const void *bytes, size_t size) {
    png_write_chunk(s->png, (png_const_bytep)name, (png_const_bytep)bytes, size);
}

/* As ImageMagick and exiftool have it. */
static void write_iptc(png_sink *s, const metadata_block *iptc) {
    static const char head[] = "Raw profile type iptc\0"; /* and the method, deflate */
    static const char digits[] = "0123456789abcdef";
    const size_t room = iptc->size + PHOTOSHOP_ROOM;
    uint8_t *resources = (uint8_t *)malloc(room), *text = (uint8_t *)malloc(room * 3 + 64);
    const size_t size = resources ? photoshop_resources(iptc->bytes, iptc->size, resources) : 0;
    uLongf packed_size = 0;
    size_t i, n;
    if (resources && text) {
        n = (size_t)snprintf((char *)text, 64, "\niptc\n%8lu", (unsigned long)size);
        for (i = 0; i < size; i++) {
            if (i % 36 == 0) text[n++] = '\n';
            text[n++] = (uint8_t)digits[resources[i] >> 4];
            text[n++] = (uint8_t)digits[resources[i] & 15];
        }
        text[n++] = '\n';
        packed_size = compressBound((uLong)n);
        s->packed = (uint8_t *)malloc(sizeof head + packed_size);
        if (s->packed && compress(s->packed + sizeof head, &packed_size, text, (uLong)n) == Z_OK)
            memcpy(s->packed, head, sizeof head);
        else packed_size = 0;
    }
    free(resources);
    free(text);
    if (!packed_size) png_error(s->png, "out of memory");
    write_chunk(s, "zTXt", s->packed, sizeof head + packed_size);
}

static void write_xmp(png_sink *s, const metadata_block *xmp) {
    static const char head[] = "XML:com.adobe.xmp\0\0\0\0"; /* not compressed, no language, no translation */
    png_write_chunk_start(s->png, (png_const_bytep)"iTXt", (png_uint_32)(sizeof head + xmp->size));
    png_write_chunk_data(s->png, (png_const_bytep)head, sizeof head);
    png_write_chunk_data(s->png, xmp->bytes, xmp->size);
    png_write_chunk_end(s->png);
}

static void write_metadata(png_sink *s, const picture_metadata *metadata) {
    const metadata_block *exif = &metadata->blocks[METADATA_EXIF], *iptc = &metadata->blocks[METADATA_IPTC];
    const metadata_block *xmp = &metadata->blocks[METADATA_XMP];
    const uint8_t *text;
    size_t at = 0, size;
    if (exif->size) write_chunk(s, "eXIf", exif->bytes, exif->size);
    if (xmp->size) write_xmp(s, xmp);
    if (iptc->size) write_iptc(s, iptc);
    while ((text = metadata_text(&metadata->blocks[METADATA_TEXTS], &at, &size)) != NULL)
        png_write_chunk(s->png, text, text + 4, size);
}

static png_uint_32 per_metre(double per_inch) {
    const double v = floor(per_inch / METRES_PER_INCH + 0.5);
    return v < PNG_UINT_31_MAX ? (png_uint_32)v : PNG_UINT_31_MAX;
}

static int png_begin(png_sink *s, const picture_write_opts *opts, const uint8_t *icc, size_t icc_size) {
    const uint16_t one = 1;
    const gmlp_image *like = &s->base.like;
    const int hdr = like->space == GMLP_REC2020_PQ || like->space == GMLP_REC2020_HLG;
    picture_resolution printed;
    uint8_t cicp[4];
    if (setjmp(png_jmpbuf(s->png))) return -1;
    png_set_write_fn(s->png, s, write_file, flush_file);
    png_set_user_limits(s->png, GMLP_MAX_SIZE, GMLP_MAX_SIZE);
    png_set_IHDR(s->png, s->info, like->width, like->height, like->type == GMLP_U16 ? 16 : 8,
                 like->channels == 4 ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    /* On photographs zlib's usual level 6 takes 2 (16 bit) to 6 (8 bit) times as long for 3 to 13 % of the size. */
    png_set_compression_level(s->png, 2);
    png_set_filter(s->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
    if (like->space == GMLP_SRGB) png_set_sRGB_gAMA_and_cHRM(s->png, s->info, PNG_sRGB_INTENT_RELATIVE);
    else if (!hdr) png_set_iCCP(s->png, s->info, "ICC profile", PNG_COMPRESSION_TYPE_BASE, icc, (png_uint_32)icc_size);
    if (metadata_resolution(opts->metadata, &printed))
        png_set_pHYs(s->png, s->info, per_metre(printed.x), per_metre(printed.y), PNG_RESOLUTION_METER);
    png_write_info_before_PLTE(s->png, s->info);
    if (hdr && cicp_of_space(like->space, cicp)) png_write_chunk(s->png, (png_const_bytep)"cICP", cicp, 4);
    png_write_info(s->png, s->info);
    write_metadata(s, opts->metadata);
    if (like->type == GMLP_U16 && *(const uint8_t *)&one) png_set_swap(s->png);
    return 0;
}

picture_sink *png_sink_open(FILE *file, const gmlp_image *like, const picture_write_opts *opts, const uint8_t *icc,
                            size_t icc_size, char reason[REASON]) {
    png_sink *s = (png_sink *)calloc(1, sizeof *s);
    reason[0] = 0;
    if (s) {
        s->base.rows = png_sink_rows;
        s->base.end = png_sink_end;
        s->base.file = file;
        s->base.like = *like;
        s->row_bytes = (size_t)like->width * gmlp_pixel_size(like->type, like->channels);
        s->reason = reason;
        s->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &s->reason, on_png_error, on_png_warning);
        s->info = s->png ? png_create_info_struct(s->png) : NULL;
        if (s->info && !png_begin(s, opts, icc, icc_size)) return &s->base;
        png_destroy_write_struct(&s->png, &s->info);
        free(s->packed);
        free(s);
    }
    if (!*reason) snprintf(reason, REASON, "out of memory");
    return NULL;
}
