#include "shell/messages.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void error_text(char error[256], const char *name, const char *format, ...) {
    const size_t length = strlen(name);
    const int long_name = length > 100;
    va_list list;
    int used = snprintf(error, 256, "%s%s: ", long_name ? "..." : "", long_name ? name + length - 97 : name);
    va_start(list, format);
    vsnprintf(error + used, (size_t)(256 - used), format, list);
    va_end(list);
}

/* Names of files may hold what a terminal would obey. */
static void tell(const char *name, const char *kind, const char *format, va_list list) {
    char line[8192], *c;
    int used = snprintf(line, sizeof line, "gamutmlp %s: %s", name, kind);
    vsnprintf(line + used, sizeof line - (size_t)used, format, list);
    for (c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    fprintf(stderr, "%s\n", line);
}

void tell_failure(const char *name, const char *format, ...) {
    va_list list;
    va_start(list, format);
    tell(name, "", format, list);
    va_end(list);
}

void tell_note(const char *name, const char *format, ...) {
    va_list list;
    va_start(list, format);
    tell(name, "note: ", format, list);
    va_end(list);
}

void tell_warning(const char *name, const char *format, ...) {
    va_list list;
    va_start(list, format);
    tell(name, "warning: ", format, list);
    va_end(list);
}
