/* realloc_interleaved: 16 buffers that grow in turn, each by a quarter of its size, from 64 bytes
 * to 2 KiB to 32 KiB. So do the columns of a table that is read row by row, or the buffers of the
 * connections of a server.
 *
 * Good: as with one buffer alone. Bad: only the block that was allocated last can grow where it
 * lies, as on a stack. That is quick with one buffer, and copies at each step with two. Blocks
 * that grow by turns also leave holes behind, into which none of them fits.
 *
 * An operation is the life of the 16: about 400 calls. Each of the 16 before them is
 * freed when the new one in its place is to be made. */
#include "places.h"

enum {
    BUFFERS   = 16,
    PLACES    = 4 * BUFFERS,
    WARM_UP   = 16,
    MIN_BYTES = 64,
    LEAST     = 2 << 10, /* bytes of the shortest, at the end of its life */
    OCTAVES   = 4,
    MAX_BYTES = LEAST << OCTAVES,
};

struct books {
    struct held held[PLACES];
};

/* One turn: each that is not as long as it shall be grows. False: a check failed. */
STREAM_INLINE bool turn(struct worker *w, struct held *h, uint32_t first, const uint32_t *end,
                        bool *growing, bool verify) {
    *growing = false;
    for (uint32_t i = 0; i < BUFFERS; i++) {
        const uint32_t more = h[i].size + h[i].size / 4;
        if (h[i].size == end[i])
            continue;
        *growing = true;
        if (!held_realloc(w, &h[i], first + i, more < end[i] ? more : end[i], verify))
            return false;
    }
    return true;
}

STREAM_INLINE bool grow(struct worker *w, struct step op, bool verify) {
    struct books *b = w->memory;
    const uint32_t first =
        step_place(op, (uint32_t)step_random(op, BUFFERS), PLACES / BUFFERS) * BUFFERS;
    uint32_t end[BUFFERS];
    for (uint32_t i = 0; i < BUFFERS; i++) {
        const uint64_t random = step_random(op, i);
        end[i]                = draw_octaves((uint32_t)random, LEAST, OCTAVES);
        w->digest += (random | 1) * end[i];
        if (!held_replace(w, &b->held[first + i], first + i, MIN_BYTES, verify))
            return false;
    }
    for (bool growing = true; growing;)
        if (!turn(w, &b->held[first], first, end, &growing, verify))
            return false;
    return true;
}
PLACES_FAMILY(grow)

const struct workload workload_realloc_interleaved = {
    .name      = "realloc_interleaved",
    .group     = "api",
    .needs     = NEEDS_REALLOC,
    .summary   = "16 buffers grow in turn by a quarter, 64 B to 2 KiB to 32 KiB; 64 live a thread",
    .stresses  = "growth in place of blocks that were not allocated last",
    .ops       = 8000,
    .quick_ops = 1600,
    .brief_ops = 100,
    .live_blocks = PLACES,
    PLACES_MEMBERS,
};
