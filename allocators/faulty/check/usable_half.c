/* Says that half of a block may be used.
 * caught-by: check
 *   usable_size.enough at usable_enough "of %s of %zu bytes, %zu are usable" */
#include "family.h"

static size_t half(void *block) {
    return malloc_usable_size(block) / 2;
}

FAULTY_FAMILY(.usable_size = half);
