/* realloc and reallocarray: contents, failure, blocks of every origin. */
#include "allocating.h"
#include "check.h"

#include <string.h>

static const size_t sizes[] = {1,     2,     8,     15,     16,     17,     24,      100,    255,
                               256,   257,   1000,  1024,   1025,   2049,   4096,    4097,   8193,
                               32768, 32769, 65537, 131072, 140000, 262145, 1 << 20, 3000000};
enum { SIZES = sizeof sizes / sizeof *sizes };

static size_t lesser(size_t a, size_t b) {
    return a < b ? a : b;
}

/* From each size to each, up or down. */
static void pairs(struct check_run *c, bool up) {
    for (size_t from = 0; from < SIZES; from++)
        for (size_t to = 0; to < SIZES; to++) {
            if (up ? sizes[to] < sizes[from] : sizes[to] >= sizes[from])
                continue;
            const size_t kept = lesser(sizes[from], sizes[to]);
            void *block       = c->a->malloc(sizes[from]);
            MUST(c, block != NULL, "a block", "malloc(%zu) gave NULL", sizes[from]);
            contents_fill(block, sizes[from], from);
            block = c->a->realloc(block, sizes[to]);
            MUST(c, block != NULL, "a block", "realloc from %zu to %zu gave NULL", sizes[from],
                 sizes[to]);
            MUST(c, contents_intact(block, kept, from) == kept,
                 "the lesser of the two sizes keeps its bytes",
                 "realloc from %zu to %zu lost byte %zu", sizes[from], sizes[to],
                 contents_intact(block, kept, from));
            contents_fill(block, sizes[to], to);
            void *next = c->a->malloc(sizes[to]); /* what lies behind the block is not in it */
            if (next)
                memset(next, 0xa5, sizes[to]);
            MUST(c, contents_intact(block, sizes[to], to) == sizes[to], "a block of the new size",
                 "realloc from %zu to %zu: byte %zu is another block's, too", sizes[from],
                 sizes[to], contents_intact(block, sizes[to], to));
            c->a->free(next);
            c->a->free(block);
        }
}

CHECK(grow_keeps, .name = "realloc.grow_keeps", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .needs = NEEDS_REALLOC, .clause = "C17 7.22.3.5p2",
      .summary = "realloc to a larger or equal size keeps all bytes") {
    pairs(c, true);
}

CHECK(shrink_keeps, .name = "realloc.shrink_keeps", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .needs = NEEDS_REALLOC, .clause = "C17 7.22.3.5p2",
      .summary = "realloc to a smaller size keeps the bytes up to it") {
    pairs(c, false);
}

CHECK(null_is_malloc, .name = "realloc.null_is_malloc", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_C, .needs = NEEDS_REALLOC, .clause = "C17 7.22.3.5p3",
      .summary = "realloc(NULL, n) gives a block of n bytes") {
    static void *block[SIZES];
    for (size_t i = 0; i < SIZES; i++) {
        block[i] = c->a->realloc(NULL, sizes[i]);
        MUST(c, block[i] != NULL, "a block", "realloc(NULL, %zu) gave NULL", sizes[i]);
        contents_fill(block[i], sizes[i], i);
    }
    for (size_t i = 0; i < SIZES; i++) {
        MUST(c, contents_intact(block[i], sizes[i], i) == sizes[i], "a block of its own",
             "realloc(NULL, %zu): byte %zu changed", sizes[i],
             contents_intact(block[i], sizes[i], i));
        c->a->free(block[i]);
    }
}

