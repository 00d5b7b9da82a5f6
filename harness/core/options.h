/* The command line of the driver. */
#ifndef SPANBENCH_OPTIONS_H
#define SPANBENCH_OPTIONS_H

#include "histogram.h"
#include "option_values.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { OPTIONS_MAX_THREADS = 256 };
enum { DEFAULT_REPETITIONS = 9, QUICK_REPETITIONS = 3, MOST_REPETITIONS = 1000 };
enum {
    GROUP_REPETITIONS       = 5,
    QUICK_GROUP_REPETITIONS = 2
}; /* where groups are named: there are many rows */
/* In seconds. A check gets several times what the longest takes where others have most of the
 * processors. */
enum { DEFAULT_TIMEOUT = 60, CHECK_TIMEOUT = 180, HARDEN_TIMEOUT = 10 };
enum { DEFAULT_RUNS = 5 };

struct options {
    enum command {
        COMMAND_RUN,
        COMMAND_LIST,
        COMMAND_DESCRIBE,
        COMMAND_HELP,
        COMMAND_CHECK,
        COMMAND_HARDEN,
        COMMAND_VERSION
    } command;
    const char *help_script;        /* of `help`: one of options_scripts, or NULL */
    unsigned help_of;               /* of `help`: a set of commands; 0: all */
    struct names allocators;        /* empty: all */
    struct names workloads, groups; /* both empty: the core; a workload may be named by its group */
    struct names preloads;          /* PATH or NAME=PATH */
    size_t thread_counts;
    unsigned threads[32];
    const struct histogram *histogram; /* of `run`: sizes of the requests; NULL: the workloads' */
    const char *thp;    /* of `run`: never, madvise or always; NULL: huge pages as they are */
    bool threads_named; /* by the user */
    unsigned repetitions;
    unsigned first_round, last_round; /* of `run`: of the repetitions, those that are run; from 0 */
    uint64_t seed;                    /* of the first round, or run */
    bool mirrored;
    bool one_seed; /* of `run`: of all rounds */
    bool rivals;   /* newer builds, beside the allocators */
    bool quick;
    bool brief;                 /* brief_ops of a workload */
    unsigned long_rest_seconds; /* of `run`, after which memory is read once more; 0: it is not */
    bool no_timeline;           /* samples alone: no passes that watch memory over time */
    double timeout_seconds;
    struct names checks;      /* of `check`: globs; empty: all */
    unsigned profile;         /* of `check`: the number of one of options_profiles; 0: none */
    bool tap;                 /* of `check` */
    bool whole;               /* of `check`: all inputs that checks generate, not a sample */
    bool list_names;          /* of `check` and `harden`: print what there is, run nothing */
    bool verbose;             /* of what runs cells */
    struct names misuses;     /* of `harden`: globs; empty: all */
    struct names sizes;       /* of `harden`; empty: all */
    unsigned runs;            /* of `harden`: at each place of its table */
    const char *out;          /* parent directory of the run's */
    const char *directory_to; /* a file to write the path of the run's directory to, or NULL */
    char cells[PATH_MAX];     /* directory of the cells */
    char known[PATH_MAX];     /* file of known failures */
    bool known_named;         /* by the user: it must be there */

    int benchmark_argc; /* argv[0] and the --benchmark_* options, for Google Benchmark */
    char **benchmark_argv;
    bool list_only;   /* --benchmark_list_tests: print the plan's names, run nothing */
    bool one_session; /* Google Benchmark writes a file of its own: it must see all samples at once
                       */
};

/* Sets of commands, a bit for each: those that run cells on something, those that ask them. */
enum {
    OF_RUN      = 1 << COMMAND_RUN,
    OF_LIST     = 1 << COMMAND_LIST,
    OF_DESCRIBE = 1 << COMMAND_DESCRIBE,
    OF_HELP     = 1 << COMMAND_HELP,
    OF_CHECK    = 1 << COMMAND_CHECK,
    OF_HARDEN   = 1 << COMMAND_HARDEN,
    OF_VERSION  = 1 << COMMAND_VERSION,
    OF_WORKS    = OF_RUN | OF_CHECK | OF_HARDEN,
    OF_ASKS     = OF_WORKS | OF_LIST | OF_DESCRIBE,
    OF_ANY      = OF_ASKS | OF_HELP | OF_VERSION
};

/* Names of the profiles of checks, as cells list them; that of 0 is "all". Ends with NULL. */
extern const char *const options_profiles[];

/* Names of the commands that are programs in scripts/, with options of their own; ends with NULL.
 */
extern const char *const options_scripts[];

/* The one of these that the word names, or NULL. */
const char *options_script(const char *word);

/* Names of the size classes of misuses; ends with NULL. */
extern const char *const options_sizes[];
enum { OPTIONS_SIZES = 3 };

/* Does one of the globs match? None given: yes. */
bool options_match(const struct names *globs, const char *name);

/* Are `count` seeds from that of the options on all seeds? If not, standard error says that the
 * count, given by this option, is too large. */
bool options_seeds_exist(const struct options *, const char *option, unsigned count);

/* Those that all commands have, as they are where nothing was given. */
void options_defaults(struct options *);

/* Reads the command line; argv must outlive the options. False: it is wrong, and standard error
 * says how and what would be right. */
bool options_parse(int argc, char **argv, struct options *);

/* The words of the command line (help.c); of these commands, a set with a bit for each, or of all
 * if it has none that takes options. */
void options_usage(FILE *, unsigned of);

#endif
