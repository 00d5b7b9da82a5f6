/* drift: a service whose requests become larger by the hour. Eight epochs, each with blocks of
 * twice the size, from 16 to 64 B up to 2 to 8 KiB. In each epoch the thread allocates twice what
 * it holds, 8 MiB, and frees random blocks. So 14 % of the old ones (e^-2) are left when the next
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

/* Places 0 to blocks - 1 are taken. Blocks move between places, so what is written into one is of a
 * name that goes with it. No two places have the same. */
struct books {
    struct held held[PLACES];
    uint32_t name[PLACES];
    uint32_t blocks, bytes;
};

static void name_places(struct books *b) {
    for (uint32_t place = 0; place < PLACES; place++)
        b->name[place] = place;
}

/* Frees a random block; the last takes its place. Its contents stay: they are of its name. */
STREAM_INLINE bool drop_random(struct worker *w, struct books *b, uint32_t random, bool verify) {
    const uint32_t place = draw_uniform(random, 0, b->blocks - 1), last = --b->blocks;
    b->bytes -= b->held[place].size;
    if (!held_drop(w, &b->held[place], b->name[place], verify))
        return false;
    const uint32_t freed = b->name[place];
    b->held[place]       = b->held[last];
    b->name[place]       = b->name[last];
    b->name[last]        = freed;
    if (place != last)
        b->held[last].block = NULL;
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
        if (!held_malloc(w, &b->held[b->blocks], b->name[b->blocks], size, verify))
            return false;
        b->blocks++;
        b->bytes += size;
        bytes += size;
        w->digest += (random | 1) * size;
    }
    return true;
}

static void warm_up(struct worker *w, bool verify_it) {
    name_places(w->memory);
    places_warm_up(w, WARM_UP, batch, verify_it);
}

static void run(struct worker *w) {
    places_run(w, batch, false);
}

static void verify(struct worker *w) {
    places_run(w, batch, true);
}

static void inspect(struct worker *w, bool verified) {
    const struct books *b = w->memory;
    for (uint32_t place = 0; place < b->blocks; place++)
        held_inspect(w, &b->held[place], b->name[place], verified);
}

PLACES_DRAIN

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
