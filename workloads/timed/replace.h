/* Random replacement: the loop that tiny, small and large share.
 *
 * Each thread has slots. It fills them one by one; from then on each operation picks a random slot,
 * frees the block in it and allocates the next one there. The live set stays the same number of
 * blocks, their ages are geometric, and blocks die in another order than they were born in.
 *
 * Replacing a random block by one of a random size is the inner loop of the benchmark of Larson and
 * Krishnan ("Memory allocation for long-running server applications", ISMM 1998). Theirs also hands
 * the blocks of a thread that ends to a new one, which frees them: here each block is freed by the
 * thread that allocated it.
 *
 * The functions are inlined into each workload with its own parameters, so that the compiler sees
 * one plain loop and the size distribution costs no call. */
#ifndef SPANBENCH_REPLACE_H
#define SPANBENCH_REPLACE_H

#include "workload.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REPLACE_INLINE static inline __attribute__((always_inline))

enum { REPLACE_PAGE = 4096 }; /* one write per so many bytes makes every page of a block resident */

/* Maps 32 random bits to a size in bytes. Integer arithmetic only: the same on every machine.
 * `rank`, 0 to slots - 1, is the slot's in an order that each seed has of its own, the same for all
 * threads. A workload whose sizes differ so much that a few blocks are most of the live set lets
 * each rank draw from a part of the sizes. Then the live set is as large at every seed, at any
 * time.
 */
typedef uint32_t replace_draw(uint32_t random, uint32_t rank);

/* A workload of this scheme. */
struct replace {
    uint32_t slots; /* of each thread */
    uint32_t
        rounds; /* of the warm-up, each as many operations as there are slots; one fills them */
    replace_draw *draw;
};

/* The books of a thread: one pointer and one size a slot, in two arrays. */
struct replace_books {
    unsigned char **block;
    uint32_t *size;
};

#define REPLACE_MEMORY_BYTES(slots) ((slots) * (sizeof(unsigned char *) + sizeof(uint32_t)))

REPLACE_INLINE struct replace_books replace_books_of(const struct worker *w, struct replace load) {
    unsigned char **block = w->memory;
    return (struct replace_books){block, (uint32_t *)(block + load.slots)};
}

#define REPLACE_STEP 0x9E3779B97F4A7C15u /* 2^64 / golden ratio, odd: a walk through all values */

/* What a stream of random bits is for: no two share a part of their bits. */
enum replace_purpose { REPLACE_TIMED, REPLACE_WARM_UP, REPLACE_PATTERN, REPLACE_RANKS };

/* A bijection of 64 bits, each of which changes about half of the others. It is the finaliser of
 * splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014,
 * with the constants of Vigna's splitmix64.c). */
static inline uint64_t replace_mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* Where a stream begins: seeds, purposes and threads that are neighbours lie far apart, so that
 * their streams have nothing in common. */
static inline uint64_t replace_key(uint64_t seed, enum replace_purpose purpose, uint32_t thread) {
    const uint64_t of_seed = replace_mix(seed + REPLACE_STEP);
    return replace_mix(of_seed ^ ((uint64_t)purpose << 32 | thread));
}

/* Operation i's 64 random bits in a stream: a counter through one wide multiplication (the
 * finaliser of wyhash). So operations do not wait for each other, and any can be computed alone. */
REPLACE_INLINE uint64_t replace_random(uint64_t key, uint64_t i) {
    const uint64_t x      = key + i * REPLACE_STEP;
    const __uint128_t mix = (__uint128_t)x * (x ^ 0xE7037ED1A0B428DBu);
    return (uint64_t)(mix >> 64) ^ (uint64_t)mix;
}

/* A run of one thread's requests: its warm-up, or its timed operations. */
struct replace_stream {
    uint64_t key; /* of its random bits */
    uint64_t first, ops;
    uint64_t fill;          /* so many operations at the beginning take the slots in their order */
    uint32_t factor, shift; /* slot s has rank (s * factor + shift) modulo the slots */
};

static inline uint32_t replace_common_divisor(uint32_t a, uint32_t b) {
    while (b) {
        const uint32_t rest = a % b;
        a                   = b;
        b                   = rest;
    }
    return a;
}

/* The seed's order of ranks. `factor` shares no divisor with the slots, so that no two slots have
 * the same rank. */
REPLACE_INLINE struct replace_stream replace_ranked(struct replace_stream s, uint64_t seed,
                                                    struct replace load) {
    const uint64_t random = replace_key(seed, REPLACE_RANKS, 0);
    s.factor              = 1 + (uint32_t)((random & UINT32_MAX) * load.slots >> 32);
    s.shift               = (uint32_t)((random >> 32) % load.slots);
    while (replace_common_divisor(s.factor, load.slots) != 1)
        s.factor++;
    return s;
}

REPLACE_INLINE uint32_t replace_rank_of(struct replace_stream s, uint32_t slot,
                                        struct replace load) {
    return (uint32_t)(((uint64_t)slot * s.factor + s.shift) % load.slots);
}

