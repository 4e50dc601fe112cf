/* Pictures of four squares of one colour each, which survive any compression. */
#ifndef MADE_SQUARES_H
#define MADE_SQUARES_H

#include "made.h"

enum { SIDE = 64 };

static const int squares[4][3] = { { 255, 0, 0 }, { 32, 200, 64 }, { 16, 48, 240 }, { 128, 128, 128 } };

static inline int square_of(int x, int y) { return y / 32 * 2 + x / 32; }

/* In the middle of a square, of 255. */
static inline double square_sample(const gmlp_image *image, int square, int c) {
    const size_t at = ((size_t)(16 + square / 2 * 32) * image->width + (size_t)(16 + square % 2 * 32)) * 3 + (size_t)c;
    return image->type == GMLP_U8 ? ((uint8_t *)image->data)[at] : ((uint16_t *)image->data)[at] / 257.0;
}

/* 8 or 16 bits; near is in 255ths. */
static inline void expect_squares(const gmlp_image *image, double near) {
    int i, c;
    assert_int_equal(image->width, SIDE);
    assert_int_equal(image->height, SIDE);
    for (i = 0; i < 4; i++)
        for (c = 0; c < 3; c++)
            if (fabs(square_sample(image, i, c) - squares[i][c]) > near)
                fail_msg("square %d, channel %d: %g is not %d", i, c, square_sample(image, i, c), squares[i][c]);
}

#endif
