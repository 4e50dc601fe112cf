/* An XMP packet that is longer than a JPEG's segment: parted in two, as "XMP Specification Part 3" has it, and made one
   again. Bytes are a stranger's. */
#ifndef PACKETS_H
#define PACKETS_H

#include "gainmap/xmp.h"

/* Both in one: what the extension describes, behind what the packet does. 0, or -1: they are not of that form, or no
   memory. */
int packet_join(buffer *out, slice packet, slice extension);

/* The largest properties go into the extension, until the packet, which then names it by its digest, has no more than
   most bytes. 0, or -1: it cannot be parted so, or no memory. */
int packet_part(buffer *out, buffer *extension, slice packet, size_t most);

#endif
