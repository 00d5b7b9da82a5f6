/* A run of pages, and which of its slots are free (Go's mspan).
 *
 * THE PROTOCOL BETWEEN THREADS. This is the one place where it is written down; mspan.pml is a
 * model of it, which spin searches.
 *
 * A span of small objects has two bitmaps and one word:
 *   avail[]  1: the slot may be handed out. Plain memory of whoever owns the span.
 *   freed[]  1: somebody freed the slot, and the owner has not noticed yet. Atomic.
 *   word     the state, and `live`: slots that are not free. Atomic.
 *
 * Exactly, live = slots in the hands of the program or of some thread's list of free objects
 *               + frees between steps 1 and 2 below
 *               + slots in avail[], while the span is CACHED: its owner has reserved them.
 *
 * States:
 *   CACHED    the current span of one mcache, its owner. Only the owner leaves this state.
 *   FULL      nobody owns it, no slot is free, it is on no list.
 *   PUSHING   owned by the thread whose free made it less than full, on its way to the list.
 *   PARTIAL   on the mcentral's list of its class. Nobody owns it.
 *   EMPTYING  owned by the thread that freed its last slot; if it was PARTIAL before, still listed.
 *   LARGE, MANUAL  one object, no slots: its user owns it.
 *   DEAD      no span, or one that waits in a thread's cache (spancache.h).
 *
 * Free, by any thread that is not the owner:
 *   1. freed[i] |= bit      release: pairs with the acquire of the merge, so that what this thread
 *                           wrote into the object comes before what its next owner writes.
 *   2. word: live -= 1      release: whoever sees the new number also sees the bit. acquire: the
 *                           thread that ends at 0 comes after all others' use of the span.
 *      Of slots that one thread frees together, the number; step 1 has been done for all of them.
 *      In the same compare-and-swap, since it knows the state and the number at one instant:
 *        FULL, live < nelems   -> PUSHING: this thread pushes the span (the "first remote free")
 *        FULL or PARTIAL, 0    -> EMPTYING: this thread gives the span back to the mheap
 *      Before step 2, live counts the slot: the span cannot vanish under the freeing thread.
 *   mcentral_push, under the lock of the class: onto the list, then PUSHING -> PARTIAL. If live is
 *      0 by now -> EMPTYING instead, and off the list.
 *   mcentral_remove, under the same lock: takes an EMPTYING span off the list.
 *
 * Refill, by the owner (Go's sweep):
 *   merge: exchange(freed[i], 0) (acquire), then live += the number of bits (they are reserved),
 *      then avail[i] |= the bits. It may take a bit whose step 2 is still to come. Such a slot
 *      counts twice in live until then, so live is never too small, and 0 is always true.
 *   nothing available: load the word (acquire), merge. Still nothing, and live >= nelems: CAS of
 *      exactly that word to FULL. If a free came between, the CAS fails, and the merge is repeated.
 *      If it comes after, it sees FULL and pushes. So no free slot is forgotten.
 *   next span: under the lock of the class, the first of the list that is not EMPTYING. CAS
 *      PARTIAL -> CACHED (acquire: pairs with the release of whoever left it), off the list, merge.
 *
 * An owner that gives a span up before it is full (thread exit, trim): live -= slots in avail[];
 * then 0 -> EMPTYING, else PARTIAL under the lock. Bits in avail[] stay for the next owner. */
#ifndef GOMALLOC_MSPAN_H
#define GOMALLOC_MSPAN_H

#include "sizeclasses.h"

#include <assert.h>
#include <stdatomic.h>

enum span_state {
    SPAN_DEAD, /* zeroed memory is a dead span */
    SPAN_CACHED,
    SPAN_FULL,
    SPAN_PUSHING,
    SPAN_PARTIAL,
    SPAN_EMPTYING,
    SPAN_LARGE,
    SPAN_MANUAL,
};

