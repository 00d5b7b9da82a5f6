/* The misuses of a cell: --list-misuses and --misuse (workloads/misuses/misuse.h).
 *
 * A run writes lines of JSON: what it is, each step before it is taken, and, if the process lives
 * that long, the outcome. Each line is written at once and past every buffer, because the last one
 * tells where the process ended. If the lines do not go to standard output, a line on standard
 * error marks the misusing step, too (HARDENING_MARK). What an allocator says before it is not
 * about the misuse. */
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

/* Runs a misuse and ends the process, with exit code 0. Returns only if no misuse has this name. */
void hardening_run(const struct hardening_request *, const struct allocator *);

/* The number of a size class by its name; MISUSE_SIZES: none has it. */
enum misuse_size hardening_size(const char *name);

#endif
