/* What the numbers of a picture file mean, and the profiles that files are given. */
#include "made_icc.h"
#include "made_png.h"

#include "pictures/formats.h"

#include <tiffio.h>

static const uint8_t sixteen[2][12] = { { 0, 0, 1, 0, 8, 0, 0xff, 0xff, 0x80, 0, 0x40, 0 },
                                        { 0xff, 0xff, 0, 0, 0, 0, 0x80, 0, 0x80, 0, 0x80, 0 } };

static void expect_space(const png_recipe *r, int from, int space, const char *said_by) {
    picture p = read_png(r, 2, 2, sixteen[0], 12, from);
    if (p.image.space != space || strcmp(p.space_from, said_by))
        fail_msg("expected %s by %s, got %s by %s", gmlp_space_name(space), said_by, gmlp_space_name(p.image.space),
                 p.space_from);
    picture_free(&p);
}

static void who_says_the_space(void **state) {
    static const uint8_t pq[4] = { 9, 16, 0, 1 }, hlg[4] = { 9, 18, 0, 1 }, p3[4] = { 12, 13, 0, 1 },
                         video[4] = { 1, 1, 0, 1 }, unspecified[4] = { 2, 2, 0, 1 };
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
    } known[] = { { xy_srgb, 1, GMLP_SRGB_LINEAR },         { xy_p3, 1, GMLP_P3_LINEAR },
                  { xy_adobe, 1, GMLP_ADOBERGB_LINEAR },    { xy_romm, 1, GMLP_PROPHOTO_LINEAR },
                  { xy_adobe, 563.0 / 256, GMLP_ADOBERGB }, { xy_srgb, 2.4, GMLP_REC709 } };
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
        if (!(fabs(((uint16_t *)p.image.data)[i] - want) <= 1))
            fail_msg("%d: %d is not %g", code, ((uint16_t *)p.image.data)[i], want);
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
    static const double romm[9] = {
        1.3459433, -0.2556075, -0.0511118, -0.5445989, 1.5081673, 0.0205351, 0, 0, 1.2118128
    };
    cmsUInt32Number size;
    void *icc = make_icc(xy_wide, 2.2, &size);
    cmsHPROFILE profile = cmsOpenProfileFromMem(icc, size), xyz = cmsCreateXYZProfile();
    cmsHTRANSFORM t =
        cmsCreateTransform(profile, TYPE_RGB_DBL, xyz, TYPE_XYZ_DBL, INTENT_RELATIVE_COLORIMETRIC, cmsFLAGS_NOOPTIMIZE);
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
    assert_int_equal(p.image.type, GMLP_F32);
    for (i = 0; i < 4; i++) {
        double rgb[3], v[3];
        for (c = 0; c < 3; c++)
            rgb[c] = (sixteen[i / 2][i % 2 * 6 + 2 * c] << 8 | sixteen[i / 2][i % 2 * 6 + 2 * c + 1]) / 65535.0;
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
        to_xyz =
            cmsCreateTransform(p, TYPE_RGB_DBL, xyz, TYPE_XYZ_DBL, INTENT_RELATIVE_COLORIMETRIC, cmsFLAGS_NOOPTIMIZE);
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

/* What is said cannot be, or is of another kind. */

static void refuse_png(const png_recipe *r, const char *part) {
    const char *path = in_folder("a.png");
    picture p;
    char error[256];
    make_png(path, r, 2, 2, sixteen[0], 12);
    expect_error(path, part);
    assert_int_equal(picture_read(path, GMLP_P3, 0, &p, error), 0); /* --from helps */
    picture_free(&p);
    unlink(path);
}

static png_recipe rgb16(void) {
    png_recipe r;
    memset(&r, 0, sizeof r);
    r.bits = 16;
    r.kind = PNG_COLOR_TYPE_RGB;
    return r;
}

static void cicp_of_others(void **state) {
    static const struct {
        uint8_t cicp[4];
        const char *part;
    } known[] = { { { 12, 18, 0, 1 }, "primaries 12, transfer 18" },
                  { { 9, 10, 0, 1 }, "primaries 9, transfer 10" },
                  { { 4, 13, 0, 1 }, "primaries 4, transfer 13" },
                  { { 22, 16, 0, 1 }, "primaries 22, transfer 16" },
                  { { 9, 16, 0, 0 }, "full range 0" },
                  { { 1, 13, 1, 1 }, "matrix 1" } };
    static const uint8_t unspecified[3][4] = { { 2, 2, 0, 1 }, { 2, 13, 0, 1 }, { 1, 2, 0, 1 } };
    cmsUInt32Number size;
    void *icc = make_icc(xy_adobe, 563.0 / 256, &size);
    png_recipe r = rgb16();
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        r.cicp = known[i].cicp;
        r.icc = NULL;
        refuse_png(&r, known[i].part);
        r.icc = icc; /* which is not what a reader of cICP would take */
        r.icc_size = size;
        refuse_png(&r, known[i].part);
    }
    for (i = 0; i < 3; i++) {
        r.cicp = unspecified[i];
        expect_space(&r, 0, GMLP_ADOBERGB, "ICC profile");
    }
    free(icc);
}

