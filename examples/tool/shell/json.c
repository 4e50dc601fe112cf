#include "shell/json.h"

#include <math.h>

static void json_key(json *j, const char *key) { fprintf(j->file, "%s\n  \"%s\": ", j->items++ ? "," : "", key); }

void json_begin(json *j, FILE *file) {
    j->file = file;
    j->items = 0;
    fputc('{', file);
}

void json_number(json *j, const char *key, double value) {
    json_key(j, key);
    if (isfinite(value)) fprintf(j->file, "%.10g", value);
    else fputs("null", j->file);
}

void json_integer(json *j, const char *key, uint64_t value) {
    json_key(j, key);
    fprintf(j->file, "%llu", (unsigned long long)value);
}

void json_bool(json *j, const char *key, int value) {
    json_key(j, key);
    fputs(value ? "true" : "false", j->file);
}

void json_text(json *j, const char *key, const char *value) {
    json_key(j, key);
    if (!value) {
        fputs("null", j->file);
        return;
    }
    fputc('"', j->file);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\') fprintf(j->file, "\\%c", *value);
        else if ((unsigned char)*value < 32) fprintf(j->file, "\\u%04x", (unsigned)(unsigned char)*value);
        else fputc(*value, j->file);
    }
    fputc('"', j->file);
}

void json_end(json *j) { fputs(j->items ? "\n}\n" : "}\n", j->file); }
