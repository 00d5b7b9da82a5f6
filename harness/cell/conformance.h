/* The conformance checks of a cell: --list-checks and --check (workloads/checks/check.h). */
#ifndef SPANBENCH_CONFORMANCE_H
#define SPANBENCH_CONFORMANCE_H

#include "check.h"
#include "json.h"

/* Writes an object whose "checks" are all checks, sorted by name. */
void conformance_list(struct json *);

/* Writes an object whose "assertions" are all assertions of all checks. */
void conformance_list_assertions(struct json *);

/* What process this check of this allocator is to run in: PROCESS_*, or'ed. 0: this one, or no
 * check has this name. */
unsigned conformance_process(const char *name, const struct allocator *);

/* Runs a check on the allocator and writes its record: an object with the verdict. Somebody ends
 * the process after so many seconds. False: no check has this name, or no memory is left for its
 * books.
 * `*failed`: its verdict is a failure. */
struct conformance_how {
    uint64_t seed, timeout_seconds;
    bool whole;   /* all of what the check generates, not a sample */
    bool hangs;   /* it is known to: CHECK_KNOWN_SLEEPS_SECONDS */
    bool verbose; /* tell each step on standard error */
};
bool conformance_run(const char *name, const struct allocator *, const char *object,
                     struct conformance_how, struct json *, bool *failed);

#endif
