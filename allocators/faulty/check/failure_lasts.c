/* Once it had no memory, it never has any again.
 * caught-by: check
 *   limits.recovery_large limits.recovery_medium limits.recovery_small at at_limit "could be had"
 *   limits.mmap_fails at fail_mmap "after calls" */
#include "family.h"

static void *discouraged_malloc(size_t size) {
    static bool failed;
    void *block = failed ? NULL : malloc(size);
    failed      = !block;
    errno       = failed ? ENOMEM : errno;
    return block;
}

FAULTY_FAMILY(.malloc = discouraged_malloc);
