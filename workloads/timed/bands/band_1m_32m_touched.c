/* band_1m_32m_touched: over 1 to 32 MiB, octaves alike, every page written; 10 live blocks a
 * thread.
 *
 * Stresses: page faults: what is given back must be zeroed by the kernel before it comes again.
 * Origin: malloc-large of mimalloc-bench (5 to 25 MiB, at most 20 alive), with a wider band.
 * Good: keeps some freed pages for the next block. Bad: maps each block anew; or keeps all that it
 * ever had. */
#include "band.h"

BAND_LARGE(1 << 20, 5, 10, 2)

const struct workload workload_band_1m_32m_touched = {
    .name      = "band_1m_32m_touched",
    .group     = "bands",
    .summary   = "over 1 to 32 MiB, octaves alike, every page written; 10 live blocks a thread",
    .stresses  = "what the system charges for fresh pages",
    .ops       = 240,
    .quick_ops = 24,
    .brief_ops = 20,
    REPLACE_MEMBERS,
};
