/* Rounds an alignment that is not a power of two up to one, instead of refusing it.
 * caught-by: check
 *   aligned_alloc.invalid_alignment at aligned_invalid "aligned_alloc(%zu, %zu) gave %p"
 *   aligned_alloc.einval at aligned_einval "aligned_alloc(48, 96) gave %p, errno is %s"
 *   posix_memalign.invalid_alignment
 *     at invalid_alignment "posix_memalign(&p, %zu, 100) returned %d and %p" */
#include "family.h"

static size_t power(size_t alignment) {
    size_t up = sizeof(void *);
    while (up < alignment && up < 1 << 20)
        up *= 2;
    return up;
}

static void *lax_aligned_alloc(size_t alignment, size_t size) {
    return aligned_alloc(power(alignment), size);
}

static int lax_posix_memalign(void **block, size_t alignment, size_t size) {
    return posix_memalign(block, power(alignment), size);
}

FAULTY_FAMILY(.aligned_alloc = lax_aligned_alloc, .posix_memalign = lax_posix_memalign);
