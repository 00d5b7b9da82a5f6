/* The processes that were seen, in the order of their appearance, with what serves malloc in each.
 * A process that becomes another program by exec is seen again. */
#ifndef SPANBENCH_SEEN_H
#define SPANBENCH_SEEN_H

#include "serving.h"

enum { SEEN_MOST = 50000, SEEN_NONE = -1 };

struct seen_process {
    pid_t pid;
    int above; /* the number of what started it: its parent, or itself before exec; or SEEN_NONE */
    unsigned image;   /* 0, and one more with each exec */
    bool replaced;    /* by exec: a later one has its pid */
    bool first_ended; /* its first thread has; others may live */
    bool ended;
    bool full;                     /* it was looked at when it ended: there is nothing to add */
    const struct serving *serving; /* shared among equals but for pid, parent and start; NULL: it
                                    * was not looked at */
};

struct seen {
    struct seen_process *process;
    size_t count;
    struct serving **distinct;
    size_t distincts;
    bool overflow; /* there were more */
};

/* Adds a process below `above`. Its number; SEEN_NONE: there is no room. */
int seen_add(struct seen *, pid_t pid, int above);

/* The newest of this pid; SEEN_NONE. */
int seen_find(const struct seen *, pid_t pid);

enum seen_when {
    SEEN_ONCE,    /* there will be another look */
    SEEN_LAST,    /* it ends now */
    SEEN_PATIENT, /* wait for up to a second while its dynamic linker is at work */
};

/* Looks at it now. `asked`: as of struct serving_question; NULL: what the process above was asked,
 * or its environment says. */
void seen_look(struct seen *, int number, const char *asked, enum seen_when);

/* Adds the processes of the tree below `root`, and looks at each. False: there is no such process.
 */
bool seen_tree(struct seen *, pid_t root);

void seen_free(struct seen *);

#endif
