/* lock_convoy: twice as many threads as there are CPUs, and at least four. Each of which fills and
 * empties its caches: it allocates 512 blocks of one size, and frees them. Sizes change from burst
 * to burst.
 *
 * Stresses: the lock of the slow path. Who is taken off the processor while it holds that lets all
 * others wait, and they go on in single file. Origin: Blasgen and others, "The convoy phenomenon"
 * (Operating Systems Review 13/2, 1979). Good: the slow path moves many blocks at once, and few
 * threads wait. Bad: one lock for each block: time and voluntary switches of context grow. */
#include "family.h"

enum { BURST = 512, MIN_BYTES = 1 << 10, OCTAVES = 3, MAX_BYTES = MIN_BYTES << OCTAVES };

struct books {
    unsigned char *block[BURST];
};

/* All blocks of a burst have the size that its first operation draws. */
STREAM_INLINE bool burst(struct worker *w, uint64_t key, uint64_t first, uint32_t count,
                         bool verify) {
    struct books *has     = w->memory;
    const uint64_t random = stream_random(key, first);
    const uint32_t size   = draw_octaves((uint32_t)random, MIN_BYTES, OCTAVES);
    for (uint32_t i = 0; i < count; i++) {
        has->block[i] = block_new(w, size);
        if (!has->block[i])
            return false;
        block_write(w, has->block[i], size, first + i, verify);
        w->digest += family_digest(stream_random(key, first + i), size);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!block_verify(w, has->block[i], size, first + i, verify))
            return false;
        w->allocator->free(has->block[i]);
    }
    return true;
}

STREAM_INLINE void go(struct worker *w, bool verify) {
    const uint64_t key = family_key(w);
    for (uint64_t at = 0; at < w->ops; at += BURST) {
        const uint64_t left = w->ops - at;
        if (!burst(w, key, w->first_op + at, left < BURST ? (uint32_t)left : BURST, verify))
            return;
    }
}

FAMILY_RUNS(go)

const struct workload workload_lock_convoy = {
    FAMILY_WITHOUT_LIVE_SET,
    .name            = "lock_convoy",
    .group           = "threads",
    .summary         = "1 to 8 KiB; bursts of 512 blocks of one size, by two threads for each CPU",
    .stresses        = "a lock in the slow path, with more threads than processors",
    .least_threads   = 4,
    .threads_per_cpu = 2,
    .ops             = 1000000,
    .quick_ops       = 200000,
    .brief_ops       = 20000,
    .min_bytes       = MIN_BYTES,
    .max_bytes       = MAX_BYTES,
    .memory_bytes    = sizeof(struct books),
};
