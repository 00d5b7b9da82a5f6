/* realloc copies one byte too few.
 * caught-by: check
 *   realloc.grow_keeps realloc.shrink_keeps at pairs "realloc from %zu to %zu lost byte %zu"
 *   realloc.neighbours at walk "step %zu: realloc from %zu to %zu lost byte %zu"
 *   realloc.of_calloc at of_calloc "realloc of calloc(%zu, 1) to %zu lost bytes"
 *   realloc.of_aligned_alloc realloc.of_posix_memalign realloc.of_memalign
 *     at of_aligned "lost byte"
 *   realloc.array_keeps at array_keeps "reallocarray(p, %zu, %zu) lost byte %zu of %zu"
 *   realloc.huge at grow_huge "realloc from %zu to %zu lost byte %zu" */
#include "family.h"

/* The sizes asked for are not known here: the byte at each power of two goes instead, so that no
 * size is without one. */
static void *losing_realloc(void *old, size_t size) {
    const size_t had     = old ? malloc_usable_size(old) : 0;
    unsigned char *block = realloc(old, size);
    const size_t kept    = had < size ? had : size;
    for (size_t at = 1; block && old && at <= kept; at *= 2)
        block[at - 1] ^= 0xff;
    return block;
}

static void *losing_reallocarray(void *old, size_t count, size_t size) {
    size_t product;
    if (__builtin_mul_overflow(count, size, &product))
        return reallocarray(old, count, size);
    return losing_realloc(old, product);
}

FAULTY_FAMILY(.realloc = losing_realloc, .reallocarray = losing_reallocarray);
