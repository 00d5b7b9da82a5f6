/* The contract between a conformance check and the cell that runs it (harness/cell/conformance.c).
 *
 * A check is a function behind CHECK(...) in a file of workloads/checks/. The build links every
 * file there, and the linker collects the checks in a section, so no list exists. One file holds
 * the checks of one noun; a check is called noun.promise.
 *
 * Each runs in a process of its own, single-threaded at its begin, and states one promise with the
 * clause that makes it. A check that only looks at what the clause says is worth more than one that
 * looks at more: an oracle that is wrong once is believed never again. Where the standard leaves a
 * choice, the check records it.
 *
 * A check lands with planted bugs in allocators/faulty/check/ that it must reject, one for each of
 * its assertions; the linker collects those, too.
 *
 * Clauses are cited as "C17 7.22.3.5p3": ISO/IEC 9899:2018, paragraph 3. Where C23, ISO/IEC
 * 9899:2024, promises the same, only C17 is cited; it is found there by
 *
 *                             C17         C23                               C17         C23
 *     in general              7.22.3      7.24.3      malloc                7.22.3.4    7.24.3.6
 *     aligned_alloc           7.22.3.1    7.24.3.1    realloc               7.22.3.5    7.24.3.7
 *     calloc                  7.22.3.2    7.24.3.2    atexit                7.22.4.2    7.24.4.2
 *     free                    7.22.3.3    7.24.3.3    exit                  7.22.4.4    7.24.4.4
 *     free_sized              -           7.24.3.4    alignment of objects  6.2.8       6.2.8
 *     free_aligned_sized      -           7.24.3.5    errno                 7.5         7.5
 *
 * They differ in what a check must know. C23 7.24.3p1 asks for alignment for types that fit into
 * the block only. C23 7.24.3.7p3 leaves realloc(p, 0) undefined. Defect report 460 (in C17) took
 * from aligned_alloc the rule that the size be a multiple of the alignment. POSIX.1-2024 is IEEE
 * Std 1003.1-2024, cited by its page and section ("free, DESCRIPTION"), or XSH with a section; it
 * asks for errno where C does not. "malloc(3)" is a page of man-pages 6.03. */
#ifndef SPANBENCH_CHECK_H
#define SPANBENCH_CHECK_H

#include "allocator.h"
#include "contents.h"
#include "section.h"
#include "slots.h"

#include <stdbool.h>
#include <stdint.h>

enum check_class {
    CHECK_REQUIRED,  /* by the clause: a failure is a failure */
    CHECK_CHOICE,    /* implementation-defined: recorded; a failure is to do none of what may be */
    CHECK_EXTENSION, /* promised by a manual, not by a standard: counts in the profiles it names */
    CHECK_QUALITY,   /* promised by nobody, good to have: never counts */
    CHECK_CLASSES
};

/* Profiles: what somebody may ask of an allocator. A check names all in which it counts. */
enum {
    PROFILE_C17       = 1u << 0, /* ISO/IEC 9899:2018 */
    PROFILE_C23       = 1u << 1, /* ISO/IEC 9899:2024 */
    PROFILE_POSIX2024 = 1u << 2, /* IEEE Std 1003.1-2024 */
    PROFILE_GLIBC     = 1u << 3, /* the manual pages and the manual of the GNU C library */
    PROFILE_CXX17     = 1u << 4, /* ISO/IEC 14882:2017 */
    PROFILES_C        = PROFILE_C17 | PROFILE_C23 | PROFILE_POSIX2024 | PROFILE_GLIBC,
    PROFILES_POSIX    = PROFILE_POSIX2024 | PROFILE_GLIBC,
};

/* The process that a check is to run in, if a cell as it is linked will not do. */
enum {
    PROCESS_PRELOADED = 1u << 0, /* the allocator's users preload a library: with it */
    PROCESS_CXX       = 1u << 1, /* a program in C++: with the C++ library, behind the allocator */
};

enum check_verdict { CHECK_PASS, CHECK_FAIL, CHECK_UNSUPPORTED, CHECK_RECORDED };

