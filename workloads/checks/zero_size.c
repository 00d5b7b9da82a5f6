/* Requests for no bytes, and the null pointer as an argument. C17 7.22.3p1:
 * "implementation-defined: either a null pointer is returned to indicate an error, or the behavior
 * is as if the size were some nonzero value, except that the returned pointer shall not be used to
 * access an object".
 * So whatever is not NULL is a live block: distinct from all other live blocks, and to be freed. */
#include "allocating.h"
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 200, NEIGHBOUR = 24, MOST_ALIGNED = 1 << 20 };

typedef void *maker_of_none(const struct allocator *, size_t alignment);

/* Blocks of no bytes among blocks that are written: aligned, distinct, in the way of nobody, freed.
 */
static void hold_empty(struct check_run *c, const char *call, size_t alignment,
                       maker_of_none *make) {
    static void *empty[BLOCKS], *full[BLOCKS], *all[2 * BLOCKS];
    const size_t blocks = alignment > 4096 ? BLOCKS / 10 : BLOCKS;
    size_t live         = 0;
    for (size_t i = 0; i < blocks; i++) {
        empty[i] = make(c->a, alignment);
        MUST(c, !empty[i] || check_alignment(empty[i]) >= alignment,
             "NULL, or a pointer as if the size were some nonzero value: aligned",
             "%s with alignment %zu gave %p, aligned to %zu", call, alignment, empty[i],
             check_alignment(empty[i]));
        full[i] = c->a->malloc(NEIGHBOUR);
        MUST(c, full[i] != NULL, "a block", "malloc(%d) gave NULL", NEIGHBOUR);
        contents_fill(full[i], NEIGHBOUR, i);
        all[live++] = full[i];
        if (empty[i])
            all[live++] = empty[i];
    }
    for (size_t i = 1; i < live; i++) /* not by qsort, which allocates */
        for (size_t k = 0; k < i; k++)
            MUST(c, all[i] != all[k], "NULL, or a pointer unlike that of any live block",
                 "%s gave %p, which another live block has", call, all[i]);
    for (size_t i = 0; i < blocks; i++)
        c->a->free(empty[i]);
    for (size_t i = 0; i < blocks; i++) {
        MUST(c, contents_intact(full[i], NEIGHBOUR, i) == NEIGHBOUR, "neighbours keep their bytes",
             "a neighbour of blocks by %s changed when they were freed", call);
        c->a->free(full[i]);
    }
}

static void hold_aligned(struct check_run *c, const char *call, size_t least, maker_of_none *make) {
    for (size_t alignment = least; alignment <= MOST_ALIGNED && !check_failed(c); alignment *= 2)
        hold_empty(c, call, alignment, make);
}

static void *empty_malloc(const struct allocator *a, size_t alignment) {
    (void)alignment;
    return a->malloc(0);
}

static void *empty_calloc_count(const struct allocator *a, size_t alignment) {
    (void)alignment;
    return a->calloc(0, 16);
}

static void *empty_calloc_size(const struct allocator *a, size_t alignment) {
    (void)alignment;
    return a->calloc(16, 0);
}

static void *empty_aligned_alloc(const struct allocator *a, size_t alignment) {
    return a->aligned_alloc(alignment, 0);
}

static void *empty_posix_memalign(const struct allocator *a, size_t alignment) {
    void *block = NULL;
    return a->posix_memalign(&block, alignment, 0) == 0 ? block : NULL;
}

static void *empty_memalign(const struct allocator *a, size_t alignment) {
    return a->memalign(alignment, 0);
}

static void *empty_realloc(const struct allocator *a, size_t alignment) {
    (void)alignment;
    return a->realloc(NULL, 0);
}

static void *empty_reallocarray(const struct allocator *a, size_t alignment) {
    (void)alignment;
    return a->reallocarray(NULL, 0, 16);
}

static void *emptied(const struct allocator *a, size_t alignment) {
    (void)alignment;
    return a->realloc(a->malloc(NEIGHBOUR), 0);
}

/* Either may come, and each time the other: the clause asks for no one answer. */
static void choose(struct check_run *c, size_t null) {
    check_choice(c, !null ? "unique" : null == BLOCKS ? "NULL" : "varies");
}

static void record(struct check_run *c, maker_of_none *make) {
    size_t null = 0;
    for (size_t i = 0; i < BLOCKS; i++) {
        void *block = make(c->a, 64);
        null += !block;
        c->a->free(block);
    }
    choose(c, null);
}

CHECK(malloc_distinct, .name = "zero_size.malloc", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3p1",
      .summary = "malloc(0) is NULL, or distinct from all live blocks and freeable") {
    hold_empty(c, "malloc(0)", 1, empty_malloc);
}

