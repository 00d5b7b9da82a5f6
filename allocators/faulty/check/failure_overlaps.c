/* Once it had no memory, it gives blocks of one size to two owners each.
 * caught-by: check
 *   limits.address_space_large at at_limit "a block of %zu bytes changed after the limit" */
#include "family.h"

static void *confused_malloc(size_t size) {
    static bool failed, twice;
    static void *previous;
    static size_t previous_size;
    if (failed && !twice && previous && size == previous_size) {
        twice = true;
        return previous;
    }
    void *block   = malloc(size);
    failed        = failed || !block;
    twice         = false;
    previous      = block;
    previous_size = size;
    return block;
}

static void keep(void *block) {
    if (malloc_usable_size(block) > 1 << 16)
        free(block);
}

FAULTY_FAMILY(.malloc = confused_malloc, .free = keep);
