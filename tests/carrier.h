/* What test_jpeg.c, test_png.c and test_ktx2.c have in common. Include after gamutmlp.h and cmocka.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct buffer {
    uint8_t *p;
    size_t n;
    int fail_at; /* the write that fails, from 1; 0: none */
} buffer;

static int buffer_write(void *user, const void *bytes, size_t n) {
    buffer *b = (buffer *)user;
    if (b->fail_at && !--b->fail_at) return 1;
    b->p = (uint8_t *)realloc(b->p, b->n + n);
    assert_non_null(b->p);
    memcpy(b->p + b->n, bytes, n);
    b->n += n;
    return 0;
}

/* One at a time. */
static const gmlp_writer *writer_to(buffer *b) {
    static gmlp_writer w;
    memset(b, 0, sizeof *b);
    w.user = b;
    w.write = buffer_write;
    return &w;
}

static void append(buffer *b, const void *bytes, size_t n) { buffer_write(b, bytes, n); }

static void drop(buffer *b) {
    free(b->p);
    memset(b, 0, sizeof *b);
}

static buffer embed(const buffer *file, const buffer *blob, int carriers, int leave_untagged) {
    buffer out;
    gmlp_embed_opts opts;
    gmlp_error err;
    memset(&opts, 0, sizeof opts);
    opts.carriers = carriers;
    opts.leave_untagged = leave_untagged;
    memset(&err, 0, sizeof err);
    assert_int_equal(gmlp_embed(file->p, file->n, blob->p, blob->n, &opts, writer_to(&out), &err), GMLP_OK);
    assert_null(err.text);
    return out;
}

static gmlp_result embed_result(const buffer *file, const buffer *blob, int carriers) {
    buffer out;
    gmlp_embed_opts opts;
    gmlp_error err;
    gmlp_result result;
    memset(&opts, 0, sizeof opts);
    opts.carriers = carriers;
    memset(&err, 0, sizeof err);
    result = gmlp_embed(file->p, file->n, blob->p, blob->n, &opts, writer_to(&out), &err);
    if (result != GMLP_OK) {
        assert_null(out.p); /* nothing is written on failure */
        assert_int_equal(err.result, result);
        assert_non_null(err.text);
    }
    drop(&out);
    return result;
}

static buffer strip(const buffer *file) {
    buffer out;
    assert_int_equal(gmlp_strip(file->p, file->n, writer_to(&out), NULL), GMLP_OK);
    return out;
}

static gmlp_result extract_result(const uint8_t *p, size_t n, size_t *offset) {
    void *blob = &blob;
    size_t size = 1;
    gmlp_error err;
    const gmlp_result result = gmlp_extract(p, n, NULL, &blob, &size, &err);
    if (result == GMLP_OK) gmlp_bytes_free(blob, size, NULL);
    else {
        assert_null(blob);
        assert_int_equal(size, 0);
        assert_int_equal(err.result, result);
        assert_non_null(err.text);
        assert_true(err.offset <= n);
        if (offset) *offset = err.offset;
    }
    return result;
}

static void assert_holds(const buffer *file, const buffer *blob) {
    void *found = NULL;
    size_t size = 0;
    assert_int_equal(gmlp_extract(file->p, file->n, NULL, &found, &size, NULL), GMLP_OK);
    assert_int_equal(size, blob->n);
    assert_memory_equal(found, blob->p, size);
    gmlp_bytes_free(found, size, NULL);
    {
        gmlp_net opened, read;
        const gmlp_result result = gmlp_blob_read(blob->p, blob->n, NULL, &read, NULL);
        assert_int_equal(gmlp_open(file->p, file->n, NULL, &opened, NULL), result);
        assert_int_equal(opened.width, read.width);
        assert_int_equal(opened.weights != NULL, read.weights != NULL);
        if (opened.weights) assert_memory_equal(opened.weights, read.weights, gmlp_mlp_weights(&read.mlp) * sizeof(float));
        gmlp_net_free(&opened);
        gmlp_net_free(&read);
    }
}

static void assert_equal(const buffer *a, const buffer *b) {
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->p, b->p, a->n);
}

/* A blob as gmlp_blob_write makes it: a network of some size with noise of bits a weight; of 32: floats. */
static buffer make_blob(int width, int bands, int bits, uint32_t seed) {
    buffer b = {NULL, 0, 0};
    gmlp_net net;
    size_t i, n;
    int k;
    memset(&net, 0, sizeof net);
    net.method = GMLP_METHOD_RESIDUAL;
    net.wide_space = GMLP_PROPHOTO;
    net.base_space = GMLP_SRGB;
    net.weight_format = bits < 32 ? GMLP_WEIGHTS_QUANTIZED : GMLP_WEIGHTS_F32;
    for (k = 0; k < 3; k++) net.step_size[k] = bits < 32 ? 0.25f : 0.0f;
    net.mlp.width = width;
    for (k = 0; k < 5; k++) net.mlp.frequencies[k] = (uint8_t)bands;
    net.width = net.height = net.base_width = net.base_height = 16;
    net.coords.col_step = net.coords.row_step = 1;
    n = gmlp_mlp_weights(&net.mlp);
    net.weights = (float *)malloc(n * sizeof(float));
    for (i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        net.weights[i] = bits < 32 ? (float)((int)(seed >> (32 - bits)) - (1 << (bits - 1))) * 0.25f : (float)(int32_t)seed / 2147483648.0f;
    }
    b.n = gmlp_blob_size(&net);
    b.p = (uint8_t *)malloc(b.n);
    assert_int_equal(gmlp_blob_write(&net, b.p, b.n, &b.n), GMLP_OK);
    gmlp_net_free(&net);
    return b;
}

