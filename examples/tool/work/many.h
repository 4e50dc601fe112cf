/* A command's work on many pictures, into one folder, each in a process of its own. */
#ifndef MANY_H
#define MANY_H

#include <stdint.h>

#include "shell/args.h"
#include "shell/json.h"
#include "shell/processes.h"
#include "shell/progress.h"
#include "work/done.h"

typedef struct many {
    const char *folder;         /* NULL: there is one picture */
    int as, resume;             /* as: a word's place in MANY_AS; -1: not given */
    uint64_t jobs;
    /* The caller's, before many_run. */
    const args_command *command;
    const char *const *in;
    int count, json;
    uint64_t threads;           /* for all jobs; 0: one a processor */
    const char *also;           /* NULL, or a file that makes results different, too */
    /* In a process of its own, makes one picture. An exit status. */
    int (*make)(void *user, const char *in, const char *out, uint64_t threads);
    void *user;
    /* many_run's own. */
    char **out;
    int *status;                /* exit statuses */
    int ended, failed, kept;
    done record;
    progress bar;
    char label[64];
    double began;
} many;

#define MANY_AS "jpg|png"
#define MANY_OPTIONS(m) \
    { "--out", ARG_TEXT, &(m).folder, "DIR", "many pictures, into this folder, each under its own name", 0, 0 }, \
    { "--as", ARG_CHOICE, &(m).as, MANY_AS, "what they become there (jpg)", 0, 0 }, \
    { "--jobs", ARG_INT, &(m).jobs, "N", "pictures at once (1), which share --threads; each takes its own memory", 1, \
      PROCESSES_MOST }, \
    { "--resume", ARG_FLAG, &(m).resume, NULL, \
      "skip what is there as it was made, by these options, from a file of this size and date", 0, 0 }

/* NULL, or why these options do not go together. */
const char *many_contradiction(const many *m);
/* A name like those of the outputs. */
const char *many_example(const many *m);
/* All of it; pictures go on when one fails. An exit status: 0, or 1 if one failed, 2 if nothing was begun. */
int many_run(many *m);
/* The first keys of one picture's object, which is one line. */
void many_json(json *j, const char *in, const char *out, const char *status);

#endif
