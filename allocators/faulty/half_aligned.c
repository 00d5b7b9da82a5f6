/* Alignments from 256 up are kept by half only.
 * caught-by: check alignment.aligned_alloc alignment.posix_memalign alignment.huge */
#include "family.h"

static void *half_aligned_alloc(size_t alignment, size_t size) {
    char *block = sound_aligned_alloc(alignment, size + alignment);
    return block && alignment >= 256 ? block + alignment / 2 : block;
}

static int half_posix_memalign(void **block, size_t alignment, size_t size) {
    const int error = posix_memalign(block, alignment, size + alignment);
    if (!error && alignment >= 256)
        *block = (char *)*block + alignment / 2;
    return error;
}

FAULTY_FAMILY(.aligned_alloc = half_aligned_alloc, .posix_memalign = half_posix_memalign);
