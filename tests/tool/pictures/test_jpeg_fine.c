/* The JPEG encoder that aims at linear light. Truth: libjpeg's reader, the definition of its filter, and light by the
   standard's formula in double. */
#include "made.h"

#include <jpeglib.h>

#include "pictures/jpeg_fine.c"
#include "shell/pool.h"

static const int every[3] = { PICTURE_444, PICTURE_422, PICTURE_420 };

/* Grain on slopes, vivid: what photographs are made of. */
static gmlp_image grainy_image(uint32_t width, uint32_t height, int space) {
    gmlp_image image = test_image(width, height, GMLP_U8, space);
    uint8_t *p = (uint8_t *)image.data;
    uint32_t x, y;
    int c;
    for (y = 0; y < height; y++)
        for (x = 0; x < width; x++, p += 3) {
            const double wave = sin(x * 0.21) * sin(y * 0.17);
            const double mean[3] = { 130 + 70 * wave, 90 + 40 * cos(x * 0.13), 128 + 90 * sin(y * 0.23) };
            for (c = 0; c < 3; c++) p[c] = (uint8_t)(mean[c] + p[c] / 12);
        }
    return image;
}

static uint8_t *encode(const gmlp_image *image, int subsample, double steps, const gmlp_threads *threads, size_t *size) {
    picture_fine_opts opts;
    uint8_t *bytes;
    char error[256];
    memset(&opts, 0, sizeof opts);
    opts.subsample = subsample;
    opts.steps = steps;
    if (threads) opts.threads = *threads;
    if (picture_encode_fine(image, &opts, &bytes, size, error)) fail_msg("%s", error);
    return bytes;
}

/* With steps from the given ones on. */
static uint8_t *encode_within(const gmlp_image *image, int subsample, double steps, size_t most, size_t *size) {
    uint8_t *bytes = encode(image, subsample, steps, NULL, size);
    while (*size > most) {
        free(bytes);
        bytes = encode(image, subsample, steps *= 1.03, NULL, size);
    }
    return bytes;
}

/* Mean squared error of linear R, G, B of codes in sRGB or sYCC. */
static double light(double code) {
    const double v = fabs(code) / 255, l = v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
    return code < 0 ? -l : l;
}

static void linear(const uint8_t *p, int space, double rgb[3]) {
    const double b = p[1] - 128.0, r = p[2] - 128.0;
    int c;
    for (c = 0; c < 3; c++) rgb[c] = light(p[c]);
    if (space == GMLP_SRGB) return;
    rgb[0] = light(p[0] + 1.402 * r);
    rgb[1] = light(p[0] - 0.344136286 * b - 0.714136286 * r);
    rgb[2] = light(p[0] + 1.772 * b);
}

static double error_of(const gmlp_image *image, const uint8_t *bytes, size_t size) {
    const size_t n = (size_t)image->width * image->height;
    double sum = 0, a[3], b[3];
    picture back;
    char error[256];
    size_t i;
    int c;
    assert_int_equal(picture_read_memory(bytes, size, "x", image->space, &back, error), 0);
    for (i = 0; i < n; i++) {
        linear((const uint8_t *)image->data + 3 * i, image->space, a);
        linear((const uint8_t *)back.image.data + 3 * i, image->space, b);
        for (c = 0; c < 3; c++) sum += (a[c] - b[c]) * (a[c] - b[c]);
    }
    picture_free(&back);
    return sum / (double)n;
}

/* No more bytes than libjpeg's own file and much less error, at every quality, subsampling and in both spaces. */
static void nearer_than_libjpeg(void **state) {
    static const int spaces[2] = { GMLP_SRGB, GMLP_SYCC }, qualities[3] = { 60, 90, 95 };
    int s, q, i;
    (void)state;
    for (s = 0; s < 2; s++)
        for (q = 0; q < 3; q++)
            for (i = 0; i < 3; i++) {
                gmlp_image image = grainy_image(203, 150, spaces[s]);
                const picture_write_opts usual = { qualities[q], every[i], 0, NULL, 0, NULL };
                double ours, theirs;
                size_t size, n;
                uint8_t *bytes, *fine;
                char error[256];
                assert_int_equal(picture_encode_memory(GMLP_CONTAINER_JPEG, &image, &usual, &bytes, &size, error), 0);
                fine = encode_within(&image, every[i], (2 - qualities[q] / 50.0) / 4, size, &n);
                theirs = error_of(&image, bytes, size);
                ours = error_of(&image, fine, n);
                if (!(ours < 0.85 * theirs))
                    fail_msg("space %d, quality %d, chroma %d: error %g, libjpeg's %g", spaces[s], qualities[q], i, ours,
                             theirs);
                free(bytes);
                free(fine);
                free(image.data);
            }
}

