#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gainmap/container.h"

#define XMP_ID "http://ns.adobe.com/xap/1.0/"
#define ISO_ID "urn:iso:std:iso:ts:21496:-1"
#define RDF_URI "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
#define HDRGM_URI "http://ns.adobe.com/hdr-gain-map/1.0/"
#define CONTAINER_URI "http://ns.google.com/photos/1.0/container/"
#define ITEM_URI "http://ns.google.com/photos/1.0/container/item/"

enum {
    SEGMENT_MAX = 65533, /* bytes after the length field */
    PICTURES_MAX = 16,   /* looked at in an MPF index */
    ITEMS_MAX = 16,      /* in a GContainer directory */
    STOPS_MAX = 64,      /* gains and headrooms beyond are damage, and would leave float's range */
    ISO_VERSIONS = 4,
    MPF_SIZE = 86
};

static gmlp_result failed(gmlp_error *err, gmlp_result result, size_t offset, const char *text) {
    if (err) {
        err->result = result;
        err->offset = offset;
        err->text = text;
    }
    return result;
}

/* Numbers of either byte order; the caller has checked that they are there. */
static uint32_t number(const uint8_t *p, size_t bytes, int little) {
    uint32_t v = 0;
    size_t i;
    for (i = 0; i < bytes; i++) v = v << 8 | p[little ? bytes - 1 - i : i];
    return v;
}

/* JPEG segments. Positions are the file's, as a picture may lie anywhere in it. */

typedef struct segment {
    int marker;
    size_t start, body, end; /* of the marker, of what follows the length field, of all */
} segment;

#define SOI 0xd8
#define EOI 0xd9
#define SOS 0xda

static gmlp_result picture_begin(const uint8_t *file, size_t at, size_t end, segment *s, gmlp_error *err) {
    if (at > end || end - at < 2) return failed(err, GMLP_E_TRUNCATED, end, "the file ends before the picture begins");
    if (file[at] != 0xff || file[at + 1] != SOI) return failed(err, GMLP_E_FORMAT, at, "this is not a JPEG picture");
    s->marker = SOI;
    s->start = at;
    s->body = s->end = at + 2;
    return GMLP_OK;
}

/* The segment after s. Fill bytes belong to the segment that they precede. */
static gmlp_result segment_next(const uint8_t *file, size_t end, segment *s, gmlp_error *err) {
    size_t i = s->end, n;
    s->start = i;
    if (i < end && file[i] != 0xff) return failed(err, GMLP_E_FORMAT, i, "a JPEG marker is missing");
    while (i < end && file[i] == 0xff) i++;
    if (i >= end) return failed(err, GMLP_E_TRUNCATED, end, "the JPEG picture ends within its header");
    s->marker = file[i++];
    s->body = s->end = i;
    if (s->marker == 0 || s->marker == SOI || s->marker == EOI) return failed(err, GMLP_E_FORMAT, i - 1, "a JPEG marker is out of place");
    if (s->marker == 1 || (s->marker >= 0xd0 && s->marker <= 0xd7)) return GMLP_OK; /* these have no length */
    if (end - i < 2) return failed(err, GMLP_E_TRUNCATED, end, "the JPEG picture ends within a segment");
    n = number(file + i, 2, 0);
    if (n < 2) return failed(err, GMLP_E_FORMAT, i, "a JPEG segment is shorter than its length field");
    if (end - i < n) return failed(err, GMLP_E_TRUNCATED, end, "the JPEG picture ends within a segment");
    s->body = i + 2;
    s->end = i + n;
    return GMLP_OK;
}

/* From a scan's header to the end of the picture. */
static gmlp_result picture_end(const uint8_t *file, size_t end, const segment *scan, size_t *out, gmlp_error *err) {
    segment s = *scan;
    for (;;) {
        const uint8_t *hit = (const uint8_t *)memchr(file + s.end, 0xff, end - s.end);
        size_t i = hit ? (size_t)(hit - file) : end, mark = i;
        gmlp_result r;
        while (i < end && file[i] == 0xff) i++;
        if (i >= end) return failed(err, GMLP_E_TRUNCATED, end, "the JPEG picture has no end");
        s.end = i + 1;
        if (file[i] == EOI) break;
        if (file[i] == 0 || (file[i] >= 0xd0 && file[i] <= 0xd7)) continue;
        s.end = mark;
        if ((r = segment_next(file, end, &s, err)) != GMLP_OK) return r;
    }
    *out = s.end;
    return GMLP_OK;
}

static int has_id(const uint8_t *file, const segment *s, int marker, const char *id, size_t id_size) {
    return s->marker == marker && s->end - s->body >= id_size && !memcmp(file + s->body, id, id_size);
}
#define IS_XMP(file, s) has_id(file, s, 0xe1, XMP_ID, sizeof XMP_ID) /* with its NUL */
#define IS_ISO(file, s) has_id(file, s, 0xe2, ISO_ID, sizeof ISO_ID)
#define IS_MPF(file, s) has_id(file, s, 0xe2, "MPF", 4)

/* XML as far as XMP goes: tags, attributes and the text before a tag; entities stay as they are. */

