/* What the numbers of a picture file mean: the one place that decides, and that makes ICC profiles. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lcms2.h>

#include "pictures/formats.h"

/* Colour spaces as files name them. */

static const struct {
    int space;
    uint8_t primaries, transfer;
} cicp_table[] = { /* ITU-T H.273; the first entry of a space is the one written */
    { GMLP_SRGB, 1, 13 },         { GMLP_SRGB_LINEAR, 1, 8 },  { GMLP_P3, 12, 13 },         { GMLP_P3_LINEAR, 12, 8 },
    { GMLP_REC2020, 9, 14 },      { GMLP_REC2020, 9, 15 },     { GMLP_REC2020, 9, 1 },      { GMLP_REC2020, 9, 6 },
    { GMLP_REC2020_LINEAR, 9, 8 }, { GMLP_REC2020_PQ, 9, 16 }, { GMLP_REC2020_HLG, 9, 18 }, { GMLP_REC709, 1, 1 },
    { GMLP_REC709, 1, 6 } /* cameras' curves; displays show both by BT.1886 */
};
#define CICP_COUNT (sizeof cicp_table / sizeof *cicp_table)

int cicp_of_space(int space, uint8_t cicp[4]) {
    size_t i;
    for (i = 0; i < CICP_COUNT; i++)
        if (cicp_table[i].space == space) {
            cicp[0] = cicp_table[i].primaries;
            cicp[1] = cicp_table[i].transfer;
            cicp[2] = 0; /* RGB */
            cicp[3] = 1; /* full range */
            return 1;
        }
    return 0;
}

int space_of_cicp(const uint8_t cicp[4]) {
    size_t i;
    for (i = 0; i < CICP_COUNT; i++)
        if (cicp_table[i].primaries == cicp[0] && cicp_table[i].transfer == cicp[1] && cicp[2] == 0 && cicp[3] == 1)
            return cicp_table[i].space;
    return GMLP_SPACE_NONE;
}

/* PQ on primaries that Rec.2020 holds: their linear space. */
static int primaries_of_pq(const uint8_t cicp[4]) {
    if (cicp[1] != 16 || cicp[2] != 0 || cicp[3] != 1) return GMLP_SPACE_NONE;
    return cicp[0] == 1 ? GMLP_SRGB_LINEAR : cicp[0] == 12 ? GMLP_P3_LINEAR : GMLP_SPACE_NONE;
}

/* 2 is "unspecified": the next source is asked. */
static int says_space(const uint8_t cicp[4]) { return cicp[0] != 2 && cicp[1] != 2; }

void xy_of_space(int space, double xy[8]) {
    double m[9];
    int c;
    gmlp_space_to_xyz(space, m);
    for (c = 0; c < 3; c++) {
        const double sum = m[c] + m[3 + c] + m[6 + c];
        xy[2 * c] = m[c] / sum;
        xy[2 * c + 1] = m[3 + c] / sum;
    }
    gmlp_space_white(space, xy + 6);
}

static const char *title_of_space(int space) {
    switch (space) {
        case GMLP_SRGB: return "sRGB";
        case GMLP_P3: return "Display P3";
        case GMLP_ADOBERGB: return "Adobe RGB (1998) compatible";
        case GMLP_PROPHOTO: return "ProPhoto RGB (ROMM)";
        case GMLP_REC2020: return "Rec.2020";
        case GMLP_REC2020_PQ: return "Rec.2020 PQ";
        case GMLP_REC2020_HLG: return "Rec.2020 HLG";
        case GMLP_ACES2065_1: return "ACES2065-1";
        case GMLP_ACESCG: return "ACEScg";
        case GMLP_REC709: return "Rec.709 (BT.1886)";
        case GMLP_SRGB_LINEAR: return "Linear sRGB";
        case GMLP_P3_LINEAR: return "Linear P3";
        case GMLP_ADOBERGB_LINEAR: return "Linear Adobe RGB (1998) compatible";
        case GMLP_PROPHOTO_LINEAR: return "Linear ProPhoto RGB (ROMM)";
        case GMLP_REC2020_LINEAR: return "Linear Rec.2020";
        default: return "RGB";
    }
}