/* Each thread has a warm-up of its own; the timed operations are one stream for all threads. */
REPLACE_INLINE struct replace_stream replace_warm_up_of(const struct worker *w,
                                                        struct replace load) {
    return replace_ranked(
        (struct replace_stream){.key  = replace_key(w->seed, REPLACE_WARM_UP, w->thread),
                                .ops  = (uint64_t)load.slots * load.rounds,
                                .fill = load.slots},
        w->seed, load);
}

REPLACE_INLINE struct replace_stream replace_timed_of(const struct worker *w, struct replace load) {
    return replace_ranked((struct replace_stream){.key   = replace_key(w->seed, REPLACE_TIMED, 0),
                                                  .first = w->first_op,
                                                  .ops   = w->ops},
                          w->seed, load);
}

/* A request: the upper half of the random bits picks the slot, the lower half the size. */
struct replace_request {
    uint32_t slot;
    uint32_t size;
    uint64_t digest; /* order of summation does not matter, so threads may add up in any order */
};

REPLACE_INLINE struct replace_request replace_request_of(struct replace_stream s, uint64_t nth,
                                                         struct replace load) {
    const uint64_t random = replace_random(s.key, s.first + nth);
    const uint32_t slot =
        nth < s.fill ? (uint32_t)nth : (uint32_t)((random >> 32) * load.slots >> 32);
    const uint32_t size = load.draw((uint32_t)random, replace_rank_of(s, slot, load));
    return (struct replace_request){
        .slot   = slot,
        .size   = size,
        .digest = (random | 1) * size,
    };
}

static inline __attribute__((format(printf, 3, 4), cold)) void
replace_fail(struct worker *w, const char *check, const char *format, ...) {
    if (*w->failed_check)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(w->failure, sizeof w->failure, format, args);
    va_end(args);
    w->failed_check = check;
}

/* What run writes into a block: its slot's low byte, at its first byte, each page, its last. */
REPLACE_INLINE void replace_touch(unsigned char *block, uint32_t size, uint32_t slot) {
    block[0] = (unsigned char)slot;
    for (uint32_t at = REPLACE_PAGE; at < size; at += REPLACE_PAGE)
        block[at] = (unsigned char)slot;
    block[size - 1] = (unsigned char)slot;
}

REPLACE_INLINE void replace_run_stream(struct worker *w, struct replace_stream s,
                                       struct replace load) {
    const struct allocator *a      = w->allocator;
    const struct replace_books has = replace_books_of(w, load);
    uint64_t digest                = 0;
    for (uint64_t i = 0; i < s.ops; i++) {
        const struct replace_request r = replace_request_of(s, i, load);
        if (has.block[r.slot])
            a->free(has.block[r.slot]);           /* waits for the load of the slot */
        unsigned char *block = a->malloc(r.size); /* waits for nothing of the previous operation */
        if (__builtin_expect(!block, 0)) {
            has.block[r.slot] = NULL;
            replace_fail(w, "null", "malloc(%u) returned NULL at operation %llu", r.size,
                         (unsigned long long)i);
            break;
        }
        replace_touch(block, r.size, r.slot); /* the writes wait for malloc's result */
        has.block[r.slot] = block;
        has.size[r.slot]  = r.size;
        digest += r.digest;
    }
    w->digest += digest;
}

/* What verify keeps in the block in a slot: a run of 64-bit words. It differs from that of every
 * other slot of every thread, and from itself at another offset. `key`: of the thread's patterns.
 */
REPLACE_INLINE uint64_t replace_pattern(uint64_t key, uint32_t slot) {
    return replace_random(key, slot);
}

REPLACE_INLINE uint64_t replace_pattern_key(const struct worker *w) {
    return replace_key(w->seed, REPLACE_PATTERN, w->thread);
}

REPLACE_INLINE uint64_t replace_next_word(uint64_t word) {
    return word + REPLACE_STEP;
}

static inline void replace_fill(unsigned char *block, uint32_t size, uint64_t word) {
    uint32_t at = 0;
    for (; size - at >= sizeof word; at += sizeof word, word = replace_next_word(word))
        memcpy(block + at, &word, sizeof word);
    memcpy(block + at, &word, size - at);
}

/* The first byte that is not as replace_fill left it; `size`: all are. */
static inline uint32_t replace_first_difference(const unsigned char *block, uint32_t size,
                                                uint64_t word) {
    uint32_t at = 0;
    for (uint64_t is; size - at >= sizeof word; at += sizeof word, word = replace_next_word(word)) {
        memcpy(&is, block + at, sizeof is);
        if (is != word)
            break;
    }
    if (size - at < sizeof word && memcmp(block + at, &word, size - at) == 0)
        return size;
    const unsigned char *want = (const unsigned char *)&word;
    const uint32_t end        = size - at < sizeof word ? size : at + (uint32_t)sizeof word;
    for (; at < end; at++, want++)
        if (block[at] != *want)
            return at;
    return size;
}

static inline void replace_compare(struct worker *w, struct replace_books has, uint64_t key,
                                   uint32_t slot) {
    const uint32_t size = has.size[slot];
    const uint32_t at = replace_first_difference(has.block[slot], size, replace_pattern(key, slot));
    if (at < size)
        replace_fail(w, "contents",
                     "byte %u of a live block of %u bytes at %p has changed to 0x%02x: the "
                     "allocator wrote into it or gave it to two owners",
                     at, size, (const void *)has.block[slot], has.block[slot][at]);
}

