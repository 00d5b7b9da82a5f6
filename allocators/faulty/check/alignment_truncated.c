/* Keeps the alignment in 32 bits: 4 GiB and more are none.
 * caught-by: check
 *   overflow.aligned_alloc overflow.posix_memalign overflow.memalign
 *     at far_apart "%s with alignment %zu, size %zu gave %p" */
#include "family.h"

enum { LEAST = 16, KNOWN = 32 };

static size_t kept(size_t alignment) {
    return alignment >> KNOWN ? LEAST : alignment;
}

static void *short_memalign(size_t alignment, size_t size) {
    return sound_aligned_alloc(kept(alignment), size);
}

static int short_posix_memalign(void **block, size_t alignment, size_t size) {
    return sound_posix_memalign(block, kept(alignment), size);
}

FAULTY_FAMILY(.aligned_alloc = short_memalign, .memalign = short_memalign,
              .posix_memalign = short_posix_memalign);
