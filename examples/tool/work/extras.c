#include "work/extras.h"

#include <stdio.h>
#include <string.h>

#include "gainmap/container.h"
#include "gainmap/items.h"

/* Reading. */

static void look_at_exif(const uint8_t *block, size_t size, extras *x) {
    picture_facts facts;
    memset(&facts, 0, sizeof facts);
    exif_read(block, size, &facts);
    if (!x->orientation) x->orientation = facts.orientation;
}

static void look_at_xmp(slice packet, extras *x) {
    if (metadata_in_xmp(packet)) x->gain_map = 1;
    if (slice_contains(packet, ":MotionPhoto=") || slice_contains(packet, ":MotionPhoto>") ||
        slice_contains(packet, ":MicroVideo=") || slice_contains(packet, ":MicroVideo>"))
        x->video = 1;
}

static void look_behind(const uint8_t *file, size_t size, size_t end, extras *x) {
    x->behind = size - end;
    while (end < size && !file[end]) end++;
    if (end == size) x->behind = 0;
}

static void look_at_jpeg(const uint8_t *file, size_t size, extras *x) {
    ultrahdr_parts parts;
    segment s;
    size_t end;
    if (ultrahdr_parse(file, size, &parts, NULL) == GMLP_OK) x->gain_map = 1;
    x->extension = ultrahdr_extension(file, size) == ULTRAHDR_GOES_WITH_OTHERS;
    if (segment_first(file, 0, size, &s, NULL) != GMLP_OK) return;
    do {
        if (segment_next(file, size, &s, NULL) != GMLP_OK) return;
        if (IS_XMP(file, &s)) look_at_xmp(xmp_packet_of(file, &s), x);
        else if (IS_ISO(file, &s)) x->gain_map = 1;
        else if (IS_MPF(file, &s)) x->index = 1;
        else if (segment_has_id(file, &s, 0xe1, EXIF_ID, sizeof EXIF_ID))
            look_at_exif(file + s.body + sizeof EXIF_ID, s.end - s.body - sizeof EXIF_ID, x);
    } while (s.marker != SOS);
    if (x->gain_map) x->index = 1;
    if (segment_picture_end(file, size, &s, &end, NULL) != GMLP_OK) return;
    look_behind(file, size, end, x);
}

static void look_at_png(const uint8_t *file, size_t size, extras *x) {
    size_t at = 8, n;
    for (; at <= size && size - at >= 12; at += 12 + n) {
        n = segment_number(file + at, 4, 0);
        if (n > size - at - 12) return;
        if (!memcmp(file + at + 4, "eXIf", 4)) look_at_exif(file + at + 8, n, x);
        if (!memcmp(file + at + 4, "IEND", 4)) {
            look_behind(file, size, at + 12 + n, x);
            return;
        }
    }
}

void extras_find(const void *bytes, size_t size, extras *x) {
    memset(x, 0, sizeof *x);
    switch (gmlp_container_kind(bytes, size)) {
        case GMLP_CONTAINER_JPEG: look_at_jpeg((const uint8_t *)bytes, size, x); break;
        case GMLP_CONTAINER_PNG: look_at_png((const uint8_t *)bytes, size, x); break;
        default: {
            heif_parts parts;
            x->gain_map = heif_name((const uint8_t *)bytes, size) && heif_parse(bytes, size, &parts, NULL) == GMLP_OK;
        }
    }
}

/* What is said. */

const char *extras_turned(const extras *x) {
    static const char *const texts[] = { "EXIF orientation 2: mirrored left to right",
                                         "EXIF orientation 3: half a turn",
                                         "EXIF orientation 4: upside down, mirrored",
                                         "EXIF orientation 5: mirrored, then a quarter turn anticlockwise",
                                         "EXIF orientation 6: a quarter turn clockwise",
                                         "EXIF orientation 7: mirrored, then a quarter turn clockwise",
                                         "EXIF orientation 8: a quarter turn anticlockwise" };
    return x->orientation > 1 ? texts[x->orientation - 2] : NULL;
}

void extras_note(const extras *x, int what, char notes[PICTURE_NOTES]) {
    if (what & EXTRAS_GAIN_MAP && x->gain_map)
        picture_note(notes, "the gain map is left out; 'gamutmlp hdr-encode' of this file alone keeps its HDR");
    if (what & EXTRAS_BEHIND) {
        if (x->video) picture_note(notes, "the video of the motion photo is left out");
        else if (x->behind && !x->gain_map)
            picture_note(notes, "%lu bytes behind the picture are left out%s", (unsigned long)x->behind,
                         x->index ? " (further pictures)" : "");
    }
    if (what & EXTRAS_BEHIND && x->extension && x->index)
        picture_note(notes, "the extended XMP is left out, as it also tells of what lay behind the picture");
}

void extras_tell(const extras *x, int what, const char *command, const char *name) {
    picture p;
    memset(&p, 0, sizeof p);
    extras_note(x, what, p.notes);
    picture_tell(&p, command, name);
}