struct mspan {
    uintptr_t base;
    size_t npages;
    uint32_t elem_bytes; /* of a slot; large spans: 0 */
    uint32_t magic;      /* class_to_magic */
    uint16_t nelems;
    uint16_t nwords;   /* 64-bit words of each bitmap */
    uint16_t search;   /* no bit of avail[] is set in the words before */
    uint8_t spanclass; /* 1 for a large span of noscan memory */
    bool needs_zero;   /* slots may hold old bytes */
    uint8_t home;      /* the group of threads that had it last (mcentral.h) */
    bool is_moved;     /* large: realloc has moved its pages to a mapping of its own (huge.h) */
    bool has_spare;    /* large: realloc has made it longer than was asked for */
    _Atomic uint32_t word;
    struct mspan *next, *previous;   /* of the list of a mcentral, guarded by its lock */
    _Atomic uint32_t *_Atomic notes; /* tiny.c's, of each slot; NULL: none yet */
    uint64_t bits[];                 /* avail, freed; of a large span, hold.h's */
};

enum {
    SPAN_LIVE_MASK  = (1 << 24) - 1,
    SPAN_SHIFT      = 24,
    SPAN_BITMAPS    = 2,
    SPAN_FEW_WORDS  = 4, /* all but the classes of 8, 16 and 24 bytes */
    SPAN_MANY_WORDS = SPAN_MAX_SLOTS / 64,
};

static inline size_t mspan_bytes(unsigned nwords) {
    return sizeof(struct mspan) + (size_t)SPAN_BITMAPS * nwords * 8;
}

static inline uint64_t *mspan_avail(struct mspan *s) {
    return s->bits;
}

static inline _Atomic uint64_t *mspan_freed(struct mspan *s) {
    return (_Atomic uint64_t *)(s->bits + s->nwords);
}

static inline uint32_t span_word(enum span_state state, uint32_t live) {
    return (uint32_t)state << SPAN_SHIFT | live;
}

static inline enum span_state span_state(uint32_t word) {
    return (enum span_state)(word >> SPAN_SHIFT);
}

static inline uint32_t span_live(uint32_t word) {
    return word & SPAN_LIVE_MASK;
}

/* How many slots behind the one at `base` the address within the span lies. */
static inline unsigned mspan_slot_from(const struct mspan *s, uintptr_t base, uintptr_t address) {
    return (unsigned)((address - base) * s->magic >> 32);
}

/* The slot that an address within the span lies in. */
static inline unsigned mspan_slot(const struct mspan *s, uintptr_t address) {
    return mspan_slot_from(s, s->base, address);
}

static inline uintptr_t mspan_address(const struct mspan *s, unsigned slot) {
    return s->base + (uintptr_t)slot * s->elem_bytes;
}

static inline size_t mspan_span_bytes(const struct mspan *s) {
    return s->npages << PAGE_SHIFT;
}

/* Makes zeroed memory of mspan_bytes a CACHED span of the caller's, all slots available. */
void mspan_init(struct mspan *, uintptr_t base, unsigned spanclass, bool needs_zero);

/* Owner: takes up to `most` slots, and writes where they are to `to`: what shall be used last
 * first, in the order of addresses (hardened: in none). Returns their number. Touches no slot. */
unsigned mspan_take(struct mspan *, unsigned most, void **to);

/* Owner: puts slots back, the bits of word w. */
static inline void mspan_free_owned(struct mspan *s, unsigned w, uint64_t bits) {
    assert(!(mspan_avail(s)[w] & bits));
    mspan_avail(s)[w] |= bits;
    s->needs_zero = true;
    if (w < s->search)
        s->search = (uint16_t)w;
}

/* Anybody else: step 1 of the protocol for slots of word w, as often as there are words; then step
 * 2 for all of them, `count`. What the caller must do next: */
enum span_duty {
    DUTY_NONE,
    DUTY_PUSH,           /* mcentral_push */
    DUTY_RELEASE,        /* give the span back */
    DUTY_REMOVE_RELEASE, /* the same, but take it off the list first */
};
void mspan_note_freed(struct mspan *, unsigned w, uint64_t bits);
enum span_duty mspan_count_freed(struct mspan *, unsigned count);

/* Owner: makes freed slots available; returns how many came. */
unsigned mspan_merge(struct mspan *);

/* Owner, after mspan_merge found nothing and nothing is available: gives the span up as FULL, true.
 * False: slots were freed meanwhile, merge again. */
bool mspan_give_up_full(struct mspan *);

/* Owner: slots in avail[]. */
unsigned mspan_available(const struct mspan *);

#endif
