/* What a forked child makes of a thread that stopped at one particular place (fork.c). Each promise
 * has a case, which is the same each time. test_fork_steps.c stops anywhere, and at most places
 * seldom.
 *
 * fixalloc.c, mcentral.c and spancache.c are here once more, with a step where the order of two
 * stores matters. At a step the process forks, as if the thread had stopped there. */
#include "lock.h"

static void step(void);
#define lock_in_order() step()

/* Copies of their own, so that the parts that the test is linked with stay what they are. */
#define fixalloc_alloc        stepped_fixalloc_alloc
#define fixalloc_alloc_as_is  stepped_fixalloc_alloc_as_is
#define fixalloc_free         stepped_fixalloc_free
#define fixalloc_alloc_near   stepped_fixalloc_alloc_near
#define fixalloc_free_near    stepped_fixalloc_free_near
#define fixalloc_flush        stepped_fixalloc_flush
#define fixalloc_trim         stepped_fixalloc_trim
#define fixalloc_memory       stepped_fixalloc_memory
#define fixalloc_after_fork   stepped_fixalloc_after_fork
#define mcentrals             stepped_mcentrals
#define mcentral_take         stepped_mcentral_take
#define mcentral_push         stepped_mcentral_push
#define mcentral_remove       stepped_mcentral_remove
#define mcentral_uncache      stepped_mcentral_uncache
#define mcentral_after_fork   stepped_mcentral_after_fork
#define spancache_alloc_large stepped_spancache_alloc_large
#define spancache_alloc_small stepped_spancache_alloc_small
#define spancache_free        stepped_spancache_free
#define spancache_flush       stepped_spancache_flush
#define spancache_audit       stepped_spancache_audit

#include "fixalloc.c" // NOLINT(bugprone-suspicious-include)
#include "mcentral.c" // NOLINT(bugprone-suspicious-include)
#undef fixalloc_alloc_near
#undef fixalloc_free_near
void *fixalloc_alloc_near(struct fixalloc *, struct fixalloc_spares *);
void fixalloc_free_near(struct fixalloc *, struct fixalloc_spares *, void *memory);
#include "spancache.c" // NOLINT(bugprone-suspicious-include): its descriptors are the heap's

#include "gomalloc.h"
#include "mcache.h"
#include "mheap.h"
#include "options.h"
#include "tap.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
static void step(void) {
}

int main(void) {
    tap_skip("what a forked child finds",
             "ThreadSanitizer does not let the child of a process with threads go on");
    return tap_done();
}
#else

enum { PATIENCE_S = 20, SIZE = 1000, LARGE = 1 << 20, SPAN = 100000, BLOCKS = 100, PAGES = 5 };

static void (*at_step)(void);

static void step(void) {
    if (at_step)
        at_step();
}

/* Of a thread that is not there. */
static uint64_t somebody;

static void hold(struct lock *l) {
    atomic_store(&l->word, (uintptr_t)&somebody);
}

/* 0 if the child finds all as it should. */
static int status_of_child(bool (*is_good)(void)) {
    int status = -1;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        alarm(PATIENCE_S);
        _exit(!is_good());
    }
    waitpid(pid, &status, 0);
    return status;
}

/* --- another thread, which has done something and waits --- */

static atomic_int turn;
static struct mcache *others;
static uint32_t version;

static void wait_for(int which) {
    while (atomic_load(&turn) < which)
        sched_yield();
}

struct work {
    void (*begin)(void);
    void (*end)(void); /* in the parent; may be NULL */
    bool late;         /* when the thread has no cache of its own any more */
};

/* Its destructor comes after that of the caches' key, which was made first. */
static pthread_key_t late;

static void stop(const struct work *work) {
    work->begin();
    atomic_fetch_add(&turn, 1);
    wait_for(2);
    if (work->end)
        work->end();
}

static void *stop_there(void *argument) {
    const struct work *work = argument;
    gom_free(gom_malloc(SIZE));
    others = mcache_current;
    if (work->late)
        pthread_setspecific(late, work);
    else
        stop(work);
    return NULL;
}

static void stop_late(void *work) {
    stop(work);
}

