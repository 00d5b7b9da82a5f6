/* valloc and pvalloc: blocks on page boundaries, as the process has them, where they are of the
 * object that malloc is of. */
#include "check.h"
#include "owner_of.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Is it there, and of the allocator's own object? Elsewhere its blocks are another's. */
static bool own(struct check_run *c, const char *name, void *(*function)(size_t)) {
    const char *mine = owner_of_allocator(c), *its = owner_of((const void *)function);
    if (!*mine || !*its)
        check_unsupported(c, "the object of %s cannot be found", name);
    else if (!owner_is_allocator(c, its))
        check_unsupported(c, "%s is of %s, not of %s", name, its, mine);
    return c->verdict == CHECK_PASS;
}

static void pages(struct check_run *c, const char *name, void *(*function)(size_t), bool whole) {
    enum { LIVE = 4 };
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (!own(c, name, function))
        return;
    for (size_t size = 1; size < 1 << 20; size = size * 3 / 2 + 1) {
        const size_t rounded = whole ? (size + page - 1) & -page : size;
        void *block[LIVE];
        for (size_t i = 0; i < LIVE; i++) {
            block[i] = function(size);
            MUST(c, block[i] && check_alignment(block[i]) >= page,
                 "an address that is a multiple "
                 "of the page size",
                 "%s(%zu) gave %p", name, size, block[i]);
            contents_fill(block[i], rounded, i);
        }
        for (size_t i = 0; i < LIVE; i++) {
            MUST(c, contents_intact(block[i], rounded, i) == rounded,
                 "a live block belongs to its owner alone",
                 "byte %zu of %zu of a block of %s(%zu) changed",
                 contents_intact(block[i], rounded, i), rounded, name, size);
            c->a->free(block[i]);
        }
    }
}

static void overflows(struct check_run *c, const char *name, void *(*function)(size_t)) {
    const size_t page            = (size_t)sysconf(_SC_PAGESIZE);
    const volatile size_t size[] = {SIZE_MAX, SIZE_MAX - page + 2, SIZE_MAX - page,
                                    SIZE_MAX / 2 + 1};
    for (size_t i = 0; i < sizeof size / sizeof *size && own(c, name, function); i++) {
        errno       = EDOM;
        void *block = function(size[i]);
        MUST(c, !block && errno == ENOMEM, "NULL, and errno is ENOMEM",
             "%s(%#zx) gave %p, errno %s", name, size[i], block, strerrorname_np(errno));
    }
}

CHECK(valloc_aligned, .name = "valloc.aligned", .kind = CHECK_EXTENSION,
      .process = PROCESS_PRELOADED, .profiles = PROFILE_GLIBC,
      .clause  = "valloc(3) in posix_memalign(3): a multiple of the page size",
      .summary = "blocks of valloc begin at a page and are their owner's alone") {
    pages(c, "valloc", valloc, false);
}

CHECK(pvalloc_aligned, .name = "valloc.whole_pages", .kind = CHECK_EXTENSION,
      .process = PROCESS_PRELOADED, .profiles = PROFILE_GLIBC,
      .clause  = "pvalloc(3) in posix_memalign(3): the size is rounded up to whole pages",
      .summary = "blocks of pvalloc are whole pages that are their owner's alone") {
    pages(c, "pvalloc", pvalloc, true);
}

CHECK(valloc_overflow, .name = "valloc.overflow", .kind = CHECK_EXTENSION,
      .process = PROCESS_PRELOADED, .profiles = PROFILE_GLIBC,
      .clause  = "posix_memalign(3), RETURN VALUE, ERRORS; glibc bug 15856",
      .summary = "valloc of sizes at which rounding wraps around: NULL, ENOMEM") {
    overflows(c, "valloc", valloc);
}

CHECK(pvalloc_overflow, .name = "valloc.pvalloc_overflow", .kind = CHECK_EXTENSION,
      .process = PROCESS_PRELOADED, .profiles = PROFILE_GLIBC,
      .clause  = "posix_memalign(3), RETURN VALUE, ERRORS; glibc bug 15855",
      .summary = "pvalloc of sizes at which rounding wraps around: NULL, ENOMEM") {
    overflows(c, "pvalloc", pvalloc);
}
