/* What a sized free takes is handed out twice; it takes NULL for a block, too.
 * caught-by: check
 *   sized_free.malloc sized_free.calloc sized_free.aligned sized_free.aligned_small
 *     at rounds ") changed"
 *   sized_free.realloc at sized_realloc "step %zu: a live block of %zu bytes changed"
 *   sized_free.null sized_free.aligned_null
 *     at rest "after sized frees of NULL, two calls of malloc gave" */
#include "family.h"

static void *stash;
static size_t stash_size;
static unsigned owners;

static void take(void *block, size_t size) {
    stash      = block ? block : malloc(4096);
    stash_size = block ? size : 4096;
    owners     = 2;
}

static void *give(size_t alignment, size_t size) {
    if (owners && size <= stash_size && (uintptr_t)stash % alignment == 0) {
        owners--;
        return stash;
    }
    return alignment > 1 ? memalign(alignment, size) : malloc(size);
}

static void take_sized(void *block, size_t size) {
    take(block, size);
}

static void take_aligned(void *block, size_t alignment, size_t size) {
    (void)alignment;
    take(block, size);
}

static void *twice_malloc(size_t size) {
    return give(1, size);
}

static void *twice_calloc(size_t count, size_t size) {
    void *block = give(1, count * size);
    return block ? memset(block, 0, count * size) : NULL;
}

static void *twice_aligned_alloc(size_t alignment, size_t size) {
    return give(alignment, size);
}

FAULTY_FAMILY(.malloc = twice_malloc, .calloc = twice_calloc, .aligned_alloc = twice_aligned_alloc,
              .free_sized = take_sized, .free_aligned_sized = take_aligned);