static int status_of_work(struct work work, bool (*is_good)(void)) {
    pthread_t thread;
    atomic_store(&turn, 0);
    if (pthread_create(&thread, NULL, stop_there, &work) != 0)
        return -1;
    wait_for(1);
    const int status = status_of_child(is_good);
    atomic_store(&turn, 2);
    pthread_join(thread, NULL);
    return status;
}

static int status_beside(void (*begin)(void), void (*end)(void), bool (*is_good)(void)) {
    return status_of_work((struct work){begin, end, false}, is_good);
}

static struct gom_memstats trimmed(void) {
    struct gom_memstats m;
    for (unsigned i = 0; i < 2; i++) /* each time by the slow path */
        gom_free(gom_malloc(LARGE));
    gom_trim(0);
    gom_memstats(&m);
    return m;
}

/* All pages are free that are in no span. */
static bool no_page_is_lost(void) {
    const struct gom_memstats m = trimmed();
    return mheap.sys_pages - mheap.pages.free_pages == (m.heap_inuse + m.stack_inuse) / PAGE_BYTES;
}

static void fill_list(void) {
    void *block[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++)
        block[i] = gom_malloc(SIZE);
    for (unsigned i = 0; i < BLOCKS; i++)
        gom_free(block[i]);
}

static bool nothing_is_in_use(void) {
    return trimmed().heap_inuse == 0;
}

/* Free spans of both kinds; the numbers beside the lists are as if the last store had been to one.
 */
static void keep_spans(void) {
    void *block[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++)
        block[i] = gom_malloc(i % 2 ? SPAN : 32768);
    for (unsigned i = 0; i < BLOCKS; i++)
        gom_free(block[i]);
    others->spans.pages = 0;
    others->spans.some  = 0;
}

static void count_spans(void) {
    spancache_audit(&others->spans);
}

static bool no_span_is_lost(void) {
    return nothing_is_in_use() && no_page_is_lost();
}

static void begin_renewal(void) {
    version = mcache_begin_renewal(others, 2 * size_to_class(SIZE));
}

static void end_renewal(void) {
    mcache_end_renewal(others, 2 * size_to_class(SIZE), version);
}

static bool renewal_has_ended(void) {
    return atomic_load(&others->of[2 * size_to_class(SIZE)].version) % 2 == 0 &&
           nothing_is_in_use();
}

/* In the middle of a move to another array: the list has its new top, and no capacity. */
static void *array[] = {NULL, &version, &version, &version};
static struct freelist before;

static void begin_move(void) {
    begin_renewal();
    struct freelist *l = &others->list[2 * size_to_class(SIZE)];
    before             = *l;
    l->top             = &array[3];
    l->capacity        = 0;
}

static void end_move(void) {
    others->list[2 * size_to_class(SIZE)] = before;
    end_renewal();
}

/* Not more is lost than the list had, of one span. */
static bool list_is_forgotten(void) {
    const struct gom_memstats m = trimmed();
    fill_list();
    return m.heap_objects < BLOCKS && m.heap_inuse <= SPAN_MAX_PAGES * PAGE_BYTES;
}

/* In the middle of taking pages: they are marked, and the number is not right yet. */
static void begin_taking_pages(void) {
    lock_acquire(&mheap.lock);
    mheap.pages.free_pages -= PAGES;
}

static void end_taking_pages(void) {
    mheap.pages.free_pages += PAGES;
    lock_release(&mheap.lock);
}

static bool pages_are_mended(void) {
    return atomic_load(&mheap.lock.word) == 0 && no_page_is_lost();
}

static void begin_scavenging(void) {
    size_t scavenged;
    lock_acquire(&mheap.lock);
    mheap.away[0] =
        (struct away){lock_me(), pagealloc_alloc(&mheap.pages, PAGES, &scavenged), PAGES};
    lock_release(&mheap.lock);
}

static void end_scavenging(void) {
    pagealloc_free(&mheap.pages, mheap.away[0].base, PAGES, false);
    mheap.away[0].owner = 0;
}

static bool pages_come_back(void) {
    return no_page_is_lost() && mheap.away[0].owner == 0;
}

/* The cache of those that have none of their own is taking a block of pages: it knows which are
 * free, but not where. */
static void begin_taking_a_block(void) {
    others = mcache_enter();
    mheap_flush_cache(&others->pages);
    others->pages.free = UINT64_MAX;
}

static void end_taking_a_block(void) {
    others->pages.free = 0;
    mcache_leave(others);
}

