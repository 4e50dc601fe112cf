/* Whether a decoder's fixed-point sums stay within their bits, from the whole numbers in its tables alone: whatever the
   pixels are, in the first rows and columns of the picture. Include after the library. */
#ifndef TESTS_FIXED_H
#define TESTS_FIXED_H

#include <stdint.h>

static int64_t fixed_half(const int32_t *words, size_t j) {
    const uint32_t v = (uint32_t)words[j / 2] >> (j % 2 ? 16 : 0) & 0xffffu;
    return v & 0x8000u ? (int64_t)v - 65536 : (int64_t)v;
}

/* least and most get those of n rows of neuron j added to them. */
static void fixed_ends(const int32_t *rows, size_t n, size_t pairs, size_t j, int64_t *least, int64_t *most) {
    int64_t low = 32767, high = -32768, v;
    size_t i;
    for (i = 0; i < n; i++) {
        v = fixed_half(rows + i * pairs, j);
        if (v < low) low = v;
        if (v > high) high = v;
    }
    *least += low;
    *most += high;
}

static int fixed_fits(const gmlp_decoder *d) {
    enum { ROWS = 64, COLUMNS = 256 };
    static int32_t lines[ROWS * GMLP_MAX_WIDTH / 2];
    const gmlp__fixed *f = &d->fixed;
    const size_t pairs = f->pairs, columns = d->frame.width < COLUMNS ? d->frame.width : COLUMNS, rows = d->frame.height < ROWS ? d->frame.height : ROWS;
    int64_t h1[GMLP_MAX_WIDTH], h2[GMLP_MAX_WIDTH], least, most, w;
    size_t i, j, c;
    for (i = 0; i < rows; i++) {
        const float place = gmlp__place(d, 1, (uint32_t)i);
        gmlp__fixed_entries(d, d->coords.transpose ? 1 : 0, &place, 1, d->place_bias[1], lines + i * pairs);
    }
    for (j = 0; j < 2 * pairs; j++) {
        least = most = 0;
        fixed_ends(lines, rows, pairs, j, &least, &most);
        fixed_ends(f->columns, columns, pairs, j, &least, &most);
        for (c = 0; c < 3 + 3 * (size_t)f->windows; c++) fixed_ends(f->codes + c * 256 * pairs, 256, pairs, j, &least, &most);
        if (least < -32768 || most > 32767) return 0;
        h1[j] = most > 0 ? most : 0;
    }
    for (j = 0; j < 2 * pairs; j++) {
        least = most = f->b2[j];
        for (i = 0; i < 2 * pairs; i++) {
            w = fixed_half(f->w2 + j / 8 * 8 * pairs + 8 * (i / 2) + j % 8, i % 2) * h1[i];
            *(w < 0 ? &least : &most) += w;
        }
        if (least < INT32_MIN || most > INT32_MAX) return 0;
        h2[j] = most > 0 ? most >> 16 : 0;
    }
    for (c = 0; c < 3; c++) {
        least = most = 0;
        for (j = 0; j < 2 * pairs; j++) {
            w = fixed_half(f->w3 + 3 * (j / 2) + c, j % 2) * h2[j];
            *(w < 0 ? &least : &most) += w;
        }
        if (least < INT32_MIN || most > INT32_MAX) return 0;
    }
    return 1;
}
#endif
