#include "shell/args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gamutmlp.h"

int args_wrong(const args_command *command, const char *format, ...) {
    va_list list;
    fprintf(stderr, "gamutmlp %s: ", command->name);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fprintf(stderr, "\nTry 'gamutmlp %s --help'.\n", command->name);
    return 2;
}

static void print_help(const args_command *command) {
    const args_option *o;
    printf("usage: gamutmlp %s %s%s\n\n%s\n", command->name, command->synopsis,
           command->options[0].name ? " [options]" : "", command->about);
    if (command->options[0].name) printf("\noptions:\n");
    for (o = command->options; o->name; o++) {
        int n = printf("  %s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        printf("%*s%s\n", n < 28 ? 28 - n : 2, "", o->help);
    }
    printf("\nexample:\n%s\n", command->example);
}

/* The index of word in a list "a|b|c", or -1. */
static int choice_index(const char *list, const char *word) {
    size_t length = strlen(word);
    int index = 0;
    for (;; index++) {
        const char *end = strchr(list, '|');
        size_t n = end ? (size_t)(end - list) : strlen(list);
        if (n == length && !memcmp(list, word, n)) return index;
        if (!end) return -1;
        list = end + 1;
    }
}

static int wrong_space(const args_command *command, const args_option *o, const char *text) {
    char known[512] = "";
    size_t used = 0;
    int space;
    for (space = 1; space < 2 * GMLP_LINEAR; space++) {
        const char *name = space == GMLP_SYCC ? NULL : gmlp_space_name(space);
        if (name && used < sizeof known)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", name);
    }
    return args_wrong(command, "%s: unknown colour space '%s'; known are %s", o->name, text, known);
}

static int take_value(const args_command *command, const args_option *o, const char *text) {
    switch (o->kind) {
        case ARG_INT:
        case ARG_INT_OR_NONE: {
            const uint64_t low = o->kind == ARG_INT ? o->low : 1;
            char *end;
            unsigned long long v;
            errno = 0;
            v = strtoull(text, &end, 10);
            if (text[0] < '0' || text[0] > '9' || *end || errno || v < low || v > o->high)
                return args_wrong(command, "%s takes a whole number from %llu to %llu, not '%s'", o->name,
                                  (unsigned long long)low, (unsigned long long)o->high, text);
            *(uint64_t *)o->target = v;
            break;
        }
        case ARG_NUMBER: {
            char *end;
            const double v = strtod(text, &end);
            if (end == text || *end || !(v >= (double)o->low && v <= (double)o->high))
                return args_wrong(command, "%s takes a number from %llu to %llu, not '%s'", o->name,
                                  (unsigned long long)o->low, (unsigned long long)o->high, text);
            *(double *)o->target = v;
            break;
        }
        case ARG_CHOICE: {
            int index = choice_index(o->value, text);
            if (index < 0)
                return args_wrong(command, "%s: unknown %s '%s'; known are %s", o->name, o->name + 2, text, o->value);
            *(int *)o->target = index;
            break;
        }
        case ARG_SPACE: {
            int space = gmlp_space_from_name(text);
            if (!space || space == GMLP_SYCC) return wrong_space(command, o, text);
            *(int *)o->target = space;
            break;
        }
        default:
            if (!*text) return args_wrong(command, "%s takes a value that is not empty", o->name);
            *(const char **)o->target = text;
            break;
    }
    return ARGS_GO_ON;
}

int args_parse(const args_command *command, int argc, char **argv, const char **operands) {
    int i, found = 0, only_operands = 0;
    for (i = 1; i < argc; i++) {
        const char *arg = argv[i], *equals;
        const args_option *o;
        size_t length;
        if (only_operands || arg[0] != '-' || !arg[1]) {
            if (!strcmp(arg, "-"))
                return args_wrong(command, "'-' (standard input or output) is not supported; give a file name");
            if (!*arg) return args_wrong(command, "a file name is empty");
            if (found == command->operands && !command->count)
                return args_wrong(command, "one name too many: '%s'", arg);
            operands[found++] = arg;
            continue;
        }
        if (!strcmp(arg, "--")) {
            only_operands = 1;
            continue;
        }
        if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
            print_help(command);
            return 0;
        }
        equals = strchr(arg, '=');
        length = equals ? (size_t)(equals - arg) : strlen(arg);
        for (o = command->options; o->name; o++)
            if (strlen(o->name) == length && !memcmp(o->name, arg, length)) break;
        if (!o->name) return args_wrong(command, "unknown option '%.*s'", (int)length, arg);
        if (o->kind == ARG_FLAG) {
            if (equals) return args_wrong(command, "%s takes no value", o->name);
            *(int *)o->target = 1;
        } else if (o->kind == ARG_INT_OR_NONE && !equals &&
                   (i + 1 == argc || argv[i + 1][0] < '0' || argv[i + 1][0] > '9')) {
            *(uint64_t *)o->target = o->low;
        } else {
            int status;
            if (!equals && i + 1 == argc)
                return args_wrong(command, "%s needs a value: %s %s", o->name, o->name, o->value);
            status = take_value(command, o, equals ? equals + 1 : argv[++i]);
            if (status != ARGS_GO_ON) return status;
        }
    }
    if (found < command->operands)
        return args_wrong(command, "%s; usage: gamutmlp %s %s",
                          found ? "a file name is missing" : "no file names given", command->name, command->synopsis);
    if (command->count) *command->count = found;
    return ARGS_GO_ON;
}

/* Says an option, unless it was not given and is nothing. */
static void say_option(FILE *f, const args_option *o) {
    const char *word = o->value;
    int i, index;
    switch (o->kind) {
        case ARG_INT:
        case ARG_INT_OR_NONE:
            if (*(const uint64_t *)o->target)
                fprintf(f, "%s %llu ", o->name, (unsigned long long)*(const uint64_t *)o->target);
            break;
        case ARG_NUMBER:
            if (*(const double *)o->target != 0.0) fprintf(f, "%s %.17g ", o->name, *(const double *)o->target);
            break;
        case ARG_TEXT:
            if (*(const char *const *)o->target) fprintf(f, "%s %s ", o->name, *(const char *const *)o->target);
            break;
        case ARG_CHOICE:
            index = *(const int *)o->target;
            for (i = 0; i < index; i++) word = strchr(word, '|') + 1;
            if (index >= 0) fprintf(f, "%s %.*s ", o->name, (int)strcspn(word, "|"), word);
            break;
        case ARG_SPACE:
            if (*(const int *)o->target) fprintf(f, "%s %s ", o->name, gmlp_space_name(*(const int *)o->target));
            break;
        default:
            if (*(const int *)o->target) fprintf(f, "%s ", o->name);
            break;
    }
}

char *args_said(const args_option *options, const char *without) {
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    const args_option *o;
    int bad;
    if (!f) return NULL;
    for (o = options; o->name; o++) {
        const char *at = strstr(without, o->name);
        if (!at || at[strlen(o->name)] != ' ') say_option(f, o);
    }
    bad = ferror(f);
    if (!fclose(f) && !bad) return text;
    free(text);
    return NULL;
}
