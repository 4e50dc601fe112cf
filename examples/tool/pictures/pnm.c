#include <stdlib.h>
#include <string.h>

#include "pictures/formats.h"

/* Reading: P5 and P6, one or two bytes a sample. The others of the family are known by name. */

/* The next number of the header, past white space and comments; -1 if there is none. */
static long header_number(const uint8_t *bytes, size_t size, size_t *at) {
    long v = 0;
    int any = 0;
    while (*at < size) {
        const uint8_t c = bytes[*at];
        if (c == '#')
            while (*at < size && bytes[*at] != '\n') ++*at;
        else if (c == ' ' || (c >= '\t' && c <= '\r')) ++*at;
        else break;
    }
    for (; *at < size && bytes[*at] >= '0' && bytes[*at] <= '9'; ++*at, any = 1)
        if (v < 1000000) v = 10 * v + (bytes[*at] - '0');
    return any ? v : -1;
}

int pnm_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *color, char reason[REASON]) {
    const size_t channels = bytes[1] == '6' ? 3 : 1;
    size_t at = 2, wide, pixels, i, c;
    const long width = header_number(bytes, size, &at), height = header_number(bytes, size, &at);
    const long most = header_number(bytes, size, &at);
    (void)color;
    if (bytes[1] != '5' && bytes[1] != '6') {
        snprintf(reason, REASON, "a %s (P%c); of this family P5 and P6 are read, binary grey and RGB",
                 bytes[1] == '7' ? "PAM" : bytes[1] == 'f' || bytes[1] == 'F' ? "PFM" : "PNM of text or of single bits", bytes[1]);
        return -1;
    }
    if (width < 1 || height < 1 || most < 1 || most > 65535 || at >= size) {
        snprintf(reason, REASON, "PPM: the header is damaged");
        return -1;
    }
    at++; /* one white space ends the header */
    image->width = (uint32_t)width;
    image->height = (uint32_t)height;
    image->type = most > 255 ? GMLP_U16 : GMLP_U8;
    wide = most > 255 ? 2 : 1;
    if (width <= (long)GMLP_MAX_SIZE && height <= (long)GMLP_MAX_SIZE &&
        (size - at) / (size_t)width / channels / wide < (size_t)height) {
        snprintf(reason, REASON, "PPM: the pixels end too early");
        return -1;
    }
    if (image_allocate(image, reason)) return -1;
    pixels = (size_t)width * (size_t)height;
    for (i = 0; i < pixels; i++)
        for (c = 0; c < 3; c++) {
            const uint8_t *p = bytes + at + (i * channels + (channels == 3 ? c : 0)) * wide;
            const long v = wide == 2 ? p[0] << 8 | p[1] : p[0], full = wide == 2 ? 65535 : 255;
            const long code = v >= most ? full : (v * full + most / 2) / most;
            if (wide == 2) ((uint16_t *)image->data)[3 * i + c] = (uint16_t)code;
            else ((uint8_t *)image->data)[3 * i + c] = (uint8_t)code;
        }
    return 0;
}

/* Writing. */

static int pnm_rows(picture_sink *s, const uint8_t *rows, uint32_t count, char reason[REASON]) {
    const size_t n = (size_t)count * s->like.width * 3;
    size_t i;
    int bad = 0;
    if (s->like.type == GMLP_U8) bad = fwrite(rows, 1, n, s->file) != n;
    else
        for (i = 0; i < n && !bad; i++) {
            uint16_t v;
            memcpy(&v, rows + 2 * i, 2);
            bad = putc(v >> 8, s->file) == EOF || putc(v & 255, s->file) == EOF;
        }
    if (bad) write_reason(reason);
    return bad ? -1 : 0;
}

static int pnm_end(picture_sink *s, int failed, char reason[REASON]) {
    (void)reason;
    free(s);
    return failed ? -1 : 0;
}

picture_sink *pnm_sink_open(FILE *file, const gmlp_image *like, const picture_write_opts *opts, const uint8_t *icc,
                            size_t icc_size, char reason[REASON]) {
    picture_sink *s = (picture_sink *)calloc(1, sizeof *s);
    (void)opts;
    (void)icc;
    (void)icc_size;
    if (!s) {
        snprintf(reason, REASON, "out of memory");
        return NULL;
    }
    s->rows = pnm_rows;
    s->end = pnm_end;
    s->file = file;
    s->like = *like;
    if (fprintf(file, "P6\n%u %u\n%d\n", like->width, like->height, like->type == GMLP_U16 ? 65535 : 255) < 0) {
        write_reason(reason);
        free(s);
        return NULL;
    }
    return s;
}
