/* Refuses alignments that it must support: below a pointer's, and from a page's on.
 * caught-by: check
 *   aligned_alloc.fundamental at aligned_fundamental "aligned_alloc(%zu, %zu) gave %p"
 *   aligned_alloc.extended at aligned_extended "aligned_alloc(%zu, %zu) gave NULL"
 *   posix_memalign.valid_alignment at succeeds "posix_memalign(&p, %zu, %zu) returned %d and %p"
 *   alignment.huge_given at huge "posix_memalign(&p, %zu, %zu) returned %d" */
#include "family.h"

static void *picky_aligned_alloc(size_t alignment, size_t size) {
    return alignment < sizeof(void *) || alignment >= 4096 ? NULL
                                                           : sound_aligned_alloc(alignment, size);
}

static int picky_posix_memalign(void **block, size_t alignment, size_t size) {
    return alignment >= 4096 ? EINVAL : posix_memalign(block, alignment, size);
}

FAULTY_FAMILY(.aligned_alloc = picky_aligned_alloc, .posix_memalign = picky_posix_memalign);
