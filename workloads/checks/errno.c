/* errno: set by what fails, kept by free, never set to zero. What cannot be granted is asked for at
 * all boundaries (boundaries.h). Above the memory of a machine a request may succeed all the same:
 * then there must be an object. */
#include "allocating.h"
#include "boundaries.h"
#include "check.h"

#include <errno.h>
#include <string.h>

static size_t sizes[BOUNDARIES_SIZES];
static struct product products[BOUNDARIES_PRODUCTS];

/* What a function answered, and whether EINVAL would do. It does for an alignment that the library
 * does not support, or a size that is not a multiple of it, which C11 forbade. */
struct answer {
    void *block;
    int error;
    bool may_be_invalid;
};

/* The clause is POSIX's alone: C17 7.22.3.4p3 speaks of the null pointer only. */
static bool right(struct check_run *c, const char *name, size_t alignment, size_t size,
                  const struct answer *is) {
    return check_that(c,
                      !is->block ||
                          (size < BOUNDARIES_NO_OBJECT && boundaries_has_ends(is->block, size)),
                      "a null pointer, or an object of this size",
                      "%s of %zu bytes with alignment %zu gave %p, which is not such an object",
                      name, size, alignment, is->block) &&
           check_that(
               c, is->block || is->error == ENOMEM || (is->may_be_invalid && is->error == EINVAL),
               "errno is ENOMEM", "%s of %zu bytes with alignment %zu gave NULL and %s %s", name,
               size, alignment, is->error == EDOM ? "left errno at" : "set errno to",
               strerrorname_np(is->error));
}

/* Does it take the alignment, if there is memory? Alignments above that of all types may be refused
 * for good (C17 7.22.3.1p2). */
static bool supports(const struct check_run *c, const struct maker *m, size_t alignment) {
    if (!m->takes_alignment || alignment <= _Alignof(max_align_t))
        return true;
    void *block = alignment <= 1 << 20 ? m->make(c->a, alignment, alignment) : NULL;
    c->a->free(block);
    return block != NULL;
}

static bool refused(struct check_run *c, const struct maker *m, size_t alignment, size_t size,
                    bool supported) {
    errno            = EDOM; /* no function here has a reason to set it */
    void *block      = m->make(c->a, alignment, size);
    struct answer is = {block, errno, !supported || (m->from == FROM_C17 && size % alignment != 0)};
    const bool good  = right(c, m->name, alignment, size, &is);
    if (good)
        c->a->free(block);
    return good;
}

/* All alignments, each at the sizes that it is added to and at some others. */
static bool all_alignments(struct check_run *c, const struct maker *m, size_t count) {
    enum { SAMPLED = 16 };
    for (size_t alignment = m->least_alignment; alignment; alignment *= 2) {
        size_t own[BOUNDARIES_OF_ALIGNMENT];
        const size_t owned   = boundaries_of_alignment(alignment, own);
        const bool supported = supports(c, m, alignment);
        for (size_t i = 0; i < owned; i++)
            if (!refused(c, m, alignment, own[i], supported))
                return false;
        for (size_t i = 0; i < count; i++)
            if (check_takes(c, SAMPLED) && !refused(c, m, alignment, sizes[i], supported))
                return false;
    }
    return true;
}

/* calloc may write all that it grants: it is asked for what no system grants. */
static void no_memory(struct check_run *c, size_t which) {
    enum { CALLOC = 1 };
    const struct maker *m = &makers[which];
    const size_t least    = which == CALLOC ? BOUNDARIES_NO_ROOM : BOUNDARIES_OVER_LIMIT;
    const size_t count    = boundaries_sizes(c, least, sizes);
    boundaries_limit(c, true);
    if (m->takes_alignment)
        all_alignments(c, m, count);
    for (size_t i = 0; !m->takes_alignment && i < count; i++)
        if (!refused(c, m, 1, sizes[i], true))
            break;
    boundaries_limit(c, false);
}

