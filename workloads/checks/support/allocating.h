/* The functions that make a block, in one shape, for checks that hold for all of them. */
#ifndef SPANBENCH_ALLOCATING_H
#define SPANBENCH_ALLOCATING_H

#include "check.h"

enum { MAKERS = 7 };

/* Who promises a function: what is wrong with it must fail no check of somebody else. */
enum {
    FROM_C17    = 1u << 0,
    FROM_C23    = 1u << 1,
    FROM_POSIX  = 1u << 2,
    FROM_MANUAL = 1u << 3, /* none of them, but posix_memalign(3) */
};

struct maker {
    const char *name;
    unsigned needs;         /* NEEDS_* */
    unsigned from;          /* the first of FROM_* that has it */
    bool takes_alignment;   /* else the alignment is not looked at */
    size_t least_alignment; /* that may be asked for */
    void *(*make)(const struct allocator *, size_t alignment, size_t size);
};

extern const struct maker makers[MAKERS];

/* Does the allocator have it? */
bool maker_has(const struct maker *, const struct allocator *);

#endif