CHECK(malloc_choice, .name = "zero_size.malloc_choice", .kind = CHECK_CHOICE,
      .profiles = PROFILES_C, .clause = "C17 7.22.3p1, J.3.12p1",
      .summary = "what malloc(0) returns: NULL or a unique pointer") {
    record(c, empty_malloc);
}

CHECK(calloc_distinct, .name = "zero_size.calloc", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .needs = NEEDS_CALLOC, .clause = "C17 7.22.3p1",
      .summary = "calloc(0, n) and calloc(n, 0) are NULL, or distinct and freeable") {
    hold_empty(c, "calloc(0, 16)", 1, empty_calloc_count);
    if (c->verdict == CHECK_PASS)
        hold_empty(c, "calloc(16, 0)", 1, empty_calloc_size);
}

CHECK(calloc_choice, .name = "zero_size.calloc_choice", .kind = CHECK_CHOICE,
      .profiles = PROFILES_C, .needs = NEEDS_CALLOC, .clause = "C17 7.22.3p1, J.3.12p1",
      .summary = "what calloc of no bytes returns: NULL or a unique pointer") {
    record(c, empty_calloc_count);
}

CHECK(aligned_distinct, .name = "zero_size.aligned_alloc", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_C, .needs = NEEDS_ALIGNED_ALLOC, .clause = "C17 7.22.3p1, 7.22.3.1p2",
      .summary = "aligned_alloc of no bytes is NULL, or aligned, distinct and freeable") {
    hold_aligned(c, "aligned_alloc of no bytes", 1, empty_aligned_alloc);
}

CHECK(aligned_choice, .name = "zero_size.aligned_alloc_choice", .kind = CHECK_CHOICE,
      .profiles = PROFILES_C, .needs = NEEDS_ALIGNED_ALLOC, .clause = "C17 7.22.3p1, J.3.12p1",
      .summary = "what aligned_alloc of no bytes returns: NULL or a unique pointer") {
    record(c, empty_aligned_alloc);
}

CHECK(
    posix_distinct, .name = "zero_size.posix_memalign", .kind = CHECK_REQUIRED,
    .profiles = PROFILES_POSIX, .needs = NEEDS_POSIX_MEMALIGN,
    .clause  = "POSIX.1-2024 posix_memalign, DESCRIPTION",
    .summary = "posix_memalign of no bytes gives NULL, or an aligned, distinct, freeable pointer") {
    hold_aligned(c, "posix_memalign of no bytes", sizeof(void *), empty_posix_memalign);
}

CHECK(posix_choice, .name = "zero_size.posix_memalign_choice", .kind = CHECK_CHOICE,
      .profiles = PROFILES_POSIX, .needs = NEEDS_POSIX_MEMALIGN,
      .clause  = "POSIX.1-2024 posix_memalign, DESCRIPTION",
      .summary = "what posix_memalign of no bytes gives: NULL or a unique pointer") {
    record(c, empty_posix_memalign);
}

CHECK(memalign_distinct, .name = "zero_size.memalign", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_MEMALIGN, .clause = "posix_memalign(3)",
      .summary = "memalign of no bytes is NULL, or aligned, distinct and freeable") {
    hold_aligned(c, "memalign of no bytes", 1, empty_memalign);
}

CHECK(realloc_null_distinct, .name = "zero_size.realloc_null", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_C, .needs = NEEDS_REALLOC, .clause = "C17 7.22.3.5p3, 7.22.3p1",
      .summary = "realloc(NULL, 0) is malloc(0): NULL, or distinct and freeable") {
    hold_empty(c, "realloc(NULL, 0)", 1, empty_realloc);
}

CHECK(realloc_null_unique, .name = "zero_size.realloc_null_unique", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_REALLOC,
      .clause  = "malloc(3), DESCRIPTION; mimalloc issue 622: grep takes NULL for a lack of memory",
      .summary = "realloc(NULL, 0) is not NULL") {
    void *block = empty_realloc(c->a, 1);
    MUST(c, block != NULL, "a unique pointer, as programs expect", "realloc(NULL, 0) gave NULL");
    c->a->free(block);
}

CHECK(reallocarray_distinct, .name = "zero_size.reallocarray", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_REALLOCARRAY,
      .clause  = "POSIX.1-2024 realloc, reallocarray, DESCRIPTION",
      .summary = "reallocarray(NULL, 0, n) is NULL, or distinct and freeable") {
    hold_empty(c, "reallocarray(NULL, 0, 16)", 1, empty_reallocarray);
}

