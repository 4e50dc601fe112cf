/* What the numbers of a picture file mean, and the profiles that files are given. */
#include "made_icc.h"
#include "made_png.h"

#include <tiffio.h>

static const uint8_t sixteen[2][12] = { { 0, 0, 1, 0, 8, 0, 0xff, 0xff, 0x80, 0, 0x40, 0 },
                                        { 0xff, 0xff, 0, 0, 0, 0, 0x80, 0, 0x80, 0, 0x80, 0 } };

static void expect_space(const png_recipe *r, int from, int space, const char *said_by) {
    picture p = read_png(r, 2, 2, sixteen[0], 12, from);
    if (p.image.space != space || strcmp(p.space_from, said_by))
        fail_msg("expected %s by %s, got %s by %s", gmlp_space_name(space), said_by, gmlp_space_name(p.image.space), p.space_from);
    picture_free(&p);
}

static void who_says_the_space(void **state) {
    static const uint8_t pq[4] = { 9, 16, 0, 1 }, hlg[4] = { 9, 18, 0, 1 }, p3[4] = { 12, 13, 0, 1 }, video[4] = { 1, 1, 0, 1 },
                         unspecified[4] = { 2, 2, 0, 1 };
    cmsUInt32Number size;
    void *icc = make_icc(xy_adobe, 563.0 / 256, &size);
    png_recipe r;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 16;
    r.kind = PNG_COLOR_TYPE_RGB;
    expect_space(&r, 0, GMLP_SRGB, "assumed");
    r.gamma = 1 / 2.2;
    expect_space(&r, 0, GMLP_SRGB, "gAMA chunk");
    r.xy = xy_srgb;
    expect_space(&r, 0, GMLP_SRGB, "gAMA chunk");
    r.gamma = 1;
    expect_space(&r, 0, GMLP_SRGB_LINEAR, "gAMA chunk");
    r.xy = xy_p3;
    expect_space(&r, 0, GMLP_P3_LINEAR, "gAMA chunk");
    r.xy = NULL;
    r.gamma = 0;
    r.srgb = 1;
    expect_space(&r, 0, GMLP_SRGB, "sRGB chunk");
    r.srgb = 0;
    r.icc = icc;
    r.icc_size = size;
    expect_space(&r, 0, GMLP_ADOBERGB, "ICC profile");
    r.cicp = p3;
    expect_space(&r, 0, GMLP_P3, "cICP");
    r.cicp = hlg;
    expect_space(&r, 0, GMLP_REC2020_HLG, "cICP");
    r.cicp = pq;
    expect_space(&r, 0, GMLP_REC2020_PQ, "cICP");
    r.cicp = video;
    expect_space(&r, 0, GMLP_REC709, "cICP");
    r.cicp = unspecified; /* the profile is the next to ask */
    expect_space(&r, 0, GMLP_ADOBERGB, "ICC profile");
    expect_space(&r, GMLP_ACESCG, GMLP_ACESCG, "--from");
    free(icc);
}

static void known_profiles(void **state) {
    static const struct {
        const double *xy;
        double gamma;
        int space;
    } known[] = { { xy_srgb, 1, GMLP_SRGB_LINEAR }, { xy_p3, 1, GMLP_P3_LINEAR }, { xy_adobe, 1, GMLP_ADOBERGB_LINEAR },
                  { xy_romm, 1, GMLP_PROPHOTO_LINEAR }, { xy_adobe, 563.0 / 256, GMLP_ADOBERGB }, { xy_srgb, 2.4, GMLP_REC709 } };
    cmsUInt32Number size;
    cmsHPROFILE srgb = cmsCreate_sRGBProfile();
    void *icc;
    size_t i;
    png_recipe r;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 16;
    r.kind = PNG_COLOR_TYPE_RGB;
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        r.icc = icc = make_icc(known[i].xy, known[i].gamma, &size);
        r.icc_size = size;
        expect_space(&r, 0, known[i].space, "ICC profile");
        free(icc);
    }
    cmsSaveProfileToMem(srgb, NULL, &size);
    r.icc = icc = malloc(size);
    cmsSaveProfileToMem(srgb, icc, &size);
    r.icc_size = size;
    expect_space(&r, 0, GMLP_SRGB, "ICC profile");
    cmsCloseProfile(srgb);
    free(icc);
}

