/* A thread's free spans: which malloc gets them, how many may wait, and when they go back. */
#include "arena.h"
#include "gomalloc.h"
#include "hardened.h"
#include "huge.h"
#include "mcache.h"
#include "mheap.h"
#include "options.h"
#include "tap.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = PAGE_BYTES, MANY = 256, LONG = SPANCACHE_PAGES };

static char *block[MANY];

static struct gom_memstats now(void) {
    struct gom_memstats m;
    gom_memstats(&m);
    return m;
}

/* Bytes that are not zero. */
static size_t used(const char *memory, size_t pages) {
    size_t n = 0;
    for (size_t i = 0; i < pages * PAGE; i++)
        n += memory[i] != 0;
    return n;
}

/* Pages that wait in this thread's cache. */
static size_t waiting(void) {
    return mcache_current->spans.pages;
}

static char *allocate(size_t pages) {
    char *p = gom_malloc(pages * PAGE);
    memset(p, 0xa5, pages * PAGE);
    return p;
}

static void fill(unsigned n, size_t pages) {
    for (unsigned i = 0; i < n; i++)
        block[i] = allocate(pages);
}

static void empty(unsigned n) {
    for (unsigned i = 0; i < n; i++)
        gom_free(block[i]);
}

/* The first pages of the heap, which is empty, are resident: no fresh memory is needed for a while.
 * More than SPANCACHE_PAGES. */
static void make_resident(size_t pages) {
    gom_trim(0);
    gom_free(allocate(pages));
}

/* The same; returns the most pages that waited meanwhile. */
static size_t empty_slowly(unsigned n) {
    size_t most = 0;
    for (unsigned i = 0; i < n; i++) {
        gom_free(block[i]);
        most = waiting() > most ? waiting() : most;
    }
    return most;
}

/* The status of a process that does this. */
static int status_of(void (*part)(void)) {
    int status = -1;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        alarm(60);
        close(STDERR_FILENO);
        part();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return status;
}

/* --- who gets them --- */

/* A thread that wants a lock that it has ends the process. */
static void without_locks(void) {
    enum { SIZES = 5 };
    static const size_t size[SIZES] = {40 << 10, 100000, 300000, LONG * PAGE, 32768};
    for (unsigned i = 0; i < SIZES; i++)
        block[i] = gom_malloc(size[i]);
    gom_free(block[3]); /* more than may wait beside the others */
    for (unsigned i = 0; i < 3; i++)
        gom_free(block[i]);
    lock_acquire(&mheap.lock);
    lock_acquire(&mheap.few.lock);
    lock_acquire(&mheap.grow_lock);
    for (unsigned round = 0; round < 10; round++)
        for (unsigned i = 0; i < 3; i++)
            gom_free(gom_malloc(size[i]));
    _exit(0);
}

static void without_lock_of_descriptors(void) {
    enum { PAGES = LONG + 1 }; /* does not wait */
    gom_free(gom_malloc(PAGES * PAGE));
    lock_acquire(&mheap.few.lock);
    for (unsigned round = 0; round < 10; round++)
        gom_free(gom_malloc(PAGES * PAGE));
    _exit(0);
}

static void test_locks(void) {
    IS(status_of(without_locks), 0, "a large block that was just freed comes back without a lock");
    IS(status_of(without_lock_of_descriptors), 0, "a longer one without that of descriptors");
}

static void test_lengths(void) {
    make_resident(300);
    char *p = allocate(16);
    gom_free(p);
    IS(waiting(), 16, "a free span waits");
    char *q = allocate(14);
    OK(q != p && gom_usable_size(q) == 14 * PAGE, "not for a block that is more than 1/8 shorter");
    char *longer = allocate(17);
    OK(longer != p, "nor for a longer one");
    char *r = gom_calloc(15, PAGE);
    OK(r == p && gom_usable_size(r) == 16 * PAGE, "but for one that needs all but 1/8 of it");
    IS(used(r, 16), 0, "which calloc makes zero, to the end");
    IS(waiting(), 0, "then it waits no more");
    gom_free(q);
    gom_free(r);
    gom_free(longer);
    p = allocate(LONG);
    gom_free(p);
    OK(allocate(LONG) == p, "the longest is one of 64 pages");
    gom_free(p);
    gom_free(allocate(LONG + 1));
    IS(waiting(), LONG, "longer ones do not wait");
    gom_trim(0);
}

