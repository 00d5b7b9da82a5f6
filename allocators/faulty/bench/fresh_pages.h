/* Blocks with a mapping of their own, for allocators that get fresh pages where others do not. */
#ifndef SPANBENCH_FRESH_PAGES_H
#define SPANBENCH_FRESH_PAGES_H

#include "base.h"

/* At the beginning of the mapping; the block follows. */
struct fresh {
    _Alignas(64) uint64_t magic;
    size_t size; /* of the block */
};

#define FRESH_MAGIC 0x5bd1e9955bd1e995u

static inline struct fresh *fresh_of(void *block) {
    struct fresh *head = (void *)((char *)block - ((uintptr_t)block & (BASE_PAGE - 1)));
    return block && head + 1 == block && head->magic == FRESH_MAGIC ? head : NULL;
}

static inline void *fresh_malloc(size_t size) {
    struct fresh *head =
        mmap(NULL, sizeof *head + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (head == MAP_FAILED)
        return NULL;
    *head = (struct fresh){FRESH_MAGIC, size};
    return head + 1;
}

static inline void fresh_free(void *block) {
    struct fresh *head = fresh_of(block);
    if (head)
        munmap(head, sizeof *head + head->size);
    else
        free(block);
}

static inline size_t fresh_usable_size(void *block) {
    const struct fresh *head = fresh_of(block);
    return head ? head->size : malloc_usable_size(block);
}

#endif
