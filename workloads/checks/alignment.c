/* Alignment. C23 7.24.3p1 asks for that of "any type of object with a fundamental alignment
 * requirement and size less than or equal to the size requested": 8 bytes may be aligned to 8. C17
 * 7.22.3p1 says nothing of the size. Whether malloc(8) must be aligned to 16 is disputed (WG14
 * document N2293 tells the history). So a check records what an allocator does. */
#include "allocating.h"
#include "check.h"

#include <stdio.h>

enum { LIVE = 24 };

/* All sizes that a size class could treat on its own, and larger ones near powers of two. */
static size_t next_size(size_t size) {
    if (size < 2048)
        return size + 1;
    return size + size / 16 + 1;
}

/* Several live blocks of each size: the first of a page is aligned by luck. */
static void all_sizes(struct check_run *c, const struct maker *m) {
    if (!maker_has(m, c->a)) {
        check_unsupported(c, "the allocator has no %s", m->name);
        return;
    }
    for (size_t size = 1; size <= 4 << 20; size = next_size(size)) {
        void *block[LIVE];
        const size_t live = size > 65536 ? 3 : LIVE, wanted = check_fundamental(size);
        for (size_t i = 0; i < live; i++) {
            block[i] = m->make(c->a, 1, size);
            MUST(c, block[i] != NULL, "a block", "%s of %zu bytes gave NULL", m->name, size);
            MUST(c, check_alignment(block[i]) >= wanted,
                 "alignment for every type that fits into the block",
                 "%s of %zu bytes gave %p, aligned to %zu of %zu", m->name, size, block[i],
                 check_alignment(block[i]), wanted);
        }
        for (size_t i = 0; i < live; i++)
            c->a->free(block[i]);
    }
}

#define ALIGNMENT_CHECK(function, which, profiles_, needs_, clause_)                               \
    CHECK(by_##function, .name = "alignment." #function, .kind = CHECK_REQUIRED,                   \
          .profiles = (profiles_), .needs = (needs_), .clause = (clause_),                         \
          .summary = #function " aligns for every type that fits into the block") {                \
        all_sizes(c, &makers[which]);                                                              \
    }

#define C_CLAUSE "C17 7.22.3p1, C23 7.24.3p1"
ALIGNMENT_CHECK(malloc, 0, PROFILES_C, 0, C_CLAUSE)
ALIGNMENT_CHECK(calloc, 1, PROFILES_C, NEEDS_CALLOC, C_CLAUSE)
ALIGNMENT_CHECK(realloc, 2, PROFILES_C, NEEDS_REALLOC, C_CLAUSE)
ALIGNMENT_CHECK(reallocarray, 3, PROFILES_POSIX, NEEDS_REALLOCARRAY,
                "POSIX.1-2024 realloc, reallocarray, DESCRIPTION")

CHECK(realloc_moved, .name = "alignment.realloc_moved", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_C, .needs = NEEDS_REALLOC, .clause = C_CLAUSE,
      .summary = "a block that realloc grew or shrank is aligned for what fits into it") {
    void *held[64] = {NULL};
    for (size_t step = 0; step < 4000; step++) {
        const size_t size = 1 + check_random(c) % (step % 50 ? 600 : 200000);
        void **slot       = &held[check_random(c) % 64];
        void *block       = c->a->realloc(*slot, size);
        MUST(c, block != NULL, "a block", "realloc(p, %zu) gave NULL", size);
        MUST(c, check_alignment(block) >= check_fundamental(size),
             "alignment for every type that fits into the block",
             "realloc(p, %zu) gave %p, aligned to %zu of %zu", size, block, check_alignment(block),
             check_fundamental(size));
        *slot = block;
    }
    for (size_t i = 0; i < 64; i++)
        c->a->free(held[i]);
}

CHECK(of_tiny, .name = "alignment.tiny_choice", .kind = CHECK_CHOICE, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3p1 against C23 7.24.3p1; WG14 N2293",
      .summary = "the least alignment of blocks of 1 to 15 bytes, up to 16") {
    size_t least = _Alignof(max_align_t);
    void *block[256], *between[256];
    for (size_t size = 1; size < 16; size++) {
        for (size_t i = 0; i < 256; i++) {
            block[i] = c->a->malloc(size);
            between[i] =
                c->a->malloc(16 + i * 8 % 128); /* that no stride is a power of two by luck */
            MUST(c, block[i] && between[i], "a block", "malloc(%zu) gave NULL", size);
            if (check_alignment(block[i]) < least)
                least = check_alignment(block[i]);
        }
        for (size_t i = 0; i < 256; i++) {
            c->a->free(block[i]);
            c->a->free(between[i]);
        }
    }
    char text[24];
    snprintf(text, sizeof text, "%zu B", least);
    check_choice(c, text);
}

