/* What a folder's files were made from, so that a later run can leave them as they are. It stands in a text file in
   that folder, .gamutmlp-COMMAND, a line a file. A line holds as long as all that it says is so: the file's bytes
   (size and CRC-32), the options, the size and date of what it was made from. Lines are only added, by any number of
   processes; what is lost of them, as network drives may, only makes a file be made anew. */
#ifndef DONE_H
#define DONE_H

#include <stddef.h>

typedef struct done {
    char *path, *options;
    char *text, **lines; /* sorted; none if they were not asked for */
    size_t count;
} done;

/* options: the caller's text of all that makes one result different from another. read: done_holds is to be asked.
   0, or -1 and a text; done_close either way. */
int done_open(done *d, const char *command, const char *folder, const char *options, int read, char error[256]);
void done_close(done *d);

/* What a line says of a source: as it is now, so ask before it is used. NULL: there is no such file, or no memory. */
char *done_source(const done *d, const char *in);
/* Was out made from this, and is it as it was made? */
int done_holds(const done *d, const char *source, const char *out);
/* out was made from this. 0, or -1 and a text. */
int done_add(const done *d, const char *source, const char *out, char error[256]);

/* CRC-32 and size of a file. 0, or -1: it cannot be read. */
int file_check(const char *path, unsigned long *crc, unsigned long long *size);

#endif
