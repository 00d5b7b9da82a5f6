/* calloc has no memory, ever.
 * caught-by: check
 *   calloc.zeroed at zeroed_fresh "calloc(1, %zu) gave NULL"
 *   calloc.zeroed_reuse at zeroed_reused "calloc of %zu bytes gave NULL"
 *   calloc.zeroed_split at zeroed_split "calloc(1, %zu) gave NULL"
 *   calloc.zeroed_after_realloc at zeroed_shrunk "realloc or calloc gave NULL"
 *   calloc.product at product_size "calloc(%zu, %zu) gave NULL"
 *   calloc.lazy at lazily "calloc(1, %zu) gave NULL"
 *   realloc.of_calloc at of_calloc "calloc(%zu, 1) gave NULL" */
#include "family.h"

static void *no_calloc(size_t count, size_t size) {
    (void)count;
    (void)size;
    errno = ENOMEM;
    return NULL;
}

FAULTY_FAMILY(.calloc = no_calloc);