/* For each alignment, sizes around what a rounding could get wrong: below, equal to and above the
 * alignment, and classes of small sizes. C17's aligned_alloc may refuse an alignment (7.22.3.1p2),
 * and some refuse a size that is not a multiple; what it gives must be aligned. */
static void requested(struct check_run *c, const struct maker *m, size_t most) {
    for (size_t alignment = m->least_alignment; alignment <= most; alignment *= 2) {
        const size_t sizes[] = {1,
                                8,
                                24,
                                alignment / 2 + 1,
                                alignment - 1 ? alignment - 1 : 1,
                                alignment,
                                alignment + 1,
                                2 * alignment,
                                3 * alignment,
                                5 * alignment,
                                7 * alignment,
                                100,
                                192,
                                320,
                                640,
                                1000,
                                1280,
                                4096,
                                40000};
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            void *block[LIVE];
            const size_t live = alignment > 65536 ? 2 : LIVE;
            for (size_t i = 0; i < live; i++) {
                block[i] = m->make(c->a, alignment, sizes[s]);
                MUST(c, !block[i] || check_alignment(block[i]) >= alignment,
                     "an address that is a multiple of the alignment",
                     "%s with alignment %zu, size %zu gave %p, aligned to %zu", m->name, alignment,
                     sizes[s], block[i], check_alignment(block[i]));
                if (block[i])
                    contents_fill(block[i], sizes[s], i);
            }
            for (size_t i = 0; i < live; i++) {
                MUST(c, !block[i] || contents_intact(block[i], sizes[s], i) == sizes[s],
                     "live blocks do not overlap",
                     "%s with alignment %zu, size %zu: a live block changed", m->name, alignment,
                     sizes[s]);
                c->a->free(block[i]);
            }
        }
    }
}

enum { MOST = 1 << 20, HUGE = 1 << 30 };

CHECK(by_aligned_alloc, .name = "alignment.aligned_alloc", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_C, .needs = NEEDS_ALIGNED_ALLOC, .clause = "C17 7.22.3.1p2, 7.22.3p1",
      .summary = "blocks of aligned_alloc have the alignment, 1 B to 1 MiB, and are disjoint") {
    requested(c, &makers[4], MOST);
}

CHECK(by_posix_memalign, .name = "alignment.posix_memalign", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_POSIX_MEMALIGN,
      .clause  = "POSIX.1-2024 posix_memalign, DESCRIPTION",
      .summary = "blocks of posix_memalign have the alignment, 8 B to 1 MiB, and are disjoint") {
    requested(c, &makers[5], MOST);
}

CHECK(by_memalign, .name = "alignment.memalign", .kind = CHECK_EXTENSION, .profiles = PROFILE_GLIBC,
      .needs = NEEDS_MEMALIGN, .clause = "posix_memalign(3)",
      .summary = "blocks of memalign have the alignment, 1 B to 1 MiB, and are disjoint") {
    requested(c, &makers[6], MOST);
}

/* An alignment of up to 1 GiB reserves addresses, not memory: nothing is written but one page. */
static bool huge(struct check_run *c, bool must_succeed) {
    for (size_t alignment = 2 << 20; alignment <= HUGE; alignment *= 2)
        for (size_t size = 1; size <= 4 << 20; size *= 64) {
            void *block     = NULL;
            const int error = c->a->posix_memalign(&block, alignment, size);
            if (!check_that(c, !error || !must_succeed, "a block",
                            "posix_memalign(&p, %zu, %zu) returned %d", alignment, size, error))
                return false;
            if (error)
                continue;
            if (!check_that(c, block && check_alignment(block) >= alignment,
                            "an address that is a multiple of the alignment",
                            "posix_memalign(&p, %zu, %zu) gave %p", alignment, size, block))
                return false;
            contents_fill(block, size < 4096 ? size : 4096, alignment);
            c->a->free(block);
        }
    return true;
}

CHECK(huge_aligned, .name = "alignment.huge", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .needs = NEEDS_POSIX_MEMALIGN, .clause = "POSIX.1-2024 posix_memalign, DESCRIPTION",
      .summary = "alignments of 2 MiB to 1 GiB are kept or refused") {
    huge(c, false);
}

CHECK(huge_given, .name = "alignment.huge_given", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .needs   = NEEDS_POSIX_MEMALIGN,
      .clause  = "posix_memalign(3): [ENOMEM] is for insufficient memory",
      .summary = "alignments of 2 MiB to 1 GiB are given") {
    huge(c, true);
}
