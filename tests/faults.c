/* Faults for a program that is preloaded with this: from main on, its memory runs out, its calls that change files fail,
   or it is killed at one of them, at a place that the environment names:
      FAULT_MEMORY=N    the Nth allocation gives NULL; N+: and all after it
      FAULT_CALL=N      the Nth call that changes files, or writes to standard output, fails by FAULT_ERRNO; N+: and all
                        after it
      FAULT_KILL=N      SIGKILL in the place of that call
      FAULT_COUNT=file  gets the numbers of allocations and of such calls
   Calls are seen where the system is entered (seccomp gives the program a signal for each), whatever library they come
   from, and counted on in the processes that the program starts. Numbers are the same in every run of a program with
   one thread, whose processes work while it waits. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

typedef struct fault {
    long at, *seen; /* at: 0: never; seen: shared with all processes, from main on */
    int lasting;
} fault;
static fault memory, call, killing;
static int on, number;
static const char *counts;

static int strikes(fault *f) {
    const long n = __atomic_add_fetch(f->seen, 1, __ATOMIC_SEQ_CST);
    return f->at && (f->lasting ? n >= f->at : n == f->at);
}
static int no_memory(void) {
    if (!on || !strikes(&memory)) return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return no_memory() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return no_memory() ? NULL : __libc_calloc(count, size); }
void *realloc(void *p, size_t size) { return no_memory() ? NULL : __libc_realloc(p, size); }
void *memalign(size_t alignment, size_t size) { return no_memory() ? NULL : __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void **p, size_t alignment, size_t size) {
    void *got = memalign(alignment, size);
    if (!got) return ENOMEM;
    *p = got;
    return 0;
}

/* The registers of a call. */
#if defined(__x86_64__)
#define ARGUMENT(u, i) (long)(u)->uc_mcontext.gregs[(const int[]){REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8}[i]]
#define RESULT(u) (u)->uc_mcontext.gregs[REG_RAX]
#elif defined(__aarch64__)
#define ARGUMENT(u, i) (long)(u)->uc_mcontext.regs[i]
#define RESULT(u) (u)->uc_mcontext.regs[0]
#endif

#ifdef RESULT
static const int calls[] = {
    SYS_write, SYS_pwrite64, SYS_writev, SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_openat, SYS_linkat, SYS_renameat,
    SYS_renameat2, SYS_close, SYS_mkdirat,
#ifdef SYS_rename
    SYS_rename, SYS_link, SYS_mkdir,
#endif
};
#define CALLS (sizeof calls / sizeof *calls)
#define OURS 0x6661756cu /* as sixth argument: a call of this file, which the filter lets pass */

static void on_call(int signal, siginfo_t *info, void *context) {
    ucontext_t *u = (ucontext_t *)context;
    const int nr = info->si_syscall, saved = errno;
    long result;
    int changes = 1;
    (void)signal;
    if (nr == SYS_openat) changes = (ARGUMENT(u, 2) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) != 0;
    if (nr == SYS_write || nr == SYS_writev) changes = ARGUMENT(u, 0) != STDERR_FILENO;
    if (changes && on) {
        if (strikes(&killing)) kill(getpid(), SIGKILL);
        if (strikes(&call)) {
            if (nr == SYS_close) syscall(nr, ARGUMENT(u, 0), 0L, 0L, 0L, 0L, (long)OURS); /* Linux closes all the same */
            RESULT(u) = -number;
            errno = saved;
            return;
        }
    }
    result = syscall(nr, ARGUMENT(u, 0), ARGUMENT(u, 1), ARGUMENT(u, 2), ARGUMENT(u, 3), ARGUMENT(u, 4), (long)OURS);
    RESULT(u) = result < 0 ? -errno : result;
    errno = saved;
}

static int watch_calls(void) {
    struct sock_filter f[CALLS + 6];
    struct sock_fprog program;
    struct sigaction action = {0};
    const int last = (int)CALLS + 5;
    size_t i;
    f[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5]));
    f[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OURS, (uint8_t)(last - 2), 0);
    f[2] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (i = 0; i < CALLS; i++)
        f[3 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], (uint8_t)(CALLS - i), 0);
    f[last - 2] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0);
    f[last - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    f[last] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program.len = (unsigned short)(last + 1);
    program.filter = f;
    action.sa_sigaction = on_call;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART;
    return sigaction(SIGSYS, &action, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
#else
static int watch_calls(void) { return 1; }
#endif

static void read_fault(fault *f, const char *name) {
    const char *text = getenv(name);
    char *end;
    if (!text) return;
    f->at = strtol(text, &end, 10);
    f->lasting = *end == '+';
}

static int (*true_main)(int, char **, char **);

static void stop(void) {
    FILE *f;
    if (!on) return;
    on = 0;
    if (counts && (f = fopen(counts, "w")) != NULL) {
        fprintf(f, "%ld %ld\n", *memory.seen, *killing.seen);
        fclose(f);
    }
}

static int main_with_faults(int argc, char **argv, char **environment) {
    const char *code = getenv("FAULT_ERRNO");
    long *seen = (long *)mmap(NULL, 3 * sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    if (seen == MAP_FAILED) _exit(77);
    memory.seen = seen;
    call.seen = seen + 1;
    killing.seen = seen + 2;
    counts = getenv("FAULT_COUNT");
    number = code ? atoi(code) : ENOSPC;
    read_fault(&memory, "FAULT_MEMORY");
    read_fault(&call, "FAULT_CALL");
    read_fault(&killing, "FAULT_KILL");
    if ((call.at || killing.at || counts) && watch_calls()) _exit(77);
    on = 1;
    status = true_main(argc, argv, environment);
    stop();
    return status;
}

int __libc_start_main(int (*start)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end);
int __libc_start_main(int (*start)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end) {
    int (*next)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
    *(void **)&next = dlsym(RTLD_NEXT, "__libc_start_main");
    true_main = start;
    return next(main_with_faults, argc, argv, init, fini, rtld_fini, stack_end);
}
