/* band_16_512: 17 to 512 B, octaves alike; 32768 live blocks a thread.
 *
 * Stresses: the fast path, over all small size classes.
 * Origin: the presets of rpmalloc-benchmark cover such bands by one distribution each; here every
 * octave of a band comes equally often, so that no end of it decides alone. Good: as fast as tiny.
 * Bad: a search in each malloc, or a list of all sizes. */
#include "replace.h"

enum {
    BASE      = 16,
    OCTAVES   = 5,
    SLOTS     = 32768, /* of each thread */
    ROUNDS    = 2,
    MIN_BYTES = BASE + 1,
    MAX_BYTES = BASE << OCTAVES,
};

static uint32_t draw(uint32_t random, uint32_t rank) {
    (void)rank;
    return draw_octaves(random, BASE, OCTAVES);
}

static const struct replace load = {.slots = SLOTS, .rounds = ROUNDS, .draw = draw};
REPLACE_WORKLOAD(load)

const struct workload workload_band_16_512 = {
    .name      = "band_16_512",
    .group     = "bands",
    .summary   = "17 to 512 B, octaves alike; 32768 live blocks a thread",
    .stresses  = "the fast path over all small size classes",
    .ops       = 6000000,
    .quick_ops = 800000,
    .brief_ops = 100000,
    REPLACE_MEMBERS,
};
