/* lifetimes: a block lives for 1 to 65,535 operations, each octave of ages as often (Zipf, exponent
 * 1). So most die young, and some outlive many phases. Every 16,384 operations the program changes
 * its mind about sizes: 16 to 256 B, 512 B to 4 KiB, and back. Before that it sleeps for 3 ms.
 *
 * Few programs free at random. That lifetimes are so unequal was seen by Ungar (1984), and for
 * malloc by Barrett and Zorn (1993). That programs have phases, at whose borders fragmentation
 * comes, is from Wilson et al., "Dynamic storage allocation: a survey and critical review" (1995).
 *
 * Good: memory of one phase serves the next, and after a pause work goes on as before. Bad: all is
 * given back in the pause, and each page faults again; or what one size had, no other gets.
 *
 * The pauses are not part of the time. */
#include "places.h"

enum {
    OCTAVES   = 16,
    TURN      = 1 << OCTAVES, /* the oldest age, in operations of the thread */
    PHASE     = 16384,        /* operations, over all threads */
    PLACES    = TURN,
    WARM_UP   = 2 * TURN,
    MIN_BYTES = 16,
    SMALL     = 4, /* octaves, from MIN_BYTES on */
    MEDIUM    = 512,
    MAX_BYTES = 4096, /* MEDIUM and three octaves */
    PAUSE_MS  = 3,
};

/* Place p of a wheel holds what was born p operations ago modulo TURN. `dies` has a list for each
 * operation of the turn: the number of its first place and 1. `next` goes on likewise; 0 ends it.
 */
struct books {
    struct held held[PLACES];
    uint32_t dies[TURN], next[PLACES];
    uint64_t now; /* operations of this thread so far */
};

STREAM_INLINE bool bury(struct worker *w, struct books *b, bool verify) {
    const uint32_t today = (uint32_t)(b->now % TURN);
    for (uint32_t each = b->dies[today]; each; each = b->next[each - 1])
        if (!held_drop(w, &b->held[each - 1], each - 1, verify))
            return false;
    b->dies[today] = 0;
    return true;
}

STREAM_INLINE bool live(struct worker *w, struct step op, bool verify) {
    struct books *b       = w->memory;
    const uint64_t random = step_random(op, 0);
    const uint32_t age    = draw_octaves((uint32_t)(random >> 32), 1, OCTAVES) - 1;
    const uint32_t size   = op.number / PHASE % 2 ? draw_octaves((uint32_t)random, MEDIUM, 3)
                                                  : draw_octaves((uint32_t)random, MIN_BYTES, SMALL);
    const uint32_t place = (uint32_t)(b->now % TURN), end = (uint32_t)((b->now + age) % TURN);
    if (!verify && op.number % PHASE == PHASE - 1)
        worker_rest(w, PAUSE_MS);
    if (!bury(w, b, verify) || !held_malloc(w, &b->held[place], place, size, verify))
        return false;
    b->next[place] = b->dies[end];
    b->dies[end]   = place + 1;
    b->now++;
    w->digest += (random | 1) * size;
    return true;
}
PLACES_FAMILY(live)

const struct workload workload_lifetimes = {
    .name     = "lifetimes",
    .group    = "time",
    .summary  = "ages of 1 to 65535 operations, octaves alike; two phases of sizes, pauses between",
    .stresses = "reuse at changes of phase, and after pauses",
    .ops      = 2000000,
    .quick_ops   = 400000,
    .brief_ops   = 20000,
    .live_blocks = 0,
    PLACES_MEMBERS,
};
