#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gainmap/container.h"
#include "gainmap/metadata.h"
#include "gainmap/segments.h"
#include "gainmap/xmp.h"

enum {
    PICTURES_MAX = 16,   /* looked at in an MPF index */
    ITEMS_MAX = 16,      /* in a GContainer directory */
    MPF_SIZE = 86
};

/* One source may be stale or damaged where the next is right. If none is, the first fault says more than that
   something was not found. */
static void note_fault(gmlp_error *first, const gmlp_error *now) {
    if (first->result == GMLP_E_NOT_FOUND) *first = *now;
}

/* What a reader of metadata made of them: are they right? */
static int are_right(gmlp_result read, const ultrahdr_metadata *m, size_t at, gmlp_error *now, gmlp_error *first) {
    const char *fault = read == GMLP_OK ? metadata_fault(m) : NULL;
    if (read == GMLP_OK && !fault) return 1;
    if (fault) parse_failed(now, GMLP_E_FIELD, at, fault);
    note_fault(first, now);
    return 0;
}

/* The metadata of the picture at at, which ends before end. GMLP_E_NOT_FOUND: it is no gain map. */
static gmlp_result read_metadata(const uint8_t *file, size_t at, size_t end, ultrahdr_parts *out, gmlp_error *err) {
    size_t iso = 0, iso_end = 0;
    slice packet = { NULL, 0 }, apple = { NULL, 0 };
    gmlp_error first, now;
    gmlp_result r;
    segment s;
    if ((r = segment_first(file, at, end, &s, err)) != GMLP_OK) return r;
    do {
        if ((r = segment_next(file, end, &s, err)) != GMLP_OK) return r;
        if (!iso && IS_ISO(file, &s) && s.end - s.body > sizeof ISO_ID + ISO_VERSIONS) { /* else only announced */
            iso = s.body + sizeof ISO_ID;
            iso_end = s.end;
        } else if (!packet.n && IS_XMP(file, &s)) {
            packet = xmp_packet_of(file, &s);
            if (metadata_is_apple(packet)) apple = packet;
            if (!metadata_in_xmp(packet)) packet.n = 0;
        }
    } while (s.marker != SOS);
    parse_failed(&first, GMLP_E_NOT_FOUND, at, "the picture has no gain map metadata");
    if (iso) {
        out->metadata_from = "ISO 21496-1";
        r = metadata_of_iso(file, iso, iso_end, &out->metadata, &now);
        if (are_right(r, &out->metadata, at, &now, &first)) return GMLP_OK;
    }
    if (packet.n) {
        out->metadata_from = "XMP";
        r = metadata_of_xmp(file, packet, &out->metadata, &now);
        if (are_right(r, &out->metadata, at, &now, &first)) return GMLP_OK;
    }
    if (apple.n) {
        out->metadata_from = "Apple";
        r = metadata_of_apple(file, apple, out->exif, &out->metadata, &now);
        if (are_right(r, &out->metadata, at, &now, &first)) return GMLP_OK;
    }
    return parse_failed(err, first.result, first.offset, first.text);
}

/* Finding the map. */

static gmlp_result try_picture(const uint8_t *file, size_t at, size_t size, ultrahdr_parts *out, gmlp_error *err) {
    if (size < 2 || file[at] != 0xff || file[at + 1] != SOI)
        return parse_failed(err, GMLP_E_FORMAT, at, "there is no JPEG picture where the gain map should be");
    out->map_offset = at;
    out->map_size = size;
    return read_metadata(file, at, at + size, out, err);
}

/* The picture of an MPF entry; offsets count from at. */
static gmlp_result try_entry(const uint8_t *file, size_t size, size_t at, size_t entry, int little,
                             ultrahdr_parts *out, gmlp_error *err) {
    const size_t length = segment_number(file + entry + 4, 4, little),
                 offset = segment_number(file + entry + 8, 4, little);
    if (offset > size - at || length > size - at - offset)
        return parse_failed(err, GMLP_E_TRUNCATED, entry,
                            "the gain map's MPF entry points past the end of the file");
    if (at + offset < out->base_size)
        return parse_failed(err, GMLP_E_FIELD, entry, "the gain map's MPF entry points into the base picture");
    return try_picture(file, at + offset, length, out, err);
}

