/* PNG files from strangers; also with their chunks' checksums mended, else few would be looked into. */
#include "container.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const int carriers = GMLP_CARRIER_PNG_CHUNK | GMLP_CARRIER_PNG_TEXT | GMLP_CARRIER_XMP;
    gmlp__part part;
    uint8_t *mended;
    if (gmlp_container_kind(data, size) != GMLP_CONTAINER_PNG) return 0;
    use_container(data, size, carriers);
    mended = (uint8_t *)malloc(size);
    CHECK(mended);
    memcpy(mended, data, size);
    memset(&part, 0, sizeof part);
    while (!part.last && gmlp__png_next(data, size, &part, NULL) == GMLP_OK)
        if (part.start && !part.last)
            gmlp__put_be(mended + part.end - 4, gmlp__crc32(0, mended + part.start + 4, part.end - part.start - 8), 4);
    if (memcmp(mended, data, size)) use_container(mended, size, carriers);
    free(mended);
    return 0;
}
