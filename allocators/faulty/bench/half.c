/* malloc of one object, free of another: a library that replaces half of the family.
 * caught-by: identity */
#include "faulty.h"

static void *half_malloc(size_t size) {
    return malloc(size);
}

const struct allocator allocator = {
    .abi    = ALLOCATOR_ABI,
    .flags  = ALLOCATOR_PLANTED,
    .object = ALLOCATOR_IN_CELL,
    .malloc = half_malloc,
    .free   = free,
};