/* PQ and HLG without primaries are not sRGB, whatever else is not said. */
static void light_without_primaries(void **state) {
    static const uint8_t pq[4] = { 2, 16, 0, 1 }, hlg[4] = { 2, 18, 0, 1 };
    png_recipe r = rgb16();
    (void)state;
    r.cicp = pq;
    refuse_png(&r, "says PQ, but no primaries");
    r.cicp = hlg;
    refuse_png(&r, "says HLG, but no primaries");
}

/* Half of a space that is not sRGB's is an error, unless another source says the whole; sRGB's halves are sRGB. */
static void half_a_space(void **state) {
    static const uint8_t wide[4] = { 9, 2, 0, 1 }, p3[4] = { 12, 2, 0, 1 }, linear[4] = { 2, 8, 0, 1 };
    static const uint8_t usual[][4] = { { 1, 2, 0, 1 }, { 2, 13, 0, 1 }, { 2, 1, 0, 1 }, { 2, 2, 0, 1 } };
    png_recipe r = rgb16();
    size_t i;
    (void)state;
    r.cicp = wide;
    refuse_png(&r, "says primaries 9, but no transfer");
    r.cicp = p3;
    refuse_png(&r, "says primaries 12, but no transfer");
    r.srgb = 1;
    expect_space(&r, 0, GMLP_SRGB, "sRGB chunk");
    r.srgb = 0;
    r.cicp = linear;
    refuse_png(&r, "says transfer 8, but no primaries");
    for (i = 0; i < sizeof usual / sizeof *usual; i++) {
        r.cicp = usual[i];
        expect_space(&r, 0, GMLP_SRGB, "assumed");
    }
}

/* Pairs that are none of the library's spaces are converted: known primaries keep theirs, others become ROMM. */
static void cicp_of_video(void **state) {
    static const uint8_t p3_gamma[4] = { 12, 4, 0, 1 }, rec2020_srgb[4] = { 9, 13, 0, 1 }, pal[4] = { 5, 8, 0, 1 },
                         srgb_gamma[4] = { 1, 4, 0, 1 }; /* no PNG's gAMA, which writers use for sRGB's own curve */
    /* EBU primaries (D65) in ROMM (D50), adapted by Bradford; the rows' sums are 1, as white stays white */
    static const double pal_green[3] = { 0.3085, 0.8695, 0.1271 };
    static const uint8_t green[6] = { 0, 0, 0xff, 0xff, 0, 0 };
    png_recipe r = rgb16();
    picture p;
    int i;
    (void)state;
    for (i = 0; i < 3; i++) {
        static const uint8_t grey[6] = { 0x80, 0, 0x80, 0, 0x80, 0 };
        const double code = 0x8000 / 65535.0;
        const double light = i == 1 ? pow((code + 0.055) / 1.055, 2.4) : pow(code, 2.2);
        const double want = i == 1 ? 1.09929682680944 * pow(light, 0.45) - 0.09929682680944
                                   : 1.055 * pow(light, 1 / 2.4) - 0.055;
        r.cicp = i == 2 ? srgb_gamma : i ? rec2020_srgb : p3_gamma;
        p = read_png(&r, 1, 1, grey, 6, 0);
        assert_int_equal(p.image.space, i == 2 ? GMLP_SRGB : i ? GMLP_REC2020 : GMLP_P3);
        assert_string_equal(p.space_from, "cICP");
        if (!(fabs(((uint16_t *)p.image.data)[1] - 65535 * want) <= 2))
            fail_msg("%d: %d is not %g", i, ((uint16_t *)p.image.data)[1], 65535 * want);
        picture_free(&p);
    }
    r.cicp = pal;
    p = read_png(&r, 1, 1, green, 6, 0);
    assert_int_equal(p.image.space, GMLP_PROPHOTO);
    for (i = 0; i < 3; i++)
        if (!(fabs(((float *)p.image.data)[i] - romm_encode(pal_green[i])) < 0.002))
            fail_msg("%d: %g is not %g", i, ((float *)p.image.data)[i], romm_encode(pal_green[i]));
    picture_free(&p);
}