/* Small and large blocks, each from spans that were the other's. */
static void test_kinds(void) {
    enum { HALF = PAGE / 2, SMALL = 4 * PAGE }; /* of 32 KiB one is a span, of 4 KiB two */
    gom_trim(0);
    for (unsigned i = 0; i < 9; i++)
        block[i] = gom_malloc(SMALL);
    OK(arena_span((uintptr_t)block[0])->elem_bytes == SMALL, "32 KiB are a slot of a small span");
    for (unsigned i = 0; i < 9; i++)
        gom_free(block[i]); /* some are on the list, the others in the cache */
    OK(waiting() >= 4, "a small span that is free waits, too");
    char *p               = gom_alloc(5 * PAGE - 1, GOM_NOSCAN); /* no small one is that long */
    char *q               = gom_aligned_alloc(PAGE, 5 * PAGE);
    const struct mspan *s = arena_span((uintptr_t)p);
    OK(s->spanclass == 1 && !s->elem_bytes, "a large one beside them");
    gom_free(p);
    gom_free(q);
    OK(waiting() >= 10, "waits as well");
    for (unsigned i = 0; i < 3; i++)
        block[i] = gom_malloc(20480); /* two slots in five pages */
    unsigned reused = 0, wrong = 0;
    for (unsigned i = 0; i < 3; i++) {
        const struct mspan *of = arena_span((uintptr_t)block[i]);
        reused += of->base == (uintptr_t)p || of->base == (uintptr_t)q;
        wrong += of->elem_bytes != 20480 || of->nelems != 2 || of->npages != 5;
        memset(block[i], 0xff, 20480);
    }
    OK(reused && !wrong, "and becomes one of two slots");
    for (unsigned i = 0; i < 3; i++)
        gom_free(block[i]);
    gom_trim(0);
    IS(now().heap_inuse, 0, "all of it goes back");
    block[0] = gom_malloc(HALF);
    gom_free(block[0]);
    gom_trim(0);
    IS(now().mspan_inuse, 0, "and no descriptor is lost");
}

static void free_twice(void) {
    char *p = allocate(9);
    gom_free(p);
    gom_free(p);
}

static void resize_freed(void) {
    char *p = allocate(9);
    gom_free(p);
    block[0] = gom_realloc(p, 11 * PAGE);
}

static void free_slot_twice(void) {
    gom_trim(0);
    for (unsigned i = 0; i < 9; i++)
        block[i] = gom_malloc(4 * PAGE);
    for (unsigned i = 0; i < 4; i++) /* no burst */
        gom_free(block[i]);
    gom_free(block[2]); /* it went to its span, which waits */
}

static void test_bad(void) {
    OK(WIFSIGNALED(status_of(free_twice)), "a second free of a block that waits ends the process");
    OK(WIFSIGNALED(status_of(resize_freed)), "so does a realloc of it");
    OK(WIFSIGNALED(status_of(free_slot_twice)), "and a free of a small block whose span waits");
}

/* --- how many --- */

static void test_room(void) {
    enum { PAGES = 8 };
    gom_trim(0);
    fill(MANY, PAGES); /* 16 MiB: room for 1 of them */
    const size_t most = empty_slowly(MANY);
    OK(most <= MANY * PAGES / SPANCACHE_SHARE, "no more than 1/16 of a heap waits: %zu pages",
       most);
    OK(most > SPANCACHE_LEAST, "but more than of a small one");
    OK(waiting() <= SPANCACHE_LEAST * 2, "and less when it is smaller again: %zu", waiting());
    IS(now().heap_inuse, 0, "what waits is idle");
    gom_trim(0);
    fill(MANY, 6);
    empty(MANY);
    OK(waiting() <= MANY * 6 / SPANCACHE_SHARE, "the same of a heap of 12 MiB");
    gom_trim(0);
    IS(waiting(), 0, "after a trim nothing waits");
    IS(now().heap_idle - now().heap_released, 0, "and nothing is resident");
}

/* Who frees for a long time without a malloc will hardly want all of that at once. */
static void test_burst(void) {
    enum { PAGES = 8, ROOM = SPANCACHE_LEAST / PAGES };
    gom_trim(0);
    fill(MANY / 2, PAGES);
    empty(MANY / 2);
    OK(waiting() <= SPANCACHE_LEAST / SPANCACHE_BURST, "%zu pages stay of a burst of frees",
       waiting());
    fill(ROOM, PAGES);
    empty(ROOM);
    IS(waiting(), SPANCACHE_LEAST, "what is wanted again waits again");
    for (unsigned i = 0; i < SPANCACHE_RUN; i++) {
        fill(ROOM * 5 / 4, PAGES);
        empty(ROOM * 5 / 4);
    }
    OK(waiting() > SPANCACHE_LEAST / 2, "also if each time there is somewhat more: %zu", waiting());
    gom_trim(0);
}

/* Of a heap of a gigabyte, as far as its books say. */
static void test_most(void) {
    enum { PAGES = SPANCACHE_SHORT, FAR = 1 << 17 };
    gom_trim(0);
    char *longer = allocate(PAGES + 1);
    fill(MANY, PAGES);
    atomic_fetch_add(&mheap.inuse_pages, FAR);
    const size_t most = empty_slowly(MANY);
    fill(MANY / 16, PAGES); /* the burst has ended */
    empty(MANY / 16);
    const size_t before = waiting();
    gom_free(longer);
    const size_t after = waiting();
    atomic_fetch_sub(&mheap.inuse_pages, FAR);
    IS(most, SPANCACHE_MOST, "of a big heap wait 2 MiB at most");
    OK(before > SPANCACHE_LEAST && after <= SPANCACHE_LEAST,
       "but 512 KiB when a span of more than 128 KiB comes: %zu pages, then %zu", before, after);
    gom_trim(0);
}

