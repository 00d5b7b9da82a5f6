/* Once it had no memory, it never has any again.
 * caught-by: check
 *   limits.data at at_limit "blocks of"
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
