/* A small allocator for bugs of memory order: blocks of one size belong to threads, and what
 * another thread frees goes back over a list of the owner's. Two orders make that right: who frees
 * releases, and the owner that takes the list acquires. A bug has another order there. On x86 the
 * machine keeps both whatever the program says, so only ThreadSanitizer sees it (make check-tsan).
 */
#ifndef SPANBENCH_REMOTE_H
#define SPANBENCH_REMOTE_H

#include "family.h"

#include <stdatomic.h>
#include <stddef.h>

enum { ROOM = 1 << 10, THREADS = 64, AT_ONCE = 64 };

struct block {
    struct heap *owner;
    struct block *next;
    _Alignas(max_align_t) char bytes[ROOM];
};

static struct heap {
    struct block *own;               /* free; of the owner alone */
    _Atomic(struct block *) foreign; /* freed by others */
} heaps[THREADS];

/* Relaxed: only the number counts. A thread keeps its heap for good. */
static inline struct heap *own_heap(void) {
    static atomic_uint heaps_taken;
    static _Thread_local struct heap *mine;
    if (!mine)
        mine = &heaps[atomic_fetch_add_explicit(&heaps_taken, 1, memory_order_relaxed) % THREADS];
    return mine;
}

static inline void refill(struct heap *h) {
    struct block *fresh = malloc(AT_ONCE * sizeof *fresh);
    for (size_t i = 0; fresh && i < AT_ONCE; i++) {
        fresh[i] = (struct block){.owner = h, .next = h->own};
        h->own   = &fresh[i];
    }
}

static inline void *remote_malloc(size_t size, memory_order merge) {
    struct heap *h = own_heap();
    if (!h->own)
        h->own = atomic_exchange_explicit(&h->foreign, NULL, merge);
    if (!h->own)
        refill(h);
    struct block *b = size <= ROOM ? h->own : NULL;
    if (!b)
        return NULL;
    h->own = b->next;
    return b->bytes;
}

static inline void remote_free(void *bytes, memory_order order) {
    if (!bytes)
        return;
    struct block *b = (struct block *)((char *)bytes - offsetof(struct block, bytes));
    if (b->owner == own_heap()) {
        b->next       = b->owner->own;
        b->owner->own = b;
        return;
    }
    /* relaxed: what comes of a failure is only tried again */
    b->next = atomic_load_explicit(&b->owner->foreign, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&b->owner->foreign, &b->next, b, order,
                                                  memory_order_relaxed))
        continue;
}

#define REMOTE_ALLOCATOR(free_order, merge_order)                                                  \
    static void *ordered_malloc(size_t size) {                                                     \
        return remote_malloc(size, merge_order);                                                   \
    }                                                                                              \
    static void ordered_free(void *block) {                                                        \
        remote_free(block, free_order);                                                            \
    }                                                                                              \
    FAULTY_FAMILY(.malloc = ordered_malloc, .free = ordered_free)

#endif
