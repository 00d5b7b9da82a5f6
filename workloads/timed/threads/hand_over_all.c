/* hand_over_all: each thread allocates and frees, and each parcel goes to a random other thread.
 *
 * Stresses: frees of blocks of many threads, in turn with own allocations.
 * Origin: the cross-thread part of M. Jansson's rpmalloc-benchmark; the exchange of blocks in
 * mstress of mimalloc-bench. Good: about as fast as hand_over_pairs, for there is as much work.
 * Bad: each thread ends with blocks of all others in its caches, and neighbouring blocks belong to
 * different threads. */
#include "hand_over.h"

static uint32_t parts(const struct worker *w) {
    (void)w;
    return 1;
}

/* Any thread but the own; alone, the own. */
static uint32_t receiver(const struct worker *w, uint64_t parcel) {
    const uint64_t random = stream_random(stream_key(w->seed, STREAM_RANKS, w->thread), parcel);
    if (w->threads == 1)
        return 0;
    const uint32_t step = draw_uniform((uint32_t)random, 1, w->threads - 1);
    return (w->thread + step) % w->threads;
}

static const struct hand_over all = {.parts = parts, .receiver = receiver};
HAND_OVER_WORKLOAD(all)

const struct workload workload_hand_over_all = {
    HAND_OVER_MEMBERS,
    .name     = "hand_over_all",
    .summary  = "log-normal, mostly 48 to 140 B; every thread allocates, a random other one frees",
    .stresses = "frees of blocks of all threads, in all directions",
};
