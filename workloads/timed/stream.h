/* Streams of random bits and of sizes that are drawn from them. Integer arithmetic only: the same
 * on every machine. No function here has a state: any thread may call any of them, and any
 * operation's bits can be computed alone. */
#ifndef SPANBENCH_STREAM_H
#define SPANBENCH_STREAM_H

#include <stdint.h>

#define STREAM_INLINE static inline __attribute__((always_inline))

#define STREAM_STEP 0x9E3779B97F4A7C15u /* 2^64 / golden ratio, odd: a walk through all values */

/* What a stream of random bits is for: no two share a part of their bits. */
enum stream_purpose { STREAM_TIMED, STREAM_WARM_UP, STREAM_PATTERN, STREAM_RANKS };

/* A bijection of 64 bits, each of which changes about half of the others. It is the finaliser of
 * splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014,
 * with the constants of Vigna's splitmix64.c). */
static inline uint64_t stream_mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* Where a stream begins: seeds, purposes and threads that are neighbours lie far apart, so that
 * their streams have nothing in common. */
static inline uint64_t stream_key(uint64_t seed, enum stream_purpose purpose, uint32_t thread) {
    const uint64_t of_seed = stream_mix(seed + STREAM_STEP);
    return stream_mix(of_seed ^ ((uint64_t)purpose << 32 | thread));
}

/* Operation i's 64 random bits in a stream: a counter through one wide multiplication (the
 * finaliser of wyhash). So operations do not wait for each other, and any can be computed alone. */
STREAM_INLINE uint64_t stream_random(uint64_t key, uint64_t i) {
    const uint64_t x      = key + i * STREAM_STEP;
    const __uint128_t mix = (__uint128_t)x * (x ^ 0xE7037ED1A0B428DBu);
    return (uint64_t)(mix >> 64) ^ (uint64_t)mix;
}

static inline uint32_t stream_common_divisor(uint32_t a, uint32_t b) {
    while (b) {
        const uint32_t rest = a % b;
        a                   = b;
        b                   = rest;
    }
    return a;
}

/* --- sizes: each maps 32 random bits to a number of bytes, or of anything else --- */

/* least to most, all equally often. */
STREAM_INLINE uint32_t draw_uniform(uint32_t random, uint32_t least, uint32_t most) {
    return least + (uint32_t)((uint64_t)random * (most - least + 1) >> 32);
}

/* Each octave above `base` equally often, and each size within it: over `base`, to
 * base << octaves. */
STREAM_INLINE uint32_t draw_octaves(uint32_t random, uint32_t base, uint32_t octaves) {
    const uint64_t at    = (uint64_t)random * octaves; /* its upper half: the octave */
    const uint32_t lower = base << (at >> 32);
    return lower + 1 + (uint32_t)((at & UINT32_MAX) * lower >> 32);
}

/* The same by halves of octaves: the rank of a slot (replace.h) says which half, the bits where in
 * it. So a live set of few blocks is as large at every seed. */
STREAM_INLINE uint32_t draw_half_octaves(uint32_t random, uint32_t rank, uint32_t base,
                                         uint32_t octaves) {
    const uint64_t at    = ((uint64_t)(rank % (2 * octaves)) << 32 | random) / 2;
    const uint32_t lower = base << (at >> 32);
    return lower + 1 + (uint32_t)((at & UINT32_MAX) * lower >> 32);
}

/* 2 to the power of a number with 16 binary places, below 32; to within 0.4 %. */
STREAM_INLINE uint32_t draw_power(uint32_t exponent) {
    const uint64_t f = exponent & 0xffff; /* 2^f is about 1 + f (0.657 + 0.343 f) */
    const uint64_t m = 65536 + (f * (43024 + (f * 22512 >> 16)) >> 16);
    return (uint32_t)(m << (exponent >> 16) >> 16);
}

/* 0 to n - 1, where number k comes about as often as 1 / (k + 1): Zipf's law with exponent 1.
 * log2_n: the logarithm of n, with 16 binary places. */
STREAM_INLINE uint32_t draw_zipf(uint32_t random, uint32_t log2_n) {
    return draw_power((uint32_t)((uint64_t)random * log2_n >> 32)) - 1;
}

/* Log-normal: its base-2 logarithm has this mean and standard deviation, with 16 binary places. The
 * sum of eight uniform numbers stands for the normal one, so none is beyond 4.9 deviations. */
STREAM_INLINE uint32_t draw_log_normal(uint64_t random, int32_t mean, int32_t deviation,
                                       uint32_t least, uint32_t most) {
    int64_t sum = 0; /* of its bytes: mean 1020, standard deviation 209.02 */
    for (int i = 0; i < 8; i++)
        sum += random >> (8 * i) & 0xff;
    int64_t log   = mean + (sum - 1020) * deviation / 209;
    log           = log < 0 ? 0 : log > (31 << 16) ? 31 << 16 : log;
    uint32_t size = draw_power((uint32_t)log);
    size          = size < least ? least : size;
    return size > most ? most : size;
}

#endif
