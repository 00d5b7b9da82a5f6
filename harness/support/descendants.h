/* The processes that this one started, and those that these started: found, counted, ended.
 *
 * This process must be their subreaper (spawn_prepare): what loses its parent, a daemon, comes back
 * to it. Nothing that a program starts can leave the tree. This process's first thread starts them
 * all: no other one's children are looked for. */
#ifndef SPANBENCH_DESCENDANTS_H
#define SPANBENCH_DESCENDANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

/* A program that has more at once forks without end, and is killed. */
enum { DESCENDANTS_MOST = 1000 };

struct descendant {
    pid_t process, parent;
};

/* Lists those that live, parents before their children; also those that have ended and were not
 * waited for. At most `limit`: what is more is left out. Returns how many are listed. */
size_t descendants_list(struct descendant *, size_t limit);

/* The letter of proc(5) for what any process does, as S: it sleeps. X: it has ended. Z: so has its
 * first thread, and maybe no other. */
char descendants_state(pid_t process);

/* Adds what one process used, with what it waited for, to a sum; of ru_maxrss it keeps the most. */
void descendants_add_usage(struct rusage *sum, const struct rusage *one);

/* Kills and reaps all of them, also those that start others meanwhile. Returns how many had to be
 * killed. Adds to `sum` what they used; NULL: nobody wants to know. */
size_t descendants_end(struct rusage *sum);

#endif
