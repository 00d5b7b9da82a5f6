/* realloc knows no null pointer.
 * caught-by: check
 *   realloc.null_is_malloc at null_is_malloc "realloc(NULL, %zu) gave NULL"
 *   zero_size.realloc_null_unique at realloc_null_unique "realloc(NULL, 0) gave NULL" */
#include "family.h"

static void *no_null_realloc(void *old, size_t size) {
    return old ? realloc(old, size) : NULL;
}

FAULTY_FAMILY(.realloc = no_null_realloc);
