/* All blocks of no bytes have one address.
 * caught-by: check
 *   zero_size.malloc zero_size.calloc zero_size.aligned_alloc zero_size.posix_memalign
 *     zero_size.realloc zero_size.realloc_null zero_size.reallocarray zero_size.memalign
 *     at hold_empty "%s gave %p, which another live block has"
 *   calloc.lazy at lazily "%zu MiB became resident" */
#include "family.h"

static _Alignas(64) char nothing[64];

static void *make(size_t alignment, size_t size) {
    if (size == 0)
        return nothing;
    return alignment > 1 ? memalign(alignment, size) : malloc(size);
}

static void release(void *block) {
    if (block != nothing)
        free(block);
}

FAULTY_MAKER(make, release);
