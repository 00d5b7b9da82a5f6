/* large: requests over 32 KiB up to 4 MiB, each octave equally often and each size within it. The
 * mean is 871 KiB, and every 4 KiB page is written once. What an allocator asks of the
 * operating system decides here. */
#include "replace.h"

enum {
    SLOTS     = 32, /* of each thread */
    ROUNDS    = 8,  /* from here on, page faults per operation fall no more */
    MIN_BYTES = (32 << 10) + 1,
    MAX_BYTES = 4 << 20,
    OCTAVES   = 7, /* 32 KiB << 7 is 4 MiB */
};

_Static_assert((MIN_BYTES - 1) << OCTAVES == MAX_BYTES, "whole octaves");

/* The random bits as a fixed-point number below OCTAVES: its whole part is the octave, its fraction
 * the place within. */
static uint32_t draw(uint32_t random) {
    const uint64_t octaves = (uint64_t)random * OCTAVES;
    const uint32_t base    = (uint32_t)(MIN_BYTES - 1) << (octaves >> 32);
    return base + 1 + (uint32_t)((octaves & UINT32_MAX) * base >> 32);
}

static const struct replace load = {.slots = SLOTS, .rounds = ROUNDS, .draw = draw};
REPLACE_WORKLOAD(load)

const struct workload workload_large = {
    .name      = "large",
    .summary   = "over 32 KiB to 4 MiB, octaves alike, every page written; 32 live blocks a thread",
    .ops       = 2000,
    .quick_ops = 500,
    .brief_ops = 1000,
    REPLACE_MEMBERS,
};
