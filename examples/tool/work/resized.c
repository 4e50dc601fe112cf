#include "work/resized.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shell/messages.h"

#define BAND 1024u /* rows at a time: each call looks at the whole base, of sYCC, or at parts of it, of larger ones */

int resized_is(const gmlp_net *net, double lost) {
    const double area = fabs((double)net->coords.col_step * (double)net->coords.row_step);
    return net->method == GMLP_METHOD_RESIDUAL && net->mask == GMLP_MASK_SATURATED &&
           (lost > 0 || area > 1.1 || area < 0.9);
}

static gmlp_image view(uint32_t width, uint32_t height, int type, int channels, int space) {
    gmlp_image v;
    memset(&v, 0, sizeof v);
    v.width = width;
    v.height = height;
    v.type = type;
    v.channels = channels;
    v.space = space;
    v.data = malloc((size_t)width * height * gmlp_pixel_size(type, channels));
    return v;
}

static int write_rows(const stream *s, const gmlp_image *base, gmlp_image *out, const gmlp_decoder_opts *decoder,
                      double lost, char error[256]) {
    const uint32_t most = out->height, bottom = s->crop.y + s->crop.height;
    gmlp_decode_opts opts;
    gmlp_result status;
    memset(&opts, 0, sizeof opts);
    opts.decoder = *decoder;
    opts.x = s->crop.x;
    opts.threads = pool_threads(s->workers);
    for (opts.y = s->crop.y; opts.y < bottom; opts.y += out->height) {
        out->height = most < bottom - opts.y ? most : bottom - opts.y;
        status = gmlp_decode_resized(s->net, base, out, lost, &opts);
        if (status) return error_text(error, s->name, "%s", gmlp_result_string(status)), -1;
        if (s->write(s->user, out->data, out->height, error)) return -1;
    }
    return 0;
}

int resized_run(stream *s, int space, const gmlp_decoder_opts *opts, double lost, char error[256]) {
    gmlp_image base = view(s->width, s->height, GMLP_U8, s->channels, s->net->base_space),
               out = view(s->crop.width, BAND, s->type, s->channels, space);
    int bad = !base.data || !out.data;
    if (bad) error_text(error, s->name, "out of memory");
    else bad = picture_rows_read(s->rows, base.data, s->height, error);
    if (!bad) {
        if (s->to_base) gmlp_converter_rows(s->to_base, &base, &base);
        s->verdict = gmlp_net_check(s->net, &base);
        bad = write_rows(s, &base, &out, opts, lost, error);
    }
    free(base.data);
    free(out.data);
    return bad ? -1 : 0;
}
