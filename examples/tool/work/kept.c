#include "work/kept.h"

#include <stdlib.h>
#include <string.h>

#include "gainmap/container.h"
#include "pictures/formats.h"
#include "shell/files.h"
#include "work/extras.h"
#include "work/packets.h"

static slice slice_of(const metadata_block *b) {
    slice s;
    s.p = (const char *)(const void *)b->bytes;
    s.n = b->size;
    return s;
}

/* The buffer's bytes; of a failed one, or of none, nothing. */
static void take(picture *p, int kind, buffer *b) {
    if (b->failed || metadata_set(&p->metadata, kind, b->p, b->n)) metadata_set(&p->metadata, kind, NULL, 0);
    free(b->p);
}

/* One packet of a JPEG's two. */
static void join(picture *p) {
    const metadata_block *more = &p->metadata.blocks[METADATA_EXTENSION];
    buffer whole = { NULL, 0, 0, 0 };
    if (!more->bytes) return;
    if (!packet_join(&whole, slice_of(&p->metadata.blocks[METADATA_XMP]), slice_of(more)))
        take(p, METADATA_XMP, &whole);
    else {
        free(whole.p);
        picture_note(p->left, "its extended XMP is not carried over: it cannot be read");
    }
    metadata_set(&p->metadata, METADATA_EXTENSION, NULL, 0);
}

/* A gain map, a video and an extended packet are not in the new file, which others tell, and its network is another. */
static void cut_packet(picture *p) {
    const slice packet = slice_of(&p->metadata.blocks[METADATA_XMP]);
    buffer own = { NULL, 0, 0, 0 };
    slice left;
    int bad;
    if (!packet.p) return;
    ultrahdr_packet(&own, packet, PACKET_COMPANIONS | PACKET_EXTENSION | PACKET_NETWORK);
    left.p = (const char *)(const void *)own.p;
    left.n = own.n;
    bad = own.failed || slice_contains(left, "GamutMLP:Blob");
    if (bad) picture_note(p->left, "its XMP is not carried over: it cannot be parted from the network in it");
    if (bad || (left.n < packet.n && !xmp_has_properties(left))) own.n = 0;
    take(p, METADATA_XMP, &own); /* rather none than another picture's network */
}

/* Two of one that a JPEG's segment does not hold; the first leaves room for a network. */
static void part(picture *p) {
    enum { FIRST_MOST = 40000 };
    const slice packet = slice_of(&p->metadata.blocks[METADATA_XMP]);
    buffer first = { NULL, 0, 0, 0 }, more = { NULL, 0, 0, 0 };
    if (packet.n <= XMP_SEGMENT_MOST) return;
    if (!packet_part(&first, &more, packet, FIRST_MOST)) {
        take(p, METADATA_XMP, &first);
        take(p, METADATA_EXTENSION, &more);
        return;
    }
    free(first.p);
    free(more.p);
}

void kept_forget_thumbnail(picture *p) {
    const metadata_block *exif = &p->metadata.blocks[METADATA_EXIF], *xmp = &p->metadata.blocks[METADATA_XMP];
    join(p);
    exif_forget_thumbnail(exif->bytes, exif->size);
    xmp_forget_thumbnails(xmp->bytes, xmp->size);
}

void kept_for(picture *p, const char *out, int strip) {
    if (strip) {
        metadata_free(&p->metadata);
        return;
    }
    join(p);
    cut_packet(p);
    if (path_has_extension(out, "jpg") || path_has_extension(out, "jpeg")) part(p);
    picture_metadata_fit(p, out);
}

static int is_needed(const uint8_t *file, const segment *s) {
    if (s->marker == 0xe0) return segment_has_id(file, s, 0xe0, "JFIF", 5);
    if (s->marker == 0xe2) return segment_has_id(file, s, 0xe2, "ICC_PROFILE", 12);
    return (s->marker < 0xe0 || s->marker > 0xef || s->marker == 0xee) && s->marker != 0xfe;
}

int kept_bare(const uint8_t *file, size_t size, uint8_t **bare, size_t *bare_size) {
    buffer b = { NULL, 0, 0, 0 };
    uint8_t least[EXIF_LEAST];
    segment s;
    extras x;
    size_t end;
    int first = 1;
    extras_find(file, size, &x);
    if (segment_first(file, 0, size, &s, NULL) != GMLP_OK) return -1;
    buffer_put(&b, file, s.end);
    do {
        if (segment_next(file, size, &s, NULL) != GMLP_OK) {
            free(b.p);
            return -1;
        }
        if (first && s.marker != 0xe0 && x.orientation > 1) {
            exif_least(least, x.orientation);
            buffer_segment(&b, 0xe1, "Exif\0", 6, least, sizeof least);
        }
        if (s.marker != 0xe0) first = 0;
        if (is_needed(file, &s)) buffer_put(&b, file + s.start, s.end - s.start);
    } while (s.marker != SOS);
    if (segment_picture_end(file, size, &s, &end, NULL) != GMLP_OK) end = size;
    buffer_put(&b, file + s.end, end - s.end);
    if (b.failed) {
        free(b.p);
        return -1;
    }
    *bare = b.p;
    *bare_size = b.n;
    return 0;
}
