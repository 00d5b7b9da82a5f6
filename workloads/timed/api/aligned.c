/* aligned: blocks for vectors of SIMD, for direct input and output, and for objects that must not
 * share a cache line. They begin at a multiple of 16 to 4096 bytes, the smaller powers of two more
 * often. They are one to four times as large as that.
 *
 * Good: they come from size classes whose slots are aligned, or from the middle of free memory, the
 * rest of which stays usable. Bad: each takes its alignment in bytes more, or whole pages. */
#include "places.h"

enum {
    PLACES    = 4096,
    WARM_UP   = 4 * PLACES,
    LEAST     = 16,
    MOST_LOG2 = 8, /* LEAST << MOST_LOG2 is a page */
    MIN_BYTES = LEAST,
    MAX_BYTES = 4 * LEAST << MOST_LOG2,
};

struct books {
    struct held held[PLACES];
};

/* 0 to MOST_LOG2, the smaller of two draws. */
STREAM_INLINE uint32_t draw_alignment(uint32_t random) {
    const uint32_t one   = draw_uniform(random, 0, MOST_LOG2),
                   other = draw_uniform(random << 16, 0, MOST_LOG2);
    return one < other ? one : other;
}

STREAM_INLINE bool replace_aligned(struct worker *w, struct step op, bool verify) {
    struct books *b          = w->memory;
    const uint64_t random    = step_random(op, 0);
    const uint32_t place     = step_place(op, (uint32_t)(random >> 32), PLACES);
    const uint32_t alignment = LEAST << draw_alignment((uint32_t)random);
    const uint32_t size = alignment + draw_uniform((uint32_t)step_random(op, 1), 0, 3 * alignment);
    struct held *h      = &b->held[place];
    if (!held_drop(w, h, place, verify))
        return false;
    unsigned char *block = w->allocator->aligned_alloc(alignment, size);
    if (!held_take(w, h, place, block, size, size, 0, "aligned_alloc", verify))
        return false;
    if (__builtin_expect((uintptr_t)block % alignment != 0, 0)) {
        block_fail(w, "alignment", "aligned_alloc(%u, %u) returned %p", alignment, size,
                   (void *)block);
        return false;
    }
    w->digest += (random | 1) * size;
    return true;
}
PLACES_FAMILY(replace_aligned)

const struct workload workload_aligned = {
    .name        = "aligned",
    .group       = "api",
    .needs       = NEEDS_ALIGNED_ALLOC,
    .summary     = "16 B to 16 KiB, aligned to 16 to 4096 B; 4096 live blocks a thread",
    .stresses    = "memory around aligned blocks",
    .ops         = 2000000,
    .quick_ops   = 400000,
    .brief_ops   = 20000,
    .live_blocks = PLACES,
    PLACES_MEMBERS,
};
