/* Threads that write into small blocks of their own, again and again. If two blocks of two threads
 * lie in one cache line, each write waits for the other processor. */
#ifndef SPANBENCH_FALSE_SHARING_H
#define SPANBENCH_FALSE_SHARING_H

#include "family.h"

enum { SHARING_WRITES = 100 };

/* A block, into which the thread writes often. NULL: a check failed. */
STREAM_INLINE unsigned char *sharing_block(struct worker *w, uint32_t size, uint64_t key,
                                           bool verify) {
    unsigned char *block = block_new(w, size);
    if (!block)
        return NULL;
    block_write(w, block, size, key, verify);
    volatile unsigned char *first = block;
    const unsigned char mark      = *first;
    for (unsigned k = 0; k < SHARING_WRITES; k++)
        *first = mark; /* volatile: each is a write into the line */
    return block;
}

#define SHARING_MEMBERS .group = "threads", .ops = 1000000, .quick_ops = 200000, .brief_ops = 50000

#endif