/* Offsets within an MPF segment count from its byte order mark, which is at at. */
static gmlp_result find_by_mpf(const uint8_t *file, size_t size, size_t at, size_t end, ultrahdr_parts *out,
                               gmlp_error *err) {
    const size_t room = end - at;
    const char *const damaged = "the MPF index is damaged";
    size_t directory, entries = 0, entry_count = 0, i, tags;
    gmlp_error first, now;
    int little;
    if (room < 8) return parse_failed(err, GMLP_E_FORMAT, at, damaged);
    little = !memcmp(file + at, "II*", 4);
    if (!little && memcmp(file + at, "MM\0*", 4))
        return parse_failed(err, GMLP_E_FORMAT, at, "the MPF index has no byte order mark");
    directory = segment_number(file + at + 4, 4, little);
    if (directory > room || room - directory < 2) return parse_failed(err, GMLP_E_FORMAT, at + 4, damaged);
    tags = segment_number(file + at + directory, 2, little);
    directory += 2;
    if ((room - directory) / 12 < tags) return parse_failed(err, GMLP_E_FORMAT, at + directory - 2, damaged);
    for (i = 0; i < tags; i++) {
        const uint8_t *p = file + at + directory + 12 * i;
        if (segment_number(p, 2, little) != 0xb002) continue;
        entry_count = segment_number(p + 4, 4, little) / 16;
        entries = segment_number(p + 8, 4, little);
        if (entries > room || (room - entries) / 16 < entry_count)
            return parse_failed(err, GMLP_E_FORMAT, at + directory + 12 * i, damaged);
    }
    if (entry_count > PICTURES_MAX)
        return parse_failed(err, GMLP_E_LIMIT, at, "the MPF index lists more than 16 pictures");
    parse_failed(&first, GMLP_E_NOT_FOUND, at, "no picture of the MPF index has gain map metadata");
    for (i = 1; i < entry_count; i++) { /* the first is the base */
        const gmlp_result r = try_entry(file, size, at, at + entries + 16 * i, little, out, &now);
        if (r == GMLP_OK) return r;
        if (r != GMLP_E_NOT_FOUND) note_fault(&first, &now); /* else it is a preview, say */
    }
    return parse_failed(err, first.result, first.offset, first.text);
}

/* Items follow each other from the base's end on, in the directory's order. GMLP_E_NOT_FOUND: none is a gain map. */
static gmlp_result find_by_container(const uint8_t *file, size_t size, slice packet, ultrahdr_parts *out,
                                     gmlp_error *err) {
    struct {
        slice semantic;
        size_t length, padding;
    } items[ITEMS_MAX];
    size_t count = 0, begins = 1, at = out->base_size, past_last = 0, i;
    const size_t where = packet.n ? xmp_offset(file, packet) : 0;
    gmlp_error first, now;
    properties x;
    slice name, value;
    int event;
    memset(items, 0, sizeof items);
    if (packet.n && xmp_properties_begin(&x, packet, ITEM_URI))
        while ((event = xmp_properties_next(&x, &name, &value)) != NO_MORE) {
            if (event == ITEM) {
                begins = 1; /* or another list's */
                continue;
            }
            if (begins && count == ITEMS_MAX)
                return parse_failed(err, GMLP_E_LIMIT, where, "the GContainer directory lists more than 16 items");
            count += begins;
            begins = 0;
            if (slice_equals(name, "Semantic")) items[count - 1].semantic = value;
            else if ((slice_equals(name, "Length") && !slice_length(value, &items[count - 1].length)) ||
                     (slice_equals(name, "Padding") && !slice_length(value, &items[count - 1].padding)))
                return parse_failed(err, GMLP_E_FIELD, xmp_offset(file, value),
                                    "a length in the GContainer directory is not a number");
        }
    parse_failed(&first, GMLP_E_NOT_FOUND, out->base_size,
                 "the file has no gain map: neither an MPF index nor a GContainer directory lists one");
    for (i = 1; i < count; i++)
        if (slice_equals(items[i].semantic, "GainMap")) past_last = i + 1;
    for (i = 0; i < past_last; i++) {
        const size_t length = i ? items[i].length : items[i].padding; /* a first item's length is what the base has */
        if (length > size - at) {
            parse_failed(&now, GMLP_E_TRUNCATED, where, "the gain map's GContainer item ends past the end of the file");
            note_fault(&first, &now);
            break;
        }
        if (i && slice_equals(items[i].semantic, "GainMap")) {
            if (try_picture(file, at, length, out, &now) == GMLP_OK) return GMLP_OK;
            note_fault(&first, &now);
        }
        at += length;
    }
    return parse_failed(err, first.result, first.offset, first.text);
}

