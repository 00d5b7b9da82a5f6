#include "releasing.h"

static bool by_free(const struct releaser *r, const struct allocator *a, void *block,
                    size_t alignment, size_t size, uint64_t key) {
    (void)r;
    (void)alignment;
    (void)size;
    (void)key;
    a->free(block);
    return true;
}

static bool by_free_sized(const struct releaser *r, const struct allocator *a, void *block,
                          size_t alignment, size_t size, uint64_t key) {
    (void)r;
    (void)alignment;
    (void)key;
    a->free_sized(block, size);
    return true;
}

static bool by_free_aligned_sized(const struct releaser *r, const struct allocator *a, void *block,
                                  size_t alignment, size_t size, uint64_t key) {
    (void)r;
    (void)key;
    a->free_aligned_sized(block, alignment, size);
    return true;
}

static size_t resized(const struct releaser *r, size_t size) {
    return size / 4 * r->keeps + size % 4 * r->keeps / 4 + 1;
}

/* Grown or shrunk, and looked at. */
static bool kept(const struct releaser *r, const void *moved, size_t size, uint64_t key) {
    const size_t now = resized(r, size), least = now < size ? now : size;
    return moved && contents_intact(moved, least, key) == least;
}

/* What realloc gives is freed as what malloc gives. */
static bool by_realloc(const struct releaser *r, const struct allocator *a, void *block,
                       size_t alignment, size_t size, uint64_t key) {
    void *moved     = a->realloc(block, resized(r, size));
    const bool good = kept(r, moved, size, key);
    (void)alignment;
    a->free(moved);
    return good;
}

static bool by_reallocarray(const struct releaser *r, const struct allocator *a, void *block,
                            size_t alignment, size_t size, uint64_t key) {
    void *moved     = a->reallocarray(block, resized(r, size), 1);
    const bool good = kept(r, moved, size, key);
    (void)alignment;
    a->free(moved);
    return good;
}

static bool by_realloc_sized(const struct releaser *r, const struct allocator *a, void *block,
                             size_t alignment, size_t size, uint64_t key) {
    void *moved     = a->realloc(block, resized(r, size));
    const bool good = kept(r, moved, size, key);
    (void)alignment;
    a->free_sized(moved, resized(r, size));
    return good;
}

enum {
    OF_ALL     = (1u << MAKERS) - 1,
    OF_C       = 1u << 0 | 1u << 1 | 1u << 2, /* malloc, calloc, realloc; C23 7.24.3.4p2 */
    OF_ALIGNED = 1u << 4,                     /* aligned_alloc; C23 7.24.3.5p2 */
    SHRINKS    = 2,
    GROWS      = 8,
};

const struct releaser releasers[RELEASERS] = {
    {"free", 0, FROM_C17, OF_ALL, 0, by_free},
    {"realloc to half, free", NEEDS_REALLOC, FROM_C17, OF_ALL, SHRINKS, by_realloc},
    {"realloc to double, free", NEEDS_REALLOC, FROM_C17, OF_ALL, GROWS, by_realloc},
    {"reallocarray to double, free", NEEDS_REALLOCARRAY, FROM_POSIX, OF_ALL, GROWS,
     by_reallocarray},
    {"free_sized", NEEDS_FREE_SIZED, FROM_C23, OF_C, 0, by_free_sized},
    {"realloc to double, free_sized", NEEDS_REALLOC | NEEDS_FREE_SIZED, FROM_C23, OF_ALL, GROWS,
     by_realloc_sized},
    {"free_aligned_sized", NEEDS_FREE_ALIGNED_SIZED, FROM_C23, OF_ALIGNED, 0,
     by_free_aligned_sized},
};

bool releaser_takes(const struct releaser *r, const struct allocator *a, size_t maker) {
    return !slots_missing(a, r->needs) && r->makers & 1u << maker;
}
