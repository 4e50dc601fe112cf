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

void tell_failure(const char *name, const char *format, ...) {
    va_list list;
    fprintf(stderr, "gamutmlp %s: ", name);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
}