static cmsToneCurve *curve_of_space(int space) {
    static const double srgb[5] = { 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045 };
    static const double romm[5] = { 1.8, 1, 0, 1 / 16.0, 1 / 32.0 };
    static const double alpha = 1.09929682680944, beta = 0.018053968510807;
    const double rec2020[5] = { 1 / 0.45, 1 / alpha, (alpha - 1) / alpha, 1 / 4.5, 4.5 * beta };
    float table[4096];
    int i;
    switch (space) {
        case GMLP_SRGB: case GMLP_P3: return cmsBuildParametricToneCurve(NULL, 4, srgb);
        case GMLP_ADOBERGB: return cmsBuildGamma(NULL, 563.0 / 256);
        case GMLP_REC709: return cmsBuildGamma(NULL, 2.4);
        case GMLP_PROPHOTO: return cmsBuildParametricToneCurve(NULL, 4, romm);
        case GMLP_REC2020: return cmsBuildParametricToneCurve(NULL, 4, rec2020);
        case GMLP_REC2020_PQ: case GMLP_REC2020_HLG: /* up to the peak; the cicp tag is exact */
            for (i = 0; i < 4096; i++)
                table[i] = (float)(gmlp_curve_decode(space, i / 4095.0, 0) / gmlp_curve_decode(space, 1, 0));
            return cmsBuildTabulatedToneCurveFloat(NULL, 4096, table);
        default: return cmsBuildGamma(NULL, 1);
    }
}

static cmsHPROFILE profile_of_xy(const double xy[8], cmsToneCurve *curve) {
    cmsCIExyY white;
    cmsCIExyYTRIPLE rgb;
    cmsToneCurve *curves[3];
    white.x = xy[6];
    white.y = xy[7];
    rgb.Red.x = xy[0];
    rgb.Red.y = xy[1];
    rgb.Green.x = xy[2];
    rgb.Green.y = xy[3];
    rgb.Blue.x = xy[4];
    rgb.Blue.y = xy[5];
    white.Y = rgb.Red.Y = rgb.Green.Y = rgb.Blue.Y = 1;
    curves[0] = curves[1] = curves[2] = curve;
    return curve ? cmsCreateRGBProfile(&white, &rgb, curves) : NULL;
}

static cmsHPROFILE profile_of_space(int space) {
    cmsToneCurve *curve = curve_of_space(space);
    cmsHPROFILE p;
    double xy[8];
    xy_of_space(space, xy);
    p = profile_of_xy(xy, curve);
    cmsFreeToneCurve(curve);
    return p;
}

/* Written and read as bytes, for Little-CMS knows this tag only from 2.14 on. */
#define CICP_TAG ((cmsTagSignature)0x63696370)

/* An ICC profile's bytes; NULL when out of memory. The caller frees. */
uint8_t *icc_of_space(int space, size_t *size) {
    static const uint8_t date[12] = { 7, 234, 0, 1, 0, 1 }; /* fixed, so that equal pictures are equal files */
    cmsHPROFILE p = profile_of_space(space);
    cmsMLU *title = cmsMLUalloc(NULL, 1);
    cmsUInt32Number n = 0;
    uint8_t *bytes = NULL;
    uint8_t cicp[12] = { 'c', 'i', 'c', 'p' };
    int good = p && title && cmsMLUsetASCII(title, "en", "US", title_of_space(space)) &&
               cmsWriteTag(p, cmsSigProfileDescriptionTag, title);
    if (good && (space == GMLP_REC2020_PQ || space == GMLP_REC2020_HLG) && cicp_of_space(space, cicp + 8))
        good = cmsWriteRawTag(p, CICP_TAG, cicp, sizeof cicp);
    if (good && cmsSaveProfileToMem(p, NULL, &n) && (bytes = (uint8_t *)malloc(n)) != NULL) {
        if (cmsSaveProfileToMem(p, bytes, &n) && n >= 128) memcpy(bytes + 24, date, 12);
        else {
            free(bytes);
            bytes = NULL;
        }
    }
    if (title) cmsMLUfree(title);
    if (p) cmsCloseProfile(p);
    *size = n;
    return bytes;
}

int picture_keep_icc(picture_facts *color, const void *bytes, size_t size) {
    if (!size) return 0;
    color->icc = (uint8_t *)malloc(size);
    if (!color->icc) return -1;
    memcpy(color->icc, bytes, size);
    color->icc_size = size;
    return 0;
}

