/* Bounded queues between the threads of a workload: each thread has a mailbox, into which any
 * thread puts parcels of blocks, and which its owner empties.
 *
 * A mailbox is a ring after D. Vyukov's bounded queue (1024cores.net, "Bounded MPMC queue"), for
 * one consumer: each place says by its number of turns whether it is empty or full. Zeroed memory
 * is an exchange of empty mailboxes. */
#ifndef SPANBENCH_MAILBOX_H
#define SPANBENCH_MAILBOX_H

#include "family.h"

#include <sched.h>
#include <stdatomic.h>

enum { PARCEL_BLOCKS = 16, MAILBOX_PARCELS = 64 /* a power of two */ };

/* Blocks of the operations first, first + 1 and so on, with their sizes: who gets them need not
 * draw these once more. `chain` is the workload's own. */
struct parcel {
    uint64_t first;
    uint32_t count, chain;
    void *block[PARCEL_BLOCKS];
    uint32_t size[PARCEL_BLOCKS];
};

struct mailbox {
    _Alignas(128) _Atomic uint64_t tail; /* parcels that were put, or are being put */
    _Alignas(128) uint64_t head;         /* the owner's: parcels that were taken */
    struct {
        _Alignas(
            64) _Atomic uint64_t turn; /* of place p: n - p before parcel n, n - p + 1 with it */
        struct parcel parcel;
    } place[MAILBOX_PARCELS];
};

/* What all threads of a sample share. */
struct exchange {
    _Alignas(128) atomic_uint stopped; /* a check failed somewhere: all give up */
    _Alignas(128) atomic_uint ended;   /* threads, or whatever the workload counts */
    struct mailbox box[];
};

/* The members of struct workload that give a workload its exchange. */
#define MAILBOX_MEMBERS                                                                            \
    .shared_bytes = sizeof(struct exchange), .thread_bytes = sizeof(struct mailbox)

STREAM_INLINE struct exchange *exchange_of(const struct worker *w) {
    return w->shared;
}

/* False: the mailbox is full. */
static inline bool mailbox_put(struct mailbox *box, const struct parcel *parcel) {
    /* Relaxed: the turn of a place orders what lies in it. */
    uint64_t at = atomic_load_explicit(&box->tail, memory_order_relaxed);
    for (;;) {
        const uint64_t place = at % MAILBOX_PARCELS;
        /* Acquire: pairs with the release in mailbox_done, after which the place may be written. */
        const uint64_t turn = atomic_load_explicit(&box->place[place].turn, memory_order_acquire);
        if (turn < at - place)
            return false;
        if (turn > at - place) {
            at = atomic_load_explicit(&box->tail, memory_order_relaxed);
            continue;
        }
        if (!atomic_compare_exchange_weak_explicit(&box->tail, &at, at + 1, memory_order_relaxed,
                                                   memory_order_relaxed))
            continue;
        struct parcel *to = &box->place[place].parcel;
        to->first         = parcel->first;
        to->count         = parcel->count;
        to->chain         = parcel->chain;
        for (uint32_t i = 0; i < parcel->count; i++) {
            to->block[i] = parcel->block[i];
            to->size[i]  = parcel->size[i];
        }
        /* Release: pairs with the acquire in mailbox_look; hands over the parcel and the blocks. */
        atomic_store_explicit(&box->place[place].turn, turn + 1, memory_order_release);
        return true;
    }
}

/* The oldest parcel, which stays in its place until mailbox_done. NULL: there is none. For the
 * owner. */
static inline const struct parcel *mailbox_look(struct mailbox *box) {
    const uint64_t place = box->head % MAILBOX_PARCELS;
    /* Acquire: pairs with the release in mailbox_put. */
    const uint64_t turn = atomic_load_explicit(&box->place[place].turn, memory_order_acquire);
    return turn == box->head - place + 1 ? &box->place[place].parcel : NULL;
}

static inline void mailbox_done(struct mailbox *box) {
    const uint64_t place = box->head % MAILBOX_PARCELS;
    /* Release: pairs with the acquire in mailbox_put. */
    atomic_store_explicit(&box->place[place].turn, box->head - place + MAILBOX_PARCELS,
                          memory_order_release);
    box->head++;
}

/* Waits a little: spins for some turns, then lets others run. False: a check failed somewhere. */
static inline bool exchange_wait(struct exchange *e, unsigned *turns) {
    enum { SPINS = 100 };
    if (++*turns > SPINS)
        sched_yield();
    /* Relaxed: what was found is read after the threads have met. */
    return !atomic_load_explicit(&e->stopped, memory_order_relaxed);
}

static inline void exchange_stop(struct exchange *e) {
    atomic_store_explicit(&e->stopped, 1, memory_order_relaxed);
}

#endif