gmlp_result ultrahdr_parse(const void *bytes, size_t size, ultrahdr_parts *out, gmlp_error *err) {
    const uint8_t *file = (const uint8_t *)bytes;
    size_t mpf = 0, mpf_end = 0;
    slice packet = { NULL, 0 };
    gmlp_error first, now;
    gmlp_result r;
    segment s;
    memset(out, 0, sizeof *out);
    if ((r = segment_first(file, 0, size, &s, err)) != GMLP_OK) return r;
    do {
        if ((r = segment_next(file, size, &s, err)) != GMLP_OK) return r;
        if (!mpf && IS_MPF(file, &s)) {
            mpf = s.body + 4;
            mpf_end = s.end;
        } else if (!packet.n && IS_XMP(file, &s)) {
            packet = xmp_packet_of(file, &s);
            if (!xmp_prefix_of(packet, ITEM_URI).n) packet.n = 0;
        } else if (!out->exif.n && segment_has_id(file, &s, 0xe1, EXIF_ID, sizeof EXIF_ID)) {
            out->exif.p = (const char *)(const void *)(file + s.body + sizeof EXIF_ID);
            out->exif.n = s.end - s.body - sizeof EXIF_ID;
        }
    } while (s.marker != SOS);
    if ((r = segment_picture_end(file, size, &s, &out->base_size, err)) != GMLP_OK) return r;
    first.result = GMLP_E_NOT_FOUND;
    if (mpf) {
        out->map_from = "MPF";
        if (find_by_mpf(file, size, mpf, mpf_end, out, &first) == GMLP_OK) return GMLP_OK;
    }
    out->map_from = "GContainer";
    if ((r = find_by_container(file, size, packet, out, &now)) == GMLP_OK) return r;
    if (r != GMLP_E_NOT_FOUND || !mpf) note_fault(&first, &now);
    memset(out, 0, sizeof *out);
    return parse_failed(err, first.result, first.offset, first.text);
}

/* Writing. */

static void put_directory(buffer *b, size_t map_size) {
    char length[32];
    snprintf(length, sizeof length, "%lu", (unsigned long)map_size);
    buffer_text(
        b, DESCRIPTION
        "xmlns:Container=\"" CONTAINER_URI "\" xmlns:Item=\"" ITEM_URI "\" hdrgm:Version=\"1.0\">"
        "<Container:Directory><rdf:Seq><rdf:li rdf:parseType=\"Resource\">"
        "<Container:Item Item:Semantic=\"Primary\" Item:Mime=\"image/jpeg\"/></rdf:li>"
        "<rdf:li rdf:parseType=\"Resource\">"
        "<Container:Item Item:Semantic=\"GainMap\" Item:Mime=\"image/jpeg\" Item:Length=\"");
    buffer_text(b, length);
    buffer_text(b, "\"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description>");
}

