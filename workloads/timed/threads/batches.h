/* Batches: each thread allocates 64 to 65536 blocks, and then frees all of them. A cycle has as
 * many blocks in batches of 65536 as of 16384, and so on down to 64. */
#ifndef SPANBENCH_BATCHES_H
#define SPANBENCH_BATCHES_H

#include "family.h"

enum {
    BATCH_LOG_MOST = 16,
    BATCH_MOST     = 1 << BATCH_LOG_MOST,
    BATCH_LEVELS   = 6, /* each a quarter of the one before; the last is 64 */
    BATCH_MIN      = 16,
    BATCH_MAX      = 512,
};

enum batch_order { BATCH_LAST_FIRST, BATCH_FIRST_FIRST, BATCH_RANDOM };

struct batch_books {
    unsigned char *block[BATCH_MOST];
};

STREAM_INLINE uint32_t batch_size(uint64_t random) {
    return draw_octaves((uint32_t)random, BATCH_MIN, 5);
}

/* Which block of a batch of 1 << log is the nth to be freed: a bijection of so many bits. */
STREAM_INLINE uint32_t batch_shuffled(uint32_t nth, uint32_t log, uint64_t random) {
    const uint32_t mask = (1u << log) - 1;
    uint32_t x          = (nth * ((uint32_t)random | 1) + (uint32_t)(random >> 32)) & mask;
    x ^= x >> (log / 2);
    x = x * 0x9E3779B1u & mask;
    return x ^ x >> (log / 2);
}

/* The batch of the worker's operations from `first` on, as many as there are. False: a check
 * failed. */
STREAM_INLINE bool batch_go(struct worker *w, uint64_t key, uint64_t first, uint32_t log,
                            uint32_t count, enum batch_order order, bool verify) {
    struct batch_books *has = w->memory;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t random = stream_random(key, first + i);
        const uint32_t size   = batch_size(random);
        has->block[i]         = block_new(w, size);
        if (!has->block[i])
            return false;
        block_write(w, has->block[i], size, first + i, verify);
        w->digest += family_digest(random, size);
    }
    const uint64_t shuffle = stream_random(stream_key(w->seed, STREAM_RANKS, 0), first);
    for (uint32_t nth = 0; nth < 1u << log; nth++) {
        const uint32_t i = order == BATCH_LAST_FIRST    ? (1u << log) - 1 - nth
                           : order == BATCH_FIRST_FIRST ? nth
                                                        : batch_shuffled(nth, log, shuffle);
        if (i >= count) /* the last batch may be short */
            continue;
        const uint32_t size = batch_size(stream_random(key, first + i));
        if (!block_verify(w, has->block[i], size, first + i, verify))
            return false;
        w->allocator->free(has->block[i]);
    }
    return true;
}

STREAM_INLINE void batches_go(struct worker *w, bool verify, enum batch_order order) {
    const uint64_t key = family_key(w);
    for (uint64_t at = 0; at < w->ops;) {
        const uint32_t level = (uint32_t)((at >> BATCH_LOG_MOST) % BATCH_LEVELS);
        const uint32_t log   = BATCH_LOG_MOST - 2 * level;
        const uint64_t left  = w->ops - at;
        const uint32_t count = left < 1u << log ? (uint32_t)left : 1u << log;
        if (!batch_go(w, key, w->first_op + at, log, count, order, verify))
            return;
        at += count;
    }
}

#define BATCHES_WORKLOAD(order)                                                                    \
    static void go(struct worker *w, bool verify_it) {                                             \
        batches_go(w, verify_it, order);                                                           \
    }                                                                                              \
    FAMILY_RUNS(go)

#define BATCHES_MEMBERS                                                                            \
    FAMILY_WITHOUT_LIVE_SET, .group = "threads", .ops = 4000000, .quick_ops = 800000,              \
                             .brief_ops = 100000, .min_bytes = BATCH_MIN, .max_bytes = BATCH_MAX,  \
                             .memory_bytes = sizeof(struct batch_books)

#endif
