/* Families: workloads of one function, the operation, that makes the same requests when it is timed
 * and when it is verified.
 *
 * A thread holds blocks in numbered places. `held_take` takes a new block in, `held_drop` frees it.
 * When verifying, every byte of a block is written when it comes and compared before it goes.
 * Else a block's first byte, one of each page and its last are written, for a program uses what it
 * asks for. That a block is held, and how large it is, stands outside of it: so a family also runs
 * on `null`, whose blocks overlap.
 *
 * `verify` is a constant where the functions are inlined, so that the timed loop has no test. */
#ifndef SPANBENCH_PLACES_H
#define SPANBENCH_PLACES_H

#include "block.h"
#include "contents.h"
#include "slots.h"
#include "stream.h"

/* A place: the block in it, NULL if there is none, and the bytes that were asked for. */
struct held {
    unsigned char *block;
    uint32_t size;
    uint32_t written; /* bytes at its beginning that are in use; the rest was never touched */
};

/* One of the streams of a thread's operations: its random bits, by number. */
struct step {
    uint64_t key;    /* of the stream */
    uint64_t number; /* of the operation in it: over all threads, when it is timed */
    bool before;     /* it is one of the warm-up */
};

/* The place that an operation is about, by 32 random bits. Those that come first take the places
 * in their order, so that all are taken when the timed operations begin. */
STREAM_INLINE uint32_t step_place(struct step op, uint32_t random, uint32_t places) {
    return op.before && op.number < places ? (uint32_t)op.number
                                           : draw_uniform(random, 0, places - 1);
}

/* The random bits of the operation; `nth` has others for each value below 2^16. */
STREAM_INLINE uint64_t step_random(struct step op, uint32_t nth) {
    return stream_random(op.key ^ (uint64_t)nth << 40, op.number);
}

/* --- places --- */

/* The first word of what verifying keeps in a place: no two places of any threads have the same. */
STREAM_INLINE uint64_t held_pattern(const struct worker *w, uint32_t place) {
    return stream_random(stream_key(w->seed, STREAM_PATTERN, w->thread), place);
}

/* The word of a pattern that stands at the byte `at`, a multiple of its size. */
STREAM_INLINE uint64_t held_later_word(uint64_t word, uint32_t at) {
    return word + at / sizeof word * STREAM_STEP;
}

/* What is written into a block of a place that is only touched, not filled. */
STREAM_INLINE unsigned char held_mark(uint32_t place) {
    return (unsigned char)(place | 1);
}

/* Writes what came to be in use, from the byte `from` on. */
STREAM_INLINE void held_write(struct worker *w, struct held *h, uint32_t place, uint32_t from,
                              bool verify) {
    if (verify) {
        const uint32_t whole = from & ~(uint32_t)(sizeof(uint64_t) - 1);
        const uint64_t word  = held_pattern(w, place);
        block_fill(h->block + whole, h->written - whole, held_later_word(word, whole));
        return;
    }
    if (!from)
        h->block[0] = held_mark(place);
    for (uint32_t at = (from + BLOCK_PAGE - 1) & ~(uint32_t)(BLOCK_PAGE - 1); at < h->written;
         at += BLOCK_PAGE)
        h->block[at] = held_mark(place);
    h->block[h->written - 1] = held_mark(place);
}

/* Whether the first `size` bytes of a block are as they were written. */
static inline bool held_intact(struct worker *w, const struct held *h, uint32_t place,
                               uint32_t size) {
    const uint64_t word = held_pattern(w, place);
    const uint32_t at   = block_first_difference(h->block, size, word);
    if (at < size)
        block_fail(w, "contents",
                   "byte %u of a live block of %u bytes at %p has changed to 0x%02x: the "
                   "allocator wrote into it, lost it, or gave it to two owners",
                   at, h->size, (const void *)h->block, h->block[at]);
    return at == size;
}

/* `block`, of the named function, becomes what is in the place: `size` bytes, of which `in_use` are
 * written, the first `kept` of them already. False: it fails a check. */
STREAM_INLINE bool held_take(struct worker *w, struct held *h, uint32_t place, void *block,
                             uint32_t size, uint32_t in_use, uint32_t kept, const char *function,
                             bool verify) {
    if (__builtin_expect(!block, 0)) {
        block_fail(w, "null", "%s of %u bytes returned NULL", function, size);
        return false;
    }
    *h = (struct held){block, size, in_use};
    if (verify) {
        block_check(w, block, size);
        if (*w->failed_check || !held_intact(w, h, place, kept))
            return false;
    }
    held_write(w, h, place, kept, verify);
    return true;
}

/* Whether a block of calloc is zero, to the last byte. The timed pass looks at nothing, for that
 * would be the first touch of a page. NULL is left to held_take. */
STREAM_INLINE bool held_zero(struct worker *w, const unsigned char *block, uint32_t size,
                             bool verify) {
    if (!verify || !block || !block_is_kept(w))
        return true;
    const uint32_t at = (uint32_t)contents_zero(block, size);
    if (at < size)
        block_fail(w, "contents", "a block of %u bytes of calloc at %p is not zero", size,
                   (const void *)block);
    return at == size;
}

/* A new block of malloc, all of it in use. */
STREAM_INLINE bool held_malloc(struct worker *w, struct held *h, uint32_t place, uint32_t size,
                               bool verify) {
    return held_take(w, h, place, w->allocator->malloc(size), size, size, 0, "malloc", verify);
}

/* The block in a place grows, or shrinks, by realloc; what is new of it is written. */
STREAM_INLINE bool held_realloc(struct worker *w, struct held *h, uint32_t place, uint32_t size,
                                bool verify) {
    const uint32_t kept = size < h->written ? size : h->written;
    return held_take(w, h, place, w->allocator->realloc(h->block, size), size, size, kept,
                     "realloc", verify);
}

