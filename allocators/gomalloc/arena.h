/* From an address to what lies there (Go's heapArena). There is a flat table of the address space's
 * 64 MiB arenas, and each arena of the heap has two maps over its 8192 pages. Both are outside of
 * the memory that they describe. Readers take no lock; an entry of the table, once there, stays. */
#ifndef GOMALLOC_ARENA_H
#define GOMALLOC_ARENA_H

#include "os.h"
#include "sizeclasses.h"

#include <stdatomic.h>

enum {
    ARENA_SHIFT = 26,
    ARENA_PAGES = 1 << (ARENA_SHIFT - PAGE_SHIFT),
    ARENAS      = 1 << (ADDRESS_BITS - ARENA_SHIFT),
#ifdef GOMALLOC_HARDENED
    ARENA_UNIT = 1,
#else
    ARENA_UNIT = FREELIST_BYTES, /* so the map tells free the place of the list in struct mcache */
#endif
};

struct mspan;

struct heap_arena {
    /* The span class of the page, times ARENA_UNIT, if all that free needs to know is that. 0: look
     * at the span. */
    _Atomic uint16_t page_class[ARENA_PAGES];
    /* The span of each page of a span of small objects and of the first page of any other; NULL or
     * outdated elsewhere. */
    struct mspan *_Atomic span[ARENA_PAGES];
};

/* 16 MiB of address space, of which one page is resident for each 32 GiB of the heap's. */
struct arena_table {
    /* How far from `none` an arena lies, in bytes. 0: there is no such arena. */
    _Atomic uintptr_t distance[ARENAS];
    /* What is read where no arena is: always zeros. */
    struct heap_arena none;
};
extern struct arena_table arenas __attribute__((visibility("hidden")));

/* The arena of an address of ADDRESS_BITS, or `none` where no page of the heap lies near. It takes
 * no branch. relaxed, here and below: whoever got the address from malloc, or from somebody who
 * did, comes after the stores. For any other address there is no right answer. */
static inline struct heap_arena *arena_at(uintptr_t address) {
    uintptr_t at =
        atomic_load_explicit(&arenas.distance[address >> ARENA_SHIFT], memory_order_relaxed) +
        (uintptr_t)&arenas;
    __asm__("" : "+r"(at)); /* so added up, the rest is one operand: gcc 12 adds all three else */
    return os_pointer(at + offsetof(struct arena_table, none));
}

/* NULL in place of `none`. */
static inline struct heap_arena *arena_of(uintptr_t address) {
    struct heap_arena *a = arena_at(address);
    return a == &arenas.none ? NULL : a;
}

static inline unsigned arena_page(uintptr_t address) {
    return address >> PAGE_SHIFT & (ARENA_PAGES - 1);
}

/* What page_class has of an address's page; 0, too, where no arena is. */
static inline size_t arena_place(uintptr_t address) {
    return atomic_load_explicit(&arena_at(address)->page_class[arena_page(address)],
                                memory_order_relaxed);
}

/* The class that it means. */
static inline unsigned arena_class(uintptr_t address) {
    return (unsigned)arena_place(address) / ARENA_UNIT;
}

/* The span of a page of the heap; NULL where no arena is. */
static inline struct mspan *arena_span(uintptr_t address) {
    return atomic_load_explicit(&arena_at(address)->span[arena_page(address)],
                                memory_order_relaxed);
}

/* The same for any address whatsoever: NULL if it is not of the heap. */
struct mspan *arena_span_checked(uintptr_t address);

/* Makes the arenas of a range exist; false: no memory. Not thread-safe: under mheap's grow lock. */
bool arena_prepare(uintptr_t base, size_t bytes);

/* The maps of the arena at an address are zero again, and not resident. */
void arena_clear(uintptr_t address);

/* Sets the maps for n pages. */
void arena_set(uintptr_t base, size_t n, struct mspan *, unsigned page_class);

/* The arenas that exist lie within [first, end). */
void arena_bounds(size_t *first, size_t *end);

/* Bytes of metadata; guarded by mheap's grow lock. */
extern size_t arena_sys;

#endif
