/* large: requests over 32 KiB up to 4 MiB, each octave equally often and each size within it. The
 * mean is 871 KiB, and every 4 KiB page is written once. What an allocator asks of the
 * operating system decides here.
 *
 * Each slot keeps to one half of one octave, whichever the seed gives it, and every half octave has
 * as many slots. So an operation frees a block of some size and asks for one that may be up to half
 * as large again, or a third smaller. The live set of a thread is 47.6 MiB on average. Its standard
 * deviation, from seed to seed and over a run, is 2 % of that. If each request were drawn from all
 * sizes, it would be 16 %, and the seed would decide who is first. */
#include "replace.h"

enum {
    OCTAVES   = 7, /* 32 KiB << 7 is 4 MiB */
    HALVES    = 2 * OCTAVES,
    SLOTS     = 4 * HALVES, /* of each thread */
    ROUNDS    = 8,          /* from here on, page faults per operation fall no more */
    MIN_BYTES = (32 << 10) + 1,
    MAX_BYTES = 4 << 20,
};

_Static_assert((MIN_BYTES - 1) << OCTAVES == MAX_BYTES, "whole octaves");

static uint32_t draw(uint32_t random, uint32_t rank) {
    return draw_half_octaves(random, rank, MIN_BYTES - 1, OCTAVES);
}

static const struct replace load = {.slots = SLOTS, .rounds = ROUNDS, .draw = draw};
REPLACE_WORKLOAD(load)

const struct workload workload_large = {
    .name      = "large",
    .group     = WORKLOAD_CORE,
    .stresses  = "what is asked of the operating system",
    .summary   = "over 32 KiB to 4 MiB, octaves alike, every page written; 56 live blocks a thread",
    .ops       = 2000,
    .quick_ops = 500,
    .brief_ops = 1000,
    REPLACE_MEMBERS,
};
