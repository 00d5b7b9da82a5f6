/* posix_memalign: errors come as its result. */
#include "boundaries.h"
#include "check.h"

#include <errno.h>
#include <string.h>

/* Not a power of two, or not a multiple of sizeof(void *). */
static const size_t invalid[] = {
    0,           1,  2,  3,   4,    5,    6,    7,    9,     12,          20,       24,
    40,          48, 96, 100, 1000, 4095, 4097, 4104, 65528, 1 << 20 | 8, SIZE_MAX, SIZE_MAX - 7,
    SIZE_MAX / 2};
enum { INVALID = sizeof invalid / sizeof *invalid };

CHECK(invalid_alignment, .name = "posix_memalign.invalid_alignment", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_POSIX_MEMALIGN,
      .clause  = "POSIX.1-2024 posix_memalign, ERRORS [EINVAL]",
      .summary = "EINVAL for what is not a power of two that is a multiple of sizeof(void *)") {
    for (size_t i = 0; i < INVALID; i++) {
        void *block     = NULL;
        const int error = c->a->posix_memalign(&block, invalid[i], 100);
        MUST(c, error == EINVAL, "EINVAL", "posix_memalign(&p, %zu, 100) returned %d and %p",
             invalid[i], error, block);
    }
}

static bool fails_with(struct check_run *c, bool or_null, size_t alignment, size_t size) {
    char here;
    void *block     = &here;
    const int error = c->a->posix_memalign(&block, alignment, size);
    return check_that(c, error && (block == &here || (or_null && !block)),
                      or_null ? "an error; the pointer is as it was, or NULL"
                              : "an error; the pointer is as it was",
                      "posix_memalign(&p, %zu, %zu) returned %d and changed the pointer to %p",
                      alignment, size, error, block);
}

/* An alignment that is none, and at each that is one, sizes at the boundaries. */
static void failures(struct check_run *c, bool or_null) {
    static size_t sizes[BOUNDARIES_SIZES];
    enum { SAMPLED = 16 };
    const size_t count = boundaries_sizes(c, BOUNDARIES_NO_OBJECT, sizes);
    for (size_t i = 0; i < INVALID; i++)
        if (!fails_with(c, or_null, invalid[i], 100) || !fails_with(c, or_null, invalid[i], 0))
            return;
    for (size_t alignment = sizeof(void *); alignment; alignment *= 2)
        for (size_t i = 0; i < count; i++)
            if (check_takes(c, SAMPLED) && !fails_with(c, or_null, alignment, sizes[i]))
                return;
}

CHECK(failure, .name = "posix_memalign.failure", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .needs = NEEDS_POSIX_MEMALIGN, .clause = "POSIX.1-2024 posix_memalign, RETURN VALUE",
      .summary = "on failure the pointer is left unmodified, or is NULL") {
    failures(c, true);
}

CHECK(untouched, .name = "posix_memalign.untouched", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_POSIX_MEMALIGN,
      .clause  = "posix_memalign(3): on Linux, memptr is not modified on failure",
      .summary = "on failure the pointer is left unmodified") {
    failures(c, false);
}

/* [ENOMEM] is for insufficient memory "with the requested alignment": that may be so of alignments
 * beyond a page, however much there is. */
CHECK(succeeds, .name = "posix_memalign.valid_alignment", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_POSIX_MEMALIGN,
      .clause  = "POSIX.1-2024 posix_memalign, DESCRIPTION and ERRORS",
      .summary = "memory for each alignment of sizeof(void *) to 1 MiB that is a power of two") {
    for (size_t alignment = sizeof(void *); alignment <= 1 << 20; alignment *= 2)
        for (size_t size = 1; size <= 1 << 20; size = size * 7 + 3) {
            void *block     = NULL;
            const int error = c->a->posix_memalign(&block, alignment, size);
            if (error == ENOMEM && alignment > 4096)
                continue;
            MUST(c, error == 0 && block, "0 and a block",
                 "posix_memalign(&p, %zu, %zu) returned %d and %p", alignment, size, error, block);
            contents_fill(block, size, alignment);
            c->a->free(block);
        }
}
