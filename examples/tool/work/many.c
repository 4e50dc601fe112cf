#include "work/many.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shell/files.h"
#include "shell/messages.h"
#include "shell/pool.h"

enum { MADE = 0, WAS_DONE = 100 }; /* exit statuses of a picture's process; others: it failed */

const char *many_contradiction(const many *m) {
    if (m->folder || (!m->jobs && !m->resume && m->as < 0)) return NULL;
    return "--as, --jobs and --resume are for many pictures, with --out DIR";
}

const char *many_example(const many *m) { return m->as > 0 ? "picture.png" : "picture.jpg"; }

/* The names of what is made. */

static char *name_in(const many *m, const char *in) {
    const char *name = path_name(in), *dot = path_extension(in);
    const size_t stem = *dot ? (size_t)(dot - 1 - name) : strlen(name);
    const size_t folder = strlen(m->folder), room = folder + stem + 8;
    char *out = (char *)malloc(room);
    if (out)
        snprintf(out, room, "%s%s%.*s.%s", m->folder, m->folder[folder - 1] == '/' ? "" : "/", (int)stem, name,
                 path_extension(many_example(m)));
    return out;
}

typedef struct place {
    const char *in, *out;
} place;

static int by_out(const void *a, const void *b) {
    return strcmp(((const place *)a)->out, ((const place *)b)->out);
}

/* No two pictures may become one file; folders, which fail alone, become none. */
static int names_differ(const many *m) {
    place *places = (place *)malloc((size_t)m->count * sizeof *places);
    struct stat st;
    int i, status = 0, count = 0;
    if (!places) return fail(m->command->name, "out of memory");
    for (i = 0; i < m->count; i++)
        if (stat(m->in[i], &st) || !S_ISDIR(st.st_mode)) places[count].in = m->in[i], places[count++].out = m->out[i];
    qsort(places, (size_t)count, sizeof *places, by_out);
    for (i = 1; i < count && !status; i++)
        if (!by_out(&places[i - 1], &places[i]))
            status = args_wrong(m->command,
                                "%s and %s would both become %s; nothing was begun. Encode them in two runs, into "
                                "different folders", places[i - 1].in, places[i].in, places[i].out);
    free(places);
    return status;
}

static int is_picture_name(const char *path) {
    return path_has_extension(path, "jpg") || path_has_extension(path, "jpeg") || path_has_extension(path, "png") ||
           path_has_extension(path, "ktx2");
}

static int make_folder(const many *m) {
    struct stat st;
    if (stat(m->folder, &st) && is_picture_name(m->folder))
        return args_wrong(m->command,
                          "--out takes a folder, and %s looks like a picture's name; one picture is made by gamutmlp "
                          "%s IN OUT", m->folder, m->command->name);
    if (mkdir(m->folder, 0777) && errno != EEXIST)
        return fail(m->command->name, "%s: the folder cannot be made: %s", m->folder, strerror(errno));
    if (stat(m->folder, &st) || !S_ISDIR(st.st_mode)) return fail(m->command->name, "%s: is no folder", m->folder);
    return 0;
}

static int open_record(many *m) {
    char *said = args_said(m->command->options, "--out --as --jobs --resume --threads --force --json "), *all = NULL;
    unsigned long crc = 0;
    unsigned long long size = 0;
    char error[256];
    int bad;
    if (m->also && file_check(m->also, &crc, &size)) { /* each picture will say so */ }
    if (said) all = (char *)malloc(strlen(said) + 64);
    if (!all) {
        free(said);
        return fail(m->command->name, "out of memory");
    }
    sprintf(all, "%s", said);
    if (m->also) sprintf(all + strlen(all), "(%llu bytes, CRC %08lx)", size, crc);
    bad = done_open(&m->record, m->command->name, m->folder, all, m->resume, error);
    free(said);
    free(all);
    return bad ? fail(m->command->name, "%s", error) : 0;
}

/* All that there is to do before the first picture. */
static int prepare(many *m) {
    int i, status;
    m->out = (char **)calloc((size_t)m->count, sizeof *m->out);
    m->status = (int *)calloc((size_t)m->count, sizeof *m->status);
    if (!m->out || !m->status) return fail(m->command->name, "out of memory");
    for (i = 0; i < m->count; i++) {
        m->out[i] = name_in(m, m->in[i]);
        if (!m->out[i] || files_spare(m->in[i])) return fail(m->command->name, "out of memory");
    }
    status = names_differ(m);
    if (!status) status = make_folder(m);
    return status ? status : open_record(m);
}

/* One picture, in a process of its own. */

static uint64_t threads_at(const many *m, size_t place, size_t places) {
    const uint64_t all = m->threads ? m->threads : (uint64_t)pool_processors();
    const uint64_t share = all / places + (place < all % places);
    return share ? share : 1;
}