/* A random walk of many blocks, of which all are looked at. */
CHECK(walk, .name = "realloc.neighbours", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .needs = NEEDS_REALLOC, .clause = "C17 7.22.3.5p2, 7.22.3p1",
      .summary = "a random walk of reallocs keeps every live block's bytes, its own and others'") {
    enum { HELD = 128, STEPS = 30000 };
    static struct {
        unsigned char *block;
        size_t size;
    } held[HELD];
    for (size_t step = 0; step < STEPS; step++) {
        const size_t which = check_random(c) % HELD, shift = check_random(c) % 18;
        const size_t size = 1 + check_random(c) % ((size_t)2 << shift);
        const size_t had = held[which].size, kept = lesser(had, size);
        unsigned char *block = c->a->realloc(held[which].block, size);
        MUST(c, block != NULL, "a block", "realloc(p, %zu) gave NULL", size);
        MUST(c, contents_intact(block, kept, which) == kept,
             "the lesser of the two sizes keeps its bytes",
             "step %zu: realloc from %zu to %zu lost byte %zu", step, had, size,
             contents_intact(block, kept, which));
        contents_fill(block, size, which);
        held[which].block = block;
        held[which].size  = size;
    }
    for (size_t i = 0; i < HELD; i++) {
        const size_t good = contents_intact(held[i].block, held[i].size, i);
        MUST(c, good == held[i].size, "no other live block changes",
             "byte %zu of a live block of %zu changed", good, held[i].size);
        c->a->free(held[i].block);
    }
}

CHECK(of_calloc, .name = "realloc.of_calloc", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .needs = NEEDS_REALLOC | NEEDS_CALLOC, .clause = "C17 7.22.3.5p2-3",
      .summary = "realloc of a block of calloc keeps its zeros and what was written") {
    for (size_t i = 0; i + 1 < SIZES; i++) {
        const size_t size    = sizes[i];
        unsigned char *block = c->a->calloc(size, 1);
        MUST(c, block != NULL, "a block", "calloc(%zu, 1) gave NULL", size);
        contents_fill(block, size / 2, i);
        block = c->a->realloc(block, size * 2 + 1);
        MUST(c, block != NULL, "a block", "realloc from %zu to %zu gave NULL", size, size * 2 + 1);
        MUST(c,
             contents_intact(block, size / 2, i) == size / 2 &&
                 contents_zero(block + size / 2, size - size / 2) == size - size / 2,
             "all bytes are kept", "realloc of calloc(%zu, 1) to %zu lost bytes", size,
             size * 2 + 1);
        c->a->free(block);
    }
}

/* Legal for what aligned_alloc and posix_memalign gave; the alignment may be lost, the bytes may
 * not. */
static void of_aligned(struct check_run *c, const struct maker *m) {
    for (size_t alignment = 8; alignment <= 65536; alignment *= 2)
        for (size_t i = 0; i < SIZES; i++) {
            /* of aligned_alloc a multiple, for some give no other */
            const size_t size  = (sizes[i] + alignment - 1) & -alignment;
            const size_t other = check_random(c) % 2 ? size * 2 + 3 : size / 3 + 1;
            void *block        = m->make(c->a, alignment, size);
            if (!block)
                continue;
            contents_fill(block, size, i);
            block             = c->a->realloc(block, other);
            const size_t kept = lesser(size, other);
            MUST(c, block != NULL, "a block", "realloc from %zu to %zu gave NULL", size, other);
            MUST(c, contents_intact(block, kept, i) == kept,
                 "the lesser of the two sizes keeps its bytes",
                 "realloc from %zu to %zu of a block of %s with alignment %zu lost byte %zu", size,
                 other, m->name, alignment, contents_intact(block, kept, i));
            c->a->free(block);
        }
}

CHECK(of_aligned_alloc, .name = "realloc.of_aligned_alloc", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_C, .needs = NEEDS_REALLOC | NEEDS_ALIGNED_ALLOC,
      .clause  = "C17 7.22.3.5p2-3",
      .summary = "realloc of a block of aligned_alloc keeps its bytes") {
    of_aligned(c, &makers[4]);
}

CHECK(of_posix_memalign, .name = "realloc.of_posix_memalign", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_REALLOC | NEEDS_POSIX_MEMALIGN,
      .clause  = "POSIX.1-2024 realloc, DESCRIPTION; posix_memalign, DESCRIPTION",
      .summary = "realloc of a block of posix_memalign keeps its bytes") {
    of_aligned(c, &makers[5]);
}

CHECK(of_memalign, .name = "realloc.of_memalign", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_REALLOC | NEEDS_MEMALIGN,
      .clause = "posix_memalign(3)", .summary = "realloc of a block of memalign keeps its bytes") {
    of_aligned(c, &makers[6]);
}

