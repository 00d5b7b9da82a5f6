/* tiny: requests of 1 to 15 bytes, all sizes equally often. They fall into the one or two smallest
 * size classes of an allocator (8 and 16 bytes in most; one of 16 in scudo, of 24 in glibc). So the
 * bookkeeping per block decides. Go's tiny allocator serves this range. */
#include "replace.h"

enum { SLOTS = 65536, ROUNDS = 2, MIN_BYTES = 1, MAX_BYTES = 15 };

static uint32_t draw(uint32_t random, uint32_t rank) {
    (void)rank;
    return draw_uniform(random, MIN_BYTES, MAX_BYTES);
}

static const struct replace load = {.slots = SLOTS, .rounds = ROUNDS, .draw = draw};
REPLACE_WORKLOAD(load)

const struct workload workload_tiny = {
    .name      = "tiny",
    .group     = WORKLOAD_CORE,
    .stresses  = "bookkeeping per block",
    .summary   = "1 to 15 bytes, uniform; 65536 live blocks a thread",
    .ops       = 8000000,
    .quick_ops = 2000000,
    .brief_ops = 250000,
    REPLACE_MEMBERS,
};
