/* What the environment says, read once in a constructor, without allocating. Not read in programs
 * with raised privileges. Until then, and where a value makes no sense, the defaults hold.
 *
 *   GOMALLOC_SCAVENGE  0: free memory goes back on gom_trim only. 1 (default): also by and by, on
 * the slow paths of threads that free. thread: by a background thread as well. GOMALLOC_RETAIN per
 * cent of the recent peak that stays resident on top of it (default 10) GOMALLOC_STATS     1:
 * gom_dump to standard error when the program ends */
#ifndef GOMALLOC_OPTIONS_H
#define GOMALLOC_OPTIONS_H

#include <stdbool.h>

struct options {
    bool scavenge;
    bool scavenge_thread;
    unsigned retain_percent;
    bool stats;
};

extern struct options options;

#endif
