/* The misuses of a cell: --list-misuses and --misuse (workloads/misuses/misuse.h).
 *
 * A run writes lines of JSON: what it is, each step before it is taken, and, if the process lives
 * that long, the outcome. Each is written at once and past every buffer, for the last one that is
 * there tells where the process ended. If the lines go elsewhere than to standard output, the
 * misusing step is marked on standard error, too, by a line of its own (HARDENING_MARK): words that
 * an allocator says before it are not about the misuse. */
#ifndef SPANBENCH_HARDENING_H
#define SPANBENCH_HARDENING_H

#include "json.h"
#include "misuse.h"

#define HARDENING_MARK "\036spanbench: the misuse\n"

/* Writes an object whose "misuses" are all misuses, sorted by name. */
void hardening_list(struct json *);

struct hardening_request {
    const char *name;
    enum misuse_size size;
    bool control;
    uint64_t seed;
    uint64_t cpu_seconds; /* a misuse may spin for ever: SIGXCPU after so much processor time */
    const char *object;   /* that malloc belongs to */
    int fd;               /* of the lines */
};

/* Runs a misuse and ends the process, with exit code 0. Returns only if there is no misuse of this
 * name. */
void hardening_run(const struct hardening_request *, const struct allocator *);

/* The number of a size class by its name; MISUSE_SIZES: there is none. */
enum misuse_size hardening_size(const char *name);

#endif
