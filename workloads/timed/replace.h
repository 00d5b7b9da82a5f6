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

#include "block.h"
#include "sizes.h"
#include "stream.h"

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
    const struct sizes *sizes; /* in its place, of a user; NULL: draw decides */
    bool first_page;           /* as WORKLOAD_FIRST_PAGE says, which its workload must have, too */
};

/* The books of a thread: one pointer and one size a slot, in two arrays. */
struct replace_books {
    unsigned char **block;
    uint32_t *size;
};

#define REPLACE_MEMORY_BYTES(slots) ((slots) * (sizeof(unsigned char *) + sizeof(uint32_t)))

STREAM_INLINE struct replace_books replace_books_of(const struct worker *w, struct replace load) {
    unsigned char **block = w->memory;
    return (struct replace_books){block, (uint32_t *)(block + load.slots)};
}

/* A run of one thread's requests: its warm-up, or its timed operations. */
struct replace_stream {
    uint64_t key; /* of its random bits */
    uint64_t first, ops;
    uint64_t fill;          /* so many operations at the beginning take the slots in their order */
    uint32_t factor, shift; /* slot s has rank (s * factor + shift) modulo the slots */
};

/* The seed's order of ranks. `factor` shares no divisor with the slots, so that no two slots have
 * the same rank. */
STREAM_INLINE struct replace_stream replace_ranked(struct replace_stream s, uint64_t seed,
                                                   struct replace load) {
    const uint64_t random = stream_key(seed, STREAM_RANKS, 0);
    s.factor              = 1 + (uint32_t)((random & UINT32_MAX) * load.slots >> 32);
    s.shift               = (uint32_t)((random >> 32) % load.slots);
    while (stream_common_divisor(s.factor, load.slots) != 1)
        s.factor++;
    return s;
}

STREAM_INLINE uint32_t replace_rank_of(struct replace_stream s, uint32_t slot,
                                       struct replace load) {
    return (uint32_t)(((uint64_t)slot * s.factor + s.shift) % load.slots);
}

/* Each thread has a warm-up of its own; the timed operations are one stream for all threads. */
STREAM_INLINE struct replace_stream replace_warm_up_of(const struct worker *w,
                                                       struct replace load) {
    return replace_ranked(
        (struct replace_stream){.key  = stream_key(w->seed, STREAM_WARM_UP, w->thread),
                                .ops  = (uint64_t)load.slots * load.rounds,
                                .fill = load.slots},
        w->seed, load);
}