/* SMPTE ST 2084. */
static double pq_light(double code) {
    const double p = pow(code, 32 / 2523.0);
    return pow((p > 0.8359375 ? p - 0.8359375 : 0) / (18.8515625 - 18.6875 * p), 8192 / 1305.0);
}

static double pq_code(double light) {
    const double p = pow(light, 1305 / 8192.0);
    return pow((0.8359375 + 18.8515625 * p) / (1 + 18.6875 * p), 78.84375);
}

/* PQ on P3 or BT.709 primaries becomes Rec.2020 PQ. The matrices are those of ITU-R BT.2407 and BT.2087. */
static void pq_of_other_primaries(void **state) {
    static const double to_2020[2][9] = {
        { 0.753833, 0.198597, 0.047570, 0.045744, 0.941777, 0.012479, -0.001210, 0.017602, 0.983609 },
        { 0.6274, 0.3293, 0.0433, 0.0691, 0.9195, 0.0114, 0.0164, 0.0880, 0.8956 } };
    static const uint8_t cicp[2][4] = { { 12, 16, 0, 1 }, { 1, 16, 0, 1 } };
    static const uint16_t codes[6] = { 0x8000, 0x9000, 0x4000, 0xa000, 0x2000, 0x6000 };
    uint8_t rows[12];
    int kind, i, c;
    (void)state;
    for (i = 0; i < 6; i++) {
        rows[2 * i] = (uint8_t)(codes[i] >> 8);
        rows[2 * i + 1] = 0;
    }
    for (kind = 0; kind < 2; kind++) {
        png_recipe r = rgb16();
        picture p;
        r.cicp = cicp[kind];
        p = read_png(&r, 2, 1, rows, 12, 0);
        assert_int_equal(p.image.space, GMLP_REC2020_PQ);
        assert_int_equal(p.image.type, GMLP_U16);
        assert_string_equal(p.space_from, "cICP");
        for (i = 0; i < 6; i++) {
            double light = 0;
            for (c = 0; c < 3; c++) light += to_2020[kind][i % 3 * 3 + c] * pq_light(codes[i / 3 * 3 + c] / 65535.0);
            if (!(fabs(((uint16_t *)p.image.data)[i] - 65535 * pq_code(light)) < 12))
                fail_msg("%d: %d is not %g", i, ((uint16_t *)p.image.data)[i], 65535 * pq_code(light));
        }
        picture_free(&p);
        r.bits = 8; /* eight bits would be coarse */
        p = read_png(&r, 4, 1, rows, 12, 0);
        assert_int_equal(p.image.type, GMLP_U16);
        picture_free(&p);
    }
}

static picture one_pixel(void) {
    picture p;
    memset(&p, 0, sizeof p);
    p.image.width = p.image.height = 1;
    p.image.channels = 3;
    p.image.type = GMLP_U8;
    p.image.data = calloc(3, 1);
    return p;
}