static void allocate_late(void) {
    for (size_t n = 16; n <= SIZE_MAX_SMALL; n *= 2)
        gom_free(memset(gom_malloc(n), 1, n));
}

/* The child uses that cache, too. */
static bool block_is_forgotten(void) {
    struct work work = {allocate_late, NULL, true};
    pthread_t thread;
    atomic_store(&turn, 1);
    return pthread_create(&thread, NULL, stop_there, &work) == 0 && pthread_join(thread, NULL) == 0;
}

static void test_other_thread(void) {
    gom_free(gom_malloc(LARGE)); /* the heap has pages */
    pthread_key_create(&late, stop_late);
    IS(status_of_work((struct work){begin_taking_a_block, end_taking_a_block, true},
                      block_is_forgotten),
       0, "pages without an address, in the cache that threads share, are forgotten");
    IS(status_beside(fill_list, NULL, nothing_is_in_use), 0,
       "what another thread's lists held comes back");
    IS(status_beside(keep_spans, count_spans, no_span_is_lost), 0,
       "and its free spans, whatever it counted");
    IS(status_beside(begin_renewal, end_renewal, renewal_has_ended), 0,
       "no reader of statistics waits for a thread that is not there");
    IS(status_beside(begin_move, end_move, list_is_forgotten), 0,
       "a list on its way to another array is forgotten");
    IS(status_beside(begin_taking_pages, end_taking_pages, pages_are_mended), 0,
       "a lock that another thread held is open, and the numbers of pages are right");
    IS(status_beside(begin_scavenging, end_scavenging, pages_come_back), 0,
       "pages that another thread was giving back come back");
}

/* --- this thread --- */

static bool lock_is_held(void) {
    const bool held = lock_is_mine(&mheap.lock);
    lock_release(&mheap.lock);
    return held && nothing_is_in_use();
}

static void test_own_lock(void) {
    lock_acquire(&mheap.lock);
    const int status = status_of_child(lock_is_held);
    lock_release(&mheap.lock);
    IS(status, 0, "a lock that the forking thread holds stays held");
}

/* --- in the middle of a change --- */

enum { OBJECTS = 20, OBJECT = 64 };

static struct fixalloc objects = FIXALLOC(OBJECT);
static struct fixalloc_spares own; /* of these */
static unsigned char *object[OBJECTS];
static unsigned steps;
static int worst; /* status of the children at each step */

/* The objects that are handed out next are none of those that are alive. */
static bool objects_are_whole(void) {
    hold(&objects.lock);
    fixalloc_after_fork(&objects);
    if (atomic_load(&objects.lock.word) != 0)
        return false;
    for (unsigned i = 0; i < 3 * OBJECTS; i++) {
        unsigned char *p = stepped_fixalloc_alloc_near(&objects, &own);
        if ((uintptr_t)p % OBJECT || (((uintptr_t)p ^ (uintptr_t)object[0]) >= FIXALLOC_REGION))
            return false;
        memset(p, 1, OBJECT);
    }
    for (unsigned i = 0; i < OBJECTS; i++)
        if (object[i] && (object[i][0] != 0x5a || object[i][OBJECT - 1] != 0x5a))
            return false;
    return true;
}

static void fork_at_step(bool (*is_good)(void)) {
    void (*again)(void) = at_step;
    at_step             = NULL; /* not in the child */
    worst               = worst ? worst : status_of_child(is_good);
    at_step             = again;
    steps++;
}

static void look_at_objects(void) {
    fork_at_step(objects_are_whole);
}

static void test_objects(void) {
    for (unsigned i = 0; i < OBJECTS; i++)
        // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): there is memory
        memset(object[i] = stepped_fixalloc_alloc(&objects), 0x5a, OBJECT);
    steps = 0;
    worst = 0;
    for (unsigned i = 1; i < OBJECTS; i += 3) {
        void *freed = object[i];
        object[i]   = NULL;
        at_step     = look_at_objects;
        stepped_fixalloc_free(&objects, freed);
        at_step = NULL;
    }
    OK(worst == 0 && steps > 0, "an object that is being freed: the chain is whole, at %u steps",
       steps);
    steps = 0;
    for (unsigned i = 2; i < OBJECTS; i += 3) {
        void *freed = object[i];
        object[i]   = NULL;
        at_step     = look_at_objects;
        stepped_fixalloc_free_near(&objects, &own, freed);
        at_step = NULL;
    }
    IS(own.first->count, OBJECTS / 3, "the thread has them to spare");
    at_step   = look_at_objects;
    object[2] = stepped_fixalloc_alloc_near(&objects, &own);
    at_step   = NULL;
    OK(worst == 0 && steps > OBJECTS / 3, "a spare object comes and goes: the chain is whole, too");
}

