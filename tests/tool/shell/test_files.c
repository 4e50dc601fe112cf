/* Files in and out: what an output may replace, what others see of it while it is made, and what is left of it when the
   program is stopped. Each case runs in a process of its own, as a program's guard is set once; and all of them twice,
   with unfinished files that have no name and with ones that have, as on systems that know no others. */
#ifdef __linux__
#define _GNU_SOURCE /* O_TMPFILE */
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
#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "shell/files.h"

static char folder[] = "/tmp/test_files.XXXXXX";

static int named; /* this system has no files without names */
int access(const char *path, int mode) { /* in the place of the C library's */
    if (!named || strncmp(path, "/proc/self/", 11)) return faccessat(AT_FDCWD, path, mode, 0);
    errno = ENOENT;
    return -1;
}

/* In the folder of a case: what it does, without cmocka, as it is another process. */
#define MUST(x) \
    do { \
        if (!(x)) { \
            fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #x, strerror(errno)); \
            _exit(1); \
        } \
    } while (0)

static int run(void (*body)(void)) {
    const pid_t child = fork();
    int status;
    if (!child) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void passes(void (*body)(void)) { assert_int_equal(run(body), 0); }

static void put(const char *path, const char *text) {
    FILE *f = fopen(path, "wb");
    MUST(f && fputs(text, f) >= 0 && !fclose(f));
}

static int holds(const char *path, const char *text) {
    char got[64] = "";
    FILE *f = fopen(path, "rb");
    const size_t n = f ? fread(got, 1, sizeof got - 1, f) : 0;
    if (f) fclose(f);
    return n == strlen(text) && !memcmp(got, text, n);
}

static int rests(void) {
    DIR *d = opendir(".");
    struct dirent *e;
    int count = 0;
    while (d && (e = readdir(d)) != NULL) count += strstr(e->d_name, ".tmp") != NULL;
    if (d) closedir(d);
    return count;
}

static void take(const char *path) {
    uint8_t *bytes;
    size_t size;
    char error[256];
    MUST(!file_read(path, &bytes, &size, error));
    free(bytes);
}

static void refuses(const char *path, const char *text) {
    output o;
    char error[256] = "";
    MUST(output_open(&o, path, error) == -1);
    if (!strstr(error, text) || strncmp(error, path, strlen(path))) {
        fprintf(stderr, "%s: not '%s'\n", error, text);
        _exit(1);
    }
    MUST(!rests());
}

static void writes(const char *path) {
    output o;
    char error[256] = "";
    if (output_open(&o, path, error)) {
        fprintf(stderr, "%s\n", error);
        _exit(1);
    }
    MUST(fputs("new", o.file) >= 0 && !output_commit(&o, error) && holds(path, "new") && !rests());
}

static mode_t mode_of(const char *path) {
    struct stat st;
    MUST(!stat(path, &st));
    return st.st_mode & 07777;
}

/* One file by any name is not replaced; others are. */
static void spare(void) {
    char to[8];
    put("in", "old");
    put("other", "old");
    MUST(!link("in", "hard") && !symlink("in", "soft") && !symlink("soft", "softer") && !mkdir("sub", 0755));
    files_guard();
    writes("in"); /* nothing was read */
    MUST(!unlink("hard") && !link("in", "hard"));
    take("soft");
    refuses("in", "is read by this command, and would be replaced; give the output another name");
    refuses("hard", "is read by this command");
    refuses("soft", "is read by this command");
    refuses("softer", "is read by this command");
    refuses("./sub/../in", "is read by this command");
    MUST(holds("in", "new"));
    writes("other");
    writes("third");
    files_forced(0);
    refuses("hard", "(--force replaces it)");
    files_forced(1);
    writes("soft");
    MUST(holds("in", "new") && readlink("soft", to, sizeof to) == 2); /* still a link */
}

/* What is read after the opening is spared, too. */
static void spare_late(void) {
    output o;
    char error[256] = "";
    put("in", "old");
    files_guard();
    MUST(!output_open(&o, "in", error));
    take("in");
    MUST(fputs("new", o.file) >= 0 && output_commit(&o, error) && strstr(error, "is read by this command"));
    MUST(holds("in", "old") && !rests());
}

static void without_guard(void) { /* as the tests of pictures have it */
    put("in", "old");
    take("in");
    writes("in");
}

static void protect(void) {
    put("in", "old");
    MUST(!chmod("in", 0444));
    refuses("in", "is write-protected");
    files_forced(1);
    refuses("in", "is write-protected");
    MUST(holds("in", "old"));
    MUST(!chmod("in", 0466)); /* others may write it, the owner may not */
    refuses("in", "is write-protected");
}

/* Nobody else reads an unfinished file; then it has the rights of what it replaces, or a new file's. */
static void rights(void) {
    output o;
    struct stat st;
    char error[256];
    put("private", "old");
    put("shared", "old");
    MUST(!chmod("private", 0600) && !chmod("shared", 0664));
    umask(022);
    MUST(!output_open(&o, "shared", error) && !fstat(fileno(o.file), &st) && (st.st_mode & 07777) == 0600);
    MUST(rests() == named);
    MUST(!output_commit(&o, error) && mode_of("shared") == 0664 && !rests());
    writes("private");
    MUST(mode_of("private") == 0600);
    umask(027);
    writes("fresh");
    MUST(mode_of("fresh") == 0640);
    MUST(umask(0) == 027); /* it was left as it was */
    writes("open");
    MUST(mode_of("open") == 0666);
}

static void says_where(void) {
    put("in", "old");
    MUST(!symlink("nothing", "dangling") && !mkdir("sub", 0755));
    refuses("nowhere/at/out", "cannot be written: the folder nowhere/at does not exist");
    refuses("in/out", "cannot be written: the folder in is no folder");
    refuses("sub", "is a folder");
    refuses("/dev/null", "is not an ordinary file");
    refuses("dangling", "is a link to what is not there");
    if (!geteuid()) return; /* root may write anywhere */
    MUST(!chmod("sub", 0555));
    refuses("sub/out", "cannot be written: the folder sub is write-protected");
    MUST(!chmod("sub", 0755));
}

static void says_what_it_reads(void) {
    static const struct {
        const char *path, *text;
    } cases[] = { { "missing", "missing: No such file" },
                  { "empty", "empty: is empty" },
                  { "sub", "sub: is a folder" },
                  { "/dev/null", "/dev/null: is a device" },
                  { "/dev/zero", "/dev/zero: is a device" },
                  { "in/x", "in/x: Not a directory" },
                  { "closed", "closed: Permission denied" } };
    uint8_t *bytes;
    size_t size, i;
    char error[256];
    put("in", "old");
    put("empty", "");
    put("closed", "old");
    MUST(!mkdir("sub", 0755) && !chmod("closed", 0));
    for (i = 0; i < sizeof cases / sizeof *cases - (geteuid() ? 0 : 1); i++)
        if (!file_read(cases[i].path, &bytes, &size, error) || strncmp(error, cases[i].text, strlen(cases[i].text))) {
            fprintf(stderr, "not '%s'\n", cases[i].text);
            _exit(1);
        }
}

/* A write that fails, and a discarded output, leave what was there. */
static void fails(void) {
    output o;
    char error[256] = "";
    put("in", "old");
    MUST(!output_open(&o, "in", error) && fputs("new", o.file) >= 0);
    MUST(dup2(open("/dev/full", O_WRONLY), fileno(o.file)) >= 0);
    MUST(output_commit(&o, error) && strstr(error, "in: cannot be written: No space left"));
    MUST(holds("in", "old") && !rests());
    MUST(!output_open(&o, "in", error));
    output_discard(&o);
    output_discard(&o);
    MUST(holds("in", "old") && !rests());
}

/* Two at a time: the second finds a name taken that it wanted to give, and both are whole, one after the other. */
static void meets_another(void) {
    output one, two;
    char error[256] = "";
    MUST(!output_open(&one, "out", error) && !output_open(&two, "out", error));
    MUST(fputs("one", one.file) >= 0 && fputs("two", two.file) >= 0);
    MUST(!output_commit(&two, error) && holds("out", "two"));
    MUST(!output_commit(&one, error) && holds("out", "one") && !rests());
}

/* Where there is no going on. */
static void gives_up(void) {
    output o;
    char error[256];
    put("kept", "old");
    MUST(!output_open(&o, "kept", error));
    fputs("new", o.file);
    MUST(dup2(open("said", O_WRONLY | O_CREAT, 0600), 2) == 2);
    files_give_up("reason");
}

/* A program that is stopped. */
static int stop_by;

static void stopped(void) {
    output o;
    char error[256];
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    signal(stop_by, SIG_DFL); /* cmocka and sanitizers have some */
    put("kept", "old");
    files_guard();
    MUST(!output_open(&o, "kept", error) && rests() == named);
    fputs("new", o.file);
    if (stop_by == SIGABRT) abort();
    kill(getpid(), stop_by);
    for (;;) pause();
}

static void ignored(void) { /* as under nohup */
    output o;
    char error[256];
    signal(SIGHUP, SIG_IGN);
    files_guard();
    MUST(!output_open(&o, "kept", error));
    raise(SIGHUP);
    MUST(!output_commit(&o, error));
}

static void signals_leave_nothing(void **state) {
    static const int numbers[] = { SIGHUP,  SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2,
                                   SIGXCPU, SIGILL, SIGABRT, SIGBUS,  SIGFPE,  SIGSEGV, SIGSYS };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int status;
        stop_by = numbers[i];
        status = run(stopped);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != numbers[i])
            fail_msg("signal %d: status %x", numbers[i], (unsigned)status);
        assert_int_equal(rests(), 0);
        assert_true(holds("kept", "old"));
    }
    passes(ignored);
}

