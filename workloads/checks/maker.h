/* The functions that make a block, in one shape, for checks that hold for all of them. */
#ifndef SPANBENCH_MAKER_H
#define SPANBENCH_MAKER_H

#include "check.h"

enum { MAKERS = 7 };

struct maker {
    const char *name;
    unsigned needs;         /* NEEDS_* */
    bool takes_alignment;   /* else the alignment is not looked at */
    size_t least_alignment; /* that may be asked for */
    void *(*make)(const struct allocator *, size_t alignment, size_t size);
};

extern const struct maker makers[MAKERS];

/* Does the allocator have it? */
bool maker_has(const struct maker *, const struct allocator *);

#endif
