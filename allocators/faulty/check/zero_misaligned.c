/* No bytes with an alignment of 64 are as malloc's: at multiples of 16. All else is right.
 * caught-by: check
 *   zero_size.aligned_alloc zero_size.posix_memalign zero_size.memalign
 *     at hold_empty "with alignment %zu gave %p, aligned to %zu"
 *   history.aligned_alloc history.posix_memalign history.memalign
 *     at looks_right "with alignment %zu, %s, gave %p" */
#include "family.h"

enum { WRONG = 64, OFF = 16, PLACES = 1 << 16 };
static _Alignas(WRONG) char place[PLACES][WRONG];

static void *empty(void) {
    static atomic_size_t next;
    return place[atomic_fetch_add_explicit(&next, 1, memory_order_relaxed) % PLACES] + OFF;
}

static void *wrong_memalign(size_t alignment, size_t size) {
    return alignment == WRONG && !size ? empty() : sound_aligned_alloc(alignment, size);
}

static int wrong_posix_memalign(void **block, size_t alignment, size_t size) {
    if (alignment != WRONG || size)
        return sound_posix_memalign(block, alignment, size);
    *block = empty();
    return 0;
}

static void wary_free(void *block) {
    if ((uintptr_t)block < (uintptr_t)place || (uintptr_t)block >= (uintptr_t)(place + PLACES))
        free(block);
}

FAULTY_FAMILY(.aligned_alloc = wrong_memalign, .memalign = wrong_memalign,
              .posix_memalign = wrong_posix_memalign, .free = wary_free);
