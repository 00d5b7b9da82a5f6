/* A comparison of one program under several allocators, and what its parts need of each other. How
 * is a row run once? Why does a run not count? */
#ifndef SPANBENCH_TRY_COMPARISON_H
#define SPANBENCH_TRY_COMPARISON_H

#include "keep.h"
#include "plan.h"
#include "server.h"
#include "trial.h"

enum { PROBLEM_BYTES = 700 };

/* A program of which rows are builds: the first, or the one of --against. */
struct build {
    char path[PATH_MAX];
    char *const *argv;
};

/* Of a row, from its runs without trouble. */
struct known {
    int64_t shared, high_water; /* as of struct measure_request */
    uint64_t hash;              /* of what it printed last */
    bool ran, varies;           /* it printed something else before */
    bool silent;                /* a run printed nothing */
    int64_t peak;               /* the most memory, bytes */
    double seconds;             /* the longest time */
};

struct comparison {
    const struct try_options *options;
    struct trial trial;
    struct keep keep;
    struct plan plan;
    struct memory_limit limit;
    struct build build[2]; /* the program, and that of --against */
    char judge[PATH_MAX];
    struct known *known; /* of each row */
    struct {
        uint64_t hash;   /* of what the first row printed */
        const char *row; /* which that is; NULL: none ran yet */
    } printed[2];        /* by each build */
    double began;
    size_t done, notes;
    bool failed;      /* a row's program ended by itself, and not well */
    bool unstartable; /* a row's program cannot be started at all */
};

/* Says something about a row, beside the line of progress. */
void comparison_say(const char *row, const char *text);

/* A note that stays with the row, in program.json and the verdict; `aloud`: it is also said. */
void comparison_note(struct row *, const char *text, bool aloud);

/* From now on this row has a cause, and no result. Says so. */
void comparison_fail(struct row *, const char *cause);

struct measure_request comparison_request(const struct comparison *, size_t row);
struct server_request comparison_server(const struct comparison *, size_t row);

/* Runs --prepare. False: there was an interrupt, or it failed, and so the row has. */
bool comparison_prepare(struct comparison *, struct row *);

/* Why this run does not count; NULL: it does. `text` may hold the answer. */
const char *comparison_problem(struct comparison *, size_t row, const struct measured *,
                               const struct measure_request *, char *text, size_t size);

/* The same cause, or that the limit of memory was it. `text` may hold the answer. */
const char *comparison_limited(struct comparison *, const char *problem, char *text, size_t size);

/* Notes what is known of a row after a run without trouble. */
void comparison_know(struct comparison *, size_t row, const struct measured *);

/* Runs the row once, looks into its processes, and finds out whether it can be measured; of all
 * rows, the C library's malloc first. */
void comparison_look(struct comparison *);

/* Compares what the rows printed so far with what the program prints with the C library's malloc.
 * If that is the same each time, a row that printed something else fails. In any case one does that
 * printed nothing where the C library's never did: it ended before its time. */
void comparison_outputs(struct comparison *);

/* Runs the rounds, until they suffice, the time is spent, or there is an interrupt. */
void comparison_run(struct comparison *);

#endif
