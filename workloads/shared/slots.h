/* Which functions a check or a misuse needs, as a set of slots of the vtable. */
#ifndef SPANBENCH_SLOTS_H
#define SPANBENCH_SLOTS_H

#include "allocator.h"

/* Slots of the vtable beside malloc and free, which are always there. */
enum {
    NEEDS_CALLOC             = 1u << 0,
    NEEDS_REALLOC            = 1u << 1,
    NEEDS_REALLOCARRAY       = 1u << 2,
    NEEDS_ALIGNED_ALLOC      = 1u << 3,
    NEEDS_POSIX_MEMALIGN     = 1u << 4,
    NEEDS_MEMALIGN           = 1u << 5,
    NEEDS_USABLE_SIZE        = 1u << 6,
    NEEDS_FREE_SIZED         = 1u << 7,
    NEEDS_FREE_ALIGNED_SIZED = 1u << 8,
    NEEDS_PURGE              = 1u << 9,
    NEEDS_COUNT              = 10, /* how many there are */
};

/* The name of a slot by the number of its bit in NEEDS_*, and the first that the allocator does not
 * have; NULL: it has them all. */
const char *slots_name(unsigned bit);
const char *slots_missing(const struct allocator *, unsigned needs);

#endif
