/* How many bytes of a block are usable takes a search.
 * exposed-by: usable instructions */
#include "base.h"

static size_t search(void *block) {
    base_search(3000);
    return malloc_usable_size(block);
}

BASE_OPERATORS
BASE_FAMILY(.usable_size = search);
