#include "work/packets.h"

#include <stdlib.h>
#include <string.h>

#include "pictures/metadata.h"
#include "work/digest.h"

#define NOTE_URI "http://ns.adobe.com/xmp/note/"
#define EXTENSION_BEGIN "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"" RDF_URI "\">"
#define EXTENSION_END "</rdf:RDF></x:xmpmeta>"
#define REFERENCE "<rdf:Description rdf:about=\"\" xmlns:rdf=\"" RDF_URI "\" xmlns:xmpNote=\"" NOTE_URI \
    "\" xmpNote:HasExtendedXMP=\""
#define REFERENCE_SIZE (sizeof REFERENCE + 32 + 3)
enum { ROOT_MOST = 4096 }; /* bytes in front of what is described */

/* Where elements lie: those in rdf:RDF, the descriptions, and those in them, the properties. */
typedef struct element {
    const char *start, *inside, *end; /* of its tag, behind that, behind all of it */
    slice attributes;
    size_t description; /* of a property: its place in the list */
    int taken;
} element;

typedef struct layout {
    slice root;       /* from the packet's start to rdf:RDF's children: what is declared there is declared for all */
    const char *join; /* the end tag of rdf:RDF */
    element *list;    /* descriptions, each before its properties */
    size_t count, room;
} layout;

static element *add(layout *l, const tag *t, const char *inside, size_t description) {
    element *e = l->list;
    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 64;
        e = (element *)realloc(l->list, l->room * sizeof *e);
        if (!e) return NULL;
        l->list = e;
    }
    e += l->count++;
    e->start = t->start;
    e->inside = e->end = inside;
    e->attributes = t->attributes;
    e->description = description;
    e->taken = 0;
    return e;
}

/* 0, or -1: no such packet. */
static int look(slice packet, layout *l) {
    slice rest = packet;
    size_t depth = 0, description = 0, open[2] = { 0, 0 }; /* below rdf:RDF; of the elements that are open there */
    tag t;
    memset(l, 0, sizeof *l);
    while (!l->join && xmp_next_tag(&rest, &t)) {
        if (!l->root.p) {
            if (t.closes || t.empty || !xmp_is_rdf(t.name, "RDF")) continue;
            l->root.p = packet.p;
            l->root.n = (size_t)(rest.p - packet.p);
            continue;
        }
        if (t.closes) {
            if (!depth) l->join = t.start;
            else if (--depth < 2) l->list[open[depth]].end = rest.p;
        } else {
            if (depth == 0) description = l->count;
            if (depth < 2) {
                open[depth] = l->count;
                if (!add(l, &t, rest.p, description)) return -1;
            }
            depth += !t.empty;
        }
    }
    return l->join && l->root.n <= ROOT_MOST ? 0 : -1;
}

static void put(buffer *b, const char *from, const char *to) { buffer_put(b, from, (size_t)(to - from)); }

static int declares(slice attributes, slice wanted) {
    slice name, value;
    while (xmp_next_attribute(&attributes, &name, &value))
        if (name.n == wanted.n && !memcmp(name.p, wanted.p, name.n)) return 1;
    return 0;
}

/* The namespaces that a packet's outer elements declare, the inner ones first, for one that leaves them. */
static void put_declared(buffer *b, slice root, slice attributes) {
    slice name, value, inner;
    tag t, u;
    while (xmp_next_tag(&root, &t))
        while (xmp_next_attribute(&t.attributes, &name, &value)) {
            int known = !slice_starts(name, "xmlns") || slice_equals(name, "xmlns:x") || declares(attributes, name);
            for (inner = root; !known && xmp_next_tag(&inner, &u);) known = declares(u.attributes, name);
            if (!known) {
                buffer_text(b, " ");
                put(b, name.p, value.p + value.n + 1);
            }
        }
}

/* What is declared once in a packet is there as often as there are descriptions when they leave it. */
static int is_too_long(const buffer *b) { return b->n > 2 * METADATA_MOST; }

int packet_join(buffer *out, slice packet, slice extension) {
    layout all, more;
    size_t i;
    int bad = look(packet, &all);
    memset(&more, 0, sizeof more);
    bad = bad || look(extension, &more);
    if (!bad) put(out, packet.p, all.join);
    for (i = 0; i < more.count && !bad; i++) {
        const element *e = &more.list[i];
        if (e->description != i) continue;
        put(out, e->start, e->attributes.p);
        put_declared(out, more.root, e->attributes);
        put(out, e->attributes.p, e->end);
        bad = is_too_long(out);
    }
    if (!bad) put(out, all.join, packet.p + packet.n);
    free(all.list);
    free(more.list);
    return bad || out->failed ? -1 : 0;
}

static size_t size_of(const element *e) { return (size_t)(e->end - e->start); }

static int larger_first(const void *a, const void *b) {
    const element *x = *(element *const *)a, *y = *(element *const *)b;
    return size_of(x) != size_of(y) ? (size_of(x) < size_of(y) ? 1 : -1) : x->start < y->start ? -1 : 1;
}

/* Takes properties out until the rest has no more than most bytes. */
static int choose(layout *l, size_t size, size_t most) {
    element **order = (element **)malloc((l->count + 1) * sizeof *order);
    size_t i, n = 0;
    if (!order) return -1;
    for (i = 0; i < l->count; i++)
        if (l->list[i].description != i) order[n++] = &l->list[i];
    qsort(order, n, sizeof *order, larger_first);
    for (i = 0; i < n && size > most; i++) {
        order[i]->taken = 1;
        size -= size_of(order[i]);
    }
    free(order);
    return size > most ? -1 : 0;
}

/* Of each description what was taken of it, as a description of the same thing. */
static int put_taken(buffer *b, const layout *l) {
    size_t i, k;
    slice name, value, rest;
    buffer_text(b, EXTENSION_BEGIN);
    for (i = 0; i < l->count; i = k) {
        const element *d = &l->list[i];
        int taken = 0;
        for (k = i + 1; k < l->count && l->list[k].description == i; k++) taken += l->list[k].taken;
        if (!taken) continue;
        buffer_text(b, "<rdf:Description");
        for (rest = d->attributes; xmp_next_attribute(&rest, &name, &value);)
            if (slice_starts(name, "xmlns") || slice_equals(name, "rdf:about")) {
                buffer_text(b, " ");
                put(b, name.p, value.p + value.n + 1);
            }
        put_declared(b, l->root, d->attributes);
        buffer_text(b, ">");
        for (k = i + 1; k < l->count && l->list[k].description == i; k++)
            if (l->list[k].taken) put(b, l->list[k].start, l->list[k].end);
        buffer_text(b, "</rdf:Description>");
        if (is_too_long(b)) return -1;
    }
    buffer_text(b, EXTENSION_END);
    return 0;
}

int packet_part(buffer *out, buffer *extension, slice packet, size_t most) {
    char digest[33];
    const char *from = packet.p;
    layout l;
    size_t i;
    int bad = look(packet, &l) || choose(&l, packet.n + REFERENCE_SIZE, most) || put_taken(extension, &l);
    if (!bad) {
        md5_hex(extension->p, extension->n, digest);
        for (i = 0; i < l.count; i++)
            if (l.list[i].taken) {
                put(out, from, l.list[i].start);
                from = l.list[i].end;
            }
        put(out, from, l.join);
        buffer_text(out, REFERENCE);
        buffer_text(out, digest);
        buffer_text(out, "\"/>");
        put(out, l.join, packet.p + packet.n);
    }
    free(l.list);
    return bad || out->failed || extension->failed ? -1 : 0;
}