/* An allocator that fails at the k-th request and counts what is still held. */
typedef struct scarce {
    int fail_at;
    size_t held;
} scarce;

static void *scarce_alloc(void *user, size_t size) {
    scarce *s = (scarce *)user;
    if (!--s->fail_at) return NULL;
    s->held += size;
    return malloc(size);
}

static void scarce_free(void *user, void *ptr, size_t size) {
    ((scarce *)user)->held -= size;
    free(ptr);
}

static void check_scarce_memory(const buffer *file) {
    scarce s;
    gmlp_alloc alloc;
    void *blob;
    size_t size;
    gmlp_result result;
    int k;
    alloc.user = &s;
    alloc.alloc = scarce_alloc;
    alloc.free = scarce_free;
    for (k = 1;; k++) {
        s.fail_at = k;
        s.held = 0;
        result = gmlp_extract(file->p, file->n, &alloc, &blob, &size, NULL);
        if (result == GMLP_OK) gmlp_bytes_free(blob, size, &alloc);
        else {
            assert_int_equal(result, GMLP_E_MEMORY);
            assert_null(blob);
        }
        assert_int_equal(s.held, 0);
        if (s.fail_at > 0) break; /* none failed any more */
    }
    assert_int_equal(result, GMLP_OK);
    assert_true(k > 1);
}

static void check_failing_writes(const buffer *file, const buffer *blob) {
    gmlp_error err;
    buffer out;
    gmlp_result result;
    int k;
    for (k = 1;; k++) {
        const gmlp_writer *w = writer_to(&out);
        out.fail_at = k;
        result = gmlp_embed(file->p, file->n, blob->p, blob->n, NULL, w, &err);
        if (out.fail_at > 0) break;
        assert_int_equal(result, GMLP_E_WRITE);
        drop(&out);
    }
    assert_int_equal(result, GMLP_OK);
    assert_true(k > 3);
    drop(&out);
}

static void check_arguments(const buffer *file, const buffer *blob, int foreign_carriers) {
    buffer bad = {NULL, 0, 0}, out;
    void *p;
    size_t n;
    gmlp_writer none = {NULL, NULL};
    assert_int_equal(embed_result(file, blob, foreign_carriers), GMLP_E_ARGUMENT);
    append(&bad, blob->p, blob->n);
    bad.p[bad.n / 2] ^= 1;
    assert_int_equal(embed_result(file, &bad, 0), GMLP_E_ARGUMENT);
    bad.n = 37;
    assert_int_equal(embed_result(file, &bad, 0), GMLP_E_ARGUMENT);
    drop(&bad);
    assert_int_equal(gmlp_embed(file->p, file->n, NULL, 0, NULL, writer_to(&out), NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_embed(file->p, file->n, blob->p, blob->n, NULL, &none, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_embed(NULL, 0, blob->p, blob->n, NULL, writer_to(&out), NULL), GMLP_E_FORMAT);
    assert_int_equal(gmlp_extract((const uint8_t *)"GIF89a", 6, NULL, &p, &n, NULL), GMLP_E_FORMAT);
    assert_int_equal(gmlp_extract(file->p, file->n, NULL, NULL, &n, NULL), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_carriers_present((const uint8_t *)"GIF89a", 6, NULL), 0);
    assert_null(out.p);
    gmlp_bytes_free(NULL, 0, NULL);
}

/* Each byte changed in turn: the right blob or an error, never another blob. */
static void check_flips(const buffer *file, const buffer *blob) {
    buffer b = {NULL, 0, 0}, out;
    void *found;
    size_t size, i;
    append(&b, file->p, file->n);
    for (i = 0; i < b.n; i++) {
        b.p[i] ^= (uint8_t)(1 << i % 8);
        if (gmlp_extract(b.p, b.n, NULL, &found, &size, NULL) == GMLP_OK) {
            assert_int_equal(size, blob->n);
            assert_memory_equal(found, blob->p, size);
            gmlp_bytes_free(found, size, NULL);
        }
        if (gmlp_strip(b.p, b.n, writer_to(&out), NULL) == GMLP_OK) assert_true(out.n <= b.n);
        else assert_null(out.p);
        drop(&out);
        b.p[i] ^= (uint8_t)(1 << i % 8);
    }
    drop(&b);
}
