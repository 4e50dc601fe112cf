#define _XOPEN_SOURCE 700
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

/* Reading. */

int file_read(const char *path, uint8_t **bytes, size_t *size, char error[256]) {
    FILE *f = fopen(path, "rb");
    struct stat st;
    uint8_t *data = NULL;
    size_t used = 0, room = 0;
    if (!f) {
        error_text(error, path, "%s", strerror(errno));
        return -1;
    }
    if (!fstat(fileno(f), &st)) {
        if (S_ISDIR(st.st_mode)) {
            error_text(error, path, "is a folder");
            fclose(f);
            return -1;
        }
        if (S_ISREG(st.st_mode) && st.st_size > 0) room = (size_t)st.st_size;
    }
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
        if (ferror(f)) {
            error_text(error, path, "%s", strerror(errno));
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

int path_has_extension(const char *path, const char *extension) { return !strcasecmp(path_extension(path), extension); }

/* Writing. The signal handler may only read this table: a slot is filled before its flag is set, and the flag before
   there is a file. */
#define SLOTS 8
static struct {
    char path[4096];
    volatile sig_atomic_t used;
} unfinished[SLOTS];

static void on_signal(int number) {
    int i;
    for (i = 0; i < SLOTS; i++)
        if (unfinished[i].used) unlink(unfinished[i].path);
    signal(number, SIG_DFL);
    raise(number);
}

void output_catch_signals(void) {
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action;
    size_t i;
    memset(&action, 0, sizeof action);
    for (i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old;
        if (!sigaction(numbers[i], NULL, &old) && old.sa_handler == SIG_IGN) continue; /* as under nohup */
        action.sa_handler = on_signal;
        sigaction(numbers[i], &action, NULL);
    }
    signal(SIGXFSZ, SIG_IGN);
}

static void release(output *o, int remove_file) {
    if (o->temporary && remove_file) unlink(o->temporary);
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

int output_open(output *o, const char *path, char error[256]) {
    struct stat st;
    const char *slash;
    size_t folder, room;
    int fd = -1, i, exists = !stat(path, &st), slot = free_slot();
    memset(o, 0, sizeof *o);
    if (exists && !S_ISREG(st.st_mode)) { /* a rename would replace a device by a file */
        error_text(error, path, "is %s", S_ISDIR(st.st_mode) ? "a folder" : "not an ordinary file");
        return -1;
    }
    o->path = exists ? realpath(path, NULL) : NULL; /* so that a link stays a link */
    if (!o->path) o->path = strdup(path);
    slash = o->path ? strrchr(o->path, '/') : NULL;
    folder = slash ? (size_t)(slash - o->path) + 1 : 0;
    room = folder + 64;
    if (!o->path || !(o->temporary = (char *)malloc(room)) || slot < 0 || room > sizeof unfinished[0].path) {
        error_text(error, path, "%s", o->path && o->temporary ? "the name is too long" : "out of memory");
        free(o->temporary);
        o->temporary = NULL;
        release(o, 0);
        return -1;
    }
    for (i = 0; i < 100 && fd < 0; i++) { /* a crashed run may have left the first names */
        snprintf(o->temporary, room, "%.*s.gamutmlp-%ld-%d.tmp", (int)folder, o->path, (long)getpid(), i);
        unfinished[slot].used = 0;
        strcpy(unfinished[slot].path, o->temporary);
        unfinished[slot].used = 1;
        fd = open(o->temporary, O_RDWR | O_CREAT | O_EXCL, 0666);
        if (fd < 0 && errno != EEXIST) break;
    }
    o->slot = slot + 1;
    if (fd >= 0) {
        if (exists && fchmod(fd, st.st_mode & 0777)) { /* a courtesy; the file is usable without */ }
        o->file = fdopen(fd, "w+b");
    }
    if (!o->file) {
        error_text(error, path, "cannot be written: %s", strerror(errno));
        if (fd >= 0) close(fd);
        release(o, fd >= 0);
        return -1;
    }
    return 0;
}

int output_commit(output *o, char error[256]) {
    int bad = ferror(o->file), reason = bad ? errno : 0;
    if (!bad && fflush(o->file)) bad = 1, reason = errno;
    if (fclose(o->file) && !bad) bad = 1, reason = errno;
    if (!bad && rename(o->temporary, o->path)) bad = 1, reason = errno;
    if (bad) error_text(error, o->path, "cannot be written: %s", reason ? strerror(reason) : "a write failed");
    release(o, bad);
    return bad ? -1 : 0;
}

void output_discard(output *o) {
    if (o->file) fclose(o->file);
    release(o, 1);
}

static int write_bytes(void *user, const void *bytes, size_t size) {
    output *o = (output *)user;
    return fwrite(bytes, 1, size, o->file) == size ? 0 : -1;
}

gmlp_writer output_writer(output *o) {
    gmlp_writer w;
    w.user = o;
    w.write = write_bytes;
    return w;
}
