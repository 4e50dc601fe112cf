/* Files: whole ones in, and outputs that appear only when they are complete. */
#ifndef FILES_H
#define FILES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gamutmlp.h"

/* A whole file into memory; the caller frees. 0, or -1 and a text that names file and reason. */
int file_read(const char *path, uint8_t **bytes, size_t *size, char error[256]);

/* The end of a name after its last dot, "" if there is none; and a comparison that ignores case. */
const char *path_extension(const char *path);
int path_has_extension(const char *path, const char *extension);

/* A file in the making. It has a temporary name beside its place until output_commit, so that a reader
   never sees half a file and a failure leaves what was there. Ctrl-C removes it. */
typedef struct output {
    FILE *file;
    char *path, *temporary;
    int slot;
} output;
int output_open(output *o, const char *path, char error[256]);
/* After every write: looks for errors, closes, renames. On failure nothing is left behind. */
int output_commit(output *o, char error[256]);
void output_discard(output *o); /* a zeroed, committed or discarded output is fine */
/* As the library's writer; user is an output. */
gmlp_writer output_writer(output *o);
/* Removes unfinished files on SIGINT, SIGTERM and SIGHUP; a file-size limit becomes a write error. */
void output_catch_signals(void);

#endif
