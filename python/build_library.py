"""Compiles gamutmlp.h as the extension module gamutmlp._library. The declarations below are the header's, as far as the
module uses them; "..." stands for the rest, which the compiler fills in."""
from cffi import FFI

ffi = FFI()
ffi.cdef("""
typedef int gmlp_result;
int gmlp_version(void);
const char *gmlp_result_string(gmlp_result result);
int gmlp_space_from_name(const char *name);
const char *gmlp_space_name(int space);

typedef struct gmlp_error { size_t offset; const char *text; ...; } gmlp_error;
typedef struct gmlp_alloc { ...; } gmlp_alloc;
typedef struct gmlp_threads { ...; } gmlp_threads;
typedef struct gmlp_writer { void *user; int (*write)(void *user, const void *bytes, size_t size); } gmlp_writer;
typedef struct gmlp_image {
    void *data; uint32_t width, height; ptrdiff_t stride; int type, channels, space; ...;
} gmlp_image;
typedef struct gmlp_convert_opts { int adaptation; double white_nits; int round_down; gmlp_threads threads; ...; }
    gmlp_convert_opts;
typedef struct gmlp_gamut_report { uint64_t pixels, out_of_gamut, saturated, clamped; ...; } gmlp_gamut_report;
typedef struct gmlp_mlp { int activation, bias, width; ...; } gmlp_mlp;
typedef struct gmlp_net {
    int method, wide_space, base_space, clip_margin; gmlp_mlp mlp; uint32_t width, height, base_width, base_height;
    float *weights; ...;
} gmlp_net;
typedef struct gmlp_train_opts {
    int preset, method; double white_nits; int clip_margin, adaptation; uint64_t seed; uint32_t iterations, batch;
    int width; uint32_t budget; double target_psnr; const gmlp_net *start; gmlp_threads threads;
    int (*progress)(void *user, uint32_t step, uint32_t steps); void *progress_user; ...;
} gmlp_train_opts;
typedef struct gmlp_train_report {
    uint64_t out_of_gamut, saturated, samples; uint32_t iterations; double loss, psnr_og; ...;
} gmlp_train_report;
typedef struct gmlp_decoder_opts { double white_nits, headroom; ...; } gmlp_decoder_opts;
typedef struct gmlp_decode_opts { uint32_t x, y; gmlp_threads threads; gmlp_decoder_opts decoder; ...; } gmlp_decode_opts;
typedef struct gmlp_edit { ...; } gmlp_edit;
typedef struct gmlp_embed_opts { int leave_untagged; ...; } gmlp_embed_opts;

gmlp_result gmlp_convert(const gmlp_image *src, const gmlp_image *dst, const gmlp_convert_opts *opts);
gmlp_result gmlp_reduce(const gmlp_image *wide, const gmlp_image *base, const gmlp_convert_opts *opts,
                        gmlp_gamut_report *report);
gmlp_result gmlp_out_of_gamut_mask(const gmlp_image *wide, uint8_t *mask, const gmlp_convert_opts *opts);
gmlp_result gmlp_train(const gmlp_image *base, const gmlp_image *wide, const gmlp_train_opts *opts, gmlp_net *net,
                       gmlp_train_report *report);
gmlp_result gmlp_train_hdr(const gmlp_image *base, const gmlp_image *hdr, const gmlp_train_opts *opts, gmlp_net *net,
                           gmlp_train_report *report);
gmlp_result gmlp_decode(const gmlp_net *net, const gmlp_image *base, const gmlp_image *out, const gmlp_decode_opts *opts);
gmlp_result gmlp_net_check(const gmlp_net *net, const gmlp_image *base);
gmlp_result gmlp_find_edit(const gmlp_net *net, const gmlp_image *base, const void *opts, gmlp_edit *edit);
void gmlp_net_follow(gmlp_net *net, const gmlp_edit *edit);
gmlp_result gmlp_decode_resized(const gmlp_net *net, const gmlp_image *base, const gmlp_image *out, double lost,
                                const gmlp_decode_opts *opts);
size_t gmlp_mlp_weights(const gmlp_mlp *mlp);
size_t gmlp_blob_size(const gmlp_net *net);
gmlp_result gmlp_blob_write(const gmlp_net *net, void *bytes, size_t capacity, size_t *size);
gmlp_result gmlp_blob_read(const void *bytes, size_t size, const gmlp_alloc *alloc, gmlp_net *net, gmlp_error *err);
void gmlp_net_free(gmlp_net *net);
gmlp_result gmlp_extract(const void *file, size_t size, const gmlp_alloc *alloc, void **blob, size_t *blob_size,
                         gmlp_error *err);
void gmlp_bytes_free(void *bytes, size_t size, const gmlp_alloc *alloc);
gmlp_result gmlp_embed(const void *file, size_t size, const void *blob, size_t blob_size,
                       const gmlp_embed_opts *opts, const gmlp_writer *out, gmlp_error *err);
gmlp_result gmlp_strip(const void *file, size_t size, const gmlp_writer *out, gmlp_error *err);

typedef struct pool pool;
pool *pool_create(int threads);
void pool_free(pool *p);
gmlp_threads pool_threads(pool *p);

extern "Python" int gamutmlp_write(void *user, const void *bytes, size_t size);
extern "Python" int gamutmlp_progress(void *user, uint32_t step, uint32_t steps);
""")
ffi.set_source(
    "gamutmlp._library",
    '#define GAMUTMLP_IMPLEMENTATION\n#define GMLP_STATIC\n#include "gamutmlp.h"\n#include "shell/pool.h"\n',
    sources=["examples/tool/shell/pool.c"],
    include_dirs=[".", "examples/tool"],
    depends=["gamutmlp.h", "examples/tool/shell/pool.h"],
    libraries=["pthread"],
)
