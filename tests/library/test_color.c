/* >>color: matrices and curves against published values, Little-CMS and libm; conversion of rows
   against the exact curves, and across instruction sets. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include <fenv.h>
#include <lcms2.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const int isas[] = {GMLP_ISA_SCALAR, GMLP_ISA_AVX2,  GMLP_ISA_AVX512,
                           GMLP_ISA_NEON,   GMLP_ISA_SSE41, GMLP_ISA_WASM};
static const int spaces[] = {GMLP_SRGB, GMLP_P3, GMLP_ADOBERGB, GMLP_PROPHOTO, GMLP_REC2020, GMLP_REC709, GMLP_REC2020_PQ,
                             GMLP_REC2020_HLG, GMLP_ACES2065_1, GMLP_ACESCG, GMLP_SRGB_LINEAR, GMLP_P3_LINEAR,
                             GMLP_ADOBERGB_LINEAR, GMLP_PROPHOTO_LINEAR, GMLP_REC2020_LINEAR};
enum { SPACES = sizeof spaces / sizeof *spaces };

/* The space's light. */
static int linear_of(int space) {
    if (space == GMLP_REC709) return GMLP_SRGB_LINEAR;
    if (space >= GMLP_REC2020 && space <= GMLP_REC2020_HLG) return GMLP_REC2020_LINEAR;
    return space < GMLP_REC2020 ? space + GMLP_LINEAR : space;
}

static uint32_t seed = 1;
static uint32_t draw(void) {
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static void close_to(double a, double b, double tolerance) {
    if (!(fabs(a - b) <= tolerance)) {
        print_error("%.17g is not %.17g\n", a, b);
        fail();
    }
}

static gmlp_image view(void *data, uint32_t w, uint32_t h, int type, int channels, int space) {
    gmlp_image im = {data, w, h, 0, type, channels, space, 0};
    return im;
}

static gmlp_convert_opts on(int isa) {
    gmlp_convert_opts o = {0};
    o.isa = isa;
    return o;
}

/* Matrices. */

static void matrices_to_xyz_are_those_of_css_color_4(void **state) {
    static const struct {
        int space;
        double m[9];
    } css[] = {
        {GMLP_SRGB, {506752. / 1228815, 87881. / 245763, 12673. / 70218, 87098. / 409605, 175762. / 245763, 12673. / 175545,
                     7918. / 409605, 87881. / 737289, 1001167. / 1053270}},
        {GMLP_P3, {608311. / 1250200, 189793. / 714400, 198249. / 1000160, 35783. / 156275, 247089. / 357200, 198249. / 2500400,
                   0, 32229. / 714400, 5220557. / 5000800}},
        {GMLP_ADOBERGB, {573536. / 994567, 263643. / 1420810, 187206. / 994567, 591459. / 1989134, 6239551. / 9945670,
                         374412. / 4972835, 53769. / 1989134, 351524. / 4972835, 4929758. / 4972835}},
        {GMLP_REC2020, {63426534. / 99577255, 20160776. / 139408157, 47086771. / 278816314, 26158966. / 99577255,
                        472592308. / 697040785, 8267143. / 139408157, 0, 19567812. / 697040785, 295819943. / 278816314}}};
    double m[9];
    (void)state;
    for (size_t s = 0; s < sizeof css / sizeof *css; s++) {
        assert_int_equal(gmlp_space_to_xyz(css[s].space, m), GMLP_OK);
        for (int i = 0; i < 9; i++) close_to(m[i], css[s].m[i], 1e-14);
    }
}

/* colour-science 0.4.7, matrix_RGB_to_RGB with derived matrices. */
static void matrices_between_spaces_are_those_of_colour_science(void **state) {
    static const struct {
        int from, to, adaptation;
        double m[9];
    } known[] = {
        {GMLP_PROPHOTO, GMLP_SRGB, GMLP_BRADFORD,
         {2.034367543477799, -0.7276344741733601, -0.30673306930443867, -0.2288267981953876, 1.2317533962262321,
          -0.00292659803084472, -0.008558424336656536, -0.15326820352831466, 1.1618266278649714}},
        {GMLP_PROPHOTO, GMLP_SRGB, GMLP_CAT02,
         {2.0367961851185723, -0.7376319303329022, -0.299164254785672, -0.2258560662274876, 1.2231636464534614,
          0.002692419774026918, -0.010602598472401492, -0.13486068065480147, 1.1454632791272028}},
        {GMLP_P3, GMLP_SRGB, GMLP_BRADFORD,
         {1.2249401762805594, -0.22494017628055954, 0, -0.042056954709688156, 1.0420569547096883, 0,
          -0.019637554590334443, -0.07863604555063182, 1.0982736001409663}},
        {GMLP_ACES2065_1, GMLP_SRGB, GMLP_BRADFORD,
         {2.521686186743884, -1.1341309882397193, -0.38755519850416353, -0.2764799142299221, 1.3727190876682558,
          -0.09623917343833391, -0.015378064966034166, -0.15297533586739864, 1.1683534008334329}},
        {GMLP_ACESCG, GMLP_REC2020, GMLP_CAT02,
         {1.0260187081563574, -0.022165544802245363, -0.003853163354112322, -0.0017230808290623304, 1.00231907159084,
          -0.0005959907617778608, -0.005109927752406124, -0.02163555036917215, 1.0267454781215783}}};
    double m[9];
    (void)state;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        assert_int_equal(gmlp_space_matrix(known[k].from, known[k].to, known[k].adaptation, m), GMLP_OK);
        for (int i = 0; i < 9; i++) close_to(m[i], known[k].m[i], 2e-14);
    }
}

