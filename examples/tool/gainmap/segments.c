#include <stdlib.h>
#include <string.h>

#include "gainmap/segments.h"

gmlp_result parse_failed(gmlp_error *err, gmlp_result result, size_t offset, const char *text) {
    if (err) {
        err->result = result;
        err->offset = offset;
        err->text = text;
    }
    return result;
}

uint32_t segment_number(const uint8_t *p, size_t bytes, int little) {
    uint32_t v = 0;
    size_t i;
    for (i = 0; i < bytes; i++) v = v << 8 | p[little ? bytes - 1 - i : i];
    return v;
}

gmlp_result segment_first(const uint8_t *file, size_t at, size_t end, segment *s, gmlp_error *err) {
    if (at > end || end - at < 2)
        return parse_failed(err, GMLP_E_TRUNCATED, end, "the file ends before the picture begins");
    if (file[at] != 0xff || file[at + 1] != SOI)
        return parse_failed(err, GMLP_E_FORMAT, at, "this is not a JPEG picture");
    s->marker = SOI;
    s->start = at;
    s->body = s->end = at + 2;
    return GMLP_OK;
}

gmlp_result segment_next(const uint8_t *file, size_t end, segment *s, gmlp_error *err) {
    size_t i = s->end, n;
    s->start = i;
    if (i < end && file[i] != 0xff) return parse_failed(err, GMLP_E_FORMAT, i, "a JPEG marker is missing");
    while (i < end && file[i] == 0xff) i++;
    if (i >= end) return parse_failed(err, GMLP_E_TRUNCATED, end, "the JPEG picture ends within its header");
    s->marker = file[i++];
    s->body = s->end = i;
    if (s->marker == 0 || s->marker == SOI || s->marker == EOI)
        return parse_failed(err, GMLP_E_FORMAT, i - 1, "a JPEG marker is out of place");
    if (s->marker == 1 || (s->marker >= 0xd0 && s->marker <= 0xd7)) return GMLP_OK; /* these have no length */
    if (end - i < 2) return parse_failed(err, GMLP_E_TRUNCATED, end, "the JPEG picture ends within a segment");
    n = segment_number(file + i, 2, 0);
    if (n < 2) return parse_failed(err, GMLP_E_FORMAT, i, "a JPEG segment is shorter than its length field");
    if (end - i < n) return parse_failed(err, GMLP_E_TRUNCATED, end, "the JPEG picture ends within a segment");
    s->body = i + 2;
    s->end = i + n;
    return GMLP_OK;
}

gmlp_result segment_in_picture(const uint8_t *file, size_t end, segment *s, gmlp_error *err) {
    size_t i = s->end, mark;
    for (;; i++) {
        const uint8_t *hit = (const uint8_t *)memchr(file + i, 0xff, end - i);
        mark = i = hit ? (size_t)(hit - file) : end;
        while (i < end && file[i] == 0xff) i++;
        if (i >= end) return parse_failed(err, GMLP_E_TRUNCATED, end, "the JPEG picture has no end");
        if (file[i] != 0 && (file[i] < 0xd0 || file[i] > 0xd7)) break;
    }
    s->end = mark;
    if (file[i] != EOI) return segment_next(file, end, s, err);
    s->marker = EOI;
    s->start = mark;
    s->body = s->end = i + 1;
    return GMLP_OK;
}

gmlp_result segment_picture_end(const uint8_t *file, size_t end, const segment *scan, size_t *out, gmlp_error *err) {
    segment s = *scan;
    gmlp_result r;
    do r = segment_in_picture(file, end, &s, err);
    while (r == GMLP_OK && s.marker != EOI);
    *out = s.end;
    return r;
}

int segment_has_id(const uint8_t *file, const segment *s, int marker, const char *id, size_t id_size) {
    return s->marker == marker && s->end - s->body >= id_size && !memcmp(file + s->body, id, id_size);
}

/* Writing. */

void buffer_put(buffer *b, const void *bytes, size_t n) {
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

void buffer_text(buffer *b, const char *text) { buffer_put(b, text, strlen(text)); }

void buffer_number(buffer *b, size_t v, size_t bytes) {
    uint8_t p[4];
    size_t i;
    for (i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> 8 * (bytes - 1 - i) & 255);
    buffer_put(b, p, bytes);
}

void buffer_segment(buffer *b, int marker, const char *id, size_t id_size, const void *bytes, size_t n) {
    buffer_number(b, 0xff00u | (unsigned)marker, 2);
    buffer_number(b, 2 + id_size + n, 2);
    buffer_put(b, id, id_size);
    buffer_put(b, bytes, n);
}
