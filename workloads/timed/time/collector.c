/* collector: a program that frees nothing until its collector runs, and then frees thousands of
 * blocks one after the other. Each block of 16 to 512 B
 * is dead with a probability of 3/4 when the sweep comes by, every 16,384 allocations.
 *
 * So does every runtime with a mark-and-sweep collector over malloc (Boehm's, old Lua's and
 * Ruby's), and every program that clears a large container.
 *
 * Good: a burst of frees costs as much for each block as a single one, and what it left free serves
 * the allocations after it. Bad: caches that hold few blocks overflow at each free, and run empty
 * at each allocation.
 *
 * An operation is one allocation; the sweeps are part of the time. */
#include "places.h"

enum {
    BURST     = 16384,
    PLACES    = 4 * BURST, /* on average a third of a burst survives */
    WARM_UP   = 4 * BURST,
    MIN_BYTES = 16,
    OCTAVES   = 5,
    MAX_BYTES = MIN_BYTES << OCTAVES,
};

/* Places 0 to blocks - 1 are taken. None from `end` on ever was since the last sweep. */
struct books {
    struct held held[PLACES];
    uint32_t blocks, end, allocated; /* the last one since the last sweep */
};

/* The survivors keep their places, and what comes next fills the free places between them. So
 * blocks are freed in the order of places, which is that of age for those of one burst alone. */
STREAM_INLINE bool sweep(struct worker *w, struct books *b, struct step op, bool verify) {
    uint32_t end = 0; /* behind the last survivor */
    for (uint32_t place = 0; place < b->end; place++) {
        if (b->held[place].block && stream_random(op.key ^ op.number, place) % 4 &&
            !held_drop(w, &b->held[place], place, verify))
            return false;
        end = b->held[place].block ? place + 1 : end;
    }
    b->allocated = b->blocks = 0;
    b->end                   = end;
    return true;
}

STREAM_INLINE bool allocate(struct worker *w, struct step op, bool verify) {
    struct books *b       = w->memory;
    const uint64_t random = step_random(op, 0);
    const uint32_t size   = draw_octaves((uint32_t)random, MIN_BYTES, OCTAVES);
    if (b->allocated == BURST && !sweep(w, b, op, verify))
        return false;
    b->allocated++;
    while (b->held[b->blocks].block)
        b->blocks++;
    w->digest += (random | 1) * size;
    b->end = b->blocks < b->end ? b->end : b->blocks + 1;
    return held_malloc(w, &b->held[b->blocks], b->blocks, size, verify);
}
PLACES_FAMILY(allocate)

const struct workload workload_collector = {
    .name        = "collector",
    .group       = "time",
    .summary     = "16 to 512 B; every 16384 allocations a sweep frees three of four blocks",
    .stresses    = "bursts of frees, then bursts of allocations",
    .ops         = 4000000,
    .quick_ops   = 800000,
    .brief_ops   = 40000,
    .live_blocks = 0,
    PLACES_MEMBERS,
};
