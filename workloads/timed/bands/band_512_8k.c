/* band_512_8k: 513 B to 8 KiB, octaves alike; 4096 live blocks a thread.
 *
 * Stresses: size classes of which few blocks, or one, fit into a page: how often the slow path is
 * taken. Origin: the presets of rpmalloc-benchmark cover such bands by one distribution each; here
 * every octave of a band comes equally often, so that no end of it decides alone. Good: nearly as
 * fast as smaller blocks. Bad: a page heap with a lock serves each block. */
#include "replace.h"

enum {
    BASE      = 512,
    OCTAVES   = 4,
    SLOTS     = 4096, /* of each thread */
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

const struct workload workload_band_512_8k = {
    .name      = "band_512_8k",
    .group     = "bands",
    .summary   = "513 B to 8 KiB, octaves alike; 4096 live blocks a thread",
    .stresses  = "classes of which few blocks fit into a page",
    .ops       = 2000000,
    .quick_ops = 300000,
    .brief_ops = 50000,
    REPLACE_MEMBERS,
};
