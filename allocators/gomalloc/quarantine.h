/* Where freed slots and large blocks wait in the hardened build, before anybody may have them
 * again. A stale pointer then meets no new owner: a second free finds a free slot, and a write
 * changes bytes that nobody has and that are known.
 *
 * A thread has a place of a few slots for each span class. A slot that comes takes the place of a
 * random one, which goes on to the list. So mallocs alone bring none back. What is known of a slot
 * are its zeros: all of a short one, and two pieces of a long one (quarantine_clean). They are
 * looked at when somebody gets the slot, and some of those that wait each time that a list is
 * refilled.
 *
 * Large spans wait likewise, LARGE, 0 to the others (mspan.h). What waits is a share of the heap;
 * of a span that is longer than that, only the addresses wait.
 *
 * A slot or span is put in, and the one before it out, by one store. A forked child that finds the
 * thread between two stores loses one of them. */
#ifndef GOMALLOC_QUARANTINE_H
#define GOMALLOC_QUARANTINE_H

#include "mspan.h"
#include "os.h"
#include "seal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    QUARANTINE_SLOTS = 32, /* of a class, and no more than these bytes, but */
    QUARANTINE_BYTES = 32 << 10,
    QUARANTINE_LEAST = 4, /* these slots */
    QUARANTINE_LARGE = 8, /* large spans; no more pages than this part of the heap, but */
    QUARANTINE_SHARE = 8,
    QUARANTINE_PAGES = 128, /* these */
};

struct quarantine {
    uint64_t random;                            /* the state of a generator */
    uint64_t some[(SPAN_CLASSES + 63) / 64];    /* classes that a slot waits of */
    uint16_t count[SPAN_CLASSES];               /* slots that wait */
    uint16_t hand;                              /* where the last sweep ended */
    struct mspan *large[QUARANTINE_LARGE];      /* NULL: nothing waits there */
    size_t large_pages;                         /* resident */
    void *slot[SPAN_CLASSES][QUARANTINE_SLOTS]; /* NULL: nothing waits there */
};

struct mcache;

/* The next random number of a thread. */
static inline uint32_t quarantine_random(struct quarantine *q) {
    q->random = q->random * 0x5851f42d4c957f2du + 0x14057b7ef767814fu;
    return (uint32_t)(q->random >> 32);
}

/* So many slots of a class may wait, less one: powers of two, less one. */
extern uint8_t quarantine_mask[SPAN_CLASSES];

/* Once, before there is a slot. */
void quarantine_begin(void);

/* Puts a slot in; returns the one that leaves for it, or NULL. */
static inline void *quarantine_swap(struct quarantine *q, unsigned spanclass, void *slot) {
    void **at    = &q->slot[spanclass][quarantine_random(q) & quarantine_mask[spanclass]];
    void *before = *at;
    *at          = slot;
    if (__builtin_expect(!before, 0)) {
        q->count[spanclass]++;
        q->some[spanclass / 64] |= (uint64_t)1 << spanclass % 64;
    }
    return before;
}

/* --- what is known of a free slot behind its link --- */

enum {
    QUARANTINE_PIECE = 64,  /* bytes that are zero: these at the begin of the rest, and as many */
    QUARANTINE_WHOLE = 128, /* at its end; or, if it is longer than this, at a secret place */
};

typedef uint64_t quarantine_pair __attribute__((vector_size(16), aligned(8), may_alias));

/* A piece of `bytes`, 16 to 64, as four pairs of words, which overlap if it is short: a loop would
 * be predicted wrongly too often. */
static inline quarantine_pair *quarantine_at(uintptr_t from, size_t offset, size_t bytes) {
    return (quarantine_pair *)os_pointer(from + (offset < bytes - 16 ? offset : bytes - 16));
}

static inline void quarantine_zero(uintptr_t from, size_t bytes) {
    *quarantine_at(from, 0, bytes)      = *quarantine_at(from, 16, bytes) =
        *quarantine_at(from, 32, bytes) = *quarantine_at(from, 48, bytes) = (quarantine_pair){0};
}

static inline uint64_t quarantine_bits(uintptr_t from, size_t bytes) {
    const quarantine_pair sum = *quarantine_at(from, 0, bytes) | *quarantine_at(from, 16, bytes) |
                                *quarantine_at(from, 32, bytes) | *quarantine_at(from, 48, bytes);
    return sum[0] | sum[1];
}

/* Where the second piece of more than 64 bytes lies. */
static inline uintptr_t quarantine_second(uintptr_t from, size_t bytes) {
    if (bytes <= QUARANTINE_WHOLE)
        return from + bytes - QUARANTINE_PIECE;
    const uint64_t random = ((from ^ seal_secrets.link) * seal_secrets.factor) >> 32;
    const size_t places   = (bytes - QUARANTINE_WHOLE) / 8 + 1;
    return from + QUARANTINE_PIECE + (random * places >> 32) * 8;
}

/* Makes zero what is to be known. `bytes`: 8 or a multiple of 16, and 8 more. */
static inline void quarantine_wipe(uintptr_t from, size_t bytes) {
    if (bytes <= 16) {
        seal_store(from, 0);
        seal_store(from + bytes - 8, 0);
        return;
    }
    quarantine_zero(from, bytes < QUARANTINE_PIECE ? bytes : QUARANTINE_PIECE);
    if (bytes > QUARANTINE_PIECE)
        quarantine_zero(quarantine_second(from, bytes), QUARANTINE_PIECE);
}

/* Is it as it was left? */
static inline bool quarantine_is_clean(uintptr_t from, size_t bytes) {
    if (bytes <= 16)
        return !(seal_load(from) | seal_load(from + bytes - 8));
    if (quarantine_bits(from, bytes < QUARANTINE_PIECE ? bytes : QUARANTINE_PIECE))
        return false;
    return bytes <= QUARANTINE_PIECE ||
           !quarantine_bits(quarantine_second(from, bytes), QUARANTINE_PIECE);
}

/* The first byte that is known, and not zero. */
uintptr_t quarantine_stain(uintptr_t from, size_t bytes);

/* Before a fresh span of memory that was used before is handed out. */
void quarantine_wipe_span(struct mspan *);

/* Looks at some of what waits. */
void quarantine_sweep(struct quarantine *);

/* Puts a large span in; those that leave for it go to mcache_free_large_now. True: pages went back
 * to the heap. */
bool quarantine_large(struct mcache *, struct mspan *);

/* All that waits goes on. */
void quarantine_flush(struct mcache *);

/* Where something was interrupted for good: tells the counts from the places. `is_free`: is this a
 * free object of the class? */
void quarantine_audit(struct quarantine *, bool (*is_free)(const void *slot, unsigned spanclass));

#endif
