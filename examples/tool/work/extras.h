/* What a file (JPEG, PNG, HEIC, AVIF) holds beside its picture, as far as commands must know of it; and what is said of
   it when it is left out. Metadata that only get lost are the picture readers' to tell. */
#ifndef EXTRAS_H
#define EXTRAS_H

#include <stddef.h>

#include "pictures/formats.h"

typedef struct extras {
    int orientation;      /* EXIF's, 1 to 8; 0: none is said */
    int gain_map;
    int index;            /* the header says where other pictures lie behind this one */
    int video;            /* a motion photo's */
    int extension;        /* an extended XMP packet that goes with what lies behind, and holds more than that */
    size_t behind;        /* bytes behind the picture, if one of them is not 0 */
} extras;

/* Of files of other kinds, and damaged ones, what was found. */
void extras_find(const void *bytes, size_t size, extras *x);

/* Notes that these are left out, as far as there are some. */
enum { EXTRAS_GAIN_MAP = 1, EXTRAS_BEHIND = 2 };
void extras_note(const extras *x, int what, char notes[PICTURE_NOTES]);
/* The same on stderr, for the file of this name. */
void extras_tell(const extras *x, int what, const char *command, const char *name);

/* "EXIF orientation 6: a quarter turn clockwise"; NULL for a picture that is shown as it is stored. */
const char *extras_turned(const extras *x);

#endif