typedef struct slice {
    const char *p;
    size_t n;
} slice;

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static slice packet_of(const uint8_t *file, const segment *s) {
    slice packet;
    packet.p = (const char *)(const void *)(file + s->body + sizeof XMP_ID);
    packet.n = s->end - s->body - sizeof XMP_ID;
    return packet;
}

static slice trimmed(slice s) {
    while (s.n && is_space(*s.p)) s.p++, s.n--;
    while (s.n && is_space(s.p[s.n - 1])) s.n--;
    return s;
}

static int equals(slice s, const char *text) { return s.n == strlen(text) && !memcmp(s.p, text, s.n); }

static int starts(slice s, const char *text) {
    const size_t n = strlen(text);
    return s.n >= n && !memcmp(s.p, text, n);
}

/* Moves s behind the next such text; 0 if there is none. */
static int skip_past(slice *s, const char *text) {
    const size_t n = strlen(text);
    while (s->n >= n) {
        const char *hit = (const char *)memchr(s->p, text[0], s->n - n + 1);
        if (!hit) break;
        s->n -= (size_t)(hit - s->p);
        s->p = hit;
        if (!memcmp(hit, text, n)) {
            s->p += n;
            s->n -= n;
            return 1;
        }
        s->p++;
        s->n--;
    }
    return 0;
}

typedef struct tag {
    slice name, attributes, before;
    const char *start;
    int closes, empty; /* </name>; <name/> */
} tag;

static int next_tag(slice *rest, tag *t) {
    size_t i;
    char quote = 0;
    memset(t, 0, sizeof *t);
    for (;;) {
        t->before = *rest;
        if (!skip_past(rest, "<")) return 0;
        t->start = rest->p - 1;
        t->before.n = (size_t)(t->start - t->before.p);
        if (starts(*rest, "!--")) {
            if (!skip_past(rest, "-->")) return 0;
        } else if (starts(*rest, "![CDATA[")) {
            if (!skip_past(rest, "]]>")) return 0;
        } else if (starts(*rest, "?") || starts(*rest, "!")) {
            if (!skip_past(rest, ">")) return 0;
        } else break;
    }
    for (i = 0; i < rest->n && (quote || rest->p[i] != '>'); i++) {
        if (quote) quote = rest->p[i] == quote ? 0 : quote;
        else if (rest->p[i] == '"' || rest->p[i] == '\'') quote = rest->p[i];
    }
    if (i == rest->n) return 0;
    t->attributes.p = rest->p;
    t->attributes.n = i;
    rest->p += i + 1;
    rest->n -= i + 1;
    t->closes = starts(t->attributes, "/");
    if (t->closes) t->attributes.p++, t->attributes.n--;
    t->empty = t->attributes.n && t->attributes.p[t->attributes.n - 1] == '/';
    if (t->empty) t->attributes.n--;
    t->name.p = t->attributes.p;
    while (t->attributes.n && !is_space(*t->attributes.p)) t->attributes.p++, t->attributes.n--;
    t->name.n = (size_t)(t->attributes.p - t->name.p);
    return 1;
}

static int next_attribute(slice *rest, slice *name, slice *value) {
    const char *equal, *close;
    *rest = trimmed(*rest);
    equal = rest->n ? (const char *)memchr(rest->p, '=', rest->n) : NULL;
    if (!equal) return 0;
    name->p = rest->p;
    name->n = (size_t)(equal - rest->p);
    *name = trimmed(*name);
    rest->n -= (size_t)(equal + 1 - rest->p);
    rest->p = equal + 1;
    *rest = trimmed(*rest);
    if (!rest->n || (*rest->p != '"' && *rest->p != '\'')) return 0;
    close = (const char *)memchr(rest->p + 1, *rest->p, rest->n - 1);
    if (!close) return 0;
    value->p = rest->p + 1;
    value->n = (size_t)(close - value->p);
    rest->n -= value->n + 2;
    rest->p = close + 1;
    return 1;
}

/* The prefix that a packet gives a namespace; n is 0 if it does not use it. */
static slice prefix_of(slice packet, const char *uri) {
    slice name, value, none = { NULL, 0 };
    tag t;
    while (next_tag(&packet, &t))
        while (next_attribute(&t.attributes, &name, &value))
            if (starts(name, "xmlns:") && equals(value, uri)) {
                name.p += 6;
                name.n -= 6;
                return name;
            }
    return none;
}

/* name without prefix and colon, empty if the prefix is another. */
static slice local_name(slice name, slice prefix) {
    slice local = { name.p, 0 };
    if (prefix.n && name.n > prefix.n && !memcmp(name.p, prefix.p, prefix.n) && name.p[prefix.n] == ':') {
        local.p = name.p + prefix.n + 1;
        local.n = name.n - prefix.n - 1;
    }
    return local;
}

/* Of RDF's own names there are few enough to go without their prefix. */
static int is_rdf(slice name, const char *local) {
    const size_t n = strlen(local);
    return equals(name, local) || (name.n > n && name.p[name.n - n - 1] == ':' && !memcmp(name.p + name.n - n, local, n));
}

/* The properties of one namespace, whether attributes or elements; a list gives its values one by one. List items
   that are no values, the resources of a directory, are told as they begin. */
typedef struct properties {
    slice rest, prefix, attributes, open;
    int listed; /* values of the open element */
} properties;

enum { NO_MORE, VALUE, ITEM };

