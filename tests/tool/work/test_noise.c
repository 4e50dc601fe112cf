/* The tool's pictures of chromatic noise. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include "work/noise.c"

enum { SIZE = 128, COUNT = SIZE * SIZE };
static const double pi = 3.14159265358979323846;

/* The size of frequency k in v, by the definition. */
static double amplitude(const double *v, int size, int k) {
    double re = 0.0, im = 0.0;
    int i;
    for (i = 0; i < size; i++) {
        re += v[i] * cos(2.0 * pi * k * i / size);
        im += v[i] * sin(2.0 * pi * k * i / size);
    }
    return sqrt(re * re + im * im);
}

static double *field_of(uint64_t seed, int channel) {
    double *field = (double *)malloc(COUNT * sizeof *field);
    assert_non_null(field);
    assert_int_equal(noise_field(SIZE, seed, channel, field), GMLP_OK);
    return field;
}

/* The mean of all rows has the picture's frequencies along x alone: a straight line of slope -2 on logarithmic axes. */
static void spectrum(void **state) {
    double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, slope, level;
    double first = 0, last = 0;
    uint64_t seed;
    int channel, k, x, y;
    (void)state;
    for (seed = 1; seed <= 8; seed++)
        for (channel = 0; channel < 3; channel++) {
            double *field = field_of(seed, channel), across[SIZE] = { 0 }, down[SIZE] = { 0 };
            for (y = 0; y < SIZE; y++)
                for (x = 0; x < SIZE; x++) {
                    across[x] += field[y * SIZE + x] / SIZE;
                    down[y] += field[y * SIZE + x] / SIZE;
                }
            for (k = 1; k < SIZE / 2; k++) {
                const double both[2] = { amplitude(across, SIZE, k), amplitude(down, SIZE, k) };
                for (x = 0; x < 2; x++) {
                    n += 1;
                    sx += log(k);
                    sy += log(both[x]);
                    sxx += log(k) * log(k);
                    sxy += log(k) * log(both[x]);
                    *(k < 32 ? &first : &last) += both[x] * both[x] * pow(k, 4);
                }
            }
            free(field);
        }
    slope = (n * sxy - sx * sy) / (n * sxx - sx * sx);
    if (fabs(slope + 2.0) > 0.05) fail_msg("slope %g", slope);
    /* And no more and no less than the noise had: uniform on [0,1] it has a variance of 1/12. */
    level = (first + last) / n * 12.0;
    if (fabs(level - 1.0) > 0.1) fail_msg("power %g", level);
    if (fabs(first * 32 / (last * 31) - 1.0) > 0.15) fail_msg("low %g and high %g", first / 31, last / 32);
}

/* With its amplitudes times f^2 the field is white noise again: uniform numbers, and each as it was drawn. */
static void whitened(void **state) {
    double *field = field_of(5, 1), *v = (double *)calloc(COUNT, 2 * sizeof *v), roots[SIZE], column[2 * SIZE];
    int i;
    (void)state;
    assert_non_null(v);
    make_roots(SIZE, roots);
    for (i = 0; i < SIZE / 2; i++) {
        assert_float_equal(roots[2 * i], cos(2.0 * pi * i / SIZE), 1e-14);
        assert_float_equal(roots[2 * i + 1], -sin(2.0 * pi * i / SIZE), 1e-14);
    }
    for (i = 0; i < COUNT; i++) v[2 * i] = field[i];
    fourier_2d(v, SIZE, roots, column);
    for (i = 0; i < COUNT; i++) {
        const double x = i % SIZE <= SIZE / 2 ? i % SIZE : SIZE - i % SIZE,
                     y = i / SIZE <= SIZE / 2 ? i / SIZE : SIZE - i / SIZE;
        const double f2 = i ? x * x + y * y : 1.0;
        v[2 * i] *= f2 / COUNT;
        v[2 * i + 1] *= -f2 / COUNT;
    }
    fourier_2d(v, SIZE, roots, column);
    for (i = 0; i < COUNT; i++)
        assert_float_equal(v[2 * i], (double)(random_at(5, (uint64_t)(COUNT + i)) >> 11) / 9007199254740992.0, 1e-9);
    free(field);
    free(v);
}

static void colors(void **state) {
    static const struct {
        double lab[3];
        float rgb[3];
    } known[] = { { { 100, 0, 0 }, { 1.0f, 1.0f, 1.0f } },
                  { { 0, 0, 0 }, { 0.0f, 0.0f, 0.0f } },
                  { { 50, 0, 0 }, { 0.18418652f, 0.18418652f, 0.18418652f } },
                  { { 104, 0, 0 }, { 1.0f, 1.0f, 1.0f } } };
    float rgb[3], back[3];
    double to[9], x;
    size_t i;
    int c;
    (void)state;
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        lab_to_rec2020(known[i].lab, rgb);
        for (c = 0; c < 3; c++) assert_float_equal(rgb[c], known[i].rgb[c], 1e-6);
    }
    assert_int_equal(gmlp_space_to_xyz(GMLP_REC2020, to), GMLP_OK);
    for (i = 0; i < 64; i++) { /* there with the library's matrix, and back */
        double f[3], lab[3];
        for (c = 0; c < 3; c++) back[c] = (float)((i >> 2 * c & 3) + 0.001) / 3.001f;
        for (c = 0; c < 3; c++) {
            const double white = to[3 * c] + to[3 * c + 1] + to[3 * c + 2];
            const double t = (to[3 * c] * (double)back[0] + to[3 * c + 1] * (double)back[1] +
                              to[3 * c + 2] * (double)back[2]) /
                             white;
            f[c] = t > 216.0 / 24389.0 ? cbrt(t) : (24389.0 / 27.0 * t + 16.0) / 116.0;
            if (c == 1) assert_float_equal(luminance(back), t, 1e-9);
        }
        lab[0] = 116.0 * f[1] - 16.0;
        lab[1] = 500.0 * (f[0] - f[1]);
        lab[2] = 200.0 * (f[1] - f[2]);
        lab_to_rec2020(lab, rgb);
        for (c = 0; c < 3; c++) assert_float_equal(rgb[c], back[c], 1e-6);
    }
    for (x = -4.0; x <= 4.0; x += 0.125) assert_float_equal(exponential(x) / exp(x), 1.0, 1e-14);
}

