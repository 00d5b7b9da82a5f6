/* aligned_alloc and memalign: which alignments and sizes they take. C17 6.2.8p4: "Every valid
 * alignment value shall be a nonnegative integral power of two"; 7.22.3.1p2: "If the value of
 * alignment is not a valid alignment supported by the implementation the function shall fail by
 * returning a null pointer." */
#include "check.h"

#include <errno.h>
#include <string.h>

static const size_t invalid[] = {3, 5, 6, 7, 9, 12, 20, 24, 33, 48, 65, 96, 100, 1000, 4095, 4097};
enum { INVALID = sizeof invalid / sizeof *invalid };

/* The size is a multiple of the alignment, so that no other rule is broken. */
CHECK(aligned_invalid, .name = "aligned_alloc.invalid_alignment", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_C, .needs = NEEDS_ALIGNED_ALLOC,
      .clause  = "C17 7.22.3.1p2, 6.2.8p4; glibc bug 20137",
      .summary = "NULL for an alignment that is not a power of two") {
    for (size_t i = 0; i < INVALID; i++) {
        void *block = c->a->aligned_alloc(invalid[i], 12 * invalid[i]);
        MUST(c, !block, "a null pointer: no valid alignment", "aligned_alloc(%zu, %zu) gave %p",
             invalid[i], 12 * invalid[i], block);
    }
}

CHECK(aligned_einval, .name = "aligned_alloc.einval", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_ALIGNED_ALLOC,
      .clause  = "posix_memalign(3), RETURN VALUE and ERRORS [EINVAL]",
      .summary = "aligned_alloc refuses an alignment of 48, and sets errno to EINVAL") {
    errno       = EDOM;
    void *block = c->a->aligned_alloc(48, 96);
    MUST(c, !block && errno == EINVAL, "NULL, and errno is EINVAL",
         "aligned_alloc(48, 96) gave %p, errno is %s", block, strerrorname_np(errno));
}

/* C17 6.2.8p2: a fundamental alignment "shall be supported by the implementation for objects of all
 * storage durations". */
CHECK(aligned_fundamental, .name = "aligned_alloc.fundamental", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_C, .needs = NEEDS_ALIGNED_ALLOC, .clause = "C17 7.22.3.1p2, 6.2.8p2",
      .summary = "every fundamental alignment is supported") {
    for (size_t alignment = 1; alignment <= _Alignof(max_align_t); alignment *= 2)
        for (size_t size = alignment; size <= 1 << 16; size *= 2) {
            void *block = c->a->aligned_alloc(alignment, size);
            MUST(c, block && check_alignment(block) >= alignment, "a block with the alignment",
                 "aligned_alloc(%zu, %zu) gave %p", alignment, size, block);
            contents_fill(block, size, 1);
            c->a->free(block);
        }
}

CHECK(aligned_extended, .name = "aligned_alloc.extended", .kind = CHECK_QUALITY,
      .profiles = PROFILES_C, .needs = NEEDS_ALIGNED_ALLOC,
      .clause  = "C17 6.2.8p3: which extended alignments are supported is implementation-defined",
      .summary = "alignments of 32 B to 64 KiB are supported") {
    for (size_t alignment = 32; alignment <= 65536; alignment *= 2) {
        void *block = c->a->aligned_alloc(alignment, alignment);
        MUST(c, block != NULL, "a block", "aligned_alloc(%zu, %zu) gave NULL", alignment,
             alignment);
        c->a->free(block);
    }
}

/* C11 made it undefined; its defect report 460, and so C17, took the rule away. An allocator may
 * refuse, for any function may fail, and it may succeed. */
CHECK(aligned_any_size, .name = "aligned_alloc.size_choice", .kind = CHECK_CHOICE,
      .profiles = PROFILES_C, .needs = NEEDS_ALIGNED_ALLOC, .clause = "C17 7.22.3.1p2; WG14 DR 460",
      .summary = "a size that is not a multiple of the alignment: taken or refused") {
    void *block = c->a->aligned_alloc(64, 100);
    MUST(c, !block || check_alignment(block) >= 64, "NULL, or a block with the alignment",
         "aligned_alloc(64, 100) gave %p", block);
    check_choice(c, block ? "taken" : "refused");
    c->a->free(block);
}

CHECK(memalign_odd, .name = "memalign.odd_choice", .kind = CHECK_CHOICE, .profiles = PROFILE_GLIBC,
      .needs   = NEEDS_MEMALIGN,
      .clause  = "posix_memalign(3): alignment must be a power of two; glibc rounds it up",
      .summary = "memalign with an alignment that is not a power of two: rounded up or refused") {
    void *block = c->a->memalign(48, 100);
    if (block)
        check_choice(c, check_alignment(block) >= 64 ? "rounded" : "ignored");
    else
        check_choice(c, "refused");
    c->a->free(block);
}
