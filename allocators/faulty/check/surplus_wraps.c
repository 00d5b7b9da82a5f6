/* To find a place with an alignment of 32 KiB, it adds the alignment, and does not look at the
 * carry. Other alignments are right.
 * caught-by: check
 *   overflow.aligned_alloc at ask_aligned_alloc "aligned_alloc(%zu, %zu) gave %p"
 *   overflow.posix_memalign at ask_posix_memalign "posix_memalign(&p, %zu, %zu) returned"
 *   overflow.memalign at ask_memalign "memalign(%zu, %zu) gave %p"
 *   errno.aligned_alloc errno.memalign at right "which is not such an object" */
#include "family.h"

enum { WRONG = 32 << 10 };

static size_t with_surplus(size_t alignment, size_t size) {
    return alignment == WRONG && size + alignment < size ? size + alignment : size;
}

static void *adding_memalign(size_t alignment, size_t size) {
    return sound_aligned_alloc(alignment, with_surplus(alignment, size));
}

static int adding_posix_memalign(void **block, size_t alignment, size_t size) {
    return sound_posix_memalign(block, alignment, with_surplus(alignment, size));
}

FAULTY_FAMILY(.aligned_alloc = adding_memalign, .memalign = adding_memalign,
              .posix_memalign = adding_posix_memalign);
