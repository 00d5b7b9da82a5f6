/* posix_memalign and reallocarray alone are wrong: small blocks of either are all the same one, and
 * both set errno to zero. No check of what C promises may reject that.
 * caught-by: check
 *   errno.never_zero_posix at never_zero "%s of %zu bytes set errno to 0"
 *   overlap.functions_posix overlap.threads_posix
 *     at release "byte %zu of a live block of %u at %p changed"
 *   overlap.matrix_posix at family "a live block changed" */
#include "family.h"

enum { ALIGNMENT = 8192, ROOM = 64 << 10 };
static unsigned char one[ROOM] __attribute__((aligned(ALIGNMENT)));

static int wrong_posix_memalign(void **block, size_t alignment, size_t size) {
    *block = alignment <= ALIGNMENT && size <= ROOM ? one : memalign(alignment, size);
    errno  = 0;
    return 0;
}

static void *wrong_reallocarray(void *old, size_t count, size_t size) {
    void *block = !old && count * size <= ROOM ? one : sound_reallocarray(old, count, size);
    errno       = 0;
    return block;
}

static void wary_free(void *block) {
    if (block != one)
        free(block);
}

FAULTY_FAMILY(.posix_memalign = wrong_posix_memalign, .reallocarray = wrong_reallocarray,
              .free = wary_free);
