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

enum { HAND_OVER_MIN = 16, HAND_OVER_MAX = 8192 };

/* Who sends what to whom. */
struct hand_over {
    uint32_t (*parts)(
        const struct worker *); /* how many threads' operations this one makes, its own
                                   and those of the next ones; 0: it only receives */
    uint32_t (*receiver)(const struct worker *, uint64_t parcel);
};

STREAM_INLINE uint32_t hand_over_size(uint64_t random) {
    enum { MEAN = (6 << 16) + 25000, DEVIATION = 75000 }; /* of the logarithm, in 65536ths */
    return draw_log_normal(random, MEAN, DEVIATION, HAND_OVER_MIN, HAND_OVER_MAX);
}

/* Empties the own mailbox as far as it is full. False: there was nothing, or a check failed. */
STREAM_INLINE bool hand_over_receive(struct worker *w, bool verify) {
    struct exchange *e  = exchange_of(w);
    struct mailbox *box = &e->box[w->thread];
    bool any            = false;
    for (const struct parcel *p; (p = mailbox_look(box)); mailbox_done(box)) {
        for (uint32_t i = 0; i < p->count; i++) {
            const uint64_t op   = p->first + i;
            const uint32_t size = hand_over_size(family_random(w->seed, op));
            if (!block_read(w, p->block[i], size, op, verify)) {
                exchange_stop(e); /* freeing what is not ours could end the process */
                return false;
            }
            w->allocator->free(p->block[i]);
        }
        any = true;
    }
    return any;
}

/* False: a check failed, here or elsewhere. */
STREAM_INLINE bool hand_over_send(struct worker *w, struct parcel *p, uint32_t to, bool verify) {
    struct exchange *e = exchange_of(w);
    for (uint32_t i = 0; i < p->count; i++) {
        const uint64_t op = p->first + i, random = family_random(w->seed, op);
        const uint32_t size  = hand_over_size(random);
        unsigned char *block = block_new(w, size);
        if (!block) {
            exchange_stop(e);
            return false;
        }
        block_write(w, block, size, op, verify);
        p->block[i] = block;
        w->digest += family_digest(random, size);
    }
    for (unsigned turns = 0; !mailbox_put(&e->box[to], p);)
        if (!hand_over_receive(w, verify) && !exchange_wait(e, &turns))
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
    const uint64_t end   = hand_over_first(w, w->thread + parts);
    uint64_t parcel      = 0;
    for (uint64_t op = hand_over_first(w, w->thread); op < end; op += PARCEL_BLOCKS, parcel++) {
        struct parcel p = {
            .first = op, .count = end - op < PARCEL_BLOCKS ? (uint32_t)(end - op) : PARCEL_BLOCKS};
        if (!hand_over_send(w, &p, how.receiver(w, parcel), verify))
            return;
        hand_over_receive(w, verify);
    }
    /* Release: pairs with the acquire below; then all parcels of this thread are in their boxes. */
    atomic_fetch_add_explicit(&e->ended, 1, memory_order_release);
    for (unsigned turns = 0;;) {
        const bool last = atomic_load_explicit(&e->ended, memory_order_acquire) == w->threads;
        if (hand_over_receive(w, verify))
            turns = 0;
        else if (last || !exchange_wait(e, &turns))
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
    FAMILY_WITHOUT_LIVE_SET, MAILBOX_MEMBERS, .group = "threads", .min_bytes = HAND_OVER_MIN,      \
                                              .max_bytes = HAND_OVER_MAX, .ops = 1000000,          \
                                              .quick_ops = 200000, .brief_ops = 20000

#endif
