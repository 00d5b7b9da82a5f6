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

/* What a parcel tells of its one block. */
struct message {
    uint64_t op;
    unsigned char *block;
    uint32_t size, number;
};

/* Sends the block of an operation, with the head of the one before. False: a check failed. */
STREAM_INLINE bool send(struct worker *w, uint64_t key, uint64_t op, uint32_t number,
                        const unsigned char *before, bool verify) {
    struct parcel p;
    p.first              = op;
    p.count              = 0;
    p.chain              = number;
    unsigned char *block = hand_over_add(w, &p, key, op, verify);
    if (!block)
        return false;
    if (before && !verify) /* between the bytes that are looked at; on the floor, blocks overlap */
        memmove(block + 1, before + 1, HEAD_BYTES - 2);
    mailbox_put(&exchange_of(w)->box[(w->thread + 1) % w->threads], &p); /* never full */
    return true;
}

/* What a thread does with a message. False: a check failed. */
STREAM_INLINE bool pass_on(struct worker *w, uint64_t key, struct message m, bool verify) {
    if (!block_read(w, m.block, m.size, m.op, verify))
        return false;
    const bool ends = m.op + 1 == first_of(w, m.number + 1);
    if (!ends && !send(w, key, m.op + 1, m.number, m.block, verify))
        return false;
    w->allocator->free(m.block);
    if (ends) /* relaxed: nothing but the number counts */
        atomic_fetch_add_explicit(&exchange_of(w)->ended, 1, memory_order_relaxed);
    return true;
}

STREAM_INLINE void go(struct worker *w, bool verify) {
    struct exchange *e  = exchange_of(w);
    struct mailbox *box = &e->box[w->thread];
    const uint64_t key  = family_key(w);
    bool good           = true;
    for (uint32_t m = w->thread; good && m < MESSAGES; m += w->threads) {
        if (first_of(w, m) == first_of(w, m + 1)) /* fewer operations than messages */
            atomic_fetch_add_explicit(&e->ended, 1, memory_order_relaxed);
        else
            good = send(w, key, first_of(w, m), m, NULL, verify);
    }
    for (unsigned turns = 0;
         good && atomic_load_explicit(&e->ended, memory_order_relaxed) < MESSAGES;) {
        const struct parcel *p = mailbox_look(box);
        if (!p) {
            if (!exchange_wait(e, &turns))
                return;
            continue;
        }
        const struct message m = {p->first, p->block[0], p->size[0], p->chain};
        mailbox_done(box);
        good  = pass_on(w, key, m, verify);
        turns = 0;
    }
    if (!good)
        exchange_stop(e);
}

FAMILY_RUNS(go)

const struct workload workload_message_ring = {
    HAND_OVER_MEMBERS_SHARED,
    .name = "message_ring",
    .summary =
        "log-normal, mostly 48 to 140 B; 32 messages go round all threads, each hop a new block",
    .stresses  = "a malloc and a free of the neighbour's block, in turn",
    .ops       = 400000,
    .quick_ops = 80000,
    .brief_ops = 10000,
};
