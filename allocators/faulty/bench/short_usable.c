/* Says of a block that fewer bytes may be used than were asked for.
 * caught-by: usable-size */
#include "faulty.h"

static void *short_malloc(size_t size) {
    return malloc(size);
}

static size_t short_usable_size(void *block) {
    return fault_now() ? 0 : malloc_usable_size(block);
}

const struct allocator allocator = {
    .abi         = ALLOCATOR_ABI,
    .flags       = ALLOCATOR_PLANTED,
    .object      = ALLOCATOR_IN_CELL,
    .malloc      = short_malloc,
    .free        = faulty_free,
    .usable_size = short_usable_size,
};
