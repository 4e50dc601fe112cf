#include "measure/strips.h"

#include <stdlib.h>
#include <string.h>

#include "measure/metrics.h"

gmlp_result strips_open(strips *s, const gmlp_image *reference, const gmlp_image *test) {
    const uint32_t width = reference->width;
    size_t bytes;
    memset(s, 0, sizeof *s);
    if (width != test->width || reference->height != test->height || !width) return GMLP_E_ARGUMENT;
    s->pictures[0] = reference;
    s->pictures[1] = test;
    s->hdr = metrics_is_hdr(reference);
    s->rows = width < 65536 ? 65536 / width : 1;
    bytes = (size_t)width * s->rows * 3 * sizeof(float);
    for (int i = 0; i < 2; i++) s->linear[i] = (float *)malloc(bytes);
    return s->linear[0] && s->linear[1] ? GMLP_OK : GMLP_E_MEMORY;
}

gmlp_result strips_load(strips *s, uint32_t y, uint32_t *rows) {
    const uint32_t left = s->pictures[0]->height - y;
    gmlp_result result = GMLP_OK;
    *rows = left < s->rows ? left : s->rows;
    for (int i = 0; !result && i < 2; i++) {
        const gmlp_image view = metrics_rows(s->pictures[i], y, *rows);
        result = metrics_linear(&view, s->hdr, s->linear[i]);
    }
    return result;
}

void strips_close(strips *s) {
    for (int i = 0; i < 2; i++) free(s->linear[i]);
}
