/* Work in a process apart: what it can do to this one, and to the machine, when a stranger has taken it over. */
#ifdef __linux__
#define _GNU_SOURCE /* MAP_ANONYMOUS, sched_setaffinity */
#endif
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __linux__
#include <sched.h>
#include <sys/prctl.h>
#endif
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "shell/apart.h"
#include "shell/files.h"
#include "shell/pool.h"

enum { LARGE = 9000001 }; /* more than a pipe holds, and no whole number of pages */

static int filtered(void) { return strstr(apart_means(), "filter") != NULL; }

static uint8_t large[LARGE];

static int send_large(void *user, apart_link *to) {
    uint8_t *copy = (uint8_t *)malloc(LARGE);
    (void)user;
    memcpy(copy, large, LARGE);
    return apart_send(to, large, 5) || apart_send_away(to, copy, LARGE);
}

static int receive_large(void *user, apart_link *from) {
    uint8_t *got = (uint8_t *)malloc(LARGE + 5);
    int bad = apart_receive(from, got, LARGE + 5);
    if (!bad) *(int *)user = !memcmp(got, large, 5) && !memcmp(got + 5, large, LARGE);
    free(got);
    return bad;
}

static int one_byte(void *user, apart_link *from) {
    char byte;
    (void)user;
    return apart_receive(from, &byte, 1);
}

/* What comes of such work; the process is gone. */
static unsigned seconds = 1;
static const char *fate(int (*work)(void *, apart_link *), int (*answer)(void *, apart_link *), void *user) {
    static char why[APART_WHY];
    apart_job a = { NULL, work, answer, user, { (uint64_t)64 << 20, seconds, 1 } };
    int status = apart_run(&a, why);
    assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    if (!status) return "done";
    assert_int_equal(status, -1);
    return why;
}

static void test_answer(void **state) {
    int same = 0;
    size_t i;
    (void)state;
    for (i = 0; i < LARGE; i++) large[i] = (uint8_t)(i * 2654435761u >> 13);
    assert_string_equal(fate(send_large, receive_large, &same), "done");
    assert_true(same);
}

/* Of what it was given to work on: it is gone there, up to where nobody looks any more, and here as it was. */
static int done_with_some(void *user, apart_link *to) {
    uint64_t given = 0;
    int right, few;
    (void)user;
    apart_done_with(large, &given, 5000);
    few = given == 0; /* too few to be worth it */
    apart_done_with(large, &given, LARGE / 2);
    right = few && given == LARGE / 2 && large[5000] == 0 && large[LARGE / 2 - 5000] == 0 &&
            large[LARGE / 2] == (uint8_t)((LARGE / 2) * 2654435761u >> 13);
    return apart_send(to, &right, sizeof right);
}

static int takes_int(void *user, apart_link *from) { return apart_receive(from, user, sizeof(int)); }

static void test_done_with(void **state) {
    uint64_t given = 0;
    int right = 0;
    size_t i;
    (void)state;
    for (i = 0; i < LARGE; i++) large[i] = (uint8_t)(i * 2654435761u >> 13);
    assert_string_equal(fate(done_with_some, takes_int, &right), "done");
#ifdef __linux__
    assert_true(right);
#endif
    apart_done_with(large, &given, LARGE);
    assert_int_equal(given, 0);
    for (i = 0; i < LARGE; i++)
        if (large[i] != (uint8_t)(i * 2654435761u >> 13)) fail_msg("byte %zu is gone", i);
}

/* Libraries have threads of their own there, and this program may have some here. */
static void add(void *user, size_t index) { __atomic_add_fetch((long *)user, (long)index, __ATOMIC_SEQ_CST); }

static long sum_by(pool *p) {
    const gmlp_threads t = pool_threads(p);
    long sum = 0;
    t.parallel_for(t.user, add, &sum, 1000);
    return sum;
}

static int sums(void *user, apart_link *to) {
    pool *p = pool_create(3);
    const long sum = sum_by(p);
    (void)user;
    pool_free(p);
    return apart_send(to, &sum, sizeof sum);
}
static int take_sum(void *user, apart_link *from) { return apart_receive(from, user, sizeof(long)); }

/* Threads that start hold the sanitizers' allocator, which, unlike the C library's, a fork then leaves locked. */
static void meet(void *user, size_t index) {
    int *const here = (int *)user;
    (void)index;
    __atomic_add_fetch(here, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(here, __ATOMIC_SEQ_CST) < 3) usleep(100);
}

static void test_threads(void **state) {
    pool *p = pool_create(3);
    const gmlp_threads t = pool_threads(p);
    int i, here = 0;
    (void)state;
    t.parallel_for(t.user, meet, &here, 3);
    for (i = 0; i < 20; i++) {
        long sum = 0;
        assert_int_equal(sum_by(p), 499500);
        assert_string_equal(fate(sums, take_sum, &sum), "done");
        assert_int_equal(sum, 499500);
    }
    pool_free(p);
}

static int by_signal(void *user, apart_link *to) {
    const int number = *(const int *)user;
    apart_send(to, "", number == SIGKILL); /* an answer does not help who then crashes */
    signal(number, SIG_DFL); /* a sanitizer's */
    raise(number);
    return 0;
}

