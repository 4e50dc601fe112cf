/* EXIF with a camera's note as iPhones write it. */
#ifndef MADE_APPLE_H
#define MADE_APPLE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { APPLE_EXIF_MOST = 124 };

/* Tags 33 and 48, signed thousandths; NAN: the note has none. Returns the size. */
static inline size_t apple_exif(double of33, double of48, uint8_t to[APPLE_EXIF_MOST]) {
    static const uint8_t head[58] = {
        'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, 0x87, 0x69, 0, 4, 0, 0, 0, 1, 0, 0, 0, 26, 0, 0, 0, 0,   /* to EXIF's */
        0, 1, 0x92, 0x7c, 0, 7, 0, 0, 0, APPLE_EXIF_MOST - 44, 0, 0, 0, 44, 0, 0, 0, 0,              /* to the note */
        'A', 'p', 'p', 'l', 'e', ' ', 'i', 'O', 'S', 0, 0, 1, 'M', 'M' };
    static const uint8_t tags[2] = { 33, 48 };
    const double values[2] = { of33, of48 };
    uint8_t *entry = to + 60;
    int i, k;
    memset(to, 0, APPLE_EXIF_MOST);
    memcpy(to, head, sizeof head);
    for (i = 0; i < 2; i++) {
        const int at = 60 + 8 * i; /* from the note's start */
        const uint32_t v = isnan(values[i]) ? 0 : (uint32_t)(int32_t)lround(values[i] * 1000);
        if (isnan(values[i])) continue;
        to[59]++;
        entry[1] = tags[i];
        entry[3] = 10;
        entry[7] = 1;
        entry[11] = (uint8_t)at;
        entry += 12;
        for (k = 0; k < 4; k++) to[44 + at + k] = (uint8_t)(v >> (24 - 8 * k));
        to[44 + at + 6] = 1000 >> 8;
        to[44 + at + 7] = 1000 & 255;
    }
    return APPLE_EXIF_MOST;
}

#define APPLE_NAMESPACES "xmlns:apdi='http://ns.apple.com/pixeldatainfo/1.0/' " \
    "xmlns:HDRGainMap='http://ns.apple.com/HDRGainMap/1.0/'"
#define APPLE_PROPERTIES(more) \
    "<apdi:AuxiliaryImageType>urn:com:apple:photo:2020:aux:hdrgainmap</apdi:AuxiliaryImageType>" more

/* A map's code as light, by BT.709's camera curve, from the standard's text: V = 1.099 L^0.45 - 0.099, 4.5 L below
   L = 0.018. */
static inline double apple_light(double code) {
    double low = 0, high = 1;
    int i;
    for (i = 0; i < 60; i++) {
        const double l = (low + high) / 2;
        if ((l < 0.018 ? 4.5 * l : 1.099 * pow(l, 0.45) - 0.099) < code) low = l;
        else high = l;
    }
    return low;
}

#endif
