/* A simple allocator for the planted ones that waste memory. Blocks are cut from one mapping, one
 * behind the other. A freed block serves the next request of its class, and pages never change
 * their class. One lock; addresses of 64 GiB are reserved, and only what is written is resident. */
#ifndef SPANBENCH_ARENA_H
#define SPANBENCH_ARENA_H

#include "faulty.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { ARENA_HEADER = 16, ARENA_PAGE = 4096, ARENA_CLASSES = 1 << 16 };
static const size_t arena_room = (size_t)64 << 30;

struct arena_header {
    uint64_t bytes; /* that the program may use: the class */
    uint64_t number;
};

static struct {
    pthread_mutex_t lock;
    unsigned char *base, *next;
    size_t live;                         /* blocks */
    unsigned char *freed[ARENA_CLASSES]; /* by class; each begins with the address of the next */
} arena = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline bool arena_begin(void) {
    if (arena.base)
        return true;
    arena.base = mmap(NULL, arena_room, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena.base == MAP_FAILED) {
        arena.base = NULL;
        return false;
    }
    madvise(arena.base, arena_room, MADV_NOHUGEPAGE);
    arena.next = arena.base;
    return true;
}

/* A block of `bytes` for class `number`, which holds blocks of that size only. */
static inline void *arena_malloc(size_t bytes, uint64_t number) {
    unsigned char *block = NULL;
    pthread_mutex_lock(&arena.lock);
    if (number < ARENA_CLASSES && arena_begin()) {
        block = arena.freed[number];
        if (block) {
            memcpy(&arena.freed[number], block, sizeof arena.freed[number]);
        } else {
            block                         = arena.next + ARENA_HEADER;
            const struct arena_header own = {bytes, number};
            memcpy(arena.next, &own, sizeof own);
            arena.next = block + bytes;
        }
        arena.live++;
    }
    pthread_mutex_unlock(&arena.lock);
    return block;
}

static inline struct arena_header arena_header_of(const void *block) {
    struct arena_header h;
    memcpy(&h, (const unsigned char *)block - ARENA_HEADER, sizeof h);
    return h;
}

/* `reset`: all goes back when the last block is freed. */
static inline void arena_free(void *block, bool reset) {
    if (!block)
        return;
    pthread_mutex_lock(&arena.lock);
    const uint64_t number = arena_header_of(block).number;
    memcpy(block, &arena.freed[number], sizeof arena.freed[number]);
    arena.freed[number] = block;
    if (--arena.live == 0 && reset) {
        madvise(arena.base, (size_t)(arena.next - arena.base), MADV_DONTNEED);
        memset(arena.freed, 0, sizeof arena.freed);
        arena.next = arena.base;
    }
    pthread_mutex_unlock(&arena.lock);
}

static inline size_t arena_usable_size(void *block) {
    return block ? arena_header_of(block).bytes : 0;
}

/* Classes of powers of two, from 16 bytes on, and their number. */
static inline size_t arena_power(size_t size, uint64_t *number) {
    size_t bytes = 16;
    for (*number = 0; bytes < size; bytes *= 2)
        ++*number;
    return bytes;
}

/* Classes of multiples of 64 bytes, from there on those of powers of two. */
static inline size_t arena_multiple(size_t size, uint64_t *number) {
    enum { STEP = 64, MOST = 32 << 10, FIRST = 64 };
    if (size > MOST)
        return arena_power(size, number);
    const size_t steps = size ? (size + STEP - 1) / STEP : 1;
    *number            = FIRST + steps;
    return steps * STEP;
}

#define ARENA_ALLOCATOR(of_size, reset)                                                            \
    static void *planted_malloc(size_t size) {                                                     \
        uint64_t number;                                                                           \
        const size_t bytes = of_size(size, &number);                                               \
        return arena_malloc(bytes, number);                                                        \
    }                                                                                              \
    static void planted_free(void *block) {                                                        \
        arena_free(block, reset);                                                                  \
    }                                                                                              \
    const struct allocator allocator = {                                                           \
        .abi         = ALLOCATOR_ABI,                                                              \
        .flags       = ALLOCATOR_PLANTED,                                                          \
        .object      = ALLOCATOR_IN_CELL,                                                          \
        .malloc      = planted_malloc,                                                             \
        .free        = planted_free,                                                               \
        .usable_size = arena_usable_size,                                                          \
    }

#endif
