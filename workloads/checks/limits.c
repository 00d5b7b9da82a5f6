/* When the system has no more memory: NULL and ENOMEM, no death, nothing lost, and all is well
 * again afterwards.
 *
 * The limits are those at which the kernel refuses: RLIMIT_AS, RLIMIT_DATA, and a system call that
 * is made to fail. At a cgroup's memory.max it refuses nothing and kills instead (cgroups(7)), so
 * no allocator can promise anything of it. Whether freed memory is used again before more is taken,
 * memory.c judges by what is resident. */
#include "check.h"
#include "failing_calls.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* What may be had at the limit is more than what quarantines hold, 256 MiB in AddressSanitizer's:
 * by memory.c, how soon they give it back is theirs to choose. */
enum { QUARANTINE = 256 << 20, SPARE = 384 << 20, HELD = 1 << 18, ENOUGH = 640 << 20 };
static unsigned char *held[HELD];

/* Takes blocks until there is no more. Returns how many. 0 without a failure means that the limit
 * does not bind, or leaves nothing. That is right of an allocator that gets more than SPARE from
 * the system at once. */
static size_t exhaust(struct check_run *c, size_t size) {
    size_t count = 0;
    while (count < HELD && count * size < ENOUGH) {
        errno       = EDOM;
        held[count] = c->a->malloc(size);
        if (!held[count]) {
            check_that(c, errno == ENOMEM, "NULL, and errno is ENOMEM",
                       "at the limit, malloc(%zu) gave NULL and errno %s", size,
                       strerrorname_np(errno));
            if (count == 0)
                check_unsupported(c, "with %d MiB to spare, malloc(%zu) gave NULL at once",
                                  SPARE >> 20, size);
            return count;
        }
        contents_fill(held[count], size, count);
        check_progress(c);
        count++;
    }
    check_unsupported(c,
                      "%zu MiB of blocks of %zu bytes came in spite of a limit of %d MiB: the "
                      "address space was reserved before",
                      count * size >> 20, size, SPARE >> 20);
    return 0;
}

/* A limit of what the process has and some more, for the child alone. */
static bool limit(struct check_run *c, int resource) {
    struct rlimit l;
    getrlimit(resource, &l);
    l.rlim_cur = (resource == RLIMIT_AS ? check_vsz() : check_data()) + SPARE;
    if (setrlimit(resource, &l) == 0)
        return true;
    check_unsupported(c, "the limit cannot be set");
    return false;
}

struct limited {
    int resource;
    size_t size;
    bool recovers; /* is what was freed to be had again at once? */
};

_Static_assert(SPARE / 4 < SPARE - QUARANTINE, "recovery does not need what is in quarantine");
_Static_assert((size_t)HELD * 3000 > ENOUGH, "the smallest blocks reach the limit, too");

static void at_limit(struct check_run *c, void *arg) {
    const struct limited *l = arg;
    void *early             = c->a->malloc(1000); /* the allocator is at work */
    c->a->free(early);
    const size_t count = limit(c, l->resource) ? exhaust(c, l->size) : 0;
    if (c->verdict != CHECK_PASS)
        return;
    check_tell(c, "%zu blocks of %zu bytes until the limit", count, l->size);
    for (size_t i = 0; i < count; i++)
        MUST(c, contents_intact(held[i], l->size, i) == l->size,
             "a live block belongs to its owner alone", "a block of %zu bytes changed at the limit",
             l->size);
    for (size_t i = 0; i < count; i++)
        c->a->free(held[i]);
    /* A quarter, which is less than SPARE without a quarantine. What is cached for other sizes or
     * threads is not lost, nor what cannot be split without memory for the allocator's books. The
     * system's layout of the address space decides whether jemalloc 5.3.0 gives half of it back or
     * all. How much comes how soon is quality; that what comes is its owner's alone is not. */
    const size_t wanted = count / 4;
    size_t again        = 0;
    for (; again < wanted && (held[again] = c->a->malloc(l->size)); again++)
        contents_fill(held[again], l->size, again);
    for (size_t i = 0; i < again; i++)
        MUST(c, contents_intact(held[i], l->size, i) == l->size,
             "a live block belongs to its owner alone",
             "a block of %zu bytes changed after the limit", l->size);
    MUST(c, again == wanted || !l->recovers, "what was freed is made available soon",
         "after %zu blocks of %zu bytes were freed at the limit, only %zu could be had", count,
         l->size, again);
}