static int properties_begin(properties *x, slice packet, const char *uri) {
    memset(x, 0, sizeof *x);
    x->rest = packet;
    x->prefix = prefix_of(packet, uri);
    return x->prefix.n != 0;
}

static int properties_next(properties *x, slice *name, slice *value) {
    tag t;
    for (;;) {
        slice any;
        while (next_attribute(&x->attributes, &any, value)) {
            *name = local_name(any, x->prefix);
            if (name->n) return VALUE;
        }
        x->attributes.n = 0;
        if (!next_tag(&x->rest, &t)) return NO_MORE;
        *name = x->open;
        *value = trimmed(t.before);
        if (!t.closes) {
            x->attributes = t.attributes;
            any = local_name(t.name, x->prefix);
            if (any.n && !t.empty) {
                x->open = any;
                x->listed = 0;
            } else if (!x->open.n && is_rdf(t.name, "li")) return ITEM;
        } else if (x->open.n && is_rdf(t.name, "li")) {
            x->listed++;
            return VALUE;
        } else if (x->open.n && local_name(t.name, x->prefix).n) {
            x->open.n = 0;
            if (!x->listed) return VALUE;
        }
    }
}

static int parse_real(slice s, double *v) {
    char text[64], *end;
    if (!s.n || s.n >= sizeof text) return 0;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    *v = strtod(text, &end);
    return !*end && isfinite(*v);
}

static int parse_length(slice s, size_t *v) {
    size_t i;
    *v = 0;
    for (i = 0; i < s.n; i++) {
        const size_t digit = (size_t)(s.p[i] - '0');
        if (s.p[i] < '0' || s.p[i] > '9' || *v > ((size_t)-1 - digit) / 10) return 0;
        *v = *v * 10 + digit;
    }
    return s.n > 0;
}

/* Metadata. */

double ultrahdr_weight(const ultrahdr_metadata *m, double headroom) {
    const double range = m->headroom_alternate - m->headroom_base;
    if (headroom == INFINITY || headroom == -INFINITY) return range >= 0 ? headroom > 0 : headroom > 0 ? 0 : -1;
    if (range == 0) return headroom >= m->headroom_alternate;
    return copysign(fmin(fmax((headroom - m->headroom_base) / range, 0), 1), range);
}

/* NULL, or what is wrong with it. */
static const char *metadata_fault(const ultrahdr_metadata *m) {
    int c;
    for (c = 0; c < 3; c++) {
        if (!(fabs(m->gain_min[c]) <= STOPS_MAX && fabs(m->gain_max[c]) <= STOPS_MAX)) return "a limit of the gain is beyond 64 stops";
        if (m->gain_min[c] > m->gain_max[c]) return "the gain's minimum is above its maximum";
        if (!(m->gamma[c] >= 1e-3 && m->gamma[c] <= 1e3)) return "the gain map's gamma is not between 0.001 and 1000";
        if (!(fabs(m->offset_base[c]) <= 1e3 && fabs(m->offset_alternate[c]) <= 1e3)) return "an offset of the gain map is beyond 1000";
    }
    if (!(m->headroom_base >= 0 && m->headroom_base <= STOPS_MAX && m->headroom_alternate >= 0 && m->headroom_alternate <= STOPS_MAX))
        return "an HDR headroom is not between 0 and 64 stops";
    return NULL;
}

/* hdrgm */

#define HDRGM_FIELDS(X) /* name, default; NAN: required */ \
    X(GainMapMin, 0.0) X(GainMapMax, (double)NAN) X(Gamma, 1.0) X(OffsetSDR, 0.015625) X(OffsetHDR, 0.015625) \
    X(HDRCapacityMin, 0.0) X(HDRCapacityMax, (double)NAN)
#define FIELD_ENUM(name, value) name,
enum { HDRGM_FIELDS(FIELD_ENUM) FIELD_COUNT };
#define FIELD_ROW(name, value) { #name, value, "hdrgm:" #name " is missing", "hdrgm:" #name " is not one number or three" },
static const struct {
    const char *name;
    double value;
    const char *missing, *malformed;
} hdrgm_fields[] = { HDRGM_FIELDS(FIELD_ROW) };

static size_t offset_in(const uint8_t *file, slice s) { return (size_t)((const uint8_t *)(const void *)s.p - file); }

static int has_hdrgm(slice packet) {
    properties x;
    slice name, value;
    int event;
    if (!properties_begin(&x, packet, HDRGM_URI)) return 0;
    while ((event = properties_next(&x, &name, &value)) != NO_MORE)
        if (event == VALUE && equals(name, "Version")) return 1;
    return 0;
}

