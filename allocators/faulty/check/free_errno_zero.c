/* free sets errno to zero.
 * caught-by: check
 *   errno.never_zero at never_zero "free after %s set errno to 0"
 *   errno.free at free_preserves "free of a block of %zu bytes set errno to %s" */
#include "family.h"

static void zeroing_free(void *block) {
    free(block);
    errno = 0;
}

FAULTY_FAMILY(.free = zeroing_free);
