/* calloc_fresh: zeros of 4 to 32 KiB, of which the program writes one byte a page, and which it
 * keeps: tables that are set up when a program starts. Nothing is freed, so all memory is fresh
 * from the kernel, and zero already.
 *
 * Good: the allocator knows that it is, and does not clear it. Bad: it clears it all the same, and
 * takes the lines of the whole block through the caches.
 *
 * A thread has 4096 places, about 55 MiB. It begins again from the first when all are taken: more
 * than 4096 operations a thread are not fresh any more. */
#include "places.h"

enum {
    PLACES    = 4096,
    WARM_UP   = 0,
    MIN_BYTES = 4 << 10,
    OCTAVES   = 3,
    MAX_BYTES = MIN_BYTES << OCTAVES,
};

struct books {
    struct held held[PLACES];
};

STREAM_INLINE bool set_up(struct worker *w, struct step op, bool verify) {
    struct books *b       = w->memory;
    const uint64_t random = step_random(op, 0);
    const uint32_t place  = (uint32_t)(op.number - w->first_op) % PLACES;
    const uint32_t size   = draw_octaves((uint32_t)random, MIN_BYTES, OCTAVES);
    struct held *h        = &b->held[place];
    if (!held_drop(w, h, place, verify))
        return false;
    unsigned char *block = w->allocator->calloc(1, size);
    if (!held_zero(w, block, size, verify) ||
        !held_take(w, h, place, block, size, size, 0, "calloc", verify))
        return false;
    w->digest += (random | 1) * size;
    return true;
}
PLACES_FAMILY(set_up)

const struct workload workload_calloc_fresh = {
    .name        = "calloc_fresh",
    .group       = "api",
    .needs       = NEEDS_CALLOC,
    .summary     = "zeros of 4 to 32 KiB, one byte a page written, nothing freed; up to 4096 live",
    .stresses    = "clearing what is zero already",
    .ops         = PLACES,
    .quick_ops   = PLACES,
    .brief_ops   = 1024,
    .live_blocks = 0,
    PLACES_MEMBERS,
};
