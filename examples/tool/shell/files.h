/* Files: whole ones in, and outputs that appear only when they are complete. */
#ifndef FILES_H
#define FILES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "gamutmlp.h"

/* A whole file into memory; the caller frees. 0, or -1 and a text that names file and reason; of an empty file, too. */
int file_read(const char *path, uint8_t **bytes, size_t *size, char error[256]);

/* The end of a name after its last dot, "" if there is none; and a comparison that ignores case. What follows the last
   slash. */
const char *path_extension(const char *path);
int path_has_extension(const char *path, const char *extension);
const char *path_name(const char *path);

/* A file in the making. It has no name, or on some systems a temporary one beside its place, until output_commit, so
   that a reader never sees half a file and a failure leaves what was there; only its owner can read it until then. A
   file that is write-protected, or that was read (by whatever name), is not replaced. */
typedef struct output {
    FILE *file;
    char *path, *temporary;
    size_t folder; /* letters of path up to the name */
    int slot, nameless, replaces; /* replaces: an older file, whose rights these are */
    mode_t mode;
    uid_t owner;
    gid_t group;
    gmlp_writer writer;
} output;
int output_open(output *o, const char *path, char error[256]);
/* After every write: looks for errors, has the bytes and then the place written out, closes. On failure nothing is left
   behind. */
int output_commit(output *o, char error[256]);
/* Before long work: could it be written? 0, or -1 and output_open's text. */
int output_check(const char *path, char error[256]);
void output_discard(output *o); /* a zeroed, committed or discarded output is fine */
/* As the library's writer; lives as long as o. */
const gmlp_writer *output_writer(output *o);

/* For a program, once: from here on outputs spare what file_read has read, unfinished files are removed on every signal
   that ends the program (SIGKILL cannot be caught), and a file-size limit becomes a write error. */
void files_guard(void);
/* Ends the program when there is no going on: removes unfinished files, says why, exit status 1. */
void files_give_up(const char *why);
/* For a new process: what is unfinished is its parent's, and signals do what they do by default. */
void files_disown(void);
/* The file counts as read from now on: of another process's input. 0, or -1 when out of memory; of no file, too, 0. */
int files_spare(const char *path);
/* By a command that has --force: was it given? Then outputs replace what was read, too. */
void files_forced(int force);

#endif