static int says_yes(void *user, apart_link *to) {
    (void)user;
    return apart_send(to, "yes", 3);
}
static int says_nothing(void *user, apart_link *to) { return (void)user, (void)to, 0; }
static int fails(void *user, apart_link *to) { return (void)user, (void)to, -1; }
static int finds_no_memory(void *user, apart_link *to) {
    (void)user;
    (void)to;
    files_give_up("out of memory");
    return 0;
}
static int refuses(void *user, apart_link *from) { return (void)user, (void)from, -1; }

static void test_crashes(void **state) {
    int number = SIGSEGV;
    (void)state;
    assert_string_equal(fate(by_signal, one_byte, &number), "crashed on this file (signal 11)");
    number = SIGABRT;
    assert_string_equal(fate(by_signal, one_byte, &number), "crashed on this file (signal 6)");
    number = SIGKILL;
    assert_string_not_equal(fate(by_signal, one_byte, &number), "done");
    assert_string_equal(fate(says_nothing, one_byte, NULL), "makes no sense of this file");
    assert_string_equal(fate(fails, one_byte, NULL), "makes no sense of this file");
    assert_string_equal(fate(says_yes, refuses, NULL), "makes no sense of this file");
    assert_string_equal(fate(finds_no_memory, one_byte, NULL), "found too little memory");
}

