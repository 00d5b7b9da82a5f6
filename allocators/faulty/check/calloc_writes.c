/* calloc writes its zeros, whatever was there.
 * caught-by: check
 *   costs.calloc_untouched at calloc_untouched "are resident after calloc" */
#include "family.h"

static void *writing_calloc(size_t count, size_t size) {
    size_t product;
    if (__builtin_mul_overflow(count, size, &product))
        return calloc(count, size);
    void *block = malloc(product);
    return block ? memset(block, 0, product) : NULL;
}

FAULTY_FAMILY(.calloc = writing_calloc);