/* The picture with its metadata, which goes behind a JFIF segment. */
static gmlp_result put_map(buffer *b, const uint8_t *map, size_t size, const ultrahdr_metadata *m, gmlp_error *err) {
    const char *const text = "the gain map is not a plain JPEG picture";
    buffer block = { NULL, 0, 0, 0 };
    size_t end, after = 2;
    segment s;
    if (segment_first(map, 0, size, &s, NULL) != GMLP_OK) return parse_failed(err, GMLP_E_ARGUMENT, 0, text);
    do {
        if (segment_next(map, size, &s, NULL) != GMLP_OK || IS_XMP(map, &s) || IS_ISO(map, &s) || IS_MPF(map, &s))
            return parse_failed(err, GMLP_E_ARGUMENT, 0, text);
        if (s.marker == 0xe0 && s.start == 2) after = s.end;
    } while (s.marker != SOS);
    if (segment_picture_end(map, size, &s, &end, NULL) != GMLP_OK || end != size)
        return parse_failed(err, GMLP_E_ARGUMENT, 0, text);
    buffer_put(b, map, after);
    metadata_put_xmp(&block, m);
    buffer_segment(b, 0xe1, XMP_ID, sizeof XMP_ID, block.p, block.n);
    block.n = 0;
    metadata_put_iso(&block, m);
    buffer_segment(b, 0xe2, ISO_ID, sizeof ISO_ID, block.p, block.n);
    buffer_put(b, map + after, size - after);
    b->failed |= block.failed;
    free(block.p);
    return b->failed ? parse_failed(err, GMLP_E_MEMORY, 0, "out of memory") : GMLP_OK;
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
    buffer_segment(b, 0xe2, NULL, 0, bytes, sizeof bytes);
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
    if ((r = segment_first(base, 0, size, &s, err)) != GMLP_OK) return r;
    do {
        if ((r = segment_next(base, size, &s, err)) != GMLP_OK) return r;
        if (!out->insert && (s.marker < 0xe0 || s.marker > 0xef) && s.marker != 0xfe) out->insert = s.start;
        if (IS_MPF(base, &s) || IS_ISO(base, &s))
            return parse_failed(err, GMLP_E_FIELD, s.start,
                                "the base already has a gain map or another picture behind it");
        if (!out->xmp && IS_XMP(base, &s)) {
            slice packet = xmp_packet_of(base, &s), rest = packet;
            tag t;
            if (xmp_prefix_of(packet, HDRGM_URI).n || xmp_prefix_of(packet, ITEM_URI).n)
                return parse_failed(err, GMLP_E_FIELD, s.start,
                                    "the base's XMP already tells of a gain map or of other pictures");
            while (xmp_next_tag(&rest, &t))
                if (t.closes && xmp_is_rdf(t.name, "RDF"))
                    out->join = s.body + sizeof XMP_ID + (size_t)(t.start - packet.p);
            if (!out->join)
                return parse_failed(err, GMLP_E_FORMAT, s.start, "the base's XMP has no end of rdf:RDF to add to");
            out->insert = 0; /* new segments go behind this one */
            out->xmp = s.start;
            out->packet = s.body + sizeof XMP_ID;
            out->xmp_end = s.end;
        }
    } while (s.marker != SOS);
    if ((r = segment_picture_end(base, size, &s, &end, err)) != GMLP_OK) return r;
    return end == size ? GMLP_OK
                       : parse_failed(err, GMLP_E_FORMAT, end, "bytes follow the base picture, and would be lost");
}

/* The base's packet, or a new one, with the directory in it. */
static gmlp_result put_xmp(buffer *b, const uint8_t *base, const base_layout *l, size_t map_size, gmlp_error *err) {
    buffer packet = { NULL, 0, 0, 0 };
    int fits;
    if (l->xmp) buffer_put(&packet, base + l->packet, l->join - l->packet);
    else buffer_text(&packet, PACKET_BEGIN);
    put_directory(&packet, map_size);
    if (l->xmp) buffer_put(&packet, base + l->join, l->xmp_end - l->join);
    else buffer_text(&packet, PACKET_END);
    fits = packet.n <= SEGMENT_MAX - sizeof XMP_ID;
    if (fits) buffer_segment(b, 0xe1, XMP_ID, sizeof XMP_ID, packet.p, packet.n);
    b->failed |= packet.failed;
    free(packet.p);
    return fits ? GMLP_OK
                : parse_failed(err, GMLP_E_LIMIT, l->xmp, "the base's XMP packet has no room for the gain map's entry");
}

