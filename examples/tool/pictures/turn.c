/* Turning pixels as an orientation tag asks. */
#include <stdlib.h>
#include <string.h>

#include "pictures/formats.h"

int picture_turn(picture *p, int orientation, char error[256]) {
    const gmlp_image from = p->image;
    const size_t pixel = gmlp_pixel_size(from.type, 3);
    const uint32_t right = from.width - 1, bottom = from.height - 1;
    const int lies = orientation >= 5,
              mirrored = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const int flipped = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    uint8_t *to;
    uint32_t x, y;
    if (orientation < 2 || orientation > 8) return 0;
    if (lies) {
        p->image.width = from.height;
        p->image.height = from.width;
    }
    to = (uint8_t *)malloc((size_t)from.width * from.height * pixel);
    if (!to) {
        snprintf(error, 256, "out of memory for turning %u x %u pixels", from.width, from.height);
        return -1;
    }
    p->image.data = to;
    for (y = 0; y < p->image.height; y++)
        for (x = 0; x < p->image.width; x++, to += pixel) {
            const uint32_t column = lies ? y : x, row = lies ? x : y; /* of the stored pixel, but for mirrors */
            memcpy(to, (const uint8_t *)from.data + ((size_t)(flipped ? bottom - row : row) * from.width +
                                                     (mirrored ? right - column : column)) * pixel, pixel);
        }
    free(from.data);
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
