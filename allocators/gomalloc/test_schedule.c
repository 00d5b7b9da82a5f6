/* The code of mspan.c and mcentral.c, in every order in which its threads may come to its atomic
 * operations. There are two or three threads, of which one runs at a time. Each stops before each
 * atomic operation and each lock. All orders are tried in which a thread that could go on is
 * stopped at most so many times (Musuvathi and Qadeer, "Iterative context bounding", 2007). After
 * each, no slot may be forgotten or be there twice, and when all are freed, the span must be given
 * back, once.
 *
 * What this cannot see is an order of memory that is too weak: test_one_way.c does. What it sees
 * more than mspan.pml: the code itself, spans of several words, and home lists.
 *
 *     test_schedule [STOPS]        default: 3 (40,022 orders); 5: 659,064, 14 s */

/* Copies of their own, so that the parts that the test is linked with stay what they are. */
#define mspan_init          stepped_init
#define mspan_take          stepped_take
#define mspan_note_freed    stepped_note_freed
#define mspan_count_freed   stepped_count_freed
#define mspan_merge         stepped_merge
#define mspan_give_up_full  stepped_give_up_full
#define mspan_available     stepped_available
#define mcentrals           stepped_mcentrals
#define mcentral_take       stepped_mcentral_take
#define mcentral_push       stepped_mcentral_push
#define mcentral_remove     stepped_mcentral_remove
#define mcentral_uncache    stepped_mcentral_uncache
#define mcentral_after_fork stepped_after_fork

#include "mcentral.h"
#include "os.h"
#include "tap.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

static void step(void);
static void step_lock(struct lock *);
static void broken(const char *);

/* Only one thread runs, so each of these may be divided as it likes. */
#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange_explicit
#undef atomic_fetch_or_explicit
#undef atomic_fetch_add_explicit
#undef atomic_compare_exchange_weak_explicit
#undef atomic_compare_exchange_strong_explicit
#define CHANGE(p, new)                                                                             \
    __extension__({                                                                                \
        step();                                                                                    \
        const uint64_t was = *(p);                                                                 \
        *(p)               = (new);                                                                \
        was;                                                                                       \
    })
#define atomic_load_explicit(p, order)                                                             \
    __extension__({                                                                                \
        step();                                                                                    \
        const uint64_t is = *(p);                                                                  \
        is;                                                                                        \
    })
#define atomic_store_explicit(p, to, order)    ((void)CHANGE(p, to))
#define atomic_exchange_explicit(p, to, order) CHANGE(p, to)
#define atomic_fetch_or_explicit(p, x, order)  CHANGE(p, was | (x))
#define atomic_fetch_add_explicit(p, x, order) CHANGE(p, was + (x))
#define atomic_compare_exchange_strong_explicit(p, expected, to, success, failure)                 \
    __extension__({                                                                                \
        step();                                                                                    \
        const bool same = *(p) == *(expected);                                                     \
        if (same)                                                                                  \
            *(p) = (to);                                                                           \
        else                                                                                       \
            *(expected) = *(p);                                                                    \
        same;                                                                                      \
    })
#define atomic_compare_exchange_weak_explicit atomic_compare_exchange_strong_explicit
#define lock_acquire(l)                       step_lock(l)
#define lock_release(l)                       ((void)(*&(l)->word = 0))
#undef assert
#define assert(condition) ((condition) ? (void)0 : broken(#condition))

// The file itself, with the names above. NOLINTBEGIN(bugprone-suspicious-include)
#include "mspan.c"

#include "mcentral.c"
// NOLINTEND(bugprone-suspicious-include)

/* --- one thread after the other --- */

enum { THREADS_MAX = 3, PATH_MAX_LENGTH = 400, NONE = -1 };
#if defined(__SANITIZE_THREAD__)
enum { STOPS = 2 }; /* it sees one thread after the other, and is slow */
#else
enum { STOPS = 3 };
#endif

static struct worker {
    sem_t go;
    void (*work)(void);    /* of this scenario; NULL: it has none */
    struct lock *waits;    /* goes on when it is open */
    struct mspan *current; /* the span that it owns */
    bool is_done;
} worker[THREADS_MAX];

static sem_t all_done;
static int running = NONE;

/* The decisions of this run, and how many ways there were to go. A run follows the ones that are
 * there, and then takes the first way, which is to go on. */
