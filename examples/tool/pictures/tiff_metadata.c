/* What a TIFF says beside its pixels. EXIF is such a structure too: its first directory has some of a TIFF's tags, and
   others hang below it. Of a TIFF those are copied into a block of their own; in the file that is written a block lies
   at the beginning, so that all of its offsets hold, and a maker's note, which has some that nobody knows, too. In a
   BigTIFF, whose entries are longer, the note alone stays at its place. */
#define _POSIX_C_SOURCE 200809L
#include "pictures/tiff_metadata.h"

#include <stdlib.h>
#include <string.h>

#include "pictures/directory.h"

enum { XMP = 700, IPTC = 33723, PHOTOSHOP = 34377, IMAGE_SOURCE_DATA = 37724, DNG_FIRST = 50706 };
enum { LONG = 4, UNDEFINED = 7, IFD = 13, LONG8 = 16 };
enum { X_RESOLUTION = 282, Y_RESOLUTION = 283, RESOLUTION_UNIT = 296 };
enum { LONGEST = 60000, NOTE_WITHIN = 16384 }; /* bytes of a tag of the first directory; before a note that stays */

/* Tags that tell how a TIFF's pixels are stored and coloured, or hold something else than EXIF. */
static int is_of_pixels(uint32_t tag) {
    static const struct {
        uint16_t first, last;
    } ranges[] = { { 254, 266 }, { 273, 273 }, { 277, 281 }, { 284, 284 }, { 288, 293 }, { 297, 297 }, { 301, 301 },
                   { 317, 327 }, { 328, 336 }, { 338, 347 }, { 512, 521 }, { 529, 532 }, { 559, 559 },
                   { XMP, XMP }, { 32995, 32998 }, { 33421, 33422 }, { IPTC, IPTC }, { PHOTOSHOP, PHOTOSHOP },
                   { 34675, 34675 }, { IMAGE_SOURCE_DATA, IMAGE_SOURCE_DATA }, { DNG_FIRST, 51200 } };
    size_t i;
    for (i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (tag >= ranges[i].first && tag <= ranges[i].last) return 1;
    return 0;
}

/* Reading. */

typedef struct copier {
    tiff_bytes from;
    uint8_t *to;
    size_t size, room;
    int wide;      /* bytes of an offset that is written: 4, or 8 of a BigTIFF */
    uint64_t note; /* where the maker's note stays; 0: it does not */
    int failed, tells;
} copier;

/* Zeroed bytes at an even place; 0: no memory, or too long. */
static size_t reserve(copier *c, uint64_t n) {
    const size_t at = c->size + (c->size & 1);
    if (c->failed || n > METADATA_MOST - at) return c->failed = 1, 0;
    if (at + n > c->room) {
        const size_t room = 2 * (at + (size_t)n);
        uint8_t *to = (uint8_t *)realloc(c->to, room);
        if (!to) return c->failed = 1, 0;
        memset(to + c->room, 0, room - c->room);
        c->to = to;
        c->room = room;
    }
    c->size = at + (size_t)n;
    return at;
}

static void put(copier *c, size_t at, uint64_t v, int n) {
    int i;
    for (i = 0; i < n; i++) c->to[at + (size_t)(c->from.motorola ? n - 1 - i : i)] = (uint8_t)(v >> 8 * i & 255);
}

/* The directories of EXIF, of which one hangs below another by these tags. */
enum { NO_DIRECTORY, EXIF, LEAF, FIRST };

static int below(uint32_t tag, int level) {
    if (level == FIRST) return tag == TAG_EXIF ? EXIF : tag == TAG_GPS ? LEAF : NO_DIRECTORY;
    return level == EXIF && tag == TAG_INTEROPERABILITY ? LEAF : NO_DIRECTORY;
}

static int is_taken(const tiff_entry *e, int level) {
    if (!e->size) return 0;
    if (below(e->tag, level)) return 1;
    if (e->type > 13 || e->count > 0xffffffffu) return 0;
    return level != FIRST || (!is_of_pixels(e->tag) && e->size <= LONGEST);
}

static size_t copy_directory(copier *c, uint64_t directory, int level);

static void copy_entry(copier *c, const tiff_entry *e, size_t at, int level) {
    const size_t value = at + 4 + (size_t)c->wide;
    size_t place = value;
    put(c, at, e->tag, 2);
    put(c, at + 2, e->type, 2);
    put(c, at + 4, e->count, c->wide);
    if (below(e->tag, level)) {
        place = copy_directory(c, tiff_entry_value(&c->from, e), below(e->tag, level));
        if (c->failed) return;
        put(c, at + 2, c->wide == 8 ? LONG8 : LONG, 2);
        put(c, at + 4, 1, c->wide);
        put(c, value, place, c->wide);
        return;
    }
    if (e->size > (uint64_t)c->wide) {
        place = e->tag == TAG_MAKER_NOTE && c->note == e->at ? (size_t)c->note : reserve(c, e->size);
        if (c->failed) return;
        put(c, value, place, c->wide);
    }
    memcpy(c->to + place, c->from.bytes + e->at, (size_t)e->size);
    if (level != FIRST || (e->tag != X_RESOLUTION && e->tag != Y_RESOLUTION && e->tag != RESOLUTION_UNIT &&
                           e->tag != TAG_ORIENTATION))
        c->tells = 1;
}

/* Returns where it begins. */
static size_t copy_directory(copier *c, uint64_t directory, int level) {
    const uint32_t count = tiff_entries(&c->from, directory);
    const size_t head = c->wide == 8 ? 8 : 2, entry_size = 4 + 2 * (size_t)c->wide;
    tiff_entry e;
    uint32_t i, taken = 0;
    size_t start, at;
    for (i = 0; i < count; i++) {
        e = tiff_entry_at(&c->from, directory, i);
        taken += (uint32_t)is_taken(&e, level);
    }
    start = reserve(c, head + entry_size * taken + (uint64_t)c->wide);
    if (c->failed) return 0;
    put(c, start, taken, (int)head);
    at = start + head;
    for (i = 0; i < count && !c->failed; i++) {
        e = tiff_entry_at(&c->from, directory, i);
        if (!is_taken(&e, level)) continue;
        copy_entry(c, &e, at, level);
        at += entry_size;
    }
    return start;
}

/* The header, and the note, if it lies behind it. */
static copier copier_begin(const tiff_bytes *f, uint64_t directory, int wide) {
    const uint64_t header = 2 * (uint64_t)wide;
    copier c;
    tiff_entry note;
    memset(&c, 0, sizeof c);
    c.from = *f;
    c.wide = wide;
    if (tiff_find(f, tiff_value(f, directory, TAG_EXIF), TAG_MAKER_NOTE, &note) && note.size > (uint64_t)wide &&
        note.at >= header && note.at <= NOTE_WITHIN)
        c.note = note.at;
    reserve(&c, c.note ? c.note + note.size : header);
    return c;
}

static void keep_exif(const tiff_bytes *f, uint64_t directory, picture_facts *facts) {
    copier c = copier_begin(f, directory, 4);
    const size_t start = copy_directory(&c, directory, FIRST);
    if (!c.failed && c.tells) {
        memcpy(c.to, f->motorola ? "MM\0*" : "II*\0", 4);
        put(&c, 4, start, 4);
        picture_keep_metadata(facts, METADATA_EXIF, c.to, c.size);
    }
    if (c.failed) facts->metadata |= PICTURE_HAS_EXIF; /* and that is told */
    free(c.to);
}

/* libtiff takes IPTC for numbers of 4 bytes, and turns them around in a file of the other byte order. */
static void keep_iptc(const uint8_t *bytes, size_t size, picture_facts *facts) {
    uint8_t *turned;
    size_t i;
    if (size < 4 || bytes[0] == 0x1c || bytes[3] != 0x1c || size > METADATA_MOST) {
        picture_keep_metadata(facts, METADATA_IPTC, bytes, size);
        return;
    }
    turned = (uint8_t *)malloc(size);
    if (!turned) return;
    for (i = 0; i < size; i++) turned[i] = (i | 3) < size ? bytes[i ^ 3] : bytes[i];
    picture_keep_metadata(facts, METADATA_IPTC, turned, size);
    free(turned);
}

void tiff_keep_metadata(const uint8_t *bytes, size_t size, uint64_t directory, picture_facts *facts) {
    const tiff_bytes f = tiff_bytes_of(bytes, size);
    const uint8_t *iptc;
    size_t iptc_bytes;
    tiff_entry e;
    keep_exif(&f, directory, facts);
    exif_read_resolution(&f, directory, facts);
    if (tiff_find(&f, directory, XMP, &e) && e.size)
        picture_keep_metadata(facts, METADATA_XMP, bytes + e.at, (size_t)e.size);
    if (tiff_find(&f, directory, IPTC, &e) && e.size) keep_iptc(bytes + e.at, (size_t)e.size, facts);
    if (tiff_find(&f, directory, PHOTOSHOP, &e) && e.size) {
        iptc = photoshop_iptc(bytes + e.at, (size_t)e.size, &iptc_bytes);
        if (iptc_bytes) picture_keep_metadata(facts, METADATA_IPTC, iptc, iptc_bytes);
    }
}

/* Writing. */

static const uint16_t one = 1;

int tiff_is_motorola(const picture_metadata *m) {
    const metadata_block *exif = &m->blocks[METADATA_EXIF];
    return exif->bytes ? exif->bytes[0] == 'M' : !*(const uint8_t *)&one;
}

/* Of any type that libtiff takes as an array of this machine's numbers. */
static void set_unknown(TIFF *t, const tiff_bytes *f, const tiff_entry *e) {
    static char name[] = "Tag";
    TIFFFieldInfo info;
    const uint32_t type = e->type == IFD ? LONG : e->type; /* libtiff has 8 bytes for each of these */
    const int unit = type == 3 || type == 8 ? 2 : type == LONG || type == 9 || type == 11 ? 4 : type == 12 ? 8
                   : type == 1 || type == 2 || type == 6 || type == UNDEFINED ? 1 : 0;
    const int rational = type == 5 || type == 10;
    uint8_t *values;
    uint64_t i;
    if (!unit && !rational) return;
    values = (uint8_t *)malloc((size_t)e->size + 1);
    if (!values) return;
    for (i = 0; i < e->count; i++) {
        const uint64_t at = e->at + i * (e->size / e->count);
        const uint8_t v8 = (uint8_t)tiff_number(f, at, 1);
        const uint16_t v16 = (uint16_t)tiff_number(f, at, 2);
        const uint32_t v32 = (uint32_t)tiff_number(f, at, 4), below_line = (uint32_t)tiff_number(f, at + 4, 4);
        const float ratio = !below_line ? 0
                          : type == 10 ? (float)((double)(int32_t)v32 / (double)(int32_t)below_line)
                          : (float)((double)v32 / (double)below_line);
        const uint64_t v64 = tiff_number(f, at, 8);
        if (rational) memcpy(values + 4 * i, &ratio, 4);
        else if (unit == 8) memcpy(values + 8 * i, &v64, 8);
        else if (unit == 4) memcpy(values + 4 * i, &v32, 4);
        else if (unit == 2) memcpy(values + 2 * i, &v16, 2);
        else values[i] = v8;
    }
    memset(&info, 0, sizeof info);
    info.field_tag = e->tag;
    info.field_readcount = info.field_writecount = TIFF_VARIABLE2;
    info.field_type = (TIFFDataType)type;
    info.field_bit = FIELD_CUSTOM;
    info.field_oktochange = info.field_passcount = 1;
    info.field_name = name;
    if (!TIFFMergeFieldInfo(t, &info, 1)) TIFFSetField(t, e->tag, (uint32_t)e->count, values);
    free(values);
}

static void set_text(TIFF *t, const tiff_bytes *f, const tiff_entry *e) {
    char *text = (char *)malloc((size_t)e->size + 1);
    if (!text) return;
    memcpy(text, f->bytes + e->at, (size_t)e->size);
    text[e->size] = 0;
    TIFFSetField(t, e->tag, text);
    free(text);
}

static void set_entry(TIFF *t, const tiff_bytes *f, const tiff_entry *e) {
    const TIFFField *known = TIFFFindField(t, e->tag, TIFF_ANY);
    const double whole = (double)tiff_number(f, e->at, 4), part = (double)tiff_number(f, e->at + 4, 4);
    if (e->tag == X_RESOLUTION || e->tag == Y_RESOLUTION) {
        if (e->type == 5 && part > 0) TIFFSetField(t, e->tag, whole / part);
    } else if (e->tag == RESOLUTION_UNIT) TIFFSetField(t, e->tag, (int)tiff_entry_value(f, e));
    else if (!known) set_unknown(t, f, e);
    else if (e->type == 2 && TIFFFieldDataType(known) == TIFF_ASCII && !TIFFFieldPassCount(known)) set_text(t, f, e);
}

void tiff_place_exif(FILE *file, const picture_metadata *m, int big, uint64_t places[2]) {
    const metadata_block *exif = &m->blocks[METADATA_EXIF];
    const size_t header = big ? 16 : 8;
    tiff_bytes f;
    copier c;
    places[0] = places[1] = 0;
    if (!exif->bytes) return;
    f = tiff_bytes_of(exif->bytes, exif->size);
    places[0] = tiff_value(&f, tiff_first_directory(&f), TAG_EXIF);
    places[1] = tiff_value(&f, tiff_first_directory(&f), TAG_GPS);
    memset(&c, 0, sizeof c);
    if (big) {
        c = copier_begin(&f, tiff_first_directory(&f), 8);
        if (places[0]) places[0] = copy_directory(&c, places[0], EXIF);
        if (places[1]) places[1] = copy_directory(&c, places[1], LEAF);
        if (c.failed) places[0] = places[1] = 0;
    }
    if (!c.failed && !fseeko(file, (off_t)header, SEEK_SET))
        fwrite((big ? c.to : exif->bytes) + header, 1, (big ? c.size : exif->size) - header, file);
    free(c.to);
}

static void set_exif(TIFF *t, const metadata_block *exif, const uint64_t places[2]) {
    const tiff_bytes f = tiff_bytes_of(exif->bytes, exif->size);
    const uint64_t first = tiff_first_directory(&f);
    const uint32_t count = tiff_entries(&f, first);
    tiff_entry e;
    uint32_t i;
    for (i = 0; i < count; i++) {
        e = tiff_entry_at(&f, first, i);
        if (!below(e.tag, FIRST) && is_taken(&e, FIRST) && e.tag != TAG_ORIENTATION) set_entry(t, &f, &e);
    }
    if (places[0]) TIFFSetField(t, TAG_EXIF, places[0]);
    if (places[1]) TIFFSetField(t, TAG_GPS, places[1]);
}

/* Older releases of libtiff take numbers of 4 bytes, and turn them around in a file of the other byte order. */
static void set_iptc(TIFF *t, const metadata_block *iptc, int motorola) {
    const TIFFField *field = TIFFFindField(t, IPTC, TIFF_ANY);
    const int longs = field && TIFFFieldDataType(field) == TIFF_LONG;
    const int turned = longs && motorola == *(const uint8_t *)&one;
    const size_t size = longs ? (iptc->size + 3) & ~(size_t)3 : iptc->size;
    uint8_t *bytes = (uint8_t *)calloc(size, 1);
    size_t i;
    if (!bytes) return;
    for (i = 0; i < iptc->size; i++) bytes[turned ? i ^ 3 : i] = iptc->bytes[i];
    TIFFSetField(t, IPTC, (uint32_t)(longs ? size / 4 : size), bytes);
    free(bytes);
}

void tiff_set_metadata(TIFF *t, const picture_metadata *m, const uint64_t places[2]) {
    const metadata_block *xmp = &m->blocks[METADATA_XMP];
    picture_resolution printed;
    if (m->blocks[METADATA_EXIF].bytes) set_exif(t, &m->blocks[METADATA_EXIF], places);
    if (m->blocks[METADATA_IPTC].bytes)
        set_iptc(t, &m->blocks[METADATA_IPTC], tiff_is_motorola(m));
    if (xmp->bytes) TIFFSetField(t, XMP, (uint32_t)xmp->size, xmp->bytes);
    if (metadata_resolution(m, &printed)) {
        TIFFSetField(t, X_RESOLUTION, printed.x);
        TIFFSetField(t, Y_RESOLUTION, printed.y);
        TIFFSetField(t, RESOLUTION_UNIT, RESUNIT_INCH);
    }
}