static void a_matrix_times_its_inverse_is_the_identity(void **state) {
    double a[9], b[9];
    (void)state;
    for (int from = 0; from < SPACES; from++)
        for (int to = 0; to < SPACES; to++)
            for (int adaptation = 0; adaptation < 2; adaptation++) {
                assert_int_equal(gmlp_space_matrix(spaces[from], spaces[to], adaptation, a), GMLP_OK);
                assert_int_equal(gmlp_space_matrix(spaces[to], spaces[from], adaptation, b), GMLP_OK);
                for (int i = 0; i < 3; i++) {
                    close_to(a[3 * i] + a[3 * i + 1] + a[3 * i + 2], 1.0, 1e-13); /* white stays white */
                    for (int j = 0; j < 3; j++)
                        close_to(a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j], i == j, 1e-12);
                }
            }
}

static void matrices_agree_with_little_cms(void **state) {
    static const int pairs[][2] = {{GMLP_PROPHOTO, GMLP_SRGB}, {GMLP_ACESCG, GMLP_P3}, {GMLP_ADOBERGB, GMLP_REC2020}};
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        cmsHPROFILE profile[2];
        double m[9];
        for (int i = 0; i < 2; i++) {
            const double *c = gmlp__spaces[pairs[k][i]].xy;
            const cmsCIExyY white = {c[6], c[7], 1};
            const cmsCIExyYTRIPLE p = {{c[0], c[1], 1}, {c[2], c[3], 1}, {c[4], c[5], 1}};
            cmsToneCurve *linear = cmsBuildGamma(NULL, 1.0), *curves[3] = {linear, linear, linear};
            profile[i] = cmsCreateRGBProfile(&white, &p, curves);
            cmsFreeToneCurve(linear);
        }
        cmsHTRANSFORM t = cmsCreateTransform(profile[0], TYPE_RGB_DBL, profile[1], TYPE_RGB_DBL, INTENT_RELATIVE_COLORIMETRIC,
                                             cmsFLAGS_NOOPTIMIZE | cmsFLAGS_NOCACHE);
        assert_non_null(t);
        gmlp_space_matrix(pairs[k][0], pairs[k][1], GMLP_BRADFORD, m);
        for (int j = 0; j < 3; j++) {
            const double in[3] = {j == 0, j == 1, j == 2};
            double out[3] = {0};
            cmsDoTransform(t, in, out, 1);
            for (int i = 0; i < 3; i++) close_to(out[i], m[3 * i + j], 3e-4); /* profiles hold 16.16 numbers and a rounded D50 */
        }
        cmsDeleteTransform(t);
        cmsCloseProfile(profile[0]);
        cmsCloseProfile(profile[1]);
    }
}

static void names_go_both_ways(void **state) {
    (void)state;
    for (int s = 0; s < SPACES; s++) {
        double xy[2];
        assert_int_equal(gmlp_space_from_name(gmlp_space_name(spaces[s])), spaces[s]);
        assert_int_equal(gmlp_space_is_linear(spaces[s]), spaces[s] >= GMLP_ACES2065_1 && spaces[s] != GMLP_REC709);
        assert_int_equal(gmlp_space_white(spaces[s], xy), GMLP_OK);
    }
    assert_string_equal(gmlp_space_name(GMLP_REC2020_HLG), "rec2020hlg");
    assert_string_equal(gmlp_space_name(GMLP_PROPHOTO_LINEAR), "prophoto-linear");
    assert_null(gmlp_space_name(0));
    assert_string_equal(gmlp_space_name(GMLP_SYCC), "sycc");
    assert_null(gmlp_space_name(12));
    assert_null(gmlp_space_name(70));
    assert_int_equal(gmlp_space_from_name("rec601"), GMLP_SPACE_NONE);
    assert_int_equal(gmlp_space_from_name(NULL), GMLP_SPACE_NONE);
}

/* Curves. */

