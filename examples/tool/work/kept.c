#include "work/kept.h"

#include <stdlib.h>
#include <string.h>

#include "gainmap/container.h"
#include "pictures/formats.h"
#include "work/extras.h"

/* A gain map, a video and an extended packet are not in the new file, which others tell, and its network is another. */
static void cut_packet(picture *p) {
    metadata_block *b = &p->metadata.blocks[METADATA_XMP];
    buffer own = { NULL, 0, 0, 0 };
    slice packet, left;
    int bad;
    packet.p = (const char *)(const void *)b->bytes;
    packet.n = b->size;
    if (!b->bytes) return;
    ultrahdr_packet(&own, packet, PACKET_COMPANIONS | PACKET_EXTENSION | PACKET_NETWORK);
    left.p = (const char *)(const void *)own.p;
    left.n = own.n;
    bad = own.failed || slice_contains(left, "GamutMLP:Blob");
    if (bad) picture_note(p->left, "its XMP is not carried over: it cannot be parted from the network in it");
    if (bad || (left.n < packet.n && !xmp_has_properties(left))) left.n = 0;
    if (metadata_set(&p->metadata, METADATA_XMP, left.p, left.n))
        metadata_set(&p->metadata, METADATA_XMP, NULL, 0); /* rather none than another picture's network */
    free(own.p);
}

void kept_for(picture *p, const char *out, int strip) {
    if (strip) {
        metadata_free(&p->metadata);
        return;
    }
    cut_packet(p);
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
    buffer_put(&b, file + s.end, size - s.end);
    if (b.failed) {
        free(b.p);
        return -1;
    }
    *bare = b.p;
    *bare_size = b.n;
    return 0;
}
