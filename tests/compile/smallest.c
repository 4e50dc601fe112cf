/* The least that decodes a file: its code has a limit (check.sh). */
#define GMLP_STATIC
#define GMLP_DECODE_ONLY
#define GMLP_NO_AVX512
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"

gmlp_result decode_file(const void *file, size_t size, const gmlp_image *base, const gmlp_image *out);
gmlp_result decode_file(const void *file, size_t size, const gmlp_image *base, const gmlp_image *out) {
    gmlp_net net;
    gmlp_result result = gmlp_open(file, size, NULL, &net, NULL);
    if (!result) result = gmlp_net_check(&net, base);
    if (!result) result = gmlp_decode(&net, base, out, NULL);
    gmlp_net_free(&net);
    return result;
}
