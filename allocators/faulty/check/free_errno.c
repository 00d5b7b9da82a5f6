/* free leaves an error of its own in errno.
 * caught-by: check
 *   errno.free at free_preserves "free of a block of %zu bytes set errno to %s"
 *   errno.free_munmap_fails at fail_munmap "free of a block of" */
#include "family.h"

static void loud_free(void *block) {
    free(block);
    errno = EINVAL;
}

FAULTY_FAMILY(.free = loud_free);
