/* Where freed slots and large blocks wait in the hardened build, before anybody may have them
 * again. A stale pointer then meets no new owner: a second free finds a free slot, and a write
 * changes bytes that nobody has and that are known.
 *
 * A thread has a place of a few slots for each span class. A slot that comes takes the place of a
 * random one, which goes on to the list. So mallocs alone bring none back. What is known of a slot
 * are its zeros: all of a short one, and two pieces of a long one (quarantine_is_clean). They are
 * looked at when somebody gets the slot, and some of those that wait each time that a list is
 * refilled.
 *
 * Large spans wait likewise, LARGE, 0 to the others (mspan.h). What waits beside the last
 * one is a share of the heap; of a span that is longer than another share, only the addresses wait.
 *
 * Threads that begin in a crowd (listroom.h) keep less, as most of them sleep. The shorter
 * the list of a class, the fewer of its slots wait, down to one. Of all classes whose lists have no
 * room, one slot waits, the last that came. Beside the last large block wait 16 pages. All of
 * it grows with the use.
 *
 * A slot or span is put in, and the one before it out, by one store. A forked child that finds the
 * thread between two stores loses one of them. */
#ifndef GOMALLOC_QUARANTINE_H
#define GOMALLOC_QUARANTINE_H

#include "hold.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* 1 modulo 4, so that no number comes twice; Knuth's, cut to what an instruction can hold. */
#define QUARANTINE_FACTOR UINT64_C(0x5851f42d)

enum {
    QUARANTINE_SLOTS   = 32, /* of a class, and no more than these bytes, but */
    QUARANTINE_BYTES   = 4 << 10,
    QUARANTINE_LEAST   = 1,   /* this slot, which waits for the next free of its class */
    QUARANTINE_LARGE   = 8,   /* large spans: the last that came, and of others */
    QUARANTINE_SHARE   = 64,  /* no more pages than this part of the heap, */
    QUARANTINE_LONGEST = 8,   /* of one no more than this, or its addresses alone wait, but */
    QUARANTINE_PAGES   = 132, /* these: a block of 1 MiB and its words */

    /* Two pieces of so many bytes are known of a slot, but for its seal: one at its begin and one
     * at its end. If it is longer than both, the second lies at a secret place. */
    QUARANTINE_PIECE  = 64,
    QUARANTINE_WITHIN = 4096, /* of a large block, they lie within these: memory that the program
                                 has never touched shall not be touched here. Of a shorter one,
                                 within GUARD_LEAST */
};

struct quarantine {
    uint64_t random;                             /* the state of a generator */
    uint64_t some[(SPAN_CLASSES + 63) / 64];     /* classes that a slot waits of */
    uint16_t count[SPAN_CLASSES];                /* slots that wait */
    uint16_t hand;                               /* where the last sweep ended */
    uint16_t alone;                              /* the class of quarantine_came's slot; 0: none */
    struct mspan *large[QUARANTINE_LARGE];       /* NULL: nothing waits there */
    size_t large_pages;                          /* resident */
    void *slot[SPAN_CLASSES * QUARANTINE_SLOTS]; /* NULL: nothing waits there */
};

struct mcache;

/* A random number: its highest bits are the best. */
static inline uint64_t quarantine_random(struct quarantine *q) {
    return q->random = q->random * QUARANTINE_FACTOR + 1;
}

/* The places of a class. */
static inline void **quarantine_row(struct quarantine *q, size_t spanclass) {
    return &q->slot[spanclass * QUARANTINE_SLOTS];
}

/* A slot has come to a place where none waited. */
void quarantine_count(struct quarantine *, size_t spanclass);

/* Puts a slot of class k in, whose places begin at `row`; returns the one that leaves for it, or
 * NULL: then quarantine_count. */
static HOLD_HOT void *quarantine_swap(struct quarantine *q, size_t row, const struct hold_class *k,
                                      void *slot) {
    void **at    = &q->slot[row + (quarantine_random(q) >> 59 & k->waiting)];
    void *before = *at;
    *at          = slot;
    return before;
}

