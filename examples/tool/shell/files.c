#ifdef __linux__
#define _GNU_SOURCE /* O_TMPFILE */
#else
#define _XOPEN_SOURCE 700
#endif
#include "shell/files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shell/messages.h"

/* Of a program, set by files_guard: what was read, and whether an output may take its place. */
static struct {
    int on, force; /* force: -1: the command has no --force */
    struct { dev_t device; ino_t inode; } *inputs;
    size_t count;
} guard = { 0, -1, NULL, 0 };

static int remember(const struct stat *st) {
    void *larger = realloc(guard.inputs, (guard.count + 1) * sizeof *guard.inputs);
    if (!larger) return -1;
    guard.inputs = larger;
    guard.inputs[guard.count].device = st->st_dev;
    guard.inputs[guard.count++].inode = st->st_ino;
    return 0;
}

static int was_read(const struct stat *st) {
    size_t i;
    for (i = 0; i < guard.count; i++)
        if (guard.inputs[i].device == st->st_dev && guard.inputs[i].inode == st->st_ino) return 1;
    return 0;
}

int files_spare(const char *path) {
    struct stat st;
    return guard.on && !stat(path, &st) && S_ISREG(st.st_mode) ? remember(&st) : 0;
}

void files_forced(int force) { guard.force = force; }

/* Reading. */

/* NULL, or why it is not read. What has no end, such as /dev/zero, would fill the memory. */
static const char *unreadable(const struct stat *st) {
    if (S_ISDIR(st->st_mode)) return "is a folder";
    if (S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode)) return "is a device, not a file";
    return guard.on && S_ISREG(st->st_mode) && remember(st) ? "out of memory" : NULL;
}

int file_read(const char *path, uint8_t **bytes, size_t *size, char error[256]) {
    FILE *f = fopen(path, "rb");
    struct stat st;
    uint8_t *data = NULL;
    size_t used = 0, room = 0;
    const char *why;
    if (!f || fstat(fileno(f), &st)) {
        error_text(error, path, "%s", strerror(errno));
        if (f) fclose(f);
        return -1;
    }
    why = unreadable(&st);
    if (why) {
        error_text(error, path, "%s", why);
        fclose(f);
        return -1;
    }
    if (S_ISREG(st.st_mode) && st.st_size > 0) room = (size_t)st.st_size;
    for (;;) { /* also reads what has no size, such as a pipe */
        size_t n;
        if (!data || used == room) {
            uint8_t *larger;
            if (data) room = room > (size_t)-1 / 2 ? 0 : 2 * room;
            else room = room < (size_t)-1 ? room + 1 : 0; /* one more: end of file shows at once */
            if (room < 4096) room = 4096;
            larger = room > used ? (uint8_t *)realloc(data, room) : NULL;
            if (!larger) {
                error_text(error, path, "too large for the memory");
                break;
            }
            data = larger;
        }
        n = fread(data + used, 1, room - used, f);
        used += n;
        if (n) continue;
        if (ferror(f) || !used) {
            error_text(error, path, "%s", ferror(f) ? strerror(errno) : "is empty");
            break;
        }
        fclose(f);
        *bytes = data;
        *size = used;
        return 0;
    }
    free(data);
    fclose(f);
    return -1;
}

const char *path_extension(const char *path) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    return dot && (!slash || dot > slash + 1) && dot != path ? dot + 1 : "";
}

const char *path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int path_has_extension(const char *path, const char *extension) { return !strcasecmp(path_extension(path), extension); }

/* Writing. Where the system can, an unfinished file has no name, and is gone with the program, however that ends; it
   gets a temporary name only to take the place of an older file. Else it has one from the beginning. The signal handler
   may only read this table of names: a slot is filled before its flag is set, and the flag before there is a file. */
#define SLOTS 8
#define NAME 64 /* letters of a temporary name */
#define DESCRIPTORS "/proc/self/fd"
static struct {
    char path[4096];
    volatile sig_atomic_t used; /* TAKEN: by an output; NAMED: there may be a file of that name */
} unfinished[SLOTS];
enum { TAKEN = 1, NAMED };

static int of_a_crash(int number) {
    return number == SIGILL || number == SIGABRT || number == SIGBUS || number == SIGFPE || number == SIGSEGV ||
           number == SIGSYS;
}

static void remove_unfinished(void) {
    int i;
    for (i = 0; i < SLOTS; i++)
        if (unfinished[i].used == NAMED) unlink(unfinished[i].path);
}

static void say(const char *text) {
    if (write(STDERR_FILENO, text, strlen(text)) < 0) { /* there is nobody to tell */ }
}

static void on_signal(int number) {
    remove_unfinished();
    if (of_a_crash(number)) say("gamutmlp: crashed, perhaps in a library that found no memory; no half file is left\n");
    signal(number, SIG_DFL);
    raise(number);
}

