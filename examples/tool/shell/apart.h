/* Work on strangers' bytes in a process of its own, which can calculate and answer, and no more: what goes wrong there,
   down to a crash, is an error here. Where the system can, it has no files, no network and no programs to start
   (seccomp); its memory, its processors' time and its idle time have limits. */
#ifndef APART_H
#define APART_H

#include <stddef.h>
#include <stdint.h>

#define APART_WHY 96

typedef struct apart_link apart_link; /* the way of the answer */

typedef struct apart_bounds {
    uint64_t memory;  /* bytes beyond what this process holds already; on Linux */
    unsigned seconds; /* of the processors' time; its answer is awaited for twenty times as long by the clock */
    unsigned idle;    /* of the clock's, in which it does nothing at all */
} apart_bounds;

typedef struct apart_job {
    void (*prepare)(void);                       /* In the process, before the limits; or NULL. */
    int (*work)(void *user, apart_link *to);     /* Then this; 0: it has answered. */
    int (*answer)(void *user, apart_link *from); /* In this process, meanwhile; 0: it makes sense, and is all. As the
                                                    process may be in a stranger's hands, so may what it says. */
    void *user;
    apart_bounds bounds;
} apart_job;

/* 0; or how it went, as in "it crashed on this file (signal 11)" without the "it", and -1, or 1: the system gives no
   process, and nothing was done. The process is gone in any case, also when a signal ends this one (on Linux at
   once). */
int apart_run(const apart_job *a, char why[APART_WHY]);

/* All of size bytes; 0 or -1. */
int apart_send(apart_link *to, const void *bytes, size_t size);
int apart_receive(apart_link *from, void *bytes, size_t size);
/* Of memory that is not needed any more: it is given back while it is sent. */
int apart_send_away(apart_link *to, void *bytes, size_t size);
/* In such a process: of the bytes that it was given to work on nobody looks at the first so many any more. They are
   given back to the system, and hold zeros then; *given, at first 0, is how many were. Elsewhere nothing happens. */
void apart_done_with(const uint8_t *bytes, uint64_t *given, uint64_t count);

/* What there is of it, for people. */
const char *apart_means(void);

#endif
