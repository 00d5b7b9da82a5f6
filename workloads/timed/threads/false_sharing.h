/* Threads that write into small blocks of their own, again and again. If two blocks of two threads
 * lie in one cache line, each write waits for the other processor. */
#ifndef SPANBENCH_FALSE_SHARING_H
#define SPANBENCH_FALSE_SHARING_H

#include "family.h"

enum { SHARING_MIN = 8, SHARING_MAX = 16, SHARING_WRITES = 100 };

STREAM_INLINE uint32_t sharing_size(uint64_t random) {
    return draw_uniform((uint32_t)random, SHARING_MIN, SHARING_MAX);
}

/* Each operation: a malloc, many writes, a free. */
STREAM_INLINE void sharing_go(struct worker *w, bool verify) {
    for (uint64_t i = 0; i < w->ops; i++) {
        const uint64_t op = w->first_op + i, random = family_random(w->seed, op);
        const uint32_t size  = sharing_size(random);
        unsigned char *block = block_new(w, size);
        if (!block)
            return;
        block_write(w, block, size, op, verify);
        volatile unsigned char *first = block;
        const unsigned char mark      = *first;
        for (unsigned k = 0; k < SHARING_WRITES; k++)
            *first = mark; /* volatile: each is a write into the line */
        if (!block_read(w, block, size, op, verify))
            return;
        w->allocator->free(block);
        w->digest += family_digest(random, size);
    }
}

#define SHARING_MEMBERS                                                                            \
    .group = "threads", .ops = 1000000, .quick_ops = 200000, .brief_ops = 50000,                   \
    .min_bytes = SHARING_MIN, .max_bytes = SHARING_MAX

#endif
