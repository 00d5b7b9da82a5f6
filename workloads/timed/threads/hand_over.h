/* Blocks that one thread allocates and another frees, by bounded queues.
 *
 * Senders allocate parcels of blocks, write into them, and put each into a receiver's mailbox. A
 * receiver reads each block and frees it. Who waits for a full mailbox empties its own meanwhile,
 * so that no circle of threads can wait for each other.
 *
 * Sizes are log-normal, as those of messages: half are 48 to 140 bytes, and few have kilobytes. */
#ifndef SPANBENCH_HAND_OVER_H
#define SPANBENCH_HAND_OVER_H

#include "mailbox.h"

enum { HAND_OVER_MIN = 16, HAND_OVER_MAX = 8192, HAND_OVER_SIZES = 4096 /* a power of two */ };

/* A worker's books: sizes that are drawn before the time begins, for a draw takes as long as a
 * malloc. An operation takes one of them, and so does each seed. */
struct hand_over_books {
    uint16_t size[HAND_OVER_SIZES];
};

/* Who sends what to whom. */
struct hand_over {
    uint32_t (*parts)(
        const struct worker *); /* how many threads' operations this one makes, its own
                                   and those of the next ones; 0: it only receives */
    uint32_t (*receiver)(const struct worker *, uint64_t parcel);
};

static inline void hand_over_warm_up(struct worker *w, bool verify) {
    enum { MEAN = (6 << 16) + 25000, DEVIATION = 75000 }; /* of the logarithm, in 65536ths */
    struct hand_over_books *b = w->memory;
    (void)verify;
    for (uint64_t i = 0; i < HAND_OVER_SIZES; i++)
        b->size[i] = (uint16_t)draw_log_normal(stream_random(stream_key(0, STREAM_WARM_UP, 0), i),
                                               MEAN, DEVIATION, HAND_OVER_MIN, HAND_OVER_MAX);
}

STREAM_INLINE uint32_t hand_over_size(const struct worker *w, uint64_t random) {
    const struct hand_over_books *b = w->memory;
    return b->size[random % HAND_OVER_SIZES];
}

/* Makes the next block of a parcel, which belongs to the operation `op`. NULL: a check failed. */
STREAM_INLINE unsigned char *hand_over_add(struct worker *w, struct parcel *p, uint64_t key,
                                           uint64_t op, bool verify) {
    const uint64_t random = stream_random(key, op);
    const uint32_t size   = hand_over_size(w, random);
    unsigned char *block  = block_new(w, size);
    if (!block)
        return NULL;
    block_write(w, block, size, op, verify);
    if (verify && *w->failed_check)
        return NULL;
    p->size[p->count]    = size;
    p->block[p->count++] = block;
    w->digest += family_digest(random, size);
    return block;
}

/* Empties the own mailbox as far as it is full. False: there was nothing, or a check failed. Then
 * the parcel in question is still there, and some of its blocks are freed: this must not be called
 * again. */
STREAM_INLINE bool hand_over_receive(struct worker *w, bool verify) {
    struct exchange *e  = exchange_of(w);
    struct mailbox *box = &e->box[w->thread];
    bool any            = false;
    for (const struct parcel *p; (p = mailbox_look(box)); mailbox_done(box)) {
        for (uint32_t i = 0; i < p->count; i++) {
            if (!block_read(w, p->block[i], p->size[i], p->first + i, verify)) {
                exchange_stop(e); /* freeing what is not ours could end the process */
                return false;
            }
            w->allocator->free(p->block[i]);
        }
        any = true;
    }
    return any;
}

/* Sends a parcel of the operations [first, end). False: a check failed, here or elsewhere. */
STREAM_INLINE bool hand_over_send(struct worker *w, uint64_t key, uint64_t first, uint64_t end,
                                  uint32_t to, bool verify) {
    struct exchange *e = exchange_of(w);
    struct parcel p;
    p.first = first;
    p.count = p.chain = 0;
    for (uint64_t op = first; op < end; op++)
        if (!hand_over_add(w, &p, key, op, verify)) {
            exchange_stop(e);
            return false;
        }
    for (unsigned turns = 0; !mailbox_put(&e->box[to], &p);)
        if (!hand_over_receive(w, verify) && (*w->failed_check || !exchange_wait(e, &turns)))
            return false;
    return true;
}

/* Where the operations of a thread begin: the harness's own split. */
STREAM_INLINE uint64_t hand_over_first(const struct worker *w, uint32_t thread) {
    return (uint64_t)((__uint128_t)w->total_ops * thread / w->threads);
}

STREAM_INLINE void hand_over_go(struct worker *w, bool verify, struct hand_over how) {
    struct exchange *e   = exchange_of(w);
    const uint32_t parts = how.parts(w);
    const uint64_t end = hand_over_first(w, w->thread + parts), key = family_key(w);
    uint64_t parcel = 0;
    for (uint64_t op = hand_over_first(w, w->thread); op < end; op += PARCEL_BLOCKS, parcel++) {
        const uint64_t next = end - op < PARCEL_BLOCKS ? end : op + PARCEL_BLOCKS;
        if (!hand_over_send(w, key, op, next, how.receiver(w, parcel), verify))
            return;
        if (!hand_over_receive(w, verify) && *w->failed_check)
            return;
    }
    /* Release: pairs with the acquire below; then all parcels of this thread are in their boxes. */
    atomic_fetch_add_explicit(&e->ended, 1, memory_order_release);
    for (unsigned turns = 0;;) {
        const bool last = atomic_load_explicit(&e->ended, memory_order_acquire) == w->threads;
        if (hand_over_receive(w, verify))
            turns = 0;
        else if (*w->failed_check || last || !exchange_wait(e, &turns))
            return;
    }
}

/* Defines the functions of a workload of this scheme. */
#define HAND_OVER_WORKLOAD(how)                                                                    \
    static void go(struct worker *w, bool verify_it) {                                             \
        hand_over_go(w, verify_it, how);                                                           \
    }                                                                                              \
    FAMILY_RUNS(go)

#define HAND_OVER_MEMBERS                                                                          \
    HAND_OVER_MEMBERS_SHARED, .ops = 1000000, .quick_ops = 200000, .brief_ops = 20000

/* And those of any workload of such sizes. */
#define HAND_OVER_MEMBERS_SHARED                                                                   \
    MAILBOX_MEMBERS, .abi = WORKLOAD_ABI, .group = "threads", .min_bytes = HAND_OVER_MIN,          \
                     .max_bytes = HAND_OVER_MAX, .memory_bytes = sizeof(struct hand_over_books),   \
                     .warm_up = hand_over_warm_up, .run = run, .verify = verify,                   \
                     .inspect = family_no_inspection, .drain = family_no_drain

#endif