/* Segments that are new go behind all that tells of the base, and the index last: nothing that is later added there
   comes between it and the pictures, to which it counts. */
static gmlp_result put_base(buffer *b, const uint8_t *base, size_t size, const base_layout *l, size_t map_size,
                            size_t *index, gmlp_error *err) {
    static const uint8_t versions[ISO_VERSIONS] = { 0 };
    const size_t from = l->xmp ? l->xmp : l->insert, to = l->xmp ? l->xmp_end : l->insert;
    gmlp_result r;
    buffer_put(b, base, from);
    r = put_xmp(b, base, l, map_size, err);
    buffer_put(b, base + to, l->insert - to);
    buffer_segment(b, 0xe2, ISO_ID, sizeof ISO_ID, versions, sizeof versions);
    put_mpf(b);
    *index = b->n - MPF_SIZE + 4;
    buffer_put(b, base + l->insert, size - l->insert);
    return r;
}

gmlp_result ultrahdr_join(const void *base, size_t base_size, const void *map, size_t map_size,
                          const ultrahdr_metadata *metadata, uint8_t **file, size_t *size, gmlp_error *err) {
    buffer whole = { NULL, 0, 0, 0 }, second = { NULL, 0, 0, 0 };
    const char *fault = metadata->map_space ? "XMP cannot say that the gain map has primaries of its own"
                      : metadata->apple     ? "Apple's own metadata are not written"
                                            : metadata_fault(metadata);
    base_layout layout;
    size_t index = 0, first_size;
    gmlp_result r;
    if (fault) return parse_failed(err, GMLP_E_ARGUMENT, 0, fault);
    r = look_at_base((const uint8_t *)base, base_size, &layout, err);
    if (r == GMLP_OK) r = put_map(&second, (const uint8_t *)map, map_size, metadata, err);
    if (r == GMLP_OK) r = put_base(&whole, (const uint8_t *)base, base_size, &layout, second.n, &index, err);
    first_size = whole.n;
    buffer_put(&whole, second.p, second.n);
    if (r == GMLP_OK && whole.failed) r = parse_failed(err, GMLP_E_MEMORY, 0, "out of memory");
    if (r == GMLP_OK && whole.n > 0xffffffffu)
        r = parse_failed(err, GMLP_E_LIMIT, 0, "the file would be longer than 4 GB");
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

#define CAMERA_URI "http://ns.google.com/photos/1.0/camera/"
#define NOTE_URI "http://ns.adobe.com/xmp/note/"
#define NETWORK_URI "urn:gamutmlp:1#"
#define EXTENSION_ID "http://ns.adobe.com/xmp/extension/"
enum { PREFIXES_MAX = 16, EXTENSION_HEAD = sizeof EXTENSION_ID + 40 }; /* with a digest, the length and an offset */
#define IS_EXTENSION(file, s) \
    (segment_has_id(file, s, 0xe1, EXTENSION_ID, sizeof EXTENSION_ID) && (s)->end - (s)->body >= EXTENSION_HEAD)

/* What a packet calls the namespaces that tell of a gain map, of pictures and of a video behind the base, or, as far
   as that goes, of an extended packet. */
enum { OTHER, WHOLLY, CAMERA, NOTE }; /* namespaces: all of their properties do, or some */
typedef struct prefixes {
    slice names[PREFIXES_MAX];
    int kinds[PREFIXES_MAX];
    size_t count;
} prefixes;

static int kind_of_uri(slice uri, int without) {
    if (without & PACKET_COMPANIONS) {
        if (slice_equals(uri, HDRGM_URI) || slice_equals(uri, CONTAINER_URI) || slice_equals(uri, ITEM_URI))
            return WHOLLY;
        if (slice_equals(uri, CAMERA_URI)) return CAMERA;
    }
    if (without & PACKET_NETWORK && slice_equals(uri, NETWORK_URI)) return WHOLLY;
    return without & PACKET_EXTENSION && slice_equals(uri, NOTE_URI) ? NOTE : OTHER;
}

static void find_prefixes(slice packet, int without, prefixes *out) {
    slice name, value;
    tag t;
    out->count = 0;
    while (xmp_next_tag(&packet, &t))
        while (xmp_next_attribute(&t.attributes, &name, &value)) {
            const int kind = slice_starts(name, "xmlns:") ? kind_of_uri(value, without) : OTHER;
            if (kind == OTHER || out->count == PREFIXES_MAX) continue;
            out->names[out->count].p = name.p + 6;
            out->names[out->count].n = name.n - 6;
            out->kinds[out->count++] = kind;
        }
}

static int tells_of_companion(slice name, const prefixes *p) {
    size_t i;
    for (i = 0; i < p->count; i++) {
        const slice local = xmp_local_name(name, p->names[i]);
        if (!local.n) continue;
        if (p->kinds[i] == WHOLLY || (p->kinds[i] == NOTE && slice_equals(local, "HasExtendedXMP"))) return 1;
        if (p->kinds[i] == CAMERA && (slice_starts(local, "MotionPhoto") || slice_starts(local, "MicroVideo")))
            return 1;
    }
    return 0;
}

/* Is that all that a description says? So is the one that the network was put into. */
static int is_all_cut(tag t, const prefixes *p) {
    slice name, value;
    int cut = 0;
    if (!t.empty || !xmp_is_rdf(t.name, "Description")) return 0;
    while (xmp_next_attribute(&t.attributes, &name, &value))
        if (tells_of_companion(name, p)) cut = 1;
        else if (!slice_equals(name, "rdf:about") && !slice_starts(name, "xmlns:")) return 0;
    return cut;
}

/* The packet without such elements, attributes and declarations. */
static void put_plain_packet(buffer *b, slice packet, int without) {
    slice rest = packet, open = { NULL, 0 }, name, value;
    const char *from = packet.p; /* what is not yet written */
    size_t depth = 0;            /* of elements of the same name in the one that goes */
    prefixes p;
    tag t;
    find_prefixes(packet, without, &p);
    while (xmp_next_tag(&rest, &t)) {
        if (open.n) {
            if (t.empty || t.name.n != open.n || memcmp(t.name.p, open.p, open.n)) continue;
            if (!t.closes) depth++;
            else if (depth) depth--;
            else open.n = 0;
            from = rest.p;
        } else if (tells_of_companion(t.name, &p) || (without & PACKET_NETWORK && is_all_cut(t, &p))) {
            buffer_put(b, from, (size_t)(t.start - from));
            from = rest.p;
            if (!t.empty && !t.closes) open = t.name;
        } else
            while (xmp_next_attribute(&t.attributes, &name, &value)) {
                if (!tells_of_companion(name, &p) &&
                    !(slice_starts(name, "xmlns:") && kind_of_uri(value, without) == WHOLLY))
                    continue;
                buffer_put(b, from, (size_t)(name.p - from));
                from = value.p + value.n + 1;
            }
    }
    /* With an element still open the packet is damaged, and the rest of it goes, too. */
    if (!open.n) buffer_put(b, from, (size_t)(packet.p + packet.n - from));
}

/* What is left may have become such a property: until nothing goes any more. */
void ultrahdr_packet(buffer *b, slice packet, int without) {
    buffer plain = { NULL, 0, 0, 0 }, next;
    put_plain_packet(&plain, packet, without);
    while (plain.n && plain.n < packet.n && !plain.failed) {
        packet.p = (const char *)(const void *)plain.p;
        packet.n = plain.n;
        next.p = NULL;
        next.n = next.capacity = 0;
        next.failed = 0;
        put_plain_packet(&next, packet, without);
        free(plain.p);
        plain = next;
    }
    buffer_put(b, plain.p, plain.n);
    b->failed |= plain.failed;
    free(plain.p);
}

static void put_xmp_alone(buffer *b, slice packet, int without_extension) {
    buffer plain = { NULL, 0, 0, 0 };
    ultrahdr_packet(&plain, packet, PACKET_COMPANIONS | (without_extension ? PACKET_EXTENSION : 0));
    buffer_segment(b, 0xe1, XMP_ID, sizeof XMP_ID, plain.p, plain.n);
    b->failed |= plain.failed;
    free(plain.p);
}

/* The extended packet, whose pieces lie in order. */
static slice extension_of(const uint8_t *file, size_t size, buffer *pieces) {
    slice packet;
    segment s;
    if (segment_first(file, 0, size, &s, NULL) == GMLP_OK)
        while (segment_next(file, size, &s, NULL) == GMLP_OK && s.marker != SOS)
            if (IS_EXTENSION(file, &s))
                buffer_put(pieces, file + s.body + EXTENSION_HEAD, s.end - s.body - EXTENSION_HEAD);
    packet.p = (const char *)(const void *)pieces->p;
    packet.n = pieces->n;
    return packet;
}

int ultrahdr_extension(const void *bytes, size_t size) {
    buffer pieces = { NULL, 0, 0, 0 }, plain = { NULL, 0, 0, 0 };
    const slice packet = extension_of((const uint8_t *)bytes, size, &pieces);
    slice left;
    int answer;
    if (!packet.n) return ULTRAHDR_STAYS;
    put_plain_packet(&plain, packet, PACKET_COMPANIONS);
    left.p = (const char *)(const void *)plain.p;
    left.n = plain.n;
    answer = left.n == packet.n ? ULTRAHDR_STAYS : xmp_has_properties(left) ? ULTRAHDR_GOES_WITH_OTHERS : ULTRAHDR_GOES;
    free(pieces.p);
    free(plain.p);
    return answer;
}

static void put_alone(buffer *b, const uint8_t *file, const segment *s, int without_extension) {
    if (IS_XMP(file, s)) put_xmp_alone(b, xmp_packet_of(file, s), without_extension);
    else if (without_extension && IS_EXTENSION(file, s)) return;
    else if (!IS_MPF(file, s) && !IS_ISO(file, s)) buffer_put(b, file + s->start, s->end - s->start);
}

gmlp_result ultrahdr_part(const void *bytes, size_t size, uint8_t **base, size_t *base_size, gmlp_error *err) {
    const uint8_t *file = (const uint8_t *)bytes;
    const int without_extension = ultrahdr_extension(bytes, size) != ULTRAHDR_STAYS;
    buffer b = { NULL, 0, 0, 0 };
    gmlp_result r;
    segment s;
    size_t at;
    if ((r = segment_first(file, 0, size, &s, err)) != GMLP_OK) return r;
    put_alone(&b, file, &s, without_extension);
    do {
        r = segment_next(file, size, &s, err);
        if (r == GMLP_OK) put_alone(&b, file, &s, without_extension);
    } while (r == GMLP_OK && s.marker != SOS);
    while (r == GMLP_OK && s.marker != EOI) { /* there may be segments between scans, too */
        at = s.end;
        if ((r = segment_in_picture(file, size, &s, err)) != GMLP_OK) break;
        buffer_put(&b, file + at, s.start - at);
        put_alone(&b, file, &s, without_extension);
    }
    if (r == GMLP_OK && b.failed) r = parse_failed(err, GMLP_E_MEMORY, 0, "out of memory");
    if (r == GMLP_OK) {
        *base = b.p;
        *base_size = b.n;
    } else free(b.p);
    return r;
}