void files_give_up(const char *why) {
    remove_unfinished();
    say("gamutmlp: ");
    say(why);
    say("\n");
    _exit(1);
}

static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU,
                               SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS };
#define NUMBERS (sizeof numbers / sizeof *numbers)

void files_guard(void) {
    struct sigaction action;
    size_t i;
    memset(&action, 0, sizeof action);
    for (i = 0; i < NUMBERS; i++) {
        struct sigaction old; /* ignored, as under nohup, or a sanitizer's: it stays */
        if (!sigaction(numbers[i], NULL, &old) && old.sa_handler != SIG_DFL) continue;
        action.sa_handler = on_signal;
        sigaction(numbers[i], &action, NULL);
    }
    signal(SIGXFSZ, SIG_IGN);
    guard.on = 1;
}

void files_disown(void) {
    struct sigaction now;
    size_t i;
    for (i = 0; i < NUMBERS; i++)
        if (!sigaction(numbers[i], NULL, &now) && now.sa_handler == on_signal) signal(numbers[i], SIG_DFL);
    for (i = 0; i < SLOTS; i++) unfinished[i].used = 0;
}

static void release(output *o, int remove_file) {
    if (o->temporary && remove_file && !o->nameless) unlink(o->temporary);
    if (o->slot > 0) unfinished[o->slot - 1].used = 0;
    free(o->path);
    free(o->temporary);
    memset(o, 0, sizeof *o);
}

static int free_slot(void) {
    int i;
    for (i = 0; i < SLOTS; i++)
        if (!unfinished[i].used) return i;
    return -1;
}

/* Names the folder when it is what is wrong. */
static void cannot_write(char error[256], const char *path, int reason) {
    const char *slash = strrchr(path, '/');
    const int length = slash ? slash > path ? (int)(slash - path) : 1 : 1;
    const char *fault = reason == ENOENT ? "does not exist" : reason == ENOTDIR ? "is no folder" : "is write-protected";
    if (reason == ENOENT || reason == ENOTDIR || reason == EACCES || reason == EPERM)
        error_text(error, path, "cannot be written: the folder %.*s %s", length < 100 ? length : 100,
                   slash ? path : ".", fault);
    else error_text(error, path, "cannot be written: %s", strerror(reason));
}

/* May the file that is there be replaced? 0, or -1 and a text. */
static int may_replace(const char *path, const struct stat *st, char error[256]) {
    if (!S_ISREG(st->st_mode)) /* a rename would replace a device by a file */
        error_text(error, path, "is %s", S_ISDIR(st->st_mode) ? "a folder" : "not an ordinary file");
    else if (guard.force != 1 && was_read(st))
        error_text(error, path, "is read by this command, and would be replaced; give the output another name%s",
                   guard.force < 0 ? "" : " (--force replaces it)");
    else if (access(path, W_OK) || !(st->st_mode & S_IWUSR)) /* root may write anything, but means to protect, too */
        error_text(error, path,
                   "is write-protected and stays as it is; give the output another name, or make it writable");
    else return 0;
    return -1;
}

/* The name, with links followed so that they stay links; what is there already, in o. 0, or -1 and a text. */
static int find_place(output *o, const char *path, char error[256]) {
    struct stat st;
    mode_t mask;
    int there = !stat(path, &st);
    if (!there && !lstat(path, &st)) {
        if (S_ISLNK(st.st_mode)) {
            error_text(error, path, "is a link to what is not there");
            return -1;
        }
        there = 1; /* another program has just written it */
    }
    if (there) {
        if (may_replace(path, &st, error)) return -1;
        o->replaces = 1;
        o->mode = st.st_mode & 0777;
        o->owner = st.st_uid;
        o->group = st.st_gid;
        o->path = realpath(path, NULL);
    } else {
        mask = umask(077);
        umask(mask);
        o->mode = 0666 & ~mask;
        o->path = strdup(path);
    }
    if (o->path) return 0;
    error_text(error, path, "%s", strerror(errno));
    return -1;
}

/* A file without a name beside its place, for output_commit to give it one; -1: not on this system. */
static int open_nameless(output *o) {
#ifdef O_TMPFILE
    snprintf(o->temporary, o->folder + NAME, "%.*s", o->folder ? (int)o->folder : 1, o->folder ? o->path : ".");
    return access(DESCRIPTORS, X_OK) ? -1 : open(o->temporary, O_RDWR | O_TMPFILE, 0600);
#else
    (void)o;
    return -1;
#endif
}

