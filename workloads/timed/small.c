/* small: requests of 16 bytes to 32 KiB, many small and few big. P(size > s) = 16 / s, that is an
 * inverse-square density, mean 122 bytes, 98 % up to 1 KiB.
 *
 * Source of the shape: glibc's benchtests/bench-malloc-thread.c draws 4 to 32768 bytes from an
 * inverse-square distribution, to mimic what real programs do. */
#include "replace.h"

enum {
    SLOTS     = 65536, /* of each thread */
    ROUNDS    = 2,
    MIN_BYTES = 16,
    MAX_BYTES = 32 << 10,
    STEPS     = 1 << 16, /* resolution at the upper end: sizes there are MAX / (1 + k / STEPS) */
};

_Static_assert((uint64_t)MAX_BYTES *STEPS <= UINT32_MAX, "32-bit division");

/* Inverse transform: MAX / (1 + u) with u uniform in [0, MAX / MIN - 1). */
static uint32_t draw(uint32_t random, uint32_t rank) {
    (void)rank;
    const uint32_t u = (uint32_t)((uint64_t)random * (MAX_BYTES / MIN_BYTES - 1) * STEPS >> 32);
    return (uint32_t)MAX_BYTES * STEPS / (STEPS + u);
}

static const struct replace load = {.slots = SLOTS, .rounds = ROUNDS, .draw = draw};
REPLACE_WORKLOAD(load)

const struct workload workload_small = {
    .name      = "small",
    .group     = WORKLOAD_CORE,
    .stresses  = "size classes and their caches",
    .summary   = "16 B to 32 KiB, inverse-square; 65536 live blocks a thread",
    .ops       = 4000000,
    .quick_ops = 1000000,
    .brief_ops = 125000,
    REPLACE_MEMBERS,
};
