/* What goes to stderr, and texts of errors. */
#ifndef MESSAGES_H
#define MESSAGES_H

/* Error texts are 256 bytes, "name: reason"; of a very long name the end is kept. */
void error_text(char error[256], const char *name, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* "gamutmlp NAME: message" on stderr; returns 1, the exit status of work that failed. */
int fail(const char *name, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    ;

#endif
