/* A mutex of four bytes, zero when free, on the futex of Linux. Why not pthread_mutex_t: this one
 * may be used before the C library is ready, is statically zero, and a forked child may simply open
 * it. The algorithm is the third of Ulrich Drepper, "Futexes Are Tricky" (2011), with a short spin
 * before the wait, for what these locks guard lasts well under a microsecond. */
#ifndef GOMALLOC_LOCK_H
#define GOMALLOC_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>

struct lock {
    atomic_uint state; /* 0 open, 1 locked, 2 locked and somebody may wait */
};

void lock_wait(struct lock *);
void lock_wake(struct lock *);

static inline bool lock_try(struct lock *l) {
    unsigned open = 0;
    /* acquire: pairs with the release in lock_release */
    return atomic_compare_exchange_strong_explicit(&l->state, &open, 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

static inline void lock_acquire(struct lock *l) {
    if (__builtin_expect(!lock_try(l), 0))
        lock_wait(l);
}

static inline void lock_release(struct lock *l) {
    /* release: what was done under the lock is seen by the next owner's acquire */
    if (__builtin_expect(atomic_exchange_explicit(&l->state, 0, memory_order_release) == 2, 0))
        lock_wake(l);
}

#endif
