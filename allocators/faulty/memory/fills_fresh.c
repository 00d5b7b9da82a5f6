/* The C library's, but each large block is written before anybody asks for it.
 * exposed-by: reserve_touch */
#include "faulty.h"

#include <malloc.h>
#include <string.h>

enum { LARGE = 128 << 10 };

static void *fills_fresh_malloc(size_t size) {
    void *block = malloc(size);
    if (block && size >= LARGE)
        memset(block, 0x5a, size);
    return block;
}

static size_t fills_fresh_usable_size(void *block) {
    return malloc_usable_size(block);
}

static int fills_fresh_purge(size_t pad) {
    return malloc_trim(pad);
}

const struct allocator allocator = {
    .abi         = ALLOCATOR_ABI,
    .flags       = ALLOCATOR_PLANTED,
    .object      = ALLOCATOR_IN_CELL,
    .malloc      = fills_fresh_malloc,
    .free        = faulty_free,
    .usable_size = fills_fresh_usable_size,
    .purge       = fills_fresh_purge,
};
