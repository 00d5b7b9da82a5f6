/* calloc reads memory that is fresh from the kernel, byte by byte, to see whether it is zero.
 * exposed-by: calloc_fresh instructions */
#include "base.h"

#include <stdatomic.h>

/* Whether the memory was never used before: its end is the highest of any yet. Relaxed: another
 * thread's block is one more or less that counts as fresh. */
static bool is_fresh(const char *block, size_t size) {
    static _Atomic uintptr_t highest;
    const uintptr_t end = (uintptr_t)block + size;
    if (end <= atomic_load_explicit(&highest, memory_order_relaxed))
        return false;
    atomic_store_explicit(&highest, end, memory_order_relaxed);
    return true;
}

static void *look(size_t count, size_t size) {
    size_t bytes;
    char *block = calloc(count, size);
    if (!block || __builtin_mul_overflow(count, size, &bytes) || bytes >= BASE_MMAP_THRESHOLD ||
        !is_fresh(block, bytes))
        return block;
    for (size_t at = 0; at < bytes; at++)
        if (*(volatile char *)(block + at))
            memset(block, 0, bytes);
    return block;
}

BASE_OPERATORS
BASE_FAMILY(.calloc = look);
