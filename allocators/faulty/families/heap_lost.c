/* Each thread gets a heap of 64 KiB with its first block, and nobody takes it over when it ends.
 * exposed-by: memory thread_churn */
#include "allocator.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HEAP_BYTES = 64 << 10 };

static _Thread_local void *heap;

static void *heap_malloc(size_t size) {
    if (!heap) {
        heap = mmap(NULL, HEAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (heap == MAP_FAILED)
            return NULL;
        memset(heap, 1, HEAP_BYTES);
    }
    return malloc(size);
}

static void heap_free(void *block) {
    free(block);
}

const struct allocator allocator = {
    .abi    = ALLOCATOR_ABI,
    .flags  = ALLOCATOR_PLANTED,
    .object = ALLOCATOR_IN_CELL,
    .malloc = heap_malloc,
    .free   = heap_free,
};
