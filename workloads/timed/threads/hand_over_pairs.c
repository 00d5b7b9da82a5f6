/* hand_over_pairs: producers and consumers in pairs. Of each two threads the first allocates, and
 * the second frees. One that is left over hands its blocks to itself.
 *
 * Stresses: a free of another thread's block, and its way back to the thread that allocates: the
 * consumer's heap only grows, the producer's only shrinks.
 * Origin: the producer and consumer of Lever and Boreham, "malloc() performance in a multithreaded
 * Linux environment" (USENIX 2000), with a bound on what is under way. Good: costs little more than
 * a free of its own, and memory stays at what the queues hold. Bad: a lock for each block, or what
 * was freed is found by nobody and memory grows with the operations. */
#include "hand_over.h"

static uint32_t parts(const struct worker *w) {
    const bool alone = w->thread + 1 == w->threads;
    return w->thread % 2 ? 0 : alone ? 1 : 2;
}

static uint32_t receiver(const struct worker *w, uint64_t parcel) {
    (void)parcel;
    return w->thread + 1 == w->threads ? w->thread : w->thread + 1;
}

static const struct hand_over pairs = {.parts = parts, .receiver = receiver};
HAND_OVER_WORKLOAD(pairs)

const struct workload workload_hand_over_pairs = {
    HAND_OVER_MEMBERS,
    .name = "hand_over_pairs",
    .summary =
        "log-normal, mostly 48 to 140 B; one thread allocates, another frees; bounded queues",
    .stresses = "frees of another thread's blocks, always in one direction",
};
