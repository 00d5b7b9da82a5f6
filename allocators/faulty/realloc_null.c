/* realloc knows no null pointer.
 * caught-by: check realloc.null_is_malloc */
#include "family.h"

static void *no_null_realloc(void *old, size_t size) {
    return old ? realloc(old, size) : NULL;
}

FAULTY_FAMILY(.realloc = no_null_realloc);
