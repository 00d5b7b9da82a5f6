/* The functions that end a block's life, in one shape, and which blocks each may be given. */
#ifndef SPANBENCH_RELEASING_H
#define SPANBENCH_RELEASING_H

#include "allocating.h"

enum { RELEASERS = 7 };

struct releaser {
    const char *name;
    unsigned needs;  /* NEEDS_* */
    unsigned from;   /* FROM_*, or'ed: who promises the functions that it calls */
    unsigned makers; /* bit n: blocks of makers[n] */
    size_t keeps; /* of a block that it first gives another size: the size in 1/4 of the old; 0 */
    /* False: realloc gave NULL, or lost bytes that contents_fill(…, key) wrote. */
    bool (*release)(const struct releaser *, const struct allocator *, void *block,
                    size_t alignment, size_t size, uint64_t key);
};

extern const struct releaser releasers[RELEASERS];

/* Does the allocator have it, and may it be given blocks of makers[maker]? */
bool releaser_takes(const struct releaser *, const struct allocator *, size_t maker);

#endif
