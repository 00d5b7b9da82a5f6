/* The books of this process: live bytes by class of size and thread, and a sample of live blocks.
 * Nothing here asks for memory of the heap that it counts. Each thread writes numbers of its own,
 * without a lock. */
#ifndef SPANBENCH_WHY_COUNT_H
#define SPANBENCH_WHY_COUNT_H

#include "sample.h"
#include "shared.h"

#include <stdbool.h>
#include <stddef.h>

/* Makes the file of this process, if the driver asked for one. count_after: once `next` serves. */
void count_begin(void);
void count_after(void);

/* NULL: nothing is counted. */
extern struct why_shared *count_book;

/* The slot of this thread, which only it writes. NULL: there is none yet, or it is not to be used;
 * the slow functions know more. */
extern __thread struct why_slot *count_mine __attribute__((tls_model("initial-exec")));

/* This thread enters a function of the allocator that is counted as a whole, and leaves it: what
 * that asks of malloc itself does not count. */
void count_enter(void);
void count_leave(void);

/* A block was made; one is about to be freed, and is still the program's. */
void count_made_slow(const void *block, size_t requested, size_t usable);
void count_freed_slow(const void *block, size_t usable);

/* Nobody else writes to this slot. */
static inline void count_apply(struct why_slot *mine, int64_t change) {
    struct why_class *c     = &mine->class[why_class_of((uint64_t)(change < 0 ? -change : change))];
    _Atomic uint64_t *count = change < 0 ? &c->freed : &c->made;
    atomic_store_explicit(&c->bytes, atomic_load_explicit(&c->bytes, memory_order_relaxed) + change,
                          memory_order_relaxed);
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static inline void count_change(struct why_slot *mine, int64_t change) {
    _Atomic int64_t *place = &mine->pending[mine->turn++ % WHY_PENDING];
    const int64_t old      = atomic_load_explicit(place, memory_order_relaxed);
    atomic_store_explicit(place, change, memory_order_relaxed);
    if (__builtin_expect(old != 0, 1))
        count_apply(mine, old);
}

static inline void count_made(struct why_slot *mine, const void *block, size_t requested,
                              size_t usable) {
    count_change(mine, (int64_t)usable);
    if (__builtin_expect(sample_has(block, usable), 0))
        sample_add(block, requested, usable,
                   atomic_load_explicit(&mine->name, memory_order_relaxed));
}

static inline void count_freed(struct why_slot *mine, const void *block, size_t usable) {
    count_change(mine, -(int64_t)usable);
    if (__builtin_expect(sample_has(block, usable), 0))
        sample_remove(block);
}

#endif
