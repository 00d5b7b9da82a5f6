/* footprint: fill, free seven of eight at random, refill a tenth, purge, do nothing, work a little.
 *
 * Stresses: when freed memory goes back, and what it takes: a purge, time, or more calls.
 * Origin: the phases of servers between peaks; "Mesh" (Powers and others, PLDI 2019) has such a
 * cycle.
 * Good: `refilled` lies near what is held, or `purged` does, and the rest stays there.
 * Bad: all are as high as `full`. What can go back depends on how few blocks share a page. So
 * compare allocators, and do not judge by one number alone. */
#include "held.h"

enum {
    MIN_BYTES = 17,
    BASE      = 16,
    OCTAVES   = 9,
    MAX_BYTES = BASE << OCTAVES, /* 8 KiB */
    KEEP_ONE  = 8,               /* in so many */
    REFILL    = 10,              /* a tenth */
    TRAFFIC   = 4,               /* a quarter as many replacements as blocks */
    IDLE_MS   = 100,
};

enum step { FILL, FREE, REFILL_STEP, PLACE };

static uint32_t size_of(const struct worker *w, uint64_t i, enum step step) {
    /* Small ones are more frequent: the smaller of two draws. */
    const uint64_t random = held_random(w, i, step);
    const uint32_t a = (uint32_t)random, b = (uint32_t)(random >> 32);
    return draw_octaves(a < b ? a : b, BASE, OCTAVES);
}

static void replace(struct worker *w, bool verify) {
    struct held_books *b = w->memory;
    for (uint64_t i = 0; b->count && i < w->ops / TRAFFIC && held_good(w); i++) {
        const uint32_t entry = (uint32_t)(held_random(w, i, PLACE) % b->count);
        if (!b->of[entry].block)
            continue;
        const uint32_t size = b->of[entry].size;
        held_free(w, entry, verify);
        if (held_good(w))
            held_fill(w, entry, size, verify);
    }
}

static void go(struct worker *w, bool verify) {
    const struct held_books *b = w->memory;
    for (uint64_t i = 0; i < w->ops && held_good(w); i++)
        held_add(w, size_of(w, i, FILL), verify);
    held_note(w, "full");
    for (uint32_t i = 0; i < b->count && held_good(w); i++)
        if (held_random(w, i, FREE) % KEEP_ONE)
            held_free(w, i, verify);
    held_note(w, "freed");
    for (uint64_t i = 0; i < w->ops / REFILL && held_good(w); i++)
        held_add(w, size_of(w, i, REFILL_STEP), verify);
    held_note(w, "refilled");
    worker_instant(
        w, (struct workload_instant){.name = "purged", .held_bytes = b->bytes, .purge = true});
    worker_instant(
        w, (struct workload_instant){.name = "idle", .held_bytes = b->bytes, .rest_ms = IDLE_MS});
    replace(w, verify);
    held_note(w, "traffic");
}

FAMILY_RUNS(go)

const struct workload workload_footprint = {
    HELD_MEMBERS,
    .name      = "footprint",
    .summary   = "17 B to 8 KiB: fill, free 7 of 8 at random, refill 10 %, purge, idle, traffic",
    .stresses  = "what goes back to the system, when, and what it takes",
    .ops       = 100000,
    .quick_ops = 40000,
    .brief_ops = 8000,
    .min_bytes = MIN_BYTES,
    .max_bytes = MAX_BYTES,
};
