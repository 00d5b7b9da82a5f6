/* The functions of malloc, as the program calls them: each asks the allocator behind, and counts.
 *
 * The usable size of a block is what the allocator says when it is made, and again when it is
 * freed. A block leaves the books before the allocator gets it back, because another thread may
 * then be given the same address. */
#include "count.h"
#include "next.h"

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

static inline void *made(void *block, size_t requested) {
    struct why_slot *mine = count_mine;
    if (__builtin_expect(block && mine, 1))
        count_made(mine, block, requested, next.usable(block));
    else if (block && count_book)
        count_made_slow(block, requested, next.usable(block));
    return block;
}

/* A thread that has a slot has found what is behind. */
static inline bool is_ready(void) {
    return __builtin_expect(count_mine != NULL, 1) || next_ready();
}

static void *no_memory(void) {
    errno = ENOMEM;
    return NULL;
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): ours are words, glibc's are __a
PUBLIC void *malloc(size_t size) {
    if (!is_ready())
        return next_early(size, 16);
    return made(next.malloc(size), size);
}

PUBLIC void *calloc(size_t count, size_t size) {
    if (!is_ready())
        return size && count > SIZE_MAX / size ? NULL : next_early(count * size, 16);
    return made(next.calloc(count, size), count * size);
}

PUBLIC void free(void *block) {
    if (!block || next_is_early(block))
        return;
    struct why_slot *mine = count_mine;
    if (__builtin_expect(mine != NULL, 1))
        count_freed(mine, block, next.usable(block));
    else if (!next_ready()) /* it was never given out */
        return;
    else if (count_book)
        count_freed_slow(block, next.usable(block));
    next.free(block);
}

/* How much of an early block there was is not known; behind it lie bytes of the same array. */
static void *move_early(void *block, size_t size) {
    void *fresh = malloc(size);
    size_t most = size;
    while (most && !next_is_early((char *)block + most - 1))
        most--;
    return fresh ? memcpy(fresh, block, most) : NULL;
}

PUBLIC void *realloc(void *block, size_t size) {
    if (!block)
        return malloc(size);
    if (next_is_early(block) || !next_ready())
        return move_early(block, size);
    if (!count_book)
        return next.realloc(block, size);
    const size_t before = next.usable(block);
    count_freed_slow(block, before);
    void *fresh = next.realloc(block, size);
    if (fresh)
        return made(fresh, size);
    if (size) /* the old one is as it was */
        count_made_slow(block, before, before);
    return NULL;
}

PUBLIC void *reallocarray(void *block, size_t count, size_t size) {
    if (size && count > SIZE_MAX / size)
        return no_memory();
    // NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI): of no bytes, if so asked
    return realloc(block, count * size);
}

PUBLIC int posix_memalign(void **to, size_t alignment, size_t size) {
    if (!next_ready() || !next.posix_memalign)
        return ENOMEM;
    const int error = next.posix_memalign(to, alignment, size);
    if (!error)
        made(*to, size);
    return error;
}

PUBLIC void *aligned_alloc(size_t alignment, size_t size) {
    if (!next_ready())
        return next_early(size, alignment);
    return next.aligned_alloc ? made(next.aligned_alloc(alignment, size), size) : no_memory();
}

PUBLIC void *memalign(size_t alignment, size_t size) {
    if (!next_ready())
        return next_early(size, alignment);
    return next.memalign ? made(next.memalign(alignment, size), size) : no_memory();
}

PUBLIC void *valloc(size_t size) {
    if (!next_ready())
        return next_early(size, (size_t)getpagesize());
    return next.valloc ? made(next.valloc(size), size) : no_memory();
}

PUBLIC void *pvalloc(size_t size) {
    if (!next_ready() || !next.pvalloc)
        return no_memory();
    return made(next.pvalloc(size), size);
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)

/* C23. Their arguments only repeat what the allocator knows. */
PUBLIC void free_sized(void *block, size_t size);
PUBLIC void free_sized(void *block, size_t size) {
    (void)size;
    free(block);
}

PUBLIC void free_aligned_sized(void *block, size_t alignment, size_t size);
PUBLIC void free_aligned_sized(void *block, size_t alignment, size_t size) {
    (void)alignment, (void)size;
    free(block);
}