/* An assertion: a place where a check may find a failure. */
struct check_assertion {
    const char *file, *function;
    unsigned line;
    const char *seen; /* the format of what it sees */
};

/* One run of one check. In memory that is shared with the processes that the check forks, so that
 * what a child finds is found. */
struct check_run {
    const struct allocator *a;
    uint64_t seed;  /* of all that is random in it */
    uint64_t state; /* of check_random */
    bool verbose;   /* tell each step on standard error */
    bool whole;     /* all of what it generates, not a sample: check_takes */

    bool hangs;            /* it is known to: a hang is told from waiting in a shorter time */
    double patience;       /* what the time that a child is given is multiplied by; 0 is 1 */
    long deadline_ms;      /* of CLOCK_MONOTONIC, from when a child is too slow; 0: never */
    uint64_t progress;     /* check_progress counts here */
    unsigned give_seconds; /* for the reason of a check that was too slow: what to try */

    /* Each verdict has words of its own. A failure is stronger than any other verdict, and need not
     * wait for who says that the check is not supported. */
    unsigned char failing, excusing; /* somebody writes these words; check.c alone looks at them */
    enum check_verdict verdict;      /* stored after what follows; other threads ask check_failed */
    const struct check_assertion *assertion; /* of CHECK_FAIL: which one it was, */
    const char *expected;                    /* what the clause says */
    char seen[400];                          /* and what was */
    char reason[400];                        /* of CHECK_UNSUPPORTED */
    char choice[24];                         /* of CHECK_RECORDED: one short word */
    char doing[100];   /* of a child, ", in " and what it does; "": it does not say */
    char stacks[4096]; /* where the threads of a forked child stood that did not end, or "" */
};

struct check {
    const char *name;
    enum check_class kind;
    unsigned profiles;   /* PROFILE_*, or'ed */
    unsigned needs;      /* NEEDS_*, or'ed */
    unsigned process;    /* PROCESS_*, or'ed */
    const char *clause;  /* what makes the promise: a clause, a manual page, an issue */
    const char *summary; /* the promise, one line */
    void (*run)(struct check_run *);
};

/* CHECK(function, .name = "noun.promise", .kind = …, …) { body } */
#define CHECK(function, ...)                                                                       \
    SECTION_PLUGIN(check, "spanbench_checks", function, struct check_run *c, __VA_ARGS__)
SECTION_PLUGINS(check, "spanbench_checks");

/* All assertions, likewise. */
extern const struct check_assertion *const
    check_assertion_first[] __asm__("__start_spanbench_assertions");
extern const struct check_assertion *const
    check_assertion_end[] __asm__("__stop_spanbench_assertions");

/* check_that(run, good, expected, format, …): notes a failure unless `good`; the first one stays.
 * Returns `good`, and looks at the rest only if that is false. `expected` outlives the check: what
 * the clause says; the format is a literal: what was seen, with the call that showed it. It tells
 * an assertion from the others of its function, for planted bugs name them by both. */
#define check_that(c, good, expected, ...)                                                         \
    ({                                                                                             \
        static const struct check_assertion check_this = {__FILE__, __func__, __LINE__,            \
                                                          CHECK_FORMAT(__VA_ARGS__, )};            \
        __attribute__((section("spanbench_assertions"),                                            \
                       used)) static const struct check_assertion *const check_this_entry =        \
            &check_this;                                                                           \
        (good) || check_note((c), &check_this, (expected), __VA_ARGS__);                           \
    })
#define CHECK_FORMAT(format, ...) format
__attribute__((format(printf, 4, 5))) bool check_note(struct check_run *,
                                                      const struct check_assertion *,
                                                      const char *expected, const char *seen, ...);

/* Whether a failure was noted, by any thread. Acquire pairs with the release of check_note: what it
 * says of the failure is there. */
static inline bool check_failed(const struct check_run *c) {
    return __atomic_load_n(&c->verdict, __ATOMIC_ACQUIRE) == CHECK_FAIL;
}

/* The same as check_that, and leaves the check: what comes after a failure would run on a broken
 * heap. */
