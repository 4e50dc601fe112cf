/* Small wide-gamut pictures for the tests: smooth saturated colours over a grey ground, 16-bit ROMM. */
#ifndef TESTS_SYNTHETIC_H
#define TESTS_SYNTHETIC_H

/* data holds width * height * 3; seed changes colours and places. */
static inline void test_picture(uint16_t *data, uint32_t width, uint32_t height, uint32_t seed) {
    uint32_t x, y, noise = seed * 2654435761u + 1;
    for (y = 0; y < height; y++)
        for (x = 0; x < width; x++) {
            uint16_t *p = data + 3 * ((size_t)y * width + x);
            const uint32_t u = x * 1000 / width, v = y * 1000 / height, w = (u + v + seed * 77) % 1000;
            noise = noise * 1664525u + 1013904223u;
            p[0] = p[1] = p[2] = (uint16_t)(9000 + 30 * u + (noise >> 24));
            if ((u / 250 + v / 250) % 2) { /* squares of saturated colour */
                p[seed % 3] = (uint16_t)(30000 + 25 * w + (noise >> 23));
                p[(seed + 1) % 3] = (uint16_t)(2000 + 10 * v);
                p[(seed + 2) % 3] = (uint16_t)(1000 + 5 * u + (noise >> 24));
            }
        }
}

/* The mean of a channel in the window around a pixel, to the nearest code; the border repeats. */
static inline int test_window_mean(const uint8_t *rgb, int width, int height, int x, int y, int radius, int channel) {
    const int area = (2 * radius + 1) * (2 * radius + 1);
    int u, v, sum = 0;
    for (v = y - radius; v <= y + radius; v++)
        for (u = x - radius; u <= x + radius; u++) {
            const int row = v < 0 ? 0 : v >= height ? height - 1 : v, column = u < 0 ? 0 : u >= width ? width - 1 : u;
            sum += rgb[3 * (row * width + column) + channel];
        }
    return (2 * sum + area) / (2 * area);
}
#endif
