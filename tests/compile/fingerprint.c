/* Prints one number over all that the library computes from a small picture. */
#include <stdio.h>
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include "tests/fingerprint.h"

int main(void) {
    static const gmlp_threads none = {NULL, NULL};
    fingerprint *f = make_fingerprint(GMLP_ISA_AUTO, none);
    const unsigned char *bytes = (const unsigned char *)f;
    const size_t size = sizeof *f;
    uint32_t hash = 2166136261u; /* FNV-1a */
    size_t i;
    for (i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 16777619u;
    printf("%s %08x\n", gmlp_result_string(f->result), (unsigned)hash);
    i = (size_t)f->result;
    free(f);
    return (int)i;
}
