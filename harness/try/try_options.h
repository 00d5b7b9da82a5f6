/* The command line of `spanbench try`. */
#ifndef SPANBENCH_TRY_OPTIONS_H
#define SPANBENCH_TRY_OPTIONS_H

#include "options.h"

#include <regex.h>

enum { TRY_MOST_RUNS = 1000, TRY_AFTERS = 8, TRY_THENS = 8 };

struct try_options {
    struct options
        common;     /* allocators, preloads, seed, timeout_seconds, out, directory_to, cells */
    char **program; /* its words, which end with NULL; of a server none */
    bool shell;     /* `program` is one word, a command of /bin/sh */
    struct names variables; /* of the program's environment: NAME=value */
    struct names extra_rows;
    bool tunings;
    const char *prepare, *directory, *input, *json;
    const char *metric; /* a regular expression; NULL: none */
    regex_t number;     /* it, if there is one */
    bool higher_is_better;
    bool same_output, any_output;
    bool quiet;
    int good_code;
    unsigned warmup;
    unsigned runs;         /* of each row; 0: until it is precise, or the budget is spent */
    double precision;      /* half of the width of an interval, a fraction */
    double budget_seconds; /* 0: no limit */
    uint64_t limit_bytes;  /* 0: no limit */
    bool smallest_limit;
    const char *against; /* the other build; NULL: none */
    const char *server, *ready, *load;
    regex_t ready_line;       /* that of `ready`, if it has one */
    struct names thens;       /* commands after the load */
    const char *traffic;      /* NULL: none */
    double after[TRY_AFTERS]; /* seconds after the last command of `thens` */
    size_t afters;
};

/* Reads the words behind `try`; argv[0] is that word, and argv must outlive the options. Returns -1
 * if all is well; else the exit code, and what was to be said is said. */
int try_options_parse(int argc, char **argv, struct try_options *);

void try_options_usage(FILE *);

#endif