static void curves_pass_through_published_points(void **state) {
    static const struct {
        int space;
        double linear, code, tolerance;
    } points[] = {
        {GMLP_SRGB, 0.21404114048223255, 0.5, 1e-15},   /* CSS Color 4 sample code */
        {GMLP_SRGB, 0.002 / 12.92, 0.002, 1e-17},
        {GMLP_P3, 0.18, 0.46135612950044164, 1e-15},
        {GMLP_ADOBERGB, 0.25, 0.53240135408400679, 1e-15}, /* 0.25^(256/563) */
        {GMLP_PROPHOTO, 0.001, 0.016, 1e-16},           /* ISO 22028-2: 16 x below 1/512 */
        {GMLP_PROPHOTO, 0.18, 0.3857114247511376, 1e-15},
        {GMLP_REC2020, 0.01, 0.045, 1e-16},
        {GMLP_REC2020, 0.18, 0.40884640249350, 1e-5},   /* the 12-bit system's rounded constants */
        {GMLP_REC2020_PQ, 0.1 / 203, 0.06233686566269587, 3e-14}, /* ST 2084: nits to code; a power of 78.8 of what was rounded */
        {GMLP_REC2020_PQ, 1.0 / 203, 0.14994573210018022, 3e-14},
        {GMLP_REC2020_PQ, 100.0 / 203, 0.508078421517399, 3e-14},
        {GMLP_REC2020_PQ, 1.0, 0.5806888810416109, 3e-14},
        {GMLP_REC2020_PQ, 1000.0 / 203, 0.751827096247041, 3e-14},
        {GMLP_REC2020_PQ, 10000.0 / 203, 1.0, 3e-14},
        {GMLP_REC2020_HLG, 1.0 / 12, 0.5, 1e-15},       /* BT.2100 */
        {GMLP_REC2020_HLG, 0.18, 0.6723581321276545, 1e-8},
        {GMLP_REC2020_HLG, 1.0, 1.0, 1e-7},
        {GMLP_ACESCG, 3.5, 3.5, 0}, {GMLP_PROPHOTO_LINEAR, -0.5, -0.5, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        close_to(gmlp_curve_encode(points[i].space, points[i].linear, 0), points[i].code, points[i].tolerance);
        close_to(gmlp_curve_encode(points[i].space, gmlp_curve_decode(points[i].space, points[i].code, 0), 0), points[i].code, 1e-13);
    }
    close_to(gmlp_curve_encode(GMLP_REC2020_PQ, 1.0, 100), 0.508078421517399, 3e-14);
}

static void curves_go_there_and_back(void **state) {
    (void)state;
    for (int s = 0; s < SPACES; s++) {
        for (double x = 1e-7; x < 4; x *= 1.0037) {
            const double code = gmlp_curve_encode(spaces[s], x, 0);
            if (spaces[s] == GMLP_REC2020_PQ && x < 1e-4) continue; /* steep: digits are lost in the code */
            close_to(gmlp_curve_decode(spaces[s], code, 0) / x, 1.0, 2e-13);
            close_to(gmlp_curve_encode(spaces[s], -x, 0), -code, 0);
        }
        close_to(gmlp_curve_decode(spaces[s], 0, 0), 0, 0);
        assert_true(isnan(gmlp_curve_decode(spaces[s], NAN, 0)));
        assert_true(gmlp_curve_encode(spaces[s], INFINITY, 0) == INFINITY);
    }
}

static void curves_agree_with_little_cms(void **state) {
    const double srgb[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
    const double romm[5] = {1.8, 1, 0, 1 / 16.0, 1 / 32.0};
    cmsToneCurve *s = cmsBuildParametricToneCurve(NULL, 4, srgb), *r = cmsBuildParametricToneCurve(NULL, 4, romm);
    (void)state;
    for (int i = 0; i <= 1000; i++) {
        const double x = i / 1000.0;
        close_to(gmlp_curve_decode(GMLP_SRGB, x, 0), cmsEvalToneCurveFloat(s, (float)x), 2e-7);
        close_to(gmlp_curve_decode(GMLP_PROPHOTO, x, 0), cmsEvalToneCurveFloat(r, (float)x), 2e-7);
    }
    cmsFreeToneCurve(s);
    cmsFreeToneCurve(r);
}

static void own_logarithm_and_power_agree_with_libm(void **state) {
    (void)state;
    for (double x = 1e-300; x < 1e300; x *= 1.37) {
        close_to(gmlp__log2(x), log2(x), 4e-16 * (1 + fabs(log2(x))));
        close_to(gmlp__pow(x, 0.37) / pow(x, 0.37), 1, 1e-13);
    }
    for (double x = 0.2; x < 5; x *= 1.0007) {
        close_to(gmlp__pow(x, 2.4) / pow(x, 2.4), 1, 4e-15);
        close_to(gmlp__exp2(x) / exp2(x), 1, 1e-15);
        close_to(gmlp__exp2(-x) / exp2(-x), 1, 1e-15);
    }
    assert_true(gmlp__exp2(-2000) == 0 && gmlp__pow(0, 2) == 0);
}

static void float_curves_keep_two_millionths(void **state) {
    (void)state;
    for (int s = 0; s < 7; s++)
        for (int encode = 0; encode < 2; encode++) {
            const double bottom = spaces[s] >= GMLP_REC2020_PQ && !encode ? 1e-5 : 1e-9;
            const double end = spaces[s] == GMLP_REC2020_PQ ? (encode ? 49 : 1) : spaces[s] == GMLP_REC2020_HLG ? (encode ? 12 : 1.9) : 1e6;
            gmlp__curve c;
            void *memory = malloc(gmlp__curve_bytes(spaces[s], encode) + 1);
            gmlp__curve_init(&c, spaces[s], encode, 203, memory);
            for (double x = bottom; x < end; x *= 1.01) {
                float in[16], out[16], first[16];
                for (int i = 0; i < 16; i++) in[i] = (float)(x * (1 + i * 6e-4)) * (i & 1 ? -1.0f : 1.0f);
                for (size_t k = 0; k < 4; k++) {
                    if (!gmlp_isa_available(isas[k])) continue;
                    gmlp__select(isas[k])->curve(&c, in, out, 16, 0);
                    if (k == 0) memcpy(first, out, sizeof out);
                    else assert_memory_equal(first, out, sizeof out);
                }
                for (int i = 0; i < 16; i++) {
                    const double exact = (encode ? gmlp_curve_encode : gmlp_curve_decode)(spaces[s], in[i], 0);
                    close_to(out[i] / exact, 1, 2e-6);
                }
            }
            free(memory);
        }
}

/* Half precision. */

static double half_value(uint16_t h) {
    const int e = h >> 10 & 31, m = h & 1023;
    const double v = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return h & 0x8000 ? -v : v;
}

static void halves_are_exact(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        const float v = gmlp_half_to_float((uint16_t)h);
        const double exact = half_value((uint16_t)h);
        uint32_t next = h + 1;
        if (isnan(exact)) {
            assert_true(isnan(v) && isnan(gmlp_half_to_float(gmlp_half_from_float(v))));
            continue;
        }
        assert_true(v == exact && !signbit(v) == !(h & 0x8000));
        assert_int_equal(gmlp_half_from_float(v), h);
        if ((h & 0x7fff) < 0x7c00) { /* the middle goes to the even neighbour, and each side to its own */
            const double after = (next & 0x7fff) == 0x7c00 ? (h & 0x8000 ? -65536.0 : 65536.0) : half_value((uint16_t)next);
            const float middle = (float)((exact + after) / 2);
            assert_int_equal(gmlp_half_from_float(middle), h & 1 ? next : h);
            assert_int_equal(gmlp_half_from_float(nextafterf(middle, (float)exact)), h);
            assert_int_equal(gmlp_half_from_float(nextafterf(middle, (float)after)), next);
        }
    }
    assert_int_equal(gmlp_half_from_float(1e30f), 0x7c00);
    assert_int_equal(gmlp_half_from_float(-INFINITY), 0xfc00);
}

static void half_rows_are_as_the_functions(void **state) {
    static uint16_t all[65536], out[65538];
    static float wide[65538], extra[3 * 700];
    uint16_t extra_out[3 * 700];
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) all[i] = (uint16_t)i;
    for (int i = 0; i < 3 * 700; i++) { /* any bits: all exponents, NaN, subnormal */
        const uint32_t bits = draw() << 8 ^ draw();
        memcpy(&extra[i], &bits, 4);
    }
    for (size_t k = 0; k < 4; k++) {
        gmlp_convert_opts o = on(isas[k]);
        gmlp_image h = view(all, 21845, 1, GMLP_F16, 3, GMLP_ACES2065_1), f = view(wide, 21845, 1, GMLP_F32, 3, GMLP_ACES2065_1);
        gmlp_image h2 = view(out, 21845, 1, GMLP_F16, 3, GMLP_ACES2065_1);
        gmlp_image e = view(extra, 700, 1, GMLP_F32, 3, GMLP_ACES2065_1), e2 = view(extra_out, 700, 1, GMLP_F16, 3, GMLP_ACES2065_1);
        if (!gmlp_isa_available(isas[k])) continue;
        assert_int_equal(gmlp_convert(&h, &f, &o), GMLP_OK);
        assert_int_equal(gmlp_convert(&f, &h2, &o), GMLP_OK);
        assert_int_equal(gmlp_convert(&e, &e2, &o), GMLP_OK);
        for (uint32_t i = 0; i < 65535; i++) {
            const float v = gmlp_half_to_float((uint16_t)i);
            if (isnan(v)) { /* one NaN for all */
                const uint32_t nan = 0x7fc00000u;
                assert_memory_equal(&nan, &wide[i], 4);
                assert_int_equal(out[i], 0x7e00);
                continue;
            }
            assert_memory_equal(&v, &wide[i], 4);
            assert_int_equal(out[i], i);
        }
        for (int i = 0; i < 3 * 700; i++)
            assert_int_equal(extra_out[i], isnan(extra[i]) ? 0x7e00 : gmlp_half_from_float(extra[i]));
    }
}

