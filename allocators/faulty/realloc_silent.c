/* realloc to no bytes frees the block and returns NULL without a word in errno.
 * caught-by: check zero_size.realloc_errno zero_size.reallocarray_errno */
#include "family.h"

static void *silent_realloc(void *old, size_t size) {
    if (size || !old)
        return realloc(old, size);
    free(old);
    return NULL;
}

static void *silent_reallocarray(void *old, size_t count, size_t size) {
    return count && size ? reallocarray(old, count, size) : silent_realloc(old, 0);
}

FAULTY_FAMILY(.realloc = silent_realloc, .reallocarray = silent_reallocarray);