/* C23 7.24.3: a block is aligned for every object that fits in it, at most for max_align_t. */
static inline void replace_check_block(struct worker *w, void *block, uint32_t size) {
    const size_t most = _Alignof(max_align_t), fits = (size_t)1 << (31 - __builtin_clz(size));
    const size_t alignment = fits < most ? fits : most;
    if ((uintptr_t)block % alignment != 0)
        replace_fail(w, "alignment", "malloc(%u) returned %p, which is not aligned to %zu", size,
                     block, alignment);
    const size_t usable = w->allocator->usable_size ? w->allocator->usable_size(block) : size;
    if (usable < size)
        replace_fail(w, "usable-size", "the usable size of the block of malloc(%u) is %zu", size,
                     usable);
}

REPLACE_INLINE void replace_verify_stream(struct worker *w, struct replace_stream s,
                                          struct replace load) {
    const struct allocator *a      = w->allocator;
    const struct replace_books has = replace_books_of(w, load);
    const uint64_t key             = replace_pattern_key(w);
    for (uint64_t i = 0; i < s.ops; i++) {
        const struct replace_request r = replace_request_of(s, i, load);
        if (has.block[r.slot]) {
            replace_compare(w, has, key, r.slot);
            if (*w->failed_check) /* freeing a block that is not ours could end the process */
                return;
            a->free(has.block[r.slot]);
        }
        unsigned char *block = has.block[r.slot] = a->malloc(r.size);
        if (!block) {
            replace_fail(w, "null", "malloc(%u) returned NULL at operation %llu", r.size,
                         (unsigned long long)i);
            return;
        }
        replace_check_block(w, block, r.size);
        replace_fill(block, r.size, replace_pattern(key, r.slot));
        has.size[r.slot] = r.size;
        w->digest += r.digest;
    }
}

/* --- the functions of struct workload --- */

REPLACE_INLINE void replace_warm_up(struct worker *w, bool verify, struct replace load) {
    if (verify)
        replace_verify_stream(w, replace_warm_up_of(w, load), load);
    else
        replace_run_stream(w, replace_warm_up_of(w, load), load);
}

REPLACE_INLINE void replace_run(struct worker *w, struct replace load) {
    replace_run_stream(w, replace_timed_of(w, load), load);
}

REPLACE_INLINE void replace_verify(struct worker *w, struct replace load) {
    replace_verify_stream(w, replace_timed_of(w, load), load);
}

static inline void replace_inspect(struct worker *w, bool verified, struct replace load) {
    const struct replace_books has = replace_books_of(w, load);
    const bool overlaps            = w->allocator->flags & ALLOCATOR_FLOOR;
    for (uint32_t slot = 0; slot < load.slots; slot++) {
        unsigned char *block = has.block[slot];
        if (!block)
            continue;
        worker_count_live(w, block, has.size[slot]);
        if (overlaps)
            continue;
        if (verified)
            replace_compare(w, has, replace_pattern_key(w), slot);
        else if (block[0] != (unsigned char)slot ||
                 block[has.size[slot] - 1] != (unsigned char)slot)
            replace_fail(w, "contents",
                         "the first or last byte of a live block of %u bytes at %p has changed: "
                         "the allocator wrote into it or gave it to two owners",
                         has.size[slot], (const void *)block);
    }
}

static inline void replace_drain(struct worker *w, struct replace load) {
    const struct replace_books has = replace_books_of(w, load);
    for (uint32_t slot = 0; slot < load.slots; slot++) {
        if (has.block[slot])
            w->allocator->free(has.block[slot]);
        has.block[slot] = NULL;
    }
}

/* Defines the functions of a workload of this scheme, by the names of their members. */
#define REPLACE_WORKLOAD(load)                                                                     \
    static void warm_up(struct worker *w, bool verify_it) {                                        \
        replace_warm_up(w, verify_it, load);                                                       \
    }                                                                                              \
    static void run(struct worker *w) {                                                            \
        replace_run(w, load);                                                                      \
    }                                                                                              \
    static void verify(struct worker *w) {                                                         \
        replace_verify(w, load);                                                                   \
    }                                                                                              \
    static void inspect(struct worker *w, bool verified) {                                         \
        replace_inspect(w, verified, load);                                                        \
    }                                                                                              \
    static void drain(struct worker *w) {                                                          \
        replace_drain(w, load);                                                                    \
    }

/* The members of struct workload that such a workload has by its SLOTS, MIN_BYTES and MAX_BYTES. */
#define REPLACE_MEMBERS                                                                            \
    .abi = WORKLOAD_ABI, .live_blocks = SLOTS, .min_bytes = MIN_BYTES, .max_bytes = MAX_BYTES,     \
    .memory_bytes = REPLACE_MEMORY_BYTES(SLOTS), .warm_up = warm_up, .run = run, .verify = verify, \
    .inspect = inspect, .drain = drain

#endif
