/* Allocators with cells of 16 bytes, four in a cache line, for small blocks; others are the C
 * library's. They tell how often a cell came from a line of which another thread had a part
 * before. They tell it as their own account of live bytes, `stats_allocated_bytes` of a record. */
#ifndef SPANBENCH_LINES_H
#define SPANBENCH_LINES_H

#include "base.h"

enum {
    LINE       = 64,
    LINE_CELL  = 16,
    LINE_CELLS = LINE / LINE_CELL,
    LINES      = 1 << 16,
};

static struct {
    pthread_mutex_t lock;
    char *memory;
    size_t used; /* lines */
} lines_heap = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Who first had a part of a line, and who has a cell, by number of thread. Relaxed, as are the
 * counts: a thread that gives a block away does it by other means. */
static _Atomic uint32_t lines_first[LINES], lines_holder[(size_t)LINES * LINE_CELLS];
static _Atomic uint32_t lines_threads;
static _Atomic size_t lines_shared;

static inline uint32_t lines_thread(void) {
    static _Thread_local uint32_t own;
    if (!own)
        own = atomic_fetch_add_explicit(&lines_threads, 1, memory_order_relaxed) + 1;
    return own;
}

static struct mallinfo2 lines_account(void) {
    return (struct mallinfo2){.uordblks = lines_shared};
}

/* A line that nobody had; NULL: there are no more. */
static inline char *lines_new(void) {
    char *line = NULL;
    pthread_mutex_lock(&lines_heap.lock);
    if (!lines_heap.memory)
        lines_heap.memory = aligned_alloc(LINE, (size_t)LINES * LINE);
    if (lines_heap.memory && lines_heap.used < LINES)
        line = lines_heap.memory + LINE * lines_heap.used++;
    pthread_mutex_unlock(&lines_heap.lock);
    return line;
}

static inline bool lines_is_cell(const void *block) {
    const uintptr_t at = (uintptr_t)block, from = (uintptr_t)lines_heap.memory;
    return from && at >= from && at < from + (uintptr_t)LINES * LINE;
}

static inline size_t lines_number(const void *cell) {
    return (size_t)((const char *)cell - lines_heap.memory) / LINE_CELL;
}

/* The free cells of a thread, linked through their first words. */
static _Thread_local void *lines_free;

/* It comes again when this thread wants one. */
static inline void lines_give(void *cell) {
    memcpy(cell, &lines_free, sizeof lines_free);
    lines_free = cell;
}

/* The same, but another thread's cell is not used again: its line stays what it was. */
static inline void lines_give_own(void *cell) {
    if (atomic_load_explicit(&lines_holder[lines_number(cell)], memory_order_relaxed) ==
        lines_thread())
        lines_give(cell);
}

/* A cell becomes this thread's, and its line is looked at. NULL stays NULL. */
static inline void *lines_hold(void *cell) {
    uint32_t first = 0;
    if (!cell)
        return NULL;
    const size_t number = lines_number(cell);
    const uint32_t own  = lines_thread();
    atomic_store_explicit(&lines_holder[number], own, memory_order_relaxed);
    if (!atomic_compare_exchange_strong_explicit(&lines_first[number / LINE_CELLS], &first, own,
                                                 memory_order_relaxed, memory_order_relaxed) &&
        first != own)
        atomic_fetch_add_explicit(&lines_shared, 1, memory_order_relaxed);
    return cell;
}

/* A free cell of this thread; NULL: no line is left. */
static inline void *lines_take(void) {
    char *line = lines_free ? NULL : lines_new();
    for (unsigned i = LINE_CELLS; line && i-- > 0;)
        lines_give(line + (size_t)i * LINE_CELL);
    void *cell = lines_free;
    if (cell)
        memcpy(&lines_free, cell, sizeof lines_free);
    return lines_hold(cell);
}

/* Defines the allocator. `cell_of(size)`: a cell, or NULL for the C library's; `give(cell)`. */
#define LINES_ALLOCATOR(cell_of, give)                                                             \
    static void *line_malloc(size_t size) {                                                        \
        void *cell = cell_of(size);                                                                \
        return cell ? cell : malloc(size);                                                         \
    }                                                                                              \
    static void line_free(void *block) {                                                           \
        if (lines_is_cell(block))                                                                  \
            give(block);                                                                           \
        else                                                                                       \
            free(block);                                                                           \
    }                                                                                              \
    BASE_OPERATORS                                                                                 \
    const struct allocator allocator = {                                                           \
        .abi    = ALLOCATOR_ABI,                                                                   \
        .flags  = ALLOCATOR_PLANTED,                                                               \
        .object = ALLOCATOR_IN_CELL,                                                               \
        .malloc = line_malloc,                                                                     \
        .free   = line_free,                                                                       \
        .stats  = lines_account,                                                                   \
    }

#endif
