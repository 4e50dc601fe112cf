#include "work/hidden.h"

#include <math.h>
#include <string.h>

static size_t pixels_of(const gmlp_image *image) { return (size_t)image->width * image->height; }

static int is_extreme(uint8_t code) { return code == 0 || code == 255; }

/* Are seven of eight hidden pixels of one colour? Others may lie at the edges of what is seen. A vote finds the colour
   of more than half. */
static int is_flat(const uint8_t *alpha, const uint8_t *codes, size_t n) {
    const uint8_t *elected = NULL;
    size_t i, votes = 0, hidden = 0, same = 0;
    for (i = 0; i < n; i++) {
        if (alpha[i]) continue;
        hidden++;
        if (!votes) elected = codes + 3 * i;
        if (!memcmp(elected, codes + 3 * i, 3)) votes++;
        else votes--;
    }
    for (i = 0; i < n; i++) same += !alpha[i] && !memcmp(elected, codes + 3 * i, 3);
    return 8 * same >= 7 * hidden;
}

void hidden_codes(const uint8_t *alpha, const gmlp_image *base) {
    const size_t n = alpha ? pixels_of(base) : 0;
    uint8_t *code = (uint8_t *)base->data;
    const int flat = is_flat(alpha, code, n);
    size_t i;
    int c;
    for (i = 0; i < n; i++, code += 3) {
        if (alpha[i] || (is_extreme(code[0]) && code[0] == code[1] && code[1] == code[2] && !flat)) continue;
        for (c = 0; c < 3; c++) {
            if (flat) code[c] = 0;
            else if (is_extreme(code[c])) code[c] = code[c] ? 254 : 1;
        }
    }
}

gmlp_result hidden_settle(const uint8_t *alpha, const gmlp_image *base, const gmlp_image *original,
                          const gmlp_convert_opts *opts) {
    const size_t of_base = gmlp_pixel_size(base->type, 3), of_original = gmlp_pixel_size(original->type, 3);
    gmlp_converter *converter;
    gmlp_image from = *base, to = *original;
    uint32_t x, y, n;
    gmlp_result status;
    if (!alpha) return GMLP_OK;
    status = gmlp_converter_create(base->type, base->space, original->type, original->space, opts, &converter);
    from.height = to.height = 1;
    for (y = 0; y < base->height && !status; y++, alpha += base->width)
        for (x = 0; x < base->width && !status; x += n + !n) {
            for (n = 0; x + n < base->width && !alpha[x + n]; n++) {}
            if (!n) continue;
            from.width = to.width = n;
            from.data = (uint8_t *)base->data + ((size_t)y * base->width + x) * of_base;
            to.data = (uint8_t *)original->data + ((size_t)y * base->width + x) * of_original;
            status = gmlp_converter_rows(converter, &from, &to);
        }
    gmlp_converter_free(converter);
    return status;
}

double hidden_psnr(const uint8_t *alpha, const gmlp_image *image) {
    const size_t n = alpha ? pixels_of(image) : 0;
    size_t i, seen = 0;
    for (i = 0; i < n; i++) seen += alpha[i] != 0;
    return seen ? 10 * log10((double)seen / (double)n) : 0;
}

/* The hidden pixels of each cell, by the signature's rule. */
static void count_hidden(const gmlp_image *base, uint64_t hidden[GMLP_SIGNATURE_SIZE]) {
    const uint8_t *p = (const uint8_t *)base->data;
    uint32_t x, y;
    memset(hidden, 0, GMLP_SIGNATURE_SIZE * sizeof *hidden);
    for (y = 0; y < base->height; y++)
        for (x = 0; x < base->width; x++, p += 4)
            hidden[(uint64_t)y * 8 / base->height * 8 + (uint64_t)x * 8 / base->width] += p[3] == 0;
}

int hidden_changed(const gmlp_net *net, const gmlp_image *base, uint8_t signature[GMLP_SIGNATURE_SIZE]) {
    uint64_t hidden[GMLP_SIGNATURE_SIZE];
    uint8_t nearest[GMLP_SIGNATURE_SIZE]; /* to the net's, that such pixels allow */
    gmlp_signature s;
    int i, whole = 0;
    if (net->base_width != base->width || net->base_height != base->height || net->base_space == GMLP_SYCC) return 0;
    gmlp_signature_begin(&s, base->width, base->height);
    gmlp_signature_rows(&s, base, 0);
    gmlp_signature_finish(&s, signature);
    count_hidden(base, hidden);
    for (i = 0; i < GMLP_SIGNATURE_SIZE; i++) {
        const double share = s.count[i] ? (double)hidden[i] / (double)s.count[i] : 0;
        const double least = signature[i] - 255 * share, most = signature[i] + 255 * share, want = net->signature[i];
        nearest[i] = (uint8_t)(want < least ? ceil(least) : want > most ? floor(most) : want);
        whole += s.count[i] && !hidden[i];
    }
    return whole >= 8 && gmlp_signature_match(nearest, net->signature);
}
