/* Aborts the process when there is no memory.
 * caught-by: check
 *   limits.address_space_at_start limits.data_at_start at fail_cleanly "it was killed by" */
#include "family.h"

static void *proud_malloc(size_t size) {
    void *block = malloc(size);
    if (!block)
        abort();
    return block;
}

FAULTY_FAMILY(.malloc = proud_malloc);
