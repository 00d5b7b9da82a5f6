/* Adds a header to the size, and multiplies, without looking at the carry.
 * caught-by: check
 *   overflow.malloc at overflow_malloc "malloc(%zu) gave %p"
 *   overflow.calloc at overflow_calloc "calloc(%zu, %zu) gave %p"
 *   overflow.realloc at overflow_realloc "realloc of %zu bytes to %zu gave %p"
 *   overflow.reallocarray at overflow_reallocarray "reallocarray(p, %zu, %zu) gave %p"
 *   overflow.aligned_alloc at ask_aligned_alloc "aligned_alloc(%zu, %zu) gave %p"
 *   overflow.posix_memalign
 *     at ask_posix_memalign "posix_memalign(&p, %zu, %zu) returned %d and %p"
 *   overflow.memalign at ask_memalign "memalign(%zu, %zu) gave %p" */
#include "family.h"

static size_t plus(size_t size) {
    return size > SIZE_MAX - (1 << 20) ? size + (1 << 20) : size;
}

static void *wrap_malloc(size_t size) {
    return malloc(plus(size));
}

static void *wrap_calloc(size_t count, size_t size) {
    return calloc(1, plus(count * size));
}

static void *wrap_realloc(void *old, size_t size) {
    return realloc(old, plus(size));
}

static void *wrap_reallocarray(void *old, size_t count, size_t size) {
    const size_t product = plus(count * size);
    return realloc(old, product ? product : 1); /* of 0 it would free the block */
}

static void *wrap_aligned_alloc(size_t alignment, size_t size) {
    return sound_aligned_alloc(alignment, plus(size));
}

static void *wrap_memalign(size_t alignment, size_t size) {
    return memalign(alignment, plus(size));
}

static int wrap_posix_memalign(void **block, size_t alignment, size_t size) {
    return posix_memalign(block, alignment, plus(size));
}

FAULTY_FAMILY(.malloc = wrap_malloc, .calloc = wrap_calloc, .realloc = wrap_realloc,
              .reallocarray = wrap_reallocarray, .aligned_alloc = wrap_aligned_alloc,
              .posix_memalign = wrap_posix_memalign, .memalign = wrap_memalign);