static void spares_what_was_read(void **state) { (void)state; passes(spare); }
static void spares_what_is_read_later(void **state) { (void)state; passes(spare_late); }
static void needs_the_guard(void **state) { (void)state; passes(without_guard); }
static void respects_write_protection(void **state) { (void)state; passes(protect); }
static void has_the_right_rights(void **state) { (void)state; passes(rights); }
static void names_the_folder(void **state) { (void)state; passes(says_where); }
static void names_what_cannot_be_read(void **state) { (void)state; passes(says_what_it_reads); }
static void takes_a_place_that_is_taken(void **state) { (void)state; passes(meets_another); }
static void gives_up_in_order(void **state) {
    int status;
    (void)state;
    status = run(gives_up);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_true(holds("said", "gamutmlp: reason\n") && holds("kept", "old"));
    assert_int_equal(rests(), 0);
}
static void leaves_what_was_there(void **state) { (void)state; passes(fails); }

static int enter(void **state) {
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    return !mkdtemp(folder) || chdir(folder);
}

static int leave(void **state) {
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") || system(command);
}

/* Has the folder of the tests files without names? */
static int without_names(void) {
#ifdef O_TMPFILE
    const int fd = open("/tmp", O_RDWR | O_TMPFILE, 0600);
    if (fd >= 0) return !close(fd);
#endif
    print_message("# no O_TMPFILE: all files have names\n");
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(spares_what_was_read, enter, leave),
        cmocka_unit_test_setup_teardown(spares_what_is_read_later, enter, leave),
        cmocka_unit_test_setup_teardown(needs_the_guard, enter, leave),
        cmocka_unit_test_setup_teardown(respects_write_protection, enter, leave),
        cmocka_unit_test_setup_teardown(has_the_right_rights, enter, leave),
        cmocka_unit_test_setup_teardown(names_the_folder, enter, leave),
        cmocka_unit_test_setup_teardown(names_what_cannot_be_read, enter, leave),
        cmocka_unit_test_setup_teardown(leaves_what_was_there, enter, leave),
        cmocka_unit_test_setup_teardown(takes_a_place_that_is_taken, enter, leave),
        cmocka_unit_test_setup_teardown(gives_up_in_order, enter, leave),
        cmocka_unit_test_setup_teardown(signals_leave_nothing, enter, leave),
    };
    int failed = 0;
    for (named = !without_names(); named <= 1; named++) failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed;
}
