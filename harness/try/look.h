/* A run of the program that is not timed: which processes it starts, and which object serves malloc
 * in each.
 *
 * It is traced (ptrace), so each process stops at its end and is looked at there, however short it
 * lived. Where tracing is forbidden, processes are looked at now and then, and short ones are
 * missed. */
#ifndef SPANBENCH_TRY_LOOK_H
#define SPANBENCH_TRY_LOOK_H

#include "measure.h"

enum { LOOK_PROCESSES = 200 };

/* A cause of the library, whatever the program is. */
#define LOOK_NO_MALLOC "the library does not serve malloc"

struct look_process {
    pid_t pid, parent;
    char comm[64], exe[PATH_MAX];
    char object[PATH_MAX];      /* that serves malloc; "": not known */
    char why[320];              /* the library that was asked for does not serve; "": it does */
    int64_t high_water, shared; /* RSS at its most, and what of it is not its own; -1: not known */
};

struct look {
    struct measured run; /* how it ended; no times, no memory of the whole */
    struct look_process process[LOOK_PROCESSES];
    size_t processes; /* that are known; the first is the program's own */
    size_t more;      /* that were not kept */
    bool traced;
};

/* `library`: the absolute path of what must serve; NULL: whatever does. */
void look_run(const struct measure_request *, const char *library, struct look *);

/* For who follows the program by other means: looks at all that this process started and that
 * lives, and puts the processes in order, the program's own first. */
void look_identify_all(struct look *, const char *library);
void look_sort(struct look *, pid_t first);

#endif
