#include "scavenge.h"

#include "limit.h"
#include "mheap.h"
#include "options.h"
#include "os.h"

enum {
    SLACK_PAGES   = 512,       /* 4 MiB are not worth the trouble, */
    HELPER_SLACK  = 128,       /* but who is there anyway goes further */
    LOOK_NS       = 10000000,  /* between two looks */
    LATER_NS      = 50000000,  /* the same of the helper, while there is nothing to do */
    LIMIT_PERCENT = 95,        /* of the memory limit: close to it, as in Go */
    HALF_LIFE_NS  = 500000000, /* of the excess of the remembered peak over what is in use now */
};

/* How fast it goes. Go has a controller of its share of the time. Here each rest is as long as the
 * work before it demands, which the clock has measured. */
static const struct pace {
    size_t quantum;                            /* pages at once */
    uint64_t burst_ns;                         /* at most so long at a time, and then */
    unsigned share;                            /* so many times as long nothing */
    size_t slack;                              /* pages that may stay */
} by_the_way = {8, 100000, 100, SLACK_PAGES},  /* 64 KiB, as in Go; 1 % */
    helpers  = {64, 500000, 20, HELPER_SLACK}; /* a word of the bitmap: a tenth of the calls; 5 % */

/* Nobody looks before; who moves it looks. */
static _Atomic uint64_t next_look;

/* Written by the one who looks. relaxed throughout: a heuristic. */
static _Atomic size_t peak_pages;
static _Atomic uint64_t last_look;

static size_t in_use(void) {
    return atomic_load_explicit(&mheap.inuse_pages, memory_order_relaxed) +
           atomic_load_explicit(&mheap.manual_pages, memory_order_relaxed);
}

static size_t spare_of(size_t pages, size_t slack) {
    return pages / 100 * options[OPTION_RETAIN] + slack;
}

size_t scavenge_spare(void) {
    return spare_of(in_use(), SLACK_PAGES);
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
    if (peak > used) /* linear within a half-life; by a page at least, or it would never end */
        peak -= 1 + (size_t)((double)(peak - used - 1) / 2 * (double)passed / HALF_LIFE_NS);
    else
        peak = used;
    atomic_store_explicit(&last_look, now, memory_order_relaxed);
    atomic_store_explicit(&peak_pages, peak, memory_order_relaxed);
    return peak;
}

void scavenge_note_peak(void) {
    const size_t resident = in_use() + mheap_dirty_pages();
    atomic_store_explicit(&last_look, os_now_ns(), memory_order_relaxed);
    atomic_store_explicit(&peak_pages, resident, memory_order_relaxed);
}

static enum scavenge_outcome look(const struct pace *pace, uint64_t *rest_ns) {
    const uint64_t now = os_now_ns();
    const size_t peak  = recent_peak(now);
    const size_t goal  = peak + spare_of(peak, pace->slack);
    const size_t dirty = mheap_dirty_pages(), resident = in_use() + dirty;
    uint64_t end = now;
    size_t done = 1, excess = resident > goal ? resident - goal : 0;
    const size_t over = limit_excess(LIMIT_PERCENT);
    excess            = excess > over ? excess : over;
    excess            = excess < dirty ? excess : dirty;
    while (excess >= pace->quantum && done && end - now < pace->burst_ns) {
        done   = mheap_scavenge(pace->quantum, false);
        excess = done && done < excess ? excess - done : 0;
        end    = os_now_ns();
    }
    const uint64_t rest = (end - now) * pace->share;
    *rest_ns            = rest > LOOK_NS ? rest : LOOK_NS;
    atomic_store_explicit(&next_look, end + *rest_ns, memory_order_relaxed);
    if (!done || mheap_dirty_pages() < spare_of(in_use(), pace->slack) + 2 * pace->quantum)
        return SCAVENGE_DONE; /* the rest is not worth the wait */
    return excess >= pace->quantum ? SCAVENGE_MORE : SCAVENGE_LATER;
}

/* Is it this thread that looks? */
static bool is_my_turn(uint64_t now) {
    uint64_t next = atomic_load_explicit(&next_look, memory_order_relaxed);
    return now >= next &&
           atomic_compare_exchange_strong_explicit(&next_look, &next, UINT64_MAX,
                                                   memory_order_relaxed, memory_order_relaxed);
}

void scavenge_tick(void) {
    uint64_t rest;
    if (options[OPTION_SCAVENGE] && is_my_turn(os_about_now_ns()))
        look(&by_the_way, &rest);
}

enum scavenge_outcome scavenge_help(uint64_t *rest_ns) {
    *rest_ns = LOOK_NS; /* another thread may be looking */
    const enum scavenge_outcome result =
        is_my_turn(os_now_ns()) ? look(&helpers, rest_ns) : SCAVENGE_MORE;
    if (result == SCAVENGE_LATER)
        *rest_ns = LATER_NS;
    return result;
}

/* Pages that were in use before n of them were taken. */
static size_t in_use_before(size_t n) {
    const size_t now = in_use();
    return now > n ? now - n : 0;
}

/* A heap whose holes serve has fewer of them: `large` has half as many as are in use. */
bool scavenge_has_holes(size_t n) {
    enum { MANY_PERCENT = 75 };
    const size_t dirty = mheap_dirty_pages();
    /* relaxed: of two threads that come at once, one may look alone */
    atomic_store_explicit(&mheap.grown, false, memory_order_relaxed);
    return options[OPTION_SCAVENGE] && dirty > SLACK_PAGES &&
           dirty > in_use_before(n) / 100 * MANY_PERCENT;
}

/* What goes back was freed since the last time: the cost is in proportion to what is freed. */
void scavenge_holes(size_t n) {
    enum { KEPT_SHARE = 8 };
    const size_t dirty = mheap_dirty_pages(), kept = in_use_before(n) / KEPT_SHARE;
    if (dirty > kept)
        mheap_scavenge(dirty - kept, false);
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