/* Equations 1, 2 and 4 of the operator's paper, with logarithms. */
static void operator(void **state) {
    enum { N = 256 };
    float rgb[3 * N], before[3 * N];
    double mean = 0.0, largest = 0.0;
    int i, c;
    (void)state;
    for (i = 0; i < 3 * N; i++)
        before[i] = rgb[i] = (float)pow((double)(random_at(1, (uint64_t)i) >> 40) / 16777216.0, 6.0);
    for (i = 0; i < N; i++) {
        mean += log(1e-6 + luminance(before + 3 * i)) / N;
        if (luminance(before + 3 * i) > largest) largest = luminance(before + 3 * i);
    }
    reinhard(rgb, N);
    largest *= 0.18 / exp(mean);
    for (i = 0; i < N; i++) {
        const double y = luminance(before + 3 * i), l = y * 0.18 / exp(mean);
        for (c = 0; c < 3; c++)
            assert_float_equal(rgb[3 * i + c], before[3 * i + c] / y * l * (1.0 + l / largest / largest) / (1.0 + l),
                               1e-6);
    }
}

/* Pictures reach black, the peak and every corner of Rec.2020, and the rendition all codes. */
static void coverage(void **state) {
    double purest[6] = { 0 };
    uint16_t high = 0, low = 65535;
    uint8_t codes[256] = { 0 };
    uint64_t seed;
    size_t i;
    int c;
    (void)state;
    for (seed = 1; seed <= 16; seed++) {
        noise n;
        const uint16_t *hdr;
        const uint8_t *sdr;
        assert_int_equal(noise_make(SIZE, seed, &n), GMLP_OK);
        assert_true(n.hdr.type == GMLP_U16 && n.hdr.space == GMLP_REC2020_PQ && n.hdr.width == SIZE &&
                    n.hdr.height == SIZE);
        assert_true(n.sdr.type == GMLP_U8 && n.sdr.space == GMLP_SRGB && n.sdr.width == SIZE && n.sdr.height == SIZE);
        hdr = (const uint16_t *)n.hdr.data;
        sdr = (const uint8_t *)n.sdr.data;
        for (i = 0; i < COUNT; i++) {
            double light[3];
            for (c = 0; c < 3; c++) {
                if (hdr[3 * i + c] < low) low = hdr[3 * i + c];
                if (hdr[3 * i + c] > high) high = hdr[3 * i + c];
                codes[sdr[3 * i + c]] = 1;
                light[c] = gmlp_curve_decode(GMLP_REC2020_PQ, hdr[3 * i + c] / 65535.0, 1.0); /* cd/m2 */
            }
            for (c = 0; c < 3; c++) { /* red, green, blue; and without red, green, blue */
                const double one = light[c], other = fmin(light[(c + 1) % 3], light[(c + 2) % 3]),
                             most = fmax(light[(c + 1) % 3], light[(c + 2) % 3]);
                if (one >= 5.0) purest[c] = fmax(purest[c], one / (one + most));
                if (other >= 5.0) purest[3 + c] = fmax(purest[3 + c], other / (other + one));
            }
        }
        noise_free(&n);
    }
    assert_int_equal(low, 0);
    assert_int_equal(high, (int)(65535.0 * gmlp_curve_encode(GMLP_REC2020_PQ, 1.0, 1000.0) + 0.5));
    for (c = 0; c < 6; c++)
        if (purest[c] < 0.97) fail_msg("corner %d: at most %g pure", c, purest[c]);
    for (c = 0; c < 256; c++) assert_true(codes[c]);
}

static void same_bytes(void **state) {
    noise a, b, c;
    (void)state;
    assert_int_equal(noise_make(64, 7, &a), GMLP_OK);
    assert_int_equal(noise_make(64, 7, &b), GMLP_OK);
    assert_int_equal(noise_make(64, 8, &c), GMLP_OK);
    assert_memory_equal(a.hdr.data, b.hdr.data, 64 * 64 * 6);
    assert_memory_equal(a.sdr.data, b.sdr.data, 64 * 64 * 3);
    assert_memory_not_equal(a.sdr.data, c.sdr.data, 64 * 64 * 3);
    assert_int_equal(gmlp__crc32(0, (const uint8_t *)a.hdr.data, 64 * 64 * 6),
                     0xe0af7c9e); /* the same on every machine */
    assert_int_equal(gmlp__crc32(0, (const uint8_t *)a.sdr.data, 64 * 64 * 3), 0xc7452817);
    noise_free(&a);
    noise_free(&b);
    noise_free(&c);
    noise_free(&c);
}

static void sizes(void **state) {
    static const uint32_t wrong[] = { 0, 4, 24, 100, 8192 };
    noise n;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(noise_make(wrong[i], 0, &n), GMLP_E_ARGUMENT);
        assert_null(n.hdr.data);
    }
    assert_int_equal(noise_make(NOISE_MIN_SIZE, 0, &n), GMLP_OK);
    noise_free(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spectrum),
        cmocka_unit_test(whitened),
        cmocka_unit_test(colors),
        cmocka_unit_test(operator),
        cmocka_unit_test(coverage),
        cmocka_unit_test(same_bytes),
        cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