/* --- what is known of a free slot behind its seal --- */

/* Slots longer than the short ones are aligned to 16 bytes: so none of these lies in two lines of
 * the processor's cache, which would take longer. */
typedef uint64_t quarantine_pair __attribute__((vector_size(16), may_alias));

static inline quarantine_pair *quarantine_at(uintptr_t address) {
    return (quarantine_pair *)os_pointer(address);
}

/* Where the second piece lies. */
static inline uintptr_t quarantine_second(uintptr_t slot, const struct hold_class *k) {
    const uint64_t random = seal_bits(slot) >> 32;
    return slot + k->second + (random * k->places >> 32) * sizeof(quarantine_pair);
}

/* Makes zero what is to be known. The pairs of a slot of 48 bytes overlap: a branch would be
 * predicted wrongly too often. */
static HOLD_HOT void quarantine_wipe(uintptr_t slot, const struct hold_class *k, unsigned offset) {
    const quarantine_pair zero = {0};
    const uintptr_t last       = slot + offset + k->last;
    seal_store(slot + HOLD_SEAL, 0);
    if (offset == HOLD_NARROW) {
        seal_store(last, 0);
        return;
    }
    *quarantine_at(slot + 16) = zero;
    if (!k->places) {
        *quarantine_at(last - 24) = zero;
        *quarantine_at(last - 8)  = zero;
        return;
    }
    const uintptr_t second      = quarantine_second(slot, k);
    *quarantine_at(slot + 32)   = zero;
    *quarantine_at(slot + 48)   = zero;
    *quarantine_at(second)      = zero;
    *quarantine_at(second + 16) = zero;
    *quarantine_at(second + 32) = zero;
    *quarantine_at(second + 48) = zero;
}

/* Is it as it was left? */
static HOLD_HOT bool quarantine_is_clean(uintptr_t slot, const struct hold_class *k,
                                         unsigned offset) {
    const uint64_t word  = seal_load(slot + HOLD_SEAL);
    const uintptr_t last = slot + offset + k->last;
    if (offset == HOLD_NARROW)
        return !(word | seal_load(last));
    quarantine_pair sum = *quarantine_at(slot + 16);
    if (!k->places) {
        sum |= *quarantine_at(last - 24) | *quarantine_at(last - 8);
    } else {
        const uintptr_t second = quarantine_second(slot, k);
        sum |= *quarantine_at(slot + 32) | *quarantine_at(slot + 48);
        sum |= *quarantine_at(second) | *quarantine_at(second + 16);
        sum |= *quarantine_at(second + 32) | *quarantine_at(second + 48);
    }
#ifdef __SSE2__ /* each 16 bits become 8, which are 0 only if those are */
    const __m128i short_sum = _mm_packs_epi16((__m128i)sum, (__m128i)sum);
    return !(word | (uint64_t)_mm_cvtsi128_si64(short_sum));
#else
    return !(word | sum[0] | sum[1]);
#endif
}

/* The first byte that is known, and not zero. */
uintptr_t quarantine_stain(uintptr_t slot, const struct hold_class *);

/* Before a fresh span of memory that was used before is handed out. */
void quarantine_wipe_span(struct mspan *);

/* Looks at some of what waits. */
void quarantine_sweep(struct quarantine *);

/* Puts a large span in; those that leave for it go to mcache_free_large_now. True: pages went back
 * to the heap. */
bool quarantine_large(struct mcache *, struct mspan *);

/* A slot has come. Of the classes whose lists have no room, one waits, the last: the one before
 * goes on. True: it did. */
bool quarantine_came(struct mcache *, unsigned spanclass);

/* All that waits goes on. */
void quarantine_flush(struct mcache *);

/* Where something was interrupted for good: tells the counts from the places. `is_free`: is this a
 * free object of the class? */
void quarantine_audit(struct quarantine *, bool (*is_free)(const void *slot, unsigned spanclass));

#endif
