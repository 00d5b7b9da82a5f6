/* Bitmaps of 512 pages (Go's mpallocbits.go): a set bit is a page in use. A leaf. */
#ifndef GOMALLOC_PALLOCBITS_H
#define GOMALLOC_PALLOCBITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHUNK_PAGES = 512,
    CHUNK_WORDS = CHUNK_PAGES / 64,
    NO_PAGES    = -1, /* no place found */
};

/* Three numbers of pages in one word: free at the start, longest free run, free at the end. Each
 * counts up to 2^21, which needs 22 bits only if all are free: bit 63 says that. 0: none free. */
typedef uint64_t pallocsum;

enum { SUM_BITS = 21 };
#define SUM_ALL_FREE ((pallocsum)1 << 63)
#define SUM_MASK     (((pallocsum)1 << SUM_BITS) - 1)

static inline pallocsum sum_pack(size_t start, size_t max, size_t end) {
    if (max >> SUM_BITS)
        return SUM_ALL_FREE;
    return (pallocsum)start | (pallocsum)max << SUM_BITS | (pallocsum)end << 2 * SUM_BITS;
}

static inline size_t sum_start(pallocsum s) {
    return s & SUM_ALL_FREE ? (size_t)1 << SUM_BITS : s & SUM_MASK;
}

static inline size_t sum_max(pallocsum s) {
    return s & SUM_ALL_FREE ? (size_t)1 << SUM_BITS : s >> SUM_BITS & SUM_MASK;
}

static inline size_t sum_end(pallocsum s) {
    return s & SUM_ALL_FREE ? (size_t)1 << SUM_BITS : s >> 2 * SUM_BITS & SUM_MASK;
}

/* The bits at which n set bits in a row begin; n is 1 to 64. Doubling: log2(n) steps, or fewer
 * after the third where no run is so long. */
static inline uint64_t bits_runs(uint64_t bits, unsigned n) {
    unsigned have = 1;
    if (n >= 8) { /* the first three without the loop */
        bits &= bits >> 1;
        bits &= bits >> 2;
        bits &= bits >> 4;
        have = 8;
    }
    while (have < n && bits) {
        const unsigned add = have < n - have ? have : n - have;
        bits &= bits >> add;
        have += add;
    }
    return bits;
}

/* Each aligned group of n bits is all set where one of them is (Go's fillAligned); n is a power of
 * two, 1 to 64. A butterfly: each bit takes in its partner at distance 1, 2, 4 and so on. */
static inline uint64_t bits_fill(uint64_t bits, unsigned n) {
    for (unsigned far = 1; far < n; far *= 2) {
        const uint64_t low = ~(uint64_t)0 / (((uint64_t)1 << far) + 1); /* the lower of each pair */
        bits |= (bits & low) << far | (bits >> far & low);
    }
    return bits;
}

/* Bits [from, from + n) of a word; n is 1 to 64, from + n at most 64. */
static inline uint64_t bits_mask(unsigned from, unsigned n) {
    return (n == 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1) << from;
}

pallocsum chunk_summary(const uint64_t used[CHUNK_WORDS]);

/* The same, told from the one before n used pages from `from` on became free, or n free ones used.
 * `used` is what it is now. */
pallocsum chunk_summary_freed(const uint64_t used[CHUNK_WORDS], pallocsum before, unsigned from,
                              unsigned n);
pallocsum chunk_summary_taken(const uint64_t used[CHUNK_WORDS], pallocsum before, unsigned from,
                              unsigned n);

/* The first of n free pages in a row; n is at most CHUNK_PAGES. Or NO_PAGES. */
int chunk_find(const uint64_t used[CHUNK_WORDS], size_t n);

void chunk_set(uint64_t bits[CHUNK_WORDS], unsigned from, unsigned n);
void chunk_clear(uint64_t bits[CHUNK_WORDS], unsigned from, unsigned n);
/* Sets bits of `used`, clears those of `scavenged`, and returns how many of these there were. */
unsigned chunk_take(uint64_t used[CHUNK_WORDS], uint64_t scavenged[CHUNK_WORDS], unsigned from,
                    unsigned n);
unsigned chunk_count(const uint64_t bits[CHUNK_WORDS], unsigned from, unsigned n);

#endif
