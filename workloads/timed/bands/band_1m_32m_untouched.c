/* band_1m_32m_untouched: over 1 to 32 MiB, octaves alike, first page written; 10 live blocks a
 * thread.
 *
 * Stresses: the calls of the system for a block, which is never filled: buffers for the worst case.
 * Origin: as band_1m_32m_touched, without the writes.
 * Good: keeps address space and asks for nothing. Bad: mmap, munmap, and their shootdowns on other
 * processors. */
#include "band.h"

BAND_LARGE(1 << 20, 5, 10, 4, .first_page = true)

const struct workload workload_band_1m_32m_untouched = {
    .name      = "band_1m_32m_untouched",
    .group     = "bands",
    .summary   = "over 1 to 32 MiB, octaves alike, first page written; 10 live blocks a thread",
    .stresses  = "mapping and unmapping, without the faults",
    .ops       = 40000,
    .quick_ops = 6000,
    .brief_ops = 2000,
    REPLACE_MEMBERS_SHARED,
    .traits = WORKLOAD_REPLACES | WORKLOAD_FIRST_PAGE,
};