int picture_linear_space(int space) {
    if (space == GMLP_REC2020_PQ || space == GMLP_REC2020_HLG) return GMLP_REC2020_LINEAR;
    if (space == GMLP_REC709 || space == GMLP_SYCC) return GMLP_SRGB_LINEAR;
    return gmlp_space_is_linear(space) ? space : space | GMLP_LINEAR;
}

/* What a profile means. */

static const cmsTagSignature table_tags[] = { cmsSigAToB0Tag, cmsSigAToB1Tag, cmsSigAToB2Tag, cmsSigDToB0Tag,
                                              cmsSigDToB1Tag, cmsSigDToB2Tag, cmsSigDToB3Tag };
#define TABLE_TAGS (sizeof table_tags / sizeof *table_tags)

static int has_tables(cmsHPROFILE profile) {
    size_t i;
    for (i = 0; i < TABLE_TAGS && !cmsIsTag(profile, table_tags[i]); i++) {}
    return i < TABLE_TAGS;
}

/* A grey profile's light where it is said by other than a curve to XYZ. */
static cmsToneCurve *curve_of_grey(cmsHPROFILE grey) {
    cmsHPROFILE xyz = cmsCreateXYZProfile();
    const cmsUInt32Number flags = cmsFLAGS_NOOPTIMIZE | cmsFLAGS_NOCACHE;
    cmsHTRANSFORM to_xyz =
        cmsCreateTransform(grey, TYPE_GRAY_DBL, xyz, TYPE_XYZ_DBL, INTENT_RELATIVE_COLORIMETRIC, flags);
    float table[4096];
    int i;
    if (xyz) cmsCloseProfile(xyz);
    if (!to_xyz) return NULL;
    for (i = 0; i < 4096; i++) {
        double code = i / 4095.0, light[3];
        cmsDoTransform(to_xyz, &code, light, 1);
        table[i] = (float)light[1];
    }
    cmsDeleteTransform(to_xyz);
    return cmsBuildTabulatedToneCurveFloat(NULL, 4096, table);
}

/* A grey profile's curve with sRGB's primaries: the same picture, as grey became R = G = B. */
static cmsHPROFILE profile_of_grey(cmsHPROFILE grey) {
    double xy[8];
    const int plain = cmsGetPCS(grey) == cmsSigXYZData && !has_tables(grey);
    const cmsToneCurve *curve = plain ? (const cmsToneCurve *)cmsReadTag(grey, cmsSigGrayTRCTag) : NULL;
    cmsToneCurve *own = curve ? cmsDupToneCurve(curve) : plain ? NULL : curve_of_grey(grey);
    cmsHPROFILE p;
    xy_of_space(GMLP_SRGB, xy);
    p = profile_of_xy(xy, own);
    if (own) cmsFreeToneCurve(own);
    return p;
}

static const cmsTagSignature curve_tags[3] = { cmsSigRedTRCTag, cmsSigGreenTRCTag, cmsSigBlueTRCTag };
static const cmsTagSignature colorant_tags[3] = { cmsSigRedColorantTag, cmsSigGreenColorantTag, cmsSigBlueColorantTag };

static int same_colorants(cmsHPROFILE profile, int space) {
    double to_romm[9], romm_to_xyz[9];
    int c, i, k;
    if (gmlp_space_matrix(space, GMLP_PROPHOTO, GMLP_BRADFORD, to_romm) ||
        gmlp_space_to_xyz(GMLP_PROPHOTO, romm_to_xyz))
        return 0;
    for (c = 0; c < 3; c++) {
        const cmsCIEXYZ *tag = (const cmsCIEXYZ *)cmsReadTag(profile, colorant_tags[c]);
        double has[3];
        if (!tag) return 0;
        has[0] = tag->X;
        has[1] = tag->Y;
        has[2] = tag->Z;
        for (i = 0; i < 3; i++) {
            double sum = 0; /* ROMM's white is D50, as the profile's */
            for (k = 0; k < 3; k++) sum += romm_to_xyz[3 * i + k] * to_romm[3 * k + c];
            if (!(fabs(sum - has[i]) < 0.002)) return 0;
        }
    }
    return 1;
}

/* The tolerance is in light: enough for tables of 16 bits, not for a pure power instead of ROMM's toe. A table of few
   points has straight lines between them; those of the tiny sRGB profiles lie off the curve a little, so that the lines
   are near it. A line leaves a curve by its second derivative (up to 3) / 8 of the distance squared. */
