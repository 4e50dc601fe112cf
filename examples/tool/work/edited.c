#include "work/edited.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shell/messages.h"
#include "work/hidden.h"

/* Words. */

/* Joins steps: "a", "a and b", "a, b and c"; every step replaces the " and " before it by a comma. */
static void add(char text[EDITED_TEXT], int *steps, const char *format, ...) {
    size_t used = strlen(text);
    va_list list;
    char *join = strstr(text, " and ");
    if (join) {
        memmove(join + 2, join + 5, strlen(join + 5) + 1);
        memcpy(join, ", ", 2);
        used = strlen(text);
    }
    if (*steps) used += (size_t)snprintf(text + used, EDITED_TEXT - used, " and ");
    va_start(list, format);
    vsnprintf(text + used, EDITED_TEXT - used, format, list);
    va_end(list);
    ++*steps;
}

static const char *const turns[2][2][2] = { /* transposed, columns backwards, rows backwards */
    { { NULL, "flipped upside down" }, { "mirrored", "turned by 180 degrees" } },
    { { "mirrored and turned left", "turned right" }, { "turned left", "mirrored and turned right" } }
};

static void describe(const gmlp_net *net, edited *e) {
    const gmlp_coords *c = &e->edit.coords;
    const int transposed = c->transpose != 0;
    const double columns = fabs((double)c->col_step), rows = fabs((double)c->row_step);
    const uint32_t across = transposed ? e->edit.height : e->edit.width, /* pixels along the original's columns, rows */
                   down = transposed ? e->edit.width : e->edit.height;
    const double width = rint(columns * across), height = rint(rows * down);
    const char *turn = turns[transposed][c->col_step < 0][c->row_step < 0];
    int steps = 0;
    e->text[0] = 0;
    if (width < net->width || height < net->height) {
        const double left = (double)c->col - (double)c->col_step / 2 + 0.5,
                     top = (double)c->row - (double)c->row_step / 2 + 0.5;
        add(e->text, &steps, "cropped to %.0f x %.0f at %.0f,%.0f", width, height,
            rint(c->col_step < 0 ? left - width : left), rint(c->row_step < 0 ? top - height : top));
    }
    if (width != across || height != down) {
        /* in whole per cent where whole pixels allow no other */
        if (fabs(columns * down - rows * down) <= columns && fabs(columns * across - rows * across) <= columns)
            add(e->text, &steps, "resized to %.3g %%", 100 * across / width);
        else add(e->text, &steps, "resized to %.3g x %.3g %%", 100 * across / width, 100 * down / height);
    }
    if (turn) add(e->text, &steps, "%s", turn);
    if (!steps) add(e->text, &steps, "changed a little");
}

/* As programs leave what is not seen that resize with alpha, but for noise at its edges. */
static void blacken(const gmlp_image *base) {
    uint8_t *p = (uint8_t *)base->data;
    size_t n;
    for (n = (size_t)base->width * base->height; n; n--, p += 4)
        if (!p[3]) memset(p, 0, 3);
}

/* The cell of its signature that column u and row v of the net's picture are in; -1: they are outside. */
static int cell_of(const gmlp_net *net, double u, double v) {
    const double x = floor((u + 0.5) * 8 / net->base_width), y = floor((v + 0.5) * 8 / net->base_height);
    return x >= 0 && x < 8 && y >= 0 && y < 8 ? (int)(8 * y + x) : -1;
}

/* What codes have lost on the mean that are not 0 or 255, by the luma of those cells of the signature that are wholly
   in the base. ImageMagick 6 cuts the codes of a PNG that it has resized, which loses nearly half of one: more than all
   else that resizing costs a photograph. 0: no more than the signature's own rounding may be. */
