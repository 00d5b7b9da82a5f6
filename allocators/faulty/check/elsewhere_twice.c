/* What another thread has freed is given twice.
 * caught-by: check
 *   history.malloc at is_apart "is another live block's, too" */
#include "elsewhere.h"

static void *again;

static void keeping_free(void *block) {
    if (!elsewhere_keeps(block) && block != again)
        free(block);
}

static void *twice(size_t size) {
    void *block = again && malloc_usable_size(again) >= size ? again : NULL;
    again       = NULL;
    if (block)
        return block;
    again = elsewhere_takes(size);
    return again ? again : malloc(size);
}

FAULTY_FAMILY(.free = keeping_free, .malloc = twice);
