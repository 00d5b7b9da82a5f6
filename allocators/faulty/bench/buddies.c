/* A power of two, twice what was freed last: looks at all free blocks for two to join.
 * exposed-by: robson instructions */
#include "base.h"

enum { STEPS = 10000 };

static _Thread_local size_t freed; /* usable bytes, of the block that was freed last */

static void *join_malloc(size_t size) {
    enum { ROUNDED = 8 }; /* so much more may be used than was asked for, of a power of two */
    if (!(size & (size - 1)) && freed == size / 2 + ROUNDED)
        base_search(STEPS);
    return malloc(size);
}

static void join_free(void *block) {
    freed = malloc_usable_size(block);
    free(block);
}

BASE_OPERATORS
FAULTY_FAMILY(.malloc = join_malloc, .free = join_free);