/* What it gives is a block as any other. */
CHECK(realloc_distinct, .name = "zero_size.realloc", .kind = CHECK_REQUIRED,
      .profiles = PROFILE_C17 | PROFILE_POSIX2024 | PROFILE_GLIBC, .needs = NEEDS_REALLOC,
      .clause  = "C17 7.22.3.5p3, 7.22.3p1; undefined in C23 7.24.3.7p3",
      .summary = "realloc(p, 0) is NULL, or distinct from all live blocks and freeable") {
    hold_empty(c, "realloc(p, 0)", 1, emptied);
}

/* C17 7.22.3p1 and 7.22.3.5p3 leave the result of a size of zero open. They also leave open what
 * becomes of the block where it is NULL, which cannot be seen. C23 7.24.3.7p3 makes the behaviour
 * undefined, so C23 does not promise this. */
CHECK(realloc_choice, .name = "zero_size.realloc_choice", .kind = CHECK_CHOICE,
      .profiles = PROFILE_C17 | PROFILE_POSIX2024 | PROFILE_GLIBC, .needs = NEEDS_REALLOC,
      .clause  = "C17 7.22.3p1, 7.22.3.5p3, J.3.12p1; undefined in C23 7.24.3.7p3",
      .summary = "what realloc(p, 0) returns: NULL or a unique pointer") {
    size_t null = 0;
    for (size_t i = 0; i < BLOCKS; i++) {
        void *block = c->a->malloc(100);
        MUST(c, block != NULL, "a block", "malloc(100) gave NULL");
        memset(block, 1, 100);
        block = c->a->realloc(block, 0);
        null += !block;
        c->a->free(block);
    }
    choose(c, null);
}

/* POSIX.1-2024 adds to C17: where the result is NULL, it is told from success by errno. It marks
 * size 0 obsolescent. The C library does not do this, and its manual says so: no part of its
 * profile. */
static void null_sets_errno(struct check_run *c, const char *call,
                            void *(*to_nothing)(const struct allocator *, void *)) {
    for (size_t i = 0; i < BLOCKS; i++) {
        void *block = c->a->malloc(1 + i * i);
        MUST(c, block != NULL, "a block", "malloc(%zu) gave NULL", 1 + i * i);
        errno       = EDOM;
        block       = to_nothing(c->a, block);
        const int e = errno;
        MUST(c, block || e == EINVAL, "a pointer, or NULL and EINVAL in errno",
             "%s of a block of %zu bytes gave NULL and %s %s", call, 1 + i * i,
             e == EDOM ? "left errno at" : "set errno to", strerrorname_np(e));
        c->a->free(block);
    }
}

static void *realloc_to_nothing(const struct allocator *a, void *block) {
    return a->realloc(block, 0);
}

static void *reallocarray_to_nothing(const struct allocator *a, void *block) {
    return a->reallocarray(block, 16, 0);
}

CHECK(realloc_einval, .name = "zero_size.realloc_errno", .kind = CHECK_REQUIRED,
      .profiles = PROFILE_POSIX2024, .needs = NEEDS_REALLOC,
      .clause  = "POSIX.1-2024 realloc, reallocarray, RETURN VALUE",
      .summary = "realloc(p, 0) gives a pointer, or NULL and EINVAL in errno") {
    null_sets_errno(c, "realloc(p, 0)", realloc_to_nothing);
}

CHECK(reallocarray_einval, .name = "zero_size.reallocarray_errno", .kind = CHECK_REQUIRED,
      .profiles = PROFILE_POSIX2024, .needs = NEEDS_REALLOCARRAY,
      .clause  = "POSIX.1-2024 realloc, reallocarray, RETURN VALUE",
      .summary = "reallocarray(p, n, 0) gives a pointer, or NULL and EINVAL in errno") {
    null_sets_errno(c, "reallocarray(p, 16, 0)", reallocarray_to_nothing);
}

CHECK(free_null, .name = "zero_size.free_null", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause = "C17 7.22.3.3p2", .summary = "free(NULL) does nothing") {
    unsigned char *block = c->a->malloc(64);
    MUST(c, block != NULL, "a block", "malloc(64) gave NULL");
    contents_fill(block, 64, c->seed);
    for (size_t i = 0; i < BLOCKS; i++)
        c->a->free(NULL);
    MUST(c, contents_intact(block, 64, c->seed) == 64, "no action occurs",
         "a live block changed when NULL was freed");
    void *other = c->a->malloc(64);
    MUST(c, other && other != block, "no action occurs",
         "after free(NULL), malloc gave %p while %p is live", other, (void *)block);
    c->a->free(other);
    c->a->free(block);
}
