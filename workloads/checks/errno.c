/* errno: set by what fails, kept by free, never set to zero. */
#include "allocating.h"
#include "check.h"

#include <errno.h>
#include <string.h>

static const size_t impossible = SIZE_MAX / 2 + 1 - 65536;
_Static_assert(sizeof(size_t) == 8, "no address space has so much");

/* The clause is POSIX's alone: C17 7.22.3.4p3 speaks of the null pointer only. The alignment is one
 * that must be supported: refusing another would be an [EINVAL]. */
static void no_memory(struct check_run *c, const struct maker *m) {
    errno       = EDOM; /* no function here has a reason to set it */
    void *block = m->make(c->a, _Alignof(max_align_t), impossible);
    const int e = errno;
    MUST(c, !block, "a null pointer: no such object can exist", "%s of %zu bytes gave %p", m->name,
         impossible, block);
    MUST(c, e == ENOMEM, "errno is ENOMEM", "%s of %zu bytes gave NULL and %s %s", m->name,
         impossible, e == EDOM ? "left errno at" : "set errno to", strerrorname_np(e));
}

#define NO_MEMORY(function, which, needs_)                                                         \
    CHECK(function##_no_memory, .name = "errno." #function, .kind = CHECK_REQUIRED,                \
          .profiles = PROFILES_POSIX, .needs = (needs_),                                           \
          .clause  = "POSIX.1-2024 " #function ", RETURN VALUE and ERRORS [ENOMEM]",               \
          .summary = #function " that fails sets errno to ENOMEM") {                               \
        no_memory(c, &makers[which]);                                                              \
    }

NO_MEMORY(malloc, 0, 0)
NO_MEMORY(calloc, 1, NEEDS_CALLOC)
NO_MEMORY(realloc, 2, NEEDS_REALLOC)
NO_MEMORY(reallocarray, 3, NEEDS_REALLOCARRAY)
NO_MEMORY(aligned_alloc, 4, NEEDS_ALIGNED_ALLOC)

/* Where the product wraps around, which a guard in front of malloc may treat on its own. */
CHECK(calloc_wraps, .name = "errno.calloc_overflow", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_CALLOC,
      .clause  = "POSIX.1-2024 calloc, ERRORS [ENOMEM]",
      .summary = "calloc whose product wraps around sets errno to ENOMEM") {
    errno       = EDOM;
    void *block = c->a->calloc(SIZE_MAX / 16 + 2, 16);
    const int e = errno;
    MUST(c, !block && e == ENOMEM, "NULL, and errno is ENOMEM",
         "calloc(SIZE_MAX / 16 + 2, 16) gave %p, errno is %s", block, strerrorname_np(e));
}

CHECK(array_wraps, .name = "errno.reallocarray_overflow", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_REALLOCARRAY,
      .clause  = "POSIX.1-2024 reallocarray, ERRORS [ENOMEM]",
      .summary = "reallocarray whose product wraps around sets errno to ENOMEM") {
    errno       = EDOM;
    void *block = c->a->reallocarray(NULL, SIZE_MAX / 16 + 2, 16);
    const int e = errno;
    MUST(c, !block && e == ENOMEM, "NULL, and errno is ENOMEM",
         "reallocarray(NULL, SIZE_MAX / 16 + 2, 16) gave %p, errno is %s", block,
         strerrorname_np(e));
}

CHECK(memalign_no_memory, .name = "errno.memalign", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_MEMALIGN, .clause = "posix_memalign(3), ERRORS",
      .summary = "memalign that fails sets errno to ENOMEM") {
    no_memory(c, &makers[6]);
}

CHECK(posix_memalign_errno, .name = "errno.posix_memalign", .kind = CHECK_QUALITY,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_POSIX_MEMALIGN,
      .clause  = "posix_memalign(3): errno is not set; POSIX leaves it unspecified",
      .summary = "posix_memalign reports an error by its result and leaves errno alone") {
    void *block     = NULL;
    errno           = EDOM;
    const int error = c->a->posix_memalign(&block, 64, impossible);
    MUST(c, error && errno == EDOM, "errno is not set",
         "posix_memalign(&p, 64, %zu) returned %d and set errno to %s", impossible, error,
         strerrorname_np(errno));
}

/* Sizes of every way that memory is held: classes, spans, mappings of their own. */
CHECK(free_preserves, .name = "errno.free", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .clause  = "POSIX.1-2024 free, DESCRIPTION; Austin Group defect 385",
      .summary = "free leaves errno alone") {
    for (size_t size = 1; size <= 64 << 20; size = size * 3 + 1) {
        void *block[8];
        const size_t blocks = size > 1 << 20 ? 2 : 8;
        for (size_t i = 0; i < blocks; i++) {
            block[i] = c->a->malloc(size);
            MUST(c, block[i] != NULL, "a block", "malloc(%zu) gave NULL", size);
            contents_fill(block[i], size, i);
        }
        for (size_t i = 0; i < blocks; i++) {
            errno = EDOM;
            c->a->free(block[i]);
            MUST(c, errno == EDOM, "errno is not modified",
                 "free of a block of %zu bytes set errno to %s", size, strerrorname_np(errno));
        }
    }
    errno = EDOM;
    c->a->free(NULL);
    MUST(c, errno == EDOM, "errno is not modified", "free(NULL) set errno to %s",
         strerrorname_np(errno));
}

/* Of the functions that one of FROM_* has first. */
static void never_zero(struct check_run *c, unsigned from) {
    for (size_t m = 0; m < MAKERS; m++) {
        if (!maker_has(&makers[m], c->a) || makers[m].from != from)
            continue;
        for (size_t size = 64; size <= 32 << 20; size *= 4) {
            errno       = EDOM;
            void *block = makers[m].make(c->a, 64, size);
            MUST(c, errno != 0, "errno is never set to zero", "%s of %zu bytes set errno to 0",
                 makers[m].name, size);
            errno = EDOM;
            c->a->free(block);
            MUST(c, errno != 0, "errno is never set to zero", "free after %s set errno to 0",
                 makers[m].name);
        }
        errno       = EDOM;
        void *block = makers[m].make(c->a, 64, impossible);
        MUST(c, errno != 0, "errno is never set to zero",
             "%s of %zu bytes gave %p and set errno to 0", makers[m].name, impossible, block);
    }
}

CHECK(never_zero_c, .name = "errno.never_zero", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause = "C17 7.5p3", .summary = "no function of C sets errno to zero") {
    never_zero(c, FROM_C17);
}

CHECK(never_zero_posix, .name = "errno.never_zero_posix", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .clause = "POSIX.1-2024 errno, DESCRIPTION",
      .summary = "posix_memalign and reallocarray never set errno to zero") {
    never_zero(c, FROM_POSIX);
}

CHECK(never_zero_memalign, .name = "errno.never_zero_memalign", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_MEMALIGN, .clause = "errno(3)",
      .summary = "memalign never sets errno to zero") {
    never_zero(c, FROM_MANUAL);
}
