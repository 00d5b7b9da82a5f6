/* band_16_512: 17 to 512 B, octaves alike; 32768 live blocks a thread.
 *
 * Stresses: the fast path, over all small size classes.
 * Origin: the presets of rpmalloc-benchmark cover such bands by one distribution each; here every
 * octave of a band comes equally often, so that no end of it decides alone. Good: as fast as tiny.
 * Bad: a search in each malloc, or a list of all sizes. */
#include "band.h"

BAND(16, 5, 32768, 2)

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
