/* The command line of the driver. */
#ifndef SPANBENCH_OPTIONS_H
#define SPANBENCH_OPTIONS_H

#include "plan.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { OPTIONS_MAX_NAMES = 128, OPTIONS_MAX_THREADS = 256 };

/* Words of a list given as "a,b c", or by giving the option again. */
struct names {
    const char *item[OPTIONS_MAX_NAMES];
    size_t count;
};

struct options {
    enum command { COMMAND_RUN, COMMAND_LIST, COMMAND_DESCRIBE, COMMAND_HELP } command;
    struct names allocators, workloads; /* empty: all */
    struct names preloads;              /* PATH or NAME=PATH */
    unsigned threads[32];
    size_t thread_counts;
    unsigned repetitions;
    enum plan_order order;
    uint64_t seed;
    bool quick;
    bool no_timeline; /* samples alone: no passes that watch memory over time */
    double timeout_seconds;
    const char *out;          /* parent directory of the run's */
    const char *directory_to; /* a file to write the path of the run's directory to, or NULL */
    char cells[PATH_MAX];     /* directory of the cells */

    int benchmark_argc; /* argv[0] and the --benchmark_* options, for Google Benchmark */
    char **benchmark_argv;
    bool list_only;   /* --benchmark_list_tests: print the plan's names, run nothing */
    bool one_session; /* Google Benchmark writes a file of its own: it must see all samples at once
                       */
};

/* Reads the command line; argv must outlive the options. False: it is wrong, and standard error
 * says how and what would be right. */
bool options_parse(int argc, char **argv, struct options *);

void options_usage(FILE *);

#endif
