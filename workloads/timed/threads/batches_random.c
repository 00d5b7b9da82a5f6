/* batches_random: blocks of 17 to 512 bytes, 64 to 65536 at once, which are freed in random order.
 *
 * Stresses: lists of free blocks that jump through memory, and pages that are all half empty until
 * the end. Origin: sh6bench of MicroQuill, and glibc's bench-malloc-simple, mix orders; here each
 * has a row of its own. Batches as large as a cache, and larger, are those of tcmalloc's design
 * notes. Good: 64 K blocks cost as much a block as 64. Bad: what overflows a thread's cache takes a
 * lock for each block. */
#include "batches.h"

BATCHES_WORKLOAD(BATCH_RANDOM)

const struct workload workload_batches_random = {
    BATCHES_MEMBERS,
    .name     = "batches_random",
    .summary  = "17 to 512 B; batches of 64 to 65536 blocks, freed in random order",
    .stresses = "a batch freed in random order: free lists without locality",
};