CHECK(array_keeps, .name = "realloc.array_keeps", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_REALLOCARRAY,
      .clause  = "POSIX.1-2024 realloc, reallocarray, DESCRIPTION",
      .summary = "reallocarray(p, n, size) is realloc(p, n * size)") {
    void *block = NULL;
    size_t had  = 0;
    for (size_t i = 0; i < 200; i++) {
        const size_t count = 1 + check_random(c) % 1000, size = 1 + check_random(c) % 100;
        const size_t kept = lesser(had, count * size);
        block             = c->a->reallocarray(block, count, size);
        MUST(c, block != NULL, "a block", "reallocarray(p, %zu, %zu) gave NULL", count, size);
        MUST(c, contents_intact(block, kept, 5) == kept,
             "the lesser of the two sizes keeps its bytes",
             "reallocarray(p, %zu, %zu) lost byte %zu of %zu", count, size,
             contents_intact(block, kept, 5), had);
        had = count * size;
        contents_fill(block, had, 5);
        void *next = c->a->malloc(had); /* what lies behind the block must not be in it */
        MUST(c, next != NULL, "a block", "malloc(%zu) gave NULL", had);
        memset(next, 0xa5, had);
        MUST(c, contents_intact(block, had, 5) == had, "a block of n * size bytes",
             "reallocarray(p, %zu, %zu): byte %zu is another block's, too", count, size,
             contents_intact(block, had, 5));
        c->a->free(next);
    }
    c->a->free(block);
}

CHECK(grow_huge, .name = "realloc.huge", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .needs = NEEDS_REALLOC, .clause = "C17 7.22.3.5p2",
      .summary = "a block that grows from 1 to 64 MiB and back, between others, keeps its bytes") {
    size_t size = 1 << 20;
    void *block = c->a->malloc(size), *between[8];
    MUST(c, block != NULL, "a block", "malloc(%zu) gave NULL", size);
    contents_fill(block, size, 3);
    for (size_t i = 0; i < 8; i++) {
        between[i]        = c->a->malloc(300000);
        const size_t to   = i < 6 ? size * 2 : size / 5;
        const size_t kept = lesser(size, to);
        MUST(c, between[i] && (block = c->a->realloc(block, to)) != NULL, "a block",
             "realloc from %zu to %zu gave NULL", size, to);
        MUST(c, contents_intact(block, kept, 3) == kept,
             "the lesser of the two sizes keeps its bytes", "realloc from %zu to %zu lost byte %zu",
             size, to, contents_intact(block, kept, 3));
        size = to;
        contents_fill(block, size, 3);
    }
    for (size_t i = 0; i < 8; i++)
        c->a->free(between[i]);
    c->a->free(block);
}

CHECK(in_place, .name = "realloc.in_place", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .needs = NEEDS_REALLOC | NEEDS_USABLE_SIZE, .clause = "malloc_usable_size(3)",
      .summary = "realloc up to the usable size does not move the block") {
    for (size_t i = 0; i < SIZES; i++) {
        void *block = c->a->malloc(sizes[i]);
        MUST(c, block != NULL, "a block", "malloc(%zu) gave NULL", sizes[i]);
        const size_t usable = c->a->usable_size(block);
        void *moved         = c->a->realloc(block, usable);
        MUST(c, moved == block, "the same address",
             "realloc from %zu to %zu, its usable size, moved the block", sizes[i], usable);
        c->a->free(moved);
    }
}

CHECK(gives_back, .name = "realloc.gives_back", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .needs = NEEDS_REALLOC, .clause = "malloc(3)",
      .summary = "shrinking 64 MiB to 4 KiB gives memory back to the system") {
    const size_t big = 64 << 20;
    void *block      = c->a->malloc(big);
    MUST(c, block != NULL, "a block", "malloc(%zu) gave NULL", big);
    memset(block, 1, big);
    const size_t before = check_rss();
    block               = c->a->realloc(block, 4096);
    if (c->a->purge)
        c->a->purge(0);
    const size_t after = check_rss();
    MUST(c, after + big / 2 < before, "at most half of it stays resident",
         "%zu MiB were resident, %zu MiB are", before >> 20, after >> 20);
    c->a->free(block);
}
