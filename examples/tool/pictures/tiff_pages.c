/* Which of a TIFF's pages is the picture. Read from the file's own bytes, as only a few tags of each directory matter
   and damage in another page must not stop this one. */
#include <string.h>

#include "pictures/directory.h"
#include "pictures/formats.h"

enum { MOST_DIRECTORIES = 1000, MOST_ENTRIES = 4096, MOST_SUBS = 100 }; /* looked at, in hostile files */

enum {
    NEW_SUBFILE = 254, OLD_SUBFILE = 255, WIDTH = 256, HEIGHT = 257, PHOTOMETRIC = 262, MAKE = 271, ARTIST = 315,
    SUB_IFDS = 330, XMP = 700, CFA_PATTERN_SIZE = 33421, CFA_PATTERN = 33422, COPYRIGHT = 33432, IPTC = 33723,
    LEAF = 34310, DNG_VERSION = 50706, DNG_PRIVATE = 50740,
    COLOR_FILTERS = 32803, LINEAR_RAW = 34892 /* photometric interpretations */
};
enum { REDUCED = 1, MASK = 4, DEPTH = 8, SPECIAL = REDUCED | MASK | DEPTH }; /* bits of NewSubfileType */

/* What one directory says. */
typedef struct directory {
    uint64_t next, width, height, kind, subs, sub_count;
    int sub_size, raw, make, exif, iptc, xmp;
} directory;

static void read_entry(const tiff_bytes *f, uint64_t at, directory *d) {
    const int tag = (int)tiff_number(f, at, 2), type = (int)tiff_number(f, at + 2, 2), room = f->big ? 8 : 4;
    const int size = type == 1 ? 1 : type == 3 ? 2 : type == 4 || type == 13 ? 4 : type == 16 || type == 18 ? 8 : 0;
    const uint64_t count = tiff_number(f, at + 4, room), place = at + 4 + (uint64_t)room;
    const uint64_t from = size && count > (uint64_t)(room / size) ? tiff_number(f, place, room) : place;
    const uint64_t value = tiff_number(f, from, size);
    switch (tag) {
        case NEW_SUBFILE: d->kind = value; break;
        case OLD_SUBFILE: if (value == 2) d->kind |= REDUCED; break;
        case WIDTH: d->width = value; break;
        case HEIGHT: d->height = value; break;
        case PHOTOMETRIC: d->raw |= value == COLOR_FILTERS || value == LINEAR_RAW; break;
        case CFA_PATTERN_SIZE: case CFA_PATTERN: case LEAF: case DNG_VERSION: case DNG_PRIVATE: d->raw = 1; break;
        case SUB_IFDS:
            d->subs = from;
            d->sub_count = count;
            d->sub_size = size;
            break;
        case MAKE: d->make = d->exif = 1; break;
        case ARTIST: case COPYRIGHT: case TAG_EXIF: case TAG_GPS: d->exif = 1; break;
        case IPTC: d->iptc = 1; break;
        case XMP: d->xmp = 1; break;
        default: break;
    }
}

static directory read_directory(const tiff_bytes *f, uint64_t at) {
    const int head = f->big ? 8 : 2, entry = f->big ? 20 : 12;
    uint64_t count = tiff_number(f, at, head), i;
    directory d;
    memset(&d, 0, sizeof d);
    at += (uint64_t)head;
    if (at > f->size) return d;
    if (count > (f->size - at) / (uint64_t)entry) count = (f->size - at) / (uint64_t)entry;
    for (i = 0; i < count && i < MOST_ENTRIES; i++) read_entry(f, at + i * (uint64_t)entry, &d);
    d.next = tiff_number(f, at + count * (uint64_t)entry, f->big ? 8 : 4);
    return d;
}

/* Directories to look at: the chain of pages, and what hangs below them. */
typedef struct queue {
    uint64_t at[MOST_DIRECTORIES];
    char page[MOST_DIRECTORIES];
    int count;
} queue;

static void add(queue *q, uint64_t at, int page) {
    int i;
    for (i = 0; i < q->count; i++)
        if (q->at[i] == at) return;
    if (!at || q->count == MOST_DIRECTORIES) return;
    q->at[q->count] = at;
    q->page[q->count++] = (char)page;
}

int tiff_find_picture(const uint8_t *bytes, size_t size, uint64_t *at, picture_facts *facts, char reason[REASON]) {
    tiff_bytes f;
    queue q;
    directory first, any; /* any: what at least one directory says */
    int i, pages = 0, full = 0, larger = 0;
    uint64_t k;
    f = tiff_bytes_of(bytes, size);
    q.count = 0;
    memset(&first, 0, sizeof first);
    memset(&any, 0, sizeof any);
    *at = tiff_first_directory(&f);
    add(&q, *at, 1);
    for (i = 0; i < q.count; i++) {
        const directory d = read_directory(&f, q.at[i]);
        for (k = 0; k < d.sub_count && k < MOST_SUBS; k++)
            add(&q, tiff_number(&f, d.subs + k * (uint64_t)d.sub_size, d.sub_size), 0);
        add(&q, d.next, q.page[i]);
        if (i == 0) first = d;
        any.raw |= d.raw;
        any.kind |= d.kind;
        any.exif |= d.exif;
        any.iptc |= d.iptc;
        any.xmp |= d.xmp;
        if (!d.width || !d.height || d.kind & SPECIAL) continue;
        if (!q.page[i] && d.width > first.width && d.height > first.height) larger = 1;
        if (q.page[i]) pages++;
        if (!full++ && first.kind & SPECIAL) *at = q.at[i];
    }
    if (any.raw || (first.make && larger && !(first.kind & SPECIAL))) return TIFF_IS_RAW;
    if (first.kind & SPECIAL ? full != 1 : larger) {
        snprintf(reason, REASON, "TIFF: its first page is %s; save the picture as a TIFF of one page",
                 !(first.kind & SPECIAL) ? "smaller than another picture below it"
                 : full ? "a preview or a mask, and several others may be the picture"
                 : "a preview or a mask, and there is no other");
        return -1;
    }
    if (pages > 1 && !(first.kind & SPECIAL))
        picture_note(facts->notes, "%s%d further page%s left out", q.count == MOST_DIRECTORIES ? "more than " : "",
                     pages - 1, pages == 2 ? " is" : "s are");
    if (any.kind & MASK) picture_note(facts->notes, "its transparency mask is left out");
    facts->metadata |= (any.exif ? PICTURE_HAS_EXIF : 0) | (any.iptc ? PICTURE_HAS_IPTC : 0) |
                       (any.xmp ? PICTURE_HAS_XMP : 0);
    return 0;
}
