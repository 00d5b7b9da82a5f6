/* The blocks that a workload of the memory group holds, in the order in which it asked for them.
 *
 * Each of these workloads is a row of phases, and the memory of the process is noted behind every
 * one. A failed check ends the work of a thread, but not its notes: the others wait there. So a
 * phase is `if (held_good(w)) …`, and held_note follows in any case. */
#ifndef SPANBENCH_HELD_H
#define SPANBENCH_HELD_H

#include "family.h"

enum { HELD_MOST = 1 << 17 }; /* requests of a thread in a sample, replaced ones not counted */

struct held {
    uint64_t key; /* that no other block of the sample has */
    unsigned char *block;
    uint32_t size;
};

struct held_books {
    uint64_t bytes; /* held now, as asked for */
    uint64_t requests;
    uint32_t count; /* of the entries; those of freed blocks are empty */
    struct held of[HELD_MOST];
};

static inline bool held_good(const struct worker *w) {
    return !*w->failed_check;
}

/* Random bits for the ith choice of a step of this thread; steps have streams of their own. */
STREAM_INLINE uint64_t held_random(const struct worker *w, uint64_t i, uint32_t step) {
    return stream_random(stream_key(w->seed, STREAM_TIMED, step), w->first_op + i);
}

/* Asks for the block of an entry, which is empty. */
static inline void held_fill(struct worker *w, uint32_t entry, uint32_t size, bool verify) {
    struct held_books *b = w->memory;
    struct held *h       = &b->of[entry];
    *h                   = (struct held){.block = block_new(w, size), .size = size};
    if (!h->block)
        return;
    h->key = ((uint64_t)w->thread << 40) + b->requests++;
    block_write(w, h->block, size, h->key, verify);
    w->digest += family_digest(stream_mix(h->key + w->seed), size);
    b->bytes += size;
}

/* One more. */
static inline void held_add(struct worker *w, uint32_t size, bool verify) {
    struct held_books *b = w->memory;
    if (b->count < HELD_MOST)
        held_fill(w, b->count++, size, verify);
    else
        block_fail(w, "environment", "a workload of this group makes at most %d requests a thread",
                   HELD_MOST);
}

/* Frees the block of an entry, if it has one. */
static inline void held_free(struct worker *w, uint32_t entry, bool verify) {
    struct held_books *b = w->memory;
    struct held *h       = &b->of[entry];
    if (!h->block || !block_verify(w, h->block, h->size, h->key, verify))
        return;
    w->allocator->free(h->block);
    b->bytes -= h->size;
    h->block = NULL;
}

static inline void held_note(struct worker *w, const char *name) {
    const struct held_books *b = w->memory;
    worker_instant(w, (struct workload_instant){.name = name, .held_bytes = b->bytes});
}

static inline void held_inspect(struct worker *w, bool verified) {
    const struct held_books *b = w->memory;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct held *h = &b->of[i];
        if (!h->block || !block_read(w, h->block, h->size, h->key, verified))
            continue;
        worker_count_live(w, h->block, h->size);
    }
}

static inline void held_drain(struct worker *w) {
    struct held_books *b = w->memory;
    for (uint32_t i = 0; i < b->count; i++)
        if (b->of[i].block)
            w->allocator->free(b->of[i].block);
    b->count = 0;
    b->bytes = 0;
}

/* The members that all have. */
#define HELD_MEMBERS                                                                               \
    .abi = WORKLOAD_ABI, .group = "memory", .memory_bytes = sizeof(struct held_books),             \
    .warm_up = family_no_warm_up, .run = run, .verify = verify, .inspect = held_inspect,           \
    .drain = held_drain

#endif