static double curve_tolerance(const cmsToneCurve *curve) {
    const double lines = (double)cmsGetToneCurveEstimatedTableEntries(curve) - 1;
    return 1e-4 + (cmsGetToneCurveParametricType(curve) == 0 && lines >= 8 ? 0.4 / (lines * lines) : 0);
}

static int same_curves(cmsHPROFILE profile, int space) {
    int c, i;
    for (c = 0; c < 3; c++) {
        const cmsToneCurve *curve = (const cmsToneCurve *)cmsReadTag(profile, curve_tags[c]);
        const double tolerance = curve ? curve_tolerance(curve) : 0;
        if (!curve) return 0;
        for (i = 0; i <= 512; i++) {
            const double code = i / 512.0, light = (double)cmsEvalToneCurveFloat(curve, (float)code);
            if (!(fabs(light - gmlp_curve_decode(space, code, 0)) < tolerance)) return 0;
        }
    }
    return 1;
}

/* Other curves on known primaries leave the primaries alone. */
static int space_of_colorants(cmsHPROFILE profile) {
    int space;
    for (space = GMLP_SRGB; space <= GMLP_ACESCG; space++)
        if (space != GMLP_REC2020_PQ && space != GMLP_REC2020_HLG && same_colorants(profile, space)) return space;
    return GMLP_SPACE_NONE;
}

static int space_of_profile(cmsHPROFILE profile) {
    uint8_t cicp[12];
    int space;
    if (cmsReadRawTag(profile, CICP_TAG, cicp, sizeof cicp) == sizeof cicp &&
        (space = space_of_cicp(cicp + 8)) != GMLP_SPACE_NONE)
        return space;
    if (!cmsIsMatrixShaper(profile) || !(space = space_of_colorants(profile))) return GMLP_SPACE_NONE;
    if (same_curves(profile, space)) return space;
    if (space == GMLP_SRGB && same_curves(profile, GMLP_REC709)) return GMLP_REC709;
    space = picture_linear_space(space);
    return same_curves(profile, space) ? space : GMLP_SPACE_NONE;
}

/* Conversion of what is none of the library's spaces: in its place, from the last sample to the first, as those that it
   becomes may be larger. */

static float sample_at(const gmlp_image *image, size_t i) {
    const void *p = image->data;
    switch (image->type) {
        case GMLP_U8: return (float)((const uint8_t *)p)[i] / 255.0f;
        case GMLP_U16: return (float)((const uint16_t *)p)[i] / 65535.0f;
        case GMLP_F16: return gmlp_half_to_float(((const uint16_t *)p)[i]);
        default: return ((const float *)p)[i];
    }
}

/* Known primaries with other curves, such as ROMM with a pure power: into the curve of that space, channel by
   channel. */
static int convert_curves(gmlp_image *image, cmsHPROFILE profile, int space, char reason[REASON]) {
    const int integer = image->type == GMLP_U8 || image->type == GMLP_U16;
    const size_t codes = image->type == GMLP_U8 ? 256 : 65536, n = (size_t)image->width * image->height * 3;
    const int type = integer && !gmlp_space_is_linear(space) ? GMLP_U16 : GMLP_F32;
    const cmsToneCurve *curve[3];
    float *table;
    size_t i, c;
    for (c = 0; c < 3; c++) {
        curve[c] = (const cmsToneCurve *)cmsReadTag(profile, curve_tags[c]);
        if (curve[c]) continue;
        snprintf(reason, REASON, "its ICC profile is damaged; say the colour space with --from");
        return -1;
    }
    table = integer ? (float *)malloc(3 * codes * sizeof *table) : NULL;
    if (integer && !table) snprintf(reason, REASON, "out of memory");
    if ((integer && !table) || image_make_room(image, type, reason)) {
        free(table);
        return -1;
    }
    for (c = 0; c < 3 && integer; c++)
        for (i = 0; i < codes; i++)
            table[c * codes + i] = (float)gmlp_curve_encode(
                space, (double)cmsEvalToneCurveFloat(curve[c], (float)i / (float)(codes - 1)), 0);
    for (i = n; i--;) {
        const size_t channel = i % 3;
        uint16_t code;
        float v;
        if (image->type == GMLP_U8) v = table[channel * codes + ((const uint8_t *)image->data)[i]];
        else if (image->type == GMLP_U16) v = table[channel * codes + ((const uint16_t *)image->data)[i]];
        else v = (float)gmlp_curve_encode(space, (double)cmsEvalToneCurveFloat(curve[channel], sample_at(image, i)), 0);
        code = (uint16_t)(v > 0 ? v < 1 ? v * 65535 + 0.5f : 65535 : 0);
        if (type == GMLP_F32) memcpy((uint8_t *)image->data + i * sizeof v, &v, sizeof v);
        else memcpy((uint8_t *)image->data + i * sizeof code, &code, sizeof code);
    }
    free(table);
    image->type = type;
    image->space = space;
    return 0;
}

