/* Files that a program which knows nothing of networks turned, mirrored, cropped or resized: the library finds out how,
   here are the pixels for it and the words. */
#ifndef EDITED_H
#define EDITED_H

#include "shell/json.h"
#include "shell/pool.h"
#include "work/carried.h"

#define EDITED_TEXT 128

typedef struct edited {
    int found;             /* an edit was found */
    gmlp_edit edit;
    double lost;           /* what codes lost on the mean that are not 0 or 255: those of a resized picture, cut down to
                              whole ones, not rounded */
    char text[EDITED_TEXT]; /* "resized to 50 % and turned right" */
} edited;

/* For a file whose network does not belong to its pixels, of which it reads all: if an edit explains them, the network
   follows it. 0, found or not; -1 and a text if the pixels cannot be read. */
int edited_find(carried *c, const char *path, pool *workers, edited *e, char error[256]);

/* What is said of it in JSON: "edit", null or the text; then how many landmarks say so, and gmlp_coords. */
void edited_json(const edited *e, json *j);

#endif
