/* Keeps the size in 32 bits, for all that some address space could hold.
 * caught-by: check
 *   errno.malloc errno.realloc errno.aligned_alloc errno.memalign
 *     at right "which is not such an object" */
#include "family.h"

static size_t kept(size_t size) {
    return size >> 47 ? size : (uint32_t)size;
}

static void *short_malloc(size_t size) {
    return malloc(kept(size));
}

static void *short_realloc(void *old, size_t size) {
    return sound_realloc(old, kept(size) + !kept(size));
}

static void *short_memalign(size_t alignment, size_t size) {
    return sound_aligned_alloc(alignment, kept(size));
}

FAULTY_FAMILY(.malloc = short_malloc, .realloc = short_realloc, .aligned_alloc = short_memalign,
              .memalign = short_memalign);
