/* What goes to stderr, and texts of errors. */
#ifndef MESSAGES_H
#define MESSAGES_H

/* Error texts are 256 bytes, "name: reason"; of a very long name the end is kept. */
void error_text(char error[256], const char *name, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 4)))
#endif
    ;

#ifdef __GNUC__
#define MESSAGE __attribute__((format(printf, 2, 3)))
#else
#define MESSAGE
#endif

/* "gamutmlp NAME: message", a line on stderr; 1, the exit status of work that failed. A macro, as what reads the source
   file by file must know that it is never 0. */
#define fail(...) (tell_failure(__VA_ARGS__), work_failed())
static inline int work_failed(void) { return 1; }
void tell_failure(const char *name, const char *format, ...) MESSAGE;

/* "gamutmlp NAME: note: message", "gamutmlp NAME: warning: message" */
void tell_note(const char *name, const char *format, ...) MESSAGE;
void tell_warning(const char *name, const char *format, ...) MESSAGE;

#endif
