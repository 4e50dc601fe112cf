#include "work/done.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "shell/files.h"
#include "shell/messages.h"

int file_check(const char *path, unsigned long *crc, unsigned long long *size) {
    FILE *f = fopen(path, "rb");
    unsigned char bytes[1 << 16];
    size_t n;
    int bad;
    if (!f) return -1;
    *crc = crc32(0, NULL, 0);
    *size = 0;
    while ((n = fread(bytes, 1, sizeof bytes, f)) > 0) {
        *crc = crc32(*crc, bytes, (uInt)n);
        *size += n;
    }
    bad = ferror(f);
    fclose(f);
    return bad ? -1 : 0;
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The lines that are there. */
static int read_lines(done *d, char error[256]) {
    struct stat st;
    uint8_t *bytes;
    size_t size, i, room = 1;
    char *line;
    if (stat(d->path, &st) ? errno == ENOENT : !st.st_size) return 0;
    if (file_read(d->path, &bytes, &size, error)) return -1;
    for (i = 0; i < size; i++) room += bytes[i] == '\n';
    d->text = (char *)malloc(size + 1);
    d->lines = (char **)malloc(room * sizeof *d->lines);
    if (!d->text || !d->lines) {
        free(bytes);
        error_text(error, d->path, "out of memory");
        return -1;
    }
    memcpy(d->text, bytes, size);
    d->text[size] = 0;
    free(bytes);
    for (line = strtok(d->text, "\n"); line; line = strtok(NULL, "\n")) d->lines[d->count++] = line;
    qsort(d->lines, d->count, sizeof *d->lines, by_text);
    return 0;
}

int done_open(done *d, const char *command, const char *folder, const char *options, int read, char error[256]) {
    const size_t room = strlen(folder) + strlen(command) + 16;
    memset(d, 0, sizeof *d);
    d->path = (char *)malloc(room);
    d->options = strdup(options);
    if (!d->path || !d->options) {
        error_text(error, folder, "out of memory");
        return -1;
    }
    snprintf(d->path, room, "%s/.gamutmlp-%s", folder, command);
    return read ? read_lines(d, error) : 0;
}

void done_close(done *d) {
    free(d->path);
    free(d->options);
    free(d->text);
    free(d->lines);
    memset(d, 0, sizeof *d);
}

char *done_source(const done *d, const char *in) {
    const size_t room = strlen(in) + strlen(d->options) + 100;
    char *text;
    struct stat st;
    if (stat(in, &st) || !(text = (char *)malloc(room))) return NULL;
#ifdef __APPLE__
#define NANOSECONDS st.st_mtimensec
#else
#define NANOSECONDS st.st_mtim.tv_nsec
#endif
    snprintf(text, room, "%s, %llu bytes of %lld.%09ld, %s", path_name(in), (unsigned long long)st.st_size,
             (long long)st.st_mtime, (long)NANOSECONDS, d->options);
    return text;
}

/* The line of out as it is now, with a newline before it: a line that was cut short by a crash stays one of its own. */
static char *line_of(const char *source, const char *out) {
    const size_t room = strlen(source) + strlen(out) + 100;
    unsigned long long size;
    unsigned long crc;
    char *line, *c;
    if (file_check(out, &crc, &size) || !(line = (char *)malloc(room))) return NULL;
    snprintf(line, room, "\n%s, %llu bytes, CRC %08lx, from %s", path_name(out), size, crc, source);
    for (c = line + 1; *c; c++)
        if (*c == '\n') *c = '?'; /* of a name */
    return line;
}

int done_holds(const done *d, const char *source, const char *out) {
    char *line = d->count ? line_of(source, out) : NULL, *text = line ? line + 1 : NULL;
    const int holds = text && bsearch(&text, d->lines, d->count, sizeof *d->lines, by_text);
    free(line);
    return holds;
}

int done_add(const done *d, const char *source, const char *out, char error[256]) {
    char *line = line_of(source, out);
    const size_t size = line ? strlen(line) : 0;
    const int fd = line ? open(d->path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0666) : -1;
    int bad = fd < 0 || write(fd, line, size) != (ssize_t)size; /* in one piece, among those of others */
    const int reason = errno;
    if (fd >= 0 && close(fd)) bad = 1;
    if (bad) error_text(error, d->path, "cannot be written: %s", strerror(reason));
    free(line);
    return bad ? -1 : 0;
}
