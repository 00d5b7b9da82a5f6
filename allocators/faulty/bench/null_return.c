/* Has no memory once.
 * caught-by: null */
#include "faulty.h"

static void *null_malloc(size_t size) {
    return fault_now() ? NULL : malloc(size);
}

FAULTY_ALLOCATOR(null_malloc);
