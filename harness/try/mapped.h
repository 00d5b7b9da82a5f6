/* Which library of those mapped by a process serves its malloc: the one that was asked for, if it
 * is there. */
#ifndef SPANBENCH_TRY_MAPPED_H
#define SPANBENCH_TRY_MAPPED_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct mapped {
    char object[PATH_MAX]; /* "": not known */
    char why[256];         /* the library that was asked for does not serve; "": it does */
};

/* `library`: an absolute path; NULL: none was asked for. False: there is no such process. */
bool mapped_find(pid_t, const char *library, struct mapped *);

#endif
