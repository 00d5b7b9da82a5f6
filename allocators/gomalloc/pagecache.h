/* A thread's block of 64 pages (Go's mpagecache.go), for spans without a lock. */
#ifndef GOMALLOC_PAGECACHE_H
#define GOMALLOC_PAGECACHE_H

#include "pallocbits.h"
#include "sizeclasses.h"

struct pagecache {
    uintptr_t base; /* aligned to 64 pages; 0: no block */
    uint64_t free, scavenged;
};

enum { PAGECACHE_SHIFT = 6, PAGECACHE_PAGES = 1 << PAGECACHE_SHIFT };

/* n pages in a row, the lowest; 0: none. `scavenged` gets how many of them were. */
static inline uintptr_t pagecache_alloc(struct pagecache *c, unsigned n, size_t *scavenged) {
    const uint64_t begin = n <= PAGECACHE_PAGES ? bits_runs(c->free, n) : 0;
    if (!begin)
        return 0;
    const unsigned at   = (unsigned)__builtin_ctzll(begin);
    const uint64_t mask = bits_mask(at, n);
    *scavenged          = (size_t)__builtin_popcountll(c->scavenged & mask);
    c->free &= ~mask;
    c->scavenged &= ~mask;
    return c->base + (uintptr_t)at * PAGE_BYTES;
}

/* Takes n used pages back, if they are of the block; false: they are not. Go has no such thing: its
 * sweeper frees pages long after, and on another thread. */
static inline bool pagecache_free(struct pagecache *c, uintptr_t base, size_t n) {
    const uintptr_t at = (base - c->base) >> PAGE_SHIFT;
    if (c->base == 0 || at >= PAGECACHE_PAGES || at + n > PAGECACHE_PAGES)
        return false;
    c->free |= bits_mask((unsigned)at, (unsigned)n);
    return true;
}

#endif
