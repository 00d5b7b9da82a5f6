/* calloc_dirty: blocks of 256 B to 16 KiB of zeros, each line of which the program then writes, in
 * random replacement. The memory was used before, so it must be cleared again: objects of a
 * runtime, nodes of a kernel's tables, anything that a program calls calloc for out of habit.
 *
 * Good: a memset of the size that was asked for, in memory that is warm. Bad: fresh pages from the
 * kernel, which are zero, but fault one by one; or a memset of more than was asked for. */
#include "places.h"

enum {
    PLACES    = 512,
    WARM_UP   = 4 * PLACES,
    MIN_BYTES = 256,
    OCTAVES   = 6,
    MAX_BYTES = MIN_BYTES << OCTAVES,
    LINE      = 64,
};

struct books {
    struct held held[PLACES];
};

STREAM_INLINE bool replace_zeroed(struct worker *w, struct step op, bool verify) {
    struct books *b       = w->memory;
    const uint64_t random = step_random(op, 0);
    const uint32_t place  = step_place(op, (uint32_t)(random >> 32), PLACES);
    const uint32_t size   = draw_octaves((uint32_t)random, MIN_BYTES, OCTAVES);
    struct held *h        = &b->held[place];
    if (!held_drop(w, h, place, verify))
        return false;
    unsigned char *block = w->allocator->calloc(1, size);
    if (!held_zero(w, block, size, verify) ||
        !held_take(w, h, place, block, size, size, 0, "calloc", verify))
        return false;
    for (uint32_t at = LINE; !verify && at < size - 1; at += LINE)
        block[at] = held_mark(place);
    w->digest += (random | 1) * size;
    return true;
}
PLACES_FAMILY(replace_zeroed)

const struct workload workload_calloc_dirty = {
    .name        = "calloc_dirty",
    .group       = "api",
    .needs       = NEEDS_CALLOC,
    .summary     = "zeros of 256 B to 16 KiB, octaves alike, every line written; 512 live a thread",
    .stresses    = "clearing what is warm, or page faults for what is fresh",
    .ops         = 800000,
    .quick_ops   = 160000,
    .brief_ops   = 10000,
    .live_blocks = PLACES,
    PLACES_MEMBERS,
};
