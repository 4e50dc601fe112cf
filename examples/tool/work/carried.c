#include "work/carried.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shell/files.h"
#include "shell/messages.h"

/* A side-car: a file that is nothing but a blob. */
static int side_car_open(const char *path, carried *c, char error[256]) {
    gmlp_error why;
    gmlp_result status;
    uint8_t *bytes;
    memset(&why, 0, sizeof why);
    if (file_read(path, &bytes, &c->blob_size, error)) return -1;
    status = gmlp_blob_read(bytes, c->blob_size, NULL, &c->net, &why);
    free(bytes);
    c->missing = 0;
    if (!status) return 0;
    error_text(error, path, "is no network: %s", why.text ? why.text : gmlp_result_string(status));
    return -1;
}

/* photo.jpg.gmlp, or photo.gmlp. The caller frees; NULL: there is none, or no memory. */
static char *side_car_of(const char *path) {
    const size_t whole = strlen(path), end = strlen(path_extension(path));
    char *name = (char *)malloc(whole + sizeof SIDE_CAR);
    FILE *file;
    int k;
    for (k = 0; name && k < (end ? 2 : 1); k++) {
        const size_t n = k ? whole - end - 1 : whole;
        memcpy(name, path, n);
        memcpy(name + n, SIDE_CAR, sizeof SIDE_CAR);
        file = fopen(name, "rb");
        if (!file) continue;
        fclose(file);
        return name;
    }
    free(name);
    return NULL;
}

int carried_open_with(const char *path, const char *network, carried *c, char error[256]) {
    gmlp_error why;
    gmlp_result status;
    void *blob;
    memset(c, 0, sizeof *c);
    memset(&why, 0, sizeof why);
    if (file_read(path, &c->bytes, &c->size, error)) return -1;
    c->container = gmlp_container_kind(c->bytes, c->size);
    if (!c->container) {
        error_text(error, path, "is neither a JPEG nor a PNG nor a KTX2 file, so it carries no network");
        return -1;
    }
    if (network) return side_car_open(network, c, error);
    status = gmlp_extract(c->bytes, c->size, NULL, &blob, &c->blob_size, &why);
    /* checked: blob is there after GMLP_OK alone */
    if (status == GMLP_E_NOT_FOUND || status == GMLP_E_CORRUPT) {
        c->beside = side_car_of(path);
        if (c->beside) return side_car_open(c->beside, c, error);
    }
    if (status == GMLP_E_NOT_FOUND) {
        c->missing = 1;
        error_text(error, path, "carries no network. Either 'gamutmlp encode' or 'hdr-encode' did not make it, or a "
                                "program that drops metadata saved it; take the file as it was made");
        return -1;
    }
    if (status) {
        error_text(error, path, "%s (at byte %llu)", why.text ? why.text : gmlp_result_string(status),
                   (unsigned long long)why.offset);
        return -1;
    }
    status = gmlp_blob_read(blob, c->blob_size, NULL, &c->net, &why);
    gmlp_bytes_free(blob, c->blob_size, NULL);
    if (!status) return 0;
    error_text(error, path, "the network in it cannot be read: %s (at byte %llu of it)",
               why.text ? why.text : gmlp_result_string(status), (unsigned long long)why.offset);
    return -1;
}

int carried_open(const char *path, carried *c, char error[256]) { return carried_open_with(path, NULL, c, error); }

void carried_free(carried *c) {
    free(c->bytes);
    free(c->beside);
    gmlp_net_free(&c->net);
    memset(c, 0, sizeof *c);
}

picture_rows *carried_rows_open(const carried *c, const char *name, uint32_t *width, uint32_t *height, int *rgb,
                                char error[256]) {
    *rgb = c->container != GMLP_CONTAINER_JPEG && c->net.base_space == GMLP_SYCC;
    return picture_rows_open(c->bytes, c->size, name, *rgb ? GMLP_SRGB : c->net.base_space, width, height, error);
}

int carried_pixels(const carried *c, const char *name, gmlp_image *base, char error[256]) {
    gmlp_image pixels;
    gmlp_result status = GMLP_OK;
    uint32_t width, height;
    int rgb, bad;
    picture_rows *rows = carried_rows_open(c, name, &width, &height, &rgb, error);
    memset(base, 0, sizeof *base);
    if (!rows) return -1;
    memset(&pixels, 0, sizeof pixels);
    pixels.width = width;
    pixels.height = height;
    pixels.type = GMLP_U8;
    pixels.space = rgb ? GMLP_SRGB : c->net.base_space;
    pixels.channels = rgb ? 3 : picture_rows_alpha(rows);
    pixels.data = malloc((size_t)width * height * gmlp_pixel_size(GMLP_U8, pixels.channels));
    bad = !pixels.data;
    if (bad) error_text(error, name, "too large for the memory");
    else bad = picture_rows_read(rows, pixels.data, height, error);
    picture_rows_close(rows);
    *base = pixels;
    if (!rgb || bad) return bad ? -1 : 0;
    base->space = GMLP_SYCC;
    base->data = malloc((size_t)width * height * 3);
    status = base->data ? gmlp_convert(&pixels, base, NULL) : GMLP_E_MEMORY;
    free(pixels.data);
    return status ? error_text(error, name, "%s", gmlp_result_string(status)), -1 : 0;
}

int carried_names_agree(int container, const char *in, const char *out, char error[256]) {
    static const char *const kinds[] = { "", "JPEG", "PNG", "KTX2" }, *const endings[] = { "", "jpg", "png", "ktx2" };
    if (path_has_extension(out, endings[container]) || path_has_extension(out, path_extension(in)) ||
        (container == GMLP_CONTAINER_JPEG && path_has_extension(out, "jpeg")))
        return 0;
    error_text(error, out, "would be a %s, as %s is; its name must end in .%s", kinds[container], in,
               endings[container]);
    return -1;
}

int carried_is_hdr(const gmlp_net *net) { return net->method >= GMLP_METHOD_DIFFERENCE; }

const char *carried_method(const gmlp_net *net) {
    static const char *const names[] = { "none", "residual", "difference", "gain", "gamma", "direct" };
    return names[net->method];
}

double carried_peak_nits(const gmlp_net *net) {
    return rint(1000 * (double)net->signal_max * (double)net->white_nits) / 1000; /* a float's rounding left out */
}

static int count_bytes(void *user, const void *bytes, size_t size) {
    (void)bytes;
    *(size_t *)user += size;
    return 0;
}

size_t carried_bare_size(const void *bytes, size_t size) {
    gmlp_writer counter;
    size_t bare = 0;
    counter.user = &bare;
    counter.write = count_bytes;
    return gmlp_strip(bytes, size, &counter, NULL) ? size : bare;
}

int start_read(const char *path, gmlp_net *net, char error[256]) {
    gmlp_error why;
    gmlp_result status;
    carried c;
    int bad;
    memset(&why, 0, sizeof why);
    bad = carried_open(path, &c, error);
    if (!bad) {
        *net = c.net;
        memset(&c.net, 0, sizeof c.net);
    } else if (c.bytes && !c.container) { /* neither JPEG nor PNG */
        status = gmlp_blob_read(c.bytes, c.size, NULL, net, &why);
        bad = status != GMLP_OK;
        if (bad) error_text(error, path, "%s", why.text ? why.text : gmlp_result_string(status));
    }
    carried_free(&c);
    if (!bad && net->method == GMLP_METHOD_NONE)
        bad = 1, error_text(error, path, "its network has no weights to start from");
    return bad ? -1 : 0;
}
