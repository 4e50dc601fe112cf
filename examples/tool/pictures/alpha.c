/* Premultiplied ("associated") alpha, undone. */
#include <math.h>

#include "pictures/formats.h"

/* v is full * share / 255 or 65535, rounded; what is brighter than its share allows is full. */
static unsigned divide_code(unsigned v, unsigned share, unsigned full) {
    const unsigned long long whole = ((unsigned long long)v * full + share / 2) / share;
    return whole < full ? (unsigned)whole : full;
}

/* What was finite stays finite: a trace of alpha would make infinity of light, which no later step can use. */
static float divide_light(float v, float share, float largest) {
    const float whole = v / share;
    if (!(share > 0 && share < INFINITY) || !(fabsf(v) <= largest)) return v;
    return whole > largest ? largest : whole < -largest ? -largest : whole;
}

void alpha_divide(int type, void *rgb, const void *alpha, size_t n) {
    uint8_t *bytes = (uint8_t *)rgb;
    uint16_t *words = (uint16_t *)rgb; /* codes or halves */
    float *floats = (float *)rgb;
    size_t i;
    for (i = 0; i < 3 * n; i++) {
        if (type == GMLP_U8) {
            const unsigned share = ((const uint8_t *)alpha)[i / 3];
            if (share && share < 255) bytes[i] = (uint8_t)divide_code(bytes[i], share, 255);
        } else if (type == GMLP_U16) {
            const unsigned share = ((const uint16_t *)alpha)[i / 3];
            if (share && share < 65535) words[i] = (uint16_t)divide_code(words[i], share, 65535);
        } else if (type == GMLP_F16) {
            const float share = gmlp_half_to_float(((const uint16_t *)alpha)[i / 3]);
            if (share != 1) /* the bits of NaN stay too */
                words[i] = gmlp_half_from_float(divide_light(gmlp_half_to_float(words[i]), share, 65504.0f));
        } else
            floats[i] = divide_light(floats[i], ((const float *)alpha)[i / 3], 3.40282347e38f);
    }
}