static void under(struct check_run *c, int resource, size_t size, bool recovers) {
    struct limited l = {resource, size, recovers};
    check_child(c, at_limit, &l, 60, "NULL at the limit");
}

CHECK(address_space_large, .name = "limits.address_space_large", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX,
      .clause   = "C17 7.22.3p1, 7.22.3.4p3; POSIX.1-2024 malloc [ENOMEM]",
      .summary  = "blocks of 1 MiB under RLIMIT_AS: NULL, ENOMEM, nothing lost") {
    under(c, RLIMIT_AS, 1 << 20, false);
}

CHECK(address_space_medium, .name = "limits.address_space_medium", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX,
      .clause   = "C17 7.22.3p1, 7.22.3.4p3; POSIX.1-2024 malloc [ENOMEM]",
      .summary  = "blocks of 20 KB under RLIMIT_AS: NULL, ENOMEM, nothing lost") {
    under(c, RLIMIT_AS, 20000, false);
}

CHECK(address_space_small, .name = "limits.address_space_small", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX,
      .clause   = "C17 7.22.3p1, 7.22.3.4p3; POSIX.1-2024 malloc [ENOMEM]",
      .summary  = "blocks of 3 KB under RLIMIT_AS: NULL, ENOMEM, nothing lost") {
    under(c, RLIMIT_AS, 3000, false);
}

CHECK(data_limit, .name = "limits.data", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .clause  = "C17 7.22.3p1, 7.22.3.4p3; POSIX.1-2024 malloc [ENOMEM]; getrlimit(2)",
      .summary = "blocks of 1 MiB under RLIMIT_DATA: NULL, ENOMEM, nothing lost") {
    under(c, RLIMIT_DATA, 1 << 20, false);
}

/* Small blocks, too, for this limit also binds who reserved the address space before. */
CHECK(data_medium, .name = "limits.data_medium", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .clause  = "C17 7.22.3p1, 7.22.3.4p3; POSIX.1-2024 malloc [ENOMEM]; getrlimit(2)",
      .summary = "blocks of 20 KB under RLIMIT_DATA: NULL, ENOMEM, nothing lost") {
    under(c, RLIMIT_DATA, 20000, false);
}

CHECK(data_small, .name = "limits.data_small", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .clause  = "C17 7.22.3p1, 7.22.3.4p3; POSIX.1-2024 malloc [ENOMEM]; getrlimit(2)",
      .summary = "blocks of 3 KB under RLIMIT_DATA: NULL, ENOMEM, nothing lost") {
    under(c, RLIMIT_DATA, 3000, false);
}

/* C17 7.22.3.3p2 has what is freed made available, but not how soon. */
CHECK(recovery_large, .name = "limits.recovery_large", .kind = CHECK_QUALITY,
      .profiles = PROFILE_GLIBC,
      .clause   = "C17 7.22.3.3p2, which leaves open how soon; getrlimit(2)",
      .summary  = "blocks of 1 MiB under RLIMIT_DATA: a quarter can be had again after free") {
    under(c, RLIMIT_DATA, 1 << 20, true);
}

CHECK(recovery_medium, .name = "limits.recovery_medium", .kind = CHECK_QUALITY,
      .profiles = PROFILE_GLIBC,
      .clause   = "C17 7.22.3.3p2, which leaves open how soon; getrlimit(2)",
      .summary  = "blocks of 20 KB under RLIMIT_DATA: a quarter can be had again after free") {
    under(c, RLIMIT_DATA, 20000, true);
}

