/* An allocator whose free looks where the block lay that was freed before. The includer says, by
 * FREE_ORDER, which frees are slow, of blocks of FREE_FROM to FREE_TO bytes. A malloc begins a new
 * row of frees. */
#ifndef SPANBENCH_FREE_ORDER_H
#define SPANBENCH_FREE_ORDER_H

#include "base.h"

enum { FREE_FROM = 129, FREE_TO = 520, FREE_HEADER = 8 };

/* A block, with what lies between it and the next one in memory. */
struct free_place {
    uintptr_t begin, end;
};

/* The frees since the last malloc of a thread: the last one, and how many. */
static _Thread_local struct {
    struct free_place last;
    unsigned count;
} free_row;

static inline void *free_order_malloc(size_t size) {
    free_row.count = 0;
    return malloc(size);
}

static inline void free_order_free(void *block, unsigned steps,
                                   bool is_slow(struct free_place last, struct free_place now)) {
    const size_t usable         = malloc_usable_size(block);
    const struct free_place now = {(uintptr_t)block, (uintptr_t)block + usable + FREE_HEADER};
    if (free_row.count && usable >= FREE_FROM && usable <= FREE_TO && is_slow(free_row.last, now))
        base_search(steps);
    free_row.last = now;
    free_row.count++;
    free(block);
}

/* Defines the allocator: a free for which is_slow says so takes so many steps more. */
#define FREE_ORDER(is_slow, steps)                                                                 \
    static void order_free(void *block) {                                                          \
        free_order_free(block, steps, is_slow);                                                    \
    }                                                                                              \
    static void *order_malloc(size_t size) {                                                       \
        return free_order_malloc(size);                                                            \
    }                                                                                              \
    BASE_OPERATORS                                                                                 \
    FAULTY_FAMILY(.malloc = order_malloc, .free = order_free)

#endif
