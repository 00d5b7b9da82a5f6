/* A mutex of eight bytes, zero when free, on the futex of Linux. Why not pthread_mutex_t: this one
 * may be used before the C library is ready, and is statically zero. It says who holds it, so that
 * a forked child knows whether the holder came along (fork.c). The algorithm is the third of Ulrich
 * Drepper, "Futexes Are Tricky" (2011), with the owner in the place of "locked". It spins shortly
 * before it waits, for what these locks guard lasts well under a microsecond. */
#ifndef GOMALLOC_LOCK_H
#define GOMALLOC_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lock {
    _Atomic uintptr_t word; /* 0 open, else lock_me() of the owner; bit 0: somebody may wait */
};

enum { LOCK_AWAITED = 1 };

/* Its address stands for the running thread. A forked child's first thread keeps its parent's. */
extern _Thread_local uint64_t lock_self __attribute__((tls_model("initial-exec")));

static inline uintptr_t lock_me(void) {
    return (uintptr_t)&lock_self;
}

/* A thread that holds the lock already is in a signal handler: the process ends with a message. */
void lock_wait(struct lock *);
void lock_wake(struct lock *);

static inline bool lock_try(struct lock *l) {
    uintptr_t open = 0;
    /* acquire: pairs with the release in lock_release */
    return atomic_compare_exchange_strong_explicit(&l->word, &open, lock_me(), memory_order_acquire,
                                                   memory_order_relaxed);
}

static inline void lock_acquire(struct lock *l) {
    if (__builtin_expect(!lock_try(l), 0))
        lock_wait(l);
}

static inline void lock_release(struct lock *l) {
    /* release: what was done under the lock is seen by the next owner's acquire */
    if (__builtin_expect(atomic_exchange_explicit(&l->word, 0, memory_order_release) & LOCK_AWAITED,
                         0))
        lock_wake(l);
}

/* Does this thread hold the lock? */
static inline bool lock_is_mine(const struct lock *l) {
    /* relaxed: only this thread writes its own name there */
    return (atomic_load_explicit(&l->word, memory_order_relaxed) & ~(uintptr_t)LOCK_AWAITED) ==
           lock_me();
}

/* In a forked child that has no other thread yet: opens the lock if a thread held it that is not
 * there, and says so. What it guards may be half changed then. */
bool lock_after_fork(struct lock *);

/* What is written above this is written before what is written below it, as a forked child and a
 * signal handler see it. It binds the compiler only: a child is made between two instructions of
 * each thread (fork.c). */
static inline void lock_in_order(void) {
    /* seq_cst: pairs with the fork */
    atomic_signal_fence(memory_order_seq_cst);
}

#endif