/* Conversion. */

static void every_code_survives(void **state) {
    static uint16_t in[65538], out[65538];
    static float wide[65538];
    uint8_t in8[258], out8[258];
    (void)state;
    for (uint32_t i = 0; i < 65538; i++) in[i] = (uint16_t)i;
    for (int i = 0; i < 258; i++) in8[i] = (uint8_t)i;
    for (int s = 0; s < SPACES; s++) {
        const int linear = linear_of(spaces[s]);
        /* grey, so that the system gamma of HLG meets a display light that the codes stand for */
        const gmlp_image f = view(wide, 21846, 1, GMLP_F32, 3, linear);
        gmlp_image a = view(in, 21846, 1, GMLP_U16, 3, spaces[s]), b = view(out, 21846, 1, GMLP_U16, 3, spaces[s]);
        gmlp_convert_opts o = {0};
        assert_int_equal(gmlp_convert(&a, &f, NULL), GMLP_OK);
        if (spaces[s] != GMLP_REC2020_HLG)
            for (uint32_t i = 0; i < 65536; i += 17) {
                const double exact = gmlp_curve_decode(spaces[s], i / 65535.0, 0);
                if (spaces[s] != GMLP_REC2020_PQ || i > 64) close_to(wide[i], exact, 2e-6 * exact);
            }
        for (o.round_down = 0; o.round_down < 2; o.round_down++) {
            assert_int_equal(gmlp_convert(&f, &b, &o), GMLP_OK);
            assert_memory_equal(in, out, 65536 * 2);
        }
        for (o.round_down = 0; o.round_down < 2; o.round_down++) {
            gmlp_image a8 = view(in8, 86, 1, GMLP_U8, 3, spaces[s]), b8 = view(out8, 86, 1, GMLP_U8, 3, spaces[s]);
            gmlp_image f8 = view(wide, 86, 1, GMLP_F32, 3, linear);
            assert_int_equal(gmlp_convert(&a8, &f8, NULL), GMLP_OK);
            if (spaces[s] != GMLP_REC2020_HLG)
                for (int i = 0; i < 256; i++) {
                    const float exact = (float)gmlp_curve_decode(spaces[s], i / 255.0, 0);
                    assert_true(wide[i] == exact);
                }
            if (o.round_down && spaces[s] == GMLP_REC2020_HLG) continue; /* its system gamma costs the last digits */
            assert_int_equal(gmlp_convert(&f8, &b8, &o), GMLP_OK);
            assert_memory_equal(in8, out8, 256);
        }
    }
}

