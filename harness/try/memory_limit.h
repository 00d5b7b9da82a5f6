/* How much memory a program may have: by a control group, where one can be made, or else by a limit
 * of each process's private memory (RLIMIT_DATA). */
#ifndef SPANBENCH_TRY_MEMORY_LIMIT_H
#define SPANBENCH_TRY_MEMORY_LIMIT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct memory_limit {
    uint64_t bytes;           /* 0: no limit */
    unsigned long long kills; /* that are known */
    char group[PATH_MAX];     /* directory of the control group; "": there is none */
};

/* Makes the control group, if it can. What it holds is limited as a whole, with the pages of files
 * that it reads, and without swap where the kernel counts that. */
void memory_limit_open(struct memory_limit *, uint64_t bytes);

/* In the child, before exec. False: errno says why. */
bool memory_limit_enter(const struct memory_limit *);

/* Another limit for those who enter from now on. False: errno says why. */
bool memory_limit_change(struct memory_limit *, uint64_t bytes);

/* Has a process been killed for it since the last call? Only a control group knows. */
bool memory_limit_killed(struct memory_limit *);

void memory_limit_close(struct memory_limit *);

#endif
