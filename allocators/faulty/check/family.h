/* A whole family of functions that is right, for planted bugs that conformance checks must find: a
 * bug replaces some slots. Sound by itself, also where the C library of Debian 12 is not. */
#ifndef SPANBENCH_FAMILY_H
#define SPANBENCH_FAMILY_H

#include "faulty.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* A slot that a bug replaces is given twice. */
#pragma GCC diagnostic ignored "-Woverride-init"

static inline void *sound_malloc(size_t size) {
    return malloc(size);
}

static inline void *sound_calloc(size_t count, size_t size) {
    return calloc(count, size);
}

/* The C library frees a block that becomes nothing, and says it in no errno; POSIX.1-2024 asks. */
static inline void *sound_realloc(void *block, size_t size) {
    void *moved = realloc(block, size);
    if (block && !size && !moved)
        errno = EINVAL;
    return moved;
}

static inline void *sound_reallocarray(void *block, size_t count, size_t size) {
    void *moved = reallocarray(block, count, size);
    if (block && (!count || !size) && !moved)
        errno = EINVAL;
    return moved;
}

static inline void *sound_aligned_alloc(size_t alignment, size_t size) {
    if (alignment && !(alignment & (alignment - 1)))
        return aligned_alloc(alignment, size);
    errno = EINVAL;
    return NULL;
}

/* Leaves errno alone, as that of the C library does not. */
static inline int sound_posix_memalign(void **block, size_t alignment, size_t size) {
    const int before = errno, error = posix_memalign(block, alignment, size);
    errno = before;
    return error;
}

static inline void *sound_memalign(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

static inline size_t sound_usable_size(void *block) {
    return malloc_usable_size(block);
}

static inline int sound_purge(size_t pad) {
    return malloc_trim(pad);
}

static inline void sound_free_sized(void *block, size_t size) {
    (void)size;
    free(block);
}

static inline void sound_free_aligned_sized(void *block, size_t alignment, size_t size) {
    (void)alignment;
    (void)size;
    free(block);
}

/* FAULTY_FAMILY(.slot = function, …): the sound family but for these. */
#define FAULTY_FAMILY(...)                                                                         \
    const struct allocator allocator = {.abi                = ALLOCATOR_ABI,                       \
                                        .flags              = ALLOCATOR_PLANTED,                   \
                                        .object             = ALLOCATOR_IN_CELL,                   \
                                        .malloc             = sound_malloc,                        \
                                        .free               = faulty_free,                         \
                                        .calloc             = sound_calloc,                        \
                                        .realloc            = sound_realloc,                       \
                                        .reallocarray       = sound_reallocarray,                  \
                                        .aligned_alloc      = sound_aligned_alloc,                 \
                                        .posix_memalign     = sound_posix_memalign,                \
                                        .memalign           = sound_memalign,                      \
                                        .usable_size        = sound_usable_size,                   \
                                        .purge              = sound_purge,                         \
                                        .free_sized         = sound_free_sized,                    \
                                        .free_aligned_sized = sound_free_aligned_sized,            \
                                        __VA_ARGS__}

/* A family whose every block comes from one function of the bug's, `make(alignment, size)`. The
 * alignment is 1 where none was asked for. realloc copies blocks and never grows one in place. */
#define FAULTY_MAKER(make, release)                                                                \
    static void *made_malloc(size_t size) {                                                        \
        return make(1, size);                                                                      \
    }                                                                                              \
    static void *made_calloc(size_t count, size_t size) {                                          \
        size_t product;                                                                            \
        if (__builtin_mul_overflow(count, size, &product))                                         \
            return calloc(count, size);                                                            \
        void *block = make(1, product);                                                            \
        return block ? memset(block, 0, product) : NULL;                                           \
    }                                                                                              \
    static void *made_realloc(void *old, size_t size) {                                            \
        void *block         = make(1, size);                                                       \
        const size_t usable = old && block ? malloc_usable_size(old) : 0;                          \
        if (usable)                                                                                \
            memcpy(block, old, usable < size ? usable : size);                                     \
        if (block)                                                                                 \
            release(old);                                                                          \
        return block;                                                                              \
    }                                                                                              \
    static void *made_reallocarray(void *old, size_t count, size_t size) {                         \
        size_t product;                                                                            \
        if (__builtin_mul_overflow(count, size, &product))                                         \
            return reallocarray(old, count, size);                                                 \
        return made_realloc(old, product);                                                         \
    }                                                                                              \
    static void *made_aligned_alloc(size_t alignment, size_t size) {                               \
        return make(alignment, size);                                                              \
    }                                                                                              \
    static int made_posix_memalign(void **block, size_t alignment, size_t size) {                  \
        void *made = make(alignment, size);                                                        \
        if (made)                                                                                  \
            *block = made;                                                                         \
        return made ? 0 : ENOMEM;                                                                  \
    }                                                                                              \
    FAULTY_FAMILY(.malloc = made_malloc, .free = (release), .calloc = made_calloc,                 \
                  .realloc = made_realloc, .reallocarray = made_reallocarray,                      \
                  .aligned_alloc = made_aligned_alloc, .posix_memalign = made_posix_memalign,      \
                  .memalign = made_aligned_alloc)

#endif
