/* malloc that succeeds clears errno.
 * caught-by: check
 *   errno.never_zero at never_zero "%s of %zu bytes set errno to 0" */
#include "family.h"

static void *clearing_malloc(size_t size) {
    void *block = malloc(size);
    if (block)
        errno = 0;
    return block;
}

FAULTY_FAMILY(.malloc = clearing_malloc);
