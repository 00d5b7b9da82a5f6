/* large: requests over 32 KiB up to 4 MiB, each octave equally often, mean 860 KiB; every 4 KiB
 * page is written once. What an allocator asks of the operating system decides here. */
#include "replace.h"

enum {
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

static void run(struct worker *w) {
    replace_run(w, draw);
}

static void verify(struct worker *w) {
    replace_verify(w, draw);
}

const struct workload workload_large = {
    .abi          = WORKLOAD_ABI,
    .name         = "large",
    .summary      = "over 32 KiB to 4 MiB, log-uniform, every page written; 64 live blocks",
    .ops          = 4000,
    .quick_ops    = 1000,
    .live_blocks  = 64,
    .min_bytes    = MIN_BYTES,
    .max_bytes    = MAX_BYTES,
    .memory_bytes = replace_memory_bytes,
    .run          = run,
    .verify       = verify,
    .inspect      = replace_inspect,
    .drain        = replace_drain,
};
