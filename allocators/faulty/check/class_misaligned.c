/* Blocks of 48 bytes lie at odd multiples of 8, as in a size class whose first block comes behind a
 * header; they are never freed.
 * caught-by: check
 *   alignment.malloc alignment.calloc alignment.realloc alignment.reallocarray
 *     at all_sizes "%s of %zu bytes gave %p, aligned to %zu of %zu"
 *   alignment.realloc_moved at realloc_moved "realloc(p, %zu) gave %p, aligned to %zu of %zu" */
#include "family.h"

static void *make(size_t alignment, size_t size) {
    if (alignment > 1)
        return memalign(alignment, size);
    if (size < 32 || size > 48)
        return malloc(size);
    char *block = malloc(size + 16);
    return block ? block + 8 : NULL;
}

static void release(void *block) {
    if ((uintptr_t)block % 16 == 0)
        free(block);
}

FAULTY_MAKER(make, release);
