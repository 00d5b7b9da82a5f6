/* The functions of malloc, as the program calls them: each asks the allocator behind, and counts.
 *
 * The usable size of a block is what the allocator says when it is made, and again when it is
 * freed. A block leaves the books before the allocator gets it back, because another thread may
 * then be given the same address. */
#include "count.h"
#include "next.h"
#include "page.h"

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

#define RARE static __attribute__((noinline)) /* leaves its callers few registers to save */

/* By a function for which the allocator promises no size. */
RARE void *made(void *block, size_t requested) {
    struct why_slot *mine = count_mine;
    if (block && mine)
        count_made(mine, block, requested, next_usable(block));
    else if (block && count_book)
        count_made_slow(block, requested, next_usable(block));
    return block;
}

/* By one for which it may. */
RARE void *made_unknown(void *block, size_t requested) {
    struct why_slot *mine = count_mine;
    if (!block || !mine)
        return made(block, requested);
    count_made_unknown(mine, block, requested);
    return block;
}

static inline void *made_glibc(void *block, size_t requested) {
    struct why_slot *mine = count_mine;
    const size_t usable   = block ? next_glibc_usable(block) : 0;
    if (__builtin_expect(!block || !mine || !count_is_plain(block, usable), 0))
        return made(block, requested);
    count_up(&mine->small[usable / 8].made);
    return block;
}

/* This thread has a slot, and the block is of a size that was promised. */
static inline void *made_as_promised(void *block, uint64_t size, size_t requested) {
    if (__builtin_expect(!page_is_of(block, size), 0))
        return made_unknown(block, requested);
    count_up(&count_mine->small[size].made);
    return block;
}

static void *no_memory(void) {
    errno = ENOMEM;
    return NULL;
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): ours are words, glibc's are __a
/* A thread that has a slot has found what is behind. */
static inline bool is_ready(void) {
    return __builtin_expect(count_mine != NULL, 1) || next_ready();
}

RARE void *malloc_unknown(size_t size) {
    if (!is_ready())
        return next_early(size, 16);
    void *block = next.malloc(size);
    return next.glibc ? made_glibc(block, size) : made_unknown(block, size);
}

PUBLIC void *malloc(size_t size) {
    const uint64_t units = count_promise(size);
    if (__builtin_expect(!units || !count_mine, 0))
        return malloc_unknown(size);
    return made_as_promised(next.malloc(size), units, size);
}

RARE void *calloc_unknown(size_t count, size_t size) {
    if (!is_ready())
        return size && count > SIZE_MAX / size ? NULL : next_early(count * size, 16);
    void *block = next.calloc(count, size);
    return next.glibc ? made_glibc(block, count * size) : made_unknown(block, count * size);
}

PUBLIC void *calloc(size_t count, size_t size) {
    size_t all;
    const uint64_t units = __builtin_mul_overflow(count, size, &all) ? 0 : count_promise(all);
    if (__builtin_expect(!units || !count_mine, 0))
        return calloc_unknown(count, size);
    return made_as_promised(next.calloc(count, size), units, all);
}

RARE void free_any(void *block) {
    struct why_slot *mine = count_mine;
    const uint64_t units  = page_sampled_size(block);
    if (count_is_inside()) {
        next.free(block);
        return;
    }
    if (units && mine) {
        count_up(&mine->small[units].freed);
        sample_remove(block);
        next.free(block);
        return;
    }
    if (!block || next_is_early(block) || !is_ready()) /* the last: it was never given out */
        return;
    if (count_book)
        count_freed_slow(block, next_usable(block));
    next.free(block);
}

RARE void free_glibc(void *block) {
    struct why_slot *mine = count_mine;
    const bool is_own     = block && mine && !next_is_early(block);
    const size_t usable   = is_own ? next_glibc_usable(block) : 0;
    if (__builtin_expect(!is_own || !count_is_plain(block, usable), 0)) {
        free_any(block);
        return;
    }
    count_up(&mine->small[usable / 8].freed);
    next.free(block);
}

PUBLIC void free(void *block) {
    struct why_slot *mine = count_mine;
    const uint64_t units  = page_size(block);
    if (__builtin_expect(units && mine, 1)) {
        count_up(&mine->small[units].freed);
        next.free(block);
    } else if (next.glibc) {
        free_glibc(block);
    } else {
        free_any(block);
    }
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
    const size_t before = next_usable(block);
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
