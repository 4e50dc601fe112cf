/* What the tool gives out: files, JSON, messages, progress. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdint.h>
#include <stdio.h>

#include "gamutmlp.h"

/* Error texts are 256 bytes, "name: reason"; of a very long name the end is kept. */
void error_text(char error[256], const char *name, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 4)))
#endif
    ;

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

/* One JSON object. Numbers that are not finite become null. */
typedef struct json {
    FILE *file;
    int items;
} json;
void json_begin(json *j, FILE *file);
void json_number(json *j, const char *key, double value);
void json_integer(json *j, const char *key, uint64_t value);
void json_bool(json *j, const char *key, int value);
void json_text(json *j, const char *key, const char *value); /* NULL: null */
void json_end(json *j);

/* "gamutmlp NAME: message" on stderr; returns 1, the exit status of work that failed. */
int fail(const char *name, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/* A bar on stderr with the time left, when that is a terminal; else nothing. */
typedef struct progress {
    const char *label;
    double start, first, shown;
    int on;
} progress;
void progress_begin(progress *p, const char *label);
void progress_show(progress *p, double done, double all);
void progress_end(progress *p);

/* Seconds of a clock that only goes forward. */
double seconds_now(void);
/* The most memory that the process has held. */
uint64_t peak_rss_bytes(void);

#endif