/* --- lists of spans --- */

enum { SPANS = 4, CLASS = 10 };
static struct mspan *spans[SPANS];

static bool is_listed(const struct mspan *s) {
    for (const struct mspan *on = mcentrals[s->spanclass].partial[s->home].first; on; on = on->next)
        if (on == s)
            return true;
    return false;
}

/* No PARTIAL span is on no list, and none is lost or twice on one when the list is mended. */
static bool spans_are_listed(void) {
    const struct partial *list = &mcentrals[CLASS].partial[0];
    unsigned listed            = 0;
    for (unsigned i = 0; i < SPANS; i++) {
        if (spans[i] && span_state(spans[i]->word) == SPAN_PARTIAL && !is_listed(spans[i]))
            return false;
        listed += spans[i] && is_listed(spans[i]);
    }
    hold(&mcentrals[CLASS].lock);
    mcentral_after_fork();
    if (atomic_load(&mcentrals[CLASS].lock.word) != 0 || list->count != listed)
        return false;
    for (const struct mspan *s = list->last; s; s = s->previous, listed--)
        if (span_state(s->word) != SPAN_PARTIAL)
            return false;
    return listed == 0;
}

static void look_at_spans(void) {
    fork_at_step(spans_are_listed);
}

static void test_spans(void) {
    steps = 0;
    worst = 0;
    for (unsigned i = 0; i < SPANS; i++) {
        void *taken[3];
        spans[i] = calloc(1, mspan_bytes(SPAN_MANY_WORDS));
        mspan_init(spans[i], (uintptr_t)calloc(1, (size_t)SPAN_MAX_PAGES * PAGE_BYTES), CLASS,
                   true);
        mspan_take(spans[i], 3, taken);
    }
    at_step = look_at_spans;
    for (unsigned i = 0; i < SPANS; i++)
        mcentral_uncache(spans[i]);
    at_step = NULL;
    OK(worst == 0 && steps >= SPANS, "a span on its way to its list is on it before others know");

    struct partial *list = &mcentrals[CLASS].partial[0];
    list->count          = 0;
    list->last           = spans[1];
    spans[2]->previous   = NULL;
    IS(status_of_child(spans_are_listed), 0, "a list is mended from its links forward");
    for (unsigned i = 0; i < SPANS; i++) {
        free(os_pointer(spans[i]->base));
        free(spans[i]);
    }
}

/* --- free spans on their way back --- */

enum { WAITING = 12, LENGTH = 3 };
static struct spancache kept;
static size_t uncounted_before;

/* Pages that are used, and not counted as in use. */
static size_t uncounted(void) {
    return mheap.sys_pages - mheap.pages.free_pages - atomic_load(&mheap.inuse_pages);
}

/* No page is free and counted as in use, and no more than one span is lost. */
static bool pages_are_counted(void) {
    hold(&mheap.lock);
    mheap_after_fork();
    return uncounted() - uncounted_before <= LENGTH;
}

static void look_at_pages(void) {
    fork_at_step(pages_are_counted);
}

static void test_spans_going_back(void) {
    steps = 0;
    worst = 0;
    for (unsigned i = 0; i < WAITING; i++)
        spancache_free(&kept, mheap_alloc_large(NULL, LENGTH, 1, SPAN_LARGE, false, NULL));
    uncounted_before = uncounted();
    at_step          = look_at_pages;
    spancache_flush(&kept);
    at_step = NULL;
    OK(worst == 0 && steps >= 2 * WAITING,
       "free spans go back: none is free and counted as in use, at %u steps", steps);
}

int main(void) {
    /* A helper would note pages that it gives back where this file plays such a thread. */
    options[OPTION_SCAVENGE] = SCAVENGE_BY_AND_BY;
    test_own_lock();
    test_other_thread();
    test_objects();
    test_spans();
    test_spans_going_back();
    return tap_done();
}
#endif
