/* realloc copies large blocks into fresh pages, where the kernel could move the old ones.
 * exposed-by: realloc_huge faults */
#include "fresh_pages.h"

enum { LARGE = 1 << 20 };

static void *refault(void *old, size_t size) {
    const size_t has = fresh_usable_size(old);
    if (!old || size < LARGE)
        return realloc(old, size);
    void *block = fresh_malloc(size);
    if (block) {
        memcpy(block, old, has < size ? has : size);
        fresh_free(old);
    }
    return block;
}

BASE_OPERATORS
BASE_FAMILY(.realloc = refault, .free = fresh_free, .usable_size = fresh_usable_size);
