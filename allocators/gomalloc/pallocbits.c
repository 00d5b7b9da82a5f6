#include "pallocbits.h"

/* Are there free pages between the first and the last used one of a word? (Go's test.) */
static bool has_hole(uint64_t used) {
    used >>= __builtin_ctzll(used);
    return used & (used + 1);
}

/* The longest run of set bits, if it is longer than `most`, below 64; else `most`. */
static unsigned longest_run(uint64_t bits, unsigned most) {
    for (bits = bits_runs(bits, most + 1); bits; bits &= bits >> 1)
        most++;
    return most;
}

/* First the runs that touch the border of a word: with those of 63 pages or more, the others need
 * not be looked at. */
pallocsum chunk_summary(const uint64_t used[CHUNK_WORDS]) {
    unsigned start = CHUNK_PAGES, max = 0, run = 0;
#pragma GCC unroll 8
    for (unsigned w = 0; w < CHUNK_WORDS; w++) {
        const uint64_t x = used[w];
        if (x == 0) {
            run += 64;
            continue;
        }
        run += (unsigned)__builtin_ctzll(x);
        start = start == CHUNK_PAGES ? run : start;
        max   = run > max ? run : max;
        run   = (unsigned)__builtin_clzll(x);
    }
    max = run > max ? run : max;
    for (unsigned w = 0; w < CHUNK_WORDS && max < 62; w++)
        if (used[w] && has_hole(used[w]))
            max = longest_run(~used[w], max);
    return sum_pack(start, max, run);
}

/* Free pages that end where page `at` begins. */
static unsigned free_before(const uint64_t used[CHUNK_WORDS], unsigned at) {
    unsigned w = at / 64, n = at % 64;
    const uint64_t x = n ? used[w] << (64 - n) : 0;
    if (x)
        return (unsigned)__builtin_clzll(x);
    for (; w-- > 0; n += 64)
        if (used[w])
            return n + (unsigned)__builtin_clzll(used[w]);
    return n;
}

/* Free pages that begin with page `at`. */
static unsigned free_from(const uint64_t used[CHUNK_WORDS], unsigned at) {
    unsigned w = at / 64, n = -at % 64;
    const uint64_t x = n ? used[w] >> at % 64 : 0;
    if (x)
        return (unsigned)__builtin_ctzll(x);
    for (w += n != 0; w < CHUNK_WORDS; w++, n += 64)
        if (used[w])
            return n + (unsigned)__builtin_ctzll(used[w]);
    return n;
}

pallocsum chunk_summary_freed(const uint64_t used[CHUNK_WORDS], pallocsum before, unsigned from,
                              unsigned n) {
    const unsigned left = free_before(used, from), right = free_from(used, from + n);
    const size_t run = left + n + right, max = sum_max(before);
    return sum_pack(left == from ? run : sum_start(before), run > max ? run : max,
                    from + n + right == CHUNK_PAGES ? run : sum_end(before));
}

pallocsum chunk_summary_taken(const uint64_t used[CHUNK_WORDS], pallocsum before, unsigned from,
                              unsigned n) {
    const unsigned left = free_before(used, from), right = free_from(used, from + n);
    if (left + n + right == sum_max(before)) /* of the longest run: is there another? */
        return chunk_summary(used);
    return sum_pack(left == from ? left : sum_start(before), sum_max(before),
                    from + n + right == CHUNK_PAGES ? right : sum_end(before));
}

int chunk_find(const uint64_t used[CHUNK_WORDS], size_t n) {
    size_t run = 0; /* free pages that end where the next word begins */
    for (unsigned w = 0; w < CHUNK_WORDS; w++) {
        const uint64_t x = used[w];
        if (run + (x ? (unsigned)__builtin_ctzll(x) : 64) >= n)
            return (int)(w * 64 - run);
        if (x == 0) {
            run += 64;
            continue;
        }
        run = (unsigned)__builtin_clzll(x);
        if (n <= 64 && (n <= run || has_hole(x))) {
            const uint64_t begin = bits_runs(~x, (unsigned)n);
            if (begin)
                return (int)(w * 64) + __builtin_ctzll(begin);
        }
    }
    return NO_PAGES;
}

/* For each word w that [from, from + n) touches: the bits of it that lie there. */
#define FOR_EACH_WORD(from, n)                                                                     \
    const unsigned end = (from) + (n);                                                             \
    unsigned w         = (from) / 64;                                                              \
    uint64_t mask      = ~(uint64_t)0 << (from) % 64;                                              \
    for (; w * 64 < end && (mask &= w == end / 64 ? bits_below(end) : ~(uint64_t)0, true);         \
         w++, mask = ~(uint64_t)0)

static uint64_t bits_below(unsigned end) {
    return ((uint64_t)1 << end % 64) - 1;
}

void chunk_set(uint64_t bits[CHUNK_WORDS], unsigned from, unsigned n) {
    FOR_EACH_WORD(from, n) {
        bits[w] |= mask;
    }
}

void chunk_clear(uint64_t bits[CHUNK_WORDS], unsigned from, unsigned n) {
    FOR_EACH_WORD(from, n) {
        bits[w] &= ~mask;
    }
}

unsigned chunk_take(uint64_t used[CHUNK_WORDS], uint64_t scavenged[CHUNK_WORDS], unsigned from,
                    unsigned n) {
    unsigned count = 0;
    FOR_EACH_WORD(from, n) {
        used[w] |= mask;
        if (scavenged[w] & mask) {
            count += (unsigned)__builtin_popcountll(scavenged[w] & mask);
            scavenged[w] &= ~mask;
        }
    }
    return count;
}

unsigned chunk_count(const uint64_t bits[CHUNK_WORDS], unsigned from, unsigned n) {
    unsigned count = 0;
    FOR_EACH_WORD(from, n) {
        if (bits[w] & mask)
            count += (unsigned)__builtin_popcountll(bits[w] & mask);
    }
    return count;
}
