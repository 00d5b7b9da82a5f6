/* Alignments from 64 up are kept by half only.
 * caught-by: check
 *   alignment.aligned_alloc alignment.posix_memalign alignment.memalign at requested "aligned to"
 *   alignment.huge at huge "posix_memalign(&p, %zu, %zu) gave %p"
 *   aligned_alloc.size_choice at aligned_any_size "aligned_alloc(64, 100) gave %p" */
#include "family.h"

enum { HALVED = 64 };

static void *half_aligned_alloc(size_t alignment, size_t size) {
    char *block = sound_aligned_alloc(alignment, size + alignment);
    return block && alignment >= HALVED ? block + alignment / 2 : block;
}

static int half_posix_memalign(void **block, size_t alignment, size_t size) {
    const int error = posix_memalign(block, alignment, size + alignment);
    if (!error && alignment >= HALVED)
        *block = (char *)*block + alignment / 2;
    return error;
}

FAULTY_FAMILY(.aligned_alloc = half_aligned_alloc, .posix_memalign = half_posix_memalign,
              .memalign = half_aligned_alloc);
