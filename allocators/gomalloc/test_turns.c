/* What only the allocator orders, one step at a time. Threads take turns, by a relaxed counter that
 * orders nothing; the program orders only who gives a block before who takes it. Each scenario
 * comes to one place where a thread uses memory or a span after another, and one atomic operation
 * of the allocator lies between. With a weaker order there, ThreadSanitizer (test-tsan/) sees the
 * two at the same time, each time. The scenarios of test_one_way.c are the same in a crowd, where
 * later operations often make up for an earlier one. */
#include "arena.h"
#include "gomalloc.h"
#include "hardened.h"
#include "mcache.h"
#include "mcentral.h"
#include "options.h"
#include "tap.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum { ACTORS = 4, STEPS_MAX = 8, ROUNDS = 20, BLOCKS = 8 };

/* Three to a span of one page, so that a span has a first, a middle and a last free. */
enum { SIZE = 2688, SPANCLASS = 2 * 40, SLOTS = 3 };

/* One to a span: who frees it takes no lock of the class. */
enum { SINGLE = 32768, SPANCLASS_SINGLE = 2 * 67 };

/* ThreadSanitizer's runtime calls it for each report. */
static atomic_uint reports;
__attribute__((visibility("default"))) void __tsan_on_report(void *report); // NOLINT: its name
void __tsan_on_report(void *report) {
    (void)report;
    atomic_fetch_add_explicit(&reports, 1, memory_order_relaxed);
}

static atomic_uint turn, wrong;

/* The only order that the program makes: of give before take. */
static _Atomic(unsigned char *) given[BLOCKS];

static void give(unsigned i, void *block) {
    atomic_store_explicit(&given[i], block, memory_order_release);
}

static unsigned char *take(unsigned i) {
    return atomic_load_explicit(&given[i], memory_order_acquire);
}

static void must(bool good) {
    if (!good)
        atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
}

/* Where the span lies, which everybody may know. */
static _Atomic uintptr_t page;

static uintptr_t page_of(const void *block) {
    return (uintptr_t)block / PAGE_BYTES;
}

/* The thread's lists go to the spans, and its spans to where they belong. It has no other lock to
 * take, if it has only freed. */
static void flush(void) {
    struct mcache *c = mcache_enter();
    mcache_flush(c);
    mcache_leave(c);
}

static void use_and_free(unsigned i, size_t size) {
    unsigned char *p = take(i);
    memset(p, (int)i, size);
    gom_free(p);
}

/* Into its span at once, as in a crowd. A list has an array, which comes and goes under a lock, and
 * that orders. */
static void use_and_free_at_once(unsigned i) {
    struct mcache *c   = mcache_enter();
    c->room[SPANCLASS] = (struct listroom){.halved = LISTROOM_HALVED};
    must(listroom(&c->room[SPANCLASS], SPANCLASS) == 0 && c->list[SPANCLASS].capacity == 0);
    mcache_leave(c);
    use_and_free(i, SIZE);
}

/* --- actor 0 makes the blocks, and uses the memory again in the end --- */

/* A full span that nobody has: its blocks are given. */
static void make_full(void) {
    unsigned char *p[SLOTS + 1];
    for (unsigned i = 0; i <= SLOTS; i++)
        p[i] = gom_malloc(SIZE);
    must(page_of(p[0]) == page_of(p[SLOTS - 1]) && page_of(p[0]) != page_of(p[SLOTS]));
    atomic_store_explicit(&page, page_of(p[0]), memory_order_relaxed);
    for (unsigned i = 0; i < SLOTS; i++)
        give(i, p[i]);
    gom_free(p[SLOTS]);
}

/* A span that stays this thread's. */
static void make_own(void) {
    unsigned char *p[SLOTS];
    for (unsigned i = 0; i < SLOTS; i++)
        p[i] = gom_malloc(SIZE);
    for (unsigned i = 0; i < SLOTS; i++)
        give(i, p[i]);
}

static void use_again(void) {
    unsigned char *p = gom_malloc(SIZE);
    must(p == take(0));
    memset(p, 9, SIZE);
    gom_free(p);
    flush();
}

