/* Google Benchmark (1.7 to 1.9) for C: the project's only C++.
 *
 * It gives what its users know: --benchmark_* options (filter, out, list_tests, …) and the JSON
 * that compare.py and dashboards read. Its timing and its threads are not used: a benchmark is one
 * iteration with manual time, which is the time that the caller's function returns. Its console
 * reporter is not used either. Not thread-safe. */
#ifndef SPANBENCH_GBENCH_H
#define SPANBENCH_GBENCH_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { GBENCH_COUNTERS = 40 };

struct gbench_counter {
    const char *name; /* must outlive the process's last call into this file */
    double value;
};

/* What one run of a benchmark gives back. */
struct gbench_outcome {
    double wall_seconds, cpu_seconds;
    double operations; /* an entry's iterations: its times are per operation, in nanoseconds */
    unsigned threads;
    const char *error; /* NULL: good; else the entry bears this text instead of a time */
    bool discard;      /* leaves no entry at all */
    struct gbench_counter counter[GBENCH_COUNTERS];
    size_t counters;
};

typedef void gbench_function(void *arg, struct gbench_outcome *);

/* Takes the --benchmark_* options out of argv. False: one of them is unknown or has a bad value; it
 * is then still in argv. argv must outlive all other calls. */
bool gbench_initialize(int *argc, char **argv);

/* Registers one benchmark; any number may share a name. They run in the order of registration. */
void gbench_register(const char *name, gbench_function *, void *arg);

/* Runs those that --benchmark_filter selects, and forgets all that are registered, so that more can
 * follow (the library takes quadratic time for many at once). Returns their number; 0: none
 * matches. */
size_t gbench_run(void);

/* The entries so far, in Google Benchmark's JSON, in the order of running. They have the registered
 * names alone; the library's own files append /iterations:1/manual_time, and time whole runs.
 * free() the result; NULL: out of memory. */
char *gbench_json(void);

#ifdef __cplusplus
}
#endif

#endif
