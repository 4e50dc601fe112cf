/* A second decoder, written after the manual's text of >>blob alone and sharing nothing with the library, which makes the
   blobs here and decodes them, too. Whole numbers are the same, so light differs by what colour conversions do. */
#include "gamutmlp.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- the second decoder ---- */

enum { NEURONS = 128, FEATURES = 2 * 16 * 11, WEIGHTS = FEATURES * NEURONS + NEURONS + NEURONS * NEURONS + NEURONS + 3 * NEURONS + 3 };

typedef struct blob {
    int version, method, wide, base, adaptation, transpose, width, height, base_width, base_height;
    float col, col_step, row, row_step;
    int inputs, mask, margin, format, activation, bias, neurons, frequencies[11], radius[2], features;
    float number[7], w1[FEATURES][NEURONS], b1[NEURONS], w2[NEURONS][NEURONS], b2[NEURONS], w3[NEURONS][3], b3[3];
} blob;
enum { WHITE_NITS, SIGNAL_MAX, CONTENT_MAX, MAP_MEAN, MAP_RANGE, INPUT_MEAN, INPUT_RANGE };

static uint32_t le(const uint8_t *p, int n) { return n ? p[0] | le(p + 1, n - 1) << 8 : 0; }
static float le_float(const uint8_t *p) {
    const uint32_t u = le(p, 4);
    float v;
    memcpy(&v, &u, 4);
    return v;
}

typedef struct model {
    int p, n;
} model;
typedef struct coder {
    uint32_t low, high, value;
    const uint8_t *at, *end;
    int beyond;
} coder;

static void next_byte(coder *c) {
    c->value = c->value << 8 | (c->at < c->end ? *c->at : 0);
    if (c->at < c->end) c->at++;
    else c->beyond++;
}

static int bit(coder *c, model *m) {
    const int p = !m ? 32768 : m->p < 64 ? 64 : m->p > 65472 ? 65472 : m->p;
    const uint32_t middle = c->low + (uint32_t)((uint64_t)(c->high - c->low) * (uint64_t)p >> 16);
    const int b = c->value <= middle ? 1 : 0;
    if (b) c->high = middle;
    else c->low = middle + 1;
    if (m) {
        m->p += ((b ? 65535 : 0) - m->p) * 2 / (2 * m->n + 3);
        if (m->n < 127) m->n++;
    }
    while (c->low >> 24 == c->high >> 24) {
        c->low <<= 8;
        c->high = c->high << 8 | 255;
        next_byte(c);
    }
    return b;
}

typedef struct models {
    model ones[15], upper[16], lower[16][2];
} models;

static int number(coder *c, models *m) {
    int k = 0, v = 1, i;
    while (k < 15 && bit(c, &m->ones[k])) k++;
    if (k > 0) v = 2 * v + bit(c, &m->upper[k]);
    if (k > 1) v = 2 * v + bit(c, &m->lower[k][v & 1]);
    for (i = 2; i < k; i++) v = 2 * v + bit(c, NULL);
    return v == 1 ? 0 : bit(c, NULL) ? 1 - v : v - 1;
}

