#include "work/base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shell/messages.h"
#include "work/fitting.h"
#include "work/quality.h"

#define WORTH_SYCC 0.5 /* dB */

typedef struct making {
    gmlp_image *wide;
    const base_opts *opts;
    gmlp_convert_opts convert;
} making;

/* What two bases of the fitting's rows give without a network: first the one that viewers show. */
static int compare(const making *m, const fitting *f, const picture *first, const picture *second,
                   metrics_psnr_result *q, char error[256]) {
    quality_subject s;
    s.name = "the base";
    s.wide = &f->wide;
    s.base = &first->image;
    s.net = NULL;
    s.decoded = &second->image;
    s.adaptation = m->opts->adaptation;
    s.threads = m->opts->threads;
    return quality_measure(&s, q, error);
}

/* Decides on a base and how it is compressed: file->steps, or 0 for libjpeg, whose small steps of low frequencies suit
   colours out of gamut that are few and in smooth light. Which base? A colour barely outside sRGB drowns in a
   JPEG's noise, of which clipping cuts a part off: it depends on the picture, and on the quality. */
static int choose(const making *m, picture_fine_opts *file, int *space, double *gain, char error[256]) {
    const int quality = m->opts->quality ? m->opts->quality : 95;
    picture_fine_opts clipped = *file;
    fitting srgb, sycc;
    metrics_psnr_result q;
    int base = m->opts->base, libjpeg = 0, bad = 0;
    memset(&srgb, 0, sizeof srgb);
    memset(&sycc, 0, sizeof sycc);
    if (base != BASE_SYCC) {
        bad = fit_steps(m->wide, GMLP_SRGB, &m->convert, quality, &clipped, &srgb, error) ||
              compare(m, &srgb, &srgb.usual, &srgb.seen, &q, error);
        if (!bad) libjpeg = q.psnr_og < q.psnr_clip_og;
    }
    if (base != BASE_SRGB && !bad) bad = fit_steps(m->wide, GMLP_SYCC, &m->convert, quality, file, &sycc, error);
    if (base == BASE_AUTO && !bad) {
        bad = compare(m, &srgb, libjpeg ? &srgb.usual : &srgb.seen, &sycc.seen, &q, error);
        *gain = q.psnr_og - q.psnr_clip_og;
        base = *gain < WORTH_SYCC ? BASE_SRGB : BASE_SYCC; /* NAN: those colours are too rare to say */
    }
    if (base == BASE_SRGB) file->steps = libjpeg ? 0 : clipped.steps;
    *space = base == BASE_SRGB ? GMLP_SRGB : GMLP_SYCC;
    fitting_free(&srgb);
    fitting_free(&sycc);
    return bad;
}

static int reduce(const making *m, int space, gmlp_image *codes, gmlp_gamut_report *gamut, char error[256]) {
    gmlp_result status;
    free(codes->data);
    *codes = *m->wide;
    codes->stride = 0;
    codes->type = GMLP_U8;
    codes->space = space;
    codes->data = malloc((size_t)codes->width * codes->height * 3);
    status = codes->data ? gmlp_reduce(m->wide, codes, &m->convert, gamut) : GMLP_E_MEMORY;
    return status ? error_text(error, "the base", "%s", gmlp_result_string(status)), -1 : 0;
}

/* For which the original is not needed, and of large ones there may be no room for both. */
static int make_file(const making *m, gmlp_image *codes, picture_fine_opts *file, base_file *out, char error[256]) {
    gmlp_image *wide = m->wide;
    uint8_t *bytes;
    size_t n;
    if (m->opts->again) {
        free(wide->data);
        wide->data = NULL;
    }
    if (fit_file(codes, out->size, file, &bytes, &n, error)) return -1;
    free(out->bytes);
    out->bytes = bytes;
    out->size = n;
    free(codes->data);
    codes->data = NULL;
    return m->opts->again ? m->opts->again(m->opts->user, wide, error) : 0;
}

static int make(making *m, gmlp_image *codes, base_file *out, char error[256]) {
    picture_write_opts usual;
    picture_fine_opts file;
    base_opts opts = *m->opts;
    int space, bad;
    memset(&usual, 0, sizeof usual);
    memset(&file, 0, sizeof file);
    usual.quality = opts.quality;
    usual.subsample = file.subsample = opts.subsample;
    file.threads = opts.threads;
    usual.metadata = file.metadata = opts.metadata;
    if (reduce(m, GMLP_SRGB, codes, &out->gamut, error) ||
        picture_encode_memory(GMLP_CONTAINER_JPEG, codes, &usual, &out->bytes, &out->size, error))
        return -1;
    if (opts.base == BASE_AUTO && !out->gamut.out_of_gamut) opts.base = BASE_SRGB;
    /* checked: nobody asks for m->opts after the return */
    m->opts = &opts;
    bad = choose(m, &file, &space, &out->gain, error);
    if (!bad && space == GMLP_SYCC) bad = reduce(m, GMLP_SYCC, codes, NULL, error);
    if (!bad && file.steps > 0) bad = make_file(m, codes, &file, out, error);
    /* checked: as above */
    return bad || picture_read_memory(out->bytes, out->size, "the base", space, &out->picture, error) ? -1 : 0;
}

int base_make(gmlp_image *wide, const base_opts *opts, base_file *out, char error[256]) {
    gmlp_image codes;
    making m;
    int bad;
    memset(out, 0, sizeof *out);
    memset(&codes, 0, sizeof codes);
    memset(&m, 0, sizeof m);
    out->gain = NAN;
    m.wide = wide;
    m.opts = opts;
    m.convert.adaptation = opts->adaptation;
    m.convert.threads = opts->threads;
    bad = make(&m, &codes, out, error);
    free(codes.data);
    return bad;
}

void base_free(base_file *f) {
    picture_free(&f->picture);
    free(f->bytes);
    memset(f, 0, sizeof *f);
}

/* Chroma that is spread over its neighbours takes colours out of the corners of sRGB's cube, as it does to clipped
   ones, where the network is to find them. */
#define SPREAD_MARGIN 12

int base_clip_margin(int space, int subsample) {
    return space == GMLP_SYCC && subsample != PICTURE_444 ? SPREAD_MARGIN : 0;
}
