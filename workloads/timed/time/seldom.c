/* seldom: two million replacements of 17 B to 1 KiB, octaves alike, in a live set that fits into
 * a cache. Nothing is hard about it. It is long enough to show what comes once in a thousand or in
 * a million operations, and adds up. Each slot keeps to one half of one octave, as those of `large`
 * do: so the live set is as large at every seed, and what grows is the allocator's.
 *
 * So a program runs for days. Reorganising on every n-th call is an old idea: see "deferred
 * coalescing" in Wilson et al., "Dynamic storage allocation: a survey and critical review" (1995).
 * A pause of 1 ms in a million operations is a nanosecond of each, and a request that had to wait.
 *
 * Good: the last operation costs what the first one did, and memory is that of the live set. Bad:
 * now and then a call looks through all there is; or memory grows with the operations.
 *
 * A thread must do a million of them: the numbers of operations are for two threads. */
#include "replace.h"

enum { BASE = 16, OCTAVES = 6, SLOTS = 85 * 2 * OCTAVES, ROUNDS = 4 };
enum { MIN_BYTES = BASE + 1, MAX_BYTES = BASE << OCTAVES };

static uint32_t draw(uint32_t random, uint32_t rank) {
    return draw_half_octaves(random, rank, BASE, OCTAVES);
}

static const struct replace load = {.slots = SLOTS, .rounds = ROUNDS, .draw = draw};
REPLACE_WORKLOAD(load)

const struct workload workload_seldom = {
    .name      = "seldom",
    .group     = "time",
    .summary   = "17 B to 1 KiB, octaves alike; 1020 live blocks a thread, two million replaced",
    .stresses  = "what comes once in a million operations; slow leaks",
    .ops       = 8000000,
    .quick_ops = 1 << 21,
    .brief_ops = 1 << 21,
    REPLACE_MEMBERS,
};
