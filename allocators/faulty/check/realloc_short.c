/* realloc of small blocks reserves one byte too few. They are never freed.
 * caught-by: check
 *   realloc.grow_keeps at pairs "is another block's, too"
 *   realloc.array_keeps at array_keeps "is another block's, too" */
#include "family.h"

static unsigned char arena[64 << 20];
static size_t used;

static void *short_realloc(void *old, size_t size) {
    if (size > 4096 || used + size > sizeof arena)
        return realloc(old, size);
    unsigned char *block = arena + used;
    const size_t had     = old ? malloc_usable_size(old) : 0;
    used += size - 1;
    return had ? memcpy(block, old, had < size ? had : size) : block;
}

static void *short_reallocarray(void *old, size_t count, size_t size) {
    return short_realloc(old, count * size);
}

static void *arena_malloc(size_t size) {
    if (!used || used + size > sizeof arena)
        return malloc(size);
    used += size;
    return arena + used - size;
}

static void short_free(void *block) {
    if ((unsigned char *)block < arena || (unsigned char *)block >= arena + sizeof arena)
        free(block);
}

FAULTY_FAMILY(.malloc = arena_malloc, .realloc = short_realloc, .reallocarray = short_reallocarray,
              .free = short_free);
