/* false_sharing_active: all threads allocate small blocks at once, and write into them.
 *
 * Stresses: whether the allocator itself puts blocks of different threads into one cache line.
 * Origin: cache-thrash of Hoard (Berger and others, "Hoard: a scalable memory allocator for
 * multithreaded applications", ASPLOS 2000). Good: as fast at two threads as at one, for each. Bad:
 * many times slower, because neighbours are served from one list. */
#include "false_sharing.h"

FAMILY_RUNS(sharing_go)

const struct workload workload_false_sharing_active = {
    FAMILY_WITHOUT_LIVE_SET,
    SHARING_MEMBERS,
    .name     = "false_sharing_active",
    .summary  = "8 to 16 B; a malloc, 100 writes into the block, a free; all threads at once",
    .stresses = "blocks of two threads in one cache line, put there by malloc",
};