/* Floats on both sides of every border between two codes, and everything between. */
static void eight_bits_round_as_the_exact_curve(void **state) {
    enum { PIXELS = 4096 };
    static float light[3 * PIXELS];
    uint8_t out[3 * PIXELS];
    (void)state;
    for (int s = 0; s < 6; s++) {
        gmlp_image f = view(light, PIXELS, 1, GMLP_F32, 3, linear_of(spaces[s]));
        gmlp_image b = view(out, PIXELS, 1, GMLP_U8, 3, spaces[s]);
        for (int truncate = 0; truncate < 2; truncate++) {
            int n = 0;
            for (int code = 0; code < 256; code++) {
                float v = (float)gmlp_curve_decode(spaces[s], (code + (truncate ? 0 : 0.5)) / 255, 0);
                for (int i = -4; i <= 4; i++) light[n++] = (float)(v * (1 + i * 6e-8));
            }
            while (n < 3 * PIXELS) light[n++] = (float)pow((draw() & 0xffff) / 65536.0, 2.2);
            for (size_t k = 0; k < 4; k++) {
                gmlp_convert_opts o = on(isas[k]);
                if (!gmlp_isa_available(isas[k])) continue;
                o.round_down = truncate;
                assert_int_equal(gmlp_convert(&f, &b, &o), GMLP_OK);
                for (int i = 0; i < n; i++) {
                    const double exact = gmlp_curve_encode(spaces[s], light[i], 0) * 255;
                    double want = truncate ? floor(exact) : floor(exact + 0.5);
                    /* the float next to a code is taken for the code */
                    if (truncate && light[i] == (float)gmlp_curve_decode(spaces[s], (want + 1) / 255, 0)) want++;
                    if (want > 255) want = 255;
                    if (!truncate && fabs(exact - floor(exact) - 0.5) < 1e-12) continue;
                    if (out[i] != want) print_error("space %d light %.9g\n", spaces[s], (double)light[i]);
                    assert_int_equal(out[i], (int)want);
                }
            }
        }
    }
}

/* 75 % HLG is 203 cd/m2 on a display of 1000 (BT.2408), and colour-science has the colour. */
static void hlg_is_display_referred(void **state) {
    float code[6] = {0.75f, 0.75f, 0.75f, 0.5f, 0.25f, 0.75f}, light[6], back[6];
    gmlp_image a = view(code, 2, 1, GMLP_F32, 3, GMLP_REC2020_HLG), b = view(light, 2, 1, GMLP_F32, 3, GMLP_REC2020_LINEAR);
    gmlp_image c = view(back, 2, 1, GMLP_F32, 3, GMLP_REC2020_HLG);
    const double nits[6] = {203.152145937545, 203.152145937545, 203.152145937545, 46.085624900272, 11.521406225068, 146.531582066137};
    (void)state;
    assert_int_equal(gmlp_convert(&a, &b, NULL), GMLP_OK);
    assert_int_equal(gmlp_convert(&b, &c, NULL), GMLP_OK);
    for (int i = 0; i < 6; i++) {
        close_to(light[i] * 203, nits[i], nits[i] * 2e-6);
        close_to(back[i], code[i], 1e-6);
    }
}

static void values_outside_survive_in_floats(void **state) {
    float in[18] = {-0.5f, 1.5f, 0.25f, 40.0f, -1e-3f, 0.0f, 1e-30f, -1e-30f, 1.0f}, mid[18], out[18];
    (void)state;
    for (int s = 0; s < 5; s++) {
        gmlp_image a = view(in, 3, 1, GMLP_F32, 3, GMLP_ACESCG), b = view(mid, 3, 1, GMLP_F32, 3, spaces[s]);
        gmlp_image c = view(out, 3, 1, GMLP_F32, 3, GMLP_ACESCG);
        assert_int_equal(gmlp_convert(&a, &b, NULL), GMLP_OK);
        assert_int_equal(gmlp_convert(&b, &c, NULL), GMLP_OK);
        for (int i = 0; i < 9; i++) close_to(out[i], in[i], 4e-6 * (1 + 40.0 * (i > 2 && i < 6)));
    }
}