#define NO_MEMORY(function, which, needs_)                                                         \
    CHECK(function##_no_memory, .name = "errno." #function, .kind = CHECK_REQUIRED,                \
          .profiles = PROFILES_POSIX, .needs = (needs_),                                           \
          .clause  = "POSIX.1-2024 " #function ", RETURN VALUE and ERRORS [ENOMEM]",               \
          .summary = #function " that fails sets errno to ENOMEM, at every boundary of its size")

NO_MEMORY(malloc, 0, 0) {
    no_memory(c, 0);
}

NO_MEMORY(calloc, 1, NEEDS_CALLOC) {
    no_memory(c, 1);
}

NO_MEMORY(aligned_alloc, 4, NEEDS_ALIGNED_ALLOC) {
    no_memory(c, 4);
}

/* --- of a live block --- */

/* Blocks of each way that memory is held: a class, a span, a mapping of its own; 0: no block. */
static const size_t live[] = {0, 1, 100, 1000, 5000, 40000, 300000, 3 << 20};
enum { LIVE = sizeof live / sizeof *live };

static void *resize(const struct allocator *a, void *block, size_t size) {
    return a->realloc(block, size);
}

static void *resize_array(const struct allocator *a, void *block, size_t size) {
    return a->reallocarray(block, size, 1);
}

typedef void *resizer(const struct allocator *, void *, size_t);

/* One block for all sizes, until it moves: libraries treat one in thousands apart (GWP-ASan), and
 * chance must not decide. */
static bool live_refused(struct check_run *c, const char *name, resizer *resized, size_t had,
                         size_t count) {
    void *block = NULL;
    for (size_t i = 0; i < count; i++) {
        block = had && !block ? c->a->malloc(had) : block;
        if (!check_that(c, block || !had, "a block", "malloc(%zu) gave NULL", had))
            return false;
        errno            = EDOM;
        void *moved      = resized(c->a, block, sizes[i]);
        struct answer is = {moved, errno, false};
        if (!right(c, name, 1, sizes[i], &is))
            return false;
        c->a->free(moved);
        block = moved ? NULL : block;
    }
    c->a->free(block);
    return true;
}

static void live_no_memory(struct check_run *c, size_t which, resizer *resized) {
    const size_t count = boundaries_sizes(c, BOUNDARIES_OVER_LIMIT, sizes);
    boundaries_limit(c, true);
    for (size_t l = 0; l < LIVE; l++)
        if (!live_refused(c, makers[which].name, resized, live[l], count))
            break;
    boundaries_limit(c, false);
}

NO_MEMORY(realloc, 2, NEEDS_REALLOC) {
    live_no_memory(c, 2, resize);
}

NO_MEMORY(reallocarray, 3, NEEDS_REALLOCARRAY) {
    live_no_memory(c, 3, resize_array);
}

/* --- products --- */

/* Where the product wraps around, which a guard in front of malloc may treat on its own. */
CHECK(calloc_wraps, .name = "errno.calloc_overflow", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_CALLOC,
      .clause  = "POSIX.1-2024 calloc, ERRORS [ENOMEM]",
      .summary = "calloc whose product wraps around sets errno to ENOMEM") {
    const size_t count = boundaries_products(products);
    for (size_t i = 0; i < count; i++) {
        const struct product *p = &products[i];
        errno                   = EDOM;
        void *block             = c->a->calloc(p->count, p->size);
        const int e             = errno;
        MUST(c, !block && e == ENOMEM, "NULL, and errno is ENOMEM",
             "calloc(%zu, %zu) gave %p, errno is %s", p->count, p->size, block, strerrorname_np(e));
    }
}

CHECK(
    array_wraps, .name = "errno.reallocarray_overflow", .kind = CHECK_REQUIRED,
    .profiles = PROFILES_POSIX, .needs = NEEDS_REALLOCARRAY,
    .clause  = "POSIX.1-2024 reallocarray, ERRORS [ENOMEM]",
    .summary = "reallocarray whose product wraps around sets errno to ENOMEM, of live blocks too") {
    const size_t count = boundaries_products(products);
    for (size_t i = 0; i < count * LIVE; i += 2) {
        const struct product *p = &products[i / LIVE];
        const size_t had        = live[i % LIVE];
        void *block             = had ? c->a->malloc(had) : NULL;
        errno                   = EDOM;
        void *moved             = c->a->reallocarray(block, p->count, p->size);
        const int e             = errno;
        MUST(c, !moved && e == ENOMEM, "NULL, and errno is ENOMEM",
             "reallocarray(p, %zu, %zu) of a block of %zu bytes gave %p, errno is %s", p->count,
             p->size, had, moved, strerrorname_np(e));
        c->a->free(block);
    }
}

CHECK(memalign_no_memory, .name = "errno.memalign", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_MEMALIGN, .clause = "posix_memalign(3), ERRORS",
      .summary = "memalign that fails sets errno to ENOMEM, at every boundary of its size") {
    no_memory(c, 6);
}

CHECK(posix_memalign_errno, .name = "errno.posix_memalign", .kind = CHECK_QUALITY,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_POSIX_MEMALIGN,
      .clause  = "posix_memalign(3): errno is not set; POSIX leaves it unspecified",
      .summary = "posix_memalign reports an error by its result and leaves errno alone") {
    const size_t count = boundaries_sizes(c, BOUNDARIES_NO_OBJECT, sizes);
    for (size_t i = 0; i < count; i++) {
        const size_t alignment = sizeof(void *) << check_random(c) % 18;
        void *block            = NULL;
        errno                  = EDOM;
        const int error        = c->a->posix_memalign(&block, alignment, sizes[i]);
        MUST(c, error && errno == EDOM, "errno is not set",
             "posix_memalign(&p, %zu, %zu) returned %d and set errno to %s", alignment, sizes[i],
             error, strerrorname_np(errno));
    }
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
    const size_t count = boundaries_sizes(c, BOUNDARIES_NO_OBJECT, sizes);
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
        for (size_t i = 0; i < count; i++) {
            errno       = EDOM;
            void *block = makers[m].make(c->a, 64, sizes[i]);
            MUST(c, errno != 0, "errno is never set to zero",
                 "%s of %zu bytes gave %p and set errno to 0", makers[m].name, sizes[i], block);
        }
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