/* The pages of the span are free; this thread gets all of them once more. */
static void use_pages_again(void) {
    enum { MOST = 300 };
    static unsigned char *p[MOST];
    const uintptr_t at = atomic_load_explicit(&page, memory_order_relaxed);
    unsigned n = 0, found = 0;
    flush();
    for (; n < MOST && found < SLOTS; n++) {
        p[n] = gom_malloc(SIZE);
        if (page_of(p[n]) != at)
            continue;
        memset(p[n], 9, SIZE);
        found++;
    }
    must(found == SLOTS);
    while (n > 0)
        gom_free(p[--n]);
    flush();
}

static void make_single(void) {
    unsigned char *p = gom_malloc(SINGLE);
    give(0, p);
}

/* The span is looked into once more, and given up as full; then the lock of the class is taken. */
static void make_another(void) {
    gom_free(gom_malloc(SINGLE));
    flush();
}

/* --- the others --- */

static void free_0(void) {
    use_and_free_at_once(0);
    flush();
}

static void free_1(void) {
    use_and_free_at_once(1);
    flush();
}

static void free_2(void) {
    use_and_free_at_once(2);
    flush();
}

static void free_rest(void) {
    use_and_free_at_once(1);
    use_and_free_at_once(2);
    flush();
}

/* The first slot that is free in the span is this thread's now. */
static void take_span(void) {
    unsigned char *p = gom_malloc(SIZE);
    must(page_of(p) == page_of(take(0)));
    memset(p, 8, SIZE);
    gom_free(p);
    flush();
}

/* Its free ends the span, whose descriptor serves the next. */
static void free_single_and_use_descriptor(void) {
    const struct mspan *s = arena_span((uintptr_t)take(0));
    while (span_state(atomic_load_explicit(&s->word, memory_order_relaxed)) != SPAN_FULL)
        sched_yield();
    use_and_free(0, SINGLE);
    flush();
    unsigned char *p = gom_malloc(SIZE);
    must(arena_span((uintptr_t)p) == s);
    gom_free(p);
    flush();
}

static void lock_singles(void) {
    lock_acquire(&mcentrals[SPANCLASS_SINGLE].lock);
}

static void unlock_singles(void) {
    lock_release(&mcentrals[SPANCLASS_SINGLE].lock);
}

static void lock_class(void) {
    lock_acquire(&mcentrals[SPANCLASS].lock);
}

static void unlock_class(void) {
    lock_release(&mcentrals[SPANCLASS].lock);
}

/* While another thread has made its free, and waits for the lock. The take orders the making of the
 * span before the look at it. */
static void free_rest_while_pushing(void) {
    must(take(1) != NULL);
    const uintptr_t at    = atomic_load_explicit(&page, memory_order_relaxed) * PAGE_BYTES;
    const struct mspan *s = arena_span(at);
    while (span_state(atomic_load_explicit(&s->word, memory_order_relaxed)) != SPAN_PUSHING)
        sched_yield();
    free_rest();
}

/* --- pieces of 16-byte blocks --- */

static void make_pieces(void) {
    give(0, gom_alloc(8, GOM_TINY));
    give(1, gom_alloc(8, GOM_TINY));
    give(2, gom_alloc(8, GOM_TINY)); /* of another block, which is the current one now */
    must((uintptr_t)take(0) / 16 == (uintptr_t)take(1) / 16);
}

static void free_piece(void) {
    use_and_free(0, 8);
}

static void free_piece_and_use_block(void) {
    use_and_free(1, 8);
    unsigned char *p = gom_alloc(16, GOM_NOSCAN);
    must((uintptr_t)p / 16 == (uintptr_t)take(1) / 16);
    memset(p, 7, 16);
    gom_free(p);
    flush();
}

static void free_other_piece(void) {
    gom_free(take(2));
    flush();
}

static void make_blocks_of_16(void) {
    give(0, gom_alloc(16, GOM_NOSCAN));
}

static void keep_block(void) {
    use_and_free(0, 16);
}

/* The first piece in the span: it gets its notes. */
static void make_piece(void) {
    give(1, gom_alloc(8, GOM_TINY));
}

static void make_piece_beside(void) {
    unsigned char *p = gom_alloc(8, GOM_TINY);
    must(p == take(0));
    gom_free(p);
    flush();
}

static void free_first_piece(void) {
    gom_free(take(1));
    flush();
}

/* --- turns --- */

