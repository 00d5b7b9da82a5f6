/* The words of `spanbench who`. */
#ifndef SPANBENCH_WHO_OPTIONS_H
#define SPANBENCH_WHO_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

enum { WHO_MOST_ROOTS = 64 };
enum { WHO_TIMEOUT = 10 }; /* seconds that a program is watched, by default */

struct who_options {
    bool help, json;
    const char *expect; /* NULL: nothing */
    char *preload;      /* of the program; NULL: as the environment says */
    double timeout_seconds;
    pid_t root[WHO_MOST_ROOTS];
    size_t roots;
    char **program; /* its words, with a NULL; NULL: processes are looked at */
};

/* False: the words are wrong, and standard error says how. */
bool who_options_parse(int argc, char **argv, struct who_options *);

void who_options_usage(FILE *);

#endif
