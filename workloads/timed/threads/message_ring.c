/* message_ring: messages go round a ring of threads. Who gets one allocates the next, copies the
 * head of the old one into it, frees that, and sends the new one on.
 *
 * Stresses: a malloc, and a free of the neighbour's block, in turn, with few blocks under way.
 * Origin: msgpass of snmalloc's benchmarks (Lietar and others, ISMM 2019); the ring of Erlang's
 * users. Good: what the neighbour freed is there when it is needed. Bad: blocks wander to the wrong
 * thread's cache, so that each malloc takes the slow path. */
#include "hand_over.h"

enum { MESSAGES = 32, HEAD_BYTES = HAND_OVER_MIN };
_Static_assert((int)MESSAGES <= (int)MAILBOX_PARCELS, "all find room in one mailbox");

/* A message's operations are neighbours; those of all messages are all. */
static uint64_t first_of(const struct worker *w, uint64_t message) {
    return (uint64_t)((__uint128_t)w->total_ops * message / MESSAGES);
}

/* Allocates the block of an operation, with the head of the one before. False: a check failed. */
STREAM_INLINE bool next(struct worker *w, uint64_t op, const unsigned char *before,
                        struct parcel *p, bool verify) {
    const uint64_t random = family_random(w->seed, op);
    const uint32_t size   = hand_over_size(random);
    unsigned char *block  = block_new(w, size);
    if (!block)
        return false;
    if (before)
        memcpy(block, before, HEAD_BYTES);
    block_write(w, block, size, op, verify);
    w->digest += family_digest(random, size);
    *p = (struct parcel){.first = op, .count = 1, .block = {block}};
    return true;
}

static void send(const struct worker *w, const struct parcel *p) {
    mailbox_put(&exchange_of(w)->box[(w->thread + 1) % w->threads], p); /* never full */
}

/* What a thread does with a parcel. False: a check failed. */
STREAM_INLINE bool pass_on(struct worker *w, const struct parcel *p, bool verify) {
    const uint64_t op    = p->first;
    unsigned char *block = p->block[0];
    uint64_t message     = (uint64_t)((__uint128_t)op * MESSAGES / w->total_ops);
    struct parcel new;
    while (first_of(w, message + 1) <= op) /* the division rounds down */
        message++;
    if (!block_read(w, block, hand_over_size(family_random(w->seed, op)), op, verify))
        return false;
    const bool ends = op + 1 == first_of(w, message + 1);
    if (!ends && !next(w, op + 1, block, &new, verify))
        return false;
    w->allocator->free(block);
    if (ends) /* relaxed: nothing but the number counts */
        atomic_fetch_add_explicit(&exchange_of(w)->ended, 1, memory_order_relaxed);
    else
        send(w, &new);
    return true;
}

STREAM_INLINE void go(struct worker *w, bool verify) {
    struct exchange *e  = exchange_of(w);
    struct mailbox *box = &e->box[w->thread];
    bool good           = true;
    for (uint64_t m = w->thread; good && m < MESSAGES; m += w->threads) {
        struct parcel p;
        if (first_of(w, m) == first_of(w, m + 1)) /* fewer operations than messages */
            atomic_fetch_add_explicit(&e->ended, 1, memory_order_relaxed);
        else if ((good = next(w, first_of(w, m), NULL, &p, verify)))
            send(w, &p);
    }
    for (unsigned turns = 0;
         good && atomic_load_explicit(&e->ended, memory_order_relaxed) < MESSAGES;) {
        const struct parcel *p = mailbox_look(box);
        if (!p) {
            if (!exchange_wait(e, &turns))
                return;
            continue;
        }
        const struct parcel copy = *p;
        mailbox_done(box);
        good  = pass_on(w, &copy, verify);
        turns = 0;
    }
    if (!good)
        exchange_stop(e);
}

FAMILY_RUNS(go)

const struct workload workload_message_ring = {
    FAMILY_WITHOUT_LIVE_SET,
    MAILBOX_MEMBERS,
    .name  = "message_ring",
    .group = "threads",
    .summary =
        "log-normal, mostly 48 to 140 B; 32 messages go round all threads, each hop a new block",
    .stresses  = "a malloc and a free of the neighbour's block, in turn",
    .ops       = 400000,
    .quick_ops = 80000,
    .brief_ops = 10000,
    .min_bytes = HAND_OVER_MIN,
    .max_bytes = HAND_OVER_MAX,
};