static gmlp_result metadata_of_xmp(const uint8_t *file, slice packet, ultrahdr_metadata *m, gmlp_error *err) {
    double v[FIELD_COUNT][3];
    int count[FIELD_COUNT] = { 0 }, base_is_hdr = 0, event, i, c;
    const size_t at = offset_in(file, packet);
    properties x;
    slice name, value;
    properties_begin(&x, packet, HDRGM_URI);
    while ((event = properties_next(&x, &name, &value)) != NO_MORE) {
        if (event != VALUE) continue;
        if (equals(name, "Version") && !equals(value, "1.0"))
            return failed(err, GMLP_E_VERSION, offset_in(file, value), "hdrgm:Version is not 1.0");
        if (equals(name, "BaseRenditionIsHDR")) {
            base_is_hdr = equals(value, "True");
            if (!base_is_hdr && !equals(value, "False"))
                return failed(err, GMLP_E_FIELD, offset_in(file, value), "hdrgm:BaseRenditionIsHDR is neither True nor False");
        }
        for (i = 0; i < FIELD_COUNT && !equals(name, hdrgm_fields[i].name); i++) {}
        if (i == FIELD_COUNT) continue;
        if (count[i] == 3 || !parse_real(value, &v[i][count[i]]))
            return failed(err, GMLP_E_FIELD, offset_in(file, value), hdrgm_fields[i].malformed);
        count[i]++;
    }
    for (i = 0; i < FIELD_COUNT; i++) {
        if (!count[i] && isnan(hdrgm_fields[i].value)) return failed(err, GMLP_E_FIELD, at, hdrgm_fields[i].missing);
        if (count[i] == 2 || (count[i] == 3 && i >= HDRCapacityMin)) return failed(err, GMLP_E_FIELD, at, hdrgm_fields[i].malformed);
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
        return failed(err, GMLP_E_FIELD, at, "hdrgm:HDRCapacityMin is above hdrgm:HDRCapacityMax");
    m->headroom_base = v[base_is_hdr ? HDRCapacityMax : HDRCapacityMin][0];
    m->headroom_alternate = v[base_is_hdr ? HDRCapacityMin : HDRCapacityMax][0];
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
    v = number(r->p, 4, 0);
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

static gmlp_result metadata_of_iso(const uint8_t *file, size_t at, size_t end, ultrahdr_metadata *m, gmlp_error *err) {
    rationals r = { NULL, 0, 0, 0, 0 };
    int flags, c;
    memset(m, 0, sizeof *m);
    if (end - at <= ISO_VERSIONS) return failed(err, GMLP_E_TRUNCATED, end, "the ISO 21496-1 block ends too early");
    if (number(file + at, 2, 0) > 0) return failed(err, GMLP_E_VERSION, at, "the ISO 21496-1 block asks for a newer reader");
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
    if (r.truncated) return failed(err, GMLP_E_TRUNCATED, end, "the ISO 21496-1 block ends too early");
    if (r.zero) return failed(err, GMLP_E_FIELD, at, "the ISO 21496-1 block has a zero denominator");
    return GMLP_OK;
}

/* The metadata of the picture at at, which ends before end. GMLP_E_NOT_FOUND: it is no gain map. */
static gmlp_result read_metadata(const uint8_t *file, size_t at, size_t end, ultrahdr_parts *out, gmlp_error *err) {
    size_t iso = 0, iso_end = 0;
    slice packet = { NULL, 0 };
    gmlp_result r;
    segment s;
    const char *fault;
    if ((r = picture_begin(file, at, end, &s, err)) != GMLP_OK) return r;
    do {
        if ((r = segment_next(file, end, &s, err)) != GMLP_OK) return r;
        if (!iso && IS_ISO(file, &s) && s.end - s.body > sizeof ISO_ID + ISO_VERSIONS) { /* shorter ones only announce it */
            iso = s.body + sizeof ISO_ID;
            iso_end = s.end;
        } else if (!packet.n && IS_XMP(file, &s)) {
            packet = packet_of(file, &s);
            if (!has_hdrgm(packet)) packet.n = 0;
        }
    } while (s.marker != SOS);
    r = GMLP_E_NOT_FOUND;
    if (iso) {
        r = metadata_of_iso(file, iso, iso_end, &out->metadata, err);
        out->metadata_from = "ISO 21496-1";
    }
    if (packet.n && (!iso || r == GMLP_E_VERSION)) { /* what a newer block needs to be read may be in the XMP too */
        r = metadata_of_xmp(file, packet, &out->metadata, err);
        out->metadata_from = "XMP";
    }
    if (r == GMLP_E_NOT_FOUND) return failed(err, r, at, "the picture has no gain map metadata");
    if (r == GMLP_OK && (fault = metadata_fault(&out->metadata)) != NULL) return failed(err, GMLP_E_FIELD, at, fault);
    return r;
}

/* Finding the map. */

static gmlp_result try_picture(const uint8_t *file, size_t at, size_t size, ultrahdr_parts *out, gmlp_error *err) {
    if (size < 2 || file[at] != 0xff || file[at + 1] != SOI)
        return failed(err, GMLP_E_FORMAT, at, "there is no JPEG picture where the gain map should be");
    out->map_offset = at;
    out->map_size = size;
    return read_metadata(file, at, at + size, out, err);
}

/* Offsets within an MPF segment count from its byte order mark, which is at at. */
static gmlp_result find_by_mpf(const uint8_t *file, size_t size, size_t at, size_t end, ultrahdr_parts *out, gmlp_error *err) {
    const size_t room = end - at;
    const char *const damaged = "the MPF index is damaged";
    size_t directory, entries = 0, entry_count = 0, i, tags;
    gmlp_result r = GMLP_E_NOT_FOUND;
    int little;
    if (room < 8) return failed(err, GMLP_E_FORMAT, at, damaged);
    little = !memcmp(file + at, "II*", 4);
    if (!little && memcmp(file + at, "MM\0*", 4)) return failed(err, GMLP_E_FORMAT, at, "the MPF index has no byte order mark");
    directory = number(file + at + 4, 4, little);
    if (directory > room || room - directory < 2) return failed(err, GMLP_E_FORMAT, at + 4, damaged);
    tags = number(file + at + directory, 2, little);
    directory += 2;
    if ((room - directory) / 12 < tags) return failed(err, GMLP_E_FORMAT, at + directory - 2, damaged);
    for (i = 0; i < tags; i++) {
        const uint8_t *p = file + at + directory + 12 * i;
        if (number(p, 2, little) != 0xb002) continue;
        entry_count = number(p + 4, 4, little) / 16;
        entries = number(p + 8, 4, little);
        if (entries > room || (room - entries) / 16 < entry_count) return failed(err, GMLP_E_FORMAT, at + directory + 12 * i, damaged);
    }
    if (entry_count > PICTURES_MAX) return failed(err, GMLP_E_LIMIT, at, "the MPF index lists more than 16 pictures");
    for (i = 1; i < entry_count; i++) { /* the first is the base */
        const size_t where = at + entries + 16 * i;
        const size_t length = number(file + where + 4, 4, little), offset = number(file + where + 8, 4, little);
        if (offset > size - at || length > size - at - offset)
            return failed(err, GMLP_E_TRUNCATED, where, "the gain map's MPF entry points past the end of the file");
        if (at + offset < out->base_size) return failed(err, GMLP_E_FIELD, where, "the gain map's MPF entry points into the base picture");
        r = try_picture(file, at + offset, length, out, err);
        if (r != GMLP_E_NOT_FOUND) return r;
    }
    return failed(err, r, at, "no picture of the MPF index has gain map metadata");
}

/* Items follow each other from the base's end on, in the directory's order. GMLP_E_NOT_FOUND: no gain map among them. */
static gmlp_result find_by_container(const uint8_t *file, size_t size, slice packet, ultrahdr_parts *out, gmlp_error *err) {
    struct {
        slice semantic;
        size_t length, padding;
    } items[ITEMS_MAX];
    size_t count = 0, begins = 1, at = out->base_size, i;
    const size_t where = packet.n ? offset_in(file, packet) : 0;
    properties x;
    slice name, value;
    int event;
    memset(items, 0, sizeof items);
    if (packet.n && properties_begin(&x, packet, ITEM_URI))
        while ((event = properties_next(&x, &name, &value)) != NO_MORE) {
            if (event == ITEM) {
                begins = 1; /* or another list's */
                continue;
            }
            if (begins && count == ITEMS_MAX)
                return failed(err, GMLP_E_LIMIT, where, "the GContainer directory lists more than 16 items");
            count += begins;
            begins = 0;
            if (equals(name, "Semantic")) items[count - 1].semantic = value;
            else if ((equals(name, "Length") && !parse_length(value, &items[count - 1].length)) ||
                     (equals(name, "Padding") && !parse_length(value, &items[count - 1].padding)))
                return failed(err, GMLP_E_FIELD, offset_in(file, value), "a length in the GContainer directory is not a number");
        }
    for (i = 0; i < count; i++) {
        const size_t length = i ? items[i].length : items[i].padding; /* a first item's length is what the base has */
        if (length > size - at)
            return failed(err, GMLP_E_TRUNCATED, where, "the gain map's GContainer item ends past the end of the file");
        if (i && equals(items[i].semantic, "GainMap")) return try_picture(file, at, length, out, err);
        at += length;
    }
    return failed(err, GMLP_E_NOT_FOUND, out->base_size,
                  "the file has no gain map: neither an MPF index nor a GContainer directory lists one");
}

gmlp_result ultrahdr_parse(const void *bytes, size_t size, ultrahdr_parts *out, gmlp_error *err) {
    const uint8_t *file = (const uint8_t *)bytes;
    size_t mpf = 0, mpf_end = 0;
    slice packet = { NULL, 0 };
    gmlp_result r;
    segment s;
    memset(out, 0, sizeof *out);
    if ((r = picture_begin(file, 0, size, &s, err)) != GMLP_OK) return r;
    do {
        if ((r = segment_next(file, size, &s, err)) != GMLP_OK) return r;
        if (!mpf && IS_MPF(file, &s)) {
            mpf = s.body + 4;
            mpf_end = s.end;
        } else if (!packet.n && IS_XMP(file, &s)) {
            packet = packet_of(file, &s);
            if (!prefix_of(packet, ITEM_URI).n) packet.n = 0;
        }
    } while (s.marker != SOS);
    if ((r = picture_end(file, size, &s, &out->base_size, err)) != GMLP_OK) return r;
    if (mpf) {
        r = find_by_mpf(file, size, mpf, mpf_end, out, err);
        out->map_from = "MPF";
    } else {
        r = find_by_container(file, size, packet, out, err);
        out->map_from = "GContainer";
    }
    if (r != GMLP_OK) memset(out, 0, sizeof *out);
    return r;
}

/* Writing. */

typedef struct buffer {
    uint8_t *p;
    size_t n, capacity;
    int failed;
} buffer;

static void put(buffer *b, const void *bytes, size_t n) {
    if (!n || b->failed) return;
    if (n > b->capacity - b->n) {
        const size_t most = (size_t)-1 / 2;
        const size_t capacity = n > most - b->n ? 0 : (b->n + n) * 2;
        uint8_t *p = capacity ? (uint8_t *)realloc(b->p, capacity) : NULL;
        if (!p) {
            b->failed = 1;
            return;
        }
        b->p = p;
        b->capacity = capacity;
    }
    memcpy(b->p + b->n, bytes, n);
    b->n += n;
}

static void put_text(buffer *b, const char *text) { put(b, text, strlen(text)); }

static void put_number(buffer *b, size_t v, size_t bytes) {
    uint8_t p[4];
    size_t i;
    for (i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> 8 * (bytes - 1 - i) & 255);
    put(b, p, bytes);
}

static void put_segment(buffer *b, int marker, const char *id, size_t id_size, const void *bytes, size_t n) {
    put_number(b, 0xff00u | (unsigned)marker, 2);
    put_number(b, 2 + id_size + n, 2);
    put(b, id, id_size);
    put(b, bytes, n);
}

#define PACKET_BEGIN "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>" \
    "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"" RDF_URI "\">"
#define PACKET_END "</rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>"
#define DESCRIPTION "<rdf:Description rdf:about=\"\" xmlns:rdf=\"" RDF_URI "\" xmlns:hdrgm=\"" HDRGM_URI "\" "

static void put_directory(buffer *b, size_t map_size) {
    char length[32];
    snprintf(length, sizeof length, "%lu", (unsigned long)map_size);
    put_text(b, DESCRIPTION "xmlns:Container=\"" CONTAINER_URI "\" xmlns:Item=\"" ITEM_URI "\" hdrgm:Version=\"1.0\">"
                "<Container:Directory><rdf:Seq><rdf:li rdf:parseType=\"Resource\">"
                "<Container:Item Item:Semantic=\"Primary\" Item:Mime=\"image/jpeg\"/></rdf:li><rdf:li rdf:parseType=\"Resource\">"
                "<Container:Item Item:Semantic=\"GainMap\" Item:Mime=\"image/jpeg\" Item:Length=\"");
    put_text(b, length);
    put_text(b, "\"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description>");
}

/* What all channels share goes into attributes, which the simplest readers know, the rest into lists. */
static void put_fields(buffer *b, double v[FIELD_COUNT][3], int lists) {
    int i;
    for (i = 0; i < FIELD_COUNT; i++) {
        const char *name = hdrgm_fields[i].name;
        const int same = v[i][0] == v[i][1] && v[i][0] == v[i][2];
        char text[256];
        if (same == lists) continue;
        if (same) snprintf(text, sizeof text, " hdrgm:%s=\"%.9f\"", name, v[i][0]);
        else snprintf(text, sizeof text, "<hdrgm:%s><rdf:Seq><rdf:li>%.9f</rdf:li><rdf:li>%.9f</rdf:li><rdf:li>%.9f</rdf:li></rdf:Seq></hdrgm:%s>",
                      name, v[i][0], v[i][1], v[i][2], name);
        put_text(b, text);
    }
}

static void put_hdrgm(buffer *b, const ultrahdr_metadata *m) {
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
    put_text(b, PACKET_BEGIN DESCRIPTION "hdrgm:Version=\"1.0\"");
    if (base_is_hdr) put_text(b, " hdrgm:BaseRenditionIsHDR=\"True\"");
    put_fields(b, v, 0);
    put_text(b, ">");
    put_fields(b, v, 1);
    put_text(b, "</rdf:Description>" PACKET_END);
}

/* The denominator is the least power of two that is exact, or the largest for which both halves fit. */
static void put_rational(buffer *b, double v) {
    double d = 1;
    while (d < 1 << 30 && fabs(v) * d < 1 << 29 && v * d != floor(v * d)) d *= 2;
    put_number(b, (uint32_t)(int32_t)floor(v * d + 0.5), 4);
    put_number(b, (uint32_t)d, 4);
}

static void put_iso(buffer *b, const ultrahdr_metadata *m) {
    int c, channels = 1;
    for (c = 1; c < 3; c++)
        if (m->gain_min[c] != m->gain_min[0] || m->gain_max[c] != m->gain_max[0] || m->gamma[c] != m->gamma[0] ||
            m->offset_base[c] != m->offset_base[0] || m->offset_alternate[c] != m->offset_alternate[0]) channels = 3;
    put_number(b, 0, ISO_VERSIONS);
    put_number(b, ISO_BASE_SPACE | (channels == 3 ? ISO_MULTICHANNEL : 0), 1);
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

/* The picture with its metadata, which goes behind a JFIF segment. */
static gmlp_result put_map(buffer *b, const uint8_t *map, size_t size, const ultrahdr_metadata *m, gmlp_error *err) {
    const char *const text = "the gain map is not a plain JPEG picture";
    buffer block = { NULL, 0, 0, 0 };
    size_t end, after = 2;
    segment s;
    if (picture_begin(map, 0, size, &s, NULL) != GMLP_OK) return failed(err, GMLP_E_ARGUMENT, 0, text);
    do {
        if (segment_next(map, size, &s, NULL) != GMLP_OK || IS_XMP(map, &s) || IS_ISO(map, &s) || IS_MPF(map, &s))
            return failed(err, GMLP_E_ARGUMENT, 0, text);
        if (s.marker == 0xe0 && s.start == 2) after = s.end;
    } while (s.marker != SOS);
    if (picture_end(map, size, &s, &end, NULL) != GMLP_OK || end != size) return failed(err, GMLP_E_ARGUMENT, 0, text);
    put(b, map, after);
    put_hdrgm(&block, m);
    put_segment(b, 0xe1, XMP_ID, sizeof XMP_ID, block.p, block.n);
    block.n = 0;
    put_iso(&block, m);
    put_segment(b, 0xe2, ISO_ID, sizeof ISO_ID, block.p, block.n);
    put(b, map + after, size - after);
    b->failed |= block.failed;
    free(block.p);
    return b->failed ? failed(err, GMLP_E_MEMORY, 0, "out of memory") : GMLP_OK;
}

/* Two pictures; what is not yet known is left 0. */
static void put_mpf(buffer *b) {
    static const uint8_t head[] = { 'M', 'P', 'F', 0, 'M', 'M', 0, '*', 0, 0, 0, 8, 0, 3,
        0xb0, 0, 0, 7, 0, 0, 0, 4, '0', '1', '0', '0', /* version */
        0xb0, 1, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2,         /* number of pictures */
        0xb0, 2, 0, 7, 0, 0, 0, 32, 0, 0, 0, 50,       /* their entries, 50 bytes from "MM" on */
        0, 0, 0, 0,                                    /* no further directory */
        0, 3, 0, 0 };                                  /* the first one is the primary picture */
    uint8_t bytes[MPF_SIZE] = { 0 };
    memcpy(bytes, head, sizeof head);
    put_segment(b, 0xe2, NULL, 0, bytes, sizeof bytes);
}

static void set_u32(uint8_t *p, size_t v) {
    int i;
    for (i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i) & 255);
}

/* What the base has in its header. */
typedef struct base_layout {
    size_t insert;                     /* where the first segment begins that is no APPn and no comment */
    size_t xmp, packet, join, xmp_end; /* the XMP segment, its packet and where that is added to; 0: none */
} base_layout;

static gmlp_result look_at_base(const uint8_t *base, size_t size, base_layout *out, gmlp_error *err) {
    size_t end;
    gmlp_result r;
    segment s;
    memset(out, 0, sizeof *out);
    if ((r = picture_begin(base, 0, size, &s, err)) != GMLP_OK) return r;
    do {
        if ((r = segment_next(base, size, &s, err)) != GMLP_OK) return r;
        if (!out->insert && (s.marker < 0xe0 || s.marker > 0xef) && s.marker != 0xfe) out->insert = s.start;
        if (IS_MPF(base, &s) || IS_ISO(base, &s))
            return failed(err, GMLP_E_FIELD, s.start, "the base already has a gain map or another picture behind it");
        if (!out->xmp && IS_XMP(base, &s)) {
            slice packet = packet_of(base, &s), rest = packet;
            tag t;
            if (prefix_of(packet, HDRGM_URI).n || prefix_of(packet, ITEM_URI).n)
                return failed(err, GMLP_E_FIELD, s.start, "the base's XMP already tells of a gain map or of other pictures");
            while (next_tag(&rest, &t))
                if (t.closes && is_rdf(t.name, "RDF")) out->join = s.body + sizeof XMP_ID + (size_t)(t.start - packet.p);
            if (!out->join) return failed(err, GMLP_E_FORMAT, s.start, "the base's XMP has no end of rdf:RDF to add to");
            out->insert = 0; /* new segments go behind this one */
            out->xmp = s.start;
            out->packet = s.body + sizeof XMP_ID;
            out->xmp_end = s.end;
        }
    } while (s.marker != SOS);
    if ((r = picture_end(base, size, &s, &end, err)) != GMLP_OK) return r;
    return end == size ? GMLP_OK : failed(err, GMLP_E_FORMAT, end, "bytes follow the base picture, and would be lost");
}

/* The base's packet, or a new one, with the directory in it. */
static gmlp_result put_xmp(buffer *b, const uint8_t *base, const base_layout *l, size_t map_size, gmlp_error *err) {
    buffer packet = { NULL, 0, 0, 0 };
    int fits;
    if (l->xmp) put(&packet, base + l->packet, l->join - l->packet);
    else put_text(&packet, PACKET_BEGIN);
    put_directory(&packet, map_size);
    if (l->xmp) put(&packet, base + l->join, l->xmp_end - l->join);
    else put_text(&packet, PACKET_END);
    fits = packet.n <= SEGMENT_MAX - sizeof XMP_ID;
    if (fits) put_segment(b, 0xe1, XMP_ID, sizeof XMP_ID, packet.p, packet.n);
    b->failed |= packet.failed;
    free(packet.p);
    return fits ? GMLP_OK : failed(err, GMLP_E_LIMIT, l->xmp, "the base's XMP packet has no room for the gain map's entry");
}

/* Segments that are new go behind all that tells of the base, and the index last: nothing that is later added there
   comes between it and the pictures, to which it counts. */
static gmlp_result put_base(buffer *b, const uint8_t *base, size_t size, const base_layout *l, size_t map_size, size_t *index, gmlp_error *err) {
    static const uint8_t versions[ISO_VERSIONS] = { 0 };
    const size_t from = l->xmp ? l->xmp : l->insert, to = l->xmp ? l->xmp_end : l->insert;
    gmlp_result r;
    put(b, base, from);
    r = put_xmp(b, base, l, map_size, err);
    put(b, base + to, l->insert - to);
    put_segment(b, 0xe2, ISO_ID, sizeof ISO_ID, versions, sizeof versions);
    put_mpf(b);
    *index = b->n - MPF_SIZE + 4;
    put(b, base + l->insert, size - l->insert);
    return r;
}

gmlp_result ultrahdr_join(const void *base, size_t base_size, const void *map, size_t map_size, const ultrahdr_metadata *metadata,
                          uint8_t **file, size_t *size, gmlp_error *err) {
    buffer whole = { NULL, 0, 0, 0 }, second = { NULL, 0, 0, 0 };
    const char *fault = metadata->map_space ? "XMP cannot say that the gain map has primaries of its own" : metadata_fault(metadata);
    base_layout layout;
    size_t index = 0, first_size;
    gmlp_result r;
    if (fault) return failed(err, GMLP_E_ARGUMENT, 0, fault);
    r = look_at_base((const uint8_t *)base, base_size, &layout, err);
    if (r == GMLP_OK) r = put_map(&second, (const uint8_t *)map, map_size, metadata, err);
    if (r == GMLP_OK) r = put_base(&whole, (const uint8_t *)base, base_size, &layout, second.n, &index, err);
    first_size = whole.n;
    put(&whole, second.p, second.n);
    if (r == GMLP_OK && whole.failed) r = failed(err, GMLP_E_MEMORY, 0, "out of memory");
    if (r == GMLP_OK && whole.n > 0xffffffffu) r = failed(err, GMLP_E_LIMIT, 0, "the file would be longer than 4 GB");
    free(second.p);
    if (r != GMLP_OK) {
        free(whole.p);
        return r;
    }
    set_u32(whole.p + index + 54, first_size);
    set_u32(whole.p + index + 70, second.n);
    set_u32(whole.p + index + 74, first_size - index);
    *file = whole.p;
    *size = whole.n;
    return GMLP_OK;
}

/* The base alone. */

static int tells_of_map(slice name, slice value, slice hdrgm) {
    return local_name(name, hdrgm).n ||
           (starts(name, "xmlns:") && (equals(value, HDRGM_URI) || equals(value, CONTAINER_URI) || equals(value, ITEM_URI)));
}

/* The packet without the gain map's properties and the directory of pictures. */
static void put_plain_packet(buffer *b, slice packet) {
    const slice hdrgm = prefix_of(packet, HDRGM_URI), container = prefix_of(packet, CONTAINER_URI);
    slice rest = packet, open = { NULL, 0 }, name, value;
    const char *from = packet.p; /* what is not yet written */
    tag t;
    while (next_tag(&rest, &t)) {
        if (open.n) { /* within an element that goes */
            if (!t.closes || t.name.n != open.n || memcmp(t.name.p, open.p, open.n)) continue;
            open.n = 0;
            from = rest.p;
        } else if (local_name(t.name, hdrgm).n || equals(local_name(t.name, container), "Directory")) {
            put(b, from, (size_t)(t.start - from));
            from = rest.p;
            if (!t.empty && !t.closes) open = t.name;
        } else
            while (next_attribute(&t.attributes, &name, &value)) {
                if (!tells_of_map(name, value, hdrgm)) continue;
                put(b, from, (size_t)(name.p - from));
                from = value.p + value.n + 1;
            }
    }
    put(b, from, (size_t)(packet.p + packet.n - from));
}

gmlp_result ultrahdr_part(const void *bytes, size_t size, uint8_t **base, size_t *base_size, gmlp_error *err) {
    const uint8_t *file = (const uint8_t *)bytes;
    buffer b = { NULL, 0, 0, 0 };
    gmlp_result r;
    segment s;
    size_t end = 0;
    if ((r = picture_begin(file, 0, size, &s, err)) != GMLP_OK) return r;
    put(&b, file + s.start, s.end - s.start);
    do {
        if ((r = segment_next(file, size, &s, err)) != GMLP_OK) break;
        if (IS_XMP(file, &s)) {
            buffer packet = { NULL, 0, 0, 0 };
            put_plain_packet(&packet, packet_of(file, &s));
            put_segment(&b, 0xe1, XMP_ID, sizeof XMP_ID, packet.p, packet.n);
            b.failed |= packet.failed;
            free(packet.p);
        } else if (!IS_MPF(file, &s) && !IS_ISO(file, &s)) put(&b, file + s.start, s.end - s.start);
    } while (s.marker != SOS);
    if (r == GMLP_OK && (r = picture_end(file, size, &s, &end, err)) == GMLP_OK) put(&b, file + s.end, end - s.end);
    if (r == GMLP_OK && b.failed) r = failed(err, GMLP_E_MEMORY, 0, "out of memory");
    if (r == GMLP_OK) {
        *base = b.p;
        *base_size = b.n;
    } else free(b.p);
    return r;
}