static void not_a_number_and_infinity_have_their_place(void **state) {
    float in[6] = {NAN, INFINITY, -INFINITY, 0.5f, -0.5f, 2.0f};
    const int types[2] = {GMLP_U8, GMLP_U16};
    (void)state;
    for (int s = 0; s < 5; s++)
        for (size_t k = 0; k < 4; k++) {
            gmlp_image f = view(in, 2, 1, GMLP_F32, 3, spaces[s] + GMLP_LINEAR);
            gmlp_convert_opts o = on(isas[k]);
            float curved[6];
            gmlp_image c = view(curved, 2, 1, GMLP_F32, 3, spaces[s]);
            if (!gmlp_isa_available(isas[k])) continue;
            for (int t = 0; t < 2; t++) {
                uint16_t out[6] = {0};
                gmlp_image b = view(out, 2, 1, types[t], 3, spaces[s]);
                const int full = t ? 65535 : 255;
                assert_int_equal(gmlp_convert(&f, &b, &o), GMLP_OK);
                for (int i = 0; i < 6; i++) {
                    const int v = t ? out[i] : ((uint8_t *)out)[i];
                    if (i == 3) assert_int_equal(v, (int)(gmlp_curve_encode(spaces[s], 0.5, 0) * full + 0.5));
                    else assert_int_equal(v, i == 1 || i == 5 ? full : 0);
                }
            }
            assert_int_equal(gmlp_convert(&f, &c, &o), GMLP_OK);
            assert_true(isnan(curved[0]) && curved[1] == INFINITY && curved[2] == -INFINITY && curved[4] == -curved[3]);
        }
}

/* Any layout on any instruction set gives the bytes that packed rows give on the scalar one, and
   nothing is written beside the pixels. */
static void layouts_and_instruction_sets_agree(void **state) {
    static const uint32_t widths[] = {1, 2, 3, 7, 15, 16, 17, 31, 33, 255, 256, 257, 273, 530};
    enum { ROWS = 3, ROOM = 530 * 4 * 4 + 64 };
    static unsigned char source[ROWS * ROOM], packed[ROWS * ROOM], wanted[ROWS * ROOM], got[ROWS * ROOM];
    (void)state;
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (int from = 1; from <= 4; from++)
            for (int to = 1; to <= 4; to++)
                for (int layout = 0; layout < 4; layout++) {
                    const uint32_t width = widths[w];
                    const int space = spaces[draw() % SPACES], target = spaces[draw() % SPACES];
                    const int in_channels = layout & 1 ? 4 : 3, out_channels = layout & 2 ? 4 : 3;
                    const size_t in = gmlp_pixel_size(from, in_channels), out = gmlp_pixel_size(to, out_channels);
                    const size_t in3 = gmlp_pixel_size(from, 3), out3 = gmlp_pixel_size(to, 3);
                    const size_t stride = ROOM - 16; /* keeps floats aligned */
                    const int up = draw() & 1;
                    gmlp_convert_opts o = {0};
                    for (size_t i = 0; i < ROWS * (size_t)ROOM; i++) source[i] = (unsigned char)draw();
                    if (from == GMLP_F32) /* plausible light, and the odd NaN */
                        for (size_t i = 0; i + 4 <= ROWS * (size_t)ROOM; i += 4) {
                            const float v = draw() % 50 ? (float)(draw() % 5000) / 4000.0f - 0.1f : NAN;
                            memcpy(source + i, &v, 4);
                        }
                    for (size_t y = 0; y < ROWS; y++)
                        for (size_t x = 0; x < width; x++)
                            memcpy(packed + (y * width + x) * in3, source + y * stride + x * in, in3);
                    gmlp_image a = view(packed, width, ROWS, from, 3, space), b = view(wanted, width, ROWS, to, 0, target);
                    o.isa = GMLP_ISA_SCALAR;
                    o.round_down = draw() & 1;
                    o.adaptation = draw() & 1;
                    o.alpha = GMLP_ALPHA_KEEP;
                    assert_int_equal(gmlp_convert(&a, &b, &o), GMLP_OK);
                    for (size_t k = 0; k < 4; k++) {
                        if (!gmlp_isa_available(isas[k])) continue;
                        gmlp_image c = view(source, width, ROWS, from, in_channels, space);
                        gmlp_image d = view(got, width, ROWS, to, out_channels, target);
                        c.stride = (ptrdiff_t)stride;
                        d.stride = (ptrdiff_t)stride;
                        if (up) {
                            d.data = got + 2 * stride;
                            d.stride = -(ptrdiff_t)stride;
                        }
                        o.isa = isas[k];
                        memset(got, 0xa5, sizeof got);
                        assert_int_equal(gmlp_convert(&c, &d, &o), GMLP_OK);
                        for (size_t y = 0; y < ROWS; y++) {
                            unsigned char *row = got + (up ? 2 - y : y) * stride;
                            for (size_t x = 0; x < width; x++) {
                                assert_memory_equal(row + x * out, wanted + (y * width + x) * out3, out3);
                                for (size_t i = out3; i < out; i++) assert_int_equal(row[x * out + i], 0xa5);
                            }
                            for (size_t i = width * out; i < stride; i++) assert_int_equal(row[i], 0xa5);
                        }
                    }
                }
}

/* 8-bit rows to 16-bit ones have a way of their own, which must end where the exact curves do, and but for
   a last digit where the way over linear light does. */
