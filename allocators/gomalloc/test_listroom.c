/* How many free objects a thread keeps: by the rules alone, then in threads. */
#include "gomalloc.h"
#include "guard.h"
#include "hardened.h"
#include "mcache.h"
#include "mheap.h"
#include "options.h"
#include "tap.h"
#include "test_random.h"

#include <pthread.h>
#include <stdlib.h>

enum { C64 = 2 * 6 /* 64 bytes */, C1024 = 2 * 32, C32K = 2 * 67 };

/* --- the rules --- */

static void test_lengths(void) {
    const struct listroom full = {0}, least = {.halved = LISTROOM_HALVED};
    IS(listroom(&full, C64), LIST_OBJECTS_MAX, "a full list has 510 small objects");
    IS(listroom(&full, C1024), LIST_BYTES_MAX / 1024, "or 64 KiB");
    IS(listroom(&full, C32K), 2, "or two");
    IS(listroom(&least, C64), LIST_OBJECTS_MAX / 32, "in a crowd it begins with a 32nd");
    IS(listroom(&least, C1024), 2, "of 1 KiB, with room for two");
    IS(listroom(&least, C32K), 0, "of the longest, for none");
    IS(listroom_in_burst(LIST_OBJECTS_MAX, C64), LIST_OBJECTS_MAX / 2,
       "a burst of objects that go by batches leaves room for half");
    IS(listroom_in_burst(LIST_OBJECTS_MAX, C64 + 2), LISTROOM_BURST_OBJECTS,
       "and one of larger ones for 64");
    IS(listroom_in_burst(64, C1024), 16, "or a quarter");
    IS(listroom_in_burst(2, C32K), 0, "or none");
    IS(listroom_in_burst(8, 2 * 18 /* 256 */), 4, "but not less than 1 KiB holds");
    IS(listroom_in_burst(2, 2 * 18), 2, "if there was room for as much");
}

static void test_growth(void) {
    struct listroom l = {.halved = 2};
    for (unsigned i = 1; i < LISTROOM_VISITS; i++)
        listroom_refilled(&l, C64);
    IS(l.halved, 2, "a list that is used little stays short");
    listroom_refilled(&l, C64);
    IS(l.halved, 1, "one that is refilled often doubles");
    for (unsigned i = 0; i < LISTROOM_VISITS; i++)
        listroom_overflowed(&l, C64, true);
    OK(l.halved == 0 && listroom_keeps_span(&l), "and one that overflows, to its full length");
    for (unsigned i = 0; i < 2 * LISTROOM_VISITS; i++)
        listroom_refilled(&l, C64);
    IS(l.halved, 0, "where it stays");
    l = (struct listroom){.halved = 1};
    for (unsigned i = 0; i < 4 * LISTROOM_VISITS; i++)
        listroom_overflowed(&l, C64, false);
    IS(l.halved, 1, "one that only overflows stays short");
    l = (struct listroom){.halved = LISTROOM_HALVED};
    for (unsigned i = 1; i < LISTROOM_VISITS * (1 + (32 << 10) / LISTROOM_VISIT_BYTES); i++)
        listroom_refilled(&l, C32K);
    IS(l.halved, LISTROOM_HALVED, "one of long blocks stays short for longer");
    for (unsigned i = 0; i <= (LISTROOM_HALVED - 1) * LISTROOM_VISITS; i++)
        listroom_refilled(&l, C32K);
    IS(l.halved, 0, "but then doubles as soon as others");
}

static void test_bursts(void) {
    struct listroom l = {0};
    for (unsigned i = 1; i < LISTROOM_RUN; i++)
        OK(!listroom_overflowed(&l, C64, false), "overflow %u without a malloc makes no burst", i);
    OK(listroom_overflowed(&l, C64, false) && listroom_overflowed(&l, C64, false),
       "more of them are one");
    OK(!listroom_overflowed(&l, C64, true), "which ends with a malloc");
    for (unsigned i = 0; i < LISTROOM_RUN; i++)
        listroom_overflowed(&l, C64, false);
    listroom_refilled(&l, C64);
    OK(!listroom_overflowed(&l, C64, false), "or a refill");
}

