#include "allocating.h"

static void *by_malloc(const struct allocator *a, size_t alignment, size_t size) {
    (void)alignment;
    return a->malloc(size);
}

static void *by_calloc(const struct allocator *a, size_t alignment, size_t size) {
    (void)alignment;
    return a->calloc(1, size);
}

static void *by_realloc(const struct allocator *a, size_t alignment, size_t size) {
    (void)alignment;
    return a->realloc(NULL, size);
}

static void *by_reallocarray(const struct allocator *a, size_t alignment, size_t size) {
    (void)alignment;
    return a->reallocarray(NULL, size, 1);
}

static void *by_aligned_alloc(const struct allocator *a, size_t alignment, size_t size) {
    return a->aligned_alloc(alignment, size);
}

static void *by_posix_memalign(const struct allocator *a, size_t alignment, size_t size) {
    void *block = NULL;
    return a->posix_memalign(&block, alignment, size) == 0 ? block : NULL;
}

static void *by_memalign(const struct allocator *a, size_t alignment, size_t size) {
    return a->memalign(alignment, size);
}

const struct maker makers[MAKERS] = {
    {"malloc", 0, FROM_C17, false, 1, by_malloc},
    {"calloc", NEEDS_CALLOC, FROM_C17, false, 1, by_calloc},
    {"realloc", NEEDS_REALLOC, FROM_C17, false, 1, by_realloc},
    {"reallocarray", NEEDS_REALLOCARRAY, FROM_POSIX, false, 1, by_reallocarray},
    {"aligned_alloc", NEEDS_ALIGNED_ALLOC, FROM_C17, true, 1, by_aligned_alloc},
    {"posix_memalign", NEEDS_POSIX_MEMALIGN, FROM_POSIX, true, sizeof(void *), by_posix_memalign},
    {"memalign", NEEDS_MEMALIGN, FROM_MANUAL, true, 1, by_memalign},
};

bool maker_has(const struct maker *m, const struct allocator *a) {
    return !slots_missing(a, m->needs);
}
