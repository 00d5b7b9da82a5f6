/* One system call of an allocator fails, the n-th, for each n: in malloc or in free, wherever it
 * falls. limits.c has those that fail in a row. */
#include "check.h"
#include "failing_calls.h"

#include <errno.h>
#include <string.h>

enum { BLOCKS = 160, ROUNDS = 2, MOST = 48 };
static unsigned char *held[BLOCKS];

static size_t size_of(size_t nth) {
    const uint64_t random = contents_mix(nth);
    return 1 + (random >> 8) % ((size_t)2 << random % 20);
}

/* Allocates blocks of all sizes and frees them, twice. Returns how many did not come. */
static size_t round_trips(struct check_run *c, const char *failing) {
    size_t missing = 0;
    for (size_t i = 0; i < (size_t)ROUNDS * BLOCKS; i++) {
        const size_t at = i % BLOCKS;
        errno           = EDOM;
        held[at]        = c->a->malloc(size_of(i));
        missing += !held[at];
        check_progress(c);
        if (held[at])
            contents_fill(held[at], size_of(i), i);
        else if (!check_that(c, errno == ENOMEM, "NULL, and errno is ENOMEM",
                             "when a call of %s failed, malloc(%zu) gave NULL and errno %s",
                             failing, size_of(i), strerrorname_np(errno)))
            return missing;
        for (size_t k = 0; at == BLOCKS - 1 && k < BLOCKS; k++) {
            const size_t nth = i - at + k;
            if (!check_that(
                    c, !held[k] || contents_intact(held[k], size_of(nth), nth) == size_of(nth),
                    "a live block belongs to its owner alone",
                    "a block of %zu bytes changed when a call of %s failed", size_of(nth), failing))
                return missing;
            c->a->free(held[k]);
        }
    }
    return missing;
}

/* Provokes calls that get memory and give it back: blocks above what allocators keep for later, and
 * a purge of what they do keep. */
static void provoke(struct check_run *c) {
    enum { HUGE_BLOCKS = 3, HUGE_SIZE = 96 << 20 };
    unsigned char *huge[HUGE_BLOCKS];
    for (size_t i = 0; i < HUGE_BLOCKS; i++) {
        huge[i] = c->a->malloc(HUGE_SIZE);
        if (huge[i])
            huge[i][0] = huge[i][HUGE_SIZE - 1] = 1;
    }
    for (size_t i = 0; i < HUGE_BLOCKS; i++)
        c->a->free(huge[i]);
    if (c->a->purge)
        c->a->purge(0);
}

struct failure {
    unsigned set, nth;
    const char *calls;
};

static void fail_one(struct check_run *c, void *arg) {
    const struct failure *f = arg;
    if (!failing_calls_install(f->set))
        return check_unsupported(c, "seccomp user notification is not to be had here");
    failing_calls_choose(f->nth, 1);
    const size_t missing = round_trips(c, f->calls);
    if (c->verdict == CHECK_PASS)
        provoke(c);
    c->state = failing_calls_count(); /* for the parent: how many there are to fail */
    failing_calls_choose(0, 0);
    check_tell(c, "call %u of %u failed: %zu blocks did not come", f->nth, (unsigned)c->state,
               missing);
    const size_t later = c->verdict == CHECK_PASS ? round_trips(c, f->calls) : 0;
    MUST(c, later == 0, "with memory again, malloc succeeds",
         "after call %u of %s had failed, %zu of %d blocks did not come", f->nth, f->calls, later,
         ROUNDS * BLOCKS);
}

static void each(struct check_run *c, unsigned set, const char *calls) {
    struct failure f = {set, 0, calls};
    c->a->free(c->a->malloc(1)); /* not its first call: that is a matter of starting a process */
    for (c->state = MOST; f.nth < c->state && f.nth < MOST && c->verdict == CHECK_PASS; f.nth++)
        check_child(c, fail_one, &f, 60, "no death: NULL where there is no memory");
    if (c->state == 0 && c->verdict == CHECK_PASS)
        check_unsupported(c, "it made no call of %s that could fail", calls);
}

CHECK(get, .name = "nth_call.mmap", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .clause  = "C17 7.22.3.4p3, 7.22.3.3p2; POSIX.1-2024 malloc, ERRORS [ENOMEM]",
      .summary = "the n-th of all calls of mmap, mremap, brk fails, for n up to 48: no harm") {
    each(c, FAILING_GET, "mmap, mremap, brk");
}

CHECK(give, .name = "nth_call.munmap", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .clause  = "C17 7.22.3.4p3, 7.22.3.3p2; POSIX.1-2024 malloc, ERRORS [ENOMEM]",
      .summary = "the n-th of all calls of munmap, madvise, mprotect fails, n up to 48: no harm") {
    each(c, FAILING_GIVE, "munmap, madvise, mprotect");
}
