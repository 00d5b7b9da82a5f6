/* free(NULL) makes what was allocated last available for further allocation.
 * caught-by: check
 *   zero_size.free_null at free_null "after free(NULL), malloc gave" */
#include "family.h"

static void *last, *available;

static void *reusing_malloc(size_t size) {
    void *block = available && malloc_usable_size(available) >= size ? available : malloc(size);
    available   = NULL;
    return last = block;
}

static void offering_free(void *block) {
    if (!block)
        available = last;
    last = block == last ? NULL : last;
    free(block);
}

FAULTY_FAMILY(.malloc = reusing_malloc, .free = offering_free);
