/* calloc does not clear what another thread has freed.
 * caught-by: check
 *   history.calloc at looks_right "is not zero" */
#include "elsewhere.h"

static void keeping_free(void *block) {
    if (!elsewhere_keeps(block))
        free(block);
}

static void *dirty_calloc(size_t count, size_t size) {
    size_t product;
    void *block = __builtin_mul_overflow(count, size, &product) ? NULL : elsewhere_takes(product);
    return block ? block : calloc(count, size);
}

FAULTY_FAMILY(.free = keeping_free, .calloc = dirty_calloc);