/* --- threads --- */

/* Objects on a list of this thread. */
static unsigned length(unsigned spanclass) {
    return (unsigned)(mcache_current->list[spanclass].top - mcache_current->bottom[spanclass]);
}

enum { SIZE = 128, MOST = 4096, SEED = 20 };
static unsigned spanclass; /* of SIZE bytes in this build */

/* Allocates and writes n blocks, and frees them. */
static void use(unsigned n) {
    static void *block[MOST];
    for (unsigned i = 0; i < n; i++)
        memset(block[i] = gom_malloc(SIZE), 1, SIZE);
    for (unsigned i = 0; i < n; i++)
        gom_free(block[i]);
}

/* Does a free span that is as long as any that may wait do so? */
static bool long_one_waits(void) {
    spancache_flush(&mcache_current->spans);
    gom_free(gom_malloc(SPANCACHE_PAGES * PAGE_BYTES));
    return mcache_current->spans.pages != 0;
}

static void *sleepers(void *at) {
    pthread_barrier_t *barrier = at;
    gom_free(gom_malloc(1));
    pthread_barrier_wait(barrier); /* it has a cache, */
    pthread_barrier_wait(barrier); /* until the end */
    return NULL;
}

static struct seen {
    unsigned first, after_little, after_much, has_room, flushed_room;
    bool kept_span, keeps_span, kept_long, keeps_long;
    size_t pages, spans;
} seen;

static void use_and_count(struct seen *to) {
    gom_free(gom_malloc(SIZE));
    to->kept_span = mcache_current->of[spanclass].span != NULL;
    to->first     = listroom(&mcache_current->room[spanclass], spanclass);
    use(1000);
    to->after_little = length(spanclass);
    /* Spans of few objects wait, a few pages long; and so do large ones. */
    void *large[8];
    for (unsigned i = 0; i < 8; i++)
        large[i] = gom_malloc(5 * PAGE_BYTES);
    for (unsigned i = 0; i < 8; i++)
        gom_free(large[i]);
    to->spans = mcache_current->spans.pages;
    to->pages =
        (size_t)__builtin_popcountll(mcache_current->pages.free & ~mcache_current->pages.scavenged);
    to->kept_long = long_one_waits();
    for (unsigned i = 0; i < 40; i++)
        use(MOST / 8);
    for (unsigned i = 0; i < SPANCACHE_HALVED * SPANCACHE_VISITS; i++)
        long_one_waits();
    to->keeps_long = long_one_waits();
    to->after_much = listroom(&mcache_current->room[spanclass], spanclass);
    to->keeps_span = listroom_keeps_span(&mcache_current->room[spanclass]);
    to->has_room   = mcache_current->list[spanclass].capacity;
    mcache_flush(mcache_current);
    to->flushed_room = mcache_current->list[spanclass].capacity;
}

/* One block at a time, of a size that nothing else here has. */
static unsigned room_of_one(void) {
    enum { ALONE = 650, TIMES = 2000 };
    void *block        = gom_malloc(ALONE);
    const unsigned its = arena_span((uintptr_t)block)->spanclass;
    gom_free(block);
    for (unsigned i = 0; i < TIMES; i++)
        gom_free(gom_malloc(ALONE));
    return mcache_current->list[its].capacity * class_to_size[its / 2];
}

static void *late(void *unused) {
    use_and_count(&seen);
    return unused;
}

