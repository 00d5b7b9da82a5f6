#include "arena.h"

#include "persistent.h"

struct arena_table arenas;
size_t arena_sys;

/* relaxed: who sees an outdated bound misses the newest arenas, no more. */
static _Atomic size_t lowest = ARENAS, beyond;

static void extend_bounds(size_t i) {
    if (i < atomic_load_explicit(&lowest, memory_order_relaxed))
        atomic_store_explicit(&lowest, i, memory_order_relaxed);
    if (i >= atomic_load_explicit(&beyond, memory_order_relaxed))
        atomic_store_explicit(&beyond, i + 1, memory_order_relaxed);
}

void arena_bounds(size_t *first, size_t *end) {
    *first = atomic_load_explicit(&lowest, memory_order_relaxed);
    *end   = atomic_load_explicit(&beyond, memory_order_relaxed);
}

struct mspan *arena_span_checked(uintptr_t address) {
    return address >> ARENA_SHIFT < ARENAS ? arena_span(address) : NULL;
}

bool arena_prepare(uintptr_t base, size_t bytes) {
    for (size_t i = base >> ARENA_SHIFT; i <= (base + bytes - 1) >> ARENA_SHIFT; i++) {
        if (atomic_load_explicit(&arenas.distance[i], memory_order_relaxed))
            continue;
        struct heap_arena *a = persistent_alloc(sizeof *a, 1);
        if (!a)
            return false;
        arena_sys += sizeof *a;
        /* release: whoever reads the distance at all finds zeros there */
        atomic_store_explicit(&arenas.distance[i], (uintptr_t)a - (uintptr_t)&arenas.none,
                              memory_order_release);
        extend_bounds(i);
    }
    return true;
}

void arena_clear(uintptr_t address) {
    struct heap_arena *a = arena_of(address);
    if (!persistent_clear(a, sizeof *a))
        arena_set(address & -((uintptr_t)1 << ARENA_SHIFT), ARENA_PAGES, NULL, 0);
}

static inline void set_page(struct heap_arena *a, size_t page, struct mspan *s,
                            unsigned page_class) {
    atomic_store_explicit(&a->span[page], s, memory_order_relaxed);
    atomic_store_explicit(&a->page_class[page], (uint16_t)(page_class * ARENA_UNIT),
                          memory_order_relaxed);
}

static void set_pages(uintptr_t base, size_t n, struct mspan *s, unsigned page_class) {
    while (n) {
        struct heap_arena *a = arena_of(base);
        const size_t from    = arena_page(base);
        const size_t end     = n < ARENA_PAGES - from ? from + n : ARENA_PAGES;
#pragma GCC unroll 8
        for (size_t i = from; i < end; i++)
            set_page(a, i, s, page_class);
        base += (end - from) * PAGE_BYTES;
        n -= end - from;
    }
}

void arena_set(uintptr_t base, size_t n, struct mspan *s, unsigned page_class) {
    if (n != 1) {
        set_pages(base, n, s, page_class);
        return;
    }
    /* Of a large span, without the loop. */
    set_page(arena_of(base), arena_page(base), s, page_class);
}