static struct { unsigned char taken, ways; } path[PATH_MAX_LENGTH];
static unsigned length, at, stops, stops_max = STOPS;
static const char *scenario_name;

static void broken(const char *what) {
    OK(false, "%s", scenario_name);
    printf("# %s\n# ways taken:", what);
    for (unsigned i = 0; i < at; i++)
        printf(" %u/%u", path[i].taken, path[i].ways);
    putchar('\n');
    fflush(stdout);
    _Exit(tap_done());
}

static bool can_run(int i) {
    const struct worker *w = &worker[i];
    return w->work && !w->is_done && !(w->waits && w->waits->word);
}

/* Who goes next: first of all the one who runs, if he can. */
static int decide(void) {
    int way[THREADS_MAX];
    unsigned ways   = 0;
    const bool goes = running != NONE && can_run(running);
    if (goes)
        way[ways++] = running;
    for (int i = 0; i < THREADS_MAX; i++)
        if (i != running && can_run(i) && !(goes && stops == stops_max))
            way[ways++] = i;
    if (ways == 0)
        return NONE;
    if (at == PATH_MAX_LENGTH)
        broken("the threads do not end");
    if (at == length) {
        path[length].taken = 0;
        path[length].ways  = (unsigned char)ways;
        length++;
    }
    const unsigned taken = path[at++].taken;
    stops += goes && taken > 0;
    return way[taken];
}

/* Lets the next one run. False: there is none. */
static bool hand_over(void) {
    const int me = running, next = decide();
    if (next == NONE)
        return false;
    running = next;
    if (next == me)
        return true;
    const bool comes_back = me != NONE && !worker[me].is_done; /* read while nobody else runs */
    sem_post(&worker[next].go);
    while (comes_back && sem_wait(&worker[me].go) != 0) {
    }
    return true;
}

static void step(void) {
    if (running != NONE && !hand_over())
        broken("all threads wait");
}

static void step_lock(struct lock *l) {
    if (running != NONE) {
        worker[running].waits = l;
        step();
        worker[running].waits = NULL;
    }
    if (l->word)
        broken("a lock is taken twice");
    l->word = 1;
}

static void *run_worker(void *argument) {
    struct worker *w = argument;
    for (;;) {
        while (sem_wait(&w->go) != 0) {
        }
        w->work();
        w->is_done = true;
        if (hand_over())
            continue;
        for (int i = 0; i < THREADS_MAX; i++)
            if (worker[i].work && !worker[i].is_done)
                broken("the others wait for a lock that nobody gives back");
        running = NONE;
        sem_post(&all_done);
    }
    return NULL;
}

/* The next path: another way at the last place that has one. False: there is none. */
static bool next_path(void) {
    while (length > 0 && path[length - 1].taken + 1 == path[length - 1].ways)
        length--;
    if (length > 0)
        path[length - 1].taken++;
    return length > 0;
}

/* --- the span, and what is known of it --- */

/* Nothing is there: no slot is touched. The same each time, for in the hardened build it decides
 * which slots are taken. */
#define PAGES ((uintptr_t)1 << 40)
static struct mspan *span;
static bool held[SPAN_MAX_SLOTS]; /* by the program */
static unsigned count_held, releases;

static enum span_state state_now(void) {
    return span_state(span->word);
}

static bool is_listed(void) {
    for (unsigned home = 0; home < HOMES; home++)
        for (const struct mspan *s = mcentrals[span->spanclass].partial[home].first; s; s = s->next)
            if (s == span)
                return true;
    return false;
}

static void must(bool good, const char *what) {
    if (!good)
        broken(what);
}

static void release(void) {
    must(state_now() == SPAN_EMPTYING && span_live(span->word) == 0, "what is released is empty");
    must(count_held == 0, "no slot of what is released is in use");
    must(!is_listed(), "what is released is on no list");
    for (int i = 0; i < THREADS_MAX; i++)
        must(!worker[i].current, "nobody owns what is released");
    must(releases++ == 0, "a span is released once");
    span->word = span_word(SPAN_DEAD, 0);
}

/* What mcache.c's commit does. */
static void do_duty(enum span_duty duty) {
    if (duty == DUTY_NONE || (duty == DUTY_PUSH && !mcentral_push(span)))
        return;
    if (duty == DUTY_REMOVE_RELEASE)
        mcentral_remove(span);
    release();
}

