/* batches_fifo: blocks of 17 to 512 bytes, 64 to 65536 at once, which are freed the first one
 * first.
 *
 * Stresses: caches of free blocks, which overflow, and lists that are walked in order.
 * Origin: sh6bench of MicroQuill, and glibc's bench-malloc-simple, mix orders; here each has a row
 * of its own. Batches as large as a cache, and larger, are those of tcmalloc's design notes. Good:
 * 64 K blocks cost as much a block as 64. Bad: what overflows a thread's cache takes a lock for
 * each block. */
#include "batches.h"

BATCHES_WORKLOAD(BATCH_FIRST_FIRST)

const struct workload workload_batches_fifo = {
    BATCHES_MEMBERS,
    .name     = "batches_fifo",
    .summary  = "17 to 512 B; batches of 64 to 65536 blocks, freed the first one first",
    .stresses = "a batch freed in order",
};
