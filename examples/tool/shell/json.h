/* One JSON object on a stream. Numbers that are not finite become null, and bytes of names that are not UTF-8 a
   replacement character. */
#ifndef JSON_H
#define JSON_H

#include <stdint.h>
#include <stdio.h>

typedef struct json {
    FILE *file;
    int items, line;
} json;
void json_begin(json *j, FILE *file);
void json_begin_line(json *j, FILE *file); /* all of it in one line: one of many objects */
void json_number(json *j, const char *key, double value);
void json_integer(json *j, const char *key, uint64_t value);
void json_bool(json *j, const char *key, int value);
void json_text(json *j, const char *key, const char *value); /* NULL: null */
void json_end(json *j);

#endif