static void the_short_way_ends_where_the_long_one_does(void **state) {
    static const int from[] = {GMLP_SRGB, GMLP_P3, GMLP_ADOBERGB, GMLP_PROPHOTO, GMLP_REC2020, GMLP_REC2020_PQ, GMLP_SRGB_LINEAR};
    static const int to[] = {GMLP_PROPHOTO, GMLP_SRGB, GMLP_P3, GMLP_REC2020};
    static const uint32_t widths[] = {1, 15, 16, 17, 47, 48, 49, 63, 64, 65, 1000};
    enum { N = 1000 };
    static uint8_t in[3 * N];
    static uint16_t whole[3 * N], part[3 * N], narrow[3 * N];
    static float light[3 * N];
    (void)state;
    for (int i = 0; i < 3 * N; i++) in[i] = (uint8_t)(draw() % 3 ? draw() : draw() % 13); /* many below the toes' ends */
    for (size_t f = 0; f < sizeof from / sizeof *from; f++)
        for (size_t t = 0; t < 4; t++) {
            const gmlp_image a = view(in, N, 1, GMLP_U8, 3, from[f]), b = view(whole, N, 1, GMLP_U16, 3, to[t]);
            const gmlp_image l = view(light, N, 1, GMLP_F32, 3, to[t] + GMLP_LINEAR), c = view(narrow, N, 1, GMLP_U16, 3, to[t]);
            double m[9];
            int other = 0;
            gmlp_space_matrix(from[f], to[t], 0, m);
            assert_int_equal(gmlp_convert(&a, &b, NULL), GMLP_OK);
            assert_int_equal(gmlp_convert(&a, &l, NULL), GMLP_OK);
            assert_int_equal(gmlp_convert(&l, &c, NULL), GMLP_OK);
            for (int i = 0; i < N; i++) {
                double linear[3];
                for (int k = 0; k < 3; k++) linear[k] = gmlp_curve_decode(from[f], in[3 * i + k] / 255.0, 0);
                for (int k = 0; k < 3; k++) {
                    const double v = m[3 * k] * linear[0] + m[3 * k + 1] * linear[1] + m[3 * k + 2] * linear[2];
                    const double exact = 65535 * gmlp_curve_encode(to[t], v < 0 ? 0 : v > 1 ? 1 : v, 0);
                    if (from[f] != GMLP_REC2020_PQ) close_to(whole[3 * i + k], exact, 0.55); /* beyond 1 rounding grows */
                    close_to(whole[3 * i + k], narrow[3 * i + k], 1);
                    other += whole[3 * i + k] != narrow[3 * i + k];
                }
            }
            if (from[f] != GMLP_REC2020_PQ) assert_true(other < 3 * N / 100);
            for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
                for (size_t k = 0; k < 4; k++) {
                    const gmlp_image some = view(in, widths[w], 1, GMLP_U8, 3, from[f]);
                    const gmlp_image out = view(part, widths[w], 1, GMLP_U16, 3, to[t]);
                    const gmlp_convert_opts o = on(isas[k]);
                    if (!gmlp_isa_available(isas[k])) continue;
                    assert_int_equal(gmlp_convert(&some, &out, &o), GMLP_OK);
                    assert_memory_equal(part, whole, widths[w] * 6);
                }
        }
}

static void a_picture_may_be_converted_in_place(void **state) {
    enum { N = 300 * 2 * 3 };
    static uint16_t a[N], b[N], wanted[N];
    gmlp_image in = view(a, 300, 2, GMLP_U16, 3, GMLP_PROPHOTO), out = view(wanted, 300, 2, GMLP_U16, 3, GMLP_P3);
    gmlp_image b_in = view(b, 300, 2, GMLP_U16, 3, GMLP_PROPHOTO), b_out = view(b, 300, 2, GMLP_U16, 3, GMLP_P3);
    (void)state;
    for (int i = 0; i < N; i++) a[i] = b[i] = (uint16_t)draw();
    assert_int_equal(gmlp_convert(&in, &out, NULL), GMLP_OK);
    assert_int_equal(gmlp_convert(&b_in, &b_out, NULL), GMLP_OK);
    assert_memory_equal(b, wanted, sizeof b);
}

static void backwards(void *user, void (*job)(void *, size_t), void *ctx, size_t count) {
    *(size_t *)user += count;
    while (count) job(ctx, --count);
}

/* Jobs in another order, and a caller who rounds upwards, change nothing. */
static void threads_and_rounding_modes_change_nothing(void **state) {
    enum { W = 40, H = 200 };
    static uint16_t in[W * H * 3];
    static uint8_t a[W * H * 3], b[W * H * 3];
    size_t jobs = 0;
    gmlp_image from = view(in, W, H, GMLP_U16, 3, GMLP_PROPHOTO), to = view(a, W, H, GMLP_U8, 3, GMLP_SRGB);
    gmlp_image to2 = view(b, W, H, GMLP_U8, 3, GMLP_SRGB);
    gmlp_convert_opts o = {0};
    double m[9], n[9];
    const double before = gmlp_curve_encode(GMLP_REC2020_PQ, 0.3, 0);
    (void)state;
    for (int i = 0; i < W * H * 3; i++) in[i] = (uint16_t)draw();
    assert_int_equal(gmlp_convert(&from, &to, &o), GMLP_OK);
    gmlp_space_matrix(GMLP_PROPHOTO, GMLP_SRGB, 0, m);
    o.threads.parallel_for = backwards;
    o.threads.user = &jobs;
    fesetround(FE_UPWARD);
    assert_int_equal(gmlp_convert(&from, &to2, &o), GMLP_OK);
    gmlp_space_matrix(GMLP_PROPHOTO, GMLP_SRGB, 0, n);
    assert_true(gmlp_curve_encode(GMLP_REC2020_PQ, 0.3, 0) == before);
    assert_int_equal(fegetround(), FE_UPWARD);
    fesetround(FE_TONEAREST);
    assert_true(jobs > 1);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_equal(m, n, sizeof m);
}

