/* Options of a subcommand: a table that says what there is, one function that reads argv. */
#ifndef ARGS_H
#define ARGS_H

#include <stdint.h>

enum {
    ARG_FLAG,   /* int: 1 when given */
    ARG_INT,    /* uint64_t within low..high */
    ARG_INT_OR_NONE, /* uint64_t within 1..high; low where no number follows */
    ARG_NUMBER, /* double within low..high */
    ARG_TEXT,   /* const char *: not empty */
    ARG_CHOICE, /* int: index into the words of value, which are separated by | */
    ARG_SPACE   /* int: gmlp_space from its name; not sYCC, which pictures for people are never in */
};

typedef struct args_option {
    const char *name;  /* "--quality" */
    int kind;
    void *target;      /* written only when the option is given */
    const char *value; /* what help calls the value: "Q", "16|half|float"; NULL for a flag */
    const char *help;
    uint64_t low, high;
} args_option;

typedef struct args_command {
    const char *name;           /* "encode" */
    const char *synopsis;       /* "IN OUT.{jpg,png}" */
    const char *about;          /* one paragraph */
    const char *example;        /* lines, each indented by two spaces */
    const args_option *options; /* ends with a NULL name; --help is understood always */
    int operands;               /* how many file names there must be */
    int *count;                 /* NULL, or there may be more, and this gets their number */
} args_command;

#define ARGS_GO_ON (-1)

/* Reads argv[1..]; operands[0..] get the file names (with count there must be room for argc). Returns ARGS_GO_ON, or
   the exit status: 0 after --help, 2 after a message on stderr that names the option. */
int args_parse(const args_command *command, int argc, char **argv, const char **operands);

/* The options as they stand, in one line, but for those in without ("--json --out ") and numbers and texts that are
   nothing. NULL when out of memory; the caller frees. */
char *args_said(const args_option *options, const char *without);

/* Prints "gamutmlp NAME: message" and a pointer to --help; returns 2. */
int args_wrong(const args_command *command, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    ;

#endif
