/* free leaves an error of its own in errno.
 * caught-by: check errno.free errno.free_munmap_fails */
#include "family.h"

static void loud_free(void *block) {
    free(block);
    errno = EINVAL;
}

FAULTY_FAMILY(.free = loud_free);
