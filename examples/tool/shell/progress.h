/* How far long work is; the clock and the memory of the process. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdint.h>

/* A bar on stderr with the time left, when that is a terminal; else nothing. */
typedef struct progress {
    const char *label;
    double start, first, shown;
    int on;
} progress;
void progress_begin(progress *p, const char *label);
void progress_show(progress *p, double done, double all);
void progress_clear(progress *p); /* off the line, for other words; the next progress_show draws it again */
void progress_end(progress *p);

/* Seconds of a clock that only goes forward. */
double seconds_now(void);
/* The most memory that the process has held, or one that it started and that has ended. */
uint64_t peak_rss_bytes(void);

#endif
