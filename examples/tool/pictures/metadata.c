#include "pictures/metadata.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pictures/directory.h"
#include "pictures/formats.h"
#include "shell/files.h"

int metadata_set(picture_metadata *m, int kind, const void *bytes, size_t size) {
    metadata_block *b = &m->blocks[kind];
    uint8_t *copy = NULL;
    if (size) {
        copy = (uint8_t *)malloc(size);
        if (!copy) return -1;
        memcpy(copy, bytes, size);
    }
    free(b->bytes);
    b->bytes = copy;
    b->size = size;
    return 0;
}

void metadata_free(picture_metadata *m) {
    int k;
    for (k = 0; k < METADATA_KINDS; k++) free(m->blocks[k].bytes);
    memset(m, 0, sizeof *m);
}

/* Reading. */

static const char *names_of(int kinds) {
    static const char *const names[] = { "", "EXIF is", "IPTC is", "EXIF and IPTC are", "XMP is", "EXIF and XMP are",
                                         "IPTC and XMP are", "EXIF, IPTC and XMP are" };
    return names[kinds & (PICTURE_HAS_EXIF | PICTURE_HAS_IPTC | PICTURE_HAS_XMP)];
}

void picture_keep_metadata(picture_facts *facts, int kind, const void *bytes, size_t size) {
    facts->metadata |= 1 << kind;
    if (facts->carried.blocks[kind].bytes) return;
    if (kind == METADATA_EXIF && !tiff_begins(bytes, size)) return;
    if (kind == METADATA_IPTC) size = iptc_size((const uint8_t *)bytes, size);
    if (size <= METADATA_MOST) metadata_set(&facts->carried, kind, bytes, size); /* what is not there is told */
}

/* What was whole before it became numbers for a metre or a centimetre is whole again. */
static double settled(double v) {
    const double near = 0.013, whole = floor(v + 0.5);
    return fabs(v - whole) < near ? whole : v;
}

void picture_keep_resolution(picture_facts *facts, double x, double y, double units_per_inch) {
    picture_resolution r;
    r.x = settled(x * units_per_inch);
    r.y = settled(y * units_per_inch);
    if (r.x > 0 && r.y > 0 && !facts->carried.blocks[METADATA_RESOLUTION].bytes)
        metadata_set(&facts->carried, METADATA_RESOLUTION, &r, sizeof r);
}

int metadata_resolution(const picture_metadata *m, picture_resolution *resolution) {
    const metadata_block *b = &m->blocks[METADATA_RESOLUTION];
    if (b->size != sizeof *resolution) return 0;
    memcpy(resolution, b->bytes, sizeof *resolution);
    return resolution->x > 0 && resolution->y > 0;
}

void metadata_note_left(picture_facts *facts) {
    int k, left = facts->metadata;
    for (k = METADATA_EXIF; k <= METADATA_XMP; k++)
        if (facts->carried.blocks[k].bytes) left &= ~(1 << k);
    if (left) picture_note(facts->left, "its %s not carried over: damaged, too long or of a kind that is not read",
                           names_of(left));
}

/* Longer than a JPEG's segment with the name that stands before it. */
static int too_long(int kind, size_t size) {
    static const size_t most[METADATA_KINDS] = { 65533 - 6, 65533 - 14 - PHOTOSHOP_ROOM, XMP_SEGMENT_MOST,
                                                 METADATA_MOST, METADATA_MOST,
                                                 METADATA_MOST };
    return size > most[kind];
}

/* The keywords of texts, without those that programs write without being asked. */
static void note_texts(const metadata_block *texts, const char *path, char notes[PICTURE_NOTES]) {
    char list[120] = "";
    size_t at = 0, size, used = 0;
    const uint8_t *p;
    int many = 0;
    while ((p = metadata_text(texts, &at, &size)) != NULL) {
        const int n = snprintf(list + used, sizeof list - used, "%s%.40s", used ? ", " : "", (const char *)p + 4);
        if (!memcmp(p + 4, "date:", 5) || n <= 0 || (size_t)n >= sizeof list - used) {
            list[used] = 0;
            continue;
        }
        used += (size_t)n;
        many++;
    }
    plain_text(list);
    if (many)
        picture_note(notes, "its text%s (%s) %s not carried over: a .%s file gets none", many > 1 ? "s" : "", list,
                     many > 1 ? "are" : "is", path_extension(path));
}

