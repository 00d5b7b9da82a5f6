/* band_8k_64k: over 8 to 64 KiB, octaves alike, every page written; 768 live blocks a thread.
 *
 * Stresses: the gap between size classes and whole runs of pages, at 32 KiB in many allocators.
 * Origin: the presets of rpmalloc-benchmark cover such bands by one distribution each; here every
 * octave of a band comes equally often, so that no end of it decides alone. Good: the time of
 * writing the pages. Bad: splits and merges runs of pages under a lock at each turn. */
#include "band.h"

BAND(8 << 10, 3, 768, 3)

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