/* All else: into ROMM, in float as colours may lie outside. */
static int convert_to_romm(gmlp_image *image, cmsHPROFILE profile, char reason[REASON]) {
    const size_t row = (size_t)image->width * 3;
    cmsHPROFILE linear = profile_of_space(GMLP_PROPHOTO_LINEAR);
    cmsHTRANSFORM transform =
        linear ? cmsCreateTransform(profile, TYPE_RGB_FLT, linear, TYPE_RGB_FLT, INTENT_RELATIVE_COLORIMETRIC,
                                    cmsFLAGS_NOOPTIMIZE | cmsFLAGS_NOCACHE)
               : NULL;
    gmlp_image from, to;
    gmlp_result status;
    float *code = (float *)malloc(row * sizeof *code);
    uint32_t y;
    size_t i;
    int bad;
    if (linear) cmsCloseProfile(linear);
    bad = !transform || !code || image_make_room(image, GMLP_F32, reason);
    if (!transform) snprintf(reason, REASON, "its ICC profile cannot be used; say the colour space with --from");
    else if (!code) snprintf(reason, REASON, "out of memory");
    for (y = image->height; !bad && y--;) {
        for (i = 0; i < row; i++) code[i] = sample_at(image, y * row + i);
        cmsDoTransform(transform, code, (float *)image->data + y * row, image->width);
    }
    if (transform) cmsDeleteTransform(transform);
    free(code);
    if (bad) return -1;
    image->type = GMLP_F32;
    from = to = *image;
    from.space = GMLP_PROPHOTO_LINEAR;
    to.space = GMLP_PROPHOTO;
    status = gmlp_convert(&from, &to, NULL);
    if (status) {
        snprintf(reason, REASON, "%s", gmlp_result_string(status));
        return -1;
    }
    *image = to;
    return 0;
}

/* PQ codes become those of Rec.2020, which hold every colour of the smaller primaries. */
static int convert_pq(gmlp_image *image, int linear, char reason[REASON]) {
    const int type = image->type == GMLP_U8 ? GMLP_U16 : image->type;
    const size_t row = (size_t)image->width * 3;
    gmlp_image from = *image, light, to;
    gmlp_result status = GMLP_OK;
    float *samples = (float *)malloc(row * sizeof *samples);
    uint32_t y;
    if (!samples) snprintf(reason, REASON, "out of memory");
    if (!samples || image_make_room(image, type, reason)) {
        free(samples);
        return -1;
    }
    from.height = 1;
    from.space = GMLP_REC2020_PQ;
    light = to = from;
    light.type = GMLP_F32;
    light.data = samples;
    to.type = type;
    for (y = image->height; y-- && !status;) {
        from.data = (uint8_t *)image->data + y * row * gmlp_pixel_size(from.type, 1);
        to.data = (uint8_t *)image->data + y * row * gmlp_pixel_size(type, 1);
        light.space = GMLP_REC2020_LINEAR;
        status = gmlp_convert(&from, &light, NULL);
        light.space = linear;
        if (!status) status = gmlp_convert(&light, &to, NULL);
    }
    free(samples);
    if (status) snprintf(reason, REASON, "%s", gmlp_result_string(status));
    image->type = type;
    image->space = GMLP_REC2020_PQ;
    return status ? -1 : 0;
}

