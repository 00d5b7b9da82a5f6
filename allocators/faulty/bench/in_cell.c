/* An allocator that was compiled into the cell, instead of coming from an object file of its own.
 * caught-by: identity */
#include "faulty.h"

static void *in_cell_malloc(size_t size) {
    return malloc(size);
}

const struct allocator allocator = {
    .abi    = ALLOCATOR_ABI,
    .object = ALLOCATOR_IN_CELL,
    .malloc = in_cell_malloc,
    .free   = faulty_free,
};
