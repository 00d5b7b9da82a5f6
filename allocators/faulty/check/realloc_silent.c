/* realloc to no bytes frees the block and returns NULL without a word in errno, as glibc's.
 * caught-by: check
 *   zero_size.realloc_errno zero_size.reallocarray_errno
 *     at null_sets_errno "gave NULL and %s %s" */
#include "family.h"

static void *silent_realloc(void *old, size_t size) {
    const int before = errno;
    void *block      = realloc(old, size);
    if (!size)
        errno = before;
    return block;
}

static void *silent_reallocarray(void *old, size_t count, size_t size) {
    const int before = errno;
    void *block      = reallocarray(old, count, size);
    if (!count || !size)
        errno = before;
    return block;
}

FAULTY_FAMILY(.realloc = silent_realloc, .reallocarray = silent_reallocarray);
