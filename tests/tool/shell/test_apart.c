/* Work in a process apart: what it can do to this one, and to the machine, when a stranger has taken it over. */
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "shell/apart.h"
#include "shell/files.h"

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
static const char *fate(int (*work)(void *, apart_link *), int (*answer)(void *, apart_link *), void *user) {
    static char why[APART_WHY];
    apart_job a = { NULL, work, answer, user, { (uint64_t)64 << 20, 1, 1 } };
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
#endif
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
enum { READS, WRITES, SOCKET, FORKS, STARTS, KILLS, REMOVES, OWN_FILE, TRIES };
typedef struct tries {
    int error[TRIES];
    char path[32];
    int open;
} tries;
#define TRY(which, call) (errno = 0, t->error[which] = (call) < 0 ? errno : 0)

static int tries_all(void *user, apart_link *to) {
    tries *t = (tries *)user;
    char *const argv[] = { "true", NULL };
    char byte;
    TRY(READS, open("/etc/passwd", O_RDONLY));
    TRY(WRITES, open(t->path, O_WRONLY | O_TRUNC));
    TRY(SOCKET, socket(AF_INET, SOCK_STREAM, 0));
    TRY(FORKS, fork());
    TRY(STARTS, execv("/bin/true", argv));
    TRY(KILLS, kill(getppid(), SIGTERM));
    TRY(REMOVES, unlink(t->path));
    TRY(OWN_FILE, write(t->open, "x", 1) < 0 ? -1 : read(t->open, &byte, 1));
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

#ifdef __linux__
static int holds(void *user, apart_link *to) {
    if (write(((const int *)user)[1], "x", 1) != 1) return -1;
    return sleeps(user, to);
}

/* When this program ends, however, so does the process: nobody holds the pipe any more. */
static void test_ends_with_us(void **state) {
    int alive[2], status;
    char byte;
    pid_t program;
    (void)state;
    if (filtered()) return; /* what it holds it cannot tell then; a sanitizer's build does it */
    assert_int_equal(pipe(alive), 0);
    program = fork();
    if (!program) {
        apart_job a = { NULL, holds, one_byte, alive, { (uint64_t)64 << 20, 100, 100 } };
        char why[APART_WHY];
        close(alive[0]);
        apart_run(&a, why);
        _exit(4);
    }
    close(alive[1]);
    assert_int_equal(read(alive[0], &byte, 1), 1);
    kill(program, SIGKILL);
    assert_int_equal(waitpid(program, &status, 0), program);
    assert_int_equal(read(alive[0], &byte, 1), 0); /* or it waits for ever */
    close(alive[0]);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_doors),
        cmocka_unit_test(test_unfinished),
#ifdef __linux__
        cmocka_unit_test(test_ends_with_us),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
