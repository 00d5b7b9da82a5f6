/* memalign alone is wrong: small blocks of it are all the same one, and it sets errno to zero. No
 * check of what a standard promises may reject that.
 * caught-by: check
 *   errno.never_zero_memalign at never_zero "%s of %zu bytes set errno to 0"
 *   overlap.functions_memalign overlap.threads_memalign
 *     at release "byte %zu of a live block of %u at %p changed"
 *   overlap.matrix_others at family "a live block changed" */
#include "family.h"

enum { ALIGNMENT = 8192, ROOM = 64 << 10 };
static unsigned char one[ROOM] __attribute__((aligned(ALIGNMENT)));

static void *wrong_memalign(size_t alignment, size_t size) {
    void *block = alignment <= ALIGNMENT && size <= ROOM ? one : memalign(alignment, size);
    errno       = 0;
    return block;
}

static void wary_free(void *block) {
    if (block != one)
        free(block);
}

FAULTY_FAMILY(.memalign = wrong_memalign, .free = wary_free);
