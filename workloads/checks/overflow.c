/* Requests that no address space holds, where sums and products wrap around. On a 64-bit machine no
 * object of 2^62 bytes can exist, so a pointer for one is a lie: C17 7.22.3.4p2 "allocates space
 * for an object whose size is specified by size". boundaries.h says which are asked for. */
#include "allocating.h"
#include "boundaries.h"
#include "check.h"

#include <errno.h>

static size_t sizes[BOUNDARIES_SIZES];
static struct product products[BOUNDARIES_PRODUCTS];

/* Live blocks, which a request that fails leaves alone. */
static struct {
    void *block;
    size_t size;
} neighbours[] = {{NULL, 24}, {NULL, 200}, {NULL, 1000}, {NULL, 5000}, {NULL, 100}};
enum { NEIGHBOURS = sizeof neighbours / sizeof *neighbours };

static void have_neighbours(struct check_run *c) {
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        neighbours[i].block = c->a->malloc(neighbours[i].size);
        if (!neighbours[i].block) /* which is for others to say */
            neighbours[i].size = 0;
        contents_fill(neighbours[i].block, neighbours[i].size, i);
    }
}

static bool are_unharmed(struct check_run *c, const char *name, size_t size) {
    for (size_t i = 0; i < NEIGHBOURS; i++)
        if (!check_that(c,
                        contents_intact(neighbours[i].block, neighbours[i].size, i) ==
                            neighbours[i].size,
                        "a live block belongs to its owner alone",
                        "a live block of %zu bytes changed when %s of %zu bytes failed",
                        neighbours[i].size, name, size))
            return false;
    return true;
}

CHECK(overflow_malloc, .name = "overflow.malloc", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3.4p2-3",
      .summary = "malloc of what no address space holds is NULL, also where rounding up wraps") {
    const size_t count = boundaries_sizes(c, BOUNDARIES_NO_OBJECT, sizes);
    have_neighbours(c);
    for (size_t i = 0; are_unharmed(c, "malloc", i ? sizes[i - 1] : 0) && i < count; i++) {
        void *block = c->a->malloc(sizes[i]);
        MUST(c, !block, "a null pointer: no such object can exist", "malloc(%zu) gave %p", sizes[i],
             block);
    }
}

CHECK(overflow_calloc, .name = "overflow.calloc", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .needs = NEEDS_CALLOC, .clause = "C17 7.22.3.2p2, C23 7.24.3.2p3",
      .summary = "calloc whose product wraps around, or fits no address space, is NULL") {
    const size_t count = boundaries_products(products);
    have_neighbours(c);
    for (size_t i = 0; are_unharmed(c, "calloc", SIZE_MAX) && i < count; i++) {
        void *block = c->a->calloc(products[i].count, products[i].size);
        MUST(c, !block, "a null pointer: no such array can exist", "calloc(%zu, %zu) gave %p",
             products[i].count, products[i].size, block);
    }
}

/* --- of a live block, which stays as it was --- */

/* What comes after it is not in its place: who freed it by mistake would give it again. */
enum { OTHERS = 6, PREFIX = 4096 };

/* Of each way that memory is held: a class, a span, a mapping of its own. */
static const size_t live[] = {8, 100, 1000, 5000, 40000, 300000, 3 << 20};
enum { LIVE = sizeof live / sizeof *live };

static bool is_live(struct check_run *c, const char *name, const void *block, size_t size) {
    void *other[OTHERS];
    for (size_t i = 0; i < OTHERS; i++) {
        other[i] = c->a->malloc(size);
        if (other[i])
            contents_fill(other[i], size, size + 1 + i);
    }
    const bool good =
        check_that(c, contents_intact(block, size, size) == size,
                   "the old object is not deallocated, and unchanged",
                   "after a %s that failed, a block of %zu bytes is another's, too", name, size);
    for (size_t i = 0; i < OTHERS; i++)
        c->a->free(other[i]);
    return good;
}

CHECK(overflow_realloc, .name = "overflow.realloc", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .needs = NEEDS_REALLOC, .clause = "C17 7.22.3.5p3-4",
      .summary = "realloc to what no address space holds is NULL; the block stays as it was") {
    const size_t count = boundaries_sizes(c, BOUNDARIES_NO_OBJECT, sizes);
    for (size_t l = 0; l < LIVE; l++) {
        const size_t size      = live[l];
        const size_t looked_at = size < PREFIX ? size : PREFIX;
        void *block            = c->a->malloc(size);
        MUST(c, block != NULL, "a block", "malloc(%zu) gave NULL", size);
        contents_fill(block, size, size);
        for (size_t i = 0; i < count; i++) {
            void *moved = c->a->realloc(block, sizes[i]);
            MUST(c, !moved, "a null pointer: no such object can exist",
                 "realloc of %zu bytes to %zu gave %p", size, sizes[i], moved);
            MUST(c, contents_intact(block, looked_at, size) == looked_at,
                 "the old object is unchanged",
                 "realloc of %zu bytes to %zu failed and changed byte %zu", size, sizes[i],
                 contents_intact(block, looked_at, size));
        }
        if (!is_live(c, "realloc", block, size))
            return;
        c->a->free(block);
    }
}

