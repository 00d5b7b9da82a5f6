/* calloc trusts its memory to be zero: what comes back from free is not, and its last byte never.
 * caught-by: check calloc.zeroed calloc.zeroed_reuse calloc.zeroed_split
 * calloc.zeroed_after_realloc */
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
