#include "work/quality.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shell/messages.h"

#define BAND 16u /* rows */

typedef struct measuring {
    const quality_subject *s;
    const gmlp_decoder *decoder; /* NULL: s->decoded is */
    const metrics_psnr *psnr;
    metrics_psnr_sums *sums; /* one a band, and a text if it failed */
    char (*errors)[256];
} measuring;

static void measure_band(void *user, size_t index) {
    const measuring *m = (const measuring *)user;
    const quality_subject *s = m->s;
    const uint32_t y = (uint32_t)index * BAND, rows = s->wide->height - y < BAND ? s->wide->height - y : BAND;
    const gmlp_image wide = metrics_rows(s->wide, y, rows), base = metrics_rows(s->base, y, rows);
    const size_t samples = (size_t)base.width * rows * 3;
    float *memory = (float *)malloc(samples * (sizeof(float) + 1));
    gmlp_image shown = base, decoded = base;
    gmlp_result status = memory ? GMLP_OK : GMLP_E_MEMORY;
    shown.stride = decoded.stride = 0;
    shown.space = GMLP_SRGB;
    shown.data = memory + samples;
    decoded.type = GMLP_F32;
    decoded.space = GMLP_PROPHOTO_LINEAR;
    decoded.data = memory;
    if (base.space == GMLP_SRGB) shown = base;
    else if (!status) status = gmlp_convert(&base, &shown, NULL);
    if (!m->decoder) decoded = metrics_rows(s->decoded, y, rows);
    else if (!status) status = gmlp_decoder_rows(m->decoder, s->base, 0, 0, &decoded, 0, y, NULL);
    if (status) error_text(m->errors[index], s->name, "%s", gmlp_result_string(status));
    else metrics_psnr_rows(m->psnr, &wide, &shown, &decoded, &m->sums[index], m->errors[index]);
    free(memory);
}

int quality_measure(const quality_subject *s, metrics_psnr_result *result, char error[256]) {
    const size_t bands = (s->wide->height + BAND - 1) / BAND;
    gmlp_image shown = *s->base, decoded = s->net ? *s->base : *s->decoded;
    gmlp_decoder *decoder = NULL;
    metrics_psnr *psnr;
    metrics_psnr_sums all;
    measuring m;
    size_t i;
    gmlp_result status = s->net ? gmlp_decoder_create(s->net, GMLP_F32, GMLP_PROPHOTO_LINEAR, NULL, &decoder) : GMLP_OK;
    m.sums = (metrics_psnr_sums *)calloc(bands, sizeof *m.sums);
    m.errors = (char (*)[256])calloc(bands, sizeof *m.errors);
    shown.space = GMLP_SRGB;
    if (s->net) decoded.type = GMLP_F32, decoded.space = GMLP_PROPHOTO_LINEAR;
    psnr = metrics_psnr_begin(s->wide, &shown, &decoded, s->adaptation, error);
    if (!status && (!m.sums || !m.errors)) status = GMLP_E_MEMORY;
    if (status) error_text(error, s->name, "%s", gmlp_result_string(status));
    else if (psnr) {
        error[0] = 0;
        m.s = s;
        m.decoder = decoder;
        m.psnr = psnr;
        s->threads.parallel_for(s->threads.user, measure_band, &m, bands);
        memset(&all, 0, sizeof all);
        for (i = 0; i < bands; i++) {
            if (*m.errors[i] && !*error) memcpy(error, m.errors[i], 256);
            metrics_psnr_merge(&all, &m.sums[i]);
        }
        *result = metrics_psnr_finish(&all);
    }
    metrics_psnr_free(psnr);
    gmlp_decoder_free(decoder);
    free(m.sums);
    free(m.errors);
    return *error ? -1 : 0;
}

/* HDR. */

typedef struct signals {
    const quality_subject *s;
    const gmlp_decoder *decoder;
    gmlp_convert_opts convert;
} signals;

static gmlp_result original_rows(void *user, uint32_t first, const gmlp_image *out) {
    const signals *m = (const signals *)user;
    const gmlp_image rows = metrics_rows(m->s->wide, first, out->height);
    return gmlp_convert(&rows, out, &m->convert);
}

static gmlp_result decoded_rows(void *user, uint32_t first, const gmlp_image *out) {
    const signals *m = (const signals *)user;
    return gmlp_decoder_rows(m->decoder, m->s->base, 0, 0, out, 0, first, NULL);
}

static gmlp_result shown_rows(void *user, uint32_t first, const gmlp_image *out) {
    const signals *m = (const signals *)user;
    const gmlp_image rows = metrics_rows(m->s->base, first, out->height);
    gmlp_image clipped = rows;
    gmlp_result status;
    if (rows.space != GMLP_SYCC) return gmlp_convert(&rows, out, &m->convert);
    clipped.space = GMLP_SRGB;
    clipped.stride = 0;
    clipped.data = malloc((size_t)rows.width * rows.height * 3);
    status = clipped.data ? gmlp_convert(&rows, &clipped, NULL) : GMLP_E_MEMORY;
    if (!status) status = gmlp_convert(&clipped, out, &m->convert);
    free(clipped.data);
    return status;
}

int quality_signals(const quality_subject *s, double white_nits, metrics *result, char error[256]) {
    metrics_maker original = { original_rows, NULL }, test = { s->net ? decoded_rows : shown_rows, NULL };
    gmlp_decoder *decoder = NULL;
    signals m;
    gmlp_result status = s->net ? gmlp_decoder_create(s->net, GMLP_F32, GMLP_REC2020_PQ, NULL, &decoder) : GMLP_OK;
    int bad;
    memset(&m, 0, sizeof m);
    m.s = s;
    m.decoder = decoder;
    m.convert.white_nits = white_nits;
    original.user = test.user = &m;
    if (status) error_text(error, s->name, "%s", gmlp_result_string(status));
    bad = status || metrics_compare_made(s->wide->width, s->wide->height, &original, &test, &s->threads, result, error);
    gmlp_decoder_free(decoder);
    return bad ? -1 : 0;
}

/* As the file says it. */

#define MOST 65535 /* in 100ths of a dB; stands for more, too */

static double quality_number(const uint8_t *p) {
    const int v = p[0] | p[1] << 8;
    return v == 0 ? NAN : v == MOST ? INFINITY : v / 100.0;
}

void quality_of(const gmlp_net *net, double *all, double *out_of_gamut) {
    size_t size;
    const uint8_t *p = gmlp_net_section(net, GMLP_SECTION_QUALITY, &size);
    *all = size >= 2 ? quality_number(p) : NAN;
    *out_of_gamut = size >= 4 ? quality_number(p + 2) : NAN;
}

void quality_set(gmlp_net *net, double all, double out_of_gamut) {
    const double of[2] = { all, out_of_gamut };
    uint8_t bytes[4];
    size_t size;
    int i;
    gmlp_net_section(net, GMLP_SECTION_QUALITY, &size);
    if (size != sizeof bytes) return;
    for (i = 0; i < 2; i++) {
        const int v = isnan(of[i]) ? 0 : of[i] >= MOST / 100.0 ? MOST : of[i] < 0.01 ? 1 : (int)rint(100 * of[i]);
        bytes[2 * i] = (uint8_t)(v & 255);
        bytes[2 * i + 1] = (uint8_t)(v >> 8);
    }
    gmlp_net_section_set(net, GMLP_SECTION_QUALITY, bytes, sizeof bytes);
}
