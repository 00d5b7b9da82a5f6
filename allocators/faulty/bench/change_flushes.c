/* Small and large blocks share a cache. It is flushed when the program goes from one to the other.
 * exposed-by: cache instructions */
#include "base.h"

enum { LARGE = 512, STEPS = 2000 };

static void *flush(size_t size) {
    static _Thread_local bool was_large;
    const bool is_large = size > LARGE;
    if (is_large != was_large)
        base_search(STEPS);
    was_large = is_large;
    return malloc(size);
}

BASE_OPERATORS
FAULTY_FAMILY(.malloc = flush);
