/* JPEG files from strangers. */
#include "container.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (gmlp_container_kind(data, size) == GMLP_CONTAINER_JPEG)
        use_container(data, size, GMLP_CARRIER_JPEG_APP | GMLP_CARRIER_JPEG_COM | GMLP_CARRIER_XMP);
    return 0;
}