enum when { IN_TURN, /* the next step comes when this one is done */ LETS_GO /* or has begun */ };

static const struct scenario {
    const char *name;
    struct {
        unsigned actor;
        void (*act)(void);
        enum when when;
    } step[STEPS_MAX];
} scenarios[] = {
    {"a slot is freed, and its owner takes it again",
     {{0, make_own, 0}, {1, free_0, 0}, {0, use_again, 0}, {2, free_rest, 0}}},
    {"a slot is freed, and who takes the span takes it",
     {{0, make_full, 0}, {1, free_1, 0}, {2, free_0, 0}, {3, take_span, 0}, {2, free_2, 0}}},
    {"the last free of a span gives its pages back",
     {{0, make_full, 0}, {1, free_0, 0}, {2, free_1, 0}, {3, free_2, 0}, {0, use_pages_again, 0}}},
    {"who brings the span to its list finds it empty",
     {{0, make_full, 0},
      {2, lock_class, 0},
      {1, free_0, LETS_GO},
      {3, free_rest_while_pushing, 0},
      {2, unlock_class, 0},
      {1, flush, 0},
      {0, use_pages_again, 0}}},
    {"a full span is given up, and freed before its owner does anything else",
     {{0, make_single, 0},
      {2, lock_singles, 0},
      {0, make_another, LETS_GO},
      {1, free_single_and_use_descriptor, 0},
      {2, unlock_singles, 0},
      {0, flush, 0}}},
    {"the last piece of a block is freed, and the block used",
     {{0, make_pieces, 0},
      {1, free_piece, 0},
      {2, free_piece_and_use_block, 0},
      {0, free_other_piece, 0},
      {1, flush, 0}}},
    {"a span gets its notes, and another thread's block has one",
     {{0, make_blocks_of_16, 0},
      {1, keep_block, 0},
      {0, make_piece, 0},
      {1, make_piece_beside, 0},
      {0, free_first_piece, 0}}},
};

static const struct scenario *now;

static void *act(void *argument) {
    const unsigned me = *(const unsigned *)argument;
    mcache_leave(mcache_enter());
    mcache_current->home = 0; /* each looks first where the others have left their spans */
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned k = 0; k < STEPS_MAX && now->step[k].act; k++) {
            const unsigned mine = round * STEPS_MAX + k;
            if (now->step[k].actor != me)
                continue;
            while (atomic_load_explicit(&turn, memory_order_relaxed) != mine)
                sched_yield();
            const bool is_last  = k + 1 == STEPS_MAX || !now->step[k + 1].act;
            const unsigned next = is_last ? (round + 1) * STEPS_MAX : mine + 1;
            if (now->step[k].when == LETS_GO)
                atomic_store_explicit(&turn, next, memory_order_relaxed);
            now->step[k].act();
            if (now->step[k].when == IN_TURN)
                atomic_store_explicit(&turn, next, memory_order_relaxed);
        }
    }
    return NULL;
}

static void test(const struct scenario *s) {
    static unsigned number[ACTORS] = {0, 1, 2, 3};
    pthread_t thread[ACTORS];
    now = s;
    atomic_store(&turn, 0);
    for (unsigned i = 0; i < ACTORS; i++)
        if (pthread_create(&thread[i], NULL, act, &number[i]) != 0)
            exit(9);
    for (unsigned i = 0; i < ACTORS; i++)
        pthread_join(thread[i], NULL);
    gom_trim(0);
    struct gom_memstats m;
    gom_memstats(&m);
    OK(atomic_exchange(&wrong, 0) == 0 && m.heap_inuse == 0, "%s: what was meant has happened",
       s->name);
#ifdef __SANITIZE_THREAD__
    OK(atomic_exchange(&reports, 0) == 0, "%s: it is ordered", s->name);
#else
    tap_skip(s->name, "without ThreadSanitizer, nobody sees whether it is ordered");
#endif
}

int main(void) {
    if (HARDENED) {
        tap_skip("orders, one at a time",
                 "in the hardened build slots and spans wait elsewhere first");
        return tap_done();
    }
    options[OPTION_SCAVENGE] =
        SCAVENGE_NEVER; /* it would take the heap's lock now and then, which orders */
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        test(&scenarios[i]);
    return tap_done();
}