static void test_crowd(void) {
    pthread_t thread[LISTROOM_CROWD], last;
    pthread_barrier_t barrier;
    struct seen early = {0};
    spanclass         = 2 * size_to_class(SIZE);
    pthread_barrier_init(&barrier, NULL, LISTROOM_CROWD + 1);
    use_and_count(&early);
    IS(early.first, LIST_OBJECTS_MAX, "the first threads have lists of full length");
    OK(early.kept_span, "and keep a span");
    for (unsigned i = 0; i < LISTROOM_CROWD; i++)
        pthread_create(&thread[i], NULL, sleepers, &barrier);
    pthread_barrier_wait(&barrier);
    pthread_create(&last, NULL, late, NULL);
    pthread_join(last, NULL);
    IS(seen.first, LIST_OBJECTS_MAX >> LISTROOM_HALVED, "one in a crowd begins with short lists");
    OK(seen.after_little * 8 <= 1000, "it keeps %u of 1000 objects", seen.after_little);
    OK(!seen.kept_span, "and no span");
    OK(seen.pages < 8, "%zu pages that were used are in its block", seen.pages);
    OK(seen.spans <= SPANCACHE_LEAST >> SPANCACHE_HALVED, "%zu pages of free spans wait",
       seen.spans);
    OK(early.spans > seen.spans, "of a first thread it is %zu", early.spans);
    OK(early.kept_long && !seen.kept_long, "a long span does not wait");
    OK(seen.keeps_long, "but does if there are many");
    IS(seen.after_much, LIST_OBJECTS_MAX, "once it has done much, its lists have full length");
    OK(seen.keeps_span, "and it keeps its spans");
    IS(early.has_room, LIST_OBJECTS_MAX, "a list has an array for all that it may hold");
    OK(room_of_one() >= LIST_BYTES_MAX / 2, "also where it never has many");
    IS(early.flushed_room, 0, "and none when it has been flushed");
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < LISTROOM_CROWD; i++)
        pthread_join(thread[i], NULL);
}

static void shuffle(void **at, unsigned n, uint64_t *state) {
    for (unsigned i = n; i-- > 1;) {
        const unsigned other = (unsigned)(next_random(state) % (i + 1));
        void *const b        = at[i];
        at[i]                = at[other];
        at[other]            = b;
    }
}

/* 12 MiB are freed in random order. What the lists keep are so many pages. */
static void test_random_burst(void) {
    enum { N = 12 << 10, BYTES = 1 << 10 };
    static void *block[N];
    uint64_t state         = SEED;
    const unsigned of_1024 = 2 * size_to_class(BYTES);
    for (unsigned i = 0; i < N; i++)
        block[i] = gom_malloc(BYTES);
    shuffle(block, N, &state);
    for (unsigned i = 0; i < N; i++)
        gom_free(block[i]);
    OK(length(of_1024) <= LIST_BYTES_MAX / BYTES / 4, "%u blocks stay of a burst of frees",
       length(of_1024));
    gom_free(gom_malloc(BYTES));
    for (unsigned i = 0; i < LIST_BYTES_MAX / BYTES; i++)
        block[i] = gom_malloc(BYTES);
    for (unsigned i = 0; i < LIST_BYTES_MAX / BYTES; i++)
        gom_free(block[i]);
    OK(length(of_1024) > LIST_BYTES_MAX / BYTES / 4, "after mallocs as many as before may stay");
}

/* --- what threads hold that sleep --- */

/* Each thread allocates and writes blocks of all sizes of a range, frees them all, does so once
 * more, and sleeps. Then the main thread trims. */