/* The place is empty from now on; false: the block was not as it was written. */
STREAM_INLINE bool held_leave(struct worker *w, struct held *h, uint32_t place, bool verify) {
    if (verify && h->block && !held_intact(w, h, place, h->written))
        return false;
    h->block = NULL;
    return true;
}

/* Frees what is in the place, if anything. */
STREAM_INLINE bool held_drop(struct worker *w, struct held *h, uint32_t place, bool verify) {
    unsigned char *block = h->block;
    if (!block)
        return true;
    if (!held_leave(w, h, place, verify))
        return false;
    w->allocator->free(block);
    return true;
}

/* Frees what is in the place and puts a block of malloc there. */
STREAM_INLINE bool held_replace(struct worker *w, struct held *h, uint32_t place, uint32_t size,
                                bool verify) {
    return held_drop(w, h, place, verify) && held_malloc(w, h, place, size, verify);
}

/* A new block of `from` bytes replaces the one in the place, and grows to `end` bytes by a `part`
 * of its size each time. */
STREAM_INLINE bool held_grow(struct worker *w, struct held *h, uint32_t place, uint32_t from,
                             uint32_t end, uint32_t part, bool verify) {
    if (!held_replace(w, h, place, from, verify))
        return false;
    for (uint32_t size = from; size < end;) {
        size = size + size / part < end ? size + size / part : end;
        if (!held_realloc(w, h, place, size, verify))
            return false;
    }
    return true;
}

/* --- the functions of struct workload --- */

/* An operation; false: a check failed, and the stream ends. Adds to the worker's digest. */
typedef bool places_operation(struct worker *, struct step, bool verify);

STREAM_INLINE void places_stream(struct worker *w, struct step first, uint64_t ops,
                                 places_operation *operation, bool verify) {
    struct step op = first;
    for (; op.number - first.number < ops; op.number++)
        if (!operation(w, op, verify))
            return;
}

STREAM_INLINE void places_warm_up(struct worker *w, uint64_t ops, places_operation *operation,
                                  bool verify) {
    const uint64_t key = stream_key(w->seed, STREAM_WARM_UP, w->thread);
    places_stream(w, (struct step){.key = key, .before = true}, ops, operation, verify);
}

STREAM_INLINE void places_run(struct worker *w, places_operation *operation, bool verify) {
    const uint64_t key = stream_key(w->seed, STREAM_TIMED, 0);
    places_stream(w, (struct step){.key = key, .number = w->first_op}, w->ops, operation, verify);
}

/* Counts the block in a place, if there is one, and looks at what was written into it. */
static inline void held_inspect(struct worker *w, const struct held *h, uint32_t place,
                                bool verified) {
    if (!h->block)
        return;
    worker_count_live(w, h->block, h->size);
    w->untouched_bytes += h->size - h->written;
    if (!block_is_kept(w))
        return;
    if (verified)
        held_intact(w, h, place, h->written);
    else if (h->block[0] != held_mark(place) || h->block[h->written - 1] != held_mark(place))
        block_fail(w, "contents",
                   "the first or last byte of a live block of %u bytes at %p has changed: "
                   "the allocator wrote into it, lost it, or gave it to two owners",
                   h->size, (const void *)h->block);
}

static inline void places_inspect(struct worker *w, const struct held *held, uint32_t places,
                                  bool verified) {
    for (uint32_t place = 0; place < places; place++)
        held_inspect(w, &held[place], place, verified);
}

static inline void places_drain(struct worker *w, struct held *held, uint32_t places) {
    for (uint32_t place = 0; place < places; place++)
        held_drop(w, &held[place], place, false);
}

/* Defines the functions of a family. `operation` is its operation. Its books, struct books, begin
 * with `struct held held[PLACES]`. WARM_UP is how many operations come before the timed ones. */
#define PLACES_FAMILY(operation) PLACES_FUNCTIONS(operation, operation)

/* The same, with another operation in the warm-up. */
#define PLACES_FUNCTIONS(before, operation)                                                        \
    PLACES_RUNS(before, operation)                                                                 \
    PLACES_INSPECT                                                                                 \
    PLACES_DRAIN

/* The parts of it. `before` is the operation of the warm-up. */
#define PLACES_RUNS(before, operation)                                                             \
    static void warm_up(struct worker *w, bool verify_it) {                                        \
        places_warm_up(w, WARM_UP, before, verify_it);                                             \
    }                                                                                              \
    static void run(struct worker *w) {                                                            \
        places_run(w, operation, false);                                                           \
    }                                                                                              \
    static void verify(struct worker *w) {                                                         \
        places_run(w, operation, true);                                                            \
    }

#define PLACES_INSPECT                                                                             \
    _Static_assert(offsetof(struct books, held) == 0, "the books begin with the places");          \
    static void inspect(struct worker *w, bool verified) {                                         \
        places_inspect(w, w->memory, PLACES, verified);                                            \
    }

#define PLACES_DRAIN                                                                               \
    static void drain(struct worker *w) {                                                          \
        places_drain(w, w->memory, PLACES);                                                        \
    }

/* The members of struct workload that it has by these, and by MIN_BYTES and MAX_BYTES. */
#define PLACES_MEMBERS                                                                             \
    .abi = WORKLOAD_ABI, .min_bytes = MIN_BYTES, .max_bytes = MAX_BYTES,                           \
    .memory_bytes = sizeof(struct books), .warm_up = warm_up, .run = run, .verify = verify,        \
    .inspect = inspect, .drain = drain

#endif
