#include "shell/processes.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

typedef struct words {
    int fd; /* the pipe's end; -1: closed */
    char *text;
    size_t used;
} words;

typedef struct process {
    pid_t pid; /* 0: none on this place */
    size_t index;
    words said[2]; /* stdout, stderr */
} process;

/* What the signal handler reads. */
static volatile sig_atomic_t stopped_by;
static volatile pid_t alive[PROCESSES_MOST];

static const int ending[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU };
#define ENDING (sizeof ending / sizeof *ending)

static void on_signal(int number) {
    const int saved = errno;
    int i;
    stopped_by = number;
    for (i = 0; i < PROCESSES_MOST; i++)
        if (alive[i]) kill(alive[i], SIGTERM);
    errno = saved;
}

static void take_signals(struct sigaction before[ENDING]) {
    struct sigaction action;
    size_t i;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    for (i = 0; i < ENDING; i++) /* one that is ignored, as under nohup, stays so */
        if (!sigaction(ending[i], NULL, &before[i]) && before[i].sa_handler != SIG_IGN)
            sigaction(ending[i], &action, NULL);
}

static void give_signals_back(const struct sigaction before[ENDING]) {
    size_t i;
    for (i = 0; i < ENDING; i++) sigaction(ending[i], &before[i], NULL);
}

static void close_all(const process *all, size_t count) {
    size_t i;
    for (i = 0; i < count; i++)
        if (all[i].pid) {
            if (all[i].said[0].fd >= 0) close(all[i].said[0].fd);
            if (all[i].said[1].fd >= 0) close(all[i].said[1].fd);
        }
}

/* The new process. pipes: where stdout and stderr go. */
static void be_child(const processes *p, size_t index, size_t place, int pipes[2][2], pid_t parent) {
    int status;
    if (dup2(pipes[0][1], STDOUT_FILENO) < 0 || dup2(pipes[1][1], STDERR_FILENO) < 0) _exit(1);
    close(pipes[0][0]), close(pipes[0][1]);
    close(pipes[1][0]), close(pipes[1][1]);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* when SIGKILL ends the parent, which cannot pass it on */
#endif
    if (getppid() != parent) _exit(1);
    status = p->work(p->user, index, place);
    if (fflush(stdout)) status = 1;
    _exit(status);
}

/* 0, or -1: the system gives no process or pipe. */
static int start(const processes *p, process *all, size_t place, size_t index, const struct sigaction before[ENDING]) {
    const pid_t parent = getpid();
    sigset_t every, usual;
    int pipes[2][2], reason;
    pid_t pid;
    if (pipe(pipes[0])) return -1;
    if (pipe(pipes[1])) {
        reason = errno;
        close(pipes[0][0]), close(pipes[0][1]);
        errno = reason;
        return -1;
    }
    fflush(stdout); /* or the child writes it once more */
    sigfillset(&every);
    sigprocmask(SIG_SETMASK, &every, &usual); /* until the handler knows of the child, and the child has its own */
    pid = fork();
    reason = errno;
    if (!pid) {
        close_all(all, p->at_once);
        give_signals_back(before);
        sigprocmask(SIG_SETMASK, &usual, NULL);
        be_child(p, index, place, pipes, parent);
    }
    if (pid > 0) alive[place] = pid;
    sigprocmask(SIG_SETMASK, &usual, NULL);
    close(pipes[0][1]), close(pipes[1][1]);
    if (pid < 0) {
        close(pipes[0][0]), close(pipes[1][0]);
        errno = reason;
        return -1;
    }
    memset(&all[place], 0, sizeof all[place]);
    all[place].pid = pid;
    all[place].index = index;
    all[place].said[0].fd = pipes[0][0];
    all[place].said[1].fd = pipes[1][0];
    return 0;
}

/* Takes what is there to read; at the end closes. What finds no memory is lost. */
static void listen_to(words *w) {
    char bytes[4096];
    const ssize_t n = read(w->fd, bytes, sizeof bytes);
    char *larger = n > 0 ? (char *)realloc(w->text, w->used + (size_t)n + 1) : NULL;
    if (larger) {
        memcpy(larger + w->used, bytes, (size_t)n);
        w->text = larger;
        w->text[w->used += (size_t)n] = 0;
    }
    if (n > 0 || (n < 0 && errno == EINTR)) return;
    close(w->fd);
    w->fd = -1;
}

/* The process on this place has closed both pipes. */
static void end(const processes *p, process *one, size_t place) {
    process_result r;
    int status = 0;
    pid_t pid;
    alive[place] = 0; /* before its number may be another's */
    do pid = waitpid(one->pid, &status, 0);
    while (pid < 0 && errno == EINTR);
    r.index = one->index;
    r.status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    r.out = one->said[0].text ? one->said[0].text : "";
    r.err = one->said[1].text ? one->said[1].text : "";
    if (!stopped_by) p->ended(p->user, &r);
    free(one->said[0].text);
    free(one->said[1].text);
    one->pid = 0;
}

/* Waits until one of them says something or ends; returns how many have ended. */
static size_t wait_for(const processes *p, process *all) {
    struct pollfd fds[2 * PROCESSES_MOST];
    size_t i, k, ended = 0;
    for (i = 0; i < p->at_once; i++)
        for (k = 0; k < 2; k++) {
            fds[2 * i + k].fd = all[i].pid ? all[i].said[k].fd : -1; /* -1: passed over */
            fds[2 * i + k].events = POLLIN;
            fds[2 * i + k].revents = 0;
        }
    if (poll(fds, (nfds_t)(2 * p->at_once), -1) <= 0) return 0;
    for (i = 0; i < p->at_once; i++) {
        for (k = 0; k < 2; k++)
            if (fds[2 * i + k].revents) listen_to(&all[i].said[k]);
        if (all[i].pid && all[i].said[0].fd < 0 && all[i].said[1].fd < 0) end(p, &all[i], i), ended++;
    }
    return ended;
}

/* There is nothing to wait for that would free what the system lacks. */
static void refuse(const processes *p, size_t index) {
    char text[256];
    process_result r;
    snprintf(text, sizeof text, "gamutmlp: no process can be started: %s\n", strerror(errno));
    r.index = index;
    r.status = 1;
    r.out = "";
    r.err = text;
    p->ended(p->user, &r);
}

void processes_run(const processes *p) {
    process all[PROCESSES_MOST];
    struct sigaction before[ENDING];
    size_t next = 0, running = 0, place;
    memset(all, 0, sizeof all);
    stopped_by = 0;
    take_signals(before);
    while (running || (next < p->count && !stopped_by)) {
        for (place = 0; place < p->at_once && next < p->count && !stopped_by; place++) {
            if (all[place].pid) continue;
            if (!start(p, all, place, next, before)) running++, next++;
            else if (running) break;
            else refuse(p, next++);
        }
        if (running) running -= wait_for(p, all);
    }
    give_signals_back(before);
    if (stopped_by) raise(stopped_by);
}
