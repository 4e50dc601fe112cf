#include "pictures/directory.h"

#include <string.h>

enum { SHORT = 3, LONG = 4, IFD = 13, LONG8 = 16, IFD8 = 18 };

static unsigned size_of_type(uint32_t type) {
    static const uint8_t sizes[] = { 0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8 };
    return type < sizeof sizes ? sizes[type] : 0;
}

int tiff_begins(const void *bytes, size_t size) {
    return size >= 8 && (!memcmp(bytes, "II*\0", 4) || !memcmp(bytes, "MM\0*", 4));
}

tiff_bytes tiff_bytes_of(const void *bytes, size_t size) {
    tiff_bytes f;
    f.bytes = (const uint8_t *)bytes;
    f.size = size;
    f.motorola = size && f.bytes[0] == 'M';
    f.big = tiff_number(&f, 2, 2) == 43;
    return f;
}

uint64_t tiff_number(const tiff_bytes *f, uint64_t at, int n) {
    uint64_t v = 0;
    int i;
    /* checked: reading the first bytes, who calls has set bytes, size and motorola */
    if (at > f->size || f->size - at < (uint64_t)n) return 0;
    for (i = 0; i < n; i++) v = v << 8 | f->bytes[at + (uint64_t)(f->motorola ? i : n - 1 - i)];
    return v;
}

uint64_t tiff_first_directory(const tiff_bytes *f) { return f->big ? tiff_number(f, 8, 8) : tiff_number(f, 4, 4); }

static unsigned head(const tiff_bytes *f) { return f->big ? 8 : 2; }
static unsigned entry_size(const tiff_bytes *f) { return f->big ? 20 : 12; }

uint32_t tiff_entries(const tiff_bytes *f, uint64_t directory) {
    uint64_t count, room;
    if (!directory || directory > f->size || f->size - directory < head(f)) return 0;
    count = tiff_number(f, directory, (int)head(f));
    room = (f->size - directory - head(f)) / entry_size(f);
    if (count > room) count = room;
    return count > 65535 ? 65535 : (uint32_t)count;
}

tiff_entry tiff_entry_at(const tiff_bytes *f, uint64_t directory, uint32_t index) {
    const int room = f->big ? 8 : 4;
    tiff_entry e;
    uint64_t size;
    e.place = directory + head(f) + (uint64_t)index * entry_size(f);
    e.tag = (uint32_t)tiff_number(f, e.place, 2);
    e.type = (uint32_t)tiff_number(f, e.place + 2, 2);
    e.count = tiff_number(f, e.place + 4, room);
    size = size_of_type(e.type);
    e.at = e.place + 4 + (uint64_t)room;
    e.size = size && e.count <= f->size / size ? e.count * size : 0;
    if (e.size > (uint64_t)room) e.at = tiff_number(f, e.at, room);
    if (e.at > f->size || f->size - e.at < e.size) e.size = 0;
    return e;
}

int tiff_find(const tiff_bytes *f, uint64_t directory, uint32_t tag, tiff_entry *e) {
    const uint32_t count = tiff_entries(f, directory);
    uint32_t i;
    for (i = 0; i < count; i++) {
        *e = tiff_entry_at(f, directory, i);
        if (e->tag == tag) return 1;
    }
    memset(e, 0, sizeof *e);
    return 0;
}

uint64_t tiff_entry_value(const tiff_bytes *f, const tiff_entry *e) {
    if (!e->size) return 0;
    return e->type == SHORT ? tiff_number(f, e->at, 2)
         : e->type == LONG || e->type == IFD ? tiff_number(f, e->at, 4)
         : e->type == LONG8 || e->type == IFD8 ? tiff_number(f, e->at, 8) : 0;
}

uint64_t tiff_value(const tiff_bytes *f, uint64_t directory, uint32_t tag) {
    tiff_entry e;
    return tiff_find(f, directory, tag, &e) ? tiff_entry_value(f, &e) : 0;
}

uint64_t tiff_next(const tiff_bytes *f, uint64_t directory) {
    return directory + head(f) + (uint64_t)tiff_entries(f, directory) * entry_size(f);
}
