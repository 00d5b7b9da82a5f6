/* realloc_huge: a buffer that grows by a quarter each time, from 1 MiB to 8 MiB to 64 MiB. Every
 * page of it is written. Such are a log, an image or a graph that is read into memory.
 *
 * Good: the kernel moves the pages, not the allocator the bytes (mremap), or the block grows into
 * addresses that are free; each page faults once. Bad: each step copies all into fresh memory, so
 * that each page faults again and again, and for a moment the buffer is there twice.
 *
 * An operation is the life of a buffer: 10 to 19 calls. */
#include "places.h"

enum {
    PLACES    = 2,
    WARM_UP   = 2,
    MIN_BYTES = 1 << 20,
    LEAST     = 8 << 20, /* bytes of the shortest, at the end of its life */
    OCTAVES   = 3,
    MAX_BYTES = LEAST << OCTAVES,
};

struct books {
    struct held held[PLACES];
};

STREAM_INLINE bool grow(struct worker *w, struct step op, bool verify) {
    struct books *b       = w->memory;
    const uint64_t random = step_random(op, 0);
    const uint32_t place  = (uint32_t)op.number % PLACES;
    const uint32_t end    = draw_octaves((uint32_t)random, LEAST, OCTAVES);
    w->digest += (random | 1) * end;
    return held_grow(w, &b->held[place], place, MIN_BYTES, end, 4, verify);
}
PLACES_FAMILY(grow)

const struct workload workload_realloc_huge = {
    .name      = "realloc_huge",
    .group     = "api",
    .needs     = NEEDS_REALLOC,
    .summary   = "a buffer grows by a quarter, 1 MiB to 8 MiB to 64 MiB, written; 2 live a thread",
    .stresses  = "page faults: the kernel can move pages, copies need fresh ones",
    .ops       = 32,
    .quick_ops = 8,
    .brief_ops = 2,
    .live_blocks = PLACES,
    PLACES_MEMBERS,
};
