#include "shell/progress.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

uint64_t peak_rss_bytes(void) {
    struct rusage usage, others;
    if (getrusage(RUSAGE_SELF, &usage)) return 0;
    if (!getrusage(RUSAGE_CHILDREN, &others) && others.ru_maxrss > usage.ru_maxrss) usage = others;
#ifdef __APPLE__
    return (uint64_t)usage.ru_maxrss;
#else
    return (uint64_t)usage.ru_maxrss * 1024;
#endif
}

void progress_begin(progress *p, const char *label) {
    p->label = label;
    p->start = p->first = 0;
    p->shown = -1;
    p->on = isatty(STDERR_FILENO);
}

static void time_left(double seconds) {
    const long minutes = (long)(seconds / 60);
    if (minutes < 3) fprintf(stderr, ", %.0f s left  ", seconds);
    else if (minutes < 180) fprintf(stderr, ", %ld min left  ", minutes);
    else fprintf(stderr, ", %ld h %ld min left  ", minutes / 60, minutes % 60);
}

void progress_show(progress *p, double done, double all) {
    enum { BAR = 30 };
    double now, spent;
    int filled;
    if (!p->on) return;
    now = seconds_now();
    if (p->shown < 0) { /* what came before the first call is preparation */
        p->start = now;
        p->first = done;
    }
    if (now - p->shown < 0.1) return;
    p->shown = now;
    spent = now - p->start;
    filled = all > 0 ? (int)(BAR * done / all) : 0;
    fprintf(stderr, "\r%s [%.*s%*s] %3.0f %%", p->label, filled, "##############################", BAR - filled, "",
            all > 0 ? 100 * done / all : 0.0);
    if (done > p->first && spent > 0.3) time_left(spent * (all - done) / (done - p->first));
}

void progress_clear(progress *p) {
    if (!p->on || p->shown < 0) return;
    fprintf(stderr, "\r%*s\r", 79, "");
    p->shown = p->start;
}

void progress_end(progress *p) {
    progress_clear(p);
    p->on = 0;
}
