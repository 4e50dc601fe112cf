/* Radiance HDR pictures: red, green and blue of 8 bits with an exponent in common, in runs. What of a file is the
   picture:
   - linear light, a mantissa of 128 at the exponent 129 being 1, as most programs have it (Radiance itself adds half a
     step); of several scales in EXPOSURE lines nothing is undone;
   - its PRIMARIES, else those of Rec.709; XYZE as it stands, E being white;
   - upright, in whatever order the rows and columns are stored. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pictures/formats.h"

int is_radiance(const uint8_t *b, size_t size) {
    return (size >= 10 && !memcmp(b, "#?RADIANCE", 10)) || (size >= 6 && !memcmp(b, "#?RGBE", 6));
}

typedef struct bytes_read {
    const uint8_t *at;
    size_t left;
} bytes_read;

/* The next line without its end; of a longer one the beginning. 0: there is none. */
static int next_line(bytes_read *in, char line[128]) {
    const uint8_t *end = (const uint8_t *)memchr(in->at, '\n', in->left);
    size_t n, length;
    if (!end) return 0;
    n = (size_t)(end - in->at);
    length = n < 127 ? n : 127;
    memcpy(line, in->at, length);
    line[length] = 0;
    in->at += n + 1;
    in->left -= n + 1;
    return 1;
}

static int damaged(const char *what, char reason[REASON]) {
    snprintf(reason, REASON, "Radiance HDR: %s", what);
    return -1;
}

/* Up to the empty line. */
static int read_header(bytes_read *in, picture_facts *facts, char reason[REASON]) {
    double xy[8], exposure = 1, v;
    char line[128];
    int xyz = 0, format = 0;
    for (;;) {
        if (!next_line(in, line)) return damaged("the header does not end", reason);
        if (!line[0] || !strcmp(line, "\r")) break;
        if (!strncmp(line, "FORMAT=", 7)) {
            format = 1;
            xyz = !strncmp(line + 7, "32-bit_rle_xyze", 15);
            if (!xyz && strncmp(line + 7, "32-bit_rle_rgbe", 15)) return damaged("of an unknown FORMAT", reason);
        } else if (sscanf(line, "EXPOSURE=%lf", &v) == 1) exposure *= v;
        else if (sscanf(line, "PRIMARIES=%lf%lf%lf%lf%lf%lf%lf%lf", xy, xy + 1, xy + 2, xy + 3, xy + 4, xy + 5, xy + 6,
                        xy + 7) == 8) {
            memcpy(facts->xy, xy, sizeof xy);
            facts->has_xy = xy[1] != 0 || xy[7] != 0; /* Photoshop writes eight zeros */
        }
    }
    if (!format) return damaged("its header says no FORMAT", reason);
    if (xyz) {
        static const double axes[8] = { 1, 0, 0, 1, 0, 0, 1 / 3.0, 1 / 3.0 };
        memcpy(facts->xy, axes, sizeof axes);
        facts->has_xy = 1;
    }
    if (exposure != 1) picture_note(facts->notes, "its numbers stand for light times %g, as EXPOSURE says", exposure);
    facts->gamma = 1;
    return 0;
}

/* "-Y 512 +X 768": rows from the top, columns from the left. Eight such orders are those of EXIF's orientations. */
static int read_size(bytes_read *in, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    static const char *const orders[8] = { "-Y+X", "-Y-X", "+Y-X", "+Y+X", "+X-Y", "-X-Y", "-X+Y", "+X+Y" };
    char line[128], order[5], sign[2], axis[2];
    unsigned long height, width;
    int i;
    if (!next_line(in, line) ||
        sscanf(line, "%c%c %lu %c%c %lu", &sign[0], &axis[0], &height, &sign[1], &axis[1], &width) != 6)
        return damaged("its size cannot be read", reason);
    snprintf(order, sizeof order, "%c%c%c%c", sign[0], axis[0], sign[1], axis[1]);
    for (i = 0; i < 8 && strcmp(order, orders[i]); i++) {}
    if (i == 8) return damaged("its size cannot be read", reason);
    facts->orientation = i + 1;
    image->width = width < GMLP_MAX_SIZE + 1ul ? (uint32_t)width : GMLP_MAX_SIZE + 1u;
    image->height = height < GMLP_MAX_SIZE + 1ul ? (uint32_t)height : GMLP_MAX_SIZE + 1u;
    image->type = GMLP_F32;
    return 0;
}

/* A row of new runs: of each component its bytes, in runs (more than 128: so many less 128) and as they are. */
static int read_components(bytes_read *in, uint8_t *row, uint32_t width) {
    uint32_t c, x;
    for (c = 0; c < 4; c++)
        for (x = 0; x < width;) {
            uint32_t n, i;
            int run;
            if (in->left < 2) return -1;
            run = in->at[0] > 128;
            n = run ? in->at[0] - 128u : in->at[0];
            if (!n || n > width - x || in->left < 1 + (run ? 1 : n)) return -1;
            for (i = 0; i < n; i++) row[4 * x++ + c] = in->at[1 + (run ? 0 : i)];
            in->at += 1 + (run ? 1 : n);
            in->left -= 1 + (run ? 1 : n);
        }
    return 0;
}

/* Whole pixels; 1, 1, 1 and n: n more of the last, or n << 8 at the second in a row. */
static int read_pixels(bytes_read *in, uint8_t *row, uint32_t width) {
    uint32_t x = 0, shift = 0;
    while (x < width) {
        if (in->left < 4) return -1;
        if (x && in->at[0] == 1 && in->at[1] == 1 && in->at[2] == 1) {
            uint32_t n = shift < 32 ? (uint32_t)in->at[3] << shift : 0;
            if (shift > 16 || n > width - x) return -1;
            for (; n; n--, x++) memcpy(row + 4 * x, row + 4 * (x - 1), 4);
            shift += 8;
        } else {
            memcpy(row + 4 * x++, in->at, 4);
            shift = 0;
        }
        in->at += 4;
        in->left -= 4;
    }
    return 0;
}

static int read_row(bytes_read *in, uint8_t *row, uint32_t width) {
    const uint8_t *b = in->at;
    if (width < 8 || width > 32767 || in->left < 4 || b[0] != 2 || b[1] != 2 || b[2] > 127)
        return read_pixels(in, row, width);
    if (((uint32_t)b[2] << 8 | b[3]) != width) return -1;
    in->at += 4;
    in->left -= 4;
    return read_components(in, row, width);
}

int radiance_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    bytes_read in;
    uint8_t *row;
    float *to;
    uint32_t y, x, c;
    int bad = 0;
    in.at = bytes;
    in.left = size;
    if (read_header(&in, facts, reason) || read_size(&in, image, facts, reason)) return -1;
    if (image_in_proportion(image->width, image->height, size, reason)) return -1;
    if (in.left / image->height < 4) return damaged("the pixels end too early", reason); /* any row has a pixel */
    if (image_allocate(image, reason)) return -1;
    row = (uint8_t *)malloc((size_t)image->width * 4);
    if (!row) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
    to = (float *)image->data;
    for (y = 0; y < image->height && !bad; y++) {
        bad = read_row(&in, row, image->width);
        for (x = 0; x < image->width && !bad; x++) {
            const double scale = row[4 * x + 3] ? ldexp(1, row[4 * x + 3] - 136) : 0;
            for (c = 0; c < 3; c++) *to++ = (float)(row[4 * x + c] * scale);
        }
    }
    free(row);
    if (bad) damaged("the pixels end too early, or are damaged", reason);
    return bad;
}
