/* Random replacement: the loop that tiny, small and large share.
 *
 * A thread fills its slots one by one; from then on each operation picks a random slot, frees the
 * block in it and allocates the next one there. The live set stays the same number of blocks, their
 * ages are geometric, and blocks die in another order than they were born in. (The scheme of Larson
 * and Krishnan, "Memory allocation for long-running server applications", ISMM 1998, within one
 * thread.)
 *
 * The functions are inlined into each workload with its own `draw`, so that the compiler sees one
 * plain loop and the size distribution costs no call. */
#ifndef SPANBENCH_REPLACE_H
#define SPANBENCH_REPLACE_H

#include "workload.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REPLACE_INLINE static inline __attribute__((always_inline))

enum { REPLACE_PAGE = 4096 }; /* one write per so many bytes makes every page of a block resident */

/* Maps 32 random bits to a size in bytes. Integer arithmetic only: the same on every machine. */
typedef uint32_t replace_draw(uint32_t random);

/* The books: one pointer and one size a slot, in two arrays. */
struct replace_books {
    unsigned char **block;
    uint32_t *size;
};

REPLACE_INLINE struct replace_books replace_books_of(const struct worker *w) {
    unsigned char **block = w->memory;
    return (struct replace_books){block, (uint32_t *)(block + w->slots)};
}

REPLACE_INLINE size_t replace_memory_bytes(uint32_t slots) {
    return slots * (sizeof(unsigned char *) + sizeof(uint32_t));
}

/* Operation i's 64 random bits: a counter through one wide multiplication (the finaliser of
 * wyhash), so that operations do not wait for each other and any can be computed alone. */
REPLACE_INLINE uint64_t replace_random(uint64_t seed, uint64_t i) {
    const uint64_t x      = seed + i * 0x9E3779B97F4A7C15u; /* 2^64 / golden ratio */
    const __uint128_t mix = (__uint128_t)x * (x ^ 0xE7037ED1A0B428DBu);
    return (uint64_t)(mix >> 64) ^ (uint64_t)mix;
}

/* The requests of one thread. A copy of the worker's fields: the compiler can keep it in registers,
 * where the worker might be changed by any write to a block. */
struct replace_stream {
    uint64_t seed, first_op;
    uint32_t slots;
};

REPLACE_INLINE struct replace_stream replace_stream_of(const struct worker *w) {
    return (struct replace_stream){w->seed, w->first_op, w->slots};
}

/* A request: the upper half of the random bits picks the slot, the lower half the size. */
struct replace_request {
    uint32_t slot;
    uint32_t size;
    uint64_t digest; /* order of summation does not matter, so threads may add up in any order */
};

REPLACE_INLINE struct replace_request replace_request_of(struct replace_stream s, uint64_t nth,
                                                         replace_draw *draw) {
    const uint64_t random = replace_random(s.seed, s.first_op + nth);
    const uint32_t size   = draw((uint32_t)random);
    return (struct replace_request){
        .slot   = nth < s.slots ? (uint32_t)nth : (uint32_t)((random >> 32) * s.slots >> 32),
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

REPLACE_INLINE void replace_run(struct worker *w, replace_draw *draw) {
    const struct allocator *a      = w->allocator;
    const struct replace_books has = replace_books_of(w);
    const struct replace_stream s  = replace_stream_of(w);
    const uint64_t ops             = w->ops;
    uint64_t digest                = 0;
    for (uint64_t i = 0; i < ops; i++) {
        const struct replace_request r = replace_request_of(s, i, draw);
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
    w->digest = digest;
}

/* What verify keeps in the block in a slot: a run of 64-bit words that differs from that of every
 * other slot of every thread, and from itself at another offset. */
REPLACE_INLINE uint64_t replace_pattern(const struct worker *w, uint32_t slot) {
    return replace_random(~w->seed, (uint64_t)w->thread << 32 | slot);
}

REPLACE_INLINE uint64_t replace_next_word(uint64_t word) {
    return word + 0x9E3779B97F4A7C15u;
}

static inline void replace_fill(const struct worker *w, unsigned char *block, uint32_t size,
                                uint32_t slot) {
    uint64_t word = replace_pattern(w, slot);
    uint32_t at   = 0;
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
    const unsigned char *want = (const unsigned char *)&word;
    const uint32_t end        = size - at < sizeof word ? size : at + (uint32_t)sizeof word;
    for (; at < end; at++, want++)
        if (block[at] != *want)
            return at;
    return size;
}

static inline void replace_compare(struct worker *w, uint32_t slot) {
    const struct replace_books has = replace_books_of(w);
    const uint32_t size            = has.size[slot];
    const uint32_t at = replace_first_difference(has.block[slot], size, replace_pattern(w, slot));
    if (at < size)
        replace_fail(w, "contents",
                     "byte %u of a live block of %u bytes at %p has changed to 0x%02x: the "
                     "allocator wrote into it or gave it to two owners",
                     at, size, (const void *)has.block[slot], has.block[slot][at]);
}

/* C23 7.24.3: a block is aligned for every object that fits in it, at most for max_align_t. */
static inline void replace_check_block(struct worker *w, void *block, uint32_t size) {
    size_t alignment = _Alignof(max_align_t);
    while (alignment > size)
        alignment /= 2;
    if ((uintptr_t)block % alignment != 0)
        replace_fail(w, "alignment", "malloc(%u) returned %p, which is not aligned to %zu", size,
                     block, alignment);
    const size_t usable = w->allocator->usable_size ? w->allocator->usable_size(block) : size;
    if (usable < size)
        replace_fail(w, "usable-size", "the usable size of the block of malloc(%u) is %zu", size,
                     usable);
}

REPLACE_INLINE void replace_verify(struct worker *w, replace_draw *draw) {
    const struct allocator *a      = w->allocator;
    const struct replace_books has = replace_books_of(w);
    const struct replace_stream s  = replace_stream_of(w);
    for (uint64_t i = 0; i < w->ops; i++) {
        const struct replace_request r = replace_request_of(s, i, draw);
        if (has.block[r.slot]) {
            replace_compare(w, r.slot);
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
        replace_fill(w, block, r.size, r.slot);
        has.size[r.slot] = r.size;
        w->digest += r.digest;
    }
}

static inline void replace_inspect(struct worker *w, bool verified) {
    const struct replace_books has = replace_books_of(w);
    const bool overlaps            = w->allocator->flags & ALLOCATOR_FLOOR;
    for (uint32_t slot = 0; slot < w->slots; slot++) {
        const unsigned char *block = has.block[slot];
        if (!block)
            continue;
        w->live_blocks++;
        w->live_bytes += has.size[slot];
        if (overlaps)
            continue;
        if (verified)
            replace_compare(w, slot);
        else if (block[0] != (unsigned char)slot ||
                 block[has.size[slot] - 1] != (unsigned char)slot)
            replace_fail(
                w, "contents",
                "the first or last byte of a live block of %u bytes at %p has changed: the "
                "allocator wrote into it or gave it to two owners",
                has.size[slot], (const void *)block);
    }
}

static inline void replace_drain(struct worker *w) {
    const struct replace_books has = replace_books_of(w);
    for (uint32_t slot = 0; slot < w->slots; slot++) {
        if (has.block[slot])
            w->allocator->free(has.block[slot]);
        has.block[slot] = NULL;
    }
}

#endif
