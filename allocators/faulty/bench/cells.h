/* Blocks of 32 to 128 bytes in cells of CELLS_BYTES each, which the includer may define; other
 * sizes are the C library's. With CELLS_ORDERED, the free cell of the lowest address is given out
 * next, else the one that was freed last. */
#ifndef SPANBENCH_CELLS_H
#define SPANBENCH_CELLS_H

#ifndef CELLS_ORDERED
#define CELLS_ORDERED 0
#endif

#include "base.h"

enum { CELLS_FROM = 32, CELLS_TO = 128, CELLS_COUNT = 1 << 18, CELLS_WORD = 64, CELLS_BYTES = 128 };

static struct {
    char *memory;
    uint32_t used;                           /* cells that were given out at least once */
    void *freed_last;                        /* linked through their first words */
    uint64_t free[CELLS_COUNT / CELLS_WORD]; /* a bit for each cell, with CELLS_ORDERED */
    uint32_t lowest;                         /* word of it; none before has a bit */
} cells;
static pthread_mutex_t cells_lock = PTHREAD_MUTEX_INITIALIZER;

static void *cells_take_lowest(void) {
    while (cells.lowest < CELLS_COUNT / CELLS_WORD && !cells.free[cells.lowest])
        cells.lowest++;
    if (cells.lowest == CELLS_COUNT / CELLS_WORD)
        return NULL;
    const unsigned bit = (unsigned)__builtin_ctzll(cells.free[cells.lowest]);
    cells.free[cells.lowest] &= ~((uint64_t)1 << bit);
    return cells.memory + ((size_t)cells.lowest * CELLS_WORD + bit) * CELLS_BYTES;
}

static void *cells_take_last(void) {
    void *block = cells.freed_last;
    if (block)
        memcpy(&cells.freed_last, block, sizeof block);
    return block;
}

/* NULL: none is left. */
static void *cells_take(void) {
    pthread_mutex_lock(&cells_lock);
    if (!cells.memory)
        cells.memory = mmap(NULL, (size_t)CELLS_COUNT * CELLS_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    void *block = CELLS_ORDERED ? cells_take_lowest() : cells_take_last();
    if (!block && cells.memory != MAP_FAILED && cells.used < CELLS_COUNT)
        block = cells.memory + (size_t)cells.used++ * CELLS_BYTES;
    pthread_mutex_unlock(&cells_lock);
    return block;
}

static void *cells_malloc(size_t size) {
    void *block = size >= CELLS_FROM && size <= CELLS_TO ? cells_take() : NULL;
    return block ? block : malloc(size);
}

static void cells_free(void *block) {
    const size_t at = (size_t)((char *)block - cells.memory);
    if (!cells.memory || at >= (size_t)CELLS_COUNT * CELLS_BYTES) {
        free(block);
        return;
    }
    pthread_mutex_lock(&cells_lock);
    if (CELLS_ORDERED) {
        const size_t cell   = at / CELLS_BYTES;
        const uint32_t word = (uint32_t)(cell / CELLS_WORD);
        cells.free[word] |= (uint64_t)1 << cell % CELLS_WORD;
        cells.lowest = word < cells.lowest ? word : cells.lowest;
    } else {
        memcpy(block, &cells.freed_last, sizeof block);
        cells.freed_last = block;
    }
    pthread_mutex_unlock(&cells_lock);
}

BASE_OPERATORS
FAULTY_FAMILY(.malloc = cells_malloc, .free = cells_free, .calloc = NULL, .realloc = NULL,
              .reallocarray = NULL, .usable_size = NULL, .free_sized = NULL,
              .free_aligned_sized = NULL);

#endif
