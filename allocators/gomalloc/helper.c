#include "helper.h"

#include "mcache.h"
#include "mheap.h"
#include "options.h"
#include "os.h"
#include "scavenge.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* Little is needed, but if all other threads have ended, exit runs its handlers here. */
enum { STACK_BYTES = 256 << 10 };

#define RETRY_NS 10000000000u /* if the system gives no thread */

/* AGAIN: somebody has freed much since the thread looked last, so that it must not end. */
enum { RUNS = 1, AGAIN = 2 };
static atomic_uint state;

/* relaxed, these: heuristics. What was left when the last one ended: nearly full chunks, and what
 * the system refuses. */
static _Atomic size_t left_over;
static _Atomic uint64_t not_before;

/* Children that share its memory have other numbers. */
static _Atomic pid_t process;

struct helper_code helper_never_from[2];
helper_creates *helper_create = pthread_create;

static bool is_for_ever(void) {
    return options[OPTION_SCAVENGE] == SCAVENGE_THREAD;
}

/* True: the thread ends, unless there is new work. */
static bool is_done(enum scavenge_outcome outcome) {
    /* relaxed: a heuristic */
    const bool alone = atomic_load_explicit(&mheap.threads, memory_order_relaxed) == 0;
    return alone || (outcome == SCAVENGE_DONE && !is_for_ever());
}

static void note_left_over(enum scavenge_outcome outcome) {
    const size_t dirty = mheap_dirty_pages(), spare = scavenge_spare();
    const size_t left = outcome == SCAVENGE_DONE && dirty > spare ? dirty - spare : 0;
    atomic_store_explicit(&left_over, left, memory_order_relaxed);
}

/* Until a look finds that all is done. */
static enum scavenge_outcome work(void) {
    enum { SECOND_NS = 1000000000 };
    uint64_t rest_ns = 0;
    for (;;) {
        const struct timespec rest = {.tv_sec  = (time_t)(rest_ns / SECOND_NS),
                                      .tv_nsec = (long)(rest_ns % SECOND_NS)};
        nanosleep(&rest, NULL);
        /* acquire: pairs with the release in wish() */
        atomic_exchange_explicit(&state, RUNS, memory_order_acquire);
        const enum scavenge_outcome outcome = scavenge_help(&rest_ns);
        if (is_done(outcome))
            return outcome;
    }
}

static void *run(void *unused) {
    unsigned seen;
    prctl(PR_SET_NAME, "gomalloc");
    /* That of a real-time thread would be, too. */
    pthread_setschedparam(pthread_self(), SCHED_OTHER, &(struct sched_param){0});
    do {
        note_left_over(work());
        seen = RUNS;
        /* relaxed: nothing is handed over; if it fails, work() synchronises */
    } while (!atomic_compare_exchange_strong_explicit(&state, &seen, 0, memory_order_relaxed,
                                                      memory_order_relaxed));
    return unused;
}

/* False: the system gives no thread, or none with so small a stack. */
static bool create(size_t stack_bytes) {
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, old;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (stack_bytes)
        pthread_attr_setstacksize(&attributes, stack_bytes);
    sigfillset(&all); /* signals are for the program's threads */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    const bool created = helper_create(&thread, &attributes, run, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    return created;
}

/* The state is RUNS, by this thread. */
static void begin(void) {
    const int saved = errno;
    scavenge_note_peak();
    /* Much thread-local data may leave no room in the small one. */
    if (!create(STACK_BYTES) && !create(0)) {
        atomic_store_explicit(&not_before, os_now_ns() + RETRY_NS, memory_order_relaxed);
        atomic_store_explicit(&state, 0, memory_order_relaxed);
    }
    errno = saved;
}

/* May this call begin a thread? */
static bool is_safe(const void *caller) {
    const uintptr_t at = (uintptr_t)caller;
    for (unsigned i = 0; i < sizeof helper_never_from / sizeof *helper_never_from; i++)
        if (at >= helper_never_from[i].from && at < helper_never_from[i].to)
            return false;
    return caller != NULL;
}

/* So much more than may stay is worth a thread. */
static size_t much(void) {
    const size_t used = atomic_load_explicit(&mheap.inuse_pages, memory_order_relaxed);
    return used < HELPER_LEAST ? HELPER_LEAST : used > HELPER_MOST ? HELPER_MOST : used;
}

/* Perhaps much is free and resident. */
static __attribute__((noinline)) void wish(const void *caller) {
    unsigned seen = atomic_load_explicit(&state, memory_order_relaxed);
    while (seen & RUNS) {
        /* release: pairs with the acquire in run() */
        if (seen & AGAIN ||
            atomic_compare_exchange_weak_explicit(&state, &seen, RUNS | AGAIN, memory_order_release,
                                                  memory_order_relaxed))
            return;
    }
    /* relaxed, all: heuristics, and the thread takes nothing over */
    if (mheap_dirty_pages() <
            much() + scavenge_spare() + atomic_load_explicit(&left_over, memory_order_relaxed) ||
        os_about_now_ns() < atomic_load_explicit(&not_before, memory_order_relaxed) ||
        !is_safe(caller) || getpid() != atomic_load_explicit(&process, memory_order_relaxed))
        return;
    if (atomic_compare_exchange_strong_explicit(&state, &seen, RUNS, memory_order_relaxed,
                                                memory_order_relaxed))
        begin();
}

void helper_tick(const void *caller) {
    if (options[OPTION_SCAVENGE] >= SCAVENGE_HELPER && mheap_dirty_pages() >= HELPER_LEAST)
        wish(caller);
    /* relaxed: a heuristic */
    if (!(atomic_load_explicit(&state, memory_order_relaxed) & RUNS))
        scavenge_tick();
}

void helper_after_fork(void) {
    /* relaxed: there is no other thread */
    atomic_store_explicit(&state, 0, memory_order_relaxed);
    atomic_store_explicit(&not_before, 0, memory_order_relaxed);
    atomic_store_explicit(&process, getpid(), memory_order_relaxed);
}

/* After read_options. */
__attribute__((constructor(103))) static void begin_with_process(void) {
    atomic_store_explicit(&process, getpid(), memory_order_relaxed);
    if (!is_for_ever())
        return;
    mcache_leave(mcache_enter()); /* so that the thread is not alone */
    atomic_store_explicit(&state, RUNS, memory_order_relaxed);
    begin();
}
