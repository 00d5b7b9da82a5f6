/* posix_memalign that fails leaves a wild pointer.
 * caught-by: check
 *   posix_memalign.failure posix_memalign.untouched at fails_with ") returned"
 *   errno.posix_memalign at posix_memalign_errno ") returned" */
#include "family.h"

static int scribbling_memalign(void **block, size_t alignment, size_t size) {
    const int error = posix_memalign(block, alignment, size);
    if (error)
        *block = (void *)block;
    return error;
}

FAULTY_FAMILY(.posix_memalign = scribbling_memalign);