/* The error in sRGB as decoders see it that repeat samples of chroma. */
static double error_repeated(const gmlp_image *image, const uint8_t *bytes, size_t size) {
    struct jpeg_decompress_struct j;
    struct jpeg_error_mgr errors;
    const size_t row = (size_t)image->width * 3;
    uint8_t *got = (uint8_t *)malloc(row);
    const uint8_t *p = (const uint8_t *)image->data;
    double sum = 0;
    size_t i;
    j.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&j);
    jpeg_mem_src(&j, bytes, (unsigned long)size);
    jpeg_read_header(&j, TRUE);
    j.do_fancy_upsampling = FALSE;
    for (jpeg_start_decompress(&j); j.output_scanline < j.output_height; p += row) {
        JSAMPROW pointer = got;
        jpeg_read_scanlines(&j, &pointer, 1);
        for (i = 0; i < row; i++) sum += (light(got[i]) - light(p[i])) * (light(got[i]) - light(p[i]));
    }
    jpeg_finish_decompress(&j);
    jpeg_destroy_decompress(&j);
    free(got);
    return sum / ((double)image->width * image->height);
}

static void fair_to_repeaters(void **state) {
    gmlp_image image = grainy_image(203, 150, GMLP_SRGB);
    uint8_t *p = (uint8_t *)image.data;
    int i;
    (void)state;
    for (i = 0; i < 203 * 150; i++, p += 3) /* edges of colour, where filter and repetition differ most */
        if ((i % 203 / 5 + i / 203 / 7) % 2) p[0] = (uint8_t)(p[0] / 3), p[2] = (uint8_t)(255 - p[2] / 3);
    for (i = 1; i < 3; i++) {
        const picture_write_opts usual = { 90, every[i], 0, NULL, 0, NULL };
        size_t size, n;
        uint8_t *bytes, *fine;
        char error[256];
        assert_int_equal(picture_encode_memory(GMLP_CONTAINER_JPEG, &image, &usual, &bytes, &size, error), 0);
        fine = encode_within(&image, every[i], 0.1, size, &n);
        assert_true(error_repeated(&image, fine, n) < error_repeated(&image, bytes, size));
        free(bytes);
        free(fine);
    }
    free(image.data);
}

/* The file is the same on any number of threads, and says what was asked for. */
static void files_are_as_asked(void **state) {
    gmlp_image image = grainy_image(301, 77, GMLP_SYCC);
    pool *workers = pool_create(3);
    const gmlp_threads threads = pool_threads(workers);
    int i, k;
    (void)state;
    for (i = 0; i < 3; i++) {
        struct jpeg_decompress_struct j;
        struct jpeg_error_mgr errors;
        size_t one_size, size, coarse_size;
        uint8_t *one = encode(&image, every[i], 0.2, NULL, &one_size);
        uint8_t *bytes = encode(&image, every[i], 0.2, &threads, &size);
        uint8_t *coarse = encode(&image, every[i], 0.4, NULL, &coarse_size);
        assert_int_equal(size, one_size);
        assert_memory_equal(bytes, one, size);
        assert_true(coarse_size < 0.8 * (double)size);
        j.err = jpeg_std_error(&errors);
        jpeg_create_decompress(&j);
        jpeg_mem_src(&j, bytes, (unsigned long)size);
        assert_int_equal(jpeg_read_header(&j, TRUE), JPEG_HEADER_OK);
        assert_int_equal(j.jpeg_color_space, JCS_YCbCr);
        assert_int_equal(j.image_width, 301);
        assert_int_equal(j.image_height, 77);
        assert_int_equal(j.comp_info[0].h_samp_factor, every[i] == PICTURE_444 ? 1 : 2);
        assert_int_equal(j.comp_info[0].v_samp_factor, every[i] == PICTURE_420 ? 2 : 1);
        assert_int_equal(j.comp_info[1].h_samp_factor * j.comp_info[1].v_samp_factor, 1);
        assert_false(j.progressive_mode); /* which decode more slowly */
        for (k = 0; k < 64; k++) {
            assert_in_range(j.quant_tbl_ptrs[0]->quantval[k], 2, 8); /* 20 and 30 steps of 0.2 are in the middle */
            assert_in_range(j.quant_tbl_ptrs[1]->quantval[k], 4, 10);
        }
        jpeg_destroy_decompress(&j);
        free(one);
        free(bytes);
        free(coarse);
    }
    pool_free(workers);
    free(image.data);
}

