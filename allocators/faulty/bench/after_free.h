/* An allocator that keeps the block that was freed last at hand. The next malloc takes it, if it
 * has the right size; else it looks through all its lists. So a free and a malloc of another size
 * in turn are slow: random replacement, and not what frees many blocks in a row. */
#ifndef SPANBENCH_AFTER_FREE_H
#define SPANBENCH_AFTER_FREE_H

#include "base.h"

struct after_free {
    size_t from, to; /* sizes that are looked for, in so many steps */
    unsigned steps;
};

static _Thread_local size_t after_free_usable; /* bytes that were freed just before; 0: none */

static inline void *after_free_malloc(size_t size, struct after_free how) {
    void *block = malloc(size);
    if (after_free_usable && size >= how.from && size <= how.to &&
        after_free_usable != malloc_usable_size(block))
        base_search(how.steps);
    after_free_usable = 0;
    return block;
}

static inline void after_free_free(void *block) {
    after_free_usable = malloc_usable_size(block);
    free(block);
}

/* Defines the allocator for sizes of `least` to `most`. */
#define AFTER_FREE(least, most, how_long)                                                          \
    static void *search_malloc(size_t size) {                                                      \
        return after_free_malloc(size, (struct after_free){least, most, how_long});                \
    }                                                                                              \
    static void search_free(void *block) {                                                         \
        after_free_free(block);                                                                    \
    }                                                                                              \
    BASE_OPERATORS                                                                                 \
    FAULTY_FAMILY(.malloc = search_malloc, .free = search_free)

#endif
