/* Work in processes of its own, several at once: what a library does to one of them, down to a crash, harms no
   other. */
#ifndef PROCESSES_H
#define PROCESSES_H

#include <stddef.h>

#define PROCESSES_MOST 256 /* at once */

typedef struct process_result {
    size_t index;
    int status;            /* what work returned; -N: signal N ended it */
    const char *out, *err; /* what it wrote to stdout and stderr, whole */
} process_result;

typedef struct processes {
    size_t count, at_once;
    /* In a process of its own: item index, on place 0 to at_once - 1, of which no other has the same meanwhile. Returns
       an exit status. */
    int (*work)(void *user, size_t index, size_t place);
    /* In this process, for one item after the other as they end. */
    void (*ended)(void *user, const process_result *result);
    void *user;
} processes;

/* Does items 0 to count - 1. There must be no other thread. A signal that ends this program ends the processes before,
   so that they remove what they had begun. */
void processes_run(const processes *p);

#endif