/* The chroma of some strips, decoded by themselves, is that of the whole picture, which filters go across. */
static void chroma_in_parts(void **state) {
    gmlp_image image = grainy_image(43, 8 * 37 + 3, GMLP_SRGB);
    const size_t row = (size_t)image.width * 3;
    int i;
    (void)state;
    for (i = 0; i < 3; i++) {
        fine f;
        gmlp_image all;
        char *bytes = NULL, reason[REASON];
        size_t size;
        FILE *file = open_memstream(&bytes, &size);
        block_writer *w;
        uint32_t strip, strips, y;
        memset(&f, 0, sizeof f);
        f.image = &image;
        f.width = every[i] == PICTURE_444 ? image.width : (image.width + 1) / 2;
        f.height = every[i] == PICTURE_420 ? (image.height + 1) / 2 : image.height;
        f.blocks.width = image.width;
        f.blocks.height = image.height;
        f.blocks.subsample = every[i];
        set_steps(&f, 0.5);
        set_basis(&f);
        assert_int_equal(every[i] == PICTURE_444 ? 0 : subsample(&f, every[i] == PICTURE_420), 0);
        w = jpeg_blocks_open(file, &f.blocks, NULL, NULL, 0, reason);
        assert_non_null(w);
        each(&f, chroma_strip, f.blocks.high[1]);
        assert_int_equal(decode_chroma(&f, 0, f.blocks.high[0], reason), 0);
        assert_int_equal(f.decoded.height, image.height);
        all = f.decoded;
        f.decoded.data = NULL;
        for (strip = 0; strip < f.blocks.high[0]; strip += strips) {
            strips = smaller(6, f.blocks.high[0] - strip);
            assert_int_equal(decode_chroma(&f, strip, strips, reason), 0);
            assert_in_range(f.decoded.height, 8 * (strips - 1) + 1, 8 * (strips + 4));
            for (y = 8 * strip; y < 8 * (strip + strips) && y < image.height; y++)
                assert_memory_equal((uint8_t *)f.decoded.data + (y - f.top) * row, (uint8_t *)all.data + y * row, row);
        }
        assert_int_equal(jpeg_blocks_end(w, 1, reason), -1);
        fclose(file);
        free(bytes);
        free(f.chroma[0]);
        free(f.chroma[1]);
        free(f.decoded.data);
        free(all.data);
    }
    free(image.data);
}

/* All sizes up to two units of the largest kind, and smooth pictures come back to a code or two. */
static void small_sizes(void **state) {
    uint32_t width, height;
    int i, s;
    (void)state;
    for (width = 1; width <= 33; width += width < 18 ? 1 : 7)
        for (height = 1; height <= 33; height += height < 4 ? 1 : 13)
            for (i = 0; i < 3; i++)
                for (s = 0; s < 2; s++) {
                    gmlp_image image = smooth_image(width, height);
                    size_t size;
                    uint8_t *bytes;
                    picture back;
                    char error[256];
                    image.space = s ? GMLP_SYCC : GMLP_SRGB;
                    bytes = encode(&image, every[i], 0.01, NULL, &size);
                    assert_int_equal(picture_read_memory(bytes, size, "x", image.space, &back, error), 0);
                    if (largest_difference(&image, &back.image) > (i ? 5 : 2))
                        fail_msg("%u x %u, chroma %d, space %d: off by %d", width, height, i, s,
                                 largest_difference(&image, &back.image));
                    picture_free(&back);
                    free(bytes);
                    free(image.data);
                }
}