#define MUST(c, good, expected, ...)                                                               \
    do {                                                                                           \
        if (!check_that((c), (good), (expected), __VA_ARGS__))                                     \
            return;                                                                                \
    } while (0)

/* Ends the check with a choice, or as not supported, for the reason given; return after it. The
 * first one stays, but a failure that any thread notes, before or after, takes its place. */
void check_choice(struct check_run *, const char *choice);
__attribute__((format(printf, 2, 3))) void check_unsupported(struct check_run *, const char *reason,
                                                             ...);

/* A step told on standard error with --verbose. */
__attribute__((format(printf, 2, 3))) void check_tell(const struct check_run *, const char *step,
                                                      ...);

/* Pseudo-random numbers from the seed. Not for two threads at once; contents_mix has no state. */
uint64_t check_random(struct check_run *);

/* Is this one of many generated inputs to be tried? All are where the run is a whole one
 * (--whole); else one of `of`, by the seed. */
bool check_takes(struct check_run *, unsigned of);

/* The largest power of two that divides the address. */
size_t check_alignment(const void *block);

/* What C23 7.24.3p1 asks of a block of `size` bytes: the largest fundamental alignment of an object
 * that fits into it. An object's size is a multiple of its alignment. */
size_t check_fundamental(size_t size);

/* Runs `body` in a forked child. A failure that it notes is noted here; a death or a hang is one,
 * against `expected`. It hangs if it and its own children sleep and nothing wakes them for a while.
 * It hangs if it takes so many seconds of processor time (times `patience`) without progress. And
 * it hangs if it does nothing but nap since its last progress, for CHECK_NAPS_SECONDS, or little
 * else until the deadline. A child that is at the deadline and gets on, or waits for a processor,
 * is not a failure of the allocator's. The check is not supported then, for it is too slow here.
 * Returns whether all went well. Without a body, it returns in the child, too, who then ends
 * itself. What is known to hang is given less time: only a failure that is known can be said of it
 * too soon. */
enum { CHECK_SLEEPS_SECONDS = 5, CHECK_NAPS_SECONDS = 10 };
enum { CHECK_KNOWN_SLEEPS_SECONDS = 1, CHECK_KNOWN_NAPS_SECONDS = 4 };
bool check_child(struct check_run *, void (*body)(struct check_run *, void *arg), void *arg,
                 unsigned seconds, const char *expected);

/* So many children find what goes wrong in one of 200 with a probability of 95 %: (1 - 1/200)^600 =
 * 0.05. A whole run has so many more that one of 500 is found as well. */
enum { CHECK_CHILDREN = 600, CHECK_CHILDREN_WHOLE = 1500 };
static inline unsigned check_children(const struct check_run *c) {
    return c->whole ? CHECK_CHILDREN_WHOLE : CHECK_CHILDREN;
}

/* What the child does now, for the failure that says by what signal it was killed. */
__attribute__((format(printf, 2, 3))) void check_doing(struct check_run *, const char *what, ...);

/* A child that works for long says between its calls that it gets on. Relaxed: only that it moves
 * counts, for the parent, which looks now and then. */
static inline void check_progress(struct check_run *c) {
    __atomic_fetch_add(&c->progress, 1, __ATOMIC_RELAXED);
}

/* The driver's timeout of a check where none is given; a part of any is for its children. */
enum { CHECK_TIMEOUT_SECONDS = 180, CHECK_DEADLINE_SECONDS = 120 };

/* Sets the deadline, the patience and the advice for a driver that ends the check after so many
 * seconds. Less than CHECK_TIMEOUT_SECONDS hurries no child: the driver is there first. */
void check_begin_clock(struct check_run *, uint64_t timeout_seconds);

/* Calls the function of the vtable that has this name, with sizes of every way that memory is held,
 * and with some that nobody can grant. A driver that saw a check hang asks so which function does
 * not return (harness/check/hang.h). False: the allocator has none, or it is not one for this. */
bool check_returns(const char *function, const struct allocator *);

/* Bytes of address space, those that RLIMIT_DATA counts, and resident bytes of this process,
 * without allocating. */
size_t check_vsz(void);
size_t check_data(void);
size_t check_rss(void);

#endif