static void read_blob(blob *b, const uint8_t *p, size_t size) {
    static float flat[WEIGHTS];
    const uint8_t *at;
    uint32_t crc = 0xffffffffu;
    size_t i, k, n = 0, count[3];
    float *w = flat;
    memset(b, 0, sizeof *b);
    for (i = 0; i + 4 < size; i++)
        for (crc ^= p[i], k = 0; k < 8; k++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    assert_int_equal(~crc, le(p + size - 4, 4));
    assert_memory_equal(p, "GMLP", 4);
    assert_true(p[4] == 3 || p[4] == 4);
    b->version = p[4], b->method = p[5], b->wide = p[6], b->base = p[7], b->adaptation = p[8], b->transpose = p[9];
    b->width = (int)le(p + 10, 2), b->height = (int)le(p + 12, 2), b->base_width = (int)le(p + 14, 2), b->base_height = (int)le(p + 16, 2);
    b->col = le_float(p + 18), b->col_step = le_float(p + 22), b->row = le_float(p + 26), b->row_step = le_float(p + 30);
    if (!b->method) {
        assert_int_equal(size, 38);
        return;
    }
    b->inputs = p[34], b->mask = p[35], b->margin = p[36], b->format = p[37], b->activation = p[38], b->bias = p[39], b->neurons = p[40];
    for (i = 0; i < 11; i++) b->features += 2 * (b->frequencies[i] = p[41 + i]);
    b->radius[0] = p[52], b->radius[1] = p[53];
    at = p + 118;
    b->number[MAP_RANGE] = b->number[INPUT_MEAN] = b->number[INPUT_RANGE] = 0.5f; /* RESIDUAL */
    for (i = 0; i < 7 && b->method > 1; i++, at += 4) b->number[i] = le_float(at);
    if (p[4] == 4) {
        const uint8_t *const end = at + 2 + le(at, 2);
        assert_in_range(le(at, 2), 2, 1024);
        for (at += 2, k = 0; at < end; k = at[0], at += 2 + at[1]) assert_true(at[0] > k);
        assert_ptr_equal(at, end);
    }
    k = (size_t)b->neurons;
    count[0] = (size_t)b->features * k + k;
    count[1] = k * k + (b->bias ? 0 : k);
    count[2] = k * 3 + (b->bias ? 0 : 3);
    if (b->format == 2) {
        for (; n < count[0] + count[1] + count[2]; n++, at += 4) flat[n] = le_float(at);
        assert_ptr_equal(at, p + size - 4);
    } else {
        coder c = {0, 0xffffffffu, 0, at + 12, p + size - 4, 0};
        for (i = 0; i < 4; i++) next_byte(&c);
        for (i = 0; i < 3; i++) {
            const float step = le_float(at + 4 * i);
            models m;
            model *all = (model *)&m;
            for (k = 0; k < sizeof m / sizeof *all; k++) all[k].p = 32768, all[k].n = 0;
            for (k = 0; k < count[i]; k++) flat[n++] = (float)number(&c, &m) * step;
        }
        assert_int_equal(c.beyond, 3); /* the uppermost byte of value is the last one */
    }
    for (i = 0; i < (size_t)b->features; i++)
        for (k = 0; k < (size_t)b->neurons; k++) b->w1[i][k] = *w++;
    for (k = 0; k < (size_t)b->neurons; k++) b->b1[k] = *w++;
    for (i = 0; i < (size_t)b->neurons; i++)
        for (k = 0; k < (size_t)b->neurons; k++) b->w2[i][k] = *w++;
    for (k = 0; k < (size_t)b->neurons && !b->bias; k++) b->b2[k] = *w++;
    for (i = 0; i < (size_t)b->neurons; i++)
        for (k = 0; k < 3; k++) b->w3[i][k] = *w++ * b->number[MAP_RANGE];
    for (k = 0; k < 3; k++) b->b3[k] = (float)((b->bias ? 0.0 : (double)*w++) * (double)b->number[MAP_RANGE] + (double)b->number[MAP_MEAN]);
}

static double least(double a, double b) { return a < b ? a : b; }
static double most(double a, double b) { return a > b ? a : b; }
static double within(double v, double low, double high) { return v > low ? v < high ? v : high : low; }

/* Colour, from the standards: CIE xy of red, green, blue and white; curves. */
static const double chromaticities[11][8] = {
    {0}, {.64, .33, .30, .60, .15, .06, .3127, .3290}, {.680, .320, .265, .690, .150, .060, .3127, .3290},
    {.64, .33, .21, .71, .15, .06, .3127, .3290}, {.7347, .2653, .1596, .8404, .0366, .0001, .3457, .3585},
    {.708, .292, .170, .797, .131, .046, .3127, .3290}, {.708, .292, .170, .797, .131, .046, .3127, .3290},
    {.708, .292, .170, .797, .131, .046, .3127, .3290}, {.7347, .2653, 0, 1, .0001, -.0770, .32168, .33767},
    {.713, .293, .165, .830, .128, .044, .32168, .33767}, {.64, .33, .30, .60, .15, .06, .3127, .3290}
};

static void solve(double a[3][3], double b[3][3]) { /* b = inverse of a times b, by elimination */
    int i, j, k;
    for (i = 0; i < 3; i++) {
        int pivot = i;
        for (j = i + 1; j < 3; j++)
            if (fabs(a[j][i]) > fabs(a[pivot][i])) pivot = j;
        for (k = 0; k < 3; k++) {
            double t = a[i][k];
            a[i][k] = a[pivot][k], a[pivot][k] = t;
            t = b[i][k], b[i][k] = b[pivot][k], b[pivot][k] = t;
        }
        for (j = 0; j < 3; j++) {
            const double f = a[j][i] / a[i][i];
            for (k = 0; k < 3 && j != i; k++) a[j][k] -= f * a[i][k], b[j][k] -= f * b[i][k];
        }
    }
    for (i = 0; i < 3; i++)
        for (k = 0; k < 3; k++) b[i][k] /= a[i][i];
}

static void white_of(int space, double xyz[3]) {
    const double *c = chromaticities[space];
    xyz[0] = c[6] / c[7], xyz[1] = 1, xyz[2] = (1 - c[6] - c[7]) / c[7];
}

static void to_xyz(int space, double m[3][3]) {
    const double *c = chromaticities[space];
    double a[3][3], s[3][3] = {{0}}, w[3];
    int i, k;
    white_of(space, w);
    for (k = 0; k < 3; k++) {
        m[0][k] = c[2 * k], m[1][k] = c[2 * k + 1], m[2][k] = 1 - c[2 * k] - c[2 * k + 1];
        s[k][0] = w[k];
    }
    memcpy(a, m, sizeof a);
    solve(a, s);
    for (i = 0; i < 3; i++)
        for (k = 0; k < 3; k++) m[i][k] *= s[k][0];
}

static void times(double a[3][3], double b[3][3], double out[3][3]) {
    int i, j;
    for (i = 0; i < 3; i++)
        for (j = 0; j < 3; j++) out[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
}

static void between(int from, int to, int adaptation, double m[3][3]) {
    static const double cones[2][3][3] = {{{.8951, .2664, -.1614}, {-.7502, 1.7135, .0367}, {.0389, -.0685, 1.0296}},
                                          {{.7328, .4296, -.1624}, {-.7036, 1.6975, .0061}, {.0030, .0136, .9834}}};
    double xyz[3][3], lms[3][3], a[3][3], f[3], t[3];
    int i, k;
    to_xyz(from, xyz);
    memcpy(a, cones[adaptation], sizeof a);
    times(a, xyz, lms);
    white_of(from, f), white_of(to, t);
    for (i = 0; i < 3; i++) {
        double x = 0, y = 0;
        for (k = 0; k < 3; k++) x += a[i][k] * f[k], y += a[i][k] * t[k];
        for (k = 0; k < 3; k++) lms[i][k] *= y / x;
    }
    solve(a, lms);
    to_xyz(to, a);
    memcpy(m, lms, sizeof lms);
    solve(a, m);
}

static double base_light(int space, int code) {
    const double v = code / 255.0;
    if (space == 10) return pow(v, 2.4);
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}
static double pq(double light) { /* SMPTE ST 2084; 1: 10000 cd/m2 */
    const double y = pow(light, 2610.0 / 16384);
    return pow((3424.0 / 4096 + 2413.0 / 128 * y) / (1 + 2392.0 / 128 * y), 2523.0 / 32);
}
static double pq_inverse(double code) {
    const double v = pow(code, 32 / 2523.0), up = v - 3424.0 / 4096;
    return pow((up > 0 ? up : 0) / (2413.0 / 128 - 2392.0 / 128 * v), 16384 / 2610.0);
}

static float single(float v) { /* one rounding, whatever the compiler would keep */
    volatile float kept = v;
    return kept;
}

static float sine(float a) {
    const float n = rintf(a), r = single(a - n), t = single(r * r);
    const float q = single(fmaf(fmaf(fmaf(fmaf(0.077220127f, t, -0.59804517f), t, 2.55003142f), t, -5.16770697f), t, 3.1415925f) * r);
    return fmod((double)n, 2) != 0 ? -q : q;
}

static int first_feature(const blob *b, int input) { return input ? first_feature(b, input - 1) + 2 * b->frequencies[input - 1] : 0; }

static void features(int frequencies, float m, float *f) {
    int k;
    for (k = 0; k < frequencies; k++) {
        *f++ = sine(fmaf(ldexpf(1, k), m, 0.0f));
        *f++ = sine(fmaf(ldexpf(1, k), m, 0.5f));
    }
}

/* part(i, m, z) */
static void part(const blob *b, int i, float m, const float *z, float *out) {
    float f[32];
    int k, j;
    features(b->frequencies[i], m, f);
    for (j = 0; j < b->neurons; j++) {
        out[j] = z ? z[j] : 0;
        for (k = 0; k < 2 * b->frequencies[i]; k++) out[j] = fmaf(f[k], b->w1[first_feature(b, i) + k][j], out[j]);
    }
}

static float held(float m) { return m > -4 ? m < 4 ? m : 4 : -4; }
static float code_input(const blob *b, int q) { return (float)(b->inputs == 0 ? 2 * (q / 255.0) - 1 : q / 255.0 - 0.5); }
static float place(double i, int n) { return held((float)(n > 1 ? 2 * i / (n - 1) - 1 : -1)); }

static int32_t near_whole(double v, double limit) { return (int32_t)round(within(v, -limit, limit)); }
static double factor(double lo, double hi, double room, double w) {
    const double a = most(hi, -lo);
    return a > 1e-30 ? w > 0 ? least(room / a, 32767 / w) : room / a : 0;
}

typedef struct whole {
    int fixed, inputs, more; /* more: a sum had to get more room */
    double g1[NEURONS], hi1[NEURONS], e1[NEURONS], g2[NEURONS], hi2[NEURONS], e2[NEURONS];
    int32_t t[11][256][NEURONS], q2[NEURONS][NEURONS], b2[NEURONS], q3[3][NEURONS];
    float scale[3];
} whole;

#define ROOM (2147483647.0 - 8388608.0)

static double error_of(int n, const double *u, double g, const double *hi, const double *gs, const double *e, int32_t *q) {
    double sum = 0;
    int k;
    for (k = 0; k < n; k++) {
        q[k] = near_whole(u[k] * g, 32767);
        sum += fabs((double)q[k]) * most(0, e[k] + least(hi[k] * gs[k], 0)) + fabs(u[k] * g - q[k]) * most(0, hi[k] * gs[k]);
    }
    return sum + 1;
}

static void layer(whole *o, int n, const double *w, double bias, const double *hi, const double *gs, const double *e, double *hi_out, double *g_out, double *e_out, double *reach,
                  int32_t *q) {
    double low = bias, high = bias, u[NEURONS], greatest = 0;
    int k;
    for (k = 0; k < n; k++) {
        const double t = w[k] * most(hi[k], 0);
        low += least(t, 0), high += most(t, 0);
        u[k] = gs[k] > 0 ? w[k] / gs[k] : 0;
        greatest = most(greatest, fabs(u[k]));
    }
    *g_out = factor(low, high, ROOM, greatest);
    *reach = most(high, -low) * *g_out;
    *e_out = error_of(n, u, *g_out, hi, gs, e, q);
    if (*reach + *e_out > 2147483647.0 - 65536.0) {
        const double t = ROOM / (*reach + *e_out);
        *g_out *= t, *reach *= t;
        *e_out = error_of(n, u, *g_out, hi, gs, e, q);
        o->more = 1;
    }
    *hi_out = high;
}

static void make_whole(const blob *b, whole *o) {
    const int n = b->neurons;
    double low[NEURONS], w[NEURONS], reach, hi, g, e;
    int i, j, k, q;
    memset(o, 0, sizeof *o);
    o->inputs = b->radius[1] ? 11 : b->radius[0] ? 8 : 5;
    if (b->inputs == 1 || b->activation == 1) return;
    for (j = 0; j < n; j++) {
        low[j] = o->hi1[j] = (double)b->b1[j];
        for (k = 0; k < 2 * (b->frequencies[0] + b->frequencies[1]); k += 2) {
            const double x = fabs((double)b->w1[k][j]), y = fabs((double)b->w1[k + 1][j]), t = most(x, y) + least(x, y) / 2;
            low[j] -= t, o->hi1[j] += t;
        }
    }
    for (i = 2; i < o->inputs; i++) {
        static float p[256][NEURONS];
        for (q = 0; q < 256; q++) part(b, i, code_input(b, q), NULL, p[q]);
        for (j = 0; j < n; j++) {
            double lo = (double)p[0][j], up = (double)p[0][j];
            for (q = 1; q < 256; q++) lo = least(lo, (double)p[q][j]), up = most(up, (double)p[q][j]);
            low[j] += lo, o->hi1[j] += up;
        }
    }
    for (j = 0; j < n; j++) o->g1[j] = factor(low[j], o->hi1[j], 32759, 0), o->e1[j] = (o->inputs + 1) / 2.0;
    for (i = 2; i < o->inputs; i++)
        for (q = 0; q < 256; q++) {
            float p[NEURONS];
            part(b, i, code_input(b, q), NULL, p);
            for (j = 0; j < n; j++) o->t[i][q][j] = near_whole((double)p[j] * o->g1[j], 32767);
        }
    for (j = 0; j < n; j++) {
        int32_t column[NEURONS];
        for (k = 0; k < n; k++) w[k] = (double)b->w2[k][j];
        layer(o, n, w, (double)b->b2[j], o->hi1, o->g1, o->e1, &o->hi2[j], &g, &e, &reach, column);
        for (k = 0; k < n; k++) o->q2[k][j] = column[k];
        o->b2[j] = near_whole((double)b->b2[j] * g, ROOM) + 32768;
        o->g2[j] = g / 65536, o->e2[j] = e / 65536 + 0.5;
    }
    o->fixed = 1;
    for (i = 0; i < 3; i++) {
        for (k = 0; k < n; k++) w[k] = (double)b->w3[k][i];
        layer(o, n, w, 0, o->hi2, o->g2, o->e2, &hi, &g, &e, &reach, o->q3[i]);
        o->scale[i] = g > 1e-30 ? (float)(1 / g) : 0;
        if (reach > 0 && e > reach / 32) o->fixed = 0;
    }
}

/* The network in whole numbers. Sums are kept in 64 bits and must fit into 32, those of the first layer into 16. */
static void network_whole(const blob *b, const whole *o, const float m[2], const int codes[9], float out[3]) {
    float x[NEURONS], y[NEURONS];
    int64_t h1[NEURONS], h2[NEURONS], sum;
    const int with_bias = b->version == 3 && b->transpose ? 1 : 0, n = b->neurons;
    int i, j, k;
    part(b, with_bias, m[with_bias], b->b1, y);
    part(b, 1 - with_bias, m[1 - with_bias], NULL, x);
    for (j = 0; j < n; j++) {
        sum = near_whole((double)y[j] * o->g1[j], 32767) + near_whole((double)x[j] * o->g1[j], 32767);
        for (i = 2; i < o->inputs; i++) sum += o->t[i][codes[i - 2]][j];
        assert_true(sum >= -32768 && sum <= 32767);
        h1[j] = sum > 0 ? sum : 0;
    }
    for (j = 0; j < n; j++) {
        for (sum = o->b2[j], k = 0; k < n; k++) sum += o->q2[k][j] * h1[k];
        assert_true(sum >= INT32_MIN && sum <= INT32_MAX);
        h2[j] = sum > 0 ? sum / 65536 : 0;
    }
    for (i = 0; i < 3; i++) {
        for (sum = 0, k = 0; k < n; k++) sum += o->q3[i][k] * h2[k];
        assert_true(sum >= INT32_MIN && sum <= INT32_MAX);
        out[i] = fmaf((float)sum, o->scale[i], b->b3[i]);
    }
}

static float activate(const blob *b, float z) { return b->activation == 0 ? z > 0 ? z : 0 : sine(fmaxf(-1048576, fminf(1048576, single(z * 0.318309886f)))); }

static void network_float(const blob *b, const float m[11], float out[3]) {
    static float f[FEATURES];
    float h1[NEURONS], h2[NEURONS];
    int i, j, k;
    for (i = 0; i < 11; i++) features(b->frequencies[i], m[i], f + first_feature(b, i));
    for (j = 0; j < b->neurons; j++) {
        for (h1[j] = b->b1[j], k = 0; k < b->features; k++) h1[j] = fmaf(f[k], b->w1[k][j], h1[j]);
        h1[j] = activate(b, h1[j]);
    }
    for (j = 0; j < b->neurons; j++) {
        for (h2[j] = b->b2[j], k = 0; k < b->neurons; k++) h2[j] = fmaf(h1[k], b->w2[k][j], h2[j]);
        h2[j] = activate(b, h2[j]);
    }
    for (i = 0; i < 3; i++)
        for (out[i] = b->b3[i], k = 0; k < b->neurons; k++) out[i] = fmaf(h2[k], b->w3[k][i], out[i]);
}

static int base_code(const blob *b, const uint8_t *base, int x, int y, int c) {
    x = x < 0 ? 0 : x < b->base_width ? x : b->base_width - 1;
    y = y < 0 ? 0 : y < b->base_height ? y : b->base_height - 1;
    return base[3 * (y * b->base_width + x) + c];
}

/* A window's radius where the picture was resized: as large in the original as it was, to the nearest odd number. */
static int radius_here(const blob *b, int i) {
    const float s = fabsf(b->col_step * b->row_step), side = (float)(2 * b->radius[i] + 1);
    int r = 0;
    while (b->radius[i] && r < 7 && (float)(4 * (r + 1) * (r + 1)) * s <= side * side) r++;
    return r;
}

/* Light of a pixel in the original's primaries; 1 if it came from the network, whose outputs are in o. */
static int decode_pixel(const blob *b, const whole *w, const uint8_t *base, int x, int y, double weight, double v[3], float o[3]) {
    const double e = 1.0 / 64, peak = (double)b->number[SIGNAL_MAX];
    double m[3][3], linear[3], s[3];
    float in[11] = {0};
    int codes[9], c, i, near_end = 0, black = 1, white = 1;
    between(b->base, b->wide > 64 ? b->wide - 64 : b->wide, b->adaptation, m);
    for (c = 0; c < 3; c++) {
        codes[c] = base_code(b, base, x, y, c);
        linear[c] = base_light(b->base, codes[c]);
        near_end |= codes[c] <= b->margin || codes[c] >= 255 - b->margin;
        black &= codes[c] == 0, white &= codes[c] == 255;
    }
    for (c = 0; c < 3; c++) v[c] = m[c][0] * linear[0] + m[c][1] * linear[1] + m[c][2] * linear[2];
    if (b->method == 0 || (b->mask == 0 && (!near_end || black || white))) return 0;
    for (c = 0; c < 3; c++) s[c] = b->method == 1 ? v[c] : pq(within(v[c], 0, peak) / peak);
    in[0] = place((double)b->row + (double)b->row_step * (b->transpose ? x : y), b->height);
    in[1] = place((double)b->col + (double)b->col_step * (b->transpose ? y : x), b->width);
    for (i = 0; i < 2; i++)
        for (c = 0; c < 3; c++) {
            const int r = radius_here(b, i), area = (2 * r + 1) * (2 * r + 1);
            int sum = 0, dx, dy;
            for (dy = -r; dy <= r; dy++)
                for (dx = -r; dx <= r; dx++) sum += base_code(b, base, x + dx, y + dy, c);
            codes[3 + 3 * i + c] = (2 * sum + area) / (2 * area);
        }
    for (i = 0; i < 9; i++) in[2 + i] = code_input(b, codes[i]);
    for (c = 0; c < 3 && b->inputs == 1; c++) in[2 + c] = held(single((float)s[c] - b->number[INPUT_MEAN]) / b->number[INPUT_RANGE]);
    if (w->fixed) network_whole(b, w, in, codes, o);
    else network_float(b, in, o);
    for (c = 0; c < 3; c++) {
        const double out = (double)o[c];
        double h;
        if (b->method == 1) {
            v[c] = within(v[c] + out, 0, 1);
            continue;
        }
        h = b->method == 2 ? s[c] + out : b->method == 3 ? (s[c] + e) * out - e : b->method == 4 ? pow(least(s[c] + e, 1 - e), out) - e : out;
        linear[c] = within(v[c], 0, peak);
        v[c] = peak * pq_inverse(within(h, 0, 1));
        if (weight < 1) v[c] = (linear[c] + e) * pow((v[c] + e) / (linear[c] + e), weight) - e;
    }
    return 1;
}

/* ---- against the library ---- */

enum { W = 41, H = 27, N = W * H };
static uint8_t base_data[N * 3];
static uint16_t wide_data[N * 3];
static float hdr_data[N * 3], decoded[N * 3];
static blob b;
static whole w;

static uint32_t draws = 1;
static uint32_t draw(void) {
    draws = draws * 1664525u + 1013904223u;
    return draws >> 8;
}

/* What the two make of a blob. tolerance: of light with RESIDUAL, of the PQ signal otherwise. Pixels from the network. */
static int compare(const gmlp_net *net, double headroom, double tolerance) {
    static uint8_t bytes[WEIGHTS * 4 + 200];
    static gmlp_net again;
    const int linear = net->wide_space < 6 && net->wide_space < GMLP_LINEAR ? net->wide_space + GMLP_LINEAR
                     : net->wide_space == GMLP_REC2020_PQ || net->wide_space == GMLP_REC2020_HLG ? GMLP_REC2020_LINEAR : net->wide_space;
    gmlp_image base = {base_data, net->base_width, net->base_height, 0, GMLP_U8, 3, net->method ? net->base_space : GMLP_SRGB, 0};
    gmlp_image out = {decoded, net->base_width, net->base_height, 0, GMLP_F32, 3, linear, 0};
    gmlp_decode_opts opts;
    double weight = 1, stops;
    size_t size;
    int x, y, c, count = 0, moved = 0;
    assert_int_equal(gmlp_blob_write(net, bytes, sizeof bytes, &size), GMLP_OK);
    assert_int_equal(gmlp_blob_read(bytes, size, NULL, &again, NULL), GMLP_OK);
    memset(&opts, 0, sizeof opts);
    opts.decoder.headroom = headroom;
    assert_int_equal(gmlp_decode(&again, &base, &out, &opts), GMLP_OK);
    gmlp_net_free(&again);
    read_blob(&b, bytes, size);
    make_whole(&b, &w);
    stops = log2((double)b.number[CONTENT_MAX]);
    if (headroom > 0 && headroom < stops) weight = headroom / stops;
    for (y = 0; y < b.base_height; y++)
        for (x = 0; x < b.base_width; x++) {
            const float *got = decoded + 3 * (y * b.base_width + x);
            double want[3];
            float o[3];
            const int asked = decode_pixel(&b, &w, base_data, x, y, weight, want, o);
            count += asked;
            for (c = 0; c < 3; c++) {
                const double peak = (double)b.number[SIGNAL_MAX];
                const double off = b.method < 2 ? fabs((double)got[c] - want[c]) : fabs(pq(most(0, (double)got[c] / peak)) - pq(most(0, want[c] / peak)));
                if (!(off <= tolerance)) print_error("method %d, pixel %d, %d, channel %d: %.9g, not %.9g\n", b.method, x, y, c, (double)got[c], want[c]);
                assert_true(off <= tolerance);
                moved += asked && fabs((double)o[c] - (b.method == 1 ? 0 : (double)b.number[MAP_MEAN])) > 1e-3;
            }
        }
    assert_true(!count || moved > count / 2); /* the network says something */
    return count;
}

static void make_pictures(gmlp_image *base, gmlp_image *wide) {
    const gmlp_image u = {base_data, W, H, 0, GMLP_U8, 3, GMLP_SRGB, 0}, v = {wide_data, W, H, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0};
    int x, y, c;
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++)
            for (c = 0; c < 3; c++)
                wide_data[3 * (y * W + x) + c] = (uint16_t)((x * (c + 2) * 700 + y * (5 - c) * 900 + 20000 * c) % 64000 + (int)(draw() & 1023));
    *base = u, *wide = v;
    assert_int_equal(gmlp_reduce(wide, base, NULL, NULL), GMLP_OK);
}

static void wide_gamut(void **state) {
    static const struct {
        int preset, activation, space, margin, adaptation, width, windows;
        double tolerance;
    } cases[] = {
        {GMLP_PRESET_DEFAULT, 0, GMLP_PROPHOTO, 0, 0, 0, 2, 1e-6}, {GMLP_PRESET_FAST, 0, GMLP_REC2020, 5, 1, 16, 1, 1e-6},
        {GMLP_PRESET_HIGH, 0, GMLP_P3, 0, 0, 0, 2, 1e-6},          {GMLP_PRESET_MAX, 0, GMLP_ADOBERGB, 0, 0, 0, 0, 1e-6},
        {GMLP_PRESET_DEFAULT, 1, GMLP_ACESCG, 0, 0, 24, 2, 1e-5},
        {GMLP_PRESET_PAPER, 0, GMLP_PROPHOTO, 0, 0, 0, 0, 2e-3}, /* its inputs are colours, of which the 12th frequency shows the last bits */
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        gmlp_image base, wide;
        gmlp_train_opts opts;
        gmlp_net net;
        make_pictures(&base, &wide);
        wide.space = cases[i].space;
        memset(&opts, 0, sizeof opts);
        opts.preset = cases[i].preset, opts.activation = cases[i].activation, opts.clip_margin = cases[i].margin;
        opts.adaptation = cases[i].adaptation, opts.width = cases[i].width;
        opts.iterations = 25, opts.batch = 256;
        if (!cases[i].windows && cases[i].preset != GMLP_PRESET_PAPER) memset(opts.frequencies, 5, 5);
        if (cases[i].windows == 1) memset(opts.frequencies, 4, 8), opts.radius[0] = 7;
        assert_int_equal(gmlp_train(&base, &wide, &opts, &net, NULL), GMLP_OK);
        assert_true(compare(&net, 0, cases[i].tolerance) > N / 8);
        assert_int_equal(w.fixed, cases[i].activation == 0 && cases[i].preset != GMLP_PRESET_PAPER);
        assert_int_equal(gmlp_net_section_set(&net, 200, base_data, i * 50), GMLP_OK);
        assert_int_equal(gmlp_net_section_set(&net, 3, base_data, i), GMLP_OK);
        assert_true(compare(&net, 0, cases[i].tolerance) > N / 8);
        if (!i) { /* turned, moved and stretched */
            const uint8_t h = H, u = W;
            net.coords.transpose = 1, net.base_width = h, net.base_height = u;
            net.coords.col = 3.25f, net.coords.col_step = 0.77f, net.coords.row = H + 40.0f, net.coords.row_step = -2.5f;
            compare(&net, 0, 1e-6);
            net.coords.col_step = 2, net.coords.row_step = -2.5f; /* windows of 1 and 3 pixels */
            compare(&net, 0, 1e-6);
            net.coords.col_step = 0.25f, net.coords.row_step = -0.5f; /* of 9 and, at most, 15 */
            compare(&net, 0, 1e-6);
            net.width = net.height = 1;
            compare(&net, 0, 1e-6);
        }
        gmlp_net_free(&net);
    }
}

static void high_dynamic_range(void **state) {
    static const struct {
        int preset, method, activation, base_space, hdr_space;
        double tolerance;
    } cases[] = {
        {GMLP_PRESET_DEFAULT, 0, 0, GMLP_SRGB, GMLP_REC2020_LINEAR, 5e-6}, {GMLP_PRESET_DEFAULT, GMLP_METHOD_GAIN, 0, GMLP_P3, GMLP_P3_LINEAR, 5e-6},
        {GMLP_PRESET_HIGH, GMLP_METHOD_GAMMA, 0, GMLP_REC709, GMLP_ACESCG, 2e-5}, {GMLP_PRESET_DEFAULT, GMLP_METHOD_DIRECT, 0, GMLP_SRGB, GMLP_REC2020_PQ, 5e-6},
        {GMLP_PRESET_FAST, GMLP_METHOD_GAIN, 1, GMLP_SRGB, GMLP_REC2020_HLG, 2e-5}, {GMLP_PRESET_PAPER, 0, 0, GMLP_SRGB, GMLP_REC2020_LINEAR, 4e-3},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        gmlp_image base, hdr, wide;
        gmlp_train_opts opts;
        gmlp_net net;
        int k;
        make_pictures(&base, &wide);
        base.space = cases[i].base_space;
        wide.space = cases[i].hdr_space;
        hdr = wide;
        if (cases[i].hdr_space != GMLP_REC2020_PQ && cases[i].hdr_space != GMLP_REC2020_HLG) {
            hdr.data = hdr_data, hdr.type = GMLP_F32;
            for (k = 0; k < N * 3; k++) hdr_data[k] = (float)base_light(1, base_data[k]) * (1 + (float)(k / 3 % W) / 12);
        }
        memset(&opts, 0, sizeof opts);
        opts.preset = cases[i].preset, opts.method = cases[i].method, opts.activation = cases[i].activation;
        opts.width = 16, opts.iterations = 40, opts.batch = 256;
        assert_int_equal(gmlp_train_hdr(&base, &hdr, &opts, &net, NULL), GMLP_OK);
        assert_int_equal(compare(&net, 0, cases[i].tolerance), N);
        assert_int_equal(w.fixed, cases[i].activation == 0 && cases[i].preset != GMLP_PRESET_PAPER);
        assert_int_equal(gmlp_net_section_set(&net, 9, base_data, 255), GMLP_OK);
        compare(&net, 0.7, cases[i].tolerance);
        gmlp_net_free(&net);
    }
}

/* A net of these weights' shape, for all pixels; they are 0. */
static gmlp_net bare_net(int inputs, int width, int bias, int windows) {
    gmlp_net net;
    int c;
    memset(&net, 0, sizeof net);
    net.method = GMLP_METHOD_RESIDUAL, net.wide_space = GMLP_PROPHOTO, net.base_space = GMLP_SRGB;
    net.inputs = inputs, net.mask = GMLP_MASK_ALL, net.weight_format = GMLP_WEIGHTS_F32;
    net.mlp.width = width, net.mlp.bias = bias;
    memset(net.mlp.frequencies + 2, 1, 3 + 3 * (size_t)windows);
    for (c = 0; c < windows; c++) net.radius[c] = (uint8_t)(1 + 2 * c);
    net.width = net.base_width = W, net.height = net.base_height = H;
    net.coords.col_step = net.coords.row_step = 1;
    return net;
}

/* Brings the last layer to outputs that light can show: towards black by size at most. */
static void show(gmlp_net *net, double size) {
    static uint8_t bytes[WEIGHTS * 4 + 200];
    const size_t n = gmlp_mlp_weights(&net->mlp);
    double largest = 1e-30;
    size_t i, length;
    int c, x;
    assert_int_equal(gmlp_blob_write(net, bytes, sizeof bytes, &length), GMLP_OK);
    read_blob(&b, bytes, length);
    make_whole(&b, &w);
    for (x = 0; x < W; x++) {
        double v[3];
        float o[3];
        decode_pixel(&b, &w, base_data, x, x % H, 1, v, o);
        for (c = 0; c < 3; c++)
            if (fabs((double)o[c]) > fabs(largest)) largest = (double)o[c];
    }
    for (i = n - 3 - 3 * (size_t)net->mlp.width; i < n - 3; i++) net->weights[i] *= (float)(-size / largest);
}

/* Weights of wildly different sizes, many of one sign. */
static void odd_weights(void **state) {
    int turn;
    gmlp_image base, wide;
    (void)state;
    make_pictures(&base, &wide);
    for (turn = 0; turn < 60; turn++) {
        const int spread = 1 + turn % 20;
        gmlp_net net = bare_net(turn % 2 ? GMLP_INPUT_HALF : GMLP_INPUT_CODES, 8 << draw() % 5, turn % 7 == 6, turn % 3);
        size_t i, n;
        net.mlp.frequencies[0] = (uint8_t)(draw() % 3), net.mlp.frequencies[1] = (uint8_t)(draw() % 3);
        n = gmlp_mlp_weights(&net.mlp);
        net.weights = (float *)calloc(n, sizeof(float));
        for (i = 0; i < n - 3; i++) {
            const double v = ldexp(1 + (double)(draw() % 1000) / 1000, (int)(draw() % (unsigned)spread) - spread / 2 - 3);
            net.weights[i] = (float)(draw() % 8 ? v : -v);
        }
        if (net.mlp.bias) memset(net.weights + n - 3 - 4 * (size_t)net.mlp.width, 0, (size_t)net.mlp.width * sizeof(float));
        show(&net, 0.5);
        assert_int_equal(compare(&net, 0, 2e-6), N);
        gmlp_net_free(&net);
    }
}

/* Networks that say something on white alone, where a bias leaves less and less of all neurons: at some point that is
   too little for whole numbers. With two loud neurons among them these are enough, but many roundings need more room. */
static void roundings(void **state) {
    enum { WIDTH = 128, INPUTS = 9 };
    double left;
    int loud, fixed = 0, floats = 0, more = 0;
    (void)state;
    memset(base_data, 255, sizeof base_data);
    for (loud = 0; loud <= 2; loud += 2)
        for (left = 0.5; left > 1e-6; left *= 0.5) {
            gmlp_net net = bare_net(GMLP_INPUT_HALF, WIDTH, 0, 2);
            float *const w1 = net.weights = (float *)calloc(gmlp_mlp_weights(&net.mlp), sizeof(float)), *const b1 = w1 + 2 * INPUTS * WIDTH,
                  *const w2 = b1 + WIDTH, *const w3 = w2 + WIDTH * WIDTH + WIDTH;
            int i, j;
            for (j = 0; j < WIDTH; j++) {
                const float size = 1.0f + (float)j / WIDTH;
                b1[j] = j < loud ? 1 : (float)((left - 1) * INPUTS) * size;
                for (i = 0; i < INPUTS && j >= loud; i++) w1[2 * i * WIDTH + j] = size; /* the sines: 1 on white */
                for (i = 0; i < WIDTH; i++) w2[j * WIDTH + i] = j < loud ? 1 : (1.0f - (float)i / 512) / (2 * INPUTS * size);
                for (i = 0; i < 3; i++) w3[3 * j + i] = 0.1f;
            }
            show(&net, 0.5);
            assert_int_equal(compare(&net, 0, 1e-6), N);
            assert_true(w.fixed || !loud);
            assert_true(!w.fixed || loud || !floats); /* where the one ends, the other begins */
            fixed += w.fixed, floats += !w.fixed, more += w.more;
            gmlp_net_free(&net);
        }
    assert_true(fixed > 22 && floats > 5 && more > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(wide_gamut), cmocka_unit_test(high_dynamic_range), cmocka_unit_test(odd_weights),
                                       cmocka_unit_test(roundings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
