/* free(NULL) frees what was allocated last.
 * caught-by: check zero_size.free_null */
#include "family.h"

static void *last;

static void *noting_malloc(size_t size) {
    return last = malloc(size);
}

static void freeing_free(void *block) {
    void *gone = block ? block : last;
    last       = NULL;
    free(gone);
}

FAULTY_FAMILY(.malloc = noting_malloc, .free = freeing_free);