STREAM_INLINE struct replace_stream replace_timed_of(const struct worker *w, struct replace load) {
    return replace_ranked((struct replace_stream){.key   = stream_key(w->seed, STREAM_TIMED, 0),
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

STREAM_INLINE struct replace_request replace_request_of(struct replace_stream s, uint64_t nth,
                                                        struct replace load) {
    const uint64_t random = stream_random(s.key, s.first + nth);
    const uint32_t slot =
        nth < s.fill ? (uint32_t)nth : (uint32_t)((random >> 32) * load.slots >> 32);
    const uint32_t size = load.sizes ? sizes_draw(load.sizes, random)
                                     : load.draw((uint32_t)random, replace_rank_of(s, slot, load));
    return (struct replace_request){
        .slot   = slot,
        .size   = size,
        .digest = (random | 1) * size,
    };
}

/* How many bytes of a block are written, from its first. */
STREAM_INLINE uint32_t replace_written(uint32_t size, struct replace load) {
    return load.first_page && size > BLOCK_PAGE ? BLOCK_PAGE : size;
}

STREAM_INLINE void replace_run_stream(struct worker *w, struct replace_stream s,
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
            block_fail(w, "null", "malloc(%u) returned NULL at operation %llu", r.size,
                       (unsigned long long)i);
            break;
        }
        block_touch(block, replace_written(r.size, load),
                    r.slot); /* the writes wait for malloc's result */
        has.block[r.slot] = block;
        has.size[r.slot]  = r.size;
        digest += r.digest;
    }
    w->digest += digest;
}

/* What verify keeps in the block in a slot: a run of 64-bit words. It differs from that of every
 * other slot of every thread, and from itself at another offset. `key`: of the thread's patterns.
 */
STREAM_INLINE uint64_t replace_pattern(uint64_t key, uint32_t slot) {
    return stream_random(key, slot);
}

STREAM_INLINE uint64_t replace_pattern_key(const struct worker *w) {
    return stream_key(w->seed, STREAM_PATTERN, w->thread);
}

static inline void replace_compare(struct worker *w, struct replace_books has, uint64_t key,
                                   uint32_t slot, struct replace load) {
    const uint32_t size = replace_written(has.size[slot], load);
    const uint32_t at   = block_first_difference(has.block[slot], size, replace_pattern(key, slot));
    if (at < size)
        block_fail(w, "contents",
                   "byte %u of a live block of %u bytes at %p has changed to 0x%02x: the "
                   "allocator wrote into it or gave it to two owners",
                   at, size, (const void *)has.block[slot], has.block[slot][at]);
}

STREAM_INLINE void replace_verify_stream(struct worker *w, struct replace_stream s,
                                         struct replace load) {
    const struct allocator *a      = w->allocator;
    const struct replace_books has = replace_books_of(w, load);
    const uint64_t key             = replace_pattern_key(w);
    for (uint64_t i = 0; i < s.ops; i++) {
        const struct replace_request r = replace_request_of(s, i, load);
        if (has.block[r.slot]) {
            replace_compare(w, has, key, r.slot, load);
            if (*w->failed_check) /* freeing a block that is not ours could end the process */
                return;
            a->free(has.block[r.slot]);
        }
        unsigned char *block = has.block[r.slot] = a->malloc(r.size);
        if (!block) {
            block_fail(w, "null", "malloc(%u) returned NULL at operation %llu", r.size,
                       (unsigned long long)i);
            return;
        }
        block_check(w, block, r.size);
        block_fill(block, replace_written(r.size, load), replace_pattern(key, r.slot));
        has.size[r.slot] = r.size;
        w->digest += r.digest;
    }
}

/* --- the functions of struct workload --- */

STREAM_INLINE void replace_warm_up(struct worker *w, bool verify, struct replace load) {
    if (verify)
        replace_verify_stream(w, replace_warm_up_of(w, load), load);
    else
        replace_run_stream(w, replace_warm_up_of(w, load), load);
}

STREAM_INLINE void replace_run(struct worker *w, struct replace load) {
    replace_run_stream(w, replace_timed_of(w, load), load);
}

STREAM_INLINE void replace_verify(struct worker *w, struct replace load) {
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
        w->untouched_bytes += has.size[slot] - replace_written(has.size[slot], load);
        if (overlaps)
            continue;
        if (verified)
            replace_compare(w, has, replace_pattern_key(w), slot, load);
        else if (block[0] != (unsigned char)slot ||
                 block[replace_written(has.size[slot], load) - 1] != (unsigned char)slot)
            block_fail(w, "contents",
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

/* The members of struct workload that such a workload has by its SLOTS, MIN_BYTES and MAX_BYTES.
 * The second are for one that keeps less than this scheme promises, or that promises more. */
#define REPLACE_MEMBERS .traits = WORKLOAD_REPLACES, REPLACE_MEMBERS_SHARED
#define REPLACE_MEMBERS_SHARED                                                                     \
    .abi = WORKLOAD_ABI, .live_blocks = SLOTS, .min_bytes = MIN_BYTES, .max_bytes = MAX_BYTES,     \
    .memory_bytes = REPLACE_MEMORY_BYTES(SLOTS), .warm_up = warm_up, .run = run, .verify = verify, \
    .inspect = inspect, .drain = drain

#endif