int picture_says_orientation(const char *path) {
    return path_has_extension(path, "jpg") || path_has_extension(path, "jpeg") || path_has_extension(path, "png") ||
           path_has_extension(path, "tif") || path_has_extension(path, "tiff");
}

static int is_least(const metadata_block *exif) {
    uint8_t least[EXIF_LEAST];
    if (exif->size != EXIF_LEAST) return 0;
    exif_least(least, exif->bytes[18]);
    return !memcmp(exif->bytes, least, EXIF_LEAST);
}

/* Which kinds a file of this name has a place for. */
static int kinds_of(const char *path) {
    const int usual = PICTURE_HAS_EXIF | PICTURE_HAS_IPTC | PICTURE_HAS_XMP;
    const int printed = usual | 1 << METADATA_RESOLUTION;
    if (path_has_extension(path, "png")) return printed | 1 << METADATA_TEXTS;
    if (path_has_extension(path, "jpg") || path_has_extension(path, "jpeg")) return printed | 1 << METADATA_EXTENSION;
    if (picture_says_orientation(path)) return printed;
    return path_has_extension(path, "jxl") || path_has_extension(path, "avif") ? PICTURE_HAS_EXIF | PICTURE_HAS_XMP : 0;
}

void picture_metadata_fit(picture *p, const char *path) {
    const int jpeg = path_has_extension(path, "jpg") || path_has_extension(path, "jpeg");
    int k, none = 0, longer = 0;
    if (!(kinds_of(path) & 1 << METADATA_TEXTS)) note_texts(&p->metadata.blocks[METADATA_TEXTS], path, p->left);
    for (k = 0; k < METADATA_KINDS; k++) {
        metadata_block *b = &p->metadata.blocks[k];
        if (!b->bytes) continue;
        if (!(kinds_of(path) & 1 << k)) none |= 1 << k;
        else if (jpeg && too_long(k, b->size)) longer |= 1 << k;
        else continue;
        if (k == METADATA_EXIF && is_least(b)) none &= ~PICTURE_HAS_EXIF; /* the pixels tell it */
        metadata_set(&p->metadata, k, NULL, 0);
    }
    if (*names_of(none))
        picture_note(p->left, "its %s not carried over: a .%s file gets none", names_of(none), path_extension(path));
    if (longer) picture_note(p->left, "its %s not carried over: longer than a JPEG's 64 KB", names_of(longer));
}

/* IPTC. */

size_t iptc_size(const uint8_t *p, size_t size) {
    size_t at = 0, n, more;
    while (size - at >= 5 && p[at] == 0x1c) { /* record, dataset, length */
        n = (size_t)p[at + 3] << 8 | p[at + 4];
        more = at + 5;
        if (n & 0x8000) { /* of the length's own bytes */
            size_t length = n & 0x7fff;
            if (length > 4 || size - more < length) break;
            for (n = 0; length; length--) n = n << 8 | p[more++];
        }
        if (size - more < n) break;
        at = more + n;
    }
    return at;
}

/* "8BIM", a number, a name with its length, both padded to even, a length of 4 bytes, bytes, padded to even. */
const uint8_t *photoshop_iptc(const uint8_t *p, size_t n, size_t *size) {
    size_t at = 0;
    *size = 0;
    while (n - at >= 12 && !memcmp(p + at, "8BIM", 4)) {
        const int is_iptc = p[at + 4] == 4 && p[at + 5] == 4;
        const size_t name = ((size_t)p[at + 6] + 2) & ~(size_t)1;
        if (n - at < 10 + name) break;
        at += 6 + name;
        *size = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 | p[at + 3];
        at += 4;
        if (*size > n - at) break;
        if (is_iptc) return p + at;
        at += *size + (*size & 1);
        if (at > n) break;
    }
    *size = 0;
    return p;
}

size_t photoshop_resources(const uint8_t *iptc, size_t size, uint8_t *to) {
    size_t i;
    memcpy(to, "8BIM\4\4\0\0", 8);
    for (i = 0; i < 4; i++) to[8 + i] = (uint8_t)(size >> (24 - 8 * i) & 255);
    memcpy(to + 12, iptc, size);
    if (size & 1) to[12 + size] = 0;
    return 12 + size + (size & 1);
}

