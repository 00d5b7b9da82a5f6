/* C23's sized frees. `size` is the size that was asked for, and the block is one of malloc, calloc
 * or realloc (free_sized), or of aligned_alloc (free_aligned_sized): for others they are undefined.
 */
#include "allocating.h"
#include "check.h"

enum { BLOCKS = 12 };

/* Makes, fills and frees blocks in rounds, each filled before a block is freed, and looks at what
 * is left alive. A block that was freed to the wrong class comes back as a part of another. */
static void rounds(struct check_run *c, const struct maker *m, size_t alignment, size_t size) {
    for (unsigned round = 0; round < 3; round++) {
        void *block[BLOCKS];
        const size_t blocks = size > 65536 ? 3 : BLOCKS;
        for (size_t i = 0; i < blocks; i++) {
            block[i] = m->make(c->a, alignment, size);
            if (!block[i] && m->takes_alignment) {
                while (i > 0)
                    c->a->free(block[--i]);
                return; /* an alignment or a size that it does not support */
            }
            MUST(c, block[i] != NULL, "a block", "%s of %zu bytes gave NULL", m->name, size);
            contents_fill(block[i], size, i);
        }
        for (size_t i = 0; i < blocks; i++) {
            MUST(c, contents_intact(block[i], size, i) == size, "live blocks do not overlap",
                 "after sized frees, a block by %s of %zu bytes (alignment %zu) changed", m->name,
                 size, alignment);
            if (m->takes_alignment)
                c->a->free_aligned_sized(block[i], alignment, size);
            else
                c->a->free_sized(block[i], size);
        }
    }
}

/* After frees of NULL: a heap that works. */
static void rest(struct check_run *c) {
    void *one = c->a->malloc(100), *two = c->a->malloc(100);
    MUST(c, one && two && one != two, "no action occurs",
         "after sized frees of NULL, two calls of malloc gave %p and %p", one, two);
    c->a->free(one);
    c->a->free(two);
}

static void all_sizes(struct check_run *c, const struct maker *m) {
    for (size_t size = 1; size <= 4 << 20 && c->verdict == CHECK_PASS;
         size        = size < 600 ? size + 1 : size * 9 / 8)
        rounds(c, m, 1, size);
}

CHECK(sized_malloc, .name = "sized_free.malloc", .kind = CHECK_REQUIRED, .profiles = PROFILE_C23,
      .needs = NEEDS_FREE_SIZED, .clause = "C23 7.24.3.4p2",
      .summary = "free_sized frees blocks of malloc, of all sizes") {
    all_sizes(c, &makers[0]);
}

CHECK(sized_calloc, .name = "sized_free.calloc", .kind = CHECK_REQUIRED, .profiles = PROFILE_C23,
      .needs = NEEDS_FREE_SIZED | NEEDS_CALLOC, .clause = "C23 7.24.3.4p2",
      .summary = "free_sized frees blocks of calloc, of all sizes") {
    all_sizes(c, &makers[1]);
}

CHECK(sized_realloc, .name = "sized_free.realloc", .kind = CHECK_REQUIRED, .profiles = PROFILE_C23,
      .needs = NEEDS_FREE_SIZED | NEEDS_REALLOC, .clause = "C23 7.24.3.4p2",
      .summary = "free_sized frees blocks of realloc by their newest size") {
    for (size_t step = 0; step < 4000; step++) {
        const size_t from = 1 + check_random(c) % 5000, to = 1 + check_random(c) % 5000;
        void *block = c->a->malloc(from), *other = c->a->malloc(to);
        MUST(c, block && other, "blocks", "malloc gave NULL");
        contents_fill(other, to, step);
        block = c->a->realloc(block, to);
        MUST(c, block != NULL, "a block", "realloc from %zu to %zu gave NULL", from, to);
        contents_fill(block, to, step + 1);
        MUST(c, contents_intact(other, to, step) == to, "live blocks do not overlap",
             "step %zu: a live block of %zu bytes changed", step, to);
        c->a->free_sized(block, to);
        c->a->free_sized(other, to);
    }
}

CHECK(sized_null, .name = "sized_free.null", .kind = CHECK_REQUIRED, .profiles = PROFILE_C23,
      .needs = NEEDS_FREE_SIZED, .clause = "C23 7.24.3.4p2: equivalent to free(ptr) for NULL",
      .summary = "free_sized(NULL, n) does nothing") {
    for (size_t size = 0; size < 100000; size = size * 3 + 1)
        c->a->free_sized(NULL, size);
    rest(c);
}

CHECK(sized_aligned, .name = "sized_free.aligned", .kind = CHECK_REQUIRED, .profiles = PROFILE_C23,
      .needs   = NEEDS_FREE_ALIGNED_SIZED | NEEDS_ALIGNED_ALLOC,
      .clause  = "C23 7.24.3.5p2; mimalloc issue 1400",
      .summary = "free_aligned_sized frees blocks of aligned_alloc, of all alignments") {
    for (size_t alignment = 1; alignment <= 65536; alignment *= 2)
        for (size_t times = 1; times <= 9; times += 2)
            if (c->verdict == CHECK_PASS)
                rounds(c, &makers[4], alignment, alignment * times);
}

CHECK(sized_aligned_small, .name = "sized_free.aligned_small", .kind = CHECK_REQUIRED,
      .profiles = PROFILE_C23, .needs = NEEDS_FREE_ALIGNED_SIZED | NEEDS_ALIGNED_ALLOC,
      .clause  = "C23 7.24.3.5p2; mimalloc issue 1400",
      .summary = "free_aligned_sized frees what aligned_alloc gave of sizes below the alignment") {
    for (size_t alignment = 8; alignment <= 65536; alignment *= 2)
        for (size_t size = 1; size < alignment; size = size * 5 / 2 + 1)
            if (c->verdict == CHECK_PASS)
                rounds(c, &makers[4], alignment, size);
}

CHECK(sized_aligned_null, .name = "sized_free.aligned_null", .kind = CHECK_REQUIRED,
      .profiles = PROFILE_C23, .needs = NEEDS_FREE_ALIGNED_SIZED,
      .clause  = "C23 7.24.3.5p2: equivalent to free(ptr) for NULL",
      .summary = "free_aligned_sized(NULL, alignment, n) does nothing") {
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2)
        c->a->free_aligned_sized(NULL, alignment, 100);
    rest(c);
}
