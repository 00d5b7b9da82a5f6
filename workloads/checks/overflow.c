/* Requests that no address space holds, where sums and products wrap around. On a 64-bit machine no
 * object of 2^62 bytes can exist, so a pointer for one is a lie: C17 7.22.3.4p2 "allocates space
 * for an object whose size is specified by size". */
#include "check.h"

#include <errno.h>

/* Sizes near SIZE_MAX by all that a header, a rounding or a page could add, and the first above
 * PTRDIFF_MAX. */
static const size_t too_large[] = {
    SIZE_MAX,         SIZE_MAX - 1,     SIZE_MAX - 7,       SIZE_MAX - 8,
    SIZE_MAX - 15,    SIZE_MAX - 16,    SIZE_MAX - 31,      SIZE_MAX - 32,
    SIZE_MAX - 63,    SIZE_MAX - 64,    SIZE_MAX - 127,     SIZE_MAX - 255,
    SIZE_MAX - 511,   SIZE_MAX - 1023,  SIZE_MAX - 4095,    SIZE_MAX - 4096,
    SIZE_MAX - 8191,  SIZE_MAX - 65535, SIZE_MAX - 1048575, SIZE_MAX - (4 << 20) + 1,
    SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 2, SIZE_MAX / 2,       SIZE_MAX / 4 + 1};
enum { TOO_LARGE = sizeof too_large / sizeof *too_large };
_Static_assert(sizeof(size_t) == 8, "no address space has so much");

/* Pairs whose product is too large or wraps around: to 0, to a small number, to one that is less
 * than a factor. */
static const size_t product[][2] = {{SIZE_MAX, 2},
                                    {2, SIZE_MAX},
                                    {SIZE_MAX, SIZE_MAX},
                                    {SIZE_MAX / 2 + 1, 2},
                                    {2, SIZE_MAX / 2 + 1},
                                    {(size_t)1 << 32, (size_t)1 << 32},
                                    {((size_t)1 << 32) + 1, (size_t)1 << 32},
                                    {((size_t)1 << 33) + 1, ((size_t)1 << 31) + 1},
                                    {SIZE_MAX / 16 + 2, 16},
                                    {16, SIZE_MAX / 16 + 2},
                                    {SIZE_MAX / 3 + 1, 3},
                                    {SIZE_MAX / 2, 2},
                                    {SIZE_MAX, 1},
                                    {1, SIZE_MAX - 15}};
enum { PRODUCTS = sizeof product / sizeof *product };

CHECK(overflow_malloc, .name = "overflow.malloc", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3.4p2-3",
      .summary = "malloc of 4 EiB and more is NULL, also where rounding up would wrap around") {
    for (size_t i = 0; i < TOO_LARGE; i++) {
        void *block = c->a->malloc(too_large[i]);
        MUST(c, !block, "a null pointer: no such object can exist", "malloc(%zu) gave %p",
             too_large[i], block);
    }
}

CHECK(overflow_calloc, .name = "overflow.calloc", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .needs = NEEDS_CALLOC, .clause = "C17 7.22.3.2p2, C23 7.24.3.2p3",
      .summary = "calloc whose product wraps around, or is 8 EiB and more, is NULL") {
    for (size_t i = 0; i < PRODUCTS; i++) {
        void *block = c->a->calloc(product[i][0], product[i][1]);
        MUST(c, !block, "a null pointer: no such array can exist", "calloc(%zu, %zu) gave %p",
             product[i][0], product[i][1], block);
    }
}

CHECK(overflow_realloc, .name = "overflow.realloc", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .needs = NEEDS_REALLOC, .clause = "C17 7.22.3.5p3-4",
      .summary = "realloc to 4 EiB and more is NULL and leaves the block as it was") {
    for (size_t size = 8; size <= 1 << 20; size *= 8) {
        void *block = c->a->malloc(size);
        MUST(c, block != NULL, "a block", "malloc(%zu) gave NULL", size);
        contents_fill(block, size, size);
        for (size_t i = 0; i < TOO_LARGE; i++) {
            void *moved = c->a->realloc(block, too_large[i]);
            MUST(c, !moved, "a null pointer: no such object can exist",
                 "realloc of %zu bytes to %zu gave %p", size, too_large[i], moved);
            MUST(c, contents_intact(block, size, size) == size, "the old object is unchanged",
                 "realloc of %zu bytes to %zu failed and changed byte %zu", size, too_large[i],
                 contents_intact(block, size, size));
        }
        c->a->free(block);
    }
}