CHECK(recovery_small, .name = "limits.recovery_small", .kind = CHECK_QUALITY,
      .profiles = PROFILE_GLIBC,
      .clause   = "C17 7.22.3.3p2, which leaves open how soon; getrlimit(2)",
      .summary  = "blocks of 3 KB under RLIMIT_DATA: a quarter can be had again after free") {
    under(c, RLIMIT_DATA, 3000, true);
}

/* Growing at the limit fails and keeps the block. */
static void grow_at_limit(struct check_run *c, void *arg) {
    (void)arg;
    size_t size          = 1 << 16;
    unsigned char *block = c->a->malloc(size);
    MUST(c, block != NULL, "a block", "malloc(%zu) gave NULL", size);
    if (!limit(c, RLIMIT_AS))
        return;
    contents_fill(block, size, 1);
    while (size < ENOUGH) {
        errno       = EDOM;
        void *grown = c->a->realloc(block, size * 2);
        const int e = errno;
        if (!grown) {
            MUST(c, e == ENOMEM, "NULL, and errno is ENOMEM",
                 "at the limit, realloc to %zu gave NULL and errno %s", size * 2,
                 strerrorname_np(e));
            MUST(c, contents_intact(block, size, 1) == size, "the old object is unchanged",
                 "realloc from %zu to %zu failed and changed byte %zu", size, size * 2,
                 contents_intact(block, size, 1));
            c->a->free(block);
            return;
        }
        block = grown;
        size *= 2;
        contents_fill(block, size, 1);
        check_progress(c);
    }
    check_unsupported(c, "realloc to %zu MiB came in spite of a limit of %d MiB", size >> 20,
                      SPARE >> 20);
}

CHECK(grows, .name = "limits.realloc", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .needs = NEEDS_REALLOC, .clause = "C17 7.22.3.5p3-4; POSIX.1-2024 realloc [ENOMEM]",
      .summary = "realloc under RLIMIT_AS: NULL, ENOMEM, and the block is as it was") {
    check_child(c, grow_at_limit, NULL, 60, "NULL at the limit");
}

/* --- the n-th system call fails --- */

enum { TAKEN = 300, MORE = 100, WINDOW = 6 };
/* Above what allocators keep for later: 32 MiB in the C library's, 64 MiB by default in others. */
enum { HUGE_BLOCKS = 4, HUGE_SIZE = 96 << 20 };

static size_t taken_size(size_t nth) {
    const uint64_t random = contents_mix(nth);
    return 1 + (random >> 8) % ((size_t)2 << random % 22);
}

/* Blocks of all sizes, of which each that comes is filled; while system calls fail, some do not
 * come. */
static void take(struct check_run *c, size_t *failed) {
    for (size_t i = 0; i < TAKEN; i++) {
        errno   = EDOM;
        held[i] = c->a->malloc(taken_size(i));
        if (held[i])
            contents_fill(held[i], taken_size(i), i);
        else
            MUST(c, errno == ENOMEM, "NULL, and errno is ENOMEM",
                 "when mmap failed, malloc(%zu) gave NULL and errno %s", taken_size(i),
                 strerrorname_np(errno));
        *failed += !held[i];
        check_progress(c);
    }
    for (size_t i = 0; i < TAKEN; i++) {
        MUST(c, !held[i] || contents_intact(held[i], taken_size(i), i) == taken_size(i),
             "a live block belongs to its owner alone",
             "a block of %zu bytes changed when mmap failed", taken_size(i));
        c->a->free(held[i]);
    }
}

static void fail_mmap(struct check_run *c, void *arg) {
    const unsigned first = *(unsigned *)arg;
    size_t failed = 0, later = 0;
    if (!failing_calls_install(FAILING_GET))
        return check_unsupported(c, "seccomp user notification is not to be had here");
    failing_calls_choose(first, WINDOW);
    take(c, &failed);
    const unsigned calls = failing_calls_count();
    failing_calls_choose(0, 0);
    if (c->verdict == CHECK_PASS)
        take(c, &later);
    check_tell(c, "calls %u to %u of %u failed: %zu blocks did not come, then %zu", first,
               first + WINDOW, calls, failed, later);
    MUST(c, later == 0, "with memory again, malloc succeeds",
         "after calls %u to %u for memory had failed, %zu of %d blocks still did not come", first,
         first + WINDOW - 1, later, TAKEN);
}

