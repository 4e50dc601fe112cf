#ifdef __linux__
#define _GNU_SOURCE
#else
#define _XOPEN_SOURCE 700
#endif
#include "shell/apart.h"

#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#endif

#include "shell/files.h"
#include "shell/progress.h"

/* Sanitizers hold more memory than there is, and read and write files to say what they found. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

struct apart_link {
    int fd;
    pid_t pid;
    unsigned idle;
    double patience; /* seconds by the clock that it may still be waited for */
    int ends, hangs; /* the answer has come to its end; nothing, or too little, is done for it */
};

static int is_apart; /* is this such a process? */

enum { ANSWER = STDIN_FILENO }; /* of all descriptors the one that the process may write to */
enum { NO_ANSWER = 2 };         /* its exit status; 1: files_give_up found no memory */
enum { PATIENCE = 20 };         /* times the processors' time that it may take */

/* What the process may ask of the system. */

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#ifdef __x86_64__
#define MACHINE AUDIT_ARCH_X86_64
#else
#define MACHINE AUDIT_ARCH_AARCH64
#endif
#define ANY (-1)
#define OFFSET(field) ((uint32_t)offsetof(struct seccomp_data, field))

/* Memory, threads of its own, the clock, its end. All else is refused as if it were not allowed to this user, which
   libraries bear: they are told that a thread has no name, or count processors in another way. */
