/* realloc and reallocarray of a live block fail without a word in errno; of the null pointer, they
 * are malloc.
 * caught-by: check
 *   errno.realloc errno.reallocarray at right "gave NULL and %s %s"
 *   errno.reallocarray_overflow at array_wraps "errno is" */
#include "family.h"

static void *silent_realloc(void *old, size_t size) {
    const int before = errno;
    void *moved      = sound_realloc(old, size);
    if (old && size && !moved)
        errno = before;
    return moved;
}

static void *silent_reallocarray(void *old, size_t count, size_t size) {
    const int before = errno;
    void *moved      = sound_reallocarray(old, count, size);
    if (old && count && size && !moved)
        errno = before;
    return moved;
}

FAULTY_FAMILY(.realloc = silent_realloc, .reallocarray = silent_reallocarray);
