#include "scavenge.h"

#include "mheap.h"
#include "options.h"
#include "os.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

enum {
    QUANTUM_PAGES  = 8,         /* 64 KiB a time, as in Go */
    SLACK_PAGES    = 512,       /* 4 MiB are not worth the trouble */
    BURST_NS       = 100000,    /* at most so long at a time, and then */
    CPU_SHARE      = 100,       /* so many times as long nothing: 1 % */
    LOOK_NS        = 10000000,  /* between two looks */
    HALF_LIFE_NS   = 500000000, /* of the excess of the remembered peak over what is in use now */
    THREAD_REST_NS = 50000000,  /* of the background thread while there is nothing to do */
};

/* Nobody looks before; who moves it looks. */
static _Atomic uint64_t next_look;

/* Written by the one who looks. relaxed throughout: a heuristic. */
static _Atomic size_t peak_pages;
static _Atomic uint64_t last_look;

static size_t in_use(void) {
    return atomic_load_explicit(&mheap.inuse_pages, memory_order_relaxed) +
           atomic_load_explicit(&mheap.manual_pages, memory_order_relaxed);
}

/* In Go the size of the next collection's heap says how much will be needed. Here it is the most
 * that was in use lately: the excess over today's use halves every half second. */
static size_t recent_peak(uint64_t now) {
    const size_t used  = in_use();
    const uint64_t old = atomic_load_explicit(&last_look, memory_order_relaxed);
    size_t peak        = atomic_load_explicit(&peak_pages, memory_order_relaxed);
    uint64_t passed    = now - old;
    while (peak > used && passed >= HALF_LIFE_NS) {
        peak -= (peak - used + 1) / 2;
        passed -= HALF_LIFE_NS;
    }
    if (peak > used) /* linear within a half-life */
        peak -= (size_t)((double)(peak - used) / 2 * (double)passed / HALF_LIFE_NS);
    else
        peak = used;
    atomic_store_explicit(&last_look, now, memory_order_relaxed);
    atomic_store_explicit(&peak_pages, peak, memory_order_relaxed);
    return peak;
}

static bool look(uint64_t now) {
    const size_t peak  = recent_peak(now);
    const size_t goal  = peak + peak / 100 * options[OPTION_RETAIN] + SLACK_PAGES;
    const size_t dirty = mheap_dirty_pages(), resident = in_use() + dirty;
    size_t excess = resident > goal ? resident - goal : 0;
    uint64_t end  = now;
    excess        = excess < dirty ? excess : dirty;
    while (excess >= QUANTUM_PAGES && end - now < BURST_NS) {
        const size_t done = mheap_scavenge(QUANTUM_PAGES, false);
        excess            = done && done < excess ? excess - done : 0;
        end               = os_now_ns();
    }
    const uint64_t rest = (end - now) * CPU_SHARE;
    atomic_store_explicit(&next_look, end + (rest > LOOK_NS ? rest : LOOK_NS),
                          memory_order_relaxed);
    return excess >= QUANTUM_PAGES;
}

bool scavenge_tick(void) {
    if (!options[OPTION_SCAVENGE])
        return false;
    uint64_t next = atomic_load_explicit(&next_look, memory_order_relaxed);
    return os_about_now_ns() >= next &&
           atomic_compare_exchange_strong_explicit(&next_look, &next, UINT64_MAX,
                                                   memory_order_relaxed, memory_order_relaxed) &&
           look(os_now_ns());
}

void scavenge_after_fork(void) {
    atomic_store_explicit(&next_look, 0, memory_order_relaxed);
}

int scavenge_all(size_t keep) {
    const size_t dirty = mheap_dirty_pages(), kept = keep / PAGE_BYTES;
    const size_t done = dirty > kept ? mheap_scavenge(dirty - kept, true) : 0;
    const size_t meta = mheap_trim_metadata();
    return done + meta > 0;
}

/* A process that is idle comes by no slow path: this thread does its looking. */
static void *run(void *unused) {
    struct timespec rest = {.tv_nsec = THREAD_REST_NS};
    for (;;) {
        nanosleep(&rest, NULL);
        rest.tv_nsec = scavenge_tick() ? LOOK_NS * 3 / 2 : THREAD_REST_NS; /* the clock is coarse */
    }
    return unused;
}

/* After read_options. Signals are for the program's threads. */
__attribute__((constructor(103))) static void start_thread(void) {
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, old;
    if (options[OPTION_SCAVENGE] != SCAVENGE_THREAD || pthread_attr_init(&attributes) != 0)
        return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_create(&thread, &attributes, run, NULL); /* without it: as with "1" */
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
}
