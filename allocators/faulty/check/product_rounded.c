/* Looks for the overflow of a product in floating point, where a little above 2^64 is 2^64.
 * caught-by: check
 *   overflow.calloc at overflow_calloc "calloc(%zu, %zu) gave %p"
 *   overflow.reallocarray at overflow_reallocarray "reallocarray(p, %zu, %zu) gave %p"
 *   errno.calloc_overflow at calloc_wraps "errno is"
 *   errno.reallocarray_overflow at array_wraps "errno is" */
#include "family.h"

static bool overflows(size_t count, size_t size) {
    return (double)count * (double)size > (double)SIZE_MAX;
}

static void *no_memory(void) {
    errno = ENOMEM;
    return NULL;
}

static void *rounding_calloc(size_t count, size_t size) {
    return overflows(count, size) ? no_memory() : calloc(1, count * size);
}

static void *rounding_reallocarray(void *old, size_t count, size_t size) {
    const size_t product = count * size;
    if (overflows(count, size))
        return no_memory();
    return sound_reallocarray(old, product ? product : 1, 1); /* of 0 it would free the block */
}

FAULTY_FAMILY(.calloc = rounding_calloc, .reallocarray = rounding_reallocarray);
