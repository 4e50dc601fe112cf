/* Prints one number over all that the library computes from a small picture, the same on every processor. */
#include <stdio.h>
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include "tests/fingerprint.h"

static uint32_t hash = 2166136261u; /* FNV-1a */

/* count values of size bytes each, the least significant byte first. */
static void add(const void *values, size_t size, size_t count) {
    const uint16_t one = 1;
    const int little = *(const unsigned char *)&one;
    const unsigned char *p = (const unsigned char *)values;
    size_t i, k;
    for (i = 0; i < count; i++, p += size)
        for (k = 0; k < size; k++) hash = (hash ^ p[little ? k : size - 1 - k]) * 16777619u;
}

int main(void) {
    static const gmlp_threads none = {NULL, NULL};
    fingerprint *f = make_fingerprint(GMLP_ISA_AUTO, none);
    const gmlp_result result = f->result;
    size_t i;
    if (gmlp_isa_available(GMLP_ISA_SSE41)) { /* which only old processors choose */
        fingerprint *sse = make_fingerprint(GMLP_ISA_SSE41, none);
        if (memcmp(f, sse, sizeof *f)) puts("SSE4.1 differs");
        free(sse);
    }
    add(&f->report.out_of_gamut, 8, 1);
    add(&f->report.saturated, 8, 1);
    add(f->codes, 1, sizeof f->codes);
    add(f->mask, 1, sizeof f->mask);
    add(f->wide32, 4, sizeof f->wide32 / 4);
    add(f->pq_half, 2, sizeof f->pq_half / 2);
    for (i = 0; i < FINGERPRINTS; i++) {
        const uint32_t size = (uint32_t)f->blob_size[i];
        add(&size, 4, 1);
        add(f->blob[i], 1, size);
        add(f->wide16[i], 2, sizeof f->wide16[i] / 2);
        add(&f->loss[i], 8, 1);
    }
    add(f->landmarks, 1, sizeof f->landmarks);
    add(&f->edit.coords, 4, sizeof f->edit.coords / 4);
    printf("%s %08x\n", gmlp_result_string(result), (unsigned)hash);
    free(f);
    return (int)result;
}