static const struct kind {
    const char *name;
    size_t from, to;
    unsigned blocks;          /* of each size */
    bool is_random;           /* is the order of the frees */
    size_t first[2], late[2]; /* KiB of a thread at most; [1]: in the hardened build */
} kinds[] = {
    {"small blocks", 16, 1 << 10, 60, false, {1100, 1100}, {200, 220}},
    {"small blocks, at random", 16, 1 << 10, 60, true, {1100, 1100}, {220, 300}},
    {"middle blocks", 1 << 10, 8 << 10, 60, false, {1250, 2000}, {80, 150}},
    {"middle blocks, at random", 1 << 10, 8 << 10, 60, true, {1300, 2000}, {150, 350}},
    {"long blocks", 8 << 10, 32 << 10, 20, false, {600, 1500}, {80, 100}},
    {"long blocks, at random", 8 << 10, 32 << 10, 20, true, {700, 1500}, {80, 100}},
    {"large blocks", 40 << 10, 400 << 10, 4, false, {140, 1200}, {64, 250}},
    {"large blocks, at random", 40 << 10, 400 << 10, 4, true, {140, 1400}, {64, 250}},
    {"all blocks", 16, 32 << 10, 20, true, {1800, 3000}, {150, 300}},
};

enum { FIRST = LISTROOM_CROWD - 1, LATE = 24, BLOCKS = 4096 };

static struct crew {
    const struct kind *kind;
    pthread_barrier_t works, sleeps;
} crew;

static void use_all(const struct kind *k) {
    static void *block[BLOCKS];
    uint64_t state = SEED;
    unsigned n     = 0;
    for (size_t size = k->from; size <= k->to; size += size / 8 > 16 ? size / 8 : 16)
        for (unsigned i = 0; i < k->blocks && n < BLOCKS; i++)
            memset(block[n++] = gom_malloc(size), 1, size);
    if (k->is_random)
        shuffle(block, n, &state);
    while (n > 0)
        gom_free(block[--n]);
}

static void *work_and_sleep(void *unused) {
    use_all(crew.kind);
    use_all(crew.kind);
    pthread_barrier_wait(&crew.works);
    pthread_barrier_wait(&crew.sleeps);
    return unused;
}

/* One after another, so that the numbers are the same in each run. */
static void start_one(pthread_t *thread) {
    pthread_create(thread, NULL, work_and_sleep, NULL);
    pthread_barrier_wait(&crew.works);
}

/* Bytes of the heap's pages that are resident, after a trim by this thread. */
static size_t resident(void) {
    struct gom_memstats m;
    gom_trim(0);
    gom_memstats(&m);
    return m.heap_inuse + m.heap_idle - m.heap_released;
}

static void test_sleepers(const struct kind *k) {
    pthread_t thread[FIRST + LATE];
    crew.kind = k;
    pthread_barrier_init(&crew.works, NULL, 2);
    pthread_barrier_init(&crew.sleeps, NULL, FIRST + LATE + 1);
    const size_t before = resident();
    for (unsigned i = 0; i < FIRST; i++)
        start_one(&thread[i]);
    const size_t with_first = resident();
    for (unsigned i = FIRST; i < FIRST + LATE; i++)
        start_one(&thread[i]);
    const size_t with_late = resident();
    const size_t first     = (with_first - before) / FIRST >> 10,
                 late      = (with_late - with_first) / LATE >> 10;
    OK(first <= k->first[HARDENED], "%s: one of the first threads sleeps on %zu KiB", k->name,
       first);
    OK(late <= k->late[HARDENED], "%s: a late thread sleeps on %zu KiB", k->name, late);
    pthread_barrier_wait(&crew.sleeps);
    for (unsigned i = 0; i < FIRST + LATE; i++)
        pthread_join(thread[i], NULL);
    OK(resident() <= before, "when they have ended, nothing of it stays");
    pthread_barrier_destroy(&crew.works);
    pthread_barrier_destroy(&crew.sleeps);
}

int main(void) {
    options[OPTION_SCAVENGE] = SCAVENGE_NEVER;
    guard_never(); /* the clock would decide how many pages they take */
    test_lengths();
    test_growth();
    test_bursts();
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
        test_sleepers(&kinds[i]);
    if (HARDENED) {
        tap_skip("what threads keep", "in the hardened build quarantine keeps it");
        return tap_done();
    }
    test_crowd();
    test_random_burst();
    return tap_done();
}
