/* hand_over_many: the first thread allocates, all others free, in turn.
 *
 * Stresses: one heap that many threads give back to.
 * Origin: a dispatcher and its workers; message passing in snmalloc's tests (Lietar and others,
 * "snmalloc: a message passing allocator", ISMM 2019). Good: the allocating thread is not slowed by
 * the number of those that free. Bad: all free into one list under one lock, or one cache line, on
 * which the allocating thread waits, too. */
#include "hand_over.h"

static uint32_t parts(const struct worker *w) {
    return w->thread == 0 ? w->threads : 0;
}

static uint32_t receiver(const struct worker *w, uint64_t parcel) {
    return w->threads == 1 ? 0 : 1 + (uint32_t)(parcel % (w->threads - 1));
}

static const struct hand_over many = {.parts = parts, .receiver = receiver};
HAND_OVER_WORKLOAD(many)

const struct workload workload_hand_over_many = {
    HAND_OVER_MEMBERS,
    .name          = "hand_over_many",
    .summary       = "log-normal, mostly 48 to 140 B; the first thread allocates, all others free",
    .stresses      = "one thread's heap that all others give back to",
    .least_threads = 2,
};
