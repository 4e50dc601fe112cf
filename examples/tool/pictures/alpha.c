/* Alpha; premultiplied ("associated") colours, undone and made. */
#include <math.h>
#include <stdlib.h>

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

/* Half floats and floats as they are, codes in parts of the largest. */
static float share_at(int type, const void *alpha, size_t i) {
    switch (type) {
        case GMLP_U8: return (float)((const uint8_t *)alpha)[i] / 255;
        case GMLP_U16: return (float)((const uint16_t *)alpha)[i] / 65535;
        case GMLP_F16: return gmlp_half_to_float(((const uint16_t *)alpha)[i]);
        default: return ((const float *)alpha)[i];
    }
}

int alpha_allocate(picture_facts *facts, const gmlp_image *image, char reason[REASON]) {
    facts->alpha = (uint8_t *)malloc((size_t)image->width * image->height);
    if (!facts->alpha)
        snprintf(reason, REASON, "%u x %u pixels are too many for the memory", image->width, image->height);
    return facts->alpha ? 0 : -1;
}

void alpha_codes(int type, const void *alpha, size_t n, uint8_t *codes) {
    size_t i;
    for (i = 0; i < n; i++) {
        const float share = share_at(type, alpha, i);
        codes[i] = share >= 0 ? share < 1 ? (uint8_t)(share * 255 + 0.5f) : 255 : share < 0 ? 0 : 255;
    }
}

void alpha_put(int type, const uint8_t *codes, size_t n, void *rgba) {
    size_t i;
    for (i = 0; i < n; i++) {
        if (type == GMLP_U8) ((uint8_t *)rgba)[4 * i + 3] = codes[i];
        else if (type == GMLP_U16) ((uint16_t *)rgba)[4 * i + 3] = (uint16_t)(codes[i] * 257);
        else if (type == GMLP_F16) ((uint16_t *)rgba)[4 * i + 3] = gmlp_half_from_float((float)codes[i] / 255);
        else ((float *)rgba)[4 * i + 3] = (float)codes[i] / 255;
    }
}

void alpha_multiply(int type, void *rgba, size_t n) {
    size_t i, c;
    for (i = 0; i < n; i++) {
        const float share = share_at(type, rgba, 4 * i + 3);
        for (c = 4 * i; c < 4 * i + 3 && share != 1; c++) {
            if (type == GMLP_F16)
                ((uint16_t *)rgba)[c] = gmlp_half_from_float(gmlp_half_to_float(((uint16_t *)rgba)[c]) * share);
            else ((float *)rgba)[c] *= share;
        }
    }
}
