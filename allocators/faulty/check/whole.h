/* A heap that replaces the C library's in the process, and knows its own blocks only: each has a
 * head. WHOLE_FAMILY defines all functions by name but those that a bug leaves out or has of its
 * own: it names them in LEFT_OUT_…. A bug defines stranger(), which free calls for a block that is
 * not of this heap. */
#ifndef SPANBENCH_WHOLE_H
#define SPANBENCH_WHOLE_H

#include "family.h"

enum { MAGIC = 0x5eed, PAGE = 4096 };

struct head {
    void *raw; /* of the C library */
    size_t size, magic, alignment;
};

void stranger(void *block);

static void *newest __attribute__((unused)); /* what malloc gave last */

/* NOLINTBEGIN(bugprone-reserved-identifier): the C library's */
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);
/* NOLINTEND(bugprone-reserved-identifier) */

static struct head *head_of(void *block) {
    return (struct head *)block - 1;
}

static void *give(size_t alignment, size_t size) {
    const size_t room = alignment < sizeof(struct head) ? sizeof(struct head) : alignment;
    char *raw         = size < SIZE_MAX / 4 ? __libc_memalign(room, room + size) : NULL;
    if (!raw) {
        errno = ENOMEM;
        return NULL;
    }
    *head_of(raw + room) = (struct head){raw, size, MAGIC, alignment};
    return raw + room;
}

static inline void take(void *block) {
    if (!block)
        return;
    if (head_of(block)->magic != MAGIC) {
        stranger(block);
        return;
    }
    head_of(block)->magic = 0;
    __libc_free(head_of(block)->raw);
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): theirs have reserved names */
void *malloc(size_t size) {
    return newest = give(1, size);
}

void *calloc(size_t count, size_t size) {
    size_t product;
    void *block = __builtin_mul_overflow(count, size, &product) ? NULL : give(1, product);
    return block ? memset(block, 0, product) : NULL;
}

/* Of a stranger's block, it takes all that is there for the block's. */
void *realloc(void *old, size_t size) {
    void *block       = give(1, size);
    const bool is_own = old && head_of(old)->magic == MAGIC;
    const size_t had  = is_own ? head_of(old)->size : size;
    if (block && old)
        memcpy(block, old, had < size ? had : size);
    if (block)
        take(old);
    return block;
}

#ifndef LEFT_OUT_FREE
void free(void *block) {
    take(block);
}
#endif

#ifndef LEFT_OUT_ALIGNED_ALLOC
void *aligned_alloc(size_t alignment, size_t size) {
    return give(alignment, size);
}
#endif

int posix_memalign(void **block, size_t alignment, size_t size) {
    *block = give(alignment, size);
    return *block ? 0 : ENOMEM;
}

void *memalign(size_t alignment, size_t size) {
    return give(alignment, size);
}

#ifndef LEFT_OUT_VALLOC
void *valloc(size_t size) {
    return give(PAGE, size);
}
#endif

#ifndef LEFT_OUT_PVALLOC
void *pvalloc(size_t size) {
    return give(PAGE, (size + PAGE - 1) / PAGE * PAGE);
}
#endif

#ifndef LEFT_OUT_USABLE_SIZE
size_t malloc_usable_size(void *block) {
    return block ? head_of(block)->size : 0;
}
#endif
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

#endif
