/* realloc_geometric: a buffer that grows by half of its size each time, from 16 bytes to 1 KiB to
 * 256 KiB, and is kept for a while. So do vectors and string builders: of n bytes that they hold in
 * the end, 2.5 n are moved on average, and 3 n at most. Folly's fbvector and Microsoft's
 * std::vector grow by half, so that the blocks given up may together hold the next one; GNU's
 * doubles.
 *
 * Good: a step costs a block of the next size class and one copy of what is in use, or the block
 * grows where it lies. Bad: more is copied than that, or a block passes through each class on its
 * way. An operation is the life of a buffer: 12 to 25 calls. */
#include "places.h"

enum {
    PLACES    = 64,
    WARM_UP   = 2 * PLACES,
    MIN_BYTES = 16,
    LEAST     = 1 << 10, /* bytes of the shortest, at the end of its life */
    OCTAVES   = 8,
    MAX_BYTES = LEAST << OCTAVES,
};

struct books {
    struct held held[PLACES];
};

STREAM_INLINE bool grow(struct worker *w, struct step op, bool verify) {
    struct books *b       = w->memory;
    const uint64_t random = step_random(op, 0);
    const uint32_t place  = step_place(op, (uint32_t)(random >> 32), PLACES);
    const uint32_t end    = draw_octaves((uint32_t)random, LEAST, OCTAVES);
    w->digest += (random | 1) * end;
    return held_grow(w, &b->held[place], place, MIN_BYTES, end, 2, verify);
}
PLACES_FAMILY(grow)

const struct workload workload_realloc_geometric = {
    .name        = "realloc_geometric",
    .group       = "api",
    .needs       = NEEDS_REALLOC,
    .summary     = "buffers grow by half, from 16 B to 1 KiB to 256 KiB; 64 live a thread",
    .stresses    = "copies, and size classes that are passed through",
    .ops         = 40000,
    .quick_ops   = 8000,
    .brief_ops   = 1000,
    .live_blocks = PLACES,
    PLACES_MEMBERS,
};
