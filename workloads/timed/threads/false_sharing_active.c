/* false_sharing_active: all threads allocate small blocks at once, and write into them.
 *
 * Stresses: whether the allocator itself puts blocks of different threads into one cache line.
 * Origin: cache-thrash of Hoard (Berger and others, "Hoard: a scalable memory allocator for
 * multithreaded applications", ASPLOS 2000). Good: as fast at two threads as at one, for each. Bad:
 * many times slower, because neighbours are served from one list. */
#include "false_sharing.h"

enum { MIN_BYTES = 8, MAX_BYTES = 16 };

/* Each operation: a malloc, many writes, a free. */
STREAM_INLINE void go(struct worker *w, bool verify) {
    const uint64_t key = family_key(w);
    for (uint64_t i = 0; i < w->ops; i++) {
        const uint64_t op = w->first_op + i, random = stream_random(key, op);
        const uint32_t size  = draw_uniform((uint32_t)random, MIN_BYTES, MAX_BYTES);
        unsigned char *block = sharing_block(w, size, op, verify);
        if (!block || !block_verify(w, block, size, op, verify))
            return;
        w->allocator->free(block);
        w->digest += family_digest(random, size);
    }
}

FAMILY_RUNS(go)

const struct workload workload_false_sharing_active = {
    FAMILY_WITHOUT_LIVE_SET,
    SHARING_MEMBERS,
    .name      = "false_sharing_active",
    .summary   = "8 to 16 B; a malloc, 100 writes into the block, a free; all threads at once",
    .stresses  = "blocks of two threads in one cache line, put there by malloc",
    .min_bytes = MIN_BYTES,
    .max_bytes = MAX_BYTES,
};