static void no_space_of_these(void **state) {
    static const double bad[][8] = {
        { 0 },                                                      /* nothing */
        { .64, .33, .30, .60, .47, .465, .3127, .3290 },            /* on a line */
        { .64, .33, .64, .33, .15, .06, .3127, .3290 },             /* two are one */
        { .64, .33, .30, .60, .15, .06, .3127, 0 },                 /* no white */
        { .64, .33, .30, .60, .15, .06, .7, .3 },                   /* white without */
        { NAN, .33, .30, .60, .15, .06, .3127, .3290 },
        { .64, .33, .30, INFINITY, .15, .06, .3127, .3290 } };
    static const double gammas[] = { NAN, INFINITY, -1, 1e-5, 1e5 };
    picture p;
    picture_facts facts;
    char reason[REASON];
    size_t i;
    (void)state;
    p = one_pixel();
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        memset(&facts, 0, sizeof facts);
        facts.has_xy = 1;
        facts.gamma = 2.2;
        memcpy(facts.xy, bad[i], sizeof facts.xy);
        if (!decide_space(&p, &facts, 0, reason)) fail_msg("chromaticities %d are taken", (int)i);
        assert_non_null(strstr(reason, "make no colour space"));
        facts.gamma = 0; /* as where only they are said */
        assert_int_equal(decide_space(&p, &facts, 0, reason), -1);
    }
    for (i = 0; i < sizeof gammas / sizeof *gammas; i++) {
        memset(&facts, 0, sizeof facts);
        facts.gamma = gammas[i];
        assert_int_equal(decide_space(&p, &facts, 0, reason), -1);
        assert_non_null(strstr(reason, "its gamma"));
    }
    picture_free(&p);
}

static void primaries_alone(void **state) {
    png_recipe r = rgb16();
    (void)state;
    r.xy = xy_p3;
    expect_space(&r, 0, GMLP_P3, "chromaticities");
    r.xy = xy_srgb;
    expect_space(&r, 0, GMLP_SRGB, "chromaticities");
}

/* libpng would not write some of these: they are asked directly. */
static void expect_profile(cmsHPROFILE profile, int space) {
    picture p;
    picture_facts facts;
    char reason[REASON] = "";
    cmsUInt32Number size;
    memset(&facts, 0, sizeof facts);
    p = one_pixel();
    assert_int_equal(cmsSaveProfileToMem(profile, NULL, &size), 1);
    facts.icc = (uint8_t *)malloc(size);
    facts.icc_size = size;
    cmsSaveProfileToMem(profile, facts.icc, &size);
    cmsCloseProfile(profile);
    assert_int_equal(decide_space(&p, &facts, 0, reason), space ? 0 : -1);
    if (space) assert_int_equal(p.image.space, space);
    else assert_non_null(strstr(reason, "its ICC profile is "));
    picture_free(&p);
    free(facts.icc);
}

static double srgb_light(double code) { return code <= 0.04045 ? code / 12.92 : pow((code + 0.055) / 1.055, 2.4); }
static double power_light(double code) { return pow(code, 2.2); }

/* lift: how far the points lie below the curve, in the share that makes the lines between them fit best. */
static cmsHPROFILE few_points(const double *xy, double (*light)(double), int points, double lift) {
    cmsUInt16Number table[64];
    cmsToneCurve *curve[3];
    cmsHPROFILE p;
    cmsCIExyY white = { 0, 0, 1 };
    cmsCIExyYTRIPLE rgb = { { 0, 0, 1 }, { 0, 0, 1 }, { 0, 0, 1 } };
    int i;
    for (i = 0; i < points; i++) {
        const double code = i / (points - 1.0), h = 0.5 / (points - 1);
        const double over = i && i + 1 < points ? (light(code - h) + light(code + h)) / 2 - light(code) : 0;
        table[i] = (cmsUInt16Number)(65535 * (light(code) - lift * over) + 0.5);
    }
    white.x = xy[6]; white.y = xy[7];
    rgb.Red.x = xy[0]; rgb.Red.y = xy[1];
    rgb.Green.x = xy[2]; rgb.Green.y = xy[3];
    rgb.Blue.x = xy[4]; rgb.Blue.y = xy[5];
    curve[0] = curve[1] = curve[2] = cmsBuildTabulatedToneCurve16(NULL, (cmsUInt32Number)points, table);
    p = cmsCreateRGBProfile(&white, &rgb, curve);
    cmsFreeToneCurve(curve[0]);
    return p;
}

