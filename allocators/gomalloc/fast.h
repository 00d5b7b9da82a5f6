/* The fast paths of malloc and free. gom_malloc, gom_free and the names that libgomalloc.so gives a
 * program have a copy each, so that none jumps to another first. */
#ifndef GOMALLOC_FAST_H
#define GOMALLOC_FAST_H

#include "arena.h"
#include "hardened.h"
#include "mcache.h"

/* Of the functions that have a copy: all of it begins with a line of the processor's cache. Where
 * it began elsewhere, by chance, the workload "tiny" took up to half as long again. */
#define FAST_ALIGNED __attribute__((aligned(64)))

/* A request that the fast path does not serve: large, or its list is empty. */
void *malloc_more(size_t size);

/* The list is full, or the thread has no cache of its own, or the page does not tell. */
void free_more(void *block);

static inline void *fast_malloc(size_t size) {
    if (HARDENED)
        return hardened_malloc(size);
    if (__builtin_expect(size <= SMALL_MAX, 1)) {
        const unsigned offset = size_to_list[size];
        void *object          = freelist_pop((void *)((char *)mcache_current + offset));
        if (__builtin_expect(object != NULL, 1))
            return object;
    }
    return malloc_more(size);
}

static inline void fast_free(void *block) {
    if (HARDENED) {
        hardened_free(block);
        return;
    }
    struct freelist *l = (void *)((char *)mcache_current + arena_place((uintptr_t)block));
    if (!freelist_push(l, block))
        free_more(block);
}

#endif