CHECK(overflow_reallocarray, .name = "overflow.reallocarray", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_REALLOCARRAY,
      .clause  = "POSIX.1-2024 reallocarray, RETURN VALUE and ERRORS",
      .summary = "reallocarray whose product wraps around is NULL; the block stays as it was") {
    const size_t count = boundaries_products(products);
    for (size_t l = 0; l < LIVE; l++) {
        const size_t size      = live[l];
        const size_t looked_at = size < PREFIX ? size : PREFIX;
        void *block            = c->a->malloc(size);
        MUST(c, block != NULL, "a block", "malloc(%zu) gave NULL", size);
        contents_fill(block, size, size);
        for (size_t i = 0; i < count; i++) {
            void *moved = c->a->reallocarray(block, products[i].count, products[i].size);
            MUST(c, !moved, "a null pointer: the product overflows",
                 "reallocarray(p, %zu, %zu) gave %p", products[i].count, products[i].size, moved);
            MUST(c, contents_intact(block, looked_at, size) == looked_at,
                 "the old object is unchanged",
                 "reallocarray(p, %zu, %zu) failed and changed the block", products[i].count,
                 products[i].size);
        }
        if (!is_live(c, "reallocarray", block, size))
            return;
        c->a->free(block);
    }
}

/* --- aligned --- */

/* Calls `ask` with each alignment, and sizes that no address space holds: those that the alignment
 * is added to, and of the others a sample by the seed. */
typedef bool asker(struct check_run *, size_t alignment, size_t size);

static void all_alignments(struct check_run *c, size_t least, asker *ask) {
    enum { SAMPLED = 8 };
    const size_t count = boundaries_sizes(c, BOUNDARIES_NO_OBJECT, sizes);
    have_neighbours(c);
    for (size_t alignment = least; alignment; alignment *= 2) {
        size_t own[BOUNDARIES_OF_ALIGNMENT];
        const size_t owned = boundaries_of_alignment(alignment, own);
        for (size_t i = 0; i < owned; i++)
            if (!ask(c, alignment, own[i]) || !are_unharmed(c, "an aligned request", own[i]))
                return;
        for (size_t i = 0; i < count; i++)
            if (check_takes(c, SAMPLED) &&
                (!ask(c, alignment, sizes[i]) || !are_unharmed(c, "an aligned request", sizes[i])))
                return;
    }
}

/* A multiple of the alignment, as C11 asks. */
static bool ask_aligned_alloc(struct check_run *c, size_t alignment, size_t size) {
    const size_t multiple = size & -alignment;
    void *block           = multiple ? c->a->aligned_alloc(alignment, multiple) : NULL;
    return check_that(c, !block, "a null pointer: no such object can exist",
                      "aligned_alloc(%zu, %zu) gave %p", alignment, multiple, block);
}

/* One that nobody supports may be an invalid one instead. */
static bool ask_posix_memalign(struct check_run *c, size_t alignment, size_t size) {
    void *block     = NULL;
    const int error = c->a->posix_memalign(&block, alignment, size);
    return check_that(c, error == ENOMEM || (error == EINVAL && alignment > 1 << 20), "ENOMEM",
                      "posix_memalign(&p, %zu, %zu) returned %d and %p", alignment, size, error,
                      block);
}

static bool ask_memalign(struct check_run *c, size_t alignment, size_t size) {
    void *block = c->a->memalign(alignment, size);
    return check_that(c, !block, "a null pointer: no such object can exist",
                      "memalign(%zu, %zu) gave %p", alignment, size, block);
}

/* Small blocks with an alignment that no pointer, or hardly one, has: where it is kept in fewer
 * bits, or added to the size, it is lost. */
static void far_apart(struct check_run *c, const struct maker *m) {
    enum { FIRST = 31, BITS = 64 };
    boundaries_limit(c, true);
    for (unsigned bit = FIRST; bit < BITS; bit++)
        for (size_t size = 1; size <= 1 << 20; size *= 32) {
            const size_t alignment = (size_t)1 << bit;
            void *block            = m->make(c->a, alignment, size);
            if (!check_that(c, !block || check_alignment(block) >= alignment,
                            "NULL, or a multiple of the alignment",
                            "%s with alignment %zu, size %zu gave %p", m->name, alignment, size,
                            block))
                bit = BITS;
            else
                c->a->free(block);
            if (bit == BITS)
                break;
        }
    boundaries_limit(c, false);
}

CHECK(overflow_aligned_alloc, .name = "overflow.aligned_alloc", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_C, .needs = NEEDS_ALIGNED_ALLOC, .clause = "C17 7.22.3.1p2-3",
      .summary = "aligned_alloc of what no address space holds is NULL, at every alignment") {
    all_alignments(c, 1, ask_aligned_alloc);
    if (!check_failed(c))
        far_apart(c, &makers[4]);
}

CHECK(
    overflow_posix_memalign, .name = "overflow.posix_memalign", .kind = CHECK_REQUIRED,
    .profiles = PROFILES_POSIX, .needs = NEEDS_POSIX_MEMALIGN,
    .clause  = "POSIX.1-2024 posix_memalign, ERRORS [ENOMEM]",
    .summary = "posix_memalign of what no address space holds returns ENOMEM, at every alignment") {
    all_alignments(c, sizeof(void *), ask_posix_memalign);
    if (!check_failed(c))
        far_apart(c, &makers[5]);
}

CHECK(overflow_memalign, .name = "overflow.memalign", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_MEMALIGN,
      .clause  = "posix_memalign(3); glibc bugs 15857, 16038, 22343",
      .summary = "memalign of what no address space holds is NULL, at every alignment") {
    all_alignments(c, 1, ask_memalign);
    if (!check_failed(c))
        far_apart(c, &makers[6]);
}
