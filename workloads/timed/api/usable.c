/* usable: buffers of 24 bytes to 64 KiB that fill whatever malloc_usable_size says they may. Then
 * they grow by an eighth. So do the strings of redis, Folly's containers, and every std::vector of
 * the future that calls allocate_at_least (C++23).
 *
 * Good: the answer costs a look-up, and the slack of a block is told and so used. Bad: the answer
 * costs a search or a lock, or it is always what was asked for, and the buffer must grow more
 * often.
 *
 * An operation is the life of a buffer. What it appends is the same with every allocator, and so
 * is the digest; how many calls of realloc that takes, is what is measured here. */
#include "places.h"

enum {
    PLACES    = 256,
    WARM_UP   = 2 * PLACES,
    PIECE     = 96, /* bytes that are appended at once, at most */
    MIN_BYTES = 24,
    LEAST     = 1 << 10, /* bytes of the shortest, at the end of its life */
    OCTAVES   = 6,
    MAX_BYTES = 2 * (LEAST << OCTAVES),
};

struct books {
    struct held held[PLACES];
};

/* How many bytes may be used; no more than a buffer ever asks for, for the books have 32 bits. */
STREAM_INLINE uint32_t usable(struct worker *w, const struct held *h) {
    const size_t size = w->allocator->usable_size(h->block);
    return size < MAX_BYTES ? (uint32_t)size : MAX_BYTES;
}

/* Room for `size` bytes, and an eighth to spare. The bytes beyond the old size are not written. */
STREAM_INLINE bool reserve(struct worker *w, struct held *h, uint32_t place, uint32_t size,
                           bool verify) {
    const uint32_t used = h->written, more = size + size / 8;
    return held_take(w, h, place, w->allocator->realloc(h->block, more), more, used, used,
                     "realloc", verify);
}

STREAM_INLINE bool append(struct worker *w, struct step op, bool verify) {
    struct books *b       = w->memory;
    const uint64_t random = step_random(op, 0);
    const uint32_t place  = step_place(op, (uint32_t)(random >> 32), PLACES);
    const uint32_t end    = draw_octaves((uint32_t)random, LEAST, OCTAVES);
    struct held *h        = &b->held[place];
    if (!held_replace(w, h, place, MIN_BYTES, verify))
        return false;
    for (uint32_t piece = 1; h->written < end; piece++) {
        const uint32_t used = h->written;
        const uint32_t next = used + draw_uniform((uint32_t)step_random(op, piece), 1, PIECE);
        if (next > usable(w, h) && !reserve(w, h, place, next, verify))
            return false;
        h->size = h->written = next; /* what the program holds, whatever it has room for */
        held_write(w, h, place, used, verify);
    }
    w->digest += (random | 1) * h->written;
    return true;
}
PLACES_FAMILY(append)

const struct workload workload_usable = {
    .name        = "usable",
    .group       = "api",
    .needs       = NEEDS_REALLOC | NEEDS_USABLE_SIZE,
    .summary     = "texts fill malloc_usable_size, and grow by 1/8 to 1 KiB to 64 KiB; 256 live",
    .stresses    = "the look-up of a block, and slack that is not told",
    .ops         = 20000,
    .quick_ops   = 4000,
    .brief_ops   = 200,
    .live_blocks = PLACES,
    PLACES_MEMBERS,
};