/* The tiny profiles of phones and sites have sRGB's curve in a few points. */
static void tiny_profiles(void **state) {
    static const int points[] = { 9, 20, 26, 42 };
    png_recipe r = rgb16();
    cmsUInt32Number size;
    void *icc;
    picture p;
    size_t i;
    (void)state;
    for (i = 0; i < 4; i++) {
        expect_profile(few_points(xy_srgb, srgb_light, points[i], 0), GMLP_SRGB);
        expect_profile(few_points(xy_srgb, srgb_light, points[i], 0.5), GMLP_SRGB);
        expect_profile(few_points(xy_p3, srgb_light, points[i], 0.5), GMLP_P3);
    }
    for (i = 0; i < 4; i++) { /* another curve stays another */
        cmsHPROFILE other = few_points(xy_srgb, power_light, points[i], 0);
        cmsSaveProfileToMem(other, NULL, &size);
        r.icc = icc = malloc(size);
        r.icc_size = size;
        cmsSaveProfileToMem(other, icc, &size);
        cmsCloseProfile(other);
        p = read_png(&r, 2, 2, sixteen[0], 12, 0);
        assert_int_not_equal(((uint16_t *)p.image.data)[4], 0x8000); /* rewritten to sRGB's curve */
        picture_free(&p);
        free(icc);
    }
}

/* Tables beside a matrix: sRGB's light, with the channels turned or not. */
typedef struct turned_srgb {
    cmsHTRANSFORM to_xyz;
    int turn;
} turned_srgb;

static cmsInt32Number sample_turned(const cmsUInt16Number in[], cmsUInt16Number out[], void *cargo) {
    const turned_srgb *t = (const turned_srgb *)cargo;
    cmsUInt16Number rgb[3];
    int c;
    for (c = 0; c < 3; c++) rgb[c] = in[(c + t->turn) % 3];
    cmsDoTransform(t->to_xyz, rgb, out, 1);
    return TRUE;
}

static cmsHPROFILE with_table(int turn) {
    cmsHPROFILE srgb = cmsCreate_sRGBProfile(), xyz = cmsCreateXYZProfile();
    cmsPipeline *lut = cmsPipelineAlloc(NULL, 3, 3);
    cmsStage *grid = cmsStageAllocCLut16bit(NULL, 33, 3, 3, NULL);
    turned_srgb t;
    t.to_xyz =
        cmsCreateTransform(srgb, TYPE_RGB_16, xyz, TYPE_XYZ_16, INTENT_RELATIVE_COLORIMETRIC, cmsFLAGS_NOOPTIMIZE);
    t.turn = turn;
    cmsSetProfileVersion(srgb, 2.1); /* which has the simplest tables */
    assert_int_equal(cmsStageSampleCLut16bit(grid, sample_turned, &t, 0), 1);
    assert_int_equal(cmsPipelineInsertStage(lut, cmsAT_BEGIN, grid), 1);
    assert_int_equal(cmsWriteTag(srgb, cmsSigAToB0Tag, lut), 1);
    cmsPipelineFree(lut);
    cmsDeleteTransform(t.to_xyz);
    cmsCloseProfile(xyz);
    return srgb;
}

