/* band_512_8k: 513 B to 8 KiB, octaves alike; 4096 live blocks a thread.
 *
 * Stresses: size classes of which few blocks, or one, fit into a page: how often the slow path is
 * taken. Origin: the presets of rpmalloc-benchmark cover such bands by one distribution each; here
 * every octave of a band comes equally often, so that no end of it decides alone. Good: nearly as
 * fast as smaller blocks. Bad: a page heap with a lock serves each block. */
#include "band.h"

BAND(512, 4, 4096, 2)

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
