/* A whole small allocator, for planted behaviours that the hardening matrix must tell apart. Each
 * is a file that replaces how the model frees; its first comment says "harden: MISUSE/SIZE=OUTCOME
 * …" ("MISUSE=OUTCOME" where the size does not matter), and harness/test/test_harden.py demands
 * exactly that.
 *
 * Classes are powers of two. Free blocks are on a list of their class, last in, first out, linked
 * through their first word. A head before each block says its size, and whether it is alive. Not
 * thread-safe. Knows no misuse. */
#ifndef SPANBENCH_MODEL_H
#define SPANBENCH_MODEL_H

#include "allocator.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Members of allocators that a behaviour replaces are given twice. */
#pragma GCC diagnostic ignored "-Woverride-init"

enum { MODEL_ALIVE = 0x616c6976, MODEL_FREE = 0x66726565 };

struct model_head {
    size_t size; /* of the block, a power of two */
    size_t state;
};

struct model_link {
    struct model_link *next;
};

static struct model_link *model_list[64]; /* by the logarithm of the size */

static inline struct model_head *model_head(void *block) {
    return (struct model_head *)block - 1;
}

static inline unsigned model_class(size_t size) {
    return size <= 16 ? 4 : 64 - (unsigned)__builtin_clzll(size - 1);
}

static inline void *model_malloc(size_t size) {
    enum { GIGABYTE = 1 << 30 };
    static char *at, *end;
    const unsigned class     = model_class(size);
    struct model_link *first = model_list[class];
    const size_t bytes       = sizeof(struct model_head) + ((size_t)1 << class);
    if (first) {
        model_list[class]        = first->next;
        model_head(first)->state = MODEL_ALIVE;
        return first;
    }
    if (!at) {
        at  = mmap(NULL, GIGABYTE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        end = at == MAP_FAILED ? at : at + GIGABYTE;
    }
    if (bytes > (size_t)(end - at))
        return NULL;
    struct model_head *head = (struct model_head *)at;
    at += bytes;
    *head = (struct model_head){(size_t)1 << class, MODEL_ALIVE};
    return head + 1;
}

static inline size_t model_usable(void *block) {
    return block ? model_head(block)->size : 0;
}

static inline bool model_is_alive(void *block) {
    return model_head(block)->state == MODEL_ALIVE;
}

static inline void model_free(void *block) {
    if (!block)
        return;
    struct model_head *head = model_head(block);
    struct model_link *link = block;
    const unsigned class    = model_class(head->size);
    head->state             = MODEL_FREE;
    link->next              = model_list[class];
    model_list[class]       = link;
}

/* Not through stdio, which may allocate. */
static inline void model_say(const char *words) {
    (void)!write(STDERR_FILENO, words, strlen(words));
}

#define MODEL_ALLOCATOR(...)                                                                       \
    const struct allocator allocator = {.abi         = ALLOCATOR_ABI,                              \
                                        .flags       = ALLOCATOR_PLANTED,                          \
                                        .object      = ALLOCATOR_IN_CELL,                          \
                                        .malloc      = model_malloc,                               \
                                        .free        = model_free,                                 \
                                        .usable_size = model_usable,                               \
                                        __VA_ARGS__}

#endif
