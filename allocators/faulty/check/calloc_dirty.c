/* calloc trusts its memory to be zero: what comes back from free is not, and its last byte never.
 * caught-by: check
 *   calloc.zeroed at zeroed_fresh "calloc(1, %zu): byte %zu is not 0"
 *   calloc.zeroed_reuse at zeroed_reused "is not 0"
 *   calloc.zeroed_split at zeroed_split "step %zu: calloc(1, %zu): byte %zu is not 0"
 *   calloc.zeroed_after_realloc at zeroed_shrunk "calloc(1" */
#include "family.h"

static void *dirty_calloc(size_t count, size_t size) {
    size_t product;
    if (__builtin_mul_overflow(count, size, &product))
        return calloc(count, size);
    char *block = malloc(product);
    if (block && product)
        block[product - 1] |= 1;
    return block;
}

FAULTY_FAMILY(.calloc = dirty_calloc);
