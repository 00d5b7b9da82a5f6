/* Was built against another version of the contract.
 * caught-by: identity */
#include "faulty.h"

static void *old_malloc(size_t size) {
    return malloc(size);
}

const struct allocator allocator = {
    .abi    = ALLOCATOR_ABI + 1,
    .flags  = ALLOCATOR_PLANTED,
    .object = ALLOCATOR_IN_CELL,
    .malloc = old_malloc,
    .free   = faulty_free,
};
