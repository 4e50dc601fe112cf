#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gainmap/xmp.h"

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

size_t xmp_offset(const uint8_t *file, slice s) { return (size_t)((const uint8_t *)(const void *)s.p - file); }

slice xmp_packet_of(const uint8_t *file, const segment *s) {
    slice packet;
    packet.p = (const char *)(const void *)(file + s->body + sizeof XMP_ID);
    packet.n = s->end - s->body - sizeof XMP_ID;
    return packet;
}

static slice slice_trimmed(slice s) {
    while (s.n && is_space(*s.p)) s.p++, s.n--;
    while (s.n && is_space(s.p[s.n - 1])) s.n--;
    return s;
}

int slice_equals(slice s, const char *text) { return s.n == strlen(text) && !memcmp(s.p, text, s.n); }

int slice_starts(slice s, const char *text) {
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

int slice_contains(slice s, const char *text) { return skip_past(&s, text); }

int xmp_next_tag(slice *rest, tag *t) {
    size_t i;
    char quote = 0;
    memset(t, 0, sizeof *t);
    for (;;) {
        t->before = *rest;
        if (!skip_past(rest, "<")) return 0;
        t->start = rest->p - 1;
        t->before.n = (size_t)(t->start - t->before.p);
        if (slice_starts(*rest, "!--")) {
            if (!skip_past(rest, "-->")) return 0;
        } else if (slice_starts(*rest, "![CDATA[")) {
            if (!skip_past(rest, "]]>")) return 0;
        } else if (slice_starts(*rest, "?") || slice_starts(*rest, "!")) {
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
    t->closes = slice_starts(t->attributes, "/");
    if (t->closes) t->attributes.p++, t->attributes.n--;
    t->empty = t->attributes.n && t->attributes.p[t->attributes.n - 1] == '/';
    if (t->empty) t->attributes.n--;
    t->name.p = t->attributes.p;
    while (t->attributes.n && !is_space(*t->attributes.p)) t->attributes.p++, t->attributes.n--;
    t->name.n = (size_t)(t->attributes.p - t->name.p);
    return 1;
}

int xmp_next_attribute(slice *rest, slice *name, slice *value) {
    const char *equal, *close;
    *rest = slice_trimmed(*rest);
    equal = rest->n ? (const char *)memchr(rest->p, '=', rest->n) : NULL;
    if (!equal) return 0;
    name->p = rest->p;
    name->n = (size_t)(equal - rest->p);
    *name = slice_trimmed(*name);
    rest->n -= (size_t)(equal + 1 - rest->p);
    rest->p = equal + 1;
    *rest = slice_trimmed(*rest);
    if (!rest->n || (*rest->p != '"' && *rest->p != '\'')) return 0;
    close = (const char *)memchr(rest->p + 1, *rest->p, rest->n - 1);
    if (!close) return 0;
    value->p = rest->p + 1;
    value->n = (size_t)(close - value->p);
    rest->n -= value->n + 2;
    rest->p = close + 1;
    return 1;
}

slice xmp_prefix_of(slice packet, const char *uri) {
    slice name, value, none = { NULL, 0 };
    tag t;
    while (xmp_next_tag(&packet, &t))
        while (xmp_next_attribute(&t.attributes, &name, &value))
            if (slice_starts(name, "xmlns:") && slice_equals(value, uri)) {
                name.p += 6;
                name.n -= 6;
                return name;
            }
    return none;
}

slice xmp_local_name(slice name, slice prefix) {
    slice local = { name.p, 0 };
    if (prefix.n && name.n > prefix.n && !memcmp(name.p, prefix.p, prefix.n) && name.p[prefix.n] == ':') {
        local.p = name.p + prefix.n + 1;
        local.n = name.n - prefix.n - 1;
    }
    return local;
}

int xmp_is_rdf(slice name, const char *local) {
    const size_t n = strlen(local);
    return slice_equals(name, local) ||
           (name.n > n && name.p[name.n - n - 1] == ':' && !memcmp(name.p + name.n - n, local, n));
}

int xmp_properties_begin(properties *x, slice packet, const char *uri) {
    memset(x, 0, sizeof *x);
    x->rest = packet;
    x->prefix = xmp_prefix_of(packet, uri);
    return x->prefix.n != 0;
}

int xmp_properties_next(properties *x, slice *name, slice *value) {
    tag t;
    for (;;) {
        slice any;
        while (xmp_next_attribute(&x->attributes, &any, value)) {
            *name = xmp_local_name(any, x->prefix);
            if (name->n) return VALUE;
        }
        x->attributes.n = 0;
        if (!xmp_next_tag(&x->rest, &t)) return NO_MORE;
        *name = x->open;
        *value = slice_trimmed(t.before);
        if (!t.closes) {
            x->attributes = t.attributes;
            any = xmp_local_name(t.name, x->prefix);
            if (any.n && !t.empty) {
                x->open = any;
                x->listed = 0;
            } else if (!x->open.n && xmp_is_rdf(t.name, "li")) return ITEM;
        } else if (x->open.n && xmp_is_rdf(t.name, "li")) {
            x->listed++;
            return VALUE;
        } else if (x->open.n && xmp_local_name(t.name, x->prefix).n) {
            x->open.n = 0;
            if (!x->listed) return VALUE;
        }
    }
}

int xmp_has_properties(slice packet) {
    static const char *const own[] = { "xmlns:", "xml:", "x:", "rdf:" };
    slice name, value;
    tag t;
    while (xmp_next_tag(&packet, &t)) {
        name = t.name;
        do {
            size_t i;
            for (i = 0; i < sizeof own / sizeof *own && !slice_starts(name, own[i]); i++) {}
            if (i == sizeof own / sizeof *own) return 1;
        } while (xmp_next_attribute(&t.attributes, &name, &value));
    }
    return 0;
}

int slice_real(slice s, double *v) {
    char text[64], *end;
    if (!s.n || s.n >= sizeof text) return 0;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    *v = strtod(text, &end);
    return !*end && isfinite(*v);
}

int slice_length(slice s, size_t *v) {
    size_t i;
    *v = 0;
    for (i = 0; i < s.n; i++) {
        const size_t digit = (size_t)(s.p[i] - '0');
        if (s.p[i] < '0' || s.p[i] > '9' || *v > ((size_t)-1 - digit) / 10) return 0;
        *v = *v * 10 + digit;
    }
    return s.n > 0;
}