static double romm_encode(double light) { return light < 1 / 512.0 ? 16 * light : pow(light, 1 / 1.8); }

/* ROMM's primaries with a pure power are not ROMM: the toe differs. The codes are rewritten, in 16 bits. */
static void pure_power_romm(void **state) {
    cmsUInt32Number size;
    void *icc = make_icc(xy_romm, 1.8, &size);
    png_recipe r;
    picture p;
    int i;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 16;
    r.kind = PNG_COLOR_TYPE_RGB;
    r.icc = icc;
    r.icc_size = size;
    p = read_png(&r, 2, 2, sixteen[0], 12, 0);
    assert_int_equal(p.image.space, GMLP_PROPHOTO);
    assert_int_equal(p.image.type, GMLP_U16);
    for (i = 0; i < 12; i++) {
        const int code = sixteen[i / 6][i % 6 * 2] << 8 | sixteen[i / 6][i % 6 * 2 + 1];
        const double want = 65535 * romm_encode(pow(code / 65535.0, 1.8));
        if (!(fabs(((uint16_t *)p.image.data)[i] - want) <= 1)) fail_msg("%d: %d is not %g", code, ((uint16_t *)p.image.data)[i], want);
    }
    picture_free(&p);
    expect_space(&r, GMLP_PROPHOTO, GMLP_PROPHOTO, "--from");
    p = read_png(&r, 2, 2, sixteen[0], 12, GMLP_PROPHOTO);
    assert_int_equal(((uint16_t *)p.image.data)[1], 256); /* untouched */
    picture_free(&p);
    free(icc);
}

/* So for other primaries: the space stays, the numbers change. */
static void other_curve(void **state) {
    cmsUInt32Number size;
    void *icc = make_icc(xy_adobe, 1.8, &size);
    png_recipe r;
    picture p;
    int i;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 8;
    r.kind = PNG_COLOR_TYPE_RGB;
    r.icc = icc;
    r.icc_size = size;
    p = read_png(&r, 2, 2, sixteen[0], 12, 0);
    assert_int_equal(p.image.space, GMLP_ADOBERGB);
    assert_int_equal(p.image.type, GMLP_U16);
    for (i = 0; i < 12; i++) {
        const double want = 65535 * pow(sixteen[i / 6][i % 6] / 255.0, 1.8 * 256 / 563);
        assert_true(fabs(((uint16_t *)p.image.data)[i] - want) <= 1);
    }
    picture_free(&p);
    free(icc);
}

static void unknown_profile(void **state) {
    /* XYZ of D50 to linear ProPhoto, as published by Lindbloom */
    static const double romm[9] = { 1.3459433, -0.2556075, -0.0511118, -0.5445989, 1.5081673, 0.0205351, 0, 0, 1.2118128 };
    cmsUInt32Number size;
    void *icc = make_icc(xy_wide, 2.2, &size);
    cmsHPROFILE profile = cmsOpenProfileFromMem(icc, size), xyz = cmsCreateXYZProfile();
    cmsHTRANSFORM t = cmsCreateTransform(profile, TYPE_RGB_DBL, xyz, TYPE_XYZ_DBL, INTENT_RELATIVE_COLORIMETRIC, cmsFLAGS_NOOPTIMIZE);
    png_recipe r;
    picture p;
    int i, c;
    (void)state;
    memset(&r, 0, sizeof r);
    r.bits = 16;
    r.kind = PNG_COLOR_TYPE_RGB;
    r.icc = icc;
    r.icc_size = size;
    p = read_png(&r, 2, 2, sixteen[0], 12, 0);
    assert_int_equal(p.image.space, GMLP_PROPHOTO);
    assert_int_equal(p.image.type, GMLP_FLOAT);
    for (i = 0; i < 4; i++) {
        double rgb[3], v[3];
        for (c = 0; c < 3; c++) rgb[c] = (sixteen[i / 2][i % 2 * 6 + 2 * c] << 8 | sixteen[i / 2][i % 2 * 6 + 2 * c + 1]) / 65535.0;
        cmsDoTransform(t, rgb, v, 1);
        for (c = 0; c < 3; c++) {
            const double light = romm[3 * c] * v[0] + romm[3 * c + 1] * v[1] + romm[3 * c + 2] * v[2];
            const double code = (double)((float *)p.image.data)[3 * i + c];
            const double got = fabs(code) < 1 / 32.0 ? code / 16 : copysign(pow(fabs(code), 1.8), code);
            assert_true(fabs(got - light) < 3e-4);
        }
    }
    picture_free(&p);
    cmsDeleteTransform(t);
    cmsCloseProfile(profile);
    cmsCloseProfile(xyz);
    free(icc);
}

