/* band_8k_64k: over 8 to 64 KiB, octaves alike, every page written; 768 live blocks a thread.
 *
 * Stresses: the gap between size classes and whole runs of pages, at 32 KiB in many allocators.
 * Origin: the presets of rpmalloc-benchmark cover such bands by one distribution each; here every
 * octave of a band comes equally often, so that no end of it decides alone. Good: the time of
 * writing the pages. Bad: splits and merges runs of pages under a lock at each turn. */
#include "replace.h"

enum {
    BASE      = (8 << 10),
    OCTAVES   = 3,
    SLOTS     = 768, /* of each thread */
    ROUNDS    = 3,
    MIN_BYTES = BASE + 1,
    MAX_BYTES = BASE << OCTAVES,
};

static uint32_t draw(uint32_t random, uint32_t rank) {
    (void)rank;
    return draw_octaves(random, BASE, OCTAVES);
}

static const struct replace load = {.slots = SLOTS, .rounds = ROUNDS, .draw = draw};
REPLACE_WORKLOAD(load)

const struct workload workload_band_8k_64k = {
    .name      = "band_8k_64k",
    .group     = "bands",
    .summary   = "over 8 to 64 KiB, octaves alike, every page written; 768 live blocks a thread",
    .stresses  = "the gap between size classes and whole spans",
    .ops       = 500000,
    .quick_ops = 60000,
    .brief_ops = 10000,
    REPLACE_MEMBERS,
};