/* Who started this program wants no word of its children: it is told of a crash all the same, and left as it was. */
static void test_ignored_children(void **state) {
    struct sigaction now;
    int number = SIGSEGV;
    (void)state;
    signal(SIGCHLD, SIG_IGN);
    assert_string_equal(fate(by_signal, one_byte, &number), "crashed on this file (signal 11)");
    assert_int_equal(sigaction(SIGCHLD, NULL, &now), 0);
    assert_true(now.sa_handler == SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
}

static int loops(void *user, apart_link *to) {
    volatile int on = 1;
    (void)user;
    (void)to;
    while (on) {}
    return 0;
}

static int sleeps(void *user, apart_link *to) {
    (void)user;
    (void)to;
    while (!sleep(100)) {}
    return -1;
}

/* Who has answered does not stay. */
static int answers_and_sleeps(void *user, apart_link *to) { return apart_send(to, "y", 1) || sleeps(user, to); }
static int says_too_much(void *user, apart_link *to) { return apart_send(to, "yes", 3) || sleeps(user, to); }

/* No more bytes, but no end either; a filter refuses to close. */
static int closes_and_sleeps(void *user, apart_link *to) {
    close(STDIN_FILENO);
    return sleeps(user, to);
}

/* Each byte comes in time. */
static int says_little(void *user, apart_link *to) {
    (void)user;
    while (!apart_send(to, "", 1)) usleep(100000);
    return 0;
}
static int receives_for_ever(void *user, apart_link *from) {
    while (!one_byte(user, from)) {}
    return -1;
}

static int talks_for_ever(void *user, apart_link *to) {
    (void)user;
    while (!apart_send(to, large, LARGE)) {}
    return 0;
}

static void test_time(void **state) {
    (void)state;
    assert_string_equal(fate(loops, one_byte, NULL), "takes more than 1 seconds of processor time for this file");
#ifdef __linux__
    assert_string_equal(fate(sleeps, one_byte, NULL), "hangs on this file");
    assert_string_equal(fate(answers_and_sleeps, one_byte, NULL), "hangs on this file");
#endif
    assert_string_equal(fate(says_too_much, one_byte, NULL), "makes no sense of this file");
    assert_string_not_equal(fate(closes_and_sleeps, one_byte, NULL), "done");
    seconds = 0;
    assert_string_equal(fate(says_little, receives_for_ever, NULL), "hangs on this file");
    seconds = 1;
    assert_string_equal(fate(talks_for_ever, refuses, NULL), "makes no sense of this file");
}

static int takes_memory(void *user, apart_link *to) {
    size_t i;
    (void)user;
    for (i = 0; i < 4096; i++) {
        uint8_t *p = (uint8_t *)malloc(1 << 20);
        if (!p) return apart_send(to, &i, sizeof i);
        memset(p, 1, 1 << 20);
    }
    return -1;
}

static int a_number(void *user, apart_link *from) { return apart_receive(from, user, sizeof(size_t)); }

/* 64 MB beyond what this process has. */
static void test_memory(void **state) {
    size_t megabytes = 0;
    (void)state;
    if (!filtered()) {
        print_message("# no limit of memory under a sanitizer, or on this system\n");
        return;
    }
    assert_string_equal(fate(takes_memory, a_number, &megabytes), "done");
    assert_in_range(megabytes, 48, 64);
}

/* What it must not: an errno each, 0 where it could. */
enum { READS, WRITES, SOCKET, FORKS, STARTS, KILLS, REMOVES, OWN_FILE, SHARED, GROWING, PLACES, TRIES };
typedef struct tries {
    int error[TRIES];
    char path[32];
    int open;
} tries;
#define TRY(which, call) (errno = 0, t->error[which] = (call) < 0 ? errno : 0)

#ifdef __linux__
static int maps(int how) { return mmap(NULL, 4096, PROT_WRITE, how | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0; }
#endif

static int tries_all(void *user, apart_link *to) {
    tries *t = (tries *)user;
    char *const argv[] = { "true", NULL };
    char byte;
#ifdef __linux__
    cpu_set_t places;
    if (sched_getaffinity(0, sizeof places, &places)) return -1;
#endif
    TRY(READS, open("/etc/passwd", O_RDONLY));
    TRY(WRITES, open(t->path, O_WRONLY | O_TRUNC));
    TRY(SOCKET, socket(AF_INET, SOCK_STREAM, 0));
    TRY(FORKS, fork());
    TRY(STARTS, execv("/bin/true", argv));
    TRY(KILLS, kill(getppid(), SIGTERM));
    TRY(REMOVES, unlink(t->path));
    TRY(OWN_FILE, write(t->open, "x", 1) < 0 ? -1 : read(t->open, &byte, 1));
#ifdef __linux__ /* memory that its limit does not count */
    TRY(SHARED, maps(MAP_SHARED));
    TRY(GROWING, maps(MAP_PRIVATE | MAP_GROWSDOWN));
    TRY(PLACES, sched_setaffinity(getppid(), sizeof places, &places)); /* its own it may: see heif.c */
    if (sched_setaffinity(0, sizeof places, &places)) t->error[PLACES] = 0;
#endif
    return apart_send(to, t->error, sizeof t->error);
}

static int take_errors(void *user, apart_link *from) {
    return apart_receive(from, ((tries *)user)->error, sizeof ((tries *)user)->error);
}

static void test_doors(void **state) {
    tries t;
    struct stat st;
    int i;
    (void)state;
    if (!filtered()) {
        print_message("# no filter of system calls here\n");
        return;
    }
    memset(&t, 0, sizeof t);
    strcpy(t.path, "/tmp/test_apart.XXXXXX");
    t.open = mkstemp(t.path);
    assert_int_equal(write(t.open, "abc", 3), 3);
    assert_string_equal(fate(tries_all, take_errors, &t), "done");
    for (i = 0; i < TRIES; i++)
        if (t.error[i] != EPERM) fail_msg("the process is not refused its try %d: %s", i, strerror(t.error[i]));
    assert_int_equal(fstat(t.open, &st), 0);
    assert_int_equal(st.st_size, 3);
    assert_int_equal(st.st_nlink, 1);
    close(t.open);
    unlink(t.path);
}

/* The unfinished file of this process stays, whatever ends the other one. */
static void test_unfinished(void **state) {
    char folder[] = "/tmp/test_apart.XXXXXX", path[64], error[256];
    int number = SIGTERM;
    output o;
    struct stat st;
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/old", folder);
    files_guard();
    assert_int_equal(output_open(&o, path, error), 0);
    fputs("whole", o.file);
    assert_string_equal(fate(by_signal, one_byte, &number), "crashed on this file (signal 15)");
    assert_int_equal(output_commit(&o, error), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 5);
    unlink(path);
    rmdir(folder);
}

/* What this program has open, the process has not, be there a filter or none. */
static int counts_open(void *user, apart_link *to) {
    int fd, open = 0;
    (void)user;
    for (fd = STDERR_FILENO + 1; fd < 100; fd++) open += fcntl(fd, F_GETFD) >= 0;
    return apart_send(to, &open, sizeof open);
}
static void test_open_files(void **state) {
    int pair[2], open = -1;
    (void)state;
    assert_int_equal(pipe(pair), 0);
    assert_string_equal(fate(counts_open, takes_int, &open), "done");
    assert_int_equal(open, 0);
    close(pair[0]);
    close(pair[1]);
}

#ifdef __linux__
static int tells_its_number(void *user, apart_link *to) {
    const pid_t itself = getpid();
    return apart_send(to, &itself, sizeof itself) || sleeps(user, to);
}
static int passes_on(void *user, apart_link *from) {
    pid_t other;
    if (apart_receive(from, &other, sizeof other) || write(*(const int *)user, &other, sizeof other) < 0) return -1;
    return one_byte(NULL, from);
}

/* When this program ends, however, so does the process. */
static void test_ends_with_us(void **state) {
    int told[2], status;
    pid_t program, other;
    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    assert_int_equal(pipe(told), 0);
    program = fork();
    if (!program) {
        apart_job a = { NULL, tells_its_number, passes_on, &told[1], { (uint64_t)64 << 20, 100, 100 } };
        char why[APART_WHY];
        apart_run(&a, why);
        _exit(4);
    }
    assert_int_equal(read(told[0], &other, sizeof other), sizeof other);
    kill(program, SIGKILL);
    assert_int_equal(waitpid(program, &status, 0), program);
    assert_int_equal(waitpid(other, &status, 0), other); /* or this waits for ever */
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    close(told[0]);
    close(told[1]);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_done_with),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_ignored_children),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_doors),
        cmocka_unit_test(test_unfinished),
        cmocka_unit_test(test_open_files),
#ifdef __linux__
        cmocka_unit_test(test_ends_with_us),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
