#include "rendezvous.h"

/* Tells the CPU that this is a spinning loop. */
static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

void rendezvous_init(struct rendezvous *r, unsigned threads, bool spin) {
    atomic_init(&r->arrived, 0);
    atomic_init(&r->meeting, 0);
    r->threads = threads;
    r->spin    = spin;
    pthread_barrier_init(&r->sleeping, NULL, threads);
}

static void spin(struct rendezvous *r) {
    /* Relaxed: nobody can end this meeting before this thread has arrived. */
    const unsigned meeting = atomic_load_explicit(&r->meeting, memory_order_relaxed);
    /* Acquire and release: the last one to arrive sees what all others did before they arrived, as
     * each increment belongs to the release sequences of those before it. */
    if (atomic_fetch_add_explicit(&r->arrived, 1, memory_order_acq_rel) + 1 == r->threads) {
        atomic_store_explicit(&r->arrived, 0, memory_order_relaxed); /* published by the next */
        /* Release: pairs with the acquire below, and hands on what was acquired above. */
        atomic_store_explicit(&r->meeting, meeting + 1, memory_order_release);
        return;
    }
    while (atomic_load_explicit(&r->meeting, memory_order_acquire) == meeting)
        relax();
}

void rendezvous_wait(struct rendezvous *r) {
    if (r->spin)
        spin(r);
    else
        pthread_barrier_wait(&r->sleeping);
}