/* How far apart, on a grid, the colours of a profile and of the same without its tables are at most. */
static double tables_from_matrix(cmsHPROFILE profile, cmsHPROFILE without) {
    enum { STEPS = 6 };
    cmsHPROFILE lab = cmsCreateLab4Profile(NULL);
    const cmsUInt32Number flags = cmsFLAGS_NOOPTIMIZE | cmsFLAGS_NOCACHE;
    cmsHTRANSFORM a = cmsCreateTransform(profile, TYPE_RGB_DBL, lab, TYPE_Lab_DBL, INTENT_RELATIVE_COLORIMETRIC, flags);
    cmsHTRANSFORM b = cmsCreateTransform(without, TYPE_RGB_DBL, lab, TYPE_Lab_DBL, INTENT_RELATIVE_COLORIMETRIC, flags);
    double most = a && b ? 0 : INFINITY;
    int i;
    for (i = 0; i < STEPS * STEPS * STEPS && a && b; i++) {
        const double rgb[3] = { i % STEPS / (STEPS - 1.0), i / STEPS % STEPS / (STEPS - 1.0),
                                i / (STEPS * STEPS) / (STEPS - 1.0) };
        cmsCIELab p, q;
        cmsDoTransform(a, rgb, &p, 1);
        cmsDoTransform(b, rgb, &q, 1);
        if (cmsDeltaE(&p, &q) > most) most = cmsDeltaE(&p, &q);
    }
    if (a) cmsDeleteTransform(a);
    if (b) cmsDeleteTransform(b);
    if (lab) cmsCloseProfile(lab);
    return most;
}

/* Little-CMS goes by a profile's tables where it has them beside a matrix and curves. */
static int tables_rule(cmsHPROFILE profile, const picture_facts *facts) {
    cmsHPROFILE without;
    double apart;
    size_t i;
    if (!cmsIsMatrixShaper(profile) || !has_tables(profile)) return 0;
    without = cmsOpenProfileFromMem(facts->icc, (cmsUInt32Number)facts->icc_size);
    if (!without) return 1;
    for (i = 0; i < TABLE_TAGS; i++) cmsWriteTag(without, table_tags[i], NULL);
    apart = tables_from_matrix(profile, without);
    cmsCloseProfile(without);
    return apart > 2; /* tables are coarse */
}

/* Red, green and blue of light must not lie in one plane. */
static int make_a_space(const double m[9]) {
    const double det =
        m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
    return isfinite(det) && fabs(det) > 1e-3;
}

static int colorants_make_a_space(cmsHPROFILE profile) {
    double m[9];
    int c;
    for (c = 0; c < 3; c++) {
        const cmsCIEXYZ *tag = (const cmsCIEXYZ *)cmsReadTag(profile, colorant_tags[c]);
        if (!tag) return 0;
        m[c] = tag->X;
        m[3 + c] = tag->Y;
        m[6 + c] = tag->Z;
    }
    return make_a_space(m);
}

/* The corners of a triangle in which the white point lies. */
static int chromaticities_make_a_space(const double xy[8]) {
    double m[9], area[3];
    int c;
    for (c = 0; c < 8; c++)
        if (!isfinite(xy[c])) return 0;
    for (c = 0; c < 3; c++) {
        const double *p = xy + 2 * c, *q = xy + (2 * c + 2) % 6;
        m[c] = p[0];
        m[3 + c] = p[1];
        m[6 + c] = 1 - p[0] - p[1];
        area[c] = (q[0] - p[0]) * (xy[7] - p[1]) - (q[1] - p[1]) * (xy[6] - p[0]);
    }
    return make_a_space(m) && xy[7] > 0 && area[0] * area[1] > 0 && area[1] * area[2] > 0;
}

static int apply_profile(gmlp_image *image, cmsHPROFILE profile, char reason[REASON]) {
    int primaries;
    image->space = space_of_profile(profile);
    if (image->space) return 0;
    primaries = cmsIsMatrixShaper(profile) ? space_of_colorants(profile) : GMLP_SPACE_NONE;
    return primaries ? convert_curves(image, profile, primaries, reason) : convert_to_romm(image, profile, reason);
}

static int is_of_device(cmsHPROFILE profile) {
    const cmsProfileClassSignature c = cmsGetDeviceClass(profile);
    return c == cmsSigInputClass || c == cmsSigDisplayClass || c == cmsSigOutputClass || c == cmsSigColorSpaceClass;
}