CHECK(no_mmap, .name = "limits.mmap_fails", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .clause = "C17 7.22.3.4p3; POSIX.1-2024 malloc, ERRORS [ENOMEM]",
      .summary =
          "when calls n to n + 5 of mmap, mremap, brk fail: NULL, ENOMEM, nothing lost, recovery") {
    c->a->free(c->a->malloc(1)); /* not its first call: that is a matter of starting a process */
    for (unsigned first = 0; first < 40 && c->verdict == CHECK_PASS; first += 1 + first / 4)
        check_child(c, fail_mmap, &first, 60, "NULL where there is no memory");
}

/* Frees blocks of all sizes while nothing can be given back. */
static void fail_munmap(struct check_run *c, void *arg) {
    const bool look_at_errno = *(bool *)arg;
    if (!failing_calls_install(FAILING_GIVE))
        return check_unsupported(c, "seccomp user notification is not to be had here");
    failing_calls_choose(0, 0);
    for (size_t i = 0; i < TAKEN; i++) {
        held[i] = c->a->malloc(taken_size(i));
        MUST(c, held[i] != NULL, "a block", "malloc(%zu) gave NULL", taken_size(i));
        contents_fill(held[i], taken_size(i), i);
    }
    for (size_t i = TAKEN; i < TAKEN * MORE; i++)
        held[i] = c->a->malloc(2000);
    unsigned char *huge[HUGE_BLOCKS];
    for (size_t i = 0; i < HUGE_BLOCKS; i++) {
        huge[i] = c->a->malloc(HUGE_SIZE);
        if (huge[i])
            huge[i][0] = huge[i][HUGE_SIZE - 1] = 1;
    }
    failing_calls_choose(0, 1u << 30);
    for (size_t i = 0; i < TAKEN; i++) {
        check_progress(c);
        MUST(c, contents_intact(held[i], taken_size(i), i) == taken_size(i),
             "a live block belongs to its owner alone",
             "a block of %zu bytes changed when munmap failed", taken_size(i));
        if (i % 20 == 0) /* what was freed long enough ago is given back by the next call */
            usleep(i == 100 ? 600000 : 40000);
        errno = EDOM;
        if (i < HUGE_BLOCKS)
            c->a->free(huge[i]);
        for (size_t more = 0; more < MORE; more++) /* many, for some count their calls */
            c->a->free(held[i + more * TAKEN]);
        if (look_at_errno)
            MUST(c, errno == EDOM, "errno is not modified",
                 "free of a block of %zu bytes, or others, set errno to %s when munmap, madvise or "
                 "mprotect "
                 "failed",
                 taken_size(i), strerrorname_np(errno));
    }
    if (c->a->purge && !look_at_errno) /* it may give back what free kept */
        c->a->purge(0);
    const unsigned calls = failing_calls_count();
    check_tell(c, "%u calls of munmap, madvise, mprotect failed", calls);
    failing_calls_choose(0, 0);
    size_t failed = 0;
    take(c, &failed);
    MUST(c, failed == 0, "a heap that works", "afterwards, %zu of %d blocks did not come", failed,
         TAKEN);
    if (!calls)
        check_unsupported(c, "it made no call of munmap, madvise or mprotect that could fail");
}

CHECK(no_munmap, .name = "limits.munmap_fails", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3.3p2",
      .summary = "when munmap, madvise and mprotect fail in free: no death, nothing lost") {
    bool look_at_errno = false;
    check_child(c, fail_munmap, &look_at_errno, 60, "a free that frees or keeps");
}

CHECK(free_errno, .name = "errno.free_munmap_fails", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX,
      .clause   = "POSIX.1-2024 free, DESCRIPTION; Austin Group defect 385; glibc bug 17924",
      .summary  = "free leaves errno alone also when munmap, madvise or mprotect fail") {
    bool look_at_errno = true;
    check_child(c, fail_munmap, &look_at_errno, 60, "errno is not modified");
}
