/* band_64k_1m: over 64 KiB to 1 MiB, octaves alike, first page written; 64 live blocks a thread.
 *
 * Stresses: the search for a run of pages and its merging, and where mmap begins: 128 KiB in glibc.
 * Origin: the presets of rpmalloc-benchmark cover such bands by one distribution each; here every
 * octave of a band comes equally often, so that no end of it decides alone. Good: a search in a
 * tree or a bitmap, and no call of the system. Bad: an mmap and a munmap each time. */
#include "band.h"

BAND_LARGE(64 << 10, 4, 64, 4, .first_page = true)

const struct workload workload_band_64k_1m = {
    .name      = "band_64k_1m",
    .group     = "bands",
    .summary   = "over 64 KiB to 1 MiB, octaves alike, first page written; 64 live blocks a thread",
    .stresses  = "runs of pages, found and merged",
    .ops       = 100000,
    .quick_ops = 12000,
    .brief_ops = 4000,
    REPLACE_MEMBERS_SHARED,
    .traits = WORKLOAD_REPLACES | WORKLOAD_FIRST_PAGE,
};
