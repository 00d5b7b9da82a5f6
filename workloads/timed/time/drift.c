/* drift: a service whose requests become larger by the hour. Eight epochs, each with blocks of
 * twice the size, from 16 to 64 B up to 2 to 8 KiB. In each epoch the thread allocates twice what
 * it holds, 8 MiB, and frees random blocks, so that a tenth of the old ones is left when the next
 * begins. Then it starts over with the small ones.
 *
 * Memory that old blocks keep from being used otherwise is the fragmentation which a benchmark of
 * one steady mix never shows, and which a server shows after days.
 *
 * Good: pages of which all blocks are free serve every size, so that the peak stays near 8 MiB.
 * Bad: what once was of one size remains so, and each epoch brings memory of its own.
 *
 * An operation allocates 64 KiB in blocks of the epoch's sizes. */
#include "places.h"

enum {
    BUDGET    = 8 << 20,
    BATCH     = 64 << 10, /* bytes of an operation */
    EPOCH     = 2 * BUDGET / BATCH,
    EPOCHS    = 8,
    MIN_BYTES = 16,
    OCTAVES   = 2, /* of an epoch's sizes */
    MAX_BYTES = MIN_BYTES << (EPOCHS - 1 + OCTAVES),
    PLACES    = BUDGET / MIN_BYTES,
    WARM_UP   = EPOCH,
};

/* Places 0 to blocks - 1 are taken. */
struct books {
    struct held held[PLACES];
    uint32_t blocks, bytes;
};

/* Frees a random block; the last takes its place, and its mark. */
STREAM_INLINE bool drop_random(struct worker *w, struct books *b, uint32_t random, bool verify) {
    const uint32_t place = draw_uniform(random, 0, b->blocks - 1), last = --b->blocks;
    b->bytes -= b->held[place].size;
    if (!held_drop(w, &b->held[place], place, verify))
        return false;
    if (place == last)
        return true;
    if (verify && !held_intact(w, &b->held[last], last, b->held[last].written))
        return false;
    b->held[place]      = b->held[last];
    b->held[last].block = NULL;
    held_write(w, &b->held[place], place, 0, verify);
    return true;
}

STREAM_INLINE bool batch(struct worker *w, struct step op, bool verify) {
    struct books *b      = w->memory;
    const uint32_t least = MIN_BYTES << op.number / EPOCH % EPOCHS;
    uint32_t bytes       = 0;
    for (uint32_t nth = 0; bytes < BATCH; nth++) {
        const uint64_t random = step_random(op, nth);
        const uint32_t size   = draw_octaves((uint32_t)random, least, OCTAVES);
        for (uint32_t free = 1; b->bytes + size > BUDGET; free++)
            if (!drop_random(w, b, (uint32_t)(step_random(op, nth + (free << 13)) >> 32), verify))
                return false;
        if (!held_malloc(w, &b->held[b->blocks], b->blocks, size, verify))
            return false;
        b->blocks++;
        b->bytes += size;
        bytes += size;
        w->digest += (random | 1) * size;
    }
    return true;
}
PLACES_FAMILY(batch)

const struct workload workload_drift = {
    .name      = "drift",
    .group     = "time",
    .summary   = "8 epochs, sizes double from one to the next, 16 B to 8 KiB; 8 MiB live a thread",
    .stresses  = "memory that one size keeps from the others",
    .ops       = 4 * EPOCH * EPOCHS,
    .quick_ops = EPOCH * EPOCHS,
    .brief_ops = EPOCH / 2,
    .live_blocks = 0,
    PLACES_MEMBERS,
};
