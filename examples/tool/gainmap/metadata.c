#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gainmap/metadata.h"
#include "pictures/directory.h"

enum { STOPS_MAX = 64 }; /* gains and headrooms beyond are damage, and would leave float's range */

double ultrahdr_weight(const ultrahdr_metadata *m, double headroom) {
    const double range = m->headroom_alternate - m->headroom_base;
    if (headroom == INFINITY || headroom == -INFINITY) return range >= 0 ? headroom > 0 : headroom > 0 ? 0 : -1;
    if (range == 0) return headroom >= m->headroom_alternate;
    return copysign(fmin(fmax((headroom - m->headroom_base) / range, 0), 1), range);
}

const char *metadata_fault(const ultrahdr_metadata *m) {
    int c;
    for (c = 0; c < 3; c++) {
        if (!(fabs(m->gain_min[c]) <= STOPS_MAX && fabs(m->gain_max[c]) <= STOPS_MAX))
            return "a limit of the gain is beyond 64 stops";
        if (m->gain_min[c] > m->gain_max[c]) return "the gain's minimum is above its maximum";
        if (!(m->gamma[c] >= 1e-3 && m->gamma[c] <= 1e3)) return "the gain map's gamma is not between 0.001 and 1000";
        if (!(fabs(m->offset_base[c]) <= 1e3 && fabs(m->offset_alternate[c]) <= 1e3))
            return "an offset of the gain map is beyond 1000";
    }
    if (!(m->headroom_base >= 0 && m->headroom_base <= STOPS_MAX && m->headroom_alternate >= 0 &&
          m->headroom_alternate <= STOPS_MAX))
        return "an HDR headroom is not between 0 and 64 stops";
    return NULL;
}

/* hdrgm */

#define HDRGM_FIELDS(X) /* name, default; NAN: required */ \
    X(GainMapMin, 0.0) X(GainMapMax, (double)NAN) X(Gamma, 1.0) X(OffsetSDR, 0.015625) X(OffsetHDR, 0.015625) \
    X(HDRCapacityMin, 0.0) X(HDRCapacityMax, (double)NAN)
