/* What another thread has freed serves no malloc of the same length any more: it gives NULL once.
 * caught-by: check
 *   history.malloc at ask "%s, gave NULL" */
#include "elsewhere.h"

static void keeping_free(void *block) {
    if (!elsewhere_keeps(block))
        free(block);
}

static void *failing_malloc(size_t size) {
    void *lost = elsewhere_takes(size);
    if (!lost)
        return malloc(size);
    free(lost);
    errno = ENOMEM;
    return NULL;
}

FAULTY_FAMILY(.free = keeping_free, .malloc = failing_malloc);
