/* The promise of the format: blobs that version 0.3 wrote (of version 3) and 0.4 (of version 4) are read and decoded by
   every later one. tests/blobs/ holds, for each, NAME.blob and NAME.rows, what it decoded with it: 16-bit samples, lower byte first, in the original's space. The
   base is computed here. The blob must come back byte by byte when it is written again. The network's whole numbers may not
   change; the last bits of matrices and curves may, so rows may differ by one code of 65535. */
#include "gamutmlp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { W = 16, H = 12, ROWS = W * H * 6 };

typedef struct kept {
    const char *name;
    int version, method, inputs, mask, margin, format, activation, bias, width, height, wide_space, base_space, from_network;
} kept;

static const kept all[] = {
    {"default", 3, GMLP_METHOD_RESIDUAL, GMLP_INPUT_CODES, GMLP_MASK_SATURATED, 0, GMLP_WEIGHTS_QUANTIZED, GMLP_RELU, GMLP_BIAS_ALL, W, H, GMLP_PROPHOTO, GMLP_SRGB, 1},
    {"paper", 3, GMLP_METHOD_RESIDUAL, GMLP_INPUT_WIDE, GMLP_MASK_ALL, 0, GMLP_WEIGHTS_F32, GMLP_RELU, GMLP_BIAS_FIRST, W, H, GMLP_PROPHOTO, GMLP_SRGB, 1},
    {"sine", 3, GMLP_METHOD_RESIDUAL, GMLP_INPUT_CODES, GMLP_MASK_SATURATED, 0, GMLP_WEIGHTS_QUANTIZED, GMLP_SINE, GMLP_BIAS_ALL, W, H, GMLP_PROPHOTO, GMLP_SRGB, 1},
    {"margin", 3, GMLP_METHOD_RESIDUAL, GMLP_INPUT_CODES, GMLP_MASK_SATURATED, 12, GMLP_WEIGHTS_QUANTIZED, GMLP_RELU, GMLP_BIAS_ALL, W, H, GMLP_ADOBERGB, GMLP_SRGB, 1},
    {"turned", 3, GMLP_METHOD_RESIDUAL, GMLP_INPUT_CODES, GMLP_MASK_SATURATED, 12, GMLP_WEIGHTS_QUANTIZED, GMLP_RELU, GMLP_BIAS_ALL, H, W, GMLP_ADOBERGB, GMLP_SRGB, 1},
    {"difference", 3, GMLP_METHOD_DIFFERENCE, GMLP_INPUT_HALF, GMLP_MASK_ALL, 0, GMLP_WEIGHTS_QUANTIZED, GMLP_RELU, GMLP_BIAS_ALL, W, H, GMLP_REC2020_LINEAR, GMLP_SRGB, 1},
    {"gain", 3, GMLP_METHOD_GAIN, GMLP_INPUT_HALF, GMLP_MASK_ALL, 0, GMLP_WEIGHTS_QUANTIZED, GMLP_RELU, GMLP_BIAS_ALL, W, H, GMLP_ACESCG, GMLP_P3, 1},
    {"gamma", 3, GMLP_METHOD_GAMMA, GMLP_INPUT_HALF, GMLP_MASK_ALL, 0, GMLP_WEIGHTS_QUANTIZED, GMLP_RELU, GMLP_BIAS_ALL, W, H, GMLP_REC2020_HLG, GMLP_REC709, 1},
    {"direct", 3, GMLP_METHOD_DIRECT, GMLP_INPUT_HALF, GMLP_MASK_ALL, 0, GMLP_WEIGHTS_QUANTIZED, GMLP_RELU, GMLP_BIAS_ALL, W, H, GMLP_REC2020_PQ, GMLP_SRGB, 1},
    {"paper_gamma", 3, GMLP_METHOD_GAMMA, GMLP_INPUT_WIDE, GMLP_MASK_ALL, 0, GMLP_WEIGHTS_F32, GMLP_RELU, GMLP_BIAS_ALL, W, H, GMLP_REC2020_LINEAR, GMLP_SRGB, 1},
    {"none", 3, GMLP_METHOD_NONE, 0, 0, 0, 0, 0, 0, W, H, GMLP_P3, GMLP_SRGB, 0},
    {"sycc", 4, GMLP_METHOD_RESIDUAL, GMLP_INPUT_CODES, GMLP_MASK_SATURATED, 3, GMLP_WEIGHTS_QUANTIZED, GMLP_RELU, GMLP_BIAS_ALL, W, H, GMLP_PROPHOTO, GMLP_SYCC, 1},
    {"sections", 4, GMLP_METHOD_RESIDUAL, GMLP_INPUT_CODES, GMLP_MASK_SATURATED, 63, GMLP_WEIGHTS_QUANTIZED, GMLP_RELU, GMLP_BIAS_ALL, W, H, GMLP_REC2020, GMLP_SRGB, 1}
};