static int apply_icc(gmlp_image *image, const picture_facts *facts, char reason[REASON]) {
    cmsHPROFILE p = cmsOpenProfileFromMem(facts->icc, (cmsUInt32Number)facts->icc_size);
    const char *fault = !p ? "damaged" : !is_of_device(p) ? "not that of a picture (a link or an abstract one)" : NULL;
    uint8_t cicp[12];
    int bad, pq;
    if (!fault && cmsGetColorSpace(p) == cmsSigGrayData) {
        cmsHPROFILE grey = p;
        p = profile_of_grey(grey);
        cmsCloseProfile(grey);
        if (!p) fault = "damaged";
    }
    if (!fault && cmsGetColorSpace(p) != cmsSigRgbData) fault = "not of RGB";
    if (!fault && cmsIsMatrixShaper(p) && !has_tables(p) && !colorants_make_a_space(p))
        fault = "damaged: its colorants make no colour space";
    if (fault) {
        snprintf(reason, REASON, "its ICC profile is %s; say the colour space with --from", fault);
        if (p) cmsCloseProfile(p);
        return -1;
    }
    pq = cmsReadRawTag(p, CICP_TAG, cicp, sizeof cicp) == sizeof cicp ? primaries_of_pq(cicp + 8) : GMLP_SPACE_NONE;
    if (pq) bad = convert_pq(image, pq, reason);
    else bad = tables_rule(p, facts) ? convert_to_romm(image, p, reason) : apply_profile(image, p, reason);
    cmsCloseProfile(p);
    return bad;
}

/* A power curve, or sRGB's where only primaries are said. */
static int apply_gamma(gmlp_image *image, const picture_facts *facts, char reason[REASON]) {
    double xy[8];
    cmsToneCurve *curve;
    cmsHPROFILE p;
    int bad, c, is_srgb = 1;
    xy_of_space(GMLP_SRGB, xy);
    for (c = 0; c < 8; c++) is_srgb &= !facts->has_xy || fabs(xy[c] - facts->xy[c]) < 0.002;
    /* 2.2 is how writers without sRGB's chunk say sRGB; a code point means what it says */
    if (is_srgb && (facts->gamma == 0 || (facts->gamma_by != GAMMA_BY_CICP && fabs(facts->gamma - 2.2) < 0.01))) {
        image->space = GMLP_SRGB;
        return 0;
    }
    if (facts->gamma != 0 && !(facts->gamma > 0.1 && facts->gamma < 10)) {
        snprintf(reason, REASON, "its gamma (%g) cannot be right; say the colour space with --from", facts->gamma);
        return -1;
    }
    if (facts->has_xy && !chromaticities_make_a_space(facts->xy)) {
        snprintf(reason, REASON, "its chromaticities make no colour space; say it with --from");
        return -1;
    }
    curve = facts->gamma != 0 ? cmsBuildGamma(NULL, facts->gamma) : curve_of_space(GMLP_SRGB);
    p = profile_of_xy(facts->has_xy ? facts->xy : xy, curve);
    if (curve) cmsFreeToneCurve(curve);
    if (!p) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
    bad = apply_profile(image, p, reason);
    cmsCloseProfile(p);
    return bad;
}

/* H.273's further pairs, as chromaticities and an exponent; 1 if they are known. */
static int gamma_of_cicp(const uint8_t cicp[4], picture_facts *facts) {
    static const struct {
        uint8_t primaries;
        double xy[8];
    } others[] = { { 5, { .64, .33, .29, .60, .15, .06, .3127, .3290 } },        /* BT.601, 625 lines */
                   { 6, { .630, .340, .310, .595, .155, .070, .3127, .3290 } },  /* 525 lines */
                   { 7, { .630, .340, .310, .595, .155, .070, .3127, .3290 } },  /* SMPTE 240M */
                   { 22, { .630, .340, .295, .605, .155, .077, .3127, .3290 } } }; /* EBU 3213 */
    const int space = cicp[0] == 1 ? GMLP_SRGB : cicp[0] == 9 ? GMLP_REC2020 : cicp[0] == 12 ? GMLP_P3 : 0;
    size_t i;
    if (cicp[2] || cicp[3] != 1) return 0;
    facts->gamma_by = GAMMA_BY_CICP;
    facts->has_xy = space != 0;
    if (space) xy_of_space(space, facts->xy);
    for (i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].primaries == cicp[0]) {
            memcpy(facts->xy, others[i].xy, sizeof facts->xy);
            facts->has_xy = 1;
        }
    switch (cicp[1]) {
        case 1: case 6: case 14: case 15: facts->gamma = 2.4; break; /* as displays show it, by BT.1886 */
        case 4: facts->gamma = 2.2; break;
        case 5: facts->gamma = 2.8; break;
        case 8: facts->gamma = 1; break;
        case 13: facts->gamma = 0; break; /* sRGB's */
        default: return 0;
    }
    return facts->has_xy;
}