const char *xmp_extension(const uint8_t *packet, size_t size) {
    static const char name[] = "HasExtendedXMP";
    size_t i, n;
    for (i = 0; size >= sizeof name + 32 && i < size - sizeof name - 32; i++) {
        if (packet[i] != name[0] || memcmp(packet + i, name, sizeof name - 1)) continue;
        for (i += sizeof name - 1; i + 32 < size && packet[i] && strchr("=\"'> \t\r\n", packet[i]); i++) {}
        for (n = 0; n < 32 && i + n < size && packet[i + n] && strchr("0123456789ABCDEFabcdef", packet[i + n]); n++) {}
        if (n == 32) return (const char *)packet + i;
    }
    return NULL;
}

const uint8_t *metadata_text(const metadata_block *texts, size_t *at, size_t *size) {
    const uint8_t *p;
    if (texts->size - *at < 12) return NULL;
    p = texts->bytes + *at;
    *size = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    if (*size > texts->size - *at - 12) return NULL;
    *at += *size + 12;
    return p + 4;
}

/* Writing. */

/* Where the value of a property or field of that name begins, an attribute's or an element's, from *at on, and its size
   up to the quote or tag that ends it; *at is then its end. NULL: there is no more. */
static uint8_t *next_value(uint8_t *packet, size_t size, const char *name, size_t *at, size_t *n) {
    const size_t length = strlen(name);
    size_t i = *at, begin;
    while (i < size && size - i > length) {
        const uint8_t *hit = (const uint8_t *)memchr(packet + i, name[0], size - i - length);
        if (!hit) return NULL;
        i = (size_t)(hit - packet) + 1;
        if (memcmp(hit, name, length) != 0) continue;
        for (i += length - 1; i < size && strchr("= ", packet[i]) && packet[i]; i++) {}
        if (i == size || !strchr("\"'>", packet[i]) || !packet[i]) continue;
        begin = ++i;
        while (i < size && packet[i] != '<' && (packet[begin - 1] == '>' || packet[i] != packet[begin - 1])) i++;
        *n = i - begin;
        *at = i;
        if (i < size) return packet + begin;
    }
    return NULL;
}

/* A property that is a number, if it has digits enough: the packet keeps its length. */
static void set_xmp_number(uint8_t *packet, size_t size, const char *name, uint32_t v) {
    size_t at = 0, n, i;
    uint8_t *p;
    while ((p = next_value(packet, size, name, &at, &n)) != NULL) {
        uint32_t left = v;
        for (i = 0; i < n && p[i] >= '0' && p[i] <= '9'; i++) left /= 10;
        if (!n || i < n || left) continue;
        for (left = v; i--; left /= 10) p[i] = (uint8_t)('0' + left % 10);
    }
}

static void adapt_xmp(uint8_t *packet, size_t size, const gmlp_image *like, int orientation) {
    set_xmp_number(packet, size, "tiff:Orientation", (uint32_t)orientation);
    set_xmp_number(packet, size, "tiff:ImageWidth", like->width);
    set_xmp_number(packet, size, "tiff:ImageLength", like->height);
    set_xmp_number(packet, size, "exif:PixelXDimension", like->width);
    set_xmp_number(packet, size, "exif:PixelYDimension", like->height);
}

void xmp_forget_thumbnails(uint8_t *packet, size_t size) {
    size_t at = 0, n;
    uint8_t *p;
    while ((p = next_value(packet, size, "GImg:image", &at, &n)) != NULL) memset(p, ' ', n);
}

int metadata_adapt(picture_metadata *to, const picture_metadata *from, const gmlp_image *like, int orientation) {
    uint8_t least[EXIF_LEAST];
    int k, bad = 0;
    memset(to, 0, sizeof *to);
    for (k = 0; k < METADATA_KINDS && from; k++)
        bad |= metadata_set(to, k, from->blocks[k].bytes, from->blocks[k].size);
    if (!bad && orientation > 1 && !to->blocks[METADATA_EXIF].bytes) {
        exif_least(least, orientation);
        bad = metadata_set(to, METADATA_EXIF, least, sizeof least);
    }
    if (bad) {
        metadata_free(to);
        return -1;
    }
    exif_adapt(to->blocks[METADATA_EXIF].bytes, to->blocks[METADATA_EXIF].size, like, orientation);
    adapt_xmp(to->blocks[METADATA_XMP].bytes, to->blocks[METADATA_XMP].size, like, orientation);
    return 0;
}
