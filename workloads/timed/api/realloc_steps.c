/* realloc_steps: a buffer that grows by 1 to 64 bytes each time, up to 4 KiB to 32 KiB. So does a
 * text that is put together piece by piece, by a program that leaves it to realloc to be clever.
 * (So did getdelim of old C libraries, and so do many programs in C.)
 *
 * Good: nearly every step stays where it is, within the slack of the block or in the free memory
 * behind it. Bad: each step copies all of it, so that the work grows with the square of the length.
 * An operation is the life of a buffer: about 500 calls. */
#include "places.h"

enum {
    PLACES    = 64,
    WARM_UP   = 2 * PLACES,
    STEP      = 64, /* bytes of a piece, at most */
    MIN_BYTES = 16,
    LEAST     = 4 << 10, /* bytes of the shortest, at the end of its life */
    OCTAVES   = 3,
    MAX_BYTES = (LEAST << OCTAVES) + STEP,
};

struct books {
    struct held held[PLACES];
};

STREAM_INLINE bool append(struct worker *w, struct step op, bool verify) {
    struct books *b       = w->memory;
    const uint64_t random = step_random(op, 0);
    const uint32_t place  = step_place(op, (uint32_t)(random >> 32), PLACES);
    const uint32_t end    = draw_octaves((uint32_t)random, LEAST, OCTAVES);
    struct held *h        = &b->held[place];
    uint32_t size         = MIN_BYTES;
    if (!held_replace(w, h, place, size, verify))
        return false;
    for (uint32_t step = 1; size < end; step++) {
        size += draw_uniform((uint32_t)step_random(op, step), 1, STEP);
        if (!held_realloc(w, h, place, size, verify))
            return false;
    }
    w->digest += (random | 1) * size;
    return true;
}
PLACES_FAMILY(append)

const struct workload workload_realloc_steps = {
    .name        = "realloc_steps",
    .group       = "api",
    .needs       = NEEDS_REALLOC,
    .summary     = "texts grow by 1 to 64 B, up to 4 KiB to 32 KiB; 64 live a thread",
    .stresses    = "growth in place: who copies at each step is slow",
    .ops         = 4000,
    .quick_ops   = 800,
    .brief_ops   = 64,
    .live_blocks = PLACES,
    PLACES_MEMBERS,
};