static int apply_cicp(gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    const uint8_t *cicp = facts->cicp;
    const int pq = primaries_of_pq(cicp);
    image->space = space_of_cicp(cicp);
    if (image->space) return 0;
    if (pq) return convert_pq(image, pq, reason);
    if (gamma_of_cicp(cicp, facts)) return apply_gamma(image, facts, reason);
    if (cicp[2] || cicp[3] != 1)
        snprintf(reason, REASON, "its cICP says matrix %d, full range %d, not RGB's 0, 1; say it with --from",
                 cicp[2], cicp[3]);
    else
        snprintf(reason, REASON, "its cICP says primaries %d, transfer %d, no known space's; say it with --from",
                 cicp[0], cicp[1]);
    return -1;
}

/* One of the two that is not sRGB's (or, of curves, video's, which is shown alike), and nobody says the other: not even
   sRGB's chunk can that be beside PQ and HLG. */
static int says_half(const picture_facts *facts) {
    static const uint8_t usual[] = { 1, 2, 6, 13, 14, 15 };
    const uint8_t *cicp = facts->cicp;
    const int others = facts->srgb || facts->gamma != 0 || facts->has_xy || facts->exif_space;
    if (cicp[0] == 2 && (cicp[1] == 16 || cicp[1] == 18)) return 1;
    return !others && (cicp[0] == 2 ? !memchr(usual, cicp[1], sizeof usual) : cicp[0] != 1 && cicp[1] == 2);
}
#define FROM "say the colour space with --from"

/* by said_by */
static const char *const who_said[SAID_BY_COUNT] = { "ICC profile", "camera raw", "KTX2 descriptor" };

/* In the order of the PNG standard, third edition. EXIF, which cameras write, comes last. */
int decide_space(picture *p, picture_facts *facts, int from_space, char reason[REASON]) {
    gmlp_image *image = &p->image;
    if (from_space) {
        p->space_from = "--from";
        image->space = from_space;
        return 0;
    }
    if (facts->space) {
        p->space_from = who_said[facts->said_by];
        image->space = facts->space;
        return 0;
    }
    if (facts->has_cicp && says_space(facts->cicp)) {
        p->space_from = "cICP";
        return apply_cicp(image, facts, reason);
    }
    if (*facts->icc_fault) {
        snprintf(reason, REASON, "%.100s; say the colour space with --from", facts->icc_fault);
        return -1;
    }
    if (facts->icc) {
        p->space_from = "ICC profile";
        return apply_icc(image, facts, reason);
    }
    if (facts->has_cicp && says_half(facts)) {
        const int transfer = facts->cicp[1];
        if (transfer == 2)
            snprintf(reason, REASON, "its cICP says primaries %d, but no transfer; " FROM, facts->cicp[0]);
        else if (transfer == 16 || transfer == 18)
            snprintf(reason, REASON, "its cICP says %s, but no primaries; " FROM, transfer == 16 ? "PQ" : "HLG");
        else snprintf(reason, REASON, "its cICP says transfer %d, but no primaries; " FROM, transfer);
        return -1;
    }
    image->space = GMLP_SRGB;
    p->space_from = "assumed";
    if (facts->srgb) p->space_from = "sRGB chunk";
    else if (facts->gamma != 0 || facts->has_xy) {
        if (facts->gamma_by == GAMMA_BY_CHUNK) p->space_from = "gAMA chunk";
        else if (facts->gamma_by == GAMMA_BY_CURVE) p->space_from = "TransferFunction";
        else if (facts->has_xy) p->space_from = "chromaticities";
        return apply_gamma(image, facts, reason);
    } else if (facts->exif_space == EXIF_OTHER_SPACE)
        picture_note(facts->notes, "its EXIF says that it is not in sRGB, but not in which space it is");
    else if (facts->exif_space) {
        p->space_from = "EXIF";
        image->space = facts->exif_space;
    }
    return 0;
}
