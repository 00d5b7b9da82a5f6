/* What the kernel knows of the memory of one process, read from outside. All in bytes. */
#ifndef SPANBENCH_TRY_MEMORY_H
#define SPANBENCH_TRY_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Counters: cheap to read, however large the process is. (A kernel may be late by some pages for
 * each CPU.) */
struct memory_counters {
    int64_t rss, high_water, vsz, swap;
    int64_t file; /* of the RSS, what is mapped from files: mostly shared with others */
};

/* What only a walk over all its pages tells: of small pages, it takes 8 to 20 ms for each GiB. */
struct memory_walk {
    int64_t rss;
    int64_t pss; /* each page divided by the number of processes that map it */
    int64_t huge;
};

/* False: it has no memory (any more), or this user may not know. */
bool memory_count(pid_t, struct memory_counters *);
bool memory_walk(pid_t, struct memory_walk *);

/* Do two processes share their memory, as after vfork? */
bool memory_is_shared(pid_t, pid_t);

#endif
