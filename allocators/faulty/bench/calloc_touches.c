/* calloc clears large blocks by hand, so that each page of them becomes resident.
 * exposed-by: calloc_sparse resident */
#include "base.h"

static void *touch(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes < BASE_MMAP_THRESHOLD)
        return calloc(count, size);
    void *block = malloc(bytes);
    return block ? memset(block, 0, bytes) : NULL;
}

BASE_OPERATORS
BASE_FAMILY(.calloc = touch);
