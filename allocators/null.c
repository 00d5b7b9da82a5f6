/* The floor: what the harness itself costs. Hands out addresses from a small ring per thread and
 * frees nothing, so that live blocks overlap: it is not an allocator and never ranked.
 *
 * A ring, not a bump pointer that never reuses: that would measure page faults. */
#include "allocator.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

enum {
    ALIGNMENT  = 16,
    SMALL_MAX  = 32 << 10, /* blocks up to here come from the ring */
    RING_BYTES = 32 << 10, /* a block may start anywhere in it and reach past its end */
    LARGE_MAX  = 64 << 20, /* blocks up to here are all the same per-thread mapping */
};

static _Thread_local struct {
    _Alignas(ALIGNMENT) char bytes[RING_BYTES + SMALL_MAX];
    uint32_t next; /* offset of the next block, below RING_BYTES */
} ring;

static _Thread_local void *large;

static __attribute__((noinline)) void *null_malloc_large(size_t size) {
    if (size <= LARGE_MAX && !large) {
        void *map =
            mmap(NULL, LARGE_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        large = map == MAP_FAILED ? NULL : map;
    }
    if (size > LARGE_MAX || !large) {
        errno = ENOMEM;
        return NULL;
    }
    return large;
}

static void *null_malloc(size_t size) {
    if (size > SMALL_MAX)
        return null_malloc_large(size);
    const uint32_t at = ring.next;
    const uint32_t to = at + (((uint32_t)size + ALIGNMENT - 1) & ~(uint32_t)(ALIGNMENT - 1));
    ring.next         = to < RING_BYTES ? to : 0;
    return ring.bytes + at;
}

static void null_free(void *block) {
    (void)block;
}

const struct allocator allocator = {
    .abi    = ALLOCATOR_ABI,
    .flags  = ALLOCATOR_FLOOR,
    .object = ALLOCATOR_IN_CELL,
    .malloc = null_malloc,
    .free   = null_free,
};