static int close_doors(void) {
    const uint32_t self = (uint32_t)getpid();
    const struct { int call, argument; uint32_t mask, value; } rules[] = {
        { SYS_write, 0, ~0u, ANSWER },
        /* not what RLIMIT_DATA leaves out */
        { SYS_mmap, 3, MAP_ANONYMOUS | MAP_SHARED | MAP_GROWSDOWN, MAP_ANONYMOUS },
        { SYS_munmap, ANY, 0, 0 }, { SYS_mremap, ANY, 0, 0 }, { SYS_mprotect, ANY, 0, 0 }, { SYS_madvise, ANY, 0, 0 },
        { SYS_brk, ANY, 0, 0 }, { SYS_futex, ANY, 0, 0 },
        { SYS_clone, 0, CLONE_THREAD, CLONE_THREAD },
        { SYS_set_robust_list, ANY, 0, 0 }, { SYS_rseq, ANY, 0, 0 },
        { SYS_sched_yield, ANY, 0, 0 }, { SYS_sched_getaffinity, ANY, 0, 0 }, { SYS_getcpu, ANY, 0, 0 },
        { SYS_sched_setaffinity, 0, ~0u, 0 }, /* of the thread itself */
        { SYS_rt_sigaction, ANY, 0, 0 }, { SYS_rt_sigprocmask, ANY, 0, 0 }, { SYS_rt_sigreturn, ANY, 0, 0 },
        { SYS_sigaltstack, ANY, 0, 0 },
        { SYS_tgkill, 0, ~0u, self }, /* abort() */
        { SYS_getpid, ANY, 0, 0 }, { SYS_gettid, ANY, 0, 0 }, { SYS_sysinfo, ANY, 0, 0 }, { SYS_getrandom, ANY, 0, 0 },
        { SYS_clock_gettime, ANY, 0, 0 }, { SYS_clock_getres, ANY, 0, 0 }, { SYS_gettimeofday, ANY, 0, 0 },
        { SYS_nanosleep, ANY, 0, 0 }, { SYS_clock_nanosleep, ANY, 0, 0 }, { SYS_restart_syscall, ANY, 0, 0 },
        { SYS_getrusage, ANY, 0, 0 }, { SYS_times, ANY, 0, 0 },
        { SYS_exit, ANY, 0, 0 }, { SYS_exit_group, ANY, 0, 0 },
    };
    enum { RULES = sizeof rules / sizeof *rules };
    struct sock_filter f[6 * RULES + 8];
    struct sock_fprog program;
    unsigned i, n = 0;
#define DO(code, k) (f[n++] = (struct sock_filter)BPF_STMT(code, k))
#define UNLESS(k, skip) (f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, skip))
    DO(BPF_LD | BPF_W | BPF_ABS, OFFSET(arch));
    UNLESS(MACHINE, 1);
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0);
    DO(BPF_RET | BPF_K, SECCOMP_RET_KILL);
    DO(BPF_LD | BPF_W | BPF_ABS, OFFSET(nr));
    for (i = 0; i < RULES; i++) {
        UNLESS((uint32_t)rules[i].call, rules[i].argument == ANY ? 1 : 5);
        if (rules[i].argument != ANY) {
            DO(BPF_LD | BPF_W | BPF_ABS, OFFSET(args[rules[i].argument])); /* the lower half, on both machines */
            DO(BPF_ALU | BPF_AND | BPF_K, rules[i].mask);
            UNLESS(rules[i].value, 1);
            DO(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
            DO(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
        } else DO(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    UNLESS(SYS_clone3, 1); /* whose flags a filter cannot see; without it clone is called */
    DO(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    DO(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
#undef DO
#undef UNLESS
    program.len = (unsigned short)n;
    program.filter = f;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
    /* without that flag kernels before 5.16 slow the processor down */
    return !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) ||
           !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? 0 : -1;
}

static int has_doors(void) {
    return !SANITIZED && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) < 0 && errno == EFAULT;
}

#else
static int close_doors(void) { return -1; }
static int has_doors(void) { return 0; }
#endif

const char *apart_means(void) {
    return has_doors() ? "in a process of its own, with limits and a filter of system calls"
                       : "in a process of its own, with limits";
}

static void limit(int resource, rlim_t soft, rlim_t hard) {
    struct rlimit r;
    if (getrlimit(resource, &r)) return;
    if (r.rlim_max == RLIM_INFINITY || r.rlim_max > hard) r.rlim_max = hard;
    if (r.rlim_cur == RLIM_INFINITY || r.rlim_cur > soft) r.rlim_cur = soft < r.rlim_max ? soft : r.rlim_max;
    setrlimit(resource, &r);
}

/* Private memory that can be written: what RLIMIT_DATA counts. 0: not known. */
static uint64_t memory_held(void) {
    unsigned long long pages = 0;
#ifdef __linux__
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    if (fscanf(f, "%*u %*u %*u %*u %*u %llu", &pages) != 1) pages = 0;
    fclose(f);
#endif
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void limit_memory(uint64_t held, uint64_t more) {
#ifdef __linux__
    struct sysinfo machine;
    if (!held || sysinfo(&machine)) return;
    if (more > ((uint64_t)machine.totalram + machine.totalswap) * machine.mem_unit)
        more = ((uint64_t)machine.totalram + machine.totalswap) * machine.mem_unit;
    limit(RLIMIT_DATA, (rlim_t)(held + more), (rlim_t)(held + more));
#else
    (void)held, (void)more;
#endif
}

/* All other files that this program has open, among them what it is writing. */
static void close_files(void) {
    int fd;
#ifdef SYS_close_range
    if (!syscall(SYS_close_range, 3u, ~0u, 0u)) return;
#endif
    for (fd = 3; fd < 1024; fd++) close(fd);
}

/* The new process. */
static void be_child(const apart_job *a, const int ends[2], pid_t parent, uint64_t held) {
    struct apart_link link = { ANSWER, 0, 0, 0, 0, 0 };
    int nowhere;
    is_apart = 1;
    files_disown();
    signal(SIGXCPU, SIG_DFL);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != parent || dup2(ends[1], ANSWER) < 0) _exit(NO_ANSWER);
    /* what a library says while it crashes is no message of this program */
    nowhere = open("/dev/null", O_RDWR);
    if (nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0) close(STDOUT_FILENO);
    if (!SANITIZED && (nowhere < 0 || dup2(nowhere, STDERR_FILENO) < 0)) close(STDERR_FILENO);
    close_files();
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* what libraries free of large pictures' parts goes back at once */
#endif
    if (a->prepare) a->prepare();
    limit(RLIMIT_CORE, 0, 0);
    limit(RLIMIT_CPU, a->bounds.seconds, a->bounds.seconds + 1);
    if (!SANITIZED) {
        limit_memory(held, a->bounds.memory);
        limit(RLIMIT_FSIZE, 0, 0);
        limit(RLIMIT_NOFILE, 0, 0);
        if (close_doors()) { /* the limits are there all the same */ }
    }
    _exit(a->work(a->user, &link) ? NO_ANSWER : 0);
}

int apart_send(apart_link *to, const void *bytes, size_t size) {
    const char *at = (const char *)bytes;
    while (size) {
        const ssize_t n = write(to->fd, at, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return -1;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

enum { PART = 4 << 20 };

/* Whole pages of memory that is not shared. */
static void give_back(char *at, size_t size) {
#ifdef __linux__
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), gap = (0 - (uintptr_t)at) & (page - 1);
    if (size > gap) madvise(at + gap, (size - gap) & ~(page - 1), MADV_DONTNEED);
#else
    (void)at, (void)size;
#endif
}

int apart_send_away(apart_link *to, void *bytes, size_t size) {
    char *at = (char *)bytes;
    for (; size > PART; at += PART, size -= PART) {
        if (apart_send(to, at, PART)) return -1;
        give_back(at, PART);
    }
    return apart_send(to, at, size);
}

void apart_done_with(const uint8_t *bytes, uint64_t *given, uint64_t count) {
    if (!is_apart || count < *given + PART) return;
    give_back((char *)(uintptr_t)bytes + *given, (size_t)(count - *given));
    *given = count;
}

/* Nanoseconds of the processors' time that it has had; -1: not known. */
static int64_t time_had(pid_t pid) {
#if defined(_POSIX_CPUTIME) && _POSIX_CPUTIME >= 0
    clockid_t clock;
    struct timespec t;
    if (!clock_getcpuclockid(pid, &clock) && !clock_gettime(clock, &t))
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
#else
    (void)pid;
#endif
    return -1;
}

/* Waits for bytes. -1: the process does nothing any more, or a thread of it wakes to find that the others sleep, which
   is less than what the busiest machine leaves it. Only twice counts: both may have been stopped meanwhile. Or it
   speaks so slowly that there is no end to it. */
static int await(apart_link *from) {
    struct pollfd fd;
    int64_t had = time_had(from->pid);
    int still = 0;
    fd.fd = from->fd;
    fd.events = POLLIN;
    while (still < 2 && from->patience >= 0) {
        const double since = seconds_now();
        const int n = poll(&fd, 1, (int)from->idle * 500);
        const double waited = seconds_now() - since;
        const int64_t has = n ? 0 : time_had(from->pid);
        from->patience -= waited < from->idle ? waited : from->idle;
        if (n > 0 || (n < 0 && errno != EINTR)) return 0;
        if (n < 0) continue;
        still = has >= 0 && has - had < (int64_t)from->idle * 50000 ? still + 1 : 0;
        had = has;
    }
    from->hangs = 1;
    return -1;
}

int apart_receive(apart_link *from, void *bytes, size_t size) {
    char *at = (char *)bytes;
    while (size) {
        ssize_t n = await(from) ? -1 : read(from->fd, at, size);
        if (n < 0 && errno == EINTR && !from->hangs) continue;
        from->ends = n == 0;
        if (n <= 0) return -1;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

static void tell(const apart_job *a, const apart_link *link, int status, char why[APART_WHY]) {
    const int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (link->hangs) snprintf(why, APART_WHY, "hangs on this file");
    else if (number == SIGXCPU)
        snprintf(why, APART_WHY, "takes more than %u seconds of processor time for this file", a->bounds.seconds);
    else if (number == SIGKILL && link->ends)
        snprintf(why, APART_WHY, "was ended from outside (signal %d), perhaps for want of memory", number);
    else if (number && link->ends) snprintf(why, APART_WHY, "crashed on this file (signal %d)", number);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 1) snprintf(why, APART_WHY, "found too little memory");
    else snprintf(why, APART_WHY, "makes no sense of this file");
}

static int no_process(char why[APART_WHY]) {
    snprintf(why, APART_WHY, "has no process of its own: %s", strerror(errno));
    return 1;
}

/* A system that has just too many may soon have fewer. */
static pid_t fork_patiently(void) {
    pid_t pid;
    int i;
    for (i = 0; (pid = fork()) < 0 && errno == EAGAIN && i < 20; i++) poll(NULL, 0, 100);
    return pid;
}

static int run(const apart_job *a, char why[APART_WHY]) {
    const pid_t parent = getpid();
    const uint64_t held = memory_held();
    struct apart_link link = { -1, 0, 0, 0, 0, 0 };
    int ends[2], status = 0, bad;
    char more;
    if (pipe(ends)) return no_process(why);
    link.fd = ends[0];
    link.idle = a->bounds.idle;
    link.patience = (double)a->bounds.seconds * PATIENCE;
#ifdef F_SETPIPE_SZ
    fcntl(ends[1], F_SETPIPE_SZ, 1 << 20); /* pictures come through in half the time */
#endif
    link.pid = fork_patiently();
    if (!link.pid) be_child(a, ends, parent, held);
    bad = link.pid < 0 ? no_process(why) : 0;
    close(ends[1]);
    if (bad) {
        close(ends[0]);
        return bad;
    }
    bad = a->answer(a->user, &link);
    if (!bad && (!apart_receive(&link, &more, 1) || !link.ends)) bad = -1; /* it goes on, or does not end */
    kill(link.pid, SIGKILL); /* who is ending by itself does so as it was to */
    close(ends[0]);
    while (waitpid(link.pid, &status, 0) < 0 && errno == EINTR) {}
    if (!bad && !status) return 0;
    tell(a, &link, status, why);
    return -1;
}

int apart_run(const apart_job *a, char why[APART_WHY]) {
    struct sigaction usual, before; /* who started this program may want no word of its children */
    int result;
    memset(&usual, 0, sizeof usual);
    usual.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &usual, &before);
    result = run(a, why);
    sigaction(SIGCHLD, &before, NULL);
    return result;
}
