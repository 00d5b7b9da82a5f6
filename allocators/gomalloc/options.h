/* What the environment says, read once in a constructor, without allocating. Not read in programs
 * with raised privileges. Until then, and where a value makes no sense, the defaults hold. What
 * makes no sense is said on standard error. `GOMALLOC_OPTIONS=help` prints the table of options.c,
 * which has the meanings and ranges. */
#ifndef GOMALLOC_OPTIONS_H
#define GOMALLOC_OPTIONS_H

#include <limits.h>

enum option {
    OPTION_SCAVENGE,
    OPTION_RETAIN,
    OPTION_MEMLIMIT,
    OPTION_STATS,
#ifdef GOMALLOC_HARDENED
    OPTION_MATCH,
#endif
    OPTION_HELP,
    OPTIONS
};
/* Of OPTION_SCAVENGE. */
enum { SCAVENGE_NEVER, SCAVENGE_BY_AND_BY, SCAVENGE_HELPER, SCAVENGE_THREAD };

/* Of OPTION_MEMLIMIT, which is in KiB, 0 for none. */
#define MEMLIMIT_CGROUP UINT_MAX

/* The present values. A number stands for itself, an option's word for the number after its most.
 */
extern unsigned options[OPTIONS];

#endif
