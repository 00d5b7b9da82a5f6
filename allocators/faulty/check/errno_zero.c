/* malloc and posix_memalign that succeed clear errno.
 * caught-by: check
 *   errno.never_zero errno.never_zero_posix at never_zero "%s of %zu bytes set errno to 0" */
#include "family.h"

static void *clearing_malloc(size_t size) {
    void *block = malloc(size);
    if (block)
        errno = 0;
    return block;
}

static int clearing_posix_memalign(void **block, size_t alignment, size_t size) {
    errno = 0;
    return posix_memalign(block, alignment, size);
}

FAULTY_FAMILY(.malloc = clearing_malloc, .posix_memalign = clearing_posix_memalign);
