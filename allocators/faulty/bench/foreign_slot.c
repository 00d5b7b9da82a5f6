/* One of its slots is another allocator's function, which would get blocks that it does not know.
 * caught-by: identity */
#include "faulty.h"

static void *own_malloc(size_t size) {
    return malloc(size);
}

const struct allocator allocator = {
    .abi         = ALLOCATOR_ABI,
    .flags       = ALLOCATOR_PLANTED,
    .object      = ALLOCATOR_IN_CELL,
    .malloc      = own_malloc,
    .free        = faulty_free,
    .usable_size = malloc_usable_size,
};
