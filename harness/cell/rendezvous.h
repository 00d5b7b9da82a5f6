/* Where threads meet and leave together.
 *
 * If each thread can have a CPU, they spin: a thread that sleeps in a futex is woken on its waker's
 * CPU, behind it. On two CPUs, the threads of a short sample then ran one after the other for
 * milliseconds. With more threads than CPUs, or than a quota of CPU time pays for, a
 * spinning thread would take the CPU from one that still works, so there they sleep. */
#ifndef SPANBENCH_RENDEZVOUS_H
#define SPANBENCH_RENDEZVOUS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct rendezvous {
    _Alignas(128) atomic_uint arrived; /* at the current meeting */
    _Alignas(128) atomic_uint meeting; /* how many meetings are over */
    unsigned threads;
    bool spin;
    pthread_barrier_t sleeping; /* where they do not spin */
};

/* For so many threads. `spin`: each can have a CPU. Before any thread calls rendezvous_wait. */
void rendezvous_init(struct rendezvous *, unsigned threads, bool spin);

/* Returns once all threads have called it. What any of them wrote before is visible to all after.
 */
void rendezvous_wait(struct rendezvous *);

#endif
