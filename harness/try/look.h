/* A run of the program that is not timed: which processes it starts, and which object serves malloc
 * in each. A process that becomes another program by exec has an entry for each of them.
 *
 * It is traced (ptrace), so each process stops at its end and before exec, and is looked at there,
 * however short it lived. Where tracing is forbidden, processes are looked at now and then, and
 * short ones are missed. */
#ifndef SPANBENCH_TRY_LOOK_H
#define SPANBENCH_TRY_LOOK_H

#include "measure.h"

enum { LOOK_PROCESSES = 200, LOOK_FILES_BYTES = 1 << 17, LOOK_INNER = 2 };

/* A cause of the library, whatever the program is. */
#define LOOK_NO_MALLOC "the library does not serve malloc"

struct look_process {
    pid_t pid, parent;
    char comm[64], exe[PATH_MAX];
    char object[PATH_MAX];       /* that serves malloc; "": not known */
    bool system;                 /* it is the C library's, which serves without a preload */
    char why[320];               /* the library that was asked for does not serve; "": it does */
    char inner[LOOK_INNER][320]; /* allocators inside that no library replaces; "": no more */
    bool replaced;               /* it became another program by exec, which the next entry is of */
    size_t order;                /* in which entries were made */
    int64_t high_water, shared;  /* RSS at its most, and what of it is not its own; -1: not known */
};

struct look {
    struct measured run; /* how it ended; no times, no memory of the whole */
    struct look_process process[LOOK_PROCESSES];
    size_t processes; /* entries; the first are of the program's own process */
    size_t more;      /* that were not kept */
    bool traced;
    char files[LOOK_FILES_BYTES]; /* paths of the objects of all, each with its zero */
    size_t files_length;
    bool files_lost; /* some were not kept */
};

/* `library`: the absolute path of what must serve; NULL: whatever does. */
void look_run(const struct measure_request *, const char *library, struct look *);

/* What the program's own process was at its end; NULL: nothing is known. */
const struct look_process *look_last_program(const struct look *);

/* For who follows the program by other means: looks at all that this process started and that
 * lives, and puts the processes in order, the program's own first. */
void look_identify_all(struct look *, const char *library);
void look_sort(struct look *, pid_t first);

#endif
