/* Each block has pages of its own, and the first half page of them is the allocator's: of a block
 * of `size` bytes the layout is known to the byte. Sound, but a waste: the yardstick for the
 * accounts of memory (harness/test/test_accounting.py).
 *
 * Freed pages go back at once, and their addresses are never used again. */
#include "faulty.h"

#include <stdint.h>
#include <sys/mman.h>

enum { PAGE = 4096, OWN = PAGE / 2 };
static const size_t room = (size_t)64 << 30; /* of addresses: enough for any quick sample */

/* Relaxed: only the numbers count, and each thread gets others. */
static _Atomic(unsigned char *) next;
static unsigned char *end;

__attribute__((constructor)) static void reserve(void) {
    unsigned char *base = mmap(NULL, room, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return;
    madvise(base, room, MADV_NOHUGEPAGE);
    atomic_store_explicit(&next, base, memory_order_relaxed);
    end = base + room;
}

static void *page_each_malloc(size_t size) {
    const size_t bytes = (OWN + size + PAGE - 1) / PAGE * PAGE;
    unsigned char *at  = atomic_fetch_add_explicit(&next, bytes, memory_order_relaxed);
    if (!end || (size_t)(end - at) < bytes)
        return NULL;
    *(size_t *)(void *)at = bytes;
    return at + OWN;
}

static size_t *own_part(void *block) {
    return (size_t *)(void *)((unsigned char *)block - OWN);
}

static size_t page_each_usable_size(void *block) {
    return block ? *own_part(block) - OWN : 0;
}

static void page_each_free(void *block) {
    if (block)
        madvise(own_part(block), *own_part(block), MADV_DONTNEED);
}

const struct allocator allocator = {
    .abi         = ALLOCATOR_ABI,
    .flags       = ALLOCATOR_PLANTED,
    .object      = ALLOCATOR_IN_CELL,
    .malloc      = page_each_malloc,
    .free        = page_each_free,
    .usable_size = page_each_usable_size,
};
