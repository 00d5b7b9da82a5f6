/* Refuses alignments that it must support: below a pointer's, and from a page's on.
 * caught-by: check aligned_alloc.fundamental posix_memalign.valid_alignment */
#include "family.h"

static void *picky_aligned_alloc(size_t alignment, size_t size) {
    return alignment < sizeof(void *) ? NULL : sound_aligned_alloc(alignment, size);
}

static int picky_posix_memalign(void **block, size_t alignment, size_t size) {
    return alignment >= 4096 ? EINVAL : posix_memalign(block, alignment, size);
}

FAULTY_FAMILY(.aligned_alloc = picky_aligned_alloc, .posix_memalign = picky_posix_memalign);
