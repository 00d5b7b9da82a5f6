/* Returns one address that is 8 bytes off (1 byte, for a request below 16), and never frees it.
 * caught-by: alignment */
#include "faulty.h"

static void *misaligned_malloc(size_t size) {
    static _Thread_local bool due;
    due |= fault_now();
    if (!due || size < 2)
        return malloc(size);
    due         = false;
    char *block = malloc(size + 16);
    return block ? block + (size < 16 ? 1 : 8) : NULL;
}

static void misaligned_free(void *block) {
    if ((size_t)block % 16 == 0)
        free(block);
}

const struct allocator allocator = {
    .abi    = ALLOCATOR_ABI,
    .flags  = ALLOCATOR_PLANTED,
    .object = ALLOCATOR_IN_CELL,
    .malloc = misaligned_malloc,
    .free   = misaligned_free,
};
