/* Turning pixels as an orientation tag asks. */
#include <stdlib.h>
#include <string.h>

#include "pictures/formats.h"

/* A copy of packed pixels of so many bytes. */
static uint8_t *turned(const void *pixels, const gmlp_image *from, size_t pixel, int orientation) {
    const uint32_t right = from->width - 1, bottom = from->height - 1;
    const int lies = orientation >= 5,
              mirrored = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const int flipped = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const uint32_t width = lies ? from->height : from->width, height = lies ? from->width : from->height;
    uint8_t *copy = (uint8_t *)malloc((size_t)width * height * pixel), *to = copy;
    uint32_t x, y;
    for (y = 0; y < height && copy; y++)
        for (x = 0; x < width; x++, to += pixel) {
            const uint32_t column = lies ? y : x, row = lies ? x : y; /* of the stored pixel, but for mirrors */
            memcpy(to, (const uint8_t *)pixels + ((size_t)(flipped ? bottom - row : row) * from->width +
                                                  (mirrored ? right - column : column)) * pixel, pixel);
        }
    return copy;
}

int picture_turn(picture *p, int orientation, char error[256]) {
    const gmlp_image from = p->image;
    uint8_t *pixels, *alpha;
    if (orientation < 2 || orientation > 8) return 0;
    pixels = turned(from.data, &from, gmlp_pixel_size(from.type, from.channels), orientation);
    alpha = p->alpha ? turned(p->alpha, &from, 1, orientation) : NULL;
    if (!pixels || (p->alpha && !alpha)) {
        free(pixels);
        free(alpha);
        snprintf(error, 256, "out of memory for turning %u x %u pixels", from.width, from.height);
        return -1;
    }
    if (orientation >= 5) {
        p->image.width = from.height;
        p->image.height = from.width;
    }
    free(p->image.data);
    free(p->alpha);
    p->image.data = pixels;
    p->alpha = alpha;
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