static double codes_lost(const gmlp_net *net, const gmlp_image *base, const gmlp_coords *c) {
    static const double weight[3] = { 54 / 256.0, 183 / 256.0, 19 / 256.0 };
    const gmlp_coords *const was = &net->coords;
    const double pixels = (double)net->base_width * net->base_height / GMLP_SIGNATURE_SIZE *
                          fabs((double)was->col_step * (double)was->row_step /
                               ((double)c->col_step * (double)c->row_step));
    const size_t channels = base->channels == 4 ? 4 : 3;
    const uint8_t *p = (const uint8_t *)base->data;
    double luma[GMLP_SIGNATURE_SIZE] = { 0 }, between[GMLP_SIGNATURE_SIZE] = { 0 }, lost = 0, could = 0;
    uint32_t count[GMLP_SIGNATURE_SIZE] = { 0 }, x, y;
    int i, k, cells = 0;
    for (y = 0; y < base->height; y++)
        for (x = 0; x < base->width; x++, p += channels) {
            const double col = (double)c->col + (double)c->col_step * (c->transpose ? y : x),
                         row = (double)c->row + (double)c->row_step * (c->transpose ? x : y),
                         u = (col - (double)was->col) / (double)was->col_step,
                         v = (row - (double)was->row) / (double)was->row_step;
            const int cell = was->transpose ? cell_of(net, v, u) : cell_of(net, u, v);
            if (cell < 0) continue;
            for (k = 0; k < 3; k++) {
                luma[cell] += weight[k] * p[k];
                if (p[k] > 0 && p[k] < 255) between[cell] += weight[k];
            }
            count[cell]++;
        }
    for (i = 0; i < GMLP_SIGNATURE_SIZE; i++) {
        if (count[i] < 0.95 * pixels) continue;
        lost += net->signature[i] - luma[i] / count[i];
        could += between[i] / count[i];
        cells++;
    }
    if (lost < 0.9 * sqrt(cells)) return 0; /* the roundings of so many cells */
    return lost < 0.5 * could ? lost / could : 0.5;
}

/* Of a base of any channels. */
static gmlp_result find(gmlp_net *net, const gmlp_image *base, pool *workers, edited *e) {
    uint8_t own[GMLP_SIGNATURE_SIZE];
    gmlp_find_edit_opts opts;
    gmlp_signature s;
    gmlp_result status;
    if (base->channels == 4 && hidden_changed(net, base, own)) {
        snprintf(e->text, sizeof e->text, "given other colours where it is transparent");
        memcpy(net->signature, own, sizeof own);
        e->edit.coords = net->coords;
        return GMLP_OK;
    }
    memset(&opts, 0, sizeof opts);
    if (workers) opts.threads = pool_threads(workers);
    status = gmlp_find_edit(net, base, &opts, &e->edit);
    if (status == GMLP_E_OTHER_PICTURE && base->channels == 4) {
        gmlp_signature_begin(&s, base->width, base->height);
        gmlp_signature_rows(&s, base, 0);
        gmlp_signature_finish(&s, own);
        blacken(base);
        status = gmlp_find_edit(net, base, &opts, &e->edit);
        memcpy(e->edit.signature, own, sizeof own);
    }
    if (status) return status;
    describe(net, e);
    if (net->base_space == GMLP_SRGB && fabs((double)(e->edit.coords.col_step * e->edit.coords.row_step)) != 1)
        e->lost = codes_lost(net, base, &e->edit.coords);
    gmlp_net_follow(net, &e->edit);
    return GMLP_OK;
}

int edited_find(carried *c, const char *path, pool *workers, edited *e, char error[256]) {
    gmlp_image base;
    gmlp_result status;
    memset(e, 0, sizeof *e);
    memset(&base, 0, sizeof base);
    if (carried_pixels(c, path, &base, error)) {
        free(base.data);
        return -1;
    }
    status = find(&c->net, &base, workers, e);
    free(base.data);
    if (status == GMLP_E_OTHER_PICTURE) return 0;
    if (status) return error_text(error, path, "%s", gmlp_result_string(status)), -1;
    e->found = 1;
    return 0;
}

void edited_json(const edited *e, json *j) {
    json_text(j, "edit", e->found ? e->text : NULL);
    if (!e->found) return;
    json_integer(j, "landmarks_found", e->edit.found);
    json_integer(j, "landmarks_expected", e->edit.expected);
    json_number(j, "column", (double)e->edit.coords.col);
    json_number(j, "column_step", (double)e->edit.coords.col_step);
    json_number(j, "row", (double)e->edit.coords.row);
    json_number(j, "row_step", (double)e->edit.coords.row_step);
    json_bool(j, "transposed", e->edit.coords.transpose);
}
