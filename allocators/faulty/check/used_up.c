/* Has a heap of 512 MiB, of which nothing is ever used again, and which then is empty; it gives the
 * pages back, so little is resident.
 * caught-by: check
 *   memory.reuse_malloc memory.reuse_calloc memory.reuse_aligned_alloc memory.reuse_posix_memalign
 *     at use_one "rounds with a free in each" */
#include "family.h"

enum { ROOM = 512 << 20 };

static void *make(size_t alignment, size_t size) {
    static atomic_size_t used; /* relaxed: only the sum counts */
    if (size < ROOM && atomic_fetch_add_explicit(&used, size, memory_order_relaxed) + size <= ROOM)
        return alignment > 1 ? memalign(alignment, size) : malloc(size);
    errno = ENOMEM;
    return NULL;
}

FAULTY_MAKER(make, faulty_free);
