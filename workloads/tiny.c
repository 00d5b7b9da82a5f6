/* tiny: requests of 1 to 15 bytes, all sizes equally often: below the smallest size class of most
 * allocators, so that the bookkeeping per block decides. Go's tiny allocator serves this range. */
#include "replace.h"

enum { MIN_BYTES = 1, MAX_BYTES = 15 };

static uint32_t draw(uint32_t random) {
    return MIN_BYTES + (uint32_t)((uint64_t)random * (MAX_BYTES - MIN_BYTES + 1) >> 32);
}

static void run(struct worker *w) {
    replace_run(w, draw);
}

static void verify(struct worker *w) {
    replace_verify(w, draw);
}

const struct workload workload_tiny = {
    .abi          = WORKLOAD_ABI,
    .name         = "tiny",
    .summary      = "1 to 15 bytes, uniform; 65536 live blocks, random replacement",
    .ops          = 12000000,
    .quick_ops    = 3000000,
    .live_blocks  = 65536,
    .min_bytes    = MIN_BYTES,
    .max_bytes    = MAX_BYTES,
    .memory_bytes = replace_memory_bytes,
    .run          = run,
    .verify       = verify,
    .inspect      = replace_inspect,
    .drain        = replace_drain,
};
