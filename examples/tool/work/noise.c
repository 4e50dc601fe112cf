#include "work/noise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef __clang__ /* gcc does not know it, and fuses nothing with -std=c99 */
#pragma STDC FP_CONTRACT OFF
#endif

/* SplitMix64 (Steele, Lea, Flood, 2014), as a function of a counter. */
static uint64_t random_at(uint64_t seed, uint64_t counter) {
    uint64_t z = seed + (counter + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Fourier. Numbers are pairs, real and imaginary. */

/* roots[i] = exp(-2 pi i / size), i < size / 2, by products of those that half-angles give. */
static void make_roots(uint32_t size, double *roots) {
    double re = -1.0, im = 0.0; /* exp(-2 pi step / size) */
    uint32_t step, i;
    roots[0] = 1.0;
    roots[1] = 0.0;
    for (step = size / 4; step; step /= 2) {
        const double c = re;
        re = sqrt(0.5 + 0.5 * c);
        im = -sqrt(0.5 - 0.5 * c);
        roots[2 * step] = re;
        roots[2 * step + 1] = im;
    }
    for (step = 2; step < size / 2; step *= 2)
        for (i = 1; i < step; i++) {
            const double *a = roots + 2 * (size_t)step, *b = roots + 2 * (size_t)i;
            double *to = roots + 2 * (size_t)(step + i);
            to[0] = a[0] * b[0] - a[1] * b[1];
            to[1] = a[0] * b[1] + a[1] * b[0];
        }
}

/* In place, radix 2. */
static void fourier(double *v, uint32_t size, const double *roots) {
    uint32_t i, j, half, bit;
    for (i = 1, j = 0; i < size; i++) { /* bits of the index in reverse */
        for (bit = size / 2; j & bit; bit /= 2) j ^= bit;
        j |= bit;
        if (i < j) {
            const double re = v[2 * i], im = v[2 * i + 1];
            v[2 * i] = v[2 * j];
            v[2 * i + 1] = v[2 * j + 1];
            v[2 * j] = re;
            v[2 * j + 1] = im;
        }
    }
    for (half = 1; half < size; half *= 2)
        for (i = 0; i < size; i += 2 * half)
            for (j = 0; j < half; j++) {
                const double *w = roots + 2 * (size_t)j * (size / 2 / half);
                double *a = v + 2 * (size_t)(i + j), *b = a + 2 * (size_t)half;
                const double re = w[0] * b[0] - w[1] * b[1], im = w[0] * b[1] + w[1] * b[0];
                b[0] = a[0] - re;
                b[1] = a[1] - im;
                a[0] += re;
                a[1] += im;
            }
}

/* Rows, then columns. column has room for one. */
static void fourier_2d(double *v, uint32_t size, const double *roots, double *column) {
    uint32_t x, y;
    for (y = 0; y < size; y++) fourier(v + 2 * (size_t)y * size, size, roots);
    for (x = 0; x < size; x++) {
        for (y = 0; y < size; y++) memcpy(column + 2 * y, v + 2 * ((size_t)y * size + x), 2 * sizeof *v);
        fourier(column, size, roots);
        for (y = 0; y < size; y++) memcpy(v + 2 * ((size_t)y * size + x), column + 2 * y, 2 * sizeof *v);
    }
}

static int size_is_good(uint32_t size) {
    return size >= NOISE_MIN_SIZE && size <= NOISE_MAX_SIZE && !(size & (size - 1));
}

gmlp_result noise_field(uint32_t size, uint64_t seed, int channel, double *field) {
    const size_t count = (size_t)size * size;
    double *v, *roots, *column;
    size_t i;
    if (!size_is_good(size)) return GMLP_E_ARGUMENT;
    v = (double *)malloc((2 * count + 3 * (size_t)size) * sizeof *v);
    if (!v) return GMLP_E_MEMORY;
    roots = v + 2 * count;
    column = roots + size;
    make_roots(size, roots);
    for (i = 0; i < count; i++) {
        v[2 * i] = (double)(random_at(seed, (uint64_t)channel * count + i) >> 11) * (1.0 / 9007199254740992.0);
        v[2 * i + 1] = 0.0;
    }
    fourier_2d(v, size, roots, column);
    for (i = 0; i < count; i++) {
        const uint32_t x = (uint32_t)(i % size), y = (uint32_t)(i / size);
        const double u = x < size / 2 ? x : size - x, w = y < size / 2 ? y : size - y, f2 = u * u + w * w;
        const double scale = (f2 > 0.0 ? 1.0 / f2 : 1.0) / (double)count;
        v[2 * i] *= scale;
        v[2 * i + 1] *= -scale; /* the forward transform of the conjugate is the conjugate of the inverse one */
    }
    fourier_2d(v, size, roots, column);
    for (i = 0; i < count; i++) field[i] = v[2 * i];
    free(v);
    return GMLP_OK;
}

/* Colours. */

static double exponential(double x) { /* |x| <= 4: Taylor's series of x / 8, which is within 1e-15 */
    double sum = 1.0;
    int i;
    for (i = 12; i; i--) sum = 1.0 + sum * (x / 8.0) / (double)i;
    for (i = 0; i < 3; i++) sum *= sum;
    return sum;
}

static double lab_inverse(double t) {
    return t > 6.0 / 29.0 ? t * t * t : (t - 4.0 / 29.0) * (108.0 / 841.0);
}

static void lab_to_rec2020(const double lab[3], float rgb[3]) {
    static const double white[3] = { 0.3127 / 0.3290, 1.0, 0.3583 / 0.3290 };
    static const double m[3][3] = { /* ITU-R BT.2020: from its primaries and D65 */
        { 1.7166511879712674, -0.35567078377639227, -0.25336628137365974 },
        { -0.66668435183248867, 1.6164812366349391, 0.015768545813911118 },
        { 0.017639857445310790, -0.042770613257808530, 0.94210312123547424 }
    };
    const double y = (lab[0] + 16.0) / 116.0;
    double xyz[3];
    int c;
    xyz[0] = white[0] * lab_inverse(y + lab[1] / 500.0);
    xyz[1] = white[1] * lab_inverse(y);
    xyz[2] = white[2] * lab_inverse(y - lab[2] / 200.0);
    for (c = 0; c < 3; c++) {
        const double v = m[c][0] * xyz[0] + m[c][1] * xyz[1] + m[c][2] * xyz[2];
        rgb[c] = (float)(v < 0.0 ? 0.0 : v > 1.0 ? 1.0 : v);
    }
}

static double luminance(const float rgb[3]) {
    return 0.2627002120112671 * (double)rgb[0] + 0.6779980715188708 * (double)rgb[1] +
           0.05930171646986196 * (double)rgb[2];
}

/* In place. The logarithmic mean is taken without logarithms: of the product, kept as m 2^e, as many square
   roots as there are bits in the number of pixels, a power of two. */
static void reinhard(float *rgb, size_t count) {
    double m = 1.0, largest = 0.0, scale;
    int64_t e = 0;
    size_t i, n;
    for (i = 0; i < count; i++) {
        const double y = luminance(rgb + 3 * i);
        int binary;
        m = frexp(m * (1e-6 + y), &binary);
        e += binary;
        if (y > largest) largest = y;
    }
    for (n = count; n > 1; n /= 2) {
        m = sqrt(e & 1 ? 2.0 * m : m);
        e = (e - (e & 1)) / 2;
    }
    scale = 0.18 / ldexp(m, (int)e);
    largest *= scale;
    for (i = 0; i < count; i++) {
        const double l = scale * luminance(rgb + 3 * i),
                     factor = scale * (1.0 + l / (largest * largest)) / (1.0 + l); /* Ld / Y */
        int c;
        for (c = 0; c < 3; c++) rgb[3 * i + c] = (float)((double)rgb[3 * i + c] * factor);
    }
}

static gmlp_image square(void *data, uint32_t size, int type, int space) {
    gmlp_image image;
    memset(&image, 0, sizeof image);
    image.data = data;
    image.width = image.height = size;
    image.type = type;
    image.space = space;
    return image;
}

gmlp_result noise_make(uint32_t size, uint64_t seed, noise *out) {
    const size_t count = (size_t)size * size;
    double *fields = NULL, mean[3] = { 0.0, 0.0, 0.0 }, low, high;
    float *rgb = NULL;
    gmlp_convert_opts opts;
    gmlp_image linear;
    gmlp_result status = GMLP_E_MEMORY;
    size_t i;
    int c;
    memset(out, 0, sizeof *out);
    if (!size_is_good(size)) return GMLP_E_ARGUMENT;
    out->hdr = square(malloc(6 * count), size, GMLP_U16, GMLP_REC2020_PQ);
    out->sdr = square(malloc(3 * count), size, GMLP_U8, GMLP_SRGB);
    fields = (double *)malloc(3 * count * sizeof *fields);
    rgb = (float *)malloc(3 * count * sizeof *rgb);
    if (out->hdr.data && out->sdr.data && fields && rgb) status = GMLP_OK;
    for (c = 0; c < 3 && !status; c++) status = noise_field(size, seed, c, fields + (size_t)c * count);
    if (!status) {
        low = high = fields[0];
        for (i = 0; i < 3 * count; i++) {
            if (fields[i] < low) low = fields[i];
            if (fields[i] > high) high = fields[i];
            /* checked: a good size has pixels */
            mean[i / count] += fields[i];
        }
        for (i = 0; i < count; i++) {
            const double x = (fields[i] - low) / (high - low);
            double lab[3];
            lab[0] = 105.0 / (1.0 + exponential(-4.0 * (2.0 * x - 1.0)));
            for (c = 1; c < 3; c++)
                lab[c] = 150.0 * (fields[(size_t)c * count + i] - mean[c] / (double)count) / (high - low);
            lab_to_rec2020(lab, rgb + 3 * i);
        }
        memset(&opts, 0, sizeof opts);
        opts.white_nits = 1000.0;
        linear = square(rgb, size, GMLP_F32, GMLP_REC2020_LINEAR);
        status = gmlp_convert(&linear, &out->hdr, &opts);
    }
    if (!status) {
        reinhard(rgb, count);
        status = gmlp_convert(&linear, &out->sdr, NULL);
    }
    free(fields);
    free(rgb);
    if (status) noise_free(out);
    return status;
}

void noise_free(noise *n) {
    free(n->hdr.data);
    free(n->sdr.data);
    memset(n, 0, sizeof *n);
}
