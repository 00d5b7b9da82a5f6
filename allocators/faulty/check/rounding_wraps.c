/* Rounding up to a class wraps around at SIZE_MAX - 100 and its nearest neighbours alone: the guard
 * before it knows the header, and the one behind it the class.
 * caught-by: check
 *   overflow.malloc at overflow_malloc "malloc(%zu) gave %p"
 *   overflow.realloc at overflow_realloc "realloc of %zu bytes to %zu gave %p"
 *   errno.malloc errno.realloc at right "which is not such an object" */
#include "family.h"

enum { FIRST = 111, LAST = 96 };

static size_t rounded(size_t size) {
    return size >= SIZE_MAX - FIRST && size <= SIZE_MAX - LAST ? 16 : size;
}

static void *rounding_malloc(size_t size) {
    return malloc(rounded(size));
}

static void *rounding_realloc(void *old, size_t size) {
    return sound_realloc(old, rounded(size));
}

FAULTY_FAMILY(.malloc = rounding_malloc, .realloc = rounding_realloc);
