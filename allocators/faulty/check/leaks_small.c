/* Blocks below 1 KiB are never used again.
 * caught-by: check
 *   memory.reuse_malloc at churn_size "rounds of" */
#include "family.h"

static void losing_free(void *block) {
    if (malloc_usable_size(block) >= 1024)
        free(block);
}

FAULTY_FAMILY(.free = losing_free);