/* Gives a file without a name this one, if nothing has it: 0 or -1. */
static int name_it(int fd, const char *path) {
    char itself[32];
    snprintf(itself, sizeof itself, DESCRIPTORS "/%d", fd);
    return linkat(AT_FDCWD, itself, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

/* Nobody reads along; output_commit opens it to others. */
static int open_new(const output *o) { return open(o->temporary, O_RDWR | O_CREAT | O_EXCL, 0600); }
static int link_new(const output *o) { return name_it(fileno(o->file), o->temporary); }

/* A temporary name, by one of these two; what that gives, or -1. */
static int take_name(output *o, int (*make)(const output *o)) {
    int i, made = -1;
    for (i = 0; i < 100 && made < 0; i++) { /* a killed run may have left the first names */
        snprintf(o->temporary, o->folder + NAME, "%.*s.gamutmlp-%ld-%d.tmp", (int)o->folder, o->path,
                 (long)getpid(), i);
        unfinished[o->slot - 1].used = TAKEN;
        strcpy(unfinished[o->slot - 1].path, o->temporary);
        unfinished[o->slot - 1].used = NAMED;
        made = make(o);
        if (made < 0 && errno != EEXIST) break;
    }
    if (made >= 0) o->nameless = 0;
    return made;
}

int output_open(output *o, const char *path, char error[256]) {
    const char *slash;
    int fd, reason, slot = free_slot();
    memset(o, 0, sizeof *o);
    if (find_place(o, path, error)) return -1;
    slash = strrchr(o->path, '/');
    o->folder = slash ? (size_t)(slash - o->path) + 1 : 0;
    if (!(o->temporary = (char *)malloc(o->folder + NAME)) || slot < 0 ||
        o->folder + NAME > sizeof unfinished[0].path) {
        error_text(error, path, "%s", o->temporary ? "the name is too long" : "out of memory");
        release(o, 0);
        return -1;
    }
    unfinished[slot].used = TAKEN;
    o->slot = slot + 1;
    o->nameless = 1;
    fd = open_nameless(o);
    if (fd < 0) fd = take_name(o, open_new);
    if (fd >= 0) o->file = fdopen(fd, "w+b");
    if (!o->file) {
        reason = errno;
        cannot_write(error, path, reason);
        if (fd >= 0) close(fd);
        release(o, fd >= 0);
        return -1;
    }
    return 0;
}

/* The rights of what is replaced, or of a new file. A group that cannot be kept gets no rights. */
static void give_rights(const output *o) {
    const int fd = fileno(o->file);
    mode_t mode = o->mode;
    if (o->replaces && fchown(fd, o->owner, (gid_t)-1)) { /* root can; others own the new file */ }
    if (o->replaces && fchown(fd, (uid_t)-1, o->group)) mode &= ~(mode_t)070;
    if (fchmod(fd, mode)) { /* the file is usable by its owner */ }
}

/* What can be lost in a power cut is written out first, so that there is always the old file or the new one whole.
   Some file systems cannot, and say so. */
static int synced(int fd) { return !fsync(fd) || errno == EINVAL || errno == ENOTSUP || errno == ENOSYS; }

static void sync_folder(char *path) {
    char *slash = strrchr(path, '/');
    int fd;
    if (slash) slash[1] = 0;
    fd = open(slash ? path : ".", O_RDONLY);
    if (fd < 0) return;
    fsync(fd); /* the file is in its place all the same */
    close(fd);
}

/* 1: it is in its place, where nothing was; 0: it has its temporary name; -1 and errno. */
static int leave_namelessness(output *o) {
    if (!o->nameless) return 0;
    if (!name_it(fileno(o->file), o->path)) return 1;
    return take_name(o, link_new);
}

int output_commit(output *o, char error[256]) {
    struct stat st;
    int bad = ferror(o->file), reason = bad ? errno : 0, placed = 0;
    if (!bad && fflush(o->file)) bad = 1, reason = errno;
    if (!bad) give_rights(o);
    if (!bad && !synced(fileno(o->file))) bad = 1, reason = errno;
    /* Once more: what is there now may have come, or been read, since the opening. */
    if (!bad && !stat(o->path, &st) && may_replace(o->path, &st, error)) {
        output_discard(o);
        return -1;
    }
    if (!bad) placed = leave_namelessness(o), bad = placed < 0, reason = errno;
    if (fclose(o->file) && !bad) bad = 1, reason = errno;
    o->file = NULL;
    if (!bad && !placed && rename(o->temporary, o->path)) bad = 1, reason = errno;
    if (bad) error_text(error, o->path, "cannot be written: %s", reason ? strerror(reason) : "a write failed");
    else sync_folder(o->path);
    release(o, bad);
    return bad ? -1 : 0;
}

void output_discard(output *o) {
    if (o->file) fclose(o->file);
    release(o, 1);
}

int output_check(const char *path, char error[256]) {
    output o;
    if (output_open(&o, path, error)) return -1;
    output_discard(&o);
    return 0;
}

static int write_bytes(void *user, const void *bytes, size_t size) {
    output *o = (output *)user;
    return fwrite(bytes, 1, size, o->file) == size ? 0 : -1;
}

const gmlp_writer *output_writer(output *o) {
    o->writer.user = o;
    o->writer.write = write_bytes;
    return &o->writer;
}