/* The base, W pixels in a row; of the turned one the same codes are H in a row. */
static void make_base(uint8_t *p) {
    unsigned x, y, c;
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++)
            for (c = 0; c < 3; c++) {
                const int v = (int)((x * (29 + 14 * c) + y * (53 - 16 * c) + 90 * c) % 420) - 80;
                *p++ = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
}

static size_t load(const char *name, const char *end, uint8_t *p, size_t most) {
    char path[100];
    size_t n;
    FILE *f;
    snprintf(path, sizeof path, "tests/blobs/%s.%s", name, end);
    f = fopen(path, "rb");
    assert_non_null(f);
    n = fread(p, 1, most, f);
    fclose(f);
    assert_in_range(n, 1, most - 1);
    return n;
}

static void still_read(void **state) {
    static uint8_t codes[W * H * 3], blob[8192], again[8192], want[ROWS + 1];
    static uint16_t rows[W * H * 3], plain[W * H * 3];
    size_t k, i, size, written;
    (void)state;
    make_base(codes);
    for (k = 0; k < sizeof all / sizeof *all; k++) {
        const kept *a = &all[k];
        const gmlp_image base = {codes, (uint32_t)a->width, (uint32_t)a->height, 0, GMLP_U8, 3, a->base_space, 0};
        const gmlp_image out = {rows, (uint32_t)a->width, (uint32_t)a->height, 0, GMLP_U16, 3, GMLP_SPACE_NONE, 0};
        gmlp_image by_codes = out;
        gmlp_convert_opts convert;
        gmlp_blob_desc desc;
        gmlp_net net;
        size_t moved = 0;
        int isa;
        size = load(a->name, "blob", blob, sizeof blob);
        assert_int_equal(gmlp_blob_info(blob, size, &desc, NULL), GMLP_OK);
        assert_int_equal(desc.version, a->version);
        assert_int_equal(gmlp_blob_read(blob, size, NULL, &net, NULL), GMLP_OK);
        assert_int_equal(net.method, a->method);
        assert_int_equal(net.inputs, a->inputs);
        assert_int_equal(net.mask, a->mask);
        assert_int_equal(net.clip_margin, a->margin);
        assert_int_equal(net.weight_format, a->format);
        assert_int_equal(net.mlp.activation, a->activation);
        assert_int_equal(net.mlp.bias, a->bias);
        assert_int_equal(net.base_width, a->width);
        assert_int_equal(net.base_height, a->height);
        assert_int_equal(net.wide_space, a->wide_space);
        assert_int_equal(net.base_space, a->base_space);
        assert_int_equal(gmlp_blob_write(&net, again, sizeof again, &written), GMLP_OK);
        assert_int_equal(written, size);
        assert_memory_equal(again, blob, size);
        if (strcmp(a->name, "turned")) assert_int_equal(gmlp_net_check(&net, &base), GMLP_OK);
        assert_int_equal(load(a->name, "rows", want, sizeof want), ROWS);
        memset(&convert, 0, sizeof convert);
        convert.adaptation = net.adaptation;
        by_codes.data = plain;
        by_codes.space = net.wide_space;
        assert_int_equal(gmlp_convert(&base, &by_codes, &convert), GMLP_OK);
        for (isa = GMLP_ISA_SCALAR; isa <= GMLP_ISA_WASM; isa++) {
            gmlp_decode_opts opts;
            memset(&opts, 0, sizeof opts);
            opts.decoder.isa = isa;
            if (!gmlp_isa_available(isa)) continue;
            assert_int_equal(gmlp_decode(&net, &base, &out, &opts), GMLP_OK);
            for (i = 0; i < W * H * 3; i++) {
                const int code = want[2 * i] | want[2 * i + 1] << 8;
                if (abs(code - rows[i]) > 1) print_error("%s, sample %d: %d, not %d\n", a->name, (int)i, rows[i], code);
                assert_true(abs(code - rows[i]) <= 1);
                moved += abs(code - plain[i]) > 200;
            }
        }
        assert_true(a->from_network ? moved > W * H / 4 : moved == 0);
        gmlp_net_free(&net);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(still_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
