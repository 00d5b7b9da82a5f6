/* A thread keeps 64 free blocks. Others go through a slow path.
 * exposed-by: collector instructions */
#include "base.h"

enum { KEPT = 64, STEPS = 1000 };

static _Thread_local int kept;

static void *cache_malloc(size_t size) {
    if (kept == 0)
        base_search(STEPS);
    else
        kept--;
    return malloc(size);
}

static void cache_free(void *block) {
    if (kept == KEPT)
        base_search(STEPS);
    else
        kept++;
    free(block);
}

BASE_OPERATORS
FAULTY_FAMILY(.malloc = cache_malloc, .free = cache_free);
