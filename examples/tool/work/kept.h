/* What a file says beside its pixels (EXIF, IPTC, XMP), as it goes into another file. The rule for the orientation:
   encode turns the pixels, and the tag says 1; decode and hdr-decode leave the pixels as they are stored, and the tag
   goes with them, or where there is no place for one (EXR, JPEG XL, AVIF) the pixels are turned; hdr-encode leaves a
   file that it keeps as it is, and turns what it makes anew. XMP is one packet, but two in a JPEG if it is long. */
#ifndef KEPT_H
#define KEPT_H

#include "gamutmlp.h"
#include "pictures/picture.h"

#define STRIP_METADATA(flag) \
    { "--strip-metadata", ARG_FLAG, &(flag), NULL, "leave EXIF, IPTC and XMP out", 0, 0 }

/* Makes p's metadata those that a file of the name out gets, made of its pixels alone: none that it has no place for,
   and nothing that is not true of it. What is lost is added to p->left. strip: none at all. */
void kept_for(picture *p, const char *out, int strip);

/* Before that, of pixels that are cut or laid otherwise: takes out the thumbnail, which shows what was there before. */
void kept_forget_thumbnail(picture *p);

/* A JPEG file with the same compressed picture and the segments that it needs, among them the orientation, and nothing
   behind it. The caller frees. 0, or -1: no JPEG, or no memory. */
int kept_bare(const uint8_t *file, size_t size, uint8_t **bare, size_t *bare_size);

#endif
