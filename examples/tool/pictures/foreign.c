/* Names for what is no picture that can be read here, so that the user knows what to do. */
#include <string.h>

#include "pictures/formats.h"

const char *foreign_format(const uint8_t *b, size_t size) {
    static const struct {
        size_t at, length;
        const char *magic, *name;
    } known[] = { { 0, 12, "\0\0\0\014JXL \r\n\207\n", "a JPEG XL picture" },
                  { 0, 2, "\377\012", "a JPEG XL picture" },
                  { 0, 12, "\0\0\0\014jP  \r\n\207\n", "a JPEG 2000 picture" },
                  { 0, 4, "\377\117\377\121", "a JPEG 2000 picture" },
                  { 8, 4, "WEBP", "a WebP picture" },
                  { 0, 6, "GIF87a", "a GIF picture" },
                  { 0, 6, "GIF89a", "a GIF picture" },
                  { 0, 10, "#?RADIANCE", "a Radiance HDR picture" },
                  { 0, 6, "#?RGBE", "a Radiance HDR picture" },
                  { 0, 4, "8BPS", "a Photoshop file" },
                  { 0, 9, "gimp xcf ", "a GIMP file" },
                  { 0, 4, "qoif", "a QOI picture" },
                  { 0, 4, "%PDF", "a PDF file" },
                  { 0, 2, "BM", "a BMP picture" },
                  { 0, 4, "DDS ", "a DDS texture" },
                  { 1, 11, "KTX 11\273\r\n\032\n", "a texture of KTX's first version" },
                  { 0, 8, "\212MNG\r\n\032\n", "an MNG animation" } };
    const char *heif = heif_name(b, size);
    size_t i;
    if (heif) return heif;
    if (size >= 12 && !memcmp(b + 4, "ftyp", 4)) return "a video";
    for (i = 0; i < sizeof known / sizeof *known; i++)
        if (size >= known[i].at + known[i].length && !memcmp(b + known[i].at, known[i].magic, known[i].length))
            return known[i].name;
    return NULL;
}