static void grey_profile(void **state) {
    cmsToneCurve *curve = cmsBuildGamma(NULL, 1);
    cmsHPROFILE grey = cmsCreateGrayProfile(cmsD50_xyY(), curve);
    cmsUInt32Number size;
    void *icc;
    png_recipe r;
    (void)state;
    cmsSaveProfileToMem(grey, NULL, &size);
    icc = malloc(size);
    cmsSaveProfileToMem(grey, icc, &size);
    memset(&r, 0, sizeof r);
    r.bits = 16;
    r.kind = PNG_COLOR_TYPE_GRAY;
    r.icc = icc;
    r.icc_size = size;
    expect_space(&r, 0, GMLP_SRGB_LINEAR, "ICC profile");
    cmsFreeToneCurve(curve);
    cmsCloseProfile(grey);
    free(icc);
}

/* The profiles that are written say what the standards say: colorants relative to D50 as published, a grey, white. */
static void written_profiles(void **state) {
    static const struct {
        int space;
        double xyz[9], grey; /* light of code 0.5 */
    } known[] = {
        { GMLP_SRGB, { .4361, .2225, .0139, .3851, .7169, .0971, .1431, .0606, .7141 }, 0.214041 },
        { GMLP_P3, { .5151, .2412, -.0011, .2920, .6922, .0419, .1571, .0666, .7841 }, 0.214041 },
        { GMLP_ADOBERGB, { .6097, .3111, .0195, .2053, .6257, .0609, .1492, .0632, .7446 }, 0.217756 },
        { GMLP_PROPHOTO, { .7977, .2880, .0000, .1352, .7119, .0000, .0313, .0001, .8249 }, 0.287175 },
        { GMLP_REC2020, { .6735, .2790, -.0019, .1657, .6753, .0300, .1251, .0456, .7968 }, 0.259719 },
        { GMLP_REC709, { .4361, .2225, .0139, .3851, .7169, .0971, .1431, .0606, .7141 }, 0.189465 },
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        gmlp_image image = test_image(2, 2, GMLP_U16, known[i].space);
        const char *path = in_folder("a.tif");
        char error[256];
        uint32_t size;
        void *icc;
        TIFF *t;
        cmsHPROFILE p, xyz = cmsCreateXYZProfile();
        cmsHTRANSFORM to_xyz;
        int c, k;
        assert_int_equal(picture_write(path, &image, NULL, error), 0);
        t = TIFFOpen(path, "r");
        assert_int_equal(TIFFGetField(t, TIFFTAG_ICCPROFILE, &size, &icc), 1);
        p = cmsOpenProfileFromMem(icc, size);
        to_xyz = cmsCreateTransform(p, TYPE_RGB_DBL, xyz, TYPE_XYZ_DBL, INTENT_RELATIVE_COLORIMETRIC, cmsFLAGS_NOOPTIMIZE);
        assert_non_null(to_xyz);
        for (c = 0; c < 4; c++) {
            double rgb[3], out[3];
            for (k = 0; k < 3; k++) rgb[k] = c == 3 ? 0.5 : c == k;
            cmsDoTransform(to_xyz, rgb, out, 1);
            if (c == 3) assert_true(fabs(out[1] - known[i].grey) < 2e-5);
            else for (k = 0; k < 3; k++) assert_true(fabs(out[k] - known[i].xyz[3 * c + k]) < 2e-4);
        }
        cmsDeleteTransform(to_xyz);
        cmsCloseProfile(xyz);
        cmsCloseProfile(p);
        TIFFClose(t);
        unlink(path);
        free(image.data);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_says_the_space),
        cmocka_unit_test(known_profiles),
        cmocka_unit_test(pure_power_romm),
        cmocka_unit_test(other_curve),
        cmocka_unit_test(unknown_profile),
        cmocka_unit_test(grey_profile),
        cmocka_unit_test(written_profiles),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
