/* Turning pixels as an orientation tag asks. */
#include <stdlib.h>
#include <string.h>

#include "pictures/formats.h"

/* In place, for a second picture beside a large one is too much. */

static void reverse(uint8_t *pixels, size_t n, size_t pixel) {
    uint8_t *a = pixels, *b = pixels + n * pixel, held[4 * sizeof(float)];
    for (n /= 2; n--; a += pixel) {
        b -= pixel;
        memcpy(held, a, pixel);
        memcpy(a, b, pixel);
        memcpy(b, held, pixel);
    }
}

/* Rows become columns, in bands of columns. First each band's part of a row, a chunk, goes to the others of its band,
   then each band is turned by way of a copy. What is left of the columns waits aside, already turned. -1: no memory. */
static int transpose(uint8_t *pixels, uint32_t width, uint32_t height, size_t pixel) {
    enum { BANDS = 8 };
    const size_t band = width / BANDS, rest = width % BANDS, chunk = band * pixel, chunks = (size_t)height * BANDS;
    uint8_t *const aside = (uint8_t *)malloc(rest * height * pixel + height * chunk + chunk + chunks);
    uint8_t *copy, *held, *moved;
    size_t x, y, i, to, from;
    if (!aside) return -1;
    copy = aside + rest * height * pixel;
    held = copy + height * chunk;
    moved = held + chunk;
    for (y = 0; y < height; y++) {
        const uint8_t *row = pixels + y * width * pixel;
        for (x = 0; x < rest; x++) memcpy(aside + (x * height + y) * pixel, row + (width - rest + x) * pixel, pixel);
        memmove(pixels + y * BANDS * chunk, row, BANDS * chunk);
    }
    memset(moved, 0, chunks);
    for (i = 0; i < chunks; i++) { /* a round of chunks that take each other's places */
        if (moved[i]) continue;
        memcpy(held, pixels + i * chunk, chunk);
        for (to = i;; to = from) {
            moved[to] = 1;
            from = to % height * BANDS + to / height;
            if (from == i) break;
            memcpy(pixels + to * chunk, pixels + from * chunk, chunk);
        }
        memcpy(pixels + to * chunk, held, chunk);
    }
    for (i = 0; i < BANDS; i++) {
        uint8_t *out = pixels + i * height * chunk;
        memcpy(copy, out, height * chunk);
        for (x = 0; x < band; x++)
            for (y = 0; y < height; y++, out += pixel) memcpy(out, copy + y * chunk + x * pixel, pixel);
    }
    memcpy(pixels + BANDS * height * chunk, aside, rest * height * pixel);
    free(aside);
    return 0;
}

static int turn(uint8_t *pixels, const gmlp_image *from, size_t pixel, int orientation) {
    const int lies = orientation >= 5,
              mirrored = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const int flipped = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    uint32_t y;
    if (flipped) reverse(pixels, (size_t)from->width * from->height, pixel);
    for (y = 0; y < from->height && mirrored != flipped; y++)
        reverse(pixels + (size_t)y * from->width * pixel, from->width, pixel);
    return lies ? transpose(pixels, from->width, from->height, pixel) : 0;
}

int picture_turn(picture *p, int orientation, char error[256]) {
    const gmlp_image from = p->image;
    if (orientation < 2 || orientation > 8) return 0;
    if (turn((uint8_t *)from.data, &from, gmlp_pixel_size(from.type, from.channels), orientation) ||
        (p->alpha && turn(p->alpha, &from, 1, orientation))) {
        snprintf(error, 256, "out of memory for turning %u x %u pixels", from.width, from.height);
        return -1;
    }
    if (orientation >= 5) {
        p->image.width = from.height;
        p->image.height = from.width;
    }
    return 0;
}

int picture_upright(picture *p, char error[256]) {
    if (picture_turn(p, p->orientation, error)) return -1;
    p->orientation = 1;
    return 0;
}

int picture_lay(picture *p, int orientation, char error[256]) {
    return picture_turn(p, orientation == 6 ? 8 : orientation == 8 ? 6 : orientation, error);
}
