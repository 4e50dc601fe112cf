#include "work/fitting.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shell/messages.h"

#define BAND 64u            /* rows: where bands meet, chroma mixes what does not belong together */
#define ENOUGH 0x1p19       /* pixels, of a large picture */
#define TRIALS 5            /* of the bands, and of the whole, which costs more */
#define TRIALS_OF_ALL 3
#define NEAR_ENOUGH 0.01    /* of the size */
#define NEAR_ENOUGH_OF_ALL 0.03
#define FARTHEST 4          /* times usual steps, or as much below them: pictures without detail ask for any */

/* Bands from all over a large picture, packed; all of a small one. */
static int sample(const gmlp_image *wide, gmlp_image *out) {
    const size_t row = (size_t)wide->width * gmlp_pixel_size(wide->type, wide->channels);
    const uint32_t bands = (wide->height + BAND - 1) / BAND;
    const double share = ENOUGH / ((double)wide->width * wide->height);
    const uint32_t some = share < 1 ? (uint32_t)(share * bands) + 1 : bands, kept = some < bands ? some : bands;
    const ptrdiff_t stride = wide->stride ? wide->stride : (ptrdiff_t)row;
    uint32_t i, y;
    *out = *wide;
    out->stride = 0;
    out->height = 0;
    out->data = malloc(row * kept * BAND);
    if (!out->data) return -1;
    for (i = 0; i < kept; i++) {
        const uint32_t first = (uint32_t)((2 * (uint64_t)i + 1) * bands / (2 * (uint64_t)kept)) * BAND;
        for (y = first; y < first + BAND && y < wide->height; y++, out->height++)
            memcpy((uint8_t *)out->data + out->height * row, (const uint8_t *)wide->data + (ptrdiff_t)y * stride, row);
    }
    return 0;
}

static gmlp_result reduce(const gmlp_image *wide, int space, const gmlp_convert_opts *convert, gmlp_image *base) {
    memset(base, 0, sizeof *base);
    base->width = wide->width;
    base->height = wide->height;
    base->type = GMLP_U8;
    base->space = space;
    base->data = malloc((size_t)wide->width * wide->height * 3);
    return base->data ? gmlp_reduce(wide, base, convert, NULL) : GMLP_E_MEMORY;
}

/* libjpeg's file. */
static int usual_file(const gmlp_image *base, int quality, int subsample, size_t *size, picture *seen,
                      char error[256]) {
    picture_write_opts opts;
    uint8_t *bytes = NULL;
    int bad;
    memset(&opts, 0, sizeof opts);
    opts.quality = quality;
    opts.subsample = subsample;
    bad = picture_encode_memory(GMLP_CONTAINER_JPEG, base, &opts, &bytes, size, error) ||
          picture_read_memory(bytes, *size, "the JPEG", base->space, seen, error);
    free(bytes);
    return bad;
}

/* Sizes fall as steps grow, by about this power, but unevenly, as steps are whole. */
#define SLOPE 0.9

/* Steps that were tried, and by how much the logarithm of the size was off. */
typedef struct trial {
    double steps, off;
} trial;

static double next_steps(const trial *large, const trial *small, const trial *last, int halve) {
    if (!(large->steps > 0) || !(small->steps > 0)) return last->steps * exp(last->off / SLOPE);
    return large->steps * pow(small->steps / large->steps, halve ? 0.5 : large->off / (large->off - small->off));
}

static int search(const gmlp_image *base, size_t size, int trials, double near_enough, picture_fine_opts *file,
                  uint8_t **bytes, size_t *n, char error[256]) {
    const double least = file->steps / FARTHEST, most = file->steps * FARTHEST;
    picture_fine_opts opts = *file;
    trial large = { 0, 0 }, small = { 0, 0 }, last = { 0, 0 };
    double best = INFINITY;
    int i;
    *bytes = NULL;
    for (i = 0; i < trials && opts.steps != last.steps && best > near_enough; i++) {
        uint8_t *tried;
        size_t tried_size;
        if (picture_encode_fine(base, &opts, &tried, &tried_size, error)) {
            free(*bytes);
            *bytes = NULL;
            return -1;
        }
        last.steps = opts.steps;
        last.off = log((double)tried_size / (double)size);
        *(last.off > 0 ? &large : &small) = last;
        if (fabs(last.off) < best) {
            best = fabs(last.off);
            file->steps = last.steps;
            free(*bytes);
            *bytes = tried;
            *n = tried_size;
        } else free(tried);
        opts.steps = fmin(fmax(next_steps(&large, &small, &last, i > 1), least), most);
    }
    return 0;
}

int fit_file(const gmlp_image *base, size_t size, picture_fine_opts *file, uint8_t **bytes, size_t *n,
             char error[256]) {
    return search(base, size, TRIALS_OF_ALL, NEAR_ENOUGH_OF_ALL, file, bytes, n, error);
}

static int fit(const gmlp_image *base, int quality, size_t size, picture_fine_opts *file, picture *seen,
               char error[256]) {
    uint8_t *bytes = NULL;
    size_t n = 0;
    int bad;
    file->steps = quality < 50 ? 50.0 / quality : fmax(2 - quality / 50.0, 0.05); /* as of libjpeg; below, all are 1 */
    bad = search(base, size, TRIALS, NEAR_ENOUGH, file, &bytes, &n, error) ||
          picture_read_memory(bytes, n, "the JPEG", base->space, seen, error);
    free(bytes);
    return bad;
}

int fit_steps(const gmlp_image *wide, int space, const gmlp_convert_opts *convert, int quality, picture_fine_opts *file,
              fitting *f, char error[256]) {
    gmlp_image clipped, base;
    gmlp_result status = GMLP_E_MEMORY;
    size_t size;
    int bad;
    memset(f, 0, sizeof *f);
    memset(&clipped, 0, sizeof clipped);
    memset(&base, 0, sizeof base);
    if (!sample(wide, &f->wide)) status = reduce(&f->wide, GMLP_SRGB, convert, &clipped);
    if (!status) status = reduce(&f->wide, space, convert, &base);
    if (status) error_text(error, "the base", "%s", gmlp_result_string(status));
    bad = status || usual_file(&clipped, quality, file->subsample, &size, &f->usual, error) ||
          fit(&base, quality, size, file, &f->seen, error);
    free(clipped.data);
    free(base.data);
    return bad ? -1 : 0;
}

void fitting_free(fitting *f) {
    free(f->wide.data);
    picture_free(&f->usual);
    picture_free(&f->seen);
    memset(f, 0, sizeof *f);
}
