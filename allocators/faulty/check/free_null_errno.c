/* free takes NULL for a mistake, and says so in errno.
 * caught-by: check
 *   errno.free at free_preserves "free(NULL) set errno to %s" */
#include "family.h"

static void strict_free(void *block) {
    if (!block)
        errno = EINVAL;
    free(block);
}

FAULTY_FAMILY(.free = strict_free);