static size_t places_of(const many *m) {
    const size_t jobs = m->jobs ? (size_t)m->jobs : 1;
    return jobs < (size_t)m->count ? jobs : (size_t)m->count;
}

static int work(void *user, size_t i, size_t place) {
    const many *m = (const many *)user;
    char *source = done_source(&m->record, m->in[i]);
    char error[256];
    int status;
    if (source && done_holds(&m->record, source, m->out[i])) status = WAS_DONE;
    else status = m->make(m->user, m->in[i], m->out[i], threads_at(m, place, places_of(m)));
    if (!status && source && done_add(&m->record, source, m->out[i], error))
        tell_note(m->command->name, "%s; --resume will not know that %s is done", error, m->out[i]);
    free(source);
    return status;
}

/* What is said of it. */

void many_json(json *j, const char *in, const char *out, const char *status) {
    json_begin_line(j, stdout);
    json_text(j, "file", in);
    json_text(j, "out", out);
    json_text(j, "status", status);
}

/* What went wrong, as the last line says it, without who says so. */
static void last_words(const many *m, const char *text, char problem[1024]) {
    char name[64];
    const char *start = text;
    for (; *text; text++)
        if (*text == '\n' && text[1]) start = text + 1;
    snprintf(name, sizeof name, "gamutmlp %s: ", m->command->name);
    if (!strncmp(start, name, strlen(name))) start += strlen(name);
    snprintf(problem, 1024, "%.*s", (int)strcspn(start, "\n"), start);
}

static void tell_failed(many *m, const process_result *r) {
    char problem[1024];
    json j;
    if (r->status < 0) {
        snprintf(problem, sizeof problem, "%s: signal %d ended the work on it (%s)%s", m->in[r->index], -r->status,
                 strsignal(-r->status), r->status == -SIGKILL ? "; if memory was short, take fewer --jobs" : "");
        fail(m->command->name, "%s", problem);
    } else last_words(m, r->err, problem);
    if (!m->json) return;
    many_json(&j, m->in[r->index], m->out[r->index], "failed");
    json_text(&j, "problem", problem);
    json_end(&j);
}

static void tell(void *user, const process_result *r) {
    many *m = (many *)user;
    json j;
    progress_clear(&m->bar);
    fputs(r->err, stderr);
    m->status[r->index] = r->status;
    m->ended++;
    if (r->status == MADE) fputs(r->out, stdout);
    else if (r->status == WAS_DONE) {
        if (m->json) many_json(&j, m->in[r->index], m->out[r->index], "was done"), json_end(&j);
        if (++m->kept == m->ended) progress_begin(&m->bar, m->label); /* time counts from the first that is made */
    } else {
        m->failed++;
        tell_failed(m, r);
    }
    fflush(stdout);
    snprintf(m->label, sizeof m->label, "%d of %d", m->ended, m->count);
    progress_show(&m->bar, m->ended, m->count);
}

static void sum_up(const many *m) {
    const double seconds = seconds_now() - m->began;
    const int made = m->count - m->kept - m->failed;
    json j;
    int i;
    if (m->json) {
        json_begin_line(&j, stdout);
        json_integer(&j, "files", (uint64_t)m->count);
        json_integer(&j, "encoded", (uint64_t)made);
        json_integer(&j, "were_done", (uint64_t)m->kept);
        json_integer(&j, "failed", (uint64_t)m->failed);
        json_number(&j, "total_seconds", seconds);
        json_end(&j);
        return;
    }
    printf("%d of %d encoded", made, m->count);
    if (m->kept) printf(", %d were done", m->kept);
    if (m->failed) printf(", %d failed", m->failed);
    printf("; %.1f s\n", seconds);
    for (i = 0; i < m->count; i++)
        if (m->status[i] != MADE && m->status[i] != WAS_DONE) printf("  failed: %s\n", m->in[i]);
}

int many_run(many *m) {
    processes p;
    int status, i;
    m->began = seconds_now();
    status = prepare(m);
    if (!status) {
        p.count = (size_t)m->count;
        p.at_once = places_of(m);
        p.work = work;
        p.ended = tell;
        p.user = m;
        snprintf(m->label, sizeof m->label, "0 of %d", m->count);
        progress_begin(&m->bar, m->label);
        progress_show(&m->bar, 0, m->count);
        processes_run(&p);
        progress_end(&m->bar);
        sum_up(m);
        status = m->failed != 0;
    }
    for (i = 0; i < m->count && m->out; i++) free(m->out[i]);
    free(m->out);
    free(m->status);
    done_close(&m->record);
    return status;
}
