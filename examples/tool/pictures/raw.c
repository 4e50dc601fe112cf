/* Camera raws: what the sensor saw, not yet a picture. They are known here so that none of the previews in them is
   taken for the photograph. Those that are TIFF files by their first bytes are found in tiff_pages.c. */
#include "pictures/formats.h"

/* A question mark stands for any byte. */
int is_camera_raw(const uint8_t *b, size_t size) {
    static const struct {
        size_t length;
        const char *magic;
    } known[] = {
        { 4, "IIRO" }, { 4, "IIRS" }, { 4, "MMOR" },                      /* Olympus */
        { 4, "IIU\0" },                                                  /* Panasonic, Leica */
        { 11, "II*\0\20\0\0\0CR\2" },                                    /* Canon CR2 */
        { 14, "II????HEAPCCDR" }, { 12, "????ftypcrx " },                 /* Canon CRW, CR3 */
        { 16, "II*\0????IIII?waR" }, { 15, "MM\0*????MMMMRaw" },          /* Phase One */
        { 15, "FUJIFILMCCD-RAW" }, { 4, "FOVb" }, { 4, "\0MRM" }          /* Fujifilm, Sigma, Minolta */
    };
    size_t i, k;
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        const char *magic = known[i].magic;
        for (k = 0; k < known[i].length && k < size && (magic[k] == '?' || b[k] == (uint8_t)magic[k]); k++) {}
        if (k == known[i].length) return 1;
    }
    return 0;
}

void raw_reason(char reason[REASON]) {
    snprintf(reason, REASON, "is a camera raw, not a picture yet: make a 16-bit ProPhoto TIFF of it (dcraw -w -o 4 -6 "
                             "-g 1.8 16 -q 3 -T) and give that, with --from prophoto");
}

int raw_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *color, char reason[REASON]) {
    (void)bytes;
    (void)size;
    (void)image;
    (void)color;
    raw_reason(reason);
    return -1;
}