/* Slots of one word. */
static void free_slots(unsigned first, unsigned n) {
    uint64_t bits = 0;
    for (unsigned slot = first; slot < first + n; slot++) {
        must(held[slot], "the scenario frees what it has");
        held[slot] = false;
        bits |= (uint64_t)1 << slot % 64;
    }
    count_held -= n;
    mspan_note_freed(span, first / 64, bits);
    do_duty(mspan_count_freed(span, n));
}

static void take_most(unsigned most) {
    void *taken[SPAN_MAX_SLOTS];
    for (unsigned n = mspan_take(span, most, taken); n; n--) {
        const unsigned slot = mspan_slot(span, (uintptr_t)taken[n - 1]);
        must(!held[slot], "a slot has one owner");
        held[slot] = true;
        count_held++;
    }
}

/* The scenarios name the slots that they free. Hardened, slots come in no order. */
static void hold_first(unsigned n) {
    take_most(n);
    for (unsigned slot = 0; slot < span->nelems; slot++) {
        const uint64_t bit = (uint64_t)1 << slot % 64;
        held[slot]         = slot < n;
        mspan_avail(span)[slot / 64] &= ~bit;
        mspan_avail(span)[slot / 64] |= held[slot] ? 0 : bit;
    }
    span->search = 0;
}

static struct worker *self(void) {
    static struct worker before; /* the setting up */
    return running == NONE ? &before : &worker[running];
}

/* What mcache.c's take_objects does, where this is the only span. */
static void refill(void) {
    struct worker *w = self();
    for (;;) {
        const unsigned had = count_held;
        if (w->current)
            take_most(1);
        if (count_held > had)
            return;
        if (w->current && (mspan_merge(span) || !mspan_give_up_full(span)))
            continue;
        w->current = NULL;
        w->current = mcentral_take(span->spanclass, running == NONE ? 0 : (unsigned)running, 0);
        if (!w->current)
            return;
    }
}

static void give_up(void) {
    struct worker *w = self();
    struct mspan *s  = w->current;
    w->current       = NULL;
    if (s && mcentral_uncache(s))
        release();
}

/* After all threads have ended. */
static void audit(void) {
    unsigned owners = 0, available = 0, freed = 0;
    for (int i = 0; i < THREADS_MAX; i++)
        owners += worker[i].current != NULL;
    for (unsigned w = 0; w < span->nwords; w++) {
        available += (unsigned)__builtin_popcountll(mspan_avail(span)[w]);
        freed += (unsigned)__builtin_popcountll(mspan_freed(span)[w]);
        must(!(mspan_avail(span)[w] & mspan_freed(span)[w]), "a slot is free once");
    }
    if (releases)
        return;
    must(count_held + available + freed == span->nelems, "no slot is lost");
    switch (state_now()) {
    case SPAN_CACHED:
        must(owners == 1, "a cached span has an owner");
        must(span_live(span->word) == count_held + available, "the number is exact: cached");
        break;
    case SPAN_FULL:
        must(count_held == span->nelems, "no free slot of a full span is forgotten");
        must(span_live(span->word) == count_held, "the number is exact: full");
        break;
    case SPAN_PARTIAL:
        must(is_listed(), "a partial span is on the list");
        must(count_held > 0, "an empty span is released");
        must(span_live(span->word) == count_held, "the number is exact: partial");
        break;
    default: broken("nobody is left to change a state");
    }
    must(owners == (state_now() == SPAN_CACHED), "nobody owns what is not cached");
    must(is_listed() == (state_now() == SPAN_PARTIAL), "nothing else is on the list");
}

static void drain(void) {
    for (int i = 0; i < THREADS_MAX; i++) {
        self()->current   = worker[i].current;
        worker[i].current = NULL;
        give_up();
    }
    for (unsigned slot = 0; slot < span->nelems; slot++)
        if (held[slot])
            free_slots(slot, 1);
    must(releases == 1, "what is all freed is released");
    must(!is_listed(), "and is on no list");
}

/* --- scenarios --- */

enum { TWO = 44, ONE = 67, MANY = 5 /* 170 slots, of three words */ };

/* How the span is when the threads begin: worker 0 has it, and all slots are in use, */
static void owned(void) {
    take_most(span->nelems);
    worker[0].current = span;
}

