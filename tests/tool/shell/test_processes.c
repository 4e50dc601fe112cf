/* Work in processes of its own: each item once, so many at a time, what each said whole and its own, and what is left
   when one of them or this program is ended. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "shell/processes.h"

enum { MOST = 40, LONG = 300000 }; /* LONG: more than a pipe holds */

typedef struct results {
    int seen[MOST], status[MOST];
    size_t out[MOST], err[MOST];
    int mixed; /* words of another item */
} results;

/* Says its own letter, and ends in one of many ways. */
static int talk(void *user, size_t index, size_t place) {
    size_t i;
    (void)user;
    (void)place;
    for (i = 0; i < (index % 4 == 1 ? LONG : index); i++) {
        putchar('a' + (int)index % 26);
        if (i % 3 == 0) fputc('a' + (int)index % 26, stderr);
    }
    if (index % 10 == 7) raise(SIGKILL);
    if (index % 10 == 8) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    }
    return (int)index;
}

static size_t own(const char *text, size_t index, int *mixed) {
    const size_t n = strlen(text);
    size_t i;
    for (i = 0; i < n; i++) *mixed |= text[i] != 'a' + (int)index % 26;
    return n;
}

static void note(void *user, const process_result *r) {
    results *all = (results *)user;
    all->seen[r->index]++;
    all->status[r->index] = r->status;
    all->out[r->index] = own(r->out, r->index, &all->mixed);
    all->err[r->index] = own(r->err, r->index, &all->mixed);
}

static void run(size_t count, size_t at_once) {
    static results all;
    processes p = { count, at_once, talk, note, &all };
    size_t i;
    memset(&all, 0, sizeof all);
    processes_run(&p);
    for (i = 0; i < count; i++) {
        const size_t said = i % 4 == 1 ? LONG : i;
        assert_int_equal(all.seen[i], 1);
        if (i % 10 == 7) assert_int_equal(all.status[i], -SIGKILL);
        else if (i % 10 == 8) assert_int_equal(all.status[i], -SIGSEGV);
        else {
            assert_int_equal(all.status[i], i);
            assert_int_equal(all.out[i], said);
        }
        assert_int_equal(all.err[i], (said + 2) / 3);
    }
    assert_false(all.mixed);
}

static void test_each_once(void **state) {
    (void)state;
    run(0, 1);
    run(1, 1);
    run(MOST, 1);
    run(MOST, 3);
    run(5, PROCESSES_MOST);
    run(MOST, MOST);
}

/* Places: a lock each, which the file system holds for one process at a time. */
typedef struct locks {
    char path[32];
    int taken;
} locks;

static int hold(void *user, size_t index, size_t place) {
    const locks *l = (const locks *)user;
    const int fd = open(l->path, O_RDWR);
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = (off_t)place;
    lock.l_len = 1;
    if (place > 2 || fcntl(fd, F_SETLK, &lock)) return 1;
    poll(NULL, 0, (int)(index * 7 % 5));
    return 0;
}

static void add(void *user, const process_result *r) { ((locks *)user)->taken |= r->status; }

static void test_places(void **state) {
    locks l = { "/tmp/test_processes.XXXXXX", 0 };
    processes p = { MOST, 3, hold, add, &l };
    (void)state;
    close(mkstemp(l.path));
    processes_run(&p);
    unlink(l.path);
    assert_int_equal(l.taken, 0);
}

/* The program that has processes is one itself here. What they hold open tells whether they are alive. */
static int wait_long(void *user, size_t index, size_t place) {
    const int *alive = (const int *)user;
    (void)index;
    (void)place;
    if (write(alive[1], "x", 1) != 1) return 1;
    for (;;) pause();
}

static void never(void *user, const process_result *r) {
    (void)user;
    (void)r;
    _exit(3); /* what was stopped is not reported */
}

static void ended_by(int number) {
    int alive[2], status, i;
    char byte;
    pid_t program;
    assert_int_equal(pipe(alive), 0);
    program = fork();
    if (!program) {
        processes p = { 9, 3, wait_long, never, alive };
        if (number != SIGKILL) signal(number, SIG_DFL); /* what starts the tests may ignore it */
        close(alive[0]);
        processes_run(&p);
        _exit(4); /* the signal did not end it */
    }
    close(alive[1]);
    for (i = 0; i < 3; i++) assert_int_equal(read(alive[0], &byte, 1), 1);
    kill(program, number);
    assert_int_equal(waitpid(program, &status, 0), program);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), number);
    assert_int_equal(read(alive[0], &byte, 1), 0); /* or it waits for ever: all are gone, and no fourth was begun */
    close(alive[0]);
}

static void test_signals(void **state) {
    (void)state;
    ended_by(SIGTERM);
    ended_by(SIGINT);
    ended_by(SIGPIPE);
#ifdef __linux__
    ended_by(SIGKILL);
#endif
}

/* One that is ignored, as nohup has it, ends nothing. */
static int signals_parent(void *user, size_t index, size_t place) {
    (void)user;
    (void)index;
    (void)place;
    return kill(getppid(), SIGHUP) != 0;
}

static void count_good(void *user, const process_result *r) { *(int *)user += r->status == 0; }

static void test_ignored(void **state) {
    int good = 0;
    processes p = { 4, 2, signals_parent, count_good, &good };
    struct sigaction before;
    (void)state;
    signal(SIGHUP, SIG_IGN);
    processes_run(&p);
    assert_int_equal(good, 4);
    sigaction(SIGHUP, NULL, &before);
    assert_true(before.sa_handler == SIG_IGN);
    signal(SIGHUP, SIG_DFL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
