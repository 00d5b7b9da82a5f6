/* Ends the process when there is no memory.
 * caught-by: check
 *   limits.address_space_small limits.mmap_fails
 *     at check_child "a forked child ended with exit code %d"
 *   limits.address_space_at_start at fail_cleanly "it ended with exit code" */
#include "family.h"

#include <unistd.h>

static void *proud_malloc(size_t size) {
    void *block = malloc(size);
    if (!block)
        _exit(1);
    return block;
}

FAULTY_FAMILY(.malloc = proud_malloc);