#define FIELD_ENUM(name, value) name,
enum { HDRGM_FIELDS(FIELD_ENUM) FIELD_COUNT };
#define FIELD_ROW(name, value) \
    { #name, value, "hdrgm:" #name " is missing", "hdrgm:" #name " is not one number or three" },
static const struct {
    const char *name;
    double value;
    const char *missing, *malformed;
} hdrgm_fields[] = { HDRGM_FIELDS(FIELD_ROW) };

int metadata_in_xmp(slice packet) {
    properties x;
    slice name, value;
    int event;
    if (!xmp_properties_begin(&x, packet, HDRGM_URI)) return 0;
    while ((event = xmp_properties_next(&x, &name, &value)) != NO_MORE)
        if (event == VALUE && slice_equals(name, "Version")) return 1;
    return 0;
}

gmlp_result metadata_of_xmp(const uint8_t *file, slice packet, ultrahdr_metadata *m, gmlp_error *err) {
    double v[FIELD_COUNT][3];
    int count[FIELD_COUNT] = { 0 }, base_is_hdr = 0, event, i, c;
    const size_t at = xmp_offset(file, packet);
    properties x;
    slice name, value;
    xmp_properties_begin(&x, packet, HDRGM_URI);
    while ((event = xmp_properties_next(&x, &name, &value)) != NO_MORE) {
        if (event != VALUE) continue;
        if (slice_equals(name, "Version") && !slice_equals(value, "1.0"))
            return parse_failed(err, GMLP_E_NEWER, xmp_offset(file, value), "hdrgm:Version is not 1.0");
        if (slice_equals(name, "BaseRenditionIsHDR")) {
            base_is_hdr = slice_equals(value, "True");
            if (!base_is_hdr && !slice_equals(value, "False"))
                return parse_failed(err, GMLP_E_FIELD, xmp_offset(file, value),
                                    "hdrgm:BaseRenditionIsHDR is neither True nor False");
        }
        for (i = 0; i < FIELD_COUNT && !slice_equals(name, hdrgm_fields[i].name); i++) {}
        if (i == FIELD_COUNT) continue;
        if (count[i] == 3 || !slice_real(value, &v[i][count[i]]))
            return parse_failed(err, GMLP_E_FIELD, xmp_offset(file, value), hdrgm_fields[i].malformed);
        count[i]++;
    }
    for (i = 0; i < FIELD_COUNT; i++) {
        if (!count[i] && isnan(hdrgm_fields[i].value))
            return parse_failed(err, GMLP_E_FIELD, at, hdrgm_fields[i].missing);
        if (count[i] == 2 || (count[i] == 3 && i >= HDRCapacityMin))
            return parse_failed(err, GMLP_E_FIELD, at, hdrgm_fields[i].malformed);
        if (!count[i]) v[i][0] = hdrgm_fields[i].value;
        if (count[i] < 3) v[i][1] = v[i][2] = v[i][0];
    }
    memset(m, 0, sizeof *m);
    for (c = 0; c < 3; c++) {
        m->gain_min[c] = v[GainMapMin][c];
        m->gain_max[c] = v[GainMapMax][c];
        m->gamma[c] = v[Gamma][c];
        m->offset_base[c] = v[base_is_hdr ? OffsetHDR : OffsetSDR][c];
        m->offset_alternate[c] = v[base_is_hdr ? OffsetSDR : OffsetHDR][c];
    }
    if (v[HDRCapacityMin][0] > v[HDRCapacityMax][0])
        return parse_failed(err, GMLP_E_FIELD, at, "hdrgm:HDRCapacityMin is above hdrgm:HDRCapacityMax");
    m->headroom_base = v[base_is_hdr ? HDRCapacityMax : HDRCapacityMin][0];
    m->headroom_alternate = v[base_is_hdr ? HDRCapacityMin : HDRCapacityMax][0];
    return GMLP_OK;
}

/* Apple's own. */

int metadata_is_apple(slice packet) { return slice_contains(packet, APPLE_MAP_TYPE); }

/* One signed or unsigned rational of a maker note; NAN: there is none. */
static double maker_number(const tiff_bytes *note, uint64_t directory, uint32_t tag) {
    enum { RATIONAL = 5, SIGNED_RATIONAL = 10 };
    tiff_entry e;
    double n, d;
    if (!tiff_find(note, directory, tag, &e) || e.count != 1 || e.size != 8 ||
        (e.type != RATIONAL && e.type != SIGNED_RATIONAL))
        return (double)NAN;
    n = (double)tiff_number(note, e.at, 4);
    d = (double)tiff_number(note, e.at + 4, 4);
    if (e.type == SIGNED_RATIONAL) {
        if (n >= 2147483648.0) n -= 4294967296.0;
        if (d >= 2147483648.0) d -= 4294967296.0;
    }
    return d != 0 ? n / d : (double)NAN;
}

/* In stops, by what Apple says of the maker note's tags 33 and 48, which many files lack; NAN: 33, too. A note counts
   its offsets from its own start. */
static double maker_headroom(slice exif) {
    enum { HEAD = 14, HDR_HEADROOM = 33, HDR_GAIN = 48 };
    const uint8_t *bytes = (const uint8_t *)(const void *)exif.p;
    tiff_bytes f, note;
    tiff_entry e;
    double of33, of48, stops;
    if (!tiff_begins(bytes, exif.n)) return (double)NAN;
    f = tiff_bytes_of(bytes, exif.n);
    if (!tiff_find(&f, tiff_value(&f, tiff_first_directory(&f), TAG_EXIF), TAG_MAKER_NOTE, &e) || e.size < HEAD ||
        memcmp(bytes + e.at, "Apple iOS", 10))
        return (double)NAN;
    note = tiff_bytes_of(bytes + e.at, (size_t)e.size);
    note.big = 0;
    note.motorola = bytes[e.at + HEAD - 2] == 'M';
    of33 = maker_number(&note, HEAD, HDR_HEADROOM);
    of48 = maker_number(&note, HEAD, HDR_GAIN);
    if (isnan(of48)) of48 = 0;
    if (of33 < 1) stops = of48 <= 0.01 ? 1.8 - 20 * of48 : 1.601 - 0.101 * of48;
    else stops = of48 <= 0.01 ? 3 - 70 * of48 : 2.303 - 0.303 * of48;
    return isnan(of33) ? of33 : fmax(stops, 0);
}

gmlp_result metadata_of_apple(const uint8_t *file, slice packet, slice exif, ultrahdr_metadata *m, gmlp_error *err) {
    double said = 0, stops;
    properties x;
    slice name, value;
    int event, c;
    if (xmp_properties_begin(&x, packet, APPLE_MAP_URI))
        while ((event = xmp_properties_next(&x, &name, &value)) != NO_MORE)
            if (event == VALUE && slice_equals(name, "HDRGainMapHeadroom") && (!slice_real(value, &said) || said <= 0))
                return parse_failed(err, GMLP_E_FIELD, xmp_offset(file, value),
                                    "HDRGainMapHeadroom is not a number above 0");
    stops = said > 0 ? fmax(log2(said), 0) : maker_headroom(exif);
    if (isnan(stops))
        return parse_failed(err, GMLP_E_FIELD, xmp_offset(file, packet),
                            "has an Apple gain map, but neither that nor the camera's note says the headroom");
    memset(m, 0, sizeof *m);
    m->apple = 1;
    m->headroom_alternate = stops;
    for (c = 0; c < 3; c++) {
        m->gain_max[c] = stops;
        m->gamma[c] = 1;
    }
    return GMLP_OK;
}

/* ISO 21496-1 */

#define ISO_MULTICHANNEL 0x80
#define ISO_BASE_SPACE 0x40
#define ISO_COMMON_DENOMINATOR 0x08 /* not in the standard */

typedef struct rationals {
    const uint8_t *p;
    size_t n;
    uint32_t common; /* denominator, 0: each has its own */
    int truncated, zero;
} rationals;

static uint32_t next_u32(rationals *r) {
    uint32_t v;
    if (r->n < 4) {
        r->truncated = 1;
        return 0;
    }
    v = segment_number(r->p, 4, 0);
    r->p += 4;
    r->n -= 4;
    return v;
}

static double next_rational(rationals *r, int is_signed) {
    const uint32_t n = next_u32(r), d = r->common ? r->common : next_u32(r);
    const double numerator = is_signed && n >> 31 ? (double)n - 4294967296.0 : (double)n;
    if (!d) r->zero = 1;
    return d ? numerator / d : 0;
}

gmlp_result metadata_of_iso(const uint8_t *file, size_t at, size_t end, ultrahdr_metadata *m, gmlp_error *err) {
    rationals r = { NULL, 0, 0, 0, 0 };
    int flags, c;
    memset(m, 0, sizeof *m);
    if (end - at <= ISO_VERSIONS)
        return parse_failed(err, GMLP_E_TRUNCATED, end, "the ISO 21496-1 block ends too early");
    if (segment_number(file + at, 2, 0) > 0)
        return parse_failed(err, GMLP_E_NEWER, at, "the ISO 21496-1 block asks for a newer reader");
    flags = file[at + ISO_VERSIONS];
    r.p = file + at + ISO_VERSIONS + 1;
    r.n = end - at - ISO_VERSIONS - 1;
    if (flags & ISO_COMMON_DENOMINATOR) {
        r.common = next_u32(&r);
        r.zero = !r.common;
    }
    m->map_space = !(flags & ISO_BASE_SPACE);
    m->headroom_base = next_rational(&r, 0);
    m->headroom_alternate = next_rational(&r, 0);
    for (c = 0; c < 3; c++) {
        if (c && !(flags & ISO_MULTICHANNEL)) {
            m->gain_min[c] = m->gain_min[0];
            m->gain_max[c] = m->gain_max[0];
            m->gamma[c] = m->gamma[0];
            m->offset_base[c] = m->offset_base[0];
            m->offset_alternate[c] = m->offset_alternate[0];
            continue;
        }
        m->gain_min[c] = next_rational(&r, 1);
        m->gain_max[c] = next_rational(&r, 1);
        m->gamma[c] = next_rational(&r, 0);
        m->offset_base[c] = next_rational(&r, 1);
        m->offset_alternate[c] = next_rational(&r, 1);
    }
    if (r.truncated) return parse_failed(err, GMLP_E_TRUNCATED, end, "the ISO 21496-1 block ends too early");
    if (r.zero) return parse_failed(err, GMLP_E_FIELD, at, "the ISO 21496-1 block has a zero denominator");
    return GMLP_OK;
}

/* Writing. */

/* What all channels share goes into attributes, which the simplest readers know, the rest into lists. */
static void put_fields(buffer *b, double v[FIELD_COUNT][3], int lists) {
    int i;
    for (i = 0; i < FIELD_COUNT; i++) {
        const char *name = hdrgm_fields[i].name;
        const int same = v[i][0] == v[i][1] && v[i][0] == v[i][2];
        char text[256];
        if (same == lists) continue;
        if (same) snprintf(text, sizeof text, " hdrgm:%s=\"%.9f\"", name, v[i][0]);
        else
            snprintf(text, sizeof text,
                     "<hdrgm:%s><rdf:Seq><rdf:li>%.9f</rdf:li><rdf:li>%.9f</rdf:li><rdf:li>%.9f</rdf:li></rdf:Seq>"
                     "</hdrgm:%s>",
                     name, v[i][0], v[i][1], v[i][2], name);
        buffer_text(b, text);
    }
}

void metadata_put_xmp(buffer *b, const ultrahdr_metadata *m) {
    const int base_is_hdr = m->headroom_base > m->headroom_alternate;
    double v[FIELD_COUNT][3];
    int c;
    for (c = 0; c < 3; c++) {
        v[GainMapMin][c] = m->gain_min[c];
        v[GainMapMax][c] = m->gain_max[c];
        v[Gamma][c] = m->gamma[c];
        v[OffsetSDR][c] = base_is_hdr ? m->offset_alternate[c] : m->offset_base[c];
        v[OffsetHDR][c] = base_is_hdr ? m->offset_base[c] : m->offset_alternate[c];
        v[HDRCapacityMin][c] = fmin(m->headroom_base, m->headroom_alternate);
        v[HDRCapacityMax][c] = fmax(m->headroom_base, m->headroom_alternate);
    }
    buffer_text(b, PACKET_BEGIN DESCRIPTION "hdrgm:Version=\"1.0\"");
    if (base_is_hdr) buffer_text(b, " hdrgm:BaseRenditionIsHDR=\"True\"");
    put_fields(b, v, 0);
    buffer_text(b, ">");
    put_fields(b, v, 1);
    buffer_text(b, "</rdf:Description>" PACKET_END);
}

/* The denominator is the least power of two that is exact, or the largest for which both halves fit. */
static void put_rational(buffer *b, double v) {
    double d = 1;
    while (d < 1 << 30 && fabs(v) * d < 1 << 29 && v * d != floor(v * d)) d *= 2;
    buffer_number(b, (uint32_t)(int32_t)floor(v * d + 0.5), 4);
    buffer_number(b, (uint32_t)d, 4);
}

void metadata_put_iso(buffer *b, const ultrahdr_metadata *m) {
    int c, channels = 1;
    for (c = 1; c < 3; c++)
        if (m->gain_min[c] != m->gain_min[0] || m->gain_max[c] != m->gain_max[0] || m->gamma[c] != m->gamma[0] ||
            m->offset_base[c] != m->offset_base[0] || m->offset_alternate[c] != m->offset_alternate[0]) channels = 3;
    buffer_number(b, 0, ISO_VERSIONS);
    buffer_number(b, ISO_BASE_SPACE | (channels == 3 ? ISO_MULTICHANNEL : 0), 1);
    put_rational(b, m->headroom_base);
    put_rational(b, m->headroom_alternate);
    for (c = 0; c < channels; c++) {
        put_rational(b, m->gain_min[c]);
        put_rational(b, m->gain_max[c]);
        put_rational(b, m->gamma[c]);
        put_rational(b, m->offset_base[c]);
        put_rational(b, m->offset_alternate[c]);
    }
}
