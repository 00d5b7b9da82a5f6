/* Claims to be a library that it is not, as a preload that failed does.
 * caught-by: identity */
#include "faulty.h"

static void *impostor_malloc(size_t size) {
    return malloc(size);
}

const struct allocator allocator = {
    .abi    = ALLOCATOR_ABI,
    .flags  = ALLOCATOR_PLANTED,
    .object = "libmimalloc.so",
    .malloc = impostor_malloc,
    .free   = faulty_free,
};