static void table_beside_matrix(void **state) {
    /* Lindbloom's linear sRGB of D50 XYZ to linear ROMM */
    static const double to_romm[9] = { 0.5293, 0.3300, 0.1407, 0.0983, 0.8735, 0.0282, 0.0169, 0.1177, 0.8655 };
    static const uint8_t row[12] = { 0xff, 0xff, 0x40, 0, 0, 0, 0x80, 0, 0x80, 0, 0x80, 0 };
    cmsHPROFILE turned = with_table(1);
    png_recipe r = rgb16();
    cmsUInt32Number size;
    void *icc;
    picture p;
    int i, c;
    (void)state;
    expect_profile(with_table(0), GMLP_SRGB); /* says the same */
    cmsSaveProfileToMem(turned, NULL, &size);
    r.icc = icc = malloc(size);
    r.icc_size = size;
    cmsSaveProfileToMem(turned, icc, &size);
    cmsCloseProfile(turned);
    p = read_png(&r, 2, 1, row, 12, 0);
    assert_int_equal(p.image.space, GMLP_PROPHOTO);
    assert_int_equal(p.image.type, GMLP_F32);
    for (i = 0; i < 6; i++) {
        double want = 0;
        for (c = 0; c < 3; c++) {
            const uint8_t *code = row + i / 3 * 6 + (c + 1) % 3 * 2;
            want += to_romm[i % 3 * 3 + c] * srgb_light((code[0] << 8 | code[1]) / 65535.0);
        }
        want = want < 1 / 512.0 ? 16 * want : pow(want, 1 / 1.8);
        if (!(fabs((double)((float *)p.image.data)[i] - want) < 0.01))
            fail_msg("%d: %g is not %g", i, (double)((float *)p.image.data)[i], want);
    }
    picture_free(&p);
    free(icc);
}

static void other_profiles(void **state) {
    cmsHPROFILE p = cmsCreate_sRGBProfile();
    cmsCIEXYZ none = { 0, 0, 0 };
    (void)state;
    cmsSetDeviceClass(p, cmsSigAbstractClass);
    expect_profile(p, 0);
    p = cmsCreate_sRGBProfile();
    cmsSetDeviceClass(p, cmsSigLinkClass);
    expect_profile(p, 0);
    p = cmsCreate_sRGBProfile(); /* three colours of light in a plane */
    cmsWriteTag(p, cmsSigRedColorantTag, &none);
    expect_profile(p, 0);
}

/* A grey profile may say lightness. */
static void grey_in_lab(void **state) {
    cmsToneCurve *line = cmsBuildGamma(NULL, 1);
    cmsHPROFILE grey = cmsCreateGrayProfile(cmsD50_xyY(), line);
    static const uint8_t row[12] = { 0x80, 0, 0xff, 0xff, 0x10, 0 };
    png_recipe r = rgb16();
    cmsUInt32Number size;
    void *icc;
    picture p;
    int i;
    (void)state;
    cmsSetPCS(grey, cmsSigLabData);
    cmsSaveProfileToMem(grey, NULL, &size);
    icc = malloc(size);
    cmsSaveProfileToMem(grey, icc, &size);
    r.kind = PNG_COLOR_TYPE_GRAY;
    r.icc = icc;
    r.icc_size = size;
    p = read_png(&r, 3, 1, row, 12, 0);
    assert_int_equal(p.image.space, GMLP_SRGB);
    assert_int_equal(p.image.type, GMLP_U16);
    for (i = 0; i < 3; i++) {
        const double lightness = 100 * (row[2 * i] << 8 | row[2 * i + 1]) / 65535.0;
        const double light = lightness > 8 ? pow((lightness + 16) / 116, 3) : lightness * 27 / 24389; /* CIE 15 */
        const double got = srgb_light(((uint16_t *)p.image.data)[3 * i] / 65535.0);
        if (!(fabs(got - light) < 2e-4)) fail_msg("%d: %g is not %g", i, got, light);
    }
    picture_free(&p);
    cmsFreeToneCurve(line);
    cmsCloseProfile(grey);
    free(icc);
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
        cmocka_unit_test(cicp_of_others),
        cmocka_unit_test(light_without_primaries),
        cmocka_unit_test(half_a_space),
        cmocka_unit_test(cicp_of_video),
        cmocka_unit_test(pq_of_other_primaries),
        cmocka_unit_test(no_space_of_these),
        cmocka_unit_test(primaries_alone),
        cmocka_unit_test(tiny_profiles),
        cmocka_unit_test(table_beside_matrix),
        cmocka_unit_test(other_profiles),
        cmocka_unit_test(grey_in_lab),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
