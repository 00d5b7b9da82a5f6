/* From its 200th call on, the usable size is another one.
 * caught-by: check
 *   usable_size.own at usable_own "and became" */
#include "family.h"

static size_t varying(void *block) {
    static unsigned calls;
    const size_t usable = malloc_usable_size(block);
    return usable && ++calls > 200 ? usable - 1 : usable;
}

FAULTY_FAMILY(.usable_size = varying);
