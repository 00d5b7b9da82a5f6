/* Takes NULL for a block of the smallest class.
 * caught-by: check
 *   usable_size.null at usable_null "usable_size(NULL) is %zu" */
#include "family.h"

static size_t class_of(void *block) {
    return block ? malloc_usable_size(block) : 16;
}

FAULTY_FAMILY(.usable_size = class_of);
