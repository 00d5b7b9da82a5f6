/* Fails without a word: errno stays as it was.
 * caught-by: check
 *   errno.malloc errno.calloc errno.realloc errno.reallocarray errno.aligned_alloc errno.memalign
 *     at right "gave NULL and %s %s"
 *   errno.calloc_overflow at calloc_wraps "errno is"
 *   errno.reallocarray_overflow at array_wraps "errno is"
 *   limits.address_space_large limits.address_space_medium limits.address_space_small limits.data
 *     limits.data_medium limits.data_small
 *     at exhaust "at the limit, malloc(%zu) gave NULL and errno %s"
 *   limits.realloc at grow_at_limit "gave NULL and errno"
 *   limits.mmap_fails at take ") gave NULL and errno" */
#include "family.h"

#define SILENTLY(call)                                                                             \
    const int before = errno;                                                                      \
    void *block      = (call);                                                                     \
    errno            = before;                                                                     \
    return block

static void *silent_malloc(size_t size) {
    SILENTLY(malloc(size));
}

static void *silent_calloc(size_t count, size_t size) {
    SILENTLY(calloc(count, size));
}

static void *silent_realloc(void *old, size_t size) {
    SILENTLY(realloc(old, size));
}

static void *silent_reallocarray(void *old, size_t count, size_t size) {
    SILENTLY(reallocarray(old, count, size));
}

static void *silent_aligned_alloc(size_t alignment, size_t size) {
    SILENTLY(sound_aligned_alloc(alignment, size));
}

static void *silent_memalign(size_t alignment, size_t size) {
    SILENTLY(memalign(alignment, size));
}

FAULTY_FAMILY(.malloc = silent_malloc, .calloc = silent_calloc, .realloc = silent_realloc,
              .reallocarray = silent_reallocarray, .aligned_alloc = silent_aligned_alloc,
              .memalign = silent_memalign);
