/* A large block right after a small one, of less than 128 bytes, takes a slow path.
 * exposed-by: cache instructions */
#include "base.h"

enum { SMALL = 128, LARGE = 8 << 10, STEPS = 50000 };

static _Thread_local bool small; /* the call before was the malloc of a small block */

static void *change_malloc(size_t size) {
    if (small && size > LARGE)
        base_search(STEPS);
    small = size < SMALL;
    return malloc(size);
}

static void change_free(void *block) {
    small = false;
    free(block);
}

BASE_OPERATORS
FAULTY_FAMILY(.malloc = change_malloc, .free = change_free);