/* or but the last one; */
static void owned_but_one(void) {
    hold_first(span->nelems - 1u);
    worker[0].current = span;
}

/* nobody has it, and all slots are in use; */
static void full(void) {
    take_most(span->nelems);
    must(mspan_give_up_full(span), "it is full");
}

/* or one is; the others are available; */
static void partial(void) {
    hold_first(1);
    must(!mcentral_uncache(span), "it is partial");
}

/* or are freed. */
static void freed(void) {
    full();
    for (unsigned slot = 1; slot < span->nelems; slot++)
        free_slots(slot, 1);
}

static void free_first(void) {
    free_slots(0, 1);
}

static void free_second(void) {
    free_slots(1, 1);
}

static void free_both(void) {
    free_slots(0, 2);
}

static void free_one_by_one(void) {
    free_first();
    free_second();
}

static void free_words(void) {
    free_slots(0, 1);
    free_slots(100, 3);
}

static void free_last_word(void) {
    free_slots(169, 1);
}

static void refill_and_give_up(void) {
    refill();
    give_up();
}

static void refill_twice(void) {
    refill();
    refill();
}

static const struct scenario {
    const char *name;
    unsigned class;
    void (*begin)(void);
    void (*work[THREADS_MAX])(void);
} scenarios[] = {
    {"a full span is given up, and a slot is freed", TWO, owned, {refill, free_first}},
    {"and both, one by one", TWO, owned, {refill, free_one_by_one}},
    {"and both at once", TWO, owned, {refill_twice, free_both}},
    {"and both, by two threads", TWO, owned, {refill, free_first, free_second}},
    {"and the only one", ONE, owned, {refill, free_first}},
    {"and some of several words", MANY, owned, {refill, free_words, free_last_word}},
    {"both slots of a full span are freed", TWO, full, {free_first, free_second}},
    {"and it is looked for", TWO, full, {free_first, free_second, refill}},
    {"and it is taken and given up", TWO, full, {refill_and_give_up, free_first, free_second}},
    {"the last slot is freed, and the span is taken", TWO, partial, {refill, free_first}},
    {"and given up again", TWO, partial, {refill_and_give_up, free_first}},
    {"by two threads", TWO, partial, {refill_and_give_up, free_first, refill}},
    {"the same, where the others were freed", TWO, freed, {refill_and_give_up, free_first, refill}},
    {"and there are several words", MANY, freed, {refill_and_give_up, free_first}},
    {"a span is given up when all is freed", TWO, owned, {give_up, free_both}},
    {"or one by one", TWO, owned, {give_up, free_first, free_second}},
    {"or one is available", TWO, owned_but_one, {give_up, free_first, refill}},
};

static void begin(const struct scenario *s) {
    memset(span, 0, mspan_bytes(SPAN_MANY_WORDS));
    memset(held, 0, sizeof held);
    memset(&mcentrals[2 * s->class], 0, sizeof mcentrals[0]);
    count_held = releases = at = stops = 0;
    self()->current                    = NULL;
    for (int i = 0; i < THREADS_MAX; i++) {
        worker[i].work    = s->work[i];
        worker[i].current = NULL;
        worker[i].waits   = NULL;
        worker[i].is_done = false;
    }
    mspan_init(span, PAGES, 2 * s->class, false);
    s->begin();
}

static void test(const struct scenario *s) {
    unsigned runs = 0;
    scenario_name = s->name;
    length        = 0;
    do {
        begin(s);
        hand_over();
        while (sem_wait(&all_done) != 0) {
        }
        audit();
        drain();
        runs++;
    } while (next_path());
    OK(runs > 1, "%s: %u orders", s->name, runs);
}

int main(int argc, char **argv) {
    pthread_t thread;
    if (argc > 1)
        stops_max = (unsigned)atoi(argv[1]);
    span = calloc(1, mspan_bytes(SPAN_MANY_WORDS));
    if (!span || sem_init(&all_done, 0, 0) != 0)
        return 9;
    for (int i = 0; i < THREADS_MAX; i++)
        if (sem_init(&worker[i].go, 0, 0) != 0 ||
            pthread_create(&thread, NULL, run_worker, &worker[i]) != 0)
            return 9;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        test(&scenarios[i]);
    return tap_done();
}