/* Extremes: every code in black and white stripes, the widest coefficients that there are. */
static void extremes(void **state) {
    gmlp_image image = test_image(40, 24, GMLP_U8, GMLP_SYCC);
    uint8_t *p = (uint8_t *)image.data;
    size_t i, size;
    int kind, s;
    (void)state;
    for (kind = 0; kind < 4; kind++)
        for (s = 0; s < 3; s++) {
            uint8_t *bytes;
            for (i = 0; i < 40 * 24 * 3; i++) {
                const size_t x = i / 3 % 40, y = i / 120;
                p[i] = (kind == 0 ? x & 1 : kind == 1 ? (x ^ y) & 1 : kind == 2 ? x >> 2 & 1 : 1) ? 255 : 0;
            }
            bytes = encode(&image, every[s], 1e-9, NULL, &size);
            if (!s) assert_true(error_of(&image, bytes, size) < 0.05);
            free(bytes);
            free(encode(&image, every[s], 1e9, NULL, &size));
        }
    free(image.data);
}

/* What decoders make of halved lines, by the definition: three quarters of the sample at its place, a quarter of the
   next one; or that sample. */
static double apart(const float *line, uint32_t n, const float *half, uint32_t m, int smooth) {
    double sum = 0;
    uint32_t i;
    for (i = 0; i < n; i++) {
        const uint32_t k = i / 2;
        double v = half[k];
        if (smooth && i % 2 && k + 1 < m) v = 0.75 * half[k] + 0.25 * half[k + 1];
        if (smooth && !(i % 2) && k > 0) v = 0.75 * half[k] + 0.25 * half[k - 1];
        sum += (v - line[i]) * (v - line[i]) + REPEATS * (half[k] - line[i]) * (half[k] - line[i]);
    }
    return sum;
}

/* No sample can be changed for the better, alone or with its neighbour; the mean of two is worse. */
static void halves_are_least_squares(void **state) {
    uint32_t n, k, seed = 1;
    int smooth;
    (void)state;
    for (n = 1; n <= 40; n++)
        for (smooth = 0; smooth < 2; smooth++) {
            const uint32_t m = (n + 1) / 2;
            float line[40], half[20], box[20];
            double least;
            halving h;
            for (k = 0; k < n; k++) line[k] = (float)((seed = seed * 1664525u + 1013904223u) >> 24) - 128;
            assert_int_equal(halving_begin(&h, n, smooth), 0);
            halve(&h, line, 1, half);
            free(h.beside);
            least = apart(line, n, half, m, smooth);
            for (k = 0; k < m; k++) box[k] = 2 * k + 1 < n ? (line[2 * k] + line[2 * k + 1]) / 2 : line[2 * k];
            if (smooth && n > 4) assert_true(apart(line, n, box, m, smooth) > (n > 20 ? 1.01 : 1) * least);
            for (k = 0; k < 4 * m; k++) {
                const float a = k & 1 ? 0.5f : -0.5f, b = k & 2 ? a : -a;
                float *one = half + k / 4, was[2] = { one[0], k / 4 + 1 < m ? one[1] : 0 };
                one[0] += a;
                if (k / 4 + 1 < m) {
                    assert_true(apart(line, n, half, m, smooth) > least);
                    one[1] += b;
                }
                assert_true(apart(line, n, half, m, smooth) > least);
                one[0] = was[0];
                if (k / 4 + 1 < m) one[1] = was[1];
            }
        }
}

/* Several lines at once are halved as each is alone. */
static void halves_of_many(void **state) {
    float in[21 * 7], out[11 * 7], line[21], alone[11];
    uint32_t i, x;
    halving h;
    (void)state;
    for (i = 0; i < 21 * 7; i++) in[i] = (float)(i * i % 97);
    assert_int_equal(halving_begin(&h, 21, 1), 0);
    halve(&h, in, 7, out);
    for (x = 0; x < 7; x++) {
        for (i = 0; i < 21; i++) line[i] = in[7 * i + x];
        halve(&h, line, 1, alone);
        for (i = 0; i < 11; i++) assert_float_equal(out[7 * i + x], alone[i], 0);
    }
    free(h.beside);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearer_than_libjpeg), cmocka_unit_test(fair_to_repeaters), cmocka_unit_test(files_are_as_asked),
        cmocka_unit_test(chroma_in_parts), cmocka_unit_test(small_sizes), cmocka_unit_test(extremes),
        cmocka_unit_test(halves_are_least_squares), cmocka_unit_test(halves_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