static void *sleep_here(void *barrier) {
    gom_free(gom_malloc(8));
    pthread_barrier_wait(barrier);
    pthread_barrier_wait(barrier);
    return NULL;
}

static void test_threads_share(void) {
    enum { THREADS = 3, PAGES = 16 };
    pthread_t thread[THREADS];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    gom_trim(0);
    fill(MANY, PAGES);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, sleep_here, &barrier);
    pthread_barrier_wait(&barrier);
    const size_t most = empty_slowly(MANY);
    OK(most <= MANY * PAGES / SPANCACHE_SHARE / (THREADS + 1), "threads share the room: %zu", most);
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    pthread_barrier_destroy(&barrier);
}

/* --- back --- */

/* What waits goes back before fresh memory is taken. */
static void test_fresh(void) {
    enum { BLOCKS = 8, PAGES = 8 };
    gom_trim(0);
    gom_free(allocate(PAGES));
    char *again = gom_calloc(PAGES, PAGE);
    IS(used(again, PAGES), 0, "what was fresh when it came is not zero when it comes again");
    gom_free(again);
    gom_trim(0);
    fill(BLOCKS, PAGES);
    const size_t released = now().heap_released, sys = now().heap_sys;
    empty(BLOCKS);
    IS(waiting(), BLOCKS * PAGES, "blocks wait");
    char *p = gom_malloc(BLOCKS * PAGES * PAGE);
    OK(now().heap_released == released && now().heap_sys == sys,
       "a block as long as all of them takes no fresh memory");
    gom_free(p);
    gom_trim(0);
    fill(1, PAGES);
    empty(1);
    p = gom_malloc((LONG + 1) * PAGE);
    OK(p == block[0], "a longer one begins with what waits");
    gom_free(p);
    gom_trim(0);
}

/* A huge block is a mapping of its own, though the heap has as many resident pages in a row. */
static void test_huge(void) {
    enum { BLOCKS = 3, PAGES = 3000 };
    gom_trim(0);
    for (unsigned i = 0; i < BLOCKS; i++)
        block[i] = gom_malloc((size_t)PAGES * PAGE);
    char *p = allocate(8);
    empty(BLOCKS);
    gom_free(p);
    p = gom_malloc((size_t)HUGE_PAGES * PAGE);
    OK(p != block[0], "a huge block comes from the system");
    gom_free(p);
    gom_trim(0);
}

/* Beside free pages it is of use to what grows next; its length will hardly be wanted again. */
static void test_outgrown(void) {
    gom_trim(0);
    fill(2, 20); /* the second is in the way of the first */
    char *p = gom_realloc(block[0], 40 * PAGE);
    OK(p != block[0], "a block that grows moves");
    IS(waiting(), 0, "the place that it has outgrown does not wait");
    OK(gom_realloc(p, 9 * PAGE) == p, "what is cut off does not, either");
    IS(waiting(), 0, "for the heap has it");
    gom_free(p);
    gom_free(block[1]);
    IS(waiting(), 29, "what is freed does");
    gom_trim(0);
}

static void *leave_some(void *unused) {
    gom_free(allocate(20));
    gom_free(gom_malloc(32768));
    return unused;
}

static void test_end_of_thread(void) {
    pthread_t thread;
    gom_trim(0);
    const size_t spans = now().mspan_inuse;
    pthread_create(&thread, NULL, leave_some, NULL);
    pthread_join(thread, NULL);
    IS(now().mspan_inuse, spans, "nothing waits for a thread that has ended");
    IS(now().heap_inuse, 0, "and nothing is in use");
    gom_trim(0);
    IS(now().heap_idle - now().heap_released, 0, "nor resident");
}

/* Each length gives back in its turn: none waits for ever. */
static void test_turns(void) {
    enum { OLD = 12, NEW = 5, BLOCKS = 15 }; /* somewhat more than may wait: no burst */
    make_resident(BLOCKS * NEW + OLD);
    gom_free(allocate(OLD));
    for (unsigned i = 0; i < 8; i++) {
        fill(BLOCKS, NEW);
        empty(BLOCKS);
    }
    OK(mcache_current->spans.first[OLD - 1] == NULL, "a length that nobody wants goes back");
    gom_trim(0);
}

int main(void) {
    if (HARDENED) {
        tap_skip("free spans that wait",
                 "in the hardened build slots and spans wait elsewhere first");
        return tap_done();
    }
    options[OPTION_SCAVENGE] = SCAVENGE_NEVER;
    gom_free(gom_malloc(8)); /* a cache of its own */
    test_locks();
    test_lengths();
    test_kinds();
    test_bad();
    test_room();
    test_burst();
    test_most();
    test_threads_share();
    test_fresh();
    test_huge();
    test_outgrown();
    test_end_of_thread();
    test_turns();
    return tap_done();
}