CHECK(overflow_reallocarray, .name = "overflow.reallocarray", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_REALLOCARRAY,
      .clause  = "POSIX.1-2024 realloc, reallocarray, RETURN VALUE and ERRORS",
      .summary = "reallocarray whose product wraps around is NULL and leaves the block alone") {
    void *block = c->a->malloc(1000);
    MUST(c, block != NULL, "a block", "malloc(1000) gave NULL");
    contents_fill(block, 1000, c->seed);
    for (size_t i = 0; i < PRODUCTS; i++) {
        void *moved = c->a->reallocarray(block, product[i][0], product[i][1]);
        MUST(c, !moved, "a null pointer: the product overflows",
             "reallocarray(p, %zu, %zu) gave %p", product[i][0], product[i][1], moved);
        MUST(c, contents_intact(block, 1000, c->seed) == 1000, "the old object is unchanged",
             "reallocarray(p, %zu, %zu) failed and changed the block", product[i][0],
             product[i][1]);
    }
    c->a->free(block);
}

static const size_t alignments[] = {
    16, 64, 4096, 65536, 1 << 20, (size_t)1 << 40, SIZE_MAX / 2 + 1};
enum { ALIGNMENTS = sizeof alignments / sizeof *alignments };

CHECK(overflow_aligned_alloc, .name = "overflow.aligned_alloc", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_C, .needs = NEEDS_ALIGNED_ALLOC, .clause = "C17 7.22.3.1p2-3",
      .summary = "aligned_alloc of 4 EiB and more is NULL, also where the sum wraps around") {
    for (size_t i = 0; i < ALIGNMENTS; i++)
        for (size_t s = 0; s < TOO_LARGE; s++) {
            const size_t size = too_large[s] & -alignments[i]; /* a multiple, as some ask for */
            void *block       = size ? c->a->aligned_alloc(alignments[i], size) : NULL;
            MUST(c, !block, "a null pointer: no such object can exist",
                 "aligned_alloc(%zu, %zu) gave %p", alignments[i], size, block);
        }
}

CHECK(overflow_posix_memalign, .name = "overflow.posix_memalign", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_POSIX_MEMALIGN,
      .clause  = "POSIX.1-2024 posix_memalign, ERRORS [ENOMEM]",
      .summary = "posix_memalign of 4 EiB and more returns ENOMEM, also where the sum wraps") {
    for (size_t i = 0; i < ALIGNMENTS; i++)
        for (size_t s = 0; s < TOO_LARGE; s++) {
            void *block     = NULL;
            const int error = c->a->posix_memalign(&block, alignments[i], too_large[s]);
            /* an alignment that nobody supports may be an invalid one instead */
            MUST(c, error == ENOMEM || (error == EINVAL && alignments[i] > 1 << 20), "ENOMEM",
                 "posix_memalign(&p, %zu, %zu) returned %d and %p", alignments[i], too_large[s],
                 error, block);
        }
}

CHECK(overflow_memalign, .name = "overflow.memalign", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_MEMALIGN,
      .clause  = "posix_memalign(3); glibc bugs 15857, 16038, 22343",
      .summary = "memalign of 4 EiB and more is NULL, also where the sum wraps around") {
    for (size_t i = 0; i < ALIGNMENTS; i++)
        for (size_t s = 0; s < TOO_LARGE; s++) {
            void *block = c->a->memalign(alignments[i], too_large[s]);
            MUST(c, !block, "a null pointer: no such object can exist",
                 "memalign(%zu, %zu) gave %p", alignments[i], too_large[s], block);
        }
}
