/* realloc knows the block that it gave out last; any other it looks up in a list.
 * exposed-by: realloc_interleaved instructions */
#include "base.h"

enum { STEPS = 4000 };

static void *search(void *block, size_t size) {
    static _Thread_local void *last;
    if (block && block != last && malloc_usable_size(block) > 256)
        base_search(STEPS);
    return last = realloc(block, size);
}

BASE_OPERATORS
BASE_FAMILY(.realloc = search);