typedef struct failing {
    int left, live;
} failing;
static void *failing_alloc(void *user, size_t size) {
    failing *f = (failing *)user;
    if (f->left-- <= 0) return NULL;
    f->live++;
    return malloc(size);
}
static void failing_free(void *user, void *ptr, size_t size) {
    (void)size;
    ((failing *)user)->live--;
    free(ptr);
}

static void running_out_of_memory_is_reported(void **state) {
    uint16_t a[3] = {0}, b[3];
    gmlp_image in = view(a, 1, 1, GMLP_U16, 3, GMLP_REC2020_PQ), out = view(b, 1, 1, GMLP_U16, 3, GMLP_REC2020_HLG);
    gmlp_result result = GMLP_E_MEMORY;
    int n;
    (void)state;
    for (n = 0; result; n++) {
        failing f = {n, 0};
        gmlp_convert_opts o = {0};
        o.alloc.user = &f;
        o.alloc.alloc = failing_alloc;
        o.alloc.free = failing_free;
        result = gmlp_convert(&in, &out, &o);
        assert_true(result == GMLP_OK || result == GMLP_E_MEMORY);
        assert_int_equal(f.live, 0);
    }
    assert_int_equal(n, 2); /* one block */
}

static void wrong_arguments_are_refused(void **state) {
    uint8_t data[64] = {0};
    double m[9];
    const gmlp_image good = view(data, 2, 2, GMLP_U8, 3, GMLP_SRGB);
    gmlp_image bad;
    gmlp_convert_opts o;
    (void)state;
#define REFUSED(change, why)                                        \
    bad = good;                                                     \
    change;                                                         \
    assert_int_equal(gmlp_convert(&bad, &good, NULL), why);         \
    assert_int_equal(gmlp_convert(&good, &bad, NULL), why)
    REFUSED(bad.data = NULL, GMLP_E_ARGUMENT);
    REFUSED(bad.width = 0, GMLP_E_ARGUMENT);
    REFUSED(bad.height = 3, GMLP_E_ARGUMENT);
    REFUSED(bad.width = 65536, GMLP_E_LIMIT);
    REFUSED(bad.type = 0, GMLP_E_ARGUMENT);
    REFUSED(bad.type = 9, GMLP_E_ARGUMENT);
    REFUSED(bad.channels = 2, GMLP_E_ARGUMENT);
    REFUSED(bad.space = 0, GMLP_E_ARGUMENT);
    REFUSED(bad.space = 70, GMLP_E_ARGUMENT);
    REFUSED(bad.stride = 5, GMLP_E_ARGUMENT);
    REFUSED(bad.stride = -5, GMLP_E_ARGUMENT);
    REFUSED(bad.stride = PTRDIFF_MAX, GMLP_E_ARGUMENT); /* rows beyond all memory */
    REFUSED(bad.stride = PTRDIFF_MIN, GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_convert(NULL, &good, NULL), GMLP_E_ARGUMENT);
#define REFUSED_OPTION(change)                                      \
    memset(&o, 0, sizeof o);                                        \
    change;                                                         \
    assert_int_equal(gmlp_convert(&good, &good, &o), GMLP_E_ARGUMENT)
    REFUSED_OPTION(o.adaptation = 2);
    REFUSED_OPTION(o.isa = 9);
    REFUSED_OPTION(o.white_nits = -1);
    REFUSED_OPTION(o.white_nits = NAN);
    assert_int_equal(gmlp_space_matrix(0, 1, 0, m), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_space_matrix(1, 1, 2, m), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_space_to_xyz(64, m), GMLP_E_ARGUMENT);
    assert_int_equal(gmlp_space_white(-1, m), GMLP_E_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices_to_xyz_are_those_of_css_color_4),
        cmocka_unit_test(matrices_between_spaces_are_those_of_colour_science),
        cmocka_unit_test(a_matrix_times_its_inverse_is_the_identity),
        cmocka_unit_test(matrices_agree_with_little_cms),
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(curves_pass_through_published_points),
        cmocka_unit_test(curves_go_there_and_back),
        cmocka_unit_test(curves_agree_with_little_cms),
        cmocka_unit_test(own_logarithm_and_power_agree_with_libm),
        cmocka_unit_test(float_curves_keep_two_millionths),
        cmocka_unit_test(halves_are_exact),
        cmocka_unit_test(half_rows_are_as_the_functions),
        cmocka_unit_test(every_code_survives),
        cmocka_unit_test(eight_bits_round_as_the_exact_curve),
        cmocka_unit_test(hlg_is_display_referred),
        cmocka_unit_test(values_outside_survive_in_floats),
        cmocka_unit_test(not_a_number_and_infinity_have_their_place),
        cmocka_unit_test(layouts_and_instruction_sets_agree),
        cmocka_unit_test(the_short_way_ends_where_the_long_one_does),
        cmocka_unit_test(a_picture_may_be_converted_in_place),
        cmocka_unit_test(threads_and_rounding_modes_change_nothing),
        cmocka_unit_test(running_out_of_memory_is_reported),
        cmocka_unit_test(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
