/* What is larger than PTRDIFF_MAX is refused by a guard of its own, which forgets errno. Below, the
 * C library says ENOMEM.
 * caught-by: check
 *   errno.malloc errno.calloc errno.realloc errno.reallocarray errno.aligned_alloc errno.memalign
 *     at right "gave NULL and %s %s" */
#include "family.h"

static void *guarded_malloc(size_t size) {
    return size > PTRDIFF_MAX ? NULL : malloc(size);
}

static void *guarded_calloc(size_t count, size_t size) {
    size_t product;
    if (!__builtin_mul_overflow(count, size, &product) && product > PTRDIFF_MAX)
        return NULL;
    return calloc(count, size);
}

static void *guarded_realloc(void *old, size_t size) {
    return size > PTRDIFF_MAX ? NULL : sound_realloc(old, size);
}

static void *guarded_reallocarray(void *old, size_t count, size_t size) {
    size_t product;
    if (!__builtin_mul_overflow(count, size, &product) && product > PTRDIFF_MAX)
        return NULL;
    return sound_reallocarray(old, count, size);
}

static void *guarded_memalign(size_t alignment, size_t size) {
    return size > PTRDIFF_MAX ? NULL : sound_aligned_alloc(alignment, size);
}

FAULTY_FAMILY(.malloc = guarded_malloc, .calloc = guarded_calloc, .realloc = guarded_realloc,
              .reallocarray = guarded_reallocarray, .aligned_alloc = guarded_memalign,
              .memalign = guarded_memalign);
