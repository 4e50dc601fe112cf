#include "shell/json.h"

#include <math.h>

static void json_key(json *j, const char *key) {
    const char *space = !j->line ? "\n  " : j->items ? " " : "";
    fprintf(j->file, "%s%s\"%s\": ", j->items++ ? "," : "", space, key);
}

static void begin(json *j, FILE *file, int line) {
    j->file = file;
    j->items = 0;
    j->line = line;
    fputc('{', file);
}

void json_begin(json *j, FILE *file) { begin(j, file, 0); }
void json_begin_line(json *j, FILE *file) { begin(j, file, 1); }

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

/* Bytes of the UTF-8 character at s, a text's; 0: it is none. */
static size_t utf8_length(const unsigned char *s) {
    const size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    size_t i;
    if (n > 1 && (s[0] < 0xc2 || s[0] > 0xf4)) return 0;
    for (i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90)) return 0; /* longer than need be */
    if ((s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f)) return 0; /* none of Unicode's */
    return n;
}

void json_text(json *j, const char *key, const char *value) {
    size_t n;
    json_key(j, key);
    if (!value) {
        fputs("null", j->file);
        return;
    }
    fputc('"', j->file);
    for (; *value; value += n ? n : 1) {
        n = utf8_length((const unsigned char *)value);
        if (*value == '"' || *value == '\\') fprintf(j->file, "\\%c", *value);
        else if (n == 1 && (unsigned char)*value < 32) fprintf(j->file, "\\u%04x", (unsigned)*value);
        else if (n) fwrite(value, 1, n, j->file);
        else fputs("\\ufffd", j->file);
    }
    fputc('"', j->file);
}

void json_end(json *j) { fputs(j->items && !j->line ? "\n}\n" : "}\n", j->file); }
